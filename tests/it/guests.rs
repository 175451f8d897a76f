//! Guests: who comes in for a time, and no longer.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan as _};

use crate::it::harness::app::App;
use crate::it::harness::client::Client;
use crate::it::harness::folder::{Folder, golden};
use crate::it::harness::{Innkeeper, PATIENCE, settings};

/// Nobody is listed, and guests only come in.
const NOBODY: &str = "whitelist: []\n";

fn from_now(seconds: i64) -> String {
    (Timestamp::now() + seconds.seconds()).to_string()
}

fn guests(app: &App, list: &str) -> String {
    format!("upstream: {}\nguests:\n{list}", app.url)
}

#[test]
fn a_guest_comes_in_until_the_end() {
    let app = App::fine();
    for (until, status) in [("2999-01-01T00:00:00+02:00", 200), ("2001-01-01T00:00:00Z", 403)] {
        let list = format!("  - address: 127.0.0.1\n    until: {until}\n    note: Ann");
        let server = Innkeeper::start(NOBODY, &guests(&app, &list));
        assert_eq!(Client::of(&server).get("/").status, status);
        if status == 403 {
            server.complains(
                "config.yaml:8: the time of the guest `127.0.0.1` (Ann) was over at 2001-01-01T00:00:00Z",
            );
        } else {
            server.says("Who may come in: addresses in the whitelist (0 entries, config.yaml:3) and 1 guest");
        }
    }
    // Without an end, for good; in a pattern too.
    let server = Innkeeper::start(NOBODY, &guests(&app, "  - address: 127.0.0.*"));
    assert_eq!(Client::of(&server).get("/").status, 200);
}

#[test]
fn a_guest_goes_without_a_restart_and_whatever_the_file_holds_then() {
    let app = App::fine();
    for seconds in [2, 4, 8, 16] {
        let list = format!("  - {{address: 127.0.0.1, until: \"{}\", note: Ann}}", from_now(seconds));
        // The moment is cut to the second.
        let end = Instant::now() + Duration::from_secs(seconds.unsigned_abs());
        let server = Innkeeper::start(NOBODY, &guests(&app, &list));
        let first = Client::of(&server).get("/").status;
        if Instant::now() + Duration::from_secs(1) >= end && first == 403 {
            // The machine was too slow for this one to be seen inside.
            continue;
        }
        assert_eq!(first, 200);
        server.write("config.yaml", "listen: [true");
        let patience = Instant::now() + PATIENCE;
        let mut client = Client::of(&server);
        loop {
            client.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n");
            // When the time is over, the connection may be closed before the answer.
            if client.try_answer(true).map_or(0, |answer| answer.status) != 200 {
                break;
            }
            assert!(Instant::now() < patience, "the guest stays");
        }
        assert!(Instant::now() + Duration::from_secs(1) >= end, "the guest went before the end");
        assert_eq!(Client::of(&server).get("/").status, 403);
        server.says("config.yaml:8: the time of the guest `127.0.0.1` (Ann) was over at ");
        let ended = server.stop();
        assert_eq!(ended.stdout.matches("the time of the guest").count(), 1, "{}", ended.stdout);
        return;
    }
    panic!("the guest was never seen inside");
}

#[test]
fn whoever_is_listed_stays_when_the_guest_goes() {
    let app = App::fine();
    let list = format!("  - {{address: 127.0.0.1, until: \"{}\"}}", from_now(1));
    let server = Innkeeper::start("whitelist: [127.0.0.0/8]\n", &guests(&app, &list));
    let patience = Instant::now() + PATIENCE;
    let mut client = Client::of(&server);
    loop {
        assert_eq!(client.get("/").status, 200);
        // Said at the start already, where that took longer.
        if server.said("the time of the guest") {
            break;
        }
        assert!(Instant::now() < patience, "the guest stays");
    }
    assert_eq!(Client::of(&server).get("/").status, 200);
}

#[test]
fn guests_come_with_the_settings() {
    let app = App::fine();
    let server = Innkeeper::start(NOBODY, &format!("upstream: {}", app.url));
    assert_eq!(Client::of(&server).get("/").status, 403);
    let until = "2999-01-01T00:00:00Z";
    let list = format!("  - {{address: localhost, until: {until}}}");
    server.write("config.yaml", &settings(NOBODY, &guests(&app, &list)));
    server.says("the settings were read again");
    assert_eq!(Client::of(&server).get("/").status, 200);
    // Everybody is no guest, and the settings of before stay.
    server.write("config.yaml", &settings(NOBODY, &guests(&app, "  - {address: 0.0.0.0/0}")));
    server.complains("config.yaml:8:");
    server.complains("`0.0.0.0/0` is everybody, and everybody is no guest");
    assert_eq!(Client::of(&server).get("/").status, 200);
}

