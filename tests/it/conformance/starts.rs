//! `startup.json`: what becomes of a start.
//!
//! What is ours throughout, and not listed below: a start that is refused ends with exit code 2 (it could not be
//! done) where SillyTavern's ends with 1; every refusal is an `error: ` with hints.

#![cfg(target_os = "linux")] // All of 127.0.0.0/8 can be connected from and to.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use serde_json::{Value, json};

use super::deviations::{Deviations, Finding, Row};
use super::run::{
    Answer, App, Furnishing, Place, Reply, Server, Start, all, connect, data, has_ipv6, send, texts,
};

const ROWS: &[Row] = &[
    Row {
        reason: "`perUserBasicAuth` without accounts: refused",
        cases: &[
            ("per-user-no-accounts", &[0], "start", "refused"),
            (
                "per-user-no-accounts",
                &[0],
                "console",
                "error: config.yaml: `perUserBasicAuth` needs `enableUserAccounts`, which is off",
            ),
        ],
    },
    Row {
        reason: "text where a boolean or number is wanted, null, a scalar for a list: refused at start",
        cases: &[
            ("override-text", &[0], "start", "refused"),
            (
                "override-text",
                &[0],
                "console",
                "error: config.yaml: `securityOverride` takes `true` or `false`, not `no`",
            ),
            ("port-nan", &[0], "console", "error: `--port` takes a port (0 to 65535), not `abc`"),
        ],
    },
    Row {
        reason: "IPv6 `listenAddress`: both forms bind that address",
        cases: &[
            ("v6-listen-plain", &[0], "start", "IPv4: 127.0.0.1:{port} IPv6: [::1]:{port}"),
            ("v6-listen-plain", &[0], "console", ""),
        ],
    },
    Row {
        reason: "a start that is refused is told in one error, without the reminder before it",
        cases: &[(
            "accounts-open-admin",
            &[0],
            "console",
            "error: other devices can connect (`listen: true`) and anyone can sign in as default-user, without a password",
        )],
    },
    Row {
        reason: "plain http on the https port: a page that says so, or the way to https",
        cases: &[
            ("tls", &[0], "plain http", "https-here, closed"),
            ("tls-encrypted", &[0], "plain http", "https-here, closed"),
        ],
    },
    Row {
        reason: "the address to open is one that is listened on, never `localhost`",
        cases: &[
            ("v6-listen-plain", &[0], "url", "http://127.0.0.1:{port}/"),
            ("v6-auto", &[0], "url", "http://127.0.0.1:{port}/"),
        ],
    },
    Row {
        reason: "what goes as the settings say is not told",
        cases: &[("heartbeat", &[0], "console", ""), ("v6-auto", &[0], "console", "")],
    },
    Row {
        reason: "refused by both; here with the file or setting that is wrong, before anything is bound",
        cases: &[
            (
                "no-protocol",
                &[0],
                "console",
                "error: config.yaml: `protocol.ipv4` and `protocol.ipv6` are both off, so nobody could connect",
            ),
            (
                "tls-wrong-passphrase",
                &[0],
                "console",
                "error: the passphrase does not open the key in `{tls}/key-encrypted.pem`",
            ),
            (
                "tls-no-passphrase",
                &[0],
                "console",
                "error: the key in `{tls}/key-encrypted.pem` is encrypted, and there is no passphrase",
            ),
            (
                "tls-other-key",
                &[0],
                "console",
                "error: the key in `{tls}/other-key.pem` does not belong to the certificate in `{tls}/cert.pem`",
            ),
            (
                "tls-no-cert-file",
                &[0],
                "console",
                "error: cannot read the certificate `{tls}/missing.pem` of `ssl.certPath`",
            ),
            (
                "tls-no-key-file",
                &[0],
                "console",
                "error: cannot read the key `{tls}/missing.pem` of `ssl.keyPath`",
            ),
            ("tls-not-a-key", &[0], "console", "error: no private key in `{tls}/not-a-key.pem`"),
            (
                "tls-default-paths",
                &[0],
                "console",
                "error: cannot read the certificate `certs/cert.pem` of `ssl.certPath`",
            ),
            (
                "tls-empty-cert-path",
                &[0],
                "console",
                "error: config.yaml: `ssl.enabled` is on and `ssl.certPath` is empty",
            ),
            ("port-taken", &[0], "console", "error: cannot listen on `127.0.0.1:{port}`"),
        ],
    },
];

#[test]
fn every_start() {
    let file = data("startup.json");
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 38);
    let has_ipv6 = has_ipv6();
    let needs_ipv6 = |case: &Value| case["id"].as_str().unwrap().starts_with("v6-");
    let cases: Vec<&Value> = cases.iter().filter(|case| has_ipv6 || !needs_ipv6(case)).collect();
    let findings = all(&cases, |case| play(case, &file["base_config"])).concat();
    Deviations::of(ROWS).compare(&findings, |id| has_ipv6 || cases.iter().any(|case| case["id"] == id));
}

