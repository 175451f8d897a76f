//! The certificate that an authority has issued for this machine, and when it is time for the next one.

use std::time::{Duration, SystemTime};

use super::life::{LEAF_LIFE, days, validity};
use super::{Age, Name, Names, Root};
use crate::cert::Pair;

/// What the server's own certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// What it is for.
    pub names: Names,
    /// When it begins.
    pub from: SystemTime,
    /// When it ends.
    pub until: SystemTime,
}

/// Whether it is time for a new certificate, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is not.
    NotYet,
    /// Less than a third of its life is left, or nothing.
    Aging,
    /// It has not begun: it was made under a clock that was fast.
    Early,
    /// This machine goes by names and addresses that it does not hold.
    Missing(Vec<Name>),
}

impl Leaf {
    /// The first certificate of `pair`; nothing when `root` has not issued it.
    #[must_use]
    pub fn issued_by(root: &Root, pair: &Pair) -> Option<Self> {
        let der = pair.certified.cert.first()?;
        root.has_issued(der)?;
        let (_, read) = x509_parser::parse_x509_certificate(der).ok()?;
        let (from, until) = validity(&read);
        Some(Self { names: Names::of(&read)?, from, until })
    }

    /// Whether `root` should issue another one `now` for a machine that goes by `own`.
    ///
    /// Names that the authority may not vouch for never make it due, nor do names that are gone: it would not be
    /// better afterwards. Neither does age once the authority itself is near its end.
    #[must_use]
    pub fn due(&self, own: &[Name], root: &Root, now: SystemTime) -> Due {
        // A clock that is slow signs nothing, as that would have to be signed again when it is set.
        if root.age(now) != Age::Alive {
            return Due::NotYet;
        }
        if now < self.from {
            return Due::Early;
        }
        let held = self.names.all();
        let missing: Vec<Name> =
            own.iter().filter(|name| root.permits(name) && !held.contains(name)).cloned().collect();
        if !missing.is_empty() {
            return Due::Missing(missing);
        }
        let life = self.until.duration_since(self.from).unwrap_or_default();
        let left = self.until.duration_since(now).unwrap_or(Duration::ZERO);
        let next_ends = (now + LEAF_LIFE).min(root.until);
        if left < life / 3 && next_ends > self.until + days(1) { Due::Aging } else { Due::NotYet }
    }

    /// What the next one is for: what was given stays, the rest is what the machine goes by now.
    #[must_use]
    pub fn next_names(&self, own: &[Name]) -> Names {
        Names { given: self.names.given.clone(), own: own.to_vec() }
    }
}
