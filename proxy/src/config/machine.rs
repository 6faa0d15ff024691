//! This machine, as far as the defaults depend on it.

use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;

use ipnet::IpNet;

use super::limit::memory_limit;
use super::networks::own_networks;

/// The facts of this machine that the defaults depend on.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) memory_limit: Option<u64>,
    pub(super) processors: usize,
    pub(super) resolv_conf: (PathBuf, String),
    /// The servers of systemd-resolved, from the file that it writes.
    pub(super) resolved_conf: String,
    /// The name of the node, from the environment (`NODE_NAME`).
    pub(super) node: Option<String>,
    /// Reads the networks of this machine.
    pub(super) networks: fn() -> Vec<IpNet>,
    /// Whether an address is one of this machine.
    pub(super) is_local: fn(IpAddr) -> bool,
    /// The number of the interface of this name.
    pub(super) interface: fn(&str) -> Option<u32>,
}

impl Machine {
    pub(super) fn this() -> Self {
        let path = PathBuf::from("/etc/resolv.conf");
        // Without one there is no server in it.
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        Self {
            memory_limit: memory_limit(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            resolv_conf: (path, text),
            resolved_conf: std::fs::read_to_string(RESOLVED).unwrap_or_default(),
            node: std::env::var("NODE_NAME")
                .ok()
                .filter(|node| !node.is_empty()),
            networks: own_networks,
            is_local,
            interface,
        }
    }
}

fn interface(name: &str) -> Option<u32> {
    if name.contains('/') || name.starts_with('.') {
        return None;
    }
    let number = std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex"));
    number.ok()?.trim().parse().ok()
}

/// The kernel sends from an address to itself when it is its own.
fn is_local(ip: IpAddr) -> bool {
    let any: IpAddr = if ip.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let connected = UdpSocket::bind((any, 0)).and_then(|socket| {
        // Nothing is sent.
        socket.connect((ip, 53))?;
        socket.local_addr()
    });
    connected.is_ok_and(|local| local.ip() == ip)
}

/// `systemd-resolved.service(8)`.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
