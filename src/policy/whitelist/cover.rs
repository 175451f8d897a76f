//! Which entry of a list covers all that another one does: for people who read a list, and for those who add to it.
//!
//! A request asks about one address, and the first entry counts. Here the question is about whole entries, and any
//! that is wide enough will do. Sorted by their first address, the entries that may cover one stand before it, so that
//! the one of them that reaches farthest is the answer: n log n for all, log n for each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::opening::fewest;
use super::ranges::{Interval, Number};
use crate::policy::address::{IpPattern, Mask, Span};

/// Entries, to be asked which one covers another.
#[derive(Debug, Default)]
pub struct Cover {
    v4: Sorted<u32>,
    v6: Sorted<u128>,
    /// By the number of an entry that is contiguous, its place among the others of its family.
    places: Vec<u32>,
    v4_masks: Masks<u32>,
    v6_masks: Masks<u128>,
    /// The first `*`.
    everyone: Option<u32>,
}

/// Gathers entries for a [`Cover`].
#[derive(Debug, Default)]
pub struct CoverBuilder {
    v4: Vec<Reach<u32>>,
    v6: Vec<Reach<u128>>,
    v4_masks: Masks<u32>,
    v6_masks: Masks<u128>,
    /// The first `*`.
    everyone: Option<u32>,
}

impl CoverBuilder {
    /// Adds what `pattern` takes to the entry of the number `number`. Numbers are the order of the list.
    pub fn add(&mut self, number: u32, pattern: &IpPattern) {
        match pattern.span() {
            Span::Everyone => self.everyone = Some(self.everyone.map_or(number, |first| first.min(number))),
            Span::V4 { first, last } => self.v4.push(Reach::new(first, last, number)),
            Span::V6 { first, last } => self.v6.push(Reach::new(first, last, number)),
            Span::V4Mask(mask) => add_mask(&mut self.v4_masks, mask, number),
            Span::V6Mask(mask) => add_mask(&mut self.v6_masks, mask, number),
        }
    }

    /// Sorts what was gathered.
    #[must_use]
    pub fn build(self) -> Cover {
        let (v4, v6) = (Sorted::new(self.v4), Sorted::new(self.v6));
        // Numbers are the order of a list, so that nearly all are below that; the others are searched for.
        let mut places = vec![u32::MAX; v4.reaches.len() + v6.reaches.len()];
        v4.note_places(&mut places);
        v6.note_places(&mut places);
        Cover { v4, v6, places, v4_masks: self.v4_masks, v6_masks: self.v6_masks, everyone: self.everyone }
    }
}

impl Cover {
    /// The number of an entry that covers everything in `pattern`, the widest where several do: another one than
    /// `number`, and of those that take the very same only one with a smaller number. `None` for `number` asks on
    /// behalf of an entry that is not among them.
    ///
    /// Sure of each answer, as [`IpPattern::covers`] is.
    #[must_use]
    pub fn of(&self, pattern: &IpPattern, number: Option<u32>) -> Option<u32> {
        let number = number.unwrap_or(u32::MAX);
        let noted = self.places.get(number as usize).copied();
        let span = pattern.span();
        if let Some(everyone) = self.everyone {
            return (everyone < number || !matches!(span, Span::Everyone)).then_some(everyone);
        }
        match span {
            Span::Everyone => None,
            Span::V4 { first, last } => self.v4.around(first, last, number, noted).or_else(|| {
                let fixed = !u32::MAX.checked_shr((first ^ last).leading_zeros()).unwrap_or(0);
                masked(&self.v4_masks, first, fixed, number)
            }),
            Span::V6 { first, last } => self.v6.around(first, last, number, noted).or_else(|| {
                let fixed = !u128::MAX.checked_shr((first ^ last).leading_zeros()).unwrap_or(0);
                masked(&self.v6_masks, first, fixed, number)
            }),
            // What it takes lies between its smallest and its greatest number.
            Span::V4Mask(Mask { value, mask }) => {
                let around = self.v4.around(value, value | !mask, number, None);
                around.or_else(|| masked(&self.v4_masks, value, mask, number))
            }
            Span::V6Mask(Mask { value, mask }) => {
                let around = self.v6.around(value, value | !mask, number, None);
                around.or_else(|| masked(&self.v6_masks, value, mask, number))
            }
        }
    }

