//! What SillyTavern makes of values that are not what they should be, to say so in a complaint.

use super::tree::Content;

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
