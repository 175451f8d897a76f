//! One run of the real program in a folder of its own, an app behind it that records what reaches it, and raw
//! requests from any loopback address.
//!
//! Nothing here sleeps and nothing guesses a port: the port is read from what the program prints, and its whole
//! output is there once it has ended.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use innkeeper::config::DEFAULT_YAML;
use serde_json::{Map, Value, json};
use socket2::{Domain, Socket, Type};

/// Nothing that works takes as long.
const PATIENCE: Duration = Duration::from_mins(1);

/// The last line of a start.
const STARTED: &str = "Who may come in: ";

/// The folder of one server: `config.yaml`, and what lies beside it.
pub struct Place {
    folder: tempfile::TempDir,
}

/// What there is in a folder before the start.
pub struct Furnishing<'a> {
    /// What goes over the defaults, first to last: lists replace, maps merge.
    pub config: &'a [&'a Value],
    pub whitelist_txt: Option<&'a str>,
    /// The data folder holds the accounts of `accounts/`.
    pub accounts: bool,
}

impl Place {
    pub fn furnished(furnishing: &Furnishing<'_>) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let mut config: Value = serde_yaml::from_str(DEFAULT_YAML).unwrap();
        // What stays are the settings that are SillyTavern's, with its defaults.
        config.as_object_mut().unwrap().remove("innkeeper").unwrap();
        for over in furnishing.config {
            merge(&mut config, over);
        }
        // JSON is YAML, so each setting stands on a line of its own.
        let lines = config.as_object().unwrap().iter().map(|(key, value)| format!("{key}: {value}\n"));
        fs::write(place.config(), lines.collect::<String>()).unwrap();
        if let Some(text) = furnishing.whitelist_txt {
            fs::write(place.path("whitelist.txt"), text).unwrap();
        }
        if furnishing.accounts {
            let storage = place.path("data/_storage");
            fs::create_dir_all(&storage).unwrap();
            for entry in fs::read_dir("tests/conformance/accounts/_storage").unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), storage.join(entry.file_name())).unwrap();
            }
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("config.yaml")
    }

    /// `text` without this folder's path, which is another one each time.
    pub fn shortened(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// Starts the program on this folder's settings, from the folder `from`, and waits until it listens or ends.
    pub fn start(&self, from: &Path, env: &Value, args: &[String]) -> Start {
        let (reader, writer) = io::pipe().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
        command.arg("serve").arg("--config").arg(self.config()).args(args).current_dir(from).env_clear();
        for (name, value) in env.as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        // One pipe for both, so that the lines come in the order in which they were written.
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut process = Process { child: command.spawn().unwrap(), lines: lines(reader) };
        // Its ends of the pipe: without them the last line would never be known to be the last.
        drop(command);
        let mut said = Vec::new();
        loop {
            match process.lines.recv_timeout(PATIENCE) {
                Ok(line) => said.push(self.shortened(&line)),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let code = process.child.wait().unwrap().code();
                    return Start::Refused { code, said };
                }
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("neither started nor ended: {said:#?}"),
            }
            if said.last().is_some_and(|line| line.starts_with(STARTED)) {
                return Start::Up(Server { process, said });
            }
        }
    }
}

/// What became of a start.
pub enum Start {
    /// It listens.
    Up(Server),
    /// It ended.
    Refused { code: Option<i32>, said: Vec<String> },
}

/// A running server.
pub struct Server {
    process: Process,
    /// What it said at its start, line by line.
    pub said: Vec<String>,
}

impl Server {
    /// The addresses that it says it listens on: `IPv4: 127.0.0.1:8000`.
    pub fn listening(&self) -> Vec<&str> {
        self.said.iter().filter_map(|line| line.strip_prefix("Innkeeper is listening on ")).collect()
    }

    pub fn port(&self) -> u16 {
        self.listening()[0].rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.child.try_wait().unwrap().is_none()
    }

