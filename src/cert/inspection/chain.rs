//! Which certificate signed which, and whether there is a way up to an authority that clients know (RFC 5280,
//! section 6).

use std::fmt;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::facts::{Certificate, Link, Moment};
use super::finding::Finding;

/// Authorities that some kind of client trusts.
#[derive(Clone)]
pub struct Roots(Vec<TrustAnchor<'static>>);

impl Roots {
    /// Those of Mozilla's list, which stand for the browsers and phones.
    #[must_use]
    pub fn of_browsers() -> Self {
        Self(webpki_roots::TLS_SERVER_ROOTS.to_vec())
    }

    /// The given ones, in DER. One that cannot be read is left out.
    #[must_use]
    pub fn of(certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let anchor = |der: Vec<u8>| {
            let der = CertificateDer::from(der);
            webpki::anchor_from_trusted_cert(&der).ok().map(|anchor| anchor.to_owned())
        };
        Self(certificates.into_iter().filter_map(anchor).collect())
    }

    /// Whether one of them has this name (DER of an X.501 name).
    fn know(&self, name: &[u8]) -> bool {
        // A trust anchor keeps the content of the name, without tag and length, which are 2 to 5 bytes.
        self.0.iter().any(|anchor| {
            let subject: &[u8] = anchor.subject.as_ref();
            name.ends_with(subject) && (2..=5).contains(&(name.len() - subject.len()))
        })
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.0.len())
    }
}

/// Who vouches for the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// An authority that all clients come with.
    Public,
    /// One that this computer trusts, and others may not.
    System,
    /// One that somebody made for themselves, as far as can be seen.
    Authority,
    /// Nobody.
    SelfSigned,
    /// A public one, to which a certificate in between is missing.
    Incomplete,
}

impl Trust {
    /// A word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::System => "system",
            Self::Authority => "authority",
            Self::SelfSigned => "self-signed",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What a way up needs to be judged by.
pub(super) struct Judges<'a> {
    pub(super) now: Moment,
    pub(super) public: &'a Roots,
    pub(super) system: &'a Roots,
}

/// Judges the certificates of a file, the server's own first.
pub(super) fn judge(chain: &[Certificate], judges: &Judges<'_>, findings: &mut Vec<Finding>) -> Trust {
    let climb = Climb::of(chain);
    climb.order(chain, findings);
    let own = &chain[0];
    let top = &chain[*climb.path.last().unwrap_or(&0)];
    if climb.path.len() == 1 && own.is_self_signed {
        findings.push(Finding::SelfSigned { is_authority: own.is_authority });
        return Trust::SelfSigned;
    }
    let trust = trust(chain, top, judges, findings);
    // Where a public authority is reached all the same, nobody minds.
    let minded = trust != Trust::Public || !matches!(way(chain, judges.public, judges.now), Way::Found);
    for place in climb.path.iter().skip(1) {
        let above = &chain[*place];
        if minded && !(above.not_before..=above.not_after).contains(&judges.now) {
            findings.push(Finding::ChainOutOfDate {
                subject: above.subject.clone(),
                from: above.not_before,
                until: above.not_after,
            });
        }
    }
    match (trust, &climb.forged) {
        (Trust::Public, _) => {}
        (_, Some((subject, issuer))) => {
            findings.push(Finding::ForgedLink { subject: subject.clone(), issuer: issuer.clone() });
        }
        (Trust::Incomplete, None) => {
            let url = top.issuer_url.clone().unwrap_or_default();
            findings.push(Finding::MissingIntermediate { issuer: top.issuer.clone(), url });
        }
        (trust, None) => findings.push(Finding::OwnAuthority {
            name: top.issuer.clone(),
            here: trust == Trust::System,
            sent: top.is_self_signed,
        }),
    }
    trust
}

/// The way from the server's certificate up, as far as the file has it.
struct Climb {
    /// Places in the file, from 0.
    path: Vec<usize>,
    /// A step where the name fits and the signature does not: whose, and whose it should be.
    forged: Option<(String, String)>,
}

