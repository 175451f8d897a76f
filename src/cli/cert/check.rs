//! `innkeeper cert check`: what clients will say to a certificate.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use crate::cli::common::{subcommand, switch};
use crate::error::Error;

/// `innkeeper cert check`.
#[derive(Debug)]
pub struct Check {
    /// What is checked.
    pub subject: Subject,
    /// `--host`: names and addresses that it has to be good for, as they were typed.
    pub hosts: Vec<String>,
    /// Where the passphrase of the key comes from.
    pub passphrase: Passphrase,
    /// `--warn-days`: tell of an end that is nearer than so many days.
    pub warn_days: u16,
    /// For programs.
    pub json: bool,
}

/// Which certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The one in the settings.
    Settings,
    /// Files.
    Files {
        /// `--cert`.
        cert: PathBuf,
        /// `--key`; without it only the certificate is checked.
        key: Option<PathBuf>,
    },
    /// `HOST:PORT`: what a server shows.
    Port {
        /// A name or an address, without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// Where the passphrase of the key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passphrase {
    /// `ssl.keyPassphrase`, for the key in the settings; of other keys there is none.
    Settings,
    /// `--passphrase-stdin`: the first line of standard input.
    Stdin,
}

/// `cert check`.
pub(super) fn command() -> Command {
    subcommand("check")
        .about("Say what browsers, phones and curl will say to a certificate; exit code 0 if nothing is wrong, 1 if something is")
        .after_help(
            "Without arguments it is the certificate in the settings. Exit code 2: it cannot be told, as a file is \
             missing or nobody answers.\n\n\
             With --json: an array with one object a certificate: `subject` (a file or HOST:PORT), `good` (no finding \
             is a problem), `verdict` (the first line), `certificate` (`names`, `commonName`, `subject`, `issuer`, \
             `notBefore`, `notAfter`, `daysLeft`, `key`, `signature`, `sha256`, `trust`: public, system, authority, \
             self-signed or incomplete, `chain`: the subjects of the others; null where none can be read), `findings` (`severity`: problem, warning or \
             note, `kind`, `message`, `fixes`), `clients` (`client`: browsers, apple, android or curl, `verdict`: \
             accepts, once-trusted, warns or refuses, `reason`, `fix`), and for HOST:PORT `port` (`protocols`, `alpn`).",
        )
        .arg(
            Arg::new("port")
                .value_name("HOST:PORT")
                .conflicts_with_all(["cert", "key", "passphrase-stdin"])
                .help("Ask a server for the certificate that it shows, as in `desk.local:8000`"),
        )
        .arg(file("cert", "The file of the certificate").value_name("FILE"))
        .arg(
            file("key", "The file of its key, which may be the same")
                .requires("cert")
                .value_name("FILE"),
        )
        .arg(
            Arg::new("host")
                .long("host")
                .value_name("NAME")
                .num_args(1..)
                .action(clap::ArgAction::Append)
                .help("A name or address that visitors type, which it has to be good for"),
        )
        .arg(switch("passphrase-stdin", "Read the passphrase of the key from the first line of standard input"))
        .arg(
            Arg::new("warn-days")
                .long("warn-days")
                .value_name("DAYS")
                .value_parser(clap::value_parser!(u16))
                .default_value("21")
                .help("Warn when it ends in so many days or fewer"),
        )
        .arg(switch("json", "Print it for programs"))
}

fn file(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_parser(clap::value_parser!(PathBuf)).help(help)
}

/// What was given.
pub(super) fn read(matches: &ArgMatches) -> Result<Check, Error> {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let subject = match (matches.get_one::<String>("port"), path("cert")) {
        (Some(written), _) => port(written)?,
        (None, Some(cert)) => Subject::Files { cert, key: path("key") },
        (None, None) => Subject::Settings,
    };
    Ok(Check {
        subject,
        hosts: matches.get_many("host").unwrap_or_default().cloned().collect(),
        passphrase: if matches.get_flag("passphrase-stdin") {
            Passphrase::Stdin
        } else {
            Passphrase::Settings
        },
        warn_days: matches.get_one("warn-days").copied().unwrap_or(21),
        json: matches.get_flag("json"),
    })
}

/// `desk.local:8000`, `[::1]:8000`, or the address as it stands in a browser.
fn port(written: &str) -> Result<Subject, Error> {
    let wrong = |why: &str| {
        Error::new(format!("`{written}` {why}"))
            .hint("write it like this: `innkeeper cert check desk.local:8000`")
    };
    let (authority, usual) = match written.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => {
            (rest.split(['/', '?', '#']).next().unwrap_or_default(), Some(443))
        }
        Some(_) => return Err(wrong("is no https address")),
        None => (written, None),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            port.parse().ok().filter(|port| *port != 0).ok_or_else(|| wrong("has no port from 1 to 65535"))?
        }
        Some(_) => return Err(wrong("has no port from 1 to 65535")),
        None => usual.ok_or_else(|| wrong("has no port"))?,
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(address) if address.parse::<std::net::Ipv6Addr>().is_err() => {
            Err(wrong("has no address in its brackets"))
        }
        Some(address) => Ok(Subject::Port { host: address.to_owned(), port }),
        None if host.contains(':') => Err(wrong("needs brackets around its IPv6 address")),
        None if host.is_empty() => Err(wrong("names no host")),
        None => Ok(Subject::Port { host: host.to_owned(), port }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_as_people_write_them() {
        let read = |written: &str| match port(written) {
            Ok(Subject::Port { host, port }) => format!("{host} {port}"),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
        let cases = [
            ("desk.local:8000", "desk.local 8000"),
            ("192.168.0.7:8000", "192.168.0.7 8000"),
            ("[::1]:8000", "::1 8000"),
            ("https://desk.local:8000/chat?a", "desk.local 8000"),
            ("HTTPS://desk.local", "desk.local 443"),
            ("https://[::1]/", "::1 443"),
            ("http://desk.local:8000", "`http://desk.local:8000` is no https address"),
            ("desk.local", "`desk.local` has no port"),
            ("desk.local:", "`desk.local:` has no port from 1 to 65535"),
            ("desk.local:0", "`desk.local:0` has no port from 1 to 65535"),
            ("desk.local:+1", "`desk.local:+1` has no port from 1 to 65535"),
            ("desk.local:65536", "`desk.local:65536` has no port from 1 to 65535"),
            ("::1:8000", "`::1:8000` needs brackets around its IPv6 address"),
            ("[desk]:8000", "`[desk]:8000` has no address in its brackets"),
            (":8000", "`:8000` names no host"),
        ];
        for (written, expected) in cases {
            assert_eq!(read(written), expected);
        }
    }
}
