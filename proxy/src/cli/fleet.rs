//! The flags of `diagnose --all-nodes`.

use clap::Args;

/// Which nodes to ask, and how.
#[derive(Args, Clone, Debug)]
pub struct FleetArgs {
    /// Ask the proxy of every node, by way of the Kubernetes API, and judge them together:
    /// the worst node first, and what those with a cause have in common. Nothing is probed.
    #[arg(long, conflicts_with_all = [
        "admin", "service", "coredns", "upstream", "no_kubernetes", "resolv_conf",
        "expect_upstream", "bundle", "runbook",
    ])]
    pub all_nodes: bool,
    /// With --all-nodes: a context of the kubeconfig; its current one without it.
    #[arg(long, value_name = "NAME", requires = "all_nodes")]
    pub context: Option<String>,
    /// With --all-nodes: the namespace of Fivedots.
    #[arg(
        long,
        short,
        value_name = "NAMESPACE",
        default_value = "kube-system",
        requires = "all_nodes"
    )]
    pub namespace: String,
    /// With --all-nodes: the labels of its Pods.
    #[arg(
        long,
        short = 'l',
        value_name = "LABELS",
        default_value = "app.kubernetes.io/name=fivedots",
        requires = "all_nodes"
    )]
    pub selector: String,
    /// With --all-nodes: the port of the admin listener, on loopback.
    #[arg(long, value_name = "PORT", default_value_t = 9254, requires = "all_nodes")]
    pub admin_port: u16,
}
