//! Who the clients are, from the Kubernetes API.
//!
//! Without it an address is its own name. The client of the API is the feature
//! `kubernetes`: it is more code than all the rest.

#[cfg(feature = "kubernetes")]
mod endpoints;
#[cfg(feature = "kubernetes")]
mod identities;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::upstreams::{Service, Upstreams};
use observe::ObserverHandle;
use resolver::Clock;

/// How the Kubernetes API is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KubernetesConfig {
    /// Whether it is asked.
    pub enabled: Enabled,
    /// The node whose pods are watched, which is ours.
    pub node: Option<String>,
    /// Watches the pods of all nodes instead.
    pub all_nodes: bool,
    /// How to reach it, where we are no pod with a service account.
    pub kubeconfig: Option<PathBuf>,
    /// The cluster's domain, without the last dot.
    pub cluster_domain: String,
    /// The search list that the kubelet takes from the node.
    pub node_search: Vec<String>,
    /// The ndots in the node's own resolv.conf.
    pub node_ndots: Option<u8>,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Enabled {
    /// Where we are a pod with a service account.
    Auto,
    /// Always; it is an error if it cannot be.
    Always,
    /// Never.
    Never,
}

impl Enabled {
    /// All, with their words in the configuration.
    pub const WORDS: [(Self, &str); 3] =
        [(Self::Auto, "auto"), (Self::Always, "always"), (Self::Never, "never")];

    /// Its word.
    pub fn label(self) -> &'static str {
        let known = Self::WORDS.iter().find(|(enabled, _)| *enabled == self);
        known.map_or("auto", |(_, word)| word)
    }
}

/// Starts the watch of pods if there is to be one. `own` are the addresses that
/// this node asks us from.
///
/// # Errors
///
/// When it is to be asked always and cannot be.
pub async fn start(
    config: &KubernetesConfig,
    own: Vec<IpAddr>,
    ledger: &ObserverHandle,
    clock: Clock,
) -> anyhow::Result<()> {
    let outcome = match config.enabled {
        Enabled::Never => return Ok(()),
        Enabled::Auto if !in_a_pod() => return Ok(()),
        Enabled::Auto | Enabled::Always => begin(config, own, ledger, clock).await,
    };
    match outcome {
        Err(error) if config.enabled == Enabled::Auto => {
            tracing::warn!(%error, "no pod names: clients are shown by address");
            Ok(())
        }
        outcome => outcome,
    }
}

#[cfg(feature = "kubernetes")]
async fn begin(
    config: &KubernetesConfig,
    own: Vec<IpAddr>,
    ledger: &ObserverHandle,
    clock: Clock,
) -> anyhow::Result<()> {
    identities::Identities { clock, ledger: ledger.clone() }
        .start(config, own)
        .await
}

#[cfg(not(feature = "kubernetes"))]
async fn begin(
    _config: &KubernetesConfig,
    _own: Vec<IpAddr>,
    _ledger: &ObserverHandle,
    _clock: Clock,
) -> anyhow::Result<()> {
    anyhow::bail!("this program was built without the feature `kubernetes`")
}

/// Starts to follow the Pods of these Services. Where that cannot be, the Services
/// themselves are asked, which is worth a line and no more.
pub async fn follow(config: &KubernetesConfig, services: &[Service], upstreams: &Upstreams) {
    let can = match config.enabled {
        Enabled::Never => false,
        Enabled::Auto => in_a_pod() || config.kubeconfig.is_some(),
        Enabled::Always => true,
    };
    for service in services {
        let begun = match can {
            true => watch_endpoints(config, service, upstreams).await,
            false => Err(anyhow::anyhow!("kubernetes.enabled, or no service account")),
        };
        if let Err(error) = begun {
            tracing::warn!(%service, %error, "its Pods are unknown: its address is asked");
        }
    }
}

#[cfg(feature = "kubernetes")]
async fn watch_endpoints(
    config: &KubernetesConfig,
    service: &Service,
    upstreams: &Upstreams,
) -> anyhow::Result<()> {
    endpoints::follow(config, service, upstreams.clone()).await
}

#[cfg(not(feature = "kubernetes"))]
async fn watch_endpoints(
    _config: &KubernetesConfig,
    _service: &Service,
    _upstreams: &Upstreams,
) -> anyhow::Result<()> {
    anyhow::bail!("this program was built without the feature `kubernetes`")
}

/// What client-go takes for the sign of a pod.
fn in_a_pod() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() && Path::new(TOKEN).exists()
}

const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
