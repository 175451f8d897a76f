//! Requests and answers on their way: what the application gets, and what the client gets of its answers.

use std::fmt::Write;

use crate::it::harness::Innkeeper;
use crate::it::harness::app::{App, latin1};
use crate::it::harness::client::{Client, End};

/// What every forwarded request of these tests ends with.
const OURS: &str = "X-Forwarded-Proto: http\r\nX-Forwarded-Host: app.test\r\n";

#[test]
fn targets_pass_byte_for_byte() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    let targets = [
        "/",
        "/a%2Fb",
        "//",
        "//evil.test/x",
        "/./..",
        "/../../etc/passwd",
        "/100%25",
        "/caf%E9",
        "/caf\u{e9}",
        "/?",
        "/a?",
        "/a?b=c&d=%20+",
        "/a??b?c",
        "/%",
        "/%zz",
        "/%00",
        "/a;b=c;d",
        "/a\\b",
        "/a\"<>^`{|}b",
        "/A/B",
        "/a/",
        "/a//b///",
        "/:80",
        "/*",
    ];
    let mut expected = String::new();
    for target in targets {
        assert_eq!(client.get(target).text(), "ok", "{target}");
        let target = latin1(target.as_bytes());
        write!(expected, "GET {target} HTTP/1.1\r\nHost: app.test\r\n{OURS}\r\n").unwrap();
    }
    let used = app.wait("all", |used| used.len() == 1 && used[0].requests == targets.len());
    assert_eq!(used[0].text(), expected);
    // The client's connection has one at the other side; nobody opened a second.
    server.stop();
    assert_eq!(app.ended().len(), 1);
}

#[test]
fn a_target_that_is_no_text_is_refused() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    for target in [&b"/caf\xe9"[..], b"/\xff\xfe", b"/a\x7f", b"/a\x01b", b"/a#b", b"a", b"*", b"http://"] {
        let mut client = Client::of(&server);
        client.send([b"GET ", target, b" HTTP/1.1\r\nHost: app.test\r\n\r\n"].concat());
        assert_eq!(client.answer().status, 400, "{}", target.escape_ascii());
        assert_eq!(client.end(), End::Closed(String::new()));
    }
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn fields_keep_their_order_case_and_bytes() {
    let app = App::fine();
    let server = Innkeeper::start("", &format!("upstream: {}\nforwardClientIp: true", app.url));
    let mut client = Client::of(&server);
    client.send(
        b"PROPFIND /x HTTP/1.1\r\nX-b: 1\r\nhost: APP.test:8000\r\nX-A:2\r\nx-b:  3 \t\r\nX-Odd: caf\xe9 \"\\\r\n\
          X-Empty:\r\nCookie: a=b; c\r\ncookie: d\r\nAccept-Encoding: br\r\nContent_Length: 7\r\n\r\n",
    );
    assert_eq!(client.answer().status, 200);
    assert_eq!(
        app.got(1),
        "PROPFIND /x HTTP/1.1\r\nHost: APP.test:8000\r\nX-b: 1\r\nX-A: 2\r\nx-b: 3\r\nX-Odd: caf\u{e9} \"\\\r\n\
         X-Empty: \r\nCookie: a=b; c\r\ncookie: d\r\nAccept-Encoding: br\r\nContent_Length: 7\r\n\
         X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: APP.test:8000\r\n\r\n"
    );
}

/// Every name by which somebody might say who a client or a user is.
const ASSERTIONS: [&str; 33] = [
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Client-Cert",
    "Forwarded",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "Remote-User",
    "Remote-Name",
    "Remote-Email",
    "Remote-Groups",
    "X-Remote-User",
    "X-Authentik-Username",
    "X-Authentik-Groups",
    "X-Authentik-Meta-Outpost-Configuration-Of-Somebody",
    "X-Auth-Request-User",
    "X-Auth-Request-Access-Token",
    "Tailscale-User-Login",
    "Tailscale-User-Name",
    "Tailscale-User-Profile-Pic",
    "Cf-Access-Authenticated-User-Email",
];

