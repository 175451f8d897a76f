//! What would become of one request, step by step: for people, and the same as JSON.
//!
//! Nothing is decided here. The policy decides, and what each step says is what the policy's own parts answer.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;

use serde::Serialize;

use super::{Request, Served, Verdict};
use crate::config::{Family, ListOrigin, Origin, Settings, document};
use crate::policy::account::Login;
use crate::policy::client::{Client, Condition};
use crate::policy::host::{Host, HostVerdict, Known};
use crate::policy::whitelist::{Rule, Stay};
use crate::policy::{Addresses, Decision, Denial, HostCheck, Satisfy, Standing, Visit};

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
        request.visit(address, served.secure, |visit| {
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
            let text = format!("`innkeeper.requireHttps` is on ({})", settings.origin("requireHttps"));
            let text = format!("it would come over http, and {text}");
            return self.step("https", Outcome::Refused, text);
        }
        self.look_at_password();
    }

    /// Who asks, and who says so.
    fn look_at_client(&mut self) {
        let trust = &self.served.rules.policy.trust;
        let mut entries = Vec::new();
        let (outcome, text) = match self.client {
            Client::Direct { address } if self.request.fields.is_empty() => {
                (Outcome::Passed, format!("{address} connects itself"))
            }
            Client::Direct { address } => (
                Outcome::Passed,
                format!("{address} connects itself, and names nobody in a header that is read"),
            ),
            Client::Behind { proxy, address } => {
                let rule = trust.proxies.find(*proxy);
                let listed = rule.map(|rule| format!(" ({} in {})", quoted(&rule), rule.place()));
                entries.extend(rule.map(|rule| self.entry(*proxy, &rule, Cover::Covers)));
                let text = format!("{address}, named by the trusted proxy {proxy}");
                (Outcome::Passed, text + &listed.unwrap_or_default())
            }
            Client::Claimed { peer, address } => {
                let text = format!("{peer} says that it asks for {address}, and is no trusted proxy");
                let so = match trust.condition(self.client) {
                    Condition::BothListed { .. } => "so both have to be listed",
                    // `enableForwardedWhitelist` is off.
                    _ => "so nobody minds what it says",
                };
                (Outcome::Passed, format!("{text}, {so}"))
            }
            Client::Garbled { peer, header, value } => {
                let text = format!("the {header} of {peer} holds no address: `{}`", value.escape_debug());
                match trust.condition(self.client) {
                    Condition::Unmeetable => (Outcome::Noted, text),
                    _ => (Outcome::Passed, format!("{text}; {peer} counts for itself")),
                }
            }
        };
        self.steps.push(Step { name: "client", outcome, text, entries });
    }

    /// Which entry lets the address in, or nearly does.
    fn look_at_address(&mut self, outcome: Outcome) {
        let policy = &self.served.rules.policy;
        let Addresses::Listed(list) = &policy.addresses else {
            let origin = self.settings().origin("whitelistMode");
            let text = format!("every address may come in: `whitelistMode` is off ({origin})");
            return self.step("address", outcome, text);
        };
        let standing = policy.standing(self.client);
        let asked = match policy.trust.condition(self.client) {
            Condition::Listed(address) => vec![address],
            Condition::BothListed { peer, claimed } => vec![peer, claimed],
            Condition::Unmeetable => Vec::new(),
        };
        let mut texts = Vec::new();
        let mut entries = Vec::new();
        for address in asked {
            if let Some(rule) = list.find(address) {
                let entry = self.entry(address, &rule, Cover::Covers);
                let note = if entry.note.is_empty() { String::new() } else { format!(", {}", entry.note) };
                let stay = match rule.stay() {
                    Stay::Resident => String::new(),
                    stay => format!(", {stay}"),
                };
                texts.push(format!("{address} is listed: {} ({}){stay}{note}", quoted(&rule), entry.source));
                entries.push(entry);
                continue;
            }
            texts.push(match list.nearest(address) {
                Some(rule) => {
                    let entry = self.entry(address, &rule, Cover::Misses);
                    let source = entry.source.clone();
                    entries.push(entry);
                    format!("no entry covers {address}; the nearest is {} ({source})", quoted(&rule))
                }
                None => format!("no entry covers {address}, and none is near ({})", self.list_name()),
            });
            // The policy asks no further either.
            break;
        }
        if let (Standing::Unlisted(_) | Standing::Unmeetable, Outcome::Passed) = (standing, outcome) {
            texts.push("a password does as well (`innkeeper.satisfy` is `any`)".to_owned());
        }
        self.steps.push(Step { name: "address", outcome, text: texts.join("; "), entries });
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

    /// Whether a password is asked for, and whether the user could have one.
    fn look_at_password(&mut self) {
        let settings = self.settings();
        let policy = &self.served.rules.policy;
        let asked = matches!(self.decision, Decision::Deny(Denial::SignIn { .. }));
        let origin = settings.origin("basicAuthMode");
        if !asked {
            let why = match (&policy.sign_in, policy.satisfy) {
                (None, _) if settings.basic_auth_mode => "only this computer can connect".to_owned(),
                (None, _) => format!("`basicAuthMode` is off ({origin})"),
                (Some(_), Satisfy::Any) if matches!(policy.standing(self.client), Standing::Listed(_)) => {
                    "a listed address is enough (`innkeeper.satisfy` is `any`)".to_owned()
                }
                (Some(_), _) => "`/` is one of `innkeeper.publicPaths`".to_owned(),
            };
            return self.step("password", Outcome::Passed, format!("not asked for: {why}"));
        }
        let text = format!("asked for: `basicAuthMode` is on ({origin})");
        match self.user() {
            User::Untold => self.step("password", Outcome::Passed, text),
            User::Able(who) => self.step("password", Outcome::Passed, format!("{text}; {who}")),
            User::Unable(why) => self.step("password", Outcome::Refused, format!("{text}; {why}")),
        }
    }

    /// What is known of `--user`.
    fn user(&self) -> User {
        let (Some(user), Some(sign_in)) = (self.request.user, &self.served.rules.policy.sign_in) else {
            return User::Untold;
        };
        let user_shown = format!("`{}`", user.escape_debug());
        match &sign_in.login {
            Login::Shared(shared) if shared.user() == user => {
                User::Able(format!("{user_shown} is the one user (`basicAuthUser`)"))
            }
            Login::Shared(_) => User::Unable(format!("{user_shown} is not the one user (`basicAuthUser`)")),
            Login::Accounts(accounts) => match accounts.iter().find(|account| &*account.handle == user) {
                None => User::Unable(format!("there is no account {user_shown}")),
                Some(account) if !account.enabled => {
                    User::Unable(format!("the account {user_shown} is disabled"))
                }
                Some(account) if account.hash.is_none() => {
                    User::Unable(format!("the account {user_shown} has no password to sign in with"))
                }
                Some(_) => User::Able(format!("the account {user_shown} can sign in")),
            },
        }
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

    fn entry(&self, address: IpAddr, rule: &Rule<'_>, cover: Cover) -> Entry {
        let place = rule.place();
        let note = self.note(rule).unwrap_or_default();
        Entry {
            address,
            covers: cover == Cover::Covers,
            text: rule.text().to_owned(),
            source: place.to_string(),
            note,
        }
    }

    /// The comment behind an entry in its file. Only that line is looked for.
    fn note(&self, rule: &Rule<'_>) -> Option<String> {
        let settings = self.settings();
        let paths =
            [&settings.whitelist.origin, &settings.trusted_proxies.origin].map(|origin| match origin {
                ListOrigin::Setting(Origin::File { path, .. }) | ListOrigin::Text { path, .. } => Some(path),
                ListOrigin::Setting(_) => None,
            });
        let place = rule.place();
        let path = paths.into_iter().flatten().find(|path| path.display().to_string() == *place.file)?;
        let number = (place.line as usize).checked_sub(1)?;
        let line = BufReader::new(File::open(path).ok()?).lines().nth(number)?.ok()?;
        document::note(&line, rule.text()).map(str::to_owned)
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

/// Whether an entry covers an address or is only near it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cover {
    Covers,
    Misses,
}

/// What is known of the one who is going to sign in.
enum User {
    /// Nobody said who.
    Untold,
    /// They could.
    Able(String),
    /// They cannot, whatever the password.
    Unable(String),
}

/// Why no connection of `peer` reaches a socket at all, and the setting that changes it. The policy does not know: it
/// judges who is there.
fn closed_to(peer: IpAddr, settings: &Settings) -> Option<(String, Option<&'static str>)> {
    let (family, setting, turned_on, bound, address) = if peer.is_ipv4() {
        let bound = settings.listen_address.ipv4.is_loopback();
        (settings.protocol.ipv4, "protocol.ipv4", "protocol.ipv4 true", bound, "listenAddress.ipv4")
    } else {
        let bound = settings.listen_address.ipv6.is_loopback();
        (settings.protocol.ipv6, "protocol.ipv6", "protocol.ipv6 true", bound, "listenAddress.ipv6")
    };
    if family == Family::Off {
        let text = format!("nobody listens there: `{setting}` is off ({})", settings.origin(setting));
        return Some((text, Some(turned_on)));
    }
    if peer.is_loopback() {
        return None;
    }
    if !settings.listen {
        let text = format!("only this computer can connect: `listen` is off ({})", settings.origin("listen"));
        return Some((text, Some("listen true")));
    }
    let text =
        || format!("only this computer can connect: `{address}` is its own ({})", settings.origin(address));
    bound.then(|| (text(), None))
}

fn quoted(rule: &Rule<'_>) -> String {
    format!("`{}`", rule.text())
}
