//! Addresses as people write them: every accepted form of a list entry, what it covers, and what
//! its writer may not have meant.
//!
//! The grammar is that of SillyTavern's list (the npm library ip-matching 2.1.2), read strictly: what
//! that library reads in two ways, or wider than it looks, is refused here with a hint.

mod coverage;
mod entry;
mod grammar;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

use crate::error::Error;

pub use coverage::{Caution, Count, Coverage, Everyone};
pub use entry::{Entry, HostName, Preset};
use grammar::Form;
pub use grammar::parse_address;

/// Addresses, by number: one entry of a list.
///
/// Read from `192.168.0.7`, `192.168.0.0/24`, `192.168.0.0/255.255.255.0`, `192.168.0.1-192.168.0.9`,
/// `192.168.0.*`, `10.*.0.*`, `192.168.*`, the same in IPv6, `fe80::1%eth0`, and `*` for every address
/// of both families. White space at both ends is dropped, as JavaScript's `trim` does.
///
/// IPv4-mapped IPv6 (`::ffff:192.168.0.7`, `::ffff:192.168.0.0/120`) is the IPv4 address or network it
/// stands for; the addresses asked about are taken the same way. NAT64 and 6to4 are not translated.
///
/// `Display` writes the shortest form that means the same (`10.1.2.3/8` and `10.*` are `10.0.0.0/8`),
/// and reading it again gives an equal pattern. Patterns are equal when that form is.
#[derive(Clone, Debug)]
pub struct IpPattern {
    shape: Shape,
    written: Written,
}

/// What the shape does not tell of how a pattern was written, and a caution may have to.
#[derive(Clone, Debug)]
enum Written {
    Plainly,
    /// With bits behind the prefix.
    HostBits(IpAddr),
    /// With a mask, as opposed to stars.
    Mask,
    Zone(Box<str>),
    /// As `2001:db8::*`, with so many groups before the star, or with stars among them.
    LastGroup(Box<str>, Option<u8>),
}

/// What a pattern takes, in one form for all spellings: a contiguous mask is a network, a range that
/// is a network is one, nothing mapped is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shape {
    Everyone,
    /// Without host bits; one address is a network of full length.
    Network(IpNet),
    V4Range(Ipv4Addr, Ipv4Addr),
    V6Range(Ipv6Addr, Ipv6Addr),
    V4Mask(Mask<u32>),
    V6Mask(Mask<u128>),
}

/// The addresses that agree with `value` in the bits of `mask`. No bit of `value` lies outside `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mask<N> {
    pub(super) value: N,
    pub(super) mask: N,
}

/// A pattern as numbers, for the compiled list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Span {
    Everyone,
    V4 { first: u32, last: u32 },
    V6 { first: u128, last: u128 },
    V4Mask(Mask<u32>),
    V6Mask(Mask<u128>),
}

