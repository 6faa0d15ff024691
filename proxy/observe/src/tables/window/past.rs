//! The sums of seconds that are over.

/// Counts of `N` kinds.
#[derive(Clone, Debug)]
pub(super) struct Past<const N: usize> {
    /// The last second.
    pub(super) last: [u32; N],
    /// The ten seconds that run, up to the last full one, and the six before
    /// them, the latest first.
    tens: [[u32; N]; 7],
    /// Since the start.
    pub(super) total: [u64; N],
}

impl<const N: usize> Past<N> {
    pub(super) const fn new() -> Self {
        Self { last: [0; N], tens: [[0; N]; 7], total: [0; N] }
    }

    /// Takes up the counts of a second.
    pub(super) fn take(&mut self, second: [u32; N]) {
        self.last = second;
        for (total, n) in self.total.iter_mut().zip(second) {
            *total = total.saturating_add(n.into());
        }
        if let Some(ten) = self.tens.first_mut() {
            add(ten, &second);
        }
    }

    /// Adds the counts of `other`, which are of the same time.
    pub(super) fn merge(&mut self, other: &Self) {
        for (total, more) in self.total.iter_mut().zip(&other.total) {
            *total = total.saturating_add(*more);
        }
        add(&mut self.last, &other.last);
        for (row, more) in self.tens.iter_mut().zip(&other.tens) {
            add(row, more);
        }
    }

    /// Moves on by so many tens of seconds; returns whether nothing is left but totals.
    pub(super) fn shift(&mut self, by: u64) -> bool {
        let rows = &mut self.tens;
        let by = usize::try_from(by).map_or(rows.len(), |by| by.min(rows.len()));
        rows.rotate_right(by);
        for row in rows.iter_mut().take(by) {
            *row = [0; N];
        }
        self.last == [0; N] && self.tens == [[0; N]; 7]
    }

    /// The ten seconds that run, up to the last full one.
    pub(super) fn running_ten(&self) -> &[[u32; N]] {
        self.tens.get(..1).unwrap_or_default()
    }

    /// The full tens of the last minute, the latest first.
    pub(super) fn full_tens(&self) -> &[[u32; N]] {
        self.tens.get(1..).unwrap_or_default()
    }
}

fn add<const N: usize>(row: &mut [u32; N], more: &[u32; N]) {
    for (count, more) in row.iter_mut().zip(more) {
        *count = count.saturating_add(*more);
    }
}
