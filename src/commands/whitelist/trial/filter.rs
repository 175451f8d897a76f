//! `whitelist test -` and `--file`: an address a line in, a verdict a line out, any number of them.
//!
//! Workers take turns to read what is there, judge whole lines and hand the answers over; the answers are written in
//! order, each as soon as its turn comes. So a pipe stays live, a file keeps all cores busy, and only a few batches are
//! in memory at any time.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use super::Verdict;
use super::line::{self, Line, Plain};
use crate::cli::{TrialInput, TrialVerdict};
use crate::commands::sources::Speech;
use crate::error::{Error, Exit};
use crate::policy::client::Client;
use crate::policy::whitelist::{EntryId, Rule, Whitelist};
use crate::policy::{Addresses, Policy, Standing};
use crate::ui::{self, Data, Delivery, Progress, Unit};

/// What is printed.
#[derive(Clone, Copy, Debug)]
pub struct Show {
    /// Which verdicts; both where nothing was said.
    pub only: Option<TrialVerdict>,
    /// How many there are, in place of the lines.
    pub count: bool,
}

impl Show {
    fn lines(self, verdict: TrialVerdict) -> bool {
        !self.count && self.only.is_none_or(|only| only == verdict)
    }
}

/// Judges every line of `input`, as `policy` would judge a client that connects itself, over https where `secure`.
///
/// # Errors
/// Input that cannot be read, output that cannot be written. A line that holds no address is told, and the rest goes on.
pub fn run(
    policy: Policy,
    secure: bool,
    input: &TrialInput,
    show: Show,
    speech: Speech,
) -> Result<Exit, Error> {
    let Opened { name, reader, size } = Opened::of(input)?;
    let mut data = Data::open();
    let hides = speech == Speech::Quiet || (data.is_watched() && !show.count);
    let progress = match size {
        Some(size) if !hides => Progress::new(Unit::Bytes, Some(size)),
        _ => Progress::hidden(),
    };
    let mut tally = Tally::default();
    for batch in ordered(judged(policy, secure, reader, show)) {
        let mut batch = batch.map_err(|error| unreadable(&name, error))?;
        if !batch.output.is_empty() {
            match data.put(&batch.output).map_err(unwritable)? {
                Delivery::Taken => {}
                // Whoever still reads the input ends with the process.
                Delivery::Closed => return Ok(Exit::Yes),
            }
        }
        for (number, error) in mem::take(&mut batch.mistakes) {
            let place = format!("{name}:{}", tally.lines + number);
            progress.aside(|| ui::error(&located(&place, &error)));
        }
        tally.add(&batch);
        progress.advance(batch.length as u64);
        batch.give_back();
    }
    drop(progress);
    if show.count {
        // A count that nobody reads is no failure.
        data.put(tally.counts(show.only).as_bytes()).map_err(unwritable)?;
    }
    Ok(tally.exit())
}

/// How many lines there were, and what was said of them.
#[derive(Default)]
struct Tally {
    lines: u64,
    allowed: u64,
    refused: u64,
    mistakes: u64,
}

impl Tally {
    fn add(&mut self, batch: &Batch) {
        self.lines += batch.tally.lines;
        self.allowed += batch.tally.allowed;
        self.refused += batch.tally.refused;
        self.mistakes += batch.tally.mistakes;
    }

    /// Counts a verdict that was given `times`.
    #[inline]
    fn count(&mut self, verdict: Option<TrialVerdict>, times: u64) {
        match verdict {
            Some(TrialVerdict::Allowed) => self.allowed += times,
            Some(TrialVerdict::Refused) => self.refused += times,
            None => {}
        }
    }

    fn counts(&self, only: Option<TrialVerdict>) -> String {
        match only {
            Some(TrialVerdict::Allowed) => format!("{}\n", self.allowed),
            Some(TrialVerdict::Refused) => format!("{}\n", self.refused),
            None => format!("allowed\t{}\nrefused\t{}\n", self.allowed, self.refused),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self { mistakes: 1.., .. } => Exit::Unanswered,
            Self { refused: 1.., .. } => Exit::No,
            _ => Exit::Yes,
        }
    }
}

/// The input, opened.
struct Opened {
    /// For errors.
    name: String,
    reader: Box<dyn Read + Send>,
    /// In bytes, where it is a file.
    size: Option<u64>,
}

impl Opened {
    fn of(input: &TrialInput) -> Result<Self, Error> {
        match input {
            TrialInput::Stdin => {
                let name = "standard input".to_owned();
                Ok(Self { name, reader: Box::new(io::stdin()), size: size_of_stdin() })
            }
            TrialInput::File(path) => {
                let name = path.display().to_string();
                let file = File::open(path).map_err(|error| unreadable(&name, error))?;
                let size = size(&file);
                Ok(Self { name, reader: Box::new(file), size })
            }
        }
    }
}

