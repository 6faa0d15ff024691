//! Who made a pod, without asking further.

use crate::object::PodObject;
use crate::time;

/// What a person would roll out, delete or edit.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Owner {
    /// Its kind, as `Deployment`.
    pub kind: String,
    /// Its name, in the namespace of the pod.
    pub name: String,
}

impl Owner {
    /// Reads the owner of a pod. One without a controller, and a static one,
    /// whose controller is its node, is its own.
    pub fn of(pod: &PodObject) -> Self {
        let controller = pod
            .metadata
            .owner_references
            .iter()
            .find(|owner| owner.controller);
        let Some(controller) = controller else { return Self::new("Pod", &pod.metadata.name) };
        let name = &controller.name;
        match controller.kind.as_str() {
            "Node" => Self::new("Pod", &pod.metadata.name),
            "ReplicaSet" => match deployment(pod, name) {
                Some(deployment) => Self::new("Deployment", deployment),
                None => Self::new("ReplicaSet", name),
            },
            "Job" => match cron_job(pod, name) {
                Some(cron_job) => Self::new("CronJob", cron_job),
                None => Self::new("Job", name),
            },
            kind => Self::new(kind, name),
        }
    }

    fn new(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned() }
    }
}

/// A Deployment names its `ReplicaSet`s `NAME-HASH`, and labels their pods with
/// the hash.
fn deployment<'a>(pod: &PodObject, replica_set: &'a str) -> Option<&'a str> {
    let hash = pod.metadata.labels.pod_template_hash.as_deref()?;
    let name = replica_set.strip_suffix(hash)?.strip_suffix('-')?;
    (!hash.is_empty() && !name.is_empty()).then_some(name)
}

/// A `CronJob` names its Jobs `NAME-MINUTE`, by the minute since 1970 that they
/// were due. A Job that a person named `migrate-42` was due at no such time.
fn cron_job<'a>(pod: &PodObject, job: &'a str) -> Option<&'a str> {
    let (name, minute) = job.rsplit_once('-')?;
    let is_number = !minute.is_empty() && minute.bytes().all(|octet| octet.is_ascii_digit());
    let due: i64 = minute.parse().ok().filter(|_| is_number)?;
    let created = time::parse(pod.metadata.creation_timestamp.as_deref()?)?;
    let late = created.saturating_sub(due.checked_mul(60)?);
    (MOST_EARLY..=MOST_LATE)
        .contains(&late)
        .then_some(name)
        .filter(|name| !name.is_empty())
}

/// Clocks of controller and API server may differ, in seconds.
const MOST_EARLY: i64 = -3600;

/// A suspended `CronJob` catches up on what was due before; and a pod of a Job
/// is created anew while the Job goes on.
const MOST_LATE: i64 = 100 * 24 * 3600;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owner(kind: &str, name: &str) -> Owner {
        owner_with(kind, name, "5d4f8c7b9")
    }

    fn owner_with(kind: &str, name: &str, hash: &str) -> Owner {
        let pod = json!({ "metadata": {
            "name": "p", "namespace": "shop", "uid": "u",
            "creationTimestamp": "2026-11-28T05:45:17Z",
            "labels": { "pod-template-hash": hash, "app": "web" },
            "ownerReferences": [
                { "kind": "Other", "name": "no controller" },
                { "kind": kind, "name": name, "controller": true, "uid": "v" },
            ],
        } });
        Owner::of(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn owners_are_read_from_names_and_labels() {
        for (kind, name, is_kind, is_name) in [
            ("ReplicaSet", "web-5d4f8c7b9", "Deployment", "web"),
            ("ReplicaSet", "my-web-app-5d4f8c7b9", "Deployment", "my-web-app"),
            // Made by hand: the label is not the Deployment controller's.
            ("ReplicaSet", "web-canary", "ReplicaSet", "web-canary"),
            ("ReplicaSet", "5d4f8c7b9", "ReplicaSet", "5d4f8c7b9"),
            ("ReplicaSet", "-5d4f8c7b9", "ReplicaSet", "-5d4f8c7b9"),
            // 1_795_844_717 / 60.
            ("Job", "backup-29930745", "CronJob", "backup"),
            ("Job", "backup-29930700", "CronJob", "backup"),
            ("Job", "migrate-42", "Job", "migrate-42"),
            ("Job", "migrate-20261128", "Job", "migrate-20261128"),
            ("Job", "migrate", "Job", "migrate"),
            ("Job", "-29930745", "Job", "-29930745"),
            ("Job", "backup-+9930745", "Job", "backup-+9930745"),
            ("StatefulSet", "db", "StatefulSet", "db"),
            ("DaemonSet", "node-exporter", "DaemonSet", "node-exporter"),
            ("Workflow", "nightly", "Workflow", "nightly"),
            ("Node", "node-a", "Pod", "p"),
        ] {
            assert_eq!(owner(kind, name), Owner::new(is_kind, is_name), "{kind} {name}");
        }
        assert_eq!(owner_with("ReplicaSet", "web-", ""), Owner::new("ReplicaSet", "web-"));
    }

    #[test]
    fn a_pod_without_a_controller_is_its_own_owner() {
        let pod: PodObject =
            serde_json::from_value(json!({ "metadata": { "name": "debug" } })).unwrap();
        assert_eq!(Owner::of(&pod), Owner::new("Pod", "debug"));
    }
}
