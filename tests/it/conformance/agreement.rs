//! `innkeeper whitelist test` and `innkeeper serve` on every case of the conformance data: the real program both times,
//! on the same settings, asked the same.
//!
//! What is compared is the verdict, and the entry that lets somebody in or the address that would have to be listed.
//! Whether it is also SillyTavern's verdict is the matter of the other tests of this folder. Not asked here: cases of
//! `config-values.json` and `startup.json` that are about the flags of `serve` and about a port in use, which the test
//! of an address does not have, and wrong passwords, which it never asks for.

#![cfg(target_os = "linux")] // All of 127.0.0.0/8 can be connected from and to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use innkeeper::policy::address::{Entry, IpPattern, parse_address};
use serde_json::{Value, json};

use super::run::{Furnishing, Place, Reply, Server, Start, all, data, has_ipv6, send, texts};

/// A proxy that the settings trust, where they do.
const PROXY: &str = "127.0.0.99";

#[test]
fn every_case() {
    let mut jobs = Vec::new();
    jobs.extend(pattern_groups().into_iter().map(Job::Patterns));
    jobs.extend(client_groups().into_iter().map(Job::Clients));
    let hosts = data("host-patterns.json")["entries"].as_array().unwrap().clone();
    jobs.extend(hosts.into_iter().map(Job::Hosts));
    let requests = data("requests.json");
    let base = &requests["base_config"];
    let scenarios = requests["scenarios"].as_array().unwrap().iter();
    jobs.extend(scenarios.map(|scenario| Job::Scenario(base.clone(), scenario.clone())));
    let starts = data("startup.json");
    let cases = starts["cases"].as_array().unwrap().iter().filter(|case| {
        case["id"] != "port-taken" && texts(&case["args"]).is_empty() && (has_ipv6() || !is_six(case))
    });
    jobs.extend(cases.map(|case| Job::Start(starts["base_config"].clone(), case.clone())));
    let values = data("config-values.json");
    let sources = values["sources"].as_array().unwrap().iter();
    jobs.extend(sources.map(|source| Job::Values(source.clone())));
    jobs.push(Job::Accounts);
    jobs.extend([true, false].map(Job::Protocols));

    let counts = all(&jobs, |job| match job {
        Job::Patterns(group) => group.compare(),
        Job::Clients(group) => group.compare(),
        Job::Hosts(entry) => hosts_agree(entry),
        Job::Scenario(base, scenario) => scenario_agrees(base, scenario),
        Job::Start(base, case) => start_agrees(base, case),
        Job::Values(source) => values_agree(source),
        Job::Accounts => accounts_agree(),
        Job::Protocols(is_required) => protocols_agree(*is_required),
    });
    let mut compared = BTreeMap::new();
    for (job, count) in jobs.iter().zip(counts) {
        *compared.entry(job.name()).or_insert(0) += count;
    }
    let mut expected = BTreeMap::from(COMPARED);
    if !has_ipv6() {
        for name in ["requests.json", "startup.json"] {
            compared.remove(name);
            expected.remove(name);
        }
    }
    assert_eq!(compared, expected);
}

/// How many cases of each file, and of our own, have been compared.
const COMPARED: [(&str, usize); 8] = [
    ("X-Forwarded-Proto", 108),
    ("accounts.json", 21),
    ("client-ip.json", 346),
    ("config-values.json", 19),
    ("host-patterns.json", 824),
    ("requests.json", 245),
    ("startup.json", 26),
    ("whitelist-patterns.json", 4796),
];

enum Job {
    Patterns(PatternGroup),
    Clients(ClientGroup),
    Hosts(Value),
    Scenario(Value, Value),
    Start(Value, Value),
    Values(Value),
    Accounts,
    Protocols(bool),
}

impl Job {
    fn name(&self) -> &'static str {
        match self {
            Self::Patterns(_) => "whitelist-patterns.json",
            Self::Clients(_) => "client-ip.json",
            Self::Hosts(_) => "host-patterns.json",
            Self::Scenario(..) => "requests.json",
            Self::Start(..) => "startup.json",
            Self::Values(_) => "config-values.json",
            Self::Accounts => "accounts.json",
            Self::Protocols(_) => "X-Forwarded-Proto",
        }
    }
}

