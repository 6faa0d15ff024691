//! What the Kubernetes API has of CoreDNS: whom to probe, and what became of its pods.

use std::net::SocketAddr;

use diagnose::Evidence;

use super::asks::Record;

#[cfg(not(feature = "kubernetes"))]
use crate::cli::EvidenceArgs;

#[cfg(feature = "kubernetes")]
mod api;
#[cfg(feature = "kubernetes")]
pub(super) use api::look;

/// What the API tells of whom there is to probe.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The address of the DNS Service.
    pub(super) service: Option<SocketAddr>,
    /// Its pods, with their names and whether they are ready.
    pub(super) pods: Vec<(SocketAddr, String, bool)>,
    /// To whom they forward.
    pub(super) upstreams: Vec<SocketAddr>,
    /// Names that each pod has, if it follows the API.
    pub(super) names: Vec<Record>,
    /// Those of this node: their names and uids.
    pub(super) here: Vec<(String, String)>,
    /// Whether it was asked and did not tell.
    pub(super) is_away: bool,
    /// What is wrong with the pod of kube-proxy here.
    pub(super) kube_proxy: Option<String>,
}

impl Known {
    /// Gives what was probed the names that the API has.
    pub(super) fn note(self, evidence: &mut Evidence) {
        let servers = [&mut evidence.coredns, &mut evidence.through];
        for server in servers.into_iter().flatten().flatten() {
            let pod = self
                .pods
                .iter()
                .find(|(addr, ..)| Some(*addr) == server.addr);
            if let Some((_, name, ready)) = pod {
                name.clone_into(&mut server.name);
                server.ready = Some(*ready);
            }
        }
        if let Some(kube_proxy) = &mut evidence.kube_proxy {
            kube_proxy.trouble = self.kube_proxy;
        }
    }
}

/// Asks the API, and notes what it has, or why there is nothing.
#[cfg(not(feature = "kubernetes"))]
pub(super) async fn look(args: &EvidenceArgs, evidence: &mut Evidence) -> Known {
    if args.kubeconfig.is_some() {
        let why = "this program was built without the feature `kubernetes`";
        evidence.gaps.push(format!("{PART}: {why}"));
    }
    Known::default()
}

/// What its gaps begin with.
const PART: &str = "the Kubernetes API";
