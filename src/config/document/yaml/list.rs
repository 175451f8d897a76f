//! Lists in YAML, a line for each entry or in brackets.

use std::ops::Range;

use super::super::array::Array;
use super::super::change::{self, Change};
use super::super::text::{self, Pieces, below, line_end, next_line};
use super::super::{Content, Item, Node, Obstacle};
use super::scalar::{self, Quotes};
use crate::config::problem::Source;

/// An entry to add, with the comment behind it.
pub struct New<'a> {
    /// A scalar or a section.
    pub content: Content,
    /// Without the `#`.
    pub note: Option<&'a str>,
}

impl<'a> New<'a> {
    /// A text.
    pub fn scalar(entry: &str, note: Option<&'a str>) -> Self {
        Self { content: Content::Text(entry.to_owned()), note }
    }
}

/// An empty list in brackets that gets more at once becomes one with a line for each.
const SIDE_BY_SIDE: usize = 8;

/// The text with `new` at the end of the list.
pub fn append(text: &str, items: &[Item], path: &[&str], new: &[New<'_>]) -> Result<String, Obstacle> {
    let item = unshared(text, items, path)?;
    let nodes = change::list(items, path).ok_or("it is not a list")?;
    let span = item.value.span;
    if text.as_bytes().get(span.start) == Some(&b'[') {
        return append_in_brackets(text, item, nodes, new);
    }
    let (indent, behind) = match nodes.len().checked_sub(1) {
        Some(last) => {
            let first = &text[place(text, item, nodes, last)?.start..];
            (first.len() - first.trim_start_matches(' ').len(), super::end(text, &nodes[last]))
        }
        // Nothing behind the colon, or a null that is written out.
        None => (item.span.column + 1, super::colon(text, item)?),
    };
    let mut pieces = Pieces::default();
    if nodes.is_empty() && span.end > span.start {
        pieces.put(behind..span.end, "");
    }
    put_below(text, behind, new, indent, &mut pieces)?;
    Ok(pieces.applied(text))
}

/// Beside the others; an empty list is written with a line for each when that is more than fits in one.
fn append_in_brackets(text: &str, item: &Item, nodes: &[Node], new: &[New<'_>]) -> Result<String, Obstacle> {
    let array = array(text, item, nodes)?;
    let is_section = |new: &New<'_>| matches!(new.content, Content::Section(_));
    let wide = new.len() > SIDE_BY_SIDE || new.iter().any(|new| new.note.is_some() || is_section(new));
    let behind = text[array.end..line_end(text, array.end)].trim_start();
    let alone = super::leads(text, item) && (behind.is_empty() || behind.starts_with('#'));
    if nodes.is_empty() && wide && alone && text[array.start + 1..array.end - 1].trim().is_empty() {
        let mut pieces = Pieces::default();
        pieces.put(super::colon(text, item)?..array.end, "");
        put_below(text, array.end, new, item.span.column + 1, &mut pieces)?;
        return Ok(pieces.applied(text));
    }
    let written: Result<Vec<_>, Obstacle> =
        new.iter().map(|new| Ok((scalar::flow(&new.content, Quotes::None)?, new.note))).collect();
    array.append(&written?).ok_or_else(Obstacle::no_lines)
}

/// Puts a line for each of `new` below that of the byte `at`.
fn put_below(
    text: &str,
    at: usize,
    new: &[New<'_>],
    indent: usize,
    pieces: &mut Pieces,
) -> Result<(), Obstacle> {
    let mut added = Vec::new();
    lines(new.iter().map(|new| (&new.content, new.note)), indent, &mut added)?;
    let (at, block) = below(text, at, &added);
    pieces.put(at..at, block);
    Ok(())
}

/// The text without the entry of that number.
pub fn remove(text: &str, items: &[Item], path: &[&str], number: usize) -> Result<String, Obstacle> {
    let item = unshared(text, items, path)?;
    let nodes = change::list(items, path).ok_or("it is not a list")?;
    if text.as_bytes().get(item.value.span.start) == Some(&b'[') {
        return Ok(array(text, item, nodes)?.remove(number));
    }
    let place = place(text, item, nodes, number)?;
    let mut pieces = Pieces::default();
    // Without its last entry a list would be null, which is something else.
    if nodes.len() == 1 {
        let colon = super::colon(text, item)?;
        pieces.put(colon..colon, " []");
    }
    pieces.put(text::whole_lines(text, place.start, super::end(text, &nodes[number]).max(place.start)), "");
    Ok(pieces.applied(text))
}

/// The text with the list `new` in place of the list `old`: entries that stay keep their lines.
pub fn rewritten(
    text: &str,
    items: &[Item],
    path: &[&str],
    old: &[Node],
    new: &[Node],
) -> Result<String, Obstacle> {
    let (gone, kept) = super::super::change::kept(old, new);
    let added: Vec<New<'_>> =
        new[kept..].iter().map(|node| New { content: node.content.clone(), note: None }).collect();
    let mut edited = if added.is_empty() { text.to_owned() } else { append(text, items, path, &added)? };
    for number in gone.into_iter().rev() {
        let read = crate::config::yaml::read(&Source::new("", edited.as_str()));
        let items = read.map_err(|_| "the list cannot be found again")?;
        edited = super::edit(&edited, &items, &Change::Remove { list: path, number })?;
    }
    Ok(edited)
}

/// Entries in lines of their own.
pub fn lines<'a>(
    entries: impl Iterator<Item = (&'a Content, Option<&'a str>)>,
    indent: usize,
    out: &mut Vec<String>,
) -> Result<(), Obstacle> {
    for (content, note) in entries {
        let from = out.len();
        match content {
            Content::Section(items) if !items.is_empty() => {
                for item in items {
                    super::lines(&item.name, &item.value.content, indent + 2, out)?;
                }
                out[from].replace_range(indent..=indent, "-");
            }
            _ => {
                let written = scalar::flow(content, Quotes::None)?;
                let note = note.map_or(0, |note| " # ".len() + note.len());
                let mut line = String::with_capacity(indent + "- ".len() + written.len() + note);
                line.extend(std::iter::repeat_n(' ', indent));
                line += "- ";
                line += &written;
                out.push(line);
            }
        }
        if let Some(note) = note {
            out[from] += " # ";
            out[from] += note.trim();
        }
    }
    Ok(())
}

/// The list as it stands in brackets.
fn array<'a>(text: &'a str, item: &Item, nodes: &[Node]) -> Result<Array<'a>, Obstacle> {
    let end = super::end(text, &item.value);
    if !text[..end].ends_with(']') {
        return Err("the end of the list cannot be found".into());
    }
    let entries = nodes.iter().map(|node| (node.span.start, super::end(text, node))).collect();
    Ok(Array { text, start: item.value.span.start, end, entries })
}

