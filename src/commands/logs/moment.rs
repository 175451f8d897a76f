//! What people call a moment: `1h` ago, `yesterday`, `2026-11-23 10:00` on the clock of the wall.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::error::Error;

/// Reads what was typed for `--since` and `--until`; `now` brings the clock and its zone.
///
/// A length of time (`90s`, `30m`, `1h30m`, `2d`, `1w`) is that long before `now`; `today`, `yesterday` and a date are the
/// beginning of that day; a time of the day is that of today.
///
/// # Errors
/// Anything else.
pub fn read(text: &str, now: &Zoned) -> Result<Timestamp, Error> {
    let text = text.trim();
    let zone = now.time_zone();
    let day_begins = |day: Date| on_the_wall(day.at(0, 0, 0, 0), zone);
    let found = match text {
        "now" => Some(now.timestamp()),
        "today" => day_begins(now.date()),
        "yesterday" => now.date().yesterday().ok().and_then(day_begins),
        _ => seconds(text)
            .map(|seconds| {
                let least = Timestamp::MIN.as_second();
                let second = now.timestamp().as_second().saturating_sub(seconds).max(least);
                Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
            })
            .or_else(|| text.parse::<Timestamp>().ok())
            .or_else(|| {
                is_clock(text)
                    .then(|| text.parse::<Time>().ok())
                    .flatten()
                    .and_then(|time| on_the_wall(now.date().to_datetime(time), zone))
            })
            .or_else(|| {
                is_date(text)
                    .then(|| text.parse::<DateTime>().ok())
                    .flatten()
                    .and_then(|time| on_the_wall(time, zone))
            }),
    };
    found.ok_or_else(|| {
        Error::new(format!("`{}` is no time", text.escape_debug()))
            .hint("write how long ago: `30m`, `2h`, `7d`; a day: `today`, `yesterday`, `2026-11-23`")
            .hint("or a moment: `10:00`, `\"2026-11-23 10:00\"` (local time), `2026-11-23T10:00:00Z`")
    })
}

fn on_the_wall(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    time.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

/// `10:00` or `10:00:30`: without the colon `10` could be anything.
fn is_clock(text: &str) -> bool {
    text.len() >= 4 && text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// Begins with `2026-11-23` and brings no zone with it, which would be dropped.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes[..10].iter().zip(b"0000-00-00").all(|(byte, shape)| (*shape == b'-') == (*byte == b'-'))
        && bytes[10..].iter().all(|byte| byte.is_ascii_digit() || b" T:.".contains(byte))
}

/// `1h30m`, in seconds. A day is 24 hours here, whatever the clock of the wall did in it.
fn seconds(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut sum = 0_i64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match &after[..letters] {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        sum = sum.checked_add(number.checked_mul(unit)?)?;
        rest = &after[letters..];
    }
    (!text.is_empty()).then_some(sum)
}

/// An hour before `now`.
pub fn hour_ago(now: &Zoned) -> Timestamp {
    now.timestamp().checked_sub(1.hour()).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        // An hour ahead of UTC.
        let now: Zoned = "2026-11-23T11:30:00[+01:00]".parse().unwrap();
        for (text, expected) in [
            ("now", "2026-11-23T10:30:00Z"),
            ("1h", "2026-11-23T09:30:00Z"),
            ("90s", "2026-11-23T10:28:30Z"),
            ("1h30m", "2026-11-23T09:00:00Z"),
            ("2d", "2026-11-21T10:30:00Z"),
            ("1w", "2026-11-16T10:30:00Z"),
            ("today", "2026-11-22T23:00:00Z"),
            ("yesterday", "2026-11-21T23:00:00Z"),
            ("10:00", "2026-11-23T09:00:00Z"),
            ("10:00:30", "2026-11-23T09:00:30Z"),
            ("2026-11-23", "2026-11-22T23:00:00Z"),
            ("2026-11-23 10:00", "2026-11-23T09:00:00Z"),
            ("2026-11-23T10:00:05", "2026-11-23T09:00:05Z"),
            ("2026-11-23T10:00:05.25Z", "2026-11-23T10:00:05.25Z"),
            ("2026-11-23T10:00:00+05:30", "2026-11-23T04:30:00Z"),
            (" 1h ", "2026-11-23T09:30:00Z"),
        ] {
            assert_eq!(read(text, &now).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(read("99999999w", &now).unwrap(), Timestamp::MIN);
        for text in [
            "",
            "h",
            "1",
            "1y",
            "-1h",
            "10",
            "tomorrow",
            "2026-13-01",
            "2026-11-23 25:00",
            "11/23/2026",
            "9223372036854775807w",
        ] {
            assert_eq!(read(text, &now).unwrap_err().to_string(), format!("`{text}` is no time"));
        }
        assert_eq!(hour_ago(&now).to_string(), "2026-11-23T09:30:00Z");
    }
}
