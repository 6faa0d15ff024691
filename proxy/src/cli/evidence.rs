//! Whom `diagnose` and `bundle` ask.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use console::{AdminAddr, parse_admin};
use dns::Name;

use super::{parse_suffix, parse_upstream};

/// Whom to ask for evidence.
#[derive(Args, Clone, Debug)]
pub struct EvidenceArgs {
    /// Admin listener of the proxy on this node: its accounts and upstreams.
    #[arg(long, visible_alias = "url", value_name = "ADDR:PORT|unix:PATH", value_parser = parse_admin)]
    pub admin: Option<AdminAddr>,
    /// The DNS Service, such as the ClusterIP of kube-dns; the upstream of the proxy
    /// without it.
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_upstream)]
    pub service: Option<SocketAddr>,
    /// A CoreDNS pod; may be repeated.
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_upstream)]
    pub coredns: Vec<SocketAddr>,
    /// A server that CoreDNS forwards to, or any other; may be repeated.
    #[arg(long, visible_alias = "server", value_name = "ADDR[:PORT]", value_parser = parse_upstream)]
    pub upstream: Vec<SocketAddr>,
    /// Names in it are the cluster's.
    #[arg(long, value_name = "NAME", default_value = "cluster.local", value_parser = parse_suffix)]
    pub cluster_domain: Name,
    /// A domain outside of the cluster: a name that does not exist is asked for in it.
    #[arg(long, value_name = "NAME", default_value = "example.com", value_parser = parse_suffix)]
    pub external: Name,
    /// How to reach the Kubernetes API; the service account of the Pod without it.
    #[arg(long, value_name = "FILE", conflicts_with = "no_kubernetes")]
    pub kubeconfig: Option<PathBuf>,
    /// Do not ask the Kubernetes API.
    #[arg(long)]
    pub no_kubernetes: bool,
    /// The DNS Service in the Kubernetes API.
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "kube-system/kube-dns", value_parser = parse_service)]
    pub dns_service: (String, String),
    /// The resolv.conf that the kubelet gives CoreDNS (`resolvConf`); that of
    /// systemd-resolved if there is one, or else /etc/resolv.conf.
    #[arg(long, value_name = "FILE")]
    pub resolv_conf: Option<PathBuf>,
    /// A server that CoreDNS is to forward to: another one is a finding; may be repeated.
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_upstream)]
    pub expect_upstream: Vec<SocketAddr>,
}

impl EvidenceArgs {
    /// Whether whom to probe is left to be found.
    #[must_use]
    pub const fn names_no_server(&self) -> bool {
        self.service.is_none() && self.coredns.is_empty() && self.upstream.is_empty()
    }
}

/// Parses `NAMESPACE/NAME`.
fn parse_service(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('/').filter(|(namespace, name)| {
        !namespace.is_empty() && !name.is_empty() && !name.contains('/')
    });
    let owned = |(namespace, name): (&str, &str)| (namespace.to_owned(), name.to_owned());
    parts
        .map(owned)
        .ok_or_else(|| format!("{text:?} is not NAMESPACE/NAME"))
}
