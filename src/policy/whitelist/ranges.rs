//! Ranges of addresses that do not overlap, each with its entry: built by one sweep, searched through a
//! static B-tree of 16 keys a node, which is one cache line of IPv4 and four of IPv6.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;
use std::ops::BitAnd;

/// An address as a number: `u32` or `u128`.
pub(super) trait Number: Copy + Ord + Eq + Hash + BitAnd<Output = Self> {
    const FIRST: Self;
    const LAST: Self;
    /// The number after this one; not for the last.
    fn next(self) -> Self;
    /// The number before this one; not for the first.
    fn previous(self) -> Self;
    /// The last of the 2^`bits` numbers that begin with this one.
    fn last_of(self, bits: u8) -> Self;
    /// Base 2 logarithm of how many numbers lie from this one to `last`, if it is a whole number.
    fn size_to(self, last: Self) -> Option<u8>;
    /// How many leading bits both have in common.
    fn common_prefix(self, other: Self) -> u32;
    /// How many of the keys of a node, which ascend, this number is not below.
    fn not_below(self, node: &[Self; NODE]) -> usize;
    /// The first 16 bits, where addresses are spread over what these can be: those of IPv6 begin alike.
    fn bucket(self) -> Option<usize>;
    /// The lowest number with the same first 16 bits.
    fn lowest(self) -> Self;
}

macro_rules! number {
    ($type:ty, $not_below:expr, $bucket:expr) => {
        impl Number for $type {
            const FIRST: Self = 0;
            const LAST: Self = Self::MAX;

            fn next(self) -> Self {
                self + 1
            }

            fn previous(self) -> Self {
                self - 1
            }

            #[inline]
            fn last_of(self, bits: u8) -> Self {
                self.saturating_add(Self::MAX.checked_shr(Self::BITS - u32::from(bits)).unwrap_or(0))
            }

            fn size_to(self, last: Self) -> Option<u8> {
                let distance = last - self;
                let bits = distance.trailing_ones();
                (distance.count_ones() == bits).then(|| u8::try_from(bits).ok())?
            }

            fn common_prefix(self, other: Self) -> u32 {
                (self ^ other).leading_zeros()
            }

            #[inline]
            fn not_below(self, node: &[Self; NODE]) -> usize {
                $not_below(self, node)
            }

            #[inline]
            fn bucket(self) -> Option<usize> {
                $bucket(self)
            }

            fn lowest(self) -> Self {
                self & !(Self::MAX >> 16)
            }
        }
    };
}

number!(u32, count_all, |number| Some((number >> 16) as usize));
number!(u128, count_by_quarters, |_| None);

/// Compares with all keys at once: the compiler makes vector instructions of it.
#[inline]
fn count_all(number: u32, node: &[u32; NODE]) -> usize {
    node.iter().map(|&key| u32::from(key <= number)).sum::<u32>() as usize
}

/// There are no vector instructions for 128 bits: first the last key of each of four quarters, which lie
/// on lines of their own and are fetched together, then the keys of one quarter.
#[inline]
fn count_by_quarters(number: u128, node: &[u128; NODE]) -> usize {
    let quarter: usize = [3, 7, 11].into_iter().map(|last| usize::from(node[last] <= number)).sum();
    let keys = &node[quarter * 4..quarter * 4 + 4];
    quarter * 4 + keys.iter().map(|&key| usize::from(key <= number)).sum::<usize>()
}

/// The addresses from `first` to `last`, which entry number `rule` covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval<N> {
    pub(super) first: N,
    pub(super) last: N,
    pub(super) rule: u32,
}

/// The ranges, sorted.
#[derive(Clone, Debug)]
pub(super) struct Ranges<N> {
    count: usize,
    leaves: Vec<Leaf<N>>,
    /// Above the leaves: every 16th beginning, then every 16th of those, until one node is left.
    levels: Vec<Vec<Node<N>>>,
    /// By the first 16 bits of an address, the last leaf that begins at or below the lowest address with them, or the
    /// first leaf. One more than there are such bits; empty where the way down the levels is as short.
    shortcuts: Vec<u32>,
    /// The ends that `sizes` cannot tell, by range, sorted.
    ends: Vec<(u32, N)>,
}

const NODE: usize = 16;

