//! Signing in once: the form, the cookie it gives, and what neither another website nor the application can do to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::it::gateway::http2::{Secure, request};
use crate::it::harness::app::{App, latin1};
use crate::it::harness::client::{Answer, Client, End};
use crate::it::harness::folder::golden;
use crate::it::harness::{Innkeeper, settings};

/// Settings that ask for ann's password, of everybody on this computer.
const TOP: &str = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelistMode: false\nbasicAuthMode: true\n\
                   basicAuthUser: {username: ann, password: hunter2}\n";

/// ann's credentials for Basic, and wrong ones.
const RIGHT: &str = "Authorization: Basic YW5uOmh1bnRlcjI=\r\n";
const WRONG: &str = "Authorization: Basic YW5uOndyb25n\r\n";

/// What a browser sends with a navigation, over plain http.
const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";

/// A form of a page of this server.
const OWN: &str = "Origin: http://app.test\r\n";

const CHALLENGE: &str = "Basic realm=\"Innkeeper\", charset=\"UTF-8\"";

fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n")
}

/// The form as a browser sends it, with `fields` besides.
fn form(body: &str, fields: &str) -> String {
    format!(
        "POST /.innkeeper/signin HTTP/1.1\r\nHost: app.test\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n{BROWSER}{fields}\r\n{body}",
        body.len()
    )
}

fn ask(server: &Innkeeper, request: impl AsRef<[u8]>) -> Answer {
    let mut client = Client::of(server);
    client.send(request);
    client.answer()
}

/// The value of the one cookie that an answer sets.
fn cookie_of(answer: &Answer) -> String {
    let field = answer.field("set-cookie").unwrap();
    let (pair, attributes) = field.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
    let value = pair.strip_prefix("innkeeper=").unwrap();
    assert!(value.starts_with("1.") && value.len() > 80, "{value}");
    value.to_owned()
}

/// Signs in with the form, and gives the field that a browser sends from then on.
fn signed_in(server: &Innkeeper, body: &str) -> String {
    let answer = ask(server, form(body, OWN));
    assert_eq!(answer.status, 303, "{}", answer.text());
    format!("Cookie: innkeeper={}\r\n", cookie_of(&answer))
}

fn of(app: &App, more: &str) -> String {
    format!("upstream: {}\n{more}", app.url)
}

#[test]
fn a_browser_gets_a_form_and_everybody_else_the_challenge() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, ""));
    let answer = ask(&server, get("/chat?id=1&x=%2F", BROWSER));
    assert_eq!((answer.status, answer.field("www-authenticate")), (401, None));
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
        ("x-innkeeper", "sign-in-form"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
    let policy = answer.field("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self'; frame-ancestors 'none'"), "{policy}");
    let text = String::from_utf8(answer.body).unwrap();
    let (_, main) = text.split_once("<main>\n").unwrap();
    golden("sign-in-form.html", main.split_once("</main>").unwrap().0);

    for (method, fields, is_form) in [
        ("GET", BROWSER.to_owned(), true),
        ("HEAD", BROWSER.to_owned(), true),
        ("GET", format!("{BROWSER}Sec-Fetch-Mode: navigate\r\n"), true),
        ("GET", format!("{BROWSER}Sec-Fetch-Mode: cors\r\n"), false),
        ("GET", format!("{BROWSER}Sec-Fetch-Mode: no-cors\r\n"), false),
        ("GET", "Sec-Fetch-Mode: navigate\r\nAccept: */*\r\n".to_owned(), false),
        ("GET", "Accept: text/html;q=0, */*\r\n".to_owned(), false),
        ("GET", "Accept: application/json\r\n".to_owned(), false),
        ("GET", "Accept: */*\r\n".to_owned(), false),
        ("GET", String::new(), false),
        ("POST", BROWSER.to_owned(), false),
        ("OPTIONS", BROWSER.to_owned(), false),
    ] {
        let mut client = Client::of(&server);
        client.send(format!("{method} /x HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n"));
        let answer = if method == "HEAD" { client.answer_to_head() } else { client.answer() };
        let challenge = (!is_form).then_some(CHALLENGE);
        assert_eq!((answer.status, answer.field("www-authenticate")), (401, challenge), "{method} {fields}");
        let name = if is_form { "sign-in-form" } else { "sign-in" };
        assert_eq!((answer.field("x-innkeeper"), answer.field("set-cookie")), (Some(name), None));
    }
    let answer = ask(&server, get("/.innkeeper/signin?next=%2Fchat%3Fid%3D1", BROWSER));
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("name=\"next\" value=\"/chat?id&#61;1\""), "{}", answer.text());
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn the_form_gives_a_cookie_that_opens_everything_and_reaches_nobody_else() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, "identityHeader: Remote-User"));
    let mut client = Client::of(&server);
    // What stands behind the form is the next request, and none of it is the form's.
    client.send(format!(
        "{}{}",
        form("username=ann&password=hunter2&next=%2Fchat%3Fid%3D1", OWN),
        get("/early", "")
    ));
    let answer = client.answer();
    let cookie = cookie_of(&answer);
    assert_eq!((answer.status, answer.field("location")), (303, Some("/chat?id=1")));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert_eq!(client.answer().status, 401);

    let cookies = format!("Cookie: theme=dark; innkeeper={cookie};  lang=\"de\"\r\n");
    client.send(get("/chat?id=1", &format!("{cookies}Remote-User: root\r\nremote_user: root\r\n")));
    let answer = client.answer();
    // Fresh as it is, it is not given again.
    assert_eq!((answer.status, answer.field("set-cookie")), (200, None));
    client.send(get("/two", &format!("Cookie: innkeeper={cookie}\r\n{WRONG}")));
    assert_eq!(client.answer().status, 200);
    assert_eq!(
        app.got(2),
        "GET /chat?id=1 HTTP/1.1\r\nHost: app.test\r\nCookie: theme=dark;  lang=\"de\"\r\n\
         X-Forwarded-Proto: http\r\nX-Forwarded-Host: app.test\r\nRemote-User: ann\r\n\r\n\
         GET /two HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: app.test\r\n\
         Remote-User: ann\r\n\r\n"
    );
    let ended = server.stop();
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!said.contains("hunter2") && !said.contains(&cookie), "{said}");
}

