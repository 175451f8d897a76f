//! What is judged from the server's own certificate: dates, names, key, use.

use super::facts::{Certificate, KeyKind, Moment, Signature, Usage};
use super::finding::{Finding, Limit, Part};
use super::name::{Entry, Name, Wildcard};
use super::{Answer, Port, Protocol, Terms, Trust};

/// The longest life that browsers take from a public authority, in days (CA/Browser Forum, ballot SC31).
const PUBLIC_DAYS: i64 = 398;
/// The longest that Apple takes from any (HT210176).
const APPLE_DAYS: i64 = 825;

/// Everything but who vouches for it.
pub(super) fn own(
    certificate: &Certificate,
    trust: Trust,
    terms: &Terms<'_>,
    now: Moment,
    findings: &mut Vec<Finding>,
) {
    dates(certificate, trust, terms.warn_days, now, findings);
    names(certificate, trust, terms, findings);
    key(certificate, findings);
    usage(certificate, findings);
}

fn dates(certificate: &Certificate, trust: Trust, warn_days: u16, now: Moment, findings: &mut Vec<Finding>) {
    let (from, until) = (certificate.not_before, certificate.not_after);
    let left = now.days_to(until);
    if now < from {
        // Begun days count: tomorrow is in one day.
        findings.push(Finding::NotYetValid { from, days: -from.days_to(now) });
    } else if until < now {
        findings.push(Finding::Expired { on: until, days: until.days_to(now) });
    } else if left <= i64::from(warn_days) {
        findings.push(Finding::ExpiresSoon { on: until, days: left });
    }
    let days = certificate.days();
    let public = matches!(trust, Trust::Public | Trust::Incomplete);
    if days > PUBLIC_DAYS {
        let advised = if days > APPLE_DAYS { Limit::Apple } else { Limit::Advised };
        findings.push(Finding::LongLife { days, limit: if public { Limit::Public } else { advised } });
    }
}

fn names(certificate: &Certificate, trust: Trust, terms: &Terms<'_>, findings: &mut Vec<Finding>) {
    let entries = certificate.names.as_deref().unwrap_or_default();
    if entries.is_empty() {
        // Version 1 has no place for names.
        let finding = match &certificate.common_name {
            Some(name) if !name.is_empty() => Finding::CommonNameOnly { name: name.clone() },
            _ => Finding::NoNames,
        };
        findings.push(finding);
    }
    for entry in entries {
        let Entry::Dns(text) = entry else { continue };
        if let Ok(address) = text.parse() {
            findings.push(Finding::AddressAsName { address });
        }
        match entry.wildcard() {
            Some(Wildcard::Ignored) => findings.push(Finding::IgnoredWildcard { entry: text.clone() }),
            Some(Wildcard::Counts { above }) if !covered(entries, &Name::Dns(above.to_owned())) => {
                findings.push(Finding::BareName { entry: text.clone(), above: above.to_owned() });
            }
            _ => {}
        }
    }
    for name in terms.asked.iter().filter(|name| !covered(entries, name)) {
        let present = entries.iter().map(ToString::to_string).collect();
        findings.push(Finding::NameMissing { name: name.clone(), present });
    }
    let missing: Vec<Name> = terms.own.iter().filter(|name| !covered(entries, name)).cloned().collect();
    // Who has a name of the world has no need of those at home.
    if !missing.is_empty() && !entries.is_empty() && !matches!(trust, Trust::Public | Trust::Incomplete) {
        let usable = entries.iter().find(|entry| match entry {
            Entry::Dns(name) => {
                entry.wildcard().is_none() && name != "localhost" && name.parse::<std::net::IpAddr>().is_err()
            }
            Entry::Address(address) => !address.is_loopback(),
        });
        let instead = usable.map(|entry| match entry {
            Entry::Address(std::net::IpAddr::V6(address)) => format!("[{address}]"),
            entry => entry.to_string(),
        });
        findings.push(Finding::OwnNamesMissing { names: missing, instead });
    }
}

fn covered(entries: &[Entry], name: &Name) -> bool {
    entries.iter().any(|entry| entry.covers(name))
}

fn key(certificate: &Certificate, findings: &mut Vec<Finding>) {
    // Where the server would not start with it, that has been said.
    if findings.iter().any(|finding| matches!(finding, Finding::Refused { part: Part::KeyKind, .. })) {
        return;
    }
    match &certificate.key {
        KeyKind::Rsa { bits } if *bits < 2048 => findings.push(Finding::ShortKey { bits: *bits }),
        KeyKind::Rsa { bits } if *bits <= 4096 => {}
        KeyKind::P256 | KeyKind::P384 => {}
        kind => findings.push(Finding::OddKey { kind: kind.clone() }),
    }
}

fn usage(certificate: &Certificate, findings: &mut Vec<Finding>) {
    let is_refused =
        findings.iter().any(|finding| matches!(finding, Finding::Refused { part: Part::Certificate, .. }));
    if certificate.version < 3 && !is_refused {
        findings.push(Finding::OldVersion { version: certificate.version });
    }
    match certificate.usage {
        Usage::Other => findings.push(Finding::NotForServers),
        Usage::Unsaid if certificate.version >= 3 => findings.push(Finding::UsageUnsaid),
        // What has no extensions has no usage either; the version says it.
        Usage::Server | Usage::Unsaid => {}
    }
    if !certificate.may_sign {
        findings.push(Finding::MayNotSign);
    }
    if certificate.is_authority {
        findings.push(Finding::AuthorityAsServer);
    }
}

/// Of those that were signed by another: nobody looks at the signature of a root.
pub(super) fn signatures(chain: &[Certificate], findings: &mut Vec<Finding>) {
    for (place, certificate) in chain.iter().enumerate() {
        let is_own = place == 0;
        if let Signature::Broken(algorithm) = &certificate.signature
            && (is_own || !certificate.is_self_signed)
        {
            let subject = (!is_own).then(|| certificate.subject.clone());
            findings.push(Finding::BrokenSignature { algorithm: (*algorithm).to_owned(), subject });
        }
    }
}

/// What a server showed.
pub(super) fn shown(answer: &Answer, findings: &mut Vec<Finding>) -> (Vec<Certificate>, Option<Port>) {
    let Answer::Tls { chain, protocols, alpn } = answer else {
        findings.push(Finding::PlainHttp);
        return (Vec::new(), None);
    };
    let read: Vec<Certificate> = chain.iter().map_while(|der| Certificate::read(der)).collect();
    if chain.is_empty() {
        // It has none of the versions in which it would be seen.
    } else if read.is_empty() {
        findings.push(Finding::Unreadable);
    } else if read.len() < chain.len() {
        findings.push(Finding::BrokenPath { why: "a certificate in it cannot be read".to_owned() });
    }
    let old: Vec<_> = protocols
        .iter()
        .filter(|protocol| **protocol < Protocol::Tls12)
        .map(|protocol| protocol.name())
        .collect();
    if old.len() == protocols.len() {
        findings.push(Finding::NoModernProtocol);
    }
    if !old.is_empty() {
        findings.push(Finding::OldProtocols { versions: old });
    }
    (read, Some(Port { protocols: protocols.clone(), alpn: alpn.clone() }))
}
