//! What is not known is not counted as something else: search lists that nobody
//! says, and lookups for which there is no room.

use std::net::{IpAddr, Ipv4Addr};

use resolver::Moment;
use stub::Library::{Glibc, Go, Musl};

use super::CART;
use super::pod::{Pod, SEARCH, Truth, by_client, observe, observe_within, observe_within_clients};
use crate::config::ObserveConfig;
use crate::intake::{QueryEvent, Record};
use crate::lookup::Source;
use crate::observer::Observer;
use crate::tables::{Figures, Window};

/// What a forwarding loop brings back is no client's.
#[test]
fn a_query_of_our_own_that_comes_back_is_on_no_account() {
    let mut pod = Pod::new(Glibc, 5).looks_up("cart", CART);
    for event in &mut pod.events {
        event.record.flags = event.record.flags | crate::intake::QueryFlags::RETURNED;
    }
    let observer = observe(&[], &pod.events);
    assert_eq!((observer.returned(), observer.records(), observer.clients.len()), (2, 0, 0));
}

/// The check of each listen address, four times a second where the node's DNS is taken
/// over, is no client's either; the same query of a pod is.
#[test]
fn a_check_of_our_own_is_on_no_account() {
    let pod = IpAddr::from([10, 244, 1, 7]);
    for (client, own, counted) in [
        (IpAddr::from([127, 0, 0, 1]), vec![], false),
        (IpAddr::from([169, 254, 20, 10]), vec![IpAddr::from([169, 254, 20, 10])], false),
        (pod, vec![IpAddr::from([169, 254, 20, 10])], true),
    ] {
        let config = ObserveConfig { own, ..ObserveConfig::default() };
        let mut observer = Observer::new(config, &[], 0, Moment::default());
        let mut record = Record::unparsed(Record::CHECK_ID, (client, 4242).into(), observer.now);
        (record.qtype, record.origin) = (dns::Rtype::ANY, resolver::Origin::Local);
        observer.take(&QueryEvent { record, qname: &[0] });
        assert_eq!((observer.records(), observer.clients.len()), (counted.into(), counted.into()));
    }
}

fn figures(observer: &Observer) -> Figures {
    Figures::of(&observer.node, Window::Start)
}

/// `gai api.example.com`, all day, with nothing configured.
#[test]
fn one_name_is_enough_to_know_the_list_of_kubernetes() {
    for library in [Glibc, Go] {
        let mut pod = Pod::new(library, 5);
        for _ in 0..150 {
            pod = pod.looks_up("api.example.com", "api.example.com");
        }
        let observer = observe(&[], &pod.events);
        let found = figures(&observer);
        assert_eq!(Truth::of(&found), pod.truth(), "{library:?}");
        assert_eq!((found.external, found.undecided_queries), (150, 0), "{library:?}");
        let (_, client) = observer.clients.iter().next().unwrap();
        assert_eq!((client.search.source, client.search.domains.len()), (Source::Learned, 3));
    }
}

/// It had to make room for another, and is back.
#[test]
fn a_learned_list_is_there_when_its_client_is_back() {
    let pod = Pod::new(Glibc, 5).looks_up("api.example.com", "api.example.com");
    let other = Pod::new(Glibc, 5).at(Ipv4Addr::new(10, 0, 0, 9).into(), 3);
    let other = other.looks_up("cart", CART);
    let mut observer = observe_within_clients(1, &pod.events);
    for event in other.events.iter().chain(pod.events.iter().take(1)) {
        observer.take(&QueryEvent { record: event.record, qname: &event.qname });
    }
    let (addr, client) = observer.clients.iter().next().unwrap();
    assert_eq!((*addr, observer.clients.evicted()), (pod.address, 2));
    assert_eq!((client.search.source, client.search.ndots.bounds()), (Source::Learned, (3, 15)));
}

/// Only Services, which end before the list does.
#[test]
fn services_alone_tell_the_list_too() {
    let mut pod = Pod::new(Glibc, 2);
    for _ in 0..20 {
        pod = pod.looks_up("cart", CART).looks_up("cart.shop", CART);
    }
    let observer = observe(&[], &pod.events);
    assert_eq!(Truth::of(&figures(&observer)), pod.truth());
}

#[test]
fn domains_behind_the_list_of_kubernetes_are_learned_with_the_first_walk() {
    let list = [SEARCH[0], SEARCH[1], SEARCH[2], "eu.compute.internal"];
    let mut pod = Pod::new(Glibc, 5).searches(&list);
    for name in ["cart.shop", "api.example.com", "example.com"] {
        pod = pod.looks_up(name, if name == "cart.shop" { CART } else { name });
    }
    let observer = observe(&[], &pod.events);
    assert_eq!(Truth::of(&figures(&observer)), pod.truth());
}

