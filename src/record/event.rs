//! One line of `audit.jsonl`: a JSON object an event, for who writes it and who reads it.
//!
//! The keys always stand in the same order, without blanks between the tokens, and are absent where there is nothing
//! to say. Every text is printable ASCII (and a `…` where it was cut), whatever was sent. A line is written when its
//! event is over, so a file is sorted by time but for the fraction of a second that two threads take to hand it over.
//!
//! While a log is being compressed, its newest part lies beside it as `audit.jsonl.0`; the parts before it are
//! `audit.jsonl.1.gz` (the newest) and so on.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;

use super::{escape, is_plain, printable, whole_milliseconds};
use crate::error::Error;

/// Something that happened. `S` is how its texts are held: escaped, as they are read from a line, or [`Raw`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<S = String> {
    /// When it was over, in whole milliseconds: a visit began [`Visit::milliseconds`] before.
    pub time: Timestamp,
    /// What it was.
    pub kind: Kind<S>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<S = String> {
    /// `start`: a server began to listen.
    Start {
        /// Innkeeper's version.
        version: S,
        /// The addresses that it listens on.
        listen: Vec<S>,
    },
    /// `stop`: it was asked to stop, and all requests have ended.
    Stop,
    /// `reload`: the settings, or a file that they name, were read again.
    Reload {
        /// The keys of the settings that differ, as in the settings file: `whitelist`, `ssl.certPath`; and `accounts`
        /// where those of SillyTavern do.
        changed: Vec<S>,
    },
    /// `visit`, `failure` or `throttle`: a request, or several of the same kind.
    Visit(Visit<S>),
    /// `sign-in`: somebody proved who they are.
    SignIn(SignIn<S>),
    /// `approve`: an entry or guest came into the list in force.
    Approve(Entry<S>),
    /// `revoke`: an entry or guest left the list in force, or a guest's time was over.
    Revoke(Entry<S>),
    /// `certificate`: one was loaded, renewed or refused, or is about to expire.
    Certificate {
        /// What happened to it.
        text: S,
        /// Until when it counts.
        expires: Option<S>,
    },
    /// `gap`: events that happened and were not written.
    Gap {
        /// How many.
        lost: u64,
        /// Why.
        why: S,
    },
    /// Something that a newer version writes and this one does not know.
    Other,
}

/// A request and what became of it. A request that stands for a flood of them is the first of those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit<S = String> {
    /// Whether it was let in.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The address that was judged: the one that the throttle counts and that may be banned.
    pub client: IpAddr,
    /// The other end of the connection, where that is a trusted proxy.
    pub peer: Option<IpAddr>,
    /// For whom an untrusted peer said that it asks, or what a proxy wrote in place of an address.
    pub claimed: Option<S>,
    /// Who signed in. With a `failure`, nobody: what was typed may be a password.
    pub user: Option<S>,
    /// The entry of the list that covers the address.
    pub rule: Option<S>,
    /// Where it stands: `config.yaml:12`.
    pub place: Option<S>,
    /// The method; absent where no head could be read, as are the next two.
    pub method: Option<S>,
    /// The host that was asked for.
    pub host: Option<S>,
    /// The path, without the query.
    pub path: Option<S>,
    /// The status of the answer; absent where the client got none.
    pub status: Option<u16>,
    /// Bytes of the request's body that were read; of a WebSocket, all that came from the client.
    pub received: u64,
    /// Bytes of the answer's body that were sent; of a WebSocket, all that went to the client.
    pub sent: u64,
    /// From the moment its head was read to its last byte.
    pub milliseconds: u64,
    /// Whether the client got all of the answer.
    pub end: End,
    /// The version of TLS; absent in clear.
    pub tls: Option<Tls>,
    /// The version of HTTP.
    pub protocol: Option<Protocol>,
    /// The first `User-Agent`.
    pub agent: Option<S>,
    /// For how many requests it stands; 1 is not written.
    pub count: u64,
}

