//! `innkeeper whitelist migrate`: from whitelist.txt into the settings file.
//!
//! Nobody comes in who did not before, whenever the two steps are interrupted and whoever reads the files meanwhile.
//! First the settings file gets the entries that are in force, and no others; whitelist.txt is still there and counts.
//! Then whitelist.txt is renamed, and the list that counts from there on holds the same. Readers look at whitelist.txt
//! before they look at the settings file, so that none can see the settings of before without it.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use super::super::sources::{Sources, Speech};
use super::editing::{self, LIST, Writing, filled_up, setting_file};
use super::import::counted;
use super::notes::Notes;
use crate::config::document::{Change, Document, Kind, PATIENCE};
use crate::config::{Content, Layer, ListEntry, ListOrigin, Node, Problems, Settings, Source, Syntax, Value};
use crate::error::{Error, Exit};
use crate::policy::address::Entry;
use crate::ui;

/// So many entries that go are named, and up to so many are taken away one by one, with the comments behind them.
const SHOWN: usize = 20;
const ONE_BY_ONE: usize = 200;

/// Moves the list into the settings file and keeps the old file beside it.
///
/// # Errors
/// Settings that cannot be read; a list that would come from elsewhere once whitelist.txt is gone; a file that cannot be
/// changed or renamed.
pub fn migrate(sources: &Sources<'_>, writing: Writing, speech: Speech) -> Result<Exit, Vec<Error>> {
    let settings = sources.read()?;
    let ListOrigin::Text { path, .. } = settings.whitelist.origin.clone() else {
        if speech == Speech::Full {
            ui::notice(&format!(
                "there is no whitelist.txt; the list in force is that of {}",
                settings.whitelist.origin
            ));
        }
        return Ok(Exit::Yes);
    };
    let one = |error| vec![error];
    let (file, kind) = destination(&settings).map_err(one)?;
    // Both stay locked to the end; the list first, as everywhere.
    let text = Document::open(&path, Kind::Lines, PATIENCE).map_err(one)?;
    let mut document = Document::open(&file, kind, PATIENCE).map_err(one)?;
    let settings = sources.read()?;
    if !matches!(&settings.whitelist.origin, ListOrigin::Text { path: still, .. } if *still == path) {
        return Err(one(
            Error::new("another list came into force at this moment").hint("run the command again")
        ));
    }
    destination(&settings).map_err(one)?;
    let mut moving = Moving::of(&settings);
    moving.write(&mut document, &file).map_err(one)?;
    let shared = document.list_path(LIST).is_none_or(|path| path.len() == 1);
    moving.warnings.extend(filled_up(kind, shared, moving.count));
    let place = file.display();
    let count = counted(moving.count, "entry", "entries");
    match writing {
        Writing::ShowOnly => {
            ui::text(document.difference());
            moving.notices.push(format!("Would move {count} from {} to {place}", path.display()));
        }
        Writing::Do => {
            document.replace().map_err(one)?;
            let kept = put_away(&path).map_err(|error| one(stuck(&path, &file, &error)))?;
            moving.notices.push(format!("Moved {count} from {} to {place}", path.display()));
            moving.notices.push(format!("The old file is kept as {}", kept.display()));
        }
    }
    drop(text);
    if speech == Speech::Full {
        moving.notices.iter().for_each(|notice| ui::notice(notice));
        moving.warnings.iter().for_each(|warning| ui::warning(warning));
    }
    Ok(Exit::Yes)
}

/// The file that holds the list once whitelist.txt is gone.
fn destination(settings: &Settings) -> Result<(PathBuf, Kind), Error> {
    let ListOrigin::Text { replaces, .. } = &settings.whitelist.origin else {
        return Ok(editing::settings_file(&settings.file));
    };
    setting_file(settings, replaces, "without whitelist.txt the list in force would be that")
}

/// What is moved, and what is to be said about it.
struct Moving<'a> {
    settings: &'a Settings,
    /// How many entries are moved.
    count: usize,
    /// How many others were in the settings file.
    left: usize,
    notices: Vec<String>,
    warnings: Vec<String>,
}

impl<'a> Moving<'a> {
    fn of(settings: &'a Settings) -> Self {
        Self { settings, count: 0, left: 0, notices: Vec::new(), warnings: Vec::new() }
    }

