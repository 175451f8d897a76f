//! Failures in a window of time, and many such counts in bounded memory.

use std::collections::BTreeMap;
use std::time::Duration;

/// No window is longer than this.
const LONGEST_WINDOW: Duration = Duration::from_hours(1);
/// So long after the end of its window a record is forgotten.
const QUIET: Duration = Duration::from_hours(1);

/// How much is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many failures in a window are not.
    pub failures: u32,
    /// The length of the first window. Each one that is used up doubles the next, up to an hour.
    pub window: Duration,
}

/// The failures of one thing that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    failures: u32,
    /// How many windows were used up before this one.
    round: u32,
    end: Duration,
}

impl Record {
    /// The first failure.
    pub fn opened(limit: Limit, now: Duration) -> Self {
        Self { failures: 1, round: 0, end: now.saturating_add(limit.window) }
    }

    /// One more. It opens a new window if the last is over.
    pub fn fail(&mut self, limit: Limit, now: Duration) {
        if self.is_forgotten(now) {
            *self = Self::opened(limit, now);
        } else if now >= self.end {
            let round =
                if self.failures > limit.failures { self.round.saturating_add(1) } else { self.round };
            let window = limit.window.saturating_mul(1 << round.min(16)).min(LONGEST_WINDOW);
            *self = Self { failures: 1, round, end: now.saturating_add(window) };
        } else {
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// How long the window still is, if it holds more than `failures`.
    pub fn used_up(&self, failures: u32, now: Duration) -> Option<Duration> {
        let left = self.end.saturating_sub(now);
        (self.failures > failures && !left.is_zero()).then_some(left)
    }

    fn is_forgotten(&self, now: Duration) -> bool {
        now >= self.end.saturating_add(QUIET)
    }

    /// What is lost with it.
    fn weight(&self, limit: Limit) -> (bool, u32, u32, Duration) {
        (self.failures > limit.failures, self.round, self.failures, self.end)
    }
}

/// Records by `K`, of which there are never more than a given number.
///
/// When they are full, the forgotten ones go, and if that is not enough an eighth of them: those that weigh least,
/// which are those of the fewest rounds, the fewest failures, the window that ends first. One whose window is used up
/// outweighs all others.
#[derive(Clone, Debug)]
pub struct Records<K> {
    capacity: usize,
    by_key: BTreeMap<K, Record>,
}

impl<K: Copy + Ord> Records<K> {
    /// None yet, and never more than `capacity`.
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, by_key: BTreeMap::new() }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// How long the window of `key` still is, if it holds more than `failures`.
    pub fn used_up(&self, key: &K, failures: u32, now: Duration) -> Option<Duration> {
        self.by_key.get(key)?.used_up(failures, now)
    }

    /// One more failure of `key`.
    pub fn fail(&mut self, key: K, limit: Limit, now: Duration) {
        if let Some(record) = self.by_key.get_mut(&key) {
            record.fail(limit, now);
        } else {
            self.make_room(limit, now);
            self.by_key.insert(key, Record::opened(limit, now));
        }
    }

    fn make_room(&mut self, limit: Limit, now: Duration) {
        if self.by_key.len() < self.capacity {
            return;
        }
        self.by_key.retain(|_, record| !record.is_forgotten(now));
        if self.by_key.len() < self.capacity {
            return;
        }
        // Many at once, so that the search for them is paid once and not at every failure.
        let room = (self.capacity / 8).max(1);
        let mut weights: Vec<_> =
            self.by_key.iter().map(|(key, record)| (record.weight(limit), *key)).collect();
        weights.select_nth_unstable(room - 1);
        for (_, key) in &weights[..room] {
            self.by_key.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { failures: 1, window: Duration::from_mins(1) };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_quiet_hour_after_the_end_of_the_window_forgets() {
        for (later, expected) in [(3599, 120), (3600, 60)] {
            let mut record = Record::opened(LIMIT, at(0));
            record.fail(LIMIT, at(0));
            assert_eq!(record.used_up(1, at(0)), Some(at(60)));
            record.fail(LIMIT, at(60 + later));
            record.fail(LIMIT, at(60 + later));
            assert_eq!(record.used_up(1, at(60 + later)), Some(at(expected)));
        }
    }

    #[test]
    fn the_forgotten_make_room_first_then_those_that_weigh_least() {
        let mut records = Records::new(8);
        for key in 0..8 {
            records.fail(key, LIMIT, at(key));
        }
        for key in [0, 1] {
            records.fail(key, LIMIT, at(10));
        }
        // Keys 0 and 1 have used their windows up; of the others 2 is the oldest.
        records.fail(8, LIMIT, at(11));
        assert_eq!(records.by_key.keys().copied().collect::<Vec<_>>(), [0, 1, 3, 4, 5, 6, 7, 8]);
        // The windows of 0, 1, 3 and 4 ended at 60, 61, 63 and 64, and an hour has passed since.
        records.fail(9, LIMIT, at(3664));
        assert_eq!(records.by_key.keys().copied().collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_million_keys_do_not_grow_it() {
        let mut records = Records::new(16_384);
        records.fail(u32::MAX, LIMIT, at(0));
        records.fail(u32::MAX, LIMIT, at(0));
        let most = (0..1_000_000).map(|key| {
            records.fail(key, LIMIT, at(1));
            records.by_key.len()
        });
        assert_eq!(most.max(), Some(16_384));
        assert_eq!(records.used_up(&u32::MAX, 1, at(2)), Some(at(58)));
    }
}
