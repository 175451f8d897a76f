//! `cert check` of the settings and of files: the real program, with its exit codes, and what `config check` says.

use std::fs;

use super::made::{Made, alone, authority, redacted, server_now};
use crate::it::harness::folder::{Folder, golden};

const PASSPHRASE: &str = "open sesame";
const ENCRYPTED: &str = include_str!("../../fixtures/cert/rsa.encrypted.key");
const RSA: &str = include_str!("../../fixtures/cert/rsa.pem");

/// Every name that this computer goes by, so that a certificate can be good for all of them.
fn own_names() -> Vec<String> {
    let addresses = innkeeper::gateway::names::own_addresses().into_iter().map(|address| address.to_string());
    let mut names = vec!["localhost".to_owned()];
    for name in innkeeper::gateway::names::own_names().into_iter().chain(addresses) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// One that is good for all of them, by an authority of one's own.
fn good() -> Made {
    let names = own_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut root = authority("Office");
    root.not_before = rcgen::date_time_ymd(2020, 1, 1);
    root.not_after = rcgen::date_time_ymd(2100, 1, 1);
    alone(root).sign(server_now(&names))
}

/// A folder with that pair in its settings, and nobody but its owner reads the key.
fn folder(made: &Made, settings: &str) -> Folder {
    let folder = Folder::with(&[("config.yaml", settings), ("cert.pem", &made.pem), ("key.pem", &made.key)]);
    owners_only(&folder, "key.pem");
    folder
}

#[cfg(unix)]
fn owners_only(folder: &Folder, name: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder.path(name), fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn owners_only(_: &Folder, _: &str) {}

/// The names differ from computer to computer.
fn without_names(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with("names      ") {
            out += "names      {names}\n";
        } else if line.trim_start().starts_with("\"names\": [") {
            inside = true;
            out += "      \"names\": {names},\n";
        } else if inside {
            inside = !line.trim_start().starts_with(']');
        } else {
            out += &line.replace(&format!("\"{}\"", own_names()[0]), "\"{first name}\"");
            out.push('\n');
        }
    }
    out
}

const SETTINGS: &str = "ssl: {enabled: true, certPath: cert.pem, keyPath: key.pem}\n";

#[test]
fn the_pair_of_the_settings() {
    let good = good();
    let folder = folder(&good, SETTINGS);
    let mut text = folder.told(&["cert", "check"], &[]);
    text += &folder.told(&["cert", "check", "--json"], &[]);
    text += &folder.told(&["cert", "check", "--warn-days", "80"], &[]);
    text += &folder.told(&["cert", "check", "--host", "https://tavern.example/"], &[]);
    golden("cert-check-settings.txt", &without_names(&redacted(&text, &good.params)));
}

#[test]
fn files_of_all_kinds() {
    let good = good();
    let folder = folder(&good, "port: 0\n");
    let both = good.pem.clone() + &good.key;
    for (name, text) in [("both.pem", both.as_str()), ("rsa.pem", RSA), ("encrypted.key", ENCRYPTED)] {
        fs::write(folder.path(name), text).unwrap();
    }
    owners_only(&folder, "encrypted.key");
    let encrypted =
        ["cert", "check", "--cert", "rsa.pem", "--key", "encrypted.key", "--passphrase-stdin", "--json"];
    let passphrase = |input: &str| {
        let child = folder.reading(&encrypted, input);
        let output = child.wait_with_output().unwrap();
        let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (rows[0]["good"].as_bool().unwrap(), rows[0]["findings"][0]["kind"].clone(), output.status.code())
    };
    let (_, kind, _) = passphrase(&format!("{PASSPHRASE}\n"));
    assert_ne!(kind, "key-file");
    let (is_good, kind, exit) = passphrase("open barley\n");
    assert_eq!((is_good, kind, exit), (false, "key-file".into(), Some(1)));

    let mut text = String::new();
    for arguments in [
        &["cert", "check", "--cert", "cert.pem"][..],
        &["cert", "check", "--cert", "both.pem", "--quiet"],
        &["cert", "check", "--cert", "key.pem", "--key", "cert.pem"],
        &["cert", "check", "--cert", "missing.pem", "--key", "."],
        &["cert", "check"],
        &["cert", "check", "--key", "key.pem"],
        &["cert", "check", "desk.local:8000", "--cert", "cert.pem"],
        &["cert", "check", "desk.local"],
        &["cert", "check", "--help"],
        &["cert", "--help"],
    ] {
        text += &folder.told(arguments, &[]);
    }
    golden("cert-check-files.txt", &without_names(&redacted(&text, &good.params)));
}

#[test]
fn names_that_are_asked_for() {
    let made = alone(server_now(&["desk.local", "*.tavern.example"]));
    let folder = folder(&made, SETTINGS);
    let missing = |hosts: &[&str]| {
        let output = folder.run(&[&["cert", "check", "--json", "--host"], hosts].concat());
        let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = rows[0]["findings"].as_array().unwrap().clone();
        let missing = findings.iter().filter(|finding| finding["kind"] == "name-missing");
        let messages: Vec<String> =
            missing.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect();
        assert_eq!(output.status.code(), Some(i32::from(!messages.is_empty())));
        messages
    };
    assert_eq!(missing(&["DESK.local.", "--host", "a.tavern.example"]), [""; 0]);
    let only = "only for `desk.local`, `*.tavern.example`";
    assert_eq!(
        missing(&["phone.lan", "[fd00::1]"]),
        [format!("it is not for `phone.lan`, {only}"), format!("it is not for `fd00::1`, {only}")]
    );
}

#[test]
fn every_pair_of_the_settings() {
    let (good, other) = (good(), alone(server_now(&["tavern.example"])));
    let settings = "ssl: {enabled: true, certPath: other.pem, keyPath: other.key}\n\
        innkeeper: {ssl: {certificates: [{certPath: cert.pem, keyPath: key.pem}]}}\n";
    let folder = folder(&good, settings);
    fs::write(folder.path("other.pem"), &other.pem).unwrap();
    fs::write(folder.path("other.key"), &other.key).unwrap();
    owners_only(&folder, "other.key");
    let kinds = |arguments: &[&str]| {
        let output = folder.run(arguments);
        let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = rows.as_array().unwrap().clone();
        let kind = |finding: &serde_json::Value| finding["kind"].as_str().unwrap().to_owned();
        rows.iter()
            .map(|row| row["findings"].as_array().unwrap().iter().map(kind).collect())
            .collect::<Vec<Vec<_>>>()
    };
    // The names of this computer are in the second, and a name that is in neither is told once.
    let check = ["cert", "check", "--json"];
    assert_eq!(kinds(&check), [["self-signed"], ["own-authority"]]);
    assert_eq!(kinds(&[&check[..], &["--host", "localhost"]].concat()), [["self-signed"], ["own-authority"]]);
    let with_phone = kinds(&[&check[..], &["--host", "phone.lan"]].concat());
    assert_eq!(with_phone, [&["name-missing", "self-signed"][..], &["own-authority"]]);
}

/// Who may read everything is no case for this.
#[cfg(unix)]
#[test]
fn a_key_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let made = good();
    let folder = folder(&made, "port: 0\n");
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.path("key.pem"), fs::Permissions::from_mode(0o000)).unwrap();
    // From a place where everybody may run it.
    let program = folder.path("innkeeper");
    fs::copy(assert_cmd::cargo::cargo_bin!("innkeeper"), &program).unwrap();
    let mut command = std::process::Command::new(&program);
    command
        .current_dir(folder.root())
        .env_clear()
        .args(["cert", "check", "--cert", "cert.pem", "--key", "key.pem"]);
    if fs::read(folder.path("key.pem")).is_ok() {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: cannot read the key `key.pem`\n  caused by: Permission denied (os error 13)\n\
         hint: see who may read it: `ls -l key.pem`\n"
    );
    assert_eq!((output.stdout.len(), output.status.code()), (0, Some(2)));
}

