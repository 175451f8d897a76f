//! Changes in TOML: the strict reader says where everything stands, and pieces of text are put there or cut out.

mod scalar;

use super::array::{Array, New};
use super::change::{self, Change, Place};
use super::text::{self, Pieces};
use super::{Content, Item, Node, Obstacle, Span};
use crate::config::problem::Source;

/// The text with the change.
pub fn edit(text: &str, items: &[Item], change: &Change<'_>) -> Result<String, Obstacle> {
    match *change {
        Change::Append { list, entry, .. } => append(text, items, list, &[(scalar::quoted(entry), None)]),
        Change::AppendAll { list, entries } => {
            let new: Vec<New<'_>> =
                entries.iter().map(|(entry, note)| (scalar::quoted(entry), *note)).collect();
            append(text, items, list, &new)
        }
        Change::AppendItem { list, item } => append_item(text, items, list, &change::section(item)),
        Change::Remove { list, number } => remove(text, items, list, number),
        Change::Set { path, value } => set(text, items, path, value),
        Change::Write { name, entries } => {
            let nodes = entries.iter().map(|entry| Node::bare(entry.as_str())).collect();
            set(text, items, &[name], &Content::List(nodes))
        }
    }
}

/// How a section or a list of sections is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `[name]` or `[[name]]` in a line of its own, and what follows.
    Header,
    /// Only named on the way to another: `[name.other]`.
    Implied,
    /// `name.other = …`
    Dotted,
    /// `{…}` or `[…]`
    Inline,
}

fn form(text: &str, node: &Node) -> Form {
    let start = node.span.start;
    let line = text[text::line_start(text, start)..].trim_start();
    match (text.as_bytes().get(start), &node.content) {
        (Some(b'['), Content::Section(_)) => Form::Header,
        (Some(b'['), Content::List(_))
            if line.starts_with("[[") && line.as_ptr() == text[start..].as_ptr() =>
        {
            Form::Header
        }
        (Some(b'[' | b'{'), _) => Form::Inline,
        _ if line.starts_with('[') => Form::Implied,
        _ => Form::Dotted,
    }
}

/// One past the last byte of a value.
pub fn end(text: &str, node: &Node) -> usize {
    let values = |items: &[Item]| items.iter().map(|item| end(text, &item.value)).max().unwrap_or_default();
    match (&node.content, form(text, node)) {
        (Content::Section(items), Form::Header | Form::Implied | Form::Dotted) => {
            values(items).max(node.span.end)
        }
        (Content::List(nodes), Form::Header) => {
            nodes.iter().map(|node| end(text, node)).max().unwrap_or(node.span.end)
        }
        _ => node.span.end,
    }
}

/// A list in brackets, wherever it stands.
fn array<'a>(text: &'a str, items: &[Item], path: &[&str]) -> Result<Array<'a>, Obstacle> {
    let item = change::item(items, path).ok_or("the list is not there")?;
    let Content::List(nodes) = &item.value.content else { return Err("it is not a list".into()) };
    let entries = nodes.iter().map(|node| (node.span.start, node.span.end)).collect();
    Ok(Array { text, start: item.value.span.start, end: item.value.span.end, entries })
}

/// An empty list in one line that gets more at once becomes one with a line for each.
const SIDE_BY_SIDE: usize = 8;

