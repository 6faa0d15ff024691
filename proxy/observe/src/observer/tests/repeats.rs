//! What programs and their timers send again, and what only looks so.

use dns::{Rcode, Rtype};
use resolver::Origin;
use stub::Library::{Glibc, Go};

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
            aaaa.took = std::time::Duration::from_secs(4);
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
            event.record.arrived = event.record.arrived
                + std::time::Duration::from_millis(u64::from(again) * 1000 + 4);
            event.record.port ^= again << 4;
            event.record.id ^= again << 5;
            pod.events.push(event);
        }
    }
    let end = first[0].record.arrived + std::time::Duration::from_millis(2500);
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
