//! What a running server writes down, line by line, for who writes it and who reads it; and the escaping of everything
//! that came from outside.

mod access;
pub mod combined;
pub mod event;
mod figures;

use std::fmt;

use jiff::Timestamp;

pub use access::AccessLine;
pub use figures::put_address;

/// The longest field that is written, in bytes; what is longer ends in `…`.
const LONGEST_FIELD: usize = 512;

/// Bytes that came from outside, as they may stand in a log, on a terminal and in a page.
///
/// Printable ASCII stays, quotes too, because no field stands in quotes; a backslash is doubled. Every other
/// character is written `\u{…}`, ordinary letters too: too many of them look like others or turn the line around.
/// What is not UTF-8 is written `\xNN` byte by byte. After 512 bytes a `…` takes the place of the rest.
#[must_use]
pub fn escape(bytes: &[u8]) -> Escaped<'_> {
    Escaped { before: "", bytes, stays: |letter| letter != '\\', is_cut: false }
}

/// Text that was escaped before, or that a program of somebody else wrote: as [`escape`], but a backslash stays
/// as it is, and so does a `…` at the end. What [`escape`] wrote does not change.
#[must_use]
pub fn printable(text: &str) -> Escaped<'_> {
    let (text, is_cut) = text.strip_suffix('…').map_or((text, false), |text| (text, true));
    Escaped { before: "", bytes: text.as_bytes(), stays: |_| true, is_cut }
}

/// See [`escape`] and [`printable`]; prints the escaped text.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a> {
    /// Stands before it and counts.
    before: &'static str,
    bytes: &'a [u8],
    /// Which characters of printable ASCII are not escaped.
    stays: fn(char) -> bool,
    /// A `…` has to follow.
    is_cut: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.before)?;
        let mut room = LONGEST_FIELD - self.before.len();
        for chunk in self.bytes.utf8_chunks() {
            let letters = chunk.valid().chars().map(|letter| match letter {
                ' '..='~' if (self.stays)(letter) => Piece::Plain(letter),
                '\\' => Piece::Backslash,
                letter => Piece::Letter(letter),
            });
            for piece in letters.chain(chunk.invalid().iter().copied().map(Piece::Byte)) {
                let Some(left) = room.checked_sub(piece.len()) else { return f.write_str("…") };
                room = left;
                write!(f, "{piece}")?;
            }
        }
        if self.is_cut { f.write_str("…") } else { Ok(()) }
    }
}

/// What one character, or one byte that is part of none, is written as.
enum Piece {
    Plain(char),
    Backslash,
    Letter(char),
    Byte(u8),
}

impl Piece {
    /// How many bytes it takes.
    fn len(&self) -> usize {
        match self {
            Self::Plain(_) => 1,
            Self::Backslash => 2,
            Self::Letter(letter) => letter.escape_unicode().len(),
            Self::Byte(_) => 4,
        }
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        match self {
            Self::Plain(letter) => f.write_char(*letter),
            Self::Backslash => f.write_str("\\\\"),
            Self::Letter(letter) => write!(f, "{}", letter.escape_unicode()),
            Self::Byte(byte) => write!(f, "\\x{byte:02x}"),
        }
    }
}

/// Whether `bytes` stay as they are in every escaping: printable ASCII without quotes and backslashes, and short.
fn is_plain(bytes: &[u8]) -> bool {
    let stays = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    // Looks at all of them, so that sixteen are looked at in one go.
    bytes.len() <= LONGEST_FIELD && bytes.iter().fold(0, |others, byte| others | u8::from(!stays(*byte))) == 0
}

/// A time as every line gives it.
fn whole_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).expect("a time cut to milliseconds stays in range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        let cases: [(&[u8], &str); 12] = [
            (b"Mozilla/5.0 (X11; \"q\" 'q')", "Mozilla/5.0 (X11; \"q\" 'q')"),
            (b"a\r\nb\0\t", r"a\u{d}\u{a}b\u{0}\u{9}"),
            (b"\x1b[31m\x7f", r"\u{1b}[31m\u{7f}"),
            (b"\x9b31m", r"\x9b31m"),
            (b"\xc2\x9b31m\xc2\x85", r"\u{9b}31m\u{85}"),
            ("\u{202e}\u{2066}\u{2028}\u{feff}".as_bytes(), r"\u{202e}\u{2066}\u{2028}\u{feff}"),
            ("café".as_bytes(), r"caf\u{e9}"),
            (b"caf\xe9/1", r"caf\xe9/1"),
            ("😀".as_bytes(), r"\u{1f600}"),
            (b"\xf0\x9f\x98x\xff", r"\xf0\x9f\x98x\xff"),
            (br"\u{1b}\", r"\\u{1b}\\"),
            ("x…".as_bytes(), r"x\u{2026}"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(escape(bytes).to_string(), expected);
            assert_eq!(printable(expected).to_string(), expected);
        }
    }

    #[test]
    fn cuts_after_512_bytes() {
        assert_eq!(escape(&[b'a'; 512]).to_string(), "a".repeat(512));
        assert_eq!(escape(&[b'a'; 513]).to_string(), "a".repeat(512) + "…");
        assert_eq!(escape(&vec![0xff; 65536]).to_string(), r"\xff".repeat(128) + "…");
        // No escape is cut in two.
        assert_eq!(escape(&[&[b'a'; 510][..], b"\xff"].concat()).to_string(), "a".repeat(510) + "…");
        let cut = "a".repeat(512) + "…";
        assert_eq!(printable(&cut).to_string(), cut);
    }
}
