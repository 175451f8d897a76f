//! What they asked for: the `Host` header or `:authority`, and the names this server is known by.
//!
//! A page on any other site can point its own name at this server (DNS rebinding) and then speaks to it
//! from the visitor's browser. The browser still sends that name, and so gives the page away.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::Error;

/// The longest name that DNS knows, in characters.
const LONGEST_NAME: usize = 253;

/// Where a request is addressed to: `host [ ":" port ]` of RFC 9110 section 7.2 and RFC 3986 section 3.2,
/// read strictly. There is no user information, no path and no list in it.
///
/// Letter case and one dot at the end do not count; the name is held in lower case without the dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// The part before the port.
    pub name: Name<'a>,
    /// The port, where one was written.
    pub port: Option<u16>,
}

/// The two kinds of host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// An IPv4 address or an IPv6 address in brackets, without its zone.
    Address(IpAddr),
    /// Labels of letters, digits, `-` and `_` with dots between them, in lower case.
    Registered(Cow<'a, str>),
}

/// Why a text is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Nothing stands before the port.
    Empty,
    /// The name is longer than DNS allows.
    Long,
    /// A character that no host holds, as its byte.
    Character(u8),
    /// Two dots in a row, or one at the start.
    Label,
    /// Brackets that hold no IPv6 address, or text behind them that is no port.
    Brackets,
    /// A port that is no number up to 65535.
    Port,
    /// `file:` or `moz-extension:8000`: where a page that has no host came from, which SillyTavern lets in.
    Scheme,
}

impl<'a> Host<'a> {
    /// Reads the value of a `Host` header or an `:authority`, which white space may surround.
    ///
    /// A zone (`[fe80::1%25eth0]` of RFC 6874, `[fe80::1%eth0]` as some clients write it) is dropped: it
    /// means something to the client's machine only. Nothing is allocated unless a letter is upper case.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let value = value.trim_ascii();
        if let Some(rest) = value.strip_prefix(b"[") {
            let end = rest.iter().position(|byte| *byte == b']').ok_or(Malformed::Brackets)?;
            let address = bracketed(&rest[..end])?;
            let port = match &rest[end + 1..] {
                [] => None,
                [b':', digits @ ..] => port(digits)?,
                _ => return Err(Malformed::Brackets),
            };
            return Ok(Self { name: Name::Address(IpAddr::V6(address)), port });
        }
        let end = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
        let name = registered(&value[..end])?;
        if end < value.len() && is_scheme(name) {
            return Err(Malformed::Scheme);
        }
        let port = value.get(end + 1..).map_or(Ok(None), port)?;
        let name = match name.parse::<Ipv4Addr>() {
            Ok(address) => Name::Address(IpAddr::V4(address)),
            Err(_) if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Name::Registered(Cow::Owned(name.to_ascii_lowercase()))
            }
            Err(_) => Name::Registered(Cow::Borrowed(name)),
        };
        Ok(Self { name, port })
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Registered(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the host is empty"),
            Self::Long => write!(f, "the host is longer than {LONGEST_NAME} characters"),
            Self::Character(byte) => write!(f, "`{}` is no character of a host", byte.escape_ascii()),
            Self::Label => f.write_str("the host has an empty part between its dots"),
            Self::Brackets => f.write_str("the brackets of the host do not hold an IPv6 address"),
            Self::Port => f.write_str("the port of the host is no number up to 65535"),
            Self::Scheme => f.write_str("a scheme stands in the place of the host"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Which hosts are known: `hostWhitelist.hosts`, the server's own names, `localhost` and every name under
/// it, and, as in SillyTavern, every address written as one: no other site can be reached by it, so
/// none can borrow it.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    listed: BTreeSet<String>,
    /// Without the leading dot.
    suffixes: BTreeSet<String>,
    own: BTreeSet<String>,
    /// `example.test` for a certificate's `*.example.test`.
    wildcards: BTreeSet<String>,
}

/// Is the host known, and from where?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostVerdict {
    /// One of ours.
    Known(Known),
    /// A name that nobody gave us.
    Unknown,
}

