//! The gate: turns a request head into a `Visit`, asks the policy, and says what happens next.
//!
//! HTTP/1 and HTTP/2 come through here alike. The verdict is taken from the head alone, on every request, from one
//! immutable snapshot of the rules; whoever changes the rules sends a new one, and the next request meets it.

mod admission;
mod peer;
mod plan;
mod shared;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Response;
use tokio::sync::watch;

pub use admission::Wanted;
pub use peer::Peer;
pub use plan::{Order, Plan, Proof, Sending};
pub use shared::{Limits, Shared};

use super::astray;
use super::certificates::Certificates;
use super::field::Field;
use super::http1::{self, Head, Malformed};
use super::journal::Journal;
use super::page::Page;
use super::proving::Unproven;
use super::reply::{self, AnswerBody, Refused};
use super::rules::Rules;
use super::sight;
use super::signin::{self, OwnPath};
use super::stay::Stay;
use super::target::Target;
use super::trail::{self, Sight};
use super::trust;
use crate::policy::client::Client;
use crate::policy::{Decision, Visit};
use crate::record::event as audited;
use plan::{LAST, answer};

/// The gate as one connection knows it.
#[derive(Clone, Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    changes: watch::Receiver<Arc<Rules>>,
    rules: Arc<Rules>,
}

impl Gate {
    /// A gate that follows `changes`.
    #[must_use]
    pub fn new(shared: Arc<Shared>, mut changes: watch::Receiver<Arc<Rules>>) -> Self {
        let rules = Arc::clone(&changes.borrow_and_update());
        Self { shared, changes, rules }
    }

    /// Reads one HTTP/1 request head at the start of `bytes` and judges it. `None`: it is not whole yet.
    pub fn plan(&mut self, bytes: &[u8], peer: &mut Peer, proof: Option<Proof>) -> Option<Plan> {
        let mut memory = http1::fields();
        match Head::parse(bytes, &mut memory) {
            Ok(Some((_, length))) if length > self.limits().head_size => {
                Some(self.refuse_head(Malformed::TooLarge, peer))
            }
            Ok(Some((head, length))) => Some(self.judge(&head, length, peer, proof)),
            Ok(None) if bytes.len() >= self.limits().head_size => {
                Some(self.refuse_head(Malformed::TooLarge, peer))
            }
            Ok(None) => None,
            Err(malformed) => Some(self.refuse_head(malformed, peer)),
        }
    }

    /// The answer to bytes of `peer` that are no request.
    #[must_use]
    pub fn refuse_head(&self, malformed: Malformed, peer: &mut Peer) -> Plan {
        self.begin_stranger(peer);
        answer(reply::malformed(malformed), LAST)
    }

    /// The answer to a head that did not come to its end in time.
    #[must_use]
    pub fn head_too_slow(&self, peer: &mut Peer) -> Plan {
        self.begin_stranger(peer);
        answer(reply::too_slow(), LAST)
    }

    /// Takes note of a request of which no head could be read.
    fn begin_stranger(&self, peer: &mut Peer) {
        // That was of the request before.
        peer.asked = None;
        let client = Client::Direct { address: peer.address };
        trail::begin(&self.shared.journal, peer, &Sight::of_stranger(&client, audited::Reason::Malformed));
    }

