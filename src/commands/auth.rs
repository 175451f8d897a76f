//! `innkeeper auth`: who signs in, and with what.

mod off;
mod set;
mod test;
mod user;

use super::sources::{Sources, Speech};
use crate::cli::{Auth, AuthAction, PasswordFrom};
use crate::config::Settings;
use crate::error::{Error, Exit};
use crate::policy::account::NewPassword;
use crate::ui;
use crate::ui::prompt;

/// Shows or changes who signs in.
///
/// # Errors
/// Settings or accounts that cannot be read or changed, a name or password that cannot be, nobody to ask.
pub fn run(auth: &Auth) -> Result<Exit, Vec<Error>> {
    let sources = Sources::find(&auth.flags)?;
    let speech = Speech::of(auth.quiet);
    match &auth.action {
        AuthAction::Set { username, password, kept } => {
            set::set(&sources, username.as_deref(), *password, *kept, speech)
        }
        AuthAction::Off => off::off(&sources, speech),
        AuthAction::Test { username, password } => {
            test::test(&sources, username.as_deref(), *password, speech)
        }
        AuthAction::User(action) => user::run(&sources, action, speech),
    }
}

/// A new password, and whether its owner knows it yet.
enum Chosen {
    /// They typed it, or their program did.
    Known(NewPassword),
    /// It was made up here, and has to be told.
    MadeUp(NewPassword),
}

impl Chosen {
    /// Gets a new password for `whom`. Must not be called under a lock: people think.
    fn get(from: PasswordFrom, whom: &str) -> Result<Self, Error> {
        match from {
            PasswordFrom::Stdin => NewPassword::chosen(&prompt::first_line()?).map(Self::Known),
            PasswordFrom::Generated => Ok(Self::MadeUp(NewPassword::generated(&random()?))),
            PasswordFrom::Terminal | PasswordFrom::Nowhere => {
                somebody_to_ask().map_err(|error| {
                    error.hint("to have a strong one made up and printed, say `--generate`")
                })?;
                prompt::new_password(&format!("New password for `{whom}`"), NewPassword::chosen)
                    .map(Self::Known)
            }
        }
    }

    fn password(&self) -> &NewPassword {
        match self {
            Self::Known(password) | Self::MadeUp(password) => password,
        }
    }

    /// Just before it is set: prints it if nobody knows it. A password that nobody saw must not count.
    fn tell(&self) -> Result<(), Error> {
        let Self::MadeUp(password) = self else { return Ok(()) };
        ui::line(password.secret().expose());
        if ui::is_lost() {
            return Err(Error::new("the password could not be printed, so it was not set"));
        }
        Ok(())
    }

    /// Once it is set: says if it is weak.
    fn comment(&self, speech: Speech) {
        if let Self::Known(password) = self
            && password.is_short()
            && speech == Speech::Full
        {
            ui::warning("the password has fewer than 8 characters, so it can be guessed");
        }
    }
}

/// Nothing is asked where nobody answers.
fn somebody_to_ask() -> Result<(), Error> {
    if prompt::is_possible() {
        return Ok(());
    }
    Err(Error::new("there is no terminal to type the password on")
        .hint("to read it from standard input, say `--password-stdin`"))
}

/// As in SillyTavern, only other devices are asked for a password.
fn not_listening(settings: &Settings) -> String {
    let origin = settings.origin("listen");
    format!("`listen` is off ({origin}): only this computer can connect, and it is asked for no password")
}

fn random<const COUNT: usize>() -> Result<[u8; COUNT], Error> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new("the system gives no random numbers").caused_by(error.to_string()))?;
    Ok(bytes)
}

/// Says what was done.
fn say(speech: Speech, notices: &[String], warnings: &[String]) {
    if speech == Speech::Full {
        for notice in notices {
            ui::notice(notice);
        }
        for warning in warnings {
            ui::warning(warning);
        }
    }
}
