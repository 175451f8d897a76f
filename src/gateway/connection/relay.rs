//! An answer's body on its way to the client, while the request's may still be on its way up.

use std::future::poll_fn;
use std::task::Poll;

use super::forwarding::client_left;
use super::{Connection, Next};
use crate::gateway::flow::{Flow, Interruption};
use crate::gateway::forward::Delivery;
use crate::gateway::gate::Order;
use crate::gateway::upstream::Link;

/// How the answer's way to the client ended.
enum Relayed {
    /// All of it is there.
    Whole,
    /// A part of it is, and no more will come.
    Cut,
    /// The same, because new rules do not let the client have the rest.
    CutOff,
    /// New rules do not let the client have it, and nothing of it was sent.
    Revoked,
}

impl Connection {
    /// Carries the answer's body to the client, and what is left of the request's to the upstream.
    pub(super) async fn relay(
        &mut self,
        link: &mut Link,
        mut upload: Flow,
        mut download: Flow,
        delivery: Delivery,
        order: &Order,
    ) -> Next {
        let relayed = self.carry(link, &mut upload, &mut download, order).await;
        self.carried(upload.carried(), if download.has_begun() { download.carried() } else { 0 });
        match relayed {
            Relayed::Whole => {}
            // The client must not take what it has for all there is.
            Relayed::Cut => return Next::Drop,
            Relayed::CutOff => {
                self.revoked(order);
                return Next::Drop;
            }
            Relayed::Revoked => {
                self.refuse(order).await;
                return Next::CloseBoth;
            }
        }
        if !upload.is_done() {
            return Next::CloseBoth;
        }
        if delivery.keeps_alive { Next::Request } else { Next::Close }
    }

    /// Carries both until the answer has come to its end, whichever that is.
    fn carry(
        &mut self,
        link: &mut Link,
        upload: &mut Flow,
        download: &mut Flow,
        order: &Order,
    ) -> impl Future<Output = Relayed> {
        let limit = self.gate.limits().body;
        self.watch.set(Some(limit));
        let Self { wire, input, watch, gate, .. } = self;
        let mut uploading = !upload.is_done();
        let mut progress = 0;
        poll_fn(move |cx| {
            watch.listen(cx);
            if gate.revokes(&order.stay) {
                return Poll::Ready(if download.has_begun() { Relayed::CutOff } else { Relayed::Revoked });
            }
            if uploading {
                match upload.poll(cx, wire, input, &mut link.wire) {
                    Poll::Pending => {}
                    // Done, or it takes no more; what it says may be whole all the same.
                    Poll::Ready(Ok(()) | Err(Interruption::Sink(_))) => uploading = false,
                    // The client has left, and the upstream may be waiting for the rest.
                    Poll::Ready(Err(_)) => return Poll::Ready(Relayed::Cut),
                }
            }
            match download.poll(cx, &mut link.wire, &mut link.input, wire) {
                Poll::Ready(Ok(())) => return Poll::Ready(Relayed::Whole),
                Poll::Ready(Err(_)) => return Poll::Ready(Relayed::Cut),
                Poll::Pending => link.input.rest(),
            }
            if upload.has_read_all() && client_left(cx, wire, input, 0).is_ready() {
                return Poll::Ready(Relayed::Cut);
            }
            while watch.poll_deadline(cx).is_ready() {
                // An upstream may think for as long as it likes; a client that takes nothing may not.
                if download.waits_for_sink() && download.carried() == progress {
                    return Poll::Ready(Relayed::Cut);
                }
                progress = download.carried();
                watch.set(Some(limit));
            }
            Poll::Pending
        })
    }
}
