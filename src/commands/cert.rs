//! `innkeeper cert`: the certificate that visitors see.

pub mod check;
mod create;
mod https;
mod remove;
mod store;
mod trust;
mod undo;

use super::sources::{Sources, Speech};
use crate::cli::{Cert, CertAction, Create};
use crate::config::Settings;
use crate::error::{Error, Exit};
use crate::gateway::keyring::Keyring;
use crate::ui;

/// Checks, makes or shows a certificate.
///
/// # Errors
/// Settings or files that cannot be read or written, a server that does not answer, nobody to ask.
pub fn run(cert: &Cert) -> Result<Exit, Vec<Error>> {
    let speech = Speech::of(cert.quiet);
    match &cert.action {
        CertAction::Check(check) => check::run(check, &cert.flags, speech),
        CertAction::Create(Create::Make { hosts, settings, force, dry_run }) => {
            let sources = Sources::find(&cert.flags)?;
            let (force, dry_run) = (*force, *dry_run);
            let config_flag = sources.config_flag();
            let wish = create::Wish { hosts, settings: *settings, force, dry_run, config_flag };
            create::make(&sources, &wish, speech)
        }
        CertAction::Create(Create::Remove { force, dry_run }) => {
            remove::remove(&Sources::find(&cert.flags)?, *force, *dry_run, speech)
        }
        CertAction::Trust(trust) => trust::run(&Sources::find(&cert.flags)?, *trust, speech),
    }
}

/// Where `cert create` puts its files: in `certs` beside the settings, where the default settings look for them.
fn usual_keyring(settings: &Settings) -> Keyring {
    Keyring::of(&settings.beside("certs/cert.pem"), &settings.beside("certs/privkey.pem"))
}

/// Says what was done.
fn say(speech: Speech, notices: &[String]) {
    if speech == Speech::Full {
        for notice in notices {
            ui::notice(notice);
        }
    }
}
