//! What connection tracking remembers of our own DNAT.
//!
//! The kernel chooses a pod for the first packet of a connection and remembers it: a client
//! that keeps its port would go on to ask a pod that is gone, for minutes.

use std::net::{IpAddr, SocketAddr};

use netlink::{Netlink, NetlinkError, conntrack};

/// Has the kernel choose anew for each client of an address of `local` that it has sent to
/// one of `gone`; returns how many there were. It lists all connections of the node, which
/// may take a second.
///
/// # Errors
///
/// When the kernel does not list them.
pub fn forget(local: &[IpAddr], gone: &[SocketAddr]) -> Result<usize, NetlinkError> {
    if gone.is_empty() || local.is_empty() {
        return Ok(0);
    }
    let mut netfilter = Netlink::netfilter()?;
    let found = netfilter.ask("list the connections", conntrack::list(), |reply| {
        let entry = conntrack::Entry::read(reply)?;
        let target = entry.original.target;
        let is_local = target.port() == DNS && local.contains(&target.ip());
        (is_local && gone.contains(&entry.reply.source)).then_some(entry.original)
    })?;
    let messages: Vec<_> = found.into_iter().map(conntrack::delete).collect();
    // One that has ended meanwhile is forgotten as well.
    let errors = netfilter.attempt("forget connections", &messages)?;
    Ok(messages.len().saturating_sub(errors.len()))
}

const DNS: u16 = 53;
