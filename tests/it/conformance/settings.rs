//! SillyTavern's own verdicts on settings (`config-values.json`): each holds here, or stands in a list with its reason.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use innkeeper::cli::{self, Invocation};
use innkeeper::config::schema::{Key, Kind, Owner};
use innkeeper::config::{
    Account, Content, DEFAULT_YAML, Family, Item, Layer, Node, Problems, Settings, Source, Syntax, Value,
    Variables, leading_number, read_value, start_gate, truth,
};
use serde_json::{Value as Json, json};

fn data() -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/config-values.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// How a verdict of ours lies to one of SillyTavern's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The same.
    Same,
    /// We refuse the value. What a complaint would say that SillyTavern makes of it is what it does make of it.
    Refused(&'static str),
}

/// A key of any name that takes `kind`.
fn key(kind: Kind) -> Key {
    Key { path: "k", kind, default: "", doc: "", owner: Owner::SillyTavern, flag: None, aliases: &[] }
}

/// `getConfigValue` over the scalars of the first file: 55 ways to write a value, read as a boolean, as a number and
/// as what they are.
///
/// DESIGN.md, "text where a boolean or number is wanted, null, a scalar for a list": JavaScript takes every such value
/// for something. Innkeeper refuses it; the counts are by what was written.
#[test]
fn conversions_from_a_file() {
    let data = data();
    let source = Source::new("config.yaml", data["sources"][0]["yaml"].as_str().unwrap());
    let items = Syntax::Yaml.read(&source).unwrap_or_else(|problem| panic!("{problem}"));
    let mut counts: BTreeMap<(&str, Outcome), usize> = BTreeMap::new();
    for row in data["get_config_value"].as_array().unwrap().iter().filter(|row| row["source"] == "s0") {
        let node = &items.iter().find(|item| row["key"] == item.name.as_str()).unwrap().value;
        let outcome = match row["type"].as_str() {
            Some("boolean") => ("boolean", boolean(node, row)),
            Some("number") => ("number", number(node, row)),
            _ => ("as it is", untyped(node, row)),
        };
        *counts.entry(outcome).or_default() += 1;
    }
    let counts: Vec<_> = counts.into_iter().collect();
    assert_eq!(
        counts,
        [
            (("as it is", Outcome::Same), 110),
            (("boolean", Outcome::Same), 24),
            (("boolean", Outcome::Refused("list or map")), 15),
            (("boolean", Outcome::Refused("null")), 12),
            (("boolean", Outcome::Refused("number")), 36),
            (("boolean", Outcome::Refused("text")), 78),
            (("number", Outcome::Same), 34),
            (("number", Outcome::Refused("boolean")), 8),
            (("number", Outcome::Refused("list or map")), 10),
            (("number", Outcome::Refused("null")), 8),
            // `.inf` and `.nan`
            (("number", Outcome::Refused("number")), 4),
            (("number", Outcome::Refused("text")), 46),
        ]
    );
}

fn boolean(node: &Node, row: &Json) -> Outcome {
    match read_value(&key(Kind::Switch), node) {
        Ok(Value::Switch(value)) if row["result"] == value => Outcome::Same,
        Err(_) if row["result"] == truth(&node.content) => Outcome::Refused(written(node)),
        other => panic!("{row}: {other:?}"),
    }
}

fn number(node: &Node, row: &Json) -> Outcome {
    let expected = js_number(&row["result"]);
    match read_value(&key(Kind::Number), node) {
        Ok(Value::Number(value)) if Some(value) == expected => Outcome::Same,
        Err(_) if leading_number(&node.content).or(row["default"].as_f64()) == expected => {
            Outcome::Refused(written(node))
        }
        other => panic!("{row}: {other:?}"),
    }
}

fn untyped(node: &Node, row: &Json) -> Outcome {
    assert!(same(&node.content, &row["result"]), "{row}");
    Outcome::Same
}

fn written(node: &Node) -> &'static str {
    match &node.content {
        Content::Null => "null",
        Content::Switch(..) => "boolean",
        Content::Number(..) => "number",
        Content::Text(_) => "text",
        Content::List(_) | Content::Section(_) => "list or map",
    }
}

