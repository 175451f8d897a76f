//! Our cookie among the others: found in a `Cookie` field, taken out of it, and kept from being set by the app.

use std::borrow::Cow;

/// The cookie's name over TLS. With this prefix browsers take it only from this host, over https, for all paths
/// (RFC 6265bis, section 4.1.3.2), so no other program of the domain can plant one.
const SECURE_NAME: &str = "__Host-innkeeper";

/// The cookie's name over plain http, where there is no such prefix.
const NAME: &str = "innkeeper";

/// Whether a cookie called `name` is ours, over TLS or not. Compared without case and with `_` read as `-`, because
/// applications do; nobody else's cookie is called so.
#[must_use]
pub fn is_ours(name: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    let name = name.trim_ascii();
    [SECURE_NAME, NAME].iter().any(|ours| {
        name.len() == ours.len() && name.iter().map(folded).eq(ours.as_bytes().iter().map(folded))
    })
}

/// The name of our cookie. Over TLS only the one with the prefix counts.
#[must_use]
pub const fn name(secure: bool) -> &'static str {
    if secure { SECURE_NAME } else { NAME }
}

/// The value of our cookie in all `Cookie` fields of a request. `None`: there is none, or there are two. Which of two
/// a browser means nobody can tell, and one of them may be somebody else's.
#[must_use]
pub fn find<'a>(fields: impl Iterator<Item = &'a [u8]>, secure: bool) -> Option<&'a [u8]> {
    let name = name(secure);
    let mut values = fields.flat_map(pieces).filter_map(|piece| {
        let end = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
        (piece[..end].trim_ascii() == name.as_bytes()).then(|| piece.get(end + 1..).unwrap_or_default())
    });
    let value = values.next()?.trim_ascii();
    values.next().is_none().then_some(value)
}

/// A `Cookie` field's value without our cookie, the others byte for byte. `None`: it holds nothing else.
#[must_use]
pub fn without_ours(field: &[u8]) -> Option<Cow<'_, [u8]>> {
    let is_ours = |piece: &&[u8]| is_ours(piece.split(|byte| *byte == b'=').next().unwrap_or_default());
    if !pieces(field).any(|piece| is_ours(&piece)) {
        return Some(field.into());
    }
    let kept: Vec<&[u8]> = pieces(field).filter(|piece| !is_ours(piece)).collect();
    let kept = kept.join(&b';');
    // What stood behind ours stands first now, or nothing does.
    let rest = kept.trim_ascii_start();
    (!rest.is_empty()).then(|| rest.to_vec().into())
}

/// Whether a `Set-Cookie` field of the app would set a cookie that browsers send back under our name. One without a
/// name counts by its value: a browser sends `=innkeeper=x` back as `innkeeper=x`.
#[must_use]
pub fn set_by(field: &[u8]) -> bool {
    let pair = field.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let pair = pair.strip_prefix(b"=").unwrap_or(pair);
    is_ours(pair.split(|byte| *byte == b'=').next().unwrap_or_default())
}

/// The `Set-Cookie` field that gives our cookie `value` for `max_age` seconds.
///
/// `Lax`: another website's link arrives signed in, its forms and pictures do not.
#[must_use]
pub fn setting(value: &str, secure: bool, max_age: u64) -> String {
    let (name, secure) = (name(secure), if secure { "; Secure" } else { "" });
    format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}")
}

/// The `Set-Cookie` field that takes our cookie away.
#[must_use]
pub fn removal(secure: bool) -> String {
    setting("", secure, 0)
}

/// The `Set-Cookie` fields that take away SillyTavern's own session, of which the `Cookie` fields of a request tell.
/// It outlives ours, and SillyTavern believes it before it looks at who was signed in here.
#[must_use]
pub fn removals_of_sillytavern<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let names = fields.flat_map(pieces).filter_map(|piece| {
        let name = piece.split(|byte| *byte == b'=').next().unwrap_or_default();
        str::from_utf8(name.trim_ascii()).ok().filter(|name| is_of_sillytavern(name))
    });
    names.map(|name| format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")).collect()
}

