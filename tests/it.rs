//! Every integration test, in one binary.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod it {
    mod conformance {
        mod accounts;
        mod clients;
        mod hosts;
        mod patterns;
        mod settings;
    }
    mod config;
    mod whitelist;
}
