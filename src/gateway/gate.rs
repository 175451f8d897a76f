//! The gate: turns a request head into a `Visit`, asks the policy, and says what happens next.
//!
//! HTTP/1 and HTTP/2 come through here alike. The verdict is taken from the head alone, on every request, from one
//! immutable snapshot of the rules; whoever changes the rules sends a new one, and the next request meets it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Response;
use hyper::http::{HeaderMap, Method};
use tokio::sync::watch;

use super::astray;
use super::body::{Coding, Decoder};
use super::buffer;
use super::certificates::Certificates;
use super::field::Field;
use super::files::{self, Folder};
use super::forward::{self, OwnFields, Tidings};
use super::http1::{self, Head, Malformed, Persistence, Version};
use super::journal::Journal;
use super::page::{self, Page};
use super::proving::{Proving, Unproven};
use super::reply::{self, AnswerBody, Refused};
use super::rules::{Behind, Rules};
use super::sight;
use super::signin::{self, Form, OwnPath};
use super::stay::Stay;
use super::target::Target;
use super::trail::{self, Acquaintance, Sight, Trail};
use super::trust;
use super::upstream::{Failure, Upstream};
use crate::config;
use crate::policy::client::Client;
use crate::policy::host::HostVerdict;
use crate::policy::{Decision, HostCheck, Permit, Settled, Visit};
use crate::record::event::{self as audited, Tls};

/// For how long things may take. A language model thinks for minutes, so there is no limit on the whole.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// An idle client connection.
    pub idle: Duration,
    /// A request head, from its first byte.
    pub head: Duration,
    /// A body that stands still: an upload that does not come, a download that is not taken.
    pub body: Duration,
    /// The upstream's first byte; `None`: as long as it likes.
    pub answer: Option<Duration>,
    /// The largest request head, in bytes.
    pub head_size: usize,
}

/// What all connections of all workers share.
#[derive(Debug)]
pub struct Shared {
    /// Where visits are told.
    pub journal: Journal,
    /// Where costly proofs are made.
    pub proving: Proving,
    /// Time limits.
    pub limits: Limits,
    /// The certificates in force, if this is a TLS server.
    pub certificates: Option<watch::Receiver<Arc<Certificates>>>,
    /// The start of the clock that the policy knows.
    pub epoch: Instant,
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub struct Peer {
    /// Their address; IPv4-mapped forms are IPv4.
    pub address: IpAddr,
    /// The TLS version, if it is TLS.
    pub tls: Option<Tls>,
    /// It speaks in clear to a port of TLS, which has this address.
    pub astray: Option<SocketAddr>,
    /// The visitor that this connection was last told about.
    pub announced: Option<Client>,
    /// The visitor that is no news to the audit log.
    pub known: Option<Acquaintance>,
    /// What the request that is under way leaves in the audit log.
    pub trail: Option<Box<Trail>>,
    /// The trail of the request before it, for the next one to go on with.
    pub spare: Option<Box<Trail>>,
}

impl Peer {
    /// Somebody of whom nothing else is known yet.
    #[must_use]
    pub const fn new(address: IpAddr, tls: Option<Tls>) -> Self {
        Self { address, tls, astray: None, announced: None, known: None, trail: None, spare: None }
    }
}

/// The gate as one connection knows it.
#[derive(Clone, Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    changes: watch::Receiver<Arc<Rules>>,
    rules: Arc<Rules>,
}

/// What happens next with a request.
pub enum Plan {
    /// The upstream is asked.
    Forward(Order),
    /// We answer.
    Answer {
        /// The answer.
        response: Response<AnswerBody>,
        /// The rest of what has to be known to send it.
        sending: Sending,
    },
    /// A file is looked for.
    Folder {
        /// What is looked for.
        wanted: Wanted,
        /// How the answer is sent.
        sending: Sending,
    },
    /// A form was sent to us; its body has to be read first.
    Form {
        /// The form.
        form: Form,
        /// How the answer is sent.
        sending: Sending,
    },
    /// A password has to be proven first; then the gate is asked again.
    Prove(Unproven),
}

/// What a connection has to know to send an answer of our own.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// The client's protocol.
    pub version: Version,
    /// The client keeps the connection.
    pub keeps_alive: bool,
    /// So many bytes of the input are the request's head.
    pub head_length: usize,
    /// The request's body, which nobody reads.
    pub body: Decoder,
    /// The answer has no body: the request was a HEAD.
    pub bodyless: bool,
}

