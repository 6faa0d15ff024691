//! The advice against what happens: programs look 300 names up with ndots 5, and then
//! with what the advice is about.
//!
//! `cargo test -p proxy --test referee advice -- --nocapture` prints the table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::clients::{Client, More, Program, Programs, each_of};
use crate::internet::{SERVICES, play_upstream};
use crate::node::{Node, Task};
use crate::page;
use crate::referee::Lookup;
use crate::totals::Totals;

/// As many names as are kept by default are named; of all that break each is named or
/// counted where all are kept.
#[test]
fn the_advice_is_what_happens() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let test = "advice::the_advice_is_what_happens";
    let clients = clients();
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| Task::of(client, names()))
        .collect();
    let node = Node::start(test, &clients);
    let ran: Vec<_> = tasks
        .chunks(NDOTS.len())
        .map(|tasks| node.run_each(tasks))
        .collect();
    println!("library  ndots  predicted     really  breaks");
    (0..KINDS.len()).for_each(|kind| compare(&node, &clients, &ran, kind, Kept::Some));
    let keeps_all = Node::configured(test, "[observe]\nnames_per_client = 512", &clients);
    let now = tasks.into_iter().skip(NDOTS.len() - 1);
    keeps_all.run_each(&now.step_by(NDOTS.len()).collect::<Vec<_>>());
    (0..KINDS.len()).for_each(|kind| compare(&keeps_all, &clients, &ran, kind, Kept::All));
}

const NDOTS: [u8; 5] = [1, 2, 3, 4, 5];

const LIBRARIES: [Program; 3] = [Program::Glibc, Program::Musl, Program::Go];

/// The libraries, and a program that asks for A alone, each with the walk by which its
/// lookups go and those that its queries do not rule out.
const KINDS: [(&str, &str, &[&str]); 4] = [
    ("glibc", "glibc", &["glibc"]),
    ("musl", "musl", &["musl"]),
    // glibc with `single-request-reopen` and `edns0` looks the same.
    ("go", "go", &["glibc", "go"]),
    ("unknown", "glibc", &["glibc", "musl"]),
];

/// How many of the names a proxy keeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kept {
    Some,
    All,
}

/// What a program did with each ndots, from 1 to 5.
type Runs = Vec<(Totals, Vec<Lookup>)>;

/// Compares what is said of the client of this kind with ndots 5 with what the others did.
fn compare(node: &Node, clients: &[Client], runs: &[Runs], kind: usize, kept: Kept) {
    let (label, walks_like, libraries) = KINDS[kind];
    let seen = advice(node, &clients[NDOTS.len() * kind + 4]);
    let possible = &seen["advice"]["libraries"];
    let found = LABELS.into_iter().filter(|label| possible[label] == true);
    assert_eq!(found.collect::<Vec<_>>(), libraries, "{label}");
    for ndots in 1..=4 {
        let told = &seen["advice"]["alternatives"][ndots - 1];
        assert_eq!(told["change"]["ndots"], ndots, "{told}");
        let [before, after] = [5, ndots].map(|ndots| runs[kind][ndots - 1].0.queries);
        let forecast = &told[walks_like];
        let broken = broken(runs, libraries, ndots);
        let predicted = forecast["queries"].as_u64().unwrap();
        println!("{label:<8} {ndots:>5} {predicted:>10} {after:>10} {:>7}", broken.len());
        assert_eq!(predicted, after, "{label} with ndots {ndots}: {forecast:#}");
        let saved = forecast["queries_saved"].as_i64().unwrap();
        assert_eq!(saved, before.cast_signed() - after.cast_signed(), "{label} {ndots}");
        compare_broken(&told["breaks"], &broken, kept);
    }
}

/// In the order of [`LIBRARIES`].
const LABELS: [&str; 3] = ["glibc", "musl", "go"];

/// Each program with ndots 1 to 5, and one whose queries fit several libraries.
fn clients() -> Vec<Client> {
    let mut clients = Vec::new();
    for program in LIBRARIES {
        clients.extend(each_of(&[program], &NDOTS, &[0]));
    }
    let more = More { options: "no-aaaa", ..More::default() };
    let unknown = each_of(&[Program::Glibc], &NDOTS, &[0]);
    clients.extend(unknown.into_iter().map(|client| Client { more, ..client }));
    crate::clients::number(&mut clients);
    clients
}

/// 300 names with no dots to four, outside and of the cluster, and some that are not.
fn names() -> Vec<String> {
    let each = |count: usize, form: &str| -> Vec<String> {
        (0..count)
            .map(|n| form.replace('#', &n.to_string()))
            .collect()
    };
    let mut names = Vec::new();
    for form in [
        "web#",
        "web#.shop",
        "web#.shop.svc",
        "web#.shop.svc.cluster.local",
        "db#.data",
        "db#.data.svc",
    ] {
        names.extend(each(SERVICES, form));
    }
    for (count, form) in [
        (50, "h#.test"),
        (50, "h#.two.test"),
        (40, "h#.x.three.test"),
        (20, "h#.y.x.four.test"),
        (20, "gone#.nowhere.example"),
    ] {
        names.extend(each(count, form));
    }
    assert_eq!(names.len(), 300);
    names
}

/// Waits until all lookups of a client are in its account.
fn advice(node: &Node, client: &Client) -> Value {
    let path = format!("/api/v1/clients/{}", client.address);
    let mut shown = Value::Null;
    let settled = testbed::eventually(crate::SETTLED, || {
        shown = page::fetch_json(&node.admin(), &path);
        shown["advice"]["lookups"] == 300
    });
    assert!(settled, "{client:?}: {shown:#}");
    shown
}

/// Names that are found with ndots 5 and are not with this one, with the libraries under
/// which that is so.
fn broken(
    runs: &[Runs],
    libraries: &[&'static str],
    ndots: usize,
) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut broken: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (label, runs) in LABELS.into_iter().zip(runs) {
        if !libraries.contains(&label) {
            continue;
        }
        let [before, after] = [5, ndots].map(|ndots| &runs[ndots - 1].1);
        for (before, after) in before.iter().zip(after) {
            assert_eq!(before.name, after.name);
            if before.found && !after.found {
                broken.entry(before.name.clone()).or_default().insert(label);
            }
        }
    }
    broken
}

/// Whatever is named breaks, under these libraries; and all that breaks is named or
/// counted, if the names are kept.
fn compare_broken(told: &Value, broken: &BTreeMap<String, BTreeSet<&str>>, kept: Kept) {
    let names = told["names"].as_array().unwrap();
    for name in names {
        let libraries: BTreeSet<_> = LABELS
            .into_iter()
            .filter(|label| name["libraries"][label] == true)
            .collect();
        let really = broken.get(name["name"].as_str().unwrap());
        assert_eq!(Some(&libraries), really, "{name}");
    }
    let all = names.len() as u64 + told["more"].as_u64().unwrap();
    assert_eq!(all == 0, broken.is_empty(), "{told:#}");
    if kept == Kept::All {
        assert_eq!(all, broken.len() as u64, "{told:#}");
    }
}
