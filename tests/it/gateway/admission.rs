//! Who comes in: every refusal is silent towards the application, judged from the head alone and on every request.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};

use crate::it::harness::app::{App, Connection};
use crate::it::harness::client::{Client, End};
use crate::it::harness::folder::Folder;
use crate::it::harness::{Innkeeper, settings};

/// Settings that ask for ann's password; the hash is argon2id of `hunter2`.
fn password(more: &str) -> String {
    format!(
        "listen: true\nlistenAddress: {{ipv4: 127.0.0.1}}\nbasicAuthMode: true\n\
         basicAuthUser: {{username: ann, password: hunter2}}\n{more}\n"
    )
}

const RIGHT: &str = "Authorization: Basic YW5uOmh1bnRlcjI=\r\n";
const WRONG: &str = "Authorization: Basic YW5uOndyb25n\r\n";
const NOBODY: &str = "Authorization: Basic Ym9iOmh1bnRlcjI=\r\n";

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n")
}

#[test]
fn a_stranger_gets_a_page_in_the_form_of_their_choice_and_nothing_else() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    for (accept, form, start) in [
        (
            "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n",
            "text/html; charset=utf-8",
            "<!doctype html>",
        ),
        ("Accept: application/json\r\n", "application/json", "{"),
        ("Accept: */*\r\n", "text/plain; charset=utf-8", "You are not on the list yet"),
        ("", "text/plain; charset=utf-8", "You are not on the list yet"),
    ] {
        let mut client = Client::from("127.0.0.5", &server);
        client.send(get(accept));
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("content-type")), (403, Some(form)));
        assert!(answer.text().starts_with(start), "{}", answer.text());
        assert!(answer.text().contains("127.0.0.5"), "{}", answer.text());
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.field(name), Some(value));
        }
        assert!(answer.field("content-security-policy").unwrap().contains("default-src 'none'"));
        assert_eq!(answer.field("server"), None);
        assert_eq!(answer.field("www-authenticate"), None);
        // One who only asks keeps the connection, and is refused again on it.
        client.send(get(accept));
        assert_eq!(client.answer().status, 403);
    }
    server.complains("Forbidden: Connection attempt from 127.0.0.5. 127.0.0.5 is not in the whitelist");
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn no_method_no_upgrade_and_no_body_gets_a_stranger_further() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let fields = [
        "",
        RIGHT,
        "X-Forwarded-For: 127.0.0.1\r\n",
        "X-Real-IP: 127.0.0.1\r\n",
        "Forwarded: for=127.0.0.1\r\n",
        "CF-Connecting-IP: 127.0.0.1\r\n",
        "X-Forwarded-For: 127.0.0.1, 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\n",
        "Host_: x\r\nX-Original-URL: /\r\n",
    ];
    for method in
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X"]
    {
        for fields in fields {
            let mut client = Client::from("127.0.0.5", &server);
            client.send(format!("{method} / HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n"));
            let answer = if method == "HEAD" { client.answer_to_head() } else { client.answer() };
            assert_eq!(answer.status, 403, "{method} {fields}");
        }
    }
    for request in [
        "CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: app.test\r\n\r\n".to_owned(),
        "GET http://app.test/ HTTP/1.1\r\nHost: app.test\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        get(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13\r\n",
        ),
    ] {
        let mut client = Client::from("127.0.0.5", &server);
        client.send(&request);
        assert_eq!(client.answer().status, 403, "{request}");
    }
    for framing in ["Content-Length: 10000000000", "Transfer-Encoding: chunked"] {
        let mut client = Client::from("127.0.0.5", &server);
        // The answer comes though not one byte of the body does.
        client.send(format!("POST / HTTP/1.1\r\nHost: app.test\r\n{framing}\r\n\r\n"));
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("connection")), (403, Some("close")));
        assert_eq!(client.end(), End::Closed(String::new()));
    }
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

