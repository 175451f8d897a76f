//! `innkeeper config set`: one setting, changed in the file without touching the rest.

use super::sillytavern::SillyTavern;
use super::{Named, Place};
use crate::commands::opening::{self, Names};
use crate::commands::sources::{Sources, Speech};
use crate::config::document::{Change, Document, Kind, PATIENCE};
use crate::config::schema::{self, Key, Owner, SECTION};
use crate::config::{Effective, Flags, ListOrigin, Origin, Syntax, Typed, Value, Variables};
use crate::error::{Error, Exit, quoted};
use crate::gateway::reload;
use crate::ui;

/// Sets `named` to `text`, unless `serve` would then refuse to start.
pub fn set(
    sources: &Sources<'_>,
    named: Named,
    text: &str,
    dry_run: bool,
    speech: Speech,
) -> Result<Exit, Vec<Error>> {
    let key = named.key;
    let flag = sources.config_flag();
    settable(key, &flag).map_err(|error| vec![error])?;
    let typed = Typed::read(key, text, &flag)?;
    if matches!(&typed.value, Value::Certificates(list) if list.iter().any(|one| one.key_passphrase.is_some()))
    {
        return Err(vec![not_from_the_command_line("keyPassphrase").hint("write it into the settings file")]);
    }
    let kind = Kind::Settings(Syntax::of(&sources.file));
    let mut document = Document::open(&sources.file, kind, PATIENCE).map_err(|error| vec![error])?;
    let before = State::of(sources, document.text());
    let path = path(&document, named);
    let stands = path == document.path_of(key);
    if let Some(alone) = before.alone.as_ref().filter(|alone| stands && alone.holds(key, &typed.value)) {
        if speech == Speech::Full {
            ui::notice(&format!("{} is {} already", key.full_path(), line(alone, key)));
            overridden(&before, key);
        }
        return Ok(Exit::Yes);
    }
    let number =
        document.edit(&Change::Set { path: &path, value: &typed.content }).map_err(|error| vec![error])?;
    let after = State::of(sources, document.text());
    if let Some(errors) = after.refused_beyond(&before) {
        refuse(&errors, key, &before, &flag);
        return Ok(Exit::No);
    }
    if dry_run {
        ui::text(document.difference());
    }
    let shared = SillyTavern::read(&sources.file).is_ok_and(|theirs| theirs.shares());
    if !dry_run {
        document.replace().map_err(|error| vec![error])?;
    }
    if speech == Speech::Full {
        let verb = if dry_run { "would be" } else { "=" };
        let now = match &after.alone {
            Some(now) => line(now, key),
            None => format!("{text} ({}:{number})", sources.file.display()),
        };
        tell(key, &format!("{} {verb} {now}", path.join(".")), [&before, &after]);
        if shared && key.owner == Owner::SillyTavern && path[0] != SECTION {
            ui::warning(&format!(
                "SillyTavern reads this line too; for Innkeeper alone: `innkeeper config set innkeeper.{} {}{flag}`",
                key.path,
                quoted(text)
            ));
        }
    }
    Ok(Exit::Yes)
}

/// Says why nothing is changed.
fn refuse(errors: &[&Error], key: &Key, before: &State, flag: &str) {
    for error in errors {
        ui::error(error);
    }
    let nothing = Error::new("nothing was changed: `serve` would not start with it");
    // One of these two has to go before the other can come.
    let other = match key.path {
        "root" => Key::find("upstream"),
        "upstream" => Key::find("root"),
        _ => None,
    };
    let stands = other.zip(before.alone.as_ref()).filter(|(other, alone)| !alone.is_default(other));
    ui::error(&match stands {
        Some((other, _)) => {
            nothing.hint(format!("first: `innkeeper config set {} ''{flag}`", other.full_path()))
        }
        None => nothing,
    });
}

