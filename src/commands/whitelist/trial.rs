//! `innkeeper whitelist test`: the rules as `serve` has them, asked about requests that nobody has sent.

mod explanation;
mod filter;
mod request;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use self::explanation::Explanation;
use self::request::{Request, plain_visit};
use super::super::opening;
use super::super::sources::{Sources, Speech};
use crate::cli::Trial;
use crate::config::{Satisfy, Settings};
use crate::error::{Error, Exit};
use crate::gateway::rules::{Making, Resolved, Rules};
use crate::gateway::{certificates, names};
use crate::policy::address::parse_address;
use crate::policy::{Decision, Denial, Policy, Standing, Visit};
use crate::ui;

/// Says who would be let in.
///
/// # Errors
/// Settings with which `serve` would not start, a request that cannot be made, input that cannot be read.
pub fn run(sources: &Sources<'_>, trial: &Trial, speech: Speech) -> Result<Exit, Vec<Error>> {
    let settings = sources.read()?;
    match trial {
        Trial::Explain { addresses, request, json } => {
            let request = Request::of(request)?;
            let served = Served::of(settings, request.host, ContainerHosts::WhenAsked, speech);
            explain(served.map_err(|error| vec![error])?, addresses, &request, *json)
        }
        Trial::Filter { input, only, count } => {
            let served = Served::of(settings, None, ContainerHosts::AtOnce, speech);
            let served = served.map_err(|error| vec![error])?;
            let show = filter::Show { only: *only, count: *count };
            filter::run(served.rules.policy, served.secure, input, show, speech).map_err(|error| vec![error])
        }
    }
}

/// Explains each address. One that is none keeps nobody from knowing about the others.
fn explain(
    mut served: Served,
    addresses: &[String],
    request: &Request<'_>,
    json: bool,
) -> Result<Exit, Vec<Error>> {
    let mut exit = Exit::Yes;
    let mut explanations = Vec::new();
    for (number, text) in addresses.iter().enumerate() {
        let address = match parse_address(text) {
            Ok(address) => address,
            Err(error) => {
                ui::error(&error);
                exit = Exit::Unanswered;
                continue;
            }
        };
        if !request.visit(address, &served, |visit| served.is_settled(visit)) {
            served.look_up_container_hosts().map_err(|error| vec![error])?;
        }
        let explanation = Explanation::of(&served, request, text.trim(), address);
        if explanation.result == Verdict::Refused && exit == Exit::Yes {
            exit = Exit::No;
        }
        if json {
            explanations.push(explanation);
        } else {
            let gap = if number > 0 { "\n" } else { "" };
            ui::text(&format!("{gap}{explanation}"));
        }
    }
    if json {
        let text = serde_json::to_string_pretty(&explanations)
            .map_err(|error| vec![Error::new("cannot write JSON").caused_by(error)])?;
        ui::line(&text);
    }
    Ok(exit)
}

/// What `serve` would have in force now.
struct Served {
    making: Making,
    rules: Rules,
    /// Whoever connects comes over https.
    secure: bool,
    /// What names in the lists stand for.
    resolved: Resolved,
    container_hosts: ContainerHosts,
}

/// When the names are looked up that `whitelistDockerHosts` adds: a name server that knows none takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContainerHosts {
    /// Before anything is judged.
    AtOnce,
    /// When an address is judged that no other entry covers.
    WhenAsked,
}

impl Served {
    /// Makes the rules as `serve` does at its start. Names are looked up when a list has any; the certificate is read
    /// for its names when somebody asks for a `host`.
    fn of(
        settings: Settings,
        host: Option<&str>,
        container_hosts: ContainerHosts,
        speech: Speech,
    ) -> Result<Self, Error> {
        let accounts = opening::accounts(&settings)?;
        let secure = settings.ssl.enabled;
        let own_names = match host {
            Some(_) if secure => names::of_server(Some(&certificates::pairs(&settings)?)),
            Some(_) => names::of_server(None),
            None => Vec::new(),
        };
        let making = Making::new(settings, accounts, own_names)?;
        // Where a listed address takes the place of a password, the start gate asks about the whole list.
        let container_hosts = match container_hosts {
            ContainerHosts::WhenAsked if making.settings().satisfy == Satisfy::All => container_hosts,
            _ => ContainerHosts::AtOnce,
        };
        let lookups = match container_hosts {
            ContainerHosts::AtOnce => making.lookups(),
            ContainerHosts::WhenAsked => making.written_lookups(),
        };
        let resolved = names::resolve(&lookups, &Resolved::new());
        let (rules, notes) = making.rules(&resolved, SystemTime::now())?;
        // With settings with which it does not start nobody comes in, and the reason is another one.
        making.start_gate(&rules)?;
        if speech == Speech::Full {
            tell(&notes);
        }
        Ok(Self { making, rules, secure, resolved, container_hosts })
    }

    /// Whether the container hosts change nothing about `visit`: all addresses that have to be listed are. The policy
    /// takes the first entry that covers an address, and theirs come last.
    fn is_settled(&self, visit: &Visit<'_>) -> bool {
        let policy = &self.rules.policy;
        let client = policy.trust.identify(visit.peer, &visit.forwarded);
        self.container_hosts == ContainerHosts::AtOnce
            || !matches!(policy.standing(&client), Standing::Unlisted(_))
    }

    /// Makes the rules with the container hosts too.
    fn look_up_container_hosts(&mut self) -> Result<(), Error> {
        self.container_hosts = ContainerHosts::AtOnce;
        let hosts = self.making.container_hosts();
        if !hosts.is_empty() {
            let found = names::resolve(&hosts, &self.resolved);
            self.resolved.extend(found);
            // What there is to be noted was told before: a host that is not there is none of it.
            (self.rules, _) = self.making.rules(&self.resolved, SystemTime::now())?;
            self.making.start_gate(&self.rules)?;
        }
        Ok(())
    }

    /// What `serve` does with `visit`.
    fn decide(&self, visit: &Visit<'_>) -> Decision<'_> {
        self.rules.policy.decide(visit, None, Duration::ZERO)
    }
}

/// What is odd about the lists; of many things the first.
fn tell(notes: &[String]) {
    const MOST: usize = 10;
    for note in notes.iter().take(MOST) {
        ui::warning(note);
    }
    if notes.len() > MOST {
        ui::warning(&format!(
            "and {} more of that kind; `innkeeper serve` tells all of them",
            notes.len() - MOST
        ));
    }
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// It comes in.
    Allowed,
    /// It comes in with a password.
    AllowedAfterSignIn,
    /// It does not come in.
    Refused,
}

impl Verdict {
    /// In one word what `policy` decides about a request without credentials.
    fn of(decision: &Decision<'_>) -> Self {
        match decision {
            Decision::Permit(_) => Self::Allowed,
            Decision::Prove(_) | Decision::Deny(Denial::SignIn { .. }) => Self::AllowedAfterSignIn,
            Decision::Deny(
                Denial::Malformed(_)
                | Denial::Garbled(_)
                | Denial::Address { .. }
                | Denial::Host(_)
                | Denial::Insecure(_)
                | Denial::CrossSite(_)
                | Denial::Throttled { .. },
            ) => Self::Refused,
        }
    }

    /// What `policy` decides about a client that connects itself.
    fn of_address(policy: &Policy, address: IpAddr, secure: bool) -> Self {
        Self::of(&policy.decide(&plain_visit(address, secure), None, Duration::ZERO))
    }
}
