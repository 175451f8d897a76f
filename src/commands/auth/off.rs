//! `innkeeper auth off`: no password is asked for, as long as something else keeps strangers out.

use super::place::{Editing, Place, changeable};
use super::say;
use crate::commands::opening;
use crate::commands::sources::{Sources, Speech};
use crate::config::{self, Content, Refusal, Settings};
use crate::error::{Error, Exit};
use crate::policy::account::Account;
use crate::ui;

const MODE: &str = "basicAuthMode";

/// Turns `basicAuthMode` off.
pub fn off(sources: &Sources<'_>, speech: Speech) -> Result<Exit, Vec<Error>> {
    let one = |error| vec![error];
    let mut editing = Editing::open(sources)?;
    if !editing.settings.basic_auth_mode {
        let origin = editing.settings.origin(MODE);
        say(speech, &[format!("no password is asked for already: `{MODE}` is off ({origin})")], &[]);
        return Ok(Exit::Yes);
    }
    changeable(&editing.settings, MODE).map_err(one)?;
    editing.set(MODE, &Content::Switch(false, "false".to_owned()), Place::InForce).map_err(one)?;
    let settings = editing.outcome()?;
    let warnings = match Gate::of(&settings).map_err(one)? {
        Gate::Open(warnings) => warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        Gate::Shut(refusal) => {
            let error =
                Error::new("without the password nothing keeps strangers out").caused_by(refusal.to_string());
            let fixes = refusal.fixes(&settings, &sources.config_flag());
            ui::error(&fixes.into_iter().fold(error, Error::hint));
            return Ok(Exit::No);
        }
    };
    editing.finish().map_err(one)?;
    let notice = format!("Turned off `{MODE}`: {}; no password is asked for", settings.origin(MODE));
    say(speech, &[notice], &warnings);
    Ok(Exit::Yes)
}

/// Whether `serve` would start.
enum Gate {
    Open(Vec<config::Warning>),
    Shut(Refusal),
}

impl Gate {
    fn of(settings: &Settings) -> Result<Self, Error> {
        let accounts = opening::accounts(settings)?;
        let known = |account: &Account| config::Account {
            handle: account.handle.to_string(),
            enabled: account.enabled,
            admin: account.admin,
            has_password: account.hash.is_some(),
        };
        let accounts: Vec<config::Account> = accounts.iter().map(known).collect();
        Ok(match config::start_gate(settings, &accounts, None) {
            Ok(warnings) => Self::Open(warnings),
            Err(refusal) => Self::Shut(refusal),
        })
    }
}
