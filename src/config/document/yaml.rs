//! Changes in YAML: the strict reader says where everything stands, and pieces of text are put there or cut out. What
//! comes out of here is judged by the caller.

mod list;
mod scalar;

use self::scalar::Quotes;
use super::change::{self, Change, Place};
use super::text::{self, Pieces};
use super::{Content, Item, Node, Obstacle};

/// The text with the change.
pub fn edit(text: &str, items: &[Item], change: &Change<'_>) -> Result<String, Obstacle> {
    match *change {
        Change::Append { list, entry, .. } => {
            list::append(text, items, list, &[list::New::scalar(entry, None)])
        }
        Change::AppendAll { list, entries } => {
            let new: Vec<list::New<'_>> =
                entries.iter().map(|(entry, note)| list::New::scalar(entry, *note)).collect();
            list::append(text, items, list, &new)
        }
        Change::AppendItem { list, item } => {
            let content = change::section(item);
            if change::item(items, list).is_some() {
                return list::append(text, items, list, &[list::New { content, note: None }]);
            }
            let nodes = vec![Node { content, span: super::Span::default() }];
            set(text, items, list, &Content::List(nodes))
        }
        Change::Remove { list, number } => list::remove(text, items, list, number),
        Change::Set { path, value } => set(text, items, path, value),
        Change::Write { name, entries } => {
            let nodes = entries.iter().map(|entry| Node::bare(entry.as_str())).collect();
            set(text, items, &[name], &Content::List(nodes))
        }
    }
}

/// One past the last byte of a value.
pub fn end(text: &str, node: &Node) -> usize {
    let (start, end) = (node.span.start, node.span.end);
    let behind =
        |last: Option<usize>, bracket| closing(text, last.unwrap_or(start + 1), bracket).unwrap_or(end);
    match (&node.content, text.as_bytes().get(start)) {
        // An alias.
        (Content::List(_) | Content::Section(_), Some(b'*')) => end,
        (Content::List(nodes), Some(b'[')) => behind(nodes.last().map(|node| self::end(text, node)), ']'),
        (Content::Section(items), Some(b'{')) => {
            behind(items.last().map(|item| self::end(text, &item.value)), '}')
        }
        (Content::List(nodes), _) => nodes.last().map_or(end, |node| self::end(text, node)),
        (Content::Section(items), _) => items.last().map_or(end, |item| self::end(text, &item.value)),
        // Not written: the place of the colon or the dash.
        (Content::Null, _) if start == end => (start + 1).min(text.len()),
        // With the line endings behind a text that begins with `|`.
        _ => start + text[start..end].trim_end().len(),
    }
}

/// One past the bracket that closes a list or section whose last value ends at `from`.
fn closing(text: &str, from: usize, bracket: char) -> Option<usize> {
    let mut at = from;
    for line in text.get(from..)?.split_inclusive('\n') {
        let written = line.split('#').next().unwrap_or_default();
        if let Some(found) = written.find(|c: char| !c.is_whitespace() && c != ',') {
            return written[found..].starts_with(bracket).then_some(at + found + 1);
        }
        at += line.len();
    }
    None
}

/// One past the colon behind a name.
fn colon(text: &str, item: &Item) -> Result<usize, Obstacle> {
    let found = text.get(item.span.end..).and_then(|rest| rest.find(':'));
    found
        .map(|at| item.span.end + at + 1)
        .ok_or_else(|| Obstacle::from("the name is not followed by a colon"))
}

/// Whether a name is the first thing in its line, so that lines may follow it.
fn leads(text: &str, item: &Item) -> bool {
    text[text::line_start(text, item.span.start)..item.span.start].trim().is_empty()
}

fn set(text: &str, items: &[Item], path: &[&str], value: &Content) -> Result<String, Obstacle> {
    match change::place(items, path).ok_or("something else stands in its place")? {
        Place::There(item) => match (&item.value.content, value) {
            (Content::List(old), Content::List(new)) => list::become_(text, items, path, old, new),
            (Content::Section(_), _) => Err("it is a section".into()),
            (Content::List(_), _) => Err("it is a list".into()),
            _ => replace(text, item, value),
        },
        Place::Missing { section, items, depth } => {
            let Some((name, rest)) = path[depth..].split_first() else {
                return Err("nothing is missing".into());
            };
            add(text, section, items, name, &nested(rest, value))
        }
    }
}