impl IpPattern {
    /// The network of `prefix` bits in which `address` lies; `None` when the family has fewer bits.
    #[must_use]
    pub fn network(address: IpAddr, prefix: u8) -> Option<Self> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= bits).then(|| Self::from_form(&Form::Prefix(address, prefix)))
    }

    /// Whether the pattern takes `address`.
    ///
    /// An IPv4-mapped address counts as the IPv4 address inside. A pattern of one family never takes an
    /// address of the other, so `::/0` takes no IPv4 address. A zone is not compared: an address carries none.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.shape, address.to_canonical()) {
            (Shape::Everyone, _) => true,
            (Shape::Network(network), address) => network.contains(&address),
            (Shape::V4Range(first, last), IpAddr::V4(address)) => (first..=last).contains(&address),
            (Shape::V6Range(first, last), IpAddr::V6(address)) => (first..=last).contains(&address),
            (Shape::V4Mask(mask), IpAddr::V4(address)) => address.to_bits() & mask.mask == mask.value,
            (Shape::V6Mask(mask), IpAddr::V6(address)) => address.to_bits() & mask.mask == mask.value,
            _ => false,
        }
    }

    /// Whether the pattern takes every address that `other` takes. Sure of each yes; a mask with holes may say no to
    /// a range that it does take. Zones are not compared, as [`IpPattern::contains`] does not.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self.span(), other.span()) {
            (Span::Everyone, _) => true,
            (Span::V4 { first, last }, Span::V4 { first: least, last: most }) => {
                first <= least && most <= last
            }
            (Span::V6 { first, last }, Span::V6 { first: least, last: most }) => {
                first <= least && most <= last
            }
            (Span::V4 { first, last }, Span::V4Mask(Mask { value, mask })) => {
                first <= value && (value | !mask) <= last
            }
            (Span::V6 { first, last }, Span::V6Mask(Mask { value, mask })) => {
                first <= value && (value | !mask) <= last
            }
            (Span::V4Mask(ours), Span::V4Mask(Mask { value, mask })) => {
                ours.mask & mask == ours.mask && value & ours.mask == ours.value
            }
            (Span::V6Mask(ours), Span::V6Mask(Mask { value, mask })) => {
                ours.mask & mask == ours.mask && value & ours.mask == ours.value
            }
            // Bits that are the same in the first and the last number, and in all above them, are the same in between.
            (Span::V4Mask(Mask { value, mask }), Span::V4 { first, last }) => {
                let fixed = !u32::MAX.checked_shr((first ^ last).leading_zeros()).unwrap_or(0);
                mask & fixed == mask && first & mask == value
            }
            (Span::V6Mask(Mask { value, mask }), Span::V6 { first, last }) => {
                let fixed = !u128::MAX.checked_shr((first ^ last).leading_zeros()).unwrap_or(0);
                mask & fixed == mask && first & mask == value
            }
            _ => false,
        }
    }

    /// What the writer of the entry may not have meant, for a warning beside it. Empty for most.
    #[must_use]
    pub fn cautions(&self) -> Vec<Caution> {
        let of_writing = match (&self.written, self.shape) {
            (&Written::HostBits(address), Shape::Network(network)) => {
                Some(Caution::HostBits { address, prefix: network.prefix_len() })
            }
            (Written::Mask, Shape::V4Mask(_) | Shape::V6Mask(_)) => {
                Some(Caution::MaskWithHoles { covers: self.shape.to_string(), count: self.shape.count() })
            }
            (Written::Zone(zone), _) => Some(Caution::ZoneIgnored { zone: zone.to_string() }),
            (Written::LastGroup(text, groups), _) => {
                Some(Caution::LastGroupOnly { text: text.to_string(), groups: *groups })
            }
            _ => None,
        };
        let of_shape = match (self.shape, self.shape.count()) {
            (_, Count::Every(everyone)) => Some(Caution::CoversEveryone(everyone)),
            (Shape::Network(network), Count::Of(1)) if network.addr().is_unspecified() => {
                Some(Caution::OneAddressOnly(network.addr()))
            }
            _ => None,
        };
        of_writing.into_iter().chain(of_shape).collect()
    }

    /// Whether the pattern takes every address of a family, for which there is a [`Caution::CoversEveryone`].
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        matches!(self.shape.count(), Count::Every(_))
    }

    /// What the pattern covers, to be printed: `192.168.0.0/24, 256 addresses`.
    #[must_use]
    pub fn coverage(&self) -> Coverage<'_> {
        Coverage(self)
    }

    /// The pattern as first and last number, or as value and mask where it is not contiguous.
    pub(super) fn span(&self) -> Span {
        match self.shape {
            Shape::Everyone => Span::Everyone,
            Shape::Network(IpNet::V4(net)) => {
                Span::V4 { first: net.network().to_bits(), last: net.broadcast().to_bits() }
            }
            Shape::Network(IpNet::V6(net)) => {
                Span::V6 { first: net.network().to_bits(), last: net.broadcast().to_bits() }
            }
            Shape::V4Range(first, last) => Span::V4 { first: first.to_bits(), last: last.to_bits() },
            Shape::V6Range(first, last) => Span::V6 { first: first.to_bits(), last: last.to_bits() },
            Shape::V4Mask(mask) => Span::V4Mask(mask),
            Shape::V6Mask(mask) => Span::V6Mask(mask),
        }
    }

    fn from_form(form: &Form<'_>) -> Self {
        let shape = Shape::from_form(form);
        let written = match *form {
            Form::Prefix(address, _) | Form::Mask(address, _) => match (shape, address.to_canonical()) {
                // A mapped address in a network wider than all that are mapped is of the other family.
                (Shape::Network(network), address)
                    if address != network.addr() && address.is_ipv4() == network.addr().is_ipv4() =>
                {
                    Written::HostBits(address)
                }
                _ => Written::Mask,
            },
            Form::Zoned(_, zone) => Written::Zone(zone.into()),
            Form::LastGroup { text, groups, .. } => Written::LastGroup(text.into(), groups),
            _ => Written::Plainly,
        };
        Self { shape, written }
    }

    fn zone(&self) -> Option<&str> {
        if let Written::Zone(zone) = &self.written { Some(zone) } else { None }
    }
}

