//! The server: listeners, the gate, forwarding, files, pages, the journal.

/// Where a message body ends, and how it is written on.
pub mod body;
/// Read buffers, lent out per worker thread.
pub mod buffer;
/// One HTTP/1 client.
pub mod connection;
/// What a header field means to a gateway.
pub mod field;
/// A folder of files served over HTTP.
pub mod files;
/// One direction of a conversation.
pub mod flow;
/// The heads that Innkeeper writes.
pub mod forward;
/// Judges request heads.
pub mod gate;
/// HTTP/1.1 message heads.
pub mod http1;
/// HTTP/2 clients.
pub mod http2;
/// Console lines and `access.log`.
pub mod journal;
/// Listening sockets.
pub mod listener;
/// What names in a list stand for.
pub mod names;
/// What a person or a program sees when Innkeeper answers itself.
pub mod page;
/// Costly proofs.
pub mod proving;
/// New rules while the server runs.
pub mod reload;
/// Answers of our own.
pub mod reply;
/// From settings to rules.
pub mod rules;
/// The application behind the gate.
pub mod upstream;
/// What every connection keeps an eye on.
pub mod watch;
/// One byte stream, whatever carries it.
pub mod wire;
/// One worker.
pub mod worker;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch as channel;

use crate::error::Error;
use gate::{Behind, Gate, Limits, Rules, Shared};
use journal::Journal;
use listener::Listener;
use proving::Proving;
use reload::{ReadAgain, Reload};
use rules::{Making, Resolved};
use watch::Closing;
use worker::Worker;

/// A server that is bound and about to run.
pub struct Server {
    /// What it listens on.
    pub listeners: Vec<Listener>,
    /// What its rules are made from.
    pub making: Making,
    /// Its first rules.
    pub rules: Rules,
    /// What names stood for when they were made.
    pub resolved: Resolved,
    /// Reads everything anew when a file has changed.
    pub read_again: ReadAgain,
    /// The certificate, if it is a TLS server.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Where visits are told.
    pub journal: Journal,
    /// By what it is asked to stop.
    pub signals: Signals,
}

impl Server {
    /// Runs until a signal asks it to stop, and running requests have finished (10 s at most).
    ///
    /// # Errors
    /// No threads, no runtime.
    pub fn run(self) -> Result<(), Error> {
        let cannot = |error: io::Error| Error::new("cannot start the server").caused_by(error);
        let settings = self.making.settings();
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let limits = Limits {
            idle: settings.limits.idle_timeout,
            head: settings.limits.request_head_timeout,
            body: settings.limits.body_timeout,
            answer: settings.limits.header_timeout,
            head_size: usize::try_from(settings.limits.head_size).unwrap_or(buffer::SIZE).min(buffer::SIZE),
        };
        let shared = Arc::new(Shared {
            journal: self.journal.clone(),
            proving: Proving::new(workers),
            limits,
            epoch: Instant::now(),
        });
        let heartbeat = Heartbeat::of(settings.heartbeat_interval, &settings.data_root);
        let behind = self.rules.behind.clone();
        let (rules, changes) = channel::channel(Arc::new(self.rules));
        let (stop, stopping) = channel::channel(false);
        let (_certificate, tls) = self.tls.map(channel::channel).unzip();
        let closing = Arc::new(Closing::default());
        let worker = Worker {
            gate: Gate::new(shared, changes),
            tls,
            handshake: settings.limits.handshake_timeout,
            max_connections: settings.limits.max_connections.map_or(usize::MAX, |limit| limit as usize),
            closing: Arc::clone(&closing),
        };
        let mut threads = Vec::new();
        for number in 0..workers {
            let runtime = runtime().map_err(cannot)?;
            let listeners = {
                let _inside = runtime.enter();
                self.listeners
                    .iter()
                    .map(Listener::accept_too)
                    .collect::<io::Result<Vec<_>>>()
                    .map_err(cannot)?
            };
            let (worker, stopping) = (worker.clone(), stopping.clone());
            let first = (number == 0).then(|| (behind.clone(), self.journal.clone()));
            let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                runtime.block_on(async {
                    if let Some((behind, journal)) = first {
                        tokio::spawn(look_at(behind, journal));
                    }
                    worker.work(listeners, stopping).await;
                });
                runtime.shutdown_background();
            });
            threads.push(thread.map_err(cannot)?);
        }
        // Only the workers' copies are left, so that nobody can connect once they stop accepting.
        drop(self.listeners);
        let reload = Reload {
            making: self.making,
            resolved: self.resolved,
            read_again: self.read_again,
            rules,
            journal: self.journal.clone(),
        };
        self.signals.wait_beside(async {
            tokio::spawn(reload.follow());
            tokio::spawn(heartbeat.beat());
        });
        self.journal.note("stopping: running requests have 10 s to finish");
        let _ = stop.send(true);
        closing.ask();
        for thread in threads {
            if thread.join().is_err() {
                self.journal.warn("a worker ended with a panic");
            }
        }
        self.journal.close();
        Ok(())
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Looks whether the upstream is there, so that the owner hears at the start when it is not. The connection is kept
/// for the first request.
async fn look_at(behind: Behind, journal: Journal) {
    let Behind::Upstream(upstream) = behind else { return };
    match upstream.connect().await {
        Ok(link) => upstream.keep(link, http1::Persistence::Keeps { seconds: None }),
        Err(failure) => journal.upstream_down(upstream.name(), &failure),
    }
}

/// SillyTavern's `heartbeat.json`, by which a container's health check sees that the program lives.
struct Heartbeat {
    every: Option<Duration>,
    file: PathBuf,
}

impl Heartbeat {
    /// Every `seconds`; 0 and less for none.
    fn of(seconds: f64, data_root: &std::path::Path) -> Self {
        let every = Duration::try_from_secs_f64(seconds).ok().filter(|every| !every.is_zero());
        Self { every, file: data_root.join("heartbeat.json") }
    }

    async fn beat(self) {
        let Some(every) = self.every else { return };
        let mut every = tokio::time::interval(every.max(Duration::from_millis(100)));
        loop {
            every.tick().await;
            let text = format!("{{\"timestamp\": {}}}", jiff::Timestamp::now().as_millisecond());
            if let Some(folder) = self.file.parent() {
                let _ = tokio::fs::create_dir_all(folder).await;
            }
            // The file's age is the message: who reads it sees a write that failed.
            let _ = tokio::fs::write(&self.file, text).await;
        }
    }
}

/// The signals by which a server is asked to stop: from when this is made, they end nothing by themselves.
#[derive(Debug)]
pub struct Signals {
    runtime: tokio::runtime::Runtime,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Catches them. Before anybody is told that the server listens, so that whoever waits for that may stop it.
    ///
    /// # Errors
    /// No runtime, no signal handler.
    pub fn catch() -> Result<Self, Error> {
        let cannot = |error: io::Error| Error::new("cannot wait for signals").caused_by(error);
        let runtime = runtime().map_err(cannot)?;
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let (interrupt, terminate) = {
                let _inside = runtime.enter();
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            };
            Ok(Self { runtime, interrupt: interrupt.map_err(cannot)?, terminate: terminate.map_err(cannot)? })
        }
        #[cfg(not(unix))]
        Ok(Self { runtime })
    }

    /// Starts `work` and waits for the first signal.
    fn wait_beside(mut self, work: impl Future<Output = ()>) {
        self.runtime.block_on(async {
            work.await;
            #[cfg(unix)]
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            #[cfg(not(unix))]
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        });
    }
}
