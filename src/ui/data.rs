//! Data in bulk to stdout: millions of lines, as bytes, written when the caller says so.

use std::io::{self, IsTerminal, Write};

/// The stream of a filter to stdout.
///
/// Nothing is escaped here: what may hold anything goes through [`escaped`](super::escaped) first.
#[derive(Debug)]
pub struct Data(io::Stdout);

/// What became of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// They are written.
    Taken,
    /// Whoever read has enough (`… | head`): there is nobody left to write for, which is no failure.
    Closed,
}

impl Data {
    /// Stdout.
    #[must_use]
    pub fn open() -> Self {
        Self(io::stdout())
    }

    /// Whether somebody watches the lines come, so that a bar on stderr would only be in the way.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.0.is_terminal()
    }

    /// Writes whole lines, and does not keep them back.
    ///
    /// # Errors
    /// A full disk and the like.
    pub fn put(&mut self, lines: &[u8]) -> io::Result<Delivery> {
        delivered(write_all(&mut self.0, lines))
    }
}

pub(super) fn write_all(stream: &mut impl Write, lines: &[u8]) -> io::Result<()> {
    stream.write_all(lines)?;
    stream.flush()
}

pub(super) fn delivered(written: io::Result<()>) -> io::Result<Delivery> {
    match written {
        Ok(()) => Ok(Delivery::Taken),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Delivery::Closed),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_enough_is_no_failure_and_a_full_disk_is() {
        let failed = |kind: io::ErrorKind| delivered(Err(kind.into())).map_err(|error| error.kind());
        assert_eq!(delivered(Ok(())).unwrap(), Delivery::Taken);
        assert_eq!(failed(io::ErrorKind::BrokenPipe), Ok(Delivery::Closed));
        assert_eq!(failed(io::ErrorKind::StorageFull), Err(io::ErrorKind::StorageFull));
    }
}
