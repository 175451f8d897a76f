//! `whitelist import` and `whitelist migrate`: lists as a whole.

use clap::{Arg, ArgMatches, Command};

use super::super::common::{subcommand, switch};
use super::{WhitelistAction, dry_run, note};

/// `import`.
pub(super) fn import() -> Command {
    subcommand("import")
        .about("Let in everybody on somebody else's list")
        .after_help(
            "One entry a line. Comments (`#`, `;`, `//`) are skipped, and the one behind an entry becomes its note; of CSV \
             the first column counts, of nginx and Apache the lines that allow somebody. Entries that are let in already \
             are not added again.\n\n\
             Lines that deny somebody, let in everybody or are no entries are reported with their numbers. Then nothing \
             is imported and the exit code is 2, or with `--skip` the other lines are, and it is 0.",
        )
        .arg(Arg::new("file").value_name("FILE").required(true).help("The list; `-` for standard input"))
        .arg(note("Who that is, as a comment behind each entry that has none"))
        .arg(switch("skip", "Leave out what is no entry, and import the rest"))
        .arg(dry_run())
}

/// `migrate`.
pub(super) fn migrate() -> Command {
    subcommand("migrate")
        .about("Move the list of whitelist.txt into the settings file")
        .after_help(
            "The list in force stays the same in every moment: entries of the settings file that whitelist.txt kept out \
             of force are removed and named. The old file is kept as whitelist.txt.bak.",
        )
        .arg(dry_run())
}

/// What was given to `import`.
pub(super) fn read_import(matches: &ArgMatches) -> WhitelistAction {
    WhitelistAction::Import {
        file: matches.get_one::<String>("file").cloned().unwrap_or_default(),
        note: matches.get_one::<String>("note").cloned(),
        skip: matches.get_flag("skip"),
        dry_run: matches.get_flag("dry-run"),
    }
}
