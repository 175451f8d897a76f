//! Signing in and out: the paths that are Innkeeper's own, the form, and the cookie that goes with an answer.
//!
//! A person at a browser gets a form that a password manager fills; everybody else gets the challenge of Basic
//! authentication. Who is which shows in the head alone.

mod fields;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::http::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::body::Decoder;
use super::field::Field;
use super::forward::{COOKIE_IS_PRIVATE, Passing};
use super::gate::{Gate, Peer, Plan, Proof, Sending};
use super::http1::Head;
use super::journal::SignInFailure;
use super::page::{self, Page, Reason};
use super::proving::Unproven;
use super::reply::{self, AnswerBody, Refused};
use super::rules::Rules;
use super::trail::{self, Sight, Trail};
use crate::policy::account::{Authorization, Credentials, Login, Secret};
use crate::policy::client::Client;
use crate::policy::origin::Provenance;
use crate::policy::session::{self, Id};
use crate::policy::throttle::Admission;
use crate::policy::{Denial, Entrance, Judgement, Lack, Permit, Settled, SignIn, Visit};
use crate::record::event as audited;

use fields::Fields;
pub use fields::next_path;

/// Where the form is, and where it is sent.
const SIGN_IN: &str = "/.innkeeper/signin";
/// Where one signs out.
const SIGN_OUT: &str = "/.innkeeper/signout";
/// The largest form that is read, in bytes.
pub const LARGEST_FORM: usize = 8 * 1024;
/// Seconds after which somebody may try again who came when too many did.
const BUSY_SECONDS: u64 = 2;

/// A path under `/.innkeeper`: it never reaches the app, nor is it looked for in a folder. Compared as it was
/// written; an encoded or dotted spelling is another path, for the app to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnPath {
    /// `/.innkeeper/signin`.
    SignIn,
    /// `/.innkeeper/signout`.
    SignOut,
    /// There is nothing.
    Nothing,
}

impl OwnPath {
    /// What `path` (without the query) is of ours. `None`: nothing.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        match path {
            SIGN_IN => Some(Self::SignIn),
            SIGN_OUT => Some(Self::SignOut),
            "/.innkeeper" => Some(Self::Nothing),
            _ => path.starts_with("/.innkeeper/").then_some(Self::Nothing),
        }
    }
}

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

/// Answers a request for the sign-in or sign-out page, or says that the form has to be read first. Only for visitors
/// whom the settings would ask for a password at all; the address and the host are judged before, as everywhere.
#[must_use]
pub fn plan(at: OwnPath, asked: &Refused<'_>, rules: &Arc<Rules>, peer: &mut Peer, sending: Sending) -> Plan {
    let (head, visit) = (asked.head, asked.visit);
    let approach = match rules.policy.approach(visit) {
        Ok(approach) => approach,
        Err(denial) => return asked.refuse(denial, peer, sending),
    };
    let is_foreign = head.method == "POST" && visit.provenance() != Provenance::Own;
    if is_foreign {
        // Whoever makes a browser sign in with a password of theirs gets to read what its owner then writes, so this
        // form is taken from a page of this server alone. What the browser says of that cannot be forged by a
        // website, and every browser says it; a token in the form could do no more, and would need a cookie before
        // anybody has signed in. A client that says nothing can sign in with Basic credentials.
        return asked.refuse(Denial::CrossSite(approach.client), peer, sending);
    }
    let (reason, rule) = trail::grounds_of_approach(&approach);
    let sight = Sight {
        rule,
        head: Some(head),
        target: Some((visit.path, visit.host)),
        ..Sight::of_stranger(&approach.client, reason)
    };
    let response = match (at, head.method) {
        (OwnPath::SignIn, "GET" | "HEAD") => {
            let query = asked.target.split_once('?').map_or("", |(_, query)| query);
            let next = Fields::read(query.as_bytes()).ok().and_then(|fields| fields.next);
            let next = next_path(next.as_deref().unwrap_or_default());
            reply::page(&Page::SignInForm { next, reason: Reason::Asked }, head)
        }
        (OwnPath::SignOut, "GET" | "HEAD") => {
            let session = rules.policy.sign_in.as_ref().and_then(|sign_in| sign_in.session(visit));
            reply::page(&Page::SignOut { user: session.as_ref().map(|session| &*session.user) }, head)
        }
        (OwnPath::SignIn, "POST") => match Unfit::found(head) {
            None => {
                trail::begin_form(asked.journal, peer, &sight);
                return Plan::Form {
                    form: Form {
                        rules: Arc::clone(rules),
                        client: approach.client.clone(),
                        secure: visit.secure,
                        accept: reply::accept(head),
                        removals: removals(head, rules),
                        body: head.body,
                        expects_continue: head.expects_continue,
                    },
                    sending,
                };
            }
            Some(unfit) => unfit.answer(reply::accept(head).as_deref()),
        },
        (OwnPath::SignOut, "POST") => {
            if let Some(sign_in) = &rules.policy.sign_in
                && let (Some(session), Some(sessions)) = (sign_in.session(visit), &sign_in.sessions)
            {
                sessions.end(&session, visit.ambient.unix_time);
                if let Some(keepsakes) = &sign_in.keepsakes {
                    keepsakes.forget(&session.id);
                }
            }
            see_other("/", [session::removal(visit.secure)].iter().chain(&removals(head, rules)))
        }
        _ => reply::page(&Page::MethodNotAllowed { allow: "GET, HEAD, POST" }, head),
    };
    trail::begin(asked.journal, peer, &sight);
    Plan::Answer { response, sending }
}

