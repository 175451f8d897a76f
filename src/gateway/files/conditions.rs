//! Conditional and range requests: what of a file to send, by RFC 9110 sections 13 and 14. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use httpdate::{HttpDate, parse_http_date};
use hyper::Method;
use hyper::http::HeaderName;
use hyper::http::header::{self, HeaderMap, HeaderValue};

/// What a request asks about the version of the file that it wants.
#[derive(Debug)]
pub(super) struct Conditions {
    if_match: Option<Tags>,
    if_unmodified_since: Option<SystemTime>,
    if_none_match: Option<Tags>,
    if_modified_since: Option<SystemTime>,
    range: Option<Range>,
}

/// What to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 200
    Whole,
    /// 206: the bytes from `first` to `last`, both included.
    Part { first: u64, last: u64 },
    /// 304
    NotModified,
    /// 412
    Failed,
    /// 416
    OutOfRange,
}

/// One state of a file: two states with the same tag have the same bytes.
#[derive(Debug)]
pub(super) struct Version {
    tag: String,
    /// In whole seconds, as HTTP dates are.
    modified: Option<SystemTime>,
    /// Whether `modified` alone tells this state from a later one.
    dated: bool,
}

impl Version {
    /// The state of a file by its length and the time of its last change to the nanosecond. A time in the
    /// future counts as `now` (RFC 9110 section 8.8.2.1); one before 1970 cannot be written and is left out.
    pub(super) fn of(length: u64, modified: Option<SystemTime>, now: SystemTime) -> Self {
        let since_epoch = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let nanoseconds = since_epoch.unwrap_or_default().as_nanos();
        let modified = since_epoch.map(|_| modified.unwrap_or(now).min(now)).and_then(whole_seconds);
        // A change within the same second would carry the same date (section 8.8.2.2).
        let dated = modified.is_some_and(|modified| now >= modified + Duration::from_secs(1));
        Self { tag: format!("\"{length:x}-{nanoseconds:x}\""), modified, dated }
    }

    /// The value of `ETag`: a strong one.
    pub(super) fn tag(&self) -> HeaderValue {
        HeaderValue::try_from(self.tag.as_str()).expect("hexadecimal digits in quotes")
    }

    /// The value of `Last-Modified`.
    pub(super) fn last_modified(&self) -> Option<HeaderValue> {
        let date = HttpDate::from(self.modified?).to_string();
        Some(HeaderValue::try_from(date).expect("an HTTP date is printable ASCII"))
    }
}

impl Conditions {
    /// Reads the headers that count for a `GET` or a `HEAD`. What cannot be read counts as absent, which at
    /// worst sends more than was needed; only a `Range` of a `GET` is a range.
    pub(super) fn read(method: &Method, headers: &HeaderMap) -> Self {
        let date = |name| single(headers, &name).and_then(|value| parse_http_date(value).ok());
        Self {
            if_match: Tags::read(headers, &header::IF_MATCH),
            if_unmodified_since: date(header::IF_UNMODIFIED_SINCE),
            if_none_match: Tags::read(headers, &header::IF_NONE_MATCH),
            if_modified_since: date(header::IF_MODIFIED_SINCE),
            range: (*method == Method::GET).then(|| Range::read(headers)).flatten(),
        }
    }

    /// Weighs them in the order of section 13.2.2 against the file as it is, `length` bytes long.
    pub(super) fn judge(&self, version: &Version, length: u64) -> Outcome {
        if let Some(tags) = &self.if_match {
            if !tags.hold(version, Comparison::Strong) {
                return Outcome::Failed;
            }
        } else if let (Some(since), Some(modified)) = (self.if_unmodified_since, version.modified)
            && modified > since
        {
            return Outcome::Failed;
        }
        if let Some(tags) = &self.if_none_match {
            if tags.hold(version, Comparison::Weak) {
                return Outcome::NotModified;
            }
        } else if let (Some(since), Some(modified)) = (self.if_modified_since, version.modified)
            && modified <= since
        {
            return Outcome::NotModified;
        }
        match &self.range {
            Some(range) if range.still_holds(version) => range.bounds.within(length),
            _ => Outcome::Whole,
        }
    }
}

