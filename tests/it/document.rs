//! Edits of settings files through the library: golden cases that are the same for YAML and TOML, random files with
//! random edits, secrets, and input that must leave the file alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use innkeeper::config::document::{Change, Document, Kind};
use innkeeper::config::schema::{self, Key};
use innkeeper::config::{Content, Item, Node, Source, Syntax};
use proptest::prelude::*;

use crate::it::harness::folder::{Folder, golden};

/// One edit of a file in both syntaxes.
struct Case {
    name: &'static str,
    yaml: &'static str,
    toml: &'static str,
    edits: Vec<Edit>,
}

/// A change that owns what it says.
#[derive(Clone, Debug)]
enum Edit {
    Set(Vec<String>, Value),
    Append(Vec<String>, Vec<(String, Option<String>)>),
    Item(Vec<String>, Vec<(String, String)>),
    Remove(Vec<String>, usize),
}

/// What a setting holds, in a form that both syntaxes share and that can be compared.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Switch(bool),
    Number(i64),
    Texts(Vec<String>),
    Sections(Vec<Vec<(String, String)>>),
}

impl Value {
    fn content(&self) -> Content {
        match self {
            Self::Text(text) => Content::Text(text.clone()),
            Self::Switch(switch) => Content::Switch(*switch, switch.to_string()),
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            Self::Number(number) => Content::Number(*number as f64, number.to_string()),
            Self::Texts(texts) => Content::List(texts.iter().map(|text| Node::bare(text.as_str())).collect()),
            Self::Sections(_) => panic!("no section is set"),
        }
    }
}

impl Edit {
    fn apply(&self, document: &mut Document) -> Result<usize, innkeeper::error::Error> {
        fn parts(path: &[String]) -> Vec<&str> {
            path.iter().map(String::as_str).collect()
        }
        match self {
            Self::Set(path, value) => {
                document.edit(&Change::Set { path: &parts(path), value: &value.content() })
            }
            Self::Append(path, entries) if entries.len() == 1 => {
                let (entry, note) = (&entries[0].0, entries[0].1.as_deref());
                document.edit(&Change::Append { list: &parts(path), entry, note })
            }
            Self::Append(path, entries) => {
                let entries: Vec<_> =
                    entries.iter().map(|(entry, note)| (entry.as_str(), note.as_deref())).collect();
                document.edit(&Change::AppendAll { list: &parts(path), entries: &entries })
            }
            Self::Item(path, item) => {
                let item: Vec<_> = item.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                document.edit(&Change::AppendItem { list: &parts(path), item: &item })
            }
            Self::Remove(path, number) => {
                document.edit(&Change::Remove { list: &parts(path), number: *number })
            }
        }
    }
}

fn path(dotted: &str) -> Vec<String> {
    dotted.split('.').map(str::to_owned).collect()
}

fn set(dotted: &str, value: Value) -> Edit {
    Edit::Set(path(dotted), value)
}

fn text(dotted: &str, text: &str) -> Edit {
    set(dotted, Value::Text(text.to_owned()))
}

fn texts(dotted: &str, texts: &[&str]) -> Edit {
    set(dotted, Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect()))
}

fn append(dotted: &str, entries: &[(&str, Option<&str>)]) -> Edit {
    let entry =
        |(entry, note): &(&str, Option<&str>)| ((*entry).to_owned(), note.map(|note: &str| note.to_owned()));
    Edit::Append(path(dotted), entries.iter().map(entry).collect())
}

fn guest(address: &str, note: &str) -> Edit {
    let item = [("address", address), ("until", "2030-01-31T12:00:00Z"), ("note", note)];
    Edit::Item(path("innkeeper.guests"), item.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec())
}

