//! Who may come in: the whole decision about one request, in one screen.
//!
//! Pure: a policy is an immutable snapshot that knows no clock, file or socket. `serve` asks it on every request
//! and `whitelist test` asks the same code, so what the one explains the other does.

pub mod account;
pub mod address;
pub mod client;
pub mod host;
pub mod throttle;
pub mod whitelist;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use account::{Authorization, Claim, Login, NameDigest, Proof, Proofs, Recollection};
use client::{Client, Condition, ForwardedHeaders, Trust};
use host::{Host, HostVerdict, Hosts};
use throttle::{Admission, Attempt, Familiarity, Throttle};
use whitelist::{Rule, Whitelist};

/// What one request shows of itself in its head, before a byte of its body is read.
#[derive(Debug)]
pub struct Visit<'a> {
    /// The address at the other end of the connection, IPv4-mapped forms already IPv4.
    pub peer: IpAddr,
    /// It came over TLS.
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

/// The users and what is remembered of their attempts.
#[derive(Debug)]
pub struct SignIn {
    /// Who can sign in.
    pub login: Login,
    /// What was proven a short while ago. Part of the snapshot, so that a new password forgets it.
    pub proofs: RwLock<Proofs>,
    /// Failures, and from where nobody has to fear those of others. Outlives the snapshot, so that a change of
    /// settings forgives nobody.
    pub throttle: Arc<Mutex<Throttle>>,
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

/// Why the credentials of a request do not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There are none, or of another scheme.
    Missing,
    /// They cannot be read.
    Unreadable,
    /// They are wrong.
    Wrong,
}

/// What came of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is right, and remembered.
    Right,
    /// It is wrong; `Wait` when that was one too many.
    Wrong(Admission),
}

