//! The accounts, as the admin listener and `fivedots stats` give them.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use console::api::{
    CachePage, ClientPage, FailurePage, Summary, UpstreamPage, WorkloadDetail, WorkloadPage,
};
use hickory_proto::op::ResponseCode;
use serde::de::DeserializeOwned;
use testbed::http::{Response, get};
use testbed::{Fivedots, eventually};
use upstream::{Rule, Upstream};

use crate::{PROGRAM, SOON};

/// A client with an address of its own on the loopback.
pub(crate) struct Pod(UdpSocket);

impl Pod {
    pub(crate) fn new(addr: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((addr.parse::<IpAddr>().unwrap(), 0)).unwrap();
        socket.connect(server).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        Self(socket)
    }

    pub(crate) fn addr(&self) -> IpAddr {
        self.0.local_addr().unwrap().ip()
    }

    /// Asks and waits for the answer; returns its code.
    pub(crate) fn ask(&self, name: &str, qtype: u16) -> u8 {
        self.0.send(&message(name, qtype)).unwrap();
        let mut answer = [0; 1232];
        let len = self.0.recv(&mut answer).unwrap();
        assert!(len >= 12);
        answer[3] & 0x0f
    }

    /// Asks for a name outside as with the list of [`searching`]: under each of
    /// its domains, and as it is.
    pub(crate) fn looks_up(&self, name: &str) {
        for domain in DOMAINS {
            assert_eq!(self.ask(&format!("{name}{domain}."), A), 3);
        }
        assert_eq!(self.ask(name, A), 0);
    }
}

/// A query with RD, each with an id of its own.
fn message(name: &str, qtype: u16) -> Vec<u8> {
    use std::sync::atomic::{AtomicU16, Ordering};
    static ID: AtomicU16 = AtomicU16::new(1);
    let id = ID.fetch_add(1, Ordering::Relaxed);
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(dns::Name::from_text(name).unwrap().as_wire());
    message.extend(qtype.to_be_bytes());
    message.extend([0, 1]);
    message
}

fn page<T: DeserializeOwned>(proxy: &Fivedots, path: &str) -> T {
    let Response { status, body, .. } = get(proxy.admin, path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}\n{body}"))
}

/// Waits until so many queries of clients were accounted for.
pub(crate) fn settle(proxy: &Fivedots, queries: u64) {
    let records = || page::<Summary>(proxy, "/api/v1/summary").records;
    assert!(eventually(SOON, || records() >= queries), "{} of {queries}", records());
}

pub(crate) fn world() -> (Upstream, Fivedots) {
    let upstream = Upstream::builder()
        .zone("test.", "web 60 A 10.0.0.1")
        .rule(Rule::on("broken.test.").rcode(ResponseCode::ServFail))
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    (upstream, proxy)
}

/// A proxy whose clients have the search list of a pod, before what knows names
/// outside and inside, and refuses those under `broken.test.`.
pub(crate) fn searching() -> (Upstream, Fivedots) {
    let upstream = Upstream::builder()
        .zone("example.com.", "api 60 A 192.0.2.1")
        .zone("cluster.local.", "cart.shop.svc 60 A 10.96.0.7")
        .rule(Rule::on("broken.test.").rcode(ResponseCode::Refused))
        .start()
        .unwrap();
    let told = format!(
        "[[observe.search]]\nclients = \"127.0.0.0/8\"\ndomains = {DOMAINS:?}\nndots = 5\n"
    );
    let proxy = Fivedots::configured(upstream.addr(), &told);
    (upstream, proxy)
}

/// Of a pod in the namespace `shop`.
const DOMAINS: [&str; 3] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

pub(crate) const A: u16 = 1;
/// The name that fails for a client, on its own page.
fn names_what_fails(client: &serde_json::Value, upstream: SocketAddr) {
    let (name, upstream) = (&client["failing"][0], upstream.to_string());
    assert_eq!((&name["name"], &name["total"]), (&"x.broken.test.".into(), &2.into()), "{name}");
    assert_eq!((&name["rcode"], &name["upstream"]), (&"SERVFAIL".into(), &upstream.into()));
    assert_eq!((&name["origin"], &name["types"]), (&"upstream_error".into(), &"A".into()));
}

