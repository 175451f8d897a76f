//! One line of `access.log`, as SillyTavern writes it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{Escaped, escape, printable, whole_milliseconds};
use crate::error::Error;

/// What stands between the peer and the address that a header named, as SillyTavern writes it.
const FORWARDED: &str = "(forwarded: ";

/// The first sight of a client since the server started, as SillyTavern writes it to `access.log`:
/// `<ISO time in UTC with milliseconds> <who> <agent>`, without the line end.
///
/// `who` is `<address>` or `<address> (forwarded: <value>)`. The fields hold printable ASCII, whatever was sent: a
/// client can forge neither a second line nor, by a `User-Agent` that looks like it, the end of `who`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLine {
    time: Timestamp,
    who: String,
    agent: String,
}

impl AccessLine {
    /// The line for a client that came at `time`. `who` and `agent` are as they were sent, `agent` is the first
    /// `User-Agent` field; a missing one is written `undefined` and an empty one as nothing, as SillyTavern does.
    #[must_use]
    pub fn new(time: Timestamp, who: &str, agent: Option<&[u8]>) -> Self {
        let time = whole_milliseconds(time);
        let who = match who.split_once(' ') {
            Some((peer, rest)) if rest.starts_with(FORWARDED) => {
                let value = &rest[FORWARDED.len()..];
                let value =
                    Escaped { stays: is_plain_in_brackets, ..escape(before_bracket(value).as_bytes()) };
                format!("{} {FORWARDED}{value})", one_word(peer))
            }
            _ => one_word(who).to_string(),
        };
        let agent = match agent.unwrap_or(b"undefined") {
            // Or it would be read as the end of `who`.
            forged if forged.starts_with(FORWARDED.as_bytes()) => {
                Escaped { before: "\\u{28}", ..escape(&forged[1..]) }.to_string()
            }
            agent => escape(agent).to_string(),
        };
        Self { time, who, agent }
    }

    /// When, in whole milliseconds.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The peer, with the address that it named in brackets; escaped.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.who
    }

    /// The `User-Agent`, escaped and cut.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.agent
    }
}

impl fmt::Display for AccessLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} {} {}", self.time, self.who, self.agent)
    }
}

impl FromStr for AccessLine {
    type Err = Error;

    /// Reads a line of ours or of SillyTavern, which writes what was sent as it is: whatever is not printable is
    /// escaped here, so that no old log can reach a terminal.
    ///
    /// # Errors
    /// When the line does not begin with a time, or ends before the agent does (a write that was interrupted).
    fn from_str(line: &str) -> Result<Self, Error> {
        let wrong = |what| Error::new(format!("`{}` is no line of access.log: {what}", printable(line)));
        let (time, rest) = line.split_once(' ').ok_or_else(|| wrong("it is cut short"))?;
        let time = read_time(time)
            .ok_or_else(|| wrong("it does not begin with a time like 2026-01-31T09:05:00.000Z"))?;
        let (peer, rest) = rest.split_once(' ').ok_or_else(|| wrong("it is cut short"))?;
        if peer.is_empty() {
            return Err(wrong("it names nobody"));
        }
        let peer = printable(peer);
        let (who, agent) = match rest.strip_prefix(FORWARDED).and_then(|rest| rest.split_once(") ")) {
            Some((value, agent)) => {
                let stays: fn(char) -> bool = |letter| letter != ')';
                (format!("{peer} {FORWARDED}{})", Escaped { stays, ..printable(value) }), agent)
            }
            None => (peer.to_string(), rest),
        };
        Ok(Self { time, who, agent: printable(agent).to_string() })
    }
}

/// A field that ends at the first space: one within it is escaped.
fn one_word(text: &str) -> Escaped<'_> {
    Escaped { stays: |letter| !matches!(letter, ' ' | '\\'), ..escape(text.as_bytes()) }
}

fn is_plain_in_brackets(letter: char) -> bool {
    !matches!(letter, ')' | '\\')
}

fn before_bracket(value: &str) -> &str {
    value.strip_suffix(')').unwrap_or(value)
}

