//! What happened, as counts and histograms, per phase.
//!
//! Each sender thread has a recorder of its own; they are merged at the end.
//! Nothing here grows with the number of queries.

use std::collections::BTreeMap;

use dns::Rcode;
use hdrhistogram::Histogram;

use crate::evidence::Evidence;
use crate::series::{Series, Tally};

mod buckets;
pub use buckets::{Buckets, LATENCY_BOUNDS, LATENCY_BUCKETS};

mod counts;
pub use counts::{Counts, LookupCounts};

mod icmp;
pub use icmp::Icmp;

/// The record of one phase.
#[derive(Clone, Debug)]
pub struct PhaseRecord {
    /// What became of its queries.
    pub counts: Counts,
    /// Answers by the RCODE in their header, 0 to 15.
    pub rcodes: [u64; 16],
    /// Nanoseconds from due to the answer's arrival at this host.
    pub latency: Histogram<u64>,
    /// Answers by their latency, up to each of [`LATENCY_BOUNDS`] and beyond: to be shown
    /// while the run lasts.
    pub latency_buckets: [u64; LATENCY_BUCKETS],
    /// Nanoseconds of all latencies.
    pub latency_sum: u64,
    /// The same from the moment of the send: what a generator that waits
    /// would have reported.
    pub from_send: Histogram<u64>,
    /// Nanoseconds from due to sent.
    pub lateness: Histogram<u64>,
    /// Nanoseconds from the due time of a lookup to its end.
    pub lookup: Histogram<u64>,
    /// The same, from the moment its first query was sent.
    pub lookup_from_send: Histogram<u64>,
    /// Queries, or lookups, that one thread sent at one go.
    pub bursts: Histogram<u64>,
    /// Queries that the system did not take, by its error number.
    pub send_errors: BTreeMap<i32, u64>,
    /// Errors of sockets that were about no query in particular.
    pub socket_errors: BTreeMap<i32, u64>,
    /// ICMP messages about our queries.
    pub icmp: BTreeMap<Icmp, u64>,
    /// The share of a CPU that the busiest thread used, from 0 to 1; and that plus
    /// the time in which it waited for one.
    pub cpu_share: f64,
    /// See `cpu_share`.
    pub busy_share: f64,
    /// What was seen elsewhere meanwhile.
    pub evidence: Evidence,
    /// Due times of the first and the last query sent, in nanoseconds of the
    /// run.
    pub first_due: u64,
    /// See `first_due`.
    pub last_due: u64,
}

impl PhaseRecord {
    /// Starts empty.
    pub fn new() -> Self {
        Self {
            counts: Counts::default(),
            rcodes: [0; 16],
            latency: histogram(),
            latency_buckets: [0; LATENCY_BUCKETS],
            latency_sum: 0,
            from_send: histogram(),
            lateness: histogram(),
            lookup: histogram(),
            lookup_from_send: histogram(),
            bursts: bursts(),
            send_errors: BTreeMap::new(),
            socket_errors: BTreeMap::new(),
            icmp: BTreeMap::new(),
            cpu_share: 0.0,
            busy_share: 0.0,
            evidence: Evidence::default(),
            first_due: u64::MAX,
            last_due: 0,
        }
    }

    /// Counts a query that is sent at `sent`, due at `due`.
    pub fn sent(&mut self, due: u64, sent: u64) {
        self.counts.sent += 1;
        self.first_due = self.first_due.min(due);
        self.last_due = self.last_due.max(due);
        self.lateness.saturating_record(sent.saturating_sub(due));
    }

    /// Counts an answer in time.
    pub fn answered(&mut self, due: u64, sent: u64, received: u64) {
        self.counts.answered += 1;
        let latency = received.saturating_sub(due);
        self.latency.saturating_record(latency);
        let bucket = LATENCY_BOUNDS.partition_point(|bound| *bound < latency);
        if let Some(count) = self.latency_buckets.get_mut(bucket) {
            *count += 1;
        }
        self.latency_sum += latency;
        self.from_send
            .saturating_record(received.saturating_sub(sent));
    }

    /// Takes the time of a lookup that was due at `due`, began at `sent` and ended
    /// at `now`.
    pub fn lookup_ended(&mut self, due: u64, sent: u64, now: u64) {
        self.lookup.saturating_record(now.saturating_sub(due));
        self.lookup_from_send
            .saturating_record(now.saturating_sub(sent));
    }

    /// Adds what another thread recorded of the same phase.
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        for (mine, theirs) in self.rcodes.iter_mut().zip(other.rcodes) {
            *mine += theirs;
        }
        for (mine, theirs) in [
            (&mut self.latency, &other.latency),
            (&mut self.from_send, &other.from_send),
            (&mut self.lateness, &other.lateness),
            (&mut self.lookup, &other.lookup),
            (&mut self.lookup_from_send, &other.lookup_from_send),
            (&mut self.bursts, &other.bursts),
        ] {
            // All have the same bounds, so adding never fails.
            mine.add(theirs).unwrap_or_default();
        }
        for (mine, theirs) in self.latency_buckets.iter_mut().zip(other.latency_buckets) {
            *mine += theirs;
        }
        self.latency_sum += other.latency_sum;
        add(&mut self.send_errors, &other.send_errors);
        add(&mut self.socket_errors, &other.socket_errors);
        add(&mut self.icmp, &other.icmp);
        self.cpu_share = self.cpu_share.max(other.cpu_share);
        self.busy_share = self.busy_share.max(other.busy_share);
        self.evidence.merge(&other.evidence);
        self.first_due = self.first_due.min(other.first_due);
        self.last_due = self.last_due.max(other.last_due);
    }
}

