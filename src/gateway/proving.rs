//! Costly proofs: key derivations, off the workers, a few at a time, with a bounded queue before them.
//!
//! One argon2 proof takes tens of milliseconds and megabytes. Made on a worker it would stop every other visitor;
//! made without a bound, five hundred wrong passwords would take the machine.
//! Those who signed in from there before have places that no stranger gets, and nobody fills the queue alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, watch};

use super::gate::Proof;
use super::rules::Rules;
use crate::policy::Settled;
use crate::policy::account::Claim;
use crate::policy::throttle::{Admission, Attempt, Familiarity, Network};

/// How many claims wait for their turn or have it at the most, all workers together.
const QUEUE: usize = 576;
/// How many of them may be of strangers. So many that five hundred who guess at once do not keep out an owner at an
/// address that nobody has seen before: on two cores the last of them waits for six seconds.
const STRANGERS: usize = 512;
/// How many of them may be of one party.
const PARTY: usize = 8;

/// Where proofs are made.
#[derive(Debug)]
pub struct Proving {
    turns: Arc<Semaphore>,
    /// Strangers queue here first, so that at most one a core stands before somebody who was let in before.
    strangers: Semaphore,
    queue: Mutex<Queue>,
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
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            strangers: Semaphore::new(turns),
            queue: Mutex::default(),
        }
    }

    /// Makes the proof when its turn comes. A page of sixty images whose password has to be proven anew is one proof
    /// and not sixty: whoever claims the same from the same address under the same rules learns the same.
    pub async fn prove(&self, unproven: Unproven, epoch: Instant) -> Proof {
        let question = Question::of(&unproven);
        loop {
            let mut asked = match self.enter(&question, &unproven) {
                Entry::Full => return Proof::Busy,
                Entry::First(place) => {
                    let proof = self.make(unproven, &place.party, epoch).await;
                    place.answer.send_replace(Some(proof));
                    return proof;
                }
                Entry::Asked(asked) => asked,
            };
            // Whoever asked first may leave without the answer; then the next one asks.
            if let Ok(Some(proof)) = asked.wait_for(Option::is_some).await.as_deref() {
                return *proof;
            }
        }
    }

    async fn make(&self, unproven: Unproven, party: &Party, epoch: Instant) -> Proof {
        let _among_strangers = match party {
            Party::Strangers(_) => self.strangers.acquire().await.ok(),
            Party::Known(_) => None,
        };
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else { return Proof::Busy };
        let Unproven { claim, authorization, address, rules } = unproven;
        let attempt = Attempt::new(address, claim.name());
        let Some(sign_in) = &rules.policy.sign_in else { return Proof::Busy };
        // Whoever queued hundreds of guesses has been found out while they waited.
        let admission = sign_in.admission(attempt, epoch.elapsed());
        if admission != Admission::Free {
            return Proof::Settled(Settled::Wrong(admission));
        }
        // Whoever asks may leave meanwhile (a reset stream). The work goes on all the same, so it keeps its turn, and
        // a wrong password counts.
        let work = move || {
            let _turn = turn;
            let sign_in = rules.policy.sign_in.as_ref()?;
            let proof = claim.prove();
            Some(sign_in.settle(authorization.as_deref(), attempt, &proof, epoch.elapsed()))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Some(settled)) => Proof::Settled(settled),
            Ok(None) | Err(_) => Proof::Busy,
        }
    }

    fn enter(&self, question: &Question, unproven: &Unproven) -> Entry<'_> {
        let attempt = Attempt::new(unproven.address, unproven.claim.name());
        let familiarity = unproven.rules.policy.sign_in.as_ref().map(|sign_in| sign_in.familiarity(attempt));
        let party = match familiarity {
            Some(Familiarity::Known) => Party::Known(attempt),
            Some(Familiarity::Stranger) | None => Party::Strangers(attempt.network),
        };
        let mut queue = self.queue();
        if let Some(asked) = queue.asked.get(question) {
            return Entry::Asked(asked.clone());
        }
        if !queue.has_room(&party) {
            return Entry::Full;
        }
        let (answer, asked) = watch::channel(None);
        *queue.places.entry(party).or_default() += 1;
        queue.asked.insert(question.clone(), asked);
        let (question, rules) = (question.clone(), Arc::clone(&unproven.rules));
        Entry::First(Place { proving: self, party, question, _rules: rules, answer })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who waits for a turn, or has it.
#[derive(Debug, Default)]
struct Queue {
    /// How many places each party has.
    places: HashMap<Party, usize>,
    asked: HashMap<Question, watch::Receiver<Option<Proof>>>,
}

/// Those who share places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Party {
    /// All strangers of a network.
    Strangers(Network),
    /// Somebody who was let in from there before. The strangers at the same address take no place of theirs.
    Known(Attempt),
}

