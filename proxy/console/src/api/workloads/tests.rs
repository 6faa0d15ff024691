//! Who is accounted for what, while addresses come and go.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dns::{Name, Rcode, Rtype};

use super::*;
use crate::api::ClientCopy;
use observe::{
    Identity, LATE, Ndots, ObserveConfig, QueryEvent, QueryFlags, Record, Search, Source,
    WatchState, WatchStatus,
};
use resolver::Moment;
use resolver::Origin;

/// An observer, and the time it has come to.
struct World {
    observer: Observer,
    millis: u64,
}

const SEARCH: [&str; 3] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

impl World {
    fn new() -> Self {
        Self::with(ObserveConfig::default())
    }

    fn with(config: ObserveConfig) -> Self {
        Self { observer: Observer::new(config, &[], 1, Moment::default()), millis: 0 }
    }

    fn now(&self) -> Moment {
        Moment::from_micros(self.millis * 1000)
    }

    /// Lets all lookups end.
    fn rest(&mut self) {
        self.pass(Duration::from_secs(5));
        // What was settled by then is looked at in the next second.
        self.pass(Duration::from_secs(1));
    }

    fn pass(&mut self, time: Duration) {
        self.millis += u64::try_from(time.as_millis()).unwrap();
        self.observer.advance(self.now());
        self.observer.settle(self.now());
    }

    /// A client asks once; it takes a tenth of a second.
    fn ask(&mut self, client: &str, name: &str, rcode: Rcode) {
        let qname = Name::from_text(name).unwrap().folded();
        let failed = rcode == Rcode::SERVFAIL;
        let record = Record {
            arrived: self.now(),
            took: Duration::from_millis(1),
            client: client.parse().unwrap(),
            port: u16::try_from(1024 + self.millis / 100 % 50_000).unwrap(),
            id: u16::try_from(self.millis / 100 % 60_000).unwrap(),
            qtype: Rtype::A,
            rcode,
            origin: if failed { Origin::Timeout } else { Origin::Upstream },
            first: None,
            upstream: None,
            errno: 0,
            flags: QueryFlags::ANSWERED.with_if(QueryFlags::DATA, rcode == Rcode::NOERROR),
        };
        self.observer
            .take(&QueryEvent { record, qname: qname.as_wire() });
        self.pass(Duration::from_millis(100));
    }

    /// A client with the search list of Kubernetes looks an outside name up.
    fn look_up(&mut self, client: &str, name: &str) {
        for domain in SEARCH {
            self.ask(client, &format!("{name}.{domain}."), Rcode::NXDOMAIN);
        }
        self.ask(client, &format!("{name}."), Rcode::NOERROR);
    }

    fn name(&mut self, client: &str, identity: Option<Identity>) {
        self.observer
            .identify(client.parse().unwrap(), identity.map(Arc::new));
    }

    fn page(&self) -> WorkloadPage {
        WorkloadsCopy::of(&self.observer, &List::first(Order::Queries, 50)).page()
    }

    /// All workloads and their queries, by name.
    fn queries(&self) -> Vec<(String, u64)> {
        let mut rows: Vec<_> = self
            .page()
            .workloads
            .into_iter()
            .map(|row| (row.name, row.figures.total.queries))
            .collect();
        rows.sort();
        rows
    }
}

/// A pod of a deployment in the namespace `shop`.
fn pod(uid: &str, deployment: &str, since: Option<Moment>) -> Identity {
    let wire = |domain: &str| Name::from_text(domain).unwrap().as_wire().into();
    Identity {
        uid: uid.into(),
        workload: Arc::new(Workload {
            namespace: "shop".to_owned(),
            kind: "Deployment".to_owned(),
            name: deployment.to_owned(),
        }),
        pod: Some(format!("{deployment}-{uid}").into()),
        since,
        search: Some(Search {
            domains: SEARCH.map(wire).into(),
            ndots: Ndots::Known(5),
            source: Source::Pod,
        }),
        options: vec![DnsOption { name: "timeout".to_owned(), value: Some("1".to_owned()) }],
    }
}

fn row(name: &str, queries: u64) -> (String, u64) {
    (name.to_owned(), queries)
}

