//! What is hard to count: options that change when and from where a resolver asks,
//! faults of the upstream and of search domains, walks for one type after the other,
//! clients whose search list is not known, many lookups at once, and lost answers.

use crate::clients::{Client, More, Program, Programs, each_of, number, set_up};
use crate::internet::play_upstream;
use crate::node::{Node, Task};
use crate::totals::Totals;
use crate::{NAMES, compare, page};

const PLAIN: More = More { options: "", domain: None, silent_server: false };

/// The libraries that walk the search list.
const SEARCHING: [Program; 4] = [Program::Glibc, Program::Musl, Program::Go, Program::NodeLookup];

#[test]
fn options_change_no_count() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let options = [
        "single-request",
        "single-request-reopen",
        "no-aaaa",
        "edns0 trust-ad",
        "timeout:1 attempts:3",
    ];
    let mut settings = options.map(|options| More { options, ..PLAIN }).to_vec();
    let silent_server = true;
    settings.push(More { options: "timeout:1 attempts:3", silent_server, ..PLAIN });
    settings.push(More { options: "timeout:1 attempts:3 rotate", silent_server, ..PLAIN });
    let clients = set_up(&SEARCHING, &settings);
    let node = Node::start("faults::options_change_no_count", &clients);
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| Task::of(client, NAMES.map(str::to_owned).into()))
        .collect();
    let counted = node.run_all(&tasks);
    compare(&node, &clients, &counted);
}

/// Names that are late, of which one type has no answer, and that fail.
#[test]
fn faults_of_the_upstream_change_no_count() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let mut clients = each_of(&Program::ALL, &[5], &[0]);
    let of_names = clients.len();
    let domains = ["broken.internal", "refused.internal", "silent.internal", "slow.internal"];
    let settings = domains.map(|domain| More { domain: Some(domain), ..PLAIN });
    clients.extend(set_up(&SEARCHING, &settings));
    number(&mut clients);
    let node = Node::start("faults::faults_of_the_upstream_change_no_count", &clients);
    let task = |(at, client)| {
        let names: &[&str] =
            if at < of_names { &BAD } else { &["cart", "api.example.com", "gone", "cart.shop"] };
        Task::of(client, names.iter().map(|name| own(name, client)).collect())
    };
    let tasks: Vec<_> = clients.iter().enumerate().map(task).collect();
    let counted = node.run_all(&tasks);
    compare(&node, &clients, &counted);
}

/// `*` is the client's own: what one asked is not in the cache for the next.
const BAD: [&str; 7] = [
    "*.slow.example.com",
    "*.half.example.com",
    "*.late-for-all.example.com",
    "*.broken.example.com",
    "api.example.com",
    "*.refused.example.com",
    "cart.shop.svc.cluster.local",
];

/// The name of a client.
fn own(name: &str, client: &Client) -> String {
    name.replace('*', &format!("h{}", client.address.octets()[3]))
}

#[test]
fn walks_for_one_type_after_the_other_are_one_lookup() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let mut programs = vec![Program::Getent];
    programs.extend(Programs::has_dnspython().then_some(Program::Dnspython));
    let clients = each_of(&programs, &[2, 5], &[0]);
    let test = "faults::walks_for_one_type_after_the_other_are_one_lookup";
    let node = Node::start(test, &clients);
    let counted = node.run(&clients, &NAMES);
    compare(&node, &clients, &counted);
}

/// Nothing is configured: the list is learned from the first names.
#[test]
fn an_unknown_search_list_is_learned_and_nothing_is_lost() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let clients = each_of(&SEARCHING, &[2, 5], &[0, 2]);
    let test = "faults::an_unknown_search_list_is_learned_and_nothing_is_lost";
    let node = Node::start(test, &[]);
    let names = ["api.example.com", "example.com", "cart", "cart.shop", "gone", "example.com"];
    let counted = node.run(&clients, &names);
    compare(&node, &clients, &counted);
}

/// Threads of one pod, and sixty processes behind one address, whose search list is
/// known and is not.
#[test]
fn many_lookups_at_once_are_told_apart() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let programs = [Program::Glibc, Program::Musl, Program::Go];
    let clients = each_of(&programs, &[5], &[0, 1, 2]);
    let told = &clients[..6];
    let node = Node::start("faults::many_lookups_at_once_are_told_apart", told);
    for (clients, (lookups, processes)) in clients.chunks(3).zip([(100, 1), (20, 1), (60, 60)]) {
        let tasks: Vec<_> = clients
            .iter()
            .map(|client| at_once(client, lookups, (processes, 0)))
            .collect();
        let counted = node.run_all(&tasks);
        compare(&node, clients, &counted);
    }
}

/// Totals are right within one in a hundred, and no name that was found is of another
/// class.
#[test]
fn lost_answers_change_totals_by_one_percent_at_most() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let options = "timeout:2 attempts:4";
    let settings = [PLAIN, More { options, ..PLAIN }];
    let mut clients = set_up(&[Program::Glibc, Program::Musl, Program::Go], &settings);
    // Go asks again from another port with another id: with its own timeout alone.
    clients.truncate(5);
    let node = Node::start("faults::lost_answers_change_totals_by_one_percent_at_most", &clients);
    let tasks: Vec<_> = clients
        .iter()
        .zip([10, 10, 10, 30, 30])
        .map(|(client, lost)| at_once(client, 100, (1, lost)))
        .collect();
    let counted = node.run_all(&tasks);
    for (client, truth) in clients.iter().zip(counted) {
        assert!(truth.retransmits > 20, "{client:?}: {truth:?}");
        is_near(&node, client, truth);
    }
}

/// So many names at once, by threads of so many processes; of a hundred answers so many
/// are lost.
fn at_once(client: &Client, lookups: usize, (processes, lost): (usize, u32)) -> Task<'_> {
    let name = |n| own(&format!("h{n}.*.many.example.com"), client);
    let names = (0..lookups).map(name).collect();
    Task { client, names, processes: Some(processes), lost }
}

/// The proxy's totals of a client are within one in a hundred of the truth, and all
/// that was found is external, as all its names are.
fn is_near(node: &Node, client: &Client, truth: Totals) {
    let mut found = None;
    let near = |a: u64, b: u64| a.abs_diff(b) * 100 <= b;
    let is_near = testbed::eventually(crate::SETTLED, || {
        found = page::fetch(&node.admin())
            .get(&client.address.into())
            .copied();
        found.is_some_and(|found| {
            near(found.lookups, truth.lookups)
                && near(found.steps, truth.steps)
                && near(found.queries, truth.queries)
                && near(found.wasted_queries, truth.wasted_queries)
                && near(found.external, truth.external)
                && (found.cluster, found.fqdn_no_dot) == (0, 0)
                && found.nonexistent <= truth.nonexistent
        })
    });
    println!("{client:?}\ntruth {truth:?}\nproxy {found:?}");
    assert!(is_near, "{client:?}: {found:?}, not {truth:?}");
}
