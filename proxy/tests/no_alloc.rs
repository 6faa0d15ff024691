//! An answer from the cache allocates nothing, from recvmmsg to sendmmsg.
//!
//! The whole process is counted, so this file has one test only.
#![cfg(test)]

use std::alloc::System;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forward::{ForwardConfig, ForwardZone, Forwarder};
use observe::Recorders;
use proxy::live::Live;
use proxy::serve::{Allow, Service, UdpWorker, bind_udp};
use resolver::{Cache, CacheConfig, Clock, KeyHasher, Resolver};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use testbed::query;
use upstream::Upstream;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Every kind of hit: several addresses that take turns, a denial, an answer
/// that is cut, with and without EDNS, and what the listener turns away.
fn questions() -> Vec<Vec<u8>> {
    vec![
        query("web.test.", "A").id(1).octets(),
        query("wEb.test.", "A").id(2).edns(1232).octets(),
        query("many.test.", "A").id(3).octets(),
        query("gone.test.", "A").id(4).edns(4096).octets(),
        query("web.test.", "A").id(5).class(3).octets(),
        query("web.test.", "A").id(6).edns_version(1).octets(),
    ]
}

fn upstream() -> Upstream {
    // As many as fit into a datagram from the upstream, and not into one of a client
    // without EDNS: connections to upstreams would allocate beside the hits.
    let many = (0..60).map(|n| format!("many 600 A 10.0.1.{n}\n"));
    let web = (0..3).map(|n| format!("web 600 A 10.0.0.{n}\n"));
    Upstream::builder()
        .zone("test.", &many.chain(web).collect::<String>())
        .start()
        .unwrap()
}

#[test]
fn a_hit_allocates_nothing() {
    let upstream = upstream();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let cache_config = CacheConfig { bytes: 4 << 20, ..CacheConfig::default() };
    let (cache, clock, recorders) =
        (Arc::new(Cache::new(&cache_config)), Clock::start(), Recorders::default());
    let zone = ForwardZone::root(vec![upstream.addr()]);
    let config = ForwardConfig::of(vec![zone], cache_config);
    let (forwarder, threads) =
        Forwarder::start(&config, &cache, clock, &recorders, runtime.handle()).unwrap();
    let resolver = Arc::new(Resolver::new(cache, KeyHasher::default(), true));
    let allow = Live::new(Allow::of(["127.0.0.0/8".parse().unwrap()]));
    let service = Service { resolver, forwarder: forwarder.clone(), clock, allow };
    let sockets = bind_udp((Ipv4Addr::LOCALHOST, 0).into(), 1).unwrap();
    let socket = Arc::new(sockets.into_iter().next().unwrap());
    let server = socket.local_addr().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let worker = UdpWorker::new(socket, service, recorders.open(), Arc::clone(&stop));
    let worker = std::thread::spawn(move || worker.run());

    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.connect(server).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let questions = questions();

    // A miss is another matter, and proves that the counter counts.
    let misses = Region::new(COUNTED);
    exchange(&client, &questions);
    assert!(misses.change().allocations > 0, "nothing is counted");

    // Twice, so that whatever grows once has grown.
    exchange(&client, &questions);
    let asked = upstream.total();
    let hits = Region::new(COUNTED);
    for _ in 0..1000 {
        exchange(&client, &questions);
    }
    let change = hits.change();
    assert_eq!(
        (change.allocations, change.reallocations, change.deallocations),
        (0, 0, 0),
        "{change:?}"
    );
    assert_eq!(upstream.total(), asked, "all were hits");

    stop.store(true, Ordering::Relaxed);
    worker.join().unwrap();
    forwarder.stop();
    threads.join();
}

/// Sends all at once, so that they are served in batches, and takes all
/// answers.
fn exchange(client: &UdpSocket, questions: &[Vec<u8>]) {
    for question in questions {
        client.send(question).unwrap();
    }
    let mut ids = 0_u32;
    let mut reply = [0; 1500];
    for _ in questions {
        assert!(client.recv(&mut reply).unwrap() >= 12);
        ids |= 1 << reply[1];
    }
    assert_eq!(ids, 0b111_1110, "an answer for each");
}
