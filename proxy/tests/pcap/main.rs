//! `fivedots diagnose --pcap`: real resolvers look names up at a scripted server, dumpcap
//! captures them, and the verdict must be what was done to them.
#![cfg(test)]

mod world;

use std::process::Command;

use serde_json::Value;
use testbed::{Component, have, have_program};
use upstream::{Flags, ResponseCode, Rule, Script, Zone};

use world::{Pod, World};

fn is_possible() -> bool {
    [Component::Netns, Component::Tshark].into_iter().all(have)
        && ["gcc", "dig"]
            .iter()
            .all(|program| have_program(program, Component::Netns))
}

/// What each server starts from: names of the cluster, and of the Internet with RA.
fn script() -> Script {
    let cluster = Zone::new("cluster.local.").records(
        "cart.shop.svc 30 A 10.96.0.7
         cart.shop.svc 30 AAAA fd00::7",
    );
    let internet = Zone::new(".").flags(Flags::RECURSIVE).records(
        "*.example.com. 60 A 192.0.2.1
         *.example.com. 60 AAAA 2001:db8::1",
    );
    Script::new().zone(cluster).zone(internet)
}

/// Names that are there, so many of each kind.
fn names(count: usize) -> Vec<String> {
    let inside = (0..count).map(|_| "cart.shop.svc.cluster.local.".to_owned());
    let outside = (0..count).map(|n| format!("n{n}.example.com."));
    inside.zip(outside).flat_map(|(a, b)| [a, b]).collect()
}

fn cause(bundle: &Value) -> Option<&str> {
    bundle["verdict"]["findings"][0]["cause"].as_str()
}

fn who(bundle: &Value, pod: Pod) -> &Value {
    let all = bundle["evidence"]["window"]["who"].as_array().unwrap();
    let addr = pod.addr.to_string();
    all.iter().find(|who| who["name"] == addr).unwrap()
}

#[test]
fn a_healthy_capture_is_healthy_in_each_format_and_from_each_device() {
    if world::serves(script) || !is_possible() {
        return;
    }
    let test = "a_healthy_capture_is_healthy_in_each_format_and_from_each_device";
    for device in ["eth0", "any"] {
        let world = World::start(test);
        let pods = [Pod::new(1), Pod::new(2)];
        let captured = world.capture(device, |world| world.look_up_all(&pods, &names(30)));
        // Each of both asks for A and AAAA.
        let queries = 2 * 60 * 2 + 1;
        for file in [captured.file(), world.as_pcap(&captured)] {
            let (status, bundle) = world::diagnose(&file, &[]);
            assert_eq!(status, Some(0), "{bundle:#}");
            let capture = &bundle["capture"];
            assert_eq!(capture["queries"], queries, "{device}: {bundle:#}");
            assert_eq!(capture["responses"], queries, "{device}: {bundle:#}");
            assert_eq!(who(&bundle, pods[0])["queries"], 120, "{bundle:#}");
            assert_eq!(who(&bundle, pods[0])["lookups"], 60, "{bundle:#}");
        }
    }
}

/// The greedy neighbor: one client fails, the other is well.
#[test]
fn of_two_clients_the_one_that_fails_is_named() {
    let refused = || script().rule(Rule::on("broken.example.com").rcode(ResponseCode::ServFail));
    if world::serves(refused) || !is_possible() {
        return;
    }
    let world = World::start("of_two_clients_the_one_that_fails_is_named");
    let [well, sick] = [Pod::new(1), Pod::new(2)];
    let broken: Vec<_> = (0..30)
        .map(|n| format!("n{n}.broken.example.com."))
        .collect();
    let captured = world.capture("eth0", |world| {
        world.look_up_all(&[well], &names(60));
        world.look_up_all(&[sick], &broken);
    });
    let (status, bundle) = world::diagnose(&captured.file(), &[]);
    assert_eq!((status, cause(&bundle)), (Some(3), Some("one_workload")), "{bundle:#}");
    assert_eq!(bundle["verdict"]["findings"][0]["culprit"], sick.addr.to_string());
    assert_eq!(who(&bundle, well)["failed"], 0, "{bundle:#}");
    let row = &bundle["capture"]["clients"][0];
    assert_eq!(row["client"], sick.addr.to_string());
    assert!(
        row["failing"][0]
            .as_str()
            .unwrap()
            .ends_with(".broken.example.com."),
        "{row}"
    );
    // The counts are those of tshark.
    let fields = captured.fields(["ip.dst", "dns.flags.rcode"]).unwrap();
    let failed = fields
        .iter()
        .filter(|[to, rcode]| *to == sick.addr.to_string() && rcode == "2");
    assert_eq!(who(&bundle, sick)["failed"], failed.count(), "{bundle:#}");
    // Judged again it is the same, and hidden it has neither.
    let (_, shown) = world::text(&captured.file(), &["--redact", "names,clients"]);
    assert!(!shown.contains("broken") && !shown.contains(&sick.addr.to_string()), "{shown}");
    println!("{}", world::text(&captured.file(), &[]).1);
}

