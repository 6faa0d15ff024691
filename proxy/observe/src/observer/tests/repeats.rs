//! What programs and their timers send again, and what only looks so.

use std::time::Duration;

use dns::{Rcode, Rtype};
use resolver::Origin;
use stub::Library::{Glibc, Go, Musl};

use super::figures;
use super::pod::{Pod, Truth, observe};
use crate::intake::QueryFlags;
use crate::observer::Observer;
use crate::tables::{Figures, Window};

fn counted(observer: &Observer) -> Figures {
    Figures::of(&observer.node, Window::Start)
}

/// `getent hosts` walks for AAAA, and then for A; dnspython the other way round.
#[test]
fn a_walk_with_each_type_is_one_lookup() {
    let names = ["api.example.com", "cart.shop.svc", "cart.shop", "example.com", "gone.example"];
    for (first, then) in [(Rtype::AAAA, Rtype::A), (Rtype::A, Rtype::AAAA)] {
        for first_finds in [false, true] {
            let mut pod = Pod::new(Glibc, 5);
            let mut truth = Truth::default();
            for name in names {
                let exists = match name {
                    "gone.example" => "-",
                    _ if name.ends_with("com") => name,
                    _ => super::CART,
                };
                let before = pod.truth();
                let none = if first_finds { exists } else { "-" };
                pod = pod.asks(&[first]).looks_up(name, none);
                pod = pod.asks(&[then]).looks_up(name, exists);
                // Of a name of the cluster that only one type finds, the other walk went on.
                let [_, second] = [before, pod.truth()].map(|truth| truth.steps);
                let steps = (second - before.steps)
                    .div_ceil(2)
                    .max(4 * u64::from(none == "-"));
                truth.steps += steps;
            }
            let found = counted(&observe(&[Pod::new(Glibc, 5)], &pod.events));
            let what = format!("{first:?} {first_finds}");
            assert_eq!((found.lookups, found.nonexistent), (5, 1), "{what}");
            assert_eq!(found.lookup_queries, pod.truth().queries, "{what}");
            assert_eq!(found.steps, truth.steps, "{what}");
            assert_eq!(found.external, 2, "{what}");
        }
    }
}

#[test]
fn both_walks_waste_what_both_were_denied() {
    let pod = Pod::new(Glibc, 5)
        .asks(&[Rtype::AAAA])
        .looks_up("api.example.com", "-")
        .asks(&[Rtype::A])
        .looks_up("api.example.com", "api.example.com");
    let found = figures(pod);
    assert_eq!((found.steps, found.lookup_queries, found.wasted_queries), (4, 8, 6));
    let pod = Pod::new(Glibc, 5)
        .asks(&[Rtype::A])
        .looks_up("api.example.com", "api.example.com")
        .asks(&[Rtype::AAAA])
        .looks_up("api.example.com", "api.example.com");
    let found = figures(pod);
    assert_eq!((found.lookups, found.steps, found.lookup_queries), (1, 4, 8));
    assert_eq!((found.wasted_queries, found.external), (6, 1));
}

/// The same name with one type, all day: each is a lookup.
#[test]
fn the_same_walk_with_the_same_type_is_another_lookup() {
    let mut pod = Pod::new(Glibc, 5).asks(&[Rtype::A]);
    for _ in 0..20 {
        pod = pod.looks_up("api.example.com", "api.example.com");
    }
    let truth = pod.truth();
    assert_eq!(Truth::of(&figures(pod)), truth);
}