    /// Whether all entries together keep out nobody of one family.
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        self.everyone.is_some() || self.v4.is_everyone() || self.v6.is_everyone()
    }
}

/// Values by their mask: who has them first.
type Masks<N> = BTreeMap<N, HashMap<N, u32>>;

fn add_mask<N: Number>(masks: &mut Masks<N>, Mask { value, mask }: Mask<N>, number: u32) {
    let first = masks.entry(mask).or_default().entry(value).or_insert(number);
    *first = number.min(*first);
}

/// A mask that leaves free whatever is not among the bits `fixed`, which are those of `value`.
fn masked<N: Number>(masks: &Masks<N>, value: N, fixed: N, number: u32) -> Option<u32> {
    masks.iter().filter(|&(&mask, _)| mask & fixed == mask).find_map(|(&mask, values)| {
        let &found = values.get(&(value & mask))?;
        // Its equals count in the order of the list; itself never does.
        (found < number || (found != number && mask != fixed)).then_some(found)
    })
}

/// A contiguous part of an entry.
#[derive(Clone, Copy, Debug)]
struct Reach<N> {
    first: N,
    last: N,
    number: u32,
}

impl<N: Number> Reach<N> {
    fn new(first: N, last: N, number: u32) -> Self {
        Self { first, last, number }
    }

    /// Wide ones first among those that begin together, then the order of the list.
    fn place(self) -> (N, Reverse<N>, u32) {
        (self.first, Reverse(self.last), self.number)
    }
}

/// Contiguous entries by their place, each with the one that reaches farthest among those up to it.
#[derive(Debug)]
struct Sorted<N> {
    reaches: Vec<Reach<N>>,
    farthest: Vec<u32>,
}

impl<N> Default for Sorted<N> {
    fn default() -> Self {
        Self { reaches: Vec::new(), farthest: Vec::new() }
    }
}

impl<N: Number> Sorted<N> {
    fn new(mut reaches: Vec<Reach<N>>) -> Self {
        reaches.sort_unstable_by_key(|reach| reach.place());
        let mut best = 0;
        let farthest = (0..).zip(&reaches).map(|(index, reach)| {
            if reach.last > reaches[best as usize].last {
                best = index;
            }
            best
        });
        Self { farthest: farthest.collect(), reaches }
    }

    /// Writes down where each entry stands, by its number.
    fn note_places(&self, places: &mut [u32]) {
        for (index, reach) in (0..).zip(&self.reaches) {
            if let Some(place) = places.get_mut(reach.number as usize).filter(|place| **place == u32::MAX) {
                *place = index;
            }
        }
    }

    /// Another entry that takes every number from `first` to `last`. Where it stands itself may have been `noted`,
    /// which saves a search; of an entry of several parts that is the place of the first.
    fn around(&self, first: N, last: N, number: u32, noted: Option<u32>) -> Option<u32> {
        let place = Reach::new(first, last, number).place();
        let is_there = |index: &usize| self.reaches.get(*index).is_some_and(|reach| reach.place() == place);
        let noted = noted.map(|index| index as usize).filter(is_there);
        let before = noted.unwrap_or_else(|| self.reaches.partition_point(|reach| reach.place() < place));
        let farthest = self.reaches[*self.farthest.get(before.checked_sub(1)?)? as usize];
        (farthest.last >= last).then_some(farthest.number)
    }

