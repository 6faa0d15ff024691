//! The workload: names, how popular each is, and their types.
//!
//! All queries are composed before the run; sending one is a copy and two
//! octets of id. Which one comes next depends on the seed and its number
//! alone, not on threads or time.

use dns::{Class, Composer, Flags, Header, Name, Rtype};

use crate::random::SplitMix;
use crate::replay::Recording;

mod names;
pub use names::{NameEntry, NamesError, read_names};

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
        let mut queries = Queries::default();
        let shared = cumulative(types);
        let mut items = Vec::with_capacity(asked.len());
        for asked in asked {
            let types = match asked.qtype {
                Some(qtype) => cumulative(&[(qtype, 1.0)]),
                None => std::sync::Arc::clone(&shared),
            };
            let first = queries.len();
            for (qtype, _) in types.iter() {
                queries.push(&asked.name, *qtype);
            }
            items.push(Item::Queries { first, types });
        }
        let names = items.len();
        let popularity = Popularity::new(popularity, names);
        Self { queries, items, popularity, names, seed, is_lookup: false, order: Vec::new() }
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
        Self { queries, items, popularity, names, seed, is_lookup: true, order: Vec::new() }
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
        Self { queries, items: Vec::new(), popularity, names, seed: 0, is_lookup: false, order }
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
        let ends = &self.queries.ends;
        let starts = std::iter::once(&0).chain(ends);
        ends.iter()
            .zip(starts)
            .map(|(end, start)| end - start)
            .max()
            .unwrap_or(0)
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
        let groups = (self.items.len() / self.names.max(1)).max(1);
        let group = usize::from(client) % groups;
        let item = group * self.names + self.popularity.pick(random.unit());
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

    /// Returns a composed query, its id zero.
    pub fn query(&self, query: u32) -> &[u8] {
        self.queries.get(query)
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

/// Composed queries, one behind the other.
#[derive(Debug, Default)]
struct Queries {
    octets: Vec<u8>,
    ends: Vec<u32>,
}

impl Queries {
    fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    fn push(&mut self, name: &Name, qtype: Rtype) {
        self.push_with(name, qtype, None, false);
    }

    /// Adds a query with an OPT record of this payload size (RFC 6891, section 6.1.2).
    fn push_with(&mut self, name: &Name, qtype: Rtype, payload: Option<u16>, dnssec_ok: bool) {
        let mut query = Vec::new();
        let composer = Composer::new(&mut query, name, qtype, Class::IN);
        let flags = Flags(0).with(Flags::RD);
        let additional = u16::from(payload.is_some());
        // A question alone always fits, and the header's place is there.
        composer
            .finish(&Header { id: 0, flags, counts: [1, 0, 0, additional] })
            .unwrap_or_default();
        if let Some(payload) = payload {
            let [high, low] = payload.to_be_bytes();
            let [first, second] = Rtype::OPT.0.to_be_bytes();
            let flags = if dnssec_ok { DO } else { 0 };
            query.extend([0, first, second, high, low, 0, 0, flags, 0, 0, 0]);
        }
        self.octets.extend(&query);
        self.ends
            .push(u32::try_from(self.octets.len()).unwrap_or(u32::MAX));
    }

    fn get(&self, query: u32) -> &[u8] {
        let at = query as usize;
        let start = at
            .checked_sub(1)
            .and_then(|at| self.ends.get(at))
            .copied()
            .unwrap_or(0);
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.octets
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }
}

/// Picks among n names.
#[derive(Debug)]
enum Popularity {
    Uniform(usize),
    /// The sum of the odds up to each name, the last one 1.
    Weighted(Vec<f64>),
}

impl Popularity {
    fn new(distribution: Distribution, names: usize) -> Self {
        let Distribution::Zipf(s) = distribution else { return Self::Uniform(names) };
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

    fn pick(&self, unit: f64) -> usize {
        match self {
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

/// The DO bit, in the first octet of an OPT record's flags (RFC 3225, section 3).
const DO: u8 = 0x80;

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
