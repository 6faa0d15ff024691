//! Records of several rings in one order.

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::intake::record::Record;
use crate::intake::ring_buffer::{RingBuffer, Writer};

fn record(arrived: u64, took: u64) -> Record {
    let peer = SocketAddr::from(([10, 0, 0, 1], 1000));
    let took = Duration::from_micros(took);
    Record { took, ..Record::unparsed(1, peer, Moment::from_micros(arrived)) }
}

fn rings<const N: usize>(octets: usize) -> ([Writer; N], Merge) {
    let mut readers = Vec::new();
    let writers = [(); N].map(|()| {
        let (writer, reader) = RingBuffer::pair(octets);
        readers.push(reader);
        writer
    });
    (writers, Merge::new(readers))
}

/// Reads all that may be read, as times of answers and names.
fn read(order: &mut Merge, until: Moment) -> Vec<(u64, String)> {
    let (mut all, mut part) = (Vec::new(), Batch::default());
    loop {
        order.fill(&mut part, until);
        if part.is_empty() {
            return all;
        }
        assert!(part.len() <= Batch::ROOM);
        all.extend(part.iter().map(|seen| {
            let done = seen.record.arrived + seen.record.took;
            (done.as_micros(), String::from_utf8(seen.qname.to_vec()).unwrap())
        }));
    }
}

#[test]
fn the_rings_are_read_side_by_side() {
    let ([mut one, mut two, mut three], mut order) = rings(4096);
    one.push(&record(1, 100), b"late");
    two.push(&record(5, 2), b"First");
    two.push(&record(6, 95), b"as late");
    two.push(&record(6, 9000), b"last");
    three.push(&record(8, 0), b"second");
    three.push(&record(8, 0), b"third");
    let start = order.look(Moment::from_micros(1_000_000)).as_micros();
    assert_eq!(start, 950_000);
    let some = read(&mut order, Moment::from_micros(101));
    let expected = [(7, "first"), (8, "second"), (8, "third")];
    assert_eq!(some, expected.map(|(at, name)| (at, name.to_owned())));
    let rest = read(&mut order, Moment::from_micros(u64::MAX));
    let expected = [(101, "late"), (101, "as late"), (9006, "last")];
    assert_eq!(rest, expected.map(|(at, name)| (at, name.to_owned())));
}

#[test]
fn what_was_written_after_the_look_waits_for_the_next_one() {
    let ([mut one], mut order) = rings(4096);
    order.look(Moment::from_micros(1_000_000));
    one.push(&record(1, 1), b"x");
    assert_eq!(read(&mut order, Moment::from_micros(u64::MAX)), []);
    order.look(Moment::from_micros(1_000_000));
    assert_eq!(read(&mut order, Moment::from_micros(u64::MAX)).len(), 1);
}

/// More than a part holds, and all of one moment.
#[test]
fn many_come_in_parts() {
    let ([mut one, mut two], mut order) = rings(1 << 20);
    for n in 0..1000 {
        let writer = if n % 3 == 0 { &mut one } else { &mut two };
        writer.push(&record(n / 100, 7), b"x");
    }
    order.look(Moment::default());
    let times: Vec<u64> = read(&mut order, Moment::from_micros(u64::MAX))
        .into_iter()
        .map(|(done, _)| done)
        .collect();
    assert_eq!(times.len(), 1000);
    assert!(times.is_sorted());
    assert_eq!(order.missed(), 0);
}

/// A ring that is half full is not left to fill up for the sake of order.
#[test]
fn where_a_ring_would_be_full_records_wait_less() {
    let now = Moment::from_micros(1_000_000);
    let ([mut one, _two], mut order) = rings(4096);
    for _ in 0..36 {
        one.push(&record(1, 0), b"\x01x\0");
    }
    assert_eq!(order.look(now).as_micros(), 950_000);
    one.push(&record(1, 0), b"\x01x\0");
    assert_eq!(order.look(now).as_micros(), 995_000);
}
