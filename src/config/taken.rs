//! From values by name to [`Settings`].

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::certificate::Certificate;
use super::file;
use super::guest::Guest;
use super::layer::Layer;
use super::list::ListSource;
use super::problem::Origin;
use super::secret::Secret;
use super::settings::{
    Audit, AuditedVisits, BasicAuthUser, BrowserLaunch, ForwardedHeaders, HostWhitelist, Limits,
    ListenAddress, Logging, Protocol, RateLimiting, Satisfy, Session, Settings, Ssl,
};
use super::upstream::Upstream;
use super::value::{Family, Value};

/// The settings of a layer that has a value for every key, as the defaults have.
pub(super) fn settings(file: &Path, folder: &Path, layer: &Layer, whitelist: ListSource) -> Settings {
    let read = Taken { layer, folder };
    Settings {
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
        forwarded_headers: read.forwarded_headers(),
        basic_auth_mode: read.switch("basicAuthMode"),
        basic_auth_user: read.basic_auth_user(),
        enable_user_accounts: read.switch("enableUserAccounts"),
        per_user_basic_auth: read.switch("perUserBasicAuth"),
        host_whitelist: read.host_whitelist(),
        rate_limiting: read.rate_limiting(),
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
        hsts: read.duration("hsts"),
        guests: read.guests(),
        access_log: read.path("accessLog"),
        audit: read.audit(),
        limits: read.limits(),
        language: read.text("language").unwrap_or_default(),
        origins: layer.settings().map(|(path, setting)| (path, setting.origin.clone())).collect(),
    }
}

/// The path that `path` is set to, joined to the folder of the settings file unless the command line gave it.
pub(super) fn path(layer: &Layer, folder: &Path, path: &str) -> Option<PathBuf> {
    let setting = layer.setting(path)?;
    let Value::Path(written) = &setting.value else { return None };
    Some(match setting.origin {
        // As every program's command line: relative to where one is, so that the shell can complete it.
        Origin::Flag(_) => file::plain(written),
        _ => file::beside(folder, written),
    })
}

/// The values of a complete layer as their types. What a key holds follows from its kind, so the other variants
/// cannot occur; they give the neutral value.
struct Taken<'a> {
    layer: &'a Layer,
    folder: &'a Path,
}

impl Taken<'_> {
    /// What `path` is set to.
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
        self::path(self.layer, self.folder, path)
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

    fn forwarded_headers(&self) -> ForwardedHeaders {
        ForwardedHeaders {
            x_real_ip: self.switch("forwardedHeaders.xRealIp"),
            x_forwarded_for: self.switch("forwardedHeaders.xForwardedFor"),
            cf_connecting_ip: self.switch("forwardedHeaders.cfConnectingIp"),
        }
    }

    fn host_whitelist(&self) -> HostWhitelist {
        HostWhitelist {
            enabled: self.switch("hostWhitelist.enabled"),
            scan: self.switch("hostWhitelist.scan"),
            hosts: self.list("hostWhitelist.hosts"),
        }
    }

    fn rate_limiting(&self) -> RateLimiting {
        RateLimiting {
            prefer_real_ip_header: self.switch("rateLimiting.preferRealIpHeader"),
            basic_auth_max_attempts: self.integer("rateLimiting.basicAuthMaxAttempts"),
        }
    }

    fn basic_auth_user(&self) -> BasicAuthUser {
        BasicAuthUser {
            username: self.text("basicAuthUser.username").unwrap_or_default(),
            password: self.secret("basicAuthUser.password"),
        }
    }

    fn audit(&self) -> Audit {
        Audit {
            enabled: self.switch("audit.enabled"),
            path: self.path("audit.path"),
            visits: match self.text("audit.visits").as_deref() {
                Some("all") => AuditedVisits::All,
                Some("refused") => AuditedVisits::Refused,
                _ => AuditedVisits::New,
            },
            max_size: self.size("audit.maxSize"),
            max_age: self.duration("audit.maxAge"),
            keep: self.integer("audit.keep"),
            combined: self.path("audit.combined"),
        }
    }

    fn upstream(&self) -> Option<Upstream> {
        if let Value::Upstream(upstream) = self.value("upstream") { Some(upstream.clone()) } else { None }
    }

    fn guests(&self) -> Vec<Guest> {
        if let Value::Guests(guests) = self.value("guests") { guests.clone() } else { Vec::new() }
    }

    fn certificates(&self) -> Vec<Certificate> {
        let Value::Certificates(certificates) = self.value("ssl.certificates") else { return Vec::new() };
        // No flag sets them, so all are relative to the folder.
        let joined = |certificate: &Certificate| Certificate {
            cert_path: file::beside(self.folder, &certificate.cert_path),
            key_path: file::beside(self.folder, &certificate.key_path),
            key_passphrase: certificate.key_passphrase.clone(),
        };
        certificates.iter().map(joined).collect()
    }

    fn ssl(&self) -> Ssl {
        let passphrase = self.secret("ssl.keyPassphrase");
        Ssl {
            enabled: self.switch("ssl.enabled"),
            cert_path: self.path("ssl.certPath").unwrap_or_default(),
            key_path: self.path("ssl.keyPath").unwrap_or_default(),
            key_passphrase: (!passphrase.is_empty()).then_some(passphrase),
            certificates: self.certificates(),
        }
    }

    fn browser_launch(&self) -> BrowserLaunch {
        // -1 is no port of its own.
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
