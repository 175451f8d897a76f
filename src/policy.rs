//! Who may come in: the whole decision about one request, in one screen.
//!
//! Pure: a policy is an immutable snapshot that knows no clock, file or socket. `serve` asks it on every request
//! and `whitelist test` asks the same code, so what the one explains the other does.

pub mod account;
pub mod address;
pub mod client;
pub mod host;
pub mod origin;
pub mod session;
mod sign_in;
pub mod throttle;
pub mod whitelist;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use account::Claim;
use client::{Client, Condition, ForwardedHeaders, Trust};
use host::{Host, HostVerdict, Hosts};
use origin::Provenance;
use session::Session;
use whitelist::{Rule, Whitelist};

pub use sign_in::{Judgement, Lack, Settled, SignIn};

/// What one request shows of itself in its head, before a byte of its body is read.
#[derive(Debug)]
pub struct Visit<'a> {
    /// The address at the other end of the connection, IPv4-mapped forms already IPv4.
    pub peer: IpAddr,
    /// It came over TLS, to here or to a trusted proxy that says so ([`Trust::is_secured`]).
    pub secure: bool,
    /// The method, as it was written.
    pub method: &'a str,
    /// The path, byte for byte as it was written, without the query.
    pub path: &'a str,
    /// The `Host` field or `:authority`; `None` in an HTTP/1.0 request without one.
    pub host: Option<&'a [u8]>,
    /// The first `Authorization` field.
    pub authorization: Option<&'a [u8]>,
    /// The fields by which a proxy says whom it speaks for.
    pub forwarded: ForwardedHeaders<'a>,
    /// What a browser adds by itself.
    pub ambient: Ambient<'a>,
}

/// What a browser adds to a request by itself, whoever made it ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ambient<'a> {
    /// The value of the session's cookie, if there is one and not two.
    pub session: Option<&'a [u8]>,
    /// The wall clock, in seconds since 1970, by which sessions end. Looked at only where there is a cookie.
    pub unix_time: u64,
    /// The `Sec-Fetch-Site` field; empty where there are two.
    pub fetch_site: Option<&'a [u8]>,
    /// The `Origin` field; empty where there are two.
    pub origin: Option<&'a [u8]>,
    /// It asks for a WebSocket.
    pub websocket: bool,
}

impl Visit<'_> {
    /// Where the page lies that made it.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        Provenance::of(self.ambient.fetch_site, self.ambient.origin, self.host, self.secure)
    }

    /// Whether another website may have made a browser send this, which would do something: a WebSocket, or a method
    /// that is not safe (RFC 9110, section 9.2.1). What a safe method answers, no other website gets to read.
    #[must_use]
    pub fn is_foreign_deed(&self) -> bool {
        let is_safe = matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE") && !self.ambient.websocket;
        !is_safe && self.provenance() == Provenance::Foreign
    }
}

/// The rules in force. A change makes a new one; a request is judged by one of them from start to end.
#[derive(Debug)]
pub struct Policy {
    /// `whitelistMode` and the list.
    pub addresses: Addresses,
    /// `trustedProxies`, `forwardedHeaders`, `enableForwardedWhitelist`.
    pub trust: Trust,
    /// Every name this server goes by.
    pub hosts: Hosts,
    /// `hostWhitelist.enabled` and `.scan`.
    pub host_check: HostCheck,
    /// `basicAuthMode` with its users.
    pub sign_in: Option<SignIn>,
    /// `innkeeper.satisfy`.
    pub satisfy: Satisfy,
    /// `innkeeper.requireHttps`.
    pub require_https: bool,
    /// `innkeeper.publicPaths`: need no password, only a byte-identical path with GET or HEAD.
    pub public_paths: Vec<String>,
}

/// Which addresses may come in.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is asked on every request")]
pub enum Addresses {
    /// The whitelist is off.
    Any,
    /// Only those.
    Listed(Whitelist),
}

/// What is done about a host name that nobody gave us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostCheck {
    /// Nothing.
    Off,
    /// The owner is told.
    Warn,
    /// It is refused.
    Enforce,
}

/// How the address and the password go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Satisfy {
    /// Both are needed.
    All,
    /// A listed address needs no password; everybody else does.
    Any,
}

