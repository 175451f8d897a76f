//! `innkeeper cert`: the certificate that visitors see.

pub mod check;

use super::sources::Speech;
use crate::cli::{Cert, CertAction};
use crate::error::{Error, Exit};

/// Checks a certificate.
///
/// # Errors
/// Settings or files that cannot be read, a server that does not answer.
pub fn run(cert: &Cert) -> Result<Exit, Vec<Error>> {
    match &cert.action {
        CertAction::Check(check) => check::run(check, &cert.flags, Speech::of(cert.quiet)),
        CertAction::Create(_) | CertAction::Trust(_) => Err(vec![Error::new("this is not there yet")]),
    }
}
