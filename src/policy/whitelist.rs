//! The list of those who may come in, compiled: five entries or a million, asked on every request.
//!
//! Contiguous entries become sorted ranges that do not overlap, one table a family, searched through
//! a static B-tree. Masks with holes are few and lie beside it, grouped by mask. Each entry keeps its text and place
//! in two arenas, so that an entry costs its text and a few bytes. Guests are few, and known by their number.

mod cover;
mod family;
mod opening;
mod places;
mod ranges;
mod table;
mod texts;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::OnceLock;

use super::address::{Everyone, IpPattern, Mask, Span};
pub use cover::{Cover, CoverBuilder};
use family::Family;
pub use opening::Opening;
pub use places::Place;
use places::Places;
use ranges::Interval;
use table::{Found, NOBODY, Table};
use texts::Texts;

/// The number of an entry, in the order of the list, from 0. Of no meaning to another list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(u32);

impl EntryId {
    /// The number.
    #[must_use]
    pub fn number(self) -> usize {
        self.0 as usize
    }
}

/// Who may come in. Immutable; a changed list is a new one.
///
/// Where several entries cover an address, the first in the list counts.
#[derive(Clone, Debug, Default)]
pub struct Whitelist {
    v4: Family<u32>,
    v6: Family<u128>,
    texts: Texts,
    places: Places,
    guests: BTreeMap<u32, Box<str>>,
    /// Made for whoever asks about many addresses.
    table: OnceLock<Table>,
}

impl Whitelist {
    /// The first entry in the list that covers `address`; an IPv4-mapped address counts as IPv4.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<Rule<'_>> {
        let index = match address.to_canonical() {
            IpAddr::V4(address) => self.v4.find(address.to_bits()),
            IpAddr::V6(address) => self.v6.find(address.to_bits()),
        };
        index.map(|index| self.rule(index))
    }

    /// The same as [`Whitelist::find`] for each of many IPv4 `addresses`, given as numbers; `entries` has room for as
    /// many. Faster where there are thousands to ask about: the first question makes a table of its own.
    pub fn find_all(&self, addresses: &[u32], entries: &mut [Option<EntryId>]) {
        let Some(ranges) = self.v4.only_ranges() else {
            for (&address, entry) in addresses.iter().zip(entries) {
                *entry = self.v4.find(address).map(EntryId);
            }
            return;
        };
        let table = self.table.get_or_init(|| Table::new(ranges));
        for (&address, entry) in addresses.iter().zip(entries) {
            *entry = match table.find(address) {
                Found::Rule(rule) => (rule != NOBODY).then_some(EntryId(rule)),
                Found::Crowded => self.v4.find(address).map(EntryId),
            };
        }
    }

    /// The entry that misses `address` by the least: of the same family, with the longest common
    /// prefix with one of its addresses; the one that covers it, if there is one. For explanations; as
    /// cheap as [`Whitelist::find`], so that strangers may cause it.
    #[must_use]
    pub fn nearest(&self, address: IpAddr) -> Option<Rule<'_>> {
        let index = match address.to_canonical() {
            IpAddr::V4(address) => self.v4.nearest(address.to_bits()),
            IpAddr::V6(address) => self.v6.nearest(address.to_bits()),
        };
        index.map(|index| self.rule(index))
    }

    /// How many entries were written, those among them that cover nothing included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether nothing was written, so that nobody comes in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each family of which the list keeps nobody out, by one entry or by several together (`0.0.0.0/1` and
    /// `128.0.0.0/1`); both in one where the same entries let in both.
    #[must_use]
    pub fn openings(&self) -> Vec<Opening> {
        let (v4, v6) = (&self.v4.open, &self.v6.open);
        let by = |everyone, rules: &[u32]| Opening::by(everyone, rules.iter().map(|index| self.rule(*index)));
        if v4 == v6 {
            return by(Everyone::Both, v4).into_iter().collect();
        }
        by(Everyone::Ipv4, v4).into_iter().chain(by(Everyone::Ipv6, v6)).collect()
    }

    /// The first of the [`openings`](Self::openings): that of IPv4 tells more.
    #[must_use]
    pub fn covers_everyone(&self) -> Option<Opening> {
        self.openings().into_iter().next()
    }

    /// What the writers of its entries may not have meant, beside the cautions of each entry: one line each, which
    /// begins with the place of the first.
    pub fn cautions(&self) -> impl Iterator<Item = String> {
        let joint = self.openings().into_iter().filter(Opening::is_joint);
        joint.map(|opening| format!("{}: {opening}", opening.place))
    }

    /// The entries in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = Rule<'_>> {
        (0..).take(self.len()).map(|index| self.rule(index))
    }

    /// The entry of that number; `None` when the number is of another, longer list.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> Option<Rule<'_>> {
        ((id.0 as usize) < self.len()).then(|| self.rule(id.0))
    }

    /// The memory behind this list, in bytes: what budgets are measured with.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let guests = self.guests.values().map(|until| until.len() + size_of::<(u32, Box<str>)>());
        self.v4.footprint()
            + self.v6.footprint()
            + self.texts.footprint()
            + self.places.footprint()
            + guests.sum::<usize>()
            + self.table.get().map_or(0, Table::footprint)
    }

    fn rule(&self, index: u32) -> Rule<'_> {
        Rule { whitelist: self, index }
    }
}

