//! One HTTP/1 client: requests one after the other, each judged on its head, then forwarded, answered or tunnelled.
//!
//! This loop is ours because it is what the program is for and what its speed hangs on; HTTP/2 is salvo's
//! (`http2.rs`). Every waiting place watches three things at once: the peer, the deadline, and a server that stops.

mod form;
mod forwarding;
mod relay;
mod tunnel;
mod wait;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use hyper::Response;
use hyper::http::header::DATE;
use tokio::io::AsyncWrite;

use super::buffer::{self, Buffer};
use super::forward;
use super::gate::{Gate, Peer, Plan, Proof, Sending};
use super::handshake::{HANDSHAKE, NO_TLS_HERE};
use super::journal::HandshakeFailure;
use super::reply::AnswerBody;
use super::watch::{Alarm, Watch};
use super::wire::Wire;
use crate::record::event::End;

/// How long a refused client may go on sending what nobody reads, so that it gets to read the answer.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// How much of it is read, in bytes.
pub(super) const LINGER_BYTES: usize = 64 * 1024;

/// What becomes of the connection after a request.
enum Next {
    /// It tries the same request again: the upstream had closed the idle connection that was used for it.
    Retry,
    /// It serves another.
    Request,
    /// It is closed; the client may still be sending.
    Close,
    /// The same, and the upstream's connection is of no use either: the request was not sent whole.
    CloseBoth,
    /// It is dropped at once: the client has gone, or was promised more than will come.
    Drop,
}

/// A client and everything needed to serve it.
pub struct Connection {
    wire: Wire,
    input: Buffer,
    watch: Watch,
    gate: Gate,
    peer: Peer,
}

impl Connection {
    /// A connection that was accepted, and over TLS shaken hands on.
    #[must_use]
    pub fn new(wire: Wire, peer: Peer, gate: Gate, watch: Watch) -> Self {
        Self { wire, input: Buffer::default(), watch, gate, peer }
    }

    /// Serves requests until one side has had enough.
    pub async fn serve(mut self) {
        let mut fresh_upstream = false;
        let mut proof = None;
        loop {
            let Some(plan) = self.next_plan(proof.take()).await else { return };
            let next = match plan {
                Plan::Prove(claim) => {
                    self.watch.set(None);
                    proof = Some(self.gate.prove(claim).await);
                    continue;
                }
                Plan::Form { form, sending } => self.take_form(&form, sending).await,
                Plan::Forward(order) => self.forward(order, fresh_upstream).await,
                Plan::Answer { response, sending } => {
                    let sending = self.take_request(sending);
                    self.answer(response, sending).await
                }
                Plan::Folder { wanted, sending } => {
                    let sending = self.take_request(sending);
                    let response = self.gate.file(wanted).await;
                    self.answer(response, sending).await
                }
            };
            fresh_upstream = matches!(next, Next::Retry);
            match next {
                Next::Retry => {}
                Next::Drop => self.peer.leave(End::Cut),
                Next::Request | Next::Close | Next::CloseBoth => self.peer.leave(End::Whole),
            }
            match next {
                Next::Request | Next::Retry => {}
                Next::Close | Next::CloseBoth => return self.linger().await,
                Next::Drop => return,
            }
        }
    }

    /// Waits for a whole request head and asks the gate about it. `None`: the connection is over.
    async fn next_plan(&mut self, mut proof: Option<Proof>) -> Option<Plan> {
        if self.input.is_empty() {
            self.input.rest();
            self.watch.set(Some(self.gate.limits().idle));
        }
        let mut began = false;
        loop {
            if !self.input.is_empty() {
                if self.speaks_tls() {
                    self.turn_tls_away().await;
                    return None;
                }
                if let Some(plan) = self.gate.plan(self.input.bytes(), &mut self.peer, proof.take()) {
                    return Some(plan);
                }
                if !began {
                    began = true;
                    self.watch.set(Some(self.gate.limits().head));
                }
            }
            let Self { wire, input, watch, .. } = self;
            let read = poll_fn(|cx| {
                if let Poll::Ready(read) = input.poll_read(cx, wire) {
                    return Poll::Ready(Ok(read));
                }
                // Somebody in the middle of a head may finish it; somebody idle is told at once.
                let alarm = if began { watch.poll_deadline(cx) } else { watch.poll(cx) };
                // An idle connection should hold no memory while nothing comes.
                input.rest();
                alarm.map(Err)
            })
            .await;
            match read {
                Ok(Ok(count)) if count > 0 => {}
                Err(Alarm::Deadline) if began => return Some(self.gate.head_too_slow(&mut self.peer)),
                _ => {
                    self.finish().await;
                    return None;
                }
            }
        }
    }

    /// Whether the client begins a TLS handshake on a port of http.
    fn speaks_tls(&self) -> bool {
        matches!(self.wire, Wire::Tcp(_)) && self.input.bytes().first() == Some(&HANDSHAKE)
    }