/// A is answered, AAAA never: it fails when its deadline is over.
#[test]
fn a_type_that_fails_seconds_later_is_of_the_same_lookup() {
    for library in [Glibc, Go] {
        let mut pod = Pod::new(library, 5);
        for n in 0..5 {
            pod = pod.looks_up("cart", super::CART);
            let aaaa = &mut pod.events[2 * n + 1].record;
            (aaaa.rcode, aaaa.origin) = (Rcode::SERVFAIL, Origin::Timeout);
            aaaa.flags = QueryFlags::ANSWERED;
            aaaa.took = Duration::from_secs(4);
            pod.set_time(pod.time() + 10_000_000);
        }
        pod.events
            .sort_by_key(|event| event.record.arrived + event.record.took);
        let found = figures(pod);
        assert_eq!((found.lookups, found.cluster, found.lookups_failed), (5, 5, 0), "{library:?}");
        assert_eq!((found.lookup_queries, found.steps), (10, 5), "{library:?}");
    }
}

/// Go with `timeout:1 attempts:3`, and answers that come after 2.5 s.
#[test]
fn what_a_timer_asks_while_the_answer_is_awaited_is_no_lookup() {
    let mut pod = Pod::new(Go, 5).looks_up("cart", super::CART);
    let first = pod.events.clone();
    for again in 1..3_u16 {
        for event in &first {
            let mut event = event.clone();
            event.record.arrived =
                event.record.arrived + Duration::from_millis(u64::from(again) * 1000 + 4);
            event.record.port ^= again << 4;
            event.record.id ^= again << 5;
            pod.events.push(event);
        }
    }
    let end = first[0].record.arrived + Duration::from_millis(2500);
    for event in &mut pod.events {
        event.record.took = end.saturating_since(event.record.arrived);
    }
    let found = figures(pod);
    assert_eq!((found.lookups, found.cluster, found.lookup_queries), (1, 1, 2));
    assert_eq!((found.retransmits, found.retransmits_waiting), (4, 4));
}

/// dig, and whatever asks A alone, every 0.3 s.
#[test]
fn a_program_that_tries_a_failing_name_again_looks_it_up_again() {
    let mut pod = Pod::new(Glibc, 1).asks(&[Rtype::A]);
    for _ in 0..15 {
        pod = pod.looks_up("down.example.com.", "-");
        pod.set_time(pod.time() + 300_000);
    }
    for event in &mut pod.events {
        (event.record.rcode, event.record.origin) = (Rcode::SERVFAIL, Origin::Upstream);
    }
    let found = figures(pod);
    assert_eq!((found.lookups, found.lookups_failed, found.retransmits), (15, 15, 0));
}

/// Lets each step begin a second after the one before, and its AAAA so much later.
fn slow_down(pod: &mut Pod, aaaa_micros: u64) {
    for (n, event) in (0..).zip(&mut pod.events) {
        let later = n / 2 * 1_000_000 + n % 2 * aaaa_micros;
        event.record.arrived = event.record.arrived + Duration::from_micros(later);
    }
    pod.events
        .sort_by_key(|event| event.record.arrived + event.record.took);
}

/// Go takes a server for each type, with `rotate`: one of them may be silent.
#[test]
fn a_type_that_asks_a_silent_server_first_is_of_the_same_lookup() {
    let mut pod = Pod::new(Go, 5);
    for (name, exists) in [("cart", super::CART), ("gone", "-"), ("cart.shop", super::CART)] {
        pod = pod.looks_up(name, exists);
    }
    slow_down(&mut pod, 1_000_000);
    let truth = pod.truth();
    let found = figures(pod);
    assert_eq!(Truth::of(&found), truth);
    assert_eq!((found.cluster, found.nonexistent), (2, 1));
}

/// The last name of one lookup is asked five seconds later in the middle of another, as
/// Go asks again for lost answers.
#[test]
fn a_next_name_is_no_retransmit_of_a_lookup_before() {
    let mut pod = Pod::new(Go, 5);
    for name in ["cart", "cart.shop", "cart.shop.svc"] {
        pod = pod.looks_up(name, super::CART);
    }
    slow_down(&mut pod, 0);
    let truth = pod.truth();
    let found = figures(pod);
    assert_eq!(Truth::of(&found), truth);
    assert_eq!((found.cluster, found.nonexistent), (3, 0));
}

