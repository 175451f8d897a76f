//! `innkeeper config check`: everything that `serve` would refuse, and what it would allow and is unwise.

mod certificate;
mod entries;
mod files;
mod shared;
mod unwise;

use serde::Serialize;

use super::print_json;
use super::sillytavern::SillyTavern;
use crate::commands::opening::{self, Finding, Names};
use crate::commands::sources::{Sources, Speech};
use crate::config::Effective;
use crate::error::{Error, Exit};
use crate::policy::Addresses;
use crate::ui;

/// Checks the settings that are in force.
pub fn check(sources: &Sources<'_>, json: bool, speech: Speech) -> Result<Exit, Vec<Error>> {
    let findings = match sources.effective() {
        Ok(effective) => Findings::of(sources, &effective),
        Err(errors) => {
            let problem = |error| Finding { kind: "settings", error };
            Findings { problems: errors.into_iter().map(problem).collect(), warnings: Vec::new() }
        }
    };
    let file = sources.file.display().to_string();
    if json {
        print_json(&Report {
            file,
            problems: findings.problems.iter().map(Row::of).collect(),
            warnings: findings.warnings.iter().map(Row::of).collect(),
        })?;
    } else {
        findings.problems.iter().for_each(|finding| ui::error(&finding.error));
        if speech == Speech::Full {
            findings.warnings.iter().for_each(|finding| ui::advice(&finding.error));
            let (problems, warnings) = (findings.problems.len(), findings.warnings.len());
            ui::notice(&format!(
                "{file}: {}, {}",
                counted(problems, "problem"),
                counted(warnings, "warning")
            ));
        }
    }
    Ok(if findings.problems.is_empty() { Exit::Yes } else { Exit::No })
}

/// What was found.
pub struct Findings {
    /// What `serve` would refuse, or leave out of a list.
    problems: Vec<Finding>,
    /// What is allowed and unwise.
    warnings: Vec<Finding>,
}

impl Findings {
    fn of(sources: &Sources<'_>, effective: &Effective) -> Self {
        let settings = &effective.settings;
        let trial = opening::trial(settings, Names::LookUp);
        let mut findings = Self { problems: Vec::new(), warnings: Vec::new() };
        let flag = sources.config_flag();
        findings.problems.extend(trial.refused);
        let theirs = SillyTavern::read(&settings.file).ok().filter(SillyTavern::shares);
        let mut said = entries::check(settings, &trial.resolved, &flag, &mut findings);
        if let Some(Addresses::Listed(list)) = trial.rules.as_ref().map(|rules| &rules.policy.addresses) {
            // Told of the list as a whole.
            said.extend(list.cautions());
        }
        // What else the server would tell about the lists.
        for note in trial.notes.iter().filter(|note| !said.contains(*note)) {
            findings.warn("list", Error::new(note.as_str()));
        }
        unwise::gate(&trial.warnings, settings, &flag, &mut findings);
        if let Some(rules) = &trial.rules {
            unwise::settings(effective, rules, theirs.as_ref(), &flag, &mut findings);
        }
        files::check(settings, &mut findings);
        certificate::check(settings, &flag, &mut findings);
        if let Some(theirs) = &theirs {
            shared::check(settings, theirs, &flag, &mut findings);
        }
        findings
    }

    fn refuse(&mut self, kind: &'static str, error: Error) {
        self.problems.push(Finding { kind, error });
    }

    fn warn(&mut self, kind: &'static str, error: Error) {
        self.warnings.push(Finding { kind, error });
    }
}

/// What `--json` promises.
#[derive(Serialize)]
struct Report<'a> {
    file: String,
    problems: Vec<Row<'a>>,
    warnings: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    /// A word for programs.
    kind: &'static str,
    /// One line; the place in a file first where there is one.
    message: String,
    /// What to do, the best first.
    hints: &'a [String],
}

impl<'a> Row<'a> {
    fn of(finding: &'a Finding) -> Self {
        let message = finding.error.to_string();
        // Without the excerpt.
        let mut message = message.lines().next().unwrap_or_default().to_owned();
        if let Some(cause) = std::error::Error::source(&finding.error) {
            message = format!("{message}: {cause}");
        }
        Self { kind: finding.kind, message, hints: finding.error.hints() }
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