/// Patterns that do not get in each other's way: whoever is asked about is let in by his own pattern or by none.
#[derive(Default)]
struct PatternGroup {
    patterns: Vec<String>,
    parsed: Vec<IpPattern>,
    /// Readable or not, as often as they are asked about.
    asked: Vec<String>,
    addresses: Vec<IpAddr>,
}

/// Names are looked up in the network, which tests do not.
fn is_askable(pattern: &str) -> bool {
    !matches!(pattern.parse(), Ok(Entry::Name(_)))
}

fn pattern_groups() -> Vec<PatternGroup> {
    let file = data("whitelist-patterns.json");
    let mut groups: Vec<PatternGroup> = Vec::new();
    for entry in file["entries"].as_array().unwrap() {
        let pattern = entry["pattern"].as_str().unwrap().to_owned();
        if !is_askable(&pattern) {
            continue;
        }
        let parsed = pattern.parse::<IpPattern>().ok();
        let matches = entry["matches"].as_array().unwrap().iter();
        let asked: Vec<String> = matches.map(|asked| asked["ip"].as_str().unwrap().to_owned()).collect();
        let addresses: Vec<IpAddr> = asked.iter().filter_map(|text| parse_address(text).ok()).collect();
        let fits = |group: &PatternGroup| {
            let theirs = addresses.iter().all(|ip| !group.parsed.iter().any(|other| other.contains(*ip)));
            theirs && parsed.as_ref().is_none_or(|ours| !group.addresses.iter().any(|ip| ours.contains(*ip)))
        };
        let place = groups.iter().position(fits).unwrap_or_else(|| {
            groups.push(PatternGroup::default());
            groups.len() - 1
        });
        let group = &mut groups[place];
        group.patterns.push(pattern);
        group.parsed.extend(parsed);
        group.asked.extend(asked);
        group.addresses.extend(addresses);
    }
    groups
}

impl PatternGroup {
    /// Every address as a client of a trusted proxy, in one go; what is no address goes into the header as it is. The
    /// filter has to say the same.
    fn compare(&self) -> usize {
        let pair = Pair::start(&[&json!({
            "listen": true,
            "listenAddress": {"ipv4": "127.0.0.1"},
            "whitelist": self.patterns,
            "innkeeper": {"trustedProxies": [PROXY]},
        })]);
        let pair = pair.unwrap();
        let readable: Vec<&str> =
            self.asked.iter().map(String::as_str).filter(|text| parse_address(text).is_ok()).collect();
        let mut arguments = vec!["--peer", PROXY, "--"];
        arguments.extend(&readable);
        let explained = if readable.is_empty() { Vec::new() } else { pair.explain(&arguments) };
        assert_eq!(explained.len(), readable.len());
        let filtered = pair.filter(&readable);
        assert_eq!(filtered.len(), readable.len());
        for ((text, explained), filtered) in readable.iter().zip(&explained).zip(&filtered) {
            let fields = [("X-Forwarded-For", (*text).to_owned())];
            let served = pair.ask(PROXY, None, &fields);
            assert_eq!(*explained, served, "{text:?} with {:?}", self.patterns);
            let filtered_as = match filtered.split('\t').collect::<Vec<_>>()[..] {
                ["refused", _, "-"] => Told::refused(&parse_address(text).unwrap().to_string()),
                ["allowed", _, rule] => {
                    let (entry, place) = rule.strip_suffix(')').unwrap().rsplit_once(" (").unwrap();
                    // Nothing that is invisible leaves the filter as it is.
                    Told::allowed(&format!("{place} {entry}").replace("\\ufeff", "\u{feff}"))
                }
                _ => panic!("{filtered}"),
            };
            assert_eq!(filtered_as, served, "{text:?} with {:?}", self.patterns);
        }
        let garbage: BTreeSet<&String> =
            self.asked.iter().filter(|text| parse_address(text).is_err()).collect();
        for text in &garbage {
            let told = pair.tell(PROXY, None, &[("X-Forwarded-For", latin(text))]);
            // An empty header names nobody, and in one of several the last counts.
            let names_one = !text.trim().is_empty() && !text.contains(',');
            assert!(!names_one || told.verdict == "unreadable", "{text:?} {told:?}");
        }
        if !garbage.is_empty() {
            let mut arguments = vec!["--json", "--peer", PROXY, "--"];
            arguments.extend(garbage.iter().map(|text| text.as_str()));
            let output = pair.test(&arguments);
            assert_eq!((output.status.code(), parsed(&output).len()), (Some(2), 0), "{output:?}");
        }
        self.asked.len()
    }
}

