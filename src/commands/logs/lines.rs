//! Whole lines out of any stream, in a memory that does not grow, whatever the stream holds.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memrchr};

/// The longest line that is taken, and how much is read at once, in bytes. A line of `serve` has a few thousand.
pub const LONGEST: usize = 256 * 1024;

/// The lines of a stream.
#[derive(Debug)]
pub struct Lines<R> {
    stream: R,
    memory: Vec<u8>,
    /// What of the memory is read and not given out yet.
    start: usize,
    end: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Goes,
    /// In the middle of a line that is too long.
    Skips,
}

/// Some lines that follow each other.
#[derive(Debug)]
pub enum Batch<'a> {
    /// Each with its end.
    Whole(&'a [u8]),
    /// A line that is too long to be one; it counts as one line.
    TooLong,
    /// For now there is nothing more. What stands here is a line whose end is missing.
    End(&'a [u8]),
}

impl<R: Read> Lines<R> {
    /// Reads from `stream`.
    pub fn of(stream: R) -> Self {
        Self { stream, memory: vec![0; LONGEST], start: 0, end: 0, state: State::Goes }
    }

    /// Whatever lines are there, as soon as one of them is whole. After the [`Batch::End`] it may be asked again: of a file
    /// that grows there may be more.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn next(&mut self) -> io::Result<Batch<'_>> {
        loop {
            if self.start > 0 {
                self.memory.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.end == self.memory.len() {
                self.end = 0;
                let known = self.state;
                self.state = State::Skips;
                if known == State::Goes {
                    return Ok(Batch::TooLong);
                }
            }
            let from = self.end;
            let count = match self.stream.read(&mut self.memory[from..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            if count == 0 {
                let rest = if self.state == State::Skips { &[] } else { &self.memory[..self.end] };
                return Ok(Batch::End(rest));
            }
            self.end += count;
            if self.state == State::Skips {
                match memchr(b'\n', &self.memory[from..self.end]) {
                    Some(at) => {
                        self.start = from + at + 1;
                        self.state = State::Goes;
                    }
                    None => self.end = 0,
                }
                if self.start == self.end || self.state == State::Skips {
                    continue;
                }
            }
            if let Some(at) = memrchr(b'\n', &self.memory[from.max(self.start)..self.end]) {
                let (start, whole) = (self.start, from.max(self.start) + at + 1);
                self.start = whole;
                return Ok(Batch::Whole(&self.memory[start..whole]));
            }
        }
    }

    /// The stream.
    pub fn stream(&mut self) -> &mut R {
        &mut self.stream
    }
}

/// Each line of a batch without its end.
#[inline]
pub fn each(batch: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', batch).map(move |end| {
        let line = &batch[start..end];
        start = end + 1;
        line
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stream that gives a few bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// Every line, `…` for one that is too long, and the rest at the end.
    fn all(bytes: &[u8], at_once: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut lines = Lines::of(Drops(bytes, at_once));
        let mut found = Vec::new();
        loop {
            match lines.next().unwrap() {
                Batch::Whole(batch) => found.extend(each(batch).map(<[u8]>::to_vec)),
                Batch::TooLong => found.push("…".into()),
                Batch::End(rest) => return (found, rest.to_vec()),
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_one_line() {
        let long = vec![b'x'; 10_000_000];
        for at_once in [1000, 65_536, usize::MAX] {
            let text = [b"a\n", &long[..], b"\nb\n\nc"].concat();
            let (lines, rest) = all(&text, at_once);
            assert_eq!(lines, [b"a".to_vec(), "…".into(), b"b".to_vec(), Vec::new()], "{at_once}");
            assert_eq!(rest, b"c");
            assert_eq!(all(&long, at_once), (vec!["…".into()], Vec::new()));
            let just = [&long[..LONGEST - 1], b"\nb\n"].concat();
            assert_eq!(all(&just, at_once).0.len(), 2);
            assert_eq!(all(&just, at_once).0[0].len(), LONGEST - 1);
        }
    }

    proptest! {
        #[test]
        fn lines_are_lines(text in "[ab\n]{0,200}", at_once in 1_usize..40) {
            let (lines, rest) = all(text.as_bytes(), at_once);
            let mut expected: Vec<Vec<u8>> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            let last = expected.pop().unwrap();
            prop_assert_eq!((lines, rest), (expected, last));
        }
    }
}