#[test]
fn the_page_says_who_is_a_guest() {
    let list = "guests:\n  - {address: 127.0.0.1, until: 2999-01-01T00:00:00Z}";
    let server = Innkeeper::start(NOBODY, list);
    let answer = Client::of(&server).get("/");
    assert!(
        answer.text().contains("config.yaml:7 127.0.0.1 (guest until 2999-01-01T00:00:00Z)"),
        "{}",
        answer.text()
    );
}

/// The moments of this session as words, since they are others in each: the first is `<moment 1>`. Two within minutes
/// are one: between two commands a second may end, or more.
fn masked(text: &str) -> String {
    let year = Timestamp::now().to_string()[..4].parse::<i16>().unwrap();
    let mut out = String::new();
    let mut known: Vec<Timestamp> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('T').filter(|at| *at >= 10) {
        let begin = at - 10;
        let moment = rest.get(begin..begin + 25).filter(|moment| {
            moment.parse::<Timestamp>().is_ok()
                && moment[..4].parse::<i16>().unwrap() - year <= 1
                && moment[..4].parse::<i16>().unwrap() >= year
        });
        let Some(moment) = moment else {
            out += &rest[..=at];
            rest = &rest[at + 1..];
            continue;
        };
        let moment: Timestamp = moment.parse().unwrap();
        let is_it = |known: &Timestamp| known.as_second().abs_diff(moment.as_second()) < 600;
        let number = known.iter().position(is_it).unwrap_or_else(|| {
            known.push(moment);
            known.len() - 1
        });
        out += &rest[..begin];
        let _ = write!(out, "<moment {}>", number + 1);
        rest = &rest[begin + 25..];
    }
    out + rest
}

const YAML: &str = "\
# mine
port: 1
whitelist:
  - ::1
  - 127.0.0.1
  - 10.0.0.0/8 # home
innkeeper:
  # for a time
  guests:
    - address: 203.0.113.7 # over
      until: 2001-01-01T00:00:00Z
      note: Old
    # and one for long
    - address: 198.51.100.0/24
      until: 2999-01-01T00:00:00+02:00
      note: \"Ann's, #1\"
  satisfy: all
";

const TOML: &str = "\
# mine
port = 1
whitelist = [
  \"::1\",
  \"127.0.0.1\",
  \"10.0.0.0/8\", # home
]

[innkeeper]
satisfy = \"all\"

# for a time
[[innkeeper.guests]]
address = \"203.0.113.7\" # over
until = 2001-01-01T00:00:00Z
note = \"Old\"

# and one for long
[[innkeeper.guests]]
address = \"198.51.100.0/24\"
until = \"2999-01-01T00:00:00+02:00\"
note = \"Ann's, #1\"
";

#[test]
fn a_session() {
    for (name, text) in [("config.yaml", YAML), ("config.toml", TOML)] {
        let folder = Folder::with(&[(name, text)]);
        let mut told = String::new();
        let steps: &[&[&str]] = &[
            &["whitelist", "list"],
            &["whitelist", "list", "--json"],
            // Listed for good; a guest for longer, by a wider entry.
            &["whitelist", "add", "10.1.1.1", "198.51.100.7", "198.51.100.*", "--for", "8h"],
            &[
                "whitelist",
                "add",
                "203.0.113.9",
                "phone.lan",
                "--for",
                "8h",
                "--note",
                "Bob: 'x'",
                "--dry-run",
            ],
            &["whitelist", "add", "203.0.113.9", "phone.lan", "--for", "8h", "--note", "Bob: 'x'"],
            &["whitelist", "add", "203.0.113.9", "--for", "1h"],
            &["whitelist", "add", "203.0.113.9", "--for", "2d"],
            &["whitelist", "list"],
            &["whitelist", "add", "203.0.113.9"],
            &["whitelist", "list"],
            &["whitelist", "remove", "203.0.113.9", "198.51.100.7"],
            &["whitelist", "remove", "203.0.113.9", "198.51.100.0/24", "phone.LAN"],
            &["whitelist", "remove", "10.0.0.0/8"],
            &["whitelist", "add", "0.0.0.0/0", "127.1", "--for", "1w"],
            &["whitelist", "add", "192.0.2.1", "--for", "8"],
            &["whitelist", "add", "192.0.2.1", "--for", "0h"],
            &["whitelist", "add", "192.0.2.1", "--for", "tomorrow"],
            &["whitelist", "list"],
        ];
        for step in steps {
            told += &folder.told(step, &[]);
        }
        told += "---- ";
        told += name;
        told += "\n";
        told += &folder.text(name);
        golden(&format!("guests.{}.txt", name.rsplit('.').next().unwrap()), &masked(&told));
    }
}

