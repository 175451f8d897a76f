//! What a person may choose: a user name, the handle of an account, a password; and a password made up for them.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Secret;
use super::authorization::LONGEST_PASSWORD;
use crate::error::Error;

/// Passwords below this many characters get a warning.
const SHORT: usize = 8;

/// A user name with which somebody can sign in: not empty, without a colon or a control character (RFC 7617).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::new("the user name is empty").hint("for example `user`"));
        }
        if text.contains(':') {
            return Err(colon(text));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::new(format!(
                "the user name `{}` has a control character",
                text.escape_debug()
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Why no name has a colon: in Basic credentials it ends the name.
pub(super) fn colon(name: &str) -> Error {
    let shown = name.escape_debug().to_string();
    Error::new(format!("the user name `{shown}` has a colon, so nobody can sign in with it"))
        .hint(format!("write `{}`", shown.replace(':', "-")))
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The handle of an account as SillyTavern makes it: `a`-`z` and digits in words with single dashes between them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle(String);

impl Handle {
    /// The handle.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The handle that SillyTavern makes of a name: `anna-muller` of `Änna Müller`. `None` where no letter is left.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let mut handle = String::new();
        let plain = name.nfd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase);
        for letter in plain.filter(|letter| !is_combining_mark(*letter)) {
            match unmarked(letter) {
                Some(letters) => handle.push_str(letters),
                None if letter.is_ascii_alphanumeric() => handle.push(letter),
                None if handle.is_empty() || handle.ends_with('-') => {}
                None => handle.push('-'),
            }
        }
        let handle = handle.trim_end_matches('-');
        (!handle.is_empty()).then(|| Self(handle.to_owned()))
    }
}

/// Small letters that are no letter of `a`-`z` with a mark, and what SillyTavern writes for them.
fn unmarked(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ĳ' => "ij",
        'þ' => "th",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ĸ' => "k",
        'ł' | 'ŀ' => "l",
        'ŋ' | 'ŉ' => "n",
        'ø' => "o",
        'ſ' => "s",
        'ŧ' => "t",
        _ => return None,
    })
}

impl FromStr for Handle {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match Self::of_name(text) {
            Some(handle) if handle.0 == text => Ok(handle),
            meant => {
                let error = Error::new(format!("`{}` is no handle of an account", text.escape_debug()));
                Err(match meant {
                    Some(handle) => error.hint(format!("SillyTavern would make `{handle}` of it")),
                    None => error,
                }
                .hint("a handle is made of small letters a-z, digits and single dashes between them"))
            }
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password that may be set.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword(Secret);

impl NewPassword {
    /// The password that somebody has chosen.
    ///
    /// # Errors
    /// Nothing at all; `password`, which stands in every default file; a control character, which RFC 7617 forbids;
    /// more than 1 KiB, which no login takes.
    pub fn chosen(text: &str) -> Result<Self, Error> {
        let wrong = if text.is_empty() {
            "the password is empty"
        } else if text.eq_ignore_ascii_case("password") {
            "that is the password of the default file, which everybody knows"
        } else if text.chars().any(char::is_control) {
            "the password has a control character, which cannot be typed at a login"
        } else if text.len() > LONGEST_PASSWORD {
            "the password is longer than 1 KiB"
        } else {
            return Ok(Self(Secret::new(text)));
        };
        Err(Error::new(wrong).hint("`--generate` makes up a good one"))
    }

    /// A password of 100 bits out of random bytes: five groups of four signs, none of which looks like another.
    #[must_use]
    pub fn generated(random: &[u8; 20]) -> Self {
        // As many as five bits can tell apart, so that each is as likely as the others.
        const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut text = String::with_capacity(24);
        for (number, byte) in random.iter().enumerate() {
            if number > 0 && number % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(SIGNS[usize::from(byte & 31)]));
        }
        Self(Secret::new(text))
    }

    /// Whether it is so short that a patient stranger finds it.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.expose().chars().count() < SHORT
    }

    /// The password itself.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_those_that_sillytavern_made_of_the_same_names() {
        for (name, handle) in [
            ("Ännä Müller_2 ", Some("anna-muller-2")),
            ("ALL", Some("all")),
            ("a--b", Some("a-b")),
            ("-x-", Some("x")),
            ("ß", Some("ss")),
            ("a.b", Some("a-b")),
            ("œuvre", Some("oeuvre")),
            ("ø", Some("o")),
            ("İ", Some("i")),
            ("2", Some("2")),
            ("Đ", Some("d")),
            ("naïve", Some("naive")),
            ("o'neil", Some("o-neil")),
            ("camelCase", Some("camelcase")),
            ("10th", Some("10th")),
            ("Æ", Some("ae")),
            ("ł", Some("l")),
            ("þ", Some("th")),
            ("ĸ", Some("k")),
            ("e\u{301}a", Some("ea")),
            ("a\u{20dd}b", Some("ab")),
            ("ſ", Some("s")),
            ("日本", None),
            ("..", None),
            ("ﬁ", None),
            ("Ⅳ", None),
            ("", None),
        ] {
            assert_eq!(Handle::of_name(name).map(|handle| handle.to_string()).as_deref(), handle, "{name}");
            assert_eq!(name.parse::<Handle>().is_ok(), handle == Some(name), "{name}");
        }
        let error = "Ännä".parse::<Handle>().unwrap_err();
        assert_eq!(error.to_string(), "`Ännä` is no handle of an account");
        assert_eq!(
            error.hints(),
            [
                "SillyTavern would make `anna` of it",
                "a handle is made of small letters a-z, digits and single dashes between them"
            ]
        );
    }

    #[test]
    fn user_names() {
        assert_eq!("jörg b".parse::<UserName>().unwrap().to_string(), "jörg b");
        for (text, message) in [
            ("", "the user name is empty"),
            ("a:b", "the user name `a:b` has a colon, so nobody can sign in with it"),
            ("a\tb", "the user name `a\\tb` has a control character"),
        ] {
            assert_eq!(text.parse::<UserName>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn passwords_that_are_none() {
        for text in ["", "password", "PassWord", "a\nb", "a\u{7f}", &"x".repeat(LONGEST_PASSWORD + 1)] {
            assert!(NewPassword::chosen(text).is_err(), "{text}");
        }
        for (text, short) in [("x", true), ("1234567", true), ("12345678", false), ("äöüäöü\u{20ac}", true)]
        {
            assert_eq!(NewPassword::chosen(text).unwrap().is_short(), short, "{text}");
        }
        assert_eq!(format!("{:?}", NewPassword::chosen("canary").unwrap()), "…");
    }

    #[test]
    fn a_password_that_is_made_up() {
        let bytes: [u8; 20] = std::array::from_fn(|number| u8::try_from(number * 13).unwrap());
        assert_eq!(NewPassword::generated(&bytes).secret().expose(), "ap4h-wbq5-ixcr-6jyd-s7kz");
        // The upper bits make no difference, the lower ones all.
        let signs: std::collections::BTreeSet<String> =
            (0..=255).map(|byte| NewPassword::generated(&[byte; 20]).secret().expose().to_owned()).collect();
        assert_eq!(signs.len(), 32);
    }
}
