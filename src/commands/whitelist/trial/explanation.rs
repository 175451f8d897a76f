//! What would become of one request, step by step: for people, and the same as JSON.
//!
//! Nothing is decided here. The policy decides, and what each step says is what the policy's own parts answer.

mod connection;
mod listed;
mod password;

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use self::connection::closed_to;
use self::password::User;
use super::request::PROTOCOL;
use super::{Request, Served, Verdict};
use crate::config::{ListOrigin, Origin, Settings};
use crate::policy::client::Client;
use crate::policy::host::{Host, HostVerdict, Known};
use crate::policy::{Decision, Denial, HostCheck, Visit};

/// What would become of a request of one client. The names are part of what `--json` promises.
#[derive(Serialize)]
pub struct Explanation {
    /// As it was typed.
    pub address: String,
    /// The address that counts: that of the client, or of the peer where nobody believes what it says of the client.
    pub client: IpAddr,
    /// `allowed`, `allowed-after-sign-in`, `refused`.
    pub result: Verdict,
    /// Why, in half a sentence.
    pub reason: String,
    /// What the owner types to change a refusal; null where no command does.
    pub command: Option<String>,
    /// What was looked at, in this order; what comes after a refusal was not.
    pub steps: Vec<Step>,
}

/// One thing that was looked at.
#[derive(Serialize)]
pub struct Step {
    /// `connection`, `client`, `address`, `host`, `https`, `password`.
    #[serde(rename = "step")]
    pub name: &'static str,
    /// `passed`; `refused`, and then it is the last; `noted` for what decides nothing.
    pub outcome: Outcome,
    /// For people.
    pub text: String,
    /// The entries of the list that are spoken of; only in `address`, and in `client` for the trusted proxy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The request goes on.
    Passed,
    /// It ends here.
    Refused,
    /// It is worth knowing, and decides nothing.
    Noted,
}

/// An entry of a list.
#[derive(Serialize)]
pub struct Entry {
    /// Whom it is held against.
    pub address: IpAddr,
    /// Whether it covers that address; else it is the one that misses it by the least.
    pub covers: bool,
    /// As it was written.
    #[serde(rename = "entry")]
    pub text: String,
    /// `config.yaml:12`, the name of a variable.
    pub source: String,
    /// The comment behind it; empty where there is none.
    pub note: String,
}

impl Explanation {
    /// What becomes of a request of `address`, which was typed as `text`.
    pub fn of(served: &Served, request: &Request<'_>, text: &str, address: IpAddr) -> Self {
        request.visit(address, served, |visit| {
            let decision = served.decide(visit);
            let client = served.rules.policy.trust.identify(visit.peer, &visit.forwarded);
            let mut explaining = Explaining {
                served,
                visit,
                request,
                client: &client,
                decision: &decision,
                steps: Vec::new(),
            };
            explaining.look();
            let (result, reason, command) = explaining.result();
            let (address, client, steps) = (text.to_owned(), client.address(), explaining.steps);
            Self { address, client, result, reason, command, steps }
        })
    }
}

/// For people: the address, a line for each step, the result, and the command that changes a refusal.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.address)?;
        for Step { name, text, .. } in &self.steps {
            writeln!(f, "  {name:<12}{text}")?;
        }
        writeln!(f, "  {:<12}{}: {}", "result", self.result, self.reason)?;
        self.command.as_ref().map_or(Ok(()), |command| writeln!(f, "  to change that: {command}"))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::AllowedAfterSignIn => "allowed after sign-in",
            Self::Refused => "refused",
        })
    }
}

/// An explanation in the making.
struct Explaining<'a> {
    served: &'a Served,
    visit: &'a Visit<'a>,
    request: &'a Request<'a>,
    client: &'a Client,
    decision: &'a Decision<'a>,
    steps: Vec<Step>,
}

impl<'a> Explaining<'a> {
    /// Every step, up to the one that refuses the request.
    fn look(&mut self) {
        use Denial::{Address, Garbled, Host, Insecure, Malformed};
        let settings = self.settings();
        if let Some((why, _)) = closed_to(self.visit.peer, settings) {
            self.step("connection", Outcome::Noted, why);
        }
        if let Decision::Deny(Malformed(malformed)) = self.decision {
            let text = format!("`{}` is none: {malformed}", self.request.host.unwrap_or_default());
            return self.step("host", Outcome::Refused, text);
        }
        self.look_at_client();
        match self.decision {
            Decision::Deny(Garbled(_)) => {
                let text = "whether the client is listed nobody can tell".to_owned();
                return self.step("address", Outcome::Refused, text);
            }
            Decision::Deny(Address { .. }) => return self.look_at_address(Outcome::Refused),
            _ => self.look_at_address(Outcome::Passed),
        }
        if let Decision::Deny(Host(_)) = self.decision {
            return self.look_at_host(Outcome::Refused);
        }
        self.look_at_host(Outcome::Passed);
        if let Decision::Deny(Insecure(_)) = self.decision {
            return self.look_at_https(Outcome::Refused);
        }
        self.look_at_https(Outcome::Passed);
        self.look_at_password();
    }

