//! (to be written)

/// A folder of files served over HTTP.
pub mod files;

/// What a person or a program sees when Innkeeper answers itself.
pub mod page;
