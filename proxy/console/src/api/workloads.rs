//! `/api/v1/workloads`: who made the pods that ask, and for which it fails.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::client::{NameView, ReadyPatch, ResolverView, SearchView, names};
use super::clients::{ClientView, List, Order, failures};
use super::failing::{FailingNameView, FailingNow};
use super::kubernetes::KubernetesView;
use super::windowed::Windowed;
use observe::{
    Account, Advice, Client, Current, DnsOption, Figures, Observer, Resolver, Source, Window,
    Workload, advise,
};

mod groups;
use groups::{Groups, groups, is_found, ranked};

/// Workloads, in the requested order.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct WorkloadPage {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Workloads with figures.
    pub known: usize,
    /// Those of them that were searched for; all without a search.
    #[serde(default)]
    pub found: usize,
    /// Queries of clients that were dropped before their pod was known.
    pub unattributed_queries: u64,
    /// Clients with no known pod.
    pub unnamed_clients: usize,
    /// Their queries since the start.
    pub unnamed_queries: u64,
    /// State of the watch on the Kubernetes API; null without one.
    pub kubernetes: Option<KubernetesView>,
    /// The first of them, as many as requested.
    pub workloads: Vec<WorkloadView>,
}

/// The pods of one workload together, deleted ones included; or an address with
/// no known pod, as a workload of kind `address`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct WorkloadView {
    /// Its namespace; empty for a node and an address.
    pub namespace: String,
    /// Its kind in the Kubernetes API; `Node` or `address`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its pods that have an address now, with or without queries.
    pub pods: usize,
    /// The addresses of those with queries, in order.
    pub clients: Vec<IpAddr>,
    /// Seconds since its first query.
    pub first_seen_s: u64,
    /// Seconds since its last query.
    pub last_seen_s: u64,
    /// Its figures, by window.
    #[serde(flatten)]
    pub figures: Windowed<Figures>,
    /// Failures since the start by origin; origins without any are left out.
    pub failures: BTreeMap<String, u64>,
    /// Those of the last minute.
    #[serde(default)]
    pub failures_60s: BTreeMap<String, u64>,
    /// What fails now; null without failures for a minute.
    #[serde(default)]
    pub failing_now: Option<FailingNow>,
    /// What another ndots would save and break; null while the search list is
    /// unknown.
    pub advice: Option<Advice>,
    /// How to set the recommended ndots, if there is one and the kind has a
    /// template.
    pub patch: Option<ReadyPatch>,
}

/// One workload.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct WorkloadDetail {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its figures, as in the list.
    #[serde(flatten)]
    pub view: WorkloadView,
    /// The search list of its pods; of the youngest, where they differ.
    pub search: SearchView,
    /// Their resolver library, guessed from the traffic; null if unknown.
    pub resolver: Option<ResolverView>,
    /// Lookups that have not ended, or may not have.
    pub open_lookups: usize,
    /// The names that they look up most.
    pub names: Vec<NameView>,
    /// The names that fail, at most twelve.
    #[serde(default)]
    pub failing: Vec<FailingNameView>,
    /// Its clients with their own figures.
    pub members: Vec<ClientView>,
}

/// A copy of a workload, made under the lock of the accounts; the advice is worked
/// out afterwards.
#[derive(Debug)]
pub struct WorkloadCopy {
    workload: Arc<Workload>,
    account: Account,
    pods: usize,
    options: Option<Vec<DnsOption>>,
    failing_now: Option<FailingNow>,
    clients: Vec<IpAddr>,
    ages: [u64; 2],
    /// Of one that is shown by itself: the names that fail, and its clients.
    failing: Vec<FailingNameView>,
    members: Vec<ClientView>,
}

/// How much is copied of a workload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Depth {
    /// Its figures alone.
    Figures,
    /// Its lookups by name as well, which advice is made from.
    Advice,
    /// And what each of its clients did.
    Detail,
}

/// Copies of the requested workloads.
#[derive(Debug)]
pub struct WorkloadsCopy {
    known: usize,
    found: usize,
    /// Queries of clients that were dropped before their pod was known.
    pub unattributed: u64,
    /// Clients with no known pod.
    pub unnamed_clients: usize,
    /// Their queries since the start.
    pub unnamed_queries: u64,
    kubernetes: Option<KubernetesView>,
    workloads: Vec<WorkloadCopy>,
}