/// What a host is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// `localhost` or a name under it, which resolve to the visitor's own machine (RFC 6761).
    Localhost,
    /// An address written as one.
    Address,
    /// A name of the machine or of its certificate.
    Own,
    /// An entry of `hostWhitelist.hosts`.
    Listed,
}

impl Hosts {
    /// The hosts of the settings and the names the server goes by, such as the machine's name and the
    /// names in its certificate (`*.example.test` stands for one label). Own names that cannot be read as
    /// a host are left out: they come from the machine, and no browser could send them.
    #[must_use]
    pub fn new(listed: &[HostPattern], own: &[String]) -> Self {
        let mut hosts = Self::default();
        for pattern in listed {
            match pattern {
                HostPattern::Exact(name) => hosts.listed.insert(name.clone()),
                HostPattern::Suffix(name) => hosts.suffixes.insert(name.clone()),
            };
        }
        for name in own {
            let (set, name) = match name.strip_prefix("*.") {
                Some(name) => (&mut hosts.wildcards, name),
                None => (&mut hosts.own, name.as_str()),
            };
            if let Ok(Host { name: Name::Registered(name), port: None }) = Host::parse(name.as_bytes()) {
                set.insert(name.into_owned());
            }
        }
        hosts
    }

    /// Is `host` one of ours? Its port is not compared.
    #[must_use]
    pub fn judge(&self, host: &Host) -> HostVerdict {
        let Name::Registered(name) = &host.name else { return HostVerdict::Known(Known::Address) };
        let name = name.as_ref();
        let known = if name == "localhost" || name.ends_with(".localhost") {
            Known::Localhost
        } else if self.listed.contains(name) || self.is_under_suffix(name) {
            Known::Listed
        } else if self.own.contains(name)
            || name.split_once('.').is_some_and(|(_, parent)| self.wildcards.contains(parent))
        {
            Known::Own
        } else {
            return HostVerdict::Unknown;
        };
        HostVerdict::Known(known)
    }

    fn is_under_suffix(&self, name: &str) -> bool {
        if self.suffixes.is_empty() {
            return false;
        }
        let mut rest = Some(name);
        while let Some(name) = rest {
            if self.suffixes.contains(name) {
                return true;
            }
            rest = name.split_once('.').map(|(_, parent)| parent);
        }
        false
    }
}

/// An entry of `hostWhitelist.hosts`: a name, or `.example.test` for that name and all names under it.
///
/// SillyTavern takes any text and never matches most of it; here such an entry is an error that says
/// what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host only, in the form that [`Name`] prints.
    Exact(String),
    /// This name and every name that ends in a dot and it.
    Suffix(String),
}

impl FromStr for HostPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |cause: Malformed| {
            let error = Error::new(format!("`{}` is no host name", text.escape_debug())).caused_by(cause);
            match suggestion(text) {
                Some(instead) => error.hint(format!("write `{instead}`")),
                None => {
                    error.hint("write a name such as `tavern.example` or `.example` for all names under it")
                }
            }
        };
        if text != text.trim() {
            return Err(refused(Malformed::Character(b' ')));
        }
        let (name, is_suffix) = match text.strip_prefix('.') {
            Some(name) => (name, true),
            None => (text, false),
        };
        match Host::parse(name.as_bytes()).map_err(refused)? {
            Host { port: Some(_), .. } => Err(refused(Malformed::Character(b':'))),
            _ if name.ends_with(':') => Err(refused(Malformed::Character(b':'))),
            Host { name: Name::Registered(name), .. } if is_suffix => Ok(Self::Suffix(name.into_owned())),
            Host { name: Name::Address(_), .. } if is_suffix => Err(refused(Malformed::Label)),
            Host { name, .. } => Ok(Self::Exact(name.to_string())),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Suffix(name) => write!(f, ".{name}"),
        }
    }
}

/// What somebody who wrote an address bar, a star or a port into the list most likely meant.
fn suggestion(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split('/').next().unwrap_or_default();
    let (dot, name) = match text.strip_prefix('*').unwrap_or(text).strip_prefix('.') {
        Some(name) => (".", name),
        None => ("", text),
    };
    let host = Host::parse(name.as_bytes()).ok()?;
    matches!(host.name, Name::Registered(_)).then(|| format!("{dot}{}", host.name))
}

