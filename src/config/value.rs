//! From what was written to what is meant, one reader a kind. What is not meant for sure is refused with a hint.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::certificate::Certificate;
use super::fault::Fault;
use super::guest::Guest;
use super::javascript::{leading_number, truth};
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
    /// Certificates; their paths as they were written.
    Certificates(Vec<Certificate>),
    /// An app.
    Upstream(Upstream),
}

/// Reads `node` as a value of `key`.
///
/// # Errors
/// Whatever does not mean one thing only, to a person and to SillyTavern alike; of a list, every such element.
pub fn read(key: &Key, node: &Node) -> Result<Value, Vec<Fault>> {
    match key.kind {
        Kind::Entries => list(node, &ADDRESSES, |_| true).map(Value::List),
        Kind::Hosts => list(node, &HOSTS, |_| true).map(Value::List),
        Kind::UrlPaths => list(node, &PATHS, |path| path.starts_with('/')).map(Value::List),
        Kind::Guests => {
            sections(node, "guests, each with `address`, `until` and `note`", Guest::read).map(Value::Guests)
        }
        Kind::Certificates => {
            let takes = "certificates, each with `certPath` and `keyPath`";
            sections(node, takes, Certificate::read).map(Value::Certificates)
        }
        _ => single(key.kind, node).map_err(|fault| vec![*fault]),
    }
}

/// The kinds that are no lists.
fn single(kind: Kind, node: &Node) -> Result<Value, Box<Fault>> {
    match kind {
        Kind::Switch => switch(node).map(Value::Switch),
        Kind::Family => family(node).map(Value::Family),
        Kind::Port => integer(node, 0, 65535, "a port (0 to 65535)").map(Value::Integer),
        Kind::Integer { least, most } => {
            integer(node, least, most, &format!("a whole number from {least} to {most}")).map(Value::Integer)
        }
        Kind::Number => number(node).map(Value::Number),
        Kind::Secret => secret(node).map(Value::Secret),
        Kind::Path => filled(node, "a path").map(|path| Value::Path(path.into())),
        Kind::OptionalPath => {
            text(node, "a path").map(|path| unless_empty(path, |path| Value::Path(path.into())))
        }
        Kind::Ipv4 => address(node, "an IPv4 address", "0.0.0.0").map(Value::Ipv4),
        Kind::Ipv6 => ipv6(node).map(Value::Ipv6),
        Kind::Duration => duration(node).map(Value::Duration),
        Kind::OptionalDuration if node.text() == Some("off") => Ok(Value::Unset),
        Kind::OptionalDuration => duration(node)
            .map(Value::Duration)
            .map_err(|fault| fault.takes("takes a time such as `5s`, or `off`")),
        Kind::Size => size(node).map(Value::Size),
        Kind::Choice(words) => choice(node, words).map(Value::Text),
        Kind::Upstream => upstream(node),
        Kind::Header => header(node),
        Kind::Language => language(node).map(Value::Text),
        // The lists have readers of their own.
        Kind::Text | Kind::Entries | Kind::Hosts | Kind::UrlPaths | Kind::Guests | Kind::Certificates => {
            text(node, "text").map(Value::Text)
        }
    }
}

/// `true` and `false`, in quotes too, in any case and with blanks around, as SillyTavern takes them; no other word.
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
    let fault = Fault::new(node, "takes `true` or `false`").elsewhere(elsewhere);
    Err(write.iter().fold(fault, |fault, value| fault.write(*value)))
}

/// A switch, or `auto` in lower case.
fn family(node: &Node) -> Result<Family, Box<Fault>> {
    if node.text() == Some("auto") {
        return Ok(Family::Auto);
    }
    switch(node).map(|on| if on { Family::On } else { Family::Off }).map_err(|mut fault| {
        fault = fault.takes("takes `true`, `false` or `auto`");
        fault.elsewhere = None;
        if node.text().is_some_and(|text| text.trim().eq_ignore_ascii_case("auto")) {
            fault.write = vec!["auto".to_owned()];
        }
        fault
    })
}

/// A whole number within bounds, also in quotes. `8000abc` and `8080.9`, which JavaScript takes, are no ports.
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

/// A finite number, also in quotes.
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
    let fault = Fault::new(node, takes);
    let elsewhere = match leading_number(&node.content) {
        // It means the same there, and is out of bounds here.
        Some(_) if matches!(node.content, Content::Number(..)) => return fault,
        Some(value) => format!("as `{value}`"),
        None => "as the default".to_owned(),
    };
    fault.elsewhere(elsewhere)
}

/// Any scalar as it was written, so that a user named `0123` keeps the zero.
fn text(node: &Node, what: &str) -> Result<String, Box<Fault>> {
    node.text().map(str::to_owned).ok_or_else(|| Fault::new(node, &format!("takes {what}")))
}

/// The same, but not empty.
fn filled(node: &Node, what: &str) -> Result<String, Box<Fault>> {
    text(node, what).and_then(|text| {
        if text.is_empty() { Err(Fault::new(node, &format!("takes {what}"))) } else { Ok(text) }
    })
}

fn unless_empty(text: String, value: impl FnOnce(String) -> Value) -> Value {
    if text.is_empty() { Value::Unset } else { value(text) }
}

/// A number is the text that was written, `0123` and `1e3` too. SillyTavern never matches one.
fn secret(node: &Node) -> Result<Secret, Box<Fault>> {
    text(node, "text").map(Secret::new)
}

