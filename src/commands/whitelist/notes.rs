//! The notes of a list: the comments behind its entries.

use crate::config::{ListEntry, ListOrigin, ListSource, Origin, document};

/// The text of the file a list stands in, by its lines.
pub struct Notes {
    text: String,
    starts: Vec<usize>,
}

impl Notes {
    /// Those of `list`; none where it stands in no file, or that cannot be read any more.
    pub fn of(list: &ListSource) -> Self {
        let path = match &list.origin {
            ListOrigin::Setting(Origin::File { path, .. }) | ListOrigin::Text { path, .. } => Some(path),
            ListOrigin::Setting(_) => None,
        };
        let text = path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let after_newline = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after_newline).collect(), text }
    }

    /// The note of one of its entries.
    pub fn note(&self, entry: &ListEntry) -> Option<&str> {
        let number = (entry.line as usize).checked_sub(1)?;
        let line = &self.text[*self.starts.get(number)?..];
        document::note(line.split('\n').next()?.trim_end_matches('\r'), &entry.text)
    }
}
