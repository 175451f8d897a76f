//! `innkeeper auth`: whole outputs, the file that comes of it, what a running server makes of it, and a terminal.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper::cli::{self, Invocation};
use innkeeper::config::{DEFAULT_TOML, DEFAULT_YAML};
use innkeeper::policy::account::PasswordHash;

use crate::it::harness::Innkeeper;
use crate::it::harness::app::App;
use crate::it::harness::client::Client;
use crate::it::harness::folder::{Folder, golden};

const PASSWORD: &str = "swordfish ü 9";

#[test]
fn a_session() {
    let mut text = String::new();
    for (name, settings) in [("config.yaml", DEFAULT_YAML), ("config.toml", DEFAULT_TOML)] {
        let folder = Folder::with(&[(name, settings)]);
        let steps: &[(&[&str], &str)] = &[
            (&["auth", "test", "--password-stdin"], "password\n"),
            (&["auth", "set"], ""),
            (&["auth", "set", "ann:b", "--password-stdin"], PASSWORD),
            (&["auth", "set", "", "--password-stdin"], PASSWORD),
            (&["auth", "set", "ann", "--password-stdin"], ""),
            (&["auth", "set", "ann", "--password-stdin"], "Password\n"),
            (&["auth", "set", "ann", "--password-stdin"], "swordfish\u{7}\n"),
            (&["auth", "set", "ann", "--password-stdin", "--generate"], PASSWORD),
            (&["auth", "set", "ann", "--password-stdin"], PASSWORD),
            (&["auth", "test", "--password-stdin"], PASSWORD),
            (&["auth", "test", "ann", "--password-stdin"], "sword\n"),
            (&["auth", "test", "user", "--password-stdin"], PASSWORD),
            (&["auth", "test"], ""),
            (&["auth", "set", "--plain", "--password-stdin"], "0123\n"),
            (&["auth", "set", "--plain", "--password-stdin"], "$argon2id$v=19\n"),
            (&["auth", "test", "--password-stdin"], "0123\r\n"),
            (&["auth", "test", "--password-stdin", "--quiet"], "0123"),
            (&["auth", "off"], ""),
            (&["auth", "off"], ""),
        ];
        for (arguments, input) in steps {
            text += &folder.told_with(arguments, input);
        }
        let expected = match name {
            "config.yaml" => {
                settings.replace("username: user\n  password: password", "username: ann\n  password: '0123'")
            }
            _ => settings.replace(
                "username = \"user\"\npassword = \"password\"",
                "username = \"ann\"\npassword = \"0123\"",
            ),
        };
        assert_ne!(expected, settings);
        let changed = folder.text(name);
        assert!(changed == expected, "all but two lines are as they were:\n{changed}");
    }
    golden("auth.txt", &text);
    assert!(!text.contains("swordfish"));
}

/// Files before and after `auth set`, with `HASH` where a hash comes. `…` stands around what is new.
const PLACES: &[(&str, &str, &str)] = &[
    // SillyTavern's own file, with a section of ours.
    (
        "shared.yaml",
        "# theirs\nlisten: true\nbasicAuthMode: false # off\nbasicAuthUser:\n  username: ann\n  password: plain-word\n\
         extensions:\n  enabled: true\n# ours\ninnkeeper:\n  port: 8000 # the door\n",
        "# theirs\nlisten: true\nbasicAuthMode: false # off\nbasicAuthUser:\n  username: ann\n  password: plain-word\n\
         extensions:\n  enabled: true\n# ours\ninnkeeper:\n  port: 8000 # the door\n  basicAuthUser:\n    \
         username: ann\n    password: 'HASH'\n  basicAuthMode: true\n",
    ),
    // In front of an app, and nothing else known.
    (
        "proxy.yaml",
        "listen: true\ninnkeeper:\n  upstream: http://127.0.0.1:8001\n",
        "listen: true\ninnkeeper:\n  upstream: http://127.0.0.1:8001\n  basicAuthUser:\n    username: user\n    \
         password: 'HASH'\n  basicAuthMode: true\n",
    ),
    // On at the top level already.
    (
        "on.yaml",
        "basicAuthMode: true\nlisten: true\nthumbnails: {}\ninnkeeper:\n  basicAuthUser:\n    password: a # b\n",
        "basicAuthMode: true\nlisten: true\nthumbnails: {}\ninnkeeper:\n  basicAuthUser:\n    password: 'HASH' # b\n    \
         username: user\n",
    ),
    // Nobody else's file.
    (
        "alone.yaml",
        "listen: true # l\r\nbasicAuthUser: # u\r\n  password: a # b\r\n",
        "listen: true # l\r\nbasicAuthUser: # u\r\n  password: 'HASH' # b\r\nbasicAuthMode: true\r\n",
    ),
    (
        "own.yaml",
        "listen: true\nbasicAuthMode: false\ninnkeeper: # o\n  basicAuthUser:\n    password: \"word\" # w\n",
        "listen: true\nbasicAuthMode: false\ninnkeeper: # o\n  basicAuthUser:\n    password: \"HASH\" # w\n    \
         username: user\n  basicAuthMode: true\n",
    ),
    // SillyTavern does not know TOML.
    (
        "any.toml",
        "listen = true # l\nextensions.enabled = true\n[basicAuthUser]\npassword = 'a' # b\n[innkeeper]\n\
         upstream = \"http://127.0.0.1:8001\"\n",
        "listen = true # l\nextensions.enabled = true\nbasicAuthMode = true\n[basicAuthUser]\npassword = 'HASH' # b\n\
         [innkeeper]\nupstream = \"http://127.0.0.1:8001\"\n",
    ),
];

