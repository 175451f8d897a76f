//! `innkeeper cert trust`: how to make devices trust the authority.

/// `innkeeper cert trust`.
#[derive(Debug)]
pub struct Trust;
