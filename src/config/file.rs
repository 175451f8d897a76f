//! Which settings file is meant, and the default one.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use super::document::lock::Lock;
use super::document::{self, PATIENCE};
use super::layer::{Flags, Syntax};
use super::problem::{Problem, Source};
use super::tree::Lines;
use super::variables::Variables;
use crate::error::{Error, quoted_file};

/// The default settings file, with every setting and its comment.
pub const DEFAULT_YAML: &str = include_str!("../../default/config.yaml");

/// The same as TOML.
pub const DEFAULT_TOML: &str = include_str!("../../default/config.toml");

/// Which file holds the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// This one.
    File(PathBuf),
    /// None yet; it would be this one. [`write_default`] makes it.
    Missing(PathBuf),
}

/// Finds the settings file: `--config`, with `--global` the folder the system keeps settings in, `INNKEEPER_CONFIG`, else
/// `config.yaml` or `config.toml` in the current folder.
///
/// # Errors
/// A folder that is not there, a folder in place of a file, no folder of settings known.
pub fn find(flags: &Flags, variables: &Variables) -> Result<Found, Error> {
    if let Some(path) = &flags.config {
        return named(path, "--config");
    }
    if let Some(path) = variables.value("INNKEEPER_CONFIG").filter(|_| !flags.global) {
        if path.is_empty() {
            return Err(Error::new("`INNKEEPER_CONFIG` is set, but to nothing")
                .hint("remove it with `unset INNKEEPER_CONFIG`"));
        }
        return named(Path::new(path), "INNKEEPER_CONFIG");
    }
    let folder = if flags.global { global_folder(variables)? } else { PathBuf::new() };
    let candidates = ["config.yaml", "config.toml"].map(|name| folder.join(name));
    let first = candidates.iter().find(|path| path.symlink_metadata().is_ok());
    match first {
        Some(path) if path.is_dir() => Err(is_folder(path)),
        Some(path) => Ok(Found::File(path.clone())),
        None => Ok(Found::Missing(candidates[0].clone())),
    }
}

fn named(path: &Path, by: &str) -> Result<Found, Error> {
    let path = plain(path);
    if path.is_dir() {
        return Err(is_folder(&path));
    }
    if path.symlink_metadata().is_ok() {
        return Ok(Found::File(path));
    }
    let folder = folder(&path);
    if folder.is_dir() {
        return Ok(Found::Missing(path));
    }
    Err(Error::new(format!("there is no folder `{}` for the settings file of `{by}`", folder.display()))
        .hint(format!("make it with `mkdir -p {}`", quoted_file(&folder))))
}

fn is_folder(path: &Path) -> Error {
    Error::new(format!("`{}` is a folder, not a settings file", path.display()))
        .hint(format!("name the file: `--config {}`", quoted_file(&path.join("config.yaml"))))
}

