//! The manual pages, made from the command line itself and the table of settings.

use clap::{Arg, ArgMatches, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::Invocation;
use crate::config::schema::{KEYS, Key, Owner};
use crate::error::Error;

/// `man`.
pub(super) fn command() -> Command {
    Command::new("man")
        .about("Print a page of the manual")
        .after_help(
            "innkeeper man whitelist test | man -l -\n\
             innkeeper man settings | man -l -",
        )
        .term_width(100)
        .disable_help_flag(true)
        .arg(
            Arg::new("page")
                .value_name("COMMAND")
                .num_args(0..)
                .help("The words of the command, or `settings` for the page about the settings file"),
        )
        .arg(super::common::help())
}

/// The page that was asked for.
pub(super) fn read(matches: &ArgMatches) -> Invocation {
    let words: Vec<&str> =
        matches.get_many::<String>("page").into_iter().flatten().map(String::as_str).collect();
    // `innkeeper-whitelist-test`, as the pages name each other, will do too.
    let name = match words.as_slice() {
        [name] if name.starts_with("innkeeper") => (*name).to_owned(),
        words => [&["innkeeper"], words].concat().join("-"),
    };
    match pages().into_iter().find(|page| page.name == name) {
        Some(page) => Invocation::Answer(page.text),
        None => Invocation::Misuse(
            Error::new(format!("there is no page about `{}`", words.join(" ")))
                .hint("the first page names all others: `innkeeper man | man -l -`"),
        ),
    }
}

/// A page of the manual.
pub struct Page {
    /// `innkeeper-whitelist-add`.
    pub name: String,
    /// 1 for a command, 5 for a file.
    pub section: u8,
    /// The source, in roff.
    pub text: String,
}

impl Page {
    /// `innkeeper-whitelist-add.1`.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }
}

/// Every page: one a command, and one about the settings file.
#[must_use]
pub fn pages() -> Vec<Page> {
    let mut program = super::command();
    program.build();
    let mut pages = Vec::new();
    collect(&program, &mut pages);
    let names: Vec<String> = pages.iter().map(Page::file).collect();
    if let Some(first) = pages.first_mut() {
        first.text += &overview(&names);
    }
    pages.push(settings());
    pages
}

fn collect(command: &Command, pages: &mut Vec<Page>) {
    pages.push(page(command));
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        collect(command, pages);
    }
}

/// The page of one command.
fn page(command: &Command) -> Page {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let man = Man::new(command.clone()).title(name.to_uppercase()).source(SOURCE).manual(MANUAL);
    let mut text = without_repeated_preambles(&sections(&man, command));
    // `clap_mangen` would head it with `EXTRA`.
    if let Some(notes) = command.get_after_help() {
        text += &section("NOTES", &notes.to_string());
    }
    let words = name.replacen("innkeeper-", "", 1).replace('-', " ");
    if !command.has_subcommands() {
        let exits =
            EXITS.iter().find(|(command, _)| *command == words).map_or(USUAL_EXITS, |(_, exits)| exits);
        text += &definitions("EXIT STATUS", exits);
    }
    Page { name, section: 1, text }
}

/// What clap knows of a command.
fn sections(man: &Man, command: &Command) -> String {
    let mut text = Vec::new();
    let visible = command.get_arguments().any(|argument| !argument.is_hide_set());
    let written = man
        .render_title(&mut text)
        .and_then(|()| man.render_name_section(&mut text))
        .and_then(|()| man.render_synopsis_section(&mut text))
        .and_then(|()| man.render_description_section(&mut text))
        .and_then(|()| if visible { man.render_options_section(&mut text) } else { Ok(()) })
        .and_then(
            |()| if command.has_subcommands() { man.render_subcommands_section(&mut text) } else { Ok(()) },
        );
    written.expect("writing into memory does not fail");
    String::from_utf8_lossy(&text).into_owned()
}

/// `clap_mangen` begins each section as if it were a page.
fn without_repeated_preambles(text: &str) -> String {
    let repeated = |(number, line): &(usize, &str)| {
        *number < 2 || ![".ie \\n(.g", ".el .ds"].iter().any(|start| line.starts_with(start))
    };
    text.split_inclusive('\n').enumerate().filter(repeated).map(|(_, line)| line).collect()
}