/// The headers of `client-ip.json` that go with one configuration.
struct ClientGroup {
    config: Value,
    requests: Vec<Vec<(String, String)>>,
}

fn client_groups() -> Vec<ClientGroup> {
    let file = data("client-ip.json");
    let mut groups: BTreeMap<String, ClientGroup> = BTreeMap::new();
    for request in file["requests"].as_array().unwrap() {
        let config = request["config"].clone();
        let group =
            groups.entry(config.to_string()).or_insert_with(|| ClientGroup { config, requests: Vec::new() });
        group.requests.push(serde_json::from_value(request["headers"].clone()).unwrap());
    }
    groups.into_values().collect()
}

impl ClientGroup {
    /// Each request from a peer that is trusted and from one that is not, and every second client is listed.
    fn compare(&self) -> usize {
        let values = self.requests.iter().flatten().flat_map(|(_, value)| value.split(','));
        let named: BTreeSet<IpAddr> = values.filter_map(|text| parse_address(text).ok()).collect();
        let mut whitelist: Vec<String> = named.iter().step_by(2).map(ToString::to_string).collect();
        whitelist.push("127.0.0.1".to_owned());
        let settings = json!({
            "listen": true,
            "listenAddress": {"ipv4": "127.0.0.1"},
            "whitelist": whitelist,
            "innkeeper": {"trustedProxies": [PROXY]},
        });
        let Some(pair) = Pair::start(&[&settings, &self.config]) else { return 0 };
        for headers in &self.requests {
            let fields: Vec<(&str, String)> =
                headers.iter().map(|(name, value)| (name.as_str(), latin(value))).collect();
            for peer in ["127.0.0.1", PROXY] {
                pair.tell(peer, None, &fields);
            }
        }
        2 * self.requests.len()
    }
}

/// `host-patterns.json`: each host, asked for under one list of them.
fn hosts_agree(entry: &Value) -> usize {
    let settings = json!({
        "listen": true,
        "listenAddress": {"ipv4": "127.0.0.1"},
        "hostWhitelist": {"enabled": true, "hosts": entry["hosts"]},
    });
    let Some(pair) = Pair::start(&[&settings]) else { return 1 };
    let hosts: BTreeSet<&str> =
        entry["checks"].as_array().unwrap().iter().filter_map(|check| check["host"].as_str()).collect();
    for host in &hosts {
        pair.tell("127.0.0.1", Some(host), &[]);
    }
    hosts.len()
}

/// `requests.json`: each visitor of a scenario, before he signs in.
fn scenario_agrees(base: &Value, scenario: &Value) -> usize {
    if !has_ipv6() && is_six(scenario) {
        return 0;
    }
    // A flag of `serve` counts as the variable that means the same.
    let mut variables = scenario["env"].clone();
    for flag in texts(&scenario["args"]) {
        let (name, value) = match flag.as_str() {
            "--whitelist=false" => ("INNKEEPER_WHITELISTMODE", "false"),
            "--listen" => ("INNKEEPER_LISTEN", "true"),
            "--basicAuthMode" => ("INNKEEPER_BASICAUTHMODE", "true"),
            other => panic!("{other}"),
        };
        variables[name] = json!(value);
    }
    let furnishing = Furnishing {
        config: &[base, &scenario["config"], &json!({"port": 0})],
        whitelist_txt: scenario["whitelist_txt"].as_str(),
        accounts: scenario["accounts"] == true,
    };
    let Some(pair) = Pair::start_furnished(&furnishing, &variables) else { return 1 };
    let mut asked = BTreeSet::new();
    for step in scenario["steps"].as_array().unwrap() {
        let headers: Vec<(String, String)> =
            serde_json::from_value(step["request"]["headers"].clone()).unwrap();
        let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
        let host = headers.iter().find(|(name, _)| is(name, "host")).map(|(_, value)| value.clone());
        let fields: Vec<(String, String)> = headers
            .into_iter()
            .filter(|(name, _)| {
                !["host", "user-agent", "authorization", "origin"].iter().any(|other| is(name, other))
            })
            .collect();
        let address = |name: &str| step[name].as_str().unwrap().to_owned();
        asked.insert((address("from"), address("to"), host, fields));
    }
    let mut count = 0;
    for (from, to, host, fields) in &asked {
        let fields: Vec<(&str, String)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let host = host.as_ref().map(|host| host.replace("{port}", &pair.server.port().to_string()));
        count += usize::from(pair.tell_at(from, to, host.as_deref(), &fields).is_some());
    }
    count
}

