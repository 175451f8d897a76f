//! What a request leaves in the audit log: begun when it is judged, written when it is over, however that comes.

use std::sync::Arc;
use std::time::Instant;

use super::buffer;
use super::field::Field;
use super::gate::Peer;
use super::http1::{Head, Version};
use super::journal::Journal;
use super::journal::audit::{HOUR, Wanted};
use crate::policy::client::Client;
use crate::policy::whitelist::Rule;
use crate::policy::{Approach, Denial, Entrance, Lack, Permit, Standing};
use crate::record::event::{By, End, Protocol, Raw, Reason, SignIn, Tls, Verdict, Visit};

/// So many bytes of a text are kept: what is written holds no more.
const LONGEST: usize = 513;

/// A request and its verdict, as far as they are written down.
pub struct Sight<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// Why it is let in or not.
    pub reason: Reason,
    /// Who signed in.
    pub user: Option<&'a str>,
    /// The entry that covers the address.
    pub rule: Option<&'a Rule<'a>>,
    /// Its head, where one could be read.
    pub head: Option<&'a Head<'a>>,
    /// Its path without the query, and the host that it asks for.
    pub target: Option<(&'a str, Option<&'a [u8]>)>,
}

impl<'a> Sight<'a> {
    /// Of somebody of whom nothing is known but the address and the refusal.
    #[must_use]
    pub const fn of_stranger(client: &'a Client, reason: Reason) -> Self {
        Self { client, reason, user: None, rule: None, head: None, target: None }
    }
}

/// The visitor whom a connection was last found to be no news.
#[derive(Clone, Debug)]
pub struct Acquaintance {
    client: Client,
    user: Option<Arc<str>>,
    until: Instant,
}

/// A request that is under way and will be written down. When it is dropped unfinished, it was cut off.
#[derive(Debug)]
pub struct Trail {
    journal: Journal,
    began: Instant,
    /// Where it is written, if anywhere.
    wanted: Option<Wanted>,
    /// What it is depends on what comes of it.
    is_open: bool,
    reason: Reason,
    client: Client,
    tls: Option<Tls>,
    protocol: Option<Protocol>,
    status: Option<u16>,
    received: u64,
    sent: u64,
    end: End,
    /// What was sent, one text behind the other.
    bytes: Vec<u8>,
    /// Where each is, if there is one.
    places: [Option<(u32, u32)>; TEXTS],
}

const TEXTS: usize = 7;
const USER: usize = 0;
const RULE: usize = 1;
const PLACE: usize = 2;
const METHOD: usize = 3;
const HOST: usize = 4;
const PATH: usize = 5;
const AGENT: usize = 6;

/// Begins the trail of a request, on `peer`'s connection, if it is one that is written down.
pub fn begin(journal: &Journal, peer: &mut Peer, sight: &Sight<'_>) {
    let Some(audit) = journal.audit() else { return };
    // A request that is tried again over another connection to the app is the same one.
    if peer.trail.is_some() {
        return;
    }
    let verdict = sight.reason.verdict();
    let is_first = verdict == Verdict::Allowed && peer.is_news(journal, sight);
    if is_first
        && sight.reason == Reason::Password
        && let Some(user) = sight.user
    {
        let (client, proxy) = addresses(sight.client);
        audit.signed_in(SignIn {
            client,
            peer: proxy,
            user: Raw(user.as_bytes()),
            host: sight.target.and_then(|(_, host)| host).map(Raw),
            by: By::Basic,
            agent: sight.head.and_then(|head| head.first(Field::UserAgent)).map(Raw),
        });
    }
    if let Some(wanted) = audit.wants(verdict, is_first) {
        peer.trail = Some(Box::new(Trail::new(journal, peer.tls, sight, Some(wanted))));
    }
}

/// Begins the trail of a form that was sent: what it is depends on what it holds.
pub fn begin_form(journal: &Journal, peer: &mut Peer, sight: &Sight<'_>) {
    if journal.audit().is_some() {
        peer.trail = Some(Box::new(Trail::new(journal, peer.tls, sight, None)));
    }
}

