//! What a request leaves in the audit log: begun when it is judged, written when it is over, however that comes.

mod sight;
mod texts;

use std::sync::Arc;
use std::time::Instant;

use super::field::Field;
use super::gate::Peer;
use super::http1::Version;
use super::journal::Journal;
use super::journal::audit::{Audit, HOUR, Wanted};
use crate::policy::client::Client;
use crate::record::event::{By, Course, End, Frame, Protocol, Raw, Reason, SignIn, Tls, Verdict, Visit};
pub use sight::{Entry, Sight, grounds, grounds_of_approach, refusal};
use texts::{Part, Texts};

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
    /// It was written down.
    is_over: bool,
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
    texts: Texts,
    frame: Framing,
}

/// Whether the line of a request is made of what was escaped for the one before it on the same connection.
#[derive(Debug)]
enum Framing {
    /// It differs from the one before in more than its path, or is the first.
    None,
    /// It does not differ, but nothing was kept.
    Worthwhile,
    Kept(Frame),
}

/// Begins the trail of a request, on `peer`'s connection, if it is one that is written down.
pub fn begin(journal: &Journal, peer: &mut Peer, sight: &Sight<'_>) {
    let Some(audit) = journal.audit() else { return };
    // A request that is tried again over another connection to the app is the same one.
    if peer.trail.is_some() {
        return;
    }
    let verdict = sight.reason.verdict();
    let now = peer.asked.take().unwrap_or_else(Instant::now);
    let is_first = verdict == Verdict::Allowed && peer.is_news(audit, sight, now);
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
        peer.trail = Some(match peer.spare.take() {
            Some(mut trail) => {
                trail.renew(peer.tls, sight, wanted, now);
                trail
            }
            None => Box::new(Trail::new(journal, peer.tls, sight, Some(wanted), now)),
        });
    }
}

/// Begins the trail of a form that was sent: what it is depends on what it holds.
pub fn begin_form(journal: &Journal, peer: &mut Peer, sight: &Sight<'_>) {
    if journal.audit().is_some() {
        let now = peer.asked.take().unwrap_or_else(Instant::now);
        peer.trail = Some(Box::new(Trail::new(journal, peer.tls, sight, None, now)));
    }
}

impl Peer {
    /// Whether nobody like this was here for an hour. The connection remembers whom it was asked about last, so that
    /// nobody else need be asked about the same again.
    fn is_news(&mut self, audit: &Audit, sight: &Sight<'_>, now: Instant) -> bool {
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

    /// Ends the trail of the request that is over. Where all of them are written, the next one goes on with it.
    pub fn leave(&mut self, end: End) {
        if let Some(mut trail) = self.trail.take() {
            trail.end = end;
            trail.finish();
            if trail.journal.audit().is_some_and(Audit::writes_every_visit) {
                self.spare = Some(trail);
            }
        }
    }

    /// The trail of the request, if it has one.
    pub fn trail(&mut self) -> Option<&mut Trail> {
        self.trail.as_deref_mut()
    }
}

impl Trail {
    fn new(
        journal: &Journal,
        tls: Option<Tls>,
        sight: &Sight<'_>,
        wanted: Option<Wanted>,
        now: Instant,
    ) -> Self {
        let mut texts = Texts::default();
        texts.keep_all(sight);
        Self {
            journal: journal.clone(),
            began: now,
            is_over: false,
            is_open: wanted.is_none(),
            wanted,
            reason: sight.reason,
            client: sight.client.clone(),
            tls,
            protocol: protocol(sight),
            status: None,
            received: 0,
            sent: 0,
            end: End::Cut,
            texts,
            frame: Framing::None,
        }
    }

    /// Begins anew, after the request before it on the same connection.
    fn renew(&mut self, tls: Option<Tls>, sight: &Sight<'_>, wanted: Wanted, now: Instant) {
        let protocol = protocol(sight);
        let is_same = self.client == *sight.client
            && (self.reason, self.tls, self.protocol) == (sight.reason, tls, protocol);
        if !is_same {
            self.client = sight.client.clone();
            (self.reason, self.tls, self.protocol) = (sight.reason, tls, protocol);
        }
        if !self.texts.keep_all(sight) || !is_same {
            self.frame = Framing::None;
        } else if matches!(self.frame, Framing::None) {
            self.frame = Framing::Worthwhile;
        }
        (self.began, self.is_over) = (now, false);
        (self.wanted, self.is_open) = (Some(wanted), false);
        (self.status, self.received, self.sent, self.end) = (None, 0, 0, End::Cut);
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
        self.texts.keep(Part::User, Some(user.as_bytes()));
        self.judged(Reason::Password);
        if let Some(audit) = self.journal.audit() {
            let (client, peer) = addresses(&self.client);
            audit.signed_in(SignIn {
                client,
                peer,
                user: Raw(user.as_bytes()),
                host: self.texts.get(Part::Host),
                by: By::Form,
                agent: self.texts.get(Part::Agent),
            });
        }
    }

    /// It is let in or refused for this reason after all.
    pub fn judged(&mut self, reason: Reason) {
        (self.reason, self.is_open, self.frame) = (reason, false, Framing::None);
        let Some(audit) = self.journal.audit() else { return };
        let user = self.texts.get(Part::User).and_then(|Raw(user)| str::from_utf8(user).ok());
        let is_first = reason.verdict() == Verdict::Allowed && audit.is_first(self.client.address(), user);
        self.wanted = audit.wants(reason.verdict(), is_first);
    }
}

impl Trail {
    /// Writes it down, once.
    fn finish(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        if self.is_open {
            // A form that was not read to its end.
            self.judged(Reason::Malformed);
        }
        let (Some(audit), Some(wanted)) = (self.journal.audit(), self.wanted) else { return };
        let now = Instant::now();
        let course = Course {
            path: self.texts.get(Part::Path),
            status: self.status,
            received: self.received,
            sent: self.sent,
            milliseconds: u64::try_from((now - self.began).as_millis()).unwrap_or(u64::MAX),
            end: self.end,
        };
        if let Framing::Kept(frame) = &self.frame {
            return audit.visited_again(frame, &course, now);
        }
        let claimed = claimed(&self.client);
        let visit = self.visit(course, claimed.as_deref());
        audit.visited(&visit, wanted, now);
        if matches!(self.frame, Framing::Worthwhile) && audit.repeats(visit.verdict) {
            self.frame = Framing::Kept(Frame::of(&visit));
        }
    }

    fn visit<'a>(&'a self, course: Course<Raw<'a>>, claimed: Option<&'a str>) -> Visit<Raw<'a>> {
        let (client, peer) = addresses(&self.client);
        let text = |which| self.texts.get(which);
        Visit {
            verdict: self.reason.verdict(),
            reason: self.reason,
            client,
            peer,
            claimed: claimed.map(|claimed| Raw(claimed.as_bytes())),
            user: text(Part::User),
            rule: text(Part::Rule),
            place: text(Part::Place),
            method: text(Part::Method),
            host: text(Part::Host),
            path: course.path,
            status: course.status,
            received: course.received,
            sent: course.sent,
            milliseconds: course.milliseconds,
            end: course.end,
            tls: self.tls,
            protocol: self.protocol,
            agent: text(Part::Agent),
            count: 1,
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.finish();
    }
}

fn protocol(sight: &Sight<'_>) -> Option<Protocol> {
    sight.head.map(|head| match head.version {
        Version::Http10 => Protocol::Http10,
        Version::Http11 => Protocol::Http11,
        Version::Http2 => Protocol::Http2,
    })
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