/// What is not set here.
fn settable(key: &Key, flag: &str) -> Result<(), Error> {
    match key.kind {
        schema::Kind::Secret => {
            let error = not_from_the_command_line(&key.full_path());
            Err(match key.path {
                "basicAuthUser.password" => error.hint(format!("innkeeper auth set{flag}")),
                _ => error.hint("write it into the settings file"),
            })
        }
        schema::Kind::Entries if key.path == "whitelist" => {
            Err(Error::new("the whitelist is changed entry by entry")
                .hint(format!("innkeeper whitelist add 192.168.1.0/24{flag}"))
                .hint(format!("innkeeper whitelist remove 192.168.1.0/24{flag}")))
        }
        _ => Ok(()),
    }
}

fn not_from_the_command_line(name: &str) -> Error {
    Error::new(format!("`{name}` is not taken from the command line"))
        .hint("other users of this computer can see what is typed there")
}

/// Where the setting is written.
fn path(document: &Document, named: Named) -> Vec<&'static str> {
    match named.place {
        Place::Where => document.path_of(named.key),
        Place::Own => std::iter::once(SECTION).chain(named.key.path.split('.')).collect(),
    }
}

/// The settings with one text of the file.
struct State {
    /// The file alone, if it can be read.
    alone: Option<Effective>,
    /// With the environment.
    effective: Option<Effective>,
    /// Why `serve` would not start.
    refused: Vec<Error>,
    /// What it would warn of when it starts.
    warnings: Vec<String>,
}

impl State {
    fn of(sources: &Sources<'_>, text: &str) -> Self {
        let (flags, variables) = (Flags::default(), Variables::default());
        let alone = Effective::of_text(&sources.file, text, &flags, &variables).ok();
        match Effective::of_text(&sources.file, text, sources.flags, &sources.variables) {
            Ok(effective) => {
                let trial = opening::trial(&effective.settings, Names::Leave);
                let refused = trial.refused.into_iter().map(|finding| finding.error).collect();
                let warnings = trial.warnings.iter().map(ToString::to_string).collect();
                Self { alone, effective: Some(effective), refused, warnings }
            }
            Err(problems) => {
                Self { alone, effective: None, refused: problems.errors(), warnings: Vec::new() }
            }
        }
    }

    /// Reasons not to start that `before` did not have. What was wrong before does not keep anybody from setting
    /// things right one by one.
    fn refused_beyond(&self, before: &Self) -> Option<Vec<&Error>> {
        let old: Vec<String> = before.refused.iter().map(reason).collect();
        let new: Vec<&Error> = self.refused.iter().filter(|error| !old.contains(&reason(error))).collect();
        (!new.is_empty()).then_some(new)
    }
}

/// What an error says, without the place, which moves with the lines.
fn reason(error: &Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let place =
        first.split_once(": ").filter(|(place, _)| place.ends_with(|last: char| last.is_ascii_digit()));
    place.map_or(first, |(_, message)| message).to_owned()
}

/// Says what is set now, and what may keep it from counting.
fn tell(key: &Key, now: &str, [before, after]: [&State; 2]) {
    let was = before.alone.as_ref().map(|was| format!(", was {}", line(was, key))).unwrap_or_default();
    ui::notice(&format!("{now}{was}"));
    let full = key.full_path();
    if overridden(after, key) {
        // What counts is another value.
    } else if let Some(told) = opening::without_effect(key) {
        ui::warning(&told);
    } else if reload::counts_from_next_start(&full) {
        ui::warning(&format!(
            "a server that runs goes on without it: `{full}` counts from the next start on"
        ));
    }
    for warning in after.warnings.iter().filter(|warning| !before.warnings.contains(warning)) {
        ui::warning(warning);
    }
    for error in &after.refused {
        ui::warning(&format!("`serve` still refuses these settings: {}", reason(error)));
    }
}

/// Says when a variable wins over the file, and whether it does.
fn overridden(state: &State, key: &Key) -> bool {
    let origin = state.effective.as_ref().map(|effective| effective.origin(key));
    let Some(ListOrigin::Setting(Origin::Variable(name))) = origin else { return false };
    ui::warning(&format!("this has no effect as long as `{name}` is set, which wins"));
    true
}

/// `8000 (config.yaml:12)`.
fn line(effective: &Effective, key: &Key) -> String {
    let value = effective.lines(key).join(", ");
    let value = if value.is_empty() { "(nothing)" } else { &value };
    format!("{value} ({})", effective.origin(key))
}
