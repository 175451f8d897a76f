//! Who is asking: the peer of the connection, what its headers say of others, and whom to believe.
//!
//! Everybody can write a header. What a trusted proxy appended is believed; what anybody else sent can
//! only make things harder for him.

mod forwarded;
mod headers;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use super::address::parse_address;
use super::whitelist::Whitelist;
use forwarded::{Element, elements};
pub use headers::ForwardedHeaders;

/// No address is longer in any form with a port, so nothing longer is even tried, in bytes.
const LONGEST_ADDRESS: usize = 128;
/// How much of a value that is no address is kept to be shown, in bytes.
const LONGEST_SHOWN: usize = 256;

/// Which of SillyTavern's three headers are read (`forwardedHeaders.*`), from whomever they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// `forwardedHeaders.xRealIp`.
    pub x_real_ip: bool,
    /// `forwardedHeaders.cfConnectingIp`.
    pub cf_connecting_ip: bool,
    /// `forwardedHeaders.xForwardedFor`.
    pub x_forwarded_for: bool,
}

impl Default for Read {
    /// SillyTavern's defaults: all but `CF-Connecting-IP`.
    fn default() -> Self {
        Self { x_real_ip: true, cf_connecting_ip: false, x_forwarded_for: true }
    }
}

/// Whom to believe about whom.
///
/// From a peer in `proxies`, the first of these headers that is there and holds anything counts:
///
/// 1. `X-Forwarded-For`, from right to left over all its lines: the first that is no trusted proxy is the
///    client; if all are, the leftmost. What stands further left came from the client and is never read.
/// 2. `CF-Connecting-IP`, then `X-Real-IP`: one address.
/// 3. `Forwarded`, as `X-Forwarded-For`. It comes last because hardly a proxy writes it, and those that
///    do not write it pass on what the client wrote.
///
/// For the same reason a proxy must set or remove every header above the one that it writes, or that
/// header must be switched off in `read`. A trusted proxy that names nobody is the client itself.
///
/// From any other peer SillyTavern's order counts: `X-Real-IP`, `CF-Connecting-IP`, the first part of
/// `X-Forwarded-For`; an empty one counts as absent, and one sent twice is joined with a comma.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The headers that are switched on.
    pub read: Read,
    /// Whether an address that an untrusted peer names has to be listed too (`enableForwardedWhitelist`).
    /// If not, it is only shown.
    pub judged: bool,
    /// The trusted proxies (`trustedProxies`).
    pub proxies: Whitelist,
}

/// Who is asking. All addresses are canonical: an IPv4-mapped IPv6 address is the IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// The peer, for itself.
    Direct {
        /// Its address.
        address: IpAddr,
    },
    /// Somebody whom a trusted proxy named.
    Behind {
        /// The peer, in `trustedProxies`.
        proxy: IpAddr,
        /// The client.
        address: IpAddr,
    },
    /// A peer that nobody trusts, which says that it asks for somebody else.
    Claimed {
        /// The peer.
        peer: IpAddr,
        /// Whom it named.
        address: IpAddr,
    },
    /// A peer whose header names nobody.
    Garbled {
        /// The peer, trusted or not.
        peer: IpAddr,
        /// The header that was read.
        header: Header,
        /// What it holds, or the part that is no address: Latin-1 as in SillyTavern, at most 256
        /// characters, not escaped.
        value: Box<str>,
    },
}

