//! Signing in: the users, what is remembered of their attempts, and what a name and a password are worth.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::Visit;
use super::account::{Authorization, Claim, Credentials, Login, NameDigest, Proof, Proofs, Recollection};
use super::session::{Keepsakes, Session, Sessions};
use super::throttle::{Admission, Attempt, Familiarity, Throttle};

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
    /// The cookie after a sign-in; `None`: the password is wanted with every request.
    pub sessions: Option<Sessions>,
    /// What was typed into the form, where the app wants it too. Outlives the snapshot.
    pub keepsakes: Option<Arc<Keepsakes>>,
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

/// What a name and a password are worth.
#[derive(Debug)]
pub enum Judgement {
    /// They are right; the name of the login.
    Right(Arc<str>),
    /// It takes a proof that costs time.
    Unproven(Claim),
    /// They do not do.
    Lacking(Lack),
    /// They are not looked at for so long.
    Wait(Duration),
}

impl SignIn {
    /// The session that the visit belongs to, if it is good.
    #[must_use]
    pub fn session(&self, visit: &Visit<'_>) -> Option<Session> {
        self.sessions.as_ref()?.read(visit.ambient.session?, &self.login, visit.ambient.unix_time)
    }

    /// Judges an `Authorization` field. The throttle comes before anything that depends on the password.
    pub(super) fn judge(
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
        match Authorization::read(value) {
            Authorization::Absent | Authorization::OtherScheme => Judgement::Lacking(Lack::Missing),
            Authorization::Malformed(_) => Judgement::Lacking(Lack::Unreadable),
            Authorization::Basic(credentials) => self.try_now(&credentials, address, now),
        }
    }

    /// Judges what somebody at `address` has typed.
    pub fn try_password(&self, credentials: &Credentials, address: IpAddr, now: Duration) -> Judgement {
        if credentials.are_readable() {
            self.try_now(credentials, address, now)
        } else {
            Judgement::Lacking(Lack::Unreadable)
        }
    }

    fn try_now(&self, credentials: &Credentials, address: IpAddr, now: Duration) -> Judgement {
        let claim = self.login.claim(credentials);
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

    /// Takes note of what came of a costly proof for what was sent: in an `authorization` field, which is
    /// remembered, or in the form, which nobody sends twice.
    pub fn settle(
        &self,
        authorization: Option<&[u8]>,
        attempt: Attempt,
        proof: &Proof,
        now: Duration,
    ) -> Settled {
        match proof {
            Proof::Accepted { user } => {
                self.throttle().success(attempt, now);
                if let Some(value) = authorization {
                    let mut proofs = self.proofs.write().unwrap_or_else(PoisonError::into_inner);
                    proofs.remember(value, user, now);
                }
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

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
