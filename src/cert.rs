//! The certificate that the server shows and the private key that belongs to it: read from the bytes of their
//! two files, checked against each other, and made into the server's side of TLS.
//!
//! Pure: no file, no clock. So a pair that exists can be served, but it may have expired.

/// The owner's own certificate authority.
pub mod authority;
mod host;
/// What clients will say to a certificate.
pub mod inspection;
mod key;
mod pairs;
mod pem;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::ServerConfig;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use webpki::EndEntityCert;

use crate::error::Error;

pub use self::pairs::Pairs;
use self::pem::{Block, Label, Wanted};

/// The bytes of a file, and the path that messages call it by.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The path as the owner wrote it.
    pub name: &'a str,
    /// The whole file.
    pub bytes: &'a [u8],
}

/// A chain of certificates and the private key of its first one. A pair that exists can be served.
#[derive(Clone)]
pub struct Pair {
    certified: Arc<CertifiedKey>,
}

impl Pair {
    /// Reads the files of `ssl.certPath` and `ssl.keyPath`, both PEM (RFC 7468), as `SillyTavern` does.
    ///
    /// The certificate file holds the server's own certificate first and then the chain, as in RFC 8446,
    /// section 4.4.2. The key is the first one of its file, in PKCS#8, PKCS#1 (RSA) or SEC1 (elliptic curve);
    /// both may lie in one file. `passphrase` is for an encrypted key and is left alone when the key is not
    /// encrypted.
    ///
    /// # Errors
    ///
    /// A file that is empty, not PEM, damaged, or the other one of the two; a passphrase that is missing or
    /// wrong; a key that TLS cannot sign with (RSA of 2048 to 4096 bits, P-256, P-384 and Ed25519 can); a key
    /// that belongs to another certificate. No error holds a byte of the key or of the passphrase.
    pub fn read(cert: Source<'_>, key: Source<'_>, passphrase: Option<&str>) -> Result<Self, Error> {
        let chain = certificates(cert, key)?;
        let der = key::read(key, cert, passphrase)?;
        let signing = ring::sign::any_supported_type(&der).map_err(|_| key::unusable(&der, key))?;

        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) => Ok(Self { certified: Arc::new(certified) }),
            Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(mismatch(&certified, cert, key))
            }
            Err(error) => Err(unreadable(error, &certified.cert, cert)
                .hint(format!("look at it with `innkeeper cert check --cert {}`", quoted(cert.name)))
                .hint(new_pair())),
        }
    }

    /// The server's side of TLS with this pair for every name, see [`Pairs::server_config`].
    ///
    /// # Errors
    ///
    /// The system gives no random bytes for the ticket keys.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        Pairs::new(self.clone(), Vec::new()).server_config(None)
    }

    /// The DNS names of the server's own certificate (`subjectAltName`), in its order, wildcards such as
    /// `*.example.org` included. The common name does not count, as in RFC 9110, section 4.3.4, and in
    /// browsers.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let leaf = self.certified.cert.first().and_then(|leaf| EndEntityCert::try_from(leaf).ok());
        leaf.map(|leaf| leaf.valid_dns_names().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// The certificates as they are shown, the server's own first, each in DER.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// Whether the server's own certificate is signed by itself: no authority stands behind it that a device could know.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        let leaf =
            self.certified.cert.first().and_then(|leaf| x509_parser::parse_x509_certificate(leaf).ok());
        leaf.is_some_and(|(_, leaf)| leaf.issuer() == leaf.subject())
    }

    /// The last moment at which the server's own certificate counts (RFC 5280, section 4.1.2.5); `None` where that
    /// cannot be read, or lies before 1970.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        let (_, leaf) = x509_parser::parse_x509_certificate(self.certified.cert.first()?).ok()?;
        let seconds = u64::try_from(leaf.validity().not_after.timestamp()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }
}

impl fmt::Debug for Pair {
    /// The names and the length of the chain; of the key only that it is there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("names", &self.names())
            .field("certificates", &self.certified.cert.len())
            .field("key", &format_args!("…"))
            .finish()
    }
}

/// All certificates of `cert`, in the file's order. `key` is looked into only to tell whether the two are
/// swapped.
fn certificates(cert: Source<'_>, key: Source<'_>) -> Result<Vec<CertificateDer<'static>>, Error> {
    let blocks = pem::read(cert, Wanted::Certificate, |error| error.hint(new_pair()))?;
    let chain = blocks
        .iter()
        .filter(|block| block.label == Label::Certificate)
        .map(|block| Ok(CertificateDer::from(block.decode(cert)?.to_vec())))
        .collect::<Result<Vec<_>, Error>>()?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    if blocks.iter().any(|block| block.label.is_key()) {
        let error = Error::new(format!("`{}` holds a private key, not a certificate", cert.name));
        return Err(if pem::contains(key, |label| label == Label::Certificate) {
            error.hint(swapped(cert, key))
        } else {
            error.hint("`ssl.certPath` is the certificate, `ssl.keyPath` the key")
        });
    }
    Err(nothing(Wanted::Certificate, &blocks, cert).hint(new_pair()))
}

