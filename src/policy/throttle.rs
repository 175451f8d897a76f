//! How often they failed: who has to wait before the next password is looked at.
//!
//! Only failures count, so an open session, a remembered login and every other address are untouched.
//! An IPv4 client is one address. An IPv6 client owns a whole /64, so that is what counts, with a higher
//! ceiling over its /48, which a provider hands out as one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// The first window; each round that was used up doubles the next one.
const WINDOW: Duration = Duration::from_mins(1);
/// No window is longer than this.
const LONGEST_WINDOW: Duration = Duration::from_hours(1);
/// So long after the end of its window a record is forgotten.
const QUIET: Duration = Duration::from_hours(1);
/// How many times the failures of one /64 a whole /48 may have in one window.
const CEILING: u32 = 10;
/// The most records that are kept: about 1.5 MiB.
const CAPACITY: usize = 16_384;
/// How many records make room together, so that the search for them is paid once and not at every failure.
const ROOM: usize = CAPACITY / 8;

/// What a client that wants to prove a password is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The password may be looked at.
    Free,
    /// Not now, right or wrong.
    Wait {
        /// Until the next attempt is admitted. `Retry-After` wants it in whole seconds, rounded up.
        retry_after: Duration,
    },
}

/// The failures of everyone, in bounded memory. `now` is a time on any clock that never goes back.
///
/// As in SillyTavern, a window of 60 seconds opens with the first failure. The failures up to `attempts`
/// are answered 401, and the right password still counts after the last of them; one more wrong try, and
/// every attempt is answered 429 until the window ends. Unlike there, whoever uses up a window gets one of
/// twice the length the next time, up to an hour, until an hour has passed in which none was open.
///
/// At most 16,384 records are kept. When they are full, the forgotten ones go, then those that weigh
/// least: the fewest rounds, the fewest failures, the window that ends first. A client that has to wait
/// outweighs every client that does not, so to lose his own record an attacker must bring more than
/// 16,000 other addresses to waiting, each with as many failures as his own. Whoever has those
/// addresses gains nothing from the one record.
#[derive(Clone, Debug)]
pub struct Throttle {
    attempts: u32,
    records: BTreeMap<Key, Record>,
}

impl Throttle {
    /// Admits `attempts_per_minute` failures in the first window; 0 is no limit.
    #[must_use]
    pub const fn new(attempts_per_minute: u32) -> Self {
        Self { attempts: attempts_per_minute, records: BTreeMap::new() }
    }

    /// May `address` try a password now?
    ///
    /// Asking counts nothing. A proof that had to queue for its turn should ask again when the turn comes,
    /// or all that queued before the first failure was known would be admitted.
    #[must_use]
    pub fn check(&self, address: IpAddr, now: Duration) -> Admission {
        if self.attempts == 0 || self.records.is_empty() {
            return Admission::Free;
        }
        let used_up = keys(address).into_iter().flatten().filter_map(|key| {
            let record = self.records.get(&key)?;
            (record.failures > self.limit(key)).then(|| record.end.saturating_sub(now))
        });
        match used_up.max() {
            None | Some(Duration::ZERO) => Admission::Free,
            Some(retry_after) => Admission::Wait { retry_after },
        }
    }

    /// `address` sent a wrong password. What comes back is how that is answered: `Free` with 401, `Wait`
    /// with 429.
    #[must_use = "a failure too many is answered 429"]
    pub fn failure(&mut self, address: IpAddr, now: Duration) -> Admission {
        if self.attempts == 0 {
            return Admission::Free;
        }
        for key in keys(address).into_iter().flatten() {
            let limit = self.limit(key);
            if let Some(record) = self.records.get_mut(&key) {
                record.fail(limit, now);
            } else {
                self.make_room(now);
                self.records.insert(key, Record::opened(now));
            }
        }
        self.check(address, now)
    }

    /// `address` proved a password: its record is cleared, as in SillyTavern. That of the /48 around an
    /// IPv6 address stays, for its other failures were someone else's.
    pub fn success(&mut self, address: IpAddr, _now: Duration) {
        let [own, _] = keys(address);
        if let Some(key) = own {
            self.records.remove(&key);
        }
    }

    fn limit(&self, key: Key) -> u32 {
        match key {
            Key::V4(_) | Key::Subnet(_) => self.attempts,
            Key::Site(_) => self.attempts.saturating_mul(CEILING),
        }
    }