/// `startup.json`: who does not start has nobody to let in.
fn start_agrees(base: &Value, case: &Value) -> usize {
    let furnishing = Furnishing {
        config: &[base, &case["config"], &json!({"port": 0})],
        whitelist_txt: None,
        accounts: case["accounts"] == true,
    };
    if let Some(pair) = Pair::start_furnished(&furnishing, &case["env"]) {
        let is_v4 = pair.server.listening().iter().any(|text| text.starts_with("IPv4"));
        let address = if is_v4 { "127.0.0.1" } else { "::1" };
        pair.tell_at(address, address, Some("127.0.0.1"), &[]).unwrap();
    }
    1
}

/// `config-values.json`: settings that one refuses the other refuses too.
fn values_agree(source: &Value) -> usize {
    let place = Place::furnished(&Furnishing { config: &[], whitelist_txt: None, accounts: false });
    std::fs::write(place.config(), source["yaml"].as_str().unwrap_or_default()).unwrap();
    let mut variables = source["env"].clone();
    variables["INNKEEPER_PORT"] = json!("0");
    if let Some(pair) = Pair::start_at(place, &variables) {
        pair.tell("127.0.0.1", Some("127.0.0.1"), &[]);
    }
    1
}

/// `accounts.json`: who can sign in with a password of his is somebody who can sign in.
fn accounts_agree() -> usize {
    let file = data("accounts/accounts.json");
    let settings = json!({
        "listen": true,
        "listenAddress": {"ipv4": "127.0.0.1"},
        "whitelist": ["127.0.0.0/8"],
        "basicAuthMode": true,
        "enableUserAccounts": true,
        "perUserBasicAuth": true,
        "port": 0,
    });
    let furnishing = Furnishing { config: &[&settings], whitelist_txt: None, accounts: true };
    let pair = Pair::start_furnished(&furnishing, &json!({})).unwrap();
    let tries = file["basic_auth"].as_array().unwrap();
    let handle = |attempt: &Value| attempt["handle"].as_str().unwrap().to_owned();
    let handles: BTreeSet<String> = tries.iter().map(handle).collect();
    for (number, user) in handles.iter().enumerate() {
        let own = || tries.iter().filter(|attempt| handle(attempt) == *user);
        let attempt = own().find(|attempt| attempt["allowed"] == true).or(own().next()).unwrap();
        let credentials = STANDARD.encode(format!("{user}:{}", attempt["password"].as_str().unwrap()));
        // Nobody has to wait for another's wrong password.
        let peer = format!("127.0.1.{number}");
        let served = pair.ask(&peer, None, &[("Authorization", format!("Basic {credentials}"))]);
        let output = pair.test(&["--json", "--user", user, "--", &peer]);
        let result = parsed(&output)[0]["result"].as_str().unwrap().to_owned();
        let expected = if served.verdict == "welcome" { "allowed-after-sign-in" } else { "refused" };
        assert_eq!(result, expected, "{user:?}: {served:?}");
    }
    handles.len()
}

