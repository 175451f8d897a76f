//! `innkeeper auth`: the password for everybody, and SillyTavern's accounts. No flag takes a password: other programs
//! can read the command line.

use clap::{Arg, ArgGroup, ArgMatches, Command};

use super::Invocation;
use super::common::{file_flags, subcommand, switch};
use crate::config::Flags;
use crate::error::Error;

/// `innkeeper auth`.
#[derive(Debug)]
pub struct Auth {
    /// Which settings file; nothing else.
    pub flags: Flags,
    /// Print data and errors only.
    pub quiet: bool,
    /// What to do.
    pub action: AuthAction,
}

/// What to do about signing in.
#[derive(Debug)]
pub enum AuthAction {
    /// `set [USERNAME]`: a new password for everybody.
    Set {
        /// The user name; the present one without it.
        username: Option<String>,
        /// The password.
        password: PasswordFrom,
        /// How it is kept.
        kept: Kept,
    },
    /// `off`: ask for no password.
    Off,
    /// `test [USERNAME]`: is this the password?
    Test {
        /// The user name; the present one without it.
        username: Option<String>,
        /// The password; never made up.
        password: PasswordFrom,
    },
    /// `user …`: SillyTavern's accounts.
    User(UserAction),
}

/// What to do with the accounts.
#[derive(Debug)]
pub enum UserAction {
    /// `list`.
    List {
        /// For programs.
        json: bool,
    },
    /// `add HANDLE`.
    Add {
        /// The handle, as it was typed.
        handle: String,
        /// What the app shows; the handle without it.
        name: Option<String>,
        /// Whether the account may do everything in the app.
        admin: bool,
        /// Its password.
        password: PasswordFrom,
    },
    /// `password HANDLE`.
    Password {
        /// The handle, as it was typed.
        handle: String,
        /// The new one.
        password: PasswordFrom,
    },
    /// `enable HANDLE`.
    Enable {
        /// The handle, as it was typed.
        handle: String,
    },
    /// `disable HANDLE`.
    Disable {
        /// The handle, as it was typed.
        handle: String,
        /// Even the last admin.
        force: bool,
    },
    /// `remove HANDLE`.
    Remove {
        /// The handle, as it was typed.
        handle: String,
        /// Without being asked, and even the last admin.
        force: bool,
    },
}

/// Where a password comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordFrom {
    /// Typed on the terminal.
    Terminal,
    /// `--password-stdin`: the first line of standard input.
    Stdin,
    /// `--generate`: made up, and printed once.
    Generated,
    /// `--no-password`: there shall be none.
    Nowhere,
}

/// How a password stands in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// As a hash from which nobody reads it.
    Hashed,
    /// `--plain`: as it is, which SillyTavern understands.
    Plain,
}

/// `auth`, and what can be done with it.
pub(super) fn command() -> Command {
    let username =
        || Arg::new("username").value_name("USERNAME").help("The user name [default: the present one]");
    Command::new("auth")
        .about("Ask for a password, change it, or manage the accounts of SillyTavern")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .term_width(100)
        .subcommand(
            subcommand("set")
                .about("Set the user name and password and ask for them; a running server notices within a second")
                .after_help(
                    "The password is typed twice on the terminal, or read with --password-stdin; it is no argument, as \
                     other programs can read those. It is kept as a hash, which SillyTavern does not understand: in a \
                     file that both read it stands under `innkeeper:`.",
                )
                .arg(username())
                .args(surplus())
                .arg(password_stdin())
                .arg(generate())
                .group(ArgGroup::new("password").args(["password-stdin", "generate"]))
                .arg(switch("plain", "Keep it readable in the file, for SillyTavern to understand it")),
        )
        .subcommand(subcommand("off").about("Ask for no password, where something else keeps strangers out"))
        .subcommand(
            subcommand("test")
                .about("Check a password against what is stored; exit code 0 if it is right, 1 if not")
                .arg(username())
                .args(surplus())
                .arg(password_stdin()),
        )
        .subcommand(user())
}

