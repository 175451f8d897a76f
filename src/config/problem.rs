//! How a mistake in the settings is told: place, line, caret, hint, and never a password.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use super::layer::Syntax;
use super::tree::Span;
use crate::error::Error;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The command line; the flag as `--help` spells it.
    Flag(String),
    /// The environment variable of that name.
    Variable(String),
    /// A line of a file; both numbers count from 1.
    File {
        /// The file, as it was named when it was opened.
        path: PathBuf,
        /// Line.
        line: usize,
        /// Column in characters.
        column: usize,
    },
    /// Nobody said anything.
    Default,
}

/// `--port`, `INNKEEPER_PORT`, `config.yaml:14`, `default`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, line, .. } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One mistake, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    message: String,
    excerpt: Option<Excerpt>,
    hints: Vec<String>,
}

impl Problem {
    /// A mistake outside any file: in a flag, a variable, or between settings.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), excerpt: None, hints: Vec::new() }
    }

    /// The same with one more thing to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same with all of `hints`.
    #[must_use]
    pub fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    pub(super) fn boxed(self) -> Box<Self> {
        Box::new(self)
    }
}

/// The first line says where and what; then the line itself with a caret. Hints are not part of it.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.excerpt.as_ref().map_or(Ok(()), |excerpt| write!(f, "\n{excerpt}"))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let message = problem.to_string();
        problem.hints.into_iter().fold(Self::new(message), Self::hint)
    }
}

/// Every mistake of one reading, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: impl Into<Problem>) {
        self.0.push(problem.into());
    }

    /// Adds all of them.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.0.extend(problems);
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The mistakes as errors to print, in order.
    #[must_use]
    pub fn errors(self) -> Vec<Error> {
        self.0.into_iter().map(Error::from).collect()
    }
}

impl From<Box<Problem>> for Problem {
    fn from(problem: Box<Problem>) -> Self {
        *problem
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// Plain text, as a terminal shows it: `error:` and `hint:` before each, a blank line between two.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            writeln!(f, "error: {problem}")?;
            for hint in &problem.hints {
                writeln!(f, "hint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A settings file as text, with what must not be shown of it; hence no `Debug`.
#[derive(Clone)]
pub struct Source {
    /// The file, as it was named.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
    /// The bytes of passwords, in order.
    pub hidden: Vec<Range<usize>>,
}

impl Source {
    /// The text of the file at `path`; a BOM before it is dropped.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Self { path: path.into(), text, hidden: Vec::new() }
    }

    /// The origin of a value at `span`.
    #[must_use]
    pub fn origin(&self, span: Span) -> Origin {
        Origin::File { path: self.path.clone(), line: span.line, column: span.column }
    }

    /// A mistake at `span`, told with its line.
    #[must_use]
    pub fn problem(&self, span: Span, message: impl fmt::Display) -> Problem {
        Problem {
            message: self.located(span, &message),
            excerpt: Some(Excerpt::cut(&self.text, span, &self.hidden)),
            hints: Vec::new(),
        }
    }

    /// A mistake at `span`, told without its line.
    #[must_use]
    pub fn unshown(&self, span: Span, message: impl fmt::Display) -> Problem {
        Problem::new(self.located(span, &message))
    }

    /// A mistake of syntax at `span`, in the reader's words. Nothing is known about the values yet, so a line that
    /// may hold a password, or go on with one, is neither shown nor described.
    #[must_use]
    pub fn unreadable(&self, span: Span, words: &str) -> Problem {
        if may_be_secret(&self.text, span.line) {
            let hint = match Syntax::of(&self.path) {
                Syntax::Yaml => "put a password in single quotes, and a single quote in it twice: 'it''s'",
                Syntax::Toml => "put a password in single quotes, or in three on each side: '''it's'''",
            };
            return self
                .unshown(span, "this line cannot be read (not shown, it may hold a password)")
                .hint(hint);
        }
        self.problem(span, words)
    }

    fn located(&self, span: Span, message: &dyn fmt::Display) -> String {
        format!("{}:{}:{}: {message}", self.path.display(), span.line, span.column)
    }
}

/// Whether the nearest `name:` (or `name =`) at or above `line` names a secret. Counts lines from 1.
fn may_be_secret(text: &str, line: usize) -> bool {
    let names = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with('#') && line.contains([':', '='])
    };
    let lines: Vec<&str> = text.lines().take(line).collect();
    let secret = |line: &str| {
        let line = line.to_ascii_lowercase();
        ["pass", "secret", "basicauthuser"].iter().any(|word| line.contains(word))
    };
    // The line itself, and the last one above it that names something.
    lines.last().copied().is_some_and(secret)
        || lines.iter().rev().skip(1).find(|line| names(line)).copied().is_some_and(secret)
}

/// One line of a file, with a caret under the part that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    line: usize,
    text: String,
    indent: usize,
    width: usize,
}

impl Excerpt {
    /// How much of a long line is shown, in characters.
    const WIDTH: usize = 100;

    fn cut(text: &str, span: Span, hidden: &[Range<usize>]) -> Self {
        let start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[span.start..].find('\n').map_or(text.len(), |newline| span.start + newline);
        let meant = span.start..span.end.min(end).max(span.start);
        let mut shown = String::new();
        let (mut indent, mut width) = (0_usize, 0_usize);
        for (offset, character) in text[start..end].char_indices() {
            let at = start + offset;
            let Some(character) = visible(character, at, hidden) else { continue };
            shown.push(character);
            if at < meant.start {
                indent += 1;
            } else if at < meant.end {
                width += 1;
            }
        }
        // A long line is shown from shortly before the caret on.
        let mut text = shown.trim_end().to_owned();
        if text.chars().count() > Self::WIDTH {
            let skip = indent.saturating_sub(Self::WIDTH / 2);
            text = text.chars().skip(skip).take(Self::WIDTH).collect();
            indent -= skip;
            width = width.min(Self::WIDTH.saturating_sub(indent));
        }
        Self { line: span.line, text, indent, width: width.max(1) }
    }
}

/// One `…` for a hidden part, whatever its length; a blank for what would move the caret or the cursor.
fn visible(character: char, at: usize, hidden: &[Range<usize>]) -> Option<char> {
    match hidden.iter().find(|range| range.contains(&at)) {
        Some(range) if range.start == at => Some('…'),
        Some(_) => None,
        None if character.is_control() => Some(' '),
        None => Some(character),
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = number.len();
        writeln!(f, " {:margin$} |", "")?;
        writeln!(f, " {number} | {}", self.text)?;
        write!(f, " {:margin$} | {:indent$}{}", "", "", "^".repeat(self.width), indent = self.indent)
    }
}
