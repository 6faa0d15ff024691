//! What a sender thread used of its CPU in each phase.

use std::fs;
use std::time::Duration;

use crate::recorder::Recorder;

/// The phase that is measured, and where it began.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    current: Option<(u8, Mark)>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: u64,
    used: Duration,
    waited: Duration,
}

impl Mark {
    fn new(at: u64) -> Self {
        Self { at, used: udp::thread_cpu_time(), waited: waited() }
    }
}

impl Usage {
    /// Takes note of the phase of the next query, at `now`; the shares of the one
    /// before go to its record. With `None` all phases are over.
    pub(crate) fn enter(&mut self, phase: Option<u8>, now: u64, recorder: &mut Recorder) {
        if self.current.map(|(current, _)| current) == phase {
            return;
        }
        let mark = Mark::new(now);
        if let Some((before, start)) = self.current.take()
            && mark.at > start.at
        {
            let took = Duration::from_nanos(mark.at - start.at).as_secs_f64();
            let used = mark.used.saturating_sub(start.used).as_secs_f64();
            let waited = mark.waited.saturating_sub(start.waited).as_secs_f64();
            let record = recorder.phase(before);
            record.cpu_share = used / took;
            record.busy_share = (used + waited) / took;
        }
        self.current = phase.map(|phase| (phase, mark));
    }
}

/// How long this thread was ready to run and had no CPU: the second figure of
/// `schedstat` (sched-stats.rst of the kernel); zero where there is none.
fn waited() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_ascii_whitespace().nth(1);
    Duration::from_nanos(nanos.and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_phase_uses_its_cpu_and_the_next_does_not() {
        let mut recorder = Recorder::new(2);
        let mut usage = Usage::default();
        usage.enter(Some(0), 0, &mut recorder);
        let started = udp::thread_cpu_time();
        while udp::thread_cpu_time() - started < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        usage.enter(Some(1), 20_000_000, &mut recorder);
        usage.enter(Some(1), 500_000_000, &mut recorder);
        usage.enter(None, 1_020_000_000, &mut recorder);
        let shares: Vec<_> = recorder
            .phases()
            .iter()
            .map(|phase| phase.cpu_share)
            .collect();
        assert!(shares[0] >= 1.0, "{shares:?}");
        assert!(shares[1] < 0.5, "{shares:?}");
    }
}
