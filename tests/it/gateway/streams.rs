//! What happens in time: answers that come early, late, in pieces or never; clients and applications that leave.

use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::it::harness::app::{App, latin1};
use crate::it::harness::client::{Client, End};
use crate::it::harness::{Innkeeper, PATIENCE};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A channel that a script may use from any connection.
fn signal<T: Send>() -> (Sender<T>, impl Fn() -> Option<T> + Send + Sync) {
    let (sender, receiver) = channel();
    let receiver: Mutex<Receiver<T>> = Mutex::new(receiver);
    (sender, move || receiver.lock().unwrap().recv_timeout(PATIENCE).ok())
}

#[test]
fn events_arrive_as_they_are_sent() {
    let (confirmed, wait) = signal();
    let app = App::start(move |talk| {
        if talk.request().is_none() {
            return;
        }
        talk.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for number in 0..5 {
            talk.say(format!("9\r\ndata: {number}\n\n\r\n"));
            // The next event is sent only when the client has this one.
            if wait() != Some(number) {
                return;
            }
        }
        talk.say("0\r\n\r\n");
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    client.send("GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    assert!(client.head().contains("Content-Type: text/event-stream\r\n"));
    for number in 0..5 {
        assert_eq!(latin1(&client.bytes(14)), format!("9\r\ndata: {number}\n\n\r\n"));
        confirmed.send(number).unwrap();
    }
    assert_eq!(latin1(&client.bytes(5)), "0\r\n\r\n");
}

#[test]
fn uploads_arrive_as_they_are_sent() {
    let (came, wait) = signal();
    let came = Mutex::new(came);
    let app = App::start(move |talk| {
        if talk.head().is_none() {
            return;
        }
        for _ in 0..3 {
            let piece = talk.bytes(3).unwrap();
            came.lock().unwrap().send(latin1(&piece)).unwrap();
        }
        talk.say(OK);
        talk.listen();
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    for piece in ["abc", "def", "ghi"] {
        client.send(piece);
        assert_eq!(wait().as_deref(), Some(piece));
    }
    assert_eq!(client.answer().text(), "ok");
}

#[test]
fn the_client_is_told_to_go_on_after_the_verdict() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";

    let mut client = Client::of(&server);
    for _ in 0..2 {
        client.send(head);
        assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("hello");
        assert_eq!(client.answer().text(), "ok");
    }
    // A body that is here already needs no telling.
    client.send(format!("{head}hello"));
    assert_eq!(client.answer().text(), "ok");
    for connection in app.wait("all", |used| used.iter().map(|one| one.requests).sum::<usize>() == 3) {
        assert!(!connection.text().to_lowercase().contains("expect"));
    }

    let mut stranger = Client::from("127.0.0.5", &server);
    stranger.send(head);
    let answer = stranger.answer();
    assert_eq!((answer.status, answer.field("connection")), (403, Some("close")));
    assert_eq!(stranger.end(), End::Closed(String::new()));
}

#[test]
fn connections_to_the_application_are_used_again() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "ok");
    }
    assert_eq!(app.wait("all", |used| used[0].requests == 20).len(), 1);
    // Others who come one after the other get by with one for each worker.
    let workers = std::thread::available_parallelism().unwrap().get();
    for _ in 0..20 {
        assert_eq!(Client::of(&server).get("/").text(), "ok");
    }
    let used = app.wait("all", |used| used.iter().map(|one| one.requests).sum::<usize>() == 40);
    assert!(used.len() <= workers, "{} connections for {workers} workers", used.len());
}

/// An application that answers the first request of each connection and closes on the second, without a word.
fn tired() -> App {
    App::start(|talk| {
        if talk.request().is_some() && talk.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") {
            talk.request();
        }
    })
}

#[test]
fn a_stale_connection_is_replaced_once() {
    for request in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let app = tired();
        let server = Innkeeper::before(&app.url);
        let mut client = Client::of(&server);
        for _ in 0..3 {
            client.send(format!("{request} /x HTTP/1.1\r\nHost: a\r\n\r\n"));
            let answer = if request == "HEAD" { client.answer_to_head() } else { client.answer() };
            assert_eq!(answer.status, 200, "{request}");
        }
        // First, second that dies, its repetition, third that dies, its repetition.
        let used = app.wait("all", |used| used.iter().map(|one| one.requests).sum::<usize>() == 5);
        let requests: Vec<usize> = used.iter().map(|one| one.requests).collect();
        assert_eq!(requests, [2, 2, 1], "{request}");
    }
}

