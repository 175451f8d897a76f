//! `client-ip.json` and the forwarding scenarios of `requests.json`: whom SillyTavern takes for the
//! client, how it writes him, and what it lets in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::sync::Arc;

use innkeeper::policy::client::{Client, Condition, ForwardedHeaders, Read, Trust};
use innkeeper::policy::whitelist::{Place, Whitelist, WhitelistBuilder};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct ClientIp {
    counts: Counts,
    sockets: Vec<Socket>,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Counts {
    sockets: usize,
    requests: usize,
}

#[derive(Deserialize)]
struct Socket {
    remote: Option<String>,
    ip: String,
}

#[derive(Deserialize)]
struct Request {
    config: Value,
    headers: Vec<(String, String)>,
    key_socket: String,
    key_header: String,
}

/// What a socket address that we write otherwise becomes, and why.
const SOCKETS: [(&str, &str); 2] = [
    // "peer or header with a zone id, port or garbage": a zone means something to this machine only, and a
    // socket's address comes without it.
    ("fe80::1%eth0", "fe80::1"),
    // SillyTavern's reader takes the long deprecated IPv4-compatible form for IPv4. No list entry does.
    ("::127.0.0.1", "::7f00:1"),
];

/// Header values that we write otherwise, and how often they occur: "peer or header with a zone id, port or
/// garbage" are read, and what was read is written.
const TEXTS: [(&str, &str, usize); 2] = [
    ("[42f2:f2e6:6393:8609:9e1a:347:fb96:287e]", "42f2:f2e6:6393:8609:9e1a:347:fb96:287e", 3),
    ("207.139.200.66:1234", "207.139.200.66", 3),
];

/// Steps that we decide otherwise: scenario, the header's value, SillyTavern's status and ours.
const STEPS: [(&str, &str, u64, u64); 7] = [
    // "peer or header with a zone id, port or garbage": garbage is refused, the rest read.
    ("fwd-junk", "unknown", 500, 403),
    ("fwd-junk", "203.0.113.9:4711", 500, 200),
    ("fwd-junk", "[2001:db8::5]", 500, 200),
    ("fwd-junk", "\"203.0.113.9\"", 500, 403),
    ("fwd-junk", "203.0.113.9, 203.0.113.10", 500, 403),
    // "`::ffff:127.0.0.1` as entry or peer": canonical IPv4 on both sides.
    ("fwd-junk", "::ffff:203.0.113.9", 403, 200),
    // "octal, hex, short forms": refused.
    ("fwd-junk", "203.0.113.009", 200, 403),
];

/// Lines of the log that we write otherwise: an address has one form, so one client is not two.
const LINES: [(&str, &str); 1] =
    [("127.0.0.1 (forwarded: 2001:DB8::5)", "127.0.0.1 (forwarded: 2001:db8::5)")];

#[test]
fn sockets() {
    let file: ClientIp = conformance("client-ip.json");
    assert_eq!(file.sockets.len(), file.counts.sockets);
    let mut deviations = Vec::new();
    for Socket { remote, ip } in &file.sockets {
        // A socket that is gone has no address; then there is nobody to answer either.
        let Some(remote) = remote else { continue };
        let peer: IpAddr = remote.split('%').next().unwrap().parse().unwrap();
        let ours = Trust::default().identify(peer, &ForwardedHeaders::default()).to_string();
        if ours != *ip {
            deviations.push((remote.clone(), ours));
        }
    }
    assert_eq!(deviations, SOCKETS.map(|(remote, ours)| (remote.to_owned(), ours.to_owned())));
}

#[test]
fn texts() {
    let file: ClientIp = conformance("client-ip.json");
    assert_eq!(file.requests.len(), file.counts.requests);
    let mut deviations: BTreeMap<(String, String), usize> = BTreeMap::new();
    for request in &file.requests {
        let trust = Trust { read: read(&request.config), ..Trust::default() };
        let lines = lines(&request.headers);
        let client = trust.identify(request.key_socket.parse().unwrap(), &headers(&lines));
        let text = |whole: &str| {
            let value = whole.strip_prefix(&format!("{} (forwarded: ", request.key_socket));
            value.map_or(whole, |value| value.strip_suffix(')').unwrap()).to_owned()
        };
        if client.to_string() != request.key_header {
            *deviations.entry((text(&request.key_header), text(&client.to_string()))).or_default() += 1;
        }
    }
    let expected = TEXTS.map(|(theirs, ours, times)| ((theirs.to_owned(), ours.to_owned()), times));
    assert_eq!(deviations, BTreeMap::from(expected));
}

/// The scenarios of `requests.json` that turn on forwarding headers and the whitelist, as far as the address
/// decides them.
#[test]
fn scenarios() {
    let file: Value = conformance("requests.json");
    let mut deviations = BTreeSet::new();
    let mut lines_of_the_log = Vec::new();
    let mut steps = 0;
    for scenario in file["scenarios"].as_array().unwrap() {
        let id = scenario["id"].as_str().unwrap();
        if !id.starts_with("fwd-") && id != "log-keys" {
            continue;
        }
        let config = &scenario["config"];
        let trust = Trust {
            read: read(config),
            judged: config["enableForwardedWhitelist"] != false,
            proxies: Whitelist::default(),
        };
        let whitelist = (config["whitelistMode"] != false).then(|| whitelist(&config["whitelist"]));
        for step in scenario["steps"].as_array().unwrap() {
            steps += 1;
            let sent: Vec<(String, String)> =
                serde_json::from_value(step["request"]["headers"].clone()).unwrap();
            let lines = lines(&sent);
            let client = trust.identify(step["from"].as_str().unwrap().parse().unwrap(), &headers(&lines));
            let permits = whitelist.as_ref().is_none_or(|list| permits(&trust, &client, list));
            let (theirs, ours) =
                (step["expect"]["status"].as_u64().unwrap(), if permits { 200 } else { 403 });
            if theirs != ours {
                let values: Vec<_> = sent
                    .iter()
                    .filter(|(name, _)| is_forwarding(name))
                    .map(|(_, value)| value.as_str())
                    .collect();
                assert!(deviations.insert((id.to_owned(), values.join(", "), theirs, ours)));
                continue;
            }
            for event in step["expect"]["console"].as_array().unwrap() {
                let who = if permits { client.to_string() } else { trust.blocked(&client).to_string() };
                let expected = event["who"].as_str().unwrap();
                if who != expected {
                    lines_of_the_log.push((expected.to_owned(), who));
                }
            }
        }
    }
    let expected = STEPS.map(|(id, value, theirs, ours)| (id.to_owned(), value.to_owned(), theirs, ours));
    assert_eq!(deviations, BTreeSet::from(expected));
    assert_eq!(lines_of_the_log, LINES.map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned())));
    assert_eq!(steps, 59, "steps that were compared");
}

