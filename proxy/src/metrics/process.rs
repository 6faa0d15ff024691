//! What the process and the kernel did, apart from DNS: series that no thread of
//! clients counts.

use std::net::SocketAddr;
use std::sync::Weak;

use metrics::{Key, Label, Recorder as _};

use super::{METADATA, Series, Sources, float};
use crate::memory::Budget;
use crate::reload::Reloaded;

/// The counters.
pub(super) struct Process {
    /// In the order of the sources' sockets.
    dropped: Vec<metrics::Counter>,
    lost_lines: metrics::Counter,
    missed_renewals: metrics::Counter,
    reloads: [(metrics::Counter, Reloaded); 3],
}

impl Process {
    pub(super) fn new(series: &Series, sources: &Sources) -> Self {
        let limit = series.gauge("process_max_fds", "The limit of open descriptors.", &[]);
        limit.set(float(sources.max_descriptors));
        budget(series, &sources.budget);
        let listen = sources.sockets.iter();
        let reloads = Reloaded::ALL.map(|outcome| {
            let help = "Reloads of the configuration.";
            let labels = [("result", outcome.label())];
            (series.counter("fivedots_config_reloads_total", help, &labels), outcome)
        });
        let name = "fivedots_intercept_missed_renewals_total";
        let missed = "Rounds that did not keep this node's DNS coming here, though it did.";
        let help = "Lines of the log that were lost, because nothing read standard error.";
        Self {
            dropped: listen.map(|(addr, _)| dropped(series, *addr)).collect(),
            lost_lines: series.counter("fivedots_lost_log_lines_total", help, &[]),
            missed_renewals: series.counter(name, missed, &[]),
            reloads,
        }
    }

    /// Sets all of them to what they are now.
    pub(super) fn update(&self, sources: &Sources) {
        for (counter, outcome) in &self.reloads {
            counter.absolute(sources.reloads.get(*outcome));
        }
        self.lost_lines.absolute(sources.log.lost());
        self.missed_renewals.absolute(sources.renewals.missed());
        for (counter, (_, sockets)) in self.dropped.iter().zip(&sources.sockets) {
            // None are left while draining; the counter stays where it was.
            let open = sockets.iter().filter_map(Weak::upgrade);
            counter.absolute(
                open.map(|socket| u64::from(socket.dropped().unwrap_or(0)))
                    .sum(),
            );
        }
    }
}

/// The most memory that each part takes, and how much there is. Neither changes.
fn budget(series: &Series, budget: &Budget) {
    for part in &budget.parts {
        let labels = [("part", part.label)];
        let help = "The most memory that a part of the process takes.";
        let most = series.gauge("fivedots_memory_budget_bytes", help, &labels);
        most.set(float(part.most));
    }
    let limit = budget
        .limit
        .map_or(f64::INFINITY, |limit| float(usize::try_from(limit).unwrap_or(usize::MAX)));
    let help = "The memory limit of the cgroup.";
    let gauge = series.gauge("fivedots_memory_limit_bytes", help, &[]);
    gauge.set(limit);
}

/// One counter for each listen address: its label comes from the configuration.
fn dropped(series: &Series, listen: SocketAddr) -> metrics::Counter {
    let name = "fivedots_dropped_queries_total";
    let help = "Datagrams that the kernel dropped, because a receive queue was full.";
    series
        .recorder
        .describe_counter(name.into(), None, help.into());
    let key = Key::from_parts(name, vec![Label::new("listen", listen.to_string())]);
    series.recorder.register_counter(&key, &METADATA)
}
