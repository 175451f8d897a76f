//! HTTP/2 clients: salvo serves their connections, this handler brings each request to the same gate.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::http::{HeaderName, HeaderValue};
use salvo::conn::tcp::TcpCoupler;
use salvo::conn::{Accepted, Acceptor, ConnCtrl, Holding};
use salvo::fuse::{ArcFusePolicy, FuseConfig};
use salvo::http::uri::Scheme;
use salvo::http::{ReqBody, ResBody};
use salvo::server::ServerHandle;
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Router, Server, async_trait};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_rustls::TlsStream;

use super::body::{Coding, Decoder};
use super::connection::{LINGER, LINGER_BYTES};
use super::field::Field;
use super::gate::{Gate, Order, Peer, Plan};
use super::http1::{self, AnswerHead, Head, Malformed, Persistence, Version};
use super::reply::AnswerBody;
use super::upstream::{Failure, Link, Upstream};
use super::watch::Presence;

/// Streams that one client may have open at a time (RFC 9113, section 6.5.2, recommends no less than 100).
const STREAMS: u32 = 100;

/// A client that agreed on HTTP/2 in its TLS handshake.
pub struct Arrival {
    /// The stream.
    pub stream: TlsStream<TcpStream>,
    /// Who it is.
    pub peer: Peer,
    /// That it is here, for whoever waits for all to leave.
    pub presence: Presence,
}

/// The way of arrivals to this worker's salvo server.
pub type Arrivals = mpsc::UnboundedSender<Arrival>;

/// This worker's HTTP/2 server: where to bring clients, how to stop it, and its run.
pub fn server(
    gate: Gate,
    head_size: usize,
) -> (Arrivals, ServerHandle, impl Future<Output = io::Result<()>>) {
    let (arrivals, queue) = mpsc::unbounded_channel();
    let mut server =
        Server::new(Reception { queue, holdings: Vec::new() }).fuse_config(FuseConfig::default());
    server
        .http2_mut()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(head_size).unwrap_or(u32::MAX))
        .timer(salvo::rt::tokio::TokioTimer::new())
        .keep_alive_interval(Some(std::time::Duration::from_secs(30)));
    let handle = server.handle();
    let router = Router::with_path("{**rest}").goal(Gatekeeper { gate });
    (arrivals, handle, server.try_serve(router))
}

/// Hands salvo the clients that were accepted and shaken hands on elsewhere.
struct Reception {
    queue: mpsc::UnboundedReceiver<Arrival>,
    holdings: Vec<Holding>,
}

/// A client's stream, with who it is: salvo gives every request its connection's address and nothing more of ours.
pub struct Guest {
    stream: TlsStream<TcpStream>,
    _presence: Presence,
}

impl Acceptor for Reception {
    type Coupler = TcpCoupler<Guest>;
    type Stream = Guest;

    fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    async fn accept(&mut self, _: Option<ArcFusePolicy>) -> io::Result<Accepted<Self::Coupler, Guest>> {
        let Some(Arrival { stream, peer, presence }) = self.queue.recv().await else {
            return std::future::pending().await;
        };
        let remote_addr = std::net::SocketAddr::new(peer.address, 0).into();
        let local_addr = stream.get_ref().0.local_addr().map_or(salvo::conn::SocketAddr::Unknown, Into::into);
        Ok(Accepted {
            coupler: TcpCoupler::new(),
            stream: Guest { stream, _presence: presence },
            fuse_config: Some(FuseConfig::default()),
            conn_ctrl: ConnCtrl::new(),
            local_addr,
            remote_addr,
            http_scheme: Scheme::HTTPS,
        })
    }
}

impl Guest {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TlsStream<TcpStream>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl tokio::io::AsyncRead for Guest {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buf)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

/// The only salvo handler: asks the gate and does as it says.
struct Gatekeeper {
    gate: Gate,
}

#[async_trait]
impl Handler for Gatekeeper {
    async fn handle(&self, request: &mut Request, _: &mut Depot, response: &mut Response, _: &mut FlowCtrl) {
        let mut gate = self.gate.clone();
        let address = request.remote_addr().ip().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
        let mut peer = Peer { address, tls: Some("TLS"), announced: None };
        let body = request.take_body();
        let mut proof = None;
        loop {
            match plan(&mut gate, request, &body, &mut peer, proof.take()) {
                Plan::Prove(claim) => proof = Some(gate.prove(claim).await),
                Plan::Answer { response: answer, .. } => return say(response, answer, body),
                Plan::Folder { wanted, .. } => return say(response, gate.file(wanted).await, body),
                Plan::Forward(order) => return forward(&gate, order, body, response).await,
            }
        }
    }
}

/// Asks the gate about an HTTP/2 request.
fn plan(
    gate: &mut Gate,
    request: &Request,
    body: &ReqBody,
    peer: &mut Peer,
    proof: Option<super::gate::Proof>,
) -> Plan {
    let headers = request.headers();
    if headers.len() > http1::FIELDS {
        return super::gate::refuse_head(Malformed::TooLarge);
    }
    // A browser may send each cookie in a field of its own; an HTTP/1.1 server expects one (RFC 9113, 8.2.3).
    let cookies: Vec<&[u8]> = headers.get_all("cookie").iter().map(HeaderValue::as_bytes).collect();
    let cookie = cookies.join(&b"; "[..]);
    let mut fields: Vec<httparse::Header<'_>> = headers
        .iter()
        .filter(|(name, _)| *name != "cookie" && *name != "host")
        .map(|(name, value)| httparse::Header { name: name.as_str(), value: value.as_bytes() })
        .collect();
    if !cookie.is_empty() {
        fields.push(httparse::Header { name: "cookie", value: &cookie });
    }
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = headers.get_all("host").iter().map(HeaderValue::as_bytes);
    let host = match (authority, hosts.next(), hosts.next()) {
        (_, _, Some(_)) => None,
        (Some(authority), Some(host), None) if !authority.eq_ignore_ascii_case(host) => None,
        (authority, host, None) => authority.or(host),
    };
    let Some(host) = host else {
        return super::gate::refuse_head(Malformed::Syntax("the request names no host, or two"));
    };
    fields.push(httparse::Header { name: "host", value: host });
    let target = request.uri().path_and_query().map_or("*", |target| target.as_str());
    let mut head = match Head::assemble(request.method().as_str(), target, Version::Http2, &fields) {
        Ok(head) => head,
        Err(malformed) => return super::gate::refuse_head(malformed),
    };
    if head.first(Field::ContentLength).is_none() && !body.is_end_stream() {
        head.body = Decoder::chunked();
    }
    gate.judge(&head, 0, peer, proof)
}

fn say(response: &mut Response, answer: hyper::Response<AnswerBody>, unread: ReqBody) {
    let (parts, body) = answer.into_parts();
    response.status_code(parts.status);
    *response.headers_mut() = parts.headers;
    response.body(ResBody::Boxed(Box::pin(Said { body, leftover: Leftover::new(unread) })));
}

/// What a client still sends although its answer is complete. Some of it is read: a stream that is reset at once,
/// which RFC 9113 (section 8.1) allows, makes curl and Node.js lose the answer.
struct Leftover {
    body: ReqBody,
    left: usize,
    time: Option<Pin<Box<Sleep>>>,
}

impl Leftover {
    fn new(body: ReqBody) -> Self {
        Self { body, left: LINGER_BYTES, time: None }
    }