#[test]
fn a_form_with_what_is_wrong_says_not_which() {
    let app = App::fine();
    let top = format!("{TOP}rateLimiting: {{basicAuthMaxAttempts: 0}}\n");
    let server = Innkeeper::start(&top, &of(&app, ""));
    let mut bodies = Vec::new();
    let long = format!("username=ann&password={}", "x".repeat(1025));
    for body in [
        "username=ann&password=wrong&next=/a",
        "username=bob&password=hunter2&next=/a",
        "username=ann&password=&next=/a",
        "username=&password=&next=/a",
        &format!("{long}&next=/a"),
    ] {
        let answer = ask(&server, form(body, OWN));
        assert_eq!((answer.status, answer.field("set-cookie")), (401, None), "{body}");
        assert_eq!(answer.field("www-authenticate"), None);
        bodies.push(answer.text());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one page for every failure");
    assert!(bodies[0].contains("<p role=\"alert\">The name or the password is wrong.</p>"), "{}", bodies[0]);
    assert!(bodies[0].contains("value=\"/a\""), "{}", bodies[0]);
    server.complains("Wrong user name or password from 127.0.0.1 POST /.innkeeper/signin");

    for (body, status) in [
        ("", 400),
        ("username=ann", 400),
        ("username=ann&password=%ff", 400),
        ("username=ann&username=ann&password=hunter2", 400),
        (&format!("username=ann&password=hunter2&x={}", "x".repeat(8 * 1024)), 413),
    ] {
        let answer = ask(&server, form(body, OWN));
        assert_eq!((answer.status, answer.field("set-cookie")), (status, None), "{body}");
    }
    for media_type in ["text/plain", "multipart/form-data; boundary=x", "application/json", ""] {
        let sent = form("username=ann&password=hunter2", OWN);
        let sent = sent.replace("application/x-www-form-urlencoded", media_type);
        assert_eq!(ask(&server, sent).status, 415, "{media_type}");
    }
    let sent = form("username=ann&password=hunter2", OWN)
        .replace("application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded;charset=UTF-8");
    assert_eq!(ask(&server, sent).status, 303);
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn a_form_is_read_as_it_comes_and_no_further_than_it_may_go() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, ""));
    let head = |framing: &str| {
        format!(
            "POST /.innkeeper/signin HTTP/1.1\r\nHost: app.test\r\n{OWN}{framing}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
    };
    // In chunks, piece by piece.
    let mut client = Client::of(&server);
    client.send(head("Transfer-Encoding: chunked"));
    for piece in ["10\r\nusername=ann&pas", "\r\n1\r\ns\r\n", "c\r\nword=hunter2\r\n0\r\n\r\n"] {
        client.send(piece);
    }
    assert_eq!(client.answer().status, 303);
    // Asked for only once the head has been judged.
    client.send(head("Expect: 100-continue\r\nContent-Length: 29"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("username=ann&password=hunter2");
    assert_eq!(client.answer().status, 303);
    // Too large by its word, of which not a byte is waited for; and too large in fact.
    let mut client = Client::of(&server);
    client.send(head("Expect: 100-continue\r\nContent-Length: 8193"));
    assert_eq!(client.answer().status, 413);
    let mut client = Client::of(&server);
    client.send(head("Transfer-Encoding: chunked"));
    client.try_send(format!("2001\r\n{}", "x".repeat(0x2001)));
    let answer = client.answer();
    assert_eq!((answer.status, answer.field("connection")), (413, Some("close")));
    // Broken framing, and a client that leaves: nothing is answered.
    let mut client = Client::of(&server);
    client.send(head("Transfer-Encoding: chunked") + "zz\r\n");
    assert_eq!(client.end(), End::Closed(String::new()));
    let mut client = Client::of(&server);
    client.send(head("Content-Length: 30") + "username=ann&password=hunter2");
    client.hang_up();
    assert_eq!(client.end(), End::Closed(String::new()));
    server.stop();
    // One that does not come to its end is not waited for.
    let server = Innkeeper::start(TOP, &of(&app, "limits: {bodyTimeout: 100ms}"));
    let mut client = Client::of(&server);
    client.send(head("Content-Length: 30") + "username=ann&password=hunter2");
    let answer = client.answer();
    assert_eq!((answer.status, answer.field("connection")), (408, Some("close")));
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn a_form_of_another_website_is_not_taken() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, ""));
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    for (fields, taken) in [
        ("Origin: http://app.test\r\n", true),
        ("Origin: https://app.test\r\n", true),
        ("Sec-Fetch-Site: same-origin\r\nOrigin: null\r\n", true),
        ("Sec-Fetch-Site: none\r\n", true),
        ("", false),
        ("Referer: http://app.test/\r\n", false),
        ("Origin: null\r\n", false),
        ("Origin: http://evil.test\r\n", false),
        ("Origin: http://app.test.evil\r\n", false),
        ("Origin: http://app.test:8000\r\n", false),
        ("Origin: http://app.test\r\nOrigin: http://app.test\r\n", false),
        ("Sec-Fetch-Site: cross-site\r\nOrigin: http://app.test\r\n", false),
        ("Sec-Fetch-Site: same-site\r\n", false),
        ("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: same-origin\r\n", false),
    ] {
        let answer = ask(&server, form("username=ann&password=hunter2", fields));
        let expected = if taken { (303, true) } else { (403, false) };
        assert_eq!((answer.status, answer.field("set-cookie").is_some()), expected, "{fields}");
        // Nor does another website sign anybody out.
        if !taken {
            let sign_out = form("", &format!("{cookie}{fields}")).replace("signin", "signout");
            let answer = ask(&server, sign_out);
            assert_eq!((answer.status, answer.field("set-cookie")), (403, None), "{fields}");
        }
    }
    assert_eq!(ask(&server, get("/", &cookie)).status, 200);
    server.complains("Another website made the browser ask");
}

