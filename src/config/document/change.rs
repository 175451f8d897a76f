//! What can be changed, what a change makes of the values, and where those stand.

use std::fmt;

use super::super::tree::{Content, Item, Node, Span};

/// One change. Names are given as paths: `["innkeeper", "whitelist"]`.
#[derive(Clone, Copy)]
pub enum Change<'a> {
    /// Adds an entry at the end of a list, in a line of its own where the list is written that way.
    Append {
        /// The list, which must be there.
        list: &'a [&'a str],
        /// The entry.
        entry: &'a str,
        /// A comment behind the entry, without the `#`.
        note: Option<&'a str>,
    },
    /// Adds many entries at the end of a list.
    AppendAll {
        /// The list, which must be there.
        list: &'a [&'a str],
        /// The entries, each with the comment behind it, without the `#`. Notes need a list with one entry a line;
        /// an empty list is written anew that way.
        entries: &'a [(&'a str, Option<&'a str>)],
    },
    /// Adds a section of texts at the end of a list of sections. List and sections are made where they are missing.
    AppendItem {
        /// The list.
        list: &'a [&'a str],
        /// Names and texts: `[("address", "203.0.113.9"), ("note", "Ann")]`.
        item: &'a [(&'a str, &'a str)],
    },
    /// Takes the entry of that number (from 0) away, with the comment behind it; a section with all its lines.
    Remove {
        /// The list, which must have that entry.
        list: &'a [&'a str],
        /// The number.
        number: usize,
    },
    /// Sets a scalar or a list of scalars. Where it is missing it is added to its section, and missing sections are
    /// made; a list keeps the lines of the entries that stay.
    Set {
        /// The setting.
        path: &'a [&'a str],
        /// What it is set to.
        value: &'a Content,
    },
    /// Writes a list that is not there yet, at the top level.
    Write {
        /// Its name.
        name: &'a str,
        /// What it holds; at least one entry.
        entries: &'a [String],
    },
}

/// Without the value of `Set`, which may be a password.
impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append { list, entry, note } => {
                write!(f, "append {entry:?} ({note:?}) to {}", list.join("."))
            }
            Self::AppendAll { list, entries } => write!(f, "append {entries:?} to {}", list.join(".")),
            Self::AppendItem { list, item } => write!(f, "append {item:?} to {}", list.join(".")),
            Self::Remove { list, number } => write!(f, "remove number {number} of {}", list.join(".")),
            Self::Set { path, .. } => write!(f, "set {} to …", path.join(".")),
            Self::Write { name, entries } => write!(f, "write {name}: {entries:?}"),
        }
    }
}

impl<'a> Change<'a> {
    /// Makes the change on what was read; `None` when there is no such list or entry, or something else stands there.
    pub(super) fn apply(&self, items: &mut Vec<Item>) -> Option<()> {
        match *self {
            Self::Append { list, entry, .. } => list_mut(items, list)?.push(Node::bare(entry)),
            Self::AppendAll { list, entries } => {
                list_mut(items, list)?.extend(entries.iter().map(|(entry, _)| Node::bare(*entry)));
            }
            Self::AppendItem { list, item } => {
                let content = made(items, list)?;
                if matches!(content, Content::Null) {
                    *content = Content::List(Vec::new());
                }
                let Content::List(nodes) = content else { return None };
                nodes.push(Node { content: section(item), span: Span::default() });
            }
            Self::Remove { list, number } => {
                let nodes = list_mut(items, list)?;
                (number < nodes.len()).then(|| nodes.remove(number))?;
            }
            Self::Set { path, value } => {
                let content = made(items, path)?;
                if matches!(content, Content::Section(_)) {
                    return None;
                }
                *content = value.clone();
            }
            Self::Write { name, entries } => {
                if items.iter().any(|item| item.name == name) {
                    return None;
                }
                let nodes = entries.iter().map(|entry| Node::bare(entry.as_str())).collect();
                items.push(bare(name, Content::List(nodes)));
            }
        }
        Some(())
    }

    /// What to say when `apply` cannot.
    pub(super) fn missing(&self) -> &'static str {
        match self {
            Self::Set { .. } | Self::AppendItem { .. } => "something else stands in its place",
            _ => "the list is not there",
        }
    }

    /// The path of what is changed.
    pub(super) fn path(&self) -> Vec<&'a str> {
        match *self {
            Self::Append { list, .. }
            | Self::AppendAll { list, .. }
            | Self::AppendItem { list, .. }
            | Self::Remove { list, .. } => list.to_vec(),
            Self::Set { path, .. } => path.to_vec(),
            Self::Write { name, .. } => vec![name],
        }
    }

    /// The line of the change in what was read: of the entry, or of the name.
    pub(super) fn line(&self, items: &[Item]) -> usize {
        let span = match *self {
            Self::Append { list: path, .. }
            | Self::AppendAll { list: path, .. }
            | Self::AppendItem { list: path, .. } => {
                list(items, path).and_then(<[Node]>::last).map(|node| node.span)
            }
            Self::Remove { list: path, number } => {
                list(items, path).and_then(|nodes| nodes.get(number)).map(|node| node.span)
            }
            Self::Set { path, .. } => item(items, path).map(|item| item.span),
            Self::Write { name, .. } => items.iter().find(|item| item.name == name).map(|item| item.span),
        };
        span.unwrap_or_default().line
    }
}

