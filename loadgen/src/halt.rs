//! What ends a load from outside, without a signal: a file that is there, or one that
//! nobody renews any more.
//!
//! The stop file is the lever for a whole machine, or, as a ConfigMap that Pods mount,
//! for all of them. The lease is the other way round: who started the load must go on
//! saying so, and a controller that is gone stops it.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::sender::Stop;

/// Which files are looked at.
#[derive(Clone, Debug, Default)]
pub struct Halts {
    /// Ends the load as soon as it is there.
    pub stop_file: PathBuf,
    /// Ends the load when it was not written for this long.
    pub lease: Option<(PathBuf, Duration)>,
}

/// Why a load may not begin.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Halted {
    reason: String,
}

impl Halts {
    /// Looks at the files before the load begins.
    ///
    /// # Errors
    ///
    /// When one of them would end it at once.
    pub fn check(&self) -> Result<(), Halted> {
        let Some(code) = self.found() else { return Ok(()) };
        let reason = match (&self.lease, code) {
            (Some((path, age)), Stop::BY_LEASE) => {
                format!("the lease {} is not there, or older than {age:?}", path.display())
            }
            _ => format!("{} is there: no load until it is removed", self.stop_file.display()),
        };
        Err(Halted { reason })
    }

    /// Looks at the files until the program ends, and stops the load by them.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    #[expect(clippy::disallowed_methods, reason = "nothing else in this thread")]
    pub fn watch(self, stop: &Stop) -> io::Result<()> {
        let stop = stop.clone();
        let watch = move || {
            while stop.signal().is_none() {
                if let Some(code) = self.found() {
                    stop.set(code);
                }
                thread::sleep(LOOK);
            }
        };
        thread::Builder::new()
            .name("halt".to_owned())
            .spawn(watch)
            .map(|_| ())
    }

    fn found(&self) -> Option<u8> {
        if !self.stop_file.as_os_str().is_empty() && self.stop_file.exists() {
            return Some(Stop::BY_FILE);
        }
        let (path, age) = self.lease.as_ref()?;
        is_older(path, *age).then_some(Stop::BY_LEASE)
    }
}

/// A file that cannot be read is no lease.
#[expect(clippy::disallowed_methods, reason = "files have the time of the wall clock")]
fn is_older(path: &Path, age: Duration) -> bool {
    let written = std::fs::metadata(path).and_then(|about| about.modified());
    // One from the future was written just now.
    let since = |at| SystemTime::now().duration_since(at);
    written
        .ok()
        .is_none_or(|at| since(at).is_ok_and(|since| since > age))
}

/// Between two looks: the load ends within 100 ms, of which its threads take 20.
const LOOK: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_file_that_is_there_refuses_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let stop_file = folder.path().join("stop");
        let halts = Halts { stop_file: stop_file.clone(), lease: None };
        assert!(halts.check().is_ok());
        std::fs::write(&stop_file, "").unwrap();
        assert!(
            halts
                .check()
                .unwrap_err()
                .to_string()
                .contains("no load until it is removed")
        );
    }

    #[test]
    fn a_lease_is_a_file_that_was_written_lately() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease");
        let halts = |age| Halts { lease: Some((path.clone(), age)), ..Halts::default() };
        assert!(halts(Duration::from_secs(60)).check().is_err(), "it is not there");
        let file = std::fs::File::create(&path).unwrap();
        assert!(halts(Duration::from_secs(60)).check().is_ok());
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(halts(Duration::from_secs(60)).check().is_err(), "it is old");
    }
}
