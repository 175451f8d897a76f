//! The heads that Innkeeper writes: requests to the upstream, answers to the client.
//!
//! Heads are written anew, field by field. Nothing that steers a connection, says who a client is, or proves who a
//! user is, passes from one side to the other: fields listed in `Connection` go first, ours come last.

use std::net::IpAddr;
use std::sync::Arc;

use super::body::{Coding, Decoder};
use super::field::{self, Field};
use super::http1::{AnswerHead, Head, Version};
use crate::policy::session;
use crate::record::put_address;

/// What the gate found out about a request and tells the upstream.
#[derive(Debug)]
pub struct Tidings<'a> {
    /// The path and query, byte for byte as the client wrote them.
    pub target: &'a str,
    /// What the client asked for as host; `None` in an HTTP/1.0 request without one.
    pub host: Option<&'a [u8]>,
    /// The host to name where the client named none.
    pub own_host: &'a str,
    /// The client's address, if it is to be passed on.
    pub client: Option<IpAddr>,
    /// The client came over TLS.
    pub secure: bool,
    /// The header that carries the user's name, ours to write alone.
    pub identity_header: Option<&'a str>,
    /// The user's name, if one signed in.
    pub user: Option<&'a str>,
    /// The `Authorization` that the upstream gets.
    pub authorization: Passing,
}

/// What an upstream gets as `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passing {
    /// Nothing.
    Nothing,
    /// What the client sent, which is between the two of them: nobody else asks for a password.
    AsItCame,
    /// This alone: what somebody has proven here.
    Proven(Vec<u8>),
}

/// Writes the request head for the upstream. Answers how its body is framed.
pub fn write_request(head: &Head<'_>, tidings: &Tidings<'_>, out: &mut Vec<u8>) -> Coding {
    put(out, &[head.method.as_bytes(), b" ", tidings.target.as_bytes(), b" HTTP/1.1\r\nHost: "]);
    put(out, &[tidings.host.unwrap_or(tidings.own_host.as_bytes()), b"\r\n"]);
    for (field, kind) in head.fields.iter().zip(&head.kinds) {
        let passes = kind.passes_to_upstream()
            || (*kind == Field::Authorization && tidings.authorization == Passing::AsItCame);
        let is_ours = tidings.identity_header.is_some_and(|ours| field::is_same_name(field.name, ours));
        if passes && !is_ours && !head.listed.has(field.name.as_bytes()) {
            put_field(out, field.name, field.value);
        } else if *kind == Field::Cookie
            && !head.listed.has(field.name.as_bytes())
            && let Some(others) = session::without_ours(field.value)
        {
            put_field(out, field.name, &others);
        }
    }
    if let Passing::Proven(value) = &tidings.authorization {
        put_field(out, "Authorization", value);
    }
    if let Some(client) = tidings.client {
        put(out, &[b"X-Forwarded-For: "]);
        put_address(client, out);
        out.extend_from_slice(b"\r\n");
    }
    let proto: &[u8] =
        if tidings.secure { b"X-Forwarded-Proto: https\r\n" } else { b"X-Forwarded-Proto: http\r\n" };
    out.extend_from_slice(proto);
    if let Some(host) = tidings.host {
        put_field(out, "X-Forwarded-Host", host);
    }
    if let Some((name, user)) = tidings.identity_header.zip(tidings.user.filter(|user| is_plain(user))) {
        put_field(out, name, user.as_bytes());
    }
    if head.websocket {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    }
    let coding = match head.body {
        Decoder::Length(0) if head.first(Field::ContentLength).is_none() => Coding::Plain,
        Decoder::Length(length) => {
            put_length(out, length);
            Coding::Plain
        }
        Decoder::Chunked(_) | Decoder::UntilClose => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            Coding::Chunked
        }
    };
    out.extend_from_slice(b"\r\n");
    coding
}

/// How an answer is framed for the client, and whether the connection serves another request after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How the body is framed.
    pub coding: Coding,
    /// The connection is kept.
    pub keeps_alive: bool,
}

/// The fields of ours that go with an answer of the upstream's.
#[derive(Clone, Debug, Default)]
pub struct OwnFields {
    /// A `Set-Cookie`.
    pub cookie: Option<String>,
    /// A `Strict-Transport-Security`, in place of the upstream's.
    pub hsts: Option<Arc<str>>,
}

impl OwnFields {
    /// Whether an upstream's field of this kind goes on to the client: it must not steer the connection, nor set our
    /// cookie, nor stand beside a field of ours.
    #[must_use]
    pub fn let_pass(&self, kind: Field, value: &[u8]) -> bool {
        kind.passes_to_client()
            && !(kind == Field::SetCookie && session::set_by(value))
            && !(kind == Field::StrictTransportSecurity && self.hsts.is_some())
    }

    fn put(&self, out: &mut Vec<u8>) {
        if let Some(cookie) = &self.cookie {
            put_field(out, "Set-Cookie", cookie.as_bytes());
            put_field(out, "Cache-Control", COOKIE_IS_PRIVATE.as_bytes());
        }
        if let Some(hsts) = &self.hsts {
            put_field(out, HSTS, hsts.as_bytes());
        }
    }
}

