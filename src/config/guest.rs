//! Guests: addresses that come in for a time. What a guest is, until when, and what is no guest.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::fault::{Fault, shortened};
use super::tree::{Content, Node};
use crate::error::Error;
use crate::policy::address::{Caution, Entry};

/// An address that may come in for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The address as it was written, in the grammar of the whitelist.
    pub address: String,
    /// What that means. Never an entry that lets in everybody.
    pub entry: Entry,
    /// The last moment.
    pub until: Until,
    /// Who it is; empty where nobody said.
    pub note: String,
    /// The line in the file the guest stands in, from 1; 0 outside files.
    pub line: u32,
}

/// Until when a guest comes in.
///
/// Read from a moment of RFC 3339 (`2030-01-31T18:00:00+01:00`); empty text for no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until somebody removes the guest.
    Removed,
    /// Until this moment, which is the first one outside.
    Moment(Moment),
}

/// A moment, and how it was written: in the offset of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    at: Timestamp,
    text: Box<str>,
}

/// The names of a guest's fields.
pub(super) const FIELDS: [&str; 3] = ["address", "until", "note"];

impl Guest {
    /// Whether the guest comes in at the moment `now`.
    #[must_use]
    pub fn is_in(&self, now: SystemTime) -> bool {
        !self.until.is_over(now)
    }

    /// Reads one element of the list of guests.
    pub(super) fn read(node: &Node) -> Result<Self, Box<Fault>> {
        let Content::Section(items) = &node.content else {
            return Err(Fault::new(node, "has to be a guest with `address`, `until` and `note`"));
        };
        let lacking = |what: String| {
            let mut fault = Fault::new(node, &what);
            fault.found.clear();
            fault.hint = Some("a guest has `address`, and may have `until` and `note`".to_owned());
            fault
        };
        if let Some(unknown) = items.iter().find(|item| !FIELDS.contains(&item.name.as_str())) {
            return Err(lacking(format!("takes no `{}`", shortened(&unknown.name))));
        }
        let field = |name: &str| items.iter().find(|item| item.name == name).map(|item| &item.value);
        let text = |name: &'static str| match field(name) {
            None => Ok(String::new()),
            Some(node) if matches!(node.content, Content::Switch(..)) => Err(unfit(node, name)),
            Some(node) => node.text().map(str::to_owned).ok_or_else(|| unfit(node, name)),
        };
        let Some(place) = field("address") else { return Err(lacking("has no `address`".to_owned())) };
        let address = text("address")?.trim().to_owned();
        let entry = entry(&address).map_err(|error| worded(place, "address", &error))?;
        let until = text("until")?;
        let until = match field("until") {
            // Left empty it may be a slip, and would mean for ever.
            Some(node) if until.trim().is_empty() => return Err(unfit(node, "until")),
            Some(node) => until.parse().map_err(|error| worded(node, "until", &error))?,
            None => Until::Removed,
        };
        let line = u32::try_from(node.span.line).unwrap_or(u32::MAX);
        Ok(Self { address, entry, until, note: text("note")?, line })
    }
}

/// What may be a guest's address: what the whitelist takes, but nothing that lets in everybody.
///
/// # Errors
/// No entry, or one without a limit.
pub fn entry(text: &str) -> Result<Entry, Error> {
    let entry: Entry = text.parse()?;
    let everybody = match &entry {
        Entry::Pattern(pattern) => {
            pattern.cautions().iter().any(|caution| matches!(caution, Caution::CoversEveryone(_)))
        }
        Entry::Name(_) | Entry::Preset(_) => false,
    };
    if everybody {
        return Err(Error::new(format!("`{entry}` is everybody, and everybody is no guest"))
            .hint("name an address or a network, such as `203.0.113.9` or `192.168.1.0/24`"));
    }
    Ok(entry)
}

/// A field that holds something else than its text.
fn unfit(node: &Node, field: &'static str) -> Box<Fault> {
    let takes = match field {
        "address" => "takes an address as `address`",
        "until" => "takes a moment as `until`",
        _ => "takes text as `note`",
    };
    let mut fault = Fault::new(node, takes);
    if field == "until" {
        fault.hint = Some(format!("write it as `{EXAMPLE}`, or leave it away for no end"));
    }
    fault.field = Some(field);
    fault
}

/// A field whose own reader says best what is wrong with it.
fn worded(node: &Node, field: &'static str, error: &Error) -> Box<Fault> {
    let mut fault = Fault::new(node, &format!("takes no such `{field}`: {error}"));
    fault.found.clear();
    fault.hint = error.hints().first().cloned();
    fault.field = Some(field);
    fault
}

const EXAMPLE: &str = "2030-01-31T18:00:00+01:00";

