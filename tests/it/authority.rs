//! `innkeeper cert create` and `cert trust`, and the renewal by `serve`: files, modes, settings and every word said.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, SystemTime};

use innkeeper::cert::authority::{Authority, Leaf, Name, Names};
use innkeeper::cert::{Pair, Source};
use innkeeper::gateway::keyring::Keyring;
use innkeeper::gateway::renewal;

use crate::it::harness::Innkeeper;
use crate::it::harness::client::Client;
use crate::it::harness::folder::{Folder, golden};

const PLAIN: &str = "port: 8000\nwhitelistMode: true\n\n# Encryption.\nssl:\n  enabled: false # not yet\n";

fn keyring(folder: &Folder) -> Keyring {
    Keyring::of(&folder.path("certs/cert.pem"), &folder.path("certs/privkey.pem"))
}

/// What is another on every machine, every day or in every run, named.
fn masked(text: &str, folder: &Folder) -> String {
    let mut text = text.to_owned();
    if let Ok(Some(root)) = keyring(folder).root() {
        let [first, second] = root.fingerprint().lines();
        for (is, name) in [
            (root.name(), "{authority}"),
            (&first, "{first half}"),
            (&second, "{second half}"),
            (&root.fingerprint().to_string(), "{fingerprint}"),
            (&format!(",\"{}\"", own_bounds(&root.bounds())), ""),
        ] {
            text = text.replace(is, name);
        }
    }
    let mut out = String::new();
    for line in text.lines().filter(|line| !line.contains("! Left out ") && !line.contains("--install")) {
        let line = match line.split_once(", 127.0.0.1, ::1") {
            Some((before, _)) => format!("{before}, 127.0.0.1, ::1{{own}}"),
            None => line.to_owned(),
        };
        if !line.contains("- By this program") {
            out += &without_days(&line);
            out.push('\n');
        }
    }
    out
}

/// What the authority may vouch for beyond private things and `tavern.example`: names of this machine.
fn own_bounds(bounds: &[String]) -> String {
    let own: Vec<_> =
        bounds[14..].iter().filter(|bound| *bound != "tavern.example").map(String::as_str).collect();
    own.join("\",\"")
}

fn without_days(line: &str) -> String {
    let is_day = |word: &str| {
        word.len() == 10
            && word
                .char_indices()
                .all(|(at, letter)| if matches!(at, 4 | 7) { letter == '-' } else { letter.is_ascii_digit() })
    };
    let mut out = String::new();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        if let Some(day) = rest.get(..10).filter(|word| is_day(word)) {
            out.push_str("{day}");
            rest = &rest[day.len()..];
        } else {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    out
}

/// Runs one command after the other and holds all they say.
struct Talk<'a> {
    folder: &'a Folder,
    text: String,
}

impl<'a> Talk<'a> {
    fn about(folder: &'a Folder) -> Self {
        Self { folder, text: String::new() }
    }

    fn told(&mut self, arguments: &[&str]) {
        self.told_under(arguments, &[]);
    }

    fn told_under(&mut self, arguments: &[&str], variables: &[(&str, &str)]) {
        let before = self.folder;
        // An authority that is deleted has its name still before that.
        let name = keyring(before).root().ok().flatten().map(|root| root.name().to_owned());
        let told = self.folder.told(arguments, variables);
        let told = name.map_or(told.clone(), |name| told.replace(&name, "{authority}"));
        self.text += &masked(&told, self.folder);
    }

    fn shows(&mut self, file: &str) {
        let _ = writeln!(self.text, "{file}:\n{}", self.folder.text(file));
    }
}

#[test]
fn made_once_and_kept() {
    let folder = Folder::with(&[("config.yaml", PLAIN)]);
    let mut talk = Talk::about(&folder);
    talk.told(&["cert", "create", "--apply", "--dry-run"]);
    assert!(!folder.path("certs").exists());
    talk.told(&["cert", "create", "--host", "tavern.example", "10.0.0.9"]);
    let authority = folder.text("certs/authority.pem");
    let key = folder.text("certs/privkey.pem");
    let certificate = folder.text("certs/cert.pem");
    talk.told(&["cert", "create", "--apply"]);
    talk.shows("config.yaml");
    // Nothing to do, and nothing done.
    assert_eq!(folder.text("certs/cert.pem"), certificate);
    talk.told(&["cert", "create", "--host", "nas.lan"]);
    assert_ne!(folder.text("certs/cert.pem"), certificate);
    talk.told(&["cert", "create", "--host", "other.example"]);
    assert_eq!(
        (folder.text("certs/authority.pem"), folder.text("certs/privkey.pem")),
        (authority.clone(), key)
    );
    talk.told(&["cert", "create", "--host", "other.example", "--force"]);
    assert_ne!(folder.text("certs/authority.pem"), authority);
    let given = leaf(&folder).names.given;
    let given: Vec<String> = given.iter().map(Name::to_string).collect();
    assert_eq!(given, ["tavern.example", "10.0.0.9", "nas.lan", "other.example"]);
    golden("authority-create.txt", &talk.text);
}

