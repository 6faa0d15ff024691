//! Two threads note as many queries as a busy node has, of a million clients and
//! a million names: each is accounted for or counted as missed, and no account
//! grows without end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ::observe::{ObserveConfig, Observer, ObserverHandle, QueryFlags, Record, Recorders, Writer};
use ::resolver::{Clock, Moment};
use dns::{Name, Rcode, Rtype};
use resolver::Origin;
use testbed::{pace, soak_length};

use crate::vitals::Vitals;

#[test]
fn observer() {
    let (clock, recorders) = (Clock::start(), Recorders::default());
    let writers = [(); WORKERS].map(|()| recorders.open().1);
    let observer = Observer::new(ObserveConfig::default(), &[Name::ROOT], 1, clock.now());
    let stop = Arc::new(AtomicBool::new(false));
    let (ledger, keeper) =
        ObserverHandle::start(&recorders, observer, clock, Arc::clone(&stop)).unwrap();
    let started = clock.now();
    let end = started + soak_length();
    let (series, missed_in_time, pushed) = thread::scope(|scope| {
        let work = |(seed, writer)| scope.spawn(move || note(Noting { seed, writer, clock }, end));
        let workers: Vec<_> = (1..).zip(writers).map(work).collect();
        let series: Vec<u64> = (1..=SAMPLES)
            .map(|part| {
                wait_until(started + soak_length() * part / SAMPLES, clock);
                Vitals::of(std::process::id()).rss_kib
            })
            .collect();
        let missed = ledger.read(|observer| observer.missed());
        let pushed = workers.into_iter().map(|worker| worker.join().unwrap());
        (series, missed, pushed.sum::<u64>())
    });
    stop.store(true, Ordering::Relaxed);
    keeper.join().unwrap();

    let (records, missed) = ledger.read(|observer| (observer.records(), observer.missed()));
    let (clients, evicted) =
        ledger.read(|observer| (observer.clients().len(), observer.clients().evicted()));
    println!("{:?}: {records} records taken, {missed} missed", soak_length());
    println!("{missed_in_time} of those before the burst at the end");
    println!("{clients} clients, {evicted} made room; KiB of memory, by time: {series:?}");
    assert_eq!(records + missed, pushed);
    assert_eq!(clients, ObserveConfig::default().clients);
    assert!(evicted > 0 && pushed > u64::from(MANY));
    // It is full before the first third is over; of what follows no part holds
    // more than what came before it.
    let (warm, late) = series.split_at(series.len() * 2 / 3);
    let [warm, late] = [warm, late].map(|part| part.iter().max().copied().unwrap_or_default());
    assert!(late <= warm + SLACK_KIB, "memory grew from {warm} to {late} KiB");
}

/// What a worker notes with.
struct Noting {
    seed: u64,
    writer: Writer,
    clock: Clock,
}

/// Notes [`RATE`] queries a second until `end`, and a second later more at once
/// than a ring holds; returns how many they were.
fn note(mut to: Noting, end: Moment) -> u64 {
    let started = to.clock.now();
    let mut pushed = 0;
    while to.clock.now() < end {
        let elapsed = to.clock.now().saturating_since(started).as_micros();
        let due = u64::try_from(elapsed).unwrap() * RATE / 1_000_000;
        to.push(due.saturating_sub(pushed));
        pushed = pushed.max(due);
        pace(Duration::from_millis(1));
    }
    wait_until(end + Duration::from_secs(1), to.clock);
    to.push(BURST);
    pushed + BURST
}

impl Noting {
    fn push(&mut self, count: u64) {
        let now = self.clock.now();
        for _ in 0..count {
            // Knuth's MMIX generator; its upper half is random enough.
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005);
            self.seed = self.seed.wrapping_add(1_442_695_040_888_963_407);
            let number = u32::try_from(self.seed >> 32).unwrap() % MANY;
            self.writer.push(&record(number, now), &name(number));
        }
    }
}

/// A query of one of [`MANY`] clients, every eighth of which failed.
fn record(number: u32, now: Moment) -> Record {
    let client = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
    let fails = number.is_multiple_of(8);
    Record {
        took: Duration::from_micros(300),
        qtype: Rtype::A,
        rcode: if fails { Rcode::SERVFAIL } else { Rcode::NOERROR },
        origin: if fails { Origin::Timeout } else { Origin::Upstream },
        upstream: Some(0),
        flags: QueryFlags::ANSWERED | QueryFlags::ASKED,
        ..Record::unparsed(1, SocketAddr::new(client, 4000), now)
    }
}

/// `x0012345.default.svc.cluster.local` in wire form: each its own name.
fn name(number: u32) -> Vec<u8> {
    let digits = format!("{number:07}");
    [b"\x08x", digits.as_bytes(), b"\x07default\x03svc\x07cluster\x05local\0"].concat()
}

fn wait_until(then: Moment, clock: Clock) {
    pace(then.saturating_since(clock.now()));
}

/// As many as the proxy has for one address.
const WORKERS: usize = 2;

/// Queries a second of each: together those of a busy node.
const RATE: u64 = 75_000;

/// A mebibyte has room for some 11,000.
const BURST: u64 = 200_000;

/// Clients, and names.
const MANY: u32 = 1_000_000;

/// How often the memory is looked at.
const SAMPLES: u32 = 30;

/// What the allocator may keep, and what the other soak does in this process.
const SLACK_KIB: u64 = 4 << 10;
