//! A node with a pod and another node with CoreDNS, as far as packets can tell: real
//! namespaces, the rule that kube-proxy has for a Service, a scripted upstream.

use std::fs;
use std::path::PathBuf;
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
        add_ipv6(&node, &pod, &other);
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

    /// Stops the threads of this name of a process, for as long as what is returned
    /// lives.
    pub(crate) fn freeze_threads(process: &Process, name: &str) -> Frozen {
        Frozen::new(process.pid(), name)
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

/// The same addresses and routes of the other family.
fn add_ipv6(node: &Netns, pod: &Netns, other: &Netns) {
    run(node, "sysctl -qw net.ipv6.conf.all.forwarding=1");
    for (at, device, addr) in [
        (node, "pod", "fd00:1::1/64"),
        (node, "eth0", "fd00:250::11/64"),
        (pod, "pod", "fd00:1::9/64"),
        (other, "eth0", "fd00:250::12/64"),
        (other, "lo", "fd00:2::2/128"),
    ] {
        // Without the second in which nobody may use it.
        at.ip(&["address", "add", addr, "dev", device, "nodad"])
            .unwrap();
    }
    for (at, to, via) in [
        (node, "fd00:2::/64", "fd00:250::12"),
        (pod, "default", "fd00:1::1"),
        (other, "fd00:1::/64", "fd00:250::11"),
    ] {
        at.ip(&["-6", "route", "add", to, "via", via]).unwrap();
    }
}

/// Threads that do nothing, by a group of their own in the freezer of cgroups.
pub(crate) struct Frozen {
    group: PathBuf,
    threads: Vec<String>,
}

impl Frozen {
    fn new(process: u32, name: &str) -> Self {
        let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let is_named = |path: &PathBuf| {
            let comm = fs::read_to_string(path.join("comm")).unwrap_or_default();
            comm.trim() == name
        };
        let paths = threads.flatten().map(|thread| thread.path());
        let threads: Vec<_> = paths
            .filter(is_named)
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert!(!threads.is_empty(), "no thread {name}");
        let group = PathBuf::from(FREEZER).join(format!("fivedots-{process}"));
        fs::create_dir(&group).unwrap();
        let frozen = Self { group, threads };
        for thread in &frozen.threads {
            fs::write(frozen.group.join("tasks"), thread).unwrap();
        }
        fs::write(frozen.group.join("freezer.state"), "FROZEN").unwrap();
        frozen
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        fs::write(self.group.join("freezer.state"), "THAWED").unwrap();
        for thread in &self.threads {
            fs::write(format!("{FREEZER}/tasks"), thread).ok();
        }
        fs::remove_dir(&self.group).ok();
    }
}

/// Whether one thread can be stopped alone: by cgroups of version 1.
pub(crate) fn can_freeze() -> bool {
    PathBuf::from(FREEZER).join("tasks").exists()
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
    let script = Script::new().zone(zone);
    let _servers = ["10.244.2.2:53", "[fd00:2::2]:53"].map(|listen| {
        let server = Upstream::builder().listen(listen.parse().unwrap());
        server.script(script.clone()).start().unwrap()
    });
    println!("serving");
    loop {
        std::thread::park();
    }
}

const FREEZER: &str = "/sys/fs/cgroup/freezer";
const COREDNS_NODE: &str = "10.250.0.12/24";
/// What matters of its rules for a Service with one endpoint.
const KUBE_PROXY: [&str; 14] = [
    "table ip kube-proxy",
    "chain ip kube-proxy services { type nat hook prerouting priority -100 ; }",
    "chain ip kube-proxy local { type nat hook output priority -100 ; }",
    "chain ip kube-proxy post { type nat hook postrouting priority 100 ; }",
    "rule ip kube-proxy services ip daddr 10.96.0.10 meta l4proto { tcp, udp } th dport 53 dnat to 10.244.2.2",
    "rule ip kube-proxy local ip daddr 10.96.0.10 meta l4proto { tcp, udp } th dport 53 dnat to 10.244.2.2",
    "rule ip kube-proxy post ip saddr 10.96.0.10 masquerade",
    "table ip6 kube-proxy",
    "chain ip6 kube-proxy services { type nat hook prerouting priority -100 ; }",
    "chain ip6 kube-proxy local { type nat hook output priority -100 ; }",
    "chain ip6 kube-proxy post { type nat hook postrouting priority 100 ; }",
    "rule ip6 kube-proxy services ip6 daddr fd00:96::a meta l4proto { tcp, udp } th dport 53 dnat to fd00:2::2",
    "rule ip6 kube-proxy local ip6 daddr fd00:96::a meta l4proto { tcp, udp } th dport 53 dnat to fd00:2::2",
    "rule ip6 kube-proxy post ip6 saddr fd00:96::a masquerade",
];
const CONFIG: &str = "workers = 2\nmetrics = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
                      [intercept]\nenabled = true\nservices = [\"10.96.0.10\", \"fd00:96::a\"]\n\
                      local = [\"169.254.20.10\"]\nfallback = [\"10.244.2.2\"]\n";
const LONG: Duration = Duration::from_secs(60);
