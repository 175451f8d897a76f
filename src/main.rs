//! The `innkeeper` program.

fn main() {}