fn leaf(folder: &Folder) -> Leaf {
    let keyring = keyring(folder);
    Leaf::issued_by(&keyring.root().unwrap().unwrap(), &keyring.pair().unwrap().unwrap()).unwrap()
}

#[test]
fn what_is_there_is_not_lost() {
    let folder = Folder::with(&[("config.yaml", PLAIN)]);
    fs::create_dir(folder.path("certs")).unwrap();
    let foreign = |name: &str| {
        fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/tls/").to_owned() + name).unwrap()
    };
    fs::write(folder.path("certs/cert.pem"), foreign("cert.pem")).unwrap();
    fs::write(folder.path("certs/privkey.pem"), foreign("key.pem")).unwrap();
    fs::write(folder.path("certs/authority.pem"), foreign("cert.pem")).unwrap();
    let mut talk = Talk::about(&folder);
    talk.told(&["cert", "create"]);
    talk.told(&["cert", "trust"]);
    talk.told(&["cert", "create", "--remove", "--force"]);
    fs::remove_file(folder.path("certs/authority.pem")).unwrap();
    talk.told(&["cert", "create"]);
    talk.told(&["cert", "create", "--force", "--dry-run"]);
    talk.told(&["cert", "create", "--force"]);
    assert_eq!(fs::read(folder.path("certs/cert.pem.bak")).unwrap(), foreign("cert.pem"));
    assert_eq!(fs::read(folder.path("certs/privkey.pem.bak")).unwrap(), foreign("key.pem"));
    // One of the two, and one that is unreadable.
    fs::remove_file(folder.path("certs/privkey.pem")).unwrap();
    talk.told(&["cert", "create"]);
    fs::write(folder.path("certs/privkey.pem"), "noise").unwrap();
    talk.told(&["cert", "create"]);
    talk.told(&["cert", "create", "--force"]);
    assert_eq!(folder.text("certs/privkey.pem.bak2"), "noise");
    golden("authority-foreign.txt", &talk.text);
}

