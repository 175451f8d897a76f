//! `innkeeper config init --for-sillytavern`: a section for Innkeeper in the file of a SillyTavern.

use std::path::Path;

use super::sillytavern::SillyTavern;
use crate::commands::opening::{self, Names};
use crate::commands::sources::Speech;
use crate::config::document::{Change, Document, Kind, PATIENCE};
use crate::config::schema::{Key, SECTION};
use crate::config::{Effective, Flags, Syntax, Typed, Variables};
use crate::error::{Error, Exit, quoted_file};
use crate::ui;

/// Adds the section to the `config.yaml` in `folder`, and says what comes next.
pub fn share(folder: &Path, speech: Speech) -> Result<Exit, Vec<Error>> {
    let path = folder.join("config.yaml");
    if !path.is_file() {
        return Err(vec![
            Error::new(format!("there is no `{}`", path.display()))
                .hint("start SillyTavern once, so that it writes its settings; then run this again")
                .hint("DIR is the folder with SillyTavern's server.js"),
        ]);
    }
    let mut document =
        Document::open(&path, Kind::Settings(Syntax::Yaml), PATIENCE).map_err(|error| vec![error])?;
    let theirs = SillyTavern::read(&path).map_err(|error| vec![error])?;
    if theirs.port() == 0 {
        return Err(vec![
            Error::new(format!("the `port` in `{}` is none that stays the same", path.display()))
                .hint("write the port of SillyTavern there, for example `port: 8000`"),
        ]);
    }
    let sharing = Sharing { path: &path, flag: format!(" --config {}", quoted_file(&path)), theirs };
    if sharing.theirs.has_section() {
        return sharing.present(speech).map_err(|error| vec![error]);
    }
    // Something else in the file may be wrong: that is said before it is touched.
    effective(&path, document.text())?;
    for (setting, value) in sharing.section() {
        let key = Key::find(setting).ok_or_else(|| vec![Error::new(format!("no setting `{setting}`"))])?;
        let names: Vec<&str> = std::iter::once(SECTION).chain(setting.split('.')).collect();
        let typed = Typed::read(key, &value, &sharing.flag)?;
        document.edit(&Change::Set { path: &names, value: &typed.content }).map_err(|error| vec![error])?;
    }
    let after = effective(&path, document.text())?;
    let difference = document.difference().to_owned();
    document.replace().map_err(|error| vec![error])?;
    if speech == Speech::Full {
        sharing.tell(&after, &difference);
    }
    Ok(Exit::Yes)
}

/// The settings that a file with `text` at `path` gives, by itself.
fn effective(path: &Path, text: &str) -> Result<Effective, Vec<Error>> {
    Effective::of_text(path, text, &Flags::default(), &Variables::default())
        .map_err(crate::config::Problems::errors)
}

/// A SillyTavern that is to be behind the door.
struct Sharing<'a> {
    path: &'a Path,
    /// What every command needs to find the file.
    flag: String,
    theirs: SillyTavern,
}

