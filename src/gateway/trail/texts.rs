//! The texts of a request, kept until its line is written, and longer: who goes on asking over one connection sends
//! nearly all of them again.

use crate::gateway::field::Field;
use crate::gateway::rules::Edition;
use crate::policy::whitelist::{EntryId, Rule};
use crate::record::event::Raw;

use super::sight::{Entry, Sight};

/// So many bytes of a text are kept: what is written holds no more.
const LONGEST: usize = 513;

/// What was sent, one text behind the other.
#[derive(Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    /// Where each is, if there is one.
    places: [Option<(u32, u32)>; PARTS],
    /// The entry whose text and place these are.
    entry: Option<(EntryId, Edition)>,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Who signed in.
    User,
    /// The entry that covers the address.
    Rule,
    /// `config.yaml:12`
    Place,
    /// `GET`
    Method,
    /// The host that is asked for.
    Host,
    /// The `User-Agent`.
    Agent,
    /// The path without the query. Stands behind the others, because it differs from request to request.
    Path,
}

const PARTS: usize = Part::Path as usize + 1;

impl Texts {
    /// Takes the texts of a request in place of those of the one before. Were they the same, but for the path?
    #[inline]
    pub fn keep_all(&mut self, sight: &Sight<'_>) -> bool {
        let path = sight.target.map(|(path, _)| path.as_bytes());
        // Nothing stands behind the path, or it could not be replaced.
        let is_path_last =
            self.places[Part::Path as usize].is_none_or(|(_, to)| to as usize == self.bytes.len());
        if is_path_last && self.are_of(sight) {
            let before = self.places[Part::Path as usize].map_or(self.bytes.len(), |(from, _)| from as usize);
            self.bytes.truncate(before);
            self.keep(Part::Path, path);
            return true;
        }
        self.bytes.clear();
        for (which, text) in others(sight) {
            self.keep(which, text);
        }
        self.entry = sight.entry.map(identity);
        self.keep(Part::Rule, sight.entry.map(|entry| entry.rule.text().as_bytes()));
        self.keep(Part::Place, sight.entry.map(|entry| place(entry.rule)).as_deref());
        self.keep(Part::Path, path);
        false
    }

    /// Whether all but the path are those of `sight`.
    #[inline]
    fn are_of(&self, sight: &Sight<'_>) -> bool {
        let is = |(which, text): (Part, Option<&[u8]>)| match (self.places[which as usize], text) {
            (None, None) => true,
            (Some(_), Some(text)) => self.get(which).is_some_and(|Raw(kept)| kept == within_limit(text)),
            (None, Some(_)) | (Some(_), None) => false,
        };
        self.entry == sight.entry.map(identity) && others(sight).into_iter().all(is)
    }

    /// Puts a text in place of the one that was kept, or none.
    pub fn keep(&mut self, which: Part, text: Option<&[u8]>) {
        // Seven texts of some hundred bytes each.
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.places[which as usize] = text.map(|text| {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(within_limit(text));
            (number(from), number(self.bytes.len()))
        });
    }

    /// As much of that text as is kept, if there is one.
    pub fn get(&self, which: Part) -> Option<Raw<'_>> {
        let (from, to) = self.places[which as usize]?;
        self.bytes.get(from as usize..to as usize).map(Raw)
    }
}

