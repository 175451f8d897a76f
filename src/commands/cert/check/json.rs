//! What `cert check --json` promises.

use serde::Serialize;

use crate::cert::inspection::Inspection;
use crate::cert::inspection::facts::Certificate;
use crate::error::Error;
use crate::ui;

/// Prints all `inspections`.
pub fn print(inspections: &[Inspection]) -> Result<(), Vec<Error>> {
    let rows: Vec<Row> = inspections.iter().map(Row::of).collect();
    let text = serde_json::to_string_pretty(&rows)
        .map_err(|error| vec![Error::new("cannot write JSON").caused_by(error)])?;
    ui::line(&text);
    Ok(())
}

#[derive(Serialize)]
struct Row {
    subject: String,
    good: bool,
    verdict: String,
    certificate: Option<Facts>,
    findings: Vec<Finding>,
    clients: Vec<Client>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<Port>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    names: Vec<String>,
    common_name: Option<String>,
    subject: String,
    issuer: String,
    not_before: String,
    not_after: String,
    days_left: i64,
    key: String,
    signature: String,
    sha256: String,
    trust: Option<&'static str>,
    chain: Vec<String>,
}

#[derive(Serialize)]
struct Finding {
    severity: String,
    kind: &'static str,
    message: String,
    fixes: Vec<String>,
}

#[derive(Serialize)]
struct Client {
    #[serde(rename = "client")]
    kind: &'static str,
    verdict: &'static str,
    reason: Option<String>,
    fix: Option<String>,
}

#[derive(Serialize)]
struct Port {
    protocols: Vec<&'static str>,
    alpn: Option<String>,
}

impl Row {
    fn of(inspection: &Inspection) -> Self {
        let findings = inspection.findings.iter().map(|finding| Finding {
            severity: finding.severity().to_string(),
            kind: finding.kind(),
            message: finding.to_string(),
            fixes: inspection.fixes(finding),
        });
        let clients = inspection.verdicts().map(|(client, verdict)| Client {
            kind: client.word(),
            verdict: verdict.word(),
            reason: verdict.reason(client),
            fix: verdict.finding().and_then(|finding| inspection.fixes(finding).into_iter().next()),
        });
        Self {
            subject: inspection.place.name(),
            good: inspection.is_good(),
            verdict: inspection.verdict(),
            certificate: inspection.chain.first().map(|own| Facts::of(own, inspection)),
            findings: findings.collect(),
            clients: clients.collect(),
            port: inspection.port.as_ref().map(|port| Port {
                protocols: port.protocols.iter().map(|protocol| protocol.name()).collect(),
                alpn: port.alpn.clone(),
            }),
        }
    }
}

impl Facts {
    fn of(own: &Certificate, inspection: &Inspection) -> Self {
        Self {
            names: own.names.iter().flatten().map(ToString::to_string).collect(),
            common_name: own.common_name.clone(),
            subject: own.subject.clone(),
            issuer: own.issuer.clone(),
            not_before: own.not_before.to_rfc3339(),
            not_after: own.not_after.to_rfc3339(),
            days_left: inspection.at.days_to(own.not_after),
            key: own.key.to_string(),
            signature: own.signature.to_string(),
            sha256: own.fingerprint.clone(),
            trust: inspection.trust.map(crate::cert::inspection::Trust::word),
            chain: inspection.chain.iter().skip(1).map(|above| above.subject.clone()).collect(),
        }
    }
}
