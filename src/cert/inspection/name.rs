//! What a visitor types, what a certificate says it is good for, and whether the one covers the other (RFC 6125,
//! section 6.4, as browsers keep it).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::cert::{authority, host};
use crate::error::Error;

/// A host as visitors type it: a name in lower case without the last dot, or an address.
///
/// Wider than an [`authority::Name`], which becomes one of these: a name is looked for as a browser would, whether or
/// not it should have been issued. So one with a dash at the edge of a label is a name, a part of the internet (`dev`)
/// too, and an address stays in the form in which it was typed: to a browser, which compares bytes, `::ffff:10.0.0.1`
/// is another than `10.0.0.1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// `desk.local`.
    Dns(String),
    /// `192.168.0.7`, `fe80::1`.
    Address(IpAddr),
}

impl FromStr for Name {
    type Err = Error;

    /// Reads it with or without the brackets of an IPv6 address.
    fn from_str(written: &str) -> Result<Self, Error> {
        let bare = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(address) = bare {
            let address = address.parse::<Ipv6Addr>().map(IpAddr::from).map(Self::Address);
            return address
                .map_err(|_| Error::new(format!("`{written}` has no IPv6 address in its brackets")));
        }
        if let Ok(address) = written.parse() {
            return Ok(Self::Address(address));
        }
        if !written.is_ascii() {
            return Err(Error::new(format!("the host name `{written}` is not ASCII"))
                .hint("write it as browsers send it: `xn--…`"));
        }
        if let Some(name) = host::host(written) {
            return Ok(Self::Dns(name));
        }
        Err(Error::new(format!("`{written}` is no host name"))
            .hint("without `https://`, port and path: `desk.local`"))
    }
}

impl From<authority::Name> for Name {
    fn from(name: authority::Name) -> Self {
        match name {
            authority::Name::Address(address) => Self::Address(address),
            authority::Name::Host(host) => Self::Dns(host),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// One entry of `subjectAltName`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `dNSName`, in lower case.
    Dns(String),
    /// `iPAddress`.
    Address(IpAddr),
}

impl Entry {
    /// Whether the entry is good for `name`. A wildcard stands for one whole label, the first.
    #[must_use]
    pub fn covers(&self, name: &Name) -> bool {
        match (self, name) {
            (Self::Address(entry), Name::Address(name)) => entry == name,
            (Self::Dns(entry), Name::Dns(name)) => match self.wildcard() {
                None => entry == name,
                Some(Wildcard::Counts { above }) => {
                    name.split_once('.').is_some_and(|(_, rest)| rest == above)
                }
                Some(Wildcard::Ignored) => false,
            },
            _ => false,
        }
    }

    /// What clients make of the wildcard in it, if there is one.
    #[must_use]
    pub fn wildcard(&self) -> Option<Wildcard<'_>> {
        let Self::Dns(entry) = self else { return None };
        if !entry.contains('*') {
            return None;
        }
        Some(match entry.strip_prefix("*.") {
            Some(above) if above.contains('.') && host::host(above).as_deref() == Some(above) => {
                Wildcard::Counts { above }
            }
            _ => Wildcard::Ignored,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What clients make of a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wildcard<'a> {
    /// It stands for one label in front of `above`.
    Counts {
        /// The name without `*.`.
        above: &'a str,
    },
    /// It is not the whole first label, or only one label follows (`*.local`): Chrome and OpenSSL ignore it.
    Ignored,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_people_type_them() {
        let read = |written: &str| match written.parse::<Name>() {
            Ok(name) => name.to_string(),
            Err(error) => error.to_string(),
        };
        let cases = [
            ("Desk.Local.", "desk.local"),
            ("192.168.0.7", "192.168.0.7"),
            ("[FE80::1]", "fe80::1"),
            ("::1", "::1"),
            ("bücher.example", "the host name `bücher.example` is not ASCII"),
            ("[desk]", "`[desk]` has no IPv6 address in its brackets"),
            ("https://desk", "`https://desk` is no host name"),
            ("a..b", "`a..b` is no host name"),
            ("", "`` is no host name"),
            // An address to browsers, in a form that nobody should type.
            ("127.1", "`127.1` is no host name"),
            ("10.0.0.300", "`10.0.0.300` is no host name"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
            ("-a.example", "-a.example"),
            ("dev", "dev"),
        ];
        for (written, expected) in cases {
            assert_eq!(read(written), expected);
        }
    }

    #[test]
    fn what_covers_what() {
        let covers = |entry: &str, name: &str| {
            let entry = entry.parse().map_or_else(|_| Entry::Dns(entry.to_owned()), Entry::Address);
            entry.covers(&name.parse().unwrap())
        };
        for (entry, name) in [
            ("desk.local", "DESK.local."),
            ("*.example.org", "a.example.org"),
            ("192.168.0.7", "192.168.0.7"),
            ("fe80::1", "[fe80:0::1]"),
        ] {
            assert!(covers(entry, name), "{entry} {name}");
        }
        for (entry, name) in [
            ("desk.local", "desk"),
            ("*.example.org", "example.org"),
            ("*.example.org", "a.b.example.org"),
            ("*.local", "desk.local"),
            ("*", "desk"),
            ("d*.example.org", "desk.example.org"),
            ("a.*.org", "a.example.org"),
            ("192.168.0.7", "192.168.0.8"),
        ] {
            assert!(!covers(entry, name), "{entry} {name}");
        }
        // An address in the wrong kind of entry does not count.
        assert!(!Entry::Dns("192.168.0.7".to_owned()).covers(&"192.168.0.7".parse().unwrap()));
    }
}
