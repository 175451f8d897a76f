//! The cookie after a sign-in: issued, read, renewed, ended.
//!
//! The cookie is all there is of a session: nothing is kept on the server but what was ended before its time. It
//! holds no secret of the owner's either, only a name, times and a number, under a key that nobody else has. The
//! account's password is part of what is signed and not of what is sent, so a changed password or a disabled account
//! ends its sessions at the next request, and nobody can try passwords on a cookie.

mod cookie;
mod keepsakes;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::account::{Login, Version};

pub use keepsakes::Keepsakes;

pub use cookie::{find, removal, removals_of_sillytavern, set_by, setting, without_ours};

/// The version of the cookie's form, which stands before everything else in it.
const FORM: &str = "1";
/// What is signed begins so, and nothing else that the key may sign one day does.
const PURPOSE: &[u8] = b"innkeeper session 1\0";
/// The longest user name that gets a session, in bytes.
const LONGEST_USER: usize = 256;
/// The bytes before the user's name: when it began, was issued and expires, and its number.
const FIXED: usize = 3 * 8 + 16;
/// No cookie of ours is longer, in bytes.
const LONGEST_COOKIE: usize = 512;
/// The most sessions of which is known that they were ended before their time.
const MOST_ENDED: usize = 4096;

/// What every session is signed with: 32 random bytes, the same after a restart.
pub type Key = [u8; 32];

/// A session's number, random, the same through all renewals.
pub type Id = [u8; 16];

/// Issues and reads cookies. Times are seconds since 1970 by the wall clock, for sessions outlive the server.
#[derive(Clone)]
pub struct Sessions {
    keyed: Hmac<Sha256>,
    lifetime: u64,
    ended: Arc<Ended>,
}

/// A session that is good at the time it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who signed in.
    pub user: Arc<str>,
    /// Its number.
    pub id: Id,
    /// When they signed in.
    pub began: u64,
    /// When the cookie was written.
    pub issued: u64,
    /// Until when the cookie is good.
    pub expires: u64,
}

impl Sessions {
    /// Sessions that end after `lifetime` without a request. There is no end besides: one that is used stays, until
    /// the password changes, the account is disabled, its owner signs out or the key is made anew.
    ///
    /// `ended` outlives the snapshot of rules that these are part of.
    #[must_use]
    pub fn new(key: &Key, lifetime: Duration, ended: Arc<Ended>) -> Self {
        // HMAC fills a short key with zeros to a block of its hash (RFC 2104).
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        Self { keyed: Mac::new(&block.into()), lifetime: lifetime.as_secs().max(1), ended }
    }

    /// How long a cookie is good, in seconds: its `Max-Age`.
    #[must_use]
    pub const fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// The value of a new cookie for `user`, who has just proven to be it. `id` is random. `None`: nobody of that
    /// name can sign in any more, or the name is longer than 256 bytes.
    #[must_use]
    pub fn begin(&self, user: &str, login: &Login, id: Id, now: u64) -> Option<String> {
        let (user, version) = login.version(user).filter(|(user, _)| user.len() <= LONGEST_USER)?;
        let expires = now.saturating_add(self.lifetime);
        let began = self.ended.next_beginning(&user, now);
        Some(self.write(&Session { user, id, began, issued: now, expires }, &version))
    }

    /// The same session for another whole life, once more than a tenth of the present one has passed: a session in
    /// use goes on, and not every answer carries a cookie.
    #[must_use]
    pub fn renewed(&self, session: &Session, login: &Login, now: u64) -> Option<String> {
        if now.saturating_sub(session.issued) <= self.lifetime / 10 {
            return None;
        }
        let (_, version) = login.version(&session.user)?;
        let expires = now.saturating_add(self.lifetime);
        Some(self.write(&Session { issued: now, expires, ..session.clone() }, &version))
    }