#[test]
fn signing_out_ends_the_session_and_not_only_the_cookie() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, ""));
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    let other = signed_in(&server, "username=ann&password=hunter2");
    let page = ask(&server, get("/.innkeeper/signout", &format!("{BROWSER}{cookie}")));
    assert_eq!((page.status, page.field("x-innkeeper")), (200, Some("sign-out")));
    assert!(page.text().contains("You are signed in as ann."), "{}", page.text());
    assert_eq!(ask(&server, get("/", &cookie)).status, 200);
    let answer = ask(&server, form("", &format!("{OWN}{cookie}")).replace("signin", "signout"));
    assert_eq!((answer.status, answer.field("location")), (303, Some("/")));
    assert_eq!(answer.field("set-cookie"), Some("innkeeper=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
    assert_eq!(ask(&server, get("/", &cookie)).status, 401);
    assert_eq!(ask(&server, get("/", &other)).status, 200);
}

#[test]
fn our_own_paths_are_ours_alone() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, "publicPaths: [/.innkeeper/public]"));
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    for (method, path, status) in [
        ("GET", "/.innkeeper/", 404),
        ("GET", "/.innkeeper", 404),
        ("GET", "/.innkeeper/signin/", 404),
        ("GET", "/.innkeeper/public", 404),
        ("PUT", "/.innkeeper/signin", 405),
        ("DELETE", "/.innkeeper/signout", 405),
        ("GET", "/.innkeeper/signin", 200),
        ("GET", "http://app.test/.innkeeper/signin", 200),
    ] {
        let request = get(path, &cookie).replace("GET", method);
        assert_eq!(ask(&server, request).status, status, "{method} {path}");
        if status == 404 && path != "/.innkeeper/public" {
            assert_eq!(ask(&server, get(path, "")).status, 401, "{path}");
        }
    }
    let others =
        ["/%2einnkeeper/signin", "//.innkeeper/signin", "/x/../.innkeeper/signin", "/.Innkeeper/signin"];
    for path in others {
        assert_eq!(ask(&server, get(path, "")).status, 401, "{path}");
        assert_eq!(ask(&server, get(path, &cookie)).text(), "ok", "{path}");
    }
    server.stop();
    let got: usize = app.ended().iter().map(|one| one.requests).sum();
    assert_eq!(got, others.len());
}

#[test]
fn without_sessions_everything_is_as_it_was() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, "session: {enabled: false}"));
    for path in ["/", "/.innkeeper/signin", "/.innkeeper/signout"] {
        let answer = ask(&server, get(path, BROWSER));
        assert_eq!((answer.status, answer.field("www-authenticate")), (401, Some(CHALLENGE)));
    }
    assert_eq!(ask(&server, form("username=ann&password=hunter2", OWN)).status, 401);
    for (path, status) in [("/", 200), ("/.innkeeper/signin", 404), ("/.innkeeper/signout", 404)] {
        let answer = ask(&server, get(path, &format!("{BROWSER}{RIGHT}")));
        assert_eq!((answer.status, answer.field("set-cookie")), (status, None), "{path}");
    }
    assert!(!server.path("session.key").exists());
    server.stop();
    assert_eq!(app.ended().iter().map(|one| one.requests).sum::<usize>(), 1);
}

