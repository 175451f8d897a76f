use super::*;
use std::sync::mpsc;

const LINE: &[u8] = b"{\"time\":\"1\"}\n";

fn limits(max_size: u64) -> Limits {
    Limits { max_size, max_age: None, keep: 2 }
}

fn console() -> (Say, mpsc::Receiver<String>) {
    let (said, console) = mpsc::channel();
    let say: Say = Box::new(move |saying| match saying {
        Saying::Notice(text) | Saying::Warning(text) | Saying::Info(text) => said.send(text).unwrap(),
        Saying::Error(error) => said.send(error.to_string()).unwrap(),
    });
    (say, console)
}

fn gap(lost: u64, why: &str) -> Vec<u8> {
    format!("gap {lost} {why}\n").into_bytes()
}

#[test]
fn a_torn_end_goes_if_it_is_ours_and_gets_its_end_if_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let cases = [
        ("", "{\"time\":\"1\"}\n"),
        ("{\"time\":\"0\"}\n", "{\"time\":\"0\"}\n{\"time\":\"1\"}\n"),
        ("{\"time\":\"0\"}\n{\"time\":\"0", "{\"time\":\"0\"}\n{\"time\":\"1\"}\n"),
        ("{\"time\":\"0\"}\n{\"t", "{\"time\":\"0\"}\n{\"time\":\"1\"}\n"),
        ("{\"time\":\"0", "{\"time\":\"1\"}\n"),
        ("diary", "diary\n{\"time\":\"1\"}\n"),
    ];
    let (say, console) = console();
    for (before, after) in cases {
        fs::write(&path, before).unwrap();
        let mut log = LogFile::new("log", path.clone(), limits(1000));
        log.write(LINE, 1, gap, &say);
        assert_eq!(fs::read_to_string(&path).unwrap(), after);
    }
    assert_eq!(console.try_recv().ok(), None);
}

#[test]
fn half_a_batch_leaves_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = LogFile::new("log", path.clone(), limits(1000));
    let mut open = log.open().unwrap();
    for (written, whole, expected) in
        [("a\nb", 1, "a\n"), ("c", 0, "a\n"), ("d\ne\n", 2, "a\nd\ne\n"), ("", 0, "a\nd\ne\n")]
    {
        assert!(write_as_far_as_possible(&open.file, written.as_bytes()).1.is_ok());
        assert_eq!(open.mend(written.as_bytes()), whole);
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!((open.length, open.is_torn), (expected.len() as u64, false));
    }
}

#[test]
fn a_file_that_was_moved_or_removed_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("audit.jsonl"), folder.path().join("moved"));
    let (say, _console) = console();
    let mut log = LogFile::new("log", path.clone(), limits(1000));
    log.write(b"1\n", 1, gap, &say);
    fs::rename(&path, &moved).unwrap();
    log.write(b"2\n", 1, gap, &say);
    fs::remove_file(&path).unwrap();
    log.write(b"3\n", 1, gap, &say);
    assert_eq!(fs::read_to_string(&moved).unwrap(), "1\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
}

#[test]
fn a_file_that_was_cut_by_somebody_else_is_as_short_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (say, _console) = console();
    let mut log = LogFile::new("log", path.clone(), limits(1000));
    log.write(b"1\n2\n3\n", 3, gap, &say);
    // As `copytruncate` of logrotate does it.
    fs::write(&path, "").unwrap();
    log.write(b"4\n", 1, gap, &say);
    let open = log.open.as_mut().unwrap();
    assert_eq!(open.length, 2);
    // On a full disk no hole takes the place of what was cut off.
    assert!(write_as_far_as_possible(&open.file, b"5\n6").1.is_ok());
    assert_eq!(open.mend(b"5\n6"), 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), "4\n5\n");
}

#[cfg(unix)]
#[test]
fn a_failure_is_told_once_and_the_gap_is_written_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (say, console) = console();
    let mut log = LogFile::new("audit log", path.clone(), limits(1000));
    fs::create_dir(&path).unwrap();
    log.begin(&say);
    log.write(b"1\n2\n", 2, gap, &say);
    log.write(b"3\n", 1, gap, &say);
    fs::remove_dir(&path).unwrap();
    log.write(b"4\n", 1, gap, &say);
    log.write(b"5\n", 1, gap, &say);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, "gap 3 Is a directory (os error 21)\n4\n5\n");
    let path = path.display();
    let said: Vec<String> = console.try_iter().collect();
    assert_eq!(
        said,
        [
            format!(
                "cannot write the audit log `{path}`: Is a directory (os error 21); serving goes on, and the next line \
                 tries again"
            ),
            format!("The audit log `{path}` is written again; 3 lines were lost"),
        ]
    );
}

#[test]
fn it_begins_anew_by_size_and_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (say, console) = console();
    let mut log = LogFile::new("log", path.clone(), limits(4));
    log.write(b"1\n", 1, gap, &say);
    assert!(path.exists());
    log.write(b"2\n", 1, gap, &say);
    assert!(!path.exists());
    log.finish();
    assert!(!parts::newest(&path).exists());
    log.write(b"3\n", 1, gap, &say);
    assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
    log.limits.max_age = Some(Duration::ZERO);
    log.write(b"4\n", 1, gap, &say);
    log.finish();
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["audit.jsonl.1.gz", "audit.jsonl.2.gz"]);
    assert_eq!(console.try_recv().ok(), None);
}
