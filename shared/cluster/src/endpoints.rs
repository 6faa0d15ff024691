//! The pods behind a Service, from its `EndpointSlice` objects.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::object::{EndpointObject, EndpointSliceObject};
use crate::watch::Subject;

/// A Service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The pods of a Service, with the port that its UDP port leads to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServicePods {
    /// Those that are ready.
    pub ready: Vec<SocketAddr>,
    /// The others: first those that still serve while they end, then those that are not
    /// ready, which may answer all the same.
    pub others: Vec<SocketAddr>,
}

/// All `EndpointSlice` objects of one Service.
#[derive(Debug)]
pub struct Endpoints {
    service: ServiceName,
    /// By the name of the object.
    slices: BTreeMap<String, Vec<Endpoint>>,
    /// While a list is read, those that it has not named so far.
    unlisted: Option<BTreeSet<String>>,
    known: Option<ServicePods>,
}

#[derive(Clone, Copy, Debug)]
struct Endpoint {
    addr: SocketAddr,
    state: State,
}

/// In the order in which they are asked.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum State {
    Ready,
    Ending,
    NotReady,
}

impl Endpoints {
    /// Knows no pod yet.
    pub const fn new(service: ServiceName) -> Self {
        Self { service, slices: BTreeMap::new(), unlisted: None, known: None }
    }

    /// Returns the pods where they have changed; not in the middle of a list.
    fn changed(&mut self) -> Vec<ServicePods> {
        if self.unlisted.is_some() {
            return Vec::new();
        }
        let mut states: BTreeMap<SocketAddr, State> = BTreeMap::new();
        for Endpoint { addr, state } in self.slices.values().flatten() {
            let known = states.entry(*addr).or_insert(*state);
            *known = (*known).min(*state);
        }
        let of = |wanted: State| {
            let with = states.iter().filter(move |(_, state)| **state == wanted);
            with.map(|(addr, _)| *addr)
        };
        let others = of(State::Ending).chain(of(State::NotReady)).collect();
        let pods = ServicePods { ready: of(State::Ready).collect(), others };
        if self.known.as_ref() == Some(&pods) {
            return Vec::new();
        }
        self.known = Some(pods.clone());
        vec![pods]
    }
}

impl Subject for Endpoints {
    type Object = EndpointSliceObject;
    type Change = ServicePods;
    const WHAT: &'static str = "endpoints";

    fn path(&self) -> String {
        format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", self.service.namespace)
    }

    fn selectors(&self) -> (Option<String>, Option<String>) {
        (None, Some(format!("kubernetes.io/service-name={}", self.service.name)))
    }

    fn is_long(&self) -> bool {
        false
    }

    fn version(object: &EndpointSliceObject) -> &str {
        &object.metadata.resource_version
    }

    fn list_begins(&mut self) {
        self.unlisted = Some(self.slices.keys().cloned().collect());
    }

    fn list_ends(&mut self) -> Vec<ServicePods> {
        for name in self.unlisted.take().unwrap_or_default() {
            self.slices.remove(&name);
        }
        self.changed()
    }

    fn apply(&mut self, object: &EndpointSliceObject) -> Vec<ServicePods> {
        let name = &object.metadata.name;
        if let Some(unlisted) = &mut self.unlisted {
            unlisted.remove(name);
        }
        self.slices.insert(name.clone(), endpoints(object));
        self.changed()
    }

    fn delete(&mut self, object: &EndpointSliceObject) -> Vec<ServicePods> {
        self.slices.remove(&object.metadata.name);
        self.changed()
    }

    fn count(&self) -> usize {
        self.slices.values().map(Vec::len).sum()
    }
}

/// Those with an address and a port for datagrams.
fn endpoints(object: &EndpointSliceObject) -> Vec<Endpoint> {
    let mut ports = object.ports.iter();
    let udp = ports.find(|port| port.protocol.as_deref() == Some("UDP"));
    let Some(port) = udp.and_then(|udp| udp.port) else { return Vec::new() };
    let all = object.endpoints.iter().filter_map(|endpoint| {
        let ip: IpAddr = endpoint.addresses.first()?.parse().ok()?;
        Some(Endpoint { addr: SocketAddr::new(ip, port), state: state(endpoint) })
    });
    all.collect()
}

fn state(endpoint: &EndpointObject) -> State {
    let conditions = endpoint.conditions;
    match (conditions.ready, conditions.serving) {
        // Consumers are to take an unknown state for ready.
        (None | Some(true), _) => State::Ready,
        (Some(false), Some(true)) => State::Ending,
        (Some(false), _) => State::NotReady,
    }
}

#[cfg(test)]
mod tests;