#[test]
fn a_browser_with_basic_credentials_gets_a_cookie_and_a_program_none() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, ""));
    for (fields, gets) in [
        ("Accept: */*\r\n".to_owned(), false),
        (String::new(), false),
        (BROWSER.to_owned(), true),
        ("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n".to_owned(), true),
        ("Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n".to_owned(), true),
        (format!("{BROWSER}Sec-Fetch-Site: cross-site\r\n"), false),
    ] {
        let answer = ask(&server, get("/", &format!("{RIGHT}{fields}")));
        assert_eq!(answer.status, 200);
        if !gets {
            assert_eq!((answer.field("set-cookie"), answer.field("cache-control")), (None, None), "{fields}");
            continue;
        }
        // A cache in front of us must not hand it to others.
        assert_eq!(answer.field("cache-control"), Some("private=\"Set-Cookie\""));
        let cookie = format!("Cookie: innkeeper={}\r\n", cookie_of(&answer));
        let answer = ask(&server, get("/", &format!("{RIGHT}{fields}{cookie}")));
        assert_eq!((answer.status, answer.field("set-cookie")), (200, None), "{fields}");
        assert_eq!(ask(&server, get("/", &cookie)).status, 200);
    }
    let answer = ask(&server, get("/", &format!("{WRONG}{BROWSER}")));
    assert_eq!((answer.status, answer.field("set-cookie")), (401, None));
}

#[test]
fn a_websocket_opens_with_the_cookie_alone_and_from_no_other_website() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
                  Set-Cookie: innkeeper=evil\r\n\r\nhello";
    let app = App::start(move |talk| {
        if talk.head().is_some() {
            talk.say(switch);
            talk.listen();
        }
    });
    let server = Innkeeper::start(TOP, &of(&app, "publicPaths: [/public]"));
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    let open = |path: &str, fields: &str| {
        let mut client = Client::of(&server);
        client.send(get(
            path,
            &format!(
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}"
            ),
        ));
        let head = client.head();
        if head.starts_with("HTTP/1.1 101 ") {
            // The application's cookie is not ours to take over, and a fresh session gets no other.
            let ours =
                if fields.starts_with(RIGHT) { head.matches("Set-Cookie: innkeeper=1.").count() } else { 0 };
            assert_eq!(head.matches("Set-Cookie: ").count(), ours, "{head}");
            assert_eq!(latin1(&client.bytes(5)), "hello");
        }
        head[9..12].to_owned()
    };
    let mut opened = 0;
    for credentials in [&cookie, RIGHT] {
        for (fields, status) in [
            ("Origin: http://app.test\r\n", "101"),
            ("Sec-Fetch-Site: same-origin\r\n", "101"),
            // A program, which no website can make send anything.
            ("", "101"),
            ("Origin: http://evil.test\r\n", "403"),
            ("Origin: null\r\n", "403"),
            ("Origin: http://app.test:8001\r\n", "403"),
            ("Origin: http://app.test\r\nSec-Fetch-Site: cross-site\r\n", "403"),
            ("Sec-Fetch-Site: same-site\r\n", "403"),
        ] {
            assert_eq!(open("/ws", &format!("{credentials}{fields}")), status, "{credentials}{fields}");
            opened += usize::from(status == "101");
        }
    }
    assert_eq!(open("/ws", "Origin: http://app.test\r\n"), "401");
    // A public path is for reading.
    assert_eq!(open("/public", ""), "401");
    server.stop();
    assert_eq!(app.ended().len(), opened);
}

#[test]
fn another_website_cannot_use_what_a_browser_adds_by_itself() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, "publicPaths: [/public]"));
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    let mut let_in = 0;
    for credentials in [&cookie, RIGHT] {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "get"] {
            let is_safe = matches!(method, "GET" | "HEAD" | "OPTIONS");
            for (fields, own) in [
                ("", true),
                ("Origin: http://app.test\r\n", true),
                ("Sec-Fetch-Site: same-origin\r\n", true),
                ("Origin: http://evil.test\r\n", false),
                ("Sec-Fetch-Site: cross-site\r\n", false),
                ("Sec-Fetch-Site: same-site\r\nOrigin: http://app.test\r\n", false),
            ] {
                let mut client = Client::of(&server);
                client.send(get("/api", &format!("{credentials}{fields}")).replace("GET", method));
                let answer = if method == "HEAD" { client.answer_to_head() } else { client.answer() };
                let status = if own || is_safe { 200 } else { 403 };
                assert_eq!(answer.status, status, "{method} {credentials}{fields}");
                let_in += usize::from(status == 200);
            }
        }
    }
    // Whether the credentials are right cannot be told from it, and without any it is as ever.
    let foreign = "Origin: http://evil.test\r\n";
    let post = |fields: &str| get("/api", fields).replace("GET", "POST");
    let refused = ask(&server, post(&format!("{RIGHT}{foreign}")));
    assert_eq!(refused.field("x-innkeeper"), Some("cross-site"));
    assert_eq!(ask(&server, post(&format!("{WRONG}{foreign}"))).body, refused.body);
    assert_eq!(ask(&server, post(foreign)).status, 401);
    server.stop();
    assert_eq!(app.ended().iter().map(|one| one.requests).sum::<usize>(), let_in);
}

