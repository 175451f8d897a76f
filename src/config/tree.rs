//! What a settings file says, before anyone judges it: values with their place, the same for YAML and TOML.

use super::problem::Problem;

/// Where something stands in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte; equal to `start` for a value that is not written out.
    pub end: usize,
}

/// Where the lines of a text begin, so that many places in it are found quickly.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// Finds the lines of `text`.
    pub fn of(text: &'a str) -> Self {
        let after_newline = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_newline).collect() }
    }

    /// The place of the bytes `start..end`; offsets past the end count as the end.
    pub fn span(&self, start: usize, end: usize) -> Span {
        let start = floor(self.text, start);
        let end = floor(self.text, end).max(start);
        let line = self.starts.partition_point(|line_start| *line_start <= start);
        let column = self.text[self.starts[line - 1]..start].chars().count() + 1;
        Span { line, column, start, end }
    }
}

impl Span {
    /// The place at a line and a column of `text`, both from 1, without a width.
    #[must_use]
    pub fn at(text: &str, line: usize, column: usize) -> Self {
        let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let offset =
            text[line_start..].chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>();
        let start = (line_start + offset).min(text.len());
        Self { line, column, start, end: start }
    }
}

// Nothing here has `Debug`: a password may stand in it.

/// A value and its place.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub content: Content,
    /// Where it stands; for an alias, where the alias stands.
    pub span: Span,
}

/// The kinds of value both syntaxes share. A scalar keeps the text that was written, so that a
/// password `0123` stays `0123`.
#[derive(Clone, PartialEq)]
pub enum Content {
    /// Nothing: an empty line after the colon, `null`, `~`. TOML has none.
    Null,
    /// `true` or `false`, as YAML 1.2 and TOML know it.
    Switch(bool, String),
    /// A number.
    Number(f64, String),
    /// Text, in quotes or not.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Names with values.
    Section(Vec<Item>),
}

/// One `name: value` of a section. A name that is given twice is there twice.
#[derive(Clone, PartialEq)]
pub struct Item {
    /// The name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// What it is set to.
    pub value: Node,
}

impl Node {
    /// The text of a flag or a variable, which has no type yet and no place in a file.
    #[must_use]
    pub fn bare(text: impl Into<String>) -> Self {
        Self { content: Content::Text(text.into()), span: Span::default() }
    }

    /// The text as it was written, of a scalar that is not null.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Switch(_, text) | Content::Number(_, text) | Content::Text(text) => Some(text),
            Content::Null | Content::List(_) | Content::Section(_) => None,
        }
    }
}

/// What reading a text gives: its values, or the one mistake after which nothing can be read.
pub type Read = Result<Vec<Item>, Box<Problem>>;

/// The nearest character boundary at or before `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
