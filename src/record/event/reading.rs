//! A line as an event, whoever wrote it.

use std::net::IpAddr;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;

use super::{By, End, Entry, Event, Kind, Protocol, Reason, SignIn, Tls, Verdict, Visit};
use crate::error::Error;
use crate::record::{LONGEST_FIELD, escape, printable, whole_milliseconds};

impl Event {
    /// Reads a line, without its end. Whatever in it is not printable is escaped, so that nothing that somebody else
    /// wrote into the file can reach a terminal. Keys that are not known are passed over, and an event, verdict or
    /// ending that is not known makes it [`Kind::Other`].
    ///
    /// # Errors
    /// When it is no JSON object (a write that was interrupted), or lacks its time or what every event of its kind has.
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        let wrong = |why: String| Error::new(format!("`{}` is no line of audit.jsonl: {why}", escape(line)));
        let keys: Line = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        let lacks = |key: &str| wrong(format!("it lacks `{key}`"));
        let time = keys.time.0;
        let kind = match &*keys.event {
            "start" => Kind::Start {
                version: shown(keys.version).ok_or_else(|| lacks("version"))?,
                listen: all_shown(keys.listen),
            },
            "stop" => Kind::Stop,
            "reload" => Kind::Reload { changed: all_shown(keys.changed) },
            "visit" | "failure" | "throttle" => Self::visit(keys).map_err(lacks)?,
            "sign-in" => match keys.by.as_deref().map(By::of_word) {
                Some(Some(by)) => Kind::SignIn(SignIn {
                    client: keys.client.ok_or_else(|| lacks("client"))?,
                    peer: keys.peer,
                    user: shown(keys.user).ok_or_else(|| lacks("user"))?,
                    host: shown(keys.host),
                    by,
                    agent: shown(keys.agent),
                }),
                Some(None) => Kind::Other,
                None => return Err(lacks("by")),
            },
            event @ ("approve" | "revoke") => {
                let entry = Entry {
                    rule: shown(keys.rule).ok_or_else(|| lacks("rule"))?,
                    place: shown(keys.place),
                    until: shown(keys.until),
                };
                if event == "approve" { Kind::Approve(entry) } else { Kind::Revoke(entry) }
            }
            "certificate" => Kind::Certificate {
                text: shown(keys.text).ok_or_else(|| lacks("text"))?,
                expires: shown(keys.expires),
            },
            "gap" => Kind::Gap {
                lost: keys.lost.ok_or_else(|| lacks("lost"))?,
                why: shown(keys.why).unwrap_or_default(),
            },
            _ => Kind::Other,
        };
        Ok(Self { time, kind })
    }

    /// The visit of these `keys`.
    ///
    /// # Errors
    /// The key that is missing.
    fn visit(keys: Line) -> Result<Kind, &'static str> {
        let verdict = keys.verdict.ok_or("verdict")?;
        let reason = keys.reason.ok_or("reason")?;
        let end = keys.end.ok_or("end")?;
        let (Some(verdict), Some(end)) = (Verdict::of_word(&verdict), End::of_word(&end)) else {
            return Ok(Kind::Other);
        };
        Ok(Kind::Visit(Visit {
            verdict,
            reason: Reason::of_word(&reason).unwrap_or(Reason::Other),
            client: keys.client.ok_or("client")?,
            peer: keys.peer,
            claimed: shown(keys.claimed),
            user: shown(keys.user),
            rule: shown(keys.rule),
            place: shown(keys.place),
            method: shown(keys.method),
            host: shown(keys.host),
            path: shown(keys.path),
            status: keys.status,
            received: keys.received.unwrap_or_default(),
            sent: keys.sent.unwrap_or_default(),
            milliseconds: keys.ms.unwrap_or_default(),
            end,
            tls: keys.tls.as_deref().and_then(Tls::of_word),
            protocol: keys.protocol.as_deref().and_then(Protocol::of_word),
            agent: shown(keys.agent),
            count: keys.count.unwrap_or(1),
        }))
    }
}

impl FromStr for Event {
    type Err = Error;

    /// See [`Event::parse`].
    fn from_str(line: &str) -> Result<Self, Error> {
        Self::parse(line.as_bytes())
    }
}

/// The keys of all events, as JSON has them. Keys that are not known are passed over.
#[derive(Deserialize)]
struct Line {
    time: Timestamped,
    event: String,
    verdict: Option<String>,
    reason: Option<String>,
    client: Option<IpAddr>,
    peer: Option<IpAddr>,
    claimed: Option<String>,
    user: Option<String>,
    rule: Option<String>,
    place: Option<String>,
    method: Option<String>,
    host: Option<String>,
    path: Option<String>,
    status: Option<u16>,
    received: Option<u64>,
    sent: Option<u64>,
    ms: Option<u64>,
    end: Option<String>,
    tls: Option<String>,
    protocol: Option<String>,
    agent: Option<String>,
    count: Option<u64>,
    version: Option<String>,
    listen: Option<Vec<String>>,
    changed: Option<Vec<String>>,
    by: Option<String>,
    until: Option<String>,
    text: Option<String>,
    expires: Option<String>,
    lost: Option<u64>,
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Timestamped(Timestamp);

impl TryFrom<String> for Timestamped {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(whole_milliseconds(text.parse()?)))
    }
}

/// A text that stands in a file, as it may stand elsewhere.
fn shown(text: Option<String>) -> Option<String> {
    text.map(|text| if is_printed(&text) { text } else { printable(&text).to_string() })
}

fn all_shown(texts: Option<Vec<String>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().filter_map(|text| shown(Some(text))).collect()
}

fn is_printed(text: &str) -> bool {
    text.len() <= LONGEST_FIELD && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
