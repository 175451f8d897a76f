//! What `cert check` says to pairs that are broken in every way that people have found, and to some that are not: by
//! the library, as then the time stands still.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper::cert::Source;
use innkeeper::cert::inspection::finding::{Danger, Exposure};
use innkeeper::cert::inspection::name::Name;
use innkeeper::cert::inspection::{Inspection, Material, Roots, Terms};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints, PKCS_ED25519, date_time_ymd,
};

use super::made::{Made, alone, alone_with, authority, server, with_dns, with_issuer_url};
use crate::it::harness::folder::golden;

/// 2026-12-01, in days since 1970.
const NOW: Duration = Duration::from_hours(24 * 20_788);
/// What people type to reach this computer.
const OWN: [&str; 3] = ["localhost", "desk.local", "192.168.0.7"];

/// A pair, and what is asked of it.
struct Case {
    title: &'static str,
    cert: Vec<u8>,
    key: Vec<u8>,
    passphrase: Option<&'static str>,
    asked: &'static [&'static str],
    exposures: Vec<Exposure>,
}

fn case(title: &'static str, cert: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Case {
    let (cert, key) = (cert.as_ref().to_vec(), key.as_ref().to_vec());
    Case { title, cert, key, passphrase: None, asked: &[], exposures: Vec::new() }
}

/// A certificate and key of `made`, with `above` behind it.
fn chain(title: &'static str, made: &Made, above: &[&Made]) -> Case {
    let pems: Vec<&str> =
        std::iter::once(made).chain(above.iter().copied()).map(|made| made.pem.as_str()).collect();
    case(title, pems.concat(), &made.key)
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cert/", $name)).as_slice()
    };
}

/// Who signs in these tests.
struct Authorities {
    /// All clients come with it.
    public: Made,
    /// Signed by it.
    between: Made,
    /// Somebody's own.
    own: Made,
    /// The same, on this computer's list.
    here: Made,
}

impl Authorities {
    fn new() -> Self {
        let public = alone(authority("World Root"));
        let between =
            public.sign(with_issuer_url(authority("World Issuer"), "http://world.example/root.der"));
        Self { between, public, own: alone(authority("Innkeeper on desk")), here: alone(authority("Office")) }
    }

    fn issue(&self, params: CertificateParams) -> Made {
        self.between.sign(with_issuer_url(params, "http://world.example/issuer.der"))
    }
}

/// The same, valid until another day.
fn ending(mut params: CertificateParams, (year, month, day): (i32, u8, u8)) -> CertificateParams {
    params.not_after = date_time_ymd(year, month, day);
    params
}

/// A certificate for all of `OWN`, changed.
fn desk(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = server(&["desk.local", "localhost", "192.168.0.7"]);
    change(&mut params);
    params
}

fn sound(by: &Authorities) -> Vec<Case> {
    let public = || server(&["tavern.example", "www.tavern.example"]);
    let own = by.own.sign(desk(|_| {}));
    let (rsa, rsa_key) = (fixture!("rsa.pem"), fixture!("rsa.key"));
    let text = |pem: &[u8]| String::from_utf8(pem.to_vec()).unwrap();
    let crlf = |pem: &[u8]| text(pem).replace('\n', "\r\n");
    vec![
        chain("by a public authority", &by.issue(public()), &[&by.between]),
        chain("by an authority of one's own", &own, &[]),
        chain("by an authority that this computer trusts", &by.here.sign(desk(|_| {})), &[]),
        case("signed by itself", rsa, rsa_key),
        case(
            "with a byte order mark",
            format!("\u{feff}{}", text(rsa)),
            format!("\u{feff}{}", text(rsa_key)),
        ),
        case("with CR LF", crlf(rsa), crlf(rsa_key)),
        case("a PKCS#1 key", rsa, fixture!("rsa.pkcs1.key")),
        case("a SEC1 key", fixture!("p256.pem"), fixture!("p256.sec1.key")),
        Case {
            passphrase: Some("open sesame"),
            ..case("an encrypted key and its passphrase", rsa, fixture!("rsa.encrypted.key"))
        },
        Case {
            asked: &["tavern.example"],
            ..chain("for a name that is asked for", &by.issue(public()), &[&by.between])
        },
    ]
}

