//! Sockets to an upstream that are destroyed, as load balancers in the kernel do it
//! to those of a backend that is gone (`SOCK_DESTROY`).

use std::process::Command;
use std::time::{Duration, Instant};

use testbed::client::addresses;
use testbed::http::get;
use testbed::{Client, Component, Fivedots, Netns, netns, query};
use upstream::Upstream;

/// Asks for so many names in turn; returns how long the slowest took.
#[expect(clippy::disallowed_methods, reason = "how long a client waits is what is tested")]
fn slowest(client: &Client, names: impl Iterator<Item = String>) -> Duration {
    let waited = names.map(|name| {
        let asked = Instant::now();
        let answer = client.udp(&query(&name, "A")).unwrap();
        assert_eq!(addresses(&answer).len(), 1, "{name}: {answer:?}");
        asked.elapsed()
    });
    waited.max().unwrap_or_default()
}

#[test]
fn destroyed_sockets_are_replaced_at_once() {
    if !testbed::have(Component::Netns) || !testbed::have_program("ss", Component::Netns) {
        return;
    }
    if netns::role().is_none() {
        let netns = Netns::new().unwrap();
        let test = "destroyed::destroyed_sockets_are_replaced_at_once";
        netns.run_test(test, "the node").unwrap();
        return;
    }
    let server = Upstream::builder()
        .zone("test.", "* 60 A 192.0.2.2")
        .start()
        .unwrap();
    let proxy = Fivedots::start(server.addr(), &[]);
    let client = proxy.client();
    // As many as the pool has sockets, and more.
    slowest(&client, (0..250).map(|n| format!("before{n}.test.")));
    let port = server.addr().port();
    let filter = format!("dport = :{port}");
    let killed = Command::new("ss")
        .args(["-H", "-u", "-n", "-K", &filter])
        .output()
        .unwrap();
    let killed = String::from_utf8_lossy(&killed.stdout).lines().count();
    if killed == 0 {
        // A kernel without CONFIG_INET_DIAG_DESTROY.
        eprintln!("this kernel destroys no sockets");
        return;
    }
    assert!(killed >= 100, "{killed} sockets were destroyed");
    let slowest = slowest(&client, (0..400).map(|n| format!("after{n}.test.")));
    assert!(slowest < Duration::from_millis(300), "{slowest:?}");
    let page = get(proxy.metrics, "/metrics").body;
    assert!(page.contains("fivedots_responses_total{rcode=\"SERVFAIL\"} 0"), "{page}");
}
