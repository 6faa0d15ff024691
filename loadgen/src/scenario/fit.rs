//! Ways to send that do not fit the workload or the target.

use super::error::{Result, Source};
use super::file::SenderFile;
use super::{Scenario, Target, Transport};
use crate::sender::Ports;

/// Each socket of a pool has an address of its own.
pub(super) fn first_source(
    file: &SenderFile,
    scenario: &Scenario,
    source: &Source<'_>,
) -> Result<()> {
    let Some(first) = &file.first_source else { return Ok(()) };
    let Target { server, transport, .. } = &scenario.target;
    let reason = if *transport == Transport::Tcp {
        "sender.first_source: over UDP alone"
    } else if scenario.sender.ports == Ports::PerQuery {
        "sender.first_source: addresses are those of a pool, and there is none"
    } else if first.as_ref().is_ipv4() != server.is_ipv4() {
        "sender.first_source: not of the server's family"
    } else {
        return Ok(());
    };
    Err(source.error(first.span(), reason))
}

/// A segmented batch is many queries of one socket at once, in datagrams.
pub(super) fn gso(file: &SenderFile, scenario: &Scenario, source: &Source<'_>) -> Result<()> {
    let Some(gso) = file.gso.as_ref().filter(|_| scenario.sender.gso) else { return Ok(()) };
    let reason = if scenario.target.transport == Transport::Tcp {
        "sender.gso: TCP has no datagrams; it joins queries by itself"
    } else if scenario.sender.ports == Ports::PerQuery {
        "sender.gso: with a port per query there is never more than one to join"
    } else if scenario.workload.is_lookup() {
        "sender.gso: lookups imitate stub resolvers, which send each query alone"
    } else {
        return Ok(());
    };
    Err(source.error(gso.span(), reason))
}
