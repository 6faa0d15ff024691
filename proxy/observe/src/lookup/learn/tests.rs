//! Search lists and ndots, learned.

use std::net::Ipv4Addr;

use dns::{Name, Rcode, Rtype};
use resolver::Origin;

use super::*;
use crate::intake::{QueryFlags, Record};

fn wire(text: &str) -> Vec<u8> {
    Name::from_text(text).unwrap().as_wire().to_vec()
}

/// Asks names one after another; `=` in front means that it has data.
fn learn(names: &[&str]) -> Search {
    let (mut learner, mut known) = (Learner::default(), Search::unknown());
    for (n, name) in names.iter().enumerate() {
        let (name, has_data) = name.strip_prefix('=').map_or((*name, false), |n| (n, true));
        let record = Record {
            arrived: Moment::from_micros(n as u64 * 500),
            took: Duration::ZERO,
            client: Ipv4Addr::LOCALHOST.into(),
            port: 1,
            id: 1,
            qtype: Rtype::A,
            rcode: if has_data { Rcode::NOERROR } else { Rcode::NXDOMAIN },
            origin: Origin::Cache,
            first: None,
            upstream: None,
            errno: 0,
            flags: QueryFlags::ANSWERED.with_if(QueryFlags::DATA, has_data),
        };
        let qname = wire(name);
        let event = QueryEvent { record, qname: &qname };
        if let Some(learned) =
            learner.take(&event, crate::tables::hash_of_name(&qname), &known, CLUSTER)
        {
            known = learned;
        }
    }
    known
}

fn domains(search: &Search) -> Vec<String> {
    let text = |wire: &[u8]| Name::from_wire(wire).unwrap().to_string();
    search.domains.iter().map(|domain| text(domain)).collect()
}

#[test]
fn three_bases_make_a_list() {
    let walk = |base: &str| [format!("{base}.a.b"), format!("{base}.b"), format!("={base}")];
    let names: Vec<String> = ["x.example", "y.example", "z.z.example"]
        .iter()
        .flat_map(|b| walk(b))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(learn(&names[..6]).source, Source::Unknown);
    let known = learn(&names);
    assert_eq!(
        (domains(&known), known.source),
        (vec!["a.b.".into(), "b.".into()], Source::Learned)
    );
    assert_eq!(known.ndots, Ndots::Between(3, 15));
}

#[test]
fn a_name_asked_as_it_is_first_bounds_ndots_from_above() {
    let mut names = Vec::new();
    for base in ["x.example", "y.example", "z.example"] {
        names.extend([format!("{base}.a"), format!("={base}")]);
    }
    names.extend(["q.w.e".to_owned(), "q.w.e.a".to_owned()]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(learn(&names).ndots, Ndots::Between(2, 2));
}

#[test]
fn names_that_have_nothing_to_do_with_each_other_teach_nothing() {
    let names = ["a.example", "b.example", "=c.example", "com", "=example"];
    assert_eq!(learn(&names.repeat(5)), Search::unknown());
}

/// Kubernetes' domain in wire form.
const CLUSTER: &[u8] = b"\x07cluster\x05local\0";

fn walk(base: &str, domains: &[&str]) -> Vec<String> {
    let under = domains.iter().map(|domain| format!("{base}.{domain}"));
    under.chain([format!("={base}")]).collect()
}

fn learned(names: &[String]) -> Search {
    learn(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

const SHOP: [&str; 3] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

#[test]
fn one_base_is_enough_for_the_list_of_kubernetes() {
    let known = learned(&walk("api.example.com", &SHOP));
    assert_eq!((known.source, known.ndots), (Source::Learned, Ndots::Between(3, 15)));
    assert_eq!(domains(&known), SHOP.map(|domain| format!("{domain}.")));
    // A Service of another namespace ends before.
    let known = learn(&["db.data.shop.svc.cluster.local", "=db.data.svc.cluster.local"]);
    assert_eq!((domains(&known).len(), known.ndots), (3, Ndots::Between(2, 15)));
}

#[test]
fn domains_of_the_node_behind_the_list_are_learned_too() {
    let list = [SHOP[0], SHOP[1], SHOP[2], "eu.compute.internal", "corp.example"];
    let known = learned(&walk("api.example.com", &list));
    assert_eq!(domains(&known), list.map(|domain| format!("{domain}.")));
}

#[test]
fn two_namespaces_behind_one_address_are_one_list() {
    let pay = ["pay.svc.cluster.local", SHOP[1], SHOP[2]];
    let mut names = Vec::new();
    for n in 0..40 {
        let list = if n % 2 == 0 { SHOP } else { pay };
        names.extend(walk(&format!("h{n}.example.com"), &list));
    }
    assert_eq!(domains(&learned(&names)), SHOP.map(|domain| format!("{domain}.")));
    // And another pod that has the address later is in its own.
    for n in 0..20 {
        names.extend(walk(&format!("later{n}.example.com"), &pay));
    }
    assert_eq!(domains(&learned(&names)), pay.map(|domain| format!("{domain}.")));
}

/// `cart` ends a lookup, and so does a whole name whose AAAA is empty.
#[test]
fn what_ended_a_lookup_bounds_no_ndots() {
    let mut names = walk("api.example.com", &SHOP);
    for _ in 0..3 {
        let mut gone = walk("cart", &SHOP);
        gone[3] = "cart".to_owned();
        names.extend(gone);
    }
    names.extend(["=cart.shop.svc.cluster.local".to_owned(), "cart.shop.svc.cluster.local".into()]);
    names.extend(walk("cart.shop.svc.cluster.local", &SHOP));
    assert_eq!(learned(&names).ndots, Ndots::Between(3, 15));
}

#[test]
fn ndots_two_is_two() {
    let mut names = walk("example.com", &SHOP);
    names.push("api.example.com".to_owned());
    names.extend(SHOP.map(|domain| format!("api.example.com.{domain}")));
    assert_eq!(learned(&names).ndots, Ndots::Between(2, 2));
}
