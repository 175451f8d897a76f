//! Lists as others write them: one entry a line, CSV, the lines of a server's settings. What a line lets in is taken;
//! what keeps somebody out, lets in everybody or means nothing is told apart.

use std::fmt;

use crate::error::Error;
use crate::policy::address::Entry;

/// What a line of a list says.
#[derive(Debug)]
pub enum Line<'a> {
    /// Nothing: it is empty, a comment, or the titles of the columns.
    Nothing,
    /// These may come in; `note` is the comment behind them.
    Entries {
        /// As they are written, and as they mean.
        entries: Vec<(&'a str, Entry)>,
        /// Without the sign it begins with.
        note: Option<&'a str>,
    },
    /// Nothing that can be taken.
    Junk(Junk<'a>),
}

/// Why a line cannot be taken.
#[derive(Debug)]
pub enum Junk<'a> {
    /// It keeps somebody out. A list of those who may come in has no place for it.
    Denies(&'a str),
    /// It lets in everybody.
    Everybody(&'a str),
    /// One word, which may be anything.
    Word(&'a str),
    /// It is no entry.
    Unreadable(Error),
}

impl<'a> Line<'a> {
    /// Reads a line; titles are looked for in the first line that says anything.
    pub fn read(line: &'a str, may_be_titles: bool) -> Self {
        let line = line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let (text, note) = split(line);
        if text.is_empty() {
            return Self::Nothing;
        }
        if let Some(directive) = directive(text) {
            return match directive {
                Directive::Allow(words) => {
                    Self::taken(words.split([' ', '\t']).filter(|word| !word.is_empty()), note)
                }
                Directive::Deny => Self::Junk(Junk::Denies(line)),
            };
        }
        let cell = first_cell(text);
        if may_be_titles && TITLES.iter().any(|title| title.eq_ignore_ascii_case(cell)) {
            return Self::Nothing;
        }
        // In whichever column: `10.0.0.1,deny`, `10.0.0.1;deny`.
        if cells(text).chain(note.into_iter().flat_map(|note| note.split(';').map(str::trim))).any(denies) {
            return Self::Junk(Junk::Denies(line));
        }
        Self::taken(std::iter::once(cell), note)
    }

    fn taken(texts: impl Iterator<Item = &'a str>, note: Option<&'a str>) -> Self {
        let entries: Result<Vec<_>, Junk<'a>> = texts.map(|text| Ok((text, entry(text)?))).collect();
        match entries {
            Ok(entries) if entries.is_empty() => Self::Nothing,
            Ok(entries) => Self::Entries { entries, note },
            Err(junk) => Self::Junk(junk),
        }
    }
}

/// An entry that may be taken without anybody having looked at it.
fn entry(text: &str) -> Result<Entry, Junk<'_>> {
    if text.eq_ignore_ascii_case("all") {
        return Err(Junk::Everybody(text));
    }
    let entry: Entry = text.parse().map_err(Junk::Unreadable)?;
    match &entry {
        Entry::Pattern(pattern) if pattern.is_everyone() => Err(Junk::Everybody(text)),
        // In somebody else's list a word is more often a title or a command than a machine.
        Entry::Name(name) if !name.as_str().contains('.') && name.as_str() != "localhost" => {
            Err(Junk::Word(text))
        }
        _ => Ok(entry),
    }
}

/// A line of nginx (`allow 10.0.0.1;`) or Apache (`Allow from 10.0.0.1 10.0.0.2`, `Require ip 10.0.0.0/8`).
enum Directive<'a> {
    /// With what it lets in.
    Allow(&'a str),
    Deny,
}

fn directive(text: &str) -> Option<Directive<'_>> {
    let (first, rest) = text.split_once([' ', '\t'])?;
    let rest = rest.trim_start();
    let behind = |word: &str| {
        let (head, tail) = rest.split_once([' ', '\t'])?;
        head.eq_ignore_ascii_case(word).then(|| tail.trim_start())
    };
    let is = |word: &&str| first.eq_ignore_ascii_case(word);
    if is(&"allow") {
        return Some(Directive::Allow(behind("from").unwrap_or(rest)));
    }
    if is(&"require") {
        // `Require all granted` is left with `all`.
        return match behind("ip").or_else(|| behind("host")).or_else(|| behind("all").map(|_| "all")) {
            Some(_) if behind("all").is_some_and(|what| what.eq_ignore_ascii_case("denied")) => {
                Some(Directive::Deny)
            }
            Some(words) => Some(Directive::Allow(words)),
            None => behind("not").map(|_| Directive::Deny),
        };
    }
    denies(first).then_some(Directive::Deny)
}

/// Whether a word is one with which others keep somebody out.
fn denies(word: &str) -> bool {
    const DENYING: &[&str] = &[
        "deny",
        "denied",
        "reject",
        "rejected",
        "drop",
        "dropped",
        "block",
        "blocked",
        "ban",
        "banned",
        "disallow",
        "disallowed",
        "refuse",
        "refused",
        "blacklist",
        "blacklisted",
    ];
    DENYING.iter().any(|denying| denying.eq_ignore_ascii_case(word))
}

/// What the first column of a table of addresses is called.
const TITLES: &[&str] = &[
    "address",
    "addresses",
    "addr",
    "cidr",
    "client",
    "entry",
    "host",
    "hostname",
    "ip",
    "ip address",
    "ip_address",
    "ip-address",
    "ipaddress",
    "ips",
    "ipv4",
    "ipv6",
    "network",
    "networks",
    "prefix",
    "range",
    "source",
    "subnet",
];

/// A line without its comment, and the comment.
fn split(line: &str) -> (&str, Option<&str>) {
    let bytes = line.as_bytes();
    // Within the quotes of a first cell there is no comment.
    let from = line.strip_prefix('"').and_then(|rest| rest.find('"')).map_or(0, |at| at + 2);
    let begins = |at: usize| match bytes[at] {
        b'#' | b';' => true,
        // Not the one of a URL.
        b'/' => bytes.get(at + 1) == Some(&b'/') && (at == 0 || bytes[at - 1].is_ascii_whitespace()),
        _ => false,
    };
    let Some(at) = (from..bytes.len()).find(|at| begins(*at)) else { return (line, None) };
    let comment = line[at..].trim_start_matches(['#', ';', '/', ' ', '\t']).trim_end();
    let shown = !comment.is_empty() && !comment.chars().any(char::is_control);
    (line[..at].trim_end(), shown.then_some(comment))
}

/// The columns of CSV, of which a comma in quotes makes more.
fn cells(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\t']).map(|cell| cell.trim().trim_matches('"').trim())
}

/// The first column of CSV: before a comma or a tab, or in quotes.
fn first_cell(text: &str) -> &str {
    if let Some((cell, rest)) = text.strip_prefix('"').and_then(|rest| rest.split_once('"'))
        && (rest.is_empty() || rest.starts_with([',', '\t', ' ']))
    {
        return cell.trim();
    }
    text.split([',', '\t']).next().unwrap_or(text).trim()
}

impl fmt::Display for Junk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denies(line) => {
                write!(
                    f,
                    "`{}` keeps somebody out, and the whitelist only says who comes in",
                    shortened(line)
                )
            }
            Self::Everybody(text) => {
                write!(f, "`{text}` lets in everybody; if that is meant, say `innkeeper whitelist add '*'`")
            }
            Self::Word(word) => write!(
                f,
                "`{word}` is one word and may be anything; if it is a host name, say `innkeeper whitelist add {word}`"
            ),
            Self::Unreadable(error) => {
                write!(f, "{error}")?;
                error.hints().first().map_or(Ok(()), |hint| write!(f, "; {hint}"))
            }
        }
    }
}

