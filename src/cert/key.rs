//! The private key: its forms, its passphrase, and why it cannot be used. Every copy of it made here is
//! wiped.

use std::mem;

use pkcs8::der::asn1::{ContextSpecific, OctetStringRef, UintRef};
use pkcs8::der::zeroize::Zeroizing;
use pkcs8::der::{Decode, Header, SliceReader, TagNumber};
use pkcs8::{EncryptedPrivateKeyInfo, Error as Pkcs8Error, ObjectIdentifier, PrivateKeyInfo, pkcs5};
use rustls::pki_types::PrivateKeyDer;

use super::pem::{self, Block, Label, Wanted};
use super::{Source, beside, new_pair, nothing, quoted};
use crate::error::Error;

/// The first private key of `key`, decrypted. `cert` is looked into only to tell whether the two are swapped.
///
/// # Errors
///
/// No key, a form that is not read, a passphrase that is missing or wrong. Whether the key can sign is not
/// known yet.
pub(super) fn read(
    key: Source<'_>,
    cert: Source<'_>,
    passphrase: Option<&str>,
) -> Result<Zeroizing<PrivateKeyDer<'static>>, Error> {
    let blocks = pem::read(key, Wanted::Key, |error| {
        error.hint("copy the key there that the certificate was made with").hint(new_pair())
    })?;
    let Some(block) = blocks.iter().find(|block| block.label.is_key()) else {
        return Err(missing(&blocks, cert, key));
    };
    if block.has_encryption_header() {
        return Err(Error::new(format!("the key in `{}` is encrypted in the old way of OpenSSL", key.name))
            .hint(convert(key)));
    }
    let mut der = block.decode(key)?;
    Ok(Zeroizing::new(match block.label {
        Label::Pkcs8 => PrivateKeyDer::Pkcs8(mem::take(&mut *der).into()),
        Label::Pkcs1 => PrivateKeyDer::Pkcs1(mem::take(&mut *der).into()),
        Label::Sec1 => PrivateKeyDer::Sec1(mem::take(&mut *der).into()),
        Label::EncryptedPkcs8 => PrivateKeyDer::Pkcs8(decrypt(&der, key, cert, passphrase)?.into()),
        Label::OtherKey | Label::Certificate | Label::Other => {
            return Err(Error::new(format!(
                "the key in `{}` is a `{}`, which TLS cannot use",
                key.name, block.title
            ))
            .hint(new_pair()));
        }
    }))
}

/// Why rustls would not take `der`: what kind of key it is, where that can be told.
pub(super) fn unusable(der: &PrivateKeyDer<'_>, key: Source<'_>) -> Error {
    let usable =
        "usable are RSA with 2048, 3072 or 4096 bits, P-256 and P-384 (Ed25519 too, but not for browsers)";
    match Kind::of(der) {
        Kind::Named(name) => {
            Error::new(format!("the key in `{}` is of the kind {name}, which is not supported", key.name))
                .hint(usable)
        }
        Kind::Rsa { bits } if !(2048..=4096).contains(&bits) || bits % 512 != 0 => {
            Error::new(format!("the key in `{}` is RSA with {bits} bits, which is not supported", key.name))
                .hint(usable)
        }
        Kind::Rsa { .. } | Kind::Unknown => Error::new(format!("cannot read the key in `{}`", key.name))
            .hint(format!("check it with `openssl pkey -noout -check -in {}`", quoted(key.name)))
            .hint(usable),
    }
}

