//! (to be written)

pub mod account;
pub mod address;
pub mod client;
pub mod host;
pub mod throttle;
pub mod whitelist;