fn remove(dotted: &str, number: usize) -> Edit {
    Edit::Remove(path(dotted), number)
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let case = |name, yaml, toml, edits| Case { name, yaml, toml, edits };
    let port = |number| vec![set("port", Value::Number(number))];
    vec![
        case("a number, its comment stays", "port: 8000   # c\n", "port = 8000   # c\n", port(8001)),
        case("a number in quotes", "port: '8000' # c\n", "port = '8000' # c\n", port(8001)),
        case("no end of the last line", "port: 8000", "port = 8000", port(8001)),
        case(
            "line endings of Windows",
            "a: 1 # x\r\nport: 8000 # c\r\n",
            "a = 1 # x\r\nport = 8000 # c\r\n",
            port(1),
        ),
        case(
            "a switch in a section",
            "ssl:\n  # c\n  enabled: false # d\n  certPath: x\n",
            "[ssl]\n# c\nenabled = false # d\ncertPath = \"x\"\n",
            vec![set("ssl.enabled", Value::Switch(true))],
        ),
        case(
            "quotes stay where they can",
            "a: 'x' # c\nb: \"x\" # d\nc: 'x'\nd: x\n",
            "a = 'x' # c\nb = \"x\" # d\nc = 'x'\nd = \"x\"\n",
            vec![text("a", "new"), text("b", "new"), text("c", "it's"), text("d", "new")],
        ),
        case(
            "text that would read as something else",
            "a: x\nb: x\nc: x\nd: x\ne: x\nf: x\ng: x\nh: x\ni: x\nj: x\nk: x\nl: x\n",
            "a = \"x\"\nb = \"x\"\nc = \"x\"\nd = \"x\"\ne = \"x\"\nf = \"x\"\ng = \"x\"\nh = \"x\"\ni = \"x\"\nj = \"x\"\nk = \"x\"\nl = \"x\"\n",
            ["0123", "no", "~", "1e3", "a: b", "#x", "*", "&a", "null", "a #b", "1:30", " x "]
                .iter()
                .zip('a'..)
                .map(|(word, name)| text(&name.to_string(), word))
                .collect(),
        ),
        case(
            "a password",
            "basicAuthUser:\n  username: user\n  password: password # c\n",
            "[basicAuthUser]\nusername = \"user\"\npassword = \"password\" # c\n",
            vec![text("basicAuthUser.password", "it's \\ \"q\" # ü 🗝\t\u{7f}")],
        ),
        case(
            "a password in more than one line is refused",
            "basicAuthUser:\n  password: x\n",
            "[basicAuthUser]\npassword = \"x\"\n",
            vec![text("basicAuthUser.password", "two\nlines")],
        ),
        case(
            "sections in braces",
            "basicAuthUser: {username: a, password: b} # c\n",
            "basicAuthUser = {username = \"a\", password = \"b\"} # c\n",
            vec![text("basicAuthUser.username", "new"), text("basicAuthUser.more", "x"), text("a.b", "c")],
        ),
        case(
            "a text of lines",
            "a: | # c\n  one\n  two\n# d\nb: >-\n  x\n",
            "a = \"\"\"\none\ntwo\n\"\"\" # c\n# d\nb = '''\nx'''\n",
            vec![text("a", "new"), text("b", "new")],
        ),
        case(
            "missing at the top",
            "# a\nlisten: true # b\n\n# c\nssl:\n  enabled: true\n",
            "# a\nlisten = true # b\n\n# c\n[ssl]\nenabled = true\n",
            port(1),
        ),
        case(
            "missing in a section",
            "ssl:\n  enabled: true # b\n\n# c\nlisten: true\n",
            "listen = true\n[ssl]\nenabled = true # b\n\n# c\n[a]\n",
            vec![text("ssl.certPath", "./x")],
        ),
        case(
            "an empty file",
            "",
            "",
            vec![set("innkeeper.port", Value::Number(1)), text("innkeeper.satisfy", "any")],
        ),
        case("comments only", "# a\r\n", "# a\r\n", vec![set("innkeeper.port", Value::Number(1))]),
        case(
            "a missing section among others",
            "listen: true\nssl:\n  enabled: true\n",
            "listen = true\n[ssl]\nenabled = true\n",
            vec![
                set("innkeeper.port", Value::Number(1)),
                set("innkeeper.session.enabled", Value::Switch(true)),
                text("innkeeper.satisfy", "any"),
            ],
        ),
        case(
            "an empty section",
            "# a\ninnkeeper: # b\n  # c\nport: 1\n",
            "port = 1\n# a\n[innkeeper] # b\n  # c\n",
            vec![set("innkeeper.port", Value::Number(1)), text("innkeeper.limits.headSize", "1 KiB")],
        ),
        case(
            "an empty section in braces",
            "innkeeper: {} # b\n",
            "innkeeper = {} # b\n",
            vec![set("innkeeper.port", Value::Number(1)), texts("innkeeper.publicPaths", &["/a"])],
        ),
        case(
            "dotted names",
            "innkeeper:\n  port: 1\n",
            "innkeeper.port = 1\n",
            vec![text("innkeeper.satisfy", "any"), guest("::1", "")],
        ),
        case(
            "a list with a line for each",
            "hosts:\n  # a\n  - a.lan # b\n  - b.lan # c\n  # d\n  - c.lan\n# e\n",
            "hosts = [\n  # a\n  \"a.lan\", # b\n  \"b.lan\", # c\n  # d\n  \"c.lan\"\n  # e\n]\n",
            vec![texts("hosts", &["a.lan", "c.lan", "*.d"]), texts("hosts", &["e"]), texts("hosts", &[])],
        ),
        case(
            "a list in one line",
            "hosts: [a.lan, \"b\"] # c\n",
            "hosts = [\"a.lan\", \"b\"] # c\n",
            vec![texts("hosts", &["b", "d"]), texts("hosts", &[]), texts("hosts", &["*", "::1"])],
        ),
        case(
            "many entries and notes",
            "whitelist:\n  - ::1 # a\n# b\nport: 1\n",
            "whitelist = [\n  \"::1\", # a\n  # b\n]\nport = 1\n",
            vec![append("whitelist", &[("10.0.0.1", None), ("fe80::", Some("Ann's: #1")), ("*", None)])],
        ),
        case(
            "many entries and notes in an empty list",
            "whitelist: [] # a\nport: 1\n",
            "whitelist = [] # a\nport = 1\n",
            vec![append("whitelist", &[("10.0.0.1", Some("Ann")), ("10.0.0.2", None)])],
        ),
        case(
            "two entries in an empty list, and more than fit",
            "a: []\nb: []\n",
            "a = []\nb = []\n",
            vec![
                append("a", &[("10.0.0.1", None), ("10.0.0.2", None)]),
                append("b", &["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|entry| (entry, None))),
            ],
        ),
        case(
            "notes in a list of one line are refused",
            "whitelist: [::1]\n",
            "whitelist = [\"::1\"]\n",
            vec![
                append("whitelist", &[("10.0.0.1", Some("Ann")), ("10.0.0.2", None)]),
                append("whitelist", &[("10.0.0.1", Some("Ann"))]),
            ],
        ),
        case(
            "guests come and go",
            "innkeeper:\n  satisfy: any # a\n# b\n",
            "[innkeeper]\nsatisfy = \"any\" # a\n# b\n",
            vec![
                guest("203.0.113.9", "Ann's: phone"),
                guest("::1", ""),
                remove("innkeeper.guests", 0),
                remove("innkeeper.guests", 0),
            ],
        ),
        case(
            "guests in a list of one line",
            "innkeeper:\n  guests: [{address: a, note: b}] # c\n",
            "[innkeeper]\nguests = [{address = \"a\", note = \"b\"}] # c\n",
            vec![guest("::1", "x"), remove("innkeeper.guests", 0), remove("innkeeper.guests", 0)],
        ),
        case(
            "a guest among lines with comments",
            "innkeeper:\n  guests:\n  # a\n  - address: a # b\n    # c\n    note: d\n\n  # e\n  - address: f # g\n  port: 1\n",
            "[innkeeper]\nport = 1\n\n# a\n[[innkeeper.guests]]\naddress = \"a\" # b\n# c\nnote = \"d\"\n\n# e\n[[innkeeper.guests]]\naddress = \"f\" # g\n\n[ssl]\n",
            vec![guest("::1", "x"), remove("innkeeper.guests", 0), remove("innkeeper.guests", 1)],
        ),
        case(
            "an entry in more than one line",
            "whitelist:\n  - ::1\n  - |\n    10.0.0.1\n  - 10.0.0.2\n",
            "whitelist = [\n  \"::1\",\n  '''\n10.0.0.1\n''',\n  \"10.0.0.2\"\n]\n",
            vec![remove("whitelist", 1), remove("whitelist", 1)],
        ),
        case(
            "something else stands there",
            "port: {a: 1}\nssl: 1\nwhitelist: a\nlist: [a]\n",
            "port.a = 1\nssl = 1\nwhitelist = \"a\"\nlist = [\"a\"]\n",
            vec![
                set("port", Value::Number(1)),
                set("ssl.enabled", Value::Switch(true)),
                append("whitelist", &[("::1", None)]),
                append("nowhere", &[("::1", None)]),
                remove("list", 1),
                text("list", "a"),
                guest("::1", ""),
            ],
        ),
    ]
}

#[test]
fn the_same_cases_in_both_syntaxes() {
    let mut told = [String::new(), String::new()];
    let mut differences = Vec::new();
    for case in cases() {
        let mut held = Vec::new();
        let files = [("config.yaml", case.yaml), ("config.toml", case.toml)];
        for ((name, before), out) in files.into_iter().zip(&mut told) {
            let folder = Folder::with(&[(name, before)]);
            let _ = writeln!(out, "## {}\n{}", case.name, shown(before));
            let mut document = open(&folder.path(name), Duration::ZERO).unwrap();
            let mut verdicts = Vec::new();
            for edit in &case.edits {
                let (text, difference) = (document.text().to_owned(), document.difference().len());
                match edit.apply(&mut document) {
                    Ok(line) => {
                        let _ = write!(out, "line {line}\n{}", &document.difference()[difference..]);
                        verdicts.push(true);
                    }
                    Err(error) => {
                        let error = error.to_string().replace(&format!("{}/", folder.root().display()), "");
                        let _ = writeln!(out, "error: {error}");
                        assert_eq!(document.text(), text, "{}: changed all the same", case.name);
                        verdicts.push(false);
                    }
                }
            }
            let _ = writeln!(out, "is now\n{}", shown(document.text()));
            held.push((verdicts, values(name, document.text())));
        }
        if held[0] != held[1] {
            differences.push(format!("{}: {:?}\n{:?}", case.name, held[0], held[1]));
        }
    }
    golden("document.yaml.txt", &told[0]);
    golden("document.toml.txt", &told[1]);
    assert!(differences.is_empty(), "YAML and TOML differ\n{}", differences.join("\n"));
}

/// A text with its carriage returns, behind bars.
fn shown(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let end = if line.ends_with('\n') { "" } else { "$" };
        let _ = writeln!(out, "| {}{end}", line.trim_end_matches('\n').replace('\r', "\\r"));
    }
    out
}

fn open(path: &Path, patience: Duration) -> Result<Document, innkeeper::error::Error> {
    Document::open(path, Kind::Settings(Syntax::of(path)), patience)
}

/// All values of a file by path. An empty section says nothing, and neither does an empty list of guests: without an
/// element there is no `[[innkeeper.guests]]`.
fn values(name: &str, text: &str) -> BTreeMap<String, Value> {
    let items = Syntax::of(Path::new(name)).read(&Source::new(name, text));
    let mut values = BTreeMap::new();
    collect(&items.unwrap_or_else(|problem| panic!("{problem}\n{text}")), "", &mut values);
    values
}

fn collect(items: &[Item], prefix: &str, out: &mut BTreeMap<String, Value>) {
    for item in items {
        let path = format!("{prefix}{}", item.name);
        let value = match &item.value.content {
            Content::Null => continue,
            Content::Switch(switch, _) => Value::Switch(*switch),
            Content::Number(_, text) => Value::Number(text.parse().unwrap()),
            Content::Text(text) => Value::Text(text.clone()),
            Content::Section(items) => {
                collect(items, &format!("{path}."), out);
                continue;
            }
            Content::List(nodes) if nodes.is_empty() && item.name == "guests" => continue,
            Content::List(nodes) => list(nodes),
        };
        assert!(out.insert(path, value).is_none());
    }
}

fn list(nodes: &[Node]) -> Value {
    let text = |node: &Node| node.text().unwrap().to_owned();
    let sections = nodes.iter().any(|node| matches!(node.content, Content::Section(_)));
    if !sections {
        return Value::Texts(nodes.iter().map(text).collect());
    }
    let section = |node: &Node| match &node.content {
        Content::Section(items) => items.iter().map(|item| (item.name.clone(), text(&item.value))).collect(),
        _ => panic!("sections and texts in one list"),
    };
    Value::Sections(nodes.iter().map(section).collect())
}

/// A random file: what it holds, and how that is written. Every comment in it is another.
#[derive(Clone, Debug)]
struct Written {
    values: BTreeMap<String, Value>,
    yaml: String,
    toml: String,
}

/// Choices taken from a few random numbers, over and over.
struct Choices {
    numbers: Vec<usize>,
    at: usize,
    comments: usize,
}

impl Choices {
    fn of(&mut self, many: usize) -> usize {
        self.at += 1;
        (self.numbers[self.at % self.numbers.len()] / (1 + self.at / self.numbers.len())) % many
    }

    /// A comment behind a value, often none.
    fn behind(&mut self) -> String {
        if self.of(3) > 0 {
            return String::new();
        }
        self.comments += 1;
        format!("{}# c{} 'x: [", " ".repeat(1 + self.of(3)), self.comments)
    }

    /// Lines that say nothing.
    fn between(&mut self, indent: &str, out: &mut Vec<String>) {
        for _ in 0..self.of(3) {
            match self.of(4) {
                0 => out.push(String::new()),
                1 => out.push("   ".to_owned()),
                _ => {
                    self.comments += 1;
                    let indent = if self.of(2) == 0 { "" } else { indent };
                    out.push(format!("{indent}# c{} \"x: - [", self.comments));
                }
            }
        }
    }

    fn yaml_text(&mut self, text: &str) -> String {
        let plain = !text.is_empty()
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
            && !["no", "true", "null"].contains(&text);
        match self.of(3) {
            0 if plain => text.to_owned(),
            1 => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            _ => format!("'{}'", text.replace('\'', "''")),
        }
    }

    fn toml_text(&mut self, text: &str) -> String {
        if self.of(2) == 0 && !text.contains('\'') {
            return format!("'{text}'");
        }
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }

    /// A scalar or a list in one line.
    fn flow(&mut self, value: &Value, syntax: Syntax) -> String {
        let written = |choices: &mut Self, text: &str| match syntax {
            Syntax::Yaml => choices.yaml_text(text),
            Syntax::Toml => choices.toml_text(text),
        };
        match value {
            Value::Text(text) => written(self, text),
            Value::Switch(switch) => switch.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Texts(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| written(self, text)).collect();
                format!("[{}]", texts.join(", "))
            }
            Value::Sections(sections) => {
                let colon = if syntax == Syntax::Yaml { ": " } else { " = " };
                let mut all = Vec::new();
                for section in sections {
                    let items: Vec<String> = section
                        .iter()
                        .map(|(name, text)| format!("{name}{colon}{}", written(self, text)))
                        .collect();
                    all.push(format!("{{{}}}", items.join(", ")));
                }
                format!("[{}]", all.join(", "))
            }
        }
    }
}

