//! A node with a pod and another node with CoreDNS, as far as packets can tell: real
//! namespaces, the rule that kube-proxy has for a Service, a scripted upstream.

use std::time::Duration;

use testbed::{Netns, Process, fivedots, netns};
use upstream::{Flags, Script, Upstream, Zone};

/// The namespaces, and what runs in them.
pub(crate) struct Node {
    pub(crate) node: Netns,
    pub(crate) pod: Netns,
    /// The other node, where CoreDNS is.
    _other: Netns,
    _coredns: Process,
}

impl Node {
    pub(crate) fn new() -> Self {
        let [node, pod, other] = [(); 3].map(|()| Netns::new().unwrap());
        node.connect(&pod, "pod").unwrap();
        node.connect(&other, "eth0").unwrap();
        node.add_address("pod", "10.244.1.1/24").unwrap();
        node.add_address("eth0", "10.250.0.11/24").unwrap();
        pod.add_address("pod", "10.244.1.9/24").unwrap();
        other.add_address("eth0", COREDNS_NODE).unwrap();
        other.add_address("lo", "10.244.2.2/32").unwrap();
        node.ip(&["route", "add", "10.244.2.0/24", "via", "10.250.0.12"])
            .unwrap();
        pod.ip(&["route", "add", "default", "via", "10.244.1.1"])
            .unwrap();
        other
            .ip(&["route", "add", "10.244.1.0/24", "via", "10.250.0.11"])
            .unwrap();
        run(&node, "sysctl -qw net.ipv4.ip_forward=1");
        for rule in KUBE_PROXY {
            run(&node, &format!("nft add {rule}"));
        }
        let mut coredns = other.command(std::env::current_exe().unwrap());
        coredns
            .args(["--exact", "node::plays", "--nocapture"])
            .env(netns::INSIDE, "coredns");
        let coredns = Process::spawn(&mut coredns).unwrap();
        coredns.wait_for_line("serving", LONG).unwrap();
        Self { node, pod, _other: other, _coredns: coredns }
    }

    /// Starts the proxy on the node, and waits until queries come to it.
    pub(crate) fn proxy(&self) -> Process {
        let proxy = self.proxy_without_waiting();
        proxy
            .wait_for_line("this node's DNS comes to us", LONG)
            .unwrap();
        proxy
    }

    pub(crate) fn proxy_without_waiting(&self) -> Process {
        let program = fivedots::program("fivedots").unwrap();
        let flags = ["--listen", "127.0.0.1:5335", "--upstream", "10.244.2.2"];
        fivedots::serve(&mut self.node.command(program), CONFIG, &flags).unwrap()
    }

    /// Runs `fivedots intercept` with these arguments on the node; returns what it
    /// printed.
    pub(crate) fn intercept(&self, arguments: &str) -> Result<String, String> {
        let program = fivedots::program("fivedots").unwrap();
        let mut command = self.node.command(program);
        let output = command
            .arg("intercept")
            .args(arguments.split(' '))
            .output()
            .unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}

/// Runs a line of words inside; returns what it printed.
pub(crate) fn run(inside: &Netns, line: &str) -> String {
    let mut words = line.split(' ');
    let output = inside
        .command(words.next().unwrap())
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The part of CoreDNS; without one, nothing.
#[test]
fn plays() {
    if netns::role().as_deref() != Some("coredns") {
        return;
    }
    let zone = Zone::new(".").flags(Flags::RECURSIVE).synthesize(60);
    let listen = "10.244.2.2:53".parse().unwrap();
    let _server = Upstream::builder()
        .listen(listen)
        .script(Script::new().zone(zone))
        .start()
        .unwrap();
    println!("serving");
    loop {
        std::thread::park();
    }
}

const COREDNS_NODE: &str = "10.250.0.12/24";
/// What matters of its rules for a Service with one endpoint.
const KUBE_PROXY: [&str; 7] = [
    "table ip kube-proxy",
    "chain ip kube-proxy services { type nat hook prerouting priority -100 ; }",
    "chain ip kube-proxy local { type nat hook output priority -100 ; }",
    "chain ip kube-proxy post { type nat hook postrouting priority 100 ; }",
    "rule ip kube-proxy services ip daddr 10.96.0.10 meta l4proto { tcp, udp } th dport 53 dnat to 10.244.2.2",
    "rule ip kube-proxy local ip daddr 10.96.0.10 meta l4proto { tcp, udp } th dport 53 dnat to 10.244.2.2",
    "rule ip kube-proxy post ip saddr 10.96.0.10 masquerade",
];
const CONFIG: &str = "metrics = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
                      [intercept]\nenabled = true\nservices = [\"10.96.0.10\"]\n\
                      local = [\"169.254.20.10\"]\nfallback = [\"10.244.2.2\"]\n";
const LONG: Duration = Duration::from_secs(60);
