//! The files of a certificate from our own authority: the pair that is served, the authority beside it, and how https
//! came into the settings.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cert::authority::{Authority, Root};
use crate::cert::{Pair, Source};
use crate::config::document::lock::Lock;
use crate::config::document::{PATIENCE, replace};
use crate::error::{Error, quoted_file};

/// Where they lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    /// The server's certificate, `ssl.certPath`.
    pub certificate: PathBuf,
    /// Its key, `ssl.keyPath`.
    pub key: PathBuf,
    /// The authority's certificate, `authority.pem` beside the server's.
    pub authority: PathBuf,
    /// The authority's key, `authority.key` beside it.
    pub authority_key: PathBuf,
    /// What the settings said before `cert create --apply`, `undo.json` beside it.
    pub undo: PathBuf,
}

/// Nobody else of ours changes the files until this is dropped.
pub struct Locked {
    _lock: Lock,
}

impl Keyring {
    /// Around the paths of `ssl.certPath` and `ssl.keyPath`.
    #[must_use]
    pub fn of(certificate: &Path, key: &Path) -> Self {
        Self {
            authority: certificate.with_file_name("authority.pem"),
            authority_key: certificate.with_file_name("authority.key"),
            undo: certificate.with_file_name("undo.json"),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Keeps other commands and a running server from changing them; readers are not kept from reading. The folder of
    /// the certificate has to be there.
    ///
    /// # Errors
    /// No room for the lock; somebody else has held it for ten seconds.
    pub fn lock(&self) -> Result<Locked, Error> {
        Lock::acquire(&self.authority, PATIENCE).map(|lock| Locked { _lock: lock })
    }

    /// Takes away what killed processes have left: copies that may hold a key. The caller holds the lock.
    pub fn sweep(&self) {
        for file in [&self.certificate, &self.key, &self.authority, &self.authority_key, &self.undo] {
            replace::sweep(file);
        }
    }

    /// The authority's certificate; nothing where there is no such file.
    ///
    /// # Errors
    /// A file that cannot be read, or is none of ours.
    pub fn root(&self) -> Result<Option<Root>, Error> {
        let Some(bytes) = bytes(&self.authority)? else { return Ok(None) };
        Root::read(Source { name: &name(&self.authority), bytes: &bytes }).map(Some)
    }

    /// The authority with its key; nothing where neither is there.
    ///
    /// # Errors
    /// Files that cannot be read, are none of ours, or do not belong together; one without the other.
    pub fn authority(&self) -> Result<Option<Authority>, Error> {
        let missing = |path: &Path, other: &Path| {
            Error::new(format!("`{}` is there, but `{}` is not", other.display(), path.display()))
        };
        let (certificate, key) = match (bytes(&self.authority)?, bytes(&self.authority_key)?) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(missing(&self.authority_key, &self.authority)),
            (None, Some(_)) => return Err(missing(&self.authority, &self.authority_key)),
        };
        Authority::read(
            Source { name: &name(&self.authority), bytes: &certificate },
            Source { name: &name(&self.authority_key), bytes: &key },
        )
        .map(Some)
    }

    /// The pair, if its key is not encrypted: ours never is. Nothing where one of the two is missing.
    ///
    /// # Errors
    /// Files that cannot be read, are no pair, or hold an encrypted key.
    pub fn pair(&self) -> Result<Option<Pair>, Error> {
        let (Some(certificate), Some(key)) = (bytes(&self.certificate)?, bytes(&self.key)?) else {
            return Ok(None);
        };
        Pair::read(
            Source { name: &name(&self.certificate), bytes: &certificate },
            Source { name: &name(&self.key), bytes: &key },
            None,
        )
        .map(Some)
    }

    /// A new certificate from `authority` for the key that is there, with `make`; the file is replaced in one step, so
    /// that whoever reads it sees a pair at every moment. The caller holds the lock.
    ///
    /// # Errors
    /// A key that cannot be read, a certificate that cannot be made or written.
    pub fn replace_certificate(
        &self,
        make: impl FnOnce(Source<'_>) -> Result<String, Error>,
    ) -> Result<(), Error> {
        let key = read(&self.key)?;
        put(&self.certificate, &make(Source { name: &name(&self.key), bytes: &key })?)
    }
}

/// Puts `text` at `path`, where nothing is yet: there whole or not at all, and only its owner can read it from the first
/// moment on.
///
/// # Errors
/// Something is there; it cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), Error> {
    replace::create(path, text.as_bytes()).map_err(|failure| replace::explain(path, failure))
}

/// Puts `text` at `path`: what is there is replaced in one step and keeps its mode, else it is as in [`create`].
///
/// # Errors
/// It cannot be read or written.
pub fn put(path: &Path, text: &str) -> Result<(), Error> {
    let Some(before) = bytes(path)? else { return create(path, text) };
    // A link stays a link.
    let target = fs::canonicalize(path).map_err(|error| cannot_read(path, error))?;
    replace::replace(&target, &before, text.as_bytes()).map_err(|failure| replace::explain(path, failure))
}

/// The bytes of a file; nothing where there is none.
///
/// # Errors
/// It cannot be read.
pub fn bytes(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(path, error)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| cannot_read(path, error))
}

fn cannot_read(path: &Path, error: io::Error) -> Error {
    let denied = error.kind() == io::ErrorKind::PermissionDenied;
    let refusal = Error::new(format!("cannot read `{}`", path.display())).caused_by(error);
    if denied { refusal.hint(format!("see who may read it: `ls -l {}`", quoted_file(path))) } else { refusal }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
