//! Rings that are closed while the proxy runs: broken at their first lap, and
//! named.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use console::api::LoopPage;
use testbed::client::{Message, ResponseCode, addresses};
use testbed::http::{Response, get};
use testbed::{Component, Coredns, Fivedots, eventually, port, query};
use upstream::Upstream;

use crate::PROGRAM;
use crate::forwarders::{Forwarder, Kind};

/// What a question may cost upstream in a loop: itself, and what finds out.
const MOST: usize = 3;

/// How soon it must be told where a loop is.
const TOLD: Duration = Duration::from_secs(5);

fn rcode(message: &Message) -> ResponseCode {
    message.metadata.response_code
}

/// The octets of the one Extended DNS Error of a response.
fn extended_error(message: &Message) -> Vec<u8> {
    use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
    let edns = message.edns.as_ref().expect("an OPT");
    match edns.options().get(EdnsCode::Unknown(15)) {
        Some(EdnsOption::Unknown(_, octets)) => octets.clone(),
        other => panic!("{other:?}"),
    }
}

/// Asks for a name that goes round, and checks what its client is told.
pub(crate) fn ask_in_loop(proxy: &Fivedots, name: &str) {
    let answer = proxy.client().udp(&query(name, "A").edns(1232)).unwrap();
    assert_eq!(rcode(&answer), ResponseCode::ServFail, "{name}");
    let error = extended_error(&answer);
    let text = String::from_utf8_lossy(&error[2..]);
    assert!(error.starts_with(&[0, 0]) && text.starts_with("loop:"), "{error:?}");
}

/// The loop through `hop` is in the log, the metrics and the readiness page,
/// and takes nobody's readiness.
pub(crate) fn is_told(proxy: &Fivedots, hop: &str, evidence: &str) {
    proxy
        .process
        .wait_for_line("a forwarding loop", TOLD)
        .unwrap_or_else(|error| panic!("{error}: {}", proxy.process.output()));
    let output = proxy.process.output();
    let line = output
        .lines()
        .find(|line| line.contains("a forwarding loop"));
    assert!(line.unwrap().contains(hop), "{line:?}");
    let series = format!("fivedots_loops_total{{evidence=\"{evidence}\"}} ");
    let counted = || {
        let text = get(proxy.metrics, "/metrics").body;
        let found = text.lines().find_map(|line| line.strip_prefix(&series));
        found.is_some_and(|count| count != "0") && !text.contains("fivedots_loop_active 0")
    };
    assert!(eventually(TOLD, counted), "{}", get(proxy.metrics, "/metrics").body);
    let Response { status, body, .. } = get(proxy.metrics, "/readyz");
    assert_eq!(status, 200);
    assert!(body.contains(hop) && body.contains(evidence), "{body}");
}

pub(crate) fn tells_of_none(proxy: &Fivedots) {
    assert_eq!(get(proxy.metrics, "/readyz").body, "ok\n");
    let text = get(proxy.metrics, "/metrics").body;
    let loops = text
        .lines()
        .filter(|line| line.starts_with("fivedots_loop"));
    assert!(loops.clone().count() > 1);
    loops.for_each(|line| assert!(line.ends_with(" 0"), "{line}"));
}

#[test]
fn a_loop_of_one_forwarder_is_broken_at_its_first_lap() {
    for (kind, transport) in
        [(Kind::Naive, "udp"), (Kind::Stub, "udp"), (Kind::Naive, "tcp"), (Kind::Stub, "tcp")]
    {
        let forwarder = Forwarder::start(kind);
        let upstream = forwarder.addr;
        let zone = format!("[[zone]]\nsuffix = \"example\"\nupstreams = [\"{upstream}\"]");
        let proxy = Fivedots::configured(upstream, &format!("{zone}\ntransport = \"{transport}\""));
        let before = proxy.client().udp(&query("before.example.", "A")).unwrap();
        assert_eq!(rcode(&before), ResponseCode::NXDomain);
        tells_of_none(&proxy);

        forwarder.forward_to(proxy.listen);
        for n in 0..3 {
            let name = format!("n{n}.example.");
            ask_in_loop(&proxy, &name);
            let count = forwarder.count(&name);
            assert!((1..=MOST).contains(&count), "{kind:?} {transport}: {count}");
        }
        is_told(&proxy, &format!("us -> {upstream} -> us"), "in_flight");
    }
}

/// Before the first lap has ended there is nothing to be seen, and a question
/// without an answer is asked again meanwhile.
#[test]
fn a_slow_ring_is_broken_as_soon_as_its_probe_is_back() {
    let forwarder = Forwarder::start(Kind::Slow);
    let proxy = Fivedots::start(forwarder.addr, &[]);
    forwarder.forward_to(proxy.listen);
    ask_in_loop(&proxy, "web.example.");
    let count = forwarder.count("web.example.");
    assert!((2..=8).contains(&count), "{count}");
    is_told(&proxy, &format!("us -> {} -> us", forwarder.addr), "in_flight");
}

