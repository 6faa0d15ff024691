//! The evidence of many nodes, asked for at a time: some at once, each for a while.

use std::time::Duration;

use diagnose::{Absence, Evidence, Unseen};
use tokio::task::JoinSet;
use tokio::time::timeout;

#[cfg(feature = "kubernetes")]
mod nodes;
#[cfg(feature = "kubernetes")]
pub use nodes::judge_all;

/// Asks each node with `fetch`: `AT_ONCE` at a time, each for `PATIENCE`.
///
/// Five hundred nodes of which none answers take five times that.
pub async fn ask_all<T, F>(
    nodes: Vec<(String, T)>,
    fetch: impl Fn(T) -> F,
) -> (Vec<Evidence>, Vec<Unseen>)
where
    F: Future<Output = Result<Evidence, String>> + Send + 'static,
{
    let (mut seen, mut unseen) = (Vec::new(), Vec::new());
    let mut asked = JoinSet::new();
    let mut left = nodes.into_iter();
    loop {
        while asked.len() < AT_ONCE
            && let Some((node, whom)) = left.next()
        {
            let fetched = fetch(whom);
            asked.spawn(async move { (node, timeout(PATIENCE, fetched).await) });
        }
        let Some(ended) = asked.join_next().await else { break };
        // Only a task that panics ends otherwise.
        let Ok((node, ended)) = ended else { continue };
        let (state, why) = match ended {
            // By its name in the API: the node itself may have another one.
            Ok(Ok(evidence)) => {
                seen.push(Evidence { node, ..evidence });
                continue;
            }
            Ok(Err(why)) => (Absence::Dead, why),
            Err(_) => (Absence::Slow, format!("no answer within {} s", PATIENCE.as_secs())),
        };
        unseen.push(Unseen { node, state, why });
    }
    (seen, unseen)
}

/// Nodes that are asked at a time: far below the 400 requests that an API server has in
/// flight by default.
const AT_ONCE: usize = 100;

/// For each node; one that is well answers within a tenth of that.
const PATIENCE: Duration = Duration::from_secs(3);
