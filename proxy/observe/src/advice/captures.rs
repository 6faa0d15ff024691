//! Names that a wildcard in the search list answers.

use serde::{Deserialize, Serialize};

use super::replay::{Current, text_of};
use crate::accounts::NameTallies;
use crate::lookup::Step;
use crate::wire::dots;

/// Names with dots that were found under a domain outside of the cluster, the surest
/// and most looked up first, cut short.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct Captures {
    /// At most ten.
    pub names: Vec<Capture>,
    /// How many more there are, of those that are held.
    pub more: usize,
}

/// A name that was answered in place of another: by `*.domain`.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Capture {
    /// The name as the program gave it; `?` for what no host name has.
    pub name: String,
    /// The domain of the search list under which it was found.
    pub domain: String,
    /// Its lookups.
    pub lookups: u64,
    /// Says whether it can only have been meant as it is: a public name, or a whole
    /// one of the cluster. Others may be hosts of the domain.
    pub certain: bool,
}

impl Captures {
    /// Looks through the names that are held.
    pub(super) fn of(bases: &NameTallies, current: &Current) -> Self {
        let mut names: Vec<Capture> = bases
            .iter()
            .filter(|(base, _)| dots(base) > 0)
            .flat_map(|(base, tally)| {
                let ways = tally.ways.iter();
                ways.filter_map(move |way| {
                    let Some(Step::Suffix(place)) = way.kind.found else { return None };
                    let domain = outside(current, place)?;
                    let certain = way.kind.captured;
                    let (domain, lookups) = (domain.to_owned(), way.lookups);
                    Some(Capture { name: text_of(base)?, domain, lookups, certain })
                })
            })
            .collect();
        names.sort_by(|a, b| (b.certain, b.lookups, &a.name).cmp(&(a.certain, a.lookups, &b.name)));
        names.dedup_by(|again, first| {
            let same = (&again.name, &again.domain) == (&first.name, &first.domain);
            first.lookups += if same { again.lookups } else { 0 };
            same
        });
        let more = names.len().saturating_sub(MAX_NAMES);
        names.truncate(MAX_NAMES);
        Self { names, more }
    }
}

/// Returns a domain of the search list, unless it is the cluster's or below that.
fn outside(current: &Current, place: u8) -> Option<&str> {
    let domains = || {
        current
            .search
            .iter()
            .map(|domain| domain.trim_end_matches('.'))
    };
    let domain = domains().nth(usize::from(place))?;
    let is_cluster = |cluster: &str| {
        let services = format!("svc.{cluster}");
        domains().any(|other| other == services)
            && (domain == cluster
                || domain
                    .strip_suffix(cluster)
                    .is_some_and(|sub| sub.ends_with('.')))
    };
    (!domains().any(is_cluster)).then_some(domain)
}

/// Names in a list: what a person reads.
const MAX_NAMES: usize = 10;
