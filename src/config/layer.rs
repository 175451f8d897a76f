//! One source of settings as values by name, each with its origin; and how one source lies over another.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::PathBuf;

use super::problem::{Origin, Problem, Problems, Source};
use super::schema::{FOREIGN_KEYS, KEYS, Key, Kind, Owner, SECTION, nearest};
use super::tree::{Content, Item, Node, Span};
use super::value::{self, Fault, Value};
use super::{toml, yaml};

/// What the command line of `serve` says, before it is judged.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--global`.
    pub global: bool,
    /// Every other flag that was given, with its text.
    pub values: Vec<(&'static Key, String)>,
}

/// The environment: names and values, as the process got them.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, OsString>);

impl Variables {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
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

/// The two syntaxes of a settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// `config.yaml`, and every name that does not end in `.toml`.
    Yaml,
    /// `config.toml`.
    Toml,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What the setting is set to.
    pub value: Value,
    /// Who set it.
    pub origin: Origin,
    /// The place in the file, for an excerpt.
    pub(super) span: Span,
}

/// Values by name with their origins.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    settings: BTreeMap<&'static str, Setting>,
    refused: BTreeSet<&'static str>,
}

impl Layer {
    /// The built-in defaults: a value for every key.
    ///
    /// # Panics
    /// When the table of settings has a default that its own kind refuses, which a test excludes.
    #[must_use]
    pub fn defaults() -> Self {
        let mut layer = Self::default();
        for key in KEYS {
            let node = if is_list(key) { json(key.default) } else { Some(Node::bare(key.default)) };
            let value = node.and_then(|node| value::read(key, &node).ok()).expect("the defaults are tested");
            layer.set(key, value, Origin::Default, Span::default());
        }
        layer
    }

    /// What the command line sets.
    #[must_use]
    pub fn flags(flags: &Flags, problems: &mut Problems) -> Self {
        let mut layer = Self::default();
        for (key, text) in &flags.values {
            let flag = format!("--{}", key.flag.unwrap_or(key.path));
            match value::read(key, &Node::bare(text.as_str())) {
                Ok(value) => layer.set(key, value, Origin::Flag(flag), Span::default()),
                Err(fault) => {
                    let problem = Problem::new(format!("`{flag}` {fault}")).hints(fault.hint.clone());
                    problems.push(problem.hints(alternatives(&fault, |value| format!("{flag}={value}"))));
                    layer.refused.insert(key.path);
                }
            }
        }
        layer
    }

    /// What the environment sets. Of two variables for one setting `INNKEEPER_` wins.
    #[must_use]
    pub fn variables(variables: &Variables, problems: &mut Problems) -> Self {
        let mut layer = Self::default();
        for key in KEYS {
            let Some((name, value)) = key
                .variables()
                .into_iter()
                .find_map(|name| variables.0.get(&name).map(|value| (name, value)))
            else {
                continue;
            };
            match from_variable(key, &name, value) {
                Ok(value) => layer.set(key, value, Origin::Variable(name), Span::default()),
                Err(problem) => {
                    problems.push(problem);
                    layer.refused.insert(key.path);
                }
            }
        }
        problems.extend(misspelt_variables(variables));
        layer
    }

    /// What the file sets: its `innkeeper:` section over its top level. Marks the passwords in `source` as hidden.
    #[must_use]
    pub fn file(source: &mut Source, syntax: Syntax, problems: &mut Problems) -> Self {
        let read = match syntax {
            Syntax::Yaml => yaml::read(source),
            Syntax::Toml => toml::read(source),
        };
        let items = match read {
            Ok(items) => items,
            Err(problem) => {
                problems.push(problem);
                // Nothing is known about any setting.
                return Self { refused: KEYS.iter().map(|key| key.path).collect(), ..Self::default() };
            }
        };
        source.hidden = secrets(&items, "", false);
        source.hidden.sort_by_key(|range| range.start);
        let mut reading =
            Reading { source, syntax, found: Vec::new(), top: Self::default(), own: Self::default() };
        reading.section(&items, "", Scope::Top);
        reading.repeated(&items, "");
        let Reading { mut found, top, own, .. } = reading;
        found.sort_by_key(|(at, _)| *at);
        problems.extend(found.into_iter().map(|(_, problem)| problem));
        own.over(top)
    }

    /// This layer with `lower` where it says nothing.
    #[must_use]
    pub fn over(mut self, lower: Self) -> Self {
        for (path, setting) in lower.settings {
            self.settings.entry(path).or_insert(setting);
        }
        self.refused.extend(lower.refused);
        self
    }

    /// The setting of `path`, where this layer has one.
    #[must_use]
    pub fn setting(&self, path: &str) -> Option<&Setting> {
        self.settings.get(path)
    }

