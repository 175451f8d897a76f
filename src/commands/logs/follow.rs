//! `-f`: each event as it comes, while the file is renamed, replaced and cut under its name.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::line::Line;
use super::lines::{Batch, Lines, each};
use super::scan::{Flow, Taker};
use crate::error::Error;
use crate::gateway::signals::Signals;

/// How often it looks for more.
const PAUSE: Duration = Duration::from_millis(200);

/// How much of the end of a file is looked at for the last events, in bytes.
const TAIL: u64 = 1 << 20;

/// How many events are shown from before.
pub const LAST: usize = 10;

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the last [`LAST`] that are wanted.
    WithLast,
    /// Behind so many bytes, with everything that is wanted.
    Behind(u64),
}

/// Hands every line that `is_wanted` and is written to the file at `path` from now on to `taker`, until it is `interrupted`
/// or nobody is there any more. A file that is away for a moment is waited for.
///
/// # Errors
/// A file that cannot be read.
pub fn run(
    path: &Path,
    begin: Begin,
    interrupted: &Receiver<()>,
    taker: &mut impl Taker,
    is_wanted: impl Fn(&Line<'_>) -> bool,
) -> Result<(), Error> {
    let unreadable =
        |error: io::Error| Error::new(format!("cannot read `{}`", path.display())).caused_by(error);
    let mut file = Followed::open(path).map_err(unreadable)?;
    match begin {
        Begin::Behind(offset) => file.go_to(offset).map_err(unreadable)?,
        Begin::WithLast => file.tail(taker, &is_wanted).map_err(unreadable)?,
    }
    loop {
        // A name that leads elsewhere now was changed after the last line of the old file, or together with it.
        let fate = file.fate(path);
        if file.drain(taker, &is_wanted).map_err(unreadable)? == Flow::Ends {
            return Ok(());
        }
        match fate {
            Fate::Same => {}
            Fate::Cut => {
                file.go_to(0).map_err(unreadable)?;
                continue;
            }
            Fate::Replaced => match Followed::open(path) {
                Ok(next) => {
                    // Whoever made the next one has written the last line of this one before.
                    let last = file.drain(taker, &is_wanted).map_err(unreadable)?;
                    if last == Flow::Ends {
                        return Ok(());
                    }
                    file = next;
                    continue;
                }
                // The next one is not there yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(error)),
            },
        }
        match interrupted.recv_timeout(PAUSE) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Tells when the interrupt key is pressed, or the process is asked to end. From then on neither ends it by itself, so it
/// comes before the first line.
///
/// # Errors
/// No handler for the key.
pub fn interruption() -> Result<Receiver<()>, Error> {
    let mut signals = Signals::catch()?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        signals.wait_beside(async {});
        // Whoever waited may have ended.
        let _ = sender.send(());
    });
    Ok(receiver)
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Same,
    /// It is shorter than what was read of it.
    Cut,
    /// Its name belongs to another one, or to none.
    Replaced,
}

struct Followed {
    lines: Lines<File>,
    identity: Identity,
}

impl Followed {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let identity = Identity::of(&file.metadata()?);
        Ok(Self { lines: Lines::of(file), identity })
    }

    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        self.lines.forget();
        self.lines.stream().seek(SeekFrom::Start(offset)).map(drop)
    }

    /// What happened to it; a name that cannot be asked about is as good as the same.
    fn fate(&mut self, path: &Path) -> Fate {
        match path.metadata() {
            Ok(metadata) if Identity::of(&metadata) != self.identity => Fate::Replaced,
            Ok(metadata) => match self.lines.stream().stream_position() {
                Ok(read) if metadata.len() < read => Fate::Cut,
                _ => Fate::Same,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Fate::Replaced,
            Err(_) => Fate::Same,
        }
    }

    /// Reads what is there. A line that has no end yet waits for it; what is no line of a log is passed over.
    fn drain(&mut self, taker: &mut impl Taker, is_wanted: &impl Fn(&Line<'_>) -> bool) -> io::Result<Flow> {
        loop {
            match self.lines.next()? {
                Batch::Whole(batch) => {
                    for bytes in each(batch) {
                        if let Some(line) = Line::read(bytes).filter(is_wanted) {
                            taker.take(bytes, &line);
                        }
                    }
                }
                Batch::TooLong => {}
                Batch::End(_) => return Ok(taker.pause()),
            }
            if taker.pause() == Flow::Ends {
                return Ok(Flow::Ends);
            }
        }
    }

    /// Hands over the last lines that are wanted, of the end of the file, and stays behind them.
    fn tail(&mut self, taker: &mut impl Taker, is_wanted: &impl Fn(&Line<'_>) -> bool) -> io::Result<()> {
        let file = self.lines.stream();
        let size = file.metadata()?.len();
        let start = size.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        let begin =
            if start == 0 { 0 } else { memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1) };
        let end = memchr::memrchr(b'\n', &bytes).map_or(begin, |at| at + 1).max(begin);
        let mut last: VecDeque<&[u8]> = VecDeque::new();
        for line in each(&bytes[begin..end]) {
            if Line::read(line).as_ref().is_some_and(is_wanted) {
                last.push_back(line);
                if last.len() > LAST {
                    last.pop_front();
                }
            }
        }
        for bytes in last {
            if let Some(line) = Line::read(bytes) {
                taker.take(bytes, &line);
            }
        }
        self.go_to(start + end as u64)
    }
}

/// What stays the same when a file is renamed, and no other file has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    #[cfg(unix)]
    number: (u64, u64),
    #[cfg(not(unix))]
    created: Option<std::time::SystemTime>,
}

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { number: (metadata.dev(), metadata.ino()) }
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Self {
        Self { created: metadata.created().ok() }
    }
}
