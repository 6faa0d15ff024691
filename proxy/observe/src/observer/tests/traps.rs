//! What looks like a search list's waste and is not, and the reverse.

use dns::{Rcode, Rtype};
use resolver::Origin;
use stub::Library::Glibc;

use super::pod::{Pod, SEARCH, observe};
use super::{CART, figures};
use crate::intake::QueryFlags;
use crate::lookup::Source;
use crate::tables::{Figures, Window};

/// 1: `cart.shop.svc.cluster.local` is a step of `cart`, of `cart.shop`, of
/// `cart.shop.svc`, or itself.
#[test]
fn neighbours_decide_what_a_name_is_a_step_of() {
    for (name, steps) in [("cart", 1), ("cart.shop", 2), ("cart.shop.svc", 3)] {
        let observer = Pod::new(Glibc, 5).looks_up(name, CART).observed();
        let figures = Figures::of(&observer.node, Window::Start);
        assert_eq!((figures.lookups, figures.steps, figures.partial), (1, steps, 0), "{name}");
        let base = dns::Name::from_text(name).unwrap();
        let (_, client) = observer.clients.iter().next().unwrap();
        assert!(client.tallies.last_seen(base.as_wire()).is_some(), "{name}");
    }
}

/// 2: Reverse lookups, block lists and HTTPS queries are denied a lot.
#[test]
fn a_denied_name_that_nothing_follows_is_no_waste() {
    let mut pod = Pod::new(Glibc, 5).asks(&[Rtype(12)]);
    for n in 0..50 {
        pod = pod.looks_up(&format!("{n}.2.0.192.in-addr.arpa."), "-");
    }
    let storm = figures(pod);
    assert_eq!((storm.lookups, storm.wasted_queries, storm.nonexistent), (50, 0, 50));
    let https = Pod::new(Glibc, 5).asks(&[Rtype::A, Rtype::AAAA, Rtype(65)]);
    let https = figures(https.looks_up("example.com.", "example.com"));
    assert_eq!((https.lookups, https.steps, https.lookup_queries), (1, 1, 3));
}

/// 3: After SERVFAIL glibc asks twice at once.
#[test]
fn what_is_tried_again_is_no_amplification() {
    let mut pod = Pod::new(Glibc, 5).looks_up("cart", CART);
    for event in &mut pod.events {
        event.record.rcode = Rcode::SERVFAIL;
        event.record.origin = Origin::Timeout;
        event.record.flags = QueryFlags::ANSWERED;
    }
    let mut again = pod.events.clone();
    for event in &mut again {
        event.record.arrived = event.record.arrived + event.record.took;
    }
    pod.events.extend(again);
    let figures = figures(pod);
    assert_eq!((figures.lookups, figures.steps, figures.lookups_failed), (1, 1, 1));
    assert_eq!((figures.retransmits, figures.retransmits_failed), (2, 2));
    assert_eq!((figures.retransmits_answered, figures.lookup_queries), (0, 2));
}

/// 4: A domain of the node's is asked upstream, which costs more.
#[test]
fn waste_that_reaches_the_upstream_is_told_apart() {
    let list = [SEARCH[0], SEARCH[1], SEARCH[2], "ec2.internal"];
    let mut pod = Pod::new(Glibc, 5)
        .searches(&list)
        .looks_up("example.com", "example.com");
    for event in &mut pod.events {
        let asked = event.qname.ends_with(b"\x08internal\0");
        event.record.flags = event.record.flags.with_if(QueryFlags::ASKED, asked);
    }
    let figures = figures(pod);
    assert_eq!((figures.amplification, figures.upstream_amplification), (5.0, 2.0));
}

/// 5: Two namespaces behind one address.
#[test]
fn another_namespace_behind_the_address_is_one_walk_too() {
    let other = ["other.svc.cluster.local", SEARCH[1], SEARCH[2]];
    let pod = Pod::new(Glibc, 5)
        .searches(&other)
        .looks_up("example.com", "example.com");
    let observer = observe(&[Pod::new(Glibc, 5)], &pod.events);
    let figures = Figures::of(&observer.node, Window::Start);
    assert_eq!((figures.lookups, figures.steps, figures.external), (1, 4, 1));
}

/// 6: A CNAME in the answer is no name that was asked.
#[test]
fn an_alias_is_an_answer_and_no_step() {
    let figures = figures(Pod::new(Glibc, 5).looks_up("alias", "alias.shop.svc.cluster.local"));
    assert_eq!((figures.lookups, figures.steps, figures.cluster), (1, 1, 1));
}

