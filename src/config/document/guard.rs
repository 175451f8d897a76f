//! What the values cannot tell: that no comment, blank or line ending was lost on the way.

use std::collections::HashMap;
use std::fmt::Write as _;

use std::ops::Range;

use super::change::{self, Change};
use super::extent::Extent;
use super::{Content, Item, Node};
use super::{Obstacle, text};

/// Passes a text that differs from the one before in the line of the entry only: `line`, counted from 1.
pub fn check(before: &str, after: &str, change: &Change<'_>, line: usize) -> Result<(), Obstacle> {
    let obstacle = || Err(Obstacle::from("the change would touch more than the line of the entry"));
    let ends = |text: &str| text.is_empty() || text.ends_with('\n');
    if (ends(before) != ends(after) && !after.is_empty()) || endings(before, after) > endings(before, before)
    {
        return Err("the change would mix the line endings".into());
    }
    let (from, old, new) = changed(before, after);
    let grown = |old: &str, new: &str| longer(old, new).is_some();
    let fits = match (change, old.as_slice(), new.as_slice()) {
        (Change::Append { .. } | Change::Write { .. }, [], _) => true,
        (Change::Append { .. }, [old], [new]) => grown(old, new),
        // The entry before gets a comma, or the bracket behind it moves on.
        (Change::Append { .. }, [old], [new, more]) => {
            longer(old, new) == Some(",") || grown(old, &format!("{new}\n{more}"))
        }
        (Change::Remove { .. }, [gone], []) => lines(before).nth(line - 1) == Some(gone),
        (Change::Remove { .. }, [old], [new]) => {
            from + 1 == line && longer(new, old).is_some_and(|part| !part.contains('#'))
        }
        // The last entry: its line goes, and the line of the name gets `[]`. Or the entry before loses its
        // comma, or gets the bracket back.
        (Change::Remove { .. }, [old, gone], [new]) => {
            let kept =
                longer(old, new).is_some_and(|part| part.trim() == "[]") || longer(new, old) == Some(",");
            let joined = format!("{old}\n{gone}");
            let bracket = longer(new, &joined).is_some_and(|part| !part.contains('#'));
            (kept || bracket) && lines(before).nth(line - 1) == Some(gone)
        }
        _ => false,
    };
    if fits { Ok(()) } else { obstacle() }
}

/// A text as it was read.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Without a BOM.
    pub text: &'a str,
    /// What it holds.
    pub items: &'a [Item],
}

/// Passes a text that differs from the one before in the lines of `extent` only, or has more lines somewhere. All
/// comments have to be there still, save those that go with their entry, and no others but the notes of the change.
pub fn check_lines(
    before: Reading<'_>,
    after: Reading<'_>,
    extent: &Extent,
    change: &Change<'_>,
) -> Result<(), Obstacle> {
    let ends = |text: &str| text.is_empty() || text.ends_with('\n');
    if (ends(before.text) != ends(after.text) && !after.text.is_empty())
        || endings(before.text, after.text) > endings(before.text, before.text)
    {
        return Err("the change would mix the line endings".into());
    }
    let (mut from, old, new) = changed(before.text, after.text);
    let fits = extent.within.as_ref().is_some_and(|within| {
        // Of lines that go, it cannot be told which of two equal ones went: the first that fits.
        if new.is_empty() {
            let all: Vec<&str> = lines(before.text).collect();
            while from + old.len() > *within.end() && from > 0 && all[from - 1] == all[from + old.len() - 1] {
                from -= 1;
            }
        }
        from + 1 >= *within.start() && from + old.len() <= *within.end()
    });
    // New lines alone bring nothing but the change, or the values would differ.
    let fits = old.is_empty() || fits;
    if !fits {
        return Err("the change would touch more than the lines of the setting".into());
    }
    let (old, mut new) = (comments(before), comments(after));
    let notes = notes(after.items, change);
    new.retain(|(line, comment)| notes.get(line).is_none_or(|note| *note != comment[1..].trim()));
    let mut new = new.into_iter().map(|(_, comment)| comment).peekable();
    let kept = old.into_iter().all(|(line, comment)| {
        new.next_if(|new| *new == comment).is_some() || extent.gone.iter().any(|gone| gone.contains(&line))
    });
    if kept && new.next().is_none() { Ok(()) } else { Err("the change would lose a comment".into()) }
}

/// The notes of `change` by the lines in which they stand now.
fn notes<'a>(after: &[Item], change: &Change<'a>) -> HashMap<usize, &'a str> {
    let Change::AppendAll { list, entries } = *change else { return HashMap::new() };
    let nodes = change::list(after, list).unwrap_or_default();
    let added = nodes.iter().rev().zip(entries.iter().rev());
    added.filter_map(|(node, (_, note))| Some((node.span.line, note.as_ref()?.trim()))).collect()
}

/// All comments, each with its line: what begins with `#` outside of names and values.
fn comments(reading: Reading<'_>) -> Vec<(usize, &str)> {
    let mut values = Vec::new();
    spans(reading.items, &mut values);
    values.sort_unstable_by_key(|value| value.start);
    let mut values = values.into_iter().peekable();
    let (mut found, mut at) = (Vec::new(), 0);
    for (number, line) in reading.text.split_inclusive('\n').enumerate() {
        let mark = line.match_indices('#').map(|(mark, _)| at + mark).find(|mark| {
            while values.next_if(|value| value.end <= *mark).is_some() {}
            values.peek().is_none_or(|value| value.start > *mark)
        });
        if let Some(mark) = mark {
            found.push((number + 1, reading.text[mark..at + line.len()].trim_end()));
        }
        at += line.len();
    }
    found
}

