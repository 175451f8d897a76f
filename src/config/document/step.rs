//! What setting one value has changed in a text, so that it can be taken back to the byte, long after.

use serde::{Deserialize, Serialize};

use super::{Content, Item, Node, Span};

/// One setting that was set: which bytes came, and which went for them. Nothing else of the file is in it.
///
/// Has no `Debug`, as a password may stand in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The names that lead to it: `["innkeeper", "ssl", "enabled"]`.
    pub path: Vec<String>,
    /// What it was set to.
    pub value: String,
    /// The text of the file that came: at least the value.
    put: String,
    /// The text in whose place it came.
    taken: String,
    /// Where the value begins in `put`, in bytes.
    at: usize,
}

/// What came of taking a step back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// The bytes are there again that were there before.
    Taken,
    /// The value is still the one that was set, but the text around it is another: nothing was done.
    Rewritten,
    /// It was set to something else since, or taken out: nothing was done.
    Changed,
}

impl Step {
    /// The difference of two texts of which the second has the value of `path` at `value`.
    pub(super) fn between(before: &str, after: &str, path: &[&str], value: &Node) -> Self {
        let Span { start, end, .. } = value.span;
        let (from, behind) = (common(before, after).min(start), after.len() - end);
        let room = before.len().min(after.len()) - from;
        let equal =
            before.bytes().rev().zip(after.bytes().rev()).take(room).take_while(|(a, b)| a == b).count();
        let mut behind = behind.min(equal);
        while !(after.is_char_boundary(after.len() - behind)
            && before.is_char_boundary(before.len() - behind))
        {
            behind -= 1;
        }
        Self {
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            value: value.text().unwrap_or_default().to_owned(),
            put: after[from..after.len() - behind].to_owned(),
            taken: before[from..before.len() - behind].to_owned(),
            at: start - from,
        }
    }

    /// The names that lead to it.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// `text`, which has the value at the byte `value`, without what came; nothing where the text around it is another.
    pub(super) fn undone(&self, text: &str, value: usize) -> Option<String> {
        let from = value.checked_sub(self.at)?;
        let behind = text.get(from..)?.strip_prefix(&self.put)?;
        Some(format!("{}{}{behind}", &text[..from], self.taken))
    }
}

/// How many bytes two texts begin with alike, up to a whole character.
fn common(left: &str, right: &str) -> usize {
    let mut length = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
    while !left.is_char_boundary(length) {
        length -= 1;
    }
    length
}

/// What was read without the value of `path`, and without the sections that hold nothing else.
pub(super) fn without(items: &[Item], path: &[&str]) -> Vec<Item> {
    let Some((name, rest)) = path.split_first() else { return items.to_vec() };
    let mut kept = Vec::new();
    for item in items {
        let mut item = item.clone();
        if item.name == *name {
            match &item.value.content {
                // An empty section may be written as null.
                Content::Null => continue,
                _ if rest.is_empty() => continue,
                Content::Section(items) => match without(items, rest) {
                    left if left.is_empty() => continue,
                    left => item.value.content = Content::Section(left),
                },
                _ => {}
            }
        }
        kept.push(item);
    }
    kept
}
