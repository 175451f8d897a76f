//! `innkeeper whitelist`: the list that is in force, shown and changed.

mod editing;
mod everybody;
mod guests;
mod import;
mod known;
mod list;
mod migrate;
mod notes;
mod overlap;
mod trial;

use std::time::SystemTime;

use self::editing::{Editing, Writing};
use self::import::{Incoming, Junk};
use self::known::{Known, Listed, covers};
use super::sources::{Sources, Speech, removal};
use crate::cli::{Whitelist, WhitelistAction};
use crate::config::document::{Change, Kind};
use crate::error::{Error, Exit};
use crate::policy::address::Entry;
use crate::ui;

/// Shows or changes the list.
///
/// # Errors
/// Settings that cannot be read, entries that are none, a file that cannot be changed.
pub fn run(whitelist: &Whitelist) -> Result<Exit, Vec<Error>> {
    let sources = Sources::find(&whitelist.flags)?;
    let speech = Speech::of(whitelist.quiet);
    let one = |error| vec![error];
    match &whitelist.action {
        WhitelistAction::List { json } => list::list(&sources.read()?, *json, SystemTime::now()),
        WhitelistAction::Add { entries, note, length, dry_run } => {
            let note = checked(note.as_deref()).map_err(one)?;
            let (entries, writing) = (given(entries)?, Writing::of(*dry_run));
            if let Some(length) = length {
                let entries = guests::checked(entries)?;
                let editing = Editing::guests(&sources, writing, speech)?;
                return guests::add(editing, &entries, note, *length, SystemTime::now()).map_err(one);
            }
            let entries = parsed(&entries)?;
            let editing = Editing::list_in_force(&sources, writing, speech)?;
            add(editing, &entries, note, SystemTime::now()).map_err(one)
        }
        WhitelistAction::Remove { entries, force, dry_run } => {
            let entries = given(entries)?;
            let wanted: Vec<Wanted<'_>> = entries.iter().map(|text| Wanted::of(text)).collect();
            let editing = Editing::list_in_force(&sources, Writing::of(*dry_run), speech)?;
            let flag = sources.config_flag();
            if let Some(absent) = absent(&editing, &wanted, &flag) {
                absent.iter().for_each(ui::error);
                return Ok(Exit::No);
            }
            let last = if *force { LastLoopback::Remove } else { LastLoopback::Keep };
            remove(editing, &sources, &wanted, last)
        }
        WhitelistAction::Import { file, note, skip, dry_run } => {
            let note = checked(note.as_deref()).map_err(one)?;
            // Read before anything is locked: whoever writes it may take his time.
            let incoming = Incoming::read(file, &sources.config_flag()).map_err(one)?;
            let editing = Editing::list_in_force(&sources, Writing::of(*dry_run), speech)?;
            let junk = if *skip { Junk::Skip } else { Junk::Refuse };
            import::import(editing, &incoming, note, junk, &sources.config_flag())
        }
        WhitelistAction::Migrate { dry_run } => migrate::migrate(&sources, Writing::of(*dry_run), speech),
        WhitelistAction::Test(trial) => trial::run(&sources, trial, speech),
    }
}

/// The entries, with those of standard input in the place of `-`.
fn given(entries: &[String]) -> Result<Vec<String>, Vec<Error>> {
    let mut given = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.trim() == "-" {
            given.extend(Incoming::entries_of_input().map_err(|error| vec![error])?);
        } else {
            given.push(entry.trim().to_owned());
        }
    }
    Ok(given)
}

/// What is said where notes are written into whitelist.txt.
const NOTES_IN_TEXT: &str =
    "SillyTavern, if it reads whitelist.txt too, leaves out entries with a note behind them";

/// Adds what is not let in yet.
fn add(
    mut editing: Editing,
    entries: &[(&str, Entry)],
    note: Option<&str>,
    now: SystemTime,
) -> Result<Exit, Error> {
    let verb = editing.writing.verb("Added", "Would add");
    let mut known = Known::of(&editing.settings.whitelist);
    let count = known.len();
    for (text, entry) in entries {
        if let Some(rule) = known.covering(entry) {
            let notice = format!("{text} is let in already, by `{}` ({})", rule.text, rule.place);
            editing.notices.push(notice);
            continue;
        }
        let path = editing.list()?;
        let line = editing.document.edit(&Change::Append { list: &path, entry: text, note })?;
        let place = format!("{}:{line}", editing.path.display());
        editing.notices.push(format!("{verb} {text} to the whitelist: {place}"));
        if let Entry::Pattern(pattern) = entry {
            editing.warnings.extend(pattern.cautions().iter().map(ToString::to_string));
        }
        known.push(Listed { text: (*text).into(), entry: Some(entry.clone()), place });
    }
    let (present, new) = known.listed().split_at(count);
    let present = everybody::listed(present).chain(everybody::invited(&editing.settings.guests, now));
    let opened = everybody::completed(present, everybody::listed(new));
    editing.warnings.extend(opened);
    if note.is_some() && editing.kind == Kind::Lines {
        editing.warnings.push(NOTES_IN_TEXT.to_owned());
    }
    editing.warn(known.len());
    editing.finish()
}

