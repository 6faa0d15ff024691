//! What keys weigh that have no place of their own: the filter in front of
//! Space-Saving (Homem and Carvalho, "Finding top-k elements in data streams",
//! 2010).

/// Sums by a part of the keys' hashes: no key that has no place weighs more than
/// its cell.
#[derive(Clone, Debug)]
pub(crate) struct WeightFilter(Box<[u64]>);

impl WeightFilter {
    /// Has at least so many cells, and one at least.
    pub(crate) fn new(cells: usize) -> Self {
        Self(vec![0; cells.next_power_of_two()].into_boxed_slice())
    }

    /// Returns the weight of a key's cell, to change it.
    pub(crate) fn cell(&mut self, hash: u64) -> Option<&mut u64> {
        let at = usize::try_from(hash).unwrap_or_default() & (self.0.len() - 1);
        self.0.get_mut(at)
    }

    /// Takes a key back that had a place and this weight.
    pub(crate) fn take_back(&mut self, hash: u64, weight: u64) {
        if let Some(cell) = self.cell(hash) {
            *cell = weight.max(*cell);
        }
    }

    /// Halves all weights.
    pub(crate) fn decay(&mut self) {
        self.0.iter_mut().for_each(|cell| *cell /= 2);
    }
}
