//! What a request leaves in the audit log: begun when it is judged, written when it is over, however that comes.

use std::sync::Arc;
use std::time::Instant;

use super::field::Field;
use super::gate::Peer;
use super::http1::{Head, Version};
use super::journal::Journal;
use super::journal::audit::{Audit, HOUR, Wanted};
use crate::policy::client::Client;
use crate::policy::whitelist::Rule;
use crate::policy::{Approach, Denial, Entrance, Lack, Permit, Standing};
use crate::record::event::{By, Course, End, Frame, Protocol, Raw, Reason, SignIn, Tls, Verdict, Visit};

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

/// What was sent, one text behind the other.
#[derive(Debug, Default)]
struct Texts {
    bytes: Vec<u8>,
    /// Where each is, if there is one.
    places: [Option<(u32, u32)>; TEXTS],
    /// What the place of the entry is made of: how long the name of the file is, and the line.
    place: Option<(usize, u32)>,
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

const TEXTS: usize = 7;
const USER: usize = 0;
const RULE: usize = 1;
const PLACE: usize = 2;
const METHOD: usize = 3;
const HOST: usize = 4;
const AGENT: usize = 5;
/// The last, because it differs from request to request.
const PATH: usize = 6;

/// Begins the trail of a request, on `peer`'s connection, if it is one that is written down.
pub fn begin(journal: &Journal, peer: &mut Peer, sight: &Sight<'_>) {
    let Some(audit) = journal.audit() else { return };
    // A request that is tried again over another connection to the app is the same one.
    if peer.trail.is_some() {
        return;
    }
    let verdict = sight.reason.verdict();
    let now = Instant::now();
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
        peer.trail = Some(Box::new(Trail::new(journal, peer.tls, sight, None, Instant::now())));
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
        self.texts.keep(USER, Some(user.as_bytes()));
        self.judged(Reason::Password);
        if let Some(audit) = self.journal.audit() {
            let (client, peer) = addresses(&self.client);
            audit.signed_in(SignIn {
                client,
                peer,
                user: Raw(user.as_bytes()),
                host: self.texts.get(HOST),
                by: By::Form,
                agent: self.texts.get(AGENT),
            });
        }
    }

    /// It is let in or refused for this reason after all.
    pub fn judged(&mut self, reason: Reason) {
        (self.reason, self.is_open, self.frame) = (reason, false, Framing::None);
        let Some(audit) = self.journal.audit() else { return };
        let user = self.texts.get(USER).and_then(|Raw(user)| str::from_utf8(user).ok());
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
            path: self.texts.get(PATH),
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
            user: text(USER),
            rule: text(RULE),
            place: text(PLACE),
            method: text(METHOD),
            host: text(HOST),
            path: course.path,
            status: course.status,
            received: course.received,
            sent: course.sent,
            milliseconds: course.milliseconds,
            end: course.end,
            tls: self.tls,
            protocol: self.protocol,
            agent: text(AGENT),
            count: 1,
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Texts {
    /// Takes the texts of a request in place of those of the one before. Were they the same, but for the path?
    #[inline]
    fn keep_all(&mut self, sight: &Sight<'_>) -> bool {
        let path = sight.target.map(|(path, _)| path.as_bytes());
        // Nothing stands behind the path, or it could not be replaced.
        let is_path_last = self.places[PATH].is_none_or(|(_, to)| to as usize == self.bytes.len());
        if is_path_last && self.are_of(sight) {
            let before = self.places[PATH].map_or(self.bytes.len(), |(from, _)| from as usize);
            self.bytes.truncate(before);
            self.keep(PATH, path);
            return true;
        }
        self.bytes.clear();
        self.place = sight.rule.map(written_at).map(|(file, line)| (file.len(), line));
        for (which, text) in others(sight) {
            self.keep(which, text);
        }
        self.keep(PLACE, sight.rule.map(place).as_deref());
        self.keep(PATH, path);
        false
    }

    /// Whether all but the path are those of `sight`.
    #[inline]
    fn are_of(&self, sight: &Sight<'_>) -> bool {
        let is = |(which, text): (usize, Option<&[u8]>)| match (self.places[which], text) {
            (None, None) => true,
            (Some(_), Some(text)) => self.get(which).is_some_and(|Raw(kept)| kept == within_limit(text)),
            (None, Some(_)) | (Some(_), None) => false,
        };
        others(sight).into_iter().all(is) && self.is_place_of(sight.rule)
    }

    /// Whether the place is that of `rule`, without spelling that.
    fn is_place_of(&self, rule: Option<&Rule<'_>>) -> bool {
        let (Some(rule), Some((length, line))) = (rule, self.place) else {
            return rule.is_none() && self.place.is_none();
        };
        let (file, its_line) = written_at(rule);
        (length, line) == (file.len(), its_line)
            && self.get(PLACE).is_some_and(|Raw(place)| place.starts_with(file))
    }

    fn keep(&mut self, which: usize, text: Option<&[u8]>) {
        // Seven texts of some hundred bytes each.
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.places[which] = text.map(|text| {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(within_limit(text));
            (number(from), number(self.bytes.len()))
        });
    }

    fn get(&self, which: usize) -> Option<Raw<'_>> {
        let (from, to) = self.places[which]?;
        self.bytes.get(from as usize..to as usize).map(Raw)
    }
}

/// The texts of a request but for its path and the place of the entry.
#[inline]
fn others<'a>(sight: &Sight<'a>) -> [(usize, Option<&'a [u8]>); 5] {
    [
        (USER, sight.user.map(str::as_bytes)),
        (RULE, sight.rule.map(|rule| rule.text().as_bytes())),
        (METHOD, sight.head.map(|head| head.method.as_bytes())),
        (HOST, sight.target.and_then(|(_, host)| host)),
        (AGENT, sight.head.and_then(|head| head.first(Field::UserAgent))),
    ]
}

/// `config.yaml:12`, or the file alone.
fn place(rule: &Rule<'_>) -> Vec<u8> {
    match written_at(rule) {
        (file, 0) => file.to_vec(),
        (file, line) => [file, b":", itoa::Buffer::new().format(line).as_bytes()].concat(),
    }
}

/// The file that the entry was written in, as much of its name as is kept, and the line.
fn written_at<'a>(rule: &Rule<'a>) -> (&'a [u8], u32) {
    let (file, line) = rule.written_at();
    (within_limit(file.as_bytes()), line)
}

/// As much of a text as is kept.
fn within_limit(text: &[u8]) -> &[u8] {
    &text[..text.len().min(LONGEST)]
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
