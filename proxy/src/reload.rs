//! Reading the configuration again: when, and what came of it.
//!
//! The files are looked at by their status every second. inotify would have to watch
//! each directory on the way of the symbolic links that a ConfigMap is made of, and
//! sees nothing on some network file systems.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// Files whose changes mean a reload.
#[derive(Debug)]
pub struct Watched {
    paths: Vec<PathBuf>,
    /// As they were when the configuration was read last.
    read: Vec<Option<Stamp>>,
}

/// What changes with a file; none where it is missing. Links are followed, so the
/// swap of a ConfigMap's directory is another file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    id: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

impl Watched {
    /// Watches these from here on.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let read = stamps(&paths);
        Self { paths, read }
    }

    /// Notes that the files are read now.
    pub fn note_read(&mut self) {
        self.read = stamps(&self.paths);
    }

    /// Waits until a file has changed and stayed so for a moment: one that is being
    /// written is not read by half.
    pub async fn changed(&mut self) {
        let mut before = self.read.clone();
        loop {
            sleep(LOOK).await;
            let now = stamps(&self.paths);
            if now == before && now != self.read {
                return;
            }
            before = now;
        }
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |path: &PathBuf| {
        let file = std::fs::metadata(path).ok()?;
        let modified = (file.mtime(), file.mtime_nsec());
        Some(Stamp { id: (file.dev(), file.ino()), size: file.size(), modified })
    };
    paths.iter().map(stamp).collect()
}

/// What came of a reload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reloaded {
    /// The new configuration is in force.
    Applied,
    /// It is the one in force already.
    Unchanged,
    /// It is wrong, or could not be applied: the old one stays in force.
    Rejected,
}

impl Reloaded {
    /// All, in the order of their index.
    pub const ALL: [Self; 3] = [Self::Applied, Self::Unchanged, Self::Rejected];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Rejected => "rejected",
        }
    }
}

/// How many reloads came to what.
#[derive(Debug, Default)]
pub struct Reloads([AtomicU64; 3]);

impl Reloads {
    /// Counts one.
    pub fn add(&self, outcome: Reloaded) {
        if let Some(count) = self.0.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the count.
    pub fn get(&self, outcome: Reloaded) -> u64 {
        self.0
            .get(outcome as usize)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// Between two looks: two system calls a second for each file.
const LOOK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(change: impl FnOnce(), watched: &mut Watched) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        change();
        runtime.block_on(watched.changed());
    }

    #[test]
    fn the_swap_of_a_config_map_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for (name, text) in [("one", "version = 1"), ("two", "version = 2")] {
            std::fs::create_dir(path(name)).unwrap();
            std::fs::write(path(name).join("config"), text).unwrap();
        }
        std::os::unix::fs::symlink("one", path("..data")).unwrap();
        std::os::unix::fs::symlink("..data/config", path("config")).unwrap();
        let mut watched = Watched::new(vec![path("config")]);
        let swap = || {
            std::os::unix::fs::symlink("two", path("..new")).unwrap();
            std::fs::rename(path("..new"), path("..data")).unwrap();
        };
        changes(swap, &mut watched);
        watched.note_read();
        // A file that goes is a change as well, which a reload will report.
        changes(|| std::fs::remove_file(path("config")).unwrap(), &mut watched);
    }

    #[test]
    fn outcomes_are_counted_apart() {
        let reloads = Reloads::default();
        reloads.add(Reloaded::Rejected);
        assert_eq!(Reloaded::ALL.map(|outcome| reloads.get(outcome)), [0, 0, 1]);
    }
}
