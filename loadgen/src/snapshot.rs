//! A run while it lasts: what its threads have counted so far.
//!
//! A sender never waits for those who look: it leaves its counts where they are read, and
//! does so a moment later when somebody is reading just then.

use std::sync::{Mutex, PoisonError};

use crate::recorder::{Buckets, Counts, LATENCY_BUCKETS, Recorder};

/// What all threads have counted so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Snapshot {
    /// What became of the queries.
    pub counts: Counts,
    /// Answers by the RCODE in their header, 0 to 15.
    pub rcodes: [u64; 16],
    /// Answers within each of `recorder::LATENCY_BOUNDS` and above the one before, and beyond all.
    pub latency: [u64; LATENCY_BUCKETS],
    /// Nanoseconds of all latencies.
    pub latency_sum: u64,
    /// Answers by latency, in narrower steps.
    pub buckets: Buckets,
}

impl Snapshot {
    /// Sums up what one thread has recorded.
    pub fn of(recorder: &Recorder) -> Self {
        let mut sum = Self { buckets: recorder.buckets, ..Self::default() };
        for phase in recorder.phases() {
            sum.counts.merge(&phase.counts);
            add(&mut sum.rcodes, &phase.rcodes);
            add(&mut sum.latency, &phase.latency_buckets);
            sum.latency_sum += phase.latency_sum;
        }
        sum
    }

    /// Adds what another thread has counted.
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        add(&mut self.rcodes, &other.rcodes);
        add(&mut self.latency, &other.latency);
        self.latency_sum += other.latency_sum;
        self.buckets.merge(&other.buckets);
    }

    /// Returns queries lost, refused or late.
    pub const fn unanswered(&self) -> u64 {
        self.counts.lost + self.counts.refused + self.counts.late
    }
}

/// What a thread has counted so far, to be read by another a few times a second.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Snapshot>);

impl Progress {
    /// Shows this, unless somebody reads just now; returns whether it is shown.
    pub fn try_show(&self, recorder: &Recorder) -> bool {
        let shown = self.0.try_lock();
        shown
            .map(|mut shown| *shown = Snapshot::of(recorder))
            .is_ok()
    }

    /// Shows the last of a thread, however long a reader takes.
    pub fn show_last(&self, recorder: &Recorder) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Snapshot::of(recorder);
    }

    /// Returns what was shown last.
    pub fn latest(&self) -> Snapshot {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(mine: &mut [u64], theirs: &[u64]) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine += theirs;
    }
}

#[cfg(test)]
mod tests {
    use dns::Rcode;

    use super::*;
    use crate::recorder::Answered;

    #[test]
    fn a_thread_shows_all_its_phases_and_waits_for_no_reader() {
        let mut recorder = Recorder::new(2);
        for phase in [0, 1] {
            recorder.phase(phase).counts.due += 1;
            let answered =
                Answered { due: 0, sent: 5, received: 2_000_000, rcode: Rcode::SERVFAIL };
            recorder.answered(phase, &answered);
        }
        recorder.phase(1).counts.lost += 3;
        let progress = Progress::default();
        let reader = progress.0.lock().unwrap();
        assert!(!progress.try_show(&recorder));
        drop(reader);
        assert!(progress.try_show(&recorder));
        let mut shown = progress.latest();
        shown.merge(&Snapshot::of(&recorder));
        assert_eq!((shown.counts.due, shown.counts.answered, shown.unanswered()), (4, 4, 6));
        assert_eq!((shown.rcodes[2], shown.latency_sum), (4, 8_000_000));
        assert!(
            shown
                .buckets
                .percentile(50.0)
                .is_some_and(|p50| p50.abs_diff(2_000_000) < 65_000)
        );
    }
}
