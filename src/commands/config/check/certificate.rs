//! What visitors would say to the certificate.

use super::Findings;
use crate::cert::inspection::finding::{Finding, Severity};
use crate::commands::cert::check::{Look, of_settings};
use crate::config::Settings;
use crate::error::Error;

/// Checks the certificate of https, as `innkeeper cert check` does.
pub fn check(settings: &Settings, flag: &str, findings: &mut Findings) {
    if !settings.ssl.enabled {
        return;
    }
    // What cannot be read has been told.
    let inspections = of_settings(settings, flag, &Look::usual()).unwrap_or_default();
    for inspection in &inspections {
        for finding in inspection.findings.iter().filter(|finding| is_news(finding)) {
            let told = Error::new(format!("{}: {finding}", inspection.place.name()));
            let told = inspection.fixes(finding).into_iter().fold(told, Error::hint);
            findings.warn(finding.kind(), told);
        }
    }
}

/// Not what `serve` or another check says, nor what its owner knows: that nobody vouches for it.
fn is_news(finding: &Finding) -> bool {
    finding.severity() <= Severity::Warning
        && !matches!(finding, Finding::Refused { .. } | Finding::KeyExposed(_) | Finding::SelfSigned { .. })
}
