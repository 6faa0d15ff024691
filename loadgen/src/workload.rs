//! The workload: names, how popular each is, and their types.
//!
//! All queries are composed before the run; sending one is a copy and two
//! octets of id. Which one comes next depends on the seed and its number
//! alone, not on threads or time.

use dns::{Name, Rtype};

use crate::random::SplitMix;
use crate::replay::Recording;

mod composed;
mod names;
mod services;
mod stamp;

use composed::Queries;
pub use names::{NameEntry, NamesError, read_names};
pub use services::{DEFAULT_FORM, read_services};
pub use stamp::{MAX_QUERY_LEN, PLACEHOLDER, Stamp};

/// A table of composed queries, and the odds of each.
#[derive(Debug)]
pub struct Workload {
    queries: Queries,
    /// What is drawn: a query of its own, or a lookup.
    items: Vec<Item>,
    popularity: Popularity,
    /// Names of one group; the items of the next group follow.
    names: usize,
    seed: u64,
    is_lookup: bool,
    /// The queries in their order, where they are not drawn.
    order: Vec<u32>,
    /// The share of draws that ask for a name that does not exist, and those queries.
    nxdomain: Option<(f64, Item)>,
    stamp: Stamp,
}

/// How single queries are made and drawn, beside their names and types.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueryOptions {
    /// Each query asks for a name of its own, below the one that was drawn.
    pub unique: bool,
    /// The share of queries for names that do not exist anywhere, from 0 to 1.
    pub nxdomain: f64,
    /// The payload size of the OPT record; none without.
    pub payload: Option<u16>,
    /// Sets the DO bit of the OPT record.
    pub dnssec_ok: bool,
}

/// What one draw yields.
#[derive(Clone, Debug)]
enum Item {
    /// The first query of a name; one of `types` is chosen by weight.
    Queries { first: u32, types: Types },
    /// The names of a walk, one step after the other.
    Walk(Vec<Step>),
}

/// The queries that a stub sends together: one name, one or more types.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    /// The first query; the others follow it in the table.
    pub first: u32,
    /// How many, at least one.
    pub len: u8,
}

/// Types with weights that sum up to 1, each with the sum so far.
type Types = std::sync::Arc<[(Rtype, f64)]>;

/// How often each name is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// All alike.
    Uniform,
    /// The k-th name in proportion to 1/k^s.
    Zipf(f64),
    /// One after the other, and again from the first.
    InOrder,
}

/// A lookup: the names that a stub would try for one name, in order.
pub type Walk = Vec<Name>;

impl Workload {
    /// Prepares single queries: each name with its own type, or else with one
    /// of `types` by weight.
    pub fn queries(
        asked: &[NameEntry],
        types: &[(Rtype, f64)],
        popularity: Distribution,
        seed: u64,
    ) -> Self {
        Self::queries_with(asked, types, popularity, seed, QueryOptions::default())
    }

    /// The same with options; names of unique queries begin with [`PLACEHOLDER`].
    pub fn queries_with(
        asked: &[NameEntry],
        types: &[(Rtype, f64)],
        popularity: Distribution,
        seed: u64,
        options: QueryOptions,
    ) -> Self {
        let mut queries = Queries::default();
        let shared = cumulative(types);
        let mut push = |name: &Name, types: &Types| {
            let first = queries.len();
            for (qtype, _) in types.iter() {
                queries.push_with(name, *qtype, options.payload, options.dnssec_ok);
            }
            Item::Queries { first, types: std::sync::Arc::clone(types) }
        };
        let mut items = Vec::with_capacity(asked.len());
        for asked in asked {
            let own = asked.qtype.map(|qtype| cumulative(&[(qtype, 1.0)]));
            items.push(push(&asked.name, own.as_ref().unwrap_or(&shared)));
        }
        let nxdomain = stamp::nowhere()
            .filter(|_| options.nxdomain > 0.0)
            .map(|name| (options.nxdomain, push(&name, &shared)));
        let names = items.len();
        let stamp = match (&nxdomain, options.unique) {
            (_, true) => Stamp::all(seed),
            (Some((_, Item::Queries { first, .. })), false) => Stamp::from(*first, seed),
            _ => Stamp::NONE,
        };
        let popularity = Popularity::new(popularity, names);
        let (is_lookup, order) = (false, Vec::new());
        Self { queries, items, popularity, names, seed, is_lookup, order, nxdomain, stamp }
    }

