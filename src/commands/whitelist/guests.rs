//! Guests: `whitelist add --for`, and their part in `whitelist remove`.

use std::time::{Duration, SystemTime};

use super::super::sources::Sources;
use super::Wanted;
use super::editing::{Editing, GUESTS};
use super::everybody::{self, Written};
use super::known::{Known, covers};
use super::list::{place, stay};
use super::overlap::Overlap;
use crate::config::document::Change;
use crate::config::{Guest, Until, guest};
use crate::error::{Error, Exit};
use crate::policy::address::Entry;

/// What may be a guest, or everything that may not.
///
/// # Errors
/// An entry that cannot be read, or lets in everybody.
pub fn checked(entries: Vec<String>) -> Result<Vec<(String, Entry)>, Vec<Error>> {
    let mut errors = Vec::new();
    let mut guests = Vec::new();
    for text in entries {
        match guest::entry(&text) {
            Ok(entry) => guests.push((text, entry)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(guests) } else { Err(errors) }
}

/// Lets `entries` in for `length` from `now` on. Whoever is let in for as long already is not added.
///
/// # Errors
/// An end in no calendar; guests that are everybody together; a file that cannot be changed.
pub fn add(
    mut editing: Editing,
    entries: &[(String, Entry)],
    note: Option<&str>,
    length: Duration,
    now: SystemTime,
) -> Result<Exit, Error> {
    let invitation = Invitation { until: Until::after(now, length)?, note };
    let known = Known::of(&editing.settings.whitelist);
    let mut guests = editing.settings.guests.clone();
    everybody_stays_out(&guests, entries, now)?;
    let is_in = |(text, entry): &(String, Entry)| {
        invitation.needless(&editing, &known, &guests, text, entry).is_some()
    };
    if !entries.iter().all(is_in) {
        // First, so that the lines that are told stay.
        sweep(&mut editing, &mut guests, now)?;
    }
    let mut new: Vec<Written<'_>> = Vec::new();
    for (text, entry) in entries {
        if let Some(why) = invitation.needless(&editing, &known, &guests, text, entry) {
            editing.notices.push(why);
            continue;
        }
        invitation.put(&mut editing, &mut guests, text, entry)?;
        new.push((text, entry));
        if let Entry::Pattern(pattern) = entry {
            editing.warnings.extend(pattern.cautions().iter().map(ToString::to_string));
        }
    }
    let present = everybody::listed(known.listed()).chain(everybody::invited(&editing.settings.guests, now));
    let opened = everybody::completed(present, new.into_iter());
    editing.warnings.extend(opened);
    if editing.is_changed() {
        editing.warn_of_disuse();
        let warning = "SillyTavern itself knows no guests: they come in through Innkeeper only";
        editing.warnings.push(warning.to_owned());
    }
    editing.finish()
}

/// Everybody is no guest, not in two halves either.
fn everybody_stays_out(guests: &[Guest], entries: &[(String, Entry)], now: SystemTime) -> Result<(), Error> {
    let present = || guests.iter().filter(|guest| guest.is_in(now)).map(|guest| Some(&guest.entry));
    let everybody = Overlap::of(present().chain(entries.iter().map(|(_, entry)| Some(entry)))).is_everyone();
    if everybody && !Overlap::of(present()).is_everyone() {
        return Err(Error::new("these guests are everybody, taken together, and everybody is no guest")
            .hint(
                "nothing was changed; name addresses or networks, such as `203.0.113.9` or `192.168.1.0/24`",
            ));
    }
    Ok(())
}

/// What is said of each new guest.
struct Invitation<'a> {
    until: Until,
    note: Option<&'a str>,
}

impl Invitation<'_> {
    /// By what `entry` is let in for as long already.
    fn needless(
        &self,
        editing: &Editing,
        known: &Known,
        guests: &[Guest],
        text: &str,
        entry: &Entry,
    ) -> Option<String> {
        if let Some(rule) = known.covering(entry) {
            return Some(format!("{text} is let in already, for good, by `{}` ({})", rule.text, rule.place));
        }
        let as_long = |guest: &&Guest| !self.until.is_later_than(&guest.until);
        let host = guests.iter().filter(as_long).find(|guest| covers(&guest.entry, entry))?;
        let stay = stay(&host.until);
        let place = place(&editing.settings, host);
        let by = if host.entry == *entry { String::new() } else { format!(" by `{}`", host.address) };
        Some(format!("{text} is let in already, as a {stay}{by} ({place})"))
    }

    /// Writes a guest. Of one who is a guest already the end moves, and the line goes to the end of the list with it.
    fn put(
        &self,
        editing: &mut Editing,
        guests: &mut Vec<Guest>,
        text: &str,
        entry: &Entry,
    ) -> Result<(), Error> {
        let before = match guests.iter().position(|guest| guest.entry == *entry) {
            Some(number) => {
                editing.document.edit(&Change::Remove { list: GUESTS, number })?;
                Some(guests.remove(number))
            }
            None => None,
        };
        let until = &self.until;
        let note = self.note.or(before.as_ref().map(|guest| guest.note.as_str())).unwrap_or_default();
        let end = until.to_string();
        let fields = [("address", text), ("until", end.as_str()), ("note", note)];
        let fields = if note.is_empty() { &fields[..2] } else { &fields[..] };
        let line = editing.document.edit(&Change::AppendItem { list: GUESTS, item: fields })?;
        let place = format!("{}:{line}", editing.path.display());
        let told = if let Some(before) = &before {
            let verb = editing.writing.verb("Moved the end of", "Would move the end of");
            format!("{verb} {text}, from {} to {until}: {place}", before.until)
        } else {
            let verb = editing.writing.verb("Added", "Would add");
            format!("{verb} {text} as a guest until {until}: {place}")
        };
        editing.notices.push(told);
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        let (address, note) = (text.to_owned(), note.to_owned());
        guests.push(Guest { address, entry: entry.clone(), until: until.clone(), note, line });
        Ok(())
    }
}