/// Names and what is under them.
#[derive(Default)]
struct Tree(BTreeMap<String, Tree>, Option<Value>);

impl Tree {
    fn of(values: &BTreeMap<String, Value>) -> Self {
        let mut root = Self::default();
        for (path, value) in values {
            let leaf =
                path.split('.').fold(&mut root, |tree, name| tree.0.entry(name.to_owned()).or_default());
            leaf.1 = Some(value.clone());
        }
        root
    }

    fn yaml(&self, indent: &str, choices: &mut Choices, out: &mut Vec<String>) {
        let step = ["  ", "    ", " "][choices.of(3)];
        for (name, tree) in &self.0 {
            choices.between(indent, out);
            let deeper = format!("{indent}{step}");
            match &tree.1 {
                None if choices.of(4) == 0 && tree.is_flat() => {
                    let mut items = Vec::new();
                    for (name, tree) in &tree.0 {
                        let value = tree.1.as_ref().map(|value| choices.flow(value, Syntax::Yaml));
                        items.push(format!("{name}: {}", value.unwrap_or_default()));
                    }
                    out.push(format!("{indent}{name}: {{{}}}{}", items.join(", "), choices.behind()));
                }
                None => {
                    out.push(format!("{indent}{name}:{}", choices.behind()));
                    tree.yaml(&deeper, choices, out);
                }
                Some(value) => tree.yaml_value(name, value, indent, choices, out),
            }
        }
    }

