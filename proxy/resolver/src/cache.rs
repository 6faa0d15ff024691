//! The cache: whole answers, found by question, bounded in octets.
//!
//! Answers lie in rings of octets, one for each shard, and small index slots
//! point to them. Nothing is allocated after the start: neither to store an
//! answer nor to find it, and the bound is exact.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Moment;

mod key;
pub use key::{Key, KeyHasher, KeyView};

mod entry;
pub use entry::{Entry, EntryView, FirstFailure, Head, Kind};

mod inspect;
pub use inspect::{Flush, Stored};

mod carry;

mod policy;
pub(crate) use policy::failure;
pub use policy::{Admitted, admit};

mod shard;
use shard::Shard;

/// Answers by question, shared by all threads.
#[derive(Debug)]
pub struct Cache {
    shards: [Mutex<Shard>; SHARDS],
}

impl Cache {
    /// Reserves the octets that `config` allows; the kernel hands them out
    /// as they are first written to.
    pub fn new(config: &CacheConfig) -> Self {
        let share = config.bytes / SHARDS;
        let shard = |_| Mutex::new(Shard::new(share, config));
        Self { shards: std::array::from_fn(shard) }
    }

    /// Uses other [`max_stale`](CacheConfig::max_stale) and
    /// [`prefetch`](CacheConfig::prefetch) from here on; sizes stay.
    pub fn set_policy(&self, config: &CacheConfig) {
        for shard in &self.shards {
            relock(shard).set_policy(config);
        }
    }

    /// Stores an answer; what it replaces or drives out is gone.
    ///
    /// An answer that is larger than half of a shard is not stored.
    pub fn insert(&self, key: &Key, entry: &Entry) {
        if let Some(mut shard) = self.lock(shard_of(key.hash)) {
            shard.insert(&key.view(), &entry.view());
        }
    }