#[test]
fn every_query_is_on_the_account_of_its_client() {
    let (upstream, proxy) = world();
    let pods = ["127.0.0.2", "127.0.0.3"].map(|addr| Pod::new(addr, proxy.listen));
    for _ in 0..5 {
        assert_eq!(pods[0].ask("web.test.", A), 0);
    }
    assert_eq!(pods[1].ask("web.test.", A), 0);
    assert_eq!(pods[1].ask("x.broken.test.", A), 2);
    assert_eq!(pods[1].ask("x.broken.test.", A), 2);
    settle(&proxy, 8);

    let clients: ClientPage = page(&proxy, "/api/v1/clients?order=queries");
    let asked = |addr: &str| {
        let addr: IpAddr = addr.parse().unwrap();
        let client = clients.clients.iter().find(|client| client.client == addr);
        let total = client.unwrap().figures.total;
        (total.queries, total.failed, total.upstream_questions)
    };
    assert_eq!(asked("127.0.0.2"), (5, 0, 1));
    assert_eq!(asked("127.0.0.3"), (3, 2, 1));
    let one: serde_json::Value = page(&proxy, "/api/v1/clients/127.0.0.3");
    assert_eq!(one["failures"]["upstream_error"], 2, "{one}");
    assert_eq!(one["total"]["remembered"], 1, "{one}");
    names_what_fails(&one, upstream.addr());
    assert_eq!(get(proxy.admin, "/api/v1/clients/127.0.0.9").status, 404);
    let workloads: WorkloadPage = page(&proxy, "/api/v1/workloads?order=failed&limit=1");
    let unlucky = &workloads.workloads[0];
    assert_eq!((&*unlucky.kind, &*unlucky.name), ("address", "127.0.0.3"));
    let one: WorkloadDetail = page(&proxy, "/api/v1/workloads/-/address/127.0.0.3");
    assert_eq!((one.members.len(), one.view.figures.total.failed), (1, 2));
    assert_eq!(get(proxy.admin, "/api/v1/workloads/shop/Deployment/web").status, 404);
    assert_eq!(get(proxy.admin, "/api/v1/clients?limit=many").status, 400);

    let failures: FailurePage = page(&proxy, "/api/v1/failures");
    let failed: u64 = failures
        .origins
        .iter()
        .map(|origin| origin.responses.total)
        .sum();
    assert_eq!(failed, 2);
    assert_eq!(failures.clients.len(), 1);
    assert_eq!(failures.failing_now.unwrap().origin, "upstream_error");
    let [name] = &failures.names[..] else { panic!("{:?}", failures.names) };
    assert_eq!((&*name.name, &*name.workload.name), ("x.broken.test.", "127.0.0.3"));
    let zone = &failures.zones[0];
    assert_eq!((zone.zone.as_str(), zone.failures.values().sum::<u64>()), (".", 2));
    let total = zone.figures.total;
    assert_eq!((total.queries, total.failed), (8, 2));

    let upstreams: UpstreamPage = page(&proxy, "/api/v1/upstreams");
    let total = &upstreams.upstreams[0].windows.total;
    assert_eq!((total.answered, total.failed), (1, 1));
    assert!(total.p50_ms.is_some());

    let cache: CachePage = page(&proxy, "/api/v1/cache");
    let total = cache.windows.total;
    assert_eq!((total.cache_lookups, total.cache_hits, total.hit_ratio), (8, 5, 0.625));
    assert_eq!(cache.top_misses.len(), 2);
    assert_eq!(cache.usage.cache_entries, 2);

    let summary: Summary = page(&proxy, "/api/v1/summary");
    assert_eq!((summary.missed_records, summary.clients), (0, 2));
    assert_eq!(summary.top_names[0].key, "web.test.");
    assert_eq!(summary.top_names[0].weight, 6);
    assert_eq!(summary.top_clients[0].key, "127.0.0.2");
}

/// Every field of every page is described.
#[test]
fn the_documented_fields_are_those_given() {
    let (_upstream, proxy) = world();
    let pod = Pod::new("127.0.0.6", proxy.listen);
    pod.ask("web.test.", A);
    pod.ask("x.broken.test.", A);
    settle(&proxy, 2);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    let described = std::fs::read_to_string(path).unwrap();
    let client = "clients/127.0.0.6?kind=Deployment&namespace=shop&name=web";
    let workload = "workloads/-/address/127.0.0.6";
    let pages = [
        "cache",
        "summary",
        "clients",
        "lookups",
        "chains",
        "failures",
        "loops",
        "upstreams",
        "verdict",
        "workloads",
    ];
    for name in pages.into_iter().chain([client, workload]) {
        let given: serde_json::Value = page(&proxy, &format!("/api/v1/{name}"));
        for key in keys(&given) {
            assert!(described.contains(&format!("`{key}`")), "{key} of {name} is in no table");
        }
    }
    for origin in resolver::Origin::ALL
        .iter()
        .filter(|origin| origin.is_failure())
    {
        assert!(described.contains(&format!("`{}`", origin.label())), "{origin:?}");
    }
}