/// A login that was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn<S = String> {
    /// As [`Visit::client`].
    pub client: IpAddr,
    /// As [`Visit::peer`].
    pub peer: Option<IpAddr>,
    /// Who it is.
    pub user: S,
    /// The host that was asked for.
    pub host: Option<S>,
    /// By which way.
    pub by: By,
    /// The first `User-Agent`.
    pub agent: Option<S>,
}

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<S = String> {
    /// As it is written.
    pub rule: S,
    /// Where: `config.yaml:12`.
    pub place: Option<S>,
    /// Until when a guest may come, as it is written.
    pub until: Option<S>,
}

/// Declares an enum whose values are words of the format.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As it is written.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The one that is written so.
            #[must_use]
            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// Whether a request was let in.
    Verdict {
        /// Yes.
        Allowed = "allowed",
        /// No.
        Refused = "refused",
        /// No: it tried to sign in and did not succeed.
        Failed = "failed",
    }
}

words! {
    /// Why a request was let in or not.
    Reason {
        /// There is no list.
        Open = "open",
        /// Its address is listed.
        Listed = "listed",
        /// The path is public.
        Public = "public",
        /// It came with the right password.
        Password = "password",
        /// It belongs to somebody who signed in before.
        Session = "session",
        /// Its address is not listed.
        Unlisted = "unlisted",
        /// What should name its address cannot be read.
        UnreadableAddress = "unreadable-address",
        /// It asked for a host that is not one of ours.
        UnknownHost = "unknown-host",
        /// It came over http, and https is required.
        Insecure = "insecure",
        /// Another website made a browser send it.
        CrossSite = "cross-site",
        /// It is no request that can be understood in one way only, or did not come in time.
        Malformed = "malformed",
        /// The user name or the password was wrong.
        WrongPassword = "wrong-password",
        /// What it brought to sign in with cannot be read.
        UnreadableLogin = "unreadable-login",
        /// It brought nothing to sign in with: as every browser begins.
        NoLogin = "no-login",
        /// After too many wrong passwords, none was looked at.
        Throttled = "throttled",
        /// Too many waited for their password to be looked at.
        Busy = "busy",
        /// It was let in, and then the rules changed.
        Revoked = "revoked",
        /// One that a newer version knows.
        Other = "other",
    }
}

words! {
    /// How an answer ended.
    End {
        /// All of it was sent.
        Whole = "whole",
        /// A part of it, or nothing.
        Cut = "cut",
    }
}

words! {
    /// A version of TLS.
    Tls {
        /// TLS 1.2.
        V1_2 = "1.2",
        /// TLS 1.3.
        V1_3 = "1.3",
    }
}

words! {
    /// A version of HTTP.
    Protocol {
        /// HTTP/1.0.
        Http10 = "HTTP/1.0",
        /// HTTP/1.1.
        Http11 = "HTTP/1.1",
        /// HTTP/2.
        Http2 = "HTTP/2",
    }
}

words! {
    /// How somebody signed in.
    By {
        /// The form.
        Form = "form",
        /// Basic authentication.
        Basic = "basic",
    }
}

impl Reason {
    /// The verdict that goes with it; of a reason that is not known, a refusal.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Open | Self::Listed | Self::Public | Self::Password | Self::Session => Verdict::Allowed,
            Self::WrongPassword | Self::UnreadableLogin | Self::Throttled => Verdict::Failed,
            _ => Verdict::Refused,
        }
    }

    /// The event of a visit that ended for this reason.
    const fn event(self) -> &'static str {
        match self {
            Self::WrongPassword | Self::UnreadableLogin => "failure",
            Self::Throttled => "throttle",
            _ => "visit",
        }
    }
}

impl<S> Kind<S> {
    /// The word of the key `event`; empty for [`Kind::Other`].
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Stop => "stop",
            Self::Reload { .. } => "reload",
            Self::Visit(visit) => visit.reason.event(),
            Self::SignIn(_) => "sign-in",
            Self::Approve(_) => "approve",
            Self::Revoke(_) => "revoke",
            Self::Certificate { .. } => "certificate",
            Self::Gap { .. } => "gap",
            Self::Other => "",
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
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    second: i64,
    text: [u8; 20],
}

