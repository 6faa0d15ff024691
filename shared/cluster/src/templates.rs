//! The pod templates of a cluster: what each workload makes its pods from.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::api::Api;
use crate::object::{DnsConfig, Labels, Metadata, PodObject, Spec};
use crate::owner::Owner;
use crate::policies::{self, EgressPolicy};

/// A pod template, or a pod that nothing makes.
#[derive(Clone, Debug)]
pub struct Template {
    /// Whose it is; a custom resource that makes pods is one as well.
    pub owner: Owner,
    /// What makes that object, and would undo a change of it: a `Deployment` of an operator.
    pub made_by: Option<Owner>,
    /// Pods that are wanted of it; 0 of a `CronJob`.
    pub pods: u32,
    /// What it makes: its namespace and the part of its spec that is about names.
    pub pod: PodObject,
    /// The images of its containers, each once, those that only begin it included.
    pub images: Vec<String>,
    /// The labels of the pods that it makes, without those that a controller adds.
    pub labels: BTreeMap<String, String>,
}

/// All templates, and what could not be listed.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    /// By kind, then as the API lists them.
    pub all: Vec<Template>,
    /// What limits the pods of these namespaces in what they send, by name.
    pub policies: Vec<EgressPolicy>,
    /// The kinds that could not be listed, and why.
    pub gaps: Vec<String>,
    /// Kinds with templates that were listed.
    pub listed: usize,
}

impl Api {
    /// Reads the templates of a namespace, or of all. Of pods it keeps those whose template
    /// is not listed elsewhere.
    pub async fn templates(&self, namespace: Option<&str>) -> Templates {
        let mut found = Templates::default();
        for kind in KINDS {
            let mut all = Vec::new();
            let take = |object: WorkloadObject| all.extend(object.template(kind));
            let path = path(kind.group, kind.plural, namespace);
            let listed = self.each(&path, None, take).await;
            found.note(kind.plural, listed, all);
        }
        let (mut all, mut seen) = (Vec::new(), HashSet::new());
        let take = |object: BarePod| {
            if matches!(&*object.status.phase, "Succeeded" | "Failed") {
                return;
            }
            let template = object.template();
            // One for each custom resource, not for each of its pods.
            let key = (template.pod.metadata.namespace.clone(), template.owner.clone());
            if !KINDS.iter().any(|kind| kind.kind == template.owner.kind) && seen.insert(key) {
                all.push(template);
            }
        };
        let listed = self
            .each(&path("/api/v1", "pods", namespace), None, take)
            .await;
        found.note("pods", listed, all);
        match self
            .egress_policies(&path(policies::GROUP, policies::PLURAL, namespace))
            .await
        {
            Ok(policies) => found.policies = policies,
            Err(error) => found.gaps.push(format!("{}: {error}", policies::PLURAL)),
        }
        found
    }
}

impl Templates {
    fn note(&mut self, what: &str, listed: Result<(), String>, templates: Vec<Template>) {
        self.all.extend(templates);
        match listed {
            Ok(()) => self.listed += 1,
            Err(error) => self.gaps.push(format!("{what}: {error}")),
        }
    }
}

/// A kind of object with a template.
#[derive(Clone, Copy)]
struct Kind {
    kind: &'static str,
    group: &'static str,
    plural: &'static str,
    /// The kind that makes it, and is listed itself.
    of: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind { kind: "Deployment", group: APPS, plural: "deployments", of: "" },
    Kind { kind: "StatefulSet", group: APPS, plural: "statefulsets", of: "" },
    Kind { kind: "DaemonSet", group: APPS, plural: "daemonsets", of: "" },
    Kind { kind: "CronJob", group: BATCH, plural: "cronjobs", of: "" },
    Kind { kind: "Job", group: BATCH, plural: "jobs", of: "CronJob" },
];

const APPS: &str = "/apis/apps/v1";
const BATCH: &str = "/apis/batch/v1";

fn path(group: &str, plural: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("{group}/namespaces/{namespace}/{plural}"),
        None => format!("{group}/{plural}"),
    }
}

