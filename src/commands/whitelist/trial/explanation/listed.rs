//! Who asks, and which entries of the lists are spoken of: the steps `client` and `address`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;

use super::{Entry, Explaining, Outcome, Step};
use crate::config::{ListOrigin, Origin, document};
use crate::policy::client::{Client, Condition};
use crate::policy::whitelist::{Rule, Stay};
use crate::policy::{Addresses, Standing};

impl Explaining<'_> {
    /// Who asks, and who says so.
    pub(super) fn look_at_client(&mut self) {
        let trust = &self.served.rules.policy.trust;
        let mut entries = Vec::new();
        let (outcome, text) = match self.client {
            Client::Direct { address } if self.request.fields.is_empty() => {
                (Outcome::Passed, format!("{address} connects itself"))
            }
            Client::Direct { address } => (
                Outcome::Passed,
                format!("{address} connects itself, and names nobody in a header that is read"),
            ),
            Client::Behind { proxy, address } => {
                let rule = trust.proxies.find(*proxy);
                let listed = rule.map(|rule| format!(" ({} in {})", quoted(&rule), rule.place()));
                entries.extend(rule.map(|rule| self.entry(*proxy, &rule, Cover::Covers)));
                let text = format!("{address}, named by the trusted proxy {proxy}");
                (Outcome::Passed, text + &listed.unwrap_or_default())
            }
            Client::Claimed { peer, address } => {
                let text = format!("{peer} says that it asks for {address}, and is no trusted proxy");
                let so = match trust.condition(self.client) {
                    Condition::BothListed { .. } => "so both have to be listed",
                    // `enableForwardedWhitelist` is off.
                    _ => "so nobody minds what it says",
                };
                (Outcome::Passed, format!("{text}, {so}"))
            }
            Client::Garbled { peer, header, value } => {
                let text = format!("the {header} of {peer} holds no address: `{}`", value.escape_debug());
                match trust.condition(self.client) {
                    Condition::Unmeetable => (Outcome::Noted, text),
                    _ => (Outcome::Passed, format!("{text}; {peer} counts for itself")),
                }
            }
        };
        self.steps.push(Step { name: "client", outcome, text, entries });
    }

    /// Which entry lets the address in, or nearly does.
    pub(super) fn look_at_address(&mut self, outcome: Outcome) {
        let policy = &self.served.rules.policy;
        let Addresses::Listed(list) = &policy.addresses else {
            let origin = self.settings().origin("whitelistMode");
            let text = format!("every address may come in: `whitelistMode` is off ({origin})");
            return self.step("address", outcome, text);
        };
        let standing = policy.standing(self.client);
        let asked = match policy.trust.condition(self.client) {
            Condition::Listed(address) => vec![address],
            Condition::BothListed { peer, claimed } => vec![peer, claimed],
            Condition::Unmeetable => Vec::new(),
        };
        let mut texts = Vec::new();
        let mut entries = Vec::new();
        for address in asked {
            if let Some(rule) = list.find(address) {
                let entry = self.entry(address, &rule, Cover::Covers);
                let note = if entry.note.is_empty() { String::new() } else { format!(", {}", entry.note) };
                let stay = match rule.stay() {
                    Stay::Resident => String::new(),
                    stay => format!(", {stay}"),
                };
                texts.push(format!("{address} is listed: {} ({}){stay}{note}", quoted(&rule), entry.source));
                entries.push(entry);
                continue;
            }
            texts.push(match list.nearest(address) {
                Some(rule) => {
                    let entry = self.entry(address, &rule, Cover::Misses);
                    let source = entry.source.clone();
                    entries.push(entry);
                    format!("no entry covers {address}; the nearest is {} ({source})", quoted(&rule))
                }
                None => format!("no entry covers {address}, and none is near ({})", self.list_name()),
            });
            // The policy asks no further either.
            break;
        }
        if let (Standing::Unlisted(_) | Standing::Unmeetable, Outcome::Passed) = (standing, outcome) {
            texts.push("a password does as well (`innkeeper.satisfy` is `any`)".to_owned());
        }
        self.steps.push(Step { name: "address", outcome, text: texts.join("; "), entries });
    }

    fn entry(&self, address: IpAddr, rule: &Rule<'_>, cover: Cover) -> Entry {
        let place = rule.place();
        let note = self.note(rule).unwrap_or_default();
        Entry {
            address,
            covers: cover == Cover::Covers,
            text: rule.text().to_owned(),
            source: place.to_string(),
            note,
        }
    }

    /// The comment behind an entry in its file. Only that line is looked for.
    fn note(&self, rule: &Rule<'_>) -> Option<String> {
        let settings = self.settings();
        let paths =
            [&settings.whitelist.origin, &settings.trusted_proxies.origin].map(|origin| match origin {
                ListOrigin::Setting(Origin::File { path, .. }) | ListOrigin::Text { path, .. } => Some(path),
                ListOrigin::Setting(_) => None,
            });
        let place = rule.place();
        let path = paths.into_iter().flatten().find(|path| path.display().to_string() == *place.file)?;
        let number = (place.line as usize).checked_sub(1)?;
        let line = BufReader::new(File::open(path).ok()?).lines().nth(number)?.ok()?;
        document::note(&line, rule.text()).map(str::to_owned)
    }
}

/// Whether an entry covers an address or is only near it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cover {
    Covers,
    Misses,
}

fn quoted(rule: &Rule<'_>) -> String {
    format!("`{}`", rule.text())
}
