//! From endpoints of the API to upstreams.

use cluster::{Endpoints, ServiceName, ServicePods, Update, Watch};

use super::KubernetesConfig;
use crate::upstreams::{Service, Upstreams};
use forward::ZonePods;

/// Watches the Pods of a Service in a task of its own. While the API is away those that
/// were known stay.
pub(super) async fn follow(
    config: &KubernetesConfig,
    service: &Service,
    upstreams: Upstreams,
) -> anyhow::Result<()> {
    let Service { namespace, name, .. } = service.clone();
    let endpoints = Endpoints::new(ServiceName { namespace, name });
    let watch = Watch::new(endpoints, config.kubeconfig.clone()).await?;
    let service = service.clone();
    tokio::spawn(watch.run(move |update| {
        if let Update::Changes(changes) = update {
            changes
                .into_iter()
                .for_each(|pods| take(&service, pods, &upstreams));
        }
    }));
    Ok(())
}

fn take(service: &Service, pods: ServicePods, upstreams: &Upstreams) {
    let ServicePods { ready, others } = pods;
    tracing::info!(%service, ?ready, ?others, "the Pods behind an upstream");
    if let Err(error) = upstreams.set_pods(service.addr, ZonePods { ready, others }) {
        tracing::warn!(%service, %error, "its address is asked and not its Pods");
    }
}
