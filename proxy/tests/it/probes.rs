//! The kubelet's probes and the admin listener beside clients that take all they
//! can get.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use testbed::http::{get, try_get};
use testbed::{Client, Fivedots, query};
use upstream::Upstream;

use crate::greedy::count;

fn proxy() -> (Upstream, Fivedots) {
    let upstream = Upstream::builder()
        .zone("test.", "web 60 A 10.0.0.1")
        .start()
        .unwrap();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    (upstream, proxy)
}

/// A connection from this address that says nothing.
fn silent(to: SocketAddr, from: [u8; 4]) -> TcpStream {
    Client::new(to).from(from.into()).connect().unwrap().stream
}

/// Asks over a connection from this address; the status.
fn ask(to: SocketAddr, from: [u8; 4], path: &str, host: &str) -> String {
    let mut stream = silent(to, from);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// 400 connections, more than any bound: none of them may keep a probe waiting.
#[test]
#[expect(clippy::disallowed_methods, reason = "how long a probe takes is what is tested")]
fn probes_are_answered_beside_silent_connections() {
    let (_upstream, proxy) = proxy();
    let held: Vec<_> = (0..400)
        .map(|_| silent(proxy.metrics, [127, 0, 0, 2]))
        .collect();
    for from in [[127, 0, 0, 3], [127, 0, 0, 2]] {
        for _ in 0..6 {
            let asked = Instant::now();
            let answer = ask(proxy.metrics, from, "/livez", "10.0.0.1:9253");
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
            // The kubelet waits for a second by default.
            assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        }
    }
    drop(held);
}

/// Silent connections of one address leave those of others alone.
#[test]
fn a_scraper_keeps_its_connection() {
    let (_upstream, proxy) = proxy();
    let mut scraper = silent(proxy.metrics, [127, 0, 0, 3]);
    let mut scrape = || {
        write!(scraper, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut response = [0; 1024];
        let len = scraper.read(&mut response).unwrap();
        String::from_utf8_lossy(&response[..len]).into_owned()
    };
    assert!(scrape().ends_with("ok\n"));
    let _held: Vec<_> = (0..100)
        .map(|_| silent(proxy.metrics, [127, 0, 0, 2]))
        .collect();
    assert!(ask(proxy.metrics, [127, 0, 0, 4], "/livez", "localhost").ends_with("ok\n"));
    assert!(scrape().ends_with("ok\n"));
}

#[test]
fn livez_lists_every_thread() {
    let (_upstream, proxy) = proxy();
    proxy.client().udp(&query("web.test.", "A")).unwrap();
    let all = get(proxy.metrics, "/livez?verbose").body;
    let client = format!("client-0 on {}", proxy.listen);
    for name in ["ok", &client, "upstream", "observer", "runtime"] {
        assert!(all.lines().any(|line| line.starts_with(name)), "{name} is not in\n{all}");
    }
    let rounds = all
        .lines()
        .filter(|line| line.contains(" rounds, the last 0."));
    assert_eq!(rounds.count(), all.lines().count() - 1, "{all}");
    assert_eq!(count(&proxy, "fivedots_no_descriptor_total"), 0);
}

/// DNS rebinding: the browser believes that this listener is evil.example.
#[test]
fn the_admin_listener_answers_no_foreign_host() {
    let (_upstream, proxy) = proxy();
    let local = [127, 0, 0, 1];
    for host in ["evil.example", "evil.example:9254", "localhost.evil.example", "a@127.0.0.1x"] {
        let answer = ask(proxy.admin, local, "/api/v1/clients", host);
        assert!(answer.starts_with("HTTP/1.1 421"), "{host}: {answer}");
        assert!(answer.contains("{\"error\":\""), "{answer}");
    }
    for host in ["127.0.0.1:9254", "localhost", "[::1]", "10.0.0.7"] {
        let answer = ask(proxy.admin, local, "/version", host);
        assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
    }
    // The request's target names a host as well.
    let answer = ask(proxy.admin, local, "http://evil.example/version", "localhost");
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
}

#[test]
fn a_configured_name_is_a_host() {
    let upstream = Upstream::builder().start().unwrap();
    let proxy = Fivedots::configured(upstream.addr(), "admin_hosts = [\"dns.example\"]");
    let answer = ask(proxy.admin, [127, 0, 0, 1], "/version", "DNS.example:80");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Lists are bounded, however many rows are asked for.
#[test]
fn rows_beyond_the_bound_are_left_out() {
    let (_upstream, proxy) = proxy();
    let page = get(proxy.admin, "/api/v1/clients?limit=100000");
    assert_eq!(page.status, 200);
    assert!(
        try_get(proxy.admin, "/api/v1/clients?limit=-1")
            .unwrap()
            .status
            == 400
    );
}