fn whole_seconds(time: SystemTime) -> Option<SystemTime> {
    let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(since_epoch.as_secs()))
}

/// The value of a header that may stand only once; two lines are as good as none.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok().map(str::trim) }
}

// ---- Entity tags ----

#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    /// Each with its quotes, and with `W/` where it is weak.
    These(Vec<String>),
}

#[derive(Clone, Copy)]
enum Comparison {
    /// Neither tag may be weak.
    Strong,
    /// `W/` does not count.
    Weak,
}

impl Tags {
    /// `*` or a list of entity tags, over all lines of the header (section 8.8.3). Nothing where there is no
    /// such header; a list that breaks off counts as far as it can be read.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut tags = Vec::new();
        let mut lines = headers.get_all(name).iter().peekable();
        lines.peek()?;
        for line in lines {
            let Ok(line) = line.to_str() else { continue };
            if line.trim() == "*" {
                return Some(Self::Any);
            }
            let mut rest = line;
            // Commas may stand inside the quotes, so the list is not simply split at them.
            while let Some((tag, after)) = next_tag(rest) {
                tags.push(tag.to_owned());
                rest = after;
            }
        }
        Some(Self::These(tags))
    }

    fn hold(&self, version: &Version, comparison: Comparison) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| {
                let tag = match comparison {
                    Comparison::Strong => tag,
                    Comparison::Weak => tag.strip_prefix("W/").unwrap_or(tag),
                };
                // Ours is strong, and begins with its quote.
                tag == version.tag
            }),
        }
    }
}

/// The first entity tag of a list, and what follows it.
fn next_tag(list: &str) -> Option<(&str, &str)> {
    let list = list.trim_start_matches([' ', '\t', ',']);
    let opening = if list.starts_with("W/\"") { 3 } else { 1 };
    if !list.starts_with('"') && opening == 1 {
        return None;
    }
    let closing = opening + list.get(opening..)?.find('"')?;
    Some(list.split_at(closing + 1))
}

// ---- Ranges ----

/// One part of a file, wanted if the file is still the one of which the client has the other parts.
#[derive(Debug)]
struct Range {
    bounds: Bounds,
    condition: Option<Validator>,
}

/// The positions of bytes, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bounds {
    From {
        first: u64,
    },
    Between {
        first: u64,
        last: u64,
    },
    /// The last so many.
    Suffix {
        length: u64,
    },
}

/// The value of `If-Range`.
#[derive(Debug)]
enum Validator {
    Tag(String),
    Date(SystemTime),
    /// It is neither, so it fits nothing.
    Unreadable,
}

impl Range {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let bounds = single(headers, &header::RANGE)?.parse().ok()?;
        let condition = headers.contains_key(header::IF_RANGE).then(|| {
            let value = single(headers, &header::IF_RANGE).unwrap_or_default();
            match parse_http_date(value) {
                Ok(date) => Validator::Date(date),
                Err(_) if value.starts_with('"') => Validator::Tag(value.to_owned()),
                Err(_) => Validator::Unreadable,
            }
        });
        Some(Self { bounds, condition })
    }

    /// Section 13.1.5: the tag must be the same by strong comparison, the date must be the very one and old
    /// enough to be a strong validator.
    fn still_holds(&self, version: &Version) -> bool {
        match &self.condition {
            None => true,
            Some(Validator::Tag(tag)) => *tag == version.tag,
            Some(Validator::Date(date)) => version.dated && version.modified == Some(*date),
            Some(Validator::Unreadable) => false,
        }
    }
}

impl Bounds {
    fn within(self, length: u64) -> Outcome {
        let end = length.saturating_sub(1);
        let (first, last) = match self {
            Self::From { first } => (first, end),
            Self::Between { first, last } => (first, last.min(end)),
            Self::Suffix { length: 0 } => return Outcome::OutOfRange,
            Self::Suffix { length: suffix } => (length.saturating_sub(suffix), end),
        };
        if first < length { Outcome::Part { first, last } } else { Outcome::OutOfRange }
    }
}

