//! `audit.jsonl`: what happened, one line an event; and beside it, where that is wanted, every request in Combined Log
//! Format.
//!
//! Whoever has something to tell writes its line into memory and goes on. A thread of its own takes what lies there,
//! at the latest a fifth of a second after the first of it, and writes it in one piece. While that thread is kept
//! waiting by a disk, a bounded number of lines wait for it, and the rest are counted: the log then has a `gap`.

mod desk;
mod floods;
mod identity;
mod known;
mod log_file;
mod parts;

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::writer::Saying;
use super::{WriterThread, lock};
use crate::config::AuditedVisits;
use crate::error::Error;
use crate::record::combined;
use crate::record::event::{Clock, Course, Event, Frame, Kind, Raw, SignIn, Text, Verdict, Visit};
use desk::{Batch, Desk};
pub use identity::Identity;
pub(in crate::gateway) use known::HOUR;
use log_file::LogFile;
pub use parts::is_compressed_in;

/// For so long a time of day is good enough: lines tell no smaller part of a second.
const MOMENT: Duration = Duration::from_millis(1);

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

/// A thread's memory for one line.
#[derive(Default)]
struct Scratch {
    line: Vec<u8>,
    clock: Clock,
    combined: combined::Clock,
    daytime: Daytime,
}

/// The time of day by the clock that never goes back: who is asked more than once a millisecond need not look at two.
#[derive(Default)]
struct Daytime {
    told: Option<Told>,
}

struct Told {
    time: Timestamp,
    until: Instant,
}

impl Daytime {
    /// The time `now`, at most a millisecond behind.
    fn at(&mut self, now: Instant) -> Timestamp {
        match &self.told {
            Some(told) if now < told.until => told.time,
            _ => {
                let time = Timestamp::now();
                self.told = Some(Told { time, until: now + MOMENT });
                time
            }
        }
    }
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
        let desk = Arc::new(Desk::new(options.visits, options.combined.is_some()));
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
        self.desk.is_first(client, user)
    }

    /// Whether every request is written somewhere.
    #[must_use]
    pub fn writes_every_visit(&self) -> bool {
        self.desk.visits == AuditedVisits::All || self.desk.has_combined
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

    /// Writes a visit that has ended, `now`. Refusals and failures of one address for one reason are summed to a line a
    /// second.
    pub fn visited(&self, visit: &Visit<Raw<'_>>, wanted: Wanted, now: Instant) {
        let desk = &self.desk;
        let is_audited = wanted.audit && {
            let is_free = visit.verdict == Verdict::Allowed && desk.visits == AuditedVisits::All;
            is_free || desk.takes(visit)
        };
        if !(is_audited || wanted.combined) {
            return;
        }
        SCRATCH.with_borrow_mut(|Scratch { line, clock, combined, daytime }| {
            let time = daytime.at(now);
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

    /// Writes one more visit of somebody whose visits are all written, and only here.
    pub fn visited_again(&self, frame: &Frame, course: &Course<Raw<'_>>, now: Instant) {
        SCRATCH.with_borrow_mut(|Scratch { line, clock, daytime, .. }| {
            line.clear();
            frame.write_visit(daytime.at(now), course, clock, line);
            line.push(b'\n');
            self.desk.put(line, &[]);
        });
    }

    /// Whether the visits of somebody with this `verdict` may be written by [`Audit::visited_again`].
    #[must_use]
    pub fn repeats(&self, verdict: Verdict) -> bool {
        verdict == Verdict::Allowed && self.desk.visits == AuditedVisits::All && !self.desk.has_combined
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
        self.desk.tell(&line);
    }

    /// Writes that the server has stopped, after whatever was held back.
    pub fn stop(&self) {
        self.desk.tell_floods();
        self.tell(Kind::<Raw<'_>>::Stop);
    }

    /// Opens the files anew, for whoever has moved them away.
    pub fn reopen(&self) {
        self.desk.reopen();
    }

    /// Writes everything that was told so far and ends the thread; what is told later is ignored. Blocks, up to
    /// `patience` for a disk that takes nothing, and then gives up.
    pub(super) fn close(&self, patience: Duration) {
        self.desk.close();
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
