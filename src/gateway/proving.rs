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
    /// The `Authorization` field it came in, if it came in one.
    pub authorization: Option<Vec<u8>>,
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
            Some(sign_in.settle(authorization.as_deref(), address, &proof, epoch.elapsed()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::rules::Behind;
    use crate::policy::account::{Authorization, Login, Proofs, Shared};
    use crate::policy::client::Trust;
    use crate::policy::host::Hosts;
    use crate::policy::throttle::Throttle;
    use crate::policy::{Addresses, HostCheck, Policy, Satisfy, SignIn};
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::{Mutex, RwLock};
    use std::task::Poll;

    /// Slow enough to prove that whoever asks can leave before it is done.
    const SLOW: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$eP0+QUlGozNf8nZYHp5OWw$/95xqNa00+FW/8uscOwIrG+ci3dc7dZlShFMrG6Fsfk";

    /// Rules that let one wrong password pass with a 401.
    fn rules() -> Arc<Rules> {
        let password = SLOW.parse().expect("a password");
        let sign_in = SignIn {
            login: Login::Shared(Shared::new("ann", password).expect("a login")),
            proofs: RwLock::new(Proofs::new(&[7; 32], Proofs::LIFETIME)),
            throttle: Arc::new(Mutex::new(Throttle::new(1))),
            sessions: None,
            keepsakes: None,
        };
        let policy = Policy {
            addresses: Addresses::Any,
            trust: Trust::default(),
            hosts: Hosts::new(&[], &[]),
            host_check: HostCheck::Off,
            sign_in: Some(sign_in),
            satisfy: Satisfy::All,
            require_https: false,
            public_paths: Vec::new(),
        };
        Arc::new(Rules {
            policy,
            behind: Behind::Nothing,
            forward_client_ip: false,
            identity_header: None,
            pass_authorization: false,
            tell_arrivals: false,
            hosts: Vec::new(),
            config_flag: String::new(),
            list_name: String::new(),
            guests: 0,
            departed: Vec::new(),
        })
    }

    fn guess(rules: &Arc<Rules>) -> Unproven {
        let authorization = b"Basic YW5uOndyb25n".to_vec();
        let Authorization::Basic(credentials) = Authorization::read(&authorization) else { unreachable!() };
        let sign_in = rules.policy.sign_in.as_ref().expect("a login");
        let claim = sign_in.login.claim(&credentials);
        Unproven {
            claim,
            authorization: Some(authorization),
            address: [192, 0, 2, 7].into(),
            rules: Arc::clone(rules),
        }
    }

    #[tokio::test]
    async fn a_guess_counts_and_keeps_its_turn_although_its_asker_has_left() {
        let (proving, rules, epoch) = (Proving::new(1), rules(), Instant::now());
        {
            let mut asked = pin!(proving.prove(guess(&rules), epoch));
            poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_ready())).await;
        }
        let second = proving.prove(guess(&rules), epoch).await;
        assert!(matches!(second, Proof::Settled(Settled::Wrong(Admission::Wait { .. }))), "{second:?}");
    }
}
