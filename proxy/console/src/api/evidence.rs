//! What the accounts are evidence of: the pages of a proxy's last minute, as a verdict
//! reads them. For the proxy itself, and for `fivedots diagnose` beside it.

use std::collections::BTreeMap;

use dns::Name;

use super::redact::Redacted;
use super::{
    FailurePage, List, LoopPage, Order, Summary, UpstreamPage, UpstreamView, WorkloadPage,
    WorkloadView,
};
use crate::redact::Veil;
use diagnose::{Evidence, Ring, Server, Sums, Tries, Who, Window};
use observe::Observer;
use resolver::Origin;

/// The accounts of all clients over the last minute, from pages.
#[must_use]
pub fn window(
    summary: &Summary,
    failures: &FailurePage,
    workloads: &WorkloadPage,
    cluster_domain: &Name,
) -> Window {
    over(observe::Window::Minute, (summary, failures, workloads), cluster_domain)
}

/// The same over any window, from accounts that are at hand.
#[must_use]
pub fn window_of(observer: &Observer, window: observe::Window, cluster_domain: &Name) -> Window {
    let (order, most) = WORKLOADS;
    let summary = Summary::of(observer, 0);
    let failures = FailurePage::of(observer, FAILING);
    let workloads = WorkloadPage::of(observer, &List::first(order, most));
    over(window, (&summary, &failures, &workloads), cluster_domain)
}

fn over(
    window: observe::Window,
    (summary, failures, workloads): (&Summary, &FailurePage, &WorkloadPage),
    cluster_domain: &Name,
) -> Window {
    let [internal, external] = sums(failures, window, cluster_domain);
    let most = if window == observe::Window::Start { u64::MAX } else { 60 };
    Window {
        seconds: summary.uptime_s.min(most),
        internal,
        external,
        p99_ms: summary.figures.get(window).p99_ms,
        who: workloads
            .workloads
            .iter()
            .map(|view| who(view, window))
            .collect(),
        origins: origins(failures, window),
        failing: failures
            .names
            .iter()
            .map(|name| name.name.clone())
            .collect(),
        // These are of more than the last minute.
        silent: Vec::new(),
    }
}

/// The loops that go round now.
#[must_use]
pub fn rings(loops: &LoopPage) -> Vec<Ring> {
    let active = loops.loops.iter().filter(|seen| seen.active);
    let ring = |seen: &super::LoopView| Ring {
        hops: seen.hops.clone(),
        below: seen.below.clone(),
        through_coredns: false,
        laps: seen.count,
    };
    active.map(ring).collect()
}

/// What the queries of clients met at the servers that are asked for names of the
/// cluster, and at all others.
///
/// CoreDNS passes failures of others on; here only its own count, and that it is silent.
#[must_use]
pub fn servers(upstreams: &UpstreamPage, cluster_domain: &Name) -> [Vec<Server>; 2] {
    let [coredns, others] = by_cluster(upstreams, cluster_domain);
    [
        coredns
            .into_iter()
            .map(|view| server(view, Passes::On))
            .collect(),
        others
            .into_iter()
            .map(|view| server(view, Passes::Nothing))
            .collect(),
    ]
}

/// The upstreams that are asked for names of the cluster, and all others. Where none is
/// asked for names of the cluster alone, each is asked for all. One without a zone is
/// asked no more.
#[must_use]
pub fn by_cluster<'a>(
    upstreams: &'a UpstreamPage,
    cluster_domain: &Name,
) -> [Vec<&'a UpstreamView>; 2] {
    let is_cluster = |view: &UpstreamView| {
        let mut zones = view
            .zones
            .iter()
            .filter_map(|zone| Name::from_text(zone).ok());
        zones.any(|zone| zone.is_within(cluster_domain))
    };
    let views = || {
        let all = upstreams.upstreams.iter();
        all.filter(|view| !view.zones.is_empty())
    };
    let any_cluster = views().any(is_cluster);
    let (cluster, others) = views().partition(|view| is_cluster(view) || !any_cluster);
    [cluster, others]
}