/// Whether a value of ours is the one that SillyTavern's reader found.
fn same(content: &Content, json: &Json) -> bool {
    match content {
        Content::Null => json.is_null(),
        Content::Switch(value, _) => json == value,
        Content::Number(value, _) => {
            js_number(json).is_some_and(|number| number == *value || number.is_nan() && value.is_nan())
        }
        Content::Text(text) => json == text,
        Content::List(nodes) => json.as_array().is_some_and(|values| {
            values.len() == nodes.len()
                && nodes.iter().zip(values).all(|(node, value)| same(&node.content, value))
        }),
        Content::Section(items) => json.as_object().is_some_and(|map| {
            map.len() == items.len()
                && items.iter().all(|Item { name, value, .. }| same(&value.content, &json[name]))
        }),
    }
}

/// A number of the data, which writes those that JSON has not as `{"$": "NaN"}`.
fn js_number(json: &Json) -> Option<f64> {
    match json["$"].as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        _ => json.as_f64(),
    }
}

/// The environment over the file, for the settings that Innkeeper knows, read as SillyTavern reads each of them.
///
/// DESIGN.md, "environment list that is not JSON, empty variable" and "text where a boolean or number is wanted":
/// refused by the name of the variable.
#[test]
fn variables_over_a_file() {
    let data = data();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in data["get_config_value"].as_array().unwrap().iter().filter(|row| row["source"] != "s0") {
        let Some(key) = Key::find(row["key"].as_str().unwrap()).filter(|key| read_so(key, row)) else {
            continue;
        };
        let source =
            data["sources"].as_array().unwrap().iter().find(|source| source["id"] == row["source"]).unwrap();
        let mut problems = Problems::default();
        let above = Layer::variables(&variables(&source["env"]), &mut problems);
        let mut file = Source::new("config.yaml", source["yaml"].as_str().unwrap());
        let layer = above.over(Layer::file(&mut file, Syntax::Yaml, &mut problems));
        let name = &key.variables()[1];
        let outcome = if problems.to_string().contains(&format!("`{name}`")) {
            match source["env"][name].as_str().unwrap() {
                "" => "refused: empty",
                _ if key.is_list() => "refused: not a list of texts in JSON",
                _ => "refused: text for a boolean or number",
            }
        } else {
            let setting = layer.setting(key.path);
            let ours = setting.map_or(row["default"].clone(), |setting| json_of(&setting.value));
            if key.path == "hostWhitelist.enabled" && row["result"] == "false" {
                // The one switch that SillyTavern does not convert: to it any text is on.
                assert_eq!(ours, false);
                "differs: the text `false` turns the host check off"
            } else {
                assert!(
                    ours == row["result"] || ours.is_f64() && ours.as_f64() == row["result"].as_f64(),
                    "{row}"
                );
                "same"
            }
        };
        *counts.entry((if key.is_list() { "list" } else { "scalar" }, outcome)).or_default() += 1;
    }
    let counts: Vec<_> = counts.into_iter().collect();
    assert_eq!(
        counts,
        [
            (("list", "refused: empty"), 2),
            (("list", "refused: not a list of texts in JSON"), 22),
            (("list", "same"), 13),
            (("scalar", "differs: the text `false` turns the host check off"), 2),
            (("scalar", "refused: empty"), 4),
            (("scalar", "refused: text for a boolean or number"), 8),
            (("scalar", "same"), 34),
        ]
    );
}

/// Whether the row reads the setting with the type and the default that SillyTavern itself reads it with.
fn read_so(key: &Key, row: &Json) -> bool {
    match key.kind {
        Kind::Switch if key.path == "hostWhitelist.enabled" => row["type"].is_null(),
        Kind::Switch => row["type"] == "boolean",
        Kind::Port | Kind::Number | Kind::Integer { .. } => row["type"] == "number",
        _ if key.is_list() => row["default"].is_array(),
        _ => row["type"].is_null(),
    }
}

fn variables(env: &Json) -> Variables {
    env.as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Switch(value) => json!(value),
        Value::Integer(number) => json!(number),
        Value::Number(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Secret(secret) => json!(secret.reveal()),
        Value::List(list) => list.iter().map(|(text, _)| json!(text)).collect(),
        other => panic!("{other:?}"),
    }
}

