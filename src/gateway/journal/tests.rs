use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::mpsc;

use super::*;
use crate::record::AccessLine;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// What was said, with the name of the stream in front.
fn told(saying: &Saying) -> String {
    match saying {
        Saying::Info(text) => format!("out: {text}"),
        Saying::Notice(text) => format!("err: {text}"),
        Saying::Warning(text) => format!("err: warning: {text}"),
        Saying::Error(error) => {
            let cause =
                std::error::Error::source(error).map(|cause| format!(" <- {cause}")).unwrap_or_default();
            format!("err: error: {error}{cause}")
        }
    }
}

/// A journal, and what it says on the console.
fn journal(access_log: Option<&Path>, min_level: u8) -> (Journal, mpsc::Receiver<String>) {
    let (said, console) = mpsc::channel();
    let print: Console = Box::new(move |saying| said.send(told(&saying)).unwrap_or_default());
    let options = JournalOptions { access_log: access_log.map(Path::to_owned), audit: None, min_level };
    (Journal::open_on(print, options).unwrap(), console)
}

/// Everything it said, once it is closed.
fn all(journal: &Journal, console: &mpsc::Receiver<String>) -> Vec<String> {
    journal.close();
    console.try_iter().collect()
}

/// Each line of the access log without its time.
fn lines_of(path: &Path) -> Vec<String> {
    let lines = fs::read_to_string(path).unwrap();
    assert!(lines.is_empty() || lines.ends_with('\n'));
    let line = |line: &str| {
        let line: AccessLine = line.parse().unwrap();
        format!("{} {}", line.who(), line.agent())
    };
    lines.lines().map(line).collect()
}

/// One of each.
fn everything(journal: &Journal) {
    journal.note("Innkeeper is listening on IPv4: 0.0.0.0:8000");
    journal.arrived("192.168.116.187", Some(b"Mozilla/5.0"));
    journal.arrived("192.168.116.187", Some(b"another"));
    journal.arrived("127.0.0.1 (forwarded: 192.168.116.187)", None);
    for _ in 0..3 {
        let command = Some("innkeeper whitelist add 127.0.0.1");
        journal.refused(HERE, "127.0.0.1", "It is not in the whitelist", Some(b"curl/8"), command);
        journal.failed_sign_in(HERE, "127.0.0.1", SignInFailure::Wrong, "GET", b"/");
    }
    journal.refused(HERE, "127.0.0.1", "The host is unknown", None, None);
    journal.failed_sign_in(HERE, "127.0.0.1", SignInFailure::Limited, "POST", b"/api/x");
    journal.failed_sign_in(HERE, "127.0.0.1", SignInFailure::Unreadable, "GET", b"/");
    journal.unknown_host(b"evil.example");
    journal.unknown_host(b"evil.example");
    journal.unknown_host(b"");
    journal.upstream_back("http://127.0.0.1:8001");
    journal.upstream_down("http://127.0.0.1:8001", &"connection refused");
    journal.upstream_down("http://127.0.0.1:8001", &"connection refused");
    journal.upstream_back("http://127.0.0.1:8001");
    journal.upstream_back("http://127.0.0.1:8001");
    journal.warn("the whitelist covers everyone");
    journal.error(Error::new("cannot read the new certificate").caused_by("permission denied"));
}

const INFORMATION: [&str; 3] = [
    "out: Innkeeper is listening on IPv4: 0.0.0.0:8000",
    "out: New connection from 192.168.116.187; User Agent: Mozilla/5.0",
    "out: New connection from 127.0.0.1 (forwarded: 192.168.116.187); User Agent: undefined",
];

const WARNINGS: [&str; 10] = [
    "err: Forbidden: Connection attempt from 127.0.0.1. It is not in the whitelist; User Agent: curl/8\n  \
     To let it in: innkeeper whitelist add 127.0.0.1",
    "err: Basic auth failed: Wrong user name or password from 127.0.0.1 GET /",
    "err: Forbidden: Connection attempt from 127.0.0.1. The host is unknown; User Agent: undefined",
    "err: Basic auth failed: Rate limited from 127.0.0.1 POST /api/x",
    "err: Basic auth failed: Unreadable credentials from 127.0.0.1 GET /",
    "err: Request from untrusted host: evil.example\n  If it is a name of yours, add it to hostWhitelist.hosts. \
     hostWhitelist.enabled: true refuses all others; hostWhitelist.scan: false ends these lines.",
    "err: Request from untrusted host: ",
    "err: The app at http://127.0.0.1:8001 does not answer: connection refused",
    "err: The app at http://127.0.0.1:8001 answers again",
    "err: warning: the whitelist covers everyone",
];

