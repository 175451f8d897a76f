//! `innkeeper cert`: the certificate that visitors see.

mod check;
mod create;
mod trust;

use clap::{ArgMatches, Command};

pub use self::check::{Check, Passphrase, Subject};
pub use self::create::{Create, SettingsThen};
pub use self::trust::{Code, Trust};
use super::Invocation;
use super::common::file_flags;
use crate::config::Flags;
use crate::error::Error;

/// `innkeeper cert`.
#[derive(Debug)]
pub struct Cert {
    /// Which settings file; nothing else.
    pub flags: Flags,
    /// Print data and errors only.
    pub quiet: bool,
    /// What to do.
    pub action: CertAction,
}

/// What to do about the certificate.
#[derive(Debug)]
pub enum CertAction {
    /// `check`: what will a browser say?
    Check(Check),
    /// `create`: an authority of one's own, and a certificate from it.
    Create(Create),
    /// `trust`: how to make devices trust that authority.
    Trust(Trust),
}

/// `cert`, and what can be done with it.
pub(super) fn command() -> Command {
    Command::new("cert")
        .about("Check the certificate for https, or make one that your devices trust")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .term_width(100)
        .subcommand(check::command())
        .subcommand(create::command())
        .subcommand(trust::command())
}

/// What was given; every action has its own flags.
pub(super) fn read(matches: &ArgMatches) -> Invocation {
    let action = match matches.subcommand() {
        Some(("check", matches)) => check::read(matches).map(|check| (CertAction::Check(check), matches)),
        Some(("create", matches)) => Ok((CertAction::Create(create::read(matches)), matches)),
        Some(("trust", matches)) => Ok((CertAction::Trust(trust::read(matches)), matches)),
        // `subcommand_required` leaves nothing else.
        _ => Err(Error::new("nothing to do").hint("innkeeper cert check")),
    };
    match action {
        Ok((action, matches)) => {
            Invocation::Cert(Cert { flags: file_flags(matches), quiet: matches.get_flag("quiet"), action })
        }
        Err(error) => Invocation::Misuse(error),
    }
}
