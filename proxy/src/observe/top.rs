//! Who asks most and what is asked most, of any number, in bounded memory.

use super::hash::{ByHash, hash_of};

/// The heaviest keys of a stream: Space-Saving (Metwally, Agrawal, El Abbadi,
/// "Efficient Computation of Frequent and Top-k Elements in Data Streams",
/// 2005).
///
/// A key that is not held takes the place of the lightest one and its weight,
/// which is noted as its error: no true weight is above the one shown, nor more
/// than the error below it, and none that exceeds the total divided by the
/// places is missing.
#[derive(Debug)]
pub struct Top {
    /// Places by the hash of their keys, which stands for the key: two of a
    /// million keys have the same one by a chance of one in ten million.
    index: ByHash<usize>,
    places: Vec<Place>,
    capacity: usize,
    total: u64,
    /// No place weighs less; found anew when none weighs as little.
    least: u64,
    /// Where the search for the lightest goes on.
    cursor: usize,
}

/// One of the heaviest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heavy {
    /// The key.
    pub key: Box<[u8]>,
    /// Its weight, at most `error` too high.
    pub weight: u64,
    /// What it took over from others.
    pub error: u64,
}

#[derive(Debug)]
struct Place {
    key: Vec<u8>,
    hash: u64,
    weight: u64,
    error: u64,
}

impl Top {
    /// Holds up to `capacity` keys, at least 1.
    pub fn new(capacity: usize) -> Self {
        Self {
            index: ByHash::default(),
            places: Vec::new(),
            capacity: capacity.max(1),
            total: 0,
            least: 0,
            cursor: 0,
        }
    }

    /// Adds `weight` to a key.
    pub fn add(&mut self, key: &[u8], weight: u64) {
        self.add_hashed(key, hash_of(key), weight);
    }

    /// Adds `weight` to a key of which the hash is known, or that of what stands
    /// for the key.
    pub(super) fn add_hashed(&mut self, key: &[u8], hash: u64, weight: u64) {
        self.total = self.total.saturating_add(weight);
        if let Some(place) = self
            .index
            .get(&hash)
            .and_then(|at| self.places.get_mut(*at))
        {
            place.weight = place.weight.saturating_add(weight);
            return;
        }
        if self.places.len() < self.capacity {
            self.index.insert(hash, self.places.len());
            self.places
                .push(Place { key: key.into(), hash, weight, error: 0 });
            self.least = 0;
            return;
        }
        let at = self.lightest();
        let Some(place) = self.places.get_mut(at) else { return };
        self.index.remove(&place.hash);
        self.index.insert(hash, at);
        place.hash = hash;
        place.key.clear();
        place.key.extend_from_slice(key);
        place.error = place.weight;
        place.weight = place.weight.saturating_add(weight);
    }

    /// Halves every weight: what happened a while ago counts less and less.
    /// Called once per window.
    pub fn decay(&mut self) {
        self.total /= 2;
        self.least = 0;
        for place in &mut self.places {
            // The error first: it may never exceed the weight.
            place.error /= 2;
            place.weight /= 2;
        }
    }

    /// Returns the `count` heaviest, the heaviest first, equal ones by key.
    pub fn heaviest(&self, count: usize) -> Vec<Heavy> {
        let mut all: Vec<&Place> = self
            .places
            .iter()
            .filter(|place| place.weight > 0)
            .collect();
        all.sort_unstable_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.key.cmp(&b.key)));
        let heavy = |place: &Place| Heavy {
            key: place.key.as_slice().into(),
            weight: place.weight,
            error: place.error,
        };
        all.into_iter().take(count).map(heavy).collect()
    }

    /// Returns the weight of everything that was added, decayed alike.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Finds a lightest place. Weights only grow, so the search goes around
    /// once for each weight that the lightest ever have.
    fn lightest(&mut self) -> usize {
        loop {
            for _ in 0..self.places.len() {
                self.cursor = (self.cursor + 1) % self.places.len();
                let place = self.places.get(self.cursor);
                if place.is_some_and(|place| place.weight <= self.least) {
                    return self.cursor;
                }
            }
            let weights = self.places.iter().map(|place| place.weight);
            self.least = weights.min().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Numbers that look random and are the same each time.
    fn noise(state: &mut u64) -> u64 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *state >> 33
    }

    #[test]
    fn the_heavy_are_found_among_any_number_of_light() {
        let (mut top, mut state) = (Top::new(64), 7);
        let mut truth: HashMap<Vec<u8>, u64> = HashMap::new();
        for n in 0..200_000_u64 {
            let key = match n % 10 {
                0..=2 => b"first".to_vec(),
                3..=4 => b"second".to_vec(),
                _ => noise(&mut state).to_be_bytes().to_vec(),
            };
            top.add(&key, 1);
            *truth.entry(key).or_default() += 1;
        }
        assert_eq!(top.total(), 200_000);
        let heaviest = top.heaviest(2);
        assert_eq!([&*heaviest[0].key, &*heaviest[1].key], [&b"first"[..], b"second"]);
        for heavy in top.heaviest(64) {
            let weight = truth[&heavy.key.to_vec()];
            assert!(heavy.weight >= weight && heavy.weight - heavy.error <= weight, "{heavy:?}");
            assert!(heavy.error <= 200_000 / 64, "{heavy:?}");
        }
        assert_eq!(top.places.len(), 64);
        assert_eq!(top.index.len(), 64);
    }

    #[test]
    fn what_stopped_makes_room() {
        let mut top = Top::new(4);
        top.add(b"old", 1000);
        for _ in 0..10 {
            top.decay();
        }
        top.add(b"new", 3);
        assert_eq!(top.heaviest(1)[0].key.as_ref(), b"new");
        assert_eq!(top.heaviest(9).len(), 1, "what weighs nothing is not shown");
    }

    #[test]
    fn equal_weights_come_in_the_order_of_keys() {
        let mut top = Top::new(8);
        for key in [b"c", b"a", b"b"] {
            top.add(key, 2);
        }
        let keys: Vec<_> = top
            .heaviest(8)
            .into_iter()
            .map(|heavy| heavy.key[0])
            .collect();
        assert_eq!(keys, b"abc");
    }
}
