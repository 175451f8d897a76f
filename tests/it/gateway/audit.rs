//! The audit log of the running server: every kind of line, whole whatever happens to its file.

mod damage;
mod seldom;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use innkeeper::record::event::{Event, Kind};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::it::gateway::http2::{Secure, frame, opening, request};
use crate::it::harness::app::App;
use crate::it::harness::client::Client;
use crate::it::harness::{Innkeeper, PATIENCE, settings};

/// Lists 127.0.0.1 and 127.0.0.2.
const LIST: &str = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelist: [127.0.0.1, 127.0.0.2]\n";

/// The same, and asks for ann's password.
const LOCKED: &str = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelist: [127.0.0.1]\nbasicAuthMode: true\n\
                      basicAuthUser: {username: ann, password: hunter2}\n";

/// A folder for the logs of a server, which outlives it.
struct Logs(TempDir);

impl Logs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What stands under `innkeeper:` so that `visits` are written here.
    fn own(&self, upstream: &str, visits: &str, more: &str) -> String {
        let path = self.path("audit.jsonl");
        format!("upstream: {upstream}\naudit: {{path: '{}', visits: {visits}{more}}}", path.display())
    }

    /// Every line, its time and what else is never the same blackened, without the first and the last: `start` and
    /// `stop`.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = whole_lines(&self.path("audit.jsonl")).iter().map(blackened).collect();
        assert_eq!(
            lines.remove(0),
            r#"{"time":"T","event":"start","version":"0.1.0","listen":["127.0.0.1:PORT"]}"#
        );
        assert_eq!(lines.pop().unwrap(), r#"{"time":"T","event":"stop"}"#);
        lines
    }
}

/// The lines of a file, each of which has to be one that is understood.
fn whole_lines(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    assert!(bytes.iter().all(|byte| matches!(byte, b'\n' | b' '..=b'~' | 0xe2 | 0x80 | 0xa6)));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    for line in text.lines() {
        let event: Event = line.parse().unwrap();
        assert_ne!(event.kind, Kind::Other);
        assert_eq!(event.to_string(), line);
    }
    text.lines().map(str::to_owned).collect()
}

