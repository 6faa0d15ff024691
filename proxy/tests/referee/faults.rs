//! What is hard to count: options that change when and from where a resolver asks,
//! faults of the upstream and of search domains, walks for one type after the other,
//! clients whose search list is not known, many lookups at once, and lost answers.

use crate::clients::{Client, More, Program, Programs, TIMES, each_of, number, set_up};
use crate::internet::play_upstream;
use crate::node::{Node, Task};
use crate::totals::Totals;
use crate::{NAMES, differing, page};

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
    check(&node, &clients, |client| What::of(&NAMES, client));
}

/// Lets all clients look up at once, and compares. Where a machine is so busy that a
/// program waits for a processor longer than for an answer, what it sends looks like
/// something else: a client that differs is run again, with those that do.
fn check(node: &Node, clients: &[Client], what: impl Fn(&Client) -> What) {
    let mut left = clients.to_vec();
    for nth in 0..TIMES {
        let now: Vec<_> = left.iter().map(|client| client.at(nth)).collect();
        let task = |client| {
            let What { names, processes } = what(client);
            Task { client, names, processes, lost: 0 }
        };
        let counted = node.run_all(&now.iter().map(task).collect::<Vec<_>>());
        let differ = differing(node, &now, &counted);
        if differ.is_empty() {
            return;
        }
        left = differ.into_iter().map(|at| left[at].clone()).collect();
    }
    panic!("the proxy counted differently each time: {left:?}");
}

/// What a client looks up.
struct What {
    names: Vec<String>,
    /// See [`Task::processes`].
    processes: Option<usize>,
}

impl What {
    /// Each name, with the client's own in place of `*`, one after another.
    fn of(names: &[&str], client: &Client) -> Self {
        let names = names.iter().map(|name| own(name, client));
        Self { names: names.collect(), processes: None }
    }
}

/// Names that are late, of which one type has no answer, and that fail.
#[test]
fn faults_of_the_upstream_change_no_count() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let mut clients = each_of(&Program::ALL, &[5], &[0]);
    let domains = ["broken.internal", "refused.internal", "silent.internal", "slow.internal"];
    let settings = domains.map(|domain| More { domain: Some(domain), ..PLAIN });
    clients.extend(set_up(&SEARCHING, &settings));
    number(&mut clients);
    let node = Node::start("faults::faults_of_the_upstream_change_no_count", &clients);
    check(&node, &clients, |client| {
        let names: &[&str] = match client.more.domain {
            None => &BAD,
            Some(_) => &["cart", "api.example.com", "gone", "cart.shop"],
        };
        What::of(names, client)
    });
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
    let [.., network, host] = client.address.octets();
    name.replace('*', &format!("h{network}-{host}"))
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
    check(&node, &clients, |client| What::of(&NAMES, client));
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
    check(&node, &clients, |client| What::of(&names, client));
}

/// Threads of one pod, and sixty processes behind one address, whose search list is known.
#[test]
fn many_lookups_at_once_are_told_apart() {
    if play_upstream() || !Programs::can_be_had() {
        return;
    }
    let programs = [Program::Glibc, Program::Musl, Program::Go];
    let clients = each_of(&programs, &[5], &[0, 1, 2]);
    let node = Node::start("faults::many_lookups_at_once_are_told_apart", &clients);
    for (clients, (lookups, processes)) in clients.chunks(3).zip([(100, 1), (20, 1), (60, 60)]) {
        check(&node, clients, |client| {
            let names = many(client, lookups);
            What { names, processes: Some(processes) }
        });
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
    // As in `check`: a busy machine is late with its timers, which tell what is sent again.
    let is_near = |nth| {
        let clients: Vec<_> = clients.iter().map(|client| client.at(nth)).collect();
        let tasks: Vec<_> = clients
            .iter()
            .zip([10, 10, 10, 30, 30])
            .map(|(client, lost)| {
                let names = many(client, testbed::by_length(50, 100));
                Task { client, names, processes: Some(1), lost }
            })
            .collect();
        let counted = node.run_all(&tasks);
        assert!(counted.iter().all(|truth| truth.retransmits > 20), "{counted:?}");
        let is_near = || are_near(&node, &clients, &counted);
        let is_near = testbed::eventually(crate::SETTLED, is_near);
        let page = page::fetch(&node.admin());
        for (client, truth) in clients.iter().zip(&counted) {
            let (label, more) = (client.program.label(), client.more);
            let found = page.get(&client.address.into());
            println!("{label} {more}\nreferee {truth:?}\nproxy   {found:?}");
        }
        is_near
    };
    assert!((0..TIMES).any(is_near), "three times off by more than one percent; see above");
}

/// So many names of a client.
fn many(client: &Client, lookups: usize) -> Vec<String> {
    let name = |n| own(&format!("h{n}.*.many.example.com"), client);
    (0..lookups).map(name).collect()
}

/// The proxy's totals of all clients are within one in a hundred of the truth, and each
/// name that was found is external, as all these names are.
fn are_near(node: &Node, clients: &[Client], truth: &[Totals]) -> bool {
    let page = page::fetch(&node.admin());
    let found: Vec<Totals> = clients
        .iter()
        .filter_map(|client| page.get(&client.address.into()).copied())
        .collect();
    let mut right = found.iter().zip(truth);
    let is_right = right.all(|(found, truth)| {
        found.external >= truth.external && (found.cluster, found.fqdn_no_dot) == (0, 0)
    });
    let [found, truth] = [&found[..], truth].map(|all| {
        let mut sum = Totals::default();
        all.iter().for_each(|one| sum += *one);
        [sum.lookups, sum.steps, sum.queries, sum.wasted_queries, sum.external]
    });
    let mut pairs = found.into_iter().zip(truth);
    is_right && pairs.all(|(found, truth)| found.abs_diff(truth) * 100 <= truth)
}
