//! Section 1 of DESIGN.md, held: which module may know which, and through which door each crate comes in.
//!
//! Reads the tokens of every source file: comments, strings and tests are left out, `use` trees are taken apart, and
//! a name that was imported stands for its whole path.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each module, and the modules it may know.
const MODULES: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("policy", &["error"]),
    ("record", &["error", "policy"]),
    ("cert", &["error"]),
    ("ui", &["error"]),
    ("config", &["error", "policy"]),
    ("cli", &["error", "policy", "config"]),
    ("store", &["error", "policy", "config"]),
    ("gateway", &["error", "policy", "record", "cert", "config", "store"]),
    ("commands", &["error", "policy", "record", "cert", "ui", "config", "cli", "store", "gateway"]),
    ("main", &["error", "cli", "commands"]),
    ("lib", &[]),
];

/// What goes against the arrows of the design, and why. One that is not needed any more fails.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "src/gateway/journal/writer.rs",
    "ui",
    "the journal's lines go through the one place that prints, which escapes what could steer a terminal",
)];

/// Every crate, and the files and folders that may know it.
const DOORS: &[(&str, &[&str])] = &[
    // Pure ring
    ("argon2", &["src/policy/account/"]),
    (
        "base64",
        &[
            "src/policy/account/",
            "src/cert/",
            "src/gateway/page.rs",
            "src/gateway/page/",
            "src/policy/session.rs",
        ],
    ),
    ("hmac", &["src/policy/account/", "src/policy/session.rs"]),
    ("ipnet", &["src/policy/address.rs", "src/policy/whitelist.rs"]),
    ("scrypt", &["src/policy/account/"]),
    (
        "sha2",
        &[
            "src/policy/account.rs",
            "src/policy/account/",
            // The names of SillyTavern's records.
            "src/store/",
            "src/policy/session.rs",
            // The fingerprint of a certificate.
            "src/cert/",
            "src/gateway/page.rs",
            "src/gateway/page/",
        ],
    ),
    ("subtle", &["src/policy/account.rs", "src/policy/account/"]),
    ("unicode_normalization", &["src/policy/account/"]),
    // Settings
    ("clap", &["src/cli.rs", "src/cli/", "src/config/"]),
    ("clap_complete", &["src/cli.rs", "src/cli/"]),
    ("clap_mangen", &["src/cli.rs", "src/cli/"]),
    ("serde", &["src/config/", "src/store.rs", "src/store/", "src/commands/", "src/record/"]),
    (
        "serde_json",
        &[
            "src/config/",
            "src/store.rs",
            "src/store/",
            "src/commands/",
            "src/gateway/page.rs",
            "src/gateway/page/",
            // A line of the audit log is JSON.
            "src/record/",
        ],
    ),
    ("serde_yaml", &["src/config/"]),
    ("toml_edit", &["src/config/"]),
    // The terminal
    ("indicatif", &["src/ui.rs", "src/ui/"]),
    ("rpassword", &["src/ui.rs", "src/ui/"]),
    ("terminal_size", &["src/ui/screen.rs"]),
    // The server
    ("bytes", &["src/gateway/"]),
    // The rotated parts of a log are compressed by the writer and read by `logs`.
    ("flate2", &["src/gateway/journal/", "src/commands/logs/"]),
    ("gethostname", &["src/gateway/names.rs"]),
    ("getrandom", &["src/gateway/session_key.rs", "src/gateway/signin/cookies.rs", "src/commands/auth.rs"]),
    ("http_body_util", &["src/gateway/"]),
    ("httparse", &["src/gateway/"]),
    ("httpdate", &["src/gateway/files/", "src/gateway/connection.rs"]),
    ("hyper", &["src/gateway/"]),
    ("if_addrs", &["src/gateway/names.rs"]),
    // The filter writes a line number in each of millions of lines, and every line of the audit log holds four numbers.
    ("itoa", &["src/gateway/", "src/commands/whitelist/", "src/record/"]),
    // Until when a guest comes in is a moment in a calendar.
    (
        "jiff",
        &[
            "src/config/guest.rs",
            "src/record.rs",
            "src/record/",
            "src/gateway.rs",
            "src/gateway/",
            "src/commands/logs.rs",
            "src/commands/logs/",
        ],
    ),
    ("memchr", &["src/gateway/", "src/commands/logs/"]),
    ("mimalloc", &["src/main.rs"]),
    ("mime_guess", &["src/gateway/files.rs"]),
    ("pkcs8", CERTIFICATES),
    ("qrcode", &["src/ui.rs", "src/ui/"]),
    ("rcgen", CERTIFICATES),
    ("rustls", CERTIFICATES),
    ("rustls_native_certs", CERTIFICATES),
    // The limit of file descriptors.
    ("rustix", &["src/gateway/descriptors.rs"]),
    ("salvo", &["src/gateway/"]),
    ("socket2", &["src/gateway/"]),
    (
        "tokio",
        &[
            "src/gateway.rs",
            "src/gateway/",
            // The interrupt key must not leave a terminal that shows nothing.
            "src/ui/prompt.rs",
        ],
    ),
    ("tokio_rustls", CERTIFICATES),
    ("webpki", CERTIFICATES),
    ("webpki_roots", CERTIFICATES),
    ("x509_parser", CERTIFICATES),
];

