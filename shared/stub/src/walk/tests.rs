//! Walks as the libraries were seen to make them.
//!
//! The tables were run with glibc 2.36, musl 1.2.3 and Go 1.26 against a server
//! that answers as the row says; the exceptions are named in the crate's
//! documentation.

use proptest::prelude::*;

use super::*;
use crate::Library::{Glibc, Go, Musl};
use crate::Options;
use crate::Outcome::{Answer, NoData, NxDomain, Refused, ServFail, Timeout, Unreachable};

const ALL: [Library; 3] = [Glibc, Musl, Go];
const FAILURES: [Outcome; 6] = [NoData, NxDomain, ServFail, Refused, Timeout, Unreachable];

fn conf(ndots: u8, search: &[&str]) -> ResolvConf {
    ResolvConf {
        search: search.iter().map(|domain| (*domain).to_owned()).collect(),
        options: Options { ndots, ..Options::default() },
        ..ResolvConf::default()
    }
}

/// What is asked if `name` turns out as `outcome`, and others do not exist.
fn asked(
    library: Library,
    conf: &ResolvConf,
    lookup: &str,
    name: &str,
    outcome: Outcome,
) -> String {
    let of = |asked: &str| if asked == name { outcome } else { NxDomain };
    expand(library, conf, lookup, of).join(" ")
}

/// What is asked if nothing exists.
fn all(library: Library, conf: &ResolvConf, lookup: &str) -> String {
    asked(library, conf, lookup, "", NxDomain)
}

/// What counts: glibc `res_search`, musl `name_from_dns_search`, Go
/// `nameList`.
#[test]
fn ndots_decides_the_order() {
    let table = [
        // ndots, name, glibc and Go, musl
        (5, "a.b", "a.b.s1.x a.b.s2.x a.b", "a.b.s1.x a.b.s2.x a.b"),
        (2, "a.b", "a.b.s1.x a.b.s2.x a.b", "a.b.s1.x a.b.s2.x a.b"),
        (1, "a.b", "a.b a.b.s1.x a.b.s2.x", "a.b"),
        (1, "a", "a.s1.x a.s2.x a", "a.s1.x a.s2.x a"),
        (0, "a", "a a.s1.x a.s2.x", "a"),
    ];
    for (ndots, name, most, musl) in table {
        let conf = conf(ndots, &["s1.x", "s2.x"]);
        assert_eq!(all(Glibc, &conf, name), most, "glibc ndots:{ndots} {name}");
        assert_eq!(all(Go, &conf, name), most, "Go ndots:{ndots} {name}");
        assert_eq!(all(Musl, &conf, name), musl, "musl ndots:{ndots} {name}");
    }
}

#[test]
fn a_dot_at_the_end_means_that_name_alone() {
    let conf = conf(5, &["s1.x"]);
    for library in ALL {
        for name in ["a.", "a.b.", "a.b.c.d.e.f."] {
            assert_eq!(format!("{}.", all(library, &conf, name)), name, "{library}");
        }
    }
}

#[test]
fn an_answer_ends_every_walk() {
    let conf = conf(5, &["s1.x", "s2.x"]);
    for library in ALL {
        assert_eq!(asked(library, &conf, "a.b", "a.b.s1.x", Answer), "a.b.s1.x");
        assert_eq!(asked(library, &conf, "a.b", "a.b.s2.x", Answer), "a.b.s1.x a.b.s2.x");
    }
}

#[test]
fn what_happens_after_the_first_domain_of_the_list() {
    let conf = conf(5, &["s1.x", "s2.x"]);
    let (whole, first, skip) = ("a.b.s1.x a.b.s2.x a.b", "a.b.s1.x", "a.b.s1.x a.b");
    let table = [
        // outcome, glibc, musl; Go walks on whatever happens
        (NxDomain, whole, whole),
        (NoData, whole, first),
        (ServFail, whole, first),
        (Refused, skip, first),
        (Timeout, skip, first),
        (Unreachable, first, first),
    ];
    for (outcome, glibc, musl) in table {
        assert_eq!(asked(Glibc, &conf, "a.b", first, outcome), glibc, "glibc {outcome:?}");
        assert_eq!(asked(Musl, &conf, "a.b", first, outcome), musl, "musl {outcome:?}");
        assert_eq!(asked(Go, &conf, "a.b", first, outcome), whole, "Go {outcome:?}");
    }
}

