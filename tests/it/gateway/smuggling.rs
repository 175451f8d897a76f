//! Bytes that two programs may read in two ways. Each is followed by a request of its own, the marker; it may reach
//! the application only where nobody can take it for a part of what stands before.

use std::sync::{Arc, Mutex};

use crate::it::harness::Innkeeper;
use crate::it::harness::app::{App, latin1};
use crate::it::harness::client::{Client, End};

const MARKER: &str = "GET /marker HTTP/1.1\r\nHost: a\r\n\r\n";

/// An application that keeps of each whole request `METHOD target body`.
struct Witness {
    app: App,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Witness {
    fn new() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&seen);
        let app = App::start(move |talk| {
            while let Some(request) = talk.request() {
                let line = request.head.split(" HTTP/1.1\r\n").next().unwrap();
                to.lock().unwrap().push(format!("{line} {}", latin1(&request.body)));
                let body = if line.starts_with("HEAD") { "" } else { "ok" };
                talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}"));
            }
        });
        Self { app, seen }
    }

    /// What came since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// Everything that is refused from its head: the bytes before the marker, and the status.
#[expect(clippy::too_many_lines, reason = "a table")]
fn refused() -> Vec<(String, u16)> {
    let mut all = Vec::new();
    let post = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
    for fields in [
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Content-Length: 0\r\ntransfer-encoding: CHUNKED",
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length: 0\r\nContent-Length: 33",
        "Content-Length: 33\r\ncontent-length: 0",
        "Content-Length: 0, 0",
        "Content-Length: 0,33",
        "Content-Length: +0",
        "Content-Length: -0",
        "Content-Length: -1",
        "Content-Length: 0x0",
        "Content-Length: 0 0",
        "Content-Length: 0;",
        "Content-Length: 0.0",
        "Content-Length: 1e1",
        "Content-Length: a",
        "Content-Length:",
        "Content-Length: \t ",
        "Content-Length: \"0\"",
        "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999",
        "Content-Length: \u{b2}",
        "Content-Length: 0\x0b",
        "Content-Length\x00: 0",
        "Content-Length : 0",
        "Content-Length\t: 0",
        " Content-Length: 0",
        "Content-Length: 0\r\n folded",
        "Content-Length:\r\n 0",
        "X: a\r\n\tb",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t:chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\ntransfer-encoding: x",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: chunked\x00",
        "Transfer-Encoding: chunked\rX: y",
        "X: a\rTransfer-Encoding: chunked",
        "X: a\nTransfer-Encoding: chunked",
        "X: a\n\rTransfer-Encoding: chunked",
        "X: \x00",
        "X: \x7f",
        "X: \x1b[2J",
        "X",
        ": x",
        "X Y: z",
        "X[]: z",
        "X\u{e9}: z",
        "Host: a",
        "host: b",
    ] {
        all.push((post(fields), 400));
    }
    for coding in [
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ", chunked",
        "chunked;q=1",
        "\"chunked\"",
        "xchunked",
        "chunkedx",
        "chunk ed",
        "chunked\u{a0}",
        "",
    ] {
        all.push((post(&format!("Transfer-Encoding: {coding}")), 501));
    }
    all.push((post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"), 501));
    all.push((post("Expect: 200-ok"), 417));
    all.push((post(&"X: y\r\n".repeat(101)), 431));
    for (head, status) in [
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("GET / HTTP/1.1\rHost: a\r\r", 400),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        ("GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 505),
        ("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET\r\n\r\n", 400),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("G\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/11.1\r\nHost: a\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ] {
        all.push((head.to_owned(), status));
    }
    all
}

#[test]
fn ambiguous_heads_go_no_further() {
    let witness = Witness::new();
    let server = Innkeeper::before(&witness.app.url);
    for (head, status) in refused() {
        let bytes: Vec<u8> = head.chars().map(|letter| letter as u8).collect();
        let mut client = Client::of(&server);
        client.send([&bytes, MARKER.as_bytes()].concat());
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("connection")), (status, Some("close")), "{head:?}");
        assert_eq!(client.end(), End::Closed(String::new()), "{head:?}");

        // The same, one byte at a time and alone: it must not be taken for the beginning of something else.
        let mut client = Client::of(&server);
        for byte in &bytes {
            client.try_send([*byte]);
        }
        client.try_send(MARKER);
        assert_eq!(client.answer().status, status, "{head:?}");
    }
    server.stop();
    assert_eq!(witness.app.ended().len(), 0);
}

#[test]
fn broken_chunks_end_the_connection() {
    let witness = Witness::new();
    let server = Innkeeper::before(&witness.app.url);
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(9000));
    let trailers = format!("0\r\n{}\r\n", "X: y\r\n".repeat(3000));
    for body in [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\t5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";x\r\n\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloXX\r\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5;x\ny\r\nhello\r\n0\r\n\r\n",
        "5;\x00\r\nhello\r\n0\r\n\r\n",
        "0\n\n",
        "0\r\n\n",
        "0\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: y\r\r\n",
        "0\r\n\rX",
        "10000000000000000\r\nhello",
        "fffffffffffffffff\r\nhello",
        &long,
        &trailers,
    ] {
        let mut client = Client::of(&server);
        client.try_send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}{MARKER}"
        ));
        match client.end() {
            End::Closed(got) | End::Reset(got) => {
                assert!(got.is_empty() || got.starts_with("HTTP/1.1 400 "), "{body:?}: {got}");
                assert!(got.matches("HTTP/1.1 ").count() <= 1, "{body:?}: {got}");
            }
        }
        assert_eq!(witness.take(), [""; 0], "{body:?}");
    }
    server.stop();
    for connection in witness.app.ended() {
        assert!(!connection.text().contains("marker"), "{connection:?}");
        assert_eq!(connection.text().matches("HTTP/1.1").count(), 1, "{connection:?}");
    }
}

