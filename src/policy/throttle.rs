//! How often they failed: who has to wait before the next password is looked at.
//!
//! Only failures count. What an attacker does somewhere else, or to somebody else, never keeps a right password out:
//! counts of many (an account's, everybody's) make strangers wait sooner after a failure of their own, and nobody
//! wait who has not failed.

mod acquaintances;
mod network;
mod record;

use std::net::IpAddr;
use std::time::Duration;

use super::account::NameDigest;
use acquaintances::Acquaintances;
use network::Site;
use record::{Limit, Record, Records};

pub use network::Network;

/// The first window of a client, and of all together.
const WINDOW: Duration = Duration::from_mins(1);
/// How many times the failures of one /64 a whole /48 may have in one window.
const SITE: u32 = 10;
/// How many times the failures of one client the strangers to an account may have together, in `ACCOUNT_WINDOW`.
const ACCOUNT: u32 = 4;
const ACCOUNT_WINDOW: Duration = Duration::from_mins(10);
/// How many times the failures of one client all strangers may have together.
const EVERYBODY: u32 = 40;
/// The most networks, sites and accounts that are counted: at most 2.5 MiB together.
const NETWORKS: usize = 16_384;
const SITES: usize = 4_096;
const ACCOUNTS: usize = 4_096;

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

/// Whether an account was signed in to from a network before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Familiarity {
    /// It was.
    Known,
    /// Not as far as is remembered.
    Stranger,
}

/// Somebody who says that they are somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// From where.
    pub network: Network,
    /// Whom they claim to be. Whether there is such an account makes no difference here, or it could be asked for.
    pub account: NameDigest,
}

/// The failures of everyone, in bounded memory. `now` is a time on any clock that never goes back.
///
/// # What is counted
/// As in SillyTavern, a window of 60 seconds opens with a client's first failure. The failures up to `attempts` are
/// answered 401, and the right password still counts after the last of them; one more wrong try, and every attempt
/// is answered 429 until the window ends. Unlike there, whoever uses up a window gets one of twice the length the
/// next time, up to an hour, until an hour has passed in which none was open. A client is an IPv4 address or an IPv6
/// /64, with ten times the attempts over its /48, whichever accounts it tries.
///
/// A right password clears nothing: the holder of one account would pay with it for guesses at another, and a guesser
/// behind the address of somebody who is signed in would never have to wait. Instead it makes the account known from
/// that network, and such a pair has attempts of its own. To others at that address it is all the same, and their
/// failures, wherever they are, are no concern of the pair. (In SillyTavern each right password clears the count of
/// its address. For the first one that comes to the same.)
///
/// # Guesses from many addresses
/// The failures of strangers (pairs that are not known) count for the account too, and for everybody together. Above
/// four times the attempts in ten minutes at one account, or forty times in a minute at all of them, a stranger to
/// that account, or any, has one try in a window and not `attempts` and one: it halts after the first failure. These
/// windows double like all others, so each address comes down to a guess an hour. The first try of whoever has not
/// failed is looked at all the same: the owner, with the right password, from an address that nobody has seen before,
/// comes in at once. No limit on the sum of the guesses could tell that owner from one more address of the attacker's,
/// so there is none but that on the key derivations at a time.
///
/// # Memory
/// 16,384 networks, 4,096 sites and 4,096 names are counted, and 32 known networks of each account. Where a table is
/// full the forgotten make room, then those that weigh least (see `Records`). One that has to wait outweighs all that
/// do not, so to lose its own record an attacker must bring some 14,000 other networks to waiting, each with as many
/// failures as its own. Whoever has those gains nothing from the one record. To wash out what an account has
/// gathered, 3,500 other names have to be tried as often as that account was, and each of these tries counts for the
/// networks that they come from and for everybody.
#[derive(Clone, Debug)]
pub struct Throttle {
    attempts: u32,
    networks: Records<Network>,
    sites: Records<Site>,
    accounts: Records<NameDigest>,
    everybody: Record,
    known: Acquaintances,
}

impl Attempt {
    /// From `address`, at the account named so.
    #[must_use]
    pub fn new(address: IpAddr, account: NameDigest) -> Self {
        Self { network: Network::of(address), account }
    }
}