/// Where names and scalars stand.
fn spans(items: &[Item], out: &mut Vec<Range<usize>>) {
    for item in items {
        out.push(item.span.start..item.span.end);
        spans_within(&item.value, out);
    }
}

fn spans_within(node: &Node, out: &mut Vec<Range<usize>>) {
    match &node.content {
        Content::Section(items) => spans(items, out),
        Content::List(nodes) => nodes.iter().for_each(|node| spans_within(node, out)),
        _ => out.push(node.span.start..node.span.end),
    }
}

/// The changed lines, with a sign; `…` for the bytes `hidden`, of each text its own.
pub fn difference(before: &str, after: &str, hidden: [&[Range<usize>]; 2]) -> String {
    let (from, old, new) = changed(before, after);
    let mut out = String::new();
    for ((sign, text, lines), hidden) in [('-', before, old), ('+', after, new)].into_iter().zip(hidden) {
        for (number, line) in lines.iter().enumerate() {
            let start = line.as_ptr() as usize - text.as_ptr() as usize;
            let _ = writeln!(out, "{sign}{}: {}", from + number + 1, shown(line, start, hidden));
        }
    }
    out
}

/// A line that begins at the byte `start`, without what must not be seen.
fn shown(line: &str, start: usize, hidden: &[Range<usize>]) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for range in hidden {
        let from = range.start.saturating_sub(start).clamp(at, line.len());
        let to = range.end.saturating_sub(start).clamp(at, line.len());
        if from < to {
            out = out + &line[at..from] + "…";
            at = to;
        }
    }
    out + &line[at..]
}

/// How many lines are the same at the beginning, and what stands between those and the same ones at the end.
fn changed<'a>(before: &'a str, after: &'a str) -> (usize, Vec<&'a str>, Vec<&'a str>) {
    let mut old: Vec<&str> = lines(before).collect();
    let mut new: Vec<&str> = lines(after).collect();
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    old.drain(..same);
    new.drain(..same);
    while old.last().is_some() && old.last() == new.last() {
        old.pop();
        new.pop();
    }
    (same, old, new)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').map(|line| {
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line)
    })
}

/// How many lines of `text` end in another way than the first of `model`; the last may have no ending.
fn endings(model: &str, text: &str) -> usize {
    let windows = text::line_ending(model) == "\r\n";
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n') && line.ends_with("\r\n") != windows)
        .count()
}

/// What was put into `short` to make `long`, if that is one piece.
fn longer<'a>(short: &str, long: &'a str) -> Option<&'a str> {
    let head = short.bytes().zip(long.bytes()).take_while(|(short, long)| short == long).count();
    let rest = short.get(head..).and_then(|rest| long.get(head..)?.strip_suffix(rest));
    rest.filter(|_| short.len() < long.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[&str] = &["whitelist"];

    /// The verdict on an edit that changes the line `line`.
    fn passes(change: &Change<'_>, before: &str, after: &str, line: usize) -> bool {
        check(before, after, change, line).is_ok()
    }

    #[test]
    fn an_entry_comes_and_nothing_else() {
        let add = Change::Append { list: LIST, entry: "b", note: None };
        let table = [
            ("l:\n- a\nc: 1\n", "l:\n- a\n- b\nc: 1\n", true),
            ("l:\n- a", "l:\n- a\n- b", true),
            ("l: [a] # c\n", "l: [a, b] # c\n", true),
            ("l = [\n'a' # c\n]\n", "l = [\n'a', # c\n'b'\n]\n", true),
            // A comment is lost, another line changes, an ending changes, the end comes or goes.
            ("l:\n- a # c\n", "l:\n- a\n- b\n", false),
            ("l: [a] # c\n", "l: [a, b]\n", false),
            ("# c\nl:\n- a\n", "l:\n- a\n- b\n", false),
            ("x:  1\nl:\n- a\n", "x: 1\nl:\n- a\n- b\n", false),
            ("l:\r\n- a\r\n", "l:\r\n- a\r\n- b\n", false),
            ("l:\n- a\n", "l:\n- a\n- b\r\n", false),
            ("l:\n- a", "l:\n- a\n- b\n", false),
            ("l:\n- a\n", "l:\n- a\n- b", false),
        ];
        for (before, after, expected) in table {
            assert_eq!(passes(&add, before, after, 3), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn an_entry_goes_with_its_comment_and_no_other() {
        let remove = Change::Remove { list: LIST, number: 0 };
        let table = [
            ("l:\n- a # c\n- b\n", "l:\n- b\n", 2, true),
            ("l:\n- a\n- a\n", "l:\n- a\n", 3, true),
            ("l: # c\n- a\n", "l: [] # c\n", 2, true),
            ("l: [a, b] # c\n", "l: [b] # c\n", 1, true),
            ("l = [\n'a', # c\n'b'\n]\n", "l = [\n'a' # c\n]\n", 3, true),
            // Another's comment, another entry, two lines, a comment in the same line.
            ("l:\n# c\n- a\n- b\n", "l:\n- b\n", 3, false),
            ("l:\n- a\n- b\n", "l:\n- a\n", 2, false),
            ("l:\n- a\n\n- b\n", "l:\n- b\n", 2, false),
            ("l: [a, b] # c\n", "l: [b]\n", 1, false),
            ("l: # c\n- a\n", "l: []\n", 2, false),
        ];
        for (before, after, line, expected) in table {
            assert_eq!(passes(&remove, before, after, line), expected, "{before:?} {after:?}");
        }
    }
}
