//! Innkeeper keeps the door of a self-hosted web app. This page is the map.

/// What went wrong, why, and what to type next; exit codes.
pub mod error;

/// Who may come in: pure decisions over addresses, hosts, headers and credentials.
pub mod policy;

/// One line of `access.log`.
pub mod record;

/// Certificates and their keys.
pub mod cert;

/// Settings: from flags, environment, file and defaults into one checked value, with origins.
pub mod config;

/// SillyTavern's account folder (`dataRoot/_storage`).
pub mod store;

/// Everything printed: errors, warnings, notices.
pub mod ui;

/// The server: listeners, the gate, forwarding, files, pages, the journal.
pub mod gateway;

/// Every subcommand, flag and help text; no behaviour.
pub mod cli;

/// What each subcommand does, one file a noun.
pub mod commands;
