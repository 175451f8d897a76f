//! The first bytes on a port of TLS: whether they are TLS at all, and what comes of the handshake.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{AlertDescription, Error as TlsError, PeerIncompatible, ProtocolVersion, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::journal::HandshakeFailure;
use crate::record::event::Tls;

/// The first byte of a handshake record (RFC 8446, section 5.1), and of nothing in HTTP/1.
pub const HANDSHAKE: u8 = 0x16;

/// What a browser is told that begins TLS where none is spoken: the fatal alert `protocol_version` (RFC 8446, section
/// 6), on which it gives up at once instead of waiting for more.
pub const NO_TLS_HERE: [u8; 7] = [0x15, 3, 1, 0, 2, 2, 70];

/// How a connection to a port of TLS begins.
pub enum Opened {
    /// With TLS, and then HTTP/2.
    Http2 {
        /// The stream.
        stream: Box<TlsStream<TcpStream>>,
        /// The version of TLS.
        version: Tls,
    },
    /// With TLS, and then HTTP/1.
    Http1 {
        /// The stream.
        stream: Box<TlsStream<TcpStream>>,
        /// The version of TLS.
        version: Tls,
    },
    /// With something else: http in clear, most likely.
    InClear {
        /// The stream, of which nothing was read.
        stream: TcpStream,
        /// The address of the port.
        here: SocketAddr,
    },
    /// With TLS of which nothing came, for a reason that the owner can do something about.
    Failed(HandshakeFailure),
    /// With nothing, or with something that is nobody's business.
    Silent,
}

/// Waits for the first byte, and shakes hands if it is TLS. Takes as long as the client does.
pub async fn open(stream: TcpStream, config: &Arc<ServerConfig>) -> Opened {
    match first_byte(&stream).await {
        Some(HANDSHAKE) => {}
        Some(_) => {
            let here = stream.local_addr();
            return here.map_or(Opened::Silent, |here| Opened::InClear { stream, here });
        }
        None => return Opened::Silent,
    }
    let stream = match TlsAcceptor::from(Arc::clone(config)).accept(stream).await {
        Ok(stream) => Box::new(stream),
        Err(error) => return why(&error).map_or(Opened::Silent, Opened::Failed),
    };
    let session = stream.get_ref().1;
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => Tls::V1_2,
        _ => Tls::V1_3,
    };
    if session.alpn_protocol() == Some(b"h2") {
        Opened::Http2 { stream, version }
    } else {
        Opened::Http1 { stream, version }
    }
}

/// The first byte that comes, which stays to be read; `None`: none will.
async fn first_byte(stream: &TcpStream) -> Option<u8> {
    let mut byte = [0];
    matches!(stream.peek(&mut byte).await, Ok(1)).then_some(byte[0])
}

/// What the owner can do something about. Scanners and clients that hang up are told of nowhere.
fn why(error: &io::Error) -> Option<HandshakeFailure> {
    use AlertDescription as Alert;
    match error.get_ref()?.downcast_ref::<TlsError>()? {
        TlsError::AlertReceived(alert) => match alert {
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateRevoked
            | Alert::UnsupportedCertificate => Some(HandshakeFailure::Distrusted),
            Alert::CertificateExpired => Some(HandshakeFailure::Expired),
            Alert::ProtocolVersion | Alert::InsufficientSecurity | Alert::HandshakeFailure => {
                Some(HandshakeFailure::Outdated)
            }
            _ => None,
        },
        TlsError::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => Some(HandshakeFailure::Outdated),
        _ => None,
    }
}
