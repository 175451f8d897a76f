//! What an attacker has for the asking: an address of IPv4, a network of IPv6.

use std::net::{IpAddr, Ipv6Addr};

/// What one client has to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// An IPv4 address, in whatever form it came.
    Address(u32),
    /// The upper 64 bits of an IPv6 address: everybody who has one has the other 2^64.
    Subnet(u64),
}

/// What a provider hands out as one: the upper 48 bits of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site(u64);

impl Network {
    /// That of `address`. IPv4-mapped forms are IPv4, and so is the IPv4 address in a NAT64 (RFC 6052) or 6to4
    /// (RFC 3056) address: behind NAT64 the whole IPv4 internet shares one /64, and a 6to4 site has as many /64 as
    /// it likes.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::Address(address.to_bits()),
            IpAddr::V6(address) => match embedded(address) {
                Some(bits) => Self::Address(bits),
                None => Self::Subnet(upper(address)),
            },
        }
    }

    /// The site around it.
    pub(super) const fn site(self) -> Option<Site> {
        match self {
            Self::Address(_) => None,
            Self::Subnet(bits) => Some(Site(bits >> 16)),
        }
    }
}

fn upper(address: Ipv6Addr) -> u64 {
    let [first, second, third, fourth, ..] = address.segments().map(u64::from);
    first << 48 | second << 32 | third << 16 | fourth
}

fn embedded(address: Ipv6Addr) -> Option<u32> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(u32::from(high) << 16 | u32::from(low))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_is_an_ipv4_address_or_an_ipv6_64_in_any_form() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        for (one, same, other) in [
            ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
            ("64:ff9b::192.0.2.7", "192.0.2.7", "64:ff9b::192.0.2.8"),
            ("2002:c000:0207:1::1", "2002:c000:0207:ffff::9", "2002:c000:0208:1::1"),
        ] {
            assert_eq!(network(one), network(same), "{one} {same}");
            assert_ne!(network(one), network(other), "{one} {other}");
        }
    }

    #[test]
    fn a_site_is_a_48_and_ipv4_has_none() {
        let site = |text: &str| Network::of(text.parse().unwrap()).site();
        assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:ffff::9"));
        assert_ne!(site("2001:db8:1:2::1"), site("2001:db8:2:2::1"));
        assert_eq!(site("192.0.2.7"), None);
        assert_eq!(site("::ffff:192.0.2.7"), None);
    }
}
