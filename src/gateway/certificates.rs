//! The certificates in force: read from their files, and again when those change.
//!
//! A renewal replaces two files one after the other, and a link may be turned to others (certbot's `live/`). What
//! does not fit together is tried again until it does; until then the old certificates are shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::time::Instant;

use super::journal::Journal;
use super::keyring::{self, Keyring};
use super::reload::Fingerprint;
use super::renewal;
use super::rules::config_flag;
use super::trust::TrustPages;
use crate::cert::{Pair, Pairs, Source};
use crate::config::{Secret, Settings, Ssl};
use crate::error::Error;

/// A certificate that ends sooner than this is told of.
const SOON: Duration = Duration::from_hours(21 * 24);

/// How often that is looked at.
const DAY: Duration = Duration::from_hours(24);

/// After so long what could not be read is tried again, although no file looks another: a permission that was given
/// does not show in when a file was written.
const AGAIN: Duration = Duration::from_secs(1);

/// The certificates of a server, and TLS with them.
#[derive(Debug)]
pub struct Certificates {
    /// The certificates.
    pub pairs: Pairs,
    /// TLS with them.
    pub config: Arc<ServerConfig>,
    /// The pages about our own authority, if the first certificate is from it.
    pub trust: Option<TrustPages>,
    /// What renews the first, if it is from our own authority.
    pub renewal: renewal::Renewal,
}

impl Certificates {
    /// Reads them from the files that `settings` name. `before`: those they take the place of, whose sessions go on.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no certificate or not its key.
    pub fn read(settings: &Settings, before: Option<&Self>) -> Result<Self, Error> {
        let pairs = pairs(settings)?;
        let config = pairs.server_config(before.map(|before| &*before.config))?;
        let files = Keyring::of(&settings.ssl.cert_path, &settings.ssl.key_path);
        // An authority that cannot be read is nobody's to trust.
        let authority = keyring::bytes(&files.authority).ok().flatten();
        let trust = authority.and_then(|authority| TrustPages::of(pairs.first(), &authority));
        Ok(Self { pairs, config, trust, renewal: renewal::Renewal::of_files(settings) })
    }

    /// Whether only devices that were told to trust the first certificate do.
    #[must_use]
    pub fn are_private(&self) -> bool {
        self.trust.is_some() || self.pairs.first().is_self_signed()
    }
}

/// The certificates that the settings name, with their keys.
///
/// # Errors
/// A file that cannot be read, or that is no certificate or not its key.
pub fn pairs(settings: &Settings) -> Result<Pairs, Error> {
    read_all(&settings.ssl).map_err(|error| found_by(error, &config_flag(&settings.file)))
}

fn read_all(ssl: &Ssl) -> Result<Pairs, Error> {
    let certificate =
        read(&ssl.cert_path, "certificate", "ssl.certPath", |error| without_https(error, "--certPath"))?;
    let key = read(&ssl.key_path, "key", "ssl.keyPath", |error| without_https(error, "--keyPath"))?;
    let first = pair((&ssl.cert_path, &certificate), (&ssl.key_path, &key), ssl.key_passphrase.as_ref())?;
    let others = ssl.certificates.iter().enumerate().map(|(number, other)| {
        let entry = format!("entry {} of `innkeeper.ssl.certificates`", number + 1);
        let of = |field: &str| format!("{field} of {entry}");
        let certificate = read_of(&other.cert_path, "certificate", &of("certPath"))?;
        let key = read_of(&other.key_path, "key", &of("keyPath"))?;
        pair((&other.cert_path, &certificate), (&other.key_path, &key), other.key_passphrase.as_ref())
            .map_err(|error| of_entry(&error, &entry))
    });
    Ok(Pairs::new(first, others.collect::<Result<_, _>>()?))
}

/// The error with hints that are about the settings which are found by `flag`: `cert` knows none.
fn found_by(error: Error, flag: &str) -> Error {
    const MAKE: &str = "`innkeeper cert create --apply";
    error.map_hints(|hint| hint.replace(&format!("{MAKE}`"), &format!("{MAKE}{flag}`")))
}

