//! The proxy's own account of its clients, from its admin socket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

use serde::Deserialize;
use testbed::http::{self, Response};

use crate::totals::Totals;

/// Fetches what the proxy counted of each client.
///
/// # Panics
///
/// Unless the page is there and has what [`parse`] reads.
pub(crate) fn fetch(admin: &Path) -> HashMap<IpAddr, Totals> {
    parse(&get(admin, PATH))
}

/// Fetches any of its pages.
///
/// # Panics
///
/// Unless it is there.
pub(crate) fn fetch_json(admin: &Path, path: &str) -> serde_json::Value {
    serde_json::from_str(&get(admin, path)).unwrap()
}

fn get(admin: &Path, path: &str) -> String {
    let Response { status, body, .. } = http::get(admin, path);
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// Of all that the page has, what is compared.
fn parse(body: &str) -> HashMap<IpAddr, Totals> {
    #[derive(Deserialize)]
    struct Page {
        clients: Vec<Client>,
    }
    #[derive(Deserialize)]
    struct Client {
        client: IpAddr,
        total: Totals,
    }
    let page: Page = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let pairs = page
        .clients
        .iter()
        .map(|client| (client.client, client.total));
    pairs.collect()
}

/// All clients; it shows 50 unless asked for more.
const PATH: &str = "/api/v1/clients?limit=1000";

#[test]
fn a_page_is_read() {
    let found = parse(
        r#"{"schema": 1, "clients": [{"client": "10.78.1.1", "workload": null, "total":
        {"queries": 9, "lookup_queries": 8, "retransmits": 1, "lookups": 2, "steps": 4, "wasted_queries": 6,
        "external": 1, "cluster": 1, "fqdn_no_dot": 0, "nonexistent": 0}}]}"#,
    );
    let total = found[&IpAddr::from([10, 78, 1, 1])];
    assert_eq!((total.queries, total.retransmits, total.lookups), (8, 1, 2));
    assert_eq!((total.steps, total.wasted_queries), (4, 6));
    assert_eq!(total.classes(), [1, 1, 0, 0]);
}

#[test]
#[should_panic(expected = "missing field `lookups`")]
fn a_page_without_a_count_is_an_error() {
    parse(
        r#"{"clients": [{"client": "10.78.1.1", "total": {"lookup_queries": 8, "retransmits": 1}}]}"#,
    );
}
