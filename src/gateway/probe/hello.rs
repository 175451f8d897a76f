//! The first message of TLS 1.0, 1.1 and 1.2 (RFC 2246, RFC 4346, RFC 5246, section 7.4.1.2) with the versions, ciphers
//! and curves that rustls does not have: just enough to see whether a server would go on.

use std::net::IpAddr;

use crate::cert::inspection::Protocol;

/// So many bytes of the answer tell: a record's head, and the type, length and version of its first message.
pub(super) const ENOUGH: usize = 11;

/// What a client sends that has `protocol` and none newer, for the server called `host`.
pub(super) fn client(protocol: Protocol, host: &str) -> Vec<u8> {
    let mut body = version(protocol).to_vec();
    // No secret comes of it, so any number is random enough.
    body.extend_from_slice(b"innkeeper cert check: no secrets");
    // No session to resume.
    body.push(0);
    block(&mut body, &SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect::<Vec<_>>());
    // No compression.
    body.extend_from_slice(&[1, 0]);
    let mut extensions = Vec::new();
    if host.parse::<IpAddr>().is_err() {
        // `server_name`, RFC 6066: a list of one host name.
        let mut name = vec![0];
        block(&mut name, host.as_bytes());
        let mut list = Vec::new();
        block(&mut list, &name);
        extension(&mut extensions, 0, &list);
    }
    // `supported_groups` and `ec_point_formats`, RFC 8422: P-256, P-384, P-521; not compressed.
    extension(&mut extensions, 10, &[0, 6, 0, 23, 0, 24, 0, 25]);
    extension(&mut extensions, 11, &[1, 0]);
    if protocol == Protocol::Tls12 {
        // `signature_algorithms`, RFC 5246: SHA-256, 384, 512 and SHA-1, each with RSA and ECDSA.
        extension(&mut extensions, 13, &[0, 16, 4, 1, 4, 3, 5, 1, 5, 3, 6, 1, 6, 3, 2, 1, 2, 3]);
    }
    block(&mut body, &extensions);

    let mut message = vec![CLIENT_HELLO, 0];
    block(&mut message, &body);
    // Clients of all versions begin with that of 1.0.
    let mut record = vec![HANDSHAKE, 3, 1];
    block(&mut record, &message);
    record
}

/// Whether `start` is the beginning of an answer in `protocol`.
pub(super) fn answers(start: &[u8; ENOUGH], protocol: Protocol) -> bool {
    start[0] == HANDSHAKE && start[5] == SERVER_HELLO && start[9..] == version(protocol)
}

/// The first byte of a record with an alert (RFC 5246, section 6.2.1).
pub(super) const ALERT: u8 = 21;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// What servers of that time have: AES and 3DES in CBC with SHA-1, by ECDHE, DHE and RSA.
const SUITES: [u16; 10] = [0xc009, 0xc00a, 0xc013, 0xc014, 0x0033, 0x0039, 0x002f, 0x0035, 0x0016, 0x000a];

fn version(protocol: Protocol) -> [u8; 2] {
    match protocol {
        Protocol::Tls10 => [3, 1],
        Protocol::Tls11 => [3, 2],
        // 1.3 says so in an extension, and is never asked for here.
        Protocol::Tls12 | Protocol::Tls13 => [3, 3],
    }
}

/// Appends `content` with its length in two bytes before it; what is made here is far shorter than that allows.
fn block(to: &mut Vec<u8>, content: &[u8]) {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(content);
}

fn extension(to: &mut Vec<u8>, kind: u16, content: &[u8]) {
    to.extend_from_slice(&kind.to_be_bytes());
    block(to, content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_are_right() {
        let hello = client(Protocol::Tls11, "desk.local");
        let length = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
        assert_eq!(hello[..3], [22, 3, 1]);
        assert_eq!(length(3), hello.len() - 5);
        assert_eq!((hello[5], hello[6]), (1, 0));
        assert_eq!(length(7), hello.len() - 9);
        assert_eq!(hello[9..11], [3, 2]);
        assert!(hello.windows(10).any(|part| part == b"desk.local"));
        assert!(client(Protocol::Tls10, "::1").len() < hello.len() - 10);
    }

    #[test]
    fn an_answer_in_that_version_and_no_other() {
        let start = |kind, version| [kind, 3, 1, 0, 60, if kind == 22 { 2 } else { 1 }, 0, 0, 56, 3, version];
        assert!(answers(&start(22, 1), Protocol::Tls10));
        assert!(!answers(&start(22, 1), Protocol::Tls11));
        assert!(answers(&start(22, 2), Protocol::Tls11));
        // An alert.
        assert!(!answers(&start(21, 1), Protocol::Tls10));
    }
}
