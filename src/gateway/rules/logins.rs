//! Who may sign in, and what their sessions are signed with.

use std::sync::{Arc, RwLock};

use super::{Making, Rules};
use crate::error::Error;
use crate::gateway::session_key;
use crate::policy::SignIn;
use crate::policy::account::{Login, PasswordHash, Proofs, Shared};
use crate::policy::session::{Key, Sessions};

/// What sessions are signed with.
#[derive(Clone, Copy)]
pub(super) enum SessionKey {
    /// One that nobody keeps: the file was not looked for.
    Passing(Key),
    /// That of the file, or of this run where there can be none.
    Settled(Key),
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

impl Making {
    /// As in SillyTavern, a password is asked for only when other devices can connect.
    pub(super) fn sign_in(&self) -> Result<Option<SignIn>, Error> {
        let settings = &self.settings;
        if !(settings.basic_auth_mode && settings.listen) {
            return Ok(None);
        }
        let login = if settings.per_user_basic_auth {
            Login::Accounts(self.accounts.clone())
        } else {
            let user = &settings.basic_auth_user;
            let hash: PasswordHash = user.password.reveal().parse()?;
            Login::Shared(Shared::new(&user.username, hash)?)
        };
        Ok(Some(SignIn {
            sessions: self.sessions(),
            keepsakes: settings.pass_authorization.then(|| Arc::clone(&self.keepsakes)),
            login,
            proofs: RwLock::new(Proofs::new(&self.proof_key, Proofs::LIFETIME)),
            throttle: Arc::clone(&self.throttle),
        }))
    }

    pub(super) fn sessions(&self) -> Option<Sessions> {
        let (SessionKey::Passing(key) | SessionKey::Settled(key)) = &self.session_key;
        let session = self.settings.session;
        session.enabled.then(|| Sessions::new(key, session.lifetime, Arc::clone(&self.ended)))
    }

    /// Reads the key of the sessions from its file beside the settings, or makes it, once `rules` have sessions for it
    /// to sign: they then survive a restart. What comes back is what the owner should know. Not before the start gate:
    /// a server that does not start leaves nothing behind.
    pub fn keep_sessions(&mut self, rules: &mut Rules) -> Option<String> {
        let settings = &self.settings;
        let SessionKey::Passing(passing) = self.session_key else { return None };
        let sign_in = rules.policy.sign_in.as_mut().filter(|sign_in| sign_in.sessions.is_some())?;
        let (key, note) = match session_key::read_or_make(&settings.folder) {
            Ok(key) => (key, None),
            Err(error) => (passing, Some(session_key::note(&error))),
        };
        self.session_key = SessionKey::Settled(key);
        sign_in.sessions = self.sessions();
        note
    }
}
