//! `innkeeper logs`: who came, was it let in, why not, and what to type.

mod advice;
mod device;
mod filter;
mod follow;
mod groups;
mod line;
mod lines;
mod moment;
mod parts;
mod scan;
mod seek;
mod slots;
mod stamp;
mod stream;
mod told;
mod view;

use std::io;
use std::path::PathBuf;

use jiff::Zoned;
use jiff::tz::TimeZone;

use self::advice::Circumstances;
use self::filter::Filter;
use self::follow::Begin;
use self::line::Line;
use self::parts::Part;
use self::scan::{Flow, Oddities, Taker};
use self::stamp::Stamp;
use self::told::Form;
use self::view::{Look, Summary, last_told, period};
use super::sources::{Sources, config_flag};
use crate::cli::{Following, Logs, LogsView};
use crate::config::Settings;
use crate::error::{Error, Exit, quoted_file};
use crate::ui::{self, Data, Delivery, Screen};

/// Shows what is in the logs.
///
/// # Errors
/// A mistake in what is wanted, settings or files that are not there.
pub fn run(logs: &Logs) -> Result<Exit, Vec<Error>> {
    let now = Zoned::now();
    let mut filter = Filter::of(&logs.wanted, &now)?;
    let source = Source::find(logs)?;
    if let LogsView::Follow(form) = logs.view {
        return source.follow(&filter, form, now.time_zone(), logs.quiet);
    }
    let scanner = Scanner { parts: &source.parts, is_quiet: logs.quiet, again: again(logs) };
    match logs.view {
        LogsView::Groups { top, json, histogram } => {
            let is_last_hour = filter.since.is_none() && filter.until.is_none();
            if is_last_hour {
                filter.since = Some(Stamp::of(moment::hour_ago(&now)));
            }
            let is_drawn = histogram || Screen::is_watched();
            let look = Look {
                filter: &filter,
                is_last_hour,
                top,
                bars: is_drawn.then(Screen::of_output),
                terminal: Screen::of_terminal(),
                now: Stamp::of(now.timestamp()),
                zone: now.time_zone(),
                circumstances: &source.circumstances,
            };
            scanner.groups(&look, json)
        }
        LogsView::Count => Ok(scanner.count(&filter)),
        LogsView::Raw => scanner.raw(&filter, now.time_zone()),
        LogsView::Follow(form) => source.follow(&filter, form, now.time_zone(), logs.quiet),
    }
}

/// Where the events come from.
struct Source {
    /// The files that were named, or that of the settings.
    files: Vec<PathBuf>,
    parts: Vec<Part>,
    circumstances: Circumstances,
}

impl Source {
    fn find(logs: &Logs) -> Result<Self, Vec<Error>> {
        let sources = Sources::find(&logs.flags);
        // The logs are needed most when something is wrong with the settings.
        let settings = sources.as_ref().ok().map(Sources::read);
        let files = match (&*logs.files, &sources, &settings) {
            ([], Ok(_), Some(Ok(settings))) => vec![of_settings(settings)?],
            ([], Ok(sources), _) => {
                ui::warning(&format!(
                    "the settings are not in order; see `innkeeper config check{}`",
                    sources.config_flag()
                ));
                vec![of_settings(&Settings::defaults(&sources.file))?]
            }
            ([], Err(_), _) => return Err(sources.err().unwrap_or_default()),
            (files, ..) => files.to_vec(),
        };
        let parts = parts::of(&files, logs.rotated)?;
        let settings = settings.and_then(Result::ok);
        let circumstances = Circumstances::of(settings.as_ref(), config_flag(&logs.flags));
        Ok(Self { files, parts, circumstances })
    }

    /// Shows what is there and then what comes, of one file.
    fn follow(
        self,
        filter: &Filter,
        form: Following,
        zone: &TimeZone,
        is_quiet: bool,
    ) -> Result<Exit, Vec<Error>> {
        let one = |error| vec![error];
        let Self { files, mut parts, .. } = self;
        let ([file], Some(newest)) = (&*files, parts.pop()) else {
            return Err(one(Error::new("only one file can be followed").hint("see `innkeeper logs --help`")));
        };
        let mut printer = Printer::of(form, zone);
        if newest.is_pipe() {
            let oddities = scan::run(&[newest], filter, true, &mut printer);
            return printer.ended(&oddities, Exit::Yes).map_err(one);
        }
        let interrupted = follow::interruption().map_err(one)?;
        let unreadable = |error| one(follow::unreadable(file, error));
        let newest = newest.held().map_err(unreadable)?;
        let begin = match filter.since {
            Some(_) => {
                scan::run(&parts, filter, is_quiet, &mut printer).tell();
                // The rest is read by whoever follows, so that no line comes twice or never.
                let opened = newest.open(filter.since, None).map_err(unreadable)?;
                Begin::Behind(opened.map_or(0, |opened| opened.offset))
            }
            None => Begin::WithLast,
        };
        drop(parts);
        follow::run(file, newest, begin, &interrupted, &mut printer, |line| filter.takes(line))
            .map_err(one)?;
        printer.ended(&Oddities::default(), Exit::Yes).map_err(one)
    }
}

