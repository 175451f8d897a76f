//! Changes to lists in YAML, by yaml-edit. It edits broken files as readily as good ones, and lists that stand in two
//! places in both: what comes out of here is judged by the caller.

use std::str::FromStr as _;

use yaml_edit::{Document, Mapping, Sequence, YamlFile};

use super::{Change, Content, Item, Obstacle};

/// The text with the change.
pub fn edit(text: &str, items: &[Item], change: &Change<'_>) -> Result<String, Obstacle> {
    match *change {
        Change::Append { list, entry, .. } => sequence(text, items, list, |sequence| sequence.push(entry)),
        Change::Remove { list, number } => sequence(text, items, list, |sequence| {
            sequence.remove(number);
        }),
        // A file without values is no document to yaml-edit, and its new lists begin at column 0.
        Change::Write { name, entries } => {
            let mut lines = vec![format!("{name}:")];
            lines.extend(entries.iter().map(|entry| format!("  - {}", scalar(entry))));
            Ok(super::appended(text, &lines))
        }
    }
}

fn sequence(
    text: &str,
    items: &[Item],
    path: &[&str],
    edit: impl FnOnce(&Sequence),
) -> Result<String, Obstacle> {
    if is_shared(text, items, path) {
        return Err("the list has an anchor, an alias or a tag, so other settings may hang on it".into());
    }
    let file = YamlFile::from_str(text).map_err(|_| "the file cannot be read for editing")?;
    let found = file.documents().next().as_ref().and_then(|document| find(document, path));
    edit(&found.ok_or("the list cannot be found for editing")?);
    Ok(file.to_string())
}

fn find(document: &Document, path: &[&str]) -> Option<Sequence> {
    let (last, sections) = path.split_last()?;
    let inner = |mapping: Option<Mapping>, name: &&str| mapping?.get_mapping(*name);
    sections.iter().fold(document.as_mapping(), inner)?.get_sequence(*last)
}

/// Whether an anchor, an alias or a tag stands between the name of the list and its first entry.
fn is_shared(text: &str, items: &[Item], path: &[&str]) -> bool {
    let Some(item) = super::item(items, path) else { return false };
    let Content::List(nodes) = &item.value.content else { return true };
    let value = item.value.span;
    let end = nodes.first().map_or(value.end, |node| node.span.start).max(item.span.end);
    let between = text.get(item.span.end..end).unwrap_or_default();
    // An alias may be written before the list it stands for, or behind it.
    let at_alias = text.get(value.start..).is_some_and(|rest| rest.starts_with(['*', '&', '!']));
    let written = |line: &str| line.split('#').next().unwrap_or_default().contains(['&', '*', '!']);
    at_alias || between.lines().any(written)
}

/// An entry as YAML writes it.
fn scalar(entry: &str) -> String {
    let plain = entry.starts_with(|c: char| c.is_ascii_alphanumeric() || c == ':')
        && !entry.ends_with(':')
        && !entry.contains(": ")
        && !entry.contains('#');
    if plain { entry.to_owned() } else { format!("'{}'", entry.replace('\'', "''")) }
}
