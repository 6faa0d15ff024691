//! The verdict of the proxy about its own node, every ten seconds: from its accounts and
//! the kernel's counters of the last minute. It sends nothing.

use std::collections::VecDeque;
use std::time::Duration;

use console::api::{
    FailurePage, List, LoopPage, Summary, UpstreamPage, WorkloadPage, evidence as accounts,
};
use console::{VerdictChange, Verdicts};
use diagnose::{Evidence, SCHEMA, Window, judge};
use dns::Name;
use forward::Forwarder;
use observe::ObserverHandle;
use resolver::{Clock, Moment, unix_time};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::evidence::{Counters, node_name};

mod silent;
use silent::Steady;

/// What is read for a verdict.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The accounts.
    pub observer: ObserverHandle,
    /// The upstream thread.
    pub forwarder: Forwarder,
    /// The clock of the proxy.
    pub clock: Clock,
    /// Names in it are the cluster's.
    pub cluster_domain: Name,
}

/// What is kept from one verdict to the next.
#[derive(Debug, Default)]
struct Before {
    /// The first is a minute old.
    counters: VecDeque<Counters>,
    steady: Steady,
}

/// Judges until the process ends.
pub async fn watch(owner: Judge, verdicts: Verdicts) {
    let mut ticks = interval(EVERY);
    // After a pause one verdict is enough.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = Before::default();
    loop {
        ticks.tick().await;
        // Files are read, and the accounts are behind a lock.
        let (mut kept, owner) = (std::mem::take(&mut before), owner.clone());
        let judged = spawn_blocking(move || {
            let (evidence, now) = owner.look(&mut kept);
            (judge(&evidence), evidence, kept, now)
        });
        let Ok((verdict, evidence, kept, now)) = judged.await else { return };
        before = kept;
        verdicts.keep(evidence);
        verdicts.note(verdict, now).iter().for_each(log);
    }
}

impl Judge {
    fn look(&self, before: &mut Before) -> (Evidence, Moment) {
        let now = self.clock.now();
        let Before { counters: before, steady } = before;
        let mut evidence = self.evidence(steady);
        let counters = Counters::read();
        counters.note_since(before.front().unwrap_or(&counters), &mut evidence);
        before.push_back(counters);
        if before.len() > KEPT {
            before.pop_front();
        }
        (evidence, now)
    }

    fn evidence(&self, steady: &mut Steady) -> Evidence {
        let upstreams = self.forwarder.upstream_zones();
        let (order, most) = accounts::WORKLOADS;
        let unix_s = unix_time().as_secs();
        let (summary, failures, workloads, upstreams, silent) = self.observer.read(|observer| {
            (
                Summary::of(observer, 0),
                FailurePage::of(observer, FAILING),
                WorkloadPage::of(observer, &List::first(order, most)),
                UpstreamPage::of(observer, &upstreams),
                steady.look(observer, unix_s),
            )
        });
        let loops = LoopPage::of(self.forwarder.loops(), LOOPS, self.clock.now());
        let window = accounts::window(&summary, &failures, &workloads, &self.cluster_domain);
        let [coredns, others] = accounts::servers(&upstreams, &self.cluster_domain);
        Evidence {
            schema: SCHEMA,
            node: node_name(),
            window: Some(Window { silent, ..window }),
            coredns: Some(coredns),
            upstreams: Some(others),
            rings: Some(accounts::rings(&loops)),
            ..Evidence::default()
        }
    }
}

/// A line for each change.
fn log(change: &VerdictChange) {
    match change {
        VerdictChange::Came(finding) => {
            let (cause, scope) = (finding.cause.label(), finding.scope.title());
            let culprit = finding.culprit.as_deref().unwrap_or("unknown");
            let because = finding.evidence.join("; ");
            tracing::warn!(cause, scope, culprit, because, "{}", finding.cause.title());
        }
        VerdictChange::Went(cause) => {
            tracing::info!(cause = cause.label(), "not found any more: {}", cause.title());
        }
    }
}

/// The windows of the accounts end with full tens of seconds.
const EVERY: Duration = Duration::from_secs(10);

/// Counters that are kept: their first and last are a minute apart.
const KEPT: usize = 6;

/// Names that fail; a verdict names three.
const FAILING: usize = 10;

/// Loops that are read; there are seldom two.
const LOOPS: usize = 5;
