//! `-f`: each event as it comes, while the file is renamed, replaced and cut under its name.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::line::Line;
use super::lines::{Batch, Lines, each};
use super::parts::{self, Held};
use super::scan::{Flow, Taker};
use super::stream::Stream;
use crate::error::Error;
use crate::gateway::journal::audit::Identity;
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

/// Hands every line that `is_wanted` and is written to the log at `path` from now on to `taker`, until it is `interrupted`
/// or nobody is there any more; `newest` is the newest of its parts, as a rule the one at `path`. One that is away for a
/// moment is waited for, and what was rotated away in that moment is read as well.
///
/// # Errors
/// A file that cannot be read.
pub fn run(
    path: &Path,
    newest: Held,
    begin: Begin,
    interrupted: &Receiver<()>,
    taker: &mut impl Taker,
    is_wanted: impl Fn(&Line<'_>) -> bool,
) -> Result<(), Error> {
    let unreadable = |error| unreadable(path, error);
    let mut file = Followed::of(newest).map_err(unreadable)?;
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
            Fate::Replaced => {
                let newer = parts::since(path, &file.held).map_err(unreadable)?;
                let is_replaced = !newer.is_empty();
                for next in newer {
                    // Whoever made the next one has written the last line of this one before.
                    if file.drain(taker, &is_wanted).map_err(unreadable)? == Flow::Ends {
                        return Ok(());
                    }
                    file = Followed::of(next).map_err(unreadable)?;
                }
                // If not, the next one is not there yet.
                if is_replaced {
                    continue;
                }
            }
        }
        match interrupted.recv_timeout(PAUSE) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// For a log that cannot be followed.
pub fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(format!("cannot read `{}`", path.display())).caused_by(error)
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
    held: Held,
    lines: Lines<Stream>,
}

impl Followed {
    fn of(held: Held) -> io::Result<Self> {
        let lines = Lines::of(held.stream()?);
        Ok(Self { held, lines })
    }

    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        self.lines = Lines::of(self.held.stream()?);
        if offset > 0 { self.held.go_to(offset) } else { Ok(()) }
    }

    /// What happened to it; a name that cannot be asked about is as good as the same.
    fn fate(&self, path: &Path) -> Fate {
        match path.metadata() {
            Ok(metadata) if Identity::of(&metadata) != self.held.identity => Fate::Replaced,
            Ok(metadata) => match self.held.position() {
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
        let start = self.held.size()?.saturating_sub(TAIL);
        let is_plain = matches!(self.lines.stream(), Stream::Plain(_));
        // What is compressed has no end that could be found without the rest.
        let mut is_within_line = is_plain && start > 0;
        if is_within_line {
            self.go_to(start)?;
        }
        let mut last: VecDeque<Vec<u8>> = VecDeque::new();
        loop {
            match self.lines.next()? {
                Batch::Whole(batch) => {
                    for bytes in each(batch).skip(usize::from(is_within_line)) {
                        if Line::read(bytes).as_ref().is_some_and(is_wanted) {
                            last.push_back(bytes.to_owned());
                        }
                        if last.len() > LAST {
                            last.pop_front();
                        }
                    }
                    is_within_line = false;
                }
                Batch::TooLong => is_within_line = false,
                Batch::End(_) => break,
            }
        }
        for bytes in &last {
            if let Some(line) = Line::read(bytes) {
                taker.take(bytes, &line);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