    /// The settings of this layer by name.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, &Setting)> {
        self.settings.iter().map(|(path, setting)| (*path, setting))
    }

    /// Whether a value for one of `paths` was refused, so that nothing can be concluded from them.
    pub(super) fn refused(&self, paths: &[&str]) -> bool {
        paths.iter().any(|path| self.refused.contains(path))
    }

    /// Takes a setting away, so that only the other of two exclusive ones is left.
    pub(super) fn unset(&mut self, path: &str) {
        if let Some(setting) = self.settings.get_mut(path) {
            setting.value = Value::Unset;
        }
    }

    fn set(&mut self, key: &Key, value: Value, origin: Origin, span: Span) {
        if let Some(key) = Key::find(key.path) {
            self.settings.insert(key.path, Setting { value, origin, span });
        }
    }
}

fn is_list(key: &Key) -> bool {
    matches!(key.kind, Kind::Entries | Kind::Hosts | Kind::UrlPaths | Kind::Guests)
}

/// "write `listen: true` or `listen: false`", or nothing.
fn alternatives(fault: &Fault, written: impl Fn(&str) -> String) -> Option<String> {
    let values: Vec<String> = fault.write.iter().map(|value| format!("`{}`", written(value))).collect();
    (!values.is_empty()).then(|| format!("write {}", values.join(" or ")))
}

fn from_variable(key: &Key, name: &str, value: &OsString) -> Result<Value, Problem> {
    let Some(text) = value.to_str() else {
        return Err(Problem::new(format!("`{name}` is not readable text (UTF-8)")));
    };
    if text.is_empty() {
        return Err(Problem::new(format!("`{name}` is set, but to nothing"))
            .hint(format!("remove it with `unset {name}`, or give it a value")));
    }
    let node = if is_list(key) { json(text) } else { Some(Node::bare(text)) };
    let Some(node) = node else {
        let problem = Problem::new(format!("`{name}` is not a list in JSON: `{}`", value::shortened(text)));
        return Err(silly(key, name, "as its default list")
            .into_iter()
            .fold(problem, Problem::hint)
            .hint(format!("write `{name}='[\"127.0.0.1\", \"192.168.0.0/24\"]'`")));
    };
    value::read(key, &node).map_err(|fault| {
        let element = fault.element.map(|number| format!("entry {} of ", number + 1)).unwrap_or_default();
        Problem::new(format!("{element}`{name}` {fault}"))
            .hints(fault.elsewhere.as_deref().and_then(|text| silly(key, name, text)))
            .hints(fault.hint.clone())
            .hints(alternatives(&fault, |value| {
                if is_list(key) { format!("{name}='{value}'") } else { format!("{name}={value}") }
            }))
    })
}

/// What SillyTavern makes of a variable, when it reads it.
fn silly(key: &Key, name: &str, text: &str) -> Option<String> {
    let read = key.owner == Owner::SillyTavern && name.starts_with("SILLYTAVERN_");
    read.then(|| format!("SillyTavern reads it {text}"))
}

fn misspelt_variables(variables: &Variables) -> Vec<Problem> {
    let known: Vec<String> =
        KEYS.iter().flat_map(Key::variables).chain(["INNKEEPER_CONFIG".to_owned()]).collect();
    let ours = |name: &str| {
        let name = name.to_uppercase();
        (name.starts_with("INNKEEPER_") || name.starts_with("SILLYTAVERN_")).then_some(())
    };
    variables
        .0
        .keys()
        .filter(|name| ours(name).is_some() && !known.contains(name))
        .filter_map(|name| {
            // The underscores of the path count here.
            let suffix = |name: &str| name.split_once('_').map_or(String::new(), |(_, rest)| rest.to_owned());
            let prefix = name.split_once('_').map(|(prefix, _)| prefix.to_uppercase())?;
            let suffixes: Vec<String> = known
                .iter()
                .filter(|name| name.starts_with(&format!("{prefix}_")))
                .map(|name| suffix(name))
                .collect();
            let meant = nearest(&suffix(name), suffixes.iter().map(String::as_str))?;
            Some(
                Problem::new(format!("`{name}` sets nothing"))
                    .hint(format!("did you mean `{prefix}_{meant}`?")),
            )
        })
        .collect()
}

/// A JSON list as a node.
fn json(text: &str) -> Option<Node> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    value.is_array().then(|| json_node(value))
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

/// Where in the file a section stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The top level and SillyTavern's sections.
    Top,
    /// Under `innkeeper:`.
    Own,
}

/// One walk over a file.
struct Reading<'a> {
    source: &'a Source,
    syntax: Syntax,
    found: Vec<(usize, Problem)>,
    top: Layer,
    own: Layer,
}