/// 16 ranges, side by side so that a search ends on one page of memory; in this order, so that the size
/// and the rule of most lie on one line. The last leaf is filled up with the last address; what belongs
/// to the filling is never read.
#[derive(Clone, Debug)]
#[repr(C)]
struct Leaf<N> {
    first: [N; NODE],
    /// Base 2 logarithms of how many addresses each range has, or where else its end is known from.
    sizes: [u8; NODE],
    rules: [u32; NODE],
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Node<N>([N; NODE]);

/// From so many leaves on there are shortcuts: their table is as large as the leaves of 20,000 ranges.
const SHORTCUTS_FROM: usize = 256;
/// So many leaves are looked at one after the other.
const NEAR: usize = 4;

/// In `sizes`: the range ends where the next begins.
const TO_NEXT: u8 = 254;
/// In `sizes`: the end is in `ends`.
const ELSEWHERE: u8 = 255;

impl<N: Number> Ranges<N> {
    /// Ranges that give each address the lowest rule that covers it.
    pub(super) fn new(intervals: Vec<Interval<N>>) -> Self {
        let ranges = flatten(intervals);
        let mut leaves = Vec::with_capacity(ranges.len().div_ceil(NODE));
        let mut ends = Vec::new();
        for (number, chunk) in ranges.chunks(NODE).enumerate() {
            let mut leaf = Leaf {
                first: filled(chunk.iter().map(|range| range.first)),
                rules: [0; NODE],
                sizes: [0; NODE],
            };
            for (place, range) in chunk.iter().enumerate() {
                let index = number * NODE + place;
                let next = ranges.get(index + 1);
                leaf.rules[place] = range.rule;
                leaf.sizes[place] = if let Some(size) = range.first.size_to(range.last) {
                    size
                } else if next.is_some_and(|next| next.first.previous() == range.last) {
                    TO_NEXT
                } else {
                    ends.push((u32::try_from(index).expect("there are fewer than 2^32 ranges"), range.last));
                    ELSEWHERE
                };
            }
            leaves.push(leaf);
        }
        ends.shrink_to_fit();
        let mut levels = Vec::new();
        let mut keys: Vec<N> = leaves.iter().map(|leaf| leaf.first[0]).collect();
        while keys.len() > 1 {
            levels.push(keys.chunks(NODE).map(|chunk| Node(filled(chunk.iter().copied()))).collect());
            keys = keys.into_iter().step_by(NODE).collect();
        }
        let shortcuts = if leaves.len() < SHORTCUTS_FROM { Vec::new() } else { shortcuts(&leaves) };
        Self { count: ranges.len(), leaves, levels, shortcuts, ends }
    }

    /// The entry that covers `address`.
    #[inline]
    pub(super) fn find(&self, address: N) -> Option<u32> {
        let index = self.at_or_below(address)?;
        (address <= self.last(index)).then(|| self.rule(index))
    }

    /// The ranges below and above an address that none covers: the common prefix of the address with
    /// the nearer end of each, and its entry.
    pub(super) fn beside(&self, address: N) -> [Option<(u32, u32)>; 2] {
        let below = self.at_or_below(address);
        let above = below.map_or(0, |below| below + 1);
        [
            below.map(|index| (address.common_prefix(self.last(index)), self.rule(index))),
            (above < self.count).then(|| (address.common_prefix(self.first(above)), self.rule(above))),
        ]
    }

    /// All ranges, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Interval<N>> {
        (0..self.count).map(|index| Interval {
            first: self.first(index),
            last: self.last(index),
            rule: self.rule(index),
        })
    }

    /// The memory behind it, in bytes.
    pub(super) fn footprint(&self) -> usize {
        let levels: usize = self.levels.iter().map(|level| size_of_val(level.as_slice())).sum();
        levels
            + size_of_val(self.leaves.as_slice())
            + size_of_val(self.shortcuts.as_slice())
            + size_of_val(self.ends.as_slice())
    }

    /// The last range that begins at or below `address`.
    #[inline]
    fn at_or_below(&self, address: N) -> Option<usize> {
        let leaf = match self.shortcut(address) {
            Some(leaf) => leaf,
            None => self.descend(address)?,
        };
        let leaf = leaf.min(self.leaves.len().checked_sub(1)?);
        let index = leaf * NODE + address.not_below(&self.leaves[leaf].first).checked_sub(1)?;
        Some(index.min(self.count - 1))
    }