/// A request for the upstream.
pub struct Order {
    /// Whom to ask.
    pub upstream: Arc<Upstream>,
    /// The head to send.
    pub head: Vec<u8>,
    /// How the request's body comes.
    pub body: Decoder,
    /// How it goes on.
    pub coding: Coding,
    /// The client waits for `100 Continue`.
    pub expects_continue: bool,
    /// The client asks for a WebSocket.
    pub websocket: bool,
    /// It may be sent a second time: an idempotent method (RFC 9110, section 9.2.2) without a body.
    pub repeatable: bool,
    /// How the answer is sent.
    pub sending: Sending,
    /// The client's `Accept`, for a page of ours.
    pub accept: Option<Vec<u8>>,
    /// The fields of ours that go with the answer.
    pub own: OwnFields,
    /// Who is being served, for when the rules change meanwhile.
    pub stay: Stay,
}

/// What came of a proof that a plan asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// This.
    Settled(Settled),
    /// Too many wait for theirs.
    Busy,
}

/// A file that is asked for.
pub struct Wanted {
    folder: Arc<Folder>,
    method: Method,
    path: String,
    headers: HeaderMap,
    accept: Option<Vec<u8>>,
    cookie: Option<String>,
}

impl Gate {
    /// A gate that follows `changes`.
    #[must_use]
    pub fn new(shared: Arc<Shared>, mut changes: watch::Receiver<Arc<Rules>>) -> Self {
        let rules = Arc::clone(&changes.borrow_and_update());
        Self { shared, changes, rules }
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
        let client = Client::Direct { address: peer.address };
        trail::begin(&self.shared.journal, peer, &Sight::of_stranger(&client, audited::Reason::Malformed));
    }