impl Until {
    /// The end of a stay that begins `now` and is `length` long, to the second, in the offset of the local time zone.
    ///
    /// # Errors
    /// An end beyond what calendars know.
    pub fn after(now: SystemTime, length: Duration) -> Result<Self, Error> {
        Self::after_in(now, length, TimeZone::system())
    }

    fn after_in(now: SystemTime, length: Duration, zone: TimeZone) -> Result<Self, Error> {
        let beyond = |error: jiff::Error| {
            Error::new("a stay of that length has no end in any calendar")
                .caused_by(error.to_string())
                .hint("without `--for` the entry stays")
        };
        let length = SignedDuration::try_from(length).map_err(beyond)?;
        let end = Timestamp::try_from(now).and_then(|now| now.checked_add(length)).map_err(beyond)?;
        let end = end.round(jiff::Unit::Second).map_err(beyond)?;
        let text = end.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        Ok(Self::Moment(Moment { at: end, text: text.into() }))
    }

    /// Whether that was before `now`, or is `now`.
    #[must_use]
    pub fn is_over(&self, now: SystemTime) -> bool {
        match self {
            Self::Removed => false,
            // A clock that calendars do not reach lets nobody stay.
            Self::Moment(moment) => Timestamp::try_from(now).map_or(true, |now| moment.at <= now),
        }
    }

    /// Whether it ends later than `other`, or never.
    #[must_use]
    pub fn is_later_than(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Removed) => false,
            (Self::Removed, Self::Moment(_)) => true,
            (Self::Moment(ours), Self::Moment(theirs)) => ours.at > theirs.at,
        }
    }
}

impl FromStr for Until {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Removed);
        }
        let refused = || {
            Error::new(format!("`{text}` is no moment of RFC 3339"))
                .hint(format!("write the date, the time and the offset: `{EXAMPLE}`"))
        };
        if !is_rfc_3339(text) {
            return Err(refused());
        }
        let at = text.parse().map_err(|error: jiff::Error| refused().caused_by(error.to_string()))?;
        Ok(Self::Moment(Moment { at, text: text.into() }))
    }
}

/// As it was written; empty for no end.
impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => Ok(()),
            Self::Moment(moment) => f.write_str(&moment.text),
        }
    }
}

/// Whether `text` has the shape of RFC 3339 5.6, of which other forms of ISO 8601 leave parts away. The numbers are
/// judged elsewhere.
fn is_rfc_3339(text: &str) -> bool {
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                b'T' => byte.eq_ignore_ascii_case(&b'T'),
                b'+' => byte == b'+' || byte == b'-',
                _ => byte == wanted,
            })
    };
    let Some((moment, rest)) = text.split_at_checked("2030-01-31T18:00:00".len()) else { return false };
    let fraction = rest.strip_prefix('.').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let offset = match fraction {
        Some(offset) if offset.len() + 1 == rest.len() => return false,
        Some(offset) => offset,
        None => rest,
    };
    shaped(moment, "0000-00-00T00:00:00") && (offset.eq_ignore_ascii_case("z") || shaped(offset, "+00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn moments() {
        for text in [
            "1970-01-01T00:01:40Z",
            "1970-01-01t00:01:40.000z",
            "1970-01-01T02:01:40+02:00",
            "1969-12-31T23:01:40-01:00",
        ] {
            let until: Until = text.parse().unwrap();
            assert_eq!(until.to_string(), text);
            assert_eq!((until.is_over(at(99)), until.is_over(at(100))), (false, true), "{text}");
        }
        for text in [
            "2030-01-31",
            "2030-01-31T18:00:00",
            "2030-01-31 18:00:00Z",
            "2030-01-31T18:00Z",
            "2030-01-31T18:00:00+01",
            "2030-01-31T18:00:00.Z",
            "2030-01-31T18:00:00+01:00[Europe/Berlin]",
            "20300131T180000Z",
            "2030-02-30T18:00:00Z",
            "tomorrow",
        ] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
        assert_eq!("".parse::<Until>().unwrap(), Until::Removed);
        assert!(!Until::Removed.is_over(at(u64::from(u32::MAX))));
    }

    #[test]
    fn the_end_of_a_stay() {
        let zone = || TimeZone::fixed(jiff::tz::offset(2));
        let end = |length| Until::after_in(at(0) + Duration::from_millis(400), length, zone());
        let day = Duration::from_hours(24);
        assert_eq!(end(day).unwrap().to_string(), "1970-01-02T02:00:00+02:00");
        assert_eq!(end(Duration::from_millis(600)).unwrap().to_string(), "1970-01-01T02:00:01+02:00");
        assert!(end(Duration::MAX).is_err());
        let (earlier, later) = (end(day).unwrap(), end(day * 2).unwrap());
        assert!(later.is_later_than(&earlier) && !earlier.is_later_than(&later));
        assert!(Until::Removed.is_later_than(&later) && !later.is_later_than(&Until::Removed));
    }
}
