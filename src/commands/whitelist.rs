//! `innkeeper whitelist`: the list that is in force, shown and changed.

mod known;
mod list;

use std::path::{Path, PathBuf};

use self::known::{Known, Listed};
use crate::cli::{Whitelist, WhitelistAction};
use crate::config::document::{Change, Document, Kind, PATIENCE};
use crate::config::{self, Flags, Found, ListOrigin, Origin, Problems, Settings, Syntax, Variables};
use crate::error::{Error, Exit};
use crate::policy::address::Entry;
use crate::ui;

/// Shows or changes the list.
///
/// # Errors
/// Settings that cannot be read, entries that are none, a file that cannot be changed.
pub fn run(whitelist: &Whitelist) -> Result<Exit, Vec<Error>> {
    let variables = Variables::of_process();
    let file = match config::find(&whitelist.flags, &variables).map_err(|error| vec![error])? {
        Found::File(file) => file,
        Found::Missing(file) => return Err(vec![missing(&file)]),
    };
    let sources = Sources { file, flags: &whitelist.flags, variables };
    let talk = Talk { quiet: whitelist.quiet };
    match &whitelist.action {
        WhitelistAction::List { json } => list::list(&sources.read()?, *json),
        WhitelistAction::Add { entries, note, dry_run } => {
            let entries = parsed(entries)?;
            let note = checked(note.as_deref()).map_err(|error| vec![error])?;
            let editing = sources.open()?;
            let writing = if *dry_run { Writing::ShowOnly } else { Writing::Do };
            add(editing, &entries, note, writing, &talk).map_err(|error| vec![error])
        }
        WhitelistAction::Remove { entries, force, dry_run } => {
            let wanted: Vec<Wanted<'_>> = entries.iter().map(|text| Wanted::of(text)).collect();
            let editing = sources.open()?;
            let writing = if *dry_run { Writing::ShowOnly } else { Writing::Do };
            let last = if *force { LastLoopback::Remove } else { LastLoopback::Keep };
            let flag = config_flag(&whitelist.flags);
            remove(editing, &wanted, last, writing, &talk, &flag)
        }
    }
}

/// Adds what is not let in yet.
fn add(
    mut editing: Editing,
    entries: &[(&str, Entry)],
    note: Option<&str>,
    writing: Writing,
    talk: &Talk,
) -> Result<Exit, Error> {
    let mut known = Known::of(&editing.settings.whitelist);
    let mut told = Vec::new();
    for (text, entry) in entries {
        if let Some(rule) = known.covering(entry) {
            told.push(format!("{text} is let in already, by `{}` ({})", rule.text, rule.place));
            continue;
        }
        let list = editing.list()?;
        let line = editing.document.edit(&Change::Append { list: &list, entry: text, note })?;
        let place = format!("{}:{line}", editing.path.display());
        told.push(format!("{} {text} to the whitelist: {place}", writing.verb("Added", "Would add")));
        if let Entry::Pattern(pattern) = entry {
            pattern.cautions().iter().for_each(|caution| talk.warning(&caution.to_string()));
        }
        known.push(Listed { text: (*text).into(), entry: Some(entry.clone()), place });
    }
    let warnings = editing.warnings(known.len());
    let changed = editing.finish(writing)?;
    told.iter().for_each(|line| talk.notice(line));
    if changed {
        warnings.iter().for_each(|warning| talk.warning(warning));
    }
    Ok(Exit::Yes)
}

/// Takes away all that is asked for, or nothing where one of it is not there.
fn remove(
    mut editing: Editing,
    entries: &[Wanted<'_>],
    last: LastLoopback,
    writing: Writing,
    talk: &Talk,
    config_flag: &str,
) -> Result<Exit, Vec<Error>> {
    let mut known = Known::of(&editing.settings.whitelist);
    let had_loopback = known.loopback().is_some();
    let absent: Vec<Error> = entries
        .iter()
        .filter(|wanted| known.position(wanted).is_none())
        .map(|wanted| known.absent(wanted, &editing.settings.whitelist.origin, config_flag))
        .collect();
    if !absent.is_empty() {
        absent.iter().for_each(ui::error);
        return Ok(Exit::No);
    }
    let mut told = Vec::new();
    let one = |error| vec![error];
    for wanted in entries {
        while let Some(number) = known.position(wanted) {
            let list = editing.list().map_err(one)?;
            editing.document.edit(&Change::Remove { list: &list, number }).map_err(one)?;
            let gone = known.remove(number);
            told.push(format!(
                "{} {} from the whitelist: {}",
                writing.verb("Removed", "Would remove"),
                gone.text,
                gone.place
            ));
        }
    }
    if had_loopback && known.loopback().is_none() && last == LastLoopback::Keep {
        ui::error(
            &Error::new("without that entry this computer itself cannot come in any more")
                .hint("if that is meant, say `--force`"),
        );
        return Ok(Exit::No);
    }
    let mut warnings = Vec::new();
    for wanted in entries {
        if let Some(rule) = wanted.entry.as_ref().and_then(|entry| known.covering(entry)) {
            warnings.push(format!("{} is still let in, by `{}` ({})", wanted.text, rule.text, rule.place));
        }
    }
    warnings.extend(editing.warnings(known.len()));
    editing.finish(writing).map_err(one)?;
    told.iter().for_each(|line| talk.notice(line));
    warnings.iter().for_each(|warning| talk.warning(warning));
    Ok(Exit::Yes)
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
    fn verb(self, done: &'static str, shown: &'static str) -> &'static str {
        match self {
            Self::Do => done,
            Self::ShowOnly => shown,
        }
    }
}

