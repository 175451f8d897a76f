//! The environment as a source of settings.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::fault::{self, Fault};
use super::problem::Problem;
use super::schema::{KEYS, Key, Owner, nearest};
use super::tree::{Content, Item, Node, Span};
use super::value::{self, Value};

/// The environment: names and values, as the process got them. No `Debug`: a password may be among them.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, OsString>);

/// With what each name begins that sets something, as [`Key::variables`] writes it.
const PREFIXES: [&str; 2] = ["INNKEEPER_", "SILLYTAVERN_"];

impl Variables {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// The variables that set something, the stronger one of two for the same setting.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static Key, String, &OsStr)> {
        let named = |name: String| self.0.get(&name).map(|value| (name, value.as_os_str()));
        KEYS.iter().filter_map(move |key| {
            key.variables().into_iter().find_map(named).map(|(name, value)| (key, name, value))
        })
    }

    /// A problem for each variable whose name is a slip away from one that would set something.
    pub(super) fn misspelt(&self) -> impl Iterator<Item = Problem> {
        // Most programs' variables begin otherwise, and then no name of ours is needed.
        let known = LazyCell::new(|| {
            let names = KEYS.iter().flat_map(Key::variables);
            names.chain(["INNKEEPER_CONFIG".to_owned()]).collect::<Vec<String>>()
        });
        self.0.keys().filter_map(move |name| {
            // Only the part after the prefix is compared, or any two would be alike.
            let (prefix, rest) = name.split_once('_')?;
            let prefix = format!("{}_", prefix.to_uppercase());
            if !PREFIXES.contains(&prefix.as_str()) || known.contains(name) {
                return None;
            }
            let meant = nearest(rest, known.iter().filter_map(|name| name.strip_prefix(&prefix)))?;
            Some(
                Problem::new(format!("`{name}` sets nothing"))
                    .hint(format!("did you mean `{prefix}{meant}`?")),
            )
        })
    }

    /// The value of `name`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&OsString> {
        self.0.get(name)
    }
}

impl<Name: Into<String>, Text: Into<OsString>> FromIterator<(Name, Text)> for Variables {
    fn from_iter<Items: IntoIterator<Item = (Name, Text)>>(items: Items) -> Self {
        Self(items.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Reads the variable `name` as a value of `key`.
///
/// # Errors
/// An empty variable, a list that is not JSON, a value that the setting refuses.
pub(super) fn read(key: &Key, name: &str, value: &OsStr) -> Result<Value, Vec<Problem>> {
    let Some(text) = value.to_str() else {
        return Err(vec![Problem::new(format!("`{name}` is not text in UTF-8"))]);
    };
    if text.is_empty() {
        return Err(vec![
            Problem::new(format!("`{name}` is set, but to nothing"))
                .hint(format!("remove it with `unset {name}`, or give it a value")),
        ]);
    }
    let Some(node) = node(key, text) else {
        let problem = Problem::new(format!("`{name}` is not a list in JSON: `{}`", fault::shortened(text)));
        let example = format!("write `{name}='[\"127.0.0.1\", \"192.168.0.0/24\"]'`");
        return Err(vec![problem.hints(elsewhere(key, name, "as its default list")).hint(example)]);
    };
    let problem = |fault: Fault| {
        let subject = match fault.element {
            Some(number) => format!("entry {} of `{name}`", number + 1),
            None => format!("`{name}`"),
        };
        Problem::new(format!("{subject} {fault}"))
            .hints(fault.elsewhere.as_deref().and_then(|text| elsewhere(key, name, text)))
            .hints(fault.hint.clone())
            .hints(fault.alternatives(|value| {
                if key.is_list() { format!("{name}='{value}'") } else { format!("{name}={value}") }
            }))
    };
    value::read(key, &node).map_err(|faults| faults.into_iter().map(problem).collect())
}

/// A text without a type as a node: JSON for lists, as in SillyTavern, else the text itself. `None` for a list that
/// is none.
pub(super) fn node(key: &Key, text: &str) -> Option<Node> {
    if !key.is_list() {
        return Some(Node::bare(text));
    }
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    value.is_array().then(|| json_node(value))
}

/// What SillyTavern makes of a variable, when it reads it.
fn elsewhere(key: &Key, name: &str, text: &str) -> Option<String> {
    let read = key.owner == Owner::SillyTavern && name.starts_with("SILLYTAVERN_");
    read.then(|| format!("SillyTavern reads it {text}"))
}

fn json_node(value: serde_json::Value) -> Node {
    use serde_json::Value as Json;
    let content = match value {
        Json::Null => Content::Null,
        Json::Bool(value) => Content::Switch(value, value.to_string()),
        Json::Number(number) => Content::Number(number.as_f64().unwrap_or(f64::NAN), number.to_string()),
        Json::String(text) => Content::Text(text),
        Json::Array(values) => Content::List(values.into_iter().map(json_node).collect()),
        Json::Object(map) => Content::Section(
            map.into_iter()
                .map(|(name, value)| Item { name, span: Span::default(), value: json_node(value) })
                .collect(),
        ),
    };
    Node { content, span: Span::default() }
}
