//! What a scenario would put on the network, before anything is sent.

use std::fmt;

use crate::probe::GuardProbe;
use crate::scenario::{Scenario, Transport};
use crate::schedule::Shape;
use crate::sender::Ports;

/// Shows what is planned; use it in `write!`. It is calculated, not counted: a day
/// at the highest rate takes no longer than a second at the lowest.
#[derive(Debug)]
pub struct Forecast<'a>(pub &'a Scenario);

impl fmt::Display for Forecast<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scenario = self.0;
        head(f, scenario)?;
        for phase in &scenario.phases {
            let plan = &phase.plan;
            let (name, length, shape) = (&phase.name, plan.length, plan.shape);
            write!(f, "  {name}: {length:?}, {shape}: ")?;
            if shape.is_closed() {
                writeln!(f, "as many as the server answers")?;
            } else {
                writeln!(f, "about {:.0}", shape.expected(length))?;
            }
        }
        at_most(f, scenario)?;
        beside(f, scenario)?;
        for (word, conditions) in
            [("must reproduce", &scenario.reproduced), ("expects", &scenario.expectations)]
        {
            for condition in conditions {
                writeln!(f, "  {word} {condition}")?;
            }
        }
        Ok(())
    }
}

fn head(f: &mut fmt::Formatter<'_>, scenario: &Scenario) -> fmt::Result {
    let per_draw = scenario.workload.max_queries_per_draw();
    let what = if scenario.workload.is_lookup() {
        format!("lookups of up to {per_draw} queries each")
    } else {
        "queries".to_owned()
    };
    writeln!(
        f,
        "{}: {what} to {} over {}, {} name(s), {:?} in all",
        scenario.name,
        scenario.target.server,
        scenario.target.transport.as_str(),
        scenario.workload.names(),
        scenario.duration(),
    )
}

/// What there is beside the load.
fn beside(f: &mut fmt::Formatter<'_>, scenario: &Scenario) -> fmt::Result {
    if let Some(others) = &scenario.others {
        let rates = others
            .phases
            .iter()
            .map(|phase| phase.plan.shape.peak().per_second());
        let (rate, server) = (rates.fold(0.0, f64::max), others.target.server);
        writeln!(f, "  others: the same load from elsewhere, at most {rate:.0}/s, to {server}")?;
    }
    if let Some(guard) = &scenario.guard {
        let GuardProbe { server, name, every, fails } = guard;
        writeln!(
            f,
            "  asks {server} for {name} every {every:?}, and ends when {fails} in a row fail"
        )?;
    }
    for condition in &scenario.stops {
        writeln!(f, "  ends when {condition}")?;
    }
    for (word, what) in scenario.causes.faults() {
        writeln!(f, "  makes {what}; needs --allow-faults {word}")?;
    }
    Ok(())
}

/// The busiest moment, and what is left of it when the server is silent.
fn at_most(f: &mut fmt::Formatter<'_>, scenario: &Scenario) -> fmt::Result {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let (per_draw, limit) =
        (scenario.workload.max_queries_per_draw() as f64, scenario.limits.max_outstanding as f64);
    let plans = scenario.phases.iter().map(|phase| phase.plan);
    let rate = plans
        .clone()
        .map(|plan| plan.shape.peak().per_second())
        .fold(0.0, f64::max);
    let queries = rate * per_draw;
    let octets = queries * f64::from(scenario.workload.max_query_len() + HEADERS);
    writeln!(
        f,
        "  at most {queries:.0} packets/s and {:.1} Mbit/s leave, and as many answers come",
        octets * 8.0 / 1e6
    )?;
    let timeout = scenario.sender.timeout.as_secs_f64();
    let silent = plans.map(|plan| match plan.shape {
        Shape::Max { window, .. } => f64::from(window),
        open => open.peak().per_second() * per_draw * timeout.min(plan.length.as_secs_f64()),
    });
    let silent = silent.fold(0.0, f64::max);
    let shed = if silent > limit { ", and the rest is shed (limits.max_outstanding)" } else { "" };
    writeln!(
        f,
        "  {:.0} queries are outstanding if the server is silent{shed}",
        silent.min(limit)
    )?;
    if let Some(clients) = &scenario.clients {
        return writeln!(
            f,
            "  {} client(s), with a port or more for each name: up to {:.0} flows in conntrack after 30 s",
            clients.count(),
            queries * CONNTRACK_S
        );
    }
    match (scenario.target.transport, scenario.sender.ports) {
        (Transport::Tcp, _) => {
            writeln!(f, "  {} connection(s)", scenario.sender.connections)
        }
        (Transport::Udp, Ports::Pool(count)) => {
            writeln!(f, "  {count} socket(s), as many flows in conntrack")
        }
        (Transport::Udp, Ports::PerQuery) => writeln!(
            f,
            "  up to {:.0} sockets, and {:.0} flows in conntrack after 30 s",
            silent.max(1.0),
            queries * CONNTRACK_S
        ),
    }
}

/// Octets of an Ethernet frame, IPv4 and UDP around a query.
const HEADERS: u32 = 14 + 20 + 8;

/// Seconds for which the kernel keeps a flow of two datagrams
/// (`nf_conntrack_udp_timeout`).
const CONNTRACK_S: f64 = 30.0;
