//! Plain http on a port of https, https on a port of http, and proxies that say which of the two their client used.

use std::fmt::Write;
use std::time::SystemTime;

use innkeeper::cert::authority::{Authority, Name, Names};

use crate::it::gateway::http2::{Secure, request};
use crate::it::harness::app::App;
use crate::it::harness::client::{Answer, Client, End};
use crate::it::harness::tls::{Browser, Made, SSL, ask};
use crate::it::harness::{Innkeeper, folder};

/// A server that knows itself as `app.test`, wants a password, and lets in one address.
fn served(app: &App) -> Innkeeper {
    let top = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelist: [127.0.0.1]\nbasicAuthMode: true\n\
               basicAuthUser: {username: ann, password: hunter2}\nhostWhitelist: {hosts: [desk.test]}";
    Made::of(&["app.test"]).serve(top, &format!("upstream: {}", app.url))
}

/// The answer to a request in clear, after which the connection has to end.
fn answer(server: &Innkeeper, source: &str, request: &str) -> Answer {
    let mut client = Client::from(source, server);
    client.send(request);
    let answer = if request.starts_with("HEAD") { client.answer_to_head() } else { client.answer() };
    assert_eq!(answer.field("connection"), Some("close"), "{request}");
    let end = client.end();
    assert!(matches!(&end, End::Closed(rest) if rest.is_empty()), "{request}: {end:?}");
    answer
}

#[test]
fn whoever_asks_in_clear_is_led_to_https_and_the_application_hears_nothing() {
    let app = App::fine();
    let server = served(&app);
    let mut told = String::new();
    for (line, host) in [
        ("GET / HTTP/1.1", "app.test"),
        ("GET /a%2Fb//c?d=%0d%0aX:+1&e#f HTTP/1.1", "app.test"),
        ("GET /a%2Fb//c;p?d=%0d%0aX:+1&&e=caf%E9 HTTP/1.1", "APP.test:8000"),
        ("HEAD /chat HTTP/1.1", "app.test."),
        ("POST /api?x HTTP/1.1", "desk.test:80"),
        ("PROPFIND /dav HTTP/1.0", "app.test"),
        ("GET / HTTP/1.1", "localhost:8000"),
        ("GET / HTTP/1.1", "192.168.0.7:8000"),
        ("GET / HTTP/1.1", "[fd00::7]:8000"),
        // Nobody's here, as it is behind a router; `no-store` below keeps it between the two.
        ("GET / HTTP/1.1", "203.0.113.66"),
        ("GET /.innkeeper/signin?next=//evil.test HTTP/1.1", "app.test"),
        // None of these names another host: they come behind a host that is ours.
        ("GET //evil.test HTTP/1.1", "app.test"),
        ("GET /\\evil.test HTTP/1.1", "app.test"),
        ("GET /.evil.test HTTP/1.1", "app.test"),
        ("GET /@evil.test HTTP/1.1", "app.test"),
        ("GET /%0d%0aLocation:%20//evil.test HTTP/1.1", "app.test"),
        ("GET http://app.test/x?y HTTP/1.1", "app.test"),
        ("GET https://app.test HTTP/1.1", "app.test"),
        // And these lead nowhere.
        ("GET http://evil.test/ HTTP/1.1", "app.test"),
        ("GET http://app.test@evil.test/ HTTP/1.1", "app.test"),
        ("GET http://app.test?x HTTP/1.1", "app.test"),
        ("GET app.test HTTP/1.1", "app.test"),
        ("GET / HTTP/1.1", "evil.test"),
        ("GET / HTTP/1.1", "app.test.evil.test"),
        ("GET / HTTP/1.1", "evil.test:443"),
        ("GET / HTTP/1.1", "app.test@evil.test"),
        ("GET / HTTP/1.1", "evil.test/app.test"),
        ("GET / HTTP/1.1", "app.test, evil.test"),
        ("GET / HTTP/1.1", ""),
        ("OPTIONS * HTTP/1.1", "app.test"),
        ("CONNECT app.test:443 HTTP/1.1", "app.test"),
    ] {
        let text = format!(
            "{line}\r\nHost: {host}\r\nContent-Length: 2\r\nX-Forwarded-Host: evil.test\r\nForwarded: host=evil.test\r\n\r\nhi"
        );
        let answer = answer(&server, "127.0.0.1", &text);
        assert_eq!(answer.field("set-cookie"), None);
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        let location = answer.field("location");
        writeln!(told, "{line} ({host}): {} {}", answer.status, location.unwrap_or("-")).unwrap();
        let page = answer.field("x-innkeeper").unwrap();
        assert_eq!(location.is_some(), page == "https-required", "{line} ({host}): {page}");
    }
    folder::golden("clear.txt", &told);
    let answer = answer(&server, "127.0.0.1", "GET / HTTP/1.0\r\n\r\n");
    assert_eq!(
        (answer.status, answer.text()),
        (
            400,
            format!(
                "This is https\n\nThe request came in clear to a port that serves encrypted connections only. Nothing \
                 of it was passed on.\n\nOpen instead: https://127.0.0.1:{}/\n",
                server.port
            )
        )
    );
    server.complains("Request from untrusted host: evil.test\n");
    assert_eq!(server.stop().status.code(), Some(0));
    assert!(app.now(|connections| connections.iter().all(|connection| connection.bytes.is_empty())));
}

