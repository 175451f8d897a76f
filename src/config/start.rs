//! Whether to start at all: an app that everyone on the network could use is not served by accident.

use std::fmt;
use std::net::IpAddr;

use super::problem::Origin;
use super::settings::Settings;
use super::value::Family;
use crate::error::Error;
use crate::policy::whitelist::Opening;

/// What the gate has to know of one of SillyTavern's accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its handle.
    pub handle: String,
    /// Whether it can be used.
    pub enabled: bool,
    /// Whether it may do everything.
    pub admin: bool,
    /// Whether it has a password.
    pub has_password: bool,
}

/// Why `serve` does not start. Its message is one line; three things to do about it follow as hints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Other devices can connect, and neither whitelist, login nor accounts protect the app.
    Open,
    /// Other devices can connect, accounts alone protect the app, and these admins have no password.
    OpenAdmins(Vec<String>),
    /// Other devices can connect and the password is the one of the default file.
    DefaultPassword(Origin),
    /// Other devices can connect and the user name or the password is empty.
    EmptyLogin(Origin),
    /// A listed address needs no password (`satisfy: any`), and this entry of the whitelist covers a trusted proxy,
    /// through which everybody comes.
    ListedProxy {
        /// The entry.
        entry: String,
        /// The proxy, as it stands in `trustedProxies`.
        proxy: String,
    },
    /// The same with the gateway of the container network.
    ListedGateway {
        /// The entry.
        entry: String,
        /// The gateway's address.
        gateway: IpAddr,
    },
}

/// What is worth knowing about a start that goes ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A refusal that `securityOverride` overrode.
    Overridden(Refusal),
    /// The whitelist lets everybody in and no password is asked for; with the entries that do it.
    EverybodyListed(Opening),
    /// Passwords cross the network in the clear.
    PlainHttp,
    /// Browsers are held to https with a certificate that only some devices trust.
    PrivateHsts,
    /// The user name or the password is empty; only this computer can use it.
    EmptyLogin,
    /// These accounts have no password.
    NoPassword(Vec<String>),
    /// Names and passwords of accounts are asked for, and no account that can be used has one. With the account that
    /// could be given one, if there is any. No refusal: taking the last password away has to count at once.
    NobodyCanSignIn(Option<String>),
}

/// Whether `serve` may start with `settings` and, where accounts are in use, `accounts`. `everybody` says
/// by what the whitelist in force covers every address, where it does.
///
/// # Errors
/// The first rule that is broken, unless `securityOverride` is on.
pub fn start_gate(
    settings: &Settings,
    accounts: &[Account],
    everybody: Option<Opening>,
) -> Result<Vec<Warning>, Refusal> {
    let mut warnings = Vec::new();
    for refusal in refusals(settings, accounts) {
        if !settings.security_override {
            return Err(refusal);
        }
        warnings.push(Warning::Overridden(refusal));
    }
    // As in SillyTavern, a login is asked for only when other devices can connect.
    let login = settings.basic_auth_mode && settings.listen;
    if let Some(opening) = everybody.filter(|_| settings.listen && settings.whitelist_mode && !login) {
        warnings.push(Warning::EverybodyListed(opening));
    }
    if login && beyond_loopback(settings) && !settings.ssl.enabled {
        warnings.push(Warning::PlainHttp);
    }
    if login && !beyond_loopback(settings) && empty_login(settings) {
        warnings.push(Warning::EmptyLogin);
    }
    let can_sign_in = |account: &Account| account.enabled && account.has_password;
    if login && settings.per_user_basic_auth && !accounts.iter().any(can_sign_in) {
        let open = accounts.iter().find(|account| account.enabled);
        warnings.push(Warning::NobodyCanSignIn(open.map(|account| account.handle.clone())));
    }
    if settings.listen && settings.enable_user_accounts {
        let open: Vec<_> =
            accounts.iter().filter(|account| account.enabled && !account.has_password).map(label).collect();
        if !open.is_empty() {
            warnings.push(Warning::NoPassword(open));
        }
    }
    Ok(warnings)
}

/// Every rule that is broken. An empty whitelist counts as protection, as in SillyTavern: nobody comes in.
fn refusals(settings: &Settings, accounts: &[Account]) -> Vec<Refusal> {
    if !settings.listen {
        return Vec::new();
    }
    let mut refusals = Vec::new();
    if !settings.whitelist_mode && !settings.basic_auth_mode {
        if settings.enable_user_accounts {
            let open = |account: &&Account| account.enabled && account.admin && !account.has_password;
            let admins: Vec<_> = accounts.iter().filter(open).map(|account| account.handle.clone()).collect();
            if !admins.is_empty() {
                refusals.push(Refusal::OpenAdmins(admins));
            }
        } else {
            refusals.push(Refusal::Open);
        }
    }
    if settings.basic_auth_mode && !settings.per_user_basic_auth && beyond_loopback(settings) {
        let origin = || settings.origin("basicAuthUser.password").clone();
        if empty_login(settings) {
            refusals.push(Refusal::EmptyLogin(origin()));
        } else if settings.basic_auth_user.password.reveal() == "password" {
            refusals.push(Refusal::DefaultPassword(origin()));
        }
    }
    refusals
}

/// Whether an address of another device's network is bound.
fn beyond_loopback(settings: &Settings) -> bool {
    let ipv4 = settings.protocol.ipv4 != Family::Off && !settings.listen_address.ipv4.is_loopback();
    let ipv6 = settings.protocol.ipv6 != Family::Off && !settings.listen_address.ipv6.is_loopback();
    settings.listen && (ipv4 || ipv6)
}

