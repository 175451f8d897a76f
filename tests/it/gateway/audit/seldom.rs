//! What seldom happens: other accounts, a guest whose time is over, more guesses than can be looked at, a request that
//! does not come to its end.

use jiff::{SignedDuration, Timestamp};

use super::*;

#[test]
fn other_accounts_are_a_change_too() {
    let logs = Logs::new();
    let app = App::fine();
    let records = crate::it::harness::account_records();
    let files: Vec<(&str, &[u8])> = records.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let top = format!("{LIST}basicAuthMode: true\nenableUserAccounts: true\nperUserBasicAuth: true\n");
    let server = Innkeeper::start_with(&top, &logs.own(&app.url, "new", ""), &files);
    let folder = server.path("data/_storage");
    let is_of = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("\"key\":\"user:anna-muller\"");
    let record = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).find(is_of).unwrap();
    let text = fs::read_to_string(&record).unwrap();
    let changed = text.replace("\"enabled\":true", "\"enabled\":false");
    assert_ne!(text, changed);
    fs::write(folder.join("new"), changed).unwrap();
    fs::rename(folder.join("new"), &record).unwrap();
    server.says("the settings were read again");
    server.stop();
    assert_eq!(logs.lines(), [r#"{"time":"T","event":"reload","changed":["accounts"]}"#]);
}

#[test]
fn a_head_that_does_not_come_to_its_end() {
    let logs = Logs::new();
    let app = App::fine();
    let own = logs.own(&app.url, "new", "") + "\nlimits: {requestHeadTimeout: 100ms}";
    let server = Innkeeper::start(LIST, &own);
    let mut client = Client::of(&server);
    client.send("GET /half HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic c2Vj");
    assert_eq!(client.answer().status, 408);
    server.stop();
    let lines = logs.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    // Nothing that was not read whole is taken for what it may have become.
    let begin = r#"{"time":"T","event":"visit","verdict":"refused","reason":"malformed","client":"127.0.0.1","status":408,"#;
    assert!(lines[0].starts_with(begin) && !lines[0].contains("half"), "{lines:?}");
}

#[test]
fn the_time_of_a_guest_is_over() {
    let app = App::fine();
    // Long enough for a server to begin and to answer once; on a machine that is slower than that, longer.
    for seconds in [2, 10, 60] {
        let logs = Logs::new();
        let until = (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string();
        let guests = format!("\nguests:\n  - {{address: 127.0.0.7, until: '{until}', note: Ann}}");
        let server = Innkeeper::start(LIST, &(logs.own(&app.url, "refused", "") + &guests));
        let mut guest = Client::from("127.0.0.7", &server);
        if guest.get("/in").status != 200 {
            continue;
        }
        server.says(&format!("the time of the guest `127.0.0.7` (Ann) was over at {until}"));
        assert_eq!(Client::from("127.0.0.7", &server).get("/out").status, 403);
        server.stop();
        let lines = logs.lines();
        assert_eq!(
            lines.iter().map(without_length).collect::<Vec<_>>(),
            [
                format!(
                    r#"{{"time":"T","event":"revoke","rule":"127.0.0.7","place":"config.yaml:11","until":"{until}"}}"#
                ),
                visit(
                    "visit",
                    r#""verdict":"refused","reason":"unlisted","client":"127.0.0.7","method":"GET","host":"app.test","path":"/out","status":403,"received":0,"sent":SENT,"ms":0,"end":"whole","protocol":"HTTP/1.1""#
                ),
            ]
        );
        return;
    }
    panic!("no guest came in");
}

/// By either way a stranger has a few places in the queue before the proofs; whoever takes more is told to come back.
#[test]
fn more_guesses_at_once_than_are_looked_at() {
    let app = App::fine();
    let basic = |number: u8| {
        // `ann:` and a password that ends in another letter.
        let letter = char::from(b'A' + number);
        format!(
            "GET /guess?secret HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic YW5uOng{letter}\r\n\r\n"
        )
    };
    let form = |number: u8| {
        let body = format!("username=ann&password=x{number}");
        format!(
            "POST /.innkeeper/signin HTTP/1.1\r\nHost: app.test\r\nOrigin: http://app.test\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let ways: [(&dyn Fn(u8) -> String, &str); 2] = [
        (&basic, r#""method":"GET","host":"app.test","path":"/guess""#),
        (
            &form,
            r#""rule":"127.0.0.1","place":"config.yaml:5","method":"POST","host":"app.test","path":"/.innkeeper/signin""#,
        ),
    ];
    for (guess, asked) in ways {
        // Each proof takes so long that none is over before the ninth guess has come; on a machine that is slower than
        // that, longer.
        let is_told = [4, 16, 64].into_iter().any(|passes| {
            let logs = Logs::new();
            let hash =
                format!("$argon2id$v=19$m=16384,t={passes},p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4");
            let top = LOCKED.replace("hunter2", &format!("'{hash}'"));
            let server = Innkeeper::start(&top, &logs.own(&app.url, "refused", ""));
            let mut clients: Vec<Client> = (0..24).map(|_| Client::of(&server)).collect();
            for (number, client) in (0..).zip(&mut clients) {
                client.send(guess(number));
            }
            let busy = clients.iter_mut().filter_map(|client| (client.answer().status == 503).then_some(())).count();
            server.stop();
            let lines = logs.lines();
            let told: Vec<&String> = lines.iter().filter(|line| line.contains(r#""reason":"busy""#)).collect();
            for line in &told {
                let begin = r#"{"time":"T","event":"visit","verdict":"refused","reason":"busy","client":"127.0.0.1","#;
                assert!(line.starts_with(&format!("{begin}{asked},\"status\":503,")), "{line}");
            }
            assert_eq!(told.into_iter().map(told_requests).sum::<usize>(), busy, "{lines:#?}");
            busy > 0
        });
        assert!(is_told, "{asked}");
    }
}
