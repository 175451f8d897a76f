//! Every setting, checked, in one value: what `serve` runs on.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::certificate::Certificate;
use super::effective::Effective;
use super::guest::Guest;
use super::layer::{Flags, Layer};
use super::list::ListSource;
use super::problem::{Origin, Problems};
use super::secret::Secret;
use super::upstream::Upstream;
use super::value::Family;
use super::variables::Variables;
use super::{file, taken};

/// All settings. Relative paths of the file and the environment are already joined to the file's folder.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The settings file.
    pub file: PathBuf,
    /// Its folder; `.` when it was named without one.
    pub folder: PathBuf,
    /// `listen`: whether other devices may connect.
    pub listen: bool,
    /// `listenAddress`: what to bind when `listen` is on.
    pub listen_address: ListenAddress,
    /// `protocol`: which families to bind.
    pub protocol: Protocol,
    /// `port`; 0 lets the system choose.
    pub port: u16,
    /// `ssl`.
    pub ssl: Ssl,
    /// `whitelistMode`: whether only listed addresses come in.
    pub whitelist_mode: bool,
    /// `whitelist`, or `whitelist.txt` in its place.
    pub whitelist: ListSource,
    /// `whitelistDockerHosts`.
    pub whitelist_docker_hosts: bool,
    /// `enableForwardedWhitelist`: whether a forwarded address has to be listed as well.
    pub enable_forwarded_whitelist: bool,
    /// `forwardedHeaders`: which of them are read.
    pub forwarded_headers: ForwardedHeaders,
    /// `basicAuthMode`: whether a user name and password are asked for.
    pub basic_auth_mode: bool,
    /// `basicAuthUser`.
    pub basic_auth_user: BasicAuthUser,
    /// `enableUserAccounts`.
    pub enable_user_accounts: bool,
    /// `perUserBasicAuth`: names and passwords from SillyTavern's accounts. Only with `enable_user_accounts`.
    pub per_user_basic_auth: bool,
    /// `hostWhitelist`.
    pub host_whitelist: HostWhitelist,
    /// `rateLimiting`.
    pub rate_limiting: RateLimiting,
    /// `logging`.
    pub logging: Logging,
    /// `securityOverride`: start even when nothing protects the app.
    pub security_override: bool,
    /// `dataRoot`.
    pub data_root: PathBuf,
    /// `heartbeatInterval` in seconds; 0 or less for none.
    pub heartbeat_interval: f64,
    /// `browserLaunch`.
    pub browser_launch: BrowserLaunch,
    /// `innkeeper.upstream`: the app. Not together with `root`.
    pub upstream: Option<Upstream>,
    /// `innkeeper.root`: a folder to serve.
    pub root: Option<PathBuf>,
    /// `innkeeper.satisfy`.
    pub satisfy: Satisfy,
    /// `innkeeper.trustedProxies`.
    pub trusted_proxies: ListSource,
    /// `innkeeper.forwardClientIp`: tell the app the visitor's address.
    pub forward_client_ip: bool,
    /// `innkeeper.identityHeader`: the header that tells the app the user name.
    pub identity_header: Option<String>,
    /// `innkeeper.passAuthorization`: whether the app gets the `Authorization` header.
    pub pass_authorization: bool,
    /// `innkeeper.publicPaths`: exact paths that need no password.
    pub public_paths: Vec<String>,
    /// `innkeeper.session`.
    pub session: Session,
    /// `innkeeper.requireHttps`.
    pub require_https: bool,
    /// `innkeeper.hsts`: for how long a browser shall come by https only; `None`: nothing is said.
    pub hsts: Option<Duration>,
    /// `innkeeper.guests`.
    pub guests: Vec<Guest>,
    /// `innkeeper.accessLog`; `None`: `access.log` beside the settings file.
    pub access_log: Option<PathBuf>,
    /// `innkeeper.audit`.
    pub audit: Audit,
    /// `innkeeper.limits`.
    pub limits: Limits,
    /// `innkeeper.language`: a tag, or `auto`.
    pub language: String,
    pub(super) origins: BTreeMap<&'static str, Origin>,
}

/// `listenAddress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// `listenAddress.ipv4`.
    pub ipv4: Ipv4Addr,
    /// `listenAddress.ipv6`.
    pub ipv6: Ipv6Addr,
}

/// `protocol`. Never both off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// `protocol.ipv4`.
    pub ipv4: Family,
    /// `protocol.ipv6`.
    pub ipv6: Family,
}

/// `ssl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssl {
    /// `ssl.enabled`.
    pub enabled: bool,
    /// `ssl.certPath`; not empty when enabled.
    pub cert_path: PathBuf,
    /// `ssl.keyPath`; not empty when enabled.
    pub key_path: PathBuf,
    /// `ssl.keyPassphrase`; `None` when empty.
    pub key_passphrase: Option<Secret>,
    /// `innkeeper.ssl.certificates`: those besides the first.
    pub certificates: Vec<Certificate>,
}

/// `forwardedHeaders`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedHeaders {
    /// `X-Real-IP`.
    pub x_real_ip: bool,
    /// `X-Forwarded-For`.
    pub x_forwarded_for: bool,
    /// `CF-Connecting-IP`.
    pub cf_connecting_ip: bool,
}