fn address<T: std::str::FromStr>(node: &Node, what: &str, example: &str) -> Result<T, Box<Fault>> {
    let address = node.text().and_then(|text| text.parse().ok());
    address.ok_or_else(|| Fault::new(node, &format!("takes {what}")).write(example))
}

/// With or without brackets: SillyTavern needs them in one place and fails on them in another.
fn ipv6(node: &Node) -> Result<Ipv6Addr, Box<Fault>> {
    let text = node.text().unwrap_or_default();
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    address(&Node { content: Content::Text(inner.to_owned()), span: node.span }, "", "")
        .map_err(|_| Fault::new(node, "takes an IPv6 address").write("\"[::]\""))
}

/// Seconds, or a number with a unit, as `5s`, `10m`, `8h`, `30d`, `1w`. `None` for what is no time, no time at all, or
/// more than a century, which is a slip.
#[must_use]
pub fn length_of_time(text: &str) -> Option<Duration> {
    const UNITS: &[(&str, f64)] = &[
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("min", 60.0),
        ("h", 3600.0),
        ("d", 86_400.0),
        ("w", 604_800.0),
        ("", 1.0),
    ];
    let seconds = with_unit(text, UNITS).filter(|seconds| *seconds > 0.0 && *seconds <= 3.2e9)?;
    Some(Duration::from_secs_f64(seconds))
}

fn duration(node: &Node) -> Result<Duration, Box<Fault>> {
    node.text()
        .and_then(length_of_time)
        .ok_or_else(|| Fault::new(node, "takes a time such as `5s`, `10m` or `30d`"))
}

/// Bytes, or a number with a unit; `k` is 1000 and `Ki` is 1024.
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
        .ok_or_else(|| Fault::new(node, "takes a size such as `32 KiB` or `10 MiB`"))
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
    found.ok_or_else(|| Fault::new(node, &format!("takes `{}`", words.join("` or `"))))
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

/// A list of texts. A number is the text it was written as; null and booleans are slips.
fn list(node: &Node, what: &List, good: impl Fn(&str) -> bool) -> Result<Vec<(String, usize)>, Vec<Fault>> {
    let Content::List(nodes) = &node.content else {
        let example = match &node.content {
            Content::Text(text) if good(text) && !text.is_empty() && !text.contains(['"', '\\', '`']) => text,
            _ => what.example,
        };
        let fault =
            Fault::new(node, &format!("takes a list of {}", what.many)).write(format!("[\"{example}\"]"));
        return Err(vec![*fault.elsewhere("as an empty list")]);
    };
    let text = |node: &Node| {
        let text = node.text().filter(|text| !matches!(node.content, Content::Switch(..)) && good(text))?;
        Some((text.to_owned(), node.span.line))
    };
    elements(nodes, text, &format!("has to be {}", what.one))
}

/// A list of sections, each with what `read` makes of it, or a fault for each that it refuses.
fn sections<T>(
    node: &Node,
    takes: &str,
    read: impl Fn(&Node) -> Result<T, Box<Fault>>,
) -> Result<Vec<T>, Vec<Fault>> {
    let Content::List(nodes) = &node.content else {
        return Err(vec![*Fault::new(node, &format!("takes a list of {takes}"))]);
    };
    let (mut values, mut faults) = (Vec::with_capacity(nodes.len()), Vec::new());
    for (number, node) in nodes.iter().enumerate() {
        match read(node) {
            Ok(value) => values.push(value),
            Err(fault) => faults.push(Fault { element: Some(number), ..*fault }),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// All elements, or a fault for each that `read` refuses.
fn elements<T>(nodes: &[Node], read: impl Fn(&Node) -> Option<T>, takes: &str) -> Result<Vec<T>, Vec<Fault>> {
    let (mut values, mut faults) = (Vec::with_capacity(nodes.len()), Vec::new());
    for (number, node) in nodes.iter().enumerate() {
        match read(node) {
            Some(value) => values.push(value),
            None => faults.push(Fault { element: Some(number), ..*Fault::new(node, takes) }),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// A URL, whose own hint is the best there is.
fn upstream(node: &Node) -> Result<Value, Box<Fault>> {
    match text(node, "the URL of an app")?.as_str() {
        "" => Ok(Value::Unset),
        url => url.parse().map(Value::Upstream).map_err(|error: crate::error::Error| {
            let mut fault = Fault::new(node, &format!("takes the URL of an app: {error}"));
            fault.found.clear();
            fault.hint = error.hints().first().cloned();
            fault
        }),
    }
}

fn header(node: &Node) -> Result<Value, Box<Fault>> {
    let name = text(node, "the name of a header")?;
    // RFC 9110 5.6.2, without what no header of this kind is called.
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Fault::new(node, "takes the name of a header").write("Remote-User"));
    }
    if TAKEN_HEADERS.iter().any(|taken| name.eq_ignore_ascii_case(taken)) {
        let what = "takes the name of a header that says nothing else";
        return Err(Fault::new(node, what).write("Remote-User"));
    }
    Ok(unless_empty(name, Value::Text))
}

/// Headers that steer a message, or that a gateway writes for another purpose: a user name in them would be taken for
/// a length, a host or an address.
const TAKEN_HEADERS: [&str; 22] = [
    "Accept",
    "Authorization",
    "Connection",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Expect",
    "Forwarded",
    "Host",
    "Keep-Alive",
    "Origin",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Sec-WebSocket-Key",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
];

fn language(node: &Node) -> Result<String, Box<Fault>> {
    let good = |text: &&str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let tag = node.text().filter(good).map(str::to_owned);
    tag.ok_or_else(|| Fault::new(node, "takes a language such as `en`, or `auto`"))
}