/// The log of `settings`: the audit log, or access.log where there is none yet.
fn of_settings(settings: &Settings) -> Result<PathBuf, Vec<Error>> {
    let (audit, access) = (settings.audit_path(), settings.access_log_path());
    if parts::are_there(&audit) {
        return Ok(audit);
    }
    if parts::are_there(&access) {
        ui::notice(&format!("There is no {} yet; reading {}", audit.display(), access.display()));
        return Ok(access);
    }
    Err(vec![
        Error::new(format!("there is no log yet: neither `{}` nor `{}`", audit.display(), access.display()))
            .hint("`innkeeper serve` writes it as soon as it runs")
            .hint("name another one: `innkeeper logs FILE`"),
    ])
}

/// The arguments by which a command finds the same files, each with a blank before it.
fn again(logs: &Logs) -> String {
    let mut text = if logs.rotated { String::new() } else { " --no-rotated".to_owned() };
    text += &config_flag(&logs.flags);
    for file in &logs.files {
        text += " ";
        text += &quoted_file(file);
    }
    text
}

/// What is read, for the views that read it once.
struct Scanner<'a> {
    parts: &'a [Part],
    is_quiet: bool,
    /// What a command needs to read the same.
    again: String,
}

impl Scanner<'_> {
    fn groups(&self, look: &Look<'_>, json: bool) -> Result<Exit, Vec<Error>> {
        let mut summary = Summary::default();
        let oddities = scan::run(self.parts, look.filter, self.is_quiet, &mut summary);
        oddities.tell();
        if json {
            let text = summary
                .for_programs(look, &oddities)
                .map_err(|error| vec![Error::new("cannot write JSON").caused_by(error)])?;
            ui::line(&text);
        } else if summary.visits() > 0 {
            ui::text(&summary.told(look));
        } else if !self.is_quiet {
            self.tell_of_nothing(look);
        }
        Ok(exit(&oddities, summary.visits()))
    }

    /// Why there is nothing to be seen.
    fn tell_of_nothing(&self, look: &Look<'_>) {
        let what = if look.filter.is_of_visitors() { "no such visit" } else { "no visit" };
        let told = format!("{}: {what}", period(look));
        // What came out of a pipe is gone.
        if self.parts.iter().any(Part::is_pipe) {
            return ui::notice(&told);
        }
        let mut last = Last::default();
        let everything = Filter::default();
        for part in self.parts.iter().rev() {
            scan::run(std::slice::from_ref(part), &everything, true, &mut last);
            if last.0.is_some() {
                break;
            }
        }
        ui::notice(&format!("{told}; {}", last_told(last.0, look.zone, &self.again)));
    }

    fn count(&self, filter: &Filter) -> Exit {
        let mut count = Count(0);
        let oddities = scan::run(self.parts, filter, self.is_quiet, &mut count);
        oddities.tell();
        ui::line(&count.0.to_string());
        exit(&oddities, count.0)
    }

    fn raw(&self, filter: &Filter, zone: &TimeZone) -> Result<Exit, Vec<Error>> {
        let mut printer = Printer::of(Following::Raw, zone);
        let oddities =
            scan::run(self.parts, filter, self.is_quiet || printer.data.is_watched(), &mut printer);
        printer.ended(&oddities, Exit::No).map_err(|error| vec![error])
    }
}

/// As `grep` does: found, not found, not able to tell.
fn exit(oddities: &Oddities, found: u64) -> Exit {
    match found {
        _ if !oddities.failures.is_empty() => Exit::Unanswered,
        0 => Exit::No,
        _ => Exit::Yes,
    }
}

/// How many visits there are.
struct Count(u64);

impl Taker for Count {
    #[inline]
    fn take(&mut self, _: &[u8], line: &Line<'_>) {
        if line.verdict.is_some() {
            self.0 = self.0.saturating_add(line.count);
        }
    }
}

/// When something happened last.
#[derive(Default)]
struct Last(Option<Stamp>);

impl Taker for Last {
    fn take(&mut self, _: &[u8], line: &Line<'_>) {
        self.0 = self.0.max(Some(line.time));
    }
}

/// Prints each line as soon as nothing more is there at once.
struct Printer<'a> {
    form: Form<'a>,
    data: Data,
    lines: Vec<u8>,
    taken: u64,
    failed: Option<io::Error>,
}

impl Taker for Printer<'_> {
    fn take(&mut self, bytes: &[u8], line: &Line<'_>) {
        self.taken += 1;
        told::put(bytes, line, &self.form, &mut self.lines);
    }

    fn pause(&mut self) -> Flow {
        if self.lines.is_empty() {
            return Flow::Goes;
        }
        let written = self.data.put(&self.lines);
        self.lines.clear();
        match written {
            Ok(Delivery::Taken) => Flow::Goes,
            Ok(Delivery::Closed) => Flow::Ends,
            Err(error) => {
                self.failed = Some(error);
                Flow::Ends
            }
        }
    }
}

impl<'a> Printer<'a> {
    fn of(following: Following, zone: &'a TimeZone) -> Self {
        let form = Form { following, zone, terminal: Screen::of_terminal() };
        Self { form, data: Data::open(), lines: Vec::new(), taken: 0, failed: None }
    }

    /// Prints what is left; `otherwise` is the answer when there was nothing.
    fn ended(mut self, oddities: &Oddities, otherwise: Exit) -> Result<Exit, Error> {
        self.pause();
        oddities.tell();
        if let Some(error) = self.failed {
            return Err(Error::new("cannot write the lines").caused_by(error));
        }
        Ok(match exit(oddities, self.taken) {
            Exit::No => otherwise,
            exit => exit,
        })
    }
}
