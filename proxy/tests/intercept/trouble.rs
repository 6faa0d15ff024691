//! What clients of a node lose, for each way to lose the proxy.

use std::time::Duration;

use testbed::{Component, Process, eventually, have, have_program};

use crate::asker::{Account, Asker, account, under_way};
use crate::node::{Node, can_freeze, run};

/// Clients of the ClusterIP and of the address that only this node has, over both
/// transports, from the pod and from the node itself.
const CLIENTS: [(&str, &str, &str); 9] = [
    ("pod", "udp", "10.96.0.10"),
    ("pod", "tcp", "10.96.0.10"),
    ("pod", "udp", "169.254.20.10"),
    ("pod", "tcp", "169.254.20.10"),
    ("node", "udp", "10.96.0.10"),
    ("node", "udp", "169.254.20.10"),
    ("pod", "udp", "fd00:96::a"),
    ("pod", "tcp", "fd00:96::a"),
    ("node", "udp", "fd00:96::a"),
];

/// Runs `trouble` while every client asks; returns their accounts, which are printed.
fn during(node: &Node, name: &str, trouble: impl FnOnce()) -> Vec<Account> {
    let started: Vec<Process> = CLIENTS
        .iter()
        .map(|(from, transport, server)| {
            let from = if *from == "pod" { &node.pod } else { &node.node };
            Asker::new(transport, server, QUERIES).start(from)
        })
        .collect();
    started.iter().for_each(under_way);
    trouble();
    let accounts: Vec<_> = started.iter().map(account).collect();
    println!("{name}:");
    for ((from, transport, server), account) in CLIENTS.iter().zip(&accounts) {
        let Account { asked, lost, failed, dark } = account;
        println!(
            "  {from:4} {transport} {server:14} asked {asked}, lost {lost}, failed {failed}, \
             longest without an answer {} ms",
            dark.as_millis()
        );
    }
    accounts
}

fn can() -> bool {
    have(Component::Netns) && have_program("nft", Component::Netns)
}

fn none_failed(accounts: &[Account]) {
    for (client, account) in CLIENTS.iter().zip(accounts) {
        assert_eq!((account.failed, account.asked), (0, QUERIES), "{client:?}: {account:?}");
    }
}

/// A killed proxy costs pods nothing and the node the life of an element; then kube-proxy
/// and the fallback answer, and the next proxy adopts what it left.
#[test]
fn a_killed_proxy_costs_pods_nothing() {
    if !can() {
        return;
    }
    let node = Node::new();
    let proxy = node.proxy();
    let accounts = during(&node, "kill -9", || proxy.signal("KILL").unwrap());
    for (client, account) in CLIENTS.iter().zip(&accounts) {
        // What lay in a queue of the process at that moment is lost with it. Programs of
        // the node are refused at once, again and again, until the element ends.
        let most = if client.0 == "pod" { (2, 0) } else { (QUERIES, QUERIES) };
        assert!(account.lost <= most.0 && account.failed <= most.1, "{client:?}: {account:?}");
        assert!(account.dark < MOST, "{client:?}: {account:?}");
    }
    let mut next = None;
    none_failed(&during(&node, "start after a crash", || next = Some(node.proxy())));
}

/// Nothing of the process runs then; the kernel alone gives the node's DNS back.
#[test]
fn a_stopped_proxy_gives_back_by_itself() {
    if !can() {
        return;
    }
    let node = Node::new();
    let proxy = node.proxy();
    let accounts = during(&node, "SIGSTOP", || proxy.signal("STOP").unwrap());
    none_failed(&accounts);
    for (client, account) in CLIENTS.iter().zip(&accounts) {
        assert!(account.dark < MOST, "{client:?}: {account:?}");
    }
    none_failed(&during(&node, "SIGCONT", || proxy.signal("CONT").unwrap()));
}

