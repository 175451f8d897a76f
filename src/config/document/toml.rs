//! Changes to lists in TOML: what `toml_edit` finds in the text is cut out or written beside, and nothing else moves.

use super::{Change, Content, Item, Node, Obstacle, lines};

/// The text with the change.
pub fn edit(text: &str, items: &[Item], change: &Change<'_>) -> Result<String, Obstacle> {
    let array = |path: &[&str]| {
        let found = super::item(items, path).ok_or("the list is not there")?;
        let Content::List(nodes) = &found.value.content else { return Err("it is not a list") };
        Ok(Array { text, start: found.value.span.start, end: found.value.span.end, nodes })
    };
    match *change {
        Change::Append { list, entry, .. } => Ok(array(list)?.append(&quoted(entry))),
        Change::Remove { list, number } => Ok(array(list)?.remove(number)),
        Change::Write { name, entries } => Ok(write(text, items, name, entries)),
    }
}

/// A list by its places in the text.
struct Array<'a> {
    text: &'a str,
    /// The byte of `[`.
    start: usize,
    /// One past `]`.
    end: usize,
    nodes: &'a [Node],
}

impl Array<'_> {
    /// The text with `entry` as the last one, written as the others are: side by side, or a line for each.
    fn append(&self, entry: &str) -> String {
        let Some(last) = self.nodes.last().map(|node| node.span) else { return self.first(entry) };
        let line_start = self.text[..last.start].rfind('\n').map_or(0, |newline| newline + 1);
        let indent = &self.text[line_start..last.start];
        if line_start <= self.start || !indent.trim().is_empty() {
            return self.spliced(last.end, &format!(", {entry}"));
        }
        let ending = super::line_ending(self.text);
        if let Some(comma) = self.comma(last.end) {
            return self.spliced(self.line_end(comma + 1), &format!("{ending}{indent}{entry},"));
        }
        let line = self.spliced(self.line_end(last.end), &format!("{ending}{indent}{entry}"));
        format!("{},{}", &line[..last.end], &line[last.end..])
    }

    /// The text with `entry` in the empty list.
    fn first(&self, entry: &str) -> String {
        let at = self.start + 1;
        let rest = &self.text[at..self.end];
        if rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n') {
            return self.spliced(at, &format!("{}  {entry},", super::line_ending(self.text)));
        }
        self.spliced(at, entry)
    }

    /// The text without the entry of that number.
    fn remove(&self, number: usize) -> String {
        let span = self.nodes[number].span;
        let before = number.checked_sub(1).map(|number| self.nodes[number].span.end);
        let after = self.nodes.get(number + 1).map(|node| node.span.start);
        let comma = self.comma(span.end);
        if self.is_alone(span.start, comma.map_or(span.end, |comma| comma + 1)) {
            let text = lines::without_line(self.text, span.start);
            // The one before was followed by a comma only because of this one.
            let orphan = if comma.is_none() { before.and_then(|before| self.comma(before)) } else { None };
            return match orphan {
                Some(at) => format!("{}{}", &text[..at], &text[at + 1..]),
                None => text,
            };
        }
        let (from, to) = match (before, after) {
            (Some(before), _) => (before, span.end),
            (None, Some(after)) => (span.start, after),
            (None, None) => (span.start, comma.map_or(span.end, |comma| comma + 1)),
        };
        format!("{}{}", &self.text[..from], &self.text[to..])
    }

    /// Whether nothing but a comment shares the line with what stands in `from..to`.
    fn is_alone(&self, from: usize, to: usize) -> bool {
        let line_start = self.text[..from].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[from..].find('\n').map_or(self.text.len(), |newline| from + newline);
        let behind = self.text.get(to..line_end).unwrap_or("]").trim_start();
        self.text[line_start..from].trim().is_empty() && (behind.is_empty() || behind.starts_with('#'))
    }

    /// The comma behind an entry that ends at `from`; comments may stand between.
    fn comma(&self, from: usize) -> Option<usize> {
        let mut at = from;
        for line in self.text[from..self.end].split_inclusive('\n') {
            let written = line.split('#').next().unwrap_or_default();
            if let Some(found) = written.find(|c: char| !c.is_whitespace()) {
                return written[found..].starts_with(',').then_some(at + found);
            }
            at += line.len();
        }
        None
    }

    /// Where the line of `from` ends, its comment included; right there when more of the list follows in the line.
    fn line_end(&self, from: usize) -> usize {
        let line = self.text[from..].split('\n').next().unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let rest = line.trim_start();
        if rest.is_empty() || rest.starts_with('#') { from + line.len() } else { from }
    }

    fn spliced(&self, at: usize, new: &str) -> String {
        format!("{}{new}{}", &self.text[..at], &self.text[at..])
    }
}

/// A new list goes behind the last value that stands outside all sections.
fn write(text: &str, items: &[Item], name: &str, entries: &[String]) -> String {
    let entries: Vec<String> = entries.iter().map(|entry| quoted(entry)).collect();
    let line = format!("{name} = [{}]", entries.join(", "));
    let ending = super::line_ending(text);
    let top = items.iter().filter(|item| !matches!(item.value.content, Content::Section(_)));
    let Some(last) = top.map(|item| item.value.span.end).max() else {
        return format!("{line}{ending}{text}");
    };
    match text[last..].find('\n') {
        Some(newline) => {
            let (head, tail) = text.split_at(last + newline + 1);
            format!("{head}{line}{ending}{tail}")
        }
        None => super::appended(text, &[line]),
    }
}

fn quoted(entry: &str) -> String {
    format!("\"{}\"", entry.replace('\\', "\\\\").replace('"', "\\\""))
}
