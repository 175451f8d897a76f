//! One request on its way to the upstream and its answer on the way back, for an HTTP/1 client.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::{Connection, Next, write_all};
use crate::gateway::body::{Coding, Decoder};
use crate::gateway::buffer::{self, Buffer};
use crate::gateway::flow::{Flow, Interruption};
use crate::gateway::forward::{self, Delivery};
use crate::gateway::gate::Order;
use crate::gateway::http1::{self, AnswerHead, Persistence};
use crate::gateway::upstream::{Failure, Link, Upstream};
use crate::gateway::watch::Alarm;
use crate::gateway::wire::Wire;
use crate::record::event::End;

/// How the wait for the upstream's answer ended.
enum Reply {
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

/// How the answer's way to the client ended.
enum Relayed {
    /// All of it is there.
    Whole,
    /// A part of it is, and no more will come.
    Cut,
    /// The same, because new rules do not let the client have the rest.
    CutOff,
    /// New rules do not let the client have it, and nothing of it was sent.
    Revoked,
}

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

    /// Takes note of the status of the answer.
    fn answered(&mut self, status: u16) {
        if let Some(trail) = self.peer.trail() {
            trail.answered(status);
        }
    }

    /// Takes note of the bytes that went by.
    fn carried(&mut self, received: u64, sent: u64) {
        if let Some(trail) = self.peer.trail() {
            trail.carried(received, sent);
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

    /// Sends the request while waiting for the answer's head: an upstream may well answer before it has it all.
    async fn await_answer(
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
            loop {
                if let Some(reply) = read_reply(link, order, watch.is_closing()) {
                    return Poll::Ready(reply);
                }
                match link.input.poll_read(cx, &mut link.wire) {
                    Poll::Ready(Ok(0)) => {
                        return Poll::Ready(Reply::Failed(Failure::Closed(
                            io::ErrorKind::UnexpectedEof.into(),
                        )));
                    }
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Reply::Failed(Failure::Closed(error))),
                    Poll::Pending => break,
                }
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

    /// Carries the answer's body to the client, and what is left of the request's to the upstream.
    async fn relay(
        &mut self,
        link: &mut Link,
        mut upload: Flow,
        mut download: Flow,
        delivery: Delivery,
        order: &Order,
    ) -> Next {
        let limit = self.gate.limits().body;
        self.watch.set(Some(limit));
        let Self { wire, input, watch, gate, .. } = self;
        let mut uploading = !upload.is_done();
        let mut progress = 0;
        let relayed = poll_fn(|cx| {
            watch.listen(cx);
            if gate.revokes(&order.stay) {
                return Poll::Ready(if download.has_begun() { Relayed::CutOff } else { Relayed::Revoked });
            }
            if uploading {
                match upload.poll(cx, wire, input, &mut link.wire) {
                    Poll::Pending => {}
                    // Done, or it takes no more; what it says may be whole all the same.
                    Poll::Ready(Ok(()) | Err(Interruption::Sink(_))) => uploading = false,
                    // The client has left, and the upstream may be waiting for the rest.
                    Poll::Ready(Err(_)) => return Poll::Ready(Relayed::Cut),
                }
            }
            match download.poll(cx, &mut link.wire, &mut link.input, wire) {
                Poll::Ready(Ok(())) => return Poll::Ready(Relayed::Whole),
                Poll::Ready(Err(_)) => return Poll::Ready(Relayed::Cut),
                Poll::Pending => link.input.rest(),
            }
            if upload.has_read_all() && client_left(cx, wire, input, 0).is_ready() {
                return Poll::Ready(Relayed::Cut);
            }
            while watch.poll_deadline(cx).is_ready() {
                // An upstream may think for as long as it likes; a client that takes nothing may not.
                if download.waits_for_sink() && download.carried() == progress {
                    return Poll::Ready(Relayed::Cut);
                }
                progress = download.carried();
                watch.set(Some(limit));
            }
            Poll::Pending
        })
        .await;
        self.carried(upload.carried(), if download.has_begun() { download.carried() } else { 0 });
        match relayed {
            Relayed::Whole => {}
            // The client must not take what it has for all there is.
            Relayed::Cut => return Next::Drop,
            Relayed::CutOff => {
                self.revoked(order);
                return Next::Drop;
            }
            Relayed::Revoked => {
                self.refuse(order).await;
                return Next::CloseBoth;
            }
        }
        if !upload.is_done() {
            return Next::CloseBoth;
        }
        if delivery.keeps_alive { Next::Request } else { Next::Close }
    }

    /// Carries bytes both ways until both sides have said their last, the client may not stay, or the server stops.
    async fn tunnel(&mut self, mut link: Link, head: Vec<u8>, order: &Order) -> Next {
        self.watch.set(None);
        let mut up = Flow::new(buffer::lend(), Decoder::UntilClose, Coding::Plain);
        let mut down = Flow::new(head, Decoder::UntilClose, Coding::Plain);
        let Self { wire, input, watch, gate, .. } = self;
        let (mut up_open, mut down_open) = (true, true);
        let mut is_revoked = false;
        poll_fn(|cx| {
            watch.listen(cx);
            if gate.revokes(&order.stay) {
                is_revoked = true;
                return Poll::Ready(());
            }
            if up_open && let Poll::Ready(end) = up.poll(cx, wire, input, &mut link.wire) {
                up_open = false;
                if end.is_err() || Pin::new(&mut link.wire).poll_shutdown(cx).is_pending() {
                    return Poll::Ready(());
                }
            }
            if down_open && let Poll::Ready(end) = down.poll(cx, &mut link.wire, &mut link.input, wire) {
                down_open = false;
                if end.is_err() || Pin::new(&mut *wire).poll_shutdown(cx).is_pending() {
                    return Poll::Ready(());
                }
            }
            input.rest();
            link.input.rest();
            if !up_open && !down_open {
                return Poll::Ready(());
            }
            match watch.poll(cx) {
                Poll::Ready(Alarm::Closing) => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
        // Both sides learn of the end by a proper close, not by a reset.
        let _ = poll_fn(|cx| Pin::new(&mut link.wire).poll_shutdown(cx)).await;
        self.carried(up.carried(), down.carried());
        match (is_revoked, down.has_begun()) {
            (true, false) => return self.refuse(order).await,
            (true, true) => self.revoked(order),
            // Both sides have said their last.
            (false, _) if !(up_open || down_open) => self.peer.leave(End::Whole),
            (false, _) => {}
        }
        self.finish().await;
        Next::Drop
    }

    /// Answers who was let in, and no longer is since the rules have changed. Nobody is left without an answer who
    /// can still be given one.
    async fn refuse(&mut self, order: &Order) -> Next {
        self.revoked(order);
        let response = self.gate.revoked(order);
        self.answer(response, order.sending.closing()).await
    }

    /// Takes note that new rules do not let the client go on.
    fn revoked(&mut self, order: &Order) {
        order.stay.leave(&self.gate, &mut self.peer);
    }

    /// Answers for an upstream that cannot.
    async fn fail(&mut self, order: &Order, failure: &Failure) -> Next {
        let response = self.gate.upstream_failed(order, failure);
        let sending = if order.body.is_done() { order.sending } else { order.sending.closing() };
        self.answer(response, sending).await
    }
}

/// Ready when the client has gone. What it says meanwhile, a next request, is kept for later. The first `known`
/// bytes of `input` are the present request.
fn client_left(cx: &mut Context<'_>, wire: &mut Wire, input: &mut Buffer, known: usize) -> Poll<()> {
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
