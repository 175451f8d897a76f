//! `innkeeper cert create`: an authority of one's own, and a certificate from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::undo::Undo;
use super::{https, say, usual_keyring};
use crate::cert::authority::{Age, Authority, Due, Leaf, Name, Names};
use crate::cli::SettingsThen;
use crate::commands::sources::{Sources, Speech};
use crate::error::{Error, Exit, quoted, quoted_file};
use crate::gateway::keyring::{self, Keyring};
use crate::gateway::renewal;

/// What is asked for.
pub struct Wish<'a> {
    /// Names as they were typed.
    pub hosts: &'a [String],
    /// What happens to the settings.
    pub settings: SettingsThen,
    /// May what is in the way be put aside?
    pub force: bool,
    /// Is it only said?
    pub dry_run: bool,
    /// What a command has to be told to find the settings.
    pub config_flag: String,
}

impl Wish<'_> {
    /// The command that does it all the same.
    fn by_force(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(|host| format!(" --host {}", quoted(host))).collect();
        let apply = if self.settings == SettingsThen::Apply { " --apply" } else { "" };
        format!("`innkeeper cert create --force{}{apply}{}`", hosts.concat(), self.config_flag)
    }
}

/// Makes what is missing, and renews what is not up to date.
pub fn make(sources: &Sources<'_>, wish: &Wish<'_>, speech: Speech) -> Result<Exit, Vec<Error>> {
    let one = |error| vec![error];
    let settings = sources.read()?;
    let hosts = names(wish.hosts)?;
    let keyring = usual_keyring(&settings);
    if wish.settings == SettingsThen::Apply {
        https::changeable(&settings, &keyring).map_err(one)?;
    }
    let own = renewal::own();
    let now = SystemTime::now();
    if wish.dry_run {
        let plan = Plan::of(&keyring, hosts, own, wish, now).map_err(one)?;
        say(speech, &plan.told(&keyring, Tense::Would));
    } else {
        make_folder(&keyring).map_err(one)?;
        let _locked = keyring.lock().map_err(one)?;
        keyring.sweep();
        let plan = Plan::of(&keyring, hosts, own, wish, now).map_err(one)?;
        plan.carry_out(&keyring, now).map_err(one)?;
        say(speech, &plan.told(&keyring, Tense::Did));
    }
    https::follow_up(sources, &keyring, wish.settings, wish.dry_run, speech)?;
    Ok(Exit::Yes)
}

/// All names, or all that is wrong with them.
fn names(hosts: &[String]) -> Result<Vec<Name>, Vec<Error>> {
    let (names, errors): (Vec<_>, Vec<_>) =
        hosts.iter().map(|host| host.parse::<Name>()).partition(Result::is_ok);
    if errors.is_empty() {
        Ok(names.into_iter().filter_map(Result::ok).collect())
    } else {
        Err(errors.into_iter().filter_map(Result::err).collect())
    }
}

/// Only its owner can look into a new folder. One that is there stays as it is: SillyTavern may use it too.
fn make_folder(keyring: &Keyring) -> Result<(), Error> {
    let folder = keyring.certificate.parent().unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(|error| {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Error::new(format!("cannot make the folder `{}`", folder.display()))
            .caused_by(error)
            .hint(format!("see who may write beside the settings: `ls -ld {}`", quoted_file(above)))
    })
}

/// Whether something is done or only said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tense {
    Did,
    Would,
}

/// What has to be done.
struct Plan {
    authority: Authority,
    /// Whether it is there already.
    standing: Standing,
    pair: Pair,
    names: Names,
    /// Files of others that are in the way, and what they are called from now on.
    aside: Vec<(PathBuf, PathBuf)>,
}

/// Where the authority comes from.
enum Standing {
    /// It is there.
    Kept,
    /// It has to be written.
    New,
    /// It has to be written in place of one of ours, which devices trust.
    Successor,
}

/// What happens to the certificate.
enum Pair {
    /// Nothing.
    UpToDate(Leaf),
    /// It is replaced; its key stays.
    Renewed,
    /// It has to be written with a new key.
    New,
}

/// What lies where the certificate goes.
enum Held {
    Nothing,
    /// One that the authority has issued.
    Ours(Leaf),
    /// Another, with a word about it.
    Foreign(String),
}