    /// The leaf with that range, from the table of shortcuts. `None` where there is none, or too many leaves begin with
    /// the same 16 bits.
    #[inline]
    fn shortcut(&self, address: N) -> Option<usize> {
        let bucket = address.bucket()?;
        let &[leaf, most] = self.shortcuts.get(bucket..bucket + 2)?.first_chunk()?;
        let (mut leaf, most) = (leaf as usize, most as usize);
        if most - leaf > NEAR {
            return None;
        }
        while leaf < most && self.leaves[leaf + 1].first[0] <= address {
            leaf += 1;
        }
        Some(leaf)
    }

    /// The leaf with that range, down the levels.
    fn descend(&self, address: N) -> Option<usize> {
        let mut index = 0;
        for level in self.levels.iter().rev() {
            // The filling of a node is not above the last address, so it may count one node too many.
            index = index.min(level.len() - 1);
            index = index * NODE + address.not_below(&level[index].0).checked_sub(1)?;
        }
        Some(index)
    }

    #[inline]
    fn first(&self, index: usize) -> N {
        self.leaves[index / NODE].first[index % NODE]
    }

    #[inline]
    fn rule(&self, index: usize) -> u32 {
        self.leaves[index / NODE].rules[index % NODE]
    }

    #[inline]
    fn last(&self, index: usize) -> N {
        match self.leaves[index / NODE].sizes[index % NODE] {
            TO_NEXT => self.first(index + 1).previous(),
            ELSEWHERE => {
                let place = self.ends.partition_point(|&(range, _)| (range as usize) < index);
                self.ends[place].1
            }
            size => self.first(index).last_of(size),
        }
    }
}

impl<N> Default for Ranges<N> {
    fn default() -> Self {
        Self { count: 0, leaves: Vec::new(), levels: Vec::new(), shortcuts: Vec::new(), ends: Vec::new() }
    }
}

/// The table of shortcuts to `leaves`; empty for numbers without buckets.
fn shortcuts<N: Number>(leaves: &[Leaf<N>]) -> Vec<u32> {
    let mut shortcuts = Vec::new();
    for (number, leaf) in (0_u32..).zip(leaves) {
        let Some(bucket) = leaf.first[0].bucket() else { return Vec::new() };
        // The lowest address of this bucket may lie below the leaf; those of all further ones do not.
        let is_lowest = leaf.first[0] == leaf.first[0].lowest();
        let reached = if is_lowest { bucket } else { bucket + 1 };
        shortcuts.resize(reached.max(shortcuts.len()), number.saturating_sub(1));
    }
    let last = u32::try_from(leaves.len()).map_or(u32::MAX, |count| count.saturating_sub(1));
    shortcuts.resize((1 << 16) + 1, last);
    shortcuts
}

/// Up to 16 keys, and the last address for those that are missing.
fn filled<N: Number>(keys: impl Iterator<Item = N>) -> [N; NODE] {
    let mut node = [N::LAST; NODE];
    node.iter_mut().zip(keys).for_each(|(place, key)| *place = key);
    node
}

/// Cuts intervals into ranges that do not overlap; where several cover an address, the lowest rule wins.
///
/// A sweep from the lowest address: `open` holds the intervals that have begun, lowest rule first;
/// those that have ended are dropped when they come to the top.
fn flatten<N: Number>(mut intervals: Vec<Interval<N>>) -> Vec<Interval<N>> {
    intervals.sort_unstable_by_key(|interval| (interval.first, interval.rule));
    let mut ranges: Vec<Interval<N>> = Vec::with_capacity(intervals.len());
    let mut open: BinaryHeap<Reverse<(u32, N)>> = BinaryHeap::new();
    let mut at = N::FIRST;
    for index in 0..=intervals.len() {
        let next = intervals.get(index);
        // Write out what is open up to where the next interval begins.
        while let Some(&Reverse((rule, last))) = open.peek() {
            if last < at {
                open.pop();
                continue;
            }
            let end = match next {
                Some(next) if next.first == at => break,
                Some(next) => last.min(next.first.previous()),
                None => last,
            };
            append(&mut ranges, Interval { first: at, last: end, rule });
            if end == N::LAST {
                return shrunk(ranges);
            }
            at = end.next();
        }
        let Some(next) = next else { break };
        at = next.first;
        open.push(Reverse((next.rule, next.last)));
    }
    shrunk(ranges)
}