    fn yaml_value(
        &self,
        name: &str,
        value: &Value,
        indent: &str,
        choices: &mut Choices,
        out: &mut Vec<String>,
    ) {
        let dashes = format!("{indent}{}", ["", "  ", "    "][choices.of(3)]);
        match value {
            Value::Texts(texts) if !texts.is_empty() && choices.of(3) > 0 => {
                out.push(format!("{indent}{name}:{}", choices.behind()));
                for text in texts {
                    let text = choices.yaml_text(text);
                    choices.between(&dashes, out);
                    out.push(format!("{dashes}- {text}{}", choices.behind()));
                }
            }
            Value::Sections(sections) if !sections.is_empty() && choices.of(3) > 0 => {
                out.push(format!("{indent}{name}:{}", choices.behind()));
                for section in sections {
                    choices.between(&dashes, out);
                    for (number, (name, text)) in section.iter().enumerate() {
                        let dash = if number == 0 { "- " } else { "  " };
                        let text = choices.yaml_text(text);
                        out.push(format!("{dashes}{dash}{name}: {text}{}", choices.behind()));
                    }
                }
            }
            _ => {
                let value = choices.flow(value, Syntax::Yaml);
                out.push(format!("{indent}{name}: {value}{}", choices.behind()));
            }
        }
    }

