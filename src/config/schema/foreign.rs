//! Names of SillyTavern that mean nothing here, and are no slips of the pen.

/// Flags of SillyTavern that mean nothing here; accepted so that its start scripts go on working, and named in a
/// warning. Whether each takes a value.
pub const FOREIGN_FLAGS: &[&str] = &[
    "dnsPreferIPv6",
    "enableKeepAlive",
    "corsProxy",
    "disableCsrf",
    "requestProxyEnabled",
    "requestProxyUrl",
    "requestProxyBypass",
    "autorun",
    "autorunHostname",
    "autorunPortOverride",
    "avoidLocalhost",
];

/// SillyTavern's top-level settings that Innkeeper does not use: never taken for a slip of the pen.
pub const FOREIGN_KEYS: &[&str] = &[
    "sso",
    "cors",
    "git",
    "backups",
    "thumbnails",
    "performance",
    "extensions",
    "openai",
    "deepl",
    "mistral",
    "ollama",
    "claude",
    "gemini",
    "autorun",
    "autheliaAuth",
    "whitelistImportDomains",
    "enableDiscreetLogin",
    "enableCorsProxy",
    "enableKeepAlive",
    "disableCsrfProtection",
    "dnsPreferIPv6",
    "requestProxy",
    "requestOverrides",
    "sessionTimeout",
];
