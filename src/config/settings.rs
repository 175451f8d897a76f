//! Every setting, checked, in one value: what `serve` runs on.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file;
use super::layer::{Flags, Layer, Syntax, Variables};
use super::list::ListSource;
use super::problem::{Origin, Problem, Problems, Source};
use super::secret::Secret;
use super::upstream::Upstream;
use super::value::{Family, Guest, Value};

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
    origins: BTreeMap<&'static str, Origin>,
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
    /// Where to; `None` for nowhere.
    pub path: Option<PathBuf>,
    /// Bytes after which a new file is begun.
    pub max_size: u64,
    /// How many old files are kept.
    pub keep: u32,
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
        let mut problems = Problems::default();
        let above = Layer::flags(flags, &mut problems).over(Layer::variables(variables, &mut problems));
        let mut source = match file::read_text(file) {
            Ok(text) => Source::new(file::plain(file), text),
            Err(problem) => {
                problems.push(problem);
                return Err(problems);
            }
        };
        let from_file = Layer::file(&mut source, Syntax::of(file), &mut problems);
        let mut layer = above.over(from_file).over(Layer::defaults());
        check(&mut layer, &source, &mut problems);
        let folder = file::folder(file);
        let whitelist = ListSource::of_setting(&layer, "whitelist").replaced_by_text(&folder, &mut problems);
        if problems.is_empty() {
            Ok(Self::from_layer(file, &folder, &layer, whitelist))
        } else {
            Err(problems)
        }
    }

    /// The built-in defaults, as if `file` were empty and had no `whitelist.txt` beside it.
    #[must_use]
    pub fn defaults(file: &Path) -> Self {
        let layer = Layer::defaults();
        let whitelist = ListSource::of_setting(&layer, "whitelist");
        Self::from_layer(file, &file::folder(file), &layer, whitelist)
    }

    /// Where the setting `path` (`port`, `ssl.enabled`, `upstream`) came from.
    #[must_use]
    pub fn origin(&self, path: &str) -> &Origin {
        self.origins.get(path).unwrap_or(&Origin::Default)
    }

    /// Where `access.log` is written.
    #[must_use]
    pub fn access_log_path(&self) -> PathBuf {
        self.access_log.clone().unwrap_or_else(|| file::beside(&self.folder, Path::new("access.log")))
    }

    fn from_layer(file: &Path, folder: &Path, layer: &Layer, whitelist: ListSource) -> Self {
        let read = Taken { layer, folder };
        Self {
            file: file::plain(file),
            folder: folder.to_owned(),
            listen: read.switch("listen"),
            listen_address: ListenAddress {
                ipv4: read.ipv4("listenAddress.ipv4"),
                ipv6: read.ipv6("listenAddress.ipv6"),
            },
            protocol: Protocol { ipv4: read.family("protocol.ipv4"), ipv6: read.family("protocol.ipv6") },
            port: read.integer("port"),
            ssl: read.ssl(),
            whitelist_mode: read.switch("whitelistMode"),
            whitelist,
            whitelist_docker_hosts: read.switch("whitelistDockerHosts"),
            enable_forwarded_whitelist: read.switch("enableForwardedWhitelist"),
            forwarded_headers: ForwardedHeaders {
                x_real_ip: read.switch("forwardedHeaders.xRealIp"),
                x_forwarded_for: read.switch("forwardedHeaders.xForwardedFor"),
                cf_connecting_ip: read.switch("forwardedHeaders.cfConnectingIp"),
            },
            basic_auth_mode: read.switch("basicAuthMode"),
            basic_auth_user: BasicAuthUser {
                username: read.text("basicAuthUser.username").unwrap_or_default(),
                password: read.secret("basicAuthUser.password"),
            },
            enable_user_accounts: read.switch("enableUserAccounts"),
            per_user_basic_auth: read.switch("perUserBasicAuth"),
            host_whitelist: HostWhitelist {
                enabled: read.switch("hostWhitelist.enabled"),
                scan: read.switch("hostWhitelist.scan"),
                hosts: read.list("hostWhitelist.hosts"),
            },
            rate_limiting: RateLimiting {
                prefer_real_ip_header: read.switch("rateLimiting.preferRealIpHeader"),
                basic_auth_max_attempts: read.integer("rateLimiting.basicAuthMaxAttempts"),
            },
            logging: Logging {
                enable_access_log: read.switch("logging.enableAccessLog"),
                min_log_level: read.integer("logging.minLogLevel"),
            },
            security_override: read.switch("securityOverride"),
            data_root: read.path("dataRoot").unwrap_or_default(),
            heartbeat_interval: read.number("heartbeatInterval"),
            browser_launch: read.browser_launch(),
            upstream: read.upstream(),
            root: read.path("root"),
            satisfy: if read.text("satisfy").as_deref() == Some("any") { Satisfy::Any } else { Satisfy::All },
            trusted_proxies: ListSource::of_setting(layer, "trustedProxies"),
            forward_client_ip: read.switch("forwardClientIp"),
            identity_header: read.text("identityHeader"),
            pass_authorization: read.switch("passAuthorization"),
            public_paths: read.list("publicPaths"),
            session: Session {
                enabled: read.switch("session.enabled"),
                lifetime: read.duration("session.lifetime").unwrap_or_default(),
            },
            require_https: read.switch("requireHttps"),
            guests: read.guests(),
            access_log: read.path("accessLog"),
            audit: Audit {
                path: read.path("audit.path"),
                max_size: read.size("audit.maxSize"),
                keep: read.integer("audit.keep"),
            },
            limits: read.limits(),
            language: read.text("language").unwrap_or_default(),
            origins: layer.settings().map(|(path, setting)| (path, setting.origin.clone())).collect(),
        }
    }
}

