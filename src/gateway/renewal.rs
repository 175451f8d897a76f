//! A certificate from our own authority is renewed while the server runs: before it ends, and when this machine goes by
//! an address or a name that it does not hold. Nobody else's certificate is ever touched.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::certificates::Certificates;
use super::journal::Journal;
use super::keyring::Keyring;
use super::names;
use super::rules::{REFRESH, config_flag};
use crate::cert::authority::{Age, Due, Leaf, Name, Root};
use crate::config::Settings;
use crate::error::Error;

/// Renews the certificate in the settings.
#[derive(Clone, Debug)]
pub struct Renewal {
    keyring: Keyring,
    /// What a command has to be told to find the settings.
    config_flag: String,
}

/// What came of a look at the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not ours, or not due.
    Kept,
    /// There is a new one.
    Renewed {
        /// Why.
        why: Due,
        /// When it ends.
        until: SystemTime,
    },
}

impl Renewal {
    /// For the certificate of `settings`; nothing where there is none.
    #[must_use]
    pub fn of(settings: &Settings) -> Option<Self> {
        settings.ssl.enabled.then(|| Self::of_files(settings))
    }

    /// For the files that `settings` name.
    pub(super) fn of_files(settings: &Settings) -> Self {
        let ssl = &settings.ssl;
        Self { keyring: Keyring::of(&ssl.cert_path, &ssl.key_path), config_flag: config_flag(&settings.file) }
    }

    /// Looks whether the certificate is from our own authority and due, for a machine that goes by `own`, and renews it.
    /// The key stays, so that one file changes and not two.
    ///
    /// # Errors
    /// It is due, and the authority cannot be read or the certificate not written; or the authority counts not yet or
    /// no more, so that nobody accepts what it has issued.
    pub fn look(&self, own: &[Name], now: SystemTime) -> Result<Outcome, Error> {
        self.counts(now)?;
        if self.due(own, now).is_none() {
            return Ok(Outcome::Kept);
        }
        let renew = || {
            let _locked = self.keyring.lock()?;
            // A command may have renewed it meanwhile.
            let Some((leaf, why)) = self.due(own, now) else { return Ok(Outcome::Kept) };
            let authority = self.keyring.authority()?.ok_or_else(|| Error::new("its authority is gone"))?;
            let names = leaf.next_names(own);
            self.keyring.replace_certificate(|key| authority.reissue(&names, key, now))?;
            let until = self.held().map_or(now, |(leaf, _)| leaf.until);
            Ok(Outcome::Renewed { why, until })
        };
        renew().map_err(|error: Error| {
            let place = self.keyring.certificate.display();
            Error::new(format!("cannot renew the certificate `{place}`; it is tried again")).caused_by(error)
        })
    }

    /// Whether the authority counts `now`, if it is ours that is served.
    fn counts(&self, now: SystemTime) -> Result<(), Error> {
        let Some((_, root)) = self.held() else { return Ok(()) };
        let (name, flag) = (root.name(), &self.config_flag);
        let new = format!("innkeeper cert create --force{flag}");
        match root.age(now) {
            Age::Alive => Ok(()),
            Age::Unborn => Err(Error::new(format!(
                "nobody accepts the certificate: its authority `{name}` begins on {}, and today is {}",
                day(root.begins()),
                day(now)
            ))
            .hint("see whether the clock of this computer is right: `date`")
            .hint(format!("if it was fast when the authority was made, make another: `{new}`"))),
            Age::Over => Err(Error::new(format!(
                "nobody accepts the certificate: its authority `{name}` was good until {}",
                day(root.until())
            ))
            .hint(format!("make another, which every device has to be told to trust: `{new}`"))),
        }
    }

    /// What is served, if it is ours and due, and why it is.
    fn due(&self, own: &[Name], now: SystemTime) -> Option<(Leaf, Due)> {
        let (leaf, root) = self.held()?;
        let due = leaf.due(own, &root, now);
        (due != Due::NotYet).then_some((leaf, due))
    }

    /// What is served, if it is ours. Whatever is wrong with the files is not for us to tell: it may be somebody else's.
    fn held(&self) -> Option<(Leaf, Root)> {
        let root = self.keyring.root().ok()??;
        let leaf = Leaf::issued_by(&root, &self.keyring.pair().ok()??)?;
        Some((leaf, root))
    }

