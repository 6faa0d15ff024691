//! Records through a ring, in one thread and in two.

use std::net::Ipv4Addr;
use std::time::Duration;

use dns::{Name, Rtype};
use resolver::{Moment, Origin};

use super::*;
use crate::intake::record::{QueryEvent, QueryFlags};

fn record(number: u64) -> Record {
    let peer = (Ipv4Addr::LOCALHOST, 1000).into();
    Record {
        took: Duration::from_micros(20),
        qtype: Rtype::A,
        origin: Origin::Cache,
        flags: QueryFlags::ANSWERED,
        ..Record::unparsed(1, peer, Moment::from_micros(number))
    }
}

/// Takes what there is, at most `most` records, and returns how many.
fn drain(reader: &mut Reader, most: usize, mut take: impl FnMut(QueryEvent<'_>)) -> usize {
    let (mut part, mut taken) = (Batch::default(), 0);
    reader.look();
    while taken < most && reader.head().is_some() {
        part.clear();
        reader.read(&mut part);
        assert_eq!(part.len(), 1);
        part.iter().for_each(&mut take);
        taken += 1;
    }
    reader.give_back();
    taken
}

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

#[test]
fn records_come_out_in_order_with_their_names_in_lower_case() {
    let (mut writer, mut reader) = RingBuffer::pair(4096);
    let longest =
        [&"A".repeat(63), ".", &"b".repeat(63), ".", &"c".repeat(63), ".", &"d".repeat(61)];
    let names = ["", "Api.Example.COM", ".", &longest.concat()].map(str::to_owned);
    for (number, text) in names.iter().enumerate() {
        let wire = if text.is_empty() { Vec::new() } else { name(text).as_wire().to_vec() };
        writer.push(&record(number as u64), &wire);
    }
    let mut seen = Vec::new();
    let taken = drain(&mut reader, usize::MAX, |s| seen.push((s.record, s.qname.to_vec())));
    assert_eq!(taken, 4);
    for (number, text) in names.iter().enumerate() {
        let folded =
            if text.is_empty() { Vec::new() } else { name(text).folded().as_wire().to_vec() };
        assert_eq!(seen[number], (record(number as u64), folded), "{text}");
    }
    assert_eq!(drain(&mut reader, usize::MAX, |_| panic!("nothing is left")), 0);
}

#[test]
fn what_finds_no_room_is_counted_and_the_rest_is_whole() {
    let (mut writer, mut reader) = RingBuffer::pair(1024);
    let qname = name("a.example.org");
    let (mut pushed, mut read) = (0, 0);
    for lap in 0..1000 {
        for _ in 0..=lap % 40 {
            writer.push(&record(pushed), qname.as_wire());
            pushed += 1;
        }
        let mut last = None;
        read += drain(&mut reader, usize::MAX, |seen| {
            assert!(last < Some(seen.record.arrived));
            assert_eq!(seen.qname, qname.as_wire());
            last = Some(seen.record.arrived);
        }) as u64;
    }
    assert!(reader.missed() > 0, "the ring never filled");
    assert_eq!(read + reader.missed(), pushed);
}

#[test]
fn a_writer_and_a_reader_on_two_threads_lose_nothing_unnoticed() {
    let (mut writer, mut reader) = RingBuffer::pair(8192);
    let names =
        ["x.example.org", "a-rather-longer-name.of.some.service.svc.cluster.local"].map(name);
    let total = 200_000;
    let writing = std::thread::spawn(move || {
        for number in 0..total {
            let at = usize::try_from(number % 2).unwrap();
            writer.push(&record(number), names[at].as_wire());
        }
    });
    let mut read = 0;
    let mut check = |reader: &mut Reader| {
        read += drain(reader, 64, |seen| {
            let at = usize::try_from(seen.record.arrived.as_micros() % 2).unwrap();
            assert_eq!(seen.qname, names[at].as_wire(), "a torn record");
        }) as u64;
    };
    while !writing.is_finished() {
        check(&mut reader);
    }
    writing.join().unwrap();
    for _ in 0..1000 {
        check(&mut reader);
    }
    assert_eq!(read + reader.missed(), total);
}
