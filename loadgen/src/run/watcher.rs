//! Looks at the sender threads while they run, and ends them by a stop condition.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::sender::{RunClock, Stop};
use crate::snapshot::{Progress, Snapshot};
use crate::stops::StopWatch;

/// Who looks, and at what.
pub(super) struct Watcher<'a> {
    pub(super) clock: RunClock,
    pub(super) progress: &'a [Arc<Progress>],
    pub(super) stops: StopWatch<'a>,
    /// What the plan takes. Only answers are waited for after it, so nothing is to stop.
    pub(super) planned: Duration,
    pub(super) stop: &'a Stop,
}

impl Watcher<'_> {
    /// Looks until the threads are done, and shows `watch` each second how far they are.
    /// Returns the stop condition that ended the run.
    #[expect(clippy::disallowed_methods, reason = "a look now and then at what others do")]
    pub(super) fn run(
        mut self,
        are_done: impl Fn() -> bool,
        watch: &mut dyn FnMut(Duration, &Snapshot),
    ) -> Option<String> {
        let mut held = None;
        let mut second = 0;
        while !are_done() {
            let now = self.clock.now();
            let at = Duration::from_nanos(now);
            if !self.stops.is_idle() && at <= self.planned && self.stop.signal().is_none() {
                held = self.stops.look(at, &self.snapshot());
                if held.is_some() {
                    self.stop.set(Stop::BY_CONDITION);
                }
            }
            if now / WATCH > second {
                second = now / WATCH;
                watch(at, &self.snapshot());
            }
            thread::sleep(LOOK);
        }
        held
    }

    fn snapshot(&self) -> Snapshot {
        let mut sums = Snapshot::default();
        self.progress
            .iter()
            .for_each(|one| sums.merge(&one.latest()));
        sums
    }
}

/// Between two calls of a watcher, in nanoseconds.
const WATCH: u64 = 1_000_000_000;
/// Between two looks: with those of the threads the load ends within 100 ms.
const LOOK: Duration = Duration::from_millis(20);