impl Peer {
    /// Whether nobody like this was here for an hour. The connection remembers whom it was asked about last, so that
    /// nobody else need be asked about the same again.
    fn is_news(&mut self, journal: &Journal, sight: &Sight<'_>) -> bool {
        let Some(audit) = journal.audit() else { return false };
        let now = Instant::now();
        if let Some(known) = &self.known
            && known.client == *sight.client
            && known.user.as_deref() == sight.user
            && now < known.until
        {
            return false;
        }
        self.known = Some(Acquaintance {
            client: sight.client.clone(),
            user: sight.user.map(Arc::from),
            // Somebody else may have asked first, nearly an hour ago.
            until: now + HOUR / 60,
        });
        audit.is_first(sight.client.address(), sight.user)
    }

    /// Ends the trail of the request that is over.
    pub fn leave(&mut self, end: End) {
        if let Some(mut trail) = self.trail.take() {
            trail.end = end;
        }
    }

    /// The trail of the request, if it has one.
    pub fn trail(&mut self) -> Option<&mut Trail> {
        self.trail.as_deref_mut()
    }
}

impl Trail {
    fn new(journal: &Journal, tls: Option<Tls>, sight: &Sight<'_>, wanted: Option<Wanted>) -> Self {
        let mut trail = Self {
            journal: journal.clone(),
            began: Instant::now(),
            is_open: wanted.is_none(),
            wanted,
            reason: sight.reason,
            client: sight.client.clone(),
            tls,
            protocol: sight.head.map(|head| match head.version {
                Version::Http10 => Protocol::Http10,
                Version::Http11 => Protocol::Http11,
                Version::Http2 => Protocol::Http2,
            }),
            status: None,
            received: 0,
            sent: 0,
            end: End::Cut,
            bytes: buffer::lend(),
            places: [None; TEXTS],
        };
        if let Some(user) = sight.user {
            trail.keep(USER, user.as_bytes());
        }
        if let Some(rule) = sight.rule {
            trail.keep(RULE, rule.text().as_bytes());
            trail.keep_place(rule);
        }
        if let Some(head) = sight.head {
            trail.keep(METHOD, head.method.as_bytes());
            if let Some(agent) = head.first(Field::UserAgent) {
                trail.keep(AGENT, agent);
            }
        }
        if let Some((path, host)) = sight.target {
            trail.keep(PATH, path.as_bytes());
            if let Some(host) = host {
                trail.keep(HOST, host);
            }
        }
        trail
    }

    fn keep(&mut self, which: usize, text: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(&text[..text.len().min(LONGEST)]);
        self.place(which, from);
    }

    /// `config.yaml:12`
    fn keep_place(&mut self, rule: &Rule<'_>) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(rule.file().as_bytes());
        if rule.line() > 0 {
            self.bytes.push(b':');
            self.bytes.extend_from_slice(itoa::Buffer::new().format(rule.line()).as_bytes());
        }
        self.place(PLACE, from);
    }

    /// What was added since `from` is the text of that number.
    fn place(&mut self, which: usize, from: usize) {
        // Seven texts of some hundred bytes each.
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.places[which] = Some((number(from), number(self.bytes.len())));
    }

