//! Captures made by hand, and what they must count to.

use super::*;

const A: u16 = 1;
const AAAA: u16 = 28;

/// Queries and answers of one client, at the times of a count.
#[derive(Default)]
struct Wire {
    packets: Vec<Packet>,
    lookups: Vec<Lookup>,
}

impl Wire {
    fn now(&self) -> u64 {
        (self.packets.len() + self.lookups.len()) as u64
    }

    fn looks_up(mut self, name: &str, found: bool) -> Self {
        self.lookups
            .push(Lookup { began: self.now(), name: name.to_owned(), found });
        self
    }

    fn packet(mut self, port: u16, question: (&str, u16), kind: Kind) -> Self {
        let (qname, qtype) = (question.0.to_owned(), question.1);
        let client = [10, 0, 0, 9].into();
        self.packets
            .push(Packet { time: self.now(), client, port, id: qtype, qname, qtype, kind });
        self
    }

    fn asks(self, port: u16, qname: &str, qtype: u16) -> Self {
        self.packet(port, (qname, qtype), Kind::Query)
    }

    fn gets(self, port: u16, question: (&str, u16), outcome: Outcome) -> Self {
        self.packet(port, question, Kind::Response(outcome))
    }

    /// A and AAAA from one port, both answered.
    fn pair(self, port: u16, qname: &str, [a, aaaa]: [Outcome; 2]) -> Self {
        self.asks(port, qname, A)
            .asks(port, qname, AAAA)
            .gets(port, (qname, A), a)
            .gets(port, (qname, AAAA), aaaa)
    }

    fn account(&self) -> Result<Totals, String> {
        let search = ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local"];
        account(&self.packets, &self.lookups, &search.map(str::to_owned), Order::OneAfterAnother)
    }

    fn totals(&self) -> Totals {
        self.account().unwrap()
    }
}

const DENIED: [Outcome; 2] = [Outcome::Denied; 2];
const DATA: [Outcome; 2] = [Outcome::Data; 2];

fn external(name: &str) -> Wire {
    Wire::default()
        .looks_up(name, true)
        .pair(1, &format!("{name}.ns.svc.cluster.local"), DENIED)
        .pair(2, &format!("{name}.svc.cluster.local"), DENIED)
        .pair(3, &format!("{name}.cluster.local"), DENIED)
        .pair(4, name, DATA)
}

#[test]
fn an_external_name_costs_a_step_for_each_suffix() {
    let totals = external("api.example.com").totals();
    let expected = Totals {
        queries: 8,
        lookups: 1,
        steps: 4,
        wasted_queries: 6,
        external: 1,
        ..Totals::default()
    };
    assert_eq!(totals, expected);
    assert!((totals.amplification() - 4.0).abs() < 1e-9);
    assert!((totals.wasted() - 0.75).abs() < 1e-9);
}

#[test]
fn a_retransmit_is_no_query_whatever_its_port() {
    let wire = Wire::default()
        .looks_up("example.com.", true)
        .asks(1, "example.com", A)
        .asks(1, "example.com", A)
        .gets(1, ("example.com", A), Outcome::Data)
        .gets(1, ("example.com", A), Outcome::Data);
    let totals = wire.totals();
    assert_eq!((totals.queries, totals.retransmits, totals.steps), (1, 1, 1));
    let wire = wire.asks(2, "example.com", A);
    let totals = wire.totals();
    assert_eq!((totals.queries, totals.retransmits, totals.steps), (1, 2, 1));
    // Another program looks the name up again.
    let again = wire
        .looks_up("example.com.", true)
        .pair(3, "example.com", DATA);
    let totals = again.totals();
    assert_eq!((totals.queries, totals.retransmits, totals.lookups), (3, 2, 2));
}

