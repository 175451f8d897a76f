//! A settings file that is being changed: found, locked, edited without losing a comment, checked, replaced in one step.
//!
//! No edit is trusted. The text is read strictly before and after, the second reading has to be the first with just
//! that change, and besides the line of the entry not a byte may differ. What fails leaves the file as it was.

mod array;
mod change;
mod extent;
mod guard;
mod lines;
pub(crate) mod lock;
pub(crate) mod replace;
mod step;
mod text;
mod toml;
mod yaml;

use std::cell::OnceCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::change::Change;
use self::extent::Extent;
use self::guard::Reading;
use self::lock::Lock;
pub use self::step::{Back, Step};
use super::file;
use super::layer::Syntax;
use super::problem::{Problem, Source};
use super::schema::{Key, Owner, SECTION};
use super::tree::{Content, Item, Node, Span};
use crate::error::Error;

/// How long to wait for somebody else who is changing the file.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `config.yaml` or `config.toml`.
    Settings(Syntax),
    /// `whitelist.txt`: one entry a line. Read as if it held one list named `whitelist`.
    Lines,
}

/// A file that nobody else changes until this is dropped: nobody who goes through here.
///
/// Has no `Debug`, as a password may stand in the file.
pub struct Document {
    path: PathBuf,
    target: PathBuf,
    kind: Kind,
    before: String,
    after: String,
    difference: String,
    telling: Telling,
    /// What `after` holds, once that was read.
    items: OnceCell<Vec<Item>>,
    // Given back when the rest is done.
    _lock: Lock,
}

/// Whether each edit writes down the lines that it changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Lines,
    Nothing,
}

/// SillyTavern on Windows, and editors there, begin a file with it.
const BOM: char = '\u{feff}';

impl Document {
    /// Locks and reads the file at `path`; a symbolic link is followed, and what it leads to is changed. Waits up to
    /// `patience` for others.
    ///
    /// # Errors
    /// A file that is not there, read-only, or not UTF-8; a folder without room for a lock; the patience is over.
    pub fn open(path: &Path, kind: Kind, patience: Duration) -> Result<Self, Error> {
        let path = file::plain(path);
        let target = std::fs::canonicalize(&path).map_err(|error| {
            Error::new(format!("cannot find `{}`: {error}", path.display()))
                .hint("`innkeeper serve` writes a default one")
        })?;
        let lock = Lock::acquire(&target, patience)?;
        let before = file::read_text(&path)?;
        Ok(Self {
            path,
            target,
            kind,
            after: before.clone(),
            before,
            difference: String::new(),
            telling: Telling::Lines,
            items: OnceCell::new(),
            _lock: lock,
        })
    }

    /// The same without [`Document::difference`]: of a million new entries it is long, and most never look at it.
    #[must_use]
    pub fn without_difference(mut self) -> Self {
        self.telling = Telling::Nothing;
        self
    }

    /// Makes `change` in memory and checks the result. `Ok` is the line in which the entry stands now (or, for one
    /// that was removed, stood); for a whole list, the line of its name.
    ///
    /// # Errors
    /// A file that cannot be read strictly; a list that is not there or is shared with another setting (an anchor or
    /// alias in YAML); a change that cannot be made without touching more. Nothing is changed then.
    pub fn edit(&mut self, change: &Change<'_>) -> Result<usize, Error> {
        let (bom, text) = match self.after.strip_prefix(BOM) {
            Some(text) => (true, text),
            None => (false, self.after.as_str()),
        };
        // Read once for all edits; after one that fails, again.
        let before = match self.items.take() {
            Some(items) => items,
            None => self.read(text)?,
        };
        self.refuse_repeated(text, &before)?;
        let mut expected = before.clone();
        change.apply(&mut expected).ok_or_else(|| self.unable(change.missing()))?;
        let edited = match self.kind {
            Kind::Settings(Syntax::Yaml) => yaml::edit(text, &before, change),
            Kind::Settings(Syntax::Toml) => toml::edit(text, &before, change),
            Kind::Lines => lines::edit(text, &before, change),
        };
        let edited = edited.map_err(|obstacle| self.obstructed(&obstacle, change, &before))?;
        let edited = match change {
            Change::Append { note: Some(note), list, .. } => self.with_note(&edited, list, note)?,
            _ => edited,
        };
        let after =
            self.read(&edited).map_err(|_| self.unable("it could not be read any more afterwards"))?;
        let alike =
            if matches!(change, Change::Remove { .. }) && change::item(&after, &change.path()).is_none() {
                let mut pruned = after.clone();
                change::prune(&mut expected, &change.path());
                change::prune(&mut pruned, &change.path());
                change::alike(&pruned, &expected)
            } else {
                change::alike(&after, &expected)
            };
        if !alike {
            return Err(self.unable("the change would reach other settings as well"));
        }
        let line = change.line(if matches!(change, Change::Remove { .. }) { &before } else { &after });
        let readings = [Reading { text, items: &before }, Reading { text: edited.as_str(), items: &after }];
        self.guard(readings, change, line).map_err(|obstacle| self.unable(&obstacle.0))?;
        if self.telling == Telling::Lines {
            let hidden = [hidden(&before), hidden(&after)];
            self.difference += &guard::difference(text, &edited, [&hidden[0], &hidden[1]]);
        }
        self.after = if bom { format!("{BOM}{edited}") } else { edited };
        self.items = OnceCell::from(after);
        Ok(line)
    }

