//! Whether what a template's pods ask gets out of them, by the `NetworkPolicies` that
//! select them.
//!
//! A query that a policy drops is seen by no DNS server and by nothing on the node. What
//! the API does not have: whether the network enforces policies, policies of its own that
//! allow more, and what address a node-local cache has.

use std::net::IpAddr;

use cluster::{Destination, EgressPolicy, EgressRule, Opens, Policy, Template};
use serde_json::json;

use super::finding::{Advice, Finding, Gravity};

/// What the policies that select a template let out to DNS.
pub(super) struct Egress<'a> {
    /// At least one.
    policies: Vec<&'a EgressPolicy>,
    udp: Reach,
    tcp: Reach,
}

/// Whom a protocol reaches.
#[derive(Default)]
struct Reach {
    anywhere: bool,
    blocks: Vec<String>,
    /// Pods that may be a DNS server.
    pods: bool,
    /// Pods that are none.
    others: bool,
    /// A port that may lead to DNS.
    unsure: bool,
}

impl<'a> Egress<'a> {
    /// Finds the policies of a template; none where it may send anything.
    pub(super) fn of(template: &Template, all: &'a [EgressPolicy]) -> Option<Self> {
        let Template { pod, labels, .. } = template;
        // Policies are for pods with a network of their own.
        if pod.spec.host_network || asks_itself(template) {
            return None;
        }
        let namespace = &pod.metadata.namespace;
        let selects = |one: &&EgressPolicy| one.namespace == *namespace && one.pods.selects(labels);
        let policies: Vec<_> = all.iter().filter(selects).collect();
        let rules = || policies.iter().flat_map(|one| &one.rules);
        let [udp, tcp] = ["UDP", "TCP"].map(|protocol| Reach::of(protocol, rules(), template));
        (!policies.is_empty()).then_some(Self { policies, udp, tcp })
    }

    /// The names of the policies.
    pub(super) fn names(&self) -> Vec<String> {
        self.policies.iter().map(|one| one.name.clone()).collect()
    }

    /// What is found, each with whom it concerns.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let names = self.title();
        let Self { udp, tcp, .. } = self;
        let mut found = Vec::new();
        match (udp.has_some(), tcp.has_some()) {
            (false, _) if udp.unsure => found.push(unsure("UDP", &names)),
            (false, _) => {
                let whom = if udp.others { "to other pods only" } else { "to nobody" };
                let text = format!(
                    "{names} lets UDP 53 out {whom}: no name is found, and no DNS server sees a query"
                );
                found.push(Finding { gravity: Gravity::Risk, ..note("policy_no_dns", text) });
            }
            (true, false) if tcp.unsure => found.push(unsure("TCP", &names)),
            (true, false) => {
                let text = format!(
                    "{names} lets UDP 53 out and no TCP 53: answers that are too long for UDP are \
                     not had; glibc waits two minutes for each where the network drops in silence"
                );
                found.push(Finding { gravity: Gravity::Risk, ..note("policy_no_tcp", text) });
            }
            (true, true) => {}
        }
        found.extend(udp.whom(&names));
        found
    }

    /// What to do about these findings.
    pub(super) fn advice(&self, found: &[Finding]) -> Vec<Advice> {
        let has = |what: &str| found.iter().any(|finding| finding.what == what);
        let mut all = Vec::new();
        if has("policy_no_dns") || has("policy_no_tcp") {
            all.push(Advice {
                action: "Allow port 53 over UDP and TCP, for the same pods.".into(),
                saves: "Names are found, and long answers come over TCP.".into(),
                risk:
                    "Any address can be asked at port 53: narrow it with `to`, and there name the \
                    pods of CoreDNS and the address of a cache on the node."
                        .into(),
                command: self.command(),
            });
        }
        if has("policy_pods_only") {
            all.push(Advice {
                action: "Where a cache answers on the node, add its address to the rule: `- \
                    ipBlock: {cidr: 169.254.20.10/32}`, or the ClusterIP if it has taken that over."
                    .into(),
                saves: "Queries reach the cache with each network plugin.".into(),
                risk: "None: nothing else is at that address.".into(),
                command: None,
            });
        }
        all
    }

    /// A policy beside the first of ours. It has the same selector, since pods that no other
    /// policy limits would be cut off by it from everything but DNS.
    fn command(&self) -> Option<String> {
        let first = self.policies.first()?;
        let EgressPolicy { name, namespace, pods, .. } = first;
        let name: String = format!("allow-dns-{name}").chars().take(NAME).collect();
        // A name that was cut may not end so.
        let name = name.trim_end_matches(['-', '.']);
        let ports = ["UDP", "TCP"].map(|protocol| json!({ "protocol": protocol, "port": 53 }));
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": name, "namespace": namespace },
            "spec": { "podSelector": pods, "policyTypes": ["Egress"], "egress": [{ "ports": ports }] },
        });
        Some(format!("echo '{policy}' | kubectl apply -f -"))
    }

    fn title(&self) -> String {
        let mut names: Vec<_> = self.policies.iter().map(|one| &*one.name).collect();
        let more = names.len().saturating_sub(FEW);
        names.truncate(FEW);
        let names = names.join(" + ");
        match more {
            0 => format!("NetworkPolicy {names}"),
            more => format!("NetworkPolicy {names} + {more} more"),
        }
    }
}

