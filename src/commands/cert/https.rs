//! Https turned on or off in the settings, with a certificate of our own.

use std::path::{Path, PathBuf};

use super::say;
use super::undo::{Entry, Outcome, Undo};
use crate::cli::SettingsThen;
use crate::commands::place::{self, Editing, Place, Readers};
use crate::commands::sources::{Sources, Speech};
use crate::config::{Content, Origin, Settings};
use crate::error::{Error, quoted_file};
use crate::gateway::keyring::Keyring;
use crate::ui;

const ENABLED: &str = "ssl.enabled";

/// Both files: the setting, and what is written where it differs.
const FILES: [(&str, &str); 2] =
    [("ssl.certPath", "./certs/cert.pem"), ("ssl.keyPath", "./certs/privkey.pem")];

/// All that is ever set, as it is written.
pub const SET: [(&str, &str); 3] = [(ENABLED, "true"), FILES[0], FILES[1]];

/// Whether the settings show the certificate of `keyring`.
pub fn is_on(settings: &Settings, keyring: &Keyring) -> bool {
    settings.ssl.enabled && points_to(settings, keyring)
}

fn points_to(settings: &Settings, keyring: &Keyring) -> bool {
    is_same(&settings.ssl.cert_path, &keyring.certificate) && is_same(&settings.ssl.key_path, &keyring.key)
}

/// Whether both lead to the same file, however they are written.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// What has to be changed for https can be changed in the file.
pub fn changeable(settings: &Settings, keyring: &Keyring) -> Result<(), Error> {
    if !settings.ssl.enabled {
        place::changeable(settings, ENABLED)?;
    }
    for (setting, _) in differing(settings, keyring) {
        place::changeable(settings, setting)?;
    }
    Ok(())
}

/// The settings of files that name others, and what they should be.
fn differing(settings: &Settings, keyring: &Keyring) -> Vec<(&'static str, &'static str)> {
    let ssl = &settings.ssl;
    let present: [(&Path, &Path); 2] =
        [(&ssl.cert_path, &keyring.certificate), (&ssl.key_path, &keyring.key)];
    FILES.into_iter().zip(present).filter(|(_, (is, be))| !is_same(is, be)).map(|(file, _)| file).collect()
}

/// Turns https on if that is wanted, and says what is next.
pub fn follow_up(
    sources: &Sources<'_>,
    keyring: &Keyring,
    then: SettingsThen,
    dry_run: bool,
    speech: Speech,
) -> Result<(), Vec<Error>> {
    let flag = sources.config_flag();
    let trust = format!("Then each device has to trust the authority, once: `innkeeper cert trust{flag}`");
    let settings = sources.read()?;
    let told = if is_on(&settings, keyring) {
        vec!["A server that runs shows it within a second".to_owned()]
    } else if then == SettingsThen::Keep {
        vec![format!("Next: turn https on, `innkeeper cert create --apply{flag}`"), trust]
    } else {
        let mut told = turn_on(sources, keyring, dry_run)?;
        told.push(trust);
        told
    };
    say(speech, &told);
    Ok(())
}

fn turn_on(sources: &Sources<'_>, keyring: &Keyring, dry_run: bool) -> Result<Vec<String>, Vec<Error>> {
    let one = |error| vec![error];
    // Before the file's, in the order of `--remove`. Nothing is there to lock where nothing was made.
    let _locked = if dry_run { None } else { Some(keyring.lock().map_err(one)?) };
    let mut editing = Editing::open(sources)?;
    changeable(&editing.settings, keyring).map_err(one)?;
    // SillyTavern would speak https itself, and nobody would understand it.
    let own = editing.readers == Readers::Both;
    let place = if own { Place::Own } else { Place::InForce };
    let mut told = Vec::new();
    let mut changes = Vec::new();
    for (setting, text) in differing(&editing.settings, keyring) {
        let ssl = &editing.settings.ssl;
        let before = if setting == FILES[0].0 { &ssl.cert_path } else { &ssl.key_path };
        let (verb, before) = (if dry_run { "Would set" } else { "Set" }, before.display());
        told.push(format!("{verb} `{setting}` to {text}, was {before}"));
        changes
            .extend(Entry::set(&mut editing, setting, &Content::Text(text.to_owned()), place).map_err(one)?);
    }
    let on = Content::Switch(true, "true".to_owned());
    changes.extend(Entry::set(&mut editing, ENABLED, &on, place).map_err(one)?);
    let settings = editing.outcome()?;
    if !is_on(&settings, keyring) {
        let file = settings.file.display();
        return Err(one(Error::new(format!("`{file}` would not be read as it was written"))
            .hint("nothing was changed in it; edit it by hand")));
    }
    if dry_run {
        ui::text(editing.difference());
        told.push(format!("Would turn on `{ENABLED}`: {}", settings.origin(ENABLED)));
    } else {
        // First: what is changed can be taken back, whenever this ends.
        Undo::read(keyring).and_then(|undo| undo.keep(&sources.file, changes, keyring)).map_err(one)?;
        editing.finish().map_err(one)?;
        told.push(format!("Turned on `{ENABLED}`: {}", settings.origin(ENABLED)));
    }
    if own {
        told.push("It stands under `innkeeper:`, as SillyTavern reads this file too".to_owned());
    }
    told.push("It counts from the next start of the server on".to_owned());
    Ok(told)
}