#[test]
fn servfail_for_names_outside_is_what_is_behind_coredns() {
    let broken = || script().rule(Rule::on("example.com").rcode(ResponseCode::ServFail));
    if world::serves(broken) || !is_possible() {
        return;
    }
    let world = World::start("servfail_for_names_outside_is_what_is_behind_coredns");
    let pods = [Pod::new(1), Pod::new(2)];
    let captured = world.capture("any", |world| world.look_up_all(&pods, &names(30)));
    let (status, bundle) = world::diagnose(&captured.file(), &[]);
    assert_eq!((status, cause(&bundle)), (Some(3), Some("upstream_servfail")), "{bundle:#}");
    assert_eq!(bundle["evidence"]["window"]["internal"]["failed"], 0, "{bundle:#}");
}

#[test]
fn silence_is_found_where_clients_ask_again() {
    let silent = || script().rule(Rule::any().silence());
    if world::serves(silent) || !is_possible() {
        return;
    }
    let world = World::start("silence_is_found_where_clients_ask_again");
    let pods = [Pod::new(1), Pod::new(2)];
    // All at once, ten seconds in all.
    let captured = world.capture("eth0", |world| world.look_up_at_once(&pods, &names(15)));
    let (status, bundle) = world::diagnose(&captured.file(), &[]);
    assert_eq!((status, cause(&bundle)), (Some(3), Some("coredns_down")), "{bundle:#}");
    let server = &bundle["evidence"]["coredns"][0];
    assert_eq!(server["udp"]["timeouts"], server["udp"]["sent"], "{bundle:#}");
    assert!(server["udp"]["sent"].as_u64() >= Some(60), "{bundle:#}");
    // The queries alone, of a server that answers, are no evidence.
    let text = world::text(&captured.file(), &[]).1;
    assert!(text.contains("what loses the queries to 10.79.0.1:53"), "{text}");
}

/// Nobody says the search list: it is learned from what is asked.
#[test]
fn the_waste_of_a_search_list_is_counted_by_client() {
    if world::serves(script) || !is_possible() {
        return;
    }
    let world = World::start("the_waste_of_a_search_list_is_counted_by_client");
    let [outside, inside] = [Pod::new(1), Pod::new(2)];
    let relative: Vec<_> = (0..40).map(|n| format!("n{n}.example.com")).collect();
    let captured = world.capture("eth0", |world| {
        world.look_up_all(&[outside], &relative);
        world.look_up_all(&[inside], &names(20));
    });
    let (status, bundle) = world::diagnose(&captured.file(), &[]);
    assert_eq!(status, Some(0), "{bundle:#}");
    let wasted = |pod| who(&bundle, pod)["wasted"].as_u64().unwrap();
    // Three domains, two types.
    assert_eq!((wasted(outside), wasted(inside)), (40 * 3 * 2, 0), "{bundle:#}");
    assert_eq!(who(&bundle, outside)["lookups"], 40, "{bundle:#}");
    assert_eq!(bundle["capture"]["clients"][0]["wasted"], 240, "{bundle:#}");
}

#[test]
fn what_is_no_capture_is_named_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node1.pcap");
    let (status, said) = world::text(&file, &[]);
    assert_eq!(status, Some(78), "{said}");
    assert!(said.contains("node1.pcap: No such file"), "{said}");
    std::fs::write(&file, "neither").unwrap();
    let (status, said) = world::text(&file, &[]);
    assert_eq!(status, Some(78), "{said}");
    assert!(said.contains("node1.pcap: octet 0: 0x6e656974 begins neither a pcap"), "{said}");
    let program = env!("CARGO_BIN_EXE_fivedots");
    for flags in [&["--service", "10.96.0.10"][..], &["--bundle", "x"], &["--all-nodes"]] {
        let mut command = Command::new(program);
        command.args(["diagnose", "--pcap"]).arg(&file).args(flags);
        assert_eq!(command.output().unwrap().status.code(), Some(64), "{flags:?}");
    }
}
