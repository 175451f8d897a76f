//! An event as a line. Written for every visit where all are logged: nothing is copied that need not be.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use jiff::Timestamp;

use super::{End, Event, Kind, Visit};
use crate::record::figures::{Second, put_address, put_number};
use crate::record::{escape, is_plain};

impl<S: Text> Event<S> {
    /// Writes the line, without its end, to the end of `line`. Of [`Kind::Other`] there is nothing to write but the
    /// time.
    pub fn write(&self, clock: &mut Clock, line: &mut Vec<u8>) {
        let mut keys = Keys::begin(self.time, self.kind.name(), clock, line);
        match &self.kind {
            Kind::Start { version, listen } => {
                keys.text("version", Some(version));
                keys.list("listen", listen);
            }
            Kind::Reload { changed } => keys.list("changed", changed),
            Kind::Visit(visit) => visit.write(&mut keys),
            Kind::SignIn(sign_in) => {
                keys.address("client", Some(sign_in.client));
                keys.address("peer", sign_in.peer);
                keys.text("user", Some(&sign_in.user));
                keys.text("host", sign_in.host.as_ref());
                keys.word("by", sign_in.by.word());
                keys.text("agent", sign_in.agent.as_ref());
            }
            Kind::Approve(entry) | Kind::Revoke(entry) => {
                keys.text("rule", Some(&entry.rule));
                keys.text("place", entry.place.as_ref());
                keys.text("until", entry.until.as_ref());
            }
            Kind::Certificate { text, expires } => {
                keys.text("text", Some(text));
                keys.text("expires", expires.as_ref());
            }
            Kind::Gap { lost, why } => {
                keys.number("lost", *lost);
                keys.text("why", Some(why));
            }
            Kind::Stop | Kind::Other => {}
        }
        line.push(b'}');
    }

    /// Writes the line of a `visit` that ended at `time`, as [`Event::write`] does.
    pub fn write_visit(time: Timestamp, visit: &Visit<S>, clock: &mut Clock, line: &mut Vec<u8>) {
        visit.write(&mut Keys::begin(time, visit.reason.event(), clock, line));
        line.push(b'}');
    }
}

impl<S: Text> fmt::Display for Event<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Vec::new();
        self.write(&mut Clock::default(), &mut line);
        f.write_str(&String::from_utf8_lossy(&line))
    }
}

/// What the lines of visits have in common that differ in nothing but their path, status, end, count and numbers: of
/// somebody who goes on asking over one connection. It is escaped only once.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    before_path: Vec<u8>,
    after_end: Vec<u8>,
}

impl Frame {
    /// That of the lines of all visits like this one.
    #[must_use]
    pub fn of<S: Text>(visit: &Visit<S>) -> Self {
        let mut frame = Self::default();
        visit.write_ground(&mut Keys { line: &mut frame.before_path });
        visit.write_means(&mut Keys { line: &mut frame.after_end });
        frame
    }

    /// Writes what [`Event::write_visit`] writes, for a `visit` like the one that the frame is of.
    pub fn write_visit<S: Text>(
        &self,
        time: Timestamp,
        visit: &Visit<S>,
        clock: &mut Clock,
        line: &mut Vec<u8>,
    ) {
        let mut keys = Keys::begin(time, visit.reason.event(), clock, line);
        keys.line.extend_from_slice(&self.before_path);
        visit.write_course(&mut keys);
        keys.line.extend_from_slice(&self.after_end);
        visit.write_count(&mut keys);
        line.push(b'}');
    }
}

impl<S: Text> Visit<S> {
    fn write(&self, keys: &mut Keys<'_>) {
        self.write_ground(keys);
        self.write_course(keys);
        self.write_means(keys);
        self.write_count(keys);
    }

    /// Who asked whom, and why that was allowed or not.
    fn write_ground(&self, keys: &mut Keys<'_>) {
        keys.word("verdict", self.verdict.word());
        keys.word("reason", self.reason.word());
        keys.address("client", Some(self.client));
        keys.address("peer", self.peer);
        keys.text("claimed", self.claimed.as_ref());
        keys.text("user", self.user.as_ref());
        keys.text("rule", self.rule.as_ref());
        keys.text("place", self.place.as_ref());
        keys.text("method", self.method.as_ref());
        keys.text("host", self.host.as_ref());
    }

