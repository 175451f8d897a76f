//! Completion of the command line in five shells. The scripts only ask this program, so what they offer is what it
//! understands: commands, flags, the keys of the settings, and the entries that are in the list at the moment.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use super::Invocation;
use crate::config::schema::{KEYS, Kind};
use crate::config::{self, Found, Settings, Variables};
use crate::error::Error;
use crate::policy::address::Entry;

/// The variable by which a script asks. It does not begin like the variables that set something.
pub const VARIABLE: &str = "_INNKEEPER_COMPLETE";

/// The shells, and what the script of each is called in `completions/`.
pub const SCRIPTS: &[(&str, &str)] = &[
    ("bash", "innkeeper.bash"),
    ("elvish", "innkeeper.elv"),
    ("fish", "innkeeper.fish"),
    ("powershell", "_innkeeper.ps1"),
    ("zsh", "_innkeeper"),
];

/// `completions`.
pub(super) fn command() -> Command {
    Command::new("completions")
        .about("Print the script by which a shell completes the command line")
        .after_help(
            "bash:       innkeeper completions bash > ~/.local/share/bash-completion/completions/innkeeper\n\
             zsh:        innkeeper completions zsh > \"${fpath[1]}/_innkeeper\"\n\
             fish:       innkeeper completions fish > ~/.config/fish/completions/innkeeper.fish\n\
             PowerShell: innkeeper completions powershell >> $PROFILE\n\
             elvish:     innkeeper completions elvish >> ~/.config/elvish/rc.elv",
        )
        .term_width(100)
        .disable_help_flag(true)
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(PossibleValuesParser::new(SCRIPTS.iter().map(|(shell, _)| *shell)))
                .help("The shell"),
        )
        .arg(super::common::help())
}

/// The script that was asked for.
pub(super) fn read(matches: &ArgMatches) -> Invocation {
    let shell = matches.get_one::<String>("shell").map_or("", String::as_str);
    match script(shell) {
        Ok(script) => Invocation::Answer(script),
        Err(error) => Invocation::Misuse(error),
    }
}

/// The script for `shell`.
///
/// # Errors
/// A shell that is none of [`SCRIPTS`].
pub fn script(shell: &str) -> Result<String, Error> {
    let mut script = Vec::new();
    completer(shell)?
        .write_registration(VARIABLE, "innkeeper", "innkeeper", "innkeeper", &mut script)
        .map_err(|error| Error::new("cannot write the script").caused_by(error))?;
    Ok(String::from_utf8_lossy(&script).trim().to_owned() + "\n")
}

/// What `shell` is told about `arguments`: the name of the program, `--`, and the words so far.
///
/// # Errors
/// A shell that is none of [`SCRIPTS`].
pub fn answer(shell: &OsStr, arguments: Vec<OsString>) -> Result<String, Error> {
    let words = arguments.into_iter().skip_while(|word| word != "--").skip(1).collect();
    let mut answer = Vec::new();
    completer(&shell.to_string_lossy())?
        .write_complete(&mut super::command(), words, None, &mut answer)
        .map_err(|error| Error::new("cannot complete").caused_by(error))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn completer(shell: &str) -> Result<&'static dyn EnvCompleter, Error> {
    let known: [&'static dyn EnvCompleter; 5] = [&Bash, &Elvish, &Fish, &Powershell, &Zsh];
    let found = known.into_iter().find(|completer| completer.name() == shell);
    found.ok_or_else(|| Error::new(format!("`{}` is no shell known here", shell.escape_debug())))
}

/// The entries of the list in force. Where the settings cannot be read there is nothing to offer.
pub(super) fn entries() -> Vec<CompletionCandidate> {
    let Some(settings) = settings() else { return Vec::new() };
    let entries = settings.whitelist.entries.iter().map(|entry| &*entry.text);
    let guests = settings.guests.iter().map(|guest| guest.address.as_str());
    // What is no entry may hold anything, also what steers a terminal.
    let sound = entries.chain(guests).filter(|text| text.parse::<Entry>().is_ok());
    sound.take(MOST).map(CompletionCandidate::new).collect()
}

/// The settings that can be asked for and set on the command line, by their full names: no passwords.
pub(super) fn open_keys() -> Vec<CompletionCandidate> {
    let open = KEYS.iter().filter(|key| key.kind != Kind::Secret);
    open.map(|key| CompletionCandidate::new(key.full_path()).help(Some(key.doc.into()))).collect()
}

/// More than that nobody looks through.
const MOST: usize = 1000;

fn settings() -> Option<Settings> {
    let variables = Variables::of_process();
    let flags = config::Flags { config: named(), ..config::Flags::default() };
    let Ok(Found::File(file)) = config::find(&flags, &variables) else { return None };
    Settings::read(&file, &flags, &variables).ok()
}

/// The settings file that the words so far name: `--config FILE`, `--config=FILE`.
fn named() -> Option<PathBuf> {
    let mut words = std::env::args_os();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "--config" {
            return words.next().map(PathBuf::from);
        }
        if let Some(file) = text.strip_prefix("--config=") {
            return Some(PathBuf::from(file));
        }
    }
    None
}
