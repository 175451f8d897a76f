//! What one certificate says of itself (RFC 5280), read with no judgement.

use std::fmt;
use std::fmt::Write as _;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry as oid;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name};

use super::name::Entry;

/// A certificate that could be read.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Whose it is: the common name, else all of the name; escaped.
    pub subject: String,
    /// Who signed it, likewise.
    pub issuer: String,
    /// The common name alone, which only curl still goes by; escaped.
    pub common_name: Option<String>,
    /// `subjectAltName`: DNS names and addresses; `None` without the extension.
    pub names: Option<Vec<Entry>>,
    /// From when on it counts.
    pub not_before: Moment,
    /// Until when it counts.
    pub not_after: Moment,
    /// The public key.
    pub key: KeyKind,
    /// How it was signed.
    pub signature: Signature,
    /// 1, 2 or 3.
    pub version: u32,
    /// `basicConstraints` says that it is the certificate of an authority.
    pub is_authority: bool,
    /// What it may be used for.
    pub usage: Usage,
    /// `keyUsage` allows a signature, or is absent. TLS 1.3 signs in every handshake.
    pub may_sign: bool,
    /// Where the certificate of the issuer can be fetched; public authorities always say it.
    pub issuer_url: Option<String>,
    /// The SHA-256 of all of it, as `AB:CD:…`.
    pub fingerprint: String,
    /// Whether its own key signed it.
    pub is_self_signed: bool,
    pub(super) der: Vec<u8>,
    pub(super) subject_der: Vec<u8>,
    pub(super) issuer_der: Vec<u8>,
}

impl Certificate {
    /// Reads the DER of one; `None` where it is none.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(der).ok()?;
        let (subject_der, issuer_der) = (read.subject().as_raw(), read.issuer().as_raw());
        // Where the signature cannot be checked, the names have to do.
        let is_self_signed = subject_der == issuer_der && Link::of(&read, read.public_key()) != Link::Forged;
        let mut certificate = Self {
            subject: shown(read.subject()),
            issuer: shown(read.issuer()),
            common_name: common_name(read.subject()),
            names: None,
            not_before: Moment(read.validity().not_before.timestamp()),
            not_after: Moment(read.validity().not_after.timestamp()),
            key: KeyKind::of(read.public_key()),
            signature: Signature::of(&read.signature_algorithm),
            version: read.version().0.saturating_add(1),
            is_authority: false,
            usage: Usage::Unsaid,
            may_sign: true,
            issuer_url: None,
            fingerprint: fingerprint(der),
            is_self_signed,
            der: der.to_vec(),
            subject_der: subject_der.to_vec(),
            issuer_der: issuer_der.to_vec(),
        };
        read.iter_extensions().for_each(|extension| certificate.extend(extension.parsed_extension()));
        Some(certificate)
    }

    fn extend(&mut self, extension: &ParsedExtension<'_>) {
        match extension {
            ParsedExtension::SubjectAlternativeName(names) => {
                self.names = Some(names.general_names.iter().filter_map(entry).collect());
            }
            ParsedExtension::BasicConstraints(constraints) => self.is_authority = constraints.ca,
            ParsedExtension::ExtendedKeyUsage(usage) => {
                self.usage = if usage.server_auth || usage.any { Usage::Server } else { Usage::Other };
            }
            ParsedExtension::KeyUsage(usage) => self.may_sign = usage.digital_signature(),
            ParsedExtension::AuthorityInfoAccess(access) => {
                self.issuer_url = access.iter().find_map(|place| match &place.access_location {
                    GeneralName::URI(url)
                        if place.access_method == oid::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS =>
                    {
                        Some(escaped(url))
                    }
                    _ => None,
                });
            }
            _ => {}
        }
    }

    /// Whether the key of `above` signed this one.
    pub(super) fn link(&self, above: &Self) -> Link {
        if self.issuer_der != above.subject_der {
            return Link::Strange;
        }
        match (X509Certificate::from_der(&self.der), X509Certificate::from_der(&above.der)) {
            (Ok((_, own)), Ok((_, above))) => Link::of(&own, above.public_key()),
            _ => Link::Unchecked,
        }
    }

    /// How long it counts from beginning to end, in days, begun ones included.
    #[must_use]
    pub fn days(&self) -> i64 {
        (self.not_after.0 - self.not_before.0 + 1).div_euclid(DAY)
    }
}

