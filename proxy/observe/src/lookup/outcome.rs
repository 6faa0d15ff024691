//! One lookup of a program: the names that its stub resolver asked for it.

use std::time::Duration;

use resolver::Moment;

use super::retransmit::Again;
use crate::tables::Count;

/// A walk over the search list, seen from its end.
///
/// Every name asked is a *step*, whatever types it was asked for; retransmits
/// are in none of the counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lookup {
    /// The name as the program gave it, in wire form and lower case.
    pub base: Vec<u8>,
    /// Names asked.
    pub steps: u32,
    /// Queries sent for them, of all types.
    pub queries: u32,
    /// Names that were denied and followed by another one.
    pub wasted_steps: u32,
    /// Queries sent for those.
    pub wasted_queries: u32,
    /// How long the client waited for those.
    pub wasted: Duration,
    /// The step that had data, if one had.
    pub succeeded: Option<Step>,
    /// How it ended.
    pub end: End,
    /// Types asked for each name: 2 for A and AAAA.
    pub types: u8,
    /// Says whether it began in the middle: what the client had cached, or a
    /// record that was missed.
    pub partial: bool,
    /// Says whether a name with dots was found under a domain that is not the
    /// cluster's: a wildcard there answers for the name that was meant.
    pub captured: bool,
    /// Queries sent again from other ports, which only the walk can tell from
    /// new ones, as [`Again::ALL`].
    pub repeats: [u32; Again::ALL.len()],
    /// Says whether it is counted but for these queries, of a walk with another type.
    pub is_second: bool,
    /// When its first query arrived.
    pub first: Moment,
    /// When its last query arrived.
    pub last: Moment,
}

/// What the walk before cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PassCost {
    /// The bit of its type.
    pub(crate) types: u8,
    pub(crate) steps: u32,
    pub(crate) queries: u32,
    pub(crate) wasted_steps: u32,
    pub(crate) wasted_queries: u32,
    pub(crate) wasted: Duration,
    /// Where it found the name; then it is counted.
    pub(crate) found: Option<Step>,
}

/// A name of a walk.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// The base under this domain of the search list, counted from 0.
    Suffix(u8),
    /// The base as it is.
    Absolute,
}

/// How a lookup ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum End {
    /// The name as it is has data, and is not of the cluster.
    External,
    /// A name under the search list has data.
    Cluster,
    /// A whole name of the cluster without its last dot, expanded all the same.
    FqdnNoDot,
    /// Every name was denied: a typo, a Service that is not there yet, an
    /// internal name that leaks.
    Nonexistent,
    /// A step had no answer or a failure, and nothing followed.
    Failed,
}

impl End {
    /// All, in the order of their index.
    pub const ALL: &[Self] =
        &[Self::External, Self::Cluster, Self::FqdnNoDot, Self::Nonexistent, Self::Failed];

    /// The place in [`End::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The count of lookups with this end.
    pub const fn count(self) -> Count {
        match self {
            Self::External => Count::External,
            Self::Cluster => Count::Cluster,
            Self::FqdnNoDot => Count::FqdnNoDot,
            Self::Nonexistent => Count::Nonexistent,
            Self::Failed => Count::FailedLookups,
        }
    }

    /// The metric label, and the name in the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Cluster => "cluster",
            Self::FqdnNoDot => "fqdn_no_dot",
            Self::Nonexistent => "nonexistent",
            Self::Failed => "failed",
        }
    }
}
