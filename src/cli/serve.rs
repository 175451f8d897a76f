//! `innkeeper serve`: a flag for each setting that has one.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::common::{FILE_HEADING, file_arguments, file_flags};
use crate::config::Flags;
use crate::config::schema::{FOREIGN_FLAGS, KEYS, Key, Kind};

/// `innkeeper serve`.
#[derive(Debug, Default)]
pub struct Serve {
    /// What is set.
    pub flags: Flags,
    /// SillyTavern's flags that were given and mean nothing here, as `--help` of SillyTavern spells them.
    pub ignored: Vec<&'static str>,
}

/// The headings of `serve --help`, in order.
const HEADINGS: &[&str] =
    &["What to serve", "Who may come in", "Where to listen", "HTTPS", FILE_HEADING, "More of SillyTavern's"];

/// `serve`, with a flag for each setting that has one.
pub(super) fn command() -> Command {
    let command = Command::new("serve")
        .about("Stand in front of the app and let in whom the settings allow")
        .after_help(
            "A flag counts for this run and wins over the environment (INNKEEPER_PORT, SILLYTAVERN_PORT), which wins \
             over the settings file. A switch is written --listen, --listen false, --listen=false or --no-listen. \
             SillyTavern's spellings (--listenAddressIPv4, --certPath) are understood too.",
        )
        // The same page on every terminal, and in the tests.
        .term_width(100)
        .disable_help_flag(true);
    let command = HEADINGS.iter().fold(command, |command, title| {
        let keys = KEYS.iter().filter(|key| key.flag.is_some() && heading(key) == *title);
        let command = command.next_help_heading(*title);
        let command = if *title == FILE_HEADING { command.args(file_arguments()) } else { command };
        keys.fold(command, |command, key| {
            let command = command.arg(argument(key));
            if is_switch(key) { command.arg(denial(key)) } else { command }
        })
    });
    FOREIGN_FLAGS.iter().fold(command, |command, flag| command.arg(foreign(flag)))
}

/// What was given, in the order of the table.
pub(super) fn read(matches: &ArgMatches) -> Serve {
    let mut values = Vec::new();
    for key in KEYS.iter().filter(|key| key.flag.is_some()) {
        let text = if is_switch(key) {
            last_switch(matches, key)
        } else {
            matches.get_one::<String>(key.path).cloned()
        };
        values.extend(text.map(|text| (key, text)));
    }
    let given = |flag: &&&str| matches.value_source(flag).is_some();
    Serve {
        flags: Flags { values, ..file_flags(matches) },
        ignored: FOREIGN_FLAGS.iter().filter(given).copied().collect(),
    }
}

/// Of `--listen`, `--listen false` and `--no-listen` the last one counts, as in SillyTavern.
fn last_switch(matches: &ArgMatches, key: &Key) -> Option<String> {
    let said = |id: &str| -> Vec<(usize, String)> {
        let values = matches.get_many::<String>(id).into_iter().flatten().cloned();
        matches.indices_of(id).into_iter().flatten().zip(values).collect()
    };
    let mut all = said(key.path);
    all.extend(said(&format!("no-{}", key.path)));
    all.into_iter().max_by_key(|(index, _)| *index).map(|(_, value)| value)
}

/// Where a flag stands in `--help`.
fn heading(key: &Key) -> &'static str {
    match key.path.split('.').next().unwrap_or_default() {
        "upstream" | "root" => "What to serve",
        "satisfy" | "whitelistMode" | "basicAuthMode" => "Who may come in",
        "listen" | "listenAddress" | "protocol" | "port" => "Where to listen",
        "ssl" => "HTTPS",
        _ => "More of SillyTavern's",
    }
}

/// The flag of one setting. Its text is not judged here but by the settings, with the same words as in the file.
fn argument(key: &'static Key) -> Arg {
    let default = if key.default.is_empty() { String::new() } else { format!(" [default: {}]", key.default) };
    let flag = key.flag.unwrap_or(key.path);
    let argument = Arg::new(key.path)
        .long(flag)
        .aliases(key.aliases)
        // `--port -1` is a bad port and not an unknown flag.
        .allow_negative_numbers(true)
        .help(format!("{}{default}", key.doc));
    if is_switch(key) {
        return argument
            .action(ArgAction::Append)
            .num_args(0..=1)
            .default_missing_value("true")
            .value_name(if key.kind == Kind::Family { "true|false|auto" } else { "true|false" });
    }
    argument.action(ArgAction::Set).value_name(value_name(key.kind))
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Port => "PORT",
        Kind::Integer { .. } | Kind::Number => "NUMBER",
        Kind::Path | Kind::OptionalPath => "PATH",
        Kind::Ipv4 | Kind::Ipv6 => "ADDRESS",
        Kind::Upstream => "URL",
        Kind::Choice(_) => "all|any",
        _ => "TEXT",
    }
}

/// `--no-listen`, and `--no-basicAuthMode` as SillyTavern's reader makes it.
fn denial(key: &'static Key) -> Arg {
    let flag = key.flag.unwrap_or(key.path);
    Arg::new(format!("no-{}", key.path))
        .long(format!("no-{flag}"))
        .aliases(key.aliases.iter().map(|alias| format!("no-{alias}")))
        .action(ArgAction::Append)
        .num_args(0)
        .default_missing_value("false")
        .hide(true)
}

/// A flag of SillyTavern that is only noted.
fn foreign(flag: &'static str) -> Arg {
    Arg::new(flag)
        .long(flag)
        .action(ArgAction::Append)
        .num_args(0..=1)
        .default_missing_value("true")
        .hide(true)
}

fn is_switch(key: &Key) -> bool {
    matches!(key.kind, Kind::Switch | Kind::Family)
}
