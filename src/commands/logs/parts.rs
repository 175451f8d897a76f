//! The files of a log: the one that is named and the parts that were rotated away from it, oldest first.
//!
//! While they are being read a server may rename, compress and remove them. So all of them are opened before the first
//! is read, and that is done again until nothing was renamed meanwhile: a file that is open stays what it was.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::line::Line;
use super::stamp::Stamp;
use super::stream::{Opened, Stream};
use crate::error::{Error, quoted_file};
use crate::gateway::journal::audit::{Identity, is_compressed_in};

/// So many files are opened beforehand; systems allow a process 256 and more. Older parts than that are opened when
/// their turn comes.
const HELD: usize = 200;

/// So often it is tried to find all files where they were a moment before. A shift takes far less time than one try.
const TRIES: usize = 20;

/// How far the end of a file's first line is looked for, in bytes.
const FIRST_LINE: u64 = 64 * 1024;

/// One file to be read.
#[derive(Debug)]
pub enum Part {
    /// `-`.
    Stdin,
    /// Whatever lies there when its turn comes: a pipe, which another program may have to open first, or one of very
    /// many files.
    Named(PathBuf),
    /// One that is open.
    Held(Held),
}

impl Part {
    /// For errors.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::Named(path) | Self::Held(Held { path, .. }) => path.display().to_string(),
        }
    }

    /// Whether it can be read once only, until whoever writes into it has ended.
    pub fn is_pipe(&self) -> bool {
        match self {
            Self::Stdin => true,
            Self::Named(path) => is_pipe(path),
            Self::Held(_) => false,
        }
    }

    /// How many bytes there are to be read.
    pub fn size(&self) -> u64 {
        let size = match self {
            Self::Stdin => return 0,
            Self::Named(path) => path.metadata(),
            Self::Held(held) => held.file.metadata(),
        };
        size.map_or(0, |metadata| metadata.len())
    }

    /// Begins to read it; see [`Opened::of_file`].
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn open(&self, since: Option<Stamp>, until: Option<Stamp>) -> io::Result<Option<Opened>> {
        match self {
            Self::Stdin => Opened::of_pipe(Box::new(io::stdin())).map(Some),
            Self::Named(path) if is_pipe(path) => Opened::of_pipe(Box::new(File::open(path)?)).map(Some),
            Self::Named(path) => Opened::of_file(File::open(path)?, since, until),
            Self::Held(held) => held.open(since, until),
        }
    }

    /// How many lines there are before `offset`: counted only when somebody has to be told.
    pub fn lines_before(&self, offset: u64) -> u64 {
        match self {
            Self::Held(held) if offset > 0 => held.lines_before(offset),
            _ => 0,
        }
    }

    /// The file, open.
    ///
    /// # Errors
    /// What keeps it from being opened.
    pub fn held(self) -> io::Result<Held> {
        match self {
            Self::Stdin => Err(io::ErrorKind::InvalidInput.into()),
            Self::Named(path) => Held::open_at(path),
            Self::Held(held) => Ok(held),
        }
    }

    fn at(path: PathBuf, is_held: bool) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdin);
        }
        // A pipe is left alone until somebody reads it: opening it waits for who writes.
        if !is_held || !path.metadata()?.is_file() {
            return Ok(Self::Named(path));
        }
        match Held::open_at(path.clone()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Ok(Self::Named(path)),
            held => held.map(Self::Held),
        }
    }

    fn identity(&self) -> Option<Identity> {
        match self {
            Self::Stdin => None,
            Self::Named(path) => path.metadata().ok().as_ref().map(Identity::of),
            Self::Held(held) => Some(held.identity),
        }
    }

    /// Where it lies, on a system where [`Identity`] is only a moment: Windows gives a file that is begun anew under an
    /// old name the moment at which the old one was begun.
    fn place(&self) -> Option<PathBuf> {
        match self {
            Self::Named(path) | Self::Held(Held { path, .. }) if cfg!(not(unix)) => {
                fs::canonicalize(path).ok()
            }
            _ => None,
        }
    }

    /// Whether its name still leads to it.
    fn is_in_place(&self) -> bool {
        match self {
            Self::Stdin | Self::Named(_) => true,
            Self::Held(held) => {
                held.path.metadata().is_ok_and(|metadata| Identity::of(&metadata) == held.identity)
            }
        }
    }
}

