//! One line of the filter's input: the plain IPv4 address that nearly all of them hold, read without a branch that
//! depends on its digits, and everything else as everywhere.

use std::net::IpAddr;

use crate::error::Error;
use crate::policy::address::parse_address;

/// What a line holds.
#[derive(Debug)]
pub enum Line<'a> {
    /// Nothing but white space or a comment.
    Empty,
    /// An address, and how it was written.
    Address(IpAddr, &'a str),
    /// Something else.
    Mistake(Error),
}

/// A line that begins with a plain IPv4 address and ends right behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// The address as a number.
    pub address: u32,
    /// How long its text is, in bytes.
    pub text: usize,
    /// How long the line is with its end (`\n` or `\r\n`), in bytes.
    pub line: usize,
}

/// As many bytes as [`plain`] has to see: the longest address, a line end, and what is loaded too much.
pub const WINDOW: usize = 20;

/// Reads the line at the start of `bytes`, if it is the plain form of an IPv4 address as [`parse_address`] takes it:
/// four decimal fields without leading zeros. `None` says only that the slow way has to be taken, also where fewer than
/// [`WINDOW`] bytes are left.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a branch that depends on the digits costs more than the whole line"
)]
pub fn plain(bytes: &[u8]) -> Option<Plain> {
    let window: &[u8; WINDOW] = bytes.first_chunk()?;
    let (mut at, mut address, mut wrong) = (0, 0, false);
    let mut end = 0;
    for field in 0..4 {
        let word: &[u8; 4] = window.get(at..)?.first_chunk()?;
        let word = u32::from_le_bytes(*word);
        // Digits become their values; in every other byte the top bit is set, at least in the first such byte.
        let digits = word ^ 0x3030_3030;
        let others = (digits.wrapping_add(0x7676_7676) | digits) & 0x8080_8080;
        let length = others.trailing_zeros() / 8;
        end = word.wrapping_shr(8 * length) & 0xff;
        // The last digit moves to the top byte, what is behind it falls out.
        let aligned = digits.wrapping_shl(32_u32.wrapping_sub(8 * length));
        let value = (aligned >> 8 & 0xff) * 100 + (aligned >> 16 & 0xff) * 10 + (aligned >> 24);
        let leading_zero = (length > 1) & (digits.trailing_zeros() >= 8);
        wrong |= (length.wrapping_sub(1) > 2) | (value > 255) | leading_zero;
        wrong |= (field < 3) & (end != u32::from(b'.'));
        address = address << 8 | value;
        at += length as usize + 1;
    }
    let text = at - 1;
    let line = match end {
        0x0a => at,
        0x0d if window.get(at) == Some(&b'\n') => at + 1,
        _ => return None,
    };
    (!wrong).then_some(Plain { address, text, line })
}

/// Reads any line, given without its end. White space around the address does not count, nor a comment behind `#`.
pub fn read(bytes: &[u8]) -> Line<'_> {
    let end = bytes.iter().position(|byte| *byte == b'#').unwrap_or(bytes.len());
    let Ok(text) = str::from_utf8(&bytes[..end]) else {
        return mistake(&String::from_utf8_lossy(&bytes[..end]));
    };
    // What `parse_address` drops.
    let text = text.trim_matches(|c: char| (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}');
    if text.is_empty() {
        return Line::Empty;
    }
    match parse_address(text) {
        Ok(address) => Line::Address(address, text),
        Err(error) => Line::Mistake(error),
    }
}