#[test]
fn a_hash_goes_where_sillytavern_does_not_look() {
    let mut text = String::new();
    for (name, before, after) in PLACES {
        let folder = Folder::with(&[(name, before)]);
        text += &folder.told_with(&["auth", "set", "--password-stdin", "--config", name], PASSWORD);
        let written = folder.text(name);
        let hash = hash_in(&written);
        assert_eq!(written.replace(&hash, "HASH"), *after, "{name}");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hash.parse::<PasswordHash>().unwrap().verify(PASSWORD), "{name}");
        // Another salt each time, and nothing else.
        folder.reading(&["auth", "set", "--password-stdin", "--config", name], PASSWORD).wait().unwrap();
        let again = folder.text(name);
        assert_ne!(again, written, "{name}");
        assert_eq!(again.replace(&hash_in(&again), "HASH"), *after, "{name}");
        // As it is, where it stands now.
        text +=
            &folder.told_with(&["auth", "set", "--password-stdin", "--plain", "--config", name], "no: [#'x");
        let plain = match *name {
            "any.toml" => after.replace("'HASH'", "\"no: [#'x\""),
            "own.yaml" => after.replace("HASH", "no: [#'x"),
            _ => after.replace("HASH", "no: [#''x"),
        };
        assert_eq!(folder.text(name), plain, "{name}");
        text += &folder.told_with(&["auth", "test", "--password-stdin", "--config", name], "no: [#'x");
    }
    assert!(!text.contains("$argon2id") && !text.contains("no: [#") && !text.contains("swordfish"));
    golden("auth-where.txt", &text);
}

#[test]
fn a_plain_password_goes_where_sillytavern_reads_it() {
    let (_, shared, _) = PLACES[0];
    let folder = Folder::with(&[("config.yaml", shared)]);
    let text = folder.told_with(&["auth", "set", "bob", "--plain", "--password-stdin"], "00123456");
    let expected = shared
        .replace("basicAuthMode: false", "basicAuthMode: true")
        .replace("username: ann\n  password: plain-word", "username: bob\n  password: '00123456'");
    assert_eq!(folder.text("config.yaml"), expected);
    golden("auth-plain.txt", &text);
}

#[test]
fn what_a_command_cannot_change() {
    let mut text = String::new();
    let folder = Folder::with(&[("config.yaml", DEFAULT_YAML)]);
    for (variable, arguments) in [
        (("INNKEEPER_BASICAUTHUSER_PASSWORD", "from-the-outside"), &["auth", "set", "--generate"][..]),
        (("SILLYTAVERN_BASICAUTHMODE", "false"), &["auth", "set", "--generate"]),
        (("INNKEEPER_BASICAUTHUSER_USERNAME", "eve"), &["auth", "set", "ann", "--generate"]),
        (("INNKEEPER_BASICAUTHMODE", "true"), &["auth", "off"]),
    ] {
        text += &folder.told(arguments, &[variable]);
    }
    assert_eq!(folder.text("config.yaml"), DEFAULT_YAML);
    // A password is never an argument, and not repeated when it is one.
    for arguments in [
        &["auth", "set", "ann", PASSWORD][..],
        &["auth", "set", "ann", "--password", PASSWORD],
        &["auth", "set", "-p", PASSWORD],
        &["auth", "set", "--passwd", PASSWORD],
        &["auth", "set", &format!("--password={PASSWORD}")],
        &["auth", "test", "ann", PASSWORD],
        &["auth", "user", "add", "ann", PASSWORD],
        &["auth", "user", "password", "ann", PASSWORD],
    ] {
        let told = folder.told(arguments, &[]);
        let (_, answer) = told.split_once('\n').unwrap();
        assert!(!answer.contains("swordfish"), "{answer}");
        text += answer;
    }
    // Settings that nobody would start with.
    for settings in ["port: eighty\n", "basicAuthUser: &u {password: a}\ninnkeeper:\n  basicAuthUser: *u\n"] {
        let folder = Folder::with(&[("config.yaml", settings)]);
        text += &folder.told_with(&["auth", "set", "--password-stdin"], PASSWORD);
        assert_eq!(folder.text("config.yaml"), settings);
    }
    golden("auth-refused.txt", &text);
}