#[test]
fn an_address_that_needs_no_password_is_not_judged_by_its_websites() {
    let app = App::fine();
    let top = TOP.replace("whitelistMode: false\n", "");
    let server = Innkeeper::start(&top, &of(&app, "satisfy: any\nidentityHeader: X-User"));
    let post = |fields: &str| get("/", fields).replace("GET", "POST");
    let foreign = "Origin: http://evil.test\r\n";
    let cookie = {
        let mut stranger = Client::from("127.0.0.5", &server);
        stranger.send(form("username=ann&password=hunter2", OWN));
        format!("Cookie: innkeeper={}\r\n", cookie_of(&stranger.answer()))
    };
    let mut known = 0;
    for (source, request, status, is_known) in [
        ("127.0.0.1", post(foreign), 200, false),
        ("127.0.0.1", get("/", ""), 200, false),
        ("127.0.0.1", get("/", RIGHT), 200, false),
        // Whoever has signed in is somebody at home as well, but not for another website.
        ("127.0.0.1", get("/", &cookie), 200, true),
        ("127.0.0.1", post(&format!("{cookie}{foreign}")), 200, false),
        ("127.0.0.5", get("/", &cookie), 200, true),
        ("127.0.0.5", post(&format!("{cookie}{foreign}")), 403, false),
        ("127.0.0.5", post(foreign), 401, false),
    ] {
        let mut client = Client::from(source, &server);
        client.send(&request);
        let answer = client.answer();
        assert_eq!(answer.status, status, "{source} {request}");
        known += usize::from(is_known);
        let told = app.now(|used| {
            used.iter().map(|one| one.text().matches("X-User: ann\r\n").count()).sum::<usize>() == known
        });
        assert!(told, "{source} {request}");
    }
}

#[test]
fn a_listed_address_signs_in_to_the_application_itself_but_no_website_does() {
    let app = App::fine();
    let top = TOP.replace("whitelistMode: false\n", "");
    let server = Innkeeper::start(&top, &of(&app, "satisfy: any\npassAuthorization: true"));
    let post = |fields: &str| get("/", fields).replace("GET", "POST");
    let foreign = "Origin: http://evil.test\r\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\n";
    for (request, passed) in [
        (get("/", RIGHT), 1),
        (get("/", &format!("{RIGHT}Sec-Fetch-Site: cross-site\r\n")), 2),
        (post(RIGHT), 3),
        (post(&format!("{RIGHT}{foreign}")), 3),
        (get("/", &format!("{RIGHT}{foreign}{upgrade}")), 3),
    ] {
        assert!(ask(&server, &request).status < 400, "{request}");
        let told =
            app.now(|used| used.iter().map(|one| one.text().matches(RIGHT).count()).sum::<usize>() == passed);
        assert!(told, "{request}");
    }
}

#[test]
fn an_address_takes_no_password_s_place_for_somebody_behind_it() {
    let app = App::fine();
    let top = TOP.replace("whitelistMode: false\n", "forwardedHeaders: {xForwardedFor: false}\n");
    let server = Innkeeper::start(&top, &of(&app, "satisfy: any"));
    for (fields, status) in [
        ("", 200),
        ("X-Forwarded-For: 203.0.113.9\r\n", 401),
        ("Forwarded: for=203.0.113.9\r\n", 401),
        ("CF-Connecting-IP: 203.0.113.9\r\n", 401),
    ] {
        assert_eq!(ask(&server, get("/", fields)).status, status, "{fields}");
    }
}

#[test]
fn a_session_is_untouched_by_the_guessing_of_others_and_a_form_is_not() {
    let app = App::fine();
    let top = format!("{TOP}rateLimiting: {{basicAuthMaxAttempts: 3}}\n");
    let server = Innkeeper::start(&top, &of(&app, ""));
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    let wrong = form("username=ann&password=wrong", OWN);
    let statuses: Vec<u16> = (0..5).map(|_| ask(&server, &wrong).status).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    let answer = ask(&server, form("username=ann&password=hunter2&next=/a", OWN));
    assert_eq!((answer.status, answer.field("set-cookie")), (429, None));
    let seconds: u64 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let text = answer.text();
    assert!(
        text.contains("<p role=\"alert\">Too many wrong passwords came from where you are. Wait "),
        "{text}"
    );
    assert!(text.contains("<form ") && text.contains("value=\"/a\""), "{text}");
    let answer = ask(&server, get("/", &format!("{BROWSER}{WRONG}")));
    assert_eq!((answer.status, answer.field("x-innkeeper")), (429, Some("sign-in-form")));
    assert_eq!(ask(&server, get("/", WRONG)).field("x-innkeeper"), Some("too-many-attempts"));
    for fields in ["", RIGHT, WRONG] {
        assert_eq!(ask(&server, get("/", &format!("{cookie}{fields}"))).status, 200);
    }
    // From elsewhere the right password is right.
    let mut client = Client::from("127.0.0.6", &server);
    client.send(form("username=ann&password=hunter2", OWN));
    assert_eq!(client.answer().status, 303);
}

