//! The socket for commands and probes, and ports that two processes have.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testbed::client::{addresses, parse, receive_datagram};
use testbed::http::{Server, try_get};
use testbed::{Fivedots, Process, eventually, fivedots, query};
use upstream::{Rule, Upstream};

use crate::{PROGRAM, SOON};

fn upstream() -> Upstream {
    let zone = Upstream::builder().zone("test.", "web 60 A 10.0.0.1");
    zone.start().unwrap()
}

/// What a command says on standard output, and whether it succeeded.
fn command(arguments: &[&str]) -> (String, bool) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}

#[test]
fn commands_and_probes_find_the_process_by_its_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fivedots.sock");
    let upstream = upstream();
    let proxy = Fivedots::start(upstream.addr(), &["--socket", path.to_str().unwrap()]);
    proxy.client().udp(&query("web.test.", "A")).unwrap();
    let admin = format!("unix:{}", path.display());
    for (words, said) in [
        (&["probe", "live"][..], "ok"),
        (&["probe", "ready"], "ok"),
        (&["stats"], "1 client of"),
        (&["cache", "get", "web.test"], "10.0.0.1"),
    ] {
        // The accounts come a moment after the answer.
        let all = [words, &["--admin", &admin]].concat();
        let said_so = || {
            let (text, succeeded) = command(&all);
            succeeded && text.contains(said)
        };
        assert!(eventually(SOON, said_so), "{words:?}: {}", command(&all).0);
    }
    let page = try_get(Server::Unix(path), "/metrics").unwrap();
    assert!(page.body.contains("fivedots_build_info"));
    drop(proxy);
    let (_, succeeded) = command(&["probe", "live", "--admin", &admin]);
    assert!(!succeeded, "nothing is alive there");
}

/// Starts another process at the same addresses.
fn beside(proxy: &Fivedots, upstream: SocketAddr, lines: &str, socket: &Path) -> Process {
    let [listen, metrics, admin] = [proxy.listen, proxy.metrics, proxy.admin];
    let upstream = upstream.to_string();
    let addrs = [("--listen", listen), ("--metrics", metrics), ("--admin", admin)];
    let flags = addrs.map(|(flag, addr)| [flag.to_owned(), addr.to_string()]);
    let mut flags: Vec<_> = flags.as_flattened().iter().map(String::as_str).collect();
    flags.extend(["--upstream", &upstream, "--socket", socket.to_str().unwrap()]);
    fivedots::serve(&mut Command::new(PROGRAM), lines, &flags)
        .unwrap_or_else(|error| panic!("{error:#}"))
}

/// An update with an overlap: the old process and the new one have the same ports, each
/// is ready by its own socket, and the new one has them alone afterwards.
#[test]
fn ports_may_be_shared_for_an_update() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = upstream();
    let old = Fivedots::configured(upstream.addr(), "share_ports = true");
    let path = dir.path().join("new.sock");
    let new = beside(&old, upstream.addr(), "share_ports = true", &path);
    let admin = format!("unix:{}", path.display());
    let is_ready = || command(&["probe", "ready", "--admin", &admin]).1;
    assert!(eventually(SOON, is_ready));
    let [metrics, client] = [old.metrics, old.listen];
    drop(old);
    for _ in 0..20 {
        assert_eq!(try_get(metrics, "/readyz").unwrap().status, 200);
        testbed::Client::new(client)
            .udp(&query("web.test.", "A"))
            .unwrap();
    }
    drop(new);
}

/// Queries keep coming from other ports while the old process ends, and it has questions
/// in flight whose answers need its sockets: none of all these is lost.
#[test]
fn an_update_loses_no_query() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::builder()
        .zone("test.", "web 60 A 10.0.0.1\nslow 60 A 10.0.0.2")
        .rule(Rule::on("slow.test.").delay(Duration::from_secs(2)))
        .start()
        .unwrap();
    let old = Fivedots::configured(upstream.addr(), "share_ports = true");
    let slow = old.client().socket().unwrap();
    slow.send(&query("slow.test.", "A").octets()).unwrap();
    assert!(upstream.wait_for(1, SOON));
    let new = beside(&old, upstream.addr(), "share_ports = true", &dir.path().join("new.sock"));
    old.process.signal("TERM").unwrap();
    let client = old.client();
    let mut asked = 0;
    while old.process.status().is_none() {
        let octets = query("web.test.", "A").octets();
        assert!(client.exchange_udp(&octets).unwrap().is_some(), "query {asked}");
        asked += 1;
    }
    assert!(asked > 100, "only {asked} queries while the old process ended");
    let answer = receive_datagram(&slow).unwrap().unwrap();
    assert_eq!(addresses(&parse(&answer).unwrap()), [Ipv4Addr::new(10, 0, 0, 2)]);
    drop(new);
}

