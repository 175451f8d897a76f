//! What has to hold between settings.

use std::cmp::Ordering;
use std::path::Path;

use super::layer::Layer;
use super::problem::{Origin, Problem, Problems, Source};
use super::value::{Family, Value};
use super::{file, taken};

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
    own_files(layer, source, problems);
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

/// Every log has a file of its own: in the settings or the list its lines would be mistakes, and in another log two
/// writers would be in each other's way.
fn own_files(layer: &Layer, source: &Source, problems: &mut Problems) {
    if layer.refused(&["accessLog", "audit.path", "audit.combined"]) {
        return;
    }
    let folder = file::folder(&source.path);
    let mut taken = vec![
        ("the settings".to_owned(), source.path.clone()),
        ("the list".to_owned(), file::beside(&folder, Path::new("whitelist.txt"))),
    ];
    for (path, default) in
        [("accessLog", Some("access.log")), ("audit.path", Some("audit.jsonl")), ("audit.combined", None)]
    {
        let default = || default.map(|name| file::beside(&folder, Path::new(name)));
        let Some(file) = taken::path(layer, &folder, path).or_else(default) else { continue };
        // A device may well be shared: /dev/stdout in a container.
        let other = taken.iter().find(|(_, other)| *other == file && !file.starts_with("/dev"));
        if let Some((what, _)) = other {
            let message = format!("`innkeeper.{path}` is the file of {what}");
            problems.push(at(layer, source, path, &message).hint("name another file for one of them"));
        }
        taken.push((format!("`innkeeper.{path}`"), file));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Settings, Variables};

    #[test]
    fn no_log_is_written_into_another_file() {
        for (own, expected) in [
            ("audit: {path: ./config.yaml}", Some("`innkeeper.audit.path` is the file of the settings")),
            ("audit: {path: whitelist.txt}", Some("`innkeeper.audit.path` is the file of the list")),
            (
                "audit: {path: access.log}",
                Some("`innkeeper.audit.path` is the file of `innkeeper.accessLog`"),
            ),
            ("accessLog: audit.jsonl", Some("`innkeeper.audit.path` is the file of `innkeeper.accessLog`")),
            (
                "audit: {combined: audit.jsonl}",
                Some("`innkeeper.audit.combined` is the file of `innkeeper.audit.path`"),
            ),
            ("accessLog: /dev/stdout, audit: {path: /dev/stdout}", None),
            ("audit: {combined: combined.log, path: a/config.yaml}", None),
        ] {
            let text = format!("innkeeper: {{{own}}}\n");
            for file in ["config.yaml", "/etc/innkeeper/config.yaml"] {
                let read =
                    Settings::of_text(Path::new(file), &text, &Flags::default(), &Variables::default());
                let told = read.err().map(|problems| format!("{problems:?}")).unwrap_or_default();
                match expected {
                    Some(expected) => assert!(told.contains(expected), "{file} {own}: {told}"),
                    None => assert_eq!(told, ""),
                }
            }
        }
    }
}
