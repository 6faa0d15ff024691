//! A node, CoreDNS pods and an upstream, each in a namespace of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use diagnose::{Evidence, Verdict, judge};
use testbed::netns::INSIDE;
use testbed::{Coredns, Lan, Netns, Process, eventually, fivedots};

use crate::incident::{Incident, forward, lead_to};
use crate::pressure::{Filling, Group, fill_conntrack};

pub(crate) const PROXY: &str = "10.90.0.1";
pub(crate) const POD_A: &str = "10.90.0.11";
pub(crate) const POD_B: &str = "10.90.0.12";
pub(crate) const POD_C: &str = "10.90.0.13";
/// Of no CoreDNS any more: what comes is dropped.
pub(crate) const OTHER: &str = "10.90.0.77";
pub(crate) const UPSTREAM: &str = "10.90.0.50";
pub(crate) const RESOLVER_2: &str = "10.90.0.52";
pub(crate) const RESOLVER_3: &str = "10.90.0.53";
pub(crate) const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// Everything that runs; it ends with this.
pub(crate) struct World {
    incident: Incident,
    node: Netns,
    /// Another pod of the node.
    pod: Netns,
    servers: Vec<Coredns>,
    programs: Vec<Process>,
    groups: Vec<Group>,
    hosts: Vec<Netns>,
    lan: Lan,
}

impl World {
    /// Starts the world of an incident.
    pub(crate) fn with(incident: Incident) -> Self {
        let lan = Lan::new().unwrap();
        let host = |addr: &str| lan.host(&[&format!("{addr}/24")]).unwrap();
        let (node, pod) = (host(PROXY), host("10.90.0.20"));
        node.ip(&["route", "add", "10.96.0.0/16", "via", UPSTREAM])
            .unwrap();
        let mut world = Self {
            incident,
            node,
            pod,
            servers: Vec::new(),
            programs: Vec::new(),
            groups: Vec::new(),
            hosts: Vec::new(),
            lan,
        };
        nft(&world.node, &incident.service());
        incident
            .of_node()
            .iter()
            .for_each(|rules| nft(&world.node, rules));
        world.start_pods();
        world.start_resolvers();
        world.make_worse();
        if incident.has_proxy() {
            let proxy = world.proxy();
            world.programs.push(proxy);
        }
        world
    }

    /// The hosts of all pods are there; where there is no CoreDNS, nothing listens.
    fn start_pods(&mut self) {
        let incident = self.incident;
        for addr in incident.all_pods() {
            let host = self.host(addr);
            if let Some(rules) = incident.of_pod(addr) {
                nft(&host, &rules);
            }
            if incident.pods().contains(addr) {
                let corefile = corefile(incident);
                self.servers.push(coredns(&host, addr, &corefile));
            } else if incident.drops() {
                nft(&host, SILENT);
            }
            self.hosts.push(host);
        }
        let gone = self.host(OTHER);
        nft(&gone, SILENT);
        self.hosts.push(gone);
    }

    fn start_resolvers(&mut self) {
        let upstream = self.host(UPSTREAM);
        match self.incident.upstream() {
            Some(corefile) => self.servers.push(coredns(&upstream, UPSTREAM, &corefile)),
            None => nft(&upstream, SILENT),
        }
        if let Some(rules) = self.incident.of_upstream() {
            nft(&upstream, &rules);
        }
        self.hosts.push(upstream);
        for (addr, to) in self.incident.resolvers() {
            let host = self.host(addr);
            let corefile = format!(".:53 {{\nbind {{ip}}\n{}}}\n", forward(to));
            self.servers.push(coredns(&host, addr, &corefile));
            self.hosts.push(host);
        }
    }

    /// What is part of an incident beside the servers.
    fn make_worse(&mut self) {
        match self.incident {
            Incident::ConntrackFull => fill_conntrack(&self.node, Filling::AssuredTcp),
            Incident::ConntrackFullOfUdp => fill_conntrack(&self.node, Filling::AssuredUdp),
            Incident::ConntrackEvicts => fill_conntrack(&self.node, Filling::UnansweredUdp),
            Incident::ConntrackOfPod => {
                // Without a rule that asks for it, a namespace has no table.
                let rules = "table ip tracking {\nchain out {\ntype filter hook output priority 0;\n\
                             ct state new counter\n}\n}\n";
                nft(&self.pod, rules);
                fill_conntrack(&self.pod, Filling::AssuredTcp);
                self.spawn(false, "asks for ever");
                let pid = self.programs.last().unwrap().pid();
                self.groups.push(Group::pod(pid));
            }
            Incident::StaleFlows => {
                self.spawn(true, "keeps a flow");
                let of_client = || self.flows().contains(OTHER);
                assert!(eventually(Duration::from_secs(10), of_client), "{}", self.flows());
                nft(&self.node, &format!("delete table ip service\n{}", lead_to(&[POD_A, POD_B])));
            }
            Incident::SocketOverflow => self.spawn(true, "does not read"),
            Incident::KubeProxyIdle => {
                self.spawn(true, "kube-proxy");
                let listens = || self.sockets().contains(":10249");
                assert!(eventually(Duration::from_secs(10), listens));
            }
            Incident::Storm => {
                let pids = self.servers.iter().map(|server| server.process().pid());
                // The pods, and not the resolver behind them.
                self.groups = pids.take(2).map(Group::with_little_cpu).collect();
            }
            _ => {}
        }
    }

    /// Starts a program of this test on the node or in the other pod.
    fn spawn(&mut self, on_node: bool, role: &str) {
        let netns = if on_node { &self.node } else { &self.pod };
        let mut command = netns.command(std::env::current_exe().unwrap());
        command.args(["--exact", "clients::clients", "--nocapture"]);
        let program = Process::spawn(command.env(INSIDE, role)).unwrap();
        self.programs.push(program);
    }

