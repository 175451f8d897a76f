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

/// `UPDATE=1 cargo test` writes the expected text anew.
#[test]
fn what_a_terminal_shows() {
    let stamp = |text: &str| Stamp::at(text.as_bytes());
    let mut filter = Filter::default();
    filter.since = stamp("2026-11-23T00:00:00.000Z");
    filter.until = stamp("2026-11-24T00:00:00.000Z");
    let circumstances = Circumstances::of(None, String::new());
    let mut text = String::new();
    for (width, unicode) in [(80, true), (80, false), (40, true), (40, false)] {
        let screen = Screen { width, unicode };
        let zone = TimeZone::UTC;
        let look = Look {
            filter: &filter,
            is_last_hour: false,
            top: None,
            bars: Some(screen),
            zone: &zone,
            circumstances: &circumstances,
        };
        let told = day().told(&look);
        let is_sign = |letter| unicode && matches!(letter, '▓' | '▒' | '█' | '·');
        assert!(
            told.chars().all(|letter| matches!(letter, '\n' | '…' | ' '..='~') || is_sign(letter)),
            "{told}"
        );
        let bars = told.split("\n\n").nth(1).unwrap();
        let longest = bars.lines().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= width), "{bars}");
        let _ = write!(text, "{screen:?}\n{told}\n");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/logs-drawn.txt");
    if env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert!(text == expected, "{text}\n(UPDATE=1 cargo test writes it anew)");
}
