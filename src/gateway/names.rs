//! What names in a list stand for: host names, the networks of this machine, container hosts.

use std::net::{IpAddr, ToSocketAddrs};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::cert::Pairs;
use crate::policy::address::{Entry, IpPattern, Preset};

use super::rules::Resolved;

/// The names by which a container knows its host, as SillyTavern looks them up for `whitelistDockerHosts`.
pub const CONTAINER_HOSTS: [&str; 2] = ["host.docker.internal", "gateway.docker.internal"];

/// Whether this process runs in a container.
#[must_use]
pub fn in_container() -> bool {
    Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists()
}

/// The gateway of the container that this process runs in: behind it every visitor may look the same.
#[must_use]
pub fn container_gateway() -> Option<IpAddr> {
    if !in_container() {
        return None;
    }
    gateway(&std::fs::read_to_string("/proc/net/route").ok()?)
}

/// The gateway of the default route in Linux' table, whose numbers are in the byte order of the machine.
fn gateway(routes: &str) -> Option<IpAddr> {
    routes.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let (destination, gateway) = (columns.next()?, columns.next()?);
        let gateway = u32::from_str_radix(gateway, 16).ok().filter(|gateway| *gateway != 0)?;
        (destination == "00000000").then(|| IpAddr::from(gateway.to_ne_bytes()))
    })
}

/// Looks all `entries` up, names side by side. A name that cannot be looked up now keeps what it stood for `before`.
/// Blocks for as long as the slowest.
#[must_use]
pub fn resolve(entries: &[Entry], before: &Resolved) -> Resolved {
    let one = |entry: &Entry| {
        let name = entry.to_string();
        let patterns = match entry {
            Entry::Pattern(_) => return None,
            Entry::Name(host) => match (host.as_str(), 0).to_socket_addrs() {
                Ok(addresses) => addresses.map(|address| IpPattern::from(address.ip())).collect(),
                Err(_) => before.get(&name).cloned().unwrap_or_default(),
            },
            Entry::Preset(Preset::Lan) => networks(|name| !is_container_bridge(name)),
            Entry::Preset(Preset::Docker) => networks(is_container_bridge),
            Entry::Preset(preset) => preset.patterns(),
        };
        Some((name, patterns))
    };
    let workers = entries.len().min(SIDE_BY_SIDE);
    // Each takes the next one that nobody has, so that a name server which does not answer holds up one of them.
    let next = AtomicUsize::new(0);
    let work = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        numbers.map_while(|number| entries.get(number)).filter_map(one).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        // Where no thread can be had, fewer do, and this one in any case.
        let others: Vec<_> =
            (1..workers).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let own = work();
        let found =
            others.into_iter().flat_map(|other| other.join().unwrap_or_else(|why| resume_unwind(why)));
        own.into_iter().chain(found).collect()
    })
}

/// So many names are asked for at one time.
const SIDE_BY_SIDE: usize = 16;

/// The addresses of this machine's interfaces that other devices can reach; none where the system does not tell
/// (Android).
#[must_use]
pub fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces
        .into_iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .map(|interface| interface.ip())
        .collect()
}

/// The names this machine goes by: its host name, alone and under `.local`.
#[must_use]
pub fn own_names() -> Vec<String> {
    let name = gethostname::gethostname().to_string_lossy().to_ascii_lowercase();
    let short = name.split('.').next().unwrap_or_default().to_owned();
    let local = format!("{short}.local");
    [name, short, local].into_iter().filter(|name| !name.is_empty() && name != ".local").collect()
}

/// The names a server goes by: the machine's, and those in its certificates.
#[must_use]
pub fn of_server(certificates: Option<&Pairs>) -> Vec<String> {
    let mut names = own_names();
    names.extend(certificates.into_iter().flat_map(Pairs::names));
    names
}

/// The private networks that interfaces called so stand in, private or global (a phone often comes by its global
/// IPv6 address), and loopback.
fn networks(wanted: impl Fn(&str) -> bool) -> Vec<IpPattern> {
    let mut patterns = Vec::new();
    for interface in if_addrs::get_if_addrs().unwrap_or_default() {
        if interface.is_loopback() || !wanted(&interface.name) {
            continue;
        }
        let prefix = match &interface.addr {
            if_addrs::IfAddr::V4(address) => address.prefixlen,
            if_addrs::IfAddr::V6(address) => address.prefixlen,
        };
        patterns.extend(IpPattern::network(interface.ip(), prefix));
    }
    patterns
}

fn is_container_bridge(name: &str) -> bool {
    ["docker", "br-", "podman", "cni", "veth"].iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn the_gateway_is_the_one_of_the_default_route() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
                     eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n\
                     eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\n";
        assert_eq!(gateway(table), Some([172, 17, 0, 1].into()));
        for table in ["", "Iface\n", "x\nx\n", "x\neth0\t00000000\t00000000\n", "x\neth0\t00000000\tzz\n"] {
            assert_eq!(gateway(table), None, "{table}");
        }
    }
}