/// The field that keeps browsers to https (RFC 6797).
pub const HSTS: &str = "Strict-Transport-Security";

/// Writes the answer's head for an HTTP/1 client. `keeps_alive`: the client and the gate would keep the connection.
pub fn write_answer(
    answer: &AnswerHead<'_>,
    version: Version,
    keeps_alive: bool,
    own: &OwnFields,
    out: &mut Vec<u8>,
) -> Delivery {
    put_status(out, answer.status, answer.reason);
    // An answer that can have no body may still tell the length that it would have (RFC 9110, section 8.6).
    let mut length = None;
    for field in answer.fields {
        let kind = Field::of(field.name.as_bytes());
        if kind == Field::ContentLength {
            length.get_or_insert(field.value);
        }
        if own.let_pass(kind, field.value) && !answer.listed.has(field.name.as_bytes()) {
            put_field(out, field.name, field.value);
        }
    }
    own.put(out);
    let delivery = match (answer.body, length) {
        (Decoder::Length(0), Some(length)) if !matches!(answer.status, 100..=199 | 204) => {
            put_field(out, "Content-Length", length);
            Delivery { coding: Coding::Plain, keeps_alive }
        }
        (Decoder::Length(0), _) => Delivery { coding: Coding::Plain, keeps_alive },
        (Decoder::Length(length), _) => {
            put_length(out, length);
            Delivery { coding: Coding::Plain, keeps_alive }
        }
        (Decoder::Chunked(_) | Decoder::UntilClose, _) if version == Version::Http10 => {
            Delivery { coding: Coding::Plain, keeps_alive: false }
        }
        (Decoder::Chunked(_) | Decoder::UntilClose, _) => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            Delivery { coding: Coding::Chunked, keeps_alive }
        }
    };
    put_connection(out, version, delivery.keeps_alive);
    out.extend_from_slice(b"\r\n");
    delivery
}

/// Writes the head that turns an HTTP/1.1 connection into a WebSocket.
pub fn write_switch(answer: &AnswerHead<'_>, own: &OwnFields, out: &mut Vec<u8>) {
    put_status(out, answer.status, answer.reason);
    out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    for field in answer.fields {
        let kind = Field::of(field.name.as_bytes());
        if own.let_pass(kind, field.value) && !answer.listed.has(field.name.as_bytes()) {
            put_field(out, field.name, field.value);
        }
    }
    own.put(out);
    out.extend_from_slice(b"\r\n");
}

/// What goes with a cookie of ours: a cache that others use too must not hand it to them (RFC 9111, section 5.2.2.7).
pub const COOKIE_IS_PRIVATE: &str = "private=\"Set-Cookie\"";

/// Whether a name reaches the upstream as the same name: nothing that would end the line or be trimmed away.
fn is_plain(user: &str) -> bool {
    !user.is_empty() && user.trim() == user && !user.chars().any(char::is_control)
}

/// Writes what an HTTP/1 client has to know about its connection.
pub fn put_connection(out: &mut Vec<u8>, version: Version, keeps_alive: bool) {
    match (version, keeps_alive) {
        (Version::Http10, true) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (_, false) => out.extend_from_slice(b"Connection: close\r\n"),
        (_, true) => {}
    }
}

/// Writes a status line.
pub fn put_status(out: &mut Vec<u8>, status: u16, reason: &str) {
    let digits =
        [b'0' + (status / 100 % 10) as u8, b'0' + (status / 10 % 10) as u8, b'0' + (status % 10) as u8];
    put(out, &[b"HTTP/1.1 ", &digits, b" ", reason.as_bytes(), b"\r\n"]);
}

/// Writes one header field.
pub fn put_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    put(out, &[name.as_bytes(), b": ", value, b"\r\n"]);
}

/// Writes the length of a body in bytes.
pub fn put_length(out: &mut Vec<u8>, length: u64) {
    let mut digits = itoa::Buffer::new();
    put_field(out, "Content-Length", digits.format(length).as_bytes());
}

