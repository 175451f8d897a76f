//! The server: listeners, the gate, forwarding, files, pages, the journal.

/// Plain http on a port of https.
pub mod astray;
/// Where a message body ends, and how it is written on.
pub mod body;
/// Read buffers, lent out per worker thread.
pub mod buffer;
/// The certificates in force.
pub mod certificates;
/// One HTTP/1 client.
pub mod connection;
/// How many connections the system lets this process have.
pub mod descriptors;
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
/// The first bytes on a port of TLS.
pub mod handshake;
/// SillyTavern's heartbeat file.
pub mod heartbeat;
/// HTTP/1.1 message heads.
pub mod http1;
/// HTTP/2 clients.
pub mod http2;
/// Console lines and `access.log`.
pub mod journal;
/// The files of a certificate from our own authority.
pub mod keyring;
/// Listening sockets.
pub mod listener;
/// What names in a list stand for.
pub mod names;
/// What a person or a program sees when Innkeeper answers itself.
pub mod page;
/// What a server shows to those who connect, for `cert check`.
pub mod probe;
/// Costly proofs.
pub mod proving;
/// New rules while the server runs.
pub mod reload;
/// A new certificate before the old one ends.
pub mod renewal;
/// Answers of our own.
pub mod reply;
/// From settings to rules.
pub mod rules;
/// The key that sessions are signed with.
pub mod session_key;
/// Whether `satisfy: any` lets in more than it should.
pub mod shortcut;
/// What is seen of a request.
pub mod sight;
/// The signals that end a server.
pub mod signals;
/// Signing in and out.
pub mod signin;
/// What remains of a request's head while it is served.
pub mod stay;
/// Where a request is addressed to.
pub mod target;
/// What a request leaves in the audit log.
pub mod trail;
/// The page that tells devices to trust our own authority.
pub mod trust;
/// Who came into the list and who left it.
pub mod turnover;
/// The application behind the gate.
pub mod upstream;
/// What every connection keeps an eye on.
pub mod watch;
/// One byte stream, whatever carries it.
pub mod wire;
/// One worker.
pub mod worker;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::watch as channel;

use crate::error::Error;
use certificates::{Certificates, Following, Look};
use gate::{Gate, Limits, Shared};
use heartbeat::Heartbeat;
use journal::Journal;
use journal::audit::Audit;
use listener::Listener;
use proving::Proving;
use reload::{Fingerprint, ReadAgain, Reload};
use renewal::Renewal;
use rules::{Making, Resolved, Rules};
use signals::Signals;
use watch::Closing;
use worker::{Stop, Worker};

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
    /// How the files looked when they were read.
    pub seen: Fingerprint,
    /// The certificates, if it is a TLS server, and how their files looked when they were read.
    pub tls: Option<(Certificates, Look)>,
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
        descriptors::raise_limit();
        let cannot = |error: io::Error| Error::new("cannot start the server").caused_by(error);
        let settings = self.making.settings();
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (following, certificates) = self.tls.map(follow).unzip();
        let renewed = certificates.clone();
        let shared = Arc::new(Shared {
            journal: self.journal.clone(),
            proving: Proving::new(workers),
            limits: Limits::of(&settings.limits),
            certificates,
            epoch: Instant::now(),
        });
        let heartbeat = Heartbeat::of(settings.heartbeat_interval, &settings.data_root);
        let (rules, changes) = channel::channel(Arc::new(self.rules));
        let (stop, stopping) = channel::channel(Stop::No);
        let closing = Arc::new(Closing::default());
        let worker = Worker {
            gate: Gate::new(shared, changes),
            handshake: settings.limits.handshake_timeout,
            max_connections: settings.limits.max_connections.map_or(usize::MAX, |limit| limit as usize),
            closing: Arc::clone(&closing),
        };
        let threads = (0..workers)
            .map(|number| worker.clone().start(number, &self.listeners, stopping.clone()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(cannot)?;
        // Only the workers' copies are left, so that nobody can connect once they stop accepting.
        drop(self.listeners);
        let renewal = renewed.map(|certificates| Renewal::follow(certificates, self.journal.clone()));
        let reload = Reload {
            making: self.making,
            resolved: self.resolved,
            read_again: self.read_again,
            seen: self.seen,
            certificates: following,
            rules,
            journal: self.journal.clone(),
        };
        let mut signals = self.signals;
        let reopens = self.journal.clone();
        signals.on_hangup(move || reopens.audit().into_iter().for_each(Audit::reopen));
        let awake = Arc::clone(&closing);
        signals.wait_beside(async { go_on(reload, heartbeat, renewal, awake) });
        finish(signals, stop, &closing, threads, &self.journal);
        Ok(())
    }
}

/// Starts what goes on beside the workers, on the runtime that this is called on.
fn go_on(
    reload: Reload,
    heartbeat: Heartbeat,
    renewal: Option<impl Future<Output = ()> + Send + 'static>,
    closing: Arc<Closing>,
) {
    // Whoever is being served looks whether the new rules still let them.
    let mut renewals = reload.rules.subscribe();
    tokio::spawn(reload.follow());
    tokio::spawn(heartbeat.beat());
    tokio::spawn(async move {
        if let Some(renewal) = renewal {
            renewal.await;
        }
    });
    tokio::spawn(async move {
        while renewals.changed().await.is_ok() {
            closing.wake();
        }
    });
}

/// Asks the workers to end, waits until they have, and closes the journal behind them.
fn finish(
    mut signals: Signals,
    stop: channel::Sender<Stop>,
    closing: &Closing,
    workers: Vec<JoinHandle<()>>,
    journal: &Journal,
) {
    journal.note("stopping: running requests have 10 s to finish; once more to stop at once");
    stop.send_replace(Stop::Gracefully);
    closing.ask();
    // Ends with the process, if nobody asks a second time.
    std::thread::spawn(move || {
        signals.wait_beside(async {});
        stop.send_replace(Stop::AtOnce);
    });
    for worker in workers {
        if worker.join().is_err() {
            journal.warn("a worker ended with a panic");
        }
    }
    if let Some(audit) = journal.audit() {
        audit.stop();
    }
    journal.close();
}

/// Where the certificates go while the server runs, and where they are taken from.
fn follow((certificates, seen): (Certificates, Look)) -> (Following, channel::Receiver<Arc<Certificates>>) {
    let (sender, receiver) = channel::channel(Arc::new(certificates));
    (Following::new(sender, seen), receiver)
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