    /// Looks every minute for as long as the server runs, at the files that are in force then. Whoever follows them
    /// sees the new one.
    pub async fn follow(certificates: watch::Receiver<Arc<Certificates>>, journal: Journal) {
        let mut every = tokio::time::interval(REFRESH);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // At once, which was done before the server began.
        every.tick().await;
        let mut told = None;
        loop {
            every.tick().await;
            let renewal = certificates.borrow().renewal.clone();
            let look = move || renewal.look(&own(), SystemTime::now());
            let Ok(outcome) = tokio::task::spawn_blocking(look).await else { return };
            match outcome {
                Ok(outcome) => {
                    told = None;
                    if let Some(text) = outcome.told() {
                        journal.note(text);
                    }
                }
                // Once, and not every minute.
                Err(error) => {
                    let text = whole(&error);
                    if told.replace(text.clone()).as_ref() != Some(&text) {
                        journal.warn(text);
                    }
                }
            }
        }
    }
}

impl Outcome {
    /// What the owner is told, if anything.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let Self::Renewed { why, until } = self else { return None };
        let why = match why {
            Due::Missing(names) => {
                let names: Vec<String> = names.iter().map(Name::to_string).collect();
                format!(", now also for {}", names.join(", "))
            }
            Due::Early => ", as the old one had not begun".to_owned(),
            Due::Aging | Due::NotYet => String::new(),
        };
        Some(format!("the certificate was renewed{why}: it is good until {}", day(*until)))
    }
}

/// What this machine goes by now: its names, then its addresses.
#[must_use]
pub fn own() -> Vec<Name> {
    let names = names::own_names().into_iter().filter_map(|name| name.parse().ok());
    let mut own: Vec<Name> = Vec::new();
    for name in names.chain(names::own_addresses().into_iter().map(Name::from)) {
        if !own.contains(&name) {
            own.push(name);
        }
    }
    own
}

/// The day of a moment in UTC, `2027-12-25`.
#[must_use]
pub fn day(moment: SystemTime) -> String {
    Timestamp::try_from(moment)
        .map(|moment| moment.to_zoned(TimeZone::UTC).date().to_string())
        .unwrap_or_default()
}

