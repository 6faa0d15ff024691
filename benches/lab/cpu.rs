//! What a process has used, as the kernel accounts for it.

use std::fs;

use anyhow::{Context as _, Result};

/// CPU time of a process so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuTime {
    /// User and system of the threads that live, nanoseconds
    /// (`/proc/PID/task/*/schedstat`; exact).
    pub(crate) living_ns: u64,
    /// Of that, what the thread has that keeps our accounts; zero in the
    /// programs of others, which keep none.
    pub(crate) observer_ns: u64,
    /// User alone, clock ticks of 10 ms (proc(5)); a sample, so only good for
    /// shares of long runs.
    pub(crate) user_ticks: u64,
    /// System alone, likewise.
    pub(crate) system_ticks: u64,
}

impl CpuTime {
    /// Reads it now.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let gone = || format!("process {pid} has ended");
        let (mut living_ns, mut observer_ns) = (0, 0);
        for task in fs::read_dir(format!("/proc/{pid}/task")).with_context(gone)? {
            // A thread may end between the listing and the reading.
            let task = task?.path();
            let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            let ns = text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok());
            living_ns += ns.unwrap_or_default();
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            if name.trim_end() == OBSERVER {
                observer_ns += ns.unwrap_or_default();
            }
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(gone)?;
        let [user_ticks, system_ticks] = ticks(&stat, OWN);
        Ok(Self { living_ns, observer_ns, user_ticks, system_ticks })
    }

    /// Reads the time of the processes that this one started and waited for:
    /// all their threads, from the first to the last instruction.
    ///
    /// # Errors
    ///
    /// When there is no /proc.
    pub(crate) fn of_children() -> Result<Self> {
        let stat = fs::read_to_string("/proc/self/stat").context("no /proc")?;
        let [user_ticks, system_ticks] = ticks(&stat, CHILDREN);
        Ok(Self { user_ticks, system_ticks, ..Self::default() })
    }

    /// What was used since `before`.
    pub(crate) const fn since(self, before: Self) -> Self {
        Self {
            living_ns: self.living_ns.saturating_sub(before.living_ns),
            observer_ns: self.observer_ns.saturating_sub(before.observer_ns),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(before.system_ticks),
        }
    }

    /// User and system, nanoseconds. Threads that ended meanwhile, as those of
    /// connections, are only in the ticks.
    pub(crate) fn total_ns(self) -> u64 {
        let ticks = self.user_ticks + self.system_ticks;
        let ended = ticks.saturating_mul(TICK_NS) > self.living_ns + 2 * TICK_NS;
        if ended { ticks * TICK_NS } else { self.living_ns }
    }

    /// User alone, nanoseconds, to the tick.
    pub(crate) const fn user_ns(self) -> u64 {
        self.user_ticks * TICK_NS
    }

    /// System alone, nanoseconds, to the tick.
    pub(crate) const fn system_ns(self) -> u64 {
        self.system_ticks * TICK_NS
    }

    /// The share of user time, 0 to 1; `None` when nothing was sampled.
    #[expect(clippy::cast_precision_loss, reason = "ticks of minutes, not of centuries")]
    pub(crate) fn user_share(self) -> Option<f64> {
        let all = self.user_ticks + self.system_ticks;
        (all > 0).then(|| self.user_ticks as f64 / all as f64)
    }
}

/// User and system ticks of a `stat` file, from its field number `first` after
/// the name.
fn ticks(stat: &str, first: usize) -> [u64; 2] {
    // The name in parentheses may hold anything; numbers follow it.
    let after = stat.rsplit(')').next().unwrap_or_default();
    [first, first + 1].map(|n| {
        let field = after.split_whitespace().nth(n);
        field.and_then(|text| text.parse().ok()).unwrap_or_default()
    })
}

/// The name of the thread that keeps accounts, in `fivedots`.
const OBSERVER: &str = "observer";

/// `utime` and `stime`, of the process itself.
const OWN: usize = 11;
/// `cutime` and `cstime`, of its children.
const CHILDREN: usize = 13;

/// A clock tick: `USER_HZ` is 100 on every Linux architecture of today.
const TICK_NS: u64 = 10_000_000;

/// Resident memory of a process, octets (`VmRSS`).
///
/// # Errors
///
/// When the process has ended.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} has ended"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.unwrap_or_default() * 1024)
}
