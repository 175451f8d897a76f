//! Guessing gets nowhere: whoever guesses has to wait whatever they call themselves, and nobody else has to.

use std::collections::BTreeMap;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::it::harness::app::App;
use crate::it::harness::client::{Answer, Client};
use crate::it::harness::{Innkeeper, data};

/// argon2id of `pass`, with the parameters that are usual.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$eP0+QUlGozNf8nZYHp5OWw$/95xqNa00+FW/8uscOwIrG+ci3dc7dZlShFMrG6Fsfk";
/// The same with a twentieth of the memory, once.
const CHEAP_HASH: &str =
    "$argon2id$v=19$m=1024,t=1,p=1$QOiCtoYrmUl2KbdNM+HINA$xxc11L8KfC+e0hEUTOwOy1ZKVN46s4giWJooOCF/N0Q";

/// Settings that let everybody try ann's password, which stands there as it is unless `more` says otherwise.
fn door(more: &str) -> String {
    format!(
        "listen: true\nlistenAddress: {{ipv4: 127.0.0.1}}\nwhitelistMode: false\nbasicAuthMode: true\n\
         basicAuthUser: {{username: ann, password: hunter2}}\n{more}\n"
    )
}

/// Settings with the accounts of the conformance data, and those accounts.
fn accounts(more: &str, own: &str) -> Innkeeper {
    let top = door(&format!("enableUserAccounts: true\nperUserBasicAuth: true\ndataRoot: data\n{more}"));
    let folder = data("accounts/_storage");
    let records: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = format!("data/_storage/{}", entry.file_name().into_string().unwrap());
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    let files: Vec<(&str, &[u8])> =
        records.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    Innkeeper::start_with(&top, own, &files)
}

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
}

/// Asks with these fields; the answer.
fn ask(client: &mut Client, fields: &str) -> Answer {
    client.send(format!("GET / HTTP/1.1\r\nHost: app.test\r\n{fields}\r\n"));
    client.answer()
}

/// How often each status came.
fn tally(statuses: impl IntoIterator<Item = u16>) -> BTreeMap<u16, usize> {
    let mut tally = BTreeMap::new();
    for status in statuses {
        *tally.entry(status).or_default() += 1;
    }
    tally
}

#[test]
fn a_thousand_addresses_of_one_64_count_as_one() {
    let app = App::fine();
    let server = Innkeeper::start(&door(""), &format!("upstream: {}\ntrustedProxies: [127.0.0.2]", app.url));
    let mut proxy = Client::from("127.0.0.2", &server);
    let mut from = |address: &str, password: &str| {
        let fields = format!("X-Forwarded-For: {address}\r\n{}", basic("ann", password));
        ask(&mut proxy, &fields).status
    };
    let guesses = (0..1_000).map(|number| from(&format!("2001:db8:1:2:{number:x}::{number:x}"), "wrong"));
    assert_eq!(tally(guesses), BTreeMap::from([(401, 5), (429, 995)]));
    // The neighbours in the same site, another site, and IPv4 are others.
    for address in ["2001:db8:1:3::1", "2001:db8:2:2::1", "192.0.2.7"] {
        assert_eq!(from(address, "hunter2"), 200, "{address}");
    }
    assert_eq!(from("2001:db8:1:2::1", "hunter2"), 429);
}

#[test]
fn a_thousand_64_of_one_48_have_ten_times_the_attempts_of_one() {
    let app = App::fine();
    // So many attempts that the account's own count does not come first.
    let own = format!("upstream: {}\ntrustedProxies: [127.0.0.2]", app.url);
    let server = Innkeeper::start(&door("rateLimiting: {basicAuthMaxAttempts: 10}"), &own);
    let mut proxy = Client::from("127.0.0.2", &server);
    let guesses = (0..1_000).map(|number| {
        let fields = format!("X-Forwarded-For: 2001:db8:1:{number:x}::1\r\n");
        ask(&mut proxy, &(fields + &basic(&format!("user {number}"), "wrong"))).status
    });
    assert_eq!(tally(guesses), BTreeMap::from([(401, 100), (429, 900)]));
}

