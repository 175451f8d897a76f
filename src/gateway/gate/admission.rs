//! What a visitor who is let in gets: the app, a file, or a page of ours; and what is told of an app that fails.

use std::sync::Arc;

use hyper::Response;
use hyper::http::{HeaderMap, Method};

use super::plan::answer;
use super::{Gate, Order, Peer, Plan, Sending};
use crate::gateway::buffer;
use crate::gateway::field::Field;
use crate::gateway::files::{self, Folder};
use crate::gateway::forward::{self, OwnFields, Tidings};
use crate::gateway::http1::{Head, Persistence};
use crate::gateway::page::{self, Page};
use crate::gateway::reply::{self, AnswerBody};
use crate::gateway::rules::{Behind, Rules};
use crate::gateway::sight;
use crate::gateway::signin::{self, OwnPath};
use crate::gateway::stay::Stay;
use crate::gateway::trail::{self, Entry, Sight};
use crate::gateway::upstream::{Failure, Upstream};
use crate::policy::host::HostVerdict;
use crate::policy::{HostCheck, Permit, Visit};

/// A file that is asked for.
pub struct Wanted {
    folder: Arc<Folder>,
    method: Method,
    path: String,
    headers: HeaderMap,
    accept: Option<Vec<u8>>,
    cookie: Option<String>,
}

impl Gate {
    /// What happens next with a request that is let in by `permit`, after both logs were told.
    #[expect(clippy::too_many_arguments, reason = "one request's head, its verdict and its connection")]
    pub(super) fn admit(
        &self,
        rules: &Arc<Rules>,
        head: &Head<'_>,
        visit: &Visit<'_>,
        target: &str,
        permit: &Permit<'_>,
        peer: &mut Peer,
        sending: Sending,
    ) -> Plan {
        self.note_arrival(rules, head, visit, permit, peer);
        if matches!(head.method, "CONNECT" | "TRACE") {
            let allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            return answer(reply::page(&Page::MethodNotAllowed { allow }, head), sending);
        }
        let cookie = signin::cookie(rules, head, visit, permit);
        if OwnPath::of(visit.path).is_some() {
            return answer(reply::page(&Page::NotFound, head), sending);
        }
        match &rules.behind {
            Behind::Upstream(upstream) => {
                let order = order(rules, upstream, head, visit, target, permit, sending);
                let hsts = rules.hsts.clone().filter(|_| peer.tls.is_some());
                Plan::Forward(Order { own: OwnFields { cookie, hsts }, ..order })
            }
            Behind::Folder(folder) => Plan::Folder {
                wanted: Wanted {
                    folder: Arc::clone(folder),
                    method: head.method.parse().unwrap_or_default(),
                    path: visit.path.to_owned(),
                    headers: sight::preconditions(head),
                    accept: reply::accept(head),
                    cookie,
                },
                sending,
            },
            Behind::Nothing if visit.method == "GET" || visit.method == "HEAD" => {
                let mut response = reply::welcome(head, permit, peer);
                signin::add_cookie(response.headers_mut(), cookie.as_deref());
                answer(response, sending)
            }
            Behind::Nothing => {
                answer(reply::page(&Page::MethodNotAllowed { allow: files::ALLOW }, head), sending)
            }
        }
    }

    /// Takes note of a visitor who is let in: for the audit log, and for the owner at the console.
    fn note_arrival(
        &self,
        rules: &Rules,
        head: &Head<'_>,
        visit: &Visit<'_>,
        permit: &Permit<'_>,
        peer: &mut Peer,
    ) {
        let (reason, rule) = trail::grounds(permit);
        let sight = Sight {
            client: &permit.client,
            reason,
            user: permit.user.as_deref(),
            entry: rule.map(|rule| Entry { rule, edition: rules.edition }),
            head: Some(head),
            target: Some((visit.path, visit.host)),
        };
        trail::begin(&self.shared.journal, peer, &sight);
        if permit.host == HostVerdict::Unknown && rules.policy.host_check == HostCheck::Warn {
            self.shared.journal.unknown_host(visit.host.unwrap_or_default());
        }
        if rules.tell_arrivals && peer.announced.as_ref() != Some(&permit.client) {
            self.shared.journal.arrived(&permit.client.to_string(), head.first(Field::UserAgent));
            peer.announced = Some(permit.client.clone());
        }
    }

    /// Looks for a file.
    pub async fn file(&self, wanted: Wanted) -> Response<AnswerBody> {
        let failure = match wanted.folder.respond(&wanted.method, &wanted.path, &wanted.headers).await {
            Ok(mut response) => {
                signin::add_cookie(response.headers_mut(), wanted.cookie.as_deref());
                return response;
            }
            Err(failure) => failure,
        };
        let page = match &failure {
            files::Failure::NotFound => Page::NotFound,
            files::Failure::MethodNotAllowed => Page::MethodNotAllowed { allow: files::ALLOW },
            files::Failure::Unreadable(error) => {
                self.shared.journal.warn(format!("cannot read `{}`: {error}", wanted.path.escape_debug()));
                Page::Broken
            }
        };
        reply::boxed(page::render(&page, wanted.accept.as_deref()))
    }

    /// The page for an upstream that failed, after the owner was told.
    #[must_use]
    pub fn upstream_failed(&self, order: &Order, failure: &Failure) -> Response<AnswerBody> {
        reply::upstream_failed(&self.shared.journal, &order.upstream, failure, order.accept.as_deref())
    }

    /// Looks whether the upstream is there, so that the owner hears at the start when it is not. The connection is
    /// kept for the first request.
    pub async fn look_at_upstream(self) {
        let Behind::Upstream(upstream) = &self.rules.behind else { return };
        match upstream.connect().await {
            Ok(link) => upstream.keep(link, Persistence::Keeps { seconds: None }),
            Err(failure) => self.shared.journal.upstream_down(upstream.name(), &failure),
        }
    }

    /// Takes note that the upstream answered.
    pub fn upstream_answered(&self, upstream: &Upstream) {
        self.shared.journal.upstream_back(upstream.name());
    }
}

/// The request as `upstream` gets it, `target` byte for byte; its `own` fields are still to come.
fn order(
    rules: &Rules,
    upstream: &Arc<Upstream>,
    head: &Head<'_>,
    visit: &Visit<'_>,
    target: &str,
    permit: &Permit<'_>,
    sending: Sending,
) -> Order {
    let mut bytes = buffer::lend();
    let tidings = Tidings {
        target,
        host: visit.host,
        own_host: upstream.authority(),
        client: rules.forward_client_ip.then(|| permit.client.address()),
        secure: visit.secure,
        identity_header: rules.identity_header.as_deref(),
        user: permit.user.as_deref(),
        authorization: signin::authorization(rules, visit, permit),
    };
    let coding = forward::write_request(head, &tidings, &mut bytes);
    let idempotent = matches!(head.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
    Order {
        upstream: Arc::clone(upstream),
        head: bytes,
        body: head.body,
        coding,
        expects_continue: head.expects_continue,
        websocket: head.websocket,
        repeatable: idempotent && head.body.is_done() && !head.websocket,
        sending,
        accept: reply::accept(head),
        own: OwnFields::default(),
        stay: Stay::of(head, visit, permit.user.as_ref()),
    }
}