#[test]
fn the_password_stays_where_nothing_else_keeps_strangers_out() {
    let mut text = String::new();
    let login = "basicAuthMode: true # on\nbasicAuthUser: {username: ann, password: long-enough}\n";
    for (settings, changed) in [
        ("listen: true\nwhitelistMode: false\n", false),
        ("listen: true\n", true),
        ("listen: true\nwhitelistMode: false\nsecurityOverride: true\n", true),
        ("whitelistMode: false\n", true),
        // SillyTavern's first account is an admin without a password.
        ("listen: true\nwhitelistMode: false\nenableUserAccounts: true\n", false),
        ("listen: true\ninnkeeper:\n  basicAuthMode: true\n", true),
        // `serve` starts with that, and warns.
        ("listen: true\nwhitelist: ['*']\n", true),
    ] {
        let before = format!("{login}{settings}");
        let folder = Folder::with(&[("config.yaml", &before)]);
        text += &folder.told(&["auth", "off"], &[]);
        let after = if settings.contains("innkeeper") {
            before.replace("  basicAuthMode: true", "  basicAuthMode: false")
        } else {
            before.replace("basicAuthMode: true", "basicAuthMode: false")
        };
        assert_eq!(folder.text("config.yaml"), if changed { after } else { before }, "{settings}");
    }
    golden("auth-off.txt", &text);
}

#[test]
fn a_password_of_an_account_is_not_set_here() {
    let folder = Folder::with(&[(
        "config.yaml",
        "listen: true\nenableUserAccounts: true\nperUserBasicAuth: true\nbasicAuthMode: true\n",
    )]);
    golden("auth-accounts.txt", &folder.told_with(&["auth", "set", "--password-stdin"], PASSWORD));
}

#[test]
fn a_foreign_hash_is_told_apart() {
    let bcrypt = "$2y$05$abcdefghijklmnopqrstuuDCj8X6qLxNVsT1Ea1Nq9dV4mPRe7gYq";
    let folder = Folder::with(&[(
        "config.yaml",
        &format!("listen: true\nbasicAuthMode: true\nbasicAuthUser:\n  password: {bcrypt}\n"),
    )]);
    let text = folder.told_with(&["auth", "test", "--password-stdin"], PASSWORD);
    assert!(!text.contains("$2y$"), "{text}");
    golden("auth-foreign.txt", &text);
}

#[test]
fn a_made_up_password_is_printed_alone() {
    let folder = Folder::with(&[("config.yaml", "listen: true\n")]);
    let output = folder.run(&["auth", "set", "ann", "--generate"]);
    assert!(output.status.success());
    let password = String::from_utf8(output.stdout).unwrap();
    let password = password.strip_suffix('\n').unwrap();
    assert_eq!(password.split('-').map(str::len).collect::<Vec<_>>(), [4; 5], "{password}");
    assert!(!String::from_utf8(output.stderr).unwrap().contains(password));
    assert!(hash_in(&folder.text("config.yaml")).parse::<PasswordHash>().unwrap().verify(password));
}

