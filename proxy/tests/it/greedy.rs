//! One client that takes all it can get, and another beside it.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use testbed::client::{Connection, addresses};
use testbed::http::get;
use testbed::{Client, Fivedots, by_length, eventually, query};
use upstream::{Rule, Upstream};

use crate::SOON;

const GREEDY: [u8; 4] = [127, 0, 0, 2];
const OTHER: [u8; 4] = [127, 0, 0, 3];

fn upstream() -> Upstream {
    Upstream::builder()
        .zone("test.", "web 60 A 10.0.0.1\n* 60 A 10.0.0.2")
        .rule(Rule::on("silent.test.").silence())
        .start()
        .unwrap()
}

fn client(proxy: &Fivedots, from: [u8; 4]) -> Client {
    proxy.client().from(IpAddr::from(from))
}

/// The sum of a series, whatever its other labels.
pub(crate) fn count(proxy: &Fivedots, series: &str) -> u64 {
    let text = get(proxy.metrics, "/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let value = line.and_then(|rest| rest.rsplit(' ').next()?.parse().ok());
    value.unwrap_or_else(|| panic!("no {series} in\n{text}"))
}

/// Resident memory in KiB (`VmRSS`, proc(5)).
fn rss_kib(proxy: &Fivedots) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.process.pid()));
    let status = status.unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
        .unwrap()
}

/// Connections that a descriptor limit of 1,024 leaves room for beside the others
/// of this process; in the long form as many as there are places.
fn many() -> usize {
    by_length(256, 1024)
}

/// A proxy with so many places for connections, none of which ends by itself.
fn with_places(upstream: &Upstream, places: usize) -> Fivedots {
    let keys = format!("[tcp]\nmax_connections = {places}\nidle_timeout = \"5m\"");
    Fivedots::configured(upstream.addr(), &keys)
}

fn connect(client: &Client, count: usize) -> Vec<Connection> {
    (0..count).map(|_| client.connect().unwrap()).collect()
}

/// Each of so many lookups, hits and misses in turn, over a connection of its own
/// and then all over the connections that stayed.
fn all_are_served(client: &Client, count: usize) {
    let mut connections = connect(client, count);
    for round in 0..2 {
        for (n, connection) in connections.iter_mut().enumerate() {
            let name = match n % 2 {
                0 => "web.test.".to_owned(),
                _ => format!("n{n}r{round}.test."),
            };
            let asked = query(&name, "A");
            connection.send(&asked.octets()).unwrap();
            let answer = connection.receive().unwrap();
            let answer = answer.unwrap_or_else(|| panic!("closed: {n} in round {round}"));
            let answer = testbed::client::parse(&answer).unwrap();
            assert_eq!(answer.metadata.id, asked.message_id());
            assert_eq!(addresses(&answer).len(), 1, "{name}");
        }
    }
}

#[test]
fn a_client_with_all_connections_leaves_others_theirs() {
    let (upstream, places) = (upstream(), many());
    let proxy = with_places(&upstream, places);
    let _held = connect(&client(&proxy, GREEDY), places);
    all_are_served(&client(&proxy, OTHER), places / 16);
    let evicted = count(&proxy, "fivedots_tcp_connections_total{result=\"evicted\"}");
    let share = places / 8;
    assert_eq!(evicted, (places - share) as u64, "its own, not those of the other");
}

/// An address whose share waits for answers gets no more connections.
#[test]
fn busy_connections_are_bounded_too() {
    let upstream = upstream();
    let proxy = with_places(&upstream, 64);
    let mut held = connect(&client(&proxy, GREEDY), 8);
    let silent = query("silent.test.", "A").octets();
    for connection in &mut held {
        connection.send(&silent).unwrap();
    }
    assert!(upstream.wait_for(1, SOON));
    let in_flight = || count(&proxy, "fivedots_inflight_waiters") == 8;
    assert!(eventually(SOON, in_flight), "all eight wait");
    let mut ninth = client(&proxy, GREEDY).connect().unwrap();
    assert_eq!(ninth.receive().unwrap(), None, "closed");
    all_are_served(&client(&proxy, OTHER), 8);
    // They were not cut off: each gets its failure at the deadline.
    for mut connection in held {
        assert!(connection.receive().unwrap().is_some());
    }
}

