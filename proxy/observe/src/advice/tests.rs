//! The advice for clients that are simulated by the walks of the libraries.

mod whose;

use std::time::Duration;

use dns::Name;
use proptest::prelude::*;
use resolver::Moment;
use stub::Library::{Glibc, Go, Musl};
use stub::{Outcome, ResolvConf, expand};

use super::*;
use crate::lookup::{End, Lookup, Ndots, Step};

const ALL: [Library; 3] = [Glibc, Musl, Go];
const SEARCH: [&str; 3] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

fn current(ndots: u8) -> Current {
    Current { search: SEARCH.map(str::to_owned).into(), ndots: Ndots::Known(ndots) }
}

fn names_asked(library: Library, conf: &ResolvConf, name: &str, zone: &[String]) -> Vec<String> {
    let exists = |asked: &str| match zone.iter().any(|name| name == asked) {
        true => Outcome::Answer,
        false => Outcome::NxDomain,
    };
    expand(library, conf, name, exists)
}

/// The lookup of a client that asks for two types and waits 1 ms for each name.
fn looked_up(library: Library, conf: &ResolvConf, name: &str, zone: &[String]) -> Lookup {
    let asked = names_asked(library, conf, name, zone);
    let found = asked.last().filter(|last| zone.contains(last));
    let step = |asked: &String| {
        let is_under = |domain: &String| *asked == format!("{name}.{domain}");
        let index = conf.search.iter().position(is_under);
        index.map_or(Step::Absolute, |index| Step::Suffix(u8::try_from(index).unwrap()))
    };
    let succeeded = found.map(step);
    let steps = u32::try_from(asked.len()).unwrap();
    Lookup {
        base: Name::from_text(name).unwrap().as_wire().into(),
        steps,
        queries: 2 * steps,
        wasted_steps: steps - 1,
        wasted_queries: 2 * (steps - 1),
        wasted: Duration::from_millis(u64::from(steps - 1)),
        succeeded,
        end: match succeeded {
            Some(Step::Absolute) => End::External,
            Some(Step::Suffix(_)) => End::Cluster,
            None => End::Nonexistent,
        },
        types: 2,
        partial: false,
        captured: false,
        repeats: [0; 3],
        is_second: false,
        first: Moment::from_micros(0),
        last: Moment::from_micros(60_000_000),
    }
}

/// A pod's lookups, of names that exist where the second says.
fn seen(ndots: u8, lookups: &[(&str, &str)]) -> NameTallies {
    let mut bases = NameTallies::default();
    let conf = current(ndots).with_ndots(ndots);
    for (name, exists) in lookups {
        bases.note(&looked_up(Glibc, &conf, name, &[(*exists).to_owned()]));
    }
    bases
}

fn alternative(advice: &Advice, change: Change) -> &Alternative {
    advice
        .alternatives
        .iter()
        .find(|alternative| alternative.change == change)
        .unwrap()
}

fn names(names: &AffectedNames) -> Vec<&str> {
    names.names.iter().map(|name| name.name.as_str()).collect()
}

const POD: [(&str, &str); 7] = [
    ("api.example.com", "api.example.com"),
    ("example.com", "example.com"),
    ("svc", "svc.shop.svc.cluster.local"),
    ("svc.ns", "svc.ns.svc.cluster.local"),
    ("svc.ns.svc", "svc.ns.svc.cluster.local"),
    ("svc.ns.svc.cluster.local", "svc.ns.svc.cluster.local"),
    ("a-0.svc", "a-0.svc.shop.svc.cluster.local"),
];