#[test]
#[cfg(target_os = "linux")]
fn a_password_that_nobody_could_read_is_not_set() {
    let folder = Folder::with(&[("config.yaml", "listen: true\n")]);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = folder.command(&["auth", "set", "ann", "--generate"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: cannot write to standard output\n  caused by: No space left on device (os error 28)\n\
         error: the password could not be printed, so it was not set\n"
    );
    assert_eq!(folder.text("config.yaml"), "listen: true\n");
}

#[test]
fn a_running_server_takes_the_new_password() {
    let app = App::fine();
    let server = Innkeeper::start(
        "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\n\
         basicAuthUser: {username: ann, password: hunter2-old}",
        &format!("upstream: {}", app.url),
    );
    let status = |user: &str, password: &str| {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        let mut client = Client::of(&server);
        client
            .send(format!("GET / HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic {credentials}\r\n\r\n"));
        client.answer().status
    };
    assert_eq!(status("ann", "hunter2-old"), 200);
    let output = server.run(&["auth", "set", "Ännä", "--generate"]);
    let password = String::from_utf8(output.stdout).unwrap();
    server.says("the settings were read again");
    assert_eq!(status("Ännä", password.trim_end()), 200);
    assert_eq!(status("ann", "hunter2-old"), 401);
    assert_eq!(status("Ännä", "hunter2-old"), 401);
    let ended = server.stop();
    for said in [&ended.stdout, &ended.stderr] {
        assert!(!said.contains(password.trim_end()) && !said.contains("argon2id"), "{said}");
    }
}

/// Real keys on a real terminal, with `script` of util-linux, which every Debian has. Elsewhere the same is tested over
/// lines in `ui/prompt.rs`.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal() {
    use terminal::Terminal;
    let folder = Folder::with(&[("config.yaml", "listen: true\n")]);
    let Some(mut terminal) = Terminal::open(&folder, "auth set ann") else { return };
    terminal.asks("New password for `ann`: ");
    terminal.types("first-try\n");
    terminal.asks("The same again: ");
    terminal.types("first-tyr\n");
    terminal.asks("the two are not the same; try again");
    terminal.asks("New password for `ann`: ");
    // Taken back by the key for it.
    terminal.types("second-trx\u{7f}y\n");
    terminal.asks("The same again: ");
    terminal.types("second-try\n");
    terminal.asks("Set the password of `ann`");
    let shown = terminal.ends();
    assert!(!shown.contains("-try") && !shown.contains("-tyr"), "{shown}");
    assert!(hash_in(&folder.text("config.yaml")).parse::<PasswordHash>().unwrap().verify("second-try"));

    let before = folder.text("config.yaml");
    let mut terminal = Terminal::open(&folder, "auth set ann").unwrap();
    for _ in 0..3 {
        terminal.asks("New password for `ann`: ");
        terminal.types("password\n");
    }
    let shown = terminal.ends();
    assert!(shown.contains("error: that is the password of the default file"), "{shown}");
    assert_eq!(folder.text("config.yaml"), before);

    // Who changes their mind gets their terminal back.
    for (key, told) in
        [("\u{3}", "interrupted; nothing was changed"), ("\u{4}", "nothing was typed, so nothing")]
    {
        let mut terminal = Terminal::open(&folder, "auth set ann").unwrap();
        terminal.asks("New password for `ann`: ");
        terminal.types(key);
        terminal.asks(told);
        assert!(terminal.ends().ends_with("exit 2"));
        assert_eq!(folder.text("config.yaml"), before);
    }

    // Nobody who is asked is asked in vain.
    folder.done(&["auth", "user", "add", "eve", "--no-password"]);
    for (answer, there) in [("\n", true), ("no\n", true), ("y\n", false)] {
        let mut terminal = Terminal::open(&folder, "auth user remove eve").unwrap();
        terminal.asks("Remove the account eve? [y/N] ");
        terminal.answers(answer);
        terminal.asks(if there { "nothing was changed" } else { "Removed the account eve" });
        terminal.ends();
        assert_eq!(folder.run(&["auth", "user", "list"]).stdout.is_empty(), !there, "{answer}");
    }

    let mut terminal = Terminal::open(&folder, "auth test").unwrap();
    terminal.asks("Password of `ann`: ");
    terminal.types("second-try\n");
    terminal.asks("right, `ann` can sign in; the password is stored as argon2id");
    assert!(terminal.ends().ends_with("exit 0"));
}

#[test]
fn help() {
    let answer = |arguments: &[&str]| match cli::parse(["innkeeper"].iter().chain(arguments)) {
        Invocation::Answer(text) => text,
        other => panic!("{other:?}"),
    };
    let pages = [
        &["auth", "--help"][..],
        &["auth", "set", "--help"],
        &["auth", "off", "--help"],
        &["auth", "test", "--help"],
        &["auth", "user", "--help"],
        &["auth", "user", "list", "--help"],
        &["auth", "user", "add", "--help"],
        &["auth", "user", "password", "--help"],
        &["auth", "user", "enable", "--help"],
        &["auth", "user", "disable", "--help"],
        &["auth", "user", "remove", "--help"],
    ];
    golden("auth-help.txt", &pages.map(answer).join("\n----\n"));
}

