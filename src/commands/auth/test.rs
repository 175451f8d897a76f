//! `innkeeper auth test`: a password held against what is stored, by the code that `serve` does it with.

use super::{not_listening, say, somebody_to_ask};
use crate::cli::PasswordFrom;
use crate::commands::opening;
use crate::commands::sources::{Sources, Speech};
use crate::config::Settings;
use crate::error::{Error, Exit};
use crate::policy::account::{Accounts, Credentials, Login, PasswordHash, Proof, Secret, Shared};
use crate::ui;
use crate::ui::prompt;

/// Checks one password: the shared one, or that of an account with `perUserBasicAuth`.
pub fn test(
    sources: &Sources<'_>,
    username: Option<&str>,
    from: PasswordFrom,
    speech: Speech,
) -> Result<Exit, Vec<Error>> {
    let settings = sources.read()?;
    held_against(&settings, &sources.config_flag(), username, from, speech).map_err(|error| vec![error])
}

fn held_against(
    settings: &Settings,
    config_flag: &str,
    username: Option<&str>,
    from: PasswordFrom,
    speech: Speech,
) -> Result<Exit, Error> {
    let stored = Stored::of(settings)?;
    let user = match (&stored, username) {
        (_, Some(user)) => user.to_owned(),
        (Stored::Shared { .. }, None) => settings.basic_auth_user.username.clone(),
        (Stored::Accounts(_), None) => {
            return Err(Error::new("each account has its own password (`perUserBasicAuth` is on)")
                .hint(format!("name one: `innkeeper auth test HANDLE{config_flag}`")));
        }
    };
    let password = if from == PasswordFrom::Stdin {
        prompt::first_line()?
    } else {
        somebody_to_ask()?;
        prompt::password(&format!("Password of `{user}`: "))?
    };
    let credentials = Credentials { user, password: Secret::new(password) };
    let answer = stored.login().claim(&credentials).prove();
    say(speech, &[], &not_asked(settings));
    match answer {
        Proof::Accepted { user } => {
            if speech == Speech::Full {
                ui::notice(&format!("right, `{user}` can sign in; {}", stored.described(&user)));
            }
            Ok(Exit::Yes)
        }
        Proof::Rejected => {
            ui::error(&stored.why_not(&credentials.user, config_flag));
            Ok(Exit::No)
        }
    }
}

/// What passwords are held against.
enum Stored {
    Shared { login: Shared, scheme: String, place: String },
    Accounts(Accounts),
}

impl Stored {
    fn of(settings: &Settings) -> Result<Self, Error> {
        if settings.per_user_basic_auth {
            return Ok(Self::Accounts(opening::accounts(settings)?));
        }
        let user = &settings.basic_auth_user;
        let written = user.password.reveal();
        let login = Shared::new(&user.username, written.parse()?)?;
        let mut scheme = login.hash().scheme();
        // As htpasswd writes it; to us, as to SillyTavern, it is a password like any other.
        if ["$2a$", "$2b$", "$2y$", "$apr1$"].iter().any(|prefix| written.starts_with(prefix)) {
            scheme += ", although it looks like a hash; the only one that is understood here is argon2id";
        }
        let place = settings.origin("basicAuthUser.password").to_string();
        Ok(Self::Shared { login, scheme, place })
    }

    fn login(&self) -> Login {
        match self {
            Self::Shared { login, .. } => Login::Shared(login.clone()),
            Self::Accounts(accounts) => Login::Accounts(accounts.clone()),
        }
    }

    /// How the password of `user` is kept.
    fn described(&self, user: &str) -> String {
        match self {
            Self::Shared { scheme, place, .. } => format!("the password is stored as {scheme} ({place})"),
            Self::Accounts(accounts) => {
                let account = accounts.iter().find(|account| &*account.handle == user);
                let scheme = account.and_then(|account| account.hash.as_deref()).map(PasswordHash::scheme);
                match scheme {
                    Some(scheme) => format!("the password of the account is stored as {scheme}"),
                    None => "the account has no password".to_owned(),
                }
            }
        }
    }

    /// What is wrong. A visitor never learns this; the owner can read it in the file anyway.
    fn why_not(&self, user: &str, config_flag: &str) -> Error {
        match self {
            Self::Shared { login, .. } if login.user() != user => {
                Error::new(format!("`{user}` cannot sign in: the user name is `{}`", login.user()))
            }
            Self::Shared { .. } => Error::new(format!("that is not the password; {}", self.described(user)))
                .hint(format!("to set another one: `innkeeper auth set{config_flag}`")),
            Self::Accounts(accounts) => match accounts.iter().find(|account| &*account.handle == user) {
                None => Error::new(format!("there is no account `{user}`"))
                    .hint(format!("see `innkeeper auth user list{config_flag}`")),
                Some(account) if !account.enabled => Error::new(format!("the account `{user}` is disabled"))
                    .hint(format!("`innkeeper auth user enable {user}{config_flag}`")),
                Some(account) if account.hash.is_none() => {
                    Error::new(format!("the account `{user}` has no password, so nobody signs in with it"))
                        .hint(format!("`innkeeper auth user password {user}{config_flag}`"))
                }
                Some(_) => Error::new(format!("that is not the password; {}", self.described(user)))
                    .hint(format!("to set another one: `innkeeper auth user password {user}{config_flag}`")),
            },
        }
    }
}

/// Why `serve` asks for no password at all.
fn not_asked(settings: &Settings) -> Vec<String> {
    let mut why = Vec::new();
    if !settings.basic_auth_mode {
        let origin = settings.origin("basicAuthMode");
        why.push(format!("no password is asked for: `basicAuthMode` is off ({origin})"));
    } else if !settings.listen {
        why.push(not_listening(settings));
    }
    why
}