    /// Reads the value of a cookie. `None`: it is none of ours, has expired, was ended, or was given to an account
    /// that has another password by now, or none, or is disabled.
    ///
    /// Costs two or three digests of some hundred bytes, whatever is wrong with it: a known name takes no other time
    /// than an unknown one.
    #[must_use]
    pub fn read(&self, cookie: &[u8], login: &Login, now: u64) -> Option<Session> {
        if cookie.len() > LONGEST_COOKIE {
            return None;
        }
        let mut parts = str::from_utf8(cookie).ok()?.split('.');
        let (form, payload, mac) = (parts.next()?, parts.next()?, parts.next()?);
        if form != FORM || parts.next().is_some() {
            return None;
        }
        let (payload, mac) = (BASE64.decode(payload).ok()?, BASE64.decode(mac).ok()?);
        let (fixed, name) = payload.split_at_checked(FIXED)?;
        let known = str::from_utf8(name).ok().and_then(|name| login.version(name));
        let version = known.as_ref().map_or(Version::NOBODY, |(_, version)| *version);
        self.signed(&payload, &version).verify_slice(&mac).ok()?;
        let (user, _) = known?;
        let number = |at: usize| fixed[at..at + 8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let mut id = Id::default();
        id.copy_from_slice(&fixed[24..]);
        let session = Session { user, id, began: number(0), issued: number(8), expires: number(16) };
        (self.is_in_time(&session, now) && !self.ended.has(&session)).then_some(session)
    }

    /// Ends a session before its time, with every cookie of it, until the server is started anew.
    pub fn end(&self, session: &Session, now: u64) {
        self.ended.add(session.id, session.expires.max(now.saturating_add(self.lifetime)), now);
    }

    /// A life that was made shorter in the settings counts at once. The clock may have been wrong: what was issued
    /// in the future is good, but not when it is further away than a life.
    fn is_in_time(&self, session: &Session, now: u64) -> bool {
        let expires = session.expires.min(session.issued.saturating_add(self.lifetime));
        now < expires && session.issued <= now.saturating_add(self.lifetime)
    }

    fn write(&self, session: &Session, version: &Version) -> String {
        let mut payload = Vec::with_capacity(FIXED + session.user.len());
        for time in [session.began, session.issued, session.expires] {
            payload.extend_from_slice(&time.to_be_bytes());
        }
        payload.extend_from_slice(&session.id);
        payload.extend_from_slice(session.user.as_bytes());
        let mac = self.signed(&payload, version).finalize().into_bytes();
        format!("{FORM}.{}.{}", BASE64.encode(payload), BASE64.encode(mac))
    }

    fn signed(&self, payload: &[u8], version: &Version) -> Hmac<Sha256> {
        // The version is of one size and stands first, so no name can be longer at its cost.
        self.keyed.clone().chain_update(PURPOSE).chain_update(version).chain_update(payload)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({} s, {:?})", self.lifetime, self.ended)
    }
}

/// Sessions that were ended before their time, by number; at most 4,096, of which those go first that would have
/// ended first. Only somebody with a session can end one.
#[derive(Default)]
pub struct Ended {
    by_id: RwLock<BTreeMap<Id, u64>>,
    /// When all sessions of somebody were ended. Only an owner who takes an account away adds to it.
    by_user: RwLock<BTreeMap<Arc<str>, u64>>,
}

impl Ended {
    /// Ends every session of `user` that has begun by `now`: whoever may not sign in any more is not let in by an old
    /// cookie when they may again.
    pub fn sign_out(&self, user: &Arc<str>, now: u64) {
        let mut by_user = self.by_user.write().unwrap_or_else(PoisonError::into_inner);
        by_user.insert(Arc::clone(user), now);
    }

    fn has(&self, session: &Session) -> bool {
        let is_over = self.of_user(&session.user).is_some_and(|ended| session.began <= ended);
        is_over || self.by_id.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session.id)
    }

    /// When a session of `user` that begins at `now` is said to begin: behind all that were ended.
    fn next_beginning(&self, user: &str, now: u64) -> u64 {
        self.of_user(user).map_or(now, |ended| now.max(ended.saturating_add(1)))
    }

    fn of_user(&self, user: &str) -> Option<u64> {
        self.by_user.read().unwrap_or_else(PoisonError::into_inner).get(user).copied()
    }

