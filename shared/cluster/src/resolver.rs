//! What the kubelet writes into the resolv.conf of a pod.

use crate::object::{DnsOption, PodObject};

/// The kubelet's own resolver configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kubelet {
    /// `clusterDomain`, without a dot at the end.
    pub cluster_domain: String,
    /// The search list of the node's own resolv.conf (`resolvConf`).
    pub search: Vec<String>,
    /// The ndots of that file, if it has one.
    pub ndots: Option<u8>,
}

/// The search list of a pod, and from how many dots on it is not used first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resolver {
    /// The domains in order, as they are written.
    pub search: Vec<String>,
    /// Its ndots, 0 to 15.
    pub ndots: u8,
}

impl Resolver {
    /// Follows the kubelet (`pkg/kubelet/network/dns`, `GetPodDNS`).
    pub fn of(pod: &PodObject, kubelet: &Kubelet) -> Self {
        let (mut search, mut ndots) = match Policy::of(pod) {
            Policy::ClusterFirst => {
                let (namespace, domain) = (&pod.metadata.namespace, &kubelet.cluster_domain);
                let cluster =
                    [format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
                let search = cluster
                    .into_iter()
                    .chain(kubelet.search.iter().cloned())
                    .collect();
                (search, CLUSTER_FIRST)
            }
            Policy::Default => (kubelet.search.clone(), kubelet.ndots.unwrap_or(LIBC)),
            Policy::None => (Vec::new(), LIBC),
        };
        if let Some(config) = &pod.spec.dns_config {
            search.extend(config.searches.iter().cloned());
            let mut written = config.options.iter().rev();
            if let Some(option) = written.find(|option| option.name == "ndots") {
                ndots = ndots_of(option);
            }
        }
        let mut unique = Vec::with_capacity(search.len());
        for domain in search {
            let domain = domain.trim_end_matches('.').to_owned();
            // The root among the domains asks for the name as it is.
            if !domain.is_empty() && !unique.contains(&domain) {
                unique.push(domain);
            }
        }
        Self { search: unique, ndots: ndots.min(MOST) }
    }
}

/// From where a pod has its search list and its nameservers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Policy {
    /// The cluster's, then the search list of the node.
    ClusterFirst,
    /// The node's.
    Default,
    /// The pod's own and no other.
    None,
}

impl Policy {
    /// Reads the policy of a pod. `ClusterFirst` on the host network is what `Default` is
    /// elsewhere.
    pub fn of(pod: &PodObject) -> Self {
        match pod.spec.dns_policy.as_deref() {
            Some("None") => Self::None,
            Some("Default") => Self::Default,
            Some("ClusterFirstWithHostNet") => Self::ClusterFirst,
            _ if pod.spec.host_network => Self::Default,
            _ => Self::ClusterFirst,
        }
    }
}

/// The kubelet writes `ndots` without a value as it is, in the place of its own `ndots:5`;
/// no library reads that.
fn ndots_of(option: &DnsOption) -> u8 {
    let value = option.value.as_deref();
    value.and_then(|value| value.parse().ok()).unwrap_or(LIBC)
}

/// `defaultDNSOptions` of the kubelet.
const CLUSTER_FIRST: u8 = 5;

/// resolv.conf(5): the default, and what `ndots` is capped to.
const LIBC: u8 = 1;
const MOST: u8 = 15;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resolver(spec: &Value) -> (String, u8) {
        let pod = json!({ "metadata": { "namespace": "shop" }, "spec": spec });
        let kubelet = Kubelet {
            cluster_domain: "cluster.local".to_owned(),
            search: vec!["corp.example".to_owned()],
            ndots: None,
        };
        let resolver = Resolver::of(&serde_json::from_value(pod).unwrap(), &kubelet);
        (resolver.search.join(" "), resolver.ndots)
    }

    const CLUSTER: &str = "shop.svc.cluster.local svc.cluster.local cluster.local corp.example";

    #[test]
    fn the_policy_says_what_is_searched() {
        for (spec, search, ndots) in [
            (json!({}), CLUSTER, 5),
            (json!({ "dnsPolicy": "ClusterFirst" }), CLUSTER, 5),
            (json!({ "dnsPolicy": "ClusterFirst", "hostNetwork": true }), "corp.example", 1),
            (json!({ "dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true }), CLUSTER, 5),
            (json!({ "dnsPolicy": "Default" }), "corp.example", 1),
            (json!({ "dnsPolicy": "None" }), "", 1),
        ] {
            assert_eq!(resolver(&spec), (search.to_owned(), ndots), "{spec}");
        }
    }

    #[test]
    fn the_config_of_the_pod_comes_on_top() {
        let options = |options: Value| json!({ "dnsConfig": { "options": options } });
        for (spec, ndots) in [
            (options(json!([{ "name": "ndots", "value": "2" }])), 2),
            (options(json!([{ "name": "ndots", "value": "2" }, { "name": "edns0" }])), 2),
            (options(json!([{ "name": "ndots" }])), 1),
            (options(json!([{ "name": "ndots", "value": "99" }])), 15),
            (options(json!([{ "name": "timeout", "value": "1" }])), 5),
        ] {
            assert_eq!(resolver(&spec), (CLUSTER.to_owned(), ndots), "{spec}");
        }
        let searches = json!({
            "dnsPolicy": "None",
            "dnsConfig": { "searches": ["a.example.", "b.example", "a.example", "."] },
        });
        assert_eq!(resolver(&searches), ("a.example b.example".to_owned(), 1));
    }
}