/// No range, or none that is served as one: another unit, several parts, a syntax error, the end before the
/// beginning. All of them get the whole file (section 14.2).
#[derive(Debug, PartialEq, Eq)]
struct NotOneRange;

impl std::str::FromStr for Bounds {
    type Err = NotOneRange;

    fn from_str(text: &str) -> Result<Self, NotOneRange> {
        let (unit, set) = text.split_once('=').ok_or(NotOneRange)?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return Err(NotOneRange);
        }
        // A list may have empty members (section 5.6.1.2), so `bytes=0-1,` has one part.
        let mut parts =
            set.split(',').map(|part| part.trim_matches([' ', '\t'])).filter(|part| !part.is_empty());
        let (Some(part), None) = (parts.next(), parts.next()) else { return Err(NotOneRange) };
        match part.split_once('-').ok_or(NotOneRange)? {
            ("", length) => Ok(Self::Suffix { length: position(length)? }),
            (first, "") => Ok(Self::From { first: position(first)? }),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                if first <= last { Ok(Self::Between { first, last }) } else { Err(NotOneRange) }
            }
        }
    }
}

/// Decimal digits and nothing else. A number beyond 64 bits is beyond every file just as well.
fn position(digits: &str) -> Result<u64, NotOneRange> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NotOneRange);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let second = Duration::from_secs(1);
        let now = UNIX_EPOCH + Duration::from_millis(1_000_000_000_500);
        let of = |modified| Version::of(255, modified, now);
        for (modified, tag, date, dated) in [
            (
                Some(UNIX_EPOCH + Duration::from_nanos(1_999_999_999)),
                "\"ff-773593ff\"",
                Some("Thu, 01 Jan 1970 00:00:01 GMT"),
                true,
            ),
            (Some(now - second), "\"ff-de0b6b389969b00\"", Some("Sun, 09 Sep 2001 01:46:39 GMT"), true),
            (Some(now), "\"ff-de0b6b3c5316500\"", Some("Sun, 09 Sep 2001 01:46:40 GMT"), false),
            // From the future.
            (Some(now + second), "\"ff-de0b6b400cc2f00\"", Some("Sun, 09 Sep 2001 01:46:40 GMT"), false),
            (Some(UNIX_EPOCH - second), "\"ff-0\"", None, false),
            (None, "\"ff-0\"", None, false),
        ] {
            let version = of(modified);
            assert_eq!(version.tag(), tag);
            assert_eq!(version.last_modified(), date.map(HeaderValue::from_static));
            assert_eq!(version.dated, dated, "{tag}");
        }
    }

    #[test]
    fn a_date_within_the_second_is_no_validator() {
        let now = UNIX_EPOCH + Duration::from_millis(1_000_000_000_500);
        let fresh = Version::of(10, Some(now), now);
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.extend(fresh.last_modified().map(|date| (header::IF_RANGE, date)));
        let conditions = Conditions::read(&Method::GET, &headers);
        assert_eq!(conditions.judge(&fresh, 10), Outcome::Whole);
        let old = Version::of(10, Some(now), now + Duration::from_secs(1));
        assert_eq!(conditions.judge(&old, 10), Outcome::Part { first: 0, last: 1 });
    }

    #[test]
    fn lists_of_tags() {
        for (lines, expected) in [
            (&["\"a\""][..], &["\"a\""][..]),
            (&["\"a\", W/\"b\",\"c,d\"", "\"\""], &["\"a\"", "W/\"b\"", "\"c,d\"", "\"\""]),
            (&[",, \t\"a\" ,"], &["\"a\""]),
            (&["a"], &[]),
            (&["\"a\", b, \"c\""], &["\"a\""]),
            (&["\"a"], &[]),
            (&["W/"], &[]),
            (&["w/\"a\""], &[]),
            (&["\""], &[]),
            (&[""], &[]),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::IF_MATCH, HeaderValue::from_static(line));
            }
            let expected = expected.iter().map(|tag| (*tag).to_owned()).collect();
            assert_eq!(Tags::read(&headers, &header::IF_MATCH), Some(Tags::These(expected)), "{lines:?}");
        }
        assert_eq!(Tags::read(&HeaderMap::new(), &header::IF_MATCH), None);
    }
}
