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
