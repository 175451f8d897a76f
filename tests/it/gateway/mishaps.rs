//! What goes wrong: settings that cannot be, applications that are down, clients that dawdle or send too much.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::TcpListener;

use crate::it::harness::app::{App, latin1};
use crate::it::harness::client::{Client, End};
use crate::it::harness::folder::golden;
use crate::it::harness::{Innkeeper, command, data, settings};

/// Runs a server that cannot start in a folder with these settings: its exit code and stderr, without the folder's name.
fn refused(top: &str, own: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), settings(top, own)).unwrap();
    for name in ["cert.pem", "key.pem", "other-key.pem", "not-a-key.pem"] {
        fs::copy(data(&format!("tls/{name}")), folder.path().join(name)).unwrap();
    }
    let run = assert_cmd::Command::from_std(command(folder.path()))
        .arg("serve")
        .args(arguments)
        .timeout(std::time::Duration::from_secs(20))
        .output()
        .unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    (run.status.code(), said.replace(&format!("{}/", folder.path().display()), ""))
}

#[test]
fn a_start_that_fails_says_why() {
    let cases: [(&str, &str, &[&str]); 11] = [
        ("listen: [true", "", &[]),
        ("", "upstream: http://127.0.0.1:1\nroot: .", &[]),
        ("", "", &["--config", "no/such/folder/config.yaml"]),
        ("", "root: missing", &[]),
        ("ssl: {enabled: true}", "", &[]),
        ("ssl: {enabled: true, certPath: cert.pem, keyPath: missing.pem}", "", &[]),
        ("ssl: {enabled: true, certPath: cert.pem, keyPath: other-key.pem}", "", &[]),
        ("ssl: {enabled: true, certPath: cert.pem, keyPath: not-a-key.pem}", "", &[]),
        ("ssl: {enabled: true, certPath: key.pem, keyPath: key.pem}", "", &[]),
        ("listen: true\nwhitelistMode: false", "", &[]),
        ("port: 1234\nlisten: true\nlistenAddress: {ipv4: 192.0.2.1}", "", &[]),
    ];
    let mut all = String::new();
    for (top, own, arguments) in cases {
        let (code, said) = refused(top, own, arguments);
        assert_eq!(code, Some(2), "{top} {own} {arguments:?}: {said}");
        all.push_str(&said);
        all.push('\n');
    }
    golden("starts.txt", &all);
}

/// By one entry, or by several that leave no gap together.
#[test]
fn a_list_that_keeps_nobody_out_is_told_at_the_start() {
    for (entries, own, expected) in [
        (
            "10.0.0.1, 0.0.0.0/0",
            "",
            "warning: config.yaml:5: `0.0.0.0/0` lets in every IPv4 address\n\
             warning: `0.0.0.0/0` in the whitelist lets everybody in, and no password is asked for\n",
        ),
        (
            "10.0.0.1, 128.0.0.0/1, 0.0.0.0/1",
            "",
            "warning: config.yaml:5: `128.0.0.0/1` and `0.0.0.0/1` let in every IPv4 address, taken together\n\
             warning: `128.0.0.0/1` and `0.0.0.0/1` in the whitelist together let everybody in, and no password is \
             asked for\n",
        ),
        (
            "'::/1', '8000::/1'",
            "",
            "warning: config.yaml:5: `::/1` and `8000::/1` let in every IPv6 address, taken together\n\
             warning: `::/1` and `8000::/1` in the whitelist together let everybody in, and no password is asked for\n",
        ),
        // A guest counts as well.
        (
            "0.0.0.0/1",
            "guests: [{address: 128.0.0.0/1, until: 2999-01-01T00:00:00Z}]",
            "warning: config.yaml:5: `0.0.0.0/1` and `128.0.0.0/1` let in every IPv4 address, taken together\n\
             warning: `0.0.0.0/1` and `128.0.0.0/1` in the whitelist together let everybody in, and no password is \
             asked for\n",
        ),
        ("0.0.0.0/1, 128.0.0.0-255.255.255.254", "", ""),
    ] {
        let top = format!("listen: true\nlistenAddress: {{ipv4: 127.0.0.1}}\nwhitelist: [{entries}]");
        let ended = Innkeeper::start(&top, own).stop();
        assert_eq!(ended.stderr, expected, "{entries}");
    }
}

