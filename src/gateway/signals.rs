//! The signals by which a server is asked to stop.

use std::io;

use crate::error::Error;

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
        let runtime = super::runtime().map_err(cannot)?;
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

    /// Starts `work` and waits for the next signal.
    pub fn wait_beside(&mut self, work: impl Future<Output = ()>) {
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
