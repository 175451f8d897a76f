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
use super::rules::REFRESH;
use crate::cert::authority::{Due, Leaf, Name};
use crate::config::Settings;
use crate::error::Error;

/// Renews the certificate in the settings.
#[derive(Clone, Debug)]
pub struct Renewal {
    keyring: Keyring,
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
        let ssl = &settings.ssl;
        ssl.enabled.then(|| Self { keyring: Keyring::of(&ssl.cert_path, &ssl.key_path) })
    }

    /// Looks whether the certificate is from our own authority and due, for a machine that goes by `own`, and renews it.
    /// The key stays, so that one file changes and not two.
    ///
    /// # Errors
    /// It is due, and the authority cannot be read or the certificate not written.
    pub fn look(&self, own: &[Name], now: SystemTime) -> Result<Outcome, Error> {
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

    /// What is served, if it is ours and due, and why it is.
    fn due(&self, own: &[Name], now: SystemTime) -> Option<(Leaf, Due)> {
        let (leaf, root) = self.held()?;
        let due = leaf.due(own, &root, now);
        (due != Due::NotYet).then_some((leaf, due))
    }

    /// What is served, if it is ours. Whatever is wrong with the files is not for us to tell: it may be somebody else's.
    fn held(&self) -> Option<(Leaf, crate::cert::authority::Root)> {
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
            let renewal = Self { keyring: certificates.borrow().files.clone() };
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

/// An error with its cause, in a line.
fn whole(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
