//! Every integration test, in one binary.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod it {
    mod conformance {
        mod accounts;
        mod agreement;
        mod clients;
        mod deviations;
        mod hosts;
        mod patterns;
        mod requests;
        mod run;
        mod settings;
        mod starts;
    }
    mod accounts;
    mod architecture;
    mod auth;
    mod config;
    mod configure;
    mod document;
    mod guests;
    mod gateway {
        mod admission;
        mod alone;
        mod audit;
        mod changes;
        mod forwarding;
        mod guessing;
        mod http2;
        mod mishaps;
        mod signin;
        mod smuggling;
        mod stopping;
        mod streams;
        mod websocket;
    }
    mod generated;
    mod harness;
    mod import;
    mod trial;
    mod whitelist;
}
