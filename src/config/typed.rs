//! A value as it is typed on a command line: judged like one in the file, and as the file writes it.

use super::fault::Fault;
use super::schema::{Key, Kind};
use super::tree::{Content, Node, Span};
use super::value::{self, Family, Value};
use super::variables;
use crate::error::{Error, quoted};
use crate::policy::address::Entry;

/// A value that a setting takes.
pub struct Typed {
    /// What it means.
    pub value: Value,
    /// What stands in the file.
    pub content: Content,
}

impl Typed {
    /// Reads `text` as a value of `key`. A list is JSON, or one entry by itself. `config_flag` goes with the commands
    /// of hints.
    ///
    /// # Errors
    /// Everything about it that the setting refuses.
    pub fn read(key: &Key, text: &str, config_flag: &str) -> Result<Self, Vec<Error>> {
        let node =
            if key.is_list() { list(key, text).map_err(|error| vec![error])? } else { Node::bare(text) };
        let value = value::read(key, &node).map_err(|faults| {
            faults.iter().map(|fault| refused(key, fault, config_flag)).collect::<Vec<_>>()
        })?;
        if let (Kind::Entries, Value::List(entries)) = (key.kind, &value) {
            let errors: Vec<Error> =
                entries.iter().filter_map(|(entry, _)| entry.parse::<Entry>().err()).collect();
            if !errors.is_empty() {
                return Err(errors);
            }
        }
        let content = content(&value, node);
        Ok(Self { value, content })
    }
}

fn list(key: &Key, text: &str) -> Result<Node, Error> {
    let text = text.trim();
    if text.starts_with('[') || matches!(key.kind, Kind::Guests | Kind::Certificates) {
        let example = match key.kind {
            Kind::Guests => r#"[{"address": "203.0.113.9", "note": "Ann"}]"#,
            Kind::Certificates => r#"[{"certPath": "certs/b.pem", "keyPath": "certs/b.key.pem"}]"#,
            _ => r#"["a", "b"]"#,
        };
        return variables::node(key, text).ok_or_else(|| {
            Error::new(format!("`{}` takes a list in JSON, and this is none", key.full_path()))
                .hint(format!("write it like `'{example}'`"))
        });
    }
    if text.is_empty() || text.contains(',') {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        let json = serde_json::to_string(&parts).unwrap_or_default();
        return Err(Error::new(format!("`{}` takes a list", key.full_path()))
            .hint(format!("write it in JSON: `'{}'`", json.replace("\",\"", "\", \""))));
    }
    Ok(Node { content: Content::List(vec![Node::bare(text)]), span: Span::default() })
}

fn refused(key: &Key, fault: &Fault, config_flag: &str) -> Error {
    let subject = match fault.element {
        Some(number) => format!("entry {} of `{}`", number + 1, key.full_path()),
        None => format!("`{}`", key.full_path()),
    };
    let error = Error::new(format!("{subject} {fault}"));
    let error = fault.hint.iter().cloned().fold(error, Error::hint);
    let write = fault.alternatives(|value| {
        format!("innkeeper config set {} {}{config_flag}", key.full_path(), quoted(value))
    });
    write.into_iter().fold(error, Error::hint)
}

/// A switch and a number in their own type, everything else as the text that was typed.
fn content(value: &Value, node: Node) -> Content {
    let switch = |on: bool| Content::Switch(on, on.to_string());
    match value {
        Value::Switch(on) => switch(*on),
        Value::Family(Family::On) => switch(true),
        Value::Family(Family::Off) => switch(false),
        Value::Family(Family::Auto) => Content::Text("auto".to_owned()),
        // Settings of this kind lie far within what is held exactly.
        #[expect(clippy::cast_precision_loss)]
        Value::Integer(number) => Content::Number(*number as f64, number.to_string()),
        Value::Number(number) => Content::Number(*number, number.to_string()),
        _ => node.content,
    }
}
