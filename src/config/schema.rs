//! Every setting, once: its name, what it takes, its default, its flag, what it is for.
//!
//! The flags of `serve`, the names of the variables, the check of the file, the suggestions and the test of the
//! default file all come from this table.

mod foreign;
mod slip;

pub use foreign::{FOREIGN_FLAGS, FOREIGN_KEYS};
pub use slip::nearest;

/// Whose setting it is, which decides where it may stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// SillyTavern's, with SillyTavern's meaning: at the top level, or under `innkeeper:` for Innkeeper alone.
    SillyTavern,
    /// Innkeeper's own: under `innkeeper:` only.
    Innkeeper,
}

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// `true`, `false` or `auto`.
    Family,
    /// 0 to 65535; 0 lets the system choose.
    Port,
    /// A whole number within bounds.
    Integer {
        /// The smallest.
        least: i64,
        /// The largest.
        most: i64,
    },
    /// Any finite number.
    Number,
    /// Text, which may be empty.
    Text,
    /// Text that is never shown.
    Secret,
    /// A file or folder; relative to the folder of the settings file, on the command line to the current one.
    Path,
    /// The same, or empty for none.
    OptionalPath,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address, in brackets or not.
    Ipv6,
    /// A time such as `5s` or `30d`; a bare number is seconds. Not zero.
    Duration,
    /// The same, or `off`.
    OptionalDuration,
    /// A size such as `32 KiB`; a bare number is bytes. Not zero.
    Size,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of addresses in the grammar of the whitelist; read later, entry by entry.
    Entries,
    /// A list of host names.
    Hosts,
    /// A list of exact paths, each beginning with `/`.
    UrlPaths,
    /// A list of guests: address, until, note.
    Guests,
    /// A list of certificates: certPath, keyPath, keyPassphrase.
    Certificates,
    /// The URL of the app, or empty for none.
    Upstream,
    /// The name of a header, or empty for none.
    Header,
    /// A language tag, or `auto`.
    Language,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The dotted path; for Innkeeper's own without the leading `innkeeper.`.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The default as one would write it in a variable: lists as JSON, empty for none.
    pub default: &'static str,
    /// One sentence without a full stop, for `--help`.
    pub doc: &'static str,
    /// Whose it is.
    pub owner: Owner,
    /// The flag of `serve` without dashes, when it has one.
    pub flag: Option<&'static str>,
    /// Other spellings of the flag.
    pub aliases: &'static [&'static str],
}

impl Key {
    /// The flag of this setting: kebab-case first, then the spellings that are also understood.
    const fn flag(mut self, flag: &'static str, aliases: &'static [&'static str]) -> Self {
        self.flag = Some(flag);
        self.aliases = aliases;
        self
    }

    /// The setting with this path.
    #[must_use]
    pub fn find(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// The path as it stands in the file: `port`, `innkeeper.upstream`.
    #[must_use]
    pub fn full_path(&self) -> String {
        match self.owner {
            Owner::SillyTavern => self.path.to_owned(),
            Owner::Innkeeper => format!("{SECTION}.{}", self.path),
        }
    }

    /// The environment variables that set it, strongest first: `INNKEEPER_` and, for SillyTavern's settings,
    /// `SILLYTAVERN_`, then the path in upper case with `_` for each dot.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        let name = self.path.to_uppercase().replace('.', "_");
        match self.owner {
            Owner::SillyTavern => vec![format!("INNKEEPER_{name}"), format!("SILLYTAVERN_{name}")],
            Owner::Innkeeper => vec![format!("INNKEEPER_{name}")],
        }
    }

    /// Whether it holds a list, which a variable gives as JSON.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::Entries | Kind::Hosts | Kind::UrlPaths | Kind::Guests | Kind::Certificates)
    }

    /// The last part of the path, which is what stands in the line.
    #[must_use]
    pub fn leaf(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }
}

/// The section of the file that only Innkeeper reads.
pub const SECTION: &str = "innkeeper";

const fn silly(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { path, kind, default, doc, owner: Owner::SillyTavern, flag: None, aliases: &[] }
}

const fn own(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { path, kind, default, doc, owner: Owner::Innkeeper, flag: None, aliases: &[] }
}