    fn make_room(&mut self, now: Duration) {
        if self.records.len() < CAPACITY {
            return;
        }
        self.records.retain(|_, record| !record.is_forgotten(now));
        if self.records.len() < CAPACITY {
            return;
        }
        let mut weights: Vec<_> =
            self.records.iter().map(|(key, record)| (self.weight(*key, record), *key)).collect();
        weights.select_nth_unstable(ROOM);
        for (_, key) in &weights[..ROOM] {
            self.records.remove(key);
        }
    }

    fn weight(&self, key: Key, record: &Record) -> (bool, u32, u32, Duration) {
        (record.failures > self.limit(key), record.round, record.failures, record.end)
    }
}

/// What failures are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    V4(u32),
    /// The upper 64 bits.
    Subnet(u64),
    /// The upper 48 bits.
    Site(u64),
}

/// The client's own key, and the one it shares with its neighbours.
fn keys(address: IpAddr) -> [Option<Key>; 2] {
    match address.to_canonical() {
        IpAddr::V4(address) => [Some(Key::V4(address.to_bits())), None],
        IpAddr::V6(address) => {
            if let Some(bits) = embedded(address) {
                return [Some(Key::V4(bits)), None];
            }
            let [first, second, third, fourth, ..] = address.segments().map(u64::from);
            let site = first << 32 | second << 16 | third;
            [Some(Key::Subnet(site << 16 | fourth)), Some(Key::Site(site))]
        }
    }
}

/// The IPv4 address in a NAT64 (RFC 6052) or 6to4 (RFC 3056) address. Behind NAT64 the whole IPv4
/// internet shares one /64, and a 6to4 site has as many /64 as it likes.
fn embedded(address: Ipv6Addr) -> Option<u32> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(u32::from(high) << 16 | u32::from(low))
        }
        _ => None,
    }
}

/// The failures of one key.
#[derive(Clone, Copy, Debug)]
struct Record {
    failures: u32,
    /// How many windows were used up before this one.
    round: u32,
    end: Duration,
}

impl Record {
    fn opened(now: Duration) -> Self {
        Self { failures: 1, round: 0, end: now.saturating_add(WINDOW) }
    }

    fn fail(&mut self, limit: u32, now: Duration) {
        if self.is_forgotten(now) {
            *self = Self::opened(now);
        } else if now >= self.end {
            let round = if self.failures > limit { self.round.saturating_add(1) } else { self.round };
            let window = WINDOW.saturating_mul(1 << round.min(16)).min(LONGEST_WINDOW);
            *self = Self { failures: 1, round, end: now.saturating_add(window) };
        } else {
            self.failures = self.failures.saturating_add(1);
        }
    }