#[test]
fn what_can_be_read_in_one_way_only_is_served() {
    let witness = Witness::new();
    let server = Innkeeper::before(&witness.app.url);
    let length = MARKER.len();
    let inside = format!("POST / {MARKER}");
    // The bytes; what the application gets; whether the marker behind them is answered.
    let cases: Vec<(String, Vec<&str>, bool)> = vec![
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /".into(), vec!["GET / GET /"], true),
        (
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{MARKER}"),
            vec![&inside],
            true,
        ),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:X}\r\n{MARKER}\r\n0\r\n\r\n"
            ),
            vec![&inside],
            true,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b;c\"\r\nhello\r\n000\r\nContent-Length: 9\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
                .into(),
            vec!["POST / hello"],
            true,
        ),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".into(), vec!["HEAD / hello"], true),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(), vec!["GET / "], true),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".into(), vec!["POST / "], true),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n".into(), vec!["POST / "], true),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 99\r\n\r\n".into(), vec!["POST / "], true),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n".into(), vec!["POST / "], true),
        ("POST / HTTP/1.1\r\nHost: a\r\nX: Transfer-Encoding: chunked\r\n\r\n".into(), vec!["POST / "], true),
        ("POST / HTTP/1.1\r\nHost: a\r\nX-Content-Length: 99\r\n\r\n".into(), vec!["POST / "], true),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
                .into(),
            vec!["POST / a"],
            true,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello".into(),
            vec!["POST / hello"],
            true,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:0000000000005  \r\n\r\nhello".into(), vec!["POST / hello"], true),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \tchunked \r\n\r\n0\r\n\r\n".into(), vec!["GET / "], true),
        (
            "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello".into(),
            vec!["POST / hello"],
            true,
        ),
        ("POST / HTTP/1.0\r\n\r\n".into(), vec!["POST / "], false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".into(), vec!["GET / "], false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, CLOSE\r\n\r\n".into(), vec!["GET / "], false),
        ("GET http://A/x?y HTTP/1.1\r\nHost: a\r\n\r\n".into(), vec!["GET /x?y "], true),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
                .into(),
            vec!["GET / "],
            true,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\n\r\n".into(),
            vec!["GET / "],
            true,
        ),
    ];
    for (bytes, expected, marker_served) in cases {
        // At once, and a byte at a time.
        for step in [usize::MAX, 1] {
            let mut client = Client::of(&server);
            let all = format!("{bytes}{MARKER}");
            all.as_bytes().chunks(step.min(all.len())).for_each(|piece| client.try_send(piece));
            let answer = if bytes.starts_with("HEAD") { client.answer_to_head() } else { client.answer() };
            assert_eq!(answer.status, 200, "{bytes:?}");
            let mut expected = expected.clone();
            if marker_served {
                assert_eq!(client.answer().status, 200, "{bytes:?}");
                expected.push("GET /marker ");
                client.hang_up();
            }
            assert_eq!(client.end(), End::Closed(String::new()), "{bytes:?}");
            assert_eq!(witness.take(), expected, "{bytes:?}");
        }
    }
}
