//! HTTP/1.1 message heads: read strictly (RFC 9112), so that nobody behind us can read them another way.
//!
//! The grammar itself is httparse's; what it lets pass and RFC 9112 calls an attack or an error is refused here:
//! bare line feeds, two lengths, a length beside a transfer coding, an unknown coding, a missing or second Host.

use std::mem::MaybeUninit;

use httparse::{Header, Status};

use super::body::Decoder;
use super::field::{Field, Listed};

/// Most fields that one head may have; more are answered 431.
pub const FIELDS: usize = 100;

/// Memory for the fields of one head, on the caller's stack.
pub type Fields<'b> = [MaybeUninit<Header<'b>>; FIELDS];

/// Uninitialised [`Fields`].
#[must_use]
pub const fn fields<'b>() -> Fields<'b> {
    [const { MaybeUninit::uninit() }; FIELDS]
}

/// Why a request cannot be taken; each has its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not HTTP, or a byte where none may stand: 400.
    Syntax(&'static str),
    /// More fields or bytes than allowed: 431.
    TooLarge,
    /// A version that is not HTTP/1.0 or HTTP/1.1: 505.
    Version,
    /// A transfer coding other than `chunked`: 501.
    Coding,
    /// An expectation other than `100-continue`: 417.
    Expectation,
}

/// One request head, borrowed from the bytes that came, with what steers it already found.
#[derive(Debug)]
pub struct Head<'a> {
    /// The method, as it was written.
    pub method: &'a str,
    /// The request target, as it was written.
    pub target: &'a str,
    /// The scheme that the request names (HTTP/2, absolute form), if any.
    pub version: Version,
    /// Every field in order.
    pub fields: &'a [Header<'a>],
    /// The meaning of each field.
    pub kinds: [Field; FIELDS],
    /// The `Host` field, or the authority of an HTTP/2 request.
    pub host: Option<&'a [u8]>,
    /// The options of all `Connection` lines.
    pub listed: Listed<'a>,
    /// Where the body ends.
    pub body: Decoder,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// The client asks for a WebSocket (RFC 6455, section 4.1).
    pub websocket: bool,
}

/// The protocol a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: no chunks, and the connection closes unless asked otherwise.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// As it stands in a log or on a page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

impl<'a> Head<'a> {
    /// Reads one head at the start of `bytes`. `None`: not all of it is there yet. Answers its length too.
    ///
    /// # Errors
    /// [`Malformed`], after which the connection has to be closed.
    pub fn parse(bytes: &'a [u8], memory: &'a mut Fields<'a>) -> Result<Option<(Self, usize)>, Malformed> {
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(bytes, memory) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Malformed::TooLarge),
            Err(httparse::Error::Version) => return Err(Malformed::Version),
            Err(_) => return Err(Malformed::Syntax("the request line or a header field cannot be read")),
        };
        if has_bare_line_feed(&bytes[..length]) {
            return Err(Malformed::Syntax("a line does not end in CR LF"));
        }
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
        else {
            return Err(Malformed::Syntax("the request line is incomplete"));
        };
        let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
        let head = Self::assemble(method, target, version, request.headers)?;
        if head.host.is_none() && version == Version::Http11 {
            return Err(Malformed::Syntax("there is no Host field"));
        }
        Ok(Some((head, length)))
    }

    /// Finds what steers a request among its fields.
    ///
    /// # Errors
    /// [`Malformed`] where the fields contradict each other.
    pub fn assemble(
        method: &'a str,
        target: &'a str,
        version: Version,
        fields: &'a [Header<'a>],
    ) -> Result<Self, Malformed> {
        let mut head = Self {
            method,
            target,
            version,
            fields,
            kinds: [Field::Other; FIELDS],
            host: None,
            listed: Listed::default(),
            body: Decoder::empty(),
            expects_continue: false,
            websocket: false,
        };
        let (mut length, mut chunked, mut upgrade, mut key) = (None, false, false, false);
        for (field, kind) in fields.iter().zip(&mut head.kinds) {
            *kind = Field::of(field.name.as_bytes());
            match *kind {
                Field::Host if head.host.replace(field.value.trim_ascii()).is_some() => {
                    return Err(Malformed::Syntax("there are two Host fields"));
                }
                Field::Connection => head.listed.read(field.value),
                Field::ContentLength if length.replace(content_length(field.value)?).is_some() => {
                    return Err(Malformed::Syntax("there are two Content-Length fields"));
                }
                Field::TransferEncoding if chunked || version != Version::Http11 => {
                    return Err(Malformed::Syntax("Transfer-Encoding cannot stand here"));
                }
                Field::TransferEncoding if field.value.eq_ignore_ascii_case(b"chunked") => chunked = true,
                Field::TransferEncoding => return Err(Malformed::Coding),
                Field::Expect if field.value.eq_ignore_ascii_case(b"100-continue") => {
                    head.expects_continue = version == Version::Http11;
                }
                Field::Expect => return Err(Malformed::Expectation),
                Field::Upgrade => upgrade = field.value.eq_ignore_ascii_case(b"websocket"),
                Field::WebSocketKey => key = true,
                _ => {}
            }
        }
        head.body = match (length, chunked) {
            (Some(_), true) => {
                return Err(Malformed::Syntax("both Content-Length and Transfer-Encoding are given"));
            }
            (None, true) => Decoder::chunked(),
            (Some(length), false) => Decoder::Length(length),
            (None, false) => Decoder::empty(),
        };
        head.websocket = upgrade
            && key
            && head.listed.upgrade
            && method == "GET"
            && version == Version::Http11
            && head.body.is_done();
        Ok(head)
    }

    /// The value of the first field of that kind.
    #[must_use]
    pub fn first(&self, kind: Field) -> Option<&'a [u8]> {
        self.all(kind).next()
    }

    /// The values of all fields of that kind, in order.
    pub fn all(&self, kind: Field) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().zip(&self.kinds).filter(move |(_, of)| **of == kind).map(|(field, _)| field.value)
    }

    /// The value of the field of that kind; empty where there are two, so that neither counts.
    #[must_use]
    pub fn sole(&self, kind: Field) -> Option<&'a [u8]> {
        let mut values = self.all(kind);
        let value = values.next()?;
        Some(if values.next().is_some() { b"" } else { value })
    }

    /// The value of the first field called `name`, which is in lower case: for what only some requests are asked.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// Whether the client keeps the connection for another request.
    #[must_use]
    pub const fn keeps_alive(&self) -> bool {
        match self.version {
            Version::Http10 => self.listed.keep_alive && !self.listed.close,
            Version::Http11 | Version::Http2 => !self.listed.close,
        }
    }

    /// The target's path, as it was written, without the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.target.split_once('?').map_or(self.target, |(path, _)| path)
    }
}

