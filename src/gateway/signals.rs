//! The signals by which a server is asked to stop, or to open its logs anew.

use std::io;

use crate::error::Error;

/// The signals to a server: from when this is made, they end nothing by themselves.
#[derive(Debug)]
pub struct Signals {
    runtime: tokio::runtime::Runtime,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
    on_hangup: OnHangup,
}

/// What a hangup does.
struct OnHangup(Box<dyn Fn() + Send>);

impl std::fmt::Debug for OnHangup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnHangup(…)")
    }
}

impl Signals {
    /// Catches them. Before anybody is told that the server listens, so that whoever waits for that may stop it.
    ///
    /// # Errors
    /// No runtime, no signal handler.
    pub fn catch() -> Result<Self, Error> {
        let cannot = |error: io::Error| Error::new("cannot wait for signals").caused_by(error);
        let runtime = super::runtime().map_err(cannot)?;
        let on_hangup = OnHangup(Box::new(|| {}));
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let inside = runtime.enter();
            let catch = |kind| signal(kind).map_err(cannot);
            let interrupt = catch(SignalKind::interrupt())?;
            let terminate = catch(SignalKind::terminate())?;
            let hangup = catch(SignalKind::hangup())?;
            drop(inside);
            Ok(Self { runtime, interrupt, terminate, hangup, on_hangup })
        }
        #[cfg(not(unix))]
        Ok(Self { runtime, on_hangup })
    }

    /// Does `work` at each hangup (`SIGHUP`), by which `logrotate` says that it has moved the logs away. Where there is
    /// nothing to do, a hangup does nothing.
    pub fn on_hangup(&mut self, work: impl Fn() + Send + 'static) {
        self.on_hangup = OnHangup(Box::new(work));
    }

    /// Starts `work` and waits for the next signal.
    pub fn wait_beside(&mut self, work: impl Future<Output = ()>) {
        self.runtime.block_on(async {
            work.await;
            #[cfg(unix)]
            loop {
                tokio::select! {
                    _ = self.interrupt.recv() => break,
                    _ = self.terminate.recv() => break,
                    _ = self.hangup.recv() => (self.on_hangup.0)(),
                }
            }
            #[cfg(not(unix))]
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        });
    }
}
