//! What the values cannot tell: that no comment, blank or line ending was lost on the way.

use std::fmt::Write as _;

use super::{Change, Obstacle};

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
        // The entry before gets a comma.
        (Change::Append { .. }, [old], [new, _]) => longer(old, new) == Some(","),
        (Change::Remove { .. }, [gone], []) => lines(before).nth(line - 1) == Some(gone),
        (Change::Remove { .. }, [old], [new]) => {
            from + 1 == line && longer(new, old).is_some_and(|part| !part.contains('#'))
        }
        // The last entry: its line goes, and the line of the name gets `[]`. Or the entry before loses its comma.
        (Change::Remove { .. }, [old, gone], [new]) => {
            let kept =
                longer(old, new).is_some_and(|part| part.trim() == "[]") || longer(new, old) == Some(",");
            kept && lines(before).nth(line - 1) == Some(gone)
        }
        _ => false,
    };
    if fits { Ok(()) } else { obstacle() }
}

/// The changed lines, with a sign.
pub fn difference(before: &str, after: &str) -> String {
    let (from, old, new) = changed(before, after);
    let mut out = String::new();
    for (sign, lines) in [('-', old), ('+', new)] {
        for (number, line) in lines.iter().enumerate() {
            let _ = writeln!(out, "{sign}{}: {line}", from + number + 1);
        }
    }
    out
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
    let windows = super::line_ending(model) == "\r\n";
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