/// No key among `blocks`.
fn missing(blocks: &[Block<'_>], cert: Source<'_>, key: Source<'_>) -> Error {
    if !blocks.iter().any(|block| block.label == Label::Certificate) {
        return nothing(Wanted::Key, blocks, key).hint(new_pair());
    }
    let error = Error::new(format!("`{}` holds a certificate, not a private key", key.name));
    // A certificate file without a certificate has been refused before this, so it is not a plain swap; but a
    // file with both in it may be.
    if pem::contains(cert, Label::is_key) {
        error.hint(format!("`{0}` holds a key: set `ssl.keyPath` to `{0}`", cert.name))
    } else {
        error.hint("`ssl.certPath` is the certificate, `ssl.keyPath` the key")
    }
}

/// The PKCS#8 key inside an encrypted one (PBES2, RFC 8018).
fn decrypt(
    der: &[u8],
    key: Source<'_>,
    cert: Source<'_>,
    passphrase: Option<&str>,
) -> Result<Vec<u8>, Error> {
    let Some(passphrase) = passphrase.filter(|passphrase| !passphrase.is_empty()) else {
        return Err(Error::new(format!(
            "the key in `{}` is encrypted, and there is no passphrase",
            key.name
        ))
        .hint("write the passphrase to `ssl.keyPassphrase`")
        .hint(format!(
            "or take the encryption off with `openssl pkey -in {} -out {}`, then name the new file",
            quoted(key.name),
            beside(key.name)
        )));
    };
    let strange = |error: Pkcs8Error| {
        Error::new(format!("the key in `{}` is encrypted in a way that is not supported", key.name))
            .caused_by(error.to_string())
            .hint(convert(key))
    };
    let info = EncryptedPrivateKeyInfo::try_from(der).map_err(strange)?;
    let wrong = || {
        Error::new(format!("the passphrase does not open the key in `{}`", key.name))
            .hint(trial(cert, key))
            .hint("it comes from `ssl.keyPassphrase`; put it in single quotes there")
    };
    let plain = info.decrypt(passphrase).map_err(|error| match error {
        // A padding that does not fit is reported as the second of these.
        Pkcs8Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed | pkcs5::Error::EncryptFailed)
        | Pkcs8Error::Asn1(_) => wrong(),
        other => strange(other),
    })?;
    // One wrong passphrase in 256 leaves a padding that looks right, and noise for a key.
    PrivateKeyInfo::try_from(plain.as_bytes()).map_err(|_| wrong())?;
    Ok(plain.as_bytes().to_vec())
}

/// The hint that tries a passphrase.
pub(super) fn trial(cert: Source<'_>, key: Source<'_>) -> String {
    format!(
        "try one with `innkeeper cert check --cert {} --key {} --passphrase-stdin`",
        quoted(cert.name),
        quoted(key.name)
    )
}

/// The hint that turns a key into one that is read here. OpenSSL asks for the passphrases itself.
fn convert(key: Source<'_>) -> String {
    format!(
        "convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in {} -out {}`, then name the new file",
        quoted(key.name),
        beside(key.name)
    )
}

/// What kind of key it is, as far as errors care.
enum Kind {
    Rsa { bits: usize },
    Named(String),
    Unknown,
}

