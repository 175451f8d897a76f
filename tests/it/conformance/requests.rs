//! `requests.json`: whole requests against the running program, in front of an app of the test's own.
//!
//! What is ours throughout, and not listed below: the pages' words and media types; the realm `Innkeeper` where
//! SillyTavern says `SillyTavern`; `Forbidden: Connection attempt from` (with the reason, and below it the command that
//! lets the client in) where it says `Blocked connection from`; `access.log` beside the settings and not in the data
//! folder; what the app answers behind the door.

#![cfg(target_os = "linux")] // All of 127.0.0.0/8 can be connected from and to.

mod rows;

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use innkeeper::config::{Flags, Settings, Variables};
use innkeeper::gateway::rules::{Making, Resolved};
use innkeeper::policy::account::Accounts;
use innkeeper::policy::client::ForwardedHeaders;
use innkeeper::policy::{Ambient, Decision, Denial, Policy, Visit};
use serde_json::{Value, json};

use super::deviations::{Deviations, Finding};
use super::run::{Answer, App, Furnishing, Place, Reply, Seen, Start, all, data, has_ipv6, send, texts};
use super::starts::{in_our_words, matters};

#[test]
fn every_step() {
    let file = data("requests.json");
    let scenarios = file["scenarios"].as_array().unwrap();
    let count = |scenario: &Value| scenario["steps"].as_array().unwrap().len();
    assert_eq!(scenarios.len(), 92);
    assert_eq!(scenarios.iter().map(count).sum::<usize>(), 418);

    let has_ipv6 = has_ipv6();
    let scenarios: Vec<&Value> = scenarios
        .iter()
        .filter(|scenario| scenario["slow"] == false && (has_ipv6 || !needs_ipv6(scenario)))
        .collect();
    let deviations = Deviations::of(rows::ROWS);
    let findings = all(&scenarios, |scenario| play(scenario, &file["base_config"], &deviations)).concat();
    if has_ipv6 {
        // The others belong to the slow scenario and to those that do not start.
        assert_eq!(findings.iter().filter(|finding| finding.field == "answer").count(), 387);
    }
    let is_played = |id: &str| scenarios.iter().any(|scenario| scenario["id"] == id) || has_ipv6;
    deviations.compare(&findings, is_played);
}

/// The scenarios that wait for minutes: the policy that the settings make, asked with a clock of the test's own.
#[test]
fn every_slow_step() {
    let file = data("requests.json");
    let mut compared = 0;
    for scenario in file["scenarios"].as_array().unwrap().iter().filter(|scenario| scenario["slow"] == true) {
        let place = Place::furnished(&Furnishing {
            config: &[&file["base_config"], &scenario["config"]],
            whitelist_txt: None,
            accounts: false,
        });
        let settings = Settings::read(&place.config(), &Flags::default(), &Variables::default());
        let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
        let making = Making::new(settings, Accounts::new([]), Vec::new()).unwrap();
        let (rules, _) = making.rules(&Resolved::new(), std::time::SystemTime::now()).unwrap();
        let mut now = Duration::ZERO;
        for step in scenario["steps"].as_array().unwrap() {
            now += Duration::from_secs(step["wait_before_s"].as_u64().unwrap_or(0));
            let (stage, wait) = verdict(&rules.policy, step, now);
            assert_eq!((stage, wait), (their_stage(step), their_wait(step)), "{step}");
            compared += 1;
        }
    }
    assert_eq!(compared, 5);
}

fn verdict(policy: &Policy, step: &Value, now: Duration) -> (String, String) {
    let request = &step["request"];
    let headers: Vec<(String, String)> = serde_json::from_value(request["headers"].clone()).unwrap();
    let header =
        |name: &str| headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_bytes());
    let visit = Visit {
        peer: step["from"].as_str().unwrap().parse().unwrap(),
        secure: false,
        method: request["method"].as_str().unwrap(),
        path: request["target"].as_str().unwrap(),
        host: Some(b"127.0.0.1"),
        authorization: header("Authorization"),
        forwarded: ForwardedHeaders::default(),
        ambient: Ambient::default(),
    };
    match policy.decide(&visit, None, now) {
        Decision::Permit(_) => ("passed".to_owned(), String::new()),
        Decision::Deny(Denial::SignIn { .. }) => ("401 basic-auth".to_owned(), String::new()),
        Decision::Deny(Denial::Throttled { retry_after, .. }) => {
            ("429 rate-limit".to_owned(), retry_after.as_secs().to_string())
        }
        other => panic!("{other:?}"),
    }
}

/// Whether it takes the loopback address of IPv6.
fn needs_ipv6(scenario: &Value) -> bool {
    let is_six = |address: &Value| address.as_str().unwrap().contains(':');
    let mut steps = scenario["steps"].as_array().unwrap().iter();
    scenario["config"]["protocol"]["ipv6"] == true || steps.any(|step| is_six(&step["from"]))
}

