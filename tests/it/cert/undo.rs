//! `cert create --remove` after `--apply`: the settings as they were, to the byte, and what others have changed since.

use std::fmt::Write as _;
use std::fs;

use super::made::{alone, server_now};
use crate::it::harness::folder::{Folder, golden};

const APPLY: &[&str] = &["cert", "create", "--apply"];
const REMOVE: &[&str] = &["cert", "create", "--remove", "--force"];

/// Settings in as many shapes as people write.
const SHAPES: &[(&str, &str)] = &[
    ("config.yaml", ""),
    ("config.yaml", "# nothing yet\n"),
    ("config.yaml", "port: 8000\n"),
    ("config.yaml", "port: 8000"),
    ("config.yaml", "port: 8000\r\nwhitelistMode: true\r\n"),
    ("config.yaml", "\u{feff}port: 8000\n"),
    ("config.yaml", "port: 8000\n\n\n"),
    ("config.yaml", "ssl:\nport: 8000\n"),
    ("config.yaml", "ssl: {}\nport: 8000\n"),
    ("config.yaml", "ssl: {enabled: no-no, certPath: a.pem}\n# é\n"),
    ("config.yaml", "ssl: {enabled: false, certPath: a.pem}\n# é\n"),
    ("config.yaml", "{port: 8000, ssl: {keyPath: 'é.pem', keyPassphrase: hush}}\n"),
    (
        "config.yaml",
        "ssl:\n  keyPath:   \"./k\\u0065y.pem\" # é mine\n  enabled:    false   # not yet\n  certPath: certs/full.pem\n\nport: 8000\n",
    ),
    ("config.yaml", "ssl:\n  enabled: true\n  certPath: a.pem\n  keyPath: b.pem\n  keyPassphrase: hush\n"),
    (
        "config.yaml",
        "port: 8000\nssl:\n  enabled: false\n  certPath: a.pem\ninnkeeper:\n  upstream: http://127.0.0.1:8000\n  port: 8001\n",
    ),
    ("config.yaml", "port: 8000\nextensions: {enabled: true}\nssl:\n  enabled: false\n  certPath: a.pem\n"),
    ("config.toml", ""),
    ("config.toml", "port = 8000\n"),
    ("config.toml", "port = 8000"),
    ("config.toml", "port = 8000\r\n\r\n[hostWhitelist]\r\nenabled = true\r\n"),
    ("config.toml", "ssl = { certPath = 'a.pem', keyPassphrase = \"hush\" }\n"),
    ("config.toml", "ssl.certPath = \"a.pem\" # mine\nport = 8000\n"),
    (
        "config.toml",
        "port = 8000\n\n[ssl]\nenabled = false # not yet\nkeyPath = 'C:\\k.pem'\n\n[innkeeper]\nroot = '.'\n",
    ),
    ("config.toml", "[innkeeper]\nroot = '.'\nssl.certPath = 'a.pem'\n"),
];