fn play(case: &Value, base: &Value) -> Vec<Finding> {
    let id = case["id"].as_str().unwrap();
    let expect = &case["expect"];
    let app = App::start();
    let taken = case["port_taken_on"].as_str().map(|address| TcpListener::bind((address, 0)).unwrap());
    let port = taken.as_ref().map_or(0, |taken| taken.local_addr().unwrap().port());
    let place = Place::furnished(&Furnishing {
        config: &[base, &case["config"], &json!({"port": port}), &app.setting()],
        whitelist_txt: None,
        accounts: case["accounts"] == true,
    });
    // The folder that it is started from is not the one of its settings.
    let elsewhere = tempfile::tempdir().unwrap();
    for (name, text) in case["files_in_start_folder"].as_object().into_iter().flatten() {
        fs::write(elsewhere.path().join(name), text.as_str().unwrap()).unwrap();
    }
    let args: Vec<String> =
        texts(&case["args"]).iter().map(|arg| arg.replace("{tls}", &tls().display().to_string())).collect();
    let mut findings = Vec::new();
    let mut find =
        |field, theirs: String, ours: String| findings.push(Finding::new(id, 0, field, theirs, ours));
    let mut server = match place.start(elsewhere.path(), &case["env"], &args) {
        Start::Up(server) => server,
        Start::Refused { code, said } => {
            // In SillyTavern it is 1.
            assert_eq!(code, Some(2), "{id}: {said:#?}");
            find("start", their_start(expect), "refused".to_owned());
            let ours = matters(&said).replace(&tls().display().to_string(), "{tls}");
            let ours = if port == 0 { ours } else { ours.replace(&port.to_string(), "{port}") };
            find("console", in_our_words(&texts(&expect["console"])), ours);
            return findings;
        }
    };
    let port = server.port();
    let generic = |text: &str| text.replace(&port.to_string(), "{port}");
    find("start", their_start(expect), generic(&listening(&server)));
    find("console", in_our_words(&texts(&expect["console"])), generic(&matters(&server.said)));
    let url = server.said.iter().find_map(|line| line.strip_prefix("Open on this machine: ")).unwrap();
    find("url", expect["url"].as_str().unwrap_or_default().to_owned(), generic(url));

    for probe in expect["probe"].as_array().into_iter().flatten() {
        let answer = get(&server, probe["from"].as_str().unwrap());
        find("probe", probe.to_string(), json!({"from": probe["from"], "status": answer}).to_string());
    }
    if let Some(status) = expect["https_status"].as_u64() {
        find("https", status.to_string(), get_securely(&server).status.to_string());
        let plain =
            send("127.0.0.1".parse().unwrap(), address(&server), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let ours = match plain {
            Reply::Closed => "closed".to_owned(),
            Reply::Answer(answer) if answer.status == 400 && answer.header("location").is_none() => {
                format!("{}, closed", answer.header("x-innkeeper").unwrap())
            }
            other => format!("{other:?}"),
        };
        find("plain http", expect["plain_http"].as_str().unwrap().to_owned(), ours);
    } else {
        // Whatever it says of the list, it answers.
        assert!([200, 401, 403].contains(&get(&server, &address(&server).ip().to_string())), "{id}");
    }
    if let Some(heartbeat) = expect.get("heartbeat") {
        find("heartbeat", their_heartbeat(heartbeat), our_heartbeat(&place, heartbeat));
    }
    assert!(server.is_alive(), "{id}");
    let later = server.stop();
    assert!(!later.iter().any(|line| line.starts_with("error: ")), "{id}: {later:#?}");
    findings
}

fn their_start(expect: &Value) -> String {
    expect["listening"].as_str().map_or_else(|| "refused".to_owned(), in_order)
}

fn listening(server: &Server) -> String {
    in_order(&server.listening().join(" "))
}

/// IPv4 before IPv6.
fn in_order(listening: &str) -> String {
    let words: Vec<&str> = listening.split(' ').collect();
    let families: BTreeSet<&[&str]> = words.chunks(2).collect();
    families.into_iter().flatten().copied().collect::<Vec<_>>().join(" ")
}

/// Where the server listens first.
fn address(server: &Server) -> SocketAddr {
    server.listening()[0].split_once(' ').unwrap().1.parse().unwrap()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The status of an answer.
fn get(server: &Server, from: &str) -> u16 {
    match send(from.parse::<IpAddr>().unwrap(), address(server), GET) {
        Reply::Answer(answer) => answer.status,
        other => panic!("{other:?}"),
    }
}

/// What is answered over https, by a server that has the key of `tls/cert.pem`.
fn get_securely(server: &Server) -> Answer {
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ThatCertificate))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = connect("127.0.0.1".parse().unwrap(), address(server)).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(GET).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    Answer::parse(&answer)
}

