//! A file that SillyTavern reads too: what it would undo, and how it can be reached past Innkeeper.

use super::Findings;
use crate::commands::config::init::set_aside;
use crate::commands::config::sillytavern::SillyTavern;
use crate::config::{ListOrigin, Origin, Settings, Upstream};
use crate::error::Error;

/// Checks the settings file, which is SillyTavern's as well.
pub fn check(settings: &Settings, theirs: &SillyTavern, flag: &str, findings: &mut Findings) {
    // The list that is in force.
    let in_force = |origin: &Origin| settings.whitelist.origin == ListOrigin::Setting(origin.clone());
    if let Some((origin, count)) = theirs.short_list("whitelist").filter(|(origin, _)| in_force(origin)) {
        let back = if count == 0 { "`::1` and `127.0.0.1`" } else { "`127.0.0.1`" };
        let message = format!(
            "{origin}: SillyTavern's next start may add {back} to `whitelist` again: it fills up a list of fewer than two \
             entries"
        );
        findings.warn(
            "undone",
            Error::new(message).hint("put the list under `innkeeper:`, where SillyTavern leaves it alone"),
        );
    }
    let missing = theirs.missing();
    if theirs.has_comments() && !missing.is_empty() {
        let message = format!(
            "{}: SillyTavern's next start adds settings that are missing ({}), and drops every comment of the file",
            settings.file.display(),
            missing.join(", ")
        );
        let copy = format!("keep a copy: `{}`", set_aside("cp", &settings.file));
        findings.warn("comments", Error::new(message).hint(copy));
    }
    let port = theirs.port();
    let behind = matches!(&settings.upstream, Some(Upstream::Http { host, port: to } | Upstream::Https { host, port: to })
        if *to == port && is_this_computer(host));
    if behind && let Some(origin) = theirs.is_on("listen") {
        let error = Error::new(format!(
            "{origin}: other devices reach SillyTavern itself, past Innkeeper (`listen: true`, port {port})"
        ));
        let own = format!("innkeeper config set innkeeper.listen true{flag}");
        findings.warn(
            "past-the-door",
            error.hint(format!("`{own}`, then write `listen: false` at the top level ({origin})")),
        );
    }
}

/// Whether a host of a URL is this computer.
pub fn is_this_computer(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
