//! Where a message body ends, and how it is written on: the framing of RFC 9112, sections 6 and 7.
//!
//! Strict on purpose. Chunk sizes, line ends and trailers that another parser might read otherwise are refused,
//! and what goes on is always framed anew, so a request can never mean two things on the two sides of the gate.

use std::fmt;

/// A body's framing was broken; the connection can say nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenFraming;

impl fmt::Display for BrokenFraming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body's chunked coding is broken")
    }
}

impl std::error::Error for BrokenFraming {}

/// Longest chunk extensions and trailers that are read over, in bytes for one body.
const IGNORED_LIMIT: u16 = 8 * 1024;

/// How a body is delimited where it comes from, and how far it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoder {
    /// So many bytes are left.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked(Chunk),
    /// Everything until the sender closes: answers without a length, and tunnels.
    UntilClose,
}

/// Where in the chunked coding the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    at: At,
    left: u64,
    ignored: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    FirstDigit,
    Size,
    Extension,
    SizeEnd,
    Data,
    DataEnd,
    DataEndLf,
    TrailerStart,
    Trailer,
    TrailerEnd,
    LastLf,
    Done,
}

/// What stands at the start of the bytes that were shown to [`Decoder::look`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// So many bytes of framing, already digested.
    pub framing: usize,
    /// So many bytes of the body behind them.
    pub data: usize,
}

impl Decoder {
    /// A body in chunked coding, at its start.
    #[must_use]
    pub const fn chunked() -> Self {
        Self::Chunked(Chunk { at: At::FirstDigit, left: 0, ignored: 0 })
    }

    /// A message without a body.
    #[must_use]
    pub const fn empty() -> Self {
        Self::Length(0)
    }

    /// Whether the whole body was read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunk) => matches!(chunk.at, At::Done),
            Self::UntilClose => false,
        }
    }

    /// Whether the sender may close now without cutting the body off.
    #[must_use]
    pub const fn may_end_here(&self) -> bool {
        self.is_done() || matches!(self, Self::UntilClose)
    }

    /// Finds the next piece of the body in `input`, digesting the framing before it.
    ///
    /// The caller drops `framing` bytes, uses up to `data` bytes and reports them by [`Decoder::used`].
    ///
    /// # Errors
    /// [`BrokenFraming`] where a byte stands that RFC 9112 does not allow there.
    pub fn look(&mut self, input: &[u8]) -> Result<Span, BrokenFraming> {
        match self {
            Self::Length(left) => Ok(Span { framing: 0, data: at_most(input.len(), *left) }),
            Self::UntilClose => Ok(Span { framing: 0, data: input.len() }),
            Self::Chunked(chunk) => {
                let mut framing = 0;
                while framing < input.len() && !matches!(chunk.at, At::Data | At::Done) {
                    chunk.step(input[framing])?;
                    framing += 1;
                }
                let data = if chunk.at == At::Data { at_most(input.len() - framing, chunk.left) } else { 0 };
                Ok(Span { framing, data })
            }
        }
    }

    /// Takes note that `count` bytes of the last span's data were used.
    pub const fn used(&mut self, count: usize) {
        match self {
            Self::Length(left) => *left -= count as u64,
            Self::UntilClose => {}
            Self::Chunked(chunk) => {
                chunk.left -= count as u64;
                if chunk.left == 0 {
                    chunk.at = At::DataEnd;
                }
            }
        }
    }
}

fn at_most(available: usize, left: u64) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}

impl Chunk {
    /// Digests one byte of framing.
    fn step(&mut self, byte: u8) -> Result<(), BrokenFraming> {
        self.at = match (self.at, byte) {
            (At::FirstDigit | At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if self.left >> 56 != 0 {
                    return Err(BrokenFraming);
                }
                self.left = self.left * 16 + u64::from((byte as char).to_digit(16).ok_or(BrokenFraming)?);
                At::Size
            }
            (At::Size, b';') => At::Extension,
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.ignore()?;
                At::Extension
            }
            (At::Size | At::Extension, b'\r') => At::SizeEnd,
            (At::SizeEnd, b'\n') if self.left > 0 => At::Data,
            (At::DataEnd, b'\r') => At::DataEndLf,
            (At::DataEndLf, b'\n') => At::FirstDigit,
            (At::TrailerStart, b'\r') => At::LastLf,
            (At::TrailerStart | At::Trailer, b'\t' | b' '..=b'~' | 0x80..) => {
                self.ignore()?;
                At::Trailer
            }
            (At::Trailer, b'\r') => At::TrailerEnd,
            (At::SizeEnd | At::TrailerEnd, b'\n') => At::TrailerStart,
            (At::LastLf, b'\n') => At::Done,
            _ => return Err(BrokenFraming),
        };
        Ok(())
    }

    /// Extensions and trailers mean nothing to a gate; they are dropped, and must not go on for ever.
    const fn ignore(&mut self) -> Result<(), BrokenFraming> {
        if self.ignored == IGNORED_LIMIT {
            return Err(BrokenFraming);
        }
        self.ignored += 1;
        Ok(())
    }
}

