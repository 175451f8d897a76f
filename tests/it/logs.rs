//! `innkeeper logs`: each view and filter, in exact words, over files as the server and SillyTavern write them.

#[cfg(unix)]
mod pipes;

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::it::harness::folder::{Folder, golden};

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
    Version/18.1 Mobile/15E148 Safari/604.1";
const DESK: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0";

const SETTINGS: &str = "listen: true\nwhitelistMode: true\nwhitelist:\n  - 127.0.0.1\nhostWhitelist:\n  enabled: true\n  \
    scan: true\n  hosts:\n    - desk.local\n";

/// A line of the audit log at `time` of the day; `rest` begins with the name of the event.
fn event(time: &str, rest: &str) -> String {
    format!("{{\"time\":\"2026-11-23T{time}Z\",\"event\":{rest}}}\n")
}

/// A visit, with the keys in the order of the writer.
fn visit(
    time: &str,
    verdict: &str,
    reason: &str,
    client: &str,
    more: &str,
    agent: &str,
    count: u64,
) -> String {
    let name = match reason {
        "wrong-password" => "failure",
        "throttled" => "throttle",
        _ => "visit",
    };
    let count = if count == 1 { String::new() } else { format!(",\"count\":{count}") };
    event(
        time,
        &format!(
            "\"{name}\",\"verdict\":\"{verdict}\",\"reason\":\"{reason}\",\"client\":\"{client}\"{more},\"received\":0,\
             \"sent\":5120,\"ms\":12,\"end\":\"whole\",\"protocol\":\"HTTP/1.1\",\"agent\":\"{agent}\"{count}"
        ),
    )
}

/// What a request asked for.
fn asked(user: &str, host: &str, path: &str, status: u16) -> String {
    let user = if user.is_empty() { String::new() } else { format!(",\"user\":\"{user}\"") };
    format!("{user},\"method\":\"GET\",\"host\":\"{host}\",\"path\":\"{path}\",\"status\":{status}")
}

/// A morning with everything in it.
fn morning() -> String {
    let home = asked("", "desk.local:8000", "/", 403);
    let alice = asked("alice", "desk.local:8000", "/chat", 200);
    [
        event("09:59:00.000", "\"start\",\"version\":\"0.1.0\",\"listen\":[\"0.0.0.0:8000\"]"),
        visit("10:00:00.000", "refused", "unlisted", "192.168.0.7", &home, PHONE, 1),
        visit("10:01:00.000", "refused", "unlisted", "192.168.0.7", &home, PHONE, 40),
        event("10:02:00.000", "\"approve\",\"rule\":\"192.168.0.8\",\"place\":\"config.yaml:5\""),
        visit("10:03:00.000", "refused", "unlisted", "192.168.0.8", &home, DESK, 2),
        visit("10:04:00.000", "allowed", "listed", "192.168.0.8", &alice, DESK, 1),
        event(
            "10:04:30.000",
            "\"sign-in\",\"client\":\"192.168.0.8\",\"user\":\"alice\",\"by\":\"form\",\"agent\":\"curl/8.5.0\"",
        ),
        visit("10:05:00.000", "allowed", "session", "192.168.0.8", &alice, DESK, 3),
        visit("10:06:00.000", "failed", "wrong-password", "10.0.0.9", &asked("", "desk.local", "/", 401), "curl/8.5.0", 1),
        visit("10:07:00.000", "failed", "throttled", "10.0.0.9", &asked("", "desk.local", "/", 429), "curl/8.5.0", 9),
        visit("10:08:00.000", "refused", "unknown-host", "10.0.0.10", &asked("", "tavern.lan:8000", "/", 403), DESK, 1),
        visit("10:09:00.000", "refused", "insecure", "10.0.0.10", &asked("", "desk.local", "/a?", 403), DESK, 1),
        visit("10:10:00.000", "refused", "malformed", "2001:db8::7", "", "", 1),
        event("10:11:00.000", "\"gap\",\"lost\":3,\"why\":\"no space left on device\""),
        event("10:12:00.000", "\"stop\""),
    ]
    .concat()
}

const DAY: [&str; 4] = ["--since", "2026-11-23 10:00", "--until", "2026-11-23 11:00"];
const UTC: [(&str, &str); 1] = [("TZ", "UTC")];

fn of_morning() -> Folder {
    Folder::with(&[("config.yaml", SETTINGS), ("audit.jsonl", &morning())])
}

