//! Settings that change while the server runs.

use crate::it::harness::app::App;
use crate::it::harness::client::Client;
use crate::it::harness::{Innkeeper, settings};

const OPEN_WITH_PASSWORD: &str = "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelistMode: false\n\
                                  basicAuthMode: true\nbasicAuthUser: {username: ann, password: hunter2}\n";

/// A server that asks for a password, and what stands under `innkeeper:` in its settings.
fn locked() -> (App, Innkeeper, String) {
    let app = App::fine();
    let own = format!("upstream: {}", app.url);
    let server = Innkeeper::start(OPEN_WITH_PASSWORD, &own);
    assert_eq!(Client::of(&server).get("/").status, 401);
    (app, server, own)
}

#[test]
fn the_password_stays_as_long_as_others_can_connect() {
    let (_app, server, own) = locked();
    server
        .write("config.yaml", &settings(&OPEN_WITH_PASSWORD.replace("listen: true", "listen: false"), &own));
    server.says("the settings were read again");
    assert_eq!(Client::of(&server).get("/").status, 401);
    server.complains("`listen` was changed, which counts from the next start on");
}

#[test]
fn settings_that_no_server_would_start_with_are_not_taken() {
    let (_app, server, own) = locked();
    // As a file is when only its first half was written.
    let half = OPEN_WITH_PASSWORD.split("basicAuthMode").next().unwrap();
    server.write("config.yaml", &settings(half, &own));
    server.complains("the settings cannot be read; the last good ones stay in force");
    assert_eq!(Client::of(&server).get("/").status, 401);
    server.complains("nothing protects the app");
}

#[test]
fn a_file_that_is_gone_or_broken_changes_nothing() {
    let (_app, server, own) = locked();
    server.write("config.yaml", "listen: [true");
    server.complains("the settings cannot be read; the last good ones stay in force");
    assert_eq!(Client::of(&server).get("/").status, 401);
    server.remove("config.yaml");
    server.complains("config.yaml");
    assert_eq!(Client::of(&server).get("/").status, 401);
    server.write("config.yaml", &settings(&OPEN_WITH_PASSWORD.replace("hunter2", "other"), &own));
    server.says("the settings were read again");
    let mut client = Client::of(&server);
    client.send("GET / HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic YW5uOmh1bnRlcjI=\r\n\r\n");
    assert_eq!(client.answer().status, 401, "the password of before");
}