    fn flows(&self) -> String {
        let output = self.node.command("conntrack").arg("-L").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn sockets(&self) -> String {
        let output = self.node.command("ss").arg("-ltn").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn host(&self, addr: &str) -> Netns {
        self.lan.host(&[&format!("{addr}/24")]).unwrap()
    }

    /// The number of the other pod's namespace.
    pub(crate) fn pod_inode(&self) -> String {
        let path = format!("/run/netns/{}", self.pod.name());
        std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap()).to_string()
    }

    /// Counts what leaves the node from here on.
    pub(crate) fn count_packets(&self) {
        let rule = "type filter hook output priority 300;\noifname \"eth0\" counter";
        nft(&self.node, &format!("table inet count {{\nchain out {{\n{rule}\n}}\n}}\n"));
    }

    /// How many packets have left since; they are counted no more.
    pub(crate) fn packets(&self) -> u64 {
        let mut command = self.node.command("nft");
        let output = command
            .args(["list", "table", "inet", "count"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        nft(&self.node, "delete table inet count");
        let rest = text.split_once("packets ").unwrap().1;
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    /// Rules, addresses, routes and settings of the node.
    pub(crate) fn state(&self) -> String {
        let lines: [&[&str]; 4] = [
            &["nft", "-s", "list", "ruleset"],
            &["ip", "address"],
            &["ip", "route", "show", "table", "all"],
            &["sysctl", "net.netfilter.nf_conntrack_max", "net.ipv4.ip_forward"],
        ];
        let show = |line: &[&str]| {
            let output = self
                .node
                .command(line[0])
                .args(&line[1..])
                .output()
                .unwrap();
            assert!(output.status.success(), "{line:?}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        lines.map(show).concat()
    }

    /// What the program finds on the node. Its evidence is judged here again: it must be
    /// the same verdict.
    pub(crate) fn diagnose(&self) -> (Evidence, Verdict) {
        let mut command = self.node.command(env!("CARGO_BIN_EXE_fivedots"));
        command.args(["diagnose", "--format", "json", "--service", &SERVICE.to_string()]);
        for pod in self.incident.all_pods() {
            command.args(["--coredns", pod]);
        }
        let output = command.args(["--upstream", UPSTREAM]).output().unwrap();
        let bundle: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let evidence: Evidence = serde_json::from_value(bundle["evidence"].clone()).unwrap();
        let verdict: Verdict = serde_json::from_value(bundle["verdict"].clone()).unwrap();
        assert_eq!(judge(&evidence), verdict);
        (evidence, verdict)
    }

    /// The proxy of the node, which has seen its clients before anybody looks.
    fn proxy(&self) -> Process {
        let flags = ["--listen", "10.90.0.1:53", "--upstream", POD_A, "--admin", "127.0.0.1:9254"];
        let lines = "[[observe.search]]\nclients = \"127.0.0.0/8\"\nndots = 5\n\
                     domains = [\"shop.svc.cluster.local\", \"svc.cluster.local\", \"cluster.local\"]\n";
        let mut command = self.node.command(env!("CARGO_BIN_EXE_fivedots"));
        let proxy = fivedots::serve(&mut command, lines, &flags).unwrap();
        self.node
            .run_test("clients::clients", &format!("{:?}", self.incident))
            .unwrap();
        if self.incident == Incident::Loop {
            let seen = || proxy.output().contains("a forwarding loop");
            assert!(eventually(Duration::from_secs(20), seen), "{}", proxy.output());
            return proxy;
        }
        // The last minute is of full tens of seconds.
        let counted = || self.minute().is_some_and(|queries| queries > 0);
        assert!(eventually(Duration::from_secs(30), counted), "{:?}", self.minute());
        proxy
    }

    /// The queries of the last minute, by the proxy's own account.
    fn minute(&self) -> Option<u64> {
        let mut stats = self.node.command(env!("CARGO_BIN_EXE_fivedots"));
        let output = stats.args(["stats", "--json"]).output().unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        summary["60s"]["queries"].as_u64()
    }
}

fn coredns(host: &Netns, addr: &str, corefile: &str) -> Coredns {
    let listen = SocketAddr::new(addr.parse::<IpAddr>().unwrap(), 53);
    Coredns::start_in(host, listen, corefile, &[]).unwrap()
}

/// One name of the cluster, a zone that always fails, and all others from behind.
fn corefile(incident: Incident) -> String {
    let exists = "template IN A cluster.local {\nmatch ^kubernetes[.]default[.]svc[.]\n\
                  answer \"{{ .Name }} 30 IN A 10.96.0.1\"\nfallthrough\n}\n";
    let denied = "template ANY ANY cluster.local {\nrcode NXDOMAIN\n}\n";
    let cluster = match incident {
        // An API server that nobody is.
        Incident::NotSynced => {
            "kubernetes cluster.local {\nendpoint http://10.90.0.99:8080\n}\n".to_owned()
        }
        _ => format!("{exists}{denied}"),
    };
    let broken = "broken.example:53 {\nbind {ip}\ntemplate ANY ANY . {\nrcode SERVFAIL\n}\n}\n";
    let others = forward(incident.forwards_to());
    format!(
        "cluster.local:53 {{\nbind {{ip}}\n{cluster}}}\n{broken}\
         .:53 {{\nbind {{ip}}\nprometheus {{ip}}:9153\n{others}}}\n"
    )
}

pub(crate) fn nft(host: &Netns, rules: &str) {
    let output = host.command("nft").arg(rules).output().unwrap();
    assert!(output.status.success(), "{rules}\n{output:?}");
}

const SILENT: &str =
    "table ip silent {\nchain input {\ntype filter hook input priority 0;\ndrop\n}\n}\n";
