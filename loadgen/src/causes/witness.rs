//! The thread that changes causes with the phases, and takes note of what is seen.

use std::fs;
use std::io;
use std::thread;

use super::flows::Filler;
use super::ring::Relay;
use super::server::Figures;
use super::upstream::Played;
use super::{CauseLimits, Causes, LOOK, PhaseEnds, table};
use crate::evidence::{Evidence, Seen};
use crate::sender::RunClock;

/// All causes of a run while they last; they end when it is dropped.
pub struct Witness {
    ends: PhaseEnds,
    phase: usize,
    upstream: Option<Played>,
    ring: Option<Relay>,
    flows: Option<Filler>,
    metrics: Option<std::net::SocketAddr>,
    server: Option<Figures>,
    dropped: Option<f64>,
    /// CPU seconds of the server in this phase.
    cpu_seconds: f64,
    looked: u64,
    seen: Vec<Evidence>,
}

impl Witness {
    /// Starts the causes of the first phase.
    ///
    /// # Errors
    ///
    /// When an address cannot be had.
    pub fn start(causes: &Causes, limits: CauseLimits, ends: PhaseEnds) -> io::Result<Self> {
        Ok(Self {
            upstream: causes.upstream.as_ref().map(Played::start).transpose()?,
            ring: causes
                .ring
                .as_ref()
                .map(|ring| Relay::start(ring, limits))
                .transpose()?,
            flows: causes.flows.as_ref().map(Filler::start).transpose()?,
            metrics: causes.metrics,
            server: causes.metrics.and_then(|addr| Figures::read(addr).ok()),
            dropped: dropped(),
            seen: vec![Evidence::default(); ends.len().max(1)],
            ends,
            phase: 0,
            cpu_seconds: 0.0,
            looked: 0,
        })
    }

    /// Follows the run until it `is_over`; returns what was seen in each phase. What is
    /// seen after the last phase belongs to it.
    #[expect(
        clippy::disallowed_methods,
        reason = "looks at what others do, some 50 times a second"
    )]
    pub fn watch(mut self, clock: RunClock, is_over: impl Fn() -> bool) -> Vec<Evidence> {
        while !is_over() {
            thread::sleep(LOOK);
            let now = clock.now();
            self.note(Seen::ConntrackFull, fullness());
            let last = self.ends.len().saturating_sub(1);
            let phase = self.ends.iter().position(|end| now < *end).unwrap_or(last);
            if phase != self.phase {
                self.take(now);
                self.end_phase();
                self.phase = phase;
                if let Some(upstream) = &mut self.upstream {
                    upstream.enter(phase);
                }
                if let Some(flows) = &self.flows {
                    flows.enter(phase);
                }
            } else if now >= self.looked + BETWEEN {
                self.take(now);
            }
        }
        self.take(clock.now());
        self.end_phase();
        self.seen
    }

    /// Counts what came since the last time.
    fn take(&mut self, now: u64) {
        self.looked = now;
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let number = |count: u64| Some(count as f64);
        if let Some((asked, faulted)) = self.upstream.as_mut().map(Played::take) {
            self.note(Seen::UpstreamAsked, number(asked));
            self.note(Seen::UpstreamFaulted, number(faulted));
        }
        if let Some([passed, returned, refused]) = self.ring.as_mut().map(Relay::take) {
            self.note(Seen::RingPassed, number(passed));
            self.note(Seen::RingReturned, number(returned));
            self.note(Seen::RingRefused, number(refused));
        }
        if let Some(now) = dropped() {
            let before = self.dropped.replace(now).unwrap_or(now);
            self.note(Seen::ConntrackDropped, Some((now - before).max(0.0)));
        }
        // A server that shows nothing may be down; it is asked again.
        let Some(figures) = self.metrics.and_then(|addr| Figures::read(addr).ok()) else { return };
        let Some(before) = self.server.replace(figures) else { return };
        for (seen, value) in figures.since(before) {
            if seen == Seen::ServerCpuSeconds {
                self.cpu_seconds += value;
            }
            self.note(seen, Some(value));
        }
    }

    /// Turns CPU seconds into a share of the phase.
    fn end_phase(&mut self) {
        let start = match self.phase.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run")]
        let seconds = self.looked.saturating_sub(start) as f64 / 1e9;
        let cpu = std::mem::take(&mut self.cpu_seconds);
        if self.server.is_some() && seconds > 0.0 {
            self.note(Seen::ServerCpu, Some(cpu / seconds));
        }
    }

    fn note(&mut self, seen: Seen, value: Option<f64>) {
        if let (Some(evidence), Some(value)) = (self.seen.get_mut(self.phase), value) {
            evidence.add(seen, value);
        }
    }
}

/// How full the connection table of this network namespace is, as a share; none where
/// there is no table.
fn fullness() -> Option<f64> {
    let number = |name| table::number(name).map(f64::from);
    Some(number("count")? / number("max")?).filter(|share| share.is_finite())
}

/// New flows that the full table has dropped in this network namespace: column `drop`, in
/// hexadecimal, a line for each processor.
fn dropped() -> Option<f64> {
    let text = fs::read_to_string("/proc/net/stat/nf_conntrack").ok()?;
    dropped_of(&text)
}

fn dropped_of(text: &str) -> Option<f64> {
    let mut lines = text.lines();
    let at = lines
        .next()?
        .split_whitespace()
        .position(|name| name == "drop")?;
    let cells = lines.filter_map(|line| line.split_whitespace().nth(at));
    let counts = cells.filter_map(|cell| u32::from_str_radix(cell, 16).ok());
    Some(counts.map(f64::from).sum())
}

/// Nanoseconds between two readings of what costs something to read.
const BETWEEN: u64 = 250_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_of_all_processors_are_added_up() {
        let text = "entries  searched drop early_drop\n000a 0 0000000f 1\n000a 0 00000010 0\n";
        assert_eq!(dropped_of(text), Some(31.0));
        assert_eq!(dropped_of("entries\n1\n"), None);
    }
}
