//! A file that a command of `whitelist` changes: the one with the list in force, or the one with the guests.

use std::path::{Path, PathBuf};

use super::super::sources::{Sources, Speech};
use crate::config::document::{Change, Document, Kind, PATIENCE};
use crate::config::{ListOrigin, Origin, Settings, Syntax};
use crate::error::{Error, Exit};
use crate::ui;

/// The setting with the list.
pub const LIST: &str = "whitelist";

/// The setting with the guests.
pub const GUESTS: &[&str] = &["innkeeper", "guests"];

/// Whether the file is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// It is.
    Do,
    /// It is not, and the lines that would change are printed.
    ShowOnly,
}

impl Writing {
    /// What `--dry-run` makes of it.
    pub fn of(dry_run: bool) -> Self {
        if dry_run { Self::ShowOnly } else { Self::Do }
    }

    /// The word for it.
    pub fn verb(self, done: &'static str, shown: &'static str) -> &'static str {
        match self {
            Self::Do => done,
            Self::ShowOnly => shown,
        }
    }
}

/// A file that is being changed.
pub struct Editing {
    /// The file.
    pub document: Document,
    /// The settings as they are while nobody else changes them.
    pub settings: Settings,
    /// Where the file is.
    pub path: PathBuf,
    /// How it is written.
    pub kind: Kind,
    /// Whether it is changed.
    pub writing: Writing,
    /// How much is said.
    pub speech: Speech,
    /// What is said when it is done.
    pub notices: Vec<String>,
    /// What is said after that.
    pub warnings: Vec<String>,
    /// The settings file, for its guests, where the list stands in another one.
    beside: Option<Document>,
}

impl Editing {
    /// The file with the list in force, locked, and the settings as they are under that lock.
    ///
    /// # Errors
    /// Settings that cannot be read; a list that stands in no file; a file that cannot be changed.
    pub fn list_in_force(
        sources: &Sources<'_>,
        writing: Writing,
        speech: Speech,
    ) -> Result<Self, Vec<Error>> {
        Self::open(sources, writing, speech, list_file)
    }

    /// The settings file, locked, for its guests.
    ///
    /// # Errors
    /// As [`Editing::list_in_force`]; guests that stand in no file.
    pub fn guests(sources: &Sources<'_>, writing: Writing, speech: Speech) -> Result<Self, Vec<Error>> {
        Self::open(sources, writing, speech, guest_file)
    }

    fn open(
        sources: &Sources<'_>,
        writing: Writing,
        speech: Speech,
        file: fn(&Settings) -> Result<(PathBuf, Kind), Error>,
    ) -> Result<Self, Vec<Error>> {
        let (path, kind) = file(&sources.read()?).map_err(|error| vec![error])?;
        let document = open(&path, kind, writing).map_err(|error| vec![error])?;
        let settings = sources.read()?;
        if file(&settings).ok() != Some((path.clone(), kind)) {
            return Err(vec![
                Error::new("another list came into force at this moment").hint("run the command again"),
            ]);
        }
        let (notices, warnings) = (Vec::new(), Vec::new());
        Ok(Self { document, settings, path, kind, writing, speech, notices, warnings, beside: None })
    }