    fn text(&self, which: usize) -> Option<Raw<'_>> {
        let (from, to) = self.places[which]?;
        self.bytes.get(from as usize..to as usize).map(Raw)
    }

    /// The client gets an answer with this status.
    pub const fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// So many bytes of the request's body came, and so many of the answer's went, in addition.
    pub const fn carried(&mut self, received: u64, sent: u64) {
        self.received += received;
        self.sent += sent;
    }

    /// The answer was sent whole.
    pub const fn is_whole(&mut self) {
        self.end = End::Whole;
    }

    /// New rules do not let the client go on.
    pub fn revoked(&mut self) {
        self.judged(Reason::Revoked);
    }

    /// A form was right: somebody signed in.
    pub fn signed_in(&mut self, user: &str) {
        self.keep(USER, user.as_bytes());
        self.judged(Reason::Password);
        if let Some(audit) = self.journal.audit() {
            let (client, peer) = addresses(&self.client);
            audit.signed_in(SignIn {
                client,
                peer,
                user: Raw(user.as_bytes()),
                host: self.text(HOST),
                by: By::Form,
                agent: self.text(AGENT),
            });
        }
    }

    /// It is let in or refused for this reason after all.
    pub fn judged(&mut self, reason: Reason) {
        (self.reason, self.is_open) = (reason, false);
        let Some(audit) = self.journal.audit() else { return };
        let user = self.text(USER).and_then(|Raw(user)| str::from_utf8(user).ok());
        let is_first = reason.verdict() == Verdict::Allowed && audit.is_first(self.client.address(), user);
        self.wanted = audit.wants(reason.verdict(), is_first);
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if self.is_open {
            // A form that was not read to its end.
            self.judged(Reason::Malformed);
        }
        let bytes = std::mem::take(&mut self.bytes);
        if let (Some(audit), Some(wanted)) = (self.journal.audit(), self.wanted) {
            let text = |which: usize| {
                let (from, to) = self.places[which]?;
                bytes.get(from as usize..to as usize).map(Raw)
            };
            let (client, peer) = addresses(&self.client);
            let claimed = claimed(&self.client);
            let visit = Visit {
                verdict: self.reason.verdict(),
                reason: self.reason,
                client,
                peer,
                claimed: claimed.as_ref().map(|claimed| Raw(claimed.as_bytes())),
                user: text(USER),
                rule: text(RULE),
                place: text(PLACE),
                method: text(METHOD),
                host: text(HOST),
                path: text(PATH),
                status: self.status,
                received: self.received,
                sent: self.sent,
                milliseconds: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
                end: self.end,
                tls: self.tls,
                protocol: self.protocol,
                agent: text(AGENT),
                count: 1,
            };
            audit.visited(&visit, wanted);
        }
        buffer::give_back(bytes);
    }
}

/// The address that is judged, and that of the proxy before it.
const fn addresses(client: &Client) -> (std::net::IpAddr, Option<std::net::IpAddr>) {
    match client {
        Client::Behind { proxy, address } => (*address, Some(*proxy)),
        client => (client.address(), None),
    }
}

/// Whom a peer named that is not believed, or what it wrote in place of an address.
fn claimed(client: &Client) -> Option<String> {
    match client {
        Client::Direct { .. } | Client::Behind { .. } => None,
        Client::Claimed { address, .. } => Some(address.to_string()),
        Client::Garbled { value, .. } => Some(value.to_string()),
    }
}

/// Why somebody is let in, and by which entry.
#[must_use]
pub fn grounds<'a>(permit: &'a Permit<'_>) -> (Reason, Option<&'a Rule<'a>>) {
    let rule = match &permit.standing {
        Standing::Listed(rule) => Some(rule),
        Standing::Open | Standing::Unlisted(_) | Standing::Unmeetable => None,
    };
    let reason = match &permit.entrance {
        Entrance::Session(_) => Reason::Session,
        Entrance::Password => Reason::Password,
        Entrance::Public => Reason::Public,
        Entrance::Unasked if rule.is_some() => Reason::Listed,
        Entrance::Unasked => Reason::Open,
    };
    (reason, rule)
}

/// Why somebody gets to see the form, and by which entry.
#[must_use]
pub const fn grounds_of_approach<'a>(approach: &'a Approach<'_>) -> (Reason, Option<&'a Rule<'a>>) {
    match &approach.standing {
        Standing::Open => (Reason::Open, None),
        Standing::Listed(rule) => (Reason::Listed, Some(rule)),
        Standing::Unlisted(_) | Standing::Unmeetable => (Reason::Public, None),
    }
}

/// Why somebody is refused; and who, where that is known.
#[must_use]
pub const fn refusal(denial: &Denial) -> (Reason, Option<&Client>) {
    match denial {
        Denial::Malformed(_) => (Reason::Malformed, None),
        Denial::Garbled(client) => (Reason::UnreadableAddress, Some(client)),
        Denial::Address { client, .. } => (Reason::Unlisted, Some(client)),
        Denial::Host(client) => (Reason::UnknownHost, Some(client)),
        Denial::Insecure(client) => (Reason::Insecure, Some(client)),
        Denial::CrossSite(client) => (Reason::CrossSite, Some(client)),
        Denial::Throttled { client, .. } => (Reason::Throttled, Some(client)),
        Denial::SignIn { client, lack } => (
            match lack {
                Lack::Missing => Reason::NoLogin,
                Lack::Unreadable => Reason::UnreadableLogin,
                Lack::Wrong => Reason::WrongPassword,
            },
            Some(client),
        ),
    }
}