/// An object with a template, with what is read of it here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WorkloadObject {
    metadata: Metadata,
    spec: WorkloadSpec,
    status: WorkloadStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WorkloadSpec {
    replicas: Option<u32>,
    parallelism: Option<u32>,
    template: TemplateObject,
    job_template: Option<JobTemplate>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WorkloadStatus {
    desired_number_scheduled: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct JobTemplate {
    spec: JobSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct JobSpec {
    template: TemplateObject,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateObject {
    metadata: TemplateMetadata,
    spec: TemplateSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata {
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TemplateSpec {
    host_network: bool,
    dns_policy: Option<String>,
    dns_config: Option<DnsConfig>,
    containers: Vec<ContainerObject>,
    init_containers: Vec<ContainerObject>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerObject {
    image: String,
}

/// A pod, with its containers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct BarePod {
    metadata: Metadata<BTreeMap<String, String>>,
    spec: TemplateSpec,
    status: Phase,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Phase {
    phase: String,
}

impl WorkloadObject {
    /// Its template, unless the object is one of many that another one makes.
    fn template(self, kind: Kind) -> Option<Template> {
        let made_by = controller(&self.metadata);
        if made_by.as_ref().is_some_and(|owner| owner.kind == kind.of) {
            return None;
        }
        let WorkloadSpec { replicas, parallelism, template, job_template } = self.spec;
        let (made, pods) = match job_template {
            Some(job) => (job.spec.template, 0),
            None => {
                let wanted = self.status.desired_number_scheduled.or(replicas);
                (template, wanted.or(parallelism).unwrap_or(1))
            }
        };
        let owner = Owner { kind: kind.kind.to_owned(), name: self.metadata.name.clone() };
        let found = made.spec.of(owner, pods, self.metadata);
        Some(Template { made_by, labels: made.metadata.labels, ..found })
    }
}

impl BarePod {
    fn template(self) -> Template {
        let (metadata, labels) = known(self.metadata);
        let pod = PodObject { metadata, ..PodObject::default() };
        let owner = Owner::of(&pod);
        Template { labels, ..self.spec.of(owner, 1, pod.metadata) }
    }
}

impl TemplateSpec {
    fn of(self, owner: Owner, pods: u32, metadata: Metadata) -> Template {
        let Self { host_network, dns_policy, dns_config, containers, init_containers } = self;
        let mut images: Vec<String> = Vec::new();
        for container in init_containers.into_iter().chain(containers) {
            if !images.contains(&container.image) {
                images.push(container.image);
            }
        }
        let spec = Spec { host_network, dns_policy, dns_config, ..Spec::default() };
        let pod = PodObject { metadata, spec, ..PodObject::default() };
        Template { owner, made_by: None, pods, pod, images, labels: BTreeMap::new() }
    }
}

/// The metadata with the labels that say who made a pod, and all of its labels.
fn known(metadata: Metadata<BTreeMap<String, String>>) -> (Metadata, BTreeMap<String, String>) {
    let Metadata { name, namespace, uid, resource_version, .. } = metadata;
    let Metadata { creation_timestamp, owner_references, labels, .. } = metadata;
    let pod_template_hash = labels.get("pod-template-hash").cloned();
    let known = Metadata {
        name,
        namespace,
        uid,
        resource_version,
        creation_timestamp,
        labels: Labels { pod_template_hash },
        owner_references,
    };
    (known, labels)
}

/// What makes an object.
fn controller(metadata: &Metadata) -> Option<Owner> {
    let mut owners = metadata.owner_references.iter();
    let owner = owners.find(|owner| owner.controller)?;
    Some(Owner { kind: owner.kind.clone(), name: owner.name.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn template(kind: &str, object: Value) -> Option<Template> {
        let kind = KINDS.into_iter().find(|one| one.kind == kind).unwrap();
        serde_json::from_value::<WorkloadObject>(object)
            .unwrap()
            .template(kind)
    }

    #[test]
    fn each_kind_has_its_template_where_it_has_it() {
        let spec = json!({ "spec": {
            "dnsPolicy": "None",
            "initContainers": [{ "image": "a" }],
            "containers": [{ "image": "b" }, { "image": "a" }],
        } });
        let metadata = json!({ "name": "web", "namespace": "shop" });
        let of = |kind: &str, spec: Value, status: Value| {
            let object = json!({ "metadata": metadata, "spec": spec, "status": status });
            let found = template(kind, object).unwrap();
            assert_eq!(found.pod.spec.dns_policy.as_deref(), Some("None"), "{kind}");
            assert_eq!((&*found.owner.kind, &*found.owner.name), (kind, "web"));
            assert_eq!(found.images, ["a", "b"]);
            found.pods
        };
        let none = json!({});
        let template = json!({ "template": spec });
        assert_eq!(of("Deployment", json!({ "replicas": 3, "template": spec }), none.clone()), 3);
        assert_eq!(of("StatefulSet", template.clone(), none.clone()), 1);
        assert_eq!(of("DaemonSet", template, json!({ "desiredNumberScheduled": 7 })), 7);
        assert_eq!(of("Job", json!({ "parallelism": 2, "template": spec }), none.clone()), 2);
        let job = json!({ "jobTemplate": { "spec": { "template": spec } } });
        assert_eq!(of("CronJob", job, none), 0);
    }

    #[test]
    fn a_job_of_a_cron_job_is_none_of_its_own() {
        let of = |kind: &str| {
            let owner = json!([{ "kind": kind, "name": "nightly", "controller": true }]);
            let metadata = json!({ "name": "nightly-1", "ownerReferences": owner });
            template("Job", json!({ "metadata": metadata }))
        };
        assert!(of("CronJob").is_none());
        let made_by = of("Workflow").unwrap().made_by.unwrap();
        assert_eq!((&*made_by.kind, &*made_by.name), ("Workflow", "nightly"));
    }
}
