//! What remains of a request's head while it is being served: enough to judge it again when the rules change.
//!
//! A request is judged on its head and then may go on for hours (a WebSocket, a stream of events). Whoever is taken
//! off the list, or whose password is changed, must not stay for as long as they do not ask again.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Response;

use super::field::Field;
use super::gate::{Gate, Peer};
use super::http1::{self, Head, Version};
use super::journal::Journal;
use super::page::{self, Page};
use super::reply::{self, AnswerBody, Refused};
use super::rules::Rules;
use super::sight;
use super::trail::{self, Sight};
use crate::policy::{Ambient, Decision, Policy, Visit};
use crate::record::event::{Reason, Tls};

/// A visitor who was let in and has not left yet.
#[derive(Debug)]
pub struct Stay {
    peer: IpAddr,
    secure: bool,
    version: Version,
    websocket: bool,
    user: Option<Arc<str>>,
    /// The parts of the head that say who came by which way, written as a head.
    head: Vec<u8>,
}

/// What most of them take, in bytes.
const SIZE: usize = 192;

impl Stay {
    /// The stay that begins with a visit that was let in, as `user` if they signed in.
    #[must_use]
    pub fn of(head: &Head<'_>, visit: &Visit<'_>, user: Option<&Arc<str>>) -> Self {
        let mut bytes = Vec::with_capacity(SIZE);
        let version = if visit.host.is_some() { "HTTP/1.1" } else { Version::Http10.name() };
        for piece in [visit.method, " ", visit.path, " ", version, "\r\n"] {
            bytes.extend_from_slice(piece.as_bytes());
        }
        let mut put = |name: &str, value: &[u8]| {
            for piece in [name.as_bytes(), b": ", value, b"\r\n"] {
                bytes.extend_from_slice(piece);
            }
        };
        if let Some(host) = visit.host {
            put("host", host);
        }
        for (field, kind) in head.fields.iter().zip(&head.kinds) {
            let says_who = [Field::XRealIp, Field::CfConnectingIp, Field::XForwardedFor, Field::Forwarded]
                .contains(kind);
            if says_who {
                put(field.name, field.value);
            }
        }
        bytes.extend_from_slice(b"\r\n");
        let user = user.map(Arc::clone);
        Self {
            peer: visit.peer,
            secure: visit.secure,
            version: head.version,
            websocket: head.websocket,
            user,
            head: bytes,
        }
    }

    /// Whether `policy`, which follows `before`, would let the visitor in as well. Nobody is asked for a proof again:
    /// a login counts for as long as it is the same.
    #[must_use]
    pub fn is_upheld(&self, policy: &Policy, before: &Policy) -> bool {
        let mut memory = http1::fields();
        // It was written above, so it can be read; whoever cannot be judged goes.
        let Ok(Some((head, _))) = Head::parse(&self.head, &mut memory) else { return false };
        policy.upholds(&self.visit(&head), self.user.as_deref(), before)
    }

    /// The answer to a request that `rules` no longer let in, of whose answer nothing was sent yet: what whoever asks
    /// now is told. `accept`: the client's `Accept`; `now`: the time by the clock that the policy knows.
    #[must_use]
    pub fn refusal(
        &self,
        rules: &Rules,
        journal: &Journal,
        accept: Option<&[u8]>,
        now: Duration,
    ) -> Response<AnswerBody> {
        let mut bytes = self.head.clone();
        if let Some(accept) = accept {
            bytes.truncate(bytes.len() - b"\r\n".len());
            for piece in [b"accept: ".as_slice(), accept, b"\r\n\r\n"] {
                bytes.extend_from_slice(piece);
            }
        }
        let mut memory = http1::fields();
        // Whoever cannot be judged, or is let in after all, may ask again.
        let again = Page::Busy { retry_after_seconds: 1 };
        let Ok(Some((head, _))) = Head::parse(&bytes, &mut memory) else {
            return reply::boxed(page::render(&again, accept));
        };
        let visit = self.visit(&head);
        match rules.policy.decide(&visit, None, now) {
            Decision::Deny(denial) => {
                Refused { rules, head: &head, visit: &visit, target: head.target, journal }.answer(denial)
            }
            Decision::Permit(_) | Decision::Prove(_) => reply::page(&again, &head),
        }
    }

    /// The visitor, as far as is still known, who came by `tls`.
    #[must_use]
    pub const fn peer(&self, tls: Option<Tls>) -> Peer {
        Peer::new(self.peer, tls)
    }

    /// Takes note for the audit log that the visitor may not stay, also of one whose visit would not be written.
    pub fn leave(&self, gate: &Gate, peer: &mut Peer) {
        if peer.trail.is_none() {
            let mut memory = http1::fields();
            let Ok(Some((mut head, _))) = Head::parse(&self.head, &mut memory) else { return };
            head.version = self.version;
            let visit = self.visit(&head);
            let client = gate.client(&visit);
            let sight = Sight {
                user: self.user.as_deref(),
                head: Some(&head),
                target: Some((head.target, head.host)),
                ..Sight::of_stranger(&client, Reason::Revoked)
            };
            trail::begin(gate.journal(), peer, &sight);
        } else if let Some(trail) = peer.trail() {
            trail.revoked();
        }
    }

    /// Without credentials: they were looked at when the stay began.
    fn visit<'a>(&self, head: &Head<'a>) -> Visit<'a> {
        Visit {
            peer: self.peer,
            secure: self.secure,
            method: head.method,
            path: head.target,
            host: head.host,
            authorization: None,
            forwarded: sight::forwarded_headers(head),
            ambient: Ambient { websocket: self.websocket, ..Ambient::default() },
        }
    }
}

/// Watches over a stay where nothing else wakes who waits: an HTTP/2 stream.
pub struct Guard {
    gate: Gate,
    change: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl Guard {
    /// Watches over a stay that `gate` has let begin.
    #[must_use]
    pub const fn new(gate: Gate) -> Self {
        Self { gate, change: None }
    }

    /// The gate, with the rules that were looked at last.
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Whether `stay` is over.
    pub fn has_ended(&mut self, stay: &Stay) -> bool {
        self.gate.revokes(stay)
    }

    /// Ready when `stay` is over. Makes sure that the task is woken for it.
    pub fn poll(&mut self, cx: &mut Context<'_>, stay: &Stay) -> Poll<()> {
        loop {
            if self.has_ended(stay) {
                return Poll::Ready(());
            }
            let gate = &self.gate;
            let change = self.change.get_or_insert_with(|| Box::pin(gate.next_change()));
            ready!(change.as_mut().poll(cx));
            self.change = None;
        }
    }
}
