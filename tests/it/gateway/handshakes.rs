//! Handshakes that do not come to their end.

use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use crate::it::harness::app::App;
use crate::it::harness::client::{Client, End};
use crate::it::harness::tls::{Browser, Made, ask};
use crate::it::harness::{Innkeeper, PATIENCE};

/// So many begin and say no more.
const HANGING: usize = 600;

/// The state of a socket that listens, in the kernel's table of TCP sockets.
const LISTENS: &str = "0A";

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n";

/// How many connections of clients the server holds: its sockets on the port that it listens on. Other descriptors
/// do not count: a worker that begins late opens some, and so does whoever asks the application.
fn connections(server: &Innkeeper) -> usize {
    let held: HashSet<String> = fs::read_dir(format!("/proc/{}/fd", server.id()))
        .unwrap()
        .filter_map(|descriptor| fs::read_link(descriptor.unwrap().path()).ok())
        .filter_map(|file| Some(file.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let port = format!(":{:04X}", server.port);
    let table = fs::read_to_string(format!("/proc/{}/net/tcp", server.id())).unwrap();
    let is_one = |line: &&str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        fields[1].ends_with(&port) && fields[3] != LISTENS && held.contains(fields[9])
    };
    table.lines().skip(1).filter(is_one).count()
}

/// Waits until it holds no more than that.
fn come_back(server: &Innkeeper, most: usize) {
    let end = Instant::now() + PATIENCE;
    while connections(server) > most {
        assert!(Instant::now() < end, "{} connections, and not {most}", connections(server));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Clients that say nothing, one byte, or half of what begins a handshake, in turn.
fn hang(server: &Innkeeper, count: usize) -> Vec<Client> {
    let hello = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), &[7; 200]].concat();
    let words = [&hello[..0], &hello[..1], &hello];
    let one = |number: usize| {
        let mut client = Client::from(&format!("127.0.{}.{}", 1 + number / 200, 1 + number % 200), server);
        client.send(words[number % words.len()]);
        client
    };
    (0..count).map(one).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn while_many_hang_others_are_served_and_nothing_is_left_of_them() {
    let app = App::fine();
    let server = Made::of(&["app.test"]).serve("", &format!("upstream: {}", app.url));
    let browser = Browser::trusting();
    let visit = || {
        let answer = ask(&mut browser.connect(&server, "app.test").unwrap(), REQUEST);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    };
    visit();
    let mut hanging = hang(&server, HANGING);
    for _ in 0..20 {
        visit();
    }
    let mut open = browser.connect(&server, "app.test").unwrap();
    // They hang still: nobody was sent away to make room.
    for client in &mut hanging {
        client.stream.set_nonblocking(true).unwrap();
        let read = client.stream.read(&mut [0]);
        assert!(matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock), "{read:?}");
    }
    assert!(connections(&server) > HANGING);
    drop(hanging);
    // But for `open`.
    come_back(&server, 1);
    assert!(ask(&mut open, REQUEST).starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(server.stop().stderr, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_handshake_has_its_time_from_the_first_byte_on_or_without_one() {
    let made = Made::of(&["app.test"]);
    let server = made.serve("", "limits: {handshakeTimeout: 300ms}");
    for mut client in hang(&server, 9) {
        let end = client.end();
        assert!(matches!(&end, End::Closed(rest) | End::Reset(rest) if rest.is_empty()), "{end:?}");
    }
    come_back(&server, 0);
    assert_eq!(server.stop().stderr, "");
}

#[test]
fn the_stop_waits_for_no_handshake() {
    let server = Made::of(&["app.test"]).serve("", "limits: {handshakeTimeout: 1h}");
    let mut hanging = hang(&server, 9);
    // All of them were accepted: the last of one queue is served.
    assert!(Browser::trusting().connect(&server, "app.test").is_ok());
    assert!(!server.stop().stdout.contains("panicked"));
    for client in &mut hanging {
        let end = client.end();
        assert!(matches!(&end, End::Closed(rest) | End::Reset(rest) if rest.is_empty()), "{end:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn as_many_descriptors_are_used_as_the_system_allows() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.current_dir(folder.path()).env_clear();
    shell.args([
        "-c",
        "ulimit -Sn 64 && ulimit -Hn 128 && exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_innkeeper"),
    ]);
    let server = Innkeeper::start_by(shell, folder, "", "");
    // By the first answer it has asked for them.
    assert_eq!(Client::of(&server).get("/").status, 200);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_ascii_whitespace().collect::<Vec<_>>()[3..5], ["128", "128"]);
}
