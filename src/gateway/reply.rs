//! Answers of our own: which page a visitor gets for which verdict, and what the owner is told about it.
//!
//! The page is for strangers and the console for the owner: where the settings lie and what else is listed stands on
//! the console alone.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::{Response, StatusCode};

use super::field::Field;
use super::gate::{Peer, Plan, Sending};
use super::http1::{Head, Malformed};
use super::journal::{Journal, SignInFailure};
use super::page::{self, Page, Reason, Refusal, Step};
use super::rules::Rules;
use super::signin;
use super::trail::{self, Sight};
use super::upstream::{Failure, Upstream};
use crate::policy::client::Client;
use crate::policy::whitelist::Stay;
use crate::policy::{Denial, Lack, Permit, Standing, Visit};
use crate::record::event as audited;

/// The body of an answer of our own.
pub type AnswerBody = BoxBody<Bytes, io::Error>;

/// What is asked of a browser that has to sign in.
const REALM: &str = "Innkeeper";

/// A request that is refused, and whom to tell.
pub struct Refused<'a> {
    /// The rules that refuse it.
    pub rules: &'a Rules,
    /// Its head.
    pub head: &'a Head<'a>,
    /// What the policy saw of it.
    pub visit: &'a Visit<'a>,
    /// Its path and query.
    pub target: &'a str,
    /// Where the owner is told.
    pub journal: &'a Journal,
}

impl Refused<'_> {
    /// What happens to a request that is refused.
    #[must_use]
    pub fn refuse(&self, denial: Denial, peer: &mut Peer, sending: Sending) -> Plan {
        self.note(&denial, peer);
        // Whoever cannot say where it is going may be read otherwise by somebody else.
        let sending = if matches!(denial, Denial::Malformed(_)) { sending.closing() } else { sending };
        Plan::Answer { response: self.answer(denial), sending }
    }

    /// Takes note of a refusal for the audit log.
    pub fn note(&self, denial: &Denial, peer: &mut Peer) {
        let (reason, client) = trail::refusal(denial);
        let stranger = Client::Direct { address: peer.address };
        self.note_visit(client.unwrap_or(&stranger), reason, peer);
    }

    /// Takes note of a visit of `client` for the audit log, and of what came of it.
    pub fn note_visit(&self, client: &Client, reason: audited::Reason, peer: &mut Peer) {
        let sight = Sight {
            head: Some(self.head),
            target: Some((self.visit.path, self.visit.host)),
            ..Sight::of_stranger(client, reason)
        };
        trail::begin(self.journal, peer, &sight);
    }

    /// The page for a refusal, after the owner was told.
    #[must_use]
    pub fn answer(&self, denial: Denial) -> Response<AnswerBody> {
        match denial {
            Denial::Malformed(malformed) => self.page(&Page::Malformed { what: &malformed.to_string() }),
            Denial::Garbled(client) => self.garbled(&client),
            Denial::Address { client, unlisted } => self.unlisted(&client, &unlisted.to_string()),
            Denial::Host(client) => self.unknown_host(&client),
            Denial::Insecure(client) => {
                self.tell(&client, &client.to_string(), "It came over http, and https is required", None);
                let url = format!("https://{}{}", self.host(), self.target);
                self.page(&Page::HttpsRequired { url: &url })
            }
            Denial::Throttled { client, retry_after } => {
                self.tell_failure(&client, SignInFailure::Limited);
                let retry_after_seconds = whole_seconds(retry_after);
                if self.is_for_form() {
                    return self.form(Reason::TooManyAttempts { retry_after_seconds });
                }
                self.page(&Page::TooManyAttempts { retry_after_seconds })
            }
            Denial::CrossSite(client) => {
                let reason = "Another website made the browser ask, or it does not say which one did";
                self.tell(&client, &client.to_string(), reason, None);
                self.page(&Page::CrossSite)
            }
            Denial::SignIn { client, lack } => {
                match lack {
                    Lack::Missing => {}
                    Lack::Unreadable => self.tell_failure(&client, SignInFailure::Unreadable),
                    Lack::Wrong => self.tell_failure(&client, SignInFailure::Wrong),
                }
                if self.is_for_form() {
                    return self.form(if lack == Lack::Wrong { Reason::Wrong } else { Reason::Needed });
                }
                self.page(&Page::SignIn { realm: REALM })
            }
        }
    }

    /// Whether it is answered with the form and not with a challenge, on which a browser would open its own dialog.
    fn is_for_form(&self) -> bool {
        let sign_in = self.rules.policy.sign_in.as_ref();
        sign_in.is_some_and(|sign_in| sign_in.sessions.is_some()) && signin::is_navigation(self.head)
    }

    fn form(&self, reason: Reason) -> Response<AnswerBody> {
        self.page(&Page::SignInForm { next: signin::next_path(self.target), reason })
    }

    fn garbled(&self, client: &Client) -> Response<AnswerBody> {
        let Client::Garbled { header, value, .. } = client else { return self.page(&Page::Broken) };
        let who = self.rules.policy.trust.blocked(client).to_string();
        self.tell(client, &who, &format!("{header} holds no address"), None);
        let address = client.address().to_string();
        let reason = Refusal::Unreadable { header: value };
        self.page(&Page::Refused { address: &address, reason, command: None, contact: None })
    }

    fn unlisted(&self, client: &Client, address: &str) -> Response<AnswerBody> {
        let command = format!("innkeeper whitelist add {address}");
        // Every browser asks for it by itself; SillyTavern does not tell of it either.
        if self.visit.path != "/favicon.ico" {
            let who = self.rules.policy.trust.blocked(client).to_string();
            let reason = format!("{address} is not in the whitelist ({})", self.rules.list_name);
            self.tell(client, &who, &reason, Some(&self.rules.command_to_list(address)));
        }
        let (proxy, claimed);
        let reason = match client {
            Client::Behind { proxy: by, .. } => {
                proxy = by.to_string();
                Refusal::Forwarded { proxy: &proxy }
            }
            Client::Claimed { address: other, .. } => {
                claimed = other.to_string();
                Refusal::Claimed { claimed: &claimed }
            }
            Client::Direct { .. } | Client::Garbled { .. } => Refusal::Unlisted,
        };
        self.page(&Page::Refused { address, reason, command: Some(&command), contact: None })
    }

    fn unknown_host(&self, client: &Client) -> Response<AnswerBody> {
        let host = self.host();
        let name = host.rsplit_once(':').map_or(&*host, |(name, _)| name);
        let command = self.rules.command_to_know(&host);
        let reason = "It asked for a host name that is not known here";
        self.tell(client, &client.to_string(), reason, Some(&command));
        self.page(&Page::UnknownHost { host: name, command: None })
    }

    fn host(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.visit.host.unwrap_or_default())
    }

    fn page(&self, view: &Page<'_>) -> Response<AnswerBody> {
        page(view, self.head)
    }

    fn tell(&self, client: &Client, who: &str, reason: &str, command: Option<&str>) {
        self.journal.refused(client.address(), who, reason, self.head.first(Field::UserAgent), command);
    }

    fn tell_failure(&self, client: &Client, failure: SignInFailure) {
        let (method, path) = (self.head.method, self.visit.path.as_bytes());
        self.journal.failed_sign_in(client.address(), &client.to_string(), failure, method, path);
    }
}

