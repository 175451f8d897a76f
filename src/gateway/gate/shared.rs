//! What the connections of all workers share: the time limits, the journal, the certificates, the proofs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config;
use crate::gateway::buffer;
use crate::gateway::certificates::Certificates;
use crate::gateway::journal::Journal;
use crate::gateway::proving::Proving;

/// What all connections of all workers share.
#[derive(Debug)]
pub struct Shared {
    /// Where visits are told.
    pub journal: Journal,
    /// Where costly proofs are made.
    pub proving: Proving,
    /// Time limits.
    pub limits: Limits,
    /// The certificates in force, if this is a TLS server.
    pub certificates: Option<watch::Receiver<Arc<Certificates>>>,
    /// The start of the clock that the policy knows.
    pub epoch: Instant,
}

/// For how long things may take. A language model thinks for minutes, so there is no limit on the whole.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// An idle client connection.
    pub idle: Duration,
    /// A request head, from its first byte.
    pub head: Duration,
    /// A body that stands still: an upload that does not come, a download that is not taken.
    pub body: Duration,
    /// The upstream's first byte; `None`: as long as it likes.
    pub answer: Option<Duration>,
    /// The largest request head, in bytes.
    pub head_size: usize,
}

impl Limits {
    /// As the settings say, within what a buffer holds.
    #[must_use]
    pub fn of(limits: &config::Limits) -> Self {
        Self {
            idle: limits.idle_timeout,
            head: limits.request_head_timeout,
            body: limits.body_timeout,
            answer: limits.header_timeout,
            head_size: usize::try_from(limits.head_size).unwrap_or(buffer::SIZE).min(buffer::SIZE),
        }
    }
}
