//! Waiting for what has no event, with a deadline.

use std::time::{Duration, Instant};

/// Asks `done` again and again until it is true; false if time ran out.
///
/// For what cannot be waited for otherwise: the state of another process. All
/// else waits for an event.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that polls and sleeps")]
pub fn eventually(within: Duration, mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if done() {
            return true;
        }
        if started.elapsed() >= within {
            return false;
        }
        std::thread::sleep(GRAIN);
    }
}

/// Lets `time` go by where it is part of what a test plays: the delay of a slow
/// server, the pace of a load. The tidy test lists the files that may.
///
/// To wait for something take an event with a deadline, or [`eventually`].
#[expect(clippy::disallowed_methods, reason = "the time is the subject, not a guess")]
pub fn pace(time: Duration) {
    std::thread::sleep(time);
}

const GRAIN: Duration = Duration::from_millis(5);
