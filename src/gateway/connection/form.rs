//! A form that an HTTP/1 client sends to us: the only body that is read here, and no more of it than a form has.

use std::future::poll_fn;
use std::task::Poll;

use super::{Connection, Next, write_all};
use crate::gateway::body::Decoder;
use crate::gateway::gate::Sending;
use crate::gateway::signin::{Form, LARGEST_FORM};

/// How the reading of a body ended.
enum Read {
    /// This is all of it.
    Whole(Vec<u8>),
    /// There is more than is read.
    TooLarge,
    /// It did not come to its end in time.
    Late,
    /// It broke its framing, or its sender has gone.
    Broken,
}

impl Connection {
    /// Reads a form and answers it.
    pub(super) async fn take_form(&mut self, form: &Form, sending: Sending) -> Next {
        self.input.consume(sending.head_length);
        self.watch.set(Some(self.gate.limits().body));
        if form.expects_continue && !form.body.is_done() && self.input.is_empty() {
            let word = b"HTTP/1.1 100 Continue\r\n\r\n";
            if write_all(&mut self.wire, &mut self.watch, word).await.is_err() {
                return Next::Drop;
            }
        }
        match self.read(form.body).await {
            Read::Whole(body) => {
                self.watch.set(None);
                if let Some(trail) = self.peer.trail() {
                    trail.carried(body.len() as u64, 0);
                }
                let response = form.answer(&self.gate, &body, self.peer.trail()).await;
                self.answer(response, sending).await
            }
            Read::TooLarge => self.answer(form.too_large(), sending.closing()).await,
            Read::Late => self.answer(form.too_slow(), sending.closing()).await,
            Read::Broken => Next::Drop,
        }
    }

    async fn read(&mut self, mut body: Decoder) -> Read {
        let mut bytes = Vec::new();
        loop {
            while !body.is_done() && !self.input.is_empty() {
                let Ok(span) = body.look(self.input.bytes()) else { return Read::Broken };
                self.input.consume(span.framing);
                if span.data > 0 {
                    if bytes.len() + span.data > LARGEST_FORM {
                        return Read::TooLarge;
                    }
                    bytes.extend_from_slice(&self.input.bytes()[..span.data]);
                    self.input.consume(span.data);
                    body.used(span.data);
                }
            }
            if body.is_done() {
                return Read::Whole(bytes);
            }
            let Self { wire, input, watch, .. } = self;
            let read = poll_fn(|cx| match input.poll_read(cx, wire) {
                Poll::Ready(read) => Poll::Ready(Ok(read)),
                Poll::Pending => {
                    input.rest();
                    watch.poll_deadline(cx).map(Err)
                }
            });
            match read.await {
                Ok(Ok(1..)) => {}
                Ok(_) => return Read::Broken,
                Err(_) => return Read::Late,
            }
        }
    }
}
