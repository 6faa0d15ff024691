//! A template and what is found of it.

use cluster::{EgressPolicy, Kubelet, Template};
use serde::Serialize;

use super::advice;
use super::finding::{Advice, Finding, Gravity};
use super::policies::Egress;
use super::rules;
use super::written::Written;

/// A pod template.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The worst of its findings.
    pub worst: Gravity,
    /// Its namespace.
    pub namespace: String,
    /// The kind of its owner, as `Deployment`; `Pod` where nothing makes it.
    pub kind: String,
    /// The name of its owner.
    pub name: String,
    /// What makes that object, as `KIND NAME`, and would undo a change of it.
    pub made_by: Option<String>,
    /// Pods that are wanted of it; 0 of a `CronJob`.
    pub pods: u32,
    /// `dnsPolicy`, as the API has it.
    pub dns_policy: String,
    /// The ndots that glibc reads.
    pub ndots: u8,
    /// Domains of the search list, without those of the node unless they were given.
    pub search_domains: usize,
    /// Octets of the search list.
    pub search_octets: usize,
    /// Its options, as they are written.
    pub options: Vec<String>,
    /// Images whose names hint at musl, which is no proof.
    pub musl_hints: Vec<String>,
    /// The `NetworkPolicies` that limit what its pods send.
    pub egress_policies: Vec<String>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What to do.
    pub advice: Vec<Advice>,
}

impl Row {
    /// Judges a template, where the kubelet is set up so and these policies are in force.
    #[must_use]
    pub fn of(template: &Template, kubelet: &Kubelet, policies: &[EgressPolicy]) -> Self {
        let written = Written::of(template, kubelet);
        let egress = Egress::of(template, policies);
        let findings = rules::findings(template, &written, egress.as_ref());
        let mut advice = egress
            .as_ref()
            .map_or_else(Vec::new, |egress| egress.advice(&findings));
        advice.extend(advice::advice(template, &written, &findings));
        let Template { owner, made_by, pods, pod, images, .. } = template;
        let policy = pod.spec.dns_policy.as_deref();
        Self {
            worst: findings
                .first()
                .map_or(Gravity::Fine, |finding| finding.gravity),
            namespace: pod.metadata.namespace.clone(),
            kind: owner.kind.clone(),
            name: owner.name.clone(),
            made_by: made_by
                .as_ref()
                .map(|by| format!("{} {}", by.kind, by.name)),
            pods: *pods,
            dns_policy: policy.unwrap_or("ClusterFirst").to_owned(),
            ndots: written.ndots(),
            search_domains: written.search.len(),
            search_octets: written.search_octets(),
            advice,
            options: written.options,
            musl_hints: rules::hints(images),
            egress_policies: egress.map_or_else(Vec::new, |egress| egress.names()),
            findings,
        }
    }

    /// `NAMESPACE/KIND/NAME`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.kind, self.name)
    }
}

#[cfg(test)]
mod tests;