fn pair(
    (cert_path, certificate): (&Path, &[u8]),
    (key_path, key): (&Path, &[u8]),
    passphrase: Option<&Secret>,
) -> Result<Pair, Error> {
    Pair::read(
        Source { name: &cert_path.display().to_string(), bytes: certificate },
        Source { name: &key_path.display().to_string(), bytes: key },
        passphrase.map(Secret::reveal),
    )
}

/// Reads a file that a setting of SillyTavern's names.
fn read(path: &Path, what: &str, setting: &str, hints: impl Fn(Error) -> Error) -> Result<Vec<u8>, Error> {
    read_of(path, what, &format!("`{setting}`")).map_err(hints)
}

fn read_of(path: &Path, what: &str, place: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        Error::new(format!("cannot read the {what} `{}` of {place}", path.display())).caused_by(error)
    })
}

fn without_https(error: Error, flag: &str) -> Error {
    error
        .hint(format!("name the file: `innkeeper serve --ssl {flag} FILE`"))
        .hint("without https: `innkeeper serve --no-ssl`")
}

/// What is wrong with an entry of the list. Hints that speak of `ssl.certPath` are about the first pair.
fn of_entry(error: &Error, entry: &str) -> Error {
    let hints = error.hints().iter().filter(|hint| !hint.contains("`ssl.")).cloned();
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    hints.fold(Error::new(format!("{entry}: {error}{cause}")), Error::hint)
}

/// What the files looked like, under which settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    ssl: Ssl,
    files: Fingerprint,
}

impl Look {
    /// How the files that `settings` name look now, behind all links.
    #[must_use]
    pub fn at(settings: &Settings) -> Self {
        let ssl = settings.ssl.clone();
        let others = ssl.certificates.iter().flat_map(|other| [&other.cert_path, &other.key_path]);
        let mut paths: Vec<PathBuf> =
            [&ssl.cert_path, &ssl.key_path].into_iter().chain(others).cloned().collect();
        paths.push(Keyring::of(&ssl.cert_path, &ssl.key_path).authority);
        Self { files: Fingerprint::at(paths), ssl }
    }
}

/// Certificates that have taken the place of others.
#[must_use]
pub struct Renewal {
    /// What is said of each that was not there before, and until when it is valid.
    new: Vec<(String, Option<SystemTime>)>,
}

impl Renewal {
    /// Says so.
    pub fn tell(self, journal: &Journal) {
        for (text, expires) in self.new {
            journal.certificate_renewed(text, expires);
        }
    }
}

/// Follows the files for as long as the server runs.
pub struct Following {
    /// Where the certificates go.
    pub sender: watch::Sender<Arc<Certificates>>,
    /// How the files looked when they were read.
    pub seen: Look,
    state: State,
    /// How they looked the last time.
    before: Option<Look>,
    /// When their end was looked at.
    warned: Option<SystemTime>,
}

enum State {
    /// What is there is in force.
    Good,
    /// What is there cannot be read, for a reason that was told; it is tried again then.
    Bad { told: String, again: Instant },
}

impl Following {
    /// Follows the files from which the certificates of `sender` were read, when they looked like `seen`.
    #[must_use]
    pub const fn new(sender: watch::Sender<Arc<Certificates>>, seen: Look) -> Self {
        Self { sender, seen, state: State::Good, before: None, warned: None }
    }

    /// Looks at the files that `settings` name. What comes back: other certificates are in force now.
    pub fn look(&mut self, settings: &Settings, journal: &Journal) -> Option<Renewal> {
        let now = Look::at(settings);
        // Read once they have come to rest.
        let rests = self.before.replace(now.clone()).is_some_and(|before| before == now);
        let is_due = match &self.state {
            State::Good => now != self.seen,
            State::Bad { again, .. } => now != self.seen || *again <= Instant::now(),
        };
        let renewal = if rests && is_due { self.renew(settings, now, journal) } else { None };
        if renewal.is_some() || self.is_day_over() {
            self.warned = Some(SystemTime::now());
            self.warn(settings, journal);
        }
        renewal
    }