/// A is answered, AAAA fails after four seconds, and Go asks for it once more.
#[test]
fn a_type_that_failed_and_is_asked_again_at_once_is_a_retransmit() {
    let mut pod = Pod::new(Go, 5).looks_up("cart", super::CART);
    let failed = &mut pod.events[1].record;
    (failed.rcode, failed.origin) = (Rcode::SERVFAIL, Origin::Timeout);
    failed.took = Duration::from_secs(4);
    let mut again = pod.events[1].clone();
    again.record.arrived = again.record.arrived + Duration::from_millis(4001);
    again.record.took = Duration::ZERO;
    (again.record.port, again.record.id) = (1, 2);
    pod.events.push(again);
    for event in &mut pod.events[1..] {
        event.record.flags = QueryFlags::ANSWERED;
    }
    let found = figures(pod);
    assert_eq!((found.lookups, found.lookup_queries, found.cluster), (1, 2, 1));
    assert_eq!((found.retransmits, found.retransmits_failed), (1, 1));
}

/// glibc with `single-request`, which it takes itself once half of its answers were
/// lost: AAAA waits for A, and that is sent again.
#[test]
fn a_type_that_waits_for_a_lost_answer_is_of_the_same_lookup() {
    let mut pod = Pod::new(Glibc, 5).looks_up("cart", super::CART);
    let mut again = pod.events[0].clone();
    again.record.arrived = again.record.arrived + Duration::from_secs(5);
    pod.events[1].record.arrived = again.record.arrived + Duration::from_millis(1);
    pod.events.insert(1, again);
    let found = figures(pod);
    assert_eq!((found.lookups, found.lookup_queries, found.retransmits), (1, 2, 1));
}

/// dnspython, for a name whose lookup before ended with the same name.
#[test]
fn a_lookup_of_the_name_that_two_walks_found_is_another() {
    let pod = Pod::new(Glibc, 2)
        .asks(&[Rtype::A])
        .looks_up("cart.shop.svc", super::CART)
        .asks(&[Rtype::AAAA])
        .looks_up("cart.shop.svc", super::CART)
        .asks(&[Rtype::A])
        .looks_up(super::CART, super::CART)
        .asks(&[Rtype::AAAA])
        .looks_up(super::CART, super::CART);
    let found = counted(&observe(&[Pod::new(Glibc, 2)], &pod.events));
    assert_eq!((found.lookups, found.steps, found.lookup_queries), (2, 5, 10));
}

/// Three programs of a pod look the same names up ten times a second, a fourth asks for one
/// of them whole, and nothing is lost.
#[test]
fn what_is_looked_up_all_day_is_not_asked_again() {
    const WHOLE: &str = "kubernetes.default.svc.cluster.local";
    let names = ["kubernetes.default", "example.com", "kubernetes.default.svc"];
    let mut events = Vec::new();
    let programs = [(Glibc, &names[..]), (Go, &names), (Musl, &names), (Go, &[WHOLE])];
    for (seed, (library, names)) in (1..).zip(programs) {
        let mut pod = Pod::new(library, 5).at("10.0.0.1".parse().unwrap(), seed * 77);
        if names == [WHOLE] {
            pod.ndots = 1;
            pod = pod.asks(&[Rtype::A]);
        }
        for (n, name) in (0..600).zip(names.iter().cycle()) {
            pod.set_time(1_000_000 + 100_131 * n + 20_000 * u64::from(seed));
            pod.look_up(name, if *name == "example.com" { name } else { WHOLE });
        }
        events.extend(pod.events);
    }
    events.sort_by_key(|event| event.record.arrived + event.record.took);
    let found = counted(&observe(&[Pod::new(Glibc, 5)], &events));
    assert!(found.retransmits < 10, "{found:#?}");
    assert!(found.lookups.abs_diff(4 * 600) < 10, "{found:#?}");
}
