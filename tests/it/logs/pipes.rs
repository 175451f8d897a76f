//! What comes out of a pipe: it is read once, to its end.

use std::thread;

use super::*;

/// `count` visits, and how they look compressed.
fn visits(count: usize) -> (Vec<u8>, Vec<u8>) {
    let one = visit("10:00:00.000", "allowed", "listed", "10.0.0.1", &asked("", "desk", "/", 200), "x", 1);
    let text = one.repeat(count).into_bytes();
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    file.write_all(&text).unwrap();
    (text, file.finish().unwrap())
}

/// What a command prints, and its exit code, that reads `input` from a pipe.
fn piped(folder: &Folder, arguments: &[&str], input: &[u8]) -> (String, String, Option<i32>) {
    let mut command = folder.command(arguments);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    ended(child)
}

fn ended(child: Child) -> (String, String, Option<i32>) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn standard_input_by_either_name() {
    let folder = Folder::with(&[]);
    let (plain, compressed) = visits(3);
    let three = || ("3\n".to_owned(), String::new(), Some(0));
    for name in ["-", "/dev/stdin"] {
        for input in [&plain, &compressed] {
            assert_eq!(piped(&folder, &["logs", name, "--count"], input), three(), "{name}");
        }
        let (printed, told, code) = piped(&folder, &["logs", "-f", "--raw", name], &plain);
        assert_eq!((printed.as_bytes(), &*told, code), (&*plain, "", Some(0)), "{name}");
        // Nothing of the last hour; what was read is gone and is not asked for again.
        let (_, told, code) = piped(&folder, &["logs", name], &plain);
        assert!(told.ends_with("(--since 1d shows more): no visit\n"), "{told}");
        assert_eq!(code, Some(1));
    }
    fs::write(folder.path("log"), &plain).unwrap();
    let file = fs::File::open(folder.path("log")).unwrap();
    let output = folder.command(&["logs", "/dev/stdin", "--count"]).stdin(file).output().unwrap();
    assert_eq!(output.stdout, b"3\n");
}

#[test]
fn named_pipes_one_after_the_other() {
    let folder = Folder::with(&[]);
    for name in ["one", "two"] {
        assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
    }
    let (plain, compressed) = visits(3);
    let run = |arguments: &[&str], inputs: &[(&str, &[u8])]| {
        let mut command = folder.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        thread::scope(|scope| {
            // The second is not begun before the first was read.
            scope.spawn(|| {
                for (name, input) in inputs {
                    fs::write(folder.path(name), input).unwrap();
                }
            });
            ended(child)
        })
    };
    let both = [("one", &*plain), ("two", &*compressed)];
    let six = ("6\n".to_owned(), String::new(), Some(0));
    assert_eq!(run(&["logs", "one", "two", "--count"], &both), six);
    let torn = [b"x\n", &*plain].concat();
    let told = "warning: left out a line that is none of a log: one:1\n".to_owned();
    assert_eq!(run(&["logs", "one", "--count"], &[("one", &*torn)]), ("3\n".to_owned(), told, Some(0)));
    let (printed, _, code) = run(&["logs", "-f", "--raw", "one"], &both[..1]);
    assert_eq!((printed.as_bytes(), code), (&*plain, Some(0)));
    assert_eq!(run(&["logs", "one"], &both[..1]).2, Some(1));
}