/// The bytes of a name, without the dot at its end.
fn registered(value: &[u8]) -> Result<&str, Malformed> {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if let Some(byte) = value.iter().find(|byte| !is_allowed(byte)) {
        return Err(Malformed::Character(*byte));
    }
    let value = value.strip_suffix(b".").unwrap_or(value);
    if value.is_empty() {
        return Err(Malformed::Empty);
    }
    if value.len() > LONGEST_NAME {
        return Err(Malformed::Long);
    }
    if value.starts_with(b".") || value.ends_with(b".") || value.windows(2).any(|pair| pair == b"..") {
        return Err(Malformed::Label);
    }
    str::from_utf8(value).map_err(|_| Malformed::Empty)
}

/// Is `name` before a colon no host but the scheme of a page on the visitor's own machine?
fn is_scheme(name: &str) -> bool {
    let name = name.as_bytes();
    let extension = name.len().checked_sub(b"-extension".len()).filter(|at| *at > 0).map(|at| &name[at..]);
    name.eq_ignore_ascii_case(b"file") || extension.is_some_and(|end| end.eq_ignore_ascii_case(b"-extension"))
}

/// What stands between the brackets.
fn bracketed(value: &[u8]) -> Result<Ipv6Addr, Malformed> {
    let (address, zone) = match value.iter().position(|byte| *byte == b'%') {
        Some(at) => (&value[..at], Some(&value[at + 1..])),
        None => (value, None),
    };
    // `%` is itself written `%25` (RFC 6874), so after the sign only unreserved characters are left.
    let is_unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if zone.is_some_and(|zone| zone.is_empty() || !zone.iter().all(is_unreserved)) {
        return Err(Malformed::Brackets);
    }
    str::from_utf8(address).ok().and_then(|text| text.parse().ok()).ok_or(Malformed::Brackets)
}