const CERTIFICATES: &[&str] = &["src/cert.rs", "src/cert/", "src/gateway.rs", "src/gateway/"];

/// What printing takes. Only `ui.rs` prints.
const PRINTING: &[&str] = &[
    "std::io::stdout",
    "std::io::stderr",
    "std::io::Stdout",
    "std::io::Stderr",
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "dbg!",
];

/// What the pure ring takes as an argument, if at all.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "std::hash::RandomState",
    "std::collections::hash_map::RandomState",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

/// The folder of every module of the pure ring begins like this.
const PURE: &[&str] = &["src/policy.rs", "src/policy/", "src/record.rs", "src/record/"];

#[test]
fn every_source_file() {
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    let files = sources(Path::new("src"));
    assert!(files.len() > 50, "{files:?}");
    for file in &files {
        let violations = violations(file, &fs::read_to_string(file).unwrap());
        for violation in violations {
            let exception = EXCEPTIONS.iter().find(|(place, module, _)| {
                place == file && violation == Violation::Knows((*module).to_owned())
            });
            match exception {
                Some(exception) => drop(used.insert(*exception)),
                None => complaints.push(format!("{file}: {violation:?}")),
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert_eq!(used, EXCEPTIONS.iter().copied().collect(), "exceptions that are not needed");
}

#[test]
fn every_module_and_crate_has_its_place() {
    let modules: BTreeSet<String> =
        sources(Path::new("src")).iter().map(|file| module(file)[0].clone()).collect();
    assert_eq!(modules, MODULES.iter().map(|(name, _)| (*name).to_owned()).collect());

    let manifest: toml_edit::DocumentMut = fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    let crates: BTreeSet<String> =
        manifest["dependencies"].as_table().unwrap().iter().map(|(name, _)| name.replace('-', "_")).collect();
    assert_eq!(crates, DOORS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// A checker that finds nothing would pass as well.
#[test]
fn what_is_wrong_is_found() {
    let found = |file: &str, text: &str| violations(file, text);
    let knows = |module: &str| Violation::Knows(module.to_owned());
    let opens = |name: &str| Violation::Opens(name.to_owned());
    let uses = |path: &str| Violation::Uses(path.to_owned());

    // Modules: by `crate::`, by `super::`, in groups, over several lines, under another name.
    let policy = "src/policy/host.rs";
    assert_eq!(found(policy, "use crate::config::Settings;"), [knows("config")]);
    assert_eq!(found(policy, "use super::super::ui;"), [knows("ui")]);
    assert_eq!(
        found(policy, "use crate::{error::Error,\n  gateway::{gate::Rules, page}};"),
        [knows("gateway")]
    );
    assert_eq!(found(policy, "fn a(settings: &crate::config::Settings) {}"), [knows("config")]);
    assert_eq!(found("src/gateway/gate.rs", "use crate as us; fn a() { us::ui::line() }"), [knows("ui")]);
    assert_eq!(found("src/main.rs", "use innkeeper::{cli, gateway};"), [knows("gateway")]);
    assert_eq!(found(policy, "use super::address; use super::super::error::Error; use self::inner::A;"), []);
    assert_eq!(found("src/policy.rs", "use account::Login; use crate::error::Error;"), []);

    // Doors.
    assert_eq!(found("src/store.rs", "use tokio::fs;"), [opens("tokio")]);
    assert_eq!(found("src/store.rs", "use ::hyper::{self, Request};"), [opens("hyper")]);
    assert_eq!(found("src/cli.rs", "extern crate salvo;"), [opens("salvo")]);
    assert_eq!(
        found("src/ui.rs", "#[tokio::main] fn a() -> rustls::Error { todo }"),
        [opens("rustls"), opens("tokio")]
    );
    assert_eq!(found("src/policy/whitelist/ranges.rs", "type A = ipnet::IpNet;"), [opens("ipnet")]);
    assert_eq!(found("src/gateway/gate.rs", "use hyper::StatusCode; let bytes = 1; a.tokio::<u8>()"), []);

    // Printing and the pure ring.
    assert_eq!(found("src/store.rs", "fn a() { println!(\"a\") }"), [uses("println!")]);
    assert_eq!(found("src/store.rs", "use std::io; fn a() { io::stderr() }"), [uses("std::io::stderr")]);
    assert_eq!(found("src/ui.rs", "use std::io; fn a() { io::stderr() }"), []);
    assert_eq!(found("src/ui/data.rs", "use std::io; fn a() { io::stdout() }"), []);
    assert_eq!(found(policy, "use std::time::{Duration, Instant as Now};"), [uses("std::time::Instant")]);
    assert_eq!(
        found(policy, "use std::time; fn a() { time::SystemTime::now() }"),
        [uses("std::time::SystemTime")]
    );
    assert_eq!(
        found(policy, "use std::time::*;"),
        ["Instant", "SystemTime", "UNIX_EPOCH"].map(|name| uses(&format!("std::time::{name}")))
    );
    assert_eq!(
        found("src/record.rs", "use jiff::Timestamp; fn a() { Timestamp::now() }"),
        [uses("jiff::Timestamp::now")]
    );
    assert_eq!(found(policy, "use std::net::{IpAddr, SocketAddr}; use std::time::Duration;"), []);

    assert_eq!(found(policy, "fn a<'a>() -> impl A + use<'a> { std::env::args(); }"), [uses("std::env")]);

    // What is no code.
    let nothing = "// use crate::ui;\n/* use tokio; /* std::fs */ std::env */ const A: &str = \"crate::ui\";\n\
        const B: &str = r#\"std::fs \" tokio::fs\"#; fn a<'a>(b: &'a str, c: char) { c == '\"'; c == '\\''; }\n\
        #[cfg(test)]\nmod tests { use std::fs; }";
    assert_eq!(found(policy, nothing), []);
    assert_eq!(found(policy, &format!("{nothing}\nuse std::env;")), [uses("std::env")]);
}

/// Something that a file must not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Violation {
    /// It knows a module of ours that it should not.
    Knows(String),
    /// It uses a crate that has its door elsewhere.
    Opens(String),
    /// It uses something that it should be given, or leave to `ui`.
    Uses(String),
}

/// Everything in `text`, the file at `file`, that is against the rules; each once.
fn violations(file: &str, text: &str) -> Vec<Violation> {
    let module = module(file);
    let (_, allowed) = MODULES.iter().find(|(name, _)| *name == module[0]).unwrap();
    let lies_in = |places: &[&str]| {
        places.iter().any(|place| file == *place || place.ends_with('/') && file.starts_with(place))
    };
    let mut found = BTreeSet::new();
    for path in paths(&tokens(text), &module) {
        let first = path.first().map(String::as_str);
        if let (Some("crate"), Some(to)) = (first, path.get(1))
            && MODULES.iter().any(|(name, _)| name == to)
            && *to != module[0]
            && !allowed.contains(&to.as_str())
        {
            found.insert(Violation::Knows(to.clone()));
        }
        if let Some((name, doors)) = DOORS.iter().find(|(name, _)| Some(*name) == first)
            && !lies_in(doors)
        {
            found.insert(Violation::Opens((*name).to_owned()));
        }
        let printing = PRINTING.iter().filter(|_| file != "src/ui.rs" && !file.starts_with("src/ui/"));
        let impure = IMPURE.iter().filter(|_| lies_in(PURE));
        let forbidden = printing.chain(impure).filter(|forbidden| reaches(&path, forbidden));
        found.extend(forbidden.map(|forbidden| Violation::Uses((*forbidden).to_owned())));
    }
    found.into_iter().collect()
}

/// Whether `path` names `forbidden` or something in it, or everything around it.
fn reaches(path: &[String], forbidden: &str) -> bool {
    let forbidden: Vec<&str> = forbidden.split("::").collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    path.starts_with(&forbidden)
        || path.split_last().is_some_and(|(last, around)| *last == "*" && forbidden.starts_with(around))
}

/// The module that a file is: `src/policy/host.rs` is `policy`, `host`.
fn module(file: &str) -> Vec<String> {
    let path = file.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
    path.split('/').map(str::to_owned).collect()
}

/// Every file under `folder` but those that hold nothing but tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            files.push(path.to_str().unwrap().replace('\\', "/"));
        }
    }
    files.sort();
    files
}

/// Every path in the code, from its root: what `use` brings in, and what is written out.
fn paths(tokens: &[String], module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rest: Vec<&[String]> = Vec::new();
    let mut start = 0;
    let mut position = 0;
    while position < tokens.len() {
        // Not the `use<'a>` of a type.
        if tokens[position] == "use" && tokens.get(position + 1).is_some_and(|next| next != "<") {
            rest.push(&tokens[start..position]);
            let end = (position..tokens.len()).find(|end| tokens[*end] == ";").unwrap_or(tokens.len());
            let mut tree = Tree { tokens: &tokens[position + 1..end], position: 0, leaves: Vec::new() };
            tree.read(&[]);
            for (path, name) in tree.leaves {
                let path = rooted(path, module, &BTreeMap::new());
                names.insert(name, path.clone());
                found.push(path);
            }
            start = end;
            position = end;
        }
        position += 1;
    }
    rest.push(&tokens[start.min(tokens.len())..]);
    for tokens in rest {
        written_out(tokens, module, &names, &mut found);
    }
    found
}

/// The paths in code that is no `use`: two names with `::` between them, a macro, an `extern crate`.
fn written_out(
    tokens: &[String],
    module: &[String],
    names: &BTreeMap<String, Vec<String>>,
    found: &mut Vec<Vec<String>>,
) {
    let token = |position: usize| tokens.get(position).map_or("", String::as_str);
    let mut position = 0;
    while position < tokens.len() {
        let before = if position == 0 { "" } else { token(position - 1) };
        if !is_name(token(position)) || before == "." {
            position += 1;
            continue;
        }
        let mut path = vec![tokens[position].clone()];
        while token(position + 1) == "::" && is_name(token(position + 2)) {
            path.push(tokens[position + 2].clone());
            position += 2;
        }
        if token(position + 1) == "!" && token(position + 2) != "=" {
            *path.last_mut().unwrap() += "!";
        }
        if path.len() > 1 || path[0].ends_with('!') || before == "crate" {
            found.push(rooted(path, module, names));
        }
        position += 1;
    }
}

/// `path` from the crate's root or from a crate, as far as this file tells.
fn rooted(path: Vec<String>, module: &[String], names: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut here = module.to_vec();
    match path.first().map(String::as_str) {
        Some("innkeeper") if module[0] == "main" => {
            ["crate".to_owned()].into_iter().chain(path.into_iter().skip(1)).collect()
        }
        Some("self" | "super") => {
            let mut rest = path.as_slice();
            while let [first, after @ ..] = rest {
                match first.as_str() {
                    "self" => {}
                    "super" => drop(here.pop()),
                    _ => break,
                }
                rest = after;
            }
            ["crate".to_owned()].into_iter().chain(here).chain(rest.iter().cloned()).collect()
        }
        Some(first) => match names.get(first) {
            Some(whole) => whole.iter().cloned().chain(path.into_iter().skip(1)).collect(),
            None => path,
        },
        None => path,
    }
}

/// A `use` tree.
struct Tree<'a> {
    tokens: &'a [String],
    position: usize,
    /// Each path, and the name it goes by.
    leaves: Vec<(Vec<String>, String)>,
}

