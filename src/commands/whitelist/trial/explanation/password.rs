//! Whether a password is asked for, and who could have one: the step `password`.

use super::{Explaining, Outcome};
use crate::policy::account::Login;
use crate::policy::{Decision, Denial, Satisfy, Standing};

impl Explaining<'_> {
    /// Whether a password is asked for, and whether the user could have one.
    pub(super) fn look_at_password(&mut self) {
        let settings = self.settings();
        let policy = &self.served.rules.policy;
        let asked = matches!(self.decision, Decision::Deny(Denial::SignIn { .. }));
        let origin = settings.origin("basicAuthMode");
        if !asked {
            let why = match (&policy.sign_in, policy.satisfy) {
                (None, _) if settings.basic_auth_mode => "only this computer can connect".to_owned(),
                (None, _) => format!("`basicAuthMode` is off ({origin})"),
                (Some(_), Satisfy::Any) if matches!(policy.standing(self.client), Standing::Listed(_)) => {
                    "a listed address is enough (`innkeeper.satisfy` is `any`)".to_owned()
                }
                (Some(_), _) => "`/` is one of `innkeeper.publicPaths`".to_owned(),
            };
            return self.step("password", Outcome::Passed, format!("not asked for: {why}"));
        }
        let text = format!("asked for: `basicAuthMode` is on ({origin})");
        match self.user() {
            User::Untold => self.step("password", Outcome::Passed, text),
            User::Able(who) => self.step("password", Outcome::Passed, format!("{text}; {who}")),
            User::Unable(why) => self.step("password", Outcome::Refused, format!("{text}; {why}")),
        }
    }

    /// What is known of `--user`.
    pub(super) fn user(&self) -> User {
        let (Some(user), Some(sign_in)) = (self.request.user, &self.served.rules.policy.sign_in) else {
            return User::Untold;
        };
        let user_shown = format!("`{}`", user.escape_debug());
        match &sign_in.login {
            Login::Shared(shared) if shared.user() == user => {
                User::Able(format!("{user_shown} is the one user (`basicAuthUser`)"))
            }
            Login::Shared(_) => User::Unable(format!("{user_shown} is not the one user (`basicAuthUser`)")),
            Login::Accounts(accounts) => match accounts.iter().find(|account| &*account.handle == user) {
                None => User::Unable(format!("there is no account {user_shown}")),
                Some(account) if !account.enabled => {
                    User::Unable(format!("the account {user_shown} is disabled"))
                }
                Some(account) if account.hash.is_none() => {
                    User::Unable(format!("the account {user_shown} has no password to sign in with"))
                }
                Some(_) => User::Able(format!("the account {user_shown} can sign in")),
            },
        }
    }
}

/// What is known of the one who is going to sign in.
pub(super) enum User {
    /// Nobody said who.
    Untold,
    /// They could.
    Able(String),
    /// They cannot, whatever the password.
    Unable(String),
}