/// What is said besides data and errors.
struct Talk {
    quiet: bool,
}

impl Talk {
    fn notice(&self, text: &str) {
        if !self.quiet {
            ui::notice(text);
        }
    }

    fn warning(&self, text: &str) {
        if !self.quiet {
            ui::warning(text);
        }
    }
}

/// Where settings come from.
struct Sources<'a> {
    file: PathBuf,
    flags: &'a Flags,
    variables: Variables,
}

impl Sources<'_> {
    fn read(&self) -> Result<Settings, Vec<Error>> {
        Settings::read(&self.file, self.flags, &self.variables).map_err(Problems::errors)
    }

    /// The file with the list in force, locked, and the settings as they are under that lock.
    fn open(&self) -> Result<Editing, Vec<Error>> {
        let (path, kind) = self.list_file(&self.read()?).map_err(|error| vec![error])?;
        let document = Document::open(&path, kind, PATIENCE).map_err(|error| vec![error])?;
        let settings = self.read()?;
        if self.list_file(&settings).ok() != Some((path.clone(), kind)) {
            return Err(vec![
                Error::new("another list came into force at this moment").hint("run the command again"),
            ]);
        }
        Ok(Editing { document, settings, path, kind })
    }

    fn list_file(&self, settings: &Settings) -> Result<(PathBuf, Kind), Error> {
        match &settings.whitelist.origin {
            ListOrigin::Text { path, .. } => Ok((path.clone(), Kind::Lines)),
            ListOrigin::Setting(Origin::File { .. } | Origin::Default) => {
                Ok((settings.file.clone(), Kind::Settings(Syntax::of(&self.file))))
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
}

/// A list that is being changed.
struct Editing {
    document: Document,
    settings: Settings,
    path: PathBuf,
    kind: Kind,
}

impl Editing {
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

    /// What the owner should know about a list of `count` entries in this place.
    fn warnings(&self, count: usize) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.settings.whitelist_mode {
            let origin = self.settings.origin("whitelistMode");
            warnings.push(format!("the list is not in use: `whitelistMode` is off ({origin})"));
        }
        let shared = self.kind == Kind::Settings(Syntax::Yaml)
            && self.document.list_path(LIST).is_none_or(|path| path.len() == 1);
        let back = match count {
            _ if !shared => return warnings,
            0 => "`::1` and `127.0.0.1`",
            1 => "`127.0.0.1`",
            _ => return warnings,
        };
        warnings.push(format!(
            "if SillyTavern uses this file too, its next start may add {back} again: it fills up a list of fewer than \
             two entries. Under `innkeeper:` it leaves the list alone"
        ));
        warnings
    }

    /// Writes the file, or shows what would be written; whether there was anything.
    fn finish(self, writing: Writing) -> Result<bool, Error> {
        let difference = self.document.difference();
        match writing {
            Writing::Do => self.document.replace()?,
            Writing::ShowOnly => ui::text(&difference),
        }
        Ok(!difference.is_empty())
    }
}

/// The setting.
const LIST: &str = "whitelist";

fn missing(file: &Path) -> Error {
    Error::new(format!("there are no settings at `{}`", file.display()))
        .hint("name the file: `--config FILE`")
        .hint("`innkeeper serve` writes the default ones")
}

/// What a command in a hint has to be told to find the same settings.
fn config_flag(flags: &Flags) -> String {
    match &flags.config {
        Some(file) => format!(" --config '{}'", file.display().to_string().replace('\'', "'\\''")),
        None if flags.global => " --global".to_owned(),
        None => String::new(),
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
