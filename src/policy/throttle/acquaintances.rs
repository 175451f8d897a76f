//! From where each account was signed in to before: what an attacker elsewhere cannot bring about.

use std::collections::BTreeMap;
use std::time::Duration;

use super::network::Network;
use super::record::Record;
use crate::policy::account::NameDigest;

/// How many accounts are remembered at the most.
const ACCOUNTS: usize = 1_024;
/// How many networks of one account are.
const NETWORKS: usize = 32;

/// The pairs of an account and a network from which its password was once right, with the failures of each pair.
///
/// Only right passwords come in here, so only holders of accounts can fill it, each one the places of their own: of
/// 32 networks of one account, the one that was not seen for the longest time makes room, and of 1,024 accounts
/// likewise.
#[derive(Clone, Debug, Default)]
pub struct Acquaintances(BTreeMap<NameDigest, Vec<Acquaintance>>);

#[derive(Clone, Debug)]
struct Acquaintance {
    network: Network,
    seen: Duration,
    failures: Record,
}

impl Acquaintances {
    /// The password of `account` was right from `network`.
    pub fn meet(&mut self, account: NameDigest, network: Network, now: Duration) {
        if !self.0.contains_key(&account) && self.0.len() >= ACCOUNTS {
            let seen = |networks: &Vec<Acquaintance>| networks.iter().map(|known| known.seen).max();
            let last = self.0.iter().min_by_key(|(_, networks)| seen(networks)).map(|(account, _)| *account);
            last.and_then(|account| self.0.remove(&account));
        }
        let networks = self.0.entry(account).or_default();
        if let Some(known) = networks.iter_mut().find(|known| known.network == network) {
            known.seen = now;
            return;
        }
        let newcomer = Acquaintance { network, seen: now, failures: Record::default() };
        if networks.len() < NETWORKS {
            networks.push(newcomer);
        } else if let Some(last) = networks.iter_mut().min_by_key(|known| known.seen) {
            *last = newcomer;
        }
    }

    /// The failures of the pair. `None`: it is not known.
    pub fn of(&self, account: NameDigest, network: Network) -> Option<&Record> {
        let known = self.0.get(&account)?.iter().find(|known| known.network == network)?;
        Some(&known.failures)
    }

    /// The same, to count one more.
    pub fn of_mut(&mut self, account: NameDigest, network: Network) -> Option<&mut Record> {
        let known = self.0.get_mut(&account)?.iter_mut().find(|known| known.network == network)?;
        Some(&mut known.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn network(number: u32) -> Network {
        Network::Address(number)
    }

    #[test]
    fn of_too_many_networks_the_one_not_seen_for_longest_makes_room() {
        let (ann, bob) = (NameDigest::of("ann"), NameDigest::of("bob"));
        let mut known = Acquaintances::default();
        known.meet(bob, network(0), at(0));
        for number in 0..32 {
            known.meet(ann, network(number), at(u64::from(number)));
        }
        known.meet(ann, network(0), at(40));
        known.meet(ann, network(99), at(41));
        assert_eq!(known.of(ann, network(1)), None);
        for number in [0, 2, 31, 99] {
            assert!(known.of(ann, network(number)).is_some(), "{number}");
        }
        // However many networks one account has, those of another stay.
        assert!(known.of(bob, network(0)).is_some());
    }

    #[test]
    fn of_too_many_accounts_the_one_not_seen_for_longest_makes_room() {
        let name = |number: u64| NameDigest::of(&number.to_string());
        let mut known = Acquaintances::default();
        for number in 0..1_024 {
            known.meet(name(number), network(0), at(number));
        }
        known.meet(name(0), network(1), at(2_000));
        known.meet(name(5_000), network(0), at(2_001));
        assert_eq!(known.0.len(), 1_024);
        assert_eq!(known.of(name(1), network(0)), None);
        assert!(known.of(name(0), network(0)).is_some());
    }
}
