//! `innkeeper whitelist` and the edits behind it: whole outputs, files that come back byte for byte, many processes at
//! once, processes killed at any moment, and input that must leave the file alone.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use innkeeper::config::document::{Change, Document, Kind};
use innkeeper::config::{DEFAULT_TOML, DEFAULT_YAML, Layer, Problems, Source, Syntax, Value};
use proptest::prelude::*;

use crate::it::harness::folder::{Folder, golden};

#[test]
fn a_session() {
    let yaml = session("config.yaml", DEFAULT_YAML, "whitelist.txt");
    assert_eq!(
        yaml,
        DEFAULT_YAML.replace("whitelist:\n  - ::1\n  - 127.0.0.1\n", "whitelist: [127.0.0.1]\n")
    );
    let toml = session("config.toml", DEFAULT_TOML, "whitelist.toml.txt");
    assert_eq!(
        toml,
        DEFAULT_TOML.replace(
            "whitelist = [\n  \"::1\",\n  \"127.0.0.1\",\n]\n",
            "whitelist = [\n  \"127.0.0.1\",\n]\n"
        )
    );
}

/// The same commands on a file of either syntax; all they print is compared with `expected`. The file afterwards.
fn session(name: &str, before: &str, expected: &str) -> String {
    let folder = Folder::with(&[(name, before)]);
    let mut text = String::new();
    let steps: &[&[&str]] = &[
        &["whitelist", "list"],
        &["whitelist", "add", "192.168.1.23", "--dry-run"],
        &["whitelist", "add", "192.168.1.23"],
        &["whitelist", "add", "192.168.1.23"],
        &["whitelist", "add", "10.1.2.3/8", "tailscale", "Phone.lan", "*", "--note", "Ann's things"],
        &["whitelist", "add", "10.9.9.9", "100.64.0.7", "phone.LAN", "fe80::1"],
        &["whitelist", "add", "127.1", "http://x.lan/a", "192.168.2.2"],
        &["whitelist", "add", "192.168.2.2", "--note", "two\nlines"],
        &["whitelist", "list"],
        &["whitelist", "list", "--json"],
        &["whitelist", "remove", "192.168.1.24"],
        &["whitelist", "remove", "10.1.2.3", "phone.lam", "127.1", "192.168.1.23"],
        &["whitelist", "remove", "*", "192.168.1.23", "--dry-run"],
        &["whitelist", "remove", "10.*", "*", "tailscale", "phone.lan"],
        &["whitelist", "add", "192.168.1.*", "--quiet"],
        &["whitelist", "remove", "192.168.1.23"],
        &["whitelist", "remove", "192.168.1.0/24"],
        &["whitelist", "remove", "::1", "127.0.0.1"],
        &["whitelist", "remove", "127.0.0.1", "127.0.0.1", "--dry-run"],
        &["whitelist", "remove", "::1"],
        &["whitelist", "remove", "127.0.0.1", "--force"],
        &["whitelist", "list"],
        &["whitelist", "add", "127.0.0.1"],
    ];
    for step in steps {
        text += &folder.told(step, &[]);
    }
    golden(expected, &text);
    folder.text(name)
}

