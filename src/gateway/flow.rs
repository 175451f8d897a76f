//! One direction of a conversation: bytes read from one wire, framed anew, written to the other.
//!
//! Nothing is read before what was read has been written, so a slow receiver slows the sender down (back-pressure),
//! and nothing waits for more before it goes on, so server-sent events arrive as they were sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::body::{BrokenFraming, Coding, Decoder};
use super::buffer::{self, Buffer};
use super::wire::Wire;

/// Bodies up to this size are written together with the head before them, in one call.
const JOIN_LIMIT: usize = 16 * 1024;

/// Why a direction ended before its body did.
#[derive(Debug)]
pub enum Interruption {
    /// The sender failed, or closed before the end of the body.
    Source(io::Error),
    /// The sender's framing is broken.
    Framing(BrokenFraming),
    /// The receiver takes no more.
    Sink(io::Error),
}

/// A body on its way from a source to a sink, after a head that is to be written first.
#[derive(Debug)]
pub struct Flow {
    decoder: Decoder,
    coding: Coding,
    pending: Vec<u8>,
    written: usize,
    finished: bool,
    begun: bool,
    dirty: bool,
    waits_for_sink: bool,
    carried: u64,
}

impl Flow {
    /// A flow that first writes `head`, then the body that `decoder` delimits, framed by `coding`.
    #[must_use]
    pub const fn new(head: Vec<u8>, decoder: Decoder, coding: Coding) -> Self {
        Self {
            decoder,
            coding,
            pending: head,
            written: 0,
            finished: false,
            begun: false,
            dirty: false,
            waits_for_sink: false,
            carried: 0,
        }
    }

    /// Whether everything was read and written.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.finished && self.pending.is_empty() && !self.dirty
    }

    /// Whether the whole body was read from the source, written or not.
    #[must_use]
    pub const fn has_read_all(&self) -> bool {
        self.decoder.is_done()
    }

    /// Whether anything was written: the receiver has a part of it.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether the last poll ended because the receiver took no more.
    #[must_use]
    pub const fn waits_for_sink(&self) -> bool {
        self.waits_for_sink
    }

    /// Bytes of body that were read so far.
    #[must_use]
    pub const fn carried(&self) -> u64 {
        self.carried
    }

    /// Moves as much as can be moved now. Ready: the body is at its end and written.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Wire,
        input: &mut Buffer,
        sink: &mut Wire,
    ) -> Poll<Result<(), Interruption>> {
        self.waits_for_sink = true;
        loop {
            self.gather(input)?;
            ready!(self.write_pending(cx, sink)).map_err(Interruption::Sink)?;
            if self.finished {
                return self.flush(cx, sink);
            }
            if self.coding == Coding::Plain && !input.is_empty() {
                let span = self.decoder.look(input.bytes()).map_err(Interruption::Framing)?;
                input.consume(span.framing);
                if span.data > 0 {
                    let count = ready!(Pin::new(&mut *sink).poll_write(cx, &input.bytes()[..span.data]))
                        .map_err(Interruption::Sink)?;
                    if count == 0 {
                        return Poll::Ready(Err(Interruption::Sink(io::ErrorKind::WriteZero.into())));
                    }
                    self.dirty = true;
                    self.take(input, count);
                    continue;
                }
            }
            // What did not fit behind the head goes before more is read.
            if self.decoder.is_done() || (self.coding == Coding::Chunked && !input.is_empty()) {
                continue;
            }
            self.waits_for_sink = false;
            match input.poll_read(cx, source) {
                Poll::Ready(Ok(0)) if self.decoder.may_end_here() => {
                    self.coding.finish(&mut self.pending);
                    self.finished = true;
                }
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(Interruption::Source(io::ErrorKind::UnexpectedEof.into())));
                }
                Poll::Ready(Ok(_)) => self.waits_for_sink = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Interruption::Source(error))),
                Poll::Pending => {
                    // Nothing more for now: what was written must not lie in a TLS buffer meanwhile.
                    if self.dirty
                        && let Poll::Ready(flushed) = Pin::new(&mut *sink).poll_flush(cx)
                    {
                        flushed.map_err(Interruption::Sink)?;
                        self.dirty = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Frames what lies in `input` behind what is to be written, where that saves a write.
    fn gather(&mut self, input: &mut Buffer) -> Result<(), Interruption> {
        while !self.finished {
            if self.decoder.is_done() {
                self.coding.finish(&mut self.pending);
                self.finished = true;
                break;
            }
            let joins = self.coding == Coding::Chunked
                || (!self.pending.is_empty() && self.written == 0 && input.bytes().len() <= JOIN_LIMIT);
            if !joins || input.is_empty() || self.pending.len() > buffer::SIZE {
                break;
            }
            let span = self.decoder.look(input.bytes()).map_err(Interruption::Framing)?;
            input.consume(span.framing);
            if span.data > 0 {
                self.coding.push(&input.bytes()[..span.data], &mut self.pending);
                self.take(input, span.data);
            }
        }
        Ok(())
    }

    fn take(&mut self, input: &mut Buffer, count: usize) {
        input.consume(count);
        self.decoder.used(count);
        self.carried += count as u64;
    }

    fn write_pending(&mut self, cx: &mut Context<'_>, sink: &mut Wire) -> Poll<io::Result<()>> {
        while self.written < self.pending.len() {
            match ready!(Pin::new(&mut *sink).poll_write(cx, &self.pending[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
            self.begun = true;
            self.dirty = true;
        }
        self.pending.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, cx: &mut Context<'_>, sink: &mut Wire) -> Poll<Result<(), Interruption>> {
        if self.dirty {
            ready!(Pin::new(sink).poll_flush(cx)).map_err(Interruption::Sink)?;
            self.dirty = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        buffer::give_back(std::mem::take(&mut self.pending));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt;
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn what_does_not_fit_behind_the_head_is_not_left_lying() {
        let (mut client, from) = UnixStream::pair().expect("a pair");
        // Takes more than a buffer at once, unlike TCP or another system's.
        let (_upstream, to) = UnixStream::pair().expect("a pair");
        to.writable().await.expect("room");
        let (mut source, mut sink, mut input) = (Wire::Unix(from), Wire::Unix(to), Buffer::default());
        client.write_all(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n").await.expect("room");
        poll_fn(|cx| input.poll_read(cx, &mut source)).await.expect("bytes");
        let mut flow = Flow::new(vec![b'h'; buffer::SIZE], Decoder::chunked(), Coding::Chunked);
        // Nothing will come to wake it for a second look.
        let first = poll_fn(|cx| Poll::Ready(flow.poll(cx, &mut source, &mut input, &mut sink))).await;
        assert!(matches!(first, Poll::Ready(Ok(()))), "{first:?}");
        assert!(flow.is_done() && input.is_empty() && flow.carried() == 2);
    }
}