/// What is there when our certificate is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// No certificate.
    Nothing,
    /// The pair that was there before it.
    Before,
}

/// Takes back what `--apply` has changed, but for what somebody has changed since, and turns https off if it is still on
/// with the certificate of `keyring`. The files that are `going` are deleted then, and none comes in their place.
pub fn turn_off(
    sources: &Sources<'_>,
    keyring: &Keyring,
    undo: &Undo,
    after: After,
    going: &[PathBuf],
    dry_run: bool,
) -> Result<Vec<String>, Vec<Error>> {
    let one = |error| vec![error];
    let mut editing = Editing::open(sources)?;
    let was_on = is_on(&editing.settings, keyring);
    let (mut told, mut outcomes) = (Vec::new(), Vec::new());
    for entry in undo.entries(&sources.file) {
        let ssl = &editing.settings.ssl;
        if entry.setting == ENABLED && ssl.enabled && !was_on {
            told.push(format!("Left `{ENABLED}` on: it is for {} by now", ssl.cert_path.display()));
            continue;
        }
        outcomes.push((entry.setting.as_str(), entry.take_back(&mut editing).map_err(one)?));
    }
    let mut settings = editing.outcome()?;
    // Not by `--apply`.
    if is_on(&settings, keyring) && after == After::Nothing {
        place::changeable(&settings, ENABLED).map_err(one)?;
        editing.set(ENABLED, &Content::Switch(false, "false".to_owned()), Place::InForce).map_err(one)?;
        settings = editing.outcome()?;
        outcomes.push((ENABLED, Outcome::Rewritten));
    }
    told.extend(outcomes.iter().filter_map(|(setting, outcome)| back(setting, outcome, &settings, dry_run)));
    if dry_run {
        ui::text(editing.difference());
    } else {
        editing.finish().map_err(one)?;
        if was_on && !settings.ssl.enabled {
            told.push("A server that runs goes on with https until its next start".to_owned());
        }
    }
    if settings.ssl.enabled {
        told.extend(missing(&settings, going).map(|file| {
            let command = format!("innkeeper config set {ENABLED} false{}", sources.config_flag());
            let file = file.display();
            format!("`{ENABLED}` is on, but {file} is not there, and no server starts without: `{command}`")
        }));
    }
    for other in undo.others(&sources.file) {
        let file = other.display();
        let command = format!("innkeeper config set {ENABLED} false --config {}", quoted_file(&other));
        told.push(format!("{file} was turned to this certificate too: `{command}`, if it still is"));
    }
    Ok(told)
}

/// The first file of https that would not be there without those that are `going`.
fn missing<'a>(settings: &'a Settings, going: &[PathBuf]) -> Option<&'a Path> {
    let ssl = &settings.ssl;
    let others = ssl.certificates.iter().flat_map(|other| [&other.cert_path, &other.key_path]);
    let mut files = [&ssl.cert_path, &ssl.key_path].into_iter().chain(others);
    let is_there = |file: &PathBuf| file.exists() && !going.iter().any(|going| is_same(going, file));
    files.find(|file| !is_there(file)).map(PathBuf::as_path)
}

/// What has become of one setting, if there is something to say.
fn back(setting: &str, outcome: &Outcome, settings: &Settings, dry_run: bool) -> Option<String> {
    let origin = settings.origin(setting);
    let does = |did: &'static str, would: &'static str| if dry_run { would } else { did };
    Some(match outcome {
        Outcome::AsBefore => return None,
        Outcome::Theirs { now: None } => format!("Left `{setting}` alone, which was taken out since"),
        Outcome::Theirs { now: Some(now) } => format!("Left `{setting}` alone, which was set to {now} since"),
        Outcome::Restored | Outcome::Rewritten if setting == ENABLED => match origin {
            Origin::Default => {
                format!("{} `{ENABLED}` out of the settings again", does("Took", "Would take"))
            }
            _ => format!("{} `{ENABLED}`: {origin}", does("Turned off", "Would turn off")),
        },
        Outcome::Restored | Outcome::Rewritten => {
            let ssl = &settings.ssl;
            let value = if setting == FILES[0].0 { &ssl.cert_path } else { &ssl.key_path };
            format!("{} `{setting}` back to {}: {origin}", does("Set", "Would set"), value.display())
        }
    })
}
