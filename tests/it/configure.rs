//! `innkeeper config`: whole outputs, files that keep every other byte, and settings that mean the same in both
//! syntaxes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use innkeeper::cli::{self, Invocation};
use innkeeper::config::{DEFAULT_TOML, DEFAULT_YAML, Effective, Flags, Source, Syntax, Variables, convert};
use proptest::prelude::*;

use crate::it::harness::client::Client;
use crate::it::harness::folder::{Folder, golden};
use crate::it::harness::{Innkeeper, settings};

/// Everything said by each of `steps`, in one folder.
fn session(folder: &Folder, steps: &[&[&str]]) -> String {
    steps.iter().map(|step| folder.told(step, &[])).collect()
}

#[test]
fn help() {
    let answer =
        |words: &[&str]| match cli::parse(["innkeeper", "config"].iter().chain(words).chain(&["--help"])) {
            Invocation::Answer(text) => text,
            other => panic!("{other:?}"),
        };
    let pages: [&[&str]; 7] = [&[], &["init"], &["show"], &["check"], &["get"], &["set"], &["convert"]];
    golden("config-help.txt", &pages.map(answer).join("\n----\n"));
}

#[test]
fn the_default_file_is_written_once() {
    let folder = Folder::with(&[]);
    let mut text = session(
        &folder,
        &[
            &["config", "show"],
            &["config", "init"],
            &["config", "init"],
            &["config", "init", "--format", "toml"],
            &["config", "init", "--format", "toml", "--quiet"],
            &["config", "init", "--format", "toml", "--config", "other.yaml"],
            &["config", "init", "--config", "other.toml"],
            &["config", "init", "--config", "other.toml", "--format", "toml"],
            &["config", "init", "--config", "gone/other.toml"],
            &["config", "init", "--format", "json"],
        ],
    );
    assert_eq!(folder.text("config.yaml"), DEFAULT_YAML);
    assert_eq!(folder.text("config.toml"), DEFAULT_TOML);
    assert_eq!(folder.text("other.toml"), DEFAULT_TOML);
    fs::write(folder.path("config.yaml"), "port: 1\n").unwrap();
    text += &session(&folder, &[&["config", "init", "--force"]]);
    assert_eq!(folder.text("config.yaml"), DEFAULT_YAML);
    assert_eq!(folder.names().len(), 3, "{:?}", folder.names());
    let home = folder.root().to_str().unwrap();
    text += &folder.told(&["config", "init", "--global"], &[("XDG_CONFIG_HOME", home)]);
    #[cfg(unix)]
    for name in ["config.yaml", "other.toml", "innkeeper/config.yaml"] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    golden("config-init.txt", &text);
}

/// Half a settings file would be taken for one.
#[test]
#[cfg(unix)]
fn a_disk_without_room_gets_no_half_of_a_file() {
    let folder = Folder::with(&[("config.yaml", "port: 1\n"), ("long.yaml", DEFAULT_YAML)]);
    let names = folder.names();
    for (arguments, name) in [
        ("config init --config new.yaml", "the default settings to `new.yaml`"),
        ("config init --force", "`config.yaml`"),
        ("config convert --config long.yaml --to toml", "`long.toml`"),
    ] {
        // A limit on the size of files stands in for the disk.
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' XFSZ; ulimit -f 4; exec \"$0\" {arguments}"))
            .arg(assert_cmd::cargo::cargo_bin!("innkeeper"))
            .current_dir(folder.root())
            .env_clear()
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            format!(
                "error: cannot write {name}: File too large (os error 27)\nhint: nothing was changed; make room on the \
                 disk\n"
            )
        );
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert_eq!(folder.names(), names, "{arguments}");
    }
    assert_eq!(folder.text("config.yaml"), "port: 1\n");
}

