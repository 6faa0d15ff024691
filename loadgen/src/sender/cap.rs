//! The limit on queries per second, kept on the wire whatever stalls.
//!
//! A plan that was held up makes up for it: all that became due meanwhile would
//! leave at once. So the limit holds in any 100 ms, not on average: the n-th last
//! query must have left that long ago.

/// The times of the last queries of one thread.
#[derive(Debug)]
pub(crate) struct Cap {
    /// When each left, in nanoseconds of the run; a ring of `count`.
    left: Vec<u64>,
    count: usize,
    /// Nanoseconds in which at most `count` may leave.
    span: u64,
    next: usize,
    /// Entries before `next` of queries that are queued.
    queued: usize,
}

impl Cap {
    /// Allows `per_second`, a share of the limit of all threads.
    pub(crate) fn new(per_second: f64) -> Self {
        let count = (per_second * SPAN_S).floor().max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is at most 10 million, and above zero"
        )]
        let (count, span) = (count as usize, (count / per_second * 1e9).ceil() as u64);
        Self { left: Vec::new(), count, span, next: 0, queued: 0 }
    }

    /// Returns from when on another query may leave; `u64::MAX` until those that
    /// are queued have left.
    pub(crate) fn allowed_at(&self) -> u64 {
        if self.queued >= self.count {
            return u64::MAX;
        }
        // The oldest of the ring, once it is full.
        let oldest = self.left.get(self.next).copied();
        oldest.map_or(0, |left| left.saturating_add(self.span))
    }

    /// Takes note of a query that is about to leave.
    pub(crate) fn queue(&mut self) {
        match self.left.get_mut(self.next) {
            Some(left) => *left = u64::MAX,
            None => self.left.push(u64::MAX),
        }
        self.next = if self.next + 1 == self.count { 0 } else { self.next + 1 };
        self.queued += 1;
    }

    /// Takes note that all that were queued have left by `after`. What counts is
    /// the end of the system call: a stall within it must not allow more.
    pub(crate) fn flushed(&mut self, after: u64) {
        for back in 1..=std::mem::take(&mut self.queued) {
            let place = (self.next + self.count - back) % self.count;
            if let Some(left) = self.left.get_mut(place) {
                *left = after;
            }
        }
    }
}

/// Seconds over which the limit holds; less than one query is spread out.
const SPAN_S: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Sends whenever it is allowed, but for a stall; returns the times.
    fn greedy(per_second: f64, stall: std::ops::Range<u64>) -> Vec<u64> {
        let mut cap = Cap::new(per_second);
        let (mut times, mut now) = (Vec::new(), 0);
        while now < 1_000 * MS {
            if stall.contains(&now) {
                now = stall.end;
            }
            while cap.allowed_at() <= now && !times.ends_with(&[now; 7]) {
                cap.queue();
                times.push(now);
            }
            cap.flushed(now);
            now += MS;
        }
        times
    }

    fn most_in_100_ms(times: &[u64]) -> usize {
        let within = |first: u64| {
            let span = first..first + 100 * MS;
            times.iter().filter(|time| span.contains(time)).count()
        };
        times.iter().map(|first| within(*first)).max().unwrap()
    }

    #[test]
    fn no_stall_lets_more_through_in_any_100_ms() {
        for (rate, most) in [(1_000.0, 100), (50.0, 5), (15.0, 2), (3.0, 1)] {
            for stall in [0..0, 300 * MS..800 * MS] {
                let times = greedy(rate, stall);
                assert_eq!(most_in_100_ms(&times), most, "{rate}");
            }
        }
    }

    #[test]
    fn a_rate_below_ten_is_spread_out() {
        let times = greedy(2.0, 0..0);
        assert_eq!(times, [0, 500 * MS]);
    }

    #[test]
    fn what_is_queued_counts_before_it_leaves() {
        let mut cap = Cap::new(20.0);
        cap.queue();
        assert_eq!(cap.allowed_at(), 0);
        cap.queue();
        assert_eq!(cap.allowed_at(), u64::MAX);
        cap.flushed(7);
        assert_eq!(cap.allowed_at(), 7 + 100 * MS);
    }
}
