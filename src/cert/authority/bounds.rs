//! What an authority may vouch for: the name constraints of RFC 5280, section 4.2.1.10.
//!
//! A name without a leading dot covers itself and all below it; with one, implementations differ.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CidrSubnet, GeneralSubtree};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::Name;

/// Networks that are nobody's in particular: private ones (RFC 1918), loopback, link-local (RFC 3927, which phones
/// give themselves on a cable), shared (RFC 6598, where tailnets are).
const V4: [(Ipv4Addr, u8); 6] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];

/// The same in IPv6: loopback, unique local (RFC 4193), link-local.
const V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
];

/// Domains that are nobody's in particular: RFC 6761, RFC 6762, what many routers use, RFC 8375, and what ICANN has
/// set apart for private use.
const DOMAINS: [&str; 5] = ["localhost", "local", "lan", "home.arpa", "internal"];

/// Everything that an authority may vouch for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds(Vec<Subtree>);

/// One part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subtree {
    /// This host and all below it.
    Domain(String),
    /// Addresses with this beginning.
    Network(IpAddr, u8),
}

impl Bounds {
    /// What is private, and `names`.
    pub(super) fn around<'a>(names: impl Iterator<Item = &'a Name>) -> Self {
        let domains = DOMAINS.iter().map(|domain| Subtree::Domain((*domain).to_owned()));
        let v4 = V4.iter().map(|(network, length)| Subtree::Network((*network).into(), *length));
        let v6 = V6.iter().map(|(network, length)| Subtree::Network((*network).into(), *length));
        let mut bounds = Self(domains.chain(v4).chain(v6).collect());
        for name in names.filter(|name| !name.is_top_level()) {
            if !bounds.permit(name) {
                bounds.0.push(match name {
                    Name::Host(host) => Subtree::Domain(host.clone()),
                    Name::Address(address) => {
                        Subtree::Network(*address, if address.is_ipv4() { 32 } else { 128 })
                    }
                });
            }
        }
        bounds
    }

    /// Those in a certificate; nothing if it has none, or some that Innkeeper does not write.
    pub(super) fn of(read: &X509Certificate<'_>) -> Option<Self> {
        let constraints = read.name_constraints().ok()??;
        let permitted = constraints.value.permitted_subtrees.as_ref()?;
        let subtrees: Option<Vec<Subtree>> =
            permitted.iter().map(|subtree| Subtree::of(&subtree.base)).collect();
        let subtrees = subtrees?;
        // A kind of name that is not mentioned is not bound.
        let bound = |kind: fn(&Subtree) -> bool| subtrees.iter().any(kind);
        let complete = constraints.critical
            && bound(|subtree| matches!(subtree, Subtree::Domain(_)))
            && bound(|subtree| matches!(subtree, Subtree::Network(..)));
        complete.then_some(Self(subtrees))
    }

    /// Whether `name` lies within.
    pub(super) fn permit(&self, name: &Name) -> bool {
        self.0.iter().any(|subtree| subtree.covers(name))
    }

    /// As rcgen wants them.
    pub(super) fn subtrees(&self) -> Vec<GeneralSubtree> {
        let subtree = |subtree: &Subtree| match subtree {
            Subtree::Domain(domain) => GeneralSubtree::DnsName(domain.clone()),
            Subtree::Network(address, length) => {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, *length))
            }
        };
        self.0.iter().map(subtree).collect()
    }

    /// As people write them.
    pub(super) fn told(&self) -> Vec<String> {
        let told = |subtree: &Subtree| match subtree {
            Subtree::Domain(domain) => domain.clone(),
            Subtree::Network(address, length) => format!("{address}/{length}"),
        };
        self.0.iter().map(told).collect()
    }
}

impl Subtree {
    fn of(base: &GeneralName<'_>) -> Option<Self> {
        match base {
            GeneralName::DNSName(domain) => Some(Self::Domain(domain.to_ascii_lowercase())),
            GeneralName::IPAddress(bytes) if bytes.len() == 8 => {
                let (address, mask) = bytes.split_at(4);
                let address = <[u8; 4]>::try_from(address).ok()?;
                let mask = u32::from_be_bytes(mask.try_into().ok()?);
                (mask.leading_ones() == mask.count_ones())
                    .then(|| Self::Network(address.into(), length(mask.leading_ones())))
            }
            GeneralName::IPAddress(bytes) if bytes.len() == 32 => {
                let (address, mask) = bytes.split_at(16);
                let address = <[u8; 16]>::try_from(address).ok()?;
                let mask = u128::from_be_bytes(mask.try_into().ok()?);
                (mask.leading_ones() == mask.count_ones())
                    .then(|| Self::Network(address.into(), length(mask.leading_ones())))
            }
            _ => None,
        }
    }

    fn covers(&self, name: &Name) -> bool {
        match (self, name) {
            (Self::Domain(domain), Name::Host(host)) => {
                host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Network(IpAddr::V4(network), length), Name::Address(IpAddr::V4(address))) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(*length)
            }
            (Self::Network(IpAddr::V6(network), length), Name::Address(IpAddr::V6(address))) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(*length)
            }
            _ => false,
        }
    }
}

/// The length of a prefix, at most 128.
fn length(ones: u32) -> u8 {
    u8::try_from(ones).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_things_and_what_was_named() {
        let given = ["desk", "tavern.example", "203.0.113.7", "2001:db8::7", "nas.lan", "dev"];
        let names: Vec<Name> = given
            .iter()
            .map(|text| text.parse().unwrap_or_else(|_| Name::Host((*text).to_owned())))
            .collect();
        let bounds = Bounds::around(names.iter());
        assert_eq!(
            bounds.told()[14..],
            ["desk", "tavern.example", "203.0.113.7/32", "2001:db8::7/128"].map(str::to_owned)
        );
        let within = [
            "localhost",
            "a.localhost",
            "desk.local",
            "nas.lan",
            "x.home.arpa",
            "x.internal",
            "desk",
            "a.desk",
            "tavern.example",
            "www.tavern.example",
            "10.255.0.1",
            "172.31.255.255",
            "192.168.0.2",
            "127.0.0.2",
            "169.254.1.1",
            "100.127.0.1",
            "203.0.113.7",
            "::1",
            "fd12::1",
            "fe80::1",
            "2001:db8::7",
        ];
        for name in within {
            assert!(bounds.permit(&name.parse().unwrap()), "{name}");
        }
        let without = [
            "example",
            "xlocal",
            "notdesk",
            "avern.example",
            "xtavern.example",
            "home.arpa.example",
            "11.0.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "100.128.0.1",
            "203.0.113.8",
            "::2",
            "fec0::1",
            "2001:db8::8",
            "a.dev",
        ];
        for name in without {
            assert!(!bounds.permit(&name.parse().unwrap()), "{name}");
        }
    }
}
