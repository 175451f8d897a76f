//! `innkeeper cert trust`: how to make devices trust the authority.

use clap::{Arg, ArgMatches, Command};

use crate::cli::common::{subcommand, switch};

/// `innkeeper cert trust`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Show the authority and what to do.
    Show {
        /// The code of the trust page.
        code: Code,
    },
    /// `--json`: the authority, for programs.
    Json,
    /// `--install`: make this computer trust it.
    Install {
        /// `--yes`: without being asked.
        yes: bool,
    },
    /// `--uninstall`: undo that.
    Uninstall {
        /// `--yes`: without being asked.
        yes: bool,
    },
}

/// When the address of the trust page is shown as a QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Where somebody can scan it: on a terminal.
    OnTerminal,
    /// `--qr`: always.
    Always,
}

/// `cert trust`.
pub(super) fn command() -> Command {
    subcommand("trust")
        .about("Show the authority of your own certificate, and how to make phones, computers and browsers trust it")
        .after_help(
            "Compare the fingerprint with what the device shows before you trust it there.\n\n\
             With --json: an object with `name` (what lists of authorities show), `sha256` (of its DER, hexadecimal with \
             colons), `until` (the last day of its life), `bounds` (what it may vouch for), `file` (its certificate), \
             `pages` (addresses of the trust page) and `serving` (whether the certificate in the settings is from it \
             and https is on).",
        )
        .arg(switch("qr", "Show the QR code also where there is no terminal"))
        .arg(switch("install", "Put it into the list of this system, which curl and most programs go by"))
        .arg(switch("uninstall", "Take it out of that list again"))
        .arg(
            Arg::new("yes")
                .short('y')
                .long("yes")
                .action(clap::ArgAction::SetTrue)
                .help("Do so without being asked"),
        )
        .arg(switch("json", "Print it for programs"))
        .group(clap::ArgGroup::new("what").args(["qr", "install", "uninstall", "json"]))
}

/// What was given.
pub(super) fn read(matches: &ArgMatches) -> Trust {
    let given = |name: &str| matches.get_flag(name);
    let yes = given("yes");
    if given("install") {
        Trust::Install { yes }
    } else if given("uninstall") {
        Trust::Uninstall { yes }
    } else if given("json") {
        Trust::Json
    } else {
        Trust::Show { code: if given("qr") { Code::Always } else { Code::OnTerminal } }
    }
}