    /// The path of the list; the default one is written into the file before it is changed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn list(&mut self) -> Result<Vec<&'static str>, Error> {
        if let Some(path) = self.document.list_path(LIST) {
            return Ok(path);
        }
        let entries: Vec<String> =
            self.settings.whitelist.entries.iter().map(|entry| entry.text.to_string()).collect();
        self.document.edit(&Change::Write { name: LIST, entries: &entries })?;
        Ok(vec![LIST])
    }

    /// The file with the guests. Where that is another one, it is locked as well, and the guests are read anew.
    ///
    /// # Errors
    /// As [`Editing::guests`].
    pub fn guest_document(&mut self, sources: &Sources<'_>) -> Result<&mut Document, Vec<Error>> {
        let (path, kind) = guest_file(&self.settings).map_err(|error| vec![error])?;
        if self.kind != Kind::Lines {
            return Ok(&mut self.document);
        }
        if self.beside.is_none() {
            // Always after the list, so that two commands never wait for each other.
            self.beside = Some(open(&path, kind, self.writing).map_err(|error| vec![error])?);
            self.settings.guests = sources.read()?.guests;
        }
        Ok(self.beside.as_mut().unwrap_or(&mut self.document))
    }

    /// Writes the file, or shows what would be written, and says so.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self) -> Result<Exit, Error> {
        for document in std::iter::once(self.document).chain(self.beside) {
            match self.writing {
                Writing::Do => document.replace()?,
                Writing::ShowOnly => ui::text(document.difference()),
            }
        }
        if self.speech == Speech::Full {
            self.notices.iter().for_each(|notice| ui::notice(notice));
            self.warnings.iter().for_each(|warning| ui::warning(warning));
        }
        Ok(Exit::Yes)
    }

    /// Whether anything has changed.
    pub fn is_changed(&self) -> bool {
        self.document.is_changed() || self.beside.as_ref().is_some_and(Document::is_changed)
    }

    /// Warns of a change that nobody will notice: `count` entries are in the list now.
    pub fn warn(&mut self, count: usize) {
        if !self.document.is_changed() {
            return;
        }
        self.warn_of_disuse();
        let shared = self.document.list_path(LIST).is_none_or(|path| path.len() == 1);
        self.warnings.extend(filled_up(self.kind, shared, count));
    }

    /// Warns of a list that nobody asks.
    pub fn warn_of_disuse(&mut self) {
        if !self.settings.whitelist_mode {
            let origin = self.settings.origin("whitelistMode");
            self.warnings.push(format!("the list is not in use: `whitelistMode` is off ({origin})"));
        }
    }
}

/// The file at `path`, locked. Which lines change is written down for whoever wants to see it.
fn open(path: &Path, kind: Kind, writing: Writing) -> Result<Document, Error> {
    let document = Document::open(path, kind, PATIENCE)?;
    Ok(match writing {
        Writing::Do => document.without_difference(),
        Writing::ShowOnly => document,
    })
}

/// What SillyTavern makes of a list of `count` entries in a file of that kind. It reads the top level (`shared`) of a
/// YAML file; adding a key that is missing there, it lays its default lists under those of the file, entry by entry.
pub fn filled_up(kind: Kind, shared: bool, count: usize) -> Option<String> {
    let shared = shared && kind == Kind::Settings(Syntax::Yaml);
    let back = match count {
        0 if shared => "`::1` and `127.0.0.1`",
        1 if shared => "`127.0.0.1`",
        _ => return None,
    };
    Some(format!(
        "if SillyTavern uses this file too, its next start may add {back} again: it fills up a list of fewer than two \
         entries. Under `innkeeper:` it leaves the list alone"
    ))
}

/// The file in which the list in force stands.
fn list_file(settings: &Settings) -> Result<(PathBuf, Kind), Error> {
    match &settings.whitelist.origin {
        ListOrigin::Text { path, .. } => Ok((path.clone(), Kind::Lines)),
        ListOrigin::Setting(origin) => setting_file(settings, origin, "the list in force is that"),
    }
}

/// The file in which the guests stand.
fn guest_file(settings: &Settings) -> Result<(PathBuf, Kind), Error> {
    setting_file(settings, settings.origin("guests"), "the guests are those")
}

/// The settings file, unless the setting came from elsewhere.
pub fn setting_file(settings: &Settings, origin: &Origin, what: &str) -> Result<(PathBuf, Kind), Error> {
    match origin {
        Origin::File { .. } | Origin::Default => Ok(settings_file(&settings.file)),
        Origin::Variable(name) | Origin::Flag(name) => {
            Err(Error::new(format!("{what} of `{name}`, which no command can change")).hint(format!(
                "change it where it is set, or remove it there and use `{}`",
                settings.file.display()
            )))
        }
    }
}

/// A settings file and how it is written.
pub fn settings_file(path: &Path) -> (PathBuf, Kind) {
    (path.to_owned(), Kind::Settings(Syntax::of(path)))
}