#[test]
fn which_list_is_edited() {
    let mut text = String::new();
    // whitelist.txt before the setting, and the environment before both but for that.
    let folder = Folder::with(&[("config.yaml", "port: 1\n"), ("whitelist.txt", "127.0.0.1 # here\n::1\n")]);
    let variable = [("INNKEEPER_WHITELIST", r#"["10.0.0.1"]"#)];
    text += &folder.told(&["whitelist", "add", "10.0.0.2", "--note", "Ann"], &variable);
    text += &folder.told(&["whitelist", "list"], &variable);
    text += &folder.told(&["whitelist", "remove", "::1"], &[]);
    assert_eq!(folder.text("whitelist.txt"), "127.0.0.1 # here\n10.0.0.2 # Ann\n");
    assert_eq!(folder.text("config.yaml"), "port: 1\n");
    fs::remove_file(folder.path("whitelist.txt")).unwrap();
    text += &folder.told(&["whitelist", "add", "10.0.0.2"], &variable);
    text += &folder.told(&["whitelist", "list"], &variable);
    // The default list stays in force when something is added to it.
    text += &folder.told(&["whitelist", "list"], &[]);
    text += &folder.told(&["whitelist", "add", "10.0.0.2"], &[]);
    assert_eq!(folder.text("config.yaml"), "port: 1\nwhitelist:\n  - ::1\n  - 127.0.0.1\n  - 10.0.0.2\n");
    // Innkeeper's own section before the top level; a list that is not in use.
    let own = "whitelistMode: false\nwhitelist: [::1]\ninnkeeper:\n  # mine\n  whitelist:\n    - 127.0.0.1\n";
    fs::write(folder.path("own.yaml"), own).unwrap();
    text += &folder.told(&["whitelist", "add", "10.0.0.2", "--config", "own.yaml"], &[]);
    text += &folder.told(&["whitelist", "remove", "10.0.0.3", "--config", "own.yaml"], &[]);
    assert_eq!(folder.text("own.yaml"), format!("{own}    - 10.0.0.2\n"));
    text += &folder.told(&["whitelist", "list", "--config", "none.yaml"], &[]);
    golden("whitelist-which.txt", &text);
}

/// Several entries that leave no gap are as wide as the one that would say the same, and told where that one is.
#[test]
fn everybody_in_parts() {
    let now = "listen: true\nwhitelist: [127.0.0.1, ::1]\n";
    let mut text = String::new();
    let mut session = |content: &str, steps: &[&[&str]]| {
        let folder = Folder::with(&[("config.yaml", content)]);
        let _ = write!(text, "--- config.yaml\n{content}");
        for step in steps {
            text += &folder.told(step, &[]);
        }
    };
    // One entry, to compare with.
    session(
        now,
        &[&["whitelist", "add", "0.0.0.0/0"], &["config", "check"], &["whitelist", "test", "8.8.8.8"]],
    );
    session(
        now,
        &[
            &["whitelist", "add", "128.0.0.0/1"],
            &["whitelist", "add", "0.0.0.0/1", "--dry-run"],
            &["whitelist", "add", "0.0.0.0/1"],
            // Told once.
            &["whitelist", "add", "64.0.0.0-192.0.0.0"],
            &["config", "check"],
            &["config", "check", "--json"],
            &["whitelist", "test", "8.8.8.8"],
            &["whitelist", "add", "::/1", "8000::/1"],
            &["whitelist", "remove", "0.0.0.0/1", "128.0.0.0/1"],
            &["config", "check"],
        ],
    );
    // All but one address.
    session(now, &[&["whitelist", "add", "0.0.0.0/1", "128.0.0.0-255.255.255.254"], &["config", "check"]]);
    // More than are named.
    session(
        "listen: true\nwhitelist:\n  - ::1\n  - 0.0.0.0/2\n  - 64.0.0.0/2\n  - 128.0.0.0/2\n  - 192.0.0.0/3\n",
        &[&["whitelist", "add", "224.0.0.0/3"], &["config", "check"]],
    );
    // Where a password is asked for it is told as well, and so are proxies that anybody can pose as.
    session(
        "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\nwhitelist: [0.0.0.0/1, 128.0.0.0/1]\n",
        &[&["whitelist", "test", "8.8.8.8"]],
    );
    session(
        "innkeeper:\n  trustedProxies: [::/1, '8000::/1']\n",
        &[&["config", "check"], &["whitelist", "test", "::1"]],
    );
    golden("whitelist-everybody.txt", &text);
}

/// Settings in many shapes. `…` stands where a line with the entry `10.0.0.7` comes, written so.
const SHAPES: &[(&str, &str)] = &[
    ("indented.yaml", "a: 1\nwhitelist:\n  - ::1\n  - 127.0.0.1\n…  - 10.0.0.7\n…port: 1\n"),
    ("column-0.yaml", "whitelist:\n- ::1\n- 127.0.0.1\n…- 10.0.0.7\n…# about the port\nport: 1\n"),
    ("deep.yaml", "whitelist:\n      -   ::1\n…      - 10.0.0.7\n…\n\nport: 1\n"),
    (
        "comments.yaml",
        "# a\nwhitelist: # b\n  # c\n  - ::1 # d\n  # e\n\n  - 127.0.0.1   # f\n…  - 10.0.0.7\n…  # g\n# h\nport: 1 # i\n# j\n",
    ),
    ("crlf.yaml", "# a\r\nwhitelist:\r\n  - ::1\r\n  - '127.0.0.1' # b\r\n…  - 10.0.0.7\r\n…\r\nport: 1\r\n"),
    ("bom.yaml", "\u{feff}whitelist:\n  - \"::1\"\n…  - 10.0.0.7\n…port: 1\n"),
    ("bom-crlf.yaml", "\u{feff}# a\r\nport: 1\r\nwhitelist:\r\n- ::1\r\n…- 10.0.0.7\r\n…"),
    ("no-end.yaml", "port: 1\nwhitelist:\n  - ::1\n  - 127.0.0.1…\n  - 10.0.0.7…"),
    ("no-end-comment.yaml", "whitelist:\n  - ::1\n  - 127.0.0.1 # home…\n  - 10.0.0.7…"),
    ("comment-at-end.yaml", "whitelist:\n  - ::1\n…  - 10.0.0.7\n…  # the end"),
    ("own.yaml", "innkeeper:\n  whitelist:\n    - ::1\n…    - 10.0.0.7\n…  satisfy: any\nwhitelist: [::2]\n"),
    ("documents.yaml", "%YAML 1.2\n---\nwhitelist:\n  - ::1\n…  - 10.0.0.7\n…...\n"),
    ("flow.yaml", "whitelist: [::1, 127.0.0.1…, 10.0.0.7…] # home\nport: 1\n"),
    ("wide-flow.yaml", "whitelist: [ ::1, 127.0.0.1…, 10.0.0.7…, ]\n"),
    ("empty-flow.yaml", "a: 1 # b\nwhitelist: […10.0.0.7…] # c\n"),
    ("all-flow.yaml", "{whitelist: [::1…, 10.0.0.7…], port: 1}\n"),
    ("one-line.toml", "# a\nwhitelist = [\"::1\", \"127.0.0.1\"…, \"10.0.0.7\"…] # b\nport = 1\n"),
    ("empty.toml", "whitelist = […\"10.0.0.7\"…]\n"),
    ("wide.toml", "whitelist = [ '::1'…, \"10.0.0.7\"… , ]"),
    (
        "lines.toml",
        "whitelist = [ # a\n  \"::1\", # b\n  # c\n  \"127.0.0.1\", # d\n…  \"10.0.0.7\",\n…  # e\n]\n[ssl]\n",
    ),
    ("crlf.toml", "\u{feff}whitelist = [\r\n\t\"::1\",\r\n…\t\"10.0.0.7\",\r\n…]\r\n"),
    ("no-comma.toml", "whitelist = [\n  \"::1\"…,\n  \"10.0.0.7\"…\n]\n"),
    ("tight.toml", "whitelist = [\n  \"::1\",…\n  \"10.0.0.7\",…]\n"),
    ("empty-lines.toml", "whitelist = […\n  \"10.0.0.7\",…\n  # nobody yet\n]\n"),
    ("own.toml", "whitelist = []\n[innkeeper]\nwhitelist = [\"::1\"…, \"10.0.0.7\"…]\n"),
];

#[test]
fn added_and_removed_again_every_byte_is_back() {
    for (name, shape) in SHAPES {
        let parts: Vec<&str> = shape.split('…').collect();
        let [head, new, tail] = parts[..] else { panic!("{name} has {} parts", parts.len()) };
        let (before, after) = (format!("{head}{tail}"), shape.replace('…', ""));
        let folder = Folder::with(&[(name, before.as_str())]);
        folder.done(&["whitelist", "add", "10.0.0.7", "--config", name]);
        assert_eq!(folder.text(name), after, "{name}: added");
        folder.done(&["whitelist", "remove", "10.0.0.7", "--config", name]);
        assert_eq!(folder.text(name), before, "{name}: removed");
        assert_eq!(folder.names(), BTreeSet::from([(*name).to_owned()]), "{name}: nothing lies about");
        // With a note, where the entry has a line of its own.
        let output =
            folder.run(&["whitelist", "add", "10.0.0.7", "--note", "Ann's: #1, [x]", "--config", name]);
        if new.trim_end_matches(',').contains('\n') && !name.starts_with("tight") {
            let line = new.trim_end_matches(['\r', '\n']);
            let noted = format!("{line} # Ann's: #1, [x]{}", &new[line.len()..]);
            assert_eq!(folder.text(name), format!("{head}{noted}{tail}"), "{name}: noted");
            folder.done(&["whitelist", "remove", "10.0.0.7", "--config", name]);
        } else {
            assert_eq!(output.status.code(), Some(2), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(folder.text(name), before, "{name}: removed with its note");
    }
}

#[test]
fn the_default_files_differ_in_one_line_only() {
    for (name, text, line) in [
        ("config.yaml", DEFAULT_YAML, "  - 127.0.0.1\n"),
        ("config.toml", DEFAULT_TOML, "  \"127.0.0.1\",\n"),
    ] {
        let folder = Folder::with(&[(name, text)]);
        folder.done(&["whitelist", "add", "192.168.1.23"]);
        let new = match name {
            "config.yaml" => format!("{line}  - 192.168.1.23\n"),
            _ => format!("{line}  \"192.168.1.23\",\n"),
        };
        assert_eq!(text.matches(line).count(), 1);
        assert_eq!(folder.text(name), text.replace(line, &new));
        folder.done(&["whitelist", "remove", "192.168.1.23"]);
        assert_eq!(folder.text(name), text);
    }
}

#[test]
fn a_file_without_the_list_gets_one() {
    let written = "whitelist:\n  - ::1\n  - 127.0.0.1\n  - 'fe80::'\n";
    let array = "whitelist = [\"::1\", \"127.0.0.1\", \"fe80::\"]\n";
    for (name, before, after) in [
        ("empty.yaml", "", written.to_owned()),
        ("comment.yaml", "# nothing yet\r\n", format!("# nothing yet\n{written}").replace('\n', "\r\n")),
        ("no-end.yaml", "port: 1", format!("port: 1\n{}", written.trim_end())),
        ("bom.yaml", "\u{feff}# a\n", format!("\u{feff}# a\n{written}")),
        ("empty.toml", "", array.to_owned()),
        (
            "top.toml",
            "# a\nport = 1 # b\n\n# c\n[ssl]\nenabled = false\n",
            format!("# a\nport = 1 # b\n{array}\n# c\n[ssl]\nenabled = false\n"),
        ),
        ("sections.toml", "# c\n[ssl]\nenabled = false\n", format!("{array}# c\n[ssl]\nenabled = false\n")),
    ] {
        let folder = Folder::with(&[(name, before)]);
        folder.done(&["whitelist", "add", "fe80::", "--config", name]);
        assert_eq!(folder.text(name), after, "{name}");
    }
}

#[test]
fn what_cannot_be_edited_stays_as_it_was() {
    let mut text = String::new();
    for (name, before) in [
        ("tab.yaml", "whitelist:\n\t- ::1\n"),
        ("twice.yaml", "whitelist:\n  - ::1\nport: 1\nwhitelist: []\n"),
        ("twice-elsewhere.yaml", "theirs: {a: 1, a: 2}\nwhitelist: [::1]\n"),
        ("anchor.yaml", "whitelist: &list\n  - ::1\ninnkeeper:\n  trustedProxies: *list\n"),
        ("alias.yaml", "innkeeper:\n  trustedProxies: &list [::1]\nwhitelist: *list\n"),
        ("section.yaml", "theirs: &all\n  whitelist: [::1]\ninnkeeper: *all\n"),
        ("carriage.yaml", "whitelist:\r  - ::1\r"),
        ("documents.yaml", "whitelist: [::1]\n---\na: 1\n"),
        ("unclosed.yaml", "whitelist: [::1\n"),
        ("scalar.yaml", "whitelist: 127.0.0.1\n"),
        ("empty.yaml", "whitelist:\nport: 1\n"),
        ("twice.toml", "whitelist = []\nwhitelist = []\n"),
        ("broken.toml", "whitelist = [\"::1\"\n"),
        ("carriage.toml", "whitelist = [\r  \"::1\",\r]\r"),
        ("scalar.toml", "whitelist = \"127.0.0.1\"\n"),
        ("tab.toml", "whitelist = [\"\t::1]\n"),
        ("one-line.yaml", "whitelist: [::1]\n"),
        ("one-line.toml", "whitelist = [\"::1\"]\n"),
    ] {
        let folder = Folder::with(&[(name, before)]);
        let note: &[&str] = if name.starts_with("one-line") { &["--note", "Ann"] } else { &[] };
        let answer = folder.told(&[&["whitelist", "add", "10.0.0.7", "--config", name], note].concat(), &[]);
        assert!(answer.ends_with("exit 2\n\n"), "{answer}");
        assert_eq!(folder.text(name), before, "{name}");
        assert_eq!(folder.names(), BTreeSet::from([name.to_owned()]), "{name}");
        text += &answer;
    }
    golden("whitelist-refused.txt", &text);
    let folder = Folder::with(&[]);
    fs::write(folder.path("config.yaml"), b"whitelist: [::1] # \xff\n").unwrap();
    assert_eq!(folder.run(&["whitelist", "add", "10.0.0.7"]).status.code(), Some(2));
    assert_eq!(fs::read(folder.path("config.yaml")).unwrap(), b"whitelist: [::1] # \xff\n");
}

#[cfg(unix)]
#[test]
fn mode_links_and_left_overs() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = Folder::with(&[]);
    fs::create_dir(folder.path("real")).unwrap();
    let real = folder.path("real/settings.yaml");
    fs::write(&real, DEFAULT_YAML).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/settings.yaml", folder.path("config.yaml")).unwrap();
    // What a killed process has left, and what only looks like it.
    fs::write(folder.path("real/.settings.yaml.0123456789abcdef.tmp"), "x").unwrap();
    fs::write(folder.path("real/.settings.yaml.lock"), "").unwrap();
    fs::write(folder.path("real/.settings.yaml.mine.tmp"), "x").unwrap();
    folder.done(&["whitelist", "add", "10.0.0.7"]);
    assert!(fs::symlink_metadata(folder.path("config.yaml")).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o7777, 0o640);
    assert!(fs::read_to_string(&real).unwrap().contains("\n  - 10.0.0.7\n"));
    let mut names: Vec<_> =
        fs::read_dir(folder.path("real")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".settings.yaml.mine.tmp", "settings.yaml"]);
    // Read-only means it, for root too.
    fs::set_permissions(&real, fs::Permissions::from_mode(0o440)).unwrap();
    let before = fs::read(&real).unwrap();
    let answer = folder.told(&["whitelist", "add", "10.0.0.8"], &[]);
    let expected = "$ innkeeper whitelist add 10.0.0.8\n! error: `config.yaml` is read-only\n\
                    ! hint: make it writable: `chmod u+w config.yaml`\nexit 2\n\n";
    assert_eq!(answer, expected);
    assert_eq!(fs::read(&real).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_read_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::with(&[("config.yaml", DEFAULT_YAML)]);
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o555)).unwrap();
    // Modes do not bind root.
    let bound = fs::write(folder.path("probe"), "").is_err();
    let output = folder.run(&["whitelist", "add", "10.0.0.7"]);
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o755)).unwrap();
    if bound {
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(folder.text("config.yaml"), DEFAULT_YAML);
    }
}