#[test]
fn the_grouped_view() {
    let folder = of_morning();
    let logs = |more: &[&str]| folder.told(&[&["logs"], &DAY[..], more].concat(), &UTC);
    let mut text = logs(&[]);
    text += &logs(&["--histogram"]);
    text += &logs(&["--top", "2"]);
    text += &logs(&["--allowed", "--json"]);
    text += &logs(&["--ip", "192.168.0.7", "--allowed"]);
    text += &logs(&["--quiet", "--ip", "192.168.0.7", "--allowed"]);
    // A clock an hour ahead of UTC.
    text += &folder
        .told(&["logs", "--since", "2026-11-23 11:09", "--until", "2026-11-23 11:30"], &[("TZ", "CET-1")]);
    text += &folder
        .told(&["logs", "--config", "./config.yaml", "--since", "2026-11-23", "--ip", "192.168.0.7"], &UTC);
    golden("logs.txt", &text);
}

/// A new terminal has 80 letters in a line, and nothing says that it shows more than ASCII.
#[cfg(target_os = "linux")]
#[test]
fn the_grouped_view_on_a_terminal() {
    use crate::it::auth::terminal::Terminal;
    let line = visit(
        "10:08:30.000",
        "allowed",
        "listed",
        "192.168.100.200",
        &asked(&"u".repeat(30), "desk.local", "/", 200),
        &"x".repeat(50),
        1,
    );
    let folder = Folder::with(&[("config.yaml", SETTINGS), ("audit.jsonl", &(morning() + &line))]);
    let wanted = "--since 2026-11-23T10:00:00Z --until 2026-11-23T11:00:00Z";
    let Some(terminal) = Terminal::open(&folder, &format!("logs {wanted}")) else { return };
    let shown = terminal.ends();
    assert!(shown.is_ascii(), "{shown}");
    let table: Vec<&str> = shown
        .lines()
        .skip_while(|line| !line.starts_with("VISITS"))
        .take_while(|line| !line.is_empty())
        .collect();
    assert!(table.len() > 5 && table.iter().all(|line| line.len() <= 80), "{shown}");
    assert!(table.iter().any(|line| line.contains("  192.168.100.200  uuuuu...  xxxxxxx...  ")), "{shown}");
    let terminal = Terminal::open(&folder, &format!("logs --raw {wanted}")).unwrap();
    assert!(terminal.ends().contains(&"x".repeat(50)));
}

#[test]
fn every_filter() {
    let folder = of_morning();
    let mut text = String::new();
    for filter in [
        &["--refused"][..],
        &["--allowed"],
        &["--failed"],
        &["--refused", "--failed"],
        &["--ip", "192.168.0.0/24"],
        &["--ip", "2001:db8::/32"],
        &["--user", "alice"],
        &["--user", "alic"],
        &["--user", ""],
        &["--host", "DESK.local"],
        &["--host", "desk.local:8000"],
        &["--path", "/ch"],
        &["--since", "2026-11-23 10:07"],
        &["--until", "2026-11-23T10:01:00Z"],
        &["--since", "2026-11-24"],
        &[
            "--ip",
            "192.168.*",
            "--refused",
            "--host",
            "desk.local",
            "--since",
            "10:00",
            "--until",
            "2026-11-23 10:03",
        ],
    ] {
        text += &folder.told(&[&["logs", "--count"], filter].concat(), &UTC);
    }
    text += &folder.told(&["logs", "--raw", "--ip", "192.168.0.8"], &UTC);
    golden("logs-filters.txt", &text);
}

#[test]
fn what_cannot_be() {
    let folder = of_morning();
    let logs = |arguments: &[&str]| folder.told(&[&["logs"], arguments].concat(), &UTC);
    let mut text = logs(&["nowhere.jsonl"]);
    text += &logs(&["--since", "soon", "--ip", "desk"]);
    text += &logs(&["--since", "1h", "--until", "2h"]);
    text += &logs(&["--count", "--json"]);
    text += &logs(&["-f", "audit.jsonl", "config.yaml"]);
    let empty = Folder::with(&[("config.yaml", SETTINGS)]);
    text += &empty.told(&["logs"], &UTC);
    text += &Folder::with(&[]).told(&["logs"], &UTC);
    let broken = Folder::with(&[("config.yaml", "port: many\n"), ("audit.jsonl", &morning())]);
    text += &broken.told(&["logs", "--count"], &UTC);
    golden("logs-misuse.txt", &text);
}