/// An error with its cause in a line, and each hint in another.
fn whole(error: &Error) -> String {
    let line = match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    error.hints().iter().fold(line, |text, hint| format!("{text}\n  {hint}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::cert::authority::{Authority, Names};
    use crate::gateway::keyring;

    const DAY: Duration = Duration::from_hours(24);

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_hours(498_731)
    }

    fn names(list: &[&str]) -> Vec<Name> {
        list.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// A folder with the four files, for a machine called `desk`, and one name that was given.
    fn renewal(folder: &Path) -> Renewal {
        let keyring = Keyring::of(&folder.join("cert.pem"), &folder.join("privkey.pem"));
        let authority = Authority::create(&names(&["desk"]), &names(&["tavern.example"]), now()).unwrap();
        let held = Names { given: names(&["tavern.example"]), own: names(&["desk", "192.168.0.2"]) };
        let issued = authority.issue(&held, now()).unwrap();
        let files = authority.files();
        for (path, text) in [
            (&keyring.certificate, &issued.certificate),
            (&keyring.key, &issued.key),
            (&keyring.authority, &files.certificate),
            (&keyring.authority_key, &files.key),
        ] {
            keyring::create(path, text).unwrap();
        }
        Renewal { keyring, config_flag: " --config x.yaml".to_owned() }
    }

    fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_new_address_and_old_age_make_a_new_certificate_for_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let renewal = renewal(folder.path());
        let before = contents(folder.path());
        let same = names(&["desk", "192.168.0.2"]);
        assert_eq!(renewal.look(&same, now() + DAY).unwrap(), Outcome::Kept);
        assert_eq!(contents(folder.path()), before);

        let moved = names(&["desk", "192.168.0.3"]);
        let outcome = renewal.look(&moved, now() + DAY).unwrap();
        assert_eq!(
            outcome.told().unwrap(),
            "the certificate was renewed, now also for 192.168.0.3: it is good until 2027-12-26"
        );
        let (leaf, _) = renewal.held().unwrap();
        // What is gone is gone, and what was given stays.
        assert_eq!(leaf.names, Names { given: names(&["tavern.example"]), own: moved.clone() });
        let after = contents(folder.path());
        let changed: Vec<_> = before
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after)
            .map(|(file, _)| &file.0)
            .collect();
        assert_eq!((before.len(), changed), (after.len(), vec![&"cert.pem".to_owned()]));

        let old = leaf.until - 100 * DAY;
        let outcome = renewal.look(&moved, old).unwrap();
        assert_eq!(outcome.told().unwrap(), "the certificate was renewed: it is good until 2028-10-18");
        assert_eq!(renewal.look(&moved, old).unwrap(), Outcome::Kept);
        assert_eq!(Outcome::Kept.told(), None);
    }

    #[test]
    fn one_that_is_over_is_renewed_too() {
        let folder = tempfile::tempdir().unwrap();
        let renewal = renewal(folder.path());
        let outcome = renewal.look(&names(&["desk"]), now() + 500 * DAY).unwrap();
        assert!(matches!(outcome, Outcome::Renewed { why: Due::Aging, .. }), "{outcome:?}");
    }

    #[test]
    fn a_clock_that_was_fast_or_is_slow_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let renewal = renewal(folder.path());
        let before = contents(folder.path());
        let name = renewal.keyring.root().unwrap().unwrap().name().to_owned();
        let told = |at| whole(&renewal.look(&names(&["desk", "192.168.0.3"]), at).unwrap_err());
        assert_eq!(
            told(now() - 30 * DAY),
            format!(
                "nobody accepts the certificate: its authority `{name}` begins on 2026-11-23, and today is 2026-10-24\n  \
                 see whether the clock of this computer is right: `date`\n  \
                 if it was fast when the authority was made, make another: `innkeeper cert create --force --config x.yaml`"
            )
        );
        assert_eq!(
            told(now() + 3652 * DAY),
            format!(
                "nobody accepts the certificate: its authority `{name}` was good until 2036-11-22\n  \
                 make another, which every device has to be told to trust: `innkeeper cert create --force --config x.yaml`"
            )
        );
        assert_eq!(contents(folder.path()), before);
        // Once the clock is right, nothing is wrong.
        assert_eq!(renewal.look(&names(&["desk"]), now()).unwrap(), Outcome::Kept);
        // Nobody else's authority is looked at.
        fs::write(&renewal.keyring.key, "x").unwrap();
        assert_eq!(renewal.look(&names(&["desk"]), now() - 30 * DAY).unwrap(), Outcome::Kept);
    }

    #[test]
    fn what_is_not_ours_is_never_touched() {
        let moved = names(&["desk", "192.168.0.3"]);
        let later = now() + 500 * DAY;
        // Another authority's certificate, no authority, one that cannot be read, a key that is no key.
        let changes: [fn(&Keyring); 4] = [
            |keyring| {
                let other = Authority::create(&names(&["desk"]), &[], now()).unwrap();
                fs::write(&keyring.authority, other.files().certificate).unwrap();
            },
            |keyring| fs::remove_file(&keyring.authority).unwrap(),
            |keyring| fs::write(&keyring.authority, "x").unwrap(),
            |keyring| fs::write(&keyring.key, "x").unwrap(),
        ];
        for change in changes {
            let folder = tempfile::tempdir().unwrap();
            let renewal = renewal(folder.path());
            change(&renewal.keyring);
            let before = contents(folder.path());
            assert_eq!(renewal.look(&moved, later).unwrap(), Outcome::Kept);
            assert_eq!(contents(folder.path()), before);
        }
    }

    #[test]
    fn without_the_key_of_the_authority_it_says_so_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let renewal = renewal(folder.path());
        fs::remove_file(&renewal.keyring.authority_key).unwrap();
        let before = contents(folder.path());
        assert_eq!(renewal.look(&names(&["desk"]), now() + DAY).unwrap(), Outcome::Kept);
        let error = renewal.look(&names(&["desk"]), now() + 500 * DAY).unwrap_err();
        let path = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(
            whole(&error),
            format!(
                "cannot renew the certificate `{}`; it is tried again: `{}` is there, but `{}` is not",
                path("cert.pem"),
                path("authority.pem"),
                path("authority.key")
            )
        );
        assert_eq!(contents(folder.path()), before);
    }
}