#[test]
fn a_stranger_gets_no_form() {
    let app = App::fine();
    let top = TOP.replace("whitelistMode: false\n", "hostWhitelist: {enabled: true, hosts: [app.test]}\n");
    let server = Innkeeper::start(&top, &of(&app, ""));
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    for request in [
        get("/.innkeeper/signin", BROWSER),
        get("/.innkeeper/signout", BROWSER),
        form("username=ann&password=hunter2", OWN),
        get("/", &cookie),
    ] {
        let mut client = Client::from("127.0.0.5", &server);
        client.send(&request);
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("x-innkeeper")), (403, Some("refused")), "{request}");
        let answer = ask(&server, request.replace("app.test", "evil.test"));
        assert_eq!((answer.status, answer.field("x-innkeeper")), (403, Some("unknown-host")), "{request}");
    }
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn only_our_cookie_counts_and_only_once() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, ""));
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    let value = cookie.trim_end().strip_prefix("Cookie: innkeeper=").unwrap();
    let other = signed_in(&server, "username=ann&password=hunter2");
    for (fields, status) in [
        (cookie.clone(), 200),
        (format!("cookie: a=b\r\n{cookie}"), 200),
        (format!("{cookie}{other}"), 401),
        (format!("Cookie: innkeeper={value}; innkeeper=\r\n"), 401),
        (format!("Cookie: innkeeper={value}; innkeeper\r\n"), 401),
        (format!("Cookie: Innkeeper={value}\r\n"), 401),
        (format!("Cookie: innkeeper=\"{value}\"\r\n"), 401),
        (format!("Cookie: innkeeper={value}x\r\n"), 401),
        (format!("Cookie: innkeeper={}\r\n", &value[..value.len() - 1]), 401),
        // The name for TLS means nothing here.
        (format!("Cookie: __Host-innkeeper={value}\r\n"), 401),
        (format!("Cookie_: innkeeper={value}\r\n"), 401),
    ] {
        assert_eq!(ask(&server, get("/", &fields)).status, status, "{fields}");
    }
}

#[test]
fn the_application_cannot_set_our_cookie() {
    let app = App::answering(
        "HTTP/1.1 200 OK\r\nSet-Cookie: innkeeper=evil; Path=/\r\nSet-Cookie: a=b; Path=/\r\n\
         set-cookie: __Host-Innkeeper=evil; Secure; Path=/\r\nSet-Cookie: =innkeeper=evil\r\nContent-Length: 2\r\n\r\nok",
    );
    let server = Innkeeper::start(TOP, &of(&app, ""));
    assert_eq!(
        ask(&server, get("/", RIGHT)).head,
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n"
    );
    let secure = Secure::start(TOP, &of(&app, ""));
    let mut sender = secure.http2("127.0.0.1");
    let (head, _) =
        secure.ask(&mut sender, request("GET", "/", &[("authorization", "Basic YW5uOmh1bnRlcjI=")], ""));
    let cookies: Vec<_> = head.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=b; Path=/"]);
}

#[test]
fn a_session_outlives_the_server_but_not_its_key() {
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, ""));
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    let key = fs::read(server.path("session.key")).unwrap();
    let mode = fs::metadata(server.path("session.key")).unwrap().permissions().mode();
    assert_eq!((mode & 0o777, key.len()), (0o600, 65));
    server.stop();
    let start = |key: Option<(&[u8], u32)>| {
        let folder = tempfile::tempdir().unwrap();
        if let Some((bytes, mode)) = key {
            fs::write(folder.path().join("session.key"), bytes).unwrap();
            fs::set_permissions(folder.path().join("session.key"), fs::Permissions::from_mode(mode)).unwrap();
        }
        Innkeeper::start_in(folder, TOP, &of(&app, ""))
    };
    let again = start(Some((&key, 0o600)));
    assert_eq!(ask(&again, get("/", &cookie)).status, 200);
    again.stop();
    let anew = start(None);
    assert_eq!(ask(&anew, get("/", &cookie)).status, 401);
    assert_ne!(fs::read(anew.path("session.key")).unwrap(), key);
    anew.stop();
    // A key that others can read is no secret. There is another for this run, and the owner is told.
    let open = start(Some((&key, 0o644)));
    open.complains("session.key`; sessions end when the server does; it may be known, so delete it");
    assert_eq!(ask(&open, get("/", &cookie)).status, 401);
    let other = signed_in(&open, "username=ann&password=hunter2");
    assert_eq!(ask(&open, get("/", &other)).status, 200);
    assert_eq!(fs::read(open.path("session.key")).unwrap(), key);
}

#[test]
fn another_password_ends_it_and_a_switch_in_the_settings_too() {
    let app = App::fine();
    let own = of(&app, "");
    let server = Innkeeper::start(TOP, &own);
    let cookie = signed_in(&server, "username=ann&password=hunter2");
    let status = || ask(&server, get("/", &cookie)).status;
    let mut turn = 0;
    let mut change = |top: &str, own: &str| {
        turn += 1;
        server.write("config.yaml", &settings(top, own));
        server.says_times("the settings were read again", turn);
    };
    change(&format!("{TOP}heartbeatInterval: 0\n"), &own);
    assert_eq!(status(), 200, "what does not concern it does not end it");
    change(TOP, &format!("{own}session: {{enabled: false}}"));
    assert_eq!(status(), 401);
    change(TOP, &own);
    assert_eq!(status(), 200);
    change(&TOP.replace("hunter2", "hunter3"), &own);
    assert_eq!(status(), 401);
    change(&TOP.replace("username: ann", "username: bob"), &own);
    assert_eq!(status(), 401);
}