    /// Judges one request head, of which `length` bytes lie in the client's input.
    pub fn judge(&mut self, head: &Head<'_>, length: usize, peer: &mut Peer, proof: Option<Proof>) -> Plan {
        let now = Instant::now();
        // A request that is judged again, with a proof, began when it was judged first.
        peer.asked = peer.asked.filter(|_| proof.is_some()).or(Some(now));
        let mut proof = proof;
        if self.changes.has_changed().unwrap_or(false) {
            self.rules = Arc::clone(&self.changes.borrow_and_update());
            // What was right or wrong under the rules of before says nothing about these: it is proven again.
            proof = proof.filter(|proof| *proof == Proof::Busy);
        }
        let sending = Sending {
            version: head.version,
            keeps_alive: head.keeps_alive(),
            head_length: length,
            body: head.body,
            bodyless: head.method == "HEAD",
        };
        let (target, host) = match Target::of(head) {
            Ok(Target { target, host }) => (target, host),
            Err(what) => return self.refuse_target(what, head, peer, sending),
        };
        let visit = self.visit(head, target, host, peer);
        if let Some(here) = peer.astray {
            let (rules, visit) = (&self.rules, astray::without_credentials(visit));
            let asked = Refused { rules, head, visit: &visit, target, journal: &self.shared.journal };
            let certificates = self.certificates();
            let trust = certificates.as_ref().and_then(|certificates| certificates.trust.as_ref());
            return astray::plan(&asked, trust, here, peer, sending);
        }
        let settled = match proof {
            Some(Proof::Busy) => return self.put_off(head, &visit, peer, sending),
            Some(Proof::Settled(settled)) => Some(settled),
            None => None,
        };
        let this = &*self;
        let rules = &this.rules;
        let refused = Refused { rules, head, visit: &visit, target, journal: &this.shared.journal };
        if let Some(at @ (OwnPath::SignIn | OwnPath::SignOut)) = OwnPath::of(visit.path)
            && rules.policy.sign_in.as_ref().is_some_and(|sign_in| sign_in.sessions.is_some())
        {
            return signin::plan(at, &refused, rules, peer, sending);
        }
        if let Some(plan) = this.trust_page(&refused, peer, sending) {
            return plan;
        }
        match rules.policy.decide(&visit, settled, now - this.shared.epoch) {
            Decision::Permit(permit) => this.admit(rules, head, &visit, target, &permit, peer, sending),
            Decision::Deny(denial) => refused.refuse(denial, peer, sending),
            Decision::Prove(claim) => Plan::Prove(Unproven {
                claim,
                authorization: visit.authorization.map(<[u8]>::to_vec),
                address: rules.policy.trust.identify(visit.peer, &visit.forwarded).address(),
                rules: Arc::clone(rules),
            }),
        }
    }

    /// The answer to a request that does not say where it is addressed to, because of `what`.
    fn refuse_target(&self, what: &'static str, head: &Head<'_>, peer: &mut Peer, sending: Sending) -> Plan {
        let client = Client::Direct { address: peer.address };
        let sight = Sight::of_stranger(&client, audited::Reason::Malformed);
        trail::begin(&self.shared.journal, peer, &Sight { head: Some(head), ..sight });
        answer(reply::page(&Page::Malformed { what }, head), sending.closing())
    }

    /// The answer to a request whose proof found no place in the queue.
    fn put_off(&self, head: &Head<'_>, visit: &Visit<'_>, peer: &mut Peer, sending: Sending) -> Plan {
        let client = self.client(visit);
        let sight = Sight::of_stranger(&client, audited::Reason::Busy);
        let target = Some((visit.path, visit.host));
        trail::begin(&self.shared.journal, peer, &Sight { head: Some(head), target, ..sight });
        answer(reply::page(&Page::Busy { retry_after_seconds: 2 }, head), sending)
    }

