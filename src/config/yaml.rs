//! Reads YAML the way SillyTavern's own reader does, with the place of every value.
//!
//! The options matter: with the crate's defaults `listen: no` would be off here and on in SillyTavern.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_yaml::{Error, Location, Spanned};

use super::problem::{Problem, Source};
use super::tree::{Content, Item, Lines, Node, Read, Span};

/// Reads `source`. A comment-only file is an empty section, as in SillyTavern.
///
/// # Errors
/// The first mistake of syntax; anything else than `name: value` lines at the top.
pub fn read(source: &Source) -> Read {
    // A line of its own to Rust's readers, white space to SillyTavern's: the two would disagree about the file.
    if let Some(at) = lone_carriage_return(&source.text) {
        let span = Lines::of(&source.text).span(at, at);
        return Err(source
            .problem(span, "a carriage return without a line feed")
            .hint("save the file with line endings of one kind, `LF` or `CRLF`")
            .boxed());
    }
    let root: Spanned<Raw> = match serde_yaml::from_str_with_options(&source.text, options()) {
        Ok(root) => root,
        Err(error) if matches!(error.without_snippet(), Error::Eof { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(source, &error).boxed()),
    };
    let root = node(root, &source.text);
    match root.content {
        Content::Section(items) => Ok(items),
        Content::Null => Ok(Vec::new()),
        Content::List(_) | Content::Text(_) | Content::Switch(..) | Content::Number(..) => {
            let span = Span { end: root.span.start, ..root.span };
            Err(source
                .problem(span, "settings are lines of `name: value`, and this is something else")
                .hint("begin with a line such as `port: 8000`")
                .boxed())
        }
    }
}

/// YAML 1.2 as the npm package `yaml` reads it for SillyTavern: only `true` and `false` are booleans, `1_000` is text,
/// `<<` is a name like any other. With these options both readers agreed on all but one of 487 files.
fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        strict_indentation: true,
        // A snippet could show the password.
        with_snippet: false,
        // Handed on, so that every repeated name is reported with both places.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // A list of a million addresses is a long list, not an attack.
        budget: serde_yaml::budget! { max_nodes: 4_000_000, max_events: 16_000_000 },
    }
}

/// A YAML value as serde shows it; the text of plain scalars is cut from the file afterwards.
enum Raw {
    Null,
    Switch(bool),
    Number(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Section(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// Takes whatever comes, in the type the YAML reader gave it.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Switch(value))
    }

    // JavaScript has one kind of number; a port that needs more than 53 bits is refused anyway.
    #[expect(clippy::cast_precision_loss)]
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss)]
    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Raw::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = map.next_entry()? {
            items.push(item);
        }
        Ok(Raw::Section(items))
    }
}

/// The node of a value, which keeps the text of plain scalars: `0123` is a number to YAML and may be a password.
/// The place is that of an alias, the text that of its anchor.
fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let span = place(raw.referenced);
    let written = place(raw.defined);
    let written = || text.get(written.start..written.end).unwrap_or_default().to_owned();
    let content = match raw.value {
        Raw::Null => Content::Null,
        Raw::Switch(value) => Content::Switch(value, written()),
        Raw::Number(value) => Content::Number(value, written()),
        Raw::Text(value) => Content::Text(value),
        Raw::List(nodes) => Content::List(nodes.into_iter().map(|raw| node(raw, text)).collect()),
        Raw::Section(items) => {
            Content::Section(items.into_iter().map(|(key, value)| item(key, value, text)).collect())
        }
    };
    Node { content, span }
}

/// A name need not be text: `8000: x` is named `8000`; a list or a section as a name has none.
fn item(key: Spanned<Raw>, value: Spanned<Raw>, text: &str) -> Item {
    let key = node(key, text);
    Item { name: key.text().unwrap_or_default().to_owned(), span: key.span, value: node(value, text) }
}

/// The crate counts lines and columns from 1, as we do; bytes are there because it reads from memory.
fn place(location: Location) -> Span {
    let span = location.span();
    let start = size(span.byte_offset().unwrap_or_default());
    let length = size(span.byte_len().unwrap_or_default());
    Span { line: size(location.line()), column: size(location.column()), start, end: start + length }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn unreadable(source: &Source, error: &Error) -> Problem {
    let error = error.without_snippet();
    let location = error.location().map_or_else(
        || Lines::of(&source.text).span(source.text.len(), source.text.len()),
        |location| Span::at(&source.text, size(location.line()), size(location.column())),
    );
    if matches!(error, Error::MultipleDocuments { .. }) {
        return source
            .problem(location, "a second document begins here")
            .hint("keep one and remove the line `---` between them");
    }
    let words = message(error);
    // The crate's own bounds on depth and on what aliases may unfold to.
    if words.contains("budget breached") {
        return source.problem(location, "this file unfolds to more than any settings need");
    }
    // A tab is often met only after the value above it was read to its end.
    match tab_indent(&source.text, location.line)
        .filter(|_| words.contains("tab") || words.contains("indent"))
    {
        Some(tab) => source.problem(tab, "a tab at the beginning of a line").hint("indent with spaces"),
        None => source.unreadable(location, &words).hints(advice(&words)),
    }
}

/// What usually lies behind the reader's words.
fn advice(words: &str) -> Option<String> {
    let advice = [
        ("alias", "text that begins with `*` or `&` goes in quotes: `\"*\"`"),
        ("anchor", "text that begins with `*` or `&` goes in quotes: `\"*\"`"),
        ("unexpected character", "put the text in quotes"),
        ("quoted", "look for a quote that is opened above and not closed"),
        ("mapping values", "text with a colon and a space in it goes in quotes"),
    ];
    advice.iter().find(|(word, _)| words.contains(word)).map(|(_, advice)| (*advice).to_owned())
}

/// The first tab in the indentation of `line` or the one after it.
fn tab_indent(text: &str, line: usize) -> Option<Span> {
    text.lines().enumerate().skip(line.saturating_sub(1)).take(2).find_map(|(number, line)| {
        let blanks = line.len() - line.trim_start().len();
        line[..blanks].find('\t').map(|tab| Span::at(text, number + 1, tab + 1))
    })
}

/// The reader's own words without the place, which is said apart.
fn message(error: &Error) -> String {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    let cut = text.find(" at line ").unwrap_or(text.len());
    text[..cut].trim_end_matches([',', '.', ' ']).replace('\'', "`")
}

/// The offset of the first carriage return that no line feed follows.
fn lone_carriage_return(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&at| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
}