/// One entry of a list: what was written, and where.
#[derive(Clone, Copy)]
pub struct Rule<'a> {
    whitelist: &'a Whitelist,
    index: u32,
}

impl<'a> Rule<'a> {
    /// The entry as it was written.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.whitelist.texts.text(self.index)
    }

    /// Where it was written.
    #[must_use]
    pub fn place(&self) -> Place {
        self.whitelist.places.place(self.index)
    }

    /// For how long it lets in.
    #[must_use]
    pub fn stay(&self) -> Stay<'a> {
        match self.whitelist.guests.get(&self.index).map(|until| &**until) {
            None => Stay::Resident,
            Some("") => Stay::Guest,
            Some(until) => Stay::GuestUntil(until),
        }
    }

    /// The file it was written in, or whatever else it came from, and the line; 0 where there are no lines. As
    /// [`Rule::place`] has it, without a copy.
    #[must_use]
    pub fn written_at(&self) -> (&'a str, u32) {
        self.whitelist.places.written_at(self.index)
    }

    /// Its number in the list, small enough to keep beside a decision.
    #[must_use]
    pub fn id(&self) -> EntryId {
        EntryId(self.index)
    }
}

impl fmt::Debug for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.place())
    }
}

impl PartialEq for Rule<'_> {
    /// The same entry of the same list, or one with the same text from the same place.
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text() && self.place() == other.place()
    }
}

impl Eq for Rule<'_> {}

/// For how long an entry lets in. Whoever makes the list leaves out the guests whose time is over, and makes a new one
/// when the next one's is: a list knows no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay<'a> {
    /// For good: an entry of the whitelist.
    Resident,
    /// A guest without an end.
    Guest,
    /// A guest until this moment, as its owner wrote it.
    GuestUntil(&'a str),
}

/// `guest until 2030-01-31T18:00:00+01:00`; nothing for an entry of the whitelist.
impl fmt::Display for Stay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resident => Ok(()),
            Self::Guest => f.write_str("guest"),
            Self::GuestUntil(until) => write!(f, "guest until {until}"),
        }
    }
}

/// Gathers entries in the order of the list.
#[derive(Debug, Default)]
pub struct WhitelistBuilder {
    v4: Vec<Interval<u32>>,
    v6: Vec<Interval<u128>>,
    v4_masks: BTreeMap<u32, Vec<(u32, u32)>>,
    v6_masks: BTreeMap<u128, Vec<(u128, u32)>>,
    texts: Texts,
    places: Places,
    guests: BTreeMap<u32, Box<str>>,
}

impl WhitelistBuilder {
    /// A list without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry that covers nothing yet. A host name that has no address stays like that.
    ///
    /// # Panics
    /// When the list has 2^32 entries, or all texts together 4 GiB.
    #[expect(clippy::needless_pass_by_value, reason = "a place belongs to the entry it is given to")]
    pub fn entry(&mut self, text: &str, place: Place) -> EntryId {
        let id = u32::try_from(self.texts.len()).expect("a list has fewer than 2^32 entries");
        self.texts.push(text);
        self.places.push(id, &place);
        EntryId(id)
    }