/// The size of a file that is no pipe and no device.
fn size(file: &File) -> Option<u64> {
    file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// The size of what `< FILE` put there.
#[cfg(unix)]
fn size_of_stdin() -> Option<u64> {
    use std::os::fd::AsFd;
    size(&File::from(io::stdin().as_fd().try_clone_to_owned().ok()?))
}

#[cfg(not(unix))]
fn size_of_stdin() -> Option<u64> {
    None
}

fn unreadable(name: &str, error: io::Error) -> Error {
    let shown = Path::new(name).display();
    Error::new(format!("cannot read the addresses of `{shown}`")).caused_by(error)
}

fn unwritable(error: io::Error) -> Error {
    Error::new("cannot write the verdicts").caused_by(error)
}

fn located(place: &str, error: &Error) -> Error {
    error.hints().iter().cloned().fold(Error::new(format!("{place}: {error}")), Error::hint)
}

/// The most that a batch holds, in bytes; no line that is longer holds an address.
const BATCH: usize = 256 * 1024;

/// How much is read at once, in bytes: with what is written about it, it fits beside the list in the fast memory.
const AT_ONCE: usize = 64 * 1024;

/// More than that would wait for the one that writes.
const MOST_WORKERS: usize = 8;

/// Some lines, what was said of them, and the way back for the memory.
struct Batch {
    input: Vec<u8>,
    /// How much of the input is whole lines.
    length: usize,
    output: Vec<u8>,
    tally: Tally,
    /// By the number of the line in this batch, from 1.
    mistakes: Vec<(u64, Error)>,
    home: Sender<Memory>,
}

/// What a batch is made of.
struct Memory {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Batch {
    /// Gives its memory to the next batch.
    fn give_back(self) {
        // There is no next one at the end.
        let _ = self.home.send(Memory { input: self.input, output: self.output });
    }
}

/// What comes from a worker: the number of a batch, and the batch or what kept it from being read.
type Judged = (u64, io::Result<Batch>);

/// Starts the workers; what they have judged comes in any order.
fn judged(policy: Policy, secure: bool, reader: Box<dyn Read + Send>, show: Show) -> Receiver<Judged> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS);
    let (home, pool) = channel();
    // One to be judged and one to be written for each worker, and no more: that bounds the memory.
    for _ in 0..2 * workers {
        let _ = home.send(Memory { input: Vec::new(), output: Vec::new() });
    }
    let source = Source { reader, rest: Vec::new(), number: 0, state: Reading::Goes, pool, home };
    let source = Arc::new(Mutex::new(source));
    let shared = Arc::new((policy, OnceLock::new()));
    let (sender, receiver) = sync_channel(2 * workers);
    for _ in 0..workers {
        let (source, shared, sender) = (Arc::clone(&source), Arc::clone(&shared), sender.clone());
        thread::spawn(move || {
            let (policy, tails) = &*shared;
            work(&source, &Judge::new(policy, tails, secure), show, &sender);
        });
    }
    receiver
}

/// What the workers have judged, in order. Ends with the input or the first failure to read it.
fn ordered(judged: Receiver<Judged>) -> impl Iterator<Item = io::Result<Batch>> {
    let mut early = BTreeMap::new();
    (0..).map_while(move |number| {
        loop {
            if let Some(batch) = early.remove(&number) {
                return Some(batch);
            }
            let (number, batch) = judged.recv().ok()?;
            early.insert(number, batch);
        }
    })
}

/// Reads and judges batches until there are no more, or nobody wants them.
fn work(source: &Mutex<Source>, judge: &Judge<'_>, show: Show, sender: &SyncSender<Judged>) {
    loop {
        let next = source.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((number, batch)) = next else { return };
        let batch = batch.map(|mut batch| {
            judge.judge(&mut batch, show);
            batch
        });
        if sender.send((number, batch)).is_err() {
            return;
        }
    }
}

/// The input, from which one worker at a time reads.
struct Source {
    reader: Box<dyn Read + Send>,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    /// Of the next batch.
    number: u64,
    state: Reading,
    pool: Receiver<Memory>,
    home: Sender<Memory>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Goes,
    /// In the middle of a line that is too long, of which the beginning is judged already.
    Skips,
    Ended,
}

impl Source {
    /// The next lines: whatever is there, as soon as one of them is whole.
    fn next(&mut self) -> Option<Judged> {
        if self.state == Reading::Ended {
            return None;
        }
        let Memory { mut input, output } = self.pool.recv().ok()?;
        let filled = self.fill(&mut input);
        let number = self.number;
        self.number += 1;
        let batch = filled.map(|length| Batch {
            input,
            length,
            output,
            tally: Tally::default(),
            mistakes: Vec::new(),
            home: self.home.clone(),
        });
        if batch.is_err() {
            self.state = Reading::Ended;
        }
        Some((number, batch))
    }