impl Sharing<'_> {
    /// What stands under `innkeeper:`.
    fn section(&self) -> Vec<(&'static str, String)> {
        let theirs = &self.theirs;
        let is_on = |path| theirs.is_on(path).is_some();
        let mut section = vec![
            ("upstream", self.upstream()),
            ("port", self.port().to_string()),
            // By itself, so that SillyTavern's can stay off.
            ("listen", is_on("listen").to_string()),
        ];
        if is_on("ssl.enabled") {
            // So that SillyTavern can go back to plain http, which stays on this computer.
            section.push(("ssl.enabled", "true".to_owned()));
        }
        if is_on("basicAuthMode") && (is_on("listen") || is_on("perUserBasicAuth")) {
            // SillyTavern asks for the same name and password again.
            section.push(("passAuthorization", "true".to_owned()));
        }
        if theirs.beats() {
            // Two programs cannot write one heartbeat.json.
            section.push(("heartbeatInterval", "0".to_owned()));
        }
        section
    }

    fn upstream(&self) -> String {
        let scheme = if self.theirs.is_on("ssl.enabled").is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.theirs.address(), self.theirs.port())
    }

    /// The port after Innkeeper's usual one where SillyTavern has that.
    fn port(&self) -> u16 {
        const USUAL: u16 = 8001;
        if self.theirs.port() == USUAL { USUAL + 1 } else { USUAL }
    }

    /// The section is there already: whether it does what it is for.
    fn present(&self, speech: Speech) -> Result<Exit, Error> {
        let text = crate::config::file_text(self.path)?;
        let now = effective(self.path, &text).map_err(|mut errors| errors.remove(0))?;
        let name = self.path.display();
        let upstream = Key::find("upstream").map(|key| now.lines(key).join("")).unwrap_or_default();
        let (theirs, flag) = (self.theirs.port(), &self.flag);
        if upstream == self.upstream() && now.settings.port != theirs {
            if speech == Speech::Full {
                ui::notice(&format!("{name} has its section for Innkeeper already; nothing was changed"));
            }
            return Ok(Exit::Yes);
        }
        let mut error =
            Error::new(format!("`{name}` has a section for Innkeeper already, with something else in it"));
        if upstream != self.upstream() {
            error = error.hint(format!("innkeeper config set innkeeper.upstream {}{flag}", self.upstream()));
        }
        if now.settings.port == theirs {
            error = error.hint(format!("innkeeper config set innkeeper.port {}{flag}", self.port()));
        }
        ui::error(&error.hint("nothing was changed"));
        Ok(Exit::No)
    }

    /// What was done, what still stands in the way, and what to type next.
    fn tell(&self, after: &Effective, difference: &str) {
        let (name, flag) = (self.path.display(), &self.flag);
        ui::notice(&format!("{name} has a section for Innkeeper now; nothing else in it was changed:"));
        ui::notice(difference.trim_end());
        self.obstacles();
        for finding in &opening::trial(&after.settings, Names::Leave).refused {
            ui::advice(&finding.error);
        }
        let scheme = if after.settings.ssl.enabled { "https" } else { "http" };
        ui::notice(&format!(
            "SillyTavern stays at {}, Innkeeper opens {scheme}://127.0.0.1:{}/. Next:",
            self.upstream(),
            after.settings.port
        ));
        let mut steps = vec![
            format!("see what is in force: innkeeper config check{flag}"),
            format!("open the door: innkeeper serve{flag}"),
        ];
        if !after.settings.listen {
            steps.push(format!(
                "let other devices connect (SillyTavern's own `listen` stays off): innkeeper config set innkeeper.listen \
                 true{flag}"
            ));
            steps.push(format!("let in the devices of this network: innkeeper whitelist add lan{flag}"));
        }
        for step in steps {
            ui::notice(&format!("- {step}"));
        }
    }

    /// What in SillyTavern's own settings leads past Innkeeper, or keeps it out.
    fn obstacles(&self) {
        let flag = &self.flag;
        if let Some(origin) = self.theirs.is_on("listen") {
            ui::advice(
                &Error::new(format!(
                    "other devices still reach SillyTavern itself, past Innkeeper ({origin})"
                ))
                .hint(format!("write `listen: false` there ({origin}) and start SillyTavern again"))
                .hint("the one under `innkeeper:` stays on: Innkeeper is the door"),
            );
        }
        if let Some(origin) = self.theirs.is_on("ssl.enabled") {
            ui::advice(
                &Error::new(format!(
                    "SillyTavern's certificate ({origin}) has to be one that is known and names {}",
                    self.theirs.address()
                ))
                .hint(format!(
                    "if it is not: write `enabled: false` there ({origin}), start SillyTavern again, then `innkeeper \
                     config set innkeeper.upstream http://{}:{}{flag}`",
                    self.theirs.address(),
                    self.theirs.port()
                )),
            );
        }
        if !self.theirs.lets_in_this_computer() {
            ui::advice(
                &Error::new(format!(
                    "SillyTavern's own whitelist does not let in {}, from where Innkeeper comes to it",
                    self.theirs.address()
                ))
                .hint(format!(
                    "innkeeper whitelist add {}{flag}",
                    self.theirs.address().trim_matches(['[', ']'])
                )),
            );
        }
    }
}