fn put(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    out.reserve(pieces.iter().map(|piece| piece.len()).sum());
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::super::http1;
    use super::*;

    const TIDINGS: Tidings<'static> = Tidings {
        target: "/a%2Fb//c?q=%00",
        host: Some(b"app.test:8000"),
        own_host: "127.0.0.1:9",
        client: Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 0, 7))),
        secure: true,
        identity_header: None,
        user: None,
        authorization: Passing::Nothing,
    };

    fn forwarded(request: &str, tidings: &Tidings<'_>) -> String {
        let bytes = request.replace('\n', "\r\n");
        let mut memory = http1::fields();
        let (head, _) = Head::parse(bytes.as_bytes(), &mut memory).expect("readable").expect("whole");
        let mut out = Vec::new();
        write_request(&head, tidings, &mut out);
        String::from_utf8(out).expect("text").replace("\r\n", "\n")
    }

    #[test]
    fn what_steers_or_asserts_stays_behind() {
        let request = "GET /a HTTP/1.1\nHost: app.test:8000\nConnection: close, X-Secret\nconnection: Cookie2\nX-Secret: 1\nCookie2: 2\n\
                       Proxy-Connection: keep-alive\nKeep-Alive: 5\nTE: trailers\nTrailer: x\nUpgrade: h2c\nHTTP2-Settings: x\n\
                       X-Forwarded-For: 6.6.6.6\nX_Forwarded_For: 6.6.6.6\nX-Real-IP: 6.6.6.6\nForwarded: for=6.6.6.6\nCF-Connecting-IP: 6.6.6.6\n\
                       Remote-User: root\nremote_user: root\nX-Authentik-Username: root\nTailscale-User-Login: root\nAuthorization: Basic x\n\
                       Cookie: a=b\nAccept: */*\nX-Odd: caf\u{e9}\n\n";
        assert_eq!(
            forwarded(request, &TIDINGS),
            "GET /a%2Fb//c?q=%00 HTTP/1.1\nHost: app.test:8000\nCookie: a=b\nAccept: */*\nX-Odd: caf\u{e9}\n\
             X-Forwarded-For: 192.168.0.7\nX-Forwarded-Proto: https\nX-Forwarded-Host: app.test:8000\n\n"
        );
    }

    #[test]
    fn our_own_words_cannot_be_struck_by_connection() {
        let request = "GET / HTTP/1.1\nHost: a\nConnection: Remote-User, X-Forwarded-For, Host, Authorization\nAuthorization: Basic x\n\n";
        let (identity_header, user) = (Some("Remote-User"), Some("alice"));
        let tidings = Tidings { identity_header, user, target: "/", secure: false, ..TIDINGS };
        assert_eq!(
            forwarded(request, &tidings),
            "GET / HTTP/1.1\nHost: app.test:8000\nX-Forwarded-For: 192.168.0.7\nX-Forwarded-Proto: http\n\
             X-Forwarded-Host: app.test:8000\nRemote-User: alice\n\n"
        );
    }

    #[test]
    fn the_name_is_ours_alone_and_only_where_it_stays_the_same() {
        let forged = [
            "X-My-User",
            "x_my_user",
            "X.MY.USER",
            "x-My_user",
            "Remote-User",
            "Remote_User",
            "REMOTE.USER",
            "X-Authentik-Username",
            "X-Forwarded-User",
            "Tailscale-User-Login",
        ];
        let fields: String = forged.map(|name| name.to_owned() + ": root\n").concat();
        let request = format!("GET / HTTP/1.1\nHost: a\nConnection: X-My-User, x_my_user\n{fields}\n");
        for (user, sent) in [
            (Some("alice"), "X-My-User: alice\n"),
            (Some("a b\u{e9}"), "X-My-User: a b\u{e9}\n"),
            (Some("a\r\nX-Evil: 1"), ""),
            (Some("a\tb"), ""),
            (Some(" alice"), ""),
            (Some("alice\u{a0}"), ""),
            (Some(""), ""),
            (None, ""),
        ] {
            let tidings =
                Tidings { identity_header: Some("X-My-User"), user, target: "/", client: None, ..TIDINGS };
            assert_eq!(
                forwarded(&request, &tidings),
                format!(
                    "GET / HTTP/1.1\nHost: app.test:8000\nX-Forwarded-Proto: https\n\
                     X-Forwarded-Host: app.test:8000\n{sent}\n"
                ),
                "{user:?}"
            );
        }
    }

    #[test]
    fn our_cookie_stays_here() {
        for (fields, sent) in [
            ("Cookie: innkeeper=x\n", ""),
            ("Cookie: a=b; __Host-innkeeper=x\ncookie: c=d\n", "Cookie: a=b\ncookie: c=d\n"),
            ("Connection: Cookie\nCookie: a=b; innkeeper=x\n", ""),
        ] {
            let tidings = Tidings { target: "/", client: None, ..TIDINGS };
            assert_eq!(
                forwarded(&format!("GET / HTTP/1.1\nHost: a\n{fields}\n"), &tidings),
                format!(
                    "GET / HTTP/1.1\nHost: app.test:8000\n{sent}X-Forwarded-Proto: https\n\
                     X-Forwarded-Host: app.test:8000\n\n"
                )
            );
        }
    }

    #[test]
    fn bodies_are_framed_anew() {
        let head = "POST / HTTP/1.1\nHost: a\n";
        let tail = "X-Forwarded-Proto: https\nX-Forwarded-Host: app.test:8000\n";
        let tidings = Tidings { client: None, target: "/", ..TIDINGS };
        for (fields, framing) in [
            ("Content-Length: 007\n\n", "Content-Length: 7\n\n"),
            ("Content-Length: 0\n\n", "Content-Length: 0\n\n"),
            ("\n", "\n"),
            ("Transfer-Encoding: CHUNKED\n\n", "Transfer-Encoding: chunked\n\n"),
        ] {
            assert_eq!(
                forwarded(&format!("{head}{fields}"), &tidings),
                format!("POST / HTTP/1.1\nHost: app.test:8000\n{tail}{framing}")
            );
        }
    }
}
