//! Whether every thread still makes its rounds: what /livez is about.
//!
//! A process whose listener answers may be dead all the same: a thread of clients
//! that hangs leaves its socket to the kernel, which goes on handing it queries.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use observe::Beat;
use resolver::{Clock, Moment};

/// The beats of all threads, by name.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    clock: Clock,
    threads: Vec<(String, Arc<Beat>)>,
}

impl Heartbeats {
    /// Starts without threads.
    pub const fn new(clock: Clock) -> Self {
        Self { clock, threads: Vec::new() }
    }

    /// Starts with one thread.
    pub fn of(name: &str, beat: &Arc<Beat>, clock: Clock) -> Self {
        Self { clock, threads: vec![(name.to_owned(), Arc::clone(beat))] }
    }

    /// Adds a thread, which has to note its rounds from here on.
    pub fn add(&mut self, name: impl Into<String>, beat: Arc<Beat>) {
        self.threads.push((name.into(), beat));
    }

    /// Returns a line for each thread that has not begun a round for [`LATE`].
    pub fn late(&self) -> Option<String> {
        self.later_than(LATE)
    }

    /// Returns a line for each thread that has not begun a round for `limit`.
    pub fn later_than(&self, limit: Duration) -> Option<String> {
        let late = self.lines(self.clock.now(), |age| age >= limit);
        (!late.is_empty()).then_some(late)
    }

    /// Returns a line for each thread.
    pub fn all(&self) -> String {
        self.lines(self.clock.now(), |_| true)
    }

    fn lines(&self, now: Moment, shown: impl Fn(Duration) -> bool) -> String {
        let mut text = String::new();
        for (name, beat) in &self.threads {
            let (age, rounds) = (beat.age(now), beat.rounds());
            if shown(age) {
                let age = age.as_secs_f64();
                // Writing to a String cannot fail.
                writeln!(text, "{name}: {rounds} rounds, the last {age:.1} s ago")
                    .unwrap_or_default();
            }
        }
        text
    }
}

/// The longest that a healthy thread takes from one round to the next. An idle one
/// takes a second; the kubelet waits for one more probe or two before it acts.
pub const LATE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_without_rounds_is_named() {
        let mut beats = Heartbeats::new(Clock::start());
        let (one, two) = (Arc::new(Beat::default()), Arc::new(Beat::default()));
        beats.add("client-0 on 127.0.0.1:53", Arc::clone(&one));
        beats.add("upstream", Arc::clone(&two));
        assert_eq!(beats.late(), None);
        let at = |second: u64| Moment::from_micros(second * 1_000_000);
        one.note(at(10));
        two.note(at(2));
        let late = beats.lines(at(10), |age| age >= LATE);
        assert_eq!(late, "upstream: 1 rounds, the last 8.0 s ago\n");
        assert_eq!(beats.all().lines().count(), 2);
    }
}
