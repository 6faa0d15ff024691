//! A constant load without a file: the command line as a scenario.
//!
//! It is written as a scenario file first and read like any other, so there
//! is one set of checks, and what was run can be kept.

use toml::{Table, Value};

use crate::cli::QuickArgs;

/// Writes the scenario that `args` stand for.
///
/// # Errors
///
/// When an expectation is not of two parts.
pub fn scenario_text(args: &QuickArgs) -> Result<String, String> {
    let default = ["example.com".to_owned()];
    let names = if args.names.is_empty() { &default[..] } else { &args.names };
    let transport = if args.tcp { "tcp" } else { "udp" };
    let table = Table::from_iter([
        entry("schema", 1),
        entry("name", "quick"),
        entry(
            "target",
            Table::from_iter([
                entry("server", args.server.as_str()),
                entry("transport", transport),
                entry("allow", args.allow.clone()),
            ]),
        ),
        entry("limits", limits(args)),
        entry("sender", sender(args)),
        entry(
            "workload",
            Table::from_iter([
                entry("names", names.to_vec()),
                entry("types", Table::from_iter([entry(&args.qtype, 1.0)])),
            ]),
        ),
        entry("phase", Value::Array(vec![phase(args).into()])),
        entry("expect", expect(&args.expect, PHASE)?),
        entry("stop", args.stop.clone()),
    ]);
    Ok(table.to_string())
}

fn limits(args: &QuickArgs) -> Table {
    let headroom = if args.poisson { POISSON_HEADROOM } else { HEADROOM };
    let mut limits = Table::from_iter([
        entry("max_qps", args.max_qps.unwrap_or(args.rate * headroom)),
        entry("max_duration", args.length.as_str()),
    ]);
    limits.extend(
        args.max_outstanding
            .map(|count| entry("max_outstanding", i64::from(count))),
    );
    limits
}

fn sender(args: &QuickArgs) -> Table {
    let mut sender = Table::from_iter([
        entry("timeout", args.timeout.as_str()),
        entry("threads", i64::from(args.threads)),
        entry("gso", args.gso),
    ]);
    sender.extend(args.ports.as_deref().map(|ports| entry("ports", ports)));
    sender.extend(args.linger.as_deref().map(|linger| entry("linger", linger)));
    sender.extend(args.pacing.as_deref().map(|pacing| entry("pacing", pacing)));
    sender.extend(
        args.connections
            .map(|count| entry("connections", i64::from(count))),
    );
    sender
}

fn phase(args: &QuickArgs) -> Table {
    let shape = if args.poisson { "poisson" } else { "constant" };
    let schedule = Table::from_iter([entry("shape", shape), entry("rate", args.rate)]);
    Table::from_iter([
        entry("name", PHASE),
        entry("for", args.length.as_str()),
        entry("schedule", schedule),
    ])
}

/// Reads conditions such as `latency.p99 < 20ms`, which are about the one phase there is.
pub(crate) fn expect(conditions: &[String], phase: &str) -> Result<Table, String> {
    let each = conditions.iter().map(|text| {
        let at = text.find(['<', '>']);
        let (metric, condition) = at.and_then(|at| text.split_at_checked(at)).ok_or_else(|| {
            format!("--expect {text:?}: write for instance \"latency.p99 < 20ms\"")
        })?;
        let metric = metric.trim();
        let scope = metric.split('.').next();
        let is_scoped = scope.is_some_and(|scope| scope == "run" || scope == phase);
        let key = if is_scoped { metric.to_owned() } else { format!("{phase}.{metric}") };
        Ok(entry(&key, condition.trim()))
    });
    each.collect()
}

fn entry(key: &str, value: impl Into<Value>) -> (String, Value) {
    (key.to_owned(), value.into())
}

/// The name of its phase.
const PHASE: &str = "load";

/// With a limit of the rate itself nobody could make up for being late, ever.
const HEADROOM: f64 = 2.0;

/// At ten per second and below, arrivals come at many times their rate.
const POISSON_HEADROOM: f64 = 10.0;