/// One scenario: a fresh server, every step in turn, and what was written in the end.
fn play(scenario: &Value, base: &Value, deviations: &Deviations) -> Vec<Finding> {
    let id = scenario["id"].as_str().unwrap();
    let app = App::start();
    let place = Place::furnished(&Furnishing {
        config: &[base, &scenario["config"], &json!({"port": 0}), &app.setting()],
        whitelist_txt: scenario["whitelist_txt"].as_str(),
        accounts: scenario["accounts"] == true,
    });
    let mut server = match place.start(&place.path(""), &scenario["env"], &texts(&scenario["args"])) {
        Start::Up(server) => server,
        Start::Refused { code, said } => {
            assert_eq!(code, Some(2), "{id}: {said:#?}");
            return vec![Finding::new(id, 0, "start", "started", matters(&said))];
        }
    };
    let mut findings = vec![Finding::new(
        id,
        0,
        "start",
        in_our_words(&texts(&scenario["startup_console"])),
        matters(&server.said),
    )];
    let mut console = Written::default();
    let mut access_log = Written::default();
    let began = Instant::now();
    for (number, step) in scenario["steps"].as_array().unwrap().iter().enumerate() {
        let mut find = |field, theirs: String, ours: String| {
            findings.push(Finding::new(id, number, field, theirs, ours));
        };
        let reply = ask(step, server.port());
        let seen = app.take();
        let (theirs, ours) = (their_stage(step), our_stage(&reply, &seen));
        let is_same_stage = theirs == ours;
        find("answer", theirs, ours);
        if let ([seen], true) = (&seen[..], is_same_stage) {
            find("forwarded", their_request(step), our_request(seen));
        }
        if let Reply::Answer(answer) = &reply
            && seen.is_empty()
        {
            examine(answer, step["request"]["method"] == "HEAD");
            if is_same_stage {
                find("challenge", their_challenge(step), our_challenge(answer));
                find("retry-after", their_wait(step), our_wait(answer, step, began.elapsed()));
            }
        }
        for (written, field, theirs) in [
            (&mut console, "console", their_lines(step, server.port())),
            (&mut access_log, "access-log", texts(&step["expect"]["access_log"]).join("\n")),
        ] {
            let ours = deviations.ours(id, number, field).unwrap_or(&theirs).to_owned();
            written.expect(&ours);
            find(field, theirs, ours);
        }
    }
    let last = scenario["steps"].as_array().unwrap().len();
    findings.push(Finding::new(
        id,
        last,
        "alive",
        scenario["alive_after"].to_string(),
        server.is_alive().to_string(),
    ));
    let said = our_lines(&server.stop(), &place);
    findings.push(Finding::new(id, last, "whole console", console.0.join("\n"), said));
    let written = our_access_log(&place);
    findings.push(Finding::new(id, last, "whole access-log", access_log.0.join("\n"), written));
    findings
}

/// What should have been written by the end.
#[derive(Default)]
struct Written(Vec<String>);

impl Written {
    fn expect(&mut self, lines: &str) {
        if !lines.is_empty() {
            self.0.push(lines.to_owned());
        }
    }
}

/// Sends one step's request, byte for byte as it stands there.
fn ask(step: &Value, port: u16) -> Reply {
    let request = &step["request"];
    let text = |value: &Value| value.as_str().unwrap().replace("{port}", &port.to_string());
    let mut head = format!(
        "{} {} HTTP/{}\r\n",
        text(&request["method"]),
        text(&request["target"]),
        text(&request["version"])
    );
    for header in request["headers"].as_array().unwrap() {
        let _ = write!(head, "{}: {}\r\n", text(&header[0]), text(&header[1]));
    }
    let body = request["body"].as_str().unwrap_or_default();
    if !body.is_empty() {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
    }
    head += "Connection: close\r\n\r\n";
    let mut bytes: Vec<u8> = head.chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    bytes.extend(body.as_bytes());
    let address = |value: &Value| -> IpAddr { value.as_str().unwrap().parse().unwrap() };
    send(address(&step["from"]), SocketAddr::new(address(&step["to"]), port), &bytes)
}

/// What answered, and with which status.
fn their_stage(step: &Value) -> String {
    let expect = &step["expect"];
    match expect["stage"].as_str().unwrap() {
        "passed" => "passed".to_owned(),
        "no-answer" => expect["connect"].as_str().unwrap().to_owned(),
        stage => format!("{} {stage}", expect["status"]),
    }
}

fn our_stage(reply: &Reply, seen: &[Seen]) -> String {
    let answer = match (reply, seen) {
        (Reply::Refused, []) => return "refused".to_owned(),
        (Reply::Closed, []) => return "closed".to_owned(),
        (Reply::Answer(answer), [_]) if answer.status == 200 && answer.header("x-innkeeper").is_none() => {
            return "passed".to_owned();
        }
        (Reply::Answer(answer), []) => answer,
        other => panic!("{other:?}"),
    };
    let stage = match answer.header("x-innkeeper").unwrap() {
        "refused" => "whitelist",
        "unknown-host" => "host",
        "sign-in" => "basic-auth",
        "too-many-attempts" => "rate-limit",
        "malformed" => "http-parser",
        other => other,
    };
    format!("{} {stage}", answer.status)
}