    /// Prepares lookups: each walk with all `types` of a name at once.
    ///
    /// Clients belong to the `groups` in turn (Pods to namespaces); all groups
    /// have walks for the same names, in the same order.
    pub fn lookups(
        groups: &[Vec<Walk>],
        types: &[Rtype],
        popularity: Distribution,
        seed: u64,
    ) -> Self {
        let mut queries = Queries::default();
        let mut items = Vec::new();
        for walk in groups.iter().flatten() {
            let mut steps = Vec::with_capacity(walk.len());
            for name in walk {
                let first = queries.len();
                for qtype in types {
                    queries.push(name, *qtype);
                }
                let len = u8::try_from(types.len()).unwrap_or(u8::MAX);
                steps.push(Step { first, len });
            }
            items.push(Item::Walk(steps));
        }
        let names = groups.first().map_or(0, Vec::len);
        let popularity = Popularity::new(popularity, names);
        let (order, nxdomain, stamp) = (Vec::new(), None, Stamp::NONE);
        Self { queries, items, popularity, names, seed, is_lookup: true, order, nxdomain, stamp }
    }

    /// Gives each lookup names of its own; all of its walks begin with [`PLACEHOLDER`].
    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.stamp = Stamp::all(self.seed);
        self
    }

    /// Prepares the queries of a recording, each in its turn.
    pub fn recorded(recording: &Recording) -> Self {
        let mut queries = Queries::default();
        for asked in recording.asked() {
            queries.push_with(&asked.name, asked.qtype, asked.payload, asked.dnssec_ok);
        }
        let order = recording
            .entries()
            .iter()
            .map(|entry| entry.asked)
            .collect();
        let names = recording.asked().len();
        let popularity = Popularity::Uniform(names);
        let (items, nxdomain, stamp) = (Vec::new(), None, Stamp::NONE);
        let (seed, is_lookup) = (0, false);
        Self { queries, items, popularity, names, seed, is_lookup, order, nxdomain, stamp }
    }

    /// Returns whether a draw is a lookup and not a single query.
    pub const fn is_lookup(&self) -> bool {
        self.is_lookup
    }

    /// Returns how many names there are to draw from.
    pub const fn names(&self) -> usize {
        self.names
    }

    /// Returns the most queries that one draw can lead to.
    pub fn max_queries_per_draw(&self) -> usize {
        let queries = |item: &Item| match item {
            Item::Queries { .. } => 1,
            Item::Walk(steps) => steps.iter().map(|step| usize::from(step.len)).sum(),
        };
        let drawn = self.items.iter().map(queries).max();
        drawn.unwrap_or_else(|| usize::from(!self.order.is_empty()))
    }

    /// Returns the octets of the longest query.
    pub fn max_query_len(&self) -> u32 {
        self.queries.longest()
    }

    /// Draws what `client` asks with this running number in this phase.
    pub fn draw(&self, phase: u8, index: u64, client: u16) -> Draw {
        if let Some(query) = usize::try_from(index)
            .ok()
            .and_then(|at| self.order.get(at))
        {
            return Draw::Query(*query);
        }
        let mut random = SplitMix::of_item(self.seed, u64::from(phase), index);
        if let Some((share, Item::Queries { first, types })) = &self.nxdomain
            && random.unit() < *share
        {
            let at = pick(types, random.unit());
            return Draw::Query(first + u32::try_from(at).unwrap_or(0));
        }
        let groups = (self.items.len() / self.names.max(1)).max(1);
        let group = usize::from(client) % groups;
        let item = group * self.names + self.popularity.pick(random.unit(), index);
        match self.items.get(item) {
            Some(Item::Queries { first, types }) => {
                let at = pick(types, random.unit());
                Draw::Query(first + u32::try_from(at).unwrap_or(0))
            }
            Some(Item::Walk(_)) => Draw::Walk(u32::try_from(item).unwrap_or(0)),
            None => Draw::Query(0),
        }
    }

    /// Returns one step of a walk; `None` past its end.
    pub fn step(&self, walk: u32, step: u8) -> Option<Step> {
        match self.items.get(walk as usize)? {
            Item::Walk(steps) => steps.get(usize::from(step)).copied(),
            Item::Queries { .. } => None,
        }
    }

    /// Returns a composed query, its id zero. One of a kind has the placeholder in its
    /// name; see [`write`](Self::write).
    pub fn query(&self, query: u32) -> &[u8] {
        self.queries.get(query)
    }

    /// Writes a query that is, or was, due at `due` into `out`, which is as long, and with
    /// id zero.
    pub fn write(&self, query: u32, due: u64, out: &mut [u8]) {
        let composed = self.query(query);
        if let Some(place) = out.get_mut(..composed.len()) {
            place.copy_from_slice(composed);
            self.stamp.put(query, due, place);
        }
    }

    /// Returns a query as it left: composed in `scratch` where it has a name of its own.
    pub fn as_sent<'a>(
        &'a self,
        query: u32,
        due: u64,
        scratch: &'a mut [u8; MAX_QUERY_LEN],
    ) -> &'a [u8] {
        let len = self.query(query).len();
        if !self.stamp.is_on(query) {
            return self.query(query);
        }
        self.write(query, due, scratch);
        scratch.get(..len).unwrap_or_default()
    }
}