    /// Judges one request head, of which `length` bytes lie in the client's input.
    pub fn judge(&mut self, head: &Head<'_>, length: usize, peer: &mut Peer, proof: Option<Proof>) -> Plan {
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
            Err(what) => {
                let client = Client::Direct { address: peer.address };
                let sight = Sight::of_stranger(&client, audited::Reason::Malformed);
                trail::begin(&self.shared.journal, peer, &Sight { head: Some(head), ..sight });
                return answer(reply::page(&Page::Malformed { what }, head), sending.closing());
            }
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
            Some(Proof::Busy) => {
                let client = self.rules.policy.trust.identify(visit.peer, &visit.forwarded);
                let sight = Sight::of_stranger(&client, audited::Reason::Busy);
                let target = Some((visit.path, visit.host));
                trail::begin(&self.shared.journal, peer, &Sight { head: Some(head), target, ..sight });
                return answer(reply::page(&Page::Busy { retry_after_seconds: 2 }, head), sending);
            }
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
        match rules.policy.decide(&visit, settled, self.now()) {
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

    #[expect(clippy::too_many_arguments, reason = "one request's head, its verdict and its connection")]
    fn admit(
        &self,
        rules: &Arc<Rules>,
        head: &Head<'_>,
        visit: &Visit<'_>,
        target: &str,
        permit: &Permit<'_>,
        peer: &mut Peer,
        sending: Sending,
    ) -> Plan {
        let (reason, rule) = trail::grounds(permit);
        let sight = Sight {
            client: &permit.client,
            reason,
            user: permit.user.as_deref(),
            rule,
            head: Some(head),
            target: Some((visit.path, visit.host)),
        };
        trail::begin(&self.shared.journal, peer, &sight);
        if permit.host == HostVerdict::Unknown && rules.policy.host_check == HostCheck::Warn {
            self.shared.journal.unknown_host(visit.host.unwrap_or_default());
        }
        if rules.tell_arrivals && peer.announced.as_ref() != Some(&permit.client) {
            self.shared.journal.arrived(&permit.client.to_string(), head.first(Field::UserAgent));
            peer.announced = Some(permit.client.clone());
        }
        if matches!(head.method, "CONNECT" | "TRACE") {
            let allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            return answer(reply::page(&Page::MethodNotAllowed { allow }, head), sending);
        }
        let cookie = signin::cookie(rules, head, visit, permit);
        if OwnPath::of(visit.path).is_some() {
            return answer(reply::page(&Page::NotFound, head), sending);
        }
        match &rules.behind {
            Behind::Upstream(upstream) => {
                let order = order(rules, upstream, head, visit, target, permit, sending);
                let hsts = rules.hsts.clone().filter(|_| peer.tls.is_some());
                Plan::Forward(Order { own: OwnFields { cookie, hsts }, ..order })
            }
            Behind::Folder(folder) => Plan::Folder {
                wanted: Wanted {
                    folder: Arc::clone(folder),
                    method: head.method.parse().unwrap_or_default(),
                    path: visit.path.to_owned(),
                    headers: sight::preconditions(head),
                    accept: reply::accept(head),
                    cookie,
                },
                sending,
            },
            Behind::Nothing if visit.method == "GET" || visit.method == "HEAD" => {
                let mut response = reply::welcome(head, permit, peer);
                signin::add_cookie(response.headers_mut(), cookie.as_deref());
                answer(response, sending)
            }
            Behind::Nothing => {
                answer(reply::page(&Page::MethodNotAllowed { allow: files::ALLOW }, head), sending)
            }
        }
    }

    /// The page for an upstream that failed, after the owner was told.
    #[must_use]
    pub fn upstream_failed(&self, order: &Order, failure: &Failure) -> Response<AnswerBody> {
        reply::upstream_failed(&self.shared.journal, &order.upstream, failure, order.accept.as_deref())
    }

    /// Looks whether the upstream is there, so that the owner hears at the start when it is not. The connection is
    /// kept for the first request.
    pub async fn look_at_upstream(self) {
        let Behind::Upstream(upstream) = &self.rules.behind else { return };
        match upstream.connect().await {
            Ok(link) => upstream.keep(link, Persistence::Keeps { seconds: None }),
            Err(failure) => self.shared.journal.upstream_down(upstream.name(), &failure),
        }
    }

    /// Takes note that the upstream answered.
    pub fn upstream_answered(&self, upstream: &Upstream) {
        self.shared.journal.upstream_back(upstream.name());
    }

    /// Looks for a file.
    pub async fn file(&self, wanted: Wanted) -> Response<AnswerBody> {
        let failure = match wanted.folder.respond(&wanted.method, &wanted.path, &wanted.headers).await {
            Ok(mut response) => {
                signin::add_cookie(response.headers_mut(), wanted.cookie.as_deref());
                return response;
            }
            Err(failure) => failure,
        };
        let page = match &failure {
            files::Failure::NotFound => Page::NotFound,
            files::Failure::MethodNotAllowed => Page::MethodNotAllowed { allow: files::ALLOW },
            files::Failure::Unreadable(error) => {
                self.shared.journal.warn(format!("cannot read `{}`: {error}", wanted.path.escape_debug()));
                Page::Broken
            }
        };
        reply::boxed(page::render(&page, wanted.accept.as_deref()))
    }
}

impl Limits {
    /// As the settings say, within what a buffer holds.
    #[must_use]
    pub fn of(limits: &config::Limits) -> Self {
        Self {
            idle: limits.idle_timeout,
            head: limits.request_head_timeout,
            body: limits.body_timeout,
            answer: limits.header_timeout,
            head_size: usize::try_from(limits.head_size).unwrap_or(buffer::SIZE).min(buffer::SIZE),
        }
    }
}

impl Sending {
    /// The same, but the connection closes after the answer.
    #[must_use]
    pub const fn closing(self) -> Self {
        Self { keeps_alive: false, ..self }
    }
}

fn order(
    rules: &Rules,
    upstream: &Arc<Upstream>,
    head: &Head<'_>,
    visit: &Visit<'_>,
    target: &str,
    permit: &Permit<'_>,
    sending: Sending,
) -> Order {
    let mut bytes = buffer::lend();
    let tidings = Tidings {
        target,
        host: visit.host,
        own_host: upstream.authority(),
        client: rules.forward_client_ip.then(|| permit.client.address()),
        secure: visit.secure,
        identity_header: rules.identity_header.as_deref(),
        user: permit.user.as_deref(),
        authorization: signin::authorization(rules, visit, permit),
    };
    let coding = forward::write_request(head, &tidings, &mut bytes);
    let idempotent = matches!(head.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
    Order {
        upstream: Arc::clone(upstream),
        head: bytes,
        body: head.body,
        coding,
        expects_continue: head.expects_continue,
        websocket: head.websocket,
        repeatable: idempotent && head.body.is_done() && !head.websocket,
        sending,
        accept: reply::accept(head),
        own: OwnFields::default(),
        stay: Stay::of(head, visit, permit.user.as_ref()),
    }
}

const fn answer(response: Response<AnswerBody>, sending: Sending) -> Plan {
    Plan::Answer { response, sending }
}

/// How the last answer on a connection is sent, to a client of whose request nothing is known.
const LAST: Sending = Sending {
    version: Version::Http11,
    keeps_alive: false,
    head_length: 0,
    body: Decoder::empty(),
    bodyless: false,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::journal::JournalOptions;
    use crate::gateway::proving::tests::rules;
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
