//! New rules while the server runs: settings, lists and accounts that changed on disk, names that moved, guests whose
//! time is over.
//!
//! A change is noticed within a second, read as a whole, and sent to the gates in one piece. What cannot be read
//! changes nothing: the last good rules stay, and the owner is told why.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::certificates::Following;
use super::journal::Journal;
use super::names;
use super::rules::{Making, REFRESH, Resolved, Rules};
use super::turnover;
use crate::config::{self, Settings};
use crate::error::Error;
use crate::policy::account::Accounts;
use crate::record::event::Kind;
use crate::store;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Reads settings and accounts again, under the flags and variables of the start.
pub type ReadAgain = Box<dyn Fn() -> Result<(Settings, Accounts), Vec<Error>> + Send>;

/// What the rules in force were made from, and how to make them again.
pub struct Reload {
    /// What they were made from.
    pub making: Making,
    /// What names stood for.
    pub resolved: Resolved,
    /// Reads everything anew.
    pub read_again: ReadAgain,
    /// How the files looked when they were read.
    pub seen: Fingerprint,
    /// Follows the certificates, if this is a TLS server.
    pub certificates: Option<Following>,
    /// Where the rules go.
    pub rules: watch::Sender<Arc<Rules>>,
    /// Where the owner is told.
    pub journal: Journal,
}

impl Reload {
    /// Follows the files and names for as long as the server runs.
    pub async fn follow(mut self) {
        let mut looked_up = tokio::time::Instant::now();
        let mut every = tokio::time::interval(LOOK);
        // Two looks at once, after a delay, would show nothing at rest.
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = None;
        loop {
            every.tick().await;
            // Before the files are looked at: guests go on time, also when those cannot be read.
            self.see_guests_off();
            self.look_at_certificates();
            let now = Fingerprint::of(self.making.settings());
            // Read once it has come to rest: half a file may well be readable, and say less than it will.
            let rests = before.replace(now.clone()).is_some_and(|before| before == now);
            if now != self.seen {
                if rests {
                    self.seen = now;
                    self.renew();
                }
            } else if looked_up.elapsed() >= REFRESH {
                looked_up = tokio::time::Instant::now();
                self.look_up().await;
            }
        }
    }

    /// Makes the rules anew from what is on disk.
    fn renew(&mut self) {
        let made = (self.read_again)().and_then(|(settings, accounts)| {
            let fixed = fixed_at_start(self.making.settings(), &settings);
            let mut changed = config::changed(self.making.settings(), &settings);
            if accounts != *self.making.accounts() {
                changed.push("accounts".to_owned());
            }
            let mut making = self.making.renewed(settings, accounts).map_err(|error| vec![error])?;
            let resolved = names::resolve(&making.lookups(), &self.resolved);
            let (mut rules, mut notes) =
                making.rules(&resolved, SystemTime::now()).map_err(|error| vec![error])?;
            // A file that is only half written may well be readable, and say less than it will.
            making.start_gate(&rules).map_err(|error| vec![error])?;
            notes.extend(making.keep_sessions(&mut rules));
            Ok((making, resolved, rules, notes, fixed, changed))
        });
        match made {
            Ok((making, resolved, rules, notes, fixed, changed)) => {
                for note in notes {
                    self.journal.warn(note);
                }
                for key in fixed {
                    self.journal.warn(format!("`{key}` was changed, which counts from the next start on"));
                }
                let told = format!("the settings were read again: {}", rules.list_name);
                (self.making, self.resolved) = (making, resolved);
                if let Some(audit) = self.journal.audit() {
                    audit.tell(Kind::Reload { changed });
                }
                self.put(rules);
                // Whoever reads it may count on it.
                self.journal.note(told);
            }
            Err(errors) => {
                for error in errors {
                    self.journal.error(error);
                }
                self.journal.warn("the settings cannot be read; the last good ones stay in force");
            }
        }
    }

