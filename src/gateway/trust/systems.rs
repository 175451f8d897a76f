//! How each system is told to trust an authority. The same words for the page on the device and for the terminal of
//! the server.

use crate::error::quoted;

/// A system, or a browser that keeps a list of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// iPhone and iPad.
    Ios,
    /// Android.
    Android,
    /// Windows.
    Windows,
    /// macOS.
    Macos,
    /// Linux: what curl and most programs go by.
    Linux,
    /// Firefox, which has its own list.
    Firefox,
    /// Chromium and Chrome on Linux, which have their own list.
    Chromium,
}

/// How the certificate of the authority gets to whoever follows the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obtained<'a> {
    /// It is downloaded from the trust page, which stands at this address.
    Page(&'a str),
    /// It lies on this machine, at this path, in PEM.
    File(&'a str),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub what: String,
    /// What to type for it, if it is done by typing.
    pub command: Option<String>,
}

impl System {
    /// All of them, phones first: they are why there is a page.
    pub const ALL: [Self; 7] =
        [Self::Ios, Self::Android, Self::Windows, Self::Macos, Self::Linux, Self::Firefox, Self::Chromium];

    /// All of them, those first that the browser with this `User-Agent` is or runs on.
    #[must_use]
    pub fn of_visitor(user_agent: &str) -> Vec<Self> {
        let has = |word: &str| user_agent.contains(word);
        let system: &[Self] = if has("iPhone") || has("iPad") || has("iPod") {
            &[Self::Ios]
        } else if has("Android") {
            &[Self::Android]
        } else if has("Windows") {
            &[Self::Windows]
        } else if has("Macintosh") {
            // An iPad says so too.
            &[Self::Macos, Self::Ios]
        } else if has("Linux") || has("X11") {
            // What a person sees with there has a list of its own.
            if has("Chrome/") { &[Self::Chromium, Self::Linux] } else { &[Self::Linux] }
        } else {
            &[]
        };
        // On a phone it goes by the system's list.
        let is_own = has("Firefox/") && !has("Android");
        let mut order: Vec<Self> =
            is_own.then_some(Self::Firefox).into_iter().chain(system.iter().copied()).collect();
        order.extend(Self::ALL.iter().filter(|other| !order.contains(other)).copied().collect::<Vec<_>>());
        order
    }

    /// What it is called.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Ios => "iPhone and iPad",
            Self::Android => "Android",
            Self::Windows => "Windows",
            Self::Macos => "macOS",
            Self::Linux => "Linux",
            Self::Firefox => "Firefox",
            Self::Chromium => "Chromium and Chrome on Linux",
        }
    }

    /// What to do, in order. `authority` is what the authority calls itself.
    #[must_use]
    pub fn steps(self, from: Obtained<'_>, authority: &str) -> Vec<Step> {
        let file = match from {
            // Where browsers put it is known to their owner alone.
            Obtained::Page(_) => "authority.crt".to_owned(),
            Obtained::File(path) => quoted(path),
        };
        let mut steps = self.fetching(from);
        steps.extend(match self {
            Self::Ios => ios(authority),
            Self::Android => android(),
            Self::Windows => vec![windows(&file)],
            Self::Macos => vec![macos(&file)],
            Self::Linux => linux(&file),
            Self::Firefox => vec![firefox(&file)],
            Self::Chromium => vec![chromium(&file, from, authority)],
        });
        steps
    }

    /// How the certificate gets there, if it has to.
    fn fetching(self, from: Obtained<'_>) -> Vec<Step> {
        match from {
            Obtained::Page(page) if self == Self::Linux => vec![typed(
                "Fetch the certificate",
                format!("curl -o authority.crt {}", quoted(&format!("{page}/authority.pem"))),
            )],
            // It gets a profile of its own.
            Obtained::Page(_) if self != Self::Ios => vec![told("Download the certificate authority.crt")],
            Obtained::Page(_) | Obtained::File(_) => Vec::new(),
        }
    }
}

fn ios(authority: &str) -> Vec<Step> {
    vec![
        told("In Safari, download the profile innkeeper.mobileconfig and allow it"),
        told("Open Settings > General > VPN & Device Management, press the profile, then Install"),
        told(&format!(
            "Open Settings > General > About > Certificate Trust Settings and switch on {authority}"
        )),
    ]
}

fn android() -> Vec<Step> {
    vec![
        told(
            "Open Settings > Security > Encryption & credentials > Install a certificate > CA certificate, \
             press Install anyway and choose the file",
        ),
        told(
            "Browsers believe it then; most apps do not, as they ignore what their users trust. Firefox wants \
             to be asked: Settings > About Firefox, press the picture five times, then Settings > Secret \
             Settings > Use third party CA certificates",
        ),
    ]
}

fn windows(file: &str) -> Step {
    typed(
        "In a terminal, in the folder it lies in; or double-click it, Install Certificate, Place all \
         certificates in the following store: Trusted Root Certification Authorities",
        format!("certutil -user -addstore Root {file}"),
    )
}

fn macos(file: &str) -> Step {
    typed(
        "In a terminal, in the folder it lies in",
        format!(
            "security add-trusted-cert -r trustRoot -p ssl -k ~/Library/Keychains/login.keychain-db {file}"
        ),
    )
}

fn linux(file: &str) -> Vec<Step> {
    vec![
        typed(
            "Debian, Ubuntu, Alpine",
            format!(
                "sudo install -m 644 {file} /usr/local/share/ca-certificates/innkeeper.crt && sudo \
                 update-ca-certificates"
            ),
        ),
        typed("Fedora, Arch, openSUSE", format!("sudo trust anchor --store {file}")),
    ]
}

fn firefox(file: &str) -> Step {
    told(&format!(
        "Open Settings > Privacy & Security > View Certificates > Authorities > Import, choose {file} and tick \
         “Trust this CA to identify websites”. On Windows and macOS it also goes by the system's list"
    ))
}

fn chromium(file: &str, from: Obtained<'_>, authority: &str) -> Step {
    // PEM has to be announced there.
    let form = if matches!(from, Obtained::File(_)) { " -a" } else { "" };
    typed(
        "With the package libnss3-tools (nss-tools on Fedora), then start the browser anew",
        format!("certutil -d sql:$HOME/.pki/nssdb -A -t \"C,,\" -n {}{form} -i {file}", quoted(authority)),
    )
}

fn told(what: &str) -> Step {
    Step { what: what.to_owned(), command: None }
}

fn typed(what: &str, command: String) -> Step {
    Step { what: what.to_owned(), command: Some(command) }
}

#[cfg(test)]
mod tests {
    use super::System::{Android, Chromium, Firefox, Ios, Linux, Macos, Windows};
    use super::*;

    #[test]
    fn the_visitors_own_system_comes_first() {
        for (user_agent, expected) in [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
                [Ios, Android],
            ),
            ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/131.0 Mobile Safari/537.36", [Android, Ios]),
            ("Mozilla/5.0 (Android 15; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", [Android, Ios]),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0 Safari/537.36", [Windows, Ios]),
            ("Mozilla/5.0 (Windows NT 10.0; rv:132.0) Gecko/20100101 Firefox/132.0", [Firefox, Windows]),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", [Macos, Ios]),
            ("Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0 Safari/537.36", [Chromium, Linux]),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", [Firefox, Linux]),
            ("curl/8.10", [Ios, Android]),
        ] {
            let order = System::of_visitor(user_agent);
            assert_eq!(order[..2], expected, "{user_agent}");
            assert_eq!(order.len(), System::ALL.len(), "{user_agent}");
        }
    }
}
