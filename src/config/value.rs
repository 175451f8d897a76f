//! From what was written to what is meant, one reader a kind. What is not meant for sure is refused with a hint.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::schema::{Key, Kind};
use super::secret::Secret;
use super::tree::{Content, Node};
use super::upstream::Upstream;

/// Whether a protocol is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Yes; a failure to listen is an error.
    On,
    /// No.
    Off,
    /// When the system has an address of that family.
    Auto,
}

/// An address that may come in for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The address, in the grammar of the whitelist.
    pub address: String,
    /// The last moment, as RFC 3339 text; empty for no end.
    pub until: String,
    /// Who it is.
    pub note: String,
}

/// What a setting is set to. The variant follows from the key's [`Kind`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, where that is allowed.
    Unset,
    /// On or off.
    Switch(bool),
    /// A protocol.
    Family(Family),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Text, a word of a choice, a header's name.
    Text(String),
    /// Text that is never shown.
    Secret(Secret),
    /// A path as it was written.
    Path(PathBuf),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// A time.
    Duration(Duration),
    /// Bytes.
    Size(u64),
    /// Texts with the line each stands in (0 outside files).
    List(Vec<(String, usize)>),
    /// Guests.
    Guests(Vec<Guest>),
    /// An app.
    Upstream(Upstream),
}

/// Why a value is refused. The sentence begins with the name of the setting: "`port` {takes}, not {found}".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What the setting takes.
    pub takes: String,
    /// What was written instead; empty when that must not be shown.
    pub found: String,
    /// What SillyTavern makes of it, where it makes something else of it than a person would think.
    pub elsewhere: Option<String>,
    /// Values to write instead, when there is a guess.
    pub write: Vec<String>,
    /// What else to do about it.
    pub hint: Option<String>,
    /// Which element of a list is meant.
    pub element: Option<usize>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.takes)?;
        if self.found.is_empty() { Ok(()) } else { write!(f, ", not {}", self.found) }
    }
}

/// Reads `node` as a value of `key`.
///
/// # Errors
/// Whatever does not mean one thing only, to a person and to SillyTavern alike.
pub fn read(key: &Key, node: &Node) -> Result<Value, Box<Fault>> {
    match key.kind {
        Kind::Switch => switch(node).map(Value::Switch),
        Kind::Family => family(node).map(Value::Family),
        Kind::Port => integer(node, 0, 65535, "a port (0 to 65535)").map(Value::Integer),
        Kind::Integer { least, most } => {
            integer(node, least, most, &format!("a whole number from {least} to {most}")).map(Value::Integer)
        }
        Kind::Number => number(node).map(Value::Number),
        Kind::Text => text(node, "text").map(Value::Text),
        Kind::Secret => secret(node).map(Value::Secret),
        Kind::Path => filled(node, "a path").map(|path| Value::Path(path.into())),
        Kind::OptionalPath => {
            text(node, "a path").map(|path| unless_empty(path, |path| Value::Path(path.into())))
        }
        Kind::Ipv4 => address(node, "an IPv4 address", "0.0.0.0").map(Value::Ipv4),
        Kind::Ipv6 => ipv6(node).map(Value::Ipv6),
        Kind::Duration => duration(node).map(Value::Duration),
        Kind::OptionalDuration if node.text() == Some("off") => Ok(Value::Unset),
        Kind::OptionalDuration => duration(node).map(Value::Duration).map_err(|mut fault| {
            fault.takes = "takes a time such as `5s`, or `off`".to_owned();
            fault
        }),
        Kind::Size => size(node).map(Value::Size),
        Kind::Choice(words) => choice(node, words).map(Value::Text),
        Kind::Entries => list(node, &ADDRESSES, |_| true).map(Value::List),
        Kind::Hosts => list(node, &HOSTS, |_| true).map(Value::List),
        Kind::UrlPaths => list(node, &PATHS, |path| path.starts_with('/')).map(Value::List),
        Kind::Guests => guests(node).map(Value::Guests),
        Kind::Upstream => upstream(node),
        Kind::Header => header(node),
        Kind::Language => language(node).map(Value::Text),
    }
}