/// One of two threads of each address hangs, and half of the clients meet it.
#[test]
fn a_thread_that_hangs_gives_all_back() {
    if !can() || !can_freeze() {
        return;
    }
    let node = Node::new();
    let proxy = node.proxy();
    let mut frozen = None;
    let accounts = during(&node, "one of two threads frozen", || {
        frozen = Some(Node::freeze_threads(&proxy, "client-0"));
    });
    none_failed(&accounts);
    for (client, account) in CLIENTS.iter().zip(&accounts) {
        assert!(account.dark < MOST, "{client:?}: {account:?}");
    }
    assert!(gives_back(&proxy, "10.96.0.10:53"), "{}", proxy.output());
    none_failed(&during(&node, "thawed", || drop(frozen.take())));
}

/// The old process of an update is stopped while the new one serves beside it: half of
/// the queries go to a queue that nothing reads.
#[test]
fn another_process_that_hangs_gives_all_back() {
    if !can() {
        return;
    }
    let node = Node::new();
    let (old, new) = (node.proxy(), node.proxy());
    let accounts = during(&node, "SIGSTOP of a sibling", || old.signal("STOP").unwrap());
    none_failed(&accounts);
    for (client, account) in CLIENTS.iter().zip(&accounts) {
        assert!(account.dark < MOST, "{client:?}: {account:?}");
    }
    assert!(gives_back(&new, "another process that has this address"), "{}", new.output());
    none_failed(&during(&node, "SIGKILL of the sibling", || old.signal("KILL").unwrap()));
}

fn gives_back(proxy: &Process, why: &str) -> bool {
    let line = proxy.wait_for_line("this node's DNS is given back", MOST);
    line.is_ok_and(|line| line.contains(why))
}

/// Ended in order it gives back first; then `remove` leaves what others made.
#[test]
fn an_ended_proxy_loses_nothing_and_is_removed_whole() {
    if !can() {
        return;
    }
    let node = Node::new();
    let state = || {
        // Without those of links, which are tentative for a while.
        let addresses = ["ip -4 address show", "ip -6 address show scope global"];
        (run(&node.node, "nft list ruleset"), addresses.map(|line| run(&node.node, line)))
    };
    let before = state();
    assert_eq!(node.intercept("status").unwrap(), "nothing of ours\nno queries are intercepted\n");
    let proxy = node.proxy();
    assert!(
        node.intercept("status")
            .unwrap()
            .starts_with("table inet fivedots\n")
    );
    let refused = node.intercept("remove").unwrap_err();
    assert!(refused.contains("a process renews the interception"), "{refused}");
    let accounts = during(&node, "SIGTERM", || proxy.signal("TERM").unwrap());
    none_failed(&accounts);
    assert!(proxy.wait(MOST).unwrap().success(), "{}", proxy.output());
    let ours = "table inet fivedots\naddresses 10.96.0.10, 169.254.20.10, fd00:96::a\n";
    let shown = node.intercept("remove --check").unwrap();
    assert_eq!(shown.replace("link fivedots0\n", ""), ours);
    assert_ne!(state().0, before.0);
    assert!(node.intercept("remove").unwrap().starts_with("removed:\n"));
    assert_eq!(state(), before);
}

/// A person, or another program, removes the table of a running proxy.
#[test]
fn rules_that_are_gone_are_made_again() {
    if !can() {
        return;
    }
    let node = Node::new();
    let proxy = node.proxy();
    none_failed(&during(&node, "table removed", || {
        run(&node.node, "nft delete table inet fivedots");
        let line = "the rules of interception are gone";
        proxy.wait_for_line(line, MOST).unwrap();
    }));
    assert!(
        node.intercept("status")
            .unwrap()
            .starts_with("table inet fivedots\n")
    );
}

/// The same with the addresses, as where their link is removed.
#[test]
fn addresses_that_are_gone_are_added_again() {
    if !can() {
        return;
    }
    let node = Node::new();
    let proxy = node.proxy();
    run(&node.node, "ip address flush to 169.254.20.10/32");
    proxy
        .wait_for_line("someone removed these addresses", MOST)
        .unwrap();
    let back = || node.intercept("status").unwrap().contains("169.254.20.10");
    assert!(eventually(MOST, back), "{}", proxy.output());
    none_failed(&during(&node, "after an address was removed", || {}));
}

/// Of each client: some five seconds, longer than any way to notice takes.
const QUERIES: u32 = 600;
/// The bound of a test on a busy machine; an idle one needs 1.1 s.
const MOST: Duration = Duration::from_secs(8);
