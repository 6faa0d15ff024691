//! Looks at a proxy once a second, or sooner when something else is wanted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::row::Row;
use super::state::{Detail, Glance, Who};
use crate::admin::AdminAddr;
use crate::admin_client::{self, RemoteError};
use crate::api::{ChainPage, ClientPage, FailurePage, LoopPage, Order, Summary, WorkloadPage};
use resolver::{Clock, Moment};

/// What is looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Wanted {
    /// Who they are.
    pub who: Who,
    /// Which rows come first.
    pub order: Order,
    /// Whose details are shown.
    pub picked: Option<String>,
    /// Nothing new is wanted.
    pub paused: bool,
}

/// Looks at one proxy.
#[derive(Debug)]
pub(super) struct Fetcher {
    addr: AdminAddr,
    redact: Option<String>,
    clock: Clock,
    details: HashMap<String, (Moment, Arc<Detail>)>,
}

impl Fetcher {
    /// Begins with nothing.
    pub(super) fn new(addr: AdminAddr, redact: Option<String>, clock: Clock) -> Self {
        Self { addr, redact, clock, details: HashMap::new() }
    }

    /// Looks until nobody wants to know.
    pub(super) async fn run(
        mut self,
        mut wanted: watch::Receiver<Wanted>,
        news: mpsc::Sender<Result<Glance, String>>,
    ) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // A key that is held down is one change.
                    sleep(SETTLE).await;
                }
            }
            let now = wanted.borrow_and_update().clone();
            if now.paused {
                continue;
            }
            let glance = self.glance(&now, AT_ONCE).await;
            if news
                .send(glance.map_err(|error| error.to_string()))
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Looks once, with the details of the one that is wanted and, for its
    /// column of advice, of `more` others that were not looked at for longest.
    ///
    /// # Errors
    ///
    /// When the proxy does not answer, or without one of its pages.
    pub(super) async fn glance(
        &mut self,
        wanted: &Wanted,
        more: usize,
    ) -> Result<Glance, RemoteError> {
        let summary: Summary = self.get("summary?limit=1").await?;
        let failures: FailurePage = self.get("failures?limit=1").await?;
        let loops: LoopPage = self.get("loops?limit=8").await?;
        let chains: ChainPage = self.get(&format!("chains?limit={PAIRS}")).await?;
        let (known, rows) = self.rows(wanted.who, wanted.order, ROWS).await?;
        let unlucky = if rows.len() == known || wanted.order == Order::Failed {
            Row::unlucky(&loops, &rows).cloned()
        } else {
            let (_, unlucky) = self.rows(wanted.who, Order::Failed, UNLUCKY).await?;
            Row::unlucky(&loops, &unlucky).cloned()
        };
        self.look_closer(&rows, wanted.picked.as_deref(), more)
            .await?;
        Ok(Glance {
            at: self.clock.now(),
            summary,
            failures,
            loops,
            known,
            rows,
            unlucky,
            details: self
                .details
                .iter()
                .map(|(id, (_, one))| (id.clone(), Arc::clone(one)))
                .collect(),
            pairs: chains.top_pairs,
        })
    }

    /// The first by an order, and how many there are.
    async fn rows(
        &self,
        who: Who,
        order: Order,
        most: usize,
    ) -> Result<(usize, Vec<Row>), RemoteError> {
        let order = match order {
            Order::Queries => "queries",
            Order::Failed => "failed",
            Order::Wasted => "wasted",
        };
        Ok(match who {
            Who::Clients => {
                let path = format!("clients?order={order}&limit={most}");
                let page: ClientPage = self.get(&path).await?;
                (page.known, page.clients.into_iter().map(Row::from).collect())
            }
            Who::Workloads => {
                let most = most.min(WORKLOADS);
                let path = format!("workloads?order={order}&limit={most}&advice=false");
                let page: WorkloadPage = self.get(&path).await?;
                (page.known, page.workloads.into_iter().map(Row::from).collect())
            }
        })
    }

    async fn look_closer(
        &mut self,
        rows: &[Row],
        picked: Option<&str>,
        more: usize,
    ) -> Result<(), RemoteError> {
        self.details
            .retain(|id, _| rows.iter().any(|row| row.id == *id));
        let now = self.clock.now();
        let first = picked.or_else(|| rows.first().map(|row| row.id.as_str()));
        let seen = |id: &str| self.details.get(id).map(|(at, _)| *at);
        let is_due =
            |at: &Option<Moment>, after| at.is_none_or(|at| now.saturating_since(at) >= after);
        let shown = rows.iter().take(ADVISED).map(|row| row.id.as_str());
        let mut others: Vec<_> = shown
            .filter(|id| Some(*id) != first)
            .map(|id| (seen(id), id))
            .collect();
        others.retain(|(at, _)| is_due(at, FRESH));
        // Stable: of those never seen the first row comes first.
        others.sort_by_key(|(at, _)| *at);
        // The list fills soon, and is then renewed little by little.
        let unseen = others.iter().filter(|(at, _)| at.is_none()).count();
        let others = others.into_iter().take(unseen.clamp(1, more));
        let first = first.filter(|id| is_due(&seen(id), SHOWN));
        for id in first.into_iter().chain(others.map(|(_, id)| id)) {
            let Some(row) = rows.iter().find(|row| row.id == id) else { continue };
            match self.get(&row.path).await {
                Ok(detail) => drop(self.details.insert(id.to_owned(), (now, Arc::new(detail)))),
                // It lost its account meanwhile.
                Err(RemoteError::Answer { .. }) => drop(self.details.remove(id)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, page: &str) -> Result<T, RemoteError> {
        let sign = if page.contains('?') { '&' } else { '?' };
        let redact = self.redact.as_deref().map(admin_client::encoded);
        let redact = redact.map(|what| format!("{sign}redact={what}"));
        let path = format!("/api/v1/{page}{}", redact.unwrap_or_default());
        admin_client::get(&self.addr, &path).await
    }
}

/// Windows close once a second.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Between a key and the look that it asks for.
const SETTLE: Duration = Duration::from_millis(150);

/// Rows that are fetched: more than fit on a screen, so that there is something
/// to filter.
const ROWS: usize = 100;

/// Workloads that are fetched: the proxy puts the accounts of their pods
/// together for each look.
const WORKLOADS: usize = 40;

/// Of those for whom most fails, as many as there may be parts of loops before
/// the first who is none.
const UNLUCKY: usize = 4;

/// The worst pairs that are looked through for those of one client.
const PAIRS: usize = 200;

/// Rows that have advice beside them: a tall screen of them.
const ADVISED: usize = 40;

/// Details looked at for each look until all rows have theirs: working out
/// advice takes the proxy up to a millisecond.
const AT_ONCE: usize = 3;

/// An advice does not change by the second.
const FRESH: Duration = Duration::from_secs(30);

/// Of the one that is looked at, sooner.
const SHOWN: Duration = Duration::from_secs(5);