impl Climb {
    fn of(chain: &[Certificate]) -> Self {
        let mut climb = Self { path: vec![0], forged: None };
        let mut current = 0;
        while !chain[current].is_self_signed {
            let free = |place: &usize| !climb.path.contains(place);
            let links =
                (0..chain.len()).filter(free).map(|place| (place, chain[current].link(&chain[place])));
            let links: Vec<_> = links.collect();
            let by = |wanted: Link| links.iter().find(|(_, link)| *link == wanted).map(|(place, _)| *place);
            let Some(next) = by(Link::Signed).or_else(|| by(Link::Unchecked)) else {
                climb.forged = by(Link::Forged)
                    .map(|place| (chain[current].subject.clone(), chain[place].subject.clone()));
                break;
            };
            climb.path.push(next);
            current = next;
        }
        climb
    }

    /// What the file holds besides the way up, and in which order.
    fn order(&self, chain: &[Certificate], findings: &mut Vec<Finding>) {
        if !self.path.is_sorted() {
            let order = self.path.iter().map(|place| place + 1).collect();
            findings.push(Finding::WrongOrder { order });
        }
        let forged = self.forged.as_ref().map(|(_, issuer)| issuer);
        for (place, certificate) in chain.iter().enumerate() {
            if !self.path.contains(&place) && forged != Some(&certificate.subject) {
                findings.push(Finding::Stray { subject: certificate.subject.clone(), number: place + 1 });
            }
        }
        if let [_, .., top] = self.path.as_slice()
            && chain[*top].is_self_signed
        {
            findings.push(Finding::RootSent { subject: chain[*top].subject.clone() });
        }
    }
}

/// What became of looking for a way up.
enum Way {
    Found,
    /// It leads to nobody who is known.
    Unknown,
    /// The server's own certificate stops it, which is told elsewhere.
    Unasked,
    /// It leads there, but does not hold.
    Broken(String),
}

fn trust(
    chain: &[Certificate],
    top: &Certificate,
    judges: &Judges<'_>,
    findings: &mut Vec<Finding>,
) -> Trust {
    let known = |roots: &Roots| roots.know(&top.issuer_der);
    let mut broken = |why| findings.push(Finding::BrokenPath { why });
    for (roots, trust) in [(judges.public, Trust::Public), (judges.system, Trust::System)] {
        match way(chain, roots, begin(chain)) {
            Way::Found => return trust,
            Way::Broken(why) if known(roots) => {
                broken(why);
                return trust;
            }
            Way::Unasked if known(roots) => return trust,
            _ => {}
        }
    }
    if top.is_self_signed {
        // The authority of one's own can forbid a name, too.
        if let Way::Broken(why) = way(chain, &Roots::of([top.der.clone()]), begin(chain)) {
            broken(why);
        }
        return Trust::Authority;
    }
    // Public authorities say where the certificate in between is; others do not.
    if top.issuer_url.is_some() { Trust::Incomplete } else { Trust::Authority }
}

/// When the last of `chain` was made: dates are told elsewhere, so a way is looked for as if all were in force.
fn begin(chain: &[Certificate]) -> Moment {
    chain.iter().map(|certificate| certificate.not_before).max().unwrap_or(Moment(0))
}

/// Looks for a way from the first of `chain` to one of `roots`, at the time `at`.
fn way(chain: &[Certificate], roots: &Roots, at: Moment) -> Way {
    let ders: Vec<_> =
        chain.iter().map(|certificate| CertificateDer::from(certificate.der.as_slice())).collect();
    let Ok(own) = EndEntityCert::try_from(&ders[0]) else { return Way::Unasked };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.0).unwrap_or_default()));
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    match own.verify_for_usage(algorithms, &roots.0, &ders[1..], time, KeyUsage::server_auth(), None, None) {
        Ok(_) => Way::Found,
        Err(error) => match error {
            webpki::Error::UnknownIssuer => Way::Unknown,
            webpki::Error::NameConstraintViolation => {
                Way::Broken("its authority may not vouch for its names".to_owned())
            }
            webpki::Error::PathLenConstraintViolated => {
                Way::Broken("an authority in it may not make further authorities (`pathlen`)".to_owned())
            }
            webpki::Error::EndEntityUsedAsCa => Way::Broken(
                "a certificate in it signed another and is no authority's (`CA:TRUE` is missing)".to_owned(),
            ),
            _ => Way::Unasked,
        },
    }
}
