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

/// The names of servers, as a list; a pod with addresses of both families is named once.
pub(crate) fn names(servers: &[&Server]) -> String {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for server in servers {
        let of_pod = server
            .name
            .strip_suffix(')')
            .and_then(|name| name.split_once(" ("));
        let (name, addr) = of_pod.unwrap_or((&server.name, ""));
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, addrs)) => addrs.push(addr),
            None => all.push((name, vec![addr])),
        }
    }
    let names = all.iter().map(|(name, addrs)| match addrs.as_slice() {
        ["", ..] => (*name).to_owned(),
        addrs => format!("{name} ({})", addrs.join(", ")),
    });
    names.collect::<Vec<_>>().join(", ")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_of_both_families_is_named_once() {
        let named = |all: &[&str]| {
            let servers = all
                .iter()
                .map(|name| Server { name: (*name).into(), ..Server::default() });
            let servers: Vec<_> = servers.collect();
            names(&servers.iter().collect::<Vec<_>>())
        };
        assert_eq!(named(&["10.0.0.1:53", "10.0.0.2:53"]), "10.0.0.1:53, 10.0.0.2:53");
        let both = ["a (10.0.0.1:53)", "b (10.0.0.2:53)", "a ([fd00::1]:53)"];
        assert_eq!(named(&both), "a (10.0.0.1:53, [fd00::1]:53), b (10.0.0.2:53)");
    }
}
