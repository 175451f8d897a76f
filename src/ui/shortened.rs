//! Text in less room than it takes.

use std::borrow::Cow;

use super::Screen;

/// What everything here ends in that was cut, on its way into a log too.
const ELLIPSIS: char = '…';

impl Screen {
    /// `text` in `most` letters at most: a mark takes the place of what is too much, and of the `…` that it may end
    /// with already. No escape such as `\u{1f600}` is cut in two, and none stays so that somebody else cut. The mark
    /// itself is there however little room there is.
    #[must_use]
    pub fn shortened(self, text: &str, most: usize) -> Cow<'_, str> {
        let mark = self.mark();
        let whole = match text.strip_suffix(ELLIPSIS) {
            Some(cut) => Cow::Owned(format!("{}{mark}", without_torn_escape(cut))),
            None => Cow::Borrowed(text),
        };
        if whole.chars().count() <= most {
            return whole;
        }
        let room = most.saturating_sub(mark.chars().count());
        let (mut end, mut letters) = (0, 0);
        for piece in pieces(&whole) {
            letters += piece.chars().count();
            if letters > room {
                break;
            }
            end += piece.len();
        }
        format!("{}{mark}", without_torn_escape(&whole[..end])).into()
    }

    /// `text` with each `…` as this screen can show it.
    #[must_use]
    pub fn shown(self, text: &str) -> Cow<'_, str> {
        if self.unicode || !text.contains(ELLIPSIS) {
            return text.into();
        }
        text.replace(ELLIPSIS, self.mark()).into()
    }

    /// What stands for text that is left out.
    fn mark(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }
}

/// The letters of `text`, and the escapes in it as a whole: `\\`, `\xNN`, `\uNNNN` and `\u{N}` with up to six digits.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let letter = rest.chars().next()?;
        let (piece, after) = rest.split_at(escape(rest).unwrap_or(letter.len_utf8()));
        rest = after;
        Some(piece)
    })
}

/// How long the escape is that `text` begins with, in bytes.
fn escape(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\\')?;
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_hexdigit).count();
    if rest.starts_with('\\') {
        Some(2)
    } else if let Some(rest) = rest.strip_prefix('x') {
        (digits(rest) >= 2).then_some(4)
    } else if let Some(rest) = rest.strip_prefix("u{") {
        let count = digits(rest);
        ((1..=6).contains(&count) && rest[count..].starts_with('}')).then_some(count + 4)
    } else {
        (digits(rest.strip_prefix('u')?) >= 4).then_some(6)
    }
}

/// `text`, which was cut, without the beginning of an escape at its end.
fn without_torn_escape(text: &str) -> &str {
    let mut start = 0;
    for piece in pieces(text) {
        if piece == "\\" && is_torn(&text[start + 1..]) {
            return &text[..start];
        }
        start += piece.len();
    }
    text
}

/// Whether an escape might go on behind this, which stands behind its backslash.
fn is_torn(rest: &str) -> bool {
    let (most, digits) = match (rest.strip_prefix("u{"), rest.strip_prefix(['u', 'x'])) {
        _ if rest.is_empty() => return true,
        (Some(digits), _) => (6, digits),
        (None, Some(digits)) => (3, digits),
        (None, None) => return false,
    };
    digits.len() <= most && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNICODE: Screen = Screen { width: 80, unicode: true };
    const ASCII: Screen = Screen { width: 80, unicode: false };

    #[test]
    fn no_escape_is_cut_in_two() {
        let text = r"a\u{1f600}b\xff\\u001b\u001b";
        for (most, expected) in [
            (usize::MAX, text),
            (28, text),
            (27, r"a\u{1f600}b\xff\\u001b…"),
            (23, r"a\u{1f600}b\xff\\u001b…"),
            (22, r"a\u{1f600}b\xff\\u001…"),
            (18, r"a\u{1f600}b\xff\\…"),
            (17, r"a\u{1f600}b\xff…"),
            (16, r"a\u{1f600}b\xff…"),
            (15, r"a\u{1f600}b…"),
            (11, r"a\u{1f600}…"),
            (10, "a…"),
            (2, "a…"),
            (1, "…"),
            (0, "…"),
        ] {
            assert_eq!(UNICODE.shortened(text, most), expected, "{most}");
        }
        assert_eq!(ASCII.shortened(text, 13), r"a\u{1f600}...");
        assert_eq!(ASCII.shortened(text, 12), "a...");
    }

    #[test]
    fn what_somebody_else_has_cut() {
        for torn in [r"\", r"\x", r"\xf", r"\u", r"\u{", r"\u{1f60", r"\u{1f6000", r"\u00", r"\u001"] {
            let text = format!("ab{torn}…");
            assert_eq!(UNICODE.shortened(&text, usize::MAX), "ab…", "{text}");
            assert_eq!(ASCII.shortened(&text, usize::MAX), "ab...", "{text}");
        }
        for whole in [r"\\", r"\x41", r"\u{1f600}", r"\u001b", r"\d", r"\\u{1f6", r"\u{1f60000", r"\xg"] {
            let text = format!("ab{whole}…");
            assert_eq!(UNICODE.shortened(&text, usize::MAX), text);
            assert_eq!(UNICODE.shortened(&text, 3), "ab…");
        }
        // It is not cut for the sake of a mark that it has already.
        assert_eq!(UNICODE.shortened("abc…", 4), "abc…");
        assert_eq!(UNICODE.shortened("abc…", 3), "ab…");
        assert_eq!(ASCII.shortened("abc…", 6), "abc...");
        assert_eq!(ASCII.shortened("abc…", 5), "ab...");
    }

    #[test]
    fn only_what_the_screen_can_show() {
        assert_eq!(UNICODE.shown("a… b…"), "a… b…");
        assert_eq!(ASCII.shown("a… b…"), "a... b...");
    }

    proptest! {
        #[test]
        fn nothing_is_too_long(text in r"[a\\xu{}0f…é]{0,24}", most in 3_usize..30, unicode: bool) {
            let screen = Screen { width: 80, unicode };
            let shortened = screen.shortened(&text, most);
            prop_assert!(shortened.chars().count() <= most, "{}", shortened);
            prop_assert_eq!(&screen.shortened(&shortened, most), &shortened);
        }
    }
}
