//! The addresses of a cluster: each of its machines and pods has one of each family.

/// The addresses of one family.
pub(super) struct Network {
    /// That of the control plane, and what leads to it.
    pub(super) hub: &'static str,
    pub(super) prefix: &'static str,
    /// All but the number of a node.
    nodes: &'static str,
    /// What is before and after the number of a node.
    pods: [&'static str; 2],
    /// What lets a machine pass packets on.
    pub(super) forwarding: &'static str,
}

impl Network {
    /// That of a node.
    pub(super) fn node(&self, number: u8) -> String {
        format!("{}{number}", self.nodes)
    }

    /// Those of the pods of a node.
    pub(super) fn pods(&self, number: u8) -> String {
        let [before, after] = self.pods;
        format!("{before}{number}{after}")
    }
}

/// Both families: a cluster of one has nothing that this one has not.
pub(super) const NETWORKS: [Network; 2] = [
    Network {
        hub: "10.250.0.1",
        prefix: "24",
        nodes: "10.250.0.1",
        pods: ["10.244.", ".0/24"],
        forwarding: "net.ipv4.ip_forward=1",
    },
    Network {
        hub: "fd00:250::1",
        prefix: "64",
        nodes: "fd00:250::1",
        pods: ["fd00:244:", "::/64"],
        forwarding: "net.ipv6.conf.all.forwarding=1",
    },
];
