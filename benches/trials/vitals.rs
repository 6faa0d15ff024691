//! The memory of a subject: its peak, and a limit for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testbed::pace;

/// Looks at the resident memory of a process until it is dropped.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn of(pid: u32) -> Self {
        let (stop, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, highest) = (Arc::clone(&stop), Arc::clone(&peak));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                highest.fetch_max(resident_kib(pid), Ordering::Relaxed);
                pace(GRAIN);
            }
        });
        Self { stop, peak, thread: Some(thread) }
    }

    /// The highest so far, in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        self.peak.load(Ordering::Relaxed).div_ceil(1024)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// Resident memory of a process, KiB; 0 once it has ended.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

/// A cgroup with a limit of memory; removed when it is dropped, and empty by then.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes one of `bytes`, of version 2 or else of version 1.
    ///
    /// # Errors
    ///
    /// Where neither can be written to.
    pub(crate) fn of(bytes: u64) -> Result<Self> {
        let second = Path::new("/sys/fs/cgroup");
        let has_memory = fs::read_to_string(second.join("cgroup.subtree_control"))
            .is_ok_and(|controllers| controllers.split_whitespace().any(|name| name == "memory"));
        let (parent, limit) = if has_memory {
            (second.to_owned(), "memory.max")
        } else {
            (second.join("memory"), "memory.limit_in_bytes")
        };
        let path = parent.join(format!("fivedots-trials-{}", std::process::id()));
        let group = Self { path };
        if !group.path.is_dir() {
            fs::create_dir(&group.path)
                .with_context(|| format!("cannot make {}", group.path.display()))?;
        }
        fs::write(group.path.join(limit), bytes.to_string())
            .with_context(|| format!("cannot limit {}", group.path.display()))?;
        Ok(group)
    }

    /// Moves a process into it.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub(crate) fn add(&self, pid: u32) -> Result<()> {
        let file = self.path.join("cgroup.procs");
        fs::write(&file, pid.to_string())
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The last process has been waited for; if the kernel still holds it, the
        // next run takes the folder as it is.
        fs::remove_dir(&self.path).unwrap_or_default();
    }
}

/// Between two looks.
const GRAIN: Duration = Duration::from_millis(20);
