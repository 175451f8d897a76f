//! Reads the parts one after the other and hands on the lines that are wanted.

use std::io;

use super::filter::Filter;
use super::line::Line;
use super::lines::{Batch, Lines, each};
use super::parts::Part;
use crate::error::Error;
use crate::ui::{self, Progress, Unit};

/// Who takes the lines.
pub trait Taker {
    /// A line that is wanted, as it stands in the file without its end, and taken apart.
    fn take(&mut self, bytes: &[u8], line: &Line<'_>);

    /// For now there are no more lines: whoever writes them should.
    fn pause(&mut self) -> Flow {
        Flow::Goes
    }
}

/// Whether somebody wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    Goes,
    /// Nobody reads any more.
    Ends,
}

/// What was odd.
#[derive(Debug, Default)]
pub struct Oddities {
    /// How many lines could not be read.
    pub unreadable: u64,
    /// The first of them, for people: `audit.jsonl:41`.
    first: Option<String>,
    /// What kept a part from being read.
    pub failures: Vec<Error>,
}

impl Oddities {
    /// Takes note of a line that could not be read: that with this `number` behind the byte `offset` of `part`.
    fn note(&mut self, part: &Part, offset: u64, number: u64) {
        self.unreadable += 1;
        if self.first.is_none() {
            self.first = Some(format!("{}:{}", part.name(), part.lines_before(offset) + number));
        }
    }

    /// Tells of them on stderr.
    pub fn tell(&self) {
        self.failures.iter().for_each(ui::error);
        if let Some(first) = &self.first {
            let lines = if self.unreadable == 1 { "a line that is" } else { "lines that are" };
            let many = if self.unreadable == 1 { String::new() } else { format!("{} ", self.unreadable) };
            let of = if self.unreadable == 1 { "" } else { ", the first of them" };
            ui::warning(&format!("left out {many}{lines} none of a log{of}: {first}"));
        }
    }
}

/// Below this size nobody has to wait, in bytes.
const SHORT: u64 = 50_000_000;

/// Hands every line of `parts` that `filter` takes to `taker`. A part that cannot be read keeps nobody from the others.
pub fn run(parts: &[Part], filter: &Filter, is_quiet: bool, taker: &mut impl Taker) -> Oddities {
    let mut oddities = Oddities::default();
    let size: u64 = parts.iter().map(Part::size).sum();
    let progress =
        if is_quiet || size < SHORT { Progress::hidden() } else { Progress::new(Unit::Bytes, Some(size)) };
    for part in parts {
        match one(part, filter, &progress, &mut oddities, taker) {
            Ok(Flow::Goes) => {}
            Ok(Flow::Ends) => break,
            Err(error) => oddities
                .failures
                .push(Error::new(format!("cannot read all of `{}`", part.name())).caused_by(error)),
        }
    }
    drop(progress);
    oddities
}

fn one(
    part: &Part,
    filter: &Filter,
    progress: &Progress,
    oddities: &mut Oddities,
    taker: &mut impl Taker,
) -> io::Result<Flow> {
    let Some(opened) = part.open(filter.since, filter.until)? else {
        progress.advance(part.size());
        return Ok(Flow::Goes);
    };
    // What is not read is done as well.
    progress.advance(part.size().saturating_sub(opened.size.unwrap_or_default()));
    let mut lines = Lines::of(opened.stream);
    let (mut number, mut told) = (0_u64, 0);
    loop {
        let mut odd = |number| oddities.note(part, opened.offset, number);
        let ended = match lines.next()? {
            Batch::Whole(batch) => {
                for bytes in each(batch) {
                    number += 1;
                    if filter.drops(bytes) {
                        continue;
                    }
                    match Line::read(bytes) {
                        Some(line) if filter.takes(&line) => taker.take(bytes, &line),
                        Some(_) => {}
                        None if bytes.trim_ascii().is_empty() => {}
                        None => odd(number),
                    }
                }
                false
            }
            Batch::TooLong => {
                number += 1;
                odd(number);
                false
            }
            Batch::End(rest) => {
                match Line::read(rest) {
                    Some(line) if filter.takes(&line) => taker.take(rest, &line),
                    Some(_) => {}
                    None if rest.is_empty() => {}
                    None => odd(number + 1),
                }
                true
            }
        };
        if taker.pause() == Flow::Ends {
            return Ok(Flow::Ends);
        }
        if ended {
            return Ok(Flow::Goes);
        }
        let consumed = lines.stream().consumed();
        progress.advance(consumed - told);
        told = consumed;
    }
}
