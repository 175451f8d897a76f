//! The three forms of a page (HTML, JSON, plain text): which one the visitor's `Accept` asks for, and its body.

use std::cmp::Reverse;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::http::HeaderValue;
use sha2::{Digest, Sha256};

use super::sheet::{Retry, Sheet};
use super::template::{Value, Values, escape_html, escape_json, escape_text, expand, without_markup};

/// The form of an answer of Innkeeper's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Json,
    Text,
}

impl Form {
    /// What the visitor likes best: the highest quality, then what was asked for by its own name rather than
    /// by a wildcard, then what was named first. Browsers name `text/html`; curl and most programs send
    /// `*/*`, and a terminal is better served by text. An `Accept` that fits nothing is ignored, as
    /// RFC 9110 section 12.5.1 allows: a refusal in the wrong form is better than none.
    pub(super) fn wanted(accept: Option<&[u8]>) -> Self {
        let accept = accept.and_then(|accept| str::from_utf8(accept).ok()).unwrap_or_default();
        // The last of equals is taken, so text stands last.
        [Self::Html, Self::Json, Self::Text]
            .into_iter()
            .filter_map(|form| form.rank(accept).map(|rank| (rank, form)))
            .max_by_key(|(rank, _)| *rank)
            .map_or(Self::Text, |(_, form)| form)
    }

    /// The value of `Content-Type`.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
        }
    }

    /// The page in this form.
    pub(super) fn body(self, sheet: &Sheet, values: &Values<'_>) -> String {
        match self {
            Self::Html => html(sheet, values),
            Self::Json => json(sheet, values),
            Self::Text => text(sheet, values),
        }
    }

    /// How well this form fits: quality in thousandths, how closely it was named, and how early. The closest
    /// range decides the quality, and quality 0 means not at all.
    fn rank(self, accept: &str) -> Option<(u16, u8, Reverse<usize>)> {
        let exact = self.media_type().split(';').next().unwrap_or_default();
        let group = if self == Self::Json { "application/*" } else { "text/*" };
        let (_, (quality, closeness, position)) = accept
            .split(',')
            .enumerate()
            .filter_map(|(position, range)| {
                let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
                let closeness = match name.trim() {
                    name if name.eq_ignore_ascii_case(exact) => 2,
                    name if name.eq_ignore_ascii_case(group) => 1,
                    "*/*" => 0,
                    _ => return None,
                };
                let early = Reverse(position);
                Some(((closeness, early), (quality(parameters)?, closeness, early)))
            })
            .max_by_key(|(key, _)| *key)?;
        (quality > 0).then_some((quality, closeness, position))
    }
}

/// The `q` among a media range's parameters in thousandths: 1000 where there is none, nothing where it is no
/// qvalue of RFC 9110 section 12.4.2.
fn quality(parameters: &str) -> Option<u16> {
    let weight = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let Some((_, value)) = weight.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("q")) else {
        return Some(1000);
    };
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// The page inside the layout that all pages share.
fn html(sheet: &Sheet, values: &Values<'_>) -> String {
    let (credentials, wait) = match sheet.retry {
        Retry::ByHand => (None, 0),
        Retry::Nameless(seconds) => (Some("omit"), seconds),
        Retry::SignedIn(seconds) => (Some("same-origin"), seconds),
    };
    let frame = vec![
        ("title", sheet.title().into()),
        ("page", sheet.name.into()),
        ("status", sheet.status.to_string().into()),
        ("credentials", credentials.into()),
        ("wait", Value::Number(wait)),
    ];
    let (above, below) = LAYOUT.split_once("{{body}}").unwrap_or((LAYOUT, ""));
    let mut out = String::with_capacity(8192);
    expand(above, &frame, escape_html, &mut out);
    expand(sheet.template.trim_end(), values, escape_html, &mut out);
    expand(below, &frame, escape_html, &mut out);
    out
}

/// The page's words without its markup.
fn text(sheet: &Sheet, values: &Values<'_>) -> String {
    let mut out = String::new();
    expand(&without_markup(sheet.template), values, escape_text, &mut out);
    let lines: Vec<&str> = out.trim().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// The page's facts for a program, with the words that a person would read as `message`.
fn json(sheet: &Sheet, values: &Values<'_>) -> String {
    let mut object = json_object(values);
    object.insert("status".into(), sheet.status.as_u16().into());
    object.insert("page".into(), sheet.name.into());
    object.insert("message".into(), sheet.title().into());
    escape_json(&serde_json::Value::Object(object).to_string()) + "\n"
}

fn json_object(values: &Values<'_>) -> serde_json::Map<String, serde_json::Value> {
    let mut object = serde_json::Map::new();
    for (name, value) in values {
        let value = match value {
            Value::Absent => continue,
            Value::Text(text) | Value::Whole(text) => text.as_ref().into(),
            Value::Number(number) => (*number).into(),
            Value::Rows(rows) => rows.iter().map(json_object).collect(),
        };
        object.insert((*name).to_owned(), value);
    }
    object
}

static LAYOUT: &str = include_str!("../../../default/pages/layout.html");

/// Nothing may load but what the page itself holds: its style and its script are named by their hashes
/// (CSP level 3, section 6.7.3), so injected markup could neither run nor fetch nor be framed.
pub(super) static CONTENT_SECURITY_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |open, close| {
        let inline = LAYOUT.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        BASE64.encode(Sha256::digest(inline.map_or("", |(content, _)| content)))
    };
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        hash("<style>", "</style>"),
        hash("<script>", "</script>"),
    );
    HeaderValue::try_from(policy).expect("base64 and the words above are printable ASCII")
});

#[cfg(test)]
mod tests {
    use super::Form::{self, Html, Json, Text};

    #[test]
    fn the_visitor_chooses() {
        for (accept, expected) in [
            ("", Text),
            ("*/*", Text),
            ("text/*", Text),
            ("text/html", Html),
            ("TEXT/HTML", Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", Html),
            ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", Text),
            ("text/event-stream", Text),
            ("application/json", Json),
            ("application/*", Json),
            ("application/json, text/plain, */*", Json),
            ("application/json;q=0.5, text/html;q=0.6", Html),
            ("application/json;q=0.5,text/html;q=0.500", Json),
            ("text/html;level=1;q=0.2, text/plain;q=0.1", Html),
            ("text/html;q=0.9, */*", Text),
            // The closest range decides: html is wanted less than the rest of `text/*`.
            ("text/*;q=0.9, text/html;q=0.1", Text),
            ("*/*;q=0.1, application/json;q=0", Text),
            ("*/*, text/plain;q=0", Json),
            ("text/plain;q=0, application/*;q=0.3, text/html;q=0.2", Json),
            // Nothing that we have: text all the same.
            ("image/png", Text),
            ("text/html;q=0", Text),
            // No qvalue: such a range is passed over.
            ("text/html;q=2, application/json;q=0.1", Json),
            ("text/html;q=0.1234, application/json;q=0.1", Json),
            ("text/html;q=-1, application/json;q=0.1", Json),
            ("text/html;q=1.5, application/json;q=1.000", Json),
            ("text/html;q=, application/json;q=0.1", Json),
            (",;,text/html ; Q=0.4 , ;q=1", Html),
        ] {
            assert_eq!(Form::wanted(Some(accept.as_bytes())), expected, "`{accept}`");
        }
        assert_eq!(Form::wanted(None), Text);
        assert_eq!(Form::wanted(Some(b"text/html, \xff")), Text);
    }
}
