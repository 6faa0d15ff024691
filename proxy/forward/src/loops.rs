//! Forwarding loops: what was seen of them, and by what evidence.
//!
//! DNS has no hop count, so a loop is known by its marks: a probe that comes
//! back, a query out of our own socket, our mark in a query's options, or a
//! configuration that leads back. Each is an event with its hops, kept here for
//! the log, the metrics, the readiness page and the API.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dns::Name;

use resolver::Moment;

mod evidence;
pub use evidence::Evidence;

mod secret;
pub(crate) use secret::Secret;

mod probe;
pub(crate) use probe::ProbeNames;

/// All loops that this process has seen, shared by all threads.
#[derive(Debug, Default)]
pub struct Loops {
    secret: Secret,
    state: Mutex<State>,
    counts: [AtomicU64; Evidence::COUNT],
}

#[derive(Debug, Default)]
struct State {
    events: Vec<LoopEvent>,
    askers: Vec<Asker>,
}

/// One lap of a loop, as it was seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// What showed it.
    pub evidence: Evidence,
    /// The forward zone of the names in the loop.
    pub zone: Name,
    /// The name that went round, or below which a probe did; the zone itself where the
    /// configuration shows the loop.
    pub name: Name,
    /// The upstream that the loop begins with, where it is known.
    pub upstream: Option<SocketAddr>,
    /// The address that sent the question back.
    pub peer: Option<IpAddr>,
    /// The way, from us to us.
    pub hops: Vec<String>,
}

/// A loop: all sightings of one zone and upstream that came back from one peer,
/// whatever showed them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoopEvent {
    /// The first of them.
    pub sighting: Sighting,
    /// What showed it, each once.
    pub evidences: Vec<Evidence>,
    /// Some of the names that went round, each once.
    pub names: Vec<Name>,
    /// The end that all of them have in common.
    pub below: Name,
    /// When it was first seen.
    pub first: Moment,
    /// When it was last seen.
    pub last: Moment,
    /// How often.
    pub count: u64,
    /// When it was last logged.
    logged: Moment,
}

impl LoopEvent {
    /// Returns whether the loop was seen in the last minute; one that the
    /// configuration makes stays active.
    pub fn is_active(&self, now: Moment) -> bool {
        self.evidences.contains(&Evidence::Config) || now.saturating_since(self.last) <= ACTIVE
    }
}

impl LoopEvent {
    /// Notes what one sighting more shows.
    fn add(&mut self, sighting: &Sighting, now: Moment) {
        (self.last, self.count) = (now, self.count + 1);
        self.below = common_end(&self.below, &sighting.name);
        if !self.evidences.contains(&sighting.evidence) {
            self.evidences.push(sighting.evidence);
        }
        if !self.names.contains(&sighting.name) && self.names.len() < NAMES {
            self.names.push(sighting.name);
        }
        if self.sighting.peer.is_none() {
            self.sighting.peer = sighting.peer;
        }
    }
}

/// The longest name that both are, or are below.
fn common_end(one: &Name, other: &Name) -> Name {
    let mut end = one.as_wire();
    loop {
        let name = Name::from_wire(end).unwrap_or(Name::ROOT);
        if other.is_within(&name) {
            return name;
        }
        let label = end.first().map_or(0, |len| usize::from(*len));
        end = end.get(label + 1..).unwrap_or_default();
    }
}

/// An upstream that sends us queries of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asker {
    /// The upstream.
    pub upstream: SocketAddr,
    /// Its queries that the cache could not answer.
    pub queries: u64,
}

impl Sighting {
    /// The way as text: `us -> 10.0.0.2:53 -> us`.
    pub fn way(&self) -> String {
        self.hops.join(" -> ")
    }

    fn is_same(&self, other: &Self) -> bool {
        let same_peer = self.peer == other.peer || self.peer.is_none() || other.peer.is_none();
        self.upstream == other.upstream && self.zone == other.zone && same_peer
    }
}

