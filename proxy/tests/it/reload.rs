//! Another configuration while clients go on asking.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testbed::client::{ResponseCode, addresses, parse, receive_datagram};
use testbed::http::get;
use testbed::{Fivedots, eventually, port, query};
use upstream::{Rule, Upstream};

use crate::SOON;
use crate::greedy::count;

/// A proxy whose file is `path`, in front of `upstream`.
fn start(path: &Path) -> Fivedots {
    // Flags override the file, so they only have what cannot change.
    let [listen, metrics, admin] = [(); 3].map(|()| port::free(Ipv4Addr::LOCALHOST).unwrap());
    let mut command = std::process::Command::new(crate::PROGRAM);
    let path = path.to_str().unwrap();
    let addrs = [listen, metrics, admin].map(|addr| addr.to_string());
    let flags =
        ["--config", path, "--listen", &addrs[0], "--metrics", &addrs[1], "--admin", &addrs[2]];
    let process = testbed::fivedots::serve(&mut command, "", &flags).unwrap();
    let proxy = Fivedots { process, listen, metrics, admin };
    assert!(proxy.is_ready_within(SOON), "{}", proxy.process.output());
    proxy
}

/// A proxy, and its file.
struct Reloading {
    proxy: Fivedots,
    path: PathBuf,
    _dir: TempDir,
}

impl Reloading {
    /// Starts with this in the file.
    fn with(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, text).unwrap();
        Self { proxy: start(&path), path, _dir: dir }
    }

    /// Has it read another file.
    fn reload(&self, text: &str) {
        std::fs::write(&self.path, text).unwrap();
        self.proxy.process.signal("HUP").unwrap();
    }
}

fn file(upstream: &Upstream, more: &str) -> String {
    let upstream = upstream.addr();
    format!("version = 1\nupstreams = [\"{upstream}\"]\n{more}\n[loop]\nprobe_interval = \"0s\"\n")
}

fn upstream(address: &str) -> Upstream {
    let records = format!("* 60 A {address}\nslow 60 A {address}");
    Upstream::builder()
        .zone("test.", &records)
        .rule(Rule::on("slow.test.").delay(std::time::Duration::from_secs(2)))
        .start()
        .unwrap()
}

fn reloads(proxy: &Fivedots, result: &str) -> u64 {
    count(proxy, &format!("fivedots_config_reloads_total{{result=\"{result}\"}}"))
}

fn wait_for(proxy: &Fivedots, result: &str, number: u64) {
    let seen = eventually(SOON, || reloads(proxy, result) == number);
    assert!(seen, "{number} {result}: {}", proxy.process.output());
}

/// What is in flight, what is cached, connections and accounts survive it.
#[test]
fn upstreams_are_replaced_and_all_else_goes_on() {
    let [one, two] = [upstream("192.0.2.1"), upstream("192.0.2.2")];
    let reloading = Reloading::with(&file(&one, ""));
    let proxy = &reloading.proxy;
    let client = proxy.client();
    let ask = |name: &str| addresses(&client.udp(&query(name, "A")).unwrap());
    let (before, after) = ([Ipv4Addr::new(192, 0, 2, 1)], [Ipv4Addr::new(192, 0, 2, 2)]);
    assert_eq!(ask("cached.test."), before);
    let mut connection = client.connect().unwrap();
    connection.send(&query("slow.test.", "A").octets()).unwrap();
    let slow = || one.count("slow.test.") > 0;
    assert!(eventually(SOON, slow));

    for round in 1..=10 {
        let upstream = if round % 2 == 1 { &two } else { &one };
        reloading.reload(&file(upstream, ""));
        wait_for(proxy, "applied", round);
        let expected = if round % 2 == 1 { after } else { before };
        assert_eq!(ask(&format!("n{round}.test.")), expected);
        assert_eq!(ask("cached.test."), before);
        assert_eq!(get(proxy.metrics, "/livez").body, "ok\n");
    }
    let answer = connection.receive().unwrap().unwrap();
    assert_eq!(addresses(&parse(&answer).unwrap()), before);
    let upstreams = get(proxy.admin, "/api/v1/upstreams").body;
    for upstream in [&one, &two] {
        assert!(upstreams.contains(&upstream.addr().to_string()), "{upstreams}");
    }
    assert_eq!(proxy.process.status(), None, "SIGHUP kills no process");
}

