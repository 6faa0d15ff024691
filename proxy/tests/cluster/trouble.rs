//! Troubles of a cluster, made for real.

use testbed::eventually;

use crate::bed::{Bed, LONG};

/// A pod of CoreDNS.
#[derive(Clone, Debug)]
pub(crate) struct CoreDns {
    pub(crate) addr: String,
}

impl CoreDns {
    /// That of node2.
    pub(crate) fn of_node2(bed: &Bed) -> Self {
        let shown = bed.kubectl(
            "-n kube-system get pods -l k8s-app=kube-dns --field-selector spec.nodeName=node2 -o \
             jsonpath={.items[*].status.podIP}",
        );
        let addr = shown.split(' ').next().unwrap_or_default().to_owned();
        assert!(!addr.is_empty(), "no CoreDNS on node2");
        Self { addr }
    }
}

/// Rules of a node that drop packets, until they are dropped themselves.
pub(crate) struct Rules<'a> {
    bed: &'a Bed,
    node: usize,
}

impl<'a> Rules<'a> {
    /// On this node nothing that matches goes in or out.
    pub(crate) fn drop(bed: &'a Bed, node: usize, matching: &[String]) -> Self {
        let mut script = "add table inet trouble".to_owned();
        for hook in ["prerouting", "output"] {
            let chain = format!("{{ type filter hook {hook} priority -400; }}");
            script += &format!("; add chain inet trouble {hook} {chain}");
            for rule in matching {
                script += &format!("; add rule inet trouble {hook} {rule} drop");
            }
        }
        bed.run(node, "nft", &[&script]);
        Self { bed, node }
    }
}

impl Drop for Rules<'_> {
    fn drop(&mut self) {
        self.bed
            .run(self.node, "nft", &["delete table inet trouble"]);
    }
}

/// A pod of CoreDNS takes no query any more; its readiness stays.
pub(crate) fn silence<'a>(bed: &'a Bed, pod: &CoreDns) -> Rules<'a> {
    let to = |protocol| format!("ip daddr {} {protocol} dport 53", pod.addr);
    Rules::drop(bed, 1, &["udp", "tcp"].map(to))
}

/// What a pod of CoreDNS answers does not reach node1.
pub(crate) fn lose_replies<'a>(bed: &'a Bed, pod: &CoreDns) -> Rules<'a> {
    let from = |protocol| format!("ip saddr {} {protocol} sport 53", pod.addr);
    Rules::drop(bed, 0, &["udp", "tcp"].map(from))
}

/// The connection table of node1 has no room: it is full of connections that are
/// established, which nothing else may take the place of.
pub(crate) fn fill_connection_table(bed: &Bed) {
    let most: usize = read(bed, "nf_conntrack_max").parse().unwrap();
    let mut script = String::new();
    for n in 0..most {
        let (port, third, fourth) = (1024 + n / 65_536, n / 256 % 256, n % 256);
        script += &format!(
            "-A -p tcp -s 198.18.{third}.{fourth} -d 198.19.0.1 --sport {port} --dport 9 \
             --state ESTABLISHED -u ASSURED -t 600\n"
        );
    }
    let path = bed.cluster.dir().join("connections");
    std::fs::write(&path, script).unwrap();
    // It ends with an error, which is the one that is wanted.
    let path = path.to_string_lossy();
    let space = bed.cluster.nodes[0].space();
    let refused = space.run("conntrack", &["-R", &path]).unwrap_err();
    assert!(refused.to_string().contains("not enough memory"), "{refused}");
}

/// Makes room again.
pub(crate) fn empty_connection_table(bed: &Bed) {
    bed.run(0, "conntrack", &["-F"]);
}

/// What the table refused since the start.
pub(crate) fn refused_connections(bed: &Bed) -> u64 {
    let shown = bed.run(0, "conntrack", &["-S"]);
    let drops = shown.split_whitespace().filter_map(|word| {
        let number = word.strip_prefix("drop=")?;
        number.parse::<u64>().ok()
    });
    drops.sum()
}

fn read(bed: &Bed, name: &str) -> String {
    let path = format!("/proc/sys/net/netfilter/{name}");
    bed.run(0, "cat", &[&path]).trim().to_owned()
}

/// CoreDNS cannot start, as after a mistake in its file; returns the file.
pub(crate) fn break_coredns(bed: &Bed) -> String {
    let file = bed.kubectl("-n kube-system get configmap coredns -o jsonpath={.data.Corefile}");
    write_corefile(bed, "nonsense {\n}\n");
    kill_coredns(bed);
    file
}

/// CoreDNS is as it was.
pub(crate) fn mend_coredns(bed: &Bed, file: &str) {
    write_corefile(bed, file);
    kill_coredns(bed);
    bed.cluster
        .wait_for_rollout("kube-system", "deployment/coredns")
        .unwrap();
}

/// Without a goodbye.
fn kill_coredns(bed: &Bed) {
    bed.kubectl("-n kube-system delete pods -l k8s-app=kube-dns --force --grace-period=0");
}

fn write_corefile(bed: &Bed, file: &str) {
    let patch = format!("{{\"data\":{{\"Corefile\":{file:?}}}}}");
    let line = ["-n", "kube-system", "patch", "configmap", "coredns", "-p", &patch];
    bed.cluster.kubectl(&line).unwrap();
}

/// The kernel ends the proxy of node1 for its memory: its limit is what it has, and names
/// that are new fill its cache.
pub(crate) fn exhaust_memory(bed: &Bed) {
    let pod = bed.pod(0);
    let group = memory_group(bed);
    let limit = group.join("memory.limit_in_bytes");
    let before = restarts(bed, &pod);
    let lower = || {
        let used = std::fs::read_to_string(group.join("memory.usage_in_bytes"));
        let Ok(used) = used.unwrap_or_default().trim().parse::<u64>() else { return true };
        std::fs::write(&limit, (used + (256 << 10)).to_string()).ok();
        bed.flood(2_000);
        restarts(bed, &pod) > before
    };
    assert!(eventually(LONG, lower), "not ended: {}", bed.kubectl("describe pods -A"));
    // Its reason is not always OOMKilled: the runtime may hear of the end first.
    let code = "-o jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}";
    let code = bed.kubectl(&format!("-n kube-system get {pod} {code}"));
    assert_eq!(code, "137", "not by SIGKILL");
}

/// The cgroup of the proxy's container on node1.
fn memory_group(bed: &Bed) -> std::path::PathBuf {
    let pid = bed.pids(0).first().cloned().unwrap();
    let shown = bed.run(0, "cat", &[&format!("/proc/{pid}/cgroup")]);
    let path = shown
        .lines()
        .find_map(|line| line.split_once(":memory:"))
        .unwrap()
        .1;
    std::path::Path::new("/sys/fs/cgroup/memory").join(path.trim_start_matches('/'))
}

/// How often a pod was started again.
pub(crate) fn restarts(bed: &Bed, pod: &str) -> u32 {
    let count = "-o jsonpath={.status.containerStatuses[0].restartCount}";
    let count = bed.kubectl(&format!("-n kube-system get {pod} {count}"));
    count.parse().unwrap()
}
