//! What `NetworkPolicies` let pods send: whom they select, and which ports they open.
//!
//! The rules are those of `networking.k8s.io/v1`. Policies of a network plugin, which can
//! allow more and deny more, are not read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::object::Metadata;

/// A `NetworkPolicy` that limits what its pods send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EgressPolicy {
    /// Its name.
    pub name: String,
    /// Its namespace, which is that of its pods.
    pub namespace: String,
    /// Its pods.
    pub pods: Selector,
    /// What they may send, by one rule or another; without any, nothing.
    pub rules: Vec<EgressRule>,
}

/// Which labels are selected; all, where it is empty.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Selector {
    /// Labels that have to be there with these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// What has to be true as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

/// One of `matchExpressions`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Requirement {
    /// The name of the label.
    pub key: String,
    /// `operator`.
    pub operator: Operator,
    /// The values; none with the operators about whether there is such a label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// `operator` of a requirement.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Operator {
    /// It has one of the values.
    In,
    /// It has none of the values, or there is no such label.
    NotIn,
    /// There is such a label.
    Exists,
    /// There is none.
    DoesNotExist,
    /// One that a later version of the API has; it selects nothing here.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One of `egress`: each of its ports to each of its destinations.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub struct EgressRule {
    /// Without any, all ports.
    ports: Vec<PolicyPort>,
    /// Without any, all destinations.
    to: Vec<Peer>,
}

/// Whether a rule lets a port out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Opens {
    /// No.
    No,
    /// It lets a port out that has a name: each destination has its own number for it.
    ByName,
    /// Yes.
    Yes,
}

/// To whom a rule lets a port out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Destination {
    /// To each address, of one family at least.
    Anywhere,
    /// To this block, as `CIDR` or `CIDR except CIDR`.
    Block(String),
    /// To pods of the namespaces that are selected.
    Namespaces,
    /// To pods of the policy's own namespace.
    OwnNamespace,
}

impl Api {
    /// Lists the policies at a path that limit what is sent, by name.
    pub(crate) async fn egress_policies(&self, path: &str) -> Result<Vec<EgressPolicy>, String> {
        let mut all = Vec::new();
        self.each(path, None, |object: PolicyObject| all.extend(object.egress()))
            .await?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}

impl Selector {
    /// Says whether these labels are selected.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        let mut wanted = self.match_labels.iter();
        let mut also = self.match_expressions.iter();
        wanted.all(|(key, value)| labels.get(key) == Some(value))
            && also.all(|one| one.is_met(labels))
    }
}

impl Requirement {
    fn is_met(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let is_one = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In => is_one,
            Operator::NotIn => !is_one,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Unknown => false,
        }
    }
}

impl EgressRule {
    /// Says whether it lets out what is sent to this port over `UDP` or `TCP`.
    #[must_use]
    pub fn opens(&self, protocol: &str, port: u16) -> Opens {
        if self.ports.is_empty() {
            return Opens::Yes;
        }
        let each = self.ports.iter().map(|one| one.opens(protocol, port));
        each.max().unwrap_or(Opens::No)
    }

    /// Where that may go.
    #[must_use]
    pub fn destinations(&self) -> Vec<Destination> {
        if self.to.is_empty() {
            return vec![Destination::Anywhere];
        }
        self.to.iter().map(Peer::destination).collect()
    }
}

impl PolicyPort {
    fn opens(&self, protocol: &str, wanted: u16) -> Opens {
        if self.protocol.as_deref().unwrap_or("TCP") != protocol {
            return Opens::No;
        }
        let is_in = |from: u16| (from..=self.end_port.unwrap_or(from)).contains(&wanted);
        match &self.port {
            Some(Port::Name(_)) => Opens::ByName,
            Some(Port::Number(from)) if !is_in(*from) => Opens::No,
            None | Some(Port::Number(_)) => Opens::Yes,
        }
    }
}

impl Peer {
    fn destination(&self) -> Destination {
        match (&self.ip_block, &self.namespace_selector) {
            (Some(block), _) => block.destination(),
            (None, Some(_)) => Destination::Namespaces,
            (None, None) => Destination::OwnNamespace,
        }
    }
}

impl IpBlock {
    fn destination(&self) -> Destination {
        let Self { cidr, except } = self;
        match (cidr.ends_with("/0"), except.is_empty()) {
            (true, true) => Destination::Anywhere,
            (_, true) => Destination::Block(cidr.clone()),
            (_, false) => Destination::Block(format!("{cidr} except {}", except.join(", "))),
        }
    }
}

/// A policy, as the API writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PolicyObject {
    metadata: Metadata,
    spec: PolicySpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PolicySpec {
    pod_selector: Selector,
    policy_types: Vec<String>,
    egress: Vec<EgressRule>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, rename_all = "camelCase")]
struct PolicyPort {
    protocol: Option<String>,
    port: Option<Port>,
    end_port: Option<u16>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Name(String),
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, rename_all = "camelCase")]
struct Peer {
    ip_block: Option<IpBlock>,
    namespace_selector: Option<Selector>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
struct IpBlock {
    cidr: String,
    except: Vec<String>,
}

impl PolicyObject {
    /// Its part about what is sent, if it has one. Without types it has one where it has
    /// rules for that.
    fn egress(self) -> Option<EgressPolicy> {
        let PolicySpec { pod_selector: pods, policy_types: types, egress: rules } = self.spec;
        let has_type = types.iter().any(|one| one == "Egress");
        let is_one = has_type || (types.is_empty() && !rules.is_empty());
        let Metadata { name, namespace, .. } = self.metadata;
        is_one.then_some(EgressPolicy { name, namespace, pods, rules })
    }
}

/// Where they are listed.
pub(crate) const GROUP: &str = "/apis/networking.k8s.io/v1";
pub(crate) const PLURAL: &str = "networkpolicies";

#[cfg(test)]
mod tests;
