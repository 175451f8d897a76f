//! Completions and manual pages: the committed files are what the program prints, and what they say holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use innkeeper::cli::{self, Invocation, completion, manual};
use innkeeper::config::schema::KEYS;

use crate::it::harness::folder::Folder;

/// Compares each file of `folder` with what it has to hold; `UPDATE=1 cargo test` writes them anew.
fn compare(folder: &str, files: &[(String, String)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("UPDATE").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let there: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        there,
        files.iter().map(|(name, _)| name.clone()).collect(),
        "UPDATE=1 cargo test writes them"
    );
    for (name, text) in files {
        let stale = fs::read_to_string(folder.join(name)).unwrap() != *text;
        assert!(!stale, "{name} is not what the program prints; UPDATE=1 cargo test writes it anew");
    }
}

#[test]
fn completions_are_what_the_program_prints() {
    let folder = Folder::with(&[]);
    let scripts = completion::SCRIPTS.iter().map(|(shell, file)| {
        let output = folder.run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        ((*file).to_owned(), String::from_utf8(output.stdout).unwrap())
    });
    compare("completions", &scripts.collect::<Vec<_>>());
}

#[test]
fn pages_are_what_the_program_prints() {
    let folder = Folder::with(&[]);
    let pages: Vec<(String, String)> =
        manual::pages().into_iter().map(|page| (page.file(), page.text)).collect();
    for (file, text) in &pages {
        let name = file.rsplit_once('.').unwrap().0;
        let words: Vec<&str> = std::iter::once("man").chain(name.split('-').skip(1)).collect();
        let output = folder.run(&words);
        assert_eq!(output.status.code(), Some(0), "{file}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), *text, "{file}");
        let Invocation::Answer(by_name) = cli::parse(["innkeeper", "man", name]) else { panic!("{name}") };
        assert_eq!(by_name, *text, "{name}");
    }
    compare("man", &pages);
}

#[test]
fn every_command_and_setting_has_its_place_in_the_manual() {
    let pages = manual::pages();
    let page = |name: &str| &pages.iter().find(|page| page.name == name).unwrap().text;
    let escaped = |text: &str| text.replace('-', "\\-");
    let settings = page("innkeeper-settings");
    for key in KEYS {
        assert!(settings.contains(&escaped(&key.full_path())), "{}", key.path);
        assert!(settings.contains(&escaped(key.doc)), "{}", key.path);
    }
    let mut program = innkeeper::cli::command();
    program.build();
    let mut commands = vec![&program];
    while let Some(command) = commands.pop() {
        let page = page(command.get_display_name().unwrap_or("innkeeper"));
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let Some(long) = argument.get_long() else { continue };
            assert!(page.contains(&escaped(&format!("--{long}"))), "{long} in\n{page}");
        }
        // What a program reads has to be written down.
        let has_json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
        assert_eq!(has_json, page.contains("With \\-\\-json:"), "{page}");
        commands.extend(command.get_subcommands());
    }
}

/// What a shell gets for the words so far; the last one is being typed.
fn candidates(folder: &Folder, shell: &str, words: &[&str]) -> BTreeSet<String> {
    let output = folder
        .command(&["--"])
        .args(["innkeeper"].iter().chain(words))
        .env("_INNKEEPER_COMPLETE", shell)
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_IFS", "\n")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // fish gets a description behind a tab.
    text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

fn set<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

#[test]
fn present_entries_are_offered() {
    // An entry that is none, and would steer a terminal, is not.
    let file = "whitelist:\n  - 127.0.0.1\n  - 10.0.0.0/8 # Ann\n  - \"\\e[31mred\"\n  - ::1\n";
    let folder = Folder::with(&[("config.yaml", file), ("other.yaml", "whitelist: [192.0.2.7]\n")]);
    for shell in ["bash", "fish"] {
        let offered = candidates(&folder, shell, &["whitelist", "remove", ""]);
        let entries: BTreeSet<String> =
            offered.into_iter().filter(|candidate| !candidate.starts_with('-')).collect();
        assert_eq!(entries, set(["127.0.0.1", "10.0.0.0/8", "::1"]), "{shell}");
        assert_eq!(candidates(&folder, shell, &["whitelist", "remove", "10"]), set(["10.0.0.0/8"]));
        let words = ["whitelist", "remove", "--config", "other.yaml", "1"];
        assert_eq!(candidates(&folder, shell, &words), set(["192.0.2.7"]));
    }
    // whitelist.txt is the list in force as soon as it is there.
    fs::write(folder.path("whitelist.txt"), "10.9.0.1\n").unwrap();
    assert_eq!(candidates(&folder, "bash", &["whitelist", "remove", "1"]), set(["10.9.0.1"]));
    // Settings that cannot be read: nothing, and no complaint into the line that is being typed.
    fs::write(folder.path("config.yaml"), "whitelist: [\n").unwrap();
    assert_eq!(candidates(&folder, "bash", &["whitelist", "remove", "1"]), set([]));
}

#[test]
fn commands_and_shells_are_offered() {
    let folder = Folder::with(&[]);
    assert_eq!(candidates(&folder, "bash", &["wh"]), set(["whitelist"]));
    assert_eq!(candidates(&folder, "bash", &["completions", "p"]), set(["powershell"]));
    // The settings by name, but for the passwords, which no argument takes.
    assert_eq!(
        candidates(&folder, "bash", &["config", "get", "hostW"]),
        set(["hostWhitelist.enabled", "hostWhitelist.scan", "hostWhitelist.hosts"])
    );
    assert_eq!(
        candidates(&folder, "bash", &["config", "set", "basicAuthUser."]),
        set(["basicAuthUser.username"])
    );
    let all = candidates(&folder, "bash", &["completions", ""]);
    assert!(completion::SCRIPTS.iter().all(|(shell, _)| all.contains(*shell)), "{all:?}");
    let unknown = folder.command(&["--", "innkeeper"]).env("_INNKEEPER_COMPLETE", "tcsh").output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert_eq!(String::from_utf8(unknown.stderr).unwrap(), "error: `tcsh` is no shell known here\n");
}

/// The script, in the shell it is made for: what one gets by pressing the key. Every system that runs this has bash.
#[test]
fn bash_completes() {
    let folder = Folder::with(&[("config.yaml", "whitelist: [10.0.0.0/8]\n")]);
    let program = assert_cmd::cargo::cargo_bin!("innkeeper");
    let script = r#"
        source <(innkeeper completions bash)
        COMP_WORDS=(innkeeper whitelist remove 10); COMP_CWORD=3; COMP_TYPE=9
        _clap_complete_innkeeper innkeeper 10 remove
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = Command::new("bash")
        .args(["--norc", "-c", script])
        .current_dir(folder.root())
        .env("PATH", format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap()))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "10.0.0.0/8\n", "{:?}", output.stderr);
}
