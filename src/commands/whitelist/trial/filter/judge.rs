//! The verdict on each line of a batch.

use std::cell::{Cell, OnceCell};
use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;

use super::super::Verdict;
use super::answer::{MOST_TAILS, NO_ENTRY, Tails, tell, tell_rule, word};
use super::input::Batch;
use super::line::{self, Line, Plain};
use super::{Show, Tally};
use crate::cli::TrialVerdict;
use crate::policy::client::Client;
use crate::policy::whitelist::{EntryId, Rule, Whitelist};
use crate::policy::{Addresses, Policy, Standing};

/// The policy, asked about one address after another.
///
/// A client that connects itself and shows no credentials is judged by its address alone, so that all addresses of the
/// same [`Standing`] have the same verdict: it is taken from the policy once for each.
pub(super) struct Judge<'p> {
    policy: &'p Policy,
    /// Made by the first worker that has told enough entries.
    tails: &'p OnceLock<Tails>,
    /// How many lines with an entry were written one by one.
    told: Cell<usize>,
    secure: bool,
    /// By standing.
    verdicts: [OnceCell<TrialVerdict>; 3],
}

/// Where the verdict of a [`Standing`] is kept.
const LISTED: usize = 0;
const OPEN: usize = 1;
const UNLISTED: usize = 2;

/// What is said of an address.
#[derive(Clone, Copy)]
pub(super) struct Saying<'p> {
    pub(super) verdict: TrialVerdict,
    pub(super) rule: Option<Rule<'p>>,
}

impl<'p> Judge<'p> {
    pub(super) fn new(policy: &'p Policy, tails: &'p OnceLock<Tails>, secure: bool) -> Self {
        Self { policy, tails, told: Cell::new(0), secure, verdicts: Default::default() }
    }

