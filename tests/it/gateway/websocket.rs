//! Tunnels: opened only by the application's 101, transparent from then on, closed in order.

use crate::it::harness::Innkeeper;
use crate::it::harness::app::{App, latin1};
use crate::it::harness::client::{Client, End};

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: app.test\r\nOrigin: http://app.test\r\nConnection: keep-alive, Upgrade\r\n\
                   Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// What the application gets of it.
const ASKED: &str = "GET /ws HTTP/1.1\r\nHost: app.test\r\nOrigin: http://app.test\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
                     X-Forwarded-Proto: http\r\nX-Forwarded-Host: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// What the client gets of it.
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An application that agrees and says everything back, in upper case.
fn echo() -> App {
    App::start(|talk| {
        if talk.head().is_none() {
            return;
        }
        talk.say(format!("{SWITCH}hello"));
        while let Some(byte) = talk.bytes(1) {
            talk.say(byte.to_ascii_uppercase());
        }
        talk.say("bye");
    })
}

#[test]
fn bytes_pass_both_ways() {
    let app = echo();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    client.send(ASK);
    assert_eq!(client.head(), SWITCHED);
    assert_eq!(latin1(&client.bytes(5)), "hello");
    let every: Vec<u8> = (0..=255).collect();
    for _ in 0..3 {
        client.send(&every);
        assert_eq!(client.bytes(256), every.to_ascii_uppercase());
    }
    // One side may say its last word before the other does.
    client.send("GET / HTTP/1.1\r\n\r\n");
    client.hang_up();
    assert_eq!(client.end(), End::Closed("GET / HTTP/1.1\r\n\r\nBYE".replace("BYE", "bye")));
    let used = app.wait("the end", |used| used[0].ended);
    assert_eq!(used.len(), 1);
    assert!(used[0].text().starts_with(ASKED), "{:?}", used[0]);
    assert!(used[0].text().ends_with("\u{fe}\u{ff}GET / HTTP/1.1\r\n\r\n"), "{:?}", used[0]);
}

#[test]
fn what_follows_the_handshake_at_once_is_not_lost() {
    let app = echo();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    let long = "x".repeat(100_000);
    client.send(format!("{ASK}early{long}"));
    assert_eq!(client.head(), SWITCHED);
    assert_eq!(latin1(&client.bytes(5 + 5)), "helloEARLY");
    assert_eq!(latin1(&client.bytes(100_000)), long.to_ascii_uppercase());
}

#[test]
fn the_application_may_be_the_first_to_close() {
    let app = App::start(|talk| {
        if talk.head().is_some() {
            talk.say(format!("{SWITCH}last"));
            talk.hang_up();
            // It still hears what the client has to say.
            talk.listen();
        }
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    client.send(ASK);
    assert_eq!(client.end(), End::Closed(format!("{SWITCHED}last")));
    client.send("goodbye");
    client.hang_up();
    app.wait("the farewell", |used| used[0].ended && used[0].text().ends_with("goodbye"));
}

#[test]
fn without_101_there_is_no_tunnel() {
    let app = App::start(|talk| {
        while let Some(request) = talk.request() {
            assert!(!request.target().contains("admin") || request.head.contains("X-Forwarded-Proto"));
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
        }
    });
    let top = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\n\
               basicAuthUser: {username: ann, password: hunter2}\n";
    let server = Innkeeper::start(top, &format!("upstream: {}", app.url));
    let right = "Authorization: Basic YW5uOmh1bnRlcjI=\r\n\r\n";
    let mut client = Client::of(&server);
    // What stands behind the handshake is a request like any other: judged, and here without a password.
    client
        .send(format!("{}{right}GET /admin HTTP/1.1\r\nHost: a\r\n\r\n", ASK.strip_suffix("\r\n").unwrap()));
    assert_eq!(client.answer().text(), "no");
    assert_eq!(client.answer().status, 401);
    // And without one the handshake itself goes no further.
    client.send(ASK);
    assert_eq!(client.answer().status, 401);
    server.stop();
    assert_eq!(app.ended().iter().map(|one| one.requests).sum::<usize>(), 1);
}

#[test]
fn only_websockets_are_upgraded() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    let asks = [
        ASK.replace("WebSocket\r", "h2c\r"),
        ASK.replace("WebSocket\r", "websocket, h2c\r"),
        ASK.replace("WebSocket\r", "h2c, websocket\r"),
        ASK.replace("WebSocket\r", "websocket/13\r"),
        ASK.replace("WebSocket\r", "TLS/1.0\r"),
        ASK.replace("keep-alive, Upgrade", "keep-alive"),
        ASK.replace("Sec-WebSocket-Key", "Sec-WebSocket-Kay"),
        ASK.replace("GET", "POST"),
        ASK.replace("Origin: http://app.test", "Content-Length: 0000"),
    ];
    let websockets = 1;
    for ask in &asks {
        client.send(ask);
        assert_eq!(client.answer().text(), "ok", "{ask}");
    }
    let got = app.got(asks.len()).to_lowercase();
    // A length of 0 is no body, and so the last one is a handshake.
    assert_eq!(got.matches("upgrade").count(), 2 * websockets, "{got}");
}

#[test]
fn a_tunnel_is_closed_in_order_when_the_server_stops() {
    for signal in ["TERM", "INT"] {
        let app = echo();
        let server = Innkeeper::before(&app.url);
        let mut client = Client::of(&server);
        client.send(ASK);
        assert_eq!(client.head(), SWITCHED);
        client.send("x");
        assert_eq!(latin1(&client.bytes(6)), "helloX");
        server.signal(signal);
        assert!(matches!(client.end(), End::Closed(_)));
        assert_eq!(server.ended().status.code(), Some(0));
        app.wait("the end", |used| used[0].ended);
    }
}
