//! The server: listeners, the gate, forwarding, files, pages, the journal.

/// Where a message body ends, and how it is written on.
pub mod body;
/// Read buffers, lent out per worker thread.
pub mod buffer;
/// One HTTP/1 client.
pub mod connection;
/// What a header field means to a gateway.
pub mod field;
/// A folder of files served over HTTP.
pub mod files;
/// One direction of a conversation.
pub mod flow;
/// The heads that Innkeeper writes.
pub mod forward;
/// Judges request heads.
pub mod gate;
/// HTTP/1.1 message heads.
pub mod http1;
/// HTTP/2 clients.
pub mod http2;
/// Console lines and `access.log`.
pub mod journal;
/// Listening sockets.
pub mod listener;
/// What a person or a program sees when Innkeeper answers itself.
pub mod page;
/// Costly proofs.
pub mod proving;
/// The application behind the gate.
pub mod upstream;
/// What every connection keeps an eye on.
pub mod watch;
/// One byte stream, whatever carries it.
pub mod wire;