#[test]
fn in_clear_nobody_learns_whether_a_password_is_right() {
    let app = App::fine();
    let server = served(&app);
    let without_date = |answer: Answer| {
        let lines = answer.head.split("\r\n").filter(|line| !line.starts_with("date: "));
        (lines.collect::<Vec<_>>().join("\n"), answer.body)
    };
    let asked = |fields: &str| {
        let text = format!("GET / HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n");
        without_date(answer(&server, "127.0.0.1", &text))
    };
    let plain = asked("");
    for fields in [
        "Authorization: Basic YW5uOmh1bnRlcjI=\r\n",
        "Authorization: Basic YW5uOndyb25n\r\n",
        "Authorization: nonsense\r\n",
        "Cookie: innkeeper=x; __Host-innkeeper=y\r\n",
        "Origin: http://evil.test\r\nSec-Fetch-Site: cross-site\r\n",
    ] {
        for _ in 0..7 {
            assert_eq!(asked(fields), plain, "{fields}");
        }
    }
    // Nor was any of them counted.
    let mut talk = Browser::trusting().connect(&server, "app.test").unwrap();
    let right = "GET / HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic YW5uOmh1bnRlcjI=\r\nConnection: close\r\n\r\n";
    assert!(ask(&mut talk, right).starts_with("HTTP/1.1 200 OK\r\n"));
    let ended = server.stop();
    assert!(!ended.stderr.contains("Basic auth failed"), "{}", ended.stderr);
    assert_eq!(app.got(1).matches("GET /").count(), 1);
}

#[test]
fn a_refused_address_is_refused_in_clear_as_anywhere() {
    let app = App::fine();
    let server = served(&app);
    for path in ["/", "/.innkeeper/trust", "/.innkeeper/trust/x", "/.innkeeper/signin"] {
        let text = format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n\r\n");
        let refused = answer(&server, "127.0.0.2", &text);
        assert_eq!((refused.status, refused.field("x-innkeeper")), (403, Some("refused")), "{path}");
        assert_eq!(refused.field("location"), None);
    }
    server.complains("Forbidden: Connection attempt from 127.0.0.2. 127.0.0.2 is not in the whitelist");
    // Without a certificate of an authority of ours there is no page about it.
    let text = "GET /.innkeeper/trust HTTP/1.1\r\nHost: app.test\r\n\r\n";
    assert_eq!(
        answer(&server, "127.0.0.1", text).field("location"),
        Some("https://app.test/.innkeeper/trust")
    );
}

#[test]
fn tls_on_a_port_of_http_is_told_to_both_sides() {
    let app = App::fine();
    let server = Innkeeper::start("hostWhitelist: {scan: false}", &format!("upstream: {}", app.url));
    let hello = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), &[7; 506]].concat();
    for _ in 0..3 {
        let mut client = Client::of(&server);
        client.send(&hello);
        assert_eq!(client.end(), End::Closed("\u{15}\u{3}\u{1}\0\u{2}\u{2}F".to_owned()));
    }
    // A browser takes it for what it is.
    let error = Browser::trusting().connect(&server, "app.test").unwrap_err();
    assert_eq!(error.to_string(), "received fatal alert: ProtocolVersion");
    let told = "No connection with 127.0.0.1: the browser used https, this is http\n  To serve https: innkeeper cert \
                create --apply\n";
    server.complains(told);
    assert_eq!(Client::of(&server).get("/").status, 200);
    let ended = server.stop();
    assert_eq!(ended.stderr, told, "once in a minute");
}