/// The columns of the known costs, summed, times two types.
#[test]
fn a_pod_of_all_kinds_of_names() {
    let advice = advise(&seen(5, &POD), &current(5), None);
    assert_eq!((advice.lookups, advice.queries, advice.safe_ndots), (7, 2 * 19, 3));
    for (change, glibc, musl) in
        [(Change::Ndots(2), 14, 11), (Change::Ndots(1), 13, 7), (Change::TrailingDots, 10, 10)]
    {
        let what_if = alternative(&advice, change);
        assert_eq!(what_if.glibc.queries, 2 * glibc, "{change:?}");
        assert_eq!(what_if.go.queries, 2 * glibc, "{change:?}");
        assert_eq!(what_if.musl.queries, 2 * musl, "{change:?}");
    }
    let two = alternative(&advice, Change::Ndots(2));
    assert_eq!(names(&two.musl.breaks), ["svc.ns.svc"]);
    assert_eq!(names(&two.glibc.slower), ["svc.ns.svc"]);
    assert_eq!(two.glibc.slower.names[0].queries_saved, -2);
    assert!(two.glibc.breaks.names.is_empty() && two.musl.slower.names.is_empty());
    let one = alternative(&advice, Change::Ndots(1));
    assert_eq!(names(&one.musl.breaks), ["a-0.svc", "svc.ns", "svc.ns.svc"]);
    assert_eq!(names(&one.go.slower), ["a-0.svc", "svc.ns", "svc.ns.svc"]);
}

#[test]
fn the_safe_ndots_is_recommended_if_it_saves() {
    let advice = advise(&seen(5, &POD), &current(5), Some(Musl));
    assert_eq!(advice.recommendation, Recommendation::Ndots(3));
    let three = alternative(&advice, Change::Ndots(3));
    assert_eq!(three.musl.queries_saved, 2 * 3);
    assert_eq!(three.musl.saved_permille, 6000 / 38);
    assert_eq!(three.musl.wait_saved_micros, 3000);
    assert!(three.musl.breaks.names.is_empty());
}

#[test]
fn where_ndots_cannot_help_dots_do() {
    let external = ("example.com", "example.com");
    let deep = ("a.b.c.d.e", "a.b.c.d.e.svc.cluster.local");
    for other in [("svc.ns.svc", "svc.ns.svc.cluster.local"), deep] {
        let advice = advise(&seen(5, &[external, external, other]), &current(5), None);
        assert_eq!(advice.recommendation, Recommendation::TrailingDots);
        assert_eq!(names(&advice.trailing_dots), ["example.com"]);
        assert_eq!(advice.trailing_dots.names[0].queries_saved, 12);
        assert!(advice.warnings.contains(&Warning::HostHeader));
    }
}

#[test]
fn ndots_1_is_recommended_only_if_2_saves_less() {
    let three = advise(&seen(5, &[("api.example.com", "api.example.com")]), &current(5), None);
    assert_eq!((three.safe_ndots, three.recommendation), (1, Recommendation::Ndots(2)));
    assert!(!three.warnings.contains(&Warning::NameCollision));
    let two = advise(&seen(5, &[("example.com", "example.com")]), &current(5), None);
    assert_eq!(two.recommendation, Recommendation::Ndots(1));
    assert!(two.warnings.contains(&Warning::NameCollision));
}

#[test]
fn a_pod_that_wastes_nothing_is_left_alone() {
    let done = advise(&seen(2, &[("api.example.com", "api.example.com")]), &current(2), None);
    assert_eq!(done.recommendation, Recommendation::NothingToSave);
    let inside = [("svc", "svc.shop.svc.cluster.local"), ("typo", "")];
    let advice = advise(&seen(5, &inside), &current(5), None);
    assert_eq!(advice.recommendation, Recommendation::NothingToSave);
    assert_eq!(
        advise(&NameTallies::default(), &current(5), None).recommendation,
        Recommendation::NothingToSave
    );
}

/// What a cache of the client, a failure or a resolver without search leave
/// behind is no walk, and its cost does not depend on ndots.
#[test]
fn what_the_walk_does_not_explain_saves_nothing() {
    let conf = current(5).with_ndots(5);
    let zone = ["api.example.com".to_owned()];
    let whole = looked_up(Glibc, &conf, "api.example.com", &zone);
    let rooted = Lookup {
        steps: 1,
        queries: 2,
        wasted_steps: 0,
        wasted_queries: 0,
        wasted: Duration::ZERO,
        ..whole.clone()
    };
    let failed = Lookup { succeeded: None, end: End::Failed, ..whole.clone() };
    let partial = Lookup { partial: true, ..whole.clone() };
    let mut bases = NameTallies::default();
    for lookup in [&rooted, &failed, &partial] {
        bases.note(lookup);
    }
    let advice = advise(&bases, &current(5), None);
    assert_eq!(advice.recommendation, Recommendation::NothingToSave);
    for what_if in &advice.alternatives {
        for forecast in [&what_if.glibc, &what_if.musl, &what_if.go] {
            assert_eq!((forecast.queries, forecast.explained_lookups), (18, 0));
        }
    }
    bases.note(&whole);
    let advice = advise(&bases, &current(5), None);
    let two = &alternative(&advice, Change::Ndots(2)).glibc;
    assert_eq!((two.queries, two.queries_saved, two.explained_lookups), (20, 6, 1));
}

