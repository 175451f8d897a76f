//! The input of the filter, opened and cut into batches of whole lines.

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};

use super::Tally;
use crate::cli::TrialInput;
use crate::error::Error;

/// The input, opened.
pub(super) struct Opened {
    /// For errors.
    pub(super) name: String,
    pub(super) reader: Box<dyn Read + Send>,
    /// In bytes, where it is a file.
    pub(super) size: Option<u64>,
}

impl Opened {
    /// Opens `input`.
    pub(super) fn of(input: &TrialInput) -> Result<Self, Error> {
        match input {
            TrialInput::Stdin => {
                let name = "standard input".to_owned();
                Ok(Self { name, reader: Box::new(io::stdin()), size: size_of_stdin() })
            }
            TrialInput::File(path) => {
                let name = path.display().to_string();
                let file = File::open(path).map_err(|error| unreadable(&name, error))?;
                let size = size(&file);
                Ok(Self { name, reader: Box::new(file), size })
            }
        }
    }
}

/// The size of a file that is no pipe and no device.
fn size(file: &File) -> Option<u64> {
    file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// The size of what `< FILE` put there.
#[cfg(unix)]
fn size_of_stdin() -> Option<u64> {
    use std::os::fd::AsFd;
    size(&File::from(io::stdin().as_fd().try_clone_to_owned().ok()?))
}

#[cfg(not(unix))]
fn size_of_stdin() -> Option<u64> {
    None
}

/// Why the input `name` cannot be read.
pub(super) fn unreadable(name: &str, error: io::Error) -> Error {
    let shown = Path::new(name).display();
    Error::new(format!("cannot read the addresses of `{shown}`")).caused_by(error)
}

/// The most that a batch holds, in bytes; no line that is longer holds an address.
const BATCH: usize = 256 * 1024;

/// How much is read at once, in bytes: with what is written about it, it fits beside the list in the fast memory.
const AT_ONCE: usize = 64 * 1024;

/// Some lines, what was said of them, and the way back for the memory.
pub(super) struct Batch {
    pub(super) input: Vec<u8>,
    /// How much of the input is whole lines.
    pub(super) length: usize,
    pub(super) output: Vec<u8>,
    pub(super) tally: Tally,
    /// By the number of the line in this batch, from 1.
    pub(super) mistakes: Vec<(u64, Error)>,
    home: Sender<Memory>,
}

impl Batch {
    /// Gives its memory to the next batch.
    pub(super) fn give_back(self) {
        // There is no next one at the end.
        let _ = self.home.send(Memory { input: self.input, output: self.output });
    }
}

/// What a batch is made of.
pub(super) struct Memory {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Memory {
    /// None yet.
    pub(super) const NEW: Self = Self { input: Vec::new(), output: Vec::new() };
}

/// The input, from which one worker at a time reads.
pub(super) struct Source {
    reader: Box<dyn Read + Send>,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    /// Of the next batch.
    number: u64,
    state: Reading,
    pool: Receiver<Memory>,
    home: Sender<Memory>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Goes,
    /// In the middle of a line that is too long, of which the beginning is judged already.
    Skips,
    Ended,
}

impl Source {
    /// What `reader` has, in batches made of what comes out of the `pool`, to which `home` leads.
    pub(super) fn new(reader: Box<dyn Read + Send>, pool: Receiver<Memory>, home: Sender<Memory>) -> Self {
        Self { reader, rest: Vec::new(), number: 0, state: Reading::Goes, pool, home }
    }

    /// The next lines with the number of their batch: whatever is there, as soon as one of them is whole.
    pub(super) fn next(&mut self) -> Option<(u64, io::Result<Batch>)> {
        if self.state == Reading::Ended {
            return None;
        }
        let Memory { mut input, output } = self.pool.recv().ok()?;
        let filled = self.fill(&mut input);
        let number = self.number;
        self.number += 1;
        let batch = filled.map(|length| Batch {
            input,
            length,
            output,
            tally: Tally::default(),
            mistakes: Vec::new(),
            home: self.home.clone(),
        });
        if batch.is_err() {
            self.state = Reading::Ended;
        }
        Some((number, batch))
    }

    /// Reads into `input` until a line is whole; answers how much of it is whole lines.
    fn fill(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        input.resize(BATCH, 0);
        input[..self.rest.len()].copy_from_slice(&self.rest);
        let mut filled = mem::take(&mut self.rest).len();
        loop {
            let most = input.len().min(filled + AT_ONCE);
            let count = match self.reader.read(&mut input[filled..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            if count == 0 {
                self.state = Reading::Ended;
                if filled > 0 {
                    // The last line may do without its end.
                    input.truncate(filled);
                    input.push(b'\n');
                    filled += 1;
                }
                return Ok(filled);
            }
            let read = filled..filled + count;
            let end = input[read.clone()].iter().rposition(|byte| *byte == b'\n').map(|at| filled + at + 1);
            filled = read.end;
            match (self.state, end) {
                (Reading::Skips, _) => {
                    // Up to the end of the line that is too long.
                    let first = input[..filled].iter().position(|byte| *byte == b'\n');
                    let dropped = first.map_or(filled, |at| at + 1);
                    input.copy_within(dropped..filled, 0);
                    filled -= dropped;
                    if first.is_some() {
                        self.state = Reading::Goes;
                        if let Some(at) = input[..filled].iter().rposition(|byte| *byte == b'\n') {
                            self.rest = input[at + 1..filled].to_vec();
                            return Ok(at + 1);
                        }
                    }
                }
                (_, Some(end)) => {
                    self.rest.extend_from_slice(&input[end..filled]);
                    return Ok(end);
                }
                (_, None) if filled == input.len() => {
                    // Its beginning is enough for an error, and must not look like an address.
                    self.state = Reading::Skips;
                    input.truncate(SHOWN);
                    input.extend_from_slice("…\n".as_bytes());
                    return Ok(input.len());
                }
                (_, None) => {}
            }
        }
    }
}

/// How much is kept of a line that is too long, in bytes.
const SHOWN: usize = 256;