/// What holds between settings.
fn check(layer: &mut Layer, source: &Source, problems: &mut Problems) {
    if !layer.refused(&["perUserBasicAuth", "enableUserAccounts"])
        && is(layer, "perUserBasicAuth", &Value::Switch(true))
        && is(layer, "enableUserAccounts", &Value::Switch(false))
    {
        let problem = at(
            layer,
            source,
            "perUserBasicAuth",
            "`perUserBasicAuth` needs `enableUserAccounts`, which is off",
        );
        problems.push(
            problem
                .hint("SillyTavern falls back to the one login of `basicAuthUser`")
                .hint("write `enableUserAccounts: true`, or `perUserBasicAuth: false`"),
        );
    }
    let off = Value::Family(Family::Off);
    if !layer.refused(&["protocol.ipv4", "protocol.ipv6"])
        && is(layer, "protocol.ipv4", &off)
        && is(layer, "protocol.ipv6", &off)
    {
        let problem = at(
            layer,
            source,
            "protocol.ipv4",
            "`protocol.ipv4` and `protocol.ipv6` are both off, so nobody could connect",
        );
        problems.push(problem.hint("set one of them to `true`"));
    }
    if !layer.refused(&["ssl.enabled"]) && is(layer, "ssl.enabled", &Value::Switch(true)) {
        for path in ["ssl.certPath", "ssl.keyPath"] {
            if !layer.refused(&[path]) && is(layer, path, &Value::Unset) {
                let problem = at(layer, source, path, &format!("`ssl.enabled` is on and `{path}` is empty"));
                problems.push(problem.hint("name the file, or write `ssl.enabled` off"));
            }
        }
    }
    one_app(layer, source, problems);
}

/// `upstream` and `root` exclude each other; the stronger source wins, within one source it is a mistake.
fn one_app(layer: &mut Layer, source: &Source, problems: &mut Problems) {
    if layer.refused(&["upstream", "root"])
        || is(layer, "upstream", &Value::Unset)
        || is(layer, "root", &Value::Unset)
    {
        return;
    }
    let rank = |path| match layer.setting(path).map(|setting| &setting.origin) {
        Some(Origin::Flag(_)) => 3,
        Some(Origin::Variable(_)) => 2,
        Some(Origin::File { .. }) => 1,
        Some(Origin::Default) | None => 0,
    };
    match rank("upstream").cmp(&rank("root")) {
        std::cmp::Ordering::Greater => layer.unset("root"),
        std::cmp::Ordering::Less => layer.unset("upstream"),
        std::cmp::Ordering::Equal => {
            let problem =
                at(layer, source, "root", "`root` and `upstream` are both set, and only one can be served");
            problems.push(problem.hint("remove one of the two"));
        }
    }
}

fn is(layer: &Layer, path: &str, value: &Value) -> bool {
    layer.setting(path).is_some_and(|setting| setting.value == *value)
}

/// A problem at the place where `path` was set.
fn at(layer: &Layer, source: &Source, path: &str, message: &str) -> Problem {
    match layer.setting(path).map(|setting| (&setting.origin, setting.span)) {
        Some((Origin::File { .. }, span)) => source.problem(span, message),
        Some((origin @ (Origin::Flag(_) | Origin::Variable(_)), _)) => {
            Problem::new(format!("{message} (by `{origin}`)"))
        }
        _ => Problem::new(message),
    }
}

