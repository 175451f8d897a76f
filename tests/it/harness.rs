//! What the tests of the running server need: the real binary, an application behind it that records every byte, and
//! a client that sends raw ones.
//!
//! Nothing here waits for time to pass. Every wait is for an event and ends after [`PATIENCE`] with a panic.

pub mod app;
pub mod client;
pub mod folder;
pub mod tls;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output as Outcome, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// After so long an event that has to come will not.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Reads once, for as long as it takes. A read with a time limit fails on Linux when the process was stopped and goes
/// on (signal(7), "Interruption of system calls"), as it does on a machine that puts its work to rest: nothing has
/// happened to the connection then, although whoever waits for a slow answer might believe it cut.
pub fn read(stream: &mut (impl Read + ?Sized), piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// What a stream of the server has said so far.
#[derive(Clone, Default)]
struct Output(Arc<(Mutex<String>, Condvar)>);

impl Output {
    fn follow(&self, mut stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let this = self.clone();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = read(&mut stream, &mut piece) {
                this.0.0.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..count]));
                this.0.1.notify_all();
            }
        })
    }

    fn text(&self) -> String {
        // A wait that failed has poisoned it, and its test still wants to be told.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `what` can be found in the text.
    fn wait<T>(&self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut text = self.0.0.lock().unwrap();
        loop {
            if let Some(found) = find(&text) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the server did not say {what}; it said:\n{text}");
            text = self.0.1.wait_timeout(text, left).unwrap().0;
        }
    }
}

/// A running server; killed when it is dropped.
pub struct Innkeeper {
    child: Child,
    /// Where its settings lie; kept until it has ended.
    folder: TempDir,
    stdout: Output,
    stderr: Output,
    /// Who reads the two, until it has said its last.
    readers: Vec<JoinHandle<()>>,
    /// The port it listens on, on 127.0.0.1.
    pub port: u16,
}

/// A server that has ended by itself.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Innkeeper {
    /// A server with these settings: `top` stands at the top level, `own` under `innkeeper:`, without indentation.
    pub fn start(top: &str, own: &str) -> Self {
        Self::start_with(top, own, &[])
    }

    /// The same, with further files in its folder.
    pub fn start_with(top: &str, own: &str, files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self::start_in(folder, top, own)
    }

    /// The same, in a folder that is furnished already.
    pub fn start_in(folder: TempDir, top: &str, own: &str) -> Self {
        let command = command(folder.path());
        Self::start_by(command, folder, top, own)
    }

    /// The same, where `command serve` starts it.
    pub fn start_by(mut command: Command, folder: TempDir, top: &str, own: &str) -> Self {
        fs::write(folder.path().join("config.yaml"), settings(top, own)).unwrap();
        let mut child = command
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, stderr) = (Output::default(), Output::default());
        let readers =
            vec![stdout.follow(child.stdout.take().unwrap()), stderr.follow(child.stderr.take().unwrap())];
        let mut server = Self { child, folder, stdout, stderr, readers, port: 0 };
        server.port = server.stdout.wait("where it listens", |text| {
            let (_, rest) = text.split_once("Innkeeper is listening on IPv4: ")?;
            let (address, _) = rest.split_once('\n')?;
            address.rsplit_once(':')?.1.parse().ok()
        });
        // The last line of the start: from here on it serves.
        server.says("Who may come in: ");
        server
    }

    /// A server in front of the application at `upstream`, with the default settings.
    pub fn before(upstream: &str) -> Self {
        Self::start("", &format!("upstream: {upstream}"))
    }

    /// Waits until stdout holds `text`.
    pub fn says(&self, text: &str) {
        self.stdout.wait(text, |said| said.contains(text).then_some(()));
    }

    /// Waits until stdout holds `text` so many times.
    pub fn says_times(&self, text: &str, times: usize) {
        let what = format!("{text} ({times} times)");
        self.stdout.wait(&what, |said| (said.matches(text).count() >= times).then_some(()));
    }

    /// Waits until stderr holds `text`.
    pub fn complains(&self, text: &str) {
        self.stderr.wait(text, |said| said.contains(text).then_some(()));
    }

    /// Where `name` lies in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether stdout or stderr holds `text` by now.
    pub fn said(&self, text: &str) -> bool {
        self.stdout.text().contains(text) || self.stderr.text().contains(text)
    }

    /// `innkeeper …` in its folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.folder.path());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Writes a file in its folder.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Runs another command in its folder, which must succeed.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let output = command(self.folder.path()).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Removes a file of its folder.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory in KiB, where the system tells.
    pub fn resident_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Waits until it has ended.
    pub fn ended(mut self) -> Ended {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            // The standard library can only wait for ever or not at all.
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "the server does not end");
            thread::sleep(Duration::from_millis(5));
        };
        self.hear_out();
        Ended { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    /// Waits until all it said before it ended was read.
    fn hear_out(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }

    /// Asks it to stop, and waits until it has. It must do so without a fuss.
    pub fn stop(self) -> Ended {
        self.signal("TERM");
        let ended = self.ended();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        ended
    }
}

impl Drop for Innkeeper {
    fn drop(&mut self) {
        // A server that somebody else has ended answers nobody.
        let ended = self.child.try_wait().ok().flatten();
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.hear_out();
        let complaints = self.stderr.text();
        if thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the report of a test that has failed")]
            {
                eprintln!("--- the server said:\n{}\n--- and on stderr:\n{complaints}", self.stdout.text());
                if let Some(status) = ended {
                    eprintln!("--- and had ended before the test: {status}");
                }
            }
        } else {
            assert!(!complaints.contains("panicked"), "{complaints}");
        }
    }
}

/// The binary, to be run in `folder` with nothing in its environment that sets anything.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// The text of a settings file.
pub fn settings(top: &str, own: &str) -> String {
    let own = own.replace('\n', "\n  ");
    let section = if own.is_empty() { String::new() } else { format!("innkeeper:\n  {own}\n") };
    let port = if top.contains("port: ") { "" } else { "port: 0\n" };
    // What holds in a container and what does not shall be tested alike.
    format!("{port}whitelistDockerHosts: false\n{top}\n{section}")
}

/// A file of the conformance data.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(name)
}

/// SillyTavern's accounts, as the files of a server whose `dataRoot` is `data`.
pub fn account_records() -> Vec<(String, Vec<u8>)> {
    let records = fs::read_dir(data("accounts/_storage")).unwrap().map(|record| record.unwrap());
    let name = |record: &fs::DirEntry| format!("data/_storage/{}", record.file_name().display());
    records.map(|record| (name(&record), fs::read(record.path()).unwrap())).collect()
}

#[test]
fn a_read_that_was_interrupted_is_no_end() {
    /// Interrupted twice, then there.
    struct Stopped(usize);
    impl Read for Stopped {
        fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            if self.0 < 3 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            piece[0] = b'x';
            Ok(1)
        }
    }
    assert_eq!(read(&mut Stopped(0), &mut [0; 8]).unwrap(), 1);
}
