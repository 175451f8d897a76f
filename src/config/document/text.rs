//! Places in a text and pieces of it.

use std::ops::Range;

/// Replacements in a text, made in one go.
#[derive(Default)]
pub struct Pieces(Vec<(Range<usize>, String)>);

impl Pieces {
    /// One replacement.
    pub fn one(place: Range<usize>, new: String) -> Self {
        Self(vec![(place, new)])
    }

    /// Puts `new` in place of the bytes `place`. No two may overlap.
    pub fn put(&mut self, place: Range<usize>, new: impl Into<String>) {
        self.0.push((place, new.into()));
    }

    /// The text with all of them.
    pub fn applied(mut self, text: &str) -> String {
        self.0.sort_by_key(|(place, _)| (place.start, place.end));
        let mut out =
            String::with_capacity(text.len() + self.0.iter().map(|(_, new)| new.len()).sum::<usize>());
        let mut at = 0;
        for (place, new) in self.0 {
            out += text.get(at..place.start).unwrap_or_default();
            out += &new;
            at = place.end.max(at);
        }
        out + &text[at..]
    }
}

/// Where the line of the byte `at` begins.
pub fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line of the byte `at` ends, without its line ending.
pub fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    if text[at..end].ends_with('\r') { end - 1 } else { end }
}

/// Where the line after that of the byte `at` begins.
pub fn next_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The line ending of a text: that of its first line.
pub fn line_ending(text: &str) -> &'static str {
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    if first.ends_with("\r\n") { "\r\n" } else { "\n" }
}

/// `lines` as they are put behind the line of the byte `at`, and where. The last line of a text may have no ending,
/// and then has none afterwards either.
pub fn below(text: &str, at: usize, lines: &[String]) -> (usize, String) {
    let ending = line_ending(text);
    let end = next_line(text, at);
    let block = lines.join(ending);
    if text[..end].ends_with('\n') || text.is_empty() {
        (end, block + ending)
    } else {
        (end, format!("{ending}{block}"))
    }
}

/// `text` with `lines` behind it. It ends in a line ending if it did before, or was empty.
pub fn appended(text: &str, lines: &[String]) -> String {
    let ending = line_ending(text);
    let block = lines.join(ending);
    if text.is_empty() || text.ends_with('\n') {
        format!("{text}{block}{ending}")
    } else {
        format!("{text}{ending}{block}")
    }
}

/// The bytes of the lines from that of `from` to that of `to`; of the last line without an ending, with the ending
/// before it instead.
pub fn whole_lines(text: &str, from: usize, to: usize) -> Range<usize> {
    let (start, end) = (line_start(text, from), next_line(text, to));
    if text[..end].ends_with('\n') {
        return start..end;
    }
    let head = &text[..start];
    head.strip_suffix("\r\n").or_else(|| head.strip_suffix('\n')).unwrap_or(head).len()..end
}

/// `text` without the line around the byte `at`.
pub fn without_line(text: &str, at: usize) -> String {
    Pieces::one(whole_lines(text, at, at), String::new()).applied(text)
}