impl Policy {
    /// Judges one request. `settled`: what came of the proof that an earlier call asked for. `now`: time on a clock
    /// that never goes back.
    ///
    /// The order is fixed, cheap and silent first. A refused address never learns whether a host name is known or a
    /// password right (SillyTavern asks for the password first and so tells strangers that they guessed it).
    pub fn decide(&self, visit: &Visit<'_>, settled: Option<Settled>, now: Duration) -> Decision<'_> {
        let host = match visit.host.map(Host::parse).transpose() {
            Ok(host) => host,
            Err(malformed) => return Decision::Deny(Denial::Malformed(malformed)),
        };
        let client = self.trust.identify(visit.peer, &visit.forwarded);
        let standing = self.standing(&client);
        match standing {
            Standing::Open | Standing::Listed(_) => {}
            Standing::Unlisted(_) | Standing::Unmeetable if self.password_replaces_address() => {}
            Standing::Unlisted(unlisted) => return Decision::Deny(Denial::Address { client, unlisted }),
            Standing::Unmeetable => return Decision::Deny(Denial::Garbled(client)),
        }
        // A request without Host can only come from HTTP/1.0, which no browser that could be misled speaks.
        let host = host.map_or(HostVerdict::Known(host::Known::Address), |host| self.hosts.judge(&host));
        if host == HostVerdict::Unknown && self.host_check == HostCheck::Enforce {
            return Decision::Deny(Denial::Host(client));
        }
        if self.require_https && !visit.secure {
            return Decision::Deny(Denial::Insecure(client));
        }
        let Some(sign_in) = self.sign_in.as_ref().filter(|_| self.needs_password(&standing, visit)) else {
            return Decision::Permit(Permit { client, standing, user: None, host });
        };
        match sign_in.judge(visit.authorization, client.address(), settled, now) {
            Judgement::Right(user) => Decision::Permit(Permit { client, standing, user: Some(user), host }),
            Judgement::Unproven(claim) => Decision::Prove(claim),
            Judgement::Lacking(lack) => Decision::Deny(Denial::SignIn { client, lack }),
            Judgement::Wait(retry_after) => Decision::Deny(Denial::Throttled { client, retry_after }),
        }
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

    fn needs_password(&self, standing: &Standing<'_>, visit: &Visit<'_>) -> bool {
        let excused = self.satisfy == Satisfy::Any && matches!(standing, Standing::Listed(_));
        // Compared as it was written: an encoded or dotted spelling is another path, and needs a password.
        let public =
            matches!(visit.method, "GET" | "HEAD") && self.public_paths.iter().any(|path| path == visit.path);
        !excused && !public
    }
}

/// What the credentials of a request are worth.
enum Judgement {
    Right(Arc<str>),
    Unproven(Claim),
    Lacking(Lack),
    Wait(Duration),
}

impl SignIn {
    /// Judges an `Authorization` field. The throttle comes before anything that depends on the password.
    fn judge(
        &self,
        authorization: Option<&[u8]>,
        address: IpAddr,
        settled: Option<Settled>,
        now: Duration,
    ) -> Judgement {
        match settled {
            Some(Settled::Wrong(Admission::Wait { retry_after })) => return Judgement::Wait(retry_after),
            Some(Settled::Wrong(Admission::Free)) => return Judgement::Lacking(Lack::Wrong),
            Some(Settled::Right) | None => {}
        }
        let Some(value) = authorization else { return Judgement::Lacking(Lack::Missing) };
        if let Some(user) = self.recall(value, now) {
            let attempt = Attempt::new(address, NameDigest::of(&user));
            let mut throttle = self.throttle();
            // Whoever has to wait goes on as if nothing was remembered, or they could try passwords on the memory.
            if throttle.check(attempt, now) == Admission::Free {
                throttle.success(attempt, now);
                return Judgement::Right(user);
            }
        }
        let credentials = match Authorization::read(value) {
            Authorization::Absent | Authorization::OtherScheme => return Judgement::Lacking(Lack::Missing),
            Authorization::Malformed(_) => return Judgement::Lacking(Lack::Unreadable),
            Authorization::Basic(credentials) => credentials,
        };
        let claim = self.login.claim(&credentials);
        let attempt = Attempt::new(address, claim.name());
        if let Admission::Wait { retry_after } = self.admission(attempt, now) {
            return Judgement::Wait(retry_after);
        }
        if claim.is_costly() {
            return Judgement::Unproven(claim);
        }
        match claim.prove() {
            Proof::Accepted { user } => {
                self.throttle().success(attempt, now);
                Judgement::Right(user)
            }
            Proof::Rejected => match self.throttle().failure(attempt, now) {
                Admission::Free => Judgement::Lacking(Lack::Wrong),
                Admission::Wait { retry_after } => Judgement::Wait(retry_after),
            },
        }
    }

    /// Takes note of what came of a costly proof for the `authorization` field that was sent.
    pub fn settle(&self, authorization: &[u8], attempt: Attempt, proof: &Proof, now: Duration) -> Settled {
        match proof {
            Proof::Accepted { user } => {
                self.throttle().success(attempt, now);
                self.proofs.write().unwrap_or_else(PoisonError::into_inner).remember(
                    authorization,
                    user,
                    now,
                );
                Settled::Right
            }
            Proof::Rejected => Settled::Wrong(self.throttle().failure(attempt, now)),
        }
    }

    /// May they try a password now? Asked again when the turn of a queued proof comes.
    #[must_use]
    pub fn admission(&self, attempt: Attempt, now: Duration) -> Admission {
        self.throttle().check(attempt, now)
    }

    /// Whether they have signed in like this before, and so go before strangers.
    #[must_use]
    pub fn familiarity(&self, attempt: Attempt) -> Familiarity {
        self.throttle().familiarity(attempt)
    }

    fn recall(&self, authorization: &[u8], now: Duration) -> Option<Arc<str>> {
        match self.proofs.read().unwrap_or_else(PoisonError::into_inner).recall(authorization, now) {
            Recollection::Proven { user } => Some(Arc::clone(user)),
            Recollection::Unknown => None,
        }
    }

    fn throttle(&self) -> std::sync::MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