#[test]
fn no_spelling_of_an_assertion_passes() {
    let app = App::fine();
    let top = "enableForwardedWhitelist: false\n";
    let server = Innkeeper::start(top, &format!("upstream: {}\nforwardClientIp: true", app.url));
    let mut client = Client::of(&server);
    let mut asked = 0;
    for name in ASSERTIONS {
        let spellings = [
            name.to_owned(),
            name.to_ascii_lowercase(),
            name.to_ascii_uppercase(),
            name.replace('-', "_"),
            {
                let mut some = name.to_ascii_lowercase();
                if let Some(at) = some.rfind('-') {
                    some.replace_range(at..=at, "_");
                }
                some
            },
        ];
        for name in spellings {
            let also =
                ["", "Connection: close-not\r\n", "Connection: X-Forwarded-For, X-Forwarded-Proto\r\n"];
            for also in also {
                client.send(format!(
                    "GET / HTTP/1.1\r\nHost: app.test\r\n{name}: 6.6.6.6\r\n{also}{name}: 6.6.6.6\r\n\r\n"
                ));
                asked += 1;
                assert_eq!(client.answer().status, 200, "{name}");
            }
        }
    }
    let one = format!("GET / HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-For: 127.0.0.1\r\n{OURS}\r\n");
    for (number, request) in app.got(asked).split_inclusive("\r\n\r\n").enumerate() {
        assert_eq!(request, one, "{}", ASSERTIONS[number / 15]);
    }
}

#[test]
fn what_concerns_one_connection_stays_on_it() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    client.send(
        "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: X-One ,x-two,, keep-alive\r\nx-one: 1\r\nX-TWO: 2\r\nX-Three: 3\r\n\
         connection: X-Four, Host, X-Forwarded-Host\r\nX-Four: 4\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\
         Proxy-Authorization: Basic x\r\nTE: trailers\r\nTrailer: X-One\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.answer().status, 200);
    assert_eq!(app.got(1), format!("GET / HTTP/1.1\r\nHost: app.test\r\nX-Three: 3\r\n{OURS}\r\n"));
}

#[test]
fn nobody_but_us_names_the_user() {
    let app = App::fine();
    let top = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\n\
               basicAuthUser: {username: ann, password: hunter2}\n";
    let own = format!("upstream: {}\nidentityHeader: X-User\npublicPaths: [/public]", app.url);
    let server = Innkeeper::start(top, &own);
    let mut client = Client::of(&server);
    for spelling in ["X-User", "x-user", "X_USER"] {
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic YW5uOmh1bnRlcjI=\r\n{spelling}: root\r\n\r\n"
        ));
        assert_eq!(client.answer().status, 200);
        client.send(format!("GET /public HTTP/1.1\r\nHost: app.test\r\n{spelling}: root\r\n\r\n"));
        assert_eq!(client.answer().status, 200);
    }
    let two = format!(
        "GET / HTTP/1.1\r\nHost: app.test\r\n{OURS}X-User: ann\r\n\r\nGET /public HTTP/1.1\r\nHost: app.test\r\n{OURS}\r\n"
    );
    assert_eq!(app.got(6), two.repeat(3));
}

#[test]
fn credentials_for_us_stay_with_us() {
    for (basic, passes, expected) in [(true, false, false), (true, true, true), (false, false, true)] {
        let app = App::fine();
        let top = format!(
            "listen: true\nlistenAddress: {{ipv4: 127.0.0.1}}\nbasicAuthMode: {basic}\n\
             basicAuthUser: {{username: ann, password: hunter2}}\n"
        );
        let own = format!("upstream: {}\npassAuthorization: {passes}", app.url);
        let server = Innkeeper::start(&top, &own);
        let mut client = Client::of(&server);
        let field = "Authorization: Basic YW5uOmh1bnRlcjI=\r\n";
        client.send(format!("GET / HTTP/1.1\r\nHost: app.test\r\n{field}\r\n"));
        assert_eq!(client.answer().status, 200);
        let field = if expected { field } else { "" };
        assert_eq!(app.got(1), format!("GET / HTTP/1.1\r\nHost: app.test\r\n{field}{OURS}\r\n"));
    }
}

