//! One worker: a thread with a runtime of its own, accepting from the shared sockets.
//!
//! A runtime per core needs no stealing, no locks between requests and no hand-over between threads; measured, that
//! is a third of the processor time of a work-stealing runtime.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::connection::Connection;
use super::gate::{Gate, Peer};
use super::handshake::{self, Opened};
use super::http2::{self, Arrival, Arrivals};
use super::listener::Listener;
use super::upstream;
use super::watch::{Closing, Presence, Watch};
use super::wire::Wire;

/// How long running requests may take once the server stops.
pub const GRACE: Duration = Duration::from_secs(10);

/// How often idle connections to the upstream are looked over.
const SWEEP: Duration = Duration::from_secs(5);

/// How long accepting waits when the system has no descriptor left, or the settings allow no more connections.
const BREATHER: Duration = Duration::from_millis(50);

/// After so long without a word the system asks whether a peer is still there.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Yes.
    No,
    /// Running requests may finish.
    Gracefully,
    /// Not even they.
    AtOnce,
}

/// What a worker works with.
#[derive(Clone)]
pub struct Worker {
    /// The gate that its connections start with.
    pub gate: Gate,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// Connections at a time, all workers together.
    pub max_connections: usize,
    /// The wish to stop.
    pub closing: Arc<Closing>,
}

impl Worker {
    /// Starts a thread that serves on copies of `listeners` until `stop` says so. The first worker (number 0) also
    /// looks whether the app is there.
    ///
    /// # Errors
    /// No more threads or file descriptors.
    pub fn start(
        self,
        number: usize,
        listeners: &[Listener],
        stop: watch::Receiver<Stop>,
    ) -> io::Result<JoinHandle<()>> {
        let runtime = super::runtime()?;
        let listeners = {
            let _inside = runtime.enter();
            listeners.iter().map(Listener::accept_too).collect::<io::Result<Vec<_>>>()?
        };
        std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            runtime.block_on(async {
                if number == 0 {
                    tokio::spawn(self.gate.clone().look_at_upstream());
                }
                self.work(listeners, stop).await;
            });
            runtime.shutdown_background();
        })
    }

    /// Serves until `stop` says so, then lets running requests finish.
    async fn work(self, listeners: Vec<TcpListener>, mut stop: watch::Receiver<Stop>) {
        let head_size = self.gate.limits().head_size;
        let (arrivals, salvo, serving) = http2::server(self.gate.clone(), head_size);
        let serving = tokio::spawn(serving);
        let accepting: Vec<_> = listeners
            .into_iter()
            .map(|listener| tokio::spawn(self.clone().accept(listener, arrivals.clone())))
            .collect();
        let sweeping = tokio::spawn(async {
            let mut every = tokio::time::interval(SWEEP);
            loop {
                every.tick().await;
                upstream::sweep();
            }
        });
        // An error means that the sender is gone: then it is time to stop as well.
        let _ = stop.wait_for(|stop| *stop != Stop::No).await;
        for task in accepting {
            task.abort();
            let _ = task.await;
        }
        salvo.stop_graceful(GRACE);
        upstream::close_idle();
        let drained = async {
            let mut every = tokio::time::interval(Duration::from_millis(10));
            while self.closing.open() > 0 {
                every.tick().await;
            }
        };
        tokio::select! {
            () = drained => {}
            () = tokio::time::sleep(GRACE) => {}
            _ = stop.wait_for(|stop| *stop == Stop::AtOnce) => {}
        }
        sweeping.abort();
        serving.abort();
    }

    async fn accept(self, listener: TcpListener, arrivals: Arrivals) {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => {
                    let presence = self.room().await;
                    tokio::spawn(self.clone().welcome(stream, address, arrivals.clone(), presence));
                    // One at a time: of a burst of visitors the other workers get their share.
                    tokio::task::yield_now().await;
                }
                Err(error) if is_theirs(&error) => {}
                Err(_) => tokio::time::sleep(BREATHER).await,
            }
        }
    }

    /// Waits for room for one more connection, which others that accept may take first.
    async fn room(&self) -> Presence {
        loop {
            match Presence::within(&self.closing, self.max_connections) {
                Some(presence) => return presence,
                None => tokio::time::sleep(BREATHER).await,
            }
        }
    }

    async fn welcome(self, stream: TcpStream, address: SocketAddr, arrivals: Arrivals, presence: Presence) {
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
        let peer = Peer::new(address.ip().to_canonical(), None);
        let mut watch = Watch::new(presence);
        let Some(certificates) = self.gate.certificates() else {
            return Connection::new(Wire::Tcp(stream), peer, self.gate, watch).serve().await;
        };
        watch.set(Some(self.handshake));
        let opened = tokio::select! {
            opened = handshake::open(stream, &certificates.config) => opened,
            // Whoever has not said a word by then is not served any more; nor when the server stops.
            _ = poll_fn(|cx| watch.poll(cx)) => return,
        };
        match opened {
            Opened::Http2 { stream, version } => {
                let peer = Peer { tls: Some(version), ..peer };
                let presence = watch.presence();
                // It fails only when this worker is stopping, and then the connection closes with the rest.
                let _ = arrivals.send(Arrival { stream: (*stream).into(), peer, presence });
            }
            Opened::Http1 { stream, version } => {
                let peer = Peer { tls: Some(version), ..peer };
                let wire = Wire::Tls(Box::new((*stream).into()));
                Connection::new(wire, peer, self.gate, watch).serve().await;
            }
            Opened::InClear { stream, here } => {
                let peer = Peer { astray: Some(here), ..peer };
                Connection::new(Wire::Tcp(stream), peer, self.gate, watch).serve().await;
            }
            Opened::Failed(why) => {
                self.gate.journal().no_handshake(peer.address, why, self.gate.config_flag());
            }
            Opened::Silent => {}
        }
    }
}

/// Whether it was the connection that failed, not the listening.
fn is_theirs(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
