//! Where the page lies that made a browser ask: on this site, on another, or nobody says.
//!
//! A browser adds a cookie, and a Basic password it was once given, to whatever any website makes it send. So these
//! alone do not show that whoever sits before it wished the request.

use super::host::Host;

/// Where a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// On a page of this site, or by a person with the address bar or a bookmark.
    Own,
    /// On a page of another site, or on one that must not say of which.
    Foreign,
    /// Nobody says. No browser of today leaves it out where it matters, so it is a program.
    Unsaid,
}

impl Provenance {
    /// Reads `Sec-Fetch-Site` (W3C Fetch Metadata) and, where there is none, `Origin` (RFC 6454, section 7), which
    /// must then name what `Host` names. `secure`: the request came over TLS.
    ///
    /// Browsers send `Sec-Fetch-Site` over https and to localhost only, and no page can set it; over plain http there
    /// is `Origin` alone. `same-site` is foreign: another program on another port of the machine, or under another
    /// name of the domain, is another program. An origin of https is taken over plain http as well, because a proxy
    /// may have ended TLS; the other way round anybody on the network could write it.
    #[must_use]
    pub fn of(fetch_site: Option<&[u8]>, origin: Option<&[u8]>, host: Option<&[u8]>, secure: bool) -> Self {
        let own = match (fetch_site, origin) {
            (Some(site), _) => matches!(site.trim_ascii(), b"same-origin" | b"none"),
            (None, Some(origin)) => host.is_some_and(|host| is_origin_of(origin.trim_ascii(), host, secure)),
            (None, None) => return Self::Unsaid,
        };
        if own { Self::Own } else { Self::Foreign }
    }
}

/// Whether `origin` is the one of a page under `host`. `null`, a sandboxed page's, is nobody's.
fn is_origin_of(origin: &[u8], host: &[u8], secure: bool) -> bool {
    let (authority, port) = if let Some(authority) = origin.strip_prefix(b"https://") {
        (authority, 443)
    } else if let Some(authority) = origin.strip_prefix(b"http://").filter(|_| !secure) {
        (authority, 80)
    } else {
        return false;
    };
    match (Host::parse(authority), Host::parse(host)) {
        (Ok(theirs), Ok(ours)) => {
            theirs.name == ours.name && theirs.port.unwrap_or(port) == ours.port.unwrap_or(port)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Provenance::{self, Foreign, Own, Unsaid};

    fn of(site: Option<&str>, origin: Option<&str>, host: &str, secure: bool) -> Provenance {
        Provenance::of(site.map(str::as_bytes), origin.map(str::as_bytes), Some(host.as_bytes()), secure)
    }

    #[test]
    fn fetch_metadata_decides_where_it_is_sent() {
        for (site, expected) in [
            ("same-origin", Own),
            ("none", Own),
            ("same-site", Foreign),
            ("cross-site", Foreign),
            ("", Foreign),
            ("Same-Origin", Foreign),
            ("same-origin, cross-site", Foreign),
        ] {
            // Only a browser can send it, so it is believed over an origin that a proxy has made look foreign.
            for origin in [None, Some("https://app.test"), Some("https://evil.test"), Some("null")] {
                assert_eq!(of(Some(site), origin, "app.test", true), expected, "{site} {origin:?}");
            }
        }
    }

    #[test]
    fn an_origin_has_to_be_this_host_with_its_port_and_scheme() {
        for (origin, host, secure, expected) in [
            ("http://app.test", "app.test", false, Own),
            ("http://app.test", "app.test:80", false, Own),
            ("http://app.test:8000", "app.test:8000", false, Own),
            ("http://APP.test:8000", "app.TEST:8000", false, Own),
            ("http://[::1]:8000", "[::1]:8000", false, Own),
            ("https://app.test", "app.test", true, Own),
            ("https://app.test", "app.test:443", true, Own),
            ("https://app.test", "app.test", false, Own),
            ("http://app.test", "app.test", true, Foreign),
            ("https://app.test", "app.test:80", false, Foreign),
            ("http://app.test:8001", "app.test:8000", false, Foreign),
            ("http://app.test", "app.test:8000", false, Foreign),
            ("http://app.test:80", "app.test:8000", false, Foreign),
            ("https://app.test:8443", "app.test", true, Foreign),
            ("http://app.test.evil", "app.test", false, Foreign),
            ("http://evil.app.test", "app.test", false, Foreign),
            ("http://app.test@evil.test", "app.test", false, Foreign),
            ("http://evil.test#app.test", "app.test", false, Foreign),
            ("http://app.test/", "app.test", false, Foreign),
            ("http://", "app.test", false, Foreign),
            ("app.test", "app.test", false, Foreign),
            ("ws://app.test", "app.test", false, Foreign),
            ("HTTP://app.test", "app.test", false, Foreign),
            ("null", "app.test", false, Foreign),
            ("null", "null", false, Foreign),
            ("", "app.test", false, Foreign),
            ("http://127.0.0.1:8000", "localhost:8000", false, Foreign),
        ] {
            assert_eq!(of(None, Some(origin), host, secure), expected, "{origin} {host} {secure}");
        }
        assert_eq!(of(None, None, "app.test", true), Unsaid);
        assert_eq!(Provenance::of(None, Some(b"http://a"), None, false), Foreign);
        assert_eq!(Provenance::of(None, None, None, false), Unsaid);
    }
}