fn files(by: &Authorities) -> Vec<Case> {
    let own = by.own.sign(desk(|_| {}));
    let other = by.own.sign(desk(|_| {}));
    let (rsa, rsa_key) = (fixture!("rsa.pem"), fixture!("rsa.key"));
    let cut: String = own.pem.split_inclusive('\n').take(4).collect();
    let utf16: Vec<u8> = own.pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let key_der = STANDARD.decode(body(&own.key)).unwrap();
    vec![
        case("the key of another", &own.pem, &other.key),
        case("swapped files", &own.key, &own.pem),
        case("the authority first", by.own.pem.clone() + &own.pem, &own.key),
        case("garbage for a certificate", "\x07 what is this?\n", &own.key),
        case("garbage for a key", &own.pem, [0x9c, 0xfe, 0x00, 0x9c, 0x12]),
        case(
            "garbage inside the block",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &own.key,
        ),
        case("nothing for a certificate", "", &own.key),
        case("nothing for a key", &own.pem, "\r\n"),
        case("nothing at all", "", ""),
        case("binary files", &own.der, key_der),
        case("PKCS#12", fixture!("rsa.p12"), fixture!("rsa.p12")),
        case("UTF-16", [b"\xff\xfe".as_slice(), &utf16].concat(), &own.key),
        case("a certificate cut short", cut, &own.key),
        case("a request for a certificate", fixture!("request.pem"), rsa_key),
        case("an encrypted key without its passphrase", rsa, fixture!("rsa.encrypted.key")),
        Case {
            passphrase: Some("open barley"),
            ..case("a wrong passphrase", rsa, fixture!("rsa.encrypted.key"))
        },
        Case {
            passphrase: Some("open sesame"),
            ..case("a key encrypted in the old way", rsa, fixture!("rsa.old.key"))
        },
        Case {
            exposures: vec![
                Exposure {
                    path: "key.pem".to_owned(),
                    word: "key.pem".to_owned(),
                    danger: Danger::EverybodyReads,
                },
                Exposure {
                    path: "certs".to_owned(),
                    word: "certs".to_owned(),
                    danger: Danger::OthersReplace,
                },
            ],
            ..chain("a key that others can read", &own, &[])
        },
    ]
}

fn time_and_names(by: &Authorities) -> Vec<Case> {
    let until = |year, month, day| desk(|params| params.not_after = date_time_ymd(year, month, day));
    let nameless = |params: &mut CertificateParams| params.subject_alt_names.clear();
    let public = |params: CertificateParams| by.issue(params);
    vec![
        chain("expired", &by.own.sign(until(2026, 11, 28)), &[]),
        chain(
            "expired, by a public authority",
            &public(ending(server(&["tavern.example"]), (2026, 11, 30))),
            &[&by.between],
        ),
        chain(
            "not yet valid",
            &by.own.sign(desk(|params| params.not_before = date_time_ymd(2026, 12, 2))),
            &[],
        ),
        chain("expiring", &by.own.sign(until(2026, 12, 22)), &[]),
        chain("ten years", &by.own.sign(until(2036, 11, 1)), &[]),
        chain("500 days", &by.own.sign(until(2028, 3, 15)), &[]),
        chain(
            "500 days, by a public authority",
            &public(ending(server(&["tavern.example"]), (2028, 3, 15))),
            &[&by.between],
        ),
        chain("only a common name", &by.own.sign(desk(nameless)), &[]),
        chain(
            "no name at all",
            &by.own.sign(desk(|params| {
                nameless(params);
                params.distinguished_name = DistinguishedName::new();
            })),
            &[],
        ),
        chain("a wildcard", &public(server(&["*.tavern.example"])), &[&by.between]),
        chain(
            "a wildcard that does not count",
            &by.own.sign(server(&["*.local", "localhost", "192.168.0.7"])),
            &[],
        ),
        chain(
            "an address as a DNS name",
            &by.own.sign(with_dns(server(&["desk.local", "localhost"]), "192.168.0.7")),
            &[],
        ),
        chain("for another computer", &by.own.sign(server(&["shelf.local", "10.0.0.2"])), &[]),
        Case {
            asked: &["phone.lan", "tavern.example"],
            ..chain("not for names that are asked for", &by.own.sign(desk(|_| {})), &[])
        },
        chain(
            "a name that would break the line",
            &by.own.sign(desk(|params| {
                params.subject_alt_names.clear();
                params.distinguished_name.push(rcgen::DnType::CommonName, "desk\u{1b}[2J\nproblem: none");
            })),
            &[],
        ),
    ]
}

