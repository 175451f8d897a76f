//! `innkeeper cert trust`: the authority, and how to make devices trust it.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde::Serialize;

use super::store::Store;
use super::{https, say};
use crate::cert::authority::{Name, Root};
use crate::cli::{Code, Trust};
use crate::commands::sources::{Sources, Speech};
use crate::config::Settings;
use crate::error::{Error, Exit};
use crate::gateway::keyring::Keyring;
use crate::gateway::trust::PATH;
use crate::gateway::trust::systems::{Obtained, System};
use crate::gateway::{names, renewal};
use crate::ui;
use crate::ui::prompt::{self, Answer};

/// Shows it, or changes whether this system trusts it.
pub fn run(sources: &Sources<'_>, trust: Trust, speech: Speech) -> Result<Exit, Vec<Error>> {
    let one = |error| vec![error];
    let settings = sources.read()?;
    let keyring = in_force(&settings);
    let root = keyring.root().map_err(one)?.ok_or_else(|| {
        let error =
            Error::new(format!("there is no authority of your own at `{}`", keyring.authority.display()));
        one(error.hint(format!("make one: `innkeeper cert create --apply{}`", sources.config_flag())))
    })?;
    let shown = Shown { root: &root, keyring: &keyring, settings: &settings };
    let flag = sources.config_flag();
    match trust {
        Trust::Show { code } => shown.print(code, &flag, speech),
        Trust::Json => shown.json(),
        Trust::Install { yes } => return install(&root, yes, &flag, speech).map_err(one),
        Trust::Uninstall { yes } => return uninstall(&root, yes, &flag, speech).map_err(one),
    }
    Ok(Exit::Yes)
}

/// Beside the certificate that is served; else where `cert create` puts it.
fn in_force(settings: &Settings) -> Keyring {
    let served = Keyring::of(&settings.ssl.cert_path, &settings.ssl.key_path);
    if settings.ssl.enabled && served.authority.exists() { served } else { super::usual_keyring(settings) }
}

/// What is shown.
struct Shown<'a> {
    root: &'a Root,
    keyring: &'a Keyring,
    settings: &'a Settings,
}

/// The same for programs.
#[derive(Serialize)]
struct Facts<'a> {
    name: &'a str,
    sha256: String,
    until: String,
    bounds: Vec<String>,
    file: String,
    pages: Vec<String>,
    serving: bool,
}

impl Shown<'_> {
    fn json(&self) {
        let facts = Facts {
            name: self.root.name(),
            sha256: self.root.fingerprint().to_string(),
            until: renewal::day(self.root.until()),
            bounds: self.root.bounds(),
            file: self.keyring.authority.display().to_string(),
            pages: self.pages(),
            serving: self.is_serving(),
        };
        ui::line(&serde_json::to_string(&facts).unwrap_or_default());
    }

    fn print(&self, code: Code, flag: &str, speech: Speech) {
        let [first, second] = self.root.fingerprint().lines();
        let pages = self.pages();
        let mut text = format!(
            "Authority    {}\nGood until   {}\nCertificate  {}\nFingerprint  {first}\n(SHA-256)    {second}\n",
            self.root.name(),
            renewal::day(self.root.until()),
            self.keyring.authority.display(),
        );
        for (index, page) in pages.iter().enumerate() {
            let title = if index == 0 { "Trust page" } else { "" };
            let _ = writeln!(text, "{title:<13}{page}");
        }
        ui::text(&text);
        if speech == Speech::Full {
            for warning in self.warnings(flag) {
                ui::warning(&warning);
            }
        }
        if let Some(page) = pages.first()
            && (code == Code::Always || ui::is_terminal())
        {
            ui::line("");
            ui::code(page);
        }
        ui::text(&self.guides(pages.first().map_or("", String::as_str), flag));
    }

    /// Why the page may not be there.
    fn warnings(&self, flag: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.settings.ssl.enabled {
            warnings.push(format!(
                "https is off ({}), and so is the trust page: `innkeeper cert create --apply{flag}`",
                self.settings.origin("ssl.enabled")
            ));
        } else if !self.is_serving() {
            warnings.push(format!(
                "the certificate in the settings is not from this authority, so there is no trust page: {}",
                self.settings.ssl.cert_path.display()
            ));
        }
        if !self.settings.listen {
            let origin = self.settings.origin("listen");
            warnings.push(format!("`listen` is off ({origin}): only this computer can connect"));
        }
        warnings
    }

    fn is_serving(&self) -> bool {
        let served = Keyring::of(&self.settings.ssl.cert_path, &self.settings.ssl.key_path);
        https::is_on(self.settings, &served)
            && served.pair().ok().flatten().is_some_and(|pair| self.root.vouches_for(&pair))
    }

    /// Where the trust page stands: first the address that a phone most likely reaches.
    fn pages(&self) -> Vec<String> {
        let port = self.settings.port;
        let page = |host: String| format!("http://{host}{PATH}");
        if !self.settings.listen {
            return vec![page(format!("localhost:{port}"))];
        }
        let mut addresses: Vec<IpAddr> = names::own_addresses();
        addresses.retain(|address| self.root.permits(&Name::from(*address)));
        addresses.sort_by_key(likelihood);
        let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, port).to_string());
        let local = names::own_names()
            .into_iter()
            .filter(|name| name.strip_suffix(".local").is_some() && name.parse::<Name>().is_ok());
        let mut pages: Vec<String> =
            addresses.chain(local.map(|name| format!("{name}:{port}"))).map(page).collect();
        pages.dedup();
        pages
    }

    /// The steps for every system: with the file on this computer, with the trust page on others.
    fn guides(&self, page: &str, flag: &str) -> String {
        let path = absolute(&self.keyring.authority);
        let here: &[System] = match std::env::consts::OS {
            "macos" => &[System::Macos, System::Firefox],
            "windows" => &[System::Windows, System::Firefox],
            "linux" => &[System::Linux, System::Chromium, System::Firefox],
            _ => &[],
        };
        let mut text = String::new();
        for system in here {
            let _ = writeln!(text, "\n{}, on this computer", system.title());
            if *system == System::Linux && Store::of_this_system(self.root).is_some() {
                let _ =
                    writeln!(text, "  - By this program\n      sudo innkeeper cert trust --install{flag}");
            }
            text += &self.steps(*system, Obtained::File(&path));
        }
        text += "\nOn another device, open the trust page and compare the fingerprint. It says what to do there:\n";
        for system in
            System::ALL.iter().filter(|system| !matches!(system, System::Firefox | System::Chromium))
        {
            let _ = writeln!(text, "\n{}", system.title());
            text += &self.steps(*system, Obtained::Page(page));
        }
        text
    }

    fn steps(&self, system: System, from: Obtained<'_>) -> String {
        let mut text = String::new();
        for step in system.steps(from, self.root.name()) {
            let _ = writeln!(text, "  - {}", step.what);
            if let Some(command) = step.command {
                let _ = writeln!(text, "      {command}");
            }
        }
        text
    }
}