/// Nothing of the last hour: when the last event was, and what shows it.
#[test]
fn an_hour_without_visits() {
    let folder = of_morning();
    let output = folder.command(&["logs"]).env("TZ", "UTC").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("The last hour, since 20"), "{told}");
    let end = "the last event was at 2026-11-23 10:12:00: innkeeper logs --since \"2026-11-23 10:12\"\n";
    assert!(told.ends_with(end), "{told}");
    assert_eq!(output.status.code(), Some(1));
    // At a full hour, of a file that was named, with other settings: what is pasted asks the same again.
    let hour = visit("10:00:00.000", "allowed", "listed", "10.0.0.1", "", "x", 1);
    fs::write(folder.path("an hour.jsonl"), hour).unwrap();
    let arguments = ["logs", "an hour.jsonl", "--no-rotated", "--config", "./config.yaml"];
    let told =
        String::from_utf8(folder.command(&arguments).env("TZ", "UTC").output().unwrap().stderr).unwrap();
    let end =
        "innkeeper logs --since \"2026-11-23 10:00\" --no-rotated --config ./config.yaml 'an hour.jsonl'\n";
    assert!(told.ends_with(end), "{told}");
}

fn compressed(path: &Path, text: &str) {
    let mut file = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    file.write_all(text.as_bytes()).unwrap();
    file.finish().unwrap();
}