/// Only the one form that is written.
fn read_time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.parse().ok()?;
    (format!("{time:.3}") == text).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(who: &str, agent: Option<&[u8]>) -> String {
        AccessLine::new("2026-01-31T09:05:00.1239Z".parse().unwrap(), who, agent).to_string()
    }

    #[test]
    fn writes_what_sillytavern_writes() {
        let cases: [(&str, Option<&[u8]>, &str); 5] = [
            ("127.0.0.1", Some(b"probe/1"), "127.0.0.1 probe/1"),
            ("127.0.0.3", None, "127.0.0.3 undefined"),
            ("127.0.0.5", Some(b""), "127.0.0.5 "),
            ("127.0.0.4", Some(b"two words (x; y) \"z\""), "127.0.0.4 two words (x; y) \"z\""),
            (
                "127.0.0.1 (forwarded: 2001:db8::5)",
                Some(b"probe/1"),
                "127.0.0.1 (forwarded: 2001:db8::5) probe/1",
            ),
        ];
        for (who, agent, expected) in cases {
            assert_eq!(line(who, agent), format!("2026-01-31T09:05:00.123Z {expected}"));
        }
    }

    #[test]
    fn nobody_forges_another_who() {
        let forged = line("127.0.0.1", Some(b"(forwarded: 10.0.0.1) x"));
        assert_eq!(forged, r"2026-01-31T09:05:00.123Z 127.0.0.1 \u{28}forwarded: 10.0.0.1) x");
        assert_eq!(forged.parse::<AccessLine>().unwrap().who(), "127.0.0.1");

        let closed = line("127.0.0.1 (forwarded: a) b\n)", Some(b"x"));
        assert_eq!(closed, r"2026-01-31T09:05:00.123Z 127.0.0.1 (forwarded: a\u{29} b\u{a}) x");
        assert_eq!(closed.parse::<AccessLine>().unwrap().agent(), "x");
    }

    #[test]
    fn reads_what_sillytavern_wrote() {
        let read: AccessLine =
            "2026-01-31T09:05:00.123Z 127.0.0.1 (forwarded: <b>é</b>) C:\\x \u{9b}31m".parse().unwrap();
        assert_eq!(read.time().to_string(), "2026-01-31T09:05:00.123Z");
        assert_eq!(read.who(), r"127.0.0.1 (forwarded: <b>\u{e9}</b>)");
        assert_eq!(read.agent(), r"C:\x \u{9b}31m");
    }

    #[test]
    fn refuses_what_is_no_line() {
        let cases = [
            ("", "it is cut short"),
            ("2026-01-31T09:05:00.123Z 127.0.", "it is cut short"),
            ("2026-01-31T09:05:00.123Z  x", "it names nobody"),
            ("2026-01-31 a b", "it does not begin with a time like 2026-01-31T09:05:00.000Z"),
            ("2026-01-31T09:05:00Z a b", "it does not begin with a time like 2026-01-31T09:05:00.000Z"),
        ];
        for (text, reason) in cases {
            let error = text.parse::<AccessLine>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is no line of access.log: {reason}"));
        }
    }

    fn who() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(|ip| std::net::IpAddr::from(ip).to_string()),
            any::<String>(),
            "[0-9.]{1,9} \\(forwarded: .{0,600}\\)",
            "[0-9.]{1,9} \\(forwarded: [a-z) (\\\\…]{0,600}\\)?",
        ]
    }

    fn agent() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..600),
            any::<String>().prop_map(String::into_bytes),
            "\\(forwarded: [ -~…]{0,600}".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn a_line_reads_back(
            millisecond in 0_i64..4_102_444_800_000,
            who in who().prop_filter("somebody", |who| !who.is_empty() && !who.starts_with(' ')),
            agent in proptest::option::of(agent()),
        ) {
            let line = AccessLine::new(Timestamp::from_millisecond(millisecond).unwrap(), &who, agent.as_deref());
            let text = line.to_string();
            prop_assert!(text.chars().all(|letter| matches!(letter, ' '..='~' | '…')));
            prop_assert_eq!(text.parse::<AccessLine>().unwrap(), line);
        }

        #[test]
        fn whatever_was_read_reads_back(text in "2026-01-31T09:05:00\\.123Z [^ \\n]{1,20} .{0,600}") {
            if let Ok(line) = text.parse::<AccessLine>() {
                let again = line.to_string();
                prop_assert!(again.chars().all(|letter| matches!(letter, ' '..='~' | '…')));
                prop_assert_eq!(again.parse::<AccessLine>().unwrap(), line);
            }
        }
    }
}
