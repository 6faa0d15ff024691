//! Rings whose hops have addresses of their own: the real CoreDNS on another
//! host, and an upstream's address that becomes ours.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use testbed::client::{ResponseCode, addresses};
use testbed::{Client, Component, Coredns, Lan, Netns, Process, fivedots, netns, query};

use upstream::{Rule, Upstream};

use crate::PROGRAM;

const PROXY: &str = "10.77.2.1";
const SLOW_UPSTREAM: &str = "slow upstream";
const SERVES: &str = "the slow upstream serves";
const TOLD: Duration = Duration::from_secs(5);

/// A node, another host, and a pod, each in a namespace of its own.
struct World {
    node: Netns,
    other: Netns,
    pod: Netns,
    _lan: Lan,
}

impl World {
    fn new() -> Self {
        let lan = Lan::new().unwrap();
        let [node, other, pod] =
            [1, 2, 9].map(|n| lan.host(&[&format!("10.77.2.{n}/24")]).unwrap());
        Self { node, other, pod, _lan: lan }
    }

    fn proxy(&self, lines: &str, flags: &[&str]) -> Process {
        fivedots::serve(&mut self.node.command(PROGRAM), lines, flags).unwrap()
    }
}

fn client() -> Client {
    Client::new((PROXY.parse::<IpAddr>().unwrap(), 53).into())
}

/// What the pod asks goes round and is answered at once.
fn ask_in_loop() {
    for n in 0..3 {
        let name = format!("n{n}.example.");
        let answer = client().udp(&query(&name, "A")).unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "{name}");
    }
}

fn line(proxy: &Process, needle: &str) -> String {
    let line = proxy.wait_for_line(needle, TOLD);
    line.unwrap_or_else(|error| panic!("{error}: {}", proxy.output()))
}

#[test]
fn coredns_that_asks_back_is_named_by_its_address() {
    if !testbed::have(Component::Coredns) || !testbed::have(Component::Netns) {
        return;
    }
    if netns::role().is_some() {
        return ask_in_loop();
    }
    let world = World::new();
    let listen = "10.77.2.2:53".parse().unwrap();
    let corefile =
        format!(".:53 {{\n bind {{ip}}\n log . \"asked {{name}}\"\n forward . {PROXY}\n}}");
    let coredns = Coredns::start_in(&world.other, listen, &corefile, &[]).unwrap();
    let proxy = world.proxy("", &["--listen", "10.77.2.1:53", "--upstream", "10.77.2.2"]);
    let test = "loops_netns::coredns_that_asks_back_is_named_by_its_address";
    world.pod.run_test(test, "client").unwrap();
    let told = line(&proxy, "a forwarding loop");
    assert!(told.contains("us -> 10.77.2.2:53 -> us"), "{told}");
    assert!(told.contains("upstream_asks"), "{told}");
    for n in 0..3 {
        let name = format!("asked n{n}.example.");
        line(coredns.process(), &name);
        let log = coredns.process().output();
        let below = format!(".n{n}.example.");
        let asked = log
            .lines()
            .filter(|line| line.contains(&name) || line.contains(&below));
        assert!(asked.count() <= 3, "{log}");
    }
}

/// An upstream that answers for names that it does not know, as a filter may,
/// takes no probe round.
#[test]
fn coredns_that_keeps_probes_to_itself_is_known_by_its_address() {
    if !testbed::have(Component::Coredns) || !testbed::have(Component::Netns) {
        return;
    }
    if netns::role().is_some() {
        return ask_in_loop();
    }
    let world = World::new();
    let keeps = "template ANY ANY {\n match ^[0-9a-f]{16}[.][0-9a-f]{16}[.]\n rcode NXDOMAIN\n fallthrough\n }";
    let corefile = format!(".:53 {{\n bind {{ip}}\n {keeps}\n forward . {PROXY}\n}}");
    let listen = "10.77.2.2:53".parse().unwrap();
    let _coredns = Coredns::start_in(&world.other, listen, &corefile, &[]).unwrap();
    let proxy = world.proxy("", &["--listen", "10.77.2.1:53", "--upstream", "10.77.2.2"]);
    let test = "loops_netns::coredns_that_keeps_probes_to_itself_is_known_by_its_address";
    world.pod.run_test(test, "client").unwrap();
    let told = line(&proxy, "a forwarding loop");
    assert!(told.contains("us -> 10.77.2.2:53 -> us"), "{told}");
    assert!(told.contains("upstream_asks"), "{told}");
}