fn append(text: &str, items: &[Item], path: &[&str], new: &[New<'_>]) -> Result<String, Obstacle> {
    let array = array(text, items, path)?;
    let wide = new.len() > SIDE_BY_SIDE || new.iter().any(|(_, note)| note.is_some());
    if array.entries.is_empty() && wide && !array.has_lines() {
        let line = &text[text::line_start(text, array.start)..];
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        return array.fill(new, indent).ok_or_else(Obstacle::no_lines);
    }
    array.append(new).ok_or_else(Obstacle::no_lines)
}

fn append_item(text: &str, items: &[Item], path: &[&str], item: &Content) -> Result<String, Obstacle> {
    match change::place(items, path).ok_or("something else stands in its place")? {
        Place::There(list) if form(text, &list.value) == Form::Header => {
            let (at, block) = text::below(text, end(text, &list.value), &table(path, item)?);
            Ok(Pieces::one(at..at, block).applied(text))
        }
        Place::There(_) => append(text, items, path, &[(scalar::value(item, "")?, None)]),
        Place::Missing { section, .. }
            if section.is_none_or(|s| matches!(form(text, &s.value), Form::Header | Form::Implied)) =>
        {
            Ok(at_end(text, table(path, item)?))
        }
        Place::Missing { .. } => {
            let node = Node { content: item.clone(), span: Span::default() };
            set(text, items, path, &Content::List(vec![node]))
        }
    }
}

/// `[[innkeeper.guests]]` and its lines, with a blank line above.
fn table(path: &[&str], item: &Content) -> Result<Vec<String>, Obstacle> {
    let mut lines = vec![String::new(), format!("[[{}]]", scalar::names(path))];
    let Content::Section(items) = item else { return Err("it is not a section".into()) };
    for item in items {
        lines.push(format!("{} = {}", scalar::name(&item.name), scalar::value(&item.value.content, "")?));
    }
    Ok(lines)
}

/// The text with `lines`, the first of which is blank, behind it.
fn at_end(text: &str, mut lines: Vec<String>) -> String {
    let last = text.strip_suffix('\n').unwrap_or(text);
    if last[text::line_start(last, last.len())..].trim().is_empty() {
        lines.remove(0);
    }
    text::appended(text, &lines)
}

fn remove(text: &str, items: &[Item], path: &[&str], number: usize) -> Result<String, Obstacle> {
    let item = change::item(items, path).ok_or("the list is not there")?;
    if form(text, &item.value) != Form::Header {
        return Ok(array(text, items, path)?.remove(number));
    }
    let nodes = change::list(items, path).ok_or("it is not a list")?;
    let node = nodes.get(number).ok_or("there is no such entry")?;
    let mut from = text::line_start(text, node.span.start);
    // With the blank line that sets it off.
    if let Some(above) = text[..from].strip_suffix('\n') {
        let above = text::line_start(above, above.len());
        if text[above..from].trim().is_empty() {
            from = above;
        }
    }
    Ok(Pieces::one(text::whole_lines(text, from, end(text, node)), String::new()).applied(text))
}

fn set(text: &str, items: &[Item], path: &[&str], value: &Content) -> Result<String, Obstacle> {
    match change::place(items, path).ok_or("something else stands in its place")? {
        Place::There(item) => match (&item.value.content, value) {
            (Content::List(old), Content::List(new)) => become_(text, items, path, old, new),
            (Content::Section(_), _) => Err("it is a section".into()),
            (Content::List(_), _) => Err("it is a list".into()),
            _ => {
                let place = item.value.span.start..item.value.span.end;
                let new = scalar::value(value, &text[place.clone()])?;
                Ok(Pieces::one(place, new).applied(text))
            }
        },
        Place::Missing { section, items: siblings, depth } => {
            add(text, items, section, siblings, path, depth, value)
        }
    }
}

/// The text with the list `new` in place of the list `old`: entries that stay keep their lines.
fn become_(
    text: &str,
    items: &[Item],
    path: &[&str],
    old: &[Node],
    new: &[Node],
) -> Result<String, Obstacle> {
    let (gone, kept) = change::kept(old, new);
    let added: Result<Vec<New<'_>>, Obstacle> =
        new[kept..].iter().map(|node| Ok((scalar::value(&node.content, "")?, None))).collect();
    let added = added?;
    let mut edited = if added.is_empty() { text.to_owned() } else { append(text, items, path, &added)? };
    for number in gone.into_iter().rev() {
        let read = crate::config::toml::read(&Source::new("", edited.as_str()));
        edited = remove(&edited, &read.map_err(|_| "the list cannot be found again")?, path, number)?;
    }
    Ok(edited)
}

/// Adds what is missing of `path` behind its first `depth` names.
fn add(
    text: &str,
    items: &[Item],
    section: Option<&Item>,
    siblings: &[Item],
    path: &[&str],
    depth: usize,
    value: &Content,
) -> Result<String, Obstacle> {
    let rest = &path[depth..];
    let line = format!("{} = {}", scalar::names(rest), scalar::value(value, "")?);
    let under_header = |depth: usize| {
        let (sections, leaf) = path.split_at(path.len() - 1);
        debug_assert!(depth < path.len());
        let leaf = format!("{} = {}", scalar::names(leaf), scalar::value(value, "")?);
        Ok(at_end(text, vec![String::new(), format!("[{}]", scalar::names(sections)), leaf]))
    };
    let Some(section) = section else {
        return if rest.len() > 1 && has_headers(text, items) {
            under_header(depth)
        } else {
            Ok(at_top(text, items, line))
        };
    };
    match form(text, &section.value) {
        Form::Inline => {
            let (at, new) = match siblings.iter().map(|item| end(text, &item.value)).max() {
                Some(at) => (at, format!(", {line}")),
                None => (section.value.span.start + 1, format!(" {line} ")),
            };
            Ok(Pieces::one(at..at, new).applied(text))
        }
        Form::Implied => under_header(depth),
        Form::Header if rest.len() > 1 => under_header(depth),
        Form::Header => {
            let own = siblings.iter().filter(|item| !is_apart(text, &item.value));
            let at = own.map(|item| end(text, &item.value)).max().unwrap_or(section.value.span.end);
            let (at, block) = text::below(text, at, &[line]);
            Ok(Pieces::one(at..at, block).applied(text))
        }
        Form::Dotted => {
            let first = siblings.first().ok_or("the section cannot be found")?;
            let before = &text[text::line_start(text, first.span.start)..first.span.start];
            let behind = end(text, &section.value);
            // `{a.b = 1}`: in one line with others.
            if let Some(comma) = before.rfind(['{', ',']) {
                let new = format!(", {}{line}", before[comma + 1..].trim_start());
                return Ok(Pieces::one(behind..behind, new).applied(text));
            }
            let (at, block) = text::below(text, behind, &[format!("{before}{line}")]);
            Ok(Pieces::one(at..at, block).applied(text))
        }
    }
}

/// A new value goes behind the last one that stands outside all headers.
fn at_top(text: &str, items: &[Item], line: String) -> String {
    let top = items.iter().filter(|item| !is_apart(text, &item.value));
    match top.map(|item| end(text, &item.value)).max() {
        Some(last) => {
            let (at, block) = text::below(text, last, &[line]);
            Pieces::one(at..at, block).applied(text)
        }
        None if items.is_empty() => text::appended(text, &[line]),
        None => format!("{line}{}{text}", text::line_ending(text)),
    }
}

/// Whether a value stands under a header of its own, and not where its name is.
fn is_apart(text: &str, node: &Node) -> bool {
    matches!(form(text, node), Form::Header | Form::Implied)
        && matches!(node.content, Content::Section(_) | Content::List(_))
}

fn has_headers(text: &str, items: &[Item]) -> bool {
    items.iter().any(|item| is_apart(text, &item.value))
}
