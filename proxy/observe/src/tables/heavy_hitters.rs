//! Who asks most and what is asked most, of any number, in bounded memory.

use super::filter::WeightFilter;
use super::hash::{ByHash, hash_of};

/// The heaviest keys of a stream, with a value for each: Space-Saving with a
/// filter in front (Homem and Carvalho, "Finding top-k elements in data
/// streams", 2010, after Metwally, Agrawal and El Abbadi, 2005).
///
/// What keys weigh that are not held is summed up by a part of their hashes. A
/// key whose sum exceeds the lightest weight takes that place, and the part of
/// the sum that others may have made is noted as its error: no true weight is
/// above the one shown, nor more than the error below it, and none that exceeds
/// the total divided by the places is missing. Names that are asked once leave
/// the places alone.
#[derive(Clone, Debug)]
pub struct HeavyHitters<V = ()> {
    /// Places by the hash of their keys, which stands for the key: two of a
    /// million keys have the same one by a chance of one in ten million.
    index: ByHash<usize>,
    places: Vec<Place<V>>,
    capacity: usize,
    /// What keys weigh that are not held; none weighs more than its cell, and no
    /// cell more than the lightest place. `None` before all places are taken.
    filter: Option<WeightFilter>,
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

/// Where the weight of a key went.
#[derive(Debug)]
pub(crate) enum Weighed<V> {
    /// To its place: it had one, or one was free.
    Held,
    /// To the place of another key, which had this value.
    Instead(V),
    /// To the filter. `true` if its cell was empty: no key of that cell weighed
    /// anything.
    Outside(bool),
}

#[derive(Clone, Debug)]
struct Place<V> {
    key: Vec<u8>,
    hash: u64,
    weight: u64,
    error: u64,
    value: V,
}

impl<V> HeavyHitters<V> {
    /// Holds up to `capacity` keys, at least 1.
    pub fn new(capacity: usize) -> Self {
        Self {
            index: ByHash::default(),
            places: Vec::new(),
            capacity: capacity.max(1),
            filter: None,
            total: 0,
            least: 0,
            cursor: 0,
        }
    }

    /// Returns how many keys it holds at most.
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Says whether a key that is not held has to take the place of another.
    pub(crate) const fn is_full(&self) -> bool {
        self.places.len() >= self.capacity
    }

    /// Returns the value of a key by its hash, if it is held.
    pub(crate) fn get(&self, hash: u64) -> Option<&V> {
        let place = self.places.get(*self.index.get(&hash)?)?;
        Some(&place.value)
    }

    /// Adds `weight` to a key that is held, and returns its value, to change it.
    pub(crate) fn weigh(&mut self, hash: u64, weight: u64) -> Option<&mut V> {
        let place = self.places.get_mut(*self.index.get(&hash)?)?;
        place.weight = place.weight.saturating_add(weight);
        self.total = self.total.saturating_add(weight);
        Some(&mut place.value)
    }

    /// Returns the value of a key by its hash, to change it.
    pub(crate) fn get_mut(&mut self, hash: u64) -> Option<&mut V> {
        let place = self.places.get_mut(*self.index.get(&hash)?)?;
        Some(&mut place.value)
    }

    /// Iterates over the keys that are held, and their values, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        let places = self.places.iter();
        places.map(|place| (place.key.as_slice(), &place.value))
    }

    /// Halves every weight: what happened a while ago counts less and less.
    /// Called once per window.
    pub fn decay(&mut self) {
        self.total /= 2;
        self.least = 0;
        if let Some(filter) = &mut self.filter {
            filter.decay();
        }
        for place in &mut self.places {
            // The error first: it may never exceed the weight.
            place.error /= 2;
            place.weight /= 2;
        }
    }

