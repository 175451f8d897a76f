//! Every subcommand, flag and help text; no behaviour. The flags of `serve` come from the table of settings.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::Flags;
use crate::config::schema::{FOREIGN_FLAGS, KEYS, Key, Kind};
use crate::error::Error;

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// `innkeeper serve`.
    Serve(Serve),
    /// `innkeeper whitelist`.
    Whitelist(Whitelist),
    /// Text for standard output, and success: `--help`, `--version`.
    Answer(String),
    /// The command line means nothing: exit code 2.
    Misuse(Error),
}

/// `innkeeper serve`.
#[derive(Debug, Default)]
pub struct Serve {
    /// What is set.
    pub flags: Flags,
    /// SillyTavern's flags that were given and mean nothing here, as `--help` of SillyTavern spells them.
    pub ignored: Vec<&'static str>,
}

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
}

/// Reads the command line; the first of `arguments` is the name of the program.
#[must_use]
pub fn parse<Arguments>(arguments: Arguments) -> Invocation
where
    Arguments: IntoIterator,
    Arguments::Item: Into<OsString>,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let page = page(&arguments);
    match command().try_get_matches_from(arguments) {
        Ok(matches) => match matches.subcommand() {
            Some(("serve", matches)) => Invocation::Serve(serve(matches)),
            Some(("whitelist", matches)) => whitelist(matches),
            // `subcommand_required` leaves nothing else.
            _ => Invocation::Misuse(Error::new("nothing to do").hint("innkeeper serve")),
        },
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Invocation::Answer(error.render().to_string())
            }
            _ => Invocation::Misuse(misuse(&error.render(), &page)),
        },
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
        .subcommand(serve_command())
        .subcommand(whitelist_command())
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

/// The headings of `serve --help`, in order.
const HEADINGS: &[&str] =
    &["What to serve", "Who may come in", "Where to listen", "HTTPS", FILE_HEADING, "More of SillyTavern's"];
const FILE_HEADING: &str = "Settings file";

/// `serve`, with a flag for each setting that has one.
fn serve_command() -> Command {
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

/// The flags that decide which file is read, and `--help`.
fn file_arguments() -> [Arg; 3] {
    [
        Arg::new("config")
            .long("config")
            .aliases(["configPath", "config-path"])
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The settings file [default: ./config.yaml, then ./config.toml]"),
        Arg::new("global")
            .long("global")
            .action(ArgAction::SetTrue)
            .help("Look for it in the folder the system keeps settings in"),
        Arg::new("help").short('h').long("help").action(ArgAction::Help).help("Print this page"),
    ]
}

/// `whitelist`, and what can be done with it.
fn whitelist_command() -> Command {
    let command = |name: &'static str| {
        Command::new(name).term_width(100).disable_help_flag(true).args(file_arguments()).arg(
            Arg::new("quiet")
                .short('q')
                .long("quiet")
                .action(ArgAction::SetTrue)
                .help("Print data and errors only"),
        )
    };
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
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
            command("list")
                .about("Show the list that is in force")
                .arg(switch("json", "Print it for programs")),
        )
        .subcommand(
            command("add")
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
            command("remove")
                .about("Take entries out of the list, all of them or none")
                .arg(entries("The entry, in any way to write it: 10.0.0.0/8 for 10.*"))
                .arg(switch("force", "Remove even the last entry that lets in this computer"))
                .arg(dry_run()),
        )
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

/// What was given; every action has its own flags.
fn whitelist(matches: &ArgMatches) -> Invocation {
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
        _ => WhitelistAction::List { json: matches.get_flag("json") },
    };
    Invocation::Whitelist(Whitelist { flags: file_flags(matches), quiet: matches.get_flag("quiet"), action })
}

/// Which settings file.
fn file_flags(matches: &ArgMatches) -> Flags {
    Flags {
        config: matches.get_one::<PathBuf>("config").cloned(),
        global: matches.get_flag("global"),
        values: Vec::new(),
    }
}

/// What was given, in the order of the table.
fn serve(matches: &ArgMatches) -> Serve {
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
    tips.fold(Error::new(message), Error::hint).hint(format!("see `innkeeper {page}`"))
}
