//! The old parts of a log: `NAME.1.gz` is the newest, `NAME.2.gz` the one before it. While the newest is being
//! compressed it is `NAME.0`.
//!
//! Every step leaves all lines in one place at least, and a run that was broken off is finished by the next.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::{Compression, Crc, GzBuilder};

use crate::error::Error;

/// The part that was moved away and is not yet compressed.
pub(super) fn newest(log: &Path) -> PathBuf {
    beside(log, ".0")
}

/// The folder that `log` lies in.
pub(super) fn folder(log: &Path) -> &Path {
    log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Compresses the [newest] part of `log`, if there is one; the older ones move on by one, and of those `keep` stay.
/// Does nothing twice, wherever it was broken off before.
///
/// # Errors
/// What cannot be read or written. The lines are still there, and the next call tries again.
pub(super) fn compress(log: &Path, keep: u32) -> Result<(), Error> {
    let cannot = |error: io::Error| {
        Error::new(format!("cannot compress the old part `{}`", newest(log).display()))
            .caused_by(error)
            .hint("the log grows beyond `innkeeper.audit.maxSize` until it can")
    };
    compress_newest(log, keep).and_then(|()| remove_beyond(log, keep)).map_err(cannot)
}

fn compress_newest(log: &Path, keep: u32) -> io::Result<()> {
    let (plain, copy) = (newest(log), beside(log, ".0.gz.tmp"));
    let mut source = match File::open(&plain) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return remove(&copy),
        Err(error) => return Err(error),
    };
    let last = File::open(part(log, 1)).ok();
    if !last.map_or(Ok(false), |last| is_compressed_in(&source, &last))? {
        source.rewind()?;
        remove(&copy)?;
        write_compressed(&mut source, &copy)?;
        // The first free place takes the part before it, so that nothing is lost where one is missing.
        let free = (1..keep).find(|number| !part(log, *number).exists()).unwrap_or(keep);
        for number in (1..free).rev() {
            fs::rename(part(log, number), part(log, number + 1))?;
        }
        fs::rename(&copy, part(log, 1))?;
    }
    fs::remove_file(plain)
}

fn write_compressed(source: &mut File, copy: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // The lines of a log are so much alike that more pains gain little.
    let mut compressed = GzBuilder::new().write(options.open(copy)?, Compression::fast());
    io::copy(source, &mut compressed)?;
    compressed.finish()?.sync_all()
}