impl Kind {
    fn of(der: &PrivateKeyDer<'_>) -> Self {
        match der {
            PrivateKeyDer::Pkcs1(key) => Self::rsa(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => PrivateKeyInfo::try_from(key.secret_pkcs8_der())
                .map_or(Self::Unknown, |info| Self::of_info(&info)),
            PrivateKeyDer::Sec1(key) => Self::sec1(key.secret_sec1_der()),
            _ => Self::Unknown,
        }
    }

    fn of_info(info: &PrivateKeyInfo<'_>) -> Self {
        match (info.algorithm.oid, info.algorithm.parameters_oid().ok()) {
            (RSA, _) => Self::rsa(info.private_key),
            (ELLIPTIC, Some(curve)) => Self::curve(curve),
            (ED25519, _) => Self::Unknown,
            (RSA_PSS, _) => Self::Named("RSA-PSS".to_owned()),
            (ED448, _) => Self::Named("Ed448".to_owned()),
            (DSA, _) => Self::Named("DSA".to_owned()),
            (other, _) => Self::Named(other.to_string()),
        }
    }

    fn curve(curve: ObjectIdentifier) -> Self {
        match curve {
            P256 | P384 => Self::Unknown,
            P521 => Self::Named("P-521".to_owned()),
            other => Self::Named(format!("elliptic curve {other}")),
        }
    }

    /// `ECPrivateKey` of RFC 5915, section 3: a version, the key, and in most files the curve.
    fn sec1(der: &[u8]) -> Self {
        let curve = || {
            let mut reader = SliceReader::new(der)?;
            Header::decode(&mut reader)?;
            u8::decode(&mut reader)?;
            OctetStringRef::decode(&mut reader)?;
            ContextSpecific::<ObjectIdentifier>::decode_explicit(&mut reader, TagNumber::N0)
        };
        match curve() {
            Ok(Some(curve)) => Self::curve(curve.value),
            Ok(None) | Err(_) => Self::Unknown,
        }
    }

    /// `RSAPrivateKey` of RFC 8017, appendix A.1.2: a version and then the modulus, which is as long as the
    /// key.
    fn rsa(der: &[u8]) -> Self {
        let modulus_bits = || {
            let mut reader = SliceReader::new(der)?;
            Header::decode(&mut reader)?;
            u8::decode(&mut reader)?;
            let modulus = UintRef::decode(&mut reader)?;
            let unused = modulus.as_bytes().first().map_or(0, |byte| byte.leading_zeros() as usize);
            pkcs8::der::Result::Ok(modulus.as_bytes().len() * 8 - unused)
        };
        modulus_bits().map_or(Self::Unknown, |bits| Self::Rsa { bits })
    }
}

// RFC 8017, RFC 5480, RFC 8410, RFC 3279.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use pkcs8::AlgorithmIdentifierRef;
    use pkcs8::der::asn1::AnyRef;
    use pkcs8::der::{Encode, Tag};
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
    use rustls::crypto::ring::sign::any_supported_type;

    use super::*;

    const RSA_KEY: &[u8] = include_bytes!("../../tests/conformance/tls/key.pem");
    const ENCRYPTED: &[u8] = include_bytes!("../../tests/conformance/tls/key-encrypted.pem");

    // One Ed25519 key, made and encrypted by OpenSSL 3.0 with `open sesame`; for tests only.
    const PLAIN: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIOdX5yhA7EOU8dm3HzTLGJZvpxth0qioo5B/LzwQPNy2
-----END PRIVATE KEY-----";
    // `-v2 des3 -v2prf hmacWithSHA1`, as `openssl genrsa -des3` of old
    const TRIPLE_DES: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MHwwQAYJKoZIhvcNAQUNMDMwGwYJKoZIhvcNAQUMMA4ECBewG5kguixsAgIIADAU
BggqhkiG9w0DBwQIlmExQ7rgoBAEOJ8TXjuwbp6XgXZnHflWjvS9f1K780K+HKnP
U3mDW5dM5zTc9zLsytXzosCTvmdIhoXf8XGtGhrv
-----END ENCRYPTED PRIVATE KEY-----";
    // `-scrypt`
    const SCRYPT: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAguKEHRNGffOgICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBADbnTaMC0jxlSpqnLBTWgYBEAVYdBHsV7YGcP4
/yyzWmMGTGKFbwPvQaVbLQbrvgw3C9qmmt7xAhSnahCLduxEfdm27199SSOcgCJP
UhEm0B8M
-----END ENCRYPTED PRIVATE KEY-----";
    // `-v1 PBE-SHA1-3DES`
    const PBES1: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MFgwHAYKKoZIhvcNAQwBAzAOBAiliEs+s0lA2gICCAAEOErjuRdIn0nKIceQ/eMw
jLRnTycf4zhrMkXOFtsADZ52rD2tib9T0FlgDMAdflJLuKpEmW1LYvLo
-----END ENCRYPTED PRIVATE KEY-----";
    // `-v2 camellia-128-cbc`
    const CAMELLIA: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGdMFkGCSqGSIb3DQEFDTBMMCkGCSqGSIb3DQEFDDAcBAjKZYc29ALeHgICCAAw
DAYIKoZIhvcNAgkFADAfBgsqgwiMmks9AQEBAgQQTU/DgQKxzco7zrCC17RWVQRA
TmGWnm6aJfvPMfhpe2x0se5DmgBuEHWLiaQpmNc6HG7Ot3JSqHDjQEoeb7umeynx
wLxquX9FBttX4VQOtkSCSA==
-----END ENCRYPTED PRIVATE KEY-----";