    fn is_done(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Ready when the client has sent all, or so much or for so long that it will not listen.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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

/// An answer of our own, with the kind of error that salvo wants.
struct Said {
    body: AnswerBody,
    leftover: Leftover,
}

impl Body for Said {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(frame) => Poll::Ready(Some(frame.map_err(Into::into))),
            None => self.leftover.poll(cx).map(|()| None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.leftover.is_done()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn forward(gate: &Gate, mut order: Order, body: ReqBody, response: &mut Response) {
    let mut upload = Upload::new(std::mem::take(&mut order.head), body, order.coding);
    let retained = if order.repeatable { upload.pending.clone() } else { Vec::new() };
    let mut idle = order.upstream.idle(order.repeatable);
    let answered = loop {
        let reused = idle.is_some();
        let link = match idle.take() {
            Some(link) => Ok(link),
            None => order.upstream.connect().await,
        };
        let outcome = match link {
            Ok(link) => exchange(gate, link, &mut upload, &order).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            // The upstream closed the idle connection just then; nothing of the request was acted upon.
            Err(Failure::Closed(_)) if reused && order.repeatable => {
                upload = Upload::new(retained.clone(), ReqBody::None, order.coding);
            }
            outcome => break outcome,
        }
    };
    match answered {
        Ok(answered) => {
            gate.upstream_answered(&order.upstream);
            response.status_code(salvo::http::StatusCode::from_u16(answered.status).unwrap_or_default());
            *response.headers_mut() = answered.headers;
            let mut rest = answered.rest;
            if rest.decoder.is_done() && upload.done {
                put_back(&mut rest.link, rest.persistence, &order.upstream);
            }
            let download = Download { answered: rest, upload, upstream: order.upstream };
            response.body(ResBody::Boxed(Box::pin(download)));
        }
        Err(failure) => say(response, gate.upstream_failed(&order, &failure), upload.leftover.body),
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
    gate: &Gate,
    mut link: Link,
    upload: &mut Upload,
    order: &Order,
) -> Result<Answered, Failure> {
    let limit = gate.limits().answer;
    let mut uploading = true;
    let head = poll_fn(|cx| {
        if uploading && upload.poll(cx, &mut link).is_ready() {
            uploading = false;
        }
        loop {
            if let Some(answered) = read_answer(&mut link, order)? {
                return Poll::Ready(Ok(answered));
            }
            match ready!(link.input.poll_read(cx, &mut link.wire)) {
                Ok(0) => return Poll::Ready(Err(Failure::Closed(io::ErrorKind::UnexpectedEof.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(Failure::Closed(error))),
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
            let passes = kind.passes_to_client() || kind == Field::ContentLength;
            if passes
                && !answer.listed.has(field.name.as_bytes())
                && let (Ok(name), Ok(value)) =
                    (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value))
            {
                headers.append(name, value);
            }
        }
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
}

impl Upload {
    fn new(head: Vec<u8>, body: ReqBody, coding: Coding) -> Self {
        let read_all = body.is_end_stream();
        Self { leftover: Leftover::new(body), coding, pending: head, written: 0, read_all, done: false }
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
                None => {
                    self.coding.finish(&mut self.pending);
                    self.read_all = true;
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        self.coding.push(&data, &mut self.pending);
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
}

impl Body for Download {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Self { answered: Rest { link: slot, decoder, persistence }, upload, upstream } = &mut *self;
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
                // Nobody may ask again after the last byte, so the connection goes back now.
                if decoder.is_done() && upload.done {
                    put_back(slot, *persistence, upstream);
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            if decoder.is_done() {
                if upload.done {
                    put_back(slot, *persistence, upstream);
                }
                *slot = None;
                return upload.leftover.poll(cx).map(|()| None);
            }
            match ready!(link.input.poll_read(cx, &mut link.wire)) {
                Ok(0) if decoder.may_end_here() => {
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

fn put_back(slot: &mut Option<Link>, persistence: Persistence, upstream: &Upstream) {
    if let Some(link) = slot.take() {
        upstream.keep(link, persistence);
    }
}