    /// Lets an entry cover the addresses of `pattern`, beside those that it covers already.
    pub fn cover(&mut self, EntryId(rule): EntryId, pattern: &IpPattern) {
        match pattern.span() {
            Span::Everyone => {
                self.v4.push(Interval { first: 0, last: u32::MAX, rule });
                self.v6.push(Interval { first: 0, last: u128::MAX, rule });
            }
            Span::V4 { first, last } => self.v4.push(Interval { first, last, rule }),
            Span::V6 { first, last } => self.v6.push(Interval { first, last, rule }),
            Span::V4Mask(Mask { value, mask }) => self.v4_masks.entry(mask).or_default().push((value, rule)),
            Span::V6Mask(Mask { value, mask }) => self.v6_masks.entry(mask).or_default().push((value, rule)),
        }
    }

    /// Adds an entry that is one pattern.
    ///
    /// # Panics
    /// As [`WhitelistBuilder::entry`].
    pub fn pattern(&mut self, pattern: &IpPattern, text: &str, place: Place) -> EntryId {
        let id = self.entry(text, place);
        self.cover(id, pattern);
        id
    }

    /// Says that an entry is a guest, who comes in until the moment `until`; empty for no end.
    pub fn guest(&mut self, EntryId(rule): EntryId, until: &str) {
        self.guests.insert(rule, until.into());
    }

