//! All certificates of a server, and which of them is shown to whom.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::CipherSuite;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;

use super::Pair;
use crate::error::Error;

/// The pairs of a server: the first is shown to everybody who asks for no name of another.
#[derive(Clone, Debug)]
pub struct Pairs {
    first: Pair,
    others: Vec<Pair>,
}

impl Pairs {
    /// The pair of `ssl.certPath`, and those of `innkeeper.ssl.certificates`.
    #[must_use]
    pub const fn new(first: Pair, others: Vec<Pair>) -> Self {
        Self { first, others }
    }

    /// All of them, in the order of the settings.
    pub fn iter(&self) -> impl Iterator<Item = &Pair> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The pair that is shown where no other is asked for.
    #[must_use]
    pub const fn first(&self) -> &Pair {
        &self.first
    }

    /// The DNS names of all certificates, wildcards included.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.iter().flat_map(Pair::names).collect()
    }

    /// The server's side of TLS 1.2 and 1.3: HTTP/2 and HTTP/1.1 by ALPN, no client certificates, sessions resumed
    /// by ticket (RFC 5077, RFC 8446 section 2.2). The certificate follows from the name that the client asks for
    /// (RFC 6066, section 3): one that has it, one with a wildcard for it, the first.
    ///
    /// Workers that share a port share one configuration, or a client that comes back to another worker cannot
    /// resume. For the same reason the keys of the tickets are those of the configuration `before`, if there was one.
    ///
    /// # Errors
    /// The system gives no random bytes for the ticket keys.
    pub fn server_config(&self, before: Option<&ServerConfig>) -> Result<Arc<ServerConfig>, Error> {
        // The provider is named, so that no other crate's choice of a process default can change it.
        let mut provider = ring::default_provider();
        // Every cipher is a good one. The first of ours that the client knows is used, whatever it would rather have,
        // and AES-128 comes first: it costs least, and browsers begin with it too.
        provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite.suite()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new("cannot set up TLS").caused_by(error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Choice::of(self)));
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = match before {
            Some(before) => Arc::clone(&before.ticketer),
            None => ring::Ticketer::new().map_err(|error| {
                Error::new("cannot make the keys of TLS session tickets").caused_by(error)
            })?,
        };
        Ok(Arc::new(config))
    }
}

const fn is_aes_128(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

/// Which key is used for which name.
#[derive(Debug)]
struct Choice {
    exact: Named,
    /// `example.test` for `*.example.test`.
    wildcards: Named,
    first: Arc<CertifiedKey>,
}

/// Keys by name in lower case: several where an elliptic and an RSA key stand side by side.
type Named = HashMap<String, Vec<Arc<CertifiedKey>>>;

impl Choice {
    fn of(pairs: &Pairs) -> Self {
        let (mut exact, mut wildcards) = (Named::new(), Named::new());
        for pair in pairs.iter() {
            for name in pair.names() {
                let name = plain(&name);
                let (set, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcards, parent),
                    None => (&mut exact, name.as_str()),
                };
                set.entry(name.to_owned()).or_default().push(Arc::clone(&pair.certified));
            }
        }
        Self { exact, wildcards, first: Arc::clone(&pairs.first.certified) }
    }

    /// The keys of certificates with `name`.
    fn named(&self, name: &str) -> Option<&[Arc<CertifiedKey>]> {
        let name = plain(name);
        // A wildcard stands for one label (RFC 9525, section 6.3).
        let wildcard = || self.wildcards.get(name.split_once('.')?.1);
        self.exact.get(&name).or_else(wildcard).map(Vec::as_slice)
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = hello.server_name().and_then(|name| self.named(name));
        let keys = keys.unwrap_or(std::slice::from_ref(&self.first));
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        keys.iter().find(fits).or(keys.first()).cloned()
    }
}

/// Names are compared without case, and without the dot that may end them.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::cert::Source;

    fn pair(names: &[&str]) -> Pair {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        let source = |bytes| Source { name: "a.pem", bytes };
        Pair::read(source(certificate.as_bytes()), source(key.as_bytes()), None).unwrap()
    }

    #[test]
    fn an_exact_name_comes_before_a_wildcard_and_the_order_of_the_list() {
        let others =
            vec![pair(&["*.b.test", "B.test"]), pair(&["x.b.test", "127.0.0.1"]), pair(&["x.b.test"])];
        let choice = Choice::of(&Pairs::new(pair(&["a.test", "y.b.test"]), others.clone()));
        let named = |name: &str| {
            let key = choice.named(name)?.first()?;
            let mut all = std::iter::once(&choice.first).chain(others.iter().map(|pair| &pair.certified));
            Some(all.position(|other| other.cert == key.cert).unwrap())
        };
        for (name, number) in [
            ("a.test", Some(0)),
            ("A.TEST.", Some(0)),
            ("b.test", Some(1)),
            ("z.b.test", Some(1)),
            ("x.b.test", Some(2)),
            ("y.b.test", Some(0)),
            ("x.y.b.test", None),
            ("test", None),
            ("c.test", None),
            ("127.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(named(name), number, "{name}");
        }
        let config = Pairs::new(pair(&["a.test"]), Vec::new()).server_config(None).unwrap();
        let suites = config.crypto_provider().cipher_suites.iter().map(rustls::SupportedCipherSuite::suite);
        let first = [
            CipherSuite::TLS13_AES_128_GCM_SHA256,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            CipherSuite::TLS13_AES_256_GCM_SHA384,
        ];
        assert_eq!(suites.take(4).collect::<Vec<_>>(), first);
        let renewed = Pairs::new(pair(&["a.test"]), Vec::new()).server_config(Some(&config)).unwrap();
        assert!(Arc::ptr_eq(&config.ticketer, &renewed.ticketer));
    }
}