/// Adds a range, or makes the last one longer.
fn append<N: Number>(ranges: &mut Vec<Interval<N>>, range: Interval<N>) {
    match ranges.last_mut() {
        Some(last) if last.rule == range.rule && last.last.next() == range.first => last.last = range.last,
        _ => ranges.push(range),
    }
}

fn shrunk<N>(mut ranges: Vec<Interval<N>>) -> Vec<Interval<N>> {
    ranges.shrink_to_fit();
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(intervals: &[(u32, u32, u32)]) -> Vec<(u32, u32, u32)> {
        let intervals = intervals.iter().map(|&(first, last, rule)| Interval { first, last, rule });
        flatten(intervals.collect()).iter().map(|range| (range.first, range.last, range.rule)).collect()
    }

    #[test]
    fn the_lowest_rule_wins_where_intervals_overlap() {
        let table: &[(&[_], &[_])] = &[
            (&[], &[]),
            (&[(5, 9, 0), (1, 2, 1)], &[(1, 2, 1), (5, 9, 0)]),
            (&[(0, 9, 0), (3, 4, 1)], &[(0, 9, 0)]),
            (&[(3, 4, 0), (0, 9, 1)], &[(0, 2, 1), (3, 4, 0), (5, 9, 1)]),
            (&[(0, 5, 1), (4, 9, 0)], &[(0, 3, 1), (4, 9, 0)]),
            (&[(0, u32::MAX, 1), (7, 7, 0)], &[(0, 6, 1), (7, 7, 0), (8, u32::MAX, 1)]),
            (&[(0, 1, 2), (2, 3, 2), (4, 4, 3)], &[(0, 3, 2), (4, 4, 3)]),
        ];
        for (intervals, expected) in table {
            assert_eq!(ranges(intervals), *expected, "{intervals:?}");
        }
    }

    #[test]
    fn every_range_is_found_whatever_their_number() {
        // Around the sizes at which nodes and levels of the tree are full.
        for count in [0, 1, 15, 16, 17, 255, 256, 257, 4096, 4097] {
            let step = u32::MAX / 4100;
            let intervals = (0..count).map(|rule| {
                let first = u32::MAX - rule * step - 5;
                Interval { first, last: first + 5, rule }
            });
            let ranges = Ranges::new(intervals.collect());
            for rule in 0..count {
                let last = u32::MAX - rule * step;
                assert_eq!(ranges.find(last), Some(rule), "{count}");
                assert_eq!(ranges.find(last - 5), Some(rule), "{count}");
                assert_eq!(ranges.find(last - 6), None, "{count}");
            }
            assert_eq!(ranges.find(0), None, "{count}");
        }
    }

    #[test]
    fn shortcuts_lead_where_the_levels_lead() {
        // Spread over all buckets, beginning with some of them, all in one, and many in few.
        for (step, start) in
            [(700_001, 0), (1 << 19, 0), (1 << 16, 0), (7, 9 << 16), (97, u32::MAX - 97 * 5_001)]
        {
            let intervals: Vec<Interval<u32>> = (0..5_000)
                .map(|rule| {
                    let first = start + rule * step;
                    Interval { first, last: first + step / 2, rule }
                })
                .collect();
            let ranges = Ranges::new(intervals.clone());
            assert!(!ranges.shortcuts.is_empty());
            for interval in &intervals {
                assert_eq!(ranges.find(interval.first), Some(interval.rule));
                assert_eq!(ranges.find(interval.last), Some(interval.rule));
                assert_eq!(ranges.find(interval.last + 1), None);
            }
            let beyond = (0..=u32::MAX).step_by(65_521);
            for address in beyond {
                let expected = (address.checked_sub(start).filter(|offset| offset % step <= step / 2))
                    .map(|offset| offset / step)
                    .filter(|rule| *rule < 5_000);
                assert_eq!(ranges.find(address), expected, "{address} {step}");
            }
        }
    }
}
