//! Who was here within the last hour, in bounded memory.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// For how long somebody is no news.
pub(in crate::gateway) const HOUR: Duration = Duration::from_hours(1);
/// How many are remembered at a time.
const MOST: usize = 16_384;

/// Those who were here, by a hash with keys that nobody outside knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    hasher: RandomState,
    since: HashMap<u64, Duration>,
}

impl Known {
    /// Takes note of `who`, at the time `now` of a clock that never goes back. Is it the first time for an hour? Where
    /// more than 16,384 come in an hour, everybody is new again.
    pub(super) fn is_new(&mut self, who: impl Hash, now: Duration) -> bool {
        let key = self.hasher.hash_one(who);
        if let Some(since) = self.since.get_mut(&key) {
            let is_new = now.saturating_sub(*since) >= HOUR;
            if is_new {
                *since = now;
            }
            return is_new;
        }
        if self.since.len() >= MOST {
            self.since.retain(|_, since| now.saturating_sub(*since) < HOUR);
            if self.since.len() >= MOST {
                self.since.clear();
            }
        }
        self.since.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_once_an_hour() {
        let mut known = Known::default();
        let at = Duration::from_secs;
        let news = [("a", 0), ("b", 10), ("a", 3599), ("a", 3600), ("b", 3600), ("a", 7199), ("b", 3610)]
            .map(|(who, second)| known.is_new(who, at(second)));
        assert_eq!(news, [true, true, false, true, false, false, true]);
    }

    #[test]
    fn a_million_take_no_more_room_than_some() {
        let mut known = Known::default();
        for who in 0..1_000_000 {
            assert!(known.is_new(who, HOUR));
            assert!(known.since.len() <= MOST);
        }
        // Those of an hour ago go first.
        let mut known = Known::default();
        assert!(known.is_new("early", Duration::ZERO));
        (1..MOST).for_each(|who| assert!(known.is_new(who, HOUR / 2)));
        assert!(known.is_new("late", HOUR));
        assert!(!known.is_new(1_usize, HOUR));
        assert_eq!(known.since.len(), MOST);
    }
}