impl Reading<'_> {
    fn section(&mut self, items: &[Item], prefix: &str, scope: Scope) {
        for item in items {
            let path = join(prefix, &item.name);
            if prefix.is_empty() && scope == Scope::Top && item.name == SECTION {
                self.inner(item, "", Scope::Own);
            } else if let Some(key) =
                Key::find(&path).filter(|key| scope == Scope::Own || key.owner == Owner::SillyTavern)
            {
                if item.name.contains('.') { self.dotted(item, &path) } else { self.value(key, item, scope) }
            } else if self.names(&join(&path, ""), scope).next().is_some() {
                self.inner(item, &path, scope);
            } else {
                self.unknown(item, prefix, scope);
            }
        }
    }

    /// A section within a section. An empty one says nothing, as when all its lines are comments.
    fn inner(&mut self, item: &Item, path: &str, scope: Scope) {
        match &item.value.content {
            Content::Section(items) => self.section(items, path, scope),
            Content::Null => {}
            other => {
                let first = self.names(&join(path, ""), scope).next().unwrap_or_default();
                let found = value::kind_of(other);
                let message =
                    format!("`{}` is a section with settings of its own, not {found}", full(path, scope));
                let example = match self.syntax {
                    Syntax::Yaml => format!(
                        "write `{}:` and in the next line, indented, for example `{first}: …`",
                        item.name
                    ),
                    Syntax::Toml => format!("write `{}.{first} = …`", full(path, scope)),
                };
                self.refuse_all(path);
                self.report(item, message, |problem| problem.hint(example));
            }
        }
    }

    fn value(&mut self, key: &'static Key, item: &Item, scope: Scope) {
        match value::read(key, &item.value) {
            Ok(value) => {
                let span = if written_beside(item) { item.value.span } else { item.span };
                let origin = self.source.origin(span);
                // A repeated name is reported elsewhere; the first one stands here.
                let layer = if scope == Scope::Own { &mut self.own } else { &mut self.top };
                if layer.setting(key.path).is_none() {
                    layer.set(key, value, origin, span);
                }
            }
            Err(fault) => {
                self.top.refused.insert(key.path);
                self.fault(key, item, scope, &fault);
            }
        }
    }

    fn fault(&mut self, key: &Key, item: &Item, scope: Scope, fault: &Fault) {
        let subject = format!("`{}`", full(key.path, scope));
        let elsewhere = fault
            .elsewhere
            .as_ref()
            .filter(|_| scope == Scope::Top && self.syntax == Syntax::Yaml)
            .map(|text| format!("SillyTavern reads it {text}"));
        let write = alternatives(fault, |value| match self.syntax {
            Syntax::Yaml => format!("{}: {value}", key.leaf()),
            Syntax::Toml => format!("{} = {}", key.leaf(), toml_value(value)),
        });
        let hints = move |problem: Problem| problem.hints(elsewhere).hints(fault.hint.clone()).hints(write);
        let element = fault.element.zip(match &item.value.content {
            Content::List(nodes) => Some(nodes),
            _ => None,
        });
        match element.and_then(|(number, nodes)| Some((number, nodes.get(number)?))) {
            Some((number, node)) => {
                let message = format!("entry {} of {subject} {fault}", number + 1);
                self.found.push((node.span.start, hints(self.source.problem(node.span, message))));
            }
            None => self.report(item, format!("{subject} {fault}"), hints),
        }
    }

    /// SillyTavern lets `basicAuthUser.username:` in one line win over the section; nobody expects that.
    fn dotted(&mut self, item: &Item, path: &str) {
        let message = format!("`{path}` is written as one name");
        let hint = format!("write it as a section: `{}`", nested(path));
        self.found.push((item.span.start, self.source.problem(item.span, message).hint(hint)));
    }

    fn unknown(&mut self, item: &Item, prefix: &str, scope: Scope) {
        let path = join(prefix, &item.name);
        let mut siblings: Vec<String> = self.names(&join(prefix, ""), scope).map(str::to_owned).collect();
        if prefix.is_empty() && scope == Scope::Top {
            siblings.push(SECTION.to_owned());
            siblings.extend(FOREIGN_KEYS.iter().map(|name| (*name).to_owned()));
        }
        let meant = nearest(&item.name, siblings.iter().map(String::as_str))
            .filter(|meant| *meant != item.name && !(scope == Scope::Top && FOREIGN_KEYS.contains(meant)));
        let own = scope == Scope::Top
            && prefix.is_empty()
            && KEYS.iter().any(|key| key.owner == Owner::Innkeeper && first(key.path) == item.name);
        let hint = match meant {
            _ if own => format!("move it under `{SECTION}:`"),
            Some(meant) => format!("did you mean `{meant}`?"),
            // SillyTavern's business.
            None if scope == Scope::Top => return,
            None => format!("nothing under `{}` has that name", full(prefix, scope)),
        };
        let message = if own {
            format!("`{path}` is a setting of Innkeeper and means nothing here")
        } else {
            format!("there is no setting `{}`", full(&path, scope))
        };
        self.refuse_all(&path);
        if let Some(meant) = meant {
            self.refuse_all(&join(prefix, meant));
        }
        self.found.push((item.span.start, self.source.problem(item.span, message).hint(hint)));
    }

    /// Nothing can be concluded from the settings at and below `path`.
    fn refuse_all(&mut self, path: &str) {
        let below = KEYS.iter().filter(|key| key.path == path || key.path.starts_with(&join(path, "")));
        self.top.refused.extend(below.map(|key| key.path));
    }

    /// The next parts of the names that begin with `prefix`.
    fn names<'p>(&self, prefix: &'p str, scope: Scope) -> impl Iterator<Item = &'static str> + use<'p> {
        KEYS.iter()
            .filter(move |key| scope == Scope::Own || key.owner == Owner::SillyTavern)
            .filter_map(move |key| key.path.strip_prefix(prefix))
            .map(first)
    }

    /// Names that are given twice, at any depth: SillyTavern does not start with such a file.
    fn repeated(&mut self, items: &[Item], prefix: &str) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for item in items {
            let path = join(prefix, &item.name);
            if let Some(earlier) = seen.insert(&item.name, item.span) {
                let message = format!("`{path}` is given twice, first in line {}", earlier.line);
                let problem = self.source.problem(item.span, message);
                self.found.push((item.span.start, problem.hint("keep one of the two")));
            }
            self.repeated_within(&item.value, &path);
        }
    }

    fn repeated_within(&mut self, node: &Node, path: &str) {
        match &node.content {
            Content::Section(items) => self.repeated(items, path),
            Content::List(nodes) => nodes.iter().for_each(|node| self.repeated_within(node, path)),
            _ => {}
        }
    }

    /// A problem of an item: at its value where that stands beside the name, else at the name.
    fn report(&mut self, item: &Item, message: String, finish: impl FnOnce(Problem) -> Problem) {
        let span = if written_beside(item) { item.value.span } else { item.span };
        self.found.push((span.start, finish(self.source.problem(span, message))));
    }
}

