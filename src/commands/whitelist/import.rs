//! `innkeeper whitelist import`: a list of any length into the one that is in force.

mod lines;

use std::io::Read as _;
use std::path::Path;

use self::lines::Line;
use super::super::sources::Speech;
use super::editing::Editing;
use super::overlap::Overlap;
use crate::config::document::{Change, Kind};
use crate::error::{Error, Exit, quoted_file};
use crate::policy::address::{Entry, IpPattern};
use crate::ui::{Progress, Unit};

/// What happens when some lines of the file are no entries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Junk {
    /// Nothing is imported: whoever asked thinks that all are.
    Refuse,
    /// `--skip`: the others are imported.
    Skip,
}

/// So many lines, or cautions, are shown; of the others only how many there are.
const SHOWN: usize = 20;

/// A list to be imported.
pub struct Incoming {
    name: String,
    text: String,
}

impl Incoming {
    /// Reads a file, or what comes in where `-` is its name; `config_flag` goes with the command of a hint.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(file: &str, config_flag: &str) -> Result<Self, Error> {
        let (name, bytes) = if file == "-" {
            let mut bytes = Vec::new();
            ("standard input", std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes))
        } else {
            (file, std::fs::read(Path::new(file)))
        };
        let bytes = bytes.map_err(|error| Error::new(format!("cannot read `{name}`: {error}")))?;
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(Error::new(format!("`{name}` is text in UTF-16")).hint(format!(
                "convert it: `iconv -f UTF-16 -t UTF-8 {} | innkeeper whitelist import -{config_flag}`",
                file_word(file)
            )));
        }
        // A note in an older encoding is no reason to refuse the list; an address has no such letters.
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Ok(Self { name: name.to_owned(), text })
    }

    /// The entries that whoever typed `-` among others has sent: one a line, comments skipped.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn entries_of_input() -> Result<Vec<String>, Error> {
        let input = Self::read("-", "")?;
        let line = |line: &str| {
            let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
            let comment = line.is_empty() || line.starts_with(';') || line.starts_with("//");
            (!comment).then(|| line.to_owned())
        };
        Ok(input.text.trim_start_matches('\u{feff}').lines().filter_map(line).collect())
    }

    /// Reads every line.
    fn lines(&self, speech: Speech) -> Reading<'_> {
        let progress = match speech {
            Speech::Full => Progress::new(Unit::Bytes, Some(self.text.len() as u64)),
            Speech::Quiet => Progress::hidden(),
        };
        // A long list is not copied each time it grows; room for more than a million is not taken on trust.
        let lines = self.text.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let entries = Vec::with_capacity(lines.min(1 << 20));
        let mut reading = Reading { entries, ..Reading::default() };
        let (mut told, mut begun) = (0, false);
        for (number, line) in (1..).zip(self.text.split('\n')) {
            match Line::read(line, !begun) {
                Line::Nothing => {}
                Line::Entries { entries, note } => {
                    reading.entries.extend(entries.into_iter().map(|(text, entry)| New {
                        text,
                        entry,
                        note,
                        line: number,
                    }));
                }
                Line::Junk(junk) => {
                    if reading.junk.len() < SHOWN {
                        reading.junk.push(format!("{}:{number}: {junk}", self.name));
                    }
                    reading.left_out += 1;
                }
            }
            begun |= !line.trim().is_empty() && !line.trim_start().starts_with(['#', ';', '/']);
            if number % 8192 == 0 {
                let done = line.as_ptr() as usize - self.text.as_ptr() as usize;
                progress.advance((done - told) as u64);
                told = done;
            }
        }
        reading
    }
}

/// What a list says.
#[derive(Default)]
struct Reading<'a> {
    entries: Vec<New<'a>>,
    /// The first lines that are no entries, and why.
    junk: Vec<String>,
    /// How many there are.
    left_out: usize,
}

/// An entry that comes.
struct New<'a> {
    text: &'a str,
    entry: Entry,
    note: Option<&'a str>,
    line: u32,
}

/// Adds the entries of `incoming` that are not let in yet, in one edit; `note` goes with those that have none.
///
/// # Errors
/// Lines that are no entries, unless they may be skipped; entries that let in everybody together; a file that cannot
/// be changed.
pub fn import(
    mut editing: Editing,
    incoming: &Incoming,
    note: Option<&str>,
    junk: Junk,
    config_flag: &str,
) -> Result<Exit, Vec<Error>> {
    let reading = incoming.lines(editing.speech);
    if reading.left_out > 0 {
        if junk == Junk::Refuse {
            return Err(refusal(incoming, reading, config_flag));
        }
        let more = reading.left_out - reading.junk.len();
        editing.warnings.extend(reading.junk);
        editing.warnings.extend(and_more(more, "line", "lines"));
        editing.warnings.push(format!("{} left out", counted(reading.left_out, "line was", "lines were")));
    }
    let new = reading.entries;
    let present: Vec<Option<Entry>> =
        editing.settings.whitelist.entries.iter().map(|entry| entry.text.parse().ok()).collect();
    let wanted = missing(&present, &new, config_flag).map_err(|error| vec![error])?;
    cautions(&mut editing, incoming, &wanted);
    let entries: Vec<(&str, Option<&str>)> = wanted.iter().map(|new| (new.text, new.note.or(note))).collect();
    if !entries.is_empty() {
        append(&mut editing, &entries).map_err(|error| vec![error])?;
    }
    let verb = editing.writing.verb("Added", "Would add");
    let known = new.len() - entries.len();
    let known_already = match known {
        0 => String::new(),
        known => format!("; {} let in already", counted(known, "was", "were")),
    };
    editing.notices.push(match entries.len() {
        0 => format!("Nothing to add{known_already}"),
        count => format!(
            "{verb} {} to the whitelist ({}){known_already}",
            counted(count, "entry", "entries"),
            editing.path.display()
        ),
    });
    if editing.kind == Kind::Lines && entries.iter().any(|(_, note)| note.is_some()) {
        editing.warnings.push(super::NOTES_IN_TEXT.to_owned());
    }
    editing.warn(present.len() + entries.len());
    editing.finish().map_err(|error| vec![error])
}

