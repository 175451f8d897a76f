//! The end: whoever is served is served to the end, whoever only waits is told at once.

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Instant;

use crate::it::harness::app::App;
use crate::it::harness::client::{Client, End};
use crate::it::harness::{Innkeeper, PATIENCE};

#[test]
fn running_requests_finish_and_nobody_new_comes_in() {
    for signal in ["TERM", "INT"] {
        let (release, released) = channel();
        let released = Mutex::new(released);
        let app = App::start(move |talk| {
            while let Some(request) = talk.request() {
                if request.target() == "/slow" {
                    talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin");
                    released.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                    talk.say(" end!");
                } else if request.target() == "/silent" {
                    released.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                    talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                } else {
                    talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                }
            }
        });
        let server = Innkeeper::before(&app.url);
        let mut idle = Client::of(&server);
        assert_eq!(idle.get("/").text(), "ok");
        let mut unused = Client::of(&server);
        let mut slow = Client::of(&server);
        slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        slow.until("begin").unwrap();
        let mut silent = Client::of(&server);
        silent.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
        app.got(3);

        server.signal(signal);
        server.says("stopping: running requests have 10 s to finish");
        assert_eq!(idle.end(), End::Closed(String::new()));
        assert_eq!(unused.end(), End::Closed(String::new()));
        // Each worker closes the socket for itself; after the last of them nobody can connect.
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", server.port)).is_ok() {
            assert!(Instant::now() < end, "it still listens");
        }
        release.send(()).unwrap();
        release.send(()).unwrap();
        assert_eq!(slow.end(), End::Closed(" end!".to_owned()));
        let answer = silent.answer();
        assert_eq!((answer.text().as_str(), answer.field("connection")), ("ok", Some("close")));
        assert_eq!(silent.end(), End::Closed(String::new()));
        let ended = server.ended();
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), UNTRUSTED));
        drop(ended.stdout);
    }
}

/// What is said of the host names `app.test` and `a`, in the order in which they come.
const UNTRUSTED: &str = "Request from untrusted host: app.test\n  If it is a name of yours, add it to \
                         hostWhitelist.hosts. hostWhitelist.enabled: true refuses all others; hostWhitelist.scan: \
                         false ends these lines.\nRequest from untrusted host: a\n";

#[test]
fn a_server_with_nothing_to_do_stops_at_once() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    server.stop();
    assert_eq!(app.ended().len(), 0);
}

#[test]
fn a_second_signal_waits_for_nobody() {
    let (release, held) = channel::<()>();
    let held = Mutex::new(held);
    let app = App::start(move |talk| {
        if talk.request().is_some() {
            // Never: what holds it is dropped after the server has ended.
            let _ = held.lock().unwrap().recv();
        }
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.got(1);
    server.signal("INT");
    server.says("stopping: running requests have 10 s to finish; once more to stop at once");
    server.signal("INT");
    assert_eq!(server.ended().status.code(), Some(0));
    match client.end() {
        End::Closed(got) | End::Reset(got) => assert_eq!(got, ""),
    }
    drop(release);
}
