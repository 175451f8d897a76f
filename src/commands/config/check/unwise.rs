//! Settings that are allowed, and that their owner may not have meant.

use super::Findings;
use super::shared::is_this_computer;
use crate::commands::config::init::set_aside;
use crate::commands::config::sillytavern::SillyTavern;
use crate::commands::opening::{self, Finding};
use crate::commands::sources::{removal, removals};
use crate::config::schema::KEYS;
use crate::config::{Effective, ListOrigin, Origin, Satisfy, Settings, Upstream, Warning};
use crate::error::Error;
use crate::gateway::rules::Rules;
use crate::policy::Addresses;
use crate::policy::account::PasswordHash;
use crate::policy::address::{Entry, IpPattern};
use crate::policy::whitelist::Opening;

/// What the start gate lets pass, each with a way out.
pub fn gate(warnings: &[Warning], settings: &Settings, flag: &str, findings: &mut Findings) {
    for warning in warnings {
        let error = Error::new(warning.to_string());
        let (kind, error) = match warning {
            Warning::Overridden(refusal) => (
                "overridden",
                refusal
                    .fixes(settings, flag)
                    .into_iter()
                    .fold(error, Error::hint)
                    .hint(format!("then: `innkeeper config set securityOverride false{flag}`")),
            ),
            Warning::EverybodyListed(opening) => (
                "everybody",
                error
                    .hint(closing(opening, flag))
                    .hint(format!("or ask for a password: `innkeeper auth set{flag}`")),
            ),
            Warning::PlainHttp => (
                "plain-http",
                error.hint(format!(
                    "with a certificate and its key in place: `innkeeper config set ssl.enabled true{flag}`"
                )),
            ),
            Warning::PrivateHsts => {
                ("private-hsts", error.hint(format!("innkeeper config set innkeeper.hsts off{flag}")))
            }
            Warning::EmptyLogin => ("empty-login", error.hint(format!("innkeeper auth set{flag}"))),
            Warning::NobodyCanSignIn(handle) => {
                let command = handle.as_ref().map_or_else(
                    || format!("innkeeper auth user add NAME{flag}"),
                    |handle| format!("innkeeper auth user password {handle}{flag}"),
                );
                ("nobody", error.hint(command))
            }
            Warning::NoPassword(_) => (
                "no-password",
                error
                    .hint(format!(
                        "to give one of them a password: `innkeeper auth user password NAME{flag}`"
                    ))
                    .hint(format!("to switch it off: `innkeeper auth user disable NAME{flag}`")),
            ),
        };
        findings.warn(kind, error);
    }
}

/// The rest.
pub fn settings(
    effective: &Effective,
    rules: &Rules,
    theirs: Option<&SillyTavern>,
    flag: &str,
    findings: &mut Findings,
) {
    let settings = &effective.settings;
    list(settings, rules, flag, findings);
    password(settings, theirs, flag, findings);
    proxies(settings, flag, findings);
    if let Some(Upstream::Http { host, port } | Upstream::Https { host, port }) = &settings.upstream
        && *port == settings.port
        && is_this_computer(host)
    {
        let other = port.checked_add(1).unwrap_or(8001);
        findings.warn(
            "loop",
            Error::new(format!(
                "`innkeeper.upstream` ({}) is the port {port} that Innkeeper itself listens on ({})",
                settings.origin("upstream"),
                settings.origin("port")
            ))
            .hint(format!("innkeeper config set innkeeper.port {other}{flag}")),
        );
    }
    for key in KEYS.iter().filter(|key| !effective.is_default(key)) {
        if let Some(why) = opening::without_effect(key) {
            findings.warn("no-effect", Error::new(format!("{}: {why}", settings.origin(key.path))));
        }
    }
}

/// The command that takes the entries of an opening out of the list, or the one that shows them where they are many.
fn closing(opening: &Opening, flag: &str) -> String {
    if opening.others > 0 {
        return format!("see which they are: `innkeeper whitelist list{flag}`");
    }
    removals(&opening.entries, flag)
}

