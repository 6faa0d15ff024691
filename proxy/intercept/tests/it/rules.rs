//! What is put in force, as the program `nft` shows it, and what is left alone.

use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use intercept::{Interceptor, LIFE, Matching, Plan, remove, status};
use testbed::netns::role;
use testbed::{Component, Netns, eventually, have, have_program};

/// Runs the test of this name again inside a namespace; true once it is inside.
fn inside(test: &str) -> bool {
    if role().is_some() {
        return true;
    }
    if have(Component::Netns) && have_program("nft", Component::Netns) {
        let netns = Netns::new().unwrap();
        netns.run_test(&format!("rules::{test}"), "node").unwrap();
    }
    false
}

fn plan() -> Plan {
    Plan {
        services: addrs(&["10.96.0.10", "fd00:96::a"]),
        local: addrs(&["169.254.20.10"]),
        fallback: ["10.244.1.2:53", "10.244.2.2:5353"]
            .map(|to| to.parse::<SocketAddr>().unwrap())
            .into(),
        also: vec!["10.250.0.11:9253".parse().unwrap()],
    }
}

fn addrs(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn run(line: &str) -> String {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap())
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn ruleset() -> String {
    run("nft list ruleset")
}

#[test]
fn each_rule_is_what_it_is_meant_to_be() {
    if !inside("each_rule_is_what_it_is_meant_to_be") {
        return;
    }
    let mut interceptor = Interceptor::install(plan()).unwrap();
    assert_eq!(interceptor.matching(), Matching::Socket);
    interceptor.renew().unwrap();
    let shown = run("nft -s list table inet fivedots");
    for (chain, rules) in RULES {
        let written = chain_of(&shown, chain);
        let expected: Vec<_> = rules.trim().lines().map(str::trim).collect();
        assert_eq!(written, expected, "{chain} in:\n{shown}");
    }
}

/// All chains with their rules.
fn chains() -> String {
    let shown = run("nft -s list table inet fivedots");
    shown[shown.find("chain prerouting").unwrap()..].to_owned()
}

/// The lines of a chain but the first, which says where it is hooked in.
fn chain_of<'a>(shown: &'a str, chain: &str) -> Vec<&'a str> {
    let after = shown.split_once(&format!("chain {chain} {{\n")).unwrap().1;
    let inside = after.split_once('}').unwrap().0;
    inside.trim().lines().map(str::trim).skip(1).collect()
}

/// Chains with their rules.
const RULES: [(&str, &str); 5] = [
    (
        "prerouting",
        "ip daddr @live4 udp dport 53 socket wildcard 0 notrack
         ip daddr @live4 tcp dport 53 socket transparent 0 notrack
         ip6 daddr @live6 udp dport 53 socket wildcard 0 notrack
         ip6 daddr @live6 tcp dport 53 socket transparent 0 notrack
         udp sport 53 socket mark 0x00350000 notrack
         tcp sport 53 socket mark 0x00350000 notrack
         udp sport 5353 socket mark 0x00350000 notrack
         tcp sport 5353 socket mark 0x00350000 notrack
         ip daddr 10.250.0.11 tcp dport 9253 notrack",
    ),
    (
        "output",
        "ip saddr @own4 udp sport 53 notrack
         ip saddr @own4 tcp sport 53 notrack
         ip daddr @live4 udp dport 53 notrack
         ip daddr @live4 tcp dport 53 notrack
         ip6 saddr @own6 udp sport 53 notrack
         ip6 saddr @own6 tcp sport 53 notrack
         ip6 daddr @live6 udp dport 53 notrack
         ip6 daddr @live6 tcp dport 53 notrack
         meta mark 0x00350000 notrack
         ip daddr 10.250.0.11 tcp dport 9253 notrack
         ip saddr 10.250.0.11 tcp sport 9253 notrack",
    ),
    ("nat-prerouting", TO_COREDNS),
    ("nat-output", TO_COREDNS),
    (
        "nat-postrouting",
        "ip saddr @own4 oifname != \"lo\" masquerade
         ip6 saddr @own6 oifname != \"lo\" masquerade",
    ),
];
const TO_COREDNS: &str = "
    ip daddr @local4 udp dport 53 dnat ip to numgen random mod 2 map @fallback-addr4:numgen random mod 2 map @fallback-port4
    ip daddr @local4 tcp dport 53 dnat ip to numgen random mod 2 map @fallback-addr4:numgen random mod 2 map @fallback-port4";

#[test]
fn a_second_process_takes_over_what_is_live() {
    if !inside("a_second_process_takes_over_what_is_live") {
        return;
    }
    let mut first = Interceptor::install(plan()).unwrap();
    let before = chains();
    // A second is soon over on a busy machine; a process that gave everything back when
    // it starts would never be seen to keep it.
    let mut second = None;
    let kept = eventually(LONG, || {
        first.renew().unwrap();
        second = Some(Interceptor::install(plan()).unwrap());
        status().unwrap().live.len() == 3
    });
    assert!(kept, "installing gives nothing back");
    let mut second = second.unwrap();
    assert_eq!(chains(), before);
    second.give_back().unwrap();
    assert_eq!(status().unwrap().live, []);
    second.give_back().unwrap();
    // A table of an earlier version, whose sets are of other types.
    run("nft delete table inet fivedots");
    run("nft add table inet fivedots { comment \"fivedots\" ; }");
    run("nft add set inet fivedots live4 { type ether_addr ; }");
    let mut third = Interceptor::install(plan()).unwrap();
    third.renew().unwrap();
    assert_eq!(chains(), before);
    run("nft delete table inet fivedots");
    third.renew().unwrap_err();
    third.repair().unwrap();
    assert_eq!(third.restore_addresses().unwrap(), addrs(&[]));
    run("ip address flush to 10.96.0.10/32");
    assert_eq!(third.restore_addresses().unwrap(), addrs(&["10.96.0.10"]));
    assert_eq!(status().unwrap().addresses.len(), plan().all().count());
    assert_eq!(chains(), before);
}

