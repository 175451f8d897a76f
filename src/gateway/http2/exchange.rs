//! One request of an HTTP/2 stream on its way to the upstream, and the answer on the way back.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::http::{HeaderName, HeaderValue};
use salvo::Response;
use salvo::http::{ReqBody, ResBody};
use tokio::io::AsyncWrite;
use tokio::time::Sleep;

use super::say;
use crate::gateway::body::{Coding, Decoder};
use crate::gateway::connection::{LINGER, LINGER_BYTES};
use crate::gateway::field::Field;
use crate::gateway::gate::{Gate, Order, Peer};
use crate::gateway::http1::{self, AnswerHead, Persistence};
use crate::gateway::signin;
use crate::gateway::stay::{Guard, Stay};
use crate::gateway::trail::Trail;
use crate::gateway::upstream::{Failure, Link, Upstream};

/// Forwards the request and prepares the answer.
pub(super) async fn send_on(
    gate: &Gate,
    mut order: Order,
    body: ReqBody,
    peer: &mut Peer,
    response: &mut Response,
) {
    let mut upload = Upload::new(std::mem::take(&mut order.head), body, order.coding);
    let retained = if order.repeatable { upload.pending.clone() } else { Vec::new() };
    let mut guard = Guard::new(gate.clone());
    let mut idle = order.upstream.idle(order.repeatable);
    let answered = loop {
        let reused = idle.is_some();
        let link = match idle.take() {
            Some(link) => Ok(link),
            None => order.upstream.connect().await,
        };
        let outcome = match link {
            Ok(link) => exchange(&mut guard, link, &mut upload, &order).await,
            Err(failure) => Err(Unanswered::Failed(failure)),
        };
        match outcome {
            // The upstream closed the idle connection just then; nothing of the request was acted upon.
            Err(Unanswered::Failed(Failure::Closed(_))) if reused && order.repeatable => {
                upload = Upload::new(retained.clone(), ReqBody::None, order.coding);
            }
            outcome => break outcome,
        }
    };
    if let Some(trail) = peer.trail() {
        trail.carried(upload.carried, 0);
        upload.carried = 0;
    }
    match answered {
        Ok(answered) => {
            let mut trail = peer.trail.take();
            if let Some(trail) = &mut trail {
                trail.answered(answered.status);
                if answered.rest.decoder.is_done() {
                    trail.is_whole();
                }
            }
            gate.upstream_answered(&order.upstream);
            response.status_code(salvo::http::StatusCode::from_u16(answered.status).unwrap_or_default());
            *response.headers_mut() = answered.headers;
            let mut rest = answered.rest;
            if rest.decoder.is_done() && upload.done {
                put_back(&mut rest.link, rest.persistence, &order.upstream);
            }
            let Order { upstream, stay, .. } = order;
            let download = Download { answered: rest, upload, upstream, guard, stay, trail };
            response.body(ResBody::Boxed(Box::pin(download)));
        }
        Err(Unanswered::Failed(failure)) => {
            let answer = gate.upstream_failed(&order, &failure);
            say(response, answer, upload.leftover.body, peer, order.sending.bodyless);
        }
        Err(Unanswered::Revoked) => {
            order.stay.leave(guard.gate(), peer);
            let answer = guard.gate().revoked(&order);
            say(response, answer, upload.leftover.body, peer, order.sending.bodyless);
        }
    }
}