/// No address has letters beyond ASCII, so the replaced ones are refused as well.
fn mistake(text: &str) -> Line<'static> {
    match parse_address(text) {
        Ok(_) => Line::Mistake(Error::new("the line is not UTF-8")),
        Err(error) => Line::Mistake(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The line as the slow way reads it.
    fn slowly(line: &str) -> Option<IpAddr> {
        match read(line.trim_end_matches('\n').as_bytes()) {
            Line::Address(address, _) => Some(address),
            Line::Empty | Line::Mistake(_) => None,
        }
    }

    fn quickly(line: &str) -> Option<(IpAddr, usize, usize)> {
        let padded = format!("{line}1.2.3.4\n1.2.3.4\n1.2.3.4\n");
        plain(padded.as_bytes())
            .map(|plain| (IpAddr::from(plain.address.to_be_bytes()), plain.text, plain.line))
    }

    #[test]
    fn lines() {
        for (line, expected) in [
            ("192.168.0.7\n", Some("192.168.0.7")),
            ("  192.168.0.7\t\r\n", Some("192.168.0.7")),
            ("192.168.0.7 # the phone\n", Some("192.168.0.7")),
            ("192.168.0.7:80\n", Some("192.168.0.7")),
            ("::ffff:192.168.0.7\n", Some("192.168.0.7")),
            ("[2001:DB8::7]:443\n", Some("2001:db8::7")),
            ("fe80::7%eth0\n", Some("fe80::7")),
            ("\u{feff}10.0.0.1\n", Some("10.0.0.1")),
            ("\n", None),
            (" \t\r\n", None),
            ("# 10.0.0.1\n", None),
            ("10.0.0.1 10.0.0.2\n", None),
            ("10.0.0.1,10.0.0.2\n", None),
            ("10.0.0.0/8\n", None),
            ("010.0.0.1\n", None),
            ("10.1\n", None),
            ("256.0.0.1\n", None),
            ("Mon Nov 1 10:00:00 2026 10.0.0.1 curl/8\n", None),
        ] {
            assert_eq!(slowly(line), expected.map(|text| text.parse().unwrap()), "{line:?}");
        }
        assert!(matches!(read(b" # x"), Line::Empty));
        assert!(matches!(read(b"10.0.0.\xff"), Line::Mistake(_)));
    }

    #[test]
    fn the_quick_way_takes_every_plain_address() {
        for (line, text, length) in [
            ("0.0.0.0\n", 7, 8),
            ("255.255.255.255\r\n", 15, 17),
            ("1.20.199.209\n", 12, 13),
            ("10.0.0.100\r\n", 10, 12),
        ] {
            assert_eq!(quickly(line), Some((slowly(line).unwrap(), text, length)), "{line:?}");
        }
        for line in
            ["1.2.3.4", "1.2.3.4 \n", "1.2.3.4\r1\n", "1.2.3.04\n", "1.2.3.256\n", "1..2.3\n", "1.2.3.4.5\n"]
        {
            assert_eq!(quickly(line), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_is_the_slow_way(address: [u8; 4], ending in "\r?\n") {
            let line = format!("{}{ending}", IpAddr::from(address));
            let text = line.trim_end().len();
            prop_assert_eq!(quickly(&line), Some((slowly(&line).unwrap(), text, line.len())));
        }

        /// Whatever the quick way takes, the slow way takes as the same address.
        #[test]
        fn the_quick_way_takes_nothing_else(line in "[0-9]{0,4}[.:,]?[0-9]{0,4}[./ ]?[0-9]{0,3}[.x]?[0-9]{0,3}\r?\n") {
            if let Some((address, _, length)) = quickly(&line) {
                prop_assert_eq!(slowly(&line), Some(address));
                prop_assert_eq!(length, line.len());
            }
        }

        #[test]
        fn any_four_fields(fields: [u16; 4], width in 0_usize..4) {
            let fields = fields.map(|field| field % 300);
            let line = format!("{:0width$}.{}.{}.{:0width$}\n", fields[0], fields[1], fields[2], fields[3]);
            prop_assert_eq!(quickly(&line).map(|(address, ..)| address), slowly(&line));
        }

        #[test]
        fn any_bytes(bytes: [u8; WINDOW]) {
            if let Some(Plain { address, text, line }) = plain(&bytes) {
                let Line::Address(slow, written) = read(&bytes[..line - 1]) else { panic!("{bytes:?}") };
                prop_assert_eq!((slow, written.len()), (IpAddr::from(address.to_be_bytes()), text));
            }
        }
    }
}
