//! Where lines wait for the thread that writes them.
//!
//! Every worker has a shelf of its own: none waits for another, and none has to fetch what another's processor has just
//! written. The thread takes all shelves together, so what two workers wrote within that time may stand in the file the
//! other way round.

use std::mem;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::super::lock;
use super::floods::{Floods, Turn};
use super::known::Known;
use crate::config::AuditedVisits;
use crate::record::event::{Clock, Event, Raw, Visit};

/// How long a line may wait for others to be written with it.
const DELAY: Duration = Duration::from_millis(200);
/// So many bytes are written without waiting for more.
const LARGE: usize = 256 * 1024;
/// So many bytes of a worker wait for the disk at most, for each file.
const ROOM: usize = 4 * 1024 * 1024;
/// A buffer that grew beyond this is not kept.
const KEPT: usize = 2 * LARGE;
/// How many workers have a shelf of their own.
const SHELVES: usize = 8;

/// What those who tell and the thread that writes share.
pub(super) struct Desk {
    pub(super) visits: AuditedVisits,
    pub(super) has_combined: bool,
    /// The clock of the windows begins here.
    opened: Instant,
    shelves: [Shelf; SHELVES],
    waiting: Mutex<Waiting>,
    woken: Condvar,
    known: Mutex<Known>,
}

/// A worker's lines, on memory that no other worker touches.
#[derive(Default)]
#[repr(align(128))]
struct Shelf(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    audit: Batch,
    combined: Batch,
    /// Nothing more is taken from here.
    is_closed: bool,
}

/// What waits for the thread besides what lies on the shelves, and came before that.
#[derive(Default)]
struct Waiting {
    audit: Batch,
    combined: Batch,
    floods: Floods,
    /// When the first line came.
    since: Option<Instant>,
    /// There are enough of them to be written at once.
    are_many: bool,
    /// The files are to be opened anew.
    reopens: bool,
    /// Nothing more will come.
    is_closed: bool,
}

/// Lines on their way to a file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    /// How many found no room.
    pub(super) lost: u64,
}

/// What the thread was woken for, besides lines.
pub(super) struct Call {
    pub(super) reopens: bool,
    pub(super) is_last: bool,
}

impl Desk {
    pub(super) fn new(visits: AuditedVisits, has_combined: bool) -> Self {
        Self {
            visits,
            has_combined,
            opened: Instant::now(),
            shelves: Default::default(),
            waiting: Mutex::default(),
            woken: Condvar::new(),
            known: Mutex::default(),
        }
    }

    pub(super) fn is_first(&self, client: IpAddr, user: Option<&str>) -> bool {
        lock(&self.known).is_new((client, user), self.opened.elapsed())
    }

    /// Whether this visit gets a line now. If not it is counted, and told with a later one.
    pub(super) fn takes(&self, visit: &Visit<Raw<'_>>) -> bool {
        let now = self.opened.elapsed();
        let mut waiting = lock(&self.waiting);
        match waiting.floods.turn(visit.client, visit.reason, now) {
            Turn::Write => true,
            Turn::Hold => {
                waiting.floods.hold(visit);
                // So that the thread knows until when it may sleep.
                self.woken.notify_one();
                false
            }
            Turn::Counted => false,
        }
    }

    /// Puts a line for each file, or none, where the thread finds it.
    pub(super) fn put(&self, audit: &[u8], combined: &[u8]) {
        let (before, after) = {
            let mut lines = lock(&self.shelves[own_number() % SHELVES].0);
            if lines.is_closed {
                return;
            }
            let before = lines.length();
            lines.audit.add(audit);
            lines.combined.add(combined);
            (before, lines.length())
        };
        let are_many = before < LARGE && after >= LARGE;
        if before == 0 || are_many {
            let mut waiting = lock(&self.waiting);
            waiting.since.get_or_insert_with(Instant::now);
            waiting.are_many |= are_many;
            drop(waiting);
            self.woken.notify_one();
        }
    }

    /// Puts the line of an event behind all that was told before, by whomever.
    pub(super) fn tell(&self, line: &[u8]) {
        let mut waiting = lock(&self.waiting);
        if waiting.is_closed {
            return;
        }
        let Waiting { audit, combined, .. } = &mut *waiting;
        if audit.bytes.len() < ROOM {
            self.clear_shelves(audit, combined, false);
        }
        audit.add(line);
        waiting.since.get_or_insert_with(Instant::now);
        drop(waiting);
        self.woken.notify_one();
    }

