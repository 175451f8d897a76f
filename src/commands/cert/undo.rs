//! What `cert create` has changed in the settings and put aside, kept beside the authority until `--remove` takes it back.
//!
//! By the names of files, not by their paths: all of it moves along with its folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::https;
use crate::commands::place::{Editing, Place};
use crate::config::Content;
use crate::config::document::{Back, Step};
use crate::config::schema::SECTION;
use crate::error::{Error, quoted_file};
use crate::gateway::keyring::{self, Keyring};

/// All of it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Undo {
    /// The changes of each settings file, in the order in which they were made.
    settings: BTreeMap<String, Vec<Entry>>,
    /// The pair of somebody else that the last `--force` has put aside: what each file was called, and is called now.
    aside: BTreeMap<String, String>,
}

/// One setting that was changed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Which: `ssl.certPath`.
    pub setting: String,
    /// What was in force in the file before; nothing where nothing was written there.
    before: Option<String>,
    #[serde(flatten)]
    step: Step,
}

/// What came of taking one change back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The line is as it was before.
    Restored,
    /// What was written before is written again, in a file that is another one by now.
    Rewritten,
    /// It says what it said before without our doing.
    AsBefore,
    /// Somebody has set it to something else since, or taken it out.
    Theirs {
        /// What it is set to.
        now: Option<String>,
    },
}

impl Undo {
    /// What is kept beside the authority; nothing is kept where there is no such file.
    ///
    /// # Errors
    /// A file that cannot be read, or holds something else: also what would change other settings or move other files.
    pub fn read(keyring: &Keyring) -> Result<Self, Error> {
        let Some(bytes) = keyring::bytes(&keyring.undo)? else { return Ok(Self::default()) };
        let kept = serde_json::from_slice(&bytes).ok().filter(|undo: &Self| undo.is_ours(keyring));
        kept.ok_or_else(|| {
            Error::new(format!(
                "`{}` does not hold what `cert create --apply` has written",
                keyring.undo.display()
            ))
            .hint(format!(
                "without it https is turned off, and nothing else of the settings is set back: `rm {}`",
                quoted_file(&keyring.undo)
            ))
        })
    }

    /// Adds what was changed in `file` now. The caller holds the lock.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(mut self, file: &Path, entries: Vec<Entry>, keyring: &Keyring) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let kept = self.settings.entry(name(file)).or_default();
        // Set once more: somebody had changed it in between, and that is what there is to come back to.
        kept.retain(|old| entries.iter().all(|new| new.setting != old.setting));
        kept.extend(entries);
        self.write(keyring)
    }

    /// Remembers files of the pair that are put aside, and what they are called then. The caller holds the lock.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_aside(mut self, aside: &[(PathBuf, PathBuf)], keyring: &Keyring) -> Result<(), Error> {
        let pair = aside.iter().filter(|(file, _)| [&keyring.certificate, &keyring.key].contains(&file));
        let pair: BTreeMap<_, _> = pair.map(|(file, then)| (name(file), name(then))).collect();
        if pair.is_empty() {
            return Ok(());
        }
        self.aside = pair;
        self.write(keyring)
    }

    /// The files that were put aside and are there still: how they are called now, and how they were.
    pub fn aside(&self, keyring: &Keyring) -> Vec<(PathBuf, PathBuf)> {
        let place = |name: &String| keyring.undo.with_file_name(name);
        let aside = self.aside.iter().map(|(was, is)| (place(is), place(was)));
        aside.filter(|(is, _)| is.symlink_metadata().is_ok()).collect()
    }

    /// Whether it holds nothing but what `cert create` does. Others may be able to write into the folder, and whoever
    /// removes the authority may be able to write everywhere.
    fn is_ours(&self, keyring: &Keyring) -> bool {
        let is_name = |text: &String| name(Path::new(text)) == *text;
        let pair = [&keyring.certificate, &keyring.key].map(|file| name(file));
        self.settings.keys().all(is_name)
            && self.settings.values().flatten().all(Entry::is_ours)
            && self.aside.iter().all(|(was, is)| pair.contains(was) && is_backup(is, was))
    }

    fn write(&self, keyring: &Keyring) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::new("what was changed cannot be written down").caused_by(error))?;
        keyring::put(&keyring.undo, &(text + "\n"))
    }

    /// What was changed in `file`, the last first. After `config convert` or under a new name it is found in the
    /// changes of the file that it was made from.
    pub fn entries(&self, file: &Path) -> impl Iterator<Item = &Entry> {
        let own = self.settings.get(&name(file));
        own.or_else(|| self.settings.values().next()).into_iter().flatten().rev()
    }

    /// Other files that were changed and are there still.
    pub fn others(&self, file: &Path) -> Vec<PathBuf> {
        let own = name(file);
        let others =
            self.settings.keys().filter(|other| **other != own).map(|other| file.with_file_name(other));
        others.filter(|other| other.is_file()).collect()
    }
}

impl Entry {
    /// Whether it is one that `--apply` makes: of a setting of https, and of the value that is set there.
    fn is_ours(&self) -> bool {
        let path = self.step.names();
        let path = path.strip_prefix(&[SECTION]).unwrap_or(&path);
        https::SET.contains(&(self.setting.as_str(), self.step.value.as_str()))
            && path.iter().copied().eq(self.setting.split('.'))
    }

    /// Sets `setting` to `value` in memory; nothing where it is set to that already.
    pub fn set(
        editing: &mut Editing<'_>,
        setting: &str,
        value: &Content,
        place: Place,
    ) -> Result<Option<Self>, Error> {
        let before = editing.written(setting)?.map(str::to_owned);
        let step = editing.set_for_now(setting, value, place)?;
        Ok(step.map(|step| Self { setting: setting.to_owned(), before, step }))
    }

    /// Takes the change back in memory, unless somebody has changed it since.
    pub fn take_back(&self, editing: &mut Editing<'_>) -> Result<Outcome, Error> {
        match editing.take_back(&self.step)? {
            Back::Taken => return Ok(Outcome::Restored),
            Back::Changed => {}
            Back::Rewritten => {
                // Off is what it is where nothing is written.
                let off = || (self.step.value == "true").then(|| "false".to_owned());
                if let Some(before) = self.before.clone().or_else(off) {
                    let value = match self.step.value.as_str() {
                        "true" => Content::Switch(before == "true", before),
                        _ => Content::Text(before),
                    };
                    editing.set(&self.setting, &value, Place::InForce)?;
                    return Ok(Outcome::Rewritten);
                }
            }
        }
        let now = editing.written(&self.setting)?.map(str::to_owned);
        Ok(if now == self.before { Outcome::AsBefore } else { Outcome::Theirs { now } })
    }
}

/// Whether a file that was called `was` is called `name` when it is put aside.
fn is_backup(name: &str, was: &str) -> bool {
    let number = name.strip_prefix(was).and_then(|rest| rest.strip_prefix(".bak"));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
