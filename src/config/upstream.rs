//! Where the app is: an `http`, `https` or `unix` URL without a path.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::Error;

/// The app behind Innkeeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// `http://host:port`
    Http {
        /// A name, an IPv4 address or an IPv6 address without brackets.
        host: String,
        /// 80 when the URL has none.
        port: u16,
    },
    /// `https://host:port`
    Https {
        /// A name, an IPv4 address or an IPv6 address without brackets.
        host: String,
        /// 443 when the URL has none.
        port: u16,
    },
    /// `unix:/path/to/socket`
    Unix {
        /// The socket; absolute.
        path: PathBuf,
    },
}

impl FromStr for Upstream {
    type Err = Error;

    /// Reads a URL strictly: requests are forwarded with their own path, so the URL may not have one.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(rest) = text.strip_prefix("unix:") {
            return unix(text, rest);
        }
        let wrong = || Error::new(format!("`{}` is no URL of an app", shown(text)));
        let Some((scheme, rest)) = text.split_once("://") else {
            let example = if text.is_empty() || !text.chars().all(plain) {
                "write it like `http://127.0.0.1:8001`".to_owned()
            } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
                format!("write `http://127.0.0.1:{text}`")
            } else {
                format!("write `http://{text}`")
            };
            return Err(wrong().hint(example));
        };
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !(tail.is_empty() || tail == "/") {
            return Err(Error::new(format!(
                "`{}` has a path, and every request brings its own",
                shown(text)
            ))
            .hint(format!("write `{}`", shown(&format!("{scheme}://{authority}")))));
        }
        if authority.contains('@') {
            return Err(Error::new("the URL of the app has a user name in it")
                .hint("write it without the part before `@`"));
        }
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {
                let (host, port) = host_and_port(authority, 80).ok_or_else(wrong)?;
                Ok(Self::Http { host, port })
            }
            "https" => {
                let (host, port) = host_and_port(authority, 443).ok_or_else(wrong)?;
                Ok(Self::Https { host, port })
            }
            _ => Err(wrong().hint("an app is reached by `http://`, `https://` or `unix:`")),
        }
    }
}

/// The URL again; the port always written out.
impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Http { host, port } => ("http", host, port),
            Self::Https { host, port } => ("https", host, port),
            Self::Unix { path } => return write!(f, "unix:{}", path.display()),
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

/// `unix:/path`, and `unix:///path` which other programs write.
fn unix(text: &str, rest: &str) -> Result<Upstream, Error> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if !path.starts_with('/') || path.ends_with('/') {
        return Err(Error::new(format!("`{}` does not name a socket by its whole path", shown(text)))
            .hint("write it like `unix:/run/app.sock`"));
    }
    Ok(Upstream::Unix { path: PathBuf::from(path) })
}

/// An authority (RFC 3986, section 3.2) without a user: strict, since whatever is guessed here is where requests with
/// passwords go.
fn host_and_port(authority: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, tail) = rest.split_once(']')?;
            let address: Ipv6Addr = host.parse().ok()?;
            (address.to_string(), if tail.is_empty() { None } else { Some(tail.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (name(host)?, Some(port)),
            None => (name(authority)?, None),
        },
    };
    match port {
        None => Some((host, default)),
        // `u16` would take a sign.
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            port.parse().ok().filter(|port| *port != 0).map(|port| (host, port))
        }
        Some(_) => None,
    }
}

/// A host name or an IPv4 address, in lower case.
fn name(host: &str) -> Option<String> {
    let good =
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    good.then(|| host.to_ascii_lowercase())
}

/// Whether a character can stand in `host:port`, so that a hint may repeat it.
fn plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | ':' | '[' | ']' | '_')
}

/// The text as it may be shown: without a password in front of `@`.
fn shown(text: &str) -> String {
    let scheme = text.find("://").map_or(0, |colon| colon + 3);
    match text.rfind('@') {
        Some(at) if at >= scheme => format!("{}…{}", &text[..scheme], &text[at..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, written) in [
            ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
            ("http://127.0.0.1:8001/", "http://127.0.0.1:8001"),
            ("HTTP://Box.local", "http://box.local:80"),
            ("https://[::1]", "https://[::1]:443"),
            ("http://[0:0::1]:3000", "http://[::1]:3000"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("unix:///run/app.sock", "unix:/run/app.sock"),
        ] {
            let upstream: Upstream = text.parse().unwrap();
            assert_eq!(upstream.to_string(), written);
            assert_eq!(written.parse::<Upstream>().unwrap(), upstream);
        }
    }

    #[test]
    fn refusals() {
        for (text, message, hint) in [
            ("8001", "`8001` is no URL of an app", "write `http://127.0.0.1:8001`"),
            ("localhost:8001", "`localhost:8001` is no URL of an app", "write `http://localhost:8001`"),
            ("http://a/b", "`http://a/b` has a path, and every request brings its own", "write `http://a`"),
            ("http://a?x", "`http://a?x` has a path, and every request brings its own", "write `http://a`"),
            (
                "http://u:p@a",
                "the URL of the app has a user name in it",
                "write it without the part before `@`",
            ),
            (
                "http://u:p@a/x",
                "`http://…@a/x` has a path, and every request brings its own",
                "write `http://…@a`",
            ),
            (
                "ftp://a",
                "`ftp://a` is no URL of an app",
                "an app is reached by `http://`, `https://` or `unix:`",
            ),
            (
                "unix:app.sock",
                "`unix:app.sock` does not name a socket by its whole path",
                "write it like `unix:/run/app.sock`",
            ),
        ] {
            let error = text.parse::<Upstream>().unwrap_err();
            assert_eq!(
                (error.to_string().as_str(), error.hints()),
                (message, [hint.to_owned()].as_slice()),
                "{text}"
            );
        }
        for text in [
            "http://",
            "http://a:",
            "http://a:0",
            "http://a:+1",
            "http://a:70000",
            "http://[::1",
            "http://a b",
            "http://[::1]x",
            "http://::1",
        ] {
            assert!(text.parse::<Upstream>().is_err(), "{text}");
        }
    }
}
