//! Answers that the kernel does not let out to the client.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use console::api::{ClientPage, FailurePage, Summary};
use resolver::Origin;
use serde::de::DeserializeOwned;
use testbed::client::receive_datagram;
use testbed::http::get;
use testbed::{Component, Fivedots, Netns, eventually, netns, query};
use upstream::Upstream;

use crate::SOON;
use crate::asker::names;
use crate::expected::{CLIENT, HUNDRED, OTHER_CLIENT};

/// As with a conntrack table that is full now and then: many answers to one client
/// meet EPERM, those of an upstream and those of the cache. Another client
/// gets all of its own.
#[test]
fn answers_that_cannot_be_sent_are_failures_of_their_client() {
    if !testbed::have(Component::Netns) || !testbed::have_program("nft", Component::Netns) {
        return;
    }
    if netns::role().is_none() {
        let name = "unsent::answers_that_cannot_be_sent_are_failures_of_their_client";
        let output = Netns::new().unwrap().run_test(name, "the node").unwrap();
        return print!("{}", String::from_utf8(output.stdout).unwrap());
    }
    let upstream = Upstream::builder()
        .zone("test.", "*.test. 60 A 10.0.0.1")
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    drop_answers(proxy.listen.port());
    let mut sockets = Vec::new();
    for round in 1..=2 {
        for client in [CLIENT, OTHER_CLIENT] {
            let client = proxy.client().from(client).timeout(AT_ONCE);
            let socket = client.socket().unwrap();
            for name in names(HUNDRED, "test.") {
                socket.send(&query(&name, "A").octets()).unwrap();
            }
            sockets.push(socket);
        }
        let asked = u64::from(HUNDRED) * 2 * round;
        let records = || page::<Summary>(&proxy, "summary").records;
        assert!(eventually(SOON, || records() >= asked), "{} of {asked}", records());
    }
    let unsent = missing(&proxy, &sockets);
    assert!(unsent >= 40, "{unsent}");
    is_counted(&proxy, unsent);
    is_on_the_first_card(&proxy);
}

/// Waits until each answer has arrived or is counted as unsent; returns how many are.
fn missing(proxy: &Fivedots, sockets: &[UdpSocket]) -> u64 {
    let (mut received, mut unsent) = (0, 0);
    let all_known = || {
        for socket in sockets {
            while receive_datagram(socket).unwrap().is_some() {
                received += 1;
            }
        }
        unsent = page::<Summary>(proxy, "summary").figures.total.unsent;
        received + unsent == 4 * u64::from(HUNDRED)
    };
    assert!(eventually(SOON, all_known), "{received} received, {unsent} unsent");
    unsent
}

fn is_counted(proxy: &Fivedots, unsent: u64) {
    let failures: FailurePage = page(proxy, "failures");
    let [client] = &failures.clients[..] else { panic!("{:?}", failures.clients) };
    assert_eq!((client.client, client.failed.total), (CLIENT, unsent));
    assert_eq!(client.failures.get(Origin::Unsent.label()), Some(&unsent));
    println!("100 names: {unsent} answers were not sent, all counted for {CLIENT}");
    let clients: ClientPage = page(proxy, "clients");
    for view in clients
        .clients
        .iter()
        .filter(|view| view.client == OTHER_CLIENT)
    {
        let figures = view.figures.total;
        assert_eq!((figures.queries, figures.failed, figures.unsent), (2 * 100, 0, 0));
    }
    // Each query once, and a failed one is not one more.
    let zone = &failures.zones[0];
    assert_eq!((zone.figures.total.queries, zone.figures.total.failed), (400, unsent));
    let name = failures.names.first().unwrap();
    assert_eq!((&*name.origin, &*name.workload.name), ("unsent", &*CLIENT.to_string()));
    assert_eq!(name.error.as_deref(), Some("Operation not permitted"));
    assert!(name.next.command.contains("nf_conntrack_count"), "{:?}", name.next);
}

fn is_on_the_first_card(proxy: &Fivedots) {
    // It has no rates in its first second.
    let page = || get(proxy.admin, "/?window=total").body;
    assert!(eventually(SOON, || page().contains("id=\"verdict\"")), "{}", page());
    let body = page();
    let (_, verdict) = body.split_once("id=\"verdict\"").unwrap();
    let (verdict, _) = verdict.split_once("</section>").unwrap();
    for part in [
        &CLIENT.to_string(),
        "answers cannot be sent to the client (Operation not permitted)",
        "a full conntrack table, or a firewall rule on this node",
        "nf_conntrack_max",
    ] {
        assert!(verdict.contains(part), "{part} is not in {verdict}");
    }
}

fn page<T: DeserializeOwned>(proxy: &Fivedots, name: &str) -> T {
    let body = get(proxy.admin, &format!("/api/v1/{name}")).body;
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// Answers of the loopback are there when they were sent.
const AT_ONCE: Duration = Duration::from_millis(20);

/// Two of five datagrams to the client, in turn. The kernel stops a batch at one that it
/// drops, and the batch goes on with it: so some leave at their second try.
fn drop_answers(port: u16) {
    let ruleset = format!(
        "table inet test {{
            chain output {{
                type filter hook output priority 0;
                udp sport {port} ip daddr {CLIENT} numgen inc mod 5 < 2 drop;
            }}
        }}"
    );
    let nft = Command::new("nft").arg(&ruleset).output().unwrap();
    assert!(nft.status.success(), "{nft:?}");
}
