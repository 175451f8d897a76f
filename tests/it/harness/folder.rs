//! A folder with settings, commands run in it, and the files that hold what they have to say.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A folder with the given files; gone when dropped.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// Makes it.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    /// Its own path.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a file holds.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Every file in it.
    pub fn names(&self) -> BTreeSet<String> {
        let names = fs::read_dir(self.0.path()).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// `innkeeper …` in this folder, with nothing in the environment and nothing to read.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("innkeeper"));
        command.current_dir(self.0.path()).env_clear().args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs what must succeed.
    pub fn done(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A command with all it prints: stdout, then stderr with `!` before each line, then the exit code.
    pub fn told(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let output = self.command(arguments).envs(variables.iter().copied()).output().unwrap();
        self.transcript(arguments, variables, output)
    }

    /// The same of a command that reads `input`, shown with `<` before each line.
    pub fn told_reading(&self, input: &str, arguments: &[&str]) -> String {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(input.as_bytes()).unwrap();
        file.rewind().unwrap();
        let lines: String = input.lines().fold(String::new(), |text, line| text + "< " + line + "\n");
        lines + &self.transcript(arguments, &[], self.command(arguments).stdin(file).output().unwrap())
    }

    /// The same of one that reads `input`, which is not shown: it may be a password.
    pub fn told_with(&self, arguments: &[&str], input: &str) -> String {
        self.transcript(arguments, &[], self.reading(arguments, input).wait_with_output().unwrap())
    }

    /// A command that runs, with `input` to read.
    pub fn reading(&self, arguments: &[&str], input: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that reads nothing may have ended before.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child
    }

    /// A command with all it has printed.
    fn transcript(&self, arguments: &[&str], variables: &[(&str, &str)], output: Output) -> String {
        let mut text = "$ ".to_owned();
        for (name, value) in variables {
            let _ = write!(text, "{name}='{value}' ");
        }
        let quote =
            |word: &&str| if word.contains([' ', '*']) { format!("'{word}'") } else { (*word).to_owned() };
        let words: Vec<String> = arguments.iter().map(quote).collect();
        let _ = writeln!(text, "innkeeper {}", words.join(" "));
        text += &String::from_utf8(output.stdout).unwrap();
        for line in String::from_utf8(output.stderr).unwrap().lines() {
            let _ = writeln!(text, "! {line}");
        }
        let _ = writeln!(text, "exit {}\n", output.status.code().unwrap());
        // Another one in every run.
        text.replace(&self.0.path().display().to_string(), "{folder}")
    }
}

/// Compares `text` with the file `name` in the folder of expected outputs; `UPDATE=1 cargo test` writes it anew.
pub fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} is not\n{text}\n(UPDATE=1 cargo test writes it anew)");
}
