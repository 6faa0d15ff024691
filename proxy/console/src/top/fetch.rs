//! Fetches from a proxy once a second, and when the selection changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::row::Row;
use super::state::{Fetched, RowDetail, RowKind};
use crate::admin::AdminAddr;
use crate::admin_client::{self, AdminClientError};
use crate::api::{
    ClientPage, FailurePage, LookupPage, LoopPage, Order, Summary, VerdictPage, WorkloadPage,
};
use resolver::{Clock, Moment};

/// What to fetch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Selection {
    /// What the rows are.
    pub kind: RowKind,
    /// Which rows come first.
    pub order: Order,
    /// What rows have to contain.
    pub search: String,
    /// The row whose details are shown.
    pub picked: Option<String>,
    /// Whether to fetch nothing.
    pub paused: bool,
}

/// Fetches from one proxy.
#[derive(Debug)]
pub(super) struct Fetcher {
    addr: AdminAddr,
    redact: Option<String>,
    clock: Clock,
    details: HashMap<String, (Moment, Arc<RowDetail>)>,
}

impl Fetcher {
    /// Starts without details.
    pub(super) fn new(addr: AdminAddr, redact: Option<String>, clock: Clock) -> Self {
        Self { addr, redact, clock, details: HashMap::new() }
    }

    /// Fetches until the receiver of the results is gone.
    pub(super) async fn run(
        mut self,
        mut selection: watch::Receiver<Selection>,
        results: mpsc::Sender<Result<Fetched, String>>,
    ) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = selection.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // A key that is held down is one change.
                    sleep(KEY_PAUSE).await;
                }
            }
            let now = selection.borrow_and_update().clone();
            if now.paused {
                continue;
            }
            let fetched = self.fetch(&now, AT_ONCE).await;
            if results
                .send(fetched.map_err(|error| error.to_string()))
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Fetches once: the rows, the details of the picked row, and for the column of
    /// advice the details of up to `more` others, those fetched longest ago first.
    ///
    /// # Errors
    ///
    /// When a page of the proxy cannot be read.
    pub(super) async fn fetch(
        &mut self,
        selection: &Selection,
        more: usize,
    ) -> Result<Fetched, AdminClientError> {
        let summary: Summary = self.get("summary?limit=1").await?;
        let failures: FailurePage = self.get(&format!("failures?limit={FAILING_NAMES}")).await?;
        let verdict: VerdictPage = self.get("verdict").await?;
        let loops: LoopPage = self.get("loops?limit=8").await?;
        let lookups: LookupPage = self.get(&format!("lookups?limit={PAIRS}")).await?;
        let (known, rows) = self
            .rows(selection.kind, selection.order, ROWS, &selection.search)
            .await?;
        let has_all = rows.len() == known || selection.order == Order::Failed;
        let failing = if has_all && selection.search.is_empty() {
            Row::most_failing(&loops, &rows).cloned()
        } else {
            let (_, failing) = self
                .rows(selection.kind, Order::Failed, FAILING_ROWS, "")
                .await?;
            Row::most_failing(&loops, &failing).cloned()
        };
        self.fetch_details(&rows, selection.picked.as_deref(), more)
            .await?;
        Ok(Fetched {
            at: self.clock.now(),
            summary,
            failures,
            loops,
            verdict,
            search: selection.search.clone(),
            known,
            rows,
            failing,
            details: self
                .details
                .iter()
                .map(|(id, (_, one))| (id.clone(), Arc::clone(one)))
                .collect(),
            pairs: lookups.top_pairs,
        })
    }

    /// The first by an order, and how many there are.
    async fn rows(
        &self,
        kind: RowKind,
        order: Order,
        most: usize,
        search: &str,
    ) -> Result<(usize, Vec<Row>), AdminClientError> {
        let search = match search {
            "" => String::new(),
            text => format!("&search={}", crate::http::encoded(text)),
        };
        let order = order.label();
        Ok(match kind {
            RowKind::Clients => {
                let path = format!("clients?order={order}&limit={most}{search}");
                let page: ClientPage = self.get(&path).await?;
                (page.known, page.clients.into_iter().map(Row::from).collect())
            }
            RowKind::Workloads => {
                let most = most.min(WORKLOADS);
                let path = format!("workloads?order={order}&limit={most}&advice=false{search}");
                let page: WorkloadPage = self.get(&path).await?;
                (page.known, page.workloads.into_iter().map(Row::from).collect())
            }
        })
    }

    async fn fetch_details(
        &mut self,
        rows: &[Row],
        picked: Option<&str>,
        more: usize,
    ) -> Result<(), AdminClientError> {
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
        others.retain(|(at, _)| is_due(at, RENEW_LISTED));
        // Stable: of those never fetched the first row comes first.
        others.sort_by_key(|(at, _)| *at);
        // The list fills soon, and is then renewed step by step.
        let unseen = others.iter().filter(|(at, _)| at.is_none()).count();
        let others = others.into_iter().take(unseen.clamp(1, more));
        let first = first.filter(|id| is_due(&seen(id), RENEW_PICKED));
        for id in first.into_iter().chain(others.map(|(_, id)| id)) {
            let Some(row) = rows.iter().find(|row| row.id == id) else { continue };
            match self.get(&row.path).await {
                Ok(detail) => drop(self.details.insert(id.to_owned(), (now, Arc::new(detail)))),
                // The proxy has dropped it meanwhile.
                Err(AdminClientError::Response { .. }) => drop(self.details.remove(id)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, page: &str) -> Result<T, AdminClientError> {
        let sign = if page.contains('?') { '&' } else { '?' };
        let redact = self.redact.as_deref().map(crate::http::encoded);
        let redact = redact.map(|what| format!("{sign}redact={what}"));
        let path = format!("/api/v1/{page}{}", redact.unwrap_or_default());
        admin_client::get(&self.addr, &path).await
    }
}

/// Windows close once a second.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Between a key and the fetch for it: a key that is held down is one change.
const KEY_PAUSE: Duration = Duration::from_millis(150);

/// Rows that are fetched: more than fit on a screen, so that there is something
/// to filter.
const ROWS: usize = 100;

/// Workloads that are fetched: the proxy adds up the accounts of their pods for
/// each request.
const WORKLOADS: usize = 40;

/// Rows with the most failures that are fetched: the first of them may be part
/// of a loop.
const FAILING_ROWS: usize = 4;

/// Names that fail that are fetched, to find those of the row that fails most.
const FAILING_NAMES: usize = 100;

/// Pairs of client and name that are fetched, to find those of one client.
const PAIRS: usize = 200;

/// Rows that have advice beside them: a tall screen of them.
const ADVISED: usize = 40;

/// Details fetched at once until all rows have theirs: advice takes the proxy
/// up to a millisecond each.
const AT_ONCE: usize = 3;

/// The age from which the details of a listed row are renewed.
const RENEW_LISTED: Duration = Duration::from_secs(30);

/// The age from which the details of the picked row are renewed.
const RENEW_PICKED: Duration = Duration::from_secs(5);