/// Neither certificate nor key of the kind `wanted` is in `source`; says what is there instead.
fn nothing(wanted: Wanted, blocks: &[Block<'_>], source: Source<'_>) -> Error {
    let noun = wanted.noun();
    match blocks.first() {
        Some(block) => Error::new(format!("no {noun} in `{}`, only a `{}`", source.name, block.title)),
        None => Error::new(format!("no {noun} in `{}`", source.name))
            .hint(format!("it begins with the line `-----BEGIN {}-----`", wanted.title())),
    }
}

/// The key is sound but not that of the first certificate; perhaps it is that of a later one.
fn mismatch(certified: &CertifiedKey, cert: Source<'_>, key: Source<'_>) -> Error {
    let error = Error::new(format!(
        "the key in `{}` does not belong to the certificate in `{}`",
        key.name, cert.name
    ));
    match owner(certified) {
        Some(place) => error
            .hint(format!("it belongs to certificate number {} of that file: put that one first", place + 1)),
        None => {
            error.hint("name the key that the certificate was made with in `ssl.keyPath`").hint(new_pair())
        }
    }
}

/// The place of the certificate that the key belongs to.
fn owner(certified: &CertifiedKey) -> Option<usize> {
    let fits = |leaf: &CertificateDer<'static>| {
        CertifiedKey::new(vec![leaf.clone()], Arc::clone(&certified.key)).keys_match().is_ok()
    };
    certified.cert.iter().position(fits)
}

/// The first certificate is not one that TLS can show. Without extensions `openssl x509 -req` makes version
/// 1, which `SillyTavern` serves and browsers refuse, as names are an extension.
fn unreadable(error: TlsError, chain: &[CertificateDer<'static>], cert: Source<'_>) -> Error {
    let version = chain.first().map(EndEntityCert::try_from);
    if matches!(version, Some(Err(webpki::Error::UnsupportedCertVersion))) {
        return Error::new(format!("the certificate in `{}` is X.509 of a version before 3", cert.name));
    }
    Error::new(format!("cannot use the certificate in `{}`", cert.name)).caused_by(error)
}

/// The hint for two files that stand in each other's place.
fn swapped(cert: Source<'_>, key: Source<'_>) -> String {
    format!("the two are swapped: set `ssl.certPath` to `{}` and `ssl.keyPath` to `{}`", key.name, cert.name)
}

/// The hint that makes a new pair, which the settings then name.
fn new_pair() -> &'static str {
    "make a new pair for this machine with `innkeeper cert create --apply`"
}

/// The path of a new file next to `name`, for a command to write to; quoted.
fn beside(name: &str) -> String {
    quoted(&format!("{name}.new"))
}