/// A section of texts.
pub(super) fn section(item: &[(&str, &str)]) -> Content {
    Content::Section(item.iter().map(|(name, text)| bare(name, Content::Text((*text).to_owned()))).collect())
}

fn bare(name: &str, content: Content) -> Item {
    Item { name: name.to_owned(), span: Span::default(), value: Node { content, span: Span::default() } }
}

/// How far a path leads in a file.
pub(super) enum Place<'a> {
    /// To this item.
    There(&'a Item),
    /// To a section (`None`: the top level, and one that is empty may be written as null) without the rest of it.
    Missing {
        /// The section.
        section: Option<&'a Item>,
        /// What it holds.
        items: &'a [Item],
        /// How much of the path leads there.
        depth: usize,
    },
}

/// Where `path` leads; `None` when something that is no section stands in its way.
pub(super) fn place<'a>(items: &'a [Item], path: &[&str]) -> Option<Place<'a>> {
    let (mut items, mut section) = (items, None);
    for (depth, name) in path.iter().enumerate() {
        let Some(item) = items.iter().find(|item| item.name == *name) else {
            return Some(Place::Missing { section, items, depth });
        };
        if depth + 1 == path.len() {
            return Some(Place::There(item));
        }
        section = Some(item);
        items = match &item.value.content {
            Content::Section(items) => items,
            Content::Null => &[],
            _ => return None,
        };
    }
    None
}

/// The content at `path`, made where it is missing: sections on the way, null at its end.
fn made<'a>(items: &'a mut Vec<Item>, path: &[&str]) -> Option<&'a mut Content> {
    let (name, rest) = path.split_first()?;
    let number = items.iter().position(|item| item.name == *name).unwrap_or_else(|| {
        items.push(bare(name, Content::Null));
        items.len() - 1
    });
    let content = &mut items[number].value.content;
    if rest.is_empty() {
        return Some(content);
    }
    if matches!(content, Content::Null) {
        *content = Content::Section(Vec::new());
    }
    match content {
        Content::Section(items) => made(items, rest),
        _ => None,
    }
}

/// The item at `path`.
pub(super) fn item<'a>(items: &'a [Item], path: &[&str]) -> Option<&'a Item> {
    match place(items, path)? {
        Place::There(item) => Some(item),
        Place::Missing { .. } => None,
    }
}

/// The entries of the list at `path`; null is an empty one.
pub(super) fn list<'a>(items: &'a [Item], path: &[&str]) -> Option<&'a [Node]> {
    match &item(items, path)?.value.content {
        Content::List(nodes) => Some(nodes),
        Content::Null => Some(&[]),
        _ => None,
    }
}

fn list_mut<'a>(items: &'a mut [Item], path: &[&str]) -> Option<&'a mut Vec<Node>> {
    let (name, rest) = path.split_first()?;
    let content = &mut items.iter_mut().find(|item| item.name == *name)?.value.content;
    if rest.is_empty() && matches!(content, Content::Null) {
        *content = Content::List(Vec::new());
    }
    match content {
        Content::List(nodes) if rest.is_empty() => Some(nodes),
        Content::Section(items) => list_mut(items, rest),
        _ => None,
    }
}

/// Which entries of `old` have to go so that it is the beginning of `new`, and how much of `new` is there then.
pub(super) fn kept(old: &[Node], new: &[Node]) -> (Vec<usize>, usize) {
    let (mut gone, mut kept) = (Vec::new(), 0);
    for (number, node) in old.iter().enumerate() {
        if new.get(kept).is_some_and(|new| alike_nodes(node, new)) {
            kept += 1;
        } else {
            gone.push(number);
        }
    }
    (gone, kept)
}

/// Takes a list that has become empty away, and the sections that hold nothing else: without its last element an
/// array of tables (`[[…]]`) is not written at all.
pub(super) fn prune(items: &mut Vec<Item>, path: &[&str]) {
    let Some((name, rest)) = path.split_first() else { return };
    let Some(number) = items.iter().position(|item| item.name == *name) else { return };
    let empty = match &mut items[number].value.content {
        Content::List(nodes) => rest.is_empty() && nodes.is_empty(),
        Content::Section(items) => {
            prune(items, rest);
            items.is_empty()
        }
        _ => false,
    };
    if empty {
        items.remove(number);
    }
}

/// Whether two readings hold the same, wherever it stands. The order of names means nothing.
pub(super) fn alike(left: &[Item], right: &[Item]) -> bool {
    left.len() == right.len()
        && left.iter().all(|item| {
            let other = right.iter().find(|other| other.name == item.name);
            other.is_some_and(|other| alike_nodes(&item.value, &other.value))
        })
}

pub(super) fn alike_nodes(left: &Node, right: &Node) -> bool {
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
pub(super) fn repeated(items: &[Item]) -> Option<(&str, Span)> {
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