/// Trusts the one certificate of `tls/`.
#[derive(Debug)]
struct ThatCertificate;

impl ServerCertVerifier for ThatCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let expected = CertificateDer::from_pem_file(tls().join("cert.pem")).unwrap();
        if *certificate == expected {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("another certificate".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn tls() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/tls")
}

fn their_heartbeat(heartbeat: &Value) -> String {
    if heartbeat.is_null() {
        return "none".to_owned();
    }
    assert_eq!((&heartbeat["keys"], &heartbeat["milliseconds"]), (&json!(["timestamp"]), &json!(true)));
    format!("{} is written again and again", heartbeat["file"].as_str().unwrap())
}

/// Waits until the file has held two times, both of this moment, if one is to be written at all.
fn our_heartbeat(place: &Place, heartbeat: &Value) -> String {
    let file = place.path("data/heartbeat.json");
    if heartbeat.is_null() {
        return if file.exists() { "one" } else { "none" }.to_owned();
    }
    let mut seen = BTreeSet::new();
    let began = Instant::now();
    while seen.len() < 2 {
        assert!(began.elapsed() < Duration::from_mins(1), "{seen:?}");
        // It may be read while it is being written.
        let text = fs::read_to_string(&file).unwrap_or_default();
        if let Ok(Value::Object(beat)) = serde_json::from_str(&text) {
            assert_eq!(beat.keys().collect::<Vec<_>>(), ["timestamp"]);
            let time = beat["timestamp"].as_i64().unwrap();
            let distance = jiff::Timestamp::now().as_millisecond() - time;
            assert!((0..60_000).contains(&distance), "{time} is {distance} ms ago");
            seen.insert(time);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    "heartbeat.json is written again and again".to_owned()
}

/// What a start says that its owner should know: warnings, errors, and a list that takes the place of another.
pub fn matters(said: &[String]) -> String {
    let lines = said.iter().filter_map(|line| {
        if line.starts_with("Who may come in: ") {
            return line.contains("whitelist.txt (in place of ").then(|| REPLACED.to_owned());
        }
        (line.starts_with("warning: ") || line.starts_with("error: ")).then(|| without_place(line))
    });
    sorted(lines.collect())
}

/// A line without the line and column of the settings, which the tests write as it comes.
fn without_place(line: &str) -> String {
    let Some((before, after)) = line.split_once("config.yaml:") else { return line.to_owned() };
    let after = after.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ':');
    format!("{before}config.yaml:{after}")
}

/// SillyTavern's lines of a start, as Innkeeper says the same.
pub fn in_our_words(theirs: &[String]) -> String {
    let mut ours: Vec<String> = Vec::new();
    for line in theirs {
        let known = WORDS.iter().find(|(theirs, _)| line.starts_with(theirs)).map(|(_, ours)| *ours);
        match (known, ours.last_mut()) {
            (Some(""), _) => {}
            (Some(OVERRIDDEN), Some(refusal)) => {
                *refusal = refusal.replacen("error: ", "warning: ", 1) + OVERRIDDEN;
            }
            (Some(line), _) => ours.push(line.to_owned()),
            (None, Some(reminder)) if reminder.starts_with(REMINDER) => {
                *reminder += if reminder == REMINDER { "" } else { ", " };
                *reminder += line;
            }
            (None, _) => ours.push(line.clone()),
        }
    }
    sorted(ours)
}

fn sorted(mut lines: Vec<String>) -> String {
    lines.sort();
    lines.join("\n")
}

const REPLACED: &str = "whitelist.txt takes the place of the list";
const REMINDER: &str = "warning: accounts without a password: ";
const OVERRIDDEN: &str = "; started all the same, because `securityOverride` is on";

/// How a line of theirs begins, and what is said here.
const WORDS: &[(&str, &str)] = &[
    ("whitelist.txt is deprecated and will be removed", REPLACED),
    ("Please migrate its contents to the whitelist field", ""),
    (
        "Your current SillyTavern configuration is insecure",
        "error: other devices can connect (`listen: true`) and nothing protects the app",
    ),
    ("Security has been overridden.", OVERRIDDEN),
    ("A friendly reminder that the following users are not password protected:", REMINDER),
    (
        "If you are not using basic authentication or whitelisting, you should set a password for all admin users.",
        "error: other devices can connect (`listen: true`) and anyone can sign in as default-user, without a password",
    ),
    (
        "Basic Authentication is enabled, but username or password is not set or empty!",
        "warning: the user name or the password of `basicAuthUser` is empty",
    ),
];