    fn is_flat(&self) -> bool {
        self.0.values().all(|tree| tree.1.is_some())
    }

    /// Values first, then the sections with headers; `path` is that of this section.
    fn toml(&self, path: &str, choices: &mut Choices, out: &mut Vec<String>) {
        let mut headers = Vec::new();
        for (name, tree) in &self.0 {
            choices.between("  ", out);
            let full = format!("{path}{name}");
            match &tree.1 {
                None => match choices.of(5) {
                    0 if tree.is_flat() => {
                        let mut items = Vec::new();
                        for (name, tree) in &tree.0 {
                            let value = tree.1.as_ref().map(|value| choices.flow(value, Syntax::Toml));
                            items.push(format!("{name} = {}", value.unwrap_or_default()));
                        }
                        out.push(format!("{name} = {{{}}}{}", items.join(", "), choices.behind()));
                    }
                    1 if tree.is_flat() => {
                        for (inner, tree) in &tree.0 {
                            let value = tree.1.as_ref().map(|value| choices.flow(value, Syntax::Toml));
                            out.push(format!(
                                "{name}.{inner} = {}{}",
                                value.unwrap_or_default(),
                                choices.behind()
                            ));
                        }
                    }
                    _ => headers.push((full, tree)),
                },
                Some(Value::Sections(sections)) if !sections.is_empty() && choices.of(2) == 0 => {
                    headers.push((full, tree));
                }
                Some(Value::Texts(texts)) if !texts.is_empty() && choices.of(2) == 0 => {
                    out.push(format!("{name} = [{}", choices.behind()));
                    let comma = choices.of(2) == 0;
                    for (number, text) in texts.iter().enumerate() {
                        choices.between("  ", out);
                        let text = choices.toml_text(text);
                        let comma = if comma || number + 1 < texts.len() { "," } else { "" };
                        out.push(format!("  {text}{comma}{}", choices.behind()));
                    }
                    choices.between("  ", out);
                    out.push(format!("]{}", choices.behind()));
                }
                Some(value) => {
                    let value = choices.flow(value, Syntax::Toml);
                    out.push(format!("{name} = {value}{}", choices.behind()));
                }
            }
        }
        for (path, tree) in headers {
            choices.between("", out);
            match &tree.1 {
                Some(Value::Sections(sections)) => {
                    for section in sections {
                        out.push(format!("[[{path}]]{}", choices.behind()));
                        for (name, text) in section {
                            let text = choices.toml_text(text);
                            choices.between("", out);
                            out.push(format!("{name} = {text}{}", choices.behind()));
                        }
                        choices.between("", out);
                    }
                }
                _ => {
                    out.push(format!("[{path}]{}", choices.behind()));
                    tree.toml(&format!("{path}."), choices, out);
                }
            }
        }
    }
}

/// Names of the file: SillyTavern's, ours, and foreign ones.
fn names() -> Vec<(String, Option<&'static Key>)> {
    let mut names: Vec<_> = schema::KEYS.iter().map(|key| (key.full_path(), Some(key))).collect();
    for path in ["port", "whitelist", "ssl.enabled", "basicAuthUser.password", "listen"] {
        names.push((format!("innkeeper.{path}"), Key::find(path)));
    }
    names.extend(
        ["theirs", "extensions.models.whitelist", "other.list", "z"].map(|name| (name.to_owned(), None)),
    );
    names
}