/// `session-` with eight hex digits, which SillyTavern makes from the name of its machine, or the signature that stands
/// beside it under the same name with `.sig`.
fn is_of_sillytavern(name: &str) -> bool {
    let name = name.strip_suffix(".sig").unwrap_or(name);
    name.strip_prefix("session-").is_some_and(|hash| {
        hash.len() == 8 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The cookies of one field. Quotes have no meaning between cookies (RFC 6265, section 5.4).
fn pieces(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|byte| *byte == b';')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_cookie_of_that_very_name_is_found() {
        for (fields, expected) in [
            (&["innkeeper=a"][..], Some("a")),
            (&["x=y; innkeeper=a=b; z"], Some("a=b")),
            (&["x=y;innkeeper = a ;z"], Some("a")),
            (&["x=y", "innkeeper=a"], Some("a")),
            (&["innkeeper="], Some("")),
            (&["innkeeper"], Some("")),
            (&["__Host-innkeeper=b; innkeeper=a"], Some("a")),
            (&["innkeeper=a; innkeeper=a"], None),
            (&["innkeeper=a", "innkeeper=a"], None),
            (&["innkeeper=a; innkeeper"], None),
            (&["Innkeeper=a"], None),
            (&["xinnkeeper=a; innkeeperx=a; =innkeeper=a"], None),
            (&["x=\"; y=innkeeper=a"], None),
            (&[""], None),
            (&[], None),
        ] {
            let found = find(fields.iter().map(|field| field.as_bytes()), false);
            assert_eq!(found, expected.map(str::as_bytes), "{fields:?}");
        }
        let both = b"innkeeper=a; __Host-innkeeper=b";
        assert_eq!(find([&both[..]].into_iter(), true), Some(&b"b"[..]));
        assert_eq!(find([&b"innkeeper=a"[..]].into_iter(), true), None);
    }

    #[test]
    fn the_session_of_sillytavern_is_taken_away_and_no_other_cookie() {
        let removals = |field: &str| removals_of_sillytavern([field.as_bytes()].into_iter());
        assert_eq!(
            removals("a=b; session-01cdef89=eyJ9; session-01cdef89.sig=x; innkeeper=1.x"),
            [
                "session-01cdef89=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
                "session-01cdef89.sig=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
            ]
        );
        for other in [
            "",
            "session=x",
            "session-=x",
            "session-01cdef8=x",
            "session-01cdef890=x",
            "session-01CDEF89=x",
            "session-01cdef8g=x",
            "my-session-01cdef89=x",
            "session-01cdef89.sig.sig=x",
            "x=session-01cdef89",
        ] {
            assert_eq!(removals(other), Vec::<String>::new(), "{other}");
        }
    }

    #[test]
    fn ours_is_taken_out_and_the_others_stay() {
        for (field, expected) in [
            ("a=b", Some("a=b")),
            (" a = b ;; c", Some(" a = b ;; c")),
            ("innkeeper=x", None),
            ("__Host-innkeeper=x", None),
            ("__host_INNKEEPER=x ; ", None),
            ("innkeeper=x; a=b", Some("a=b")),
            ("a=b; innkeeper=x", Some("a=b")),
            ("a=b; innkeeper=x; c=d", Some("a=b; c=d")),
            ("a=b;  innkeeper=x;c=\"d\"", Some("a=b;c=\"d\"")),
            ("innkeeper=x; Innkeeper=y;INNKEEPER; a=b; __Host-Innkeeper=z", Some("a=b")),
            ("innkeepers=x; my-innkeeper=y", Some("innkeepers=x; my-innkeeper=y")),
            ("=innkeeper", Some("=innkeeper")),
            ("", Some("")),
        ] {
            let kept = without_ours(field.as_bytes());
            assert_eq!(kept.as_deref(), expected.map(str::as_bytes), "{field}");
        }
    }

    #[test]
    fn the_app_cannot_set_ours() {
        for (field, ours) in [
            ("innkeeper=x", true),
            ("innkeeper=; Max-Age=0", true),
            ("  __Host-innkeeper = x; Secure; Path=/", true),
            ("__HOST_Innkeeper=x", true),
            ("innkeeper", true),
            ("innkeeper; Path=/", true),
            ("=innkeeper=x", true),
            ("= innkeeper", true),
            ("session=innkeeper=x", false),
            ("a=b; innkeeper=x", false),
            ("innkeepers=x", false),
            ("", false),
        ] {
            assert_eq!(set_by(field.as_bytes()), ours, "{field}");
        }
    }

    #[test]
    fn it_is_set_for_this_host_and_no_script() {
        assert_eq!(setting("x", false, 60), "innkeeper=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        assert_eq!(
            setting("x", true, 60),
            "__Host-innkeeper=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(removal(false), "innkeeper=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }

    proptest! {
        #[test]
        fn nothing_of_ours_is_left(field in "(innkeeper|__Host-innkeeper|a|=|;| |x){0,12}") {
            let kept = without_ours(field.as_bytes());
            let kept = kept.as_deref().unwrap_or_default();
            for secure in [true, false] {
                prop_assert_eq!(find([kept].into_iter(), secure), None);
            }
        }
    }
}
