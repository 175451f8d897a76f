//! `innkeeper auth user`: SillyTavern's accounts, shown and changed in its own folder.

use std::path::PathBuf;

use serde::Serialize;

use super::{Chosen, random, say};
use crate::cli::{PasswordFrom, UserAction};
use crate::commands::sources::{Sources, Speech};
use crate::config::Settings;
use crate::error::{Error, Exit};
use crate::policy::account::{Account, Accounts, Handle, Sealed};
use crate::store::{self, Change, Making, NewAccount, Store};
use crate::ui;
use crate::ui::prompt::{self, Answer};

/// Shows or changes the accounts.
pub fn run(sources: &Sources<'_>, action: &UserAction, speech: Speech) -> Result<Exit, Vec<Error>> {
    let users = Users { settings: sources.read()?, config_flag: sources.config_flag(), speech };
    let done = match action {
        UserAction::List { json } => users.list(*json),
        UserAction::Add { handle, name, admin, password } => {
            users.add(handle, name.as_deref(), *admin, *password)
        }
        UserAction::Password { handle, password } => users.password(handle, *password),
        UserAction::Enable { handle } => users.enable(handle),
        UserAction::Disable { handle, force } => users.disable(handle, LastAdmin::of(*force)),
        UserAction::Remove { handle, force } => users.remove(handle, LastAdmin::of(*force)),
    };
    done.map_err(|error| vec![error])
}

/// Whether the last admin who can sign in may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastAdmin {
    Keep,
    Lose,
}

impl LastAdmin {
    fn of(force: bool) -> Self {
        if force { Self::Lose } else { Self::Keep }
    }
}

/// The accounts in `dataRoot`.
struct Users {
    settings: Settings,
    config_flag: String,
    speech: Speech,
}

impl Users {
    fn list(&self, json: bool) -> Result<Exit, Error> {
        let root = &self.settings.data_root;
        let accounts = if store::exists(root) { store::read(root)? } else { Accounts::new([]) };
        let rows: Vec<Row> = accounts.iter().map(Row::of).collect();
        if json {
            let text = serde_json::to_string_pretty(&rows)
                .map_err(|error| Error::new("cannot write JSON").caused_by(error))?;
            ui::line(&text);
        } else {
            ui::table(
                ["HANDLE", "NAME", "ADMIN", "ENABLED", "PASSWORD"],
                &rows.iter().map(Row::cells).collect::<Vec<_>>(),
            );
        }
        if rows.is_empty() {
            let notice = format!(
                "there are no accounts in {}; the first: `innkeeper auth user add HANDLE --admin{}`",
                root.join(store::FOLDER).display(),
                self.config_flag
            );
            say(self.speech, &[notice], &[]);
        }
        Ok(Exit::Yes)
    }

