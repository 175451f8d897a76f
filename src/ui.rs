//! Everything printed. Data goes to stdout, talk to stderr.
//!
//! A reader that went away (`innkeeper … | head`) is none of the writer's business; data that a full disk did not take
//! is told, and ends in another exit code ([`is_lost`]). Control characters and those that turn a line around are
//! escaped at this door, whoever forgot to do it before.

mod code;
mod data;
mod progress;
pub mod prompt;
mod screen;
mod shortened;
mod table;

use std::borrow::Cow;
use std::env;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

pub use self::code::code;
pub use self::data::{Data, Delivery};
pub use self::progress::{Progress, Unit};
pub use self::screen::Screen;
pub use self::table::{Concession, aligned, fitted};
use crate::error::Error;

/// Prints `text` and a line end to stdout.
pub fn line(text: &str) {
    print(&format!("{}\n", visible(text)));
}

/// Prints `text`, which has line ends of its own, to stdout.
pub fn text(text: &str) {
    print(&visible(text));
}

/// Prints `text` to stdout as it is, for another program: no byte of it may have come from outside unchecked.
pub fn exact(text: &str) {
    print(text);
}

/// Prints rows to stdout: on a terminal in columns under `titles`, else each as a line with tabs and no titles, for
/// `cut` and `awk`.
pub fn table<const COLUMNS: usize>(titles: [&str; COLUMNS], rows: &[[String; COLUMNS]]) {
    print(&if io::stdout().is_terminal() { aligned(titles, rows) } else { table::tabbed(rows) });
}

/// Whether somebody looks at what goes to stdout.
#[must_use]
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether data for stdout did not arrive, which a reader that has enough is no case of. Somebody was told.
#[must_use]
pub fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

static LOST: AtomicBool = AtomicBool::new(false);

/// Writes data to stdout.
fn print(text: &str) {
    let written = data::delivered(data::write_all(&mut io::stdout().lock(), text.as_bytes()));
    if let Err(failed) = written
        && !LOST.swap(true, Ordering::Relaxed)
    {
        error(&Error::new("cannot write to standard output").caused_by(failed));
    }
}

/// Prints `text` and a line end to stderr, as it is.
pub fn notice(text: &str) {
    write_to(io::stderr().lock(), &format!("{}\n", visible(text)));
}

/// Prints `question` to stderr and stays in the line.
fn ask(question: &str) {
    write_to(io::stderr().lock(), &visible(question));
}

/// Prints `warning: ` with `text` to stderr.
pub fn warning(text: &str) {
    let stderr = io::stderr().lock();
    let colour = Colour::of(&stderr);
    write_to(stderr, &describe_warning(text, colour));
}

/// Prints `warning` to stderr as [`error`] does, but as a warning.
pub fn advice(warning: &Error) {
    let stderr = io::stderr().lock();
    let colour = Colour::of(&stderr);
    write_to(stderr, &told(warning, &colour.paint(YELLOW, "warning:"), colour));
}

/// Prints `error` to stderr: `error: …`, then `  caused by: …` for each of its causes, then `hint: …` for each
/// thing to do about it.
pub fn error(error: &Error) {
    let stderr = io::stderr().lock();
    let colour = Colour::of(&stderr);
    write_to(stderr, &describe(error, colour));
}

fn describe_warning(text: &str, colour: Colour) -> String {
    format!("{} {}\n", colour.paint(YELLOW, "warning:"), visible(text))
}

fn describe(error: &Error, colour: Colour) -> String {
    told(error, &colour.paint(RED, "error:"), colour)
}

fn told(error: &Error, word: &str, colour: Colour) -> String {
    let mut out = format!("{word} {}\n", visible(&error.to_string()));
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = writeln!(out, "  caused by: {}", visible(&error.to_string()));
        cause = error.source();
    }
    for hint in error.hints() {
        let _ = writeln!(out, "{} {}", colour.paint(CYAN, "hint:"), visible(hint));
    }
    out
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[1;36m";
const RESET: &str = "\x1b[0m";

/// Whether a stream shows colours. They only underline what the words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    Off,
    On,
}

impl Colour {
    /// On for a terminal, without a `NO_COLOR` that holds anything (<https://no-color.org>).
    fn of(stream: &impl IsTerminal) -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        // The old console of Windows prints the codes; the newer terminals say who they are.
        let unable = cfg!(windows) && env::var_os("WT_SESSION").is_none() && env::var_os("TERM").is_none();
        if stream.is_terminal() && !unwanted && !unable { Self::On } else { Self::Off }
    }

    fn paint(self, code: &str, word: &str) -> String {
        match self {
            Self::Off => word.to_owned(),
            Self::On => format!("{code}{word}{RESET}"),
        }
    }
}

/// One write, so that lines of several threads do not mix. Talk that nobody can hear is no failure.
fn write_to(mut stream: impl Write, text: &str) {
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// `text` with everything that could steer a terminal, or show a line in another order than it was written,
/// as `\uXXXX`, which also means the same in JSON.
fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if steers(letter) {
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    Cow::Owned(out)
}

/// `text` as it may stand in a line of [`Data`]: escaped as everything that is printed, and without tabs and line ends.
#[must_use]
pub fn escaped(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

fn steers(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => true,
        letter => letter.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Error {
        let deepest = Error::new("permission denied");
        let cause = Error::new("cannot open `a`").caused_by(deepest);
        Error::new("cannot read the list").caused_by(cause).hint("run `chmod u+r a`").hint("or `rm a`")
    }

    #[test]
    fn an_error_with_its_causes_and_hints() {
        assert_eq!(
            describe(&failure(), Colour::Off),
            "error: cannot read the list\n  caused by: cannot open `a`\n  caused by: permission denied\n\
             hint: run `chmod u+r a`\nhint: or `rm a`\n"
        );
        assert_eq!(
            describe(&Error::new("no").hint("yes"), Colour::On),
            "\x1b[1;31merror:\x1b[0m no\n\x1b[1;36mhint:\x1b[0m yes\n"
        );
    }

    #[test]
    fn a_warning() {
        assert_eq!(describe_warning("everyone may come in", Colour::Off), "warning: everyone may come in\n");
        assert_eq!(describe_warning("x", Colour::On), "\x1b[1;33mwarning:\x1b[0m x\n");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(visible("Größe\t😀\n  x"), "Größe\t😀\n  x");
        assert_eq!(
            visible("a\x1b[2J\r\u{9b}\u{7f}\u{202e}\u{2067}b"),
            r"a\u001b[2J\u000d\u009b\u007f\u202e\u2067b"
        );
        let told = describe(&Error::new("bad `\x1b]0;x\x07`").caused_by("\u{85}").hint("\0"), Colour::Off);
        assert_eq!(told, "error: bad `\\u001b]0;x\\u0007`\n  caused by: \\u0085\nhint: \\u0000\n");
    }

    /// A reader that went away.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        write_to(Closed, "x");
    }

    #[test]
    fn no_colour_where_nobody_looks() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Colour::of(&file), Colour::Off);
    }
}
