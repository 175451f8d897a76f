//! The cookies that go with an answer: ours for a session, and the end of the app's own.

use hyper::http::header::{self, HeaderMap, HeaderValue};

use super::{is_navigation, unix_time};
use crate::gateway::field::Field;
use crate::gateway::forward::COOKIE_IS_PRIVATE;
use crate::gateway::http1::Head;
use crate::gateway::rules::Rules;
use crate::policy::account::Login;
use crate::policy::origin::Provenance;
use crate::policy::session::{self, Id};
use crate::policy::{Entrance, Permit, SignIn, Visit};

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

/// Adds our cookie to an answer's fields.
pub fn add_cookie(headers: &mut HeaderMap, cookie: Option<&str>) {
    if let Some(Ok(cookie)) = cookie.map(HeaderValue::from_str) {
        headers.append(header::SET_COOKIE, cookie);
        headers.append(header::CACHE_CONTROL, HeaderValue::from_static(COOKIE_IS_PRIVATE));
    }
}

/// A new session's number and its cookie.
pub(super) fn begin(sign_in: &SignIn, user: &str, secure: bool, now: u64) -> Option<(Id, String)> {
    let sessions = sign_in.sessions.as_ref()?;
    let mut id = Id::default();
    getrandom::fill(&mut id).ok()?;
    let value = sessions.begin(user, &sign_in.login, id, now)?;
    Some((id, session::setting(&value, secure, sessions.lifetime())))
}

/// What ends the app's own session, where it signs people in by what we tell it: it would go on with whoever was there
/// before, under the cookie that it gave them, or refuse that cookie when their password has changed.
pub(super) fn removals(head: &Head<'_>, rules: &Rules) -> Vec<String> {
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
