//! A form that was sent: whether it is one, whether the password in it is right, and the answer.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::{Response, StatusCode};

use super::cookies::{begin, removals};
use super::fields::Fields;
use super::{SIGN_IN, next_path, see_other, unix_time};
use crate::gateway::body::Decoder;
use crate::gateway::gate::{Gate, Proof};
use crate::gateway::http1::Head;
use crate::gateway::journal::SignInFailure;
use crate::gateway::page::{self, Page, Reason};
use crate::gateway::proving::Unproven;
use crate::gateway::reply::{self, AnswerBody, Refused};
use crate::gateway::rules::Rules;
use crate::gateway::trail::Trail;
use crate::policy::account::{Credentials, Secret};
use crate::policy::client::Client;
use crate::policy::throttle::Admission;
use crate::policy::{Judgement, Lack, Settled, SignIn};
use crate::record::event as audited;

/// The largest form that is read, in bytes.
pub const LARGEST_FORM: usize = 8 * 1024;
/// Seconds after which somebody may try again who came when too many did.
const BUSY_SECONDS: u64 = 2;

/// A form that was sent, its body not yet read.
pub struct Form {
    rules: Arc<Rules>,
    client: Client,
    secure: bool,
    accept: Option<Vec<u8>>,
    /// What takes the app's own session away, once somebody has signed in.
    removals: Vec<String>,
    /// How its body comes.
    pub body: Decoder,
    /// The client waits for `100 Continue`.
    pub expects_continue: bool,
}

/// What came of a form.
enum Outcome {
    /// Somebody signed in.
    SignedIn { user: String, response: Response<AnswerBody> },
    /// Nobody did, and the form is shown again.
    Refused { next: String, reason: Reason },
    /// It was no form that can be judged.
    Unfit(Response<AnswerBody>),
}

impl Form {
    /// The form whose head was judged, and that `client` sends.
    pub(super) fn of(asked: &Refused<'_>, rules: &Arc<Rules>, client: Client) -> Self {
        let head = asked.head;
        Self {
            rules: Arc::clone(rules),
            client,
            secure: asked.visit.secure,
            accept: reply::accept(head),
            removals: removals(head, rules),
            body: head.body,
            expects_continue: head.expects_continue,
        }
    }

    /// The answer to a form that is larger than [`LARGEST_FORM`].
    #[must_use]
    pub fn too_large(&self) -> Response<AnswerBody> {
        Unfit::Large.answer(self.accept.as_deref())
    }

    /// The answer to a form that did not come to its end.
    #[must_use]
    pub fn too_slow(&self) -> Response<AnswerBody> {
        Unfit::Slow.answer(self.accept.as_deref())
    }

    /// Judges what was typed, `body`, as a Basic password would be: the same throttle, the same queue before a costly
    /// proof, the same cost for a name that nobody has.
    ///
    /// `trail` is told what came of it.
    pub async fn answer(&self, gate: &Gate, body: &[u8], trail: Option<&mut Trail>) -> Response<AnswerBody> {
        match self.outcome(gate, body).await {
            Outcome::SignedIn { user, response } => {
                if let Some(trail) = trail {
                    trail.signed_in(&user);
                }
                response
            }
            Outcome::Unfit(response) => {
                if let Some(trail) = trail {
                    trail.judged(audited::Reason::Malformed);
                }
                response
            }
            Outcome::Refused { next, reason } => {
                if let Some(trail) = trail {
                    trail.judged(match reason {
                        Reason::TooManyAttempts { .. } => audited::Reason::Throttled,
                        Reason::Busy { .. } => audited::Reason::Busy,
                        _ => audited::Reason::WrongPassword,
                    });
                }
                self.page(&Page::SignInForm { next: &next, reason })
            }
        }
    }

