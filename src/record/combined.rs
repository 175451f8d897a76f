//! One line of Combined Log Format, the one that web servers have always written and every analyser reads.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::event::{Raw, Text, Visit};
use super::figures::{Second, put_address, put_number};
use super::{escape, is_plain};

/// The status of a request whose client got no answer, as nginx writes it.
const CLIENT_GONE: u16 = 499;

/// Writes times as this format has them, and knows the last one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock(Second<26>);

impl Clock {
    fn put(&mut self, time: Timestamp, line: &mut Vec<u8>) {
        let spell = || time.to_zoned(TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
        self.0.put(time.as_second(), line, spell);
    }
}

/// Writes `client - user [10/Oct/2000:13:55:36 +0000] "GET /path HTTP/1.1" 200 2326 "-" "agent"`, without the line end,
/// to the end of `line`: the path without the query and no referer, because both may hold secrets.
///
/// Whatever a client sent is [escaped](escape); within the quotes a quote and a backslash are written `\x22` and
/// `\x5c` and in a user name a blank `\x20`, as nginx does, so that no reader of this format is led astray. A
/// client that got no answer has the status 499.
pub fn write(visit: &Visit<Raw<'_>>, time: Timestamp, clock: &mut Clock, line: &mut Vec<u8>) {
    put_address(visit.client, line);
    line.extend_from_slice(b" - ");
    word(visit.user, line);
    line.extend_from_slice(b" [");
    clock.put(time, line);
    line.extend_from_slice(b"] \"");
    match (visit.method, visit.path) {
        (Some(method), Some(path)) => {
            word(Some(method), line);
            line.push(b' ');
            word(Some(path), line);
            line.push(b' ');
            line.extend_from_slice(visit.protocol.map_or("HTTP/1.1", |protocol| protocol.word()).as_bytes());
        }
        _ => line.push(b'-'),
    }
    line.extend_from_slice(b"\" ");
    put_number(visit.status.unwrap_or(CLIENT_GONE).into(), line);
    line.push(b' ');
    put_number(visit.sent, line);
    line.extend_from_slice(b" \"-\" \"");
    match visit.agent {
        Some(agent) if !agent.0.is_empty() => quoted(agent, line),
        _ => line.push(b'-'),
    }
    line.push(b'"');
}

/// A field that ends at the first blank.
fn word(text: Option<Raw<'_>>, line: &mut Vec<u8>) {
    let begin = line.len();
    match text {
        Some(text) if !text.0.is_empty() => quoted(text, line),
        _ => line.push(b'-'),
    }
    if line[begin..].contains(&b' ') {
        let text = line.split_off(begin);
        for byte in text {
            match byte {
                b' ' => line.extend_from_slice(b"\\x20"),
                byte => line.push(byte),
            }
        }
    }
}

/// A field that ends at the next quote.
fn quoted(text: Raw<'_>, line: &mut Vec<u8>) {
    if is_plain(text.0) {
        return text.put(line);
    }
    for letter in escape(text.0).to_string().chars() {
        match letter {
            '"' => line.extend_from_slice(b"\\x22"),
            '\\' => line.extend_from_slice(b"\\x5c"),
            '…' => line.extend_from_slice(b"..."),
            letter => line.push(u8::try_from(letter).unwrap_or(b'?')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::{End, Protocol, Reason, Verdict};

    fn visit() -> Visit<Raw<'static>> {
        Visit {
            verdict: Verdict::Allowed,
            reason: Reason::Password,
            client: [127, 0, 0, 1].into(),
            peer: None,
            claimed: None,
            user: Some(Raw(b"frank")),
            rule: None,
            place: None,
            method: Some(Raw(b"GET")),
            host: Some(Raw(b"desk.local")),
            path: Some(Raw(b"/apache_pb.gif")),
            status: Some(200),
            received: 7,
            sent: 2326,
            milliseconds: 12,
            end: End::Whole,
            tls: None,
            protocol: Some(Protocol::Http10),
            agent: Some(Raw(b"Mozilla/4.08 [en] (Win98; I ;Nav)")),
            count: 1,
        }
    }

    fn line(visit: &Visit<Raw<'_>>) -> String {
        let mut line = Vec::new();
        write(visit, "2000-10-10T13:55:36.9Z".parse().unwrap(), &mut Clock::default(), &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn the_example_of_apache() {
        let expected = "127.0.0.1 - frank [10/Oct/2000:13:55:36 +0000] \"GET /apache_pb.gif HTTP/1.0\" 200 2326 \
                        \"-\" \"Mozilla/4.08 [en] (Win98; I ;Nav)\"";
        assert_eq!(line(&visit()), expected);
    }

    #[test]
    fn nothing_ends_a_field_before_its_time() {
        let hostile = Visit {
            user: Some(Raw(b"a b\" [c")),
            path: Some(Raw(b"/\" 200 1 \"\\\"\x1b")),
            agent: Some(Raw(b"x\" \"y\\\n\xe2\x80\xa6")),
            status: None,
            ..visit()
        };
        assert_eq!(
            line(&hostile),
            r#"127.0.0.1 - a\x20b\x22\x20[c [10/Oct/2000:13:55:36 +0000] "GET /\x22\x20200\x201\x20\x22\x5c\x5c\x22\x5cu{1b} HTTP/1.0" 499 2326 "-" "x\x22 \x22y\x5c\x5c\x5cu{a}\x5cu{2026}""#
        );
        let long = Visit { agent: Some(Raw("a".repeat(65536).leak().as_bytes())), ..visit() };
        assert!(line(&long).ends_with("aaa...\""));
        let empty = Visit { user: None, method: None, path: None, agent: Some(Raw(b"")), ..visit() };
        assert_eq!(line(&empty), "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"-\" 200 2326 \"-\" \"-\"");
    }
}
