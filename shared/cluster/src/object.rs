//! What is read of a pod: of its metadata, its status, and the part of its spec
//! that says how it looks names up; and of the endpoints of a Service.
//!
//! Of the ten kilobytes that a pod is these few fields are kept; the rest, most
//! of it `managedFields`, is passed over while it is parsed.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer};

/// A pod, as the API writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodObject {
    /// `metadata`.
    pub metadata: Metadata,
    /// `spec`.
    pub spec: Spec,
    /// `status`.
    pub status: Status,
}

/// `metadata`, with as much of its labels as `L` has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata<L = Labels> {
    /// `name`.
    pub name: String,
    /// `namespace`.
    pub namespace: String,
    /// `uid`.
    pub uid: String,
    /// `resourceVersion`.
    pub resource_version: String,
    /// `creationTimestamp`, as RFC 3339.
    pub creation_timestamp: Option<String>,
    /// `labels`.
    pub labels: L,
    /// `ownerReferences`.
    pub owner_references: Vec<OwnerReference>,
}

/// The labels that say who made it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// What a Deployment adds to the name of its `ReplicaSet`.
    #[serde(rename = "pod-template-hash")]
    pub pod_template_hash: Option<String>,
}

/// One of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OwnerReference {
    /// `kind`.
    pub kind: String,
    /// `name`.
    pub name: String,
    /// `controller`: one owner at most has it.
    pub controller: bool,
}

/// `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    /// `nodeName`; empty before it is scheduled.
    pub node_name: String,
    /// `hostNetwork`.
    pub host_network: bool,
    /// `dnsPolicy`.
    pub dns_policy: Option<String>,
    /// `dnsConfig`.
    pub dns_config: Option<DnsConfig>,
}

/// `spec.dnsConfig`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DnsConfig {
    /// `nameservers`.
    pub nameservers: Vec<String>,
    /// `searches`.
    pub searches: Vec<String>,
    /// `options`.
    pub options: Vec<DnsOption>,
}

/// One of `spec.dnsConfig.options`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub struct DnsOption {
    /// `name`.
    pub name: String,
    /// `value`.
    pub value: Option<String>,
}

/// `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    /// `phase`.
    pub phase: String,
    /// `startTime`, as RFC 3339: when the kubelet took it on.
    pub start_time: Option<String>,
    /// `podIP`.
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    /// `podIPs`.
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<Address>,
    /// `hostIP`.
    #[serde(rename = "hostIP")]
    pub host_ip: Option<String>,
    /// `hostIPs`.
    #[serde(rename = "hostIPs")]
    pub host_ips: Vec<Address>,
}

/// One of `status.podIPs` or `status.hostIPs`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Address {
    /// `ip`.
    pub ip: String,
}

/// A page of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub struct List<T> {
    /// `metadata`.
    #[serde(default)]
    pub metadata: ListMetadata,
    /// `items`; the API writes null where there are none.
    #[serde(default = "Vec::new", deserialize_with = "or_none")]
    pub items: Vec<T>,
}

/// `metadata` of a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ListMetadata {
    /// `resourceVersion`: what a watch goes on from.
    pub resource_version: String,
    /// `continue`: empty on the last page.
    #[serde(rename = "continue")]
    pub next: String,
}

/// An `EndpointSlice` of `discovery.k8s.io/v1`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EndpointSliceObject {
    /// `metadata`.
    pub metadata: Metadata,
    /// `endpoints`; null where there are none.
    #[serde(deserialize_with = "or_none")]
    pub endpoints: Vec<EndpointObject>,
    /// `ports`; null where there are none.
    #[serde(deserialize_with = "or_none")]
    pub ports: Vec<PortObject>,
}

/// One of `endpoints`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointObject {
    /// `addresses`; all are the same pod's.
    pub addresses: Vec<String>,
    /// `conditions`.
    pub conditions: Conditions,
}

/// `conditions` of an endpoint.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// `ready`: none means that it is.
    pub ready: Option<bool>,
    /// `serving`: as `ready`, but also while the pod ends.
    pub serving: Option<bool>,
}

/// One of `ports`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PortObject {
    /// `port`; none stands for all.
    pub port: Option<u16>,
    /// `protocol`: TCP where it is none.
    pub protocol: Option<String>,
}

/// Reads null as an empty list.
fn or_none<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// One address and a list that mostly begins with it; what is none is left out.
pub(crate) fn addrs(one: Option<&String>, all: &[Address]) -> Vec<IpAddr> {
    let texts = one.into_iter().chain(all.iter().map(|addr| &addr.ip));
    let mut addrs: Vec<IpAddr> = Vec::new();
    for addr in texts.filter_map(|text| text.parse().ok()) {
        if !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    addrs
}