/// What has the same answer whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    /// Where the rules lie. The place that the question belongs to keeps them, so no others come to lie there.
    rules: usize,
    address: IpAddr,
    claim: [u8; 32],
}

/// What somebody who enters the queue meets.
enum Entry<'a> {
    /// No place.
    Full,
    /// A place.
    First(Place<'a>),
    /// Somebody who has asked the same.
    Asked(watch::Receiver<Option<Proof>>),
}

/// A place in the queue, given back when it is dropped.
struct Place<'a> {
    proving: &'a Proving,
    party: Party,
    question: Question,
    _rules: Arc<Rules>,
    answer: watch::Sender<Option<Proof>>,
}

impl Queue {
    fn has_room(&self, party: &Party) -> bool {
        let is_stranger = |party: &Party| matches!(party, Party::Strangers(_));
        let taken: usize = self.places.values().sum();
        let by_strangers: usize =
            self.places.iter().filter(|(party, _)| is_stranger(party)).map(|(_, places)| places).sum();
        let own = self.places.get(party).copied().unwrap_or_default();
        taken < QUEUE && own < PARTY && (by_strangers < STRANGERS || !is_stranger(party))
    }
}

impl Question {
    fn of(unproven: &Unproven) -> Self {
        Self {
            rules: Arc::as_ptr(&unproven.rules).addr(),
            address: unproven.address,
            claim: unproven.claim.fingerprint(),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queue = self.proving.queue();
        queue.asked.remove(&self.question);
        if let Some(places) = queue.places.get_mut(&self.party) {
            *places -= 1;
            if *places == 0 {
                queue.places.remove(&self.party);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::gateway::rules::Behind;
    use crate::policy::account::{Credentials, Login, Proofs, Secret, Shared};
    use crate::policy::client::Trust;
    use crate::policy::host::Hosts;
    use crate::policy::throttle::Throttle;
    use crate::policy::{Addresses, HostCheck, Policy, Satisfy, SignIn};
    use std::future::poll_fn;
    use std::pin::{Pin, pin};
    use std::sync::RwLock;
    use std::task::Poll;

    /// Slow enough to prove that whoever asks can leave before it is done.
    const SLOW: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$eP0+QUlGozNf8nZYHp5OWw$/95xqNa00+FW/8uscOwIrG+ci3dc7dZlShFMrG6Fsfk";

    /// Rules that let one wrong password pass with a 401.
    pub fn rules() -> Arc<Rules> {
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
            edition: crate::gateway::rules::Edition::next(),
            policy,
            behind: Behind::Nothing,
            forward_client_ip: false,
            identity_header: None,
            pass_authorization: false,
            hsts: None,
            tell_arrivals: false,
            hosts: Vec::new(),
            config_flag: String::new(),
            list_name: String::new(),
            guests: 0,
            departed: Vec::new(),
        })
    }

    fn guess(rules: &Arc<Rules>) -> Unproven {
        claim(rules, [192, 0, 2, 7], "wrong")
    }

    fn claim(rules: &Arc<Rules>, address: [u8; 4], password: &str) -> Unproven {
        let sign_in = rules.policy.sign_in.as_ref().expect("a login");
        let credentials = Credentials { user: "ann".to_owned(), password: Secret::new(password) };
        let authorization = format!("as good as Basic {password}").into_bytes();
        let claim = sign_in.login.claim(&credentials);
        let (authorization, rules) = (Some(authorization), Arc::clone(rules));
        Unproven { claim, authorization, address: address.into(), rules }
    }

    /// Asks once; what is there at once.
    async fn first_look(proof: Pin<&mut impl Future<Output = Proof>>) -> Poll<Proof> {
        let mut proof = proof;
        poll_fn(|cx| Poll::Ready(proof.as_mut().poll(cx))).await
    }

    #[tokio::test]
    async fn a_guess_counts_and_keeps_its_turn_although_its_asker_has_left() {
        let (proving, rules, epoch) = (Proving::new(1), rules(), Instant::now());
        {
            let asked = pin!(proving.prove(guess(&rules), epoch));
            assert_eq!(first_look(asked).await, Poll::Pending);
        }
        let second = proving.prove(guess(&rules), epoch).await;
        assert!(matches!(second, Proof::Settled(Settled::Wrong(Admission::Wait { .. }))), "{second:?}");
    }

    #[tokio::test]
    async fn the_same_claim_at_once_is_proven_once_and_by_another_when_its_asker_leaves() {
        let (proving, rules, epoch) = (Proving::new(1), rules(), Instant::now());
        let wrong = Proof::Settled(Settled::Wrong(Admission::Free));
        let turn = proving.turns.clone().acquire_owned().await;
        let mut second = pin!(proving.prove(guess(&rules), epoch));
        let mut third = pin!(proving.prove(guess(&rules), epoch));
        {
            let first = pin!(proving.prove(guess(&rules), epoch));
            assert_eq!(first_look(first).await, Poll::Pending);
            assert_eq!(first_look(second.as_mut()).await, Poll::Pending);
            assert_eq!(first_look(third.as_mut()).await, Poll::Pending);
            assert_eq!(proving.queue().places.values().sum::<usize>(), 1);
        }
        drop(turn);
        // Three guesses, one failure: a second would have to wait.
        assert_eq!(first_look(second.as_mut()).await, Poll::Pending);
        assert_eq!(first_look(third.as_mut()).await, Poll::Pending);
        assert_eq!((second.await, third.await), (wrong, wrong));
        let queue = proving.queue();
        assert!(queue.places.is_empty() && queue.asked.is_empty());
    }

    #[tokio::test]
    async fn other_rules_another_address_and_another_password_are_other_questions() {
        let (one, other) = (rules(), rules());
        let question = |unproven: &Unproven| Question::of(unproven);
        let first = claim(&one, [192, 0, 2, 7], "wrong");
        assert_eq!(question(&first), question(&claim(&one, [192, 0, 2, 7], "wrong")));
        for unproven in [
            claim(&other, [192, 0, 2, 7], "wrong"),
            claim(&one, [192, 0, 2, 8], "wrong"),
            claim(&one, [192, 0, 2, 7], "Wrong"),
        ] {
            assert_ne!(question(&first), question(&unproven));
        }
    }

    #[tokio::test]
    async fn nobody_fills_the_queue_alone_and_strangers_leave_room_for_those_who_were_let_in_before() {
        // No turn ever comes, so whoever has a place waits.
        let (proving, rules, epoch) = (Proving::new(0), rules(), Instant::now());
        let home = [192, 0, 2, 7];
        let sign_in = rules.policy.sign_in.as_ref().expect("a login");
        let user = "ann".into();
        let known = Attempt::new(home.into(), guess(&rules).claim.name());
        sign_in.settle(
            Some(b"Basic"),
            known,
            &crate::policy::account::Proof::Accepted { user },
            epoch.elapsed(),
        );
        let mut waiting = Vec::new();
        let mut enter = async |address: [u8; 4], password: &str| {
            let mut proof = Box::pin(proving.prove(claim(&rules, address, password), epoch));
            let look = first_look(proof.as_mut()).await;
            waiting.push(proof);
            look
        };
        for network in 0..100 {
            for guess in 0..10 {
                let has_place = usize::from(network) < STRANGERS / PARTY && guess < PARTY;
                let expected = if has_place { Poll::Pending } else { Poll::Ready(Proof::Busy) };
                let look = enter([10, 0, 0, network], &guess.to_string()).await;
                assert_eq!(look, expected, "{network} {guess}");
            }
        }
        for guess in 0..10 {
            let expected = if guess < PARTY { Poll::Pending } else { Poll::Ready(Proof::Busy) };
            assert_eq!(enter(home, &guess.to_string()).await, expected, "{guess}");
        }
        // Whoever leaves gives the place back.
        waiting.clear();
        assert!(proving.queue().places.is_empty());
        let again = pin!(proving.prove(claim(&rules, [10, 0, 0, 9], "0"), epoch));
        assert_eq!(first_look(again).await, Poll::Pending);
    }

    #[tokio::test]
    async fn one_stranger_at_most_stands_before_somebody_who_was_let_in_before() {
        let (proving, rules, epoch) = (Proving::new(1), rules(), Instant::now());
        let home = [192, 0, 2, 7];
        let sign_in = rules.policy.sign_in.as_ref().expect("a login");
        let known = Attempt::new(home.into(), guess(&rules).claim.name());
        let right = crate::policy::account::Proof::Accepted { user: "ann".into() };
        sign_in.settle(Some(b"Basic"), known, &right, epoch.elapsed());
        let turn = proving.turns.clone().acquire_owned().await;
        let mut first = pin!(proving.prove(claim(&rules, [10, 0, 0, 1], "wrong"), epoch));
        let mut second = pin!(proving.prove(claim(&rules, [10, 0, 0, 2], "wrong"), epoch));
        let mut known = pin!(proving.prove(claim(&rules, home, "wrong"), epoch));
        assert_eq!(first_look(first.as_mut()).await, Poll::Pending);
        assert_eq!(first_look(second.as_mut()).await, Poll::Pending);
        assert_eq!(first_look(known.as_mut()).await, Poll::Pending);
        drop(turn);
        assert!(matches!(first.await, Proof::Settled(_)));
        assert_eq!(first_look(second.as_mut()).await, Poll::Pending);
        assert!(matches!(known.await, Proof::Settled(_)));
        assert_eq!(first_look(second.as_mut()).await, Poll::Pending, "its turn has only come now");
        assert!(matches!(second.await, Proof::Settled(_)));
    }
}
