//! Sums over the last second, ten seconds and minute, and since the start.

use std::hint::black_box;

use resolver::Moment;

/// Counts of `N` kinds, in windows that end with a full second or ten.
///
/// Full windows instead of sliding ones: two sums that stand for the same time
/// may be divided by each other, and nine rows of numbers are enough where a
/// sliding minute needs sixty.
///
/// What each count needs begins a cache line: with many clients, fetching it is most of
/// what counting costs.
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
    /// The second before it.
    last: [u32; N],
    /// The ten seconds that run, up to the last full one, and the six before
    /// them, the latest first.
    tens: [[u32; N]; 7],
    /// Without the second that runs.
    total: [u64; N],
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
        Self {
            total: [0; N],
            running: [0; N],
            last: [0; N],
            tens: [[0; N]; 7],
            second: now.as_secs(),
            until: end_of(now.as_secs()),
            idle: true,
        }
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
        let (running, total) = (self.running.get_mut(index), self.total.get_mut(index));
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
        for (total, more) in self.total.iter_mut().zip(&other.total) {
            *total = total.saturating_add(*more);
        }
        for (index, more) in other.running.into_iter().enumerate() {
            self.add_running(index, more.into());
        }
        add(&mut self.last, &other.last);
        for (row, more) in self.tens.iter_mut().zip(&other.tens) {
            add(row, more);
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
        self.close_second();
        if seconds > 1 {
            self.last = [0; N];
        }
        if tens > 0 {
            shift(&mut self.tens, tens);
            self.idle = self.last == [0; N] && self.tens == [[0; N]; 7];
        }
    }

    fn close_second(&mut self) {
        self.last = std::mem::replace(&mut self.running, [0; N]);
        for (total, n) in self.total.iter_mut().zip(self.last) {
            *total = total.saturating_add(n.into());
        }
        if let Some(ten) = self.tens.first_mut() {
            add(ten, &self.last);
        }
    }

    /// Returns the sums over the ten seconds that run, as of `now`.
    #[must_use]
    pub fn running_ten(&self, now: Moment) -> [u64; N] {
        if now.as_secs() / 10 > self.second / 10 {
            return [0; N];
        }
        let mut sums = self.running.map(u64::from);
        for (sum, count) in sums.iter_mut().zip(self.tens.first().unwrap_or(&[0; N])) {
            *sum = sum.saturating_add(u64::from(*count));
        }
        sums
    }

    /// Returns the sums over a window, as of the last
    /// [`advance`](Self::advance).
    pub fn sum(&self, window: Window) -> [u64; N] {
        let rows: &[[u32; N]] = match window {
            Window::Start => {
                let mut sums = self.total;
                for (sum, n) in sums.iter_mut().zip(self.running) {
                    *sum = sum.saturating_add(n.into());
                }
                return sums;
            }
            Window::Second => std::slice::from_ref(&self.last),
            Window::TenSeconds => self.tens.get(1..2).unwrap_or_default(),
            Window::Minute => self.tens.get(1..).unwrap_or_default(),
        };
        let mut sums = [0; N];
        for row in rows {
            for (sum, count) in sums.iter_mut().zip(row) {
                *sum += u64::from(*count);
            }
        }
        sums
    }
}

const fn end_of(second: u64) -> Moment {
    Moment::from_micros((second + 1) * 1_000_000)
}

fn add<const N: usize>(row: &mut [u32; N], more: &[u32; N]) {
    for (count, more) in row.iter_mut().zip(more) {
        *count = count.saturating_add(*more);
    }
}

/// Moves rows towards the end by `by`, and clears those that begin.
fn shift<const N: usize>(rows: &mut [[u32; N]], by: u64) {
    let by = usize::try_from(by).map_or(rows.len(), |by| by.min(rows.len()));
    rows.rotate_right(by);
    for row in rows.iter_mut().take(by) {
        *row = [0; N];
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