/// `name` as one word of a command line.
fn quoted(name: &str) -> String {
    format!("'{}'", name.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SignatureAlgorithm};
    use rustls::pki_types::ServerName;
    use rustls::version::{TLS12, TLS13};
    use rustls::{
        ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, ServerConnection,
        SupportedProtocolVersion,
    };

    use super::*;

    const CERT: &[u8] = include_bytes!("../tests/conformance/tls/cert.pem");
    const KEY: &[u8] = include_bytes!("../tests/conformance/tls/key.pem");
    const ENCRYPTED: &[u8] = include_bytes!("../tests/conformance/tls/key-encrypted.pem");
    const OTHER: &[u8] = include_bytes!("../tests/conformance/tls/other-key.pem");
    const NO_KEY: &[u8] = include_bytes!("../tests/conformance/tls/not-a-key.pem");

    const NEW_PAIR: &str = "make a new pair for this machine with `innkeeper cert create --apply`";

    /// When `CERT` ends, in seconds since 1970.
    const EXPIRES: u64 = 4_949_003_829;

    type Change = fn(&str) -> String;

    fn read(cert: &[u8], key: &[u8], passphrase: Option<&str>) -> Result<Pair, Error> {
        let cert = Source { name: "cert.pem", bytes: cert };
        Pair::read(cert, Source { name: "key.pem", bytes: key }, passphrase)
    }

    /// The message and the hints, a line each; `NEW_PAIR` shortened.
    fn refusal(cert: &[u8], key: &[u8], passphrase: Option<&str>) -> Vec<String> {
        let error = read(cert, key, passphrase).unwrap_err();
        let hints = error.hints().iter().map(|hint| if hint == NEW_PAIR { "new pair" } else { hint });
        std::iter::once(error.to_string().as_str()).chain(hints).map(str::to_owned).collect()
    }

    /// A certificate in PEM for `names`, signed by itself, with its key.
    fn made(algorithm: &'static SignatureAlgorithm, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let cert = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    #[test]
    fn reads_the_pairs_that_sillytavern_reads() {
        assert_eq!(read(CERT, KEY, None).unwrap().names(), ["localhost"]);
        let expires = read(CERT, KEY, None).unwrap().expires().unwrap();
        assert_eq!(expires.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), EXPIRES);
        assert_eq!(read(CERT, ENCRYPTED, Some("open sesame")).unwrap().names(), ["localhost"]);
        // A passphrase that nothing asks for is no error.
        assert_eq!(read(CERT, KEY, Some("nope")).unwrap().names(), ["localhost"]);
    }

    #[test]
    fn reads_elliptic_curve_keys() {
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
            let (cert, key) = made(algorithm, &["tavern.example", "192.0.2.7", "*.tavern.example"]);
            let pair = read(cert.as_bytes(), key.as_bytes(), None).unwrap();
            assert_eq!(pair.names(), ["tavern.example", "*.tavern.example"]);
        }
    }

    #[test]
    fn reads_pem_as_people_keep_it() {
        let cert = String::from_utf8(CERT.to_vec()).unwrap();
        let key = String::from_utf8(KEY.to_vec()).unwrap();
        let every: [(&str, Change); 6] = [
            ("byte order mark", |text| format!("\u{feff}{text}")),
            ("CR LF", |text| text.replace('\n', "\r\n")),
            ("CR", |text| text.replace('\n', "\r")),
            ("no last line end", |text| text.trim_end().to_owned()),
            ("indented", |text| text.replace('\n', " \n\t ")),
            ("text around", |text| {
                format!("Bag Attributes\n    friendlyName: ü\n{text}-----END NOTHING-----\nend\n")
            }),
        ];
        for (case, change) in every {
            let pair = read(change(&cert).as_bytes(), change(&key).as_bytes(), None);
            assert_eq!(pair.unwrap().names(), ["localhost"], "{case}");
        }
    }

    #[test]
    fn keeps_the_chain_in_order_and_reads_both_from_one_file() {
        let (leaf, key) = made(&PKCS_ECDSA_P256_SHA256, &["leaf.example"]);
        let (above, _) = made(&PKCS_ECDSA_P256_SHA256, &["above.example"]);
        let file = [leaf.as_bytes(), key.as_bytes(), above.as_bytes(), CERT].concat();
        let pair = read(&file, &file, None).unwrap();
        let names = |der: &CertificateDer<'static>| {
            let cert = EndEntityCert::try_from(der).unwrap();
            cert.valid_dns_names().map(str::to_owned).collect::<Vec<_>>()
        };
        let chain: Vec<_> = pair.certified.cert.iter().flat_map(names).collect();
        assert_eq!(chain, ["leaf.example", "above.example", "localhost"]);
    }

    #[test]
    fn debug_hides_the_key() {
        let pair = read(CERT, KEY, None).unwrap();
        assert_eq!(format!("{pair:?}"), r#"Pair { names: ["localhost"], certificates: 1, key: … }"#);
    }

    #[test]
    fn refuses_a_key_of_another_certificate() {
        let message = "the key in `key.pem` does not belong to the certificate in `cert.pem`";
        let hint = "name the key that the certificate was made with in `ssl.keyPath`";
        assert_eq!(refusal(CERT, OTHER, None), [message, hint, "new pair"]);

        let (above, _) = made(&PKCS_ECDSA_P256_SHA256, &["above.example"]);
        let chain = [above.as_bytes(), CERT].concat();
        let hint = "it belongs to certificate number 2 of that file: put that one first";
        assert_eq!(refusal(&chain, KEY, None), [message, hint]);
    }

    #[test]
    fn refuses_files_that_are_swapped() {
        assert_eq!(
            refusal(KEY, CERT, None),
            [
                "`cert.pem` holds a private key, not a certificate",
                "the two are swapped: set `ssl.certPath` to `key.pem` and `ssl.keyPath` to `cert.pem`",
            ]
        );
        assert_eq!(
            refusal(ENCRYPTED, KEY, None),
            [
                "`cert.pem` holds a private key, not a certificate",
                "`ssl.certPath` is the certificate, `ssl.keyPath` the key",
            ]
        );
        assert_eq!(
            refusal(CERT, CERT, None),
            [
                "`key.pem` holds a certificate, not a private key",
                "`ssl.certPath` is the certificate, `ssl.keyPath` the key",
            ]
        );
        assert_eq!(
            refusal(&[CERT, KEY].concat(), CERT, None),
            [
                "`key.pem` holds a certificate, not a private key",
                "`cert.pem` holds a key: set `ssl.keyPath` to `cert.pem`",
            ]
        );
    }

    #[test]
    fn refuses_files_without_what_they_are_for() {
        assert_eq!(
            refusal(b"\xef\xbb\xbf \r\n", KEY, None),
            ["the certificate file `cert.pem` is empty", "new pair"]
        );
        assert_eq!(
            refusal(CERT, b"", None),
            [
                "the private key file `key.pem` is empty",
                "copy the key there that the certificate was made with",
                "new pair",
            ]
        );
        assert_eq!(
            refusal(CERT, NO_KEY, None),
            [
                "no private key in `key.pem`",
                "it begins with the line `-----BEGIN PRIVATE KEY-----`",
                "new pair",
            ]
        );
        assert_eq!(
            refusal(NO_KEY, KEY, None),
            [
                "no certificate in `cert.pem`",
                "it begins with the line `-----BEGIN CERTIFICATE-----`",
                "new pair",
            ]
        );
        let request = b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
        assert_eq!(
            refusal(request, KEY, None),
            ["no certificate in `cert.pem`, only a `CERTIFICATE REQUEST`", "new pair",]
        );
    }

    #[test]
    fn refuses_a_certificate_that_is_none() {
        let noise = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(
            refusal(noise, KEY, None),
            [
                "cannot use the certificate in `cert.pem`",
                "look at it with `innkeeper cert check --cert 'cert.pem'`",
                "new pair",
            ]
        );
    }

    #[test]
    fn refuses_a_certificate_of_version_1() {
        // `openssl x509 -req -in old.csr -signkey old.pem`, Ed25519; for tests only.
        let cert = "-----BEGIN CERTIFICATE-----
MIHWMIGJAhRX5ns3BjvsUuLj8bJmswy1fcT7WzAFBgMrZXAwDjEMMAoGA1UEAwwD
b2xkMB4XDTI2MTEyMzA0NTg0MloXDTI2MTEyNjA0NTg0MlowDjEMMAoGA1UEAwwD
b2xkMCowBQYDK2VwAyEANYTvrMjP4GthgG4N+s+1w4ZNs+wnv4S/yL736LwcJDkw
BQYDK2VwA0EAy2suLfdDPU06tkGeG1OcuLrBzzlp1vVOXnPXMTvuPxy6rEjng8wm
uLA972sO0tI436bB08/Cse6FT9u91xS+AA==
-----END CERTIFICATE-----";
        let key = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIDQLktxgdAwpDjapII+RFb1o1o1BZqYFdcwj+S6B0K61
-----END PRIVATE KEY-----";
        assert_eq!(
            refusal(cert.as_bytes(), key.as_bytes(), None),
            [
                "the certificate in `cert.pem` is X.509 of a version before 3",
                "look at it with `innkeeper cert check --cert 'cert.pem'`",
                "new pair",
            ]
        );
    }

    #[test]
    fn quotes_names_for_the_shell() {
        let noise = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cert = Source { name: "it's a cert.pem", bytes: noise };
        let error = Pair::read(cert, Source { name: "my key", bytes: KEY }, None).unwrap_err();
        assert_eq!(error.hints()[0], r"look at it with `innkeeper cert check --cert 'it'\''s a cert.pem'`");
    }

    #[test]
    fn serves_http2_and_resumes_in_both_versions_of_tls() {
        let (cert, key) = made(&PKCS_ECDSA_P256_SHA256, &["tavern.example"]);
        let pair = read(cert.as_bytes(), key.as_bytes(), None).unwrap();
        let expected = [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)];
        for (offered, version) in expected {
            let server = pair.server_config().unwrap();
            let client = client(&pair, offered);
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let answered = handshake(&server, &client);
                assert_eq!(answered.protocol_version(), Some(version));
                assert_eq!(answered.handshake_kind(), Some(kind), "{version:?}");
                assert_eq!(answered.alpn_protocol(), Some(&b"h2"[..]));
            }
        }
    }

    /// A client that trusts `pair` and offers HTTP/1.1 before HTTP/2: the server's order counts.
    fn client(pair: &Pair, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(pair.certified.cert[0].clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
        Arc::new(config)
    }

    /// A handshake in memory and one byte each way; the server's end of it.
    fn handshake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> ServerConnection {
        let name = ServerName::try_from("tavern.example").unwrap();
        let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
        client.writer().write_all(b"?").unwrap();
        server.writer().write_all(b"!").unwrap();
        while client.wants_write() || server.wants_write() {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                server.process_new_packets().unwrap();
            }
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets().unwrap();
            }
        }
        let (mut asked, mut answered) = ([0], [0]);
        server.reader().read_exact(&mut asked).unwrap();
        client.reader().read_exact(&mut answered).unwrap();
        assert_eq!((asked, answered), (*b"?", *b"!"));
        server
    }
}