/// Each roll-out of CoreDNS has other Pods: what was open to the old ones does not stay.
#[test]
fn an_upstream_that_is_gone_leaves_no_socket() {
    let [one, two] = [upstream("192.0.2.1"), upstream("192.0.2.2")];
    let reloading = Reloading::with(&file(&one, ""));
    let proxy = &reloading.proxy;
    let client = proxy.client();
    for n in 0..60 {
        client.udp(&query(&format!("n{n}.test."), "A")).unwrap();
    }
    assert!(sockets_to(&one) > 10, "{}", sockets_to(&one));
    // One question is still in flight, and its answer is to come.
    let slow = client.socket().unwrap();
    slow.send(&query("slow.test.", "A").octets()).unwrap();
    assert!(eventually(SOON, || one.count("slow.test.") > 0));
    reloading.reload(&file(&two, ""));
    wait_for(proxy, "applied", 1);
    let answer = receive_datagram(&slow).unwrap().unwrap();
    assert_eq!(addresses(&parse(&answer).unwrap()), [Ipv4Addr::new(192, 0, 2, 1)]);
    client.udp(&query("new.test.", "A")).unwrap();
    assert!(eventually(SOON, || sockets_to(&one) == 0), "{}", sockets_to(&one));
    assert!(sockets_to(&two) > 0);
}

/// UDP sockets of this machine that are connected to a server (proc(5)).
fn sockets_to(server: &Upstream) -> usize {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let remote = format!("0100007F:{:04X}", server.addr().port());
    let lines = table
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2));
    lines.filter(|addr| *addr == remote).count()
}

#[test]
fn a_wrong_file_changes_nothing_and_is_reported_with_its_line() {
    let one = upstream("192.0.2.1");
    let reloading = Reloading::with(&file(&one, ""));
    let proxy = &reloading.proxy;
    reloading.reload(&file(&one, "allow = [\"nobody\"]"));
    wait_for(proxy, "rejected", 1);
    let line = proxy
        .process
        .wait_for_line("configuration rejected", SOON)
        .unwrap();
    assert!(line.contains("config:3: allow:"), "{line}");
    let answer = proxy.client().udp(&query("a.test.", "A")).unwrap();
    assert_eq!(addresses(&answer).len(), 1);
}

/// The bounds of forwarding and of the cache are those of the new file.
#[test]
fn bounds_are_replaced_too() {
    let one = upstream("192.0.2.1");
    let reloading = Reloading::with(&file(&one, "[cache]\nmax_ttl = \"40s\""));
    let proxy = &reloading.proxy;
    let client = proxy.client();
    let ttl = |name: &str| client.udp(&query(name, "A")).unwrap().answers[0].ttl;
    assert_eq!(ttl("a.test."), 40);
    let more = "[cache]\nmax_ttl = \"20s\"\n[forward]\ndeadline = \"300ms\"\nclient_rate = 1";
    reloading.reload(&file(&one, more));
    wait_for(proxy, "applied", 1);
    let asked = || client.udp(&query("slow.test.", "A")).unwrap();
    assert_eq!(asked().metadata.response_code, ResponseCode::ServFail, "after 300 ms, not 2 s");
    let limited = || {
        client
            .udp(&query("b.test.", "A"))
            .unwrap()
            .metadata
            .response_code
    };
    assert_eq!(limited(), ResponseCode::ServFail, "a second question within a second");
    assert!(eventually(SOON, || limited() == ResponseCode::NoError));
    assert!(ttl("b.test.") <= 20);
    // Taken from a restart on.
    reloading.reload(&file(&one, "[forward]\nmax_inflight = 7"));
    proxy
        .process
        .wait_for_line("forward.max_inflight", SOON)
        .unwrap();
}

/// As the kubelet does it: the directory behind the link is replaced.
#[test]
fn the_swap_of_a_config_map_is_seen_without_a_signal() {
    let one = upstream("192.0.2.1");
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let made = dir.path().join(name);
        std::fs::create_dir(&made).unwrap();
        std::fs::write(made.join("config"), text).unwrap();
        std::os::unix::fs::symlink(name, dir.path().join("..new")).unwrap();
        std::fs::rename(dir.path().join("..new"), dir.path().join("..data")).unwrap();
    };
    put("one", &file(&one, ""));
    let path = dir.path().join("config");
    std::os::unix::fs::symlink("..data/config", &path).unwrap();
    let proxy = start(&path);
    let stranger = proxy.client().from(IpAddr::from([127, 0, 0, 3]));
    let rcode = || {
        stranger
            .udp(&query("a.test.", "A"))
            .unwrap()
            .metadata
            .response_code
    };
    assert_eq!(rcode(), ResponseCode::NoError);
    put("two", &file(&one, "allow = [\"127.0.0.1\"]\nworkers = 3"));
    wait_for(&proxy, "applied", 1);
    assert_eq!(rcode(), ResponseCode::Refused);
    proxy.process.wait_for_line("workers", SOON).unwrap();
    assert!(
        get(proxy.admin, "/config")
            .body
            .contains("allow = [\"127.0.0.1/32\"]")
    );
}
