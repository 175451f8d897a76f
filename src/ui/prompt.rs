//! What a person is asked on a terminal. Without one nothing is asked and the caller says what to type instead.

use std::io::{self, BufRead as _, IsTerminal, Read};

use super::{ask, notice, visible};
use crate::error::Error;

/// The longest line that is taken for a password, in bytes; more than any login takes.
const LONGEST_LINE: u64 = 64 * 1024;

/// How often a new password may be typed wrong.
const TRIES: usize = 3;

/// Whether somebody sits there who can be asked.
#[must_use]
pub fn is_possible() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a password, which is not shown while it is typed.
///
/// # Errors
/// No terminal, or one that is gone before the line is.
pub fn password(question: &str) -> Result<String, Error> {
    Terminal.ask(question)
}

/// Asks for a new password twice, and again when the two differ or `check` refuses it: three times in all.
///
/// # Errors
/// The last refusal; the same as of [`password`].
pub fn new_password<Password>(
    question: &str,
    check: impl Fn(&str) -> Result<Password, Error>,
) -> Result<Password, Error> {
    typed_twice(&mut Terminal, question, check, notice)
}

/// The first line of standard input, without its line end.
///
/// # Errors
/// Nothing there, more than 64 KiB, or something else than UTF-8.
pub fn first_line() -> Result<String, Error> {
    first_line_of(io::stdin().lock())
}

/// A yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `y` or `yes`.
    Yes,
    /// Everything else, nothing too.
    No,
}

/// Asks `question`; who only presses the enter key says no.
///
/// # Errors
/// The terminal is gone.
pub fn confirm(question: &str) -> Result<Answer, Error> {
    ask(&format!("{question} [y/N] "));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(unreadable)?;
    Ok(answer(&line))
}

fn answer(line: &str) -> Answer {
    let line = line.trim();
    if line.eq_ignore_ascii_case("y") || line.eq_ignore_ascii_case("yes") { Answer::Yes } else { Answer::No }
}

/// Somebody who types.
trait Typist {
    /// One line, not shown.
    fn ask(&mut self, question: &str) -> Result<String, Error>;
}

/// The person at the terminal of this process.
struct Terminal;

impl Typist for Terminal {
    fn ask(&mut self, question: &str) -> Result<String, Error> {
        #[cfg(unix)]
        outlive_interrupt().map_err(unreadable)?;
        rpassword::prompt_password(visible(question)).map_err(unreadable)
    }
}

/// From here on the interrupt key does not end the process by itself, but the question: the terminal, which shows
/// nothing while a password is typed, would stay like that.
#[cfg(unix)]
fn outlive_interrupt() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    signal(SignalKind::interrupt()).map(drop)
}

fn typed_twice<Password>(
    typist: &mut impl Typist,
    question: &str,
    check: impl Fn(&str) -> Result<Password, Error>,
    tell: impl Fn(&str),
) -> Result<Password, Error> {
    let mut tries = 1;
    loop {
        let typed = typist.ask(&format!("{question}: "))?;
        let refusal = match check(&typed) {
            Ok(password) if typist.ask("The same again: ")? == typed => return Ok(password),
            Ok(_) => Error::new("the two are not the same"),
            Err(error) => error,
        };
        if tries == TRIES {
            return Err(refusal.hint("nothing was changed"));
        }
        tries += 1;
        tell(&format!("{refusal}; try again"));
    }
}

fn first_line_of(input: impl Read) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let mut input = io::BufReader::new(input.take(LONGEST_LINE + 1));
    input.read_until(b'\n', &mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST_LINE {
        return Err(Error::new("the line on standard input is longer than 64 KiB"));
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(Error::new("there is no password on standard input"));
    }
    String::from_utf8(line.to_vec())
        .map_err(|_| Error::new("the password on standard input is not text in UTF-8"))
}

fn unreadable(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::Interrupted => Error::new("interrupted; nothing was changed"),
        io::ErrorKind::UnexpectedEof => Error::new("nothing was typed, so nothing was changed"),
        _ => Error::new("nothing could be read").caused_by(error),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Types these lines, and remembers what it was asked.
    struct Script<'a>(&'a [&'a str], Vec<String>);

    impl Typist for Script<'_> {
        fn ask(&mut self, question: &str) -> Result<String, Error> {
            self.1.push(question.to_owned());
            let (line, rest) = self.0.split_first().ok_or_else(|| Error::new("gone"))?;
            self.0 = rest;
            Ok((*line).to_owned())
        }
    }

    /// What comes of typing `lines`, and all that is said meanwhile.
    fn session(lines: &[&str]) -> (Result<String, String>, Vec<String>) {
        let said = RefCell::new(Vec::new());
        let check = |text: &str| {
            if text.is_empty() { Err(Error::new("empty")) } else { Ok(text.to_owned()) }
        };
        let mut typist = Script(lines, Vec::new());
        let result =
            typed_twice(&mut typist, "New", check, |text: &str| said.borrow_mut().push(text.to_owned()));
        let asked = typist.1.into_iter();
        (result.map_err(|error| error.to_string()), asked.chain(said.into_inner()).collect())
    }

    #[test]
    fn a_new_password_is_typed_twice() {
        let both = ["New: ", "The same again: "];
        assert_eq!(session(&["a", "a"]), (Ok("a".to_owned()), both.map(str::to_owned).to_vec()));
        let (result, said) = session(&["a", "b", "", "c", "c"]);
        assert_eq!(result.unwrap(), "c");
        assert_eq!(said[..5], [both[0], both[1], both[0], both[0], both[1]]);
        assert_eq!(said[5..], ["the two are not the same; try again", "empty; try again"]);
        let (result, said) = session(&["a", "b", "a", "b", "a", "b", "c", "c"]);
        assert_eq!((result.unwrap_err().as_str(), said.len()), ("the two are not the same", 8));
        assert_eq!(session(&["", "", "", "a", "a"]).0.unwrap_err(), "empty");
        assert_eq!(session(&["a"]).0.unwrap_err(), "gone");
    }

    #[test]
    fn one_line_without_its_end() {
        for (input, line) in [
            ("word\n", "word"),
            ("word", "word"),
            ("word\r\n", "word"),
            ("word\n\n", "word"),
            (" wo rd \nsecond\n", " wo rd "),
            ("a\rb\r\r\n", "a\rb\r"),
        ] {
            assert_eq!(first_line_of(input.as_bytes()).unwrap(), line, "{input:?}");
        }
        let long = "x".repeat(70_000);
        for (input, message) in [
            (&b""[..], "there is no password on standard input"),
            (b"\n", "there is no password on standard input"),
            (b"\r\nword", "there is no password on standard input"),
            (b"\xff\n", "the password on standard input is not text in UTF-8"),
            (long.as_bytes(), "the line on standard input is longer than 64 KiB"),
        ] {
            assert_eq!(first_line_of(input).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn only_a_yes_is_one() {
        for (line, expected) in [
            ("y\n", Answer::Yes),
            (" YES \r\n", Answer::Yes),
            ("\n", Answer::No),
            ("", Answer::No),
            ("yeah\n", Answer::No),
        ] {
            assert_eq!(answer(line), expected, "{line:?}");
        }
    }
}