pub(crate) fn keys(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Object(fields) => {
            let inner = fields.values().flat_map(keys);
            fields.keys().cloned().chain(inner).collect()
        }
        serde_json::Value::Array(rows) => rows.iter().flat_map(keys).collect(),
        _ => Vec::new(),
    }
}

/// A pod that looks an outside name up, over and over, with ndots 5.
#[test]
fn the_advice_and_the_patch_are_on_the_page_of_a_client() {
    let (_upstream, proxy) = searching();
    let pod = Pod::new("127.0.0.7", proxy.listen);
    for _ in 0..3 {
        pod.looks_up("api.example.com.");
        assert_eq!(pod.ask("cart.shop.svc.cluster.local.", A), 0);
    }
    settle(&proxy, 15);
    let path = "/api/v1/clients/127.0.0.7?kind=Deployment&namespace=shop&name=web";
    let shown = || page::<serde_json::Value>(&proxy, path);
    assert!(eventually(SOON, || shown()["total"]["lookups"] == 6), "{:#}", shown());
    let shown = shown();
    let total = &shown["total"];
    assert_eq!((&total["steps"], &total["wasted_queries"]), (&15.into(), &9.into()), "{total:#}");
    assert_eq!((&total["external"], &total["cluster"]), (&3.into(), &3.into()), "{total:#}");
    assert_eq!(shown["search"]["source"], "configured");
    let advice = &shown["advice"];
    assert_eq!((&advice["safe_ndots"], &advice["current_ndots"]), (&1.into(), &5.into()));
    assert_eq!(advice["recommendation"]["ndots"], 2, "{advice:#}");
    assert_eq!(advice["alternatives"][1]["glibc"]["queries_saved"], 9, "{advice:#}");
    let is_advised = |more: &str| {
        let path = format!("/api/v1/workloads?order=wasted&limit=1{more}");
        page::<WorkloadPage>(&proxy, &path).workloads[0]
            .advice
            .is_some()
    };
    assert_eq!((is_advised(""), is_advised("&advice=false")), (true, false));
    let text = shown["patch"]["text"].as_str().unwrap();
    assert!(text.contains("kubectl -n shop patch deployment web"), "{text}");

    let most = &shown["names"][0];
    assert_eq!((&most["name"], &most["lookups"]), (&"api.example.com.".into(), &3.into()));
    assert_eq!((&most["lookup_queries"], &most["wasted_queries"]), (&12.into(), &9.into()));

    let lookups: console::api::LookupPage = page(&proxy, "/api/v1/lookups");
    assert_eq!(lookups.figures.total.wasted_queries, 9);
    let worst = &lookups.top_pairs[0];
    assert_eq!((worst.name.as_str(), worst.weight), ("api.example.com.", 9));
    assert_eq!(worst.client, "127.0.0.7".parse::<IpAddr>().unwrap());
    let Response { status, body: said, .. } =
        get(proxy.admin, "/api/v1/clients/127.0.0.7?kind=Cat&namespace=a&name=b");
    assert!(status == 400 && said.contains("\"this kind is not supported: use "), "{said}");
}

#[test]
fn stats_prints_the_accounts_and_says_when_nobody_is_there() {
    let (_upstream, proxy) = world();
    let pod = Pod::new("127.0.0.5", proxy.listen);
    pod.ask("web.test.", A);
    pod.ask("x.broken.test.", A);
    settle(&proxy, 2);
    let stats = |args: &[&str]| {
        Command::new(PROGRAM)
            .arg("stats")
            .args(args)
            .output()
            .unwrap()
    };
    let admin = proxy.admin.to_string();
    let output = stats(&["--admin", &admin]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for part in ["1 client of 1 workload, 2 queries", "127.0.0.5", "x.broken.test.", "queries"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json = stats(&["--json", "--admin", &admin]).stdout;
    let summary: Summary = serde_json::from_slice(&json).unwrap();
    assert_eq!(summary.schema, 1);

    let gone = stats(&["--admin", "unix:/nowhere/admin.sock"]);
    assert_eq!(gone.status.code(), Some(1));
    let said = String::from_utf8(gone.stderr).unwrap();
    assert!(said.contains("cannot reach unix:/nowhere/admin.sock"), "{said}");
    assert_eq!(stats(&["--admin", "nowhere"]).status.code(), Some(64));
}
