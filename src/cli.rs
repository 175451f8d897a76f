//! Every subcommand, flag and help text; no behaviour.

mod auth;
mod cert;
mod common;
pub mod completion;
mod config;
mod logs;
pub mod manual;
mod serve;
mod whitelist;

use std::ffi::{OsStr, OsString};

use clap::Command;
use clap::builder::StyledStr;
use clap::error::ErrorKind;

pub use self::auth::{Auth, AuthAction, Kept, PasswordFrom, UserAction};
pub use self::cert::{Cert, CertAction, Check, Code, Create, Passphrase, SettingsThen, Subject, Trust};
pub use self::config::{Config, ConfigAction};
pub use self::logs::{Following, Logs, LogsView, Wanted};
pub use self::serve::Serve;
pub use self::whitelist::{Trial, TrialInput, TrialRequest, TrialVerdict, Whitelist, WhitelistAction};
use crate::error::Error;

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// `innkeeper serve`.
    Serve(Serve),
    /// `innkeeper config`.
    Config(Config),
    /// `innkeeper whitelist`.
    Whitelist(Whitelist),
    /// `innkeeper auth`.
    Auth(Auth),
    /// `innkeeper cert`.
    Cert(Cert),
    /// `innkeeper logs`.
    Logs(Logs),
    /// Text for standard output, and success: `--help`, `--version`, a script, a page of the manual.
    Answer(String),
    /// Candidates for a shell that completes a command line, in its own format.
    Candidates(String),
    /// The command line means nothing: exit code 2.
    Misuse(Error),
}

/// Reads the command line; the first of `arguments` is the name of the program.
#[must_use]
pub fn parse<Arguments>(arguments: Arguments) -> Invocation
where
    Arguments: IntoIterator,
    Arguments::Item: Into<OsString>,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    match command().try_get_matches_from(&arguments) {
        Ok(matches) => match matches.subcommand() {
            Some(("serve", matches)) => Invocation::Serve(serve::read(matches)),
            Some(("config", matches)) => config::read(matches),
            Some(("whitelist", matches)) => whitelist::read(matches),
            Some(("auth", matches)) => auth::read(matches),
            Some(("cert", matches)) => cert::read(matches),
            Some(("logs", matches)) => logs::read(matches),
            Some(("completions", matches)) => completion::read(matches),
            Some(("man", matches)) => manual::read(matches),
            // `subcommand_required` leaves nothing else.
            _ => Invocation::Misuse(Error::new("nothing to do").hint("innkeeper serve")),
        },
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Invocation::Answer(error.render().to_string())
            }
            _ => Invocation::Misuse(misuse(&error.render(), &page(&arguments))),
        },
    }
}

/// What a shell is told that asks, by [`completion::VARIABLE`], how to complete `arguments`.
#[must_use]
pub fn complete(shell: &OsStr, arguments: Vec<OsString>) -> Invocation {
    match completion::answer(shell, arguments) {
        Ok(candidates) => Invocation::Candidates(candidates),
        Err(error) => Invocation::Misuse(error),
    }
}

/// The whole program as clap sees it; completions and man pages are made from it.
#[must_use]
pub fn command() -> Command {
    Command::new("innkeeper")
        .bin_name("innkeeper")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Keeps the door of a self-hosted web app")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(serve::command())
        .subcommand(config::command())
        .subcommand(whitelist::command())
        .subcommand(auth::command())
        .subcommand(cert::command())
        .subcommand(logs::command())
        .subcommand(completion::command())
        .subcommand(manual::command())
}

/// The page of help for the words that name a command.
fn page(arguments: &[OsString]) -> String {
    let mut command = command();
    let mut page = String::new();
    for word in arguments.iter().skip(1).map_while(|word| word.to_str()) {
        let Some(found) = command.find_subcommand(word).cloned() else { break };
        page = format!("{page}{word} ");
        command = found;
    }
    page + "--help"
}

/// clap's words in the shape of every other error of this program.
fn misuse(rendered: &StyledStr, page: &str) -> Error {
    let text = rendered.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let mut message = first.strip_prefix("error: ").unwrap_or(first).replace('\'', "`");
    // What is missing follows in lines of its own; the first will do.
    if message.ends_with(':') {
        let missing = lines.next().unwrap_or_default();
        message = format!("{message} `{missing}`");
    }
    let tips = lines.filter_map(|line| line.strip_prefix("tip: ")).map(|tip| tip.replace('\'', "`"));
    // There to be refused only.
    let tips = tips.filter(|tip| !tip.ends_with("`--password`"));
    tips.fold(Error::new(message), Error::hint).hint(format!("see `innkeeper {page}`"))
}