impl WorkloadPage {
    /// Takes the figures of the workloads of a list, without advice.
    #[must_use]
    pub fn of(observer: &Observer, list: &List) -> Self {
        let copy = WorkloadsCopy::listed(observer, list, Depth::Figures);
        copy.page_of(|taken| taken.view_with(None))
    }
}

impl WorkloadsCopy {
    /// Copies the workloads of a list, by their last minute and then by all their time.
    pub fn of(observer: &Observer, list: &List) -> Self {
        Self::listed(observer, list, Depth::Advice)
    }

    fn listed(observer: &Observer, list: &List, depth: Depth) -> Self {
        let groups = groups(observer);
        let found: Vec<_> = ranked(&groups, list.order, observer)
            .into_iter()
            .filter(|workload| is_found(&list.search, workload, &groups, observer))
            .collect();
        let number = found.len();
        let chosen = found.into_iter().skip(list.offset).take(list.limit);
        Self { found: number, ..Self::copy(chosen.collect(), depth, &groups, observer) }
    }

    /// Copies those that are among the `limit` first by any of `orders`, each
    /// once.
    pub fn of_any(observer: &Observer, orders: &[Order], limit: usize) -> Self {
        let groups = groups(observer);
        let mut chosen: Vec<&Arc<Workload>> = Vec::new();
        for order in orders {
            let first = ranked(&groups, *order, observer);
            for workload in first.into_iter().take(limit) {
                if !chosen.contains(&workload) {
                    chosen.push(workload);
                }
            }
        }
        Self::copy(chosen, Depth::Detail, &groups, observer)
    }

    fn copy(
        chosen: Vec<&Arc<Workload>>,
        depth: Depth,
        groups: &Groups<'_>,
        observer: &Observer,
    ) -> Self {
        let of = |workload| {
            let clients = groups.get(workload)?;
            Some(WorkloadCopy::of(workload, clients, depth, observer))
        };
        let unnamed = || {
            let clients = observer.clients().iter().map(|(_, client)| client);
            clients.filter(|client| client.identity().is_none())
        };
        let queries = |client: &Client| Figures::of(client.counters(), Window::Start).queries;
        Self {
            known: groups.len(),
            found: groups.len(),
            unattributed: observer.unattributed(),
            unnamed_clients: unnamed().count(),
            unnamed_queries: unnamed().map(queries).sum(),
            kubernetes: KubernetesView::of(observer),
            workloads: chosen.into_iter().filter_map(of).collect(),
        }
    }

    /// Works out what each could do, with all that is known of it.
    pub fn details(self) -> Vec<WorkloadDetail> {
        self.workloads
            .into_iter()
            .map(WorkloadCopy::detail)
            .collect()
    }

    /// Works out what each could do.
    pub fn page(self) -> WorkloadPage {
        self.page_of(WorkloadCopy::view)
    }

    fn page_of(self, view: fn(WorkloadCopy) -> WorkloadView) -> WorkloadPage {
        WorkloadPage {
            schema: SCHEMA,
            known: self.known,
            found: self.found,
            unattributed_queries: self.unattributed,
            unnamed_clients: self.unnamed_clients,
            unnamed_queries: self.unnamed_queries,
            kubernetes: self.kubernetes,
            workloads: self.workloads.into_iter().map(view).collect(),
        }
    }
}

impl WorkloadCopy {
    /// Copies one workload of `observer`; `None` if it has no account.
    pub fn find(workload: &Workload, observer: &Observer) -> Option<Self> {
        let groups = groups(observer);
        let (workload, clients) = groups.get_key_value(workload)?;
        Some(Self::of(workload, clients, Depth::Detail, observer))
    }

    /// Copies the first workload that is meant.
    pub fn find_by(is_meant: impl Fn(&Workload) -> bool, observer: &Observer) -> Option<Self> {
        let groups = groups(observer);
        let (workload, clients) = groups.iter().find(|(workload, _)| is_meant(workload))?;
        Some(Self::of(workload, clients, Depth::Detail, observer))
    }