/// How a body is framed where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is: its length was announced, or the close ends it.
    Plain,
    /// In chunks.
    Chunked,
}

impl Coding {
    /// Writes a piece of the body; `data` is not empty.
    pub fn push(self, data: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain => out.extend_from_slice(data),
            Self::Chunked => {
                push_hex(data.len(), out);
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(data);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Writes what ends the body.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self == Self::Chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

fn push_hex(number: usize, out: &mut Vec<u8>) {
    let digits = (usize::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(number >> (4 * place)) & 15]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes `input`, shown in pieces of `step` bytes.
    fn decode(mut decoder: Decoder, input: &[u8], step: usize) -> Result<(Vec<u8>, usize), BrokenFraming> {
        let (mut body, mut at) = (Vec::new(), 0);
        while !decoder.is_done() && at < input.len() {
            let shown = &input[at..input.len().min(at + step)];
            let span = decoder.look(shown)?;
            body.extend_from_slice(&shown[span.framing..span.framing + span.data]);
            if span.data > 0 {
                decoder.used(span.data);
            }
            at += span.framing + span.data;
        }
        if decoder.is_done() { Ok((body, at)) } else { Err(BrokenFraming) }
    }

    #[test]
    fn chunks_are_read_strictly() {
        let fine = [
            (&b"0\r\n\r\n"[..], &b""[..]),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
            (b"5;a=b;c=\"d\"\r\nhello\r\n00\r\nTrailer: x\r\nY: z\r\n\r\n", b"hello"),
            (b"A\r\n0123456789\r\n1\r\n!\r\n0\r\n\r\n", b"0123456789!"),
        ];
        for (input, body) in fine {
            for step in 1..=input.len() {
                assert_eq!(decode(Decoder::chunked(), input, step), Ok((body.to_vec(), input.len())));
            }
        }
        for input in [
            &b"\r\n"[..],
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhelloX\n0\r\n\r\n",
            b"0x5\r\nhello\r\n",
            b" 5\r\nhello\r\n",
            b"5 \r\nhello\r\n",
            b"+5\r\nhello\r\n",
            b"-1\r\n",
            b"g\r\n",
            b"5\rhello",
            b"0\r\n\n",
            b"0\n\n",
            b"10000000000000000\r\n",
            b"fffffffffffffffff\r\n",
            b"5;\x00\r\nhello\r\n",
            b"0\r\nA: b\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        ] {
            assert_eq!(decode(Decoder::chunked(), input, 3), Err(BrokenFraming), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn what_is_dropped_has_an_end() {
        let mut endless = b"1;".to_vec();
        endless.extend(vec![b'x'; usize::from(IGNORED_LIMIT) + 1]);
        assert_eq!(decode(Decoder::chunked(), &endless, 1000), Err(BrokenFraming));
        let mut trailers = b"0\r\n".to_vec();
        trailers.extend(b"a: b\r\n".repeat(2000));
        assert_eq!(decode(Decoder::chunked(), &trailers, 1000), Err(BrokenFraming));
    }

    #[test]
    fn a_length_leaves_the_next_message_alone() {
        assert_eq!(decode(Decoder::Length(3), b"abcGET /", 8), Ok((b"abc".to_vec(), 3)));
        assert!(Decoder::empty().is_done());
        assert!(Decoder::UntilClose.may_end_here() && !Decoder::Length(1).may_end_here());
    }

    proptest! {
        #[test]
        fn what_is_written_in_chunks_is_read_again(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8), step in 1_usize..400) {
            let mut wire = Vec::new();
            for piece in &pieces {
                Coding::Chunked.push(piece, &mut wire);
            }
            Coding::Chunked.finish(&mut wire);
            let length = wire.len();
            wire.extend_from_slice(b"next");
            prop_assert_eq!(decode(Decoder::chunked(), &wire, step), Ok((pieces.concat(), length)));
        }

        #[test]
        fn no_bytes_make_it_panic(input in prop::collection::vec(any::<u8>(), 0..200), step in 1_usize..50) {
            let _ = decode(Decoder::chunked(), &input, step);
        }
    }
}
