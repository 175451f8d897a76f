//! A settings file in the other syntax: the same values, the comments of the default file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::file::{DEFAULT_TOML, DEFAULT_YAML};
use super::layer::Syntax;
use super::problem::Source;
use super::schema::{Key, Kind, SECTION};
use super::tree::{Content, Item, Node};

/// A file in another syntax.
pub struct Converted {
    /// The whole text.
    pub text: String,
    /// The dotted names of what that syntax cannot hold, and that is left out.
    pub lost: Vec<String>,
}

impl Converted {
    /// Whether the text, read back as `syntax`, says all that can be held of `items`.
    #[must_use]
    pub fn holds(&self, items: &[Item], syntax: Syntax) -> bool {
        let (comments, text, lost) = (BTreeMap::new(), String::new(), Vec::new());
        let held = Writer { syntax, comments, text, lost }.held(items, &[]);
        let source = Source::new("", self.text.as_str());
        syntax.read(&source).is_ok_and(|read| same(&held, &read))
    }
}

/// Writes `items` in `syntax`. Settings keep the section they stand in; names that are no settings are kept too.
#[must_use]
pub fn convert(items: &[Item], syntax: Syntax) -> Converted {
    let mut writer = Writer {
        syntax,
        comments: comments(syntax),
        text: introduction(default_text(syntax)),
        lost: Vec::new(),
    };
    let items = writer.held(items, &[]);
    match syntax {
        Syntax::Yaml => writer.yaml(&items, &[]),
        Syntax::Toml => writer.toml(&items, &[]),
    }
    Converted { text: writer.text, lost: writer.lost }
}

/// Whether two files say the same: every name with its value, in any order.
fn same(left: &[Item], right: &[Item]) -> bool {
    left.len() == right.len()
        && left.iter().all(|item| {
            let other = right.iter().find(|other| other.name == item.name);
            other.is_some_and(|other| same_node(&item.value, &other.value))
        })
}

fn same_node(left: &Node, right: &Node) -> bool {
    match (&left.content, &right.content) {
        (Content::Null, Content::Null) => true,
        (Content::Switch(left, _), Content::Switch(right, _)) => left == right,
        // Two that are no number are the same here.
        (Content::Number(left, _), Content::Number(right, _)) => {
            left.total_cmp(right).is_eq() || (left.is_nan() && right.is_nan())
        }
        (Content::Text(left), Content::Text(right)) => left == right,
        (Content::List(left), Content::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_node(left, right))
        }
        (Content::Section(left), Content::Section(right)) => same(left, right),
        _ => false,
    }
}

struct Writer {
    syntax: Syntax,
    comments: BTreeMap<String, Vec<String>>,
    text: String,
    lost: Vec<String>,
}

impl Writer {
    /// What the syntax can hold of `items`, each value in the type its setting has there.
    fn held(&mut self, items: &[Item], path: &[&str]) -> Vec<Item> {
        let mut held = Vec::new();
        for item in items {
            let path = [path, &[item.name.as_str()]].concat();
            let setting = path.strip_prefix(&[SECTION]).unwrap_or(&path).join(".");
            let key = Key::find(&setting);
            match self.content(&item.value, &path, key) {
                Some(content) => {
                    let value = Node { content, span: item.value.span };
                    held.push(Item { name: item.name.clone(), span: item.span, value });
                }
                // An empty section of ours says nothing in either syntax.
                None if key.is_none() && is_section_of_ours(&setting) => {}
                None => self.lost.push(path.join(".")),
            }
        }
        held
    }

    /// A value as it can be written; `None` where it cannot.
    fn content(&mut self, node: &Node, path: &[&str], key: Option<&Key>) -> Option<Content> {
        Some(match &node.content {
            Content::Section(items) => Content::Section(self.held(items, path)),
            Content::List(nodes) => {
                let node =
                    |node: &Node| Some(Node { content: self.content(node, path, key)?, span: node.span });
                Content::List(nodes.iter().map(node).collect::<Option<_>>()?)
            }
            Content::Null if self.syntax == Syntax::Toml => return None,
            // A password of digits is text, in quotes.
            Content::Number(_, text) if key.is_some_and(is_text) => Content::Text(text.clone()),
            Content::Switch(_, text) if key.is_some_and(is_text) => Content::Text(text.clone()),
            // Numbers and switches may have been given in quotes.
            Content::Text(text) if key.is_some_and(|key| !is_text(key)) => bare(text),
            Content::Number(value, text) => Content::Number(*value, number(*value, text, self.syntax)),
            other => other.clone(),
        })
    }