    fn of(
        workload: &Arc<Workload>,
        clients: &[(IpAddr, &Client)],
        depth: Depth,
        observer: &Observer,
    ) -> Self {
        let has_lookups = depth != Depth::Figures;
        let gone = observer.workloads().gone(workload);
        let gone = gone.map(|gone| if has_lookups { gone.clone() } else { gone.figures() });
        let names = observer.config().names_per_client;
        let mut account = gone.unwrap_or_else(|| Account::new(names, observer.now()));
        let mut clients: Vec<_> = clients.iter().collect();
        // In the order in which their accounts began: the search list of the
        // youngest is that of the workload.
        clients.sort_unstable_by_key(|(addr, client)| (client.first(), *addr));
        for (_, client) in &clients {
            if has_lookups { account.add(client) } else { account.add_figures(client) }
        }
        let youngest = clients.last().and_then(|(_, client)| client.identity());
        let since = |moment| observer.now().saturating_since(moment).as_secs();
        clients.sort_unstable_by_key(|(addr, _)| *addr);
        let taken = Self {
            workload: Arc::clone(workload),
            failing_now: FailingNow::of(&account.origins, observer),
            pods: observer.names().pods_of(workload),
            options: youngest.map(|identity| identity.options.clone()),
            clients: clients.iter().map(|(addr, _)| *addr).collect(),
            ages: [since(account.first), since(account.last)],
            failing: Vec::new(),
            members: Vec::new(),
            account,
        };
        if depth == Depth::Detail { taken.with_members(&clients, observer) } else { taken }
    }

    /// Adds what is shown of each of its clients.
    fn with_members(self, clients: &[&(IpAddr, &Client)], observer: &Observer) -> Self {
        let who = |name: &[u8]| {
            let fails = |client: &Client| client.failing().iter().any(|(other, _)| other == name);
            let clients = clients.iter().filter(|(_, client)| fails(client));
            clients.map(|(addr, _)| *addr).collect()
        };
        let members = clients.iter();
        Self {
            failing: FailingNameView::of(&self.account.failing, &self.workload, observer, who),
            members: members
                .map(|(addr, client)| ClientView::of(*addr, client, observer))
                .collect(),
            ..self
        }
    }

    /// Works out what the workload could do.
    pub fn detail(mut self) -> WorkloadDetail {
        let members = std::mem::take(&mut self.members);
        let (search, guess) = (SearchView::of(&self.account.search), self.account.guess);
        let open_lookups = self.account.open_lookups;
        let names = names(&self.account.tallies);
        let failing = std::mem::take(&mut self.failing);
        let view = self.view();
        WorkloadDetail {
            schema: SCHEMA,
            view,
            search,
            resolver: guess.map(ResolverView::of),
            open_lookups,
            names,
            failing,
            members,
        }
    }

    fn view(self) -> WorkloadView {
        let account = &self.account;
        let library = account.guess.map(|guess| guess.library);
        let resolver = Resolver { library, possible: account.libraries };
        let is_known = account.search.source != Source::Unknown;
        let advise = || advise(&account.tallies, &Current::from(&account.search), resolver);
        let advice = is_known.then(advise);
        self.view_with(advice)
    }

    fn view_with(self, advice: Option<Advice>) -> WorkloadView {
        let account = &self.account;
        let patch = advice.as_ref().and_then(|advice| {
            // A kind without a template that is known has no patch.
            ReadyPatch::of(&self.workload, self.options.as_deref(), advice).ok()?
        });
        let [first_seen_s, last_seen_s] = self.ages;
        let Workload { namespace, kind, name } = (*self.workload).clone();
        WorkloadView {
            namespace,
            kind,
            name,
            pods: self.pods,
            clients: self.clients,
            first_seen_s,
            last_seen_s,
            figures: Windowed::of(&account.counters),
            failures: failures(&account.origins.sum(Window::Start)),
            failures_60s: failures(&account.origins.sum(Window::Minute)),
            failing_now: self.failing_now,
            advice,
            patch,
        }
    }
}

#[cfg(test)]
mod tests;