#[test]
fn no_header_and_no_spelling_makes_another_client_of_a_peer_that_nobody_trusts() {
    let app = App::fine();
    let server = Innkeeper::start(
        &door("enableForwardedWhitelist: true\nforwardedHeaders: {cfConnectingIp: true}"),
        &format!("upstream: {}\ntrustedProxies: [127.0.0.2]", app.url),
    );
    let mut statuses = Vec::new();
    for number in 0..50 {
        for fields in [
            format!("X-Real-IP: 203.0.113.{number}\r\n"),
            format!("X-Forwarded-For: 203.0.113.{number}\r\n"),
            format!("X-Forwarded-For: 127.0.0.2, 203.0.113.{number}\r\nX-Forwarded-For: 127.0.0.2\r\n"),
            format!("X-Forwarded-For: ::ffff:203.0.113.{number}\r\n"),
            format!("X-Real-IP: ::ffff:127.0.0.{number}\r\n"),
            format!("CF-Connecting-IP: 203.0.113.{number}\r\n"),
            format!("Forwarded: for=203.0.113.{number}\r\n"),
            format!("True-Client-IP: 203.0.113.{number}\r\nX-Client-IP: 203.0.113.{number}\r\n"),
        ] {
            let mut client = Client::from("127.0.0.7", &server);
            statuses.push(ask(&mut client, &(fields + &basic("ann", &format!("wrong {number}")))).status);
        }
    }
    assert_eq!(tally(statuses), BTreeMap::from([(401, 5), (429, 395)]));
    // What a trusted proxy says in a mapped form is the IPv4 address.
    let mut proxy = Client::from("127.0.0.2", &server);
    for (address, status) in [("::ffff:127.0.0.7", 429), ("127.0.0.7", 429), ("::ffff:127.0.0.8", 200)] {
        let fields = format!("X-Forwarded-For: {address}\r\n{}", basic("ann", "hunter2"));
        assert_eq!(ask(&mut proxy, &fields).status, status, "{address}");
    }
}

#[test]
fn a_right_password_buys_no_guesses_at_another_account() {
    let app = App::fine();
    let server = accounts("", &format!("upstream: {}", app.url));
    let mut client = Client::from("127.0.0.7", &server);
    let own = basic("default-user", "Adm1n: pass!");
    let mut guesses = Vec::new();
    for number in 0..8 {
        assert_eq!(ask(&mut client, &own).status, 200);
        guesses.push(ask(&mut client, &basic("anna-muller", &format!("guess {number}"))).status);
    }
    assert_eq!(guesses, [401, 401, 401, 401, 401, 429, 429, 429]);
    // Nor do the guesses keep out whoever else lives at that address and was let in before.
    assert_eq!(ask(&mut client, &own).status, 200);
}

#[test]
fn the_owner_gets_in_while_many_addresses_guess_at_the_account() {
    let app = App::fine();
    let server = Innkeeper::start(&door(""), &format!("upstream: {}", app.url));
    let mut guesses = Vec::new();
    let mut guess = |number: u8| {
        let mut client = Client::from(&format!("127.0.1.{number}"), &server);
        let statuses = (0..6).map(|_| ask(&mut client, &basic("ann", "wrong")).status);
        guesses.push(statuses.filter(|status| *status == 401).count());
    };
    (1..=30).for_each(&mut guess);
    // The sixth of the first three counts too. From the twenty-first on, a stranger has one try, answered 429.
    let mut expected = vec![5, 5, 5, 2];
    expected.resize(30, 0);
    assert_eq!(guesses, expected);
    let owner = |source: &str| ask(&mut Client::from(source, &server), &basic("ann", "hunter2")).status;
    assert_eq!(owner("127.0.2.1"), 200);
    assert_eq!(owner("127.0.1.9"), 429);
    // Whoever mistypes waits a minute at most; whoever was let in before may mistype as ever.
    let mistyped = |source: &str| ask(&mut Client::from(source, &server), &basic("ann", "hunter3"));
    let answer = mistyped("127.0.2.2");
    let seconds: u64 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!(answer.status == 429 && (1..=60).contains(&seconds), "{}", answer.head);
    for status in [401, 401, 401, 401, 401, 429] {
        assert_eq!(mistyped("127.0.2.1").status, status);
    }
}