#[test]
fn a_walk_that_began_in_the_middle_still_says_what_would_break() {
    let conf = current(5).with_ndots(5);
    let zone = ["svc.ns.svc.cluster.local".to_owned()];
    let whole = looked_up(Musl, &conf, "svc.ns", &zone);
    let mut bases = NameTallies::default();
    bases.note(&Lookup { partial: true, steps: 1, queries: 2, wasted_steps: 0, ..whole });
    let advice = advise(&bases, &current(5), Some(Musl));
    assert_eq!(advice.safe_ndots, 2);
    assert_eq!(names(&alternative(&advice, Change::Ndots(1)).musl.breaks), ["svc.ns"]);
}

/// nslookup asks A under the list, and AAAA of what it found.
#[test]
fn tools_that_walk_with_one_type_save_what_they_asked() {
    let conf = current(5).with_ndots(5);
    let zone = ["api.example.com".to_owned()];
    let whole = looked_up(Glibc, &conf, "api.example.com", &zone);
    let mut bases = NameTallies::default();
    bases.note(&Lookup { queries: 5, wasted_queries: 3, ..whole });
    let advice = advise(&bases, &current(5), None);
    let two = &alternative(&advice, Change::Ndots(2)).glibc;
    assert_eq!((two.queries, two.queries_saved, two.saved_permille), (2, 3, 600));
}

#[test]
fn lists_are_cut_and_say_so() {
    let mut bases = NameTallies::default();
    let conf = current(5).with_ndots(5);
    for n in 0..14 {
        let name = format!("s{n:02}.ns");
        let lookup = looked_up(Glibc, &conf, &name, &[format!("{name}.svc.cluster.local")]);
        (0..=n % 3).for_each(|_| bases.note(&lookup));
    }
    let advice = advise(&bases, &current(5), None);
    let breaks = &alternative(&advice, Change::Ndots(1)).musl.breaks;
    assert_eq!((breaks.names.len(), breaks.more), (10, 4));
    assert_eq!(names(breaks)[..5], ["s02.ns", "s05.ns", "s08.ns", "s11.ns", "s01.ns"]);
}

#[test]
fn a_guess_a_glance_and_a_loss_are_admitted() {
    let mut bases = NameTallies::new(1);
    let conf = current(5).with_ndots(5);
    for name in ["a.example", "b.example"] {
        bases.note(&looked_up(Glibc, &conf, name, &[name.to_owned()]));
    }
    let guess = Current { ndots: Ndots::Between(4, 15), ..current(5) };
    let advice = advise(&bases, &guess, None);
    let expected = [Warning::AssumedNdots, Warning::FewLookups, Warning::NamesDropped];
    assert!(
        expected
            .iter()
            .all(|warning| advice.warnings.contains(warning))
    );
    // What the dropped one would have cost does not depend on its name.
    assert_eq!(advice.queries, 16);
    assert_eq!(alternative(&advice, Change::Ndots(1)).glibc.queries, 4);
    for _ in 0..100 {
        bases.note(&looked_up(Glibc, &conf, "a.example", &["a.example".to_owned()]));
    }
    assert!(
        !advise(&bases, &current(5), None)
            .warnings
            .contains(&Warning::FewLookups)
    );
}

/// These names go into the API.
#[test]
fn the_fields_have_the_names_of_the_api() {
    let json = serde_json::to_value(advise(&seen(5, &POD), &current(5), None)).unwrap();
    assert_eq!(json["recommendation"]["ndots"], 3);
    assert_eq!(json["alternatives"][0]["change"]["ndots"], 1);
    assert_eq!(json["alternatives"][4]["change"], "trailing_dots");
    assert_eq!(json["alternatives"][1]["musl"]["breaks"]["names"][0]["name"], "svc.ns.svc");
    assert_eq!(json["warnings"][0], "few_lookups");
    assert_eq!(json["observed_seconds"], 60);
}

