//! Hashes of names and other keys, worked out once for all tables.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use foldhash::quality::RandomState;

/// Values by a hash from [`hash_of`].
pub(crate) type ByHash<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;

/// Returns the hash of some octets, the same for as long as the process lives.
/// Nobody outside can tell which octets have the same one.
pub(crate) fn hash_of(octets: &[u8]) -> u64 {
    let mut hasher = SEED.build_hasher();
    hasher.write(octets);
    hasher.finish()
}

/// Returns the hash of a name in wire form: that of its octets without the root
/// label, so that a name under a domain begins with what its base hashes to.
pub(crate) fn hash_of_name(name: &[u8]) -> u64 {
    hash_of(name.get(..name.len().saturating_sub(1)).unwrap_or_default())
}

/// Returns the hash of a word and of what has a `hash` already: cheaper than that of its
/// octets, and as hard to guess as that one.
pub(crate) fn hash_with(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash).wrapping_mul(u128::from(word ^ MIX));
    #[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
    let (high, low) = ((product >> 64) as u64, product as u64);
    high ^ low
}

/// Takes a hash for what it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        // Only numbers are hashed with it.
        self.0 = hash_of(octets);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// An odd number without a pattern (the golden ratio): a product with it loses no bit.
pub(crate) const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);