impl Reach {
    fn of<'a>(
        protocol: &str,
        rules: impl Iterator<Item = &'a EgressRule>,
        template: &Template,
    ) -> Self {
        let mut reach = Self::default();
        let (pods, own) = may_be_dns(template);
        for rule in rules {
            let opens = rule.opens(protocol, DNS);
            let elsewhere = rule.opens(protocol, OPENSHIFT);
            for to in rule.destinations() {
                let is_dns = match to {
                    Destination::Namespaces => pods,
                    Destination::OwnNamespace => own,
                    Destination::Anywhere | Destination::Block(_) => true,
                };
                match (opens, to) {
                    (Opens::Yes, _) if !is_dns => reach.others = true,
                    (Opens::Yes, Destination::Anywhere) => reach.anywhere = true,
                    (Opens::Yes, Destination::Block(block)) => reach.blocks.push(block),
                    (Opens::Yes, _) => reach.pods = true,
                    (Opens::ByName, _) => reach.unsure |= is_dns,
                    (Opens::No, _) => reach.unsure |= is_dns && elsewhere == Opens::Yes,
                }
            }
        }
        reach
    }

    fn has_some(&self) -> bool {
        self.anywhere || self.pods || !self.blocks.is_empty()
    }

    /// What cannot be told of those that it reaches.
    fn whom(&self, names: &str) -> Option<Finding> {
        let Self { anywhere, blocks, pods, .. } = self;
        match (pods, &**blocks) {
            _ if *anywhere => None,
            (true, []) => Some(note(
                "policy_pods_only",
                format!(
                    "{names} lets port 53 out to pods only: a cache on the node is no pod for some \
                     network plugins, and then gets no query"
                ),
            )),
            (false, [first, ..]) => {
                let more = blocks.len() - 1;
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                Some(note(
                    "policy_blocks_only",
                    format!(
                        "{names} lets port 53 out to {first}{more} only: is the DNS server of the \
                         pods in there?"
                    ),
                ))
            }
            _ => None,
        }
    }
}

/// Whether pods of other namespaces, and pods of its own, may be whom a template asks.
fn may_be_dns(template: &Template) -> (bool, bool) {
    let pod = &template.pod;
    match Policy::of(pod) {
        Policy::ClusterFirst => (true, pod.metadata.namespace == COREDNS),
        // The servers of the node, which are no pods.
        Policy::Default => (false, false),
        Policy::None => (true, true),
    }
}

/// Whether all its nameservers are in the pod, as with a sidecar.
fn asks_itself(template: &Template) -> bool {
    let config = template.pod.spec.dns_config.as_ref();
    let servers = config.map_or(&[][..], |config| &config.nameservers);
    let is_own = |server: &String| server.parse().is_ok_and(|addr: IpAddr| addr.is_loopback());
    let is_none = Policy::of(&template.pod) == Policy::None;
    is_none && !servers.is_empty() && servers.iter().all(is_own)
}

fn unsure(protocol: &str, names: &str) -> Finding {
    let text = format!(
        "{names} lets {protocol} out by the name of a port, or to 5353: the pods behind the DNS \
         Service decide whether that is theirs"
    );
    note("policy_port_unsure", text)
}

fn note(what: &'static str, text: String) -> Finding {
    Finding { what, gravity: Gravity::Note, musl: false, text }
}

/// Where DNS is asked, and where the pods of `OpenShift` listen behind it; a policy is
/// mostly applied to the port of the pod.
const DNS: u16 = 53;
const OPENSHIFT: u16 = 5353;

/// Where CoreDNS is, but in `OpenShift`.
const COREDNS: &str = "kube-system";

/// Policies that are named.
const FEW: usize = 3;

/// Octets of a name of an object: the API takes no longer one.
const NAME: usize = 253;

#[cfg(test)]
mod tests;
