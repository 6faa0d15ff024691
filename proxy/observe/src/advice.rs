//! What another ndots, or a dot at the end, would save a client, and break.
//!
//! A lookup is made again by the walks of glibc, musl and Go. What such a walk
//! cannot explain counts as unchanged: lookups that began in the middle, that
//! failed, or that did not search. So the savings are those that are certain,
//! and never of what the client had cached or had to repeat.

mod replay;
pub use replay::Current;

mod forecast;
use forecast::Seen;
pub use forecast::{Affected, AffectedNames, Alternative, AtRisk, Change, Forecast, NameAtRisk};

mod missing;

mod captures;
pub use captures::{Capture, Captures};

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use stub::Library;

use crate::accounts::NameTallies;
use crate::lookup::{Libraries, Ndots};

/// What a client, or a group of them, could do about its lookups.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Advice {
    /// Lookups seen.
    pub lookups: u64,
    /// Their queries.
    pub queries: u64,
    /// Queries for names that were denied and followed by another name.
    pub wasted_queries: u64,
    /// Time from the first query to the last, in seconds: for rates.
    pub observed_seconds: u64,
    /// The ndots that the forecasts start from.
    pub current_ndots: u8,
    /// The least ndots with which each name that is found under the search
    /// list is still looked for there first: nothing breaks, nothing leaks.
    pub safe_ndots: u8,
    /// The libraries that the clients may have: what breaks under any of them is in
    /// `breaks` of the alternatives.
    pub libraries: Libraries,
    /// Names that a wildcard in the search list answers in place of those that were
    /// meant.
    pub captures: Captures,
    /// Names that do not exist, with what their lookups cost: no ndots helps them.
    #[serde(default)]
    pub missing: AffectedNames,
    /// Each ndots from 1 to 4, and dots at the end.
    pub alternatives: Vec<Alternative>,
    /// The names for which a dot at the end saves most.
    pub trailing_dots: AffectedNames,
    /// What to do.
    pub recommendation: Recommendation,
    /// What to know before.
    pub warnings: Vec<Warning>,
}

/// What to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recommendation {
    /// Give the pods this ndots.
    Ndots(u8),
    /// Write the names of [`Advice::trailing_dots`] with a dot at the end.
    TrailingDots,
    /// Nothing: there are no queries to save.
    NothingToSave,
}

/// What to know before following a recommendation.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// With ndots 1, `api.dev` or `svc.prod` is asked on the public Internet
    /// first, where it may exist: a wrong answer, and a leak.
    NameCollision,
    /// Some programs send the name with its dot in `Host` and in SNI, or
    /// compare it with a certificate.
    HostHeader,
    /// The ndots is a guess from the traffic.
    AssumedNdots,
    /// Fewer than a hundred lookups: names may be missing that need the search
    /// list.
    FewLookups,
    /// There were more names than could be held: some that a change breaks may have no
    /// name here.
    NamesDropped,
}

/// Whose walks the lookups are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Resolver {
    /// The likeliest library; `None` if nothing speaks for one.
    pub library: Option<Library>,
    /// Those that are not ruled out.
    pub possible: Libraries,
}

impl From<Option<Library>> for Resolver {
    /// One that is known, or any.
    fn from(library: Option<Library>) -> Self {
        Self { library, possible: library.map_or(Libraries::ALL, Libraries::from) }
    }
}

/// Says what the lookups of `bases` would have cost with each change.
///
/// The recommendation goes by the walk of the likeliest library; of glibc if none is.
/// It is safe for all.
pub fn advise(bases: &NameTallies, current: &Current, resolver: impl Into<Resolver>) -> Advice {
    let Resolver { library, possible } = resolver.into();
    let library = library.unwrap_or(Library::Glibc);
    let seen = Seen { bases, current };
    let changes = (1..=MOST_NDOTS)
        .map(Change::Ndots)
        .chain([Change::TrailingDots]);
    let alternatives: Vec<Alternative> = changes
        .map(|change| Alternative::of(seen, possible, change))
        .collect();
    let current_ndots = current.ndots.assumed();
    let safe_ndots = safe_ndots(bases);
    let choice = Choice { alternatives: &alternatives, library };
    let recommendation = choice.recommend(current_ndots, safe_ndots);
    let totals = bases.totals();
    Advice {
        lookups: totals.lookups,
        queries: totals.queries,
        wasted_queries: totals.wasted_queries,
        observed_seconds: bases.span().as_secs(),
        current_ndots,
        safe_ndots,
        libraries: possible,
        captures: Captures::of(bases, current),
        missing: missing::missing(bases),
        trailing_dots: forecast::trailing_dots(seen, library),
        recommendation,
        warnings: warnings(bases, current, recommendation),
        alternatives,
    }
}

/// One more than the dots of any name that is found under the search list;
/// at least 1, because a bare name is always one to search for.
fn safe_ndots(bases: &NameTallies) -> u8 {
    bases.deepest().map_or(1, |dots| dots.saturating_add(1))
}

struct Choice<'a> {
    alternatives: &'a [Alternative],
    library: Library,
}

impl Choice<'_> {
    /// The safe ndots if it is lower and saves anything; it is one line in one
    /// place. Else the dots, which are in the program's own configuration.
    fn recommend(&self, current: u8, safe: u8) -> Recommendation {
        // With ndots 1 names of one dot are asked outside; not for nothing.
        let is_as_good = safe == 1 && self.saved(Change::Ndots(2)) == self.saved(Change::Ndots(1));
        let ndots = if is_as_good { 2 } else { safe };
        if ndots < current && self.saved(Change::Ndots(ndots)) > 0 {
            Recommendation::Ndots(ndots)
        } else if self.saved(Change::TrailingDots) > 0 {
            Recommendation::TrailingDots
        } else {
            Recommendation::NothingToSave
        }
    }

    fn saved(&self, change: Change) -> i64 {
        self.alternatives
            .iter()
            .find(|alternative| alternative.change == change)
            .map_or(0, |alternative| alternative.of_library(self.library).queries_saved)
    }
}

fn warnings(
    bases: &NameTallies,
    current: &Current,
    recommendation: Recommendation,
) -> Vec<Warning> {
    let applies = |warning: &Warning| match warning {
        Warning::NameCollision => recommendation == Recommendation::Ndots(1),
        Warning::HostHeader => recommendation == Recommendation::TrailingDots,
        Warning::AssumedNdots => matches!(current.ndots, Ndots::Between(..)),
        Warning::FewLookups => bases.totals().lookups < FEW_LOOKUPS,
        Warning::NamesDropped => bases.dropped().names > 0,
    };
    Warning::ALL.iter().copied().filter(applies).collect()
}

impl Warning {
    const ALL: &[Self] = &[
        Self::NameCollision,
        Self::HostHeader,
        Self::AssumedNdots,
        Self::FewLookups,
        Self::NamesDropped,
    ];
}

/// One less than the kubelet's.
const MOST_NDOTS: u8 = 4;

/// Below this a name that is looked up once an hour may be missing.
const FEW_LOOKUPS: u64 = 100;
