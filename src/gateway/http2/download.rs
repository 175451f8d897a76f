//! An answer's way from the upstream to an HTTP/2 stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::Gone;
use super::upload::{Ended, Upload};
use crate::gateway::body::Decoder;
use crate::gateway::http1::Persistence;
use crate::gateway::stay::{Guard, Stay};
use crate::gateway::trail::Trail;
use crate::gateway::upstream::{Link, Upstream};
use crate::record::event::Tls;

/// The answer's body on its way to the HTTP/2 stream, with what is left of the request's.
pub(super) struct Download {
    pub(super) answered: Rest,
    pub(super) upload: Upload,
    pub(super) upstream: Arc<Upstream>,
    pub(super) guard: Guard,
    pub(super) stay: Stay,
    pub(super) trail: Option<Box<Trail>>,
    pub(super) tls: Option<Tls>,
}

/// What is still to come of the upstream's answer.
pub(super) struct Rest {
    pub(super) link: Option<Link>,
    pub(super) decoder: Decoder,
    pub(super) persistence: Persistence,
}

impl Download {
    /// Ends the stream for a client that may not stay.
    fn cut_off(&mut self) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        self.account();
        let mut peer = self.stay.peer(self.tls);
        peer.trail = self.trail.take();
        self.stay.leave(self.guard.gate(), &mut peer);
        Poll::Ready(Some(Err(GONE.into())))
    }

    /// Takes note of what the client has sent since the answer began.
    fn account(&mut self) {
        if let Some(trail) = &mut self.trail {
            trail.carried(std::mem::take(&mut self.upload.carried), 0);
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.account();
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if this.guard.has_ended(&this.stay) {
            return this.cut_off();
        }
        let Self {
            answered: Rest { link: slot, decoder, persistence },
            upload,
            upstream,
            guard,
            stay,
            trail,
            tls: _,
        } = this;
        let mut carried = |count: usize, is_last: bool| {
            if let Some(trail) = trail {
                trail.carried(0, count as u64);
                if is_last {
                    trail.is_whole();
                }
            }
        };
        let Some(link) = slot else { return upload.leftover.poll(cx).map(|()| None) };
        let is_broken_off = !upload.done && upload.poll(cx, link) == Poll::Ready(Ended::BrokenOff);
        let Poll::Ready(piece) = next_piece(cx, link, decoder) else {
            if is_broken_off {
                return Poll::Ready(Some(Err(BROKEN_OFF.into())));
            }
            ready!(guard.poll(cx, stay));
            return this.cut_off();
        };
        let piece = piece?;
        carried(piece.as_ref().map_or(0, Bytes::len), piece.is_none() || decoder.is_done());
        // Nobody may ask again after the last byte, so the connection goes back now.
        if decoder.is_done() && upload.done {
            put_back(slot, *persistence, upstream);
        }
        if let Some(data) = piece {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        *slot = None;
        upload.leftover.poll(cx).map(|()| None)
    }

    fn is_end_stream(&self) -> bool {
        self.answered.decoder.is_done() && self.upload.done
    }

    fn size_hint(&self) -> SizeHint {
        match self.answered.decoder {
            Decoder::Length(left) => SizeHint::with_exact(left),
            Decoder::Chunked(_) | Decoder::UntilClose => SizeHint::default(),
        }
    }
}

/// The next piece of the answer's body; `None` at its end.
fn next_piece(
    cx: &mut Context<'_>,
    link: &mut Link,
    decoder: &mut Decoder,
) -> Poll<Result<Option<Bytes>, Gone>> {
    loop {
        let span = decoder.look(link.input.bytes())?;
        link.input.consume(span.framing);
        if span.data > 0 {
            let data = Bytes::copy_from_slice(&link.input.bytes()[..span.data]);
            link.input.consume(span.data);
            decoder.used(span.data);
            return Poll::Ready(Ok(Some(data)));
        }
        if decoder.is_done() {
            return Poll::Ready(Ok(None));
        }
        match ready!(link.input.poll_read(cx, &mut link.wire)) {
            Ok(0) if decoder.may_end_here() => return Poll::Ready(Ok(None)),
            Ok(0) => return Poll::Ready(Err("the upstream cut its answer off".into())),
            Ok(_) => {}
            Err(error) => return Poll::Ready(Err(error.into())),
        }
    }
}

/// Why a stream is cut whose answer may never be complete.
const BROKEN_OFF: &str = "the client did not send all of its request";

/// Why a stream is cut although nothing is wrong with it.
const GONE: &str = "the rules have changed, and the client may not stay";

/// Keeps a connection that has nothing more to carry for the next request.
pub(super) fn put_back(slot: &mut Option<Link>, persistence: Persistence, upstream: &Upstream) {
    if let Some(link) = slot.take() {
        upstream.keep(link, persistence);
    }
}
