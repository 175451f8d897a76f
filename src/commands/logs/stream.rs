//! What a part holds, as one stream, compressed or not, from a file or out of a pipe.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read, Seek as _, SeekFrom, Take};
use std::time::{Duration, SystemTime};

use flate2::read::MultiGzDecoder;

use super::seek;
use super::stamp::Stamp;

/// A part that is about to be read.
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
    Compressed(Box<MultiGzDecoder<Counted<File>>>),
    /// Whatever comes out of a pipe.
    Piped(Begun),
    /// The same, compressed.
    PipedCompressed(Box<MultiGzDecoder<Begun>>),
}

/// A pipe of which the first bytes were read already.
type Begun = Chain<Cursor<Vec<u8>>, Box<dyn Read>>;

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

impl Opened {
    /// What comes out of `pipe`, which ends when whoever writes into it does.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn of_pipe(mut pipe: Box<dyn Read>) -> io::Result<Self> {
        // It cannot go back: what was looked at comes once more.
        let first = beginning(&mut pipe)?;
        let is_compressed = first == GZIP;
        let begun = Cursor::new(first).chain(pipe);
        let stream = if is_compressed {
            Stream::PipedCompressed(Box::new(MultiGzDecoder::new(begun)))
        } else {
            Stream::Piped(begun)
        };
        Ok(Self { stream, offset: 0, size: None })
    }

    /// `file` from the first line that may be of `since` or later, up to the last that may be before `until`. `None`
    /// where no line can be: a compressed one that is older than that.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn of_file(mut file: File, since: Option<Stamp>, until: Option<Stamp>) -> io::Result<Option<Self>> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let size = metadata.len();
        if is_compressed(&mut file)? {
            let modified =
                metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365_000));
            if since.is_some_and(|since| is_before(modified, since)) {
                return Ok(None);
            }
            return Ok(Some(Self { stream: Stream::compressed(file), offset: 0, size: Some(size) }));
        }
        let range = seek::range(&mut file, size, since, until)?;
        file.seek(SeekFrom::Start(range.start))?;
        // Without an end what is written meanwhile is read too.
        let most = range.end.map_or(u64::MAX, |end| end - range.start);
        let stream = Stream::plain(file, most);
        Ok(Some(Self { stream, offset: range.start, size: Some(range.end.unwrap_or(size) - range.start) }))
    }
}

impl Stream {
    /// All of `file`, and of a plain one whatever is written behind that later.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn of_all(mut file: File) -> io::Result<Self> {
        Ok(if is_compressed(&mut file)? { Self::compressed(file) } else { Self::plain(file, u64::MAX) })
    }

    fn plain(file: File, most: u64) -> Self {
        Self::Plain(Counted { stream: file, count: 0 }.take(most))
    }

    fn compressed(file: File) -> Self {
        Self::Compressed(Box::new(MultiGzDecoder::new(Counted { stream: file, count: 0 })))
    }

    /// How many bytes were read from the file.
    pub fn consumed(&self) -> u64 {
        match self {
            Self::Plain(file) => file.get_ref().count,
            Self::Compressed(file) => file.get_ref().count,
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

fn beginning(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    stream.take(GZIP.len() as u64).read_to_end(&mut first)?;
    Ok(first)
}

/// Looks at the first bytes of `file`, which stands at its beginning afterwards.
fn is_compressed(file: &mut File) -> io::Result<bool> {
    file.rewind()?;
    let is_compressed = beginning(file)? == GZIP;
    file.rewind()?;
    Ok(is_compressed)
}

/// Whether a file that was last changed at `modified` can hold nothing of `since` or later.
fn is_before(modified: SystemTime, since: Stamp) -> bool {
    let seconds = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).is_ok_and(|seconds| seconds + seek::MARGIN < since.seconds())
}