/// The verdict on one request.
#[derive(Debug)]
pub enum Decision<'p> {
    /// It may pass, and why.
    Permit(Permit<'p>),
    /// It depends on a proof that costs time; ask again with what [`SignIn::settle`] says of it.
    Prove(Claim),
    /// It may not, and why.
    Deny(Denial),
}

/// A permission, with its reasons.
#[derive(Debug)]
pub struct Permit<'p> {
    /// Who asks.
    pub client: Client,
    /// What the address counts for.
    pub standing: Standing<'p>,
    /// Who signed in.
    pub user: Option<Arc<str>>,
    /// By what.
    pub entrance: Entrance,
    /// The host asked for is one of ours.
    pub host: HostVerdict,
}

/// By what somebody came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// Nobody asked who they are: the address is enough.
    Unasked,
    /// Nobody asked who they are: the path is public.
    Public,
    /// Their name and password came with the request.
    Password,
    /// They signed in before.
    Session(Session),
}

/// What is known of a visitor before anybody asks who they are.
#[derive(Debug)]
pub struct Approach<'p> {
    /// Who asks.
    pub client: Client,
    /// What the address counts for.
    pub standing: Standing<'p>,
    /// The host asked for is one of ours.
    pub host: HostVerdict,
}

/// What a client's address counts for.
#[derive(Clone, Debug)]
pub enum Standing<'p> {
    /// There is no list.
    Open,
    /// This rule covers it.
    Listed(Rule<'p>),
    /// No rule covers it; this is the address that one would have to be added for.
    Unlisted(IpAddr),
    /// Whether one covers it nobody can tell: what should name the client cannot be read.
    Unmeetable,
}

/// A refusal, with its reason.
#[derive(Debug)]
pub enum Denial {
    /// The `Host` cannot be one: 400.
    Malformed(host::Malformed),
    /// A forwarded field that is read holds no address: 403.
    Garbled(Client),
    /// The address is not listed: 403.
    Address {
        /// Who asks.
        client: Client,
        /// The address that would have to be listed.
        unlisted: IpAddr,
    },
    /// The host is not one of ours: 403.
    Host(Client),
    /// Plain http where https is required: 403.
    Insecure(Client),
    /// Another website made a browser send it, with a session or password that the browser adds by itself: 403.
    CrossSite(Client),
    /// Too many wrong passwords: 429.
    Throttled {
        /// Who asks.
        client: Client,
        /// Until the next attempt is looked at.
        retry_after: Duration,
    },
    /// A password is needed: 401.
    SignIn {
        /// Who asks.
        client: Client,
        /// What was wrong with what they sent.
        lack: Lack,
    },
}

