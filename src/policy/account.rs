//! Whom they say they are: the `Authorization` header, the logins it is held against, and the proof.
//!
//! Reading and claiming are cheap and happen on the worker; a proof may cost a key derivation of tens of
//! milliseconds and is asked for apart, so that the caller can take it elsewhere. Whoever claims to be
//! somebody that does not exist pays for a derivation too, or its absence would tell.

mod authorization;
mod choice;
mod name;
mod password;
mod proofs;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::Error;

pub use authorization::{Authorization, Credentials, Fault, Secret};
pub use choice::{Handle, NewPassword, UserName};
pub use name::NameDigest;
pub use password::{PasswordHash, Sealed};
pub use proofs::{Proofs, Recollection};

/// Who can sign in.
#[derive(Clone, Debug)]
pub enum Login {
    /// One name and password for everybody (`basicAuthUser`).
    Shared(Shared),
    /// SillyTavern's accounts (`perUserBasicAuth` with `enableUserAccounts`).
    Accounts(Accounts),
}

impl Login {
    /// What has to be proven before `credentials` are believed.
    ///
    /// A name that nobody has gets a claim that costs as much as a real one and that nothing proves.
    pub fn claim(&self, credentials: &Credentials) -> Claim {
        let (hash, subject) = match self {
            Self::Shared(shared) => shared.find(&credentials.user),
            Self::Accounts(accounts) => accounts.find(&credentials.user),
        };
        let name = NameDigest::of(&credentials.user);
        Claim { name, hash, password: credentials.password.clone(), subject }
    }

    /// The login of `user` as it is now, and its name. `None`: nobody of that name may sign in.
    #[must_use]
    pub fn version(&self, user: &str) -> Option<(Arc<str>, Version)> {
        let (hash, subject) = match self {
            Self::Shared(shared) => shared.find(user),
            Self::Accounts(accounts) => accounts.find(user),
        };
        // Whoever it is: the work must not depend on the name.
        let version = Version(hash.digest());
        match subject {
            Subject::Somebody(user) => Some((user, version)),
            Subject::Nobody => None,
        }
    }
}

/// What tells a login before a change of its password from the one after. Part of what a session is signed over, and
/// never sent: it would let anybody who has a cookie try passwords.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Version([u8; 32]);

impl Version {
    /// That of a login which does not exist. No session is ever issued for it.
    pub const NOBODY: Self = Self([0; 32]);
}

impl AsRef<[u8]> for Version {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Version(…)")
    }
}

/// The one login of `basicAuthUser`.
#[derive(Clone, Debug)]
pub struct Shared {
    user: Arc<str>,
    hash: Arc<PasswordHash>,
}

impl Shared {
    /// The login of `user`.
    ///
    /// # Errors
    /// A colon in the name: in Basic credentials it ends the name (RFC 7617), so nobody could sign in.
    pub fn new(user: &str, hash: PasswordHash) -> Result<Self, Error> {
        if user.contains(':') {
            return Err(choice::colon(user));
        }
        Ok(Self { user: user.into(), hash: Arc::new(hash) })
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What the password has to match, such as for the start gate to try the default on.
    #[must_use]
    pub fn hash(&self) -> &PasswordHash {
        &self.hash
    }

    fn find(&self, user: &str) -> (Arc<PasswordHash>, Subject) {
        // Digests of one size: the time of the comparison tells nothing of the name, its length neither.
        let same: bool = Sha256::digest(user).ct_eq(&Sha256::digest(self.user.as_bytes())).into();
        let subject = if same { Subject::Somebody(Arc::clone(&self.user)) } else { Subject::Nobody };
        (Arc::clone(&self.hash), subject)
    }
}

/// An account of SillyTavern's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the user types as a name; compared exactly.
    pub handle: Arc<str>,
    /// What the app shows.
    pub name: String,
    /// May they administer the app?
    pub admin: bool,
    /// May they sign in at all?
    pub enabled: bool,
    /// `None` for an account without a password, which the app lets in unasked and Basic credentials never
    /// do.
    pub hash: Option<Arc<PasswordHash>>,
}

impl Account {
    /// Whether a name and password can be right: it is enabled and has a password.
    #[must_use]
    pub const fn can_sign_in(&self) -> bool {
        self.enabled && self.hash.is_some()
    }
}

/// All accounts, by handle.
#[derive(Clone, Debug)]
pub struct Accounts {
    by_handle: BTreeMap<Arc<str>, Account>,
    /// What a claim of nobody's is held against.
    decoy: Arc<PasswordHash>,
}

impl Accounts {
    /// All of `accounts`; of two with one handle the last.
    #[must_use]
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        let by_handle: BTreeMap<_, _> =
            accounts.into_iter().map(|account| (Arc::clone(&account.handle), account)).collect();
        // Somebody's own hash costs exactly what a hash of this store costs: SillyTavern's records name no
        // parameters, so all have the same. A claim of nobody's fails even if it is matched.
        let hash = by_handle.values().find_map(|account| account.hash.clone());
        Self { by_handle, decoy: hash.unwrap_or_else(|| Arc::new(PasswordHash::decoy())) }
    }

    /// Every account, in the order of the handles.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.by_handle.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_handle.len()
    }

    /// Is there nobody who could sign in?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_handle.is_empty()
    }

    fn find(&self, handle: &str) -> (Arc<PasswordHash>, Subject) {
        match self.by_handle.get(handle) {
            Some(Account { handle, enabled: true, hash: Some(hash), .. }) => {
                (Arc::clone(hash), Subject::Somebody(Arc::clone(handle)))
            }
            _ => (Arc::clone(&self.decoy), Subject::Nobody),
        }
    }
}

