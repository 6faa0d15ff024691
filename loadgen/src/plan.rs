//! What one sender thread has to send, and when: the phases one after the
//! other, dealt out over the threads query by query.
//!
//! Thread k of n takes every n-th due time, from the k-th on. So the threads
//! together keep the gaps of the schedule, as one thread would, and the load
//! does not depend on how many there are.

use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;

use crate::random::SplitMix;
use crate::replay::Recording;
use crate::schedule::{DueTimes, Shape};

/// One phase as the senders need it.
#[derive(Clone, Copy, Debug)]
pub struct PlannedPhase {
    /// How its queries are spread.
    pub shape: Shape,
    /// How long it lasts.
    pub length: Duration,
}

/// One query, or one lookup, that is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Due {
    /// Nanoseconds since the start of the run.
    pub at: u64,
    /// The index of the phase.
    pub phase: u8,
    /// The running number in the phase, over all threads.
    pub index: u64,
    /// In a closed loop: how many this thread may have outstanding.
    pub window: Option<u32>,
}

/// The share of one thread.
#[derive(Clone, Debug)]
pub struct Plan {
    phases: Vec<PlannedPhase>,
    share: Share,
    seed: u64,
    current: usize,
    /// Nanoseconds from the start of the run to that of the current phase.
    started: u64,
    times: Peekable<Times>,
    recording: Option<Arc<Recording>>,
}

/// Which thread of how many.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// From 0.
    pub thread: u32,
    /// At least 1.
    pub of: u32,
}

impl Share {
    /// One thread sends all.
    pub const ALL: Self = Self { thread: 0, of: 1 };
}

impl Plan {
    /// Plans `share` of `phases`.
    pub fn new(phases: Vec<PlannedPhase>, share: Share, seed: u64) -> Self {
        let times = Times::Drawn(thread_due_times(phases.first(), share, seed, 0)).peekable();
        Self { phases, share, seed, current: 0, started: 0, times, recording: None }
    }

    /// Plays a recording in its only phase: the share is one of whole clients.
    #[must_use]
    pub fn playing(mut self, recording: Option<Arc<Recording>>) -> Self {
        if let Some(recording) = &recording {
            let recording = Arc::clone(recording);
            self.times = Times::Recorded { recording, next: 0, share: self.share }.peekable();
        }
        self.recording = recording;
        self
    }

    /// Returns the place of a query's client among those of this thread, in a recording.
    pub fn client(&self, index: u64) -> Option<u16> {
        let entry = self
            .recording
            .as_ref()?
            .entries()
            .get(usize::try_from(index).ok()?)?;
        u16::try_from(u32::from(entry.client) / self.share.of).ok()
    }

    /// Returns the next query to be sent; `None` when all are.
    pub fn peek(&mut self) -> Option<Due> {
        loop {
            let phase = self.phases.get(self.current)?;
            if let Some((index, due)) = self.times.peek() {
                return Some(Due {
                    at: self.started + nanos(*due),
                    phase: u8::try_from(self.current).unwrap_or(u8::MAX),
                    index: *index,
                    window: self.window(phase.shape),
                });
            }
            self.next_phase();
        }
    }

    /// Takes the query that [`peek`](Self::peek) showed.
    pub fn take(&mut self) {
        self.times.next();
    }

    /// Goes on to the next phase; the rest of this one is not sent. Only a
    /// closed loop has a rest that is no loss.
    pub fn next_phase(&mut self) {
        self.started = self.phase_end();
        self.current += 1;
        let stream = self.current as u64;
        let phase = self.phases.get(self.current);
        self.times =
            Times::Drawn(thread_due_times(phase, self.share, self.seed, stream)).peekable();
    }

    /// Returns when the current phase ends, in nanoseconds since the start of
    /// the run.
    pub fn phase_end(&self) -> u64 {
        let length = self
            .phases
            .get(self.current)
            .map_or(0, |phase| nanos(phase.length));
        self.started.saturating_add(length)
    }

    /// Returns the highest rate of this thread, per second.
    pub fn peak(&self) -> f64 {
        let peak = self
            .phases
            .iter()
            .map(|phase| phase.shape.peak().per_second())
            .fold(0.0, f64::max);
        peak / f64::from(self.share.of)
    }