#[test]
fn no_failure_of_the_name_as_it_is_keeps_glibc_or_go_from_the_list() {
    let conf = conf(1, &["s1.x", "s2.x"]);
    for outcome in FAILURES {
        for library in [Glibc, Go] {
            let names = asked(library, &conf, "a.b", "a.b", outcome);
            assert_eq!(names, "a.b a.b.s1.x a.b.s2.x", "{library} {outcome:?}");
        }
        assert_eq!(asked(Musl, &conf, "a.b", "a.b", outcome), "a.b", "musl {outcome:?}");
    }
}

#[test]
fn glibc_does_not_ask_the_name_again_after_a_cut_search() {
    let conf = conf(1, &["s1.x", "s2.x"]);
    assert_eq!(asked(Glibc, &conf, "a.b", "a.b.s1.x", Timeout), "a.b a.b.s1.x");
}

#[test]
fn the_root_in_the_list_is_a_domain_to_glibc_only() {
    let first = conf(5, &[".", "s2.x"]);
    assert_eq!(all(Glibc, &first, "a.b"), "a.b a.b.s2.x");
    assert_eq!(all(Go, &first, "a.b"), "a.b.s2.x a.b");
    // Since 1.2.4; before, the lookup failed.
    assert_eq!(all(Musl, &first, "a.b"), "a.b.s2.x a.b");

    // A search that ends before it reaches the root still asks the name.
    let last = conf(5, &["s1.x", "."]);
    assert_eq!(asked(Glibc, &last, "a.b", "a.b.s1.x", Timeout), "a.b.s1.x a.b");
    assert_eq!(all(Glibc, &last, "a.b"), "a.b.s1.x a.b");
}

#[test]
fn dots_around_a_domain() {
    let before = conf(5, &[".s1.x", "s2.x"]);
    assert_eq!(all(Glibc, &before, "a.b"), "a.b.s1.x a.b.s2.x a.b");
    assert_eq!(all(Go, &before, "a.b"), "a.b.s2.x a.b");
    assert_eq!(all(Musl, &before, "a.b"), "a.b.s2.x a.b");
    let after = conf(5, &["s1.x.", "s2.x."]);
    for library in ALL {
        assert_eq!(all(library, &after, "a.b"), "a.b.s1.x a.b.s2.x a.b");
    }
}

#[test]
fn a_domain_that_makes_the_name_too_long_ends_only_glibcs_search() {
    let name = format!("{}.b", "z".repeat(60));
    let long = vec!["y".repeat(50); 4].join(".");
    let conf = conf(5, &["s1.x", &long, "s2.x"]);
    assert_eq!(all(Glibc, &conf, &name), format!("{name}.s1.x {name}"));
    for library in [Musl, Go] {
        assert_eq!(all(library, &conf, &name), format!("{name}.s1.x {name}.s2.x {name}"));
    }
}

#[test]
fn what_is_no_name_is_not_asked() {
    let conf = conf(5, &["s1.x"]);
    let (label, name) = ("a".repeat(64), vec!["a".repeat(50); 5].join("."));
    for library in ALL {
        for lookup in ["", ".", "a..", "a..b", ".a", &label, &name] {
            assert_eq!(all(library, &conf, lookup), "", "{library} {lookup:?}");
            assert_eq!(walk(library, &conf, lookup).advance(NxDomain), None);
        }
    }
}

#[test]
fn no_tld_query_keeps_a_bare_name_from_the_root() {
    let mut conf = conf(1, &["s1.x"]);
    conf.options.no_tld_query = true;
    assert_eq!(all(Glibc, &conf, "a"), "a.s1.x");
    conf.options.ndots = 5;
    assert_eq!(all(Glibc, &conf, "a.b"), "a.b.s1.x a.b");
    conf.search.clear();
    assert_eq!(all(Glibc, &conf, "a"), "a");
}

