//! `host-patterns.json`: which `Host` values a list of hosts lets in, against SillyTavern's verdicts.

use std::collections::BTreeMap;
use std::fs;

use innkeeper::policy::host::{Host, HostPattern, HostVerdict, Hosts, Malformed};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    counts: Counts,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Counts {
    lists: usize,
    checks: usize,
}

#[derive(Deserialize)]
struct Entry {
    hosts: Vec<String>,
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    host: Option<String>,
    allowed: bool,
}

/// Every reason to differ, and how many checks it explains. The rows are those of the design's table:
/// "host name case, trailing dot, `x-extension:80`, `file:`" (case and dot do not count, odd forms are
/// malformed) and "`Host`" (malformed is 400).
const DEVIATIONS: [(&str, usize); 9] = [
    ("a request without Host never comes as far as this", 4),
    ("letter case does not count", 92),
    ("a dot at the end does not count", 43),
    ("a port is a number", 31),
    ("no part of a name is empty", 16),
    ("a name is never empty", 5),
    ("a star is no letter of a name", 16),
    ("nothing but a port stands behind brackets", 4),
    ("`file:` and `-extension:` are no hosts", 16),
];

#[test]
fn verdicts() {
    let text = fs::read_to_string("tests/conformance/host-patterns.json").unwrap();
    let file: File = serde_json::from_str(&text).unwrap();
    let mut deviations: BTreeMap<&str, usize> = BTreeMap::new();
    let mut checks = 0;
    for entry in &file.entries {
        let listed: Vec<HostPattern> = entry.hosts.iter().filter_map(|text| text.parse().ok()).collect();
        let hosts = Hosts::new(&listed, &[]);
        for check in &entry.checks {
            checks += 1;
            let reason = match &check.host {
                None => Some("a request without Host never comes as far as this"),
                Some(host) => difference(&entry.hosts, host, check.allowed, &hosts),
            };
            if let Some(reason) = reason {
                *deviations.entry(reason).or_default() += 1;
            }
        }
    }
    assert_eq!((file.entries.len(), checks), (file.counts.lists, file.counts.checks));
    assert_eq!(deviations, BTreeMap::from(DEVIATIONS));
}

/// Why our verdict on `host` differs from SillyTavern's, or `None` if it does not.
fn difference(listed: &[String], host: &str, allowed: bool, hosts: &Hosts) -> Option<&'static str> {
    let verdict = Host::parse(host.as_bytes()).map(|host| hosts.judge(&host));
    let ours = matches!(verdict, Ok(HostVerdict::Known(_)));
    if ours == allowed {
        return None;
    }
    let has = |test: fn(&str) -> bool| listed.iter().map(String::as_str).chain([host]).any(test);
    Some(match verdict {
        Err(Malformed::Port) => "a port is a number",
        Err(Malformed::Label) => "no part of a name is empty",
        Err(Malformed::Empty) => "a name is never empty",
        Err(Malformed::Character(b'*')) => "a star is no letter of a name",
        Err(Malformed::Brackets) => "nothing but a port stands behind brackets",
        Err(Malformed::Scheme) => "`file:` and `-extension:` are no hosts",
        Ok(HostVerdict::Known(_)) if has(|text| text.bytes().any(|byte| byte.is_ascii_uppercase())) => {
            "letter case does not count"
        }
        Ok(HostVerdict::Known(_)) if has(|text| text.ends_with('.')) => "a dot at the end does not count",
        _ => panic!("{listed:?} {host:?}: {verdict:?}, SillyTavern: {allowed}"),
    })
}