/// One start of the program in a folder of its own: the file (none: the default one is written), the environment
/// without the prefix, the flags.
fn run(yaml: Option<&str>, env: &Json, flags: &[&str]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, yaml.unwrap_or(DEFAULT_YAML)).unwrap();
    match cli::parse(["innkeeper", "serve"].iter().chain(flags)) {
        Invocation::Serve(serve) => {
            Settings::read(&path, &serve.flags, &variables(env)).map_err(|problems| problems.to_string())
        }
        Invocation::Misuse(error) => Err(format!("{error}")),
        other => panic!("{other:?}"),
    }
}

/// Every start with flags, environment and file gives the same options, but for these.
const COMMAND_LINES: &[Rule] = &[
    Rule {
        reason: "IPv6 listenAddress: both forms bind that address",
        cases: &[
            ("layers-file", "ipv6_url"),
            ("layers-file-env-flags", "ipv6_url"),
            ("layers-file-flags", "ipv6_url"),
            ("layers-flags", "ipv6_url"),
            ("file listenAddress: {ipv4: 127.0.0.1, ipv6: \"[::1]\"} / listen: true", "ipv6_url"),
        ],
    },
    Rule {
        reason: "a listenAddress that is no address is refused, not taken for all addresses",
        cases: &[
            ("flag --listenAddressIPv4 localhost", "refused"),
            ("file listenAddress: {ipv4: \"\", ipv6: \"\"}", "refused"),
            ("file listenAddress: {ipv4: localhost, ipv6: \"::1\"} / listen: true", "refused"),
        ],
    },
    Rule {
        reason: "a flag that SillyTavern ignores without a word is refused",
        cases: &[
            ("flag --Listen", "refused"),
            ("flag -listen", "refused"),
            ("flag --basicauthmode", "refused"),
            ("flag --unknownFlag 5", "refused"),
            ("flag positional", "refused"),
            ("flag -- --listen", "refused"),
        ],
    },
    Rule {
        reason: "kebab-case and the setting's own name work for every flag",
        cases: &[
            ("flag --whitelistMode false", "whitelistMode"),
            ("flag --no-whitelistMode", "whitelistMode"),
            ("flag --enable-ipv6 true", "enableIPv6"),
            ("flag --listen-address-ipv4 127.0.0.6", "listenAddressIPv4"),
        ],
    },
    Rule { reason: "a flag without a value is on", cases: &[("flag --enableIPv6", "enableIPv6")] },
    Rule {
        reason: "--global keeps the settings in Innkeeper's own folder; dataRoot stays relative to the file",
        cases: &[("flag --global", "dataRoot")],
    },
    Rule {
        reason: "text where a boolean or number is wanted, in a flag",
        cases: &[
            ("flag --listen yes", "refused"),
            ("flag --listen=yes", "refused"),
            ("flag --listen=0", "refused"),
            ("flag --listen=", "refused"),
            ("flag --enableIPv6 yes", "refused"),
            ("flag --port=abc", "refused"),
            ("flag --port", "refused"),
            ("flag --port 0x1F90", "refused"),
        ],
    },
    Rule {
        reason: "a port that no server can listen on is refused before the start",
        cases: &[
            ("flag --port -1", "refused"),
            ("flag --port 80.5", "refused"),
            ("flag --port 8005 --port 8006", "refused"),
            ("file port: 8080.9", "refused"),
        ],
    },
    Rule {
        reason: "text where a boolean or number is wanted, null, a scalar for a section, in the file",
        cases: &[
            ("file listen: yes", "refused"),
            ("file listen: no", "refused"),
            ("file listen: off", "refused"),
            ("file listen: 0", "refused"),
            ("file listen: \"0\"", "refused"),
            ("file listen:", "refused"),
            ("file listen: \"\"", "refused"),
            ("file listen: []", "refused"),
            ("file port: eight", "refused"),
            ("file port:", "refused"),
            ("file port: true", "refused"),
            ("file protocol: {ipv4: yes, ipv6: 1}", "refused"),
            ("file protocol: {ipv4:, ipv6:}", "refused"),
            ("file protocol: {ipv4: Auto, ipv6: \" TRUE \"}", "refused"),
            ("file protocol: false", "refused"),
            ("file whitelistMode: no", "refused"),
            ("file basicAuthMode: \"no\"", "refused"),
            ("file ssl: true", "refused"),
            ("file heartbeatInterval: 2m", "refused"),
        ],
    },
    Rule {
        reason: "text where a boolean or number is wanted, in a variable",
        cases: &[
            ("env LISTEN=\"0\"", "refused"),
            ("env LISTEN=\"no\"", "refused"),
            ("env PORT=\"http\"", "refused"),
            ("env PROTOCOL_IPV6=\"yes\"", "refused"),
            ("env BASICAUTHMODE=\"1\"", "refused"),
        ],
    },
    Rule {
        reason: "environment list that is not JSON, empty variable",
        cases: &[
            ("env LISTEN=\"\"", "refused"),
            ("env PORT=\"\"", "refused"),
            ("env WHITELIST=\"false\"", "refused"),
            ("env WHITELISTMODE=\"\"", "refused"),
            ("env PROTOCOL_IPV4=\"\"", "refused"),
            ("env DATAROOT=\"\"", "refused"),
        ],
    },
];