/// What one certificate is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Of another name.
    Strange,
    /// Signed by it.
    Signed,
    /// The name fits, and the algorithm is none that can be checked here.
    Unchecked,
    /// The name fits, and the signature does not.
    Forged,
}

impl Link {
    fn of(read: &X509Certificate<'_>, key: &SubjectPublicKeyInfo<'_>) -> Self {
        match read.verify_signature(Some(key)) {
            Ok(()) => Self::Signed,
            Err(X509Error::SignatureVerificationError) if !is_small(key) => Self::Forged,
            Err(_) => Self::Unchecked,
        }
    }
}

/// RSA keys that are not used for checking at all.
fn is_small(key: &SubjectPublicKeyInfo<'_>) -> bool {
    matches!(KeyKind::of(key), KeyKind::Rsa { bits } if bits < 2048)
}

/// Seconds since 1970 in UTC; printed as a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

const DAY: i64 = 86_400;

impl Moment {
    /// Whole days from `self` to `later`; below zero where that is earlier.
    #[must_use]
    pub fn days_to(self, later: Self) -> i64 {
        (later.0 - self.0).div_euclid(DAY)
    }

    /// `2026-11-23T11:57:38Z` (RFC 3339).
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        ASN1Time::from_timestamp(self.0).map_or_else(
            |_| "unknown".to_owned(),
            |time| {
                let time = time.to_datetime();
                format!("{}T{:02}:{:02}:{:02}Z", time.date(), time.hour(), time.minute(), time.second())
            },
        )
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ASN1Time::from_timestamp(self.0) {
            Ok(time) => time.to_datetime().date().fmt(f),
            Err(_) => f.write_str("unknown"),
        }
    }
}

/// What kind of key, as far as clients differ about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA.
    Rsa {
        /// The length of the modulus.
        bits: usize,
    },
    /// The curve that everybody has.
    P256,
    /// Likewise.
    P384,
    /// Of browsers only Firefox and Safari have it.
    P521,
    /// No browser has it.
    Ed25519,
    /// No client that matters has it; its name or object identifier.
    Other(String),
}

impl KeyKind {
    fn of(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = &info.algorithm.algorithm;
        if *algorithm == oid::OID_SIG_ED25519 {
            return Self::Ed25519;
        }
        match info.parsed() {
            Ok(PublicKey::RSA(key)) => Self::Rsa { bits: bits(key.modulus) },
            Ok(PublicKey::EC(_)) => {
                let curve = info.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
                match curve {
                    Some(curve) if curve == oid::OID_EC_P256 => Self::P256,
                    Some(curve) if curve == oid::OID_NIST_EC_P384 => Self::P384,
                    Some(curve) if curve == oid::OID_NIST_EC_P521 => Self::P521,
                    Some(curve) => Self::Other(format!("elliptic curve {curve}")),
                    None => Self::Other("elliptic curve".to_owned()),
                }
            }
            Ok(PublicKey::DSA(_)) => Self::Other("DSA".to_owned()),
            _ => Self::Other(algorithm.to_string()),
        }
    }
}

