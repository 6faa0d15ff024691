//! The connection table of node1, full of connections of one Pod.

use std::fmt::Write as _;
use std::process::{Child, Command};
use std::time::Duration;

use testbed::{eventually, pace};

use super::cases::{Made, Trouble};
use super::steps::{BUSY_POD, paste_on_node1};
use crate::bed::{Bed, LONG};
use crate::trouble::refused_connections;

/// Adds connections until it is dropped: each that ends leaves room for a new one of
/// anybody's, and the table would be full now and then.
struct Filler(Child);

impl Trouble for Filler {}

impl Drop for Filler {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// With connections that nothing may take the place of.
pub(super) fn fill(bed: &Bed) -> Made<'_> {
    let most = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").unwrap();
    add_connections(bed, most.trim().parse().unwrap());
    let filler = Filler(keep_full(bed).spawn().unwrap());
    let mut full = 0;
    let stays_full = || {
        let before = refused_connections(bed);
        pace(Duration::from_secs(3));
        full = if refused_connections(bed) > before { full + 1 } else { 0 };
        full == 3
    };
    assert!(eventually(LONG, stays_full), "{}", bed.run(0, "conntrack", &["-S"]));
    vec![Box::new(filler)]
}

fn add_connections(bed: &Bed, count: u32) {
    let mut script = String::new();
    for n in 0..count {
        let (port, server) = (1_024 + n % 60_000, 1 + n / 60_000);
        writeln!(
            script,
            "-A -p tcp -s {BUSY_POD} -d 198.19.0.{server} --sport {port} --dport 443 {STATE}"
        )
        .unwrap();
    }
    let path = bed.cluster.dir().join("connections");
    std::fs::write(&path, script).unwrap();
    let space = bed.cluster.nodes[0].space();
    // It ends with an error where there is no more room, which is what is wanted.
    space
        .run("conntrack", &["-R", &path.to_string_lossy()])
        .unwrap_or_default();
}

/// To a server of its own in each round, up to ten thousand a round.
fn keep_full(bed: &Bed) -> Command {
    let line = format!("-A -p tcp -s {BUSY_POD} -d 198.18.%d.%d --sport %d --dport 443 {STATE}");
    let lines = format!(
        "BEGIN {{ for (n = 0; n < 10000; n++) printf \"{line}\\n\", r / 250, 1 + r % 250, 1024 + n }}"
    );
    let script = format!(
        "r=0; while :; do r=$((r + 1)); awk -v r=$r '{lines}' > more; conntrack -R more; sleep 0.5; done"
    );
    let mut shell = bed.cluster.nodes[0].space().command("sh").unwrap();
    shell
        .args(["-c", &script])
        .current_dir(bed.cluster.dir())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    shell
}

pub(super) fn end_connections(bed: &Bed, commands: &[String]) {
    paste_on_node1(bed, commands, "conntrack -D -s ");
}

/// Neither ends by itself while the test looks, nor may make room.
const STATE: &str = "--state ESTABLISHED -u ASSURED -t 900";
