//! Proofs that were made a short while ago, so that a page of sixty images costs one key derivation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::authorization::LONGEST_VALUE;

/// Proofs are kept in sets: the digest chooses one of `SETS`, and each keeps at most `WAYS` of them.
const SETS: usize = 128;
const WAYS: usize = 8;

/// The `Authorization` values that were proven, each as a keyed digest: the values themselves are not
/// kept, and without the key nobody can try passwords on what is. At most 1,024, for a short while.
///
/// Only what was proven is kept, so a stranger cannot push anything out. Make a new one (or
/// [`clear`](Self::clear) it) when a password, an account or a login has changed: it knows no difference
/// between a proof of before and one of after.
#[derive(Clone)]
pub struct Proofs {
    keyed: Hmac<Sha256>,
    lifetime: Duration,
    slots: Box<[Option<Proven>]>,
}

/// What is known of an `Authorization` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recollection<'a> {
    /// It was proven a short while ago.
    Proven {
        /// By this user.
        user: &'a Arc<str>,
    },
    /// Nothing: it has to be proven.
    Unknown,
}

#[derive(Clone)]
struct Proven {
    digest: [u8; 32],
    user: Arc<str>,
    until: Duration,
}

impl Proofs {
    /// How long a proof is good for unless the settings say otherwise: five minutes.
    pub const LIFETIME: Duration = Duration::from_mins(5);

    /// No proofs yet. `key` is random and nobody else's; `lifetime` counts from the proof, not from the
    /// last use.
    #[must_use]
    pub fn new(key: &[u8; 32], lifetime: Duration) -> Self {
        // HMAC fills a short key with zeros to a block of its hash (RFC 2104).
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        Self { keyed: Mac::new(&block.into()), lifetime, slots: vec![None; SETS * WAYS].into() }
    }

    /// Was this `Authorization` value proven? Costs one HMAC and allocates nothing.
    #[must_use]
    pub fn recall(&self, authorization: &[u8], now: Duration) -> Recollection<'_> {
        // A longer value is not even read, so it cannot have been proven.
        if authorization.is_empty() || authorization.len() > LONGEST_VALUE {
            return Recollection::Unknown;
        }
        let digest = self.digest(authorization);
        // A plain comparison: without the key no one can choose a digest, so its time teaches nothing.
        self.slots[set(&digest)]
            .iter()
            .flatten()
            .find(|proven| proven.digest == digest && now < proven.until)
            .map_or(Recollection::Unknown, |proven| Recollection::Proven { user: &proven.user })
    }

    /// Remembers that `user` proved this `Authorization` value at `now`, in the place of the proof of the
    /// same set that would be forgotten first.
    pub fn remember(&mut self, authorization: &[u8], user: &Arc<str>, now: Duration) {
        let digest = self.digest(authorization);
        let slots = &mut self.slots[set(&digest)];
        let age = |slot: &Option<Proven>| match slot {
            Some(proven) if proven.digest != digest => Some(proven.until),
            // Empty, or an older proof of the same: nothing is lost.
            _ => None,
        };
        if let Some(slot) = slots.iter_mut().min_by_key(|slot| age(slot)) {
            let until = now.saturating_add(self.lifetime);
            *slot = Some(Proven { digest, user: Arc::clone(user), until });
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.slots.fill(None);
    }

    fn digest(&self, authorization: &[u8]) -> [u8; 32] {
        self.keyed.clone().chain_update(authorization).finalize().into_bytes().into()
    }
}

/// The slots of the set that `digest` belongs to.
fn set(digest: &[u8; 32]) -> std::ops::Range<usize> {
    let start = usize::from(digest[0]) % SETS * WAYS;
    start..start + WAYS
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proofs({} …)", self.slots.iter().flatten().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &[u8] = b"Basic dXNlcjp3b3Jk";

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn user() -> Arc<str> {
        "user".into()
    }

    fn proofs() -> Proofs {
        let mut proofs = Proofs::new(&[7; 32], Proofs::LIFETIME);
        proofs.remember(VALUE, &user(), at(100));
        proofs
    }

    #[test]
    fn a_proof_is_good_for_five_minutes_however_often_it_is_used() {
        let proofs = proofs();
        for seconds in [100, 250, 399] {
            assert_eq!(proofs.recall(VALUE, at(seconds)), Recollection::Proven { user: &user() });
        }
        assert_eq!(proofs.recall(VALUE, at(400)), Recollection::Unknown);
    }

    #[test]
    fn a_later_proof_of_the_same_takes_the_place_of_the_first() {
        let mut proofs = proofs();
        proofs.remember(VALUE, &user(), at(200));
        assert_eq!(proofs.recall(VALUE, at(499)), Recollection::Proven { user: &user() });
        assert_eq!(format!("{proofs:?}"), "Proofs(1 …)");
    }

    #[test]
    fn any_other_value_is_unknown() {
        let proofs = proofs();
        let long = vec![b'x'; LONGEST_VALUE + 1];
        for value in [&b""[..], b"Basic dXNlcjp3b3JL", b"basic dXNlcjp3b3Jk", b"Basic dXNlcjp3b3Jk ", &long] {
            assert_eq!(proofs.recall(value, at(100)), Recollection::Unknown);
        }
    }

    #[test]
    fn clearing_forgets() {
        let mut proofs = proofs();
        proofs.clear();
        assert_eq!(proofs.recall(VALUE, at(100)), Recollection::Unknown);
    }

    #[test]
    fn it_keeps_the_latest_and_does_not_grow() {
        let mut proofs = proofs();
        for number in 0..10_000_u32 {
            proofs.remember(&number.to_be_bytes(), &user(), at(101 + u64::from(number)));
        }
        assert_eq!(format!("{proofs:?}"), "Proofs(1024 …)");
        let last = 9_999_u32.to_be_bytes();
        assert_eq!(proofs.recall(&last, at(10_100)), Recollection::Proven { user: &user() });
        assert_eq!(proofs.recall(VALUE, at(102)), Recollection::Unknown);
    }
}
