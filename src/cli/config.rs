//! `innkeeper config`: the settings, written, shown, checked and changed.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::engine::ArgValueCandidates;

use super::common::{file_flags, subcommand, switch};
use super::{Invocation, completion};
use crate::config::{Flags, Syntax};
use crate::error::Error;

/// `innkeeper config`.
#[derive(Debug)]
pub struct Config {
    /// Which settings file; nothing else.
    pub flags: Flags,
    /// Print data and errors only.
    pub quiet: bool,
    /// What to do with the settings.
    pub action: ConfigAction,
}

/// What to do with the settings.
#[derive(Debug)]
pub enum ConfigAction {
    /// `init`: write the default file.
    Init {
        /// The syntax that was asked for.
        format: Option<Syntax>,
        /// Even over a file that is there.
        force: bool,
    },
    /// `init --for-sillytavern DIR`: a section for Innkeeper in SillyTavern's file.
    Share {
        /// The folder of SillyTavern.
        folder: PathBuf,
    },
    /// `show`: every setting.
    Show {
        /// With where each came from.
        origin: bool,
        /// For programs.
        json: bool,
    },
    /// `check`: what is wrong, and what is unwise.
    Check {
        /// For programs.
        json: bool,
    },
    /// `get KEY`.
    Get {
        /// As it was typed.
        key: String,
        /// For programs.
        json: bool,
    },
    /// `set KEY VALUE`.
    Set {
        /// As it was typed.
        key: String,
        /// As it was typed.
        value: String,
        /// Only show what would change.
        dry_run: bool,
    },
    /// `convert --to toml|yaml`.
    Convert {
        /// The syntax to write.
        to: Syntax,
        /// The file to write, `-` for stdout.
        output: Option<PathBuf>,
        /// Even over a file that is there.
        force: bool,
    },
}

/// `config`, and what can be done with it.
pub(super) fn command() -> Command {
    Command::new("config")
        .about("Write, show, check or change the settings")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .term_width(100)
        .subcommand(init())
        .subcommand(
            subcommand("show")
                .about("Show the value of every setting that is in force")
                .after_help(
                    "Passwords are not shown, only whether one is set. With --json: an array of objects with `key`, \
                     `value`, `origin` (`file`, `variable` or `default`) and `source` (`config.yaml:12`, \
                     `INNKEEPER_PORT`, `default`); `replaces` where whitelist.txt takes the place of the setting; \
                     for passwords `secret` (`set`, `default` or `empty`), and a `value` of null.",
                )
                .arg(switch("origin", "Show where each came from"))
                .arg(json()),
        )
        .subcommand(
            subcommand("check")
                .about("Find what `serve` would refuse, and what is allowed and unwise")
                .after_help(
                    "Ends with 0 when `serve` would start (warnings are allowed), with 1 when it would not or a list \
                     has an entry that cannot be read, with 2 when there is nothing to check. With --json: an object \
                     with `file`, `problems` and `warnings`; each of these with `kind`, `message` and `hints`.",
                )
                .arg(json()),
        )
        .subcommand(
            subcommand("get")
                .about("Print the value of one setting that is in force")
                .after_help(
                    "A list is printed with one entry in each line, guests and certificates as JSON. A password is not printed. With \
                     --json: the value alone, as a string (empty for none), number, boolean or array.",
                )
                .arg(key().add(ArgValueCandidates::new(completion::open_keys)))
                .arg(json()),
        )
        .subcommand(
            subcommand("set")
                .about("Change one setting; a running server notices within a second")
                .after_help(
                    "The settings file is edited in place, with all its comments. What `serve` would refuse is not \
                     written. A setting that stands under `innkeeper:` is changed there.",
                )
                .arg(key().add(ArgValueCandidates::new(completion::open_keys)))
                .arg(
                    Arg::new("value")
                        .value_name("VALUE")
                        .required(true)
                        .allow_hyphen_values(true)
                        .help("Its value; a list as JSON ('[\"a\", \"b\"]'), or its only entry"),
                )
                .arg(switch("dry-run", "Print the lines that would change, and change nothing")),
        )
        .subcommand(convert())
}

fn init() -> Command {
    subcommand("init")
        .about("Write a settings file with every setting, its default and a comment")
        .after_help(
            "Without --config the file is config.yaml in the current folder. With --for-sillytavern the settings \
             file of SillyTavern gets a section for Innkeeper, and nothing else in it changes.",
        )
        .arg(syntax("format", "yaml or toml").conflicts_with("for-sillytavern"))
        .arg(force().conflicts_with("for-sillytavern"))
        .arg(
            Arg::new("for-sillytavern")
                .long("for-sillytavern")
                .value_name("DIR")
                .value_parser(clap::value_parser!(PathBuf))
                .conflicts_with_all(["config", "global"])
                .help("Share the config.yaml in SillyTavern's folder DIR"),
        )
}

fn convert() -> Command {
    subcommand("convert")
        .about("Write the settings in the other syntax; the file itself stays as it is")
        .after_help(
            "Values stay equal, and settings of other programs are kept where the syntax can hold them. The comments \
             are those of the default file.",
        )
        .arg(syntax("to", "The syntax to write").required(true))
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("The file to write, - for standard output [default: beside the settings file]"),
        )
        .arg(force())
}

fn key() -> Arg {
    Arg::new("key")
        .value_name("KEY")
        .required(true)
        .help("The setting, for example `port`, `ssl.enabled` or `innkeeper.upstream`")
}

fn json() -> Arg {
    switch("json", "Print it for programs")
}

fn force() -> Arg {
    switch("force", "Write even over a file that is there")
}

fn syntax(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("SYNTAX")
        .value_parser(PossibleValuesParser::new(["yaml", "toml"]))
        .hide_possible_values(true)
        .help(help)
}

/// What was given; every action has its own flags.
pub(super) fn read(matches: &ArgMatches) -> Invocation {
    let Some((name, matches)) = matches.subcommand() else {
        return Invocation::Misuse(Error::new("nothing to do").hint("innkeeper config show"));
    };
    let text = |id: &str| matches.get_one::<String>(id).cloned().unwrap_or_default();
    let syntax = |id: &str| matches.get_one::<String>(id).map(|word| syntax_of(word));
    let action = match name {
        "init" => match matches.get_one::<PathBuf>("for-sillytavern") {
            Some(folder) => ConfigAction::Share { folder: folder.clone() },
            None => ConfigAction::Init { format: syntax("format"), force: matches.get_flag("force") },
        },
        "check" => ConfigAction::Check { json: matches.get_flag("json") },
        "get" => ConfigAction::Get { key: text("key"), json: matches.get_flag("json") },
        "set" => {
            ConfigAction::Set { key: text("key"), value: text("value"), dry_run: matches.get_flag("dry-run") }
        }
        "convert" => ConfigAction::Convert {
            to: syntax("to").unwrap_or(Syntax::Yaml),
            output: matches.get_one::<PathBuf>("output").cloned(),
            force: matches.get_flag("force"),
        },
        _ => ConfigAction::Show { origin: matches.get_flag("origin"), json: matches.get_flag("json") },
    };
    Invocation::Config(Config { flags: file_flags(matches), quiet: matches.get_flag("quiet"), action })
}

fn syntax_of(word: &str) -> Syntax {
    if word == "toml" { Syntax::Toml } else { Syntax::Yaml }
}