#[test]
fn a_ring_of_two_forwarders_is_broken_at_its_first_lap() {
    let (first, second) = (Forwarder::start(Kind::Stub), Forwarder::start(Kind::Naive));
    let proxy = Fivedots::start(first.addr, &[]);
    first.forward_to(second.addr);
    second.forward_to(proxy.listen);
    ask_in_loop(&proxy, "web.example.");
    assert!((1..=MOST).contains(&first.count("web.example.")), "{}", first.count("web.example."));
    is_told(&proxy, &format!("us -> {} -> us", first.addr), "in_flight");
}

#[test]
fn a_ring_of_two_proxies_is_broken_by_one_of_them() {
    let between = Forwarder::start(Kind::Naive);
    let one = Fivedots::start(between.addr, &[]);
    let other = Fivedots::start(one.listen, &[]);
    between.forward_to(other.listen);
    let answer = one
        .client()
        .udp(&query("web.example.", "A").edns(1232))
        .unwrap();
    assert_eq!(rcode(&answer), ResponseCode::ServFail);
    // Each may look behind the question once, and behind the other's look.
    let count = between.count("web.example.");
    assert!((1..=MOST).contains(&count), "{count}");
    let told = || get(one.metrics, "/readyz").body + &get(other.metrics, "/readyz").body;
    assert!(eventually(TOLD, || told().contains("loop in web.example.: us -> ")), "{}", told());
}

#[test]
fn a_ring_with_coredns_is_broken_at_its_first_lap() {
    if !testbed::have(Component::Coredns) {
        return;
    }
    // Where no socket of CoreDNS may have taken the port meanwhile.
    let listen = port::free(Ipv4Addr::new(127, 0, 0, 5)).unwrap();
    let corefile = format!(
        ".:{{port}} {{\n bind {{ip}}\n log . \"asked {{name}} {{type}}\"\n forward . {listen}\n}}"
    );
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let coredns = Coredns::start(any, &corefile, &[]).unwrap();
    let proxy = Fivedots::start_on(listen, coredns.addr(), &[]);
    for n in 0..3 {
        ask_in_loop(&proxy, &format!("n{n}.example."));
    }
    is_told(&proxy, &format!("us -> {} -> us", coredns.addr()), "in_flight");
    for n in 0..3 {
        let name = format!("n{n}.example.");
        // It logs a query when that has ended.
        let asked = || {
            let log = coredns.process().output();
            log.lines().filter(|line| line.contains(&name)).count()
        };
        assert!(eventually(TOLD, || asked() >= 2), "{}", coredns.process().output());
        assert!(asked() <= MOST, "{}", coredns.process().output());
    }
}

/// The question is answered by the server that the loop leaves out.
#[test]
fn another_upstream_answers_what_one_brings_back() {
    let forwarder = Forwarder::start(Kind::Naive);
    let good = Upstream::builder()
        .zone("example.", "* 60 A 192.0.2.2")
        .start()
        .unwrap();
    let upstreams = format!("upstreams = [\"{}\", \"{}\"]", forwarder.addr, good.addr());
    let zone = format!("[[zone]]\nsuffix = \"example\"\n{upstreams}");
    let proxy = Fivedots::configured(good.addr(), &zone);
    forwarder.forward_to(proxy.listen);
    for n in 0..40 {
        let name = format!("n{n}.example.");
        let answer = proxy.client().udp(&query(&name, "A")).unwrap();
        assert_eq!(addresses(&answer), [Ipv4Addr::new(192, 0, 2, 2)], "{name}");
    }
    assert!(forwarder.total() > 0, "the loop was never asked");
    is_told(&proxy, &format!("us -> {} -> us", forwarder.addr), "in_flight");
}

/// Who brought what back is on the admin listener.
#[test]
fn a_loop_is_on_its_page_with_its_peer() {
    let forwarder = Forwarder::start(Kind::Naive);
    let proxy = Fivedots::start(forwarder.addr, &[]);
    forwarder.forward_to(proxy.listen);
    for n in 0..3 {
        ask_in_loop(&proxy, &format!("n{n}.example."));
    }
    let Response { status, body: page, .. } = get(proxy.admin, "/api/v1/loops");
    let page: LoopPage = serde_json::from_str(&page).unwrap();
    assert_eq!((status, page.evidences["in_flight"]), (200, 3));
    let [seen] = &page.loops[..] else { panic!("{page:?}") };
    assert_eq!((seen.count, seen.active, seen.zone.as_str()), (3, true, "."));
    assert_eq!(seen.peer, Some(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(seen.upstream, Some(forwarder.addr));
    assert_eq!(seen.hops, ["us".to_owned(), forwarder.addr.to_string(), "us".to_owned()]);
    let admin = proxy.admin.to_string();
    let stats = Command::new(PROGRAM)
        .args(["stats", "--admin", &admin])
        .output()
        .unwrap();
    let text = String::from_utf8(stats.stdout).unwrap();
    assert!(text.contains(&seen.hops.join(" -> ")), "{text}");
}