    fn is_everyone(&self) -> bool {
        let intervals =
            self.reaches.iter().map(|&Reach { first, last, number }| Interval { first, last, rule: number });
        !fewest(intervals).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cover(texts: &[&str]) -> (Vec<IpPattern>, Cover) {
        let patterns: Vec<IpPattern> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let mut builder = CoverBuilder::default();
        for (number, pattern) in (0..).zip(&patterns) {
            builder.add(number, pattern);
        }
        (patterns, builder.build())
    }

    #[test]
    fn the_widest_one_that_covers_an_entry() {
        let (patterns, cover) = cover(&[
            "10.0.0.7",                 // 0
            "10.0.0.0/16",              // 1
            "10.0.0.0/8",               // 2
            "10.0.0.0/8",               // 3
            "192.168.0.1-192.168.0.9",  // 4
            "192.168.0.5-192.168.0.12", // 5
            "192.168.0.9-192.168.0.12", // 6
            "*.*.7.7",                  // 7
            "1.2.7.7",                  // 8
            "*.3.7.7",                  // 9
            "10.*.7.*",                 // 10
            "*.*.7.7",                  // 11
            "::1",                      // 12
            "::/64",                    // 13
        ]);
        let expected = [
            Some(2),
            Some(2),
            None,
            Some(2),
            None,
            None,
            Some(5),
            None,
            Some(7),
            Some(7),
            Some(2),
            Some(7),
            Some(13),
            None,
        ];
        let found: Vec<Option<u32>> =
            (0..).zip(&patterns).map(|(number, pattern)| cover.of(pattern, Some(number))).collect();
        assert_eq!(found, expected);
        assert_eq!(cover.of(&"10.9.9.9".parse().unwrap(), None), Some(2));
        assert_eq!(cover.of(&"::/64".parse().unwrap(), None), Some(13));
        assert_eq!(cover.of(&"9.0.0.0-10.0.0.1".parse().unwrap(), None), None);
        assert_eq!(cover.of(&"*".parse().unwrap(), None), None);
        assert!(!cover.is_everyone());
    }

    #[test]
    fn everybody() {
        for (texts, expected) in [
            (&["*", "*"][..], true),
            (&["0.0.0.0/1", "128.0.0.0/1"], true),
            (&["0.0.0.0/1", "128.0.0.1-255.255.255.255"], false),
            (&["::/0", "10.0.0.1"], true),
            (&["0.0.0.1-255.255.255.255"], false),
            (&[], false),
        ] {
            assert_eq!(cover(texts).1.is_everyone(), expected, "{texts:?}");
        }
        let (patterns, cover) = cover(&["0.0.0.0/0", "::/0", "*", "*"]);
        let found: Vec<_> =
            (0..).zip(&patterns).map(|(number, pattern)| cover.of(pattern, Some(number))).collect();
        assert_eq!(found, [Some(2), Some(2), None, Some(2)]);
    }

    proptest! {
        /// The same answer, yes or no, as asking every entry.
        #[test]
        fn as_one_by_one(texts in prop::collection::vec(
            prop_oneof![
                (0_u8..4, 0_u8..4, 24_u8..=32).prop_map(|(a, b, bits)| format!("10.0.{a}.{}/{bits}", b * 64)),
                (0_u8..8, 0_u8..8).prop_map(|(a, b)| format!("10.0.0.{}-10.0.0.{}", a.min(b), a.max(b))),
                (0_u8..4).prop_map(|a| format!("10.*.0.{a}")),
                (0_u8..4).prop_map(|a| format!("*.0.0.{a}")),
                (0_u8..4, 120_u8..=128).prop_map(|(a, bits)| format!("fd00::{a}/{bits}")),
            ],
            0..20,
        )) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let (patterns, cover) = cover(&texts);
            for (number, pattern) in (0_u32..).zip(&patterns) {
                let covers = |other: &u32| {
                    let theirs = &patterns[*other as usize];
                    *other != number && theirs.covers(pattern) && (!pattern.covers(theirs) || *other < number)
                };
                let expected = (0..).take(patterns.len()).filter(covers).collect::<Vec<u32>>();
                match cover.of(pattern, Some(number)) {
                    Some(found) => prop_assert!(expected.contains(&found), "{pattern}: {found} of {expected:?}"),
                    None => prop_assert!(expected.is_empty(), "{pattern}: {expected:?}"),
                }
            }
        }
    }
}