impl Policy {
    /// Judges one request. `settled`: what came of the proof that an earlier call asked for. `now`: time on a clock
    /// that never goes back.
    ///
    /// The order is fixed, cheap and silent first. A refused address never learns whether a host name is known or a
    /// password right (SillyTavern asks for the password first and so tells strangers that they guessed it). A session
    /// comes before the throttle, so that nobody's guessing locks out whoever is signed in.
    pub fn decide(&self, visit: &Visit<'_>, settled: Option<Settled>, now: Duration) -> Decision<'_> {
        let approach = match self.approach(visit) {
            Ok(approach) => approach,
            Err(denial) => return Decision::Deny(denial),
        };
        let Some(sign_in) = &self.sign_in else {
            return Decision::Permit(approach.permit(None, Entrance::Unasked));
        };
        if let Need::Nothing(entrance) = self.need(&approach, visit) {
            // Whoever is signed in is somebody here too, unless another website is using their cookie.
            return Decision::Permit(match sign_in.session(visit).filter(|_| !visit.is_foreign_deed()) {
                Some(session) => approach.signed_in(session),
                None => approach.permit(None, entrance),
            });
        }
        // Before anything is held against them, so that no website learns whether they are right.
        if (visit.ambient.session.is_some() || visit.authorization.is_some()) && visit.is_foreign_deed() {
            return Decision::Deny(Denial::CrossSite(approach.client));
        }
        if let Some(session) = sign_in.session(visit) {
            return Decision::Permit(approach.signed_in(session));
        }
        let client = approach.client.address();
        match sign_in.judge(visit.authorization, client, settled, now) {
            Judgement::Right(user) => Decision::Permit(approach.permit(Some(user), Entrance::Password)),
            Judgement::Unproven(claim) => Decision::Prove(claim),
            Judgement::Lacking(lack) => Decision::Deny(Denial::SignIn { client: approach.client, lack }),
            Judgement::Wait(retry_after) => {
                Decision::Deny(Denial::Throttled { client: approach.client, retry_after })
            }
        }
    }

    /// The part of the decision that comes before any password: what a visitor of the sign-in form has to pass too.
    ///
    /// # Errors
    /// The refusal.
    pub fn approach(&self, visit: &Visit<'_>) -> Result<Approach<'_>, Denial> {
        let approach = self.arrival(visit)?;
        if approach.host == HostVerdict::Unknown && self.host_check == HostCheck::Enforce {
            return Err(Denial::Host(approach.client));
        }
        if self.require_https && !visit.secure {
            return Err(Denial::Insecure(approach.client));
        }
        Ok(approach)
    }

    /// The part of [`Policy::approach`] that is about the address alone: what whoever is only to be sent elsewhere has
    /// to pass.
    ///
    /// # Errors
    /// The refusal.
    pub fn arrival(&self, visit: &Visit<'_>) -> Result<Approach<'_>, Denial> {
        let host = visit.host.map(Host::parse).transpose().map_err(Denial::Malformed)?;
        let client = self.trust.identify(visit.peer, &visit.forwarded);
        let standing = self.standing(&client);
        match standing {
            Standing::Open | Standing::Listed(_) => {}
            Standing::Unlisted(_) | Standing::Unmeetable if self.password_replaces_address() => {}
            Standing::Unlisted(unlisted) => return Err(Denial::Address { client, unlisted }),
            Standing::Unmeetable => return Err(Denial::Garbled(client)),
        }
        // A request without Host can only come from HTTP/1.0, which no browser that could be misled speaks.
        let host = host.map_or(HostVerdict::Known(host::Known::Address), |host| self.hosts.judge(&host));
        Ok(Approach { client, standing, host })
    }

    /// Whether somebody who was let in under the policy `before`, as `user` if they signed in, would be let in now:
    /// asked for those whose request goes on while the rules change. Their login counts for as long as it is the same,
    /// also where nobody has to sign in: the app goes on serving them under their name.
    #[must_use]
    pub fn upholds(&self, visit: &Visit<'_>, user: Option<&str>, before: &Self) -> bool {
        let Ok(approach) = self.approach(visit) else { return false };
        let Some(user) = user else {
            return self.sign_in.is_none() || matches!(self.need(&approach, visit), Need::Nothing(_));
        };
        let version = |policy: &Self| policy.sign_in.as_ref()?.login.version(user);
        self.sign_in.is_none() || version(self).is_some_and(|now| version(before) == Some(now))
    }

    /// What the owner may not have meant by the lists, as wholes: one line each. A single entry has
    /// [cautions](address::IpPattern::cautions) of its own.
    pub fn cautions(&self) -> impl Iterator<Item = String> {
        let list = match &self.addresses {
            Addresses::Any => None,
            Addresses::Listed(list) => Some(list),
        };
        list.into_iter().chain([&self.trust.proxies]).flat_map(Whitelist::cautions)
    }

    /// What the address of `client` counts for.
    #[must_use]
    pub fn standing(&self, client: &Client) -> Standing<'_> {
        let Addresses::Listed(list) = &self.addresses else { return Standing::Open };
        let rule = |address| list.find(address).map_or(Standing::Unlisted(address), Standing::Listed);
        match self.trust.condition(client) {
            Condition::Listed(address) => rule(address),
            // What a peer says of others can only make things worse for it.
            Condition::BothListed { peer, claimed } => match rule(peer) {
                Standing::Listed(_) if list.find(claimed).is_none() => Standing::Unlisted(claimed),
                standing => standing,
            },
            Condition::Unmeetable => Standing::Unmeetable,
        }
    }

    fn password_replaces_address(&self) -> bool {
        self.satisfy == Satisfy::Any && self.sign_in.is_some()
    }

    fn need(&self, approach: &Approach<'_>, visit: &Visit<'_>) -> Need {
        let is_listed = matches!(approach.standing, Standing::Listed(_));
        if self.satisfy == Satisfy::Any
            && is_listed
            && self.trust.is_verified(&approach.client, &visit.forwarded)
        {
            return Need::Nothing(Entrance::Unasked);
        }
        // Compared as it was written: an encoded or dotted spelling is another path, and needs a password.
        let reads = matches!(visit.method, "GET" | "HEAD") && !visit.ambient.websocket;
        if reads && self.public_paths.iter().any(|path| path == visit.path) {
            return Need::Nothing(Entrance::Public);
        }
        Need::Password
    }
}

/// What a visitor needs besides a listed address and a known host.
enum Need {
    Password,
    Nothing(Entrance),
}

impl<'p> Approach<'p> {
    fn permit(self, user: Option<Arc<str>>, entrance: Entrance) -> Permit<'p> {
        let Self { client, standing, host } = self;
        Permit { client, standing, user, entrance, host }
    }

    fn signed_in(self, session: Session) -> Permit<'p> {
        self.permit(Some(Arc::clone(&session.user)), Entrance::Session(session))
    }
}