fn is_pipe(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// A file that is open, whatever its name is by now.
#[derive(Debug)]
pub struct Held {
    /// Where it was found.
    pub path: PathBuf,
    /// Which one it is.
    pub identity: Identity,
    file: File,
}

impl Held {
    fn open_at(path: PathBuf) -> io::Result<Self> {
        let file = File::open(&path)?;
        let identity = Identity::of(&file.metadata()?);
        Ok(Self { path, identity, file })
    }

    /// Begins to read it, as [`Opened::of_file`] does. Whatever is read of it goes on at one and the same place.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn open(&self, since: Option<Stamp>, until: Option<Stamp>) -> io::Result<Option<Opened>> {
        Opened::of_file(self.file.try_clone()?, since, until)
    }

    /// Begins to read all of it.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn stream(&self) -> io::Result<Stream> {
        Stream::of_all(self.file.try_clone()?)
    }

    /// How many bytes of the file were read, or passed over.
    ///
    /// # Errors
    /// None that is known.
    pub fn position(&self) -> io::Result<u64> {
        (&self.file).stream_position()
    }

    /// Goes on behind so many bytes of the file.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn go_to(&self, offset: u64) -> io::Result<()> {
        (&self.file).seek(SeekFrom::Start(offset)).map(drop)
    }

    /// How many bytes there are.
    ///
    /// # Errors
    /// None that is known.
    pub fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn lines_before(&self, offset: u64) -> u64 {
        self.aside(|file| {
            let (mut memory, mut lines) = (vec![0; 64 * 1024], 0);
            let mut file = file.take(offset);
            while let Ok(count @ 1..) = file.read(&mut memory) {
                lines += memchr::memchr_iter(b'\n', &memory[..count]).count() as u64;
            }
            lines
        })
        .unwrap_or_default()
    }

    /// Its first line, if that is whole.
    fn first_line(&self) -> Option<Vec<u8>> {
        let read = self.aside(|file| {
            let mut line = Vec::new();
            // Of one that is torn, too, the beginning is there.
            let _ = Stream::of_all(file.try_clone()?)?.take(FIRST_LINE).read_to_end(&mut line);
            line.truncate(memchr::memchr(b'\n', &line).unwrap_or_default());
            io::Result::Ok(line)
        });
        read.ok()?.ok().filter(|line| !line.is_empty())
    }

    /// Does `look` at the beginning of the file; whoever reads it goes on where they were.
    fn aside<T>(&self, look: impl FnOnce(&File) -> T) -> io::Result<T> {
        let before = self.position()?;
        self.go_to(0)?;
        let seen = look(&self.file);
        self.go_to(before)?;
        Ok(seen)
    }
}

/// Everything that is to be read for `files`, oldest first, each file once.
///
/// The parts of `a.jsonl` are `a.jsonl.0`, `.1`, `.2` and so on, with or without `.gz`; the higher the number the older.
///
/// # Errors
/// A file that is not there.
pub fn of(files: &[PathBuf], rotated: bool) -> Result<Vec<Part>, Vec<Error>> {
    let found = settled(|| files.iter().map(|file| listed(file, rotated)).collect());
    let absent = files.iter().zip(&found).filter(|(_, parts)| parts.is_empty());
    let errors: Vec<Error> = absent.map(|(file, _)| missing(file)).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    // `logs audit.jsonl*` names each part twice.
    let mut known = HashSet::new();
    let is_new = |part: &Part| part.identity().is_none_or(|identity| known.insert((identity, part.place())));
    Ok(found.into_iter().flatten().filter(is_new).collect())
}

/// Whether there is anything to be read for `file`.
pub fn are_there(file: &Path) -> bool {
    !listed(file, true).is_empty()
}