#[test]
fn removed_without_a_trace() {
    let folder = Folder::with(&[("config.yaml", PLAIN)]);
    let mut talk = Talk::about(&folder);
    talk.told(&["cert", "create", "--remove"]);
    folder.done(&["cert", "create", "--apply"]);
    talk.told(&["cert", "create", "--remove"]);
    talk.told(&["cert", "create", "--remove", "--force", "--dry-run"]);
    assert!(keyring(&folder).pair().unwrap().is_some());
    // What a killed process left, which may hold a key.
    let left = folder.path("certs/.authority.key.0123456789abcdef.tmp");
    fs::write(&left, "").unwrap();
    folder.done(&["cert", "create"]);
    assert!(!left.exists());
    fs::write(&left, "").unwrap();
    talk.told(&["cert", "create", "--remove", "--force"]);
    assert_eq!(folder.text("config.yaml"), PLAIN);
    assert!(!folder.path("certs").exists());
    talk.told(&["cert", "create", "--remove", "--force"]);
    // A certificate that came there since is somebody else's.
    folder.done(&["cert", "create"]);
    fs::write(folder.path("certs/cert.pem"), "somebody's").unwrap();
    talk.told(&["cert", "create", "--remove", "--force"]);
    let left: Vec<_> =
        fs::read_dir(folder.path("certs")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    golden("authority-remove.txt", &talk.text);
}

#[test]
fn https_is_turned_on_where_it_counts() {
    let mut text = String::new();
    for (file, settings) in [
        ("config.toml", "port = 8000\n\n[ssl]\nenabled = false\ncertPath = \"elsewhere.pem\"\n"),
        ("config.yaml", "port: 8000\n"),
        // SillyTavern reads it too, and must not speak https itself.
        (
            "config.yaml",
            "port: 8000\nssl:\n  enabled: false\ninnkeeper:\n  port: 8001\n  upstream: http://127.0.0.1:8000\n",
        ),
    ] {
        let folder = Folder::with(&[(file, settings)]);
        let mut talk = Talk::about(&folder);
        talk.told(&["cert", "create", "--apply"]);
        talk.shows(file);
        talk.told(&["cert", "create", "--remove", "--force"]);
        talk.shows(file);
        text += &talk.text;
    }
    let folder = Folder::with(&[("config.yaml", PLAIN)]);
    let mut talk = Talk::about(&folder);
    talk.told_under(&["cert", "create", "--apply"], &[("SILLYTAVERN_SSL_ENABLED", "false")]);
    talk.told(&["cert", "create", "--host", "a b", "dev", "nas:8000", "ok.lan"]);
    talk.told(&["cert", "create", "--host", "a.lan", "--remove"]);
    assert!(!folder.path("certs").exists(), "nothing is made when something is wrong");
    golden("authority-apply.txt", &(text + &talk.text));
}

#[cfg(target_os = "linux")]
#[test]
fn how_to_trust_it() {
    let folder = Folder::with(&[("config.yaml", PLAIN)]);
    let mut talk = Talk::about(&folder);
    talk.told(&["cert", "trust"]);
    folder.done(&["cert", "create", "--host", "tavern.example"]);
    talk.told(&["cert", "trust"]);
    folder.done(&["cert", "create", "--apply"]);
    talk.told(&["cert", "trust", "--json"]);
    talk.told(&["cert", "trust", "--quiet", "--json"]);
    talk.told(&["cert", "trust", "--json", "--qr"]);
    golden("authority-trust.txt", &talk.text);

    let output = folder.run(&["cert", "trust", "--qr", "--quiet"]);
    let text = String::from_utf8(output.stdout).unwrap();
    // The blocks of a code, with nothing that colours a pipe.
    assert!(text.contains("\n████████") && !text.contains('\u{1b}'), "{text}");
    let plain = folder.run(&["cert", "trust", "--quiet"]);
    assert!(!String::from_utf8(plain.stdout).unwrap().contains('█'));
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_the_keys_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::{Command, Stdio};
    let folder = Folder::with(&[("config.yaml", PLAIN)]);
    let binary = assert_cmd::cargo::cargo_bin!("innkeeper");
    for arguments in ["cert create", "cert create --host nas.lan", "cert create --host x.example --force"] {
        let script = format!("umask 000; exec '{}' {arguments}", binary.display());
        let status = Command::new("sh")
            .args(["-c", &script])
            .current_dir(folder.root())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        let mode = |name: &str| fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode("certs"), 0o700);
        for file in ["authority.key", "authority.pem", "cert.pem", "privkey.pem"] {
            assert_eq!(mode(&format!("certs/{file}")), 0o600, "{file} after {arguments}");
        }
        let files = fs::read_dir(folder.path("certs")).unwrap().count();
        assert_eq!(files, 4, "nothing is left behind by {arguments}");
    }
}

#[test]
fn a_server_renews_what_is_due_before_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let now = SystemTime::now();
    let then = now - Duration::from_hours(24 * 300);
    let given: Vec<Name> = vec!["tavern.example".parse().unwrap()];
    let authority = Authority::create(&renewal::own(), &given, then).unwrap();
    let old = authority.issue(&Names { given: given.clone(), own: renewal::own() }, then).unwrap();
    fs::create_dir(path("certs")).unwrap();
    for (name, text) in [
        ("certs/authority.pem", &authority.files().certificate),
        ("certs/authority.key", &authority.files().key),
        ("certs/cert.pem", &old.certificate),
        ("certs/privkey.pem", &old.key),
    ] {
        fs::write(path(name), text).unwrap();
    }
    let server = Innkeeper::start_in(folder, "ssl: {enabled: true}", "");
    server.says("the certificate was renewed: it is good until ");
    let renewed = server.path("certs/cert.pem");
    let renewed = fs::read(renewed).unwrap();
    assert_ne!(renewed, old.certificate.as_bytes());
    let source = |bytes| Source { name: "pair.pem", bytes };
    let pair = Pair::read(source(&renewed), source(old.key.as_bytes()), None).unwrap();
    let leaf = Leaf::issued_by(authority.root(), &pair).unwrap();
    assert_eq!(leaf.names.given, given);
    assert!(leaf.until > now + Duration::from_hours(24 * 390));
}

