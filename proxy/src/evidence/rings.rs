//! Loops behind a CoreDNS pod, which no query of ours comes back from: a query with a
//! name of its own, between two readings of the pod's own count of such queries.

use std::net::SocketAddr;
use std::time::Duration;

use console::{AdminAddr, AdminClientError, read_text};
use diagnose::{Evidence, Ring, Tries};
use dns::{Name, Rtype};
use node::CorednsCounts;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::ask::{self, Question};
use super::asks::fresh;

/// What was found behind the pods.
#[derive(Default)]
pub(super) struct Found {
    rings: Vec<Ring>,
    /// Pods that were counted.
    counted: usize,
    gaps: Vec<String>,
}

/// Looks behind each of them, all at once.
pub(super) async fn find(pods: &[SocketAddr], external: &Name) -> Found {
    let mut set = JoinSet::new();
    // All have one Corefile.
    for pod in pods.iter().take(PODS) {
        let (pod, external) = (*pod, *external);
        set.spawn(async move { (pod, laps(pod, &external).await) });
    }
    let mut found = Found::default();
    let mut all = set.join_all().await;
    all.sort_by_key(|(pod, _)| *pod);
    for (pod, laps) in all {
        match laps {
            Ok(laps) => {
                found.counted += 1;
                if laps >= RING {
                    let name = pod.to_string();
                    let hops = vec![name.clone(), "its upstreams".to_owned(), name];
                    let below = external.to_string();
                    found
                        .rings
                        .push(Ring { hops, below, through_coredns: true, laps });
                }
            }
            Err(error) => found.gaps.push(format!("loops behind {pod}: {error}")),
        }
    }
    found
}

/// Notes what was found; without a pod that was counted nothing was looked at.
pub(super) fn note(found: Found, evidence: &mut Evidence) {
    let Found { rings, counted, gaps } = found;
    evidence.gaps.extend(gaps);
    if counted > 0 {
        evidence.rings.get_or_insert_default().extend(rings);
    }
}

/// How many queries of the nonce's type came to a pod because of it: those that it counts
/// in two seconds, beyond twice those of a second before.
async fn laps(pod: SocketAddr, external: &Name) -> Result<u64, String> {
    let before = counts(pod).await?;
    sleep(Duration::from_secs(1)).await;
    let began = counts(pod).await?;
    // The queries still go round when their time is over.
    timeout(LOOK, go_round(pod, external)).await.ok();
    let after = counts(pod).await?;
    // Only who else asks for HINFO is counted with it.
    let usual = 2 * began.since(before).other;
    Ok(after.since(began).other.saturating_sub(usual))
}

/// Asks until an answer is of use, and waits. Where a ring is full already, of queries of
/// clients or of other probes, CoreDNS refuses what is one too many before it can go
/// round (`max_concurrent` of its `forward`), and has room again soon after.
async fn go_round(pod: SocketAddr, external: &Name) {
    for _ in 0..NONCES {
        let question = Question::new(&fresh(external), HINFO);
        let mut tries = Tries::default();
        ask::udp(pod, &question, &mut tries).await;
        if tries.good() > 0 {
            break;
        }
        sleep(BETWEEN).await;
    }
    std::future::pending().await
}

async fn counts(pod: SocketAddr) -> Result<CorednsCounts, String> {
    let addr = SocketAddr::new(pod.ip(), METRICS);
    let text = timeout(PATIENCE, read_text(&AdminAddr::Tcp(addr), "/metrics")).await;
    let text = text.map_err(|_| format!("no answer from {addr}"))?;
    let text = text.map_err(|error| match error {
        AdminClientError::Connect { addr, source } => format!("no connection to {addr}: {source}"),
        error => error.to_string(),
    })?;
    Ok(CorednsCounts::parse(&text))
}

/// RFC 1035, section 3.3.2: a type that nobody asks for, and for which CoreDNS has no
/// label of its own.
const HINFO: Rtype = Rtype(13);

/// Fifty in two seconds: a lap of 40 ms, as of four hops that are not near. Without a ring
/// it is 1, or some more where clients repeat.
const RING: u64 = 50;

/// How long the queries of the nonce's type are counted.
const LOOK: Duration = Duration::from_secs(2);

/// Nonces of a pod, while they are answered with failures.
const NONCES: u32 = 5;

/// Between two of them; a full ring has room again within some milliseconds.
const BETWEEN: Duration = Duration::from_millis(300);

/// Pods that are counted: each costs three connections.
const PODS: usize = 2;

/// `prometheus :9153`, as in the Corefile of kubeadm.
const METRICS: u16 = 9153;

/// A pod that answers takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
