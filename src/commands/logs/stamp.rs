//! The time of a line as both logs write it: UTC with milliseconds, always 24 letters, so that the order of the texts
//! is the order of the moments.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A moment in the one form of the logs, such as `2026-11-23T10:57:38.123Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp([u8; Self::LENGTH]);

impl Stamp {
    /// Of the text, in bytes.
    pub const LENGTH: usize = 24;

    /// Before every other.
    pub const FIRST: Self = Self(*b"0000-01-01T00:00:00.000Z");

    /// Takes the text at the start of `bytes`. Looks at its shape, and not whether the month has so many days.
    #[inline]
    pub fn at(bytes: &[u8]) -> Option<Self> {
        let text: &[u8; Self::LENGTH] = bytes.first_chunk()?;
        let fits = text.iter().zip(b"0000-00-00T00:00:00.000Z").all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            sign => byte == sign,
        });
        fits.then_some(Self(*text))
    }

    /// The moment `time`, cut to milliseconds; what lies before the year 0 is its beginning.
    pub fn of(time: Timestamp) -> Self {
        Self::at(format!("{time:.3}").as_bytes()).unwrap_or(Self::FIRST)
    }

    /// Whole seconds since 1970, by the calendar alone.
    pub fn seconds(&self) -> i64 {
        let number = |from: usize, to: usize| {
            self.0[from..to].iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
        };
        let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
        // The year begins in March, so that the odd day is its last.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
            + year.div_euclid(400)
            + (153 * month + 2) / 5
            + day
            - 1
            - 719_468;
        days * 86_400 + number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19)
    }

    /// So many seconds earlier or later.
    pub fn moved(&self, seconds: i64) -> Self {
        Timestamp::from_second(self.seconds() + seconds).map_or(*self, Self::of)
    }

    /// The same moment on the clock of the wall, to the second: `2026-11-23 11:57:38`.
    pub fn local(&self, zone: &TimeZone) -> String {
        local(self.seconds(), zone)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("`at` took digits and signs only")
    }
}

/// Whole seconds since 1970 on the clock of the wall.
pub fn local(seconds: i64, zone: &TimeZone) -> String {
    Timestamp::from_second(seconds)
        .map(|time| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_one_form() {
        assert!(Stamp::at(b"2026-11-23T10:57:38.123Z and more").is_some());
        for text in ["2026-11-23T10:57:38Z", "2026-11-23 10:57:38.123Z", "2026-11-2xT10:57:38.123Z", ""] {
            assert_eq!(Stamp::at(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn on_the_wall() {
        let stamp = Stamp::at(b"2026-11-23T23:57:38.999Z").unwrap();
        assert_eq!(stamp.local(&TimeZone::UTC), "2026-11-23 23:57:38");
        assert_eq!(stamp.local(&TimeZone::fixed(jiff::tz::offset(1))), "2026-11-24 00:57:38");
        assert_eq!(stamp.moved(5).to_string(), "2026-11-23T23:57:43.000Z");
    }

    proptest! {
        #[test]
        fn seconds_are_those_of_the_calendar(millisecond in -60_000_000_000_000_i64..250_000_000_000_000) {
            let time = Timestamp::from_millisecond(millisecond).unwrap();
            let stamp = Stamp::of(time);
            prop_assert_eq!(stamp.seconds(), millisecond.div_euclid(1000));
        }

        #[test]
        fn order(one in 0_i64..4_000_000_000_000, other in 0_i64..4_000_000_000_000) {
            let stamp = |time| Stamp::of(Timestamp::from_millisecond(time).unwrap());
            prop_assert_eq!(one.cmp(&other), stamp(one).cmp(&stamp(other)));
        }
    }
}
