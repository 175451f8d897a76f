//! Guests: who comes in for a time, and no longer.

use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan as _};

use crate::it::harness::app::App;
use crate::it::harness::client::Client;
use crate::it::harness::{Innkeeper, PATIENCE, settings};

/// Nobody is listed, and guests only come in.
const NOBODY: &str = "whitelist: []\n";

fn from_now(seconds: i64) -> String {
    (Timestamp::now() + seconds.seconds()).to_string()
}

fn guests(app: &App, list: &str) -> String {
    format!("upstream: {}\nguests:\n{list}", app.url)
}

#[test]
fn a_guest_comes_in_until_the_end() {
    let app = App::fine();
    for (until, status) in [("2999-01-01T00:00:00+02:00", 200), ("2001-01-01T00:00:00Z", 403)] {
        let list = format!("  - address: 127.0.0.1\n    until: {until}\n    note: Ann");
        let server = Innkeeper::start(NOBODY, &guests(&app, &list));
        assert_eq!(Client::of(&server).get("/").status, status);
        if status == 403 {
            server.complains(
                "config.yaml:8: the time of the guest `127.0.0.1` (Ann) was over at 2001-01-01T00:00:00Z",
            );
        } else {
            server.says("Who may come in: addresses in the whitelist (0 entries, config.yaml:3) and 1 guest");
        }
    }
    // Without an end, for good; in a pattern too.
    let server = Innkeeper::start(NOBODY, &guests(&app, "  - address: 127.0.0.*"));
    assert_eq!(Client::of(&server).get("/").status, 200);
}

#[test]
fn a_guest_goes_without_a_restart_and_whatever_the_file_holds_then() {
    let app = App::fine();
    for seconds in [2, 4, 8, 16] {
        let list = format!("  - {{address: 127.0.0.1, until: \"{}\", note: Ann}}", from_now(seconds));
        let end = Instant::now() + Duration::from_secs(seconds.unsigned_abs());
        let server = Innkeeper::start(NOBODY, &guests(&app, &list));
        let first = Client::of(&server).get("/").status;
        if Instant::now() >= end && first == 403 {
            // The machine was too slow for this one to be seen inside.
            continue;
        }
        assert_eq!(first, 200);
        server.write("config.yaml", "listen: [true");
        let patience = Instant::now() + PATIENCE;
        let mut client = Client::of(&server);
        while client.get("/").status == 200 {
            assert!(Instant::now() < patience, "the guest stays");
        }
        assert!(Instant::now() + Duration::from_secs(1) >= end, "the guest went before the end");
        assert_eq!(Client::of(&server).get("/").status, 403);
        server.says("config.yaml:8: the time of the guest `127.0.0.1` (Ann) was over at ");
        let ended = server.stop();
        assert_eq!(ended.stdout.matches("the time of the guest").count(), 1, "{}", ended.stdout);
        return;
    }
    panic!("the guest was never seen inside");
}

#[test]
fn whoever_is_listed_stays_when_the_guest_goes() {
    let app = App::fine();
    let list = format!("  - {{address: 127.0.0.1, until: \"{}\"}}", from_now(1));
    let server = Innkeeper::start("whitelist: [127.0.0.0/8]\n", &guests(&app, &list));
    let patience = Instant::now() + PATIENCE;
    let mut client = Client::of(&server);
    loop {
        assert_eq!(client.get("/").status, 200);
        // Said at the start already, where that took longer.
        if server.said("the time of the guest") {
            break;
        }
        assert!(Instant::now() < patience, "the guest stays");
    }
    assert_eq!(Client::of(&server).get("/").status, 200);
}

#[test]
fn guests_come_with_the_settings() {
    let app = App::fine();
    let server = Innkeeper::start(NOBODY, &format!("upstream: {}", app.url));
    assert_eq!(Client::of(&server).get("/").status, 403);
    let until = "2999-01-01T00:00:00Z";
    let list = format!("  - {{address: localhost, until: {until}}}");
    server.write("config.yaml", &settings(NOBODY, &guests(&app, &list)));
    server.says("the settings were read again");
    assert_eq!(Client::of(&server).get("/").status, 200);
    // Everybody is no guest, and the settings of before stay.
    server.write("config.yaml", &settings(NOBODY, &guests(&app, "  - {address: 0.0.0.0/0}")));
    server.complains("config.yaml:8:");
    server.complains("`0.0.0.0/0` is everybody, and everybody is no guest");
    assert_eq!(Client::of(&server).get("/").status, 200);
}

#[test]
fn the_page_says_who_is_a_guest() {
    let list = "guests:\n  - {address: 127.0.0.1, until: 2999-01-01T00:00:00Z}";
    let server = Innkeeper::start(NOBODY, list);
    let answer = Client::of(&server).get("/");
    assert!(
        answer.text().contains("config.yaml:7 127.0.0.1 (guest until 2999-01-01T00:00:00Z)"),
        "{}",
        answer.text()
    );
}