impl PartialEq for IpPattern {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.zone() == other.zone()
    }
}

impl Eq for IpPattern {}

impl Hash for IpPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shape.hash(state);
        self.zone().hash(state);
    }
}

impl From<IpAddr> for IpPattern {
    fn from(address: IpAddr) -> Self {
        Self::from_form(&Form::Single(address))
    }
}

impl FromStr for IpPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        grammar::read(text).map(|form| Self::from_form(&form))
    }
}

impl fmt::Display for IpPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shape.fmt(f)?;
        self.zone().iter().try_for_each(|zone| write!(f, "%{zone}"))
    }
}

impl Shape {
    fn from_form(form: &Form<'_>) -> Self {
        match *form {
            Form::Everyone => Self::Everyone,
            Form::Single(address) => Self::Network(address.to_canonical().into()),
            Form::Zoned(address, _) => Self::Network(IpAddr::V6(address).into()),
            Form::Range(IpAddr::V4(first), IpAddr::V4(last)) => Self::v4_range(first, last),
            Form::Range(first, last) => Self::v6_range(v6(first), v6(last)),
            Form::Prefix(IpAddr::V4(address), prefix) => {
                Self::v4_mask(address.to_bits(), u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0))
            }
            Form::Prefix(IpAddr::V6(address), prefix) => {
                Self::v6_mask(address.to_bits(), u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0))
            }
            Form::Mask(IpAddr::V4(address), IpAddr::V4(mask)) => {
                Self::v4_mask(address.to_bits(), mask.to_bits())
            }
            Form::Mask(address, mask) => Self::v6_mask(v6(address).to_bits(), v6(mask).to_bits()),
            Form::V4Stars(Mask { value, mask }) => Self::v4_mask(value, mask),
            Form::V6Stars(Mask { value, mask }) | Form::LastGroup { stars: Mask { value, mask }, .. } => {
                Self::v6_mask(value, mask)
            }
        }
    }

    fn v4_range(first: Ipv4Addr, last: Ipv4Addr) -> Self {
        let mut networks = Ipv4Subnets::new(first, last, 0);
        match (networks.next(), networks.next()) {
            (Some(network), None) => Self::Network(IpNet::V4(network)),
            _ => Self::V4Range(first, last),
        }
    }

    /// A range is IPv4 only when both ends are mapped; of any other the mapped part takes nothing, as
    /// addresses are asked about in their IPv4 form.
    fn v6_range(first: Ipv6Addr, last: Ipv6Addr) -> Self {
        if let (Some(first), Some(last)) = (first.to_ipv4_mapped(), last.to_ipv4_mapped()) {
            return Self::v4_range(first, last);
        }
        let mut networks = Ipv6Subnets::new(first, last, 0);
        match (networks.next(), networks.next()) {
            (Some(network), None) => Self::Network(IpNet::V6(network)),
            _ => Self::V6Range(first, last),
        }
    }

    fn v4_mask(value: u32, mask: u32) -> Self {
        let value = value & mask;
        Ipv4Net::with_netmask(value.into(), mask.into())
            .map_or(Self::V4Mask(Mask { value, mask }), |network| Self::Network(IpNet::V4(network)))
    }

    /// A mask is IPv4 only when it pins the mapped prefix; a wider one (`::/0`) stays IPv6 and is never
    /// widened to the IPv4 addresses that lie inside by number.
    #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are the IPv4 address")]
    fn v6_mask(value: u128, mask: u128) -> Self {
        const MAPPED: u128 = 0xffff;
        let value = value & mask;
        if mask >> 32 == u128::MAX >> 32 && value >> 32 == MAPPED {
            return Self::v4_mask(value as u32, mask as u32);
        }
        Ipv6Net::with_netmask(value.into(), mask.into())
            .map_or(Self::V6Mask(Mask { value, mask }), |network| Self::Network(IpNet::V6(network)))
    }

    fn count(self) -> Count {
        let between = |first: u128, last: u128| Count::Of(last - first + 1);
        match self {
            Self::Everyone => Count::Every(Everyone::Both),
            Self::Network(network) if network.prefix_len() == 0 => {
                Count::Every(if network.addr().is_ipv4() { Everyone::Ipv4 } else { Everyone::Ipv6 })
            }
            Self::Network(network) => Count::Of(1 << (network.max_prefix_len() - network.prefix_len())),
            Self::V4Range(first, last) => between(first.to_bits().into(), last.to_bits().into()),
            Self::V6Range(first, last) => between(first.to_bits(), last.to_bits()),
            Self::V4Mask(mask) => Count::Of(1 << mask.mask.count_zeros()),
            Self::V6Mask(mask) => Count::Of(1 << mask.mask.count_zeros()),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("*"),
            Self::Network(net) if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            Self::Network(net) => net.fmt(f),
            Self::V4Range(first, last) => write!(f, "{first}-{last}"),
            Self::V6Range(first, last) => write!(f, "{first}-{last}"),
            Self::V4Mask(Mask { value, mask }) => {
                let mask = Ipv4Addr::from_bits(*mask);
                let value = Ipv4Addr::from_bits(*value);
                if !mask.octets().iter().all(|octet| matches!(octet, 0 | 0xff)) {
                    return write!(f, "{value}/{mask}");
                }
                let fields = value
                    .octets()
                    .into_iter()
                    .zip(mask.octets())
                    .map(|(value, mask)| if mask == 0 { "*".to_owned() } else { value.to_string() });
                f.write_str(&fields.collect::<Vec<_>>().join("."))
            }
            Self::V6Mask(Mask { value, mask }) => {
                let mask = Ipv6Addr::from_bits(*mask);
                let value = Ipv6Addr::from_bits(*value);
                if !mask.segments().iter().all(|group| matches!(group, 0 | 0xffff)) {
                    return write!(f, "{value}/{mask}");
                }
                let groups = value
                    .segments()
                    .into_iter()
                    .zip(mask.segments())
                    .map(|(value, mask)| if mask == 0 { "*".to_owned() } else { format!("{value:x}") });
                f.write_str(&groups.collect::<Vec<_>>().join(":"))
            }
        }
    }
}

