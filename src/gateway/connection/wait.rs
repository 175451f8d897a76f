//! The wait for the upstream's answer, while the request is still on its way.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use super::Connection;
use super::forwarding::client_left;
use crate::gateway::body::Decoder;
use crate::gateway::buffer;
use crate::gateway::flow::{Flow, Interruption};
use crate::gateway::forward::{self, Delivery};
use crate::gateway::gate::Order;
use crate::gateway::http1::{self, AnswerHead, Persistence};
use crate::gateway::upstream::{Failure, Link};
use crate::gateway::watch::Watch;

/// How the wait for the upstream's answer ended.
pub(super) enum Reply {
    /// Its head is there, the client's head is written to the vector.
    Answer { status: u16, head: Vec<u8>, body: Decoder, delivery: Delivery, persistence: Persistence },
    /// It agreed to a WebSocket.
    Switch { head: Vec<u8> },
    /// It failed.
    Failed(Failure),
    /// The client left, or broke its body's framing.
    ClientGone,
    /// New rules do not let the client go on.
    Revoked,
}

impl Connection {
    /// Sends the request while waiting for the answer's head: an upstream may well answer before it has it all.
    pub(super) async fn await_answer(
        &mut self,
        link: &mut Link,
        upload: &mut Flow,
        order: &Order,
        retained: usize,
    ) -> Reply {
        let limits = self.gate.limits();
        self.watch.set(if upload.has_read_all() { limits.answer } else { Some(limits.body) });
        let Self { wire, input, watch, gate, .. } = self;
        let mut uploading = true;
        let mut progress = 0;
        poll_fn(|cx| {
            // Woken for it from here on: a change just after it was looked for must not be missed.
            watch.listen(cx);
            if gate.revokes(&order.stay) {
                return Poll::Ready(Reply::Revoked);
            }
            if uploading {
                match upload.poll(cx, wire, input, &mut link.wire) {
                    Poll::Pending => {}
                    Poll::Ready(Ok(())) => {
                        uploading = false;
                        watch.set(limits.answer);
                    }
                    // It takes no more, but it may have said why.
                    Poll::Ready(Err(Interruption::Sink(_))) => uploading = false,
                    Poll::Ready(Err(_)) => return Poll::Ready(Reply::ClientGone),
                }
            }
            if let Poll::Ready(reply) = poll_reply(cx, link, order, watch) {
                return Poll::Ready(reply);
            }
            link.input.rest();
            if upload.has_read_all() && client_left(cx, wire, input, retained).is_ready() {
                return Poll::Ready(Reply::ClientGone);
            }
            while watch.poll_deadline(cx).is_ready() {
                match (uploading, limits.answer) {
                    (true, _) if upload.carried() > progress => {
                        progress = upload.carried();
                        watch.set(Some(limits.body));
                    }
                    (true, _) => return Poll::Ready(Reply::ClientGone),
                    (false, Some(limit)) => return Poll::Ready(Reply::Failed(Failure::Silent(limit))),
                    (false, None) => watch.set(None),
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Ready when the answer's head is there, or none will come.
fn poll_reply(cx: &mut Context<'_>, link: &mut Link, order: &Order, watch: &Watch) -> Poll<Reply> {
    loop {
        if let Some(reply) = read_reply(link, order, watch.is_closing()) {
            return Poll::Ready(reply);
        }
        let failure = match ready!(link.input.poll_read(cx, &mut link.wire)) {
            Ok(0) => io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => continue,
            Err(error) => error,
        };
        return Poll::Ready(Reply::Failed(Failure::Closed(failure)));
    }
}

/// Reads the answer's head from what has arrived, and writes the client's. `None`: there is more to come.
fn read_reply(link: &mut Link, order: &Order, closing: bool) -> Option<Reply> {
    loop {
        if link.input.is_empty() {
            return None;
        }
        let mut memory = http1::fields();
        let (answer, length) =
            match AnswerHead::parse(link.input.bytes(), &mut memory, order.sending.bodyless) {
                Ok(Some(parsed)) => parsed,
                Ok(None) if link.input.is_full() => return Some(Reply::Failed(Failure::Unreadable)),
                Ok(None) => return None,
                Err(_) => return Some(Reply::Failed(Failure::Unreadable)),
            };
        let mut head = buffer::lend();
        let reply = match answer.status {
            101 if order.websocket => {
                forward::write_switch(&answer, &order.own, &mut head);
                Reply::Switch { head }
            }
            101 => Reply::Failed(Failure::Unreadable),
            // Hints for a connection that the client does not have.
            100..=199 => {
                link.input.consume(length);
                buffer::give_back(head);
                continue;
            }
            _ => {
                let keeps_alive = order.sending.keeps_alive && !closing;
                let version = order.sending.version;
                let delivery = forward::write_answer(&answer, version, keeps_alive, &order.own, &mut head);
                let status = answer.status;
                Reply::Answer { status, head, body: answer.body, delivery, persistence: answer.persistence }
            }
        };
        link.input.consume(length);
        return Some(reply);
    }
}
