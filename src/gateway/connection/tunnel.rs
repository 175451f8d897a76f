//! A WebSocket, once the upstream has agreed to it: bytes both ways.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::AsyncWrite;

use super::{Connection, Next};
use crate::gateway::body::{Coding, Decoder};
use crate::gateway::buffer;
use crate::gateway::flow::Flow;
use crate::gateway::gate::Order;
use crate::gateway::upstream::Link;
use crate::gateway::watch::Alarm;
use crate::record::event::End;

impl Connection {
    /// Carries bytes both ways until both sides have said their last, the client may not stay, or the server stops.
    pub(super) async fn tunnel(&mut self, mut link: Link, head: Vec<u8>, order: &Order) -> Next {
        self.watch.set(None);
        let mut up = Flow::new(buffer::lend(), Decoder::UntilClose, Coding::Plain);
        let mut down = Flow::new(head, Decoder::UntilClose, Coding::Plain);
        let Self { wire, input, watch, gate, .. } = self;
        let (mut up_open, mut down_open) = (true, true);
        let mut is_revoked = false;
        poll_fn(|cx| {
            watch.listen(cx);
            if gate.revokes(&order.stay) {
                is_revoked = true;
                return Poll::Ready(());
            }
            if up_open && let Poll::Ready(end) = up.poll(cx, wire, input, &mut link.wire) {
                up_open = false;
                if end.is_err() || Pin::new(&mut link.wire).poll_shutdown(cx).is_pending() {
                    return Poll::Ready(());
                }
            }
            if down_open && let Poll::Ready(end) = down.poll(cx, &mut link.wire, &mut link.input, wire) {
                down_open = false;
                if end.is_err() || Pin::new(&mut *wire).poll_shutdown(cx).is_pending() {
                    return Poll::Ready(());
                }
            }
            input.rest();
            link.input.rest();
            if !up_open && !down_open {
                return Poll::Ready(());
            }
            match watch.poll(cx) {
                Poll::Ready(Alarm::Closing) => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
        // Both sides learn of the end by a proper close, not by a reset.
        let _ = poll_fn(|cx| Pin::new(&mut link.wire).poll_shutdown(cx)).await;
        self.carried(up.carried(), down.carried());
        match (is_revoked, down.has_begun()) {
            (true, false) => return self.refuse(order).await,
            (true, true) => self.revoked(order),
            // Both sides have said their last.
            (false, _) if !(up_open || down_open) => self.peer.leave(End::Whole),
            (false, _) => {}
        }
        self.finish().await;
        Next::Drop
    }
}