#[test]
fn the_pods_of_a_workload_are_one_row() {
    let mut world = World::new();
    world.name("10.0.0.1", Some(pod("a", "web", None)));
    world.name("10.0.0.2", Some(pod("b", "web", None)));
    // A pod that never asks, with two addresses.
    world.name("10.0.0.3", Some(pod("c", "web", None)));
    world.name("fd00::3", Some(pod("c", "web", None)));
    world.ask("10.0.0.1", "a.example.", Rcode::NOERROR);
    world.ask("10.0.0.2", "b.example.", Rcode::SERVFAIL);
    world.ask("10.0.0.9", "c.example.", Rcode::NOERROR);
    let page = world.page();
    assert_eq!((page.known, page.unattributed_queries), (2, 0));
    let web = &page.workloads[0];
    assert_eq!((&*web.namespace, &*web.kind, &*web.name), ("shop", "Deployment", "web"));
    assert_eq!((web.pods, &web.clients), (3, &addrs(["10.0.0.1", "10.0.0.2"])));
    assert_eq!((web.figures.total.queries, web.figures.total.failed), (2, 1));
    assert_eq!(web.failures, [("timeout".to_owned(), 1)].into());
    let other = &page.workloads[1];
    assert_eq!((&*other.namespace, &*other.kind, &*other.name), ("", "address", "10.0.0.9"));
    assert_eq!((other.pods, &other.clients), (0, &addrs(["10.0.0.9"])));
}

fn addrs<const N: usize>(addrs: [&str; N]) -> Vec<IpAddr> {
    addrs.map(|addr| addr.parse().unwrap()).into()
}

#[test]
fn what_a_pod_asked_stays_with_its_workload_when_another_has_its_address() {
    let mut world = World::new();
    world.name("10.0.0.1", Some(pod("a", "web", None)));
    world.ask("10.0.0.1", "a.example.", Rcode::NOERROR);
    world.ask("10.0.0.1", "b.example.", Rcode::NOERROR);
    world.name("10.0.0.1", Some(pod("b", "cart", Some(world.now()))));
    world.ask("10.0.0.1", "c.example.", Rcode::NOERROR);
    assert_eq!(world.queries(), [row("cart", 1), row("web", 2)]);
    let web = Workload { name: "web".to_owned(), ..(*pod("a", "web", None).workload).clone() };
    let web = WorkloadCopy::find(&web, &world.observer).unwrap().detail();
    assert_eq!((web.view.pods, web.view.clients.len(), web.members.len()), (0, 0, 0));
    assert_eq!((web.view.figures.total.lookups, web.search.source.as_str()), (2, "pod"));

    // The same again, with nobody in between and with a pod of the same name.
    world.name("10.0.0.1", None);
    world.ask("10.0.0.1", "d.example.", Rcode::NOERROR);
    assert_eq!(world.queries(), [row("10.0.0.1", 1), row("cart", 1), row("web", 2)]);
    world.pass(LATE);
    world.name("10.0.0.1", Some(pod("c", "web", Some(world.now()))));
    world.ask("10.0.0.1", "e.example.", Rcode::NOERROR);
    assert_eq!(world.queries(), [row("cart", 1), row("web", 3)]);
    assert_eq!(world.page().unattributed_queries, 1);
}

#[test]
fn what_is_asked_before_the_address_is_known_goes_to_the_pod() {
    for (since, asked) in [(None, 2), (Some(0), 2), (Some(150), 1)] {
        let mut world = World::new();
        world.ask("10.0.0.1", "a.example.", Rcode::NOERROR);
        world.pass(Duration::from_secs(9));
        let since = since.map(|millis| Moment::from_micros(millis * 1000));
        world.name("10.0.0.1", Some(pod("a", "web", since)));
        world.ask("10.0.0.1", "b.example.", Rcode::NOERROR);
        assert_eq!(world.queries(), [row("web", asked)], "{since:?}");
    }
}

/// The API was away: the pod is older than its first query, however long ago
/// that was. Without its age nothing says that it was the one who asked.
#[test]
fn a_pod_that_is_named_after_a_minute_is_known_by_its_age() {
    for (since, asked) in [(Some(Moment::default()), 2), (None, 1)] {
        let mut world = World::new();
        world.ask("10.0.0.1", "a.example.", Rcode::NOERROR);
        world.pass(Duration::from_secs(60));
        world.name("10.0.0.1", Some(pod("a", "web", since)));
        world.ask("10.0.0.1", "b.example.", Rcode::NOERROR);
        assert_eq!(world.queries(), [row("web", asked)]);
    }
}

#[test]
fn a_pod_that_is_named_again_keeps_its_account() {
    let mut world = World::new();
    world.name("10.0.0.1", Some(pod("a", "web", None)));
    world.ask("10.0.0.1", "a.example.", Rcode::NOERROR);
    world.pass(Duration::from_secs(60));
    world.name("10.0.0.1", Some(pod("a", "web", Some(world.now()))));
    assert_eq!(world.page().workloads[0].clients.len(), 1);
    assert_eq!(world.queries(), [row("web", 1)]);
}

