//! What each subcommand does, one file a noun.

mod auth;
mod cert;
mod config;
mod logs;
mod opening;
mod place;
mod serve;
mod sources;
mod whitelist;

use crate::cli::Invocation;
use crate::error::Exit;
use crate::ui;

/// Does what the command line asks for.
#[must_use]
pub fn run(invocation: Invocation) -> Exit {
    // A server goes on without anybody who reads its lines; of every other command they are the answer.
    let is_server = matches!(invocation, Invocation::Serve(_));
    let exit = done(invocation);
    if ui::is_lost() && !is_server { Exit::Unanswered } else { exit }
}

fn done(invocation: Invocation) -> Exit {
    let done = match invocation {
        Invocation::Serve(serve) => serve::run(&serve),
        Invocation::Config(config) => config::run(&config),
        Invocation::Whitelist(whitelist) => whitelist::run(&whitelist),
        Invocation::Auth(auth) => auth::run(&auth),
        Invocation::Cert(cert) => cert::run(&cert),
        Invocation::Logs(logs) => logs::run(&logs),
        Invocation::Answer(text) => {
            ui::line(text.trim_end());
            return Exit::Yes;
        }
        Invocation::Candidates(candidates) => {
            ui::exact(&candidates);
            return Exit::Yes;
        }
        Invocation::Misuse(error) => Err(vec![error]),
    };
    match done {
        Ok(exit) => exit,
        Err(errors) => {
            errors.iter().for_each(ui::error);
            Exit::Unanswered
        }
    }
}
