//! Who is at the other end of a connection, and what the gate remembers of them between two requests.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::gateway::trail::{Acquaintance, Trail};
use crate::policy::client::Client;
use crate::record::event::Tls;

/// Who is at the other end of a connection.
#[derive(Debug)]
pub struct Peer {
    /// Their address; IPv4-mapped forms are IPv4.
    pub address: IpAddr,
    /// The TLS version, if it is TLS.
    pub tls: Option<Tls>,
    /// It speaks in clear to a port of TLS, which has this address.
    pub astray: Option<SocketAddr>,
    /// When the head of the request that is judged was read.
    pub asked: Option<Instant>,
    /// The visitor that this connection was last told about.
    pub announced: Option<Client>,
    /// The visitor that is no news to the audit log.
    pub known: Option<Acquaintance>,
    /// What the request that is under way leaves in the audit log.
    pub trail: Option<Box<Trail>>,
    /// The trail of the request before it, for the next one to go on with.
    pub spare: Option<Box<Trail>>,
}

impl Peer {
    /// Somebody of whom nothing else is known yet.
    #[must_use]
    pub const fn new(address: IpAddr, tls: Option<Tls>) -> Self {
        Self {
            address,
            tls,
            astray: None,
            asked: None,
            announced: None,
            known: None,
            trail: None,
            spare: None,
        }
    }
}
