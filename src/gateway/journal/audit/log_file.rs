//! A log that is kept open and written in whole lines, whatever becomes of its file or disk meanwhile.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::super::writer::{Saying, write_as_far_as_possible};
use super::identity::Identity;
use super::{Say, parts};
use crate::error::Error;

/// How far back from the end of a file the beginning of its last line is looked for: no line is longer.
const LONGEST_LINE: u64 = 64 * 1024;
/// How every line of `audit.jsonl` begins.
const LINE_BEGINS: &[u8] = b"{\"time\":\"";

/// When a new file is begun, and how many old ones stay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes.
    pub(super) max_size: u64,
    /// Since the file was begun.
    pub(super) max_age: Option<Duration>,
    /// Compressed parts.
    pub(super) keep: u32,
}

/// A log file.
#[derive(Debug)]
pub(super) struct LogFile {
    /// What it is called on the console.
    name: &'static str,
    path: PathBuf,
    limits: Limits,
    open: Option<Open>,
    health: Health,
    /// The thread that compresses the part before.
    compressing: Option<JoinHandle<Result<(), Error>>>,
    /// That no new file can be begun was told.
    is_stuck: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    identity: Identity,
    length: u64,
    begun: SystemTime,
    /// It ends within a line.
    is_torn: bool,
    /// It is a file like others, which can be cut off and moved away.
    is_ordinary: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Health {
    Well,
    Failing {
        /// Lines, since it began.
        lost: u64,
        /// How it began.
        why: String,
    },
}

impl LogFile {
    pub(super) const fn new(name: &'static str, path: PathBuf, limits: Limits) -> Self {
        Self { name, path, limits, open: None, health: Health::Well, compressing: None, is_stuck: false }
    }

    /// Opens it, so that its owner hears at the start when that cannot be; and finishes what an earlier run has left.
    pub(super) fn begin(&mut self, say: &Say) {
        match self.open() {
            Ok(open) => {
                self.open = Some(open);
                self.compress(say);
            }
            Err(error) => self.fail(&error, 0, say),
        }
    }