impl Redacted for Evidence {
    /// Servers, nodes and what is of CoreDNS stay: they are who a verdict is about.
    fn redacted(mut self, veil: &Veil) -> Self {
        if let Some(window) = &mut self.window {
            let failing = window.failing.iter_mut();
            failing.for_each(|name| *name = veil.name(std::mem::take(name)));
            let who = window.who.iter_mut();
            who.for_each(|who| hide_client(&mut who.name, veil));
            let silent = window.silent.iter_mut();
            silent.for_each(|silent| hide_client(&mut silent.name, veil));
        }
        let below = self.rings.iter_mut().flatten();
        below.for_each(|ring| ring.below = veil.name(std::mem::take(&mut ring.below)));
        let flows = self.service.iter_mut();
        flows
            .flat_map(|service| &mut service.stale_flows)
            .for_each(|flow| flow.client = veil.client(flow.client));
        if let Some(table) = &mut self.conntrack {
            let top = table.top.iter_mut();
            top.for_each(|(client, _)| hide_client(client, veil));
            let elsewhere = table.elsewhere.iter_mut();
            elsewhere.for_each(|full| full.who = veil.word(std::mem::take(&mut full.who)));
        }
        self
    }
}

/// An address, or a workload as `NAMESPACE/NAME`, of which each part has its pseudonym.
fn hide_client(client: &mut String, veil: &Veil) {
    *client = match client.parse() {
        Ok(addr) => veil.client(addr).to_string(),
        Err(_) => {
            let parts = client.split('/');
            let hidden: Vec<_> = parts.map(|part| veil.word(part.to_owned())).collect();
            hidden.join("/")
        }
    };
}

/// The first order of the workloads that a verdict needs, and how many.
pub const WORKLOADS: (Order, usize) = (Order::Failed, 256);

/// Names that fail: a verdict has three of them.
const FAILING: usize = 10;

/// Whether failures that a server answers are those of servers behind it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Passes {
    On,
    Nothing,
}

fn server(view: &UpstreamView, passes: Passes) -> Server {
    let minute = &view.windows.minute;
    let mut tries = Tries::default();
    let answer = |tries: &mut Tries, rcode: &str, count: u32| {
        *tries.rcodes.entry(rcode.to_owned()).or_default() += count;
    };
    answer(&mut tries, "NOERROR", narrow(minute.answered));
    for (origin, count) in &view.failures_60s {
        let count = narrow(*count);
        let origin = Origin::ALL.iter().find(|one| one.label() == origin);
        match origin {
            Some(Origin::Timeout | Origin::TcpFailed | Origin::BadAnswer) => {
                tries.timeouts += count
            }
            Some(Origin::ConnectRefused) => tries.refused += count,
            Some(Origin::Unreachable) => tries.unreachable += count,
            Some(Origin::SendFailed) => tries.not_permitted += count,
            Some(Origin::NotSynced) => {
                tries.not_synced += count;
                answer(&mut tries, "SERVFAIL", count);
            }
            Some(Origin::Relayed | Origin::ForwardGaveUp | Origin::UpstreamError) => {
                let rcode = if passes == Passes::On { "NOERROR" } else { "SERVFAIL" };
                answer(&mut tries, rcode, count);
            }
            Some(Origin::UpstreamRefused) => {
                let rcode = if passes == Passes::On { "NOERROR" } else { "REFUSED" };
                answer(&mut tries, rcode, count);
            }
            // Not of this server.
            _ => continue,
        }
    }
    tries.sent =
        tries.answers() + tries.timeouts + tries.refused + tries.unreachable + tries.not_permitted;
    if tries.sent < QUESTIONS {
        tries = Tries::default();
    }
    Server {
        name: view.upstream.to_string(),
        addr: Some(view.upstream),
        udp: tries,
        ..Server::default()
    }
}

