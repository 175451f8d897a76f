//! What a host name is, to browsers and in certificates alike.

/// `text` as a host name: in lower case and without the dot at its end; nothing where no browser takes it for one.
///
/// Labels of up to 63 letters, digits, dashes and underscores, 253 bytes in all. Names with a dash at the edge of a label
/// exist and are found, though no standard allows them. One whose last label is a number is an address to browsers,
/// and mostly none that exists (URL standard, "ends in a number").
pub(super) fn host(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_number = match last.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    (text.len() <= 253 && text.split('.').all(label) && !is_number).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn what_browsers_take_for_a_host_name() {
        let long = ["a".repeat(63).as_str(); 4].join(".");
        for (text, expected) in [
            ("Desk.Local.", "desk.local"),
            ("my_pc", "my_pc"),
            ("-a.example-", "-a.example-"),
            ("1.example", "1.example"),
            ("0xg", "0xg"),
            (&long[..253], &long[..253]),
        ] {
            assert_eq!(host(text).as_deref(), Some(expected), "{text}");
        }
        let label = "a".repeat(64);
        for text in [
            "",
            ".",
            "a..",
            "a..b",
            "a b",
            "a:1",
            "b\u{fc}cher",
            "127.1",
            "10.0.0.300",
            "a.0x7f",
            "a.0X",
            &long,
            &label,
        ] {
            assert_eq!(host(text), None, "{text}");
        }
    }
}
