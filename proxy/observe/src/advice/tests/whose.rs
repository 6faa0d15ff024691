//! Whose names are meant: those of all libraries that are possible, of names that are
//! not held, and of a wildcard.

use super::*;

/// Far more names than are held: nothing of the savings is lost.
#[test]
fn savings_are_of_all_names_however_few_are_held() {
    let conf = current(5).with_ndots(5);
    let mut bases = NameTallies::new(64);
    for n in 0..300 {
        let name = format!("h{n}.example.com");
        bases.note(&looked_up(Glibc, &conf, &name, std::slice::from_ref(&name)));
    }
    let advice = advise(&bases, &current(5), None);
    assert_eq!((advice.queries, advice.recommendation), (2400, Recommendation::Ndots(2)));
    for change in [Change::Ndots(2), Change::TrailingDots] {
        let what_if = alternative(&advice, change);
        assert_eq!((what_if.glibc.queries_saved, what_if.musl.explained_lookups), (1800, 300));
    }
    // Nor is what breaks, though it has no name here.
    for n in 0..300 {
        let name = format!("db{n}.shop");
        let exists = format!("{name}.svc.cluster.local");
        bases.note(&looked_up(Musl, &conf, &name, &[exists]));
    }
    let advice = advise(&bases, &current(5), Some(Musl));
    let one = alternative(&advice, Change::Ndots(1));
    assert!(!one.breaks.names.is_empty() || one.breaks.more > 0, "{one:?}");
}

/// A typo: no ndots helps, and no dot at the end.
#[test]
fn names_that_do_not_exist_are_named_as_such() {
    let conf = current(5).with_ndots(5);
    let mut bases = NameTallies::new(64);
    for _ in 0..3 {
        bases.note(&looked_up(Glibc, &conf, "databse.shop", &[]));
    }
    let advice = advise(&bases, &current(5), None);
    let missing: Vec<_> = advice.missing.names.iter().collect();
    let [typo] = missing.as_slice() else { panic!("{missing:?}") };
    assert_eq!((typo.name.as_str(), typo.lookups), ("databse.shop", 3));
    assert_eq!(typo.queries_saved, advice.queries.cast_signed());
    // One that is there now and then is not.
    bases.note(&looked_up(Glibc, &conf, "databse.shop", &["databse.shop".to_owned()]));
    assert_eq!(advise(&bases, &current(5), None).missing, AffectedNames::default());
}

/// `db.shop` needs the search list: musl never goes on to it after the name as it is.
#[test]
fn what_breaks_is_of_all_libraries_that_are_possible() {
    let bases = seen(5, &[("db.shop", "db.shop.svc.cluster.local"), POD[0]]);
    let breaks = |resolver: Resolver| {
        let advice = advise(&bases, &current(5), resolver);
        let one = alternative(&advice, Change::Ndots(1)).breaks.clone();
        one.names
            .into_iter()
            .map(|risk| (risk.name, risk.libraries))
            .collect::<Vec<_>>()
    };
    let musl = vec![("db.shop".to_owned(), Libraries::from(Musl))];
    assert_eq!(breaks(None.into()), musl);
    assert_eq!(breaks(Some(Musl).into()), musl);
    assert_eq!(breaks(Some(Glibc).into()), []);
    let possible = Libraries { musl: false, ..Libraries::ALL };
    assert_eq!(breaks(Resolver { library: None, possible }), []);
    // A guess rules nothing out.
    assert_eq!(breaks(Resolver { library: Some(Glibc), possible: Libraries::ALL }), musl);
}

/// `*.corp.example` in the list: what is asked as it is first is healed, not broken.
#[test]
fn names_that_a_wildcard_answers_are_listed_and_bind_no_ndots() {
    let search = [SEARCH[0], SEARCH[1], SEARCH[2], "corp.example"];
    let current = Current { search: search.map(str::to_owned).into(), ..current(5) };
    let conf = current.with_ndots(5);
    let mut bases = NameTallies::default();
    for (name, captured) in [("a.b.c.example.com", true), ("db.prod", true), ("svc.ns", false)] {
        let exists = if captured { "corp.example" } else { SEARCH[1] };
        let lookup = looked_up(Glibc, &conf, name, &[format!("{name}.{exists}")]);
        bases.note(&Lookup { captured, ..lookup });
    }
    let advice = advise(&bases, &current, None);
    let captures = advice.captures.names.iter();
    let captures: Vec<_> = captures
        .map(|one| (one.name.as_str(), one.domain.as_str(), one.certain))
        .collect();
    // A host `db.prod.corp.example` may be meant.
    assert_eq!(
        captures,
        [("a.b.c.example.com", "corp.example", true), ("db.prod", "corp.example", false)]
    );
    assert_eq!(advice.safe_ndots, 2);
    let three = alternative(&advice, Change::Ndots(3));
    assert_eq!(three.breaks, AtRisk::default());
    assert_eq!(names(&three.musl.heals), ["a.b.c.example.com"]);
    let one = alternative(&advice, Change::Ndots(1));
    assert_eq!(names(&one.musl.breaks), ["db.prod", "svc.ns"]);
}
