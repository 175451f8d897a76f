//! Listening sockets: which addresses are bound, and the copies that the workers accept from.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{Family, Settings};
use crate::error::Error;

/// Connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// One bound address.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    /// The address, with the port that the system chose where 0 was asked for.
    pub address: SocketAddr,
}

impl Listener {
    /// Binds what the settings ask for: loopback alone while `listen` is off, as SillyTavern does. A family set to
    /// `auto` may fail as long as the other one works.
    ///
    /// # Errors
    /// A port in use, an address that is not this machine's, no permission; with what to do.
    pub fn bind_all(settings: &Settings) -> Result<Vec<Self>, Error> {
        let (ipv4, ipv6) = if settings.listen {
            (settings.listen_address.ipv4, settings.listen_address.ipv6)
        } else {
            (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST)
        };
        let mut listeners: Vec<Self> = Vec::new();
        let mut skipped = None;
        for (family, address) in
            [(settings.protocol.ipv4, IpAddr::from(ipv4)), (settings.protocol.ipv6, IpAddr::from(ipv6))]
        {
            // With port 0 both families get the same one.
            let port = listeners.first().map_or(settings.port, |first| first.address.port());
            let address = SocketAddr::new(address, port);
            match (family, Self::bind(address)) {
                (Family::Off, _) => {}
                (_, Ok(listener)) => listeners.push(listener),
                (Family::Auto, Err(error)) => skipped = Some(explain(address, error)),
                (Family::On, Err(error)) => return Err(explain(address, error)),
            }
        }
        match skipped {
            Some(error) if listeners.is_empty() => Err(error),
            _ => Ok(listeners),
        }
    }

    fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            // Each family has a socket of its own, so that an IPv4 visitor is never seen in IPv6 dress.
            socket.set_only_v6(true)?;
        }
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from(socket);
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// The same socket once more, for one worker. All accept from one queue.
    ///
    /// # Errors
    /// No more file descriptors, no runtime.
    pub fn accept_too(&self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.socket.try_clone()?)
    }
}

fn explain(address: SocketAddr, error: io::Error) -> Error {
    let port = address.port();
    let message = Error::new(format!("cannot listen on `{address}`"));
    let message = match error.kind() {
        io::ErrorKind::AddrInUse => message
            .hint(format!(
                "another program uses port {port}; choose another: `innkeeper serve --port {}`",
                next(port)
            ))
            .hint(format!("see which: `ss -ltnp 'sport = :{port}'`")),
        io::ErrorKind::PermissionDenied => {
            message.hint("ports below 1024 are the system's; choose another: `innkeeper serve --port 8000`")
        }
        io::ErrorKind::AddrNotAvailable => message
            .hint("no interface of this machine has that address; `listenAddress` 0.0.0.0 means all of them"),
        _ => message,
    };
    message.caused_by(error)
}

const fn next(port: u16) -> u16 {
    if port == u16::MAX { 8000 } else { port + 1 }
}
