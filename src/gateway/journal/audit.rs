//! `audit.jsonl`: what happened, one line an event; and beside it, where that is wanted, every request in Combined Log
//! Format.
//!
//! Whoever has something to tell writes its line into memory and goes on. A thread of its own takes what lies there,
//! at the latest a fifth of a second after the first of it, and writes it in one piece. While that thread is kept
//! waiting by a disk, a bounded number of lines wait for it, and the rest are counted: the log then has a `gap`.

mod floods;
mod known;
mod log_file;
mod parts;

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::writer::Saying;
use super::{WriterThread, lock};
use crate::config::AuditedVisits;
use crate::error::Error;
use crate::record::combined;
use crate::record::event::{Clock, Event, Kind, Raw, SignIn, Text, Verdict, Visit};
use floods::{Floods, Turn};
pub(in crate::gateway) use known::HOUR;
use known::Known;
use log_file::LogFile;

/// How long a line may wait for others to be written with it.
const DELAY: Duration = Duration::from_millis(200);
/// So many bytes are written without waiting for more.
const LARGE: usize = 64 * 1024;
/// So many bytes wait for the disk at most, in each file.
const ROOM: usize = 4 * 1024 * 1024;
/// A buffer that grew beyond this is not kept.
const KEPT: usize = 4 * LARGE;

/// What is written, and where.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// `audit.jsonl`.
    pub path: PathBuf,
    /// Which visits.
    pub visits: AuditedVisits,
    /// Bytes after which a new file is begun.
    pub max_size: u64,
    /// Time after which a new file is begun, if any.
    pub max_age: Option<Duration>,
    /// How many old files are kept, of each.
    pub keep: u32,
    /// Where every request is written in Combined Log Format as well.
    pub combined: Option<PathBuf>,
}

/// Which of the two files a visit is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    audit: bool,
    combined: bool,
}

/// What is said on the console.
pub(super) type Say = Box<dyn Fn(Saying) + Send>;

/// The audit log. Everything that came from outside is given as it was sent and escaped here.
pub struct Audit {
    desk: Arc<Desk>,
    thread: Mutex<Option<WriterThread>>,
}

/// What those who tell and the thread that writes share.
struct Desk {
    visits: AuditedVisits,
    has_combined: bool,
    /// The clock of the windows begins here.
    opened: Instant,
    waiting: Mutex<Waiting>,
    woken: Condvar,
    known: Mutex<Known>,
}

/// What waits for the thread.
#[derive(Default)]
struct Waiting {
    audit: Batch,
    combined: Batch,
    floods: Floods,
    /// When the first line came.
    since: Option<Instant>,
    /// The files are to be opened anew.
    reopens: bool,
    /// Nothing more will come.
    is_closed: bool,
}

/// Lines on their way to a file.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    /// How many found no room.
    lost: u64,
}

/// A thread's memory for one line.
#[derive(Default)]
struct Scratch {
    line: Vec<u8>,
    clock: Clock,
    combined: combined::Clock,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Audit {
    /// Starts the thread that writes. What cannot be opened is told and tried again: whoever may come in does not hang
    /// on a log.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn open(options: AuditOptions, say: Say) -> Result<Self, Error> {
        let desk = Arc::new(Desk {
            visits: options.visits,
            has_combined: options.combined.is_some(),
            opened: Instant::now(),
            waiting: Mutex::default(),
            woken: Condvar::new(),
            known: Mutex::default(),
        });
        let (running, end) = channel();
        let keeper = Keeper::new(Arc::clone(&desk), options, say);
        let work = move || {
            let _running: Sender<()> = running;
            keeper.run();
        };
        let handle = thread::Builder::new()
            .name("audit".to_owned())
            .spawn(work)
            .map_err(|error| Error::new("cannot start the thread of the audit log").caused_by(error))?;
        let end: Receiver<()> = end;
        Ok(Self { desk, thread: Mutex::new(Some(WriterThread { handle, end })) })
    }

    /// Whether a visit of `client`, as `user`, is the first for an hour, as far as is remembered.
    pub fn is_first(&self, client: IpAddr, user: Option<&str>) -> bool {
        lock(&self.desk.known).is_new((client, user), self.desk.opened.elapsed())
    }

    /// Where a visit with this `verdict` is written; `None`: nowhere. `is_first`: see [`Audit::is_first`].
    #[must_use]
    pub fn wants(&self, verdict: Verdict, is_first: bool) -> Option<Wanted> {
        let audit = verdict != Verdict::Allowed
            || match self.desk.visits {
                AuditedVisits::Refused => false,
                AuditedVisits::New => is_first,
                AuditedVisits::All => true,
            };
        let combined = self.desk.has_combined;
        (audit || combined).then_some(Wanted { audit, combined })
    }

    /// Writes a visit that has ended. Refusals and failures of one address for one reason are summed to a line a
    /// second.
    pub fn visited(&self, visit: &Visit<Raw<'_>>, wanted: Wanted) {
        let desk = &self.desk;
        let is_audited = wanted.audit && {
            let is_free = visit.verdict == Verdict::Allowed && desk.visits == AuditedVisits::All;
            is_free || desk.takes(visit)
        };
        if !(is_audited || wanted.combined) {
            return;
        }
        let time = Timestamp::now();
        SCRATCH.with_borrow_mut(|Scratch { line, clock, combined }| {
            line.clear();
            if is_audited {
                Event::write_visit(time, visit, clock, line);
                line.push(b'\n');
            }
            let middle = line.len();
            if wanted.combined {
                combined::write(visit, time, combined, line);
                line.push(b'\n');
            }
            let (audit, combined) = line.split_at(middle);
            desk.put(audit, combined);
        });
    }

