//! What all clients share while their queries are placed.

use super::finished::Finished;
use super::outcome::Lookup;
use super::search::{Search, Splits};
use super::walk::{LookupRules, Walk};

/// The rules, the memory, and the names that Go may ask again.
#[derive(Debug)]
pub(crate) struct LookupContext {
    /// The cluster's domain in wire form and lower case.
    cluster_domain: Box<[u8]>,
    pub(crate) scratch: Scratch,
    pub(crate) finished: Finished,
    /// Walks under way, of all clients.
    open: usize,
    /// How many there may be before those of the busiest are cut.
    capacity: usize,
}

/// Memory that is used again, for no query to allocate any.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(super) splits: Splits,
    #[expect(clippy::vec_box, reason = "they go back to where boxes are")]
    walks: Vec<Box<Walk>>,
    names: Vec<Vec<u8>>,
}

impl LookupContext {
    /// Names below `cluster_domain` are the cluster's; so many lookups may be open.
    pub(crate) fn new(cluster_domain: &dns::Name, capacity: usize) -> Self {
        Self {
            cluster_domain: cluster_domain.folded().as_wire().into(),
            scratch: Scratch::default(),
            finished: Finished::default(),
            open: 0,
            capacity,
        }
    }

    /// The cluster's domain in wire form and lower case.
    pub(crate) fn cluster_domain(&self) -> &[u8] {
        &self.cluster_domain
    }

    /// Notes that a walk is under way; it ends with [`close`](Self::close) or
    /// [`forget`](Self::forget).
    pub(super) const fn note_open(&mut self) {
        self.open += 1;
    }

    /// Says whether there are more walks under way than there should be.
    pub(super) const fn is_full(&self) -> bool {
        self.open > self.capacity
    }

    /// Ends a walk as if it had not been.
    pub(super) fn forget(&mut self, walk: Box<Walk>) {
        self.open = self.open.saturating_sub(1);
        if self.scratch.walks.len() < SPARE {
            self.scratch.walks.push(walk);
        }
    }

    /// What the ends of lookups depend on.
    pub(crate) fn rules_for<'a>(&'a self, search: &'a Search) -> LookupRules<'a> {
        LookupRules { cluster_domain: &self.cluster_domain, search }
    }

    /// Says what a walk was that is over.
    pub(super) fn close(&mut self, walk: Box<Walk>, search: &Search) -> Lookup {
        let name = self.scratch.name();
        let lookup = walk.close(self.rules_for(search), name);
        self.forget(walk);
        lookup
    }
}

impl Scratch {
    pub(super) fn walk(&mut self) -> Box<Walk> {
        self.walks.pop().unwrap_or_default()
    }

    /// Memory for a name; see [`give_back`](Self::give_back).
    pub(crate) fn name(&mut self) -> Vec<u8> {
        self.names.pop().unwrap_or_default()
    }

    pub(crate) fn give_back(&mut self, name: Vec<u8>) {
        if self.names.len() < SPARE {
            self.names.push(name);
        }
    }
}

/// Walks whose memory is kept for the next ones, and names.
const SPARE: usize = 1024;