/// Whether `compressed` holds what `plain` holds: a part whose compression has come to its last step, or was broken off
/// before that. Told by the checksum and length at its end (RFC 1952, section 2.3.1), the rest only where the length is
/// the same. Where the two stand afterwards is not said.
///
/// # Errors
/// When `plain` cannot be read. Whatever else `compressed` is, it does not hold it.
pub fn is_compressed_in(mut plain: &File, mut compressed: &File) -> io::Result<bool> {
    let (mut checksum, mut length) = ([0; 4], [0; 4]);
    if compressed.seek(SeekFrom::End(-8)).is_err()
        || compressed.read_exact(&mut checksum).is_err()
        || compressed.read_exact(&mut length).is_err()
    {
        return Ok(false);
    }
    // The length is written modulo 2^32.
    if u64::from(u32::from_le_bytes(length)) != plain.metadata()?.len() % (1 << 32) {
        return Ok(false);
    }
    plain.rewind()?;
    let mut crc = Crc::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match plain.read(&mut buffer) {
            Ok(0) => return Ok(crc.sum() == u32::from_le_bytes(checksum)),
            Ok(count) => crc.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes the parts that `keep` leaves no place for, because it was larger before.
fn remove_beyond(log: &Path, keep: u32) -> io::Result<()> {
    let Some(name) = log.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    for entry in fs::read_dir(folder(log))? {
        let entry = entry?;
        let found = entry.file_name();
        let number = found.to_str().and_then(|file| {
            file.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".gz")?.parse::<u32>().ok()
        });
        if let Some(number) = number.filter(|number| *number > keep)
            && part(log, number).file_name() == Some(&found)
        {
            remove(&part(log, number))?;
        }
    }
    Ok(())
}

fn part(log: &Path, number: u32) -> PathBuf {
    beside(log, &format!(".{number}.gz"))
}

fn beside(log: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(log);
    name.push(ending);
    PathBuf::from(name)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;

    /// The parts of a log in a folder, newest first, with what they hold.
    fn held(log: &Path) -> Vec<(String, String)> {
        let mut names: Vec<_> = fs::read_dir(log.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let read = |name: &String| {
            let file = File::open(log.with_file_name(name)).unwrap();
            let mut text = String::new();
            match name.strip_suffix(".gz") {
                Some(_) => GzDecoder::new(file).read_to_string(&mut text),
                None => { file }.read_to_string(&mut text),
            }
            .unwrap();
            text
        };
        names.iter().map(|name| (name.clone(), read(name))).collect()
    }

    fn parts(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn old_parts_move_on_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.jsonl");
        for number in 1..=4 {
            fs::write(newest(&log), format!("part {number}\n")).unwrap();
            compress(&log, 3).unwrap();
        }
        let expected =
            [("a.jsonl.1.gz", "part 4\n"), ("a.jsonl.2.gz", "part 3\n"), ("a.jsonl.3.gz", "part 2\n")];
        assert_eq!(held(&log), parts(&expected));
        // There is nothing to do.
        compress(&log, 3).unwrap();
        assert_eq!(held(&log), parts(&expected));
        // One that is missing makes room.
        fs::remove_file(part(&log, 2)).unwrap();
        fs::write(newest(&log), "part 5\n").unwrap();
        compress(&log, 3).unwrap();
        let expected =
            [("a.jsonl.1.gz", "part 5\n"), ("a.jsonl.2.gz", "part 4\n"), ("a.jsonl.3.gz", "part 2\n")];
        assert_eq!(held(&log), parts(&expected));
        compress(&log, 1).unwrap();
        assert_eq!(held(&log), parts(&expected[..1]));
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::MetadataExt::mode(&fs::metadata(part(&log, 1)).unwrap()) & 0o777,
            0o600
        );
    }

    #[test]
    fn the_folder_of_a_bare_name_is_this_one() {
        assert!(compress(Path::new("no-such-log.jsonl"), 3).is_ok());
    }

    #[test]
    fn what_was_broken_off_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.jsonl");
        let zero = newest(&log);
        let stranger = folder.path().join("a.jsonl.9.gz.bak");
        fs::write(&stranger, "").unwrap();
        // While it was being compressed.
        fs::write(&zero, "1\n").unwrap();
        fs::write(beside(&log, ".0.gz.tmp"), "half").unwrap();
        compress(&log, 3).unwrap();
        let with = |expected: &[(&str, &str)]| {
            fs::remove_file(&stranger).unwrap();
            assert_eq!(held(&log), parts(expected));
            fs::write(&stranger, "").unwrap();
        };
        with(&[("a.jsonl.1.gz", "1\n")]);
        // Before the plain part was removed.
        fs::write(&zero, "1\n").unwrap();
        compress(&log, 3).unwrap();
        with(&[("a.jsonl.1.gz", "1\n")]);
        // After the others had moved on.
        fs::write(&zero, "2\n").unwrap();
        fs::rename(part(&log, 1), part(&log, 2)).unwrap();
        compress(&log, 3).unwrap();
        with(&[("a.jsonl.1.gz", "2\n"), ("a.jsonl.2.gz", "1\n")]);
        // Before the plain part was moved away, with another that is as long.
        fs::write(&zero, "3\n").unwrap();
        compress(&log, 3).unwrap();
        with(&[("a.jsonl.1.gz", "3\n"), ("a.jsonl.2.gz", "2\n"), ("a.jsonl.3.gz", "1\n")]);
        // A copy that nobody needs any more.
        fs::write(beside(&log, ".0.gz.tmp"), "half").unwrap();
        compress(&log, 3).unwrap();
        with(&[("a.jsonl.1.gz", "3\n"), ("a.jsonl.2.gz", "2\n"), ("a.jsonl.3.gz", "1\n")]);
    }
}
