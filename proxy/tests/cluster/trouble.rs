//! Troubles of a cluster, made for real.

use std::path::PathBuf;

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

    /// All of them, by each of their addresses.
    pub(crate) fn all(bed: &Bed) -> Vec<Self> {
        let pods = "-n kube-system get pods -l k8s-app=kube-dns";
        let shown = bed.kubectl(&format!("{pods} -o jsonpath={{.items[*].status.podIPs[*].ip}}"));
        let addrs = shown.split_whitespace().map(str::to_owned);
        addrs.map(|addr| Self { addr }).collect()
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

/// kube-dns is deleted and made again with these addresses.
pub(crate) fn move_kube_dns(bed: &Bed, addresses: [&str; 2]) {
    bed.kubectl("-n kube-system delete service kube-dns");
    let [addr, addr6] = addresses;
    let made = KUBE_DNS.replace("ADDR6", addr6).replace("ADDR", addr);
    bed.cluster.apply(&made).unwrap();
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

/// The kernel ends the proxy of a node for its memory: its limit is what it has, and names
/// that are new fill its cache.
pub(crate) fn exhaust_memory(bed: &Bed, node: usize) {
    let pod = bed.pod(node);
    let group = bed.group(node, "fivedots", "memory");
    let limit = group.join("memory.limit_in_bytes");
    let before = restarts(bed, &pod);
    let lower = || {
        let used = std::fs::read_to_string(group.join("memory.usage_in_bytes"));
        let Ok(used) = used.unwrap_or_default().trim().parse::<u64>() else { return true };
        std::fs::write(&limit, (used + (256 << 10)).to_string()).ok();
        bed.flood(node, 2_000);
        restarts(bed, &pod) > before
    };
    assert!(eventually(LONG, lower), "not ended: {}", bed.kubectl("describe pods -A"));
    // Its reason is not always OOMKilled: the runtime may hear of the end first.
    let code = "-o jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}";
    let code = || bed.kubectl(&format!("-n kube-system get {pod} {code}"));
    // Nor is it there as soon as the restart is counted.
    assert!(eventually(LONG, || !code().is_empty()), "no end of {pod}");
    assert_eq!(code(), "137", "not by SIGKILL");
}

/// So many pods of CoreDNS, all ready, and none that ends.
pub(crate) fn scale_coredns(bed: &Bed, replicas: usize) {
    bed.kubectl(&format!("-n kube-system scale deployment/coredns --replicas={replicas}"));
    bed.cluster
        .wait_for_rollout("kube-system", "deployment/coredns")
        .unwrap();
    wait_for_old_coredns_to_end(bed, replicas);
}

/// No pod of CoreDNS is left but so many.
pub(crate) fn wait_for_old_coredns_to_end(bed: &Bed, replicas: usize) {
    let count = || coredns_pods(bed).lines().count();
    assert!(eventually(LONG, || count() == replicas), "{}", coredns_pods(bed));
}

fn coredns_pods(bed: &Bed) -> String {
    bed.kubectl("-n kube-system get pods -l k8s-app=kube-dns -o name")
}

/// One pod of CoreDNS ends, and another takes its place.
pub(crate) fn replace_one_coredns(bed: &Bed) {
    let pods = coredns_pods(bed);
    let pod = pods.lines().next().unwrap();
    bed.kubectl(&format!("-n kube-system delete {pod}"));
    bed.cluster
        .wait_for_rollout("kube-system", "deployment/coredns")
        .unwrap();
}

/// A thread of the proxy of a node that does nothing, in a group of its own below that of
/// its container, until it is dropped.
pub(crate) struct Frozen<'a> {
    bed: &'a Bed,
    node: usize,
    group: PathBuf,
}

impl<'a> Frozen<'a> {
    pub(crate) fn thread(bed: &'a Bed, node: usize, name: &str) -> Self {
        let group = bed.group(node, "fivedots", "freezer").join("hung");
        std::fs::create_dir(&group).unwrap();
        let pid = bed.pids(node).first().cloned().unwrap();
        // A thread has another number inside.
        let move_all = format!(
            "for task in /proc/{pid}/task/*; do if [ $(cat $task/comm) = {name} ]; then \
             echo ${{task##*/}} >{}; fi; done",
            group.join("tasks").display()
        );
        let frozen = Self { bed, node, group };
        bed.run(node, "sh", &["-c", &move_all]);
        let moved = std::fs::read_to_string(frozen.group.join("tasks")).unwrap();
        assert!(!moved.is_empty(), "no thread {name}");
        std::fs::write(frozen.group.join(STATE), "FROZEN").unwrap();
        frozen
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        std::fs::write(self.group.join(STATE), "THAWED").unwrap_or_default();
        let group = self.group.display();
        let back =
            format!("for task in $(cat {group}/tasks); do echo $task >{group}/../tasks; done");
        let space = self.bed.cluster.nodes[self.node].space();
        // Where its container has ended there is nothing to undo.
        space.run("sh", &["-c", &back]).unwrap_or_default();
        std::fs::remove_dir(&self.group).unwrap_or_default();
    }
}

/// The CoreDNS of a node with a twentieth of a CPU, until it is dropped: it has enough for
/// the queries of the bed, and not when they come. With a hundredth both stand still for
/// seconds at a time, and no cache has an answer that it was never given.
pub(crate) struct Throttled {
    group: PathBuf,
    before: String,
    held_before: u64,
}

impl Throttled {
    pub(crate) fn coredns(bed: &Bed, node: usize) -> Self {
        let group = bed.group(node, "coredns", "cpu");
        let before = std::fs::read_to_string(group.join(QUOTA)).unwrap();
        let mut throttled = Self { group, before, held_before: 0 };
        throttled.held_before = throttled.held();
        // Of the 100 ms of a period.
        std::fs::write(throttled.group.join(QUOTA), "5000").unwrap();
        throttled
    }

    /// Whether it wanted more.
    pub(crate) fn was_held(&self) -> bool {
        self.held() > self.held_before
    }

    /// In how many periods it was held back.
    fn held(&self) -> u64 {
        let stat = std::fs::read_to_string(self.group.join("cpu.stat")).unwrap_or_default();
        let mut lines = stat.lines();
        let count = lines.find_map(|line| line.strip_prefix("nr_throttled "));
        count.unwrap_or_default().parse().unwrap_or_default()
    }
}

impl Drop for Throttled {
    fn drop(&mut self) {
        // A container that was started again has another group.
        std::fs::write(self.group.join(QUOTA), self.before.trim()).unwrap_or_default();
    }
}

/// How often a pod was started again.
pub(crate) fn restarts(bed: &Bed, pod: &str) -> u32 {
    let count = "-o jsonpath={.status.containerStatuses[0].restartCount}";
    let count = bed.kubectl(&format!("-n kube-system get {pod} {count}"));
    count.parse().unwrap()
}

const KUBE_DNS: &str = include_str!("kube-dns.yaml");
const STATE: &str = "freezer.state";
const QUOTA: &str = "cpu.cfs_quota_us";
