//! Those who judge: each takes the next batch, and what they hand over is put in order.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use super::Show;
use super::input::{Batch, Memory, Source};
use super::judge::Judge;
use crate::policy::Policy;

/// What comes from a worker: the number of a batch, and the batch or what kept it from being read.
pub(super) type Judged = (u64, io::Result<Batch>);

/// More than that would wait for the one that writes.
const MOST_WORKERS: usize = 8;

/// Starts the workers; what they have judged comes in any order.
pub(super) fn judged(
    policy: Policy,
    secure: bool,
    reader: Box<dyn Read + Send>,
    show: Show,
) -> Receiver<Judged> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS);
    let (home, pool) = channel();
    // One to be judged and one to be written for each worker, and no more: that bounds the memory.
    for _ in 0..2 * workers {
        let _ = home.send(Memory::NEW);
    }
    let source = Arc::new(Mutex::new(Source::new(reader, pool, home)));
    let shared = Arc::new((policy, OnceLock::new()));
    let (sender, receiver) = sync_channel(2 * workers);
    for _ in 0..workers {
        let (source, shared, sender) = (Arc::clone(&source), Arc::clone(&shared), sender.clone());
        thread::spawn(move || {
            let (policy, tails) = &*shared;
            work(&source, &Judge::new(policy, tails, secure), show, &sender);
        });
    }
    receiver
}

/// What the workers have judged, in order. Ends with the input or the first failure to read it.
pub(super) fn ordered(judged: Receiver<Judged>) -> impl Iterator<Item = io::Result<Batch>> {
    let mut early = BTreeMap::new();
    (0..).map_while(move |number| {
        loop {
            if let Some(batch) = early.remove(&number) {
                return Some(batch);
            }
            let (number, batch) = judged.recv().ok()?;
            early.insert(number, batch);
        }
    })
}

/// Reads and judges batches until there are no more, or nobody wants them.
fn work(source: &Mutex<Source>, judge: &Judge<'_>, show: Show, sender: &SyncSender<Judged>) {
    loop {
        let next = source.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((number, batch)) = next else { return };
        let batch = batch.map(|mut batch| {
            judge.judge(&mut batch, show);
            batch
        });
        if sender.send((number, batch)).is_err() {
            return;
        }
    }
}
