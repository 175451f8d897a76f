//! The `innkeeper` program: arguments in, exit code out.

use std::process::ExitCode;

use innkeeper::{cli, commands};

/// Faster than the system's where many small things come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let invocation = match std::env::var_os(cli::completion::VARIABLE) {
        Some(shell) => cli::complete(&shell, std::env::args_os().collect()),
        None => cli::parse(std::env::args_os()),
    };
    commands::run(invocation).into()
}
