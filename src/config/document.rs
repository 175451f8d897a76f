//! A settings file that is being changed: found, locked, edited without losing a comment, checked, replaced in one step.
//!
//! No edit is trusted. The text is read strictly before and after, the second reading has to be the first with just
//! that change, and besides the line of the entry not a byte may differ. What fails leaves the file as it was.

mod guard;
mod lines;
mod lock;
mod replace;
mod toml;
mod yaml;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::lock::Lock;
use super::file;
use super::layer::Syntax;
use super::problem::{Problem, Source};
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

/// One change to a list. Its name is given as a path: `["innkeeper", "whitelist"]`.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Adds an entry at the end, in a line of its own where the list is written that way.
    Append {
        /// The list, which must be there.
        list: &'a [&'a str],
        /// The entry.
        entry: &'a str,
        /// A comment behind the entry, without the `#`.
        note: Option<&'a str>,
    },
    /// Takes the entry of that number (from 0) away, with the comment behind it.
    Remove {
        /// The list, which must have that entry.
        list: &'a [&'a str],
        /// The number.
        number: usize,
    },
    /// Writes a list that is not there yet, at the top level.
    Write {
        /// Its name.
        name: &'a str,
        /// What it holds; at least one entry.
        entries: &'a [String],
    },
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
    // Given back when the rest is done.
    _lock: Lock,
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
        Ok(Self { path, target, kind, after: before.clone(), before, difference: String::new(), _lock: lock })
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
        let before = self.read(text)?;
        self.refuse_repeated(text, &before)?;
        let mut expected = before.clone();
        change.apply(&mut expected).ok_or_else(|| self.unable("the list is not there"))?;
        let edited = match self.kind {
            Kind::Settings(Syntax::Yaml) => yaml::edit(text, &before, change),
            Kind::Settings(Syntax::Toml) => toml::edit(text, &before, change),
            Kind::Lines => lines::edit(text, &before, change),
        };
        let edited = edited.map_err(|obstacle| self.unable(&obstacle.0))?;
        let edited = match change {
            Change::Append { note: Some(note), list, .. } => self.with_note(&edited, list, note)?,
            _ => edited,
        };
        let after = self.read(&edited)?;
        if !alike(&after, &expected) {
            return Err(self.unable("the change would reach other settings as well"));
        }
        let line = change.line(if matches!(change, Change::Remove { .. }) { &before } else { &after });
        guard::check(text, &edited, change, line).map_err(|obstacle| self.unable(&obstacle.0))?;
        self.difference += &guard::difference(text, &edited);
        self.after = if bom { format!("{BOM}{edited}") } else { edited };
        Ok(line)
    }

    /// The file as it will be.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.after
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
        let items = self.read(self.after.strip_prefix(BOM).unwrap_or(&self.after)).ok()?;
        let own = [super::schema::SECTION, name];
        [&own[..], &own[1..]].into_iter().find(|path| list(&items, path).is_some()).map(<[_]>::to_vec)
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

    fn read(&self, text: &str) -> Result<Vec<Item>, Error> {
        let read = match self.kind {
            Kind::Settings(syntax) => syntax.read(&Source::new(&self.path, text)),
            Kind::Lines => Ok(lines::read(text)),
        };
        read.map_err(|problem| Error::from(*problem))
    }

    /// With a name given twice it is not clear which one is meant; SillyTavern does not start with such a file.
    fn refuse_repeated(&self, text: &str, items: &[Item]) -> Result<(), Error> {
        let Some((name, span)) = repeated(items) else { return Ok(()) };
        let problem: Problem =
            Source::new(&self.path, text).unshown(span, format!("`{name}` is given twice"));
        Err(problem.hint("keep one of the two").into())
    }

    /// The text with a comment behind the last entry of `list`.
    fn with_note(&self, text: &str, path: &[&str], note: &str) -> Result<String, Error> {
        let items = self.read(text)?;
        let span = list(&items, path).and_then(<[Node]>::last).map(|node| node.span).unwrap_or_default();
        let from = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let to = text[span.start..].find('\n').map_or(text.len(), |newline| span.start + newline);
        let to = if text[..to].ends_with('\r') { to - 1 } else { to };
        // In a list of one line the comment would seem to be about all of it.
        let head = text[from..span.start].trim_matches([' ', '\t', '\'', '"']);
        if !matches!(head, "" | "-") || text[span.start..to].trim_end_matches(',').contains([',', ']']) {
            return Err(Error::new(format!(
                "{}:{}: a note needs a line of its own, and this list is written in one line",
                self.path.display(),
                span.line
            ))
            .hint("leave `--note` away, or write the list with one entry in each line"));
        }
        Ok(format!("{} # {}{}", &text[..to], note.trim(), &text[to..]))
    }

    fn unable(&self, why: &str) -> Error {
        Error::new(format!("cannot change `{}`: {why}", self.path.display()))
            .hint("nothing was changed; edit the file by hand")
    }
}

