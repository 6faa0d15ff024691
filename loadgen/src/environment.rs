//! The machine of a run: without it a number cannot be compared.

use std::fs;

use serde::{Deserialize, Serialize};

/// The machine and its limits, as far as they can bend a measurement. What
/// cannot be read is `None`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Environment {
    /// Version of this program.
    pub version: String,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// CPUs this process may use.
    pub cpus: usize,
    /// CPUs that the cgroup's `cpu.max` grants; throttling makes us late.
    pub cpu_quota: Option<f64>,
    /// Frequency governor of the first CPU.
    pub governor: Option<String>,
    /// Load average of the last minute, at the start.
    pub load_average: Option<f64>,
    /// Descriptors this process may open.
    pub open_files: Option<u64>,
    /// Ephemeral ports: the first and the last.
    pub port_range: Option<(u16, u16)>,
    /// Bytes a receive queue may be given (`net.core.rmem_max`).
    pub rmem_max: Option<u64>,
}

impl Environment {
    /// Reads all of it.
    pub fn read() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: line("/proc/sys/kernel/osrelease"),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            cpu_quota: line("/sys/fs/cgroup/cpu.max")
                .and_then(|text| quota(&text))
                .or_else(cgroup_v1_quota),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            load_average: line("/proc/loadavg").and_then(|text| first(&text)),
            open_files: fs::read_to_string("/proc/self/limits")
                .ok()
                .and_then(|text| files(&text)),
            port_range: line("/proc/sys/net/ipv4/ip_local_port_range")
                .and_then(|text| range(&text)),
            rmem_max: line("/proc/sys/net/core/rmem_max").and_then(|text| first(&text)),
        }
    }
}

fn line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn first<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// `max 100000`, or microseconds per period.
fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0 && quota > 0.0).then_some(quota / period)
}

/// The quota of the first version of cgroups, where -1 is none.
fn cgroup_v1_quota() -> Option<f64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let cpu = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?;
        controllers
            .split(',')
            .any(|one| one == "cpu")
            .then(|| fields.next().map(str::to_owned))?
    };
    let path = own.lines().find_map(cpu)?;
    // In a container its own group is the root of what is mounted.
    [path.as_str(), "/"].iter().find_map(|group| {
        let file = |name: &str| line(&format!("/sys/fs/cgroup/cpu{group}/{name}"));
        quota(&format!("{} {}", file("cpu.cfs_quota_us")?, file("cpu.cfs_period_us")?))
    })
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once(|c: char| c.is_ascii_whitespace())?;
    Some((low.parse().ok()?, high.trim().parse().ok()?))
}

fn files(limits: &str) -> Option<u64> {
    first(
        limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"))?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_understood() {
        assert_eq!(quota("max 100000"), None);
        assert_eq!(quota("150000 100000"), Some(1.5));
        assert_eq!(quota("-1 100000"), None);
        assert_eq!(range("32768\t60999"), Some((32768, 60999)));
        assert_eq!(
            files("Limit Soft\nMax open files            1024   524288 files\n"),
            Some(1024)
        );
        assert!(Environment::read().cpus >= 1);
    }
}
