//! What a running server tells: the lines on the console, `access.log`, and the [audit] log.
//!
//! Every worker tells what it saw and goes on. What was told before is counted instead, a queue takes the rest,
//! and one thread of its own writes it. Nothing here waits for a disk or a terminal, and when they fail,
//! serving goes on.

pub mod audit;
mod clients;
mod repeats;
mod transport;
mod writer;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::Error;
use audit::{Audit, AuditOptions};
use clients::Clients;
pub use clients::SignInFailure;
use repeats::{Repeats, Turn};
pub use transport::HandshakeFailure;
use writer::{AccessLog, Console, Entry, QUEUE, Saying, Writer};

/// How long the end waits for a console or a disk that does not take the last lines.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is written, and where.
#[derive(Clone, Debug, Default)]
pub struct JournalOptions {
    /// The file; `None` for `logging.enableAccessLog: false`, which also ends the lines about new connections.
    pub access_log: Option<PathBuf>,
    /// The audit log, if there is to be one.
    pub audit: Option<AuditOptions>,
    /// `logging.minLogLevel`: from 2 no information, from 3 no warnings, from 4 nothing on the console.
    pub min_level: u8,
}

/// A handle on the journal. Clones are cheap and write to the same one.
///
/// Everything that came from outside (`who`, `agent`, `host`, `path`) is given as it was sent and escaped here.
#[derive(Clone)]
pub struct Journal {
    desk: Arc<Desk>,
}

/// How much a line matters, in the numbers of `logging.minLogLevel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Info,
    Warning,
    Error,
    /// More than any line does.
    Silence,
}

/// What the handles share.
struct Desk {
    min_level: Level,
    has_access_log: bool,
    /// The clock of the windows begins here.
    opened: Instant,
    /// Gone once the journal is closed.
    queue: RwLock<Option<SyncSender<Entry>>>,
    dropped: Arc<AtomicU64>,
    clients: Clients,
    handshakes: Mutex<Repeats>,
    /// Which upstreams do not answer.
    outages: Mutex<HashSet<String>>,
    /// `outages` holds something. Every answered request asks.
    has_outage: AtomicBool,
    thread: Mutex<Option<WriterThread>>,
    audit: OnceLock<Audit>,
}

struct WriterThread {
    handle: JoinHandle<()>,
    /// Its other end goes when the thread ends.
    end: Receiver<()>,
}

