//! How often the CPU quota of the CoreDNS pods of this node held them back while they were
//! probed.

use std::path::Path;

use diagnose::{Evidence, Share};
use node::{Periods, Quota};

/// The pods of CoreDNS on this node, with their periods at one moment.
pub(super) struct Quotas {
    pods: Vec<(String, Quota, Vec<Periods>)>,
}

impl Quotas {
    /// Reads those of pods, by their names and uids.
    pub(super) fn read(pods: &[(String, String)]) -> Self {
        let read = |(name, uid): &(String, String)| {
            let quota = Quota::find(Path::new(GROUPS), uid);
            let periods = quota.read();
            (name.clone(), quota, periods)
        };
        Self { pods: pods.iter().map(read).collect() }
    }

    /// Notes in which share of their periods since they were held back.
    pub(super) fn note(&self, evidence: &mut Evidence) {
        let Some(cluster) = &mut evidence.cluster else { return };
        for (name, quota, before) in &self.pods {
            if quota.is_empty() {
                let why = "no cgroup of it is seen here";
                evidence
                    .gaps
                    .push(format!("the CPU quota of {name}: {why}"));
            }
            let pod = cluster.pods.iter_mut().find(|pod| pod.name == *name);
            if let Some(pod) = pod {
                pod.throttled = share(before, &quota.read());
            }
        }
    }
}

/// The largest share of the periods of a group: that of the pod and those of its
/// containers may differ.
fn share(before: &[Periods], after: &[Periods]) -> Option<f64> {
    let since = after
        .iter()
        .zip(before)
        .map(|(after, before)| after.since(*before));
    let shares = since
        .filter(|periods| periods.all >= ENOUGH)
        .map(|periods| Share { part: periods.throttled, whole: periods.all }.seen());
    shares.reduce(f64::max)
}

/// Where both versions of cgroups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// Periods, of 100 ms each, below which a share of them proves little.
const ENOUGH: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_that_is_held_back_most_counts() {
        let at = |all, throttled| Periods { all, throttled };
        let before = [at(100, 5), at(100, 5)];
        assert_eq!(share(&before, &[at(110, 6), at(110, 10)]), Some(0.5));
        assert_eq!(share(&before, &[at(109, 14), at(100, 5)]), None, "too few");
        assert_eq!(share(&[], &[]), None);
    }
}
