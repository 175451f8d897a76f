//! What may stand in a list: an address pattern, a host name, or a word for a group of addresses.

use std::fmt;
use std::str::FromStr;

use super::{IpPattern, grammar};
use crate::error::Error;

/// One entry of a list as its owner wrote it.
///
/// A text that looks like a number is never taken for a name: `127.1` or `10.0.0.300` is refused, as a
/// resolver would read it in its own way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Addresses by number.
    Pattern(IpPattern),
    /// A host name; its addresses are looked up and refreshed outside this module.
    Name(HostName),
    /// `lan`, `tailscale` or `docker`.
    Preset(Preset),
}

impl Entry {
    /// Whether `text` may be a name or a word: never wrong when it says no, and much cheaper than reading the entry.
    /// Neither has a colon, and what is made of the characters of numbers alone is taken for one.
    #[must_use]
    pub fn may_be_word(text: &str) -> bool {
        let mut may_be = false;
        for byte in text.bytes() {
            match byte {
                b':' => return false,
                b'0'..=b'9' | b'.' | b'*' | b'/' | b'-' | b'%' | b'[' | b']' | b' ' | b'\t' => {}
                _ => may_be = true,
            }
        }
        may_be
    }
}

impl FromStr for Entry {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = grammar::trim(text);
        // Without an error's words, which a list of 100,000 addresses would pay for each time.
        if let Some(preset) = Preset::called(text) {
            return Ok(Self::Preset(preset));
        }
        match text.parse() {
            Ok(pattern) => Ok(Self::Pattern(pattern)),
            Err(error) if looks_like_a_number(text) => Err(error),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => pattern.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::Preset(preset) => preset.fmt(f),
        }
    }
}

/// A word for a group of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preset {
    /// `lan`: the networks of this machine's own interfaces; known only at run time.
    Lan,
    /// `tailscale`: every address that Tailscale gives out.
    Tailscale,
    /// `docker`: the Docker host and gateway, as `whitelistDockerHosts` in SillyTavern; known only at run time.
    Docker,
}

impl Preset {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 3] = [Self::Lan, Self::Tailscale, Self::Docker];

    /// The patterns that are the same on every machine: those of Tailscale (`100.64.0.0/10` and
    /// `fd7a:115c:a1e0::/48`). Empty for the words that depend on the machine.
    #[must_use]
    pub fn patterns(self) -> Vec<IpPattern> {
        let texts: &[&str] = match self {
            Self::Tailscale => &["100.64.0.0/10", "fd7a:115c:a1e0::/48"],
            Self::Lan | Self::Docker => &[],
        };
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }

    fn called(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| text.eq_ignore_ascii_case(preset.word()))
    }

    /// The word, as written in the list.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Tailscale => "tailscale",
            Self::Docker => "docker",
        }
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::called(text).ok_or_else(|| {
            Error::new(format!("{} is not a word for a group of addresses", grammar::quoted(text)))
                .hint("write `lan`, `tailscale` or `docker`")
        })
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A host name of RFC 1123, in lower case, without the dot at the end; underscores are tolerated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Box<str>);

