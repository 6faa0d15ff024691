//! Upstreams that are silent, closed, failing, truncating, or lossy.

use super::world::{Conduct, Tcp, Udp, World, addr_of};
use super::*;

/// A failure, and how long it took.
#[track_caller]
fn fails(world: &mut World, name: &str, with: (Rcode, Origin), after: Duration) {
    let answer = world.lookup(name);
    assert_eq!((answer.rcode, answer.origin, answer.after), (with.0, with.1, after));
}

#[test]
fn three_hundred_who_ask_the_same_are_one_query() {
    let mut world = World::new(1, 1);
    for client in 0..300 {
        world.ask("web.test.", client);
    }
    world.pass(millis(1));
    assert_eq!(world.answers.len(), 300);
    assert!(world.answers.iter().all(|answer| answer.address.is_some()));
    assert_eq!((world.asked("web.test."), world.stats.inflight_joined.get()), (1, 299));

    // A late question is answered from the cache.
    assert_eq!(world.lookup("web.test.").origin, Origin::Cache);
    assert_eq!(world.asked("web.test."), 1);
}

#[test]
fn thousands_of_clients_are_one_query_for_each_name() {
    let mut world = World::new(2, 2);
    for client in 0..5_000 {
        let name = format!("n{}.test.", client % 500);
        world.ask_after(Duration::from_micros(u64::from(client)), &name, client);
    }
    world.pass(secs(1));
    assert_eq!(world.answers.len(), 5_000);
    assert_eq!(world.queries.len(), 500);
}

#[test]
fn a_retransmit_gets_no_second_answer() {
    let mut world = World::new(3, 1);
    world.ask_twice("web.test.", 1);
    world.ask("web.test.", 2);
    world.pass(secs(1));
    assert_eq!(world.answers.len(), 2);
    assert_eq!(world.stats.inflight_retransmits.get(), 1);
}

#[test]
fn silence_ends_at_the_deadline_and_is_remembered() {
    let mut world = World::new(4, 1).all(Udp::Silent).tcp(Tcp::Hangs);
    fails(&mut world, "web.test.", (Rcode::SERVFAIL, Origin::Timeout), ForwardConfig::DEADLINE);
    let asked = world.queries.iter().map(|query| query.after.as_millis());
    assert_eq!(asked.collect::<Vec<_>>(), [0, 400, 420, 440, 1200, 1200, 2400, 2400]);

    fails(&mut world, "web.test.", (Rcode::SERVFAIL, Origin::Cache), Duration::ZERO);
    world.pass(millis(999));
    fails(&mut world, "web.test.", (Rcode::SERVFAIL, Origin::Cache), Duration::ZERO);
    world.pass(millis(1));
    world.lookup("web.test.");
    assert_eq!(world.queries.len(), 16);
}

#[test]
fn a_closed_port_is_given_up_after_three_tries() {
    let mut world = World::new(5, 1).all(Udp::Closed);
    let refused = (Rcode::SERVFAIL, Origin::ConnectRefused);
    // The last try is at 420 ms, and its answer may still come for 250 ms.
    fails(&mut world, "web.test.", refused, millis(670));
    assert_eq!(world.queries.len(), 3);
    let mut world = World::new(5, 1).all(Tcp::Refuses).over_tcp();
    fails(&mut world, "web.test.", refused, millis(803));
    assert_eq!(world.queries.len(), 3);
}

#[test]
fn the_only_upstream_is_found_when_it_starts() {
    let mut world = World::new(6, 1).all(Udp::Closed);
    world.later(millis(300), 0, Conduct::default());
    let answer = world.lookup("web.test.");
    assert_eq!((answer.rcode, answer.after), (Rcode::NOERROR, millis(401)));
}

#[test]
fn another_upstream_is_asked_when_one_fails() {
    for (bad, bound) in [
        (Udp::Fails(Rcode::SERVFAIL), millis(2)),
        (Udp::Closed, millis(2)),
        (Udp::Silent, millis(401)),
    ] {
        let mut world = World::new(7, 2).upstream(0, bad);
        for n in 0..8 {
            let answer = world.lookup(&format!("n{n}.test."));
            assert_eq!(answer.rcode, Rcode::NOERROR, "{bad:?}");
            assert!(answer.after <= bound, "{bad:?}: {answer:?}");
        }
    }
}

#[test]
fn what_all_upstreams_refuse_is_refused_and_remembered() {
    let mut world = World::new(8, 2).all(Udp::Fails(Rcode::REFUSED));
    fails(&mut world, "web.test.", (Rcode::REFUSED, Origin::UpstreamRefused), millis(2));
    fails(&mut world, "web.test.", (Rcode::REFUSED, Origin::Cache), Duration::ZERO);
    let mut upstreams: Vec<_> = world.queries.iter().map(|query| query.upstream).collect();
    upstreams.sort_unstable();
    assert_eq!(upstreams, [0, 1]);
}

