//! Signing in and out: the paths that are Innkeeper's own, the form, and the cookie that goes with an answer.
//!
//! A person at a browser gets a form that a password manager fills; everybody else gets the challenge of Basic
//! authentication. Who is which shows in the head alone.

mod authorization;
mod cookies;
mod fields;
mod form;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::http::header::{self, HeaderValue};
use hyper::{Response, StatusCode};

pub use authorization::authorization;
pub use cookies::{add_cookie, cookie};
pub use fields::next_path;
pub use form::{Form, LARGEST_FORM};

use super::gate::{Peer, Plan, Sending};
use super::http1::Head;
use super::page::{self, Page, Reason};
use super::reply::{self, AnswerBody, Refused};
use super::rules::Rules;
use super::trail::{self, Entry, Sight};
use crate::policy::origin::Provenance;
use crate::policy::session;
use crate::policy::{Denial, Visit};
use cookies::removals;
use fields::Fields;
use form::Unfit;

/// Where the form is, and where it is sent.
const SIGN_IN: &str = "/.innkeeper/signin";
/// Where one signs out.
const SIGN_OUT: &str = "/.innkeeper/signout";

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
        entry: rule.map(|rule| Entry { rule, edition: rules.edition }),
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
                return Plan::Form { form: Form::of(asked, rules, approach.client), sending };
            }
            Some(unfit) => unfit.answer(reply::accept(head).as_deref()),
        },
        (OwnPath::SignOut, "POST") => {
            end_session(rules, visit);
            see_other("/", [session::removal(visit.secure)].iter().chain(&removals(head, rules)))
        }
        _ => reply::page(&Page::MethodNotAllowed { allow: "GET, HEAD, POST" }, head),
    };
    trail::begin(asked.journal, peer, &sight);
    Plan::Answer { response, sending }
}

/// Ends the session that a visitor has, if any, with what was kept for it.
fn end_session(rules: &Rules, visit: &Visit<'_>) {
    if let Some(sign_in) = &rules.policy.sign_in
        && let (Some(session), Some(sessions)) = (sign_in.session(visit), &sign_in.sessions)
    {
        sessions.end(&session, visit.ambient.unix_time);
        if let Some(keepsakes) = &sign_in.keepsakes {
            keepsakes.forget(&session.id);
        }
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