    /// Takes certificates that have changed, and goes by their names from then on.
    fn look_at_certificates(&mut self) {
        let Some(following) = &mut self.certificates else { return };
        let Some(renewal) = following.look(self.making.settings(), &self.journal) else { return };
        let names = names::of_server(Some(&following.sender.borrow().pairs));
        self.making.go_by(names);
        match self.making.rules(&self.resolved, SystemTime::now()) {
            Ok((rules, _)) => self.put(rules),
            Err(error) => self.journal.error(error),
        }
        // Whoever reads it may count on it.
        renewal.tell(&self.journal);
    }

    /// Looks names in the lists up again; changes the rules when one has moved.
    async fn look_up(&mut self) {
        let (entries, before) = (self.making.lookups(), self.resolved.clone());
        if entries.is_empty() {
            return;
        }
        let Ok(now) = tokio::task::spawn_blocking(move || names::resolve(&entries, &before)).await else {
            return;
        };
        if now == self.resolved {
            return;
        }
        match self.making.rules(&now, SystemTime::now()) {
            Ok((rules, _)) => {
                self.journal.note("a name in the lists has a new address; the rules were renewed");
                self.resolved = now;
                self.put(rules);
            }
            Err(error) => self.journal.error(error),
        }
    }

    /// Makes new rules when other guests are in than the rules in force know. The wall clock is asked each time, rather
    /// than for how long to wait: it can be set, and a machine can sleep.
    fn see_guests_off(&self) {
        let now = SystemTime::now();
        if self.making.departed(now).eq(&self.rules.borrow().departed) {
            return;
        }
        match self.making.rules(&self.resolved, now) {
            Ok((rules, _)) => self.put(rules),
            Err(error) => self.journal.error(error),
        }
    }

    /// Sends the rules to the gates, and says which guests have gone, once.
    fn put(&self, rules: Rules) {
        let rules = Arc::new(rules);
        let before = self.rules.send_replace(Arc::clone(&rules));
        if let Some(audit) = self.journal.audit() {
            turnover::tell(audit, &before.policy.addresses, &rules.policy.addresses);
        }
        // Whoever reads it may count on it.
        for guest in rules.departed.iter().filter(|guest| !before.departed.contains(guest)) {
            self.journal.note(self.making.farewell(guest));
        }
    }
}

/// A setting or section that counts from the next start on, and whether two settings differ in it.
type Fixed = (&'static str, fn(&Settings, &Settings) -> bool);

/// Settings that sockets and threads are made from.
const FIXED: &[Fixed] = &[
    ("listen", |before, now| before.listen != now.listen),
    ("listenAddress", |before, now| before.listen_address != now.listen_address),
    ("protocol", |before, now| before.protocol != now.protocol),
    ("port", |before, now| before.port != now.port),
    // The rest of it is followed.
    ("ssl.enabled", |before, now| before.ssl.enabled != now.ssl.enabled),
    ("heartbeatInterval", |before, now| before.heartbeat_interval.total_cmp(&now.heartbeat_interval).is_ne()),
    ("innkeeper.limits", |before, now| before.limits != now.limits),
    ("innkeeper.audit", |before, now| before.audit != now.audit),
    ("innkeeper.accessLog", |before, now| before.access_log != now.access_log),
    ("logging", |before, now| before.logging != now.logging),
    ("rateLimiting", |before, now| before.rate_limiting != now.rate_limiting),
];

/// Those of them that differ.
fn fixed_at_start(before: &Settings, now: &Settings) -> Vec<&'static str> {
    FIXED.iter().filter(|(_, differs)| differs(before, now)).map(|(key, _)| *key).collect()
}

/// Whether a running server goes on with the value of the setting `full_path` (`port`, `innkeeper.limits.headSize`)
/// that it was started with.
#[must_use]
pub fn counts_from_next_start(full_path: &str) -> bool {
    let holds =
        |key: &str| full_path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    FIXED.iter().any(|(key, _)| holds(key))
}

