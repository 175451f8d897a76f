//! Every integration test, in one binary.

mod it {
    mod conformance {
        mod clients;
        mod hosts;
        mod patterns;
        mod settings;
    }
    mod config;
}
