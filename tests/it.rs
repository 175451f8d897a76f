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
    mod authority;
    mod cert {
        mod made;
        mod pairs;
        mod port;
        mod settings;
        mod undo;
    }
    mod config;
    mod configure;
    mod document;
    mod guests;
    mod gateway {
        mod admission;
        mod alone;
        mod audit;
        mod certificates;
        mod changes;
        mod clear;
        mod forwarding;
        mod guessing;
        mod handshakes;
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
    mod logs;
    mod trial;
    mod whitelist;
}
