//! Whether the way past the password (`satisfy: any`) is open to more than it was meant for.

use std::net::IpAddr;

use crate::config::{Refusal, Satisfy, Settings};
use crate::policy::address::{Entry, IpPattern};
use crate::policy::{Addresses, Policy};

/// What is wrong with letting listed addresses in without a password. `gateway`: the one of the container network that
/// this process is in.
///
/// Names in the lists stand for other addresses tomorrow, so only what is written as an address is compared here; a
/// trusted proxy's own address takes the place of a password in no case (`Trust::is_verified`).
#[must_use]
pub fn refusal(settings: &Settings, policy: &Policy, gateway: Option<IpAddr>) -> Option<Refusal> {
    let Addresses::Listed(list) = &policy.addresses else { return None };
    if settings.satisfy != Satisfy::Any || policy.sign_in.is_none() {
        return None;
    }
    if let Some((gateway, rule)) = gateway.and_then(|gateway| Some((gateway, list.find(gateway)?))) {
        return Some(Refusal::ListedGateway { entry: rule.text().to_owned(), gateway });
    }
    let pattern = |text: &str| match text.parse() {
        Ok(Entry::Pattern(pattern)) => Some(pattern),
        _ => None,
    };
    let proxies: Vec<(&str, IpPattern)> = settings
        .trusted_proxies
        .entries
        .iter()
        .filter_map(|entry| Some((&*entry.text, pattern(&entry.text)?)))
        .collect();
    if proxies.is_empty() {
        return None;
    }
    settings.whitelist.entries.iter().find_map(|entry| {
        let listed = pattern(&entry.text)?;
        let (proxy, _) = proxies.iter().find(|(_, proxy)| proxy.covers(&listed) || listed.covers(proxy))?;
        Some(Refusal::ListedProxy { entry: entry.text.to_string(), proxy: (*proxy).to_owned() })
    })
}
