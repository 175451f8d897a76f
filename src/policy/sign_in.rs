//! Signing in: the users, what is remembered of their attempts, and what a name and a password are worth.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::Visit;
use super::account::{Authorization, Claim, Credentials, Login, Proof, Proofs, Recollection};
use super::session::{Keepsakes, Session, Sessions};
use super::throttle::{Admission, Throttle};

/// The users and what is remembered of their attempts.
#[derive(Debug)]
pub struct SignIn {
    /// Who can sign in.
    pub login: Login,
    /// What was proven a short while ago. Part of the snapshot, so that a new password forgets it.
    pub proofs: RwLock<Proofs>,
    /// Failures by address. Outlives the snapshot, so that a change of settings forgives nobody.
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
        let admission = self.throttle().check(address, now);
        if admission == Admission::Free
            && let Recollection::Proven { user } =
                self.proofs.read().unwrap_or_else(PoisonError::into_inner).recall(value, now)
        {
            self.throttle().success(address, now);
            return Judgement::Right(Arc::clone(user));
        }
        let credentials = match Authorization::read(value) {
            Authorization::Absent | Authorization::OtherScheme => return Judgement::Lacking(Lack::Missing),
            Authorization::Malformed(_) => return Judgement::Lacking(Lack::Unreadable),
            Authorization::Basic(credentials) => credentials,
        };
        match admission {
            Admission::Free => self.try_now(&credentials, address, now),
            Admission::Wait { retry_after } => Judgement::Wait(retry_after),
        }
    }

    /// Judges what somebody at `address` has typed.
    pub fn try_password(&self, credentials: &Credentials, address: IpAddr, now: Duration) -> Judgement {
        match self.admission(address, now) {
            Admission::Free if !credentials.are_readable() => Judgement::Lacking(Lack::Unreadable),
            Admission::Free => self.try_now(credentials, address, now),
            Admission::Wait { retry_after } => Judgement::Wait(retry_after),
        }
    }

    fn try_now(&self, credentials: &Credentials, address: IpAddr, now: Duration) -> Judgement {
        let claim = self.login.claim(credentials);
        if claim.is_costly() {
            return Judgement::Unproven(claim);
        }
        match claim.prove() {
            Proof::Accepted { user } => {
                self.throttle().success(address, now);
                Judgement::Right(user)
            }
            Proof::Rejected => match self.throttle().failure(address, now) {
                Admission::Free => Judgement::Lacking(Lack::Wrong),
                Admission::Wait { retry_after } => Judgement::Wait(retry_after),
            },
        }
    }

    /// Takes note of what came of a costly proof for what `address` sent: in an `authorization` field, which is
    /// remembered, or in the form, which nobody sends twice.
    pub fn settle(
        &self,
        authorization: Option<&[u8]>,
        address: IpAddr,
        proof: &Proof,
        now: Duration,
    ) -> Settled {
        match proof {
            Proof::Accepted { user } => {
                self.throttle().success(address, now);
                if let Some(value) = authorization {
                    let mut proofs = self.proofs.write().unwrap_or_else(PoisonError::into_inner);
                    proofs.remember(value, user, now);
                }
                Settled::Right
            }
            Proof::Rejected => Settled::Wrong(self.throttle().failure(address, now)),
        }
    }

    /// May `address` try a password now? Asked again when the turn of a queued proof comes.
    #[must_use]
    pub fn admission(&self, address: IpAddr, now: Duration) -> Admission {
        self.throttle().check(address, now)
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
