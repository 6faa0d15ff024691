//! The names that are asked, and what clients got.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// By how many clients a name is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    Once,
    Twice,
}

/// The names that are asked.
#[derive(Debug, Default)]
pub(crate) struct Names {
    fresh: AtomicU64,
}

impl Names {
    /// One of those that `who` will have seen.
    pub(crate) fn seen(by: Asked, who: &str, n: u64) -> String {
        format!("seen-{by:?}-{who}-{}.{ZONE}", n % SEEN).to_lowercase()
    }

    /// One that no client has seen.
    pub(crate) fn fresh_of(by: Asked, who: &str, n: u32) -> String {
        format!("new-{by:?}-{who}-{n}.{ZONE}").to_lowercase()
    }

    /// One that no client has seen.
    pub(crate) fn fresh(&self) -> String {
        format!("new-{}.{ZONE}", self.fresh.fetch_add(1, Ordering::Relaxed))
    }
}

/// What clients got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Got {
    /// Lookups of names seen before.
    pub(crate) seen: u64,
    /// Those of them that failed.
    pub(crate) failed: u64,
    /// Lookups of names never asked before.
    pub(crate) fresh: u64,
    /// Those of them that failed.
    pub(crate) fresh_failed: u64,
    /// The longest that one query waited for its response.
    pub(crate) longest: Duration,
    /// Queries sent.
    pub(crate) queries: u64,
}

/// Lookups of each library, and how many of them failed.
pub(crate) type Seen = BTreeMap<&'static str, (u64, u64)>;

/// What clients got, by how many asked.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    got: Mutex<[Got; 2]>,
    /// Of those, lookups of real libraries for names seen before: how many, and how many
    /// failed.
    libraries: Mutex<Seen>,
}

impl Tally {
    pub(crate) fn of(&self, by: Asked) -> Got {
        self.change(by, |got| *got)
    }

    /// Counts the lookup of a library: what it was for is in its name.
    pub(crate) fn library(&self, library: &'static str, name: &str, got: (Duration, bool)) {
        let (took, is_good) = got;
        let is_seen = name.starts_with("seen-");
        let by = if name.contains("-once-") { Asked::Once } else { Asked::Twice };
        // A name that no client has seen may take all attempts.
        let longest = if is_seen { took } else { Duration::ZERO };
        let outcome = if is_good { Ok((longest, 2)) } else { Err((longest, 2)) };
        self.count(by, is_seen, outcome);
        if is_seen {
            let mut libraries = self
                .libraries
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let (all, failed) = libraries.entry(library).or_default();
            *all += 1;
            *failed += u64::from(!is_good);
        }
    }

    /// Counts a lookup of which nothing is known.
    pub(crate) fn lost(&self, library: &'static str) {
        self.library(library, "seen-once-", (Duration::ZERO, false));
    }

    /// The lookups of each library for names seen before, and those that failed.
    pub(crate) fn libraries(&self) -> Seen {
        self.libraries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Counts one lookup.
    pub(crate) fn count(&self, by: Asked, is_seen: bool, outcome: Outcome) {
        self.change(by, |got| got.count(is_seen, outcome));
    }

    fn change<T>(&self, by: Asked, change: impl FnOnce(&mut Got) -> T) -> T {
        let mut got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        let [once, twice] = &mut *got;
        change(if by == Asked::Once { once } else { twice })
    }
}

/// What came of one lookup: the longest wait and the queries, and whether it failed.
pub(crate) type Outcome = Result<(Duration, u64), (Duration, u64)>;

impl Got {
    fn count(&mut self, is_seen: bool, outcome: Outcome) {
        let failed = u64::from(outcome.is_err());
        let (Ok((longest, queries)) | Err((longest, queries))) = outcome;
        if is_seen {
            self.seen += 1;
            self.failed += failed;
        } else {
            self.fresh += 1;
            self.fresh_failed += failed;
        }
        self.longest = self.longest.max(longest);
        self.queries += queries;
    }
}

/// The zone of all names.
pub(crate) const ZONE: &str = "storm.test.";
/// Names of each kind that were seen before; they have expired when they are asked
/// again, but for a storm of a second.
pub(crate) const SEEN: u64 = 20;
