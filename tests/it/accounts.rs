//! `innkeeper auth user`: whole outputs, the records as they lie on the disk, and what SillyTavern wrote left alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper::policy::account::{Account, Accounts, Credentials, Login, Proof, Secret};
use innkeeper::store;
use serde_json::{Value, json};

use crate::it::harness::app::App;
use crate::it::harness::client::Client;
use crate::it::harness::folder::{Folder, golden};
use crate::it::harness::{Innkeeper, data};

const SETTINGS: &str = "enableUserAccounts: true\nperUserBasicAuth: true\nbasicAuthMode: true\n";

#[test]
fn a_session() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    let mut text = String::new();
    let steps: &[(&[&str], &str)] = &[
        (&["auth", "user", "list"], ""),
        (&["auth", "user", "list", "--json"], ""),
        (&["auth", "user", "password", "ann", "--password-stdin"], "swordfish-9\n"),
        (&["auth", "user", "add", "Ännä Müller"], ""),
        (&["auth", "user", "add", "日本"], ""),
        (&["auth", "user", "add", "ann"], ""),
        (&["auth", "user", "add", "ann", "--name", "Ann\tB", "--password-stdin"], "swordfish-9\n"),
        (&["auth", "user", "add", "ann", "--name", "Ann B", "--password-stdin"], "swordfish-9\n"),
        (&["auth", "user", "add", "ann", "--password-stdin"], "other-fish-9\n"),
        (&["auth", "user", "add", "bob", "--admin", "--password-stdin"], "short\n"),
        (&["auth", "user", "add", "eve", "--no-password"], ""),
        (&["auth", "user", "add", "tom", "--password-stdin"], "password\n"),
        (&["auth", "user", "add", "tom", "--password-stdin"], ""),
        (&["auth", "user", "add", "tom", "--password-stdin", "--generate"], ""),
        (&["auth", "user", "list"], ""),
        (&["auth", "user", "list", "--json"], ""),
        (&["auth", "user", "password", "eve"], ""),
        (&["auth", "user", "password", "eve", "--password-stdin"], "eves-garden\r\n"),
        (&["auth", "user", "disable", "eve"], ""),
        (&["auth", "user", "disable", "eve"], ""),
        (&["auth", "user", "password", "eve", "--password-stdin"], "eves-garden-2"),
        (&["auth", "user", "enable", "eve"], ""),
        (&["auth", "user", "enable", "eve"], ""),
        (&["auth", "user", "enable", "tim"], ""),
        (&["auth", "user", "enable", "Eve"], ""),
        (&["auth", "user", "disable", "bob"], ""),
        (&["auth", "user", "disable", "bob", "--force"], ""),
        (&["auth", "user", "enable", "bob", "--quiet"], ""),
        (&["auth", "user", "remove", "eve"], ""),
        (&["auth", "user", "remove", "eve", "--force"], ""),
        (&["auth", "user", "remove", "bob"], ""),
        (&["auth", "user", "remove", "bob", "--force"], ""),
        (&["auth", "user", "remove", "bob", "--force"], ""),
        (&["auth", "user", "list"], ""),
        (&["auth", "test"], ""),
        (&["auth", "test", "ann", "--password-stdin"], "swordfish-9\n"),
        (&["auth", "test", "ann", "--password-stdin"], "swordfish-8\n"),
        (&["auth", "test", "bob", "--password-stdin"], "short\n"),
    ];
    for (arguments, input) in steps {
        text += &folder.told_with(arguments, input);
    }
    golden("accounts.txt", &text);
    for secret in ["swordfish", "other-fish", "garden"] {
        assert!(!text.contains(secret), "{secret} was printed");
    }
}

#[test]
fn settings_under_which_accounts_do_not_count() {
    let mut text = String::new();
    for settings in ["", "enableUserAccounts: true\n", "dataRoot: ./elsewhere\n"] {
        let folder = Folder::with(&[("config.yaml", settings)]);
        text +=
            &folder.told_with(&["auth", "user", "add", "ann", "--admin", "--password-stdin"], "swordfish-9");
    }
    golden("accounts-not-in-use.txt", &text);
}

