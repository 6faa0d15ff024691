//! Draws follow their odds and their seed.

use dns::Question;

use super::*;

fn asked(lines: &[&str]) -> Vec<NameEntry> {
    lines.iter().map(|line| line.parse().unwrap()).collect()
}

fn qname_and_type(workload: &Workload, draw: Draw) -> (String, Rtype) {
    let Draw::Query(query) = draw else { panic!("a walk was drawn") };
    let question = Question::parse(workload.query(query)).unwrap();
    (Name::from_wire(question.qname).unwrap().to_string(), question.qtype)
}

const BOTH: [(Rtype, f64); 2] = [(Rtype::A, 3.0), (Rtype::AAAA, 1.0)];

#[test]
fn names_and_types_come_as_often_as_their_weights_say() {
    let names = asked(&["a.example", "b.example", "c.example MX"]);
    let workload = Workload::queries(&names, &BOTH, Distribution::Uniform, 1);
    let drawn: Vec<_> = (0..12_000)
        .map(|index| qname_and_type(&workload, workload.draw(0, index, 0)))
        .collect();
    let count = |name: &str, qtype| {
        drawn
            .iter()
            .filter(|(qname, t)| qname == name && *t == qtype)
            .count()
    };
    assert!((2_800..3_200).contains(&count("a.example.", Rtype::A)));
    assert!((850..1_150).contains(&count("b.example.", Rtype::AAAA)));
    assert!((3_750..4_250).contains(&count("c.example.", Rtype::MX)));
}

#[test]
fn zipf_prefers_the_first_names() {
    let names: Vec<_> = (0..100).map(|n| format!("n{n}.example")).collect();
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    let workload = Workload::queries(&names, &BOTH[..1], Distribution::Zipf(1.0), 1);
    let firsts = (0..10_000)
        .filter(|&index| workload.draw(0, index, 0) == Draw::Query(0))
        .count();
    // 1 / H(100) = 0.1928.
    assert!((1_780..2_080).contains(&firsts), "{firsts}");
}

#[test]
fn the_seed_and_the_number_alone_decide() {
    let names = asked(&["a.example", "b.example", "c.example", "d.example"]);
    let draws = |seed, phase| {
        let workload = Workload::queries(&names, &BOTH, Distribution::Uniform, seed);
        (0..64)
            .map(|index| workload.draw(phase, index, 0))
            .collect::<Vec<_>>()
    };
    assert_eq!(draws(1, 0), draws(1, 0));
    assert_ne!(draws(1, 0), draws(2, 0));
    assert_ne!(draws(1, 0), draws(1, 1));
}

#[test]
fn a_walk_has_its_steps_in_order_with_all_types() {
    let name = |text: &str| Name::from_text(text).unwrap();
    let walk = vec![name("db.default.svc.cluster.local"), name("db")];
    let other = vec![name("db.shop.svc.cluster.local"), name("db")];
    let types = [Rtype::A, Rtype::AAAA];
    let groups = [vec![walk], vec![other]];
    let workload = Workload::lookups(&groups, &types, Distribution::Uniform, 1);
    assert_eq!(workload.draw(0, 0, 1), Draw::Walk(1));
    assert_eq!(workload.draw(0, 0, 2), Draw::Walk(0));
    assert_eq!(workload.draw(0, 0, 0), Draw::Walk(0));
    assert_eq!(workload.max_queries_per_draw(), 4);
    let step = workload.step(0, 1).unwrap();
    let last = Draw::Query(step.first + u32::from(step.len) - 1);
    assert_eq!(qname_and_type(&workload, last), ("db.".to_owned(), Rtype::AAAA));
    assert_eq!(workload.step(0, 2), None);
}

/// The name that a query left with, and again when its answer comes.
#[test]
fn a_unique_name_is_that_of_its_due_time() {
    let names = [format!("{PLACEHOLDER}.a.example")];
    let names = asked(&names.each_ref().map(String::as_str));
    let options = QueryOptions { unique: true, ..QueryOptions::default() };
    let with =
        |seed| Workload::queries_with(&names, &BOTH[..1], Distribution::Uniform, seed, options);
    let name = |seed, due| {
        let (workload, mut scratch) = (with(seed), [0; MAX_QUERY_LEN]);
        let question = Question::parse(workload.as_sent(0, due, &mut scratch)).unwrap();
        Name::from_wire(question.qname).unwrap().to_string()
    };
    assert!(name(1, 0xabc).ends_with("000000000abc.a.example."), "{}", name(1, 0xabc));
    assert_eq!(name(1, 5), name(1, 5));
    assert_ne!(name(1, 5), name(1, 6));
    assert_ne!(name(1, 5), name(2, 5));
}

#[test]
fn a_share_of_queries_is_for_names_that_exist_nowhere() {
    let options = QueryOptions { nxdomain: 0.25, payload: Some(1232), ..QueryOptions::default() };
    let names = asked(&["a.example"]);
    let workload = Workload::queries_with(&names, &BOTH, Distribution::Uniform, 1, options);
    let mut scratch = [0; MAX_QUERY_LEN];
    let mut nowhere = 0;
    for index in 0..4_000 {
        let Draw::Query(query) = workload.draw(0, index, 0) else { panic!("a walk") };
        let sent = workload.as_sent(query, index, &mut scratch);
        let name = Name::from_wire(Question::parse(sent).unwrap().qname)
            .unwrap()
            .to_string();
        assert_eq!(sent[11], 1, "one OPT record");
        if name != "a.example." {
            assert!(name.ends_with(&format!("{index:012x}.invalid.")), "{name}");
            nowhere += 1;
        }
    }
    assert!((900..1_100).contains(&nowhere), "{nowhere}");
}

#[test]
fn names_of_a_list_come_in_its_order() {
    let names = asked(&["a.example", "b.example", "c.example"]);
    let workload = Workload::queries(&names, &BOTH[..1], Distribution::InOrder, 1);
    let drawn: Vec<_> = (0..5).map(|index| workload.draw(0, index, 0)).collect();
    assert_eq!(drawn, [0, 1, 2, 0, 1].map(Draw::Query));
}
