//! `innkeeper auth set`: the user name and password for everybody.

use super::{Chosen, not_listening, random, say};
use crate::cli::{Kept, PasswordFrom};
use crate::commands::place::{Editing, Place, Readers, changeable};
use crate::commands::sources::{Sources, Speech};
use crate::config::{Content, Settings};
use crate::error::{Error, Exit};
use crate::policy::account::{PasswordHash, Secret, Shared, UserName};

const MODE: &str = "basicAuthMode";
const USER: &str = "basicAuthUser.username";
const PASSWORD: &str = "basicAuthUser.password";

/// Sets them and turns `basicAuthMode` on.
pub fn set(
    sources: &Sources<'_>,
    username: Option<&str>,
    from: PasswordFrom,
    kept: Kept,
    speech: Speech,
) -> Result<Exit, Vec<Error>> {
    let one = |error| vec![error];
    let user = wanted(&sources.read()?, username).map_err(one)?;
    let chosen = Chosen::get(from, user.as_str()).map_err(one)?;
    let written = written(&chosen, kept).map_err(one)?;
    let mut editing = Editing::open(sources)?;
    // Somebody may have changed it while the password was typed.
    let user = wanted(&editing.settings, username).map_err(one)?;
    let login = Login { user, written, kept };
    login.write(&mut editing).map_err(one)?;
    let settings = editing.outcome()?;
    login.confirm(&settings).map_err(one)?;
    let told = login.told(&editing, &settings);
    chosen.tell().map_err(one)?;
    editing.finish().map_err(one)?;
    say(speech, &told.notices, &told.warnings);
    chosen.comment(speech);
    Ok(Exit::Yes)
}

/// The name that is to be, if the file decides it.
fn wanted(settings: &Settings, username: Option<&str>) -> Result<UserName, Error> {
    let present = &settings.basic_auth_user.username;
    let user: UserName = username.unwrap_or(present).parse()?;
    if user.as_str() != present {
        changeable(settings, USER)?;
    }
    if !settings.basic_auth_mode {
        changeable(settings, MODE)?;
    }
    changeable(settings, PASSWORD)?;
    Ok(user)
}

/// The text that stands in the file.
fn written(chosen: &Chosen, kept: Kept) -> Result<Secret, Error> {
    let password = chosen.password();
    match kept {
        Kept::Hashed => Ok(PasswordHash::argon2id_text(password, &random()?)),
        // What begins like a hash would be taken for one.
        Kept::Plain if password.secret().expose().starts_with("$argon2id$") => {
            Err(Error::new("a password that begins with `$argon2id$` cannot be kept as it is")
                .hint("leave `--plain` away"))
        }
        Kept::Plain => Ok(password.secret().clone()),
    }
}

struct Login {
    user: UserName,
    written: Secret,
    kept: Kept,
}

struct Told {
    notices: Vec<String>,
    warnings: Vec<String>,
}

impl Login {
    /// Makes the changes in memory. A hash that SillyTavern reads would be a password to it; and what stands beside a
    /// password of Innkeeper's own is its own too.
    fn write(&self, editing: &mut Editing<'_>) -> Result<(), Error> {
        let hidden = self.kept == Kept::Hashed && editing.readers == Readers::Both;
        let place = if hidden || editing.is_own(PASSWORD)? { Place::Own } else { Place::InForce };
        let mode = editing.settings.basic_auth_mode;
        let renamed = editing.settings.basic_auth_user.username != self.user.as_str();
        // Name and password stay side by side.
        if renamed || (place == Place::Own && !editing.is_own(USER)?) {
            editing.set(USER, &Content::Text(self.user.to_string()), place)?;
        }
        editing.set(PASSWORD, &Content::Text(self.written.expose().to_owned()), place)?;
        if !mode {
            editing.set(MODE, &Content::Switch(true, "true".to_owned()), place)?;
        }
        Ok(())
    }

    /// What was written is what a server would take.
    fn confirm(&self, settings: &Settings) -> Result<(), Error> {
        let user = &settings.basic_auth_user;
        let is_written = user.username == self.user.as_str()
            && Secret::new(user.password.reveal()) == self.written
            && settings.basic_auth_mode;
        if !is_written {
            return Err(Error::new(format!(
                "`{}` would not be read as it was written",
                settings.file.display()
            ))
            .hint("nothing was changed; edit the file by hand"));
        }
        Shared::new(&user.username, user.password.reveal().parse()?).map(drop)
    }

    /// What its owner has to know.
    fn told(&self, editing: &Editing<'_>, settings: &Settings) -> Told {
        let (mut notices, mut warnings) = (Vec::new(), Vec::new());
        let origin = |path| settings.origin(path);
        notices.push(format!("Set the password of `{}`: {}", self.user, origin(PASSWORD)));
        if !editing.settings.basic_auth_mode {
            notices.push(format!("Turned on `{MODE}`: {}", origin(MODE)));
        }
        match (self.kept, editing.readers) {
            (Kept::Hashed, Readers::Both) => notices.push(
                "It is kept as a hash, which SillyTavern cannot read. SillyTavern seems to use this file too, so it \
                 stands under `innkeeper:` and counts for Innkeeper alone; the login at the top level stays SillyTavern's"
                    .to_owned(),
            ),
            (Kept::Hashed, Readers::Unknown) => notices.push(
                "It is kept as a hash, which SillyTavern cannot read: for a file that SillyTavern uses too, say `--plain`"
                    .to_owned(),
            ),
            (Kept::Hashed, Readers::Innkeeper) => notices.push("It is kept as a hash".to_owned()),
            (Kept::Plain, _) => {
                let file = settings.file.display();
                warnings.push(format!("whoever can read {file} can read the password"));
            }
        }
        let own = editing.is_own(PASSWORD).unwrap_or_default();
        if self.kept == Kept::Plain && own && editing.readers != Readers::Innkeeper {
            notices.push("It stands under `innkeeper:`, where SillyTavern does not look".to_owned());
        }
        if settings.per_user_basic_auth {
            warnings.push(format!(
                "this password is not asked for: `perUserBasicAuth` is on ({}), so those of the accounts are: \
                 `innkeeper auth user password HANDLE`",
                origin("perUserBasicAuth")
            ));
        }
        if !settings.listen {
            warnings.push(not_listening(settings));
        }
        Told { notices, warnings }
    }
}
