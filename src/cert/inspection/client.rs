//! The kinds of clients, and what each makes of a certificate.

use std::fmt;

use super::finding::Finding;

/// A kind of client: those that judge alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Chrome, Edge and Firefox on a computer.
    Browsers,
    /// Whatever runs on iPhone and iPad, and Safari on a Mac: the system judges.
    Apple,
    /// Chrome on Android. Most apps ignore the authorities that a user has installed.
    Android,
    /// curl with the system's authorities; stands for scripts.
    Curl,
}

impl Client {
    /// All of them, as they are shown.
    pub const ALL: [Self; 4] = [Self::Browsers, Self::Apple, Self::Android, Self::Curl];

    /// A word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Browsers => "browsers",
            Self::Apple => "apple",
            Self::Android => "android",
            Self::Curl => "curl",
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Browsers => "Chrome, Edge, Firefox",
            Self::Apple => "iPhone, iPad, Safari",
            Self::Android => "Android",
            Self::Curl => "curl",
        })
    }
}

/// What comes of a finding, from mild to hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Fine, once its authority is trusted.
    OnceTrusted,
    /// A page that warns, and lets those on who insist.
    Warns,
    /// No connection.
    Refuses,
}

/// What a kind of client says.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// Nothing.
    Accepts,
    /// Something, for this reason.
    Minds {
        /// What comes of it.
        effect: Effect,
        /// The hardest of its reasons.
        finding: &'a Finding,
    },
}

impl<'a> Verdict<'a> {
    /// What `client` says to all of `findings`.
    #[must_use]
    pub fn of(client: Client, findings: &'a [Finding]) -> Self {
        let mut verdict = Self::Accepts;
        for finding in findings {
            let Some(effect) = finding.effect(client) else { continue };
            let harder = match &verdict {
                Self::Accepts => true,
                Self::Minds { effect: known, .. } => effect > *known,
            };
            if harder {
                verdict = Self::Minds { effect, finding };
            }
        }
        verdict
    }

    /// The hardest of its reasons.
    #[must_use]
    pub fn finding(&self) -> Option<&'a Finding> {
        match self {
            Self::Accepts => None,
            Self::Minds { finding, .. } => Some(finding),
        }
    }

    /// A word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepts => "accepts",
            Self::Minds { effect: Effect::OnceTrusted, .. } => "once-trusted",
            Self::Minds { effect: Effect::Warns, .. } => "warns",
            Self::Minds { effect: Effect::Refuses, .. } => "refuses",
        }
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepts => "accepts it",
            Self::Minds { effect: Effect::OnceTrusted, .. } => "accepts it once trusted",
            Self::Minds { effect: Effect::Warns, .. } => "warns",
            Self::Minds { effect: Effect::Refuses, .. } => "refuses it",
        })
    }
}
