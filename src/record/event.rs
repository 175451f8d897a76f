//! One line of `audit.jsonl`: a JSON object an event, for who writes it and who reads it.
//!
//! The keys always stand in the same order, without blanks between the tokens, and are absent where there is nothing
//! to say. Every text is printable ASCII (and a `…` where it was cut), whatever was sent. A line is written when its
//! event is over, so a file is sorted by time but for the fraction of a second that two threads take to hand it over.
//!
//! While a log is being compressed, its newest part lies beside it as `audit.jsonl.0`; the parts before it are
//! `audit.jsonl.1.gz` (the newest) and so on.

mod reading;
mod words;
mod writing;

use std::net::IpAddr;

use jiff::Timestamp;

pub use words::{By, End, Protocol, Reason, Tls, Verdict};
pub use writing::{Clock, Frame, Raw, Text};

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

#[cfg(test)]
mod tests;
