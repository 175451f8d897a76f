//! Certificates that a test makes, and a client that takes any of them and says which it was shown.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, RootCertStore, SignatureScheme,
    StreamOwned,
};

use super::Innkeeper;
use super::client::Client;

/// The settings of a server with [`Made::files`] in its folder.
pub const SSL: &str = "ssl: {enabled: true, certPath: tls/cert.pem, keyPath: tls/key.pem}";

/// A certificate that signs itself, with its key.
pub struct Made {
    pub certificate: String,
    pub key: String,
    pub der: CertificateDer<'static>,
}

impl Made {
    /// One with these names that is valid for a long time.
    pub fn of(names: &[&str]) -> Self {
        Self::with(names, |parameters| parameters.not_after = rcgen::date_time_ymd(4000, 1, 1))
    }

    /// One that ends so long from now.
    pub fn for_time(names: &[&str], length: Duration) -> Self {
        Self::with(names, |parameters| parameters.not_after = (SystemTime::now() + length).into())
    }

    /// One that has ended.
    pub fn expired(names: &[&str]) -> Self {
        Self::with(names, |parameters| parameters.not_after = rcgen::date_time_ymd(2020, 1, 2))
    }

    fn with(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        change(&mut parameters);
        let certificate = parameters.self_signed(&key).unwrap();
        Self { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    }

    /// A server with this certificate.
    pub fn serve(&self, top: &str, own: &str) -> Innkeeper {
        Innkeeper::start_with(&format!("{SSL}\n{top}"), own, &self.files())
    }

    /// The files that [`SSL`] names.
    pub fn files(&self) -> [(&'static str, &[u8]); 2] {
        [("tls/cert.pem", self.certificate.as_bytes()), ("tls/key.pem", self.key.as_bytes())]
    }
}

/// A connection that has shaken hands.
pub type Talk = StreamOwned<ClientConnection, TcpStream>;

/// A browser, so to speak: it remembers sessions.
pub struct Browser(Arc<ClientConfig>);

impl Browser {
    /// One that takes any certificate.
    pub fn trusting() -> Self {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Self::of(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    /// One that takes none.
    pub fn doubting() -> Self {
        let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        Self::of(config.with_no_client_auth())
    }

    /// One that takes those of `made`.
    pub fn knowing(made: &Made) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(made.der.clone()).unwrap();
        Self::of(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    }

    fn of(mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    /// Connects, asks for the certificate of `name`, and shakes hands.
    pub fn connect(&self, server: &Innkeeper, name: &str) -> io::Result<Talk> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        let mut stream = Client::of(server).stream;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }

    /// The certificate that is shown to whoever asks for `name`, and whether a session went on.
    pub fn shown(&self, server: &Innkeeper, name: &str) -> (CertificateDer<'static>, HandshakeKind) {
        let mut talk = self.connect(server, name).unwrap();
        // With the answer come the tickets.
        ask(&mut talk, "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n");
        (talk.conn.peer_certificates().unwrap()[0].clone(), talk.conn.handshake_kind().unwrap())
    }
}

/// Sends a request and reads all that comes until the end.
pub fn ask(talk: &mut Talk, request: &str) -> String {
    talk.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    talk.read_to_string(&mut text).unwrap();
    text
}

/// Takes any certificate, as long as its key signs.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
