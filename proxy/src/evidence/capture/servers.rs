//! What queries met at each server.

use std::collections::HashMap;
use std::net::SocketAddr;

use diagnose::{Server, Tries};
use dns::Rcode;
use observe::{Window, Windows};
use resolver::{Moment, Origin};

/// The servers that were asked.
#[derive(Debug, Default)]
pub(super) struct Servers {
    tallies: HashMap<SocketAddr, Tally>,
}

#[derive(Debug)]
struct Tally {
    counts: Windows<KINDS>,
    /// Whether it was asked for names of the cluster.
    has_cluster: bool,
    /// Whether another server asked it.
    is_behind: bool,
}

/// How a query ended at a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Outcome {
    pub(super) rcode: Rcode,
    pub(super) origin: Origin,
    /// Milliseconds until its response.
    pub(super) took_ms: u64,
}

/// Of which query an outcome is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) is_of_cluster: bool,
    pub(super) is_forwarded: bool,
}

/// CoreDNS, as far as its answers can be seen, and what it forwards to.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) coredns: Vec<Server>,
    pub(super) upstreams: Vec<Server>,
}

impl Servers {
    /// Counts how a query ended at a server.
    pub(super) fn note(
        &mut self,
        server: SocketAddr,
        question: Question,
        outcome: Outcome,
        now: Moment,
    ) {
        if !self.tallies.contains_key(&server) && self.tallies.len() == MOST {
            return;
        }
        let tally = self.tallies.entry(server).or_insert_with(|| Tally {
            counts: Windows::new(now),
            has_cluster: false,
            is_behind: false,
        });
        tally.has_cluster |= question.is_of_cluster;
        tally.is_behind |= question.is_forwarded;
        tally.counts.add(kind_of(outcome), 1, now);
        if outcome.took_ms > SLOW_MS && outcome.origin != Origin::Timeout {
            tally.counts.add(SLOW, 1, now);
        }
    }

    /// Closes the windows that are over.
    pub(super) fn advance(&mut self, now: Moment) {
        let tallies = self.tallies.values_mut();
        tallies.for_each(|tally| tally.counts.advance(now));
    }

    /// Queries to a server that were not answered.
    pub(super) fn silences(&self, server: SocketAddr, window: Window) -> u64 {
        let tally = self.tallies.get(&server);
        tally.map_or(0, |tally| tally.counts.sum(window)[SILENT])
    }

    /// The servers that were asked for names of the cluster, or all where none was, and
    /// the others that another server asked. Addresses of `left_out` are no servers.
    pub(super) fn seen(&self, window: Window, left_out: impl Fn(SocketAddr) -> bool) -> Seen {
        let any_cluster = self.tallies.values().any(|tally| tally.has_cluster);
        let mut all: Vec<_> = self.tallies.iter().collect();
        all.sort_unstable_by_key(|(addr, _)| **addr);
        let mut seen = Seen::default();
        for (addr, tally) in all.into_iter().filter(|(addr, _)| !left_out(**addr)) {
            let counts = tally.counts.sum(window);
            if tally.has_cluster || !any_cluster && !tally.is_behind {
                seen.coredns.push(server(*addr, &counts, Passes::On));
            } else if tally.is_behind {
                seen.upstreams.push(server(*addr, &counts, Passes::Nothing));
            }
        }
        seen
    }
}

/// Whether failures that a server answers are those of servers behind it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Passes {
    On,
    Nothing,
}

