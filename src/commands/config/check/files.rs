//! Files with secrets in them that others can read.

use std::path::Path;

use super::Findings;
use crate::config::{Origin, Settings};
use crate::error::{Error, quoted_file};

/// Checks the settings file, where a password of the owner's stands in it, and the key of the certificate.
pub fn check(settings: &Settings, findings: &mut Findings) {
    let in_file = |path: &str| matches!(settings.origin(path), Origin::File { .. });
    let password = settings.basic_auth_user.password.reveal();
    let own_password = in_file("basicAuthUser.password") && !matches!(password, "" | "password");
    let own_passphrase = in_file("ssl.keyPassphrase") && settings.ssl.key_passphrase.is_some();
    if (own_password || own_passphrase) && is_open(&settings.file) {
        warn(&settings.file, "a password stands in it", findings);
    }
    if settings.ssl.enabled && is_open(&settings.ssl.key_path) {
        warn(&settings.ssl.key_path, "it is the key of the certificate", findings);
    }
}

fn warn(path: &Path, why: &str, findings: &mut Findings) {
    let name = path.display();
    findings.warn(
        "readable-by-all",
        Error::new(format!("every user of this computer can read {name}, and {why}"))
            .hint(format!("chmod 600 {}", quoted_file(path))),
    );
}

/// Whether every user of this computer can read the file.
#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

/// Windows keeps lists of who may read a file, which are not looked at.
#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}