/// What was drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Draw {
    /// This query alone.
    Query(u32),
    /// This walk, from its first step on.
    Walk(u32),
}

/// Picks among n names.
#[derive(Debug)]
enum Popularity {
    Uniform(usize),
    InOrder(usize),
    /// The sum of the odds up to each name, the last one 1.
    Weighted(Vec<f64>),
}

impl Popularity {
    fn new(distribution: Distribution, names: usize) -> Self {
        let s = match distribution {
            Distribution::Uniform => return Self::Uniform(names),
            Distribution::InOrder => return Self::InOrder(names),
            Distribution::Zipf(s) => s,
        };
        #[expect(clippy::cast_precision_loss, reason = "names are far fewer than 2^53")]
        let odds = (1..=names).map(|rank| (rank as f64).powf(-s));
        let sum: f64 = odds.clone().sum();
        let mut so_far = 0.0;
        Self::Weighted(
            odds.map(|odds| {
                so_far += odds / sum;
                so_far
            })
            .collect(),
        )
    }

    fn pick(&self, unit: f64, index: u64) -> usize {
        match self {
            Self::InOrder(names) => usize::try_from(index % (*names).max(1) as u64).unwrap_or(0),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "0 <= unit < 1, and names are far fewer than 2^53"
            )]
            Self::Uniform(names) => (unit * *names as f64) as usize,
            Self::Weighted(sums) => {
                let at = sums.partition_point(|sum| *sum <= unit);
                // The last sum may be a hair below 1.
                at.min(sums.len().saturating_sub(1))
            }
        }
    }
}

fn cumulative(types: &[(Rtype, f64)]) -> Types {
    let sum: f64 = types.iter().map(|(_, weight)| weight).sum();
    let mut so_far = 0.0;
    types
        .iter()
        .map(|(qtype, weight)| {
            so_far += weight / sum;
            (*qtype, so_far)
        })
        .collect()
}

fn pick(types: &[(Rtype, f64)], unit: f64) -> usize {
    let at = types.partition_point(|(_, sum)| *sum <= unit);
    at.min(types.len().saturating_sub(1))
}

#[cfg(test)]
mod tests;