/// Why a body is not taken as a form.
enum Unfit {
    MediaType,
    Large,
    Slow,
}

impl Unfit {
    /// What is wrong with the body that a head announces.
    fn found(head: &Head<'_>) -> Option<Self> {
        let media_type = head.named("content-type").unwrap_or_default();
        let media_type = media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if !media_type.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            return Some(Self::MediaType);
        }
        matches!(head.body, Decoder::Length(length) if length > LARGEST_FORM as u64).then_some(Self::Large)
    }

    fn answer(self, accept: Option<&[u8]>) -> Response<AnswerBody> {
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

/// Whether a person at a browser asks for a page, and can be shown a form: a navigation (W3C Fetch Metadata), or
/// where the browser does not say so, a request that wants HTML.
#[must_use]
pub fn is_navigation(head: &Head<'_>) -> bool {
    matches!(head.method, "GET" | "HEAD")
        && head.named("sec-fetch-mode").is_none_or(|mode| mode == b"navigate")
        && page::is_html_wanted(reply::accept(head).as_deref())
}

/// The `Set-Cookie` field that goes with the answer to a visitor who was let in, if any.
///
/// A session that is used gets a longer life. Who came with Basic credentials gets a session if it is a browser, so
/// that what a browser sends without them (some do so for a WebSocket) is let in too. A program gets none: it would
/// have to be sent again and again.
#[must_use]
pub fn cookie(rules: &Rules, head: &Head<'_>, visit: &Visit<'_>, permit: &Permit<'_>) -> Option<String> {
    let sign_in = rules.policy.sign_in.as_ref()?;
    let sessions = sign_in.sessions.as_ref()?;
    match (&permit.entrance, &permit.user) {
        (Entrance::Session(session), _) => {
            let value = sessions.renewed(session, &sign_in.login, visit.ambient.unix_time)?;
            Some(session::setting(&value, visit.secure, sessions.lifetime()))
        }
        (Entrance::Password, Some(user)) if is_browser(head, visit) => {
            begin(sign_in, user, visit.secure, unix_time()).map(|(_, cookie)| cookie)
        }
        _ => None,
    }
}

fn is_browser(head: &Head<'_>, visit: &Visit<'_>) -> bool {
    match visit.ambient.fetch_site {
        Some(_) => visit.provenance() == Provenance::Own,
        None => is_navigation(head),
    }
}

/// A new session's number and its cookie.
fn begin(sign_in: &SignIn, user: &str, secure: bool, now: u64) -> Option<(Id, String)> {
    let sessions = sign_in.sessions.as_ref()?;
    let mut id = Id::default();
    getrandom::fill(&mut id).ok()?;
    let value = sessions.begin(user, &sign_in.login, id, now)?;
    Some((id, session::setting(&value, secure, sessions.lifetime())))
}

/// What ends the app's own session, where it signs people in by what we tell it: it would go on with whoever was there
/// before, under the cookie that it gave them, or refuse that cookie when their password has changed.
fn removals(head: &Head<'_>, rules: &Rules) -> Vec<String> {
    let by_account = || {
        matches!(&rules.policy.sign_in, Some(SignIn { login: Login::Accounts(_), .. }))
            && rules.pass_authorization
    };
    if rules.identity_header.is_some() || by_account() {
        session::removals_of_sillytavern(head.all(Field::Cookie))
    } else {
        Vec::new()
    }
}

/// What the app gets as `Authorization`: by default nothing of what was meant for us. With `passAuthorization`, what
/// its sender has proven here, or has typed into the form. What was typed comes first: a browser goes on sending a
/// password of before long after it was changed. Where nothing was, what came with a session is passed if it is of the
/// same name; the app then looks at the password as well.
#[must_use]
pub fn authorization(rules: &Rules, visit: &Visit<'_>, permit: &Permit<'_>) -> Passing {
    let Some(sign_in) = &rules.policy.sign_in else { return Passing::AsItCame };
    if !rules.pass_authorization {
        return Passing::Nothing;
    }
    let sent = visit.authorization.map(<[u8]>::to_vec);
    let proven = match &permit.entrance {
        // A listed address may sign in to the app itself, but another website not with what its browser adds; a
        // stranger must not try passwords on it by a public path.
        Entrance::Unasked if !visit.is_foreign_deed() => return Passing::AsItCame,
        Entrance::Unasked | Entrance::Public => None,
        Entrance::Password => sent,
        Entrance::Session(session) => {
            let kept = sign_in.keepsakes.as_ref().and_then(|keepsakes| keepsakes.recall(&session.id));
            let kept = kept.map(|kept| kept.expose().as_bytes().to_vec());
            kept.or_else(|| sent.filter(|value| is_of(value, &session.user)))
        }
    };
    proven.map_or(Passing::Nothing, Passing::Proven)
}

fn is_of(authorization: &[u8], user: &str) -> bool {
    matches!(Authorization::read(authorization), Authorization::Basic(credentials) if credentials.user == user)
}

/// Adds our cookie to an answer's fields.
pub fn add_cookie(headers: &mut HeaderMap, cookie: Option<&str>) {
    if let Some(Ok(cookie)) = cookie.map(HeaderValue::from_str) {
        headers.append(header::SET_COOKIE, cookie);
        headers.append(header::CACHE_CONTROL, HeaderValue::from_static(COOKIE_IS_PRIVATE));
    }
}

/// The wall clock, in seconds since 1970.
#[must_use]
pub fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Leads to `path` of this server, which was checked. After a form it must be 303: the browser then asks with GET.
fn see_other<'a>(path: &str, cookies: impl Iterator<Item = &'a String>) -> Response<AnswerBody> {
    let mut response = reply::boxed(Response::new(Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/")));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for cookie in cookies.filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_path_is_ours() {
        for (path, expected) in [
            ("/.innkeeper/signin", Some(OwnPath::SignIn)),
            ("/.innkeeper/signout", Some(OwnPath::SignOut)),
            ("/.innkeeper/signin/", Some(OwnPath::Nothing)),
            ("/.innkeeper/", Some(OwnPath::Nothing)),
            ("/.innkeeper", Some(OwnPath::Nothing)),
            ("/.innkeeper/../x", Some(OwnPath::Nothing)),
            ("/.Innkeeper/signin", None),
            ("/%2einnkeeper/signin", None),
            ("//.innkeeper/signin", None),
            ("/./.innkeeper/signin", None),
            ("/x/../.innkeeper/signin", None),
            ("/.innkeepers", None),
            ("/.innkeeper;x/signin", None),
        ] {
            assert_eq!(OwnPath::of(path), expected, "{path}");
        }
    }
}
