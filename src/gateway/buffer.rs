//! Read buffers, lent out per worker thread, so that an idle connection holds none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Size of a buffer in bytes; the largest request head that a setting may allow.
pub const SIZE: usize = 64 * 1024;

/// Size of the first, ordinary buffer in bytes: a browser's head, a small answer.
const SMALL: usize = 16 * 1024;

/// How many buffers a worker keeps for later.
const SPARE: usize = 128;

thread_local! {
    static SPARES: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    static WRITES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes that were read and not yet used, first in, first out.
///
/// Takes its memory when it reads and gives it back once it is empty and told to [`Buffer::rest`].
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// What is there to be used.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether nothing is there.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `count` bytes, which were used.
    pub fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end, "only what is there can be used");
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Whether not one more byte fits without growing beyond [`SIZE`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.end - self.start >= SIZE
    }

    /// Reads once from `source`, behind what is already there. Answers how many bytes came, 0 at the end.
    ///
    /// # Errors
    /// Those of `source`; [`io::ErrorKind::OutOfMemory`] when the buffer is full.
    pub fn poll_read<R>(&mut self, cx: &mut Context<'_>, source: &mut R) -> Poll<io::Result<usize>>
    where
        R: AsyncRead + Unpin,
    {
        self.make_room()?;
        let mut room = ReadBuf::new(&mut self.bytes[self.end..]);
        ready!(Pin::new(source).poll_read(cx, &mut room))?;
        let count = room.filled().len();
        self.end += count;
        Poll::Ready(Ok(count))
    }

    /// Gives the memory back to the worker, if nothing is in it.
    pub fn rest(&mut self) {
        if self.is_empty() && !self.bytes.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            if bytes.len() == SMALL {
                SPARES.with_borrow_mut(|spares| {
                    if spares.len() < SPARE {
                        spares.push(bytes);
                    }
                });
            }
        }
    }

    fn make_room(&mut self) -> io::Result<()> {
        if self.end < self.bytes.len() {
            return Ok(());
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        } else if self.bytes.is_empty() {
            self.bytes =
                SPARES.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; SMALL].into_boxed_slice());
        } else if self.bytes.len() < SIZE {
            let mut larger = vec![0; SIZE].into_boxed_slice();
            larger[..self.end].copy_from_slice(&self.bytes[..self.end]);
            self.bytes = larger;
        } else {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.start = 0;
        self.end = 0;
        self.rest();
    }
}

/// An empty vector to write into, from the worker's spares.
#[must_use]
pub fn lend() -> Vec<u8> {
    WRITES.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(4096))
}

/// Takes a vector back that [`lend`] gave.
pub fn give_back(mut vector: Vec<u8>) {
    if vector.capacity() <= SIZE && vector.capacity() > 0 {
        vector.clear();
        WRITES.with_borrow_mut(|writes| {
            if writes.len() < SPARE {
                writes.push(vector);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_buffer_keeps_order_grows_and_stops_at_its_limit() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut buffer = Buffer::default();
        let text: Vec<u8> = (0..=255).cycle().take(SIZE + 10).collect();
        let mut source = text.as_slice();
        while !buffer.is_full() {
            assert!(buffer.poll_read(&mut cx, &mut source).is_ready());
        }
        assert_eq!(buffer.bytes(), &text[..SIZE]);
        assert!(matches!(buffer.poll_read(&mut cx, &mut source), Poll::Ready(Err(_))));
        buffer.consume(100);
        assert!(matches!(buffer.poll_read(&mut cx, &mut source), Poll::Ready(Ok(10))));
        assert_eq!(buffer.bytes(), &text[100..]);
    }
}
