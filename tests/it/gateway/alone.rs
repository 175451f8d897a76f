//! A server with no application behind it: a folder, or the page that says who you are.

use std::time::Duration;

use crate::it::harness::Innkeeper;
use crate::it::harness::client::{Client, End};

#[test]
fn a_folder_is_served() {
    let big: Vec<u8> = (0..5_000_003_u32).map(|at| (at % 251) as u8).collect();
    let files: [(&str, &[u8]); 4] = [
        ("www/index.html", b"<h1>hello</h1>"),
        ("www/a b.txt", b"a b"),
        ("www/.secret", b"secret"),
        ("www/big.bin", &big),
    ];
    let server = Innkeeper::start_with("", "root: www", &files);
    let mut client = Client::of(&server);
    for (target, status, text) in
        [("/", 200, "<h1>hello</h1>"), ("/index.html?x=y", 200, "<h1>hello</h1>"), ("/a%20b.txt", 200, "a b")]
    {
        let answer = client.get(target);
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{target}");
    }
    for target in [
        "/missing",
        "/.secret",
        "/%2esecret",
        "/../config.yaml",
        "/..%2fconfig.yaml",
        "/%2e%2e/config.yaml",
        "/x/../../config.yaml",
        "//etc/passwd",
        "/a b.txt\\",
        "/index.html/",
        "/%00",
        "/%zz",
    ] {
        let target = target.replace(' ', "%20");
        let answer = client.get(&target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(!answer.text().contains("secret"), "{target}");
    }
    assert!(client.get("/big.bin").body == big);
    client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=5000000-\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.body.as_slice()), (206, &big[5_000_000..]));
    let tag = client.get("/").field("etag").unwrap().to_owned();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n"));
    assert_eq!(client.answer().status, 304);
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer_to_head().field("content-length"), Some("14"));
    // A body that nobody wants does not become the next request; one that is not all there ends the connection.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /a%20b.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().status, 405);
    assert_eq!(client.answer().text(), "a b");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell");
    assert_eq!(client.answer().field("connection"), Some("close"));
    assert_eq!(client.end(), End::Closed(String::new()));

    let mut stranger = Client::from("127.0.0.5", &server);
    assert_eq!(stranger.get("/").status, 403);
}

#[test]
fn a_slow_reader_gets_the_whole_file() {
    let big: Vec<u8> = (0..30_000_000_u32).map(|at| (at % 251) as u8).collect();
    let own = "root: www\nlimits: {bodyTimeout: 1s}";
    let server = Innkeeper::start_with("", own, &[("www/big.bin", &big)]);
    let mut client = Client::of(&server);
    client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 OK\r\n"));
    // All in all longer than the limit, which is for standing still.
    for piece in big.chunks(2_000_000) {
        assert!(client.bytes(piece.len()) == piece);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(client.end(), End::Closed(String::new()));
}

#[test]
fn with_nothing_behind_it_a_page_says_who_you_are() {
    let server = Innkeeper::start("", "");
    let mut client = Client::of(&server);
    let answer = client.get("/anything?at=all");
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("127.0.0.1") && answer.text().contains("HTTP/1.1"), "{}", answer.text());
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer_to_head().status, 200);
    client.send("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().status, 405);
    let mut stranger = Client::from("127.0.0.5", &server);
    assert_eq!(stranger.get("/").status, 403);
}

#[test]
fn what_lets_anybody_in_is_no_file_of_the_folder() {
    let top = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelistMode: false\nbasicAuthMode: true\n\
               basicAuthUser: {username: ann, password: hunter2}\n";
    let files: [(&str, &[u8]); 4] = [
        ("index.html", b"hello"),
        ("whitelist.txt", b"192.0.2.7"),
        ("data/_storage/record", b"secret"),
        ("data/x.txt", b"data"),
    ];
    let server = Innkeeper::start_with(top, "root: .", &files);
    std::os::unix::fs::symlink("session.key", server.path("link")).unwrap();
    let mut client = Client::of(&server);
    let mut get = |target: &str| {
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YW5uOmh1bnRlcjI=\r\n\r\n"
        ));
        client.answer()
    };
    for target in ["/", "/data/x.txt"] {
        assert_eq!(get(target).status, 200, "{target}");
    }
    assert_eq!(std::fs::read_to_string(server.path("session.key")).unwrap().len(), 65);
    for target in [
        "/session.key",
        "/session%2ekey",
        "/link",
        "/config.yaml",
        "/whitelist.txt",
        "/access.log",
        "/data/_storage",
        "/data/_storage/record",
    ] {
        assert_eq!(get(target).status, 404, "{target}");
    }
}
