//! What became of queries, as counts.

use serde::{Deserialize, Serialize};

use crate::expect::Count;

/// Counts of what became of the queries of one phase.
///
/// After a finished run `due = sent + shed + unsendable + unconnected + missed` and
/// `sent = answered + late + lost + refused + unfinished`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Queries whose time came.
    pub due: u64,
    /// Queries given to the network.
    pub sent: u64,
    /// Right answers within the timeout.
    pub answered: u64,
    /// Right answers after the timeout.
    pub late: u64,
    /// No answer at all.
    pub lost: u64,
    /// ICMP reported that they did not reach the server.
    pub refused: u64,
    /// No answer yet when the run was interrupted.
    pub unfinished: u64,
    /// Not sent, because too many were outstanding: our own limit.
    pub shed: u64,
    /// Not sent, because the system refused to (a packet filter, a full
    /// conntrack table, no route).
    pub unsendable: u64,
    /// Not sent, because no TCP connection took them.
    pub unconnected: u64,
    /// Not sent, because the limit on queries per second held them back until
    /// they were too late.
    pub missed: u64,
    /// Answers to a query already answered.
    pub duplicate: u64,
    /// Answers to no query, answers to another question, and messages that are
    /// no answers.
    pub wrong: u64,
    /// Answers with TC set.
    pub truncated: u64,
    /// Connections made again after they broke.
    pub reconnects: u64,
    /// Lookups: due, resolved to an address, denied (NXDOMAIN or NODATA for
    /// every name tried), failed (a query of theirs was lost or refused).
    #[serde(flatten)]
    pub lookups: LookupCounts,
}

/// Counts of whole lookups: a name and its search path.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct LookupCounts {
    /// Lookups whose time came.
    #[serde(rename = "lookups_due")]
    pub due: u64,
    /// An address was found.
    #[serde(rename = "lookups_resolved")]
    pub resolved: u64,
    /// All names of the walk were answered, and none had an address.
    #[serde(rename = "lookups_denied")]
    pub denied: u64,
    /// A query of theirs got no answer.
    #[serde(rename = "lookups_failed")]
    pub failed: u64,
}

impl Counts {
    /// Adds other counts to these.
    pub const fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.answered += other.answered;
        self.late += other.late;
        self.lost += other.lost;
        self.refused += other.refused;
        self.unfinished += other.unfinished;
        self.shed += other.shed;
        self.unsendable += other.unsendable;
        self.unconnected += other.unconnected;
        self.missed += other.missed;
        self.duplicate += other.duplicate;
        self.wrong += other.wrong;
        self.truncated += other.truncated;
        self.reconnects += other.reconnects;
        self.lookups.due += other.lookups.due;
        self.lookups.resolved += other.lookups.resolved;
        self.lookups.denied += other.lookups.denied;
        self.lookups.failed += other.lookups.failed;
    }

    /// Returns one of them.
    pub const fn of(&self, count: Count) -> u64 {
        match count {
            Count::Sent => self.sent,
            Count::Answered => self.answered,
            Count::Late => self.late,
            Count::Lost => self.lost,
            Count::Refused => self.refused,
            Count::Shed => self.shed,
            Count::Unsendable => self.unsendable,
            Count::Duplicate => self.duplicate,
            Count::Wrong => self.wrong,
            Count::Truncated => self.truncated,
            Count::Reconnects => self.reconnects,
            Count::Unconnected => self.unconnected,
            Count::Missed => self.missed,
        }
    }
}
