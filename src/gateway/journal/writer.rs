//! The thread behind the journal: the only one that waits for a terminal or a disk.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use super::Level;
use crate::error::Error;
use crate::record::AccessLine;
use crate::ui;

/// How many entries wait at most.
pub(super) const QUEUE: usize = 4096;

/// Something to write.
#[derive(Debug)]
pub(super) enum Entry {
    Say(Saying),
    Access(AccessLine),
}

/// One thing to say on the console; several lines of one thing stay together.
#[derive(Debug)]
pub(super) enum Saying {
    Info(String),
    Notice(String),
    Warning(String),
    Error(Error),
}

impl Saying {
    /// Says it where SillyTavern does: information to stdout, everything else to stderr.
    pub(super) fn print(self) {
        match self {
            Self::Info(text) => ui::line(&text),
            Self::Notice(text) => ui::notice(&text),
            Self::Warning(text) => ui::warning(&text),
            Self::Error(error) => ui::error(&error),
        }
    }

    pub(super) const fn level(&self) -> Level {
        match self {
            Self::Info(_) => Level::Info,
            Self::Notice(_) | Self::Warning(_) => Level::Warning,
            Self::Error(_) => Level::Error,
        }
    }
}

/// Where the console lines go.
pub(super) type Console = Box<dyn FnMut(Saying) + Send>;

/// Writes what comes out of the queue until nobody can put anything in any more.
pub(super) struct Writer {
    pub(super) console: Console,
    pub(super) min_level: Level,
    pub(super) access_log: Option<AccessLog>,
    /// How many entries found the queue full.
    pub(super) dropped: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn run(mut self, queue: &Receiver<Entry>) {
        while let Ok(entry) = queue.recv() {
            self.write(entry);
            // What waits already goes to the file in one piece.
            queue.try_iter().take(QUEUE).for_each(|entry| self.write(entry));
            self.flush();
        }
    }

    fn write(&mut self, entry: Entry) {
        match entry {
            Entry::Say(saying) => self.say(saying),
            Entry::Access(line) => {
                if let Some(log) = &mut self.access_log {
                    log.add(&line);
                }
            }
        }
    }

    fn flush(&mut self) {
        match self.access_log.as_mut().map_or(Flushed::AsBefore, AccessLog::flush) {
            Flushed::AsBefore => {}
            Flushed::Failed(error) => self.say(Saying::Error(error)),
            Flushed::Recovered(text) => self.say(Saying::Notice(text)),
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            self.say(Saying::Warning(format!(
                "{dropped} lines of the console and access.log were lost: they came faster than they could be written"
            )));
        }
    }

    fn say(&mut self, saying: Saying) {
        if saying.level() >= self.min_level {
            (self.console)(saying);
        }
    }
}

/// `access.log`. It is opened for each batch, as SillyTavern does for each line, so it may be moved away,
/// removed or be out of reach for a while.
#[derive(Debug)]
pub(super) struct AccessLog {
    path: PathBuf,
    batch: String,
    health: Health,
    /// The last write ended within a line.
    is_torn: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    Failing {
        /// Lines, since it began.
        lost: usize,
    },
}

/// What became of a batch, as far as somebody has to know.
#[derive(Debug)]
enum Flushed {
    AsBefore,
    Failed(Error),
    Recovered(String),
}

impl AccessLog {
    /// Makes sure that `path` can be written.
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        match append_to(&path) {
            Ok(_) => Ok(Self { path, batch: String::new(), health: Health::Well, is_torn: false }),
            Err(error) => Err(Error::new(format!("cannot write the access log `{}`", path.display()))
                .caused_by(error)
                .hint("name another file under `innkeeper.accessLog`, or write `logging.enableAccessLog: false`")),
        }
    }

    fn add(&mut self, line: &AccessLine) {
        use fmt::Write as _;
        writeln!(self.batch, "{line}").expect("a string takes everything");
    }

    /// Writes the batch. What cannot be written is lost, so that a full disk does not become a full memory.
    fn flush(&mut self) -> Flushed {
        let mut batch = mem::take(&mut self.batch);
        if batch.is_empty() {
            return Flushed::AsBefore;
        }
        let lines = count_lines(batch.as_bytes());
        if self.is_torn {
            batch.insert(0, '\n');
        }
        let (written, result) = match append_to(&self.path) {
            Ok(file) => write_as_far_as_possible(file, batch.as_bytes()),
            Err(error) => (0, Err(error)),
        };
        if let Some(last) = written.checked_sub(1) {
            self.is_torn = batch.as_bytes()[last] != b'\n';
        }
        let lost_now = count_lines(&batch.as_bytes()[written..]).min(lines);
        match (self.health, result) {
            (Health::Well, Ok(())) => Flushed::AsBefore,
            (Health::Well, Err(error)) => {
                self.health = Health::Failing { lost: lost_now };
                Flushed::Failed(
                    Error::new(format!("cannot write the access log `{}`", self.path.display()))
                        .caused_by(error)
                        .hint("serving goes on, and the next line tries again"),
                )
            }
            (Health::Failing { lost }, Err(_)) => {
                self.health = Health::Failing { lost: lost + lost_now };
                Flushed::AsBefore
            }
            (Health::Failing { lost }, Ok(())) => {
                self.health = Health::Well;
                let lines = if lost == 1 { "line was" } else { "lines were" };
                let path = self.path.display();
                Flushed::Recovered(format!("The access log `{path}` is written again; {lost} {lines} lost"))
            }
        }
    }
}

/// Opens `path` for appending. A new file is for its owner only: it tells who visits whom.
fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// How much was written, and what stopped it.
pub(super) fn write_as_far_as_possible(mut file: impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

pub(super) fn count_lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with so many bytes left.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = self.0.min(bytes.len());
            self.0 -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_fills_up_takes_what_fits() {
        let (written, result) = write_as_far_as_possible(Disk(3), b"a\nbc\n");
        assert_eq!((written, result.unwrap_err().kind()), (3, io::ErrorKind::StorageFull));
        assert!(write_as_far_as_possible(Disk(5), b"a\nbc\n").1.is_ok());
    }

    #[test]
    fn a_torn_line_gets_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        std::fs::write(&path, "torn").unwrap();
        let mut log = AccessLog::open(path.clone()).unwrap();
        log.is_torn = true;
        log.add(&"2026-01-31T09:05:00.123Z 127.0.0.1 a".parse().unwrap());
        assert!(matches!(log.flush(), Flushed::AsBefore));
        log.add(&"2026-01-31T09:05:00.124Z 127.0.0.1 b".parse().unwrap());
        assert!(matches!(log.flush(), Flushed::AsBefore));
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "torn\n2026-01-31T09:05:00.123Z 127.0.0.1 a\n2026-01-31T09:05:00.124Z 127.0.0.1 b\n"
        );
    }

    #[test]
    fn a_file_that_was_moved_away_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
        let mut log = AccessLog::open(path.clone()).unwrap();
        log.add(&"2026-01-31T09:05:00.123Z 127.0.0.1 a".parse().unwrap());
        assert!(matches!(log.flush(), Flushed::AsBefore));
        std::fs::rename(&path, &moved).unwrap();
        log.add(&"2026-01-31T09:05:00.124Z 127.0.0.1 b".parse().unwrap());
        assert!(matches!(log.flush(), Flushed::AsBefore));
        assert_eq!(std::fs::read_to_string(moved).unwrap(), "2026-01-31T09:05:00.123Z 127.0.0.1 a\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "2026-01-31T09:05:00.124Z 127.0.0.1 b\n");
    }
}
