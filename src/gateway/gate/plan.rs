//! What the gate says of a request: what happens next with it, and all that a connection needs for doing so.

use std::sync::Arc;

use hyper::Response;

use super::admission::Wanted;
use crate::gateway::body::{Coding, Decoder};
use crate::gateway::forward::OwnFields;
use crate::gateway::http1::Version;
use crate::gateway::proving::Unproven;
use crate::gateway::reply::AnswerBody;
use crate::gateway::signin::Form;
use crate::gateway::stay::Stay;
use crate::gateway::upstream::Upstream;
use crate::policy::Settled;

/// What happens next with a request.
pub enum Plan {
    /// The upstream is asked.
    Forward(Order),
    /// We answer.
    Answer {
        /// The answer.
        response: Response<AnswerBody>,
        /// The rest of what has to be known to send it.
        sending: Sending,
    },
    /// A file is looked for.
    Folder {
        /// What is looked for.
        wanted: Wanted,
        /// How the answer is sent.
        sending: Sending,
    },
    /// A form was sent to us; its body has to be read first.
    Form {
        /// The form.
        form: Form,
        /// How the answer is sent.
        sending: Sending,
    },
    /// A password has to be proven first; then the gate is asked again.
    Prove(Unproven),
}

/// What a connection has to know to send an answer of our own.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// The client's protocol.
    pub version: Version,
    /// The client keeps the connection.
    pub keeps_alive: bool,
    /// So many bytes of the input are the request's head.
    pub head_length: usize,
    /// The request's body, which nobody reads.
    pub body: Decoder,
    /// The answer has no body: the request was a HEAD.
    pub bodyless: bool,
}

impl Sending {
    /// The same, but the connection closes after the answer.
    #[must_use]
    pub const fn closing(self) -> Self {
        Self { keeps_alive: false, ..self }
    }
}

/// A request for the upstream.
pub struct Order {
    /// Whom to ask.
    pub upstream: Arc<Upstream>,
    /// The head to send.
    pub head: Vec<u8>,
    /// How the request's body comes.
    pub body: Decoder,
    /// How it goes on.
    pub coding: Coding,
    /// The client waits for `100 Continue`.
    pub expects_continue: bool,
    /// The client asks for a WebSocket.
    pub websocket: bool,
    /// It may be sent a second time: an idempotent method (RFC 9110, section 9.2.2) without a body.
    pub repeatable: bool,
    /// How the answer is sent.
    pub sending: Sending,
    /// The client's `Accept`, for a page of ours.
    pub accept: Option<Vec<u8>>,
    /// The fields of ours that go with the answer.
    pub own: OwnFields,
    /// Who is being served, for when the rules change meanwhile.
    pub stay: Stay,
}

/// What came of a proof that a plan asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// This.
    Settled(Settled),
    /// Too many wait for theirs.
    Busy,
}

/// An answer of our own, of which nothing more has to be found out.
pub(super) const fn answer(response: Response<AnswerBody>, sending: Sending) -> Plan {
    Plan::Answer { response, sending }
}

/// How the last answer on a connection is sent, to a client of whose request nothing is known.
pub(super) const LAST: Sending = Sending {
    version: Version::Http11,
    keeps_alive: false,
    head_length: 0,
    body: Decoder::empty(),
    bodyless: false,
};
