//! What a client still sends although its answer is complete.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Body;
use salvo::http::ReqBody;
use tokio::time::Sleep;

use crate::gateway::connection::{LINGER, LINGER_BYTES};

/// What a client still sends although its answer is complete. Some of it is read: a stream that is reset at once,
/// which RFC 9113 (section 8.1) allows, makes curl and Node.js lose the answer.
pub(super) struct Leftover {
    pub(super) body: ReqBody,
    left: usize,
    time: Option<Pin<Box<Sleep>>>,
}

impl Leftover {
    /// What is left of `body`, with all the time and bytes that it may take.
    pub(super) fn new(body: ReqBody) -> Self {
        Self { body, left: LINGER_BYTES, time: None }
    }

    /// Whether the client has sent all.
    pub(super) fn is_done(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Ready when the client has sent all, or so much or for so long that it will not listen.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.is_done() {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                let time = self.time.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
                return time.as_mut().poll(cx);
            };
            let Some(Ok(frame)) = frame else { return Poll::Ready(()) };
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(left) = self.left.checked_sub(length) else { return Poll::Ready(()) };
            self.left = left;
        }
        Poll::Ready(())
    }
}