#[test]
fn one_at_a_time() {
    let folder = Folder::with(&[("config.yaml", DEFAULT_YAML)]);
    let path = folder.path("config.yaml");
    let open = || Document::open(&path, Kind::Settings(Syntax::Yaml), Duration::ZERO);
    let held = open().unwrap();
    let refused = open().err().unwrap();
    let real = path.canonicalize().unwrap();
    let message =
        format!("`{}` is being changed by another process, for more than 0 seconds", real.display());
    assert_eq!(refused.to_string(), message);
    assert_eq!(refused.hints(), ["try again when the other `innkeeper` is done"]);
    drop(held);
    // Somebody who does not ask for the lock, such as an editor.
    let mut document = open().unwrap();
    document.edit(&Change::Append { list: &["whitelist"], entry: "10.0.0.7", note: None }).unwrap();
    fs::write(&path, "port: 1\n").unwrap();
    let refused = document.replace().unwrap_err();
    let message = format!("`{}` was changed by another program at the same moment", path.display());
    assert_eq!(refused.to_string(), message);
    assert_eq!(folder.text("config.yaml"), "port: 1\n");
    assert_eq!(folder.names(), BTreeSet::from(["config.yaml".to_owned()]));
}

#[test]
fn fifty_at_once_lose_nothing() {
    for (name, text) in [
        ("config.yaml", DEFAULT_YAML),
        ("config.toml", DEFAULT_TOML),
        ("whitelist.txt", "# home\n127.0.0.1\n"),
    ] {
        let folder = Folder::with(&[(name, text)]);
        if name == "whitelist.txt" {
            fs::write(folder.path("config.yaml"), "").unwrap();
        }
        let entries: Vec<String> = (0..50).map(|number| format!("10.0.{number}.7")).collect();
        let children: Vec<_> = entries
            .iter()
            .map(|entry| folder.command(&["whitelist", "add", entry]).stderr(Stdio::piped()).spawn().unwrap())
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
        // Take them out again, and it is the file that it was.
        let mut after = folder.text(name);
        for entry in &entries {
            for written in [format!("  - {entry}\n"), format!("  \"{entry}\",\n"), format!("{entry}\n")] {
                if after.contains(&written) {
                    after = after.replacen(&written, "", 1);
                    break;
                }
            }
            assert!(!after.contains(entry.as_str()), "{name}: {entry}");
        }
        assert_eq!(after, text, "{name}");
        assert!(folder.names().iter().all(|name| !name.starts_with('.')), "{:?}", folder.names());
    }
}

