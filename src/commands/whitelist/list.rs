//! `innkeeper whitelist list`: each entry, what it covers, where it stands, and its note.

use std::collections::HashMap;

use serde::Serialize;

use crate::config::{ListEntry, ListOrigin, ListSource, Origin, Settings, document};
use crate::error::{Error, Exit};
use crate::policy::address::Entry;
use crate::ui;

/// Prints the list that is in force.
pub fn list(settings: &Settings, json: bool) -> Result<Exit, Vec<Error>> {
    let list = &settings.whitelist;
    let file = File::of(list);
    let rows: Vec<Row> = list.entries.iter().map(|entry| Row::of(list, entry, &file)).collect();
    if json {
        let text = serde_json::to_string_pretty(&rows)
            .map_err(|error| vec![Error::new("cannot write JSON").caused_by(error)])?;
        ui::line(&text);
    } else {
        let cells = |row: &Row| [&row.entry, &row.covers, &row.source, &row.note].map(Clone::clone);
        ui::table(["ENTRY", "COVERS", "SOURCE", "NOTE"], &rows.iter().map(cells).collect::<Vec<_>>());
    }
    Ok(Exit::Yes)
}

/// One entry. The names are part of what `--json` promises.
#[derive(Serialize)]
struct Row {
    entry: String,
    /// `192.168.0.0/24, 256 addresses`.
    covers: String,
    /// `config.yaml:12`, the name of a variable, `default`.
    source: String,
    /// Empty where there is none.
    note: String,
}

impl Row {
    fn of(list: &ListSource, entry: &ListEntry, file: &File) -> Self {
        Self {
            entry: entry.text.to_string(),
            covers: covers(&entry.text),
            source: list.origin_of(entry).to_string(),
            note: file.note(entry).unwrap_or_default().to_owned(),
        }
    }
}

fn covers(text: &str) -> String {
    match text.parse() {
        Ok(Entry::Pattern(pattern)) => pattern.coverage().to_string(),
        Ok(Entry::Name(_)) => "the addresses of that name".to_owned(),
        Ok(Entry::Preset(preset)) => {
            let patterns: Vec<String> = preset.patterns().iter().map(ToString::to_string).collect();
            if patterns.is_empty() {
                "what the server finds at its start".to_owned()
            } else {
                patterns.join(", ")
            }
        }
        Err(error) => format!("nothing: {error}"),
    }
}

/// The lines of the file the list stands in, for the notes.
struct File(HashMap<u32, String>);

impl File {
    fn of(list: &ListSource) -> Self {
        let path = match &list.origin {
            ListOrigin::Setting(Origin::File { path, .. }) | ListOrigin::Text { path, .. } => Some(path),
            ListOrigin::Setting(_) => None,
        };
        let text = path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        Self((1..).zip(text.lines().map(str::to_owned)).collect())
    }

    fn note(&self, entry: &ListEntry) -> Option<&str> {
        document::note(self.0.get(&entry.line)?, &entry.text)
    }
}