    /// For what, and what became of it.
    fn write_course(&self, keys: &mut Keys<'_>) {
        keys.text("path", self.path.as_ref());
        // Written for every request anew: texts of a length that is known are cheaper.
        let Keys { line } = keys;
        let mut put = |key: &[u8], number: u64| {
            line.extend_from_slice(key);
            put_number(number, line);
        };
        if let Some(status) = self.status {
            put(b",\"status\":", status.into());
        }
        put(b",\"received\":", self.received);
        put(b",\"sent\":", self.sent);
        put(b",\"ms\":", self.milliseconds);
        line.extend_from_slice(match self.end {
            End::Whole => b",\"end\":\"whole\"".as_slice(),
            End::Cut => b",\"end\":\"cut\"",
        });
    }

    /// By which means it asked.
    fn write_means(&self, keys: &mut Keys<'_>) {
        if let Some(tls) = self.tls {
            keys.word("tls", tls.word());
        }
        if let Some(protocol) = self.protocol {
            keys.word("protocol", protocol.word());
        }
        keys.text("agent", self.agent.as_ref());
    }

    fn write_count(&self, keys: &mut Keys<'_>) {
        if self.count != 1 {
            keys.number("count", self.count);
        }
    }
}

/// How a text of an event is written between quotes.
pub trait Text {
    /// Writes it to the end of `line`, escaped for JSON.
    fn put(&self, line: &mut Vec<u8>);
}

/// A text as it was sent: [escaped](escape) when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(pub &'a [u8]);

impl Text for Raw<'_> {
    fn put(&self, line: &mut Vec<u8>) {
        if is_plain(self.0) {
            line.extend_from_slice(self.0);
        } else {
            // A vector takes everything.
            let _ = write!(Json(line), "{}", escape(self.0));
        }
    }
}

/// Escaped before.
impl Text for String {
    fn put(&self, line: &mut Vec<u8>) {
        let _ = Json(line).write_str(self);
    }
}

/// Escapes for JSON what is written through it. There are no control characters in it.
struct Json<'a>(&'a mut Vec<u8>);

impl fmt::Write for Json<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if matches!(byte, b'"' | b'\\') {
                self.0.push(b'\\');
            }
            self.0.push(byte);
        }
        Ok(())
    }
}

/// Writes times, and knows the last one: most lines are of the same second as the one before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock(Second<20>);

impl Clock {
    /// Writes `time` as `2026-01-31T09:05:00.123Z` to the end of `line`.
    fn put(&mut self, time: Timestamp, line: &mut Vec<u8>) {
        let milliseconds = time.as_millisecond();
        let (second, rest) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
        self.0.put(second, line, || format!("{time:.0}").replace('Z', "."));
        let digit = |number: i64| b'0' + u8::try_from(number % 10).unwrap_or_default();
        line.extend_from_slice(&[digit(rest / 100), digit(rest / 10), digit(rest), b'Z']);
    }
}

/// Writes the keys behind the first two.
struct Keys<'a> {
    line: &'a mut Vec<u8>,
}

impl<'a> Keys<'a> {
    /// Writes the first two.
    fn begin(time: Timestamp, event: &str, clock: &mut Clock, line: &'a mut Vec<u8>) -> Self {
        line.extend_from_slice(b"{\"time\":\"");
        clock.put(time, line);
        line.extend_from_slice(b"\",\"event\":\"");
        line.extend_from_slice(event.as_bytes());
        line.push(b'"');
        Self { line }
    }

    fn key(&mut self, key: &str) {
        self.line.extend_from_slice(b",\"");
        self.line.extend_from_slice(key.as_bytes());
        self.line.extend_from_slice(b"\":");
    }

    fn word(&mut self, key: &str, word: &str) {
        self.key(key);
        self.line.push(b'"');
        self.line.extend_from_slice(word.as_bytes());
        self.line.push(b'"');
    }

    fn text(&mut self, key: &str, text: Option<&impl Text>) {
        if let Some(text) = text {
            self.key(key);
            self.quoted(text);
        }
    }

    fn list(&mut self, key: &str, texts: &[impl Text]) {
        self.key(key);
        self.line.push(b'[');
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                self.line.push(b',');
            }
            self.quoted(text);
        }
        self.line.push(b']');
    }

    fn quoted(&mut self, text: &impl Text) {
        self.line.push(b'"');
        text.put(self.line);
        self.line.push(b'"');
    }

    fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        put_number(number, self.line);
    }

    fn address(&mut self, key: &str, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        self.key(key);
        self.line.push(b'"');
        put_address(address, self.line);
        self.line.push(b'"');
    }
}
