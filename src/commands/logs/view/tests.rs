use std::path::Path;
use std::{env, fs};

use super::*;

/// A day with everything in it: lines of `audit.jsonl` and of somebody else's `access.log`, with letters that are two
/// cells wide, take none, or turn the line around.
fn day() -> Summary {
    let mut summary = Summary::default();
    let mut take = |line: &str| summary.take(line.as_bytes(), &Line::read(line.as_bytes()).expect(line));
    for (hour, verdict, reason, client, user, count) in [
        (0, "refused", "unlisted", "192.168.0.7", "", 3),
        (1, "allowed", "password", "192.168.0.8", "alice", 996),
        (1, "refused", "unlisted", "192.168.0.7", "", 1),
        (1, "failed", "wrong-password", "10.0.0.9", "", 2),
        (2, "allowed", "password", "2001:db8:1234:5678:9abc:def0:1234:5678", "\u{738b}\u{1f600}", 250),
        (5, "failed", "throttled", "10.0.0.9", "\u{202e}ecila\u{301}", 1),
        (23, "allowed", "session", "192.168.0.8", "alice", 500),
    ] {
        let user = if user.is_empty() { String::new() } else { format!(",\"user\":\"{user}\"") };
        take(&format!(
            "{{\"time\":\"2026-11-23T{hour:02}:30:00.000Z\",\"event\":\"visit\",\"verdict\":\"{verdict}\",\
             \"reason\":\"{reason}\",\"client\":\"{client}\"{user},\"agent\":\"\u{30d6}\u{30e9}\u{30a6}\u{30b6} \
             \u{1f468}\u{200d}\u{1f469} 1.0\",\"count\":{count}}}"
        ));
    }
    take("2026-11-23T06:00:00.000Z 10.0.0.1 \u{ff21}\u{9b}31m\u{7f}");
    summary
}

/// Visits that just go into 80 letters.
fn evening() -> Summary {
    let mut summary = Summary::default();
    for line in [
        r#""20:14:00.000Z","verdict":"allowed","reason":"password","client":"192.168.0.8","user":"alice","agent":"curl/8.5.0""#,
        r#""20:15:00.000Z","verdict":"allowed","reason":"session","client":"192.168.0.17","user":"grandmother","agent":"Mozilla/5.0 (Macintosh) Firefox/132.0""#,
        r#""21:02:03.456Z","verdict":"refused","reason":"unlisted","client":"203.113.250.250","agent":"\\u{1f600}\\u{1f600}\\u{1f600}\\u{1f600}\\u{1f600}""#,
        r#""21:02:59.000Z","verdict":"failed","reason":"wrong-password","client":"10.0.0.9","user":"root\\u{e9}…","agent":"Mozilla/5.0 (Windows NT 10.0) Firefox/132.0""#,
    ] {
        let line = format!(r#"{{"time":"2026-11-23T{},"event":"visit"}}"#, &line[1..]);
        summary.take(line.as_bytes(), &Line::read(line.as_bytes()).expect(&line));
    }
    summary
}

/// The view of `summary` on a clock in `zone`, of the time from `since` to `until`.
fn told(
    summary: &mut Summary,
    since: &str,
    until: &str,
    terminal: Option<Screen>,
    zone: &TimeZone,
) -> String {
    let mut filter = Filter::default();
    filter.since = Stamp::at(since.as_bytes());
    filter.until = Stamp::at(until.as_bytes());
    let circumstances = Circumstances::of(None, String::new());
    summary.told(&Look {
        filter: &filter,
        is_last_hour: false,
        top: None,
        bars: terminal,
        terminal,
        now: Stamp::at(b"2026-11-23T22:00:00.000Z").unwrap(),
        zone,
        circumstances: &circumstances,
    })
}

/// `UPDATE=1 cargo test` writes the expected text anew.
#[test]
fn what_a_terminal_shows() {
    let mut text = String::new();
    for (width, unicode) in [(120, true), (80, true), (80, false), (40, true), (40, false)] {
        let screen = Screen { width, unicode };
        for (summary, since) in
            [(&mut day(), "2026-11-23T00:00:00.000Z"), (&mut evening(), "2026-11-23T20:00:00.000Z")]
        {
            let told = told(summary, since, "2026-11-24T00:00:00.000Z", Some(screen), &TimeZone::UTC);
            let is_sign = |letter| unicode && matches!(letter, '▓' | '▒' | '█' | '·' | '…');
            assert!(
                told.chars().all(|letter| matches!(letter, '\n' | ' '..='~') || is_sign(letter)),
                "{told}"
            );
            let bars = told.split("\n\n").nth(1).unwrap();
            let longest = bars.lines().map(|line| line.chars().count()).max();
            assert!(longest.is_some_and(|longest| longest <= width), "{bars}");
            let longest = told.split("\n\n").nth(2).unwrap().lines().map(|line| line.chars().count()).max();
            assert!(width != 80 || !told.contains("grand") || longest == Some(80), "{told}");
            let _ = write!(text, "{screen:?}\n{told}\n");
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/logs-drawn.txt");
    if env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert!(text == expected, "{text}\n(UPDATE=1 cargo test writes it anew)");
}

/// Where the heading says what day it is, and nowhere else.
#[test]
fn times_of_one_day_have_no_date() {
    let east = TimeZone::fixed(jiff::tz::offset(2));
    let (first, midnight) = ("2026-11-23T00:00:00.000Z", "2026-11-24T00:00:00.000Z");
    for (since, until, zone, expected) in [
        (first, midnight, &TimeZone::UTC, "21:02:59"),
        (first, "2026-11-23T23:00:00.000Z", &TimeZone::UTC, "21:02:59"),
        // Nobody said until when: it is the same day still.
        (first, "", &TimeZone::UTC, "21:02:59"),
        // It is the next day there, where the clock is ahead.
        ("2026-11-22T22:00:00.000Z", "", &east, "2026-11-23 23:02:59"),
        ("2026-11-22T22:00:00.000Z", "2026-11-23T22:00:00.000Z", &east, "23:02:59"),
        ("2026-11-22T21:00:00.000Z", "2026-11-23T22:00:00.000Z", &east, "2026-11-23 23:02:59"),
        (first, "2026-11-24T00:00:01.000Z", &TimeZone::UTC, "2026-11-23 21:02:59"),
        ("", midnight, &TimeZone::UTC, "2026-11-23 21:02:59"),
    ] {
        let screen = Screen { width: 200, unicode: true };
        let last = |terminal| {
            let told = told(&mut evening(), since, until, terminal, zone);
            let row = told.lines().find(|line| line.starts_with("     1  failed")).unwrap().to_owned();
            row.split_once("Firefox on Windows").unwrap().1.trim().to_owned()
        };
        assert_eq!(last(Some(screen)), expected, "{since} {until}");
        assert_eq!(last(None).len(), 19, "whole where nobody looks");
    }
    // A clock that was wrong.
    let mut summary = evening();
    let line = br#"{"time":"2026-11-25T20:00:00.000Z","event":"visit","verdict":"allowed","client":"::1"}"#;
    summary.take(line, &Line::read(line).unwrap());
    let screen = Screen { width: 200, unicode: true };
    let told = told(&mut summary, first, midnight, Some(screen), &TimeZone::UTC);
    assert!(told.contains("  2026-11-23 21:02:59\n") && told.contains("  2026-11-25 20:00:00\n"), "{told}");
}
