//! Which upstreams are asked for a name, and which of them first.

use std::io;
use std::net::SocketAddr;

use dns::Name;

use super::upstream_health::UpstreamHealth;
use super::{ForwardZone, Transport, ZonePods};
use crate::tls::TlsClient;
use resolver::Moment;

/// All zones, and all upstreams of them once.
#[derive(Clone, Debug)]
pub(crate) struct Zones {
    /// By number, and with those that were replaced: questions in flight end in
    /// the zone that they began in.
    zones: Vec<Zone>,
    /// The numbers of those in use, the longest suffix first.
    order: Vec<usize>,
    upstreams: Vec<SocketAddr>,
    /// By upstream: whom connections under TLS go to.
    tls: Vec<Option<TlsClient>>,
    /// By upstream: whether it is a pod.
    pods: Vec<bool>,
}

/// One zone; upstreams by their index.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Zone {
    pub(crate) suffix: Name,
    pub(crate) upstreams: Vec<usize>,
    /// So many of the first share the questions; the others are asked in their order
    /// when none of these is well.
    pub(crate) shared: usize,
    pub(crate) transport: Transport,
    /// Nothing leaves but under TLS.
    pub(crate) encrypted: bool,
    pub(crate) cluster: bool,
}

impl Zones {
    /// Orders the zones.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a zone without upstreams, or with more than
    /// [`MAX_UPSTREAMS`].
    pub(crate) fn new(configured: &[ForwardZone]) -> io::Result<Self> {
        let none = Self {
            zones: Vec::new(),
            order: Vec::new(),
            upstreams: Vec::new(),
            tls: Vec::new(),
            pods: Vec::new(),
        };
        none.replaced(configured)
    }

    /// Puts other zones in place of those in use. Upstreams keep their numbers.
    ///
    /// # Errors
    ///
    /// `InvalidInput` as from [`new`](Self::new), and when there have been more zones
    /// or upstreams than are told apart.
    pub(crate) fn replaced(&self, configured: &[ForwardZone]) -> io::Result<Self> {
        let Self { mut zones, mut upstreams, mut tls, mut pods, .. } = self.clone();
        let mut order = Vec::new();
        for zone in configured {
            let all = servers(zone);
            if zone.upstreams.is_empty() || all.len() > MAX_UPSTREAMS {
                let count = all.len();
                let text =
                    format!("zone {}: {count} upstreams, not 1 to {MAX_UPSTREAMS}", zone.suffix);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            let client = zone.tls.as_ref().map(TlsClient::new).transpose()?;
            let mut index_of = |addr: &SocketAddr| {
                let known = upstreams.iter().zip(&tls);
                let same = |(known, of): (&SocketAddr, &Option<TlsClient>)| {
                    known == addr && of.as_ref().map(TlsClient::server) == zone.tls.as_ref()
                };
                known.map(same).position(|same| same).unwrap_or_else(|| {
                    upstreams.push(*addr);
                    tls.push(client.clone());
                    pods.push(false);
                    upstreams.len() - 1
                })
            };
            let indexes: Vec<_> = all.iter().map(&mut index_of).collect();
            let (shared, first) = shares(zone);
            for number in indexes.iter().take(first) {
                pods.get_mut(*number)
                    .into_iter()
                    .for_each(|is_pod| *is_pod = true);
            }
            let ForwardZone { suffix, transport, cluster, .. } = *zone;
            let encrypted = zone.tls.is_some();
            let zone = Zone { suffix, upstreams: indexes, shared, transport, encrypted, cluster };
            let known = zones.iter().position(|other| *other == zone);
            order.push(known.unwrap_or(zones.len()));
            zones.extend(known.is_none().then_some(zone));
        }
        if zones.len() > MAX_ZONES || upstreams.len() > MAX_ALL {
            let text = "too many servers or zones since the start; a restart takes the new ones";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let labels = |at: &usize| zones.get(*at).map(|zone| zone.suffix.labels().count());
        order.sort_by_key(|at| std::cmp::Reverse(labels(at)));
        Ok(Self { zones, order, upstreams, tls, pods })
    }

    /// Returns the zone with the longest suffix that `qname` lies in.
    pub(crate) fn find(&self, qname: &Name) -> Option<usize> {
        let mut order = self.order.iter().copied();
        order.find(|at| {
            self.get(*at)
                .is_some_and(|zone| qname.is_within(&zone.suffix))
        })
    }

    /// Returns the zone that [`find`](Self::find) found.
    pub(crate) fn get(&self, zone: usize) -> Option<&Zone> {
        self.zones.get(zone)
    }

    /// Returns those in use, the longest suffix first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.order.iter().filter_map(|at| self.zones.get(*at))
    }

    /// Returns whom the connections of each upstream go to, where they are under TLS.
    pub(crate) fn tls(&self) -> &[Option<TlsClient>] {
        &self.tls
    }

    /// Returns whether a zone in use has an upstream.
    pub(crate) fn uses(&self, upstream: usize) -> bool {
        self.iter().any(|zone| zone.upstreams.contains(&upstream))
    }

    /// Returns this mark for each upstream that is a pod.
    pub(crate) fn marks(&self, pod_mark: Option<u32>) -> Vec<Option<u32>> {
        let mark = |is_pod: &bool| pod_mark.filter(|_| *is_pod);
        self.pods.iter().map(mark).collect()
    }

    /// Returns all upstreams, and those that were.
    pub(crate) fn upstreams(&self) -> &[SocketAddr] {
        &self.upstreams
    }
}

impl Zone {
    /// Picks the upstream of the next try by its place in the zone: one that
    /// was not `tried` and is well, else one not tried, else any; of each the shared
    /// ones first. The only upstream is always picked.
    pub(crate) fn pick(
        &self,
        tried: Tried,
        health: &UpstreamHealth,
        now: Moment,
        random: u32,
    ) -> usize {
        let (shared, last) = (0..self.shared, self.shared..self.upstreams.len());
        let fresh = |place: &usize| !tried.has(*place);
        let well = |place: &usize| {
            let upstream = self.upstreams.get(*place);
            upstream.is_some_and(|upstream| !health.is_suspect(*upstream))
        };
        self.pick_well(tried, health, now, random)
            .or_else(|| nth(shared.clone().filter(fresh).filter(well), random))
            .or_else(|| last.clone().filter(fresh).find(well))
            .or_else(|| nth(shared.clone().filter(fresh), random))
            .or_else(|| last.clone().find(fresh))
            .or_else(|| nth(shared, random))
            .or_else(|| nth(last, random))
            .unwrap_or_default()
    }

