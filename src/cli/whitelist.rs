//! `innkeeper whitelist`: the list, shown and changed.

mod many;
mod trial;

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use clap_complete::engine::ArgValueCandidates;

pub use self::trial::{Trial, TrialInput, TrialRequest, TrialVerdict};
use super::Invocation;
use super::common::{file_flags, subcommand, switch};
use crate::config::{Flags, length_of_time};
use crate::error::Error;

/// `innkeeper whitelist`.
#[derive(Debug)]
pub struct Whitelist {
    /// Which settings file; nothing else.
    pub flags: Flags,
    /// Print data and errors only.
    pub quiet: bool,
    /// What to do with the list.
    pub action: WhitelistAction,
}

/// What to do with the list.
#[derive(Debug)]
pub enum WhitelistAction {
    /// `list`: show it.
    List {
        /// For programs.
        json: bool,
    },
    /// `add ENTRY…`.
    Add {
        /// As they were typed.
        entries: Vec<String>,
        /// The comment behind each.
        note: Option<String>,
        /// For how long, as guests; for good where that is not said.
        length: Option<Duration>,
        /// Only show what would change.
        dry_run: bool,
    },
    /// `remove ENTRY…`.
    Remove {
        /// As they were typed.
        entries: Vec<String>,
        /// Even the last entry for this computer.
        force: bool,
        /// Only show what would change.
        dry_run: bool,
    },
    /// `import FILE`.
    Import {
        /// The file; `-` for standard input.
        file: String,
        /// The comment behind each entry that has none.
        note: Option<String>,
        /// Leave out the lines that are no entries.
        skip: bool,
        /// Only show what would change.
        dry_run: bool,
    },
    /// `migrate`.
    Migrate {
        /// Only show what would change.
        dry_run: bool,
    },
    /// `test ADDRESS…`: who would be let in.
    Test(Trial),
}

/// `whitelist`, and what can be done with it.
pub(super) fn command() -> Command {
    Command::new("whitelist")
        .about("Show or change who may come in by address")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .term_width(100)
        .subcommand(list())
        .subcommand(add())
        .subcommand(remove())
        .subcommand(trial::command())
        .subcommand(many::import())
        .subcommand(many::migrate())
}

/// `list`: the entries that are in force.
fn list() -> Command {
    subcommand("list")
        .about("Show the list that is in force")
        .after_help(
            "With --json: an array of objects with `entry` (as it was written), `covers` (what it lets in, for \
             people), `source` (`config.yaml:12`, the name of a variable, `default`), `note`, `status` (`listed`, \
             `ignored` for one that cannot be read, `guest`, `expired`), `until` (of a guest, RFC 3339), \
             `coveredBy` (another entry that lets in the same) and `coveredBySource`; what there is nothing to \
             say about is empty.",
        )
        .arg(switch("json", "Print it for programs"))
}

/// `add ENTRY…`: into the list, or among the guests.
fn add() -> Command {
    subcommand("add")
        .about("Let somebody in; a running server notices within a second")
        .after_help(
            "The list that is in force is edited, in place, with all its comments: whitelist.txt where that \
             is there, else the setting. An address that is let in already is not added again.\n\n\
             With `--for` the entries are guests: they stand under `innkeeper.guests` in the settings file, \
             and come in until their time is over.",
        )
        .arg(entries(
            "An address (192.168.1.20), a network (192.168.1.0/24), a range (192.168.1.10-192.168.1.20), a \
             pattern (192.168.1.*), a host name, `lan`, `tailscale` or `docker`; `-` reads them from \
             standard input, one a line",
        ))
        .arg(note("Who that is, as a comment behind the entry"))
        .arg(
            Arg::new("for")
                .long("for")
                .value_name("TIME")
                .value_parser(time)
                .help("For how long, such as `30m`, `8h`, `2d` or `1w`; without it, for good"),
        )
        .arg(dry_run())
}

/// `remove ENTRY…`: out of both.
fn remove() -> Command {
    subcommand("remove")
        .about("Take entries out of the list and the guests, all of them or none")
        .arg(
            entries(
                "The entry, in any way to write it: 10.0.0.0/8 for 10.*; `-` reads them from standard input, \
                 one a line",
            )
            .add(ArgValueCandidates::new(super::completion::entries)),
        )
        .arg(switch("force", "Remove even the last entry that lets in this computer"))
        .arg(dry_run())
}

fn entries(help: &'static str) -> Arg {
    Arg::new("entries").value_name("ENTRY").action(ArgAction::Append).required(true).help(help)
}

fn dry_run() -> Arg {
    switch("dry-run", "Print the lines that would change, and change nothing")
}

fn note(help: &'static str) -> Arg {
    Arg::new("note").long("note").value_name("TEXT").help(help)
}

/// A length of time with its unit: a bare number is more often a slip than a number of seconds.
fn time(text: &str) -> Result<Duration, &'static str> {
    length_of_time(text)
        .filter(|_| text.ends_with(|c: char| c.is_ascii_alphabetic()))
        .filter(|length| *length >= Duration::from_secs(1))
        .ok_or("write a time such as `30m`, `8h`, `2d` or `1w`")
}

/// What was given; every action has its own flags.
pub(super) fn read(matches: &ArgMatches) -> Invocation {
    let Some((name, matches)) = matches.subcommand() else {
        return Invocation::Misuse(Error::new("nothing to do").hint("innkeeper whitelist list"));
    };
    let entries = || matches.get_many::<String>("entries").into_iter().flatten().cloned().collect();
    let action = match name {
        "add" => WhitelistAction::Add {
            entries: entries(),
            note: matches.get_one::<String>("note").cloned(),
            length: matches.get_one::<Duration>("for").copied(),
            dry_run: matches.get_flag("dry-run"),
        },
        "remove" => WhitelistAction::Remove {
            entries: entries(),
            force: matches.get_flag("force"),
            dry_run: matches.get_flag("dry-run"),
        },
        "import" => many::read_import(matches),
        "migrate" => WhitelistAction::Migrate { dry_run: matches.get_flag("dry-run") },
        "test" => match trial::read(matches) {
            Ok(trial) => WhitelistAction::Test(trial),
            Err(error) => return Invocation::Misuse(error),
        },
        _ => WhitelistAction::List { json: matches.get_flag("json") },
    };
    Invocation::Whitelist(Whitelist { flags: file_flags(matches), quiet: matches.get_flag("quiet"), action })
}
