use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// A log as the server keeps it, whose lines are numbers.
pub(in crate::commands::logs) struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    /// With a line in the log for each of `lines`.
    pub(in crate::commands::logs) fn with(lines: &[&str]) -> Self {
        let kept = Self { folder: tempfile::tempdir().unwrap() };
        kept.append(lines);
        kept
    }

    pub(in crate::commands::logs) fn path(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("a.jsonl{ending}"))
    }

    pub(in crate::commands::logs) fn append(&self, lines: &[&str]) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(self.path("")).unwrap();
        for line in lines {
            writeln!(file, "{line}").unwrap();
        }
    }

    /// The first step of a rotation.
    pub(in crate::commands::logs) fn move_away(&self) {
        fs::rename(self.path(""), self.path(".0")).unwrap();
    }

    /// Those after it but the last.
    pub(in crate::commands::logs) fn compress(&self) {
        let mut file = GzEncoder::new(Vec::new(), Compression::fast());
        file.write_all(&fs::read(self.path(".0")).unwrap()).unwrap();
        for number in (1..9).rev() {
            let _ =
                fs::rename(self.path(&format!(".{number}.gz")), self.path(&format!(".{}.gz", number + 1)));
        }
        fs::write(self.path(".1.gz"), file.finish().unwrap()).unwrap();
    }

    /// The last step.
    pub(in crate::commands::logs) fn remove_plain(&self) {
        fs::remove_file(self.path(".0")).unwrap();
    }

    /// All steps.
    pub(in crate::commands::logs) fn rotate(&self) {
        self.move_away();
        self.compress();
        self.remove_plain();
    }
}

fn read(parts: &[Part]) -> Vec<String> {
    let mut text = String::new();
    for part in parts {
        part.open(None, None).unwrap().unwrap().stream.read_to_string(&mut text).unwrap();
    }
    text.lines().map(str::to_owned).collect()
}

fn of_log(kept: &Kept) -> Vec<Part> {
    of(&[kept.path("")], true).unwrap()
}

#[test]
fn what_is_renamed_and_removed_after_it_was_opened_is_read_once() {
    let kept = Kept::with(&["1"]);
    kept.rotate();
    kept.append(&["2"]);
    kept.move_away();
    kept.append(&["3"]);
    let parts = of_log(&kept);
    kept.compress();
    kept.remove_plain();
    kept.rotate();
    fs::remove_file(kept.path(".3.gz")).unwrap();
    kept.append(&["4"]);
    assert_eq!(read(&parts), ["1", "2", "3"]);
    // And once more, for whoever asks for the last event.
    assert_eq!(read(&parts), ["1", "2", "3"]);
    assert_eq!(read(&of_log(&kept)), ["2", "3", "4"]);
}

/// Whatever step a rotation takes between the look into the folder and the opening, or between two openings.
#[test]
fn a_shift_while_the_files_are_opened_leaves_nothing_out_and_repeats_nothing() {
    for first_step in 0..5 {
        let kept = Kept::with(&["1"]);
        kept.rotate();
        kept.append(&["2"]);
        kept.rotate();
        kept.append(&["3"]);
        let take = |step: usize| match step {
            0 => kept.move_away(),
            1 => kept.compress(),
            2 => kept.remove_plain(),
            3 => kept.append(&["4"]),
            _ => {}
        };
        (0..first_step).for_each(take);
        let mut step = first_step;
        let log = kept.path("");
        let parts = settled(|| {
            let names = listed(&log, true);
            take(step);
            step += 1;
            vec![names]
        });
        let expected: &[&str] = if kept.path("").exists() { &["1", "2", "3", "4"] } else { &["1", "2", "3"] };
        assert_eq!(read(&parts[0]), expected, "from step {first_step} to {step}");
    }
}

#[test]
fn a_log_that_never_stands_still_is_read_all_the_same() {
    let kept = Kept::with(&["0"]);
    let (log, mut number) = (kept.path(""), 0);
    let parts = settled(|| {
        let names = listed(&log, true);
        number += 1;
        kept.rotate();
        kept.append(&[&number.to_string()]);
        vec![names]
    });
    assert_eq!(number, 2 * TRIES - 1);
    let lines: Vec<u32> = read(&parts[0]).iter().map(|line| line.parse().unwrap()).collect();
    assert!(lines.len() > 5 && lines.is_sorted_by(|one, next| one < next), "{lines:?}");
}

#[test]
fn a_part_and_its_compressed_copy_are_one() {
    let kept = Kept::with(&["1", "2"]);
    kept.move_away();
    kept.compress();
    kept.append(&["3"]);
    assert_eq!(read(&of_log(&kept)), ["1", "2", "3"]);
    // One that is as long, and another.
    fs::write(kept.path(".0"), "4\n5\n").unwrap();
    assert_eq!(read(&of_log(&kept)), ["1", "2", "4", "5", "3"]);
    // Of a log whose name ends as a part's does.
    assert_eq!(read(&of(&[kept.path(".0")], true).unwrap()), ["4", "5"]);
}

#[test]
fn more_files_than_may_be_open_are_read() {
    let kept = Kept::with(&["0"]);
    let most = HELD + 20;
    for number in 1..=most {
        fs::write(kept.path(&format!(".{number}")), format!("{number}\n")).unwrap();
    }
    let parts = of_log(&kept);
    assert_eq!(parts.iter().filter(|part| matches!(part, Part::Held(_))).count(), HELD);
    let expected: Vec<String> = (0..=most).rev().map(|number| number.to_string()).collect();
    assert_eq!(read(&parts), expected);
}

#[test]
fn each_file_is_read_once_under_whatever_names() {
    let kept = Kept::with(&["2"]);
    fs::write(kept.path(".1"), "1\n").unwrap();
    fs::hard_link(kept.path(".1"), kept.path(".other")).unwrap();
    let files = [".1", "", ".other"].map(|ending| kept.path(ending));
    assert_eq!(read(&of(&files, true).unwrap()), ["1", "2"]);
}