impl Plan {
    fn of(
        keyring: &Keyring,
        hosts: Vec<Name>,
        own: Vec<Name>,
        wish: &Wish<'_>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let mut aside: Vec<&PathBuf> = Vec::new();
        let present = match keyring.authority() {
            Ok(present) => present,
            Err(_) if wish.force => {
                aside.extend([&keyring.authority, &keyring.authority_key]);
                None
            }
            Err(error) => {
                let command = wish.by_force();
                return Err(
                    error.hint(format!("to put these files aside and make a new authority: {command}"))
                );
            }
        };
        let held = Held::of(keyring, present.as_ref());
        let mut names = Names { given: Vec::new(), own };
        if let Held::Ours(leaf) = &held {
            names.given.clone_from(&leaf.names.given);
        }
        for host in hosts {
            if !names.given.contains(&host) {
                names.given.push(host);
            }
        }
        if let Held::Foreign(what) = &held {
            if !wish.force {
                let command = wish.by_force();
                return Err(Error::new(what.clone()).hint(format!(
                    "to keep what is there under another name and make a new one: {command}"
                )));
            }
            aside.extend([&keyring.certificate, &keyring.key]);
        }
        let there = aside.into_iter().filter(|file| file.symlink_metadata().is_ok());
        let aside = there.map(|file| (file.clone(), backup(file))).collect();
        let (authority, standing) = Self::authority(present, &names, wish, now)?;
        let pair = Pair::of(held, &authority, &standing, &names, now);
        Ok(Self { authority, standing, pair, names, aside })
    }

    /// The one that is there, if it can do what is wanted of it; else a new one.
    fn authority(
        present: Option<Authority>,
        names: &Names,
        wish: &Wish<'_>,
        now: SystemTime,
    ) -> Result<(Authority, Standing), Error> {
        let new = || Authority::create(&names.own, &names.given, now);
        let Some(present) = present else { return Ok((new()?, Standing::New)) };
        let root = present.root();
        let outside = || names.given.iter().find(|name| !root.permits(name));
        let error = match (root.age(now), outside()) {
            (Age::Alive, None) => return Ok((present, Standing::Kept)),
            _ if wish.force => return Ok((new()?, Standing::Successor)),
            (Age::Unborn, _) => Error::new(format!(
                "the authority `{}` begins on {}, and today is {}",
                root.name(),
                renewal::day(root.begins()),
                renewal::day(now)
            ))
            .hint("it was made under a clock that was fast, or the clock is slow now: see `date`"),
            (Age::Over, _) => Error::new(format!(
                "the authority `{}` was good until {}",
                root.name(),
                renewal::day(root.until())
            )),
            (Age::Alive, Some(outside)) => {
                Error::new(format!("the authority `{}` may not vouch for `{outside}`", root.name()))
            }
        };
        let may = if outside().is_some() { " that may" } else { "" };
        Err(error.hint(format!(
            "to make a new authority{may}, which every device has to be told to trust then: {}",
            wish.by_force()
        )))
    }

    fn carry_out(&self, keyring: &Keyring, now: SystemTime) -> Result<(), Error> {
        // First: what is put aside is found again, whenever this ends.
        if !self.aside.is_empty() {
            Undo::read(keyring)?.keep_aside(&self.aside, keyring)?;
        }
        for (file, then) in &self.aside {
            fs::rename(file, then).map_err(|error| {
                Error::new(format!("cannot put `{}` aside", file.display())).caused_by(error)
            })?;
        }
        // Keys first: a certificate is never there without.
        if !matches!(self.standing, Standing::Kept) {
            let files = self.authority.files();
            keyring::put(&keyring.authority_key, &files.key)?;
            keyring::put(&keyring.authority, &files.certificate)?;
        }
        match self.pair {
            Pair::UpToDate(_) => Ok(()),
            Pair::Renewed => keyring.replace_certificate(|key| self.authority.reissue(&self.names, key, now)),
            Pair::New => {
                let issued = self.authority.issue(&self.names, now)?;
                keyring::put(&keyring.key, &issued.key)?;
                keyring::put(&keyring.certificate, &issued.certificate)
            }
        }
    }

