//! What a certificate is for: addresses and host names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use rcgen::SanType;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::Root;
use crate::cert::host;
use crate::error::Error;

/// An address or a host name that a certificate of ours may be for.
///
/// Each is an [`inspection::name::Name`] too, and not the other way round: what is made here keeps to what RFC 5280 lets
/// a certificate say and names single computers, while others' certificates are good for more.
///
/// [`inspection::name::Name`]: crate::cert::inspection::name::Name
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// `192.168.0.2`, never an IPv4 address in the form of an IPv6 one.
    Address(IpAddr),
    /// `desk.local`: ASCII, small letters, without a dot at its end.
    Host(String),
}

impl Name {
    fn host(text: &str) -> Option<Self> {
        let host = host::host(text)?;
        // RFC 5280 section 4.2.1.6: a label begins and ends with a letter or a digit.
        let is_plain = host.split('.').all(|label| !label.starts_with('-') && !label.ends_with('-'));
        is_plain.then_some(Self::Host(host))
    }

    /// Whether an authority that may vouch for this host, and so for all below it, could vouch for strangers' servers.
    #[must_use]
    pub fn is_top_level(&self) -> bool {
        let Self::Host(host) = self else { return false };
        !host.contains('.') && (host.len() <= 2 || TOP_LEVEL.contains(&host.as_str()))
    }
}

/// What computers are called at home and the top of the name system is called too. Those of countries have two
/// letters.
const TOP_LEVEL: &[&str] = &[
    "ai", "app", "art", "band", "beer", "blog", "blue", "book", "bot", "box", "cafe", "cam", "chat", "cloud",
    "codes", "com", "computer", "cool", "data", "dev", "dog", "edu", "family", "farm", "fire", "fun", "game",
    "games", "garden", "google", "gov", "green", "group", "haus", "host", "hosting", "house", "info", "ink",
    "int", "kitchen", "lab", "land", "link", "live", "lol", "mail", "media", "mil", "mini", "mobi", "moe",
    "monster", "mov", "movie", "music", "name", "net", "network", "ninja", "one", "online", "org", "page",
    "phone", "photo", "photos", "pink", "play", "plus", "pro", "red", "rocks", "room", "run", "school",
    "science", "services", "shop", "site", "soft", "software", "space", "spot", "storage", "store", "stream",
    "studio", "systems", "taxi", "team", "tech", "top", "toys", "tube", "video", "watch", "web", "wiki",
    "work", "works", "world", "wtf", "xyz", "you", "zip", "zone",
];

impl FromStr for Name {
    type Err = Error;

    /// Reads an address, with or without brackets, or a host name.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::from(address));
        }
        let error = || Error::new(format!("`{text}` is neither a host name nor an address"));
        if let Some((host, port)) = text.rsplit_once(':')
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && Self::host(host).is_some()
        {
            return Err(error().hint(format!("a certificate counts for every port: `{host}`")));
        }
        if text.starts_with("*.") {
            return Err(error().hint("name every host by itself"));
        }
        if !text.is_ascii() {
            return Err(error().hint("write it as browsers send it, with `xn--`"));
        }
        let name = Self::host(text).ok_or_else(error)?;
        if name.is_top_level() {
            return Err(Error::new(format!("`{text}` is a part of the internet, not a computer"))
                .hint(format!("name the computer in full, such as `desk.{text}`")));
        }
        Ok(name)
    }
}

impl From<IpAddr> for Name {
    /// In the form in which visitors come by it, to a socket of both families too.
    fn from(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Host(host) => f.write_str(host),
        }
    }
}

/// What one certificate is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// What the owner has named. Stands in front, before `localhost`, so that it can be told from what was found when
    /// the certificate is renewed.
    pub given: Vec<Name>,
    /// What this machine goes by besides `localhost`: names first, then addresses.
    pub own: Vec<Name>,
}