/// The IPv6 form; an IPv4 address only gets here from a form whose two families were checked.
fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> IpPattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_pattern_covers_another_when_it_takes_all_its_addresses() {
        let texts = [
            "10.0.0.7",
            "10.0.0.0/24",
            "10.0.0.0/22",
            "10.0.1.0/25",
            "10.0.0.5-10.0.0.9",
            "10.0.0.6-10.0.0.7",
            "10.0.0.250-10.0.1.3",
            "10.0.0.7/255.255.252.255",
            "10.0.0.1/255.255.255.1",
            "10.0.2.3/255.255.254.7",
        ];
        let addresses: Vec<IpAddr> =
            (0..1024_u32).map(|n| Ipv4Addr::from_bits(0x0a00_0000 + n).into()).collect();
        for (one, other) in texts.iter().flat_map(|one| texts.map(|other| (one, other))) {
            let [wide, narrow] = [one, other].map(pattern);
            let all = addresses.iter().all(|address| !narrow.contains(*address) || wide.contains(*address));
            assert_eq!(wide.covers(&narrow), all, "{one} covers {other}");
        }
        let table = [
            ("*", "::1", true),
            ("*", "*", true),
            ("0.0.0.0/0", "*", false),
            ("::/0", "10.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("2001:db8::/32", "2001:db8:1::*", true),
            ("2001:db8:*::7", "2001:db8:1::7", true),
            ("2001:db8:*::7", "2001:db8:1::8", false),
            ("2001:db8::/48", "2001:db8:*::7", false),
            ("fe80::1", "fe80::1%eth0", true),
        ];
        for (wide, narrow, covers) in table {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), covers, "{wide} covers {narrow}");
        }
    }

    #[test]
    fn every_form_is_read_and_written_in_its_shortest() {
        let table = [
            ("192.168.0.7", "192.168.0.7, 1 address"),
            (" \u{feff}192.168.0.7\u{a0}\r", "192.168.0.7, 1 address"),
            ("192.168.0.7/32", "192.168.0.7, 1 address"),
            ("192.168.0.0/24", "192.168.0.0/24, 256 addresses"),
            ("10.1.2.3/255.0.0.0", "10.0.0.0/8, 16,777,216 addresses"),
            ("127.0.0.7/255.0.0.255", "127.*.*.7, 65,536 addresses"),
            ("127.0.0.7/255.0.0.15", "127.0.0.7/255.0.0.15, 1,048,576 addresses"),
            ("192.168.0.0-192.168.0.255", "192.168.0.0/24, 256 addresses"),
            ("192.168.0.1 - 192.168.0.3", "192.168.0.1-192.168.0.3, 3 addresses"),
            ("0.0.0.0-255.255.255.255", "0.0.0.0/0, every IPv4 address"),
            ("192.168.0.*", "192.168.0.0/24, 256 addresses"),
            ("192.168.*", "192.168.0.0/16, 65,536 addresses"),
            ("10.*", "10.0.0.0/8, 16,777,216 addresses"),
            ("10.*.0.*", "10.*.0.*, 65,536 addresses"),
            ("*.*", "0.0.0.0/0, every IPv4 address"),
            ("*", "*, every address"),
            ("2001:DB8::7", "2001:db8::7, 1 address"),
            ("2001:db8::/64", "2001:db8::/64, 2^64 addresses"),
            ("2001:db8::*", "2001:db8::/112, 65,536 addresses"),
            ("2001:db8:*::7", "2001:db8:*:0:0:0:0:7, 65,536 addresses"),
            ("*:*:*:*:*:*:*:*", "::/0, every IPv6 address"),
            ("::1-::1:0:0", "::1-::1:0:0, 2^32 addresses"),
            ("::1-::1:0:1", "::1-::1:0:1, more than 2^32 addresses"),
            ("fe80::1%eth0", "fe80::1%eth0, 1 address"),
            ("::ffff:10.1.2.3", "10.1.2.3, 1 address"),
            ("::ffff:a01:203", "10.1.2.3, 1 address"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8, 16,777,216 addresses"),
            ("::ffff:10.0.0.1-::ffff:10.0.0.3", "10.0.0.1-10.0.0.3, 3 addresses"),
            ("::ffff:*:*", "0.0.0.0/0, every IPv4 address"),
            ("64:ff9b::10.0.0.1", "64:ff9b::a00:1, 1 address"),
        ];
        for (text, coverage) in table {
            assert_eq!(pattern(text).coverage().to_string(), coverage, "{text}");
        }
    }

    #[test]
    fn what_is_refused_is_refused_with_a_hint() {
        let table = [
            ("", "the address is empty", "write one address, such as `192.168.0.7`"),
            (
                "127.0.0.1/",
                "`127.0.0.1/` has nothing after the slash",
                "did you mean `127.0.0.1` or `127.0.0.1/32`",
            ),
            ("::1/ ", "`::1/` has nothing after the slash", "did you mean `::1` or `::1/128`"),
            ("10.0.0.0/+8", "`+8` is not a length in bits or a mask", "did you mean `10.0.0.0/8`"),
            ("10.0.0.0/ 8", "` 8` is not a length in bits or a mask", "did you mean `10.0.0.0/8`"),
            ("10.0.0.0/08", "`08` is not a length in bits or a mask", "did you mean `10.0.0.0/8`"),
            (
                "10.0.0.0/0x8",
                "`0x8` is not a length in bits or a mask",
                "write 0 to 32 in plain digits, such as `10.0.0.0/32`",
            ),
            ("10.0.0.0/33", "`10.0.0.0/33` has a length over 32", "did you mean `10.0.0.0` or `10.0.0.0/32`"),
            ("::/129", "`::/129` has a length over 128", "did you mean `::` or `::/128`"),
            (
                "10.0.0.0/8/8",
                "`10.0.0.0/8/8` has more than one slash",
                "write one address and one length, such as `192.168.0.0/24`",
            ),
            (
                "10.0.0.0/ffff::",
                "`10.0.0.0/ffff::` mixes IPv4 and IPv6",
                "write the length in bits, such as `10.0.0.0/32`",
            ),
            ("*/0", "`*/0` has both a star and a slash", "write either `192.168.0.*` or `192.168.0.0/24`"),
            (
                "010.0.0.1",
                "`010.0.0.1` has a field that begins with zero (octal or hexadecimal)",
                "did you mean `10.0.0.1`",
            ),
            (
                "0x7f.0.0.1",
                "`0x7f.0.0.1` has a field that begins with zero (octal or hexadecimal)",
                "write four plain decimal fields, such as `192.168.0.7`",
            ),
            (
                "127.1",
                "`127.1` has 2 of the 4 fields of an IPv4 address",
                "write all four, such as `192.168.0.7`, or a star at the end: `192.168.*`",
            ),
            ("10.0.0.256", "`10.0.0.256` has a field over 255", "fields go from 0 to 255"),
            (
                "10.0.0.9-10.0.0.1",
                "the range `10.0.0.9-10.0.0.1` ends before it begins",
                "did you mean `10.0.0.1-10.0.0.9`",
            ),
            ("10.0.0.9-::1", "`10.0.0.9-::1` mixes IPv4 and IPv6", "write two ranges, one of each family"),
            (
                "10.0.0.1-9",
                "`10.0.0.1-9` is not a range of addresses",
                "write the first and the last address, such as `192.168.0.10-192.168.0.20`",
            ),
            ("10.0.0.1,10.0.0.2", "`10.0.0.1,10.0.0.2` is more than one address", "write one entry for each"),
            (
                "10.0.0.1 # home",
                "`10.0.0.1 # home` has white space inside",
                "write one address and nothing else, such as `10.0.0.1`",
            ),
            ("[::1]", "`[::1]` is written in brackets or quotes", "did you mean `::1`"),
            ("10.0.0.1:80", "`10.0.0.1:80` has a port or a zone", "did you mean `10.0.0.1`"),
            (
                "2001:db8::7%eth0",
                "`2001:db8::7%eth0` has a zone, but is not a link-local address",
                "did you mean `2001:db8::7`",
            ),
            (
                "1:2",
                "`1:2` is not an IPv6 address",
                "write eight groups, or `::` once for groups of zeros, such as `2001:db8::7`",
            ),
        ];
        for (text, message, hint) in table {
            let error = text.parse::<IpPattern>().expect_err(text);
            assert_eq!((error.to_string().as_str(), error.hints()), (message, &[hint.to_owned()][..]));
        }
    }

    #[test]
    fn more_is_refused() {
        for text in [
            "1.2.3.4::*",
            "::1.2.3.4:*",
            "1:2:3:4:5:6:7::8:*",
            "1::2::*",
            "1:2:3:4:5:6:7:8:*",
            "::*:*:*:*:*:*:*:*:*",
            "::ffff:10.0.0.*",
            "10.0.*.01",
            "10.*.5",
            "*.",
            ".*",
            "10..*",
            "1*.0.0.0",
            "**",
            "10.0.0.0/-0",
            "10.0.0.0/8-9",
            "fe80::1%",
            "fe80::1%a b",
            "fe80::1%eth0/64",
            "10.0.0.1%1",
            "10.0.0.1-",
            "-10.0.0.1",
            "fe80::*%eth0",
        ] {
            assert!(text.parse::<IpPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_of_others_cannot_write_to_the_terminal() {
        let error = "\u{1b}[2J\u{202e}".parse::<IpPattern>().unwrap_err();
        assert_eq!(error.to_string(), r"`\u{1b}[2J\u{202e}` is not an address");
        let error = parse_address(&"a".repeat(10_000)).unwrap_err();
        assert_eq!(error.to_string(), format!("`{}…` is not an address", "a".repeat(80)));
    }

    #[test]
    fn families_do_not_mix_and_mapped_is_ipv4() {
        let table = [
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true),
            ("::/0", "10.1.2.3", false),
            ("::/0", "::ffff:10.1.2.3", false),
            ("0.0.0.0/0", "::1", false),
            ("*", "::1", true),
            ("*", "10.1.2.3", true),
            ("64:ff9b::/96", "10.1.2.3", false),
            ("10.0.0.0/8", "64:ff9b::10.1.2.3", false),
            ("fe80::1%eth0", "fe80::1", true),
            ("fe80::1%eth0", "fe80::2", false),
            ("2001:db8::*", "2001:db8::ffff", true),
            ("2001:db8::*", "2001:db8::1:0", false),
        ];
        for (text, address, expected) in table {
            assert_eq!(pattern(text).contains(address.parse().unwrap()), expected, "{text} {address}");
        }
    }

    #[test]
    fn cautions_say_what_may_not_be_meant() {
        let table: &[(&str, &[&str])] = &[
            ("192.168.0.7", &[]),
            ("192.168.0.0/24", &[]),
            ("10.*.0.*", &[]),
            (
                "10.1.2.3/8",
                &[
                    "`10.1.2.3/8` covers all of `10.0.0.0/8`, 16,777,216 addresses; for that one address write `10.1.2.3`",
                ],
            ),
            (
                "::ffff:10.1.2.3/112",
                &[
                    "`10.1.2.3/16` covers all of `10.1.0.0/16`, 65,536 addresses; for that one address write `10.1.2.3`",
                ],
            ),
            ("*", &["`*` lets in every address"]),
            ("*.*.*.*", &["`0.0.0.0/0` lets in every IPv4 address"]),
            ("::/0", &["`::/0` lets in every IPv6 address (and no IPv4 address)"]),
            (
                "0.0.0.0",
                &["`0.0.0.0` is one address from which nobody connects; every address would be `0.0.0.0/0`"],
            ),
            (
                "10.0.0.1/0.0.0.255",
                &[
                    "the mask of `*.*.*.1` has holes: it covers 16,777,216 addresses that do not follow each other",
                ],
            ),
            (
                "2001:db8::*",
                &[
                    "the star of `2001:db8::*` stands for the last group only; for the whole network write `2001:db8::/32`",
                ],
            ),
            ("*:db8::*", &["the star of `*:db8::*` stands for the last group only"]),
            ("fe80::1%eth0", &["the zone `eth0` is not checked: the address counts on every interface"]),
        ];
        for (text, expected) in table {
            let cautions: Vec<String> = pattern(text).cautions().iter().map(ToString::to_string).collect();
            assert_eq!(cautions, *expected, "{text}");
        }
        let both: Vec<String> = pattern("10.1.2.3/0").cautions().iter().map(ToString::to_string).collect();
        assert_eq!(both.len(), 2, "{both:?}");
    }

    #[test]
    fn equal_patterns_are_those_with_the_same_shortest_form() {
        assert_eq!(pattern("10.1.2.3/8"), pattern("10.*"));
        assert_eq!(IpPattern::network("10.1.2.3".parse().unwrap(), 8), Some(pattern("10.*")));
        assert_eq!(IpPattern::network("10.1.2.3".parse().unwrap(), 33), None);
        assert_eq!(IpPattern::from("::ffff:10.1.2.3".parse::<IpAddr>().unwrap()), pattern("10.1.2.3"));
        assert_ne!(pattern("fe80::1%eth0"), pattern("fe80::1"));
    }

    #[test]
    fn an_address_is_read_from_a_header() {
        let table = [
            ("192.168.0.7", Some("192.168.0.7")),
            (" 192.168.0.7\t", Some("192.168.0.7")),
            ("192.168.0.7:567", Some("192.168.0.7")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("[2001:db8::7]", Some("2001:db8::7")),
            ("[2001:db8::7]:567", Some("2001:db8::7")),
            ("[fe80::7%eth0]:567", Some("fe80::7")),
            ("fe80::7%eth0", Some("fe80::7")),
            ("::ffff:192.168.0.7", Some("192.168.0.7")),
            ("[::ffff:192.168.0.7]:80", Some("192.168.0.7")),
            ("", None),
            ("unknown", None),
            ("localhost", None),
            ("*", None),
            ("010.0.0.1", None),
            ("127.1", None),
            ("2130706433", None),
            ("0x7f000001", None),
            ("192.168.0.7:", None),
            ("192.168.0.7:65536", None),
            ("192.168.0.7:+80", None),
            ("192.168.0.7%eth0", None),
            ("[192.168.0.7]", None),
            ("[2001:db8::7", None),
            ("[2001:db8::7]567", None),
            ("[2001:db8::7]:", None),
            ("2001:db8::7%", None),
            ("2001:db8::7%a%b", None),
            ("2001:db8::7/64", None),
            ("192.168.0.7, 10.0.0.1", None),
            ("\"[2001:db8::7]\"", None),
        ];
        for (text, expected) in table {
            let address = parse_address(text).ok().map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{text}");
        }
    }

    /// Texts of every form, from few values, so that ends touch and masks are sometimes contiguous.
    fn text() -> impl Strategy<Value = String> {
        let v4 = prop::array::uniform4(prop_oneof![Just(0), Just(255), any::<u8>()]).prop_map(Ipv4Addr::from);
        let groups = prop::array::uniform8(prop_oneof![Just(0), Just(0xffff), any::<u16>()]);
        let v6 = prop_oneof![groups.prop_map(Ipv6Addr::from), v4.clone().prop_map(|v4| v4.to_ipv6_mapped())];
        let stars = |count, separator: &'static str| {
            let field = prop_oneof![Just("*".to_owned()), (0..=99_u8).prop_map(|n| n.to_string())];
            prop::collection::vec(field, count).prop_map(move |fields| fields.join(separator))
        };
        prop_oneof![
            v4.clone().prop_map(|a| a.to_string()),
            v6.clone().prop_map(|a| a.to_string()),
            (v4.clone(), 0..=32_u8).prop_map(|(a, n)| format!("{a}/{n}")),
            (v6.clone(), 0..=128_u8).prop_map(|(a, n)| format!("{a}/{n}")),
            (v4.clone(), v4.clone()).prop_map(|(a, m)| format!("{a}/{m}")),
            (v6.clone(), v6.clone()).prop_map(|(a, m)| format!("{a}/{m}")),
            (v4.clone(), v4).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            (v6.clone(), v6).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            stars(4, "."),
            stars(8, ":"),
            any::<u16>().prop_map(|zone| format!("fe80::1%{zone}")),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(text in text()) {
            let pattern = pattern(&text);
            let written = pattern.to_string();
            let again = written.parse::<IpPattern>().unwrap();
            prop_assert_eq!(&again, &pattern);
            prop_assert_eq!(again.to_string(), written);
        }

        #[test]
        fn any_text_is_an_entry_or_an_error(text in r"[0-9a-f.:*/%\[\] -]{0,20}|\PC{0,20}") {
            match text.parse::<Entry>() {
                Ok(entry) => prop_assert_eq!(entry.to_string().parse::<Entry>().unwrap(), entry),
                Err(error) => prop_assert!(!error.hints().is_empty()),
            }
            if let Ok(address) = parse_address(&text) {
                prop_assert_eq!(parse_address(&address.to_string()).unwrap(), address);
            }
        }
    }
}