/// Waits until `path` has lines of which `enough` is true.
fn wait_for(path: &Path, enough: impl Fn(&str) -> bool) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if enough(&text) {
            return text;
        }
        assert!(Instant::now() < end, "{text}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[expect(clippy::ptr_arg, reason = "for `map`")]
fn blackened(line: &String) -> String {
    let mut line = line.clone();
    for (begin, end, black) in [("\"time\":\"", '"', "T"), ("127.0.0.1:", '"', "PORT"), ("\"ms\":", ',', "0")]
    {
        if let Some(at) = line.find(begin) {
            let from = at + begin.len();
            let to = from + line[from..].find(end).unwrap();
            line.replace_range(from..to, black);
        }
    }
    line
}

/// The line of a visit, from its verdict to its end, blackened.
fn visit(event: &str, rest: &str) -> String {
    format!(r#"{{"time":"T","event":"{event}",{rest}}}"#)
}

#[test]
fn every_request_with_its_verdict_and_end() {
    let logs = Logs::new();
    let app = App::start(|talk| {
        while let Some(request) = talk.request() {
            match request.target() {
                "/cut" => {
                    talk.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
                    return;
                }
                _ => talk.say("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"),
            };
        }
    });
    let server = Innkeeper::start(LIST, &logs.own(&app.url, "all", ""));
    let mut client = Client::of(&server);
    client.send(
        "POST /a?secret=1 HTTP/1.1\r\nHost: app.test\r\nUser-Agent: x/1\r\nContent-Length: 3\r\n\r\nabc",
    );
    assert_eq!(client.answer().status, 201);
    client.send(
        "HEAD /b HTTP/1.0\r\nHost: app.test\r\nX-Forwarded-For: 127.0.0.2\r\nConnection: keep-alive\r\n\r\n",
    );
    assert_eq!(client.answer_to_head().status, 201);
    client.send("GET /cut HTTP/1.1\r\nHost: app.test\r\n\r\n");
    client.end();
    let mut stranger = Client::from("127.0.0.9", &server);
    assert_eq!(stranger.get("/").status, 403);
    let mut garbage = Client::of(&server);
    garbage.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert_eq!(garbage.answer().status, 400);
    let mut own = Client::of(&server);
    assert_eq!(own.get("/.innkeeper/x").status, 404);
    server.stop();
    let listed = r#""verdict":"allowed","reason":"listed","client":"127.0.0.1""#;
    let rule = r#""rule":"127.0.0.1","place":"config.yaml:5""#;
    let mut lines = logs.lines();
    // Two connections may end in any order.
    lines.sort();
    let mut expected = [
        visit(
            "visit",
            &format!(
                r#"{listed},{rule},"method":"POST","host":"app.test","path":"/a","status":201,"received":3,"sent":5,"ms":0,"end":"whole","protocol":"HTTP/1.1","agent":"x/1""#
            ),
        ),
        visit(
            "visit",
            &format!(
                r#"{listed},"claimed":"127.0.0.2",{rule},"method":"HEAD","host":"app.test","path":"/b","status":201,"received":0,"sent":0,"ms":0,"end":"whole","protocol":"HTTP/1.0""#
            ),
        ),
        visit(
            "visit",
            &format!(
                r#"{listed},{rule},"method":"GET","host":"app.test","path":"/cut","status":200,"received":0,"sent":4,"ms":0,"end":"cut","protocol":"HTTP/1.1""#
            ),
        ),
        visit(
            "visit",
            r#""verdict":"refused","reason":"unlisted","client":"127.0.0.9","method":"GET","host":"app.test","path":"/","status":403,"received":0,"sent":SENT,"ms":0,"end":"whole","protocol":"HTTP/1.1""#,
        ),
        visit(
            "visit",
            r#""verdict":"refused","reason":"malformed","client":"127.0.0.1","status":400,"received":0,"sent":SENT,"ms":0,"end":"whole""#,
        ),
        visit(
            "visit",
            &format!(
                r#"{listed},{rule},"method":"GET","host":"app.test","path":"/.innkeeper/x","status":404,"received":0,"sent":SENT,"ms":0,"end":"whole","protocol":"HTTP/1.1""#
            ),
        ),
    ];
    expected.sort();
    assert_eq!(lines.iter().map(without_length).collect::<Vec<_>>(), expected);
}

#[test]
fn what_changes_from_request_to_request_on_one_connection() {
    let logs = Logs::new();
    let app = App::start(|talk| {
        while talk.request().is_some() {
            talk.say("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello");
        }
    });
    let server = Innkeeper::start(LIST, &logs.own(&app.url, "all", ""));
    let mut client = Client::of(&server);
    // What is sent, and which keys of the line that changes.
    let same = ("GET /a", "Host: app.test\r\nUser-Agent: x/1\r\n");
    let requests = [
        same,
        same,
        same,
        ("GET /longer?and=longer", same.1),
        ("GET /b", same.1),
        ("POST /a", same.1),
        ("GET /a", "Host: app.test\r\nUser-Agent: x/\"\r\n"),
        ("GET /a", "Host: app.test\r\nUser-Agent: x/\"\r\n"),
        ("GET /a", "Host: app.test\r\n"),
        ("GET /a", "Host: app.test\r\n"),
        ("GET /a", "Host: app.test\r\n"),
        ("GET /a", "Host: app.testing\r\n"),
        ("GET /a", "Host: app.testing\r\nX-Forwarded-For: 127.0.0.2\r\n"),
        same,
        same,
        ("GET /.innkeeper/x", same.1),
        same,
    ];
    for (line, fields) in requests {
        client.send(format!("{line} HTTP/1.1\r\n{fields}\r\n"));
        client.answer();
    }
    client.send("GET /a HTTP/1.1\r\nHost: app.test\r\nUser-Agent: x/1\r\nConnection: close\r\n\r\n");
    client.answer();
    client.end();
    server.stop();
    let line = |path: &str, changes: &[(&str, &str)]| {
        let rest = r#""verdict":"allowed","reason":"listed","client":"127.0.0.1","rule":"127.0.0.1","place":"config.yaml:5","method":"GET","host":"app.test","path":"PATH","status":201,"received":0,"sent":5,"ms":0,"end":"whole","protocol":"HTTP/1.1","agent":"x/1""#;
        let line = visit("visit", &rest.replace("PATH", path));
        changes.iter().fold(line, |line, (before, after)| line.replace(before, after))
    };
    let whole = line("/a", &[]);
    let quoted = line("/a", &[("x/1", r#"x/\""#)]);
    let nameless = line("/a", &[(r#","agent":"x/1""#, "")]);
    let testing = nameless.replace("app.test", "app.testing");
    let claimed = testing.replace(r#""127.0.0.1","rule""#, r#""127.0.0.1","claimed":"127.0.0.2","rule""#);
    let expected = [
        whole.clone(),
        whole.clone(),
        whole.clone(),
        line("/longer", &[]),
        line("/b", &[]),
        line("/a", &[("GET", "POST")]),
        quoted.clone(),
        quoted,
        nameless.clone(),
        nameless.clone(),
        nameless,
        testing,
        claimed,
        whole.clone(),
        whole.clone(),
        line("/.innkeeper/x", &[(r#""status":201"#, r#""status":404"#), (r#""sent":5"#, r#""sent":SENT"#)]),
        whole.clone(),
        whole,
    ];
    let lines: Vec<String> = logs
        .lines()
        .iter()
        .map(|line| if line.contains("/.innkeeper/x") { without_length(line) } else { line.clone() })
        .collect();
    assert_eq!(lines, expected);
}

/// A line whose answer is a page of ours: how long that is stands elsewhere.
#[expect(clippy::ptr_arg, reason = "for `map`")]
fn without_length(line: &String) -> String {
    let sent = line.split(r#""sent":"#).nth(1).map_or("", |rest| rest.split(',').next().unwrap());
    if sent.len() > 2 { line.replace(&format!(r#""sent":{sent},"#), r#""sent":SENT,"#) } else { line.clone() }
}

#[test]
fn logins_by_both_ways_and_their_failures() {
    let logs = Logs::new();
    let app = App::fine();
    let server = Innkeeper::start(LOCKED, &logs.own(&app.url, "new", ""));
    let mut client = Client::of(&server);
    assert_eq!(client.get("/first").status, 401);
    for (authorization, status) in
        [("Basic YW5uOndyb25n", 401), ("Basic /w==", 401), ("Basic YW5uOmh1bnRlcjI=", 200)]
    {
        for target in ["/x", "/y"] {
            client.send(format!(
                "GET {target}?q HTTP/1.1\r\nHost: app.test\r\nAuthorization: {authorization}\r\nUser-Agent: a\r\n\r\n"
            ));
            let got = client.answer().status;
            assert!(got == status || got == 429, "{got}");
            if status != 200 {
                break;
            }
        }
    }
    let form = |client: &mut Client, password: &str| {
        let body = format!("username=ann&password={password}");
        client.send(format!(
            "POST /.innkeeper/signin HTTP/1.1\r\nHost: app.test\r\nOrigin: http://app.test\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        client.answer().status
    };
    assert_eq!(form(&mut client, "hunter2"), 303);
    assert_eq!(form(&mut client, "mistake"), 401);
    server.stop();
    let lines = logs.lines();
    let short: Vec<String> = lines
        .iter()
        .map(|line| {
            let key = |key: &str| {
                let value = line.split(&format!(r#""{key}":"#)).nth(1)?;
                Some(value.split([',', '}']).next()?.trim_matches('"').to_owned())
            };
            ["event", "reason", "user", "by", "path", "status", "received"]
                .into_iter()
                .filter_map(key)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        short,
        [
            "visit no-login /first 401 0",
            "failure wrong-password /x 401 0",
            "failure unreadable-login /x 401 0",
            "sign-in ann basic",
            "visit password ann /x 200 0",
            "sign-in ann form",
            "failure wrong-password /.innkeeper/signin 401 29"
        ]
    );
    let text = lines.concat();
    for secret in ["hunter2", "wrong\"", "mistake", "YW5u", "Basic ", "?q"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn which_visits_are_written_is_a_setting() {
    for (visits, expected) in [("new", 2), ("refused", 1), ("all", 4)] {
        let logs = Logs::new();
        let app = App::fine();
        let server = Innkeeper::start(LIST, &logs.own(&app.url, visits, ""));
        for source in ["127.0.0.1", "127.0.0.1", "127.0.0.9"] {
            let mut client = Client::from(source, &server);
            client.get("/");
            if source == "127.0.0.9" {
                break;
            }
        }
        assert_eq!(Client::of(&server).get("/").status, 200);
        server.stop();
        assert_eq!(logs.lines().len(), expected, "{visits}");
    }
    let logs = Logs::new();
    let app = App::fine();
    let server = Innkeeper::start(LIST, &logs.own(&app.url, "all", ", enabled: false"));
    Client::of(&server).get("/");
    server.stop();
    assert!(!logs.path("audit.jsonl").exists());
}

#[test]
fn a_flood_is_a_line_a_second() {
    let logs = Logs::new();
    let app = App::fine();
    let server = Innkeeper::start(LIST, &logs.own(&app.url, "all", ""));
    let began = Instant::now();
    let mut client = Client::from("127.0.0.9", &server);
    for _ in 0..500 {
        assert_eq!(client.get("/").status, 403);
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    server.stop();
    let lines = logs.lines();
    assert!((2..=seconds + 3).contains(&lines.len()), "{lines:#?}");
    assert_eq!(lines.iter().map(told_requests).sum::<usize>(), 500);
}

/// For how many requests a line stands.
#[expect(clippy::ptr_arg, reason = "for `map`")]
fn told_requests(line: &String) -> usize {
    line.split(r#""count":"#).nth(1).map_or(1, |count| count.trim_end_matches('}').parse().unwrap())
}

#[test]
fn http2_too() {
    let logs = Logs::new();
    let app = App::start(|talk| {
        while let Some(request) = talk.request() {
            match request.target() {
                "/cut" => {
                    talk.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
                    return;
                }
                _ => talk.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
            };
        }
    });
    let secure = Secure::start(LIST, &logs.own(&app.url, "all", ""));
    let get = |source: &str, method: &str, target: &str| {
        secure.ask_once(source, request(method, target, &[], "abc"));
    };
    get("127.0.0.1", "POST", "/a?b");
    get("127.0.0.1", "GET", "/cut");
    get("127.0.0.9", "GET", "/");
    secure.server.stop();
    let mut lines: Vec<String> = logs.lines().iter().map(without_length).collect();
    lines.sort();
    let listed = r#""verdict":"allowed","reason":"listed","client":"127.0.0.1","rule":"127.0.0.1","place":"config.yaml:6""#;
    let tls = r#""tls":"1.3","protocol":"HTTP/2""#;
    assert_eq!(
        lines,
        [
            visit(
                "visit",
                &format!(
                    r#"{listed},"method":"GET","host":"app.test","path":"/cut","status":200,"received":3,"sent":4,"ms":0,"end":"cut",{tls}"#
                )
            ),
            visit(
                "visit",
                &format!(
                    r#"{listed},"method":"POST","host":"app.test","path":"/a","status":200,"received":3,"sent":5,"ms":0,"end":"whole",{tls}"#
                )
            ),
            visit(
                "visit",
                &format!(
                    r#""verdict":"refused","reason":"unlisted","client":"127.0.0.9","method":"GET","host":"app.test","path":"/","status":403,"received":0,"sent":SENT,"ms":0,"end":"whole",{tls}"#
                )
            ),
        ]
    );
}

#[test]
fn what_was_sent_after_the_answer_began_counts_for_whoever_is_sent_away() {
    let logs = Logs::new();
    // It answers before it has heard anything, and listens on.
    let app = App::start(|talk| {
        talk.head();
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        while talk.bytes(1).is_some() {}
    });
    let own = logs.own(&app.url, "all", "");
    let secure = Secure::start(LIST, &own);
    let mut stream = secure.connect("127.0.0.2", "h2");
    let head = [(":method", "POST"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")];
    secure.wait(async {
        stream.write_all(&opening(0, &head)).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(5).any(|bytes| bytes == b"first") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
        stream.write_all(&frame(0, 0, 1, b"abc")).await.unwrap();
    });
    app.wait("what was sent", |used| used[0].text().contains("\r\nabc\r\n"));
    let top = LIST.replace(", 127.0.0.2", "");
    let tls = "ssl: {enabled: true, certPath: tls/cert.pem, keyPath: tls/key.pem}\n";
    secure.server.write("config.yaml", &settings(&format!("{tls}{top}"), &own));
    app.wait("its end", |used| used[0].ended);
    drop(stream);
    secure.server.stop();
    let rest = r#""verdict":"refused","reason":"revoked","client":"127.0.0.2","rule":"127.0.0.2","place":"config.yaml:6","method":"POST","host":"app.test","path":"/","status":200,"received":3,"sent":5,"ms":0,"end":"cut","tls":"1.3","protocol":"HTTP/2""#;
    let visits: Vec<String> = logs.lines().into_iter().filter(|line| line.contains("visit")).collect();
    assert_eq!(visits, [visit("visit", rest)]);
}

#[test]
fn whoever_is_sent_away_came_by_the_version_that_was_agreed_on() {
    let logs = Logs::new();
    let app = App::start(|talk| {
        talk.head();
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        talk.listen();
    });
    // The visit itself is not written.
    let own = logs.own(&app.url, "refused", "");
    let secure = Secure::start(LIST, &own);
    let mut stream = secure.connect_in("127.0.0.2", "h2", &[&rustls::version::TLS12]);
    let head = [(":method", "GET"), (":scheme", "https"), (":authority", "app.test"), (":path", "/")];
    secure.wait(async {
        stream.write_all(&opening(1, &head)).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(5).any(|bytes| bytes == b"first") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
    });
    let top = LIST.replace(", 127.0.0.2", "");
    let tls = "ssl: {enabled: true, certPath: tls/cert.pem, keyPath: tls/key.pem}\n";
    secure.server.write("config.yaml", &settings(&format!("{tls}{top}"), &own));
    app.wait("its end", |used| used[0].ended);
    drop(stream);
    secure.server.stop();
    let rest = r#""verdict":"refused","reason":"revoked","client":"127.0.0.2","method":"GET","host":"app.test","path":"/","received":0,"sent":0,"ms":0,"end":"cut","tls":"1.2","protocol":"HTTP/2""#;
    let visits: Vec<String> = logs.lines().into_iter().filter(|line| line.contains("visit")).collect();
    assert_eq!(visits, [visit("visit", rest)]);
}

#[test]
fn changes_of_the_settings_and_who_goes_with_them() {
    let logs = Logs::new();
    // It opens a WebSocket and says nothing more.
    let app = App::start(|talk| {
        talk.head();
        talk.say(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nfirst",
        );
        while talk.bytes(1).is_some() {}
    });
    let own = logs.own(&app.url, "refused", "");
    let server = Innkeeper::start(LIST, &own);
    let mut client = Client::from("127.0.0.2", &server);
    client.send(
        "GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    client.until("first").unwrap();
    let top = LIST.replace("127.0.0.2", "127.0.0.3") + "basicAuthUser: {password: hunter2}\n";
    server.write("config.yaml", &settings(&top, &own));
    server.says("the settings were read again");
    client.end();
    server.stop();
    assert_eq!(
        logs.lines(),
        [
            r#"{"time":"T","event":"reload","changed":["basicAuthUser.password","whitelist"]}"#.to_owned(),
            r#"{"time":"T","event":"revoke","rule":"127.0.0.2","place":"config.yaml:5"}"#.to_owned(),
            r#"{"time":"T","event":"approve","rule":"127.0.0.3","place":"config.yaml:5"}"#.to_owned(),
            // Where it began is not written, so of its length nothing is known.
            visit(
                "visit",
                r#""verdict":"refused","reason":"revoked","client":"127.0.0.2","method":"GET","host":"app.test","path":"/ws","received":0,"sent":0,"ms":0,"end":"cut","protocol":"HTTP/1.1""#
            ),
        ]
    );
}

#[test]
fn a_tunnel_is_written_when_it_ends() {
    let logs = Logs::new();
    let app = App::start(|talk| {
        talk.head();
        talk.say(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nfirst",
        );
        talk.bytes(3);
    });
    let server = Innkeeper::start(LIST, &logs.own(&app.url, "new", ""));
    let mut client = Client::of(&server);
    client.send(
        "GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    client.until("first").unwrap();
    client.send("abc");
    client.hang_up();
    client.end();
    server.stop();
    let rest = r#""verdict":"allowed","reason":"listed","client":"127.0.0.1","rule":"127.0.0.1","place":"config.yaml:5","method":"GET","host":"app.test","path":"/ws","status":101,"received":3,"sent":5,"ms":0,"end":"whole","protocol":"HTTP/1.1""#;
    assert_eq!(logs.lines(), [visit("visit", rest)]);
}

/// What somebody may write to harm whoever reads the log.
fn hostile() -> Vec<Vec<u8>> {
    let mut corpus: Vec<Vec<u8>> = [
        "\x1b[2J\x1b]0;title\x07",
        "\u{9b}31m\u{85}",
        "\u{202e}\u{2066}\u{200f}\u{2028}\u{feff}",
        "\",\"event\":\"stop\",\"x\":\"",
        "\"}\\\"}{\"time\":\"",
        "\\u001b\\",
        "\x7f\x01",
        "… \u{1f600}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    corpus.extend([b"\x9b31m\xff\xfe".to_vec(), vec![b'a'; 20_000], b"\xc3".repeat(9_000)]);
    corpus.push("\u{202e}".repeat(3000).into_bytes());
    corpus
}

#[test]
fn nothing_from_outside_reaches_the_file_as_it_was_sent() {
    let logs = Logs::new();
    let app = App::fine();
    // A name of whoever signs in is as it was typed, too.
    let name = "\\e[31m\\u202e\\\"x";
    let top = LOCKED.replace("username: ann", &format!("username: \"{name}\""));
    let combined = logs.path("combined.log");
    let more = format!(", combined: '{}'", combined.display());
    let server = Innkeeper::start(&top, &logs.own(&app.url, "all", &more));
    let mut requests = 0;
    for text in hostile() {
        let parts = [
            ("User-Agent: ", "\r\n"),
            ("Host: ", "\r\n"),
            ("GET /", " HTTP/1.1\r\n"),
            ("X-Forwarded-For: ", "\r\n"),
        ];
        for (field, end) in parts {
            let mut request = Vec::new();
            if !field.starts_with("GET") {
                request.extend_from_slice(b"GET / HTTP/1.1\r\n");
            }
            for piece in [field.as_bytes(), &text, end.as_bytes()] {
                request.extend_from_slice(piece);
            }
            if !field.starts_with("Host") {
                request.extend_from_slice(b"Host: app.test\r\n");
            }
            request.extend_from_slice(b"Authorization: Basic G1szMW3igK4ieDpodW50ZXIy\r\n\r\n");
            let mut client = Client::of(&server);
            client.try_send(request);
            // What it is answered is tested elsewhere; it is answered.
            assert!(client.answer().status >= 200);
            requests += 1;
        }
    }
    server.stop();
    let lines = logs.lines();
    let counted: usize = lines.iter().filter(|line| line.contains("\"verdict\"")).map(told_requests).sum();
    assert_eq!(counted, requests, "{lines:#?}");
    assert!(lines.iter().all(|line| line.len() < 8192));
    let user = r#""user":"\\u{1b}[31m\\u{202e}\"x""#;
    assert!(lines.iter().any(|line| line.contains(user)), "{lines:#?}");
    let combined = fs::read_to_string(combined).unwrap();
    assert_eq!(combined.lines().count(), requests);
    assert!(combined.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')), "{combined}");
    for line in combined.lines() {
        // "request" "referer" "agent"
        assert_eq!(line.matches('"').count(), 6, "{line}");
    }
}

#[test]
fn what_is_secret_is_nowhere() {
    let logs = Logs::new();
    let app = App::fine();
    let combined = logs.path("combined.log");
    let more = format!(", combined: '{}'", combined.display());
    let server = Innkeeper::start(LOCKED, &logs.own(&app.url, "all", &more));
    for status in [401, 401] {
        let mut client = Client::of(&server);
        client.send(
            "GET /?canary-query HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk\r\n\
             Cookie: canary-cookie=canary-value\r\nReferer: http://app.test/?canary-referer\r\n\r\n",
        );
        assert_eq!(client.answer().status, status);
    }
    let ended = server.stop();
    let mut text =
        fs::read_to_string(logs.path("audit.jsonl")).unwrap() + &fs::read_to_string(combined).unwrap();
    text += &(ended.stdout + &ended.stderr);
    assert!(text.contains("wrong-password"));
    for secret in ["canary", "Y2FuYXJ5"] {
        assert!(!text.contains(secret), "{text}");
    }
}
