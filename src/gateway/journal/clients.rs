//! What the owner is told of clients: who came, who was sent away, and for which hosts they asked.

use std::fmt;
use std::net::IpAddr;
use std::sync::Mutex;

use jiff::Timestamp;

use super::repeats::{Repeats, Seen, WhenFull};
use super::writer::{Entry, Saying};
use super::{Journal, Level, lock};
use crate::record::{AccessLine, Escaped, escape};

/// How many clients are known at a time.
const CLIENTS: usize = 65_536;
/// How many host names are warned about, as in SillyTavern.
const HOSTS: usize = 1000;

/// What can be done about unknown hosts.
const HOST_HINT: &str = "\n  If it is a name of yours, add it to hostWhitelist.hosts. \
    hostWhitelist.enabled: true refuses all others; hostWhitelist.scan: false ends these lines.";

/// Why somebody who tried to sign in was sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignInFailure {
    /// The user name or the password is wrong.
    Wrong,
    /// The credentials cannot be read.
    Unreadable,
    /// After too many wrong ones, none are looked at for now.
    Limited,
}

/// What was told of clients before.
pub(super) struct Clients {
    known: Mutex<Seen>,
    refusals: Mutex<Repeats>,
    failures: Mutex<Repeats>,
    hosts: Mutex<Hosts>,
}

struct Hosts {
    seen: Seen,
    hint: Hint,
}

enum Hint {
    Due,
    Given,
}

impl Journal {
    /// A client was let in: `New connection from <who>; User Agent: <agent>` and a line of the access log, at
    /// the first sight of `who` since the start, whatever its agent. 65,536 are known; then it starts anew.
    pub fn arrived(&self, who: &str, agent: Option<&[u8]>) {
        if !self.desk.has_access_log || !lock(&self.desk.clients.known).is_new(who) {
            return;
        }
        self.info(|| format!("New connection from {}; User Agent: {}", escape(who.as_bytes()), shown(agent)));
        self.put(Entry::Access(AccessLine::new(Timestamp::now(), who, agent)));
    }

    /// A client was refused: `Forbidden: Connection attempt from <who>. <reason>; User Agent: <agent>` and below it
    /// the `command` that would let it in.
    ///
    /// Once in 60 seconds for the same `address` and `reason`; how often it came again is told the next time.
    /// `address` is the one that was proven, so that nobody gets more lines by claiming to be others, and for the same
    /// reason `reason` must not hold what the client wrote. At most 1,024 different ones are told in 60 seconds.
    pub fn refused(
        &self,
        address: IpAddr,
        who: &str,
        reason: &str,
        agent: Option<&[u8]>,
        command: Option<&str>,
    ) {
        self.in_turn(
            &self.desk.clients.refusals,
            (address, reason),
            "Forbidden: Connection attempts",
            |more| {
                let who = escape(who.as_bytes());
                let command = fmt::from_fn(|f| match command {
                    Some(command) => write!(f, "\n  To let it in: {command}"),
                    None => Ok(()),
                });
                let agent = shown(agent);
                format!(
                    "Forbidden: Connection attempt from {who}. {reason}; User Agent: {agent}{more}{command}"
                )
            },
        );
    }

    /// Somebody failed to sign in: `Basic auth failed: <why> from <who> <method> <path>`, as often as
    /// [`refused`](Self::refused) tells of a refusal. Give `path` without the query, which may hold secrets.
    pub fn failed_sign_in(
        &self,
        address: IpAddr,
        who: &str,
        failure: SignInFailure,
        method: &str,
        path: &[u8],
    ) {
        let why = match failure {
            SignInFailure::Wrong => "Wrong user name or password",
            SignInFailure::Unreadable => "Unreadable credentials",
            // SillyTavern's words.
            SignInFailure::Limited => "Rate limited",
        };
        self.in_turn(
            &self.desk.clients.failures,
            (address, failure),
            "Basic auth failed: Attempts",
            |more| {
                let (who, method, path) = (escape(who.as_bytes()), escape(method.as_bytes()), escape(path));
                format!("Basic auth failed: {why} from {who} {method} {path}{more}")
            },
        );
    }

    /// Somebody asked for a host that nobody named: `Request from untrusted host: <host>`, once for each text, for at
    /// most 1,000 of them; below the first, what can be done about it.
    pub fn unknown_host(&self, host: &[u8]) {
        let hint = {
            let mut hosts = lock(&self.desk.clients.hosts);
            if !hosts.seen.is_new(host) {
                return;
            }
            std::mem::replace(&mut hosts.hint, Hint::Given)
        };
        self.say(Level::Warning, || {
            let hint = match hint {
                Hint::Due => HOST_HINT,
                Hint::Given => "",
            };
            Saying::Notice(format!("Request from untrusted host: {}{hint}", escape(host)))
        });
    }
}

impl Default for Clients {
    /// Nothing was.
    fn default() -> Self {
        Self {
            known: Mutex::new(Seen::new(CLIENTS, WhenFull::StartAnew)),
            refusals: Mutex::default(),
            failures: Mutex::default(),
            hosts: Mutex::new(Hosts { seen: Seen::new(HOSTS, WhenFull::Stop), hint: Hint::Due }),
        }
    }
}

/// A missing `User-Agent` is told as SillyTavern does.
fn shown(agent: Option<&[u8]>) -> Escaped<'_> {
    escape(agent.unwrap_or(b"undefined"))
}