/// A list that keeps nobody out, or everybody, and a list that is not the one in the settings.
fn list(settings: &Settings, rules: &Rules, flag: &str, findings: &mut Findings) {
    let told = |finding: &Finding| finding.kind == "everybody";
    if let Addresses::Listed(list) = &rules.policy.addresses
        && let Some(opening) = list.covers_everyone()
        && !findings.warnings.iter().any(told)
    {
        findings.warn(
            "everybody",
            Error::new(format!("{}: the whitelist keeps nobody out, by {}", opening.place, opening.named()))
                .hint(closing(&opening, flag)),
        );
    }
    let password_is_enough = settings.satisfy == Satisfy::Any && settings.basic_auth_mode && settings.listen;
    let nobody = settings.whitelist.entries.is_empty() && settings.guests.is_empty();
    if settings.whitelist_mode && nobody && !password_is_enough {
        let origin = match &settings.whitelist.origin {
            ListOrigin::Setting(origin) => origin.to_string(),
            ListOrigin::Text { path, .. } => path.display().to_string(),
        };
        findings.warn(
            "nobody-listed",
            Error::new(format!(
                "{origin}: the whitelist is empty, so nobody comes in, not even this computer"
            ))
            .hint(format!("innkeeper whitelist add 127.0.0.1 ::1{flag}")),
        );
    }
    if let ListOrigin::Text { path, replaces } = &settings.whitelist.origin
        && *replaces != Origin::Default
    {
        let name = path.display();
        findings.warn(
            "replaced",
            Error::new(format!("{name} takes the place of `whitelist` ({replaces}), which does not count"))
                .hint(format!("to move its entries into the settings: `innkeeper whitelist migrate{flag}`"))
                .hint(format!("to go back to the list of the settings: `{}`", set_aside("mv", path))),
        );
    }
}

/// A password that others know, or can read in the file.
fn password(settings: &Settings, theirs: Option<&SillyTavern>, flag: &str, findings: &mut Findings) {
    if !settings.basic_auth_mode || settings.per_user_basic_auth {
        return;
    }
    let origin = settings.origin("basicAuthUser.password");
    let password = settings.basic_auth_user.password.reveal();
    let set = format!("innkeeper auth set{flag}");
    if password == "password" {
        // Where other devices connect, the start gate says more.
        if !findings.problems.iter().any(|finding| finding.kind == "open") {
            let error = Error::new(format!("the password is the default one ({origin})"));
            findings.warn("default-password", error.hint(set));
        }
    } else if matches!((origin, password.parse()), (Origin::File { .. }, Ok(PasswordHash::Plain(_))))
        && !password.is_empty()
        // SillyTavern understands no other.
        && !theirs.is_some_and(|theirs| theirs.writes("basicAuthUser.password", origin))
    {
        let error =
            Error::new(format!("{origin}: whoever reads this file knows the password, which is not hashed"));
        findings.warn("plain-password", error.hint(set));
    }
}

/// A trusted proxy that comes in by its own address: whoever it sends without saying for whom needs no password.
fn proxies(settings: &Settings, flag: &str, findings: &mut Findings) {
    let asks = settings.basic_auth_mode && settings.listen;
    if settings.satisfy != Satisfy::Any || !settings.whitelist_mode || !asks {
        return;
    }
    let patterns = |entries: &[crate::config::ListEntry]| -> Vec<(String, IpPattern)> {
        let pattern = |entry: &crate::config::ListEntry| match entry.text.parse() {
            Ok(Entry::Pattern(pattern)) => Some((entry.text.to_string(), pattern)),
            _ => None,
        };
        entries.iter().filter_map(pattern).collect()
    };
    let listed = patterns(&settings.whitelist.entries);
    for (proxy, pattern) in patterns(&settings.trusted_proxies.entries) {
        let entry = listed.iter().find(|(_, listed)| listed.covers(&pattern) || pattern.covers(listed));
        if let Some((entry, _)) = entry {
            let message = format!(
                "the proxy `{proxy}` is in the whitelist too (`{entry}`), and one of address and password is enough \
                 (`innkeeper.satisfy`): what it sends without a visitor's address comes in without a password"
            );
            findings.warn(
                "listed-proxy",
                Error::new(message)
                    .hint(format!("innkeeper config set innkeeper.satisfy all{flag}"))
                    .hint(format!("or {}", removal(entry, flag))),
            );
        }
    }
}
