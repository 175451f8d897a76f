//! What the terminal can show.

use std::env;
use std::io::{self, IsTerminal};

/// The terminal, or what is assumed where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Letters in a line.
    pub width: usize,
    /// It shows more than ASCII.
    pub unicode: bool,
}

impl Screen {
    /// That of stdout; 80 letters wide where it is none.
    #[must_use]
    pub fn of_output() -> Self {
        let size = terminal_size::terminal_size_of(io::stdout());
        Self { width: size.map_or(80, |(width, _)| usize::from(width.0)), unicode: is_unicode() }
    }

    /// That of stdout; `None` where nobody looks at it.
    #[must_use]
    pub fn of_terminal() -> Option<Self> {
        Self::is_watched().then(Self::of_output)
    }

    /// Whether somebody looks at stdout.
    #[must_use]
    pub fn is_watched() -> bool {
        io::stdout().is_terminal()
    }
}

/// By the first of the variables that says something, as POSIX has it.
fn is_unicode() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    match said {
        Some(locale) => {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        None => cfg!(windows),
    }
}
