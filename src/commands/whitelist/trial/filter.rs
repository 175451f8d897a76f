//! `whitelist test -` and `--file`: an address a line in, a verdict a line out, any number of them.
//!
//! Workers take turns to read what is there, judge whole lines and hand the answers over; the answers are written in
//! order, each as soon as its turn comes. So a pipe stays live, a file keeps all cores busy, and only a few batches are
//! in memory at any time.

mod answer;
mod input;
mod judge;
mod line;
mod workers;

use std::io;
use std::mem;

use self::input::{Batch, Opened, unreadable};
use self::workers::{judged, ordered};
use crate::cli::{TrialInput, TrialVerdict};
use crate::commands::sources::Speech;
use crate::error::{Error, Exit};
use crate::policy::Policy;
use crate::ui::{self, Data, Delivery, Progress, Unit};

/// What is printed.
#[derive(Clone, Copy, Debug)]
pub struct Show {
    /// Which verdicts; both where nothing was said.
    pub only: Option<TrialVerdict>,
    /// How many there are, in place of the lines.
    pub count: bool,
}

impl Show {
    fn lines(self, verdict: TrialVerdict) -> bool {
        !self.count && self.only.is_none_or(|only| only == verdict)
    }
}

/// Judges every line of `input`, as `policy` would judge a client that connects itself, over https where `secure`.
///
/// # Errors
/// Input that cannot be read, output that cannot be written. A line that holds no address is told, and the rest goes on.
pub fn run(
    policy: Policy,
    secure: bool,
    input: &TrialInput,
    show: Show,
    speech: Speech,
) -> Result<Exit, Error> {
    let Opened { name, reader, size } = Opened::of(input)?;
    let mut data = Data::open();
    let hides = speech == Speech::Quiet || (data.is_watched() && !show.count);
    let progress = match size {
        Some(size) if !hides => Progress::new(Unit::Bytes, Some(size)),
        _ => Progress::hidden(),
    };
    let mut tally = Tally::default();
    for batch in ordered(judged(policy, secure, reader, show)) {
        let mut batch = batch.map_err(|error| unreadable(&name, error))?;
        if !batch.output.is_empty() {
            match data.put(&batch.output).map_err(unwritable)? {
                Delivery::Taken => {}
                // Whoever still reads the input ends with the process.
                Delivery::Closed => return Ok(Exit::Yes),
            }
        }
        for (number, error) in mem::take(&mut batch.mistakes) {
            let place = format!("{name}:{}", tally.lines + number);
            progress.aside(|| ui::error(&located(&place, &error)));
        }
        tally.add(&batch);
        progress.advance(batch.length as u64);
        batch.give_back();
    }
    drop(progress);
    if show.count {
        // A count that nobody reads is no failure.
        data.put(tally.counts(show.only).as_bytes()).map_err(unwritable)?;
    }
    Ok(tally.exit())
}

/// How many lines there were, and what was said of them.
#[derive(Default)]
struct Tally {
    lines: u64,
    allowed: u64,
    refused: u64,
    mistakes: u64,
}

impl Tally {
    fn add(&mut self, batch: &Batch) {
        self.lines += batch.tally.lines;
        self.allowed += batch.tally.allowed;
        self.refused += batch.tally.refused;
        self.mistakes += batch.tally.mistakes;
    }

    /// Counts a verdict that was given `times`.
    #[inline]
    fn count(&mut self, verdict: Option<TrialVerdict>, times: u64) {
        match verdict {
            Some(TrialVerdict::Allowed) => self.allowed += times,
            Some(TrialVerdict::Refused) => self.refused += times,
            None => {}
        }
    }

    fn counts(&self, only: Option<TrialVerdict>) -> String {
        match only {
            Some(TrialVerdict::Allowed) => format!("{}\n", self.allowed),
            Some(TrialVerdict::Refused) => format!("{}\n", self.refused),
            None => format!("allowed\t{}\nrefused\t{}\n", self.allowed, self.refused),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self { mistakes: 1.., .. } => Exit::Unanswered,
            Self { refused: 1.., .. } => Exit::No,
            _ => Exit::Yes,
        }
    }
}

fn unwritable(error: io::Error) -> Error {
    Error::new("cannot write the verdicts").caused_by(error)
}

fn located(place: &str, error: &Error) -> Error {
    error.hints().iter().cloned().fold(Error::new(format!("{place}: {error}")), Error::hint)
}
