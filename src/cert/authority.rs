//! The owner's own certificate authority: made once on this machine, trusted once by each device, and able to
//! vouch for little else than this machine.
//!
//! Whoever gets its key can pretend to be a server to every device that trusts it. So it is bound by critical name
//! constraints (RFC 5280, section 4.2.1.10) to private networks and the names that its owner gives, and by its
//! extended key usage to servers.
//!
//! Pure, apart from the randomness in keys and serial numbers.

mod bounds;
mod fingerprint;
mod leaf;
mod life;
mod name;

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use self::bounds::Bounds;
pub use self::fingerprint::Fingerprint;
pub use self::leaf::{Due, Leaf};
pub use self::life::Age;
use self::life::{AUTHORITY_LIFE, CLOCK_SKEW, LEAF_LIFE, seconds, senseless, set_validity, validity};
pub use self::name::{Name, Names};
use super::pem::{self, Label, Wanted};
use super::{Pair, Source};
use crate::error::Error;

/// By this an authority of Innkeeper's own is known: its subject's `O`.
const ORGANISATION: &str = "Innkeeper";

/// The certificate of an authority that Innkeeper made: what devices are told to trust. No secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    der: CertificateDer<'static>,
    name: String,
    from: SystemTime,
    until: SystemTime,
    bounds: Bounds,
}

/// An authority that can sign: its certificate and its key.
pub struct Authority {
    root: Root,
    key: KeyPair,
}

/// A certificate and its key as files hold them.
pub struct Issued {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its key, PKCS#8 in PEM; a secret.
    pub key: String,
}

impl Root {
    /// Reads `authority.pem`.
    ///
    /// # Errors
    /// A file that is not PEM, holds no certificate, or that of an authority which Innkeeper has not made.
    pub fn read(file: Source<'_>) -> Result<Self, Error> {
        let blocks = pem::read(file, Wanted::Certificate, |error| error)?;
        let block = blocks.iter().find(|block| block.label == Label::Certificate);
        let der = match block {
            Some(block) => block.decode(file)?.to_vec(),
            None => return Err(Error::new(format!("no certificate in `{}`", file.name))),
        };
        Self::of(&der.into()).ok_or_else(|| {
            Error::new(format!("`{}` is not the certificate of an authority that Innkeeper made", file.name))
        })
    }

    /// The authority in `der`, if it is one of ours: made by Innkeeper, and bound to names.
    fn of(der: &CertificateDer<'static>) -> Option<Self> {
        let (_, read) = x509_parser::parse_x509_certificate(der).ok()?;
        let organisation = read.subject().iter_organization().next()?.as_str().ok()?;
        let name = read.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
        // Ours hold nothing that a terminal would obey.
        let is_plain = !name.chars().any(char::is_control);
        let is_ours = organisation == ORGANISATION && read.is_ca() && is_plain;
        let (from, until) = validity(&read);
        let bounds = Bounds::of(&read)?;
        is_ours.then(|| Self { name, from, until, bounds, der: der.clone() })
    }

