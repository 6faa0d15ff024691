//! A client or a workload, as a row of the list.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::api::{ClientView, FailingNameView, LoopPage, Windowed, WorkloadView};
use crate::words::label;
use observe::{ADDRESS, Figures, NO_NAMESPACE, Workload};
use resolver::Origin;

/// A client or a workload.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What it is known by from fetch to fetch.
    pub id: String,
    /// As on the screen.
    pub name: String,
    /// The address, of a client.
    pub client: Option<IpAddr>,
    /// The same at full length, with what it is.
    pub title: String,
    /// Its page.
    pub path: String,
    /// Its figures, by window.
    pub figures: Windowed<Figures>,
    /// Its failures since the start by their origin.
    pub failures: BTreeMap<String, u64>,
    /// The label of what fails now.
    pub failing_now: Option<String>,
    /// Seconds since its last query.
    pub last_seen_s: u64,
}

impl From<ClientView> for Row {
    fn from(view: ClientView) -> Self {
        let ClientView { client, figures, failures, last_seen_s, .. } = view;
        let failing_now = view.failing_now.map(|now| now.origin);
        let (id, path) = (client.to_string(), format!("clients/{client}"));
        let (name, title) = match (view.workload, view.pod) {
            (Some(Workload { namespace, .. }), Some(pod)) => {
                (format!("{namespace}/{pod}"), format!("{id}, pod {pod} in {namespace}"))
            }
            (Some(Workload { kind, name, .. }), None) => {
                (format!("{kind} {name}"), format!("{id}, {kind} {name}"))
            }
            _ => (id.clone(), id.clone()),
        };
        let client = Some(client);
        Self { id, name, client, title, path, figures, failures, failing_now, last_seen_s }
    }
}

impl From<WorkloadView> for Row {
    fn from(view: WorkloadView) -> Self {
        let WorkloadView { namespace, kind, name, pods, .. } = view;
        let WorkloadView { figures, failures, last_seen_s, .. } = view;
        let failing_now = view.failing_now.map(|now| now.origin);
        let path = path_of([&namespace, &kind, &name]);
        let id = match kind.as_str() {
            ADDRESS => name,
            _ if namespace.is_empty() => format!("{kind} {name}"),
            // Most are Deployments; the title has the kind.
            _ => format!("{namespace}/{name}"),
        };
        let title = match (pods, namespace.is_empty()) {
            (_, true) => id.clone(),
            (1, _) => format!("{kind} {id}, 1 pod"),
            _ => format!("{kind} {id}, {pods} pods"),
        };
        let (name, client) = (id.clone(), None);
        Self { id, name, client, title, path, figures, failures, failing_now, last_seen_s }
    }
}

impl Row {
    /// Returns the row with the most failures in the last minute. A row that is
    /// part of an active loop is left out: the loop is its finding.
    pub(super) fn most_failing<'a>(loops: &LoopPage, rows: &'a [Self]) -> Option<&'a Self> {
        let is_looping = loops.loops.iter().any(|seen| seen.active);
        let failed = |row: &&Self| row.figures.minute.failed;
        let failing = rows.iter().filter(|row| failed(row) > 0);
        failing
            .filter(|row| !(is_looping && row.is_of_loop()))
            .max_by_key(failed)
    }

    /// What fails now, or else the most common origin of its failures, and how often
    /// since the start.
    pub(super) fn why(&self) -> Option<(&str, u64)> {
        let count = |origin: &str| self.failures.get(origin).copied().unwrap_or_default();
        if let Some(now) = &self.failing_now {
            return Some((now, count(now)));
        }
        let (origin, count) = self.failures.iter().max_by_key(|(_, count)| **count)?;
        Some((origin, *count))
    }

    /// Those of `names` that failed for it in the last minute.
    pub(super) fn failing_names<'a>(
        &self,
        names: &'a [FailingNameView],
    ) -> Vec<&'a FailingNameView> {
        let is_its = |name: &&FailingNameView| {
            let Workload { namespace, kind, name: of_workload } = &name.workload;
            self.path == path_of([namespace, kind, of_workload])
                || self
                    .client
                    .is_some_and(|client| name.clients.contains(&client))
        };
        let recent = names.iter().filter(|name| name.failed.minute > 0);
        recent.filter(is_its).collect()
    }

    /// Returns whether most of its failures are queries that came back in a loop.
    fn is_of_loop(&self) -> bool {
        let looped = self.failures.get(Origin::Loop.label());
        looped.is_some_and(|looped| *looped * 2 > self.failures.values().sum())
    }

    /// Returns whether its title or the origin of a failure contains `text`, which
    /// is in lower case.
    pub(super) fn contains(&self, text: &str) -> bool {
        let why = self
            .failures
            .keys()
            .any(|origin| label(origin).contains(text) || origin.contains(text));
        why || self.title.to_lowercase().contains(text)
    }
}

/// The page of a workload.
fn path_of([namespace, kind, name]: [&String; 3]) -> String {
    let within = if namespace.is_empty() { NO_NAMESPACE } else { namespace };
    let path = [within, kind, name].map(crate::http::encoded).join("/");
    format!("workloads/{path}")
}
