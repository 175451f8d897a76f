//! `accounts/` and the login scenarios of `requests.json`: who can sign in with what, and how often they
//! may be wrong.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use innkeeper::policy::account::{Accounts, Authorization, Credentials, Login, Proof, Secret, Shared};
use innkeeper::policy::throttle::{Admission, Attempt, Throttle};
use innkeeper::store;
use serde::Deserialize;
use serde_json::Value;

use crate::it::harness::app::{App, Connection};
use crate::it::harness::client::Client;
use crate::it::harness::{Innkeeper, account_records};

#[derive(Deserialize)]
struct Tries {
    basic_auth: Vec<Try>,
    login_page: Vec<Try>,
}

#[derive(Deserialize)]
struct Try {
    handle: String,
    /// `None`: the form's field was left out.
    password: Option<String>,
    allowed: bool,
}

/// How many rows of the login page leave the password out.
const LEFT_OUT: usize = 4;

/// What the login page lets in and we do not: an account without a password. It takes any password there;
/// Basic credentials never open it, in SillyTavern neither.
const LOGIN_PAGE: [(&str, &str); 3] = [("bob", ""), ("bob", "password"), ("bob", "x")];

#[test]
fn every_basic_login() {
    let login = Login::Accounts(accounts());
    let tries = conformance::<Tries>("accounts/accounts.json").basic_auth;
    assert_eq!(tries.len(), 43);
    for Try { handle, password, allowed } in tries {
        let credentials = STANDARD.encode(format!("{handle}:{}", password.unwrap()));
        let authorization = Authorization::read(format!("Basic {credentials}").as_bytes());
        assert_eq!(is_accepted(&login, &authorization), allowed, "{handle} {authorization:?}");
    }
}

#[test]
fn every_login_of_the_page() {
    let login = Login::Accounts(accounts());
    let tries = conformance::<Tries>("accounts/accounts.json").login_page;
    assert_eq!(tries.len(), 47);
    let (mut deviations, mut left_out) = (BTreeSet::new(), 0);
    for Try { handle, password, allowed } in tries {
        // A field that was left out cannot be sent in credentials; an empty one is the nearest, and another row.
        let Some(password) = password else {
            left_out += 1;
            continue;
        };
        let credentials = Credentials { user: handle.clone(), password: Secret::new(password.as_str()) };
        if is_accepted(&login, &Authorization::Basic(credentials)) != allowed {
            assert!(deviations.insert((handle, password)));
        }
    }
    let expected = LOGIN_PAGE.map(|(handle, password)| (handle.to_owned(), password.to_owned()));
    assert_eq!(deviations, BTreeSet::from(expected));
    assert_eq!(left_out, LEFT_OUT);
}

/// The same through the real program, where a proof has to queue for its turn and is remembered.
#[test]
fn every_basic_login_of_the_running_server() {
    let app = App::fine();
    let files = account_records();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let top = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nbasicAuthMode: true\nenableUserAccounts: true\n\
               perUserBasicAuth: true\ndataRoot: data\nrateLimiting: {basicAuthMaxAttempts: 0}";
    let own = format!("upstream: {}\nidentityHeader: Remote-User", app.url);
    let server = Innkeeper::start_with(top, &own, &files);
    let mut client = Client::of(&server);
    let tries = conformance::<Tries>("accounts/accounts.json").basic_auth;
    let mut users = Vec::new();
    // Twice, for the second time it is what is remembered that answers.
    for Try { handle, password, allowed } in tries.iter().chain(&tries) {
        let credentials = STANDARD.encode(format!("{handle}:{}", password.as_ref().unwrap()));
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {credentials}\r\n\r\n"));
        let status = client.answer().status;
        assert_eq!(status, if *allowed { 200 } else { 401 }, "{handle} {password:?}");
        if *allowed {
            users.push(format!("Remote-User: {handle}\r\n"));
        }
    }
    server.stop();
    let got: String = app.ended().iter().map(Connection::text).collect();
    assert_eq!(got.matches("Remote-User: ").count(), users.len());
    for user in users {
        assert!(got.contains(&user), "{user}");
    }
}

/// Steps that we answer otherwise: scenario, `Authorization`, SillyTavern's status and ours.
const STEPS: [(&str, &str, u64, u64); 6] = [
    // "`authorization: basic` in lower case": accepted.
    ("auth-matrix", "basic dGF2ZXJuOmNvcnJlY3QgaG9yc2U+P34=", 401, 200),
    ("auth-matrix", "BASIC dGF2ZXJuOmNvcnJlY3QgaG9yc2U+P34=", 401, 200),
    // "empty user and password in the file": never a login.
    ("auth-empty-both", "Basic Og==", 200, 401),
    ("auth-empty-both", "Basic ====", 200, 401),
    ("auth-empty-both", "Basic !", 200, 401),
    // "numeric password in YAML": read as the text that was written.
    ("auth-number", "Basic dXNlcjoxMjM0NQ==", 401, 200),
];

