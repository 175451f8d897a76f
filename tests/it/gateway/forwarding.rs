//! Requests and answers on their way: what the application gets, and what the client gets of its answers.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use crate::it::harness::Innkeeper;
use crate::it::harness::app::App;
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
        let target = crate::it::harness::app::latin1(target.as_bytes());
        expected += &format!("GET {target} HTTP/1.1\r\nHost: app.test\r\n{OURS}\r\n");
    }
    let used = app.wait("all", |used| used.len() == 1 && used[0].requests == targets.len());
    assert_eq!(used[0].text(), expected);
    // The client's connection has one at the other side; nobody opened a second.
    server.stop();
    assert_eq!(app.ended().len(), 1);
}
