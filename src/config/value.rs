//! From what was written to what is meant, one reader a kind. What is not meant for sure is refused with a hint.

mod amount;
mod list;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::certificate::Certificate;
use super::fault::Fault;
use super::guest::Guest;
use super::javascript::truth;
use super::schema::{Key, Kind};
use super::secret::Secret;
use super::tree::{Content, Node};
use super::upstream::Upstream;
pub use amount::length_of_time;
use amount::{duration, integer, number, size};
use list::{ADDRESSES, HOSTS, PATHS, list, sections};

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

fn choice(node: &Node, words: &[&str]) -> Result<String, Box<Fault>> {
    let found = node.text().filter(|text| words.contains(text)).map(str::to_owned);
    found.ok_or_else(|| Fault::new(node, &format!("takes `{}`", words.join("` or `"))))
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
