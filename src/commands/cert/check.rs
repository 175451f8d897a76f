//! `innkeeper cert check`: what clients will say to a certificate.

mod json;
mod pair;

use std::net::IpAddr;
use std::time::SystemTime;

pub use self::pair::of_settings;

use self::pair::Files;
use super::super::sources::{Sources, Speech, config_flag};
use crate::cert::authority;
use crate::cert::inspection::name::Name;
use crate::cert::inspection::{Inspection, Material, Roots, Terms};
use crate::cli::{Check, Passphrase, Subject};
use crate::config::Flags;
use crate::error::{Error, Exit};
use crate::gateway::{names, probe};
use crate::ui::{self, Progress, prompt};

/// Checks what `check` names; `flags` say where the settings are.
pub fn run(check: &Check, flags: &Flags, speech: Speech) -> Result<Exit, Vec<Error>> {
    let asked = asked(&check.hosts)?;
    let typed = match check.passphrase {
        Passphrase::Stdin => Some(prompt::first_line().map_err(|error| vec![error])?),
        Passphrase::Settings => None,
    };
    let look = Look { asked, warn_days: check.warn_days, passphrase: typed.as_deref() };
    let inspections = match &check.subject {
        Subject::Settings => {
            let sources = Sources::find(flags)?;
            pair::of_settings(&sources.read()?, &config_flag(flags), &look)?
        }
        Subject::Files { cert, key } => {
            vec![Files::read(cert, key.as_deref(), None)?.inspect(&Wanted::of(&look.asked), "", &look)]
        }
        Subject::Port { host, port } => {
            vec![of_port(host, *port, &look, speech).map_err(|error| vec![error])?]
        }
    };
    if check.json {
        json::print(&inspections)?;
    } else {
        let texts: Vec<String> = inspections.iter().map(ToString::to_string).collect();
        ui::text(&texts.join("\n"));
    }
    Ok(if inspections.iter().all(Inspection::is_good) { Exit::Yes } else { Exit::No })
}

/// By what a certificate is looked at.
pub struct Look<'a> {
    /// Names that it has to be good for.
    pub asked: Vec<Name>,
    /// An end that is nearer than so many days is told.
    pub warn_days: u16,
    /// In place of the one in the settings.
    pub passphrase: Option<&'a str>,
}

impl Look<'_> {
    /// As it is looked at where nothing else is said.
    pub fn usual() -> Self {
        Self { asked: Vec::new(), warn_days: 21, passphrase: None }
    }

    /// Inspects `material`, which has to be good for the names that are `wanted`.
    fn inspect(&self, material: Material<'_>, wanted: &Wanted) -> Inspection {
        let (public, system) = (Roots::of_browsers(), probe::system_roots());
        let terms = Terms {
            now: SystemTime::now(),
            warn_days: self.warn_days,
            asked: &wanted.asked,
            own: &wanted.own,
            public: &public,
            system: &system,
        };
        Inspection::of(material, &terms)
    }
}

/// The names of `--host`.
fn asked(hosts: &[String]) -> Result<Vec<Name>, Vec<Error>> {
    let mut names = Vec::new();
    let mut errors = Vec::new();
    for host in hosts {
        match host.parse() {
            Ok(name) => names.push(name),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(names) } else { Err(errors) }
}

/// The names that a certificate has to be good for.
#[derive(Default)]
struct Wanted {
    /// Those that were asked for.
    asked: Vec<Name>,
    /// What people on this computer and around it would type.
    own: Vec<Name>,
}

impl Wanted {
    /// `asked`, and what this computer is called.
    fn of(asked: &[Name]) -> Self {
        // What a certificate of ours could name: `dev` alone would be all of that part of the internet.
        let names = names::own_names().into_iter().filter_map(|name| name.parse::<authority::Name>().ok());
        let names = names.map(Name::from);
        let addresses = names::own_addresses().into_iter().filter(is_at_home).map(Name::Address);
        let mut own = vec![Name::Dns("localhost".to_owned())];
        for name in names.chain(addresses) {
            if !own.contains(&name) {
                own.push(name);
            }
        }
        Self { asked: asked.to_vec(), own }
    }

    /// Keeps those for which `is_open`.
    fn retain(&mut self, is_open: impl Fn(&Name) -> bool) {
        self.asked.retain(&is_open);
        self.own.retain(&is_open);
    }
}

/// Whether people would type it at home: a public one changes, and has a name where it is used.
fn is_at_home(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // The second is Tailscale's, RFC 6598.
            address.is_private() || first == 100 && second & 0xc0 == 64
        }
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

/// What the server at `host` and `port` shows.
fn of_port(host: &str, port: u16, look: &Look<'_>, speech: Speech) -> Result<Inspection, Error> {
    let mut wanted = Wanted { asked: vec![host.parse()?], own: Vec::new() };
    wanted.asked.extend(look.asked.iter().cloned());
    let answer = {
        let _spinner = match speech {
            Speech::Full => Progress::waiting(&format!("asking {host}, port {port}")),
            Speech::Quiet => Progress::hidden(),
        };
        probe::probe(host, port)?
    };
    Ok(look.inspect(Material::Shown { host, port, answer: &answer }, &wanted))
}
