//! What was typed into the form, for an app that signs people in by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Id;
use crate::policy::account::Secret;

/// The most that are kept.
const MOST: usize = 1024;

/// The `Authorization` values of those who signed in with the form, by session: what a browser would send with every
/// request had it been asked by a challenge. Only for `passAuthorization`, in memory alone, at most 1,024; then the
/// first ones go. Without one a session goes on, and the app asks for itself.
#[derive(Default)]
pub struct Keepsakes(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    count: u64,
    by_session: BTreeMap<Id, (u64, Secret)>,
}

impl Keepsakes {
    /// Keeps the value of a session that begins.
    pub fn keep(&self, session: Id, authorization: String) {
        let mut kept = self.lock();
        if kept.by_session.len() >= MOST
            && let Some(first) =
                kept.by_session.iter().min_by_key(|(_, (number, _))| *number).map(|(id, _)| *id)
        {
            kept.by_session.remove(&first);
        }
        kept.count += 1;
        let number = kept.count;
        kept.by_session.insert(session, (number, Secret::new(authorization)));
    }

    /// The value that was kept for a session.
    #[must_use]
    pub fn recall(&self, session: &Id) -> Option<Secret> {
        self.lock().by_session.get(session).map(|(_, value)| value.clone())
    }

    /// Forgets that of a session which ends.
    pub fn forget(&self, session: &Id) {
        self.lock().by_session.remove(session);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keepsakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keepsakes({} …)", self.lock().by_session.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_and_never_printed() {
        let keepsakes = Keepsakes::default();
        let id = |number: u128| (10_000 - number).to_be_bytes();
        for number in 0..5000 {
            // Out of order, so that it is not the numbers that decide.
            keepsakes.keep(id(number), format!("canary {number}"));
        }
        assert_eq!(keepsakes.recall(&id(4999)), Some(Secret::new("canary 4999")));
        assert_eq!(keepsakes.recall(&id(3976)), Some(Secret::new("canary 3976")));
        assert_eq!(keepsakes.recall(&id(3975)), None);
        keepsakes.forget(&id(4999));
        assert_eq!(keepsakes.recall(&id(4999)), None);
        assert_eq!(format!("{keepsakes:?}"), "Keepsakes(1023 …)");
    }
}