/// Enough of a line to find it again.
fn shortened(line: &str) -> String {
    if line.chars().count() <= 60 { line.to_owned() } else { line.chars().take(59).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        match Line::read(line, true) {
            Line::Nothing => "-".to_owned(),
            Line::Entries { entries, note } => {
                let texts: Vec<&str> = entries.iter().map(|(text, _)| *text).collect();
                note.map_or(texts.join(" "), |note| format!("{} # {note}", texts.join(" ")))
            }
            Line::Junk(junk) => format!("! {junk}"),
        }
    }

    #[test]
    fn what_a_line_says() {
        for (line, expected) in [
            ("10.0.0.1", "10.0.0.1"),
            ("\u{feff}10.0.0.1\r", "10.0.0.1"),
            ("  2001:db8::/32  ", "2001:db8::/32"),
            ("", "-"),
            ("  # 10.0.0.1", "-"),
            ("; 10.0.0.1", "-"),
            ("// 10.0.0.1", "-"),
            ("10.0.0.1#Ann", "10.0.0.1 # Ann"),
            ("10.0.0.0/24 ; SBL123", "10.0.0.0/24 # SBL123"),
            ("10.0.0.1 // Ann's phone", "10.0.0.1 # Ann's phone"),
            ("10.0.0.1 #", "10.0.0.1"),
            ("10.0.0.1,Ann,7", "10.0.0.1"),
            ("\"10.0.0.1\",\"Ann, Bob\"", "10.0.0.1"),
            ("\"10.0.0.1\" # Ann", "10.0.0.1 # Ann"),
            ("10.0.0.1;Ann", "10.0.0.1 # Ann"),
            ("10.0.0.1\tAnn", "10.0.0.1"),
            ("ip,name", "-"),
            ("\"IP Address\",\"Name\"", "-"),
            ("allow 10.0.0.1;", "10.0.0.1"),
            ("\tallow\t10.0.0.1; # Ann", "10.0.0.1 # Ann"),
            ("Allow from 10.0.0.1  10.0.0.2", "10.0.0.1 10.0.0.2"),
            ("Require ip 10.0.0.0/8 ::1", "10.0.0.0/8 ::1"),
            ("Require host phone.lan", "phone.lan"),
            ("phone.lan", "phone.lan"),
            ("tailscale", "tailscale"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(told(line), expected, "{line:?}");
        }
        let denies =
            |line: &str| format!("! `{line}` keeps somebody out, and the whitelist only says who comes in");
        for line in [
            "deny all;",
            "Deny from 10.0.0.1",
            "Require not ip 10.0.0.1",
            "Require all denied",
            "DROP,10.0.0.1",
            "10.0.0.1,deny",
            "10.0.0.1, Ann, Denied",
            "\"10.0.0.1\",\"BLOCK\"",
            "10.0.0.1\tdrop",
            "10.0.0.1;ban;7",
            "10.0.0.1 # blocked",
        ] {
            assert_eq!(told(line), denies(line));
        }
        for line in
            ["allow all;", "Allow from all", "Require all granted", "*", "0.0.0.0/0", "10.0.0.1/0", "::/0"]
        {
            assert!(told(line).contains("lets in everybody"), "{line}: {}", told(line));
        }
        for line in [
            "10.0.0.1 REJECT",
            "10.0.0.300",
            "http://a.lan/",
            "order deny,allow",
            "!10.0.0.1",
            "10.0.0.1-",
            "phone",
            "1,10.0.0.1",
        ] {
            assert!(told(line).starts_with("! "), "{line}: {}", told(line));
        }
        assert!(matches!(Line::read("ip,name", false), Line::Junk(Junk::Word("ip"))));
    }
}