#[test]
fn a_port_in_use_is_said_to_be() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let (code, said) = refused(&format!("port: {port}"), "", &[]);
    assert_eq!(code, Some(2));
    let next = if port == u16::MAX { 8000 } else { port + 1 };
    assert_eq!(
        said,
        format!(
            "error: cannot listen on `127.0.0.1:{port}`\n  caused by: Address already in use (os error 98)\n\
             hint: another program uses port {port}; choose another: `innkeeper serve --port {next}`\n\
             hint: see which: `ss -ltnp 'sport = :{port}'`\n"
        )
    );
}

#[test]
fn an_application_that_is_down_comes_back_by_itself() {
    // A port of ours that nobody else gets as long as it is bound, and that refuses as long as nobody listens.
    let reserved = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    reserved.set_reuse_address(true).unwrap();
    reserved.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = reserved.local_addr().unwrap().as_socket().unwrap();
    let server = Innkeeper::before(&format!("http://{address}"));
    server.complains(&format!("The app at http://{address} does not answer: connection refused\n"));

    let mut client = Client::of(&server);
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("connection")), (502, None));
        assert!(answer.text().contains("connection refused"), "{}", answer.text());
    }
    client.send("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n");
    assert_eq!(client.answer().status, 502);
    assert_eq!(client.end(), End::Closed(String::new()), "one answer for each request");

    reserved.listen(16).unwrap();
    let listener = TcpListener::from(reserved);
    let app = App::serve(listener, |talk| {
        while talk.request().is_some() && talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {}
    });
    let mut client = Client::of(&server);
    client.send("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    assert_eq!(client.answer().text(), "ok");
    server.complains(&format!("The app at http://{address} answers again\n"));
    assert_eq!(app.got(1).matches("GET /").count(), 1);
    assert_eq!(server.stop().stderr.lines().count(), 2);
}

#[test]
fn a_missing_socket_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let server = Innkeeper::before(&format!("unix:{}/app.sock", folder.path().display()));
    server.complains("does not answer: no such socket\n");
    assert_eq!(Client::of(&server).get("/").status, 502);
}

#[test]
fn a_silent_application_is_given_up_where_a_limit_is_set() {
    let app = App::start(|talk| {
        if talk.head().is_some() {
            talk.listen();
        }
    });
    let server = Innkeeper::start("", &format!("upstream: {}\nlimits: {{headerTimeout: 200ms}}", app.url));
    let mut client = Client::of(&server);
    for request in
        ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"]
    {
        client.send(request);
        assert_eq!(client.answer().status, 504);
    }
    app.wait("the end of both", |used| used.len() == 2 && used.iter().all(|one| one.ended));
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let app = App::fine();
    let server = Innkeeper::start("", &format!("upstream: {}\nlimits: {{headSize: 8 KiB}}", app.url));
    let fits = "x".repeat(8 * 1024 - 50);
    let mut client = Client::of(&server);
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {fits}\r\n\r\n"));
    assert_eq!(client.answer().status, 200);
    let long = "x".repeat(8 * 1024);
    for head in [
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(101)),
        "\r\n".repeat(5000),
        "x".repeat(9000),
    ] {
        let mut client = Client::of(&server);
        client.try_send(&head);
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("connection")), (431, Some("close")), "{head:.40}");
        assert_eq!(client.end(), End::Closed(String::new()));
    }
    // A header that never ends is not read for ever.
    let mut client = Client::of(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    let end = (0..100_000).find_map(|_| client.stream.write_all(&[b'x'; 1024]).err()).expect("an end");
    assert!(matches!(end.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{end}");
    server.stop();
    assert_eq!(app.ended().iter().map(|one| one.requests).sum::<usize>(), 1);
}

#[test]
fn dawdlers_are_sent_away() {
    let app = App::fine();
    let limits = "limits: {requestHeadTimeout: 200ms, idleTimeout: 300ms, bodyTimeout: 400ms}";
    let server = Innkeeper::start("", &format!("upstream: {}\n{limits}", app.url));
    for head in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: y", "\r\n"] {
        let mut client = Client::of(&server);
        client.send(head);
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("connection")), (408, Some("close")), "{head:?}");
        assert_eq!(client.end(), End::Closed(String::new()));
    }
    let mut client = Client::of(&server);
    assert_eq!(client.end(), End::Closed(String::new()), "nothing was begun, nothing is answered");
    let mut client = Client::of(&server);
    assert_eq!(client.get("/").text(), "ok");
    assert_eq!(client.end(), End::Closed(String::new()));
    // A body that stands still.
    let mut client = Client::of(&server);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    client.end();
    app.wait("the end", |used| used.iter().any(|one| one.ended && one.text().ends_with("half")));
}

