//! Lookups in virtual time, row by row of what the libraries were seen to do.

mod world;

use std::time::Duration;

use super::{Ending, Fault, Memory, Model, Packet, Qtype};
use world::Does::{Answers, Breaks, NoData, Nothing, Truncates};
use world::{NXDOMAIN, REFUSED, SERVFAIL, World, on_suffix};

#[test]
fn glibc_asks_both_types_from_a_new_port_for_each_name() {
    let played = World::of(Model::Glibc).play("x.y", |name, _, _| on_suffix(name, NXDOMAIN));
    assert_eq!(
        played.lines,
        [
            "0.0 p0 i1 A x.y.a.local",
            "0.0 p0 i2 AAAA x.y.a.local",
            "0.0 p1 i3 A x.y.b.local",
            "0.0 p1 i4 AAAA x.y.b.local",
            "0.0 p2 i5 A x.y",
            "0.0 p2 i6 AAAA x.y",
        ]
    );
    assert_eq!(played.ending, Ending::Resolved);
}

#[test]
fn glibc_resends_after_5_s_from_the_same_port_with_the_same_ids() {
    let played = World::of(Model::Glibc).play("x.y.", |_, _, _| Nothing);
    assert_eq!(
        played.lines,
        ["0.0 p0 i1 A x.y", "0.0 p0 i2 AAAA x.y", "5.0 p0 i1 A x.y", "5.0 p0 i2 AAAA x.y",]
    );
    assert_eq!((played.ending, played.took.as_secs()), (Ending::Failed, 10));
}

#[test]
fn glibc_that_misses_one_answer_asks_one_after_the_other_from_then_on() {
    let silent_aaaa =
        |_: &str, packet: &Packet, _| if packet.qtype == Qtype::A { Answers } else { Nothing };
    let played = World::of(Model::Glibc).play("x.", silent_aaaa);
    assert_eq!(
        played.lines,
        [
            "0.0 p0 i1 A x",
            "0.0 p0 i2 AAAA x",
            "5.0 p0 i1 A x",
            "5.0 p0 i2 AAAA x",
            "10.0 p1 i1 A x",
            "10.0 p2 i2 AAAA x",
        ]
    );
    assert_eq!((played.ending, played.took.as_secs()), (Ending::Resolved, 15));
    let again = World { memory: played.memory, ..World::of(Model::Glibc) };
    let again = again.play("x.", |_, _, _| Answers);
    assert_eq!(again.lines, ["0.0 p0 i1 A x", "0.0 p1 i2 AAAA x"]);
}

#[test]
fn glibc_asks_twice_and_goes_on_after_servfail_but_not_after_refused() {
    let played = World::of(Model::Glibc).play("x.y", |name, _, _| on_suffix(name, SERVFAIL));
    assert_eq!(played.lines.len(), 2 * 4 + 2);
    assert_eq!(played.lines[2], "0.0 p0 i1 A x.y.a.local");
    assert_eq!(played.ending, Ending::Resolved);
    let played = World::of(Model::Glibc).play("x.y", |_, _, _| REFUSED);
    let names: Vec<_> = played
        .lines
        .iter()
        .map(|line| line.contains("local"))
        .collect();
    assert_eq!(names, [true, true, true, true, false, false, false, false]);
    assert_eq!((played.ending, played.took), (Ending::Failed, Duration::ZERO));
}

#[test]
fn glibc_repeats_both_over_one_connection_after_tc() {
    let truncates = |_: &str, _: &Packet, over_tcp| if over_tcp { Answers } else { Truncates };
    let played = World::of(Model::Glibc).play("x.", truncates);
    let expected =
        ["0.0 p0 i1 A x", "0.0 p0 i2 AAAA x", "0.0 tcp p1 i1 A x", "0.0 tcp p1 i2 AAAA x"];
    assert_eq!(played.lines, expected);
    // Refused, it fails at once.
    let no_tcp = |_: &str, _: &Packet, over_tcp| {
        if over_tcp { Breaks(Fault::Refused) } else { Truncates }
    };
    let played = World::of(Model::Glibc).play("x.y", no_tcp);
    assert_eq!((played.ending, played.took), (Ending::Failed, Duration::ZERO));
    assert!(played.lines.iter().all(|line| line.contains("x.y.a.local")), "{:?}", played.lines);
    // Reset, it is tried once more.
    let resets = |_: &str, _: &Packet, over_tcp| {
        if over_tcp { Breaks(Fault::Reset) } else { Truncates }
    };
    let played = World::of(Model::Glibc).play("x.", resets);
    assert_eq!(
        played
            .lines
            .iter()
            .filter(|line| line.contains("tcp"))
            .count(),
        4
    );
}