    /// What it calls itself, `Innkeeper on desk, 2026-11-23 3F2A`: the name that lists of authorities on devices show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By what people tell that they have got the right one.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.der)
    }

    /// The certificate, DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in base64 (RFC 4648), in lines of 64 letters: the body of its PEM.
    #[must_use]
    pub fn base64(&self) -> String {
        let text = BASE64.encode(&self.der);
        let lines = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap_or_default());
        lines.fold(String::new(), |text, line| text + line + "\n")
    }

    /// The certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", self.base64())
    }

    /// When it begins: two hours before it was made, by the clock of then.
    #[must_use]
    pub fn begins(&self) -> SystemTime {
        self.from
    }

    /// Where `now` is in its life.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Age {
        if now < self.from {
            Age::Unborn
        } else if now < self.until {
            Age::Alive
        } else {
            Age::Over
        }
    }

    /// When it ends.
    #[must_use]
    pub fn until(&self) -> SystemTime {
        self.until
    }

    /// Whether devices would believe it about `name`.
    #[must_use]
    pub fn permits(&self, name: &Name) -> bool {
        self.bounds.permit(name)
    }

    /// The names and networks that it is bound to, `192.168.0.0/16`, `local`: with all that is below.
    #[must_use]
    pub fn bounds(&self) -> Vec<String> {
        self.bounds.told()
    }

    /// Whether it has issued the first certificate of `pair`, which may be over or not have begun.
    #[must_use]
    pub fn vouches_for(&self, pair: &Pair) -> bool {
        pair.certified.cert.first().is_some_and(|leaf| self.has_issued(leaf).is_some())
    }

    /// The path of RFC 5280, section 6, from `leaf` to here: signature, names, usage. At the moment that `leaf` began.
    fn has_issued(&self, leaf: &CertificateDer<'_>) -> Option<()> {
        let (_, read) = x509_parser::parse_x509_certificate(leaf).ok()?;
        let moment = u64::try_from(read.validity().not_before.timestamp()).ok()?;
        let anchors = [anchor_from_trusted_cert(&self.der).ok()?];
        let leaf = EndEntityCert::try_from(leaf).ok()?;
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(moment));
        leaf.verify_for_usage(algorithms, &anchors, &[], moment, KeyUsage::server_auth(), None, None)
            .ok()
            .map(drop)
    }
}

impl Authority {
    /// Makes one for the machine that goes by the names `own`, the first of which it is called by. Besides private
    /// networks and the domains of home networks it may vouch for these host names, for what is `given`, and for all below.
    ///
    /// # Errors
    /// No randomness. A clock that is out of its senses.
    pub fn create(own: &[Name], given: &[Name], now: SystemTime) -> Result<Self, Error> {
        let key = new_key()?;
        let mut params = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::OrganizationName, ORGANISATION);
        subject.push(DnType::CommonName, title(own, now, &key)?);
        params.distinguished_name = subject;
        // A leaf may begin an hour ago, and no leaf begins before its authority.
        let from = now.checked_sub(2 * CLOCK_SKEW).ok_or_else(senseless)?;
        set_validity(&mut params, from, from + AUTHORITY_LIFE)?;
        params.serial_number = Some(serial()?);
        // No authority below it.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Name constraints say nothing about mail addresses and programs; this does.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // A global address of an interface may be another machine's tomorrow, so it has to be given.
        let hosts = own.iter().filter(|name| matches!(name, Name::Host(_)));
        let permitted_subtrees = Bounds::around(hosts.chain(given)).subtrees();
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        let certificate = params.self_signed(&key).map_err(cannot_sign)?;
        let root = Root::of(certificate.der())
            .ok_or_else(|| Error::new("cannot read the authority that was just made"))?;
        Ok(Self { root, key })
    }

    /// Reads `authority.pem` and `authority.key`.
    ///
    /// # Errors
    /// Those of [`Root::read`]; a key that is none, or not that of the certificate. No error holds a byte of it.
    pub fn read(certificate: Source<'_>, key: Source<'_>) -> Result<Self, Error> {
        let root = Root::read(certificate)?;
        let pair = key_of(key)?;
        let (_, read) = x509_parser::parse_x509_certificate(&root.der)
            .map_err(|_| Error::new(format!("cannot read `{}`", certificate.name)))?;
        if read.public_key().raw != pair.subject_public_key_info() {
            return Err(Error::new(format!(
                "the key in `{}` does not belong to the authority in `{}`",
                key.name, certificate.name
            )));
        }
        Ok(Self { root, key: pair })
    }

    /// What devices trust.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Its two files.
    #[must_use]
    pub fn files(&self) -> Issued {
        Issued { certificate: self.root.pem(), key: self.key.serialize_pem() }
    }

    /// A certificate for `names` with a new key; for those at least that the authority may vouch for. Clients that
    /// trust the authority need no more than this one, so it is not followed by a chain.
    ///
    /// # Errors
    /// A given name that the authority may not vouch for. No randomness. An authority that is over.
    pub fn issue(&self, names: &Names, now: SystemTime) -> Result<Issued, Error> {
        let key = new_key()?;
        Ok(Issued { certificate: self.certify(names, &key, now)?, key: key.serialize_pem() })
    }

    /// The same for the key in `key`, so that one file is replaced and not two: whoever reads them sees a pair at
    /// every moment, also after a crash between two steps.
    ///
    /// # Errors
    /// The same; and a key that cannot be read.
    pub fn reissue(&self, names: &Names, key: Source<'_>, now: SystemTime) -> Result<String, Error> {
        self.certify(names, &key_of(key)?, now)
    }

    fn certify(&self, names: &Names, key: &KeyPair, now: SystemTime) -> Result<String, Error> {
        if let Some(name) = names.given.iter().find(|name| !self.root.permits(name)) {
            return Err(Error::new(format!("the authority `{}` may not vouch for `{name}`", self.root.name)));
        }
        let names = names.permitted_by(&self.root);
        let mut params = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, names.title());
        params.distinguished_name = subject;
        params.subject_alt_names = names.san()?;
        let from = now.checked_sub(CLOCK_SKEW).ok_or_else(senseless)?.max(self.root.from);
        // Both ends count (RFC 5280, section 4.1.2.5).
        let until = (from + LEAF_LIFE - Duration::from_secs(1)).min(self.root.until);
        if until <= now {
            return Err(Error::new(format!("the authority `{}` is over", self.root.name)));
        }
        set_validity(&mut params, from, until)?;
        // By default rcgen takes it from the key, and two certificates of one authority must not share it.
        params.serial_number = Some(serial()?);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_der(&self.root.der, &self.key).map_err(cannot_sign)?;
        Ok(params.signed_by(key, &issuer).map_err(cannot_sign)?.pem())
    }
}