#[test]
fn a_browser_that_does_not_trust_is_told_to_the_owner() {
    let made = Made::of(&["app.test"]);
    let server = made.serve("", "");
    for _ in 0..2 {
        assert!(Browser::doubting().connect(&server, "app.test").is_err());
    }
    let distrusted = "No connection with 127.0.0.1: its browser does not trust the certificate\n  To make it trusted: \
                      innkeeper cert trust\n";
    server.complains(distrusted);
    // TLS 1.1, from before anybody signed with SHA-256.
    let hello = [
        b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x02".as_slice(),
        &[7; 32],
        b"\x00\x00\x04\x00\x2f\x00\x35\x01\x00",
    ];
    let mut client = Client::of(&server);
    client.send(hello.concat());
    assert_eq!(client.end(), End::Closed("\u{15}\u{3}\u{3}\0\u{2}\u{2}(".to_owned()));
    let outdated = "No connection with 127.0.0.1: it speaks no TLS that is safe; 1.2 and 1.3 are spoken here\n  To see \
                    what is offered: innkeeper cert check\n";
    server.complains(outdated);
    // Nothing is said of those that leave, or send what nobody can read.
    let mut client = Client::of(&server);
    client.send("\x16\x03\x01");
    client.hang_up();
    client.end();
    let mut client = Client::of(&server);
    client.send(b"\x16\x03\x01\x00\x02\xff\xff");
    client.end();
    assert!(Browser::knowing(&made).connect(&server, "app.test").is_ok());
    assert_eq!(server.stop().stderr, format!("{distrusted}{outdated}"));
}

#[test]
fn only_a_trusted_proxy_says_that_its_client_used_https() {
    let app = App::fine();
    let own = format!("upstream: {}\nrequireHttps: true\ntrustedProxies: [127.0.0.1]", app.url);
    let top = "whitelist: [127.0.0.0/8, 192.168.0.7]\nenableForwardedWhitelist: false";
    let server = Innkeeper::start(top, &own);
    let asked = |source: &str, fields: &str| {
        let mut client = Client::from(source, &server);
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-For: 192.168.0.7\r\n{fields}\r\n"
        ));
        client.answer().status
    };
    for (fields, status) in [
        ("X-Forwarded-Proto: https\r\n", 200),
        ("x-forwarded-proto:  HTTPS \r\n", 200),
        ("X-Forwarded-Proto: https, https\r\n", 200),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n", 200),
        ("", 403),
        ("X-Forwarded-Proto: http\r\n", 403),
        ("X-Forwarded-Proto:\r\n", 403),
        ("X-Forwarded-Proto: https, http\r\n", 403),
        ("X-Forwarded-Proto: http, https\r\n", 403),
        ("X-Forwarded-Proto: https,\r\n", 403),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", 403),
        ("X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n", 403),
        ("X-Forwarded-Proto: \"https\"\r\n", 403),
        ("X-Forwarded-Proto: https;x\r\n", 403),
        ("X-Forwarded-Proto: wss\r\n", 403),
        ("X_Forwarded_Proto: https\r\n", 403),
        ("X-Forwarded-Protocol: https\r\n", 403),
        ("X-Forwarded-Ssl: on\r\n", 403),
        ("Forwarded: for=192.168.0.7;proto=https\r\n", 403),
    ] {
        assert_eq!(asked("127.0.0.1", fields), status, "{fields}");
        assert_eq!(asked("127.0.0.2", fields), 403, "{fields} of a stranger");
    }
    let passed =
        "GET / HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: app.test\r\n\r\n";
    assert_eq!(app.got(4), passed.repeat(4));
}

