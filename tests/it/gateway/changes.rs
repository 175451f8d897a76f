//! Settings that change while the server runs.

use crate::it::gateway::http2::{Secure, request};
use crate::it::harness::app::{App, Connection, latin1};
use crate::it::harness::client::{Client, End};
use crate::it::harness::{Innkeeper, settings};

const OPEN_WITH_PASSWORD: &str = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelistMode: false\n\
                                  basicAuthMode: true\nbasicAuthUser: {username: ann, password: hunter2}\n";

/// A server that asks for a password, and what stands under `innkeeper:` in its settings.
fn locked() -> (App, Innkeeper, String) {
    let app = App::fine();
    let own = format!("upstream: {}", app.url);
    let server = Innkeeper::start(OPEN_WITH_PASSWORD, &own);
    assert_eq!(Client::of(&server).get("/").status, 401);
    (app, server, own)
}

#[test]
fn the_password_stays_as_long_as_others_can_connect() {
    let (_app, server, own) = locked();
    server
        .write("config.yaml", &settings(&OPEN_WITH_PASSWORD.replace("listen: true", "listen: false"), &own));
    server.says("the settings were read again");
    assert_eq!(Client::of(&server).get("/").status, 401);
    server.complains("`listen` was changed, which counts from the next start on");
}

#[test]
fn settings_that_no_server_would_start_with_are_not_taken() {
    let (_app, server, own) = locked();
    // As a file is when only its first half was written.
    let half = OPEN_WITH_PASSWORD.split("basicAuthMode").next().unwrap();
    server.write("config.yaml", &settings(half, &own));
    server.complains("the settings cannot be read; the last good ones stay in force");
    assert_eq!(Client::of(&server).get("/").status, 401);
    server.complains("nothing protects the app");
}

#[test]
fn a_file_that_is_gone_or_broken_changes_nothing() {
    let (_app, server, own) = locked();
    server.write("config.yaml", "listen: [true");
    server.complains("the settings cannot be read; the last good ones stay in force");
    assert_eq!(Client::of(&server).get("/").status, 401);
    server.remove("config.yaml");
    server.complains("config.yaml");
    assert_eq!(Client::of(&server).get("/").status, 401);
    server.write("config.yaml", &settings(&OPEN_WITH_PASSWORD.replace("hunter2", "other"), &own));
    server.says("the settings were read again");
    let mut client = Client::of(&server);
    client.send("GET / HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic YW5uOmh1bnRlcjI=\r\n\r\n");
    assert_eq!(client.answer().status, 401, "the password of before");
}

/// An application that opens every WebSocket and streams without an end, and says `more` when it hears anything.
fn endless() -> App {
    App::start(|talk| {
        let Some(head) = talk.head() else { return };
        if head.contains("Upgrade: websocket") {
            talk.say(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nfirst",
            );
        } else if !head.starts_with("GET /silent ") {
            talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        }
        while talk.bytes(1).is_some() {
            talk.say("more");
        }
    })
}

/// The kinds of request that go on, and how the first of what they get ends.
const LASTING: [(&str, &str); 3] = [
    (
        "GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
        "first",
    ),
    ("GET /events HTTP/1.1\r\nHost: app.test\r\n", "first\r\n"),
    ("GET /silent HTTP/1.1\r\nHost: app.test\r\n", ""),
];

/// Clients in the middle of something, from `source`, with `fields`; `count` requests have come before theirs.
fn lasting(server: &Innkeeper, app: &App, source: &str, fields: &str, count: usize) -> Vec<Client> {
    let clients = LASTING.map(|(head, end)| {
        let mut client = Client::from(source, server);
        client.send(format!("{head}{fields}\r\n"));
        if !end.is_empty() {
            client.until(end).unwrap();
        }
        client
    });
    app.wait("all of them", |used| {
        used.iter().filter(|one| one.text().contains("\r\n\r\n")).count() == count + LASTING.len()
    });
    clients.into()
}

/// None of them gets another byte, but for the one that has no byte yet: it gets an answer of ours, with this status.
/// The application learns that they have gone.
fn are_gone(mut clients: Vec<Client>, status: u16) {
    let silent = clients.last_mut().unwrap();
    let answer = silent.answer();
    assert_eq!((answer.status, answer.field("connection")), (status, Some("close")));
    for mut client in clients {
        let end = client.end();
        assert!(matches!(&end, End::Closed(rest) | End::Reset(rest) if rest.is_empty()), "{end:?}");
    }
}

