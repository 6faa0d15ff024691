//! The walks against the table and the formula of the costs.

use stub::Library::{Glibc, Go, Musl};

use super::*;
use crate::lookup::Step::{Absolute, Suffix};

const SEARCH: [&str; 3] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

fn current(domains: usize) -> Current {
    let more = (0..domains).map(|n| format!("d{n}.example"));
    let search = SEARCH.map(str::to_owned).into_iter().chain(more);
    Current { search: search.take(domains).collect(), ndots: Ndots::Known(5) }
}

/// Steps under an ndots; `None` if the name is not found.
fn cost(library: Library, ndots: u8, name: &str, found: Step) -> Option<u32> {
    let walk = replay(library, &current(3).with_ndots(ndots), name, Some(found));
    walk.resolves.then_some(walk.steps)
}

#[test]
fn names_cost_what_they_are_known_to_cost() {
    // Name, where it is, then with ndots 5, 2, 1: glibc and Go, and musl.
    let table = [
        ("api.example.com", Absolute, [4, 1, 1], [Some(4), Some(1), Some(1)]),
        ("example.com", Absolute, [4, 4, 1], [Some(4), Some(4), Some(1)]),
        ("svc", Suffix(0), [1, 1, 1], [Some(1), Some(1), Some(1)]),
        ("svc.ns", Suffix(1), [2, 2, 3], [Some(2), Some(2), None]),
        ("svc.ns.svc", Suffix(2), [3, 4, 4], [Some(3), None, None]),
        ("svc.ns.svc.cluster.local", Absolute, [4, 1, 1], [Some(4), Some(1), Some(1)]),
        ("a-0.svc", Suffix(0), [1, 1, 2], [Some(1), Some(1), None]),
    ];
    for (name, found, most, musl) in table {
        for (at, ndots) in [5, 2, 1].into_iter().enumerate() {
            for library in [Glibc, Go] {
                assert_eq!(cost(library, ndots, name, found), Some(most[at]), "{library} {name}");
            }
            assert_eq!(cost(Musl, ndots, name, found), musl[at], "musl {ndots} {name}");
        }
        for library in [Glibc, Musl, Go] {
            let dotted = cost(library, 5, &format!("{name}."), found);
            assert_eq!(dotted, (found == Absolute).then_some(1), "{library} {name}.");
        }
    }
}

/// As facts have it: with d dots, m domains, data at domain k or as it is.
#[test]
fn the_walks_agree_with_the_formula() {
    for (dots, domains, ndots) in every(0..7, 0..5, 0..6) {
        let name = vec!["a"; dots + 1].join(".");
        let conf = current(domains).with_ndots(u8::try_from(ndots).unwrap());
        let places = (0..domains).map(|k| Some(Suffix(u8::try_from(k).unwrap())));
        for found in places.chain([Some(Absolute), None]) {
            let k = match found {
                Some(Suffix(k)) => usize::from(k) + 1,
                _ => domains + 1,
            };
            let absolute_first = dots >= ndots;
            let cost = match found {
                Some(Absolute) if absolute_first => 1,
                Some(Suffix(_)) if absolute_first => 1 + k,
                _ => k,
            };
            for library in [Glibc, Go] {
                let walk = replay(library, &conf, &name, found);
                assert_eq!(
                    walk.steps as usize, cost,
                    "{library} {name} {domains} {ndots} {found:?}"
                );
                assert_eq!(walk.resolves, found.is_some());
            }
            let musl = replay(Musl, &conf, &name, found);
            let fails = absolute_first && found != Some(Absolute);
            assert_eq!(musl.steps as usize, if absolute_first { 1 } else { cost });
            assert_eq!(musl.resolves, found.is_some() && !fails);
        }
    }
}

fn every(
    a: std::ops::Range<usize>,
    b: std::ops::Range<usize>,
    c: std::ops::Range<usize>,
) -> impl Iterator<Item = (usize, usize, usize)> {
    a.flat_map(move |a| {
        let c = c.clone();
        b.clone()
            .flat_map(move |b| c.clone().map(move |c| (a, b, c)))
    })
}

#[test]
fn an_unknown_ndots_is_the_kubelets_unless_the_traffic_says_otherwise() {
    for (ndots, assumed) in [
        (Ndots::Known(2), 2),
        (Ndots::Between(1, 15), 5),
        (Ndots::Between(1, 3), 3),
        (Ndots::Between(6, 15), 6),
    ] {
        assert_eq!(ndots.assumed(), assumed);
    }
}

#[test]
fn a_name_keeps_its_dots_and_lengths_as_text() {
    let text = |text: &str| text_of(Name::from_text(text).unwrap().as_wire());
    assert_eq!(text("_a-1.example."), Some("_a-1.example".to_owned()));
    assert_eq!(text(r"a\.b\027\200c.x"), Some("a?b??c.x".to_owned()));
    assert_eq!(text("."), None);
    assert_eq!(text_of(b"\x05short"), None);
}

#[test]
fn the_search_list_is_taken_as_it_stands_in_the_file() {
    let current = Current { search: vec!["Corp.Example.".to_owned()], ndots: Ndots::Known(5) };
    let walk = replay(Glibc, &current.with_ndots(5), "a", Some(Suffix(0)));
    assert_eq!(walk, Replay { steps: 1, resolves: true, whole_first: false });
    // The list of another pod was longer.
    let gone = replay(Glibc, &current.with_ndots(5), "a", Some(Suffix(7)));
    assert_eq!(gone, Replay { steps: 2, resolves: false, whole_first: false });
}