/// The values of a complete layer as their types. What a key holds follows from its kind, so the other variants
/// cannot occur; they give the neutral value.
struct Taken<'a> {
    layer: &'a Layer,
    folder: &'a Path,
}

impl Taken<'_> {
    fn value(&self, path: &str) -> &Value {
        self.layer.setting(path).map_or(&Value::Unset, |setting| &setting.value)
    }

    fn switch(&self, path: &str) -> bool {
        matches!(self.value(path), Value::Switch(true))
    }

    fn family(&self, path: &str) -> Family {
        if let Value::Family(family) = self.value(path) { *family } else { Family::Off }
    }

    fn ipv4(&self, path: &str) -> Ipv4Addr {
        if let Value::Ipv4(address) = self.value(path) { *address } else { Ipv4Addr::LOCALHOST }
    }

    fn ipv6(&self, path: &str) -> Ipv6Addr {
        if let Value::Ipv6(address) = self.value(path) { *address } else { Ipv6Addr::LOCALHOST }
    }

    /// A whole number in its type; the bounds of its kind lie within, but for `-1`, which counts as 0.
    fn integer<T: TryFrom<i64> + Default>(&self, path: &str) -> T {
        if let Value::Integer(number) = self.value(path) {
            T::try_from(*number).unwrap_or_default()
        } else {
            T::default()
        }
    }

    fn number(&self, path: &str) -> f64 {
        if let Value::Number(number) = self.value(path) { *number } else { 0.0 }
    }

    fn text(&self, path: &str) -> Option<String> {
        if let Value::Text(text) = self.value(path) { Some(text.clone()) } else { None }
    }

    fn secret(&self, path: &str) -> Secret {
        if let Value::Secret(secret) = self.value(path) { secret.clone() } else { Secret::default() }
    }

    fn path(&self, path: &str) -> Option<PathBuf> {
        let Value::Path(written) = self.value(path) else { return None };
        match self.layer.setting(path).map(|setting| &setting.origin) {
            // As every program's command line: relative to where one is, so that the shell can complete it.
            Some(Origin::Flag(_)) => Some(written.clone()),
            _ => Some(file::beside(self.folder, written)),
        }
    }

    fn list(&self, path: &str) -> Vec<String> {
        if let Value::List(list) = self.value(path) {
            list.iter().map(|(text, _)| text.clone()).collect()
        } else {
            Vec::new()
        }
    }

    fn duration(&self, path: &str) -> Option<Duration> {
        if let Value::Duration(duration) = self.value(path) { Some(*duration) } else { None }
    }

    fn size(&self, path: &str) -> u64 {
        if let Value::Size(bytes) = self.value(path) { *bytes } else { 0 }
    }

    fn upstream(&self) -> Option<Upstream> {
        if let Value::Upstream(upstream) = self.value("upstream") { Some(upstream.clone()) } else { None }
    }

    fn guests(&self) -> Vec<Guest> {
        if let Value::Guests(guests) = self.value("guests") { guests.clone() } else { Vec::new() }
    }

    fn ssl(&self) -> Ssl {
        let passphrase = self.secret("ssl.keyPassphrase");
        Ssl {
            enabled: self.switch("ssl.enabled"),
            cert_path: self.path("ssl.certPath").unwrap_or_default(),
            key_path: self.path("ssl.keyPath").unwrap_or_default(),
            key_passphrase: (!passphrase.is_empty()).then_some(passphrase),
        }
    }

    fn browser_launch(&self) -> BrowserLaunch {
        let port: i64 = self.integer("browserLaunch.port");
        BrowserLaunch {
            enabled: self.switch("browserLaunch.enabled"),
            hostname: self.text("browserLaunch.hostname").unwrap_or_default(),
            port: u16::try_from(port).ok(),
            avoid_localhost: self.switch("browserLaunch.avoidLocalhost"),
        }
    }

    fn limits(&self) -> Limits {
        let duration = |path| self.duration(path).unwrap_or_default();
        Limits {
            connect_timeout: duration("limits.connectTimeout"),
            header_timeout: self.duration("limits.headerTimeout"),
            idle_timeout: duration("limits.idleTimeout"),
            body_timeout: duration("limits.bodyTimeout"),
            handshake_timeout: duration("limits.handshakeTimeout"),
            request_head_timeout: duration("limits.requestHeadTimeout"),
            head_size: self.size("limits.headSize"),
            max_connections: Some(self.integer("limits.maxConnections")).filter(|most| *most > 0),
        }
    }
}
