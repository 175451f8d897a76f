//! `innkeeper config`: the settings, written, shown, checked and changed.

mod check;
mod convert;
mod init;
mod set;
mod share;
mod show;
mod sillytavern;

use serde::Serialize;

use super::sources::{Sources, Speech, config_flag};
use crate::cli::{Config, ConfigAction};
use crate::config::schema::{self, KEYS, Key, SECTION};
use crate::error::{Error, Exit};
use crate::ui;

/// Does what is asked for with the settings.
///
/// # Errors
/// Settings that are not there or cannot be read, a setting that does not exist, a file that cannot be written.
pub fn run(config: &Config) -> Result<Exit, Vec<Error>> {
    let speech = Speech::of(config.quiet);
    let sources = || Sources::find(&config.flags);
    match &config.action {
        ConfigAction::Init { format, force } => init::init(&config.flags, *format, Over::of(*force), speech),
        ConfigAction::Share { folder } => share::share(folder, speech),
        ConfigAction::Show { origin, json } => show::show(&sources()?, *origin, *json),
        ConfigAction::Check { json } => check::check(&sources()?, *json, speech),
        ConfigAction::Get { key, json } => show::one(
            &sources()?,
            find(key, &config_flag(&config.flags)).map_err(|error| vec![error])?,
            *json,
        ),
        ConfigAction::Set { key, value, dry_run } => {
            let key = find(key, &config_flag(&config.flags)).map_err(|error| vec![error])?;
            set::set(&sources()?, key, value, *dry_run, speech)
        }
        ConfigAction::Convert { to, output, force } => {
            convert::convert(&sources()?, *to, output.as_deref(), Over::of(*force), speech)
        }
    }
}

/// Whether a file that is there may be written over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    /// `--force`.
    Write,
    Refuse,
}

impl Over {
    fn of(force: bool) -> Self {
        if force { Self::Write } else { Self::Refuse }
    }
}

/// A setting as it was named on the command line.
#[derive(Clone, Copy)]
struct Named {
    key: &'static Key,
    place: Place,
}

/// Which of the two places of a setting was named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `port`: where it stands.
    Where,
    /// `innkeeper.port`: in Innkeeper's own section.
    Own,
}

/// The setting that `written` names, with or without `innkeeper.` in front; `config_flag` goes with the command of a
/// hint.
fn find(written: &str, config_flag: &str) -> Result<Named, Error> {
    let own = written.strip_prefix(SECTION).and_then(|rest| rest.strip_prefix('.'));
    let path = own.unwrap_or(written);
    if let Some(key) = Key::find(path) {
        return Ok(Named { key, place: if own.is_some() { Place::Own } else { Place::Where } });
    }
    let below: Vec<&str> = KEYS
        .iter()
        .filter(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
        .map(|key| key.path)
        .collect();
    if !below.is_empty() {
        return Err(Error::new(format!("`{written}` is a section with settings of its own"))
            .hint(format!("name one of them: `{}`", below.join("`, `"))));
    }
    let error = Error::new(format!("there is no setting `{written}`"));
    // The whole name, or the last part of one: `certPath`.
    let leaf = || KEYS.iter().filter(|key| key.leaf().eq_ignore_ascii_case(path)).map(|key| key.path);
    let meant = schema::nearest(path, KEYS.iter().map(|key| key.path)).or_else(|| leaf().next());
    Err(match meant {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!("`innkeeper config show{config_flag}` names them all")),
    })
}

/// Prints `value` as JSON.
fn print_json(value: &impl Serialize) -> Result<(), Vec<Error>> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| vec![Error::new("cannot write JSON").caused_by(error)])?;
    ui::line(&text);
    Ok(())
}
