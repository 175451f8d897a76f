//! Lists in brackets, which YAML and TOML write alike: entries are written beside the others, or cut out, and nothing
//! else moves.

use super::text::{Pieces, line_ending, line_start, whole_lines};

/// A list by its places in the text.
pub struct Array<'a> {
    /// The whole text.
    pub text: &'a str,
    /// The byte of `[`.
    pub start: usize,
    /// One past `]`.
    pub end: usize,
    /// First byte of each entry, and one past its last.
    pub entries: Vec<(usize, usize)>,
}

/// An entry to add, written out, with the comment behind it.
pub type New<'a> = (String, Option<&'a str>);

impl Array<'_> {
    /// Whether each entry has a line of its own, so that a comment can stand behind it.
    pub fn has_lines(&self) -> bool {
        self.entries
            .last()
            .map_or_else(|| self.text[self.start..self.end].contains('\n'), |last| self.leads(*last))
    }

    /// The text with `new` at the end, written as the others are: side by side, or a line for each. `None` when there
    /// are notes and no lines for them.
    pub fn append(&self, new: &[New<'_>]) -> Option<String> {
        if self.has_lines() {
            return Some(self.append_lines(new));
        }
        if new.iter().any(|(_, note)| note.is_some()) {
            return None;
        }
        let written: Vec<&str> = new.iter().map(|(entry, _)| entry.as_str()).collect();
        let written = written.join(", ");
        Some(match self.entries.last() {
            Some((_, end)) => self.spliced(*end, &format!(", {written}")),
            None => self.spliced(self.start + 1, &written),
        })
    }

    fn append_lines(&self, new: &[New<'_>]) -> String {
        let ending = line_ending(self.text);
        let Some(last) = self.entries.last() else {
            let at = self.start + 1;
            return self.spliced(at, &lines(new, &format!("{ending}  "), true));
        };
        let indent = &self.text[line_start(self.text, last.0)..last.0];
        let before = format!("{ending}{indent}");
        if let Some(comma) = self.comma(last.1) {
            return self.spliced(self.line_end(comma + 1), &lines(new, &before, true));
        }
        let mut pieces = Pieces::default();
        pieces.put(last.1..last.1, ",");
        let end = self.line_end(last.1);
        pieces.put(end..end, lines(new, &before, false));
        pieces.applied(self.text)
    }

    /// The text with `new`, a line for each, in the empty list, which stands in a line that is indented by `indent`.
    pub fn fill(&self, new: &[New<'_>], indent: &str) -> Option<String> {
        let inside = &self.text[self.start + 1..self.end - 1];
        let ending = line_ending(self.text);
        let block = lines(new, &format!("{ending}{indent}  "), true);
        let whole = format!("[{block}{ending}{indent}]");
        inside.trim().is_empty().then(|| Pieces::one(self.start..self.end, whole).applied(self.text))
    }

    /// The text without the entry of that number.
    pub fn remove(&self, number: usize) -> String {
        let (start, end) = self.entries[number];
        let before = number.checked_sub(1).map(|number| self.entries[number].1);
        let after = self.entries.get(number + 1).map(|(start, _)| *start);
        let comma = self.comma(end);
        let mut pieces = Pieces::default();
        if self.is_alone(start, comma.map_or(end, |comma| comma + 1)) {
            pieces.put(whole_lines(self.text, start, comma.unwrap_or(end)), "");
            // The one before was followed by a comma only because of this one.
            if let Some(at) = before.filter(|_| comma.is_none()).and_then(|before| self.comma(before)) {
                pieces.put(at..at + 1, "");
            }
        } else {
            let (from, to) = match (before, after) {
                (Some(before), _) => (before, end),
                (None, Some(after)) => (start, after),
                (None, None) => (start, comma.map_or(end, |comma| comma + 1)),
            };
            pieces.put(from..to, "");
        }
        pieces.applied(self.text)
    }

    /// Whether an entry is the first thing in its line.
    fn leads(&self, (start, _): (usize, usize)) -> bool {
        let line = line_start(self.text, start);
        line > self.start && self.text[line..start].trim().is_empty()
    }

    /// Whether nothing but a comment shares the lines with what stands in `from..to`.
    fn is_alone(&self, from: usize, to: usize) -> bool {
        let line_end = self.text[to..].find('\n').map_or(self.text.len(), |newline| to + newline);
        let behind = self.text.get(to..line_end).unwrap_or("]").trim_start();
        self.leads((from, to)) && (behind.is_empty() || behind.starts_with('#'))
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
        Pieces::one(at..at, new.to_owned()).applied(self.text)
    }
}

/// A line for each of `new`, with `before` in front and a comma behind; behind the last one if `comma`.
fn lines(new: &[New<'_>], before: &str, comma: bool) -> String {
    let mut out = String::new();
    for (number, (entry, note)) in new.iter().enumerate() {
        out += before;
        out += entry;
        if comma || number + 1 < new.len() {
            out.push(',');
        }
        if let Some(note) = note {
            out += " # ";
            out += note.trim();
        }
    }
    out
}
