//! Values as YAML writes them, so that SillyTavern's reader (the npm package `yaml`) and ours read the same back.

use std::fmt::Write as _;

use super::super::Obstacle;
use crate::config::tree::Content;

/// How a text stood before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// Without quotes, where that is safe.
    None,
    /// `'it''s'`
    Single,
    /// `"it's"`
    Double,
}

impl Quotes {
    /// The quotes of a value as it was written.
    pub fn of(written: &str) -> Self {
        match written.as_bytes().first() {
            Some(b'\'') => Self::Single,
            Some(b'"') => Self::Double,
            _ => Self::None,
        }
    }
}

/// A value in one line: a scalar, a list in brackets, a section in braces.
pub fn flow(content: &Content, quotes: Quotes) -> Result<String, Obstacle> {
    let inner = |content: &Content| flow(content, Quotes::None);
    Ok(match content {
        Content::Null => "null".to_owned(),
        Content::Switch(_, text) | Content::Number(_, text) => text.clone(),
        Content::Text(text) => scalar(text, quotes)?,
        Content::List(nodes) => {
            let nodes: Result<Vec<String>, _> = nodes.iter().map(|node| inner(&node.content)).collect();
            format!("[{}]", nodes?.join(", "))
        }
        Content::Section(items) => {
            let item = |item: &crate::config::tree::Item| {
                Ok(format!("{}: {}", scalar(&item.name, Quotes::None)?, inner(&item.value.content)?))
            };
            let items: Result<Vec<String>, Obstacle> = items.iter().map(item).collect();
            format!("{{{}}}", items?.join(", "))
        }
    })
}

/// A text in one line, in its old quotes where those can hold it.
pub fn scalar(text: &str, quotes: Quotes) -> Result<String, Obstacle> {
    if text.contains(['\n', '\r']) {
        return Err("a text of more than one line cannot be written".into());
    }
    Ok(match quotes {
        Quotes::None if is_plain(text) => text.to_owned(),
        Quotes::None | Quotes::Single if text.chars().all(is_printable) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        _ => double(text),
    })
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\t' => out += "\\t",
            _ if is_printable(character) => out.push(character),
            // YAML 1.2, 5.7.
            _ => {
                let code = u32::from(character);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out + "\""
}

/// What may stand in a file as it is (YAML 1.2, 5.1), without what some reader takes for a line ending or leaves out.
fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        && u32::from(character) & 0xfffe != 0xfffe
}

/// Whether `text` without quotes is that text to every reader, also inside brackets.
fn is_plain(text: &str) -> bool {
    let inside = |c: char| {
        let mark = matches!(
            c,
            '-' | '_'
                | '.'
                | '/'
                | ':'
                | '%'
                | '+'
                | '@'
                | '*'
                | '='
                | '~'
                | '^'
                | '$'
                | ';'
                | '('
                | ')'
                | '?'
                | ' '
        );
        mark || c.is_alphanumeric()
    };
    let begins = text.starts_with(char::is_alphanumeric)
        || text.starts_with("::")
        || text
            .strip_prefix(['/', '.'])
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '/'));
    begins
        && text.chars().all(inside)
        && !text.ends_with([':', ' '])
        && !text.contains(": ")
        && !reads_as_other(text)
}

/// Whether a reader of YAML 1.1 or 1.2 may take `text` for null, a boolean, a number, a time or a date.
fn reads_as_other(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan", "inf", "nan",
        "infinity",
    ];
    // Most addresses, and there may be a million.
    if text.contains('/') || text.bytes().filter(|byte| *byte == b'.').count() > 1 {
        return false;
    }
    let lower = text.to_ascii_lowercase().replace('_', "");
    if WORDS.contains(&lower.as_str()) || lower.parse::<f64>().is_ok() {
        return true;
    }
    let number = |prefix: &str| {
        lower.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    // `1:30:00`, `2001-12-14t21:59:43.10-05:00`. An address has more points, or two colons in a row.
    let timely = lower.starts_with(|c: char| c.is_ascii_digit())
        && lower.bytes().all(|b| b.is_ascii_digit() || b"+-.:tz ".contains(&b))
        && !lower.contains("::");
    ["0x", "0o", "0b"].iter().any(|prefix| number(prefix)) || timely
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Source;
    use crate::config::yaml;

    #[test]
    fn every_text_is_read_back() {
        let texts = [
            ("", "''"),
            ("8000", "'8000'"),
            ("0123", "'0123'"),
            ("1e3", "'1e3'"),
            ("0x1F", "'0x1F'"),
            ("1_000", "'1_000'"),
            ("+1", "'+1'"),
            (".5", "'.5'"),
            (".inf", "'.inf'"),
            ("1:30", "'1:30'"),
            ("2001-12-14", "'2001-12-14'"),
            ("No", "'No'"),
            ("y", "'y'"),
            ("NULL", "'NULL'"),
            ("~", "'~'"),
            ("a: b", "'a: b'"),
            ("a:", "'a:'"),
            ("a #b", "'a #b'"),
            ("#a", "'#a'"),
            ("- a", "'- a'"),
            ("---", "'---'"),
            ("...", "'...'"),
            ("? a", "'? a'"),
            (" a", "' a'"),
            ("a ", "'a '"),
            ("a, b", "'a, b'"),
            ("[a]", "'[a]'"),
            ("it's", "'it''s'"),
            ("@a", "'@a'"),
            ("`a`", "'`a`'"),
            ("%a", "'%a'"),
            ("a\tb", "\"a\\tb\""),
            ("a\u{0}\u{85}\u{2028}\u{feff}", "\"a\\x00\\x85\\u2028\\ufeff\""),
            ("\u{1ffff}", "\"\\U0001ffff\""),
            ("<<", "'<<'"),
            (
                "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
                "'$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA'",
            ),
            ("::1", "::1"),
            ("fe80::", "'fe80::'"),
            ("127.0.0.1", "127.0.0.1"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.168.1.*", "192.168.1.*"),
            ("*", "'*'"),
            ("hunter2", "hunter2"),
            ("30d", "30d"),
            ("10 MiB", "10 MiB"),
            ("./a/b.pem", "./a/b.pem"),
            ("https://a.lan:8000/x", "https://a.lan:8000/x"),
            ("Größe", "Größe"),
        ];
        for (text, written) in texts {
            assert_eq!(scalar(text, Quotes::None).ok().unwrap(), written, "{text:?}");
            for quotes in [Quotes::None, Quotes::Single, Quotes::Double] {
                let scalar = scalar(text, quotes).ok().unwrap();
                for file in [
                    format!("a: {scalar} # c\n"),
                    format!("a: [{scalar}, {scalar}]\n"),
                    format!("a:\n- {scalar}"),
                ] {
                    let items = yaml::read(&Source::new("a", file.as_str()));
                    let items = items.unwrap_or_else(|problem| panic!("{problem}"));
                    let read = match &items[0].value.content {
                        Content::List(nodes) => nodes[0].content.clone(),
                        other => other.clone(),
                    };
                    assert!(matches!(read, Content::Text(read) if read == text), "{file}");
                }
            }
        }
        assert!(scalar("a\nb", Quotes::Double).is_err());
    }
}