#[test]
fn a_record_is_written_as_sillytavern_writes_it() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    run(
        &folder,
        &["auth", "user", "add", "ann-b", "--name", "Änn B", "--password-stdin"],
        "pa\u{308}ss wörd",
    );
    run(&folder, &["auth", "user", "add", "bob", "--admin", "--no-password"], "");
    let records = records(&folder.path("data"));
    assert_eq!(records.len(), 2);
    // The name that a real store has for this key.
    let bob = &records[BOB];
    let created = bob.split("\"created\":").nth(1).unwrap().split(',').next().unwrap();
    assert!(created.parse::<u64>().unwrap() > 1_700_000_000_000, "{created}: in milliseconds");
    assert_eq!(
        *bob,
        format!(
            r#"{{"key":"user:bob","value":{{"handle":"bob","name":"bob","created":{created},"password":"","salt":"","admin":true,"enabled":true}}}}"#
        )
    );
    let accounts = store::read(&folder.path("data")).unwrap();
    let login = Login::Accounts(accounts);
    assert!(proves(&login, "ann-b", "p\u{e4}ss wörd"), "form NFC, as SillyTavern");
    assert!(!proves(&login, "ann-b", "pass wörd"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&folder.path("data/_storage")), 0o700);
        for name in records.keys() {
            assert_eq!(mode(&folder.path("data/_storage").join(name)), 0o600);
        }
    }
}

#[test]
fn what_sillytavern_wrote_stays_but_for_the_change() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    let real = data("accounts/_storage");
    let storage = folder.path("data/_storage");
    fs::create_dir_all(&storage).unwrap();
    for entry in fs::read_dir(&real).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), storage.join(entry.file_name())).unwrap();
    }
    // A record that a later SillyTavern might write, in a file with another name.
    let odd = r#"{"key":"user:Odd_1","more":[1,{"z":1,"a":2}],"value":{"x":1.5,"handle":"Odd_1","name":"Ödd \u0041","enabled":false,"admin":false,"colour":null,"created":12345678901234567,"salt":"","password":""},"ttl":0}"#;
    fs::write(storage.join("another-name"), odd).unwrap();
    fs::write(storage.join(".hidden"), "{").unwrap();
    let before = records(&folder.path("data"));

    run(&folder, &["auth", "user", "enable", "Odd_1"], "");
    let rewritten = odd.replace(r"\u0041", "A").replace(r#"{"z":1,"a":2}"#, r#"{"a":2,"z":1}"#);
    let expected = rewritten.replace(r#""enabled":false"#, r#""enabled":true"#);
    assert_eq!(records(&folder.path("data"))["another-name"], expected);
    run(&folder, &["auth", "user", "disable", "Odd_1"], "");
    for (handle, then, back) in [
        ("anna-muller", "disable", "enable"),
        ("bob", "disable", "enable"),
        ("carol-2", "enable", "disable"),
        ("default-user", "disable", "enable"),
    ] {
        let mut there = vec!["auth", "user", then, handle];
        there.extend((then == "disable").then_some("--force"));
        run(&folder, &there, "");
        assert_ne!(records(&folder.path("data")), before, "{handle}");
        run(&folder, &["auth", "user", back, handle], "");
    }
    let mut expected = before.clone();
    expected.insert("another-name".to_owned(), rewritten);
    assert_eq!(records(&folder.path("data")), expected, "every byte is back");

    for handle in ["anna-muller", "bob", "carol-2", "default-user", "Odd_1"] {
        run(&folder, &["auth", "user", "password", handle, "--password-stdin"], "a new one, 日本\n");
        run(&folder, &["auth", "user", "enable", handle], "");
    }
    let login = Login::Accounts(store::read(&folder.path("data")).unwrap());
    for handle in ["anna-muller", "bob", "carol-2", "default-user", "Odd_1"] {
        assert!(proves(&login, handle, "a new one, 日本"), "{handle}");
    }
    assert!(!proves(&login, "default-user", "Adm1n: pass!"), "the old one");
    let after = records(&folder.path("data"));
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (name, text) in &after {
        let (mut old, mut new) = (parsed(&before[name]), parsed(text));
        if old["key"].as_str().unwrap().starts_with("user:") {
            for record in [&mut old, &mut new] {
                for field in ["password", "salt", "enabled"] {
                    record["value"][field] = json!(null);
                }
            }
        }
        assert_eq!(old, new, "{name}");
    }
    assert_eq!(fs::read_to_string(storage.join(".hidden")).unwrap(), "{");

    run(&folder, &["auth", "user", "remove", "Odd_1", "--force"], "");
    assert!(!storage.join("another-name").exists());
    assert_eq!(records(&folder.path("data")).len(), after.len() - 1);
}

#[test]
fn a_folder_that_sillytavern_fills() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    fs::create_dir_all(folder.path("data/cid")).unwrap();
    fs::write(folder.path("data/cookie-secret.txt"), "x").unwrap();
    let mut text =
        folder.told_with(&["auth", "user", "add", "ann", "--admin", "--password-stdin"], "swordfish-9");
    text += &folder.told_with(&["auth", "user", "add", "cid", "--password-stdin"], "swordfish-9");
    text += &folder.told_with(&["auth", "user", "remove", "cid", "--force"], "");
    golden("accounts-of-sillytavern.txt", &text);
    assert!(folder.path("data/cid").is_dir());
    assert!(!folder.path("data/ann").exists());
}