#[test]
fn glibc_waits_for_each_of_three_servers_by_its_place() {
    let world = World { servers: 3, ..World::of(Model::Glibc) };
    let played = world.play("x.", |_, _, _| Nothing);
    let a: Vec<_> = played.lines.iter().step_by(2).map(String::as_str).collect();
    assert_eq!(
        a,
        [
            "0.0 p0 i1 A x",
            "5.0 p1 i1 A x at 1",
            "8.0 p2 i1 A x at 2",
            "14.0 p0 i1 A x",
            "19.0 p1 i1 A x at 1",
            "22.0 p2 i1 A x at 2",
        ]
    );
    let rotating = Memory::starting_at(5);
    let world =
        World { servers: 3, memory: rotating, ..World::new(Model::Glibc, "ndots:5 rotate") };
    let played = world.play("x.y", |name, _, _| on_suffix(name, NXDOMAIN));
    let a: Vec<_> = played.lines.iter().step_by(2).map(String::as_str).collect();
    let expected =
        ["0.0 p0 i1 A x.y.a.local at 2", "0.0 p1 i3 A x.y.b.local", "0.0 p2 i5 A x.y at 1"];
    assert_eq!(a, expected);
}

#[test]
fn glibc_fails_at_once_when_the_port_is_closed() {
    let closed = |_: &str, _: &Packet, _| Breaks(Fault::Refused);
    let played = World::of(Model::Glibc).play("x.y", closed);
    assert_eq!((played.ending, played.took), (Ending::Failed, Duration::ZERO));
    // A port each: the error closes the socket.
    assert_eq!(played.lines[2], "0.0 p1 i1 A x.y.a.local");
    assert_eq!(played.lines.len(), 4);
}

#[test]
fn glibc_options_change_what_is_sent() {
    let answers = |_: &str, _: &Packet, _| Answers;
    let played = World::new(Model::Glibc, "single-request").play("x.", answers);
    assert_eq!(played.lines, ["0.0 p0 i1 A x", "0.0 p0 i2 AAAA x"]);
    let played = World::new(Model::Glibc, "single-request-reopen").play("x.", answers);
    assert_eq!(played.lines, ["0.0 p0 i1 A x", "0.0 p1 i2 AAAA x"]);
    let played = World::new(Model::Glibc, "no-aaaa edns0").play("x.", answers);
    assert_eq!(played.lines, ["0.0 p0 i1 A x opt 1200"]);
    let played = World::new(Model::Glibc, "use-vc").play("x.", answers);
    assert_eq!(played.lines, ["0.0 tcp p0 i1 A x", "0.0 tcp p0 i2 AAAA x"]);
    let played = World::new(Model::Glibc, "timeout:1 attempts:3").play("x.", |_, _, _| Nothing);
    assert_eq!((played.lines.len(), played.took.as_secs()), (6, 3));
}

#[test]
fn musl_asks_all_servers_at_once_and_stops_after_nodata() {
    let world = World { servers: 2, ..World::of(Model::Musl) };
    let played =
        world.play("x.", |_, packet, _| if packet.server == 1 { Answers } else { Nothing });
    assert_eq!(
        played.lines,
        ["0.0 p0 i1 A x", "0.0 p0 i1 A x at 1", "0.0 p0 i4 AAAA x", "0.0 p0 i4 AAAA x at 1"]
    );
    let played = World::of(Model::Musl).play("x.y", |name, _, _| on_suffix(name, NoData));
    assert_eq!((played.lines.len(), played.ending), (2, Ending::Denied));
    let played = World::of(Model::Musl).play("x.y", |name, _, _| on_suffix(name, NXDOMAIN));
    assert_eq!((played.lines.len(), played.ending), (6, Ending::Resolved));
}

#[test]
fn musl_repeats_servfail_four_times_in_each_half_of_its_5_s() {
    let played = World::of(Model::Musl).play("x.y", |_, _, _| SERVFAIL);
    let times = |at: &str| {
        played
            .lines
            .iter()
            .filter(|line| line.starts_with(at))
            .count()
    };
    assert_eq!((times("0.0 p0"), times("2.5 p0"), played.lines.len()), (6, 6, 12));
    assert_eq!((played.ending, played.took.as_secs()), (Ending::Failed, 5));
    // REFUSED and ICMP are as silence, and one missing answer fails the lookup.
    for does in [REFUSED, Breaks(Fault::Refused), Nothing] {
        let played = World::of(Model::Musl)
            .play("x.", |_, packet, _| if packet.qtype == Qtype::A { Answers } else { does });
        assert_eq!(played.lines.len(), 3);
        assert_eq!(played.lines[2], "2.5 p0 i4 AAAA x");
        assert_eq!((played.ending, played.took.as_secs()), (Ending::Failed, 5));
    }
}