    /// What was done, or would be.
    fn told(&self, keyring: &Keyring, tense: Tense) -> Vec<String> {
        let (made, renewed, put) = match tense {
            Tense::Did => ("Made", "Renewed", "Put"),
            Tense::Would => ("Would make", "Would renew", "Would put"),
        };
        let root = self.authority.root();
        let path = |path: &Path| path.display().to_string();
        let aside =
            self.aside.iter().map(|(file, then)| format!("{put} {} aside, as {}", path(file), path(then)));
        let mut told: Vec<String> = aside.collect();
        if !matches!(self.standing, Standing::Kept) {
            // What is not made has no name yet.
            let name = match tense {
                Tense::Did => format!(", `{}`", root.name()),
                Tense::Would => String::new(),
            };
            told.push(format!(
                "{made} an authority of your own{name}, good until {}: {}, with its key {}",
                renewal::day(root.until()),
                path(&keyring.authority),
                path(&keyring.authority_key)
            ));
        }
        if matches!(self.standing, Standing::Successor) {
            told.push("Devices that trust the one before have to be told to trust this one".to_owned());
        }
        let (certificate, key) = (path(&keyring.certificate), path(&keyring.key));
        told.push(match &self.pair {
            Pair::UpToDate(leaf) => {
                format!(
                    "The certificate is up to date, good until {}: {certificate}",
                    renewal::day(leaf.until)
                )
            }
            Pair::Renewed => format!("{renewed} the certificate: {certificate}"),
            Pair::New => format!("{made} a certificate: {certificate}, with its key {key}"),
        });
        let list = |names: &[Name]| names.iter().map(Name::to_string).collect::<Vec<_>>().join(", ");
        let (held, left): (Vec<Name>, Vec<Name>) =
            self.names.all().into_iter().partition(|name| root.permits(name));
        told.push(format!("It is for {}", list(&held)));
        if !left.is_empty() {
            told.push(format!(
                "Left out {}, as the authority vouches for what is private, and else only for what is named with `--host`",
                list(&left)
            ));
        }
        told
    }
}

impl Pair {
    /// What becomes of `held` when it shall be for `names`.
    fn of(held: Held, authority: &Authority, standing: &Standing, names: &Names, now: SystemTime) -> Self {
        let leaf = match held {
            Held::Ours(leaf) if matches!(standing, Standing::Kept) => leaf,
            _ => return Self::New,
        };
        let root = authority.root();
        // Only the names that it may hold count.
        let permitted =
            |names: &Names| names.all().into_iter().filter(|name| root.permits(name)).collect::<Vec<_>>();
        let due = leaf.due(&names.own, root, now) != Due::NotYet;
        if !due && permitted(&leaf.names) == permitted(names) { Self::UpToDate(leaf) } else { Self::Renewed }
    }
}

impl Held {
    fn of(keyring: &Keyring, authority: Option<&Authority>) -> Self {
        let pair = match keyring.pair() {
            Ok(Some(pair)) => pair,
            Ok(None) => {
                let lone = [&keyring.certificate, &keyring.key]
                    .into_iter()
                    .find(|file| file.symlink_metadata().is_ok());
                return lone.map_or(Self::Nothing, |file| {
                    Self::Foreign(format!("`{}` is there, without the other of the pair", file.display()))
                });
            }
            Err(error) => return Self::Foreign(error.to_string()),
        };
        if let Some(leaf) = authority.and_then(|authority| Leaf::issued_by(authority.root(), &pair)) {
            return Self::Ours(leaf);
        }
        let names = pair.names();
        let whose = if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) };
        Self::Foreign(format!(
            "`{}` is a certificate{whose} that was not made here",
            keyring.certificate.display()
        ))
    }
}

/// A name beside `file` that is free: with `.bak`, `.bak2` and so on.
fn backup(file: &Path) -> PathBuf {
    let with = |suffix: &str| {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        file.with_file_name(name)
    };
    let later = (2..).map(|number| format!(".bak{number}"));
    let mut free = std::iter::once(".bak".to_owned()).chain(later).map(|suffix| with(&suffix));
    // There are more numbers than files.
    free.find(|name| name.symlink_metadata().is_err()).unwrap_or_else(|| with(".bak"))
}