fn written_beside(item: &Item) -> bool {
    let span = item.value.span;
    let scalar = item.value.text().is_some() || matches!(item.value.content, Content::Null);
    span.line == item.span.line && span.end > span.start && (scalar || span.start > item.span.end)
}

/// The bytes that must not be shown: passwords, and whatever may be one under a misspelt name.
fn secrets(items: &[Item], prefix: &str, within: bool) -> Vec<std::ops::Range<usize>> {
    const WORDS: &[&str] = &["pass", "pwd", "secret", "token", "apikey"];
    let mut hidden = Vec::new();
    for item in items {
        let path = join(prefix, &item.name);
        let path = path.strip_prefix("innkeeper.").unwrap_or(&path);
        let secret = match Key::find(path) {
            Some(key) => key.kind == Kind::Secret,
            None => {
                let name = item.name.to_lowercase();
                within || path == "basicAuthUser" || WORDS.iter().any(|word| name.contains(word))
            }
        };
        hidden.extend(secrets_within(&item.value, path, secret));
    }
    hidden
}

fn secrets_within(node: &Node, path: &str, secret: bool) -> Vec<std::ops::Range<usize>> {
    match &node.content {
        Content::Section(items) => secrets(items, path, secret),
        Content::List(nodes) => nodes.iter().flat_map(|node| secrets_within(node, path, secret)).collect(),
        _ if secret && node.span.end > node.span.start => vec![node.span.start..node.span.end],
        _ => Vec::new(),
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn first(path: &'static str) -> &'static str {
    path.split('.').next().unwrap_or(path)
}

/// The path as a person finds it in the file.
fn full(path: &str, scope: Scope) -> String {
    match scope {
        Scope::Top => path.to_owned(),
        Scope::Own if path.is_empty() => SECTION.to_owned(),
        Scope::Own => format!("{SECTION}.{path}"),
    }
}

/// `a: {b: …}` for `a.b`.
fn nested(path: &str) -> String {
    match path.split_once('.') {
        Some((head, rest)) => format!("{head}: {{{}}}", nested(rest)),
        None => format!("{path}: …"),
    }
}

/// A value of a hint as TOML writes it.
fn toml_value(value: &str) -> String {
    let bare = value.starts_with(['[', '"']) || ["true", "false"].contains(&value);
    if bare { value.to_owned() } else { format!("\"{value}\"") }
}
