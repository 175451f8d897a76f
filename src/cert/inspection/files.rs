//! What is in the two files, read as far as it goes: the server's own words for what it would refuse, and the
//! certificates all the same.

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::facts::Certificate;
use super::finding::{Finding, Part};
use crate::cert::pem::{self, Label};
use crate::cert::{self, Source, key};
use crate::error::Error;

/// The certificates in `cert`; what the server would refuse about the two goes to `findings`.
pub(super) fn read(
    cert: Source<'_>,
    key: Option<Source<'_>>,
    passphrase: Option<&str>,
    findings: &mut Vec<Finding>,
) -> Vec<Certificate> {
    // Without a file of its own the key may lie in the same one.
    let key = key.or_else(|| pem::contains(cert, Label::is_key).then_some(cert));
    let mut refuse = |part, error| findings.push(Finding::Refused { part, error });
    let mut ders = match cert::certificates(cert, key.unwrap_or(cert)) {
        Ok(ders) => Ok(ders),
        Err(error) => {
            refuse(Part::Certificate, error);
            Err(binary(cert.bytes))
        }
    };
    let mut unread = false;
    if let Some(source) = key {
        match key::read(source, cert, passphrase) {
            Err(error) => refuse(Part::Key, asking(error, cert, source, passphrase)),
            Ok(der) => match (ring::sign::any_supported_type(&der), &mut ders) {
                (Err(_), _) => refuse(Part::KeyKind, key::unusable(&der, source)),
                (Ok(signing), Ok(chain)) => {
                    let certified = CertifiedKey::new(chain.clone(), signing);
                    match certified.keys_match() {
                        Ok(()) => {}
                        Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                            refuse(Part::Match, cert::mismatch(&certified, cert, source));
                            // What else there is to say is about the one that is meant.
                            if let Some(place) = cert::owner(&certified) {
                                chain[..=place].rotate_right(1);
                            }
                        }
                        Err(error) => {
                            unread = true;
                            refuse(
                                Part::Certificate,
                                cert::unreadable(error, chain, cert).hint(cert::new_pair()),
                            );
                        }
                    }
                }
                // A file that is not read is not compared.
                (Ok(_), Err(_)) => {}
            },
        }
    }
    let ders = ders.unwrap_or_else(|lenient| lenient);
    let read: Vec<Certificate> = ders.iter().filter_map(|der| Certificate::read(der)).collect();
    if read.len() < ders.len() && !unread {
        findings.extend(damage(&ders, cert));
    }
    read
}

/// What is to be said of certificates not all of which can be read.
fn damage(ders: &[CertificateDer<'static>], cert: Source<'_>) -> Option<Finding> {
    let first = ders.first()?;
    // The server takes any bytes for those above its own, and clients do not.
    if Certificate::read(first).is_some() {
        return Some(Finding::BrokenPath { why: "a certificate in it cannot be read".to_owned() });
    }
    let error = rustls::server::ParsedCertificate::try_from(first).err();
    let error = error.unwrap_or(TlsError::General("it is not X.509".to_owned()));
    let error = cert::unreadable(error, ders, cert).hint(cert::new_pair());
    Some(Finding::Refused { part: Part::Certificate, error })
}

/// For an encrypted key the command that tries a passphrase.
fn asking(error: Error, cert: Source<'_>, key: Source<'_>, passphrase: Option<&str>) -> Error {
    let is_encrypted = pem::contains(key, |label| label == Label::EncryptedPkcs8);
    if passphrase.is_none_or(str::is_empty) && is_encrypted {
        return error.hint(key::trial(cert, key));
    }
    error
}

/// The certificates in a file that is DER and not PEM, one behind the other.
fn binary(mut bytes: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut found = Vec::new();
    while let Ok((rest, read)) = X509Certificate::from_der(bytes) {
        found.push(CertificateDer::from(read.as_raw().to_vec()));
        bytes = rest;
    }
    found
}
