//! The list of authorities that this system keeps: a folder of files, and a command that reads them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cert::authority::Root;
use crate::error::{Error, quoted_file};

/// Where authorities are put on one kind of system, and what makes them count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    folder: &'static str,
    put: &'static str,
    /// Debian keeps links to what is gone unless it is told to begin anew.
    take: &'static str,
}

/// Debian and what is made from it, Alpine; Fedora and its kin; Arch; openSUSE.
const KINDS: [Kind; 4] = [
    Kind {
        folder: "usr/local/share/ca-certificates",
        put: "update-ca-certificates",
        take: "update-ca-certificates --fresh",
    },
    Kind { folder: "etc/pki/ca-trust/source/anchors", put: "update-ca-trust", take: "update-ca-trust" },
    Kind {
        folder: "etc/ca-certificates/trust-source/anchors",
        put: "update-ca-trust",
        take: "update-ca-trust",
    },
    Kind {
        folder: "etc/pki/trust/anchors",
        put: "update-ca-certificates",
        take: "update-ca-certificates --fresh",
    },
];

/// The list of this system, with the place of one authority in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The authority's own file in it.
    pub file: PathBuf,
    /// What makes it count that the file is there.
    pub put: &'static str,
    /// What makes it count that the file is gone.
    pub take: &'static str,
}

impl Store {
    /// The one of this system; nothing where it has none that is a folder and a command.
    pub fn of_this_system(root: &Root) -> Option<Self> {
        Self::below(Path::new("/"), root)
    }

    fn below(system: &Path, root: &Root) -> Option<Self> {
        let kind = KINDS.iter().find(|kind| system.join(kind.folder).is_dir())?;
        let mark = root.fingerprint().short();
        Some(Self {
            file: system.join(kind.folder).join(format!("innkeeper-{mark}.crt")),
            put: kind.put,
            take: kind.take,
        })
    }

    /// Whether the authority is in it.
    pub fn holds(&self) -> bool {
        self.file.exists()
    }

    /// Puts the authority in: a file that everybody can read, and then the command.
    ///
    /// # Errors
    /// The file cannot be written, which takes the rights of the administrator; the command fails.
    ///
    /// `flag`: what a command has to be told to find the settings.
    pub fn put(&self, root: &Root, flag: &str) -> Result<(), Error> {
        self.write(root).map_err(|error| self.denied(error, &format!("--install{flag}")))?;
        self.update(self.put)
    }

    fn write(&self, root: &Root) -> io::Result<()> {
        let _ = fs::remove_file(&self.file);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
        options.open(&self.file)?.write_all(root.pem().as_bytes())
    }

    /// Takes the authority out again.
    ///
    /// # Errors
    /// The same.
    pub fn take(&self, flag: &str) -> Result<(), Error> {
        fs::remove_file(&self.file).map_err(|error| self.denied(error, &format!("--uninstall{flag}")))?;
        self.update(self.take)
    }

    fn update(&self, command: &str) -> Result<(), Error> {
        let failed = |why: String| {
            Error::new(format!("`{command}` failed: {why}"))
                .hint(format!("the file is as it should be: `{}`", self.file.display()))
                .hint(format!("run it by hand: `sudo {command}`"))
        };
        let mut words = command.split(' ');
        let output = Command::new(words.next().unwrap_or_default())
            .args(words)
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let told = String::from_utf8_lossy(&output.stderr);
        Err(failed(told.trim().lines().last().unwrap_or("it says nothing").to_owned()))
    }

    fn denied(&self, error: io::Error, flags: &str) -> Error {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let refusal = Error::new(format!("cannot change `{}`", self.file.display())).caused_by(error);
        if !denied {
            return refusal;
        }
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("innkeeper"));
        refusal.hint(format!(
            "as administrator, in this folder: `sudo {} cert trust {flags}`",
            quoted_file(&program)
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::cert::authority::Authority;

    #[test]
    fn a_folder_and_a_command() {
        let system = tempfile::tempdir().unwrap();
        let authority = Authority::create(&[], &[], SystemTime::now()).unwrap();
        let root = authority.root();
        assert_eq!(Store::below(system.path(), root), None);
        for kind in KINDS.iter().rev() {
            fs::create_dir_all(system.path().join(kind.folder)).unwrap();
            let store = Store::below(system.path(), root).unwrap();
            assert_eq!(store.file.parent().unwrap(), system.path().join(kind.folder));
            assert_eq!((store.put, store.take), (kind.put, kind.take));
            assert!(!store.holds());
        }
        let store = Store { put: "true", take: "true", ..Store::below(system.path(), root).unwrap() };
        for _ in 0..2 {
            store.put(root, "").unwrap();
            assert!(store.holds());
            assert_eq!(fs::read_to_string(&store.file).unwrap(), root.pem());
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&store.file).unwrap().permissions().mode();
            assert_eq!(mode & 0o022, 0, "nobody else writes it");
        }
        let failing = Store { put: "false", ..store.clone() };
        assert_eq!(failing.put(root, "").unwrap_err().to_string(), "`false` failed: it says nothing");
        store.take("").unwrap();
        assert!(!store.holds());
        let gone = store.take("").unwrap_err();
        assert_eq!(gone.to_string(), format!("cannot change `{}`", store.file.display()));
    }
}
