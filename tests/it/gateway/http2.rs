//! HTTP/2 over TLS, and HTTP/1.1 over TLS: the same gate, reached another way.

use std::fmt::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::it::harness::app::{App, latin1};
use crate::it::harness::client::Client;
use crate::it::harness::{Innkeeper, PATIENCE};

const OURS: &str = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: app.test\r\n";

/// A server with a certificate of its own, and what its clients need.
pub struct Secure {
    pub server: Innkeeper,
    certificate: CertificateDer<'static>,
    runtime: Runtime,
}

/// One connection over HTTP/2.
pub type Sender = SendRequest<Full<Bytes>>;

impl Secure {
    pub fn start(top: &str, own: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(["app.test".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let top = format!("ssl: {{enabled: true, certPath: tls/cert.pem, keyPath: tls/key.pem}}\n{top}");
        let files = [("tls/cert.pem", certificate.as_bytes()), ("tls/key.pem", key.as_bytes())];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self {
            server: Innkeeper::start_with(&top, own, &files),
            certificate: made.cert.der().clone(),
            runtime,
        }
    }

    fn before(app: &App) -> Self {
        Self::start("", &format!("upstream: {}", app.url))
    }

    /// Waits for `work`, not for ever.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.expect("an end") })
    }

    /// Shakes hands over TLS, offering `protocol`.
    pub fn connect(&self, source: &str, protocol: &str) -> TlsStream<tokio::net::TcpStream> {
        self.connect_in(source, protocol, rustls::ALL_VERSIONS)
    }

    /// The same, in one of these versions of TLS.
    pub fn connect_in(
        &self,
        source: &str,
        protocol: &str,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> TlsStream<tokio::net::TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = rustls::ClientConfig::builder_with_protocol_versions(versions);
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let stream: TcpStream = Client::from(source, &self.server).stream;
        stream.set_nonblocking(true).unwrap();
        self.wait(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let name = ServerName::try_from("app.test").unwrap();
            let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
            stream
        })
    }

    /// Connects over HTTP/2.
    pub fn http2(&self, source: &str) -> Sender {
        let stream = self.connect(source, "h2");
        self.wait(async {
            let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender
        })
    }

    /// Sends a request over a connection of its own; the answer's body comes piece by piece.
    pub fn open(&self, source: &str, request: Request<Full<Bytes>>) -> Incoming {
        let mut sender = self.http2(source);
        self.wait(async {
            sender.ready().await.unwrap();
            sender.send_request(request).await.unwrap().into_body()
        })
    }

    /// Sends a request over a connection of its own and reads its answer as far as it goes.
    pub fn ask_once(&self, source: &str, request: Request<Full<Bytes>>) {
        let mut sender = self.http2(source);
        self.wait(async {
            sender.ready().await.unwrap();
            // Whether it was cut off is looked at elsewhere.
            if let Ok(answer) = sender.send_request(request).await {
                let _ = read(answer.into_body()).await;
            }
        });
    }

    /// The next piece of a body; `None`: it was cut off.
    pub fn next(&self, body: &mut Incoming) -> Option<String> {
        self.wait(async {
            let frame = body.frame().await.expect("no end in order");
            frame.ok().map(|frame| latin1(&frame.into_data().unwrap()))
        })
    }

