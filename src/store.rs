//! SillyTavern's account folder, `<dataRoot>/_storage`: one file a record, written by the npm library
//! node-persist.

mod change;
mod record;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Error;
use crate::policy::account::{Account, Accounts, PasswordHash};

pub use self::change::{Change, Making, NewAccount, Store};

/// The folder of the records, in the data folder.
pub const FOLDER: &str = "_storage";
/// How the key of an account begins; the handle follows.
const PREFIX: &str = "user:";

/// All accounts in the data folder of a SillyTavern.
///
/// A record counts by its key, not by the name of its file; other keys, and files whose name begins with a
/// dot, are left alone. The handle is that of the key.
///
/// # Errors
/// A folder, a file or a record of an account that cannot be read, with its path: who may come in is not
/// decided by a part of the accounts.
pub fn read(data_root: &Path) -> Result<Accounts, Error> {
    read_folder(&data_root.join(FOLDER))
}

fn read_folder(folder: &Path) -> Result<Accounts, Error> {
    let mut accounts = BTreeMap::new();
    for path in files(folder)? {
        if let Some(account) = account(&path)? {
            let handle = Arc::clone(&account.handle);
            if accounts.insert(Arc::clone(&handle), account).is_some() {
                let message = format!("`{}` is a second record of the account `{handle}`", path.display());
                return Err(Error::new(message).hint("move one of them out of the folder"));
            }
        }
    }
    Ok(Accounts::new(accounts.into_values()))
}

/// Every file that SillyTavern reads as a record.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |cause| unreadable(folder, cause);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(folder: &Path, cause: std::io::Error) -> Error {
    Error::new(format!("cannot read the accounts in `{}`", folder.display()))
        .caused_by(cause)
        .hint("set `dataRoot` to the data folder of SillyTavern, and start SillyTavern once to fill it")
        .hint("without SillyTavern the first account makes the folder: `innkeeper auth user add HANDLE`")
}

