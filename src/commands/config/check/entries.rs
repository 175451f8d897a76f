//! The lists of addresses, entry by entry: what cannot be read, what covers more or less than it looks like, what is
//! there twice.

use std::collections::{HashMap, HashSet};

use super::Findings;
use crate::commands::sources::removal;
use crate::config::{ListEntry, ListOrigin, ListSource, Origin, Settings};
use crate::error::{Error, quoted};
use crate::gateway::rules::Resolved;
use crate::policy::address::{Caution, Entry, IpPattern};

/// Checks `whitelist` (where it is in use) and `trustedProxies`; the answer is what the server would have told of it.
pub fn check(
    settings: &Settings,
    resolved: &Resolved,
    flag: &str,
    findings: &mut Findings,
) -> HashSet<String> {
    let mut said = HashSet::new();
    let mut lists = vec![List { source: &settings.trusted_proxies, name: "trustedProxies", flag }];
    if settings.whitelist_mode {
        lists.insert(0, List { source: &settings.whitelist, name: "whitelist", flag });
    }
    for list in lists {
        said.extend(list.check(resolved, findings));
    }
    said
}

/// One of the lists.
struct List<'a> {
    source: &'a ListSource,
    name: &'static str,
    flag: &'a str,
}

impl List<'_> {
    fn check(&self, resolved: &Resolved, findings: &mut Findings) -> Vec<String> {
        let mut said = Vec::new();
        let mut patterns = Vec::new();
        for entry in &self.source.entries {
            let place = self.place(entry);
            match entry.text.parse::<Entry>() {
                Ok(Entry::Pattern(pattern)) => {
                    for caution in pattern.cautions() {
                        let message = format!("{place}: {caution}");
                        // Told of the list as a whole.
                        if self.name == "whitelist" && matches!(caution, Caution::CoversEveryone(_)) {
                            said.push(message);
                            continue;
                        }
                        let error = Error::new(&*message).hint(self.instead(entry, meant(&caution)));
                        findings.warn("coverage", error);
                        said.push(message);
                    }
                    patterns.push((entry, pattern));
                }
                Ok(named) => {
                    if resolved.get(&named.to_string()).is_none_or(Vec::is_empty) {
                        let message =
                            format!("{place}: `{named}` stands for no address now; it is looked up again");
                        findings.warn("name", Error::new(&*message).hint(self.instead(entry, None)));
                        said.push(message);
                    }
                }
                Err(error) => {
                    let hint = error.hints().first().map(|hint| format!("; {hint}")).unwrap_or_default();
                    said.push(format!("{place}: entry ignored: {error}{hint}"));
                    let problem = Error::new(format!("{place}: the entry cannot be read: {error}"));
                    let problem = error.hints().iter().cloned().fold(problem, Error::hint);
                    findings.refuse("entry", problem.hint(self.instead(entry, None)));
                }
            }
        }
        self.overlaps(&patterns, findings);
        said
    }

    /// Entries that change nothing.
    fn overlaps(&self, patterns: &[(&ListEntry, IpPattern)], findings: &mut Findings) {
        // Each pair is looked at; in a longer list only equal ones are.
        const MOST_PAIRED: usize = 2000;
        // A long list tells of itself.
        const MOST_TOLD: usize = 20;
        let mut first: HashMap<String, &ListEntry> = HashMap::new();
        let mut overlaps = Vec::new();
        for (entry, pattern) in patterns {
            let place = self.place(entry);
            if let Some(other) = first.get(&pattern.to_string()) {
                let message =
                    format!("{place}: `{}` is there twice, first in {}", entry.text, self.place(other));
                overlaps.push(Error::new(message).hint("take one of the two lines away"));
                continue;
            }
            first.insert(pattern.to_string(), entry);
            if patterns.len() > MOST_PAIRED {
                continue;
            }
            let wider = patterns.iter().find(|(other, wider)| {
                !std::ptr::eq(*other, *entry) && wider != pattern && wider.covers(pattern) && !is_open(wider)
            });
            if let Some((wider, _)) = wider {
                let message = format!(
                    "{place}: `{}` changes nothing, as `{}` ({}) covers it",
                    entry.text,
                    wider.text,
                    self.place(wider)
                );
                overlaps.push(Error::new(message).hint(self.instead(entry, None)));
            }
        }
        let more = overlaps.len().saturating_sub(MOST_TOLD);
        overlaps.truncate(MOST_TOLD);
        for overlap in overlaps {
            findings.warn("overlap", overlap);
        }
        if more > 0 {
            let message = format!("{more} more entries of `{}` change nothing", self.name);
            findings.warn("overlap", Error::new(message));
        }
    }

    /// How an entry is taken away, or another written in its place.
    fn instead(&self, entry: &ListEntry, meant: Option<String>) -> String {
        let flag = self.flag;
        if let ListOrigin::Setting(Origin::Variable(name) | Origin::Flag(name)) = &self.source.origin {
            return format!("change it in `{name}`");
        }
        if self.name != "whitelist" {
            return format!("change it in {}", self.place(entry));
        }
        let add = meant
            .map(|meant| format!(" && innkeeper whitelist add {}{flag}", quoted(&meant)))
            .unwrap_or_default();
        format!("{}{add}", removal(&entry.text, flag))
    }

    /// `config.yaml:12`, as the server's own notes name it.
    fn place(&self, entry: &ListEntry) -> String {
        self.source.origin_of(entry).to_string()
    }
}

/// What to write in place of an entry that means something else than it looks like.
fn meant(caution: &Caution) -> Option<String> {
    match caution {
        Caution::HostBits { address, .. } => Some(address.to_string()),
        Caution::LastGroupOnly { text, groups: Some(groups) } => {
            let network = text.strip_suffix('*').unwrap_or(text);
            Some(format!("{network}/{}", groups * 16))
        }
        _ => None,
    }
}

fn is_open(pattern: &IpPattern) -> bool {
    pattern.cautions().iter().any(|caution| matches!(caution, Caution::CoversEveryone(_)))
}
