//! Plain http on a port of https: who speaks it, and what they are told.
//!
//! People type an address without its scheme, and some browsers then begin with http. They are sent to https; nothing
//! that they send in clear is looked at, and nothing of it reaches the app.

use std::net::SocketAddr;

use hyper::Response;
use hyper::http::header::LOCATION;
use hyper::http::{HeaderValue, StatusCode};

use super::field::Field;
use super::gate::{Peer, Plan, Sending};
use super::page::Page;
use super::reply::{self, AnswerBody, Refused};
use super::trust::TrustPages;
use crate::policy::host::HostVerdict;
use crate::policy::{Ambient, Approach, HostCheck, Visit};
use crate::record::event::Reason;

/// The part of `visit` that counts in clear: no password and no cookie, which would be told right or wrong to everybody
/// on the way.
#[must_use]
pub fn without_credentials(visit: Visit<'_>) -> Visit<'_> {
    Visit { authorization: None, ambient: Ambient::default(), ..visit }
}

/// What a request in clear gets: the refusal that its address gets anywhere; the pages of `trust`, without which no
/// connection would be worth having; the way to https where its host is one of ours; and a page that leads nowhere by
/// itself where it is not, or nobody could follow.
///
/// `here`: the address of the port, to be named to whoever named no host of ours.
#[must_use]
pub fn plan(
    asked: &Refused<'_>,
    trust: Option<&TrustPages>,
    here: SocketAddr,
    peer: &mut Peer,
    sending: Sending,
) -> Plan {
    // Whoever goes on in clear behind it would be misread.
    let sending = sending.closing();
    let approach = match asked.rules.policy.arrival(asked.visit) {
        Ok(approach) => approach,
        Err(denial) => return asked.refuse(denial, peer, sending),
    };
    let host = asked.visit.host.map(String::from_utf8_lossy);
    let is_known = approach.host != HostVerdict::Unknown;
    let ours = host.as_deref().filter(|_| is_known);
    let ours = ours.map_or_else(|| here.to_string(), str::to_owned);
    if let Some(response) = trust.and_then(|trust| trust_page(asked, trust, &ours)) {
        asked.note_visit(&approach.client, Reason::Public, peer);
        return Plan::Answer { response, sending };
    }
    asked.note_visit(&approach.client, Reason::Insecure, peer);
    let Some(host) = host else { return stay(asked, &ours, sending) };
    if !is_known && asked.rules.policy.host_check == HostCheck::Warn {
        asked.journal.unknown_host(host.as_bytes());
    }
    if leads_on(asked, &approach)
        && let Ok(location) = HeaderValue::try_from(format!("https://{host}{}", asked.target))
    {
        let url = location.to_str().unwrap_or_default();
        let mut response = reply::page(&Page::HttpsRequired { url }, asked.head);
        // Keeps the method, and is stored by nobody: what is answered here may be http again tomorrow.
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(LOCATION, location);
        return Plan::Answer { response, sending };
    }
    stay(asked, &host, sending)
}

/// One of the pages about our own authority, if it is asked for, in clear or not. `host`: by what the visitor came.
#[must_use]
pub fn trust_page(asked: &Refused<'_>, trust: &TrustPages, host: &str) -> Option<Response<AnswerBody>> {
    if !matches!(asked.head.method, "GET" | "HEAD") {
        return None;
    }
    let agent = asked.head.first(Field::UserAgent);
    trust.answer(asked.visit.path, host, agent, reply::accept(asked.head).as_deref()).map(reply::boxed)
}

/// Whether the answer may send a browser on: to a host that is ours, with a path behind it, so that nothing of what was
/// asked for becomes part of the host. Whom a proxy has fetched by https already, it would only send round in circles.
///
/// Every address counts as ours, also one that this machine does not have: behind a container's port or a router that
/// is what visitors type, and neither the socket nor the certificate knows it. Nobody is led astray by that. A link
/// that names another address goes there and not here, a name that is bent to this server is no address, and the
/// answer may not be stored, so whoever sends a strange `Host` is the only one to read where it leads.
fn leads_on(asked: &Refused<'_>, approach: &Approach<'_>) -> bool {
    approach.host != HostVerdict::Unknown && asked.target.starts_with('/') && !asked.visit.secure
}

fn stay(asked: &Refused<'_>, host: &str, sending: Sending) -> Plan {
    let address = format!("https://{host}/");
    Plan::Answer { response: reply::page(&Page::HttpsHere { address: &address }, asked.head), sending }
}
