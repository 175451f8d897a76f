//! How many visits there were over time, and the bars that show it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::line::Verdict;
use crate::ui::Screen;

/// Visits of a span of time, by verdict in the order of [`Verdict::ALL`].
pub type Counts = [u64; Verdict::ALL.len()];

/// How long a slot may be, in seconds: each is made of whole ones of that before it.
const LENGTHS: &[i64] = &[
    1,
    5,
    10,
    30,
    60,
    300,
    600,
    1800,
    3600,
    10_800,
    21_600,
    43_200,
    86_400,
    604_800,
    // What has no word: four weeks, twelve of those, and ten times as long each.
    2_419_200,
    29_030_400,
    290_304_000,
    2_903_040_000,
    29_030_400_000,
];

/// How many are kept; with more than that they become longer.
const MOST: usize = 4096;

/// How many bars are shown.
const BARS: i64 = 24;

/// Visits over time, in slots that are as short as there is room for.
#[derive(Debug)]
pub struct Slots {
    /// Of each slot, in seconds.
    length: i64,
    settled: BTreeMap<i64, Counts>,
    /// The one that was counted last, which is in no map yet.
    last: (i64, Counts),
}

impl Default for Slots {
    fn default() -> Self {
        Self { length: 1, settled: BTreeMap::new(), last: (0, Counts::default()) }
    }
}

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it begins, in seconds since 1970.
    pub start: i64,
    /// What happened.
    pub counts: Counts,
}

impl Slots {
    /// Counts visits at `second` since 1970.
    #[inline]
    pub fn add(&mut self, second: i64, verdict: Verdict, visits: u64) {
        let number = second.div_euclid(self.length);
        if number != self.last.0 {
            self.settle();
            self.last = (second.div_euclid(self.length), Counts::default());
        }
        let count = &mut self.last.1[verdict as usize];
        *count = count.saturating_add(visits);
    }

    /// Puts the last slot to the others, and makes all of them longer when there are too many.
    fn settle(&mut self) {
        let (number, counts) = self.last;
        if counts != Counts::default() {
            sum(self.settled.entry(number).or_default(), counts);
            self.last.1 = Counts::default();
        }
        while self.settled.len() > MOST {
            let Some(length) =
                LENGTHS.iter().copied().find(|length| *length > self.length && length % self.length == 0)
            else {
                return;
            };
            let mut longer = BTreeMap::new();
            for (number, counts) in &self.settled {
                sum(longer.entry((number * self.length).div_euclid(length)).or_default(), *counts);
            }
            (self.length, self.settled) = (length, longer);
        }
    }

    /// The bars from `start` to `end`, in seconds since 1970 (where nothing is said, as far as there was anything), and
    /// how long each is. They begin at full hours and days on the clock of the wall.
    pub fn bars(&mut self, start: Option<i64>, end: Option<i64>, zone: &TimeZone) -> (i64, Vec<Slot>) {
        self.settle();
        let seen = |slot: Option<(&i64, &Counts)>| slot.map(|(number, _)| number * self.length);
        let (Some(first), Some(last)) =
            (seen(self.settled.first_key_value()), seen(self.settled.last_key_value()))
        else {
            return (self.length, Vec::new());
        };
        let start = start.unwrap_or(first).min(first);
        let end = end.map_or(last, |end| end - 1).max(last);
        let fits = |length: &i64| *length >= self.length && (end - start) / length < BARS;
        let length = LENGTHS.iter().copied().find(fits).unwrap_or(self.length);
        let offset = Timestamp::from_second(end).map_or(0, |time| i64::from(zone.to_offset(time).seconds()));
        let number = |second: i64| (second + offset).div_euclid(length);
        let mut bars: Vec<Slot> = (number(start)..=number(end))
            .map(|number| Slot { start: number * length - offset, counts: Counts::default() })
            .collect();
        for (slot, counts) in &self.settled {
            let at = number(slot * self.length) - number(start);
            if let Some(bar) = usize::try_from(at).ok().and_then(|at| bars.get_mut(at)) {
                sum(&mut bar.counts, *counts);
            }
        }
        (length, bars)
    }
}

/// All visits of `counts`. A log that was forged may name any number of them.
pub fn total(counts: &Counts) -> u64 {
    counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
}

fn sum(into: &mut Counts, counts: Counts) {
    into.iter_mut().zip(counts).for_each(|(into, count)| *into = into.saturating_add(count));
}

