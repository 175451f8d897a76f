//! Where each entry was written, kept as runs of lines.

use std::fmt;
use std::sync::Arc;

/// Where an entry was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, or the name of whatever else it came from (`INNKEEPER_WHITELIST`, `--whitelist`).
    pub file: Arc<str>,
    /// The line, counted from 1; 0 where there are no lines.
    pub line: u32,
}

impl fmt::Display for Place {
    /// `config.yaml:14`, or the name alone where there are no lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 { write!(f, ":{}", self.line) } else { Ok(()) }
    }
}

/// The places, as runs of entries from lines that follow each other: a list with one entry a line is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    files: Vec<Arc<str>>,
    runs: Vec<Run>,
}

impl Places {
    /// Adds the place of `entry`, which is the next one.
    pub(super) fn push(&mut self, entry: u32, place: &Place) {
        if let Some(run) = self.runs.last()
            && run.line_of(entry) == place.line
            && self.files[run.file as usize] == place.file
        {
            return;
        }
        let known = self.files.iter().rposition(|file| *file == place.file);
        let file = known.unwrap_or_else(|| {
            self.files.push(Arc::clone(&place.file));
            self.files.len() - 1
        });
        let file = u32::try_from(file).expect("there are no more files than entries");
        self.runs.push(Run { first_entry: entry, file, line: place.line });
    }

    /// Where an entry was written.
    pub(super) fn place(&self, entry: u32) -> Place {
        let run = self.run(entry);
        Place { file: Arc::clone(&self.files[run.file as usize]), line: run.line_of(entry) }
    }

    /// Its file, without a copy, and its line; 0 where there are no lines.
    pub(super) fn written_at(&self, entry: u32) -> (&str, u32) {
        let run = self.run(entry);
        (&self.files[run.file as usize], run.line_of(entry))
    }

    /// Gives back the memory that was kept for more.
    pub(super) fn shrink(&mut self) {
        self.runs.shrink_to_fit();
    }

    /// The memory behind it, in bytes.
    pub(super) fn footprint(&self) -> usize {
        self.runs.capacity() * size_of::<Run>() + self.files.iter().map(|file| file.len()).sum::<usize>()
    }

    fn run(&self, entry: u32) -> Run {
        self.runs[self.runs.partition_point(|run| run.first_entry <= entry) - 1]
    }
}

/// Entries whose lines follow each other.
#[derive(Clone, Copy, Debug)]
struct Run {
    first_entry: u32,
    file: u32,
    line: u32,
}

impl Run {
    /// The line of an entry of this run; without lines all have the same.
    fn line_of(self, entry: u32) -> u32 {
        if self.line == 0 { 0 } else { self.line.saturating_add(entry - self.first_entry) }
    }
}
