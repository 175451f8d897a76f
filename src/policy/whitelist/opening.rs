//! Lists that keep nobody out: by one entry, or by several that leave no gap together.

use std::fmt;

use super::ranges::{Interval, Number};
use super::{Place, Rule};
use crate::policy::address::{Count, Everyone};

/// A family, or both, of which a list keeps nobody out, and the fewest entries that do it.
///
/// Masks with holes are not looked at: however many there are, they are no ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Who comes in.
    pub everyone: Everyone,
    /// The entries as they were written, in the order of the list: the first three of them at most.
    pub entries: Vec<Box<str>>,
    /// How many there are besides.
    pub others: usize,
    /// Where the first was written.
    pub place: Place,
}

impl Opening {
    /// How many of them are named.
    const MOST_NAMED: usize = 3;

    /// That of `rules`, in the order of the list; `None` without any.
    pub(super) fn by<'a>(everyone: Everyone, rules: impl ExactSizeIterator<Item = Rule<'a>>) -> Option<Self> {
        let others = rules.len().saturating_sub(Self::MOST_NAMED);
        let named: Vec<Rule<'_>> = rules.take(Self::MOST_NAMED).collect();
        let place = named.first()?.place();
        let entries = named.iter().map(|rule| rule.text().into()).collect();
        Some(Self { everyone, entries, others, place })
    }

    /// Whether it takes several entries, of which none is that wide by itself.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        self.entries.len() > 1
    }

    /// The entries as they are spoken of: `` `a` ``, `` `a` and `b` ``, `` `a`, `b`, `c` and 13 others ``.
    #[must_use]
    pub fn named(&self) -> impl fmt::Display {
        let mut names: Vec<String> = self.entries.iter().map(|entry| format!("`{entry}`")).collect();
        match self.others {
            0 => {}
            1 => names.push("1 other".to_owned()),
            others => names.push(format!("{others} others")),
        }
        let last = names.pop().unwrap_or_default();
        if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
    }
}

/// `` `0.0.0.0/1` and `128.0.0.0/1` let in every IPv4 address, taken together ``.
impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let everyone = Count::Every(self.everyone);
        if self.is_joint() {
            write!(f, "{} let in {everyone}, taken together", self.named())
        } else {
            write!(f, "{} lets in {everyone}", self.named())
        }
    }
}

/// The fewest entries that take every number together, in the order of the list; none where a number is left out.
/// `intervals` are sorted by where they begin; usually the first of them says already that there is a gap.
pub(super) fn fewest<N: Number>(intervals: impl IntoIterator<Item = Interval<N>>) -> Vec<u32> {
    let mut rules = Vec::new();
    // How far those reach that are chosen, and the one that reaches farthest of those that begin there or before.
    let (mut reached, mut farthest): (Option<N>, Option<Interval<N>>) = (None, None);
    for interval in intervals {
        if !joins(interval, reached) {
            let Some(chosen) = farthest.take() else { return Vec::new() };
            rules.push(chosen.rule);
            reached = Some(chosen.last);
            if chosen.last == N::LAST || !joins(interval, reached) {
                break;
            }
        }
        if farthest.map(|farthest| farthest.last).max(reached).is_none_or(|last| interval.last > last) {
            farthest = Some(interval);
        }
    }
    if let Some(chosen) = farthest {
        rules.push(chosen.rule);
        reached = Some(chosen.last);
    }
    if reached != Some(N::LAST) {
        return Vec::new();
    }
    // An entry may have several parts.
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// Whether `interval` leaves no gap behind what is `reached`.
fn joins<N: Number>(interval: Interval<N>, reached: Option<N>) -> bool {
    match reached {
        None => interval.first == N::FIRST,
        Some(last) => interval.first <= last || interval.first.previous() == last,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fewest_of(parts: &[(u32, u32)]) -> Vec<u32> {
        let parts = parts.iter().zip(0..).map(|(&(first, last), rule)| Interval { first, last, rule });
        let mut intervals: Vec<_> = parts.collect();
        intervals.sort_by_key(|interval| (interval.first, interval.rule));
        fewest(intervals)
    }

    #[test]
    fn the_fewest_that_leave_no_gap() {
        const LAST: u32 = u32::MAX;
        for (parts, expected) in [
            (&[][..], &[][..]),
            (&[(0, LAST)], &[0]),
            (&[(0, 9), (0, LAST), (0, LAST)], &[1]),
            (&[(0, 9), (10, LAST)], &[0, 1]),
            (&[(10, LAST), (0, 9)], &[0, 1]),
            (&[(0, 9), (11, LAST)], &[]),
            (&[(0, 8), (10, LAST)], &[]),
            (&[(1, LAST)], &[]),
            (&[(0, LAST - 1)], &[]),
            (&[(0, 99), (5, 5), (50, 200), (60, 150), (100, LAST), (7, LAST - 1)], &[0, 4]),
            (&[(0, 9), (5, 19), (15, 29), (8, 25), (26, LAST)], &[0, 3, 4]),
            (&[(0, 9), (10, 19), (20, LAST), (LAST, LAST)], &[0, 1, 2]),
        ] {
            assert_eq!(fewest_of(parts), expected, "{parts:?}");
        }
    }

    proptest! {
        /// They take everything if all do, and not without any one of them.
        #[test]
        fn none_is_idle(cuts in prop::collection::vec(0..8_u32, 0..12)) {
            const STEP: u32 = 1 << 29;
            let part = |pair: &[u32]| (pair[0].min(pair[1]) * STEP, pair[0].max(pair[1]) * STEP + (STEP - 1));
            let parts: Vec<(u32, u32)> = cuts.chunks_exact(2).map(part).collect();
            let is_all = |parts: &mut dyn Iterator<Item = (u32, u32)>| {
                let parts: Vec<_> = parts.collect();
                (0..8).all(|step| parts.iter().any(|(first, last)| (*first..=*last).contains(&(step * STEP))))
            };
            let found = fewest_of(&parts);
            prop_assert_eq!(!found.is_empty(), is_all(&mut parts.iter().copied()));
            for idle in &found {
                let mut others = found.iter().filter(|rule| *rule != idle).map(|rule| parts[*rule as usize]);
                prop_assert!(!is_all(&mut others), "{idle} of {found:?} in {parts:?}");
            }
        }
    }
}