const SOURCE: &str = concat!("innkeeper ", env!("CARGO_PKG_VERSION"));
const MANUAL: &str = "Innkeeper";

/// Exit codes of the commands that answer a question.
const EXITS: &[(&str, &[(&str, &str)])] = &[(
    "logs",
    &[
        ("0", "Something was found; with -f, it was ended."),
        ("1", "Nothing was."),
        ("2", "A log or the settings could not be read, or there is a mistake in the command line."),
    ],
)];

const USUAL_EXITS: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "The answer is no, or what was asked for was refused; nothing was changed."),
    (
        "2",
        "It could not be done: a mistake in the command line or the settings, a file that cannot be read or written.",
    ),
];

/// What belongs to the whole program and not to one command.
fn overview(pages: &[String]) -> String {
    let others: Vec<String> = pages
        .iter()
        .skip(1)
        .chain(["innkeeper-settings.5".to_owned()].iter())
        .filter_map(|file| file.rsplit_once('.').map(|(name, section)| format!("{name}({section})")))
        .collect();
    definitions(
        "FILES",
        &[
            (
                "./config.yaml, ./config.toml",
                "The settings, where --config and INNKEEPER_CONFIG name no others.",
            ),
            ("whitelist.txt", "Beside the settings: one entry a line, in place of the setting `whitelist`."),
            ("access.log", "Beside the settings: new visitors while `listen` is on."),
            ("certs/cert.pem, certs/privkey.pem", "The certificate and its key, for --ssl."),
        ],
    ) + &definitions(
        "ENVIRONMENT",
        &[
            ("INNKEEPER_CONFIG", "The settings file."),
            (
                "INNKEEPER_PORT, INNKEEPER_BASICAUTHUSER_USERNAME, …",
                "Any setting: its name in upper case, with _ for each dot. Lists are JSON. See innkeeper-settings(5).",
            ),
            ("SILLYTAVERN_PORT, …", "The same for SillyTavern's settings; INNKEEPER_ wins."),
            ("NO_COLOR", "No colours, when it holds anything."),
        ],
    ) + &section("SEE ALSO", &others.join(", "))
}

/// The page about the settings file.
fn settings() -> Page {
    let mut roff = Roff::new();
    roff.control("TH", ["INNKEEPER-SETTINGS", "5", "", SOURCE, MANUAL]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("innkeeper-settings - the settings file of innkeeper(1)")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "The settings stand in config.yaml, in the format of SillyTavern's file of that name, or in config.toml. One \
         file may serve both programs: what stands under `innkeeper:` counts for Innkeeper only and wins over the \
         same name at the top level. A flag of `innkeeper serve` wins over the environment, and the environment over \
         the file.",
    )]);
    let mut text = roff.to_roff();
    for (heading, owner) in
        [("SILLYTAVERN'S SETTINGS", Owner::SillyTavern), ("INNKEEPER'S OWN", Owner::Innkeeper)]
    {
        let mut roff = Roff::new();
        roff.control("SH", [heading]);
        for key in KEYS.iter().filter(|key| key.owner == owner) {
            setting(&mut roff, key);
        }
        text += &roff.to_roff();
    }
    Page { name: "innkeeper-settings".to_owned(), section: 5, text }
}

fn setting(roff: &mut Roff, key: &Key) {
    let default = if key.default.is_empty() { "none" } else { key.default };
    roff.control("TP", []);
    roff.text([bold(key.full_path()), roman(" (default: "), italic(default), roman(")")]);
    let flag = key.flag.map(|flag| format!(" Flag: --{flag}.")).unwrap_or_default();
    roff.text([roman(format!("{}.{flag} Variables: {}.", key.doc, key.variables().join(", ")))]);
}

/// A section of plain text.
fn section(title: &str, text: &str) -> String {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            roff.control("br", []);
        }
        roff.text([roman(line)]);
    }
    roff.to_roff()
}

/// A section of terms with what they mean.
fn definitions(title: &str, terms: &[(&str, &str)]) -> String {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, meaning) in terms {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*meaning)]);
    }
    roff.to_roff()
}
