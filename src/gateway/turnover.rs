//! Who came into the list in force and who left it, for the audit log.

use std::collections::HashSet;

use super::journal::audit::Audit;
use crate::policy::Addresses;
use crate::policy::whitelist::{Rule, Stay};
use crate::record::event::{Entry, Kind, Raw};

/// So many are told one by one.
const MOST: usize = 100;

/// Tells `audit` what in the list `now` was not in the list `before`, and the other way round: by their texts, so that
/// an entry on another line is the same.
pub fn tell(audit: &Audit, before: &Addresses, now: &Addresses) {
    let (before, now) = (rules(before), rules(now));
    // Of a million entries most are where they were.
    let same = before.iter().zip(&now).take_while(|(before, now)| key(before) == key(now)).count();
    let (before, now) = (&before[same..], &now[same..]);
    tell_each(audit, "revoke", missing(before, now), revoke);
    tell_each(audit, "approve", missing(now, before), approve);
}

fn rules(addresses: &Addresses) -> Vec<Rule<'_>> {
    match addresses {
        Addresses::Any => Vec::new(),
        Addresses::Listed(list) => list.iter().collect(),
    }
}

/// Those of `rules` that are not among `others`.
fn missing<'r, 'a>(rules: &'r [Rule<'a>], others: &[Rule<'a>]) -> impl Iterator<Item = &'r Rule<'a>> {
    let others: HashSet<_> = others.iter().map(key).collect();
    rules.iter().filter(move |rule| !others.contains(&key(rule)))
}

/// What makes an entry the same: its text, and until when it counts.
fn key<'a>(rule: &Rule<'a>) -> (&'a str, Option<&'a str>) {
    (rule.text(), until(rule))
}

/// Until when a guest may come; empty for one without an end.
fn until<'a>(rule: &Rule<'a>) -> Option<&'a str> {
    match rule.stay() {
        Stay::Resident => None,
        Stay::Guest => Some(""),
        Stay::GuestUntil(until) => Some(until),
    }
}

// Functions rather than the variants, which are not general enough: each text lives for as long as its own entry.
const fn approve(entry: Entry<Raw<'_>>) -> Kind<Raw<'_>> {
    Kind::Approve(entry)
}

const fn revoke(entry: Entry<Raw<'_>>) -> Kind<Raw<'_>> {
    Kind::Revoke(entry)
}

fn tell_each<'r, 'a: 'r>(
    audit: &Audit,
    event: &str,
    mut rules: impl Iterator<Item = &'r Rule<'a>>,
    kind: impl Fn(Entry<Raw<'_>>) -> Kind<Raw<'_>>,
) {
    for rule in rules.by_ref().take(MOST) {
        let place = rule.place().to_string();
        audit.tell(kind(Entry {
            rule: Raw(rule.text().as_bytes()),
            place: Some(Raw(place.as_bytes())),
            until: until(rule).filter(|until| !until.is_empty()).map(|until| Raw(until.as_bytes())),
        }));
    }
    let lost = rules.count() as u64;
    if lost > 0 {
        let why = format!("more changes of the list than are written: {event}");
        audit.tell(Kind::Gap { lost, why: Raw(why.as_bytes()) });
    }
}
