//! Edits of settings files through the library: golden cases that are the same for YAML and TOML, random files with
//! random edits, secrets, and input that must leave the file alone.

mod random;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use innkeeper::config::document::{Change, Document, Kind};
use innkeeper::config::schema::Key;
use innkeeper::config::{Content, Item, Node, Source, Syntax};

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
             ! hint: make it writable: `chmod u+w {name}`\nexit 2\n\n"
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
