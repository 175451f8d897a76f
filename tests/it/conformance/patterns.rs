//! Every list entry and verdict recorded from ip-matching 2.1.2 holds here too, or is one of the
//! deviations below: each names its row of DESIGN.md section 5 and how many disagreements it explains.

use std::net::{IpAddr, Ipv6Addr};

use innkeeper::policy::address::{Entry, IpPattern, parse_address};
use serde::Deserialize;

/// Where the two disagree about whether a text is an entry at all.
const ENTRIES: &[Deviation<EntryCase>] = &[
    Deviation {
        row: "`127.0.0.1/` in the list: refused with a hint, never widened",
        rule: "one slash and nothing after it",
        count: 9,
        explains: |case| case.theirs && case.size() == Some(""),
    },
    Deviation {
        row: "octal, hex, short forms, `/+8`, `/ 8`, `/08`: refused",
        rule: "the text after the slash is neither plain digits nor an address, or is `/8/8`",
        count: 53,
        explains: |case| {
            let mask = |size: &str| size.parse::<IpAddr>().is_ok();
            case.theirs && case.size().is_some_and(|size| !size.is_empty() && !is_plain(size) && !mask(size))
        },
    },
    Deviation {
        row: "octal, hex, short forms, `/+8`, `/ 8`, `/08`: refused",
        rule: "white space before the slash",
        count: 1,
        explains: |case| case.theirs && case.address().ends_with(' ') && case.size().is_some_and(is_plain),
    },
    Deviation {
        row: "octal, hex, short forms, `/+8`, `/ 8`, `/08`: refused",
        rule: "an IPv4 field with a leading zero, else plain",
        count: 16,
        explains: |case| {
            let zero = |field: &str| field.len() > 1 && field.starts_with('0');
            case.theirs && !case.address().contains(':') && case.address().split('.').any(zero)
        },
    },
    Deviation {
        row: "octal, hex, short forms, `/+8`, `/ 8`, `/08`: refused",
        rule: "IPv6 without `::` and with more or fewer than eight groups",
        count: 34,
        explains: |case| case.theirs && has_wrong_groups(case.address()),
    },
    Deviation {
        row: "`::ffff:127.0.0.1` as entry or peer: canonical v4 on both sides",
        rule: "IPv6 with a dotted tail at the right of `-` or `/`, which the library never reads",
        count: 31,
        explains: |case| {
            let right = case.pattern.rsplit(['-', '/']).next().unwrap_or_default();
            !case.theirs && right != case.pattern && right.contains(':') && right.contains('.')
        },
    },
    Deviation {
        row: "the list grammar: we accept `%zone`",
        rule: "a link-local address with a zone",
        count: 6,
        explains: |case| !case.theirs && case.pattern.starts_with("fe80::") && case.pattern.contains('%'),
    },
    Deviation {
        row: "the list grammar: we accept `192.168.*`, `*`",
        rule: "a star at the end for all fields that are missing",
        count: 7,
        explains: |case| !case.theirs && case.pattern.ends_with('*') && !case.pattern.contains(':'),
    },
];

/// Where the two disagree about an address, under entries that both read.
const VERDICTS: &[Deviation<VerdictCase>] = &[
    Deviation {
        row: "`::ffff:127.0.0.1` as entry or peer: canonical v4 on both sides",
        rule: "an IPv4 pattern takes a mapped address",
        count: 133,
        explains: |case| {
            case.theirs == Verdict::No
                && case.ours == Verdict::Yes
                && is_mapped(&case.ip)
                && !case.pattern.contains(':')
        },
    },
    Deviation {
        row: "`::ffff:127.0.0.1` as entry or peer: canonical v4 on both sides",
        rule: "a mapped pattern takes an IPv4 address",
        count: 56,
        explains: |case| {
            case.theirs == Verdict::No
                && case.ours == Verdict::Yes
                && !case.ip.contains(':')
                && case.pattern.to_lowercase().contains(":ffff:")
        },
    },
    Deviation {
        row: "`::ffff:127.0.0.1` as entry or peer: canonical v4 on both sides",
        rule: "an IPv6 pattern wider than the mapped addresses takes none of them",
        count: 26,
        explains: |case| {
            case.theirs == Verdict::Yes
                && case.ours == Verdict::No
                && is_mapped(&case.ip)
                && case.pattern.contains(':')
        },
    },
    Deviation {
        row: "peer or header with a zone id, port or garbage: parsed",
        rule: "an address with a port, with brackets or with a zone",
        count: 32,
        explains: |case| {
            let port = case.ip.contains('.') && case.ip.contains(':');
            case.theirs == Verdict::Throws
                && case.ours == Verdict::Yes
                && (port || case.ip.starts_with('[') || case.ip.contains('%'))
        },
    },
    Deviation {
        row: "octal, hex, short forms, `/+8`, `/ 8`, `/08`: refused",
        rule: "an IPv4 address with a leading zero",
        count: 8,
        explains: |case| {
            case.ours == Verdict::Throws
                && !case.ip.contains([':', '*'])
                && case.ip.split('.').any(|field| field.len() > 1 && field.starts_with('0'))
        },
    },
    Deviation {
        row: "peer or header with a zone id, port or garbage: garbage is refused",
        rule: "a star in the address",
        count: 25,
        explains: |case| case.ours == Verdict::Throws && case.ip.contains('*'),
    },
    Deviation {
        row: "octal, hex, short forms, `/+8`, `/ 8`, `/08`: refused",
        rule: "an IPv6 address without `::` and with more or fewer than eight groups",
        count: 18,
        explains: |case| case.ours == Verdict::Throws && has_wrong_groups(&case.ip),
    },
];

