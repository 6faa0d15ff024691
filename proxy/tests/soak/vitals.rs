//! What a process holds, as the kernel says.

use std::fs;

/// Memory, descriptors and threads of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vitals {
    /// Resident memory (`VmRSS`, proc(5)).
    pub(crate) rss_kib: u64,
    pub(crate) sockets: usize,
    pub(crate) threads: u64,
}

impl Vitals {
    pub(crate) fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let number = line.and_then(|rest| rest.split_whitespace().next());
            number.and_then(|number| number.parse().ok()).unwrap()
        };
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let targets = descriptors
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok());
        let sockets = targets.filter(|target| target.to_string_lossy().starts_with("socket:"));
        Self { rss_kib: number("VmRSS:"), sockets: sockets.count(), threads: number("Threads:") }
    }
}
