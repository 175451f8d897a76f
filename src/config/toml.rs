//! Reads TOML into the same tree as YAML.

use toml_edit::{Document, Item as TomlItem, Table, TableLike, Value};

use super::problem::Source;
use super::tree::{Content, Item, Node, Read, Span};

/// Reads `source`.
///
/// # Errors
/// The first mistake of syntax; TOML itself refuses a repeated name.
pub fn read(source: &Source) -> Read {
    match Document::parse(source.text.as_str()) {
        Ok(document) => Ok(items(document.as_table(), &source.text)),
        Err(error) => {
            let span = error.span().unwrap_or(source.text.len()..source.text.len());
            let span = Span::of(&source.text, span.start, span.start);
            Err(source.unreadable(span, error.message().lines().next().unwrap_or_default()).boxed())
        }
    }
}

fn items(table: &dyn TableLike, text: &str) -> Vec<Item> {
    table
        .iter()
        .map(|(name, value)| {
            let span = table.key(name).and_then(toml_edit::Key::span).unwrap_or_default();
            Item {
                name: name.to_owned(),
                span: Span::of(text, span.start, span.end),
                value: item(value, text),
            }
        })
        .collect()
}

fn item(item: &TomlItem, text: &str) -> Node {
    let span = item.span().unwrap_or_default();
    let content = match item {
        TomlItem::None => Content::Null,
        TomlItem::Value(value) => content(value, text),
        TomlItem::Table(table) => Content::Section(items(table, text)),
        TomlItem::ArrayOfTables(tables) => {
            Content::List(tables.iter().map(|table| section(table, text)).collect())
        }
    };
    Node { content, span: Span::of(text, span.start, span.end) }
}

fn section(table: &Table, text: &str) -> Node {
    let span = table.span().unwrap_or_default();
    Node { content: Content::Section(items(table, text)), span: Span::of(text, span.start, span.end) }
}

fn content(value: &Value, text: &str) -> Content {
    let written = || value.span().and_then(|span| text.get(span)).unwrap_or_default().to_owned();
    match value {
        Value::String(text) => Content::Text(text.value().clone()),
        // Precision beyond JavaScript's is of no use to any setting.
        #[expect(clippy::cast_precision_loss)]
        Value::Integer(number) => Content::Number(*number.value() as f64, written()),
        Value::Float(number) => Content::Number(*number.value(), written()),
        Value::Boolean(switch) => Content::Switch(*switch.value(), written()),
        // A date is text to every setting that could hold one.
        Value::Datetime(_) => Content::Text(written()),
        Value::Array(array) => Content::List(
            array
                .iter()
                .map(|value| {
                    let span = value.span().unwrap_or_default();
                    Node { content: content(value, text), span: Span::of(text, span.start, span.end) }
                })
                .collect(),
        ),
        Value::InlineTable(table) => Content::Section(items(table, text)),
    }
}
