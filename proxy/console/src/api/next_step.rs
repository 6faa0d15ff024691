//! What to do about a failure: where to look, and a command to paste.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use resolver::Origin;

/// What to check next.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct NextStep {
    /// In a sentence.
    pub check: String,
    /// A command that shows it.
    pub command: String,
}

impl NextStep {
    /// Makes the step for a failure of `name` with this origin at `upstream`.
    pub(super) fn of(origin: Origin, name: &str, upstream: Option<SocketAddr>) -> Self {
        let (name, dig) = (pasted(name), dig(name, upstream));
        let coredns = |what: &str| format!("kubectl -n kube-system {what}");
        if let Some((check, command)) = on_the_way(origin, &dig, upstream) {
            return Self { check: check.to_owned(), command };
        }
        let (check, command) = match origin {
            Origin::Relayed => (
                "Ask the upstream itself; if it fails too, the server behind it is at fault: \
                 look for the name in its log.",
                format!("{dig}; {}", coredns(LOGS)),
            ),
            Origin::ForwardGaveUp => (
                "See which servers CoreDNS forwards to, and whether they answer.",
                coredns("get configmap coredns -o yaml | grep -A3 forward"),
            ),
            Origin::UpstreamError => (
                "Look for the error in the upstream's log; nothing may listen where it forwards to.",
                coredns(LOGS),
            ),
            Origin::NotSynced => (
                "See whether CoreDNS reaches the API server.",
                coredns("logs -l k8s-app=kube-dns --tail=50 | grep -i -e kubernetes -e api"),
            ),
            Origin::UpstreamRefused => (
                "See whether the upstream serves this zone, and its limit of concurrent queries.",
                format!(
                    "{dig}; {}",
                    coredns("get configmap coredns -o yaml | grep max_concurrent")
                ),
            ),
            Origin::NoZone => (
                "See which zones are configured: none holds this name.",
                "fivedots config check FILE".to_owned(),
            ),
            Origin::Loop => (
                "Fix the server that sends the queries back: it must not forward this name to \
                 this proxy.",
                coredns("get configmap coredns -o yaml | grep -A3 forward"),
            ),
            Origin::Limit | Origin::Rate => (
                "See what this client queries so often, and make it cache or ask less.",
                "fivedots top".to_owned(),
            ),
            Origin::Rejected => {
                ("See which messages of this client are malformed.", "fivedots tap".to_owned())
            }
            _ => ("See what failed at first.", format!("fivedots tap --name {name}")),
        };
        Self { check: check.to_owned(), command }
    }
}

/// The step for what goes wrong on the way to an upstream, and back to the client.
fn on_the_way(
    origin: Origin,
    dig: &str,
    upstream: Option<SocketAddr>,
) -> Option<(&'static str, String)> {
    Some(match origin {
        Origin::Timeout => (
            "Ask the upstream from this node. No answer here either: a dead Pod, stale \
                 endpoints, or a firewall that drops.",
            dig.to_owned(),
        ),
        Origin::ConnectRefused => (
            "See whether the DNS Service has endpoints, and whether their Pods are ready.",
            "kubectl -n kube-system get endpointslices,pods -l k8s-app=kube-dns -o wide".to_owned(),
        ),
        Origin::Unreachable => (
            "See by which route the upstream is reached, and whether its host is there.",
            route(upstream),
        ),
        Origin::TcpFailed => (
            "See whether TCP to the upstream is open: large answers need it.",
            format!("{dig} +tcp"),
        ),
        Origin::BadAnswer => {
            ("Look at what the upstream answers; a middlebox may change it.", format!("{dig} +qr"))
        }
        Origin::SendFailed | Origin::Unsent => (CONNTRACK_CHECK, CONNTRACK.to_owned()),
        _ => return None,
    })
}

/// Asks the upstream, as the proxy does.
fn dig(name: &str, upstream: Option<SocketAddr>) -> String {
    let name = pasted(name);
    match upstream {
        Some(addr) => format!("dig @{} -p {} {name} +tries=1", addr.ip(), addr.port()),
        None => format!("dig {name} +tries=1"),
    }
}

fn route(upstream: Option<SocketAddr>) -> String {
    match upstream {
        Some(addr) => format!("ip route get {0}; ip neigh show to {0}; ping -c1 {0}", addr.ip()),
        None => "ip route".to_owned(),
    }
}

/// The name as it may be pasted: clients choose names, and a shell reads more than
/// letters in them.
fn pasted(name: &str) -> &str {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    match name.bytes().all(is_plain) && !name.starts_with('-') {
        true => name,
        false => "NAME",
    }
}

const LOGS: &str = "logs -l k8s-app=kube-dns --tail=50";

const CONNTRACK_CHECK: &str =
    "Compare the conntrack table with its limit, and look for a firewall rule on this node.";

const CONNTRACK: &str = "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max; \
    nft list ruleset | grep -n -e drop -e reject";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_a_step_and_a_command() {
        let upstream = Some("10.0.0.2:53".parse().unwrap());
        for origin in Origin::ALL.iter().filter(|origin| origin.is_failure()) {
            let step = NextStep::of(*origin, "api.example.com.", upstream);
            assert!(step.check.ends_with('.') && !step.command.is_empty(), "{origin:?}");
        }
        let step = NextStep::of(Origin::Timeout, "api.example.com.", upstream);
        assert_eq!(step.command, "dig @10.0.0.2 -p 53 api.example.com. +tries=1");
    }

    #[test]
    fn a_name_cannot_become_a_command() {
        for name in ["a;reboot.", "$(id).", "`id`.", "a b.", "-f.", "a\\032b.", "'x.", "a|b."] {
            let step = NextStep::of(Origin::Timeout, name, None);
            assert_eq!(step.command, "dig NAME +tries=1", "{name}");
        }
    }
}