/// They are the same when they let in the same people; what a claim of nobody's is held against is chance.
impl PartialEq for Accounts {
    fn eq(&self, other: &Self) -> bool {
        self.by_handle == other.by_handle
    }
}

/// Somebody's word that still has to be proven.
#[derive(Debug)]
#[must_use = "nobody is let in on their word"]
pub struct Claim {
    name: NameDigest,
    hash: Arc<PasswordHash>,
    password: Secret,
    subject: Subject,
}

#[derive(Debug)]
enum Subject {
    Somebody(Arc<str>),
    Nobody,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It is they.
    Accepted {
        /// The name of the login, verified.
        user: Arc<str>,
    },
    /// It is not, or there is no such user, or they may not sign in: nobody learns which.
    Rejected,
}

impl Claim {
    /// The name that was claimed, whether somebody has it or not.
    #[must_use]
    pub const fn name(&self) -> NameDigest {
        self.name
    }

    /// The same for two claims of one name with one password, and for no others. It is only good for telling claims
    /// apart that wait together: whoever has it can try passwords on it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.name).chain_update(self.password.expose()).finalize().into()
    }

    /// Does the proof take so long (a key derivation) that it has to be made off the worker's thread?
    #[must_use]
    pub fn is_costly(&self) -> bool {
        self.hash.is_costly()
    }

    /// Holds the password against the hash.
    #[must_use]
    pub fn prove(self) -> Proof {
        // The hash first, whoever it is: the work must not depend on the name.
        let matches = self.hash.verify(self.password.expose());
        match self.subject {
            Subject::Somebody(user) if matches => Proof::Accepted { user },
            Subject::Somebody(_) | Subject::Nobody => Proof::Rejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials { user: user.to_owned(), password: Secret::new(password) }
    }

    fn shared(user: &str, password: &str) -> Login {
        Login::Shared(Shared::new(user, password.parse().unwrap()).unwrap())
    }

    fn account(handle: &str, enabled: bool, password: Option<&str>) -> Account {
        let hash = password.map(|password| Arc::new(password.parse().unwrap()));
        Account { handle: handle.into(), name: String::new(), admin: false, enabled, hash }
    }

    #[test]
    fn secrets_are_not_printed() {
        let login = format!("{:?}", shared("user", "canary"));
        let claim = format!("{:?}", shared("user", "x").claim(&credentials("user", "canary")));
        for printed in [login, claim] {
            assert!(printed.contains('…') && !printed.contains("canary"), "{printed}");
        }
    }

    #[test]
    fn the_shared_login_wants_both_exactly() {
        let login = shared("tavern", "word");
        let accepted = Proof::Accepted { user: "tavern".into() };
        assert_eq!(login.claim(&credentials("tavern", "word")).prove(), accepted);
        for (user, password) in [
            ("tavern", "wor"),
            ("tavern", "Word"),
            ("tavern", ""),
            ("Tavern", "word"),
            ("tavern ", "word"),
            ("", "word"),
            ("", ""),
        ] {
            assert_eq!(
                login.claim(&credentials(user, password)).prove(),
                Proof::Rejected,
                "{user}:{password}"
            );
        }
    }

    #[test]
    fn an_empty_password_never_passes() {
        assert_eq!(shared("", "").claim(&credentials("", "")).prove(), Proof::Rejected);
        assert_eq!(shared("user", "").claim(&credentials("user", "")).prove(), Proof::Rejected);
    }

    #[test]
    fn a_user_name_with_a_colon_is_refused() {
        let error = Shared::new("a:b", "c".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "the user name `a:b` has a colon, so nobody can sign in with it");
        assert_eq!(error.hints(), ["write `a-b`"]);
    }

    #[test]
    fn only_enabled_accounts_with_a_password_pass() {
        let login = Login::Accounts(Accounts::new([
            account("ann", true, Some("word")),
            account("bob", true, None),
            account("eve", false, Some("word")),
        ]));
        for (user, password, passes) in [
            ("ann", "word", true),
            ("ann", "other", false),
            ("Ann", "word", false),
            ("bob", "", false),
            ("bob", "word", false),
            ("eve", "word", false),
            ("nobody", "word", false),
        ] {
            let proof = login.claim(&credentials(user, password)).prove();
            assert_eq!(proof != Proof::Rejected, passes, "{user}:{password}");
        }
    }

    #[test]
    fn a_claim_of_nobodys_costs_what_a_claim_of_somebodys_costs() {
        let plain = shared("user", "word");
        let costly = Login::Accounts(Accounts::new([account("bob", true, None)]));
        for (login, expected) in [(plain, false), (costly, true)] {
            for user in ["user", "bob", "nobody"] {
                assert_eq!(login.claim(&credentials(user, "x")).is_costly(), expected, "{user}");
            }
        }
    }
}
