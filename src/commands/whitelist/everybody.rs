//! Whether a change lets in everybody, by several entries of which none does alone.

use std::time::SystemTime;

use super::known::Listed;
use crate::config::Guest;
use crate::policy::address::Entry;
use crate::policy::whitelist::{Opening, Place, Whitelist, WhitelistBuilder};

/// An entry as it was written, and what it means.
pub type Written<'a> = (&'a str, &'a Entry);

/// What there is to warn of when `new` entries come to those that are `present`: a family of which nobody is kept out
/// any more. One entry that does that is not told here, it has a caution of its own.
pub fn completed<'a>(
    present: impl Iterator<Item = Written<'a>> + Clone,
    new: impl Iterator<Item = Written<'a>>,
) -> Vec<String> {
    let mut openings = list(present.clone().chain(new)).openings();
    openings.retain(Opening::is_joint);
    if !openings.is_empty() {
        let before = list(present).openings();
        openings.retain(|opening| !before.iter().any(|before| before.everyone.includes(opening.everyone)));
    }
    openings.iter().map(ToString::to_string).collect()
}

/// The entries of a list that mean something.
pub fn listed(list: &[Listed]) -> impl Iterator<Item = Written<'_>> + Clone {
    list.iter().filter_map(|listed| Some((&*listed.text, listed.entry.as_ref()?)))
}

/// The guests who come in at the moment `now`.
pub fn invited(guests: &[Guest], now: SystemTime) -> impl Iterator<Item = Written<'_>> + Clone {
    guests.iter().filter(move |guest| guest.is_in(now)).map(|guest| (&*guest.address, &guest.entry))
}

/// What a name stands for is known to the server only.
fn list<'a>(entries: impl Iterator<Item = Written<'a>>) -> Whitelist {
    let mut builder = WhitelistBuilder::new();
    let place = Place { file: "".into(), line: 0 };
    for (text, entry) in entries {
        let id = builder.entry(text, place.clone());
        match entry {
            Entry::Pattern(pattern) => builder.cover(id, pattern),
            Entry::Preset(preset) => preset.patterns().iter().for_each(|pattern| builder.cover(id, pattern)),
            Entry::Name(_) => {}
        }
    }
    builder.build()
}