/// The texts of a request but for its path, and what the entry says.
#[inline]
fn others<'a>(sight: &Sight<'a>) -> [(Part, Option<&'a [u8]>); 4] {
    [
        (Part::User, sight.user.map(str::as_bytes)),
        (Part::Method, sight.head.map(|head| head.method.as_bytes())),
        (Part::Host, sight.target.and_then(|(_, host)| host)),
        (Part::Agent, sight.head.and_then(|head| head.first(Field::UserAgent))),
    ]
}

/// What no other entry has, in the list or in another.
fn identity(entry: Entry<'_>) -> (EntryId, Edition) {
    (entry.rule.id(), entry.edition)
}

/// `config.yaml:12`, or the file alone.
fn place(rule: &Rule<'_>) -> Vec<u8> {
    match rule.written_at() {
        (file, 0) => file.into(),
        (file, line) => format!("{file}:{line}").into(),
    }
}

/// As much of a text as is kept.
fn within_limit(text: &[u8]) -> &[u8] {
    &text[..text.len().min(LONGEST)]
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::policy::client::Client;
    use crate::policy::whitelist::{Place, Whitelist, WhitelistBuilder};
    use crate::record::event::Reason;

    const CLIENT: Client = Client::Direct { address: IpAddr::V4(Ipv4Addr::LOCALHOST) };

    fn listed(line: u32) -> Whitelist {
        let mut list = WhitelistBuilder::new();
        list.pattern(&"127.0.0.1".parse().unwrap(), "127.0.0.1", Place { file: "config.yaml".into(), line });
        list.build()
    }

    fn sight<'a>(user: Option<&'a str>, entry: Option<Entry<'a>>, path: &'a str, host: &'a str) -> Sight<'a> {
        let target = Some((path, Some(host.as_bytes())));
        Sight { user, entry, target, ..Sight::of_stranger(&CLIENT, Reason::Listed) }
    }

    fn entry<'a>(rule: &'a Rule<'a>) -> Entry<'a> {
        Entry { rule, edition: Edition::next() }
    }

    /// User, entry, place, host and path.
    fn kept(texts: &Texts) -> String {
        [Part::User, Part::Rule, Part::Place, Part::Host, Part::Path]
            .map(|part| texts.get(part).map_or("-", |Raw(text)| str::from_utf8(text).unwrap()).to_owned())
            .join(" ")
    }

    #[test]
    fn what_is_kept_is_what_was_sent_last_and_the_same_only_if_no_more_than_the_path_differs() {
        let (first, moved) = (listed(0), listed(7));
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (here, there) = (first.find(address).unwrap(), moved.find(address).unwrap());
        let (here, there) = (Some(entry(&here)), Some(entry(&there)));
        let mut texts = Texts::default();
        for (user, entry, path, host, is_same, all) in [
            (None, here, "/a", "one", false, "- 127.0.0.1 config.yaml one /a"),
            (None, here, "/a", "one", true, "- 127.0.0.1 config.yaml one /a"),
            (None, here, "/longer", "one", true, "- 127.0.0.1 config.yaml one /longer"),
            (None, here, "/", "one", true, "- 127.0.0.1 config.yaml one /"),
            (None, here, "/", "two", false, "- 127.0.0.1 config.yaml two /"),
            (None, there, "/", "two", false, "- 127.0.0.1 config.yaml:7 two /"),
            (None, there, "/b", "two", true, "- 127.0.0.1 config.yaml:7 two /b"),
            (None, None, "/b", "two", false, "- - - two /b"),
            (Some("alice"), None, "/b", "two", false, "alice - - two /b"),
            (Some("alic"), None, "/b", "two", false, "alic - - two /b"),
            (Some("alic"), None, "", "two", true, "alic - - two "),
        ] {
            assert_eq!(texts.keep_all(&sight(user, entry, path, host)), is_same, "{all}");
            assert_eq!(kept(&texts), all);
        }
    }

    #[test]
    fn who_signed_in_since_is_not_lost_with_the_path() {
        let mut texts = Texts::default();
        texts.keep_all(&sight(None, None, "/sign-in", "one"));
        texts.keep(Part::User, Some(b"alice"));
        assert_eq!(kept(&texts), "alice - - one /sign-in");
        assert!(!texts.keep_all(&sight(Some("alice"), None, "/", "one")));
        assert!(texts.keep_all(&sight(Some("alice"), None, "/chat", "one")));
        assert_eq!(kept(&texts), "alice - - one /chat");
    }

    #[test]
    fn no_more_of_a_text_is_kept_than_is_written() {
        let long = "a".repeat(LONGEST + 1);
        let mut texts = Texts::default();
        assert!(!texts.keep_all(&sight(Some(&long), None, &long, &long)));
        assert!(texts.keep_all(&sight(Some(&long), None, &long, &long)));
        for part in [Part::User, Part::Host, Part::Path] {
            assert_eq!(texts.get(part).map(|Raw(text)| text.len()), Some(LONGEST));
        }
    }
}
