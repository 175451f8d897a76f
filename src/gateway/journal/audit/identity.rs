//! Which file it is, whatever its name is by now.

use std::fs::Metadata;

/// What stays the same when a file is renamed, and no other file has as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity(u64, u64);

impl Identity {
    /// That of the file that `metadata` is of: its device and its number there (`st_dev` and `st_ino` of POSIX).
    #[cfg(unix)]
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    /// That of the file that `metadata` is of: there are no such numbers, but a file that was begun at another moment is
    /// another.
    #[cfg(not(unix))]
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        let created = metadata
            .created()
            .ok()
            .and_then(|time| time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok());
        Self(0, created.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }
}
