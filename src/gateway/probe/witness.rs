//! What a server shows in its handshake, remembered whatever it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Takes every certificate and remembers it: it is judged afterwards, and nothing is sent to this server.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// What was shown, the server's own first, DER.
    pub(super) chain: Mutex<Vec<Vec<u8>>>,
    /// The handshake was signed by another key.
    pub(super) is_forged: AtomicBool,
}

impl Witness {
    /// Takes note of what came of a signature with the key of `own`. One of a kind that is not known here says nothing.
    fn note(&self, own: &CertificateDer<'_>, verdict: &Result<HandshakeSignatureValid, TlsError>) {
        let is_bad = matches!(verdict, Err(TlsError::InvalidCertificate(CertificateError::BadSignature)));
        if is_bad && is_of_known_size(own) {
            self.is_forged.store(true, Ordering::Relaxed);
        }
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let chain = std::iter::once(own).chain(above).map(|certificate| certificate.to_vec()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.note(own, &verify_tls12_signature(message, own, signature, &known()));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.note(own, &verify_tls13_signature(message, own, signature, &known()));
        Ok(HandshakeSignatureValid::assertion())
    }

    /// All that there are: a server with an odd key shall show it.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::ED448,
            SignatureScheme::ECDSA_SHA1_Legacy,
            SignatureScheme::RSA_PKCS1_SHA1,
        ]
    }
}

/// The signatures that can be verified.
fn known() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

/// Whether signatures of the certificate's key can be verified: to ring those of a short RSA key are wrong.
fn is_of_known_size(own: &CertificateDer<'_>) -> bool {
    let Ok((_, own)) = X509Certificate::from_der(own) else { return false };
    match own.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => (2048..=8192).contains(&key.key_size()),
        key => key.is_ok(),
    }
}
