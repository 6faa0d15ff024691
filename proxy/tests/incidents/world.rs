//! A node, two CoreDNS pods and an upstream, each in a namespace of its own.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use diagnose::{Evidence, Verdict, judge};
use testbed::{Coredns, Lan, Netns, Process, eventually, fivedots};

use crate::incident::Incident;

pub(crate) const PROXY: &str = "10.90.0.1";
pub(crate) const POD_A: &str = "10.90.0.11";
pub(crate) const POD_B: &str = "10.90.0.12";
pub(crate) const UPSTREAM: &str = "10.90.0.50";
const SERVICE: &str = "10.96.0.10";

/// Everything that runs; it ends with this.
pub(crate) struct World {
    node: Netns,
    _servers: Vec<Coredns>,
    _proxy: Option<Process>,
    _hosts: Vec<Netns>,
    _lan: Lan,
}

impl World {
    /// Starts the world of an incident.
    pub(crate) fn with(incident: Incident) -> Self {
        let lan = Lan::new().unwrap();
        let host = |addr: &str| lan.host(&[&format!("{addr}/24")]).unwrap();
        let (node, upstream) = (host(PROXY), host(UPSTREAM));
        // The hosts of both pods are there; where there is none, nothing listens.
        let hosts = [POD_A, POD_B].map(|addr| (addr, host(addr)));
        node.ip(&["route", "add", "10.96.0.0/16", "via", UPSTREAM])
            .unwrap();
        nft(&node, &incident.service());
        let mut servers = Vec::new();
        for (addr, host) in hosts
            .iter()
            .filter(|(addr, _)| incident.pods().contains(addr))
        {
            if let Some(rules) = incident.of_pods() {
                nft(host, &rules);
            }
            servers.push(coredns(host, addr, &corefile(incident.forwards_to())));
        }
        match incident.upstream() {
            Some(corefile) => servers.push(coredns(&upstream, UPSTREAM, corefile)),
            None => nft(
                &upstream,
                "table ip silent {\nchain input {\ntype filter hook input priority 0;\ndrop\n}\n}\n",
            ),
        }
        // A dead pod is silent, as one whose node is gone.
        for (_, host) in hosts
            .iter()
            .filter(|(addr, _)| !incident.pods().contains(addr))
        {
            nft(
                host,
                "table ip dead {\nchain input {\ntype filter hook input priority 0;\ndrop\n}\n}\n",
            );
        }
        if incident == Incident::ConntrackFull {
            fill_conntrack(&node);
        }
        let proxy = incident.has_proxy().then(|| proxy(&node, incident));
        let hosts = hosts
            .map(|(_, host)| host)
            .into_iter()
            .chain([upstream])
            .collect();
        Self { node, _servers: servers, _proxy: proxy, _hosts: hosts, _lan: lan }
    }

    /// What the program finds on the node. Its evidence is judged here again: it must be
    /// the same verdict.
    pub(crate) fn diagnose(&self) -> Verdict {
        let mut command = self.node.command(env!("CARGO_BIN_EXE_fivedots"));
        command.args(["diagnose", "--format", "json", "--service", SERVICE]);
        command.args(["--coredns", POD_A, "--coredns", POD_B, "--upstream", UPSTREAM]);
        let output = command.output().unwrap();
        let bundle: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let evidence: Evidence = serde_json::from_value(bundle["evidence"].clone()).unwrap();
        let verdict: Verdict = serde_json::from_value(bundle["verdict"].clone()).unwrap();
        assert_eq!(judge(&evidence), verdict);
        verdict
    }
}

fn coredns(host: &Netns, addr: &str, corefile: &str) -> Coredns {
    let listen = SocketAddr::new(addr.parse::<IpAddr>().unwrap(), 53);
    Coredns::start_in(host, listen, corefile, &[]).unwrap()
}

/// One name of the cluster, a zone that always fails, and all others from behind.
fn corefile(forwards_to: &str) -> String {
    let exists = "template IN A cluster.local {\nmatch ^kubernetes[.]default[.]svc[.]\n\
                  answer \"{{ .Name }} 30 IN A 10.96.0.1\"\nfallthrough\n}\n";
    let denied = "template ANY ANY cluster.local {\nrcode NXDOMAIN\n}\n";
    let broken = "broken.example:53 {\nbind {ip}\ntemplate ANY ANY . {\nrcode SERVFAIL\n}\n}\n";
    format!(
        "cluster.local:53 {{\nbind {{ip}}\n{exists}{denied}}}\n{broken}\
         .:53 {{\nbind {{ip}}\nforward . {forwards_to}\n}}\n"
    )
}

/// Entries of connections that one pod has, as many as there may be: none of them makes
/// room for another.
fn fill_conntrack(node: &Netns) {
    let most = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").unwrap();
    let most: usize = most.trim().parse().unwrap();
    let entry = |n: usize| {
        let (port, server) = (1_024 + n % 60_000, 1 + n / 60_000);
        format!(
            "-I -p tcp --state ESTABLISHED -s 10.244.0.9 -d 198.18.0.{server} --sport {port} \
             --dport 443 -t 600 -u ASSURED\n"
        )
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let entries: String = (0..most + 64).map(entry).collect();
    std::io::Write::write_all(&mut file, entries.as_bytes()).unwrap();
    // It ends with an error where the table is full.
    node.command("conntrack")
        .arg("-R")
        .arg(file.path())
        .output()
        .unwrap();
}

/// The proxy of the node, which has seen its clients before anybody looks.
fn proxy(node: &Netns, incident: Incident) -> Process {
    let flags = ["--listen", "10.90.0.1:53", "--upstream", POD_A, "--admin", "127.0.0.1:9254"];
    let lines = "[[observe.search]]\nclients = \"127.0.0.0/8\"\nndots = 5\n\
                 domains = [\"shop.svc.cluster.local\", \"svc.cluster.local\", \"cluster.local\"]\n";
    let mut command = node.command(env!("CARGO_BIN_EXE_fivedots"));
    let proxy = fivedots::serve(&mut command, lines, &flags).unwrap();
    node.run_test("clients::clients", &format!("{incident:?}"))
        .unwrap();
    if incident == Incident::Loop {
        let seen = || proxy.output().contains("a forwarding loop");
        assert!(eventually(Duration::from_secs(20), seen), "{}", proxy.output());
        return proxy;
    }
    // The last minute is of full tens of seconds.
    let counted = || minute(node).is_some_and(|queries| queries > 0);
    assert!(eventually(Duration::from_secs(30), counted), "{:?}", minute(node));
    proxy
}

/// The queries of the last minute, by the proxy's own account.
fn minute(node: &Netns) -> Option<u64> {
    let mut stats = node.command(env!("CARGO_BIN_EXE_fivedots"));
    let output = stats.args(["stats", "--json"]).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    summary["60s"]["queries"].as_u64()
}

fn nft(host: &Netns, rules: &str) {
    let output = host.command("nft").arg(rules).output().unwrap();
    assert!(output.status.success(), "{rules}\n{output:?}");
}