#[test]
fn rotated_parts_are_read_once_and_in_order() {
    let one = |time: &str| {
        visit(time, "allowed", "listed", "10.0.0.1", &asked("", "desk", "/", 200), "curl/8.5.0", 1)
    };
    let folder = Folder::with(&[
        ("config.yaml", SETTINGS),
        ("audit.jsonl", &one("10:05:00.000")),
        ("audit.jsonl.0", &one("10:04:00.000")),
        ("audit.jsonl.2", &one("10:02:00.000")),
        ("audit.jsonl.old", "nothing"),
    ]);
    compressed(&folder.path("audit.jsonl.1.gz"), &one("10:03:00.000"));
    compressed(&folder.path("audit.jsonl.10.gz"), &one("10:01:00.000"));
    let raw = |arguments: &[&str]| {
        let output = folder.run(&[&["logs", "--raw"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line[20..25].to_owned()).collect::<Vec<_>>()
    };
    let all = ["10:01", "10:02", "10:03", "10:04", "10:05"];
    assert_eq!(raw(&[]), all);
    assert_eq!(raw(&["audit.jsonl"]), all);
    assert_eq!(raw(&["audit.jsonl", "audit.jsonl.0", "audit.jsonl.1.gz", "audit.jsonl.10.gz"]), all);
    assert_eq!(raw(&["audit.jsonl", "--no-rotated"]), ["10:05"]);
    assert_eq!(raw(&["audit.jsonl.1.gz"]), ["10:03"]);
    // What lies in the part is known by its first bytes.
    let input = fs::File::open(folder.path("audit.jsonl.1.gz")).unwrap();
    let output = folder.command(&["logs", "--count", "-"]).stdin(input).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1\n");
    // A part that is cut off: what was before is counted, and it is told.
    let bytes = fs::read(folder.path("audit.jsonl.1.gz")).unwrap();
    fs::write(folder.path("audit.jsonl.1.gz"), &bytes[..bytes.len() - 8]).unwrap();
    let output = folder.run(&["logs", "--count"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("error: cannot read all of `audit.jsonl.1.gz`\n"), "{told}");
}

#[test]
fn what_is_no_line_is_left_out_and_told() {
    let good = visit("10:00:00.000", "allowed", "listed", "10.0.0.1", &asked("", "desk", "/", 200), "x", 1);
    let torn = &good[..good.len() / 2];
    let folder = Folder::with(&[
        ("one", &format!("{good}{good}{torn}")),
        ("two", &format!("{torn}{good}{good}\n{{}}\n")),
    ]);
    let mut text = folder.told(&["logs", "--count", "one"], &UTC);
    text += &folder.told(&["logs", "--count", "two"], &UTC);
    golden("logs-torn.txt", &text);
    // Neither a line that is too long nor what is no text takes memory or the lines beside it.
    let long = [
        good.as_bytes(),
        &vec![b'x'; 10_000_000],
        b"\n",
        good.as_bytes(),
        &vec![0xff; 65_536],
        b"\n",
        good.as_bytes(),
    ];
    fs::write(folder.path("long"), long.concat()).unwrap();
    let output = folder.run(&["logs", "--count", "long"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "3\n");
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "warning: left out 2 lines that are none of a log, the first of them: long:2\n"
    );
}

#[test]
fn two_commands_that_undo_each_other() {
    let of = |host: &str, agent: &str| {
        visit("10:00:00.000", "refused", "unknown-host", "10.0.0.1", &asked("", host, "/", 403), agent, 1)
    };
    let folder =
        Folder::with(&[("config.yaml", SETTINGS), ("audit.jsonl", &(of("a.lan", "x") + &of("b.lan", "y")))]);
    let told = |more: &[&str]| folder.told(&[&["logs"], &DAY[..], more].concat(), &UTC);
    let note = "Each command for a host replaces the list: paste one, and look again.\n";
    assert_eq!(told(&[]).matches(note).count(), 1);
    assert!(!told(&["--host", "a.lan"]).contains(note));
}

/// Nobody has to believe the numbers of a file that somebody else wrote, but nobody falls over them either.
#[test]
fn numbers_beyond_all_bounds() {
    let most = |verdict: &str| visit("10:00:00.000", verdict, "x", "10.0.0.1", "", "x", u64::MAX);
    let folder = Folder::with(&[("log", &(most("allowed") + &most("refused") + &most("refused")))]);
    for (more, expected) in [
        (&["--count"][..], "18446744073709551615\n"),
        (&["--histogram"], "18446744073709551615 visits, 18446744073709551615 of them refused"),
        (&["--json"], "\"visits\": 18446744073709551615,"),
    ] {
        let output = folder.run(&[&["logs", "log"], &DAY[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{more:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected), "{more:?}");
    }
}

/// SillyTavern writes what was sent as it is.
#[test]
fn no_raw_byte_of_a_foreign_log_is_printed() {
    let folder = Folder::with(&[]);
    let lines: [&[u8]; 5] = [
        b"2026-11-23T10:00:00.000Z 192.168.0.7 \x1b[2J\x1b]0;owned\x07\xc2\x9b31m\xe2\x80\xae\x7f\x9b\n",
        b"2026-11-23T10:00:01.000Z 192.168.0.8 (forwarded: \x1b[31m) x\xff\xfe\n",
        b"2026-11-23T10:00:02.000Z 192.168.0.9 undefined\n",
        b"{\"time\":\"2026-11-23T10:00:03.000Z\",\"event\":\"visit\",\"verdict\":\"refused\",\"reason\":\"unlisted\x1b[0m\",\
          \"client\":\"\x1b[1m\",\"user\":\"\\u001b[2J\\u202e\\ud800\",\"agent\":\"\x9b\",\"host\":\"\\u0007\"}\n",
        b"\x1b[31m\n",
    ];
    let agent = [b"2026-11-23T10:00:04.000Z 192.168.0.10 ", &vec![0x1b; 65_536][..], b"\n"].concat();
    fs::write(folder.path("access.log"), [&lines.concat()[..], &agent].concat()).unwrap();
    for more in [
        &["--raw"][..],
        &[],
        &["--json"],
        &["--histogram"],
        &["--top", "9"],
        &["--ip", "192.168.0.8", "--raw"],
    ] {
        let arguments =
            [&["logs", "access.log", "--since", "2026-11-23", "--until", "2026-11-24"], more].concat();
        let output = folder.command(&arguments).env("TZ", "UTC").env("LANG", "C").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{more:?}");
        for stream in [&output.stdout, &output.stderr] {
            let text = str::from_utf8(stream).unwrap();
            assert!(text.chars().all(|letter| matches!(letter, '\n' | '…' | ' '..='~')), "{more:?}: {text}");
        }
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn access_log_where_there_is_no_other() {
    let folder = Folder::with(&[
        ("config.yaml", SETTINGS),
        (
            "access.log",
            "2026-11-23T10:00:00.000Z 192.168.0.7 curl/8.5.0\n\
             2026-11-23T10:01:00.000Z 10.0.0.1 (forwarded: 192.168.0.9) curl/8.5.0\n\
             2026-11-23T10:02:00.000Z 192.168.0.8 undefined\n",
        ),
    ]);
    let mut text = folder.told(&[&["logs"], &DAY[..]].concat(), &UTC);
    text += &folder.told(&["logs", "--raw", "--ip", "192.168.0.9"], &UTC);
    text += &folder.told(&["logs", "--count", "--refused"], &UTC);
    golden("logs-access.txt", &text);
}

#[test]
fn a_hundred_thousand_groups_and_no_more() {
    let mut text = String::new();
    for number in 0..100_500_u32 {
        let client = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
        let _ = writeln!(
            text,
            "{{\"time\":\"2026-11-23T10:00:00.000Z\",\"event\":\"visit\",\"verdict\":\"refused\",\"reason\":\"unlisted\",\
             \"client\":\"{client}\"}}"
        );
    }
    let folder = Folder::with(&[("audit.jsonl", &text)]);
    let output =
        folder.command(&["logs", "audit.jsonl", "--since", "2026-11-23", "--json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["groups"].as_array().unwrap().len(), 100_000);
    assert_eq!((&report["others"], &report["visits"]), (&500.into(), &100_500.into()));
    let output = folder.run(&["logs", "audit.jsonl", "--since", "2026-11-23"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\nand 99950 more; --top 100 shows the most frequent, --json all\n"), "{text}");
    assert!(text.contains("\nand 500 visits of others, too many to tell apart\n"), "{text}");
}

/// Of a sorted file only the end is read: what stands before it is not even looked at.
#[test]
fn since_finds_its_place() {
    let mut text = String::new();
    for second in 0..40_000_u32 {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let time = format!("{hour:02}:{minute:02}:{second:02}.000");
        text += &visit(&time, "allowed", "listed", "10.0.0.1", &asked("", "desk", "/", 200), "x", 1);
    }
    // In a part of it that nobody reads.
    let text = text.replacen("\"event\":\"visit\"", "\"event:\"visit\"", 2000);
    let folder = Folder::with(&[("audit.jsonl", &text)]);
    let output = folder.run(&["logs", "audit.jsonl", "--count", "--since", "2026-11-23T11:00:00Z"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n", 40_000 - 39_600));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let range = ["--since", "2026-11-23T05:00:00Z", "--until", "2026-11-23T05:00:10Z"];
    let output = folder.run(&[&["logs", "audit.jsonl", "--count"], &range[..]].concat());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "10\n");
}

/// A command that follows, ended when dropped.
struct Following {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Following {
    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line, which is waited for.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn follows_across_rotation_and_truncation() {
    let folder = Folder::with(&[]);
    let path = folder.path("audit.jsonl");
    let one = |minute: u32| {
        let time = format!("10:{minute:02}:00.000");
        visit(&time, "allowed", "listed", "10.0.0.1", &asked("al", "desk", "/", 200), "curl/8.5.0", 1)
    };
    let told = |minute: u32| {
        format!("2026-11-23 10:{minute:02}:00  allowed  listed  10.0.0.1  al  GET desk/ 200  curl 8.5\n")
    };
    fs::write(&path, (0..12).map(one).collect::<String>()).unwrap();
    let mut command = folder.command(&["logs", "-f", "audit.jsonl", "--user", "al"]);
    command.env("TZ", "UTC");
    let mut following = Following::of(command);
    for minute in 2..12 {
        assert_eq!(following.line(), told(minute));
    }
    append(&path, &one(12));
    assert_eq!(following.line(), told(12));
    // A line that comes in two pieces, and one that nobody wants.
    let next = one(13);
    append(&path, &(one(40).replace("\"al\"", "\"bob\"") + &next[..50]));
    append(&path, &next[50..]);
    assert_eq!(following.line(), told(13));
    // Rotated, with a last line for the old name.
    fs::rename(&path, folder.path("audit.jsonl.0")).unwrap();
    append(&folder.path("audit.jsonl.0"), &one(14));
    append(&path, &one(15));
    assert_eq!(following.line(), told(14));
    assert_eq!(following.line(), told(15));
    // Cut under its name.
    fs::write(&path, "").unwrap();
    append(&path, &one(16).replace("curl/8.5.0", "x"));
    assert_eq!(following.line(), told(16).replace("curl 8.5", "x"));
    // Away, and back.
    fs::remove_file(&path).unwrap();
    append(&path, &one(17));
    assert_eq!(following.line(), told(17));
}

#[cfg(unix)]
#[test]
fn the_interrupt_key_ends_it_in_peace() {
    let folder = of_morning();
    let mut command = folder.command(&["logs", "-f", "--raw", "--since", "2026-11-23T10:12:00Z"]);
    command.env("TZ", "UTC");
    let mut following = Following::of(command);
    assert_eq!(following.line(), event("10:12:00.000", "\"stop\""));
    let id = following.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(following.child.wait().unwrap().code(), Some(0));
    let mut told = String::new();
    following.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told, "");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let folder = of_morning();
    let many = morning().repeat(2000);
    fs::write(folder.path("audit.jsonl"), many).unwrap();
    let mut following = Following::of(folder.command(&["logs", "--raw"]));
    assert!(following.line().starts_with("{\"time\""));
    let Following { child, .. } = &mut following;
    let mut child = std::mem::replace(child, Command::new("true").spawn().unwrap());
    drop(following);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
