//! What the commands have in common: which settings file, and how much is said.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::Flags;

/// The heading of the flags that say which file is read.
pub(super) const FILE_HEADING: &str = "Settings file";

/// A command that works on a settings file, and may be quiet.
pub(super) fn subcommand(name: &'static str) -> Command {
    Command::new(name).term_width(100).disable_help_flag(true).args(file_arguments()).arg(
        Arg::new("quiet")
            .short('q')
            .long("quiet")
            .action(ArgAction::SetTrue)
            .help("Print data and errors only"),
    )
}

/// A flag without a value.
pub(super) fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// The flags that decide which file is read, and `--help`.
pub(super) fn file_arguments() -> [Arg; 3] {
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
        help(),
    ]
}

/// `--help`.
pub(super) fn help() -> Arg {
    Arg::new("help").short('h').long("help").action(ArgAction::Help).help("Print this page")
}

/// Which settings file.
pub(super) fn file_flags(matches: &ArgMatches) -> Flags {
    Flags {
        config: matches.get_one::<PathBuf>("config").cloned(),
        global: matches.get_flag("global"),
        values: Vec::new(),
    }
}
