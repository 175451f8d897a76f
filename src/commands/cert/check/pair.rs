//! The files of a pair: read, with who else can get at the key.

use std::io::ErrorKind;
use std::path::Path;

use super::{Look, Wanted};
use crate::cert::Source;
use crate::cert::inspection::finding::{Danger, Exposure};
use crate::cert::inspection::{Inspection, Material};
use crate::config::{Secret, Settings, Ssl};
use crate::error::{Error, quoted_file};
use crate::gateway::keyring::Keyring;

/// Inspects every pair of the settings; `flag` finds them again.
///
/// # Errors
/// Files that cannot be read.
pub fn of_settings(settings: &Settings, flag: &str, look: &Look<'_>) -> Result<Vec<Inspection>, Vec<Error>> {
    let ssl = &settings.ssl;
    if !ssl.enabled && !ssl.cert_path.exists() {
        return Err(vec![no_https(ssl, flag)]);
    }
    let first = (&ssl.cert_path, &ssl.key_path, ssl.key_passphrase.as_ref());
    let further = ssl.certificates.iter();
    let further = further.map(|pair| (&pair.cert_path, &pair.key_path, pair.key_passphrase.as_ref()));
    let mut pairs = Vec::new();
    let mut errors = Vec::new();
    for (cert, key, passphrase) in std::iter::once(first).chain(further) {
        match Files::read(cert, Some(key), passphrase.map(Secret::reveal)) {
            Ok(files) => pairs.push(files),
            Err(these) => errors.extend(these),
        }
    }
    if !errors.is_empty() {
        let new = format!("make a new pair for this machine with `innkeeper cert create --apply{flag}`");
        return Err(errors.into_iter().map(|error| error.hint(new.clone())).collect());
    }
    // The first is shown to everybody for whom none of the others is.
    let Some((first, others)) = pairs.split_first() else { return Ok(Vec::new()) };
    let others: Vec<Inspection> =
        others.iter().map(|files| files.inspect(&Wanted::default(), flag, look)).collect();
    let leaves = others.iter().filter_map(|other| other.chain.first());
    let entries: Vec<_> = leaves.filter_map(|leaf| leaf.names.as_deref()).flatten().collect();
    let mut wanted = Wanted::of(&look.asked);
    wanted.retain(|name| !entries.iter().any(|entry| entry.covers(name)));
    let mut all = vec![first.inspect(&wanted, flag, look)];
    all.extend(others);
    Ok(all)
}

/// There is nothing to check yet.
fn no_https(ssl: &Ssl, flag: &str) -> Error {
    Error::new(format!(
        "https is off (`ssl.enabled`), and there is no certificate at `{}`",
        ssl.cert_path.display()
    ))
    .hint(format!("make one for this machine: `innkeeper cert create --apply{flag}`"))
    .hint("or check another: `innkeeper cert check --cert FILE --key FILE`")
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
        let mut exposed = key.map(exposures).unwrap_or_default();
        if let (Some(cert), Some(key)) = (&cert, key) {
            let is_read = |exposure: &Exposure| exposure.danger != Danger::OthersReplace;
            // Whoever has the authority's key can make certificates that the owner's devices trust.
            let ring = Keyring::of(Path::new(&cert.0), key);
            exposed.extend(exposures(&ring.authority_key).into_iter().filter(is_read));
        }
        let exposures = exposed;
        let key = key.map(|path| bytes(path, "key"));
        match (cert, key) {
            (Some(cert), None) => Ok(Self { cert, key: None, exposures, passphrase }),
            (Some(cert), Some(Some(key))) => Ok(Self { cert, key: Some(key), exposures, passphrase }),
            _ => Err(errors),
        }
    }

    /// Inspects them; `flag` finds the settings that name the files.
    pub(super) fn inspect(&self, wanted: &Wanted, flag: &str, look: &Look<'_>) -> Inspection {
        let material = Material::Files {
            cert: Source { name: &self.cert.0, bytes: &self.cert.1 },
            key: self.key.as_ref().map(|(name, bytes)| Source { name, bytes }),
            passphrase: look.passphrase.or(self.passphrase),
            exposures: &self.exposures,
            flag,
        };
        look.inspect(material, wanted)
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