/// The clock was fast by a month when everything was made, or is slow by as much now.
#[test]
fn what_was_made_under_a_clock_that_was_fast() {
    let folder = Folder::with(&[("config.yaml", "port: 0\nssl: {enabled: true}\n")]);
    let then = SystemTime::now() + Duration::from_hours(24 * 30);
    let authority = Authority::create(&renewal::own(), &[], then).unwrap();
    let pair = authority.issue(&Names { given: Vec::new(), own: renewal::own() }, then).unwrap();
    fs::create_dir(folder.path("certs")).unwrap();
    for (name, text) in [
        ("authority.pem", &authority.files().certificate),
        ("authority.key", &authority.files().key),
        ("cert.pem", &pair.certificate),
        ("privkey.pem", &pair.key),
    ] {
        fs::write(folder.path("certs").join(name), text).unwrap();
    }
    // Not readable by others, of which `cert check` would tell.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for key in ["certs/authority.key", "certs/privkey.pem"] {
            fs::set_permissions(folder.path(key), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    let mut talk = Talk::about(&folder);
    talk.told(&["cert", "create", "--apply"]);
    assert_eq!(fs::read(folder.path("certs/cert.pem")).unwrap(), pair.certificate.as_bytes());
    let checked = folder.told(&["cert", "check"], &[]);
    let problem: Vec<&str> =
        checked.lines().skip_while(|line| !line.starts_with("problem: ")).take(3).collect();
    talk.text += &masked(&problem.join("\n"), &folder);
    talk.text += "\n";
    talk.told(&["cert", "create", "--apply", "--force"]);
    assert!(folder.text("certs/authority.pem") != authority.files().certificate);
    assert!(leaf(&folder).from < SystemTime::now());
    golden("authority-clock.txt", &talk.text);
}

#[test]
fn the_keys_are_no_files_of_a_folder_that_is_served() {
    let server = Innkeeper::start_with("", "root: .", &[("index.html", b"hello")]);
    // While it runs, so that it cannot know them from its start.
    let made = server.run(&["cert", "create"]);
    assert!(made.status.success(), "{made:?}");
    let mut client = Client::of(&server);
    let mut status = |target: &str| {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.answer().status
    };
    assert_eq!(status("/index.html"), 200);
    for file in ["authority.key", "privkey.pem", "authority.pem", "cert.pem", "../certs/authority.key"] {
        assert!(server.path("certs").join(file).exists());
        assert_ne!(status(&format!("/certs/{file}")), 200, "{file}");
    }
}

#[test]
fn every_hint_names_the_settings_it_is_about() {
    let folder = Folder::with(&[]);
    fs::create_dir(folder.path("my home")).unwrap();
    fs::write(folder.path("my home/config.yaml"), PLAIN).unwrap();
    let flag = "--config 'my home/config.yaml'";
    let hints = |arguments: &[&str]| {
        let output = folder.run(&[arguments, &["--config", "my home/config.yaml"]].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        told.lines().filter(|line| line.starts_with("hint: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let has = |arguments: &[&str], command: &str| {
        let hints = hints(arguments);
        let command = format!(": `innkeeper cert {command} {flag}`");
        assert!(hints.iter().any(|hint| hint.ends_with(&command)), "{command}\n{hints:?}");
    };
    has(&["cert", "trust"], "create --apply");
    folder.done(&["cert", "create", "--config", "my home/config.yaml"]);
    has(
        &["cert", "create", "--apply", "--host", "9.9.9.9", "tavern.example"],
        "create --force --host 9.9.9.9 --host tavern.example --apply",
    );
    has(&["cert", "create", "--remove"], "create --remove --force");
    fs::remove_file(folder.path("my home/certs/authority.key")).unwrap();
    has(&["cert", "create"], "create --force");
    let other = Authority::create(&[], &[], SystemTime::now()).unwrap().files().key;
    fs::write(folder.path("my home/certs/privkey.pem"), other).unwrap();
    // A server that does not start with the pair.
    let hints = hints(&["serve", "--ssl"]);
    let path = folder.path("my home/config.yaml");
    let command = format!("`innkeeper cert create --apply --config '{}'`", path.display());
    assert!(hints.iter().any(|hint| hint.ends_with(&command)), "{command}\n{hints:?}");
}