#[test]
fn the_settings_are_as_they_were_to_the_byte() {
    let mut applied = 0;
    for (file, settings) in SHAPES {
        let folder = Folder::with(&[(file, settings)]);
        if !folder.run(APPLY).status.success() {
            // What is no switch is told by every command.
            assert!(settings.contains("no-no"), "{settings:?}");
            continue;
        }
        applied += 1;
        let on = folder.text(file);
        assert_ne!(on, *settings);
        // Once more, with another name, and with another authority: nothing more to take back.
        folder.done(APPLY);
        folder.done(&["cert", "create", "--apply", "--host", "nas.lan"]);
        folder.done(&["cert", "create", "--apply", "--host", "tavern.example", "--force"]);
        assert_eq!(folder.text(file), on);
        assert!(!folder.text("certs/undo.json").contains("hush"), "{}", folder.text("certs/undo.json"));
        folder.done(&["cert", "create", "--remove", "--dry-run"]);
        assert_eq!(folder.text(file), on);
        folder.done(REMOVE);
        assert_eq!(folder.text(file), *settings);
        assert!(!folder.path("certs").exists(), "{settings:?}");
    }
    assert_eq!(applied, SHAPES.len() - 1);
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_what_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::with(&[("config.yaml", "port: 8000\n")]);
    folder.done(APPLY);
    let mode = fs::metadata(folder.path("certs/undo.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn what_was_changed_elsewhere_stays() {
    let folder = Folder::with(&[("config.yaml", "whitelist:\n  - 10.0.0.1\n")]);
    folder.done(APPLY);
    folder.done(&["whitelist", "add", "10.0.0.2"]);
    folder.done(&["config", "set", "port", "8001"]);
    folder.done(REMOVE);
    assert_eq!(folder.text("config.yaml"), "whitelist:\n  - 10.0.0.1\n  - 10.0.0.2\nport: 8001\n");
}

/// What is said and left when somebody changes the settings in between.
#[test]
fn what_others_have_set_since_stays() {
    const BEFORE: &str = "port: 8000\nssl:\n  enabled: false\n  certPath: a.pem\n  keyPath: b.pem\n";
    const ON: &str =
        "port: 8000\nssl:\n  enabled: true\n  certPath: ./certs/cert.pem\n  keyPath: ./certs/privkey.pem\n";
    let mut text = String::new();
    for (what, settings) in [
        ("nothing", ON.to_owned()),
        ("another certificate", ON.replace("./certs/", "/etc/tavern/")),
        ("one file of the two", ON.replace("./certs/cert", "/etc/tavern/full")),
        ("https is off", ON.replace("true", "false")),
        ("all as it was", BEFORE.to_owned()),
        ("written anew by SillyTavern", "ssl:\n  keyPath: \"./certs/privkey.pem\"\n  certPath: './certs/cert.pem'\n  enabled:   true\nport: 8000\n".to_owned()),
        ("nothing left", "port: 8000\n".to_owned()),
        ("a section of another kind", "port: 8000\nssl: {enabled: true}\n".to_owned()),
    ] {
        let folder = Folder::with(&[("config.yaml", BEFORE)]);
        folder.done(APPLY);
        assert_eq!(folder.text("config.yaml"), ON);
        fs::write(folder.path("config.yaml"), settings).unwrap();
        let _ = writeln!(text, "# {what}\n{}", told(&folder, REMOVE));
        let _ = writeln!(text, "{}", folder.text("config.yaml"));
    }
    golden("cert-undo.txt", &text);
}

/// A pair of somebody else that `--force` put aside is there again, and https goes on with it.
#[test]
fn what_was_put_aside_is_put_back() {
    const SETTINGS: &str = "ssl:\n  enabled: true # mine\n";
    let made = alone(server_now(&["localhost"]));
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    fs::create_dir(folder.path("certs")).unwrap();
    fs::write(folder.path("certs/cert.pem"), &made.pem).unwrap();
    fs::write(folder.path("certs/privkey.pem"), &made.key).unwrap();
    for apply in [&["cert", "create", "--force"][..], &["cert", "create", "--apply", "--force"]] {
        folder.done(apply);
        folder.done(APPLY);
        assert_ne!(folder.text("certs/cert.pem"), made.pem);
        let text = told(&folder, REMOVE);
        assert_eq!(
            text,
            "$ innkeeper cert create --remove --force\n! Put certs/cert.pem.bak back, as certs/cert.pem\n\
             ! Put certs/privkey.pem.bak back, as certs/privkey.pem\nexit 0\n"
        );
        assert_eq!(folder.text("config.yaml"), SETTINGS);
        assert_eq!(folder.text("certs/cert.pem"), made.pem);
        assert_eq!(folder.text("certs/privkey.pem"), made.key);
        assert_eq!(fs::read_dir(folder.path("certs")).unwrap().count(), 2);
    }
    // One of the two is gone, so there is no pair to go on with.
    folder.done(&["cert", "create", "--force"]);
    fs::remove_file(folder.path("certs/privkey.pem.bak")).unwrap();
    folder.done(REMOVE);
    assert_eq!(folder.text("config.yaml"), SETTINGS.replace("true", "false"));
}

/// Without what is another in every run.
fn told(folder: &Folder, arguments: &[&str]) -> String {
    let told = folder.told(arguments, &[]);
    let lines = told.lines().filter(|line| !line.contains("Deleted") && !line.contains("Devices that"));
    lines.filter(|line| !line.is_empty()).fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn set_once_more_after_somebody_else() {
    let folder = Folder::with(&[("config.yaml", "ssl:\n  certPath: a.pem\n")]);
    folder.done(APPLY);
    let theirs = "ssl:\n  enabled: false\n  certPath: theirs.pem # mine\n";
    fs::write(folder.path("config.yaml"), theirs).unwrap();
    folder.done(APPLY);
    folder.done(REMOVE);
    assert_eq!(folder.text("config.yaml"), theirs);
}

#[test]
fn another_file_by_now() {
    let mut text = String::new();
    // Moved along with its folder, and under another name.
    let folder = Folder::with(&[("config.yaml", "port: 8000 # é\n")]);
    folder.done(APPLY);
    fs::create_dir(folder.path("b c")).unwrap();
    fs::rename(folder.path("config.yaml"), folder.path("b c/my.yaml")).unwrap();
    fs::rename(folder.path("certs"), folder.path("b c/certs")).unwrap();
    text += &told(&folder, &[REMOVE, &["--config", "b c/my.yaml"]].concat());
    assert_eq!(folder.text("b c/my.yaml"), "port: 8000 # é\n");

    // In the other syntax, with the old one still there.
    let folder = Folder::with(&[("config.yaml", "port: 8000\nssl:\n  certPath: a.pem\n")]);
    folder.done(APPLY);
    folder.done(&["config", "convert", "--to", "toml"]);
    text += &told(&folder, &[REMOVE, &["--config", "config.toml"]].concat());
    text += &told(&folder, &["config", "get", "ssl", "--config", "config.toml"]);

    // What is kept is damaged.
    let folder = Folder::with(&[("config.yaml", "port: 8000\n")]);
    folder.done(APPLY);
    fs::write(folder.path("certs/undo.json"), "{").unwrap();
    text += &told(&folder, REMOVE);
    fs::remove_file(folder.path("certs/undo.json")).unwrap();
    text += &told(&folder, REMOVE);
    text += &folder.text("config.yaml");
    golden("cert-undo-moved.txt", &text);
}

/// Others may be able to write beside the settings, and whoever removes the authority may be able to write everywhere.
#[test]
fn what_others_have_put_in_is_not_done() {
    const SETTINGS: &str = "port: 8000\nwhitelistMode: true\n";
    const STEP: &str = r#"{"setting":"ssl.enabled","before":null,"path":["ssl","enabled"],"value":"true","put":"","taken":"","at":0}"#;
    let change =
        |from: &str, to: &str| format!(r#"{{"settings":{{"config.yaml":[{}]}}}}"#, STEP.replace(from, to));
    let other = STEP
        .replace(r#"["ssl","enabled"]"#, r#"["whitelistMode"]"#)
        .replace(r#""put":"","taken":"""#, r#""put":"true","taken":"false""#);
    for text in [
        format!(r#"{{"settings":{{"config.yaml":[{other}]}}}}"#),
        change(r#"["ssl","enabled"]"#, "[]"),
        change("ssl.enabled", "whitelistMode"),
        change(r#""true""#, r#""./elsewhere.pem""#),
        format!(r#"{{"settings":{{"../config.yaml":[{STEP}]}}}}"#),
        r#"{"aside":{"../theirs.txt":"cert.pem.bak"}}"#.to_owned(),
        r#"{"aside":{"cert.pem":"../theirs.txt"}}"#.to_owned(),
        r#"{"aside":{"cert.pem":"cert.pem.bak/../../theirs.txt"}}"#.to_owned(),
        r#"{"aside":{"authority.pem":"authority.pem.bak"}}"#.to_owned(),
        r#"{"mine":1}"#.to_owned(),
    ] {
        let folder = Folder::with(&[("config.yaml", SETTINGS), ("theirs.txt", "precious")]);
        folder.done(&["cert", "create"]);
        fs::write(folder.path("certs/undo.json"), &text).unwrap();
        for arguments in [REMOVE, APPLY] {
            assert_eq!(folder.run(arguments).status.code(), Some(2), "{text}");
        }
        assert_eq!(folder.text("config.yaml"), SETTINGS, "{text}");
        assert_eq!(folder.text("theirs.txt"), "precious", "{text}");
        assert_eq!(folder.text("certs/undo.json"), text);
        assert!(folder.path("certs/cert.pem").is_file(), "{text}");
    }
}

/// However the paths are written, a server would not start without the files.
#[test]
fn https_is_off_when_its_files_are_gone() {
    let folder = Folder::with(&[("config.yaml", "port: 8000\n")]);
    folder.done(APPLY);
    let [cert, key] = ["cert.pem", "privkey.pem"].map(|name| folder.path("certs").join(name));
    let theirs =
        format!("ssl:\n  enabled: true\n  certPath: {}\n  keyPath: {}\n", cert.display(), key.display());
    fs::write(folder.path("config.yaml"), &theirs).unwrap();
    folder.done(REMOVE);
    assert_eq!(folder.text("config.yaml"), theirs.replace("true", "false"));
}

#[test]
fn what_no_server_starts_without_is_told() {
    const SETTINGS: &str = "ssl:\n  enabled: true\n  certPath: a.pem\n  keyPath: b.pem\n";
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    folder.done(APPLY);
    for remove in [&["cert", "create", "--remove", "--dry-run"][..], REMOVE] {
        let text = told(&folder, remove);
        let expected = "`ssl.enabled` is on, but a.pem is not there, and no server starts without: \
                        `innkeeper config set ssl.enabled false`";
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(folder.text("config.yaml"), SETTINGS);

    // Elsewhere in the settings.
    let others = "innkeeper:\n  ssl:\n    certificates:\n      - certPath: certs/cert.pem\n        keyPath: certs/privkey.pem\n";
    let folder = Folder::with(&[("config.yaml", &format!("{SETTINGS}{others}"))]);
    for name in ["a.pem", "b.pem"] {
        fs::write(folder.path(name), "").unwrap();
    }
    folder.done(&["cert", "create"]);
    let text = told(&folder, REMOVE);
    assert!(text.contains("`ssl.enabled` is on, but certs/cert.pem is not there"), "{text}");
}

/// The key that was put aside is no pair with a certificate that somebody has put in the place of ours.
#[test]
fn half_a_pair_is_not_put_back() {
    let made = alone(server_now(&["localhost"]));
    let folder = Folder::with(&[("config.yaml", "port: 8000\n")]);
    fs::create_dir(folder.path("certs")).unwrap();
    fs::write(folder.path("certs/cert.pem"), &made.pem).unwrap();
    fs::write(folder.path("certs/privkey.pem"), &made.key).unwrap();
    folder.done(&["cert", "create", "--force"]);
    let theirs = alone(server_now(&["localhost"]));
    fs::write(folder.path("certs/cert.pem"), &theirs.pem).unwrap();
    fs::remove_file(folder.path("certs/privkey.pem")).unwrap();
    folder.done(REMOVE);
    assert_eq!(folder.text("certs/cert.pem"), theirs.pem);
    assert_eq!(folder.text("certs/privkey.pem.bak"), made.key);
    assert!(!folder.path("certs/privkey.pem").exists());
}