fn bits(modulus: &[u8]) -> usize {
    let digits = modulus.iter().position(|byte| *byte != 0).map_or(&[][..], |first| &modulus[first..]);
    digits.first().map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize)
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA with {bits} bits"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// How a certificate is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// In a way that nobody has forged.
    Sound(&'static str),
    /// With a digest that has been forged: MD5, SHA-1.
    Broken(&'static str),
    /// In another way; its object identifier.
    Other(String),
}

impl Signature {
    fn of(algorithm: &AlgorithmIdentifier<'_>) -> Self {
        let sound: [(_, &'static str); 8] = [
            (oid::OID_PKCS1_SHA256WITHRSA, "RSA with SHA-256"),
            (oid::OID_PKCS1_SHA384WITHRSA, "RSA with SHA-384"),
            (oid::OID_PKCS1_SHA512WITHRSA, "RSA with SHA-512"),
            (oid::OID_PKCS1_RSASSAPSS, "RSA-PSS"),
            (oid::OID_SIG_ECDSA_WITH_SHA256, "ECDSA with SHA-256"),
            (oid::OID_SIG_ECDSA_WITH_SHA384, "ECDSA with SHA-384"),
            (oid::OID_SIG_ECDSA_WITH_SHA512, "ECDSA with SHA-512"),
            (oid::OID_SIG_ED25519, "Ed25519"),
        ];
        let broken: [(_, &'static str); 3] = [
            (oid::OID_PKCS1_MD5WITHRSAENC, "RSA with MD5"),
            (oid::OID_PKCS1_SHA1WITHRSA, "RSA with SHA-1"),
            (oid::OID_SHA1_WITH_RSA, "RSA with SHA-1"),
        ];
        let is = |(known, _): &(oid::Oid<'_>, &str)| algorithm.algorithm == *known;
        if let Some((_, name)) = sound.iter().find(|known| is(known)) {
            Self::Sound(name)
        } else if let Some((_, name)) = broken.iter().find(|known| is(known)) {
            Self::Broken(name)
        } else {
            let id = algorithm.algorithm.to_id_string();
            // RFC 3279, section 2.2.3.
            if id == "1.2.840.10045.4.1" { Self::Broken("ECDSA with SHA-1") } else { Self::Other(id) }
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sound(name) | Self::Broken(name) => f.write_str(name),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// `extendedKeyUsage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Absent: for anything, except for Apple.
    Unsaid,
    /// For servers.
    Server,
    /// For something else only.
    Other,
}

fn entry(name: &GeneralName<'_>) -> Option<Entry> {
    match name {
        GeneralName::DNSName(name) => Some(Entry::Dns(escaped(name).to_ascii_lowercase())),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| Entry::Address(IpAddr::from(bytes))),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| Entry::Address(IpAddr::from(bytes))),
            _ => None,
        },
        _ => None,
    }
}

fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name().next().and_then(|name| name.as_str().ok()).map(escaped)
}

/// The common name, else all of it.
fn shown(name: &X509Name<'_>) -> String {
    common_name(name).filter(|name| !name.is_empty()).unwrap_or_else(|| {
        let all = escaped(&name.to_string());
        if all.is_empty() { "nobody".to_owned() } else { all }
    })
}

/// A name is somebody else's text: no line end and no letter that steers a terminal comes through, and no end of it.
fn escaped(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars().take(LONGEST) {
        if letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        {
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}

fn fingerprint(der: &[u8]) -> String {
    let digest = Sha256::digest(der);
    digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_certificate_says() {
        let pem = include_str!("../../../tests/conformance/tls/cert.pem");
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
        let read = Certificate::read(&der).unwrap();
        assert_eq!((read.subject.as_str(), read.issuer.as_str()), ("localhost", "localhost"));
        assert_eq!(read.key, KeyKind::Rsa { bits: 2048 });
        assert_eq!(read.signature, Signature::Sound("RSA with SHA-256"));
        assert_eq!((read.version, read.is_self_signed), (3, true));
        assert_eq!(read.fingerprint.len(), 95);
        assert!(Certificate::read(&der[..der.len() - 1]).is_none());
        assert!(Certificate::read(b"").is_none());
    }

    #[test]
    fn moments_are_dates() {
        let moment = Moment(1_795_435_058);
        assert_eq!(moment.to_string(), "2026-11-23");
        assert_eq!(moment.to_rfc3339(), "2026-11-23T11:57:38Z");
        assert_eq!(moment.days_to(Moment(moment.0 + 2 * DAY)), 2);
        assert_eq!(moment.days_to(Moment(moment.0 - 1)), -1);
        assert_eq!(Moment(i64::MAX).to_string(), "unknown");
    }

    #[test]
    fn names_cannot_break_a_line() {
        assert_eq!(escaped("a\nb\u{202e}ü"), "a\\u000ab\\u202eü");
    }
}