/// Scenarios with logins that are not about reading or counting them.
const ELSEWHERE: [(&str, &str); 6] = [
    ("auth-colon-user", "such a user name is refused, see the test of `Shared`"),
    ("auth-null", "such settings are refused"),
    ("auth-without-listen", "whether a login is asked for is decided elsewhere"),
    ("per-user-no-accounts", "such settings are refused"),
    ("rate-text", "such settings are refused"),
    ("rate-real-ip", "the key is the address of the client, see the tests of `client`"),
];

#[test]
fn every_scenario_with_logins() {
    let file: Value = conformance("requests.json");
    let mut deviations = BTreeSet::new();
    let mut elsewhere = BTreeSet::new();
    let mut compared = 0;
    for scenario in file["scenarios"].as_array().unwrap() {
        let id = scenario["id"].as_str().unwrap();
        let is_about_logins = ["auth-", "rate-", "per-user"].iter().any(|prefix| id.starts_with(prefix));
        if !is_about_logins {
            continue;
        }
        if ELSEWHERE.iter().any(|(scenario, _)| *scenario == id) {
            elsewhere.insert(id);
            continue;
        }
        let mut door = Door::new(&scenario["config"]);
        for step in scenario["steps"].as_array().unwrap() {
            compared += 1;
            let (authorization, theirs) = (authorization(step), status(step));
            let ours = door.answer(step, authorization);
            if ours != theirs {
                let deviation = (id.to_owned(), authorization.to_owned(), theirs, ours);
                assert!(deviations.insert(deviation), "{id} {authorization}: {theirs}, ours {ours}");
            }
        }
    }
    let expected = STEPS.map(|(id, value, theirs, ours)| (id.to_owned(), value.to_owned(), theirs, ours));
    assert_eq!(deviations, BTreeSet::from(expected));
    assert_eq!(elsewhere, BTreeSet::from(ELSEWHERE.map(|(scenario, _)| scenario)));
    assert_eq!(compared, 143, "steps that were compared");
}

/// The login and the count of one scenario.
struct Door {
    login: Login,
    throttle: Throttle,
    now: Duration,
}

impl Door {
    fn new(config: &Value) -> Self {
        let text = |value: &Value, default: &str| match value {
            Value::Null => default.to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let login = if config["perUserBasicAuth"] == true {
            Login::Accounts(accounts())
        } else {
            let user = text(&config["basicAuthUser"]["username"], "user");
            let password = text(&config["basicAuthUser"]["password"], "password");
            Login::Shared(Shared::new(&user, password.parse().unwrap()).unwrap())
        };
        let attempts = config["rateLimiting"]["basicAuthMaxAttempts"].as_u64().unwrap_or(5);
        Self { login, throttle: Throttle::new(u32::try_from(attempts).unwrap()), now: Duration::ZERO }
    }

    /// The status of a step, 200 if the login lets it pass.
    fn answer(&mut self, step: &Value, authorization: &str) -> u64 {
        self.now += Duration::from_secs(step["wait_before_s"].as_u64().unwrap_or(0));
        let from: IpAddr = step["from"].as_str().unwrap().parse().unwrap();
        let Authorization::Basic(credentials) = Authorization::read(authorization.as_bytes()) else {
            return 401;
        };
        let claim = self.login.claim(&credentials);
        let attempt = Attempt::new(from, claim.name());
        let mut admission = self.throttle.check(attempt, self.now);
        if admission == Admission::Free {
            match claim.prove() {
                Proof::Accepted { .. } => {
                    self.throttle.success(attempt, self.now);
                    return 200;
                }
                Proof::Rejected => admission = self.throttle.failure(attempt, self.now),
            }
        }
        let Admission::Wait { retry_after } = admission else { return 401 };
        // The clock of the recorded run went on between the steps, ours did not.
        let theirs = step["expect"]["retry_after_s"].as_u64().unwrap();
        assert!(retry_after.as_secs().abs_diff(theirs) <= 2, "{retry_after:?} for {theirs}");
        429
    }
}

fn authorization(step: &Value) -> &str {
    let headers = step["request"]["headers"].as_array().unwrap();
    let first =
        headers.iter().find(|header| header[0].as_str().unwrap().eq_ignore_ascii_case("authorization"));
    first.map_or("", |header| header[1].as_str().unwrap())
}

/// SillyTavern's status, 200 for whatever the app answered behind the login.
fn status(step: &Value) -> u64 {
    let expect = &step["expect"];
    if expect["stage"] == "passed" { 200 } else { expect["status"].as_u64().unwrap() }
}

fn is_accepted(login: &Login, authorization: &Authorization) -> bool {
    match authorization {
        Authorization::Basic(credentials) => login.claim(credentials).prove() != Proof::Rejected,
        _ => false,
    }
}

fn accounts() -> Accounts {
    store::read(Path::new("tests/conformance/accounts")).unwrap()
}

fn conformance<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    serde_json::from_str(&fs::read_to_string(format!("tests/conformance/{name}")).unwrap()).unwrap()
}