fn word() -> impl Strategy<Value = String> {
    let words = vec![
        "::1",
        "127.0.0.1",
        "10.0.0.0/8",
        "*",
        "fe80::",
        "a b",
        "it's",
        "a: b",
        "x #y",
        "0123",
        "no",
        "",
        "\"q\"",
        "\\n",
        "[a]",
        "a.lan",
        "/a,b",
        "~",
        "-",
        "- a",
        "1e3",
        "ü🗝",
        "true",
    ];
    prop::sample::select(words).prop_map(str::to_owned)
}

/// Any text of one line that a file may hold.
fn any_text() -> impl Strategy<Value = String> {
    let any =
        prop::collection::vec(any::<char>(), 0..12).prop_map(|text| text.into_iter().collect::<String>());
    prop_oneof![word(), any.prop_map(|text| text.replace(['\n', '\r'], ""))]
}

fn section() -> impl Strategy<Value = Vec<(String, String)>> {
    (word(), word()).prop_map(|(address, note)| {
        vec![
            ("address".to_owned(), address),
            ("until".to_owned(), "2030".to_owned()),
            ("note".to_owned(), note),
        ]
    })
}

/// A value of the kind that `key` takes.
fn value(key: Option<&'static Key>, text: BoxedStrategy<String>) -> BoxedStrategy<Value> {
    match key.map(|key| key.kind) {
        Some(schema::Kind::Switch) => any::<bool>().prop_map(Value::Switch).boxed(),
        Some(schema::Kind::Port | schema::Kind::Integer { .. } | schema::Kind::Number) => {
            (0..9999_i64).prop_map(Value::Number).boxed()
        }
        Some(schema::Kind::Guests) => {
            prop::collection::vec(section(), 1..4).prop_map(Value::Sections).boxed()
        }
        Some(schema::Kind::Entries | schema::Kind::Hosts | schema::Kind::UrlPaths) | None => {
            prop::collection::vec(text, 0..4).prop_map(Value::Texts).boxed()
        }
        Some(_) => text.prop_map(Value::Text).boxed(),
    }
}

