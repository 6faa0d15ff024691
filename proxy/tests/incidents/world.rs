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
        let proxy = (incident == Incident::Loop).then(|| proxy(&node));
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

/// Names of the cluster from a template, all others from behind.
fn corefile(forwards_to: &str) -> String {
    format!(
        "cluster.local:53 {{\nbind {{ip}}\ntemplate IN A cluster.local {{\n\
         answer \"{{{{ .Name }}}} 30 IN A 10.96.0.1\"\n}}\n}}\n.:53 {{\nbind {{ip}}\nforward . {forwards_to}\n}}\n"
    )
}

/// The proxy of the node, which has seen its ring before anybody looks.
fn proxy(node: &Netns) -> Process {
    let flags = ["--listen", "10.90.0.1:53", "--upstream", POD_A, "--admin", "127.0.0.1:9254"];
    let proxy =
        fivedots::serve(&mut node.command(env!("CARGO_BIN_EXE_fivedots")), "", &flags).unwrap();
    let asked = node
        .command("dig")
        .args(["@10.90.0.1", "+tries=1", "web.example.com"])
        .output();
    assert!(asked.is_ok(), "{asked:?}");
    let seen = || proxy.output().contains("a forwarding loop");
    assert!(eventually(Duration::from_secs(20), seen), "{}", proxy.output());
    proxy
}

fn nft(host: &Netns, rules: &str) {
    let output = host.command("nft").arg(rules).output().unwrap();
    assert!(output.status.success(), "{rules}\n{output:?}");
}
