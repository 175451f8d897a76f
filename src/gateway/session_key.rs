//! The key that sessions are signed with: a file beside the settings, so that a restart signs nobody out.
//!
//! Whoever has it can sign in as anybody, so it is the owner's alone. To end every session there is, delete it and
//! start the server anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::error::Error;
use crate::policy::session::Key;

/// Its name, beside the settings file.
pub const NAME: &str = "session.key";
/// A key and its line end, in hexadecimal digits.
const LENGTH: usize = 2 * size_of::<Key>() + 1;

/// The key of the file in `folder`; a new one where there is no file, mode 0600 and whole from the first moment on.
///
/// # Errors
/// A file that cannot be read or written, that others can read, or that holds no key.
pub fn read_or_make(folder: &Path) -> Result<Key, Error> {
    let path = folder.join(NAME);
    let cannot = |what: &str, error: io::Error| {
        Error::new(format!("cannot {what} `{}`", path.display())).caused_by(error)
    };
    match File::open(&path) {
        Ok(file) => return read(file, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot("read", error)),
    }
    let key = random()?;
    match make(folder, &path, &key) {
        Ok(()) => Ok(key),
        // Another server was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(File::open(&path).map_err(|error| cannot("read", error))?, &path)
        }
        Err(error) => Err(cannot("write", error)),
    }
}

/// What the owner is told when there is no key to keep.
#[must_use]
pub fn note(error: &Error) -> String {
    let reason = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    let hint = error.hints().first().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{error}{reason}; sessions end when the server does{hint}")
}

/// 32 random bytes.
///
/// # Errors
/// The system gives none.
pub fn random() -> Result<Key, Error> {
    let mut key = Key::default();
    getrandom::fill(&mut key)
        .map_err(|error| Error::new("the system gives no random numbers").caused_by(error.to_string()))?;
    Ok(key)
}

fn read(file: File, path: &Path) -> Result<Key, Error> {
    let shown = path.display();
    let cannot = |error| Error::new(format!("cannot read `{shown}`")).caused_by(error);
    let metadata = file.metadata().map_err(cannot)?;
    if is_open_to_others(&metadata) {
        return Err(Error::new(format!("others can read `{shown}`"))
            .hint(format!("it may be known, so delete it; a new one is made: `rm {shown}`")));
    }
    let mut text = String::new();
    // One more than a key has, to see that it ends.
    file.take(LENGTH as u64 + 1).read_to_string(&mut text).map_err(cannot)?;
    parsed(&text).ok_or_else(|| {
        Error::new(format!("`{shown}` holds no key"))
            .hint(format!("delete it; a new one is made: `rm {shown}`"))
    })
}

/// Writes the key under another name first: nobody finds half of it, and nobody's key is overwritten.
fn make(folder: &Path, path: &Path, key: &Key) -> io::Result<()> {
    let text: String = key.iter().map(|byte| format!("{byte:02x}")).chain(["\n".to_owned()]).collect();
    let number = random().map_err(io::Error::other)?;
    let beside =
        folder.join(format!("{NAME}.{:016x}", u64::from_le_bytes(*number.first_chunk().unwrap_or(&[0; 8]))));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&beside, path) {
            // Not every file system knows links. Two servers that start at once then have to be unlucky.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.exists() => {
                fs::rename(&beside, path)
            }
            linked => linked,
        }
    });
    let _ = fs::remove_file(&beside);
    written
}

fn parsed(text: &str) -> Option<Key> {
    let digits = text.strip_suffix('\n').unwrap_or(text);
    if digits.len() + 1 != LENGTH || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = Key::default();
    for (byte, at) in key.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(unix)]
fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
}

/// Where there are no modes, the folder decides who reads what lies in it.
#[cfg(not(unix))]
const fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn it_is_made_once_and_read_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let key = read_or_make(folder.path()).unwrap();
        assert_eq!(read_or_make(folder.path()).unwrap(), key);
        assert_eq!(mode(&folder.path().join(NAME)), 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        let other = tempfile::tempdir().unwrap();
        assert_ne!(read_or_make(other.path()).unwrap(), key);
    }

    #[test]
    fn servers_that_start_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &folder.path().join(NAME), &[7; 32]).unwrap();
        let late = make(folder.path(), &folder.path().join(NAME), &[8; 32]).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read_or_make(folder.path()).unwrap(), [7; 32]);
    }

    #[test]
    fn what_others_can_read_or_what_is_no_key_is_not_used_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let shown = path.display();
        let digits = "ab".repeat(32);
        for (text, permissions, expected) in [
            (format!("{digits}\n"), 0o600, None),
            (digits.to_uppercase(), 0o400, None),
            (digits.clone(), 0o640, Some(format!("others can read `{shown}`"))),
            (digits.clone(), 0o604, Some(format!("others can read `{shown}`"))),
            (String::new(), 0o600, Some(format!("`{shown}` holds no key"))),
            (format!("{digits}\n\n"), 0o600, Some(format!("`{shown}` holds no key"))),
            (format!("{digits}ab"), 0o600, Some(format!("`{shown}` holds no key"))),
            ("é".repeat(32), 0o600, Some(format!("`{shown}` holds no key"))),
        ] {
            let _ = fs::remove_file(&path);
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(permissions)).unwrap();
            match (read_or_make(folder.path()), expected) {
                (Ok(key), None) => assert_eq!(key, [0xab; 32]),
                (Err(error), Some(expected)) => assert_eq!(error.to_string(), expected),
                other => panic!("{other:?}"),
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn where_there_can_be_no_file_the_owner_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let error = read_or_make(&missing).unwrap_err();
        let path = missing.join(NAME);
        assert_eq!(
            note(&error),
            format!(
                "cannot write `{}`: No such file or directory (os error 2); sessions end when the server does",
                path.display()
            )
        );
    }
}
