//! The entries as they were written, in one arena.

/// All texts, one behind the other, and where each ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    all: String,
    ends: Vec<u32>,
}

impl Texts {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds the text of the next entry.
    pub(super) fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(u32::try_from(self.all.len()).expect("all texts together are below 4 GiB"));
    }

    /// The text of an entry.
    pub(super) fn text(&self, index: u32) -> &str {
        let index = index as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start as usize..self.ends[index] as usize]
    }

    /// Gives back the memory that was kept for more.
    pub(super) fn shrink(&mut self) {
        self.all.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The memory behind it, in bytes.
    pub(super) fn footprint(&self) -> usize {
        self.all.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}
