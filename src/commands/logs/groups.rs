//! Visits summed by visitor and by what became of them, in a memory that has an end.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::device::{self, shortened};
use super::line::{Fields, Line, Verdict};
use super::stamp::Stamp;

/// How many groups are kept apart. One takes a few hundred bytes.
pub const MOST: usize = 100_000;

/// How many agents are known by their device.
const AGENTS: usize = 4096;

/// How much of a user's name, or of an agent, is kept, in letters.
const LONGEST: usize = 128;

/// Visits of the same address, user, device, verdict and reason; all texts may stand on a terminal.
#[derive(Clone, Debug)]
pub struct Group {
    /// The address; in `access.log` with what it claimed to be.
    pub client: String,
    /// What it claimed to be, of the last visit; empty for nothing.
    pub claimed: String,
    /// Who signed in; empty for nobody.
    pub user: String,
    /// See [`device::named`].
    pub device: String,
    /// The `User-Agent` of the first visit.
    pub agent: String,
    /// What became of them.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What they asked for, the last time.
    pub host: String,
    /// How many.
    pub visits: u64,
    /// The first of them, by time.
    pub first: Stamp,
    /// The last of them, by time.
    pub last: Stamp,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Groups {
    numbers: HashMap<Box<[u8]>, usize>,
    all: Vec<Group>,
    /// Visits of groups for which there was no room.
    pub others: u64,
    devices: HashMap<Box<[u8]>, Box<str>>,
    /// Of the line that is looked at; kept for its memory.
    key: Vec<u8>,
}

impl Groups {
    /// Counts the visits that `line` stands for.
    pub fn add(&mut self, line: &Line<'_>, verdict: Verdict) {
        let Fields { client, user, reason, agent, .. } = line.fields;
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        let cut = |bytes| -> &[u8] { <[u8]>::get(bytes, ..4 * LONGEST).unwrap_or(bytes) };
        for part in [client.bytes, user.bytes, reason.bytes] {
            key.extend_from_slice(cut(part));
            // No value has one between its quotes.
            key.push(b'\n');
        }
        key.push(verdict.word().as_bytes()[0]);
        if let Some(device) = self.devices.get(agent.bytes) {
            key.extend_from_slice(device.as_bytes());
        } else {
            let device = device::named(&agent.shown());
            key.extend_from_slice(device.as_bytes());
            if self.devices.len() < AGENTS && agent.bytes.len() <= 4 * LONGEST {
                self.devices.insert(agent.bytes.into(), device.into());
            }
        }
        match self.numbers.get(&*key) {
            Some(number) => self.all[*number].add(line),
            None if self.all.len() == MOST => self.others = self.others.saturating_add(line.count),
            None => {
                self.numbers.insert(key.as_slice().into(), self.all.len());
                self.all.push(Group::of(line, verdict));
            }
        }
        self.key = key;
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// When each address and device was let in last.
    pub fn let_in(&self) -> HashMap<(&str, &str), Stamp> {
        let mut let_in = HashMap::new();
        for group in self.all.iter().filter(|group| group.verdict == Verdict::Allowed) {
            let last = let_in.entry((&*group.client, &*group.device)).or_insert(group.last);
            *last = group.last.max(*last);
        }
        let_in
    }

    /// Those that were kept out first, the latest of each kind first.
    pub fn by_urgency(&self) -> Vec<&Group> {
        let rank = |group: &Group| match group.verdict {
            Verdict::Refused | Verdict::Failed => 0,
            Verdict::Allowed | Verdict::Unknown => 1,
        };
        let mut groups: Vec<&Group> = self.all.iter().collect();
        groups.sort_by_key(|group| (rank(group), Reverse(group.last), Reverse(group.visits)));
        groups
    }

    /// The most frequent ones first.
    pub fn by_frequency(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.all.iter().collect();
        groups.sort_by_key(|group| (Reverse(group.visits), Reverse(group.last)));
        groups
    }
}

impl Group {
    fn of(line: &Line<'_>, verdict: Verdict) -> Self {
        let fields = &line.fields;
        let agent = fields.agent.shown();
        Self {
            client: fields.client.shown(),
            claimed: fields.claimed.shown(),
            user: shortened(&fields.user.shown(), LONGEST),
            device: device::named(&agent),
            agent: shortened(&agent, LONGEST),
            verdict,
            reason: shortened(&fields.reason.shown(), LONGEST),
            host: fields.host.shown(),
            visits: line.count,
            first: line.time,
            last: line.time,
        }
    }

    fn add(&mut self, line: &Line<'_>) {
        self.visits = self.visits.saturating_add(line.count);
        self.first = self.first.min(line.time);
        if line.time >= self.last {
            self.last = line.time;
            let Fields { host, claimed, .. } = line.fields;
            if host.bytes != self.host.as_bytes() {
                self.host = host.shown();
            }
            if claimed.bytes != self.claimed.as_bytes() {
                self.claimed = claimed.shown();
            }
        }
    }
}