impl WriterThread {
    fn join_within(self, patience: Duration) {
        match self.end.recv_timeout(patience) {
            // A writer that panicked has nothing to add.
            Ok(()) | Err(RecvTimeoutError::Disconnected) => drop(self.handle.join()),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

impl Journal {
    /// Opens the access log, mode 0600 where it is new, and starts the thread that writes.
    ///
    /// # Errors
    /// When the access log cannot be opened for writing, or no thread can be started.
    pub fn open(options: JournalOptions) -> Result<Self, Error> {
        Self::open_on(Box::new(Saying::print), options)
    }

    /// The app at `place` does not answer, because of `why`; told once until it is [back](Self::upstream_back).
    pub fn upstream_down(&self, place: &str, why: &dyn fmt::Display) {
        let is_new = {
            let mut outages = lock(&self.desk.outages);
            self.desk.has_outage.store(true, Ordering::Relaxed);
            !outages.contains(place) && outages.insert(place.to_owned())
        };
        if is_new {
            self.say(Level::Warning, || Saying::Notice(format!("The app at {place} does not answer: {why}")));
        }
    }

    /// The app at `place` answered; told if it was down before. Costs next to nothing while nothing is down.
    pub fn upstream_back(&self, place: &str) {
        if !self.desk.has_outage.load(Ordering::Relaxed) {
            return;
        }
        let was_down = {
            let mut outages = lock(&self.desk.outages);
            let was_down = outages.remove(place);
            self.desk.has_outage.store(!outages.is_empty(), Ordering::Relaxed);
            was_down
        };
        if was_down {
            self.say(Level::Warning, || Saying::Notice(format!("The app at {place} answers again")));
        }
    }

    /// The audit log, if there is one.
    #[must_use]
    pub fn audit(&self) -> Option<&Audit> {
        self.desk.audit.get()
    }

    /// Says `text` on stdout.
    pub fn note(&self, text: impl Into<String>) {
        self.info(|| text.into());
    }

    /// Says `warning: ` with `text` on stderr.
    pub fn warn(&self, text: impl Into<String>) {
        self.say(Level::Warning, || Saying::Warning(text.into()));
    }

    /// Says `error` with its causes and hints on stderr.
    pub fn error(&self, error: Error) {
        self.say(Level::Error, || Saying::Error(error));
    }

    /// Writes everything that was told so far and ends the thread; what is told later is ignored. Blocks, up to 5
    /// seconds for a console or a disk that takes nothing, and then gives up.
    pub fn close(&self) {
        // First: what it says of its end goes by the same queue.
        if let Some(audit) = self.audit() {
            audit.close(PATIENCE);
        }
        drop(self.desk.queue.write().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = lock(&self.desk.thread).take() {
            thread.join_within(PATIENCE);
        }
    }

    fn open_on(console: Console, options: JournalOptions) -> Result<Self, Error> {
        let (queue, entries) = sync_channel(QUEUE);
        let (running, end) = channel();
        let journal = Self::unwritten(queue, &options);
        let writer = Writer {
            console,
            min_level: journal.desk.min_level,
            access_log: options.access_log.clone().map(AccessLog::open).transpose()?,
            dropped: Arc::clone(&journal.desk.dropped),
        };
        let work = move || {
            let _running: Sender<()> = running;
            writer.run(&entries);
        };
        let handle = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(work)
            .map_err(|error| Error::new("cannot start the thread of the journal").caused_by(error))?;
        *lock(&journal.desk.thread) = Some(WriterThread { handle, end });
        if let Some(options) = options.audit {
            // Not a handle: the audit log is a part of what the handles share.
            let desk = Arc::downgrade(&journal.desk);
            let say = Box::new(move |saying: Saying| {
                if let Some(desk) = desk.upgrade()
                    && saying.level() >= desk.min_level
                {
                    desk.put(Entry::Say(saying));
                }
            });
            let audit = Audit::open(options, say)?;
            // Nobody else has the journal yet.
            let _ = journal.desk.audit.set(audit);
        }
        Ok(journal)
    }

    /// A journal that nobody writes yet.
    fn unwritten(queue: SyncSender<Entry>, options: &JournalOptions) -> Self {
        let desk = Desk {
            min_level: Level::at_least(options.min_level),
            has_access_log: options.access_log.is_some(),
            opened: Instant::now(),
            queue: RwLock::new(Some(queue)),
            dropped: Arc::default(),
            clients: Clients::default(),
            handshakes: Mutex::default(),
            outages: Mutex::default(),
            has_outage: AtomicBool::new(false),
            thread: Mutex::new(None),
            audit: OnceLock::new(),
        };
        Self { desk: Arc::new(desk) }
    }

    /// Says the line for `key` if it is its turn. `text` takes what is to be said of those that were held back;
    /// `subject` begins the line about others that were.
    fn in_turn(
        &self,
        repeats: &Mutex<Repeats>,
        key: impl std::hash::Hash,
        subject: &str,
        text: impl FnOnce(&str) -> String,
    ) {
        let turn = lock(repeats).turn(key, self.desk.opened.elapsed());
        self.tell(turn, subject, text);
    }

    fn tell(&self, turn: Turn, subject: &str, text: impl FnOnce(&str) -> String) {
        let Turn::Tell { repeats, others } = turn else { return };
        self.say(Level::Warning, || {
            let mut line = text(&repeats.map(|tally| format!(" ({tally})")).unwrap_or_default());
            if let Some(others) = others {
                line = format!("{subject} from others, too many to tell one by one: {others}\n{line}");
            }
            Saying::Notice(line)
        });
    }

    fn info(&self, text: impl FnOnce() -> String) {
        self.say(Level::Info, || Saying::Info(text()));
    }

    fn say(&self, level: Level, saying: impl FnOnce() -> Saying) {
        if level >= self.desk.min_level {
            self.put(Entry::Say(saying()));
        }
    }

    fn put(&self, entry: Entry) {
        self.desk.put(entry);
    }
}

impl Desk {
    /// Puts `entry` into the queue if there is room, and counts it otherwise.
    fn put(&self, entry: Entry) {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        match queue.as_ref().map(|queue| queue.try_send(entry)) {
            Some(Err(TrySendError::Full(_))) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            // After the end there is nobody to tell.
            None | Some(Ok(()) | Err(TrySendError::Disconnected(_))) => {}
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("min_level", &self.desk.min_level).finish_non_exhaustive()
    }
}

impl Level {
    /// The least level that is said with `logging.minLogLevel` at `number`.
    const fn at_least(number: u8) -> Self {
        match number {
            0 | 1 => Self::Info,
            2 => Self::Warning,
            3 => Self::Error,
            _ => Self::Silence,
        }
    }
}

/// What a panic left behind is still a count or a set.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