/// The first walk shows the list of Kubernetes with its second name, and what the node
/// has behind it only after the last: all its names are placed by the whole list.
#[test]
fn domains_behind_the_list_are_learned_in_the_middle_of_a_walk() {
    let list = [SEARCH[0], SEARCH[1], SEARCH[2], "eu.compute.internal", "corp.example"];
    let names = ["api.example.com", "example.com", "cart", "cart.shop", "gone", "example.com"];
    for (library, ndots) in [(Glibc, 2), (Glibc, 5), (Musl, 5), (Go, 2), (Go, 5)] {
        let mut pod = Pod::new(library, ndots).searches(&list);
        for name in names {
            let exists = match name {
                "cart" | "cart.shop" => CART,
                "gone" => "-",
                _ => name,
            };
            pod = pod.looks_up(name, exists);
        }
        let found = figures(&observe(&[], &pod.events));
        assert_eq!(Truth::of(&found), pod.truth(), "{library:?} {ndots}");
        let classes = (found.external, found.cluster, found.nonexistent, found.undecided_queries);
        assert_eq!(classes, (3, 2, 1, 0), "{library:?} {ndots}");
    }
}

#[test]
fn two_namespaces_behind_one_address_need_no_configuration() {
    let pay = ["pay.svc.cluster.local", SEARCH[1], SEARCH[2]];
    let mut one = Pod::new(Glibc, 5);
    let mut other = Pod::new(Glibc, 5).at(one.address, 99).searches(&pay);
    let mut events = Vec::new();
    for n in 0..130_u64 {
        for (pod, after) in [(&mut one, 0), (&mut other, 5000 + n % 9 * 1000)] {
            pod.set_time(1_000_000 + n * 20_000 + after);
            let name = format!("h{}.example.com", n % 7);
            pod.look_up(&name, &name);
        }
    }
    events.extend(one.events.iter().chain(&other.events).cloned());
    events.sort_by_key(|event| event.record.arrived + event.record.took);
    let mut truth = one.truth();
    truth.add(&other.truth());
    assert_eq!(Truth::of(&figures(&observe(&[], &events))), truth);
}

/// A list that is not Kubernetes' needs three bases; until then nothing is said.
#[test]
fn a_client_that_searches_an_unknown_list_is_in_no_class() {
    let mut pod = Pod::new(Glibc, 5).searches(&["a.test", "b.test"]);
    for _ in 0..50 {
        pod = pod.looks_up("api.example.com", "api.example.com");
    }
    let queries = pod.truth().queries;
    let found = figures(&observe(&[], &pod.events));
    assert_eq!((found.lookups, found.nonexistent, found.amplification), (0, 0, 0.0));
    assert!(found.is_undecided());
    assert_eq!((found.undecided_queries, found.queries), (queries, queries));
}

/// Nothing that it asks begins with another name: it searches no list.
#[test]
fn a_client_that_searches_nothing_is_no_doubt() {
    let mut pod = Pod::new(Glibc, 0).searches(&[]);
    for n in 0..9 {
        let name = format!("h{n}.example.com");
        pod = pod.looks_up(&name, &name).looks_up("gone.example", "-");
    }
    let found = figures(&observe(&[], &pod.events));
    assert_eq!((found.external, found.nonexistent, found.undecided_queries), (9, 9, 0));
}

/// A hundred and a thousand threads of one pod, each with a name of its own, at once.
#[test]
fn lookups_side_by_side_are_told_apart() {
    for threads in [100_u16, 1000] {
        let (pods, truth) = side_by_side(threads, 1);
        let found = by_client(&observe(&pods[..1], &events_of(&pods)));
        assert_eq!(found.values().next(), Some(&truth), "{threads}");
    }
}

/// A client with thirty times its share, and one beside it that loses nothing.
#[test]
fn what_is_cut_is_in_no_class_and_takes_no_other_clients_lookups() {
    let (mut pods, truth) = side_by_side(2000, 1);
    let (other, modest) = side_by_side(60, 2);
    let addresses: [IpAddr; 2] = [pods[0].address, other[0].address];
    let known = [pods[0].clone(), other[0].clone()];
    pods.extend(other);
    let observer = observe_within(256, &known, &events_of(&pods));
    let found = by_client(&observer);
    assert_eq!(found[&addresses[1]], modest);
    let greedy = Figures::of(&observer.clients.get(addresses[0]).unwrap().counters, Window::Start);
    assert!(greedy.lookups_cut > 1000, "{greedy:?}");
    assert_eq!(greedy.nonexistent, 0);
    assert_eq!(greedy.lookup_queries + greedy.undecided_queries, truth.queries);
    // What was counted in spite of that was counted right.
    assert!(greedy.lookups == 0 || greedy.amplification <= 4.0, "{greedy:?}");
}

/// Clients of one address, each with one lookup at the same time, in the order of
/// their answers; and the sum of what they did.
fn side_by_side(threads: u16, host: u8) -> (Vec<Pod>, Truth) {
    let address = Ipv4Addr::new(10, 0, 0, host).into();
    let mut truth = Truth::default();
    let pod = |n: u16| {
        let mut pod = Pod::new(Glibc, 5).at(address, n * 7 + 1);
        pod.set_time(1_000_000 + u64::from(n) % 10);
        let name = format!("h{n}.example.com");
        pod.look_up(&name, &name);
        truth.add(&pod.truth());
        pod
    };
    ((0..threads).map(pod).collect(), truth)
}

fn events_of(pods: &[Pod]) -> Vec<super::pod::Event> {
    let mut events: Vec<_> = pods.iter().flat_map(|pod| pod.events.clone()).collect();
    events.sort_by_key(|event| event.record.arrived + event.record.took);
    events
}
