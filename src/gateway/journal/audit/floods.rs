//! Many requests that are told in few lines: whoever knocks a thousand times a second gets one line a second, and all
//! strangers together get no more than a log can bear.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::record::event::{Kind, Raw, Reason, Text, Verdict, Visit};

/// How long a line stands for those like it.
const WINDOW: Duration = Duration::from_secs(1);
/// How many different ones are told apart at a time.
const WINDOWS: usize = 1024;
/// So many bytes of a text are kept: what is written holds no more.
const LONGEST: usize = 513;

/// Requests of one address for one reason, told once a second; and not more than a number of lines in all. The rest is
/// counted by its reason. `now` is a time on a clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct Floods {
    windows: HashMap<(IpAddr, Reason), Window>,
    /// Lines for those who are refused, and for those who are let in: the former do not use up the latter's.
    refusals: Allowance,
    arrivals: Allowance,
    surplus: HashMap<Reason, u64>,
    /// When the first of the surplus came.
    surplus_since: Option<Duration>,
    /// Before this, nothing is due.
    next_due: Option<Duration>,
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Write its line.
    Write,
    /// [Hold](Floods::hold) it: it is the first of those that the next line stands for.
    Hold,
    /// Nothing more: it was counted.
    Counted,
}

/// A request that was held back, as it was sent.
pub(super) type Held = Visit<Sent>;

/// A text as it was sent, as much of it as is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent(Box<[u8]>);

impl Text for Sent {
    fn put(&self, line: &mut Vec<u8>) {
        Raw(&self.0).put(line);
    }
}

#[derive(Debug)]
struct Window {
    /// When the last line was written.
    since: Duration,
    held: Option<Box<Held>>,
}

/// How many lines may be written: many at once, few for long.
#[derive(Debug)]
struct Allowance {
    /// In thousandths of a line.
    left: u64,
    since: Duration,
}

impl Allowance {
    /// Lines at once.
    const MOST: u64 = 256;
    /// Lines a second for as long as it lasts: 10 MiB in the better part of an hour.
    const A_SECOND: u64 = 10;

    fn takes(&mut self, now: Duration) -> bool {
        let passed = u64::try_from(now.saturating_sub(self.since).as_millis()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_add(passed.saturating_mul(Self::A_SECOND)).min(Self::MOST * 1000);
        self.since = self.since.max(now);
        match self.left.checked_sub(1000) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: Self::MOST * 1000, since: Duration::ZERO }
    }
}

impl Floods {
    /// Asks for a request of `client`.
    pub(super) fn turn(&mut self, client: IpAddr, reason: Reason, now: Duration) -> Turn {
        let key = (client, reason);
        if let Some(window) = self.windows.get_mut(&key) {
            if let Some(held) = &mut window.held {
                held.count = held.count.saturating_add(1);
                return Turn::Counted;
            }
            if now.saturating_sub(window.since) < WINDOW {
                return Turn::Hold;
            }
        } else if !self.make_room(now) {
            self.add_surplus(reason, 1, now);
            return Turn::Counted;
        }
        if !self.allowance(reason).takes(now) {
            self.add_surplus(reason, 1, now);
            return Turn::Counted;
        }
        self.windows.insert(key, Window { since: now, held: None });
        Turn::Write
    }

    /// Keeps the request for which the last answer was [`Turn::Hold`].
    pub(super) fn hold(&mut self, visit: &Visit<Raw<'_>>) {
        let Some(window) = self.windows.get_mut(&(visit.client, visit.reason)) else { return };
        window.held = Some(Box::new(visit.clone().map(|text| {
            let Raw(bytes) = text;
            Sent(bytes[..bytes.len().min(LONGEST)].into())
        })));
        let due = window.since.saturating_add(WINDOW);
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
    }

    /// When something is due, if anything is.
    pub(super) const fn next_due(&self) -> Option<Duration> {
        self.next_due
    }

    /// Gives out what is due at `now`: the lines of floods whose second is over, and how many requests got none.
    pub(super) fn due(&mut self, now: Duration, mut write: impl FnMut(Kind<Sent>)) {
        if self.next_due.is_none_or(|due| now < due) {
            return;
        }
        let over = |since: Duration| now.saturating_sub(since) >= WINDOW;
        let mut windows = std::mem::take(&mut self.windows);
        windows.retain(|(_, reason), window| {
            if !over(window.since) {
                return true;
            }
            let Some(held) = window.held.take() else { return false };
            // At the end all is told.
            if now == Duration::MAX || self.allowance(*reason).takes(now) {
                write(Kind::Visit(*held));
            } else {
                self.add_surplus(*reason, held.count, now);
            }
            window.since = now;
            true
        });
        self.windows = windows;
        if self.surplus_since.is_some_and(over) {
            self.surplus_since = None;
            let mut surplus: Vec<_> = self.surplus.drain().collect();
            surplus.sort_unstable();
            for (reason, lost) in surplus {
                let what = if reason.verdict() == Verdict::Allowed { "first visits" } else { "refusals" };
                let why = format!("more {what} than are written: {reason}");
                write(Kind::Gap { lost, why: Sent(why.into_bytes().into()) });
            }
        }
        let held = self.windows.values().filter(|window| window.held.is_some()).map(|window| window.since);
        self.next_due = held.chain(self.surplus_since).min().map(|since| since.saturating_add(WINDOW));
    }

    fn allowance(&mut self, reason: Reason) -> &mut Allowance {
        if reason.verdict() == Verdict::Allowed { &mut self.arrivals } else { &mut self.refusals }
    }

