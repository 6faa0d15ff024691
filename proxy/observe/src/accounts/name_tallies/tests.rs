//! What is counted, what stays, and what is dropped.

use dns::Name;

use super::tally::MAX_WAYS;
use super::*;
use crate::lookup::End;

fn lookup(base: &str, found: Option<Step>) -> Lookup {
    Lookup {
        base: Name::from_text(base).unwrap().as_wire().into(),
        steps: 4,
        queries: 8,
        wasted_steps: 3,
        wasted_queries: 6,
        wasted: Duration::from_millis(3),
        succeeded: found,
        end: found.map_or(End::Nonexistent, |_| End::External),
        types: 2,
        partial: false,
        captured: false,
        repeats: [0; 3],
        is_second: false,
        first: Moment::from_micros(10),
        last: Moment::from_micros(20),
    }
}

fn held(bases: &NameTallies) -> Vec<String> {
    bases
        .iter()
        .map(|(base, _)| Name::from_wire(base).unwrap().to_string())
        .collect()
}

#[test]
fn a_name_that_is_looked_up_often_stays_among_thousands_made_up() {
    let mut bases = NameTallies::new(8);
    for n in 0..4000 {
        bases.note(&lookup(&format!("r{n}.example"), None));
        if n % 4 == 0 {
            bases.note(&lookup("api.example.com", Some(Step::Absolute)));
        }
    }
    assert_eq!(bases.iter().count(), 8);
    assert!(held(&bases).contains(&"api.example.com.".to_owned()));
    let held: u64 = bases
        .iter()
        .flat_map(|(_, tally)| &tally.ways)
        .map(|way| way.lookups)
        .sum();
    assert_eq!(bases.totals().lookups, 5000);
    assert_eq!(bases.dropped().lookups, 5000 - held);
    // The first of each cell that finds no place, and what had to leave one.
    assert!(bases.dropped().names >= 32);
}

#[test]
fn a_group_is_the_sum_of_its_clients() {
    let lookups: Vec<_> = (0..60_u32)
        .map(|n| {
            let found = [None, Some(Step::Absolute), Some(Step::Suffix(1))][n as usize % 3];
            let mut lookup = lookup(&format!("a{}.example", n % 7), found);
            lookup.partial = n % 11 == 0;
            lookup.last = Moment::from_micros(20 + u64::from(n));
            lookup
        })
        .collect();
    let (mut all, mut group, mut other) =
        (NameTallies::default(), NameTallies::default(), NameTallies::default());
    for (n, lookup) in lookups.iter().enumerate() {
        all.note(lookup);
        if n % 2 == 0 { group.note(lookup) } else { other.note(lookup) }
    }
    group.merge(&other);
    assert_eq!(group.totals(), all.totals());
    assert_eq!(group.span(), Duration::from_micros(69));
    let sums = |bases: &NameTallies| -> Vec<_> {
        let ways = bases.iter().flat_map(|(base, tally)| {
            let rest = (tally.timed_steps, tally.timed, tally.last);
            let way = move |way: &Way| {
                let steps = way.kind.found.map(|step| format!("{step:?}"));
                (base.to_vec(), steps, way.kind.whole, way.lookups, way.queries, way.types, rest)
            };
            tally.ways.iter().map(way)
        });
        let mut ways: Vec<_> = ways.collect();
        ways.sort();
        ways
    };
    assert_eq!(sums(&group), sums(&all));
}

#[test]
fn a_merge_keeps_to_the_bound_and_what_protects_the_search_list() {
    let (mut group, mut other) = (NameTallies::new(2), NameTallies::default());
    other.note(&lookup("svc.ns.svc", Some(Step::Suffix(2))));
    for name in ["a.example", "b.example", "c.example"] {
        for _ in 0..2 {
            other.note(&lookup(name, Some(Step::Absolute)));
        }
    }
    group.merge(&other);
    assert_eq!(held(&group), ["b.example.", "c.example."]);
    assert_eq!(group.dropped(), Dropped { names: 2, lookups: 3 });
    assert_eq!(group.deepest(), Some(2));
}

#[test]
fn the_time_of_a_lost_datagram_is_not_that_of_a_step() {
    let mut bases = NameTallies::default();
    let quick = lookup("a.example", Some(Step::Absolute));
    bases.note(&quick);
    bases.note(&Lookup { wasted: Duration::from_millis(5002), ..quick.clone() });
    let (_, tally) = bases.iter().next().unwrap();
    assert_eq!((tally.timed_steps, tally.timed), (3, Duration::from_millis(3)));
    assert_eq!(bases.totals().wasted, Duration::from_millis(5005));
}

#[test]
fn ways_have_a_bound_too() {
    let mut bases = NameTallies::default();
    let one = lookup("a.example", Some(Step::Absolute));
    for steps in 1..100 {
        bases.note(&Lookup { steps, ..one.clone() });
    }
    let (_, tally) = bases.iter().next().unwrap();
    assert_eq!(tally.ways.len(), MAX_WAYS + 1);
    assert_eq!(tally.ways.iter().map(|way| way.lookups).sum::<u64>(), 99);
}

#[test]
fn only_what_is_found_as_it_is_and_nowhere_else_takes_a_dot() {
    let (absolute, suffix) = (Some(Step::Absolute), Some(Step::Suffix(0)));
    for (found, may) in
        [(vec![absolute, None], true), (vec![None], false), (vec![absolute, suffix], false)]
    {
        let mut bases = NameTallies::default();
        found
            .iter()
            .for_each(|found| bases.note(&lookup("a.example", *found)));
        let (_, tally) = bases.iter().next().unwrap();
        assert_eq!(tally.may_end_in_a_dot(), may, "{found:?}");
    }
}

#[test]
fn the_last_time_of_a_name_is_known() {
    let mut bases = NameTallies::default();
    let one = lookup("a.example", None);
    bases.note(&one);
    assert_eq!(bases.last_seen(&one.base), Some(one.last));
    assert_eq!(bases.last_seen(b"\x01b\x00"), None);
}
