//! Sums over the last second, ten seconds and minute, and since the start.

use std::hint::black_box;
use std::slice;

use resolver::Moment;

mod past;
use past::Past;

/// Counts of `N` kinds, in windows that end with a full second or ten.
///
/// Full windows instead of sliding ones: two sums that stand for the same time
/// may be divided by each other, and nine rows of numbers are enough where a
/// sliding minute needs sixty.
///
/// What each count needs begins a cache line: with many clients, fetching it is most of
/// what counting costs. All else has memory only once a second with counts is over, as
/// a client may be gone before.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Windows<const N: usize> {
    /// When the second that runs is over.
    until: Moment,
    /// Says whether all rows but the total are zeros.
    idle: bool,
    /// The second that runs: the only row that a count is added to. What does not fit in
    /// it goes to the total at once.
    running: [u32; N],
    /// The second that runs.
    second: u64,
    past: Option<Box<Past<N>>>,
}

/// Which time a sum is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Window {
    /// The last full second.
    Second,
    /// The last full ten seconds.
    TenSeconds,
    /// The last six times ten seconds.
    Minute,
    /// All of it, the time that runs included.
    Start,
}

impl Window {
    /// All, the shortest first.
    pub const ALL: &[Self] = &[Self::Second, Self::TenSeconds, Self::Minute, Self::Start];

    /// The name in the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Second => "1s",
            Self::TenSeconds => "10s",
            Self::Minute => "60s",
            Self::Start => "total",
        }
    }
}

impl<const N: usize> Windows<N> {
    /// Starts with zeros.
    pub const fn new(now: Moment) -> Self {
        let second = now.as_secs();
        Self { until: end_of(second), idle: true, running: [0; N], second, past: None }
    }

    /// Has the memory fetched that is added to soon.
    pub fn touch(&self) {
        black_box(self.until);
    }

    /// Adds `n` of kind `index`. What arrives late counts for the time that
    /// runs: no window that was read changes afterwards.
    pub fn add(&mut self, index: usize, n: u64, now: Moment) {
        self.add_all([(index, n)], now);
    }

    /// Adds to several kinds at once.
    pub fn add_all(&mut self, all: impl IntoIterator<Item = (usize, u64)>, now: Moment) {
        self.advance(now);
        self.idle = false;
        for (index, n) in all {
            self.add_running(index, n);
        }
    }

    fn add_running(&mut self, index: usize, n: u64) {
        let Some(count) = self.running.get_mut(index) else { return };
        match u32::try_from(n).ok().and_then(|n| count.checked_add(n)) {
            Some(sum) => *count = sum,
            None => self.spill(index, n),
        }
    }

    /// Adds to the total what the row of the second that runs has no room for.
    #[cold]
    fn spill(&mut self, index: usize, n: u64) {
        let past = self.past.get_or_insert_with(Self::no_past);
        let (running, total) = (self.running.get_mut(index), past.total.get_mut(index));
        let (Some(running), Some(total)) = (running, total) else { return };
        let sum = u64::from(*running).saturating_add(n);
        *running = u32::MAX;
        *total = total.saturating_add(sum - u64::from(u32::MAX));
    }

    /// Adds the counts of `other`, each to the window of its time.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        let second = self.second.max(other.second);
        self.advance_to(second);
        other.advance_to(second);
        self.idle &= other.idle;
        for (index, more) in other.running.into_iter().enumerate() {
            self.add_running(index, more.into());
        }
        if let Some(more) = &other.past {
            self.past.get_or_insert_with(Self::no_past).merge(more);
        }
    }

    /// Closes the windows that are over.
    pub fn advance(&mut self, now: Moment) {
        if now >= self.until {
            self.advance_to(now.as_secs());
        }
    }

    fn advance_to(&mut self, second: u64) {
        if second <= self.second {
            return;
        }
        let (seconds, tens) = (second - self.second, second / 10 - self.second / 10);
        self.second = second;
        self.until = end_of(second);
        if self.idle {
            return;
        }
        let past = self.past.get_or_insert_with(Self::no_past);
        past.take(std::mem::replace(&mut self.running, [0; N]));
        if seconds > 1 {
            past.last = [0; N];
        }
        if tens > 0 {
            self.idle = past.shift(tens);
        }
    }

    fn no_past() -> Box<Past<N>> {
        Box::new(Past::new())
    }

    /// Returns the sums over the ten seconds that run, as of `now`.
    #[must_use]
    pub fn running_ten(&self, now: Moment) -> [u64; N] {
        if now.as_secs() / 10 > self.second / 10 {
            return [0; N];
        }
        let mut sums = self.running.map(u64::from);
        let ten = self.past.iter().flat_map(|past| past.running_ten());
        add_rows(&mut sums, ten);
        sums
    }

    /// Returns the sums over a window, as of the last
    /// [`advance`](Self::advance).
    pub fn sum(&self, window: Window) -> [u64; N] {
        let Some(past) = &self.past else {
            let is_all = window == Window::Start;
            return if is_all { self.running.map(u64::from) } else { [0; N] };
        };
        let (mut sums, rows) = match window {
            Window::Start => (past.total, slice::from_ref(&self.running)),
            Window::Second => ([0; N], slice::from_ref(&past.last)),
            Window::TenSeconds => ([0; N], past.full_tens().get(..1).unwrap_or_default()),
            Window::Minute => ([0; N], past.full_tens()),
        };
        add_rows(&mut sums, rows);
        sums
    }
}