/// Eight greedy addresses fill all places; the next one still gets some.
#[test]
fn when_all_places_are_held_the_greediest_gives_way() {
    let upstream = upstream();
    let proxy = with_places(&upstream, 64);
    let mut held = Vec::new();
    for last in 10..18 {
        held.push(connect(&client(&proxy, [127, 0, 0, last]), 8));
    }
    let full = || count(&proxy, "fivedots_tcp_connections_total{result=\"accepted\"}") == 64;
    assert!(eventually(SOON, full));
    all_are_served(&client(&proxy, OTHER), 4);
    assert_eq!(count(&proxy, "fivedots_tcp_connections_total{result=\"evicted\"}"), 4);
    assert_eq!(count(&proxy, "fivedots_tcp_connections_total{result=\"refused\"}"), 0);
}

#[test]
fn half_messages_cost_little_memory() {
    let (upstream, places) = (upstream(), many());
    let proxy = with_places(&upstream, places);
    let before = rss_kib(&proxy);
    // The length of what is never sent; the rest stays short of it.
    for (length, sent) in [(65_500_u16, 65_000), (4096, 4000)] {
        let half = [&length.to_be_bytes()[..], &vec![0; sent]].concat();
        let mut held = connect(&client(&proxy, GREEDY), places);
        for connection in &mut held {
            // The proxy may close it meanwhile.
            connection.stream.write_all(&half).ok();
        }
        all_are_served(&client(&proxy, OTHER), places / 16);
        let grown = rss_kib(&proxy).saturating_sub(before);
        println!("{places} halves of {length} octets: {grown} KiB");
        assert!(grown < 8 << 10, "{grown} KiB after {places} halves of {length} octets");
    }
    let rejected = count(&proxy, "fivedots_rejected_queries_total{reason=\"too_long\"}");
    assert!(rejected > 0, "the long ones are counted");
}

/// A connection that waits for an answer is not ended before the answer.
#[test]
fn an_idle_timeout_below_the_deadline_cuts_no_answer_off() {
    let upstream = Upstream::builder()
        .zone("test.", "slow 60 A 10.0.0.2")
        .rule(Rule::any().delay(Duration::from_millis(600)))
        .start()
        .unwrap();
    let proxy = Fivedots::configured(upstream.addr(), "[tcp]\nidle_timeout = \"200ms\"");
    let answer = proxy.client().tcp(&query("slow.test.", "A")).unwrap();
    assert_eq!(addresses(&answer).len(), 1);
}

/// Answers that a client does not read are held in bounded memory: its connections are
/// closed, and another client gets answers as large meanwhile.
#[test]
fn a_client_that_reads_nothing_leaves_memory_to_others() {
    let large = (0..200).map(|n| format!("*.large 60 TXT \"{n}{}\"\n", "x".repeat(250)));
    let upstream = Upstream::builder()
        .zone("test.", &large.collect::<String>())
        .start()
        .unwrap();
    let proxy = Fivedots::configured(upstream.addr(), "[tcp]\nmax_unread = \"1MiB\"");
    let greedy = client(&proxy, GREEDY);
    let before = rss_kib(&proxy);
    // Some 50 KB each: more than the kernel's buffers and what may be held of them.
    let mut held = connect(&greedy, 3);
    for connection in &mut held {
        // Of few names: what is tested is not how fast the upstream is.
        let queries = (0..100).map(|n| query(&format!("n{}.large.test.", n % 10), "TXT"));
        connection.send_all(&queries.collect::<Vec<_>>()).unwrap();
    }
    let closed = || count(&proxy, "fivedots_tcp_connections_total{result=\"unread\"}");
    assert!(eventually(SOON, || closed() > 0), "some are closed");
    let other = client(&proxy, OTHER);
    for n in 0..10 {
        // Its upstream is busy with the others: a client asks again.
        let asked = query(&format!("good{n}.large.test."), "TXT");
        let whole = || {
            other
                .tcp(&asked)
                .is_ok_and(|answer| answer.answers.len() == 200)
        };
        assert!(eventually(SOON, whole), "{n}");
    }
    let grown = rss_kib(&proxy) - before;
    assert!(grown < 32 << 10, "{grown} KiB");
    drop(held);
    let unread = || count(&proxy, "fivedots_tcp_unread_bytes");
    assert!(eventually(SOON, || unread() == 0), "{} octets are given back", unread());
}
