//! `innkeeper whitelist`: the list that is in force, shown and changed.

mod known;
mod list;
mod trial;

use std::path::PathBuf;

use self::known::{Known, Listed};
use super::sources::{Sources, Speech};
use crate::cli::{Whitelist, WhitelistAction};
use crate::config::document::{Change, Document, Kind, PATIENCE};
use crate::config::{ListOrigin, Origin, Settings, Syntax};
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
    match &whitelist.action {
        WhitelistAction::List { json } => list::list(&sources.read()?, *json),
        WhitelistAction::Add { entries, note, dry_run } => {
            let entries = parsed(entries)?;
            let note = checked(note.as_deref()).map_err(|error| vec![error])?;
            let editing = Editing::open(&sources, Writing::of(*dry_run), speech)?;
            add(editing, &entries, note).map_err(|error| vec![error])
        }
        WhitelistAction::Remove { entries, force, dry_run } => {
            let wanted: Vec<Wanted<'_>> = entries.iter().map(|text| Wanted::of(text)).collect();
            let editing = Editing::open(&sources, Writing::of(*dry_run), speech)?;
            let flag = sources.config_flag();
            if let Some(absent) = absent(&editing, &wanted, &flag) {
                absent.iter().for_each(ui::error);
                return Ok(Exit::No);
            }
            let last = if *force { LastLoopback::Remove } else { LastLoopback::Keep };
            remove(editing, &wanted, last).map_err(|error| vec![error])
        }
        WhitelistAction::Test(trial) => trial::run(&sources, trial, speech),
    }
}

/// Adds what is not let in yet.
fn add(mut editing: Editing, entries: &[(&str, Entry)], note: Option<&str>) -> Result<Exit, Error> {
    let verb = editing.writing.verb("Added", "Would add");
    let mut known = Known::of(&editing.settings.whitelist);
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
    if note.is_some() && editing.kind == Kind::Lines {
        let warning =
            "SillyTavern, if it reads whitelist.txt too, leaves out entries with a note behind them";
        editing.warnings.push(warning.to_owned());
    }
    editing.finish(known.len())
}

/// Why nothing is removed: one that is not there keeps the others.
fn absent(editing: &Editing, entries: &[Wanted<'_>], config_flag: &str) -> Option<Vec<Error>> {
    let list = &editing.settings.whitelist;
    let known = Known::of(list);
    let absent = entries.iter().filter(|wanted| known.position(wanted).is_none());
    let errors: Vec<Error> = absent.map(|wanted| known.absent(wanted, &list.origin, config_flag)).collect();
    (!errors.is_empty()).then_some(errors)
}

/// Takes away every entry that is or means one of `entries`.
fn remove(mut editing: Editing, entries: &[Wanted<'_>], last: LastLoopback) -> Result<Exit, Error> {
    let verb = editing.writing.verb("Removed", "Would remove");
    let mut known = Known::of(&editing.settings.whitelist);
    let had_loopback = known.loopback().is_some();
    for wanted in entries {
        while let Some(number) = known.position(wanted) {
            let path = editing.list()?;
            editing.document.edit(&Change::Remove { list: &path, number })?;
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
    editing.finish(known.len())
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

/// Whether the file is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Do,
    ShowOnly,
}

impl Writing {
    fn of(dry_run: bool) -> Self {
        if dry_run { Self::ShowOnly } else { Self::Do }
    }

    fn verb(self, done: &'static str, shown: &'static str) -> &'static str {
        match self {
            Self::Do => done,
            Self::ShowOnly => shown,
        }
    }
}

/// A list that is being changed.
struct Editing {
    document: Document,
    settings: Settings,
    path: PathBuf,
    kind: Kind,
    writing: Writing,
    speech: Speech,
    /// What is said when it is done.
    notices: Vec<String>,
    warnings: Vec<String>,
}

impl Editing {
    /// The file with the list in force, locked, and the settings as they are under that lock.
    fn open(sources: &Sources<'_>, writing: Writing, speech: Speech) -> Result<Self, Vec<Error>> {
        let (path, kind) = list_file(&sources.read()?).map_err(|error| vec![error])?;
        let document = Document::open(&path, kind, PATIENCE).map_err(|error| vec![error])?;
        let settings = sources.read()?;
        if list_file(&settings).ok() != Some((path.clone(), kind)) {
            return Err(vec![
                Error::new("another list came into force at this moment").hint("run the command again"),
            ]);
        }
        let (notices, warnings) = (Vec::new(), Vec::new());
        Ok(Self { document, settings, path, kind, writing, speech, notices, warnings })
    }

    /// The path of the list; the default one is written into the file before it is changed.
    fn list(&mut self) -> Result<Vec<&'static str>, Error> {
        if let Some(path) = self.document.list_path(LIST) {
            return Ok(path);
        }
        let entries: Vec<String> =
            self.settings.whitelist.entries.iter().map(|entry| entry.text.to_string()).collect();
        self.document.edit(&Change::Write { name: LIST, entries: &entries })?;
        Ok(vec![LIST])
    }

    /// Writes the file, or shows what would be written, and says so; `count` entries are in the list now.
    fn finish(mut self, count: usize) -> Result<Exit, Error> {
        let difference = self.document.difference().to_owned();
        if !difference.is_empty() {
            self.warn_of_undoing(count);
        }
        match self.writing {
            Writing::Do => self.document.replace()?,
            Writing::ShowOnly => ui::text(&difference),
        }
        if self.speech == Speech::Full {
            self.notices.iter().for_each(|notice| ui::notice(notice));
            self.warnings.iter().for_each(|warning| ui::warning(warning));
        }
        Ok(Exit::Yes)
    }

    /// A list that nobody asks, and one that SillyTavern may change again.
    fn warn_of_undoing(&mut self, count: usize) {
        if !self.settings.whitelist_mode {
            let origin = self.settings.origin("whitelistMode");
            self.warnings.push(format!("the list is not in use: `whitelistMode` is off ({origin})"));
        }
        // It reads the top level of a YAML file. Adding a key that is missing there, it lays its default lists under
        // those of the file, entry by entry.
        let shared = self.kind == Kind::Settings(Syntax::Yaml)
            && self.document.list_path(LIST).is_none_or(|path| path.len() == 1);
        let back = match count {
            0 if shared => "`::1` and `127.0.0.1`",
            1 if shared => "`127.0.0.1`",
            _ => return,
        };
        self.warnings.push(format!(
            "if SillyTavern uses this file too, its next start may add {back} again: it fills up a list of fewer than \
             two entries. Under `innkeeper:` it leaves the list alone"
        ));
    }
}

/// The setting.
const LIST: &str = "whitelist";

/// The file in which the list in force stands.
fn list_file(settings: &Settings) -> Result<(PathBuf, Kind), Error> {
    match &settings.whitelist.origin {
        ListOrigin::Text { path, .. } => Ok((path.clone(), Kind::Lines)),
        ListOrigin::Setting(Origin::File { .. } | Origin::Default) => {
            Ok((settings.file.clone(), Kind::Settings(Syntax::of(&settings.file))))
        }
        ListOrigin::Setting(Origin::Variable(name) | Origin::Flag(name)) => {
            Err(Error::new(format!("the list in force is that of `{name}`, which no command can change"))
                .hint(format!(
                    "change it where it is set, or remove it there and use `{}`",
                    settings.file.display()
                )))
        }
    }
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