impl HostName {
    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for HostName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if (1..=253).contains(&name.len()) && name.split('.').all(is_label) && !looks_like_a_number(name) {
            return Ok(Self(name.to_ascii_lowercase().into()));
        }
        let error = Error::new(format!("{} is neither an address nor a host name", grammar::quoted(text)));
        Err(match host_inside(text) {
            Some(host) => error.hint(format!("did you mean `{host}`")),
            None if !text.is_ascii() => error.hint("write the name in its ASCII form (`xn--…`)"),
            None if text.contains('*') => error.hint("stars go with numbers only, such as `192.168.0.*`"),
            None => error.hint("write an address, such as `192.168.0.7`, or a name, such as `phone.lan`"),
        })
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The host of a URL or of `host:port`.
fn host_inside(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next()?;
    (host.len() < text.len() && host.parse::<Entry>().is_ok()).then_some(host)
}

/// Whether the writer meant a number: nothing but the characters of IPv4 patterns, or of IPv6 patterns
/// with a colon, or a text whose last label a resolver takes for one (as the WHATWG URL standard, "ends
/// in a number"), or numbers with a slip among them (`192.168.0.7x`, `10.d64.145.5d8`).
fn looks_like_a_number(text: &str) -> bool {
    let only = |more: &str| text.bytes().all(|b| b.is_ascii_digit() || more.as_bytes().contains(&b));
    if only(".*/:-%[] \t") || (text.contains(':') && only(".*/:-%[]abcdefABCDEF")) {
        return true;
    }
    let digits = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let (before, last) = text.trim_end_matches('.').rsplit_once('.').unwrap_or(("", text));
    if !last.is_empty() && (digits(last) || is_hexadecimal(last)) {
        return true;
    }
    last.starts_with(|c: char| c.is_ascii_digit()) && !before.is_empty() && before.split('.').any(digits)
}

fn is_hexadecimal(label: &str) -> bool {
    let number = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_is_a_pattern_a_name_or_a_word() {
        for (text, expected) in [
            (" 192.168.0.* ", "pattern 192.168.0.0/24"),
            ("Phone.LAN.", "name phone.lan"),
            ("localhost", "name localhost"),
            ("my_phone", "name my_phone"),
            ("3dprinter", "name 3dprinter"),
            ("dead.beef", "name dead.beef"),
            ("3.pool.ntp.org", "name 3.pool.ntp.org"),
            ("192-168-0-1.lan", "name 192-168-0-1.lan"),
            ("xn--bcher-kva.example", "name xn--bcher-kva.example"),
            ("LAN", "preset lan"),
            ("tailscale", "preset tailscale"),
            ("docker", "preset docker"),
        ] {
            let entry: Entry = text.parse().unwrap();
            let kind = match entry {
                Entry::Pattern(_) => "pattern",
                Entry::Name(_) => "name",
                Entry::Preset(_) => "preset",
            };
            assert_eq!(Entry::may_be_word(text), kind != "pattern", "{text}");
            assert_eq!(format!("{kind} {entry}"), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_cannot_be_a_word_is_none(text in "[ 0-9a-z._:/*%-]{1,8}|[0-9.]{1,6}|[ _0-9.-]{1,4}|\\PC{1,4}") {
            if !Entry::may_be_word(&text) {
                prop_assert!(!matches!(text.parse(), Ok(Entry::Name(_) | Entry::Preset(_))), "{}", text);
            }
        }
    }

    #[test]
    fn a_failed_number_is_no_name() {
        for text in [
            "127.1",
            "2130706433",
            "0x7f000001",
            "10.0.0.300",
            "10.0.0.1.",
            "1.2.3.4.5",
            "10.0.0.1x",
            "10.0.0.1-10.0.0.300",
            "10-20",
            "1:2",
            "dead:beef",
            "10.0.0.x/8",
            "*.5",
            "name.0",
            "10.0.0.1 ,",
            "/",
            "::g",
        ] {
            let error = text.parse::<Entry>().expect_err(text);
            assert!(!error.hints().is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused_with_a_hint() {
        for (text, message, hint) in [
            (
                "http://phone.lan/x",
                "`http://phone.lan/x` is neither an address nor a host name",
                "did you mean `phone.lan`",
            ),
            (
                "phone.lan:80",
                "`phone.lan:80` is neither an address nor a host name",
                "did you mean `phone.lan`",
            ),
            (
                "*.lan",
                "`*.lan` is neither an address nor a host name",
                "stars go with numbers only, such as `192.168.0.*`",
            ),
            (
                "bücher.example",
                "`bücher.example` is neither an address nor a host name",
                "write the name in its ASCII form (`xn--…`)",
            ),
            (
                "-phone",
                "`-phone` is neither an address nor a host name",
                "write an address, such as `192.168.0.7`, or a name, such as `phone.lan`",
            ),
            ("10.0.0.300", "`10.0.0.300` has a field over 255", "fields go from 0 to 255"),
        ] {
            let error = text.parse::<Entry>().unwrap_err();
            assert_eq!((error.to_string().as_str(), error.hints()), (message, &[hint.to_owned()][..]));
        }
        assert!("a".repeat(64).parse::<Entry>().is_err());
        assert!(["a".repeat(63).as_str(); 4].join(".").parse::<Entry>().is_err());
    }

    #[test]
    fn tailscale_is_its_two_networks() {
        let patterns = |preset: Preset| preset.patterns().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(patterns(Preset::Tailscale), ["100.64.0.0/10", "fd7a:115c:a1e0::/48"]);
        assert!(patterns(Preset::Lan).is_empty() && patterns(Preset::Docker).is_empty());
    }
}