impl Default for Clock {
    fn default() -> Self {
        Self { second: i64::MIN, text: *b"0000-00-00T00:00:00." }
    }
}

impl Clock {
    /// Writes `time` as `2026-01-31T09:05:00.123Z` to the end of `line`.
    fn put(&mut self, time: Timestamp, line: &mut Vec<u8>) {
        let milliseconds = time.as_millisecond();
        let (second, rest) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
        if second != self.second {
            let text = format!("{:.3}", whole_milliseconds(time));
            // Years before 0 take more room.
            let Some(whole) = text.as_bytes().first_chunk().filter(|_| text.len() == 24) else {
                return line.extend_from_slice(text.as_bytes());
            };
            (self.second, self.text) = (second, *whole);
        }
        line.extend_from_slice(&self.text);
        let digit = |number: i64| b'0' + u8::try_from(number % 10).unwrap_or_default();
        line.extend_from_slice(&[digit(rest / 100), digit(rest / 10), digit(rest), b'Z']);
    }
}

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

impl<S> Visit<S> {
    /// The same visit with its texts held in another way.
    #[must_use]
    pub fn map<T>(self, mut hold: impl FnMut(S) -> T) -> Visit<T> {
        Visit {
            verdict: self.verdict,
            reason: self.reason,
            client: self.client,
            peer: self.peer,
            claimed: self.claimed.map(&mut hold),
            user: self.user.map(&mut hold),
            rule: self.rule.map(&mut hold),
            place: self.place.map(&mut hold),
            method: self.method.map(&mut hold),
            host: self.host.map(&mut hold),
            path: self.path.map(&mut hold),
            status: self.status,
            received: self.received,
            sent: self.sent,
            milliseconds: self.milliseconds,
            end: self.end,
            tls: self.tls,
            protocol: self.protocol,
            agent: self.agent.map(&mut hold),
            count: self.count,
        }
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
            line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
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
        self.line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn address(&mut self, key: &str, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        self.key(key);
        self.line.push(b'"');
        put_address(address, self.line);
        self.line.push(b'"');
    }
}

/// Writes `address` to the end of `line`.
pub(super) fn put_address(address: IpAddr, line: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    line.push(b'.');
                }
                line.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        IpAddr::V6(address) => line.extend_from_slice(address.to_string().as_bytes()),
    }
}

impl<S: Text> fmt::Display for Event<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Vec::new();
        self.write(&mut Clock::default(), &mut line);
        f.write_str(&String::from_utf8_lossy(&line))
    }
}

/// The keys of all events, as JSON has them. Keys that are not known are passed over.
#[derive(Deserialize)]
struct Line {
    time: Timestamped,
    event: String,
    verdict: Option<String>,
    reason: Option<String>,
    client: Option<IpAddr>,
    peer: Option<IpAddr>,
    claimed: Option<String>,
    user: Option<String>,
    rule: Option<String>,
    place: Option<String>,
    method: Option<String>,
    host: Option<String>,
    path: Option<String>,
    status: Option<u16>,
    received: Option<u64>,
    sent: Option<u64>,
    ms: Option<u64>,
    end: Option<String>,
    tls: Option<String>,
    protocol: Option<String>,
    agent: Option<String>,
    count: Option<u64>,
    version: Option<String>,
    listen: Option<Vec<String>>,
    changed: Option<Vec<String>>,
    by: Option<String>,
    until: Option<String>,
    text: Option<String>,
    expires: Option<String>,
    lost: Option<u64>,
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Timestamped(Timestamp);

impl TryFrom<String> for Timestamped {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(whole_milliseconds(text.parse()?)))
    }
}