/// Settings with SillyTavern's accounts, and the files that hold them.
fn with_accounts(app: &App, own: &str) -> Innkeeper {
    let records = crate::it::harness::account_records();
    let files: Vec<(&str, &[u8])> = records.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let top = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelistMode: false\nbasicAuthMode: true\n\
               enableUserAccounts: true\nperUserBasicAuth: true\n";
    Innkeeper::start_with(top, &of(app, own), &files)
}

/// anna's password, as a form has it.
const ANNA: &str =
    "username=anna-muller&password=p%C3%A4ssw%C3%B6rd-%E6%97%A5%E6%9C%AC%E8%AA%9E-%F0%9F%94%91&next=/";

#[test]
fn accounts_sign_in_with_the_form_and_the_application_learns_who_it_is() {
    let app = App::fine();
    let server = with_accounts(&app, "identityHeader: Remote-User");
    let anna = signed_in(&server, ANNA);
    let admin = signed_in(&server, "username=default-user&password=Adm1n%3A+pass%21");
    for body in [
        "username=carol-2&password=carol-secret",
        "username=bob&password=",
        "username=nobody&password=x",
        "username=Anna-Muller&password=x",
    ] {
        assert_eq!(ask(&server, form(body, OWN)).status, 401, "{body}");
    }
    for cookie in [&anna, &admin] {
        assert_eq!(ask(&server, get("/", cookie)).status, 200);
    }
    let got = app.got(2);
    assert!(
        got.contains("Remote-User: anna-muller\r\n") && got.contains("Remote-User: default-user\r\n"),
        "{got}"
    );
    assert!(!got.contains("Authorization") && !got.contains("Cookie"), "{got}");
    // Disabled while the server runs.
    let folder = server.path("data/_storage");
    let record = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| fs::read_to_string(path).unwrap().contains("\"key\":\"user:anna-muller\""))
        .unwrap();
    let text = fs::read_to_string(&record).unwrap();
    assert!(text.contains("\"enabled\":true"), "{text}");
    let put = |text: &str, turn: usize| {
        fs::write(folder.join("new"), text).unwrap();
        fs::rename(folder.join("new"), &record).unwrap();
        server.says_times("the settings were read again", turn);
    };
    put(&text.replace("\"enabled\":true", "\"enabled\":false"), 1);
    assert_eq!(ask(&server, get("/", &anna)).status, 401);
    assert_eq!(ask(&server, get("/", &admin)).status, 200);
    // And enabled again: who was signed out stays so.
    put(&text, 2);
    assert_eq!(ask(&server, get("/", &anna)).status, 401);
    let anna = signed_in(&server, ANNA);
    assert_eq!(ask(&server, get("/", &anna)).status, 200);
}

#[test]
fn an_application_that_signs_people_in_by_itself_gets_what_was_proven_here() {
    let app = App::fine();
    let server = with_accounts(&app, "passAuthorization: true\npublicPaths: [/public]");
    let admin = signed_in(&server, "username=default-user&password=Adm1n%3A+pass%21");
    let right = "Authorization: Basic ZGVmYXVsdC11c2VyOkFkbTFuOiBwYXNzIQ==\r\n";
    let other = "Authorization: Basic YW5uYS1tdWxsZXI6eA==\r\n";
    // `default-user:old`: browsers send a Basic password for as long as they run.
    let former = "Authorization: Basic ZGVmYXVsdC11c2VyOm9sZA==\r\n";
    for (path, fields) in [
        ("/form", admin.clone()),
        ("/basic", format!("{right}{other}")),
        ("/both", format!("{admin}{right}")),
        // Nobody tries passwords on the application by way of us: neither a stranger nor one who is signed in.
        ("/foreign", format!("{admin}{other}")),
        ("/former", format!("{admin}{former}")),
        ("/public", other.to_owned()),
    ] {
        assert_eq!(ask(&server, get(path, &fields)).status, 200, "{path}");
    }
    let sent = app.got(6);
    let of = |path: &str| sent.split("GET ").find(|request| request.starts_with(path)).unwrap().to_owned();
    for path in ["/form", "/basic", "/both", "/foreign", "/former"] {
        assert_eq!(of(path).matches("Authorization").count(), 1, "{sent}");
        assert!(of(path).contains(right), "{sent}");
    }
    assert!(!of("/public").contains("Authorization"), "{sent}");
    let sign_out = form("", &format!("{OWN}{admin}")).replace("signin", "signout");
    assert_eq!(ask(&server, sign_out).status, 303);
}

/// The `Set-Cookie` fields of an answer, as far as the first attribute.
fn set_cookies(answer: &Answer) -> Vec<&str> {
    let fields = answer.head.split("\r\n").filter_map(|line| line.split_once(": "));
    let values = fields.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).map(|(_, value)| value);
    values.map(|value| value.split_once("; ").unwrap().0).collect()
}