    /// Writes that somebody signed in.
    pub fn signed_in(&self, sign_in: SignIn<Raw<'_>>) {
        self.tell(Kind::SignIn(sign_in));
    }

    /// Writes an event.
    pub fn tell<S: Text>(&self, kind: Kind<S>) {
        let mut line = Vec::new();
        Event { time: Timestamp::now(), kind }.write(&mut Clock::default(), &mut line);
        line.push(b'\n');
        self.desk.put(&line, &[]);
    }

    /// Writes that the server has stopped, after whatever was held back.
    pub fn stop(&self) {
        lock(&self.desk.waiting).tell_floods(Duration::MAX, &mut Clock::default());
        self.tell(Kind::<Raw<'_>>::Stop);
    }

    /// Opens the files anew, for whoever has moved them away.
    pub fn reopen(&self) {
        lock(&self.desk.waiting).reopens = true;
        self.desk.woken.notify_one();
    }

    /// Writes everything that was told so far and ends the thread; what is told later is ignored. Blocks, up to
    /// `patience` for a disk that takes nothing, and then gives up.
    pub(super) fn close(&self, patience: Duration) {
        lock(&self.desk.waiting).is_closed = true;
        self.desk.woken.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            thread.join_within(patience);
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("visits", &self.desk.visits).finish_non_exhaustive()
    }
}

impl Desk {
    /// Whether this visit gets a line now. If not it is counted, and told with a later one.
    fn takes(&self, visit: &Visit<Raw<'_>>) -> bool {
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

    /// Puts whole lines where the thread finds them.
    fn put(&self, audit: &[u8], combined: &[u8]) {
        let mut waiting = lock(&self.waiting);
        if waiting.is_closed {
            return;
        }
        let before = waiting.length();
        waiting.audit.add(audit);
        waiting.combined.add(combined);
        let after = waiting.length();
        if before == 0 {
            waiting.since = Some(Instant::now());
        }
        if before == 0 || (before < LARGE && after >= LARGE) {
            drop(waiting);
            self.woken.notify_one();
        }
    }

    /// Waits until there is something to do, and takes what there is.
    fn take(&self, audit: &mut Batch, combined: &mut Batch, clock: &mut Clock) -> Call {
        let mut waiting = lock(&self.waiting);
        loop {
            waiting.tell_floods(self.opened.elapsed(), clock);
            if waiting.is_closed || waiting.reopens || waiting.length() >= LARGE {
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
        waiting.since = None;
        Call { reopens: mem::take(&mut waiting.reopens), is_last: waiting.is_closed }
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

impl Waiting {
    fn length(&self) -> usize {
        self.audit.bytes.len() + self.combined.bytes.len()
    }

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

/// What the thread was woken for, besides lines.
struct Call {
    reopens: bool,
    is_last: bool,
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

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        (self.lines, self.lost) = (0, 0);
    }
}

/// The thread that writes.
struct Keeper {
    desk: Arc<Desk>,
    audit: LogFile,
    combined: Option<LogFile>,
    say: Say,
    clock: Clock,
    /// Lines that found no room, since that began.
    overrun: u64,
}

impl Keeper {
    fn new(desk: Arc<Desk>, options: AuditOptions, say: Say) -> Self {
        let AuditOptions { path, visits: _, max_size, max_age, keep, combined } = options;
        let limits = log_file::Limits { max_size, max_age, keep };
        let audit = LogFile::new("audit log", path, limits);
        let combined = combined.map(|path| LogFile::new("combined log", path, limits));
        Self { desk, audit, combined, say, clock: Clock::default(), overrun: 0 }
    }

    fn run(mut self) {
        let (mut audit, mut combined) = (Batch::default(), Batch::default());
        for file in [Some(&mut self.audit), self.combined.as_mut()].into_iter().flatten() {
            file.begin(&self.say);
        }
        loop {
            let call = self.desk.take(&mut audit, &mut combined, &mut self.clock);
            if call.reopens {
                self.audit.close();
                self.combined.iter_mut().for_each(LogFile::close);
            }
            self.tell_overrun(&mut audit);
            let clock = &mut self.clock;
            let gap = |lost, why: &str| gap(lost, why, clock);
            self.audit.write(&audit.bytes, audit.lines, gap, &self.say);
            if let Some(file) = &mut self.combined {
                file.write(&combined.bytes, combined.lines, |_, _| Vec::new(), &self.say);
            }
            audit.clear();
            combined.clear();
            if call.is_last {
                break;
            }
        }
        self.audit.finish();
        self.combined.iter_mut().for_each(LogFile::finish);
    }

    /// Writes down how many lines of the batch found no room, and says so once that is over.
    fn tell_overrun(&mut self, batch: &mut Batch) {
        let lost = mem::take(&mut batch.lost);
        if lost > 0 {
            batch.bytes.extend(gap(lost, "they came faster than they could be written", &mut self.clock));
            batch.lines += 1;
            self.overrun += lost;
        } else if self.overrun > 0 {
            let lost = mem::take(&mut self.overrun);
            (self.say)(Saying::Warning(format!(
                "{lost} lines of the audit log were lost: they came faster than they could be written"
            )));
        }
    }
}

/// The line of a gap.
fn gap(lost: u64, why: &str, clock: &mut Clock) -> Vec<u8> {
    let mut line = Vec::new();
    let kind = Kind::Gap { lost, why: Raw(why.as_bytes()) };
    Event { time: Timestamp::now(), kind }.write(clock, &mut line);
    line.push(b'\n');
    line
}