/// The folder for settings of programs: `$XDG_CONFIG_HOME` or `~/.config`, `~/Library/Application Support`,
/// `%APPDATA%`.
fn global_folder(variables: &Variables) -> Result<PathBuf, Error> {
    let variable = |name: &str| variables.value(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if cfg!(windows) {
        variable("APPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        // A relative one is to be ignored, as the specification says.
        variable("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| variable("HOME").map(|home| home.join(".config")))
    };
    folder.map(|folder| folder.join("innkeeper")).ok_or_else(|| {
        Error::new("`--global` needs a home folder, and no variable names one")
            .hint("name the file instead: `--config /etc/innkeeper/config.yaml`")
    })
}

/// Writes the default settings to `path`, which must not exist; readable by its owner alone, as a password will
/// stand in it. Makes the folder where that is missing.
///
/// # Errors
/// The file exists; the folder cannot be made or written to.
pub fn write_default(path: &Path) -> Result<(), Error> {
    let text = match Syntax::of(path) {
        Syntax::Yaml => DEFAULT_YAML,
        Syntax::Toml => DEFAULT_TOML,
    };
    let write = || -> io::Result<()> {
        std::fs::create_dir_all(folder(path))?;
        write_new(path, text)
    };
    write().map_err(|error| {
        Error::new(format!("cannot write the default settings to `{}`: {error}", path.display())).hint(
            if is_full(error.kind()) {
                MAKE_ROOM
            } else {
                "start in a folder you can write to, or name another file with `--config`"
            },
        )
    })
}

/// Writes `text` to a settings file: a new one is readable by its owner alone; one that is there is replaced in one
/// step, through a symbolic link, when `over` says so, and keeps its mode and owner.
///
/// # Errors
/// The file exists and must not be written over; somebody else is changing it; the folder cannot be written to.
pub fn write(path: &Path, text: &str, over: Existing) -> Result<(), Error> {
    if over == Existing::Replace && path.symlink_metadata().is_ok() {
        return replace(path, text);
    }
    write_new(path, text).map_err(|error| {
        let name = path.display();
        let message = Error::new(format!("cannot write `{name}`: {error}"));
        message.hint(match error.kind() {
            io::ErrorKind::AlreadyExists => "to write over it: `--force`",
            kind if is_full(kind) => MAKE_ROOM,
            _ => "the folder must be there, and writable for you",
        })
    })
}

/// What becomes of a file that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays.
    Refuse,
    /// It is replaced.
    Replace,
}

/// Writes a file that must not exist, and waits for the disk. Half of one is not left behind: it would be taken for
/// settings.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

/// What to do when [`is_full`].
pub(super) const MAKE_ROOM: &str = "nothing was changed; make room on the disk";

/// Whether there is no room for a file.
pub(super) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// As an edit does it: under its lock, a copy beside the file, renamed.
fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let explain = |failure| document::replace::explain(path, failure);
    let target = std::fs::canonicalize(path).map_err(|error| explain(error.into()))?;
    let _lock = Lock::acquire(&target, PATIENCE)?;
    let old = std::fs::read(&target).map_err(|error| explain(error.into()))?;
    document::replace::replace(&target, &old, text.as_bytes()).map_err(explain)
}

impl Syntax {
    /// The syntax of a file, by its name.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        if toml { Self::Toml } else { Self::Yaml }
    }

    /// Its name and the ending of its files: `yaml`, `toml`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Toml => "toml",
        }
    }
}

/// The text of the settings file at `path`.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn file_text(path: &Path) -> Result<String, Error> {
    read_text(path).map_err(Error::from)
}

/// The text of the file at `path`.
pub(super) fn read_text(path: &Path) -> Result<String, Problem> {
    let bytes = std::fs::read(path).map_err(|error| {
        let problem = Problem::new(format!("cannot read `{}`: {error}", plain(path).display()));
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                problem.hint("make it readable for the user that runs innkeeper")
            }
            io::ErrorKind::NotFound => problem.hint("`innkeeper serve` writes a default one"),
            _ => problem,
        }
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        not_utf8(&plain(path), error.as_bytes(), valid)
    })
}

/// A file that is not UTF-8, at the first byte that does not fit.
pub(super) fn not_utf8(path: &Path, bytes: &[u8], valid: usize) -> Problem {
    let text = String::from_utf8_lossy(&bytes[..valid]);
    let span = Lines::of(&text).span(valid, valid);
    let source = Source::new(path, text);
    source.unshown(span, "this is not text in UTF-8").hint("save the file as UTF-8")
}

/// The folder of a file; `.` when it is named without one.
pub(super) fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// `path` from `folder`, without a leading `./`.
pub(super) fn beside(folder: &Path, path: &Path) -> PathBuf {
    if folder == Path::new(".") { plain(path) } else { folder.join(plain(path)) }
}

/// The path without a leading `./`.
pub(super) fn plain(path: &Path) -> PathBuf {
    let rest: PathBuf = path.components().skip_while(|part| *part == Component::CurDir).collect();
    if rest.as_os_str().is_empty() { path.to_owned() } else { rest }
}
