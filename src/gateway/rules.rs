//! From settings to rules: the list compiled, names resolved, accounts read, the app or folder found.

mod behind;
mod lists;
mod logins;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

pub use behind::Behind;
pub use lists::{REFRESH, Resolved};

use super::names;
use super::session_key;
use super::shortcut;
use super::signin::unix_time;
use crate::config::{self, Guest, Settings};
use crate::error::{Error, quoted_file};
use crate::policy::account::{Account, Accounts};
use crate::policy::host::{HostPattern, Hosts};
use crate::policy::session::{Ended, Keepsakes};
use crate::policy::throttle::Throttle;
use crate::policy::{Addresses, HostCheck, Policy, Satisfy};
use behind::private;
use logins::SessionKey;

/// Everything a change of settings replaces, in one piece.
#[derive(Debug)]
pub struct Rules {
    /// No two have the same: what was known of an entry by its number holds as long as the rules do.
    pub edition: Edition,
    /// Who may come in.
    pub policy: Policy,
    /// What is behind the gate.
    pub behind: Behind,
    /// The upstream learns the client's address.
    pub forward_client_ip: bool,
    /// The header in which the upstream learns the user's name.
    pub identity_header: Option<String>,
    /// The `Strict-Transport-Security` of answers over TLS.
    pub hsts: Option<Arc<str>>,
    /// The upstream gets the client's `Authorization`.
    pub pass_authorization: bool,
    /// Whether new visitors are told about: `listen` is on, as in SillyTavern.
    pub tell_arrivals: bool,
    /// `hostWhitelist.hosts`, for the command that adds one.
    pub hosts: Vec<String>,
    /// What a command needs to find the settings, ` --config 'x'`, or nothing.
    pub config_flag: String,
    /// Where the list in force stands, for people.
    pub list_name: String,
    /// How many guests are among those who may come in.
    pub guests: usize,
    /// The guests whose time is over.
    pub departed: Vec<Guest>,
}

/// Which of all the rules that were ever made in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition(u64);

impl Edition {
    /// Another than all before.
    #[must_use]
    pub fn next() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        Self(MADE.fetch_add(1, Ordering::Relaxed))
    }
}

impl Rules {
    /// What lets `address` in, to be typed by the owner.
    #[must_use]
    pub fn command_to_list(&self, address: impl fmt::Display) -> String {
        command_to_list(address, &self.config_flag)
    }

    /// What makes `host`, which may have a port, a name of this server's. The command replaces the list, so it names
    /// what is listed already.
    #[must_use]
    pub fn command_to_know(&self, host: &str) -> String {
        command_to_know(host, &self.hosts, &self.config_flag)
    }
}

/// As [`Rules::command_to_list`], of settings that are found by `config_flag`.
#[must_use]
pub fn command_to_list(address: impl fmt::Display, config_flag: &str) -> String {
    format!("innkeeper whitelist add {address}{config_flag}")
}

/// As [`Rules::command_to_know`], with `listed` hosts in the settings that are found by `config_flag`.
#[must_use]
pub fn command_to_know(host: &str, listed: &[String], config_flag: &str) -> String {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let listed = listed.iter().map(String::as_str);
    let hosts = listed.chain([name]).collect::<Vec<_>>().join("\",\"");
    format!("innkeeper config set hostWhitelist.hosts '[\"{hosts}\"]'{config_flag}")
}

/// What the rules are made from. Kept, so that they can be made again when a name has moved.
#[derive(Debug)]
pub struct Making {
    settings: Settings,
    accounts: Accounts,
    own_names: Vec<String>,
    throttle: Arc<Mutex<Throttle>>,
    behind: Behind,
    proof_key: [u8; 32],
    session_key: SessionKey,
    ended: Arc<Ended>,
    keepsakes: Arc<Keepsakes>,
}

impl Making {
    /// Takes everything from `settings` that does not change by itself.
    ///
    /// # Errors
    /// An app or folder that cannot be, no randomness.
    pub fn new(settings: Settings, accounts: Accounts, own_names: Vec<String>) -> Result<Self, Error> {
        let behind = Behind::of(&settings)?;
        let throttle = Throttle::new(settings.rate_limiting.basic_auth_max_attempts);
        let (proof_key, passing) = (session_key::random()?, session_key::random()?);
        Ok(Self {
            settings,
            accounts,
            own_names,
            throttle: Arc::new(Mutex::new(throttle)),
            behind,
            proof_key,
            session_key: SessionKey::Passing(passing),
            ended: Arc::default(),
            keepsakes: Arc::default(),
        })
    }