impl Loops {
    /// Starts with none, and with a secret by which our own probes and marks are
    /// known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The secret by which this process knows its own marks.
    pub(crate) const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Notes a loop, and logs it unless that was done less than a minute ago.
    pub fn found(&self, sighting: &Sighting, now: Moment) {
        if let Some(count) = self.counts.get(sighting.evidence.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(count) = self.lock().note(sighting, now) {
            let (hops, zone) = (sighting.way(), sighting.zone.to_string());
            let (evidence, name) = (sighting.evidence.label(), sighting.name.to_string());
            tracing::warn!(hops, zone, name, evidence, count, "a forwarding loop");
        }
    }

    /// Takes those that the configuration in force makes in place of those that one before
    /// it made.
    pub fn configured(&self, found: &[Sighting], now: Moment) {
        self.lock().unconfigure(found);
        for sighting in found {
            let is_known = self.lock().is_configured(sighting);
            if !is_known {
                self.found(sighting, now);
            }
        }
    }

    /// Returns what was seen, the latest last.
    pub fn events(&self) -> Vec<LoopEvent> {
        let mut events = self.lock().events.clone();
        events.sort_by_key(|event| event.last);
        events
    }

    /// Returns the loops that are active.
    pub fn active(&self, now: Moment) -> Vec<LoopEvent> {
        let mut events = self.events();
        events.retain(|event| event.is_active(now));
        events
    }

    /// Returns how often `evidence` showed a loop.
    pub fn count(&self, evidence: Evidence) -> u64 {
        let count = self.counts.get(evidence.index());
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Notes a query of an upstream. Nothing is wrong with it by itself: it
    /// may want names that only we know.
    pub fn asked_by(&self, upstream: SocketAddr) {
        let mut state = self.lock();
        let mut askers = state.askers.iter_mut();
        if let Some(asker) = askers.find(|asker| asker.upstream == upstream) {
            asker.queries += 1;
        } else if state.askers.len() < MAX_ASKERS {
            state.askers.push(Asker { upstream, queries: 1 });
            drop(state);
            tracing::info!(%upstream, "an upstream sends us queries; if it is a Pod, set its dnsPolicy to Default");
        }
    }

    /// Returns the upstreams that asked us.
    pub fn askers(&self) -> Vec<Asker> {
        self.lock().askers.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets that a configuration made loops that are not among these.
    fn unconfigure(&mut self, found: &[Sighting]) {
        for event in &mut self.events {
            if !found.iter().any(|one| one.is_same(&event.sighting)) {
                event.evidences.retain(|one| *one != Evidence::Config);
            }
        }
        self.events.retain(|event| !event.evidences.is_empty());
    }

    fn is_configured(&self, sighting: &Sighting) -> bool {
        let mut events = self.events.iter();
        events.any(|event| {
            event.sighting.is_same(sighting) && event.evidences.contains(&Evidence::Config)
        })
    }

    /// Notes a sighting; returns how often it was seen if that is to be logged.
    fn note(&mut self, sighting: &Sighting, now: Moment) -> Option<u64> {
        let mut events = self.events.iter_mut();
        if let Some(event) = events.find(|event| event.sighting.is_same(sighting)) {
            event.add(sighting, now);
            if now.saturating_since(event.logged) < LOG_EVERY {
                return None;
            }
            event.logged = now;
            return Some(event.count);
        }
        if self.events.len() >= MAX_EVENTS {
            self.events.sort_by_key(|event| event.last);
            self.events.remove(0);
        }
        self.events.push(LoopEvent {
            sighting: sighting.clone(),
            evidences: vec![sighting.evidence],
            names: vec![sighting.name],
            below: sighting.name,
            first: now,
            last: now,
            count: 1,
            logged: now,
        });
        Some(1)
    }
}

/// Loops that are remembered: a node has a few upstreams and peers.
const MAX_EVENTS: usize = 64;

/// Names of a loop that are kept, beside their common end: enough to ask for.
const NAMES: usize = 2;

/// Every upstream of every zone fits.
const MAX_ASKERS: usize = 256;

/// How long a loop is shown after it was last seen: while there is one, each upstream is
/// probed several times within it, and who mended it waits for that.
const ACTIVE: Duration = Duration::from_secs(60);

/// One line a minute says it as well as a thousand.
const LOG_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::from_micros(secs * 1_000_000)
    }

    fn sighting(evidence: Evidence, peer: u8) -> Sighting {
        Sighting {
            evidence,
            zone: Name::ROOT,
            name: Name::ROOT,
            upstream: Some(([10, 0, 0, 2], 53).into()),
            peer: Some([10, 0, 0, peer].into()),
            hops: ["us", "10.0.0.2:53", "us"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn a_loop_is_one_event_however_often_it_turns() {
        let loops = Loops::new();
        for secs in [1, 5, 9] {
            loops.found(&sighting(Evidence::Probe, 2), at(secs));
        }
        loops.found(&sighting(Evidence::Probe, 3), at(3));
        let events = loops.events();
        assert_eq!(events.len(), 2);
        let last = &events[1];
        assert_eq!((last.first, last.last, last.count), (at(1), at(9), 3));
        assert_eq!(last.sighting.way(), "us -> 10.0.0.2:53 -> us");
        assert_eq!((loops.count(Evidence::Probe), loops.count(Evidence::OwnSource)), (4, 0));
    }

    #[test]
    fn a_loop_has_the_names_that_went_round_and_all_its_evidence_once() {
        let loops = Loops::new();
        let seen = |evidence, name: &str| {
            let name = Name::from_text(name).unwrap();
            loops.found(&Sighting { name, ..sighting(evidence, 2) }, at(1));
        };
        seen(Evidence::InFlight, "a.corp.test.net.");
        let end = |loops: &Loops| loops.events()[0].below.to_string();
        assert_eq!(end(&loops), "a.corp.test.net.");
        seen(Evidence::UpstreamAsks, "B.Corp.test.net.");
        seen(Evidence::UpstreamAsks, "c.d.corp.test.net.");
        assert_eq!(end(&loops), "corp.test.net.");
        let events = loops.events();
        assert_eq!((events.len(), events[0].names.len(), events[0].count), (1, 2, 3));
        assert_eq!(events[0].evidences, [Evidence::InFlight, Evidence::UpstreamAsks]);
        seen(Evidence::Probe, ".");
        assert_eq!(end(&loops), ".");
        let config = Sighting { peer: None, ..sighting(Evidence::Config, 0) };
        loops.found(&config, at(1));
        assert_eq!(loops.active(at(9999)).len(), 1);
    }

    #[test]
    fn a_loop_that_ended_is_not_shown_for_long_but_a_configured_one_is() {
        let loops = Loops::new();
        loops.found(&sighting(Evidence::InFlight, 2), at(10));
        loops.found(&sighting(Evidence::Config, 3), at(0));
        let active = |secs| loops.active(at(secs)).len();
        assert_eq!((active(70), active(71)), (2, 1));
    }

    #[test]
    fn a_configured_loop_is_active_until_the_configuration_does_without() {
        let loops = Loops::new();
        let (one, other) = (sighting(Evidence::Config, 2), sighting(Evidence::Config, 3));
        loops.configured(&[one.clone(), other.clone()], at(0));
        loops.found(&sighting(Evidence::InFlight, 3), at(500));
        loops.configured(std::slice::from_ref(&one), at(520));
        // The other was seen at work a moment ago.
        assert_eq!((loops.active(at(520)).len(), loops.active(at(561)).len()), (2, 1));
        assert_eq!(loops.count(Evidence::Config), 2, "what stays is not found again");
        loops.configured(&[other], at(600));
        assert_eq!(loops.active(at(9999)).len(), 1);
        loops.configured(&[], at(600));
        assert!(loops.active(at(9999)).is_empty());
    }

    #[test]
    fn the_oldest_event_makes_room() {
        let loops = Loops::new();
        for n in 0..=64 {
            loops.found(&sighting(Evidence::InFlight, n), at(n.into()));
        }
        let events = loops.events();
        assert_eq!(events.len(), 64);
        assert_eq!(events[0].sighting.peer, Some([10, 0, 0, 1].into()));
    }
}
