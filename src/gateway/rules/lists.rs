//! The lists of addresses: their entries compiled, the names in them resolved, guests for as long as they may come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Making;
use crate::config::{Guest, ListOrigin, ListSource, Origin};
use crate::error::Error;
use crate::gateway::names;
use crate::policy::Addresses;
use crate::policy::address::{Entry, IpPattern};
use crate::policy::client::{Read, Trust};
use crate::policy::whitelist::{EntryId, Place, WhitelistBuilder};

/// What names in the lists stand for at the moment.
pub type Resolved = BTreeMap<String, Vec<IpPattern>>;

/// How often names are looked up again.
pub const REFRESH: Duration = Duration::from_mins(1);

impl Making {
    /// Who is let in by address: the list, behind it the guests of the moment `now`, and last the hosts of a container.
    /// What the owner should know about them goes into `notes`.
    pub(super) fn addresses(
        &self,
        resolved: &Resolved,
        now: SystemTime,
        notes: &mut Vec<String>,
    ) -> Addresses {
        if !self.settings.whitelist_mode {
            return Addresses::Any;
        }
        let mut builder = WhitelistBuilder::new();
        compile(&self.settings.whitelist, resolved, &mut builder, notes);
        self.let_in_guests(now, resolved, &mut builder, notes);
        self.let_in_container_hosts(resolved, &mut builder);
        Addresses::Listed(builder.build())
    }

    /// Adds the guests of the moment `now`, behind the list: whoever stands there too comes in for good.
    fn let_in_guests(
        &self,
        now: SystemTime,
        resolved: &Resolved,
        builder: &mut WhitelistBuilder,
        notes: &mut Vec<String>,
    ) {
        let file = file_of(self.settings.origin("guests"));
        for guest in self.guests().iter().filter(|guest| guest.is_in(now)) {
            let place = Place { file: Arc::clone(&file), line: guest.line };
            let id = entry(&guest.entry, &guest.address, place, resolved, builder, notes);
            builder.guest(id, &guest.until.to_string());
        }
    }

    /// Adds what `whitelistDockerHosts` stands for, as far as it stands for anything.
    fn let_in_container_hosts(&self, resolved: &Resolved, builder: &mut WhitelistBuilder) {
        if !(self.settings.whitelist_docker_hosts && names::in_container()) {
            return;
        }
        let file: Arc<str> = "whitelistDockerHosts".into();
        for name in names::CONTAINER_HOSTS {
            let Some(patterns) = resolved.get(name).filter(|patterns| !patterns.is_empty()) else {
                continue;
            };
            let id = builder.entry(name, Place { file: Arc::clone(&file), line: 0 });
            for pattern in patterns {
                builder.cover(id, pattern);
            }
        }
    }

    /// Whom a forwarded header is believed, and which ones are read.
    pub(super) fn trust(&self, resolved: &Resolved, notes: &mut Vec<String>) -> Trust {
        let read = self.settings.forwarded_headers;
        let mut proxies = WhitelistBuilder::new();
        compile(&self.settings.trusted_proxies, resolved, &mut proxies, notes);
        Trust {
            read: Read {
                x_real_ip: read.x_real_ip,
                cf_connecting_ip: read.cf_connecting_ip,
                x_forwarded_for: read.x_forwarded_for,
            },
            judged: self.settings.enable_forwarded_whitelist,
            proxies: proxies.build(),
        }
    }

    /// Every name and preset in the lists that has to be looked up.
    #[must_use]
    pub fn lookups(&self) -> Vec<Entry> {
        let mut lookups = self.written_lookups();
        lookups.extend(self.container_hosts());
        lookups
    }

    /// Those of [`Making::lookups`] that somebody wrote.
    #[must_use]
    pub fn written_lookups(&self) -> Vec<Entry> {
        let lists = [&self.settings.whitelist, &self.settings.trusted_proxies];
        lists
            .into_iter()
            .flat_map(|list| &list.entries)
            // Of 100,000 addresses none is read a second time here.
            .filter(|entry| Entry::may_be_word(&entry.text))
            .filter_map(|entry| entry.text.parse().ok())
            .chain(self.guests().iter().map(|guest| guest.entry.clone()))
            .filter(|entry| !matches!(entry, Entry::Pattern(_)))
            .collect()
    }

    /// Those of [`Making::lookups`] that `whitelistDockerHosts` adds. They come behind all others in the list, so that
    /// they say nothing about an address that one of the others covers.
    #[must_use]
    pub fn container_hosts(&self) -> Vec<Entry> {
        let settings = &self.settings;
        if !(settings.whitelist_mode && settings.whitelist_docker_hosts && names::in_container()) {
            return Vec::new();
        }
        names::CONTAINER_HOSTS.iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// The guests, where a list is in use at all.
    pub(super) fn guests(&self) -> &[Guest] {
        if self.settings.whitelist_mode { &self.settings.guests } else { &[] }
    }

    /// The guests whose time is over at the moment `now`.
    pub fn departed(&self, now: SystemTime) -> impl Iterator<Item = &Guest> {
        self.guests().iter().filter(move |guest| !guest.is_in(now))
    }

    /// What is said of a guest whose time is over.
    #[must_use]
    pub fn farewell(&self, guest: &Guest) -> String {
        let place = Place { file: file_of(self.settings.origin("guests")), line: guest.line };
        let who = if guest.note.is_empty() { String::new() } else { format!(" ({})", guest.note) };
        format!("{place}: the time of the guest `{}`{who} was over at {}", guest.address, guest.until)
    }
}

/// Adds a list's entries. One that cannot be read is left out and told about: it never lets in more than was meant.
fn compile(list: &ListSource, resolved: &Resolved, builder: &mut WhitelistBuilder, notes: &mut Vec<String>) {
    let file: Arc<str> = match &list.origin {
        ListOrigin::Text { path, .. } => path.display().to_string().into(),
        ListOrigin::Setting(origin) => file_of(origin),
    };
    for listed in &list.entries {
        let place = Place { file: Arc::clone(&file), line: listed.line };
        match listed.text.parse() {
            Ok(meant) => {
                entry(&meant, &listed.text, place, resolved, builder, notes);
            }
            Err(error) => notes.push(left_out(&place, &error)),
        }
    }
}

/// The file of a place, or the name of whatever else it is.
fn file_of(origin: &Origin) -> Arc<str> {
    match origin {
        Origin::File { path, .. } => path.display().to_string().into(),
        origin => origin.to_string().into(),
    }
}

/// Adds an entry with whatever it stands for.
fn entry(
    entry: &Entry,
    text: &str,
    place: Place,
    resolved: &Resolved,
    builder: &mut WhitelistBuilder,
    notes: &mut Vec<String>,
) -> EntryId {
    if let Entry::Pattern(pattern) = entry {
        notes.extend(pattern.cautions().iter().map(|caution| format!("{place}: {caution}")));
        return builder.pattern(pattern, text, place);
    }
    let patterns = resolved.get(&entry.to_string()).map_or(&[][..], Vec::as_slice);
    if patterns.is_empty() {
        notes.push(format!("{place}: `{entry}` stands for no address now; it is looked up again"));
    }
    let id = builder.entry(text, place);
    for pattern in patterns {
        builder.cover(id, pattern);
    }
    id
}

fn left_out(place: &Place, error: &Error) -> String {
    let hint = error.hints().first().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{place}: entry ignored: {error}{hint}")
}
