//! CoreDNS that forwards to itself by a loopback address, as where the kubelet gives it the
//! stub of systemd-resolved. Its `loop` plugin ends it before a probe can see the loop.

use std::net::{IpAddr, SocketAddr};

use crate::cause::Cause;
use crate::evidence::Evidence;
use crate::finding::{Finding, Scope, found};
use crate::reading::{ends, probed};
use crate::rules::coredns::{crashes, what_happened};
use crate::rules::upstream::all_fail;

/// Finds it where CoreDNS crashes, or names outside fail.
pub(super) fn forwards(evidence: &Evidence) -> Option<Finding> {
    let cluster = evidence.cluster.as_ref()?;
    let own = cluster.forwards_to.iter().find(|to| is_loopback(to))?;
    // On the network of its node it is another process there.
    let is_apart = !cluster.pods.iter().any(|pod| pod.host_network);
    let crashed = cluster.pods.iter().find(|pod| crashes(pod));
    let through = probed(evidence.through.as_ref());
    let failed = through.first().filter(|_| all_fail(&through));
    if cluster.pods.is_empty() || !is_apart || (crashed.is_none() && failed.is_none()) {
        return None;
    }
    let mut finding = found(Cause::Loop, Scope::Cluster)
        .culprit(Some(format!("CoreDNS -> {own} -> CoreDNS")))
        .because(format!(
            "CoreDNS forwards to {own}: in the network namespace of a pod that is itself"
        ));
    if let Some(pod) = crashed {
        finding = finding.because(what_happened(pod));
    }
    if let Some(pod) = failed {
        finding =
            finding.because(format!("names outside through {}: {}", pod.name, ends(&pod.udp)));
    }
    finding.fix.action = ACTION.to_owned();
    finding.fix.commands.insert(0, COMMAND.to_owned());
    Some(finding.otherwise("a server at an address outside of the pod is no loop"))
}

fn is_loopback(server: &str) -> bool {
    let addr = server.parse().map(|addr: SocketAddr| addr.ip());
    addr.or_else(|_| server.parse())
        .is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// systemd-resolved listens at 127.0.0.53, and writes the servers behind it to a file of
/// their own (systemd-resolved(8)); kubeadm sets `resolvConf` to that.
const ACTION: &str = "Let the kubelet give its pods the servers behind the node's own resolver, or let \
    CoreDNS forward to a server outside of its pod.";

const COMMAND: &str = "grep resolvConf /var/lib/kubelet/config.yaml   # on each node: /run/systemd/resolve/resolv.conf; then restart the kubelet";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Cluster, CorednsPod, Server};
    use crate::sample::Tries;

    fn evidence(to: &str, pod: CorednsPod, lost: u32) -> Evidence {
        let rcodes = [("NXDOMAIN".to_owned(), 5 - lost)].into();
        let udp = Tries { sent: 5, rcodes, timeouts: lost, ..Tries::default() };
        Evidence {
            through: Some(vec![Server { udp, ..Server::default() }]),
            cluster: Some(Cluster {
                pods: vec![pod],
                forwards_to: vec!["192.0.2.1:53".to_owned(), to.to_owned()],
                ..Cluster::default()
            }),
            ..Evidence::default()
        }
    }

    #[test]
    fn a_pod_that_forwards_to_a_loopback_address_is_a_loop() {
        let well = CorednsPod::default;
        let crashed = || CorednsPod {
            ended: Some("exit code 1".to_owned()),
            waits: Some("CrashLoopBackOff".to_owned()),
            ..CorednsPod::default()
        };
        let is_found = |to, pod, lost| forwards(&evidence(to, pod, lost)).is_some();
        for to in ["127.0.0.53:53", "127.0.0.1:53", "[::1]:53", "127.0.0.53"] {
            assert!(is_found(to, well(), 5), "{to}");
            assert!(is_found(to, crashed(), 0), "{to}");
            // Nothing fails: `forward` may have a port at which another container listens.
            assert!(!is_found(to, well(), 0), "{to}");
        }
        assert!(!is_found("192.0.2.2:53", crashed(), 5));
        let of_node = CorednsPod { host_network: true, ..crashed() };
        assert!(!is_found("127.0.0.53:53", of_node, 5));
        let finding = forwards(&evidence("127.0.0.53:53", crashed(), 5)).unwrap();
        assert_eq!((finding.cause, finding.evidence.len()), (Cause::Loop, 3));
        assert!(finding.fix.commands[0].contains("resolvConf"));
    }
}
