//! The request that is made up for each address, as it would be seen by `serve`.

use std::net::IpAddr;

use super::Served;
use crate::cli::TrialRequest;
use crate::error::Error;
use crate::policy::address::parse_address;
use crate::policy::client::{ForwardedHeaders, Header};
use crate::policy::{Ambient, Visit};

/// A request that nobody has sent.
pub(super) struct Request<'a> {
    /// The proxy that passes it on.
    pub(super) peer: Option<IpAddr>,
    /// What names the client in it before a proxy adds its own, in that order.
    pub(super) fields: Vec<(Header, &'a str)>,
    /// Every `X-Forwarded-Proto` that arrives with it.
    pub(super) protocols: Vec<&'a str>,
    /// The host that it asks for.
    pub(super) host: Option<&'a str>,
    /// Who is going to sign in.
    pub(super) user: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// Reads what was typed.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn of(typed: &'a TrialRequest) -> Result<Self, Vec<Error>> {
        let mut errors = Vec::new();
        let peer = typed.peer.as_deref().map(parse_address).transpose();
        let peer = peer.unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        let (mut fields, mut protocols) = (Vec::new(), Vec::new());
        for (name, value) in &typed.fields {
            let is_named = |header: &&Header| header.to_string().eq_ignore_ascii_case(name);
            match HEADERS.iter().find(is_named) {
                Some(header) => fields.push((*header, value.as_str())),
                None if name.eq_ignore_ascii_case(PROTOCOL) => protocols.push(value.as_str()),
                None => errors.push(unread(name)),
            }
        }
        let (host, user) = (typed.host.as_deref(), typed.user.as_deref());
        if errors.is_empty() { Ok(Self { peer, fields, protocols, host, user }) } else { Err(errors) }
    }

    /// Asks `answer` about a request of the client `address`. A proxy appends the address to `X-Forwarded-For`.
    pub(super) fn visit<T>(
        &self,
        address: IpAddr,
        served: &Served,
        answer: impl FnOnce(&Visit<'_>) -> T,
    ) -> T {
        let appended = self.peer.map(|_| address.to_string());
        let values = |wanted: Header| -> Vec<&[u8]> {
            let sent = self.fields.iter().filter(|(header, _)| *header == wanted);
            let appended = appended.as_deref().filter(|_| wanted == Header::XForwardedFor);
            sent.map(|(_, value)| value.trim().as_bytes()).chain(appended.map(str::as_bytes)).collect()
        };
        let forwarded = ForwardedHeaders {
            x_real_ip: values(Header::XRealIp),
            cf_connecting_ip: values(Header::CfConnectingIp),
            x_forwarded_for: values(Header::XForwardedFor),
            forwarded: values(Header::Forwarded),
            x_forwarded_proto: self.protocols.iter().map(|value| value.trim().as_bytes()).collect(),
        };
        let peer = self.peer.unwrap_or(address);
        // As `serve` has it: over TLS to here, or to a proxy of ours that says so.
        let secure = served.secure || served.rules.policy.trust.is_secured(peer, &forwarded);
        let host = self.host.map(str::as_bytes);
        answer(&Visit { host, forwarded, ..plain_visit(peer, secure) })
    }
}

/// The headers that can name a client.
const HEADERS: [Header; 4] =
    [Header::XForwardedFor, Header::XRealIp, Header::CfConnectingIp, Header::Forwarded];

/// The header that says how a client came to a proxy.
pub(super) const PROTOCOL: &str = "X-Forwarded-Proto";

fn unread(name: &str) -> Error {
    let names = HEADERS.map(|header| format!("`{header}`")).join(", ");
    Error::new(format!("the header `{}` names no client", name.escape_debug()))
        .hint(format!("those that can are {names}; `{PROTOCOL}` is read as well"))
}

/// A request for the first page, of somebody who has not signed in.
pub(super) fn plain_visit<'a>(peer: IpAddr, secure: bool) -> Visit<'a> {
    Visit {
        peer,
        secure,
        method: "GET",
        path: "/",
        host: None,
        authorization: None,
        forwarded: ForwardedHeaders::default(),
        ambient: Ambient::default(),
    }
}