    /// Makes the list in `document` the one that is in force.
    fn write(&mut self, document: &mut Document, file: &Path) -> Result<(), Error> {
        let list = &self.settings.whitelist;
        let notes = Notes::of(list);
        let mut wanted: Vec<(&ListEntry, Entry)> = Vec::with_capacity(list.entries.len());
        for entry in &list.entries {
            match entry.text.parse() {
                Ok(meant) => wanted.push((entry, meant)),
                // It lets in nobody, here as there.
                Err(error) => self.warnings.push(format!("{}: left out: {error}", list.origin_of(entry))),
            }
        }
        self.count = wanted.len();
        let in_force: HashSet<&Entry> = wanted.iter().map(|(_, meant)| meant).collect();
        let path = document.list_path(LIST).unwrap_or_else(|| vec![LIST]);
        let present = present(document, file);
        let mut staying: HashSet<Entry> = HashSet::new();
        let (mut stays, mut goes) = (Vec::new(), Vec::new());
        for (number, (text, line)) in present.iter().enumerate() {
            match text.trim().parse::<Entry>() {
                Ok(meant) if in_force.contains(&meant) => {
                    stays.push(text.as_str());
                    staying.insert(meant);
                }
                _ => {
                    goes.push(number);
                    self.warn_of_leaving(text, &format!("{}:{line}", file.display()));
                }
            }
        }
        let more = self.left.saturating_sub(SHOWN);
        if more > 0 {
            self.warnings.push(format!("and {} more", counted(more, "such entry", "such entries")));
        }
        if document.list_path(LIST).is_none() || goes.len() > ONE_BY_ONE {
            let value = Content::List(stays.iter().map(|text| Node::bare(*text)).collect());
            document.edit(&Change::Set { path: &path, value: &value })?;
        } else {
            // Each with its comment; from the end, so that the numbers of the others stay.
            for &number in goes.iter().rev() {
                document.edit(&Change::Remove { list: &path, number })?;
            }
        }
        let comes: Vec<(&str, Option<&str>)> = wanted
            .iter()
            .filter(|(_, meant)| !staying.contains(meant))
            .map(|(entry, _)| (&*entry.text, notes.note(entry)))
            .collect();
        if comes.is_empty() {
            return Ok(());
        }
        self.append(document, &path, &comes)
    }

    /// Names an entry that goes, so that nobody takes it for lost.
    fn warn_of_leaving(&mut self, text: &str, place: &str) {
        self.left += 1;
        if self.left <= SHOWN {
            self.warnings.push(format!(
                "`{text}` ({place}) was not in force, as whitelist.txt stood in its place, and is not in the list any more"
            ));
        }
    }

    /// Writes the entries that come. In a list of one line there is no room for notes.
    fn append(
        &mut self,
        document: &mut Document,
        path: &[&str],
        entries: &[(&str, Option<&str>)],
    ) -> Result<(), Error> {
        let Err(refused) = document.edit(&Change::AppendAll { list: path, entries }) else { return Ok(()) };
        let bare: Vec<(&str, Option<&str>)> = entries.iter().map(|(entry, _)| (*entry, None)).collect();
        if document.edit(&Change::AppendAll { list: path, entries: &bare }).is_err() {
            return Err(refused);
        }
        self.warnings.push("the notes were left out, as the list is written in one line".to_owned());
        Ok(())
    }
}

/// The list that the settings file itself holds, with the line of each entry.
fn present(document: &Document, file: &Path) -> Vec<(String, usize)> {
    let mut source = Source::new(file, document.text());
    let layer = Layer::file(&mut source, Syntax::of(file), &mut Problems::default());
    match layer.setting(LIST).map(|setting| &setting.value) {
        Some(Value::List(entries)) => entries.clone(),
        _ => Vec::new(),
    }
}

/// Renames whitelist.txt to the first name beside it that is free, and says which.
fn put_away(path: &Path) -> io::Result<PathBuf> {
    let named = |number: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(".bak");
        if number > 0 {
            name.push(format!(".{number}"));
        }
        PathBuf::from(name)
    };
    for number in 0.. {
        let kept = named(number);
        // Taken by an empty file first: a rename by itself would go over a file that is there. A crash between the two
        // leaves the empty file, and whitelist.txt.
        match OpenOptions::new().write(true).create_new(true).open(&kept) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        if let Err(error) = std::fs::rename(path, &kept) {
            let _ = std::fs::remove_file(&kept);
            return Err(error);
        }
        return Ok(kept);
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Between the two steps.
fn stuck(path: &Path, file: &Path, error: &io::Error) -> Error {
    Error::new(format!("cannot rename `{}`: {error}", path.display())).hint(format!(
        "`{}` holds the same list by now, and `{}` still counts; move that away yourself, or run the command again",
        file.display(),
        path.display()
    ))
}