#[test]
fn command_lines() {
    let data = data();
    let mut found = Vec::new();
    for row in data["command_line"].as_array().unwrap() {
        let flags: Vec<&str> =
            row["argv"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
        let outcome = match run(row["yaml"].as_str(), &row["env"], &flags) {
            Err(_) => "refused".to_owned(),
            Ok(settings) => differences(&settings, &row["result"]).join(" "),
        };
        found.push((row["id"].as_str().unwrap().to_owned(), outcome));
    }
    compare(&found, 90, COMMAND_LINES);
}

/// A row of the table of deviations in DESIGN.md (section 5), and where it shows: the case and what came of it.
struct Rule {
    reason: &'static str,
    cases: &'static [(&'static str, &'static str)],
}

/// Requires that exactly the listed cases came out differently, each in the listed way.
fn compare(found: &[(String, String)], count: usize, rules: &[Rule]) {
    assert_eq!(found.len(), count);
    let listed: BTreeMap<&str, (&str, &str)> = rules
        .iter()
        .flat_map(|rule| rule.cases.iter().map(|(case, outcome)| (*case, (*outcome, rule.reason))))
        .collect();
    assert_eq!(
        listed.len(),
        rules.iter().map(|rule| rule.cases.len()).sum::<usize>(),
        "a case is listed twice"
    );
    for (case, outcome) in found {
        let (expected, reason) = listed.get(case.as_str()).copied().unwrap_or(("", "no rule"));
        assert_eq!(outcome, expected, "{case} ({reason})");
    }
    for case in listed.keys() {
        assert!(found.iter().any(|(found, _)| found == case), "{case} is not in the data");
    }
}

/// The names of the options that came out differently, of those that Innkeeper has.
fn differences(settings: &Settings, result: &Json) -> Vec<&'static str> {
    let relative = |path: &Path| path.strip_prefix(&settings.folder).unwrap_or(path).display().to_string();
    let path = |json: &Json| json.as_str().unwrap().trim_start_matches("./").to_owned();
    let family = |family| match family {
        Family::On => json!(true),
        Family::Off => json!(false),
        Family::Auto => json!("auto"),
    };
    let ipv6 = |json: &Json| json.as_str().unwrap().trim_matches(['[', ']']).parse::<Ipv6Addr>().ok();
    let passphrase = settings.ssl.key_passphrase.as_ref().map_or("", |secret| secret.reveal());
    let browser = &settings.browser_launch;
    [
        ("dataRoot", relative(&settings.data_root) == path(&result["dataRoot"])),
        ("port", result["port"] == settings.port),
        ("listen", result["listen"] == settings.listen),
        ("listenAddressIPv4", result["listenAddressIPv4"] == settings.listen_address.ipv4.to_string()),
        ("listenAddressIPv6", ipv6(&result["listenAddressIPv6"]) == Some(settings.listen_address.ipv6)),
        ("enableIPv4", result["enableIPv4"] == family(settings.protocol.ipv4)),
        ("enableIPv6", result["enableIPv6"] == family(settings.protocol.ipv6)),
        ("heartbeatInterval", result["heartbeatInterval"].as_f64() == Some(settings.heartbeat_interval)),
        ("whitelistMode", result["whitelistMode"] == settings.whitelist_mode),
        ("basicAuthMode", result["basicAuthMode"] == settings.basic_auth_mode),
        ("ssl", result["ssl"] == settings.ssl.enabled),
        ("certPath", relative(&settings.ssl.cert_path) == path(&result["certPath"])),
        ("keyPath", relative(&settings.ssl.key_path) == path(&result["keyPath"])),
        ("keyPassphrase", result["keyPassphrase"] == passphrase),
        ("browserLaunchEnabled", result["browserLaunchEnabled"] == browser.enabled),
        ("browserLaunchHostname", result["browserLaunchHostname"] == browser.hostname.as_str()),
        ("browserLaunchPort", result["browserLaunchPort"] == browser.port.map_or(-1, i32::from)),
        ("browserLaunchAvoidLocalhost", result["browserLaunchAvoidLocalhost"] == browser.avoid_localhost),
        (
            "ipv4_url",
            result["ipv4_url"]
                == url(settings, settings.listen_address.ipv4.into(), Ipv4Addr::LOCALHOST.into()),
        ),
        (
            "ipv6_url",
            result["ipv6_url"]
                == url(settings, settings.listen_address.ipv6.into(), Ipv6Addr::LOCALHOST.into()),
        ),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(name, _)| name)
    .collect()
}