/// Why an editor cannot make a change, in half a sentence.
struct Obstacle(String);

impl Change<'_> {
    /// Makes the change on what was read; `None` when there is no such list or entry.
    fn apply(&self, items: &mut Vec<Item>) -> Option<()> {
        match *self {
            Self::Append { list, entry, .. } => list_mut(items, list)?.push(Node::bare(entry)),
            Self::Remove { list, number } => {
                let nodes = list_mut(items, list)?;
                (number < nodes.len()).then(|| nodes.remove(number))?;
            }
            Self::Write { name, entries } => {
                if items.iter().any(|item| item.name == name) {
                    return None;
                }
                let nodes = entries.iter().map(|entry| Node::bare(entry.as_str())).collect();
                let value = Node { content: Content::List(nodes), span: Span::default() };
                items.push(Item { name: name.to_owned(), span: Span::default(), value });
            }
        }
        Some(())
    }

    /// The line of the change in what was read.
    fn line(&self, items: &[Item]) -> usize {
        let span = match *self {
            Self::Append { list: path, .. } => {
                list(items, path).and_then(<[Node]>::last).map(|node| node.span)
            }
            Self::Remove { list: path, number } => {
                list(items, path).and_then(|nodes| nodes.get(number)).map(|node| node.span)
            }
            Self::Write { name, .. } => items.iter().find(|item| item.name == name).map(|item| item.span),
        };
        span.unwrap_or_default().line
    }
}

/// The item at `path`.
fn item<'a>(items: &'a [Item], path: &[&str]) -> Option<&'a Item> {
    let (name, rest) = path.split_first()?;
    let found = items.iter().find(|item| item.name == *name)?;
    match &found.value.content {
        _ if rest.is_empty() => Some(found),
        Content::Section(items) => item(items, rest),
        _ => None,
    }
}

/// The entries of the list at `path`.
fn list<'a>(items: &'a [Item], path: &[&str]) -> Option<&'a [Node]> {
    match &item(items, path)?.value.content {
        Content::List(nodes) => Some(nodes),
        _ => None,
    }
}

fn list_mut<'a>(items: &'a mut [Item], path: &[&str]) -> Option<&'a mut Vec<Node>> {
    let (name, rest) = path.split_first()?;
    let found = items.iter_mut().find(|item| item.name == *name)?;
    match &mut found.value.content {
        Content::List(nodes) if rest.is_empty() => Some(nodes),
        Content::Section(items) => list_mut(items, rest),
        _ => None,
    }
}

/// Whether two readings hold the same, wherever it stands. The order of names means nothing.
fn alike(left: &[Item], right: &[Item]) -> bool {
    left.len() == right.len()
        && left.iter().all(|item| {
            let other = right.iter().find(|other| other.name == item.name);
            other.is_some_and(|other| alike_nodes(&item.value, &other.value))
        })
}

fn alike_nodes(left: &Node, right: &Node) -> bool {
    match (&left.content, &right.content) {
        (Content::Null, Content::Null) => true,
        (Content::Switch(_, left), Content::Switch(_, right))
        // The text, as two that are no number are not equal.
        | (Content::Number(_, left), Content::Number(_, right))
        | (Content::Text(left), Content::Text(right)) => left == right,
        (Content::List(left), Content::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| alike_nodes(left, right))
        }
        (Content::Section(left), Content::Section(right)) => alike(left, right),
        _ => false,
    }
}

/// The first name that is given twice in one section, at any depth.
fn repeated(items: &[Item]) -> Option<(&str, Span)> {
    let mut names = std::collections::HashSet::new();
    items.iter().find_map(|item| {
        if names.insert(item.name.as_str()) {
            repeated_within(&item.value)
        } else {
            Some((item.name.as_str(), item.span))
        }
    })
}

fn repeated_within(node: &Node) -> Option<(&str, Span)> {
    match &node.content {
        Content::Section(items) => repeated(items),
        Content::List(nodes) => nodes.iter().find_map(repeated_within),
        _ => None,
    }
}

/// The comment behind `entry` in a line of a file, without the `#`: its note.
#[must_use]
pub fn note<'a>(line: &'a str, entry: &str) -> Option<&'a str> {
    let behind = &line[line.rfind(entry)? + entry.len()..];
    let comment = behind.trim_start_matches(['\'', '"', ',', ' ', '\t']).strip_prefix('#')?;
    Some(comment.trim()).filter(|note| !note.is_empty())
}

/// The line ending of a text: that of its first line.
fn line_ending(text: &str) -> &'static str {
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    if first.ends_with("\r\n") { "\r\n" } else { "\n" }
}

/// `text` with `lines` behind it. It ends in a line ending if it did before, or was empty.
fn appended(text: &str, lines: &[String]) -> String {
    let ending = line_ending(text);
    let block = lines.join(ending);
    if text.is_empty() || text.ends_with('\n') {
        format!("{text}{block}{ending}")
    } else {
        format!("{text}{ending}{block}")
    }
}

impl From<&str> for Obstacle {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}
