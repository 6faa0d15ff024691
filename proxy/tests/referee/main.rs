//! A referee of the proxy's account of its clients: real resolvers look names
//! up, a capture and the resolvers themselves tell what each lookup cost, and
//! the proxy must have come to the same figures.
//!
//! `cargo test -p proxy --test referee -- --nocapture` prints the tables.
#![cfg(test)]

mod advice;
mod clients;
mod faults;
mod internet;
mod node;
mod packet;
mod page;
mod referee;
mod table;
mod totals;

use std::collections::HashMap;
use std::time::Duration;

use clients::{Client, Program, Programs, matrix};
use internet::{LATE_NAME, play_upstream};
use node::Node;
use table::{Row, Table};
use totals::Totals;

/// Names as a pod in `shop` writes them: outside, of the cluster in each form
/// from short to whole, with AAAA alone, and one that is not.
const NAMES: [&str; 8] = [
    "api.example.com",
    "example.com",
    "cart",
    "cart.shop",
    "cart.shop.svc",
    "cart.shop.svc.cluster.local",
    "six.example.com",
    "gone",
];

/// Steps of each of [`NAMES`] through the search list of Kubernetes, by hand:
/// glibc goes on to the list after a name with enough dots, musl does not.
const STEPS: [(Program, u8, [u64; NAMES.len()]); 6] = [
    (Program::Glibc, 5, [4, 4, 1, 2, 3, 4, 4, 4]),
    (Program::Glibc, 2, [1, 4, 1, 2, 4, 1, 1, 4]),
    (Program::Glibc, 1, [1, 1, 1, 3, 4, 1, 1, 4]),
    (Program::Musl, 5, [4, 4, 1, 2, 3, 4, 4, 4]),
    (Program::Musl, 2, [1, 4, 1, 2, 1, 1, 1, 4]),
    (Program::Musl, 1, [1, 1, 1, 1, 1, 1, 1, 4]),
];

#[test]
fn the_proxy_counts_as_the_referee_does() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let clients = matrix(&[1, 2, 5], extras());
    let node = Node::start("the_proxy_counts_as_the_referee_does", &clients);
    let counted = node.run(&clients, &NAMES);
    for (client, totals) in clients.iter().zip(&counted) {
        assert_eq!(totals.lookups, NAMES.len() as u64, "{client:?}");
        // Each lookup ended in one of the four ways.
        assert_eq!(totals.classes().iter().sum::<u64>(), totals.lookups, "{client:?}");
        assert_eq!(totals.steps > totals.lookups, client.program.searches(), "{client:?}");
    }
    for (program, ndots, steps) in STEPS {
        let is_meant =
            |client: &Client| (client.program, client.ndots, client.extra) == (program, ndots, 0);
        let at = clients.iter().position(is_meant).unwrap();
        assert_eq!(counted[at].steps, steps.iter().sum::<u64>(), "{:?}", clients[at]);
    }
    compare(&node, &clients, &counted);
}

/// musl asks again after 2.5 s, from the same port with the same id.
#[test]
fn what_is_sent_again_is_counted_apart() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let mut clients = matrix(&[5], &[0]);
    clients.retain(|client| client.program == Program::Musl);
    let node = Node::start("what_is_sent_again_is_counted_apart", &clients);
    let counted = node.run(&clients, &[LATE_NAME]);
    assert_eq!((counted[0].queries, counted[0].retransmits), (2, 2));
    assert_eq!((counted[0].steps, counted[0].external), (1, 1));
    compare(&node, &clients, &counted);
}

/// What the proxy says of ndots 2 from a run with ndots 5 is what a run with
/// ndots 2 costs, within 2 %.
#[test]
fn the_saving_of_a_smaller_ndots_is_what_was_predicted() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    println!("{:<13} extra {:>9} {:>9} {:>9}  off", "client", "ndots 5", "predicted", "ndots 2");
    let [before, after] = [5, 2].map(|ndots| {
        let clients = matrix(&[ndots], extras());
        let node = Node::start("the_saving_of_a_smaller_ndots_is_what_was_predicted", &clients);
        let counted = node.run(&clients, &NAMES);
        let predicted = clients
            .iter()
            .map(|client| predicted(&node, client))
            .collect::<Vec<_>>();
        (clients, counted, predicted)
    });
    let (clients, five, predicted) = before;
    for (at, client) in clients.iter().enumerate() {
        let (five, two, predicted) = (five[at].queries, after.1[at].queries, predicted[at]);
        let off = predicted.abs_diff(two) as f64 / two as f64;
        let (label, extra) = (client.program.label(), client.extra);
        println!("{label:<13} {extra:>5} {five:>9} {predicted:>9} {two:>9} {off:>6.3}");
        assert_eq!(two < five, client.program.searches(), "{client:?}");
        assert!(off <= 0.02, "{client:?}");
    }
}

/// How many search domains of the node there are after those of Kubernetes.
fn extras() -> &'static [usize] {
    testbed::by_length(&[0, 2], &[0, 1, 2])
}

/// Queries with ndots 2, by the proxy's account of the lookups so far.
fn predicted(node: &Node, client: &Client) -> u64 {
    let path = format!("/api/v1/clients/{}", client.address);
    let mut shown = serde_json::Value::Null;
    let all = NAMES.len() as u64;
    let settled = testbed::eventually(SETTLED, || {
        shown = page::fetch_json(&node.admin(), &path);
        shown["advice"]["lookups"].as_u64() >= Some(all)
    });
    assert!(settled, "{client:?}: {shown:#}");
    let two = &shown["advice"]["alternatives"][1];
    assert_eq!(two["change"]["ndots"], 2, "{two:#}");
    two[client.program.walks_like()]["queries"]
        .as_u64()
        .unwrap()
}

/// Prints the table, and fails where the proxy counted anything else.
fn compare(node: &Node, clients: &[Client], counted: &[Totals]) {
    let differ = differing(node, clients, counted);
    assert!(differ.is_empty(), "the proxy counted differently: {differ:?}");
}

/// Prints the table, and returns the places of the clients of whom the proxy counted
/// anything else.
pub(crate) fn differing(node: &Node, clients: &[Client], counted: &[Totals]) -> Vec<usize> {
    let table = |page: &HashMap<_, _>| {
        let row = |(client, referee): (_, &Totals)| {
            let client: &Client = client;
            let proxy = page.get(&client.address.into()).copied();
            Row { client, referee: *referee, proxy }
        };
        Table { rows: clients.iter().zip(counted).map(row).collect() }
    };
    let mut shown = table(&HashMap::new());
    // A lookup is closed some seconds after its last packet.
    let settled = testbed::eventually(SETTLED, || {
        shown = table(&page::fetch(&node.admin()));
        shown.differing().is_empty()
    });
    println!("{shown}");
    if settled { Vec::new() } else { shown.differing() }
}

/// When the proxy has surely closed a lookup whose last step was not answered.
const SETTLED: Duration = Duration::from_secs(20);
