//! `innkeeper whitelist`: the list, shown and changed.

mod trial;

use clap::{Arg, ArgAction, ArgMatches, Command};

pub use self::trial::{Trial, TrialInput, TrialRequest, TrialVerdict};
use super::Invocation;
use super::common::{file_flags, subcommand, switch};
use crate::config::Flags;
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
    /// `test ADDRESS…`: who would be let in.
    Test(Trial),
}

/// `whitelist`, and what can be done with it.
pub(super) fn command() -> Command {
    let entries = |help: &'static str| {
        Arg::new("entries").value_name("ENTRY").action(ArgAction::Append).required(true).help(help)
    };
    let dry_run = || switch("dry-run", "Print the lines that would change, and change nothing");
    Command::new("whitelist")
        .about("Show or change who may come in by address")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .term_width(100)
        .subcommand(
            subcommand("list")
                .about("Show the list that is in force")
                .arg(switch("json", "Print it for programs")),
        )
        .subcommand(
            subcommand("add")
                .about("Let somebody in; a running server notices within a second")
                .after_help(
                    "The list that is in force is edited, in place, with all its comments: whitelist.txt where that \
                     is there, else the setting. An address that is let in already is not added again.",
                )
                .arg(entries(
                    "An address (192.168.1.20), a network (192.168.1.0/24), a range (192.168.1.10-192.168.1.20), a \
                     pattern (192.168.1.*), a host name, `lan`, `tailscale` or `docker`",
                ))
                .arg(
                    Arg::new("note")
                        .long("note")
                        .value_name("TEXT")
                        .help("Who that is, as a comment behind the entry"),
                )
                .arg(dry_run()),
        )
        .subcommand(
            subcommand("remove")
                .about("Take entries out of the list, all of them or none")
                .arg(entries("The entry, in any way to write it: 10.0.0.0/8 for 10.*"))
                .arg(switch("force", "Remove even the last entry that lets in this computer"))
                .arg(dry_run()),
        )
        .subcommand(trial::command())
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
            dry_run: matches.get_flag("dry-run"),
        },
        "remove" => WhitelistAction::Remove {
            entries: entries(),
            force: matches.get_flag("force"),
            dry_run: matches.get_flag("dry-run"),
        },
        "test" => match trial::read(matches) {
            Ok(trial) => WhitelistAction::Test(trial),
            Err(error) => return Invocation::Misuse(error),
        },
        _ => WhitelistAction::List { json: matches.get_flag("json") },
    };
    Invocation::Whitelist(Whitelist { flags: file_flags(matches), quiet: matches.get_flag("quiet"), action })
}
