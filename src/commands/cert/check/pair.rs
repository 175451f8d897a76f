//! The files of a pair: read, with who else can get at the key.

use std::io::ErrorKind;
use std::path::Path;

use super::{Look, own_names};
use crate::cert::Source;
use crate::cert::inspection::finding::{Danger, Exposure};
use crate::cert::inspection::{Inspection, Material};
use crate::config::{Secret, Settings};
use crate::error::{Error, quoted_file};

/// Inspects every pair of the settings; `flag` finds them again.
///
/// # Errors
/// Files that cannot be read.
pub fn of_settings(settings: &Settings, flag: &str, look: &Look<'_>) -> Result<Vec<Inspection>, Vec<Error>> {
    let ssl = &settings.ssl;
    let passphrase = look.passphrase.or(ssl.key_passphrase.as_ref().map(Secret::reveal));
    let files = Files::read(&ssl.cert_path, Some(&ssl.key_path), passphrase).map_err(|errors| {
        let new = format!("make a new pair for this machine with `innkeeper cert create --apply{flag}`");
        errors.into_iter().map(|error| error.hint(new.clone())).collect::<Vec<_>>()
    })?;
    Ok(vec![files.inspect(flag, look)])
}

/// The two files, read.
pub(super) struct Files<'a> {
    cert: (String, Vec<u8>),
    key: Option<(String, Vec<u8>)>,
    exposures: Vec<Exposure>,
    passphrase: Option<&'a str>,
}

impl<'a> Files<'a> {
    /// Reads them.
    ///
    /// # Errors
    /// One error for each that cannot be read.
    pub(super) fn read(
        cert: &Path,
        key: Option<&Path>,
        passphrase: Option<&'a str>,
    ) -> Result<Self, Vec<Error>> {
        let mut errors = Vec::new();
        let mut bytes = |path: &Path, what: &str| {
            let read = read(path, what).map_err(|error| errors.push(error)).ok();
            read.map(|bytes| (path.display().to_string(), bytes))
        };
        let cert = bytes(cert, "certificate");
        let exposures = key.map(exposures).unwrap_or_default();
        let key = key.map(|path| bytes(path, "key"));
        match (cert, key) {
            (Some(cert), None) => Ok(Self { cert, key: None, exposures, passphrase }),
            (Some(cert), Some(Some(key))) => Ok(Self { cert, key: Some(key), exposures, passphrase }),
            _ => Err(errors),
        }
    }

    /// Inspects them; `flag` finds the settings that name them.
    pub(super) fn inspect(&self, flag: &str, look: &Look<'_>) -> Inspection {
        let material = Material::Files {
            cert: Source { name: &self.cert.0, bytes: &self.cert.1 },
            key: self.key.as_ref().map(|(name, bytes)| Source { name, bytes }),
            passphrase: look.passphrase.or(self.passphrase),
            exposures: &self.exposures,
            flag,
        };
        look.inspect(material, &own_names())
    }
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        let told = Error::new(format!("cannot read the {what} `{}`", path.display()));
        let hint = match error.kind() {
            ErrorKind::IsADirectory => format!("name a file in it: `ls {}`", quoted_file(path)),
            ErrorKind::PermissionDenied => {
                format!("see who may read it: `ls -l {}`", quoted_file(path))
            }
            _ => "name other files: `innkeeper cert check --cert FILE --key FILE`".to_owned(),
        };
        told.caused_by(error).hint(hint)
    })
}

/// Who besides its owner can read the key, or put another in its place.
#[cfg(unix)]
fn exposures(key: &Path) -> Vec<Exposure> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    let exposure =
        |path: &Path, danger| Exposure { path: path.display().to_string(), word: quoted_file(path), danger };
    let mut found = Vec::new();
    match mode(key) {
        mode if mode & 0o004 != 0 => found.push(exposure(key, Danger::EverybodyReads)),
        mode if mode & 0o040 != 0 => found.push(exposure(key, Danger::GroupReads)),
        _ => {}
    }
    let folder = key.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Where only its owner may take a file away (`/tmp`), nobody replaces it.
    let (writable, sticky) = (mode(folder) & 0o022 != 0, mode(folder) & 0o1000 != 0);
    if writable && !sticky {
        found.push(exposure(folder, Danger::OthersReplace));
    }
    found
}

/// Windows keeps lists of who may read a file, which are not looked at.
#[cfg(not(unix))]
fn exposures(_: &Path) -> Vec<Exposure> {
    Vec::new()
}
