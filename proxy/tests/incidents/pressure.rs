//! What there is too little of: room in a connection table, CPU.

use std::fmt::Write as _;
use std::path::PathBuf;

use testbed::Netns;

/// What fills a connection table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Filling {
    /// Nothing makes room for another.
    AssuredTcp,
    /// The same.
    AssuredUdp,
    /// Each may make room for another.
    UnansweredUdp,
}

/// Entries that one pod has, as many as there may be.
pub(crate) fn fill_conntrack(host: &Netns, filling: Filling) {
    let most = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").unwrap();
    let most: usize = most.trim().parse().unwrap();
    let kind = match filling {
        Filling::AssuredTcp => "-p tcp --state ESTABLISHED -u ASSURED",
        Filling::AssuredUdp => "-p udp -u ASSURED,SEEN_REPLY",
        Filling::UnansweredUdp => "-p udp",
    };
    let mut entries = String::new();
    for n in 0..most {
        let (port, server) = (1_024 + n % 60_000, 1 + n / 60_000);
        writeln!(
            entries,
            "-I {kind} -s 10.244.0.9 -d 198.18.0.{server} --sport {port} --dport 443 -t 600"
        )
        .unwrap();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, entries.as_bytes()).unwrap();
    // It ends with an error where the table is full.
    host.command("conntrack")
        .arg("-R")
        .arg(file.path())
        .output()
        .unwrap();
}

/// A group of processes; gone when it is dropped, after them.
pub(crate) struct Group(PathBuf);

impl Group {
    /// Gives a process a hundredth of a processor.
    pub(crate) fn with_little_cpu(pid: u32) -> Self {
        let group = Self::named(&format!("fivedots-{pid}"));
        group.write("cpu.cfs_period_us", 100_000);
        group.write("cpu.cfs_quota_us", 1_000);
        group.write("cgroup.procs", pid);
        group
    }

    /// Makes a process one of a pod, as far as its groups tell.
    pub(crate) fn pod(pid: u32) -> Self {
        let group = Self::named(&format!("pod{pid}"));
        group.write("cgroup.procs", pid);
        group
    }

    fn named(name: &str) -> Self {
        let group = PathBuf::from("/sys/fs/cgroup/cpu").join(name);
        std::fs::create_dir(&group).unwrap();
        Self(group)
    }

    fn write(&self, file: &str, value: u32) {
        std::fs::write(self.0.join(file), value.to_string()).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        std::fs::remove_dir(&self.0).ok();
    }
}
