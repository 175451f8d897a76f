//! Changes of the account folder: one record at a time, each replaced in one step, what we do not know kept.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::record::{Fields, Part, Record};
use super::{FOLDER, PREFIX, read_folder, unreadable};
use crate::config::document::lock::Lock;
use crate::config::document::{PATIENCE, replace};
use crate::error::Error;
use crate::policy::account::{Accounts, Handle, Sealed};

/// The account folder, which no other Innkeeper changes until this is dropped. SillyTavern takes no notice of the
/// lock; a record that it writes at the same moment is noticed and not overwritten.
pub struct Store {
    folder: PathBuf,
    // Beside the folder and not in it, where a running server would take it for a change.
    _lock: Lock,
}

/// An account that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub struct NewAccount<'a> {
    /// What the user types as a name.
    pub handle: &'a Handle,
    /// What the app shows.
    pub name: &'a str,
    /// May they administer the app?
    pub admin: bool,
    /// Their password, if they have one.
    pub password: Option<&'a Sealed>,
}

/// A change of an account.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Another password.
    Password(&'a Sealed),
    /// May they sign in?
    Enabled(bool),
}

/// What [`Store::make`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// There was a folder.
    Found,
    /// There was none, and now there is.
    Made,
}

impl Store {
    /// Locks the account folder in `data_root`.
    ///
    /// # Errors
    /// There is no such folder, or no room for a lock beside it; somebody else has held it for ten seconds.
    pub fn open(data_root: &Path) -> Result<Self, Error> {
        let folder = data_root.join(FOLDER);
        let target = fs::canonicalize(&folder).map_err(|cause| unreadable(&folder, cause))?;
        let lock = Lock::acquire(&target, PATIENCE)?;
        Ok(Self { folder, _lock: lock })
    }

    /// The same, with the folder made where it is missing.
    ///
    /// # Errors
    /// The same, and a folder that cannot be made.
    pub fn make(data_root: &Path) -> Result<(Self, Making), Error> {
        let folder = data_root.join(FOLDER);
        if folder.is_dir() {
            return Ok((Self::open(data_root)?, Making::Found));
        }
        let make = || {
            fs::create_dir_all(data_root)?;
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.recursive(true).create(&folder)
        };
        make().map_err(|cause| {
            Error::new(format!("cannot make the folder for the accounts `{}`", folder.display()))
                .caused_by(cause)
        })?;
        Ok((Self::open(data_root)?, Making::Made))
    }

    /// All accounts, as they are under the lock.
    ///
    /// # Errors
    /// Those of [`super::read`].
    pub fn accounts(&self) -> Result<Accounts, Error> {
        read_folder(&self.folder)
    }

    /// Writes a record as SillyTavern does: under the SHA-256 of its key, all fields in its order.
    ///
    /// # Errors
    /// A record that is there; a folder that cannot be written to.
    pub fn add(&self, account: &NewAccount<'_>) -> Result<(), Error> {
        let NewAccount { handle, name, admin, password } = *account;
        let text = |secret: fn(&Sealed) -> &str| Json::from(password.map(secret).unwrap_or_default());
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let value = Fields(vec![
            ("handle".to_owned(), handle.as_str().into()),
            ("name".to_owned(), name.into()),
            ("created".to_owned(), u64::try_from(created).unwrap_or_default().into()),
            ("password".to_owned(), text(|sealed| sealed.digest.expose())),
            ("salt".to_owned(), text(|sealed| sealed.salt.expose())),
            ("admin".to_owned(), admin.into()),
            ("enabled".to_owned(), true.into()),
        ]);
        let key = format!("{PREFIX}{handle}");
        let path = self.folder.join(file_name(&key));
        let record = Fields(vec![
            ("key".to_owned(), Part::Other(key.into())),
            ("value".to_owned(), Part::Section(value)),
        ]);
        replace::create(&path, record.to_text().as_bytes())
            .map_err(|failure| replace::explain(&path, failure))
    }

    /// Changes the record of `handle`. Fields that mean nothing to us stay.
    ///
    /// # Errors
    /// There is no such record, it cannot be read or replaced, or SillyTavern changed it at the same moment.
    pub fn change(&self, handle: &str, change: &Change<'_>) -> Result<(), Error> {
        let path = self.record_of(handle)?;
        let refused = || Error::new(format!("cannot change the account record `{}`", path.display()));
        let before = fs::read(&path).map_err(|cause| refused().caused_by(cause))?;
        let mut record: Record =
            serde_json::from_slice(&before).map_err(|cause| refused().caused_by(cause))?;
        let value = record.value().ok_or_else(|| refused().caused_by("its value is no record"))?;
        match *change {
            Change::Password(sealed) => {
                value.set("password", sealed.digest.expose().into());
                value.set("salt", sealed.salt.expose().into());
            }
            Change::Enabled(enabled) => value.set("enabled", enabled.into()),
        }
        replace::replace(&path, &before, record.to_text().as_bytes())
            .map_err(|failure| replace::explain(&path, failure))
    }

    /// Removes the record of `handle`, and nothing else of theirs.
    ///
    /// # Errors
    /// There is no such record, or it cannot be removed.
    pub fn remove(&self, handle: &str) -> Result<(), Error> {
        let path = self.record_of(handle)?;
        fs::remove_file(&path).map_err(|cause| {
            Error::new(format!("cannot remove the account record `{}`", path.display())).caused_by(cause)
        })
    }

    /// The file that holds the record of `handle`; it counts by its key, whatever its name.
    fn record_of(&self, handle: &str) -> Result<PathBuf, Error> {
        let key = format!("{PREFIX}{handle}");
        super::record_with_key(&self.folder, &key)?
            .ok_or_else(|| Error::new(format!("there is no account `{handle}`")))
    }
}

/// The name that node-persist gives the record with this key.
fn file_name(key: &str) -> String {
    Sha256::digest(key).iter().fold(String::with_capacity(64), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}