impl Tree<'_> {
    /// Reads one tree below `prefix`.
    fn read(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        while let Some(token) = self.next() {
            match token.as_str() {
                "::" => {}
                "{" => {
                    while self.peek() != Some("}") && self.peek().is_some() {
                        self.read(&path);
                        if self.peek() == Some(",") {
                            self.next();
                        }
                    }
                    self.next();
                    return;
                }
                "as" => {
                    let name = self.next().unwrap_or_default();
                    self.leaves.push((path, name));
                    return;
                }
                "self" if !path.is_empty() => {}
                _ => path.push(token),
            }
            if matches!(self.peek(), None | Some("," | "}")) {
                break;
            }
        }
        if let Some(name) = path.last().cloned() {
            self.leaves.push((path, name));
        }
    }

    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.position).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.position).cloned();
        self.position += 1;
        token
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// The tokens of `text`: names, `::`, and single signs. Comments, strings, letters and modules of tests are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some(length) = string(rest) {
            length
        } else if letter == '\'' {
            character(rest)
        } else if is_name(rest) {
            let end =
                rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !letter.is_whitespace() {
                tokens.push(letter.to_string());
            }
            letter.len_utf8()
        };
        rest = &rest[length..];
    }
    without_tests(&tokens)
}

/// The length of a comment that may hold others.
fn comment(text: &str) -> usize {
    let mut depth = 0;
    let mut position = 0;
    while let Some(rest) = text.get(position..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            position += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                break;
            }
        } else {
            position += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    position
}

/// The length of a string of any kind that `text` begins with.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            rest.starts_with('"')
                || prefix.ends_with('r')
                    && rest.trim_start_matches('#').starts_with('"')
                    && rest.starts_with('#')
        })
    })?;
    let rest = &text[prefix.len()..];
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let opening = prefix.len() + hashes + 1;
    if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(text[opening..].find(&end).map_or(text.len(), |at| opening + at + end.len()));
    }
    let mut letters = text[opening..].char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '"' => return Some(opening + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of a letter in quotes, or of the quote alone where it begins a lifetime.
fn character(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => {
            letters.next();
            letters.find(|(_, letter)| *letter == '\'').map_or(text.len(), |(at, _)| at + 1)
        }
        Some(_) => match letters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

/// `tokens` without what follows `#[cfg(test)]` up to the end of its module.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const START: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut position = 0;
    while position < tokens.len() {
        if !tokens[position..].iter().take(START.len()).eq(START.iter()) {
            kept.push(tokens[position].clone());
            position += 1;
            continue;
        }
        let mut depth = 0_usize;
        while let Some(token) = tokens.get(position) {
            position += 1;
            match token.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(token.as_str(), "}" | ";") {
                break;
            }
        }
    }
    kept
}
