//! Where a change of the login or of https goes in the settings file, and the change itself.

use crate::commands::sources::Sources;
use crate::config::document::{Back, Change, Document, Kind, PATIENCE, Step};
use crate::config::schema::{FOREIGN_KEYS, Key, SECTION};
use crate::config::{Content, Item, Origin, Problems, Settings, Source, Syntax};
use crate::error::Error;

/// Who reads the settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Innkeeper, in a syntax that SillyTavern does not know.
    Innkeeper,
    /// Nothing says that SillyTavern reads it, but it could.
    Unknown,
    /// SillyTavern too.
    Both,
}

/// Where a setting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where the value in force stands; at the top level when it stands nowhere.
    InForce,
    /// Under `innkeeper:`, where SillyTavern does not look.
    Own,
}

/// The settings file, locked, with changes that are not written yet.
pub struct Editing<'a> {
    sources: &'a Sources<'a>,
    document: Document,
    /// The settings before the change.
    pub settings: Settings,
    /// Who reads the file.
    pub readers: Readers,
}

impl<'a> Editing<'a> {
    /// Locks the file, and reads it under that lock.
    pub fn open(sources: &'a Sources<'a>) -> Result<Self, Vec<Error>> {
        let syntax = Syntax::of(&sources.file);
        let document =
            Document::open(&sources.file, Kind::Settings(syntax), PATIENCE).map_err(|error| vec![error])?;
        let settings = sources.read()?;
        let readers = match syntax {
            Syntax::Toml => Readers::Innkeeper,
            Syntax::Yaml => {
                let items = syntax.read(&Source::new(&sources.file, document.text()));
                if is_shared(&items.unwrap_or_default()) { Readers::Both } else { Readers::Unknown }
            }
        };
        Ok(Self { sources, document, settings, readers })
    }

    /// Whether the value in force stands under `innkeeper:`.
    pub fn is_own(&self, path: &str) -> Result<bool, Error> {
        Ok(self.document.path_of(key(path)?).first() == Some(&SECTION))
    }

    /// Sets `path` to `value`, in memory.
    pub fn set(&mut self, path: &str, value: &Content, place: Place) -> Result<(), Error> {
        let parts = self.parts(path, place)?;
        self.document.edit(&Change::Set { path: &parts, value })?;
        Ok(())
    }

    /// The names that lead to `path` there.
    fn parts(&self, path: &str, place: Place) -> Result<Vec<&'static str>, Error> {
        let key = key(path)?;
        Ok(match place {
            Place::InForce => self.document.path_of(key),
            Place::Own => std::iter::once(SECTION).chain(key.path.split('.')).collect(),
        })
    }

    /// The same; `Ok` is what takes it back, nothing where it was set to that before.
    pub fn set_for_now(&mut self, path: &str, value: &Content, place: Place) -> Result<Option<Step>, Error> {
        let parts = self.parts(path, place)?;
        self.document.set(&parts, value)
    }

    /// Takes back what was set once, in memory.
    pub fn take_back(&mut self, step: &Step) -> Result<Back, Error> {
        self.document.take_back(step)
    }

    /// What `path` is set to, as it is written where it is in force; nothing where that is not in the file.
    pub fn written(&self, path: &str) -> Result<Option<&str>, Error> {
        Ok(self.document.value(&self.document.path_of(key(path)?)))
    }

    /// The settings as they would be, with all that is wrong with them.
    pub fn outcome(&self) -> Result<Settings, Vec<Error>> {
        let Sources { file, flags, variables } = self.sources;
        Settings::of_text(file, self.document.text(), flags, variables).map_err(Problems::errors)
    }

    /// The lines that would change.
    pub fn difference(&self) -> &str {
        self.document.difference()
    }

    /// Writes the file.
    pub fn finish(self) -> Result<(), Error> {
        self.document.replace()
    }
}

/// A change of the file has to change what is in force.
pub fn changeable(settings: &Settings, path: &str) -> Result<(), Error> {
    match settings.origin(path) {
        Origin::Variable(name) | Origin::Flag(name) => Err(Error::new(format!(
            "`{path}` is set by `{name}`, which no command can change"
        ))
        .hint(format!(
            "change it where it is set, or remove it there and use `{}`",
            settings.file.display()
        ))),
        Origin::File { .. } | Origin::Default => Ok(()),
    }
}

fn key(path: &str) -> Result<&'static Key, Error> {
    Key::find(path).ok_or_else(|| Error::new(format!("there is no setting `{path}`")))
}

/// Whether a file looks like one that SillyTavern reads: it has a setting that only SillyTavern knows, or Innkeeper
/// stands in front of an app and has what is its own in a section apart.
fn is_shared(items: &[Item]) -> bool {
    items.iter().any(|item| match &item.value.content {
        Content::Section(own) if item.name == SECTION => own
            .iter()
            .any(|item| item.name == "upstream" && item.value.text().is_some_and(|text| !text.is_empty())),
        _ => FOREIGN_KEYS.contains(&item.name.as_str()),
    })
}