    /// Says so to both sides.
    async fn turn_tls_away(&mut self) {
        let why = HandshakeFailure::Misdirected;
        self.gate.journal().no_handshake(self.peer.address, why, self.gate.config_flag());
        self.watch.set(Some(LINGER));
        if write_all(&mut self.wire, &mut self.watch, &NO_TLS_HERE).await.is_ok() {
            self.linger().await;
        }
    }

    /// Drops a request that is answered without its body being read; what of the body came with the head is
    /// dropped too. If there is more of it, the connection cannot be kept.
    fn take_request(&mut self, sending: Sending) -> Sending {
        self.input.consume(sending.head_length);
        let mut body = sending.body;
        while !body.is_done() && !self.input.is_empty() {
            let Ok(span) = body.look(self.input.bytes()) else { return sending.closing() };
            self.input.consume(span.framing + span.data);
            if span.data > 0 {
                body.used(span.data);
            }
        }
        if body.is_done() { sending } else { sending.closing() }
    }

    /// Writes an answer of our own.
    async fn answer(&mut self, response: Response<AnswerBody>, sending: Sending) -> Next {
        self.watch.set(Some(self.gate.limits().body));
        let Sending { version, bodyless, .. } = sending;
        let keeps_alive = sending.keeps_alive && !self.watch.is_closing();
        let (parts, mut body) = response.into_parts();
        if let Some(trail) = self.peer.trail() {
            trail.answered(parts.status.as_u16());
        }
        let mut out = buffer::lend();
        forward::put_status(
            &mut out,
            parts.status.as_u16(),
            parts.status.canonical_reason().unwrap_or_default(),
        );
        for (name, value) in &parts.headers {
            forward::put_field(&mut out, name.as_str(), value.as_bytes());
        }
        if let Some(hsts) = self.gate.hsts(&self.peer) {
            forward::put_field(&mut out, forward::HSTS, hsts.as_bytes());
        }
        if !parts.headers.contains_key(DATE) {
            forward::put_field(&mut out, "date", httpdate::fmt_http_date(SystemTime::now()).as_bytes());
        }
        forward::put_connection(&mut out, version, keeps_alive);
        out.extend_from_slice(b"\r\n");
        let mut whole = true;
        // The body of the answer to a HEAD is left where it is.
        while let Some(frame) = if bodyless { None } else { body.frame().await } {
            let Ok(frame) = frame else {
                whole = false;
                break;
            };
            let Ok(data) = frame.into_data() else { continue };
            out.extend_from_slice(&data);
            if let Some(trail) = self.peer.trail() {
                trail.carried(0, data.len() as u64);
            }
            if out.len() > buffer::SIZE {
                if write_all(&mut self.wire, &mut self.watch, &out).await.is_err() {
                    return Next::Drop;
                }
                out.clear();
                // The limit is for standing still, not for the whole.
                self.watch.set(Some(self.gate.limits().body));
            }
        }
        let written = write_all(&mut self.wire, &mut self.watch, &out).await;
        buffer::give_back(out);
        match (written, whole, keeps_alive) {
            (Err(_), ..) | (_, false, _) => Next::Drop,
            (Ok(()), true, true) => Next::Request,
            (Ok(()), true, false) => Next::Close,
        }
    }

    /// Closes so that the last answer is read: with unread bytes in the socket, TCP would reset the connection.
    async fn linger(&mut self) {
        self.finish().await;
        self.watch.set(Some(LINGER));
        let mut left = LINGER_BYTES;
        let Self { wire, input, watch, .. } = self;
        poll_fn(|cx| {
            loop {
                input.consume(input.bytes().len());
                if watch.is_closing() {
                    return Poll::Ready(());
                }
                match input.poll_read(cx, wire) {
                    Poll::Ready(Ok(count)) if count > 0 && count < left => left -= count,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return watch.poll_deadline(cx).map(|_| ()),
                }
            }
        })
        .await;
    }

    /// Says the last word on the wire, without waiting for a client that does not listen.
    async fn finish(&mut self) {
        self.watch.set(Some(LINGER));
        let Self { wire, watch, .. } = self;
        poll_fn(|cx| match Pin::new(&mut *wire).poll_shutdown(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => watch.poll_deadline(cx).map(|_| ()),
        })
        .await;
    }
}

/// Writes all of `bytes`, within the deadline.
async fn write_all(wire: &mut Wire, watch: &mut Watch, bytes: &[u8]) -> io::Result<()> {
    let mut written = 0;
    poll_fn(|cx| {
        while written < bytes.len() {
            match Pin::new(&mut *wire).poll_write(cx, &bytes[written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => written += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    return watch.poll_deadline(cx).map(|_| Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        // TLS has taken it all; the client may still take none of it.
        match Pin::new(&mut *wire).poll_flush(cx) {
            Poll::Ready(flushed) => Poll::Ready(flushed),
            Poll::Pending => watch.poll_deadline(cx).map(|_| Err(io::ErrorKind::TimedOut.into())),
        }
    })
    .await
}
