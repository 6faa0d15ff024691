//! The upstreams in force: those of the configuration or of resolv.conf, and before them
//! the Pods of the Services that they are the addresses of.

mod service;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use forward::{ForwardZone, Forwarder, ZonePods};
use observe::ObserverHandle;
pub use service::Service;

/// The way for all that change the upstreams; what one of them sets the others keep.
#[derive(Clone, Debug)]
pub struct Upstreams {
    forwarder: Forwarder,
    observer: ObserverHandle,
    known: Arc<Mutex<Known>>,
    /// All Pods, for who has to know where CoreDNS is without us.
    pods: watch::Sender<Vec<SocketAddr>>,
}

/// What the zones are made of.
#[derive(Debug)]
struct Known {
    zones: Vec<ForwardZone>,
    /// By the address of their Service.
    pods: HashMap<IpAddr, ZonePods>,
    /// The order of Pods where there are more than a zone has places: each node asks
    /// others.
    order: RandomState,
}

impl Upstreams {
    /// Starts with the zones that `forwarder` was started with.
    pub fn new(
        forwarder: Forwarder,
        observer: ObserverHandle,
        zones: Vec<ForwardZone>,
        pods: watch::Sender<Vec<SocketAddr>>,
    ) -> Self {
        let known = Known { zones, pods: HashMap::new(), order: RandomState::new() };
        Self { forwarder, observer, known: Arc::new(Mutex::new(known)), pods }
    }

    /// Returns how many upstreams there may be, now and once all Pods are known.
    pub fn most(forwarder: &Forwarder, services: usize) -> usize {
        forwarder.upstreams().len().max(services * MOST_UPSTREAMS)
    }

    /// Whether these are the zones in force, whatever Pods are behind them.
    pub fn forwards_by(&self, zones: &[ForwardZone]) -> bool {
        self.lock().zones == zones
    }

    /// Forwards by other zones from here on, with the Pods that are known.
    ///
    /// # Errors
    ///
    /// As [`Forwarder::replace_zones`]; the zones in use stay then.
    pub fn set_zones(&self, zones: Vec<ForwardZone>) -> io::Result<()> {
        let mut known = self.lock();
        let before = std::mem::replace(&mut known.zones, zones);
        self.put_in_force(&known)
            .inspect_err(|_| known.zones = before)
    }

    /// Asks these Pods from here on instead of the Service of this address.
    ///
    /// # Errors
    ///
    /// As [`set_zones`](Self::set_zones); then the Service itself is asked, and no Pod.
    pub fn set_pods(&self, service: IpAddr, pods: ZonePods) -> io::Result<()> {
        let mut known = self.lock();
        known.pods.insert(service, pods);
        let all = known.pods.values();
        let all = all.flat_map(|pods| pods.ready.iter().chain(&pods.others));
        self.pods.send_replace(all.copied().collect());
        let changed = self.put_in_force(&known);
        if changed.is_err() {
            known.pods.remove(&service);
            self.put_in_force(&known)?;
        }
        changed
    }

    fn put_in_force(&self, known: &Known) -> io::Result<()> {
        let zones: Vec<_> = known
            .zones
            .iter()
            .map(|zone| known.with_pods(zone))
            .collect();
        self.forwarder.replace_zones(&zones)?;
        let suffixes: Vec<_> = zones.iter().map(|zone| zone.suffix).collect();
        self.observer.reload(&suffixes, &self.forwarder.upstreams());
        Ok(())
    }

    /// Each change is whole before another thread can panic.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// A zone with the Pods behind its upstreams. None under TLS: a Pod has no
    /// certificate in the name of its Service.
    fn with_pods(&self, zone: &ForwardZone) -> ForwardZone {
        let mut zone = zone.clone();
        if zone.tls.is_some() {
            return zone;
        }
        let mut services: Vec<_> = zone.upstreams.iter().map(SocketAddr::ip).collect();
        services.dedup();
        let behind = services.iter().filter_map(|service| {
            let pods = self.pods.get(service)?;
            Some((service.is_ipv4(), pods))
        });
        let (mut ready, mut others) = (Vec::new(), Vec::new());
        for (is_ipv4, pods) in behind {
            // With two families the Service of each has the Pods of both.
            let of_family = |pods: &[SocketAddr]| -> Vec<SocketAddr> {
                let same = pods.iter().filter(|pod| pod.is_ipv4() == is_ipv4);
                same.copied().collect()
            };
            ready.extend(of_family(&pods.ready));
            others.extend(of_family(&pods.others));
        }
        let room = MOST_UPSTREAMS.saturating_sub(zone.upstreams.len());
        if ready.len() > room {
            ready.sort_by_key(|pod| self.order.hash_one(pod));
            ready.truncate(room);
            // In one order whatever was left out: the same Pods are the same zone.
            ready.sort_unstable();
        }
        others.truncate(room.saturating_sub(ready.len()));
        zone.pods = ZonePods { ready, others };
        zone
    }
}

/// Of one zone, with those that are written.
const MOST_UPSTREAMS: usize = 32;

#[cfg(test)]
mod tests;
