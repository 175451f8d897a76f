//! Values that are lists, with a fault for each element that is none.

use super::super::fault::Fault;
use super::super::tree::{Content, Node};

/// How a list of texts is spoken of.
pub(super) struct List {
    many: &'static str,
    one: &'static str,
    example: &'static str,
}

pub(super) const ADDRESSES: List = List { many: "addresses", one: "an address", example: "127.0.0.1" };
pub(super) const HOSTS: List = List { many: "host names", one: "a host name", example: "example.com" };
pub(super) const PATHS: List =
    List { many: "paths that begin with `/`", one: "a path that begins with `/`", example: "/manifest.json" };

/// A list of texts. A number is the text it was written as; null and booleans are slips.
pub(super) fn list(
    node: &Node,
    what: &List,
    good: impl Fn(&str) -> bool,
) -> Result<Vec<(String, usize)>, Vec<Fault>> {
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
    elements(nodes, |node| text(node).ok_or_else(|| Fault::new(node, &format!("has to be {}", what.one))))
}

/// A list of sections, each with what `read` makes of it, or a fault for each that it refuses.
pub(super) fn sections<T>(
    node: &Node,
    takes: &str,
    read: impl Fn(&Node) -> Result<T, Box<Fault>>,
) -> Result<Vec<T>, Vec<Fault>> {
    let Content::List(nodes) = &node.content else {
        return Err(vec![*Fault::new(node, &format!("takes a list of {takes}"))]);
    };
    elements(nodes, read)
}

/// All elements, or a fault for each that `read` refuses.
fn elements<T>(nodes: &[Node], read: impl Fn(&Node) -> Result<T, Box<Fault>>) -> Result<Vec<T>, Vec<Fault>> {
    let (mut values, mut faults) = (Vec::with_capacity(nodes.len()), Vec::new());
    for (number, node) in nodes.iter().enumerate() {
        match read(node) {
            Ok(value) => values.push(value),
            Err(fault) => faults.push(Fault { element: Some(number), ..*fault }),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}