fn server(addr: SocketAddr, counts: &[u64; KINDS], passes: Passes) -> Server {
    let mut udp = Tries::default();
    let of = |kind: usize| {
        let count = counts.get(kind).copied().unwrap_or_default();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let [passed, refused] = match passes {
        Passes::On => [NOERROR; 2],
        Passes::Nothing => ["SERVFAIL", "REFUSED"],
    };
    let rcodes = [
        (NOERROR, of(FOUND)),
        ("NXDOMAIN", of(DENIED)),
        ("SERVFAIL", of(NOT_SYNCED)),
        (passed, of(PASSED_ON)),
        (refused, of(REFUSED)),
    ];
    for (rcode, count) in rcodes.into_iter().filter(|(_, count)| *count > 0) {
        *udp.rcodes.entry(rcode.to_owned()).or_default() += count;
    }
    udp.timeouts = of(SILENT);
    udp.slow = of(SLOW);
    udp.not_synced = of(NOT_SYNCED);
    udp.sent = udp.answers() + udp.timeouts;
    if udp.sent < QUESTIONS {
        udp = Tries::default();
    }
    Server { name: addr.to_string(), addr: Some(addr), udp, ..Server::default() }
}

const fn kind_of(outcome: Outcome) -> usize {
    match outcome.origin {
        Origin::Timeout => SILENT,
        Origin::NotSynced => NOT_SYNCED,
        Origin::UpstreamRefused => REFUSED,
        Origin::Upstream if outcome.rcode.0 == Rcode::NXDOMAIN.0 => DENIED,
        Origin::Upstream => FOUND,
        _ => PASSED_ON,
    }
}

/// Places of what is counted for a server.
const FOUND: usize = 0;
const DENIED: usize = 1;
const PASSED_ON: usize = 2;
const REFUSED: usize = 3;
const NOT_SYNCED: usize = 4;
const SILENT: usize = 5;
const SLOW: usize = 6;
const KINDS: usize = 7;

const NOERROR: &str = "NOERROR";

/// More milliseconds are slow: as with probes.
const SLOW_MS: u64 = 500;

/// Questions from which something is concluded about a server: fewer may all be of one
/// domain whose own servers are silent.
const QUESTIONS: u32 = 10;

/// Servers that are counted.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(each: &[(u8, bool, bool, Origin, u32)]) -> Seen {
        let mut servers = Servers::default();
        for &(host, is_of_cluster, is_forwarded, origin, count) in each {
            let question = Question { is_of_cluster, is_forwarded };
            let rcode = if origin == Origin::Upstream { Rcode::NOERROR } else { Rcode::SERVFAIL };
            let outcome = Outcome { rcode, origin, took_ms: 1 };
            for _ in 0..count {
                let addr = ([10, 0, 0, host], 53).into();
                servers.note(addr, question, outcome, Moment::default());
            }
        }
        servers.seen(Window::Start, |addr| addr.ip().to_string() == "10.0.0.9")
    }

    #[test]
    fn what_a_server_passes_on_is_not_its_own_failure() {
        let seen = counted(&[
            (1, true, false, Origin::Upstream, 5),
            (1, false, false, Origin::Relayed, 5),
            (2, false, true, Origin::Relayed, 5),
            (2, false, true, Origin::Timeout, 6),
            (9, true, false, Origin::Timeout, 99),
        ]);
        let [coredns, upstream] = [&seen.coredns[..], &seen.upstreams].map(|all| &all[0]);
        assert_eq!((coredns.name.as_str(), coredns.udp.good()), ("10.0.0.1:53", 10));
        assert_eq!((upstream.name.as_str(), upstream.udp.of("SERVFAIL")), ("10.0.0.2:53", 5));
        assert_eq!((upstream.udp.timeouts, upstream.udp.sent), (6, 11));
        assert_eq!((seen.coredns.len(), seen.upstreams.len()), (1, 1));
    }

    #[test]
    fn without_names_of_the_cluster_each_that_clients_ask_is_one() {
        let seen = counted(&[
            (1, false, false, Origin::NotSynced, 10),
            (2, false, true, Origin::UpstreamRefused, 10),
        ]);
        assert_eq!((seen.coredns[0].udp.not_synced, seen.coredns[0].udp.good()), (10, 0));
        assert_eq!(seen.upstreams[0].udp.of("REFUSED"), 10);
        // Fewer questions tell nothing.
        let few = counted(&[(1, false, false, Origin::Timeout, 9)]);
        assert_eq!(few.coredns[0].udp, Tries::default());
        // Others that clients ask beside CoreDNS are not judged.
        let beside = counted(&[
            (1, true, false, Origin::Upstream, 10),
            (3, false, false, Origin::Timeout, 10),
        ]);
        assert_eq!((beside.coredns.len(), beside.upstreams.len()), (1, 0));
    }
}
