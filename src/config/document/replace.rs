//! One file in place of another: the old one or the new one, whatever happens in between.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::config::file;
use crate::error::{Error, quoted_file};

/// Why the file was not replaced.
pub enum Failure {
    /// Its mode forbids writing.
    ReadOnly,
    /// It does not hold what it held when it was read.
    Changed,
    /// The copy could not get the owner of the file.
    Owner(io::Error),
    /// What was written is not what is read.
    Garbled,
    /// A step failed.
    Io(io::Error),
}

/// Puts `new` in place of `old` at `target`: a copy in the same folder, written through to the disk, then renamed.
/// The caller holds the lock.
pub fn replace(target: &Path, old: &[u8], new: &[u8]) -> Result<(), Failure> {
    if fs::metadata(target)?.permissions().readonly() {
        return Err(Failure::ReadOnly);
    }
    sweep(target);
    let temporary = Temporary::beside(target)?;
    temporary.fill(target, new)?;
    if fs::read(&temporary.path)? != new {
        return Err(Failure::Garbled);
    }
    if fs::read(target)? != old {
        return Err(Failure::Changed);
    }
    fs::rename(&temporary.path, target)?;
    // Without this a power failure may still bring the old file back. Its own failure changes nothing any more.
    #[cfg(unix)]
    if let Some(folder) = target.parent() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// Puts a file with `text` at `target`, where there is none: readable by its owner alone, who is the owner of the
/// folder. It is there whole or not at all. The caller holds the lock.
pub fn create(target: &Path, text: &[u8]) -> Result<(), Failure> {
    if target.symlink_metadata().is_ok() {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
    }
    sweep(target);
    let temporary = Temporary::beside(target)?;
    (&temporary.file).write_all(text)?;
    let folder = target.parent().unwrap_or(Path::new("."));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let model = fs::metadata(folder)?;
        // The group cannot read it anyway.
        if temporary.file.metadata()?.uid() != model.uid() {
            temporary.give(&model)?;
        }
    }
    temporary.file.sync_all()?;
    fs::rename(&temporary.path, target)?;
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// The failure as it is told.
pub fn explain(path: &Path, failure: Failure) -> Error {
    let name = path.display();
    match failure {
        Failure::ReadOnly => Error::new(format!("`{name}` is read-only"))
            .hint(format!("make it writable: `chmod u+w {}`", quoted_file(path))),
        Failure::Changed => Error::new(format!("`{name}` was changed by another program at the same moment"))
            .hint("nothing was changed here; run the command again"),
        Failure::Owner(error) => Error::new(format!("cannot keep the owner of `{name}`"))
            .caused_by(error)
            .hint("run the command as the user the file belongs to"),
        Failure::Garbled => {
            Error::new(format!("the new text for `{name}` does not arrive on the disk as it was written"))
                .hint("nothing was changed; check the disk")
        }
        Failure::Io(error) => {
            let hint = match error.kind() {
                // A file that is mounted into a container by itself cannot be replaced, only written over.
                io::ErrorKind::ResourceBusy => "mount the folder into the container, not the file alone",
                kind if file::is_full(kind) => file::MAKE_ROOM,
                _ => "the folder must be writable for the user that changes the settings",
            };
            Error::new(format!("cannot write `{name}`: {error}")).hint(hint)
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A new file that is gone again unless it was renamed.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    /// A file with a name nobody can guess, which must not exist, readable by its owner alone.
    fn beside(target: &Path) -> io::Result<Self> {
        let mut name = prefix(target);
        name.push(format!("{:016x}{SUFFIX}", RandomState::new().build_hasher().finish()));
        let path = target.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        Ok(Self { path, file })
    }

    /// Writes it, gives it owner and mode of `target`, and waits for the disk.
    fn fill(&self, target: &Path, new: &[u8]) -> Result<(), Failure> {
        (&self.file).write_all(new)?;
        let model = fs::metadata(target)?;
        self.give(&model)?;
        self.file.set_permissions(model.permissions())?;
        self.file.sync_all()?;
        Ok(())
    }

    /// Gives it to the owner and group of `model`.
    #[cfg_attr(
        not(unix),
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "there are no owners")
    )]
    fn give(&self, model: &fs::Metadata) -> Result<(), Failure> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt as _, fchown};
            let own = self.file.metadata()?;
            if (own.uid(), own.gid()) != (model.uid(), model.gid()) {
                fchown(&self.file, Some(model.uid()), Some(model.gid())).map_err(Failure::Owner)?;
            }
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Not there any more after the rename.
        let _ = fs::remove_file(&self.path);
    }
}

const SUFFIX: &str = ".tmp";

/// `.config.yaml.`
fn prefix(target: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".");
    name
}

/// Takes away what killed processes have left beside `target`: copies that may hold a password or a key. The caller
/// holds the lock, so nobody else writes one now.
pub fn sweep(target: &Path) {
    let prefix = prefix(target);
    let Some(prefix) = prefix.to_str() else { return };
    let is_left_over = |name: &str| {
        let random = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(SUFFIX));
        random.is_some_and(|random| random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    for entry in target.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten()
    {
        if entry.file_name().to_str().is_some_and(is_left_over) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