    /// Reads into `input` until a line is whole; answers how much of it is whole lines.
    fn fill(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        input.resize(BATCH, 0);
        input[..self.rest.len()].copy_from_slice(&self.rest);
        let mut filled = mem::take(&mut self.rest).len();
        loop {
            let most = input.len().min(filled + AT_ONCE);
            let count = match self.reader.read(&mut input[filled..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            if count == 0 {
                self.state = Reading::Ended;
                if filled > 0 {
                    // The last line may do without its end.
                    input.truncate(filled);
                    input.push(b'\n');
                    filled += 1;
                }
                return Ok(filled);
            }
            let read = filled..filled + count;
            let end = input[read.clone()].iter().rposition(|byte| *byte == b'\n').map(|at| filled + at + 1);
            filled = read.end;
            match (self.state, end) {
                (Reading::Skips, _) => {
                    // Up to the end of the line that is too long.
                    let first = input[..filled].iter().position(|byte| *byte == b'\n');
                    let dropped = first.map_or(filled, |at| at + 1);
                    input.copy_within(dropped..filled, 0);
                    filled -= dropped;
                    if first.is_some() {
                        self.state = Reading::Goes;
                        if let Some(at) = input[..filled].iter().rposition(|byte| *byte == b'\n') {
                            self.rest = input[at + 1..filled].to_vec();
                            return Ok(at + 1);
                        }
                    }
                }
                (_, Some(end)) => {
                    self.rest.extend_from_slice(&input[end..filled]);
                    return Ok(end);
                }
                (_, None) if filled == input.len() => {
                    // Its beginning is enough for an error, and must not look like an address.
                    self.state = Reading::Skips;
                    input.truncate(SHOWN);
                    input.extend_from_slice("…\n".as_bytes());
                    return Ok(input.len());
                }
                (_, None) => {}
            }
        }
    }
}

/// How much is kept of a line that is too long, in bytes.
const SHOWN: usize = 256;

/// The policy, asked about one address after another.
///
/// A client that connects itself and shows no credentials is judged by its address alone, so that all addresses of the
/// same [`Standing`] have the same verdict: it is taken from the policy once for each.
struct Judge<'p> {
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
struct Saying<'p> {
    verdict: TrialVerdict,
    rule: Option<Rule<'p>>,
}

impl<'p> Judge<'p> {
    fn new(policy: &'p Policy, tails: &'p OnceLock<Tails>, secure: bool) -> Self {
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
    fn judge(&self, batch: &mut Batch, show: Show) {
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

/// With what the line of a verdict begins.
fn word(verdict: TrialVerdict) -> &'static [u8; 8] {
    match verdict {
        TrialVerdict::Allowed => b"allowed\t",
        TrialVerdict::Refused => b"refused\t",
    }
}

/// With what the line of an address ends that no entry lets in.
const NO_ENTRY: &[u8] = b"\t-\n";

/// Counts a verdict, and writes its line where it is shown: the address as it was `written`, and the entry.
fn tell(output: &mut Vec<u8>, tally: &mut Tally, show: Show, saying: &Saying<'_>, written: &[u8]) {
    tally.count(Some(saying.verdict), 1);
    if !show.lines(saying.verdict) {
        return;
    }
    output.extend_from_slice(word(saying.verdict));
    output.extend_from_slice(written);
    match &saying.rule {
        None => output.extend_from_slice(NO_ENTRY),
        Some(rule) => tell_rule(output, rule),
    }
}

/// The end of the line for each entry of a list, as [`tell_rule`] writes it.
struct Tails {
    all: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

/// For more entries than that the ends of lines would take much memory, and be no faster.
const MOST_TAILS: usize = 1 << 18;

impl Tails {
    fn of(list: &Whitelist) -> Self {
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(list.len()));
        for rule in list.iter() {
            tell_rule(&mut all, &rule);
            ends.push(all.len());
        }
        Self { all, ends }
    }

    #[inline]
    fn of_entry(&self, id: EntryId) -> &[u8] {
        let number = id.number();
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[number]]
    }
}

/// Writes `<TAB>entry (file:line)` and the end of the line. Formatting costs more than all else together, so it is left
/// out where it changes nothing.
fn tell_rule(output: &mut Vec<u8>, rule: &Rule<'_>) {
    output.push(b'\t');
    let mut put = |text: &str| {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            output.extend_from_slice(text.as_bytes());
        } else {
            output.extend_from_slice(ui::escaped(text).as_bytes());
        }
    };
    put(rule.text());
    put(" (");
    put(rule.file());
    if rule.line() > 0 {
        put(":");
        put(itoa::Buffer::new().format(rule.line()));
    }
    output.extend_from_slice(b")\n");
}
