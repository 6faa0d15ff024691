//! Names and clients: the public listener has none, and `redact` hides them on
//! every page of the admin listener.

use std::collections::BTreeSet;

use console::api::WorkloadDetail;
use hickory_proto::op::ResponseCode;
use testbed::http::{Response, get};
use testbed::{Fivedots, eventually};
use upstream::{Rule, Upstream};

use crate::SOON;
use crate::api::{A, Pod, settle};
use crate::tap::{queries, tap};

const CLIENT: &str = "127.0.0.11";

/// What nobody may see who sees neither clients nor names: the address, the
/// namespace, and a label of each name.
const SECRETS: [&str; 4] = [CLIENT, "wallet", "vault", "zebra"];

/// A pod of the namespace `wallet` has looked up names, some in vain, and all of
/// that is on its account.
pub(crate) fn world() -> (Upstream, Fivedots) {
    let upstream = Upstream::builder()
        .zone("vault.com.", "api 60 A 192.0.2.1")
        .zone("cluster.local.", "cart.wallet.svc 60 A 10.96.0.7")
        .rule(Rule::on("zebra.test.").rcode(ResponseCode::ServFail))
        .start()
        .unwrap();
    let domains = ["wallet.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    let search = format!("clients = \"{CLIENT}\"\ndomains = {domains:?}\nndots = 5\n");
    let proxy = Fivedots::configured(upstream.addr(), &format!("[[observe.search]]\n{search}"));
    let pod = Pod::new(CLIENT, proxy.listen);
    for _ in 0..3 {
        for domain in domains {
            pod.ask(&format!("api.vault.com.{domain}."), A);
        }
        pod.ask("api.vault.com.", A);
        pod.ask("x.zebra.test.", A);
    }
    settle(&proxy, 15);
    assert!(eventually(SOON, || workload(&proxy).names.len() >= 2), "{:#?}", workload(&proxy));
    (upstream, proxy)
}

fn workload(proxy: &Fivedots) -> WorkloadDetail {
    let body = get(proxy.admin, &format!("/api/v1/workloads/-/address/{CLIENT}")).body;
    serde_json::from_str(&body).unwrap()
}

/// The secrets that a text has.
pub(crate) fn told(text: &str) -> Vec<&'static str> {
    SECRETS
        .into_iter()
        .filter(|secret| text.contains(secret))
        .collect()
}

/// Counts are for everybody who can reach the node.
#[test]
fn the_metrics_listener_knows_counts_and_neither_names_nor_clients() {
    let (_upstream, proxy) = world();
    let metrics = get(proxy.metrics, "/metrics").body;
    assert!(metrics.contains("fivedots_observed_queries_total 15\n"), "{metrics}");
    assert!(metrics.contains("fivedots_observed_clients 1\n"), "{metrics}");
    for path in ["/metrics", "/livez", "/readyz"] {
        let Response { status, body, .. } = get(proxy.metrics, path);
        assert_eq!((status, told(&body)), (200, vec![]), "{path}: {body}");
    }
    let client = format!("/clients/{CLIENT}");
    for path in ["/", "/config", "/status", "/api/v1/summary", "/api/v1/tap?limit=0", &client] {
        assert_eq!(get(proxy.metrics, path).status, 404, "{path}");
    }
}

const PAGES: [&str; 11] = [
    "summary",
    "cache",
    "clients",
    "workloads",
    "lookups",
    "chains",
    "failures",
    "loops",
    "clients/127.0.0.11",
    "workloads/-/address/127.0.0.11",
    "evidence",
];

#[test]
fn what_is_redacted_is_on_no_page_of_the_api() {
    let (_upstream, proxy) = world();
    let hidden = tap(&proxy, &["--redact", "names,clients", "--client", CLIENT]);
    Pod::new(CLIENT, proxy.listen).ask("api.vault.com.", A);
    assert!(eventually(SOON, || queries(&hidden).len() == 1), "{}", hidden.output());
    let mut shown = vec![hidden.output()];
    for name in PAGES {
        let Response { status, body, .. } =
            get(proxy.admin, &format!("/api/v1/{name}?redact=names,clients"));
        assert_eq!(status, 200, "{name}: {body}");
        shown.push(body);
    }
    for text in &shown {
        assert!(told(text).is_empty(), "{:?} in {text}", told(text));
    }
    // Equal ones are equal everywhere, and lead from a list to a page.
    let seen = &queries(&hidden)[0];
    let (client, name) = (seen.client.to_string(), seen.name.clone().unwrap());
    for page in [&shown[1], &shown[9], &shown[10]] {
        assert!(page.contains(&client) && page.contains(&name), "{client} {name} {page}");
    }
    for page in ["clients/", "workloads/-/address/"] {
        let path = format!("/api/v1/{page}{client}?redact=clients");
        let Response { status, body, .. } = get(proxy.admin, &path);
        assert!(status == 200 && body.contains(&client), "{path}: {body}");
        // The namespace in the search list tells who it is; names are shown.
        let search = &body[body.find("\"search\"").unwrap()..];
        assert!(search.contains(".svc.cluster.local.\""), "{search}");
        assert_eq!(told(&search[..search.find(']').unwrap()]), Vec::<&str>::new(), "{search}");
        assert!(search.contains("api.vault.com."), "{search}");
    }
}

/// Wherever a reader of the page goes who began without names and clients.
#[test]
fn no_link_of_a_redacted_page_leads_to_names_or_clients() {
    let (_upstream, proxy) = world();
    let mut todo = vec!["?window=total&redact=names,clients".to_owned()];
    let mut seen = BTreeSet::from(["config".to_owned()]);
    while let Some(path) = todo.pop() {
        let Response { status, body, .. } = get(proxy.admin, &format!("/{path}"));
        assert_eq!((status, told(&body)), (200, vec![]), "{path}: {body}");
        let links = links(&body).filter(|link| seen.insert(link.clone()));
        todo.extend(links.collect::<Vec<_>>());
    }
    let pages = |of: &str| seen.iter().filter(|path| path.starts_with(of)).count();
    assert_eq!((pages("clients/2001:db8::"), pages("?window=")), (1, 3), "{seen:?}");

    let hidden = "redact=names,clients";
    let Response { status, body, .. } =
        get(proxy.admin, &format!("/clients/{CLIENT}?part=1&{hidden}"));
    assert_eq!((status, told(&body)), (200, vec![]), "{body}");
    let Response { status, body, .. } = get(proxy.admin, &format!("/clients/127.0.0.99?{hidden}"));
    assert!(status == 404 && body.contains("redact=names,clients"), "{body}");
    for mistyped in ["/?redact=all", "/?redcat=names", "/clients/127.0.0.11?redcat=names"] {
        assert_eq!(get(proxy.admin, mistyped).status, 400, "{mistyped}");
    }
    let body = get(proxy.admin, &format!("/clients/{CLIENT}?redact=names")).body;
    assert_eq!(told(&body), [CLIENT]);
    assert!(body.contains(r#"<input type="hidden" name="redact" value="names">"#), "{body}");
}

/// Where the links of a page lead, from the first page.
fn links(page: &str) -> impl Iterator<Item = String> + '_ {
    let links = page
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    links
        .filter(|link| !link.starts_with('#'))
        .map(|link| link.replace("../", "").replace("&amp;", "&"))
        .map(|link| link.trim_start_matches('.').to_owned())
}