    fn renew(&mut self, settings: &Settings, now: Look, journal: &Journal) -> Option<Renewal> {
        self.seen = now;
        let before = Arc::clone(&self.sender.borrow());
        match Certificates::read(settings, Some(&before)) {
            Ok(certificates) => {
                self.state = State::Good;
                let is_old = |pair: &Pair| before.pairs.iter().any(|old| old.chain() == pair.chain());
                let new = named(&certificates.pairs, settings).filter(|(_, pair)| !is_old(pair));
                let new = new.map(|(path, pair)| (loaded(path, pair), pair.expires())).collect();
                self.sender.send_replace(Arc::new(certificates));
                Some(Renewal { new })
            }
            Err(error) => {
                let text = error.to_string();
                if !matches!(&self.state, State::Bad { told, .. } if *told == text) {
                    journal.certificate_refused(error);
                }
                self.state = State::Bad { told: text, again: Instant::now() + AGAIN };
                None
            }
        }
    }

    /// The wall clock is asked, rather than for how long to wait: a machine can sleep, and its clock be set.
    fn is_day_over(&self) -> bool {
        self.warned.is_none_or(|last| !matches!(last.elapsed(), Ok(passed) if passed < DAY))
    }

    /// Tells of those that end soon.
    fn warn(&self, settings: &Settings, journal: &Journal) {
        let certificates = Arc::clone(&self.sender.borrow());
        for (path, pair) in named(&certificates.pairs, settings) {
            if let Some(expires) = pair.expires()
                && let Some(end) = ending(expires, SystemTime::now())
            {
                let text = format!(
                    "the certificate {} {end}; look at it with `innkeeper cert check{}`",
                    subject(path, pair),
                    config_flag(&settings.file)
                );
                journal.certificate_expires(text, expires);
            }
        }
    }
}

/// The pairs with the paths they were read from. Where the settings have changed meanwhile, only those they name.
fn named<'a>(pairs: &'a Pairs, settings: &'a Settings) -> impl Iterator<Item = (&'a Path, &'a Pair)> {
    let others = settings.ssl.certificates.iter().map(|other| &*other.cert_path);
    std::iter::once(&*settings.ssl.cert_path).chain(others).zip(pairs.iter())
}

fn loaded(path: &Path, pair: &Pair) -> String {
    let end = pair.expires().map(|end| format!(" is valid until {}", date(end))).unwrap_or_default();
    format!("the certificate was read again: {}{end}", subject(path, pair))
}

/// `certs/cert.pem (desk.local, desk)`.
fn subject(path: &Path, pair: &Pair) -> String {
    const MOST: usize = 4;
    let names = pair.names();
    let shown = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => format!("`{}`", path.display()),
        1..=MOST => format!("`{}` ({shown})", path.display()),
        more => format!("`{}` ({shown} and {} more)", path.display(), more - MOST),
    }
}

/// What is said of a certificate that `expires` soon or has done so `now`; `None` while there is time.
fn ending(expires: SystemTime, now: SystemTime) -> Option<String> {
    let day = date(expires);
    Some(match expires.duration_since(now) {
        Ok(left) if left >= SOON => return None,
        Ok(left) => match left.as_secs() / DAY.as_secs() {
            0 => format!("expires within a day ({day})"),
            1 => format!("expires in 1 day ({day})"),
            days => format!("expires in {days} days ({day})"),
        },
        Err(_) => format!("has expired ({day}), and browsers refuse it"),
    })
}

/// The day in UTC, as certificates count.
fn date(moment: SystemTime) -> String {
    Timestamp::try_from(moment)
        .map_or_else(|_| "?".to_owned(), |moment| moment.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_in_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365);
        let hours = |hours| now + Duration::from_hours(hours);
        for (expires, told) in [
            (hours(21 * 24), None),
            (hours(21 * 24 - 1), Some("expires in 20 days (1971-01-21)")),
            (hours(47), Some("expires in 1 day (1971-01-02)")),
            (hours(23), Some("expires within a day (1971-01-01)")),
            (now, Some("expires within a day (1971-01-01)")),
            (now - Duration::from_secs(1), Some("has expired (1970-12-31), and browsers refuse it")),
        ] {
            assert_eq!(ending(expires, now).as_deref(), told);
        }
    }
}
