//! A capture holds what was sent, up to the last packet asked for.

use std::process::Command;

use testbed::{Capture, Component, Netns, have, have_program};

fn dig(netns: &Netns, name: &str) -> Command {
    let mut dig = netns.command("dig");
    dig.args(["@127.0.0.1", "+tries=1", "+time=1", name]);
    dig
}

#[test]
fn a_capture_has_every_packet_until_the_last() {
    if !have(Component::Netns) || !have(Component::Tshark) {
        return;
    }
    if !have_program("dig", Component::Tshark) {
        return;
    }
    let netns = Netns::new().unwrap();
    let capture = Capture::start(&netns, "lo", "udp dst port 53").unwrap();
    let names = ["first.test", "second.test", "the-last"];
    for name in names {
        // No program listens: the query is sent and refused.
        dig(&netns, name).output().unwrap();
    }
    let captured = capture.finish(b"the-last").unwrap();
    let rows = captured
        .fields(["dns.qry.name", "ip.dst", "dns.a"])
        .unwrap();
    // dig asks again when it is refused.
    let mut asked: Vec<_> = rows.iter().map(|[name, ..]| name.as_str()).collect();
    asked.dedup();
    assert_eq!(asked, names);
    assert!(
        rows.iter()
            .all(|[_, to, address]| to == "127.0.0.1" && address.is_empty())
    );
    let error = captured.fields(["no.such.field"]).unwrap_err();
    assert!(error.to_string().contains("no.such.field"), "{error}");
}
