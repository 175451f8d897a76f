//! The files of a log: the one that is named and the parts that were rotated away from it, oldest first.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Chain, Cursor, Read, Seek as _, SeekFrom, Take};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::read::MultiGzDecoder;

use super::seek;
use super::stamp::Stamp;
use crate::error::{Error, quoted_file};

/// One file to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `-`.
    Stdin,
    /// Any other.
    File(PathBuf),
}

impl Part {
    /// For errors.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Everything that is to be read for `files`, oldest first, each file once.
///
/// The parts of `a.jsonl` are `a.jsonl.0`, `.1`, `.2` and so on, with or without `.gz`; the higher the number the older.
///
/// # Errors
/// A file that is not there.
pub fn of(files: &[PathBuf], rotated: bool) -> Result<Vec<Part>, Vec<Error>> {
    let mut errors = Vec::new();
    let mut parts = Vec::new();
    let mut known = HashSet::new();
    for file in files {
        if file == Path::new("-") {
            parts.push(Part::Stdin);
            continue;
        }
        let older = if rotated { older(file) } else { Vec::new() };
        if !file.exists() && older.is_empty() {
            errors.push(missing(file));
            continue;
        }
        let there = file.exists().then(|| file.clone());
        for path in older.into_iter().chain(there) {
            // `logs audit.jsonl*` names each part twice.
            if known.insert(fs::canonicalize(&path).unwrap_or_else(|_| path.clone())) {
                parts.push(Part::File(path));
            }
        }
    }
    if errors.is_empty() { Ok(parts) } else { Err(errors) }
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

/// A part that is open.
pub struct Opened {
    /// What it holds, without compression.
    pub stream: Stream,
    /// Where in the file the stream begins, in bytes; 0 where it is compressed.
    pub offset: u64,
    /// How many bytes are to be read from the file, where that is known.
    pub size: Option<u64>,
}

/// What is read.
pub enum Stream {
    /// A part of a file.
    Plain(Take<Counted<File>>),
    /// All of a compressed one.
    Compressed(Box<MultiGzDecoder<Begun<Counted<File>>>>),
    /// Whatever comes from standard input.
    Piped(Begun<io::Stdin>),
    /// The same, compressed.
    PipedCompressed(Box<MultiGzDecoder<Begun<io::Stdin>>>),
}

/// A stream of which the first bytes were read already.
type Begun<R> = Chain<Cursor<Vec<u8>>, R>;

/// A stream that knows how much was read.
pub struct Counted<R> {
    stream: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl Stream {
    /// How many bytes were read from the file.
    pub fn consumed(&self) -> u64 {
        match self {
            Self::Plain(file) => file.get_ref().count,
            Self::Compressed(file) => file.get_ref().get_ref().1.count,
            Self::Piped(_) | Self::PipedCompressed(_) => 0,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Compressed(file) => file.read(buffer),
            Self::Piped(input) => input.read(buffer),
            Self::PipedCompressed(input) => input.read(buffer),
        }
    }
}

/// How gzip begins (RFC 1952, section 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];

impl Part {
    /// Opens it at the first line that may be of `since` or later, up to the last that may be before `until`. `None` where
    /// no line can be: a compressed part that is older than that.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn open(&self, since: Option<Stamp>, until: Option<Stamp>) -> io::Result<Option<Opened>> {
        let path = match self {
            Self::Stdin => {
                let (begun, is_compressed) = begun(io::stdin())?;
                let stream = if is_compressed {
                    Stream::PipedCompressed(Box::new(MultiGzDecoder::new(begun)))
                } else {
                    Stream::Piped(begun)
                };
                return Ok(Some(Opened { stream, offset: 0, size: None }));
            }
            Self::File(path) => path,
        };
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            let (begun, _) = begun(Counted { stream: file, count: 0 })?;
            let file = begun.into_inner().1;
            return Ok(Some(Opened { stream: Stream::Plain(file.take(u64::MAX)), offset: 0, size: None }));
        }
        let size = metadata.len();
        if is_compressed(&mut file)? {
            let modified =
                metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365_000));
            if since.is_some_and(|since| is_before(modified, since)) {
                return Ok(None);
            }
            let begun = Cursor::new(Vec::new()).chain(Counted { stream: file, count: 0 });
            let stream = Stream::Compressed(Box::new(MultiGzDecoder::new(begun)));
            return Ok(Some(Opened { stream, offset: 0, size: Some(size) }));
        }
        let range = seek::range(&mut file, size, since, until)?;
        file.seek(SeekFrom::Start(range.start))?;
        // Without an end what is written meanwhile is read too.
        let most = range.end.map_or(u64::MAX, |end| end - range.start);
        let stream = Stream::Plain(Counted { stream: file, count: 0 }.take(most));
        Ok(Some(Opened { stream, offset: range.start, size: Some(range.end.unwrap_or(size) - range.start) }))
    }
}

/// Whether a file that was last changed at `modified` can hold nothing of `since` or later.
fn is_before(modified: SystemTime, since: Stamp) -> bool {
    let seconds = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).is_ok_and(|seconds| seconds + seek::MARGIN < since.seconds())
}

fn is_compressed(file: &mut File) -> io::Result<bool> {
    let mut first = Vec::new();
    file.take(GZIP.len() as u64).read_to_end(&mut first)?;
    file.rewind()?;
    Ok(first == GZIP)
}

/// Looks at the first bytes of a stream that cannot go back.
fn begun<R: Read>(mut stream: R) -> io::Result<(Begun<R>, bool)> {
    let mut first = Vec::new();
    stream.by_ref().take(GZIP.len() as u64).read_to_end(&mut first)?;
    let is_compressed = first == GZIP;
    Ok((Cursor::new(first).chain(stream), is_compressed))
}