    /// The list. Takes time in proportion to n log n; a million entries are well below half a second.
    #[must_use]
    pub fn build(mut self) -> Whitelist {
        let v4 = Family::new(self.v4, self.v4_masks);
        let v6 = Family::new(self.v6, self.v6_masks);
        self.texts.shrink();
        self.places.shrink();
        Whitelist {
            v4,
            v6,
            texts: self.texts,
            places: self.places,
            guests: self.guests,
            table: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn at(line: u32) -> Place {
        Place { file: Arc::from("config.yaml"), line }
    }

    fn list(texts: &[&str]) -> Whitelist {
        let mut builder = WhitelistBuilder::new();
        for (line, text) in (10..).zip(texts) {
            builder.pattern(&text.parse().unwrap(), text, at(line));
        }
        builder.build()
    }

    fn found(list: &Whitelist, address: &str) -> Option<String> {
        list.find(address.parse().unwrap()).map(|rule| format!("{} at {}", rule.text(), rule.place()))
    }

    #[test]
    fn the_first_entry_in_the_list_counts() {
        let list = list(&["192.168.0.7", "192.168.0.0/24", "*.*.0.8", "192.168.*", "::1", "*.*.9.9"]);
        let table = [
            ("192.168.0.7", Some("192.168.0.7 at config.yaml:10")),
            ("::ffff:192.168.0.7", Some("192.168.0.7 at config.yaml:10")),
            ("192.168.0.8", Some("192.168.0.0/24 at config.yaml:11")),
            ("192.168.0.6", Some("192.168.0.0/24 at config.yaml:11")),
            ("10.9.0.8", Some("*.*.0.8 at config.yaml:12")),
            ("192.168.9.9", Some("192.168.* at config.yaml:13")),
            ("10.1.9.9", Some("*.*.9.9 at config.yaml:15")),
            ("::1", Some("::1 at config.yaml:14")),
            ("10.9.0.9", None),
            ("::2", None),
        ];
        for (address, expected) in table {
            assert_eq!(found(&list, address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn an_empty_list_takes_nobody() {
        let list = WhitelistBuilder::new().build();
        assert_eq!(list.find("127.0.0.1".parse().unwrap()), None);
        assert_eq!(list.nearest("127.0.0.1".parse().unwrap()), None);
        assert!(list.is_empty() && list.iter().next().is_none() && list.covers_everyone().is_none());
    }

    #[test]
    fn an_entry_may_cover_nothing_or_several_patterns() {
        let mut builder = WhitelistBuilder::new();
        builder.entry("gone.lan", Place { file: Arc::from("INNKEEPER_WHITELIST"), line: 0 });
        let phone = builder.entry("phone.lan", at(3));
        builder.cover(phone, &"10.0.0.7".parse().unwrap());
        builder.cover(phone, &"fd00::7".parse().unwrap());
        let list = builder.build();
        let entries: Vec<String> = list.iter().map(|rule| format!("{rule:?}")).collect();
        assert_eq!(entries, ["gone.lan (INNKEEPER_WHITELIST)", "phone.lan (config.yaml:3)"]);
        assert_eq!(found(&list, "10.0.0.7").as_deref(), Some("phone.lan at config.yaml:3"));
        assert_eq!(list.find("fd00::7".parse().unwrap()).map(|rule| rule.id()), Some(phone));
        assert_eq!(list.entry(phone).map(|rule| rule.text()), Some("phone.lan"));
    }

    #[test]
    fn places_survive_gaps_and_changes_of_file() {
        let places =
            [("a", 1), ("a", 2), ("a", 5), ("b", 6), ("a", 6), ("a", 7), ("c", 0), ("c", 0), ("c", 3)];
        let places = places.map(|(file, line)| Place { file: Arc::from(file), line });
        let mut builder = WhitelistBuilder::new();
        for place in &places {
            builder.entry("x", place.clone());
        }
        let list = builder.build();
        assert_eq!(list.iter().map(|rule| rule.place()).collect::<Vec<_>>(), places);
    }

    #[test]
    fn a_list_for_everyone_is_noticed() {
        let table: &[(&[&str], &str)] = &[
            (&["127.0.0.1", "*"], "`*` lets in every address"),
            (&["10.0.0.1", "0.0.0.0/0"], "`0.0.0.0/0` lets in every IPv4 address"),
            (
                &["::/0", "0.0.0.0/0"],
                "`0.0.0.0/0` lets in every IPv4 address; `::/0` lets in every IPv6 address",
            ),
            (
                &["::/0", "*", "0.0.0.0/1", "128.0.0.0/1"],
                "`*` lets in every IPv4 address; `::/0` lets in every IPv6 address",
            ),
            (
                &["128.0.0.0/1", "127.0.0.1", "0.0.0.0/1"],
                "`128.0.0.0/1` and `0.0.0.0/1` let in every IPv4 address, taken together",
            ),
            (&["8000::/1", "::/1"], "`8000::/1` and `::/1` let in every IPv6 address, taken together"),
            (
                &["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/3", "224.0.0.0/3"],
                "`0.0.0.0/2`, `64.0.0.0/2`, `128.0.0.0/2` and 2 others let in every IPv4 address, taken together",
            ),
            (
                &["0.0.0.0/2", "64.0.0.0-191.255.255.255", "224.0.0.0/3", "192.0.0.0/3"],
                "`0.0.0.0/2`, `64.0.0.0-191.255.255.255`, `224.0.0.0/3` and 1 other let in every IPv4 address, taken \
                 together",
            ),
            (&["0.0.0.0-255.255.255.254"], ""),
            (&["0.0.0.0/1", "129.0.0.0/8"], ""),
            (&["10.0.0.0/8", "::1"], ""),
        ];
        for (texts, expected) in table {
            let list = list(texts);
            let told: Vec<String> = list.openings().iter().map(ToString::to_string).collect();
            assert_eq!(told.join("; "), *expected, "{texts:?}");
            let joint: Vec<String> =
                told.into_iter().filter(|told| told.ends_with("taken together")).collect();
            let cautions: Vec<String> = list.cautions().collect();
            assert_eq!(cautions.len(), joint.len(), "{texts:?}");
        }
        let list = list(&["10.0.0.1", "128.0.0.0/1", "0.0.0.0/1"]);
        assert_eq!(
            list.cautions().collect::<Vec<_>>(),
            ["config.yaml:11: `128.0.0.0/1` and `0.0.0.0/1` let in every IPv4 address, taken together"]
        );
    }

    #[test]
    fn the_nearest_entry_has_the_longest_common_prefix() {
        let list = list(&["10.0.0.0/8", "192.168.0.0/24", "192.168.3.*", "2001:db8::/32"]);
        let table = [
            ("192.168.2.4", "192.168.3.*"),
            ("192.168.1.4", "192.168.0.0/24"),
            ("11.0.0.1", "10.0.0.0/8"),
            ("10.2.3.4", "10.0.0.0/8"),
            ("fe80::1", "2001:db8::/32"),
        ];
        for (address, expected) in table {
            let nearest = list.nearest(address.parse().unwrap());
            assert_eq!(nearest.map(|rule| rule.text()), Some(expected), "{address}");
        }
    }

    #[test]
    fn an_entry_costs_less_than_64_bytes() {
        type Write = fn(u32) -> String;
        let lists: [Write; 3] = [
            |n| std::net::Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b1)).to_string(),
            |n| format!("{}.{}.{}.0/24", n % 211, n % 199, n % 251),
            |n| format!("2001:db8:{:x}:{:x}::/64", n % 65521, n % 65519),
        ];
        for write in lists {
            let mut builder = WhitelistBuilder::new();
            let count: u32 = 20_000;
            for n in 0..count {
                let text = write(n);
                builder.pattern(&text.parse().unwrap(), &text, at(n + 1));
            }
            let footprint = builder.build().footprint();
            assert!(footprint < 64 * count as usize, "{footprint} bytes for {count} entries as {}", write(7));
        }
    }

    /// Patterns that lie close together, so that they overlap and touch.
    fn pattern() -> impl Strategy<Value = String> {
        let v4 = (0..4_u32, 0..=255_u32).prop_map(|(c, d)| format!("10.0.{c}.{d}"));
        let v6 = (0..4_u32, 0..=255_u32).prop_map(|(g, h)| format!("fd00::{g:x}:{h:x}"));
        let mask = prop_oneof![Just("0.0.255.0"), Just("255.0.255.15"), Just("255.255.0.7")];
        prop_oneof![
            4 => v4.clone(),
            4 => (v4.clone(), 16..=32_u8).prop_map(|(address, prefix)| format!("{address}/{prefix}")),
            4 => (0..=1023_u32, 0..=300_u32).prop_map(|(first, length)| {
                let address = |n| std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
                format!("{}-{}", address(first), address(first + length))
            }),
            2 => (v4, mask).prop_map(|(address, mask)| format!("{address}/{mask}")),
            2 => v6.clone(),
            2 => (v6, 96..=128_u8).prop_map(|(address, prefix)| format!("{address}/{prefix}")),
            1 => Just("fd00::*:7".to_owned()),
            1 => Just("*".to_owned()),
        ]
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            (0..5_u8, any::<u8>()).prop_map(|(c, d)| IpAddr::from([10, 0, c, d])),
            (0..5_u16, 0..=257_u16).prop_map(|(g, h)| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, g, h])),
        ]
    }

    /// The common prefix of an address with the best of a pattern's addresses, by trying prefixes.
    fn closeness(pattern: &IpPattern, address: IpAddr) -> Option<u32> {
        let shares = |bits: u32| match (pattern.span(), address) {
            (Span::Everyone, _) => true,
            (Span::V4 { first, last }, IpAddr::V4(address)) => {
                let free = u32::MAX.checked_shr(bits).unwrap_or(0);
                let low = address.to_bits() & !free;
                first <= (low | free) && last >= low
            }
            (Span::V6 { first, last }, IpAddr::V6(address)) => {
                let free = u128::MAX.checked_shr(bits).unwrap_or(0);
                let low = address.to_bits() & !free;
                first <= (low | free) && last >= low
            }
            (Span::V4Mask(Mask { value, mask }), IpAddr::V4(address)) => {
                (address.to_bits() ^ value) & mask & !u32::MAX.checked_shr(bits).unwrap_or(0) == 0
            }
            (Span::V6Mask(Mask { value, mask }), IpAddr::V6(address)) => {
                (address.to_bits() ^ value) & mask & !u128::MAX.checked_shr(bits).unwrap_or(0) == 0
            }
            _ => false,
        };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (0..=bits).rev().find(|&bits| shares(bits))
    }

    proptest! {
        #[test]
        fn a_list_decides_as_its_entries_one_by_one(
            texts in prop::collection::vec(pattern(), 0..40),
            addresses in prop::collection::vec(address(), 1..40),
        ) {
            let patterns: Vec<IpPattern> = texts.iter().map(|text| text.parse().unwrap()).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let list = list(&texts);
            for address in addresses {
                let expected = patterns.iter().position(|pattern| pattern.contains(address));
                let found = list.find(address).map(|rule| rule.id().number());
                prop_assert_eq!(found, expected, "{}", address);
                if let IpAddr::V4(v4) = address {
                    let mut all = [None];
                    list.find_all(&[v4.to_bits()], &mut all);
                    prop_assert_eq!(all[0].map(EntryId::number), expected, "{}", address);
                }

                let closest = patterns.iter().filter_map(|pattern| closeness(pattern, address)).max();
                let nearest = list.nearest(address).map(|rule| rule.id().0 as usize);
                let closeness = nearest.and_then(|nearest| closeness(&patterns[nearest], address));
                prop_assert_eq!(closeness, closest, "{} {:?}", address, nearest);
            }
        }
    }
}