    /// Lines of `name: value`, sections and lists indented below their name.
    fn yaml(&mut self, items: &[Item], path: &[&str]) {
        let indent = "  ".repeat(path.len());
        for item in items {
            let path = [path, &[item.name.as_str()]].concat();
            self.comment(&path, &indent);
            let name = yaml_text(&item.name);
            match &item.value.content {
                Content::Section(items) if !items.is_empty() => {
                    let _ = writeln!(self.text, "{indent}{name}:");
                    self.yaml(items, &path);
                }
                Content::List(nodes) if !nodes.is_empty() => {
                    let _ = writeln!(self.text, "{indent}{name}:");
                    for node in nodes {
                        let _ = writeln!(self.text, "{indent}  - {}", yaml_flow(&node.content));
                    }
                }
                other => {
                    let _ = writeln!(self.text, "{indent}{name}: {}", yaml_flow(other));
                }
            }
        }
    }

    /// Lines of `name = value`, then the sections, each with its whole name.
    fn toml(&mut self, items: &[Item], path: &[&str]) {
        let (sections, values): (Vec<&Item>, Vec<&Item>) =
            items.iter().partition(|item| matches!(&item.value.content, Content::Section(_)));
        for item in values {
            let path = [path, &[item.name.as_str()]].concat();
            self.comment(&path, "");
            let value = match &item.value.content {
                // A line each, so that a note can stand behind an entry.
                Content::List(nodes) if is_address_list(&path) && !nodes.is_empty() => toml_lines(nodes),
                content => toml_value(content),
            };
            let _ = writeln!(self.text, "{} = {value}", toml_name(&item.name));
        }
        for item in sections {
            let Content::Section(items) = &item.value.content else { continue };
            let path = [path, &[item.name.as_str()]].concat();
            if !self.text.is_empty() && !self.text.ends_with("\n\n") {
                self.text.push('\n');
            }
            self.comment(&path, "");
            // A section that holds nothing but sections is there with those.
            let is_section = |item: &Item| matches!(&item.value.content, Content::Section(_));
            if items.is_empty() || !items.iter().all(is_section) {
                let name: Vec<String> = path.iter().map(|name| toml_name(name)).collect();
                let _ = writeln!(self.text, "[{}]", name.join("."));
            }
            self.toml(items, &path);
        }
    }

    /// The comment of the default file, with an empty line before it at the top level.
    fn comment(&mut self, path: &[&str], indent: &str) {
        let Some(lines) = self.comments.get(&path.join(".")) else { return };
        if path.len() == 1 && !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
        for line in lines {
            let _ = writeln!(self.text, "{indent}{line}");
        }
    }
}

fn default_text(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Yaml => DEFAULT_YAML,
        Syntax::Toml => DEFAULT_TOML,
    }
}

/// The first comment of a file: how to read it.
fn introduction(text: &str) -> String {
    text.split_inclusive('\n').take_while(|line| line.starts_with('#')).chain(["\n"]).collect()
}

/// The comments of the default file by the dotted name they stand above.
fn comments(syntax: Syntax) -> BTreeMap<String, Vec<String>> {
    let text = default_text(syntax);
    let lines: Vec<&str> = text.lines().collect();
    let mut comments = BTreeMap::new();
    let items = syntax.read(&Source::new("", text)).unwrap_or_default();
    collect(&items, "", &lines, &mut comments);
    comments
}

fn collect(items: &[Item], prefix: &str, lines: &[&str], comments: &mut BTreeMap<String, Vec<String>>) {
    for item in items {
        let path = if prefix.is_empty() { item.name.clone() } else { format!("{prefix}.{}", item.name) };
        let above = &lines[..item.span.line.saturating_sub(1).min(lines.len())];
        let count = above.iter().rev().take_while(|line| line.trim_start().starts_with('#')).count();
        let block: Vec<String> =
            above[above.len() - count..].iter().map(|line| line.trim_start().to_owned()).collect();
        if !block.is_empty() {
            comments.insert(path.clone(), block);
        }
        if let Content::Section(items) = &item.value.content {
            collect(items, &path, lines, comments);
        }
    }
}

fn is_address_list(path: &[&str]) -> bool {
    let setting = path.strip_prefix(&[SECTION]).unwrap_or(path).join(".");
    Key::find(&setting).is_some_and(|key| key.kind == Kind::Entries)
}

/// Whether a value of this setting is text in the file, whatever it looks like.
fn is_text(key: &Key) -> bool {
    match key.kind {
        Kind::Switch | Kind::Family | Kind::Port | Kind::Integer { .. } | Kind::Number => false,
        Kind::Text
        | Kind::Secret
        | Kind::Path
        | Kind::OptionalPath
        | Kind::Ipv4
        | Kind::Ipv6
        | Kind::Duration
        | Kind::OptionalDuration
        | Kind::Size
        | Kind::Choice(_)
        | Kind::Entries
        | Kind::Hosts
        | Kind::UrlPaths
        | Kind::Guests
        | Kind::Certificates
        | Kind::Upstream
        | Kind::Header
        | Kind::Language => true,
    }
}

fn is_section_of_ours(setting: &str) -> bool {
    setting == SECTION || super::schema::KEYS.iter().any(|key| key.path.starts_with(&format!("{setting}.")))
}

