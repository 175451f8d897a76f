//! Which lines are wanted.
//!
//! Most lines of a long log are not, and can be told by what stands at fixed places: the time, then the verdict. Only
//! the others are taken apart.

use jiff::Zoned;
use memchr::memmem::{self, Finder};

use super::line::{Line, TIME, Verdict, address};
use super::moment;
use super::stamp::Stamp;
use crate::cli::Wanted;
use crate::error::Error;
use crate::policy::address::IpPattern;
use crate::record::{escape, printable};

/// What a line has to be; by default, anything.
#[derive(Debug, Default)]
pub struct Filter {
    /// From this moment on.
    pub since: Option<Stamp>,
    /// Before this moment.
    pub until: Option<Stamp>,
    /// One of these; any, and an event without one, where there are none.
    verdicts: Vec<Verdict>,
    ip: Option<IpPattern>,
    user: Option<Sought>,
    host: Option<String>,
    path: Option<Sought>,
}

/// A value as it stands in the file, of all the ways in which it may have been typed.
#[derive(Debug)]
struct Sought {
    /// The value, or how it begins, between the quotes of JSON.
    written: Vec<Vec<u8>>,
    /// The same with the key before it.
    finders: Vec<Finder<'static>>,
}

impl Filter {
    /// Reads what was typed.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of(wanted: &Wanted, now: &Zoned) -> Result<Self, Vec<Error>> {
        let mut errors = Vec::new();
        let mut moment = |text: &Option<String>| {
            let read = text.as_deref().map(|text| moment::read(text, now)).transpose();
            read.unwrap_or_else(|error| {
                errors.push(error);
                None
            })
        };
        let (since, until) = (moment(&wanted.since), moment(&wanted.until));
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            errors.push(Error::new("`--since` is not before `--until`: nothing lies between them"));
        }
        let ip = wanted.ip.as_deref().map(|text| text.trim().parse::<IpPattern>()).transpose();
        let ip = ip.unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        let verdicts = [
            (wanted.refused, Verdict::Refused),
            (wanted.failed, Verdict::Failed),
            (wanted.allowed, Verdict::Allowed),
        ];
        Ok(Self {
            since: since.map(Stamp::of),
            until: until.map(Stamp::of),
            verdicts: verdicts.iter().filter(|(given, _)| *given).map(|(_, verdict)| *verdict).collect(),
            ip,
            user: wanted.user.as_deref().map(|user| Sought::new("user", user, "\"")),
            host: wanted.host.as_deref().map(|host| host.trim().trim_end_matches('.').to_owned()),
            path: wanted.path.as_deref().map(|path| Sought::new("path", path, "")),
        })
    }

    /// Whether `line` is one of those.
    pub fn takes(&self, line: &Line<'_>) -> bool {
        self.is_in_time(line.time)
            && (self.verdicts.is_empty()
                || line.verdict.is_some_and(|verdict| self.verdicts.contains(&verdict)))
            && self.ip.as_ref().is_none_or(|ip| line.addresses().any(|address| ip.contains(address)))
            && self.user.as_ref().is_none_or(|user| user.is(line.fields.user.bytes))
            && self.host.as_ref().is_none_or(|host| is_host(line.fields.host.bytes, host))
            && self.path.as_ref().is_none_or(|path| path.begins(line.fields.path.bytes))
    }

    /// Whether `line` is surely none of them, by a look at a few places of a line as `serve` writes it. Of every other it
    /// is not sure.
    #[inline]
    pub fn drops(&self, line: &[u8]) -> bool {
        let Some((time, rest)) =
            line.strip_prefix(TIME).and_then(|rest| rest.split_at_checked(Stamp::LENGTH))
        else {
            return false;
        };
        let whole = rest.starts_with(b"\",\"event\":\"") && line.ends_with(b"}");
        if !whole {
            return false;
        }
        // A time of another form is not in this order, and no time of this one.
        let outside = || Stamp::at(time).is_some_and(|time| !self.is_in_time(time));
        if (self.since.is_some() || self.until.is_some()) && outside() {
            return true;
        }
        let rest = &rest[b"\",\"event\":\"".len()..];
        self.is_other_verdict(rest)
            || self.ip.as_ref().is_some_and(|ip| is_other_address(rest, ip))
            || self.user.as_ref().is_some_and(|user| !user.is_in(rest))
            || self.path.as_ref().is_some_and(|path| !path.is_in(rest))
    }

    /// Whether the lines that are taken can only be visits.
    pub fn is_of_visitors(&self) -> bool {
        !self.verdicts.is_empty()
            || self.ip.is_some()
            || self.user.is_some()
            || self.host.is_some()
            || self.path.is_some()
    }

    #[inline]
    fn is_in_time(&self, time: Stamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }

    /// `rest` begins with the name of the event.
    #[inline]
    fn is_other_verdict(&self, rest: &[u8]) -> bool {
        if self.verdicts.is_empty() {
            return false;
        }
        let Some(end) = rest.iter().take(16).position(|byte| *byte == b'"') else { return false };
        let Some(rest) = rest[end..].strip_prefix(b"\",\"verdict\":\"") else { return false };
        let is = |verdict: &Verdict| {
            rest.strip_prefix(verdict.word().as_bytes()).is_some_and(|rest| rest.first() == Some(&b'"'))
        };
        !self.verdicts.iter().any(is)
    }
}

