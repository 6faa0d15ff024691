//! Random octets, and real messages cut and flipped, from clients over UDP and
//! TCP and from the upstream: nothing panics, nothing leaks, and who asks
//! properly is answered all the time.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use testbed::client::addresses;
use testbed::http::get;
use testbed::{Fivedots, eventually, query, soak_length};

use crate::attackers::{Tally, over_tcp, over_udp};
use crate::upstream::{GOOD, Hostile};
use crate::vitals::Vitals;

#[test]
fn octets() {
    let upstream = Hostile::start();
    // Small, so that it is full long before the end.
    let lines = "[cache]\nsize = \"4MiB\"\n[tcp]\nidle_timeout = \"1s\"";
    let proxy = Fivedots::configured(upstream.addr(), lines);
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let (warm, answered) = std::thread::scope(|scope| {
        let server = proxy.listen;
        for seed in 0..2 {
            let (stop, tally) = (&stop, &tally);
            scope.spawn(move || over_udp(server, seed, stop, tally));
            scope.spawn(move || over_tcp(server, seed, stop, tally));
        }
        let warm_up = soak_length() / 3;
        let answered = ask_properly(&proxy, warm_up);
        let warm = Vitals::of(proxy.process.pid());
        let answered = answered + ask_properly(&proxy, soak_length() - warm_up);
        stop.store(true, Ordering::Relaxed);
        (warm, answered)
    });
    // The attackers are gone, and with them what they held.
    let quiet = || Vitals::of(proxy.process.pid());
    let ended = eventually(Duration::from_secs(15), || {
        get(proxy.admin, "/status")
            .body
            .contains("\"inflight_waiters\":0")
            && quiet().sockets <= warm.sockets
    });
    println!(
        "{answered} proper queries answered beside {tally:?} and {} from the upstream",
        upstream.sent()
    );
    println!("warm  {warm:?}\nquiet {:?}", quiet());
    assert!(ended, "{}", get(proxy.admin, "/status").body);
    assert!(quiet().threads == warm.threads, "threads came or went");
    assert!(quiet().rss_kib <= warm.rss_kib + SLACK_KIB, "memory grew");
    assert!(tally.is_busy() && upstream.sent() > 100, "nobody attacked");

    proxy.process.signal("TERM").unwrap();
    let status = proxy.process.wait(Duration::from_secs(5)).unwrap();
    let output = proxy.process.output();
    assert_eq!(status.code(), Some(0), "{output}");
    assert!(!output.contains("panicked"), "{output}");
}

/// Asks for names that nobody asked before, one after the other, and sees the
/// right answer of each; returns how many.
fn ask_properly(proxy: &Fivedots, length: Duration) -> u32 {
    let mut answered = 0;
    // It is never done: the end of the time is the end of the soak.
    let _ended = eventually(length, || {
        let question = query(&format!("n{}.{GOOD}", rand::random::<u64>()), "A");
        for answer in [proxy.client().udp(&question), proxy.client().tcp(&question)] {
            let answer = answer.expect("an answer");
            assert_eq!(addresses(&answer), [Ipv4Addr::new(10, 9, 9, 9)], "{answer:?}");
            answered += 1;
        }
        false
    });
    answered
}

/// What the allocator may keep of the busiest moment. In ten minutes a leak of
/// four octets for each datagram would be more.
const SLACK_KIB: u64 = 8 << 10;