    fn add(&self, id: Id, until: u64, now: u64) {
        let mut ended = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= MOST_ENDED {
            ended.retain(|_, until| *until > now);
        }
        if ended.len() >= MOST_ENDED
            && let Some((first, _)) =
                ended.iter().min_by_key(|(_, until)| **until).map(|(id, until)| (*id, *until))
        {
            ended.remove(&first);
        }
        ended.insert(id, until);
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ended({} …)", self.by_id.read().unwrap_or_else(PoisonError::into_inner).len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::account::{Account, Accounts, Shared};
    use proptest::prelude::*;

    const DAY: u64 = 24 * 60 * 60;
    const NOW: u64 = 1_800_000_000;

    fn shared(user: &str, password: &str) -> Login {
        Login::Shared(Shared::new(user, password.parse().unwrap()).unwrap())
    }

    fn accounts(all: &[(&str, bool, Option<&str>)]) -> Login {
        Login::Accounts(Accounts::new(all.iter().map(|(handle, enabled, password)| Account {
            handle: (*handle).into(),
            name: String::new(),
            admin: false,
            enabled: *enabled,
            hash: password.map(|password| Arc::new(password.parse().unwrap())),
        })))
    }

    fn sessions(days: u64) -> Sessions {
        Sessions::new(&[7; 32], Duration::from_secs(days * DAY), Arc::default())
    }

    fn begun(sessions: &Sessions, login: &Login) -> String {
        sessions.begin("ann", login, [9; 16], NOW).unwrap()
    }

    #[test]
    fn a_cookie_is_these_bytes() {
        assert_eq!(
            begun(&sessions(30), &shared("ann", "hunter2")),
            "1.AAAAAGtJ0gAAAAAAa0nSAAAAAABrcV8ACQkJCQkJCQkJCQkJCQkJCWFubg.\
             t0gRtc-f76PJP6-WHBmdM_LAI0kEKqD9cY_5egR8Es8"
        );
    }

    #[test]
    fn it_says_who_began_when_until_its_time_is_over() {
        let (sessions, login) = (sessions(30), shared("ann", "hunter2"));
        let cookie = begun(&sessions, &login);
        let expected =
            Session { user: "ann".into(), id: [9; 16], began: NOW, issued: NOW, expires: NOW + 30 * DAY };
        for (now, good) in [
            (NOW, true),
            (NOW + 30 * DAY - 1, true),
            (NOW + 30 * DAY, false),
            (u64::MAX, false),
            // A clock that went back.
            (NOW - 30 * DAY, true),
            (NOW - 30 * DAY - 1, false),
            (0, false),
        ] {
            let read = sessions.read(cookie.as_bytes(), &login, now);
            assert_eq!(read, good.then(|| expected.clone()), "{now}");
        }
    }

    #[test]
    fn a_shorter_life_counts_at_once_and_a_longer_one_from_the_next_renewal_on() {
        let login = shared("ann", "hunter2");
        let cookie = begun(&sessions(30), &login);
        let is_good = |days, now| sessions(days).read(cookie.as_bytes(), &login, now).is_some();
        assert!(is_good(1, NOW + DAY - 1) && !is_good(1, NOW + DAY));
        assert!(is_good(60, NOW + 30 * DAY - 1) && !is_good(60, NOW + 30 * DAY));
    }

    #[test]
    fn a_session_in_use_goes_on_and_stays_the_same() {
        let (sessions, login) = (sessions(30), shared("ann", "hunter2"));
        let mut session = sessions.read(begun(&sessions, &login).as_bytes(), &login, NOW).unwrap();
        assert_eq!(sessions.renewed(&session, &login, NOW), None);
        assert_eq!(sessions.renewed(&session, &login, NOW - DAY), None);
        assert_eq!(sessions.renewed(&session, &login, NOW + 3 * DAY), None);
        let mut now = NOW;
        for _ in 0..100 {
            now += 3 * DAY + 1;
            let cookie = sessions.renewed(&session, &login, now).unwrap();
            session = sessions.read(cookie.as_bytes(), &login, now).unwrap();
            assert_eq!((session.id, session.began, session.issued), ([9; 16], NOW, now));
            assert_eq!(session.expires, now + 30 * DAY);
        }
    }

    #[test]
    fn another_password_name_or_key_and_a_disabled_account_end_it() {
        let sessions = sessions(30);
        let login = shared("ann", "hunter2");
        let cookie = begun(&sessions, &login);
        for (other, good) in [
            (shared("ann", "hunter2"), true),
            (shared("ann", "hunter3"), false),
            (shared("bob", "hunter2"), false),
            (accounts(&[("ann", true, Some("hunter2")), ("bob", true, Some("x"))]), true),
            (accounts(&[("ann", false, Some("hunter2"))]), false),
            (accounts(&[("ann", true, None)]), false),
            (accounts(&[("bob", true, Some("hunter2"))]), false),
            (accounts(&[]), false),
        ] {
            assert_eq!(sessions.read(cookie.as_bytes(), &other, NOW).is_some(), good, "{other:?}");
        }
        let other = Sessions::new(&[8; 32], Duration::from_secs(30 * DAY), Arc::default());
        assert_eq!(other.read(cookie.as_bytes(), &login, NOW), None);
        let disabled = accounts(&[("ann", false, Some("hunter2"))]);
        assert_eq!(sessions.begin("ann", &disabled, [9; 16], NOW), None);
        let session = sessions.read(cookie.as_bytes(), &login, NOW).unwrap();
        assert_eq!(sessions.renewed(&session, &disabled, NOW + 9 * DAY), None);
    }

    #[test]
    fn signing_out_ends_all_cookies_of_that_session_and_no_other() {
        let (sessions, login) = (sessions(30), shared("ann", "hunter2"));
        let cookie = begun(&sessions, &login);
        let other = sessions.begin("ann", &login, [8; 16], NOW).unwrap();
        let session = sessions.read(cookie.as_bytes(), &login, NOW).unwrap();
        let renewed = sessions.renewed(&session, &login, NOW + 9 * DAY).unwrap();
        sessions.end(&session, NOW);
        for now in [NOW, NOW + 9 * DAY, NOW + 29 * DAY] {
            assert_eq!(sessions.read(cookie.as_bytes(), &login, now), None);
            assert_eq!(sessions.read(renewed.as_bytes(), &login, now), None);
            assert!(sessions.read(other.as_bytes(), &login, now).is_some());
        }
    }

    #[test]
    fn whoever_was_signed_out_has_to_begin_anew() {
        let (sessions, login) = (sessions(30), shared("ann", "hunter2"));
        let cookie = begun(&sessions, &login);
        sessions.ended.sign_out(&"bob".into(), NOW);
        assert!(sessions.read(cookie.as_bytes(), &login, NOW).is_some());
        sessions.ended.sign_out(&"ann".into(), NOW);
        assert_eq!(sessions.read(cookie.as_bytes(), &login, NOW), None);
        // In the same second.
        let again = begun(&sessions, &login);
        let session = sessions.read(again.as_bytes(), &login, NOW).unwrap();
        let renewed = sessions.renewed(&session, &login, NOW + 9 * DAY).unwrap();
        assert!(sessions.read(renewed.as_bytes(), &login, NOW + 9 * DAY).is_some());
    }

    #[test]
    fn what_was_ended_does_not_grow() {
        let (sessions, login) = (sessions(30), shared("ann", "hunter2"));
        for number in 0..10_000_u128 {
            let cookie = sessions.begin("ann", &login, number.to_be_bytes(), NOW).unwrap();
            let session = sessions.read(cookie.as_bytes(), &login, NOW).unwrap();
            sessions.end(&session, NOW + u64::try_from(number).unwrap());
        }
        assert_eq!(format!("{sessions:?}"), "Sessions(2592000 s, Ended(4096 …))");
        let last = sessions.begin("ann", &login, 9_999_u128.to_be_bytes(), NOW).unwrap();
        assert_eq!(sessions.read(last.as_bytes(), &login, NOW), None);
    }

    #[test]
    fn names_that_are_too_long_get_none_and_odd_ones_come_back() {
        let sessions = sessions(30);
        for (user, good) in [("x".repeat(256), true), ("x".repeat(257), false), ("jörg; \r\n.=".into(), true)]
        {
            let login = shared(&user, "hunter2");
            let cookie = sessions.begin(&user, &login, [9; 16], NOW);
            let read = cookie.map(|cookie| sessions.read(cookie.as_bytes(), &login, NOW).unwrap().user);
            assert_eq!(read, good.then(|| user.as_str().into()));
        }
    }

    #[test]
    fn anything_else_is_none() {
        let (sessions, login) = (sessions(30), shared("ann", "hunter2"));
        let cookie = begun(&sessions, &login);
        let (payload, mac) = cookie.strip_prefix("1.").unwrap().split_once('.').unwrap();
        for other in [
            String::new(),
            ".".into(),
            "1..".into(),
            format!("2.{payload}.{mac}"),
            format!("01.{payload}.{mac}"),
            format!("{payload}.{mac}"),
            format!("1.{payload}"),
            format!("1.{payload}."),
            format!("1.{payload}.{mac}."),
            format!("1.{payload}.{mac}="),
            format!("1.{payload}.{}", &mac[..22]),
            format!("1.{payload}=.{mac}"),
            format!("\"{cookie}\""),
            format!(" {cookie}"),
            format!("{cookie} "),
            format!("1.{mac}.{payload}"),
            "x".repeat(100_000),
        ] {
            assert_eq!(sessions.read(other.as_bytes(), &login, NOW), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_noticed(at in 0_usize..140, byte in any::<u8>()) {
            let (sessions, login) = (sessions(30), shared("ann", "hunter2"));
            let cookie = begun(&sessions, &login);
            let mut other = cookie.clone().into_bytes();
            let at = at % other.len();
            other[at] = byte;
            let read = sessions.read(&other, &login, NOW);
            prop_assert_eq!(read.is_some(), other == cookie.as_bytes());
        }

        #[test]
        fn no_bytes_make_it_panic(cookie in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert_eq!(sessions(30).read(&cookie, &shared("ann", "hunter2"), NOW), None);
        }
    }
}