const ERRORS: [&str; 1] = ["err: error: cannot read the new certificate <- permission denied"];

#[test]
fn every_line_at_every_level() {
    let folder = tempfile::tempdir().unwrap();
    let expected: [Vec<&str>; 6] = [
        [&INFORMATION[..], &WARNINGS, &ERRORS].concat(),
        [&INFORMATION[..], &WARNINGS, &ERRORS].concat(),
        [&WARNINGS[..], &ERRORS].concat(),
        ERRORS.into(),
        Vec::new(),
        Vec::new(),
    ];
    for (level, expected) in (0..).zip(expected) {
        let path = folder.path().join(level.to_string());
        let (journal, console) = journal(Some(&path), level);
        everything(&journal);
        assert_eq!(all(&journal, &console), expected, "at level {level}");
        // The level is about the console only.
        let expected = ["192.168.116.187 Mozilla/5.0", "127.0.0.1 (forwarded: 192.168.116.187) undefined"];
        assert_eq!(lines_of(&path), expected);
    }
}

#[test]
fn without_an_access_log_nobody_arrives() {
    let (journal, console) = journal(None, 0);
    everything(&journal);
    assert_eq!(all(&journal, &console), [&INFORMATION[..1], &WARNINGS, &ERRORS].concat());
}

#[test]
fn what_was_held_back_is_told_with_the_next() {
    let (journal, console) = journal(None, 0);
    let refusals = Mutex::new(Repeats::default());
    let text = |more: &str| format!("Forbidden: x{more}");
    // A clock of the test's own moves the window; the journal's stands at its start.
    lock(&refusals).turn("x", Duration::ZERO);
    for _ in 0..17 {
        journal.in_turn(&refusals, "x", "Forbidden: Connection attempts", text);
    }
    let turn = lock(&refusals).turn("x", Duration::from_mins(1));
    journal.tell(turn, "Forbidden: Connection attempts", text);
    let others = Some(repeats::Tally { count: 4213, span: Duration::from_mins(1) });
    journal.tell(Turn::Tell { repeats: None, others }, "Forbidden: Connection attempts", text);
    assert_eq!(
        all(&journal, &console),
        [
            "err: Forbidden: x (17 more in the last 60 s)",
            "err: Forbidden: Connection attempts from others, too many to tell one by one: 4213 more in the last \
             60 s\nForbidden: x",
        ]
    );
}

#[test]
fn nothing_from_outside_gets_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let long = vec![0x9b; 65536];
    let corpus: [&[u8]; 12] = [
        b"\r\n2026-01-31T09:05:00.123Z 10.0.0.1 forged",
        b"\x1b]0;title\x07\x1b[2J",
        b"\x9b31m",
        b"\xc2\x9b31m",
        b"\x7f\x08\x08",
        b"\0",
        "\u{202e}gpj.exe\u{2066}".as_bytes(),
        "\u{2028}\u{2029}\u{85}\u{feff}\u{200b}".as_bytes(),
        b"\xff\xfe\xf0\x9f",
        b"(forwarded: 10.0.0.1) forged",
        b"\\u{1b}\"'`",
        &long,
    ];
    let (journal, console) = journal(Some(&path), 0);
    for (number, hostile) in corpus.iter().enumerate() {
        let text = String::from_utf8_lossy(hostile);
        let address = IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()]);
        let who = format!("{address} (forwarded: {text})");
        journal.arrived(&who, Some(hostile));
        journal.arrived(&format!("{address}"), Some(hostile));
        journal.refused(address, &who, "No", Some(hostile), None);
        journal.failed_sign_in(address, &who, SignInFailure::Wrong, &text, hostile);
        journal.unknown_host(hostile);
    }
    let said = all(&journal, &console);
    assert_eq!(said.len(), 5 * corpus.len());
    for line in &said {
        // The one line end of ours is before the hint.
        let line = line.split("\n  If it is a name of yours").next().unwrap();
        assert!(line.chars().all(|letter| matches!(letter, ' '..='~' | '…')), "{line:?}");
        assert!(line.len() < 2000);
    }
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.chars().all(|letter| matches!(letter, ' '..='~' | '…' | '\n')));
    let lines: Vec<AccessLine> = written.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(lines.len(), 2 * corpus.len());
    for (number, pair) in lines.chunks(2).enumerate() {
        assert!(pair[0].who().starts_with(&format!("10.0.0.{number} (forwarded: ")));
        assert_eq!(pair[1].who(), format!("10.0.0.{number}"));
        assert_eq!(pair[0].agent(), pair[1].agent());
    }
}

