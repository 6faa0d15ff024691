//! What the trouble of another node explains of what failed here.

use std::borrow::Cow;

use crate::cause::Cause;
use crate::evidence::{CorednsPod, Evidence, Server};
use crate::sample::Tries;

impl Evidence {
    /// The same without the probes that failed at a node whose connection table is full: its
    /// pods are silent for all, and the cause has its name there. What was left out is a gap.
    pub(crate) fn without_what_fails_elsewhere(&self) -> Cow<'_, Self> {
        let nodes: Vec<_> = self.full_nodes().collect();
        if nodes.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut rest = self.clone();
        let fails = |server: &Server| self.is_on(server, &nodes) && !server.udp.is_well();
        for servers in [&mut rest.coredns, &mut rest.through].into_iter().flatten() {
            servers.retain(|server| !fails(server));
        }
        // Some of its flows end there.
        if let Some(service) = rest
            .service
            .as_mut()
            .filter(|service| !service.udp.is_well())
        {
            (service.udp, service.tcp) = (Tries::default(), Tries::default());
        }
        for node in nodes {
            rest.gaps.push(format!(
                "probes of the CoreDNS pods of {node}: its connection table is full"
            ));
        }
        Cow::Owned(rest)
    }

    /// Other nodes that have pods of CoreDNS, and a full connection table.
    fn full_nodes(&self) -> impl Iterator<Item = &str> {
        let full = |label: &String| label == Cause::ConntrackFull.label();
        let peers = self.peers.iter().flatten();
        let peers = peers.filter(move |peer| peer.causes.iter().any(full));
        let nodes = peers.map(|peer| peer.node.as_str());
        nodes.filter(|node| self.pods().any(|pod| pod.node == *node))
    }

    fn is_on(&self, server: &Server, nodes: &[&str]) -> bool {
        let Some(addr) = server.addr.map(|addr| addr.ip()) else { return false };
        let mut pods = self.pods();
        let pod = pods.find(|pod| pod.ip == Some(addr) || pod.ips.contains(&addr));
        pod.is_some_and(|pod| nodes.contains(&&*pod.node))
    }

    fn pods(&self) -> impl Iterator<Item = &CorednsPod> {
        self.cluster.iter().flat_map(|cluster| &cluster.pods)
    }
}
