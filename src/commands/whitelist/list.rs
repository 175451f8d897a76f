//! `innkeeper whitelist list`: each entry, what it covers, where it stands, its note, and what else is to know about it;
//! then the guests.

use std::time::SystemTime;

use serde::Serialize;

use super::notes::Notes;
use super::overlap::Overlap;
use crate::config::{Guest, ListEntry, Origin, Settings, Until};
use crate::error::{Error, Exit};
use crate::policy::address::Entry;
use crate::ui;

/// Prints the list that is in force, and the guests.
pub fn list(settings: &Settings, json: bool, now: SystemTime) -> Result<Exit, Vec<Error>> {
    let rows = rows(settings, now);
    if json {
        let text = serde_json::to_string_pretty(&rows)
            .map_err(|error| vec![Error::new("cannot write JSON").caused_by(error)])?;
        ui::line(&text);
    } else {
        let rows: Vec<_> = rows.into_iter().map(Row::cells).collect();
        ui::table(["ENTRY", "COVERS", "SOURCE", "NOTE", "STATUS"], &rows);
    }
    Ok(Exit::Yes)
}

/// One entry or guest. The names are part of what `--json` promises; what does not apply is empty text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    entry: String,
    /// `192.168.0.0/24, 256 addresses`.
    covers: String,
    /// `config.yaml:12`, the name of a variable, `default`.
    source: String,
    note: String,
    status: Status,
    /// Until when a guest comes in, in RFC 3339.
    until: String,
    /// Another entry that lets in everything this one does.
    covered_by: String,
    /// Where that one stands.
    covered_by_source: String,
}

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Status {
    /// It lets in, for good.
    Listed,
    /// It cannot be read, and lets in nobody.
    Ignored,
    /// A guest, who comes in.
    Guest,
    /// A guest whose time is over.
    Expired,
}

fn rows(settings: &Settings, now: SystemTime) -> Vec<Row> {
    let list = &settings.whitelist;
    let notes = Notes::of(list);
    let entries: Vec<Result<Entry, Error>> = list.entries.iter().map(|entry| entry.text.parse()).collect();
    let overlap = Overlap::of(entries.iter().map(|entry| entry.as_ref().ok()));
    let source = |entry: &ListEntry| list.origin_of(entry).to_string();
    let cover = |row: Row, number: Option<u32>| match number {
        Some(number) => {
            let covering = &list.entries[number as usize];
            Row { covered_by: covering.text.to_string(), covered_by_source: source(covering), ..row }
        }
        None => row,
    };
    let listed = (0..).zip(&list.entries).zip(&entries).map(|((number, listed), entry)| {
        let row = Row {
            entry: listed.text.to_string(),
            covers: entry.as_ref().map_or_else(|error| format!("nothing: {error}"), covers),
            source: source(listed),
            note: notes.note(listed).unwrap_or_default().to_owned(),
            status: if entry.is_ok() { Status::Listed } else { Status::Ignored },
            until: String::new(),
            covered_by: String::new(),
            covered_by_source: String::new(),
        };
        cover(row, entry.as_ref().ok().and_then(|entry| overlap.covering(entry, Some(number))))
    });
    let guests = settings.guests.iter().map(|guest| {
        let row = Row {
            entry: guest.address.clone(),
            covers: covers(&guest.entry),
            source: place(settings, guest),
            note: guest.note.clone(),
            status: if guest.is_in(now) { Status::Guest } else { Status::Expired },
            until: guest.until.to_string(),
            covered_by: String::new(),
            covered_by_source: String::new(),
        };
        // Whoever is listed comes in for good.
        cover(row, overlap.covering(&guest.entry, None))
    });
    listed.chain(guests).collect()
}

/// Where a guest stands: `config.yaml:31`.
pub fn place(settings: &Settings, guest: &Guest) -> String {
    match settings.origin("guests") {
        Origin::File { path, .. } => format!("{}:{}", path.display(), guest.line),
        origin => origin.to_string(),
    }
}

/// `guest until 2030-01-31T18:00:00+01:00`.
pub fn stay(until: &Until) -> String {
    match until {
        Until::Removed => "guest".to_owned(),
        Until::Moment(_) => format!("guest until {until}"),
    }
}

impl Row {
    /// Four columns that every reader of the output knows, and in words what else there is to know.
    fn cells(self) -> [String; 5] {
        let status = match self.status {
            // What it covers says it already.
            Status::Listed | Status::Ignored => None,
            Status::Guest if self.until.is_empty() => Some("guest".to_owned()),
            Status::Guest => Some(format!("guest until {}", self.until)),
            Status::Expired => Some(format!("expired, was a guest until {}", self.until)),
        };
        let covered = (!self.covered_by.is_empty())
            .then(|| format!("covered by {} ({})", self.covered_by, self.covered_by_source));
        let words: Vec<String> = status.into_iter().chain(covered).collect();
        [self.entry, self.covers, self.source, self.note, words.join("; ")]
    }
}

fn covers(entry: &Entry) -> String {
    match entry {
        Entry::Pattern(pattern) => pattern.coverage().to_string(),
        Entry::Name(_) => "the addresses of that name".to_owned(),
        Entry::Preset(preset) => {
            let patterns: Vec<String> = preset.patterns().iter().map(ToString::to_string).collect();
            if patterns.is_empty() {
                "what the server finds at its start".to_owned()
            } else {
                patterns.join(", ")
            }
        }
    }
}