    /// Sets `path` to the scalar `value` like [`Change::Set`]; `Ok` is what takes it back, nothing where it was set to
    /// that before.
    ///
    /// # Errors
    /// The same as of [`Document::edit`].
    pub fn set(&mut self, path: &[&str], value: &Content) -> Result<Option<Step>, Error> {
        let before = self.after.clone();
        self.edit(&Change::Set { path, value })?;
        let item = self.items().and_then(|items| change::item(items, path));
        let item = item.filter(|_| self.after != before);
        let plain = |text| str::strip_prefix(text, BOM).unwrap_or(text);
        Ok(item.map(|item| Step::between(plain(&before), plain(&self.after), path, &item.value)))
    }

    /// Takes `step` back, in whatever has become of the file since: when the value and the text around it are those
    /// that were set, and not another setting changes by it.
    ///
    /// # Errors
    /// A file that cannot be read strictly.
    pub fn take_back(&mut self, step: &Step) -> Result<Back, Error> {
        let (bom, text) = match self.after.strip_prefix(BOM) {
            Some(text) => (true, text),
            None => (false, self.after.as_str()),
        };
        let before = self.read(text)?;
        self.refuse_repeated(text, &before)?;
        let path = step.names();
        let Some(item) = change::item(&before, &path).filter(|item| item.value.text() == Some(&step.value))
        else {
            return Ok(Back::Changed);
        };
        let Some(undone) = step.undone(text, item.value.span.start) else { return Ok(Back::Rewritten) };
        let Ok(after) = self.read(&undone) else { return Ok(Back::Rewritten) };
        let others = [&before, &after].map(|items| step::without(items, &path));
        if change::repeated(&after).is_some() || !change::alike(&others[0], &others[1]) {
            return Ok(Back::Rewritten);
        }
        if self.telling == Telling::Lines {
            let hidden = [hidden(&before), hidden(&after)];
            self.difference += &guard::difference(text, &undone, [&hidden[0], &hidden[1]]);
        }
        self.after = if bom { format!("{BOM}{undone}") } else { undone };
        self.items = OnceCell::from(after);
        Ok(Back::Taken)
    }

    /// The text of the scalar at `path`, which is neither a secret nor null.
    #[must_use]
    pub fn value(&self, path: &[&str]) -> Option<&str> {
        change::item(self.items()?, path)?.value.text()
    }

