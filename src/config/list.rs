//! Lists of addresses as text, each entry with its line; and `whitelist.txt`, which replaces the list.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::file;
use super::layer::Layer;
use super::problem::{Origin, Problem, Problems};
use super::value::Value;

/// A list that is in force, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSource {
    /// The entries in order, unread.
    pub entries: Vec<ListEntry>,
    /// Where they come from.
    pub origin: ListOrigin,
}

/// One entry as it was written, without white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// The text.
    pub text: Box<str>,
    /// The line in the file the list comes from, from 1; 0 when it comes from no file.
    pub line: u32,
}

/// What `whitelist.txt` held, if it was there.
///
/// Taken before the settings file is read: `whitelist migrate` writes the list there first and moves this file away
/// then. Read in the other order, the settings of before could meet the folder of after, and the list that never
/// counted would come into force.
pub(super) struct TextList {
    path: PathBuf,
    bytes: io::Result<Vec<u8>>,
}

impl TextList {
    /// Reads the file in `folder`.
    pub fn read(folder: &Path) -> Self {
        let path = file::beside(folder, Path::new("whitelist.txt"));
        Self { bytes: std::fs::read(&path), path }
    }
}

/// Which list is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListOrigin {
    /// The setting, from wherever that came.
    Setting(Origin),
    /// `whitelist.txt` beside the settings file, in place of the setting.
    Text {
        /// The file.
        path: PathBuf,
        /// Where the list that does not count stands.
        replaces: Origin,
    },
}

impl ListSource {
    /// The list that the setting `path` holds.
    pub(super) fn of_setting(layer: &Layer, path: &str) -> Self {
        let setting = layer.setting(path);
        let entries = match setting.map(|setting| &setting.value) {
            Some(Value::List(list)) => {
                list.iter().map(|(text, line)| ListEntry::new(text.trim(), *line)).collect()
            }
            _ => Vec::new(),
        };
        let origin = setting.map_or(Origin::Default, |setting| setting.origin.clone());
        Self { entries, origin: ListOrigin::Setting(origin) }
    }

    /// The list of `text` when it is there, whatever it holds, else this one. SillyTavern goes on with the other list
    /// when the file cannot be read; that would let in somebody else, so it is a problem.
    pub(super) fn replaced_by(self, text: TextList, problems: &mut Problems) -> Self {
        let TextList { path, bytes } = text;
        let ListOrigin::Setting(replaces) = self.origin.clone() else { return self };
        match bytes {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self { entries: lines(&text), origin: ListOrigin::Text { path, replaces } },
                Err(error) => {
                    problems.push(file::not_utf8(&path, error.as_bytes(), error.utf8_error().valid_up_to()));
                    self
                }
            },
            // A link to nothing is there: another list must not come into force because a disk is missing.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => self,
            Err(error) => {
                let problem =
                    Problem::new(format!("{} is there and cannot be read: {error}", path.display()));
                problems.push(
                    problem.hint("it takes the place of `whitelist`; make it readable, or move it away"),
                );
                self
            }
        }
    }

    /// The origin of one of its entries.
    #[must_use]
    pub fn origin_of(&self, entry: &ListEntry) -> Origin {
        let line = entry.line as usize;
        match &self.origin {
            ListOrigin::Setting(Origin::File { path, .. }) | ListOrigin::Text { path, .. } => {
                Origin::File { path: path.clone(), line, column: 1 }
            }
            ListOrigin::Setting(origin) => origin.clone(),
        }
    }
}

/// `config.yaml:12`, `INNKEEPER_WHITELIST`, `whitelist.txt (in place of config.yaml:12)`.
impl fmt::Display for ListOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(origin) => write!(f, "{origin}"),
            Self::Text { path, replaces } => write!(f, "{} (in place of {replaces})", path.display()),
        }
    }
}

impl ListEntry {
    fn new(text: &str, line: usize) -> Self {
        Self { text: text.into(), line: u32::try_from(line).unwrap_or(u32::MAX) }
    }
}

/// The entries of `whitelist.txt`: one a line; white space and a BOM around them dropped, empty lines and comments
/// left out, also a comment after an entry.
pub(super) fn lines(text: &str) -> Vec<ListEntry> {
    let entry = |(number, line): (usize, &str)| {
        let line = line.split_once('#').map_or(line, |(entry, _)| entry);
        let entry = line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        (!entry.is_empty()).then(|| ListEntry::new(entry, number + 1))
    };
    text.split('\n').enumerate().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_lines() {
        let text = "\u{feff}127.0.0.1\r\n\r\n  10.0.0.0/8  # home\n# nobody\n::1";
        let read: Vec<_> =
            lines(text).into_iter().map(|entry| (entry.line, entry.text.to_string())).collect();
        let text = |line, text: &str| (line, text.to_owned());
        assert_eq!(read, [text(1, "127.0.0.1"), text(3, "10.0.0.0/8"), text(5, "::1")]);
    }
}