/// The one hash that stands in a settings file.
fn hash_in(text: &str) -> String {
    let at = text.find("$argon2id$").unwrap_or_else(|| panic!("no hash in {text}"));
    text[at..].split(['\'', '"', '\r', '\n', ' ']).next().unwrap().to_owned()
}

/// A command on a terminal of its own.
#[cfg(target_os = "linux")]
pub mod terminal {
    use std::io::{Read as _, Write as _};
    use std::process::{Child, ChildStdin, Command, Stdio};
    use std::sync::mpsc::{self, Receiver};
    use std::thread;
    use std::time::{Duration, Instant};

    use crate::it::harness::PATIENCE;
    use crate::it::harness::folder::Folder;

    pub struct Terminal {
        child: Child,
        keyboard: ChildStdin,
        screen: Receiver<u8>,
        shown: String,
        seen: usize,
        name: String,
    }

    impl Terminal {
        /// `innkeeper …` on a new terminal; `None` where there is no `script` to make one.
        pub fn open(folder: &Folder, arguments: &str) -> Option<Self> {
            let program = assert_cmd::cargo::cargo_bin!("innkeeper").display().to_string();
            // It says which terminal it is, so that its state can be looked at.
            let line = format!("tty; '{program}' {arguments}; echo \"exit $?\"; stty -a");
            let mut command = Command::new("script");
            command.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(folder.root());
            command
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("SHELL", "/bin/sh")
                .env("NO_COLOR", "1");
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
            let mut child = command.spawn().ok()?;
            let keyboard = child.stdin.take().unwrap();
            let mut output = child.stdout.take().unwrap();
            let (sender, screen) = mpsc::channel();
            thread::spawn(move || {
                let mut byte = [0];
                while matches!(output.read(&mut byte), Ok(1)) && sender.send(byte[0]).is_ok() {}
            });
            let mut terminal =
                Self { child, keyboard, screen, shown: String::new(), seen: 0, name: String::new() };
            terminal.asks("\n");
            terminal.name = terminal.shown.trim().to_owned();
            Some(terminal)
        }

        /// Waits until the screen shows `text` behind what was asked before.
        pub fn asks(&mut self, text: &str) {
            let end = Instant::now() + PATIENCE;
            loop {
                if let Some(at) = self.shown[self.seen..].find(text) {
                    self.seen += at + text.len();
                    return;
                }
                let left = end.saturating_duration_since(Instant::now());
                match self.screen.recv_timeout(left) {
                    Ok(byte) => self.shown.push(char::from(byte)),
                    Err(error) => panic!("{error}: no {text:?} in {:?}", self.shown),
                }
            }
        }

        /// Types, once the terminal does not show any more what is typed.
        pub fn types(&mut self, keys: &str) {
            let end = Instant::now() + PATIENCE;
            loop {
                let state = Command::new("stty").args(["-F", &self.name, "-a"]).output().unwrap();
                if String::from_utf8_lossy(&state.stdout).contains(" -echo ") {
                    break;
                }
                assert!(Instant::now() < end, "what is typed would be shown: {:?}", self.shown);
                thread::sleep(Duration::from_millis(2));
            }
            self.keyboard.write_all(keys.as_bytes()).unwrap();
            self.keyboard.flush().unwrap();
        }

        /// Answers a question that shows what is typed.
        pub fn answers(&mut self, keys: &str) {
            self.keyboard.write_all(keys.as_bytes()).unwrap();
            self.keyboard.flush().unwrap();
        }

        /// Waits for the end; all that was shown.
        pub fn ends(mut self) -> String {
            let end = Instant::now() + PATIENCE;
            loop {
                match self.screen.recv_timeout(end.saturating_duration_since(Instant::now())) {
                    Ok(byte) => self.shown.push(char::from(byte)),
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                    Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end: {:?}", self.shown),
                }
            }
            self.child.wait().unwrap();
            let (shown, state) = self.shown.split_once("exit ").unwrap();
            let (code, state) = state.split_once("\r\n").unwrap();
            assert!(state.contains(" echo ") && state.contains(" icanon "), "it is left as it was: {state}");
            format!("{shown}exit {code}")
        }
    }
}
