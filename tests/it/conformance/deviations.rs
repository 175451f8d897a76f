//! Where Innkeeper differs from SillyTavern on purpose: a list that has to be complete and has to be true.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One reason to differ, and everywhere it shows.
pub struct Row {
    /// The row of the table in DESIGN.md, section 5; or what else is the reason.
    pub reason: &'static str,
    pub cases: &'static [Case],
}

/// The id of a scenario, the steps in it, what is compared, and what it is here.
pub type Case = (&'static str, &'static [usize], &'static str, &'static str);

/// One thing that was compared: the id, the step, what it is; then theirs and ours.
#[derive(Clone, Debug)]
pub struct Finding {
    pub id: String,
    pub step: usize,
    pub field: &'static str,
    pub theirs: String,
    pub ours: String,
}

impl Finding {
    pub fn new(
        id: &str,
        step: usize,
        field: &'static str,
        theirs: impl Into<String>,
        ours: impl Into<String>,
    ) -> Self {
        Self { id: id.to_owned(), step, field, theirs: theirs.into(), ours: ours.into() }
    }
}

/// What `rows` say that is different here.
pub struct Deviations(BTreeMap<(&'static str, usize, &'static str), (&'static str, &'static str)>);

impl Deviations {
    pub fn of(rows: &[Row]) -> Self {
        let mut listed = BTreeMap::new();
        for row in rows {
            for (id, steps, field, ours) in row.cases {
                for step in *steps {
                    let twice = listed.insert((*id, *step, *field), (*ours, row.reason));
                    assert!(twice.is_none(), "{id} {step} {field} is listed twice");
                }
            }
        }
        Self(listed)
    }

    /// What `field` is here, if it is listed as something else than theirs.
    pub fn ours(&self, id: &str, step: usize, field: &str) -> Option<&'static str> {
        self.0.iter().find(|(key, _)| **key == (id, step, field)).map(|(_, (ours, _))| *ours)
    }

    /// Requires that exactly what is listed came out otherwise, and as it is listed. Cases for which `is_run` says no
    /// could not be tried on this machine.
    pub fn compare(mut self, findings: &[Finding], is_run: impl Fn(&str) -> bool) {
        self.0.retain(|(id, ..), _| is_run(id));
        let mut complaints = String::new();
        for Finding { id, step, field, theirs, ours } in findings {
            let key = self.0.keys().find(|key| **key == (id.as_str(), *step, field)).copied();
            let complaint = match key.and_then(|key| self.0.remove(&key)) {
                None if ours == theirs => continue,
                None => "not listed",
                Some(_) if ours == theirs => "listed, but the same",
                Some((listed, _)) if ours == listed => continue,
                Some(_) => "listed as something else",
            };
            let _ = write!(
                complaints,
                "{id} {step} {field}: {complaint}\n  theirs {theirs:?}\n  ours   {ours:?}\n"
            );
        }
        for ((id, step, field), (_, reason)) in self.0 {
            let _ = writeln!(complaints, "{id} {step} {field}: listed ({reason}), but never compared");
        }
        assert!(complaints.is_empty(), "\n{complaints}");
    }
}

#[test]
fn a_deviation_has_to_be_listed_and_true() {
    const ROWS: &[Row] = &[Row { reason: "reason", cases: &[("a", &[0, 1], "answer", "no")] }];
    let finding = |step, theirs: &str, ours: &str| Finding::new("a", step, "answer", theirs, ours);
    let compare = |findings: &[Finding]| {
        std::panic::catch_unwind(|| Deviations::of(ROWS).compare(findings, |_| true)).is_ok()
    };
    assert!(compare(&[finding(0, "yes", "no"), finding(1, "yes", "no"), finding(2, "yes", "yes")]));
    assert!(!compare(&[finding(0, "yes", "no"), finding(1, "yes", "no"), finding(2, "yes", "no")]));
    assert!(!compare(&[finding(0, "yes", "no"), finding(1, "yes", "yes")]));
    assert!(!compare(&[finding(0, "yes", "no"), finding(1, "yes", "perhaps")]));
    assert!(!compare(&[finding(0, "yes", "no")]));
}
