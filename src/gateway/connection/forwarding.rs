//! One request on its way to the upstream and its answer on the way back, for an HTTP/1 client.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use super::wait::Reply;
use super::{Connection, Next, write_all};
use crate::gateway::buffer::Buffer;
use crate::gateway::flow::Flow;
use crate::gateway::gate::Order;
use crate::gateway::upstream::{Failure, Link, Upstream};
use crate::gateway::wire::Wire;

impl Connection {
    /// Sends a request on and its answer back. `fresh`: over a new connection to the upstream.
    pub(super) async fn forward(&mut self, mut order: Order, fresh: bool) -> Next {
        self.watch.set(None);
        let upstream = order.upstream.clone();
        let idle = if fresh { None } else { upstream.idle(order.repeatable) };
        let mut link = match idle {
            Some(link) => link,
            None => match self.connect(&upstream, order.sending.head_length).await {
                Some(Ok(link)) => link,
                Some(Err(failure)) => {
                    self.input.consume(order.sending.head_length);
                    return self.fail(&order, &failure).await;
                }
                None => return Next::Drop,
            },
        };
        // A request that may be repeated has no body, and stays in the input until it is answered.
        let retained = if order.repeatable && link.reused { order.sending.head_length } else { 0 };
        if retained == 0 {
            self.input.consume(order.sending.head_length);
        }
        let mut upload = Flow::new(std::mem::take(&mut order.head), order.body, order.coding);
        if order.expects_continue && !order.body.is_done() && self.input.is_empty() {
            // The verdict is in, so the body may come (RFC 9110, section 10.1.1).
            if write_all(&mut self.wire, &mut self.watch, b"HTTP/1.1 100 Continue\r\n\r\n").await.is_err() {
                return Next::Drop;
            }
        }
        match self.await_answer(&mut link, &mut upload, &order, retained).await {
            Reply::Failed(Failure::Closed(_)) if retained > 0 => Next::Retry,
            reply => {
                self.input.consume(retained);
                self.deliver(reply, link, upload, &order).await
            }
        }
    }

    async fn deliver(&mut self, reply: Reply, mut link: Link, upload: Flow, order: &Order) -> Next {
        match reply {
            Reply::Failed(failure) => {
                self.carried(upload.carried(), 0);
                let next = self.fail(order, &failure).await;
                if upload.has_read_all() { next } else { Next::Close }
            }
            Reply::ClientGone => {
                self.carried(upload.carried(), 0);
                Next::Drop
            }
            Reply::Revoked => {
                self.carried(upload.carried(), 0);
                self.refuse(order).await
            }
            Reply::Switch { head } => {
                self.answered(101);
                self.tunnel(link, head, order).await
            }
            Reply::Answer { status, head, body, delivery, persistence } => {
                self.answered(status);
                self.gate.upstream_answered(&order.upstream);
                let download = Flow::new(head, body, delivery.coding);
                match self.relay(&mut link, upload, download, delivery, order).await {
                    next @ (Next::Drop | Next::CloseBoth | Next::Retry) => next,
                    next => {
                        order.upstream.keep(link, persistence);
                        next
                    }
                }
            }
        }
    }

    /// Connects, unless the client leaves first.
    async fn connect(&mut self, upstream: &Upstream, head_length: usize) -> Option<Result<Link, Failure>> {
        let mut connecting = pin!(upstream.connect());
        let Self { wire, input, watch, .. } = self;
        poll_fn(|cx| match connecting.as_mut().poll(cx) {
            Poll::Ready(link) => Poll::Ready(Some(link)),
            Poll::Pending if client_left(cx, wire, input, head_length).is_ready() => Poll::Ready(None),
            Poll::Pending => watch.poll_deadline(cx).map(|_| None),
        })
        .await
    }

    /// Answers who was let in, and no longer is since the rules have changed. Nobody is left without an answer who
    /// can still be given one.
    pub(super) async fn refuse(&mut self, order: &Order) -> Next {
        self.revoked(order);
        let response = self.gate.revoked(order);
        self.answer(response, order.sending.closing()).await
    }

    /// Takes note that new rules do not let the client go on.
    pub(super) fn revoked(&mut self, order: &Order) {
        order.stay.leave(&self.gate, &mut self.peer);
    }

    /// Answers for an upstream that cannot.
    async fn fail(&mut self, order: &Order, failure: &Failure) -> Next {
        let response = self.gate.upstream_failed(order, failure);
        let sending = if order.body.is_done() { order.sending } else { order.sending.closing() };
        self.answer(response, sending).await
    }

    /// Takes note of the status of the answer.
    fn answered(&mut self, status: u16) {
        if let Some(trail) = self.peer.trail() {
            trail.answered(status);
        }
    }

    /// Takes note of the bytes that went by.
    pub(super) fn carried(&mut self, received: u64, sent: u64) {
        if let Some(trail) = self.peer.trail() {
            trail.carried(received, sent);
        }
    }
}

/// Ready when the client has gone. What it says meanwhile, a next request, is kept for later. The first `known`
/// bytes of `input` are the present request.
pub(super) fn client_left(
    cx: &mut Context<'_>,
    wire: &mut Wire,
    input: &mut Buffer,
    known: usize,
) -> Poll<()> {
    loop {
        if input.bytes().len() > known {
            // Its next request is here already; that it leaves will show when it is answered.
            return Poll::Pending;
        }
        match input.poll_read(cx, wire) {
            Poll::Ready(Ok(count)) if count > 0 => {}
            Poll::Ready(_) => return Poll::Ready(()),
            Poll::Pending => {
                input.rest();
                return Poll::Pending;
            }
        }
    }
}
