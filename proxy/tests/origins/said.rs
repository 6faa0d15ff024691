//! Upstreams that answer, but neither yes nor no.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use resolver::Origin;
use testbed::client::ResponseCode;
use testbed::{Client, Component, Coredns, Fivedots, eventually, port, query};
use upstream::{Flags, Reply, Rule, Script, Upstream, Zone};

use crate::SOON;
use crate::asker::{ask, names};
use crate::expected::{CLIENT, Expected, HUNDRED, OTHER_CLIENT};

/// The real CoreDNS with one server block: not for the root, which it is asked
/// for at its start and so refuses at once.
fn coredns(zone: &str, plugins: &str) -> Coredns {
    coredns_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), zone, plugins)
}

fn coredns_on(addr: SocketAddr, zone: &str, plugins: &str) -> Coredns {
    let corefile = format!("{zone}:{{port}} {{\nbind {{ip}}\n{plugins}\n}}\n");
    Coredns::start(addr, &corefile, &[]).unwrap()
}

/// Its API server is away: nothing listens there.
#[test]
fn coredns_that_does_not_know_the_cluster_is_not_synced() {
    if !testbed::have(Component::Coredns) {
        return;
    }
    let away = port::free(Ipv4Addr::LOCALHOST).unwrap();
    let plugin = format!("kubernetes cluster.local {{\nendpoint http://{away}\n}}");
    let coredns = coredns("cluster.local", &plugin);
    let addr = coredns.addr();
    let nobody = port::free(Ipv4Addr::LOCALHOST).unwrap();
    let zone = format!("cluster.local={addr}");
    let proxy = Fivedots::start(nobody, &["--zone", &zone]);
    let text = format!("{addr} has not synced with the Kubernetes API yet");
    Expected::servfail(Origin::NotSynced, 14, text).check(&proxy, "cluster.local.");
}

/// Its own upstream takes each datagram and never answers. CoreDNS waits 6 s for
/// it, which is longer than we wait for CoreDNS, until its health check has
/// failed; from then on it gives up after one try of 2 s.
#[test]
fn coredns_with_a_silent_upstream_gave_up() {
    if !testbed::have(Component::Coredns) {
        return;
    }
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let forward = format!("forward . {}", silent.local_addr().unwrap());
    let coredns = coredns("test", &forward);
    let direct = Client::new(coredns.addr()).timeout(SOON);
    let answer = direct.udp(&query("first.test.", "A")).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    let proxy = Fivedots::start(coredns.addr(), &[]);
    let text = format!("{} timed out waiting for its upstream", coredns.addr());
    Expected::servfail(Origin::ForwardGaveUp, 22, text).check(&proxy, ".");
}

/// A resolver on the Internet fails, and says why: "DNSSEC Bogus", which CoreDNS
/// passes on as we do.
#[test]
fn a_failure_behind_coredns_is_relayed() {
    if !testbed::have(Component::Coredns) {
        return;
    }
    let resolver = resolver(Reply::Explained(ResponseCode::ServFail, 6));
    let coredns = coredns("test", &format!("forward . {}", resolver.addr()));
    let proxy = Fivedots::start(coredns.addr(), &[]);
    let text = format!("a server behind {} failed", coredns.addr());
    Expected::servfail(Origin::Relayed, 6, text).check(&proxy, ".");
}

/// One query is all that CoreDNS takes at a time, and it waits for that one.
#[test]
fn coredns_with_too_much_to_do_refuses() {
    if !testbed::have(Component::Coredns) {
        return;
    }
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = silent.local_addr().unwrap();
    let coredns = coredns("test", &format!("forward . {silent} {{\nmax_concurrent 1\n}}"));
    let proxy = Fivedots::start(coredns.addr(), &[]);
    let direct = Client::new(coredns.addr()).from(OTHER_CLIENT);
    let first = direct.socket().unwrap();
    first.send(&query("first.test.", "A").octets()).unwrap();
    let refuses = || {
        let answer = direct.udp(&query("second.test.", "A"));
        answer.is_ok_and(|answer| answer.metadata.response_code == ResponseCode::Refused)
    };
    assert!(eventually(SOON, refuses));
    let text = format!("{} refused", coredns.addr());
    Expected::refused(Origin::UpstreamRefused, Some((0, text))).check(&proxy, ".");
}

#[test]
fn coredns_that_fails_at_once_has_an_error_inside() {
    if !testbed::have(Component::Coredns) {
        return;
    }
    let coredns = coredns("test", "template ANY ANY test {\nrcode SERVFAIL\n}");
    let proxy = Fivedots::start(coredns.addr(), &[]);
    let text = format!("{} failed at once", coredns.addr());
    Expected::servfail(Origin::UpstreamError, 0, text).check(&proxy, ".");
}

/// CoreDNS forwards to the proxy that asks it.
#[test]
fn a_question_that_comes_back_is_a_loop() {
    if !testbed::have(Component::Coredns) {
        return;
    }
    let addr = port::free(Ipv4Addr::LOCALHOST).unwrap();
    let proxy = Fivedots::start(addr, &[]);
    let _coredns = coredns_on(addr, "test", &format!("forward . {}", proxy.listen));
    let text = "loop: the query came back to its sender".to_owned();
    let expected = Expected::servfail(Origin::Loop, 0, text);
    expected.compare_told(&ask(proxy.listen, CLIENT, &names(HUNDRED, "test.")));
    expected.compare_client(&proxy);
}

/// Each name is asked twice within the second for which a failure is kept.
#[test]
fn a_failure_that_is_kept_gives_its_first_reason() {
    let resolver = resolver(Reply::Rcode(ResponseCode::ServFail));
    let proxy = Fivedots::start(resolver.addr(), &[]);
    let text = format!("a server behind {} failed", resolver.addr());
    let first = Expected::servfail(Origin::Relayed, 0, text.clone());
    let again = Expected::servfail(Origin::CachedFailure, 13, text);
    let mut told = [Vec::new(), Vec::new()];
    for name in names(HUNDRED, "test.").chunks(10) {
        for (told, client) in told.iter_mut().zip([OTHER_CLIENT, CLIENT]) {
            told.extend(ask(proxy.listen, client, name));
        }
    }
    first.compare_told(&told[0]);
    again.compare_told(&told[1]);
    let page = first.compare_client(&proxy);
    let named = page
        .names
        .iter()
        .filter(|name| name.workload.name == CLIENT.to_string());
    let named: Vec<_> = named.collect();
    assert!(!named.is_empty());
    for name in named {
        assert_eq!((&*name.origin, name.upstream), ("relayed", Some(resolver.addr())));
        assert!(name.since_s <= name.last_s + 1 + SOON.as_secs(), "{name:?}");
    }
}

/// A recursor that cannot resolve anything.
fn resolver(reply: Reply) -> Upstream {
    let script = Script::new()
        .zone(Zone::new(".").flags(Flags::RECURSIVE))
        .rule(Rule::any().reply(reply));
    Upstream::builder().script(script).start().unwrap()
}