#[cfg(test)]
mod tests {
    use super::account::{Login, NameDigest, Proofs, Shared};
    use super::session::Sessions;
    use super::throttle::{Admission, Attempt, Throttle};
    use super::*;
    use std::sync::{Mutex, RwLock};

    const NOW: u64 = 1_800_000_000;
    const HOME: [u8; 4] = [192, 168, 0, 7];
    const AWAY: [u8; 4] = [203, 0, 113, 9];

    /// A policy that asks everybody for ann's password, and lists those at home.
    fn policy(password: &str) -> Policy {
        let mut list = whitelist::WhitelistBuilder::new();
        let place = whitelist::Place { file: "config.yaml".into(), line: 1 };
        list.pattern(&"192.168.0.0/24".parse().unwrap(), "192.168.0.0/24", place);
        Policy {
            addresses: Addresses::Listed(list.build()),
            trust: Trust::default(),
            hosts: Hosts::default(),
            host_check: HostCheck::Off,
            sign_in: Some(SignIn {
                login: Login::Shared(Shared::new("ann", password.parse().unwrap()).unwrap()),
                proofs: RwLock::new(Proofs::new(&[7; 32], Proofs::LIFETIME)),
                throttle: Arc::new(Mutex::new(Throttle::new(1))),
                sessions: Some(Sessions::new(&[7; 32], Duration::from_hours(1), Arc::default())),
                keepsakes: None,
            }),
            satisfy: Satisfy::Any,
            require_https: false,
            public_paths: vec!["/public".to_owned()],
        }
    }