    /// Ends it as a service manager does, which writes everything out; answers what it said since its start.
    pub fn stop(mut self) -> Vec<String> {
        let pid = self.process.child.id().to_string();
        let asked = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status().unwrap();
        assert!(asked.success());
        let mut said = Vec::new();
        loop {
            match self.process.lines.recv_timeout(PATIENCE) {
                Ok(line) => said.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end: {said:#?}"),
            }
        }
        assert_eq!(self.process.child.wait().unwrap().code(), Some(0), "{said:#?}");
        said.pop_if(|line| line.starts_with("stopping: "));
        said
    }
}

/// A child that does not outlive its test.
struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(reader: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Lists replace, maps merge.
fn merge(config: &mut Value, over: &Value) {
    let (Value::Object(config), Value::Object(over)) = (&mut *config, over) else {
        *config = over.clone();
        return;
    };
    for (key, value) in over {
        match config.get_mut(key) {
            Some(below @ Value::Object(_)) => merge(below, value),
            _ => drop(config.insert(key.clone(), value.clone())),
        }
    }
}

/// An app that answers every request with 200 and remembers it.
pub struct App {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Seen>>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A request as the app got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Method, target and version, as they were written.
    pub line: String,
    pub body: Vec<u8>,
}

impl App {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Seen>>>::default();
        let ending = Arc::new(AtomicBool::new(false));
        let (seen, end) = (Arc::clone(&requests), Arc::clone(&ending));
        let thread = thread::spawn(move || {
            for connection in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let seen = Arc::clone(&seen);
                let connection = connection.unwrap();
                // It ends with the server in front of it.
                thread::spawn(move || drop(answer(&connection, &seen)));
            }
        });
        Self { address, requests, ending, thread: Some(thread) }
    }

    /// The settings that put it behind the server.
    pub fn setting(&self) -> Value {
        json!({"innkeeper": {"upstream": format!("http://{}", self.address)}})
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

fn answer(connection: &TcpStream, seen: &Mutex<Vec<Seen>>) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            // Some headers are no UTF-8.
            let mut field = Vec::new();
            reader.read_until(b'\n', &mut field)?;
            let field = String::from_utf8_lossy(&field).trim_end().to_ascii_lowercase();
            if field.is_empty() {
                break;
            }
            length =
                field.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        seen.lock().unwrap().push(Seen { line: line.trim_end().to_owned(), body });
        (&mut &*connection).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

/// What came back for a request.
#[derive(Debug)]
pub enum Reply {
    /// Nobody listens there.
    Refused,
    /// The connection was closed without a word.
    Closed,
    Answer(Answer),
    /// Something that is not HTTP.
    Foreign(#[expect(dead_code, reason = "for the report of a test that has failed")] Vec<u8>),
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The value of the header called `name`, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Self { status, headers: headers.collect(), body: body.to_owned() }
    }
}

/// Sends `bytes` from the address `from` to `to` on a connection of their own, and reads until it is closed.
pub fn send(from: IpAddr, to: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = match connect(from, to) {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Reply::Refused,
        Err(error) => panic!("{from} to {to}: {error}"),
    };
    // Who is refused may find the door shut before everything is said.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        _ if answer.starts_with(b"HTTP/") => Reply::Answer(Answer::parse(&answer)),
        _ if !answer.is_empty() => Reply::Foreign(answer),
        Ok(_) => Reply::Closed,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Reply::Closed,
        Err(error) => panic!("{from} to {to}: {error}"),
    }
}

pub fn connect(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect(&to.into())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Does `work` for each of `items`, some at a time; the results are in order.
pub fn all<'a, Item: Sync, Result: Send>(
    items: &'a [Item],
    work: impl Fn(&'a Item) -> Result + Sync,
) -> Vec<Result> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((number, item)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    items.get(number).map(|item| (number, item))
                } {
                    let result = work(item);
                    results.lock().unwrap().push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Whether this machine has the loopback address of IPv6; some containers have none.
pub fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

/// One of the files in `tests/conformance`.
pub fn data(name: &str) -> Map<String, Value> {
    let text = fs::read_to_string(format!("tests/conformance/{name}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}
