//! Files that are moved, disks that are full, servers that are killed.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::GzDecoder;

use super::*;

#[cfg(unix)]
#[test]
fn a_file_that_was_moved_away_is_opened_anew_and_a_hangup_ends_nothing() {
    let logs = Logs::new();
    let app = App::fine();
    let server = Innkeeper::start(LIST, &logs.own(&app.url, "all", ""));
    let (path, moved) = (logs.path("audit.jsonl"), logs.path("moved"));
    let mut client = Client::of(&server);
    client.get("/1");
    wait_for(&path, |text| text.contains("\"/1\""));
    // As logrotate does it.
    fs::rename(&path, &moved).unwrap();
    server.signal("HUP");
    client.get("/2");
    wait_for(&path, |text| text.contains("\"/2\""));
    // And as somebody does who does not know of the signal.
    fs::remove_file(&path).unwrap();
    client.get("/3");
    wait_for(&path, |text| text.contains("\"/3\""));
    server.stop();
    let paths = |path: &Path| {
        let lines = whole_lines(path);
        lines.iter().filter(|line| line.contains("\"visit\"")).count()
    };
    assert_eq!((paths(&moved), paths(&path)), (1, 1));
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);
}

#[test]
fn old_parts_are_compressed_and_no_line_is_lost() {
    let logs = Logs::new();
    let app = App::fine();
    let server = Innkeeper::start(LIST, &logs.own(&app.url, "all", ", maxSize: 8 KiB, keep: 3"));
    let path = logs.path("audit.jsonl");
    let mut client = Client::of(&server);
    let mut number = 0;
    // Each time so much that it is more than a part, and then until that was begun anew.
    for part in 1..=3 {
        for _ in 0..50 {
            number += 1;
            assert_eq!(client.get(&format!("/{number}")).status, 200);
        }
        let gz = logs.path(&format!("audit.jsonl.{part}.gz"));
        let end = Instant::now() + PATIENCE;
        while !gz.exists() {
            assert!(Instant::now() < end);
            // Only with a line is it looked whether the file is too large.
            number += 1;
            client.get(&format!("/{number}"));
            thread::sleep(Duration::from_millis(20));
        }
    }
    server.stop();
    let mut text = String::new();
    for part in (1..=3).rev() {
        let file = fs::File::open(logs.path(&format!("audit.jsonl.{part}.gz"))).unwrap();
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
    }
    assert!(!logs.path("audit.jsonl.4.gz").exists());
    text += &fs::read_to_string(path).unwrap_or_default();
    let paths: Vec<&str> =
        text.lines().filter_map(|line| line.split("\"path\":\"/").nth(1)?.split('"').next()).collect();
    let expected: Vec<String> = (1..=number).map(|number| number.to_string()).collect();
    assert_eq!(paths, expected);
}

/// Asks again and again until it is told to stop, or nobody answers any more.
fn load(server: &Innkeeper, done: &AtomicBool) {
    let mut client = Client::of(server);
    while !done.load(Ordering::Relaxed) {
        client.try_send("GET /load HTTP/1.1\r\nHost: app.test\r\nUser-Agent: load\r\n\r\n");
        if client.try_answer(true).is_err() {
            return;
        }
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_is_killed_leaves_whole_lines() {
    let logs = Logs::new();
    let app = App::fine();
    let own = logs.own(&app.url, "all", "");
    let path = logs.path("audit.jsonl");
    let mut before = 0;
    for _ in 0..3 {
        let server = Innkeeper::start(LIST, &own);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| load(&server, &done));
            }
            wait_for(&path, |text| text.len() > before + 100_000);
            server.signal("KILL");
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(server.ended().status.code(), None);
        let text = fs::read_to_string(&path).unwrap();
        let whole = &text[..=text.rfind('\n').unwrap()];
        for line in whole.lines() {
            assert!(
                matches!(line.parse::<Event>().unwrap().kind, Kind::Visit(_) | Kind::Start { .. }),
                "{line}"
            );
        }
        before = text.len();
    }
    // The next start takes away what is not whole.
    fs::write(&path, fs::read_to_string(&path).unwrap() + "{\"time\":\"2026-").unwrap();
    Innkeeper::start(LIST, &own).stop();
    assert!(whole_lines(&path).last().unwrap().contains("\"event\":\"stop\""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_survived_and_the_gap_is_written() {
    let logs = Logs::new();
    let app = App::fine();
    let path = logs.path("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let server = Innkeeper::start(LIST, &logs.own(&app.url, "all", ""));
    let mut client = Client::of(&server);
    for number in 0..20 {
        assert_eq!(client.get(&format!("/{number}")).status, 200);
    }
    let shown = path.display();
    server.complains(&format!(
        "warning: cannot write the audit log `{shown}`: No space left on device (os error 28); serving goes on, and the \
         next line tries again"
    ));
    // Somebody makes room.
    fs::remove_file(&path).unwrap();
    client.get("/room");
    wait_for(&path, |text| text.contains("\"/room\""));
    server.complains(&format!("The audit log `{shown}` is written again; "));
    server.stop();
    let lines = whole_lines(&path);
    let Kind::Gap { lost, why } = lines[0].parse::<Event>().unwrap().kind else { panic!("{lines:#?}") };
    assert_eq!(why, "No space left on device (os error 28)");
    let visits = lines.iter().filter(|line| line.contains("\"visit\"")).count() as u64;
    // The start was lost as well.
    assert_eq!(lost + visits, 1 + 21);
}

#[test]
fn a_log_that_cannot_be_written_keeps_nobody_out() {
    let logs = Logs::new();
    let app = App::fine();
    let path = logs.path("audit.jsonl");
    fs::create_dir(&path).unwrap();
    let server = Innkeeper::start(LIST, &logs.own(&app.url, "all", ""));
    assert_eq!(Client::of(&server).get("/").status, 200);
    server.complains(&format!("warning: cannot write the audit log `{}`: ", path.display()));
    server.stop();
}

#[test]
fn a_served_folder_does_not_show_the_log() {
    let files: [(&str, &[u8]); 3] =
        [("index.html", b"x"), ("audit.jsonl.1.gz", b"x"), ("audit.jsonl.0", b"x")];
    let server = Innkeeper::start_with(LIST, "root: .", &files);
    let mut client = Client::of(&server);
    assert_eq!(client.get("/index.html").status, 200);
    wait_for(&server.path("audit.jsonl"), |text| text.contains("/index.html"));
    for name in ["audit.jsonl", "audit.jsonl.1.gz", "audit.jsonl.0"] {
        assert_eq!(client.get(&format!("/{name}")).status, 404, "{name}");
    }
}
