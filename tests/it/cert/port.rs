//! `cert check HOST:PORT`: servers of ours, of http, and of another age.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::crypto::ring::{self, sign::any_supported_type};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection};

use super::made::{Made, alone, redacted, server_now};
use crate::it::harness::Innkeeper;
use crate::it::harness::folder::{Folder, golden};

/// What is said to the server on `port`.
fn told(port: u16, name: &str) -> String {
    let folder = Folder::with(&[]);
    let text = folder.told(&["cert", "check", &format!("{name}:{port}")], &[]);
    text.replace(&format!(":{port}"), ":{port}").replace(&format!(" {port}"), " {port}")
}

fn pair() -> Made {
    alone(server_now(&["localhost", "desk.local"]))
}

#[test]
fn our_own_server() {
    let made = pair();
    let files = [("cert.pem", made.pem.as_bytes()), ("key.pem", made.key.as_bytes())];
    let server =
        Innkeeper::start_with("ssl: {enabled: true, certPath: cert.pem, keyPath: key.pem}", "", &files);
    // By a name that it has, and by one that it has not.
    let text = told(server.port, "localhost") + &told(server.port, "127.0.0.1");
    golden("cert-check-port.txt", &redacted(&text, &made.params));

    let folder = Folder::with(&[]);
    let output = folder.run(&["cert", "check", &format!("https://localhost:{}/", server.port), "--json"]);
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows[0]["port"]["protocols"], serde_json::json!(["TLS 1.2", "TLS 1.3"]));
    assert_eq!(rows[0]["port"]["alpn"], "h2");
    assert_eq!(rows[0]["certificate"]["trust"], "self-signed");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_server_of_http() {
    let server = Innkeeper::start("", "");
    golden("cert-check-http.txt", &told(server.port, "127.0.0.1"));
}

/// Answers every connection with what `answer` makes of its first bytes.
fn answering(answer: fn(&[u8]) -> Vec<u8>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            thread::spawn(move || {
                let mut greeting = [0; 4096];
                let count = stream.read(&mut greeting).unwrap_or_default();
                let _ = stream.write_all(&answer(&greeting[..count]));
            });
        }
    });
    port
}

/// An alert: handshake failure.
const ALERT: [u8; 7] = [21, 3, 1, 0, 2, 2, 40];

#[test]
fn a_server_of_another_age() {
    // It takes whom it understands: the version stands in the greeting, behind the heads of record and message.
    let old = answering(|greeting| match greeting {
        [22, _, _, _, _, 1, _, _, _, 3, version @ 1..=2, ..] => {
            vec![22, 3, *version, 0, 42, 2, 0, 0, 38, 3, *version]
        }
        _ => ALERT.to_vec(),
    });
    let mute = answering(|_| Vec::new());
    let strange = answering(|_| b"220 mail.example ESMTP\r\n".to_vec());
    // Waits for the end of a line, and then speaks http.
    let slow = answering(|greeting| match greeting {
        [22, ..] => Vec::new(),
        _ => b"HTTP/1.0 404 Not Found\r\n\r\n".to_vec(),
    });
    // Its ciphers are none of ours: what it shows is not seen, so nobody can be said to take it.
    let other = answering(|greeting| match greeting {
        [22, _, _, _, _, 1, _, _, _, 3, 3, ..] if !greeting.ends_with(&[2, 1, 2, 3]) => ALERT.to_vec(),
        [22, _, _, _, _, 1, _, _, _, 3, version, ..] => {
            vec![22, 3, *version, 0, 42, 2, 0, 0, 38, 3, *version]
        }
        _ => Vec::new(),
    });
    let picky = answering(|greeting| if greeting[0] == 22 { ALERT.to_vec() } else { Vec::new() });
    let text = [old, mute, strange, slow, other, picky].map(|port| told(port, "127.0.0.1")).concat();
    golden("cert-check-old.txt", &text);
}

/// A server that takes every connection and never says a word is waited for once, and then left alone.
#[test]
fn a_silent_server() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(
        told(port, "127.0.0.1"),
        "$ innkeeper cert check 127.0.0.1:{port}\n! error: 127.0.0.1:{port} says nothing for 5 seconds\n\
         ! hint: name the port of the web app, as it stands in the browser\nexit 2\n\n"
    );
    // One handshake, one question in clear: nothing else was tried.
    listener.set_nonblocking(true).unwrap();
    let greetings: Vec<Vec<u8>> = std::iter::from_fn(|| listener.accept().ok())
        .map(|(mut stream, _)| {
            let mut greeting = Vec::new();
            stream.set_nonblocking(false).unwrap();
            stream.read_to_end(&mut greeting).unwrap();
            greeting
        })
        .collect();
    assert_eq!(greetings.len(), 2);
    assert_eq!((greetings[0][0], &greetings[1][..]), (22, &b"HEAD / HTTP/1.0\r\n\r\n"[..]));
}

/// It speaks http, and waits for the end of a line before it does.
#[test]
fn a_server_that_waits_for_a_line() {
    let port = answering(|greeting| match greeting {
        [22, ..] => {
            // Until the other side gives up.
            thread::park();
            Vec::new()
        }
        _ => b"HTTP/1.0 404 Not Found\r\n\r\n".to_vec(),
    });
    assert!(told(port, "127.0.0.1").starts_with(
        "$ innkeeper cert check 127.0.0.1:{port}\n127.0.0.1:{port}: it speaks http in clear, not https\n"
    ));
}

/// A certificate can be copied by everybody.
#[test]
fn a_certificate_of_somebody_else() {
    let (made, key) = (pair(), pair().key);
    let chain = CertificateDer::pem_slice_iter(made.pem.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = any_supported_type(&key).unwrap();
    for version in [&TLS13, &TLS12] {
        let shown = Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain.clone(), Arc::clone(&key))));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(shown);
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream: TcpStream = stream.unwrap();
                let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let _ = connection.complete_io(&mut stream);
            }
        });
        assert_eq!(
            told(port, "localhost"),
            "$ innkeeper cert check localhost:{port}\n\
             ! error: localhost:{port} shows a certificate of which it does not have the key\n\
             ! hint: no browser takes that: it was shown by somebody else, or the server has two of a kind\n\
             exit 2\n\n"
        );
    }
}

/// What is sent there is lost: the queue of those that wait to be accepted is full.
#[cfg(target_os = "linux")]
#[test]
fn a_port_that_a_firewall_keeps() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let waiting = std::time::Duration::from_millis(300);
    let queue: Vec<TcpStream> =
        std::iter::from_fn(|| TcpStream::connect_timeout(&address, waiting).ok()).take(8).collect();
    assert!(queue.len() < 8, "the queue is never full");
    assert_eq!(
        told(address.port(), "127.0.0.1"),
        "$ innkeeper cert check 127.0.0.1:{port}\n! error: nobody answers at 127.0.0.1:{port}\n\
         !   caused by: connection timed out\n\
         ! hint: see whether it is switched on, and whether a firewall keeps that port\nexit 2\n\n"
    );
}

#[test]
fn nobody_there() {
    // Bound and not listening: nobody else gets the port, and nobody answers.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let text = told(port, "127.0.0.1");
    assert_eq!(
        text,
        "$ innkeeper cert check 127.0.0.1:{port}\n! error: nobody answers at 127.0.0.1:{port}\n\
         !   caused by: Connection refused (os error 111)\n\
         ! hint: if it is this computer, start it: `innkeeper serve`\nexit 2\n\n"
    );
}