#[test]
fn a_session_of_sillytavern_does_not_outlive_ours_where_our_login_makes_it() {
    let theirs = "Cookie: a=b; session-01cdef89=eyJ9; session-01cdef89.sig=x\r\n";
    let removals = ["session-01cdef89=", "session-01cdef89.sig="];
    for (own, is_ended) in
        [("identityHeader: Remote-User", true), ("passAuthorization: true", true), ("satisfy: all", false)]
    {
        let app = App::fine();
        let server = with_accounts(&app, own);
        let admin = "username=default-user&password=Adm1n%3A+pass%21";
        let signed_in = ask(&server, form(admin, &format!("{OWN}{theirs}")));
        let signed_out = ask(&server, form("", &format!("{OWN}{theirs}")).replace("signin", "signout"));
        let refused = ask(&server, form("username=default-user&password=x", &format!("{OWN}{theirs}")));
        let (ours, expected) = (&set_cookies(&signed_in)[..1], if is_ended { &removals[..] } else { &[] });
        assert!(ours[0].starts_with("innkeeper=1."), "{}", signed_in.head);
        assert_eq!((signed_in.status, &set_cookies(&signed_in)[1..]), (303, expected), "{own}");
        assert_eq!(set_cookies(&signed_out), [&["innkeeper="], expected].concat(), "{own}");
        assert_eq!((refused.status, set_cookies(&refused)), (401, vec![]), "{own}");
    }
    // The app signs in to its accounts by itself there, with passwords of its own.
    let app = App::fine();
    let server = Innkeeper::start(TOP, &of(&app, "passAuthorization: true"));
    let signed_in = ask(&server, form("username=ann&password=hunter2", &format!("{OWN}{theirs}")));
    assert_eq!((signed_in.status, set_cookies(&signed_in).len()), (303, 1));
}

#[test]
fn over_tls_the_cookie_is_for_this_host_alone() {
    let app = App::fine();
    let secure = Secure::start(TOP, &of(&app, ""));
    let mut sender = secure.http2("127.0.0.1");
    let html = ("accept", "text/html");
    let (head, body) = secure.ask(&mut sender, request("GET", "/chat", &[html], ""));
    assert_eq!((head.status().as_u16(), head.headers().get("www-authenticate")), (401, None));
    assert!(body.contains("action=\"/.innkeeper/signin\"") && body.contains("value=\"/chat\""), "{body}");
    let media_type = ("content-type", "application/x-www-form-urlencoded");
    let path = "/.innkeeper/signin";
    let right = "username=ann&password=hunter2&next=/chat";
    for (fields, body, status) in [
        (&[media_type, ("origin", "https://app.test")][..], "username=ann&password=wrong", 401),
        (&[media_type, ("origin", "http://app.test")], right, 403),
        (&[media_type], right, 403),
        (&[media_type, ("sec-fetch-site", "cross-site")], right, 403),
        (&[("origin", "https://app.test")], right, 415),
        (&[media_type, ("origin", "https://app.test")], &"x".repeat(8193), 413),
    ] {
        let (head, _) = secure.ask(&mut sender, request("POST", path, fields, body.to_owned()));
        assert_eq!((head.status().as_u16(), head.headers().get("set-cookie")), (status, None), "{fields:?}");
    }
    let own = [media_type, ("origin", "https://app.test")];
    let (head, _) = secure.ask(&mut sender, request("POST", path, &own, right));
    assert_eq!((head.status().as_u16(), head.headers()["location"].to_str().unwrap()), (303, "/chat"));
    let cookie = head.headers()["set-cookie"].to_str().unwrap();
    let (cookie, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
    let value = cookie.strip_prefix("__Host-innkeeper=").unwrap();
    for (cookies, status) in [
        (&[("cookie", cookie)][..], 200),
        (&[("cookie", "a=b"), ("cookie", cookie)], 200),
        (&[("cookie", &*format!("innkeeper={value}"))], 401),
        (&[("cookie", cookie), ("cookie", cookie)], 401),
    ] {
        let (head, _) = secure.ask(&mut sender, request("GET", "/", cookies, ""));
        assert_eq!(head.status().as_u16(), status, "{cookies:?}");
    }
    let foreign = [("cookie", cookie), ("sec-fetch-site", "cross-site")];
    let (head, _) = secure.ask(&mut sender, request("POST", "/", &foreign, "x"));
    assert_eq!(head.status().as_u16(), 403);
    assert_eq!(app.got(2).matches("cookie: a=b\r\n").count(), 1);
}

#[test]
fn a_folder_and_the_empty_house_remember_people_too() {
    let files = [("site/index.html", &b"home"[..])];
    for own in ["root: ./site", ""] {
        let server = Innkeeper::start_with(TOP, own, &files);
        let answer = ask(&server, get("/", &format!("{RIGHT}{BROWSER}")));
        assert_eq!(answer.status, 200);
        let cookie = format!("Cookie: innkeeper={}\r\n", cookie_of(&answer));
        assert_eq!(ask(&server, get("/", &cookie)).status, 200);
        assert_eq!(ask(&server, get("/.innkeeper/x", &cookie)).status, 404);
    }
}