/// Names of the cluster, and all others, by the forward zones. Where one zone has both,
/// its queries are those of others.
fn sums(failures: &FailurePage, window: observe::Window, cluster_domain: &Name) -> [Sums; 2] {
    let mut sums = [Sums::default(); 2];
    let [internal, external] = &mut sums;
    for zone in &failures.zones {
        let figures = zone.figures.get(window);
        let name = Name::from_text(&zone.zone);
        let is_internal = name.is_ok_and(|name| name.is_within(cluster_domain));
        let sum = if is_internal { &mut *internal } else { &mut *external };
        sum.queries += figures.queries;
        sum.failed += figures.failed;
    }
    sums
}

fn who(view: &WorkloadView, window: observe::Window) -> Who {
    let figures = view.figures.get(window);
    let name = match view.namespace.as_str() {
        "" => view.name.clone(),
        namespace => format!("{namespace}/{}", view.name),
    };
    Who {
        name,
        kind: view.kind.clone(),
        queries: figures.queries,
        failed: figures.failed,
        wasted: figures.wasted_queries,
        asked: figures.upstream_questions,
        answered_again: figures.retransmits_answered,
        nonexistent: figures.nonexistent,
        lookups: figures.lookups,
    }
}

fn origins(failures: &FailurePage, window: observe::Window) -> BTreeMap<String, u64> {
    let origins = failures.origins.iter();
    let counts = origins.map(|view| (view.origin.clone(), *view.responses.get(window)));
    counts.filter(|(_, count)| *count > 0).collect()
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Questions of clients from which something is concluded about a server: fewer may all
/// be of one domain whose own servers are silent.
const QUESTIONS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{Pseudonyms, Redact};
    use diagnose::{Conntrack, Flow, FullTable, Service, Silent};

    fn evidence() -> Evidence {
        let who = |name: &str| Who { name: name.to_owned(), ..Who::default() };
        Evidence {
            window: Some(Window {
                who: vec![who("shop/checkout"), who("10.244.0.9"), who("pay/ledger")],
                failing: vec!["api.secret.example.".to_owned()],
                silent: vec![Silent { name: "shop/quiet".to_owned(), ..Silent::default() }],
                ..Window::default()
            }),
            rings: Some(vec![Ring { below: "secret.example.".to_owned(), ..Ring::default() }]),
            service: Some(Service {
                addr: Some(([10, 96, 0, 10], 53).into()),
                stale_flows: vec![Flow {
                    client: [10, 244, 0, 9].into(),
                    backend: [10, 244, 0, 7].into(),
                }],
                ..Service::default()
            }),
            conntrack: Some(Conntrack {
                top: vec![("10.244.0.9".to_owned(), 7)],
                elsewhere: vec![FullTable {
                    who: "ledger of /kubepods/pod7".to_owned(),
                    ..FullTable::default()
                }],
                ..Conntrack::default()
            }),
            ..Evidence::default()
        }
    }

    #[test]
    fn redacted_evidence_has_no_name_and_no_client() {
        let redacted = |redact: &str| {
            let redact: Redact = redact.parse().unwrap();
            let hidden = evidence().redacted(&Pseudonyms::default().veil(redact));
            serde_json::to_string(&hidden).unwrap()
        };
        let (names, clients) =
            (["secret"], ["shop", "checkout", "10.244.0.9", "pay", "ledger", "quiet"]);
        let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
        let both = redacted("names,clients");
        assert!(!has(&both, &names) && !has(&both, &clients), "{both}");
        assert!(has(&both, &["10.96.0.10"]) && has(&both, &["10.244.0.7"]), "{both}");
        let [only_names, only_clients] = ["names", "clients"].map(redacted);
        assert!(!has(&only_names, &names) && has(&only_names, &clients), "{only_names}");
        assert!(has(&only_clients, &names) && !has(&only_clients, &clients), "{only_clients}");
    }

    #[test]
    fn a_client_has_one_pseudonym_wherever_it_is() {
        let veil = Pseudonyms::default().veil("clients".parse().unwrap());
        let hidden = evidence().redacted(&veil);
        let flow = hidden.service.unwrap().stale_flows[0].client.to_string();
        assert_eq!(hidden.window.unwrap().who[1].name, flow);
        assert_eq!(hidden.conntrack.unwrap().top[0].0, flow);
    }
}