    /// Puts the lines of all floods there, also of those whose second is not over.
    pub(super) fn tell_floods(&self) {
        lock(&self.waiting).tell_floods(Duration::MAX, &mut Clock::default());
    }

    /// Has the files opened anew.
    pub(super) fn reopen(&self) {
        lock(&self.waiting).reopens = true;
        self.woken.notify_one();
    }

    /// Has the rest written.
    pub(super) fn close(&self) {
        lock(&self.waiting).is_closed = true;
        self.woken.notify_one();
    }

    /// Waits until there is something to do, and takes what there is. The batches are empty before.
    pub(super) fn take(&self, audit: &mut Batch, combined: &mut Batch, clock: &mut Clock) -> Call {
        let mut waiting = lock(&self.waiting);
        loop {
            waiting.tell_floods(self.opened.elapsed(), clock);
            if waiting.is_closed || waiting.reopens || waiting.are_many {
                break;
            }
            let pause = match waiting.since {
                Some(since) => match DELAY.checked_sub(since.elapsed()) {
                    Some(left) if !left.is_zero() => Some(left),
                    _ => break,
                },
                None => waiting.floods.next_due().map(|due| due.saturating_sub(self.opened.elapsed())),
            };
            waiting = self.wait(waiting, pause);
        }
        if waiting.is_closed {
            waiting.tell_floods(Duration::MAX, clock);
        }
        mem::swap(audit, &mut waiting.audit);
        mem::swap(combined, &mut waiting.combined);
        // Whoever puts a line on a shelf that was cleared says so, and waits for this lock.
        (waiting.since, waiting.are_many) = (None, false);
        let call = Call { reopens: mem::take(&mut waiting.reopens), is_last: waiting.is_closed };
        drop(waiting);
        self.clear_shelves(audit, combined, call.is_last);
        call
    }

    /// Takes what lies on the shelves; `is_last`: once and for all.
    fn clear_shelves(&self, audit: &mut Batch, combined: &mut Batch, is_last: bool) {
        for Shelf(shelf) in &self.shelves {
            let mut lines = lock(shelf);
            lines.is_closed |= is_last;
            audit.append(&mut lines.audit);
            combined.append(&mut lines.combined);
        }
    }

    fn wait<'a>(&self, waiting: MutexGuard<'a, Waiting>, pause: Option<Duration>) -> MutexGuard<'a, Waiting> {
        match pause {
            None => self.woken.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            // At least a millisecond, or rounding would make it go round and round.
            Some(pause) => {
                let pause = pause.max(Duration::from_millis(1));
                self.woken.wait_timeout(waiting, pause).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

impl Lines {
    const fn length(&self) -> usize {
        self.audit.bytes.len() + self.combined.bytes.len()
    }
}

impl Waiting {
    /// Adds the lines of floods whose second is over.
    fn tell_floods(&mut self, now: Duration, clock: &mut Clock) {
        let Self { audit, floods, since, .. } = self;
        let time = Timestamp::now();
        let mut line = Vec::new();
        floods.due(now, |kind| {
            line.clear();
            Event { time, kind }.write(clock, &mut line);
            line.push(b'\n');
            audit.add(&line);
            since.get_or_insert_with(Instant::now);
        });
    }
}

impl Batch {
    /// Adds a whole line, or counts it.
    fn add(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        if self.bytes.len() + line.len() > ROOM {
            self.lost += 1;
        } else {
            self.bytes.extend_from_slice(line);
            self.lines += 1;
        }
    }

    /// Takes the lines of `other`, which is empty afterwards.
    fn append(&mut self, other: &mut Self) {
        if self.bytes.is_empty() {
            mem::swap(&mut self.bytes, &mut other.bytes);
        } else {
            self.bytes.extend_from_slice(&other.bytes);
        }
        self.lines += other.lines;
        self.lost += other.lost;
        other.clear();
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        (self.lines, self.lost) = (0, 0);
    }
}

/// The number of this thread, among all that have put something somewhere.
fn own_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    OWN.with(|number| *number)
}
