//! What a verdict is made from, gathered on a node: probes, the accounts of the proxy
//! there, and what the kernel and kube-proxy tell. It sends little and changes nothing.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use diagnose::{Evidence, Outcome, SCHEMA, Server, Verdict, judge};
use serde::{Deserialize, Serialize};

use crate::cli::EvidenceArgs;
use flows::Flows;
use quota::Quotas;

mod accounts;
mod ask;
mod asks;
mod capture;
pub use capture::{CaptureView, Captured, ClientRow, read as read_capture};
mod cluster;
mod fleet;
pub use fleet::ask_all;
#[cfg(feature = "kubernetes")]
pub use fleet::judge_all;
mod flows;
mod host;
pub use host::{Counters, node_name};
mod probes;
mod quota;
mod rings;
mod ticket;
pub use ticket::{Ticket, ticket};

/// Evidence and what follows from it: what `--format json` prints, and `--bundle` reads.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Bundle {
    /// What was seen.
    pub evidence: Evidence,
    /// The verdict of the version that printed it.
    #[serde(default, skip_deserializing)]
    pub verdict: Option<Verdict>,
    /// What else a capture has, where the evidence is from one.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub capture: Option<CaptureView>,
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
pub async fn gather(args: &EvidenceArgs) -> Evidence {
    let mut evidence = Evidence { schema: SCHEMA, node: node_name(), ..Evidence::default() };
    let seen = accounts::read(args.admin.as_ref(), &args.cluster_domain).await;
    let of_proxy = seen.as_ref().map(|seen| seen.upstreams.clone());
    let of_cluster = cluster::look(args, &mut evidence).await;
    let is_old = of_cluster.is_away && args.names_no_server();
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
    if is_old {
        leave_out_gone(&mut evidence);
    }
    rings::note(rings, &mut evidence);
    host::note(&before, &mut evidence).await;
    quotas.note(&mut evidence);
    of_cluster.note(&mut evidence);
    flows.note(&ports, &mut evidence);
    evidence
}

/// Leaves out servers of the proxy's list that are silent beside others. The proxy has its
/// list from the Kubernetes API: while that is away, it still asks a pod that is gone.
fn leave_out_gone(evidence: &mut Evidence) {
    let Some(servers) = &mut evidence.coredns else { return };
    let any_answers = servers.iter().any(|server| server.udp.answers() > 0);
    if !any_answers {
        return;
    }
    let mut gone: Vec<SocketAddr> = Vec::new();
    let silent = servers.iter().filter(|server| server.udp.is_silent());
    gone.extend(silent.filter_map(|server| server.addr));
    if let Some(service) = evidence.service.take_if(|service| service.udp.is_silent()) {
        gone.extend(service.addr);
    }
    let is_gone = |server: &Server| server.addr.is_some_and(|addr| gone.contains(&addr));
    servers.retain(|server| !is_gone(server));
    if let Some(through) = &mut evidence.through {
        through.retain(|server| !is_gone(server));
    }
    let why = "is silent, and without the Kubernetes API it may be a pod that is gone";
    let gaps = gone.iter().map(|addr| format!("{addr}: {why}"));
    evidence.gaps.extend(gaps);
}

/// Judges the evidence, and returns both together as well.
#[must_use]
pub fn judged(evidence: Evidence) -> (Verdict, Bundle) {
    let verdict = judge(&evidence);
    let bundle = Bundle { evidence, verdict: Some(verdict.clone()), capture: None };
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

#[cfg(test)]
mod tests {
    use super::*;
    use diagnose::Tries;

    #[test]
    fn a_silent_server_of_an_old_list_is_a_gap() {
        let server = |n: u8, answers: u32| {
            let timeouts = 10 - answers;
            let rcodes = [("NOERROR".to_owned(), answers)];
            let rcodes = rcodes.into_iter().filter(|_| answers > 0).collect();
            let udp = Tries { sent: 10, timeouts, rcodes, ..Tries::default() };
            Server { addr: Some(([10, 0, 0, n], 53).into()), udp, ..Server::default() }
        };
        let seen = |answers: [u32; 2]| {
            let servers = Some(vec![server(1, answers[0]), server(2, answers[1])]);
            let mut evidence =
                Evidence { coredns: servers.clone(), through: servers, ..Evidence::default() };
            leave_out_gone(&mut evidence);
            let names = |servers: Option<Vec<Server>>| servers.unwrap().len();
            (names(evidence.coredns), names(evidence.through), evidence.gaps.len())
        };
        assert_eq!(seen([10, 0]), (1, 1, 1));
        assert_eq!(seen([10, 1]), (2, 2, 0));
        // That none answers is no matter of the list.
        assert_eq!(seen([0, 0]), (2, 2, 0));
    }
}
