//! Every integration test, in one binary.

mod it {
    mod conformance {
        mod accounts;
        mod clients;
        mod hosts;
        mod patterns;
        mod settings;
    }
    mod config;
}
