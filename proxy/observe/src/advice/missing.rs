//! Names that are looked up and do not exist.

use super::forecast::{Affected, AffectedNames};
use super::replay::text_of;
use crate::accounts::NameTallies;

/// The names that are held, of which each walk to its end was denied, the ones with the
/// most queries first. No change of resolv.conf helps: the name is wrong, or what it
/// stands for is gone.
pub(super) fn missing(bases: &NameTallies) -> AffectedNames {
    let denied = bases.iter().filter_map(|(base, tally)| {
        let is_found = tally.ways.iter().any(|way| way.kind.found.is_some());
        let whole = || tally.ways.iter().filter(|way| way.kind.whole);
        let lookups = whole().map(|way| way.lookups).sum();
        if is_found || lookups == 0 {
            return None;
        }
        let queries: u64 = whole().map(|way| way.queries).sum();
        let queries_saved = i64::try_from(queries).unwrap_or(i64::MAX);
        Some(Affected { name: text_of(base)?, lookups, queries_saved })
    });
    let mut names: Vec<_> = denied.collect();
    names.sort_by(|a, b| (b.queries_saved, &a.name).cmp(&(a.queries_saved, &b.name)));
    AffectedNames::cut(names)
}
