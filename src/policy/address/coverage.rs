//! What a pattern covers, told to people: how many addresses, and what its writer may not have meant.

use std::fmt;
use std::net::IpAddr;

use super::IpPattern;

/// What a pattern covers: its shortest form and the number of addresses.
#[derive(Clone, Copy, Debug)]
pub struct Coverage<'a>(pub(super) &'a IpPattern);

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

impl Everyone {
    /// Whether nobody of `other` is left out.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self == Self::Both || self == other
    }
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostBits { address, prefix } => {
                write!(f, "`{address}/{prefix}` covers ")?;
                if let Some(network) = IpPattern::network(*address, *prefix) {
                    write!(f, "all of `{network}`, {}", network.shape.count())?;
                }
                write!(f, "; for that one address write `{address}`")
            }
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
