//! The capabilities of the process: raised where they were granted, named where they
//! were not.
//!
//! The programs of the image have theirs as permitted ones only (`setcap …=p`), so
//! that they start wherever a Pod or a unit grants less.

use std::io;
use std::net::SocketAddr;

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// What was granted of what this program uses.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    granted: CapabilitySet,
    /// The first port that needs none; 0 in the Pods of most runtimes.
    unprivileged_port: u16,
}

impl Capabilities {
    /// Makes effective what is permitted, for this thread and those that it starts.
    pub fn raise() -> Self {
        let granted = raise_permitted().unwrap_or(CapabilitySet::empty());
        let path = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
        let first = std::fs::read_to_string(path).unwrap_or_default();
        let unprivileged_port = first.trim().parse().unwrap_or(FIRST_UNPRIVILEGED);
        Self { granted, unprivileged_port }
    }

    /// Logs what was granted, what is missing, and what that switches off.
    pub fn log(self) {
        let (granted, missing, off) = self.words();
        tracing::info!(granted, missing, off, "capabilities");
    }

    fn words(self) -> (String, String, String) {
        let (granted, missing): (Vec<_>, Vec<_>) = USED
            .into_iter()
            .filter(|(used, ..)| {
                *used != CapabilitySet::NET_BIND_SERVICE || self.unprivileged_port > 0
            })
            .partition(|(used, ..)| self.granted.contains(*used));
        let list = |words: Vec<String>| match words.is_empty() {
            true => "none".to_owned(),
            false => words.join(", "),
        };
        let names = |of: &[(CapabilitySet, &str, &str)]| {
            list(of.iter().map(|(_, name, _)| (*name).to_owned()).collect())
        };
        let off = missing
            .iter()
            .map(|(_, _, use_)| use_.replace("{}", &self.unprivileged_port.to_string()));
        (names(&granted), names(&missing), list(off.collect()))
    }
}

/// Returns what to change when `addr` could not be bound for this reason; nothing where
/// the error says it already.
pub fn hint(addr: SocketAddr, error: &anyhow::Error) -> &'static str {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    match cause.map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) if addr.port() < FIRST_UNPRIVILEGED => {
            ": its port needs CAP_NET_BIND_SERVICE (NET_BIND_SERVICE under \
             securityContext.capabilities.add of the container, or AmbientCapabilities= of the unit)"
        }
        _ => "",
    }
}

fn raise_permitted() -> rustix::io::Result<CapabilitySet> {
    let mut sets = capabilities(None)?;
    let used = USED
        .into_iter()
        .fold(CapabilitySet::empty(), |all, (used, ..)| all | used);
    let granted = sets.permitted & used;
    sets.effective |= granted;
    set_capabilities(None, sets)?;
    Ok(granted)
}

/// Each with its name and what does not work without it.
const USED: [(CapabilitySet, &str, &str); 2] = [
    (CapabilitySet::NET_BIND_SERVICE, "NET_BIND_SERVICE", "ports below {}"),
    (
        CapabilitySet::NET_ADMIN,
        "NET_ADMIN",
        "interception and receive queues above net.core.rmem_max",
    ),
];

/// The kernel's default of `ip_unprivileged_port_start`.
const FIRST_UNPRIVILEGED: u16 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_it_switches_off() {
        let both = CapabilitySet::NET_BIND_SERVICE | CapabilitySet::NET_ADMIN;
        let queues = "interception and receive queues above net.core.rmem_max";
        let without_both = format!("ports below 1024, {queues}");
        for (granted, unprivileged_port, expected) in [
            (both, 1024, ["NET_BIND_SERVICE, NET_ADMIN", "none", "none"]),
            (CapabilitySet::NET_BIND_SERVICE, 1024, ["NET_BIND_SERVICE", "NET_ADMIN", queues]),
            (CapabilitySet::empty(), 1024, ["none", "NET_BIND_SERVICE, NET_ADMIN", &without_both]),
            // A container runtime may have opened all ports.
            (CapabilitySet::empty(), 0, ["none", "NET_ADMIN", queues]),
        ] {
            let (granted, missing, off) = Capabilities { granted, unprivileged_port }.words();
            assert_eq!([granted.as_str(), &missing, &off], expected);
        }
    }

    #[test]
    fn a_port_that_may_not_be_bound_has_a_hint() {
        let denied = || anyhow::Error::from(io::Error::from(io::ErrorKind::PermissionDenied));
        let addr = |port| SocketAddr::from(([10, 0, 0, 1], port));
        assert!(hint(addr(53), &denied()).contains("NET_BIND_SERVICE"));
        assert_eq!(hint(addr(5335), &denied()), "");
        let used = anyhow::Error::from(io::Error::from(io::ErrorKind::AddrInUse));
        assert_eq!(hint(addr(53), &used), "");
    }
}
