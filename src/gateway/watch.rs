//! What every connection keeps an eye on besides its peer: its deadline, and whether the server stops.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The server's wish to stop, known to all connections; and how many of them there are.
#[derive(Debug, Default)]
pub struct Closing {
    asked: AtomicBool,
    open: AtomicUsize,
    wakers: Mutex<Wakers>,
}

#[derive(Debug, Default)]
struct Wakers {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Closing {
    /// Asks all connections to end: idle ones now, busy ones after their request.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.places.into_iter().flatten().for_each(Waker::wake);
    }

    /// Wakes all connections, to look whether they may go on.
    pub fn wake(&self) {
        let wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.places.iter().flatten().for_each(Waker::wake_by_ref);
    }

    /// Whether the server stops.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// How many connections there are.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    fn register(&self, waker: Waker) -> usize {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = wakers.free.pop() {
            wakers.places[place] = Some(waker);
            return place;
        }
        wakers.places.push(Some(waker));
        wakers.places.len() - 1
    }

    fn forget(&self, place: usize) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // After `ask` the places are gone, with everybody told.
        if wakers.places.get_mut(place).is_some_and(|waker| waker.take().is_some()) {
            wakers.free.push(place);
        }
    }
}

/// Why a connection has to end although its peer did nothing wrong or right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Its time is up.
    Deadline,
    /// The server stops.
    Closing,
}

/// One connection is there, until this is dropped.
#[derive(Debug)]
pub struct Presence(Arc<Closing>);

impl Presence {
    /// One more, unless there are `limit` already.
    #[must_use]
    pub fn within(closing: &Arc<Closing>, limit: usize) -> Option<Self> {
        closing
            .open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| (open < limit).then_some(open + 1))
            .ok()
            .map(|_| Self(Arc::clone(closing)))
    }
}

/// For as long as both are there it counts twice.
impl Clone for Presence {
    fn clone(&self) -> Self {
        self.0.open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One connection's watch.
///
/// Costs no timer operation per request: the timer is only looked at when it fires, and then set to the deadline of
/// that moment.
#[derive(Debug)]
pub struct Watch {
    presence: Presence,
    place: Option<usize>,
    deadline: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// How often a connection without a deadline looks whether it has one.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl Watch {
    /// A watch without a deadline.
    #[must_use]
    pub fn new(presence: Presence) -> Self {
        Self { presence, place: None, deadline: None, timer: Box::pin(tokio::time::sleep(LOOK_AGAIN)) }
    }

    /// From now on the deadline is `limit` away; `None`: there is none.
    pub fn set(&mut self, limit: Option<Duration>) {
        self.deadline = limit.map(|limit| Instant::now() + limit);
        if let Some(deadline) = self.deadline
            && deadline < self.timer.deadline()
        {
            self.timer.as_mut().reset(deadline);
        }
    }

    /// That the connection is there, to go on with under another watch.
    #[must_use]
    pub fn presence(&self) -> Presence {
        self.presence.clone()
    }

    /// Whether the server stops.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.presence.0.is_asked()
    }

    /// Makes sure that the task is woken by [`Closing::wake`], and when the server stops. Whoever looks for new rules
    /// does this first.
    pub fn listen(&mut self, cx: &Context<'_>) {
        if self.place.is_none() {
            self.place = Some(self.presence.0.register(cx.waker().clone()));
        }
    }

    /// Ready when the deadline has passed. Makes sure that the task is woken for it, and when the server stops.
    pub fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Alarm> {
        self.listen(cx);
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let next = match self.deadline {
                Some(deadline) if deadline <= now => return Poll::Ready(Alarm::Deadline),
                Some(deadline) => deadline,
                None => now + LOOK_AGAIN,
            };
            self.timer.as_mut().reset(next);
        }
        Poll::Pending
    }

    /// Like [`Watch::poll_deadline`], and ready when the server stops.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Alarm> {
        let alarm = self.poll_deadline(cx);
        if alarm.is_pending() && self.is_closing() { Poll::Ready(Alarm::Closing) } else { alarm }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.presence.0.forget(place);
        }
    }
}
