//! `innkeeper logs`: who came, whether they were let in, why, with what device, and what to type.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use super::Invocation;
use super::common::{file_flags, subcommand, switch};
use crate::config::Flags;

/// `innkeeper logs`.
#[derive(Debug)]
pub struct Logs {
    /// Which settings file; nothing else.
    pub flags: Flags,
    /// Print data and errors only.
    pub quiet: bool,
    /// The files, `-` for standard input; those of the settings where none is named.
    pub files: Vec<PathBuf>,
    /// Read the rotated parts of each file too.
    pub rotated: bool,
    /// Which events.
    pub wanted: Wanted,
    /// What is made of them.
    pub view: LogsView,
}

/// Which events are looked at; everything as it was typed.
#[derive(Debug, Default)]
pub struct Wanted {
    /// `--since`: a moment or a length of time before now.
    pub since: Option<String>,
    /// `--until`: the same.
    pub until: Option<String>,
    /// `--ip`: any entry of a list that is no name.
    pub ip: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `--host`: with a port or without.
    pub host: Option<String>,
    /// `--path`: how it begins.
    pub path: Option<String>,
    /// `--allowed`.
    pub allowed: bool,
    /// `--refused`.
    pub refused: bool,
    /// `--failed`.
    pub failed: bool,
}

/// What is made of the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogsView {
    /// The visits, grouped by visitor.
    Groups {
        /// The most frequent ones only.
        top: Option<usize>,
        /// For programs.
        json: bool,
        /// The bars, even where nobody watches.
        histogram: bool,
    },
    /// How many visits there are.
    Count,
    /// The lines as they are in the file.
    Raw,
    /// A line for each event as it comes.
    Follow(Following),
}

/// How an event looks that is shown as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Following {
    /// For people.
    Told,
    /// As it is in the file.
    Raw,
    /// As one JSON object.
    Json,
}

/// The command as clap sees it.
pub(super) fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    subcommand("logs")
        .about("Show who came, whether they were let in, why not, and what to type")
        .after_help(AFTER_HELP)
        .arg(
            Arg::new("files").value_name("FILE").num_args(0..).value_parser(clap::value_parser!(PathBuf)).help(
                "audit.jsonl or access.log, compressed or not; `-` is standard input [default: that of the settings]",
            ),
        )
        .arg(switch("follow", "Show each event as it comes, until Ctrl-C; through rotation too").short('f').conflicts_with("until"))
        .arg(text("since", "TIME", "From then on: 30m, 2h, 7d, today, yesterday, 10:00, 2026-11-23, \"2026-11-23 10:00\" (local time), or RFC 3339 [default of the grouped view: 1h]"))
        .arg(text("until", "TIME", "Before then; in the same forms"))
        .arg(text("ip", "PATTERN", "Of these clients: 192.168.0.7, 192.168.0.0/16, 192.168.*, 10.0.0.1-10.0.0.9"))
        .arg(text("user", "USER", "Of this user; \"\" is nobody"))
        .arg(text("host", "HOST", "Who asked for this host; with a port or for any"))
        .arg(text("path", "PATH", "Who asked for a path that begins so"))
        .arg(switch("refused", "Who was not let in"))
        .arg(switch("allowed", "Who was let in; also together with the others"))
        .arg(switch("failed", "Whose sign-in failed"))
        .arg(
            text("top", "N", "Only the N most frequent visitors, those first")
                .value_parser(clap::value_parser!(u32).range(1..))
                .conflicts_with_all(["follow", "count", "raw"]),
        )
        .arg(switch("count", "Print how many visits there are").conflicts_with_all(["follow", "json", "raw"]))
        .arg(switch("json", "Print it for programs").conflicts_with("raw"))
        .arg(switch("raw", "Print the lines as they are in the file"))
        .arg(
            switch("histogram", "Show the bars over time although nobody watches; on a terminal they are there")
                .conflicts_with_all(["follow", "count", "raw", "json"]),
        )
        .arg(switch("no-rotated", "Read only the files that are named, and none of their older parts"))
}

const AFTER_HELP: &str = "\
Exit code 0: something was found; 1: nothing was; 2: something could not be read.

Without FILE it reads `innkeeper.audit.path` of the settings, and where there is none yet access.log, which knows each \
visitor once and no verdicts. The parts that were rotated away belong to a file: FILE.1.gz, FILE.2.gz and so on, also \
FILE.1 of other programs. In a sorted file, --since and --until find their place without reading it all.

The grouped view is of the last hour where --since or --until say nothing else; the other views are of everything. \
Visits with the same address, user, device, verdict and reason are one group, those that were kept out first; below \
them is what would let them in. 100,000 groups are kept apart, the others are summed.

A line may stand for many visits (`count` in the file): --count and the groups count visits, --raw prints lines. \
What is no line of a log is left out and told.

-f prints the last ten events, or everything from --since on, and then each as it comes.

With --json: an object with `since` and `until` (RFC 3339, or null), `visits`, `allowed`, `refused`, `failed`, \
`unknown` (of access.log), `unreadable` (lines), `groups`, `others` (visits beyond the groups) and `slots`. A group has \
`client`, `user`, `device`, `agent`, `verdict`, `reason`, `visits`, `first`, `last`, `host`, `command` and `advice`, \
where known; a slot `time`, `seconds`, `allowed`, `refused`, `failed`, `unknown`. With -f: the event of each line.";

/// What was given.
pub(super) fn read(matches: &ArgMatches) -> Invocation {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let given = |name: &str| matches.get_flag(name);
    let following = match (given("raw"), given("json")) {
        (true, _) => Following::Raw,
        (false, true) => Following::Json,
        (false, false) => Following::Told,
    };
    let view = if given("follow") {
        LogsView::Follow(following)
    } else if given("count") {
        LogsView::Count
    } else if given("raw") {
        LogsView::Raw
    } else {
        let top = matches.get_one::<u32>("top").map(|top| *top as usize);
        LogsView::Groups { top, json: given("json"), histogram: given("histogram") }
    };
    Invocation::Logs(Logs {
        flags: file_flags(matches),
        quiet: given("quiet"),
        files: matches.get_many::<PathBuf>("files").into_iter().flatten().cloned().collect(),
        rotated: !given("no-rotated"),
        wanted: Wanted {
            since: text("since"),
            until: text("until"),
            ip: text("ip"),
            user: text("user"),
            host: text("host"),
            path: text("path"),
            allowed: given("allowed"),
            refused: given("refused"),
            failed: given("failed"),
        },
        view,
    })
}