    /// Returns the `count` heaviest, the heaviest first, equal ones by key.
    pub fn heaviest(&self, count: usize) -> Vec<HeavyHitter> {
        let mut all: Vec<&Place<V>> = self
            .places
            .iter()
            .filter(|place| place.weight > 0)
            .collect();
        all.sort_unstable_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.key.cmp(&b.key)));
        let heavy = |place: &Place<V>| HeavyHitter {
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

impl<V: Default> HeavyHitters<V> {
    /// Adds `weight` to a key.
    pub fn add(&mut self, key: &[u8], weight: u64) {
        self.add_hashed(key, hash_of(key), weight);
    }

    /// Adds `weight` to a key of which the hash is known, or that of what stands
    /// for the key. It has a place now, with the default value if that is new,
    /// or has none.
    pub(crate) fn add_hashed(&mut self, key: &[u8], hash: u64, weight: u64) -> Weighed<V> {
        self.total = self.total.saturating_add(weight);
        if let Some(place) = self
            .index
            .get(&hash)
            .and_then(|at| self.places.get_mut(*at))
        {
            place.weight = place.weight.saturating_add(weight);
            return Weighed::Held;
        }
        if !self.is_full() {
            let value = V::default();
            self.insert(Place { key: key.into(), hash, weight, error: 0, value });
            return Weighed::Held;
        }
        self.add_outside(key, hash, weight)
    }

    /// Adds `weight` to a key that is not held.
    fn add_outside(&mut self, key: &[u8], hash: u64, weight: u64) -> Weighed<V> {
        let cells = self.capacity.saturating_mul(CELLS);
        let filter = self.filter.get_or_insert_with(|| WeightFilter::new(cells));
        let error = filter.cell(hash).map_or(0, |cell| *cell);
        let weight = error.saturating_add(weight);
        if weight > self.least {
            let at = self.lightest();
            if let Some(place) = self.places.get_mut(at)
                && weight > place.weight
            {
                let (was, its_weight) = (place.hash, place.weight);
                place.key.clear();
                place.key.extend_from_slice(key);
                (place.hash, place.weight, place.error) = (hash, weight, error);
                let value = std::mem::take(&mut place.value);
                self.index.remove(&was);
                self.index.insert(hash, at);
                if let Some(filter) = &mut self.filter {
                    filter.take_back(was, its_weight);
                }
                return Weighed::Instead(value);
            }
        }
        if let Some(cell) = self.filter.as_mut().and_then(|filter| filter.cell(hash)) {
            *cell = weight;
        }
        Weighed::Outside(error == 0)
    }

    fn insert(&mut self, place: Place<V>) {
        self.least = 0;
        self.index.insert(place.hash, self.places.len());
        self.places.push(place);
    }
}

impl<V: Clone + Default> HeavyHitters<V> {
    /// Adds all places of `other`, their values by `merge`, and returns the values
    /// of the lightest for which there is no place.
    pub(crate) fn merge(&mut self, other: &Self, merge: impl Fn(&mut V, &V)) -> Vec<V> {
        self.total = self.total.saturating_add(other.total);
        for theirs in &other.places {
            let at = self.index.get(&theirs.hash);
            match at.and_then(|at| self.places.get_mut(*at)) {
                Some(mine) => {
                    mine.weight = mine.weight.saturating_add(theirs.weight);
                    mine.error = mine.error.saturating_add(theirs.error);
                    merge(&mut mine.value, &theirs.value);
                }
                None => self.insert(theirs.clone()),
            }
        }
        if self.places.len() <= self.capacity {
            return Vec::new();
        }
        self.places
            .sort_unstable_by(|a, b| (b.weight, &b.key).cmp(&(a.weight, &a.key)));
        let dropped = self.places.split_off(self.capacity);
        let hashes = self.places.iter().map(|place| place.hash);
        self.index = hashes.zip(0..).collect();
        dropped.into_iter().map(|place| place.value).collect()
    }
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
        let (mut top, mut state) = (HeavyHitters::<()>::new(64), 7);
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
        let mut top = HeavyHitters::<()>::new(8);
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
        let mut top = HeavyHitters::<()>::new(4);
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
        let mut top = HeavyHitters::<()>::new(8);
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
