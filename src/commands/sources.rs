//! Where a command finds the settings, and how much it says.

use std::path::{Path, PathBuf};

use crate::config::{self, Effective, Flags, Found, Problems, Settings, Variables};
use crate::error::{Error, quoted, quoted_file};

/// The settings file of a command, and what lies over it.
pub struct Sources<'a> {
    /// The file, which is there.
    pub file: PathBuf,
    /// The command's own flags.
    pub flags: &'a Flags,
    /// The environment.
    pub variables: Variables,
}

impl<'a> Sources<'a> {
    /// Finds the file that `serve` would read.
    ///
    /// # Errors
    /// There is none, or a variable names it in a way that cannot be read.
    pub fn find(flags: &'a Flags) -> Result<Self, Vec<Error>> {
        let variables = Variables::of_process();
        match config::find(flags, &variables).map_err(|error| vec![error])? {
            Found::File(file) => Ok(Self { file, flags, variables }),
            Found::Missing(file) => Err(vec![missing(&file, flags)]),
        }
    }

    /// The settings as `serve` would take them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(&self) -> Result<Settings, Vec<Error>> {
        Settings::read(&self.file, self.flags, &self.variables).map_err(Problems::errors)
    }

    /// The same with the value of every setting, to show them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn effective(&self) -> Result<Effective, Vec<Error>> {
        Effective::read(&self.file, self.flags, &self.variables).map_err(Problems::errors)
    }

    /// What a command in a hint has to be told to find the same settings: ` --config 'x'`, or nothing.
    pub fn config_flag(&self) -> String {
        config_flag(self.flags)
    }
}

/// What a command in a hint has to be told to find the same settings.
pub fn config_flag(flags: &Flags) -> String {
    match &flags.config {
        Some(file) => format!(" --config {}", quoted_file(file)),
        None if flags.global => " --global".to_owned(),
        None => String::new(),
    }
}

/// The command that takes `entry` out of the list, or out of the guests; `config_flag` goes with it.
pub fn removal(entry: &str, config_flag: &str) -> String {
    removals(&[entry], config_flag)
}

/// The same for several entries.
pub fn removals(entries: &[impl AsRef<str>], config_flag: &str) -> String {
    let words: Vec<String> = entries.iter().map(|entry| quoted(entry.as_ref())).collect();
    let words = words.join(" ");
    if entries.iter().any(|entry| entry.as_ref().starts_with('-')) {
        return format!("innkeeper whitelist remove{config_flag} -- {words}");
    }
    format!("innkeeper whitelist remove {words}{config_flag}")
}

fn missing(file: &Path, flags: &Flags) -> Error {
    Error::new(format!("there are no settings at `{}`", file.display()))
        .hint("name the file: `--config FILE`")
        .hint(format!("write the default ones: `innkeeper config init{}`", config_flag(flags)))
}

/// How much is said besides data and errors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// Notices and warnings too.
    Full,
    /// `--quiet`.
    Quiet,
}

impl Speech {
    /// What `--quiet` makes of it.
    pub fn of(quiet: bool) -> Self {
        if quiet { Self::Quiet } else { Self::Full }
    }
}