/// The lines of an entry, with the line ending.
pub fn place(text: &str, item: &Item, nodes: &[Node], number: usize) -> Result<Range<usize>, Obstacle> {
    let before = match number.checked_sub(1) {
        Some(before) => super::end(text, &nodes[before]),
        None => super::colon(text, item)?,
    };
    let node = &nodes[number];
    let mut start = next_line(text, before);
    // Its dash may stand in a line above: `- |`, and `-` alone.
    while start < text.len() && start <= node.span.start {
        let line = text[start..line_end(text, start)].trim_start();
        if line == "-" || line.starts_with("- ") {
            return Ok(start..next_line(text, super::end(text, node).max(start)));
        }
        if !(line.is_empty() || line.starts_with('#')) {
            break;
        }
        start = next_line(text, start);
    }
    Err("the entry has no line of its own".into())
}

/// The item of a list that no other setting shares.
fn unshared<'a>(text: &str, items: &'a [Item], path: &[&str]) -> Result<&'a Item, Obstacle> {
    let item = change::item(items, path).ok_or("the list is not there")?;
    let nodes = change::list(items, path).ok_or("it is not a list")?;
    let value = item.value.span;
    let end = nodes.first().map_or(value.end, |node| node.span.start).max(item.span.end);
    let between = text.get(item.span.end..end).unwrap_or_default();
    // An alias may be written before the list it stands for, or behind it.
    let at_alias = text.get(value.start..).is_some_and(|rest| rest.starts_with(['*', '&', '!']));
    let written = |line: &str| line.split('#').next().unwrap_or_default().contains(['&', '*', '!']);
    if at_alias || between.lines().any(written) {
        return Err("the list has an anchor, an alias or a tag, so other settings may hang on it".into());
    }
    Ok(item)
}
