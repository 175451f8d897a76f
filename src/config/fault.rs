//! Why one value is refused, before anyone knows where it stands.

use std::fmt;

use super::tree::{Content, Node};

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
    /// Which field of that element, where it has some.
    pub field: Option<&'static str>,
}

impl Fault {
    /// The fault of `node`, which is not what the setting `takes`.
    pub(super) fn new(node: &Node, takes: &str) -> Box<Self> {
        let found = match &node.content {
            Content::Text(text) if text.is_empty() => "empty text".to_owned(),
            Content::Text(text) | Content::Switch(_, text) | Content::Number(_, text) => {
                format!("`{}`", shortened(text))
            }
            other => kind_of(other).to_owned(),
        };
        Box::new(Self {
            takes: takes.to_owned(),
            found,
            elsewhere: None,
            write: Vec::new(),
            hint: None,
            element: None,
            field: None,
        })
    }

    /// "write `listen: true` or `listen: false`", each value in the words of `written`; nothing without a guess.
    #[must_use]
    pub fn alternatives(&self, written: impl Fn(&str) -> String) -> Option<String> {
        let values: Vec<String> = self.write.iter().map(|value| format!("`{}`", written(value))).collect();
        (!values.is_empty()).then(|| format!("write {}", values.join(" or ")))
    }

    /// The same with other words for what the setting takes.
    pub(super) fn takes(mut self: Box<Self>, takes: &str) -> Box<Self> {
        takes.clone_into(&mut self.takes);
        self
    }

    /// The same with what SillyTavern makes of the value.
    pub(super) fn elsewhere(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        self.elsewhere = Some(text.into());
        self
    }

    /// The same with a value to write instead.
    pub(super) fn write(mut self: Box<Self>, value: impl Into<String>) -> Box<Self> {
        self.write.push(value.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.takes)?;
        if self.found.is_empty() { Ok(()) } else { write!(f, ", not {}", self.found) }
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