/// What SillyTavern's own conversion to a boolean makes of a value: JavaScript's truth, except for the words `true`
/// and `false`.
#[must_use]
pub fn truth(content: &Content) -> bool {
    match content {
        Content::Null => false,
        Content::Switch(value, _) => *value,
        Content::Number(value, _) => *value != 0.0 && !value.is_nan(),
        Content::Text(text) => !text.is_empty() && !text.trim().eq_ignore_ascii_case("false"),
        Content::List(_) | Content::Section(_) => true,
    }
}

/// What SillyTavern's own conversion to a number makes of a value: JavaScript's `parseFloat`, which stops at the
/// first character that does not fit. `None` where it takes the default.
#[must_use]
pub fn leading_number(content: &Content) -> Option<f64> {
    match content {
        Content::Number(value, _) => Some(*value).filter(|value| !value.is_nan()),
        Content::Text(text) => parse_float(text),
        // `String([8090])` is `8090`.
        Content::List(nodes) => nodes.first().and_then(|node| leading_number(&node.content)),
        Content::Null | Content::Switch(..) | Content::Section(_) => None,
    }
}

fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.starts_with("Infinity") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let fits =
        |head: &str| head.parse::<f64>().is_ok() && head.ends_with(|c: char| c.is_ascii_digit() || c == '.');
    let shape = text.bytes().take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte)).count();
    (1..=shape).rev().map(|length| &text[..length]).find(|head| fits(head)).and_then(|head| head.parse().ok())
}

fn switch(node: &Node) -> Result<bool, Box<Fault>> {
    match &node.content {
        Content::Switch(value, _) => return Ok(*value),
        Content::Text(text) if text.trim().eq_ignore_ascii_case("true") => return Ok(true),
        Content::Text(text) if text.trim().eq_ignore_ascii_case("false") => return Ok(false),
        _ => {}
    }
    let meant = node.text().map(|text| text.trim().to_ascii_lowercase());
    let write = match meant.as_deref() {
        Some("yes" | "on" | "y" | "1") => &["true"][..],
        Some("no" | "off" | "n" | "0") => &["false"],
        _ => &["true", "false"],
    };
    let elsewhere = format!("as `{}`", truth(&node.content));
    let fault = fault(node, "takes `true` or `false`").elsewhere(elsewhere);
    Err(write.iter().fold(fault, |fault, value| fault.write(*value)))
}

fn family(node: &Node) -> Result<Family, Box<Fault>> {
    if node.text() == Some("auto") {
        return Ok(Family::Auto);
    }
    switch(node).map(|on| if on { Family::On } else { Family::Off }).map_err(|mut fault| {
        fault.takes = "takes `true`, `false` or `auto`".to_owned();
        fault.elsewhere = None;
        if node.text().is_some_and(|text| text.trim().eq_ignore_ascii_case("auto")) {
            fault.write = vec!["auto".to_owned()];
        }
        fault
    })
}

fn integer(node: &Node, least: i64, most: i64, takes: &str) -> Result<i64, Box<Fault>> {
    let value = match &node.content {
        Content::Number(value, _) => Some(*value),
        Content::Text(text) => {
            text.trim().parse::<i64>().ok().map(|_| text.trim().parse().unwrap_or(f64::NAN))
        }
        _ => None,
    };
    // Bounds are far within what both types hold exactly.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let whole = value
        .filter(|value| value.fract() == 0.0 && *value >= least as f64 && *value <= most as f64)
        .map(|value| value as i64);
    whole.ok_or_else(|| numeric_fault(node, &format!("takes {takes}")))
}

fn number(node: &Node) -> Result<f64, Box<Fault>> {
    let value = match &node.content {
        Content::Number(value, _) => Some(*value),
        Content::Text(text) => decimal(text.trim()),
        _ => None,
    };
    value.filter(|value| value.is_finite()).ok_or_else(|| numeric_fault(node, "takes a number"))
}

/// A number in text: digits, a sign, a point, an exponent; not `inf`.
fn decimal(text: &str) -> Option<f64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)))
}

fn numeric_fault(node: &Node, takes: &str) -> Box<Fault> {
    let fault = fault(node, takes);
    let elsewhere = match leading_number(&node.content) {
        // It means the same there, and is out of bounds here.
        Some(_) if matches!(node.content, Content::Number(..)) => return fault,
        Some(value) => format!("as `{value}`"),
        None => "as the default".to_owned(),
    };
    fault.elsewhere(elsewhere)
}

