//! `innkeeper serve`: settings read and checked, the start gate, sockets, and then the gateway.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::opening;
use crate::cli::Serve;
use crate::config::schema::Key;
use crate::config::{self, Found, Settings, Variables};
use crate::error::{Error, Exit};
use crate::gateway::certificates::{Certificates, Look};
use crate::gateway::journal::audit::AuditOptions;
use crate::gateway::journal::{Journal, JournalOptions};
use crate::gateway::listener::Listener;
use crate::gateway::reload::{Fingerprint, ReadAgain};
use crate::gateway::renewal::{self, Renewal};
use crate::gateway::rules::{Behind, Making, Rules};
use crate::gateway::signals::Signals;
use crate::gateway::{Server, names, rules};
use crate::policy::account::Accounts;
use crate::policy::{Addresses, Satisfy};
use crate::record::event::Kind;
use crate::ui;

/// Serves until it is asked to stop.
///
/// # Errors
/// Everything that is wrong with the settings, in one go; or the one thing that kept the server from starting.
pub fn run(serve: &Serve) -> Result<Exit, Vec<Error>> {
    for flag in &serve.ignored {
        ui::warning(&format!("{flag} means nothing to Innkeeper and is ignored"));
    }
    let variables = Variables::of_process();
    let file = file(serve, &variables).map_err(|error| vec![error])?;
    let flags = serve.flags.clone();
    let read = move || {
        let settings = Settings::read(&file, &flags, &variables).map_err(config::Problems::errors)?;
        let accounts = opening::accounts(&settings).map_err(|error| vec![error])?;
        Ok((settings, accounts))
    };
    let (settings, accounts) = read()?;
    start(settings, accounts, Box::new(read)).map_err(|error| vec![error])
}

/// The settings file; the default one is written where there is none.
fn file(serve: &Serve, variables: &Variables) -> Result<PathBuf, Error> {
    Ok(match config::find(&serve.flags, variables)? {
        Found::File(file) => file,
        Found::Missing(file) => {
            config::write_default(&file)?;
            ui::line(&format!("There were no settings yet; wrote the default ones to {}", file.display()));
            file
        }
    })
}

fn start(settings: Settings, accounts: Accounts, read_again: ReadAgain) -> Result<Exit, Error> {
    renew(&settings);
    // Now, so that no change is missed between here and the first look at the files.
    let seen = Fingerprint::of(&settings);
    let tls = if settings.ssl.enabled {
        let seen = Look::at(&settings);
        Some((Certificates::read(&settings, None)?, seen))
    } else {
        None
    };
    let own_names = names::of_server(tls.as_ref().map(|(certificates, _)| &certificates.pairs));
    let mut making = Making::new(settings, accounts, own_names)?;
    let resolved = names::resolve(&making.lookups(), &rules::Resolved::new());
    let (mut rules, mut notes) = making.rules(&resolved, SystemTime::now())?;
    let mut warnings = making.start_gate(&rules)?;
    warnings
        .extend(opening::private_hsts(making.settings(), tls.as_ref().map(|(certificates, _)| certificates)));
    notes.extend(making.keep_sessions(&mut rules));
    let settings = making.settings();
    let listeners = Listener::bind_all(settings)?;
    let journal = Journal::open(JournalOptions {
        access_log: (settings.listen && settings.logging.enable_access_log)
            .then(|| settings.access_log_path()),
        audit: audit(settings),
        min_level: settings.logging.min_log_level,
    })?;
    if settings.rate_limiting.prefer_real_ip_header
        && let Some(told) = Key::find("rateLimiting.preferRealIpHeader").and_then(opening::without_effect)
    {
        ui::warning(&told);
    }
    let signals = Signals::catch()?;
    for note in &notes {
        ui::warning(note);
    }
    for guest in &rules.departed {
        ui::warning(&making.farewell(guest));
    }
    for warning in &warnings {
        ui::warning(&warning.to_string());
    }
    for listener in &listeners {
        let family = if listener.address.is_ipv4() { "IPv4" } else { "IPv6" };
        ui::line(&format!("Innkeeper is listening on {family}: {}", listener.address));
    }
    if let Some(audit) = journal.audit() {
        let listen = listeners.iter().map(|listener| listener.address.to_string()).collect();
        audit.tell(Kind::Start { version: env!("CARGO_PKG_VERSION").to_owned(), listen });
    }
    introduce(settings, &rules, &listeners);
    Server { listeners, making, rules, resolved, read_again, seen, tls, journal, signals }.run()?;
    Ok(Exit::Yes)
}

