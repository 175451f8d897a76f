//! `innkeeper cert create --remove`: the authority and what it has issued, gone again.

use std::fs;
use std::path::{Path, PathBuf};

use super::https::After;
use super::store::Store;
use super::undo::Undo;
use super::{https, say, usual_keyring};
use crate::cert::authority::Root;
use crate::commands::sources::{Sources, Speech};
use crate::error::{Error, Exit};
use crate::gateway::keyring::Keyring;
use crate::ui::prompt::{self, Answer};

/// Deletes what was made here, and nothing else.
pub fn remove(sources: &Sources<'_>, force: bool, dry_run: bool, speech: Speech) -> Result<Exit, Vec<Error>> {
    let one = |error| vec![error];
    let settings = sources.read()?;
    let keyring = usual_keyring(&settings);
    let Some(root) = keyring.root().map_err(one)? else {
        let place = keyring.authority.display();
        say(speech, &[format!("There is nothing to remove: no authority at {place}")]);
        return Ok(Exit::Yes);
    };
    if !force && !dry_run && asked(sources, &root).map_err(one)? == Answer::No {
        say(speech, &["nothing was changed".to_owned()]);
        return Ok(Exit::No);
    }
    let locked = keyring.lock().map_err(one)?;
    if !dry_run {
        keyring.sweep();
    }
    let undo = Undo::read(&keyring).map_err(one)?;
    let Remains { ours, foreign } = Remains::of(&keyring, &root);
    let mut returning = undo.aside(&keyring);
    // One of the two would be no pair with what is there.
    if [&keyring.certificate, &keyring.key].iter().any(|file| foreign.contains(file)) {
        returning.clear();
    }
    let after = if returning.len() == 2 { After::Before } else { After::Nothing };
    // Settings first: a server that is started in between would miss the files.
    let mut going = ours.clone();
    going.retain(|file| returning.iter().all(|(_, was)| was != file));
    let mut told = https::turn_off(sources, &keyring, &undo, after, &going, dry_run)?;
    for file in &ours {
        // The last.
        if *file == keyring.authority {
            told.extend(put_back(&returning, dry_run).map_err(one)?);
            if !dry_run {
                forget(&keyring).map_err(one)?;
            }
        }
        if !dry_run {
            fs::remove_file(file).map_err(|error| {
                one(Error::new(format!("cannot delete `{}`", file.display())).caused_by(error))
            })?;
        }
        told.push(format!("{} {}", if dry_run { "Would delete" } else { "Deleted" }, file.display()));
    }
    for file in &foreign {
        told.push(format!("Kept {}, which was not made here", file.display()));
    }
    told.extend(still_trusting(&root));
    say(speech, &told);
    drop(locked);
    // Not when something else is in it.
    if !dry_run && let Some(folder) = keyring.certificate.parent() {
        let _ = fs::remove_dir(folder);
    }
    Ok(Exit::Yes)
}

/// Asks whether the authority shall go.
fn asked(sources: &Sources<'_>, root: &Root) -> Result<Answer, Error> {
    if !prompt::is_possible() {
        return Err(Error::new("nobody is there to be asked whether the authority shall go").hint(format!(
            "to remove it without being asked: `innkeeper cert create --remove --force{}`",
            sources.config_flag()
        )));
    }
    prompt::confirm(&format!("Delete `{}`? Devices would have to trust another one then.", root.name()))
}

/// Who trusts the authority all the same, and what ends it.
fn still_trusting(root: &Root) -> Vec<String> {
    let mut told = vec![format!(
        "Devices that were told to trust `{}` still do, though nobody has its key any more: take it out of their lists",
        root.name()
    )];
    if let Some(store) = Store::of_this_system(root).filter(Store::holds) {
        let file = store.file.display();
        told.push(format!("This system trusts it too: `sudo rm {file}`, then `sudo {}`", store.take));
    }
    told
}

/// Gives files that were put aside the names that they had.
fn put_back(returning: &[(PathBuf, PathBuf)], dry_run: bool) -> Result<Vec<String>, Error> {
    let put = if dry_run { "Would put" } else { "Put" };
    let back = |(is, was): &(PathBuf, PathBuf)| {
        if !dry_run {
            fs::rename(is, was).map_err(|error| {
                Error::new(format!("cannot put `{}` back", is.display())).caused_by(error)
            })?;
        }
        Ok(format!("{put} {} back, as {}", is.display(), was.display()))
    };
    returning.iter().map(back).collect()
}

/// Deletes what was kept for this, as it is taken back.
fn forget(keyring: &Keyring) -> Result<(), Error> {
    match fs::remove_file(&keyring.undo) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::new(format!("cannot delete `{}`", keyring.undo.display())).caused_by(error))
        }
        _ => Ok(()),
    }
}

/// The files that are there.
struct Remains {
    ours: Vec<PathBuf>,
    foreign: Vec<PathBuf>,
}

impl Remains {
    fn of(keyring: &Keyring, root: &Root) -> Self {
        let issued = keyring.pair().ok().flatten().is_some_and(|pair| root.vouches_for(&pair));
        let key = keyring.authority().is_ok_and(|authority| authority.is_some());
        let files: [(&Path, bool); 4] = [
            (&keyring.certificate, issued),
            (&keyring.key, issued),
            (&keyring.authority_key, key),
            // Last: by it the others are known.
            (&keyring.authority, true),
        ];
        let there = |(file, _): &(&Path, bool)| file.symlink_metadata().is_ok();
        let (ours, foreign): (Vec<_>, Vec<_>) = files.into_iter().filter(there).partition(|(_, ours)| *ours);
        let paths = |files: Vec<(&Path, bool)>| files.into_iter().map(|(file, _)| file.to_owned()).collect();
        Self { ours: paths(ours), foreign: paths(foreign) }
    }
}
