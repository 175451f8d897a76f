//! What has to hold between settings.

use std::cmp::Ordering;

use super::layer::Layer;
use super::problem::{Origin, Problem, Problems, Source};
use super::value::{Family, Value};

/// Adds a problem for each combination that cannot be meant. A combination with a value that was refused is passed
/// over: the default in its place would accuse the wrong line.
pub(super) fn settings(layer: &mut Layer, source: &Source, problems: &mut Problems) {
    // SillyTavern would go on with a login that nobody thinks of.
    if !layer.refused(&["perUserBasicAuth", "enableUserAccounts"])
        && is(layer, "perUserBasicAuth", &Value::Switch(true))
        && is(layer, "enableUserAccounts", &Value::Switch(false))
    {
        let problem = at(
            layer,
            source,
            "perUserBasicAuth",
            "`perUserBasicAuth` needs `enableUserAccounts`, which is off",
        );
        problems.push(
            problem
                .hint("SillyTavern falls back to the one login of `basicAuthUser`")
                .hint("write `enableUserAccounts: true`, or `perUserBasicAuth: false`"),
        );
    }
    let off = Value::Family(Family::Off);
    if !layer.refused(&["protocol.ipv4", "protocol.ipv6"])
        && is(layer, "protocol.ipv4", &off)
        && is(layer, "protocol.ipv6", &off)
    {
        let problem = at(
            layer,
            source,
            "protocol.ipv4",
            "`protocol.ipv4` and `protocol.ipv6` are both off, so nobody could connect",
        );
        problems.push(problem.hint("set one of them to `true`"));
    }
    if !layer.refused(&["ssl.enabled"]) && is(layer, "ssl.enabled", &Value::Switch(true)) {
        for path in ["ssl.certPath", "ssl.keyPath"] {
            if !layer.refused(&[path]) && is(layer, path, &Value::Unset) {
                let problem = at(layer, source, path, &format!("`ssl.enabled` is on and `{path}` is empty"));
                problems.push(problem.hint("name the file, or write `ssl.enabled` off"));
            }
        }
    }
    one_app(layer, source, problems);
}

/// `upstream` and `root` exclude each other; the stronger source wins, within one source it is a mistake.
fn one_app(layer: &mut Layer, source: &Source, problems: &mut Problems) {
    if layer.refused(&["upstream", "root"])
        || is(layer, "upstream", &Value::Unset)
        || is(layer, "root", &Value::Unset)
    {
        return;
    }
    let rank = |path| match layer.setting(path).map(|setting| &setting.origin) {
        Some(Origin::Flag(_)) => 3,
        Some(Origin::Variable(_)) => 2,
        Some(Origin::File { .. }) => 1,
        Some(Origin::Default) | None => 0,
    };
    match rank("upstream").cmp(&rank("root")) {
        Ordering::Greater => layer.unset("root"),
        Ordering::Less => layer.unset("upstream"),
        Ordering::Equal => {
            let problem =
                at(layer, source, "root", "`root` and `upstream` are both set, and only one can be served");
            problems.push(problem.hint("remove one of the two"));
        }
    }
}

/// Whether `path` is set to `value`.
fn is(layer: &Layer, path: &str, value: &Value) -> bool {
    layer.setting(path).is_some_and(|setting| setting.value == *value)
}

/// A problem at the place where `path` was set.
fn at(layer: &Layer, source: &Source, path: &str, message: &str) -> Problem {
    match layer.setting(path).map(|setting| (&setting.origin, setting.span)) {
        Some((Origin::File { .. }, span)) => source.problem(span, message),
        Some((origin @ (Origin::Flag(_) | Origin::Variable(_)), _)) => {
            Problem::new(format!("{message} (by `{origin}`)"))
        }
        _ => Problem::new(message),
    }
}
