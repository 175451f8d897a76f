//! `whitelist.txt` as a document: one entry a line, comments behind `#`.

use super::{Change, Content, Item, Node, Obstacle, Span};
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

/// Adds a line at the end, or takes the entry's line away.
pub fn edit(text: &str, items: &[Item], change: &Change<'_>) -> Result<String, Obstacle> {
    match *change {
        Change::Append { entry, .. } => Ok(super::appended(text, &[entry.to_owned()])),
        Change::Remove { list, number } => {
            let span = super::list(items, list).and_then(|nodes| nodes.get(number)).map(|node| node.span);
            Ok(without_line(text, span.ok_or("there is no such entry")?.start))
        }
        Change::Write { .. } => Err("the list is there".into()),
    }
}

/// `text` without the line around the byte `at`; of the last line without an ending, without the ending before it.
pub(super) fn without_line(text: &str, at: usize) -> String {
    let from = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    if let Some(newline) = text[at..].find('\n') {
        return format!("{}{}", &text[..from], &text[at + newline + 1..]);
    }
    let head = &text[..from];
    head.strip_suffix("\r\n").or_else(|| head.strip_suffix('\n')).unwrap_or(head).to_owned()
}