/// The old process of an update goes on with its own until it ends.
#[test]
fn addresses_of_an_earlier_plan_go_when_nobody_serves_them() {
    if !inside("addresses_of_an_earlier_plan_go_when_nobody_serves_them") {
        return;
    }
    run("ip address add 10.96.0.77/32 dev lo");
    let mut old = Interceptor::install(plan()).unwrap();
    old.renew().unwrap();
    let moved = Plan { services: addrs(&["10.96.0.99"]), ..plan() };
    let mut new = Interceptor::install(moved).unwrap();
    new.renew().unwrap();
    assert_eq!(new.remove_others().unwrap(), addrs(&[]));
    old.give_back().unwrap();
    new.renew().unwrap();
    let mut removed = new.remove_others().unwrap();
    removed.sort_unstable();
    assert_eq!(removed, addrs(&["10.96.0.10", "fd00:96::a"]));
    let mut left = status().unwrap().addresses;
    left.sort_unstable();
    assert_eq!(left, addrs(&["10.96.0.99", "169.254.20.10"]));
    assert!(run("ip address show dev lo").contains("10.96.0.77"), "that of another");
}

#[test]
fn a_table_of_others_is_left_alone() {
    if !inside("a_table_of_others_is_left_alone") {
        return;
    }
    run("nft add table inet fivedots");
    let rules = ruleset();
    let error = Interceptor::install(plan()).unwrap_err().to_string();
    assert_eq!(error, "the table inet fivedots is not ours: it lacks the comment \"fivedots\"");
    assert!(remove().unwrap().is_empty());
    assert_eq!(ruleset(), rules);
}

#[test]
fn the_fallback_is_replaced_whole() {
    if !inside("the_fallback_is_replaced_whole") {
        return;
    }
    let mut interceptor = Interceptor::install(plan()).unwrap();
    interceptor.set_fallback(Vec::new()).unwrap();
    let shown = run("nft -s list table inet fivedots");
    assert_eq!(chain_of(&shown, "nat-output"), [""; 0]);
    assert_eq!(interceptor.without_fallback(), plan().local);
    interceptor.set_fallback(plan().fallback).unwrap();
    assert_eq!(interceptor.without_fallback(), addrs(&[]));
    let shown = run("nft -s list table inet fivedots");
    let expected: Vec<_> = TO_COREDNS.trim().lines().map(str::trim).collect();
    assert_eq!(chain_of(&shown, "nat-output"), expected);
}

/// A client that keeps its port is not left with a pod that is gone; others, and what
/// kube-proxy chose, stay.
#[test]
fn clients_of_a_pod_that_is_gone_are_sent_to_another() {
    if !have_program("conntrack", Component::Netns)
        || !inside("clients_of_a_pod_that_is_gone_are_sent_to_another")
    {
        return;
    }
    let mut interceptor = Interceptor::install(plan()).unwrap();
    for (port, to, pod) in [
        (4001, "169.254.20.10", "10.244.1.2"),
        (4002, "169.254.20.10", "10.244.2.2"),
        (4003, "10.96.0.10", "10.244.1.2"),
    ] {
        let client = format!("-p udp -s 10.244.1.9 -d {to} --sport {port} --dport 53");
        let pod_port = if pod == "10.244.2.2" { ":5353" } else { "" };
        run(&format!("conntrack -I {client} --dst-nat {pod}{pod_port} -t 60"));
    }
    let stays: SocketAddr = "10.244.2.2:5353".parse().unwrap();
    let gone = interceptor.set_fallback(vec![stays]).unwrap();
    assert_eq!(gone, ["10.244.1.2:53".parse().unwrap()]);
    assert_eq!(intercept::forget(interceptor.local(), &gone).unwrap(), 1);
    let left = run("conntrack -L -p udp");
    let ports = ["4001", "4002", "4003"].map(|port| left.contains(&format!("sport={port}")));
    assert_eq!(ports, [false, true, true], "{left}");
    assert_eq!(intercept::forget(interceptor.local(), &gone).unwrap(), 0);
    assert_eq!(intercept::forget(interceptor.local(), &[stays]).unwrap(), 1, "{left}");
}

#[test]
fn what_others_have_stays_as_it_is() {
    if !inside("what_others_have_stays_as_it_is") {
        return;
    }
    run("nft add table ip fivedots");
    run("nft add table inet kube-proxy");
    run("nft add chain inet kube-proxy output { type filter hook output priority -300 ; }");
    run("nft add rule inet kube-proxy output udp dport 53 counter accept");
    run("ip address add 10.1.2.3/32 dev lo");
    let (rules, addresses) = (ruleset(), run("ip address show"));
    let mut interceptor = Interceptor::install(plan()).unwrap();
    let mut found = status().unwrap();
    let lives = eventually(LONG, || {
        interceptor.renew().unwrap();
        found = status().unwrap();
        found.live.len() == 3
    });
    assert!(lives && found.table, "{found:?}");
    assert_eq!(found.addresses.len(), 3, "{found:?}");
    assert!(found.live.iter().all(|(_, left)| *left <= LIFE), "{found:?}");
    assert_ne!(ruleset(), rules);
    assert!(!remove().unwrap().is_empty());
    assert_eq!((ruleset(), run("ip address show")), (rules, addresses));
    assert!(status().unwrap().is_empty());
    assert!(remove().unwrap().is_empty(), "a second time there is nothing");
}

const LONG: Duration = Duration::from_secs(30);