/// RFC 7686.
#[test]
fn go_asks_an_onion_name_only_under_the_list() {
    let conf = conf(5, &["s1.x", "onion"]);
    assert_eq!(all(Go, &conf, "a.onion"), "a.onion.s1.x");
    assert_eq!(all(Go, &conf, "a.onion."), "");
    assert_eq!(all(Go, &conf, "onion"), "onion.s1.x onion");
    assert_eq!(all(Glibc, &conf, "a.onion"), "a.onion.s1.x a.onion.onion a.onion");
}

#[test]
fn with_no_attempts_the_c_libraries_ask_nothing() {
    let mut conf = conf(5, &["s1.x"]);
    conf.options.attempts = 0;
    assert_eq!(all(Glibc, &conf, "a.b"), "");
    assert_eq!(all(Musl, &conf, "a.b"), "");
    assert_eq!(all(Go, &conf, "a.b"), "a.b.s1.x a.b");
}

/// The costs a pod pays by default, in steps: 4 for a name outside, with three
/// search domains, and as many as its place in the list for one inside.
#[test]
fn a_pods_lookups_cost_what_they_are_known_to_cost() {
    let search = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    let conf = conf(5, &search);
    let exists = |asked: &str| match asked {
        "api.example.com" | "cart.shop.svc.cluster.local" => Answer,
        _ => NxDomain,
    };
    let table = [
        ("api.example.com", 4),
        ("api.example.com.", 1),
        ("cart", 1),
        ("cart.shop", 2),
        ("cart.shop.svc", 3),
        ("cart.shop.svc.cluster.local", 4),
        ("typo.example.com", 4),
    ];
    for (lookup, steps) in table {
        for library in ALL {
            assert_eq!(expand(library, &conf, lookup, exists).len(), steps, "{library} {lookup}");
        }
    }
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(vec![Answer, NoData, NxDomain, ServFail, Refused, Timeout, Unreachable])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the list and the outcomes, a walk ends, asks the name as it is
    /// at most once, and asks nothing but it and it under a domain.
    #[test]
    fn every_walk_ends(
        name in "[a-z.]{0,12}",
        search in prop::collection::vec("[a-z.]{1,9}", 0..6),
        ndots in 0..=15_u8,
        outcomes in prop::collection::vec(any_outcome(), 8),
    ) {
        let search: Vec<&str> = search.iter().map(String::as_str).collect();
        let conf = conf(ndots, &search);
        let base = name.strip_suffix('.').unwrap_or(&name);
        for library in ALL {
            let mut turns = outcomes.iter().copied();
            let asked = expand(library, &conf, &name, |_| turns.next().unwrap());
            prop_assert!(asked.len() <= search.len() + 1);
            prop_assert!(asked.iter().all(|asked| asked.starts_with(base) && is_sendable(asked)));
            let roots = search.iter().filter(|domain| **domain == ".").count();
            prop_assert!(asked.iter().filter(|asked| *asked == base).count() <= 1 + roots);
            let before_last = &outcomes[..asked.len().saturating_sub(1)];
            prop_assert!(!before_last.contains(&Answer), "went on after an answer");
        }
    }

    /// An answer ends the walk at once; NXDOMAIN throughout asks the most.
    #[test]
    fn an_answer_cuts_the_walk_of_failures_short(
        name in "[a-z]{1,3}(\\.[a-z]{1,3}){0,6}",
        search in prop::collection::vec("[a-z]{1,4}(\\.[a-z]{1,4}){0,2}", 0..6),
        ndots in 0..=15_u8,
        at in 0..7_usize,
    ) {
        let search: Vec<&str> = search.iter().map(String::as_str).collect();
        let conf = conf(ndots, &search);
        for library in ALL {
            let most = expand(library, &conf, &name, |_| NxDomain);
            let mut step = 0;
            let cut = expand(library, &conf, &name, |_| {
                step += 1;
                if step == at + 1 { Answer } else { NxDomain }
            });
            prop_assert_eq!(&cut[..], &most[..most.len().min(at + 1)]);
            prop_assert!(most.contains(&name));
        }
    }
}