/// Why nothing is removed: one that is not there keeps the others.
fn absent(editing: &Editing, entries: &[Wanted<'_>], config_flag: &str) -> Option<Vec<Error>> {
    let list = &editing.settings.whitelist;
    let known = Known::of(list);
    let is_guest =
        |wanted: &Wanted<'_>| editing.settings.guests.iter().any(|guest| guests::is_guest(guest, wanted));
    let absent = entries.iter().filter(|wanted| known.position(wanted).is_none() && !is_guest(wanted));
    let error = |wanted: &Wanted<'_>| {
        let host = editing
            .settings
            .guests
            .iter()
            .find(|guest| wanted.entry.as_ref().is_some_and(|entry| covers(&guest.entry, entry)));
        let error = known.absent(wanted, &list.origin, config_flag);
        match host {
            Some(host) => error.hint(format!(
                "it is let in by the guest `{}` ({}): `{}`",
                host.address,
                list::place(&editing.settings, host),
                removal(&host.address, config_flag)
            )),
            None => error,
        }
    };
    let errors: Vec<Error> = absent.map(error).collect();
    (!errors.is_empty()).then_some(errors)
}

/// Takes away every entry and guest that is or means one of `entries`.
fn remove(
    mut editing: Editing,
    sources: &Sources<'_>,
    entries: &[Wanted<'_>],
    last: LastLoopback,
) -> Result<Exit, Vec<Error>> {
    let one = |error| vec![error];
    let verb = editing.writing.verb("Removed", "Would remove");
    let mut known = Known::of(&editing.settings.whitelist);
    let had_loopback = known.loopback().is_some();
    for wanted in entries {
        while let Some(number) = known.position(wanted) {
            let path = editing.list().map_err(one)?;
            editing.document.edit(&Change::Remove { list: &path, number }).map_err(one)?;
            let gone = known.remove(number);
            editing.notices.push(format!("{verb} {} from the whitelist: {}", gone.text, gone.place));
        }
    }
    if had_loopback && known.loopback().is_none() && last == LastLoopback::Keep {
        ui::error(
            &Error::new("without that entry this computer itself cannot come in any more")
                .hint("nothing was changed; if it is meant, say `--force`"),
        );
        return Ok(Exit::No);
    }
    for wanted in entries {
        if let Some(rule) = wanted.entry.as_ref().and_then(|entry| known.covering(entry)) {
            let warning = format!("{} is still let in, by `{}` ({})", wanted.text, rule.text, rule.place);
            editing.warnings.push(warning);
        }
    }
    editing.warn(known.len());
    guests::remove(&mut editing, sources, entries)?;
    for wanted in entries {
        let now = SystemTime::now();
        let hosts = editing.settings.guests.iter().filter(|guest| guest.is_in(now));
        let mut hosts =
            hosts.filter(|host| wanted.entry.as_ref().is_some_and(|entry| covers(&host.entry, entry)));
        if let Some(host) = hosts.next() {
            let place = list::place(&editing.settings, host);
            let stay = list::stay(&host.until);
            let warning =
                format!("{} is still let in, as a {stay} by `{}` ({place})", wanted.text, host.address);
            editing.warnings.push(warning);
        }
    }
    editing.finish().map_err(one)
}

/// An entry that is to go: as it was typed, and what it means. One that means nothing is found by its text, so that
/// the mistakes of a list can be taken away too.
struct Wanted<'a> {
    text: &'a str,
    entry: Option<Entry>,
    mistake: Option<Error>,
}

impl<'a> Wanted<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.trim();
        match text.parse() {
            Ok(entry) => Self { text, entry: Some(entry), mistake: None },
            Err(error) => Self { text, entry: None, mistake: Some(error) },
        }
    }
}

/// Whether the last entry for this computer may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastLoopback {
    Keep,
    Remove,
}

/// Every entry, or everything that is wrong with them.
fn parsed(texts: &[String]) -> Result<Vec<(&str, Entry)>, Vec<Error>> {
    let mut errors = Vec::new();
    let mut entries = Vec::new();
    for text in texts {
        let text = text.trim();
        match text.parse() {
            Ok(entry) => entries.push((text, entry)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(entries) } else { Err(errors) }
}

/// A note stands behind `#` in one line.
fn checked(note: Option<&str>) -> Result<Option<&str>, Error> {
    let Some(note) = note.map(str::trim) else { return Ok(None) };
    if note.is_empty() || note.chars().any(char::is_control) {
        return Err(Error::new("a note is one line of text").hint("for example `--note \"Ann's phone\"`"));
    }
    Ok(Some(note))
}
