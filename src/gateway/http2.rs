//! HTTP/2 clients: salvo serves their connections, this handler brings each request to the same gate.

mod download;
mod exchange;
mod leftover;
mod upload;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::http::HeaderValue;
use hyper::http::header::STRICT_TRANSPORT_SECURITY;
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
use tokio_rustls::TlsStream;

use exchange::send_on;
use leftover::Leftover;

use super::body::Decoder;
use super::field::Field;
use super::gate::{Gate, Peer, Plan};
use super::http1::{self, Head, Malformed, Version};
use super::reply::AnswerBody;
use super::signin::{Form, LARGEST_FORM};
use super::trail::Trail;
use super::watch::Presence;
use crate::record::event::Tls;

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
    // A body that stands still; salvo has no limit for it by itself.
    let fuse = FuseConfig::default().with_request_body_timeout(gate.limits().body);
    let mut server = Server::new(Reception { queue, holdings: Vec::new(), fuse });
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
    fuse: FuseConfig,
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
        // Nothing else of ours gets to the handler: where a port would be, the version of TLS.
        let version = peer.tls.map_or(0, |tls| tls as u16);
        let remote_addr = std::net::SocketAddr::new(peer.address, version).into();
        let local_addr = stream.get_ref().0.local_addr().map_or(salvo::conn::SocketAddr::Unknown, Into::into);
        Ok(Accepted {
            coupler: TcpCoupler::new(),
            stream: Guest { stream, _presence: presence },
            fuse_config: Some(self.fuse),
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
        let remote = request.remote_addr();
        let address = remote.ip().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
        let tls = remote.port().and_then(|version| Tls::ALL.get(usize::from(version)).copied());
        let mut peer = Peer::new(address, tls.or(Some(Tls::V1_3)));
        let body = request.take_body();
        let mut proof = None;
        loop {
            match plan(&mut gate, request, &body, &mut peer, proof.take()) {
                Plan::Form { form, .. } => break take_form(&gate, &form, body, &mut peer, response).await,
                Plan::Prove(claim) => proof = Some(gate.prove(claim).await),
                Plan::Answer { response: answer, sending } => {
                    break say(response, answer, body, &mut peer, sending.bodyless);
                }
                Plan::Folder { wanted, sending } => {
                    break say(response, gate.file(wanted).await, body, &mut peer, sending.bodyless);
                }
                Plan::Forward(order) => break send_on(&gate, order, body, &mut peer, response).await,
            }
        }
        if let Some(Ok(hsts)) = gate.hsts(&peer).map(HeaderValue::from_str) {
            response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, hsts);
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
        return gate.refuse_head(Malformed::TooLarge, peer);
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
        return gate.refuse_head(Malformed::Syntax("the request names no host, or two"), peer);
    };
    fields.push(httparse::Header { name: "host", value: host });
    // One more than are looked at, and nobody would see the host.
    if fields.len() > http1::FIELDS {
        return gate.refuse_head(Malformed::TooLarge, peer);
    }
    let target = request.uri().path_and_query().map_or("*", |target| target.as_str());
    let mut head = match Head::assemble(request.method().as_str(), target, Version::Http2, &fields) {
        Ok(head) => head,
        Err(malformed) => return gate.refuse_head(malformed, peer),
    };
    if head.first(Field::ContentLength).is_none() && !body.is_end_stream() {
        head.body = Decoder::chunked();
    }
    gate.judge(&head, 0, peer, proof)
}

/// Reads a form that is sent to us, and answers it.
async fn take_form(gate: &Gate, form: &Form, mut body: ReqBody, peer: &mut Peer, response: &mut Response) {
    let mut bytes = Vec::new();
    let reading = async {
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let Ok(data) = frame.map_err(drop)?.into_data() else { continue };
            bytes.extend_from_slice(&data);
            if bytes.len() > LARGEST_FORM {
                return Ok(());
            }
        }
        // To hyper a reset without an error is an end like any other.
        if body.is_end_stream() { Ok(()) } else { Err(()) }
    };
    let read = tokio::time::timeout(gate.limits().body, reading).await;
    let answer = match read {
        Ok(Ok(())) if bytes.len() > LARGEST_FORM => form.too_large(),
        Ok(Ok(())) => form.answer(gate, &bytes, peer.trail()).await,
        Ok(Err(())) | Err(_) => form.too_slow(),
    };
    if let Some(trail) = peer.trail() {
        trail.carried(bytes.len() as u64, 0);
    }
    say(response, answer, body, peer, false);
}

/// Answers with `answer`, of which a client that asked with HEAD gets no body.
fn say(
    response: &mut Response,
    answer: hyper::Response<AnswerBody>,
    unread: ReqBody,
    peer: &mut Peer,
    is_bodyless: bool,
) {
    let (parts, body) = answer.into_parts();
    let mut trail = peer.trail.take();
    if let Some(trail) = &mut trail {
        trail.answered(parts.status.as_u16());
        if is_bodyless || body.is_end_stream() {
            trail.is_whole();
        }
    }
    response.status_code(parts.status);
    *response.headers_mut() = parts.headers;
    response.body(ResBody::Boxed(Box::pin(Said { body, leftover: Leftover::new(unread), trail })));
}

/// What salvo wants the errors of bodies to be.
type Gone = Box<dyn std::error::Error + Send + Sync>;

/// An answer of our own.
struct Said {
    body: AnswerBody,
    leftover: Leftover,
    trail: Option<Box<Trail>>,
}

impl Body for Said {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let is_last = frame.is_none() || self.body.is_end_stream();
        if let Some(trail) = &mut self.trail {
            if let Some(Ok(frame)) = &frame {
                trail.carried(0, frame.data_ref().map_or(0, Bytes::len) as u64);
            }
            if is_last && !matches!(frame, Some(Err(_))) {
                trail.is_whole();
            }
        }
        match frame {
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