/// A number or switch that stands in quotes, without them; `auto` stays text.
fn bare(text: &str) -> Content {
    let word = text.trim();
    if let Ok(on) = word.to_ascii_lowercase().parse() {
        return Content::Switch(on, on.to_string());
    }
    word.parse().map_or_else(
        |_| Content::Text(text.to_owned()),
        |value: f64| Content::Number(value, number(value, word, Syntax::Toml)),
    )
}

/// A number in digits that `syntax` reads as that number.
fn number(value: f64, written: &str, syntax: Syntax) -> String {
    let digits = written.strip_prefix(['+', '-']).unwrap_or(written);
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain && written != "-0" && written.parse::<i64>().is_ok() {
        return written.to_owned();
    }
    let text = match (syntax, value) {
        (Syntax::Yaml, value) if value.is_nan() => ".nan".to_owned(),
        (Syntax::Yaml, value) if value.is_infinite() => format!("{}.inf", if value < 0.0 { "-" } else { "" }),
        (Syntax::Toml, value) if value.is_nan() => "nan".to_owned(),
        (Syntax::Toml, value) if value.is_infinite() => format!("{}inf", if value < 0.0 { "-" } else { "" }),
        (_, value) if value == 0.0 && value.is_sign_negative() => "-0.0".to_owned(),
        (_, value) => format!("{value}"),
    };
    // Beyond the whole numbers of TOML.
    let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if whole && text.parse::<i64>().is_err() { format!("{text}.0") } else { text }
}

/// A value in one line of YAML.
fn yaml_flow(content: &Content) -> String {
    match content {
        Content::Null => "null".to_owned(),
        Content::Switch(on, _) => on.to_string(),
        Content::Number(_, text) => text.clone(),
        Content::Text(text) => yaml_text(text),
        Content::List(nodes) => {
            let nodes: Vec<String> = nodes.iter().map(|node| yaml_flow(&node.content)).collect();
            format!("[{}]", nodes.join(", "))
        }
        Content::Section(items) => {
            let item = |item: &Item| format!("{}: {}", yaml_text(&item.name), yaml_flow(&item.value.content));
            format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Text as YAML writes it: bare where it reads as the same text anywhere, else in quotes.
fn yaml_text(text: &str) -> String {
    // What may hold a control character or a line end.
    if text.chars().any(is_unseen) {
        return escaped(text);
    }
    let safe = |letter: char| letter.is_alphanumeric() || "._/:*$@+%()=-~ ".contains(letter);
    let bare = text.starts_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '/' | ':'))
        && text.chars().all(safe)
        && !text.contains(": ")
        && !text.ends_with([':', ' ']);
    // The reader has the last word: `true`, `12`, `.inf` are no text without quotes.
    let reads_as_text = || {
        let source = Source::new("", format!("a: [{text}]\nb: {text}\n"));
        let nothing_else = |node: &Node| matches!(&node.content, Content::Text(read) if read == text);
        Syntax::Yaml.read(&source).is_ok_and(|items| match &items[..] {
            [Item { value: Node { content: Content::List(nodes), .. }, .. }, plain] => {
                nodes.len() == 1 && nodes.iter().all(nothing_else) && nothing_else(&plain.value)
            }
            _ => false,
        })
    };
    // Words that older readers take for switches.
    let old = ["yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if bare && !old && reads_as_text() { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// Text in double quotes, with nothing in it but what can be seen.
fn escaped(text: &str) -> String {
    let letter = |letter: char| match letter {
        '"' | '\\' => format!("\\{letter}"),
        '\n' => "\\n".to_owned(),
        letter if is_unseen(letter) => format!("\\u{:04x}", u32::from(letter)),
        letter => letter.to_string(),
    };
    format!("\"{}\"", text.chars().map(letter).collect::<String>())
}

/// Control characters, and what ends a line or stands before a file.
fn is_unseen(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn toml_value(content: &Content) -> String {
    match content {
        // Left out before.
        Content::Null => "\"\"".to_owned(),
        Content::Switch(on, _) => on.to_string(),
        Content::Number(_, text) => text.clone(),
        Content::Text(text) => toml_edit::Value::from(text.as_str()).to_string(),
        Content::List(nodes) => {
            let texts: Vec<String> = nodes.iter().map(|node| toml_value(&node.content)).collect();
            let line = format!("[{}]", texts.join(", "));
            if line.len() <= 80 { line } else { toml_lines(nodes) }
        }
        Content::Section(items) => {
            let item =
                |item: &Item| format!("{} = {}", toml_name(&item.name), toml_value(&item.value.content));
            format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A list with a line for each entry.
fn toml_lines(nodes: &[Node]) -> String {
    let texts: Vec<String> = nodes.iter().map(|node| toml_value(&node.content)).collect();
    format!("[\n  {},\n]", texts.join(",\n  "))
}

fn toml_name(name: &str) -> String {
    toml_edit::Key::new(name).to_string()
}
