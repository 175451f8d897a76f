//! One source of settings as values by name, each with its origin; and how one source lies over another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use super::problem::{Origin, Problem, Problems, Source};
use super::schema::{KEYS, Key, SECTION};
use super::tree::{Node, Read, Span};
use super::value::{self, Value};
use super::variables::{self, Variables};
use super::{reading, toml, yaml};

/// What the command line of `serve` says, before it is judged.
#[derive(Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--global`.
    pub global: bool,
    /// Every other flag that was given, with its text.
    pub values: Vec<(&'static Key, String)>,
}

/// Names only: a passphrase may be among the values.
impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.values.iter().map(|(key, _)| key.path);
        f.debug_list().entries(names).finish()
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

impl Syntax {
    /// Reads a text into names with values, unjudged.
    ///
    /// # Errors
    /// The first mistake of syntax.
    pub fn read(self, source: &Source) -> Read {
        match self {
            Self::Yaml => yaml::read(source),
            Self::Toml => toml::read(source),
        }
    }
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
            let value = variables::node(key, key.default).and_then(|node| value::read(key, &node).ok());
            let value = value.expect("a test reads every default");
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
                Err(faults) => {
                    problems.extend(faults.into_iter().map(|fault| {
                        Problem::new(format!("`{flag}` {fault}"))
                            .hints(fault.hint.clone())
                            .hints(fault.alternatives(|value| format!("{flag}={value}")))
                    }));
                    layer.refuse(key.path);
                }
            }
        }
        layer
    }

    /// What the environment sets. Of two variables for one setting `INNKEEPER_` wins.
    #[must_use]
    pub fn variables(variables: &Variables, problems: &mut Problems) -> Self {
        let mut layer = Self::default();
        for (key, name, value) in variables.settings() {
            match variables::read(key, &name, value) {
                Ok(value) => layer.set(key, value, Origin::Variable(name), Span::default()),
                Err(found) => {
                    problems.extend(found);
                    layer.refuse(key.path);
                }
            }
        }
        problems.extend(variables.misspelt());
        layer
    }

    /// What the file sets: its `innkeeper:` section over its top level. Marks the passwords in `source` as hidden.
    #[must_use]
    pub fn file(source: &mut Source, syntax: Syntax, problems: &mut Problems) -> Self {
        let items = match syntax.read(source) {
            Ok(items) => items,
            Err(problem) => {
                problems.push(problem);
                // Nothing is known about any setting.
                return Self { refused: KEYS.iter().map(|key| key.path).collect(), ..Self::default() };
            }
        };
        reading::layer(source, syntax, &items, problems)
    }

    /// What the top level of the file sets: what SillyTavern reads of it. Nothing where it cannot be read.
    #[must_use]
    pub fn top_level(source: &mut Source, syntax: Syntax) -> Self {
        let mut items = syntax.read(source).unwrap_or_default();
        items.retain(|item| item.name != SECTION);
        reading::layer(source, syntax, &items, &mut Problems::default())
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

    /// Sets `key`.
    pub(super) fn set(&mut self, key: &'static Key, value: Value, origin: Origin, span: Span) {
        self.settings.insert(key.path, Setting { value, origin, span });
    }

    /// Remembers that something was wrong with `path`.
    pub(super) fn refuse(&mut self, path: &'static str) {
        self.refused.insert(path);
    }
}
