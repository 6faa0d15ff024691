//! How rules read servers and tries.

use crate::evidence::Server;
use crate::sample::{FEW, Tries};

/// The servers that probes reached: those with enough of them.
pub(crate) fn probed(servers: Option<&Vec<Server>>) -> Vec<&Server> {
    let all = servers.into_iter().flatten();
    all.filter(|server| server.udp.sent >= FEW).collect()
}

/// Says whether there are servers, and each was silent.
pub(crate) fn none_answers(servers: &[&Server]) -> bool {
    !servers.is_empty() && servers.iter().all(|server| server.udp.is_silent())
}

/// The names of servers, as a list.
pub(crate) fn names(servers: &[&Server]) -> String {
    let names: Vec<_> = servers.iter().map(|server| server.name.as_str()).collect();
    names.join(", ")
}

/// How tries ended, in words.
pub(crate) fn ends(tries: &Tries) -> String {
    if tries.failed() == 0 {
        return format!("all of {} are answered", tries.sent);
    }
    let mut parts: Vec<String> = Vec::new();
    let failures = [
        (tries.timeouts, "without an answer"),
        (tries.refused, "refused by ICMP or reset"),
        (tries.not_permitted, "not permitted (EPERM)"),
        (tries.unreachable, "unreachable"),
    ];
    for (count, what) in failures.into_iter().filter(|(count, _)| *count > 0) {
        parts.push(format!("{count} {what}"));
    }
    for (rcode, count) in &tries.rcodes {
        parts.push(format!("{count} {rcode}"));
    }
    format!("{} of {} failed ({})", tries.failed(), tries.sent, parts.join(", "))
}

/// Responses to clients below which nothing is concluded from shares of them.
pub(crate) const RESPONSES: u64 = 100;

/// Milliseconds: the limit of the runbooks for the p99 of DNS.
pub(crate) const LATE_MS: f64 = 500.0;