    /// Picks a shared one that was not `tried` and is well, if there is one: of two at random
    /// the one that is much faster, or the first. All that are about as fast get as
    /// much, and none is met by all questions at once.
    pub(crate) fn pick_well(
        &self,
        tried: Tried,
        health: &UpstreamHealth,
        now: Moment,
        random: u32,
    ) -> Option<usize> {
        let [chance, one, other, _] = random.to_be_bytes();
        let upstream = |place: usize| self.upstreams.get(place).copied();
        let well = (0..self.shared).filter(|place| {
            let upstream = upstream(*place);
            !tried.has(*place) && upstream.is_some_and(|at| health.is_ready(at, now, chance))
        });
        let one = nth(well.clone(), one.into())?;
        let other = nth(well.filter(|place| *place != one), other.into());
        let faster = other.filter(|other| {
            let both = upstream(*other).zip(upstream(one));
            both.is_some_and(|(other, one)| health.is_faster(other, one))
        });
        Some(faster.unwrap_or(one))
    }

    /// Returns the upstreams at these places.
    pub(crate) fn upstreams_of(&self, places: Tried) -> impl Iterator<Item = usize> {
        let upstreams = self.upstreams.iter().copied().enumerate();
        let of = upstreams.filter(move |(place, _)| places.has(*place));
        of.map(|(_, upstream)| upstream)
    }

    /// Returns the place of an upstream in this zone.
    pub(crate) fn place_of(&self, upstream: usize) -> Option<usize> {
        self.upstreams.iter().position(|other| *other == upstream)
    }

    /// Says whether every upstream was tried.
    pub(crate) fn all_tried(&self, tried: Tried) -> bool {
        (0..self.upstreams.len()).all(|place| tried.has(place))
    }
}

/// The places of a zone's upstreams that a question was sent to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tried(u32);

impl Tried {
    /// Adds a place.
    #[must_use]
    pub(crate) const fn with(self, place: usize) -> Self {
        Self(self.0 | 1 << (place % MAX_UPSTREAMS))
    }

    const fn has(self, place: usize) -> bool {
        self.0 >> (place % MAX_UPSTREAMS) & 1 == 1
    }
}

/// All servers of a zone, in the order in which they are asked.
fn servers(zone: &ForwardZone) -> Vec<SocketAddr> {
    let ZonePods { ready, others } = &zone.pods;
    let is_pod = |addr: &&SocketAddr| ready.contains(addr) || others.contains(addr);
    let written = zone.upstreams.iter().filter(|addr| !is_pod(addr));
    ready.iter().chain(others).chain(written).copied().collect()
}

/// How many of the first of those share the questions, and how many are pods.
fn shares(zone: &ForwardZone) -> (usize, usize) {
    let ZonePods { ready, others } = &zone.pods;
    match ready.len() + others.len() {
        0 => (zone.upstreams.len(), 0),
        pods => (ready.len(), pods),
    }
}

fn nth(places: impl Iterator<Item = usize> + Clone, random: u32) -> Option<usize> {
    let count = u32::try_from(places.clone().count()).ok()?;
    let at = random.checked_rem(count)?;
    places.into_iter().nth(usize::try_from(at).ok()?)
}

/// Zones since the start: a resolv.conf that changes each day lasts for a year.
const MAX_ZONES: usize = 1024;

/// Upstreams since the start: accounts have their number in one octet, and 255 is
/// none.
const MAX_ALL: usize = 255;

/// The bits of [`Tried`]; CoreDNS's forward plugin allows 15.
pub(crate) const MAX_UPSTREAMS: usize = 32;

#[cfg(test)]
mod tests;
