//! `/api/v1/loops`: forwarding loops, hop by hop.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::SCHEMA;
use forward::{Evidence, LoopEvent, Loops};
use resolver::Moment;

/// All loops.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LoopPage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// How often each evidence was seen since the start.
    pub evidences: BTreeMap<String, u64>,
    /// The latest first.
    pub loops: Vec<LoopView>,
    /// Upstreams that sent queries to this proxy.
    pub asking_upstreams: Vec<AskerView>,
}

/// One loop: the sightings with one zone, upstream and peer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LoopView {
    /// What showed it, each once; labels as in the metrics.
    pub evidences: Vec<String>,
    /// The forward zone of the queries that come back.
    pub zone: String,
    /// Some of the names that came back.
    pub names: Vec<String>,
    /// The end that all names that came back have in common.
    pub below: String,
    /// The upstream through which they leave.
    pub upstream: Option<SocketAddr>,
    /// The address that sent the query back.
    pub peer: Option<IpAddr>,
    /// The path, from this proxy back to it.
    pub hops: Vec<String>,
    /// How often it was seen.
    pub count: u64,
    /// Seconds since it was first seen.
    pub first_seen_s: u64,
    /// Seconds since it was last seen.
    pub last_seen_s: u64,
    /// Seen recently, or a loop of the configuration.
    pub active: bool,
}

/// An upstream that sends queries to this proxy.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct AskerView {
    /// Its address.
    pub upstream: SocketAddr,
    /// Its queries that the cache could not answer.
    pub queries: u64,
}

impl LoopPage {
    /// Takes the `limit` latest of `loops`.
    pub fn of(loops: &Loops, limit: usize, now: Moment) -> Self {
        let evidences = Evidence::ALL.iter();
        let evidences = evidences.map(|e| (e.label().to_owned(), loops.count(*e)));
        let events = loops.events().into_iter().rev().take(limit);
        let askers = loops.askers().into_iter();
        Self {
            schema: SCHEMA,
            evidences: evidences.collect(),
            loops: events.map(|event| LoopView::of(event, now)).collect(),
            asking_upstreams: askers
                .map(|asker| AskerView { upstream: asker.upstream, queries: asker.queries })
                .collect(),
        }
    }
}

impl LoopView {
    fn of(event: LoopEvent, now: Moment) -> Self {
        let since = |moment| now.saturating_since(moment);
        let active = event.is_active(now);
        let sighting = event.sighting;
        let evidences = event.evidences.iter();
        Self {
            evidences: evidences.map(|one| one.label().to_owned()).collect(),
            zone: sighting.zone.to_string(),
            names: event.names.iter().map(ToString::to_string).collect(),
            below: event.below.to_string(),
            upstream: sighting.upstream,
            peer: sighting.peer,
            hops: sighting.hops,
            count: event.count,
            first_seen_s: since(event.first).as_secs(),
            last_seen_s: since(event.last).as_secs(),
            active,
        }
    }
}