/// They go on as if nothing had happened.
fn are_here(clients: &mut [Client]) {
    let websocket = &mut clients[0];
    websocket.send("x");
    assert_eq!(latin1(&websocket.bytes(4)), "more");
}

#[test]
fn whoever_is_taken_off_the_list_goes_at_once_and_the_others_stay() {
    let app = endless();
    let own = format!("upstream: {}", app.url);
    let top = |list: &str| format!("whitelist: [{list}]\n");
    let server = Innkeeper::start(&top("127.0.0.1, 127.0.0.2, 127.0.0.3"), &own);
    let mut stays = lasting(&server, &app, "127.0.0.1", "", 0);
    let goes = lasting(&server, &app, "127.0.0.2", "", 3);
    // Who came through somebody is judged by both.
    let forwarded = lasting(&server, &app, "127.0.0.1", "X-Forwarded-For: 127.0.0.3\r\n", 6);
    server.write("config.yaml", &settings(&top("127.0.0.1, 127.0.0.3, 127.0.0.4"), &own));
    are_gone(goes, 403);
    server.write("config.yaml", &settings(&top("127.0.0.1"), &own));
    are_gone(forwarded, 403);
    are_here(&mut stays);
    app.wait("their end", |used| used.iter().filter(|one| one.ended).count() == 6);
}

#[test]
fn whose_password_is_changed_goes_at_once_however_they_came_in() {
    let app = endless();
    let own = format!("upstream: {}", app.url);
    let server = Innkeeper::start(OPEN_WITH_PASSWORD, &own);
    let mut client = Client::of(&server);
    let body = "username=ann&password=hunter2";
    client.send(format!(
        "POST /.innkeeper/signin HTTP/1.1\r\nHost: app.test\r\nOrigin: http://app.test\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    let answer = client.answer();
    let (cookie, _) = answer.field("set-cookie").unwrap().split_once(';').unwrap();
    let mut session = lasting(&server, &app, "127.0.0.1", &format!("Cookie: {cookie}\r\n"), 0);
    let mut basic = lasting(&server, &app, "127.0.0.1", "Authorization: Basic YW5uOmh1bnRlcjI=\r\n", 3);
    // Something else changes.
    server.write("config.yaml", &settings(&format!("{OPEN_WITH_PASSWORD}dataRoot: ./x\n"), &own));
    server.says("the settings were read again");
    are_here(&mut session);
    are_here(&mut basic);
    server.write("config.yaml", &settings(&OPEN_WITH_PASSWORD.replace("hunter2", "other"), &own));
    are_gone(session, 401);
    are_gone(basic, 401);
}

#[test]
fn a_password_that_is_newly_asked_for_is_asked_of_everybody() {
    let app = endless();
    let own = format!("upstream: {}", app.url);
    let open = OPEN_WITH_PASSWORD.replace("basicAuthMode: true", "securityOverride: true");
    let server = Innkeeper::start(&open, &own);
    let clients = lasting(&server, &app, "127.0.0.1", "", 0);
    server.write("config.yaml", &settings(OPEN_WITH_PASSWORD, &own));
    are_gone(clients, 401);
}

#[test]
fn an_http_2_stream_goes_as_well() {
    let app = endless();
    let own = format!("upstream: {}", app.url);
    let secure = Secure::start("whitelist: [127.0.0.1, 127.0.0.2]", &own);
    let mut stream = secure.open("127.0.0.2", request("GET", "/events", &[], ""));
    assert_eq!(secure.next(&mut stream).as_deref(), Some("first"));
    let mut other = secure.open("127.0.0.1", request("GET", "/events", &[], ""));
    assert_eq!(secure.next(&mut other).as_deref(), Some("first"));
    // One that has no answer yet gets one of ours.
    let mut sender = secure.http2("127.0.0.2");
    let all = |used: &[Connection]| used.iter().filter(|one| one.text().contains("\r\n\r\n")).count() == 3;
    let asked = secure.ask_later(&mut sender, request("GET", "/silent", &[], ""), || app.now(all));
    let top = "ssl: {enabled: true, certPath: tls/cert.pem, keyPath: tls/key.pem}\nwhitelist: [127.0.0.1]";
    secure.server.write("config.yaml", &settings(top, &own));
    assert_eq!(secure.next(&mut stream), None, "cut off");
    assert_eq!(secure.status(asked), 403);
    app.wait("their end", |used| used.iter().filter(|one| one.ended).count() == 2);
}