#[test]
fn a_client_of_http_1_0_is_served() {
    let app = App::start(|talk| {
        while let Some(request) = talk.request() {
            let said = match request.target() {
                "/chunked" => talk
                    .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n"),
                "/close" => {
                    talk.say("HTTP/1.0 200 Fine\r\n\r\nok");
                    false
                }
                _ => talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            };
            if !said {
                return talk.hang_up();
            }
        }
    });
    let server = Innkeeper::before(&app.url);
    let authority = app.url.strip_prefix("http://").unwrap();

    let mut client = Client::of(&server);
    client.send("GET /1 HTTP/1.0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.head, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
    assert_eq!(client.end(), End::Closed(String::new()));
    assert_eq!(
        app.got(1),
        format!("GET /1 HTTP/1.1\r\nHost: {authority}\r\nX-Forwarded-Proto: http\r\n\r\n")
    );

    let mut client = Client::of(&server);
    client.send("GET /2 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_eq!(client.answer().field("connection"), Some("keep-alive"));
    client.send("GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.end(), End::Closed("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok".to_owned()));

    let mut client = Client::of(&server);
    client.send("GET /close HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.end(), End::Closed("HTTP/1.1 200 Fine\r\nConnection: close\r\n\r\nok".to_owned()));
}

#[test]
fn answers_are_framed_anew() {
    // What the application says, and what the client gets of it.
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        (
            "HTTP/1.1 299 Own words\r\nX-b: 1\r\nset-cookie: a\r\nSet-Cookie: b\r\ncontent-length: 002\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 299 Own words\r\nX-b: 1\r\nset-cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\nTrailer: X\r\n\r\n2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Stays: 2\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nX-Stays: 2\r\nContent-Length: 2\r\n\r\nok",
        ),
        (
            "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=9\r\nUpgrade: h2c\r\nProxy-Connection: a\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
        ),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ),
        ("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"),
    ];
    let app = App::start(move |talk| {
        while let Some(request) = talk.request() {
            let (said, _) = cases[request.target()[1..].parse::<usize>().unwrap()];
            talk.say(said);
            if said.contains("Connection: close") {
                return;
            }
        }
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    for (number, (said, got)) in cases.iter().enumerate() {
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(latin1(&client.bytes(got.len())), *got, "{said}");
    }
    client.send("GET /0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    assert_eq!(client.end(), End::Closed(last.to_owned()));
}

#[test]
fn an_answer_that_ends_with_its_connection_is_chunked() {
    let app = App::start(|talk| {
        talk.request();
        talk.say("HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello");
        talk.hang_up();
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    for _ in 0..2 {
        let answer = client.get("/");
        assert_eq!(answer.head, "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(answer.text(), "hello");
    }
}

#[test]
fn the_answer_to_head_has_no_body() {
    let app = App::start(|talk| {
        while let Some(request) = talk.request() {
            talk.say(match request.target() {
                "/length" => "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
                "/chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\n\r\n",
            });
        }
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    for (target, head) in [
        ("/length", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        ("/chunked", "HTTP/1.1 200 OK\r\n\r\n"),
        ("/none", "HTTP/1.1 200 OK\r\n\r\n"),
        ("/length", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
    ] {
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.answer_to_head().head, head);
    }
    assert!(app.wait("all", |used| used[0].requests == 4).len() == 1, "one connection serves them all");
}

#[test]
fn requests_are_framed_anew() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    for body in [
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 0005\r\n\r\nhello",
        "Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nhe\r\n00003\r\nllo\r\n0;z\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n",
        "Content-Length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "\r\n",
    ] {
        client.send(format!("POST / HTTP/1.1\r\nHost: app.test\r\n{body}"));
        assert_eq!(client.answer().text(), "ok", "{body}");
    }
    let head = format!("POST / HTTP/1.1\r\nHost: app.test\r\n{OURS}");
    let got = app.got(6);
    let rest = got.replace("2\r\nhe\r\n3\r\nllo\r\n", "5\r\nhello\r\n");
    assert_eq!(
        rest,
        [
            "Content-Length: 5\r\n\r\nhello",
            "Content-Length: 5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "Content-Length: 0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "\r\n",
        ]
        .map(|body| format!("{head}{body}"))
        .concat()
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let app = App::start(|talk| {
        while let Some(request) = talk.request() {
            let target = request.target();
            let body = latin1(&request.body);
            let length = target.len() + body.len();
            talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}{body}"));
        }
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    let request = |number: usize| match number % 4 {
        0 => format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"),
        1 => format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"),
        2 => format!("\r\nGET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"),
        _ => format!(
            "POST /{number} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
        ),
    };
    client.send((0..200).map(request).collect::<String>());
    for number in 0..200 {
        let body = if number % 2 == 0 { "" } else { "body" };
        assert_eq!(client.answer().text(), format!("/{number}{body}"));
    }
    // One client is one conversation with the application.
    assert_eq!(app.wait("all", |used| used.iter().any(|one| one.requests == 200)).len(), 1);
}

#[test]
fn a_unix_socket_is_an_upstream() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_unix(&folder.path().join("app.sock"), |talk| {
        while talk.request().is_some() && talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {}
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    assert_eq!(client.get("/a").text(), "ok");
    client.send("GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.answer().text(), "ok");
    assert_eq!(
        app.got(2),
        format!(
            "GET /a HTTP/1.1\r\nHost: app.test\r\n{OURS}\r\nGET /b HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: http\r\n\r\n"
        )
    );
}
