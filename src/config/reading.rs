//! One walk over a settings file: what it sets, and everything that is wrong with it.

use std::collections::HashMap;
use std::ops::Range;

use super::fault::{self, Fault};
use super::layer::{Layer, Syntax};
use super::problem::{Problem, Problems, Source};
use super::schema::{FOREIGN_KEYS, KEYS, Key, Kind, Owner, SECTION, nearest};
use super::tree::{Content, Item, Node, Span};
use super::value;

/// What the items of a file set, its `innkeeper:` section over its top level. Marks the passwords in `source`.
pub(super) fn layer(source: &mut Source, syntax: Syntax, items: &[Item], problems: &mut Problems) -> Layer {
    source.hidden = secrets(items, "", false);
    source.hidden.sort_by_key(|range| range.start);
    let mut reading =
        Reading { source, syntax, found: Vec::new(), top: Layer::default(), own: Layer::default() };
    reading.section(items, "", Scope::Top);
    reading.repeated(items, "");
    let Reading { mut found, top, own, .. } = reading;
    found.sort_by_key(|(at, _)| *at);
    problems.extend(found.into_iter().map(|(_, problem)| problem));
    own.over(top)
}

/// Where in the file a section stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The top level and SillyTavern's sections.
    Top,
    /// Under `innkeeper:`.
    Own,
}

/// One walk over a file. Problems are kept with their offset, since names are judged in another order than repeats.
struct Reading<'a> {
    source: &'a Source,
    syntax: Syntax,
    found: Vec<(usize, Problem)>,
    top: Layer,
    own: Layer,
}

impl Reading<'_> {
    /// Sorts each name into: a setting, a section of settings, something else.
    fn section(&mut self, items: &[Item], prefix: &str, scope: Scope) {
        for item in items {
            let path = join(prefix, &item.name);
            if prefix.is_empty() && scope == Scope::Top && item.name == SECTION {
                self.inner(item, "", Scope::Own);
            } else if let Some(key) =
                Key::find(&path).filter(|key| scope == Scope::Own || key.owner == Owner::SillyTavern)
            {
                if item.name.contains('.') { self.dotted(item, &path) } else { self.value(key, item, scope) }
            } else if !item.name.is_empty() && names(&join(&path, ""), scope).next().is_some() {
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
                let first = names(&join(path, ""), scope).next().unwrap_or_default();
                let found = fault::kind_of(other);
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

    /// A setting: kept with its origin, or told as a problem.
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
            Err(faults) => {
                self.top.refuse(key.path);
                for fault in &faults {
                    self.fault(key, item, scope, fault);
                }
            }
        }
    }

    /// A value that was refused, told with the line and, where SillyTavern would read the same line, with what it
    /// makes of it.
    fn fault(&mut self, key: &Key, item: &Item, scope: Scope, fault: &Fault) {
        let subject = format!("`{}`", full(key.path, scope));
        let elsewhere = fault
            .elsewhere
            .as_ref()
            .filter(|_| scope == Scope::Top && self.syntax == Syntax::Yaml)
            .map(|text| format!("SillyTavern reads it {text}"));
        let write = fault.alternatives(|value| match self.syntax {
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
                let span = field(node, fault.field).unwrap_or(node.span);
                self.found.push((span.start, hints(self.source.problem(span, message))));
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

    /// A name that is no setting. At the top level most are SillyTavern's and none of our business; one that looks
    /// like a slip for a setting of ours is not left alone, because what it was to switch on or off would not be.
    fn unknown(&mut self, item: &Item, prefix: &str, scope: Scope) {
        let at_top = prefix.is_empty() && scope == Scope::Top;
        let path = join(prefix, &item.name);
        // `ssl.certificates` stands in a section that SillyTavern has too.
        let own = scope == Scope::Top
            && KEYS
                .iter()
                .filter(|key| key.owner == Owner::Innkeeper)
                .any(|key| key.path == path || (at_top && first(key.path) == item.name));
        // Nothing is nearer to a name than itself.
        if at_top && !own && FOREIGN_KEYS.contains(&item.name.as_str()) {
            return;
        }
        let under = join(prefix, "");
        let others: &[&str] = if at_top { FOREIGN_KEYS } else { &[] };
        let siblings = names(&under, scope).chain(at_top.then_some(SECTION)).chain(others.iter().copied());
        let meant = nearest(&item.name, siblings)
            .filter(|meant| *meant != item.name && !(scope == Scope::Top && FOREIGN_KEYS.contains(meant)));
        let hint = match meant {
            _ if own => format!("move it under `{}:`", full(prefix, Scope::Own)),
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
        let below = |key: &&Key| key.path == path || key.path.starts_with(&join(path, ""));
        KEYS.iter().filter(below).for_each(|key| self.top.refuse(key.path));
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

/// Where the field `name` of an element stands.
fn field(node: &Node, name: Option<&str>) -> Option<Span> {
    let Content::Section(items) = &node.content else { return None };
    let item = items.iter().find(|item| Some(item.name.as_str()) == name)?;
    Some(if written_beside(item) { item.value.span } else { item.span })
}

/// The next parts of the names that begin with `prefix`.
fn names(prefix: &str, scope: Scope) -> impl Iterator<Item = &'static str> + use<'_> {
    KEYS.iter()
        .filter(move |key| scope == Scope::Own || key.owner == Owner::SillyTavern)
        .filter_map(move |key| key.path.strip_prefix(prefix))
        .map(first)
}

/// Whether the value stands in the line of its name, so that a caret under it says enough.
fn written_beside(item: &Item) -> bool {
    let span = item.value.span;
    let scalar = item.value.text().is_some() || matches!(item.value.content, Content::Null);
    span.line == item.span.line && span.end > span.start && (scalar || span.start > item.span.end)
}

/// The bytes that must not be shown: passwords, and whatever may be one under a misspelt name.
pub(super) fn secrets(items: &[Item], prefix: &str, within: bool) -> Vec<Range<usize>> {
    const WORDS: &[&str] = &["pass", "pwd", "secret", "token", "apikey"];
    let mut hidden = Vec::new();
    for item in items {
        let path = join(prefix, &item.name);
        let path = path.strip_prefix("innkeeper.").unwrap_or(&path);
        let name = item.name.to_lowercase();
        let suspicious = within || path == "basicAuthUser" || WORDS.iter().any(|word| name.contains(word));
        let secret = Key::find(path).map_or(suspicious, |key| match key.kind {
            Kind::Secret => true,
            // `user:password@host`, which is refused.
            Kind::Upstream => item.value.text().is_some_and(|text| text.contains('@')),
            _ => false,
        });
        hidden.extend(secrets_within(&item.value, path, secret));
    }
    hidden
}

/// The same for one value, whatever it is: a list in place of a password may hold the password.
fn secrets_within(node: &Node, path: &str, secret: bool) -> Vec<Range<usize>> {
    match &node.content {
        Content::Section(items) => secrets(items, path, secret),
        Content::List(nodes) => nodes.iter().flat_map(|node| secrets_within(node, path, secret)).collect(),
        _ => {
            let written = secret && node.span.end > node.span.start;
            written.then_some(node.span.start..node.span.end).into_iter().collect()
        }
    }
}

/// `prefix.name`; only the name at the top.
fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// The first part of a path.
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
