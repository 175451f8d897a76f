//! What a server shows to those who connect: its certificates, the versions of TLS that it takes, its protocol. And
//! the authorities that this computer trusts.
//!
//! Blocks; for commands. Nothing is trusted and nothing is sent but handshakes.

mod hello;
mod witness;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, Error as TlsError, ProtocolVersion, SupportedProtocolVersion};

use crate::cert::inspection::{Answer, Protocol, Roots};
use crate::error::Error;
use witness::Witness;

/// The authorities that this computer trusts; none where it keeps none.
#[must_use]
pub fn system_roots() -> Roots {
    let found = rustls_native_certs::load_native_certs();
    Roots::of(found.certs.into_iter().map(|certificate| certificate.to_vec()))
}

/// Connects to `host` (a name or an address, without brackets) and looks at what it shows. A server that says nothing is
/// waited for once: five seconds from the first packet on.
///
/// # Errors
/// A name that nobody knows, nobody who answers within five seconds, an answer that is neither TLS nor http.
pub fn probe(host: &str, port: u16) -> Result<Answer, Error> {
    let (server, stream) = Server::find(host, port)?;
    match server.first(stream) {
        Ok(Shown { is_proven: false, .. }) => Err(Error::new(format!(
            "{} shows a certificate of which it does not have the key",
            server.name()
        ))
        .hint("no browser takes that: it was shown by somebody else, or the server has two of a kind")),
        Ok(first) => {
            let protocols = server.protocols(first.protocol);
            Ok(Answer::Tls { chain: first.chain, protocols, alpn: first.alpn })
        }
        Err(failure) => server.in_clear(failure),
    }
}

/// How long the first answer may take, from connecting on; and how long all that is asked after it, side by side.
const LIMIT: Duration = Duration::from_secs(5);

/// How long an answer in clear may take.
const SHORT: Duration = Duration::from_secs(2);

/// After so long without a handshake it is asked in clear on the side.
const PATIENCE: Duration = Duration::from_secs(3);

/// By this an answer in http is known.
const HTTP: &[u8] = b"HTTP/";

/// What to do when it is another service that answers, or none.
const PORT: &str = "name the port of the web app, as it stands in the browser";

/// Who is asked.
struct Server<'a> {
    host: &'a str,
    port: u16,
    addresses: Vec<std::net::SocketAddr>,
}

/// What came of a handshake.
struct Shown {
    chain: Vec<Vec<u8>>,
    /// It was not signed by another key than that of the certificate.
    is_proven: bool,
    /// The version that was agreed on.
    protocol: Option<Protocol>,
    alpn: Option<String>,
}

/// Why there was none.
struct Failure {
    error: io::Error,
    /// The first bytes that came in its place.
    start: Vec<u8>,
}

