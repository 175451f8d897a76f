//! `innkeeper auth off`: no password is asked for, as long as something else keeps strangers out.

use super::say;
use crate::commands::opening::{self, Names};
use crate::commands::place::{Editing, Place, changeable};
use crate::commands::sources::{Sources, Speech};
use crate::config::Content;
use crate::error::{Error, Exit};
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
    let trial = opening::trial(&settings, Names::Leave);
    // What else keeps `serve` from starting is not about the password. Accounts that cannot be read are.
    let refused = trial.refused.into_iter().map(|finding| (finding.kind, finding.error));
    let (open, other): (Vec<_>, Vec<_>) = refused.partition(|(kind, _)| *kind == "open");
    if let Some((_, refusal)) = open.first() {
        let error =
            Error::new("without the password nothing keeps strangers out").caused_by(refusal.to_string());
        ui::error(&refusal.hints().iter().cloned().fold(error, Error::hint));
        return Ok(Exit::No);
    }
    if trial.rules.is_none() || other.iter().any(|(kind, _)| *kind == "accounts") {
        return Err(other.into_iter().map(|(_, error)| error).collect());
    }
    let warnings: Vec<String> = trial.warnings.iter().map(ToString::to_string).collect();
    editing.finish().map_err(one)?;
    let notice = format!("Turned off `{MODE}`: {}; no password is asked for", settings.origin(MODE));
    say(speech, &[notice], &warnings);
    Ok(Exit::Yes)
}