#[cfg(unix)]
#[test]
fn who_else_can_get_at_the_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let made = good();
    let folder = folder(&made, SETTINGS);
    let findings = |key: u32, around: u32| {
        fs::set_permissions(folder.path("key.pem"), fs::Permissions::from_mode(key)).unwrap();
        fs::set_permissions(folder.root(), fs::Permissions::from_mode(around)).unwrap();
        let output = folder.run(&["cert", "check", "--json"]);
        assert_eq!(output.status.code(), Some(0));
        let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = rows[0]["findings"].as_array().unwrap().clone();
        let exposed = findings.iter().filter(|finding| finding["kind"] == "key-exposed");
        exposed.map(|finding| finding["fixes"][0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(findings(0o600, 0o700), [""; 0]);
    assert_eq!(findings(0o640, 0o755), ["chmod 600 key.pem"]);
    assert_eq!(findings(0o644, 0o755), ["chmod 600 key.pem"]);
    assert_eq!(findings(0o600, 0o777), ["chmod go-w ."]);
    // Where only its owner may take a file away.
    assert_eq!(findings(0o600, 0o1777), [""; 0]);
    // Whoever reads the authority's key beside it can do more harm still.
    fs::write(folder.path("authority.key"), "").unwrap();
    fs::set_permissions(folder.path("authority.key"), fs::Permissions::from_mode(0o604)).unwrap();
    assert_eq!(findings(0o600, 0o777), ["chmod go-w .", "chmod 600 authority.key"]);
}

#[test]
fn config_check_tells_what_visitors_would_meet() {
    let mut params = server_now(&["localhost"]);
    params.not_after = params.not_before + std::time::Duration::from_hours(24);
    let expired = alone(params);
    let folder = folder(&expired, SETTINGS);
    let output = folder.run(&["config", "check", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let warnings = report["warnings"].as_array().unwrap();
    let found: Vec<&serde_json::Value> =
        warnings.iter().filter(|warning| warning["kind"] == "expired").collect();
    assert_eq!(found.len(), 1, "{report:#}");
    let message = found[0]["message"].as_str().unwrap();
    assert!(message.contains("cert.pem: it has expired on ") && message.ends_with("9 days ago"), "{message}");
    assert_eq!(found[0]["hints"][0], "make a new one: `innkeeper cert create --apply`");
    // `serve` would start with it.
    assert_eq!(output.status.code(), Some(0));
    let good = good();
    let folder = super::settings::folder(&good, SETTINGS);
    assert!(!folder.told(&["config", "check"], &[]).contains("cert.pem"));
}