#[test]
fn two_thousand_half_open_connections_stop_nobody() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let mut dawdlers = Vec::new();
    for number in 0..2000 {
        let mut client = Client::of(&server);
        match number % 4 {
            0 => {}
            1 => client.send("G"),
            2 => client.send("GET / HTTP/1.1\r\nHost: a\r\nX: "),
            _ => client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\nX:"),
        }
        dawdlers.push(client);
    }
    for _ in 0..20 {
        assert_eq!(Client::of(&server).get("/").text(), "ok");
    }
    if let Some(memory) = server.resident_memory() {
        assert!(memory < 128 * 1024, "{memory} KiB");
    }
    drop(dawdlers);
    assert_eq!(Client::of(&server).get("/").text(), "ok");
}

#[test]
fn a_client_that_takes_nothing_is_sent_away() {
    let app = App::start(|talk| {
        if talk.request().is_some() {
            talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            while talk.say(format!("10000\r\n{}\r\n", "x".repeat(0x10000))) {}
        }
    });
    let server = Innkeeper::start("", &format!("upstream: {}\nlimits: {{bodyTimeout: 200ms}}", app.url));
    let mut client = Client::of(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait("the end", |used| used.iter().any(|one| one.ended));
    match client.end() {
        End::Closed(got) | End::Reset(got) => assert!(!got.ends_with("\r\n0\r\n\r\n")),
    }
}

#[test]
fn connections_have_a_limit_where_one_is_set() {
    let app = App::fine();
    let server = Innkeeper::start("", &format!("upstream: {}\nlimits: {{maxConnections: 3}}", app.url));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::of(&server)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").text(), "ok");
    }
    // The others wait until there is room, however many threads accept.
    let mut others: Vec<Client> = (0..3).map(|_| Client::of(&server)).collect();
    for other in &mut others {
        other.send("GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    for _ in 0..20 {
        assert_eq!(clients[0].get("/").text(), "ok");
    }
    assert!(!app.got(23).contains("/other"));
    clients.pop();
    for mut other in others {
        assert_eq!(other.answer().text(), "ok");
    }
}

#[test]
fn random_bytes_do_no_harm() {
    let app = App::fine();
    let server = Innkeeper::before(&app.url);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words = [
        "GET ",
        "POST ",
        "/",
        " HTTP/1.1\r\n",
        "Host: a\r\n",
        "\r\n",
        "Content-Length: ",
        "5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "0\r\n",
        "\r\n\r\n",
        "5\r\nhello\r\n",
        "Connection: ",
        "close",
        "Upgrade: websocket\r\n",
        "X: ",
        "\0",
        "\u{e9}",
        "Expect: 100-continue\r\n",
    ];
    for _ in 0..300 {
        let mut bytes = String::new();
        if random() % 2 == 0 {
            bytes += "GET / HTTP/1.1\r\nHost: a\r\n";
        }
        for _ in 0..random() % 12 {
            bytes += words[usize::try_from(random()).unwrap_or(0) % words.len()];
        }
        let mut client = Client::of(&server);
        client.try_send(&bytes);
        client.hang_up();
        client.end();
    }
    assert_eq!(latin1(&Client::of(&server).get("/").body), "ok");
}
