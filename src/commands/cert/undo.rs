//! What `cert create --apply` has changed in the settings, kept beside the authority until `--remove` takes it back.
//!
//! Kept by the name of the settings file, not by its path: it moves along with its folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::commands::place::{Editing, Place};
use crate::config::Content;
use crate::config::document::{Back, Step};
use crate::error::{Error, quoted_file};
use crate::gateway::keyring::{self, Keyring};

/// All changes, by the name of the file, in the order in which they were made.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Undo(BTreeMap<String, Vec<Entry>>);

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
    /// A file that cannot be read, or holds something else.
    pub fn read(keyring: &Keyring) -> Result<Self, Error> {
        let Some(bytes) = keyring::bytes(&keyring.undo)? else { return Ok(Self::default()) };
        serde_json::from_slice(&bytes).map_err(|_| {
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
        let kept = self.0.entry(name(file)).or_default();
        // Set once more: somebody had changed it in between, and that is what there is to come back to.
        kept.retain(|old| entries.iter().all(|new| new.setting != old.setting));
        kept.extend(entries);
        let text = serde_json::to_string_pretty(&self)
            .map_err(|error| Error::new("what was changed cannot be written down").caused_by(error))?;
        keyring::put(&keyring.undo, &(text + "\n"))
    }

    /// What was changed in `file`, the last first. After `config convert` or under a new name it is found in the
    /// changes of the file that it was made from.
    pub fn entries(&self, file: &Path) -> impl Iterator<Item = &Entry> {
        let own = self.0.get(&name(file));
        own.or_else(|| self.0.values().next()).into_iter().flatten().rev()
    }

    /// Other files that were changed and are there still.
    pub fn others(&self, file: &Path) -> Vec<std::path::PathBuf> {
        let own = name(file);
        let others = self.0.keys().filter(|other| **other != own).map(|other| file.with_file_name(other));
        others.filter(|other| other.is_file()).collect()
    }
}

impl Entry {
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

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
