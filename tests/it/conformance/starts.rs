//! `startup.json`: what becomes of a start.
//!
//! What is ours throughout, and not listed below: a start that is refused ends with exit code 2 (it could not be
//! done) where SillyTavern's ends with 1; every refusal is an `error: ` with hints.

#![cfg(target_os = "linux")] // The port is read, and the server ended, as on Linux.

/// What a start says that its owner should know: warnings, errors, and a list that takes the place of another.
pub fn matters(said: &[String]) -> String {
    let lines = said.iter().filter_map(|line| {
        if line.starts_with("Who may come in: ") {
            return line.contains("whitelist.txt (in place of ").then(|| REPLACED.to_owned());
        }
        (line.starts_with("warning: ") || line.starts_with("error: ")).then(|| without_place(line))
    });
    sorted(lines.collect())
}

/// A line without the line and column of the settings, which the tests write as it comes.
fn without_place(line: &str) -> String {
    let Some((before, after)) = line.split_once("config.yaml:") else { return line.to_owned() };
    let after = after.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ':');
    format!("{before}config.yaml:{after}")
}

/// SillyTavern's lines of a start, as Innkeeper says the same.
pub fn in_our_words(theirs: &[String]) -> String {
    let mut ours: Vec<String> = Vec::new();
    for line in theirs {
        let known = WORDS.iter().find(|(theirs, _)| line.starts_with(theirs)).map(|(_, ours)| *ours);
        match (known, ours.last_mut()) {
            (Some(""), _) => {}
            (Some(OVERRIDDEN), Some(refusal)) => {
                *refusal = refusal.replacen("error: ", "warning: ", 1) + OVERRIDDEN;
            }
            (Some(line), _) => ours.push(line.to_owned()),
            (None, Some(reminder)) if reminder.starts_with(REMINDER) => {
                *reminder += if reminder == REMINDER { "" } else { ", " };
                *reminder += line;
            }
            (None, _) => ours.push(line.clone()),
        }
    }
    sorted(ours)
}

fn sorted(mut lines: Vec<String>) -> String {
    lines.sort();
    lines.join("\n")
}

const REPLACED: &str = "whitelist.txt takes the place of the list";
const REMINDER: &str = "warning: accounts without a password: ";
const OVERRIDDEN: &str = "; started all the same, because `securityOverride` is on";

/// How a line of theirs begins, and what is said here.
const WORDS: &[(&str, &str)] = &[
    ("whitelist.txt is deprecated and will be removed", REPLACED),
    ("Please migrate its contents to the whitelist field", ""),
    (
        "Your current SillyTavern configuration is insecure",
        "error: other devices can connect (`listen: true`) and nothing protects the app",
    ),
    ("Security has been overridden.", OVERRIDDEN),
    ("A friendly reminder that the following users are not password protected:", REMINDER),
    (
        "If you are not using basic authentication or whitelisting, you should set a password for all admin users.",
        "error: other devices can connect (`listen: true`) and anyone can sign in as default-user, without a password",
    ),
    (
        "Basic Authentication is enabled, but username or password is not set or empty!",
        "warning: the user name or the password of `basicAuthUser` is empty",
    ),
];
