//! `whitelist.txt` as a document: one entry a line, comments behind `#`.

use super::change::{self, Change};
use super::{Content, Item, Node, Obstacle, Span, text};
use crate::config::list;
use crate::config::tree::Lines;

/// Reads the entries as one list named `whitelist`.
pub fn read(text: &str) -> Vec<Item> {
    let lines = Lines::of(text);
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let node = |entry: list::ListEntry| {
        let start = starts[entry.line as usize - 1];
        let at = start + text[start..].find(&*entry.text).unwrap_or_default();
        Node { content: Content::Text(entry.text.to_string()), span: lines.span(at, at + entry.text.len()) }
    };
    let nodes = list::lines(text).into_iter().map(node).collect();
    let value = Node { content: Content::List(nodes), span: Span::default() };
    vec![Item { name: "whitelist".to_owned(), span: Span::default(), value }]
}

/// Adds lines at the end, or takes the entry's line away.
pub fn edit(text: &str, items: &[Item], change: &Change<'_>) -> Result<String, Obstacle> {
    match *change {
        Change::Append { entry, .. } => Ok(text::appended(text, &[entry.to_owned()])),
        Change::AppendAll { entries, .. } => {
            let line = |(entry, note): &(&str, Option<&str>)| match note {
                Some(note) => format!("{entry} # {}", note.trim()),
                None => (*entry).to_owned(),
            };
            Ok(text::appended(text, &entries.iter().map(line).collect::<Vec<_>>()))
        }
        Change::Remove { list, number } => {
            let span = change::list(items, list).and_then(|nodes| nodes.get(number)).map(|node| node.span);
            Ok(text::without_line(text, span.ok_or("there is no such entry")?.start))
        }
        Change::Write { .. } => Err("the list is there".into()),
        Change::Set { .. } | Change::AppendItem { .. } => Err("it holds a list and no settings".into()),
    }
}