impl Event {
    /// Reads a line, without its end. Whatever in it is not printable is escaped, so that nothing that somebody else
    /// wrote into the file can reach a terminal. Keys that are not known are passed over, and an event, verdict or
    /// ending that is not known makes it [`Kind::Other`].
    ///
    /// # Errors
    /// When it is no JSON object (a write that was interrupted), or lacks its time or what every event of its kind has.
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        let wrong = |why: String| Error::new(format!("`{}` is no line of audit.jsonl: {why}", escape(line)));
        let keys: Line = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        let lacks = |key: &str| wrong(format!("it lacks `{key}`"));
        let time = keys.time.0;
        let kind = match &*keys.event {
            "start" => Kind::Start {
                version: shown(keys.version).ok_or_else(|| lacks("version"))?,
                listen: all_shown(keys.listen),
            },
            "stop" => Kind::Stop,
            "reload" => Kind::Reload { changed: all_shown(keys.changed) },
            "visit" | "failure" | "throttle" => Self::visit(keys).map_err(lacks)?,
            "sign-in" => match keys.by.as_deref().map(By::of_word) {
                Some(Some(by)) => Kind::SignIn(SignIn {
                    client: keys.client.ok_or_else(|| lacks("client"))?,
                    peer: keys.peer,
                    user: shown(keys.user).ok_or_else(|| lacks("user"))?,
                    host: shown(keys.host),
                    by,
                    agent: shown(keys.agent),
                }),
                Some(None) => Kind::Other,
                None => return Err(lacks("by")),
            },
            event @ ("approve" | "revoke") => {
                let entry = Entry {
                    rule: shown(keys.rule).ok_or_else(|| lacks("rule"))?,
                    place: shown(keys.place),
                    until: shown(keys.until),
                };
                if event == "approve" { Kind::Approve(entry) } else { Kind::Revoke(entry) }
            }
            "certificate" => Kind::Certificate {
                text: shown(keys.text).ok_or_else(|| lacks("text"))?,
                expires: shown(keys.expires),
            },
            "gap" => Kind::Gap {
                lost: keys.lost.ok_or_else(|| lacks("lost"))?,
                why: shown(keys.why).unwrap_or_default(),
            },
            _ => Kind::Other,
        };
        Ok(Self { time, kind })
    }

    /// The visit of these `keys`.
    ///
    /// # Errors
    /// The key that is missing.
    fn visit(keys: Line) -> Result<Kind, &'static str> {
        let verdict = keys.verdict.ok_or("verdict")?;
        let reason = keys.reason.ok_or("reason")?;
        let end = keys.end.ok_or("end")?;
        let (Some(verdict), Some(end)) = (Verdict::of_word(&verdict), End::of_word(&end)) else {
            return Ok(Kind::Other);
        };
        Ok(Kind::Visit(Visit {
            verdict,
            reason: Reason::of_word(&reason).unwrap_or(Reason::Other),
            client: keys.client.ok_or("client")?,
            peer: keys.peer,
            claimed: shown(keys.claimed),
            user: shown(keys.user),
            rule: shown(keys.rule),
            place: shown(keys.place),
            method: shown(keys.method),
            host: shown(keys.host),
            path: shown(keys.path),
            status: keys.status,
            received: keys.received.unwrap_or_default(),
            sent: keys.sent.unwrap_or_default(),
            milliseconds: keys.ms.unwrap_or_default(),
            end,
            tls: keys.tls.as_deref().and_then(Tls::of_word),
            protocol: keys.protocol.as_deref().and_then(Protocol::of_word),
            agent: shown(keys.agent),
            count: keys.count.unwrap_or(1),
        }))
    }
}

impl FromStr for Event {
    type Err = Error;

    /// See [`Event::parse`].
    fn from_str(line: &str) -> Result<Self, Error> {
        Self::parse(line.as_bytes())
    }
}

/// A text that stands in a file, as it may stand elsewhere.
fn shown(text: Option<String>) -> Option<String> {
    text.map(|text| if is_printed(&text) { text } else { printable(&text).to_string() })
}

fn all_shown(texts: Option<Vec<String>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().filter_map(|text| shown(Some(text))).collect()
}

fn is_printed(text: &str) -> bool {
    text.len() <= super::LONGEST_FIELD && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests;
