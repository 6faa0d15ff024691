//! How far a cause reaches: what peers found.

use crate::cause::Cause;
use crate::evidence::{Evidence, Peer, Server};
use crate::finding::Scope;

impl Evidence {
    /// The scope of a cause that this node has, by how many of the others have it.
    pub(crate) fn scope_of(&self, cause: Cause) -> Scope {
        self.scope_where(|peer| peer.causes.iter().any(|label| label == cause.label()))
    }

    /// The same for what a peer has that is `alike`.
    pub(crate) fn scope_where(&self, alike: impl Fn(&Peer) -> bool) -> Scope {
        let Some(peers) = self.peers.as_ref().filter(|peers| !peers.is_empty()) else {
            return Scope::NodeOrCluster;
        };
        let with = peers.iter().filter(|peer| alike(peer)).count();
        match with {
            0 => Scope::Node,
            _ if with * 2 >= peers.len() => Scope::Cluster,
            _ => Scope::SeveralNodes,
        }
    }

    /// Whether another node has this cause.
    pub(crate) fn is_at_peers(&self, cause: Cause) -> bool {
        matches!(self.scope_of(cause), Scope::Cluster | Scope::SeveralNodes)
    }

    /// How many nodes none of these servers answers.
    pub(crate) fn scope_of_silence(&self, servers: &[&Server]) -> Scope {
        let addrs: Vec<_> = servers.iter().filter_map(|server| server.addr).collect();
        self.scope_where(|peer| {
            !addrs.is_empty() && addrs.iter().all(|addr| peer.dead.contains(&addr.ip()))
        })
    }
}