#[cfg(unix)]
#[test]
fn killed_at_any_moment_the_file_is_the_old_or_the_new_one() {
    let before = "# home\nport: 8001\nwhitelist: # us\n  - ::1 # here\n  - 127.0.0.1\n\n# the end\n";
    let folder = Folder::with(&[("config.yaml", before)]);
    let path = folder.path("config.yaml");
    // Moments are counted in looks at the file while the edit runs.
    let killed_after = |limit: usize, entry: &str| {
        let mut child = folder.command(&["whitelist", "add", entry]).stderr(Stdio::null()).spawn().unwrap();
        let mut looks = 0;
        while looks < limit && child.try_wait().unwrap().is_none() {
            fs::metadata(&path).unwrap();
            looks += 1;
        }
        let _ = child.kill();
        child.wait().unwrap();
    };
    let mut text = folder.text("config.yaml");
    let mut written = 0;
    let (mut reach, mut random): (usize, usize) = (1000, 7);
    for number in 0..200 {
        random = (random * 1_103_515_245 + 12_345) % (1 << 31);
        let entry = format!("10.2.0.{number}");
        killed_after(reach / 2 + random % reach, &entry);
        let now = folder.text("config.yaml");
        if now == text {
            reach += reach / 2;
        } else {
            let at = text.find("\n\n# the end").unwrap() + 1;
            assert_eq!(now, format!("{}  - {entry}\n{}", &text[..at], &text[at..]));
            written += 1;
            reach -= reach / 3;
        }
        text = now;
    }
    // The moments settle about the one that decides, however fast the machine is.
    assert!((1..200).contains(&written), "{written} of 200 were written");
    // Nothing that was left behind stands in the way or stays.
    folder.done(&["whitelist", "add", "10.3.0.1"]);
    assert_eq!(folder.names(), BTreeSet::from(["config.yaml".to_owned()]));
}