/// `auth user`, and what can be done with it.
fn user() -> Command {
    let handle = || Arg::new("handle").value_name("HANDLE").required(true).help("The name to sign in with");
    Command::new("user")
        .about("Show or change the accounts of SillyTavern, in the folder of `dataRoot`")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .term_width(100)
        .subcommand(
            subcommand("list")
                .about("Show the accounts")
                .after_help(
                    "With --json: an array of objects with `handle`, `name`, `admin`, `enabled` and `password` (whether \
                     there is one).",
                )
                .arg(switch("json", "Print it for programs")),
        )
        .subcommand(
            subcommand("add")
                .about("Make an account")
                .arg(handle().help("The name to sign in with: small letters a-z, digits, single dashes"))
                .arg(
                    Arg::new("name")
                        .long("name")
                        .value_name("NAME")
                        .help("What the app shows [default: the handle]"),
                )
                .arg(switch("admin", "Let them do everything in the app"))
                .args(surplus())
                .arg(password_stdin())
                .arg(generate())
                .arg(switch(
                    "no-password",
                    "Without one: the app asks for none, and nobody signs in to Innkeeper with it",
                ))
                .group(ArgGroup::new("password").args(["password-stdin", "generate", "no-password"])),
        )
        .subcommand(
            subcommand("password")
                .about("Set the password of an account; its sessions end")
                .arg(handle())
                .args(surplus())
                .arg(password_stdin())
                .arg(generate())
                .group(ArgGroup::new("password").args(["password-stdin", "generate"])),
        )
        .subcommand(subcommand("enable").about("Let an account sign in again").arg(handle()))
        .subcommand(
            subcommand("disable")
                .about("Let an account sign in no more; its sessions end")
                .arg(handle())
                .arg(switch("force", "Even the last admin who can sign in")),
        )
        .subcommand(
            subcommand("remove")
                .about("Remove an account; the folder with its chats stays")
                .arg(handle())
                .arg(switch("force", "Without being asked, and even the last admin who can sign in")),
        )
}

/// What looks like a password on the command line, caught so that it is not repeated in an error.
fn surplus() -> [Arg; 2] {
    [
        Arg::new("surplus").num_args(0..).hide(true),
        Arg::new("password-argument").long("password").short('p').num_args(0..=1).hide(true),
    ]
}

/// Why there is no such argument; for the command named `command`.
fn misused(matches: &ArgMatches, command: &str) -> Option<Invocation> {
    let given = |name: &str| matches!(matches.try_contains_id(name), Ok(true));
    (given("surplus") || given("password-argument")).then(|| {
        Invocation::Misuse(
            Error::new("a password is never an argument: other programs can read the command line")
                .hint(format!("`innkeeper {command} --password-stdin` reads it from standard input"))
                .hint(format!("see `innkeeper {command} --help`")),
        )
    })
}

fn password_stdin() -> Arg {
    switch("password-stdin", "Read the password from the first line of standard input")
}

fn generate() -> Arg {
    switch("generate", "Make up a strong password, and print it once")
}

/// What was given; every action has its own flags.
pub(super) fn read(matches: &ArgMatches) -> Invocation {
    let nothing = |command: &str| Invocation::Misuse(Error::new("nothing to do").hint(command));
    let Some((name, matches)) = matches.subcommand() else { return nothing("innkeeper auth set") };
    let (action, matches) = if name == "user" {
        let Some((name, matches)) = matches.subcommand() else { return nothing("innkeeper auth user list") };
        if let Some(misuse) = misused(matches, &format!("auth user {name} HANDLE")) {
            return misuse;
        }
        (AuthAction::User(user_action(name, matches)), matches)
    } else {
        if let Some(misuse) = misused(matches, &format!("auth {name}")) {
            return misuse;
        }
        (action(name, matches), matches)
    };
    Invocation::Auth(Auth { flags: file_flags(matches), quiet: matches.get_flag("quiet"), action })
}

fn action(name: &str, matches: &ArgMatches) -> AuthAction {
    let username = || matches.get_one::<String>("username").cloned();
    match name {
        "off" => AuthAction::Off,
        "test" => AuthAction::Test { username: username(), password: password(matches) },
        _ => {
            let kept = if matches.get_flag("plain") { Kept::Plain } else { Kept::Hashed };
            AuthAction::Set { username: username(), password: password(matches), kept }
        }
    }
}

fn user_action(name: &str, matches: &ArgMatches) -> UserAction {
    let handle = || matches.get_one::<String>("handle").cloned().unwrap_or_default();
    let force = || matches.get_flag("force");
    match name {
        "add" => UserAction::Add {
            handle: handle(),
            name: matches.get_one::<String>("name").cloned(),
            admin: matches.get_flag("admin"),
            password: password(matches),
        },
        "password" => UserAction::Password { handle: handle(), password: password(matches) },
        "enable" => UserAction::Enable { handle: handle() },
        "disable" => UserAction::Disable { handle: handle(), force: force() },
        "remove" => UserAction::Remove { handle: handle(), force: force() },
        _ => UserAction::List { json: matches.get_flag("json") },
    }
}

/// Of the flags that a command has, the one that was given.
fn password(matches: &ArgMatches) -> PasswordFrom {
    let given = |name: &str| matches!(matches.try_get_one::<bool>(name), Ok(Some(true)));
    if given("password-stdin") {
        PasswordFrom::Stdin
    } else if given("generate") {
        PasswordFrom::Generated
    } else if given("no-password") {
        PasswordFrom::Nowhere
    } else {
        PasswordFrom::Terminal
    }
}