    /// Sends a request until `arrived`; its answer is waited for later.
    pub fn ask_later(
        &self,
        sender: &mut Sender,
        request: Request<Full<Bytes>>,
        arrived: impl Fn() -> bool,
    ) -> JoinHandle<u16> {
        self.wait(sender.ready()).unwrap();
        let answer = sender.send_request(request);
        let asked = self.runtime.spawn(async { answer.await.unwrap().status().as_u16() });
        self.wait(async {
            while !arrived() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        asked
    }

    /// The status of the answer to a request that was sent.
    pub fn status(&self, asked: JoinHandle<u16>) -> u16 {
        self.wait(asked).unwrap()
    }

    /// Sends a request and reads the whole answer.
    pub fn ask(&self, sender: &mut Sender, request: Request<Full<Bytes>>) -> (Response<()>, String) {
        self.wait(async {
            sender.ready().await.unwrap();
            let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
            (Response::from_parts(parts, ()), latin1(&read(body).await.unwrap()))
        })
    }
}

async fn read(body: Incoming) -> Result<Bytes, hyper::Error> {
    body.collect().await.map(http_body_util::Collected::to_bytes)
}

pub fn request(
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(format!("https://app.test{target}"));
    let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::new(body.into())).unwrap()
}

fn get(target: &str) -> Request<Full<Bytes>> {
    request("GET", target, &[], "")
}

#[test]
fn requests_pass_as_they_do_over_http_1() {
    let app = App::fine();
    let secure = Secure::before(&app);
    let mut sender = secure.http2("127.0.0.1");
    let mut expected = String::new();
    for target in
        ["/", "/a%2Fb", "//", "/./..", "/100%25", "/caf%E9", "/?", "/a?b=c&&d", "/%zz", "/a;b", "/%00"]
    {
        let (head, body) = secure.ask(&mut sender, get(target));
        assert_eq!((head.status().as_u16(), body.as_str()), (200, "ok"), "{target}");
        write!(expected, "GET {target} HTTP/1.1\r\nHost: app.test\r\n{OURS}\r\n").unwrap();
    }
    assert_eq!(app.got(11), expected);
    for method in ["HEAD", "OPTIONS", "DELETE", "PROPFIND"] {
        // The body of the answer to a `HEAD` is the fault of this application.
        let (head, _) = secure.ask(&mut sender, request(method, "/x", &[], ""));
        assert_eq!(head.status(), 200, "{method}");
    }
    for method in ["TRACE", "CONNECT"] {
        let (head, _) =
            secure.ask(&mut sender, request(method, if method == "CONNECT" { ":443" } else { "/" }, &[], ""));
        assert_eq!(head.status(), 405, "{method}");
    }
}

#[test]
fn fields_pass_without_those_that_assert_or_steer() {
    let app = App::fine();
    let secure = Secure::start(
        "enableForwardedWhitelist: false",
        &format!("upstream: {}\nforwardClientIp: true", app.url),
    );
    let mut sender = secure.http2("127.0.0.1");
    let fields = [
        ("x-a", "1"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("remote-user", "root"),
        ("x-real-ip", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("cookie", "c=d"),
        ("cookie", "e"),
    ];
    assert_eq!(secure.ask(&mut sender, request("GET", "/", &fields, "")).1, "ok");
    assert_eq!(
        app.got(1),
        format!(
            "GET / HTTP/1.1\r\nHost: app.test\r\nx-a: 1\r\ncookie: a=b; c=d; e\r\nX-Forwarded-For: 127.0.0.1\r\n{OURS}\r\n"
        )
    );
}

#[test]
fn bodies_pass_both_ways() {
    let app = App::start(|talk| {
        while let Some(request) = talk.request() {
            let length = request.body.len();
            let framing = if request.target() == "/chunked" {
                talk.say(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n"));
                "\r\n0\r\nX: y\r\n\r\n"
            } else {
                talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
                ""
            };
            talk.say(&request.body);
            talk.say(framing);
        }
    });
    let secure = Secure::before(&app);
    let mut sender = secure.http2("127.0.0.1");
    let body: Vec<u8> = (0..3_000_001_u32).map(|at| (at % 251) as u8).collect();
    for target in ["/length", "/chunked"] {
        let (head, back) = secure.ask(&mut sender, request("POST", target, &[], body.clone()));
        assert_eq!(head.status(), 200);
        assert!(back == latin1(&body), "{target}");
    }
    assert_eq!(secure.ask(&mut sender, request("POST", "/", &[], "")).1, "");
    assert_eq!(app.wait("all", |used| used[0].requests == 3).len(), 1, "one connection serves them all");
}

#[test]
fn answers_are_the_application_s_own() {
    let app = App::start(|talk| {
        while let Some(request) = talk.request() {
            talk.say(match request.target() {
                "/empty-404" => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                "/500" => "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\nX-b: 1\r\nX-b: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\nno",
                "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/304" => "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
                "/hints" => "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
            });
        }
    });
    let secure = Secure::before(&app);
    let mut sender = secure.http2("127.0.0.1");
    for (method, target, status, text) in [
        ("GET", "/empty-404", 404, ""),
        ("GET", "/500", 500, "no"),
        ("GET", "/204", 204, ""),
        ("GET", "/304", 304, ""),
        ("GET", "/hints", 200, "ok"),
        ("HEAD", "/length", 200, ""),
    ] {
        let (head, body) = secure.ask(&mut sender, request(method, target, &[], ""));
        assert_eq!((head.status().as_u16(), body.as_str()), (status, text), "{target}");
        assert!(!head.headers().contains_key("x-hop") && !head.headers().contains_key("connection"));
        match target {
            "/500" => assert_eq!(head.headers().get_all("x-b").iter().count(), 2),
            "/length" => assert_eq!(head.headers()["content-length"], "5000"),
            _ => {}
        }
    }
}

#[test]
fn strangers_and_the_nameless_go_no_further() {
    let app = App::fine();
    let top = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\n\
               basicAuthUser: {username: ann, password: hunter2}\n";
    let secure = Secure::start(top, &format!("upstream: {}", app.url));
    let right = [("authorization", "Basic YW5uOmh1bnRlcjI=")];
    let mut stranger = secure.http2("127.0.0.5");
    for fields in [&[][..], &right] {
        for method in ["GET", "POST", "OPTIONS"] {
            let (head, body) = secure.ask(&mut stranger, request(method, "/", fields, vec![b'x'; 1000]));
            assert_eq!(head.status(), 403);
            assert!(body.contains("127.0.0.5"), "{body}");
        }
    }
    let mut sender = secure.http2("127.0.0.1");
    assert_eq!(secure.ask(&mut sender, get("/")).0.status(), 401);
    assert_eq!(secure.ask(&mut sender, request("GET", "/", &right, "")).0.status(), 200);
    assert_eq!(secure.ask(&mut sender, get("/")).0.status(), 401);
    assert_eq!(app.got(1), format!("GET / HTTP/1.1\r\nHost: app.test\r\n{OURS}\r\n"));
}

#[test]
fn two_names_for_one_host_are_refused() {
    let app = App::fine();
    let secure = Secure::before(&app);
    let mut sender = secure.http2("127.0.0.1");
    assert_eq!(secure.ask(&mut sender, request("GET", "/", &[("host", "other.test")], "")).0.status(), 400);
    assert_eq!(secure.ask(&mut sender, request("GET", "/", &[("host", "APP.test")], "")).0.status(), 200);
    let user = Request::get("https://user@app.test/").body(Full::default()).unwrap();
    assert_eq!(secure.ask(&mut sender, user).0.status(), 400);
    assert_eq!(app.got(1).matches("GET /").count(), 1);
}

#[test]
fn a_body_of_another_length_than_announced_does_not_pass_for_whole() {
    let app = App::start(|talk| {
        while talk.request().is_some() && talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {}
    });
    let secure = Secure::before(&app);
    for length in ["10", "2"] {
        let mut sender = secure.http2("127.0.0.1");
        let outcome =
            secure.wait(sender.send_request(request("POST", "/", &[("content-length", length)], "hello")));
        assert!(outcome.is_err(), "{length}: {outcome:?}");
    }
    // With its runtime the client is gone; otherwise it would be waited for, as it cannot say goodbye.
    drop(secure.runtime);
    secure.server.stop();
    for connection in app.ended() {
        assert_eq!(connection.requests, 0, "{connection:?}");
        // Not even a part of what is more than was announced.
        assert!(!connection.text().contains("Content-Length: 2\r\n\r\nh"), "{connection:?}");
    }
}

#[test]
fn events_and_ends_arrive_as_they_happen() {
    let (confirmed, wait) = channel();
    let wait = Mutex::new(wait);
    let app = App::start(move |talk| {
        if let Some(request) = talk.request() {
            if request.target() == "/cut" {
                talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
                return;
            }
            talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for number in 0..3 {
                talk.say(format!("6\r\nevent{number}\r\n"));
                if wait.lock().unwrap().recv_timeout(PATIENCE) != Ok(number) {
                    return;
                }
            }
            // The client leaves in the middle.
            talk.listen();
        }
    });
    let secure = Secure::before(&app);
    let mut sender = secure.http2("127.0.0.1");
    let mut body = secure.wait(sender.send_request(get("/events"))).unwrap().into_body();
    for number in 0..3 {
        let frame = secure.wait(body.frame()).unwrap().unwrap().into_data().unwrap();
        assert_eq!(latin1(&frame), format!("event{number}"));
        confirmed.send(number).unwrap();
    }
    drop(body);
    // The client's runtime has to run for its reset to be sent.
    secure.wait(async { sender.ready().await.unwrap() });
    let cut = secure.wait(async {
        tokio::task::yield_now().await;
        match sender.send_request(get("/cut")).await {
            Ok(answer) => read(answer.into_body()).await,
            Err(error) => Err(error),
        }
    });
    assert!(cut.is_err(), "what is cut off must not look whole");
    app.wait("the end", |used| used.len() == 2 && used.iter().all(|one| one.ended));
}

#[test]
fn a_request_that_is_given_up_ends_at_the_application() {
    let app = App::start(|talk| {
        if talk.request().is_some() {
            talk.listen();
        }
    });
    let secure = Secure::before(&app);
    let mut sender = secure.http2("127.0.0.1");
    for (number, ask) in [get("/"), request("POST", "/", &[], "hello")].into_iter().enumerate() {
        let asked = secure.runtime.spawn(sender.send_request(ask));
        secure.wait(async {
            while !app.now(|used| used.get(number).is_some_and(|one| one.requests == 1)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        asked.abort();
        // Its end is seen at the application, while the client's runtime runs beside.
        secure.wait(async {
            let seen = || app.now(|used| used.len() == number + 1 && used.iter().all(|one| one.ended));
            while !seen() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
}

#[test]
fn the_stop_waits_for_streams_and_not_for_the_idle() {
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let app = App::start(move |talk| {
        if talk.request().is_some() {
            released.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let secure = Secure::before(&app);
    let mut idle = secure.http2("127.0.0.1");
    secure.wait(idle.ready()).unwrap();
    let mut busy = secure.http2("127.0.0.1");
    let asked = busy.send_request(get("/"));
    let answer = secure.runtime.spawn(asked);
    secure.wait(async {
        while !app.now(|used| used.len() == 1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    secure.server.signal("TERM");
    secure.server.says("stopping: ");
    release.send(()).unwrap();
    let text = secure.wait(async { read(answer.await.unwrap().unwrap().into_body()).await.unwrap() });
    assert_eq!(latin1(&text), "ok");
    // Both connections end, and with them the server, though neither client closes.
    secure.wait(async {
        while !(idle.is_closed() && busy.is_closed()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert_eq!(secure.server.ended().status.code(), Some(0));
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields in the plainest coding of HPACK: each a literal without index.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let bytes: Vec<u8> = text.chars().map(|letter| letter as u8).collect();
        [&[u8::try_from(bytes.len()).unwrap()][..], &bytes].concat()
    };
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

#[test]
fn what_cannot_be_told_in_http_1_is_refused() {
    let app = App::fine();
    let secure = Secure::before(&app);
    let plain = [(":method", "GET"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")];
    let with = |field| [&plain[..], &[field]].concat();
    let but = |name: &str, value: &'static str| {
        plain.map(|field| if field.0 == name { (field.0, value) } else { field }).to_vec()
    };
    let cases = vec![
        with(("x", "a\r\nX-Evil: b")),
        with(("x", "a\nb")),
        with(("x", "a\0b")),
        with(("x\r\ny", "a")),
        with(("x: y", "a")),
        with(("x y", "a")),
        with(("X-Upper", "a")),
        with(("", "a")),
        with(("transfer-encoding", "chunked")),
        with(("connection", "close")),
        with(("upgrade", "websocket")),
        with(("keep-alive", "1")),
        with(("proxy-connection", "close")),
        with(("te", "gzip")),
        with(("content-length", "5")),
        with(("content-length", "+0")),
        [&plain[..], &[("content-length", "0"), ("content-length", "1")]].concat(),
        with(("host", "other.test")),
        [&plain[..], &[("host", "app.test"), ("host", "other.test")]].concat(),
        with((":authority", "other.test")),
        with((":path", "/two")),
        with((":method", "POST")),
        with((":status", "200")),
        with((":evil", "x")),
        [&[("x", "a")], &plain[..]].concat(),
        but(":path", ""),
        but(":path", "a"),
        but(":path", "/ HTTP/1.1\r\nX: y"),
        but(":path", "/a b"),
        but(":path", "/a\tb"),
        but(":path", "http://other.test/"),
        but(":path", "*"),
        but(":method", "GET / HTTP/1.1\r\n"),
        but(":method", ""),
        but(":authority", ""),
        but(":authority", "a b"),
        but(":authority", "a/b"),
        but(":authority", "user@app.test"),
        but(":authority", "app.test, b"),
        plain[..3].to_vec(),
        vec![plain[0], plain[1], plain[3]],
        vec![plain[1], plain[2], plain[3]],
    ];
    for fields in &cases {
        let mut stream = secure.connect("127.0.0.1", "h2");
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, &[]));
        // A whole request: END_STREAM and END_HEADERS.
        bytes.extend(frame(1, 5, 1, &block(fields)));
        secure.wait(async {
            stream.write_all(&bytes).await.unwrap();
            loop {
                let mut head = [0; 9];
                if stream.read_exact(&mut head).await.is_err() {
                    return;
                }
                let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
                let mut payload = vec![0; length];
                if stream.read_exact(&mut payload).await.is_err() {
                    return;
                }
                // An answer, a reset of the stream, or the end of the connection.
                if matches!(head[3], 1 | 3 | 7) {
                    return;
                }
            }
        });
    }
    secure.server.stop();
    let seen = app.ended();
    assert_eq!(seen.len(), 0, "{seen:#?}");
}

/// The start of a connection, and on stream 1 the head of a request, with these flags besides `END_HEADERS`.
pub fn opening(flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes.extend(frame(1, 4 | flags, 1, &block(fields)));
    bytes
}

/// That nothing follows.
const END_STREAM: u8 = 1;

/// `RST_STREAM` of stream 1, for this reason.
fn reset(reason: u8) -> Vec<u8> {
    frame(3, 0, 1, &[0, 0, 0, reason])
}

/// `NO_ERROR`, which hyper takes for the end of a body.
const NO_ERROR: u8 = 0;

/// `CANCEL`, as a browser sends it when its user leaves.
const CANCEL: u8 = 8;

#[test]
fn an_upload_that_is_cancelled_does_not_pass_for_whole() {
    let app = App::fine();
    let secure = Secure::before(&app);
    let head = [(":method", "POST"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")];
    for (number, reason) in [CANCEL, NO_ERROR].into_iter().enumerate() {
        let mut stream = secure.connect("127.0.0.1", "h2");
        secure.wait(async {
            stream.write_all(&opening(0, &head)).await.unwrap();
            stream.write_all(&frame(0, 0, 1, b"half")).await.unwrap();
            while !app.now(|used| used.get(number).is_some_and(|one| one.text().ends_with("half\r\n"))) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stream.write_all(&reset(reason)).await.unwrap();
            while !app.now(|used| used[number].ended || used[number].requests > 0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    // With its runtime the client is gone.
    drop(secure.runtime);
    secure.server.stop();
    for connection in app.ended() {
        assert_eq!(connection.requests, 0, "{connection:?}");
    }
}

#[test]
fn an_upload_may_take_longer_than_the_answer() {
    let app = App::fine();
    let secure = Secure::start("", &format!("upstream: {}\nlimits: {{headerTimeout: 2s}}", app.url));
    let head = [(":method", "POST"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")];
    let mut stream = secure.connect("127.0.0.1", "h2");
    secure.wait(async {
        stream.write_all(&opening(0, &head)).await.unwrap();
        for _ in 0..3 {
            // No less than the limit in all, and no pause as long as it.
            tokio::time::sleep(Duration::from_millis(700)).await;
            stream.write_all(&frame(0, 0, 1, b"part")).await.unwrap();
        }
        stream.write_all(&frame(0, END_STREAM, 1, b"end")).await.unwrap();
    });
    app.wait("all of it, or the end", |used| used[0].requests == 1 || used[0].ended);
    drop(stream);
    secure.server.stop();
    assert_eq!(app.ended()[0].requests, 1);
}

#[test]
fn an_upload_that_stands_still_holds_nothing() {
    let app = App::fine();
    let secure = Secure::start("", &format!("upstream: {}\nlimits: {{bodyTimeout: 300ms}}", app.url));
    let head = [(":method", "POST"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")];
    let mut stream = secure.connect("127.0.0.1", "h2");
    secure.wait(async {
        stream.write_all(&opening(0, &head)).await.unwrap();
        stream.write_all(&frame(0, 0, 1, b"half")).await.unwrap();
    });
    app.wait("the end", |used| used.iter().any(|one| one.ended && one.text().ends_with("half\r\n")));
    drop(stream);
    secure.server.stop();
    assert_eq!(app.ended()[0].requests, 0);
}

/// The application must not take a body for whole of which a part came too late, and answers before it has it.
#[test]
fn an_upload_that_goes_on_too_late_does_not_pass_for_whole() {
    let app = App::start(|talk| {
        talk.head();
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
        talk.listen();
    });
    let secure = Secure::start("", &format!("upstream: {}\nlimits: {{bodyTimeout: 300ms}}", app.url));
    let head = [(":method", "POST"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")];
    let mut stream = secure.connect("127.0.0.1", "h2");
    secure.wait(async {
        stream.write_all(&opening(0, &head)).await.unwrap();
        stream.write_all(&frame(0, 0, 1, b"half")).await.unwrap();
        // Much longer than the limit; it may be sooner that all is over.
        tokio::time::sleep(Duration::from_millis(900)).await;
        for (flags, part) in [(0, "late"), (END_STREAM, "last")] {
            let _ = stream.write_all(&frame(0, flags, 1, part.as_bytes())).await;
        }
    });
    let used =
        app.wait("the end", |used| used.iter().any(|one| one.ended || one.text().ends_with("0\r\n\r\n")));
    assert!(used[0].text().ends_with("half\r\n"), "{used:?}");
}

#[test]
fn so_many_fields_hide_no_host() {
    let secure = Secure::start("hostWhitelist: {enabled: true}", "");
    let mut sender = secure.http2("127.0.0.1");
    for (count, status) in [(99, 403), (100, 431)] {
        let asked = Request::get("https://other.test/");
        let asked = (0..count).fold(asked, |asked, number| asked.header(format!("x-{number}"), "1"));
        let (head, _) = secure.ask(&mut sender, asked.body(Full::default()).unwrap());
        assert_eq!(head.status(), status, "{count}");
    }
}

#[test]
fn a_client_that_takes_no_answers_is_sent_away_over_tls_too() {
    let secure = Secure::start("", "limits: {bodyTimeout: 300ms, maxConnections: 1}");
    let mut deaf = secure.connect("127.0.0.1", "http/1.1");
    let requests = b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n".repeat(20_000);
    secure.wait(async {
        // The server may well stop reading before it has them all.
        let _ = tokio::time::timeout(Duration::from_secs(2), deaf.write_all(&requests)).await;
    });
    // There is room for one, so this waits for the end of the first.
    secure.connect("127.0.0.1", "http/1.1");
}

#[test]
fn http_1_passes_over_tls_too() {
    let app = App::fine();
    let secure = Secure::start("", &format!("upstream: {}\nrequireHttps: true", app.url));
    let mut stream = secure.connect("127.0.0.1", "http/1.1");
    let text = secure.wait(async {
        stream
            .write_all(b"GET /a%2Fb HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        // Without a proper end of TLS this is an error.
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    assert_eq!(text, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    assert_eq!(app.got(1), format!("GET /a%2Fb HTTP/1.1\r\nHost: app.test\r\n{OURS}\r\n"));
}
