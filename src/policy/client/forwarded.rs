//! The `Forwarded` header of RFC 7239, element by element.

/// One element of a line: what one proxy wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element<'a> {
    /// Its `for`, without quotes and without an obfuscated port (`:_x`).
    For(&'a [u8]),
    /// An element without a `for`, whole.
    Silent(&'a [u8]),
    /// Something that is no element. Nothing follows it.
    Malformed,
}

/// The elements of one line, from the left. White space around separators is tolerated, and characters in an
/// unquoted value that want quotes (`for=192.0.2.7:80`); quotes that do not close, text behind a closing
/// quote and a second `for` in an element are not.
pub(super) fn elements(line: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                return None;
            }
            // An empty element is none (RFC 9110 section 5.6.1).
            if let Some(after) = rest.strip_prefix(b",") {
                rest = after;
                continue;
            }
            let found = element(rest);
            rest = found.map_or(&[], |(_, after)| after);
            return Some(found.map_or(Element::Malformed, |(element, _)| element));
        }
    })
}

/// The element at the beginning of `text`, and what follows it. `None` if it is malformed.
fn element(text: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let mut rest = text;
    let mut node = None;
    loop {
        rest = rest.trim_ascii_start();
        match rest.first() {
            None | Some(b',') => break,
            Some(b';') => rest = &rest[1..],
            Some(_) => {
                let (name, value, after) = pair(rest)?;
                rest = after;
                if name.eq_ignore_ascii_case(b"for") && node.replace(value).is_some() {
                    return None;
                }
            }
        }
    }
    let whole = text[..text.len() - rest.len()].trim_ascii_end();
    Some((node.map_or(Element::Silent(whole), |node| Element::For(without_obfuscated_port(node))), rest))
}

/// `token "=" value`, and what follows it.
fn pair(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let equals = text.iter().position(|byte| !is_token(*byte)).filter(|at| *at > 0 && text[*at] == b'=')?;
    let (name, rest) = (&text[..equals], &text[equals + 1..]);
    let (value, rest) = if let Some(rest) = rest.strip_prefix(b"\"") {
        let end = closing_quote(rest)?;
        (&rest[..end], &rest[end + 1..])
    } else {
        let ends = |byte: &u8| matches!(byte, b',' | b';' | b'"' | b' ' | b'\t');
        let end = rest.iter().position(ends).unwrap_or(rest.len());
        if end == 0 {
            return None;
        }
        rest.split_at(end)
    };
    let rest = rest.trim_ascii_start();
    matches!(rest.first(), None | Some(b',' | b';')).then_some((name, value, rest))
}

/// Where the quote that was opened before `text` closes. A backslash takes the meaning of what follows it.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|byte| {
        let closes = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        closes
    })
}

/// RFC 7239 section 6.2: a port can be hidden behind a name that begins with `_`.
fn without_obfuscated_port(node: &[u8]) -> &[u8] {
    match node.iter().rposition(|byte| *byte == b':') {
        Some(colon) if node.get(colon + 1) == Some(&b'_') => &node[..colon],
        _ => node,
    }
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let words = elements(line.as_bytes()).map(|element| match element {
            Element::For(node) => text(node),
            Element::Silent(whole) => format!("silent {}", text(whole)),
            Element::Malformed => "malformed".to_owned(),
        });
        words.collect()
    }

    #[test]
    fn the_examples_of_the_rfc() {
        for (line, expected) in [
            ("for=\"_gazonk\"", &["_gazonk"][..]),
            ("For=\"[2001:db8:cafe::17]:4711\"", &["[2001:db8:cafe::17]:4711"]),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", &["192.0.2.60"]),
            ("for=192.0.2.43, for=198.51.100.17", &["192.0.2.43", "198.51.100.17"]),
            ("for=_hidden, for=_SEVKISEK", &["_hidden", "_SEVKISEK"]),
            (
                "for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown",
                &["192.0.2.43", "[2001:db8:cafe::17]", "unknown"],
            ),
            ("for=\"192.0.2.43:_x\"", &["192.0.2.43"]),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    #[test]
    fn separators_and_quotes() {
        for (line, expected) in [
            ("", &[][..]),
            (" , ,", &[]),
            (" ;for=a ; proto=b; ,for=c", &["a", "c"]),
            ("by=\"a, for=b\";for=c", &["c"]),
            ("by=\"\\\", for=b\";for=c", &["c"]),
            ("proto=https;by=x , for=a", &["silent proto=https;by=x", "a"]),
            (";", &["silent ;"]),
            ("for=\"\"", &[""]),
            ("for=192.0.2.7:80", &["192.0.2.7:80"]),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    #[test]
    fn nothing_is_read_behind_what_is_malformed() {
        for line in [
            "for",
            "for=",
            "=a",
            "for =a",
            "for= a",
            "for=\"a",
            "for=\"a\\\"",
            "for=\"a\"b",
            "for=a b",
            "for=a;for=b",
            "\"\"",
            "f\u{fc}r=a",
        ] {
            assert_eq!(read(&format!("{line}, for=z")), ["malformed"], "{line}");
        }
        assert_eq!(read("for=a, for=b c, for=d"), ["a", "malformed"]);
    }
}
