//! What names in a list stand for: host names, the networks of this machine, container hosts.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

use crate::policy::address::{Entry, IpPattern, Preset};

use super::rules::Resolved;

/// The names by which a container knows its host, as SillyTavern looks them up for `whitelistDockerHosts`.
pub const CONTAINER_HOSTS: [&str; 2] = ["host.docker.internal", "gateway.docker.internal"];

/// Whether this process runs in a container.
#[must_use]
pub fn in_container() -> bool {
    Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists()
}

/// Looks all `entries` up. A name that cannot be looked up now keeps what it stood for `before`. Blocks.
#[must_use]
pub fn resolve(entries: &[Entry], before: &Resolved) -> Resolved {
    let mut resolved = BTreeMap::new();
    for entry in entries {
        let name = entry.to_string();
        let patterns = match entry {
            Entry::Pattern(_) => continue,
            Entry::Name(host) => match (host.as_str(), 0).to_socket_addrs() {
                Ok(addresses) => addresses.map(|address| IpPattern::from(address.ip())).collect(),
                Err(_) => before.get(&name).cloned().unwrap_or_default(),
            },
            Entry::Preset(Preset::Lan) => networks(|name| !is_container_bridge(name)),
            Entry::Preset(Preset::Docker) => networks(is_container_bridge),
            Entry::Preset(preset) => preset.patterns(),
        };
        resolved.insert(name, patterns);
    }
    resolved
}

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