impl<'a> Server<'a> {
    /// Looks it up and connects. How long a name takes is not up to the server.
    fn find(host: &'a str, port: u16) -> Result<(Self, Timed), Error> {
        let addresses = (host, port).to_socket_addrs().map_err(|error| {
            Error::new(format!("nobody knows the name `{host}`"))
                .caused_by(error)
                .hint("ask for the address in its place, as in `innkeeper cert check 192.168.0.7:8000`")
        })?;
        let server = Self { host, port, addresses: addresses.collect() };
        // Whether it is there at all is told apart from what it says.
        let stream = server.connect(Instant::now() + LIMIT).map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::TimedOut => {
                    "see whether it is switched on, and whether a firewall keeps that port"
                }
                _ => "if it is this computer, start it: `innkeeper serve`",
            };
            Error::new(format!("nobody answers at {}", server.name())).caused_by(error).hint(hint)
        })?;
        Ok((server, stream))
    }

    fn name(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The first address that answers; each has its share of the time, so that one that is silent leaves some to the
    /// next.
    fn connect(&self, deadline: Instant) -> io::Result<Timed> {
        let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
        for (address, left) in self.addresses.iter().zip((1..=self.addresses.len()).rev()) {
            let share = remaining(deadline)? / u32::try_from(left).unwrap_or(u32::MAX);
            match TcpStream::connect_timeout(address, share) {
                Ok(stream) => return Ok(Timed { stream, deadline, start: Vec::new() }),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Shakes hands in any version. Some wait for the end of a line, which a handshake does not have: so after a while
    /// it is asked in clear too, and what it says then stands for what it did not say.
    fn first(&self, stream: Timed) -> Result<Shown, Failure> {
        let (shaking, is_over) = mpsc::channel::<()>();
        let (shown, in_clear) = thread::scope(|scope| {
            let in_clear = scope.spawn(move || match is_over.recv_timeout(PATIENCE) {
                Err(RecvTimeoutError::Timeout) => self.said_in_clear(),
                _ => Vec::new(),
            });
            let shown = self.handshake(&[&TLS13, &TLS12], stream);
            drop(shaking);
            (shown, in_clear.join().unwrap_or_default())
        });
        shown.map_err(|failure| match failure {
            Failure { error, start } if start.is_empty() => Failure { error, start: in_clear },
            failure => failure,
        })
    }

    /// Shakes hands in one of `versions`. It succeeds when a certificate came, whatever came after it.
    fn handshake(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        mut stream: Timed,
    ) -> Result<Shown, Failure> {
        let failed = |error: io::Error| Failure { error, start: Vec::new() };
        let seen = Arc::new(Witness::default());
        let tls = |error: TlsError| failed(io::Error::other(error));
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .map_err(tls)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&seen) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name =
            ServerName::try_from(self.host.to_owned()).map_err(|error| failed(io::Error::other(error)))?;
        let mut connection = ClientConnection::new(Arc::new(config), name).map_err(tls)?;
        let mut done = Ok(());
        while connection.is_handshaking() && done.is_ok() {
            done = connection.complete_io(&mut stream).map(drop);
        }
        let chain = std::mem::take(&mut *seen.chain.lock().unwrap_or_else(PoisonError::into_inner));
        match done {
            Err(error) if chain.is_empty() => Err(Failure { error, start: stream.start }),
            _ => {
                let alpn = connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
                let protocol = match connection.protocol_version() {
                    Some(ProtocolVersion::TLSv1_2) => Some(Protocol::Tls12),
                    Some(ProtocolVersion::TLSv1_3) => Some(Protocol::Tls13),
                    _ => None,
                };
                let is_proven = !seen.is_forged.load(Ordering::Relaxed);
                Ok(Shown { chain, is_proven, protocol, alpn })
            }
        }
    }

    /// Which versions it takes besides the one that it has shown, all asked at the same time.
    fn protocols(&self, shown: Option<Protocol>) -> Vec<Protocol> {
        let deadline = Instant::now() + LIMIT;
        those(&[Protocol::Tls10, Protocol::Tls11, Protocol::Tls12, Protocol::Tls13], |protocol| {
            let shakes = |version| {
                self.connect(deadline).is_ok_and(|stream| self.handshake(&[version], stream).is_ok())
            };
            match protocol {
                protocol if Some(protocol) == shown => true,
                Protocol::Tls10 | Protocol::Tls11 => self.takes(protocol, deadline),
                // The second asks with more curves and ciphers than rustls has.
                Protocol::Tls12 => shakes(&TLS12) || self.takes(protocol, deadline),
                Protocol::Tls13 => shakes(&TLS13),
            }
        })
    }

    /// Whether it goes on after a hand-made greeting in `protocol`.
    fn takes(&self, protocol: Protocol, deadline: Instant) -> bool {
        let Ok(mut stream) = self.connect(deadline) else { return false };
        let mut start = [0; hello::ENOUGH];
        stream.write_all(&hello::client(protocol, self.host)).is_ok()
            && stream.read_exact(&mut start).is_ok()
            && hello::answers(&start, protocol)
    }

    /// The first bytes that come when it is asked in clear; none when nothing comes.
    fn said_in_clear(&self) -> Vec<u8> {
        let mut start = [0; HTTP.len()];
        let asked = self.connect(Instant::now() + SHORT).and_then(|mut stream| {
            stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n")?;
            stream.read_exact(&mut start)
        });
        if asked.is_ok() { start.to_vec() } else { Vec::new() }
    }

    /// There was no handshake in TLS 1.2 or 1.3: is it old, or is it http?
    fn in_clear(&self, failure: Failure) -> Result<Answer, Error> {
        if failure.start.starts_with(HTTP) {
            return Ok(Answer::PlainHttp);
        }
        // Who has said nothing to the newest versions says nothing to the oldest.
        if matches!(failure.error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
            let seconds = LIMIT.as_secs();
            return Err(Error::new(format!("{} says nothing for {seconds} seconds", self.name())).hint(PORT));
        }
        let deadline = Instant::now() + LIMIT;
        // It may have ciphers that rustls has not.
        let hand_made = [Protocol::Tls10, Protocol::Tls11, Protocol::Tls12];
        let protocols = those(&hand_made, |protocol| self.takes(protocol, deadline));
        if protocols.contains(&Protocol::Tls12) {
            // Of a certificate that was not seen nobody may say that it is good.
            return Err(self.unseen("speaks TLS 1.2, but shows no certificate to this program", failure));
        }
        if !protocols.is_empty() {
            return Ok(Answer::Tls { chain: Vec::new(), protocols, alpn: None });
        }
        if self.said_in_clear() == HTTP {
            return Ok(Answer::PlainHttp);
        }
        if failure.start.first() == Some(&hello::ALERT) {
            return Err(self.unseen("speaks TLS, but breaks the handshake off", failure));
        }
        let error = Error::new(format!("{} speaks neither https nor http", self.name()));
        Err(error.caused_by(failure.error).hint(PORT))
    }

    /// It does something in TLS, of which nothing is seen here.
    fn unseen(&self, does: &str, failure: Failure) -> Error {
        let name = self.name();
        let error = Error::new(format!("{name} {does}")).caused_by(failure.error);
        let error = match self.host.parse::<IpAddr>() {
            Ok(_) => error
                .hint("it may want to be asked by its name, as in `innkeeper cert check desk.local:8000`"),
            Err(_) => error,
        };
        error.hint(format!("what it shows to others: `openssl s_client -connect {name} < /dev/null`"))
    }
}

/// Those of `protocols` for which `takes`, asked side by side.
fn those(protocols: &[Protocol], takes: impl Fn(Protocol) -> bool + Sync) -> Vec<Protocol> {
    let takes = &takes;
    thread::scope(|scope| {
        let ask = |protocol: &Protocol| {
            let protocol = *protocol;
            (protocol, scope.spawn(move || takes(protocol)))
        };
        let asked: Vec<_> = protocols.iter().map(ask).collect();
        let answers =
            asked.into_iter().map(|(protocol, answer)| (protocol, answer.join().unwrap_or_default()));
        answers.filter_map(|(protocol, is_taken)| is_taken.then_some(protocol)).collect()
    })
}

fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// A connection with an end in time, however slowly bytes come.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
    /// The first bytes that came.
    start: Vec<u8>,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(remaining(self.deadline)?))?;
        let count = self.stream.read(buffer)?;
        let wanted = 8usize.saturating_sub(self.start.len()).min(count);
        self.start.extend_from_slice(&buffer[..wanted]);
        Ok(count)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(remaining(self.deadline)?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
