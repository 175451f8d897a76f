//! How far a change reaches in the text before it.

use std::ops::RangeInclusive;

use super::change::{self, Change, Place};
use super::guard::Reading;
use super::{Content, Kind, Node, text, toml, yaml};
use crate::config::layer::Syntax;
use crate::config::tree::Lines;

/// The lines of a change, counted from 1.
pub struct Extent {
    /// Those that it may touch; `None` when it may only bring new ones.
    pub within: Option<RangeInclusive<usize>>,
    /// Those of the entries that go, each in lines of its own: their comments go with them.
    pub gone: Vec<RangeInclusive<usize>>,
}

impl Extent {
    /// The lines of `change` in what was read before it.
    pub fn of(kind: Kind, before: Reading<'_>, change: &Change<'_>) -> Self {
        Self { within: within(kind, before, change), gone: gone(kind, before, change) }
    }
}

fn within(kind: Kind, before: Reading<'_>, change: &Change<'_>) -> Option<RangeInclusive<usize>> {
    let lines = Lines::of(before.text);
    let last = |node: &Node| {
        let end = end(kind, before.text, node);
        lines.span(end, end).line
    };
    match (change::place(before.items, &change.path())?, change) {
        (Place::There(item), Change::Remove { number, .. }) => {
            let Content::List(nodes) = &item.value.content else { return None };
            // The entry before may lose its comma, the name may get `[]`, a blank line above goes with a section.
            let first = number.checked_sub(1).map_or(item.span.line, |number| last(&nodes[number]));
            let node = nodes.get(*number)?;
            Some(first.min(node.span.line - 1)..=last(node))
        }
        (Place::There(item), _) => Some(item.span.line..=last(&item.value)),
        (Place::Missing { section: Some(section), .. }, _) => Some(section.span.line..=last(&section.value)),
        (Place::Missing { section: None, items, .. }, _) => {
            let (first, end) = (items.first()?, items.last()?);
            let flow = before.text[..first.span.start].trim_end().ends_with('{');
            flow.then(|| first.span.line..=last(&end.value))
        }
    }
}

fn gone(kind: Kind, before: Reading<'_>, change: &Change<'_>) -> Vec<RangeInclusive<usize>> {
    let nodes = change::list(before.items, &change.path()).unwrap_or_default();
    let gone = match change {
        Change::Remove { number, .. } => vec![*number],
        Change::Set { value: Content::List(new), .. } => change::kept(nodes, new).0,
        _ => Vec::new(),
    };
    let (text, lines) = (before.text, Lines::of(before.text));
    let place = |node: &Node| {
        let end = end(kind, text, node);
        // In a line with others its comment is not its own.
        let before = text[text::line_start(text, node.span.start)..node.span.start].trim();
        let behind = text[end..text::line_end(text, end)].trim_start().trim_start_matches(',').trim_start();
        let alone = matches!(before, "" | "-") && (behind.is_empty() || behind.starts_with('#'));
        alone.then(|| node.span.line..=lines.span(end, end).line)
    };
    gone.into_iter().filter_map(|number| place(nodes.get(number)?)).collect()
}

/// One past the last byte of a value.
fn end(kind: Kind, text: &str, node: &Node) -> usize {
    match kind {
        Kind::Settings(Syntax::Yaml) => yaml::end(text, node),
        Kind::Settings(Syntax::Toml) => toml::end(text, node),
        Kind::Lines if matches!(node.content, Content::List(_)) => text.len(),
        Kind::Lines => node.span.end,
    }
}