    fn is_forgotten(&self, now: Duration) -> bool {
        now >= self.end.saturating_add(QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "192.0.2.7";

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// `times` wrong passwords at once; how the last was answered.
    fn fail(throttle: &mut Throttle, text: &str, times: u32, seconds: u64) -> Option<u64> {
        let answers = (0..times).map(|_| throttle.failure(address(text), at(seconds)));
        answers.last().and_then(waiting)
    }

    fn wait(throttle: &Throttle, text: &str, seconds: u64) -> Option<u64> {
        waiting(throttle.check(address(text), at(seconds)))
    }

    fn waiting(admission: Admission) -> Option<u64> {
        match admission {
            Admission::Free => None,
            Admission::Wait { retry_after } => Some(retry_after.as_secs()),
        }
    }

    #[test]
    fn five_failures_are_answered_and_the_sixth_waits_for_the_end_of_the_minute() {
        let mut throttle = Throttle::new(5);
        for second in 100..105 {
            assert_eq!(fail(&mut throttle, HOME, 1, second), None, "at {second}");
            assert_eq!(wait(&throttle, HOME, second), None, "at {second}");
        }
        assert_eq!(fail(&mut throttle, HOME, 1, 105), Some(55));
        assert_eq!(wait(&throttle, HOME, 105), Some(55));
        assert_eq!(wait(&throttle, HOME, 159), Some(1));
        assert_eq!(wait(&throttle, HOME, 160), None);
        assert_eq!(wait(&throttle, "192.0.2.8", 105), None);
    }

    #[test]
    fn each_round_doubles_up_to_an_hour() {
        let mut throttle = Throttle::new(2);
        let mut now = 0;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(fail(&mut throttle, HOME, 2, now), None);
            assert_eq!(fail(&mut throttle, HOME, 1, now), Some(minutes * 60));
            now += minutes * 60;
            assert_eq!(wait(&throttle, HOME, now), None);
        }
    }

    #[test]
    fn a_window_that_was_not_used_up_does_not_double_the_next() {
        let mut throttle = Throttle::new(2);
        assert_eq!(fail(&mut throttle, HOME, 2, 0), None);
        assert_eq!(fail(&mut throttle, HOME, 3, 60), Some(60));
    }

    #[test]
    fn failures_while_waiting_do_not_lengthen_the_window() {
        let mut throttle = Throttle::new(1);
        assert_eq!(fail(&mut throttle, HOME, 9, 0), Some(60));
        assert_eq!(fail(&mut throttle, HOME, 9, 59), Some(1));
        assert_eq!(wait(&throttle, HOME, 60), None);
    }

    #[test]
    fn a_quiet_hour_after_the_end_of_the_window_forgets() {
        for (later, expected) in [(3599, 120), (3600, 60)] {
            let mut throttle = Throttle::new(1);
            assert_eq!(fail(&mut throttle, HOME, 2, 0), Some(60));
            assert_eq!(fail(&mut throttle, HOME, 2, 60 + later), Some(expected));
        }
    }

    #[test]
    fn a_proven_password_clears_the_count() {
        let mut throttle = Throttle::new(5);
        assert_eq!(fail(&mut throttle, HOME, 5, 0), None);
        throttle.success(address(HOME), at(1));
        assert_eq!(fail(&mut throttle, HOME, 5, 2), None);
        assert_eq!(fail(&mut throttle, HOME, 1, 4), Some(58));
    }

    #[test]
    fn zero_is_no_limit_and_keeps_nothing() {
        let mut throttle = Throttle::new(0);
        assert_eq!(fail(&mut throttle, HOME, 100, 0), None);
        assert_eq!(wait(&throttle, HOME, 0), None);
        assert!(throttle.records.is_empty());
    }

    #[test]
    fn one_client_is_an_ipv4_address_or_an_ipv6_64_in_any_form() {
        for (failed, same, other) in [
            ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
            ("64:ff9b::192.0.2.7", "192.0.2.7", "64:ff9b::192.0.2.8"),
            ("2002:c000:0207:1::1", "2002:c000:0207:ffff::9", "2002:c000:0208:1::1"),
        ] {
            let mut throttle = Throttle::new(1);
            assert_eq!(fail(&mut throttle, failed, 2, 0), Some(60), "{failed}");
            assert_eq!(wait(&throttle, same, 0), Some(60), "{same}");
            assert_eq!(wait(&throttle, other, 0), None, "{other}");
        }
    }

    #[test]
    fn a_48_has_a_ceiling_that_one_proof_does_not_lift() {
        let mut throttle = Throttle::new(2);
        for subnet in 0..20 {
            assert_eq!(fail(&mut throttle, &format!("2001:db8:1:{subnet:x}::1"), 1, 0), None, "{subnet}");
        }
        assert_eq!(fail(&mut throttle, "2001:db8:1:ffff::1", 1, 0), Some(60));
        throttle.success(address("2001:db8:1:1::1"), at(1));
        assert_eq!(wait(&throttle, "2001:db8:1:1::1", 1), Some(59));
        assert_eq!(wait(&throttle, "2001:db8:2::1", 1), None);
    }

    #[test]
    fn a_flood_of_addresses_does_not_grow_it_nor_free_one_that_waits() {
        let mut throttle = Throttle::new(3);
        assert_eq!(fail(&mut throttle, HOME, 4, 0), Some(60));
        for bits in 0..100_000_u32 {
            let neighbour = IpAddr::from((0x0a00_0000 + bits).to_be_bytes());
            assert_eq!(throttle.failure(neighbour, at(1)), Admission::Free);
        }
        assert!(throttle.records.len() <= CAPACITY);
        assert_eq!(wait(&throttle, HOME, 2), Some(58));
    }

    #[test]
    fn the_forgotten_make_room_first() {
        let mut throttle = Throttle::new(1);
        for bits in 0..u32::try_from(CAPACITY).unwrap() {
            assert_eq!(throttle.failure(IpAddr::from(bits.to_be_bytes()), at(0)), Admission::Free);
        }
        assert_eq!(fail(&mut throttle, HOME, 1, 60 + 3600), None);
        assert_eq!(throttle.records.len(), 1);
    }
}
