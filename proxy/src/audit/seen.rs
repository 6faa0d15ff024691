//! The templates of a cluster, asked of its API.

use anyhow::bail;
use cluster::{Api, Kubelet};
use dns::Name;

use super::report::Audit;
use crate::cli::AuditArgs;

/// Lists all templates, and judges them.
///
/// # Errors
///
/// When the API cannot be reached, or lists nothing.
pub async fn audit(args: &AuditArgs) -> anyhow::Result<Audit> {
    let text = |name: &Name| name.to_string().trim_end_matches('.').to_owned();
    let kubelet = Kubelet {
        cluster_domain: text(&args.cluster_domain),
        search: args.node_search.iter().map(text).collect(),
        ndots: None,
    };
    let api = Api::of_person(args.kubeconfig.clone(), args.context.clone()).await?;
    let found = api.templates(args.namespace.as_deref()).await;
    if found.listed == 0 {
        bail!("the Kubernetes API lists nothing: {}", found.gaps.join("; "));
    }
    Ok(Audit::of(&found, &kubelet))
}