/// The refused texts that are host names, so that they may stand in a list after all.
const NAMES: &[&str] = &["any", "home.lan", "ip6-localhost", "localhost", "null"];

struct Deviation<Case> {
    row: &'static str,
    rule: &'static str,
    count: usize,
    explains: fn(&Case) -> bool,
}

#[derive(Debug)]
struct EntryCase {
    pattern: String,
    theirs: bool,
}

#[derive(Debug)]
struct VerdictCase {
    pattern: String,
    ip: String,
    theirs: Verdict,
    ours: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Yes,
    No,
    Throws,
}

#[derive(Deserialize)]
struct Data {
    entries: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    pattern: String,
    valid: bool,
    matches: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    ip: String,
    verdict: serde_json::Value,
}

#[test]
fn entries_are_read_as_recorded() {
    let recorded = recorded();
    let disagreements =
        recorded.iter().filter(|entry| entry.pattern.parse::<IpPattern>().is_ok() != entry.valid);
    let cases = disagreements.map(|entry| EntryCase { pattern: entry.pattern.clone(), theirs: entry.valid });
    assert_explained(ENTRIES, &cases.collect::<Vec<_>>());
    assert_eq!(recorded.len(), 1213);
}

#[test]
fn addresses_are_judged_as_recorded() {
    let recorded = recorded();
    let mut cases = Vec::new();
    let mut judged = 0;
    for entry in &recorded {
        let pattern = entry.pattern.parse::<IpPattern>();
        for asked in &entry.matches {
            judged += 1;
            let ours = match (&pattern, parse_address(&asked.ip)) {
                (_, Err(_)) => Verdict::Throws,
                (Ok(pattern), Ok(ip)) if pattern.contains(ip) => Verdict::Yes,
                _ => Verdict::No,
            };
            let theirs = theirs(&asked.verdict);
            // A refused entry takes nobody, which entries_are_read_as_recorded accounts for.
            if ours != theirs && pattern.is_ok() {
                cases.push(VerdictCase {
                    pattern: entry.pattern.clone(),
                    ip: asked.ip.clone(),
                    theirs,
                    ours,
                });
            }
        }
    }
    assert_explained(VERDICTS, &cases);
    assert_eq!(judged, 4796);
}

#[test]
fn a_refused_entry_is_a_name_only_where_listed() {
    let names = recorded().into_iter().filter_map(|entry| match entry.pattern.parse() {
        Ok(Entry::Name(name)) => Some(name.to_string()),
        _ => None,
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, NAMES);
}

#[test]
fn what_is_read_can_be_written_and_read_again() {
    for entry in recorded() {
        let Ok(pattern) = entry.pattern.parse::<IpPattern>() else { continue };
        assert_eq!(pattern.to_string().parse::<IpPattern>().unwrap(), pattern, "{}", entry.pattern);
    }
}

/// Every case is explained by exactly one deviation, and each deviation explains as many as it says.
fn assert_explained<Case: std::fmt::Debug>(deviations: &[Deviation<Case>], cases: &[Case]) {
    for case in cases {
        let explaining = deviations.iter().filter(|deviation| (deviation.explains)(case));
        let rules: Vec<&str> = explaining.map(|deviation| deviation.rule).collect();
        assert_eq!(rules.len(), 1, "{case:?} is explained by {rules:?}");
    }
    let found =
        deviations.iter().map(|deviation| cases.iter().filter(|case| (deviation.explains)(case)).count());
    let found: Vec<_> =
        deviations.iter().map(|deviation| (deviation.row, deviation.rule)).zip(found).collect();
    let expected = deviations.iter().map(|deviation| ((deviation.row, deviation.rule), deviation.count));
    assert_eq!(found, expected.collect::<Vec<_>>());
}

impl EntryCase {
    fn address(&self) -> &str {
        self.pattern.split('/').next().unwrap_or_default()
    }

    /// What stands after the first slash, without the white space at the end.
    fn size(&self) -> Option<&str> {
        self.pattern.split_once('/').map(|(_, size)| size.trim_end())
    }
}

fn recorded() -> Vec<Recorded> {
    let text = include_str!("../../conformance/whitelist-patterns.json");
    serde_json::from_str::<Data>(text).expect("the recorded data is JSON of this form").entries
}

fn theirs(verdict: &serde_json::Value) -> Verdict {
    match verdict {
        serde_json::Value::Bool(true) => Verdict::Yes,
        serde_json::Value::Bool(false) => Verdict::No,
        other => {
            assert_eq!(other, "throws");
            Verdict::Throws
        }
    }
}

fn is_plain(size: &str) -> bool {
    size.bytes().all(|b| b.is_ascii_digit()) && (size == "0" || !size.starts_with('0'))
}

fn is_mapped(ip: &str) -> bool {
    ip.parse::<Ipv6Addr>().is_ok_and(|ip| ip.to_ipv4_mapped().is_some())
}

fn has_wrong_groups(text: &str) -> bool {
    let groups = text.split(':').count() + usize::from(text.contains('.'));
    text.contains(':') && !text.contains("::") && groups != 8
}
