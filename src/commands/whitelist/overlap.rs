//! Which entries of a list are covered by others.

use std::collections::HashMap;

use crate::policy::address::Entry;
use crate::policy::whitelist::{Cover, CoverBuilder};

/// Entries by number, to be asked which one covers another: for five of them as for a million.
pub struct Overlap<'a> {
    cover: Cover,
    /// Names and words, each with the first entry that is it.
    words: HashMap<&'a Entry, u32>,
}

impl<'a> Overlap<'a> {
    /// Those of a list, in its order; `None` for one that means nothing.
    pub fn of(entries: impl IntoIterator<Item = Option<&'a Entry>>) -> Self {
        let (mut builder, mut words) = (CoverBuilder::default(), HashMap::new());
        for (number, entry) in (0..).zip(entries) {
            match entry {
                Some(Entry::Pattern(pattern)) => builder.add(number, pattern),
                Some(entry @ (Entry::Preset(_) | Entry::Name(_))) => {
                    words.entry(entry).or_insert(number);
                    if let Entry::Preset(preset) = entry {
                        preset.patterns().iter().for_each(|pattern| builder.add(number, pattern));
                    }
                }
                None => {}
            }
        }
        Self { cover: builder.build(), words }
    }

    /// The number of another entry by which everything in `entry` is let in; of two that mean the same the first covers
    /// the second. `number` is that of `entry`, where it is one of them. What a name or `lan` stands for is known to
    /// the server only, so those cover themselves alone.
    pub fn covering(&self, entry: &Entry, number: Option<u32>) -> Option<u32> {
        let patterns = match entry {
            Entry::Pattern(pattern) => return self.cover.of(pattern, number),
            Entry::Preset(preset) => preset.patterns(),
            Entry::Name(_) => Vec::new(),
        };
        let same = self.words.get(entry).copied().filter(|same| number.is_none_or(|number| *same < number));
        same.or_else(|| {
            let mut covering = patterns.iter().map(|pattern| self.cover.of(pattern, number));
            let first = covering.next()??;
            covering.all(|other| other == Some(first)).then_some(first)
        })
    }

    /// Whether all entries together keep out nobody of one family.
    pub fn is_everyone(&self) -> bool {
        self.cover.is_everyone()
    }
}