/// 7: `*.corp.example` answers for everything.
#[test]
fn a_wildcard_in_the_search_list_captures_names() {
    let list = [SEARCH[0], SEARCH[1], SEARCH[2], "corp.example"];
    let pod = |name: &str| {
        let found = format!("{name}.corp.example");
        figures(Pod::new(Glibc, 5).searches(&list).looks_up(name, &found))
    };
    let github = pod("api.github.com");
    assert_eq!((github.captured, github.cluster), (1, 1));
    assert_eq!(pod("printer").captured, 0, "a host of the company's own");
    let whole = pod(CART);
    assert_eq!((whole.captured, whole.fqdn_no_dot), (1, 1), "a Service gets another's address");
    assert_eq!(figures(Pod::new(Glibc, 5).looks_up("cart.shop", CART)).captured, 0);
}

/// 8: Data for one type is success.
#[test]
fn no_address_of_the_other_family_is_no_failure() {
    let mut pod = Pod::new(Glibc, 5).looks_up("cart", CART);
    let is_a = |event: &&mut super::pod::Event| event.record.qtype == Rtype::A;
    for event in pod.events.iter_mut().filter(is_a) {
        event.record.flags = QueryFlags::ANSWERED;
    }
    let figures = figures(pod);
    assert_eq!((figures.lookups, figures.cluster, figures.wasted_queries), (1, 1, 0));
}

/// 9: What is no stub resolver's is in no lookup.
#[test]
fn only_what_resolvers_ask_is_counted() {
    let mut pod = Pod::new(Glibc, 5).looks_up("cart", CART);
    for event in &mut pod.events {
        event.record.origin = Origin::Local;
    }
    assert_eq!(figures(pod).lookups, 0);
}

/// 10: What is configured is not guessed over.
#[test]
fn a_told_search_list_is_never_learned_anew() {
    let mut pod = Pod::new(Glibc, 5).searches(&["a.test", "b.test"]);
    for n in 0..9 {
        let name = format!("h{n}.example.com");
        pod = pod.looks_up(&name, &name);
    }
    let told = observe(&[Pod::new(Glibc, 2)], &pod.events);
    let (_, client) = told.clients.iter().next().unwrap();
    assert_eq!((client.search.source, client.search.ndots.bounds()), (Source::Told, (2, 2)));
    let untold = observe(&[], &pod.events);
    let (_, client) = untold.clients.iter().next().unwrap();
    assert_eq!((client.search.source, client.search.ndots.bounds()), (Source::Learned, (3, 15)));
    assert_eq!(client.search.domains.len(), 2);
}

/// A client that caches what was denied begins in the middle.
#[test]
fn a_walk_that_begins_in_the_middle_is_partial() {
    let mut pod = Pod::new(Glibc, 5).looks_up("cart.shop.svc", CART);
    pod.events.drain(..2);
    let figures = figures(pod);
    assert_eq!((figures.lookups, figures.steps, figures.partial), (1, 2, 1));
}

/// BIND's tools ask for AAAA only once they have A.
#[test]
fn types_asked_one_after_another_are_one_step() {
    let mut pod = Pod::new(Glibc, 5)
        .asks(&[Rtype::A])
        .looks_up("cart.shop", CART);
    let mut aaaa = pod.events.last().unwrap().clone();
    aaaa.record.arrived = aaaa.record.arrived + aaaa.record.took + aaaa.record.took;
    (aaaa.record.qtype, aaaa.record.port, aaaa.record.id) = (Rtype::AAAA, 7, 7);
    pod.events.push(aaaa);
    let figures = figures(pod);
    assert_eq!((figures.lookups, figures.steps, figures.lookup_queries), (1, 2, 3));
}

/// A truncated answer is asked for again over TCP, from a port of its own: before
/// the other type's, or once the name is found.
#[test]
fn a_truncated_answer_over_tcp_is_the_same_lookup() {
    for (name, exists, steps) in [("cart", CART, 1), ("example.com", "example.com", 4)] {
        for (which, with_data) in [(0, true), (0, false), (1, true), (1, false)] {
            let mut pod = Pod::new(Glibc, 5).looks_up(name, exists);
            let at = pod.events.len() - 2 + which;
            let mut again = pod.events[at].clone();
            again.record.arrived = again.record.arrived + again.record.took;
            again.record.flags = again.record.flags | QueryFlags::TCP;
            again.record.port ^= 1;
            let flags = QueryFlags::ANSWERED | QueryFlags::TC;
            pod.events[at].record.flags = flags.with_if(QueryFlags::DATA, with_data);
            pod.events.push(again);
            pod.events
                .sort_by_key(|event| event.record.arrived + event.record.took);
            let observer = pod.observed();
            let figures = Figures::of(&observer.node, Window::Start);
            let what = format!("{name} {which} {with_data}");
            assert_eq!((figures.lookups, figures.steps), (1, steps), "{what}");
            assert_eq!(figures.lookup_queries, 2 * steps + 1, "{what}");
            let (_, client) = observer.clients.iter().next().unwrap();
            let totals = client.tallies.totals();
            assert_eq!((totals.lookups, totals.queries), (1, 2 * steps + 1), "{what}");
        }
    }
}
