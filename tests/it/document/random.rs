//! Random files and random edits: what is read back is what was expected, with every comment in place, or the edit was
//! refused and nothing changed. `CASES=2400 cargo test random` looks further.

use std::collections::BTreeMap;
use std::time::Duration;

use innkeeper::config::Syntax;
use innkeeper::config::document::{Back, Document};
use innkeeper::config::schema::{self, Key};
use proptest::prelude::*;

use super::{Edit, Value, open, path};
use crate::it::harness::folder::Folder;

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
                Some(value) => yaml_value(name, value, indent, choices, out),
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
            if let Some(Value::Sections(sections)) = &tree.1 {
                for section in sections {
                    out.push(format!("[[{path}]]{}", choices.behind()));
                    for (name, text) in section {
                        let text = choices.toml_text(text);
                        choices.between("", out);
                        out.push(format!("{name} = {text}{}", choices.behind()));
                    }
                    choices.between("", out);
                }
            } else {
                out.push(format!("[{path}]{}", choices.behind()));
                tree.toml(&format!("{path}."), choices, out);
            }
        }
    }
}

/// A value with a line for each of its parts, or in one line.
fn yaml_value(name: &str, value: &Value, indent: &str, choices: &mut Choices, out: &mut Vec<String>) {
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
        Some(schema::Kind::Guests | schema::Kind::Certificates) => {
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
            Some(schema::Kind::Guests | schema::Kind::Certificates) => prop_oneof![
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

/// Sets a scalar and takes it back, which leaves no trace.
fn there_and_back(document: &mut Document, edit: &Edit) {
    let Edit::Set(path, value @ (Value::Text(_) | Value::Switch(_) | Value::Number(_))) = edit else {
        return;
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let before = document.text().to_owned();
    let Ok(Some(step)) = document.set(&path, &value.content()) else { return };
    let context = format!("{edit:?}\n{before}\n---\n{}", document.text());
    assert_eq!(document.take_back(&step).unwrap(), Back::Taken, "{context}");
}

/// Does the edits and checks each; how many were done and how many refused though they could be done.
fn follow(name: &str, text: &str, values: &BTreeMap<String, Value>, edits: &[Edit]) -> (usize, usize) {
    let folder = Folder::with(&[(name, text)]);
    let mut document = open(&folder.path(name), Duration::ZERO).unwrap();
    let mut values = values.clone();
    assert_eq!(super::values(name, document.text()), values, "generated\n{text}");
    let (mut done, mut refused) = (0, 0);
    for edit in edits {
        let before = document.text().to_owned();
        let expected = edited(&values, edit);
        there_and_back(&mut document, edit);
        assert_eq!(document.text(), before, "{edit:?}");
        match edit.apply(&mut document) {
            Ok(_) => {
                let after = document.text();
                let context = || format!("{edit:?}\n{before}\n---\n{after}");
                values = expected.unwrap_or_else(|| panic!("done: {}", context()));
                assert_eq!(super::values(name, after), values, "{}", context());
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
}