impl Names {
    /// All of them, each once: the given ones, `localhost`, the loopback addresses, the machine's own.
    #[must_use]
    pub fn all(&self) -> Vec<Name> {
        let mut all: Vec<Name> = Vec::new();
        let given = self.given.iter().filter(|name| !LOOPBACK.contains(name));
        for name in given.chain(&*LOOPBACK).chain(&self.own) {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        all
    }

    /// Those that `root` may vouch for.
    pub(super) fn permitted_by(&self, root: &Root) -> Self {
        let permitted = |names: &[Name]| names.iter().filter(|name| root.permits(name)).cloned().collect();
        Self { given: permitted(&self.given), own: permitted(&self.own) }
    }

    /// What a certificate is for, taken apart again.
    pub(super) fn of(read: &X509Certificate<'_>) -> Option<Self> {
        let san = read.subject_alternative_name().ok()??;
        let mut names = san.value.general_names.iter().filter_map(name);
        let localhost = &LOOPBACK[0];
        let given = names.by_ref().take_while(|name| name != localhost).collect();
        Some(Self { given, own: names.filter(|name| !LOOPBACK.contains(name)).collect() })
    }

    /// What the certificate calls its owner, which nothing reads but people.
    pub(super) fn title(&self) -> String {
        let first = self.own.iter().chain(&self.given).next();
        // X.520 allows no more.
        first.map_or_else(|| "localhost".to_owned(), |name| name.to_string().chars().take(64).collect())
    }

    /// All of them as rcgen wants them.
    pub(super) fn san(&self) -> Result<Vec<SanType>, Error> {
        let san = |name: &Name| {
            Ok(match name {
                Name::Address(address) => SanType::IpAddress(*address),
                Name::Host(host) => SanType::DnsName(
                    host.as_str().try_into().map_err(|_| Error::new(format!("`{name}` is no host name")))?,
                ),
            })
        };
        self.all().iter().map(san).collect()
    }
}

/// What every machine calls itself.
static LOOPBACK: std::sync::LazyLock<[Name; 3]> = std::sync::LazyLock::new(|| {
    [
        Name::Host("localhost".to_owned()),
        Name::Address(Ipv4Addr::LOCALHOST.into()),
        Name::Address(Ipv6Addr::LOCALHOST.into()),
    ]
});

/// One name of a certificate; mail addresses and the like are none.
fn name(general: &GeneralName<'_>) -> Option<Name> {
    match general {
        GeneralName::DNSName(host) => Name::host(host),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(Name::from)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let error = text.parse::<Name>().unwrap_err();
        std::iter::once(error.to_string()).chain(error.hints().to_vec()).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn names_are_read_and_written() {
        for (text, expected) in [
            ("192.168.0.2", "192.168.0.2"),
            ("[fd00::2]", "fd00::2"),
            ("FD00:0::2", "fd00::2"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("Desk.Local.", "desk.local"),
            ("my_pc", "my_pc"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            let name: Name = text.parse().unwrap();
            assert_eq!(name.to_string(), expected);
            assert_eq!(name.to_string().parse::<Name>().unwrap(), name);
        }
    }

    #[test]
    fn what_no_certificate_can_be_for_is_refused() {
        let neither = |text: &str| format!("`{text}` is neither a host name nor an address");
        for text in
            ["", ".", "a b", "-a", "a-", "a..b", "127.1", "a.0x7f.1", "https://desk", "a/b", "fe80::1%eth0"]
        {
            assert_eq!(refusal(text), neither(text));
        }
        assert_eq!(
            refusal("desk:8000"),
            neither("desk:8000") + " | a certificate counts for every port: `desk`"
        );
        assert_eq!(refusal("*.lan"), neither("*.lan") + " | name every host by itself");
        assert_eq!(
            refusal("bücher.lan"),
            neither("bücher.lan") + " | write it as browsers send it, with `xn--`"
        );
        for text in ["dev", "COM", "de"] {
            let expected = format!(
                "`{text}` is a part of the internet, not a computer | name the computer in full, such as `desk.{text}`"
            );
            assert_eq!(refusal(text), expected);
        }
    }

    #[test]
    fn all_names_each_once_and_the_given_ones_first() {
        let names = |list: &[&str]| list.iter().map(|name| name.parse().unwrap()).collect::<Vec<Name>>();
        let both = Names {
            given: names(&["tavern.lan", "localhost", "10.0.0.7", "tavern.lan"]),
            own: names(&["desk", "127.0.0.1", "desk.local", "10.0.0.7", "10.0.0.8"]),
        };
        let expected =
            ["tavern.lan", "10.0.0.7", "localhost", "127.0.0.1", "::1", "desk", "desk.local", "10.0.0.8"];
        assert_eq!(both.all(), names(&expected));
    }
}