#[test]
fn data_of_one_type_is_success() {
    let outcomes = [Outcome::Denied, Outcome::Data];
    let totals = Wire::default()
        .looks_up("six", true)
        .pair(1, "six.ns.svc.cluster.local", outcomes)
        .totals();
    assert_eq!((totals.cluster, totals.nonexistent, totals.wasted_queries), (1, 0, 0));
}

#[test]
fn a_suffix_step_with_data_is_of_the_cluster() {
    let totals = Wire::default()
        .looks_up("web.shop", true)
        .pair(1, "web.shop.ns.svc.cluster.local", DENIED)
        .pair(2, "web.shop.svc.cluster.local", DATA)
        .totals();
    assert_eq!((totals.cluster, totals.steps, totals.wasted_queries), (1, 2, 2));
}

#[test]
fn a_whole_name_without_its_dot_is_apart_only_when_it_was_expanded() {
    let name = "web.ns.svc.cluster.local";
    let totals = external(name).totals();
    assert_eq!((totals.fqdn_no_dot, totals.external, totals.cluster), (1, 0, 0));
    assert_eq!((totals.steps, totals.wasted_queries), (4, 6));
    for name in [name, "web.ns.svc.cluster.local."] {
        let totals = Wire::default()
            .looks_up(name, true)
            .pair(1, "web.ns.svc.cluster.local", DATA)
            .totals();
        assert_eq!((totals.fqdn_no_dot, totals.cluster), (0, 1), "{name}");
    }
}

#[test]
fn every_denied_step_but_the_last_is_wasted() {
    // ndots is 1: as it is, then through the list.
    let totals = Wire::default()
        .looks_up("gone.ns", false)
        .pair(1, "gone.ns", DENIED)
        .pair(2, "gone.ns.ns.svc.cluster.local", DENIED)
        .pair(3, "gone.ns.svc.cluster.local", DENIED)
        .pair(4, "gone.ns.cluster.local", DENIED)
        .totals();
    assert_eq!((totals.nonexistent, totals.steps, totals.wasted_queries), (1, 4, 6));
}

#[test]
fn a_failure_is_neither_waste_nor_an_end() {
    let failed = [Outcome::Denied, Outcome::Failed];
    let totals = Wire::default()
        .looks_up("gone", false)
        .pair(1, "gone.ns.svc.cluster.local", failed)
        .pair(2, "gone.svc.cluster.local", DENIED)
        .asks(3, "gone.cluster.local", A)
        .totals();
    assert_eq!(totals.classes(), [0; 4]);
    assert_eq!((totals.steps, totals.queries, totals.wasted_queries), (3, 5, 2));
}

/// The same packet is a step of several names; only the program knows which.
#[test]
fn a_name_belongs_to_the_lookup_under_way() {
    let name = "web.ns.svc.cluster.local";
    let totals = Wire::default()
        .looks_up("web", true)
        .pair(1, name, DATA)
        .looks_up("web.ns.svc", true)
        .pair(2, "web.ns.svc", DENIED)
        .pair(3, "web.ns.svc.ns.svc.cluster.local", DENIED)
        .pair(4, "web.ns.svc.svc.cluster.local", DENIED)
        .pair(5, name, DATA)
        .looks_up(name, true)
        .pair(6, name, DATA)
        .totals();
    assert_eq!((totals.lookups, totals.steps, totals.cluster), (3, 6, 3));
    assert_eq!(totals.wasted_queries, 6);
}

#[test]
fn what_does_not_belong_together_is_an_error() {
    let wire = || Wire::default().looks_up("web.", true);
    let check = |wire: Wire, complaint: &str| {
        let error = wire.account().unwrap_err();
        assert!(error.contains(complaint), "{error}");
    };
    check(wire(), "nothing asked");
    check(wire().pair(1, "web.ns.svc.cluster.local", DATA), "asked in the lookup of web.");
    check(wire().pair(1, "web", DENIED), "disagree");
    check(wire().gets(1, ("web", A), Outcome::Data), "no query");
    check(Wire::default().asks(1, "web", A).looks_up("web.", true), "of no lookup");
}