#[test]
fn go_has_a_port_an_id_and_an_opt_for_each_packet() {
    let played = World::of(Model::Go).play("x.", |_, _, _| Nothing);
    assert_eq!(
        played.lines,
        [
            "0.0 p0 i1 AAAA x opt 1232",
            "0.0 p1 i2 A x opt 1232",
            "5.0 p2 i3 A x opt 1232",
            "5.0 p3 i4 AAAA x opt 1232",
        ]
    );
    assert_eq!((played.ending, played.took.as_secs()), (Ending::Failed, 10));
    let played = World::of(Model::Go).play("x.y", |name, _, _| on_suffix(name, SERVFAIL));
    assert_eq!((played.lines.len(), played.ending), (2 * 4 + 2, Ending::Resolved));
    let truncates = |_: &str, _: &Packet, over_tcp| if over_tcp { Answers } else { Truncates };
    let played = World::new(Model::Go, "single-request").play("x.", truncates);
    assert_eq!(
        played.lines,
        [
            "0.0 p0 i1 A x opt 1232",
            "0.0 tcp p1 i1 A x opt 1232",
            "0.0 p2 i2 AAAA x opt 1232",
            "0.0 tcp p3 i2 AAAA x opt 1232",
        ]
    );
}

#[test]
fn c_ares_keeps_the_id_and_changes_the_port() {
    let played = World::of(Model::CAres).play("x.y", |_, _, _| Nothing);
    let parts: Vec<_> = played
        .lines
        .iter()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(parts, ["p0 i1 A x.y", "p1 i1 A x.y", "p2 i1 A x.y", "p3 i1 A x.y"]);
    assert_eq!(played.lines[1], "2.0 p1 i1 A x.y");
    assert_eq!(played.took.subsec_nanos(), 0, "Node.js looks once a second");
    assert!((15..=30).contains(&played.took.as_secs()), "{:?}", played.took);
    let played = World::of(Model::CAres).play("x.y", |_, _, _| SERVFAIL);
    assert_eq!((played.lines.len(), played.ending), (1, Ending::Failed));
}

#[test]
fn nslookup_asks_for_aaaa_after_the_hit() {
    let played = World::of(Model::Nslookup).play("x.y", |name, _, _| on_suffix(name, NXDOMAIN));
    assert_eq!(
        played.lines,
        [
            "0.0 p0 i1 A x.y.a.local",
            "0.0 p1 i2 A x.y.b.local",
            "0.0 p2 i3 A x.y",
            "0.0 p3 i4 AAAA x.y",
        ]
    );
    let world = World { servers: 2, ..World::of(Model::Nslookup) };
    let played = world.play("x.", |_, _, _| Nothing);
    let expected = ["0.0 p0 i1 A x", "5.0 p1 i1 A x", "10.0 p2 i1 A x", "15.0 p3 i1 A x at 1"];
    assert_eq!(played.lines, expected);
    assert_eq!(played.took.as_secs(), 20);
}

/// Whatever comes, and in whatever order, a lookup ends, with all sockets closed.
#[test]
fn every_lookup_ends_whatever_the_servers_do() {
    for model in Model::ALL {
        for seed in 0..2_000_u64 {
            let world = World { servers: 1 + u8::try_from(seed % 3).unwrap(), ..World::of(model) };
            let played = world.play("x.y", |name, packet, over_tcp| {
                let mixed = seed
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .wrapping_add(name.len() as u64 * 31 + u64::from(packet.id) * 7)
                    .wrapping_add(u64::from(packet.socket) * 131);
                match mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 60 {
                    0 | 1 => NXDOMAIN,
                    2 => NoData,
                    3 | 4 => SERVFAIL,
                    5 => REFUSED,
                    6 => Truncates,
                    7 => Breaks(Fault::Refused),
                    8 => Breaks(Fault::Reset),
                    // A stream has no deadline in glibc: the kernel ends it.
                    9..=12 if over_tcp => Breaks(Fault::Other),
                    9..=12 => Nothing,
                    _ => Answers,
                }
            });
            assert!(played.took.as_secs() < 200, "{model} {seed}: {:?}", played.took);
        }
    }
}