/// Takes away the guests whose time is over.
fn sweep(editing: &mut Editing, guests: &mut Vec<Guest>, now: SystemTime) -> Result<(), Error> {
    let verb = editing.writing.verb("Removed", "Would remove");
    while let Some(number) = guests.iter().position(|guest| !guest.is_in(now)) {
        editing.document.edit(&Change::Remove { list: GUESTS, number })?;
        let gone = guests.remove(number);
        editing
            .notices
            .push(format!("{verb} the guest {}, whose time was over at {}", gone.address, gone.until));
    }
    Ok(())
}

/// Whether an entry that is to go is a guest's.
pub fn is_guest(guest: &Guest, wanted: &Wanted<'_>) -> bool {
    guest.address == wanted.text || wanted.entry.as_ref() == Some(&guest.entry)
}

/// Takes away every guest that is or means one of `wanted`.
///
/// # Errors
/// Guests that stand in no file; a file that cannot be changed.
pub fn remove(editing: &mut Editing, sources: &Sources<'_>, wanted: &[Wanted<'_>]) -> Result<(), Vec<Error>> {
    let is_wanted = |guest: &Guest| wanted.iter().any(|wanted| is_guest(guest, wanted));
    if !editing.settings.guests.iter().any(is_wanted) {
        return Ok(());
    }
    let verb = editing.writing.verb("Removed", "Would remove");
    editing.guest_document(sources)?;
    while let Some(number) = editing.settings.guests.iter().position(is_wanted) {
        let change = Change::Remove { list: GUESTS, number };
        editing.guest_document(sources)?.edit(&change).map_err(|error| vec![error])?;
        let guest = editing.settings.guests.remove(number);
        let place = place(&editing.settings, &guest);
        editing.notices.push(format!("{verb} {} from the guests: {place}", guest.address));
    }
    Ok(())
}