/// Requires of every answer of our own what holds wherever it is given.
fn examine(answer: &Answer, is_head: bool) {
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    assert_eq!(answer.header("www-authenticate").is_some(), answer.status == 401, "{answer:?}");
    assert_eq!(answer.header("retry-after").is_some(), answer.status == 429, "{answer:?}");
    assert_eq!(answer.body.is_empty(), is_head, "{answer:?}");
    assert!(!answer.body.contains("SillyTavern"), "{answer:?}");
}

/// What the app has to get: the absolute form of a target becomes the path, nothing else changes.
fn their_request(step: &Value) -> String {
    let request = &step["request"];
    let target = request["target"].as_str().unwrap();
    let path = target.strip_prefix("http://").map_or(target, |rest| &rest[rest.find('/').unwrap()..]);
    let body = request["body"].as_str().unwrap_or_default();
    format!("{} {path} HTTP/1.1 {body}", request["method"].as_str().unwrap())
}

fn our_request(Seen { line, body }: &Seen) -> String {
    format!("{line} {}", String::from_utf8_lossy(body))
}

fn their_challenge(step: &Value) -> String {
    step["expect"]["www_authenticate"].as_str().unwrap_or_default().replace("SillyTavern", "Innkeeper")
}

fn our_challenge(answer: &Answer) -> String {
    answer.header("www-authenticate").unwrap_or_default().to_owned()
}

fn their_wait(step: &Value) -> String {
    step["expect"]["retry_after_s"].as_u64().map(|seconds| seconds.to_string()).unwrap_or_default()
}

/// The seconds to wait; theirs, where ours differ by no more than the clocks of two runs do.
fn our_wait(answer: &Answer, step: &Value, elapsed: Duration) -> String {
    let ours = answer.header("retry-after").unwrap_or_default();
    let (Ok(seconds), Some(theirs)) = (ours.parse::<u64>(), step["expect"]["retry_after_s"].as_u64()) else {
        return ours.to_owned();
    };
    let least = theirs.saturating_sub(2 + elapsed.as_secs());
    // The first window is 60 seconds long, and the wait is never longer than what is left of it.
    let most = (theirs + 2).min(60);
    if (least..=most).contains(&seconds) { theirs.to_string() } else { ours.to_owned() }
}

/// The lines that SillyTavern printed for a step, in our words.
fn their_lines(step: &Value, port: u16) -> String {
    let events = step["expect"]["console"].as_array().unwrap().iter();
    let lines = events.filter_map(|event| {
        let text = |name: &str| event[name].as_str().unwrap();
        Some(match text("kind") {
            "new-connection" => {
                format!("New connection from {}; User Agent: {}", text("who"), text("user_agent"))
            }
            "blocked" => format!(
                "Forbidden: Connection attempt from {}; User Agent: {}",
                text("who"),
                text("user_agent")
            ),
            "rate-limited" => format!(
                "Basic auth failed: Rate limited from {} {} {}",
                text("who"),
                text("method"),
                text("url")
            ),
            "untrusted-host" => {
                format!("Request from untrusted host: {}", text("host").replace("{port}", &port.to_string()))
            }
            // Ours says with the first host all that can be done; theirs says some of it with each.
            "hint-disable-scan" => HOST_HINT.to_owned(),
            "hint-add-host" | "hint-enable-host-check" => return None,
            "error" => text("text").to_owned(),
            other => panic!("{other}"),
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

const HOST_HINT: &str = "  If it is a name of yours, add it to hostWhitelist.hosts. hostWhitelist.enabled: true refuses \
    all others; hostWhitelist.scan: false ends these lines.";

/// Our lines without the reason of a refusal by the whitelist, and without the command that ends it, which has to be
/// the right one.
fn our_lines(said: &[String], place: &Place) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut unlisted = None;
    for line in said {
        if let Some(command) = line.strip_prefix("  To let it in: ") {
            let config = place.config();
            if let Some(address) = unlisted.take() {
                assert_eq!(
                    command,
                    format!("innkeeper whitelist add {address} --config {}", config.display())
                );
            }
            continue;
        }
        assert_eq!(unlisted, None, "no command for {lines:?}");
        let refusal = line.split_once(" is not in the whitelist (").and_then(|(start, rest)| {
            let (who, address) = start.rsplit_once(". ")?;
            let (_, agent) = rest.split_once("); User Agent: ")?;
            Some((format!("{who}; User Agent: {agent}"), address))
        });
        lines.push(refusal.as_ref().map_or_else(|| line.clone(), |(line, _)| line.clone()));
        unlisted = refusal.map(|(_, address)| address.to_owned());
    }
    lines.join("\n")
}

fn our_access_log(place: &Place) -> String {
    let text = fs::read(place.path("access.log")).unwrap_or_default();
    let text = String::from_utf8(text).unwrap();
    let lines = text.split_terminator('\n').map(|line| {
        let (time, rest) = line.split_once(' ').unwrap();
        assert_eq!(time.len(), "2000-01-01T00:00:00.000Z".len(), "{line}");
        time.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{line}: {error}"));
        format!("<time> {rest}")
    });
    lines.collect::<Vec<_>>().join("\n")
}