/// The file in `folder` whose record has this key.
fn record_with_key(folder: &Path, key: &str) -> Result<Option<PathBuf>, Error> {
    for path in files(folder)? {
        let bytes = fs::read(&path).map_err(|cause| unreadable_record(&path).caused_by(cause))?;
        let record: Key =
            serde_json::from_slice(&bytes).map_err(|cause| unreadable_record(&path).caused_by(cause))?;
        if record.key == key {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn unreadable_record(path: &Path) -> Error {
    Error::new(format!("cannot read the account record `{}`", path.display()))
}

/// The files of all records, whoever's, sorted; none where there is no folder.
#[must_use]
pub fn records(data_root: &Path) -> Vec<PathBuf> {
    files(&data_root.join(FOLDER)).unwrap_or_default()
}

/// Whether there is an account folder in the data folder at all.
#[must_use]
pub fn exists(data_root: &Path) -> bool {
    data_root.join(FOLDER).is_dir()
}

/// The account that SillyTavern makes at its first start: an admin without a password.
#[must_use]
pub fn first_account() -> Account {
    Account { handle: "default-user".into(), name: "User".to_owned(), admin: true, enabled: true, hash: None }
}

/// The account in the file at `path`, if it is one.
fn account(path: &Path) -> Result<Option<Account>, Error> {
    let refused = || unreadable_record(path);
    let bytes = fs::read(path).map_err(|cause| refused().caused_by(cause))?;
    let record: Key = serde_json::from_slice(&bytes).map_err(|cause| refused().caused_by(cause))?;
    let Some(handle) = record.key.strip_prefix(PREFIX) else { return Ok(None) };
    let Record { value } = serde_json::from_slice(&bytes).map_err(|cause| refused().caused_by(cause))?;
    if value.handle != handle {
        let message = format!(
            "the key says `{}`, the record says `{}`",
            handle.escape_debug(),
            value.handle.escape_debug()
        );
        return Err(refused().caused_by(message));
    }
    let hash = if value.password.is_empty() {
        None
    } else {
        let hash = PasswordHash::scrypt(&value.password, &value.salt);
        Some(Arc::new(hash.map_err(|cause| refused().caused_by(cause))?))
    };
    let Value { name, admin, enabled, .. } = value;
    Ok(Some(Account { handle: handle.into(), name, admin, enabled, hash }))
}

/// What every record has. Avatars are records too, of megabytes: their value is skipped.
#[derive(Deserialize)]
struct Key {
    key: String,
    #[serde(rename = "value")]
    _value: IgnoredAny,
}

#[derive(Deserialize)]
struct Record {
    value: Value,
}

/// What is missing counts as in SillyTavern: no admin, not enabled, no password.
#[derive(Deserialize)]
struct Value {
    handle: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    salt: String,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    enabled: bool,
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    const RECORD: &str = r#"{"key":"user:ann","value":{"handle":"ann","password":"","enabled":true}}"#;

    /// A data folder with these files in its store.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(FOLDER).join(name), text).unwrap();
        }
        folder
    }

    fn refusal(text: &str) -> (String, String) {
        let folder = folder(&[("record", text)]);
        let error = read(folder.path()).unwrap_err();
        let path = folder.path().join(FOLDER).join("record").display().to_string();
        (error.to_string().replace(&path, "PATH"), error.source().unwrap().to_string())
    }

    #[test]
    fn the_accounts_of_a_real_store() {
        let accounts = read(Path::new("tests/conformance/accounts")).unwrap();
        let found: Vec<_> = accounts
            .iter()
            .map(|account| {
                let Account { handle, name, admin, enabled, hash } = account;
                (handle.as_ref(), name.as_str(), *admin, *enabled, hash.is_some())
            })
            .collect();
        assert_eq!(
            found,
            [
                ("anna-muller", "\u{c4}nn\u{e4} M\u{fc}ller", false, true, true),
                ("bob", "Bob", false, true, false),
                ("carol-2", "Carol", false, false, true),
                ("default-user", "User", true, true, true),
            ]
        );
    }

    #[test]
    fn a_record_counts_by_its_key_and_dot_files_do_not_count() {
        let avatar = r#"{"key":"avatar:ann","value":"data:image/png;base64,"}"#;
        let folder = folder(&[("any-name", RECORD), ("avatar", avatar), (".any-name.tmp", "{")]);
        let accounts = read(folder.path()).unwrap();
        assert_eq!(accounts.iter().map(|account| account.handle.as_ref()).collect::<Vec<_>>(), ["ann"]);
    }

    #[test]
    fn an_unreadable_record_is_an_error_that_names_the_file() {
        for (text, cause) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("{\"key\":\"user:ann\"}", "missing field `value` at line 1 column 18"),
            (
                r#"{"key":"user:ann","value":{"handle":"ann","enabled":"yes"}}"#,
                "invalid type: string \"yes\", expected a boolean at line 1 column 57",
            ),
            (
                r#"{"key":"user:ann","value":{"handle":"ann","password":"x"}}"#,
                "the password hash is not base64 of 64 bytes",
            ),
            (r#"{"key":"user:ann","value":{"handle":"bob"}}"#, "the key says `ann`, the record says `bob`"),
        ] {
            let (message, source) = refusal(text);
            assert_eq!(message, "cannot read the account record `PATH`", "{text}");
            assert_eq!(source, cause, "{text}");
        }
    }

    #[test]
    fn two_records_of_one_account_are_an_error() {
        let folder = folder(&[("a", RECORD), ("b", RECORD)]);
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("is a second record of the account `ann`"), "{message}");
    }

    #[test]
    fn a_missing_store_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path()).unwrap_err();
        let path = folder.path().join(FOLDER);
        assert_eq!(error.to_string(), format!("cannot read the accounts in `{}`", path.display()));
    }
}