#[test]
fn guests_beside_a_whitelist_txt() {
    let folder = Folder::with(&[
        ("config.yaml", "port: 1\nwhitelistMode: false\n"),
        ("whitelist.txt", "127.0.0.1\n203.0.113.9\n"),
    ]);
    let mut told = String::new();
    told += &folder.told(&["whitelist", "add", "198.51.100.7", "203.0.113.0/24", "--for", "1w"], &[]);
    told += &folder.told(&["whitelist", "list"], &[]);
    told += &folder.told(&["whitelist", "remove", "203.0.113.9", "198.51.100.7"], &[]);
    assert_eq!(folder.text("whitelist.txt"), "127.0.0.1\n");
    told += &folder.told(&["whitelist", "list"], &[]);
    let variable = [("INNKEEPER_GUESTS", r#"[{"address": "192.0.2.1"}]"#)];
    told += &folder.told(&["whitelist", "list"], &variable);
    told += &folder.told(&["whitelist", "add", "192.0.2.2", "--for", "1h"], &variable);
    told += &folder.told(&["whitelist", "remove", "192.0.2.1"], &variable);
    golden("guests-beside.txt", &masked(&told));
}

/// Guests who are everybody are refused; with the list in its halves it is only told.
#[test]
fn everybody_with_the_list() {
    let folder = Folder::with(&[("config.yaml", "whitelist: [0.0.0.0/1, 127.0.0.1]\n")]);
    let mut told = String::new();
    told += &folder.told(&["whitelist", "add", "128.0.0.0/2", "--for", "8h"], &[]);
    told += &folder.told(&["whitelist", "add", "192.0.0.0/2", "--for", "8h"], &[]);
    told += &folder.told(&["whitelist", "add", "203.0.113.9", "::/1", "--for", "2d"], &[]);
    told += &folder.told(&["whitelist", "add", "8000::/1"], &[]);
    golden("guests-everybody.txt", &masked(&told));
}

#[test]
fn bad_guests() {
    let mut told = String::new();
    for (name, text) in [
        (
            "until.yaml",
            "innkeeper:\n  guests:\n    - address: 127.0.0.1\n      note: Ann\n      until: 2030-01-31\n",
        ),
        ("until.toml", "[[innkeeper.guests]]\naddress = \"127.0.0.1\"\nuntil = 2030-01-31T18:00:00\n"),
        (
            "many.yaml",
            "innkeeper:\n  guests:\n    - 127.0.0.1\n    - {address: 10.0.0.300}\n    - {address: '*'}\n    - {note: Ann}\n    \
             - {address: ::1, till: 2030-01-31T18:00:00Z}\n    - {address: ::1, until: }\n    - {address: ::1, until: no}\n    \
             - {address: ::1, until: true}\n    - {address: [::1]}\n",
        ),
        ("list.yaml", "innkeeper:\n  guests: 127.0.0.1\n"),
    ] {
        let folder = Folder::with(&[(name, text)]);
        told += &folder.told(&["whitelist", "add", "10.0.0.1", "--for", "1h", "--config", name], &[]);
        assert_eq!(folder.text(name), text);
    }
    // Everybody in two halves, at once and one after the other.
    let text = "innkeeper:\n  guests:\n    - {address: 0.0.0.0/1}\n";
    let folder = Folder::with(&[("config.yaml", text)]);
    told += &folder.told(&["whitelist", "add", "128.0.0.0/1", "--for", "1h"], &[]);
    told += &folder.told(&["whitelist", "add", "::/1", "8000::/1", "--for", "1h"], &[]);
    assert_eq!(folder.text("config.yaml"), text);
    golden("guests-bad.txt", &told);
}

#[test]
fn entries_from_standard_input() {
    let folder = Folder::with(&[("config.yaml", YAML)]);
    let mut told = folder
        .told_reading("# mine\n192.168.1.1 # Ann\r\n\n; no\n// no\n192.168.1.2", &["whitelist", "add", "-"]);
    told +=
        &folder.told_reading("198.51.100.0/24\n192.168.1.1\n", &["whitelist", "remove", "192.168.1.2", "-"]);
    told += &folder.told_reading("", &["whitelist", "add", "-", "--for", "1h"]);
    golden("guests-input.txt", &told);
    let text = folder.text("config.yaml");
    assert!(!text.contains("192.168") && !text.contains("198.51") && text.contains("203.0.113.7"), "{text}");
}
