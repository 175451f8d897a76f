//! One line of either log, taken apart where it lies: nothing is copied and nothing is kept.
//!
//! A line of `audit.jsonl` begins with `{`; every other is one of `access.log`. The fields are found without making a
//! value of each, so that a million lines take a second or less.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use memchr::{memchr, memchr2};

use super::stamp::Stamp;
use crate::record::{event, printable};

/// What became of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It did not come in.
    Refused,
    /// Its sign-in failed.
    Failed,
    /// It came in.
    Allowed,
    /// The log does not say.
    Unknown,
}

const ALLOWED: &[u8] = Verdict::Allowed.word().as_bytes();
const REFUSED: &[u8] = Verdict::Refused.word().as_bytes();
const FAILED: &[u8] = Verdict::Failed.word().as_bytes();

impl Verdict {
    /// All of them, those that somebody has to look at first.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Failed, Self::Allowed, Self::Unknown];

    /// The one that a line writes as `word`.
    fn read(word: &[u8]) -> Option<Self> {
        match word {
            ALLOWED => Some(Self::Allowed),
            REFUSED => Some(Self::Refused),
            FAILED => Some(Self::Failed),
            _ => None,
        }
    }

    /// The same word; `seen` for a visit of which nothing else is known.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => event::Verdict::Allowed.word(),
            Self::Refused => event::Verdict::Refused.word(),
            Self::Failed => event::Verdict::Failed.word(),
            Self::Unknown => "seen",
        }
    }
}

/// A line that could be read.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// When.
    pub time: Stamp,
    /// `visit`, `start` and so on; `visit` for a line of `access.log`.
    pub event: &'a [u8],
    /// `None` for an event that is no visit.
    pub verdict: Option<Verdict>,
    /// How many visits it stands for.
    pub count: u64,
    /// Everything else.
    pub fields: Fields<'a>,
}

/// The fields that are looked at, each as it is written; empty where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    /// A fixed word.
    pub reason: Text<'a>,
    /// The judged address; in `access.log` with what it claimed to be.
    pub client: Text<'a>,
    /// An address that was claimed and not believed.
    pub claimed: Text<'a>,
    /// Who signed in, or tried to.
    pub user: Text<'a>,
    /// What they asked for.
    pub method: Text<'a>,
    /// With a port, where it was sent.
    pub host: Text<'a>,
    /// Without the query.
    pub path: Text<'a>,
    /// Of the answer.
    pub status: Text<'a>,
    /// The `User-Agent`.
    pub agent: Text<'a>,
}

/// A value as it stands in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'a> {
    /// In the file.
    pub bytes: &'a [u8],
    /// Between the quotes of JSON.
    pub is_json: bool,
}

impl<'a> Text<'a> {
    const fn json(bytes: &'a [u8]) -> Self {
        Self { bytes, is_json: true }
    }

    const fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, is_json: false }
    }

    /// The text as it was when the log was written, which may be anything.
    pub fn read(self) -> Cow<'a, str> {
        let text = readable(self.bytes);
        if !self.is_json || memchr(b'\\', self.bytes).is_none() {
            return text;
        }
        serde_json::from_str(&format!("\"{text}\"")).map_or(text, Cow::Owned)
    }

    /// The text as it may stand on a terminal.
    pub fn shown(self) -> String {
        printable(&self.read()).to_string()
    }
}