/// What tells that a file was changed or replaced, without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(Vec<(PathBuf, Option<Look>)>);

/// How a file looks from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    /// A folder that is there: what comes and goes in it is looked at by itself.
    Folder,
    /// A file: when it was written, its length, and which one it is.
    File { modified: SystemTime, length: u64, identity: Identity },
}

/// What tells a file from the one before that was replaced by renaming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64);

impl Fingerprint {
    /// How the files that `settings` were read from look now.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let mut paths = vec![settings.file.clone(), settings.folder.join("whitelist.txt")];
        if settings.enable_user_accounts {
            paths.extend(accounts(&settings.data_root));
        }
        Self::at(paths)
    }

    /// How these files look now, behind all links.
    pub(super) fn at(paths: Vec<PathBuf>) -> Self {
        let look = |path: PathBuf| {
            let seen = look(&path);
            (path, seen)
        };
        Self(paths.into_iter().map(look).collect())
    }
}

/// What the accounts in `data_root` are read from: each record by itself, and not when their folder was changed. A copy
/// that is being written beside them is no change yet, and whoever waits for a change must not be told of two.
fn accounts(data_root: &Path) -> Vec<PathBuf> {
    let mut paths = vec![data_root.join(store::FOLDER)];
    paths.extend(store::records(data_root));
    paths
}

fn look(path: &Path) -> Option<Look> {
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.is_dir() {
        return Some(Look::Folder);
    }
    let identity = Identity::of(&metadata);
    Some(Look::File { modified: metadata.modified().ok()?, length: metadata.len(), identity })
}

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self(std::os::unix::fs::MetadataExt::ino(metadata))
    }

    #[cfg(not(unix))]
    const fn of(_: &std::fs::Metadata) -> Self {
        // There is no such number.
        Self(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::KEYS;
    use std::fs;

    #[test]
    fn what_is_fixed_is_a_setting() {
        for (fixed, _) in FIXED {
            let below = format!("{fixed}.");
            let names = |full: &String| full == fixed || full.starts_with(&below);
            assert!(
                KEYS.iter().map(crate::config::schema::Key::full_path).any(|full| names(&full)),
                "{fixed}"
            );
        }
        let counts = ["port", "listenAddress.ipv4", "innkeeper.limits.headSize", "ssl.enabled"];
        assert!(counts.iter().all(|path| counts_from_next_start(path)));
        let at_once = [
            "ssl.certPath",
            "innkeeper.ssl.certificates",
            "whitelist",
            "innkeeper.upstream",
            "listenAddresses",
            "basicAuthMode",
        ];
        assert!(!at_once.iter().any(|path| counts_from_next_start(path)));
    }

    #[test]
    fn a_copy_beside_the_records_is_no_change_and_one_in_place_of_a_record_is() {
        let data = tempfile::tempdir().expect("a folder");
        let now = || Fingerprint::at(accounts(data.path()));
        let folder = data.path().join(store::FOLDER);
        let none = now();
        fs::create_dir(&folder).expect("a folder");
        let empty = now();
        assert_ne!(none, empty);
        let (record, copy) = (folder.join("record"), folder.join(".record.tmp"));
        fs::write(&record, "before").expect("a record");
        let before = now();
        assert_ne!(empty, before);
        fs::write(&copy, "behind").expect("a copy");
        // As old and as long as the record.
        let modified = fs::metadata(&record).and_then(|metadata| metadata.modified()).expect("its time");
        let file = fs::File::options().write(true).open(&copy).expect("the copy");
        file.set_modified(modified).expect("its time");
        assert_eq!(now(), before);
        fs::rename(&copy, &record).expect("a replacement");
        #[cfg(unix)]
        assert_ne!(now(), before);
        fs::remove_file(&record).expect("a record");
        assert_eq!(now(), empty);
    }
}