/// The URL that is listened on.
fn url(settings: &Settings, listening: IpAddr, alone: IpAddr) -> String {
    let scheme = if settings.ssl.enabled { "https" } else { "http" };
    let address = if settings.listen { listening } else { alone };
    let default = if settings.ssl.enabled { 443 } else { 80 };
    let address = SocketAddr::new(address, settings.port);
    if settings.port == default { panic!("the data has none") } else { format!("{scheme}://{address}/") }
}

/// What SillyTavern runs on after it completed a file is what Innkeeper runs on without touching it, but for these.
const FILES: &[Rule] = &[
    Rule {
        reason: "SillyTavern merges default lists back by index; what is written counts here",
        cases: &[("empty list given", "whitelist"), ("one entry given", "whitelist")],
    },
    Rule {
        reason: "null or a scalar for a list or a section is refused",
        cases: &[
            ("null list given", "refused"),
            ("list as text", "refused"),
            ("section as scalar", "refused"),
            ("top level list", "refused"),
        ],
    },
    Rule {
        reason: "a section whose lines are all comments says nothing, so the defaults hold",
        cases: &[("null user", "basicAuthUser")],
    },
    Rule { reason: "a near-miss of a known key is refused", cases: &[("unknown key kept", "refused")] },
];

#[test]
fn files_after_a_start() {
    let data = data();
    let mut found = Vec::new();
    for row in data["file_after_start"].as_array().unwrap() {
        let outcome = match run(row["yaml"].as_str(), &json!({}), &[]) {
            // A file that stops SillyTavern too.
            Err(_) if row["started"] == false => String::new(),
            Err(_) => "refused".to_owned(),
            Ok(settings) => {
                assert_eq!(row["started"], true, "{row}");
                let ours = after(&settings);
                let differs = |(name, value): &(&String, &Json)| row["values_after"][*name] != **value;
                let names: Vec<_> =
                    ours.as_object().unwrap().iter().filter(differs).map(|(name, _)| name.as_str()).collect();
                names.join(" ")
            }
        };
        found.push((row["id"].as_str().unwrap().to_owned(), outcome));
    }
    compare(&found, 15, FILES);
}

