//! The small language of `default/pages/*.html`: placeholders, sections, and the escaping of what fills them.

use std::borrow::Cow;
use std::fmt::Write;

/// What a page has to say, by the names that its template and its JSON use.
pub(super) type Values<'a> = Vec<(&'static str, Value<'a>)>;

/// What a placeholder stands for.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Absent,
    Text(Cow<'a, str>),
    Number(u64),
    /// Text for a program in the page, which is escaped and never cut.
    Whole(Cow<'a, str>),
    /// A section that is repeated, each time with values of its own.
    Rows(Vec<Values<'a>>),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, Self::from)
    }
}

/// Writes `template` with each `{{name}}` replaced by the escaped value, and each `{{#name}}…{{/name}}` kept
/// once for a value that is there, once a row for rows, and not at all otherwise. Values are never read as
/// templates.
pub(super) fn expand(template: &str, values: &Values<'_>, escape: fn(&str) -> String, out: &mut String) {
    let mut rest = template;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, tail)| Some((before, tail.split_once("}}")?)))
    {
        out.push_str(before);
        let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        if let Some(name) = name.strip_prefix('#') {
            let (section, after) = after.split_once(&format!("{{{{/{name}}}}}")).unwrap_or((after, ""));
            match value(name) {
                None | Some(Value::Absent) => {}
                Some(Value::Text(_) | Value::Number(_) | Value::Whole(_)) => {
                    expand(section, values, escape, out);
                }
                Some(Value::Rows(rows)) => rows.iter().for_each(|row| expand(section, row, escape, out)),
            }
            rest = after;
        } else {
            match value(name) {
                Some(Value::Text(text)) => out.push_str(&escape(&clip(text))),
                Some(Value::Whole(text)) => out.push_str(&escape(text)),
                Some(Value::Number(number)) => out.push_str(&number.to_string()),
                None | Some(Value::Absent | Value::Rows(_)) => {}
            }
            rest = after;
        }
    }
    out.push_str(rest);
}

/// A template's words, laid out for a terminal: paragraphs apart, `term: value`, commands indented. What is
/// marked as meant for a screen (links, forms, what the script does) is left out, placeholders stay.
pub(super) fn without_markup(template: &str) -> String {
    let mut out = String::new();
    let mut after_heading = false;
    let mut rest = template;
    while let Some((words, (tag, after))) =
        rest.split_once('<').and_then(|(words, tail)| Some((words, tail.split_once('>')?)))
    {
        push_words(words, &mut out);
        rest = after;
        if tag.contains("class=\"screen\"") {
            let end = if tag.starts_with("form") { "</form>" } else { "</p>" };
            rest = after.split_once(end).map_or("", |(_, after)| after);
            continue;
        }
        let lead = match tag.split(' ').next().unwrap_or_default() {
            "p" if after_heading => "\n",
            "h1" | "h2" | "p" => "\n\n",
            "ul" | "dl" | "pre" if after_heading => "",
            "dl" | "ul" | "dt" | "pre" => "\n",
            "dd" => ": ",
            "li" => "\n- ",
            "code" => "\n    ",
            _ => continue,
        };
        after_heading = tag == "h2";
        out.push_str(lead);
    }
    push_words(rest, &mut out);
    out
}

/// Adds words with their white space collapsed as a browser does it; space next to a line's ends is dropped.
fn push_words(words: &str, out: &mut String) {
    let collapsed = words.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    out.push_str(&collapsed);
}

/// The most letters of one value that are shown: a page stays a page whatever was sent.
const LONGEST: usize = 320;

fn clip(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// For an HTML page or XML, as text or inside a quoted attribute.
pub(in crate::gateway) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in escape_text(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            '=' => out.push_str("&#61;"),
            _ => out.push(letter),
        }
    }
    out
}

/// Letters that would move the cursor, reorder the line or not be seen at all are written as `\u{202e}`.
pub(super) fn escape_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hidden(letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out
}

/// For a program that may print it: JSON may carry hidden letters as they are, but the reader is often a
/// terminal. In `json` they can only stand inside strings, where an escape means the same.
pub(super) fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if is_hidden(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a String takes whatever is written");
            }
        } else {
            out.push(letter);
        }
    }
    out
}

/// Control characters (C0, DEL, C1), bidirectional marks, zero-width and other invisible letters.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(template: &str, values: &Values<'_>) -> String {
        let mut out = String::new();
        expand(template, values, escape_html, &mut out);
        out
    }

    #[test]
    fn placeholders_and_sections() {
        let values = vec![
            ("name", "a<b>".into()),
            ("number", Value::Number(7)),
            ("absent", Value::Absent),
            ("rows", Value::Rows(vec![vec![("name", "one".into())], vec![("name", "{{number}}".into())]])),
        ];
        for (template, expected) in [
            ("plain", "plain"),
            ("{{name}}", "a&lt;b&gt;"),
            ("{{number}}{{absent}}{{unknown}}.", "7."),
            ("{{#name}}[{{name}}, {{number}}]{{/name}}", "[a&lt;b&gt;, 7]"),
            ("{{#absent}}[{{name}}]{{/absent}}{{#unknown}}[{{name}}]{{/unknown}}.", "."),
            ("{{#rows}}[{{name}}{{number}}]{{/rows}}", "[one][{{number}}]"),
            ("{{#name}}{{#absent}}no{{/absent}}yes{{/name}}", "yes"),
        ] {
            assert_eq!(expanded(template, &values), expected, "`{template}`");
        }
    }

    #[test]
    fn long_values_are_cut() {
        let long = "é".repeat(LONGEST + 1);
        let shown = expanded("{{long}}", &vec![("long", long.as_str().into())]);
        assert_eq!(shown, "é".repeat(LONGEST) + "…");
        let fits = "é".repeat(LONGEST);
        assert_eq!(expanded("{{fits}}", &vec![("fits", fits.as_str().into())]), fits);
        assert_eq!(expanded("{{long}}", &vec![("long", Value::Whole(long.as_str().into()))]), long);
    }

    #[test]
    fn escapes() {
        let text = "<&>\"'`=\u{1b}\u{9b}\u{202e}\u{e0041}ok é";
        let hidden = r"\u{1b}\u{9b}\u{202e}\u{e0041}ok é";
        assert_eq!(escape_text(text), format!("<&>\"'`={hidden}"));
        assert_eq!(escape_html(text), format!("&lt;&amp;&gt;&quot;&#39;&#96;&#61;{hidden}"));
        assert_eq!(escape_json("\"\u{7f}\u{202e}\u{e0041}\""), r#""\u007f\u202e\udb40\udc41""#);
    }
}