const fn end_of(second: u64) -> Moment {
    Moment::from_micros((second + 1) * 1_000_000)
}

fn add_rows<'a, const N: usize>(sums: &mut [u64; N], rows: impl IntoIterator<Item = &'a [u32; N]>) {
    for row in rows {
        for (sum, count) in sums.iter_mut().zip(row) {
            *sum = sum.saturating_add(u64::from(*count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Moment {
        Moment::from_micros(second * 1_000_000 + 500_000)
    }

    fn sums(windows: &Windows<1>) -> [u64; 4] {
        [Window::Second, Window::TenSeconds, Window::Minute, Window::Start]
            .map(|window| windows.sum(window)[0])
    }

    #[test]
    fn what_a_second_has_no_room_for_is_in_the_total() {
        let (at, most) =
            (|second: u64| Moment::from_micros(second * 1_000_000), u64::from(u32::MAX));
        let mut windows = Windows::<2>::new(at(1));
        for n in [most - 1, 3, 2 * most] {
            windows.add(1, n, at(1));
        }
        assert_eq!(windows.sum(Window::Start), [0, 3 * most + 2]);
        windows.advance(at(2));
        assert_eq!(windows.sum(Window::Start), [0, 3 * most + 2]);
        assert_eq!(windows.sum(Window::Second), [0, most], "as much as it holds");
    }

    #[test]
    fn each_window_holds_its_own_time() {
        let mut windows = Windows::<1>::new(at(0));
        for second in 0..75 {
            windows.add(0, second, at(second));
        }
        // Seconds 73; 60..=69; 10..=69; 0..=74.
        assert_eq!(sums(&windows), [73, 645, 2370, 2775]);
    }

    #[test]
    fn silence_empties_windows_but_not_the_total() {
        let mut windows = Windows::<1>::new(at(7));
        windows.add(0, 5, at(7));
        assert_eq!(sums(&windows), [0, 0, 0, 5]);
        windows.advance(at(8));
        assert_eq!(sums(&windows), [5, 0, 0, 5]);
        windows.advance(at(10));
        assert_eq!(sums(&windows), [0, 5, 5, 5]);
        windows.advance(at(69));
        assert_eq!(sums(&windows), [0, 0, 5, 5]);
        windows.advance(at(70));
        assert_eq!(sums(&windows), [0, 0, 0, 5]);
        windows.advance(at(1_000_000));
        assert_eq!(sums(&windows), [0, 0, 0, 5]);
    }

    #[test]
    fn merged_windows_hold_what_both_held_at_that_time() {
        let [mut both, mut one, mut other] = [(); 3].map(|()| Windows::<1>::new(at(0)));
        for second in 0..75 {
            both.add(0, second, at(second));
            let part = if second % 3 == 0 { &mut one } else { &mut other };
            part.add(0, second, at(second));
        }
        let mut merged = Windows::new(at(0));
        merged.merge(&one);
        merged.merge(&other);
        assert_eq!(sums(&merged), sums(&both));
        // Either may be the one that is behind.
        both.advance(at(81));
        one.advance(at(81));
        other.merge(&one);
        assert_eq!(sums(&other), sums(&both));
    }

    #[test]
    fn the_ten_seconds_that_run_are_there_at_once() {
        let mut windows = Windows::<1>::new(at(0));
        windows.add(0, 3, at(9));
        assert_eq!(windows.running_ten(at(9)), [3]);
        windows.add(0, 5, at(10));
        windows.add(0, 7, at(12));
        assert_eq!(windows.running_ten(at(12)), [12]);
        assert_eq!((windows.running_ten(at(19)), windows.running_ten(at(20))), ([12], [0]));
    }

    #[test]
    fn what_comes_late_counts_for_the_time_that_runs() {
        let mut windows = Windows::<1>::new(at(0));
        windows.add(0, 1, at(20));
        windows.add(0, 1, at(3));
        windows.advance(at(21));
        assert_eq!(sums(&windows), [2, 0, 0, 2]);
    }
}