    async fn outcome(&self, gate: &Gate, body: &[u8]) -> Outcome {
        let Some(sign_in) = &self.rules.policy.sign_in else {
            return Outcome::Unfit(self.page(&Page::NotFound));
        };
        let Ok(Fields { username: Some(user), password: Some(password), next }) = Fields::read(body) else {
            let what = "the form has no name and password that can be read";
            return Outcome::Unfit(self.page(&Page::Malformed { what }));
        };
        let credentials = Credentials { user, password: Secret::new(password) };
        let next = next_path(next.as_deref().unwrap_or_default());
        let address = self.client.address();
        let reason = match sign_in.try_password(&credentials, address, gate.now()) {
            Judgement::Right(_) => return self.signed_in(sign_in, credentials, next),
            Judgement::Lacking(lack) => self.lacking(gate, lack),
            Judgement::Wait(retry_after) => self.limited(gate, retry_after),
            Judgement::Unproven(claim) => {
                let rules = Arc::clone(&self.rules);
                match gate.prove(Unproven { claim, authorization: None, address, rules }).await {
                    Proof::Settled(Settled::Right) => {
                        return self.signed_in(sign_in, credentials, next);
                    }
                    Proof::Settled(Settled::Wrong(Admission::Free)) => self.lacking(gate, Lack::Wrong),
                    Proof::Settled(Settled::Wrong(Admission::Wait { retry_after })) => {
                        self.limited(gate, retry_after)
                    }
                    Proof::Busy => Reason::Busy { retry_after_seconds: BUSY_SECONDS },
                }
            }
        };
        Outcome::Refused { next: next.to_owned(), reason }
    }

    /// Names are compared exactly, so the one that was typed is the one of the login.
    fn signed_in(&self, sign_in: &SignIn, credentials: Credentials, next: &str) -> Outcome {
        let Some((id, cookie)) = begin(sign_in, &credentials.user, self.secure, unix_time()) else {
            return Outcome::Unfit(self.page(&Page::Broken));
        };
        if let Some((keepsakes, value)) = sign_in.keepsakes.as_ref().zip(credentials.authorization()) {
            keepsakes.keep(id, value);
        }
        let response = see_other(next, [cookie].iter().chain(&self.removals));
        Outcome::SignedIn { user: credentials.user, response }
    }

    fn lacking(&self, gate: &Gate, lack: Lack) -> Reason {
        let failure = if lack == Lack::Wrong { SignInFailure::Wrong } else { SignInFailure::Unreadable };
        self.tell(gate, self.client.address(), failure);
        Reason::Wrong
    }

    fn limited(&self, gate: &Gate, retry_after: std::time::Duration) -> Reason {
        self.tell(gate, self.client.address(), SignInFailure::Limited);
        Reason::TooManyAttempts { retry_after_seconds: reply::whole_seconds(retry_after) }
    }

    fn tell(&self, gate: &Gate, address: IpAddr, failure: SignInFailure) {
        let who = self.client.to_string();
        gate.journal().failed_sign_in(address, &who, failure, "POST", SIGN_IN.as_bytes());
    }

    fn page(&self, page: &Page<'_>) -> Response<AnswerBody> {
        reply::boxed(page::render(page, self.accept.as_deref()))
    }
}

/// Why a body is not taken as a form.
pub(super) enum Unfit {
    MediaType,
    Large,
    Slow,
}

impl Unfit {
    /// What is wrong with the body that a head announces.
    pub(super) fn found(head: &Head<'_>) -> Option<Self> {
        let media_type = head.named("content-type").unwrap_or_default();
        let media_type = media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if !media_type.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            return Some(Self::MediaType);
        }
        matches!(head.body, Decoder::Length(length) if length > LARGEST_FORM as u64).then_some(Self::Large)
    }

    pub(super) fn answer(self, accept: Option<&[u8]>) -> Response<AnswerBody> {
        let (status, what) = match self {
            Self::MediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the form is not application/x-www-form-urlencoded")
            }
            Self::Large => (StatusCode::PAYLOAD_TOO_LARGE, "the form is larger than 8 KiB"),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "the form did not come to its end"),
        };
        let mut response = reply::boxed(page::render(&Page::Malformed { what }, accept));
        *response.status_mut() = status;
        response
    }
}