/// Home networks before those that containers make, IPv4 before IPv6.
fn likelihood(address: &IpAddr) -> u8 {
    match address {
        IpAddr::V4(address) => match address.octets() {
            [192, 168, ..] => 0,
            [10, ..] => 1,
            [172, ..] => 2,
            _ => 3,
        },
        IpAddr::V6(_) => 4,
    }
}

/// As it is typed in any folder.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

fn install(root: &Root, yes: bool, flag: &str, speech: Speech) -> Result<Exit, Error> {
    let store = store(root, flag)?;
    if store.holds() {
        say(speech, &[format!("This system trusts `{}` already: {}", root.name(), store.file.display())]);
        return Ok(Exit::Yes);
    }
    let [first, second] = root.fingerprint().lines();
    say(
        speech,
        &[
            format!("Fingerprint: {first} {second}"),
            format!("This writes {} and runs `{}`", store.file.display(), store.put),
        ],
    );
    let question = format!("Shall every program on this computer trust `{}`?", root.name());
    if agreed(&question, yes, &format!("--install --yes{flag}"))? == Answer::No {
        say(speech, &["nothing was changed".to_owned()]);
        return Ok(Exit::No);
    }
    store.put(root, flag)?;
    say(
        speech,
        &[
            format!("This system trusts `{}` now", root.name()),
            format!("Firefox and Chromium keep lists of their own: see `innkeeper cert trust{flag}`"),
        ],
    );
    Ok(Exit::Yes)
}

fn uninstall(root: &Root, yes: bool, flag: &str, speech: Speech) -> Result<Exit, Error> {
    let store = store(root, flag)?;
    if !store.holds() {
        say(speech, &[format!("`{}` is not in the list of this system", root.name())]);
        return Ok(Exit::Yes);
    }
    say(speech, &[format!("This deletes {} and runs `{}`", store.file.display(), store.take)]);
    let question = format!("Shall this computer no longer trust `{}`?", root.name());
    if agreed(&question, yes, &format!("--uninstall --yes{flag}"))? == Answer::No {
        say(speech, &["nothing was changed".to_owned()]);
        return Ok(Exit::No);
    }
    store.take(flag)?;
    say(speech, &[format!("This system does not trust `{}` any more", root.name())]);
    Ok(Exit::Yes)
}

fn store(root: &Root, flag: &str) -> Result<Store, Error> {
    Store::of_this_system(root).ok_or_else(|| {
        Error::new("the list of this system is none that can be changed by a file and a command")
            .hint(format!("how it is done by hand: `innkeeper cert trust{flag}`"))
    })
}

fn agreed(question: &str, yes: bool, flags: &str) -> Result<Answer, Error> {
    if yes {
        return Ok(Answer::Yes);
    }
    if !prompt::is_possible() {
        return Err(Error::new("nobody is there to be asked")
            .hint(format!("to do it without being asked: `innkeeper cert trust {flags}`")));
    }
    prompt::confirm(question)
}
