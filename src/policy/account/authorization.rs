//! What an `Authorization` header holds: a name and a password, not yet believed.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use subtle::ConstantTimeEq;

/// The longest `Authorization` value that is decoded, in bytes.
pub(super) const LONGEST_VALUE: usize = 4096;
/// The longest password that is held against a hash, in bytes.
pub(super) const LONGEST_PASSWORD: usize = 1024;

/// What an `Authorization` header holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// Nothing: the header is missing or empty.
    Absent,
    /// Something that is not for us, such as `Bearer`.
    OtherScheme,
    /// `Basic`, but nobody can be read from it. It can match nothing, so it is answered 401 and, as in
    /// SillyTavern, no failure is counted.
    Malformed(Fault),
    /// A user name and a password.
    Basic(Credentials),
}

/// Why no credentials could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing follows the scheme, or more than one space does.
    NoCredentials,
    /// More than 4 KiB, or a password of more than 1 KiB.
    Long,
    /// What the base64 holds is not UTF-8 (RFC 7617 section 2.1).
    NotUtf8,
}

impl Authorization {
    /// Reads the value of the first `Authorization` line; an empty value is an absent header.
    ///
    /// The scheme is case-insensitive (RFC 9110 section 11.1; SillyTavern wants `Basic`). The rest is read
    /// as leniently as SillyTavern does, because no reading can make a wrong password right: base64 with
    /// or without padding, in either alphabet, other characters skipped, and whatever stands behind the
    /// padding or a second space left out. Without a colon the password is empty.
    #[must_use]
    pub fn read(value: &[u8]) -> Self {
        let whole = value.len();
        let value = value.trim_ascii();
        if value.is_empty() {
            return Self::Absent;
        }
        let mut words = value.split(|byte| *byte == b' ');
        if !words.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic")) {
            return Self::OtherScheme;
        }
        if whole > LONGEST_VALUE {
            return Self::Malformed(Fault::Long);
        }
        let Some(encoded) = words.next().filter(|word| !word.is_empty()) else {
            return Self::Malformed(Fault::NoCredentials);
        };
        let Ok(text) = String::from_utf8(decoded(encoded)) else {
            return Self::Malformed(Fault::NotUtf8);
        };
        let (user, password) = text.split_once(':').unwrap_or((&text, ""));
        if password.len() > LONGEST_PASSWORD {
            return Self::Malformed(Fault::Long);
        }
        Self::Basic(Credentials { user: user.to_owned(), password: Secret::new(password) })
    }
}

/// A user name and a password, as sent or as typed. Nothing is known about them yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user name, unverified.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Credentials {
    /// What a browser sends of them (RFC 7617). `None`: a name with a colon, which cannot be sent.
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        let pair = format!("{}:{}", self.user, self.password.expose());
        (!self.user.contains(':')).then(|| format!("Basic {}", STANDARD.encode(pair)))
    }

    /// Whether the password is short enough to be held against a hash: 1 KiB at most.
    #[must_use]
    pub fn are_readable(&self) -> bool {
        self.password.expose().len() <= LONGEST_PASSWORD
    }
}

/// A text that is never printed, and compared in constant time.
#[derive(Clone, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` to itself.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for a hash or a file of the owner's.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Base64 as Node reads it: both alphabets, other characters skipped, up to the first `=`.
fn decoded(encoded: &[u8]) -> Vec<u8> {
    const ENGINE: GeneralPurpose =
        GeneralPurpose::new(&alphabet::STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));
    let symbols = encoded.iter().take_while(|byte| **byte != b'=').filter_map(|byte| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Some(*byte),
        _ => None,
    });
    let mut symbols: Vec<u8> = symbols.collect();
    if symbols.len() % 4 == 1 {
        symbols.pop();
    }
    ENGINE.decode(symbols).expect("only symbols of the alphabet are left, in a length that base64 has")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> Authorization {
        let encoded = STANDARD.encode(text);
        Authorization::read(format!("Basic {encoded}").as_bytes())
    }

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials { user: user.to_owned(), password: Secret::new(password) }
    }

    #[test]
    fn credentials_are_split_at_the_first_colon() {
        for (text, user, password) in [
            ("user:word", "user", "word"),
            ("user:a:b:", "user", "a:b:"),
            (":word", "", "word"),
            ("user", "user", ""),
            ("j\u{f6}rg:p\u{e4}ss \u{20ac}", "j\u{f6}rg", "p\u{e4}ss \u{20ac}"),
        ] {
            assert_eq!(basic(text), Authorization::Basic(credentials(user, password)), "{text}");
        }
    }

    #[test]
    fn what_is_no_credentials_is_told_apart() {
        for (value, expected) in [
            (&b""[..], Authorization::Absent),
            (b"  ", Authorization::Absent),
            (b"Bearer x", Authorization::OtherScheme),
            (b"Basicx", Authorization::OtherScheme),
            (b"Basic\tdXNlcjp3b3Jk", Authorization::OtherScheme),
            (b"dXNlcjp3b3Jk", Authorization::OtherScheme),
            (b"\xff\xfe", Authorization::OtherScheme),
            (b"basic", Authorization::Malformed(Fault::NoCredentials)),
            (b"Basic  dXNlcjp3b3Jk", Authorization::Malformed(Fault::NoCredentials)),
            (b"Basic /w==", Authorization::Malformed(Fault::NotUtf8)),
            (b"Basic !", Authorization::Basic(credentials("", ""))),
            (b"Basic d", Authorization::Basic(credentials("", ""))),
            (b"Basic \xff\xfe", Authorization::Basic(credentials("", ""))),
        ] {
            assert_eq!(Authorization::read(value), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn long_values_and_long_passwords_are_not_decoded_but_a_long_bearer_is_only_another_scheme() {
        let password = "x".repeat(LONGEST_PASSWORD);
        assert_eq!(basic(&format!("u:{password}")), Authorization::Basic(credentials("u", &password)));
        assert_eq!(basic(&format!("u:{password}x")), Authorization::Malformed(Fault::Long));
        assert_eq!(basic(&"u".repeat(LONGEST_VALUE)), Authorization::Malformed(Fault::Long));
        // What is too long to be remembered is too long to be proven, or it would be proven again and again.
        let padded = format!("Basic dTp4{}", " ".repeat(LONGEST_VALUE));
        assert_eq!(Authorization::read(padded.as_bytes()), Authorization::Malformed(Fault::Long));
        let bearer = format!("Bearer {}", "x".repeat(LONGEST_VALUE));
        assert_eq!(Authorization::read(bearer.as_bytes()), Authorization::OtherScheme);
    }

    #[test]
    fn a_password_is_not_printed() {
        let printed = format!("{:?}", basic("user:canary"));
        assert!(printed.contains('…') && !printed.contains("canary"), "{printed}");
    }
}
