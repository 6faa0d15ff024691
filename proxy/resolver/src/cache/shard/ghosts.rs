//! Hashes of names that were evicted from the small queue, until others take their
//! places.

/// A table of 32-bit tags, each at the one place that its hash gives it.
#[derive(Debug)]
pub(super) struct Ghosts {
    tags: Vec<u32>,
}

impl Ghosts {
    /// Remembers up to `places` hashes.
    pub(super) fn new(places: usize) -> Self {
        Self { tags: vec![0; places.max(1)] }
    }

    pub(super) fn bytes(&self) -> usize {
        self.tags.len() * size_of::<u32>()
    }

    /// Remembers a hash, at the cost of the one that was at its place.
    pub(super) fn remember(&mut self, hash: u64) {
        let at = self.place(hash);
        if let Some(place) = self.tags.get_mut(at) {
            *place = tag(hash);
        }
    }

    /// Says whether a hash is remembered, and forgets it.
    pub(super) fn take(&mut self, hash: u64) -> bool {
        let at = self.place(hash);
        let place = self.tags.get_mut(at).filter(|place| **place == tag(hash));
        place.is_some_and(|place| {
            *place = 0;
            true
        })
    }

    /// Returns what is at the place of a hash, whatever it is.
    pub(super) fn first(&self, hash: u64) -> u32 {
        self.tags.get(self.place(hash)).copied().unwrap_or_default()
    }

    /// Spreads the lower half of the hash over the table; the upper is the tag.
    fn place(&self, hash: u64) -> usize {
        let spread = ((hash & u64::from(u32::MAX)) * self.tags.len() as u64) >> 32;
        usize::try_from(spread).unwrap_or_default()
    }
}

/// Never zero, which stands for nothing.
fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_remembered_until_it_is_taken_or_its_place_is() {
        let mut ghosts = Ghosts::new(10);
        let (one, same_place) = (7 << 32 | 5, 8 << 32 | 5);
        assert!(!ghosts.take(one));
        ghosts.remember(one);
        assert!(ghosts.take(one) && !ghosts.take(one));
        ghosts.remember(one);
        ghosts.remember(same_place);
        assert!(!ghosts.take(one) && ghosts.take(same_place));
        // Every hash has a place.
        for hash in [0, u64::MAX, u64::from(u32::MAX)] {
            ghosts.remember(hash);
            assert!(ghosts.take(hash));
        }
    }
}