    /// Returns whether some phase is a closed loop.
    pub fn has_closed_phase(&self) -> bool {
        self.phases.iter().any(|phase| phase.shape.is_closed())
    }

    fn window(&self, shape: Shape) -> Option<u32> {
        let Shape::Max { window, .. } = shape else { return None };
        let rest = u32::from(self.share.thread < window % self.share.of);
        Some((window / self.share.of + rest).max(1))
    }
}

/// Nanoseconds of a duration, which is one of hours at most.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The due times that fall to one thread, with their numbers.
type ThreadDueTimes = std::iter::StepBy<std::iter::Skip<NumberedDueTimes>>;

fn thread_due_times(
    phase: Option<&PlannedPhase>,
    share: Share,
    seed: u64,
    stream: u64,
) -> ThreadDueTimes {
    let times = phase.map(|phase| {
        let seed = SplitMix::of_item(seed, stream, 0).next();
        phase.shape.due_times(phase.length, seed)
    });
    NumberedDueTimes { times, next: 0 }
        .skip(share.thread as usize)
        .step_by((share.of as usize).max(1))
}

/// The due times of a thread in one phase, with their numbers.
#[derive(Clone, Debug)]
enum Times {
    Drawn(ThreadDueTimes),
    Recorded { recording: Arc<Recording>, next: usize, share: Share },
}

impl Iterator for Times {
    type Item = (u64, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        let (recording, next, share) = match self {
            Self::Drawn(times) => return times.next(),
            Self::Recorded { recording, next, share } => (recording, next, share),
        };
        loop {
            let (index, entry) = (*next as u64, recording.entries().get(*next)?);
            *next += 1;
            if u32::from(entry.client) % share.of.max(1) == share.thread {
                return Some((index, Duration::from_nanos(entry.at)));
            }
        }
    }
}

/// The due times of a phase, numbered; none when there is no phase.
#[derive(Clone, Debug)]
struct NumberedDueTimes {
    times: Option<DueTimes>,
    next: u64,
}

impl Iterator for NumberedDueTimes {
    type Item = (u64, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        let due = self.times.as_mut()?.next()?;
        self.next += 1;
        Some((self.next - 1, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Rate;

    fn phase(per_second: f64, seconds: u64) -> PlannedPhase {
        let shape = Shape::Constant { rate: Rate::new(per_second).unwrap() };
        PlannedPhase { shape, length: Duration::from_secs(seconds) }
    }

    fn all(phases: &[PlannedPhase], share: Share) -> Vec<Due> {
        let mut plan = Plan::new(phases.to_vec(), share, 1);
        std::iter::from_fn(|| {
            let due = plan.peek()?;
            plan.take();
            Some(due)
        })
        .collect()
    }

    #[test]
    fn phases_follow_each_other_without_a_gap() {
        let dues = all(&[phase(2.0, 1), phase(4.0, 1)], Share { thread: 0, of: 1 });
        let times: Vec<_> = dues
            .iter()
            .map(|due| (due.phase, due.at / 1_000_000))
            .collect();
        assert_eq!(times, [(0, 0), (0, 500), (1, 1000), (1, 1250), (1, 1500), (1, 1750)]);
    }

    #[test]
    fn threads_together_send_what_one_would() {
        let phases = [phase(777.0, 2), phase(31.0, 3)];
        let alone = all(&phases, Share { thread: 0, of: 1 });
        let mut together: Vec<_> = (0..3)
            .flat_map(|thread| all(&phases, Share { thread, of: 3 }))
            .collect();
        together.sort_by_key(|due| (due.phase, due.index));
        assert_eq!(alone, together);
    }

    #[test]
    fn a_window_is_shared_out_whole() {
        let ceiling = Rate::new(10.0).unwrap();
        let shape = Shape::Max { window: 10, ceiling };
        let closed = PlannedPhase { shape, length: Duration::from_secs(1) };
        let windows: Vec<_> = (0..3)
            .map(|thread| all(&[closed], Share { thread, of: 3 })[0].window.unwrap())
            .collect();
        assert_eq!(windows, [4, 3, 3]);
    }
}
