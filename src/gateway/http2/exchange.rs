//! One request of an HTTP/2 stream on its way to the upstream, and the answer's head on the way back.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use hyper::http::{HeaderName, HeaderValue};
use salvo::Response;
use salvo::http::{ReqBody, ResBody};
use tokio::time::Instant;

use super::download::{Download, Rest, put_back};
use super::say;
use super::upload::{Ended, Upload};
use crate::gateway::body::Decoder;
use crate::gateway::field::Field;
use crate::gateway::gate::{Gate, Order, Peer};
use crate::gateway::http1::{self, AnswerHead};
use crate::gateway::reply;
use crate::gateway::signin;
use crate::gateway::stay::Guard;
use crate::gateway::upstream::{Failure, Link};

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
            gate.upstream_answered(&order.upstream);
            pass_on(answered, upload, order, guard, peer, response);
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
        Err(Unanswered::BrokenOff) => {
            say(response, reply::body_too_slow(), upload.leftover.body, peer, order.sending.bodyless);
        }
    }
}

/// Answers with what the upstream has answered; its body follows, and what is left of the request's.
fn pass_on(
    answered: Answered,
    upload: Upload,
    order: Order,
    guard: Guard,
    peer: &mut Peer,
    response: &mut Response,
) {
    let mut trail = peer.trail.take();
    let Answered { status, headers, rest: mut answered } = answered;
    if let Some(trail) = &mut trail {
        trail.answered(status);
        if answered.decoder.is_done() {
            trail.is_whole();
        }
    }
    response.status_code(salvo::http::StatusCode::from_u16(status).unwrap_or_default());
    *response.headers_mut() = headers;
    if answered.decoder.is_done() && upload.done {
        put_back(&mut answered.link, answered.persistence, &order.upstream);
    }
    let Order { upstream, stay, .. } = order;
    let download = Download { answered, upload, upstream, guard, stay, trail, tls: peer.tls };
    response.body(ResBody::Boxed(Box::pin(download)));
}

/// Why there is no answer of the upstream's to pass on.
enum Unanswered {
    /// It failed.
    Failed(Failure),
    /// New rules do not let the client have it.
    Revoked,
    /// The client did not send all of its request.
    BrokenOff,
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

/// Sends the request and reads the answer's head, whichever of the two is done first.
async fn exchange(
    guard: &mut Guard,
    mut link: Link,
    upload: &mut Upload,
    order: &Order,
) -> Result<Answered, Unanswered> {
    // Counted from the last that was heard of the client: an upload may take longer than the answer to it.
    let limit = guard.gate().limits().answer;
    let mut silence = limit.map(|limit| (limit, Box::pin(tokio::time::sleep(limit))));
    let mut uploading = true;
    let head = poll_fn(|cx| {
        if guard.poll(cx, &order.stay).is_ready() {
            return Poll::Ready(Err(Unanswered::Revoked));
        }
        if uploading {
            let carried = upload.carried;
            uploading = match upload.poll(cx, &mut link) {
                Poll::Pending => true,
                Poll::Ready(Ended::Whole | Ended::Untaken) => false,
                Poll::Ready(Ended::BrokenOff) => return Poll::Ready(Err(Unanswered::BrokenOff)),
            };
            if let Some((limit, time)) = &mut silence
                && (!uploading || upload.carried > carried)
            {
                time.as_mut().reset(Instant::now() + *limit);
            }
        }
        loop {
            if let Some(answered) = read_answer(&mut link, order)? {
                return Poll::Ready(Ok(answered));
            }
            match link.input.poll_read(cx, &mut link.wire) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(Failure::Closed(io::ErrorKind::UnexpectedEof.into()).into()));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Failure::Closed(error).into())),
                Poll::Pending => break,
            }
        }
        match &mut silence {
            Some((limit, time)) => time.as_mut().poll(cx).map(|()| Err(Failure::Silent(*limit).into())),
            None => Poll::Pending,
        }
    });
    let mut answered = head.await?;
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
