//! `innkeeper cert check`: what clients will say to a certificate.

use crate::cli::Check;
use crate::config::Flags;
use crate::error::{Error, Exit};

/// Checks what `check` names; `flags` say where the settings are.
pub fn run(check: &Check, flags: &Flags) -> Result<Exit, Vec<Error>> {
    let _ = (check, flags);
    Err(vec![Error::new("this is not there yet")])
}