/// The settings as the data lists them.
fn after(settings: &Settings) -> Json {
    let user = &settings.basic_auth_user;
    let hosts = &settings.host_whitelist;
    let whitelist: Vec<&str> = settings.whitelist.entries.iter().map(|entry| &*entry.text).collect();
    json!({
        "listen": settings.listen,
        "port": settings.port,
        "whitelistMode": settings.whitelist_mode,
        "whitelist": whitelist,
        "basicAuthMode": settings.basic_auth_mode,
        "basicAuthUser": {"username": user.username, "password": user.password.reveal()},
        "hostWhitelist": {"enabled": hosts.enabled, "scan": hosts.scan, "hosts": hosts.hosts},
        "logging": {"enableAccessLog": settings.logging.enable_access_log, "minLogLevel": settings.logging.min_log_level},
    })
}

/// `toBoolean` by itself: what a complaint says that SillyTavern makes of a value.
#[test]
fn truth_of_values() {
    let data = data();
    let rows: Vec<_> =
        data["pure"].as_array().unwrap().iter().filter(|row| row["fn"] == "toBoolean").collect();
    assert_eq!(rows.len(), 23);
    for row in rows {
        let content = match &row["input"] {
            Json::Bool(value) => Content::Switch(*value, String::new()),
            Json::Number(number) => Content::Number(number.as_f64().unwrap(), String::new()),
            Json::String(text) => Content::Text(text.clone()),
            Json::Array(_) => Content::List(Vec::new()),
            Json::Object(map) if map.get("$") == Some(&json!("NaN")) => {
                Content::Number(f64::NAN, String::new())
            }
            Json::Object(map) if map.is_empty() => Content::Section(Vec::new()),
            Json::Null | Json::Object(_) => Content::Null,
        };
        assert_eq!(row["result"], truth(&content), "{row}");
    }
}

/// `keyToEnv`: the names of the variables.
#[test]
fn names_of_variables() {
    let data = data();
    let rows = data["pure"].as_array().unwrap().iter().filter(|row| row["fn"] == "keyToEnv");
    let mut known = 0;
    for row in rows {
        if let Some(key) = Key::find(row["input"].as_str().unwrap()) {
            assert_eq!(row["result"], key.variables()[1], "{row}");
            known += 1;
        }
    }
    assert_eq!(known, 6);
}

/// Starts that SillyTavern refuses are refused here, by the settings or by the gate, but for these.
const STARTS: &[Rule] = &[
    Rule {
        reason: "perUserBasicAuth without accounts is refused",
        cases: &[("per-user-no-accounts", "refused")],
    },
    Rule { reason: "text where a boolean is wanted is refused", cases: &[("override-text", "refused")] },
];

#[test]
fn starts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let data: Json = serde_json::from_str(&fs::read_to_string(path.join("startup.json")).unwrap()).unwrap();
    let stored: Json =
        serde_json::from_str(&fs::read_to_string(path.join("accounts/accounts.json")).unwrap()).unwrap();
    let mut found = Vec::new();
    for case in data["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        // What becomes of files and sockets is not the settings' business.
        if id.starts_with("tls-") || id == "port-taken" {
            continue;
        }
        let flags: Vec<&str> =
            case["args"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
        // JSON is YAML.
        let file = case["config"].to_string();
        let outcome = match run(Some(&file), &case["env"], &flags) {
            Err(_) => "refused",
            Ok(settings) => {
                let accounts = if case["accounts"] == true { accounts(&stored) } else { fresh_account() };
                match start_gate(&settings, &accounts, None) {
                    Ok(_) => "starts",
                    Err(_) => "stopped",
                }
            }
        };
        let started = case["expect"]["started"] == true;
        let outcome = if (outcome == "starts") == started { "" } else { outcome };
        found.push((id.to_owned(), outcome.to_owned()));
    }
    compare(&found, 28, STARTS);
}

fn accounts(stored: &Json) -> Vec<Account> {
    let flag = |account: &Json, name: &str| account[name].as_bool().unwrap();
    let account = |account: &Json| Account {
        handle: account["handle"].as_str().unwrap().to_owned(),
        enabled: flag(account, "enabled"),
        admin: flag(account, "admin"),
        has_password: flag(account, "has_password"),
    };
    stored["accounts"].as_array().unwrap().iter().map(account).collect()
}

/// The one account that SillyTavern makes in an empty data folder.
fn fresh_account() -> Vec<Account> {
    vec![Account { handle: "default-user".to_owned(), enabled: true, admin: true, has_password: false }]
}