    /// What is asked for, where that was told or matters.
    fn look_at_host(&mut self, outcome: Outcome) {
        let policy = &self.served.rules.policy;
        let Some(text) = self.request.host else {
            if policy.host_check == HostCheck::Enforce {
                let text = "not looked at: `--host` says what they ask for".to_owned();
                self.step("host", Outcome::Noted, text);
            }
            return;
        };
        let Ok(host) = Host::parse(text.as_bytes()) else { return };
        let why = match policy.hosts.judge(&host) {
            HostVerdict::Known(Known::Localhost) => "is known, as every name of a visitor's own machine",
            HostVerdict::Known(Known::Address) => "is known, as every address",
            HostVerdict::Known(Known::Own) => "is a name of this machine or of its certificate",
            HostVerdict::Known(Known::Listed) => "is one of `hostWhitelist.hosts`",
            HostVerdict::Unknown => match policy.host_check {
                HostCheck::Off => "is not known, and nobody minds: `hostWhitelist.enabled` is off",
                HostCheck::Warn => "is not known; that is only told, as `hostWhitelist.enabled` is off",
                HostCheck::Enforce => "is not known here",
            },
        };
        self.step("host", outcome, format!("`{}` {why}", host.name));
    }

    /// Over what they would come, where they say so themselves or are refused for it.
    fn look_at_https(&mut self, outcome: Outcome) {
        if self.request.protocols.is_empty() && outcome == Outcome::Passed {
            return;
        }
        let is_required = self.served.rules.policy.require_https;
        let outcome = if is_required { outcome } else { Outcome::Noted };
        let mut text = self.protocol();
        if outcome == Outcome::Refused {
            let origin = self.settings().origin("requireHttps");
            text = format!("{text}, and `innkeeper.requireHttps` is on ({origin})");
        }
        self.step("https", outcome, text);
    }

    /// Over what the request would come, and who says so.
    fn protocol(&self) -> String {
        let peer = self.visit.peer;
        let is_proxy = self.served.rules.policy.trust.proxies.find(peer).is_some();
        let is_said = !self.request.protocols.is_empty();
        if self.served.secure {
            return "it would come over https".to_owned();
        }
        if self.visit.secure {
            return format!("it would come over https, as the trusted proxy {peer} says");
        }
        let why = match (is_proxy, is_said) {
            (true, true) => format!("the {PROTOCOL} of the trusted proxy {peer} is not `https` alone"),
            (true, false) => format!("the trusted proxy {peer} sends no {PROTOCOL}"),
            (false, true) => format!("{peer} sends {PROTOCOL}, and is no trusted proxy"),
            (false, false) => return "it would come over http".to_owned(),
        };
        format!("it would come over http ({why})")
    }

    /// The verdict, why, and what changes it.
    fn result(&self) -> (Verdict, String, Option<String>) {
        let rules = &self.served.rules;
        if let (Decision::Deny(Denial::SignIn { .. }), User::Unable(_)) = (self.decision, self.user()) {
            return (Verdict::Refused, "this user cannot sign in".to_owned(), None);
        }
        let verdict = Verdict::of(self.decision);
        let settings = self.settings();
        let (reason, command) = match self.decision {
            Decision::Deny(Denial::Malformed(_)) => {
                ("it asks for no host that there could be".to_owned(), None)
            }
            Decision::Deny(Denial::Garbled(_)) => ("who asks cannot be read".to_owned(), None),
            Decision::Deny(Denial::Address { unlisted, .. }) => {
                let reason = format!("{unlisted} is not in the whitelist ({})", self.list_name());
                // No command changes a variable or a flag.
                let file = !matches!(
                    settings.whitelist.origin,
                    ListOrigin::Setting(Origin::Variable(_) | Origin::Flag(_))
                );
                (reason, file.then(|| rules.command_to_list(unlisted)))
            }
            Decision::Deny(Denial::Host(_)) => {
                let command = rules.command_to_know(self.request.host.unwrap_or_default());
                ("the host is not one of ours".to_owned(), Some(command))
            }
            Decision::Deny(Denial::Insecure(_)) => ("https is required".to_owned(), None),
            Decision::Deny(Denial::CrossSite(_)) => ("another website asks".to_owned(), None),
            Decision::Deny(Denial::Throttled { .. }) => ("too many wrong passwords".to_owned(), None),
            Decision::Deny(Denial::SignIn { .. }) | Decision::Prove(_) => {
                self.unless_closed("with a password")
            }
            Decision::Permit(_) => self.unless_closed("without a password"),
        };
        (verdict, reason, command)
    }

    /// The reason of a permission, or that it is of no use yet, and what makes it so.
    fn unless_closed(&self, reason: &str) -> (String, Option<String>) {
        match closed_to(self.visit.peer, self.settings()) {
            None => (reason.to_owned(), None),
            Some((_, set)) => {
                let flag = &self.served.rules.config_flag;
                let command = set.map(|set| format!("innkeeper config set {set}{flag}"));
                (format!("{reason}, once it can connect"), command)
            }
        }
    }

    fn list_name(&self) -> &str {
        &self.served.rules.list_name
    }

    fn settings(&self) -> &'a Settings {
        self.served.making.settings()
    }

    fn step(&mut self, name: &'static str, outcome: Outcome, text: String) {
        self.steps.push(Step { name, outcome, text, entries: Vec::new() });
    }
}
