//! Reads TOML into the same tree as YAML.

use toml_edit::{Document, Item as TomlItem, Table, TableLike, Value};

use super::problem::Source;
use super::tree::{Content, Item, Lines, Node, Read};

/// Reads `source`.
///
/// # Errors
/// The first mistake of syntax; TOML itself refuses a repeated name.
pub fn read(source: &Source) -> Read {
    let lines = Lines::of(&source.text);
    match Document::parse(source.text.as_str()) {
        Ok(document) => Ok(items(document.as_table(), source, &lines)),
        Err(error) => {
            let at = error.span().map_or(source.text.len(), |span| span.start);
            let words = error.message().lines().next().unwrap_or_default();
            Err(source.unreadable(lines.span(at, at), words).boxed())
        }
    }
}

fn items(table: &dyn TableLike, source: &Source, lines: &Lines) -> Vec<Item> {
    let item = |(name, value): (&str, &TomlItem)| {
        let span = table.key(name).and_then(toml_edit::Key::span).unwrap_or_default();
        Item {
            name: name.to_owned(),
            span: lines.span(span.start, span.end),
            value: item(value, source, lines),
        }
    };
    table.iter().map(item).collect()
}

fn item(item: &TomlItem, source: &Source, lines: &Lines) -> Node {
    let span = item.span().unwrap_or_default();
    let content = match item {
        TomlItem::None => Content::Null,
        TomlItem::Value(value) => content(value, source, lines),
        TomlItem::Table(table) => Content::Section(items(table, source, lines)),
        TomlItem::ArrayOfTables(tables) => {
            Content::List(tables.iter().map(|table| section(table, source, lines)).collect())
        }
    };
    Node { content, span: lines.span(span.start, span.end) }
}

fn section(table: &Table, source: &Source, lines: &Lines) -> Node {
    let span = table.span().unwrap_or_default();
    Node { content: Content::Section(items(table, source, lines)), span: lines.span(span.start, span.end) }
}

fn content(value: &Value, source: &Source, lines: &Lines) -> Content {
    let written = || value.span().and_then(|span| source.text.get(span)).unwrap_or_default().to_owned();
    match value {
        Value::String(text) => Content::Text(text.value().clone()),
        // Precision beyond JavaScript's is of no use to any setting.
        #[expect(clippy::cast_precision_loss)]
        Value::Integer(number) => Content::Number(*number.value() as f64, written()),
        Value::Float(number) => Content::Number(*number.value(), written()),
        Value::Boolean(switch) => Content::Switch(*switch.value(), written()),
        // A date is text to every setting that could hold one.
        Value::Datetime(_) => Content::Text(written()),
        Value::Array(array) => {
            let node = |value: &Value| {
                let span = value.span().unwrap_or_default();
                Node { content: content(value, source, lines), span: lines.span(span.start, span.end) }
            };
            Content::List(array.iter().map(node).collect())
        }
        Value::InlineTable(table) => Content::Section(items(table, source, lines)),
    }
}
