use std::fs;

use super::*;
use crate::commands::logs::parts::tests::Kept;

/// A line at a second.
fn at(second: u32) -> String {
    format!("{{\"time\":\"2026-11-23T10:00:{second:02}.000Z\",\"event\":\"visit\",\"verdict\":\"allowed\"}}")
}

fn append(kept: &Kept, seconds: std::ops::Range<u32>) {
    let lines: Vec<String> = seconds.map(at).collect();
    kept.append(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

/// What happens to the log once the line of a second is shown and there is nothing more to be read.
struct Step<'a>(u32, Box<dyn FnOnce() + 'a>);

fn after<'a>(second: u32, step: impl FnOnce() + 'a) -> Step<'a> {
    Step(second, Box::new(step))
}

/// Takes lines up to that of second 59.
struct Watcher<'a> {
    taken: Vec<u32>,
    steps: VecDeque<Step<'a>>,
}

impl Taker for Watcher<'_> {
    fn take(&mut self, bytes: &[u8], _: &Line<'_>) {
        self.taken.push((0..60).find(|second| at(*second).as_bytes() == bytes).unwrap());
    }

    fn pause(&mut self) -> Flow {
        let last = self.taken.last().copied();
        if last == Some(59) {
            return Flow::Ends;
        }
        if let Some(Step(_, step)) = self.steps.pop_front_if(|Step(second, _)| Some(*second) == last) {
            step();
        }
        Flow::Goes
    }
}

/// What is shown, as seconds, while `steps` are taken one after the other.
fn followed<'a>(kept: &Kept, steps: impl IntoIterator<Item = Step<'a>>) -> Vec<u32> {
    let newest = parts::of(&[kept.path("")], true).unwrap().pop().unwrap().held().unwrap();
    let (_interrupter, interrupted) = channel();
    let mut watcher = Watcher { taken: Vec::new(), steps: steps.into_iter().collect() };
    run(&kept.path(""), newest, Begin::WithLast, &interrupted, &mut watcher, |_| true).unwrap();
    assert!(watcher.steps.is_empty());
    watcher.taken
}

#[test]
fn several_rotations_between_two_looks() {
    for rotations in 1..5 {
        for is_removed in [true, false] {
            let kept = Kept::with(&[]);
            append(&kept, 0..3);
            kept.rotate();
            append(&kept, 3..6);
            let step = after(5, || {
                append(&kept, 6..7);
                for number in 0..rotations {
                    kept.rotate();
                    append(&kept, 10 + number..11 + number);
                }
                if is_removed {
                    // Of the file that was read there is nothing any more.
                    fs::remove_file(kept.path(&format!(".{rotations}.gz"))).unwrap();
                }
                append(&kept, 59..60);
            });
            let expected: Vec<u32> = (3..7).chain(10..10 + rotations).chain([59]).collect();
            assert_eq!(followed(&kept, [step]), expected, "{rotations} {is_removed}");
        }
    }
}

#[test]
fn a_log_that_was_moved_away_and_not_begun_anew() {
    let kept = Kept::with(&[]);
    append(&kept, 0..20);
    kept.move_away();
    let steps = [
        after(19, || kept.compress()),
        after(19, || kept.remove_plain()),
        // A part is begun and moved away at once.
        after(19, || {
            append(&kept, 20..22);
            kept.move_away();
        }),
        after(21, || append(&kept, 22..23)),
        after(22, || append(&kept, 59..60)),
    ];
    assert_eq!(followed(&kept, steps), (10..23).chain([59]).collect::<Vec<_>>());
    // Where the newest part is compressed, the last lines are of that.
    kept.remove_plain();
    kept.rotate();
    assert_eq!(followed(&kept, []), [22, 59]);
}

#[test]
fn what_was_there_before_is_not_shown_again() {
    let kept = Kept::with(&[]);
    append(&kept, 0..3);
    kept.rotate();
    append(&kept, 3..6);
    let steps = [
        // Removed, and begun anew; and then cut under its name.
        after(5, || {
            fs::remove_file(kept.path("")).unwrap();
            append(&kept, 6..8);
        }),
        after(7, || {
            fs::write(kept.path(""), "").unwrap();
            append(&kept, 59..60);
        }),
    ];
    assert_eq!(followed(&kept, steps), (3..8).chain([59]).collect::<Vec<_>>());
}