    fn add_surplus(&mut self, reason: Reason, count: u64, now: Duration) {
        let lost = self.surplus.entry(reason).or_default();
        *lost = lost.saturating_add(count);
        let since = *self.surplus_since.get_or_insert(now);
        let due = since.saturating_add(WINDOW);
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
    }

    /// Is there room for one more? Windows that are over and hold nothing go.
    fn make_room(&mut self, now: Duration) -> bool {
        if self.windows.len() < WINDOWS {
            return true;
        }
        // Few are opened a second, so this finds some.
        self.windows.retain(|_, window| window.held.is_some() || now.saturating_sub(window.since) < WINDOW);
        self.windows.len() < WINDOWS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::End;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn visit(client: u32, reason: Reason, agent: &[u8]) -> Visit<Raw<'_>> {
        Visit {
            verdict: reason.verdict(),
            reason,
            client: IpAddr::V4(client.into()),
            peer: None,
            claimed: None,
            user: None,
            rule: None,
            place: None,
            method: None,
            host: None,
            path: None,
            status: Some(403),
            received: 0,
            sent: 0,
            milliseconds: 0,
            end: End::Whole,
            tls: None,
            protocol: None,
            agent: Some(Raw(agent)),
            count: 1,
        }
    }

    /// Sends a request; whether it got its line.
    fn send(floods: &mut Floods, visit: &Visit<Raw<'_>>, now: u64) -> bool {
        let turn = floods.turn(visit.client, visit.reason, at(now));
        if turn == Turn::Hold {
            floods.hold(visit);
        }
        turn == Turn::Write
    }

    fn due(floods: &mut Floods, now: Duration) -> Vec<(String, u64)> {
        let mut due = Vec::new();
        floods.due(now, |kind| {
            due.push(match kind {
                Kind::Visit(held) => (String::from_utf8(held.agent.unwrap().0.into()).unwrap(), held.count),
                Kind::Gap { lost, why } => (String::from_utf8(why.0.into()).unwrap(), lost),
                other => panic!("{other:?}"),
            });
        });
        due.sort();
        due
    }

    #[test]
    fn one_line_a_second_an_address_and_reason() {
        let mut floods = Floods::default();
        let [first, second, other] = [b"first", b"later", b"other"].map(|agent| {
            visit(1, if agent == b"other" { Reason::Insecure } else { Reason::Unlisted }, agent)
        });
        assert!(send(&mut floods, &first, 0));
        assert!(send(&mut floods, &other, 1));
        assert_eq!(floods.next_due(), None);
        for now in 2..500 {
            assert!(!send(&mut floods, &second, now));
        }
        assert_eq!(floods.next_due(), Some(at(1000)));
        assert_eq!(due(&mut floods, at(999)), []);
        assert_eq!(due(&mut floods, at(1000)), [("later".to_owned(), 498)]);
        assert!(!send(&mut floods, &first, 1500));
        assert!(send(&mut floods, &other, 1500));
        assert_eq!(floods.next_due(), Some(at(2000)));
        assert_eq!(due(&mut floods, at(2000)), [("first".to_owned(), 1)]);
        assert_eq!(floods.next_due(), None);
        assert!(send(&mut floods, &first, 3000));
        // At the end all is told.
        assert!(!send(&mut floods, &first, 3001));
        assert_eq!(due(&mut floods, Duration::MAX), [("first".to_owned(), 1)]);
    }

    #[test]
    fn a_million_addresses_fill_neither_memory_nor_log() {
        let mut floods = Floods::default();
        let mut written = 0;
        for client in 0..1_000_000_u32 {
            let visit = visit(client, Reason::Unlisted, b"x");
            written += u64::from(send(&mut floods, &visit, u64::from(client / 1000)));
            assert!(floods.windows.len() <= WINDOWS);
        }
        // 256 at once, and 10 in the second that it took.
        assert_eq!(written, 265);
        // Those who are let in have lines of their own.
        assert!(send(&mut floods, &visit(1, Reason::Open, b"x"), 999));
        let surplus = "more refusals than are written: unlisted".to_owned();
        assert_eq!(due(&mut floods, at(2000)), [(surplus, 1_000_000 - 265)]);
        assert_eq!(floods.next_due(), None);
        assert!(floods.windows.is_empty());
    }

    #[test]
    fn what_is_held_is_short() {
        let mut floods = Floods::default();
        let long = vec![b'a'; 65536];
        let visit = visit(1, Reason::Unlisted, &long);
        assert!(send(&mut floods, &visit, 0));
        assert!(!send(&mut floods, &visit, 1));
        assert_eq!(due(&mut floods, at(1000)), [("a".repeat(513), 1)]);
    }

    #[test]
    fn no_count_is_too_large() {
        let mut floods = Floods::default();
        let many = |client| Visit { count: u64::MAX, ..visit(client, Reason::Unlisted, b"x") };
        for client in [1, 2] {
            assert!(send(&mut floods, &many(client), 0));
            for _ in 0..3 {
                assert!(!send(&mut floods, &many(client), 1));
            }
        }
        // All lines are used up, so both are of the surplus.
        for client in 3..300 {
            send(&mut floods, &visit(client, Reason::Unlisted, b"x"), 1000);
        }
        let surplus = "more refusals than are written: unlisted".to_owned();
        assert_eq!(due(&mut floods, at(1000)), []);
        assert_eq!(due(&mut floods, at(2000)), [(surplus, u64::MAX)]);
    }
}
