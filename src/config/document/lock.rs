//! One at a time: a lock on a file beside the one that is changed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// Held until dropped. The system gives it back when the process dies, so a left-over lock file locks nobody out.
pub struct Lock {
    path: PathBuf,
    // The lock lives as long as this is open.
    _file: File,
}

/// How often a held lock is tried again.
const AGAIN: Duration = Duration::from_millis(5);

impl Lock {
    /// Locks `target` (a path without symbolic links) against everyone else who asks here.
    pub fn acquire(target: &Path, patience: Duration) -> Result<Self, Error> {
        let path = beside(target);
        let deadline = Instant::now() + patience;
        loop {
            let file = match open(&path) {
                Ok(Some(file)) => file,
                Ok(None) => continue,
                Err(error) => return Err(unable(&path, &error)),
            };
            match file.try_lock() {
                // Whoever held it may have taken the file away while we waited; then it is a lock on nothing.
                Ok(()) if is_at(&file, &path) => return Ok(Self { path, _file: file }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(AGAIN),
                Err(TryLockError::WouldBlock) => return Err(held(target, patience)),
                Err(TryLockError::Error(error)) => return Err(unable(&path, &error)),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked here, so nobody else's is taken away. Elsewhere an open file cannot be told from another.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// `.config.yaml.lock` in the same folder.
fn beside(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".lock");
    target.with_file_name(name)
}

/// The lock file, made where it is missing; `None` when it came or went at that moment. Read-only is enough to lock,
/// and works when another user has left it there.
fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened.map(Some),
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        made => made.map(Some),
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().is_ok_and(|ours| fs::metadata(path).is_ok_and(|there| identity(ours) == identity(there)))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

fn held(target: &Path, patience: Duration) -> Error {
    Error::new(format!(
        "`{}` is being changed by another process, for more than {} seconds",
        target.display(),
        patience.as_secs()
    ))
    .hint("try again when the other `innkeeper` is done")
}

fn unable(path: &Path, error: &io::Error) -> Error {
    Error::new(format!("cannot lock with `{}`: {error}", path.display()))
        .hint("the folder must be writable for the user that changes the settings")
}