fn text(node: &Node, what: &str) -> Result<String, Box<Fault>> {
    node.text().map(str::to_owned).ok_or_else(|| fault(node, &format!("takes {what}")))
}

fn filled(node: &Node, what: &str) -> Result<String, Box<Fault>> {
    text(node, what)
        .and_then(|text| if text.is_empty() { Err(fault(node, &format!("takes {what}"))) } else { Ok(text) })
}

fn unless_empty(text: String, value: impl FnOnce(String) -> Value) -> Value {
    if text.is_empty() { Value::Unset } else { value(text) }
}

/// A number is the text that was written, `0123` and `1e3` too. SillyTavern never matches one.
fn secret(node: &Node) -> Result<Secret, Box<Fault>> {
    match node.text() {
        Some(text) => Ok(Secret::new(text)),
        None => {
            Err(Box::new(Fault { found: kind_of(&node.content).to_owned(), ..*fault(node, "takes text") }))
        }
    }
}

fn address<T: std::str::FromStr>(node: &Node, what: &str, example: &str) -> Result<T, Box<Fault>> {
    let address = node.text().and_then(|text| text.parse().ok());
    address.ok_or_else(|| fault(node, &format!("takes {what}")).write(example))
}

/// With or without brackets: SillyTavern needs them in one place and fails on them in another.
fn ipv6(node: &Node) -> Result<Ipv6Addr, Box<Fault>> {
    let text = node.text().unwrap_or_default();
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    address(&Node { content: Content::Text(inner.to_owned()), span: node.span }, "", "")
        .map_err(|_| fault(node, "takes an IPv6 address").write("\"[::]\""))
}

fn duration(node: &Node) -> Result<Duration, Box<Fault>> {
    const UNITS: &[(&str, f64)] =
        &[("ms", 0.001), ("s", 1.0), ("m", 60.0), ("min", 60.0), ("h", 3600.0), ("d", 86400.0), ("", 1.0)];
    node.text()
        .and_then(|text| with_unit(text, UNITS))
        // A century and more is a slip.
        .filter(|seconds| *seconds > 0.0 && *seconds <= 3.2e9)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| fault(node, "takes a time such as `5s`, `10m` or `30d`"))
}

fn size(node: &Node) -> Result<u64, Box<Fault>> {
    const UNITS: &[(&str, f64)] = &[
        ("kib", 1024.0),
        ("mib", 1_048_576.0),
        ("gib", 1_073_741_824.0),
        ("kb", 1e3),
        ("mb", 1e6),
        ("gb", 1e9),
        ("b", 1.0),
        ("", 1.0),
    ];
    let bytes = node.text().and_then(|text| with_unit(&text.to_ascii_lowercase(), UNITS));
    // Bounded to what f64 holds exactly.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    bytes
        .filter(|bytes| (1.0..=9e15).contains(bytes))
        .map(|bytes| bytes.round() as u64)
        .ok_or_else(|| fault(node, "takes a size such as `32 KiB` or `10 MiB`"))
}

/// `1.5 MiB` with the factor of its unit.
fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (amount, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, factor)| factor)?;
    decimal(amount).map(|amount| amount * factor)
}

fn choice(node: &Node, words: &[&str]) -> Result<String, Box<Fault>> {
    let found = node.text().filter(|text| words.contains(text)).map(str::to_owned);
    found.ok_or_else(|| fault(node, &format!("takes `{}`", words.join("` or `"))))
}

/// How a list of texts is spoken of.
struct List {
    many: &'static str,
    one: &'static str,
    example: &'static str,
}

const ADDRESSES: List = List { many: "addresses", one: "an address", example: "127.0.0.1" };
const HOSTS: List = List { many: "host names", one: "a host name", example: "example.com" };
const PATHS: List =
    List { many: "paths that begin with `/`", one: "a path that begins with `/`", example: "/manifest.json" };