/// An upstream may want names that only we know how to get.
#[test]
fn coredns_that_asks_for_something_else_is_answered() {
    if !testbed::have(Component::Coredns) || !testbed::have(Component::Netns) {
        return;
    }
    if netns::role().is_some() {
        let answer = client().udp(&query("web.outer.", "A")).unwrap();
        let found = addresses(&answer);
        assert!(found.contains(&Ipv4Addr::new(192, 0, 2, 7).into()), "{answer:?}");
        return;
    }
    let world = World::new();
    let outer = format!(
        "outer:53 {{\n bind {{ip}}\n rewrite name exact web.outer web.inner answer auto\n forward . {PROXY}\n}}"
    );
    let listen = "10.77.2.2:53".parse().unwrap();
    let _outer = Coredns::start_in(&world.other, listen, &outer, &[]).unwrap();
    let inner = "inner:5300 {\n bind {ip}\n template IN A inner {\n answer \"{{ .Name }} 60 IN A 192.0.2.7\"\n }\n}";
    let listen = "127.0.0.1:5300".parse().unwrap();
    let _inner = Coredns::start_in(&world.node, listen, inner, &[]).unwrap();
    let zone = "[[zone]]\nsuffix = \"inner\"\nupstreams = [\"127.0.0.1:5300\"]";
    let proxy = world.proxy(zone, &["--listen", "10.77.2.1:53", "--upstream", "10.77.2.2"]);
    let test = "loops_netns::coredns_that_asks_for_something_else_is_answered";
    world.pod.run_test(test, "client").unwrap();
    let told = line(&proxy, "an upstream sends us queries");
    assert!(told.contains("10.77.2.2:53"), "{told}");
    assert!(!proxy.output().contains("a forwarding loop"), "{}", proxy.output());
}

/// Each forwards the other's zone to it, and the second all else to the first. It asks
/// for a slow name again and again, which is no lap of a loop.
#[test]
fn proxies_that_cross_zones_take_no_slow_name_for_a_loop() {
    if !testbed::have(Component::Netns) {
        return;
    }
    match netns::role().as_deref() {
        Some(SLOW_UPSTREAM) => return serve_slowly(),
        Some(_) => return ask_both_at_once(),
        None => {}
    }
    let test = "loops_netns::proxies_that_cross_zones_take_no_slow_name_for_a_loop";
    let world = World::new();
    let mut upstream = world.node.command(std::env::current_exe().unwrap());
    upstream
        .args(["--exact", test, "--nocapture"])
        .env(netns::INSIDE, SLOW_UPSTREAM);
    let upstream = Process::spawn(&mut upstream).unwrap();
    upstream.wait_for_line(SERVES, TOLD).unwrap();
    let inner = |upstream| format!("[[zone]]\nsuffix = \"inner\"\nupstreams = [\"{upstream}\"]");
    let flags = ["--listen", "10.77.2.1:53", "--upstream", "127.0.0.1:5300"];
    let proxy = world.proxy(&inner("10.77.2.2"), &flags);
    let flags = ["--listen", "10.77.2.2:53", "--upstream", PROXY];
    let other = &mut world.other.command(PROGRAM);
    // Nothing listens there.
    let other = fivedots::serve(other, &inner("127.0.0.1:5301"), &flags).unwrap();
    world.pod.run_test(test, "client").unwrap();
    for proxy in [proxy, other] {
        assert!(!proxy.output().contains("a forwarding loop"), "{}", proxy.output());
    }
}

/// Looks each name up at both proxies at the same time.
fn ask_both_at_once() {
    for n in 0..3 {
        let name = &format!("n{n}.example.");
        let ask = |proxy: IpAddr| {
            Client::new((proxy, 53).into())
                .udp(&query(name, "A"))
                .unwrap()
        };
        let answers = std::thread::scope(|scope| {
            let asked = [[10, 77, 2, 1], [10, 77, 2, 2]]
                .map(|proxy| scope.spawn(move || ask(IpAddr::from(proxy))));
            asked.map(|thread| thread.join().unwrap())
        });
        for answer in answers {
            assert_eq!(addresses(&answer), [IpAddr::from([192, 0, 2, 7])], "{answer:?}");
        }
    }
}

fn serve_slowly() {
    let upstream = Upstream::builder()
        .listen("127.0.0.1:5300".parse().unwrap())
        .zone("example.", "* 60 A 192.0.2.7")
        .rule(Rule::any().delay(Duration::from_millis(2500)))
        .start()
        .unwrap();
    println!("{SERVES}");
    // Killed before, unless its parent was.
    assert!(!upstream.wait_for(u64::MAX, Duration::from_secs(60)));
}

/// As when rules for a Service's address begin to lead to us.
#[test]
fn an_upstream_that_becomes_ourselves_is_known_by_our_own_socket() {
    if !testbed::have(Component::Netns) {
        return;
    }
    if netns::role().is_some() {
        return ask_in_loop();
    }
    let world = World::new();
    let proxy = world.proxy("", &["--listen", "0.0.0.0:53", "--upstream", "10.96.0.10"]);
    world.node.add_address("eth0", "10.96.0.10/32").unwrap();
    let test = "loops_netns::an_upstream_that_becomes_ourselves_is_known_by_our_own_socket";
    world.pod.run_test(test, "client").unwrap();
    let told = line(&proxy, "a forwarding loop");
    assert!(told.contains("us -> 10.96.0.10:53 -> us"), "{told}");
    assert!(told.contains("own_source"), "{told}");
}