#[test]
fn a_workload_outlives_the_accounts_of_its_clients() {
    let mut world = World::with(ObserveConfig { clients: 2, ..ObserveConfig::default() });
    world.name("10.0.0.1", Some(pod("a", "web", None)));
    world.ask("10.0.0.1", "a.example.", Rcode::NOERROR);
    for n in 2..9 {
        world.ask(&format!("10.0.0.{n}"), "a.example.", Rcode::NOERROR);
    }
    assert!(world.queries().contains(&row("web", 1)));
    world.ask("10.0.0.1", "b.example.", Rcode::NOERROR);
    assert!(world.queries().contains(&row("web", 2)));
}

#[test]
fn the_advice_is_for_all_pods_of_a_workload_and_keeps_their_options() {
    let mut world = World::new();
    for (addr, uid) in [("10.0.0.1", "a"), ("10.0.0.2", "b")] {
        world.name(addr, Some(pod(uid, "web", None)));
        world.look_up(addr, "api.example.com");
    }
    // One is gone, and another one begins.
    world.rest();
    world.name("10.0.0.1", None);
    world.name("10.0.0.1", Some(pod("c", "web", None)));
    world.look_up("10.0.0.1", "www.example.com");
    world.rest();
    let page = world.page();
    let web = &page.workloads[0];
    assert_eq!((web.figures.total.lookups, web.figures.total.steps), (3, 12));
    let advice = web.advice.as_ref().unwrap();
    assert_eq!((advice.lookups, advice.wasted_queries), (3, 9));
    assert_eq!((advice.current_ndots, advice.safe_ndots), (5, 1));
    let patch = web.patch.as_ref().unwrap();
    assert_eq!(patch.ndots, 2);
    for part in ["-n shop patch deployment web", "timeout", r#""name":"ndots","value":"2""#] {
        assert!(patch.text.contains(part), "{}", patch.text);
    }

    // The page of one client has the same patch without being told a workload.
    let addr = "10.0.0.1".parse().unwrap();
    let client = world.observer.clients().get(addr).unwrap();
    let detail = ClientCopy::of(addr, client, &world.observer)
        .detail(None)
        .unwrap();
    assert_eq!(detail.patch.unwrap().text, patch.text);
    assert_eq!((detail.view.workload.unwrap().name, detail.view.pod), web_c());
}

fn web_c() -> (String, Option<String>) {
    ("web".to_owned(), Some("web-c".to_owned()))
}

/// In a rollout of another ndots the walks of the old pods say nothing about
/// the new ones.
#[test]
fn the_advice_is_from_the_pods_with_the_latest_resolv_conf() {
    let mut world = World::new();
    world.name("10.0.0.1", Some(pod("a", "web", None)));
    world.look_up("10.0.0.1", "api.example.com");
    let mut younger = pod("b", "web", None);
    younger.search.as_mut().unwrap().ndots = Ndots::Known(2);
    world.name("10.0.0.2", Some(younger));
    world.ask("10.0.0.2", "api.example.com.", Rcode::NOERROR);
    world.look_up("10.0.0.1", "api.example.com");
    world.rest();
    let page = world.page();
    let advice = page.workloads[0].advice.as_ref().unwrap();
    assert_eq!((advice.current_ndots, advice.lookups), (2, 1));
    assert_eq!(page.workloads[0].figures.total.lookups, 3);
}

/// A CNI that masquerades what leaves a pod, even towards its own node.
#[test]
fn pods_that_ask_as_their_node_are_missed() {
    let mut world = World::new();
    let (telling, since) = (WatchState::Watching, Moment::default());
    world
        .observer
        .set_watch(WatchStatus { state: telling, since, error: None });
    let node = Workload { namespace: String::new(), kind: "Node".into(), name: "node-a".into() };
    let node = Identity { workload: Arc::new(node), pod: None, ..pod("n", "n", None) };
    world.name("192.0.2.1", Some(node));
    let masqueraded = |world: &World| world.page().kubernetes.unwrap().masqueraded;
    for _ in 0..100 {
        world.ask("192.0.2.1", "a.example.", Rcode::NOERROR);
    }
    assert_eq!(masqueraded(&world), addrs([]));
    for n in 1..4 {
        world.name(&format!("10.0.0.{n}"), Some(pod(&n.to_string(), "web", None)));
    }
    assert_eq!(masqueraded(&world), addrs(["192.0.2.1"]));
    world.ask("10.0.0.1", "a.example.", Rcode::NOERROR);
    assert_eq!(masqueraded(&world), addrs([]));
}

#[test]
fn the_pages_can_be_read_again() {
    let mut world = World::new();
    world.name("10.0.0.1", Some(pod("a", "web", None)));
    world.look_up("10.0.0.1", "api.example.com");
    world.rest();
    let text = serde_json::to_string(&world.page()).unwrap();
    let page: WorkloadPage = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&page).unwrap(), text);
    assert!(page.workloads[0].patch.is_some());
}
