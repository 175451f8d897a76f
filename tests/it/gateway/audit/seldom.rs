//! What seldom happens: other accounts, a request that does not come to its end.

use super::*;

#[test]
fn other_accounts_are_a_change_too() {
    let logs = Logs::new();
    let app = App::fine();
    let storage = crate::it::harness::data("accounts/_storage");
    let records: Vec<(String, Vec<u8>)> = fs::read_dir(storage)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (format!("data/_storage/{}", entry.file_name().display()), fs::read(entry.path()).unwrap())
        })
        .collect();
    let files: Vec<(&str, &[u8])> = records.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let top = format!("{LIST}basicAuthMode: true\nenableUserAccounts: true\nperUserBasicAuth: true\n");
    let server = Innkeeper::start_with(&top, &logs.own(&app.url, "new", ""), &files);
    let folder = server.path("data/_storage");
    let is_of = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("\"key\":\"user:anna-muller\"");
    let record = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).find(is_of).unwrap();
    let text = fs::read_to_string(&record).unwrap();
    let changed = text.replace("\"enabled\":true", "\"enabled\":false");
    assert_ne!(text, changed);
    fs::write(folder.join("new"), changed).unwrap();
    fs::rename(folder.join("new"), &record).unwrap();
    server.says("the settings were read again");
    server.stop();
    assert_eq!(logs.lines(), [r#"{"time":"T","event":"reload","changed":["accounts"]}"#]);
}

#[test]
fn a_head_that_does_not_come_to_its_end() {
    let logs = Logs::new();
    let app = App::fine();
    let own = logs.own(&app.url, "new", "") + "\nlimits: {requestHeadTimeout: 100ms}";
    let server = Innkeeper::start(LIST, &own);
    let mut client = Client::of(&server);
    client.send("GET /half HTTP/1.1\r\nHost: app.test\r\nAuthorization: Basic c2Vj");
    assert_eq!(client.answer().status, 408);
    server.stop();
    let lines = logs.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    // Nothing that was not read whole is taken for what it may have become.
    let begin = r#"{"time":"T","event":"visit","verdict":"refused","reason":"malformed","client":"127.0.0.1","status":408,"#;
    assert!(lines[0].starts_with(begin) && !lines[0].contains("half"), "{lines:?}");
}