impl Default for PhaseRecord {
    fn default() -> Self {
        Self::new()
    }
}

/// The record of a thread, or of all: one entry per phase.
#[derive(Clone, Debug)]
pub struct Recorder {
    phases: Vec<PhaseRecord>,
    /// The run over time.
    pub series: Series,
    /// All latencies, for those who look while the run lasts.
    pub buckets: Buckets,
}

/// An answer in time: when its query was due and left, and when it came, in nanoseconds of
/// the run.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// See above.
    pub due: u64,
    /// See above.
    pub sent: u64,
    /// See above.
    pub received: u64,
    /// The RCODE of its header.
    pub rcode: Rcode,
}

impl Recorder {
    /// Makes room for `phases` (at least one).
    pub fn new(phases: usize) -> Self {
        Self::for_run(phases, 0)
    }

    /// Makes room for `phases` of a run of so many nanoseconds.
    pub fn for_run(phases: usize, length: u64) -> Self {
        Self {
            phases: vec![PhaseRecord::new(); phases.max(1)],
            series: Series::new(length),
            buckets: Buckets::default(),
        }
    }

    /// Returns the record of a phase; a number past the end is the last phase.
    pub fn phase(&mut self, phase: u8) -> &mut PhaseRecord {
        let at = usize::from(phase).min(self.phases.len() - 1);
        #[expect(clippy::indexing_slicing, reason = "there is at least one, and `at` is below")]
        &mut self.phases[at]
    }

    /// Counts an answer to a query of `phase`.
    pub fn answered(&mut self, phase: u8, answered: &Answered) {
        let Answered { due, sent, received, rcode } = *answered;
        let record = self.phase(phase);
        record.answered(due, sent, received);
        if let Some(count) = record.rcodes.get_mut(usize::from(rcode.0 & 15)) {
            *count += 1;
        }
        let latency = received.saturating_sub(due);
        self.series.answered(due, latency);
        self.buckets.add(latency);
    }

    /// Counts a query over time that was due at `due` and is not sent.
    pub fn not_sent(&mut self, due: u64) {
        self.series.count(due, Tally::Due);
        self.series.count(due, Tally::NotSent);
    }

    /// Returns all records, in the order of the phases.
    pub fn phases(&self) -> &[PhaseRecord] {
        &self.phases
    }

    /// Returns all phases in one.
    pub fn total(&self) -> PhaseRecord {
        let mut total = PhaseRecord::new();
        for phase in &self.phases {
            total.merge(phase);
        }
        total
    }

    /// Adds what another thread recorded.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.phases.iter_mut().zip(&other.phases) {
            mine.merge(theirs);
        }
        self.series.merge(&other.series);
        self.buckets.merge(&other.buckets);
    }
}

fn add<K: Ord + Copy>(mine: &mut BTreeMap<K, u64>, theirs: &BTreeMap<K, u64>) {
    for (key, count) in theirs {
        *mine.entry(*key).or_default() += count;
    }
}

/// Two digits up to a million: more do not leave in one go.
fn bursts() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "constant bounds, made by a test on every build")]
    Histogram::new_with_bounds(1, 1_000_000, 2).expect("the bounds are valid")
}

/// Three digits from 1 µs to 10 minutes: longer than any timeout, finer than
/// the wake-up of a thread.
fn histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "constant bounds, made by a test on every build")]
    Histogram::new_with_bounds(LOWEST, HIGHEST, 3).expect("the bounds are valid")
}

/// The resolution in nanoseconds, roughly.
const LOWEST: u64 = 1_000;

/// Nanoseconds above which all is the same.
const HIGHEST: u64 = 600_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn latency_runs_from_the_due_time_and_from_the_send() {
        let mut phase = PhaseRecord::new();
        phase.sent(1_000_000, 5_000_000);
        phase.answered(1_000_000, 5_000_000, 6_000_000);
        let near = |found: u64, expected: u64| found.abs_diff(expected) <= expected / 500;
        assert!(near(phase.latency.max(), 5_000_000));
        assert!(near(phase.from_send.max(), 1_000_000));
        assert!(near(phase.lateness.max(), 4_000_000));
    }

    #[test]
    fn a_stamp_before_the_send_is_no_latency() {
        let mut phase = PhaseRecord::new();
        phase.answered(500, 600, 400);
        assert_eq!(phase.counts.answered, 1);
        assert!(phase.latency.max() <= LOWEST);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn merging_is_free_of_order(latencies in prop::collection::vec(0..HIGHEST, 1..200), cut: prop::sample::Index) {
            let record = |values: &[u64]| {
                let mut recorder = Recorder::new(1);
                for value in values {
                    recorder.phase(0).sent(0, 0);
                    recorder.phase(0).answered(0, 0, *value);
                }
                recorder
            };
            let (left, right) = latencies.split_at(cut.index(latencies.len()));
            let (mut one, mut other) = (record(left), record(right));
            one.merge(&record(right));
            other.merge(&record(left));
            let all = record(&latencies).total();
            for merged in [one.total(), other.total()] {
                prop_assert_eq!(&merged.latency, &all.latency);
                prop_assert_eq!(merged.counts, all.counts);
            }
        }
    }
}
