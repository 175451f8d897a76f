//! The one error type: what is wrong, what caused it, and what to type next; and the exit codes.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

type Source = Box<dyn StdError + Send + Sync>;

/// Something a person has to know about: one line that says what is wrong, the cause where there
/// is one, and hints with a command that works when pasted.
///
/// Messages are lower case, without a full stop, with the bad value in backticks.
#[derive(Debug)]
pub struct Error {
    message: String,
    source: Option<Source>,
    hints: Vec<String>,
}

impl Error {
    /// An error that says `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None, hints: Vec::new() }
    }

    /// The same error with the error that caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error with one more thing to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same error with every hint as `change` makes it.
    #[must_use]
    pub fn map_hints(mut self, change: impl FnMut(String) -> String) -> Self {
        self.hints = self.hints.into_iter().map(change).collect();
        self
    }

    /// What to do about it, most promising first.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// `text` as one word of a shell, for the command in a hint; as it is where that is safe.
#[must_use]
pub fn quoted(text: &str) -> String {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"/._-:,+@%".contains(&byte) || (cfg!(windows) && byte == b'\\')
    };
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A file as one word of a shell, and never a flag.
#[must_use]
pub fn quoted_file(file: &Path) -> String {
    let name = file.display().to_string();
    if name.starts_with('-') { quoted(&format!("./{name}")) } else { quoted(&name) }
}

/// How the process ends. The numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: yes, or done.
    Yes,
    /// 1: the answer is no (refused, a check failed).
    No,
    /// 2: there is no answer (usage, configuration, input or output).
    Unanswered,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Unanswered => 2,
        })
    }
}