/// What was rotated away from `log`, or put in its place, since `known` lay there; oldest first. `known` is told by what
/// it is, and where it was compressed meanwhile, by its first line.
///
/// # Errors
/// One of them that cannot be opened.
pub fn since(log: &Path, known: &Held) -> io::Result<Vec<Held>> {
    let mut parts = settled(|| vec![listed(log, true)]).pop().unwrap_or_default();
    let same = parts.iter().rposition(|part| part.identity() == Some(known.identity));
    let last_known = same.or_else(|| {
        // Where nothing tells, only what lies in its place is new.
        let first = known.first_line();
        let first = first.as_deref().map(|line| (line, Line::time_of(line)));
        let is_known_or_older = |part: &Part| {
            let line = if let Part::Held(part) = part { part.first_line() } else { None };
            let (Some(line), Some((first, begun))) = (line, first) else { return true };
            line == first || Line::time_of(&line).zip(begun).is_none_or(|(time, begun)| time < begun)
        };
        let rotated = parts.iter().filter(|part| !part.is_at(log)).count();
        parts[..rotated].iter().rposition(is_known_or_older)
    });
    let begin = last_known.map_or(0, |at| at + 1);
    let mut newer = Vec::new();
    for part in parts.drain(begin..) {
        match part.held() {
            // It was renamed just now: the next look finds it, and those behind it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            held => newer.push(held?),
        }
    }
    Ok(newer)
}

impl Part {
    fn is_at(&self, log: &Path) -> bool {
        matches!(self, Self::Named(path) | Self::Held(Held { path, .. }) if path == log)
    }
}

/// Opens what `list` names for each file, and does that again until every file is where it was a moment before.
fn settled(mut list: impl FnMut() -> Vec<Vec<PathBuf>>) -> Vec<Vec<Part>> {
    let mut tries = 0;
    loop {
        let names = list();
        let mut left: usize = names.iter().map(Vec::len).sum();
        let mut is_whole = true;
        let mut parts: Vec<Vec<Part>> = Vec::new();
        for names in &names {
            let mut found = Vec::new();
            for name in names {
                let is_held = left <= HELD;
                left -= 1;
                let part = Part::at(name.clone(), is_held);
                is_whole &= part.is_ok();
                // Whoever reads one that is gone will tell.
                found.push(part.unwrap_or_else(|_| Part::Named(name.clone())));
            }
            parts.push(found);
        }
        tries += 1;
        let is_in_place = || parts.iter().flatten().all(Part::is_in_place);
        if tries == TRIES || (is_whole && list() == names && is_in_place()) {
            parts.iter_mut().for_each(leave_out_copy);
            return parts;
        }
    }
}

/// Leaves out the compressed copy of a part whose plain file was not removed yet.
fn leave_out_copy(parts: &mut Vec<Part>) {
    let copy = parts.windows(2).position(|two| {
        let [Part::Held(copy), Part::Held(plain)] = two else { return false };
        let log = plain.path.as_os_str().as_encoded_bytes().strip_suffix(b".0");
        let is_next = log.is_some_and(|log| {
            copy.path.as_os_str().as_encoded_bytes().strip_prefix(log) == Some(b".1.gz".as_slice())
        });
        is_next && is_compressed_in(&plain.file, &copy.file).unwrap_or_default()
    });
    if let Some(copy) = copy {
        parts.remove(copy);
    }
}

/// The names of what is to be read for `file`, oldest first.
fn listed(file: &Path, rotated: bool) -> Vec<PathBuf> {
    if file == Path::new("-") {
        return vec![file.to_owned()];
    }
    let mut names = if rotated { older(file) } else { Vec::new() };
    names.extend(file.exists().then(|| file.to_owned()));
    names
}

/// The parts that were rotated away from `file`, oldest first.
fn older(file: &Path) -> Vec<PathBuf> {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
    let number = |found: &str| {
        let rest = found.strip_prefix(name)?.strip_prefix('.')?;
        let digits = rest.strip_suffix(".gz").unwrap_or(rest);
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok()).flatten()
    };
    let mut parts: Vec<(u32, String)> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|found| Some((number(&found)?, found)))
        .collect();
    parts.sort();
    // While a part is compressed it is there twice, and the plain one is whole.
    parts.dedup_by_key(|(number, _)| *number);
    parts.into_iter().rev().map(|(_, found)| file.with_file_name(found)).collect()
}

fn missing(file: &Path) -> Error {
    let error = Error::new(format!("there is no log at `{}`", file.display()));
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.contains(['*', '?']) {
        return error.hint("leave out the parts: `innkeeper logs audit.jsonl` reads them too");
    }
    error.hint("the one of the settings: `innkeeper logs`, or `innkeeper logs --config FILE`").hint(format!(
        "is it there? `ls {}`",
        quoted_file(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    ))
}

#[cfg(test)]
pub(super) mod tests;
