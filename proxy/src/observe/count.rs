//! What is counted for a client and for the node alike.

use serde::{Deserialize, Serialize};

use super::window::{Window, Windows};

/// A kind of count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(usize)]
pub enum Count {
    /// Queries received, repeated ones included.
    Queries,
    /// Responses that did not help.
    Failed,
    /// Questions that an upstream was asked for them.
    Asked,
}

/// How many kinds there are.
pub const COUNTS: usize = Count::Asked as usize + 1;

/// The counts of somebody in all windows.
pub type Counters = Windows<COUNTS>;

/// The counts over one window, and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Figures {
    /// Queries received, repeated ones included.
    pub queries: u64,
    /// Responses that did not help: SERVFAIL and other failures.
    pub failed: u64,
    /// Questions that an upstream was asked.
    pub upstream_questions: u64,
    /// Of the queries, the share that needed an upstream, 0 to 1.
    pub upstream_ratio: f64,
}

impl Figures {
    /// Reads the counts of a window.
    pub fn of(counters: &Counters, window: Window) -> Self {
        let [queries, failed, upstream_questions] = counters.sum(window);
        let upstream_ratio = share(upstream_questions, queries);
        Self { queries, failed, upstream_questions, upstream_ratio }
    }
}

/// Divides; nothing of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "a ratio to look at; counts stay below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;

    #[test]
    fn figures_are_counts_and_their_share() {
        let now = Moment::default();
        let mut counters = Counters::new(now);
        assert_eq!(Figures::of(&counters, Window::Start).upstream_ratio, 0.0);
        counters.add(Count::Queries as usize, 8, now);
        counters.add(Count::Failed as usize, 1, now);
        counters.add(Count::Asked as usize, 2, now);
        let figures = Figures::of(&counters, Window::Start);
        assert_eq!((figures.queries, figures.failed, figures.upstream_questions), (8, 1, 2));
        assert_eq!(figures.upstream_ratio, 0.25);
    }
}