    fn add(&self, handle: &str, name: Option<&str>, admin: bool, from: PasswordFrom) -> Result<Exit, Error> {
        let handle: Handle = handle.parse()?;
        let name = name.unwrap_or(handle.as_str());
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(
                Error::new("the name of an account is one line of text").hint("for example `--name Ann`")
            );
        }
        let root = &self.settings.data_root;
        // Before anybody thinks of a password.
        if store::exists(root) {
            self.refuse_known(&store::read(root)?, handle.as_str())?;
        }
        let chosen = match from {
            PasswordFrom::Nowhere => None,
            from => Some(Chosen::get(from, handle.as_str())?),
        };
        let sealed = chosen.as_ref().map(sealed).transpose()?;
        let (store, making) = Store::make(root)?;
        self.refuse_known(&store.accounts()?, handle.as_str())?;
        chosen.as_ref().map_or(Ok(()), Chosen::tell)?;
        store.add(&NewAccount { handle: &handle, name, admin, password: sealed.as_ref() })?;
        let accounts = store.accounts()?;
        let mut notices = Vec::new();
        if making == Making::Made {
            notices.push(format!("Made the folder for accounts {}", root.join(store::FOLDER).display()));
        }
        notices.push(format!("Added the account {handle}{}", if admin { " (admin)" } else { "" }));
        // It fills the folders of the accounts that it knows when it starts.
        if root.join("cookie-secret.txt").exists() && !self.data_of(handle.as_str()).exists() {
            notices.push(format!(
                "SillyTavern makes the folder of the account ({}) when it starts: if it is running, start it anew",
                self.data_of(handle.as_str()).display()
            ));
        }
        let mut warnings = self.out_of_use();
        if sealed.is_none() {
            warnings.push(format!(
                "{handle} has no password: SillyTavern asks for none, and Innkeeper never lets them in"
            ));
        }
        if admins_of(&accounts).is_empty() {
            warnings.push(format!(
                "no account that can sign in is an admin, and SillyTavern makes one only where there are no accounts \
                 at all: `innkeeper auth user add HANDLE --admin{}`",
                self.config_flag
            ));
        }
        say(self.speech, &notices, &warnings);
        if let Some(chosen) = chosen {
            chosen.comment(self.speech);
        }
        Ok(Exit::Yes)
    }

    fn refuse_known(&self, accounts: &Accounts, handle: &str) -> Result<(), Error> {
        if find(accounts, handle).is_none() {
            return Ok(());
        }
        Err(Error::new(format!("there is an account `{handle}` already")).hint(format!(
            "to set its password: `innkeeper auth user password {handle}{}`",
            self.config_flag
        )))
    }

    fn password(&self, handle: &str, from: PasswordFrom) -> Result<Exit, Error> {
        self.known(&store::read(&self.settings.data_root)?, handle)?;
        let chosen = Chosen::get(from, handle)?;
        let sealed = sealed(&chosen)?;
        let store = Store::open(&self.settings.data_root)?;
        let account = self.known(&store.accounts()?, handle)?;
        chosen.tell()?;
        store.change(handle, &Change::Password(&sealed))?;
        let mut warnings = self.out_of_use();
        if !account.enabled {
            warnings.push(format!(
                "{handle} is disabled; to let them in: `innkeeper auth user enable {handle}{}`",
                self.config_flag
            ));
        }
        let notice = format!("Set the password of {handle}; who is signed in with the old one is signed out");
        say(self.speech, &[notice], &warnings);
        chosen.comment(self.speech);
        Ok(Exit::Yes)
    }

    fn enable(&self, handle: &str) -> Result<Exit, Error> {
        let store = Store::open(&self.settings.data_root)?;
        let account = self.known(&store.accounts()?, handle)?;
        let notice = if account.enabled {
            format!("{handle} is enabled already")
        } else {
            store.change(handle, &Change::Enabled(true))?;
            format!("Enabled {handle}")
        };
        say(self.speech, &[notice], &[]);
        Ok(Exit::Yes)
    }

    fn disable(&self, handle: &str, last: LastAdmin) -> Result<Exit, Error> {
        let store = Store::open(&self.settings.data_root)?;
        let accounts = store.accounts()?;
        let account = self.known(&accounts, handle)?;
        let notice = if account.enabled {
            if let Some(refusal) = kept(&accounts, handle, last) {
                ui::error(&refusal);
                return Ok(Exit::No);
            }
            store.change(handle, &Change::Enabled(false))?;
            format!("Disabled {handle}; they are signed out")
        } else {
            format!("{handle} is disabled already")
        };
        say(self.speech, &[notice], &[]);
        Ok(Exit::Yes)
    }

    fn remove(&self, handle: &str, last: LastAdmin) -> Result<Exit, Error> {
        let accounts = store::read(&self.settings.data_root)?;
        self.known(&accounts, handle)?;
        if let Some(refusal) = kept(&accounts, handle, last) {
            ui::error(&refusal);
            return Ok(Exit::No);
        }
        if last == LastAdmin::Keep {
            if !prompt::is_possible() {
                return Err(Error::new(format!("nobody is there to be asked whether {handle} shall go"))
                    .hint("to remove the account without being asked, say `--force`"));
            }
            if prompt::confirm(&format!("Remove the account {handle}?"))? == Answer::No {
                say(self.speech, &["nothing was changed".to_owned()], &[]);
                return Ok(Exit::No);
            }
        }
        let store = Store::open(&self.settings.data_root)?;
        // Somebody was asked meanwhile.
        if let Some(refusal) = kept(&store.accounts()?, handle, last) {
            ui::error(&refusal);
            return Ok(Exit::No);
        }
        store.remove(handle)?;
        let mut notices = vec![format!("Removed the account {handle}")];
        let data = self.data_of(handle);
        if data.exists() {
            notices.push(format!("its chats and characters are still there: {}", data.display()));
        }
        say(self.speech, &notices, &[]);
        Ok(Exit::Yes)
    }

    /// The account, or that there is none.
    fn known(&self, accounts: &Accounts, handle: &str) -> Result<Account, Error> {
        find(accounts, handle).cloned().ok_or_else(|| {
            let error = Error::new(format!("there is no account `{}`", handle.escape_debug()));
            let meant = Handle::of_name(handle).filter(|meant| find(accounts, meant.as_str()).is_some());
            match meant {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint(format!("see `innkeeper auth user list{}`", self.config_flag)),
            }
        })
    }

    /// The folder in which SillyTavern keeps what belongs to an account.
    fn data_of(&self, handle: &str) -> PathBuf {
        self.settings.data_root.join(handle)
    }

    /// Why Innkeeper does not ask for the password of an account.
    fn out_of_use(&self) -> Vec<String> {
        let off = |key: &str| format!("`{key}` is off ({})", self.settings.origin(key));
        let mut why = Vec::new();
        if !self.settings.enable_user_accounts {
            why.push(format!("accounts are not in use: {}", off("enableUserAccounts")));
        } else if !self.settings.per_user_basic_auth {
            why.push(format!(
                "Innkeeper does not ask for the passwords of accounts: {}",
                off("perUserBasicAuth")
            ));
        }
        why
    }
}