/// A header that can name a client; prints as it is usually written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// `X-Real-IP`.
    XRealIp,
    /// `CF-Connecting-IP`.
    CfConnectingIp,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded`.
    Forwarded,
}

/// What has to be listed before a client may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// This address.
    Listed(IpAddr),
    /// The peer, and then also the address that it named.
    BothListed {
        /// The peer.
        peer: IpAddr,
        /// Whom it named.
        claimed: IpAddr,
    },
    /// Nothing helps: what should have been listed cannot be read.
    Unmeetable,
}

impl Trust {
    /// Who is asking, if `peer` sent these `headers`. Allocates only for a value that is no address or
    /// was sent twice.
    #[must_use]
    pub fn identify(&self, peer: IpAddr, headers: &ForwardedHeaders<'_>) -> Client {
        let peer = peer.to_canonical();
        if headers.are_absent() {
            Client::Direct { address: peer }
        } else if self.is_proxy(peer) {
            self.behind(peer, headers)
        } else {
            self.claimed(peer, headers)
        }
    }

    /// What has to be listed for `client`. With an untrusted peer, no header turns a refusal into a permit:
    /// the peer itself has to be listed in every case.
    #[must_use]
    pub fn condition(&self, client: &Client) -> Condition {
        match *client {
            Client::Direct { address } | Client::Behind { address, .. } => Condition::Listed(address),
            Client::Claimed { peer, address } if self.judged => {
                Condition::BothListed { peer, claimed: address }
            }
            Client::Garbled { peer, .. } if self.judged || self.is_proxy(peer) => Condition::Unmeetable,
            Client::Claimed { peer, .. } | Client::Garbled { peer, .. } => Condition::Listed(peer),
        }
    }

    /// Whether the address of `client`, who sent these `headers`, is its own beyond doubt: nobody could have chosen it,
    /// and it is no proxy's that stands for whoever comes through it, trusted or not, whether its headers are read or
    /// not. Only such an address takes the place of a password.
    #[must_use]
    pub fn is_verified(&self, client: &Client, headers: &ForwardedHeaders<'_>) -> bool {
        match *client {
            Client::Direct { address } => headers.are_absent() && !self.is_proxy(address),
            Client::Behind { address, .. } => !self.is_proxy(address),
            Client::Claimed { .. } | Client::Garbled { .. } => false,
        }
    }

    /// Whether `peer` is a trusted proxy that got the request over https, as it says in `X-Forwarded-Proto`.
    #[must_use]
    pub fn is_secured(&self, peer: IpAddr, headers: &ForwardedHeaders<'_>) -> bool {
        headers.say_https() && self.is_proxy(peer.to_canonical())
    }

    /// The client as SillyTavern's `Blocked connection from …` and its page write it:
    /// `<socket> (forwarded from <value>)`, without the brackets where the value was not judged. Nothing
    /// is escaped.
    #[must_use]
    pub fn blocked<'a>(&self, client: &'a Client) -> impl fmt::Display + use<'a> {
        let peer = client.peer();
        let is_only_shown = match client {
            Client::Direct { .. } | Client::Behind { .. } => false,
            Client::Claimed { .. } | Client::Garbled { .. } => {
                self.condition(client) == Condition::Listed(peer)
            }
        };
        fmt::from_fn(
            move |f| if is_only_shown { write!(f, "{peer}") } else { client.write(f, "forwarded from") },
        )
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.find(address).is_some()
    }

    /// Whom a trusted proxy named.
    fn behind(&self, proxy: IpAddr, headers: &ForwardedHeaders<'_>) -> Client {
        let Read { x_real_ip, cf_connecting_ip, x_forwarded_for } = self.read;
        let named = switched(x_forwarded_for, &headers.x_forwarded_for)
            .and_then(|lines| self.last_of_chain(lines))
            .map(|hop| (Header::XForwardedFor, hop))
            .or_else(|| {
                let value = joined(switched(cf_connecting_ip, &headers.cf_connecting_ip)?)?;
                Some((Header::CfConnectingIp, Hop::read(value)))
            })
            .or_else(|| {
                let value = joined(switched(x_real_ip, &headers.x_real_ip)?)?;
                Some((Header::XRealIp, Hop::read(value)))
            })
            .or_else(|| Some((Header::Forwarded, self.last_of_elements(&headers.forwarded)?)));
        match named {
            None => Client::Direct { address: proxy },
            Some((_, Hop::Address(address))) => Client::Behind { proxy, address },
            Some((header, Hop::Garbage(value))) => {
                Client::Garbled { peer: proxy, header, value: shown(&value) }
            }
        }
    }

    /// Whom a peer that nobody trusts named.
    fn claimed(&self, peer: IpAddr, headers: &ForwardedHeaders<'_>) -> Client {
        let Read { x_real_ip, cf_connecting_ip, x_forwarded_for } = self.read;
        let named = switched(x_real_ip, &headers.x_real_ip)
            .and_then(joined)
            .map(|value| (Header::XRealIp, value))
            .or_else(|| {
                let value = joined(switched(cf_connecting_ip, &headers.cf_connecting_ip)?)?;
                Some((Header::CfConnectingIp, value))
            })
            .or_else(|| {
                // An empty first part is no name, whatever follows it.
                let first = switched(x_forwarded_for, &headers.x_forwarded_for)?.first()?;
                let value = first.split(|byte| *byte == b',').next()?.trim_ascii();
                (!value.is_empty()).then_some((Header::XForwardedFor, Cow::Borrowed(value)))
            });
        let Some((header, value)) = named else { return Client::Direct { address: peer } };
        match Hop::read(value) {
            Hop::Address(address) => Client::Claimed { peer, address },
            Hop::Garbage(value) => Client::Garbled { peer, header, value: shown(&value) },
        }
    }

    /// The last hop of `X-Forwarded-For` that is no trusted proxy. Empty parts are no hops (RFC 9110
    /// section 5.6.1).
    fn last_of_chain<'a>(&self, lines: &[&'a [u8]]) -> Option<Hop<'a>> {
        let mut leftmost = None;
        let parts = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
        for part in parts.map(<[u8]>::trim_ascii).filter(|part| !part.is_empty()) {
            let hop = Hop::read(Cow::Borrowed(part));
            if !self.is_trusted(&hop) {
                return Some(hop);
            }
            leftmost = Some(hop);
        }
        leftmost
    }

    /// The last hop of `Forwarded` that is no trusted proxy. A line can only be read from its left, so the
    /// last of each line is kept.
    fn last_of_elements<'a>(&self, lines: &[&'a [u8]]) -> Option<Hop<'a>> {
        let mut leftmost = None;
        for line in lines.iter().rev() {
            let mut first = None;
            let mut last = None;
            for element in elements(line) {
                let hop = match element {
                    Element::For(node) => Hop::read(Cow::Borrowed(node)),
                    // The proxy that wrote it does not say for whom, and what stands before it may be anybody's.
                    Element::Silent(text) => Hop::Garbage(Cow::Borrowed(text)),
                    // No quote of the client's may swallow what the proxy wrote behind it.
                    Element::Malformed => return Some(Hop::Garbage(Cow::Borrowed(line))),
                };
                if self.is_trusted(&hop) {
                    first = first.or(Some(hop));
                } else {
                    last = Some(hop);
                }
            }
            if last.is_some() {
                return last;
            }
            leftmost = first.or(leftmost);
        }
        leftmost
    }

    fn is_trusted(&self, hop: &Hop<'_>) -> bool {
        match hop {
            Hop::Address(address) => self.is_proxy(*address),
            Hop::Garbage(_) => false,
        }
    }
}

impl Client {
    /// The address that the log, the throttle and the page speak of: the one that was proven. What an
    /// untrusted peer says of others is no one's.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        match self {
            Self::Direct { address } | Self::Behind { address, .. } => *address,
            Self::Claimed { peer, .. } | Self::Garbled { peer, .. } => *peer,
        }
    }

    /// The other end of the connection.
    #[must_use]
    pub const fn peer(&self) -> IpAddr {
        match self {
            Self::Direct { address } => *address,
            Self::Behind { proxy, .. } => *proxy,
            Self::Claimed { peer, .. } | Self::Garbled { peer, .. } => *peer,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, words: &str) -> fmt::Result {
        match self {
            Self::Direct { address } => write!(f, "{address}"),
            Self::Behind { proxy: peer, address } | Self::Claimed { peer, address } => {
                write!(f, "{peer} ({words} {address})")
            }
            Self::Garbled { peer, value, .. } => write!(f, "{peer} ({words} {value})"),
        }
    }
}

/// SillyTavern's form: `<socket>` or `<socket> (forwarded: <value>)`. Nothing is escaped.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "forwarded:")
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XRealIp => "X-Real-IP",
            Self::CfConnectingIp => "CF-Connecting-IP",
            Self::XForwardedFor => "X-Forwarded-For",
            Self::Forwarded => "Forwarded",
        })
    }
}

/// One name in a header.
enum Hop<'a> {
    Address(IpAddr),
    Garbage(Cow<'a, [u8]>),
}

impl<'a> Hop<'a> {
    fn read(value: Cow<'a, [u8]>) -> Self {
        let text = str::from_utf8(&value).ok().filter(|text| text.len() <= LONGEST_ADDRESS);
        match text.and_then(|text| parse_address(text).ok()) {
            Some(address) => Self::Address(address),
            None => Self::Garbage(value),
        }
    }
}

/// `lines` of a header that is switched on.
fn switched<'h, 'a>(is_read: bool, lines: &'h [&'a [u8]]) -> Option<&'h [&'a [u8]]> {
    is_read.then_some(lines)
}

/// The value of a header as Node has it: several lines are joined with `, `. `None` if it is empty.
fn joined<'a>(lines: &[&'a [u8]]) -> Option<Cow<'a, [u8]>> {
    match lines {
        [] => None,
        [line] => Some(Cow::Borrowed(line.trim_ascii())).filter(|line| !line.is_empty()),
        lines => Some(Cow::Owned(lines.join(&b", "[..]))),
    }
}

/// The beginning of a value that is no address, for people to look at.
fn shown(value: &[u8]) -> Box<str> {
    value.iter().take(LONGEST_SHOWN).copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::policy::whitelist::{Place, WhitelistBuilder};

    const PROXY: &str = "10.0.0.1";
    const STRANGER: &str = "198.51.100.9";

    fn list(texts: &[&str]) -> Whitelist {
        let mut builder = WhitelistBuilder::new();
        for text in texts {
            builder.pattern(&text.parse().unwrap(), text, Place { file: Arc::from("config.yaml"), line: 1 });
        }
        builder.build()
    }

    fn trust() -> Trust {
        let read = Read { cf_connecting_ip: true, ..Read::default() };
        Trust { read, judged: true, proxies: list(&["10.0.0.0/8", "fd00::/8"]) }
    }

    /// Headers from lines such as `X-Real-IP: 192.0.2.1`.
    fn headers<'a>(lines: &[&'a str]) -> ForwardedHeaders<'a> {
        let mut headers = ForwardedHeaders::default();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let values = match name {
                "X-Real-IP" => &mut headers.x_real_ip,
                "CF-Connecting-IP" => &mut headers.cf_connecting_ip,
                "X-Forwarded-For" => &mut headers.x_forwarded_for,
                _ => &mut headers.forwarded,
            };
            values.push(value.as_bytes());
        }
        headers
    }

    fn identified(trust: &Trust, peer: &str, lines: &[&str]) -> String {
        let client = trust.identify(peer.parse().unwrap(), &headers(lines));
        let kind = match client {
            Client::Direct { .. } => "direct",
            Client::Behind { .. } => "behind",
            Client::Claimed { .. } => "claimed",
            Client::Garbled { .. } => "garbled",
        };
        format!("{kind} {client}")
    }

    #[test]
    fn a_trusted_proxy_is_believed() {
        for (lines, expected) in [
            (&[][..], "direct 10.0.0.1"),
            (&["X-Forwarded-For: 203.0.113.9"], "behind 10.0.0.1 (forwarded: 203.0.113.9)"),
            // What the client wrote stands to the left and is never read, garbage included.
            (&["X-Forwarded-For: 127.0.0.1, 203.0.113.9"], "behind 10.0.0.1 (forwarded: 203.0.113.9)"),
            (&["X-Forwarded-For: <b>,203.0.113.9 , 10.0.0.7"], "behind 10.0.0.1 (forwarded: 203.0.113.9)"),
            (
                &["X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.0.0.7,"],
                "behind 10.0.0.1 (forwarded: 203.0.113.9)",
            ),
            // A machine among the proxies that asks for itself.
            (&["X-Forwarded-For: 10.0.0.9, 10.0.0.7"], "behind 10.0.0.1 (forwarded: 10.0.0.9)"),
            (&["X-Forwarded-For: 203.0.113.9:4711"], "behind 10.0.0.1 (forwarded: 203.0.113.9)"),
            (&["X-Forwarded-For: [2001:db8::5]:80"], "behind 10.0.0.1 (forwarded: 2001:db8::5)"),
            (&["X-Forwarded-For: ::ffff:203.0.113.9"], "behind 10.0.0.1 (forwarded: 203.0.113.9)"),
            (&["X-Forwarded-For: ::ffff:10.0.0.7"], "behind 10.0.0.1 (forwarded: 10.0.0.7)"),
            (&["X-Forwarded-For: fe80::1%eth0"], "behind 10.0.0.1 (forwarded: fe80::1)"),
            (&["X-Forwarded-For: 203.0.113.9, unknown"], "garbled 10.0.0.1 (forwarded: unknown)"),
            (&["X-Forwarded-For: 203.0.113.9, 10.0.0.010"], "garbled 10.0.0.1 (forwarded: 10.0.0.010)"),
            (&["X-Forwarded-For: , ,"], "direct 10.0.0.1"),
            // Precedence.
            (
                &["X-Real-IP: 127.0.0.1", "CF-Connecting-IP: 127.0.0.2", "X-Forwarded-For: 203.0.113.9"],
                "behind 10.0.0.1 (forwarded: 203.0.113.9)",
            ),
            (
                &["X-Real-IP: 127.0.0.1", "CF-Connecting-IP: 203.0.113.9", "Forwarded: for=127.0.0.1"],
                "behind 10.0.0.1 (forwarded: 203.0.113.9)",
            ),
            (
                &["X-Real-IP: 203.0.113.9", "Forwarded: for=127.0.0.1"],
                "behind 10.0.0.1 (forwarded: 203.0.113.9)",
            ),
            (&["X-Forwarded-For: ", "X-Real-IP: 203.0.113.9"], "behind 10.0.0.1 (forwarded: 203.0.113.9)"),
            (
                &["X-Real-IP: 127.0.0.1", "X-Real-IP: 203.0.113.9"],
                "garbled 10.0.0.1 (forwarded: 127.0.0.1, 203.0.113.9)",
            ),
        ] {
            assert_eq!(identified(&trust(), PROXY, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn the_forwarded_header_of_a_trusted_proxy() {
        for (lines, expected) in [
            (&["Forwarded: for=203.0.113.9;proto=https"][..], "behind 10.0.0.1 (forwarded: 203.0.113.9)"),
            (&["Forwarded: by=_x; FOR=\"203.0.113.9:80\""], "behind 10.0.0.1 (forwarded: 203.0.113.9)"),
            (
                &["Forwarded: for=127.0.0.1, for=203.0.113.9, for=10.0.0.7"],
                "behind 10.0.0.1 (forwarded: 203.0.113.9)",
            ),
            (
                &["Forwarded: for=127.0.0.1", "Forwarded: for=\"[2001:db8::5]:_p\""],
                "behind 10.0.0.1 (forwarded: 2001:db8::5)",
            ),
            (
                &["Forwarded: for=203.0.113.9", "Forwarded: for=10.0.0.8, for=10.0.0.7"],
                "behind 10.0.0.1 (forwarded: 203.0.113.9)",
            ),
            (
                &["Forwarded: for=10.0.0.9, for=10.0.0.8", "Forwarded: for=10.0.0.7"],
                "behind 10.0.0.1 (forwarded: 10.0.0.9)",
            ),
            (&["Forwarded: for=x, for=203.0.113.9"], "behind 10.0.0.1 (forwarded: 203.0.113.9)"),
            (&["Forwarded: for=203.0.113.9, for=_hidden"], "garbled 10.0.0.1 (forwarded: _hidden)"),
            (&["Forwarded: for=203.0.113.9, for=unknown"], "garbled 10.0.0.1 (forwarded: unknown)"),
            (&["Forwarded: for=127.0.0.1, proto=https"], "garbled 10.0.0.1 (forwarded: proto=https)"),
            // A client's open quote must not hide what the proxy wrote.
            (
                &["Forwarded: for=127.0.0.1;x=\", for=203.0.113.9"],
                "garbled 10.0.0.1 (forwarded: for=127.0.0.1;x=\", for=203.0.113.9)",
            ),
            (
                &["Forwarded: for=127.0.0.1;x=\", for=\"[2001:db8::5]\""],
                "garbled 10.0.0.1 (forwarded: for=127.0.0.1;x=\", for=\"[2001:db8::5]\")",
            ),
            (
                &["Forwarded: for=127.0.0.1;for=203.0.113.9"],
                "garbled 10.0.0.1 (forwarded: for=127.0.0.1;for=203.0.113.9)",
            ),
            (&["Forwarded: "], "direct 10.0.0.1"),
        ] {
            assert_eq!(identified(&trust(), PROXY, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn anybody_else_is_only_quoted() {
        for (lines, expected) in [
            (&[][..], "direct 198.51.100.9"),
            (&["X-Forwarded-For: 127.0.0.1, 203.0.113.9"], "claimed 198.51.100.9 (forwarded: 127.0.0.1)"),
            (&["X-Forwarded-For: , 127.0.0.1"], "direct 198.51.100.9"),
            (&["X-Forwarded-For: ", "X-Forwarded-For: 127.0.0.1"], "direct 198.51.100.9"),
            (&["X-Real-IP: ", "X-Forwarded-For: 127.0.0.1"], "claimed 198.51.100.9 (forwarded: 127.0.0.1)"),
            (
                &["X-Real-IP: 127.0.0.1", "X-Real-IP: 127.0.0.2"],
                "garbled 198.51.100.9 (forwarded: 127.0.0.1, 127.0.0.2)",
            ),
            (&["CF-Connecting-IP: [::1]:80", "X-Forwarded-For: x"], "claimed 198.51.100.9 (forwarded: ::1)"),
            (&["X-Forwarded-For: unknown, 127.0.0.1"], "garbled 198.51.100.9 (forwarded: unknown)"),
            (&["Forwarded: for=127.0.0.1"], "direct 198.51.100.9"),
        ] {
            assert_eq!(identified(&trust(), STRANGER, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn headers_that_are_switched_off_are_not_read_from_anybody() {
        let read = Read { x_real_ip: false, cf_connecting_ip: false, x_forwarded_for: false };
        let trust = Trust { read, ..trust() };
        let lines = ["X-Real-IP: 127.0.0.1", "CF-Connecting-IP: 127.0.0.1", "X-Forwarded-For: 127.0.0.1"];
        assert_eq!(identified(&trust, PROXY, &lines), "direct 10.0.0.1");
        assert_eq!(identified(&trust, STRANGER, &lines), "direct 198.51.100.9");
    }

    #[test]
    fn a_mapped_peer_is_the_ipv4_address() {
        assert_eq!(identified(&trust(), "::ffff:198.51.100.9", &[]), "direct 198.51.100.9");
        let lines = ["X-Forwarded-For: 203.0.113.9"];
        assert_eq!(
            identified(&trust(), "::ffff:10.0.0.1", &lines),
            "behind 10.0.0.1 (forwarded: 203.0.113.9)"
        );
    }

    #[test]
    fn the_condition_follows_from_who_said_it() {
        let listed = |text: &str| Condition::Listed(text.parse().unwrap());
        let both = |peer: &str, claimed: &str| Condition::BothListed {
            peer: peer.parse().unwrap(),
            claimed: claimed.parse().unwrap(),
        };
        for (peer, line, judged, shown) in [
            (PROXY, "X-Real-IP: 203.0.113.9", listed("203.0.113.9"), listed("203.0.113.9")),
            (PROXY, "X-Real-IP: x", Condition::Unmeetable, Condition::Unmeetable),
            (STRANGER, "X-Real-IP: 203.0.113.9", both(STRANGER, "203.0.113.9"), listed(STRANGER)),
            (STRANGER, "X-Real-IP: x", Condition::Unmeetable, listed(STRANGER)),
            (STRANGER, "X-Real-IP: ", listed(STRANGER), listed(STRANGER)),
        ] {
            for (is_judged, expected) in [(true, judged), (false, shown)] {
                let trust = Trust { judged: is_judged, ..trust() };
                let client = trust.identify(peer.parse().unwrap(), &headers(&[line]));
                assert_eq!(trust.condition(&client), expected, "{peer} {line} {is_judged}");
            }
        }
    }

    #[test]
    fn the_log_speaks_of_the_address_that_was_proven() {
        for (peer, address) in [(PROXY, "203.0.113.9"), (STRANGER, STRANGER)] {
            let client = trust().identify(peer.parse().unwrap(), &headers(&["X-Real-IP: 203.0.113.9"]));
            assert_eq!(client.address().to_string(), address);
            assert_eq!(client.peer().to_string(), peer);
            assert_eq!(trust().blocked(&client).to_string(), format!("{peer} (forwarded from 203.0.113.9)"));
        }
        let trust = Trust { judged: false, ..trust() };
        let client = trust.identify(STRANGER.parse().unwrap(), &headers(&["X-Real-IP: x"]));
        assert_eq!(trust.blocked(&client).to_string(), STRANGER);
    }

    #[test]
    fn five_hundred_hops_and_sixty_four_kibibytes() {
        let hops = vec!["10.0.0.7"; 500].join(",");
        let chain = format!("X-Forwarded-For: 203.0.113.9,{hops}");
        assert_eq!(identified(&trust(), PROXY, &[&chain]), "behind 10.0.0.1 (forwarded: 203.0.113.9)");
        for header in ["X-Real-IP", "CF-Connecting-IP", "X-Forwarded-For"] {
            let line = format!("{header}: {}", "1".repeat(64 * 1024));
            let garbage = "1".repeat(LONGEST_SHOWN);
            for peer in [PROXY, STRANGER] {
                assert_eq!(
                    identified(&trust(), peer, &[&line]),
                    format!("garbled {peer} (forwarded: {garbage})")
                );
            }
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_https_and_only_without_a_doubt() {
        for (lines, expected) in [
            (&[][..], false),
            (&["https"], true),
            (&[" HTTPS\t"], true),
            (&["https,https", "https"], true),
            (&["https, http"], false),
            (&["http, https"], false),
            (&["https", "http"], false),
            (&["http", "https"], false),
            (&["https,"], false),
            (&["https", ""], false),
            (&["\"https\""], false),
            (&["https;q=1"], false),
            (&["httpss"], false),
            (&["wss"], false),
        ] {
            let x_forwarded_proto = lines.iter().map(|line| line.as_bytes()).collect();
            let headers = ForwardedHeaders { x_forwarded_proto, ..ForwardedHeaders::default() };
            for (peer, trusted) in [(PROXY, true), ("::ffff:10.0.0.1", true), (STRANGER, false)] {
                let secured = trust().is_secured(peer.parse().unwrap(), &headers);
                assert_eq!(secured, expected && trusted, "{lines:?} of {peer}");
            }
        }
    }

    fn permits(condition: Condition, list: &Whitelist) -> bool {
        let is_listed = |address| list.find(address).is_some();
        match condition {
            Condition::Listed(address) => is_listed(address),
            Condition::BothListed { peer, claimed } => is_listed(peer) && is_listed(claimed),
            Condition::Unmeetable => false,
        }
    }

    fn values() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let part = prop_oneof![
            Just("127.0.0.1"),
            Just("10.0.0.1"),
            Just("203.0.113.9"),
            Just("::1"),
            Just("unknown"),
            Just(""),
            Just("for=127.0.0.1"),
            Just("[::ffff:127.0.0.1]:80"),
            Just("\""),
            Just("198.51.100.9"),
        ];
        let list = prop::collection::vec(part, 0..6).prop_map(|parts| parts.join(", ").into_bytes());
        let value = prop_oneof![4 => list, 1 => prop::collection::vec(any::<u8>(), 0..40)];
        prop::collection::vec(value, 0..3)
    }

    proptest! {
        #[test]
        fn no_header_of_an_untrusted_peer_turns_a_refusal_into_a_permit(
            values in [values(), values(), values(), values()],
            judged: bool,
        ) {
            let [x_real_ip, cf_connecting_ip, x_forwarded_for, forwarded] =
                values.each_ref().map(|lines| lines.iter().map(Vec::as_slice).collect());
            let x_forwarded_proto = vec![&b"https"[..]];
            let headers = ForwardedHeaders {
                x_real_ip,
                cf_connecting_ip,
                x_forwarded_for,
                forwarded,
                x_forwarded_proto,
            };
            let trust = Trust { judged, ..trust() };
            let list = list(&["127.0.0.0/8", "::1", "10.0.0.0/8", "203.0.113.0/24"]);
            let client = trust.identify(STRANGER.parse().unwrap(), &headers);
            prop_assert!(!permits(trust.condition(&client), &list), "{client:?}");
            prop_assert_eq!(client.address().to_string(), STRANGER);
            // From a proxy, whatever it says, the headers are read without a panic.
            let client = trust.identify(PROXY.parse().unwrap(), &headers);
            prop_assert_eq!(client.peer().to_string(), PROXY);
        }

        #[test]
        fn what_stands_left_of_the_stranger_changes_nothing(left in "[^\u{0}]{0,60}") {
            let value = format!("{left}, 203.0.113.9");
            let headers = ForwardedHeaders { x_forwarded_for: vec![value.as_bytes()], ..ForwardedHeaders::default() };
            let client = trust().identify(PROXY.parse().unwrap(), &headers);
            prop_assert_eq!(client.to_string(), "10.0.0.1 (forwarded: 203.0.113.9)");
        }

        #[test]
        fn nothing_that_a_client_writes_hides_the_element_of_a_proxy(left in "[a-z0-9=;,\"\\\\ .\\[\\]]{0,40}") {
            let value = format!("{left}, for=\"[2001:db8::5]:80\";proto=https");
            let headers = ForwardedHeaders { forwarded: vec![value.as_bytes()], ..ForwardedHeaders::default() };
            match trust().identify(PROXY.parse().unwrap(), &headers) {
                Client::Behind { address, .. } => prop_assert_eq!(address.to_string(), "2001:db8::5"),
                client => prop_assert!(matches!(client, Client::Garbled { .. }), "{client:?}"),
            }
        }
    }
}
