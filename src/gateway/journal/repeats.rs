//! What was said before, in bounded memory: whoever knocks a thousand times gets one line.
//!
//! `now` is a time on any clock that never goes back. Only hashes are kept, with keys that nobody outside
//! knows, so a key may be as long as its sender likes.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// How long a line stands for those that say the same.
const WINDOW: Duration = Duration::from_mins(1);
/// How many different lines are told in one window.
const WINDOWS: usize = 1024;

/// Lines that are told once in 60 seconds each, and at most 1,024 different ones in that time. Whatever is
/// held back is counted and told with a later line.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    hasher: RandomState,
    windows: HashMap<u64, Window>,
    /// What found no window of its own, or whose window was needed for another.
    others: Held,
    /// Before this, no window ends.
    full_until: Duration,
}

/// What to do with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Tell it.
    Tell {
        /// The same line was held back so often before.
        repeats: Option<Tally>,
        /// Others were held back so often before.
        others: Option<Tally>,
    },
    /// Say nothing; it was counted.
    Hold,
}

/// How many lines were held back since when; prints `17 more in the last 60 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) span: Duration,
}

#[derive(Debug)]
struct Window {
    /// When the line was told.
    since: Duration,
    repeats: u64,
}

#[derive(Debug, Default)]
struct Held {
    count: u64,
    since: Duration,
}

impl Repeats {
    /// Asks for the line that `key` stands for.
    pub(super) fn turn(&mut self, key: impl Hash, now: Duration) -> Turn {
        let key = self.hasher.hash_one(key);
        if !self.windows.contains_key(&key) && !self.make_room(now) {
            self.others.add(1, now);
            return Turn::Hold;
        }
        let repeats = match self.windows.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(Window { since: now, repeats: 0 });
                None
            }
            Entry::Occupied(mut occupied) => {
                let window = occupied.get_mut();
                if !window.is_over(now) {
                    window.repeats += 1;
                    return Turn::Hold;
                }
                let before = std::mem::replace(window, Window { since: now, repeats: 0 });
                Tally::since(before.repeats, before.since, now)
            }
        };
        let others = std::mem::take(&mut self.others);
        Turn::Tell { repeats, others: Tally::since(others.count, others.since, now) }
    }

    /// Is there room for one more? Windows that are over go; the search for them is not repeated before it can
    /// find something.
    fn make_room(&mut self, now: Duration) -> bool {
        if self.windows.len() < WINDOWS {
            return true;
        }
        if now < self.full_until {
            return false;
        }
        let Self { windows, others, .. } = self;
        windows.retain(|_, window| {
            let is_over = window.is_over(now);
            if is_over && window.repeats > 0 {
                others.add(window.repeats, window.since);
            }
            !is_over
        });
        self.full_until = self.windows.values().map(|window| window.since + WINDOW).min().unwrap_or(now);
        self.windows.len() < WINDOWS
    }
}

impl Window {
    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) >= WINDOW
    }
}

impl Held {
    fn add(&mut self, count: u64, since: Duration) {
        self.since = if self.count == 0 { since } else { self.since.min(since) };
        self.count += count;
    }
}

impl Tally {
    fn since(count: u64, since: Duration, now: Duration) -> Option<Self> {
        (count > 0).then(|| Self { count, span: now.saturating_sub(since) })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.span.as_secs() + u64::from(self.span.subsec_nanos() > 0);
        let (number, unit) = match seconds {
            0..=120 => (seconds, "s"),
            121..=7200 => (seconds.div_ceil(60), "min"),
            _ => (seconds.div_ceil(3600), "h"),
        };
        write!(f, "{} more in the last {number} {unit}", self.count)
    }
}

/// What was seen before, up to a number of things.
#[derive(Debug)]
pub(super) struct Seen {
    hasher: RandomState,
    known: HashSet<u64>,
    capacity: usize,
    when_full: WhenFull,
}

/// What becomes of the first thing that has no room.
#[derive(Clone, Copy, Debug)]
pub(super) enum WhenFull {
    /// It is new, and everything else is forgotten.
    StartAnew,
    /// From then on nothing is new.
    Stop,
}

impl Seen {
    pub(super) fn new(capacity: usize, when_full: WhenFull) -> Self {
        Self { hasher: RandomState::new(), known: HashSet::new(), capacity, when_full }
    }

    /// Takes note of `thing`. Is it new?
    pub(super) fn is_new(&mut self, thing: impl Hash) -> bool {
        let key = self.hasher.hash_one(thing);
        if self.known.contains(&key) {
            return false;
        }
        if self.known.len() >= self.capacity {
            match self.when_full {
                WhenFull::StartAnew => self.known.clear(),
                WhenFull::Stop => return false,
            }
        }
        self.known.insert(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Turn = Turn::Tell { repeats: None, others: None };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn tally(count: u64, seconds: u64) -> Tally {
        Tally { count, span: at(seconds) }
    }

    #[test]
    fn the_same_line_once_in_a_window() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.turn("a", at(5)), FIRST);
        for second in 6..23 {
            assert_eq!(repeats.turn("a", at(second)), Turn::Hold);
        }
        assert_eq!(repeats.turn("b", at(30)), FIRST);
        assert_eq!(repeats.turn("a", at(64)), Turn::Hold);
        assert_eq!(repeats.turn("a", at(65)), Turn::Tell { repeats: Some(tally(18, 60)), others: None });
        assert_eq!(repeats.turn("a", at(124)), Turn::Hold);
        assert_eq!(repeats.turn("b", at(500)), FIRST);
        assert_eq!(repeats.turn("a", at(4000)), Turn::Tell { repeats: Some(tally(1, 3935)), others: None });
    }

    #[test]
    fn a_flood_of_different_lines_is_bounded_and_counted() {
        let mut repeats = Repeats::default();
        let told = (0..100_000).filter(|n| repeats.turn(n, at(1)) != Turn::Hold).count();
        assert_eq!((told, repeats.windows.len()), (1024, 1024));
        assert_eq!(repeats.turn(0, at(2)), Turn::Hold);
        assert_eq!(repeats.turn("x", at(60)), Turn::Hold);
        // The repeat of 0 counts as well, since its window had to go.
        let others = Some(tally(100_000 - 1024 + 2, 60));
        assert_eq!(repeats.turn("x", at(61)), Turn::Tell { repeats: None, others });
        assert_eq!(repeats.windows.len(), 1);
        assert_eq!(repeats.turn("y", at(61)), FIRST);
    }

    #[test]
    fn the_span_in_words() {
        let cases = [
            (60_000, "60 s"),
            (60_001, "61 s"),
            (121_000, "3 min"),
            (7_200_000, "120 min"),
            (7_201_000, "3 h"),
        ];
        for (milliseconds, expected) in cases {
            let tally = Tally { count: 17, span: Duration::from_millis(milliseconds) };
            assert_eq!(tally.to_string(), format!("17 more in the last {expected}"));
        }
    }

    #[test]
    fn seen_before() {
        let mut forgetful = Seen::new(3, WhenFull::StartAnew);
        let news: Vec<bool> =
            ["a", "b", "a", "c", "b", "d", "a", "d"].map(|who| forgetful.is_new(who)).into();
        assert_eq!(news, [true, true, false, true, false, true, true, false]);

        let mut silent = Seen::new(2, WhenFull::Stop);
        let news: Vec<bool> = ["a", "b", "c", "a", "c"].map(|who| silent.is_new(who)).into();
        assert_eq!(news, [true, true, false, false, false]);
    }
}
