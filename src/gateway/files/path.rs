//! The path of a request as names below a folder: decoded once, strictly, and never upwards.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A request's path that names something below a folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    names: Vec<String>,
    /// Whether the path ends in a slash.
    folder: bool,
}

impl Target {
    /// Reads a percent-encoded path (RFC 3986 section 3.3). Nothing for a path that is not absolute, has an
    /// empty segment or a dot segment, a broken escape, an encoded slash or backslash, a control character,
    /// bytes that are not UTF-8, or a hidden name. Such paths are refused rather than repaired: every repair
    /// is a second reading of the path, and two readings are a hole.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        if path.is_empty() {
            return Some(Self { names: Vec::new(), folder: true });
        }
        let (path, folder) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
        let mut names = Vec::new();
        for segment in path.split('/') {
            let name = decode(segment)?;
            if !is_name(&name) || !may_be_shown(&name, names.is_empty()) {
                return None;
            }
            names.push(name);
        }
        Some(Self { names, folder })
    }

    /// Whether a folder was asked for, by a slash at the end.
    pub(super) fn is_folder(&self) -> bool {
        self.folder
    }

    /// Where it would be under `root`.
    pub(super) fn below(&self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        path.extend(&self.names);
        path
    }

    /// The path, encoded anew, with a slash at its end: the `Location` of a folder. It begins with exactly one
    /// slash, because no name is empty.
    pub(super) fn with_slash(&self) -> String {
        let mut out = String::from("/");
        for name in &self.names {
            encode(name, &mut out);
            out.push('/');
        }
        out
    }
}

/// Whether a name is shown at all: names that begin with a dot are not, but for `.well-known` right below the
/// root (RFC 8615).
pub(super) fn may_be_shown(name: &str, at_the_root: bool) -> bool {
    !name.starts_with('.') || (at_the_root && name == ".well-known")
}

/// Whether `name` is the name of one thing inside a folder, on this system. Dot segments are hidden names as
/// well; they are refused here on their own, so that showing more dot files could never let them through.
fn is_name(name: &str) -> bool {
    let forbidden = |letter: char| {
        // A colon names a drive or a stream on Windows.
        letter.is_control() || matches!(letter, '/' | '\\') || (cfg!(windows) && letter == ':')
    };
    // Windows drops a dot or a blank at the end, so `secret.` would be another name for `secret`.
    let trimmed = cfg!(windows) && name.ends_with(['.', ' ']);
    !name.is_empty() && name != "." && name != ".." && !name.contains(forbidden) && !trimmed
}

/// Decodes `%XX` once. A `%` without two hexadecimal digits, and bytes that are not UTF-8, are refused.
fn decode(segment: &str) -> Option<String> {
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hexadecimal(bytes.next()?)? << 4 | hexadecimal(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Encodes all but the unreserved letters of RFC 3986 section 2.3.
fn encode(name: &str, out: &mut String) {
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes whatever is written");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_below() {
        for (path, below, again) in [
            ("/", "", "/"),
            ("/a", "a", "/a/"),
            ("/a/b/", "a/b", "/a/b/"),
            ("/a%20b/%C3%A9", "a b/é", "/a%20b/%C3%A9/"),
            ("/%61+%2b", "a++", "/a%2B%2B/"),
            // Decoded once.
            ("/%2561", "%61", "/%2561/"),
            ("/%252e%252e", "%2e%2e", "/%252e%252e/"),
            ("/x..", "x..", "/x../"),
            ("/.well-known/acme", ".well-known/acme", "/.well-known/acme/"),
            ("/evil.example", "evil.example", "/evil.example/"),
            ("/a;b=c", "a;b=c", "/a%3Bb%3Dc/"),
            ("/a%3Fb%23", "a?b#", "/a%3Fb%23/"),
        ] {
            let target = Target::parse(path).expect(path);
            assert_eq!(target.below(Path::new("root")), Path::new("root").join(below), "`{path}`");
            assert_eq!(target.with_slash(), again, "`{path}`");
            assert_eq!(target.is_folder(), path.ends_with('/'), "`{path}`");
        }
    }

    #[test]
    fn paths_refused() {
        for path in [
            "",
            "a",
            "*",
            "//",
            "///",
            "//a",
            "/a//b",
            "/a//",
            "//evil.example/..",
            "/.",
            "/..",
            "/../a",
            "/a/..",
            "/a/../b",
            "/a/./b",
            "/%2e",
            "/%2e%2e/a",
            "/.%2e/a",
            "/%2E./a",
            "/a%2fb",
            "/a%2Fb",
            "/%2f",
            "/a%5cb",
            "/a\\b",
            "/..\\a",
            "/%00",
            "/a%00.txt",
            "/a%0a",
            "/%0d%0aSet-Cookie:a",
            "/%7f",
            "/%c2%9b",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/% 1",
            "/%u0041",
            "/%ff",
            "/%c0%ae%c0%ae/a",
            "/%c0%af",
            "/.env",
            "/...x",
            "/a/.git/config",
            "/%2eenv",
            "/a/.well-known/b",
            "/.well-known/.hidden",
            "/.well-knownx",
            "http://a/b",
        ] {
            assert_eq!(Target::parse(path), None, "`{path}`");
        }
    }

    #[test]
    fn dot_segments_are_no_names() {
        for (name, expected) in [(".", false), ("..", false), ("", false), ("a", true), (".a", true)] {
            assert_eq!(is_name(name), expected, "`{name}`");
        }
    }

    proptest! {
        #[test]
        fn no_path_leads_up(path in prop_oneof!["(/|%2[ef]|\\.|%5c|\\\\|a|%25|%00){0,12}", any::<String>()]) {
            if let Some(target) = Target::parse(&path) {
                let below = target.below(Path::new("/root"));
                prop_assert!(below.starts_with("/root"));
                prop_assert!(
                    below.components().all(|part| !matches!(part, std::path::Component::ParentDir)),
                    "{}", below.display()
                );
                let location = target.with_slash();
                prop_assert!(location.starts_with('/') && !location.starts_with("//"), "{}", location);
                prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic()));
                let again = Target::parse(&location);
                prop_assert_eq!(again.map(|again| again.names), Some(target.names));
            }
        }
    }
}