#[test]
fn a_store_that_cannot_be_read_is_not_changed() {
    let mut text = String::new();
    let record = r#"{"key":"user:ann","value":{"handle":"ann","password":"","enabled":true,"admin":true}}"#;
    for (name, other) in
        [("broken", "{"), ("second", record), ("mismatch", r#"{"key":"user:b","value":{"handle":"c"}}"#)]
    {
        let folder = Folder::with(&[("config.yaml", SETTINGS)]);
        fs::create_dir_all(folder.path("data/_storage")).unwrap();
        fs::write(folder.path("data/_storage/first"), record).unwrap();
        fs::write(folder.path("data/_storage").join(name), other).unwrap();
        let before = files(&folder.path("data"));
        text += &folder.told_with(&["auth", "user", "password", "ann", "--password-stdin"], "swordfish-9");
        text += &folder.told_with(&["auth", "user", "add", "bob", "--password-stdin"], "swordfish-9");
        assert_eq!(files(&folder.path("data")), before, "{name}");
    }
    golden("accounts-refused.txt", &text);
}

#[test]
fn many_at_once_and_nothing_left_behind() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    run(&folder, &["auth", "user", "add", "root", "--admin", "--password-stdin"], "swordfish-9");
    let names: Vec<String> = (0..20).map(|number| format!("user-{number}")).collect();
    let mut children: Vec<_> = names
        .iter()
        .map(|name| folder.reading(&["auth", "user", "add", name, "--no-password"], ""))
        .collect();
    // Two that change one record, again and again.
    for number in 0..20 {
        let action = if number % 2 == 0 { "disable" } else { "enable" };
        let mut arguments = vec!["auth", "user", action, "root"];
        arguments.extend((action == "disable").then_some("--force"));
        children.push(folder.reading(&arguments, ""));
    }
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let accounts = store::read(&folder.path("data")).unwrap();
    assert_eq!(accounts.len(), 21);
    let enabled = accounts.iter().cloned().map(|account| Account { enabled: true, ..account });
    assert!(proves(&Login::Accounts(Accounts::new(enabled)), "root", "swordfish-9"));
    assert!(
        files(&folder.path("data")).keys().all(|name| !name.contains("/.")),
        "{:?}",
        files(&folder.path("data"))
    );
    assert_eq!(fs::read_dir(folder.path("data")).unwrap().count(), 1, "no lock is left");
}

#[test]
fn a_made_up_password_is_printed_once_and_works() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    let output = run(&folder, &["auth", "user", "add", "ann", "--admin", "--generate"], "");
    let password = String::from_utf8(output.stdout).unwrap();
    let password = password.strip_suffix('\n').unwrap();
    assert_eq!(password.split('-').map(str::len).collect::<Vec<_>>(), [4; 5], "{password}");
    assert!(!String::from_utf8(output.stderr).unwrap().contains(password));
    let login = Login::Accounts(store::read(&folder.path("data")).unwrap());
    assert!(proves(&login, "ann", password));
    let output = run(&folder, &["auth", "user", "password", "ann", "--generate", "--quiet"], "");
    assert_ne!(String::from_utf8(output.stdout).unwrap().trim_end(), password, "another one each time");
    assert_eq!(output.stderr, b"");
}