/// Why there is no answer of the upstream's to pass on.
enum Unanswered {
    /// It failed.
    Failed(Failure),
    /// New rules do not let the client have it.
    Revoked,
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The upstream's answer, its head read.
struct Answered {
    status: u16,
    headers: salvo::http::HeaderMap,
    rest: Rest,
}

/// What is still to come of it.
struct Rest {
    link: Option<Link>,
    decoder: Decoder,
    persistence: Persistence,
}

/// Sends the request and reads the answer's head, whichever of the two is done first.
async fn exchange(
    guard: &mut Guard,
    mut link: Link,
    upload: &mut Upload,
    order: &Order,
) -> Result<Answered, Unanswered> {
    let limit = guard.gate().limits().answer;
    let mut uploading = true;
    let head = poll_fn(|cx| {
        if guard.poll(cx, &order.stay).is_ready() {
            return Poll::Ready(Err(Unanswered::Revoked));
        }
        if uploading && upload.poll(cx, &mut link).is_ready() {
            uploading = false;
        }
        loop {
            if let Some(answered) = read_answer(&mut link, order)? {
                return Poll::Ready(Ok(answered));
            }
            match ready!(link.input.poll_read(cx, &mut link.wire)) {
                Ok(0) => {
                    return Poll::Ready(Err(Failure::Closed(io::ErrorKind::UnexpectedEof.into()).into()));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(Failure::Closed(error).into())),
            }
        }
    });
    let mut answered = match limit {
        Some(limit) => tokio::time::timeout(limit, head).await.map_err(|_| Failure::Silent(limit))??,
        None => head.await?,
    };
    answered.rest.link = Some(link);
    Ok(answered)
}

fn read_answer(link: &mut Link, order: &Order) -> Result<Option<Answered>, Failure> {
    loop {
        let mut memory = http1::fields();
        let (answer, length) =
            match AnswerHead::parse(link.input.bytes(), &mut memory, order.sending.bodyless) {
                Ok(Some(parsed)) => parsed,
                Ok(None) if link.input.is_full() => return Err(Failure::Unreadable),
                Ok(None) => return Ok(None),
                Err(_) => return Err(Failure::Unreadable),
            };
        if answer.status == 101 {
            return Err(Failure::Unreadable);
        }
        if answer.status < 200 {
            link.input.consume(length);
            continue;
        }
        let mut headers = salvo::http::HeaderMap::with_capacity(answer.fields.len());
        for field in answer.fields {
            let kind = Field::of(field.name.as_bytes());
            // A length beside chunks is the chunks' (RFC 9112, section 6.3).
            let counts = kind == Field::ContentLength && !matches!(answer.body, Decoder::Chunked(_));
            let passes = order.own.let_pass(kind, field.value) || counts;
            if passes
                && !answer.listed.has(field.name.as_bytes())
                && let (Ok(name), Ok(value)) =
                    (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value))
            {
                headers.append(name, value);
            }
        }
        signin::add_cookie(&mut headers, order.own.cookie.as_deref());
        let rest = Rest { link: None, decoder: answer.body, persistence: answer.persistence };
        let answered = Answered { status: answer.status, headers, rest };
        link.input.consume(length);
        return Ok(Some(answered));
    }
}

/// A request on its way from an HTTP/2 stream to the upstream.
struct Upload {
    leftover: Leftover,
    coding: Coding,
    pending: Vec<u8>,
    written: usize,
    read_all: bool,
    done: bool,
    /// Bytes of body that were read and not yet accounted for.
    carried: u64,
}

impl Upload {
    fn new(head: Vec<u8>, body: ReqBody, coding: Coding) -> Self {
        let read_all = body.is_end_stream();
        Self {
            leftover: Leftover::new(body),
            coding,
            pending: head,
            written: 0,
            read_all,
            done: false,
            carried: 0,
        }
    }

    /// Ready when all is written, or when no more can be: then the answer tells why.
    fn poll(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Poll<()> {
        loop {
            while self.written < self.pending.len() {
                match ready!(Pin::new(&mut link.wire).poll_write(cx, &self.pending[self.written..])) {
                    Ok(count) if count > 0 => self.written += count,
                    _ => return Poll::Ready(()),
                }
            }
            self.pending.clear();
            self.written = 0;
            if self.read_all {
                if ready!(Pin::new(&mut link.wire).poll_flush(cx)).is_ok() {
                    self.done = true;
                }
                return Poll::Ready(());
            }
            let Poll::Ready(frame) = Pin::new(&mut self.leftover.body).poll_frame(cx) else {
                let _ = Pin::new(&mut link.wire).poll_flush(cx);
                return Poll::Pending;
            };
            match frame {
                // To hyper a reset without an error is an end like any other; to the upstream it must not be.
                None if !self.leftover.is_done() => return Poll::Ready(()),
                None => {
                    self.coding.finish(&mut self.pending);
                    self.read_all = true;
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        self.coding.push(&data, &mut self.pending);
                        self.carried += data.len() as u64;
                    }
                }
                // The client broke off: the upstream must not take the half for the whole.
                Some(Err(_)) => return Poll::Ready(()),
            }
        }
    }
}