/// `*DIGIT`: nothing at all is no port.
fn port(digits: &[u8]) -> Result<Option<u16>, Malformed> {
    if digits.is_empty() {
        return Ok(None);
    }
    // The digits are looked at first, because a number may otherwise begin with `+`.
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::Port);
    }
    str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).map(Some).ok_or(Malformed::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, Malformed> {
        Host::parse(text.as_bytes()).map(|host| host.to_string())
    }

    #[test]
    fn hosts_are_read_as_they_are_meant() {
        for (text, expected) in [
            ("localhost", "localhost"),
            ("LocalHost:8000", "localhost:8000"),
            ("tavern.example.", "tavern.example"),
            ("tavern.example.:0", "tavern.example:0"),
            ("tavern.example:", "tavern.example"),
            ("tavern.example:65535", "tavern.example:65535"),
            (" tavern.example\t", "tavern.example"),
            ("my_nas", "my_nas"),
            ("xn--bcher-kva.test", "xn--bcher-kva.test"),
            ("192.168.0.7:8000", "192.168.0.7:8000"),
            ("127.0.0.1.", "127.0.0.1"),
            ("127.0.0.01", "127.0.0.01"),
            ("2130706433", "2130706433"),
            ("file", "file"),
            ("my-extension", "my-extension"),
            ("-extension:80", "-extension:80"),
            ("[::1]", "[::1]"),
            ("[::1]:", "[::1]"),
            ("[2001:DB8::5]:8000", "[2001:db8::5]:8000"),
            ("[fe80::1%25eth0]:8000", "[fe80::1]:8000"),
            ("[fe80::1%eth0]", "[fe80::1]"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_malformed() {
        for (text, expected) in [
            ("", Malformed::Empty),
            (" ", Malformed::Empty),
            (".", Malformed::Empty),
            (":", Malformed::Empty),
            (":8000", Malformed::Empty),
            ("::1", Malformed::Empty),
            ("..", Malformed::Label),
            (".localhost", Malformed::Label),
            ("a..b", Malformed::Label),
            ("a..", Malformed::Label),
            ("a b", Malformed::Character(b' ')),
            ("user@tavern.example", Malformed::Character(b'@')),
            ("tavern.example/", Malformed::Character(b'/')),
            ("tavern.example,localhost", Malformed::Character(b',')),
            ("*.example", Malformed::Character(b'*')),
            ("b\u{fc}cher.test", Malformed::Character(0xc3)),
            ("a%41", Malformed::Character(b'%')),
            ("a\0", Malformed::Character(0)),
            ("http://tavern.example", Malformed::Port),
            ("file:", Malformed::Scheme),
            ("FILE:80", Malformed::Scheme),
            ("moz-Extension:8000", Malformed::Scheme),
            ("a:65536", Malformed::Port),
            ("a:000080", Malformed::Port),
            ("a:+80", Malformed::Port),
            ("a:80:80", Malformed::Port),
            ("user:word@tavern.example", Malformed::Port),
            ("[::1", Malformed::Brackets),
            ("[]", Malformed::Brackets),
            ("[::1]evil.test", Malformed::Brackets),
            ("[::1].", Malformed::Brackets),
            ("[127.0.0.1]", Malformed::Brackets),
            ("[::g]", Malformed::Brackets),
            ("[v1.x]", Malformed::Brackets),
            ("[fe80::1%]", Malformed::Brackets),
            ("[fe80::1%a/b]", Malformed::Brackets),
            ("[::1]:x", Malformed::Port),
        ] {
            assert_eq!(parsed(text), Err(expected), "{text}");
        }
        assert_eq!(parsed(&"a".repeat(LONGEST_NAME)), Ok("a".repeat(LONGEST_NAME)));
        assert_eq!(parsed(&"a".repeat(LONGEST_NAME + 1)), Err(Malformed::Long));
    }

    #[test]
    fn a_lower_case_name_is_borrowed() {
        for text in ["tavern.example:8000", "tavern.example.", "localhost"] {
            let host = Host::parse(text.as_bytes()).unwrap();
            assert!(matches!(host.name, Name::Registered(Cow::Borrowed(_))), "{text}");
        }
    }

    #[test]
    fn a_host_is_known_by_the_first_that_names_it() {
        let listed = [".tunnel.example", "Tavern.Example.", "192.168.0.7"].map(|text| text.parse().unwrap());
        let own = ["LAPTOP", "laptop.lan", "*.cert.test", "not a name"].map(str::to_owned);
        let hosts = Hosts::new(&listed, &own);
        for (text, expected) in [
            ("localhost:8000", Some(Known::Localhost)),
            ("a.b.LOCALHOST", Some(Known::Localhost)),
            ("notlocalhost", None),
            ("203.0.113.9", Some(Known::Address)),
            ("[2001:db8::1]:8000", Some(Known::Address)),
            ("tavern.example", Some(Known::Listed)),
            ("sub.tavern.example", None),
            ("tunnel.example", Some(Known::Listed)),
            ("a.b.tunnel.example.", Some(Known::Listed)),
            ("eviltunnel.example", None),
            ("tunnel.example.evil.test", None),
            ("laptop", Some(Known::Own)),
            ("laptop.lan", Some(Known::Own)),
            ("a.cert.test", Some(Known::Own)),
            ("a.b.cert.test", None),
            ("cert.test", None),
        ] {
            let verdict = hosts.judge(&Host::parse(text.as_bytes()).unwrap());
            assert_eq!(verdict, expected.map_or(HostVerdict::Unknown, HostVerdict::Known), "{text}");
        }
    }

    #[test]
    fn entries_round_trip_and_refusals_say_what_to_write() {
        for (text, printed) in [("Tavern.Example.", "tavern.example"), (".LAN", ".lan"), ("[::1]", "[::1]")] {
            let pattern: HostPattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), printed);
            assert_eq!(printed.parse::<HostPattern>().unwrap(), pattern);
        }
        let general = "write a name such as `tavern.example` or `.example` for all names under it";
        for (text, hint) in [
            ("tavern.example:8000", "write `tavern.example`"),
            ("tavern.example:", "write `tavern.example`"),
            ("https://tavern.example/", "write `tavern.example`"),
            ("*.tavern.example", "write `.tavern.example`"),
            (" tavern.example", "write `tavern.example`"),
            ("*", general),
            (".", general),
            ("", general),
            (".10.0.0.1", general),
            ("b\u{fc}cher.test", general),
        ] {
            let error = text.parse::<HostPattern>().unwrap_err();
            assert_eq!(error.hints(), [hint], "{text}");
        }
    }
}
