//! A request's way from an HTTP/2 stream to the upstream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::Body;
use salvo::http::ReqBody;
use tokio::io::AsyncWrite;

use super::leftover::Leftover;
use crate::gateway::body::Coding;
use crate::gateway::upstream::Link;

/// A request on its way from an HTTP/2 stream to the upstream.
pub(super) struct Upload {
    pub(super) leftover: Leftover,
    coding: Coding,
    pub(super) pending: Vec<u8>,
    written: usize,
    read_all: bool,
    pub(super) done: bool,
    /// Of what the client sends later a part is missing.
    is_broken_off: bool,
    /// Bytes of body that were read and not yet accounted for.
    pub(super) carried: u64,
}

/// How a request's way up ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// All of it is written.
    Whole,
    /// The upstream takes no more: its answer tells why.
    Untaken,
    /// The client broke off, or stood still for too long. The upstream may be waiting for the rest.
    BrokenOff,
}

impl Upload {
    /// Of `head`, which is the upstream's, and what comes of `body`, written as `coding` says.
    pub(super) fn new(head: Vec<u8>, body: ReqBody, coding: Coding) -> Self {
        let read_all = body.is_end_stream();
        Self {
            leftover: Leftover::new(body),
            coding,
            pending: head,
            written: 0,
            read_all,
            done: false,
            is_broken_off: false,
            carried: 0,
        }
    }

    /// Ready when all is written, or when no more will be.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Poll<Ended> {
        if self.is_broken_off {
            return Poll::Ready(Ended::BrokenOff);
        }
        loop {
            while self.written < self.pending.len() {
                match ready!(Pin::new(&mut link.wire).poll_write(cx, &self.pending[self.written..])) {
                    Ok(count) if count > 0 => self.written += count,
                    _ => return Poll::Ready(Ended::Untaken),
                }
            }
            self.pending.clear();
            self.written = 0;
            if self.read_all {
                if ready!(Pin::new(&mut link.wire).poll_flush(cx)).is_err() {
                    return Poll::Ready(Ended::Untaken);
                }
                self.done = true;
                return Poll::Ready(Ended::Whole);
            }
            let Poll::Ready(frame) = Pin::new(&mut self.leftover.body).poll_frame(cx) else {
                let _ = Pin::new(&mut link.wire).poll_flush(cx);
                return Poll::Pending;
            };
            match frame {
                // To hyper a reset without an error is an end like any other; to the upstream it must not be.
                None if !self.leftover.is_done() => return self.break_off(),
                None => {
                    self.coding.finish(&mut self.pending);
                    self.read_all = true;
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        self.coding.push(&data, &mut self.pending);
                        self.carried += data.len() as u64;
                    }
                }
                // The upstream must not take the half for the whole.
                Some(Err(_)) => return self.break_off(),
            }
        }
    }

    fn break_off(&mut self) -> Poll<Ended> {
        self.is_broken_off = true;
        Poll::Ready(Ended::BrokenOff)
    }
}