    /// The file as it will be, passwords and all.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.after
    }

    /// Whether the file will be another one.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.before != self.after
    }

    /// The lines that each edit has changed, with their numbers at that moment: `-` before those that go, `+` before
    /// those that come.
    #[must_use]
    pub fn difference(&self) -> &str {
        &self.difference
    }

    /// The path of the list `name` in this file as far as it is there: under `innkeeper:` it wins.
    #[must_use]
    pub fn list_path<'a>(&self, name: &'a str) -> Option<Vec<&'a str>> {
        let items = self.items()?;
        let own = [SECTION, name];
        [&own[..], &own[1..]].into_iter().find(|path| change::list(items, path).is_some()).map(<[_]>::to_vec)
    }

    /// Where `key` stands in this file, or would stand: Innkeeper's own keys under `innkeeper:`, SillyTavern's there
    /// too when that section has them, since it wins, and else at the top level.
    #[must_use]
    pub fn path_of(&self, key: &Key) -> Vec<&'static str> {
        let own: Vec<&'static str> = std::iter::once(SECTION).chain(key.path.split('.')).collect();
        let stands = || self.items().is_some_and(|items| change::item(items, &own).is_some());
        if key.owner == Owner::Innkeeper || stands() { own } else { own[1..].to_vec() }
    }

    /// Puts the changed text in place of the file: a reader sees the old one or the new one, also after a crash.
    /// Mode and owner stay.
    ///
    /// # Errors
    /// The file was changed by somebody else meanwhile; it cannot be written. The file is as it was.
    pub fn replace(self) -> Result<(), Error> {
        if self.before == self.after {
            return Ok(());
        }
        replace::replace(&self.target, self.before.as_bytes(), self.after.as_bytes())
            .map_err(|error| replace::explain(&self.path, error))
    }

    /// What the changed text holds, if that can be read.
    fn items(&self) -> Option<&[Item]> {
        if self.items.get().is_none() {
            let items = self.read(self.after.strip_prefix(BOM).unwrap_or(&self.after)).ok()?;
            return Some(self.items.get_or_init(|| items));
        }
        self.items.get().map(Vec::as_slice)
    }

    /// Judges what an editor has made of the lines.
    fn guard(
        &self,
        [before, after]: [Reading<'_>; 2],
        change: &Change<'_>,
        line: usize,
    ) -> Result<(), Obstacle> {
        let lines = || {
            let extent = Extent::of(self.kind, before, change);
            guard::check_lines(before, after, &extent, change)
        };
        match change {
            Change::Append { .. } | Change::Write { .. } => {
                guard::check(before.text, after.text, change, line)
            }
            Change::Remove { .. } => guard::check(before.text, after.text, change, line).or_else(|_| lines()),
            Change::AppendAll { .. } | Change::AppendItem { .. } | Change::Set { .. } => lines(),
        }
    }

    fn read(&self, text: &str) -> Result<Vec<Item>, Error> {
        let read = match self.kind {
            Kind::Settings(syntax) => syntax.read(&Source::new(&self.path, text)),
            Kind::Lines => Ok(lines::read(text)),
        };
        read.map_err(|problem| Error::from(*problem))
    }

    /// With a name given twice it is not clear which one is meant; SillyTavern does not start with such a file.
    fn refuse_repeated(&self, text: &str, items: &[Item]) -> Result<(), Error> {
        let Some((name, span)) = change::repeated(items) else { return Ok(()) };
        let problem: Problem =
            Source::new(&self.path, text).unshown(span, format!("`{name}` is given twice"));
        Err(problem.hint("keep one of the two").into())
    }

    /// The text with a comment behind the last entry of `list`.
    fn with_note(&self, text: &str, path: &[&str], note: &str) -> Result<String, Error> {
        let items = self.read(text)?;
        let span =
            change::list(&items, path).and_then(<[Node]>::last).map(|node| node.span).unwrap_or_default();
        let from = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let to = text[span.start..].find('\n').map_or(text.len(), |newline| span.start + newline);
        let to = if text[..to].ends_with('\r') { to - 1 } else { to };
        // In a list of one line the comment would seem to be about all of it.
        let head = text[from..span.start].trim_matches([' ', '\t', '\'', '"']);
        if !matches!(head, "" | "-") || text[span.start..to].trim_end_matches(',').contains([',', ']']) {
            return Err(self.no_lines(span.line));
        }
        Ok(format!("{} # {}{}", &text[..to], note.trim(), &text[to..]))
    }

    fn obstructed(&self, obstacle: &Obstacle, change: &Change<'_>, items: &[Item]) -> Error {
        if obstacle.0 == Obstacle::NO_LINES {
            let item = change::item(items, &change.path());
            return self.no_lines(item.map_or(1, |item| item.span.line));
        }
        self.unable(&obstacle.0)
    }

    fn no_lines(&self, line: usize) -> Error {
        Error::new(format!(
            "{}:{line}: a note needs a line of its own, and this list is written in one line",
            self.path.display(),
        ))
        .hint("leave `--note` away, or write the list with one entry in each line")
    }

    fn unable(&self, why: &str) -> Error {
        Error::new(format!("cannot change `{}`: {why}", self.path.display()))
            .hint("nothing was changed; edit the file by hand")
    }
}

/// The comment behind `entry` in a line of a file, without the `#`: its note.
#[must_use]
pub fn note<'a>(line: &'a str, entry: &str) -> Option<&'a str> {
    let behind = &line[line.rfind(entry)? + entry.len()..];
    let comment = behind.trim_start_matches(['\'', '"', ',', ' ', '\t']).strip_prefix('#')?;
    Some(comment.trim()).filter(|note| !note.is_empty())
}

/// The bytes of passwords, in order.
fn hidden(items: &[Item]) -> Vec<Range<usize>> {
    let mut hidden = super::reading::secrets(items, "", false);
    hidden.sort_by_key(|range| range.start);
    hidden
}

/// Why an editor cannot make a change, in half a sentence.
struct Obstacle(String);

impl Obstacle {
    const NO_LINES: &str = "the list is written in one line";

    /// A note has no line to stand in.
    fn no_lines() -> Self {
        Self::from(Self::NO_LINES)
    }
}

impl From<&str> for Obstacle {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}