#[test]
fn a_running_server_follows_the_accounts() {
    let app = App::fine();
    let record = format!("data/_storage/{BOB}");
    let server = Innkeeper::start_with(
        "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\nenableUserAccounts: true\n\
         perUserBasicAuth: true\nrateLimiting: {basicAuthMaxAttempts: 0}",
        &format!("upstream: {}", app.url),
        &[(&record, BOBS_RECORD.as_bytes())],
    );
    let status = |password: &str| {
        let credentials = STANDARD.encode(format!("bob:{password}"));
        let mut client = Client::of(&server);
        client
            .send(format!("GET / HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic {credentials}\r\n\r\n"));
        client.answer().status
    };
    let followed = |times: usize| server.says_times("the settings were read again", times);
    assert_eq!(status(""), 401, "no password, nobody");
    let made_up = |output: Output| String::from_utf8(output.stdout).unwrap().trim_end().to_owned();
    let first = made_up(server.run(&["auth", "user", "password", "bob", "--generate"]));
    followed(1);
    assert_eq!((status(&first), status("")), (200, 401));
    let second = made_up(server.run(&["auth", "user", "password", "bob", "--generate"]));
    followed(2);
    assert_eq!((status(&second), status(&first)), (200, 401), "the old one is remembered no more");
    server.run(&["auth", "user", "disable", "bob", "--force"]);
    followed(3);
    assert_eq!(status(&second), 401);
    server.run(&["auth", "user", "enable", "bob"]);
    followed(4);
    assert_eq!(status(&second), 200);
    // As SillyTavern does: into the file, which the folder does not show.
    server.write(&record, BOBS_RECORD);
    followed(5);
    assert_eq!(status(&second), 401);
}

/// What SillyTavern wrote for the account `bob`, but that he may do everything.
const BOBS_RECORD: &str = r#"{"key":"user:bob","value":{"handle":"bob","name":"Bob","created":1795402631367,"password":"","salt":"","admin":true,"enabled":true}}"#;

/// The name of that file: the SHA-256 of its key.
const BOB: &str = "3cf105295f918eb8f4dd96d1b545117d37fd1e108079e478013dbe2a26944b72";

fn proves(login: &Login, user: &str, password: &str) -> bool {
    let credentials = Credentials { user: user.to_owned(), password: Secret::new(password) };
    login.claim(&credentials).prove() != Proof::Rejected
}

/// Every record in a data folder, by the name of its file.
fn records(data: &Path) -> BTreeMap<String, String> {
    let all = files(data).into_iter().filter_map(|(name, text)| {
        name.strip_prefix("_storage/")
            .filter(|name| !name.starts_with('.'))
            .map(|name| (name.to_owned(), text))
    });
    all.collect()
}

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, text)| (format!("{name}/{inner}"), text)));
        } else {
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Runs what must succeed, with `input` on standard input.
fn run(folder: &Folder, arguments: &[&str], input: &str) -> Output {
    let output = folder.reading(arguments, input).wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
