//! (placeholder until the branch lands)
#![allow(missing_docs)]
use crate::error::Error;
#[derive(Clone, Debug)]
pub struct Journal;
#[allow(clippy::unused_self, clippy::must_use_candidate, clippy::missing_errors_doc)]
impl Journal {
    pub fn open() -> Result<Self, Error> { Ok(Self) }
    pub fn arrived(&self, _who: &str, _agent: Option<&[u8]>) {}
    pub fn refused(&self, _who: &str, _reason: &str, _agent: Option<&[u8]>, _command: Option<&str>) {}
    pub fn failed_sign_in(&self, _who: &str, _limited: bool, _method: &str, _target: &str) {}
    pub fn unknown_host(&self, _host: &[u8]) {}
    pub fn upstream_down(&self, _place: &str, _why: &str) {}
    pub fn upstream_back(&self, _place: &str) {}
    pub fn has_upstream_down(&self) -> bool { false }
    pub fn warn(&self, _text: &str) {}
}
