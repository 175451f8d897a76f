//! Values as TOML writes them.

use std::fmt::Write as _;

use super::super::Obstacle;
use crate::config::tree::{Content, Item};

/// A value in one line. `written` is what stood in its place: a text in single quotes gets them again if it can.
pub fn value(content: &Content, written: &str) -> Result<String, Obstacle> {
    let inner = |content: &Content| value(content, "");
    Ok(match content {
        Content::Null => return Err("TOML has no empty value".into()),
        Content::Switch(_, text) | Content::Number(_, text) => text.clone(),
        Content::Text(text) if text.contains(['\n', '\r']) => {
            return Err("a text of more than one line cannot be written".into());
        }
        Content::Text(text) if written.starts_with('\'') && is_literal(text) => format!("'{text}'"),
        Content::Text(text) => quoted(text),
        Content::List(nodes) => {
            let nodes: Result<Vec<String>, _> = nodes.iter().map(|node| inner(&node.content)).collect();
            format!("[{}]", nodes?.join(", "))
        }
        Content::Section(items) if items.is_empty() => "{}".to_owned(),
        Content::Section(items) => {
            let item = |item: &Item| Ok(format!("{} = {}", name(&item.name), inner(&item.value.content)?));
            let items: Result<Vec<String>, Obstacle> = items.iter().map(item).collect();
            format!("{{ {} }}", items?.join(", "))
        }
    })
}

/// A name, in quotes where it needs them.
pub fn name(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { name.to_owned() } else { quoted(name) }
}

/// The names of a path.
pub fn names(path: &[&str]) -> String {
    path.iter().map(|part| name(part)).collect::<Vec<_>>().join(".")
}

/// A text in double quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\t' => out += "\\t",
            _ if is_printable(character) => out.push(character),
            _ => {
                let code = u32::from(character);
                let _ =
                    if code > 0xffff { write!(out, "\\U{code:08X}") } else { write!(out, "\\u{code:04X}") };
            }
        }
    }
    out + "\""
}

fn is_literal(text: &str) -> bool {
    !text.contains('\'') && text.chars().all(is_printable) && !text.starts_with('\'')
}

/// What may stand there as it is, without what some editor takes for a line ending.
fn is_printable(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
}