    /// Who may sign in.
    #[must_use]
    pub const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The same anew, from other settings and accounts. Failed sign-ins are not forgiven, and connections to an app
    /// that stays where it is are kept. What the sockets were bound with stays as it was at the start: whether a
    /// password is needed hangs on who can connect, and that no change of the file takes back.
    ///
    /// # Errors
    /// An app or folder that cannot be.
    pub fn renewed(&self, mut settings: Settings, accounts: Accounts) -> Result<Self, Error> {
        settings.listen = self.settings.listen;
        settings.listen_address = self.settings.listen_address;
        settings.protocol = self.settings.protocol;
        if settings.ssl.enabled != self.settings.ssl.enabled {
            settings.ssl = self.settings.ssl.clone();
        }
        let stays = settings.upstream == self.settings.upstream
            && settings.root == self.settings.root
            && private(&settings) == private(&self.settings)
            && settings.limits.connect_timeout == self.settings.limits.connect_timeout;
        let may_stay: BTreeSet<&str> =
            accounts.iter().filter(|account| account.can_sign_in()).map(|account| &*account.handle).collect();
        for Account { handle, .. } in self.accounts.iter().filter(|account| account.can_sign_in()) {
            if !may_stay.contains(&**handle) {
                self.ended.sign_out(handle, unix_time());
            }
        }
        Ok(Self {
            behind: if stays { self.behind.clone() } else { Behind::of(&settings)? },
            settings,
            accounts,
            own_names: self.own_names.clone(),
            throttle: Arc::clone(&self.throttle),
            proof_key: self.proof_key,
            session_key: self.session_key,
            ended: Arc::clone(&self.ended),
            keepsakes: Arc::clone(&self.keepsakes),
        })
    }

    /// Takes note that the server goes by other names now: it has other certificates.
    pub fn go_by(&mut self, own_names: Vec<String>) {
        self.own_names = own_names;
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The rules, with the names standing for `resolved` and the guests of the moment `now`; and what the owner should
    /// know about the lists.
    ///
    /// # Errors
    /// A login or host name that cannot be.
    pub fn rules(&self, resolved: &Resolved, now: SystemTime) -> Result<(Rules, Vec<String>), Error> {
        let settings = &self.settings;
        let mut notes = Vec::new();
        let departed: Vec<Guest> = self.departed(now).cloned().collect();
        let policy = Policy {
            addresses: self.addresses(resolved, now, &mut notes),
            trust: self.trust(resolved, &mut notes),
            hosts: hosts(settings, &self.own_names)?,
            host_check: match &settings.host_whitelist {
                check if check.enabled => HostCheck::Enforce,
                check if check.scan => HostCheck::Warn,
                _ => HostCheck::Off,
            },
            sign_in: self.sign_in()?,
            satisfy: match settings.satisfy {
                config::Satisfy::All => Satisfy::All,
                config::Satisfy::Any => Satisfy::Any,
            },
            require_https: settings.require_https,
            public_paths: settings.public_paths.clone(),
        };
        let rules = Rules {
            edition: Edition::next(),
            policy,
            behind: self.behind.clone(),
            forward_client_ip: settings.forward_client_ip,
            identity_header: settings.identity_header.clone(),
            hsts: settings.hsts.map(|length| format!("max-age={}", length.as_secs()).into()),
            pass_authorization: settings.pass_authorization,
            tell_arrivals: settings.listen,
            hosts: settings.host_whitelist.hosts.clone(),
            config_flag: config_flag(&settings.file),
            list_name: settings.whitelist.origin.to_string(),
            guests: self.guests().len() - departed.len(),
            departed,
        };
        notes.extend(rules.policy.cautions());
        Ok((rules, notes))
    }

    /// Whether these settings and accounts protect the app, with `rules` made from them; and what is worth knowing.
    ///
    /// # Errors
    /// [`config::Refusal`], at the start and at every change.
    pub fn start_gate(&self, rules: &Rules) -> Result<Vec<config::Warning>, Error> {
        let accounts: Vec<config::Account> = self
            .accounts
            .iter()
            .map(|account| config::Account {
                handle: account.handle.to_string(),
                enabled: account.enabled,
                admin: account.admin,
                has_password: account.hash.is_some(),
            })
            .collect();
        let everybody = match &rules.policy.addresses {
            Addresses::Any => None,
            Addresses::Listed(list) => list.covers_everyone(),
        };
        let explained =
            |refusal: config::Refusal| refusal.error(&self.settings, &config_flag(&self.settings.file));
        let mut warnings = config::start_gate(&self.settings, &accounts, everybody).map_err(explained)?;
        match shortcut::refusal(&self.settings, &rules.policy, names::container_gateway()) {
            Some(refusal) if self.settings.security_override => {
                warnings.push(config::Warning::Overridden(refusal));
            }
            Some(refusal) => return Err(explained(refusal)),
            None => {}
        }
        Ok(warnings)
    }
}

fn hosts(settings: &Settings, own_names: &[String]) -> Result<Hosts, Error> {
    let listed: Result<Vec<HostPattern>, Error> =
        settings.host_whitelist.hosts.iter().map(|host| host.parse()).collect();
    Ok(Hosts::new(&listed?, own_names))
}

/// What a command has to be told to find these settings.
pub(super) fn config_flag(file: &Path) -> String {
    if file == Path::new("config.yaml") || file == Path::new("./config.yaml") {
        return String::new();
    }
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    format!(" --config {}", quoted_file(&file))
}