impl<'a> Line<'a> {
    /// Takes `bytes` apart, which is a line without its end; `None` for what is none of either log.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.first() == Some(&b'{') { Self::of_audit(bytes) } else { Self::of_access(bytes) }
    }

    /// The time at the start of a line, without looking at the rest of it.
    pub fn time_of(bytes: &[u8]) -> Option<Stamp> {
        Stamp::at(bytes.strip_prefix(TIME).unwrap_or(bytes))
    }

    /// Keys may come in any order: the writer's own is not needed here, and other programs may have sorted them.
    fn of_audit(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = blank(bytes.strip_prefix(b"{")?);
        let (mut time, mut event, mut verdict, mut count) = (None, None, None, 1);
        let mut fields = Fields::default();
        loop {
            let (key, after) = string(rest)?;
            let (value, after) = value(blank(blank(after).strip_prefix(b":")?))?;
            let text = Text::json(value);
            match key {
                b"time" => time = Stamp::at(value),
                b"event" => event = Some(value),
                // One that a newer version knows is none of ours.
                b"verdict" => verdict = Verdict::read(value),
                b"reason" => fields.reason = text,
                b"client" => fields.client = text,
                b"claimed" => fields.claimed = text,
                b"user" => fields.user = text,
                b"method" => fields.method = text,
                b"host" => fields.host = text,
                b"path" => fields.path = text,
                b"status" => fields.status = text,
                b"agent" => fields.agent = text,
                b"count" => count = number(value)?,
                _ => {}
            }
            match blank(after) {
                [b',', after @ ..] => rest = blank(after),
                [b'}'] => break,
                _ => return None,
            }
        }
        Some(Self { time: time?, event: event?, verdict, count, fields })
    }

    /// `<time> <who> <agent>`; see [`AccessLine`](crate::record::AccessLine).
    fn of_access(bytes: &'a [u8]) -> Option<Self> {
        let time = Stamp::at(bytes)?;
        let rest = bytes[Stamp::LENGTH..].strip_prefix(b" ")?;
        let space = memchr(b' ', rest).filter(|space| *space > 0)?;
        let bracket = rest[space + 1..].starts_with(FORWARDED);
        let end = match memchr::memmem::find(rest, b") ").filter(|_| bracket) {
            Some(end) => end + 1,
            None => space,
        };
        let fields = Fields {
            client: Text::plain(&rest[..end]),
            agent: Text::plain(&rest[end + 1..]),
            ..Fields::default()
        };
        Some(Self { time, event: b"visit", verdict: Some(Verdict::Unknown), count: 1, fields })
    }

    /// The addresses that a filter asks about: the client's, and in `access.log` what it claimed as well.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let client = self.fields.client;
        let (peer, claimed) = match memchr::memmem::find(client.bytes, FORWARDED) {
            Some(at) if !client.is_json => {
                (client.bytes[..at].trim_ascii(), client.bytes[at + FORWARDED.len()..].strip_suffix(b")"))
            }
            _ => (client.bytes, None),
        };
        std::iter::once(peer).chain(claimed).filter_map(address)
    }
}

/// How a line of `audit.jsonl` begins.
pub const TIME: &[u8] = b"{\"time\":\"";

const FORWARDED: &[u8] = b"(forwarded: ";

/// An address as the logs write it.
#[inline]
pub fn address(text: &[u8]) -> Option<IpAddr> {
    if let Some(plain) = plain(text) {
        return Some(IpAddr::V4(plain));
    }
    let text = str::from_utf8(text).ok()?;
    text.split_once('%').map_or(text, |(address, _)| address).parse().ok()
}

/// The plain form of an IPv4 address, which nearly all are.
#[inline]
fn plain(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut address, mut field, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits < 3 && !(digits == 1 && field == 0) => {
                field = field * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && field < 256 && dots < 3 => {
                address = address << 8 | field;
                (field, digits, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0 && field < 256).then(|| Ipv4Addr::from_bits(address << 8 | field))
}

/// `bytes` as text; what is no UTF-8 in it is written `\xNN`.
pub fn readable(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    Cow::Owned(text)
}

fn blank(bytes: &[u8]) -> &[u8] {
    match bytes.first() {
        Some(b' ' | b'\t') => bytes.trim_ascii_start(),
        _ => bytes,
    }
}

/// What stands between the quotes at the start of `bytes`, and what follows them.
#[inline]
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(b"\"")?;
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', &rest[from..])?;
        if rest[at] == b'"' {
            return Some((&rest[..at], &rest[at + 1..]));
        }
        // Whatever is behind a backslash ends nothing.
        from = at + 2;
        if from > rest.len() {
            return None;
        }
    }
}

/// The value at the start of `bytes`, a string without its quotes, and what follows it.
#[inline]
fn value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes.first()? {
        b'"' => string(bytes),
        b'[' | b'{' => nested(bytes),
        _ => {
            let end = bytes.iter().position(|byte| matches!(byte, b',' | b'}' | b' ' | b'\t'))?;
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
            (end > 0 && bytes[..end].iter().all(plain)).then(|| bytes.split_at(end))
        }
    }
}

