//! Costly proofs: key derivations, off the workers, a few at a time, with a bounded queue before them.
//!
//! One argon2 proof takes tens of milliseconds and megabytes. Made on a worker it would stop every other visitor;
//! made without a bound, five hundred wrong passwords would take the machine.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::Semaphore;

use super::gate::Proof;
use super::rules::Rules;
use crate::policy::Settled;
use crate::policy::account::Claim;
use crate::policy::throttle::Admission;

/// How many claims wait for their turn at the most, all workers together.
const QUEUE: usize = 64;

/// Where proofs are made.
#[derive(Debug)]
pub struct Proving {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A claim that has to be proven.
pub struct Unproven {
    /// The claim.
    pub claim: Claim,
    /// The field it came in.
    pub authorization: Vec<u8>,
    /// Who sent it.
    pub address: IpAddr,
    /// The rules it was made under.
    pub rules: Arc<Rules>,
}

impl Proving {
    /// At most `turns` proofs at a time.
    #[must_use]
    pub fn new(turns: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(turns)), waiting: AtomicUsize::new(0) }
    }

    /// Makes the proof when its turn comes.
    pub async fn prove(&self, unproven: Unproven, epoch: Instant) -> Proof {
        let Some(_place) = Place::take(&self.waiting) else { return Proof::Busy };
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else { return Proof::Busy };
        let Unproven { claim, authorization, address, rules } = unproven;
        let Some(sign_in) = &rules.policy.sign_in else { return Proof::Busy };
        // Whoever queued hundreds of guesses has been found out while they waited.
        let admission = sign_in.admission(address, epoch.elapsed());
        if admission != Admission::Free {
            return Proof::Settled(Settled::Wrong(admission));
        }
        // Whoever asks may leave meanwhile (a reset stream). The work goes on all the same, so it keeps its turn, and
        // a wrong password counts.
        let work = move || {
            let _turn = turn;
            let sign_in = rules.policy.sign_in.as_ref()?;
            let proof = claim.prove();
            Some(sign_in.settle(&authorization, address, &proof, epoch.elapsed()))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Some(settled)) => Proof::Settled(settled),
            Ok(None) | Err(_) => Proof::Busy,
        }
    }
}

/// A place in the queue, given back when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| (count < QUEUE).then_some(count + 1))
            .ok()
            .map(|_| Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