/// A line that is no setting of ours.
fn filler() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "# a comment",
        "",
        "   ",
        "   # indented: [comment",
        "theirs: {a: [1, 2], b: 'x # y'}",
        "text: |\n  whitelist:\n    - 1.2.3.4\n  # no comment",
        "other:\n  - whitelist\n  # in between\n  - b   # c",
        "quoted: \"a\\u0020 - b\" # d",
        "number: 0x1F",
        "nothing:",
        "extensions:\n  models:\n    whitelist:\n      - x",
    ])
}

/// The list, in one of the ways to write it.
fn written_list() -> impl Strategy<Value = String> {
    let entry = prop::sample::select(vec![
        "::1",
        "'127.0.0.1'",
        "\"192.168.0.*\"",
        "10.0.0.0/8",
        "phone.lan",
        "'fe80::'",
    ]);
    let comment = prop::sample::select(vec!["", "", " # a", "   # b: [c", "\n# below", "\n\n"]);
    let entries = prop::collection::vec((entry, comment), 1..5);
    (entries, 0..5_usize, any::<bool>(), any::<bool>()).prop_map(|(entries, indent, flow, head)| {
        if flow {
            let entries: Vec<&str> = entries.iter().map(|(entry, _)| *entry).collect();
            return format!("whitelist: [{}]{}", entries.join(", "), if head { " # x" } else { "" });
        }
        let mut text = format!("whitelist:{}", if head { "   # x" } else { "" });
        for (entry, comment) in entries {
            let _ = write!(text, "\n{:indent$}- {entry}{comment}", "");
        }
        text
    })
}

