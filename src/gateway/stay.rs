//! What remains of a request's head while it is being served: enough to judge it again when the rules change.
//!
//! A request is judged on its head and then may go on for hours (a WebSocket, a stream of events). Whoever is taken
//! off the list, or whose password is changed, must not stay for as long as they do not ask again.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::field::Field;
use super::gate::Gate;
use super::http1::{self, Head, Version};
use super::sight;
use crate::policy::{Ambient, Policy, Visit};

/// A visitor who was let in and has not left yet.
#[derive(Debug)]
pub struct Stay {
    peer: IpAddr,
    secure: bool,
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
        Self { peer: visit.peer, secure: visit.secure, websocket: head.websocket, user, head: bytes }
    }

    /// Whether `policy`, which follows `before`, would let the visitor in as well. Nobody is asked for a proof again:
    /// a login counts for as long as it is the same.
    #[must_use]
    pub fn is_upheld(&self, policy: &Policy, before: &Policy) -> bool {
        let mut memory = http1::fields();
        // It was written above, so it can be read; whoever cannot be judged goes.
        let Ok(Some((head, _))) = Head::parse(&self.head, &mut memory) else { return false };
        let visit = Visit {
            peer: self.peer,
            secure: self.secure,
            method: head.method,
            path: head.target,
            host: head.host,
            authorization: None,
            forwarded: sight::forwarded_headers(&head),
            ambient: Ambient { websocket: self.websocket, ..Ambient::default() },
        };
        policy.upholds(&visit, self.user.as_deref(), before)
    }
}

/// Watches over a stay where nothing else wakes who waits: an HTTP/2 stream.
pub struct Guard {
    gate: Gate,
    stay: Stay,
    change: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl Guard {
    /// Watches over a stay that `gate` has let begin.
    #[must_use]
    pub const fn new(gate: Gate, stay: Stay) -> Self {
        Self { gate, stay, change: None }
    }

    /// Whether it is over.
    pub fn has_ended(&mut self) -> bool {
        self.gate.revokes(&self.stay)
    }

    /// Ready when it is over. Makes sure that the task is woken for it.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.has_ended() {
                return Poll::Ready(());
            }
            let gate = &self.gate;
            let change = self.change.get_or_insert_with(|| Box::pin(gate.next_change()));
            ready!(change.as_mut().poll(cx));
            self.change = None;
        }
    }
}
