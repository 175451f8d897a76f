//! What stands in a sign-in form, and where it may lead.

/// The fields of the form; each at most once.
#[derive(Default, PartialEq, Eq)]
pub struct Fields {
    /// `username`.
    pub username: Option<String>,
    /// `password`.
    pub password: Option<String>,
    /// `next`, unchecked.
    pub next: Option<String>,
}

/// A form that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Fields {
    /// Reads `application/x-www-form-urlencoded` (URL standard, section 5.1). Other fields are passed over.
    ///
    /// # Errors
    /// A field of ours that is there twice, or not UTF-8, or holds a `%` that begins no byte.
    pub fn read(form: &[u8]) -> Result<Self, Unreadable> {
        let mut fields = Self::default();
        for pair in form.split(|byte| *byte == b'&') {
            let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let field = match &pair[..end] {
                b"username" => &mut fields.username,
                b"password" => &mut fields.password,
                b"next" => &mut fields.next,
                _ => continue,
            };
            if field.replace(decoded(pair.get(end + 1..).unwrap_or_default())?).is_some() {
                return Err(Unreadable);
            }
        }
        Ok(fields)
    }
}

/// A `+` is a space, `%` and two digits a byte.
fn decoded(value: &[u8]) -> Result<String, Unreadable> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit =
                    || rest.next().and_then(|digit| char::from(*digit).to_digit(16)).ok_or(Unreadable);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).map_err(|_| Unreadable)?
            }
            byte => *byte,
        });
    }
    String::from_utf8(out).map_err(|_| Unreadable)
}

/// The longest path that a sign-in leads to, in bytes.
const LONGEST_PATH: usize = 4096;

/// `path` if it is one of this server, else the root: a link to the form must not lead to another website once
/// somebody has trusted it with a password.
///
/// One `/` and no second, nor `\`, which browsers read as one; no control character, which they leave out; nothing but
/// ASCII, as a path is sent; and not to our own pages, which lead nowhere.
#[must_use]
pub fn next_path(path: &str) -> &str {
    let plain =
        path.len() <= LONGEST_PATH && path.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'\\');
    let own =
        path.strip_prefix("/.innkeeper").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    if plain && path.starts_with('/') && !path.starts_with("//") && !own { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(form: &str) -> Option<(Option<String>, Option<String>, Option<String>)> {
        Fields::read(form.as_bytes()).ok().map(|fields| (fields.username, fields.password, fields.next))
    }

    #[test]
    fn forms_are_read_as_browsers_write_them() {
        let some = |text: &str| Some(text.to_owned());
        for (form, expected) in [
            (
                "next=%2Fa%3Fb%3Dc&username=ann&password=hunter2",
                (some("ann"), some("hunter2"), some("/a?b=c")),
            ),
            ("username=j%C3%B6rg&password=a+b%2B%26%3D%25=", (some("jörg"), some("a b+&=%="), None)),
            ("password=&username", (some(""), some(""), None)),
            ("other=%zz&&=x&username=a", (some("a"), None, None)),
            ("user%6eame=a", (None, None, None)),
            ("", (None, None, None)),
        ] {
            assert_eq!(read(form), Some(expected), "{form}");
        }
        for form in ["username=a&username=b", "password=%ff", "password=%", "password=%1", "next=%+1"] {
            assert_eq!(read(form), None, "{form}");
        }
        assert!(Fields::read(b"password=\xff").is_err());
    }

    #[test]
    fn a_sign_in_leads_to_a_path_of_this_server_only() {
        for path in [
            "/",
            "/a",
            "/a//b",
            "/a?next=https://evil.test",
            "/a%0d%0a",
            "/.//evil.test",
            "/a@b",
            "/.innkeepers",
            "/@evil",
        ] {
            assert_eq!(next_path(path), path);
        }
        let long = format!("/{}", "x".repeat(LONGEST_PATH));
        for path in [
            "",
            "a",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "/a\\b",
            "https://evil.test",
            "https:/evil.test",
            "javascript:alert(1)",
            " /a",
            "/a b",
            "/\t/evil.test",
            "/\n/evil.test",
            "\t//evil.test",
            "/a\r\nSet-Cookie: x=y",
            "/\u{0}",
            "/caf\u{e9}",
            "/\u{7f}",
            "/.innkeeper/signout",
            "/.innkeeper",
            "/.innkeeper?x",
            "?x",
            "#x",
            &long,
        ] {
            assert_eq!(next_path(path), "/", "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(password in any::<String>()) {
            let encoded: String = password.bytes().flat_map(|byte| format!("%{byte:02X}").into_bytes()).map(char::from).collect();
            let fields = read(&format!("username=a&password={encoded}"));
            prop_assert_eq!(fields, Some((Some("a".to_owned()), Some(password), None)));
        }

        #[test]
        fn no_bytes_make_it_panic(form in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Fields::read(&form);
        }
    }
}