#[test]
fn requests_behind_a_repeated_one_are_not_lost() {
    let app = tired();
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    let request = |number| format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send((0..6).map(request).collect::<String>());
    for _ in 0..6 {
        assert_eq!(client.answer().status, 200);
    }
    server.stop();
    let ended = app.ended();
    let mut targets: Vec<&str> = Vec::new();
    let texts: Vec<String> = ended.iter().map(crate::it::harness::app::Connection::text).collect();
    for text in &texts {
        targets.extend(text.split("\r\n\r\n").filter_map(|head| head.split(' ').nth(1)));
    }
    // The first of each connection is answered, the second dies with it and comes first on the next.
    assert_eq!(targets, ["/0", "/1", "/1", "/2", "/2", "/3", "/3", "/4", "/4", "/5", "/5"][..targets.len()]);
    assert_eq!(targets.last(), Some(&"/5"));
}

#[test]
fn what_may_have_been_acted_upon_is_not_repeated() {
    for request in [
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "PATCH /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let app = tired();
        let server = Innkeeper::before(&app.url);
        let mut client = Client::of(&server);
        assert_eq!(client.get("/").status, 200);
        client.send(request);
        assert_eq!(client.answer().status, 502);
        server.stop();
        let sent: usize = app.ended().iter().map(|one| one.text().matches("/x HTTP/1.1").count()).sum();
        assert_eq!(sent, 1, "{request}");
    }
}

#[test]
fn an_application_that_always_hangs_up_is_asked_twice_at_most() {
    let app = App::start(|talk| drop(talk.request()));
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    let answer = client.get("/x");
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("it closed the connection without an answer"), "{}", answer.text());
    server.stop();
    let sent = app.ended().iter().map(|one| one.text().matches("/x").count()).sum::<usize>();
    assert!((1..=2).contains(&sent), "{sent}");
}

#[test]
fn nonsense_from_the_application_is_not_passed_on() {
    for nonsense in [
        "hello\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
    ] {
        let app = App::answering(nonsense);
        let server = Innkeeper::before(&app.url);
        let answer = Client::of(&server).get("/");
        assert_eq!(answer.status, 502, "{nonsense}");
        assert!(answer.text().contains("its answer is not valid HTTP"), "{}", answer.text());
    }
}

#[test]
fn an_answer_that_is_cut_off_does_not_look_whole() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    ] {
        let app = App::start(move |talk| {
            talk.request();
            talk.say(cut);
        });
        let server = Innkeeper::before(&app.url);
        let mut client = Client::of(&server);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let got = client.try_answer(true).expect_err(cut).got;
        assert!(!got.contains("0\r\n\r\n"), "{got:?}");
    }
}

#[test]
fn an_answer_may_come_before_the_upload_is_done() {
    let app = App::start(|talk| {
        if talk.head().is_some() {
            talk.say("HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!");
        }
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    client.try_send(vec![b'x'; 10_000]);
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (413, "no!"));
    // No other request can be told from what would still have to come.
    assert_eq!(client.end(), End::Closed(String::new()));
}

#[test]
fn an_answer_may_come_while_the_upload_goes_on() {
    let app = App::start(|talk| {
        while talk.head().is_some() {
            talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            while let Some(piece) = talk.bytes(4) {
                talk.say(format!("4\r\n{}\r\n", latin1(&piece)));
                if piece == b"last" {
                    talk.say("0\r\n\r\n");
                    break;
                }
            }
        }
    });
    let server = Innkeeper::before(&app.url);
    let mut client = Client::of(&server);
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 200 OK\r\n"));
        for piece in ["one!", "two!", "last"] {
            client.send(piece);
            assert_eq!(latin1(&client.bytes(9)), format!("4\r\n{piece}\r\n"));
        }
        assert_eq!(latin1(&client.bytes(5)), "0\r\n\r\n");
    }
}

/// An application that reads its requests, answers `/quick`, and on others waits for the other side to leave.
fn pondering() -> App {
    App::start(|talk| {
        while let Some(request) = talk.request() {
            match request.target() {
                "/quick" => drop(talk.say(OK)),
                "/begin" => {
                    talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
                    return talk.listen();
                }
                _ => return talk.listen(),
            }
        }
    })
}

