//! What somebody came with, in the words of people: `Safari on iPhone`, `curl 8.5`.

/// The longest name of a device that is shown, in letters.
const LONGEST: usize = 40;

/// The first of these that is in a browser's `User-Agent` is what it is: those that pretend to be others come first.
const BROWSERS: &[(&str, &str)] = &[
    ("EdgiOS/", "Edge"),
    ("EdgA/", "Edge"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "headless Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The same for what it runs on.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

/// The device of a `User-Agent`, which has been escaped; empty for none. What nobody knows is the agent itself, cut.
pub fn named(agent: &str) -> String {
    // SillyTavern's word for a missing one.
    if agent.is_empty() || agent == "undefined" {
        return String::new();
    }
    let among = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    if agent.starts_with("Mozilla/") {
        match (among(BROWSERS), among(SYSTEMS)) {
            (Some(browser), Some(system)) => return format!("{browser} on {system}"),
            (Some(browser), None) => return browser.to_owned(),
            _ => {}
        }
    }
    tool(agent).unwrap_or_else(|| shortened(agent, LONGEST))
}

/// `curl/8.5.0` is `curl 8.5`.
fn tool(agent: &str) -> Option<String> {
    let (name, rest) = agent.split_once('/')?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let word = rest.split(' ').next()?;
    let version: Vec<&str> = word.split('.').take(2).collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.len() < 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = !name.is_empty() && name.len() < 30 && name.chars().all(is_name) && name != "Mozilla";
    (fits && version.iter().all(is_number)).then(|| format!("{name} {}", version.join(".")))
}

/// `text` with a `…` in place of what is too much.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
                "Safari on Mac",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0.0.0 Safari/537.36",
                "headless Chrome on Linux",
            ),
            ("Mozilla/5.0 (compatible; Censys/1.1)", "Mozilla/5.0 (compatible; Censys/1.1)"),
            (
                "Mozilla/5.0 zgrab/0.x and much more that nobody wants to read",
                "Mozilla/5.0 zgrab/0.x and much more tha…",
            ),
            ("curl/8.5.0", "curl 8.5"),
            ("python-requests/2.31.0", "python-requests 2.31"),
            ("Go-http-client/1.1", "Go-http-client 1.1"),
            ("Wget/1.21.3 (linux-gnu)", "Wget 1.21"),
            ("okhttp/5", "okhttp 5"),
            ("a b/1", "a b/1"),
            (r"\u{1b}[2J/1", r"\u{1b}[2J/1"),
            ("undefined", ""),
            ("", ""),
        ] {
            assert_eq!(named(agent), expected);
        }
    }
}
