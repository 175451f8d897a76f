//! Certificates made for a test: an authority, what it signs, and what may be wrong with that.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, PKCS_ECDSA_P256_SHA256, SanType, SignatureAlgorithm, date_time_ymd,
};

/// A certificate with its key.
pub struct Made {
    /// In PEM.
    pub pem: String,
    /// In DER.
    pub der: Vec<u8>,
    /// Its key in PEM.
    pub key: String,
    /// What it was made from.
    pub params: CertificateParams,
}

/// What a server's certificate is like where nothing is wrong with it.
pub fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.distinguished_name.push(DnType::CommonName, names.first().map_or("nothing", String::as_str));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2026, 11, 1);
    params.not_after = date_time_ymd(2027, 2, 1);
    params
}

/// The same, for the clock of this computer: ten days old, with 80 days left.
pub fn server_now(names: &[&str]) -> CertificateParams {
    let mut params = server(names);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let today = date_time_ymd(1970, 1, 1) + now;
    let days = |days: u64| Duration::from_hours(24 * days);
    params.not_before = today - days(10);
    // Not on the edge of a day.
    params.not_after = today + days(80) + Duration::from_hours(12);
    params
}

/// What stands in `text` and is another one in every run.
pub fn redacted(text: &str, params: &CertificateParams) -> String {
    const LENGTH: usize = 95;
    let line = |line: &str| {
        let place =
            ["SHA-256    ", "\"sha256\": \""].iter().find_map(|mark| Some(line.find(mark)? + mark.len()));
        match place {
            Some(at) => format!("{}{{fingerprint}}{}\n", &line[..at], &line[at + LENGTH..]),
            None => format!("{line}\n"),
        }
    };
    let mut text: String = text.lines().map(line).collect();
    for (time, name) in [(params.not_before, "{from}"), (params.not_after, "{until}")] {
        let (hour, minute, second) = time.time().as_hms();
        let date = time.date().to_string();
        text = text.replace(&format!("{date}T{hour:02}:{minute:02}:{second:02}Z"), name).replace(&date, name);
    }
    text
}

/// What an authority's is like.
pub fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params
}

/// Says where the issuer's certificate is, as public authorities do (RFC 5280, section 4.2.2.1).
pub fn with_issuer_url(mut params: CertificateParams, url: &str) -> CertificateParams {
    let block = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 128);
        [&[tag, length], content].concat()
    };
    // SEQUENCE { SEQUENCE { id-ad-caIssuers, [6] url } }
    let method = block(6, &[0x2b, 6, 1, 5, 5, 7, 0x30, 2]);
    let access = block(0x30, &[method, block(0x86, url.as_bytes())].concat());
    let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], block(0x30, &access));
    params.custom_extensions.push(extension);
    params
}

/// With an address as a DNS name, which the library would put right.
pub fn with_dns(mut params: CertificateParams, name: &str) -> CertificateParams {
    params.subject_alt_names.push(SanType::DnsName(name.try_into().unwrap()));
    params
}

/// Signed by itself.
pub fn alone(params: CertificateParams) -> Made {
    alone_with(params, &PKCS_ECDSA_P256_SHA256)
}

/// The same with a key of another kind.
pub fn alone_with(params: CertificateParams, algorithm: &'static SignatureAlgorithm) -> Made {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    made(&certificate, &key, params)
}

impl Made {
    /// Signs another.
    pub fn sign(&self, params: CertificateParams) -> Made {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let issuer = Issuer::from_params(&self.params, KeyPair::from_pem(&self.key).unwrap());
        let certificate = params.signed_by(&key, &issuer).unwrap();
        made(&certificate, &key, params)
    }
}

fn made(certificate: &rcgen::Certificate, key: &KeyPair, params: CertificateParams) -> Made {
    Made { pem: certificate.pem(), der: certificate.der().to_vec(), key: key.serialize_pem(), params }
}