/// `basicAuthUser`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicAuthUser {
    /// The name, as it was written.
    pub username: String,
    /// The password, as it was written: `0123` is `0123`.
    pub password: Secret,
}

/// `hostWhitelist`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostWhitelist {
    /// Refuse other names.
    pub enabled: bool,
    /// Warn about other names.
    pub scan: bool,
    /// The names.
    pub hosts: Vec<String>,
}

/// `rateLimiting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimiting {
    /// `rateLimiting.preferRealIpHeader`.
    pub prefer_real_ip_header: bool,
    /// `rateLimiting.basicAuthMaxAttempts`; 0 for no limit, as every value below it.
    pub basic_auth_max_attempts: u32,
}

/// `logging`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logging {
    /// `logging.enableAccessLog`.
    pub enable_access_log: bool,
    /// `logging.minLogLevel`: 0 everything, 1 information, 2 warnings, 3 errors, 4 nothing.
    pub min_log_level: u8,
}

/// `browserLaunch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserLaunch {
    /// Whether to open a browser.
    pub enabled: bool,
    /// The name to open, or `auto`.
    pub hostname: String,
    /// The port to open; `None` for the one that is listened on.
    pub port: Option<u16>,
    /// 127.0.0.1 rather than `localhost`.
    pub avoid_localhost: bool,
}

/// `innkeeper.satisfy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Satisfy {
    /// A listed address and a password.
    All,
    /// A listed address or a password.
    Any,
}

/// `innkeeper.session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Remember a login with a cookie.
    pub enabled: bool,
    /// For how long.
    pub lifetime: Duration,
}

/// `innkeeper.audit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Events are written down.
    pub enabled: bool,
    /// Where to; `None` for beside the settings file.
    pub path: Option<PathBuf>,
    /// Which visits are.
    pub visits: AuditedVisits,
    /// Bytes after which a new file is begun.
    pub max_size: u64,
    /// Time after which a new file is begun; `None` for no matter when.
    pub max_age: Option<Duration>,
    /// How many old files are kept.
    pub keep: u32,
    /// Where every visit is written in Combined Log Format as well; `None` for nowhere.
    pub combined: Option<PathBuf>,
}

/// `innkeeper.audit.visits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditedVisits {
    /// Every refusal and failure.
    Refused,
    /// Those, and the first visit of each address and user an hour.
    New,
    /// All.
    All,
}

/// `innkeeper.limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the app to accept a connection.
    pub connect_timeout: Duration,
    /// For the app to begin its answer; `None` for no limit, as a language model thinks for minutes.
    pub header_timeout: Option<Duration>,
    /// For a connection that is open with nothing to do.
    pub idle_timeout: Duration,
    /// For an upload that stands still.
    pub body_timeout: Duration,
    /// For the https handshake.
    pub handshake_timeout: Duration,
    /// For the head of a request.
    pub request_head_timeout: Duration,
    /// Bytes of the head of a request.
    pub head_size: u64,
    /// Connections at one time; `None` for no limit.
    pub max_connections: Option<u32>,
}

impl Settings {
    /// Reads the file at `file` under `flags` and `variables`, and `whitelist.txt` beside it.
    ///
    /// # Errors
    /// Every mistake that can be found in one run.
    pub fn read(file: &Path, flags: &Flags, variables: &Variables) -> Result<Self, Problems> {
        Effective::read(file, flags, variables).map(|effective| effective.settings)
    }

    /// The same as if the file at `file` held `text`.
    ///
    /// # Errors
    /// Every mistake that can be found in one run.
    pub fn of_text(
        file: &Path,
        text: impl Into<String>,
        flags: &Flags,
        variables: &Variables,
    ) -> Result<Self, Problems> {
        Effective::of_text(file, text, flags, variables).map(|effective| effective.settings)
    }

    /// The built-in defaults, as if `file` were empty and had no `whitelist.txt` beside it.
    #[must_use]
    pub fn defaults(file: &Path) -> Self {
        let layer = Layer::defaults();
        let whitelist = ListSource::of_setting(&layer, "whitelist");
        taken::settings(file, &file::folder(file), &layer, whitelist)
    }

    /// Where the setting `path` (`port`, `ssl.enabled`, `upstream`) came from.
    #[must_use]
    pub fn origin(&self, path: &str) -> &Origin {
        self.origins.get(path).unwrap_or(&Origin::Default)
    }

    /// The path of a file or folder beside the settings, as their own relative paths are taken.
    #[must_use]
    pub fn beside(&self, relative: &str) -> PathBuf {
        file::beside(&self.folder, Path::new(relative))
    }

    /// Where `access.log` is written.
    #[must_use]
    pub fn access_log_path(&self) -> PathBuf {
        self.access_log.clone().unwrap_or_else(|| file::beside(&self.folder, Path::new("access.log")))
    }

    /// Where `audit.jsonl` is written.
    #[must_use]
    pub fn audit_path(&self) -> PathBuf {
        self.audit.path.clone().unwrap_or_else(|| file::beside(&self.folder, Path::new("audit.jsonl")))
    }
}