/// One answer's head, from the upstream.
#[derive(Debug)]
pub struct AnswerHead<'a> {
    /// The status code, three digits.
    pub status: u16,
    /// The reason phrase, as it was written.
    pub reason: &'a str,
    /// Every field in order.
    pub fields: &'a [Header<'a>],
    /// The options of all `Connection` lines.
    pub listed: Listed<'a>,
    /// Where the body ends.
    pub body: Decoder,
    /// What becomes of the connection after it.
    pub persistence: Persistence,
}

/// What an upstream does with a connection after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It closes it.
    Closes,
    /// It waits for another request.
    Keeps {
        /// For so many seconds, where it says so (`Keep-Alive: timeout=5`).
        seconds: Option<u32>,
    },
}

impl<'a> AnswerHead<'a> {
    /// Reads one head at the start of `bytes`. `bodyless`: the request was a HEAD.
    ///
    /// # Errors
    /// [`Malformed`], after which the connection to the upstream has to be closed.
    pub fn parse(
        bytes: &'a [u8],
        memory: &'a mut Fields<'a>,
        bodyless: bool,
    ) -> Result<Option<(Self, usize)>, Malformed> {
        let mut answer = httparse::Response::new(&mut []);
        let parsed =
            httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut answer, bytes, memory);
        let length = match parsed {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Malformed::TooLarge),
            Err(_) => return Err(Malformed::Syntax("the answer's head cannot be read")),
        };
        let (Some(status @ 100..), Some(minor)) = (answer.code, answer.version) else {
            return Err(Malformed::Syntax("the status line holds no status"));
        };
        let mut head = Self {
            status,
            reason: answer.reason.unwrap_or_default(),
            fields: answer.headers,
            listed: Listed::default(),
            body: Decoder::UntilClose,
            persistence: Persistence::Closes,
        };
        let (mut content, mut chunked, mut seconds) = (None, false, None);
        for field in head.fields {
            match Field::of(field.name.as_bytes()) {
                Field::Connection => head.listed.read(field.value),
                Field::ContentLength => {
                    let said = content_length(field.value)?;
                    if content.replace(said).is_some_and(|before| before != said) {
                        return Err(Malformed::Syntax("the answer has two lengths"));
                    }
                }
                Field::TransferEncoding if field.value.eq_ignore_ascii_case(b"chunked") && !chunked => {
                    chunked = true;
                }
                Field::TransferEncoding => return Err(Malformed::Coding),
                Field::KeepAlive => seconds = keep_alive_timeout(field.value),
                _ => {}
            }
        }
        head.body = match (content, chunked) {
            _ if bodyless || matches!(status, 100..=199 | 204 | 304) => Decoder::empty(),
            (_, true) => Decoder::chunked(),
            (Some(length), false) => Decoder::Length(length),
            (None, false) => Decoder::UntilClose,
        };
        let keeps = head.body != Decoder::UntilClose
            && !head.listed.close
            && (minor == 1 || head.listed.keep_alive)
            && !(content.is_some() && chunked);
        if keeps {
            head.persistence = Persistence::Keeps { seconds };
        }
        Ok(Some((head, length)))
    }
}