impl Throttle {
    /// Admits `attempts_per_minute` failures in the first window; 0 is no limit, as in SillyTavern.
    #[must_use]
    pub fn new(attempts_per_minute: u32) -> Self {
        Self {
            attempts: attempts_per_minute,
            networks: Records::new(NETWORKS),
            sites: Records::new(SITES),
            accounts: Records::new(ACCOUNTS),
            everybody: Record::default(),
            known: Acquaintances::default(),
        }
    }

    /// May they try a password now?
    ///
    /// Asking counts nothing. A proof that had to queue for its turn should ask again when the turn comes, or all
    /// that queued before the first failure was known would be admitted.
    #[must_use]
    pub fn check(&self, attempt: Attempt, now: Duration) -> Admission {
        if self.attempts == 0 {
            return Admission::Free;
        }
        let Attempt { network, account } = attempt;
        let wait = if let Some(failures) = self.known.of(account, network) {
            failures.used_up(self.attempts, now)
        } else {
            let failures = self.forbearance(account, now);
            let own = self.networks.used_up(&network, failures, now);
            let site = network
                .site()
                .and_then(|site| self.sites.used_up(&site, failures.max(1).saturating_mul(SITE), now));
            own.max(site)
        };
        wait.map_or(Admission::Free, |retry_after| Admission::Wait { retry_after })
    }

    /// They sent a wrong password. What comes back is how that is answered: `Free` with 401, `Wait` with 429.
    #[must_use = "a failure too many is answered 429"]
    pub fn failure(&mut self, attempt: Attempt, now: Duration) -> Admission {
        if self.attempts == 0 {
            return Admission::Free;
        }
        let Attempt { network, account } = attempt;
        let limit = Limit { failures: self.attempts, window: WINDOW };
        if let Some(failures) = self.known.of_mut(account, network) {
            failures.fail(limit, now);
            return self.check(attempt, now);
        }
        self.accounts.fail(account, self.account_limit(), now);
        self.everybody.fail(self.limit_of_all(), now);
        let failures = self.forbearance(account, now);
        self.networks.fail(network, Limit { failures, ..limit }, now);
        if let Some(site) = network.site() {
            let failures = failures.max(1).saturating_mul(SITE);
            self.sites.fail(site, Limit { failures, ..limit }, now);
        }
        self.check(attempt, now)
    }

    /// They proved a password: from there, this account is known. It clears no failures.
    pub fn success(&mut self, attempt: Attempt, now: Duration) {
        self.known.meet(attempt.account, attempt.network, now);
    }

    /// Whether they have signed in like this before.
    #[must_use]
    pub fn familiarity(&self, attempt: Attempt) -> Familiarity {
        match self.known.of(attempt.account, attempt.network) {
            Some(_) => Familiarity::Known,
            None => Familiarity::Stranger,
        }
    }

    /// How many failures a stranger to `account` may have in a window.
    fn forbearance(&self, account: NameDigest, now: Duration) -> u32 {
        let many = self.everybody.used_up(self.limit_of_all().failures, now);
        let at_one = || self.accounts.used_up(&account, self.account_limit().failures, now);
        if many.or_else(at_one).is_some() { 0 } else { self.attempts }
    }

    const fn account_limit(&self) -> Limit {
        Limit { failures: self.attempts.saturating_mul(ACCOUNT), window: ACCOUNT_WINDOW }
    }

