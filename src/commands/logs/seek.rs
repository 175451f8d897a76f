//! Where in a sorted file the lines of a time stand: a few looks into it in place of reading it all.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};

use super::line::Line;
use super::lines::each;
use super::stamp::Stamp;

/// So many seconds a line may stand before one that is older: threads hand over their lines as they finish.
pub const MARGIN: i64 = 5;

/// Below this size a file is read whole, in bytes.
const SMALL: u64 = 1 << 20;

/// How much is read at a look, in bytes; a few hundred lines.
const LOOK: u64 = 64 * 1024;

/// At so many places it is made sure that the file is sorted.
const PLACES: u64 = 16;

/// What of a file has to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first byte, which begins a line.
    pub start: u64,
    /// Behind the last one; `None` for all that there is.
    pub end: Option<u64>,
}

/// What has to be read of `file`, which holds `size` bytes, for the lines from `since` to `until`. All of it where it is not
/// sorted, as far as a look at some places tells.
///
/// # Errors
/// What keeps it from being read.
pub fn range(file: &mut File, size: u64, since: Option<Stamp>, until: Option<Stamp>) -> io::Result<Range> {
    let whole = Range { start: 0, end: None };
    if size < SMALL || (since.is_none() && until.is_none()) {
        return Ok(whole);
    }
    let mut looks: Vec<Look> = Vec::new();
    for place in 0..PLACES {
        match look(file, size / PLACES * place, size)? {
            Some(look) => looks.push(look),
            None => return Ok(whole),
        }
    }
    let is_sorted = |looks: &[Look]| looks.is_sorted_by(|one, next| one.time <= next.time.moved(MARGIN));
    if !is_sorted(&looks) {
        return Ok(whole);
    }
    let start = match since {
        Some(since) => around(file, size, since.moved(-MARGIN), &mut looks)?.0,
        None => 0,
    };
    let end = match until {
        Some(until) => Some(around(file, size, until.moved(MARGIN), &mut looks)?.1),
        None => None,
    };
    looks.sort_by_key(|look| look.start);
    // Until then the file may have grown.
    let end = end.filter(|end| *end < size);
    Ok(if is_sorted(&looks) { Range { start, end } } else { whole })
}

/// A line that was looked at.
#[derive(Clone, Copy, Debug)]
struct Look {
    start: u64,
    time: Stamp,
}

/// Two starts of lines, not far from each other: all lines before the first are before `time`, and none from the second on.
fn around(file: &mut File, size: u64, time: Stamp, looks: &mut Vec<Look>) -> io::Result<(u64, u64)> {
    let before = looks.iter().filter(|look| look.time < time).map(|look| look.start).max();
    let mut low = before.unwrap_or(0);
    let mut behind = looks.iter().map(|look| look.start).filter(|start| *start > low).min().unwrap_or(size);
    let mut high = behind;
    while high - low > LOOK {
        let middle = low + (high - low) / 2;
        match look(file, middle, high)? {
            Some(look) if look.start < high => {
                looks.push(look);
                if look.time < time {
                    low = look.start;
                } else {
                    (high, behind) = (middle, look.start);
                }
            }
            // Nothing that can be read begins between the two.
            _ => high = middle,
        }
    }
    Ok((low, behind))
}

/// The first line that begins at `from` or later and can be read, not behind `most` and the line there.
fn look(file: &mut File, from: u64, most: u64) -> io::Result<Option<Look>> {
    let mut bytes = Vec::new();
    let mut at = from;
    while at < most {
        // The byte before tells whether a line begins here.
        let back = u64::from(at > 0);
        file.seek(SeekFrom::Start(at - back))?;
        bytes.clear();
        file.by_ref().take(LOOK + back).read_to_end(&mut bytes)?;
        let skipped = if back == 0 { Some(0) } else { memchr::memchr(b'\n', &bytes).map(|end| end + 1) };
        let Some(mut start) = skipped else {
            at += LOOK;
            continue;
        };
        for line in each(&bytes[start..]) {
            if let Some(time) = Line::time_of(line) {
                return Ok(Some(Look { start: at - back + start as u64, time }));
            }
            start += line.len() + 1;
        }
        if bytes.len() as u64 <= back {
            break;
        }
        at += (start as u64).saturating_sub(back).clamp(1, LOOK);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn stamp(second: i64) -> Stamp {
        Stamp::FIRST.moved(63_900_000_000 + second)
    }

    /// A file with a line for each of `seconds`, as long as a real one.
    fn file(seconds: impl IntoIterator<Item = i64>) -> (File, u64) {
        let mut file = tempfile::tempfile().unwrap();
        let mut text = String::new();
        for second in seconds {
            let _ = writeln!(text, "{{\"time\":\"{}\",\"event\":\"{}\"}}", stamp(second), "x".repeat(300));
        }
        file.write_all(text.as_bytes()).unwrap();
        (file, text.len() as u64)
    }

    /// The times of the lines that are read.
    fn read(file: &mut File, range: Range) -> Vec<Stamp> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(range.start)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        let end = range.end.map_or(bytes.len(), |end| usize::try_from(end - range.start).unwrap());
        each(&bytes[..end]).map(|line| Line::time_of(line).unwrap()).collect()
    }

    #[test]
    fn of_a_file_that_is_not_sorted_all_is_read() {
        let (mut turned, size) = file((0..5000).map(|second| (second + 2500) % 5000));
        let range = range(&mut turned, size, Some(stamp(4000)), None).unwrap();
        assert_eq!(range, Range { start: 0, end: None });
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_left_out_and_little_too_much(since in -10_i64..5010, length in 0_i64..5010, jitter in 0_i64..4) {
            let until = since + length;
            let seconds: Vec<i64> = (0..5000).map(|second| second - if second % 7 == 0 { jitter } else { 0 }).collect();
            let (mut file, size) = file(seconds.iter().copied());
            prop_assert!(size > SMALL);
            let range = range(&mut file, size, Some(stamp(since)), Some(stamp(until))).unwrap();
            let wanted = |time: &Stamp| (stamp(since)..stamp(until)).contains(time);
            let found = read(&mut file, range);
            let all = read(&mut file, Range { start: 0, end: None });
            prop_assert_eq!(
                found.iter().copied().filter(wanted).collect::<Vec<_>>(),
                all.iter().copied().filter(wanted).collect::<Vec<_>>()
            );
            // A look is two hundred lines.
            let most = (until.min(5000) - since.max(0)).max(0) + 1000;
            prop_assert!(i64::try_from(found.len()).unwrap() <= most, "{}", found.len());
        }
    }
}
