//! What cases do to the cluster by `kubectl`, and what ends all of it.

use testbed::eventually;

use crate::bed::{Bed, LONG};
use crate::trouble::wait_for_old_coredns_to_end;

/// All that a case may have changed, whatever was printed.
pub(super) fn restore(bed: &Bed) {
    let plane = bed.cluster.control_plane.space();
    plane.signal("kube-apiserver", "CONT").unwrap();
    assert!(eventually(LONG, || bed.cluster.kubectl(&["get", "nodes"]).is_ok()));
    let node1 = bed.cluster.nodes[0].space();
    node1.signal("kube-proxy", "CONT").unwrap();
    node1
        .run("conntrack", &["-D", "-s", BUSY_POD])
        .unwrap_or_default();
    plane.run("nft", &["delete table ip other"]).ok();
    bed.cluster.kubectl(&["delete", "namespace", "shop"]).ok();
    delete_late_service(bed);
    let resources = r#"{"limits":{"memory":"170Mi"},"requests":{"cpu":"100m","memory":"70Mi"}}"#;
    let path = "/spec/template/spec/containers/0/resources";
    let patch = format!(r#"[{{"op":"replace","path":"{path}","value":{resources}}}]"#);
    let line = ["-n", "kube-system", "patch", "deployment", "coredns", "--type=json", "-p", &patch];
    bed.cluster.kubectl(&line).unwrap();
    write_forward(bed, RESOLVER);
    restart_coredns(bed);
    wait_for_old_coredns_to_end(bed, 2);
}

/// Puts another resolver at 10.250.0.54, for who heals.
pub(super) fn add_resolver(bed: &Bed) {
    let space = bed.cluster.control_plane.space();
    space
        .run("ip", &["address", "replace", "10.250.0.54/24", "dev", "br0"])
        .unwrap();
    let script = "table ip other\ndelete table ip other\n\
                  table ip other {\nchain in {\ntype nat hook prerouting priority -100;\n\
                  ip daddr 10.250.0.54 dnat to 10.250.0.53\n}\n}\n";
    space.run("nft", &[script]).unwrap();
}

pub(super) fn write_forward(bed: &Bed, to: &str) {
    write_corefile(bed, to, None);
}

/// Its `loop` is left out, which ends CoreDNS before a loop is seen, but for who asks for it.
pub(super) fn write_corefile(bed: &Bed, to: &str, plugin: Option<&str>) {
    let file = bed.kubectl("-n kube-system get configmap coredns -o jsonpath={.data.Corefile}");
    let lines = file
        .lines()
        .filter(|line| line.trim() != "loop")
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            match words.as_slice() {
                ["forward", from, _, ..] => {
                    let plugin = plugin.map(|name| format!("    {name}\n"));
                    format!("{}    forward {from} {to} {{", plugin.unwrap_or_default())
                }
                _ => line.to_owned(),
            }
        });
    let file: Vec<_> = lines.collect();
    let patch = format!("{{\"data\":{{\"Corefile\":{:?}}}}}", file.join("\n") + "\n");
    let line = ["-n", "kube-system", "patch", "configmap", "coredns", "-p", &patch];
    bed.cluster.kubectl(&line).unwrap();
}

pub(super) fn delete_late_service(bed: &Bed) {
    bed.kubectl("-n kube-system delete service late --ignore-not-found");
}

pub(super) fn restart_coredns(bed: &Bed) {
    bed.kubectl("-n kube-system rollout restart deployment/coredns");
    wait_for_coredns(bed);
}

pub(super) fn wait_for_coredns(bed: &Bed) {
    bed.cluster
        .wait_for_rollout("kube-system", "deployment/coredns")
        .unwrap();
}

/// Runs the first printed command that has this, with kubectl as the administrator's.
pub(super) fn paste(bed: &Bed, commands: &[String], part: &str, change: impl Fn(String) -> String) {
    let Some(command) = commands.iter().find(|command| command.contains(part)) else {
        return println!("nothing with {part:?} was printed: {commands:?}");
    };
    let command = change(command.clone());
    println!("$ {command}");
    let plane = &bed.cluster.control_plane;
    let kubectl = plane.kubectl_command().unwrap();
    // `nsenter … kubectl --kubeconfig FILE`, as one word of the shell.
    let words: Vec<_> = std::iter::once(kubectl.get_program())
        .chain(kubectl.get_args())
        .collect();
    let words: Vec<_> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let script = format!("kubectl() {{ {} \"$@\"; }}\n{command}", words.join(" "));
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(super) fn paste_on_node1(bed: &Bed, commands: &[String], part: &str) {
    let Some(command) = commands.iter().find(|command| command.contains(part)) else {
        return println!("nothing with {part:?} was printed: {commands:?}");
    };
    println!("$ {command}");
    bed.run(0, "sh", &["-c", command]);
}

/// The address of a Pod that has many connections, and is none.
pub(super) const BUSY_POD: &str = "10.244.1.200";

/// What CoreDNS forwards to in the bed.
pub(super) const RESOLVER: &str = "10.250.0.53";