/// The entries that neither the list nor another new entry covers. With all of them the list lets in exactly whom it
/// let in before, and all whom the new ones name.
fn missing<'a, 'b>(
    present: &[Option<Entry>],
    new: &'b [New<'a>],
    config_flag: &str,
) -> Result<Vec<&'b New<'a>>, Error> {
    let overlap =
        Overlap::of(present.iter().map(Option::as_ref).chain(new.iter().map(|new| Some(&new.entry))));
    if overlap.is_everyone() && !Overlap::of(present.iter().map(Option::as_ref)).is_everyone() {
        return Err(Error::new("these entries let in everybody, taken together; nothing was imported")
            .hint(format!("if that is meant: `innkeeper whitelist add '*'{config_flag}`")));
    }
    let first = u32::try_from(present.len()).unwrap_or(u32::MAX);
    let is_missing = |(number, new): &(u32, &New<'a>)| overlap.covering(&new.entry, Some(*number)).is_none();
    Ok((first..).zip(new).filter(is_missing).map(|(_, new)| new).collect())
}

/// Writes them. In a list of one line there is no room for notes.
fn append(editing: &mut Editing, entries: &[(&str, Option<&str>)]) -> Result<(), Error> {
    let list = editing.list()?;
    let refused = match editing.document.edit(&Change::AppendAll { list: &list, entries }) {
        Ok(_) => return Ok(()),
        Err(refused) if entries.iter().all(|(_, note)| note.is_none()) => return Err(refused),
        Err(refused) => refused,
    };
    let bare: Vec<(&str, Option<&str>)> = entries.iter().map(|(entry, _)| (*entry, None)).collect();
    if editing.document.edit(&Change::AppendAll { list: &list, entries: &bare }).is_err() {
        return Err(refused);
    }
    editing.warnings.push("the notes were left out, as this list is written in one line".to_owned());
    Ok(())
}

/// Says what the writers of the entries may not have meant.
fn cautions(editing: &mut Editing, incoming: &Incoming, wanted: &[&New<'_>]) {
    let patterns = wanted.iter().filter_map(|new| match &new.entry {
        Entry::Pattern(pattern) => Some((new.line, IpPattern::cautions(pattern))),
        _ => None,
    });
    let mut count = 0;
    for (line, caution) in
        patterns.flat_map(|(line, cautions)| cautions.into_iter().map(move |caution| (line, caution)))
    {
        count += 1;
        if count <= SHOWN {
            editing.warnings.push(format!("{}:{line}: {caution}", incoming.name));
        }
    }
    editing.warnings.extend(and_more(count.saturating_sub(SHOWN), "such entry", "such entries"));
}

/// Why nothing is imported: every line that is no entry.
fn refusal(incoming: &Incoming, reading: Reading<'_>, config_flag: &str) -> Vec<Error> {
    let more = reading.left_out - reading.junk.len();
    let mut errors: Vec<Error> = reading.junk.into_iter().map(Error::new).collect();
    errors.extend(and_more(more, "line", "lines").map(Error::new));
    let file = if incoming.name == "standard input" { "-" } else { &incoming.name };
    errors.push(
        Error::new(format!(
            "{}; nothing was imported",
            counted(reading.left_out, "line is no entry", "lines are no entries")
        ))
        .hint(format!(
            "to import the others: `innkeeper whitelist import --skip {}{config_flag}`",
            file_word(file)
        )),
    );
    errors
}

/// The name of a file as a word of a command; `-` stays what it is.
fn file_word(file: &str) -> String {
    if file == "-" { file.to_owned() } else { quoted_file(Path::new(file)) }
}

fn and_more(count: usize, one: &str, many: &str) -> Option<String> {
    (count > 0).then(|| format!("and {} more", counted(count, one, many)))
}

/// `1 entry`, `12,345 entries`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (count, text) in
            [(0, "0 entries"), (1, "1 entry"), (999, "999 entries"), (1_234_567, "1,234,567 entries")]
        {
            assert_eq!(counted(count, "entry", "entries"), text);
        }
    }
}
