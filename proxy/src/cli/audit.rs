//! The flags of `audit`.

use std::path::PathBuf;

use clap::Args;
use dns::Name;

use super::{Format, parse_suffix};

/// The flags of `audit`.
#[derive(Args, Clone, Debug)]
pub struct AuditArgs {
    /// How to reach the Kubernetes API; without it as kubectl does: `KUBECONFIG`, then
    /// `~/.kube/config`, then the service account of the Pod.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; its current one without it.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Only the templates of this namespace.
    #[arg(long, short, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// The domain of the cluster.
    #[arg(long, value_name = "NAME", default_value = "cluster.local", value_parser = parse_suffix)]
    pub cluster_domain: Name,
    /// A search domain of the nodes' own resolv.conf, which the kubelet adds to each pod's
    /// and the API does not have; may be repeated, in order.
    #[arg(long, value_name = "NAME", value_parser = parse_suffix)]
    pub node_search: Vec<Name>,
    /// How the table is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
