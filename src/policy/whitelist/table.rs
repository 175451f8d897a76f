//! The IPv4 ranges of a list once more, laid out for millions of questions one behind the other.
//!
//! [`Ranges`](super::ranges::Ranges) is compact and good for one question at a time. Here every question takes the same
//! steps whatever the answer, without a branch that hangs on the address, so that the processor has several under way.

use super::ranges::Ranges;

/// The ranges by the first 16 bits of an address. Three times the memory of [`Ranges`].
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// By those bits, the first range that begins with them or behind them. One more than there are such bits.
    starts: Vec<u32>,
    /// Where each range begins, in order; one that covers nobody before them, and [`WINDOW`] last addresses behind.
    firsts: Vec<u32>,
    /// The last address of each range, and its entry.
    ends: Vec<(u32, u32)>,
}

/// What is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The number of the entry, or [`NOBODY`].
    Rule(u32),
    /// Too many ranges begin with the same bits; the ranges have to be asked.
    Crowded,
}

/// The number of no entry.
pub(super) const NOBODY: u32 = u32::MAX;

/// So many beginnings are compared at once.
const WINDOW: usize = 8;

impl Table {
    /// The same as `ranges`.
    pub(super) fn new(ranges: &Ranges<u32>) -> Self {
        let (mut firsts, mut ends) = (vec![0], vec![(0, NOBODY)]);
        let mut starts = Vec::with_capacity((1 << 16) + 1);
        for range in ranges.iter() {
            let reached = (range.first >> 16) as usize + 1;
            starts.resize(reached.max(starts.len()), number(firsts.len()));
            firsts.push(range.first);
            ends.push((range.last, range.rule));
        }
        starts.resize((1 << 16) + 1, number(firsts.len()));
        firsts.resize(firsts.len() + WINDOW, u32::MAX);
        Self { starts, firsts, ends }
    }

    /// The entry that covers `address`.
    #[inline]
    pub(super) fn find(&self, address: u32) -> Found {
        let bucket = (address >> 16) as usize;
        let (start, next) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        match self.firsts[start..].first_chunk::<WINDOW>() {
            Some(window) if next - start <= WINDOW => {
                // Beginnings of the buckets behind are above the address. The last address may count the filling.
                let below = window.iter().map(|&first| u32::from(first <= address)).sum::<u32>() as usize;
                let (last, rule) = self.ends[(start + below - 1).min(self.ends.len() - 1)];
                Found::Rule(if address <= last { rule } else { NOBODY })
            }
            _ => Found::Crowded,
        }
    }

    /// The memory behind it, in bytes.
    pub(super) fn footprint(&self) -> usize {
        size_of_val(self.starts.as_slice())
            + size_of_val(self.firsts.as_slice())
            + size_of_val(self.ends.as_slice())
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("there are fewer than 2^32 ranges")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ranges::Interval;
    use super::*;

    /// What the ranges answer, or nothing where the table leaves it to them.
    fn agree(intervals: &[(u32, u32)], addresses: impl IntoIterator<Item = u32>) -> usize {
        let interval = |(rule, &(first, last)): (u32, &(u32, u32))| Interval { first, last, rule };
        let ranges = Ranges::new((0..).zip(intervals).map(interval).collect());
        let table = Table::new(&ranges);
        let answered = addresses.into_iter().filter(|&address| match table.find(address) {
            Found::Rule(rule) => {
                assert_eq!(ranges.find(address).unwrap_or(NOBODY), rule, "{address} {intervals:?}");
                true
            }
            Found::Crowded => false,
        });
        answered.count()
    }

    #[test]
    fn the_ends_of_all_addresses() {
        let edges = [0, 1, 0xffff, 0x1_0000, 0x1_0001, u32::MAX - 0x1_0000, u32::MAX - 1, u32::MAX];
        let table: &[&[(u32, u32)]] = &[
            &[],
            &[(0, u32::MAX)],
            &[(0, 0)],
            &[(u32::MAX, u32::MAX)],
            &[(0, 0), (u32::MAX, u32::MAX)],
            &[(1, 0xffff), (0x1_0000, 0x1_0000), (u32::MAX - 1, u32::MAX)],
            &[(0x1_0001, u32::MAX - 1)],
        ];
        for intervals in table {
            assert_eq!(agree(intervals, edges), edges.len(), "{intervals:?}");
        }
    }

    #[test]
    fn a_crowd_is_left_to_the_ranges() {
        let crowd: Vec<(u32, u32)> = (0..=8).map(|number| (number * 8, number * 8)).collect();
        assert_eq!(agree(&crowd, 0..100), 0);
        assert_eq!(agree(&crowd[1..], 0..100), 100);
        assert_eq!(agree(&crowd, [0x1_0000, u32::MAX]), 2);
    }

    proptest! {
        #[test]
        fn the_table_answers_as_the_ranges(
            intervals in prop::collection::vec((any::<u32>(), 0_u8..32), 0..40),
            addresses in prop::collection::vec(any::<u32>(), 1..40),
        ) {
            let intervals: Vec<(u32, u32)> =
                intervals.into_iter().map(|(first, bits)| (first, first.saturating_add(1 << bits))).collect();
            let edges = intervals.iter().flat_map(|&(first, last)| {
                [first.saturating_sub(1), first, last, last.saturating_add(1)]
            });
            agree(&intervals, edges.chain(addresses));
        }
    }
}