/// One account. The names are part of what `--json` promises.
#[derive(Serialize)]
struct Row {
    handle: String,
    name: String,
    admin: bool,
    enabled: bool,
    /// Whether there is one.
    password: bool,
}

impl Row {
    fn of(account: &Account) -> Self {
        Self {
            handle: account.handle.to_string(),
            name: account.name.clone(),
            admin: account.admin,
            enabled: account.enabled,
            password: account.hash.is_some(),
        }
    }

    fn cells(&self) -> [String; 5] {
        let word = |is: bool| if is { "yes" } else { "no" }.to_owned();
        [self.handle.clone(), self.name.clone(), word(self.admin), word(self.enabled), word(self.password)]
    }
}

fn find<'a>(accounts: &'a Accounts, handle: &str) -> Option<&'a Account> {
    accounts.iter().find(|account| &*account.handle == handle)
}

fn sealed(chosen: &Chosen) -> Result<Sealed, Error> {
    Ok(Sealed::new(chosen.password(), &random()?))
}

/// The admins who can sign in.
fn admins_of(accounts: &Accounts) -> Vec<&Account> {
    accounts.iter().filter(|account| account.admin && account.enabled).collect()
}

/// Why `handle` has to stay: nobody else can make it good in the app.
fn kept(accounts: &Accounts, handle: &str, last: LastAdmin) -> Option<Error> {
    let admins = admins_of(accounts);
    let is_last = matches!(admins[..], [admin] if &*admin.handle == handle);
    (is_last && last == LastAdmin::Keep).then(|| {
        Error::new(format!("{handle} is the last admin who can sign in"))
            .hint("nothing was changed; if it is meant, say `--force`")
    })
}