/// The settings, in the order of the default file.
pub const KEYS: &[Key] = &[
    silly("listen", Kind::Switch, "false", "Let other devices connect; without it only this computer can")
        .flag("listen", &[]),
    silly("listenAddress.ipv4", Kind::Ipv4, "0.0.0.0", "The IPv4 address to listen on (0.0.0.0: all)")
        .flag("listen-address-ipv4", &["listenAddressIPv4"]),
    silly("listenAddress.ipv6", Kind::Ipv6, "[::]", "The IPv6 address to listen on ([::]: all)")
        .flag("listen-address-ipv6", &["listenAddressIPv6"]),
    silly("protocol.ipv4", Kind::Family, "true", "Use IPv4: true, false or auto")
        .flag("enable-ipv4", &["enableIPv4"]),
    silly("protocol.ipv6", Kind::Family, "false", "Use IPv6: true, false or auto")
        .flag("enable-ipv6", &["enableIPv6"]),
    silly("port", Kind::Port, "8000", "The port to listen on (0: any that is free)").flag("port", &[]),
    silly("ssl.enabled", Kind::Switch, "false", "Serve https instead of http").flag("ssl", &[]),
    silly("ssl.certPath", Kind::OptionalPath, "./certs/cert.pem", "The certificate, PEM")
        .flag("cert-path", &["certPath"]),
    silly("ssl.keyPath", Kind::OptionalPath, "./certs/privkey.pem", "The key of the certificate, PEM")
        .flag("key-path", &["keyPath"]),
    silly(
        "ssl.keyPassphrase",
        Kind::Secret,
        "",
        "The passphrase of the key; better kept in the file, as other programs can see it here",
    )
    .flag("key-passphrase", &["keyPassphrase"]),
    silly("whitelistMode", Kind::Switch, "true", "Let in only listed addresses")
        .flag("whitelist", &["whitelist-mode", "whitelistMode"]),
    silly("whitelist", Kind::Entries, r#"["::1", "127.0.0.1"]"#, "The listed addresses"),
    silly("whitelistDockerHosts", Kind::Switch, "true", "In Docker, list the host of the container too"),
    silly(
        "enableForwardedWhitelist",
        Kind::Switch,
        "true",
        "Ask for a forwarded address to be listed as well",
    ),
    silly("forwardedHeaders.xRealIp", Kind::Switch, "true", "Read X-Real-IP"),
    silly("forwardedHeaders.xForwardedFor", Kind::Switch, "true", "Read X-Forwarded-For"),
    silly("forwardedHeaders.cfConnectingIp", Kind::Switch, "false", "Read CF-Connecting-IP"),
    silly("basicAuthMode", Kind::Switch, "false", "Ask for a user name and password")
        .flag("basic-auth-mode", &["basicAuthMode"]),
    silly("basicAuthUser.username", Kind::Text, "user", "The user name"),
    silly("basicAuthUser.password", Kind::Secret, "password", "The password"),
    silly("enableUserAccounts", Kind::Switch, "false", "SillyTavern's accounts are in use"),
    silly("perUserBasicAuth", Kind::Switch, "false", "Take name and password from SillyTavern's accounts"),
    silly("hostWhitelist.enabled", Kind::Switch, "false", "Answer only for listed host names"),
    silly("hostWhitelist.scan", Kind::Switch, "true", "Warn about host names that are not listed"),
    silly("hostWhitelist.hosts", Kind::Hosts, "[]", "The listed host names"),
    silly(
        "rateLimiting.preferRealIpHeader",
        Kind::Switch,
        "false",
        "Count failed logins by the forwarded address",
    ),
    silly(
        "rateLimiting.basicAuthMaxAttempts",
        Kind::Integer { least: -1, most: 1_000_000 },
        "5",
        "Failed logins before the wait begins (0: no limit)",
    ),
    silly("logging.enableAccessLog", Kind::Switch, "true", "Write access.log"),
    silly(
        "logging.minLogLevel",
        Kind::Integer { least: 0, most: 4 },
        "0",
        "How much is printed: 0 everything to 4 nothing",
    ),
    silly("securityOverride", Kind::Switch, "false", "Start even when nothing protects the app"),
    silly("dataRoot", Kind::Path, "./data", "SillyTavern's data folder").flag("data-root", &["dataRoot"]),
    silly("browserLaunch.enabled", Kind::Switch, "true", "Open a browser at the start")
        .flag("browser-launch-enabled", &["browserLaunchEnabled"]),
    silly("browserLaunch.hostname", Kind::Text, "auto", "The host name the browser opens")
        .flag("browser-launch-hostname", &["browserLaunchHostname"]),
    silly(
        "browserLaunch.port",
        Kind::Integer { least: -1, most: 65535 },
        "-1",
        "The port the browser opens (-1: the same)",
    )
    .flag("browser-launch-port", &["browserLaunchPort"]),
    silly("browserLaunch.avoidLocalhost", Kind::Switch, "false", "Open 127.0.0.1 rather than localhost")
        .flag("browser-launch-avoid-localhost", &["browserLaunchAvoidLocalhost"]),
    silly("heartbeatInterval", Kind::Number, "0", "Seconds between updates of heartbeat.json (0: none)")
        .flag("heartbeat-interval", &["heartbeatInterval"]),
    own("upstream", Kind::Upstream, "", "The app: http://host:port, https://host:port or unix:/path")
        .flag("upstream", &[]),
    own("root", Kind::OptionalPath, "", "A folder to serve instead of an app").flag("root", &[]),
    own(
        "satisfy",
        Kind::Choice(&["all", "any"]),
        "all",
        "all: listed address and password; any: one of them is enough",
    )
    .flag("satisfy", &[]),
    own("trustedProxies", Kind::Entries, "[]", "Proxies whose forwarded address is believed"),
    own("forwardClientIp", Kind::Switch, "false", "Tell the app the visitor's address in X-Forwarded-For"),
    own("identityHeader", Kind::Header, "", "Tell the app the user name in this header"),
    own("passAuthorization", Kind::Switch, "false", "Hand the login on to the app"),
    own("publicPaths", Kind::UrlPaths, "[]", "Paths a listed address may read without a password"),
    own("session.enabled", Kind::Switch, "true", "Sign in once, with a form, and be remembered by a cookie"),
    own("session.lifetime", Kind::Duration, "30d", "How long a login is remembered after the last visit"),
    own("requireHttps", Kind::Switch, "false", "Refuse plain http"),
    own(
        "hsts",
        Kind::OptionalDuration,
        "off",
        "For how long browsers that came by https shall refuse anything else",
    ),
    own("ssl.certificates", Kind::Certificates, "[]", "Further certificates, each for its own host names"),
    own("guests", Kind::Guests, "[]", "Addresses that may come in for a time"),
    own(
        "accessLog",
        Kind::OptionalPath,
        "",
        "Where access.log is written; beside the settings file when empty",
    ),
    own("audit.enabled", Kind::Switch, "true", "Write down who came and whether they were let in"),
    own(
        "audit.path",
        Kind::OptionalPath,
        "",
        "Where the audit log is written; audit.jsonl beside the settings file when empty",
    ),
    own(
        "audit.visits",
        Kind::Choice(&["new", "refused", "all"]),
        "new",
        "refused: refusals and failures; new: also the first visit of each visitor an hour; all: every request",
    ),
    own("audit.maxSize", Kind::Size, "10 MiB", "Size at which a new file is begun"),
    own("audit.maxAge", Kind::OptionalDuration, "off", "Age at which a new file is begun"),
    own("audit.keep", Kind::Integer { least: 1, most: 1000 }, "5", "How many old files are kept, compressed"),
    own(
        "audit.combined",
        Kind::OptionalPath,
        "",
        "Where every request is also written in Combined Log Format; nowhere when empty",
    ),
    own("limits.connectTimeout", Kind::Duration, "5s", "How long the app may take to accept a connection"),
    own(
        "limits.headerTimeout",
        Kind::OptionalDuration,
        "off",
        "How long the app may take to begin its answer",
    ),
    own(
        "limits.idleTimeout",
        Kind::Duration,
        "75s",
        "How long a connection may be kept open with nothing to do",
    ),
    own("limits.bodyTimeout", Kind::Duration, "60s", "How long an upload may stand still"),
    own("limits.handshakeTimeout", Kind::Duration, "10s", "How long the https handshake may take"),
    own("limits.requestHeadTimeout", Kind::Duration, "15s", "How long the head of a request may take"),
    own("limits.headSize", Kind::Size, "32 KiB", "How large the head of a request may be"),
    own(
        "limits.maxConnections",
        Kind::Integer { least: 0, most: 1_000_000 },
        "0",
        "Connections at one time (0: no limit)",
    ),
    own("language", Kind::Language, "auto", "Language of the pages (auto: the visitor's)"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let (mut paths, mut names) = (HashSet::new(), HashSet::new());
        for key in KEYS {
            assert!(paths.insert(key.path), "{}", key.path);
            for flag in key.flag.iter().chain(key.aliases) {
                assert!(names.insert(flag), "{flag}");
            }
        }
    }

    #[test]
    fn names_of_variables() {
        let names = |path| Key::find(path).unwrap().variables().join(" ");
        assert_eq!(
            names("basicAuthUser.username"),
            "INNKEEPER_BASICAUTHUSER_USERNAME SILLYTAVERN_BASICAUTHUSER_USERNAME"
        );
        assert_eq!(names("limits.headSize"), "INNKEEPER_LIMITS_HEADSIZE");
    }
}
