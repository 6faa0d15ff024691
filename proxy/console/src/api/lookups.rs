//! `/api/v1/lookups`: the lookups behind the queries, and what they waste.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::summary::addr_of;
use super::windowed::Windowed;
use super::{SCHEMA, text_of};
use observe::{Figures, HeavyHitter, Observer, Source};

/// The lookups of all clients.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LookupPage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What they cost, by window.
    #[serde(flatten)]
    pub figures: Windowed<Figures>,
    /// Lookups that have not ended, or may not have.
    pub open_lookups: usize,
    /// Lookups that were ended early because their client had too many open.
    pub cut_lookups: u64,
    /// Clients with an unknown search list: each of their names counts as a
    /// lookup of its own.
    pub clients_unknown: usize,
    /// The pairs of client and name with the most wasted queries, recently.
    pub top_pairs: Vec<Pair>,
}

/// A client and a name that it looks up.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Pair {
    /// The client.
    pub client: IpAddr,
    /// The name, as its program gives it.
    pub name: String,
    /// Queries wasted on it, at most `error` too high.
    pub weight: u64,
    /// By how much that may be too high.
    pub error: u64,
}

impl LookupPage {
    /// Takes the lookups of `observer` with the `limit` worst pairs.
    pub fn of(observer: &Observer, limit: usize) -> Self {
        let clients = || observer.clients().iter().map(|(_, client)| client);
        Self {
            schema: SCHEMA,
            figures: Windowed::of(observer.node()),
            open_lookups: clients().map(|client| client.open_lookups()).sum(),
            cut_lookups: observer.cut_lookups(),
            clients_unknown: clients()
                .filter(|client| client.search().source == Source::Unknown)
                .count(),
            top_pairs: observer
                .top_pairs()
                .heaviest(limit)
                .iter()
                .map(Pair::of)
                .collect(),
        }
    }
}

impl Pair {
    fn of(heavy: &HeavyHitter) -> Self {
        let name = heavy.key.get(ADDR..).unwrap_or_default();
        Self {
            client: addr_of(&heavy.key),
            name: text_of(name),
            weight: heavy.weight,
            error: heavy.error,
        }
    }
}

/// Octets of the address before the name.
const ADDR: usize = 16;