#[test]
fn a_client_that_leaves_is_not_worked_for() {
    for (before, request) in [
        (0, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n"),
        (0, "POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
        (0, "POST /never HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        (2, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n"),
        (2, "POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
        (1, "GET /begin HTTP/1.1\r\nHost: a\r\n\r\n"),
        (1, "POST /begin HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
    ] {
        let app = pondering();
        let server = Innkeeper::before(&app.url);
        let mut client = Client::of(&server);
        for _ in 0..before {
            assert_eq!(client.get("/quick").text(), "ok");
        }
        client.send(request);
        app.got(before + 1);
        if request.contains("/begin") {
            client.until("hello").unwrap();
        }
        drop(client);
        app.wait("the end", |used| used.iter().any(|one| one.requests == before + 1 && one.ended));
        // Nobody asked a second time.
        server.stop();
        assert_eq!(app.ended().iter().map(|one| one.requests).sum::<usize>(), before + 1, "{request}");
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_upload_is_not_worked_for() {
    // The application has said nothing yet, or has begun its answer before it had the whole request.
    for begins in [false, true] {
        let app = App::start(move |talk| {
            if talk.head().is_none() || talk.bytes(5).is_none() {
                return;
            }
            if begins {
                talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
            }
            talk.listen();
        });
        let server = Innkeeper::before(&app.url);
        let mut client = Client::of(&server);
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
        app.wait("the half", |used| used.iter().any(|one| one.text().ends_with("hello")));
        if begins {
            client.until("hello").unwrap();
        }
        drop(client);
        app.wait("the end", |used| used.iter().any(|one| one.ended));
    }
}

#[test]
fn a_client_that_takes_nothing_slows_the_application_down() {
    const PIECE: usize = 1 << 20;
    const TOO_MUCH: usize = 200;
    let (stalled, wait) = signal();
    let stalled = Mutex::new(stalled);
    let app = App::start(move |talk| {
        if talk.request().is_none() {
            return;
        }
        talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", TOO_MUCH * PIECE));
        // A writer that cannot go on for so long has been stopped.
        talk.write_timeout(std::time::Duration::from_secs(1));
        let piece = vec![b'x'; PIECE];
        let taken = (0..TOO_MUCH).take_while(|_| talk.say(&piece)).count();
        stalled.lock().unwrap().send(taken).unwrap();
    });
    let server = Innkeeper::before(&app.url);
    let before = server.resident_memory();
    let mut client = Client::of(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let taken = wait().unwrap();
    assert!(taken < TOO_MUCH / 2, "{taken} MiB went to a client that reads nothing");
    if let (Some(before), Some(now)) = (before, server.resident_memory()) {
        assert!(now < before + 16 * 1024, "{before} KiB became {now}");
    }
}

#[test]
fn an_application_that_takes_nothing_slows_the_client_down() {
    const TOO_MUCH: usize = 200;
    let app = App::start(|talk| {
        // The script ends with the test.
        if talk.head().is_some() {
            std::thread::park_timeout(3 * PATIENCE);
        }
    });
    let server = Innkeeper::before(&app.url);
    let before = server.resident_memory();
    let mut client = Client::of(&server);
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", TOO_MUCH << 20));
    client.stream.set_write_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
    let piece = vec![b'x'; 1 << 20];
    let taken = (0..TOO_MUCH).take_while(|_| client.stream.write_all(&piece).is_ok()).count();
    assert!(taken < TOO_MUCH / 2, "{taken} MiB went to an application that reads nothing");
    if let (Some(before), Some(now)) = (before, server.resident_memory()) {
        assert!(now < before + 16 * 1024, "{before} KiB became {now}");
    }
}

#[test]
fn large_bodies_arrive_whole() {
    const SIZE: usize = 20_000_003;
    let app = App::start(|talk| {
        while let Some(request) = talk.request() {
            talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len()));
            talk.say(&request.body);
        }
    });
    let server = Innkeeper::before(&app.url);
    let body: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
    for chunked in [false, true] {
        let mut client = Client::of(&server);
        let mut sender = client.stream.try_clone().unwrap();
        let body_sent = body.clone();
        let sending = std::thread::spawn(move || {
            if chunked {
                write!(sender, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
                for piece in body_sent.chunks(70_001) {
                    write!(sender, "{:x}\r\n", piece.len()).unwrap();
                    sender.write_all(piece).unwrap();
                    write!(sender, "\r\n").unwrap();
                }
                write!(sender, "0\r\n\r\n").unwrap();
            } else {
                write!(sender, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n").unwrap();
                sender.write_all(&body_sent).unwrap();
            }
        });
        assert!(client.answer().body == body, "chunked: {chunked}");
        sending.join().unwrap();
    }
}