/// No value can hold the key: its quotes would have a backslash before them. The key stands near the start.
#[inline]
fn is_other_address(rest: &[u8], ip: &IpPattern) -> bool {
    const CLIENT: &[u8] = b"\"client\":\"";
    let Some(at) = memmem::find(rest, CLIENT) else { return !may_have_blanks(rest) };
    let rest = &rest[at + CLIENT.len()..];
    let Some(end) = rest.iter().take(64).position(|byte| *byte == b'"') else { return false };
    address(&rest[..end]).is_some_and(|address| !ip.contains(address))
}

/// Whether blanks stand between the tokens, so that no key is found by its text.
fn may_have_blanks(rest: &[u8]) -> bool {
    memmem::find(rest, b"\": ").is_some() || memmem::find(rest, b"\" :").is_some()
}

impl Sought {
    /// The value `typed` of `key`, as the writer would write it or as it stands there already; `end` is what follows it
    /// at once.
    fn new(key: &str, typed: &str, end: &str) -> Self {
        let json = |text: String| text.replace('\\', "\\\\").replace('"', "\\\"").into_bytes();
        let mut written = vec![json(written(typed))];
        let again = json(printable(typed).to_string());
        if again != written[0] {
            written.push(again);
        }
        let finder = |value: &Vec<u8>| {
            let needle = [b"\"", key.as_bytes(), b"\":\"", value, end.as_bytes()].concat();
            Finder::new(&needle).into_owned()
        };
        let finders = written.iter().map(finder).collect();
        Self { written, finders }
    }

    fn is(&self, value: &[u8]) -> bool {
        self.written.iter().any(|written| written == value)
    }

    fn begins(&self, value: &[u8]) -> bool {
        self.written.iter().any(|written| value.starts_with(written))
    }

    /// Whether it may be in a line.
    fn is_in(&self, line: &[u8]) -> bool {
        // Where nothing is sought, its key may be absent.
        self.written[0].is_empty()
            || self.finders.iter().any(|finder| finder.find(line).is_some())
            || may_have_blanks(line)
    }
}

/// `typed` as the writer escapes what came from outside.
fn written(typed: &str) -> String {
    escape(typed.as_bytes()).to_string()
}

/// Names have no case; without a port any will do.
fn is_host(value: &[u8], host: &str) -> bool {
    let host = host.as_bytes();
    let Some((name, rest)) = value.split_at_checked(host.len()) else { return false };
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let port = rest.strip_prefix(b":");
    name.eq_ignore_ascii_case(host)
        && (rest.is_empty() || port.is_some_and(|port| port.iter().all(u8::is_ascii_digit)))
}

#[cfg(test)]
mod tests;
