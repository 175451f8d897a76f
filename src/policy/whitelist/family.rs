//! The entries of one address family: ranges, and beside them the masks with holes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::opening::fewest;
use super::ranges::{Interval, Number, Ranges};

/// The entries of one address family.
#[derive(Clone, Debug)]
pub(super) struct Family<N> {
    ranges: Ranges<N>,
    /// By the first entry of each, so that a search may stop early.
    masks: Vec<MaskGroup<N>>,
    /// The fewest entries that cover all of the family together; none where one of its addresses is left out.
    pub(super) open: Vec<u32>,
}

/// The entries that share a mask with holes.
#[derive(Clone, Debug)]
struct MaskGroup<N> {
    mask: N,
    first_rule: u32,
    /// Value and entry, sorted, each value once.
    values: Vec<(N, u32)>,
}

impl<N: Number> Family<N> {
    /// What `intervals` and `masks` cover; the masks with the value and the entry of each.
    pub(super) fn new(mut intervals: Vec<Interval<N>>, masks: BTreeMap<N, Vec<(N, u32)>>) -> Self {
        intervals.sort_unstable_by_key(|interval| (interval.first, interval.rule));
        let open = fewest(intervals.iter().copied());
        let ranges = Ranges::new(intervals);
        let masks = masks.into_iter().map(|(mask, mut values)| {
            let first_rule = values.iter().map(|&(_, rule)| rule).min().unwrap_or(u32::MAX);
            values.sort_unstable();
            values.dedup_by_key(|&mut (value, _)| value);
            values.shrink_to_fit();
            MaskGroup { mask, first_rule, values }
        });
        let mut masks: Vec<_> = masks.collect();
        masks.sort_unstable_by_key(|group| group.first_rule);
        Self { ranges, masks, open }
    }

    /// The ranges, where nothing else covers an address.
    pub(super) fn only_ranges(&self) -> Option<&Ranges<N>> {
        self.masks.is_empty().then_some(&self.ranges)
    }

    /// The first entry that covers `address`.
    #[inline]
    pub(super) fn find(&self, address: N) -> Option<u32> {
        let found = self.ranges.find(address);
        if self.masks.is_empty() { found } else { self.find_masked(address, found) }
    }

    fn find_masked(&self, address: N, found: Option<u32>) -> Option<u32> {
        let mut found = found.unwrap_or(u32::MAX);
        for group in &self.masks {
            if group.first_rule >= found {
                break;
            }
            if let Ok(index) = group.values.binary_search_by_key(&(address & group.mask), |&(value, _)| value)
            {
                found = found.min(group.values[index].1);
            }
        }
        (found != u32::MAX).then_some(found)
    }

    /// The entry that covers `address`, or else misses it by the least.
    pub(super) fn nearest(&self, address: N) -> Option<u32> {
        if let Some(rule) = self.find(address) {
            return Some(rule);
        }
        let masked = self.masks.iter().flat_map(|group| {
            let wanted = address & group.mask;
            let above = group.values.partition_point(|&(value, _)| value < wanted);
            // Sorted by value, the longest common prefix is beside the place of the wanted one.
            let beside = [above.checked_sub(1), Some(above)].into_iter().flatten();
            beside.filter_map(move |index| {
                let &(value, rule) = group.values.get(index)?;
                Some((wanted.common_prefix(value), rule))
            })
        });
        let near = self.ranges.beside(address).into_iter().flatten().chain(masked);
        near.max_by_key(|&(prefix, rule)| (prefix, Reverse(rule))).map(|(_, rule)| rule)
    }

    /// The memory behind it, in bytes.
    pub(super) fn footprint(&self) -> usize {
        let values: usize = self.masks.iter().map(|group| size_of_val(group.values.as_slice())).sum();
        self.ranges.footprint()
            + size_of_val(self.masks.as_slice())
            + values
            + size_of_val(self.open.as_slice())
    }
}

impl<N> Default for Family<N> {
    fn default() -> Self {
        Self { ranges: Ranges::default(), masks: Vec::new(), open: Vec::new() }
    }
}