fn list(node: &Node, what: &List, good: impl Fn(&str) -> bool) -> Result<Vec<(String, usize)>, Box<Fault>> {
    let Content::List(nodes) = &node.content else {
        let whole = fault(node, &format!("takes a list of {}", what.many));
        let example = match &node.content {
            Content::Text(text) if good(text) && !text.is_empty() && !text.contains(['"', '\\', '`']) => text,
            _ => what.example,
        };
        return Err(whole.write(format!("[\"{example}\"]")));
    };
    let element = |(number, node): (usize, &Node)| match node
        .text()
        .filter(|_| !matches!(node.content, Content::Switch(..)))
    {
        Some(text) if good(text) => Ok((text.to_owned(), node.span.line)),
        _ => Err(fault(node, &format!("has to be {}", what.one)).element(number)),
    };
    nodes.iter().enumerate().map(element).collect()
}

fn guests(node: &Node) -> Result<Vec<Guest>, Box<Fault>> {
    const TAKES: &str = "takes a list of guests, each with `address`, `until` and `note`";
    let Content::List(nodes) = &node.content else { return Err(fault(node, TAKES)) };
    let guest = |(number, node): (usize, &Node)| {
        let wrong = || fault(node, "has to be a guest with `address`, `until` and `note`").element(number);
        let Content::Section(items) = &node.content else { return Err(wrong()) };
        let known = items.iter().all(|item| ["address", "until", "note"].contains(&item.name.as_str()));
        let field = |name: &str| match items.iter().find(|item| item.name == name) {
            Some(item) => item.value.text().map(str::to_owned).ok_or_else(wrong),
            None => Ok(String::new()),
        };
        let guest = Guest { address: field("address")?, until: field("until")?, note: field("note")? };
        if known && !guest.address.is_empty() { Ok(guest) } else { Err(wrong()) }
    };
    nodes.iter().enumerate().map(guest).collect()
}

fn upstream(node: &Node) -> Result<Value, Box<Fault>> {
    match text(node, "the URL of an app")?.as_str() {
        "" => Ok(Value::Unset),
        url => url.parse().map(Value::Upstream).map_err(|error: crate::error::Error| {
            let mut fault = fault(node, &format!("takes the URL of an app: {error}"));
            fault.found.clear();
            fault.hint = error.hints().first().cloned();
            fault
        }),
    }
}

fn header(node: &Node) -> Result<Value, Box<Fault>> {
    let name = text(node, "the name of a header")?;
    // RFC 9110 5.6.2, without what no header of this kind is called.
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Ok(unless_empty(name, Value::Text))
    } else {
        Err(fault(node, "takes the name of a header").write("Remote-User"))
    }
}

fn language(node: &Node) -> Result<String, Box<Fault>> {
    let good = |text: &&str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let tag = node.text().filter(good).map(str::to_owned);
    tag.ok_or_else(|| fault(node, "takes a language such as `en`, or `auto`"))
}

/// A fault of `node`, described.
fn fault(node: &Node, takes: &str) -> Box<Fault> {
    let found = match &node.content {
        Content::Text(text) if text.is_empty() => "empty text".to_owned(),
        Content::Text(text) => format!("`{}`", shortened(text)),
        Content::Switch(_, text) | Content::Number(_, text) => format!("`{}`", shortened(text)),
        other => kind_of(other).to_owned(),
    };
    Box::new(Fault {
        takes: takes.to_owned(),
        found,
        elsewhere: None,
        write: Vec::new(),
        hint: None,
        element: None,
    })
}

impl Fault {
    fn elsewhere(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        self.elsewhere = Some(text.into());
        self
    }

    fn write(mut self: Box<Self>, value: impl Into<String>) -> Box<Self> {
        self.write.push(value.into());
        self
    }

    fn element(mut self: Box<Self>, number: usize) -> Box<Self> {
        self.element = Some(number);
        self
    }
}

/// What a value is, for those that have no text or whose text is not shown.
pub(super) fn kind_of(content: &Content) -> &'static str {
    match content {
        Content::Null => "nothing",
        Content::Switch(..) => "a switch",
        Content::Number(..) => "a number",
        Content::Text(_) => "text",
        Content::List(_) => "a list",
        Content::Section(_) => "a section",
    }
}

/// Enough of a text to know it again, without what a terminal would act on.
pub(super) fn shortened(text: &str) -> String {
    let plain: String =
        text.chars().take(60).map(|c| if c.is_control() || c == '`' { ' ' } else { c }).collect();
    if text.chars().count() > 60 { format!("{plain}…") } else { plain }
}
