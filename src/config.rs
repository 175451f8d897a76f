//! The settings: flags, environment, file and defaults in one checked value that knows where each part came from.
//!
//! Precedence: flag, `INNKEEPER_X`, `SILLYTAVERN_X`, the file's `innkeeper:` section, its top level, the default.

mod certificate;
mod changes;
mod check;
mod convert;
pub mod document;
mod effective;
mod fault;
mod file;
pub mod guest;
mod javascript;
mod layer;
mod list;
mod problem;
mod reading;
pub mod schema;
mod secret;
mod settings;
mod start;
mod taken;
mod toml;
mod tree;
mod typed;
mod upstream;
mod value;
mod variables;
mod yaml;

pub use certificate::Certificate;
pub use changes::changed;
pub use convert::{Converted, convert};
pub use effective::{Effective, Secrecy};
pub use fault::Fault;
pub use file::{DEFAULT_TOML, DEFAULT_YAML, Existing, Found, file_text, find, write, write_default};
pub use guest::{Guest, Until};
pub use javascript::{leading_number, truth};
pub use layer::{Flags, Layer, Setting, Syntax};
pub use list::{ListEntry, ListOrigin, ListSource};
pub use problem::{Origin, Problem, Problems, Source};
pub use secret::Secret;
pub use settings::{
    Audit, AuditedVisits, BasicAuthUser, BrowserLaunch, ForwardedHeaders, HostWhitelist, Limits,
    ListenAddress, Logging, Protocol, RateLimiting, Satisfy, Session, Settings, Ssl,
};
pub use start::{Account, Refusal, Warning, start_gate};
pub use tree::{Content, Item, Node, Read, Span};
pub use typed::Typed;
pub use upstream::Upstream;
pub use value::{Family, Value, length_of_time, read as read_value};
pub use variables::Variables;
