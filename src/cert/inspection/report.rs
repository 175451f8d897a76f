//! An inspection in words: the verdict in one line, the certificate, the findings with what to type, the clients.

use std::fmt::{self, Write as _};

use super::client::{Client, Effect, Verdict};
use super::facts::Certificate;
use super::finding::{Finding, Severity, counted};
use super::{Inspection, Port, Protocol, Trust};

impl Inspection {
    /// The verdict in one sentence.
    #[must_use]
    pub fn verdict(&self) -> String {
        let problems = self.findings.iter().filter(|finding| finding.severity() == Severity::Problem);
        let problems: Vec<&Finding> = problems.collect();
        match problems.as_slice() {
            [] => {}
            [only] => return only.to_string(),
            [first, _] => return format!("{first}, and 1 more problem"),
            [first, rest @ ..] => return format!("{first}, and {} more problems", rest.len()),
        }
        let Some(own) = self.chain.first() else { return "nothing is known of it".to_owned() };
        let left = counted(self.at.days_to(own.not_after), "day");
        let warns: Vec<String> = self
            .verdicts()
            .filter(|(_, verdict)| {
                matches!(verdict, Verdict::Minds { effect: Effect::Warns | Effect::Refuses, .. })
            })
            .map(|(client, _)| client.to_string())
            .collect();
        let some = warns.join("; ");
        let all = match self.trust {
            Some(Trust::SelfSigned) => {
                "signed by itself, so clients accept it once they are told to trust it".to_owned()
            }
            Some(Trust::Authority | Trust::System) => {
                let authority = self.findings.iter().find_map(|finding| match finding {
                    Finding::OwnAuthority { name, .. } => Some(name.as_str()),
                    _ => None,
                });
                format!("clients accept it once they trust `{}`", authority.unwrap_or("its authority"))
            }
            _ if warns.is_empty() => "all clients accept it".to_owned(),
            _ => return format!("some clients warn of it ({some}); {left} left"),
        };
        let but = if warns.is_empty() { String::new() } else { format!("; some warn all the same ({some})") };
        format!("{all}{but}; {left} left")
    }

    fn facts(&self, own: &Certificate, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = match own.names.as_deref() {
            None | Some([]) => match &own.common_name {
                Some(name) => format!("none (common name {name})"),
                None => "none".to_owned(),
            },
            Some(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let issuer = if own.is_self_signed { "itself" } else { &own.issuer };
        writeln!(f, "names      {names}")?;
        writeln!(f, "issuer     {issuer}")?;
        writeln!(f, "valid      {} to {}", own.not_before, own.not_after)?;
        writeln!(f, "key        {}", own.key)?;
        writeln!(f, "signature  {}", own.signature)?;
        writeln!(f, "SHA-256    {}", own.fingerprint)?;
        if let [_, rest @ ..] = self.chain.as_slice()
            && !rest.is_empty()
        {
            let subjects: Vec<&str> = rest.iter().map(|above| above.subject.as_str()).collect();
            writeln!(f, "chain      {}", subjects.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.place.name(), self.verdict())?;
        if let Some(own) = self.chain.first() {
            writeln!(f)?;
            self.facts(own, f)?;
        }
        if let Some(port) = &self.port {
            writeln!(f, "speaks     {port}")?;
        }
        if !self.findings.is_empty() {
            writeln!(f)?;
        }
        for finding in &self.findings {
            writeln!(f, "{}: {finding}", finding.severity())?;
            for fix in self.fixes(finding) {
                writeln!(f, "  {fix}")?;
            }
        }
        writeln!(f)?;
        for (client, verdict) in self.verdicts() {
            let mut line = format!("{:<22}  {verdict}", client.to_string());
            if let Some(reason) = verdict.reason(client) {
                let _ = write!(line, ": {reason}");
            }
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<&str> = self.protocols.iter().copied().map(Protocol::name).collect();
        match versions.as_slice() {
            [] => f.write_str("no version of TLS that is known here")?,
            versions => f.write_str(&versions.join(", "))?,
        }
        match self.alpn.as_deref() {
            Some("h2") => f.write_str("; HTTP/2"),
            Some("http/1.1") => f.write_str("; HTTP/1.1"),
            _ => f.write_str("; no ALPN"),
        }
    }
}

impl Verdict<'_> {
    /// Why `client` does not simply accept it.
    #[must_use]
    pub fn reason(&self, client: Client) -> Option<String> {
        let Self::Minds { effect, finding } = self else { return None };
        Some(match finding {
            Finding::Refused { .. } => "the server does not start with it".to_owned(),
            Finding::OwnAuthority { name, .. } => match client {
                Client::Android => format!("install `{name}`, which most apps besides Chrome ignore"),
                _ => format!("install `{name}`"),
            },
            Finding::SelfSigned { .. } if *effect == Effect::Warns => {
                "it is signed by itself, and cannot be installed as it is no authority's".to_owned()
            }
            finding => finding.to_string(),
        })
    }
}