/// Puts `value` in the place of a scalar.
fn replace(text: &str, item: &Item, value: &Content) -> Result<String, Obstacle> {
    let (start, end) = (item.value.span.start, item.value.span.end);
    let colon = colon(text, item)?;
    if matches!(item.value.content, Content::Null) && start == end {
        return match value {
            Content::List(nodes) if !nodes.is_empty() && leads(text, item) => {
                let indent = item.span.column + 1;
                let mut lines = Vec::new();
                list::lines(nodes.iter().map(|node| (&node.content, None)), indent, &mut lines)?;
                let (at, block) = text::below(text, colon, &lines);
                Ok(Pieces::one(at..at, block).applied(text))
            }
            _ => {
                let new = format!(" {}", scalar::flow(value, Quotes::None)?);
                Ok(Pieces::one(colon..colon, new).applied(text))
            }
        };
    }
    let new = scalar::flow(value, Quotes::of(&text[start..end]))?;
    let head = text.get(colon..start).ok_or("its name does not stand before it")?;
    let Some(header) = head.find(['|', '>']).filter(|at| !head[..*at].contains(['#', '\n'])) else {
        return Ok(Pieces::one(start..end, new).applied(text));
    };
    // A text of lines, which begins below: its first line keeps a comment, the others go.
    let header = colon + header;
    let mut pieces = Pieces::default();
    let length = text[header..].find(char::is_whitespace).unwrap_or_default();
    pieces.put(header..header + length, new);
    pieces.put(text::whole_lines(text, start, self::end(text, &item.value).max(start)), "");
    Ok(pieces.applied(text))
}

/// Adds `name` at the end of a section.
fn add(
    text: &str,
    section: Option<&Item>,
    items: &[Item],
    name: &str,
    value: &Content,
) -> Result<String, Obstacle> {
    let flow =
        || Ok(format!("{}: {}", scalar::scalar(name, Quotes::None)?, scalar::flow(value, Quotes::None)?));
    let Some(last) = items.last() else {
        let Some(section) = section else {
            let mut lines = Vec::new();
            self::lines(name, value, 0, &mut lines)?;
            return Ok(text::appended(text, &lines));
        };
        return fill(text, section, name, value, flow);
    };
    let behind = end(text, &last.value);
    if is_in_braces(text, section, items) {
        let new: Result<String, Obstacle> = flow();
        return Ok(Pieces::one(behind..behind, format!(", {}", new?)).applied(text));
    }
    let mut lines = Vec::new();
    self::lines(name, value, items[0].span.column - 1, &mut lines)?;
    let ends_early = || text.lines().any(|line| line == "..." || line.starts_with("... "));
    if section.is_none() && !ends_early() {
        return Ok(text::appended(text, &lines));
    }
    let (at, block) = text::below(text, behind, &lines);
    Ok(Pieces::one(at..at, block).applied(text))
}

/// Puts the first name into a section that is empty: `innkeeper:`, `innkeeper: ~` or `innkeeper: {}`.
fn fill(
    text: &str,
    section: &Item,
    name: &str,
    value: &Content,
    flow: impl FnOnce() -> Result<String, Obstacle>,
) -> Result<String, Obstacle> {
    let colon = colon(text, section)?;
    let span = section.value.span;
    if text.as_bytes().get(span.start) == Some(&b'{') {
        return Ok(Pieces::one(span.start + 1..span.start + 1, flow()?).applied(text));
    }
    let mut pieces = Pieces::default();
    if leads(text, section) {
        let mut lines = Vec::new();
        self::lines(name, value, section.span.column + 1, &mut lines)?;
        if span.end > span.start {
            pieces.put(colon..span.end, "");
        }
        let (at, block) = text::below(text, span.end.max(colon), &lines);
        pieces.put(at..at, block);
    } else {
        pieces.put(colon..span.end.max(colon), format!(" {{{}}}", flow()?));
    }
    Ok(pieces.applied(text))
}

/// Whether a section (`None`: the top level) is written as `{…}`.
fn is_in_braces(text: &str, section: Option<&Item>, items: &[Item]) -> bool {
    match section {
        Some(section) => text.as_bytes().get(section.value.span.start) == Some(&b'{'),
        None => items.first().is_some_and(|first| text[..first.span.start].trim_end().ends_with('{')),
    }
}

/// `value` under the names of `path`.
fn nested(path: &[&str], value: &Content) -> Content {
    path.iter().rev().fold(value.clone(), |content, name| {
        let value = Node { content, span: super::Span::default() };
        Content::Section(vec![Item { name: (*name).to_owned(), span: super::Span::default(), value }])
    })
}

/// `name: value` in lines of its own.
fn lines(name: &str, value: &Content, indent: usize, out: &mut Vec<String>) -> Result<(), Obstacle> {
    let name = scalar::scalar(name, Quotes::None)?;
    match value {
        Content::Section(items) if !items.is_empty() => {
            out.push(format!("{:indent$}{name}:", ""));
            items.iter().try_for_each(|item| lines(&item.name, &item.value.content, indent + 2, out))
        }
        Content::List(nodes) if !nodes.is_empty() => {
            out.push(format!("{:indent$}{name}:", ""));
            list::lines(nodes.iter().map(|node| (&node.content, None)), indent + 2, out)
        }
        _ => {
            out.push(format!("{:indent$}{name}: {}", "", scalar::flow(value, Quotes::None)?));
            Ok(())
        }
    }
}
