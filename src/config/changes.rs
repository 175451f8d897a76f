//! Which settings differ between two readings, for the record of a change.

use super::list::ListSource;
use super::schema::Key;
use super::settings::Settings;

/// The keys of the settings that differ, each as one writes it (`port`, `innkeeper.limits.headSize`), in a fixed
/// order. A list that only stands on other lines is the same.
#[must_use]
pub fn changed(before: &Settings, now: &Settings) -> Vec<String> {
    let full_path = |path: &str| Key::find(path).map_or_else(|| path.to_owned(), Key::full_path);
    DIFFERS.iter().filter(|(_, differs)| differs(before, now)).map(|(path, _)| full_path(path)).collect()
}

/// A setting, and whether two readings differ in it.
type Differs = (&'static str, fn(&Settings, &Settings) -> bool);

/// Names the field of each key.
macro_rules! fields {
    ($($key:literal => $($field:ident).+,)+) => {
        &[
            $(($key, |before, now| before.$($field).+ != now.$($field).+),)+
            ("heartbeatInterval", |before, now| {
                before.heartbeat_interval.total_cmp(&now.heartbeat_interval).is_ne()
            }),
            ("whitelist", |before, now| !lists_same(&before.whitelist, &now.whitelist)),
            ("trustedProxies", |before, now| !lists_same(&before.trusted_proxies, &now.trusted_proxies)),
        ]
    };
}

const DIFFERS: &[Differs] = fields! {
    "listen" => listen,
    "listenAddress.ipv4" => listen_address.ipv4,
    "listenAddress.ipv6" => listen_address.ipv6,
    "protocol.ipv4" => protocol.ipv4,
    "protocol.ipv6" => protocol.ipv6,
    "port" => port,
    "ssl.enabled" => ssl.enabled,
    "ssl.certPath" => ssl.cert_path,
    "ssl.keyPath" => ssl.key_path,
    "ssl.keyPassphrase" => ssl.key_passphrase,
    "ssl.certificates" => ssl.certificates,
    "whitelistMode" => whitelist_mode,
    "whitelistDockerHosts" => whitelist_docker_hosts,
    "enableForwardedWhitelist" => enable_forwarded_whitelist,
    "forwardedHeaders.xRealIp" => forwarded_headers.x_real_ip,
    "forwardedHeaders.xForwardedFor" => forwarded_headers.x_forwarded_for,
    "forwardedHeaders.cfConnectingIp" => forwarded_headers.cf_connecting_ip,
    "basicAuthMode" => basic_auth_mode,
    "basicAuthUser.username" => basic_auth_user.username,
    "basicAuthUser.password" => basic_auth_user.password,
    "enableUserAccounts" => enable_user_accounts,
    "perUserBasicAuth" => per_user_basic_auth,
    "hostWhitelist.enabled" => host_whitelist.enabled,
    "hostWhitelist.scan" => host_whitelist.scan,
    "hostWhitelist.hosts" => host_whitelist.hosts,
    "rateLimiting.preferRealIpHeader" => rate_limiting.prefer_real_ip_header,
    "rateLimiting.basicAuthMaxAttempts" => rate_limiting.basic_auth_max_attempts,
    "logging.enableAccessLog" => logging.enable_access_log,
    "logging.minLogLevel" => logging.min_log_level,
    "securityOverride" => security_override,
    "dataRoot" => data_root,
    "browserLaunch.enabled" => browser_launch.enabled,
    "browserLaunch.hostname" => browser_launch.hostname,
    "browserLaunch.port" => browser_launch.port,
    "browserLaunch.avoidLocalhost" => browser_launch.avoid_localhost,
    "upstream" => upstream,
    "root" => root,
    "satisfy" => satisfy,
    "forwardClientIp" => forward_client_ip,
    "identityHeader" => identity_header,
    "passAuthorization" => pass_authorization,
    "publicPaths" => public_paths,
    "session.enabled" => session.enabled,
    "session.lifetime" => session.lifetime,
    "requireHttps" => require_https,
    "hsts" => hsts,
    "guests" => guests,
    "accessLog" => access_log,
    "audit.enabled" => audit.enabled,
    "audit.path" => audit.path,
    "audit.visits" => audit.visits,
    "audit.maxSize" => audit.max_size,
    "audit.maxAge" => audit.max_age,
    "audit.keep" => audit.keep,
    "audit.combined" => audit.combined,
    "limits.connectTimeout" => limits.connect_timeout,
    "limits.headerTimeout" => limits.header_timeout,
    "limits.idleTimeout" => limits.idle_timeout,
    "limits.bodyTimeout" => limits.body_timeout,
    "limits.handshakeTimeout" => limits.handshake_timeout,
    "limits.requestHeadTimeout" => limits.request_head_timeout,
    "limits.headSize" => limits.head_size,
    "limits.maxConnections" => limits.max_connections,
    "language" => language,
};

fn lists_same(before: &ListSource, now: &ListSource) -> bool {
    let pairs = before.entries.iter().zip(&now.entries);
    before.entries.len() == now.entries.len()
        && pairs.into_iter().all(|(before, now)| before.text == now.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::KEYS;
    use crate::config::{Flags, Variables};
    use std::path::Path;

    fn read(text: &str) -> Settings {
        Settings::of_text(Path::new("config.yaml"), text, &Flags::default(), &Variables::default())
            .unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn every_setting_is_compared() {
        let mut compared: Vec<&str> = DIFFERS.iter().map(|(path, _)| *path).collect();
        let mut all: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
        compared.sort_unstable();
        all.sort_unstable();
        assert_eq!(compared, all);
    }

    #[test]
    fn what_differs() {
        let before = read("whitelist: [::1]\nbasicAuthUser: {password: a}\n");
        assert_eq!(changed(&before, &before), Vec::<String>::new());
        assert_eq!(
            changed(&before, &read("\n\nwhitelist: [::1]\nbasicAuthUser: {password: a}\n")),
            Vec::<String>::new()
        );
        let now = read(
            "whitelist: [::2]\nbasicAuthUser: {password: b}\nheartbeatInterval: 1\ninnkeeper: {audit: {visits: all}}\n",
        );
        let expected = ["basicAuthUser.password", "innkeeper.audit.visits", "heartbeatInterval", "whitelist"];
        assert_eq!(changed(&before, &now), expected);
    }
}