    fn visit<'a>(peer: [u8; 4], method: &'a str, path: &'a str, session: Option<&'a str>) -> Visit<'a> {
        let session = session.map(str::as_bytes);
        Visit {
            peer: peer.into(),
            secure: false,
            method,
            path,
            host: Some(b"app.test"),
            authorization: None,
            forwarded: ForwardedHeaders::default(),
            ambient: Ambient { session, unix_time: NOW, ..Ambient::default() },
        }
    }

    fn cookie(policy: &Policy) -> String {
        let sign_in = policy.sign_in.as_ref().unwrap();
        sign_in.sessions.as_ref().unwrap().begin("ann", &sign_in.login, [9; 16], NOW).unwrap()
    }

    /// Who was let in and by what, or a word for the refusal.
    fn verdict(policy: &Policy, visit: &Visit<'_>) -> String {
        match policy.decide(visit, None, Duration::ZERO) {
            Decision::Permit(Permit { user, entrance, .. }) => {
                let entrance = match entrance {
                    Entrance::Unasked => "unasked",
                    Entrance::Public => "public",
                    Entrance::Password => "password",
                    Entrance::Session(_) => "session",
                };
                format!("{entrance} {}", user.as_deref().unwrap_or("-"))
            }
            Decision::Prove(_) => "prove".to_owned(),
            Decision::Deny(denial) => {
                let denial = format!("{denial:?}");
                denial.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
            }
        }
    }

    #[test]
    fn a_session_comes_before_the_throttle_and_behind_the_address() {
        let policy = policy("hunter2");
        let cookie = cookie(&policy);
        let session = Some(cookie.as_str());
        let sign_in = policy.sign_in.as_ref().unwrap();
        let attempt = Attempt::new(AWAY.into(), NameDigest::of("ann"));
        for _ in 0..2 {
            let _ = sign_in.throttle.lock().unwrap().failure(attempt, Duration::ZERO);
        }
        assert_ne!(sign_in.admission(attempt, Duration::ZERO), Admission::Free);
        let right = Visit { authorization: Some(b"Basic YW5uOmh1bnRlcjI="), ..visit(AWAY, "GET", "/", None) };
        assert_eq!(verdict(&policy, &right), "Throttled");
        assert_eq!(verdict(&policy, &visit(AWAY, "GET", "/", session)), "session ann");
        let all = Policy { satisfy: Satisfy::All, ..self::policy("hunter2") };
        assert_eq!(verdict(&all, &visit(AWAY, "GET", "/", session)), "Address");
        assert_eq!(verdict(&all, &visit(HOME, "GET", "/", session)), "session ann");
        assert_eq!(verdict(&all, &visit(HOME, "GET", "/", None)), "SignIn");
    }

    #[test]
    fn who_needs_no_password_is_somebody_all_the_same() {
        let policy = policy("hunter2");
        let cookie = cookie(&policy);
        let session = Some(cookie.as_str());
        for (peer, method, path, session, expected) in [
            (HOME, "POST", "/", None, "unasked -"),
            (HOME, "POST", "/", session, "session ann"),
            (AWAY, "GET", "/public", None, "public -"),
            (AWAY, "HEAD", "/public", session, "session ann"),
            (AWAY, "POST", "/public", None, "SignIn"),
            (AWAY, "get", "/public", None, "SignIn"),
            (AWAY, "GET", "/public", Some("1.x.y"), "public -"),
            (AWAY, "GET", "/", Some("1.x.y"), "SignIn"),
        ] {
            assert_eq!(verdict(&policy, &visit(peer, method, path, session)), expected, "{method} {path}");
        }
        let socket = visit(AWAY, "GET", "/public", None);
        let socket = Visit { ambient: Ambient { websocket: true, ..socket.ambient }, ..socket };
        assert_eq!(verdict(&policy, &socket), "SignIn");
        let foreign = visit(HOME, "POST", "/", session);
        let foreign = Visit { ambient: Ambient { origin: Some(b"null"), ..foreign.ambient }, ..foreign };
        assert_eq!(verdict(&policy, &foreign), "unasked -");
        assert_eq!(verdict(&policy, &Visit { peer: AWAY.into(), ..foreign }), "CrossSite");
    }

    #[test]
    fn a_stay_is_upheld_for_as_long_as_its_reasons_hold() {
        let before = policy("hunter2");
        let open = Policy { sign_in: None, addresses: Addresses::Any, ..policy("hunter2") };
        let strict = Policy { satisfy: Satisfy::All, ..policy("hunter2") };
        let moved = Policy { satisfy: Satisfy::All, ..policy("other") };
        for (peer, path, user, [same, opened, stricter, changed]) in [
            (HOME, "/", None, [true, true, false, false]),
            (HOME, "/", Some("ann"), [true, true, true, false]),
            (HOME, "/public", None, [true, true, true, true]),
            (HOME, "/public", Some("ann"), [true, true, true, false]),
            (AWAY, "/", Some("ann"), [true, true, false, false]),
            (AWAY, "/", Some("bob"), [false, true, false, false]),
            (AWAY, "/", None, [false, true, false, false]),
        ] {
            let visit = visit(peer, "GET", path, None);
            for (policy, expected) in
                [(&policy("hunter2"), same), (&open, opened), (&strict, stricter), (&moved, changed)]
            {
                assert_eq!(policy.upholds(&visit, user, &before), expected, "{peer:?} {path} {user:?}");
            }
        }
        // At home nobody has to sign in, but who did is served as ann.
        let other = policy("other");
        assert!(other.upholds(&visit(HOME, "GET", "/", None), None, &before));
        assert!(!other.upholds(&visit(HOME, "GET", "/", None), Some("ann"), &before));
        // What nobody had to sign in for has no login that could have stayed the same.
        assert!(!policy("hunter2").upholds(&visit(AWAY, "GET", "/", None), Some("ann"), &open));
    }
}
