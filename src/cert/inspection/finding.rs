//! Everything that can be said against a certificate, and what it means to each kind of client.
//!
//! The facts about clients: Apple's requirements for server certificates (support articles HT210176 and HT211025), the
//! CA/Browser Forum's baseline requirements, Chromium's and Mozilla's verifiers, OpenSSL's security level 2 as Debian
//! sets it for curl.

mod words;

use std::fmt;
use std::net::IpAddr;

pub(super) use self::words::counted;
use super::client::{Client, Effect};
use super::facts::{KeyKind, Moment};
use super::name::Name;
use crate::error::Error;

/// Something about a certificate that its owner should know.
#[derive(Debug)]
pub enum Finding {
    /// The server would not start with these files; in its own words.
    Refused {
        /// What it stumbles over.
        part: Part,
        /// Why.
        error: Error,
    },
    /// What a server shows cannot be read.
    Unreadable,
    /// A port that speaks http in clear.
    PlainHttp,
    /// Others on this computer can read the key.
    KeyExposed(Exposure),
    /// It does not count yet.
    NotYetValid {
        /// When it will.
        from: Moment,
        /// In how many days.
        days: i64,
    },
    /// It counts no more.
    Expired {
        /// Since when.
        on: Moment,
        /// For how many days.
        days: i64,
    },
    /// It will soon count no more.
    ExpiresSoon {
        /// From when on.
        on: Moment,
        /// In how many days.
        days: i64,
    },
    /// It counts for longer than clients accept.
    LongLife {
        /// From beginning to end.
        days: i64,
        /// Who minds.
        limit: Limit,
    },
    /// It names no host at all.
    NoNames,
    /// It names a host only where nobody but curl looks.
    CommonNameOnly {
        /// The common name.
        name: String,
    },
    /// An address that stands where names stand, and counts for nothing there.
    AddressAsName {
        /// The address.
        address: IpAddr,
    },
    /// A wildcard that clients ignore.
    IgnoredWildcard {
        /// The entry.
        entry: String,
    },
    /// A wildcard, and not the name above it.
    BareName {
        /// The entry.
        entry: String,
        /// The name without its first label.
        above: String,
    },
    /// A name that it has to be good for is not in it.
    NameMissing {
        /// The name.
        name: Name,
        /// The names that are.
        present: Vec<String>,
    },
    /// What people would type to reach this computer is not in it.
    OwnNamesMissing {
        /// Those names.
        names: Vec<Name>,
        /// One that is in it, to type in their place.
        instead: Option<String>,
    },
    /// A key that is too short.
    ShortKey {
        /// RSA.
        bits: usize,
    },
    /// A key that some clients cannot use.
    OddKey {
        /// Which.
        kind: KeyKind,
    },
    /// A signature that could be forged.
    BrokenSignature {
        /// The digest and all.
        algorithm: String,
        /// On whose certificate; `None` on the server's own.
        subject: Option<String>,
    },
    /// An X.509 version without names.
    OldVersion {
        /// 1 or 2.
        version: u32,
    },
    /// It is for something else than servers.
    NotForServers,
    /// It does not say that it is for servers.
    UsageUnsaid,
    /// Its key must not sign, which TLS needs.
    MayNotSign,
    /// It is an authority's certificate, not a server's.
    AuthorityAsServer,
    /// It is signed by itself.
    SelfSigned {
        /// And says that it is an authority, which phones ask for.
        is_authority: bool,
    },
    /// Its authority is none that clients come with.
    OwnAuthority {
        /// The authority.
        name: String,
        /// Whether this computer trusts it already.
        here: bool,
        /// Whether its certificate is in the file.
        sent: bool,
    },
    /// Clients cannot get from it to an authority.
    MissingIntermediate {
        /// Whose certificate is missing.
        issuer: String,
        /// Where it can be fetched.
        url: String,
    },
    /// A certificate of the chain counts no more, or not yet.
    ChainOutOfDate {
        /// Whose.
        subject: String,
        /// From when on.
        from: Moment,
        /// Until when.
        until: Moment,
    },
    /// A certificate was not signed by the one that it names.
    ForgedLink {
        /// Whose.
        subject: String,
        /// The one that it names.
        issuer: String,
    },
    /// The chain is not in its order.
    WrongOrder {
        /// The order, by numbers from 1.
        order: Vec<usize>,
    },
    /// A certificate that belongs to nothing.
    Stray {
        /// Whose.
        subject: String,
        /// Its number, from 1.
        number: usize,
    },
    /// The root is sent along, which clients have or do not trust.
    RootSent {
        /// Whose.
        subject: String,
    },
    /// The way up to the authority is broken in another way.
    BrokenPath {
        /// As the verifier says it.
        why: String,
    },
    /// A server that still takes versions of TLS that are not safe.
    OldProtocols {
        /// `TLS 1.0`, `TLS 1.1`.
        versions: Vec<&'static str>,
    },
    /// A server that has none of the versions that clients want.
    NoModernProtocol,
}

/// What the server stumbles over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The file of the certificate.
    Certificate,
    /// The file of the key, or its passphrase.
    Key,
    /// The kind or size of the key.
    KeyKind,
    /// The two do not belong together.
    Match,
}

/// Who minds a long life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// More than 398 days, by an authority that all clients come with: all mind.
    Public,
    /// More than 398 days, by another: nobody minds yet.
    Advised,
    /// More than 825 days: Apple minds.
    Apple,
}

/// A file or folder that others have a hand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// As messages call it.
    pub path: String,
    /// The same, as one word of a shell.
    pub word: String,
    /// What they can do.
    pub danger: Danger,
}