/// An empty name and password can be used to sign in to SillyTavern.
fn empty_login(settings: &Settings) -> bool {
    let user = &settings.basic_auth_user;
    !settings.per_user_basic_auth && (user.username.is_empty() || user.password.is_empty())
}

fn label(account: &Account) -> String {
    if account.admin { format!("{} (admin)", account.handle) } else { account.handle.clone() }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => {
                f.write_str("other devices can connect (`listen: true`) and nothing protects the app")
            }
            Self::OpenAdmins(handles) => {
                write!(
                    f,
                    "other devices can connect (`listen: true`) and anyone can sign in as {}, without a password",
                    handles.join(", ")
                )
            }
            Self::DefaultPassword(Origin::Default) => {
                f.write_str("other devices can connect (`listen: true`) and the password is the default one")
            }
            Self::DefaultPassword(origin) => {
                write!(
                    f,
                    "other devices can connect (`listen: true`) and the password is the default one ({origin})"
                )
            }
            Self::ListedProxy { entry, proxy } => write!(
                f,
                "`satisfy: any` asks a listed address for no password, and `{entry}` in the whitelist covers the \
                 trusted proxy `{proxy}`, through which everybody comes"
            ),
            Self::ListedGateway { entry, gateway } => write!(
                f,
                "`satisfy: any` asks a listed address for no password, and `{entry}` in the whitelist covers {gateway}, \
                 the gateway of this container, by whose address everybody may come"
            ),
            Self::EmptyLogin(origin) => {
                write!(
                    f,
                    "other devices can connect (`listen: true`) and the user name or the password is empty ({origin})"
                )
            }
        }
    }
}

impl Refusal {
    /// The refusal with what to do about it.
    #[must_use]
    pub fn error(&self, settings: &Settings, config_flag: &str) -> Error {
        self.fixes(settings, config_flag).into_iter().fold(Error::new(self.to_string()), Error::hint)
    }

    /// Ways out, each one line with a command. `config_flag` is what a command needs to find the settings,
    /// ` --config 'x'`, or nothing. What a flag or a variable says, no command can change: there the fix is a flag.
    #[must_use]
    pub fn fixes(&self, settings: &Settings, config_flag: &str) -> Vec<String> {
        let set = |key: &str, value: &str, flag: &str| match settings.origin(key) {
            Origin::Flag(_) | Origin::Variable(_) => format!("`innkeeper serve {flag}`"),
            Origin::File { .. } | Origin::Default => {
                format!("`innkeeper config set {key} {value}{config_flag}`")
            }
        };
        let alone = || format!("to use it on this computer only: {}", set("listen", "false", "--no-listen"));
        let listed =
            || format!("to let in listed addresses only: {}", set("whitelistMode", "true", "--whitelist"));
        let everybody = || {
            format!("to ask everybody for a password: {}", set("innkeeper.satisfy", "all", "--satisfy all"))
        };
        match self {
            Self::Open => {
                let password = format!("to ask for a password: `innkeeper auth set{config_flag}`");
                vec![listed(), password, alone()]
            }
            Self::OpenAdmins(handles) => {
                let mut fixes = vec![listed()];
                fixes.extend(handles.iter().map(|handle| {
                    format!("to protect the account: `innkeeper auth user password {handle}{config_flag}`")
                }));
                fixes.push(alone());
                fixes
            }
            Self::DefaultPassword(_) | Self::EmptyLogin(_) => {
                let mut fixes = vec![format!("to choose a password: `innkeeper auth set{config_flag}`")];
                if settings.whitelist_mode {
                    let off = set("basicAuthMode", "false", "--no-basic-auth-mode");
                    fixes.push(format!("to let in listed addresses without a password: {off}"));
                }
                fixes.push(alone());
                fixes
            }
            Self::ListedProxy { entry, .. } => vec![
                everybody(),
                format!(
                    "to list the visitors and not the proxy: `innkeeper whitelist remove '{entry}'{config_flag}`"
                ),
                alone(),
            ],
            Self::ListedGateway { .. } => vec![
                everybody(),
                "to see the visitors' own addresses: let the container use the network of its host".to_owned(),
                "to list the visitors and not the gateway: `whitelistDockerHosts: false`, or take the entry out of the whitelist"
                    .to_owned(),
            ],
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overridden(refusal) => {
                write!(f, "{refusal}; started all the same, because `securityOverride` is on")
            }
            Self::EverybodyListed(opening) => {
                let (named, is_joint) = (opening.named(), opening.is_joint());
                let lets = if is_joint { "together let everybody in" } else { "lets everybody in" };
                write!(f, "{named} in the whitelist {lets}, and no password is asked for")
            }
            Self::PlainHttp => f.write_str("passwords cross the network in the clear; `--ssl` encrypts them"),
            Self::PrivateHsts => f.write_str(
                "`innkeeper.hsts` is on, and only devices that were told to trust the certificate do: should one stop, its \
                 browser offers no way in until the time is over",
            ),
            Self::EmptyLogin => f.write_str("the user name or the password of `basicAuthUser` is empty"),
            Self::NobodyCanSignIn(Some(handle)) => write!(
                f,
                "nobody can sign in, because no account has a password; `innkeeper auth user password {handle}` sets one"
            ),
            Self::NobodyCanSignIn(None) => f.write_str(
                "nobody can sign in, because there is no account that can be used; `innkeeper auth user add` makes one",
            ),
            Self::NoPassword(handles) => write!(f, "accounts without a password: {}", handles.join(", ")),
        }
    }
}
