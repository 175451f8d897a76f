//! From settings to rules: the list compiled, names resolved, accounts read, the app or folder found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use super::files::Folder;
use super::keyring::Keyring;
use super::names;
use super::session_key;
use super::shortcut;
use super::signin::unix_time;
use super::upstream::Upstream;
use crate::config::{self, Guest, ListOrigin, ListSource, Origin, Settings};
use crate::error::{Error, quoted_file};
use crate::policy::account::{Account, Accounts, Login, PasswordHash, Proofs, Shared};
use crate::policy::address::{Entry, IpPattern};
use crate::policy::client::{Read, Trust};
use crate::policy::host::{HostPattern, Hosts};
use crate::policy::session::{Ended, Keepsakes, Key, Sessions};
use crate::policy::throttle::Throttle;
use crate::policy::whitelist::{EntryId, Place, WhitelistBuilder};
use crate::policy::{Addresses, HostCheck, Policy, Satisfy, SignIn};
use crate::store;

/// Everything a change of settings replaces, in one piece.
#[derive(Debug)]
pub struct Rules {
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

/// What is behind the gate.
#[derive(Clone, Debug)]
pub enum Behind {
    /// An application.
    Upstream(Arc<Upstream>),
    /// A folder.
    Folder(Arc<Folder>),
    /// Nothing yet: a page says who you are to Innkeeper.
    Nothing,
}

/// What names in the lists stand for at the moment.
pub type Resolved = BTreeMap<String, Vec<IpPattern>>;

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

/// What sessions are signed with.
#[derive(Clone, Copy)]
enum SessionKey {
    /// One that nobody keeps: the file was not looked for.
    Passing(Key),
    /// That of the file, or of this run where there can be none.
    Settled(Key),
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

impl Making {
    /// Takes everything from `settings` that does not change by itself.
    ///
    /// # Errors
    /// An app or folder that cannot be, no randomness.
    pub fn new(settings: Settings, accounts: Accounts, own_names: Vec<String>) -> Result<Self, Error> {
        let behind = behind(&settings)?;
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

    /// Reads the key of the sessions from its file beside the settings, or makes it, once `rules` have sessions for it
    /// to sign: they then survive a restart. What comes back is what the owner should know. Not before the start gate:
    /// a server that does not start leaves nothing behind.
    pub fn keep_sessions(&mut self, rules: &mut Rules) -> Option<String> {
        let settings = &self.settings;
        let SessionKey::Passing(passing) = self.session_key else { return None };
        let sign_in = rules.policy.sign_in.as_mut().filter(|sign_in| sign_in.sessions.is_some())?;
        let (key, note) = match session_key::read_or_make(&settings.folder) {
            Ok(key) => (key, None),
            Err(error) => (passing, Some(session_key::note(&error))),
        };
        self.session_key = SessionKey::Settled(key);
        sign_in.sessions = self.sessions();
        note
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
            behind: if stays { self.behind.clone() } else { behind(&settings)? },
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

    /// Every name and preset in the lists that has to be looked up.
    #[must_use]
    pub fn lookups(&self) -> Vec<Entry> {
        let mut lookups = self.written_lookups();
        lookups.extend(self.container_hosts());
        lookups
    }

    /// Those of [`Making::lookups`] that somebody wrote.
    #[must_use]
    pub fn written_lookups(&self) -> Vec<Entry> {
        let lists = [&self.settings.whitelist, &self.settings.trusted_proxies];
        lists
            .into_iter()
            .flat_map(|list| &list.entries)
            // Of 100,000 addresses none is read a second time here.
            .filter(|entry| Entry::may_be_word(&entry.text))
            .filter_map(|entry| entry.text.parse().ok())
            .chain(self.guests().iter().map(|guest| guest.entry.clone()))
            .filter(|entry| !matches!(entry, Entry::Pattern(_)))
            .collect()
    }

    /// Those of [`Making::lookups`] that `whitelistDockerHosts` adds. They come behind all others in the list, so that
    /// they say nothing about an address that one of the others covers.
    #[must_use]
    pub fn container_hosts(&self) -> Vec<Entry> {
        let settings = &self.settings;
        if !(settings.whitelist_mode && settings.whitelist_docker_hosts && names::in_container()) {
            return Vec::new();
        }
        names::CONTAINER_HOSTS.iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// The guests, where a list is in use at all.
    fn guests(&self) -> &[Guest] {
        if self.settings.whitelist_mode { &self.settings.guests } else { &[] }
    }

    /// The guests whose time is over at the moment `now`.
    pub fn departed(&self, now: SystemTime) -> impl Iterator<Item = &Guest> {
        self.guests().iter().filter(move |guest| !guest.is_in(now))
    }

    /// What is said of a guest whose time is over.
    #[must_use]
    pub fn farewell(&self, guest: &Guest) -> String {
        let place = Place { file: file_of(self.settings.origin("guests")), line: guest.line };
        let who = if guest.note.is_empty() { String::new() } else { format!(" ({})", guest.note) };
        format!("{place}: the time of the guest `{}`{who} was over at {}", guest.address, guest.until)
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
        let addresses = if settings.whitelist_mode {
            let mut builder = WhitelistBuilder::new();
            compile(&settings.whitelist, resolved, &mut builder, &mut notes);
            self.let_in_guests(now, resolved, &mut builder, &mut notes);
            if settings.whitelist_docker_hosts && names::in_container() {
                let file: Arc<str> = "whitelistDockerHosts".into();
                for name in names::CONTAINER_HOSTS {
                    let Some(patterns) = resolved.get(name).filter(|patterns| !patterns.is_empty()) else {
                        continue;
                    };
                    let id = builder.entry(name, Place { file: Arc::clone(&file), line: 0 });
                    for pattern in patterns {
                        builder.cover(id, pattern);
                    }
                }
            }
            Addresses::Listed(builder.build())
        } else {
            Addresses::Any
        };
        let policy = Policy {
            addresses,
            trust: trust(settings, resolved, &mut notes),
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

    /// Adds the guests of the moment `now`, behind the list: whoever stands there too comes in for good.
    fn let_in_guests(
        &self,
        now: SystemTime,
        resolved: &Resolved,
        builder: &mut WhitelistBuilder,
        notes: &mut Vec<String>,
    ) {
        let file = file_of(self.settings.origin("guests"));
        for guest in self.guests().iter().filter(|guest| guest.is_in(now)) {
            let place = Place { file: Arc::clone(&file), line: guest.line };
            let id = entry(&guest.entry, &guest.address, place, resolved, builder, notes);
            builder.guest(id, &guest.until.to_string());
        }
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

    /// As in SillyTavern, a password is asked for only when other devices can connect.
    fn sign_in(&self) -> Result<Option<SignIn>, Error> {
        let settings = &self.settings;
        if !(settings.basic_auth_mode && settings.listen) {
            return Ok(None);
        }
        let login = if settings.per_user_basic_auth {
            Login::Accounts(self.accounts.clone())
        } else {
            let user = &settings.basic_auth_user;
            let hash: PasswordHash = user.password.reveal().parse()?;
            Login::Shared(Shared::new(&user.username, hash)?)
        };
        Ok(Some(SignIn {
            sessions: self.sessions(),
            keepsakes: settings.pass_authorization.then(|| Arc::clone(&self.keepsakes)),
            login,
            proofs: RwLock::new(Proofs::new(&self.proof_key, Proofs::LIFETIME)),
            throttle: Arc::clone(&self.throttle),
        }))
    }

    fn sessions(&self) -> Option<Sessions> {
        let (SessionKey::Passing(key) | SessionKey::Settled(key)) = &self.session_key;
        let session = self.settings.session;
        session.enabled.then(|| Sessions::new(key, session.lifetime, Arc::clone(&self.ended)))
    }
}

fn behind(settings: &Settings) -> Result<Behind, Error> {
    match (&settings.upstream, &settings.root) {
        (Some(place), _) => {
            let upstream = Upstream::new(place.clone(), settings.limits.connect_timeout)?;
            Ok(Behind::Upstream(Arc::new(upstream)))
        }
        (None, Some(root)) => Ok(Behind::Folder(Arc::new(Folder::open(root)?.without(private(settings))))),
        (None, None) => Ok(Behind::Nothing),
    }
}

/// The files with which anybody could come in, or learn who does: `root: .` is the folder of the settings.
fn private(settings: &Settings) -> Vec<PathBuf> {
    let mut paths = vec![
        settings.file.clone(),
        settings.folder.join("whitelist.txt"),
        settings.folder.join(session_key::NAME),
        settings.access_log_path(),
        settings.audit_path(),
        settings.data_root.join(store::FOLDER),
        // Where `cert create` puts the keys, perhaps while this server runs.
        settings.beside("certs"),
    ];
    if settings.ssl.enabled {
        let served = Keyring::of(&settings.ssl.cert_path, &settings.ssl.key_path);
        paths.extend([served.key, served.authority_key]);
        paths.extend(settings.ssl.certificates.iter().map(|other| other.key_path.clone()));
    }
    paths.extend(settings.audit.combined.clone());
    paths
}

fn trust(settings: &Settings, resolved: &Resolved, notes: &mut Vec<String>) -> Trust {
    let read = settings.forwarded_headers;
    let mut proxies = WhitelistBuilder::new();
    compile(&settings.trusted_proxies, resolved, &mut proxies, notes);
    Trust {
        read: Read {
            x_real_ip: read.x_real_ip,
            cf_connecting_ip: read.cf_connecting_ip,
            x_forwarded_for: read.x_forwarded_for,
        },
        judged: settings.enable_forwarded_whitelist,
        proxies: proxies.build(),
    }
}

fn hosts(settings: &Settings, own_names: &[String]) -> Result<Hosts, Error> {
    let listed: Result<Vec<HostPattern>, Error> =
        settings.host_whitelist.hosts.iter().map(|host| host.parse()).collect();
    Ok(Hosts::new(&listed?, own_names))
}

/// Adds a list's entries. One that cannot be read is left out and told about: it never lets in more than was meant.
fn compile(list: &ListSource, resolved: &Resolved, builder: &mut WhitelistBuilder, notes: &mut Vec<String>) {
    let file: Arc<str> = match &list.origin {
        ListOrigin::Text { path, .. } => path.display().to_string().into(),
        ListOrigin::Setting(origin) => file_of(origin),
    };
    for listed in &list.entries {
        let place = Place { file: Arc::clone(&file), line: listed.line };
        match listed.text.parse() {
            Ok(meant) => {
                entry(&meant, &listed.text, place, resolved, builder, notes);
            }
            Err(error) => notes.push(left_out(&place, &error)),
        }
    }
}

/// The file of a place, or the name of whatever else it is.
fn file_of(origin: &Origin) -> Arc<str> {
    match origin {
        Origin::File { path, .. } => path.display().to_string().into(),
        origin => origin.to_string().into(),
    }
}

/// Adds an entry with whatever it stands for.
fn entry(
    entry: &Entry,
    text: &str,
    place: Place,
    resolved: &Resolved,
    builder: &mut WhitelistBuilder,
    notes: &mut Vec<String>,
) -> EntryId {
    if let Entry::Pattern(pattern) = entry {
        notes.extend(pattern.cautions().iter().map(|caution| format!("{place}: {caution}")));
        return builder.pattern(pattern, text, place);
    }
    let patterns = resolved.get(&entry.to_string()).map_or(&[][..], Vec::as_slice);
    if patterns.is_empty() {
        notes.push(format!("{place}: `{entry}` stands for no address now; it is looked up again"));
    }
    let id = builder.entry(text, place);
    for pattern in patterns {
        builder.cover(id, pattern);
    }
    id
}

fn left_out(place: &Place, error: &Error) -> String {
    let hint = error.hints().first().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{place}: entry ignored: {error}{hint}")
}

/// What a command has to be told to find these settings.
pub(super) fn config_flag(file: &Path) -> String {
    if file == Path::new("config.yaml") || file == Path::new("./config.yaml") {
        return String::new();
    }
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    format!(" --config {}", quoted_file(&file))
}

/// How often names are looked up again.
pub const REFRESH: Duration = Duration::from_mins(1);