    /// What the policy says of `address`, and by which entry.
    fn say(&self, address: IpAddr) -> Saying<'p> {
        let (number, rule) = match self.policy.standing(&Client::Direct { address }) {
            Standing::Listed(rule) => (LISTED, Some(rule)),
            Standing::Open => (OPEN, None),
            Standing::Unlisted(_) | Standing::Unmeetable => (UNLISTED, None),
        };
        let verdict = self.verdict(number, address);
        Saying { verdict, rule: rule.filter(|_| verdict == TrialVerdict::Allowed) }
    }

    /// The verdict on all addresses of a standing, of which `address` is one.
    #[inline]
    fn verdict(&self, standing: usize, address: IpAddr) -> TrialVerdict {
        *self.verdicts[standing].get_or_init(|| self.decide(address))
    }

    #[cold]
    fn decide(&self, address: IpAddr) -> TrialVerdict {
        match Verdict::of_address(self.policy, address, self.secure) {
            Verdict::Allowed | Verdict::AllowedAfterSignIn => TrialVerdict::Allowed,
            Verdict::Refused => TrialVerdict::Refused,
        }
    }

    /// Judges every line of a batch.
    pub(super) fn judge(&self, batch: &mut Batch, show: Show) {
        let Batch { input, length, output, tally, mistakes, .. } = batch;
        output.clear();
        let mut block = Block::default();
        let mut rest = &input[..*length];
        while !rest.is_empty() {
            tally.lines += 1;
            if let (Some(Plain { address, text, line }), Some(written)) =
                (line::plain(rest), rest.first_chunk())
            {
                block.push(address, written, text);
                rest = &rest[line..];
                if block.is_full() {
                    self.judge_block(&mut block, output, tally, show);
                }
                continue;
            }
            self.judge_block(&mut block, output, tally, show);
            // Every line of a batch has its end.
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len() - 1);
            match line::read(&rest[..end]) {
                Line::Empty => {}
                Line::Address(address, text) => {
                    let saying = self.say(address);
                    tell(output, tally, show, &saying, text.as_bytes());
                }
                Line::Mistake(error) => {
                    tally.mistakes += 1;
                    mistakes.push((tally.lines, error));
                }
            }
            rest = &rest[end + 1..];
        }
        self.judge_block(&mut block, output, tally, show);
    }

    /// Judges what is in `block` and empties it: as [`Judge::say`] does, for all of them at once, so that what a search
    /// waits for in memory is under way for many.
    fn judge_block(&self, block: &mut Block<'_>, output: &mut Vec<u8>, tally: &mut Tally, show: Show) {
        let addresses = &block.addresses[..mem::take(&mut block.count)];
        let written = block.windows.iter().zip(block.lengths);
        let Addresses::Listed(list) = &self.policy.addresses else {
            for (&address, (window, length)) in addresses.iter().zip(written) {
                let saying = self.say(IpAddr::V4(Ipv4Addr::from_bits(address)));
                tell(output, tally, show, &saying, &window[..length]);
            }
            return;
        };
        // Whoever connects itself has the standing of its own address: `Condition::Listed`.
        let mut entries = [None; BLOCK];
        list.find_all(addresses, &mut entries);
        let entries = &entries[..addresses.len()];
        let verdict = |standing, wanted: fn(&Option<EntryId>) -> bool| {
            let address = addresses[entries.iter().position(wanted)?];
            Some(self.verdict(standing, IpAddr::V4(Ipv4Addr::from_bits(address))))
        };
        let (listed, unlisted) = (verdict(LISTED, Option::is_some), verdict(UNLISTED, Option::is_none));
        let count = entries.iter().map(|entry| u64::from(entry.is_some())).sum();
        tally.count(listed, count);
        tally.count(unlisted, entries.len() as u64 - count);
        let (listed, unlisted) = (listed.filter(|v| show.lines(*v)), unlisted.filter(|v| show.lines(*v)));
        if listed.is_none() && unlisted.is_none() {
            return;
        }
        let tails = self.tails(list);
        for (entry, (window, length)) in entries.iter().zip(written) {
            let Some(verdict) = (if entry.is_some() { listed } else { unlisted }) else { continue };
            output.extend_from_slice(word(verdict));
            // More than there is, and cut off: a copy of a fixed length is a single step.
            let end = output.len() + length;
            output.extend_from_slice(*window);
            output.truncate(end);
            match (entry.filter(|_| verdict == TrialVerdict::Allowed), tails) {
                (None, _) => output.extend_from_slice(NO_ENTRY),
                (Some(id), Some(tails)) => output.extend_from_slice(tails.of_entry(id)),
                (Some(id), None) => {
                    self.told.set(self.told.get() + 1);
                    list.entry(id).iter().for_each(|rule| tell_rule(output, rule));
                }
            }
        }
    }

    /// The ends of all lines, once this worker has written half as many one by one.
    fn tails(&self, list: &Whitelist) -> Option<&'p Tails> {
        let worth_it = self.told.get() >= list.len() / 2 && list.len() <= MOST_TAILS;
        if worth_it { Some(self.tails.get_or_init(|| Tails::of(list))) } else { None }
    }
}

/// How many addresses are judged side by side.
const BLOCK: usize = 32;

/// Some plain addresses, one behind the other in the input.
struct Block<'i> {
    count: usize,
    addresses: [u32; BLOCK],
    /// What begins with each as it was written, and how long that is.
    windows: [&'i [u8; LONGEST]; BLOCK],
    lengths: [usize; BLOCK],
}

/// At least as long as the longest plain address; less than [`line::WINDOW`].
const LONGEST: usize = 16;

impl Default for Block<'_> {
    fn default() -> Self {
        Self { count: 0, addresses: [0; BLOCK], windows: [&[0; LONGEST]; BLOCK], lengths: [0; BLOCK] }
    }
}

impl<'i> Block<'i> {
    #[inline]
    fn push(&mut self, address: u32, window: &'i [u8; LONGEST], length: usize) {
        self.addresses[self.count] = address;
        self.windows[self.count] = window;
        self.lengths[self.count] = length;
        self.count += 1;
    }

    fn is_full(&self) -> bool {
        self.count == BLOCK
    }
}