/// A certificate from our own authority that is due is renewed before anybody sees it.
fn renew(settings: &Settings) {
    let Some(renewal) = Renewal::of(settings) else { return };
    match renewal.look(&renewal::own(), SystemTime::now()) {
        Ok(outcome) => {
            if let Some(told) = outcome.told() {
                ui::line(&told);
            }
        }
        Err(error) => ui::advice(&error),
    }
}

/// What is written down of who comes, if anything.
fn audit(settings: &Settings) -> Option<AuditOptions> {
    let audit = &settings.audit;
    audit.enabled.then(|| AuditOptions {
        path: settings.audit_path(),
        visits: audit.visits,
        max_size: audit.max_size,
        max_age: audit.max_age,
        keep: audit.keep,
        combined: audit.combined.clone(),
    })
}

/// Says where it can be reached, by whom, and what is behind it.
fn introduce(settings: &Settings, rules: &Rules, listeners: &[Listener]) {
    let scheme = if settings.ssl.enabled { "https" } else { "http" };
    if let Some(first) = listeners.first() {
        let port = first.address.port();
        ui::line(&format!("Open on this machine: {scheme}://{}:{port}/", here(first.address)));
        for address in elsewhere(listeners) {
            ui::line(&format!("Open on another device: {scheme}://{}/", SocketAddr::new(address, port)));
        }
    }
    let behind = match &rules.behind {
        Behind::Upstream(upstream) => format!("In front of {}", upstream.name()),
        Behind::Folder(_) => {
            format!("Serving the folder {}", settings.root.as_deref().unwrap_or(Path::new(".")).display())
        }
        Behind::Nothing => {
            "Nothing is behind the door yet: `innkeeper serve --upstream http://127.0.0.1:8001`".to_owned()
        }
    };
    ui::line(&behind);
    ui::line(&format!("Who may come in: {}", who(settings, rules)));
}

/// The one sentence about the policy.
fn who(settings: &Settings, rules: &Rules) -> String {
    let listed = match &rules.policy.addresses {
        Addresses::Any => None,
        Addresses::Listed(list) => {
            let count = list.len() - rules.guests;
            let noun = if count == 1 { "entry" } else { "entries" };
            let guests = match rules.guests {
                0 => String::new(),
                1 => " and 1 guest".to_owned(),
                guests => format!(" and {guests} guests"),
            };
            Some(format!("addresses in the whitelist ({count} {noun}, {}){guests}", rules.list_name))
        }
    };
    let reach = if settings.listen { "" } else { ", and only from this computer (`listen` is off)" };
    let people = match (listed, &rules.policy.sign_in, rules.policy.satisfy) {
        (None, None, _) => "everybody".to_owned(),
        (None, Some(_), _) => "everybody with a password".to_owned(),
        (Some(listed), None, _) => listed,
        (Some(listed), Some(_), Satisfy::All) => format!("{listed}, with a password"),
        (Some(listed), Some(_), Satisfy::Any) => {
            format!("{listed} without a password, everybody else with one")
        }
    };
    format!("{people}{reach}")
}

fn here(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// The addresses by which other devices reach sockets that are bound to all.
fn elsewhere(listeners: &[Listener]) -> Vec<IpAddr> {
    let bound = |ipv4: bool| {
        listeners
            .iter()
            .any(|listener| listener.address.ip().is_unspecified() && listener.address.is_ipv4() == ipv4)
    };
    let (ipv4, ipv6) = (bound(true), bound(false));
    names::own_addresses().into_iter().filter(|address| if address.is_ipv4() { ipv4 } else { ipv6 }).collect()
}