#[test]
fn behind_such_a_proxy_a_login_is_remembered_for_https_alone() {
    let top = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelist: [192.168.0.7, 127.0.0.2]\n\
               basicAuthMode: true\nbasicAuthUser: {username: ann, password: hunter2}\n\
               enableForwardedWhitelist: false";
    let server = Innkeeper::start(top, "trustedProxies: [127.0.0.1]");
    let body = "username=ann&password=hunter2";
    let cookie = |source: &str, proto: &str| {
        let mut client = Client::from(source, &server);
        client.send(format!(
            "POST /.innkeeper/signin HTTP/1.1\r\nHost: app.test\r\nOrigin: https://app.test\r\n\
             X-Forwarded-For: 192.168.0.7\r\nX-Forwarded-Proto: {proto}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let answer = client.answer();
        let cookie = answer.field("set-cookie").unwrap();
        (cookie.split('=').next().unwrap().to_owned(), cookie.ends_with("; Secure"))
    };
    assert_eq!(cookie("127.0.0.1", "https"), ("__Host-innkeeper".to_owned(), true));
    assert_eq!(cookie("127.0.0.1", "http"), ("innkeeper".to_owned(), false));
    assert_eq!(cookie("127.0.0.2", "https"), ("innkeeper".to_owned(), false));
}

#[test]
fn a_proxy_that_came_in_clear_to_a_port_of_https_is_not_sent_in_circles() {
    let app = App::fine();
    let own = format!("upstream: {}\ntrustedProxies: [127.0.0.1]", app.url);
    let secure = Secure::start("enableForwardedWhitelist: false\nwhitelist: [127.0.0.1, 192.168.0.7]", &own);
    let fields = "X-Forwarded-For: 192.168.0.7\r\nX-Forwarded-Proto:";
    for (proto, status) in [("https", 400), ("http", 308)] {
        let text = format!("GET / HTTP/1.1\r\nHost: app.test\r\n{fields} {proto}\r\n\r\n");
        assert_eq!(answer(&secure.server, "127.0.0.1", &text).status, status);
    }
    // HTTP/2 without TLS is not spoken here.
    let mut client = Client::of(&secure.server);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(client.answer().status, 505);
    let mut sender = secure.http2("127.0.0.1");
    assert_eq!(secure.ask(&mut sender, request("GET", "/", &[], "")).0.status(), 200);
}

#[test]
fn the_trust_page_is_shown_to_those_who_may_come_as_long_as_its_authority_signs() {
    let app = App::fine();
    let own: Vec<Name> = vec!["desk".parse().unwrap()];
    let now = SystemTime::now();
    let authority = Authority::create(&own, &[], now).unwrap();
    let issued = authority.issue(&Names { given: Vec::new(), own }, now).unwrap();
    let pem = authority.files().certificate;
    let files = [
        ("tls/cert.pem", issued.certificate.as_bytes()),
        ("tls/key.pem", issued.key.as_bytes()),
        ("tls/authority.pem", pem.as_bytes()),
    ];
    let top = "whitelist: [127.0.0.1]\nbasicAuthMode: true\nlisten: true\nlistenAddress: {ipv4: 127.0.0.1}\n\
               basicAuthUser: {username: ann, password: hunter2}";
    let server = Innkeeper::start_with(&format!("{SSL}\n{top}"), &format!("upstream: {}", app.url), &files);
    let asked = |line: &str, host: &str| {
        answer(&server, "127.0.0.1", &format!("{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"))
    };
    let der = authority.root().der();
    for (line, host, media_type) in [
        ("GET /.innkeeper/trust", "desk:8000", "text/plain; charset=utf-8"),
        ("GET /.innkeeper/trust?x", "desk:8000", "text/plain; charset=utf-8"),
        ("HEAD /.innkeeper/trust", "desk:8000", "text/plain; charset=utf-8"),
        ("GET /.innkeeper/trust/authority.crt", "desk:8000", "application/x-x509-ca-cert"),
        ("GET /.innkeeper/trust/authority.crt", "evil.test", "application/x-x509-ca-cert"),
        ("GET /.innkeeper/trust/innkeeper.mobileconfig", "desk:8000", "application/x-apple-aspen-config"),
    ] {
        let page = asked(line, host);
        assert_eq!((page.status, page.field("content-type")), (200, Some(media_type)), "{line}");
        assert_eq!((page.field("location"), page.field("set-cookie")), (None, None));
        assert!(!line.ends_with("/authority.crt") || page.body == der);
    }
    let named = |host: &str| {
        let text = asked("GET /.innkeeper/trust", host).text();
        text.contains(&format!("{host}/.innkeeper/trust")) || text.contains(host)
    };
    assert!(named("desk:8000") && !named("evil.test"));
    // What is not one of them is elsewhere.
    for line in
        ["POST /.innkeeper/trust", "GET /.innkeeper/trust/key", "GET /.innkeeper/trusty", "GET /.innkeeper"]
    {
        assert_eq!(asked(line, "desk:8000").status, 308, "{line}");
    }
    let refused = answer(&server, "127.0.0.2", "GET /.innkeeper/trust HTTP/1.1\r\nHost: desk\r\n\r\n");
    assert_eq!((refused.status, refused.field("x-innkeeper")), (403, Some("refused")));
    let secure = |target: &str| {
        let mut talk = Browser::trusting().connect(&server, "desk").unwrap();
        let text =
            ask(&mut talk, &format!("GET {target} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n"));
        text[9..12].to_owned()
    };
    let over_tls = ["/.innkeeper/trust", "/.innkeeper/trust/authority.pem", "/.innkeeper/trust/x", "/"];
    assert_eq!(over_tls.map(secure), ["200", "200", "401", "401"]);
    // Somebody else's certificate takes its place.
    let other = Made::of(&["desk"]);
    server.write("tls/key.pem", &other.key);
    server.write("tls/cert.pem", &other.certificate);
    server.says("the certificate was read again: `tls/cert.pem` (desk)");
    assert_eq!(asked("GET /.innkeeper/trust", "desk:8000").status, 308);
    assert!(app.now(|connections| connections.iter().all(|connection| connection.bytes.is_empty())));
}