fn written() -> impl Strategy<Value = Written> {
    let some = |(path, key): (String, Option<&'static Key>)| {
        value(key, word().boxed()).prop_map(move |value| (path.clone(), value))
    };
    let values = prop::collection::vec(prop::sample::select(names()).prop_flat_map(some), 0..10);
    let numbers = prop::collection::vec(0..10_000_usize, 40);
    (values, numbers, any::<(bool, bool, bool)>()).prop_map(|(values, numbers, (bom, windows, end))| {
        let values: BTreeMap<String, Value> = values.into_iter().collect();
        let tree = Tree::of(&values);
        let finish = |lines: Vec<String>| {
            let text = lines.join(if windows { "\r\n" } else { "\n" });
            let text =
                if end && !text.is_empty() { text + if windows { "\r\n" } else { "\n" } } else { text };
            if bom { format!("\u{feff}{text}") } else { text }
        };
        let mut choices = Choices { numbers, at: 0, comments: 0 };
        let (mut yaml, mut toml) = (Vec::new(), Vec::new());
        tree.yaml("", &mut choices, &mut yaml);
        tree.toml("", &mut choices, &mut toml);
        Written { values, yaml: finish(yaml), toml: finish(toml) }
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    prop::sample::select(names()).prop_flat_map(|(dotted, key)| {
        let path = path(&dotted);
        let entry = || (word(), prop::option::weighted(0.3, Just("n 1 #x".to_owned())));
        let (one, two, three, four) = (path.clone(), path.clone(), path.clone(), path);
        match key.map(|key| key.kind) {
            Some(schema::Kind::Guests) => prop_oneof![
                section().prop_map(move |section| Edit::Item(one.clone(), section)),
                (0..3_usize).prop_map(move |number| Edit::Remove(two.clone(), number)),
            ]
            .boxed(),
            None | Some(schema::Kind::Entries | schema::Kind::Hosts | schema::Kind::UrlPaths) => prop_oneof![
                prop::collection::vec(entry(), 1..12)
                    .prop_map(move |entries| Edit::Append(one.clone(), entries)),
                entry().prop_map(move |entry| Edit::Append(two.clone(), vec![entry])),
                (0..3_usize).prop_map(move |number| Edit::Remove(three.clone(), number)),
                value(key, any_text().boxed()).prop_map(move |value| Edit::Set(four.clone(), value)),
            ]
            .boxed(),
            Some(_) => {
                value(key, any_text().boxed()).prop_map(move |value| Edit::Set(one.clone(), value)).boxed()
            }
        }
    })
}

/// What an edit makes of the values; `None` when it cannot be done.
fn edited(values: &BTreeMap<String, Value>, edit: &Edit) -> Option<BTreeMap<String, Value>> {
    let mut values = values.clone();
    match edit {
        Edit::Set(path, value) => {
            values.insert(path.join("."), value.clone());
        }
        Edit::Append(path, entries) => match values.get_mut(&path.join("."))? {
            Value::Texts(texts) => texts.extend(entries.iter().map(|(entry, _)| entry.clone())),
            _ => return None,
        },
        Edit::Item(path, item) => {
            match values.entry(path.join(".")).or_insert_with(|| Value::Sections(Vec::new())) {
                Value::Sections(sections) => sections.push(item.clone()),
                _ => return None,
            }
        }
        Edit::Remove(path, number) => {
            let path = path.join(".");
            match values.get_mut(&path)? {
                Value::Texts(texts) if *number < texts.len() => {
                    texts.remove(*number);
                }
                Value::Sections(sections) if *number < sections.len() => {
                    sections.remove(*number);
                    if sections.is_empty() {
                        values.remove(&path);
                    }
                }
                _ => return None,
            }
        }
    }
    Some(values)
}

/// The numbers of the comments in a text, in order.
fn comments(text: &str) -> Vec<usize> {
    let number = |part: &str| part.split(' ').next().and_then(|number| number.parse().ok());
    text.split("# c").skip(1).filter_map(number).collect()
}

/// Does the edits and checks each; how many were done and how many refused though they could be done.
fn follow(name: &str, text: &str, values: &BTreeMap<String, Value>, edits: &[Edit]) -> (usize, usize) {
    let folder = Folder::with(&[(name, text)]);
    let mut document = open(&folder.path(name), Duration::ZERO).unwrap();
    let mut values = values.clone();
    assert_eq!(self::values(name, document.text()), values, "generated\n{text}");
    let (mut done, mut refused) = (0, 0);
    for edit in edits {
        let before = document.text().to_owned();
        let expected = edited(&values, edit);
        match edit.apply(&mut document) {
            Ok(_) => {
                let after = document.text();
                let context = || format!("{edit:?}\n{before}\n---\n{after}");
                values = expected.unwrap_or_else(|| panic!("done: {}", context()));
                assert_eq!(self::values(name, after), values, "{}", context());
                // Only an entry that goes takes comments with it.
                let (old, new) = (comments(&before), comments(after));
                let goes = matches!(edit, Edit::Remove(..) | Edit::Set(_, Value::Texts(_)));
                let kept: Vec<usize> = old.iter().copied().filter(|number| new.contains(number)).collect();
                assert!(kept == new && (goes || kept == old), "{}", context());
                let windows = |text: &str| text.matches("\r\n").count() == text.matches('\n').count();
                assert!(!windows(&before) || !before.contains('\n') || windows(after), "{}", context());
                assert_eq!(before.starts_with('\u{feff}'), after.starts_with('\u{feff}'));
                done += 1;
            }
            Err(error) => {
                assert_eq!(document.text(), before, "{edit:?}: {error}");
                if expected.is_some() {
                    refused += 1;
                    if std::env::var_os("REFUSED").is_some() {
                        eprintln!("{error}\n{edit:?}\n{before}\n=====");
                    }
                }
            }
        }
    }
    let expected = document.text().to_owned();
    document.replace().unwrap();
    assert_eq!(folder.text(name), expected);
    (done, refused)
}

#[test]
fn random_files_and_edits() {
    use std::cell::Cell;
    let (done, refused) = (Cell::new([0_usize; 2]), Cell::new([0_usize; 2]));
    let cases = std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(120);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let edits = prop::collection::vec(edit(), 1..8);
    let outcome = runner.run(&(written(), edits), |(written, edits)| {
        for (number, (name, text)) in
            [("config.yaml", &written.yaml), ("config.toml", &written.toml)].into_iter().enumerate()
        {
            let counts = follow(name, text, &written.values, &edits);
            let (mut all_done, mut all_refused) = (done.get(), refused.get());
            all_done[number] += counts.0;
            all_refused[number] += counts.1;
            done.set(all_done);
            refused.set(all_refused);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    // Refusing is safe, and no use.
    for (done, refused) in done.get().into_iter().zip(refused.get()) {
        assert!(refused * 5 < done, "{refused} refused, {done} done");
    }
    eprintln!("done {:?}, refused {:?}", done.get(), refused.get());
}

/// The same list in the three kinds of file that hold one.
const LISTS: [(&str, &str); 3] = [
    ("config.yaml", "# home\nwhitelist: # us\n  - ::1 # here\n  - 127.0.0.1\n"),
    ("config.toml", "# home\nwhitelist = [ # us\n  \"::1\", # here\n  \"127.0.0.1\",\n]\n"),
    ("whitelist.txt", "# home\n::1 # here\n127.0.0.1\n"),
];

/// A folder with that file, and settings beside a list that is none itself.
fn folder_of(name: &str, text: &str) -> Folder {
    let folder = Folder::with(&[(name, text)]);
    if name == "whitelist.txt" {
        std::fs::write(folder.path("config.yaml"), "port: 1\n").unwrap();
    }
    folder
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_while_writing() {
    for (name, text) in LISTS {
        // A limit on the size of files stands in for the disk; it counts blocks of 512 or 1024 bytes.
        let text = text.to_owned() + &"# much more\n".repeat(500);
        let folder = folder_of(name, &text);
        let names = folder.names();
        let output = std::process::Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" whitelist add 10.0.0.7"])
            .arg(assert_cmd::cargo::cargo_bin!("innkeeper"))
            .current_dir(folder.root())
            .env_clear()
            .output()
            .unwrap();
        let message = format!(
            "error: cannot write `{name}`: File too large (os error 27)\nhint: nothing was changed; make room on the \
             disk\n"
        );
        assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(folder.text(name), text, "{name}");
        assert_eq!(folder.names(), names, "{name}: nothing lies about");
        // And when there is room again.
        folder.done(&["whitelist", "add", "10.0.0.7"]);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_is_read_only() {
    use std::os::unix::fs::PermissionsExt as _;
    for (name, text) in LISTS {
        let folder = folder_of(name, text);
        let names = folder.names();
        std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(0o444)).unwrap();
        let expected = format!(
            "$ innkeeper whitelist add 10.0.0.7\n! error: `{name}` is read-only\n\
             ! hint: make it writable: `chmod u+w '{name}'`\nexit 2\n\n"
        );
        assert_eq!(folder.told(&["whitelist", "add", "10.0.0.7"], &[]), expected);
        assert_eq!((folder.text(name).as_str(), folder.names()), (text, names), "{name}");
    }
}

#[test]
fn a_lock_that_another_holds() {
    for (name, text) in LISTS {
        let folder = folder_of(name, text);
        let path = folder.path(name);
        let kind = || if name == "whitelist.txt" { Kind::Lines } else { Kind::Settings(Syntax::of(&path)) };
        let held = Document::open(&path, kind(), Duration::ZERO).unwrap();
        let refused = Document::open(&path, kind(), Duration::ZERO).err().unwrap();
        let real = path.canonicalize().unwrap();
        let message =
            format!("`{}` is being changed by another process, for more than 0 seconds", real.display());
        assert_eq!(refused.to_string(), message);
        assert_eq!(refused.hints(), ["try again when the other `innkeeper` is done"]);
        assert_eq!(folder.text(name), text);
        drop(held);
        folder.done(&["whitelist", "add", "10.0.0.7"]);
    }
}

#[test]
fn a_password_is_never_told() {
    let mut all = String::new();
    for (name, text, wrong) in [
        (
            "config.yaml",
            "basicAuthUser: {username: u, password: hunter1} # c\nssl:\n  keyPassphrase: |\n    hunter2\n    hunter3\n",
            "basicAuthUser:\n  password: \"hunter1\n",
        ),
        (
            "config.toml",
            "basicAuthUser = {username = \"u\", password = \"hunter1\"} # c\n[ssl]\nkeyPassphrase = \"\"\"\nhunter2\nhunter3\"\"\"\n",
            "[basicAuthUser]\npassword = \"hunter1\n",
        ),
    ] {
        let folder = Folder::with(&[(name, text), ("wrong", wrong)]);
        let mut document = open(&folder.path(name), Duration::ZERO).unwrap();
        let mut told = String::new();
        for (path, value) in [
            (&["basicAuthUser", "username"][..], "new"),
            (&["basicAuthUser", "password"], "hunter4"),
            (&["ssl", "keyPassphrase"], "hunter5"),
            (&["innkeeper", "basicAuthUser", "password"], "hunter6"),
            (&["innkeeper", "ssl", "keyPassphrase"], "hunter7\n"),
            (&["basicAuthUser"], "hunter8"),
        ] {
            let value = Content::Text(value.to_owned());
            let change = Change::Set { path, value: &value };
            let _ = writeln!(told, "{change:?}");
            if let Err(error) = document.edit(&change) {
                let _ = writeln!(told, "{error:?} {error}");
            }
        }
        told += document.difference();
        std::fs::rename(folder.path("wrong"), folder.path(name)).unwrap();
        let mut document = open_after(&folder, name, document);
        let change = Change::Append { list: &["whitelist"], entry: "::1", note: None };
        let error = document.edit(&change).unwrap_err();
        let _ = writeln!(told, "{error:?} {error}");
        assert!(!told.contains("hunter"), "{told}");
        all += &told.replace(&format!("{}/", folder.root().display()), "");
    }
    golden("document-secrets.txt", &all);
}

/// Opens the file when the lock of the document before is given back.
fn open_after(folder: &Folder, name: &str, before: Document) -> Document {
    drop(before);
    open(&folder.path(name), Duration::ZERO).unwrap()
}

#[test]
fn where_a_setting_stands() {
    let folder = Folder::with(&[
        ("config.yaml", "port: 1\nlisten: true\ninnkeeper:\n  port: 2\n  ssl:\n    enabled: true\n"),
        ("config.toml", "port = 1\nlisten = true\n[innkeeper]\nport = 2\n[innkeeper.ssl]\nenabled = true\n"),
    ]);
    for name in ["config.yaml", "config.toml"] {
        let document = open(&folder.path(name), Duration::ZERO).unwrap();
        let path = |path: &str| document.path_of(Key::find(path).unwrap()).join(".");
        let paths =
            ["port", "listen", "ssl.enabled", "ssl.certPath", "whitelist", "satisfy", "session.lifetime"];
        assert_eq!(
            paths.map(path).join(" "),
            "innkeeper.port listen innkeeper.ssl.enabled ssl.certPath whitelist innkeeper.satisfy \
             innkeeper.session.lifetime"
        );
    }
}