/// A list or an object, of which nobody asks for a part.
fn nested(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut depth = 0_usize;
    let mut rest = bytes;
    loop {
        match rest.first()? {
            b'"' => {
                rest = string(rest)?.1;
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        rest = &rest[1..];
        if depth == 0 {
            return Some(bytes.split_at(bytes.len() - rest.len()));
        }
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::AccessLine;

    #[test]
    fn a_line_of_the_audit_log() {
        let line = br#"{"time":"2026-11-23T10:57:38.123Z","event":"visit","verdict":"refused","reason":"unlisted","client":"10.0.0.9","user":"a\"b\\\\c","method":"GET","host":"desk.local:8000","path":"/chat","status":403,"agent":"x","count":41}"#;
        let read = Line::read(line).unwrap();
        assert_eq!(read.time.to_string(), "2026-11-23T10:57:38.123Z");
        assert_eq!((read.event, read.verdict, read.count), (&b"visit"[..], Some(Verdict::Refused), 41));
        assert_eq!(read.fields.user.shown(), r#"a"b\\c"#);
        assert_eq!(read.fields.status.bytes, b"403");
        assert_eq!(read.addresses().collect::<Vec<_>>(), [IpAddr::from([10, 0, 0, 9])]);

        let start = br#"{"time":"2026-11-23T10:57:38.123Z","event":"start","version":"0.1.0","listen":["0.0.0.0:8000","]}"]}"#;
        assert_eq!(Line::read(start).unwrap().verdict, None);
        // Keys in another order, with blanks, from another program.
        let foreign =
            b"{ \"verdict\": \"allowed\", \"event\": \"visit\", \"time\": \"2026-11-23T10:57:38.123Z\" }\r";
        assert_eq!(Line::read(foreign).unwrap().verdict, Some(Verdict::Allowed));
    }

    #[test]
    fn what_is_no_line() {
        let whole = r#"{"time":"2026-11-23T10:57:38.123Z","event":"visit","verdict":"allowed","reason":"li\"sted","ms":12}"#;
        assert!(Line::read(whole.as_bytes()).is_some());
        for end in 0..whole.len() {
            assert!(Line::read(&whole.as_bytes()[..end]).is_none(), "{}", &whole[..end]);
        }
        for wrong in [
            whole.replace("visit", "vi\"sit"),
            whole.replace("2026-11-23T10:57:38.123Z", "yesterday"),
            format!("{whole}}}"),
            format!("{whole}{whole}"),
            whole.replace("time", "tame"),
            r#"{"time":"2026-11-23T10:57:38.123Z","ev{"time":"2026-11-23T10:57:38.123Z","event":"start"}"#
                .into(),
            "[]".into(),
            "hello".into(),
            "2026-11-23T10:57:38.123Z".into(),
            "2026-11-23T10:57:38.123Z  x".into(),
        ] {
            assert!(Line::read(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn addresses() {
        for (text, is_one) in [
            ("192.168.0.7", true),
            ("0.0.0.0", true),
            ("255.255.255.255", true),
            ("256.0.0.1", false),
            ("01.2.3.4", false),
            ("1.2.3", false),
            ("1.2.3.4.5", false),
            ("1..2.3", false),
            ("2001:db8::7", true),
            ("fe80::7%eth0", true),
            ("(unknown)", false),
            ("", false),
        ] {
            let plain = text.split('%').next().unwrap();
            assert_eq!(address(text.as_bytes()), plain.parse().ok(), "{text}");
            assert_eq!(address(text.as_bytes()).is_some(), is_one, "{text}");
        }
    }

    proptest! {
        /// Both readers of `access.log` see the same.
        #[test]
        fn a_line_of_the_access_log(
            who in prop_oneof!["[0-9.]{1,9}", "[0-9.]{1,9} \\(forwarded: .{0,20}\\)", "[ -~]{0,20}"],
            agent in proptest::collection::vec(any::<u8>().prop_filter("line end", |byte| !b"\r\n".contains(byte)), 0..60),
        ) {
            let line = [b"2026-01-31T09:05:00.123Z ", who.as_bytes(), b" ", &agent].concat();
            prop_assume!(!line.contains(&b'\n') && !line.contains(&b'\r'));
            let (quick, slow) = (Line::read(&line), readable(&line).parse::<AccessLine>().ok());
            prop_assert_eq!(quick.is_some(), slow.is_some());
            if let (Some(quick), Some(slow)) = (quick, slow) {
                prop_assert_eq!(quick.fields.agent.shown(), slow.agent());
                prop_assert_eq!(quick.time.to_string(), format!("{:.3}", slow.time()));
            }
        }

        #[test]
        fn no_bytes_make_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..120) {
            let _ = Line::read(&bytes);
            let line = br#"{"time":"2026-11-23T10:57:38.123Z","event":"visit","verdict":"allowed","reason":"open","count":2}"#;
            let _ = Line::read(&[&line[..cut.min(line.len())], &bytes].concat());
        }

        #[test]
        fn the_quick_address_is_the_slow_one(text in "[0-9]{0,3}\\.[0-9]{0,3}\\.[0-9]{0,3}\\.?[0-9]{0,4}") {
            prop_assert_eq!(plain(text.as_bytes()), text.parse::<Ipv4Addr>().ok());
        }
    }
}
