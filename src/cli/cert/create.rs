//! `innkeeper cert create`: an authority of one's own, and a certificate from it.

/// `innkeeper cert create`.
#[derive(Debug)]
pub struct Create {
    /// `--host`: names and addresses besides those of this computer, as they were typed.
    pub hosts: Vec<String>,
    /// `--apply`: put it into the settings.
    pub apply: bool,
    /// `--remove`: undo it all.
    pub remove: bool,
}
