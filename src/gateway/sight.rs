//! What is seen of a request: the parts of its head that the policy, and a folder of files, decide by.

use hyper::http::{HeaderMap, HeaderName, HeaderValue};

use super::field::Field;
use super::http1::Head;
use super::signin;
use crate::policy::Ambient;
use crate::policy::client::ForwardedHeaders;
use crate::policy::session;

/// What a browser added to the request by itself. `secure`: it sent it over TLS.
#[must_use]
pub fn ambient<'a>(head: &Head<'a>, secure: bool) -> Ambient<'a> {
    let session = session::find(head.all(Field::Cookie), secure);
    Ambient {
        session,
        unix_time: if session.is_some() { signin::unix_time() } else { 0 },
        fetch_site: head.sole(Field::FetchSite),
        origin: head.sole(Field::Origin),
        websocket: head.websocket,
    }
}

/// What proxies say of whom they speak for.
#[must_use]
pub fn forwarded_headers<'a>(head: &Head<'a>) -> ForwardedHeaders<'a> {
    let mut headers = ForwardedHeaders::default();
    for (field, kind) in head.fields.iter().zip(&head.kinds) {
        match kind {
            Field::XRealIp => headers.x_real_ip.push(field.value),
            Field::CfConnectingIp => headers.cf_connecting_ip.push(field.value),
            Field::XForwardedFor => headers.x_forwarded_for.push(field.value),
            Field::Forwarded => headers.forwarded.push(field.value),
            Field::XForwardedProto => headers.x_forwarded_proto.push(field.value),
            _ => {}
        }
    }
    headers
}

/// The fields that a file's answer depends on.
#[must_use]
pub fn preconditions(head: &Head<'_>) -> HeaderMap {
    const NAMES: [&str; 6] =
        ["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];
    let mut map = HeaderMap::new();
    for field in head.fields {
        if let Some(name) = NAMES.into_iter().find(|name| field.name.eq_ignore_ascii_case(name))
            && let Ok(value) = HeaderValue::from_bytes(field.value)
        {
            map.append(HeaderName::from_static(name), value);
        }
    }
    map
}
