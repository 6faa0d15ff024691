//! What a verdict is made from, gathered on a node: probes, the accounts of the proxy
//! there, and what the kernel and kube-proxy tell. It sends little and changes nothing.

use std::path::Path;

use anyhow::Context as _;
use diagnose::{Evidence, Outcome, SCHEMA, Verdict, judge};
use serde::{Deserialize, Serialize};

use crate::cli::DiagnoseArgs;
use flows::Flows;
use quota::Quotas;

mod accounts;
mod ask;
mod cluster;
mod flows;
mod host;
pub use host::Counters;
mod probes;
mod quota;
mod rings;

/// Evidence and what follows from it: what `--format json` prints.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Bundle {
    /// What was seen.
    pub evidence: Evidence,
    /// The verdict of the version that printed it.
    #[serde(default, skip_deserializing)]
    pub verdict: Option<Verdict>,
}

/// Reads a bundle.
///
/// # Errors
///
/// When the file cannot be read, or is no bundle; with its line.
pub fn read(file: &Path) -> anyhow::Result<Bundle> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{}: no bundle", file.display()))
}

/// Gathers the evidence.
pub async fn gather(args: &DiagnoseArgs) -> Evidence {
    let mut evidence = Evidence { schema: SCHEMA, node: host::name(), ..Evidence::default() };
    let seen = accounts::read(args.admin.as_ref(), &args.cluster_domain).await;
    let of_proxy = seen.as_ref().map(|seen| seen.upstreams.clone());
    let of_cluster = cluster::look(args, &mut evidence).await;
    let mut targets = probes::Targets::of(args, &of_cluster, of_proxy.unwrap_or_default());
    if let Some(left_out) = targets.leave_out() {
        evidence
            .gaps
            .push(format!("not probed, to send little: {left_out}"));
    }
    match seen {
        Ok(seen) => {
            evidence.window = Some(seen.window);
            evidence.rings = Some(seen.rings);
        }
        Err(error) => evidence
            .gaps
            .push(format!("the accounts of the proxy: {error}")),
    }
    let (before, flows) = (Counters::read(), Flows::read(targets.service));
    let quotas = Quotas::read(&of_cluster.here);
    let rings = rings::find(&targets.coredns, &args.external);
    let (rings, ports) = tokio::join!(rings, probes::run(&targets, args, &mut evidence));
    rings::note(rings, &mut evidence);
    host::note(&before, &mut evidence).await;
    quotas.note(&mut evidence);
    of_cluster.note(&mut evidence);
    flows.note(&ports, &mut evidence);
    evidence
}

/// Judges the evidence, and returns both together as well.
#[must_use]
pub fn judged(evidence: Evidence) -> (Verdict, Bundle) {
    let verdict = judge(&evidence);
    let bundle = Bundle { evidence, verdict: Some(verdict.clone()) };
    (verdict, bundle)
}

/// The exit status of an outcome.
#[must_use]
pub const fn exit_status(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Healthy => 0,
        Outcome::Problem => 3,
        Outcome::Insufficient => 4,
    }
}