/// A head but for the time it was written at, which the second of two may well tell otherwise.
fn undated(head: &str) -> Vec<&str> {
    head.split("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

#[test]
fn a_stranger_learns_nothing_about_hosts_or_passwords() {
    let app = App::fine();
    let own = format!("upstream: {}\npublicPaths: [/public]", app.url);
    let top = password("hostWhitelist: {enabled: true, hosts: [app.test]}");
    let server = Innkeeper::start(&top, &own);
    let mut client = Client::from("127.0.0.5", &server);
    client.send(get(""));
    let plain = client.answer();
    assert_eq!(plain.status, 403);
    for request in [
        get(RIGHT),
        get(WRONG),
        get("").replace("app.test", "other.test"),
        get("").replace("GET /", "GET /public"),
    ] {
        client.send(&request);
        let answer = client.answer();
        assert_eq!((answer.status, &answer.body), (403, &plain.body), "{request}");
        assert_eq!(undated(&answer.head), undated(&plain.head), "{request}");
    }
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn passwords_are_asked_for_and_believed() {
    let app = App::fine();
    let own = format!("upstream: {}\npublicPaths: [/public]", app.url);
    let server = Innkeeper::start(&password("rateLimiting: {basicAuthMaxAttempts: 0}"), &own);
    let mut client = Client::of(&server);
    let mut bodies = Vec::new();
    for fields in [
        "",
        WRONG,
        NOBODY,
        "Authorization: Basic\r\n",
        "Authorization: Basic !!!\r\n",
        "Authorization: Bearer YW5uOmh1bnRlcjI=\r\n",
        "Authorization: Digest username=\"ann\"\r\n",
        "Proxy-Authorization: Basic YW5uOmh1bnRlcjI=\r\n",
        "Authorization : x\r\n",
    ] {
        client.send(get(fields));
        let answer = client.answer();
        if fields.contains(" :") {
            assert_eq!(answer.status, 400);
            client = Client::of(&server);
            continue;
        }
        assert_eq!(answer.status, 401, "{fields}");
        assert_eq!(answer.field("www-authenticate"), Some("Basic realm=\"Innkeeper\", charset=\"UTF-8\""));
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one page for every failure");
    // The first of two counts, whatever the second is.
    client.send(get(&format!("{WRONG}{RIGHT}")));
    assert_eq!(client.answer().status, 401);
    for path in ["/public?x", "/public"] {
        client.send(get("").replace("GET /", &format!("GET {path}")));
        assert_eq!(client.answer().status, 200, "{path}");
    }
    for path in [
        "/public/",
        "/Public",
        "/%70ublic",
        "//public",
        "/./public",
        "/public;x",
        "/public/../x",
        "/public%3f",
    ] {
        client.send(get("").replace("GET /", &format!("GET {path}")));
        assert_eq!(client.answer().status, 401, "{path}");
    }
    client.send(get("").replace("GET /", "POST /public"));
    assert_eq!(client.answer().status, 401);
    for fields in [RIGHT, "authorization: basic YW5uOmh1bnRlcjI\r\n"] {
        client.send(get(fields));
        assert_eq!(client.answer().text(), "ok", "{fields}");
    }
    assert_eq!(app.got(4).matches("HTTP/1.1\r\n").count(), 4);
    server.complains("Basic auth failed: Wrong user name or password from 127.0.0.1 GET /");
    let ended = server.stop();
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("hunter2"));
}

#[test]
fn a_hashed_password_is_proven_once() {
    let salt = SaltString::from_b64("c29tZXNhbHRzb21lc2FsdA").unwrap();
    let hash = Argon2::default().hash_password(b"hunter2", &salt).unwrap().to_string();
    let top = password("").replace("hunter2", &format!("'{hash}'"));
    let app = App::fine();
    let server = Innkeeper::start(&top, &format!("upstream: {}", app.url));
    let mut client = Client::of(&server);
    client.send(get(WRONG));
    assert_eq!(client.answer().status, 401);
    for _ in 0..50 {
        client.send(get(RIGHT));
        assert_eq!(client.answer().text(), "ok");
    }
    // Requests that wait for a proof are still answered in order, their bodies where they belong.
    let mut client = Client::of(&server);
    let post = |fields| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: 5\r\n\r\nhello");
    client.send(format!("{}{}{}", get(WRONG), post(RIGHT), get(NOBODY)));
    let statuses: Vec<u16> = (0..3).map(|_| client.answer().status).collect();
    assert_eq!(statuses, [401, 200, 401]);
    assert_eq!(app.got(51).matches("\r\n\r\nhello").count(), 1);
}

#[test]
fn too_many_wrong_passwords_have_to_wait() {
    let app = App::fine();
    let server = Innkeeper::start(
        &password("rateLimiting: {basicAuthMaxAttempts: 3}\nwhitelistMode: false"),
        &format!("upstream: {}", app.url),
    );
    let mut client = Client::of(&server);
    for _ in 0..3 {
        client.send(get(WRONG));
        assert_eq!(client.answer().status, 401);
    }
    for fields in [WRONG, WRONG, RIGHT, NOBODY] {
        // Another connection, and another address that it claims, are the same client.
        client = Client::of(&server);
        client.send(get(&format!("{fields}X-Forwarded-For: 9.9.9.9\r\n")));
        let answer = client.answer();
        assert_eq!(answer.status, 429, "{fields}");
        let seconds: u64 = answer.field("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    // Without a guess there is nothing to wait for, and others are not concerned.
    client.send(get(""));
    assert_eq!(client.answer().status, 401);
    let mut other = Client::from("127.0.0.6", &server);
    other.send(get(RIGHT));
    assert_eq!(other.answer().status, 200);
    server.stop();
    assert_eq!(app.ended().iter().map(|one| one.requests).sum::<usize>(), 1);
}

#[test]
fn one_of_the_two_is_enough_where_the_settings_say_so() {
    let app = App::fine();
    let server = Innkeeper::start(&password(""), &format!("upstream: {}\nsatisfy: any", app.url));
    for (source, fields, status) in [
        ("127.0.0.1", "", 200),
        ("127.0.0.1", WRONG, 200),
        ("127.0.0.5", "", 401),
        ("127.0.0.5", WRONG, 401),
        ("127.0.0.5", RIGHT, 200),
        ("127.0.0.1", "X-Forwarded-For: 9.9.9.9\r\n", 401),
        // What a client can choose is no address of its own, listed or not.
        ("127.0.0.1", "X-Forwarded-For: 127.0.0.1\r\n", 401),
        ("127.0.0.1", "X-Real-IP: 127.0.0.1\r\n", 401),
        ("127.0.0.5", "X-Forwarded-For: 127.0.0.1\r\n", 401),
    ] {
        let mut client = Client::from(source, &server);
        client.send(get(fields));
        assert_eq!(client.answer().status, status, "{source} {fields}");
    }
}

#[test]
fn an_address_of_the_proxy_itself_is_no_password() {
    let app = App::fine();
    // By name, which the start gate cannot compare.
    let own = format!("upstream: {}\nsatisfy: any\ntrustedProxies: [localhost]", app.url);
    let top = password("whitelist: [127.0.0.1, 192.0.2.7]\nenableForwardedWhitelist: false");
    let server = Innkeeper::start(&top, &own);
    for (source, fields, status) in [
        ("127.0.0.1", "", 401),
        ("127.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n", 200),
        ("127.0.0.1", "X-Forwarded-For: 192.0.2.8\r\n", 401),
        ("127.0.0.1", "X-Forwarded-For: 127.0.0.1\r\n", 401),
        ("127.0.0.5", "X-Forwarded-For: 192.0.2.7\r\n", 401),
    ] {
        let mut client = Client::from(source, &server);
        client.send(get(fields));
        assert_eq!(client.answer().status, status, "{source} {fields}");
    }
    for (list, proxies, entry, proxy) in [
        ("[127.0.0.1]", "[127.0.0.1]", "127.0.0.1", "127.0.0.1"),
        ("['10.0.0.5', '127.*']", "[127.0.0.1]", "127.*", "127.0.0.1"),
        ("['10.0.0.5']", "[192.0.2.1, 10.0.0.0/8]", "10.0.0.5", "10.0.0.0/8"),
    ] {
        let top = password(&format!("whitelist: {list}"));
        let text = settings(&top, &format!("satisfy: any\ntrustedProxies: {proxies}"));
        let told = Folder::with(&[("config.yaml", &text)]).told(&["serve"], &[]);
        let expected = format!("`{entry}` in the whitelist covers the trusted proxy `{proxy}`");
        assert!(told.contains(&expected) && told.ends_with("exit 2\n\n"), "{told}");
    }
}

#[test]
fn a_trusted_proxy_is_believed_and_nobody_else() {
    let app = App::fine();
    let top = "whitelist: [127.0.0.1, 192.0.2.7]";
    let own = format!("upstream: {}\ntrustedProxies: [127.0.0.2]\nforwardClientIp: true", app.url);
    let server = Innkeeper::start(top, &own);
    for (source, fields, status) in [
        ("127.0.0.2", "X-Forwarded-For: 192.0.2.7\r\n", 200),
        ("127.0.0.2", "X-Forwarded-For: 192.0.2.8\r\n", 403),
        ("127.0.0.2", "X-Forwarded-For: 192.0.2.7, 192.0.2.8\r\n", 403),
        ("127.0.0.2", "X-Forwarded-For: 192.0.2.8, 192.0.2.7\r\n", 200),
        ("127.0.0.2", "X-Forwarded-For: 192.0.2.8\r\nX-Forwarded-For: 192.0.2.7\r\n", 200),
        ("127.0.0.2", "X-Forwarded-For: nonsense\r\n", 403),
        ("127.0.0.2", "", 403),
        ("127.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n", 200),
        ("127.0.0.1", "X-Forwarded-For: 192.0.2.8\r\n", 403),
        ("127.0.0.1", "X-Forwarded-For: unknown\r\n", 403),
        ("127.0.0.1", "X-Forwarded-For: fe80::1%eth0\r\n", 403),
        ("127.0.0.1", "X-Forwarded-For: ::ffff:192.0.2.7\r\n", 200),
        ("127.0.0.3", "X-Forwarded-For: 192.0.2.7\r\n", 403),
    ] {
        // On one connection, where each request has its own verdict.
        let mut client = Client::from(source, &server);
        for _ in 0..2 {
            client.send(get(fields));
            assert_eq!(client.answer().status, status, "{source} {fields}");
        }
    }
    server.stop();
    let got: String = app.ended().iter().map(Connection::text).collect();
    // The application is told of the client that was let in: behind the proxy the one that it named, else the peer.
    assert_eq!(got.matches("X-Forwarded-For: 192.0.2.7\r\n").count(), 6, "{got}");
    assert_eq!(got.matches("X-Forwarded-For: 127.0.0.1\r\n").count(), 4, "{got}");
    assert_eq!(got.matches("X-Forwarded-For: ").count(), 10, "{got}");
}

#[test]
fn every_request_of_a_connection_is_judged() {
    let app = App::fine();
    let server = Innkeeper::start(
        &password("rateLimiting: {basicAuthMaxAttempts: 0}"),
        &format!("upstream: {}", app.url),
    );
    let mut client = Client::of(&server);
    for _ in 0..3 {
        for (fields, status) in
            [(RIGHT, 200), ("", 401), (WRONG, 401), (RIGHT, 200), ("X-Real-IP: 9.9.9.9\r\n", 403)]
        {
            client.send(get(fields));
            assert_eq!(client.answer().status, status, "{fields}");
        }
    }
    // Pipelined as well, with bodies that nobody reads between them.
    let body = get(RIGHT);
    let post = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    client.send(format!("{}{post}{}{}", get(RIGHT), get(""), get(RIGHT)));
    let statuses: Vec<u16> = (0..4).map(|_| client.answer().status).collect();
    assert_eq!(statuses, [200, 401, 401, 200]);
    server.stop();
    assert_eq!(app.ended().iter().map(|one| one.requests).sum::<usize>(), 8);
}

#[test]
fn methods_that_no_gate_can_pass_on_are_refused() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    for request in [
        "CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        client.send(request);
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("allow").is_some()), (405, true), "{request}");
    }
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert!(app.got(1).starts_with("OPTIONS * HTTP/1.1\r\nHost: a\r\n"));
}

/// Texts that are no host, or that no two programs read alike.
const MALFORMED: [&str; 44] = [
    "",
    " ",
    ".",
    "..",
    ".a",
    "a..b",
    "a b",
    "a\tb",
    "a,b",
    "a, a",
    "a/b",
    "a/",
    "/",
    "a?b",
    "a#b",
    "a@b",
    "user:pw@a",
    "@",
    "a\\b",
    "a%20b",
    "a%2eb",
    "<a>",
    "a\"b",
    "a'b",
    "a;b",
    "a&b",
    "a*b",
    "*",
    "a:b",
    "a:-1",
    "a:+80",
    "a:65536",
    "a:99999999999",
    "a:80:80",
    "a:80/",
    "a: 80",
    "::1",
    "[::1",
    "[::1]evil",
    "[::1]:x",
    "[a]",
    "[127.0.0.1]",
    "[]",
    "caf\u{e9}.test",
];

#[test]
fn a_malformed_host_is_refused_by_every_setting() {
    let app = App::fine();
    for enabled in [false, true] {
        let top = format!("hostWhitelist: {{enabled: {enabled}, hosts: [a, b, .test]}}");
        let server = Innkeeper::start(&top, &format!("upstream: {}", app.url));
        for host in MALFORMED {
            for line in [format!("Host: {host}"), format!("host:{host} ")] {
                let mut client = Client::of(&server);
                client.send(format!("GET / HTTP/1.1\r\n{line}\r\n\r\n"));
                assert_eq!(client.answer().status, 400, "{line:?}");
                assert_eq!(client.end(), End::Closed(String::new()), "{line:?}");
            }
            let mut client = Client::of(&server);
            client.send(format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n"));
            assert_eq!(client.answer().status, 400, "{host:?}");
        }
        server.stop();
    }
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn unknown_hosts_are_let_in_told_about_or_refused() {
    let known = [
        "localhost",
        "x.localhost:1",
        "127.0.0.1",
        "[::1]:8000",
        "0.0.0.0",
        "app.test",
        "APP.test.:80",
        "a.sub.test",
    ];
    let unknown = ["evil.test", "app.test.evil", "sub.test.evil:8000", "xapp.test", "localhost.evil"];
    for (check, status, told) in [
        (
            "{enabled: true, hosts: [app.test, .sub.test]}",
            403,
            "Forbidden: Connection attempt from 127.0.0.1. It asked for a host",
        ),
        ("{enabled: false, hosts: [app.test, .sub.test]}", 200, "Request from untrusted host: evil.test"),
        ("{enabled: false, scan: false}", 200, ""),
    ] {
        let app = App::fine();
        let server = Innkeeper::start(&format!("hostWhitelist: {check}"), &format!("upstream: {}", app.url));
        let mut client = Client::of(&server);
        for (hosts, status) in [(&known[..], 200), (&unknown[..], status)] {
            for host in hosts {
                client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
                assert_eq!(client.answer().status, status, "{host}");
            }
        }
        // Nobody can be misled who names no host at all.
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(client.answer().status, 200);
        server.complains(told);
        let said = server.stop().stderr;
        if told.is_empty() {
            assert_eq!(said, "");
        }
    }
}

#[test]
fn plain_http_is_refused_where_https_is_required() {
    let app = App::fine();
    let server = Innkeeper::start("", &format!("upstream: {}\nrequireHttps: true", app.url));
    let answer = Client::of(&server).get("/x");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("https://app.test/x"), "{}", answer.text());
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn what_a_stranger_writes_steers_no_terminal_and_no_page() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::from("127.0.0.5", &server);
    client.send(
        b"GET /<script>alert(1)</script> HTTP/1.1\r\nHost: a\r\nUser-Agent: \x9b31m\xe2\x80\xae<b>\r\nAccept: text/html\r\n\
          X-Forwarded-For: <img src=x>\r\n\r\n",
    );
    let answer = client.answer();
    assert_eq!(answer.status, 403);
    assert!(!answer.text().contains("<img") && !answer.text().contains("<script>alert"), "{}", answer.text());
    server.complains("Forbidden: ");
    let said = server.stop().stderr;
    assert!(said.is_ascii() && !said.contains('\x1b'), "{said}");
}
