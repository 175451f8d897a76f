//! The application behind the gate: where it is, connections to it, and what can go wrong with them.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::buffer::Buffer;
use super::http1::Persistence;
use super::wire::Wire;
use crate::config::Upstream as Place;

/// Idle connections that a worker keeps to the upstream.
const IDLE_CONNECTIONS: usize = 256;

/// How long an idle connection is kept when the upstream does not say.
const IDLE_TIME: Duration = Duration::from_mins(1);

/// A request that must not be sent twice takes only a connection that was used so recently: an upstream that
/// closes idle connections (Node.js after 5 s) is then not about to.
const SURELY_OPEN: Duration = Duration::from_secs(2);

/// Why the upstream could not be asked, or gave no answer.
#[derive(Debug)]
pub enum Failure {
    /// No connection: refused, unreachable, unknown name, no socket file, TLS refused.
    Unreachable(io::Error),
    /// No connection within so long.
    ConnectTimeout(Duration),
    /// The connection ended before an answer.
    Closed(io::Error),
    /// What it answered is no HTTP that can be passed on.
    Unreadable,
    /// Nothing came within so long.
    Silent(Duration),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => f.write_str("connection refused"),
                io::ErrorKind::NotFound => f.write_str("no such socket"),
                _ => write!(f, "{error}"),
            },
            Self::ConnectTimeout(limit) => write!(f, "no connection within {} s", limit.as_secs()),
            Self::Closed(_) => f.write_str("it closed the connection without an answer"),
            Self::Unreadable => f.write_str("its answer is not valid HTTP"),
            Self::Silent(limit) => write!(f, "no answer within {} s", limit.as_secs()),
        }
    }
}

/// An application and the way to it.
#[derive(Debug)]
pub struct Upstream {
    name: String,
    authority: String,
    place: Place,
    serial: u64,
    connect_timeout: Duration,
    tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
}

/// A connection to the upstream, with what it already said.
#[derive(Debug)]
pub struct Link {
    /// The stream.
    pub wire: Wire,
    /// Read and not yet used.
    pub input: Buffer,
    /// It served a request before, so the upstream may have closed it just now.
    pub reused: bool,
}

struct Idle {
    link: Link,
    serial: u64,
    since: Instant,
    until: Instant,
}

thread_local! {
    /// This worker's idle connections, the latest used last.
    static IDLE: RefCell<Vec<Idle>> = const { RefCell::new(Vec::new()) };
}

/// Tells upstreams apart over a change of settings, so that no connection to an earlier one is used.
static SERIAL: AtomicU64 = AtomicU64::new(0);

impl Upstream {
    /// The application at `place`; `connect_timeout` bounds name look-up, connection and TLS handshake together.
    ///
    /// # Errors
    /// A host name that no certificate can be for; a unix socket on a system that has none.
    pub fn new(place: Place, connect_timeout: Duration) -> Result<Self, crate::error::Error> {
        let tls = match &place {
            Place::Https { host, .. } => {
                let name = ServerName::try_from(host.clone()).map_err(|error| {
                    crate::error::Error::new(format!("`{host}` is no name that a certificate can be for"))
                        .caused_by(error)
                })?;
                let mut roots = rustls::RootCertStore::empty();
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                let config =
                    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
                Some((Arc::new(config), name))
            }
            #[cfg(not(unix))]
            Place::Unix { .. } => {
                return Err(crate::error::Error::new("this system has no unix sockets")
                    .hint("name the app by its port"));
            }
            _ => None,
        };
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            name: place.to_string(),
            authority: authority(&place),
            place,
            serial,
            connect_timeout,
            tls,
        })
    }

    /// Where it is, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a request names as its host when the client named none.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// An idle connection that is still open. `repeatable`: the request may be sent again if it was not after all.
    #[must_use]
    pub fn idle(&self, repeatable: bool) -> Option<Link> {
        IDLE.with_borrow_mut(|idle| {
            let now = Instant::now();
            let surely_open = |last: &mut Idle| repeatable || now < last.since + SURELY_OPEN;
            while let Some(last) = idle.pop_if(surely_open) {
                if last.serial == self.serial && now < last.until && !last.link.wire.is_stale() {
                    return Some(last.link);
                }
            }
            None
        })
    }

    /// A new connection.
    ///
    /// # Errors
    /// [`Failure::Unreachable`], [`Failure::ConnectTimeout`].
    pub async fn connect(&self) -> Result<Link, Failure> {
        let wire = tokio::time::timeout(self.connect_timeout, self.reach())
            .await
            .map_err(|_| Failure::ConnectTimeout(self.connect_timeout))?
            .map_err(Failure::Unreachable)?;
        Ok(Link { wire, input: Buffer::default(), reused: false })
    }

    async fn reach(&self) -> io::Result<Wire> {
        match &self.place {
            #[cfg(unix)]
            Place::Unix { path } => Ok(Wire::Unix(tokio::net::UnixStream::connect(path).await?)),
            // `new` refuses it.
            #[cfg(not(unix))]
            Place::Unix { .. } => Err(io::ErrorKind::Unsupported.into()),
            Place::Http { host, port } | Place::Https { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                match &self.tls {
                    None => Ok(Wire::Tcp(stream)),
                    Some((config, name)) => {
                        let stream =
                            TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream).await?;
                        Ok(Wire::Tls(Box::new(stream.into())))
                    }
                }
            }
        }
    }

    /// Keeps a connection for the next request, if the upstream does and has said nothing beyond its answer.
    pub fn keep(&self, mut link: Link, persistence: Persistence) {
        let Persistence::Keeps { seconds } = persistence else { return };
        if !link.input.is_empty() {
            return;
        }
        link.input.rest();
        link.reused = true;
        let since = Instant::now();
        // A second less than announced: the request has to get there in time.
        let time = seconds
            .map_or(IDLE_TIME, |seconds| Duration::from_secs(u64::from(seconds).saturating_sub(1)))
            .min(IDLE_TIME);
        IDLE.with_borrow_mut(|idle| {
            if idle.len() < IDLE_CONNECTIONS {
                idle.push(Idle { link, serial: self.serial, since, until: since + time });
            }
        });
    }
}

/// What a request names as its host when the client named none.
fn authority(place: &Place) -> String {
    match place {
        Place::Http { .. } | Place::Https { .. } => {
            place.to_string().split_once("://").map(|(_, authority)| authority.to_owned()).unwrap_or_default()
        }
        Place::Unix { .. } => "localhost".to_owned(),
    }
}

/// Closes this worker's idle connections that are too old or that the upstream has closed.
pub fn sweep() {
    let now = Instant::now();
    IDLE.with_borrow_mut(|idle| idle.retain(|idle| now < idle.until && !idle.link.wire.is_stale()));
}

/// Closes all of this worker's idle connections.
pub fn close_idle() {
    IDLE.with_borrow_mut(Vec::clear);
}