/// The bars as lines for people, with a legend.
pub fn drawn(length: i64, bars: &[Slot], zone: &TimeZone, screen: Screen) -> String {
    let signs = if screen.unicode { ['▓', '▒', '█', '·'] } else { ['x', '!', '#', '.'] };
    let Some(most) = bars.iter().map(|bar| total(&bar.counts)).max() else {
        return String::new();
    };
    let on_wall = |start| Timestamp::from_second(start).map(|time| time.to_zoned(zone.clone()));
    let is_one_day = on_wall(bars[0].start).ok().map(|time| time.date())
        == bars.last().and_then(|bar| on_wall(bar.start).ok()).map(|time| time.date());
    let form = match length {
        86_400.. => "%Y-%m-%d",
        60.. if is_one_day => "%H:%M",
        60.. => "%Y-%m-%d %H:%M",
        _ if is_one_day => "%H:%M:%S",
        _ => "%Y-%m-%d %H:%M:%S",
    };
    let label =
        |bar: &Slot| on_wall(bar.start).map(|time| time.strftime(form).to_string()).unwrap_or_default();
    let digits = most.to_string().len();
    let seen = |verdict: &&Verdict| bars.iter().any(|bar| bar.counts[**verdict as usize] > 0);
    let kinds = Verdict::ALL.iter().filter(seen).count();
    // A single visit is seen beside a thousand others, and the longest bar ends before the line does.
    let taken = label(&bars[0]).len() + digits + 4 + kinds.saturating_sub(1);
    let room = screen.width.saturating_sub(taken).clamp(10, 400) as u64;
    let mut text = String::new();
    for bar in bars {
        let visits = total(&bar.counts);
        let _ = write!(text, "{}  {visits:>digits$}  ", label(bar));
        for (count, sign) in bar.counts.iter().zip(signs) {
            let cells = if *count == 0 {
                0
            } else {
                (u128::from(*count) * u128::from(room) / u128::from(most)).max(1)
            };
            text.extend(std::iter::repeat_n(sign, usize::try_from(cells).unwrap_or_default()));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    let legend: Vec<String> = Verdict::ALL
        .iter()
        .filter(seen)
        .map(|verdict| format!("{} {}", signs[*verdict as usize], verdict.word()))
        .collect();
    let _ = writeln!(text, "{}", legend.join("  "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_begin_at_full_minutes_of_the_wall() {
        let mut slots = Slots::default();
        for (second, verdict, visits) in [
            (1000, Verdict::Allowed, 8),
            (1001, Verdict::Refused, 1),
            (1900, Verdict::Failed, 2),
            (1000, Verdict::Allowed, 8),
        ] {
            slots.add(second, verdict, visits);
        }
        let (length, bars) = slots.bars(Some(0), Some(3600), &TimeZone::UTC);
        assert_eq!((length, bars.len()), (300, 12));
        assert_eq!((bars[3].start, bars[3].counts), (900, [1, 0, 16, 0]));
        assert_eq!(bars[6].counts, [0, 2, 0, 0]);
        let ascii = Screen { width: 31, unicode: false };
        assert_eq!(
            drawn(length, &bars[2..7], &TimeZone::UTC, ascii),
            "00:10   0\n00:15  17  x################\n00:20   0\n00:25   0\n00:30   2  !!\nx refused  ! failed  # allowed\n"
        );
        let (_, bars) =
            slots.bars(None, None, &TimeZone::fixed(jiff::tz::Offset::from_seconds(1800).unwrap()));
        assert_eq!(bars[0].start.rem_euclid(60), 0);
    }

    #[test]
    fn no_number_is_too_large() {
        let mut slots = Slots::default();
        for second in [1, 1, 2, 1] {
            slots.add(second, Verdict::Allowed, u64::MAX);
            slots.add(second, Verdict::Refused, u64::MAX);
        }
        let (length, bars) = slots.bars(Some(0), Some(240), &TimeZone::UTC);
        assert_eq!(bars[0].counts, [u64::MAX, 0, u64::MAX, 0]);
        let screen = Screen { width: 80, unicode: false };
        assert!(drawn(length, &bars, &TimeZone::UTC, screen).contains("xxx###"));
    }

    #[test]
    fn a_thousand_years_have_room() {
        let mut slots = Slots::default();
        for number in 0..200_000 {
            slots.add(number * 157_680, Verdict::Allowed, 1);
        }
        let (length, bars) = slots.bars(None, None, &TimeZone::UTC);
        assert!(slots.settled.len() <= MOST && bars.len() <= 25, "{length}");
        assert_eq!(bars.iter().map(|bar| bar.counts[2]).sum::<u64>(), 200_000);
        assert_eq!(Slots::default().bars(None, None, &TimeZone::UTC).1, []);
    }
}