/// RFC 6891, section 7: a server that knows no EDNS says FORMERR or NOTIMP.
#[test]
fn an_upstream_without_edns_is_asked_without() {
    let mut world = World::new(9, 1).all(Udp::KnowsNoEdns);
    let answer = world.lookup("web.test.");
    assert_eq!((answer.rcode, answer.after), (Rcode::NOERROR, millis(2)));
    let additional = world.queries.iter().map(|query| query.octets[11]);
    assert_eq!(additional.collect::<Vec<_>>(), [1, 0]);

    // One that says so whatever it is asked is believed the second time.
    for rcode in [Rcode::FORMERR, Rcode::NOTIMP] {
        let mut world = World::new(9, 1).all(Udp::Fails(rcode));
        assert_eq!(world.lookup("web.test.").rcode, rcode);
        assert_eq!(world.queries.len(), 2);
    }
}

#[test]
fn a_truncated_answer_is_fetched_over_tcp_from_the_same_upstream() {
    let mut world = World::new(10, 3).all(Udp::Truncates);
    let answer = world.lookup("web.test.");
    assert!(answer.address.is_some() && answer.after < millis(3), "{answer:?}");
    let asked: Vec<_> = world
        .queries
        .iter()
        .map(|query| (query.over, query.upstream))
        .collect();
    let first = asked[0].1;
    assert_eq!(asked, [(Transport::Udp, first), (Transport::Tcp, first)]);
}

#[test]
fn a_query_on_a_connection_that_ends_is_asked_again_at_once() {
    let mut world = World::new(11, 1).all(Tcp::ClosesIdle).over_tcp();
    world.later(Duration::from_micros(700), 0, Conduct::default());
    let answer = world.lookup("web.test.");
    assert!(answer.address.is_some() && answer.after < millis(3), "{answer:?}");
    assert_eq!(world.queries.len(), 2);
}

/// One query and one answer in ten are lost. The first second of tries makes it
/// good for all but a few: the seed tells for how many.
#[test]
fn loss_is_made_good_within_half_a_second() {
    let lossy = Conduct { loss: 0.05, ..Conduct::default() };
    let mut world = World::new(12, 1).all(lossy);
    for n in 0..3_000 {
        world.ask_after(millis(n), &format!("n{n}.test."), 1);
    }
    world.pass(secs(8));
    assert!(world.answers.iter().all(|answer| answer.address.is_some()));
    let slow = |after| {
        world
            .answers
            .iter()
            .filter(|answer| answer.after > after)
            .count()
    };
    assert_eq!(world.answers.len(), 3_000);
    assert!(slow(millis(399)) > 250, "nothing was lost");
    assert!(slow(millis(500)) <= 3, "{} of 3000 waited longer", slow(millis(500)));
}

#[test]
fn a_name_of_no_zone_is_refused() {
    let mut config = config(Transport::Udp, &[addr_of(0)]);
    config.zones[0].suffix = Name::from_text("test.").unwrap();
    let mut world = World::with(13, config);
    fails(&mut world, "example.net.", (Rcode::REFUSED, Origin::NoZone), Duration::ZERO);
}

#[test]
fn without_a_socket_a_query_fails_and_finds_one_later() {
    let mut world = World::new(14, 1);
    world.has_sockets = false;
    fails(&mut world, "web.test.", (Rcode::SERVFAIL, Origin::SendFailed), millis(420));
    assert_eq!(world.queries.len(), 0);
    world.has_sockets = true;
    assert!(world.lookup("other.test.").address.is_some());
    // The next port is not to be had; the first one does.
    world.has_sockets = false;
    let answer = world.lookup("third.test.");
    assert_eq!((answer.address.is_some(), answer.after), (true, millis(1)));
}

#[test]
fn what_the_system_does_not_let_leave_is_tried_again() {
    let mut world = World::new(15, 1).all(Udp::Forbidden).tcp(Tcp::Hangs);
    fails(&mut world, "web.test.", (Rcode::SERVFAIL, Origin::SendFailed), ForwardConfig::DEADLINE);
    world.later(millis(500), 0, Conduct::default());
    let answer = world.lookup("other.test.");
    assert!(answer.address.is_some() && answer.after < millis(1201), "{answer:?}");
}

/// RFC 6761: nobody is asked for them.
#[test]
fn special_names_are_answered_here() {
    let mut world = World::new(16, 1);
    let here = world.lookup("a.localhost.");
    assert_eq!((here.origin, here.address), (Origin::Local, Some([127, 0, 0, 1].into())));
    let invalid = world.lookup("web.invalid.");
    assert_eq!((invalid.rcode, invalid.origin), (Rcode::NXDOMAIN, Origin::Local));
    assert_eq!(world.queries.len(), 0);
}