#[test]
#[cfg(unix)]
fn a_file_that_is_written_over_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::with(&[("config.yaml", "port: 1\n")]);
    fs::set_permissions(folder.path("config.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    folder.done(&["config", "init", "--force"]);
    assert_eq!(fs::metadata(folder.path("config.yaml")).unwrap().permissions().mode() & 0o777, 0o640);
}

/// What is printed is the answer: a script must not take half of one for the whole.
#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_does_not_arrive_is_none() {
    let folder = Folder::with(&[("config.yaml", "port: 1\n")]);
    for arguments in [
        &["config", "show"][..],
        &["config", "get", "port"],
        &["config", "check", "--json"],
        &["config", "convert", "--to", "toml", "--output", "-"],
        &["whitelist", "list"],
        &["whitelist", "list", "--json"],
        &["whitelist", "test", "::1"],
        &["whitelist", "add", "10.0.0.1", "--dry-run"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = folder.command(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            String::from_utf8(output.stderr).unwrap().starts_with(
                "error: cannot write to standard output\n  caused by: No space left on device (os error 28)\n"
            ),
            "{arguments:?}"
        );
    }
}

#[test]
#[cfg(unix)]
fn a_file_behind_a_link_is_written_over_where_it_lies() {
    let folder = Folder::with(&[("real.yaml", "port: 1\n")]);
    std::os::unix::fs::symlink("real.yaml", folder.path("config.yaml")).unwrap();
    folder.done(&["config", "init", "--force"]);
    assert_eq!(folder.text("real.yaml"), DEFAULT_YAML);
    assert!(folder.path("config.yaml").is_symlink());
}

#[test]
fn what_is_in_force_is_shown_with_its_origin() {
    let file = "port: 8080\nwhitelist:\n  - 10.0.0.0/8\nbasicAuthUser: {username: ann, password: hunter2}\n\
                innkeeper:\n  listen: true\n  upstream: http://127.0.0.1:8000\n  limits: {headSize: 65536}\n  \
                guests: [{address: 10.0.0.9, note: Ann}]\n";
    let folder = Folder::with(&[("config.yaml", file), ("whitelist.txt", "127.0.0.1\n10.0.0.7 # Ann\n")]);
    let variables = [
        ("SILLYTAVERN_PORT", "8081"),
        ("INNKEEPER_SSL_KEYPASSPHRASE", "hunter3"),
        ("INNKEEPER_ROOT", "site"),
    ];
    let mut text = String::new();
    for step in [
        &["config", "show"][..],
        &["config", "show", "--origin"],
        &["config", "show", "--json"],
        &["config", "get", "port"],
        &["config", "get", "innkeeper.port", "--json"],
        &["config", "get", "whitelist"],
        &["config", "get", "whitelist", "--json"],
        &["config", "get", "upstream"],
        &["config", "get", "root"],
        &["config", "get", "guests"],
        &["config", "get", "limits.headSize", "--json"],
        &["config", "get", "limits.headerTimeout"],
        &["config", "get", "basicAuthUser.username"],
        &["config", "get", "basicAuthUser.password"],
        &["config", "get", "ssl.keyPassphrase", "--json"],
        &["config", "get", "ssl"],
        &["config", "get", "prot"],
        &["config", "get", "certpath"],
        &["config", "get", "nothing-like-it"],
        &["config", "get"],
        &["config", "get", "port", "--config", "none.yaml"],
    ] {
        text += &folder.told(step, &variables);
    }
    assert!(!text.replace("KEYPASSPHRASE='hunter3'", "").contains("hunter"), "{text}");
    fs::write(folder.path("config.yaml"), "port: 80a\nlistne: true\n").unwrap();
    text += &session(&folder, &[&["config", "show"], &["config", "get", "listen"]]);
    golden("config-show.txt", &text);
}

/// What SillyTavern has and Innkeeper does not, so that the file is known for a shared one.
fn shared(file: &str) -> String {
    let own = file.find("\n# ---- Innkeeper's own").unwrap();
    format!("{}cors:\n  enabled: true\n", &file[..own])
}

#[test]
fn settings_that_are_wrong_or_unwise() {
    let password = "listen: true\nbasicAuthMode: true\nbasicAuthUser: {username: ann, password: hunter2}\n";
    let any = format!(
        "{password}whitelist: [127.0.0.1, 10.0.0.0/8]\n\
         innkeeper: {{satisfy: any, trustedProxies: [127.0.0.1, 10.1.2.3/16]}}\n"
    );
    let one = shared(DEFAULT_YAML).replace("  - 127.0.0.1\n", "");
    let past = shared(DEFAULT_YAML).replace("\nlisten: false", "\nlisten: true")
        + "innkeeper:\n  upstream: http://localhost:8000\n  port: 8001\n";
    let theirs = shared(DEFAULT_YAML)
        .replace("basicAuthMode: false", "basicAuthMode: true")
        .replace("  password: password", "  password: hunter2");
    let missing = shared(DEFAULT_YAML).replace("\nheartbeatInterval: 0\n", "\n");
    let files: &[(&str, &str)] = &[
        ("default.yaml", DEFAULT_YAML),
        ("default.toml", DEFAULT_TOML),
        ("empty.yaml", ""),
        ("shared.yaml", &shared(DEFAULT_YAML)),
        ("mistakes.yaml", "listen: no\nport: 80a\n"),
        ("syntax.yaml", "listen: [\n"),
        ("open.yaml", "listen: true\nwhitelistMode: false\n"),
        ("overridden.yaml", "listen: true\nwhitelistMode: false\nsecurityOverride: true\n"),
        ("default-password.yaml", "listen: true\nbasicAuthMode: true\n"),
        ("default-here.yaml", "basicAuthMode: true\n"),
        (
            "empty-login.yaml",
            "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\nbasicAuthUser: {username: '', password: x}\n",
        ),
        ("plain.yaml", password),
        (
            "broken-hash.yaml",
            "listen: true\nbasicAuthMode: true\nbasicAuthUser: {username: ann, password: $argon2id$v=19}\n",
        ),
        (
            "everything.yaml",
            "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nssl: {enabled: true}\nwhitelist: [127.1]\n\
             hostWhitelist: {hosts: [good.example, 'a b', 'http://x']}\nenableUserAccounts: true\nperUserBasicAuth: true\n\
             basicAuthMode: true\ninnkeeper: {root: ./gone}\n",
        ),
        (
            "entries.yaml",
            "whitelist:\n  - ::1\n  - 127.0.0.1\n  - 127.0.0.1/32\n  - 10.1.2.3/8\n  - 10.9.9.9\n  - 127.0.0.1/\n  \
             - 0.0.0.0\n  - 2001:db8::*\n  - fe80::1%eth0\n  - 10.0.0.1/0.0.0.255\n  - it's\n",
        ),
        ("everybody.yaml", "listen: true\nwhitelist: ['*', ::1, 127.0.0.1]\n"),
        ("halves.yaml", "whitelist: [0.0.0.0/1, 128.0.0.0/1]\n"),
        ("any.yaml", &any),
        ("loop.yaml", "innkeeper: {upstream: 'http://127.0.0.1:8000'}\n"),
        (
            "no-effect.yaml",
            "browserLaunch: {enabled: false, port: 9}\nrateLimiting: {preferRealIpHeader: true}\n\
             innkeeper: {language: de, audit: {path: audit.log}}\n",
        ),
        ("one.yaml", &one),
        ("past.yaml", &past),
        ("missing.yaml", &missing),
        ("theirs.yaml", &theirs),
        ("proxies.yaml", "innkeeper: {trustedProxies: ['*']}\n"),
    ];
    let folder = Folder::with(files);
    let mut text = String::new();
    for (name, _) in files {
        // Who can read it is looked at elsewhere.
        #[cfg(unix)]
        fs::set_permissions(folder.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        text += &folder.told(&["config", "check", "--config", name], &[]);
    }
    for name in ["default.yaml", "everything.yaml", "entries.yaml", "mistakes.yaml"] {
        text += &folder.told(&["config", "check", "--json", "--config", name], &[]);
    }
    text += &folder.told(&["config", "check", "--quiet", "--config", "no-effect.yaml"], &[]);
    text += &folder.told(&["config", "check", "--config", "none.yaml"], &[]);
    // From elsewhere than the file.
    let variables = [("INNKEEPER_WHITELIST", r#"["127.1","10.0.0.1","10.0.0.1"]"#), ("INNKEEPER_LISTN", "1")];
    text += &folder.told(&["config", "check", "--config", "empty.yaml"], &variables[..1]);
    text += &folder.told(&["config", "check", "--config", "empty.yaml"], &variables);
    let listed =
        Folder::with(&[("config.yaml", "whitelist: [::1]\n"), ("whitelist.txt", "127.0.0.1 # me\n10.1/8\n")]);
    text += &listed.told(&["config", "check"], &[]);
    fs::write(listed.path("whitelist.txt"), b"\xff").unwrap();
    text += &listed.told(&["config", "check"], &[]);
    golden("config-check.txt", &text);
}

#[test]
#[cfg(unix)]
fn a_file_with_a_secret_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let own = "basicAuthUser: {username: ann, password: hunter2}\n";
    let folder =
        Folder::with(&[("config.yaml", own), ("none.yaml", "basicAuthUser: {password: password}\n")]);
    for (name, mode, warned) in [
        ("config.yaml", 0o644, true),
        ("config.yaml", 0o640, false),
        ("config.yaml", 0o600, false),
        ("none.yaml", 0o644, false),
    ] {
        fs::set_permissions(folder.path(name), fs::Permissions::from_mode(mode)).unwrap();
        let said = folder.told(&["config", "check", "--config", name], &[]);
        let expected = if warned {
            "! warning: every user of this computer can read config.yaml, and a password stands in it\n\
             ! hint: chmod 600 config.yaml\n! config.yaml: no problems, 1 warning\nexit 0\n\n"
                .to_owned()
        } else {
            format!("! {name}: no problems, no warnings\nexit 0\n\n")
        };
        assert_eq!(said, format!("$ innkeeper config check --config {name}\n{expected}"), "{mode:o}");
    }
}

#[test]
fn a_long_list_is_checked_at_once() {
    let mut list: Vec<String> =
        (0..20_000).map(|n| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255)).collect();
    list.extend(["10.0.0.0", "10.0.0.1"].map(str::to_owned));
    list.extend((0..30).map(|n| format!("10.0.0.{n}")));
    let folder = Folder::with(&[("config.yaml", ""), ("whitelist.txt", &list.join("\n"))]);
    let said = folder.told(&["config", "check"], &[]);
    assert!(
        said.contains("whitelist.txt:20001: `10.0.0.0` is there twice, first in whitelist.txt:1\n"),
        "{said}"
    );
    assert!(said.contains("! warning: 12 more entries of `whitelist` change nothing\n"), "{said}");
    assert!(said.ends_with("! config.yaml: no problems, 21 warnings\nexit 0\n\n"), "{said}");
}

#[test]
fn one_setting_is_changed_and_the_rest_stays() {
    let folder = Folder::with(&[("config.yaml", DEFAULT_YAML)]);
    let steps: &[&[&str]] = &[
        &["config", "set", "port", "8001", "--dry-run"],
        &["config", "set", "port", "8001"],
        &["config", "set", "port", "8001"],
        &["config", "set", "innkeeper.port", "8001"],
        &["config", "set", "port", "8002"],
        &["config", "set", "innkeeper.upstream", "http://127.0.0.1:8000"],
        &["config", "set", "root", "."],
        &["config", "set", "upstream", ""],
        &["config", "set", "root", "."],
        &["config", "set", "root", "./gone"],
        &["config", "set", "upstream", "http://127.0.0.1:8000"],
        &["config", "set", "hostWhitelist.hosts", "den.example"],
        &["config", "set", "hostWhitelist.hosts", r#"["den.example","b.example"]"#],
        &["config", "set", "hostWhitelist.hosts", "a.example, b.example"],
        &["config", "set", "hostWhitelist.hosts", "[a.example"],
        &["config", "set", "hostWhitelist.hosts", "http://x"],
        &["config", "set", "trustedProxies", r#"["127.1","10.0.0.1"]"#],
        &["config", "set", "trustedProxies", "10.0.0.1"],
        &["config", "set", "listen", "yes"],
        &["config", "set", "listen", "TRUE"],
        &["config", "set", "port", "-1"],
        &["config", "set", "heartbeatInterval", "2.5"],
        &["config", "set", "limits.headerTimeout", "10m"],
        &["config", "set", "limits.headerTimeout", "600"],
        &["config", "set", "protocol.ipv6", "auto"],
        &["config", "set", "satisfy", "some"],
        &["config", "set", "basicAuthUser.username", "0123"],
        &["config", "set", "language", "de"],
        &["config", "set", "whitelistMode", "false"],
        &["config", "set", "basicAuthMode", "true"],
        &["config", "set", "ssl.enabled", "true"],
        &["config", "set", "basicAuthUser.password", "hunter2"],
        &["config", "set", "ssl.keyPassphrase", "hunter2"],
        &["config", "set", "whitelist", "10.0.0.1"],
        &["config", "set", "ssl", "true"],
        &["config", "set", "prot", "1"],
        &["config", "set", "port"],
        &["config", "set", "guests", r#"[{"address":"10.0.0.9","note":"Ann"}]"#],
        &["config", "set", "guests", "10.0.0.9"],
        &["config", "set", "port", "8003", "--quiet"],
        &["config", "set", "port", "1", "--config", "none.yaml"],
    ];
    let text = session(&folder, steps);
    let after = [
        ("\nlisten: false", "\nlisten: true"),
        ("\nport: 8000", "\nport: 8001"),
        ("  ipv6: false", "  ipv6: auto"),
        ("  username: user", "  username: '0123'"),
        ("  hosts: []", "  hosts: [den.example, b.example]"),
        ("heartbeatInterval: 0", "heartbeatInterval: 2.5"),
        ("  root: \"\"", "  root: \".\""),
        ("  trustedProxies: []", "  trustedProxies: [10.0.0.1]"),
        ("  guests: []", "  guests:\n    - address: 10.0.0.9\n      note: Ann"),
        ("    headerTimeout: off", "    headerTimeout: 10m"),
        ("  language: auto\n", "  language: de\n  port: 8003\n"),
    ]
    .iter()
    .fold(DEFAULT_YAML.to_owned(), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        text.replace(old, new)
    });
    assert_eq!(folder.text("config.yaml"), after);
    golden("config-set.txt", &text);
}

#[test]
fn one_setting_is_changed_in_toml_too() {
    let folder =
        Folder::with(&[("config.toml", "# mine\nport = 8000 # the door\n\n[ssl]\nenabled = false\n")]);
    let text = session(
        &folder,
        &[
            &["config", "set", "port", "8001"],
            &["config", "set", "listen", "true"],
            &["config", "set", "hostWhitelist.hosts", r#"["a.example"]"#],
            &["config", "set", "innkeeper.port", "8002"],
            &["config", "set", "basicAuthUser.username", "0123"],
            &["config", "set", "whitelistMode", "false"],
        ],
    );
    golden("config-set-toml.txt", &format!("{text}{}", folder.text("config.toml")));
}

#[test]
fn what_else_decides_is_told() {
    let mut text = String::new();
    let folder = Folder::with(&[
        ("config.yaml", &shared(DEFAULT_YAML)),
        ("open.yaml", "listen: true\nwhitelistMode: false\nport: 8000\n"),
    ]);
    // A variable wins over the file.
    let variable = [("SILLYTAVERN_PORT", "9000")];
    text += &folder.told(&["config", "set", "port", "8001"], &variable);
    text += &folder.told(&["config", "set", "port", "8001"], &variable);
    // SillyTavern reads the same line.
    text += &folder.told(&["config", "set", "hostWhitelist.scan", "false"], &[]);
    // The environment can be what makes it unsafe.
    let open = [("INNKEEPER_LISTEN", "true")];
    text += &folder.told(&["config", "set", "whitelistMode", "false"], &open);
    // What was wrong before does not stand in the way of putting it right bit by bit.
    text += &folder.told(&["config", "set", "port", "8001", "--config", "open.yaml"], &[]);
    text += &folder.told(&["config", "set", "listen", "false", "--config", "open.yaml"], &[]);
    fs::write(folder.path("two.yaml"), "port: a\nheartbeatInterval: b\n").unwrap();
    text += &folder.told(&["config", "set", "port", "8001", "--config", "two.yaml"], &[]);
    text += &folder.told(&["config", "set", "heartbeatInterval", "0", "--config", "two.yaml"], &[]);
    fs::write(folder.path("override.yaml"), "listen: true\nsecurityOverride: true\n").unwrap();
    text += &folder.told(&["config", "set", "whitelistMode", "false", "--config", "override.yaml"], &[]);
    text += &folder.told(&["config", "set", "securityOverride", "false", "--config", "override.yaml"], &[]);
    fs::write(folder.path("twice.yaml"), "port: 1\nport: 2\n").unwrap();
    text += &folder.told(&["config", "set", "port", "8001", "--config", "twice.yaml"], &[]);
    assert_eq!(folder.text("two.yaml"), "port: 8001\nheartbeatInterval: 0\n");
    assert_eq!(folder.text("twice.yaml"), "port: 1\nport: 2\n");
    assert_eq!(
        folder.text("config.yaml"),
        shared(DEFAULT_YAML).replace("\nport: 8000", "\nport: 8001").replace("  scan: true", "  scan: false")
    );
    golden("config-set-else.txt", &text);
}

#[test]
fn sillytavern_gets_a_section_and_keeps_its_bytes() {
    let theirs = shared(DEFAULT_YAML);
    let open = theirs
        .replace("\nlisten: false", "\nlisten: true")
        .replace("ssl:\n  enabled: false", "ssl:\n  enabled: true")
        .replace("basicAuthMode: false", "basicAuthMode: true")
        .replace("  password: password", "  password: hunter2")
        .replace("heartbeatInterval: 0", "heartbeatInterval: 10")
        .replace("  - ::1\n  - 127.0.0.1\n", "  - 10.0.0.1\n  - 10.0.0.2\n")
        .replace("\nport: 8000", "\nport: 8001");
    let only_v6 = "protocol: {ipv4: false, ipv6: true}\nport: 8123".to_owned();
    let mut text = String::new();
    for (name, before) in [
        ("default", theirs.clone()),
        ("open", open),
        ("windows", format!("\u{feff}{}", theirs.replace('\n', "\r\n"))),
        ("no-end", only_v6),
        ("empty-section", "port: 8000\ninnkeeper:\n".to_owned()),
        ("other-section", "port: 8000\ninnkeeper:\n  root: ./site\n".to_owned()),
        ("any-port", "port: 0\n".to_owned()),
        ("mistake", "port: 8000\nlisten: no\n".to_owned()),
    ] {
        let folder = Folder::with(&[]);
        fs::create_dir(folder.path(name)).unwrap();
        let file = format!("{name}/config.yaml");
        fs::write(folder.path(&file), &before).unwrap();
        text += &session(
            &folder,
            &[&["config", "init", "--for-sillytavern", name], &["config", "init", "--for-sillytavern", name]],
        );
        let after = folder.text(&file);
        let section = after.strip_prefix(before.trim_end_matches("innkeeper:\n")).unwrap();
        let _ = writeln!(text, "--- {}\n", section.escape_debug().to_string().replace("\\n", "\n    "));
        // What the owner does next does not make the same command fail.
        if after != before && name == "default" {
            text += &session(
                &folder,
                &[
                    &["config", "set", "listen", "true", "--config", &file],
                    &["config", "check", "--config", &file],
                    &["config", "init", "--for-sillytavern", name],
                    &["config", "set", "port", "8000", "--config", &file],
                    &["config", "init", "--for-sillytavern", name],
                ],
            );
        }
    }
    let folder = Folder::with(&[]);
    text += &session(
        &folder,
        &[
            &["config", "init", "--for-sillytavern", "nowhere"],
            &["config", "init", "--for-sillytavern", ".", "--force"],
            &["config", "init", "--for-sillytavern", ".", "--config", "x"],
        ],
    );
    golden("config-share.txt", &text);
}

#[test]
fn the_other_syntax_says_the_same() {
    let folder = Folder::with(&[("config.yaml", VARIANT), ("other.toml", "port = 8000\n")]);
    let mut text = session(
        &folder,
        &[
            &["config", "convert", "--to", "yaml"],
            &["config", "convert", "--to", "toml", "--output", "x.yaml"],
            &["config", "convert", "--to", "toml"],
            &["config", "convert", "--to", "toml"],
            &["config", "convert", "--to", "toml", "--force", "--quiet"],
            &["config", "convert", "--to", "toml", "--output", "-", "--quiet"],
            &["config", "convert", "--to", "yaml", "--config", "other.toml"],
            &["config", "convert", "--to", "yaml", "--config", "other.toml", "--output", "-"],
            &["config", "convert"],
            &["config", "convert", "--to", "json"],
        ],
    );
    fs::remove_file(folder.path("config.yaml")).unwrap();
    text += &session(&folder, &[&["config", "convert", "--to", "yaml"]]);
    let _ = writeln!(text, "--- config.yaml\n{}", folder.text("config.yaml"));
    fs::write(folder.path("config.yaml"), "port: a\n").unwrap();
    text += &session(&folder, &[&["config", "convert", "--to", "toml", "--force"]]);
    golden("config-convert.txt", &text);
}

/// Values that are easily taken for others.
const VARIANT: &str = "\
port: 8000
basicAuthUser:
  username: 0123
  password: 123456
ssl: {keyPassphrase: \"it's: #1\"}
whitelist: [::1, '127.0.0.1', \"fe80::*\", 10.0.0.0/8]
cors: {maxAge: null, origin: ['null', \"~\"]}
thumbnails:
  dimensions: {'bg': [160, 90]}
promptPlaceholder: '[Start a \"new\" chat]'
odd keys: {a.b: 0x1F, 'yes': yes, n: 1e3, e: '', big: 12345678901234567890, half: .5, old: 0o17}
sessions: [{a: 1, b: [true, 'true']}, []]
innkeeper:
  port: 8001
  satisfy: any
  session:
";

/// `text` in the other syntax and back again.
fn there_and_back(syntax: Syntax, text: &str) -> String {
    let name = |syntax| if syntax == Syntax::Yaml { "config.yaml" } else { "config.toml" };
    let effective = |syntax, text: &str| {
        Effective::of_text(Path::new(name(syntax)), text, &Flags::default(), &Variables::default())
            .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
    };
    let other = if syntax == Syntax::Yaml { Syntax::Toml } else { Syntax::Yaml };
    let items = |syntax: Syntax, text: &str| {
        syntax.read(&Source::new(name(syntax), text)).unwrap_or_else(|problem| panic!("{problem}\n{text}"))
    };
    let there = convert(&items(syntax, text), other);
    assert!(there.holds(&items(syntax, text), other), "{}", there.text);
    assert!(effective(syntax, text).equals(&effective(other, &there.text)), "{}", there.text);
    let back = convert(&items(other, &there.text), syntax);
    assert_eq!(back.lost, [""; 0]);
    assert!(back.holds(&items(other, &there.text), syntax), "{}", back.text);
    assert!(effective(syntax, text).equals(&effective(syntax, &back.text)), "{}", back.text);
    // Nothing is lost on the second way that was not on the first.
    let again = convert(&items(syntax, &back.text), other);
    assert_eq!((again.text, again.lost), (there.text, Vec::<String>::new()));
    back.text
}

#[test]
fn there_and_back_again() {
    let variant = VARIANT.replace("  session:\n", "");
    there_and_back(Syntax::Yaml, &variant);
    for (syntax, text) in [(Syntax::Yaml, DEFAULT_YAML), (Syntax::Toml, DEFAULT_TOML)] {
        let back = there_and_back(syntax, text);
        // Every comment that stands directly above a setting is there again.
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let mut count = 0;
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with('#')) {
            let next = lines[number..].iter().find(|line| !line.starts_with('#'));
            if next.is_some_and(|next| !next.is_empty()) {
                assert!(back.lines().any(|other| other.trim() == *line), "{line}");
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }
    there_and_back(Syntax::Yaml, &shared(DEFAULT_YAML));
    there_and_back(Syntax::Yaml, "");
    there_and_back(
        Syntax::Toml,
        "[innkeeper]\nguests = [{address = '10.0.0.9', note = \"Ann's\\n\"}]\n[innkeeper.ssl]\n",
    );
    there_and_back(Syntax::Toml, "a = 1979-05-27\nb = 0b11\nc = 1_000\nd = inf\ne = -nan\nf = '''x\ny'''\n");
}

/// Text that could be read as something else, or break a line.
fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "",
        "true",
        "no",
        "null",
        "~",
        "0123",
        "1e3",
        "0x10",
        ".inf",
        "- a",
        "a: b",
        "a #b",
        "'",
        "\"",
        "[x]",
        "{",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`",
        "|",
        ">",
        "?",
        "-",
        "2001:db8::",
        "192.168.0.*",
        "a\nb",
        "\t",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        " a ",
        "é",
        "1_000",
        "12:30:45",
        "2001-01-01",
        "=",
        "<<",
        "---",
        "...",
        "a\r\nb",
        "\u{7f}",
        "\u{1}",
    ]);
    prop_oneof![odd.prop_map(str::to_owned), "[ -~]{0,12}", "\\PC{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_goes_there_and_back(name in text(), password in text(), value in text(), entry in text(), number in any::<f64>(), whole in any::<i64>()) {
        let toml = |text: &str| toml_edit::Value::from(text).to_string();
        let file = format!(
            "other = [{}, {{{} = {}}}]\nnumber = {}\nwhole = {whole}\n[basicAuthUser]\nusername = {}\npassword = {}\n",
            toml(&entry), toml_edit::Key::new(&name), toml(&value), toml_edit::Value::from(number), toml(&name), toml(&password),
        );
        there_and_back(Syntax::Toml, &file);
    }
}

/// The hint of the console, pasted: the name is known and the earlier ones stay.
#[test]
fn the_command_for_an_unknown_host_works() {
    let top = "hostWhitelist:\n  enabled: true\n  hosts: [first.example]\n";
    let server = Innkeeper::start(top, "");
    let ask = |host: &str| {
        let mut client = Client::of(&server);
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.answer().status
    };
    assert_eq!((ask("first.example"), ask("den.example:8443")), (200, 403));
    let pasted = r#"innkeeper config set hostWhitelist.hosts '["first.example","den.example"]'"#;
    server.complains(&format!("{pasted}\n"));
    let folder = Folder::with(&[("config.yaml", &settings(top, ""))]);
    let program = Path::new(assert_cmd::cargo::cargo_bin!("innkeeper")).parent().unwrap();
    let done = Command::new("/bin/sh")
        .args(["-c", pasted])
        .current_dir(folder.root())
        .env("PATH", program)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let after = folder.text("config.yaml");
    assert_eq!(after, settings(&top.replace("[first.example]", "[first.example, den.example]"), ""));
    server.write("config.yaml", &after);
    server.says("the settings were read again");
    assert_eq!((ask("first.example"), ask("den.example:8443"), ask("third.example")), (200, 200, 403));
}

/// Whatever an entry is written like, what is told to type takes it away.
#[test]
#[cfg(unix)]
fn a_hint_about_any_entry_works_when_it_is_pasted() {
    let list =
        "whitelist: [\"it's\", -foo, 'a  b # c', '$(id)', 10.0.0.0/8, 10.1.0.0/16, 10.2.0.0 - 10.2.0.9]\n";
    for name in ["config.yaml", "it's mine.yaml", "-x.yaml"] {
        let folder = Folder::with(&[(name, list)]);
        let named = format!("--config={name}");
        let checked = folder.run(&["config", "check", &named]);
        let told = String::from_utf8(checked.stderr).unwrap();
        let absent = folder.run(&["whitelist", "remove", "it''s", &named]);
        let absent = String::from_utf8(absent.stderr).unwrap();
        let near = absent.split('`').find(|part| part.starts_with("innkeeper")).unwrap().to_owned();
        let commands = told.lines().filter_map(|line| line.strip_prefix("hint: ")).map(str::to_owned);
        let commands: Vec<String> = commands.filter(|hint| hint.starts_with("innkeeper whitelist")).collect();
        assert_eq!(commands.len(), 6, "{told}");
        assert_eq!(near, commands[0]);
        let program = assert_cmd::cargo::cargo_bin!("innkeeper").parent().unwrap();
        for command in commands {
            let output = std::process::Command::new("/bin/sh")
                .args(["-c", &command])
                .current_dir(folder.root())
                .env_clear()
                .env("PATH", program)
                .output()
                .unwrap();
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(folder.text(name), "whitelist: [10.0.0.0/8]\n");
    }
}

/// As SillyTavern's own reader sees nothing there, only the link tells that a list was meant.
#[test]
#[cfg(unix)]
fn a_list_behind_a_link_to_nothing_lets_no_other_into_force() {
    let folder = Folder::with(&[("config.yaml", "whitelist: [10.0.0.0/8]\n")]);
    std::os::unix::fs::symlink("gone.txt", folder.path("whitelist.txt")).unwrap();
    for arguments in [&["whitelist", "test", "10.0.0.1"][..], &["whitelist", "add", "10.0.0.1"]] {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("error: whitelist.txt is there and cannot be read: "), "{told}");
    }
}

#[test]
fn a_list_without_entries_is_told() {
    for (text, told) in [
        ("whitelist: []\n", true),
        ("whitelist: []\nwhitelistMode: false\n", false),
        (
            "whitelist: []\nlisten: true\nbasicAuthMode: true\nbasicAuthUser: {username: ann, password: long-enough}\n\
          innkeeper: {satisfy: any}\n",
            false,
        ),
        ("whitelist: []\ninnkeeper: {guests: [{address: 127.0.0.1}]}\n", false),
    ] {
        let output = Folder::with(&[("config.yaml", text)]).run(&["config", "check"]);
        let warned = String::from_utf8(output.stderr).unwrap().contains(
            "warning: config.yaml:1: the whitelist is empty, so nobody comes in, not even this computer\n\
             hint: innkeeper whitelist add 127.0.0.1 ::1\n",
        );
        assert_eq!((warned, output.status.code()), (told, Some(0)), "{text}");
    }
}