impl fmt::Debug for Authority {
    /// The certificate; of the key only that it is there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("root", &self.root).field("key", &format_args!("…")).finish()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("certificate", &self.certificate)
            .field("key", &format_args!("…"))
            .finish()
    }
}

/// What the authority calls itself: on which machine it was made, when, and a mark, as two made on one day must not
/// have one name.
fn title(own: &[Name], now: SystemTime, key: &KeyPair) -> Result<String, Error> {
    let mark = Sha256::digest(key.subject_public_key_info());
    let machine = own.first().map_or_else(|| "this machine".to_owned(), Name::to_string);
    // X.520 allows 64 letters, of which 30 are spoken for.
    let machine: String = machine.chars().take(34).collect();
    let day = (rcgen::date_time_ymd(1970, 1, 1) + seconds(now)?).date();
    Ok(format!("Innkeeper on {machine}, {day} {:02X}{:02X}", mark[0], mark[1]))
}

fn new_key() -> Result<KeyPair, Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        .map_err(|error| Error::new("cannot make a key").caused_by(error))
}

/// The key in a file that Innkeeper wrote.
fn key_of(file: Source<'_>) -> Result<KeyPair, Error> {
    let blocks = pem::read(file, Wanted::Key, |error| error)?;
    let block = blocks.iter().find(|block| block.label == Label::Pkcs8);
    let unusable = || Error::new(format!("no key that Innkeeper made in `{}`", file.name));
    KeyPair::try_from(block.ok_or_else(unusable)?.decode(file)?.as_slice()).map_err(|_| unusable())
}

/// 16 random bytes: positive, and never the same twice.
fn serial() -> Result<SerialNumber, Error> {
    let mut bytes = [0; 16];
    ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| Error::new("the system gives no random numbers"))?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn cannot_sign(error: rcgen::Error) -> Error {
    Error::new("cannot make the certificate").caused_by(error)
}

#[cfg(test)]
mod tests;