/// The new process has what the old one knew, with the TTLs that are left.
#[test]
fn an_update_keeps_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = upstream();
    let old = Fivedots::configured(upstream.addr(), "share_ports = true");
    old.client().udp(&query("web.test.", "A")).unwrap();
    let new = beside(&old, upstream.addr(), "share_ports = true", &dir.path().join("new.sock"));
    new.wait_for_line("the cache of the process before is taken over answers=1", SOON)
        .unwrap();
    let client = old.client();
    drop(old);
    let answer = client.udp(&query("web.test.", "A")).unwrap();
    assert_eq!(addresses(&answer), [Ipv4Addr::new(10, 0, 0, 1)]);
    assert_eq!(upstream.count("web.test."), 1);
    drop(new);
}

/// What the old process had learned from walks through a search list is known to the new
/// one with a client's first query.
#[test]
fn an_update_keeps_learned_search_lists() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::builder()
        .zone("test.", "web 60 A 10.0.0.1\napi 60 A 10.0.0.2\ndb 60 A 10.0.0.3")
        .zone("cluster.local.", "here 60 A 10.0.0.4");
    let upstream = upstream.start().unwrap();
    let old = Fivedots::configured(upstream.addr(), "share_ports = true");
    let client = old.client();
    let list = ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local."];
    for base in ["web.test", "api.test", "db.test"] {
        for domain in list {
            for qtype in ["A", "AAAA"] {
                client
                    .udp(&query(&format!("{base}.{domain}"), qtype))
                    .unwrap();
            }
        }
        client.udp(&query(&format!("{base}."), "A")).unwrap();
    }
    let socket = dir.path().join("new.sock");
    assert!(eventually(SOON, || list_of(Server::Tcp(old.admin)).0 == "learned"));
    let (_, learned) = list_of(Server::Tcp(old.admin));
    assert_eq!(learned.len(), 3, "{learned:?}");
    let new = beside(&old, upstream.addr(), "share_ports = true", &socket);
    new.wait_for_line(
        "the search lists that the process before had learned are known lists=1",
        SOON,
    )
    .unwrap();
    drop(old);
    client.udp(&query("web.test.", "A")).unwrap();
    let known = ("learned".to_owned(), learned);
    assert!(eventually(SOON, || list_of(Server::Unix(socket.clone())) == known));
    drop(new);
}

/// The source and the domains of the search list of the client of these tests.
fn list_of(admin: Server) -> (String, Vec<serde_json::Value>) {
    let page = try_get(admin, "/api/v1/clients/127.0.0.1").unwrap();
    let client: serde_json::Value = serde_json::from_str(&page.body).unwrap_or_default();
    let search = &client["search"];
    let source = search["source"].as_str().unwrap_or_default().to_owned();
    (source, search["domains"].as_array().cloned().unwrap_or_default())
}

/// Without it a second process is a mistake, and ends.
#[test]
fn ports_are_not_shared_by_accident() {
    let upstream = upstream();
    let proxy = Fivedots::start(upstream.addr(), &[]);
    let mut second = Command::new(PROGRAM);
    second
        .args(["run", "--listen", "127.0.0.1:0", "--upstream", &upstream.addr().to_string()])
        .args(["--admin", "127.0.0.1:0", "--metrics", &proxy.metrics.to_string()]);
    let second = Process::spawn(&mut second).unwrap();
    second.wait_for_line("cannot listen on", SOON).unwrap();
    second.wait_for_line("for metrics", SOON).unwrap();
}

#[test]
fn the_path_of_the_socket_is_whole() {
    let output = Command::new(PROGRAM)
        .args(["run", "--socket", "fivedots.sock"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--socket: \"fivedots.sock\" is not an absolute path"), "{said}");
}