fn keys_and_use(by: &Authorities) -> Vec<Case> {
    let own = |change: fn(&mut CertificateParams)| by.own.sign(desk(change));
    let ed25519 = alone_with(desk(|_| {}), &PKCS_ED25519);
    vec![
        case("RSA with 1024 bits", fixture!("rsa1024.pem"), fixture!("rsa1024.key")),
        case("RSA with 5120 bits", fixture!("rsa5120.pem"), fixture!("rsa5120.key")),
        case("Ed25519", &ed25519.pem, &ed25519.key),
        case("P-521", fixture!("p521.pem"), fixture!("p521.key")),
        case("SHA-1", fixture!("sha1.pem"), fixture!("rsa.key")),
        case("MD5", fixture!("md5.pem"), fixture!("rsa.key")),
        case("X.509 of version 1", fixture!("v1.pem"), fixture!("rsa.key")),
        chain(
            "for clients",
            &own(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            &[],
        ),
        chain("no usage", &own(|params| params.extended_key_usages.clear()), &[]),
        chain("may not sign", &own(|params| params.key_usages = vec![KeyUsagePurpose::KeyAgreement]), &[]),
        chain(
            "an authority's certificate",
            &alone(desk(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
            &[],
        ),
    ]
}

fn chains(by: &Authorities) -> Vec<Case> {
    let leaf = by.issue(server(&["tavern.example"]));
    let old = by.public.sign(ending(authority("World Old Issuer"), (2026, 11, 20)));
    let under_old = old.sign(server(&["tavern.example"]));
    let own = by.own.sign(desk(|_| {}));
    let again = alone(authority("Innkeeper on desk"));
    let mut bounds = authority("Bound");
    bounds.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("local".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8)),
        ],
        excluded_subtrees: Vec::new(),
    });
    let bound = alone(bounds);
    let further = by.between.sign(authority("World Further"));
    let deep = further.sign(server(&["tavern.example"]));
    vec![
        chain("a missing intermediate", &leaf, &[]),
        chain("the wrong order", &deep, &[&by.between, &further]),
        chain("the root sent along", &leaf, &[&by.between, &by.public]),
        chain("a root of one's own sent along", &own, &[&by.own]),
        chain("a certificate that belongs to nothing", &leaf, &[&by.between, &own]),
        chain("an intermediate that has expired", &under_old, &[&old]),
        chain("the authority made anew since", &own, &[&again]),
        chain("a name that its authority may not vouch for", &bound.sign(desk(|_| {})), &[&bound]),
        chain("signed by what is no authority", &own.sign(desk(|_| {})), &[&own, &by.own]),
    ]
}

#[test]
fn every_pair() {
    let by = Authorities::new();
    let public = Roots::of([by.public.der.clone()]);
    let system = Roots::of([by.here.der.clone()]);
    let own: Vec<Name> = OWN.iter().map(|name| name.parse().unwrap()).collect();
    let tables = [sound(&by), files(&by), time_and_names(&by), keys_and_use(&by), chains(&by)];
    let cases: Vec<Case> = tables.into_iter().flatten().collect();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut text = String::new();
    for case in &cases {
        let asked: Vec<Name> = case.asked.iter().map(|name| name.parse().unwrap()).collect();
        let terms = Terms {
            now: SystemTime::UNIX_EPOCH + NOW,
            warn_days: 21,
            asked: &asked,
            own: &own,
            public: &public,
            system: &system,
        };
        let material = Material::Files {
            cert: Source { name: "cert.pem", bytes: &case.cert },
            key: Some(Source { name: "key.pem", bytes: &case.key }),
            passphrase: case.passphrase,
            exposures: &case.exposures,
            flag: "",
        };
        let inspection = Inspection::of(material, &terms);
        let exit = i32::from(!inspection.is_good());
        let _ = writeln!(text, "== {}\n{}exit {exit}\n", case.title, redacted(&inspection.to_string()));
    }
    golden("cert-check.txt", &text);
}

/// Signatures on elliptic curves are other ones in every run, and so are the fingerprints.
fn redacted(text: &str) -> String {
    let line = |line: &str| match line.split_once("SHA-256    ") {
        Some(("", digest)) => {
            assert_eq!(digest.len(), 95, "{digest}");
            "SHA-256    {fingerprint}\n".to_owned()
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The base64 of a block.
fn body(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}