    const fn limit_of_all(&self) -> Limit {
        Limit { failures: self.attempts.saturating_mul(EVERYBODY), window: WINDOW }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOME: &str = "192.0.2.7";

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn attempt(text: &str, user: &str) -> Attempt {
        Attempt::new(text.parse().unwrap(), NameDigest::of(user))
    }

    fn stranger(number: u32) -> Attempt {
        Attempt::new(IpAddr::from((0x0a00_0000 + number).to_be_bytes()), NameDigest::of("ann"))
    }

    /// `times` wrong passwords of ann's at once; how the last was answered.
    fn fail(throttle: &mut Throttle, text: &str, times: u32, seconds: u64) -> Option<u64> {
        fail_at(throttle, text, "ann", times, seconds)
    }

    fn fail_at(throttle: &mut Throttle, text: &str, user: &str, times: u32, seconds: u64) -> Option<u64> {
        let answers = (0..times).map(|_| throttle.failure(attempt(text, user), at(seconds)));
        answers.last().and_then(waiting)
    }

    fn wait(throttle: &Throttle, text: &str, seconds: u64) -> Option<u64> {
        wait_at(throttle, text, "ann", seconds)
    }

    fn wait_at(throttle: &Throttle, text: &str, user: &str, seconds: u64) -> Option<u64> {
        waiting(throttle.check(attempt(text, user), at(seconds)))
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
        for minutes in [1_u64, 2, 4, 8, 16, 32, 60, 60] {
            // At a new account each time, or the account's own count would tell first.
            let user = &minutes.to_string();
            assert_eq!(fail_at(&mut throttle, HOME, user, 2, now), None);
            assert_eq!(fail_at(&mut throttle, HOME, user, 1, now), Some(minutes * 60));
            now += minutes * 60;
            assert_eq!(wait_at(&throttle, HOME, user, now), None);
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
    fn zero_is_no_limit_and_counts_nothing() {
        let mut throttle = Throttle::new(0);
        assert_eq!(fail(&mut throttle, HOME, 100, 0), None);
        assert_eq!(format!("{throttle:?}"), format!("{:?}", Throttle::new(0)));
        // Who was let in before is known all the same: it decides who waits in front of whom.
        throttle.success(attempt(HOME, "ann"), at(0));
        assert_eq!(fail(&mut throttle, HOME, 100, 0), None);
        assert_eq!(throttle.familiarity(attempt(HOME, "ann")), Familiarity::Known);
    }

    #[test]
    fn one_client_is_an_ipv4_address_or_an_ipv6_64_in_any_form_whomever_it_guesses_at() {
        for (failed, same, other) in [
            ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
            ("64:ff9b::192.0.2.7", "2002:c000:0207:ffff::9", "64:ff9b::192.0.2.8"),
        ] {
            let mut throttle = Throttle::new(1);
            assert_eq!(fail_at(&mut throttle, failed, "bob", 1, 0), None, "{failed}");
            assert_eq!(fail_at(&mut throttle, same, "nobody", 1, 0), Some(60), "{failed}");
            assert_eq!(wait(&throttle, failed, 0), Some(60), "{failed}");
            assert_eq!(wait(&throttle, other, 0), None, "{other}");
        }
    }

    #[test]
    fn a_thousand_addresses_of_one_64_have_the_attempts_of_one() {
        let mut throttle = Throttle::new(5);
        let looked_at = (0..1_000)
            .filter(|number| {
                let text = format!("2001:db8:1:2:{number:x}::{number:x}");
                let free = wait(&throttle, &text, 0).is_none();
                if free {
                    let _ = fail(&mut throttle, &text, 1, 0);
                }
                free
            })
            .count();
        assert_eq!(looked_at, 6);
    }

    #[test]
    fn a_48_has_a_ceiling() {
        let mut throttle = Throttle::new(2);
        for subnet in 0..20 {
            let (text, user) = (format!("2001:db8:1:{subnet:x}::1"), format!("user {subnet}"));
            assert_eq!(fail_at(&mut throttle, &text, &user, 1, 0), None, "{subnet}");
        }
        assert_eq!(fail(&mut throttle, "2001:db8:1:ffff::1", 1, 0), Some(60));
        assert_eq!(wait(&throttle, "2001:db8:1:fffe::1", 1), Some(59));
        assert_eq!(wait(&throttle, "2001:db8:2::1", 1), None);
    }

    #[test]
    fn a_right_password_pays_for_no_guess_at_another_account() {
        let mut throttle = Throttle::new(5);
        for guess in 0..5 {
            throttle.success(attempt(HOME, "mallory"), at(guess));
            assert_eq!(fail(&mut throttle, HOME, 1, guess), None, "{guess}");
        }
        throttle.success(attempt(HOME, "mallory"), at(5));
        assert_eq!(fail(&mut throttle, HOME, 1, 5), Some(55));
        // Nor for guesses at the same one, as when both sit behind one address.
        throttle.success(attempt(HOME, "bob"), at(5));
        for guess in 0..5 {
            assert_eq!(fail_at(&mut throttle, HOME, "bob", 1, 10 + guess), None, "{guess}");
            throttle.success(attempt(HOME, "bob"), at(10 + guess));
        }
        assert_eq!(fail_at(&mut throttle, HOME, "bob", 1, 15), Some(55));
    }

    #[test]
    fn whoever_was_let_in_from_there_before_does_not_wait_for_what_others_do() {
        let mut throttle = Throttle::new(5);
        throttle.success(attempt(HOME, "ann"), at(0));
        throttle.success(attempt("2001:db8:1:2::1", "ann"), at(0));
        // Somebody behind the same address, somebody in the same /48, and a botnet at the same account.
        assert_eq!(fail_at(&mut throttle, HOME, "bob", 6, 0), Some(60));
        for subnet in 3..99 {
            let _ = fail(&mut throttle, &format!("2001:db8:1:{subnet:x}::1"), 6, 0);
        }
        for number in 0..1_000 {
            let _ = throttle.failure(stranger(number), at(0));
        }
        assert_eq!(wait_at(&throttle, HOME, "bob", 0), Some(60));
        assert_eq!(wait(&throttle, "2001:db8:1:ffff::1", 0), Some(60));
        for text in [HOME, "2001:db8:1:2::9"] {
            assert_eq!(throttle.familiarity(attempt(text, "ann")), Familiarity::Known);
            // And they may still mistype as often as ever.
            assert_eq!(fail(&mut throttle, text, 5, 0), None, "{text}");
            assert_eq!(fail(&mut throttle, text, 1, 0), Some(60), "{text}");
        }
        assert_eq!(throttle.familiarity(attempt(HOME, "bob")), Familiarity::Stranger);
    }

    #[test]
    fn many_addresses_at_one_account_have_one_try_each_and_a_newcomer_has_it_too() {
        let mut throttle = Throttle::new(5);
        for number in 0..20 {
            assert_eq!(throttle.failure(stranger(number), at(0)), Admission::Free, "{number}");
        }
        // The twenty-first within ten minutes is one too many: it waits, and so do all that have failed before.
        assert_eq!(waiting(throttle.failure(stranger(20), at(1))), Some(60));
        assert_eq!(waiting(throttle.check(stranger(0), at(1))), Some(59));
        // At another account they have not.
        let [at_bob, anew] = ["bob", "ann"].map(|user| attempt("10.0.0.0", user));
        assert_eq!(throttle.check(at_bob, at(1)), Admission::Free);
        assert_eq!(waiting(throttle.check(anew, at(1))), Some(59));
        // Whoever has not failed is looked at, now and always; one failure, and the next window is twice as long.
        assert_eq!(throttle.check(stranger(21), at(1)), Admission::Free);
        assert_eq!(throttle.check(stranger(0), at(60)), Admission::Free);
        assert_eq!(waiting(throttle.failure(stranger(0), at(60))), Some(120));
        // Ten minutes after the first of them the account's window is over.
        assert_eq!(throttle.check(stranger(0), at(600)), Admission::Free);
        assert_eq!(throttle.failure(stranger(0), at(600)), Admission::Free);
    }

    #[test]
    fn a_name_that_nobody_has_is_counted_like_any_other() {
        // The structure is not told who exists; that nothing else tells is shown through the real program.
        let mut throttle = Throttle::new(1);
        let answers = ["ann", "nobody"].map(|user| {
            let answer = |number: u32| {
                let text = format!("10.{}.0.{number}", user.len());
                fail_at(&mut throttle, &text, user, 1, 0)
            };
            (0..9).map(answer).collect::<Vec<_>>()
        });
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0][3..5], [None, Some(60)]);
    }

    #[test]
    fn many_failures_of_all_together_make_every_stranger_wait_after_the_first() {
        let mut throttle = Throttle::new(5);
        for number in 0..200 {
            let [_, _, high, low] = u32::to_be_bytes(number);
            let (text, user) = (format!("10.1.{high}.{low}"), format!("user {number}"));
            assert_eq!(fail_at(&mut throttle, &text, &user, 1, 0), None, "{number}");
        }
        assert_eq!(fail_at(&mut throttle, "10.2.0.0", "one too many", 1, 0), Some(60));
        assert_eq!(wait_at(&throttle, "10.1.0.0", "user 0", 0), Some(60));
        assert_eq!(wait(&throttle, HOME, 0), None);
        assert_eq!(fail(&mut throttle, HOME, 1, 0), Some(60));
        assert_eq!(wait(&throttle, HOME, 60), None);
    }

    #[test]
    fn a_flood_of_addresses_and_names_does_not_grow_it_nor_free_one_that_waits() {
        let mut throttle = Throttle::new(3);
        throttle.success(attempt("198.51.100.1", "ann"), at(0));
        assert_eq!(fail(&mut throttle, HOME, 4, 0), Some(60));
        for number in 0..60_000_u32 {
            // Half of them of IPv6, each in a site of its own.
            let address = if number.is_multiple_of(2) {
                IpAddr::from((0x0a00_0000 + number).to_be_bytes())
            } else {
                IpAddr::from((0x2001_0db8_0000_u128 << 80 | u128::from(number) << 80).to_be_bytes())
            };
            let _ = throttle.failure(Attempt::new(address, NameDigest::of(&number.to_string())), at(1));
        }
        let Throttle { networks, sites, accounts, .. } = &throttle;
        assert!(networks.len() <= NETWORKS && sites.len() <= SITES && accounts.len() <= ACCOUNTS);
        assert_eq!(wait(&throttle, HOME, 2), Some(58));
        assert_eq!(throttle.familiarity(attempt("198.51.100.1", "ann")), Familiarity::Known);
    }

    /// What somebody does: from which of a few networks, at which of a few accounts, right or wrong, how much later.
    fn deeds() -> impl Strategy<Value = Vec<(u32, u32, bool, u64)>> {
        prop::collection::vec((0..30_u32, 0..4_u32, prop::bool::weighted(0.1), 0..40_u64), 1..400)
    }

    fn at_some_account(network: u32, account: u32) -> Attempt {
        // Every second network is one of IPv6; those are four to a site.
        let address = if network.is_multiple_of(2) {
            IpAddr::from((0x0a00_0000 + network).to_be_bytes())
        } else {
            let (site, subnet) = (u128::from(network / 8), u128::from(network % 8));
            IpAddr::from((0x2001_0db8 << 96 | site << 80 | subnet << 64 | u128::from(account)).to_be_bytes())
        };
        Attempt::new(address, NameDigest::of(&account.to_string()))
    }

    proptest! {
        #[test]
        fn nothing_that_is_done_elsewhere_locks_anybody_out(deeds in deeds(), attempts in 1..6_u32) {
            let mut throttle = Throttle::new(attempts);
            let known = attempt("198.51.100.1", "0");
            throttle.success(known, at(0));
            let mut now = 0;
            for (network, account, right, later) in deeds {
                now += later;
                let attempt = at_some_account(network, account);
                if throttle.check(attempt, at(now)) == Admission::Free {
                    if right {
                        throttle.success(attempt, at(now));
                    } else {
                        let _ = throttle.failure(attempt, at(now));
                    }
                }
                for account in 0..4 {
                    let newcomer = Attempt::new([192, 0, 2, 7].into(), NameDigest::of(&account.to_string()));
                    prop_assert_eq!(throttle.check(newcomer, at(now)), Admission::Free);
                }
                prop_assert_eq!(throttle.check(known, at(now)), Admission::Free);
            }
        }

        #[test]
        fn nothing_that_is_done_elsewhere_gives_anybody_more_guesses(deeds in deeds(), attempts in 1..6_u32) {
            let mut throttle = Throttle::new(attempts);
            let (guess, own) = (attempt(HOME, "0"), attempt(HOME, "mallory"));
            let (mut guesses, mut now) = (0, 0);
            for (network, account, right, later) in deeds {
                now += later;
                // 1 + 2 + 4 + 8 + 16 + 32 minutes: six windows, and no seventh.
                if now >= 63 * 60 {
                    break;
                }
                let attempt = at_some_account(network, account);
                if right {
                    throttle.success(attempt, at(now));
                } else {
                    let _ = throttle.failure(attempt, at(now));
                }
                throttle.success(own, at(now));
                // As many as they can get, at every moment.
                while throttle.check(guess, at(now)) == Admission::Free {
                    let _ = throttle.failure(guess, at(now));
                    guesses += 1;
                }
            }
            prop_assert!(guesses <= 6 * (attempts + 1), "{} guesses", guesses);
        }

        #[test]
        fn a_wait_lasts_as_long_as_it_says_while_nothing_else_happens(deeds in deeds(), attempts in 1..6_u32) {
            let mut throttle = Throttle::new(attempts);
            let mut now = 0;
            for (network, account, _, later) in deeds {
                now += later;
                let attempt = at_some_account(network, account);
                if let Admission::Wait { retry_after } = throttle.failure(attempt, at(now)) {
                    prop_assert!(retry_after <= Duration::from_hours(1));
                    prop_assert_eq!(throttle.check(attempt, at(now) + retry_after), Admission::Free);
                }
            }
        }
    }
}
