//! Fivedots as helm installs it.

use testbed::eventually;

use crate::bed::{Bed, LONG};

/// What an administrator does with the chart.
pub(crate) struct Release<'a>(pub(crate) &'a Bed);

impl Release<'_> {
    /// Installs it with interception turned on; helm finds the ClusterIP.
    pub(crate) fn install(&self) {
        self.helm("install", &[]);
        self.wait();
    }

    /// Replaces all Pods, as a new version does.
    pub(crate) fn upgrade(&self, n: u32) {
        let annotation = format!("podAnnotations.upgrade=n{n}");
        self.helm("upgrade", &["--set-string", &annotation]);
        self.wait();
    }

    /// Takes over these addresses, or those that kube-dns has, which replaces all Pods.
    pub(crate) fn take_over(&self, addresses: &[&str]) {
        let services = format!("interception.services={{{}}}", addresses.join(","));
        let more: &[&str] = if addresses.is_empty() { &[] } else { &["--set", &services] };
        self.helm("upgrade", more);
        self.wait();
    }

    /// Changes the file; both processes read it again.
    pub(crate) fn change_configuration(&self, n: u32) {
        let config = format!("config=[cache]\nmin_ttl = \"{n}s\"");
        self.helm("upgrade", &["--set-string", &config]);
        let pods = "-n kube-system annotate pod -l app.kubernetes.io/name=fivedots --overwrite";
        // The kubelet looks at a Pod that changes at once, at others once a minute.
        self.0.kubectl(&format!("{pods} change=n{n}"));
        let reloaded = || {
            let logs = (0..2).map(|node| self.0.log(node));
            let applied = |log: String| log.matches("configuration reloaded").count();
            logs.map(applied).all(|count| count >= n as usize)
        };
        assert!(eventually(LONG, reloaded), "{} {}", self.0.log(0), self.0.log(1));
    }

    /// Goes back to the revision before the last.
    pub(crate) fn roll_back(&self) {
        self.0.helm(&["rollback", "fivedots", "-n", "kube-system"]);
        self.wait();
    }

    pub(crate) fn uninstall(&self) {
        self.0
            .helm(&["uninstall", "fivedots", "-n", "kube-system", "--wait"]);
        let selector = "app.kubernetes.io/name=fivedots";
        let pods = format!("-n kube-system get pods -l {selector} -o name");
        assert!(eventually(LONG, || self.0.kubectl(&pods).is_empty()));
    }

    fn helm(&self, verb: &str, more: &[&str]) {
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/chart");
        let mut arguments = vec![verb, "fivedots", chart, "-n", "kube-system"];
        VALUES
            .iter()
            .for_each(|value| arguments.extend(["--set", value]));
        arguments.extend(more);
        self.0.helm(&arguments);
    }

    fn wait(&self) {
        let rolled = self
            .0
            .cluster
            .wait_for_rollout("kube-system", "daemonset/fivedots");
        rolled.unwrap();
    }
}

/// The bed's image; and all names by CoreDNS, whose troubles are the test's.
const VALUES: [&str; 7] = [
    "interception.enabled=true",
    "image.repository=local/fivedots",
    "image.tag=test",
    "image.pullPolicy=Never",
    "cluster.others=cluster",
    "updateStrategy.minReadySeconds=1",
    // Without a request a busy machine gives it next to no CPU, also to die.
    "resources.requests.cpu=100m",
];
