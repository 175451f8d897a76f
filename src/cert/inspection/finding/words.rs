//! Each finding in a line.

use std::fmt;

use super::super::facts::{KeyKind, Moment};
use super::super::name::Name;
use super::{Danger, Exposure, Finding, Limit};

impl fmt::Display for Finding {
    /// What is wrong, in a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { error, .. } => error.fmt(f),
            Self::Unreadable => f.write_str("the certificate that it shows cannot be read"),
            Self::PlainHttp => f.write_str("it speaks http in clear, not https"),
            Self::KeyExposed(exposure) => exposed(exposure, f),
            Self::NotYetValid { from, days } => coming(*from, *days, f),
            Self::Expired { on, days } => expired(*on, *days, f),
            Self::ExpiresSoon { on, days } => expiring(*on, *days, f),
            Self::LongLife { days, limit } => long(*days, *limit, f),
            Self::NoNames => f.write_str("it names no host: it has no `subjectAltName`"),
            Self::CommonNameOnly { name } => {
                write!(f, "it names `{name}` only as its common name, where browsers do not look")
            }
            Self::AddressAsName { address } => {
                write!(f, "the address `{address}` stands in it as a DNS name, which does not count")
            }
            Self::IgnoredWildcard { entry } => write!(f, "clients ignore the wildcard `{entry}`"),
            Self::BareName { entry, above } => write!(f, "`{entry}` does not cover `{above}` itself"),
            Self::NameMissing { name, present } => missing(name, present, f),
            Self::OwnNamesMissing { names, .. } => also(names, f),
            Self::ShortKey { bits } => write!(f, "its key is RSA with {bits} bits; clients want 2048"),
            Self::OddKey { kind } => odd(kind, f),
            Self::BrokenSignature { algorithm, subject } => forgeable(algorithm, subject.as_deref(), f),
            Self::OldVersion { version } => write!(f, "it is X.509 of version {version}, which has no names"),
            Self::NotForServers => f.write_str("it is not for servers, by its extended key usage"),
            Self::UsageUnsaid => f.write_str(
                "it does not say that it is for servers (`serverAuth`), as iPhone, iPad and Mac want it",
            ),
            Self::MayNotSign => f.write_str("its key usage does not allow signatures, which TLS needs"),
            Self::AuthorityAsServer => f.write_str(
                "it is the certificate of an authority (`CA:TRUE`), which Firefox takes for no server's",
            ),
            Self::SelfSigned { .. } => f.write_str("it is signed by itself: nobody vouches for it"),
            Self::OwnAuthority { name, here, .. } => own(name, *here, f),
            Self::MissingIntermediate { issuer, .. } => {
                write!(f, "the certificate of `{issuer}`, which signed it, is missing from the chain")
            }
            Self::ChainOutOfDate { subject, from, until } => {
                write!(f, "the certificate of `{subject}` in the chain is valid from {from} to {until} only")
            }
            Self::ForgedLink { subject, issuer } => {
                write!(f, "`{subject}` was not signed with the key of `{issuer}` that is in the chain")
            }
            Self::WrongOrder { .. } => {
                f.write_str("the chain is in the wrong order, which older clients do not sort")
            }
            Self::Stray { subject, number } => {
                write!(f, "certificate number {number}, of `{subject}`, is no part of the chain")
            }
            Self::RootSent { subject } => {
                write!(f, "the root `{subject}` need not be sent: devices have it, or do not trust it")
            }
            Self::BrokenPath { why } => write!(f, "the chain does not hold: {why}"),
            Self::OldProtocols { versions } => {
                write!(f, "it still takes {}: too old to be safe", versions.join(" and "))
            }
            Self::NoModernProtocol => f.write_str("it takes neither TLS 1.2 nor TLS 1.3"),
        }
    }
}

fn exposed(Exposure { path, danger, .. }: &Exposure, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match danger {
        Danger::EverybodyReads => write!(f, "every user of this computer can read the key in `{path}`"),
        Danger::GroupReads => write!(f, "other users of its group can read the key in `{path}`"),
        Danger::OthersReplace => {
            write!(f, "other users of this computer can replace the key: they may write to `{path}`")
        }
    }
}

fn coming(from: Moment, days: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "it is not valid yet: it begins on {from}, in {}", counted(days, "day"))
}

fn expired(on: Moment, days: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match days {
        0 => write!(f, "it has expired today, on {on}"),
        days => write!(f, "it has expired on {on}, {} ago", counted(days, "day")),
    }
}

fn expiring(on: Moment, days: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match days {
        0 => write!(f, "it expires within a day, on {on}"),
        days => write!(f, "it expires on {on}, in {}", counted(days, "day")),
    }
}

fn long(days: i64, limit: Limit, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match limit {
        Limit::Public => write!(f, "it is valid for {days} days; browsers take 398 from a public authority"),
        Limit::Advised => write!(f, "it is valid for {days} days, more than 398"),
        Limit::Apple => write!(f, "it is valid for {days} days; iPhone, iPad and Mac take 825 at most"),
    }
}

fn missing(name: &Name, present: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if present.is_empty() {
        return write!(f, "it is not for `{name}`");
    }
    let shown = present.len().min(SHOWN);
    write!(f, "it is not for `{name}`, only for `{}`", present[..shown].join("`, `"))?;
    match present.len() - shown {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

fn forgeable(algorithm: &str, subject: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match subject {
        None => f.write_str("it")?,
        Some(subject) => write!(f, "`{subject}`")?,
    }
    write!(f, " is signed with {algorithm}, which can be forged")
}

fn own(name: &str, here: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if here {
        write!(f, "its authority `{name}` is trusted on this computer; other devices have to trust it too")
    } else {
        write!(f, "devices have to trust its authority `{name}` first")
    }
}

fn also(names: &[Name], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "this computer is also {}, which it is not for", listed(names))
}

fn odd(kind: &KeyKind, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match kind {
        KeyKind::Ed25519 => f.write_str("its key is Ed25519, which browsers do not take"),
        KeyKind::P521 => f.write_str("its key is P-521, which Chrome and Edge do not take"),
        kind => write!(f, "its key is {kind}, which Innkeeper cannot serve"),
    }
}

fn listed(names: &[Name]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// So many names are shown in a line.
const SHOWN: usize = 6;

/// `1 day`, `3 days`.
pub fn counted(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
