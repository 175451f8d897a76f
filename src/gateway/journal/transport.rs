//! What the owner is told of certificates, and of clients that do not get as far as a request.

use std::net::IpAddr;
use std::time::SystemTime;

use jiff::Timestamp;

use super::Journal;
use crate::error::Error;
use crate::record::event::{Kind, Raw};

/// Why a handshake came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeFailure {
    /// The client does not trust the certificate.
    Distrusted,
    /// The client finds the certificate too old, or too new.
    Expired,
    /// The client speaks no version, cipher or key exchange that is spoken here.
    Outdated,
    /// The client spoke https to a port that serves http.
    Misdirected,
}

impl Journal {
    /// A certificate took the place of another, and is valid until `expires`.
    pub fn certificate_renewed(&self, text: String, expires: Option<SystemTime>) {
        self.audit_certificate(&text, expires);
        self.note(text);
    }

    /// A certificate cannot be read, and the one of before stays.
    pub fn certificate_refused(&self, error: Error) {
        self.audit_certificate(&error.to_string(), None);
        self.error(error);
        self.warn("the certificate cannot be read; the last good one stays in force");
    }

    /// A certificate has ended, or will soon.
    pub fn certificate_expires(&self, text: String, expires: SystemTime) {
        self.audit_certificate(&text, Some(expires));
        self.warn(text);
    }

    /// Writes what happened to a certificate to the audit log.
    pub fn audit_certificate(&self, text: &str, expires: Option<SystemTime>) {
        let Some(audit) = self.audit() else { return };
        let expires = expires.and_then(|expires| Timestamp::try_from(expires).ok());
        let expires = expires.map(|expires| format!("{expires:.0}"));
        let expires = expires.as_deref().map(|expires| Raw(expires.as_bytes()));
        audit.tell(Kind::Certificate { text: Raw(text.as_bytes()), expires });
    }

    /// A client at `address` did not get to shake hands; told once in 60 seconds for each address and reason.
    /// `config_flag` goes with the command that helps.
    pub fn no_handshake(&self, address: IpAddr, why: HandshakeFailure, config_flag: &str) {
        let (told, advice) = why.words();
        self.in_turn(&self.desk.handshakes, (address, why), "Failed handshakes", |more| {
            format!("No connection with {address}: {told}{more}\n  {advice}{config_flag}")
        });
    }
}

impl HandshakeFailure {
    /// What is told, and the command that helps.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Distrusted => {
                ("its browser does not trust the certificate", "To make it trusted: innkeeper cert trust")
            }
            Self::Expired => (
                "its browser finds the certificate out of date, or its clock is wrong",
                "To look at the certificate: innkeeper cert check",
            ),
            Self::Outdated => (
                "it speaks no TLS that is safe; 1.2 and 1.3 are spoken here",
                "To see what is offered: innkeeper cert check",
            ),
            Self::Misdirected => {
                ("the browser used https, this is http", "To serve https: innkeeper cert create --apply")
            }
        }
    }
}
