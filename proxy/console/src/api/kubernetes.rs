//! What is known of the pods of the node.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use observe::{Client, Observer, Window};

/// State of the watch that maps addresses to pods.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KubernetesView {
    /// `starting`, `watching` or `away`.
    pub state: String,
    /// Seconds in this state.
    pub since_s: u64,
    /// The last error, if there is one.
    pub error: Option<String>,
    /// Addresses with a known pod or node.
    pub addresses: usize,
    /// Nodes that seem to masquerade pods: the source addresses of their queries
    /// are replaced on the way.
    pub masqueraded: Vec<IpAddr>,
}

impl KubernetesView {
    pub(super) fn of(observer: &Observer) -> Option<Self> {
        let watch = observer.watch()?;
        Some(Self {
            state: watch.state.label().to_owned(),
            since_s: observer.now().saturating_since(watch.since).as_secs(),
            error: watch.error.clone(),
            addresses: observer.names().len(),
            masqueraded: masqueraded(observer),
        })
    }
}

/// Nodes that send many queries from many ports, while none of several pods sends
/// any. One query from a pod shows that addresses are not replaced.
fn masqueraded(observer: &Observer) -> Vec<IpAddr> {
    let is_pod = |client: &Client| client.identity().is_some_and(|who| who.pod.is_some());
    let mut pods = observer.names().iter().filter(|(_, who)| who.pod.is_some());
    let a_pod_asked = observer.clients().iter().any(|(_, client)| is_pod(client))
        || observer
            .workloads()
            .iter()
            .any(|(workload, _)| !workload.namespace.is_empty());
    if a_pod_asked || pods.nth(SEVERAL_PODS - 1).is_none() {
        return Vec::new();
    }
    let asks_a_lot = |client: &Client| {
        let [queries, ..] = client.counters().sum(Window::Start);
        client.identity().is_some() && queries >= A_LOT && client.port_classes() >= MANY_PORTS
    };
    let mut hiding: Vec<_> = observer
        .clients()
        .iter()
        .filter(|(_, client)| asks_a_lot(client))
        .map(|(addr, _)| *addr)
        .collect();
    hiding.sort_unstable();
    hiding
}

/// One or two pods may well not look anything up.
const SEVERAL_PODS: usize = 3;

/// More than a node's own programs look up in a while.
const A_LOT: u64 = 100;

/// Half of the classes of ports.
const MANY_PORTS: u32 = 32;
