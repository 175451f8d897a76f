//! What every kind of client will say to a certificate, and what to do about it: all of it at once, before a visitor
//! meets it.
//!
//! Pure: from bytes, the time, and the names that it has to be good for.

/// The kinds of clients.
pub mod client;
/// What a certificate says of itself.
pub mod facts;
/// What can be said against it.
pub mod finding;
/// Names, and which covers which.
pub mod name;

mod chain;
mod files;
mod fix;
mod judgement;
mod report;

use std::time::{SystemTime, UNIX_EPOCH};

pub use self::chain::{Roots, Trust};
pub use self::fix::Place;

use self::chain::Judges;
use self::client::{Client, Verdict};
use self::facts::{Certificate, Moment};
use self::finding::{Exposure, Finding, Severity};
use self::name::Name;
use super::Source;

/// What is inspected.
#[derive(Clone, Copy)]
pub enum Material<'a> {
    /// The files of a pair.
    Files {
        /// The certificate, its chain behind it.
        cert: Source<'a>,
        /// The key; `None` where only the certificate counts.
        key: Option<Source<'a>>,
        /// For an encrypted key.
        passphrase: Option<&'a str>,
        /// Who else can get at the key.
        exposures: &'a [Exposure],
        /// What finds the settings that name them, for commands: ` --config 'x'`, or nothing.
        flag: &'a str,
    },
    /// What a server showed.
    Shown {
        /// Its name or address, without brackets.
        host: &'a str,
        /// Its port.
        port: u16,
        /// How it answered.
        answer: &'a Answer,
    },
}

/// How a server answered a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// In TLS.
    Tls {
        /// The certificates in DER, as they came.
        chain: Vec<Vec<u8>>,
        /// The versions that it takes, the oldest first.
        protocols: Vec<Protocol>,
        /// What it chose from HTTP/2 and HTTP/1.1 (RFC 7301), in the newest version.
        alpn: Option<String>,
    },
    /// With http in clear.
    PlainHttp,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// RFC 2246, of 1999.
    Tls10,
    /// RFC 4346, of 2006.
    Tls11,
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl Protocol {
    /// As people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }
}

/// By what it is judged.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// The time.
    pub now: SystemTime,
    /// An end that is nearer than so many days is told.
    pub warn_days: u16,
    /// Names that it has to be good for.
    pub asked: &'a [Name],
    /// Names that people would type to reach this computer.
    pub own: &'a [Name],
    /// The authorities that browsers and phones come with.
    pub public: &'a Roots,
    /// Those that this computer trusts.
    pub system: &'a Roots,
}

impl Terms<'_> {
    fn moment(&self) -> Moment {
        let since = self.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}

/// Where a better certificate would come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From a public authority.
    Public,
    /// From oneself.
    Own,
}

/// All that is known of a certificate.
#[derive(Debug)]
pub struct Inspection {
    /// Where it came from.
    pub place: Place,
    /// The server's own certificate first; empty where none could be read.
    pub chain: Vec<Certificate>,
    /// Who vouches for it; `None` where none could be read.
    pub trust: Option<Trust>,
    /// What can be said against it, the worst first.
    pub findings: Vec<Finding>,
    /// The versions and the protocol of a server; `None` for files.
    pub port: Option<Port>,
    /// When it was looked at.
    pub at: Moment,
}

/// What a server speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The versions of TLS.
    pub protocols: Vec<Protocol>,
    /// The protocol within.
    pub alpn: Option<String>,
}

impl Inspection {
    /// Inspects `material` by `terms`.
    #[must_use]
    pub fn of(material: Material<'_>, terms: &Terms<'_>) -> Self {
        let mut findings = Vec::new();
        let (place, chain, port) = match material {
            Material::Files { cert, key, passphrase, exposures, flag } => {
                let chain = files::read(cert, key, passphrase, &mut findings);
                findings.extend(exposures.iter().cloned().map(Finding::KeyExposed));
                let key = key.map(|key| key.name.to_owned());
                (Place::Files { cert: cert.name.to_owned(), key, flag: flag.to_owned() }, chain, None)
            }
            Material::Shown { host, port, answer } => {
                let (chain, port_facts) = judgement::shown(answer, &mut findings);
                (Place::Port { host: host.to_owned(), port }, chain, port_facts)
            }
        };
        let at = terms.moment();
        let trust = (!chain.is_empty()).then(|| {
            let judges = Judges { now: at, public: terms.public, system: terms.system };
            let trust = chain::judge(&chain, &judges, &mut findings);
            judgement::own(&chain[0], trust, terms, at, &mut findings);
            judgement::signatures(&chain, &mut findings);
            trust
        });
        // Stable: what is equally bad stays in the order in which people would look.
        findings.sort_by_key(|finding| (finding.severity(), rank(finding)));
        Self { place, chain, trust, findings, port, at }
    }

    /// Whether nothing in it is a problem.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity() != Severity::Problem)
    }

    /// What each kind of client says.
    pub fn verdicts(&self) -> impl Iterator<Item = (Client, Verdict<'_>)> {
        Client::ALL.into_iter().map(|client| (client, Verdict::of(client, &self.findings)))
    }

    /// What to do about one of the findings, the best first.
    #[must_use]
    pub fn fixes(&self, finding: &Finding) -> Vec<String> {
        let origin = match self.trust {
            Some(Trust::Public | Trust::Incomplete) => Origin::Public,
            _ => Origin::Own,
        };
        fix::of(finding, &self.place, origin)
    }
}

/// Of two that are equally bad, who vouches comes last.
fn rank(finding: &Finding) -> u8 {
    match finding {
        Finding::Refused { .. } | Finding::PlainHttp | Finding::Unreadable => 0,
        Finding::SelfSigned { .. } | Finding::OwnAuthority { .. } => 2,
        _ => 1,
    }
}