#[test]
fn claiming_to_be_others_gets_no_more_lines() {
    let (journal, console) = journal(None, 0);
    for number in 0..100 {
        journal.refused(HERE, &format!("127.0.0.1 (forwarded from 10.0.0.{number})"), "No", None, None);
    }
    let expected = [
        "err: Forbidden: Connection attempt from 127.0.0.1 (forwarded from 10.0.0.0). No; User Agent: undefined",
    ];
    assert_eq!(all(&journal, &console), expected);
}

#[test]
fn a_file_in_the_way_is_told_once_and_again_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let (journal, console) = journal(Some(&path), 2);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    journal.arrived("10.0.0.1", None);
    let failed = console.recv().unwrap();
    assert!(failed.starts_with(&format!("err: error: cannot write the access log `{}` <- ", path.display())));
    journal.arrived("10.0.0.2", None);
    journal.arrived("10.0.0.3", None);
    // The console goes on, and by the end both were tried.
    journal.warn("still here");
    assert_eq!(console.recv().unwrap(), "err: warning: still here");
    journal.close();
    assert_eq!(console.try_iter().count(), 0);
}

#[test]
fn a_failure_that_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let (journal, console) = journal(Some(&path), 0);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    journal.arrived("10.0.0.1", None);
    assert_eq!(console.recv().unwrap(), "out: New connection from 10.0.0.1; User Agent: undefined");
    assert!(console.recv().unwrap().starts_with("err: error: cannot write the access log"));
    fs::remove_dir(&path).unwrap();
    journal.arrived("10.0.0.2", Some(b"b"));
    let expected = [
        "out: New connection from 10.0.0.2; User Agent: b".to_owned(),
        format!("err: The access log `{}` is written again; 1 line was lost", path.display()),
    ];
    assert_eq!(all(&journal, &console), expected);
    assert_eq!(lines_of(&path), ["10.0.0.2 b"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_stops_nothing() {
    let (journal, console) = journal(Some(Path::new("/dev/full")), 2);
    for number in 0..1000 {
        journal.arrived(&format!("10.0.0.{number}"), None);
    }
    assert_eq!(
        all(&journal, &console),
        ["err: error: cannot write the access log `/dev/full` <- No space left on device (os error 28)"]
    );
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let options = JournalOptions { access_log: Some(folder.path().to_owned()), audit: None, min_level: 0 };
    let error = Journal::open(options).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write the access log `{}`", folder.path().display()));
    assert_eq!(error.hints().len(), 1);
}

#[test]
#[cfg(unix)]
fn a_new_file_is_for_its_owner_and_an_old_one_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    for (mode, agent) in [(0o600, "a"), (0o640, "b")] {
        let (journal, _console) = journal(Some(&path), 0);
        journal.arrived("10.0.0.1", Some(agent.as_bytes()));
        journal.close();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    }
    assert_eq!(lines_of(&path), ["10.0.0.1 a", "10.0.0.1 b"]);
}

#[test]
fn a_console_that_takes_nothing_holds_nobody_up() {
    let (said, console) = mpsc::channel();
    let (release, gate) = mpsc::channel::<()>();
    let (reached, at_the_gate) = mpsc::channel();
    let print: Console = Box::new(move |saying| {
        reached.send(()).unwrap_or_default();
        // Blocks until the test lets go, as a terminal does that was stopped.
        let _ = gate.recv();
        said.send(told(&saying)).unwrap_or_default();
    });
    let journal = Journal::open_on(print, JournalOptions::default()).unwrap();
    journal.note("first");
    at_the_gate.recv().unwrap();
    for number in 0..QUEUE + 37 {
        journal.note(number.to_string());
    }
    drop(release);
    let said = all(&journal, &console);
    assert_eq!(said.len(), 1 + QUEUE + 1);
    assert_eq!((said[0].as_str(), said[1].as_str()), ("out: first", "out: 0"));
    assert_eq!(
        said.last().unwrap(),
        "err: warning: 37 lines of the console and access.log were lost: they came faster than they could be written"
    );
}

#[test]
fn many_threads_tell_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let (journal, console) = journal(Some(&path), 2);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|number| journal.arrived(&format!("10.0.0.{number}"), None)));
        }
    });
    assert_eq!(all(&journal, &console), [] as [&str; 0]);
    assert_eq!(lines_of(&path).len(), 500);
}

#[test]
fn after_the_end_nothing_is_told() {
    let (journal, console) = journal(None, 0);
    journal.note("a");
    journal.close();
    journal.clone().close();
    journal.note("b");
    assert_eq!(console.try_iter().collect::<Vec<_>>(), ["out: a"]);
}