/// The page where there is neither an app nor a folder: who the visitor is to Innkeeper, and what to do next.
#[must_use]
pub fn welcome(head: &Head<'_>, permit: &Permit<'_>, peer: &Peer) -> Response<AnswerBody> {
    let rule = match &permit.standing {
        Standing::Open => None,
        Standing::Listed(rule) => Some(match rule.stay() {
            Stay::Resident => format!("{} {}", rule.place(), rule.text()),
            guest => format!("{} {} ({guest})", rule.place(), rule.text()),
        }),
        Standing::Unlisted(_) | Standing::Unmeetable => {
            Some("a password in place of a listed address".to_owned())
        }
    };
    let next = [
        Step {
            what: "Put your app behind the door",
            command: "innkeeper serve --upstream http://127.0.0.1:8001",
        },
        Step { what: "Or serve a folder", command: "innkeeper serve --root ." },
    ];
    let tls = peer.tls.map(|tls| format!("TLS {tls}"));
    let view = Page::Welcome {
        address: &permit.client.address().to_string(),
        verdict: "let in",
        rule: rule.as_deref(),
        user: permit.user.as_deref(),
        protocol: head.version.name(),
        tls: tls.as_deref(),
        next: &next,
    };
    page(&view, head)
}

/// The page for an upstream that failed, after the owner was told. `accept`: the client's `Accept`.
#[must_use]
pub fn upstream_failed(
    journal: &Journal,
    upstream: &Upstream,
    failure: &Failure,
    accept: Option<&[u8]>,
) -> Response<AnswerBody> {
    journal.upstream_down(upstream.name(), failure);
    let why = failure.to_string();
    let view = match failure {
        Failure::Silent(limit) => {
            Page::UpstreamSilent { upstream: upstream.name(), seconds: limit.as_secs() }
        }
        _ => Page::UpstreamDown { upstream: upstream.name(), why: &why },
    };
    boxed(page::render(&view, accept))
}

/// The answer to bytes that are no request; the connection closes after it.
#[must_use]
pub fn malformed(malformed: Malformed) -> Response<AnswerBody> {
    let (status, what) = match malformed {
        Malformed::Syntax(what) => (StatusCode::BAD_REQUEST, what),
        Malformed::TooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, ""),
        Malformed::Version => {
            (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "its version is not HTTP/1.0 or HTTP/1.1")
        }
        Malformed::Coding => (StatusCode::NOT_IMPLEMENTED, "its transfer coding is not `chunked`"),
        Malformed::Expectation => (StatusCode::EXPECTATION_FAILED, "its expectation is not `100-continue`"),
    };
    let view = if what.is_empty() { Page::HeadTooLarge } else { Page::Malformed { what } };
    let mut response = boxed(page::render(&view, None));
    *response.status_mut() = status;
    response
}

/// The answer to a head that did not come to its end in time.
#[must_use]
pub fn too_slow() -> Response<AnswerBody> {
    timed_out("its head did not come to its end in time")
}

/// The answer to a request whose body did not come to its end.
#[must_use]
pub fn body_too_slow() -> Response<AnswerBody> {
    timed_out("its body did not come to its end in time")
}

fn timed_out(what: &'static str) -> Response<AnswerBody> {
    let mut response = malformed(Malformed::Syntax(what));
    *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
    response
}

/// A wait as `Retry-After` gives it: in whole seconds, never shorter than it is.
#[must_use]
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

/// A page in the form that the request asks for.
#[must_use]
pub fn page(view: &Page<'_>, head: &Head<'_>) -> Response<AnswerBody> {
    boxed(page::render(view, accept(head).as_deref()))
}

/// A page as the body that all answers have.
#[must_use]
pub fn boxed(response: Response<Bytes>) -> Response<AnswerBody> {
    response.map(|bytes| Full::new(bytes).map_err(|never| match never {}).boxed())
}

/// The request's `Accept`, its lines joined.
#[must_use]
pub fn accept(head: &Head<'_>) -> Option<Vec<u8>> {
    let mut lines = head.all(Field::Accept);
    let first = lines.next()?.to_vec();
    Some(lines.fold(first, |mut joined, line| {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(line);
        joined
    }))
}