#[test]
fn a_name_that_nobody_has_a_disabled_and_a_password_less_account_are_treated_like_any_other() {
    let app = App::fine();
    let mut told = Vec::new();
    for (block, user) in ["anna-muller", "nobody", "carol-2", "bob"].into_iter().enumerate() {
        let server = accounts(
            "rateLimiting: {basicAuthMaxAttempts: 1}",
            &format!("upstream: {}\ntrustedProxies: [127.0.0.2]", app.url),
        );
        let mut proxy = Client::from("127.0.0.2", &server);
        // Two tries from each of six addresses: more than the account's strangers have together.
        let answers: Vec<_> = (0..12)
            .map(|number| {
                let fields = format!("X-Forwarded-For: 10.{block}.0.{}\r\n", number / 2);
                let answer = ask(&mut proxy, &(fields + &basic(user, "wrong")));
                let fields: Vec<_> =
                    answer.head.split("\r\n").filter(|line| !is_of_the_moment(line)).collect();
                // The page of a 429 says how long to wait.
                let page = if answer.status == 401 { answer.text() } else { String::new() };
                (answer.status, fields.join("\n"), page)
            })
            .collect();
        told.push((user, answers));
    }
    let (_, first) = &told[0];
    let statuses: Vec<u16> = first.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [401, 429, 401, 429, 429, 429, 429, 429, 429, 429, 429, 429]);
    for (user, answers) in &told {
        assert_eq!(answers, first, "{user}");
    }
}

/// Whether a line of a head says what time it is.
fn is_of_the_moment(line: &str) -> bool {
    let name = line.split(':').next().unwrap().to_ascii_lowercase();
    matches!(name.as_str(), "date" | "retry-after" | "content-length")
}

#[test]
fn five_hundred_wrong_passwords_at_once_are_all_answered_and_the_owner_in_between() {
    let app = App::fine();
    // Every one of them is proven once, as nobody has failed before. With the usual parameters that takes longer than a
    // busy machine may take for a test.
    let top = door("").replace("hunter2", &format!("'{CHEAP_HASH}'"));
    let server = Innkeeper::start(&top, &format!("upstream: {}", app.url));
    let owner = basic("ann", "pass");
    // Known from here, and remembered.
    let mut home = Client::of(&server);
    let signed_in = ask(&mut home, &owner).status;
    let mut guessers: Vec<Client> = (0..500_u32)
        .map(|number| Client::from(&format!("127.1.{}.{}", number / 250, number % 250 + 1), &server))
        .collect();
    for (number, client) in guessers.iter_mut().enumerate() {
        let guess = basic("ann", &format!("guess {number}"));
        client.send(format!("GET / HTTP/1.1\r\nHost: app.test\r\n{guess}\r\n"));
    }
    for _ in 0..20 {
        assert_eq!(ask(&mut home, &owner).status, 200);
        assert_eq!(ask(&mut Client::of(&server), "").status, 401);
    }
    let answers = thread::scope(|scope| {
        let reading: Vec<_> = guessers
            .chunks_mut(50)
            .map(|clients| scope.spawn(|| clients.iter_mut().map(Client::answer).collect::<Vec<_>>()))
            .collect();
        reading.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    // Wrong, too many at this account, or no place in the queue: how many of each hangs on how fast the machine is.
    let tally = tally(answers.iter().map(|answer| answer.status));
    assert!(tally.keys().all(|status| [401, 429, 503].contains(status)), "{tally:?}");
    assert!((1..=20).contains(&tally[&401]), "{tally:?}");
    for answer in &answers {
        assert_eq!(answer.field("retry-after").is_some(), answer.status != 401, "{}", answer.head);
    }
    assert_eq!(signed_in, 200);
    // From an address that nobody has seen before, too.
    assert_eq!(ask(&mut Client::from("127.0.0.9", &server), &owner).status, 200);
    server.stop();
    assert_eq!(app.ended().iter().map(|one| one.requests).sum::<usize>(), 22);
}

#[test]
fn sixty_requests_at_once_with_a_password_that_is_not_remembered_are_all_let_in() {
    let app = App::fine();
    let top = door("").replace("hunter2", &format!("'{HASH}'"));
    let server = Innkeeper::start(&top, &format!("upstream: {}", app.url));
    let right = basic("ann", "pass");
    let mut clients: Vec<Client> = (0..60).map(|_| Client::of(&server)).collect();
    for client in &mut clients {
        client.send(format!("GET / HTTP/1.1\r\nHost: app.test\r\n{right}\r\n"));
    }
    assert_eq!(tally(clients.iter_mut().map(|client| client.answer().status)), BTreeMap::from([(200, 60)]));
}