/// A header that SillyTavern does not read: how a client came to a proxy, where that matters and where it does not, of
/// a proxy that is trusted and of one that is not, for a client that is listed and for one that is not.
fn protocols_agree(is_required: bool) -> usize {
    let settings = json!({
        "listen": true,
        "listenAddress": {"ipv4": "127.0.0.1"},
        "whitelist": ["127.0.0.0/8", "192.168.0.7"],
        "innkeeper": {"trustedProxies": [PROXY], "requireHttps": is_required},
    });
    let pair = Pair::start(&[&settings]).unwrap();
    let mut count = 0;
    for (lines, is_https) in [
        (&[][..], false),
        (&["https"], true),
        (&["HTTPS"], true),
        (&["https, https", "https"], true),
        (&["http"], false),
        (&[""], false),
        (&["https, http"], false),
        (&["http", "https"], false),
        (&["https;x"], false),
    ] {
        for client in ["192.168.0.7", "8.8.8.8"].map(Some).into_iter().chain([None]) {
            let mut fields: Vec<(&str, String)> =
                lines.iter().map(|line| ("X-Forwarded-Proto", (*line).to_owned())).collect();
            fields.extend(client.map(|client| ("X-Forwarded-For", client.to_owned())));
            for peer in ["127.0.0.1", PROXY] {
                let told = pair.tell(peer, None, &fields);
                let expected = match client {
                    Some("8.8.8.8") => "refused",
                    _ if is_required && !(is_https && peer == PROXY) => "https-required",
                    _ => "welcome",
                };
                assert_eq!(told.verdict, expected, "{peer} {fields:?}");
                count += 1;
            }
        }
    }
    count
}

/// What became of a request, as the one or the other says it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    /// The name of the page.
    verdict: String,
    /// Which entry, or which address.
    detail: String,
}

impl Told {
    fn new(verdict: &str, detail: &str) -> Self {
        Self { verdict: verdict.to_owned(), detail: detail.to_owned() }
    }

    fn allowed(rule: &str) -> Self {
        Self::new("welcome", rule)
    }

    fn refused(address: &str) -> Self {
        Self::new("refused", address)
    }

    /// What a page of the server's says.
    fn of_page(page: &Value) -> Self {
        let text = |name: &str| page[name].as_str().unwrap_or_default();
        match page["page"].as_str().unwrap() {
            "welcome" => Self::allowed(text("rule")),
            "refused" if page["header"].is_string() => Self::new("unreadable", ""),
            "refused" => Self::refused(text("address")),
            other => Self::new(other, ""),
        }
    }

    /// What an explanation says.
    fn of_explanation(explanation: &Value) -> Self {
        let last = explanation["steps"].as_array().unwrap().last().unwrap();
        let reason = explanation["reason"].as_str().unwrap();
        match (explanation["result"].as_str().unwrap(), last["step"].as_str().unwrap()) {
            ("allowed", _) => {
                let steps = explanation["steps"].as_array().unwrap().iter();
                let entries = steps.filter(|step| step["step"] == "address").flat_map(|step| {
                    step["entries"].as_array().into_iter().flatten().filter(|entry| entry["covers"] == true)
                });
                let rules = entries.map(|entry| {
                    format!("{} {}", entry["source"].as_str().unwrap(), entry["entry"].as_str().unwrap())
                });
                Self::allowed(&rules.collect::<Vec<_>>().first().cloned().unwrap_or_default())
            }
            ("allowed-after-sign-in", _) => Self::new("sign-in", ""),
            ("refused", "address") if reason == "who asks cannot be read" => Self::new("unreadable", ""),
            ("refused", "address") => Self::refused(reason.split_once(" is not in the whitelist").unwrap().0),
            ("refused", "host") if reason.contains("no host that there could be") => {
                Self::new("malformed", "")
            }
            ("refused", "host") => Self::new("unknown-host", ""),
            ("refused", "https") => Self::new("https-required", ""),
            other => panic!("{other:?}"),
        }
    }
}

/// A server, and the folder for the other one.
struct Pair {
    place: Place,
    server: Server,
    variables: Value,
}

impl Pair {
    fn start(config: &[&Value]) -> Option<Self> {
        let port = json!({"port": 0, "whitelistDockerHosts": false});
        let config: Vec<&Value> = config.iter().copied().chain([&port]).collect();
        Self::start_furnished(
            &Furnishing { config: &config, whitelist_txt: None, accounts: false },
            &json!({}),
        )
    }

    fn start_furnished(furnishing: &Furnishing<'_>, variables: &Value) -> Option<Self> {
        Self::start_at(Place::furnished(furnishing), variables)
    }

    /// Starts the server; where it does not start, the other one must not answer either.
    fn start_at(place: Place, variables: &Value) -> Option<Self> {
        match place.start(&place.path(""), variables, &[]) {
            Start::Up(server) => Some(Self { place, server, variables: variables.clone() }),
            Start::Refused { code, said } => {
                let output =
                    test(&place, variables, &["--host", "127.0.0.1", "--", "127.0.0.1"]).output().unwrap();
                assert_eq!((output.status.code(), code), (Some(2), Some(2)), "{said:#?} {output:?}");
                None
            }
        }
    }

