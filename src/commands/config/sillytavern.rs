//! What SillyTavern makes of a file that it shares with Innkeeper.

use std::path::Path;

use crate::config::schema::{FOREIGN_KEYS, KEYS, Key, Owner, SECTION};
use crate::config::{Content, Family, Layer, Origin, Setting, Source, Syntax, Value, file_text};
use crate::error::Error;
use crate::policy::address::{Entry, parse_address};

/// SillyTavern's half of a settings file.
pub struct SillyTavern {
    /// The top level.
    written: Layer,
    /// The same over the defaults, which are SillyTavern's too.
    values: Layer,
    names: Vec<String>,
    syntax: Syntax,
    has_comments: bool,
    beside_program: bool,
}

impl SillyTavern {
    /// Reads the file at `path`, which is known to be readable.
    ///
    /// # Errors
    /// It is not, after all.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut source = Source::new(path, file_text(path)?);
        let syntax = Syntax::of(path);
        let items = syntax.read(&source).map_err(|problem| Error::from(*problem))?;
        let written = Layer::top_level(&mut source, syntax);
        Ok(Self {
            values: written.clone().over(Layer::defaults()),
            written,
            // An empty section says nothing.
            names: items
                .into_iter()
                .filter(|item| item.value.content != Content::Null)
                .map(|item| item.name)
                .collect(),
            syntax,
            has_comments: source.text.lines().any(|line| line.trim_start().starts_with('#')),
            beside_program: path.with_file_name("server.js").exists(),
        })
    }

    /// Whether SillyTavern reads this file: it holds settings that only SillyTavern has, or lies beside its program.
    pub fn shares(&self) -> bool {
        self.syntax == Syntax::Yaml
            && (self.beside_program || self.names.iter().any(|name| FOREIGN_KEYS.contains(&name.as_str())))
    }

    /// Whether there is a section for Innkeeper.
    pub fn has_section(&self) -> bool {
        self.names.iter().any(|name| name == SECTION)
    }

    /// Whether a comment would be lost.
    pub fn has_comments(&self) -> bool {
        self.has_comments
    }

    /// The settings that SillyTavern will add at its next start.
    pub fn missing(&self) -> Vec<&'static str> {
        let missing =
            |key: &&Key| key.owner == Owner::SillyTavern && self.written.setting(key.path).is_none();
        KEYS.iter().filter(missing).map(|key| key.path).collect()
    }

    /// The list `path` with where it stands, when SillyTavern would fill it up: it lays its default list under that of
    /// the file, entry by entry.
    pub fn short_list(&self, path: &str) -> Option<(&Origin, usize)> {
        let Setting { value: Value::List(list), origin, .. } = self.written.setting(path)? else {
            return None;
        };
        (list.len() < 2).then_some((origin, list.len()))
    }

    /// Whether it is the value at `origin` that SillyTavern reads for `path`.
    pub fn writes(&self, path: &str, origin: &Origin) -> bool {
        self.written.setting(path).is_some_and(|setting| setting.origin == *origin)
    }

    /// Where a switch is on, if it is.
    pub fn is_on(&self, path: &str) -> Option<&Origin> {
        let setting = self.values.setting(path)?;
        (setting.value == Value::Switch(true)).then_some(&setting.origin)
    }

    /// The port it listens on; 0 for any that is free.
    pub fn port(&self) -> u16 {
        match self.values.setting("port").map(|setting| &setting.value) {
            Some(Value::Integer(port)) => u16::try_from(*port).unwrap_or_default(),
            _ => 0,
        }
    }

    /// Whether it writes heartbeat.json.
    pub fn beats(&self) -> bool {
        let value = self.values.setting("heartbeatInterval").map(|setting| &setting.value);
        matches!(value, Some(Value::Number(seconds)) if *seconds > 0.0)
    }

    /// The address by which this computer reaches it.
    pub fn address(&self) -> &'static str {
        let ipv4 = self.values.setting("protocol.ipv4").map(|setting| &setting.value);
        if ipv4 == Some(&Value::Family(Family::Off)) { "[::1]" } else { "127.0.0.1" }
    }

    /// Whether its own list lets in what comes from this computer, as Innkeeper does.
    pub fn lets_in_this_computer(&self) -> bool {
        let address = parse_address(self.address().trim_matches(['[', ']']));
        let Ok(address) = address else { return true };
        let Some(Value::List(list)) = self.values.setting("whitelist").map(|setting| &setting.value) else {
            return true;
        };
        let contains = |text: &str| match text.trim().parse() {
            Ok(Entry::Pattern(pattern)) => pattern.contains(address),
            _ => false,
        };
        self.is_on("whitelistMode").is_none() || list.iter().any(|(text, _)| contains(text))
    }
}
