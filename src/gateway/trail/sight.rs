//! A request and its verdict, in the words of the audit log.

use crate::gateway::http1::Head;
use crate::gateway::rules::Edition;
use crate::policy::client::Client;
use crate::policy::whitelist::Rule;
use crate::policy::{Approach, Denial, Entrance, Lack, Permit, Standing};
use crate::record::event::Reason;

/// A request and its verdict, as far as they are written down.
pub struct Sight<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// Why it is let in or not.
    pub reason: Reason,
    /// Who signed in.
    pub user: Option<&'a str>,
    /// The entry that covers the address.
    pub entry: Option<Entry<'a>>,
    /// Its head, where one could be read.
    pub head: Option<&'a Head<'a>>,
    /// Its path without the query, and the host that it asks for.
    pub target: Option<(&'a str, Option<&'a [u8]>)>,
}

/// An entry of the list.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// What it says, and where.
    pub rule: &'a Rule<'a>,
    /// Of which rules it is.
    pub edition: Edition,
}

impl<'a> Sight<'a> {
    /// Of somebody of whom nothing is known but the address and the refusal.
    #[must_use]
    pub const fn of_stranger(client: &'a Client, reason: Reason) -> Self {
        Self { client, reason, user: None, entry: None, head: None, target: None }
    }
}

/// Why somebody is let in, and by which entry.
#[must_use]
pub fn grounds<'a>(permit: &'a Permit<'_>) -> (Reason, Option<&'a Rule<'a>>) {
    let rule = match &permit.standing {
        Standing::Listed(rule) => Some(rule),
        Standing::Open | Standing::Unlisted(_) | Standing::Unmeetable => None,
    };
    let reason = match &permit.entrance {
        Entrance::Session(_) => Reason::Session,
        Entrance::Password => Reason::Password,
        Entrance::Public => Reason::Public,
        Entrance::Unasked if rule.is_some() => Reason::Listed,
        Entrance::Unasked => Reason::Open,
    };
    (reason, rule)
}

/// Why somebody gets to see the form, and by which entry.
#[must_use]
pub const fn grounds_of_approach<'a>(approach: &'a Approach<'_>) -> (Reason, Option<&'a Rule<'a>>) {
    match &approach.standing {
        Standing::Open => (Reason::Open, None),
        Standing::Listed(rule) => (Reason::Listed, Some(rule)),
        Standing::Unlisted(_) | Standing::Unmeetable => (Reason::Public, None),
    }
}

/// Why somebody is refused; and who, where that is known.
#[must_use]
pub const fn refusal(denial: &Denial) -> (Reason, Option<&Client>) {
    match denial {
        Denial::Malformed(_) => (Reason::Malformed, None),
        Denial::Garbled(client) => (Reason::UnreadableAddress, Some(client)),
        Denial::Address { client, .. } => (Reason::Unlisted, Some(client)),
        Denial::Host(client) => (Reason::UnknownHost, Some(client)),
        Denial::Insecure(client) => (Reason::Insecure, Some(client)),
        Denial::CrossSite(client) => (Reason::CrossSite, Some(client)),
        Denial::Throttled { client, .. } => (Reason::Throttled, Some(client)),
        Denial::SignIn { client, lack } => (
            match lack {
                Lack::Missing => Reason::NoLogin,
                Lack::Unreadable => Reason::UnreadableLogin,
                Lack::Wrong => Reason::WrongPassword,
            },
            Some(client),
        ),
    }
}
