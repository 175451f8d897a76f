//! Certificates that change while the server runs, that several names share it, and that end.

use std::fs;
use std::time::Duration;

use rustls::HandshakeKind;

use crate::it::harness::app::App;
use crate::it::harness::client::Client;
use crate::it::harness::folder::{Folder, golden};
use crate::it::harness::tls::{Browser, Made, SSL, ask};
use crate::it::harness::{Innkeeper, settings};

const READ_AGAIN: &str =
    "the certificate was read again: `tls/cert.pem` (app.test) is valid until 4000-01-01";
const REFUSED: &str = "the certificate cannot be read; the last good one stays in force";

/// How often stderr holds the line that a certificate was refused, once it was.
fn refusals(server: Innkeeper) -> usize {
    server.stop().stderr.matches(REFUSED).count()
}

#[test]
fn a_renewed_pair_is_in_force_once_both_files_are_there() {
    let app = App::fine();
    let (old, new) = (Made::of(&["app.test"]), Made::of(&["app.test"]));
    let server = old.serve("", &format!("upstream: {}", app.url));
    let browser = Browser::trusting();
    assert_eq!(browser.shown(&server, "app.test"), (old.der.clone(), HandshakeKind::Full));
    let mut open = browser.connect(&server, "app.test").unwrap();
    server.write("tls/cert.pem", &new.certificate);
    // The key of before does not fit the certificate of now.
    server.complains(REFUSED);
    server.complains("the key in `tls/key.pem` does not belong to the certificate in `tls/cert.pem`");
    assert_eq!(browser.shown(&server, "app.test").0, old.der);
    server.write("tls/key.pem", &new.key);
    server.says(READ_AGAIN);
    // Who was here before comes back without a full handshake, and who is new sees the new one.
    assert_eq!(browser.shown(&server, "app.test").1, HandshakeKind::Resumed);
    assert_eq!(Browser::trusting().shown(&server, "app.test"), (new.der, HandshakeKind::Full));
    // An open connection goes on.
    let answer = ask(&mut open, "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(refusals(server), 1);
}

#[test]
fn half_a_file_and_none_at_all_change_nothing() {
    let (old, new) = (Made::of(&["app.test"]), Made::of(&["app.test"]));
    let server = old.serve("", "");
    let (half, _) = new.certificate.split_at(new.certificate.len() / 2);
    server.write("tls/cert.pem", half);
    server.complains(REFUSED);
    assert_eq!(Browser::trusting().shown(&server, "app.test").0, old.der);
    server.remove("tls/cert.pem");
    server.complains("cannot read the certificate `tls/cert.pem` of `ssl.certPath`");
    assert_eq!(Browser::trusting().shown(&server, "app.test").0, old.der);
    // The same once more is what is in force already, so there is nothing to be said.
    server.write("tls/cert.pem", &old.certificate);
    server.write("tls/key.pem", &new.key);
    server.complains("does not belong to the certificate");
    server.write("tls/cert.pem", &new.certificate);
    server.says(READ_AGAIN);
    assert_eq!(Browser::trusting().shown(&server, "app.test").0, new.der);
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_where_they_lead_now() {
    use std::os::unix::fs::symlink;
    let (old, new) = (Made::of(&["app.test"]), Made::of(&["app.test"]));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("archive")).unwrap();
    fs::create_dir_all(path("tls")).unwrap();
    for (made, number) in [(&old, 1), (&new, 2)] {
        fs::write(path(&format!("archive/cert{number}.pem")), &made.certificate).unwrap();
        fs::write(path(&format!("archive/key{number}.pem")), &made.key).unwrap();
    }
    symlink("../archive/cert1.pem", path("tls/cert.pem")).unwrap();
    symlink("../archive/key1.pem", path("tls/key.pem")).unwrap();
    let server = Innkeeper::start_in(folder, SSL, "");
    assert_eq!(Browser::trusting().shown(&server, "app.test").0, old.der);
    for name in ["cert", "key"] {
        symlink(format!("../archive/{name}2.pem"), server.path(&format!("tls/{name}.new"))).unwrap();
        fs::rename(server.path(&format!("tls/{name}.new")), server.path(&format!("tls/{name}.pem"))).unwrap();
    }
    server.says(READ_AGAIN);
    assert_eq!(Browser::trusting().shown(&server, "app.test").0, new.der);
}

#[test]
fn other_paths_count_at_once_with_their_names_and_https_itself_does_not() {
    let app = App::fine();
    let (old, new) = (Made::of(&["app.test"]), Made::of(&["new.test", "*.more.test"]));
    let own = format!("upstream: {}", app.url);
    let server = old.serve("hostWhitelist: {enabled: true}", &own);
    let status = |host: &str| {
        let mut talk = Browser::trusting().connect(&server, "app.test").unwrap();
        let answer = ask(&mut talk, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        answer[9..12].to_owned()
    };
    assert_eq!(["app.test", "new.test", "a.more.test"].map(status), ["200", "403", "403"]);
    server.write("tls/new.pem", &new.certificate);
    server.write("tls/new.key.pem", &new.key);
    let ssl = "ssl: {enabled: true, certPath: tls/new.pem, keyPath: tls/new.key.pem}";
    server.write("config.yaml", &settings(&format!("{ssl}\nhostWhitelist: {{enabled: true}}"), &own));
    server.says(
        "the certificate was read again: `tls/new.pem` (new.test, *.more.test) is valid until 4000-01-01",
    );
    assert_eq!(["app.test", "new.test", "a.more.test"].map(status), ["403", "200", "200"]);
    // What the files of a server in clear would be is no matter here.
    let off = "ssl: {enabled: false, certPath: \"\"}\nhostWhitelist: {enabled: true}";
    server.write("config.yaml", &settings(off, &own));
    server.complains("`ssl.enabled` was changed, which counts from the next start on");
    assert_eq!(Browser::trusting().shown(&server, "app.test").0, new.der);
    assert!(!server.said(REFUSED));
}

#[test]
fn each_name_has_its_certificate() {
    let [first, exact, wildcard] =
        [&["app.test"][..], &["a.many.test"], &["*.many.test", "many.test"]].map(Made::of);
    let files = [
        ("tls/cert.pem", first.certificate.as_bytes()),
        ("tls/key.pem", first.key.as_bytes()),
        ("b/cert.pem", wildcard.certificate.as_bytes()),
        ("b/key.pem", wildcard.key.as_bytes()),
        ("c/both.pem", &[exact.certificate.as_bytes(), exact.key.as_bytes()].concat()),
    ];
    let list = "ssl:\n  certificates:\n  - {certPath: b/cert.pem, keyPath: b/key.pem}\n";
    let one = "  - {certPath: c/both.pem, keyPath: c/both.pem}\n";
    let server = Innkeeper::start_with(SSL, &format!("{list}{one}"), &files);
    let shown = |name: &str| {
        let (der, _) = Browser::trusting().shown(&server, name);
        [&first, &exact, &wildcard].iter().position(|made| made.der == der).unwrap()
    };
    for (name, number) in [
        ("app.test", 0),
        ("A.MANY.test", 1),
        ("b.many.test", 2),
        ("many.test", 2),
        ("a.b.many.test", 0),
        ("other.test", 0),
        // An address is never asked for by name (RFC 6066, section 3).
        ("127.0.0.1", 0),
    ] {
        assert_eq!(shown(name), number, "{name}");
    }
    // One less, and one that cannot be read.
    server.write("config.yaml", &settings(SSL, list));
    server.says("the settings were read again");
    server.write("b/cert.pem", "nothing");
    server.complains("entry 1 of `innkeeper.ssl.certificates`: no certificate in `b/cert.pem`");
    server.complains(REFUSED);
    assert_eq!(shown("b.many.test"), 2);
}

#[test]
fn what_is_wrong_with_an_entry_is_told_with_its_number() {
    let (made, other) = (Made::of(&["app.test"]), Made::of(&["app.test"]));
    let folder = Folder::with(&[]);
    fs::create_dir(folder.path("tls")).unwrap();
    for (name, bytes) in made.files() {
        fs::write(folder.path(name), bytes).unwrap();
    }
    fs::write(folder.path("tls/other.pem"), &other.key).unwrap();
    for (entry, told) in [
        (
            "{certPath: tls/cert.pem, keyPath: tls/other.pem}",
            "error: entry 2 of `innkeeper.ssl.certificates`: the key in `tls/other.pem` does not belong to the \
             certificate in `tls/cert.pem`\n",
        ),
        (
            "{certPath: gone.pem, keyPath: tls/key.pem}",
            "error: cannot read the certificate `gone.pem` of certPath of entry 2 of `innkeeper.ssl.certificates`\n\
             \x20 caused by: No such file or directory (os error 2)\n",
        ),
        (
            "{certPath: tls/cert.pem}",
            "error: config.yaml:8:7: entry 2 of `innkeeper.ssl.certificates` has no `keyPath`\n\
             \x20  |\n 8 |     - {certPath: tls/cert.pem}\n   |       ^\n\
             hint: a certificate has `certPath` and `keyPath`, and may have `keyPassphrase`\n",
        ),
        (
            "{certPath: tls/cert.pem, keyPath: tls/key.pem, keyPassphrase: [hunter2]}",
            "error: config.yaml:8:69: entry 2 of `innkeeper.ssl.certificates` takes text as `keyPassphrase`, not a list\n",
        ),
    ] {
        let list = format!(
            "ssl:\n  certificates:\n  - {{certPath: tls/cert.pem, keyPath: tls/key.pem}}\n  - {entry}"
        );
        fs::write(folder.path("config.yaml"), settings(SSL, &list)).unwrap();
        let said = String::from_utf8(folder.run(&["serve"]).stderr).unwrap();
        assert!(said.contains(told) && !said.contains("hunter2"), "{entry}\n{said}");
    }
}

#[test]
fn an_end_that_is_near_is_told_at_the_start_and_when_it_comes_with_a_renewal() {
    let soon = Made::for_time(&["app.test"], Duration::from_hours(24 * 5 + 1));
    let server = soon.serve("", "");
    server.complains("warning: the certificate `tls/cert.pem` (app.test) expires in 5 days (");
    server.complains("); look at it with `innkeeper cert check`\n");
    let expired = Made::expired(&["app.test"]);
    server.write("tls/key.pem", &expired.key);
    server.write("tls/cert.pem", &expired.certificate);
    server.complains(
        "warning: the certificate `tls/cert.pem` (app.test) has expired (2020-01-02), and browsers refuse it; look \
         at it with `innkeeper cert check`\n",
    );
    let fine = Made::for_time(&["app.test"], Duration::from_hours(24 * 22));
    let server = fine.serve("", "");
    let mut talk = Browser::knowing(&fine).connect(&server, "app.test").unwrap();
    assert!(ask(&mut talk, "GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 OK"));
    assert_eq!(server.stop().stderr, "");
}

#[test]
fn browsers_are_held_to_https_where_that_is_asked_for() {
    let app = App::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nStrict-Transport-Security: max-age=1\r\n\
         strict-transport-security: max-age=2\r\n\r\nok",
    );
    let made = Made::of(&["app.test"]);
    let server = made.serve("", &format!("upstream: {}\nhsts: 180d", app.url));
    let mut talk = Browser::trusting().connect(&server, "app.test").unwrap();
    let of_app = ask(&mut talk, "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n");
    assert_eq!(
        of_app,
        "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=15552000\r\nContent-Length: 2\r\n\
         Connection: close\r\n\r\nok"
    );
    let mut talk = Browser::trusting().connect(&server, "app.test").unwrap();
    let of_ours = ask(&mut talk, "GET /.innkeeper/x HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n");
    assert!(of_ours.contains("\r\nStrict-Transport-Security: max-age=15552000\r\n"), "{of_ours}");
    // In clear anybody could say it (RFC 6797, section 7.2).
    let in_clear = Client::of(&server).get("/");
    assert_eq!((in_clear.status, in_clear.field("strict-transport-security")), (308, None));
    // Where nothing is asked for, the application's own pass.
    server.write("config.yaml", &settings(SSL, &format!("upstream: {}", app.url)));
    server.says("the settings were read again");
    let mut talk = Browser::trusting().connect(&server, "app.test").unwrap();
    let text = ask(&mut talk, "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n");
    assert_eq!(text.to_lowercase().matches("strict-transport-security: max-age=").count(), 2, "{text}");
}

#[test]
fn the_list_is_set_shown_and_held_to_its_section() {
    let made = Made::of(&["app.test"]);
    let list = "[innkeeper]\nhsts = \"90m\"\n[[innkeeper.ssl.certificates]]\ncertPath = \"tls/cert.pem\"\nkeyPath = \
                \"tls/key.pem\"\nkeyPassphrase = \"hunter2\"\n";
    let folder = Folder::with(&[("config.toml", list), ("config.yaml", "ssl:\n  certificates: []\n")]);
    fs::create_dir(folder.path("tls")).unwrap();
    for (name, bytes) in made.files() {
        fs::write(folder.path(name), bytes).unwrap();
    }
    let one = r#"[{"certPath": "tls/cert.pem", "keyPath": "tls/key.pem"}]"#;
    let secret = r#"[{"certPath": "tls/cert.pem", "keyPath": "tls/key.pem", "keyPassphrase": "hunter3"}]"#;
    let told: String = [
        &["config", "get", "ssl.certificates", "--config", "config.toml"][..],
        &["config", "get", "ssl.certificates", "--config", "config.toml", "--json"],
        &["config", "get", "hsts", "--config", "config.toml"],
        &["config", "set", "ssl.certificates", secret, "--config", "config.toml"],
        &["config", "set", "ssl.certificates", "tls/cert.pem", "--config", "config.toml"],
        &["config", "set", "ssl.certificates", r#"["tls/cert.pem"]"#, "--config", "config.toml"],
        &["config", "set", "ssl.certificates", one, "--config", "config.toml"],
        &["config", "set", "hsts", "soon", "--config", "config.toml"],
        // SillyTavern's own section has no such list.
        &["config", "check"],
    ]
    .into_iter()
    .map(|arguments| folder.told(arguments, &[]))
    .collect();
    assert!(!told.replace(secret, "").contains("hunter"), "{told}");
    golden("certificates.txt", &told);
}