    const CONVERT: &str = "convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in 'key.pem' -out 'key.pem.new'`, then name the new file";
    const USABLE: &str =
        "usable are RSA with 2048, 3072 or 4096 bits, P-256 and P-384 (Ed25519 too, but not for browsers)";
    const CHECK: &str = "check it with `openssl pkey -noout -check -in 'key.pem'`";

    fn key(bytes: &[u8]) -> Source<'_> {
        Source { name: "key.pem", bytes }
    }

    fn read_key(text: &[u8], passphrase: Option<&str>) -> Result<Zeroizing<PrivateKeyDer<'static>>, Error> {
        read(key(text), Source { name: "cert.pem", bytes: b"" }, passphrase)
    }

    fn pem(title: &str, der: &[u8]) -> Vec<u8> {
        format!("-----BEGIN {title}-----\n{}\n-----END {title}-----\n", STANDARD.encode(der)).into_bytes()
    }

    /// The message and the hints, a line each.
    fn lines(error: &Error) -> Vec<String> {
        std::iter::once(error.to_string()).chain(error.hints().iter().cloned()).collect()
    }

    /// What is said of a key that cannot sign.
    fn unusable_lines(text: &[u8]) -> Vec<String> {
        let der = read_key(text, None).unwrap();
        any_supported_type(&der).unwrap_err();
        lines(&unusable(&der, key(text)))
    }

    #[test]
    fn reads_every_form_of_a_key() {
        let rsa = read_key(RSA_KEY, None).unwrap();
        let inner = PrivateKeyInfo::try_from(rsa.secret_der()).unwrap().private_key;
        let rsa = read_key(&pem("RSA PRIVATE KEY", inner), None).unwrap();
        assert!(matches!(*rsa, PrivateKeyDer::Pkcs1(_)));
        any_supported_type(&rsa).unwrap();

        let curve = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_der();
        let inner = PrivateKeyInfo::try_from(curve.as_slice()).unwrap().private_key;
        let text = [pem("EC PARAMETERS", b"curve"), pem("EC PRIVATE KEY", inner)].concat();
        let curve = read_key(&text, None).unwrap();
        assert!(matches!(*curve, PrivateKeyDer::Sec1(_)));
        any_supported_type(&curve).unwrap();

        any_supported_type(&read_key(PLAIN.as_bytes(), None).unwrap()).unwrap();
    }

    #[test]
    fn opens_what_openssl_encrypts() {
        let plain = read_key(PLAIN.as_bytes(), None).unwrap();
        for text in [TRIPLE_DES, SCRYPT] {
            assert_eq!(*read_key(text.as_bytes(), Some("open sesame")).unwrap(), *plain);
        }
        assert_eq!(*read_key(ENCRYPTED, Some("open sesame")).unwrap(), *read_key(RSA_KEY, None).unwrap());
    }

    #[test]
    fn asks_for_the_passphrase_and_refuses_a_wrong_one() {
        for passphrase in [None, Some("")] {
            assert_eq!(
                lines(&read_key(ENCRYPTED, passphrase).unwrap_err()),
                [
                    "the key in `key.pem` is encrypted, and there is no passphrase",
                    "write the passphrase to `ssl.keyPassphrase`",
                    "or take the encryption off with `openssl pkey -in 'key.pem' -out 'key.pem.new'`, then name the new file",
                ]
            );
        }
        let error = read_key(ENCRYPTED, Some("nope")).unwrap_err();
        assert!(error.source().is_none());
        assert_eq!(
            lines(&error),
            [
                "the passphrase does not open the key in `key.pem`",
                "try it with `openssl pkey -noout -in 'key.pem'`",
                "it comes from `ssl.keyPassphrase`; put it in single quotes there",
            ]
        );
        // `54` happens to leave a padding that looks right (`openssl pkey` then speaks of a bad ASN.1
        // header).
        let error = read_key(TRIPLE_DES.as_bytes(), Some("54")).unwrap_err();
        assert_eq!(error.to_string(), "the passphrase does not open the key in `key.pem`");
    }

    #[test]
    fn refuses_encryption_that_is_not_read_with_the_command_that_changes_it() {
        for text in [PBES1, CAMELLIA] {
            assert_eq!(
                lines(&read_key(text.as_bytes(), Some("open sesame")).unwrap_err()),
                ["the key in `key.pem` is encrypted in a way that is not supported", CONVERT,]
            );
        }
        let old = b"-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-128-CBC,C588E02DF7758F9D\r\n\r\n\
            AAAA\r\n-----END RSA PRIVATE KEY-----\r\n";
        assert_eq!(
            lines(&read_key(old, Some("hello")).unwrap_err()),
            ["the key in `key.pem` is encrypted in the old way of OpenSSL", CONVERT,]
        );
    }

    #[test]
    fn names_the_kind_of_a_key_that_cannot_sign() {
        // Only the first two numbers of an RSA key are looked at.
        let rsa = |bits: usize| {
            let modulus = vec![0xff; bits / 8];
            let numbers = [vec![2, 1, 0], UintRef::new(&modulus).unwrap().to_der().unwrap()].concat();
            pem("RSA PRIVATE KEY", &AnyRef::new(Tag::Sequence, &numbers).unwrap().to_der().unwrap())
        };
        for bits in [1024, 3000, 8192] {
            assert_eq!(
                unusable_lines(&rsa(bits)),
                [&format!("the key in `key.pem` is RSA with {bits} bits, which is not supported"), USABLE,]
            );
        }
        assert_eq!(unusable_lines(&rsa(2048)), ["cannot read the key in `key.pem`", CHECK, USABLE]);

        let unknown = ObjectIdentifier::new_unwrap("1.2.3.4");
        let cases = [
            (ELLIPTIC, Some(P521), "P-521"),
            (ELLIPTIC, Some(unknown), "elliptic curve 1.2.3.4"),
            (RSA_PSS, None, "RSA-PSS"),
            (ED448, None, "Ed448"),
            (DSA, None, "DSA"),
            (unknown, None, "1.2.3.4"),
        ];
        for (oid, curve, name) in cases {
            let algorithm = AlgorithmIdentifierRef { oid, parameters: curve.as_ref().map(AnyRef::from) };
            let text = pem("PRIVATE KEY", &PrivateKeyInfo::new(algorithm, b"some").to_der().unwrap());
            assert_eq!(
                unusable_lines(&text),
                [&format!("the key in `key.pem` is of the kind {name}, which is not supported"), USABLE,]
            );
        }
        // SEQUENCE { 1, OCTET STRING, [0] { P-521 } }
        let sec1 = [0x30, 15, 2, 1, 1, 4, 1, 7, 0xa0, 7, 6, 5, 0x2b, 0x81, 4, 0, 0x23];
        assert_eq!(
            unusable_lines(&pem("EC PRIVATE KEY", &sec1)),
            ["the key in `key.pem` is of the kind P-521, which is not supported", USABLE,]
        );
        for title in ["PRIVATE KEY", "EC PRIVATE KEY"] {
            assert_eq!(
                unusable_lines(&pem(title, b"noise")),
                ["cannot read the key in `key.pem`", CHECK, USABLE]
            );
        }
        let error = read_key(&pem("OPENSSH PRIVATE KEY", b"some"), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the key in `key.pem` is a `OPENSSH PRIVATE KEY`, which TLS cannot use"
        );
    }
}
