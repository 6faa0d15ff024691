//! Ways to send that do not fit the workload or the target.

use toml::Spanned;

use super::error::{Result, Source};
use super::file::{ScenarioFile, SenderFile};
use super::{Scenario, Target, Transport};
use crate::schedule::Shape;
use crate::sender::Ports;

/// Clients choose sockets, types and timeouts by themselves.
pub(super) fn clients(file: &ScenarioFile, scenario: &Scenario, source: &Source<'_>) -> Result<()> {
    if scenario.clients.is_none() {
        return Ok(());
    }
    let SenderFile { ports, connections, timeout, linger, first_source, gso, pacing, .. } =
        &file.sender;
    let refused = [
        (ports.as_ref().map(Spanned::span), "sender.ports: clients open their own sockets"),
        (connections.as_ref().map(Spanned::span), "sender.connections: clients open their own"),
        (timeout.as_ref().map(Spanned::span), "sender.timeout: that of client.options counts"),
        (linger.as_ref().map(Spanned::span), "sender.linger: clients close their sockets"),
        (first_source.as_ref().map(Spanned::span), "sender.first_source: give it to the clients"),
        (gso.as_ref().map(Spanned::span), "sender.gso: clients send each query alone"),
        (pacing.as_ref().map(Spanned::span), "sender.pacing: a lookup begins when it is due"),
    ];
    if let Some((span, reason)) = refused
        .into_iter()
        .find_map(|(span, reason)| Some((span?, reason)))
    {
        return Err(source.error(span, reason));
    }
    if let Some((qtype, _)) = file.workload.as_ref().types.iter().next() {
        let reason = "workload.types: clients ask for A and AAAA, as their model does";
        return Err(source.error(qtype.span(), reason));
    }
    if scenario.target.transport == Transport::Tcp {
        let reason = "target.transport: clients use TCP with the option use-vc, or after TC";
        return Err(source.error(file.target.server.span(), reason));
    }
    let is_closed = scenario
        .phases
        .iter()
        .any(|phase| phase.plan.shape.is_closed());
    if is_closed {
        let reason = "phase.schedule: a closed loop has queries, not the lookups of clients";
        return Err(source.error(file.phase.span(), reason));
    }
    Ok(())
}

/// Ports are of datagrams, connections of TCP. Without either there are as many
/// ports as it takes for an id to be free again when its turn comes.
pub(super) fn ports(file: &SenderFile, scenario: &mut Scenario, source: &Source<'_>) -> Result<()> {
    if scenario.target.transport == Transport::Tcp {
        if let Some(ports) = &file.ports {
            let reason = "sender.ports: over TCP there are connections";
            return Err(source.error(ports.span(), reason));
        }
        return Ok(());
    }
    if let Some(connections) = &file.connections {
        return Err(source.error(connections.span(), "sender.connections: over TCP alone"));
    }
    if file.ports.is_none() {
        let threads = u16::try_from(scenario.sender.threads).unwrap_or(1);
        scenario.sender.ports = Ports::Pool(ports_for_ids(scenario).max(threads));
    }
    Ok(())
}

/// The ports at which half of the 65,536 ids of each are in use at most.
fn ports_for_ids(scenario: &Scenario) -> u16 {
    let keep = scenario.sender.timeout + scenario.sender.linger;
    let per_draw = scenario.workload.max_queries_per_draw().max(1);
    let in_use = scenario.phases.iter().map(|phase| {
        let plan = phase.plan;
        let draws = match plan.shape {
            Shape::Max { window, .. } => f64::from(window),
            open => open.peak().per_second() * keep.min(plan.length).as_secs_f64(),
        };
        #[expect(clippy::cast_precision_loss, reason = "a lookup has few queries")]
        let queries = draws * per_draw as f64;
        queries
    });
    let ports = (in_use.fold(0.0, f64::max) / IDS_IN_USE).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what there are"
    )]
    let ports = ports.clamp(1.0, f64::from(Ports::MAX_POOL)) as u16;
    ports
}

/// Each thread needs a part of what is dealt out.
pub(super) fn threads(file: &SenderFile, scenario: &Scenario, source: &Source<'_>) -> Result<()> {
    let Some(given) = &file.threads else { return Ok(()) };
    let threads = scenario.sender.threads;
    let error = |count: u32, what: &str| {
        let reason = format!("sender.threads: {threads} cannot share {count} {what}");
        Err(source.error(given.span(), reason))
    };
    match (scenario.target.transport, scenario.sender.ports) {
        (Transport::Tcp, _) if u32::from(scenario.sender.connections) < threads => {
            return error(scenario.sender.connections.into(), "connection(s)");
        }
        (Transport::Udp, Ports::Pool(count)) if u32::from(count) < threads => {
            return error(count.into(), "source port(s)");
        }
        _ => {}
    }
    for phase in &scenario.phases {
        if let Shape::Max { window, .. } = phase.plan.shape
            && window < threads
        {
            return error(window, "queries of a window");
        }
    }
    Ok(())
}

/// Queries of one port that are remembered at the same time: half of all ids.
const IDS_IN_USE: f64 = 32_768.0;

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