    /// Calls `found` with the fresh entry under `key`, or with `None`.
    pub fn lookup<T>(
        &self,
        key: &KeyView<'_>,
        now: Moment,
        found: impl FnOnce(Option<EntryView<'_>>) -> T,
    ) -> T {
        let Some(mut shard) = self.lock(shard_of(key.hash)) else { return found(None) };
        let at = shard.find(key);
        found(at.and_then(|at| shard.fresh(at, now)))
    }

    /// Lets what is stored under `key` be used until `until` if its TTL is over
    /// (RFC 8767), and returns it. None if there is nothing, only a failure, or its
    /// arrival was longer ago than [`CacheConfig::max_stale`].
    ///
    /// Until then look-ups find it, as a stale one; after that they find nothing, and
    /// it may be held again. What an upstream answers replaces it.
    pub fn hold_stale(&self, key: &KeyView<'_>, until: Moment, now: Moment) -> Option<Entry> {
        let mut shard = self.lock(shard_of(key.hash))?;
        let at = shard.find(key)?;
        shard.hold_stale(at, until, now)
    }

    /// Calls `found` for each key in order, with its place and its fresh
    /// entry or `None`.
    ///
    /// Goes over the batch in passes, so that the memory accesses of one
    /// pass overlap: with a million entries this is what a lookup costs.
    /// Keys beyond [`BATCH`] are not looked at.
    pub fn lookup_batch(
        &self,
        keys: &[KeyView<'_>],
        now: Moment,
        mut found: impl FnMut(usize, Option<EntryView<'_>>),
    ) {
        let keys = keys.get(..BATCH).unwrap_or(keys);
        let mut guards = self.lock_all(keys);
        let mut slots = [0; BATCH];
        for (key, slot) in keys.iter().zip(&mut slots) {
            *slot = shard_in(&mut guards, key.hash).map_or(0, |shard| shard.touch(key.hash));
        }
        let mut touched = 0;
        for (key, slot) in keys.iter().zip(slots) {
            touched ^= shard_in(&mut guards, key.hash).map_or(0, |shard| shard.touch_behind(slot));
        }
        // The passes above only bring lines in; keep them from being elided.
        std::hint::black_box(touched);
        for (place, key) in keys.iter().enumerate() {
            let entry = shard_in(&mut guards, key.hash).and_then(|shard| {
                let at = shard.find(key)?;
                shard.fresh(at, now)
            });
            found(place, entry);
        }
    }

    /// Returns the number of answers stored, expired ones included.
    pub fn len(&self) -> usize {
        self.sum(Shard::len)
    }

    /// Returns whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the octets in use, index included.
    pub fn bytes(&self) -> usize {
        self.sum(Shard::bytes)
    }

    /// Returns the octets that may be in use, index included.
    pub fn capacity_bytes(&self) -> usize {
        self.sum(Shard::capacity_bytes)
    }

    /// Returns how many answers others drove out before they had expired.
    pub fn evictions(&self) -> u64 {
        self.shards
            .iter()
            .map(|shard| relock(shard).evictions())
            .sum()
    }

    fn sum(&self, figure: impl Fn(&Shard) -> usize) -> usize {
        self.shards.iter().map(|shard| figure(&relock(shard))).sum()
    }

    fn lock(&self, shard: usize) -> Option<MutexGuard<'_, Shard>> {
        self.shards.get(shard).map(relock)
    }

    /// Locks the shards of a batch, each once and in ascending order, so
    /// that two batches never wait for each other.
    fn lock_all(&self, keys: &[KeyView<'_>]) -> Guards<'_> {
        let wanted = keys
            .iter()
            .fold(0_u32, |wanted, key| wanted | 1 << shard_of(key.hash));
        std::array::from_fn(|shard| (wanted >> shard & 1 == 1).then(|| self.lock(shard))?)
    }
}

type Guards<'a> = [Option<MutexGuard<'a, Shard>>; SHARDS];

fn shard_in<'g>(guards: &'g mut Guards<'_>, hash: u64) -> Option<&'g mut Shard> {
    guards.get_mut(shard_of(hash))?.as_deref_mut()
}

/// A thread that panicked leaves a shard whose octets are checked at every
/// read anyway; a node without DNS would be worse.
fn relock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shard_of(hash: u64) -> usize {
    // The low bits choose the shard; the index uses the high ones.
    usize::from(hash.to_le_bytes()[0]) % SHARDS
}

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheConfig {
    /// Octets of memory, index included.
    pub bytes: usize,
    /// TTLs below are raised to this. Above zero it also keeps answers that
    /// their owner forbids to keep.
    pub min_ttl: Duration,
    /// TTLs of positive answers above are lowered to this.
    pub max_ttl: Duration,
    /// TTLs of negative answers above are lowered to this.
    pub max_negative_ttl: Duration,
    /// How long after their arrival answers are used while no upstream has newer
    /// ones; zero for never.
    pub max_stale: Duration,
    /// How long a client waits for a newer answer before it gets a stale one.
    pub stale_wait: Duration,
    /// Names that are asked for often are asked for anew before they expire.
    pub prefetch: bool,
    /// Percent of `bytes` that negative answers may hold, 10 to 100: a tenth is
    /// for new names of any kind.
    pub negative_share: u8,
    /// Turn A and AAAA RRsets on each hit.
    pub rotate: bool,
}

impl Default for CacheConfig {
    /// 64 MiB hold a few hundred thousand answers; the TTL bounds are those
    /// of the CoreDNS plugin `cache`. A quarter of them holds more negative
    /// answers than a node's search paths make, and a flood of names that do
    /// not exist leaves three quarters alone.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            min_ttl: Duration::ZERO,
            max_ttl: Duration::from_secs(3_600),
            max_negative_ttl: Duration::from_secs(1_800),
            max_stale: MAX_STALE,
            stale_wait: STALE_WAIT,
            prefetch: true,
            negative_share: 25,
            rotate: true,
        }
    }
}

/// A day: RFC 8767, section 5 recommends one to three. It covers a night without
/// an upstream; older addresses are more likely to be somebody else's.
const MAX_STALE: Duration = Duration::from_secs(86_400);

/// What RFC 8767, section 5 recommends: under the five seconds after which a client
/// asks again or gives up, and long enough for two retries.
const STALE_WAIT: Duration = Duration::from_millis(1_800);

/// Keys of one [`Cache::lookup_batch`] at most: as many datagrams as
/// recvmmsg hands out at once.
pub const BATCH: usize = 32;

/// Few, since a batch of 8 or 32 meets nearly all of them: each costs it a lock
/// and an unlock (16 shards: 80 ns for each look-up in a batch of 8, 4 shards:
/// 64), and threads that look up batches meet in them anyway.
const SHARDS: usize = 4;

#[cfg(test)]
mod tests;
