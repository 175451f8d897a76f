//! `whitelist import` and `whitelist migrate`.