/// RFC 9110, section 8.6: digits alone; no sign, no blank, no list.
fn content_length(value: &[u8]) -> Result<u64, Malformed> {
    const WRONG: Malformed = Malformed::Syntax("Content-Length is not a number");
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(WRONG);
    }
    std::str::from_utf8(value).map_err(|_| WRONG)?.parse().map_err(|_| WRONG)
}

fn keep_alive_timeout(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value)
        .ok()?
        .split(',')
        .find_map(|parameter| parameter.trim().strip_prefix("timeout="))?
        .parse()
        .ok()
}

/// httparse ends a line at a line feed alone; a peer that does not would see another message.
fn has_bare_line_feed(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(head: &str) -> Malformed {
        let bytes = head.replace('\n', "\r\n").replace('¶', "\n").replace('¢', "\r");
        let mut memory = fields();
        Head::parse(bytes.as_bytes(), &mut memory).expect_err(head)
    }

    #[test]
    fn ambiguous_requests_are_refused() {
        for (head, why) in [
            ("GET / HTTP/1.1\n\n", "there is no Host field"),
            ("GET / HTTP/1.1\nHost: a\nHost: a\n\n", "there are two Host fields"),
            (
                "POST / HTTP/1.1\nHost: a\nContent-Length: 1\nContent-Length: 1\n\n",
                "there are two Content-Length fields",
            ),
            (
                "POST / HTTP/1.1\nHost: a\nContent-Length: 1\nTransfer-Encoding: chunked\n\n",
                "both Content-Length and Transfer-Encoding are given",
            ),
            (
                "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 1\n\n",
                "both Content-Length and Transfer-Encoding are given",
            ),
            ("POST / HTTP/1.1\nHost: a\nContent-Length: +1\n\n", "Content-Length is not a number"),
            ("POST / HTTP/1.1\nHost: a\nContent-Length: 1, 1\n\n", "Content-Length is not a number"),
            ("POST / HTTP/1.1\nHost: a\nContent-Length:\n\n", "Content-Length is not a number"),
            (
                "POST / HTTP/1.1\nHost: a\nContent-Length: 99999999999999999999\n\n",
                "Content-Length is not a number",
            ),
            ("POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n", "Transfer-Encoding cannot stand here"),
            (
                "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n",
                "Transfer-Encoding cannot stand here",
            ),
            ("GET / HTTP/1.1¶Host: a\n\n", "a line does not end in CR LF"),
            ("GET / HTTP/1.1\nHost: a\n¶", "a line does not end in CR LF"),
            ("GET / HTTP/1.1\nHost : a\n\n", "the request line or a header field cannot be read"),
            ("GET / HTTP/1.1\nHost: a\n folded\n\n", "the request line or a header field cannot be read"),
            ("GET / HTTP/1.1\nHost: a¢b\n\n", "the request line or a header field cannot be read"),
            ("GET  / HTTP/1.1\nHost: a\n\n", "the request line or a header field cannot be read"),
        ] {
            assert_eq!(refusal(head), Malformed::Syntax(why), "{head}");
        }
        assert_eq!(
            refusal("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n\n"),
            Malformed::Coding
        );
        assert_eq!(refusal("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked\n\n"), Malformed::Coding);
        assert_eq!(refusal("GET / HTTP/1.1\nHost: a\nExpect: 200-ok\n\n"), Malformed::Expectation);
        assert_eq!(refusal("GET / HTTP/2.0\nHost: a\n\n"), Malformed::Version);
        assert_eq!(refusal(&format!("GET / HTTP/1.1\n{}\n", "A: b\n".repeat(101))), Malformed::TooLarge);
    }

    #[test]
    fn a_websocket_is_asked_for_in_one_way_only() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: x\r\n\r\n";
        for (text, websocket) in [
            (head.to_owned(), true),
            (head.replace("WebSocket\r", "websocket, h2c\r"), false),
            (head.replace("WebSocket\r", "h2c\r"), false),
            (head.replace("GET", "POST"), false),
            (head.replace("HTTP/1.1", "HTTP/1.0"), false),
            (head.replace(", Upgrade", ""), false),
            (
                head.replace("Sec-WebSocket-Key: x\r\n", "Content-Length: 5\r\nSec-WebSocket-Key: x\r\n"),
                false,
            ),
        ] {
            let mut memory = fields();
            let (head, length) = Head::parse(text.as_bytes(), &mut memory).expect("readable").expect("whole");
            assert_eq!((head.websocket, length), (websocket, text.len()), "{text}");
        }
    }
}