    /// Writes `lines` lines. What cannot be written is lost and counted, so that a full disk does not become a full
    /// memory; `gap` makes the line that says so once it is over.
    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        lines: u64,
        mut gap: impl FnMut(u64, &str) -> Vec<u8>,
        say: &Say,
    ) {
        if bytes.is_empty() {
            return;
        }
        if self.was_moved() {
            self.open = None;
        }
        let open = match self.open.take().map_or_else(|| self.open(), Ok) {
            Ok(open) => self.open.insert(open),
            Err(error) => return self.fail(&error, lines, say),
        };
        let mut batch = Vec::new();
        if open.is_torn {
            batch.push(b'\n');
        }
        let lost_before = match &self.health {
            Health::Well => None,
            Health::Failing { lost, why } => {
                if *lost > 0 {
                    batch.extend(gap(*lost, why));
                }
                Some(*lost)
            }
        };
        let before = super::super::writer::count_lines(&batch) as u64;
        let batch = if batch.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            batch.extend_from_slice(bytes);
            Cow::Owned(batch)
        };
        let (written, result) = write_as_far_as_possible(&open.file, &batch);
        if let Err(error) = result {
            let whole = open.mend(&batch[..written]);
            if whole >= before
                && let Health::Failing { lost, .. } = &mut self.health
            {
                // It is written how many were lost so far.
                *lost = 0;
            }
            // The line of the gap was one more.
            return self.fail(&error, lines.saturating_sub(whole.saturating_sub(before)), say);
        }
        open.is_torn = false;
        open.length += written as u64;
        if let Some(lost) = lost_before {
            self.health = Health::Well;
            let (name, path) = (self.name, self.path.display());
            let lines = if lost == 1 { "line was" } else { "lines were" };
            say(Saying::Notice(format!("The {name} `{path}` is written again; {lost} {lines} lost")));
        }
        self.rotate(say);
    }

    /// Opens the file anew with the next line.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Waits for the part that is being compressed.
    pub(super) fn finish(&mut self) {
        if let Some(thread) = self.compressing.take() {
            // What it leaves behind the next run finishes.
            let _ = thread.join();
        }
    }

    fn fail(&mut self, error: &io::Error, lost: u64, say: &Say) {
        if let Health::Failing { lost: before, .. } = &mut self.health {
            *before += lost;
            return;
        }
        self.health = Health::Failing { lost, why: error.to_string() };
        let path = self.path.display();
        say(Saying::Warning(format!(
            "cannot write the {} `{path}`: {error}; serving goes on, and the next line tries again",
            self.name
        )));
    }

    /// Whether another file, or none, lies where the open one was opened. If not, it may still have been cut off by
    /// somebody else since then (`copytruncate` of logrotate): its length is what it is now.
    fn was_moved(&mut self) -> bool {
        let Some(open) = &mut self.open else { return false };
        match fs::metadata(&self.path) {
            Ok(metadata) if Identity::of(&metadata) == open.identity => {
                open.length = metadata.len();
                false
            }
            _ => true,
        }
    }

    /// Opens it for appending. A new file is for its owner only: it tells who visits whom.
    fn open(&self) -> io::Result<Open> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        let metadata = file.metadata()?;
        let mut open = Open {
            identity: Identity::of(&metadata),
            length: metadata.len(),
            begun: metadata.created().or_else(|_| metadata.modified()).unwrap_or_else(|_| SystemTime::now()),
            is_torn: false,
            is_ordinary: metadata.is_file(),
            file,
        };
        if open.is_ordinary && open.length > 0 {
            open.look_at_end()?;
        }
        Ok(open)
    }

    /// Begins a new file where this one is large or old enough.
    fn rotate(&mut self, say: &Say) {
        let Some(open) = &self.open else { return };
        let is_old = |age| SystemTime::now().duration_since(open.begun).is_ok_and(|since| since >= age);
        if !(open.is_ordinary
            && (open.length >= self.limits.max_size || self.limits.max_age.is_some_and(is_old)))
        {
            return;
        }
        if self.compressing.as_ref().is_some_and(|thread| !thread.is_finished()) {
            // The part before is still being compressed: this one grows meanwhile.
            return;
        }
        // A link stays where it is: the file that it leads to is moved.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let newest = parts::newest(&path);
        if newest.exists() {
            return self.compress(say);
        }
        match fs::rename(&path, &newest) {
            Ok(()) => {
                self.open = None;
                self.is_stuck = false;
                self.compress(say);
            }
            Err(error) => self.tell_stuck(&error, say),
        }
    }

    /// Compresses the part that was moved away, if there is one, on a thread of its own.
    fn compress(&mut self, say: &Say) {
        if let Some(thread) = self.compressing.take()
            && let Ok(Err(error)) = thread.join()
            && !std::mem::replace(&mut self.is_stuck, true)
        {
            say(Saying::Error(error));
        }
        let path = fs::canonicalize(&self.path)
            .or_else(|_| {
                fs::canonicalize(parts::folder(&self.path))
                    .map(|folder| folder.join(self.path.file_name().unwrap_or_default()))
            })
            .unwrap_or_else(|_| self.path.clone());
        let keep = self.limits.keep;
        let thread = thread::Builder::new().name("compress".to_owned());
        match thread.spawn(move || parts::compress(&path, keep)) {
            Ok(thread) => self.compressing = Some(thread),
            Err(error) => self.tell_stuck(&error, say),
        }
    }

    fn tell_stuck(&mut self, error: &io::Error, say: &Say) {
        if !std::mem::replace(&mut self.is_stuck, true) {
            let path = self.path.display();
            say(Saying::Warning(format!("cannot begin a new {} in place of `{path}`: {error}", self.name)));
        }
    }
}

impl Open {
    /// After a write that went no further than `written`: leaves the file with whole lines only, and says how many of
    /// them were written.
    fn mend(&mut self, written: &[u8]) -> u64 {
        let whole = memchr::memrchr(b'\n', written).map_or(0, |last| last + 1);
        let was_torn = self.is_torn;
        self.is_torn = if whole == written.len() {
            // Nothing of a line: as before, or after the last.
            written.is_empty() && was_torn
        } else {
            !(self.is_ordinary && self.file.set_len(self.length + whole as u64).is_ok())
        };
        self.length += if self.is_torn { written.len() } else { whole } as u64;
        super::super::writer::count_lines(&written[..whole]) as u64
    }

    /// A last line without its end was being written when its server died: it is taken away, or if it may be somebody
    /// else's, gets its end with the next line.
    fn look_at_end(&mut self) -> io::Result<()> {
        let from = self.length.saturating_sub(LONGEST_LINE);
        let mut tail = Vec::new();
        self.file.seek(SeekFrom::Start(from))?;
        (&self.file).take(LONGEST_LINE).read_to_end(&mut tail)?;
        let begin = memchr::memrchr(b'\n', &tail).map_or(0, |last| last + 1);
        let torn = &tail[begin..];
        let is_whole_line = from == 0 || begin > 0;
        let length = torn.len().min(LINE_BEGINS.len());
        let is_ours = is_whole_line && torn[..length] == LINE_BEGINS[..length];
        if torn.is_empty() {
            return Ok(());
        }
        if is_ours && self.file.set_len(from + begin as u64).is_ok() {
            self.length = from + begin as u64;
        } else {
            self.is_torn = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
