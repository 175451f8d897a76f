//! `innkeeper whitelist test`: who would be let in, one by one with reasons or many as a filter.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::super::common::{subcommand, switch};
use crate::error::Error;

/// `whitelist test`.
#[derive(Debug)]
pub enum Trial {
    /// Each of these addresses, explained.
    Explain {
        /// As they were typed.
        addresses: Vec<String>,
        /// What their request looks like.
        request: TrialRequest,
        /// For programs.
        json: bool,
    },
    /// One address a line in, one verdict a line out.
    Filter {
        /// Where the lines come from.
        input: TrialInput,
        /// Which verdicts are printed.
        only: Option<TrialVerdict>,
        /// How many there are, in place of the lines.
        count: bool,
    },
}

/// The request that is made up for each address; everything as it was typed.
#[derive(Debug, Default)]
pub struct TrialRequest {
    /// `--peer`: the proxy that passes the request on and appends the address to `X-Forwarded-For`.
    pub peer: Option<String>,
    /// `--forwarded` and `--header`: name and value of what the client itself sends, and of the proxy's
    /// `X-Forwarded-Proto`.
    pub fields: Vec<(String, String)>,
    /// `--host`: what it asks for.
    pub host: Option<String>,
    /// `--user`: who is going to sign in.
    pub user: Option<String>,
}

/// Where the lines of the filter come from.
#[derive(Debug)]
pub enum TrialInput {
    /// `-`.
    Stdin,
    /// `--file`.
    File(PathBuf),
}

/// `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialVerdict {
    /// Those who come in, at once or after they sign in.
    Allowed,
    /// Those who do not.
    Refused,
}

/// The command as clap sees it.
pub(super) fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let explained = ["peer", "forwarded", "header", "host", "user", "json"];
    subcommand("test")
        .about("Say who would be let in, and why, as `serve` would judge a request of theirs")
        .after_help(
            "Exit code 0: all of them are allowed, at once or after they sign in; 1: at least one is refused; 2: \
             something could not be read.\n\n\
             With `-` or --file it is a filter: an address a line in (blanks around it, empty lines and comments \
             behind `#` are left out), a verdict a line out, as soon as it is known: `allowed` or `refused`, the \
             address and the entry that lets it in, or `-`, with tabs between them. A line that holds no address is \
             told on stderr, and the others go on. It is the verdict on a client that connects itself.\n\n\
             Without --peer the address connects itself. With it the address is the client of that proxy, which adds \
             it to the X-Forwarded-For of --forwarded, as proxies do. One that ends TLS says so in a header of its own: \
             `--header \"X-Forwarded-Proto: https\"`.\n\n\
             With --json: an array of objects with `address` (as it was typed), `client` (the address that counts), \
             `result` (`allowed`, `allowed-after-sign-in`, `refused`), `reason`, `command` (what changes a refusal, or \
             null) and `steps`, each with `step`, `outcome` (`passed`, `refused`, `noted`), `text` and, where entries of a \
             list are spoken of, `entries`: `address`, `covers`, `entry`, `source`, `note`.",
        )
        .arg(Arg::new("addresses").value_name("ADDRESS").action(ArgAction::Append).help(
            "Who asks: 192.168.1.20, 2001:db8::7, with a port or a zone too; `-` reads them from standard input",
        ))
        .arg(
            text("file", "FILE", "Read the addresses from a file, one a line")
                .value_parser(clap::value_parser!(PathBuf))
                .conflicts_with("addresses")
                .conflicts_with_all(explained),
        )
        .arg(text("peer", "ADDRESS", "The proxy that passes their requests on"))
        .arg(text("forwarded", "ADDRESSES", "The X-Forwarded-For that they send, such as \"10.0.0.9, 10.0.0.1\""))
        .arg(
            text("header", "NAME: VALUE", "Another header that a proxy writes, such as \"X-Real-IP: 10.0.0.9\"")
                .action(ArgAction::Append),
        )
        .arg(text("host", "HOST", "The host that they ask for, such as tavern.example:8000"))
        .arg(text("user", "USER", "Who is going to sign in; no password is asked for here"))
        .arg(switch("json", "Print it for programs"))
        .arg(
            text("only", "VERDICT", "Of a filter: print only those who are `allowed`, or `refused`")
                .value_parser(["allowed", "refused"]),
        )
        .arg(switch("count", "Of a filter: print how many there are in place of the lines"))
}

/// What was given.
///
/// # Errors
/// Nothing to test; a filter that should explain, or the other way round.
pub(super) fn read(matches: &ArgMatches) -> Result<Trial, Error> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let addresses: Vec<String> = matches.get_many("addresses").into_iter().flatten().cloned().collect();
    let is_stdin = addresses.iter().any(|address| address == "-");
    if is_stdin && addresses.len() > 1 {
        return Err(misuse("`-` stands alone: the addresses come from standard input"));
    }
    let only = text("only").map(|only| match only.as_str() {
        "allowed" => TrialVerdict::Allowed,
        _ => TrialVerdict::Refused,
    });
    let count = matches.get_flag("count");
    let file = matches.get_one::<PathBuf>("file").cloned();
    let input = file.map(TrialInput::File).or(is_stdin.then_some(TrialInput::Stdin));
    let given = |name: &&&str| matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
    if let Some(input) = input {
        return match ["peer", "forwarded", "header", "host", "user", "json"].iter().find(given) {
            Some(flag) => Err(misuse(&format!("`--{flag}` goes with addresses on the command line only"))),
            None => Ok(Trial::Filter { input, only, count }),
        };
    }
    if addresses.is_empty() {
        return Err(misuse("there is no address to test"));
    }
    if let Some(flag) = ["only", "count"].iter().find(given) {
        return Err(misuse(&format!("`--{flag}` goes with `-` or `--file` only")));
    }
    let forwarded = text("forwarded").map(|value| ("X-Forwarded-For".to_owned(), value));
    let header = |header: &String| -> Result<(String, String), Error> {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| misuse(&format!("`{header}` is no header: a colon stands behind its name")))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    let headers = matches.get_many("header").into_iter().flatten().map(header);
    let fields = forwarded.into_iter().map(Ok).chain(headers).collect::<Result<_, _>>()?;
    let request = TrialRequest { peer: text("peer"), fields, host: text("host"), user: text("user") };
    Ok(Trial::Explain { addresses, request, json: matches.get_flag("json") })
}

fn misuse(what: &str) -> Error {
    Error::new(what).hint("see `innkeeper whitelist test --help`")
}
