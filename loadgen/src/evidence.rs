//! What shows that a situation occurred, beside what the load's own queries met.
//!
//! A client cannot see why it was not answered. So a run also counts at the places
//! where the cause is: the upstream that it plays, the ring that it closes, the
//! connection table, and the server's own figures.

use std::collections::BTreeMap;

/// A figure from outside of the load.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Seen {
    /// Queries that reached the upstream of this run.
    UpstreamAsked,
    /// Those of them that a fault was for.
    UpstreamFaulted,
    /// Queries that passed the ring.
    RingPassed,
    /// Those of them whose name had passed it before.
    RingReturned,
    /// Queries that had used up their laps, and were refused.
    RingRefused,
    /// The fullest that the connection table of this network namespace was.
    ConntrackFull,
    /// New flows that the full table dropped.
    ConntrackDropped,
    /// Queries that the server counted.
    ServerAsked,
    /// Answers of its cache.
    ServerHits,
    /// Queries that its cache had no answer to.
    ServerMisses,
    /// Answers with SERVFAIL.
    ServerServfail,
    /// How often it was another process than before.
    ServerRestarts,
    /// The share of a CPU that it used.
    ServerCpu,
    /// The seconds of a CPU that it used.
    ServerCpuSeconds,
    /// The most memory that it had, in octets.
    ServerMemory,
}

impl Seen {
    /// Each once.
    pub const ALL: [Self; 15] = [
        Self::UpstreamAsked,
        Self::UpstreamFaulted,
        Self::RingPassed,
        Self::RingReturned,
        Self::RingRefused,
        Self::ConntrackFull,
        Self::ConntrackDropped,
        Self::ServerAsked,
        Self::ServerHits,
        Self::ServerMisses,
        Self::ServerServfail,
        Self::ServerRestarts,
        Self::ServerCpu,
        Self::ServerCpuSeconds,
        Self::ServerMemory,
    ];

    /// Returns its name in conditions and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UpstreamAsked => "upstream.asked",
            Self::UpstreamFaulted => "upstream.faulted",
            Self::RingPassed => "ring.passed",
            Self::RingReturned => "ring.returned",
            Self::RingRefused => "ring.refused",
            Self::ConntrackFull => "conntrack.full",
            Self::ConntrackDropped => "conntrack.dropped",
            Self::ServerAsked => "server.asked",
            Self::ServerHits => "server.hits",
            Self::ServerMisses => "server.misses",
            Self::ServerServfail => "server.servfail",
            Self::ServerRestarts => "server.restarts",
            Self::ServerCpu => "server.cpu",
            Self::ServerCpuSeconds => "server.cpu_seconds",
            Self::ServerMemory => "server.memory",
        }
    }

    /// Finds the one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|seen| seen.name() == name)
    }

    /// Returns whether it is a share, and not a number.
    pub const fn is_share(self) -> bool {
        matches!(self, Self::ConntrackFull | Self::ServerCpu)
    }

    /// Returns which part of a scenario it comes from.
    pub const fn source(self) -> Source {
        match self {
            Self::UpstreamAsked | Self::UpstreamFaulted => Source::Upstream,
            Self::RingPassed | Self::RingReturned | Self::RingRefused => Source::Ring,
            Self::ConntrackFull | Self::ConntrackDropped => Source::Kernel,
            _ => Source::Server,
        }
    }

    /// Counts add up over time; the fullest, the busiest and the largest do not.
    const fn is_a_maximum(self) -> bool {
        matches!(self, Self::ConntrackFull | Self::ServerCpu | Self::ServerMemory)
    }
}

/// Where a figure comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// `[upstream]`
    Upstream,
    /// `[ring]`
    Ring,
    /// The kernel, always.
    Kernel,
    /// `target.metrics`
    Server,
}

/// The figures of a phase, those that were seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence(BTreeMap<Seen, f64>);

impl Evidence {
    /// Returns a figure; `None` if it was not seen.
    pub fn get(&self, seen: Seen) -> Option<f64> {
        self.0.get(&seen).copied()
    }

    /// Adds what was seen since the last time, or takes a higher maximum.
    pub fn add(&mut self, seen: Seen, value: f64) {
        let figure = self.0.entry(seen).or_default();
        *figure = if seen.is_a_maximum() { figure.max(value) } else { *figure + value };
    }

    /// Adds what was seen at another time.
    pub fn merge(&mut self, other: &Self) {
        for (seen, value) in &other.0 {
            self.add(*seen, *value);
        }
    }

    /// Takes what another sender saw of the same servers at the same time.
    pub fn merge_shard(&mut self, name: &str, value: f64) {
        if let Some(seen) = Seen::from_name(name) {
            let figure = self.0.entry(seen).or_default();
            *figure = figure.max(value);
        }
    }

    /// Returns all figures by name.
    pub fn by_name(&self) -> BTreeMap<String, f64> {
        self.0
            .iter()
            .map(|(seen, value)| (seen.name().to_owned(), *value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_maxima_do_not() {
        let mut phase = Evidence::default();
        assert_eq!(phase.get(Seen::RingPassed), None);
        phase.add(Seen::RingPassed, 2.0);
        phase.add(Seen::ConntrackFull, 0.4);
        let mut run = phase.clone();
        phase.add(Seen::ConntrackFull, 0.2);
        run.merge(&phase);
        assert_eq!(run.get(Seen::RingPassed), Some(4.0));
        assert_eq!(run.get(Seen::ConntrackFull), Some(0.4));
        // Two shards that read the same server have not seen twice as much.
        run.merge_shard("ring.passed", 3.0);
        assert_eq!(run.get(Seen::RingPassed), Some(4.0));
    }

    #[test]
    fn each_has_a_name_of_its_own() {
        for seen in Seen::ALL {
            assert_eq!(Seen::from_name(seen.name()), Some(seen));
        }
    }
}
