//! `innkeeper cert create`: an authority of one's own, and a certificate from it.

use clap::{Arg, ArgMatches, Command};

use crate::cli::common::{subcommand, switch};

/// `innkeeper cert create`.
#[derive(Debug)]
pub enum Create {
    /// Make what is missing, renew what is there.
    Make {
        /// `--host`: names and addresses besides those of this computer, as they were typed.
        hosts: Vec<String>,
        /// What happens to the settings.
        settings: SettingsThen,
        /// `--force`: put what is in the way aside.
        force: bool,
        /// `--dry-run`: only say what would be done.
        dry_run: bool,
    },
    /// `--remove`: undo it all.
    Remove {
        /// `--force`: without being asked.
        force: bool,
        /// `--dry-run`: only say what would be done.
        dry_run: bool,
    },
}

/// What happens to the settings once the files are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsThen {
    /// Nothing.
    Keep,
    /// `--apply`: https is turned on with the new certificate.
    Apply,
}

/// `cert create`.
pub(super) fn command() -> Command {
    subcommand("create")
        .about("Make an authority of your own and a certificate from it that phones accept; a running server renews it")
        .after_help(
            "The files go into the folder `certs` beside the settings: `cert.pem` and `privkey.pem` for the server, \
             `authority.pem` and `authority.key` for the authority, which lives ten years and may vouch only for private \
             networks, for `.local`, `.lan`, `.home.arpa` and `.internal`, and for this computer and the names given. A \
             second run keeps the authority and its given names. Every device has to trust the authority once: see \
             `innkeeper cert trust`.",
        )
        .arg(
            Arg::new("host")
                .long("host")
                .value_name("NAME")
                .num_args(1..)
                .action(clap::ArgAction::Append)
                .conflicts_with("remove")
                .help("A name or address that visitors type, besides those of this computer"),
        )
        .arg(switch("apply", "Turn https on in the settings").conflicts_with("remove"))
        .arg(switch("force", "Put other files aside that are in the way, or make a new authority; remove without being asked"))
        .arg(switch("dry-run", "Only say what would be done"))
        .arg(switch("remove", "Delete the authority and the certificate again, and take back what --apply has set"))
}

/// What was given.
pub(super) fn read(matches: &ArgMatches) -> Create {
    let (force, dry_run) = (matches.get_flag("force"), matches.get_flag("dry-run"));
    if matches.get_flag("remove") {
        return Create::Remove { force, dry_run };
    }
    Create::Make {
        hosts: matches.get_many("host").unwrap_or_default().cloned().collect(),
        settings: if matches.get_flag("apply") { SettingsThen::Apply } else { SettingsThen::Keep },
        force,
        dry_run,
    }
}