    /// Asks both, from `peer`; they have to say the same.
    fn tell(&self, peer: &str, host: Option<&str>, fields: &[(&str, String)]) -> Told {
        let to = if peer.contains(':') { "::1" } else { "127.0.0.1" };
        self.tell_at(peer, to, host, fields).unwrap()
    }

    /// The same at the address `to`; `None` where nobody listens.
    fn tell_at(&self, peer: &str, to: &str, host: Option<&str>, fields: &[(&str, String)]) -> Option<Told> {
        let served = self.ask_at(peer, to, host, fields)?;
        let mut arguments = Vec::new();
        for (name, value) in fields.iter().filter(|(name, _)| is_read(name)) {
            arguments.push(format!("--header={name}: {value}"));
        }
        arguments.extend(host.map(|host| format!("--host={host}")));
        arguments.push(peer.to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let tested = self.explain(&arguments).remove(0);
        let said = || format!("{:?}", self.server.said);
        assert_eq!(tested, served, "{peer} {host:?} {fields:?} {}", said());
        Some(tested)
    }

    fn ask(&self, peer: &str, host: Option<&str>, fields: &[(&str, String)]) -> Told {
        self.ask_at(peer, "127.0.0.1", host, fields).unwrap()
    }

    /// Asks the server.
    fn ask_at(&self, peer: &str, to: &str, host: Option<&str>, fields: &[(&str, String)]) -> Option<Told> {
        let mut head = format!(
            "GET / HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\nConnection: close\r\n",
            host.unwrap_or("127.0.0.1")
        );
        for (name, value) in fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head += "\r\n";
        let to = SocketAddr::new(to.parse().unwrap(), self.server.port());
        match send(peer.parse().unwrap(), to, head.as_bytes()) {
            Reply::Answer(answer) => Some(Told::of_page(&serde_json::from_str(&answer.body).unwrap())),
            Reply::Refused => None,
            other => panic!("{other:?}"),
        }
    }

    /// Asks the other one.
    fn test(&self, arguments: &[&str]) -> Output {
        test(&self.place, &self.variables, arguments).output().unwrap()
    }

    /// Asks the other one about every address that `arguments` end with.
    fn explain(&self, arguments: &[&str]) -> Vec<Told> {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let output = self.test(&all);
        let explanations = parsed(&output);
        let refused = explanations.iter().any(|explanation| explanation["result"] == "refused");
        assert_eq!(output.status.code(), Some(i32::from(refused)), "{output:?}");
        explanations.iter().map(Told::of_explanation).collect()
    }

    /// The lines of the filter.
    fn filter(&self, addresses: &[&str]) -> Vec<String> {
        let mut command = test(&self.place, &self.variables, &["-"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = addresses.join("\n") + "\n";
        std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
        let output = child.wait_with_output().unwrap();
        assert_ne!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

/// `innkeeper whitelist test`, on the settings that `serve` has.
fn test(place: &Place, variables: &Value, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
    command.args(["whitelist", "test", "--quiet", "--config"]).arg(place.config()).args(arguments);
    command.current_dir(place.path("")).env_clear();
    for (name, value) in variables.as_object().unwrap() {
        command.env(name, value.as_str().unwrap());
    }
    command.stdin(Stdio::null());
    command
}

fn parsed(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Other headers mean nothing to either, and the test of an address does not take them.
fn is_read(name: &str) -> bool {
    ["x-forwarded-for", "x-real-ip", "cf-connecting-ip", "forwarded", "x-forwarded-proto"]
        .contains(&name.to_ascii_lowercase().as_str())
}

/// The letters that a header can hold, so that both are asked the same.
fn latin(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect()
}

fn is_six(case: &Value) -> bool {
    let steps = case["steps"].as_array().into_iter().flatten();
    let six = |address: &Value| address.as_str().unwrap().contains(':');
    !matches!(case["config"]["protocol"]["ipv6"], Value::Null | Value::Bool(false))
        || steps.into_iter().any(|step| six(&step["from"]))
}
