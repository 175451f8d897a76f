//! Settings from files, variables and flags: precedence, origins, and the whole text of every kind of complaint.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use innkeeper::cli::{self, Invocation};
use innkeeper::config::schema::KEYS;
use innkeeper::config::{
    Account, DEFAULT_TOML, DEFAULT_YAML, Family, Flags, Found, Layer, Problems, Refusal, Satisfy, Secret,
    Settings, Source, Syntax, Value, Variables, Warning, find, start_gate, write_default,
};
use innkeeper::error::Error;
use innkeeper::policy::whitelist::{Place, WhitelistBuilder};

use crate::it::harness::folder::{Folder, golden};

impl Folder {
    /// Reads `file` of this folder; complaints name it without the folder.
    fn read(&self, file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Settings, String> {
        let variables: Variables = variables.iter().copied().collect();
        Settings::read(&self.path(file), &flags_of(flags), &variables)
            .map_err(|problems| problems.to_string().replace(&format!("{}/", self.root().display()), ""))
    }
}

fn flags_of(flags: &[&str]) -> Flags {
    match cli::parse(["innkeeper", "serve"].iter().chain(flags)) {
        Invocation::Serve(serve) => serve.flags,
        other => panic!("{other:?}"),
    }
}

/// The settings of one YAML file.
fn settings(text: &str) -> Settings {
    Folder::with(&[("config.yaml", text)])
        .read("config.yaml", &[], &[])
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// The complaints about one file.
fn complaints(name: &str, text: &str) -> String {
    Folder::with(&[(name, text)]).read(name, &[], &[]).unwrap_err()
}

/// The complaints about flags and variables over an empty file.
fn complaints_above(variables: &[(&str, &str)], flags: &[&str]) -> String {
    Folder::with(&[("config.yaml", "")]).read("config.yaml", variables, flags).unwrap_err()
}

/// An error as a terminal shows it.
fn shown(error: &Error) -> String {
    let first = format!("error: {error}\n");
    error.hints().iter().fold(first, |text, hint| text + "hint: " + hint + "\n")
}

#[test]
fn default_files_equal_the_defaults() {
    for (name, text) in [("config.yaml", DEFAULT_YAML), ("config.toml", DEFAULT_TOML)] {
        let mut problems = Problems::default();
        let layer = Layer::file(&mut Source::new(name, text), Syntax::of(Path::new(name)), &mut problems);
        assert_eq!(problems.to_string(), "");
        let defaults = Layer::defaults();
        for key in KEYS {
            let value = |layer: &Layer| layer.setting(key.path).map(|setting| without_lines(&setting.value));
            assert_eq!(value(&layer), value(&defaults), "{name}: {}", key.path);
        }
    }
}

fn without_lines(value: &Value) -> Value {
    match value {
        Value::List(list) => Value::List(list.iter().map(|(text, _)| (text.clone(), 0)).collect()),
        other => other.clone(),
    }
}

#[test]
fn every_mistake_in_one_run() {
    let text = "\
listen: no
port: 8000abc
whitelist: 127.0.0.1
whitelistmode: true
ssl:
  enabled: \"0\"
whitelistMode:
basicAuthUser: {username: [1], password: hunter2, pasword: hunter3}
protocol: true
rateLimiting:
  basicAuthMaxAttempts: 2.5
ssl.enabled: true
innkeeper:
  foo: 1
  prot: 3
  satisfy: some
  upstream: localhost:3000
  limits: {headSize: big, connectTimeout: 0, headerTimeout: no}
  publicPaths: [/a, b, 3]
  trustedProxies:
    - 10.0.0.1
    -
    - {a: b}
port: 3
upstream: x
unknownToUs: {a: 1, a: 2}
";
    golden("mistakes.yaml.txt", &complaints("config.yaml", text));
}

/// The complaints about each of `texts`, which are mistakes of syntax.
fn broken(name: &str, texts: &[&str]) -> String {
    texts.iter().map(|text| complaints(name, text)).collect::<Vec<_>>().join("\n")
}

#[test]
fn syntax_of_yaml() {
    let texts = [
        "listen: [true\n",
        "listen: true\n\tport: 3\n",
        "a: 1\n---\nb: 1\n",
        "- 1\n",
        "x: *y\n",
        "a: 1\rb: 2\n",
        "a: \"b\n",
        "whitelist:\n  - *\n",
        "whitelist: [::1, a: b: c]\n",
        "a: b: c\n",
        "a: %b\n",
        "basicAuthUser:\n  password: @abc\n",
    ];
    golden("syntax.yaml.txt", &broken("config.yaml", &texts));
}

#[test]
fn mistakes_in_toml() {
    let text = "\
listen = \"no\"
port = 80000
whitelist = \"127.0.0.1\"
whitelistmode = true
ssl = true
[basicAuthUser]
password = [\"hunter2\"]
usrname = \"me\"
[innkeeper]
satisfy = \"some\"
limits.headSize = \"big\"
trustedProxies = [1, true]
";
    golden("mistakes.toml.txt", &complaints("config.toml", text));
}

#[test]
fn syntax_of_toml() {
    let texts =
        ["port = 1\nport = 2\n", "listen: true\n", "[ssl\n", "a = 1\n[basicAuthUser]\npassword = hunter2\n"];
    golden("syntax.toml.txt", &broken("config.toml", &texts));
}

#[test]
fn mistakes_in_flags_and_variables() {
    let variables = [
        ("INNKEEPER_LISTEN", "yes"),
        ("SILLYTAVERN_PORT", "80a"),
        ("SILLYTAVERN_WHITELIST", "127.0.0.1"),
        ("INNKEEPER_HOSTWHITELIST_HOSTS", "[\"a.test\", null]"),
        ("INNKEEPER_BASICAUTHUSER_PASSWORD", ""),
        ("INNKEEPER_PROT", "1"),
        ("SILLYTAVERN_WHITELIST_MODE", "false"),
        ("SILLYTAVERN_CORS_ENABLED", "false"),
    ];
    let flags = ["--port=-1", "--satisfy", "some", "--upstream", "http://a/b", "--listenAddressIPv6", "::g"];
    golden("mistakes.flags.txt", &complaints_above(&variables, &flags));
}

#[test]
fn passwords_are_never_shown() {
    let files = [
        ("config.yaml", "basicAuthUser: hunter2\n"),
        ("config.yaml", "basicAuthUser: [user, hunter2]\n"),
        ("config.yaml", "basicAuthUser: {username: [u], password: hunter2}\n"),
        ("config.yaml", "basicAuthUser: {username: [u], passwd: hunter2}\n"),
        ("config.yaml", "basicAuthUser: {pasword: hunter2}\n"),
        ("config.yaml", "basicAuthUser:\n  password: {a: hunter2}\n"),
        ("config.yaml", "basicAuthUser:\n  password:\n    - hunter2\n"),
        ("config.yaml", "basicAuthUser:\n  password: hunter2\n  password: hunter2\n"),
        ("config.yaml", "basicAuthUser:\n  password: \"hunter2\n"),
        ("config.yaml", "basicAuthUser:\n  password: *hunter2\n"),
        ("config.yaml", "basicAuthUser:\n  password: @hunter2\n"),
        ("config.yaml", "basicAuthUser:\n  password:\n    hunter2: [\n"),
        ("config.yaml", "basicAuthUser:\n  password: a\n hunter2: b\n"),
        ("config.yaml", "innkeeper: {basicAuthUser: {password: hunter2}, port: x}\n"),
        ("config.yaml", "innkeeper: {ssl: {keyPassphrase: hunter2, enabled: 1}}\n"),
        ("config.yaml", "innkeeper: {upstream: \"http://me:hunter2@a/b\"}\n"),
        ("config.yaml", "innkeeper: {upstream: \"me:hunter2@a:1\"}\n"),
        ("config.yaml", "BasicAuthUser: {username: u, password: hunter2}\n"),
        ("config.toml", "basicAuthUser = \"hunter2\"\n"),
        ("config.toml", "[basicAuthUser]\npassword = hunter2\n"),
        ("config.toml", "basicAuthUser = {password = \"hunter2\", username = 1, usernam = 2}\n"),
        ("config.toml", "[ssl]\nkeyPassphrase = [\"hunter2\"]\n"),
    ];
    for (name, text) in files {
        let told = complaints(name, text);
        assert!(!told.contains("hunter2"), "{text}\n{told}");
    }
    let variables = [("INNKEEPER_BASICAUTHUSER_PASWORD", "hunter2")];
    let told = complaints_above(&variables, &["--key-passphrase", "hunter2", "--port", "x"]);
    assert!(!told.contains("hunter2"), "{told}");
    let settings = settings("basicAuthUser: {password: hunter2}\nssl: {keyPassphrase: hunter2}\n");
    assert_eq!(settings.basic_auth_user.password.reveal(), "hunter2");
    assert!(!format!("{settings:?}").contains("hunter2"));
    let invocation = cli::parse(["innkeeper", "serve", "--key-passphrase", "hunter2"]);
    assert!(!format!("{invocation:?}").contains("hunter2"));
}

#[test]
fn the_stronger_source_wins() {
    let file = "port: 1\ninnkeeper:\n  port: 2\n";
    let folder = Folder::with(&[("config.yaml", file), ("top.yaml", "port: 1\n"), ("none.yaml", "")]);
    let silly = ("SILLYTAVERN_PORT", "3");
    let own = ("INNKEEPER_PORT", "4");
    for (name, variables, flags, port, origin) in [
        ("none.yaml", &[][..], &[][..], 8000, "default"),
        ("top.yaml", &[], &[], 1, "top.yaml:1"),
        ("config.yaml", &[], &[], 2, "config.yaml:3"),
        ("config.yaml", &[silly], &[], 3, "SILLYTAVERN_PORT"),
        ("config.yaml", &[silly, own], &[], 4, "INNKEEPER_PORT"),
        ("config.yaml", &[silly, own], &["--port", "5"], 5, "--port"),
    ] {
        let settings = folder.read(name, variables, flags).unwrap();
        let origin_of = settings.origin("port").to_string();
        let origin_of = origin_of.replace(&format!("{}/", folder.root().display()), "");
        assert_eq!((settings.port, origin_of.as_str()), (port, origin), "{name} {variables:?} {flags:?}");
    }
}

#[test]
fn the_last_of_two_switches_wins() {
    for (flags, listen) in [
        (&["--listen"][..], true),
        (&["--listen", "true"], true),
        (&["--listen", "false"], false),
        (&["--listen=false"], false),
        (&["--no-listen"], false),
        (&["--no-listen", "--listen"], true),
        (&["--listen", "--no-listen"], false),
        (&["--listen", "--listen", "false"], false),
    ] {
        let settings = Folder::with(&[("config.yaml", "")]).read("config.yaml", &[], flags).unwrap();
        assert_eq!(settings.listen, listen, "{flags:?}");
    }
}

#[test]
fn values_are_read_as_meant() {
    let read = settings(
        "\
listenAddress: {ipv4: 127.0.0.1, ipv6: \"[::1]\"}
protocol: {ipv4: \"TRUE\", ipv6: auto}
port: \"0\"
heartbeatInterval: 1.5
rateLimiting: {basicAuthMaxAttempts: -1}
browserLaunch: {port: 8001}
innkeeper:
  satisfy: any
  session: {lifetime: 90m}
  listenAddress: {ipv6: fd00::1}
  limits: {connectTimeout: 250ms, headerTimeout: 120, headSize: 8 kib, maxConnections: 10}
  guests: [{address: 203.0.113.9, until: 2030-01-31T18:00:00Z, note: Ann}]
  language: de-AT
",
    );
    assert_eq!(read.listen_address.ipv4, Ipv4Addr::LOCALHOST);
    assert_eq!(read.listen_address.ipv6, "fd00::1".parse::<Ipv6Addr>().unwrap());
    assert_eq!((read.protocol.ipv4, read.protocol.ipv6), (Family::On, Family::Auto));
    assert_eq!((read.port, read.heartbeat_interval.to_string()), (0, "1.5".to_owned()));
    assert_eq!(read.rate_limiting.basic_auth_max_attempts, 0);
    assert_eq!(read.browser_launch.port, Some(8001));
    assert_eq!(read.satisfy, Satisfy::Any);
    assert_eq!(read.session.lifetime, Duration::from_mins(90));
    assert_eq!(read.limits.connect_timeout, Duration::from_millis(250));
    assert_eq!(read.limits.header_timeout, Some(Duration::from_mins(2)));
    assert_eq!((read.limits.head_size, read.limits.max_connections), (8192, Some(10)));
    assert_eq!(
        (read.guests[0].address.as_str(), read.guests[0].until.to_string().as_str(), read.guests[0].line),
        ("203.0.113.9", "2030-01-31T18:00:00Z", 12)
    );
    assert_eq!(read.language, "de-AT");
}

#[test]
fn a_password_is_the_text_that_was_written() {
    for (written, password) in [
        ("0123", "0123"),
        ("1e3", "1e3"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("99999999999999999999", "99999999999999999999"),
        ("12345.60", "12345.60"),
        ("True", "True"),
        ("no", "no"),
        ("'it''s'", "it's"),
        ("\"a\\tb\"", "a\tb"),
        ("&a 0123", "0123"),
        ("ümlaut", "ümlaut"),
        ("|-\n    two\n    lines", "two\nlines"),
    ] {
        for head in ["", "\u{feff}", "# ü\r\n"] {
            let read = settings(&format!("{head}basicAuthUser:\n  password: {written}\n"));
            assert_eq!(read.basic_auth_user.password.reveal(), password, "{written}");
        }
    }
    // An alias is what its anchor is.
    let read = settings("x: &p 0123\nbasicAuthUser: {password: *p}\n");
    assert_eq!(read.basic_auth_user.password, Secret::new("0123"));
}

#[test]
fn paths_start_in_the_folder_of_the_file() {
    let file = "dataRoot: ./data\nssl: {keyPath: /k.pem}\ninnkeeper: {root: www}\n";
    let folder = Folder::with(&[("config.yaml", file)]);
    let variables = [("SILLYTAVERN_SSL_CERTPATH", "c.pem")];
    let read = folder.read("config.yaml", &variables, &["--data-root", "./here"]).unwrap();
    assert_eq!(read.folder, folder.root());
    assert_eq!(read.root, Some(folder.path("www")));
    assert_eq!(read.ssl.cert_path, folder.path("c.pem"));
    assert_eq!(read.ssl.key_path, Path::new("/k.pem"));
    // The shell completes it from where one is.
    assert_eq!(read.data_root, Path::new("here"));
    assert_eq!(read.access_log_path(), folder.path("access.log"));
}

#[test]
fn whitelist_text_takes_the_place_of_the_list() {
    let folder = Folder::with(&[
        ("config.yaml", "whitelist:\n  - 10.0.0.1\n"),
        ("whitelist.txt", "\u{feff}127.0.0.1\r\n\n# nobody\n 10.0.0.0/8 # home\n"),
    ]);
    let text = folder.path("whitelist.txt");
    let list =
        folder.read("config.yaml", &[("INNKEEPER_WHITELIST", "[\"10.0.0.2\"]")], &[]).unwrap().whitelist;
    let entries: Vec<_> =
        list.entries.iter().map(|entry| (list.origin_of(entry).to_string(), &*entry.text)).collect();
    let line = |line| format!("{}:{line}", text.display());
    assert_eq!(entries, [(line(1), "127.0.0.1"), (line(4), "10.0.0.0/8")]);
    assert_eq!(list.origin.to_string(), format!("{} (in place of INNKEEPER_WHITELIST)", text.display()));
    // Even when it holds nothing.
    fs::write(&text, "").unwrap();
    assert_eq!(folder.read("config.yaml", &[], &[]).unwrap().whitelist.entries, []);
    fs::remove_file(&text).unwrap();
    let list = folder.read("config.yaml", &[], &[]).unwrap().whitelist;
    let expected = format!("{}:2", folder.path("config.yaml").display());
    assert_eq!(list.origin_of(&list.entries[0]).to_string(), expected);
}

#[test]
fn a_whitelist_text_that_cannot_be_read_stops_the_start() {
    let folder = Folder::with(&[("config.yaml", "")]);
    let text = folder.path("whitelist.txt");
    fs::write(&text, b"127.0.0.1\n10.0.\xff0.1\n").unwrap();
    let expected = "error: whitelist.txt:2:6: this is not text in UTF-8\nhint: save the file as UTF-8\n";
    assert_eq!(folder.read("config.yaml", &[], &[]).unwrap_err(), expected);
    fs::remove_file(&text).unwrap();
    fs::create_dir(&text).unwrap();
    let told = folder.read("config.yaml", &[], &[]).unwrap_err();
    assert!(told.starts_with("error: whitelist.txt is there and cannot be read: "), "{told}");
}

#[test]
fn what_holds_between_settings() {
    let text = "\
protocol: {ipv4: false}
perUserBasicAuth: true
ssl: {enabled: true, certPath: \"\"}
innkeeper:
  upstream: http://127.0.0.1:8001
  root: www
";
    golden("mistakes.between.txt", &complaints("config.yaml", text));
    // Nothing follows from a value that was refused.
    let told = complaints("config.yaml", "enableUserAccounts: yes\nperUserBasicAuth: true\n");
    assert_eq!(told.matches("error:").count(), 1, "{told}");
    // The stronger source decides what is served.
    let folder = Folder::with(&[("config.yaml", "innkeeper: {upstream: \"http://a\"}\n")]);
    let read = folder.read("config.yaml", &[], &["--root", "www"]).unwrap();
    assert_eq!((read.upstream, read.root), (None, Some(PathBuf::from("www"))));
}

#[test]
fn which_file() {
    let folder = Folder::with(&[("config.toml", ""), ("own.yaml", "")]);
    let none = Variables::default();
    let named = |name: &str| Flags { config: Some(folder.path(name)), ..Flags::default() };
    let found = |flags: &Flags, variables: &Variables| find(flags, variables).map_err(|error| shown(&error));
    assert_eq!(found(&named("own.yaml"), &none), Ok(Found::File(folder.path("own.yaml"))));
    assert_eq!(found(&named("new.yaml"), &none), Ok(Found::Missing(folder.path("new.yaml"))));
    let variables = Variables::from_iter([("INNKEEPER_CONFIG", folder.path("own.yaml"))]);
    assert_eq!(found(&Flags::default(), &variables), Ok(Found::File(folder.path("own.yaml"))));
    assert_eq!(found(&named("new.yaml"), &variables), Ok(Found::Missing(folder.path("new.yaml"))));
    let folder_itself = Flags { config: Some(folder.root().to_owned()), ..Flags::default() };
    let place = folder.root().display();
    let told = format!(
        "error: `{place}` is a folder, not a settings file\nhint: name the file: `--config {place}/config.yaml`\n"
    );
    assert_eq!(found(&folder_itself, &none), Err(told));
    let told = format!(
        "error: there is no folder `{place}/no` for the settings file of `--config`\n\
         hint: make it with `mkdir -p {place}/no`\n"
    );
    assert_eq!(found(&named("no/config.yaml"), &none), Err(told));
    let told =
        "error: `INNKEEPER_CONFIG` is set, but to nothing\nhint: remove it with `unset INNKEEPER_CONFIG`\n";
    assert_eq!(
        found(&Flags::default(), &Variables::from_iter([("INNKEEPER_CONFIG", "")])),
        Err(told.to_owned())
    );
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn the_folder_of_the_system() {
    let folder = Folder::with(&[]);
    let global = Flags { global: true, ..Flags::default() };
    let variables = Variables::from_iter([("XDG_CONFIG_HOME", folder.root())]);
    assert_eq!(find(&global, &variables).unwrap(), Found::Missing(folder.path("innkeeper/config.yaml")));
    fs::create_dir(folder.path("innkeeper")).unwrap();
    fs::write(folder.path("innkeeper/config.toml"), "").unwrap();
    assert_eq!(find(&global, &variables).unwrap(), Found::File(folder.path("innkeeper/config.toml")));
    let variables = Variables::from_iter([("XDG_CONFIG_HOME", "relative"), ("HOME", "/home/ann")]);
    let expected = Found::Missing("/home/ann/.config/innkeeper/config.yaml".into());
    assert_eq!(find(&global, &variables).unwrap(), expected);
    assert!(find(&global, &Variables::default()).is_err());
    // A flag wins over the environment here too.
    let variables = Variables::from_iter([("INNKEEPER_CONFIG", "/own.yaml"), ("HOME", "/home/ann")]);
    assert_eq!(
        find(&global, &variables).unwrap(),
        Found::Missing("/home/ann/.config/innkeeper/config.yaml".into())
    );
}

#[test]
fn the_default_file_is_written_once() {
    let folder = Folder::with(&[]);
    for (name, text) in [("deep/er/config.yaml", DEFAULT_YAML), ("config.toml", DEFAULT_TOML)] {
        let path = folder.path(name);
        write_default(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, "mine").unwrap();
        assert!(write_default(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}

#[test]
fn the_gate_refuses_an_open_app() {
    let account = |handle: &str, admin, has_password| Account {
        handle: handle.to_owned(),
        enabled: true,
        admin,
        has_password,
    };
    let open_admin = [account("ann", true, false), account("bob", false, false)];
    let closed_admin = [account("ann", true, true), account("bob", false, false)];
    let gate = |text: &str, accounts: &[Account], everybody| start_gate(&settings(text), accounts, everybody);
    // Not listening, or with a list: nothing to say.
    assert_eq!(gate("whitelistMode: false\n", &[], None), Ok(vec![]));
    assert_eq!(gate("listen: true\n", &[], None), Ok(vec![]));
    assert_eq!(gate("listen: true\nwhitelist: []\n", &[], None), Ok(vec![]));
    let opened = |entries: &[&str]| {
        let mut list = WhitelistBuilder::new();
        for (entry, line) in entries.iter().zip(1..) {
            let place = Place { file: "config.yaml".into(), line };
            list.pattern(&entry.parse().unwrap(), entry, place);
        }
        list.build().covers_everyone().unwrap()
    };
    for (entries, expected) in [
        (&["0.0.0.0/0"][..], "`0.0.0.0/0` in the whitelist lets everybody in, and no password is asked for"),
        (
            &["0.0.0.0/1", "128.0.0.0/1"],
            "`0.0.0.0/1` and `128.0.0.0/1` in the whitelist together let everybody in, and no password is asked for",
        ),
    ] {
        let everybody = Warning::EverybodyListed(opened(entries));
        assert_eq!(everybody.to_string(), expected);
        assert_eq!(gate("listen: true\n", &[], Some(opened(entries))), Ok(vec![everybody]));
        // As with one entry, a password is enough.
        let asked = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\n";
        assert_eq!(gate(asked, &[], Some(opened(entries))), Ok(vec![]));
    }
    // Open, unless accounts protect the app and every admin has a password.
    let open = "listen: true\nwhitelistMode: false\n";
    assert_eq!(gate(open, &open_admin, None), Err(Refusal::Open));
    let overridden = Warning::Overridden(Refusal::Open);
    assert_eq!(gate(&format!("{open}securityOverride: true\n"), &[], None), Ok(vec![overridden]));
    let accounts = format!("{open}enableUserAccounts: true\n");
    assert_eq!(gate(&accounts, &open_admin, None), Err(Refusal::OpenAdmins(vec!["ann".to_owned()])));
    assert_eq!(gate(&accounts, &closed_admin, None), Ok(vec![Warning::NoPassword(vec!["bob".to_owned()])]));
    let both = Warning::NoPassword(vec!["ann (admin)".to_owned(), "bob".to_owned()]);
    assert_eq!(gate("listen: true\nenableUserAccounts: true\n", &open_admin, None), Ok(vec![both.clone()]));
    // Accounts that nobody can sign in to.
    let per_user = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\n\
                    enableUserAccounts: true\nperUserBasicAuth: true\n";
    let nobody = Warning::NobodyCanSignIn(Some("ann".to_owned()));
    assert_eq!(
        nobody.to_string(),
        "nobody can sign in, because no account has a password; `innkeeper auth user password ann` sets one"
    );
    assert_eq!(gate(per_user, &open_admin, None), Ok(vec![nobody, both]));
    let disabled = [Account { enabled: false, ..account("ann", true, true) }];
    assert_eq!(gate(per_user, &disabled, None), Ok(vec![Warning::NobodyCanSignIn(None)]));
    assert_eq!(gate(per_user, &closed_admin, None), Ok(vec![Warning::NoPassword(vec!["bob".to_owned()])]));
}

#[test]
fn the_gate_refuses_a_password_that_everybody_knows() {
    let login = |rest: &str| {
        let file = format!("listen: true\nbasicAuthMode: true\n{rest}");
        start_gate(&settings(&file), &[], None)
    };
    assert_eq!(login(""), Err(Refusal::DefaultPassword(innkeeper::config::Origin::Default)));
    assert!(matches!(login("basicAuthUser: {password: password}\n"), Err(Refusal::DefaultPassword(_))));
    assert!(matches!(login("basicAuthUser: {password: \"\"}\n"), Err(Refusal::EmptyLogin(_))));
    assert!(matches!(login("basicAuthUser: {username: \"\", password: x}\n"), Err(Refusal::EmptyLogin(_))));
    assert_eq!(login("basicAuthUser: {password: x}\n"), Ok(vec![Warning::PlainHttp]));
    assert_eq!(login("basicAuthUser: {password: x}\nssl: {enabled: true}\n"), Ok(vec![]));
    // Names and passwords of the accounts: the one login is not used.
    let nobody = vec![Warning::PlainHttp, Warning::NobodyCanSignIn(None)];
    assert_eq!(login("enableUserAccounts: true\nperUserBasicAuth: true\n"), Ok(nobody));
    // Loopback only: nobody else can try.
    assert_eq!(login("listenAddress: {ipv4: 127.0.0.1}\n"), Ok(vec![]));
    let empty = "listenAddress: {ipv4: 127.0.0.1}\nbasicAuthUser: {password: \"\"}\n";
    assert_eq!(login(empty), Ok(vec![Warning::EmptyLogin]));
    let ipv6 = "listenAddress: {ipv4: 127.0.0.1}\nprotocol: {ipv6: auto}\n";
    assert!(matches!(login(ipv6), Err(Refusal::DefaultPassword(_))));
}

#[test]
fn refusals_of_the_gate() {
    let listed = settings("listen: true\nwhitelistMode: true\n");
    let text = |refusal: Refusal| shown(&refusal.error(&listed, " --config app/config.yaml"));
    let origin = innkeeper::config::Origin::File { path: "config.yaml".into(), line: 9, column: 3 };
    let all = [
        text(Refusal::Open),
        text(Refusal::OpenAdmins(vec!["ann".to_owned(), "eve".to_owned()])),
        text(Refusal::DefaultPassword(origin.clone())),
        text(Refusal::EmptyLogin(origin)),
        text(Refusal::ListedProxy { entry: "127.0.0.0/8".to_owned(), proxy: "127.0.0.1".to_owned() }),
        text(Refusal::ListedGateway {
            entry: "host.docker.internal".to_owned(),
            gateway: "172.17.0.1".parse().unwrap(),
        }),
    ];
    golden("gate.txt", &all.join("\n"));
}

#[test]
fn help_and_misuse() {
    let answer = |arguments: &[&str]| match cli::parse(["innkeeper"].iter().chain(arguments)) {
        Invocation::Answer(text) => text,
        Invocation::Misuse(error) => shown(&error),
        other => panic!("{other:?}"),
    };
    assert_eq!(answer(&["--version"]), format!("innkeeper {}\n", env!("CARGO_PKG_VERSION")));
    golden("help.txt", &answer(&["--help"]));
    golden("serve-help.txt", &answer(&["serve", "--help"]));
    let pages = [
        &["whitelist", "--help"][..],
        &["whitelist", "list", "--help"],
        &["whitelist", "add", "--help"],
        &["whitelist", "remove", "--help"],
        &["whitelist", "import", "--help"],
        &["whitelist", "migrate", "--help"],
    ];
    golden("whitelist-help.txt", &pages.map(answer).join("\n----\n"));
    let misuses: [&[&str]; 8] = [
        &[],
        &["sevre"],
        &["serve", "--lisen"],
        &["serve", "--port"],
        &["serve", "-p"],
        &["serve", "--port", "1", "--port", "2"],
        &["whitelist", "ad"],
        &["whitelist", "add"],
    ];
    golden("misuse.txt", &misuses.map(answer).join("\n"));
    let arguments = ["innkeeper", "serve", "--corsProxy", "--disableCsrf", "--autorun=false"];
    let Invocation::Serve(serve) = cli::parse(arguments) else {
        panic!("SillyTavern's flags are understood")
    };
    assert_eq!(serve.ignored, ["corsProxy", "disableCsrf", "autorun"]);
}

/// SillyTavern leaves what it does not know alone, whatever it is called.
#[test]
fn a_name_that_is_empty_is_no_setting() {
    let text = "\"\": 2\nport: 1\n";
    let (file, none) = (std::path::Path::new("config.yaml"), Variables::default());
    let settings = innkeeper::config::Settings::of_text(file, text, &Flags::default(), &none);
    assert_eq!(settings.map_err(|problems| problems.to_string()).unwrap().port, 1);
}