/// What others on this computer can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    /// Everybody can read the key.
    EverybodyReads,
    /// The file's group can.
    GroupReads,
    /// Others can put another key in its place, as they may write to the folder.
    OthersReplace,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It stops visitors, or scares them away.
    Problem,
    /// It stops some of them, or will.
    Warning,
    /// It is good to know.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

impl Finding {
    /// A word for programs, which does not change.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused { part: Part::Certificate, .. } => "certificate-file",
            Self::Refused { part: Part::Key, .. } => "key-file",
            Self::Refused { part: Part::KeyKind, .. } => "key-kind",
            Self::Refused { part: Part::Match, .. } => "key-mismatch",
            Self::Unreadable => "unreadable",
            Self::PlainHttp => "plain-http",
            Self::KeyExposed(_) => "key-exposed",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::ExpiresSoon { .. } => "expires-soon",
            Self::LongLife { .. } => "long-life",
            Self::NoNames => "no-names",
            Self::CommonNameOnly { .. } => "common-name-only",
            Self::AddressAsName { .. } => "address-as-name",
            Self::IgnoredWildcard { .. } => "ignored-wildcard",
            Self::BareName { .. } => "bare-name",
            Self::NameMissing { .. } => "name-missing",
            Self::OwnNamesMissing { .. } => "own-names-missing",
            Self::ShortKey { .. } => "short-key",
            Self::OddKey { .. } => "odd-key",
            Self::BrokenSignature { .. } => "broken-signature",
            Self::OldVersion { .. } => "old-version",
            Self::NotForServers => "not-for-servers",
            Self::UsageUnsaid => "usage-unsaid",
            Self::MayNotSign => "may-not-sign",
            Self::AuthorityAsServer => "authority-as-server",
            Self::SelfSigned { .. } => "self-signed",
            Self::OwnAuthority { .. } => "own-authority",
            Self::MissingIntermediate { .. } => "missing-intermediate",
            Self::ChainOutOfDate { .. } => "chain-out-of-date",
            Self::ForgedLink { .. } => "forged-link",
            Self::WrongOrder { .. } => "wrong-order",
            Self::Stray { .. } => "stray",
            Self::RootSent { .. } => "root-sent",
            Self::BrokenPath { .. } => "broken-path",
            Self::OldProtocols { .. } => "old-protocols",
            Self::NoModernProtocol => "no-modern-protocol",
        }
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::KeyExposed(_)
            | Self::ExpiresSoon { .. }
            | Self::LongLife { limit: Limit::Apple | Limit::Public, .. }
            | Self::AddressAsName { .. }
            | Self::IgnoredWildcard { .. }
            | Self::OwnNamesMissing { .. }
            | Self::UsageUnsaid
            | Self::AuthorityAsServer
            | Self::SelfSigned { .. }
            | Self::WrongOrder { .. }
            | Self::OldProtocols { .. } => Severity::Warning,
            Self::LongLife { limit: Limit::Advised, .. }
            | Self::BareName { .. }
            | Self::OwnAuthority { .. }
            | Self::Stray { .. }
            | Self::RootSent { .. } => Severity::Note,
            _ => Severity::Problem,
        }
    }

    /// What comes of it for `client`; `None` where it does not mind.
    #[must_use]
    pub fn effect(&self, client: Client) -> Option<Effect> {
        use Client::{Android, Apple, Browsers, Curl};
        use Effect::{OnceTrusted, Refuses, Warns};
        // A person can go on where curl does not.
        let scares = Some(if client == Curl { Refuses } else { Warns });
        match self {
            Self::Refused { .. }
            | Self::Unreadable
            | Self::PlainHttp
            | Self::NotForServers
            | Self::MayNotSign
            | Self::OldVersion { .. }
            | Self::NoModernProtocol => Some(Refuses),
            Self::NotYetValid { .. }
            | Self::Expired { .. }
            | Self::NoNames
            | Self::NameMissing { .. }
            | Self::ShortKey { .. }
            | Self::BrokenSignature { .. }
            | Self::ChainOutOfDate { .. }
            | Self::ForgedLink { .. }
            | Self::BrokenPath { .. } => scares,
            // curl falls back to the common name, and OpenSSL knows no limit of life.
            Self::CommonNameOnly { .. } | Self::LongLife { limit: Limit::Public, .. } => {
                (client != Curl).then_some(Warns)
            }
            Self::LongLife { limit: Limit::Apple, .. } | Self::UsageUnsaid => {
                (client == Apple).then_some(Warns)
            }
            Self::OddKey { kind } => match (kind, client) {
                (KeyKind::Ed25519, Curl) | (KeyKind::P521, Curl | Apple) | (KeyKind::Rsa { .. }, _) => None,
                _ => Some(Refuses),
            },
            // Only Firefox minds.
            Self::AuthorityAsServer => (client == Browsers).then_some(Warns),
            Self::SelfSigned { is_authority } => match client {
                Apple | Android if !is_authority => Some(Warns),
                _ => Some(OnceTrusted),
            },
            Self::OwnAuthority { here, .. } => (client != Curl || !here).then_some(OnceTrusted),
            // Chrome and Apple's systems fetch what is missing, and Firefox has most of it.
            Self::MissingIntermediate { .. } => match client {
                Browsers | Apple => None,
                Android | Curl => scares,
            },
            Self::KeyExposed(_)
            | Self::ExpiresSoon { .. }
            | Self::LongLife { limit: Limit::Advised, .. }
            | Self::AddressAsName { .. }
            | Self::IgnoredWildcard { .. }
            | Self::BareName { .. }
            | Self::OwnNamesMissing { .. }
            | Self::WrongOrder { .. }
            | Self::Stray { .. }
            | Self::RootSent { .. }
            | Self::OldProtocols { .. } => None,
        }
    }
}