fn permits(trust: &Trust, client: &Client, list: &Whitelist) -> bool {
    let is_listed = |address| list.find(address).is_some();
    match trust.condition(client) {
        Condition::Listed(address) => is_listed(address),
        Condition::BothListed { peer, claimed } => is_listed(peer) && is_listed(claimed),
        Condition::Unmeetable => false,
    }
}

fn whitelist(texts: &Value) -> Whitelist {
    let mut builder = WhitelistBuilder::new();
    for text in texts.as_array().unwrap() {
        let text = text.as_str().unwrap();
        builder.pattern(&text.parse().unwrap(), text, Place { file: Arc::from("config.yaml"), line: 0 });
    }
    builder.build()
}

fn conformance<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    serde_json::from_str(&fs::read_to_string(format!("tests/conformance/{name}")).unwrap()).unwrap()
}

/// The switches of a scenario over SillyTavern's defaults, by JavaScript truth.
fn read(config: &Value) -> Read {
    let switch = |name: &str, default| match &config["forwardedHeaders"][name] {
        Value::Null => default,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        other => other.as_str().is_none_or(|text| !text.is_empty()),
    };
    Read {
        x_real_ip: switch("xRealIp", true),
        cf_connecting_ip: switch("cfConnectingIp", false),
        x_forwarded_for: switch("xForwardedFor", true),
    }
}

/// Header lines as they were sent: names in any case, values in Latin-1, without white space at the ends.
fn lines(sent: &[(String, String)]) -> Vec<(String, Vec<u8>)> {
    let latin1 = |text: &str| text.trim().chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    sent.iter().map(|(name, value)| (name.to_ascii_lowercase(), latin1(value))).collect()
}

fn is_forwarding(name: &str) -> bool {
    ["x-real-ip", "cf-connecting-ip", "x-forwarded-for"].contains(&name.to_ascii_lowercase().as_str())
}

fn headers(lines: &[(String, Vec<u8>)]) -> ForwardedHeaders<'_> {
    let values = |wanted: &str| {
        lines.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_slice()).collect()
    };
    ForwardedHeaders {
        x_real_ip: values("x-real-ip"),
        cf_connecting_ip: values("cf-connecting-ip"),
        x_forwarded_for: values("x-forwarded-for"),
        forwarded: values("forwarded"),
        x_forwarded_proto: Vec::new(),
    }
}
