//! Namespaces: hosts that hear each other, and are gone afterwards.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use testbed::{Component, Lan, Netns, have, netns};

use super::PATIENCE;

const ECHO: [&str; 2] = ["10.77.0.2:5300", "[fd77::2]:5300"];

/// Plays three parts: outside it makes the hosts, inside each it has a socket.
#[test]
fn two_hosts_talk_by_udp_over_both_families() {
    match netns::role().as_deref() {
        Some("server") => return echo_once_each(),
        Some("client") => return ask_each(),
        _ => {}
    }
    if !have(Component::Netns) {
        return;
    }
    let lan = Lan::new().unwrap();
    let client = lan.host(&["10.77.0.1/24", "fd77::1/64"]).unwrap();
    let server = lan.host(&["10.77.0.2/24", "fd77::2/64"]).unwrap();
    talk(&client, &server);
}

#[test]
fn a_veth_pair_connects_two_namespaces() {
    if !have(Component::Netns) {
        return;
    }
    let client = Netns::new().unwrap();
    let server = Netns::new().unwrap();
    client.connect(&server, "link0").unwrap();
    for (host, last) in [(&client, 1), (&server, 2)] {
        host.add_address("link0", &format!("10.77.0.{last}/24"))
            .unwrap();
        host.add_address("link0", &format!("fd77::{last}/64"))
            .unwrap();
    }
    talk(&client, &server);
}

fn talk(client: &Netns, server: &Netns) {
    let test = "netns::two_hosts_talk_by_udp_over_both_families";
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| server.run_test(test, "server").unwrap());
        client.run_test(test, "client").unwrap();
        serving.join().unwrap();
    });
}

fn echo_once_each() {
    for addr in ECHO {
        let socket = UdpSocket::bind(addr).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut buffer = [0; 16];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        socket.send_to(&buffer[..length], from).unwrap();
    }
}

fn ask_each() {
    for addr in ECHO {
        let addr: SocketAddr = addr.parse().unwrap();
        let any = if addr.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(addr).unwrap();
        socket
            .set_read_timeout(Some(std::time::Duration::from_millis(50)))
            .unwrap();
        // The other host's socket may not be there yet: ask until it answers.
        let answered = testbed::eventually(PATIENCE, || {
            let mut buffer = [0; 16];
            socket.send(b"hello").is_ok() && matches!(socket.recv(&mut buffer), Ok(5))
        });
        assert!(answered, "{addr}");
    }
}

#[test]
fn commands_run_inside_and_namespaces_are_gone_after_drop() {
    if !have(Component::Netns) {
        return;
    }
    let netns = Netns::new().unwrap();
    let path = Path::new("/run/netns").join(netns.name());
    assert!(path.exists());
    let output = netns
        .command("ip")
        .args(["-brief", "link"])
        .output()
        .unwrap();
    let links = String::from_utf8(output.stdout).unwrap();
    assert!(links.starts_with("lo ") && links.lines().count() == 1, "{links}");
    drop(netns);
    assert!(!path.exists());
}

#[test]
fn what_ip_complains_about_is_said() {
    if !have(Component::Netns) {
        return;
    }
    let netns = Netns::new().unwrap();
    let error = netns
        .add_address("eth9", "10.0.0.1/24")
        .unwrap_err()
        .to_string();
    assert!(error.contains("eth9"), "{error}");
    let error = netns
        .run_test("no::such::test", "any")
        .unwrap_err()
        .to_string();
    assert!(error.contains("0 passed"), "{error}");
}