    /// What the policy sees of a request.
    fn visit<'a>(&self, head: &Head<'a>, target: &'a str, host: Option<&'a [u8]>, peer: &Peer) -> Visit<'a> {
        let forwarded = sight::forwarded_headers(head);
        // Over TLS to here, or to a proxy of ours that says so.
        let secure = peer.tls.is_some() || self.rules.policy.trust.is_secured(peer.address, &forwarded);
        Visit {
            peer: peer.address,
            secure,
            method: head.method,
            path: target.split_once('?').map_or(target, |(path, _)| path),
            host,
            authorization: head.first(Field::Authorization),
            forwarded,
            ambient: sight::ambient(head, secure),
        }
    }

    /// The pages about our own authority, which need no password: there is nothing secret about it.
    fn trust_page(&self, asked: &Refused<'_>, peer: &mut Peer, sending: Sending) -> Option<Plan> {
        if peer.tls.is_none() || !asked.visit.path.starts_with(trust::PATH) {
            return None;
        }
        let certificates = self.certificates()?;
        let trust = certificates.trust.as_ref()?;
        let approach = match asked.rules.policy.approach(asked.visit) {
            Ok(approach) => approach,
            Err(denial) => return Some(asked.refuse(denial, peer, sending)),
        };
        let host = asked.visit.host.map_or("localhost".into(), String::from_utf8_lossy);
        let response = astray::trust_page(asked, trust, &host)?;
        asked.note_visit(&approach.client, audited::Reason::Public, peer);
        Some(answer(response, sending))
    }

    /// Makes a costly proof; the plan is asked for again with what comes of it.
    pub async fn prove(&self, unproven: Unproven) -> Proof {
        self.shared.proving.prove(unproven, self.shared.epoch).await
    }

    /// Whether the rules have changed and no longer let in who is being served. Costs next to nothing while they
    /// have not; whoever waits is woken when they do.
    pub fn revokes(&mut self, stay: &Stay) -> bool {
        if !self.changes.has_changed().unwrap_or(false) {
            return false;
        }
        let rules = Arc::clone(&self.changes.borrow_and_update());
        let before = std::mem::replace(&mut self.rules, rules);
        !stay.is_upheld(&self.rules.policy, &before.policy)
    }

    /// The answer to a request of which [`Gate::revokes`] said that it may not go on, if nothing of its answer was
    /// sent yet.
    #[must_use]
    pub fn revoked(&self, order: &Order) -> Response<AnswerBody> {
        order.stay.refusal(&self.rules, &self.shared.journal, order.accept.as_deref(), self.now())
    }

    /// Who makes this visit, by the rules that were looked at last.
    #[must_use]
    pub fn client(&self, visit: &Visit<'_>) -> Client {
        self.rules.policy.trust.identify(visit.peer, &visit.forwarded)
    }

    /// Waits until there are other rules than this gate knows.
    pub fn next_change(&self) -> impl Future<Output = ()> + Send + Sync + 'static {
        let mut changes = self.changes.clone();
        async move {
            if changes.changed().await.is_err() {
                // The server stops, and no rules follow.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Time limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// The certificates in force, if this is a TLS server.
    #[must_use]
    pub fn certificates(&self) -> Option<Arc<Certificates>> {
        self.shared.certificates.as_ref().map(|certificates| Arc::clone(&certificates.borrow()))
    }

    /// The `Strict-Transport-Security` of an answer of our own to `peer`.
    #[must_use]
    pub fn hsts(&self, peer: &Peer) -> Option<&str> {
        self.rules.hsts.as_deref().filter(|_| peer.tls.is_some())
    }

    /// What a command has to be told to find the settings.
    #[must_use]
    pub fn config_flag(&self) -> &str {
        &self.rules.config_flag
    }

    /// Where visits are told.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// The time by the clock that the policy knows.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.epoch.elapsed()
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::gateway::buffer;
    use crate::gateway::journal::JournalOptions;
    use crate::gateway::proving::Proving;
    use crate::gateway::proving::tests::rules;
    use crate::policy::Settled;
    use crate::policy::throttle::Admission;

    /// Of a name and a password that take a costly proof.
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic YW5uOndyb25n\r\n\r\n";

    #[test]
    fn what_was_proven_under_other_rules_is_proven_again() {
        let limit = Duration::from_mins(1);
        let limits = Limits { idle: limit, head: limit, body: limit, answer: None, head_size: buffer::SIZE };
        let journal =
            Journal::open(JournalOptions { min_level: 4, ..JournalOptions::default() }).expect("a journal");
        let shared =
            Shared { journal, proving: Proving::new(1), limits, certificates: None, epoch: Instant::now() };
        let (sender, changes) = watch::channel(rules());
        let mut gate = Gate::new(Arc::new(shared), changes);
        let mut peer = Peer::new([192, 0, 2, 7].into(), None);
        let mut asked_under = |proof| match gate.plan(REQUEST, &mut peer, proof) {
            Some(Plan::Prove(unproven)) => Ok(unproven.rules),
            Some(Plan::Answer { response, .. }) => Err(response.status().as_u16()),
            _ => Err(0),
        };
        let before = asked_under(None).expect("a proof is wanted");
        let wrong = Proof::Settled(Settled::Wrong(Admission::Free));
        assert_eq!(asked_under(Some(wrong)).err(), Some(401));
        for proof in [wrong, Proof::Settled(Settled::Right)] {
            sender.send_replace(rules());
            let again = asked_under(Some(proof)).expect("a proof is wanted again");
            assert!(Arc::ptr_eq(&again, &sender.borrow()) && !Arc::ptr_eq(&again, &before));
        }
        // Whoever found no place in the queue is told so, whatever the rules.
        sender.send_replace(rules());
        assert_eq!(asked_under(Some(Proof::Busy)).err(), Some(503));
    }
}
