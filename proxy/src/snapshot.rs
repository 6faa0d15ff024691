//! The cache in a file, from one process to the next.
//!
//! An update hands the cache over while both run (`handover`). This is for a restart, in
//! which the old process has ended before the new one starts: written when a process ends
//! in order, read once at the next start, with the time in between taken off the TTLs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use resolver::{Cache, Moment, Resolver, unix_time};

/// Writes the answers of `cache` that are fresh at `now` to a file that only we may read;
/// returns its size in octets.
///
/// # Errors
///
/// When it cannot be written; an earlier file is then left as it is.
pub fn write(path: &Path, cache: &Cache, now: Moment) -> io::Result<u64> {
    let unfinished = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = BufWriter::new(options.open(&unfinished)?);
    file.write_all(&FORM)?;
    file.write_all(&unix_time().as_secs().to_be_bytes())?;
    let mut part = Vec::new();
    for number in 0.. {
        part.clear();
        if !cache.pack(number, now, &mut part) {
            break;
        }
        let len = u32::try_from(part.len()).unwrap_or(u32::MAX);
        if len > MOST {
            // It would not be read.
            tracing::warn!(octets = len, "a part of the cache is too large for the snapshot");
            continue;
        }
        file.write_all(&len.to_be_bytes())?;
        file.write_all(&part)?;
    }
    let file = file.into_inner()?;
    fs::rename(&unfinished, path)?;
    Ok(file.metadata()?.len())
}

/// Takes in what an earlier process wrote, and removes it: what ends a start may not end
/// the one after it. Returns how many answers are still fresh; `None` where there is no
/// file.
///
/// # Errors
///
/// When it cannot be read or removed, is of another form, was cut, or is of the future.
pub fn read(path: &Path, resolver: &Resolver, now: Moment) -> io::Result<Option<usize>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    fs::remove_file(path)?;
    let mut file = BufReader::new(file);
    let mut head = [0; FORM.len() + 8];
    file.read_exact(&mut head)?;
    let (form, written) = head.split_at(FORM.len());
    if form != FORM {
        return Err(io::Error::other("it is of another form"));
    }
    let written = written
        .iter()
        .fold(0, |time, octet| time << 8 | u64::from(*octet));
    let age = unix_time().checked_sub(Duration::from_secs(written));
    let age = age.ok_or_else(|| io::Error::other("it is of the future: the clock was set back"))?;
    let (mut answers, mut part) = (0, Vec::new());
    while let Some(len) = next_len(&mut file)? {
        part.clear();
        (&mut file).take(len.into()).read_to_end(&mut part)?;
        if part.len() < len as usize {
            return Err(io::Error::other("it was cut"));
        }
        answers += resolver.take_aged(&part, age, now);
    }
    Ok(Some(answers))
}

/// The length of the next part; none at the end of the file.
fn next_len(file: &mut impl Read) -> io::Result<Option<u32>> {
    let mut len = [0; 4];
    match file.read_exact(&mut len) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let len = u32::from_be_bytes(len);
    if len > MOST {
        return Err(io::Error::other(format!("a part of {len} octets is too large")));
    }
    Ok(Some(len))
}

/// What is written first: another form has another number.
const FORM: [u8; 8] = *b"5dsnap01";
/// Octets of a part: a file that was damaged may not take all memory.
const MOST: u32 = 256 << 20;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use resolver::{CacheConfig, KeyHasher};

    use super::*;

    fn empty() -> Resolver {
        let cache = Arc::new(Cache::new(&CacheConfig::default()));
        Resolver::new(cache, KeyHasher::default(), false)
    }

    fn moment() -> Moment {
        Moment::from_micros(1)
    }

    fn failure(octets: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache");
        fs::write(&path, octets).unwrap();
        let error = read(&path, &empty(), moment()).unwrap_err();
        assert!(!path.exists(), "it would be read again");
        error.to_string()
    }

    #[test]
    fn none_is_no_error_and_an_empty_one_has_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache");
        assert_eq!(read(&path, &empty(), moment()).unwrap(), None);
        write(&path, &Cache::new(&CacheConfig::default()), moment()).unwrap();
        assert_eq!(read(&path, &empty(), moment()).unwrap(), Some(0));
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_snapshot_is_refused_with_the_reason() {
        assert_eq!(failure(b"5d"), "failed to fill whole buffer");
        assert_eq!(failure(&[7; 64]), "it is of another form");
        let with = |time: u64, rest: &[u8]| [&FORM[..], &time.to_be_bytes(), rest].concat();
        let future = failure(&with(u64::MAX, &[]));
        assert!(future.starts_with("it is of the future"), "{future}");
        let large = failure(&with(1, &[0xff; 4]));
        assert_eq!(large, "a part of 4294967295 octets is too large");
    }

    #[test]
    fn where_it_cannot_be_written_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no/cache");
        let cache = Cache::new(&CacheConfig::default());
        let error = write(&path, &cache, moment()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
