//! Queries put together to lookups: each shape alone, and many at once.

mod crowd;
mod doubt;
mod pod;
mod repeats;
mod traps;

use stub::Library::{Glibc, Go, Musl};

use crate::advice::{Current, advise};
use crate::lookup::End;
use crate::tables::{Figures, Window};
use pod::{Pod, Truth};

/// Asks one client's walk and returns what was made of it.
fn figures(pod: Pod) -> Figures {
    let observer = pod.observed();
    Figures::of(&observer.node, Window::Start)
}

#[test]
fn an_outside_name_costs_a_step_for_each_domain() {
    for library in [Glibc, Musl, Go] {
        let figures = figures(Pod::new(library, 5).looks_up("api.example.com", "api.example.com"));
        assert_eq!((figures.lookups, figures.steps, figures.external), (1, 4, 1), "{library:?}");
        assert_eq!((figures.lookup_queries, figures.wasted_queries), (8, 6), "{library:?}");
        assert_eq!((figures.amplification, figures.wasted_ratio), (4.0, 0.75), "{library:?}");
    }
}

#[test]
fn each_way_of_a_walk_is_known_by_its_end() {
    let cases = [
        ("cart", "cart.shop.svc.cluster.local", 1, End::Cluster),
        ("cart.shop", "cart.shop.svc.cluster.local", 2, End::Cluster),
        ("cart.shop.svc", "cart.shop.svc.cluster.local", 3, End::Cluster),
        ("cart.shop.svc.cluster.local", "cart.shop.svc.cluster.local", 4, End::FqdnNoDot),
        ("cart.shop.svc.cluster.local.", "cart.shop.svc.cluster.local", 1, End::Cluster),
        ("example.com.", "example.com", 1, End::External),
        ("example.com", "example.com", 4, End::External),
        ("gone", "-", 4, End::Nonexistent),
    ];
    for (name, exists, steps, end) in cases {
        let pod = Pod::new(Glibc, 5).looks_up(name, exists);
        let observer = pod.observed();
        let figures = Figures::of(&observer.node, Window::Start);
        assert_eq!((figures.lookups, figures.steps), (1, steps), "{name}");
        let ends = [
            (End::External, figures.external),
            (End::Cluster, figures.cluster),
            (End::FqdnNoDot, figures.fqdn_no_dot),
            (End::Nonexistent, figures.nonexistent),
            (End::Failed, figures.lookups_failed),
        ];
        for (other, count) in ends {
            assert_eq!(count, u64::from(other == end), "{name} {other:?}");
        }
        let base = dns::Name::from_text(name).unwrap();
        let (_, client) = observer.clients.iter().next().unwrap();
        // With a dot at its end it can be `cart` as well.
        let is_known = client.tallies.last_seen(base.as_wire()).is_some();
        assert_eq!(is_known, name != "cart.shop.svc.cluster.local.", "{name}");
    }
}

#[test]
fn a_name_as_it_is_first_goes_on_through_the_list_but_not_with_musl() {
    let truth = |library| {
        figures(Pod::new(library, 1).looks_up("cart.shop", "cart.shop.svc.cluster.local"))
    };
    assert_eq!((truth(Glibc).steps, truth(Glibc).cluster), (3, 1));
    assert_eq!((truth(Go).steps, truth(Go).wasted_queries), (3, 4));
    assert_eq!((truth(Musl).steps, truth(Musl).nonexistent), (1, 1));
}

/// What dig and musl ask next is not what glibc would go on with.
#[test]
fn a_later_domain_after_a_name_as_it_is_begins_another_lookup() {
    let pod = Pod::new(Musl, 1)
        .looks_up("cart.shop.svc", "cart.shop.svc.cluster.local")
        .looks_up("cart.shop.svc.cluster.local", "cart.shop.svc.cluster.local");
    let figures = figures(pod);
    assert_eq!((figures.lookups, figures.steps), (2, 2));
    assert_eq!((figures.nonexistent, figures.cluster, figures.wasted_queries), (1, 1, 0));
}

#[test]
fn the_same_name_many_times_is_many_lookups() {
    let mut pod = Pod::new(Glibc, 5);
    for _ in 0..200 {
        pod = pod
            .looks_up("api.example.com", "api.example.com")
            .looks_up("cart", CART);
    }
    let figures = figures(pod);
    assert_eq!((figures.lookups, figures.steps), (400, 1000));
}

#[test]
fn a_lost_answer_is_no_second_lookup() {
    for library in [Glibc, Musl, Go] {
        let pod = Pod::new(library, 5)
            .loses(&[1])
            .looks_up("api.example.com", "api.example.com");
        let truth = pod.truth();
        let figures = figures(pod);
        assert_eq!(Truth::of(&figures), truth, "{library:?}");
        assert_eq!((figures.lookups, figures.steps), (1, 4), "{library:?}");
    }
}

#[test]
fn the_step_that_was_found_is_the_one_with_data() {
    let pod = Pod::new(Glibc, 5).looks_up("cart.shop", CART);
    let observer = pod.observed();
    let (_, client) = observer.clients.iter().next().unwrap();
    let advice = advise(&client.tallies, &Current::from(&client.search), None);
    assert_eq!((advice.lookups, advice.safe_ndots, advice.current_ndots), (1, 2, 5));
}

const CART: &str = "cart.shop.svc.cluster.local";
