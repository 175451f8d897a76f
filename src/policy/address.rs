//! Addresses as people write them: every accepted form of a list entry, what it covers, and what
//! its writer may not have meant.
//!
//! The grammar is that of SillyTavern's list (the npm library ip-matching 2.1.2), read strictly: what
//! that library reads in two ways, or wider than it looks, is refused here with a hint.

mod entry;
mod grammar;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

use crate::error::Error;

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
    zone: Option<Box<str>>,
    cautions: Vec<Caution>,
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

    /// What the writer of the entry may not have meant, for a warning beside it. Empty for most.
    #[must_use]
    pub fn cautions(&self) -> &[Caution] {
        &self.cautions
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
        let mut cautions = Vec::new();
        match *form {
            Form::Prefix(..) | Form::Mask(..) => cautions.extend(host_bits(form, shape)),
            Form::Zoned(_, zone) => cautions.push(Caution::ZoneIgnored { zone: zone.into() }),
            Form::LastGroup { text, groups, .. } => {
                cautions.push(Caution::LastGroupOnly { text: text.into(), groups });
            }
            _ => {}
        }
        match (shape, form) {
            (Shape::Everyone, _) => cautions.push(Caution::CoversEveryone(Everyone::Both)),
            (Shape::Network(net), _) if net.prefix_len() == 0 => {
                let family = if net.addr().is_ipv4() { Everyone::Ipv4 } else { Everyone::Ipv6 };
                cautions.push(Caution::CoversEveryone(family));
            }
            (Shape::Network(net), _) if net.prefix_len() == net.max_prefix_len() => {
                if net.addr().is_unspecified() {
                    cautions.push(Caution::OneAddressOnly(net.addr()));
                }
            }
            (Shape::V4Mask(_) | Shape::V6Mask(_), Form::Mask(..)) => {
                cautions.push(Caution::MaskWithHoles { covers: shape.to_string(), count: shape.count() });
            }
            _ => {}
        }
        let zone = if let Form::Zoned(_, zone) = form { Some(Box::from(*zone)) } else { None };
        Self { shape, zone, cautions }
    }
}

impl PartialEq for IpPattern {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.zone == other.zone
    }
}

impl Eq for IpPattern {}

impl Hash for IpPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shape.hash(state);
        self.zone.hash(state);
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
        self.zone.iter().try_for_each(|zone| write!(f, "%{zone}"))
    }
}

/// What a pattern covers: its shortest form and the number of addresses.
#[derive(Clone, Copy, Debug)]
pub struct Coverage<'a>(&'a IpPattern);

impl fmt::Display for Coverage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.0, self.0.shape.count())
    }
}

/// Something about an entry that its writer may not have meant. `Display` is one line for a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caution {
    /// `10.1.2.3/8` is written like one address and covers the network around it.
    HostBits {
        /// The address as written, IPv4 where it was mapped.
        address: IpAddr,
        /// The number of bits that count.
        prefix: u8,
        /// The network without the bits that do not count, and how many addresses it has.
        network: String,
    },
    /// `*`, `0.0.0.0/0`, `::/0`: the list keeps nobody out.
    CoversEveryone(Everyone),
    /// `0.0.0.0` or `::` is that one address, from which nobody connects; it does not mean "all".
    OneAddressOnly(IpAddr),
    /// `10.0.0.1/0.0.0.255`: a mask that is not ones followed by zeros covers addresses all over the place.
    MaskWithHoles {
        /// The pattern without the bits that do not count.
        covers: String,
        /// How many addresses that is.
        count: Count,
    },
    /// `2001:db8::*`: as in SillyTavern the star is one group, the last, not "all that follows".
    LastGroupOnly {
        /// The entry as written.
        text: String,
        /// How many groups stand before the `::`; `None` when there are stars among them.
        groups: Option<u8>,
    },
    /// `fe80::1%eth0` takes `fe80::1` on every interface.
    ZoneIgnored {
        /// The zone as written.
        zone: String,
    },
}

/// Whom a pattern without any limit lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Everyone {
    /// Every address of both families.
    Both,
    /// Every IPv4 address.
    Ipv4,
    /// Every IPv6 address, and no IPv4 address.
    Ipv6,
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostBits { address, prefix, network } => write!(
                f,
                "`{address}/{prefix}` covers all of {network}; for that one address write `{address}`"
            ),
            Self::CoversEveryone(Everyone::Both) => f.write_str("`*` lets in every address"),
            Self::CoversEveryone(Everyone::Ipv4) => f.write_str("`0.0.0.0/0` lets in every IPv4 address"),
            Self::CoversEveryone(Everyone::Ipv6) => {
                f.write_str("`::/0` lets in every IPv6 address (and no IPv4 address)")
            }
            Self::OneAddressOnly(address) => write!(
                f,
                "`{address}` is one address from which nobody connects; every address would be `{address}/0`"
            ),
            Self::MaskWithHoles { covers, count } => {
                write!(f, "the mask of `{covers}` has holes: it covers {count} that do not follow each other")
            }
            Self::LastGroupOnly { text, groups } => {
                write!(f, "the star of `{text}` stands for the last group only")?;
                let Some(groups) = groups else { return Ok(()) };
                let network = text.strip_suffix('*').unwrap_or(text);
                write!(f, "; for the whole network write `{network}/{}`", groups * 16)
            }
            Self::ZoneIgnored { zone } => {
                write!(f, "the zone `{zone}` is not checked: the address counts on every interface")
            }
        }
    }
}

/// A number of addresses, printed for people: `1 address`, `65,536 addresses`, `2^64 addresses`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Every address there is, of one family or of both.
    Every(Everyone),
    /// That many.
    Of(u128),
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Every(Everyone::Both) => f.write_str("every address"),
            Self::Every(Everyone::Ipv4) => f.write_str("every IPv4 address"),
            Self::Every(Everyone::Ipv6) => f.write_str("every IPv6 address"),
            Self::Of(1) => f.write_str("1 address"),
            Self::Of(count) if count.is_power_of_two() && count > u128::from(u32::MAX) => {
                write!(f, "2^{} addresses", count.ilog2())
            }
            Self::Of(count) if count > u128::from(u32::MAX) => {
                write!(f, "more than 2^{} addresses", count.ilog2())
            }
            Self::Of(count) => {
                let digits = count.to_string();
                for (place, digit) in digits.chars().enumerate() {
                    if place > 0 && (digits.len() - place).is_multiple_of(3) {
                        f.write_str(",")?;
                    }
                    write!(f, "{digit}")?;
                }
                f.write_str(" addresses")
            }
        }
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

/// The caution for bits behind the prefix, where the form is a network at all.
fn host_bits(form: &Form<'_>, shape: Shape) -> Option<Caution> {
    let (Form::Prefix(address, _) | Form::Mask(address, _)) = *form else { return None };
    let Shape::Network(network) = shape else { return None };
    let address = address.to_canonical();
    // A mapped address of a network that is wider than the mapped prefix belongs to the other family.
    if address == network.addr() || address.is_ipv4() != network.addr().is_ipv4() {
        return None;
    }
    let covered = format!("`{network}`, {}", shape.count());
    Some(Caution::HostBits { address, prefix: network.prefix_len(), network: covered })
}

/// The IPv6 form; an IPv4 address only gets here from a form whose two families were checked.
fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
