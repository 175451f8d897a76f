//! The entries of the list in force as they mean, to find one again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::super::sources::removal;
use super::Wanted;
use crate::config::{ListOrigin, ListSource, schema};
use crate::error::Error;
use crate::policy::address::{Entry, IpPattern};
use crate::policy::whitelist::{Place, WhitelistBuilder};

/// The entries in the order of the list.
pub struct Known(Vec<Listed>);

/// One of them.
pub struct Listed {
    /// As it was written.
    pub text: Box<str>,
    /// What it means; `None` for one that the server leaves out.
    pub entry: Option<Entry>,
    /// `config.yaml:12`.
    pub place: String,
}

impl Known {
    /// The entries of `list`.
    pub fn of(list: &ListSource) -> Self {
        let listed = |entry: &crate::config::ListEntry| Listed {
            text: entry.text.clone(),
            entry: entry.text.parse().ok(),
            place: list.origin_of(entry).to_string(),
        };
        Self(list.entries.iter().map(listed).collect())
    }

    /// The entries themselves.
    pub fn listed(&self) -> &[Listed] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds one at the end.
    pub fn push(&mut self, listed: Listed) {
        self.0.push(listed);
    }

    /// Takes one away.
    pub fn remove(&mut self, number: usize) -> Listed {
        self.0.remove(number)
    }

    /// The first entry by which everything in `entry` is let in already. What a name or `lan` stands for is known to
    /// the server only, so those cover themselves alone.
    pub fn covering(&self, entry: &Entry) -> Option<&Listed> {
        self.0.iter().find(|listed| listed.entry.as_ref().is_some_and(|listed| covers(listed, entry)))
    }

    /// The first entry that means the same, or is written the same.
    pub fn position(&self, wanted: &Wanted<'_>) -> Option<usize> {
        self.0.iter().position(|listed| {
            &*listed.text == wanted.text || (listed.entry.is_some() && listed.entry == wanted.entry)
        })
    }

    /// An entry that lets in this computer itself.
    pub fn loopback(&self) -> Option<&Listed> {
        self.0.iter().find(|listed| match &listed.entry {
            Some(Entry::Pattern(pattern)) => LOOPBACK.iter().any(|address| pattern.contains(*address)),
            Some(Entry::Name(name)) => name.as_str() == "localhost",
            Some(Entry::Preset(_)) | None => false,
        })
    }

    /// Why `wanted` cannot go, and which entry may have been meant. `config_flag` goes with every command.
    pub fn absent(&self, wanted: &Wanted<'_>, origin: &ListOrigin, config_flag: &str) -> Error {
        let text = wanted.text;
        let error = Error::new(format!("`{text}` is not in the whitelist ({origin})"));
        if let Some(rule) = wanted.entry.as_ref().and_then(|entry| self.covering(entry)) {
            return error.hint(format!(
                "it is let in by `{}` ({}): `{}`",
                rule.text,
                rule.place,
                removal(&rule.text, config_flag)
            ));
        }
        if let Some(nearest) = self.nearest(text) {
            return error.hint(format!(
                "the nearest entry is `{}` ({}): `{}`",
                nearest.text,
                nearest.place,
                removal(&nearest.text, config_flag)
            ));
        }
        let hints = wanted.mistake.iter().flat_map(Error::hints).cloned();
        hints.fold(error, Error::hint).hint(format!("see `innkeeper whitelist list{config_flag}`"))
    }

    /// By address the one with the longest common prefix, by text the one a slip away.
    fn nearest(&self, text: &str) -> Option<&Listed> {
        let Ok(address) = text.parse::<IpAddr>() else {
            let meant = schema::nearest(text, self.0.iter().map(|listed| &*listed.text))?;
            return self.0.iter().find(|listed| &*listed.text == meant);
        };
        let mut builder = WhitelistBuilder::new();
        let file: Arc<str> = "".into();
        for (line, listed) in (0..).zip(&self.0) {
            if let Some(Entry::Pattern(pattern)) = &listed.entry {
                builder.pattern(pattern, &listed.text, Place { file: Arc::clone(&file), line });
            }
        }
        let number = builder.build().nearest(address)?.place().line;
        self.0.get(number as usize)
    }
}

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Whether `listed` lets in everything that `entry` does.
pub fn covers(listed: &Entry, entry: &Entry) -> bool {
    let patterns = |entry: &Entry| -> Vec<IpPattern> {
        match entry {
            Entry::Pattern(pattern) => vec![pattern.clone()],
            Entry::Preset(preset) => preset.patterns(),
            Entry::Name(_) => Vec::new(),
        }
    };
    let (ours, theirs) = (patterns(listed), patterns(entry));
    let covered = |pattern: &IpPattern| ours.iter().any(|listed| listed.covers(pattern));
    listed == entry || (!theirs.is_empty() && theirs.iter().all(covered))
}