/// A whole file.
fn settings() -> impl Strategy<Value = String> {
    let filler = || prop::collection::btree_set(filler(), 0..5);
    (filler(), written_list(), any::<(bool, bool, bool)>()).prop_map(|(filler, list, (bom, windows, end))| {
        let filler: Vec<&str> = filler.into_iter().collect();
        let (above, below) = filler.split_at(filler.len() / 2);
        let mut text = [above, &[list.as_str()], below].concat().join("\n");
        if end {
            text.push('\n');
        }
        let text = if windows { text.replace('\n', "\r\n") } else { text };
        if bom { format!("\u{feff}{text}") } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_file_grows_by_the_entry_alone_and_shrinks_back(text in settings(), entry in prop::sample::select(vec!["10.9.0.7", "*", "fe80::*", "2001:db8::", "ann.lan"])) {
        let folder = Folder::with(&[("config.yaml", &text)]);
        let open = || Document::open(&folder.path("config.yaml"), Kind::Settings(Syntax::Yaml), Duration::ZERO);
        let mut document = open().unwrap();
        document.edit(&Change::Append { list: &["whitelist"], entry, note: None }).unwrap();
        document.replace().unwrap();
        let grown = folder.text("config.yaml");
        // One piece was put in, and it holds the entry.
        let head = text.bytes().zip(grown.bytes()).take_while(|(old, new)| old == new).count();
        prop_assert_eq!(&grown[grown.len() - (text.len() - head)..], &text[head..]);
        prop_assert!(grown.len() - text.len() < entry.len() + 12, "{}", grown);
        let mut document = open().unwrap();
        let number = entries_of("config.yaml", &grown) - 1;
        document.edit(&Change::Remove { list: &["whitelist"], number }).unwrap();
        document.replace().unwrap();
        prop_assert_eq!(folder.text("config.yaml"), text);
    }

    #[test]
    fn so_does_any_toml(text in toml_settings(), note in prop::option::of(Just("Ann, [1]"))) {
        let folder = Folder::with(&[("config.toml", &text)]);
        let open = || Document::open(&folder.path("config.toml"), Kind::Settings(Syntax::Toml), Duration::ZERO);
        let mut document = open().unwrap();
        let change = Change::Append { list: &["whitelist"], entry: "10.9.0.7", note };
        if let Err(error) = document.edit(&change) {
            prop_assert!(note.is_some() && error.to_string().contains("in one line"), "{}", error);
            prop_assert!(!text.contains("whitelist = [\n") && !text.contains("whitelist = [\r"), "{}", error);
            return Ok(());
        }
        document.replace().unwrap();
        let grown = folder.text("config.toml");
        prop_assert_eq!(grown.matches('#').count(), text.matches('#').count() + usize::from(note.is_some()));
        let mut document = open().unwrap();
        let number = entries_of("config.toml", &grown) - 1;
        document.edit(&Change::Remove { list: &["whitelist"], number }).unwrap();
        document.replace().unwrap();
        prop_assert_eq!(folder.text("config.toml"), text);
    }
}

/// A TOML file with the list in one of the ways to write it.
fn toml_settings() -> impl Strategy<Value = String> {
    let entry = prop::sample::select(vec!["\"::1\"", "'127.0.0.1'", "\"192.168.0.*\"", "\"phone.lan\""]);
    let comment = prop::sample::select(vec!["", "", " # a, b", "   # ]", "\n  # below"]);
    let entries = prop::collection::vec((entry, comment), 0..5);
    (entries, any::<[bool; 5]>()).prop_map(|(entries, [flow, comma, bom, windows, end])| {
        let list = if flow || entries.is_empty() {
            entries.iter().map(|(entry, _)| *entry).collect::<Vec<_>>().join(", ")
        } else {
            let last = entries.len() - 1;
            let line = |(number, (entry, comment)): (usize, &(&str, &str))| {
                format!("\n  {entry}{}{comment}", if number < last || comma { "," } else { "" })
            };
            entries.iter().enumerate().map(line).collect::<String>() + "\n"
        };
        let mut text = format!("# a\nport = 1 # b\nwhitelist = [{list}] # c\n\n# d\n[ssl]\nenabled = false");
        if end {
            text.push('\n');
        }
        let text = if windows { text.replace('\n', "\r\n") } else { text };
        if bom { format!("\u{feff}{text}") } else { text }
    })
}

/// How many entries the list has, by the reader of the settings.
fn entries_of(name: &str, text: &str) -> usize {
    let mut problems = Problems::default();
    let layer = Layer::file(&mut Source::new(name, text), Syntax::of(Path::new(name)), &mut problems);
    match layer.setting("whitelist").map(|setting| &setting.value) {
        Some(Value::List(entries)) => entries.len(),
        _ => panic!("{problems}"),
    }
}
