//! What is read besides the settings before the door opens: accounts, certificate, key. The same for `serve` and for
//! the commands that tell what `serve` would say.

use std::time::SystemTime;

use crate::config::schema::Key;
use crate::config::{self, Origin, Settings};
use crate::error::Error;
use crate::gateway;
use crate::gateway::certificates::Certificates;
use crate::gateway::rules::{Making, Resolved, Rules};
use crate::policy::account::Accounts;
use crate::policy::host::HostPattern;
use crate::store;

/// The accounts that may sign in; none where they are not in use.
///
/// # Errors
/// An account folder that cannot be read.
pub fn accounts(settings: &Settings) -> Result<Accounts, Error> {
    if !settings.enable_user_accounts {
        return Ok(Accounts::new([]));
    }
    if !settings.per_user_basic_auth && !store::exists(&settings.data_root) {
        // SillyTavern has not run yet. When it does, it begins with this account, which needs no password.
        return Ok(Accounts::new([store::first_account()]));
    }
    store::read(&settings.data_root)
}

/// What `serve` makes of settings before it opens a socket: everything it would refuse, in one go.
pub struct Trial {
    /// Why it would not start.
    pub refused: Vec<Finding>,
    /// What it would go by; `None` when that could not be made.
    pub rules: Option<Rules>,
    /// What names in the lists stand for.
    pub resolved: Resolved,
    /// What it would tell about the lists.
    pub notes: Vec<String>,
    /// What the start gate would warn of.
    pub warnings: Vec<config::Warning>,
}

/// Something about the settings that their owner should know.
pub struct Finding {
    /// What it is about, in a word for programs.
    pub kind: &'static str,
    /// What is wrong.
    pub error: Error,
}

/// Whether names in the lists are looked up, which takes its time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// As `serve` does.
    LookUp,
    /// They stand for nothing.
    Leave,
}

/// Tries `settings`. What is wrong is left out, so that the rest is tried too.
pub fn trial(settings: &Settings, names: Names) -> Trial {
    let mut refused = Vec::new();
    let mut refuse = |kind, error| refused.push(Finding { kind, error });
    let mut settings = settings.clone();
    let own_accounts = accounts(&settings).map_err(|error| refuse("accounts", error)).ok();
    let certificates = settings.ssl.enabled.then(|| Certificates::read(&settings, None));
    let certificates = certificates.and_then(|read| read.map_err(|error| refuse("certificate", error)).ok());
    let private_hsts = private_hsts(&settings, certificates.as_ref());
    let place = settings.origin("hostWhitelist.hosts").clone();
    settings.host_whitelist.hosts.retain(|host| {
        let read = host.parse::<HostPattern>();
        read.map_err(|error| refuse("host", placed(&place, &error))).is_ok()
    });
    let known = own_accounts.clone().unwrap_or_else(|| Accounts::new([]));
    let mut making = Making::new(settings.clone(), known.clone(), Vec::new());
    if let Err(error) = making {
        refuse("app", error);
        (settings.upstream, settings.root) = (None, None);
        making = Making::new(settings, known, Vec::new());
    }
    let mut trial = Trial {
        refused: Vec::new(),
        rules: None,
        resolved: Resolved::new(),
        notes: Vec::new(),
        warnings: private_hsts.into_iter().collect(),
    };
    match making {
        Ok(making) => {
            if names == Names::LookUp {
                trial.resolved = gateway::names::resolve(&making.lookups(), &Resolved::new());
            }
            match making.rules(&trial.resolved, SystemTime::now()) {
                Ok((rules, notes)) => {
                    // Without the accounts nothing can be said about them.
                    match making.start_gate(&rules) {
                        Ok(warnings) => trial.warnings.extend(warnings),
                        Err(error) if own_accounts.is_some() => refuse("open", error),
                        Err(_) => {}
                    }
                    (trial.rules, trial.notes) = (Some(rules), notes);
                }
                Err(error) => refuse("login", error),
            }
        }
        Err(error) => refuse("app", error),
    }
    trial.refused = refused;
    trial
}

/// What is to be said of HSTS with these certificates. That of a public authority is trusted by every device there will
/// be; that of a private one by some, until somebody cleans up.
pub fn private_hsts(settings: &Settings, certificates: Option<&Certificates>) -> Option<config::Warning> {
    let is_private = settings.hsts.is_some() && certificates.is_some_and(Certificates::are_private);
    is_private.then_some(config::Warning::PrivateHsts)
}

/// The same error with where its cause stands.
fn placed(origin: &Origin, error: &Error) -> Error {
    let hints = error.hints().iter().cloned();
    hints.fold(Error::new(format!("{origin}: {error}")), Error::hint)
}

/// Settings that are read, and that nothing comes of.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("browserLaunch.hostname", "Innkeeper opens no browser"),
    ("browserLaunch.port", "Innkeeper opens no browser"),
    ("browserLaunch.avoidLocalhost", "Innkeeper opens no browser"),
    (
        "rateLimiting.preferRealIpHeader",
        "whoever sends a header could choose what is counted; name your proxy in `innkeeper.trustedProxies`, and its \
         clients are counted one by one",
    ),
    ("language", "the pages are in English only"),
];

/// That nothing comes of a setting, and why, if that is so.
pub fn without_effect(key: &Key) -> Option<String> {
    let (_, why) = WITHOUT_EFFECT.iter().find(|(path, _)| *path == key.path)?;
    Some(format!("`{}` changes nothing here: {why}", key.full_path()))
}
