//! Who asks most and what is asked most, of any number, in bounded memory.

use super::filter::WeightFilter;
use super::hash::{ByHash, hash_of};

/// The heaviest keys of a stream: Space-Saving with a filter in front (Homem and
/// Carvalho, "Finding top-k elements in data streams", 2010, after Metwally,
/// Agrawal and El Abbadi, 2005).
///
/// What keys weigh that are not held is summed up by a part of their hashes. A
/// key whose sum exceeds the lightest weight takes that place, and the part of
/// the sum that others may have made is noted as its error: no true weight is
/// above the one shown, nor more than the error below it, and none that exceeds
/// the total divided by the places is missing. Names that are asked once leave
/// the places alone.
#[derive(Debug)]
pub struct HeavyHitters {
    /// Places by the hash of their keys, which stands for the key: two of a
    /// million keys have the same one by a chance of one in ten million.
    index: ByHash<usize>,
    places: Vec<Place>,
    capacity: usize,
    /// What keys weigh that are not held; none weighs more than its cell, and no
    /// cell more than the lightest place.
    filter: WeightFilter,
    total: u64,
    /// No place weighs less; found anew when none weighs as little.
    least: u64,
    /// Where the search for the lightest goes on.
    cursor: usize,
}

/// One of the heaviest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeavyHitter {
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

impl HeavyHitters {
    /// Holds up to `capacity` keys, at least 1.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            index: ByHash::default(),
            places: Vec::new(),
            capacity,
            filter: WeightFilter::new(capacity.saturating_mul(CELLS)),
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
    pub(crate) fn add_hashed(&mut self, key: &[u8], hash: u64, weight: u64) {
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
        let error = self.filter.cell(hash).map_or(0, |cell| *cell);
        let weight = error.saturating_add(weight);
        if weight > self.least {
            let at = self.lightest();
            if let Some(place) = self.places.get_mut(at)
                && weight > place.weight
            {
                let was = place.replace(key, hash, weight, error);
                self.index.remove(&was.hash);
                self.index.insert(hash, at);
                self.filter.take_back(was.hash, was.weight);
                return;
            }
        }
        if let Some(cell) = self.filter.cell(hash) {
            *cell = weight;
        }
    }

    /// Halves every weight: what happened a while ago counts less and less.
    /// Called once per window.
    pub fn decay(&mut self) {
        self.total /= 2;
        self.least = 0;
        self.filter.decay();
        for place in &mut self.places {
            // The error first: it may never exceed the weight.
            place.error /= 2;
            place.weight /= 2;
        }
    }

    /// Returns the `count` heaviest, the heaviest first, equal ones by key.
    pub fn heaviest(&self, count: usize) -> Vec<HeavyHitter> {
        let mut all: Vec<&Place> = self
            .places
            .iter()
            .filter(|place| place.weight > 0)
            .collect();
        all.sort_unstable_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.key.cmp(&b.key)));
        let heavy = |place: &Place| HeavyHitter {
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

impl Place {
    /// Gives it to another key, and returns the hash and the weight of the one
    /// before.
    fn replace(&mut self, key: &[u8], hash: u64, weight: u64, error: u64) -> Left {
        let left = Left { hash: self.hash, weight: self.weight };
        self.key.clear();
        self.key.extend_from_slice(key);
        (self.hash, self.weight, self.error) = (hash, weight, error);
        left
    }
}

/// What had to leave its place.
struct Left {
    hash: u64,
    weight: u64,
}

/// Cells for each place.
const CELLS: usize = 8;

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
        let (mut top, mut state) = (HeavyHitters::new(64), 7);
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

    /// Names of one time each change nothing but the total.
    #[test]
    fn the_light_do_not_displace_the_heavy() {
        let mut top = HeavyHitters::new(8);
        for n in 0..8_u8 {
            top.add(&[n], 1000);
        }
        for n in 0..10_000_u32 {
            top.add(&n.to_be_bytes(), 1);
        }
        assert!(
            top.heaviest(8)
                .iter()
                .all(|heavy| heavy.error == 0 && heavy.weight == 1000)
        );
        assert_eq!(top.total(), 18_000);
        // One that comes often enough gets in, whatever shares its cell.
        top.add(b"new", 2000);
        let heaviest = &top.heaviest(1)[0];
        assert_eq!(heaviest.key.as_ref(), b"new");
        assert!(heaviest.weight - heaviest.error == 2000 && heaviest.error < 1000);
    }

    #[test]
    fn what_stopped_makes_room() {
        let mut top = HeavyHitters::new(4);
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
        let mut top = HeavyHitters::new(8);
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