/// The answer's body on its way to the HTTP/2 stream, with what is left of the request's.
struct Download {
    answered: Rest,
    upload: Upload,
    upstream: Arc<Upstream>,
    guard: Guard,
    stay: Stay,
    trail: Option<Box<Trail>>,
}

impl Download {
    /// Ends the stream for a client that may not stay.
    fn cut_off(&mut self) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let mut peer = self.stay.peer();
        peer.trail = self.trail.take();
        self.stay.leave(self.guard.gate(), &mut peer);
        Poll::Ready(Some(Err(GONE.into())))
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some(trail) = &mut self.trail {
            trail.carried(self.upload.carried, 0);
        }
    }
}

/// What salvo wants errors to be.
type Gone = Box<dyn std::error::Error + Send + Sync>;

impl Body for Download {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if this.guard.has_ended(&this.stay) {
            return this.cut_off();
        }
        let Self {
            answered: Rest { link: slot, decoder, persistence },
            upload,
            upstream,
            guard,
            stay,
            trail,
        } = this;
        let mut carried = |count: usize, is_last: bool| {
            if let Some(trail) = trail {
                trail.carried(0, count as u64);
                if is_last {
                    trail.is_whole();
                }
            }
        };
        let Some(link) = slot else { return upload.leftover.poll(cx).map(|()| None) };
        if !upload.done {
            let _ = upload.poll(cx, link);
        }
        loop {
            let span = decoder.look(link.input.bytes())?;
            link.input.consume(span.framing);
            if span.data > 0 {
                let data = Bytes::copy_from_slice(&link.input.bytes()[..span.data]);
                link.input.consume(span.data);
                decoder.used(span.data);
                carried(span.data, decoder.is_done());
                // Nobody may ask again after the last byte, so the connection goes back now.
                if decoder.is_done() && upload.done {
                    put_back(slot, *persistence, upstream);
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            if decoder.is_done() {
                carried(0, true);
                if upload.done {
                    put_back(slot, *persistence, upstream);
                }
                *slot = None;
                return upload.leftover.poll(cx).map(|()| None);
            }
            let Poll::Ready(read) = link.input.poll_read(cx, &mut link.wire) else {
                ready!(guard.poll(cx, stay));
                return this.cut_off();
            };
            match read {
                Ok(0) if decoder.may_end_here() => {
                    carried(0, true);
                    *slot = None;
                    return upload.leftover.poll(cx).map(|()| None);
                }
                Ok(0) => return Poll::Ready(Some(Err("the upstream cut its answer off".into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.answered.decoder.is_done() && self.upload.done
    }

    fn size_hint(&self) -> SizeHint {
        match self.answered.decoder {
            Decoder::Length(left) => SizeHint::with_exact(left),
            Decoder::Chunked(_) | Decoder::UntilClose => SizeHint::default(),
        }
    }
}

/// Why a stream is cut although nothing is wrong with it.
const GONE: &str = "the rules have changed, and the client may not stay";

fn put_back(slot: &mut Option<Link>, persistence: Persistence, upstream: &Upstream) {
    if let Some(link) = slot.take() {
        upstream.keep(link, persistence);
    }
}

/// What a client still sends although its answer is complete. Some of it is read: a stream that is reset at once,
/// which RFC 9113 (section 8.1) allows, makes curl and Node.js lose the answer.
pub(super) struct Leftover {
    body: ReqBody,
    left: usize,
    time: Option<Pin<Box<Sleep>>>,
}

impl Leftover {
    pub(super) fn new(body: ReqBody) -> Self {
        Self { body, left: LINGER_BYTES, time: None }
    }

    pub(super) fn is_done(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Ready when the client has sent all, or so much or for so long that it will not listen.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.is_done() {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                let time = self.time.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
                return time.as_mut().poll(cx);
            };
            let Some(Ok(frame)) = frame else { return Poll::Ready(()) };
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(left) = self.left.checked_sub(length) else { return Poll::Ready(()) };
            self.left = left;
        }
        Poll::Ready(())
    }
}