/// A name and the places, of the search list and behind it, where it exists.
fn any_name() -> impl Strategy<Value = (String, Vec<bool>)> {
    (any_text(), prop::collection::vec(any::<bool>(), 5))
}

/// A name that exists in one place, or nowhere.
fn name_in_one_place() -> impl Strategy<Value = (String, Vec<bool>)> {
    (any_text(), 0..6_usize).prop_map(|(name, place)| (name, (0..5).map(|n| n == place).collect()))
}

fn any_text() -> &'static str {
    "[a-cx](\\.[a-cx]){0,5}"
}

fn any_search() -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set("[x-z]{1,2}(\\.[x-z]{1,2}){0,2}", 0..5)
        .prop_map(|search| search.into_iter().collect())
}

fn zone_of(name: &str, search: &[String], places: &[bool]) -> Vec<String> {
    let under = search.iter().map(|domain| format!("{name}.{domain}"));
    let all = under.chain([name.to_owned()]);
    all.zip(places)
        .filter(|(_, exists)| **exists)
        .map(|(name, _)| name)
        .collect()
}

/// What is foretold of a client's queries with each lower ndots, and what it
/// then sends.
fn foretold_and_sent(
    library: Library,
    current: &Current,
    looked: &[(String, Vec<bool>)],
) -> Vec<(u64, u64)> {
    let mut bases = NameTallies::default();
    let zone = |name: &str, places: &[bool]| zone_of(name, &current.search, places);
    let now = current.with_ndots(current.ndots.assumed());
    for (name, places) in looked {
        bases.note(&looked_up(library, &now, name, &zone(name, places)));
    }
    let advice = advise(&bases, current, Some(library));
    let both = |ndots: u8| {
        let forecast = alternative(&advice, Change::Ndots(ndots)).of_library(library);
        assert_eq!(forecast.explained_lookups, advice.lookups);
        let conf = current.with_ndots(ndots);
        let sent = looked.iter().map(|(name, places)| {
            2 * names_asked(library, &conf, name, &zone(name, places)).len() as u64
        });
        (forecast.queries, sent.sum())
    };
    (1..=current.ndots.assumed().min(4)).map(both).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn forecasts_come_true(
        search in any_search(),
        ndots in 1..=6_u8,
        looked in prop::collection::vec(name_in_one_place(), 1..12),
    ) {
        let current = Current { search, ndots: Ndots::Known(ndots) };
        for library in ALL {
            for (foretold, sent) in foretold_and_sent(library, &current, &looked) {
                prop_assert_eq!(foretold, sent, "{}", library);
            }
        }
    }

    /// A name may exist in a place that nobody has seen: the walk ends there.
    #[test]
    fn forecasts_promise_no_more_than_comes_true(
        search in any_search(),
        ndots in 1..=6_u8,
        looked in prop::collection::vec(any_name(), 1..12),
    ) {
        let current = Current { search, ndots: Ndots::Known(ndots) };
        for library in ALL {
            for (foretold, sent) in foretold_and_sent(library, &current, &looked) {
                prop_assert!(foretold >= sent, "{}: {} < {}", library, foretold, sent);
            }
        }
    }

    /// No recommendation breaks a name or makes one slower, for any library.
    #[test]
    fn no_recommended_ndots_breaks_anything(
        looked in prop::collection::vec(any_name(), 1..12),
    ) {
        let current = current(5);
        for library in ALL {
            let mut bases = NameTallies::default();
            for (name, places) in &looked {
                let zone = zone_of(name, &current.search, places);
                bases.note(&looked_up(library, &current.with_ndots(5), name, &zone));
            }
            let advice = advise(&bases, &current, Some(library));
            if let Recommendation::Ndots(ndots) = advice.recommendation {
                let what_if = alternative(&advice, Change::Ndots(ndots));
                prop_assert!(what_if.of_library(library).queries_saved > 0);
                for library in ALL {
                    let Forecast { breaks, slower, .. } = what_if.of_library(library);
                    prop_assert!(breaks.names.is_empty() && slower.names.is_empty());
                }
            }
        }
    }
}
